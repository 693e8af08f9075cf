"""The Debian package: the wheels and the product in a virtual environment laid out by hand, with the units and the documents.

Nothing of the target is run, so that one machine makes all four. The same commit gives the same bytes. docs/decisions/0021-package.md.
"""

import gzip
import hashlib
import os
import re
import subprocess
import sys
import tempfile
import tomllib
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from tools import sbom
from tools.wheels import Wheel, fetched, unpack

ROOT = Path(__file__).parents[1]
BUILD = ROOT / "build"
SOURCE = ROOT / "images" / "deb"
VENV = "opt/releve/venv"
ARCHES = ("amd64", "arm64")
MAINTAINER = "The Relevé project <releve@users.noreply.invalid>"
COMMAND_S_MAX = 300


@dataclass(frozen=True)
class Suite:
    debian: int
    python: str
    glibc: int  # 2.…

    @property
    def python_next(self) -> str:
        major, minor = self.python.split(".")
        return f"{major}.{int(minor) + 1}"


SUITES = {"bookworm": Suite(12, "3.11", 36), "trixie": Suite(13, "3.13", 41)}


def version_here() -> str:
    version: str = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"]
    return version


def made_at() -> int:
    """When the commit was made, in seconds since 1970."""
    said = os.environ.get("SOURCE_DATE_EPOCH")
    return int(said or _run("git", "-C", str(ROOT), "log", "-1", "--format=%ct"))


def build(arch: str, suite: str, out: Path = BUILD, version: str | None = None, *, quick: bool = False) -> Path:
    """The package, made in `out`. `version` is another than the product's, for a test of an upgrade; `quick`: larger, and sooner done."""
    target = SUITES[suite]
    named = version or version_here()
    full = f"{named}+deb{target.debian}"
    at = made_at()
    wheels = fetched(arch, target.python, target.glibc, BUILD / "wheels" / f"{arch}-{suite}")
    out.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="releve-deb-") as made:
        tree = Path(made) / "tree"
        tree.mkdir()
        _venv(tree / VENV, target, wheels, at)
        _system(tree)
        _documents(tree, full, wheels, at)
        _write(tree / "usr/share/releve/sbom.cdx.json", sbom.text(sbom.of_wheels(wheels, named, at)))
        _control(tree, arch, target, full)
        package = out / f"releve_{full}_{arch}.deb"
        _pack(tree, package, at, quick)
    return package


def _venv(venv: Path, target: Suite, wheels: Iterable[Wheel], at: int) -> None:
    packages = venv / "lib" / f"python{target.python}" / "site-packages"
    packages.mkdir(parents=True)
    for wheel in wheels:
        unpack(wheel.path, packages)
    with tempfile.TemporaryDirectory(prefix="releve-wheel-") as made:
        unpack(_own_wheel(Path(made), at), packages)
    _write(venv / "pyvenv.cfg", f"home = /usr/bin\ninclude-system-site-packages = false\nversion = {target.python}\n")
    programs = venv / "bin"
    programs.mkdir()
    (programs / "python").symlink_to("/usr/bin/python3")
    (programs / "python3").symlink_to("python")
    for program, module in (("releve", "gateway"), ("releve-sync", "sync")):
        script = f"#!/{VENV}/bin/python -I\nimport sys\n\nfrom {module}.__main__ import main\n\nsys.exit(main())\n"
        _write(programs / program, script, executable=True)


def _own_wheel(folder: Path, at: int) -> Path:
    _run(sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(folder), SOURCE_DATE_EPOCH=str(at))
    (wheel,) = folder.glob("*.whl")
    return wheel


def _system(tree: Path) -> None:
    """Units and what systemd and udev read, the commands, the example."""
    for pattern, to in (
        ("*.service", "systemd/system"),
        ("*.path", "systemd/system"),
        ("sysusers.d/*", "sysusers.d"),
        ("tmpfiles.d/*", "tmpfiles.d"),
        ("udev/*", "udev/rules.d"),
    ):
        for path in sorted((ROOT / "systemd").glob(pattern)):
            _write(tree / "usr/lib" / to / path.name, path.read_text())
    (tree / "usr/bin").mkdir()
    (tree / "usr/bin/releve").symlink_to(f"/{VENV}/bin/releve")
    _write(tree / "usr/share/releve/releve.toml", (SOURCE / "releve.toml").read_text())
    _write(tree / "usr/share/lintian/overrides/releve", (SOURCE / "lintian-overrides").read_text())


def _documents(tree: Path, full: str, wheels: Iterable[Wheel], at: int) -> None:
    to = tree / "usr/share/doc/releve"
    for path in sorted((ROOT / "docs").rglob("*.md")):
        _write(to / path.relative_to(ROOT / "docs"), path.read_text())
    changed = f"{datetime.fromtimestamp(at, UTC):%a, %d %b %Y %H:%M:%S +0000}"
    changelog = f"releve ({full}) stable; urgency=medium\n\n  * What changed: CHANGES.md beside this file.\n\n -- {MAINTAINER}  {changed}\n"
    (to / "changelog.gz").write_bytes(gzip.compress(changelog.encode(), mtime=0))
    _write(to / "CHANGES.md", (ROOT / "CHANGELOG.md").read_text())
    _write(to / "copyright", (SOURCE / "copyright").read_text() + "".join(map(_copyright, wheels)))


def _copyright(wheel: Wheel) -> str:
    """A paragraph of the copyright file."""
    folder = wheel.path.name.split("-")[0]
    return (
        f"\nFiles: {VENV}/lib/python3*/site-packages/{folder}-{wheel.version}.dist-info/*\n"
        f"Copyright: {' '.join(wheel.author.split())}\n"
        f"License: {wheel.licence}\n"
        f" {wheel.name} {wheel.version}: its licence lies in that folder, in licenses/ or LICENSE*, where its wheel brings it.\n"
    )


def _control(tree: Path, arch: str, target: Suite, full: str) -> None:
    control = tree / "DEBIAN"
    control.mkdir()
    size_kib = sum((path.lstat().st_size + 1023) // 1024 for path in tree.rglob("*"))
    text = (SOURCE / "control").read_text()
    for word, value in {
        "VERSION": full, "ARCHITECTURE": arch, "MAINTAINER": MAINTAINER, "SIZE": str(size_kib),
        "PYTHON_NEXT": target.python_next, "PYTHON": target.python, "GLIBC": f"2.{target.glibc}",
    }.items():  # fmt: skip
        text = text.replace(f"@{word}@", value)
    _write(control / "control", text)
    files = sorted(
        path for path in tree.rglob("*") if path.is_file() and not path.is_symlink() and control not in path.parents
    )
    sums = (
        f"{hashlib.md5(path.read_bytes(), usedforsecurity=False).hexdigest()}  {path.relative_to(tree)}\n"
        for path in files
    )
    _write(control / "md5sums", "".join(sums))
    _write(control / "templates", (SOURCE / "templates").read_text())
    for script in ("postinst", "prerm", "postrm"):
        _write(control / script, (SOURCE / script).read_text(), executable=True)


def _pack(tree: Path, package: Path, at: int, quick: bool) -> None:
    for path in (tree, *tree.rglob("*")):
        if not path.is_symlink():
            programs = path.parent.name == "bin" or (path.parent.name == "DEBIAN" and re.fullmatch("p.*", path.name))
            path.chmod(0o755 if path.is_dir() or programs else 0o644)
        os.utime(path, (at, at), follow_symlinks=False)
    options = ("--root-owner-group", *(("-Zgzip", "-z1") if quick else ("-Zxz",)), "--threads-max=1", "--build")
    _run("dpkg-deb", *options, str(tree), str(package), SOURCE_DATE_EPOCH=str(at))


def _write(path: Path, text: str, *, executable: bool = False) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    path.chmod(0o755 if executable else 0o644)


def _run(*command: str, **environment: str) -> str:
    done = subprocess.run(  # noqa: S603 - our own words
        command,
        cwd=ROOT,
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        check=False,
        timeout=COMMAND_S_MAX,
    )
    if done.returncode:
        raise ValueError(f"{' '.join(command)}: {done.stdout}{done.stderr}")
    return done.stdout


def main(words: list[str]) -> None:
    if words and (len(words) != 2 or words[0] not in ARCHES or words[1] not in SUITES):
        sys.exit(f"tools/deb: {'|'.join(ARCHES)} and {'|'.join(SUITES)}, or nothing for all, not '{' '.join(words)}'")
    for arch, suite in [(words[0], words[1])] if words else [(arch, suite) for suite in SUITES for arch in ARCHES]:
        try:
            package = build(arch, suite)
        except ValueError as error:
            sys.exit(f"tools/deb: {error}")
        sys.stdout.write(f"{package.relative_to(ROOT)}: {package.stat().st_size / 1e6:.1f} MB\n")


if __name__ == "__main__":
    main(sys.argv[1:])
