"""What is plugged into the box's serial lines, as the system names it."""

import os
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

DEV = Path("/dev")
SYS = Path("/sys")  # sysfs: what udev makes its names of
ADAPTERS = ("ttyUSB*", "ttyACM*")
BOARD = ("ttyAMA*", "ttyS*")
PLUGGED_MAX = 64
TEXT_CHARACTERS_MAX = 60  # a string descriptor is whatever its device says


@dataclass(frozen=True, slots=True)
class Plugged:
    """One serial line: the path that a configuration names, and what its adapter says of itself; `usb` is `10c4:ea60`."""

    device: str
    maker: str = ""
    product: str = ""
    usb: str = ""


def look(*, board: bool = False) -> tuple[Plugged, ...]:
    """All that is plugged in, each once, under the name that stays the same in another socket, where it has one.

    `board`: the board's own lines as well. A console or a modem may be on them, so somebody must have asked.
    """
    found: dict[Path, str] = {}
    for path in sorted((DEV / "serial" / "by-id").glob("*")):
        found.setdefault(path.resolve(), str(path))
    for pattern in (*ADAPTERS, *(BOARD if board else ())):
        for path in sorted(DEV.glob(pattern)):
            if pattern in ADAPTERS or _is_fitted(path.name):
                found.setdefault(path.resolve(), str(path))
    there = [(node, device) for node, device in found.items() if node.exists()]
    return tuple(_plugged(node, device) for node, device in there[:PLUGGED_MAX])


def same_line(device: str, others: Sequence[str]) -> str | None:
    """Which of the others is this line, under whatever name."""
    node = os.path.realpath(device)
    return next((other for other in others if os.path.realpath(other) == node), None)


def _plugged(node: Path, device: str) -> Plugged:
    for folder in _above(SYS / "class" / "tty" / node.name / "device"):
        if vendor := _text(folder / "idVendor"):
            usb = f"{vendor}:{_text(folder / 'idProduct')}"
            return Plugged(device, _text(folder / "manufacturer"), _text(folder / "product"), usb)
    return Plugged(device)


def _above(folder: Path) -> Iterator[Path]:
    """A line's own folder, then those of the interface and of the adapter that it belongs to."""
    folder = folder.resolve()
    return iter((folder, *folder.parents[:3]))


def _is_fitted(name: str) -> bool:
    """A PC names four lines of its board whether or not they are there: those without a chip have the type 0."""
    return _text(SYS / "class" / "tty" / name / "type") not in ("", "0")


def _text(path: Path) -> str:
    try:
        text = path.read_bytes()[:256].decode("utf-8", "replace")
    except OSError:
        return ""
    plain = "".join(letter if letter.isprintable() else " " for letter in text)
    return re.sub(r"\s+", " ", plain).strip()[:TEXT_CHARACTERS_MAX]
