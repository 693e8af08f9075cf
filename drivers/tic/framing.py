"""Cuts the byte stream of a TIC line into frames."""

import re
from collections.abc import Iterator

from drivers.model import DecodeError, Frame

# STX LF group CR LF group CR ... ETX        Enedis-NOI-CPT_54E and ERDF-NOI-CPT_02E, frames and groups
# EOT breaks a frame off (historique). Whatever was lost, each of the three ends the frame before it.
STX = 0x02
ETX = 0x03
EOT = 0x04

# Above this the frame's ends were lost, or the line is not TIC. The longest frame the tables allow has 1.7 kB.
FRAME_BYTES_MAX = 4096

# An address a second time also begins a frame: the ETX and the STX before it were both lost, or never recorded.
_BORDER = re.compile(rb"[\x02\x03\x04]|[\r\n]AD(?:SC\t|CO )")
_BORDER_BYTES_MAX = 6
_BEGIN = b"\n"  # held at the start, so that an address in the very first byte is found like any other
_LINE_END = re.compile(rb"[\r\n\x02\x03\x04]")

# 7E1 read as 8N1: bit 7 makes the number of ones even. A byte that is not even becomes NUL, which no group may hold.
_EVEN_PARITY = bytes(byte & 0x7F if byte.bit_count() % 2 == 0 else 0 for byte in range(256))


def without_parity(data: bytes) -> bytes:
    """The 7-bit characters of bytes read from an 8N1 line; NUL where the parity is wrong."""
    return data.translate(_EVEN_PARITY)


class Framer:
    """Frames of a TIC line, without their STX, ETX and outer line ends. Holds at most FRAME_BYTES_MAX bytes.

    A frame may be cut at either end (we listen from its middle, noise took its STX): what counts is each group.
    `parity`: the bytes come from an 8N1 line, so parity is checked here; pyserial asks the system to ignore it.
    """

    def __init__(self, parity: bool = False) -> None:
        self._parity = parity
        self._held = bytearray(_BEGIN)
        self._searched = 0  # no border begins before
        self._addressed = False  # an address line lies before `_searched`
        self._deaf = False  # inside a line too long to be one

    def feed(self, data: bytes) -> Iterator[Frame | DecodeError]:
        """Take bytes, give what became whole."""
        self._held += without_parity(data) if self._parity else data
        while True:
            if self._deaf and not self._resume():
                return
            border = _BORDER.search(self._held, self._searched, FRAME_BYTES_MAX)
            if border is None:
                if len(self._held) < FRAME_BYTES_MAX:
                    self._searched = max(self._searched, len(self._held) - _BORDER_BYTES_MAX + 1)
                    return
                yield from self._overflow()
            elif border.end() == border.start() + 1:
                yield from self._take(border.start(), border.end())
            elif self._addressed:
                yield from self._take(border.start(), border.start())
            else:
                self._addressed = True
                self._searched = border.end()

    def flush(self) -> Iterator[Frame | DecodeError]:
        """What is left at the end of a file, and a fresh start."""
        left = b"" if self._deaf else bytes(self._held)
        self._restart(len(self._held))
        self._held += _BEGIN
        self._deaf = False
        yield from _frame(left)

    def _take(self, end: int, next_start: int) -> Iterator[Frame]:
        data = bytes(self._held[:end])
        self._restart(next_start)
        yield from _frame(data)

    def _overflow(self) -> Iterator[Frame | DecodeError]:
        """The whole lines held are a frame; one line of that length is noise, and passed over to its end."""
        held = bytes(self._held[:FRAME_BYTES_MAX])
        line_end = max(held.rfind(b"\r"), held.rfind(b"\n"))
        if line_end > 0:
            yield from self._take(line_end, line_end)
            return
        self._restart(FRAME_BYTES_MAX)
        self._deaf = True
        yield DecodeError(f"tic: {FRAME_BYTES_MAX} bytes without the end of a group", held)

    def _resume(self) -> bool:
        found = _LINE_END.search(self._held)
        self._restart(found.start() if found else len(self._held))
        self._deaf = found is None
        return found is not None

    def _restart(self, at: int) -> None:
        del self._held[:at]
        self._searched = 0
        self._addressed = False


def _frame(data: bytes) -> Iterator[Frame]:
    if data := data.strip(b"\r\n"):
        yield Frame(data)
