"""Makes the Debian package: `python -m tools.package ARCH SUITE` (ARCH amd64 or arm64, SUITE bookworm or trixie).

No chroot and no emulation: pip fetches the wheels that requirements.txt names by their hashes for the machine that the
package is for, and the virtual environment around them is a few files. Built twice from one commit, a package has the same
bytes: each time in it is the commit's (or SOURCE_DATE_EPOCH).
"""

import gzip
import hashlib
import json
import os
import shutil
import subprocess
import sys
import tempfile
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import format_datetime
from pathlib import Path
from string import Template

from tools import sbom

ROOT = Path(__file__).resolve().parents[1]
MADE_FROM = ROOT / "debian"
VENV = Path("opt/releve/venv")
MACHINES = {"amd64": "x86_64", "arm64": "aarch64"}
# To which folder of the package what lies in systemd/ goes.
PLACES = (
    ("*.service", "usr/lib/systemd/system"),
    ("*.path", "usr/lib/systemd/system"),
    ("sysusers.d/*", "usr/lib/sysusers.d"),
    ("tmpfiles.d/*", "usr/lib/tmpfiles.d"),
    ("udev/*", "usr/lib/udev/rules.d"),
)
COMMANDS = {"releve": "gateway", "releve-sync": "sync"}
COMMAND = """#!/{venv}/bin/python
import sys

from {module}.__main__ import main

sys.exit(main())
"""


@dataclass(frozen=True)
class Release:
    """A Debian: `number`, its Python's minor version, and the newest C library (2.x) that a wheel may want there."""

    number: int
    python: int
    libc: int


RELEASES = {"bookworm": Release(12, 11, 36), "trixie": Release(13, 13, 41)}


def main(arguments: list[str]) -> int:
    if len(arguments) != 2 or arguments[0] not in MACHINES or arguments[1] not in RELEASES:
        sys.stderr.write(f"tools/deb: {'|'.join(MACHINES)} and {'|'.join(RELEASES)} are needed\n")
        return 2
    arch, suite = arguments
    sys.stdout.write(f"{build(arch, suite, ROOT / 'build')}\n")
    return 0


def build(arch: str, suite: str, to: Path, version: str | None = None) -> Path:
    """The package in the folder `to`. `version`: another one than pyproject's, for a test of updating."""
    release = RELEASES[suite]
    product = version or product_version()
    made = commit_time()
    full = f"{product}+deb{release.number}"
    to.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="releve-deb-") as beside:
        tree = Path(beside) / "tree"
        _venv(tree / VENV, arch, release, Path(beside), made)
        _files(tree, suite, full, made)
        (site,) = (tree / VENV / "lib").glob("python3.*/site-packages")
        parts = sbom.of_wheels(json.loads((Path(beside) / "report").read_text()), site)
        listed = tree / "usr/share/releve/sbom.cdx.json"
        listed.write_text(sbom.document("releve", product, made, parts))
        for path in tree.rglob("*"):
            if not path.is_symlink():
                path.chmod(0o755 if path.is_dir() or os.access(path, os.X_OK) else 0o644)
        _control(tree, arch, release, full)
        package = to / f"releve_{full}_{arch}.deb"
        command = ("dpkg-deb", "--root-owner-group", "-Zxz", "-z3", "--build", str(tree), str(package))
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL, env=_timed(made))
    return package


def product_version() -> str:
    found: str = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"]
    return found


def commit_time() -> datetime:
    """When the commit was made that is built, or what SOURCE_DATE_EPOCH says."""
    said = os.environ.get("SOURCE_DATE_EPOCH")
    if not said:
        command = ("git", "-C", str(ROOT), "log", "-1", "--format=%ct")
        said = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    return datetime.fromtimestamp(int(said), UTC)


def _timed(made: datetime) -> Mapping[str, str]:
    return {**os.environ, "SOURCE_DATE_EPOCH": str(int(made.timestamp()))}


def _venv(venv: Path, arch: str, release: Release, beside: Path, made: datetime) -> None:
    """As `python -m venv` would make it there, without pip."""
    site = venv / f"lib/python3.{release.python}/site-packages"
    site.mkdir(parents=True)
    pip = (sys.executable, "-m", "pip", "--quiet", "--disable-pip-version-check", "--no-input")
    ours = (*pip, "wheel", "--no-deps", "--no-build-isolation", "--no-index", "--wheel-dir", str(beside / "wheel"))
    subprocess.run((*ours, str(ROOT)), check=True, env=_timed(made))
    (wheel,) = (beside / "wheel").glob("releve-*.whl")
    install = (*pip, "install", "--no-deps", "--no-compile", "--only-binary=:all:", "--target")
    machine = MACHINES[arch]
    platforms = [f"manylinux_2_{minor}_{machine}" for minor in range(release.libc, 4, -1)]
    platforms += [f"manylinux2014_{machine}", f"manylinux2010_{machine}", f"manylinux1_{machine}"]
    there = [f"--platform={platform}" for platform in platforms]
    there += ["--implementation=cp", f"--python-version=3.{release.python}"]
    wanted = ("--require-hashes", "--report", str(beside / "report"), "-r", str(ROOT / "requirements.txt"))
    subprocess.run((*install, str(site), *there, *wanted), check=True)
    subprocess.run((*install, str(beside / "own"), "--no-index", str(wheel)), check=True)
    for each in ("bin", "share"):  # what packages would like to have beside themselves
        shutil.rmtree(site / each, ignore_errors=True)
        shutil.rmtree(beside / "own" / each, ignore_errors=True)
    shutil.copytree(beside / "own", site, dirs_exist_ok=True)
    for left in (*site.glob("*.dist-info/direct_url.json"), *site.glob("*.dist-info/REQUESTED")):
        left.unlink()
    for record in site.glob("*.dist-info/RECORD"):
        kept = [line for line in record.read_text().splitlines() if not line.startswith(("../", "bin/", "share/"))]
        gone = ("/direct_url.json,", "/REQUESTED,")
        record.write_text("".join(f"{line}\n" for line in sorted(kept) if not any(each in line for each in gone)))
    (venv / "bin").mkdir()
    for name in ("python", "python3", f"python3.{release.python}"):
        (venv / "bin" / name).symlink_to(f"/usr/bin/python3.{release.python}" if name == "python" else "python")
    for name, module in COMMANDS.items():
        command = venv / "bin" / name
        command.write_text(COMMAND.format(venv=VENV, module=module))
        command.chmod(0o755)
    version = f"3.{release.python}"
    (venv / "pyvenv.cfg").write_text(f"home = /usr/bin\ninclude-system-site-packages = false\nversion = {version}\n")


def _files(tree: Path, suite: str, version: str, made: datetime) -> None:
    """All but the virtual environment."""
    for pattern, folder in PLACES:
        for path in (ROOT / "systemd").glob(pattern):
            _put(path, tree / folder / path.name)
    _put(MADE_FROM / "releve.toml", tree / "usr/share/releve/releve.toml")
    _put(MADE_FROM / "lintian-overrides", tree / "usr/share/lintian/overrides/releve")
    documents = tree / "usr/share/doc/releve"
    for path in sorted((ROOT / "docs").glob("*.md")):
        _put(path, documents / path.name)
    for path in sorted((ROOT / "docs/decisions").glob("*.md")):
        _put(path, documents / "decisions" / path.name)
    _put(MADE_FROM / "copyright", documents / "copyright")
    said = Template((MADE_FROM / "changelog").read_text())
    text = said.substitute(version=version, suite=suite, date=format_datetime(made))
    zipped = gzip.compress(text.encode(), mtime=0)
    (documents / "changelog.gz").write_bytes(zipped)
    command = tree / "usr/bin/releve"
    command.parent.mkdir(parents=True)
    command.symlink_to(f"/{VENV}/bin/releve")


def _control(tree: Path, arch: str, release: Release, version: str) -> None:
    folder = tree / "DEBIAN"
    folder.mkdir(mode=0o755)
    kib = sum(path.lstat().st_size for path in tree.rglob("*") if path.is_file()) // 1024
    said = Template((MADE_FROM / "control").read_text())
    python = {"python": f"3.{release.python}", "next_python": f"3.{release.python + 1}"}
    (folder / "control").write_text(said.substitute(version=version, arch=arch, size=kib, **python))
    for name in ("postinst", "prerm", "postrm"):
        shutil.copyfile(MADE_FROM / name, folder / name)
        (folder / name).chmod(0o755)
    shutil.copyfile(MADE_FROM / "templates", folder / "templates")
    (folder / "templates").chmod(0o644)
    sums = [
        f"{hashlib.md5(path.read_bytes(), usedforsecurity=False).hexdigest()}  {path.relative_to(tree)}\n"
        for path in sorted(tree.rglob("*"))
        if path.is_file() and not path.is_symlink() and folder not in path.parents
    ]
    (folder / "md5sums").write_text("".join(sums))
    (folder / "md5sums").chmod(0o644)


def _put(path: Path, to: Path) -> None:
    to.parent.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(path, to)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
