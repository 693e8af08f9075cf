"""CUL, nanoCUL and their like with culfw: lines of hex digits with the CRCs in, wireless M-Bus telegrams out."""

import re
from collections.abc import Iterator

from drivers.model import DecodeError, Frame
from drivers.receivers.lines import Lines
from drivers.talk import Identity, Request, Said
from drivers.wmbus import link

BAUD = 38400
START = b"\r\nV\r\n"  # end whatever line there is; which version?

LINE_BYTES_MAX = 2 + 2 * (255 + 2 * 17 + 1 + 2)

# culfw's C mode also hands on T telegrams; older firmware knows T alone, and answers ? to what it does not know.
LISTEN_C_AND_T, LISTEN_T = b"brc\r\n", b"brt\r\n"
REPORT = b"X21\r\n"  # hand on what is heard, with its quality and its signal

_VERSION = re.compile(r"V\s*([0-9.]+).*?(\w*CUL\w*).*", re.ASCII)
_LISTENS = {"CMODE": "C1+T1", "TMODE": "T1"}
_HEX = re.compile(r"[0-9A-Fa-f]*", re.ASCII)
_SIGNAL_BYTES = 2  # quality, RSSI


class Framer:
    """One line, one telegram or one answer."""

    def __init__(self) -> None:
        self._lines = Lines("cul", LINE_BYTES_MAX)
        self._name = ""
        self._firmware = ""
        self._setting = False

    def feed(self, data: bytes) -> Iterator[Said]:
        for line in self._lines.feed(data):
            if isinstance(line, DecodeError):
                yield line
            elif line.startswith("b"):
                yield _telegram(line)
            else:
                yield from self._answered(line)

    def _answered(self, line: str) -> Iterator[Said]:
        """Which version? -> listen to C and T, else to T -> report -> Identity."""
        if version := _VERSION.fullmatch(line):
            self._firmware, self._name = version[1], version[2]
            self._setting = True
            yield Request(LISTEN_C_AND_T)
        elif line in _LISTENS and self._name:
            self._setting = False
            yield Request(REPORT)
            yield Identity(self._name, self._firmware, _LISTENS[line])
        elif self._setting:
            self._setting = False
            yield Request(LISTEN_T)
        else:
            yield DecodeError("cul: neither a telegram nor an answer", line.encode())


def _telegram(line: str) -> Frame | DecodeError:
    # b<hex>QQRR      format A with its CRCs      Q: quality   R: RSSI; both only after X21
    # bY<hex>QQRR     format B with its CRCs
    raw = line.encode()
    is_b = line.startswith("bY")
    digits = line[2 if is_b else 1 :]
    if not _HEX.fullmatch(digits):
        return DecodeError("cul: hex digits are needed after b", raw)
    data = bytes.fromhex(digits[: len(digits) // 2 * 2])
    if not data or data[0] < link.HEADER_BYTES - 1:
        return DecodeError("cul: no telegram is so short", raw)
    size = data[0] + 1 if is_b else link.length_a(data[0])
    if len(digits) % 2 or len(data) not in (size, size + _SIGNAL_BYTES):
        # culfw's buffer ends near 148 bytes, and what came until then is printed.
        return DecodeError(f"cul: a line cut short, L announces {size} bytes with CRCs, {len(data)} came", raw)
    try:
        telegram = link.strip_b(data[:size]) if is_b else link.strip_a(data[:size])
    except DecodeError as fault:
        return fault
    return Frame(telegram, _dbm(data[-1]) if len(data) > size else None)


def _dbm(raw: int) -> int:
    """Half decibels, signed, above -74 dBm (CC1101 data sheet, RSSI)."""
    return (raw - 256 if raw >= 128 else raw) // 2 - 74
