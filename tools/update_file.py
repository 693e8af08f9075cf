"""Makes signed update files (docs/updates.md).

    python -m tools.update_file app PACKAGE.deb --key KEY --arch arm64 [--version V] [--base V]
    python -m tools.update_file system build/image-arm64/system --key KEY --arch arm64 --version V
    python -m tools.update_file key FILE        a new key: FILE, which nobody else may have, and FILE.pub for the image

`system` takes the folder that images/build.py leaves: `root.squashfs`, and `boot/` with what lies in releve-a/ on the first partition,
`entry.conf` (loader/entries/releve-a.conf) among it.
"""

import argparse
import hashlib
import json
import os
import platform
import re
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from gateway.box import update_file
from gateway.box.update_file import Kind

VENV = "opt/releve/venv"
PIECE_BYTES = 1 << 20
# The least system that an app of today runs on: raised when it needs something of a root that older ones do not have.
BASE = "0.1.0"


class MakeError(Exception):
    """What is wrong with what was given, in one sentence."""


@dataclass(frozen=True)
class About:
    """What a manifest says beside its parts; `made`: UTC."""

    kind: Kind
    version: str
    made: datetime
    arch: str
    python: str
    base: str
    schemas: Mapping[str, int]


def new_key() -> tuple[str, str]:
    """A private and a public key, 64 hex digits each."""
    private = Ed25519PrivateKey.generate()
    return private.private_bytes_raw().hex(), private.public_key().public_bytes_raw().hex()


def public(key: str) -> bytes:
    """The half of a private key by which a box knows its signatures."""
    return Ed25519PrivateKey.from_private_bytes(bytes.fromhex(key)).public_key().public_bytes_raw()


def signed(about: About, parts: Mapping[str, Path], key: str) -> bytes:
    """The head of a file: its three lines, the third filled up with spaces so that the first part begins at a whole page."""
    listed = [{"name": name, "bytes": path.stat().st_size, "sha256": _sha256(path)} for name, path in parts.items()]
    manifest = {
        "product": update_file.PRODUCT,
        "kind": about.kind.value,
        "version": about.version,
        "made": about.made.strftime("%Y-%m-%dT%H:%M:%SZ"),
        "arch": about.arch,
        "python": about.python,
        "base": about.base,
        "schemas": dict(about.schemas),
        "parts": listed,
    }
    return signed_line(json.dumps(manifest, separators=(",", ":")).encode(), key)


def signed_line(manifest: bytes, key: str) -> bytes:
    """As `signed`, of a manifest as it stands; what a test would have signed too."""
    rest = -(len(update_file.FORMAT) + 129 + len(manifest) + 1) % update_file.APP_ALIGN_BYTES
    line = manifest + b" " * rest
    private = Ed25519PrivateKey.from_private_bytes(bytes.fromhex(key))
    signature = private.sign(update_file.FORMAT + line).hex().encode()
    return update_file.FORMAT + signature + b"\n" + line + b"\n"


def write(folder: Path, about: About, parts: Mapping[str, Path], key: str) -> Path:
    """The update file in `folder`, checked with the public half of `key` as a box checks it."""
    path = folder / f"releve-{about.version}-{about.kind}-{about.arch}.update"
    beside = path.with_name(path.name + ".new")
    with beside.open("wb") as file:
        file.write(signed(about, parts, key))
        for part in parts.values():
            with part.open("rb") as stream:
                while piece := stream.read(PIECE_BYTES):
                    file.write(piece)
    with beside.open("rb") as stream:
        update_file.verified(stream, (public(key),))
    beside.replace(path)
    return path


def squashed(tree: Path, to: Path, made: datetime, level: int = 19) -> None:
    """`tree` as a squashfs whose bytes depend on its content and `made` alone; zstd packs it at `level`."""
    when = str(int(made.timestamp()))
    command = (
        "mksquashfs",
        str(tree),
        str(to),
        "-noappend",
        "-quiet",
        "-no-progress",
        "-all-root",
        "-comp",
        "zstd",
        "-Xcompression-level",
        str(level),
    )
    environment = {name: value for name, value in os.environ.items() if name != "SOURCE_DATE_EPOCH"}
    _run((*command, "-mkfs-time", when, "-all-time", when), environment)


def system_parts(folder: Path) -> dict[str, Path]:
    """What the image was put together from, by the names that the manifest gives it."""
    found = {"root": folder / "root.squashfs"}
    boot = folder / "boot"
    for path in sorted(boot.rglob("*")):
        if path.is_file():
            found[f"boot/{path.relative_to(boot)}"] = path
    for name, path in found.items():
        if not path.is_file():
            raise MakeError(f"{path}: missing; it is the part '{name}'")
    return found


def read_key(path: Path) -> str:
    said = path.read_text().strip()
    if not re.fullmatch(r"[0-9a-f]{64}", said):
        raise MakeError(f"{path}: 64 hex digits are needed, as `key` writes them")
    return said


def write_key(path: Path) -> None:
    """Both halves, each into a new file; OSError where there is one already."""
    private, public = new_key()
    for where, said, mode in ((path, private, 0o600), (path.with_name(path.name + ".pub"), public, 0o644)):
        with os.fdopen(os.open(where, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode), "w") as stream:
            stream.write(said + "\n")


def main(arguments: Sequence[str]) -> int:
    options = _options(arguments)
    try:
        if options.what == "key":
            write_key(options.source)
            _say(
                f"{options.source}: keep it where no other machine reaches it; {options.source}.pub goes into the image"
            )
            return 0
        made = datetime.fromtimestamp(int(os.environ.get("SOURCE_DATE_EPOCH", datetime.now(UTC).timestamp())), UTC)
        within = None if options.debian is None else options.debian / "tmp"
        with tempfile.TemporaryDirectory(prefix="releve-update-", dir=within) as beside:
            _say(str(_made(options, made, Path(beside))))
    except (MakeError, OSError, ValueError, update_file.Refused) as error:
        sys.stderr.write(f"update_file: {error}\n")
        return 1
    return 0


def _made(options: argparse.Namespace, made: datetime, beside: Path) -> Path:
    key = read_key(options.key)
    if options.what == "app":
        _run(("dpkg-deb", "--extract", str(options.source), str(beside / "tree")))
        venv = beside / "tree" / VENV
        if not venv.is_dir():
            raise MakeError(f"{options.source}: has no /{VENV}")
        _compile(beside / "tree", options.python, options.debian)
        parts = {"app": beside / "app.squashfs"}
        squashed(venv, parts["app"], made)
        version = options.version or _package_version(options.source)
    else:
        parts = system_parts(options.source)
        version = options.version
        if not version:
            raise MakeError("--version: is needed for a system")
    update_file.ordered(version)
    base = options.base or (BASE if options.what == "app" else version)
    about = About(Kind(options.what), version, made, options.arch, options.python, base, _schemas())
    options.to.mkdir(parents=True, exist_ok=True)
    return write(options.to, about, parts, key)


def _compile(tree: Path, python: str, debian: Path | None) -> None:
    """Bytecode beside the program: a box cannot keep any, and would make it anew at each start."""
    if debian is not None:  # `tree` lies in it
        inside = Path("/", tree.relative_to(debian))
        command: tuple[str, ...] = ("chroot", str(debian), f"/usr/bin/python{python}")
    elif python == ".".join(platform.python_version_tuple()[:2]):
        inside, command = tree, (sys.executable,)
    else:
        sys.stderr.write(
            f"no Python {python} is here (--debian): without bytecode the program starts slowly on a small box\n"
        )
        return
    _run(
        (
            *(*command, "-m", "compileall", "-q", "-j", "0", "--invalidation-mode", "unchecked-hash"),
            *("-s", str(inside), "-p", "/", str(inside / VENV / "lib")),
        )
    )


def _schemas() -> Mapping[str, int]:
    from gateway import schemas

    return schemas.numbers()


def _package_version(package: Path) -> str:
    """Ours, without what Debian adds behind it."""
    return re.split(r"[+~-]", _run(("dpkg-deb", "--field", str(package), "Version")).strip())[0]


def _run(command: tuple[str, ...], environment: Mapping[str, str] | None = None) -> str:
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=environment)  # noqa: S603  ours
    if done.returncode:
        raise MakeError(f"{command[0]}: {done.stderr.strip() or done.returncode}")
    return done.stdout


def _say(text: str) -> None:
    sys.stdout.write(text + "\n")


def _sha256(path: Path) -> str:
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def _options(arguments: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="make signed update files")
    commands = parser.add_subparsers(dest="what", required=True)
    for what, source in (("app", "the Debian package"), ("system", "the folder of the image's parts")):
        command = commands.add_parser(what)
        command.add_argument("source", type=Path, help=source)
        command.add_argument("--key", type=Path, required=True, metavar="FILE", help="the private key")
        command.add_argument("--arch", required=True, choices=("amd64", "arm64"))
        command.add_argument("--python", default="3.13", help="the one it was built for (default: 3.13)")
        command.add_argument("--version", help="default for an app: the package's")
        command.add_argument("--base", help=f"the least system version it runs on (default: {BASE})")
        command.add_argument(
            "--debian",
            type=Path,
            metavar="FOLDER",
            help="a Debian with that Python, as `tools/box` makes it; needs root",
        )
        command.add_argument("--to", type=Path, default=Path("build"), metavar="FOLDER")
    commands.add_parser("key").add_argument("source", type=Path, help="a new file")
    return parser.parse_args(arguments)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
