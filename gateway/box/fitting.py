"""Whether an update that is signed is one for this box: read by the page that shows it, and by root before it is installed."""

import json
import platform
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from gateway.box.update_file import Kind, Manifest, Refused, ordered

IMAGE = Path("/usr/share/releve/image.json")
IMAGE_BYTES_MAX = 65_536
ARCHS = {"x86_64": "amd64", "aarch64": "arm64"}


@dataclass(frozen=True, slots=True)
class Running:
    """What the box runs now. `version`: of the app in use; `system`: of the root, which holds an app of that version too."""

    version: str
    system: str
    arch: str
    python: str
    schemas: Mapping[str, int]


def system_version(path: Path = IMAGE) -> str | None:
    """The version of the image that runs; None: this is no box that was made as an image."""
    try:
        with path.open("rb") as stream:
            said = json.loads(stream.read(IMAGE_BYTES_MAX))
        found = said["version"]
        ordered(found)
    except (OSError, ValueError, RecursionError, KeyError, TypeError):
        return None
    return str(found)


def arch() -> str:
    """As Debian calls this machine's kind."""
    return ARCHS.get(platform.machine(), platform.machine())


def python() -> str:
    """Such as 3.13."""
    return ".".join(platform.python_version_tuple()[:2])


def check(update: Manifest, running: Running) -> None:
    """Refused, where it is not for this box, or not newer."""
    if update.arch != running.arch:
        raise Refused(
            "arch",
            f"this update is for {update.arch}, and this box is {running.arch}",
            theirs=update.arch,
            ours=running.arch,
        )
    # A system brings an app of its own version, and must not take the place of a newer app.
    ours = running.version if update.kind is Kind.APP else max(running.version, running.system, key=ordered)
    if ordered(update.version) == ordered(ours):
        raise Refused("same", f"version {update.version} is what runs already", version=update.version)
    if ordered(update.version) < ordered(ours):
        raise Refused(
            "downgrade",
            f"version {update.version} is older than {ours}, which runs now; a box never goes back to an older one",
            theirs=update.version,
            ours=ours,
        )
    if update.kind is Kind.APP:
        if ordered(update.base) > ordered(running.system):
            raise Refused(
                "base",
                f"version {update.version} needs system {update.base}, and this box has {running.system}: update the system first",
                theirs=update.base,
                ours=running.system,
            )
        if update.python != running.python:
            raise Refused(
                "python",
                f"this update was built for Python {update.python}, and this box has {running.python}",
                theirs=update.python,
                ours=running.python,
            )
    for name, number in running.schemas.items():
        if update.schemas.get(name, 0) < number:
            raise Refused(
                "schemas",
                f"version {update.version} cannot read what this box keeps: its {name} has form {number} already",
                name=name,
            )
