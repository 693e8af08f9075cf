"""`releve decode tic`: a byte stream of a customer port in, one JSON object a frame out."""

import json
from collections.abc import Iterator
from typing import BinaryIO, TextIO

from drivers.model import DecodeError, Frame
from drivers.tic.framing import Framer, without_parity
from drivers.tic.groups import Group, read_groups

_LINE_BYTES_MAX = 4096


def run(stdin: BinaryIO, stdout: TextIO) -> None:
    """Print every frame's groups as sent, and how many were refused. Nothing is dropped for want of an address."""
    framer = Framer()
    for line in _lines(stdin):
        for item in framer.feed(line):
            _print(item, stdout)
    for item in framer.flush():
        _print(item, stdout)


def _lines(stdin: BinaryIO) -> Iterator[bytes]:
    """Lines as they come, parity removed where a capture of an 8N1 line still has it.

    LF has even parity, CR and STX odd: in such a capture, and only there, the byte before a LF has bit 7.
    """
    parity = False
    while line := stdin.readline(_LINE_BYTES_MAX):
        if len(line) > 1 and line.endswith(b"\n"):
            parity = line[-2] > 0x7F
        yield without_parity(line) if parity else line


def _print(item: Frame | DecodeError, stdout: TextIO) -> None:
    good, bad = ([], [item]) if isinstance(item, DecodeError) else read_groups(item.data)
    frames = _unglued(good)
    for groups in frames:
        # All refused groups are counted on the last of the frames that lost borders made one.
        row = {
            "mode": next((group.mode for group in groups.values()), None),
            "groups": {label: {"value": group.data, "horodate": group.horodate} for label, group in groups.items()},
            "bad_groups": len(bad) if groups is frames[-1] else 0,
        }
        stdout.write(json.dumps(row, separators=(",", ":")) + "\n")
    stdout.flush()


def _unglued(good: list[Group]) -> list[dict[str, Group]]:
    """A label a second time begins another object, so that no group hides one before it."""
    frames: list[dict[str, Group]] = [{}]
    for group in good:
        if group.label.name in frames[-1]:
            frames.append({})
        frames[-1][group.label.name] = group
    return frames
