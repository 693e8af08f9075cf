"""Lines of the program rtl_433, as `rtl_433 -R 104 -F json` or `-F csv` prints them."""

import json
import re
from collections.abc import Iterator

from drivers.model import DecodeError, Frame
from drivers.receivers.lines import Lines
from drivers.wmbus import chips, link

BAUD = 115200
START = b""

LINE_BYTES_MAX = 8192  # JSON with every value that rtl_433 decoded by itself, or two raw captures

MODEL = "Wireless-MBus"
_OF_ITSELF = frozenset({"src", "enabled", "stats"})  # its log and its statistics name no device
_DATA = re.compile(r"(?:[0-9A-Fa-f]{2}){10,258}", re.ASCII)
_CODE = re.compile(r"\{([0-9]{1,5})\}([0-9A-Fa-f]+)", re.ASCII)


class Framer:
    """One line, one telegram. Other devices that rtl_433 hears are no faults, and are passed over.

    A line of its flexible decoder (`codes`: {number of chips}hex) is a raw capture.
    """

    def __init__(self) -> None:
        self._lines = Lines("rtl_433", LINE_BYTES_MAX)

    def feed(self, data: bytes) -> Iterator[Frame | DecodeError]:
        for line in self._lines.feed(data):
            if isinstance(line, DecodeError):
                yield line
            elif is_telling(line):
                yield from telegrams(line)


def is_telling(line: str) -> bool:
    """Whether a line is JSON, or CSV that names a telegram."""
    return line.startswith("{") or MODEL in line


def telegrams(line: str) -> Iterator[Frame | DecodeError]:
    """What one line that is telling holds."""
    if line.startswith("{"):
        yield from _json(line)
    else:
        yield _csv(line)


def _json(line: str) -> Iterator[Frame | DecodeError]:
    try:
        fields = json.loads(line)
    except (ValueError, RecursionError):
        yield DecodeError("rtl_433: the line is not JSON", line.encode())
        return
    assert isinstance(fields, dict), line
    data, codes = fields.get("data"), fields.get("codes")
    if fields.get("model") == MODEL:
        if isinstance(data, str) and _DATA.fullmatch(data):
            yield _telegram(bytes.fromhex(data))
        else:
            yield DecodeError("rtl_433: `data` has no telegram in hex", line.encode())
    elif isinstance(codes, list):
        for code in codes:
            yield _capture(code if isinstance(code, str) else "")
    elif "model" not in fields and not fields.keys() & _OF_ITSELF:
        yield DecodeError("rtl_433: JSON of another program; the telegram itself is needed", line.encode())


def _csv(line: str) -> Frame | DecodeError:
    for field in line.split(","):
        if _DATA.fullmatch(field):
            return _telegram(bytes.fromhex(field))
    return DecodeError("rtl_433: no field has a telegram in hex", line.encode())


def _telegram(data: bytes) -> Frame | DecodeError:
    """CRCs are checked by rtl_433 and taken out, but its versions differ in what L counts and what is left behind."""
    telegram = b""
    match len(data) - (data[0] + 1):
        case 0:
            telegram = data
        case -2:  # format B: L still counts the CRC
            telegram = bytes((len(data) - 1,)) + data[1:]
        case 2:  # format B: two bytes of zero behind it
            telegram = data[:-2]
        case 4:  # format A: L is two too low, and the last block's CRC is behind it
            plain = bytes((len(data) - 3,)) + data[1:-2]
            if link.crc_bytes(_last_block(plain)) == data[-2:]:
                telegram = plain
    if len(telegram) < link.HEADER_BYTES:
        return DecodeError(f"rtl_433: L {data[0]:02x} announces {data[0] + 1} bytes, {len(data)} came", data)
    return Frame(telegram)


def _last_block(telegram: bytes) -> bytes:
    """The last block of format A."""
    behind = len(telegram) - link.HEADER_BYTES
    return telegram[-(behind % link.BLOCK_BYTES or link.BLOCK_BYTES) :] if behind > 0 else telegram


def _capture(code: str) -> Frame | DecodeError:
    match = _CODE.fullmatch(code)
    if not match:
        return DecodeError("rtl_433: a code is {number of chips}hex", code.encode())
    try:
        return Frame(chips.telegram(chips.from_hex(match[2], int(match[1]))))
    except DecodeError as fault:
        return fault
