"""Where the gateway stands, in an image of ours or on a system that its owner keeps; and what it asks of root in an image.

It has no rights of its own: it leaves a file in box.runtime, and a unit of root's does the rest (docs/updates.md).
"""

import json
import logging
import re
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from gateway.files import replace

log = logging.getLogger(__name__)

IMAGE, KEYS = "image.json", "update-keys"
# What is in the package (its wheels), and what is in the image around it.
PACKAGE_SBOM, IMAGE_SBOM = "sbom.cdx.json", "image.sbom.cdx.json"
# The partitions of the two roots (docs/image.md), as the kernel was told them.
ROOT = re.compile(r"\broot=PARTUUID=52656c76-0([23])\b")
ROOTS = {"2": "A", "3": "B"}
FILE_BYTES_MAX = 64 * 1024


@dataclass(frozen=True, slots=True)
class Places:
    """Where an image keeps what it says of itself, and root what it has done. Another folder in tests."""

    share: Path = Path("/usr/share/releve")
    said: Path = Path("/run/releve-box")
    command_line: Path = Path("/proc/cmdline")


PLACES = Places()


@dataclass(frozen=True, slots=True)
class Image:
    """What the image says of itself; `root` is the one in use, A or B, where the kernel says so."""

    version: str
    arch: str
    commit: str
    made: str
    root: str | None


@dataclass(frozen=True, slots=True)
class Standing:
    """Read once, when the gateway starts."""

    places: Places
    image: Image | None


def standing(places: Places = PLACES) -> Standing:
    return Standing(places, image(places))


def image(places: Places) -> Image | None:
    """None on any other system."""
    path = places.share / IMAGE
    try:
        with path.open("rb") as file:
            said = json.loads(file.read(FILE_BYTES_MAX))
        version, arch, commit, made = (str(said[name]) for name in ("version", "arch", "commit", "made"))
    except FileNotFoundError:
        return None
    except (OSError, ValueError, KeyError, TypeError) as error:
        log.warning("%s: it does not say which image this is (%s): updates are left to the system", path, error)
        return None
    return Image(version, arch, commit, made, _root(places))


def _root(places: Places) -> str | None:
    try:
        found = ROOT.search(places.command_line.read_text(errors="replace"))
    except OSError:
        return None
    return None if found is None else ROOTS[found[1]]


class Wanted(StrEnum):
    """What root can be asked for: the name of the file in box.runtime."""

    INSTALL = "update.wanted"
    RESET = "reset.wanted"
    WIFI = "wifi.wanted"


def ask(runtime: Path, what: Wanted, **said: str) -> None:
    """Ask root for it; OSError where the file cannot be left."""
    replace(runtime / what, (json.dumps(said) + "\n").encode())


def asked_at(runtime: Path, what: Wanted) -> float | None:
    """When it was asked for (`time.time`), as long as root has not taken it up; else None."""
    try:
        return (runtime / what).stat().st_mtime
    except OSError:
        return None
