"""Telegrams as lines of text: plain hex digits, and the lines of rtl_wmbus."""

import re
from collections.abc import Iterator

from drivers.model import DecodeError, Frame
from drivers.receivers.lines import Lines
from drivers.wmbus import link

BAUD = 115200
START = b""

LINE_BYTES_MAX = 2048  # two telegrams with their CRCs in hex, and rtl_wmbus' fields before them
TELEGRAM_BYTES_MAX = 256
CRCS_BYTES_MAX = 2 * 17  # format A

_HEX = re.compile(r"(?:0x)?((?:[0-9A-Fa-f]{2})+)", re.ASCII)
_RTL_MODES = ("T1", "C1", "S1")
RTL_FIELDS_BEFORE = 7


class Framer:
    """One line, one telegram or more. Any other text is a fault."""

    def __init__(self) -> None:
        self._lines = Lines("hex lines", LINE_BYTES_MAX)

    def feed(self, data: bytes) -> Iterator[Frame | DecodeError]:
        for line in self._lines.feed(data):
            if isinstance(line, DecodeError):
                yield line
            else:
                yield from telegrams(line)


def telegrams(text: str) -> Iterator[Frame | DecodeError]:
    """What one line holds."""
    fields = text.split(";")
    if len(fields) > 1:
        yield from _rtl_wmbus(fields, text.encode())
    elif match := _HEX.fullmatch(text.replace(" ", "")):
        yield _plain(bytes.fromhex(match[1]))
    else:
        yield DecodeError("hex lines: neither hex digits in pairs nor rtl_wmbus", text.encode())


def _rtl_wmbus(fields: list[str], line: bytes) -> Iterator[Frame | DecodeError]:
    # T1;1;1;2026-11-21 14:30:00.000;98;43;12345678;0x1E44...     mode;CRC;3 of 6;time;RSSI of the packet;RSSI;id;telegram
    # The CRCs are checked and taken out, the RSSI is no dBm, and L still counts what was taken out of format B.
    if fields[0] not in _RTL_MODES or len(fields) <= RTL_FIELDS_BEFORE:
        yield DecodeError("rtl_wmbus: the line has not its fields", line)
        return
    if fields[1:3] != ["1", "1"]:
        yield DecodeError("rtl_wmbus: it says that the CRC or the 3-of-6 code is wrong", line)
        return
    for field in fields[RTL_FIELDS_BEFORE:]:
        match = _HEX.fullmatch(field.strip())
        if not match or not field.strip().startswith("0x"):
            yield DecodeError("rtl_wmbus: hex digits in pairs are needed after 0x", line)
            continue
        data = bytes.fromhex(match[1])
        yield _size_fault(data, TELEGRAM_BYTES_MAX) or Frame(bytes((len(data) - 1,)) + data[1:])


def _plain(data: bytes) -> Frame | DecodeError:
    """CRCs that are still there are checked and taken out."""
    if fault := _size_fault(data, TELEGRAM_BYTES_MAX + CRCS_BYTES_MAX):
        return fault
    if link.has_crcs(data):
        try:
            return Frame(link.without_crcs(data))
        except DecodeError as error:
            return error
    return link.length_error(data) or Frame(data)


def _size_fault(data: bytes, size_max: int) -> DecodeError | None:
    if not link.HEADER_BYTES <= len(data) <= size_max:
        return DecodeError(f"hex lines: {len(data)} bytes are no telegram", data)
    return None
