"""The wheels of requirements.txt for another machine than this one: each with a hash that stands there, unpacked as they are."""

import hashlib
import re
import shutil
import subprocess
import sys
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from email import message_from_string
from email.message import Message
from pathlib import Path

from packaging.requirements import Requirement

ROOT = Path(__file__).parents[1]
REQUIREMENTS = ROOT / "requirements.txt"
MACHINES = {"amd64": "x86_64", "arm64": "aarch64"}
DOWNLOAD_S_MAX = 900
# What the licence field leaves open: read in the licence file, or for pyserial, whose wheel has none, in its source.
LICENCES = {"aiosignal": "Apache-2.0", "jinja2": "BSD-3-Clause", "pyrage": "MIT", "pyserial": "BSD-3-Clause"}


@dataclass(frozen=True)
class Wheel:
    path: Path
    sha256: str
    name: str  # as in requirements.txt
    version: str
    metadata: Message

    @property
    def licence(self) -> str:
        """An SPDX expression."""
        return LICENCES.get(self.name) or self.metadata["License-Expression"] or self.metadata["License"]

    @property
    def author(self) -> str:
        said = (self.metadata[field] for field in ("Author", "Author-email", "Maintainer", "Maintainer-email"))
        return next((one for one in said if one), self.name)


@dataclass(frozen=True)
class Wanted:
    requirement: Requirement
    sha256: frozenset[str]


def fetched(arch: str, python: str, glibc: int, folder: Path) -> tuple[Wheel, ...]:
    """Those that `python` ("3.13") needs on `arch`, whose glibc is 2.`glibc`; kept in `folder`. ValueError: one that is not as it should be."""
    wanted = tuple(_wanted(MACHINES[arch], python))
    stamp = folder / "fetched"
    now = hashlib.sha256(f"{arch} {python} {glibc} {REQUIREMENTS.read_text()}".encode()).hexdigest()
    if not stamp.is_file() or stamp.read_text() != now:
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        _download(wanted, MACHINES[arch], python, glibc, folder)
        stamp.write_text(now)
    wheels = tuple(_read(path) for path in sorted(folder.glob("*.whl")))
    hashes = {one.requirement.name: one.sha256 for one in wanted}
    wrong = [wheel.path.name for wheel in wheels if wheel.sha256 not in hashes.pop(wheel.name, frozenset())]
    if wrong or hashes:
        raise ValueError(
            f"{folder}: the wheels of requirements.txt are expected; not so: {wrong}, missing: {list(hashes)}"
        )
    return wheels


def unpack(wheel: Path, to: Path) -> None:
    """Its files as they are; what an installer would write anew (scripts) is not made. ValueError: a wheel that has more than modules."""
    with zipfile.ZipFile(wheel) as archive:
        names = archive.namelist()
        if strange := [name for name in names if name.startswith("/") or re.search(r"(^|/)\.\.(/|$)|\.data/", name)]:
            raise ValueError(f"{wheel.name}: only modules are expected, not {strange[0]}")
        archive.extractall(to)


def _wanted(machine: str, python: str) -> Iterator[Wanted]:
    environment = {
        "platform_machine": machine,
        "python_version": python,
        "python_full_version": f"{python}.0",
        "implementation_name": "cpython",
        "platform_python_implementation": "CPython",
        "sys_platform": "linux",
    }
    for line in REQUIREMENTS.read_text().replace("\\\n", " ").splitlines():
        said, *hashes = line.split("--hash=sha256:")
        requirement = Requirement(said)
        if requirement.marker is None or requirement.marker.evaluate(environment):
            yield Wanted(requirement, frozenset(sha256.strip() for sha256 in hashes))


def _download(wanted: tuple[Wanted, ...], machine: str, python: str, glibc: int, folder: Path) -> None:
    # Markers are judged by pip for the Python that runs it, which is another: left out, they are judged above.
    listed = folder / "requirements.txt"
    listed.write_text(
        "".join(
            f"{one.requirement.name}{one.requirement.specifier} {' '.join(f'--hash=sha256:{sha256}' for sha256 in sorted(one.sha256))}\n"
            for one in wanted
        )
    )
    platforms = [f"--platform=manylinux_2_{minor}_{machine}" for minor in range(glibc, 4, -1)]
    platforms += [f"--platform=manylinux{year}_{machine}" for year in ("2014", "2010", "1")]
    command = (sys.executable, "-m", "pip", "download", "--disable-pip-version-check", "--no-input", "--no-deps")
    options = ("--require-hashes", "--only-binary=:all:", f"--python-version={python}", *platforms)
    done = subprocess.run(  # noqa: S603 - our own words
        (*command, *options, "--dest", str(folder), "--requirement", str(listed)),
        capture_output=True, text=True, check=False, timeout=DOWNLOAD_S_MAX,
    )  # fmt: skip
    if done.returncode:
        raise ValueError(f"The wheels for {machine} and Python {python} cannot be fetched:\n{done.stderr}")


def _read(path: Path) -> Wheel:
    with zipfile.ZipFile(path) as archive:
        (name,) = (name for name in archive.namelist() if re.fullmatch(r"[^/]+\.dist-info/METADATA", name))
        metadata = message_from_string(archive.read(name).decode())
    sha256 = hashlib.sha256(path.read_bytes()).hexdigest()
    return Wheel(path, sha256, re.sub(r"[-_.]+", "-", metadata["Name"]).lower(), metadata["Version"], metadata)
