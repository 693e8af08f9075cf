"""Cuts the byte stream of a German meter's optical port into SML files."""

from collections.abc import Iterator

from drivers.crc import CCITT, crc16
from drivers.model import DecodeError, Frame

# 1B1B1B1B 01010101 messages 00.. 1B1B1B1B 1A NN KK KK     SML transport protocol, version 1
# N: how many 00 were added to make the length a multiple of 4   K: CRC over all before it, the low byte first
# 1B1B1B1B among the messages is sent twice.
ESCAPE = b"\x1b\x1b\x1b\x1b"
VERSION_1 = b"\x01\x01\x01\x01"
START = ESCAPE + VERSION_1
END = 0x1A
FILL_BYTES_MAX = 3

# A three-phase meter's file has 0.3 to 0.8 kB.
FILE_BYTES_MAX = 8192
NOISE_BYTES_MAX = 1024  # said as one error, and not kept
_TAIL_BYTES = 4


class Framer:
    """The messages of each whole file, their transport taken away. Holds little more than FILE_BYTES_MAX between two calls."""

    def __init__(self) -> None:
        self._held = bytearray()
        self._begun = False  # START is the first that is held
        self._searched = 0  # up to here nothing was found
        self._noise = bytearray()

    def feed(self, data: bytes) -> Iterator[Frame | DecodeError]:
        """Take bytes, give what became whole."""
        for at in range(0, len(data), FILE_BYTES_MAX):
            self._held += data[at : at + FILE_BYTES_MAX]
            while True:
                if not self._begun:
                    yield from self._pass_over()
                    if not self._begun:
                        break
                cut = self._cut()
                if cut is None:
                    break
                size, fault = cut
                file = bytes(self._held[:size])
                del self._held[:size]
                self._begun, self._searched = False, 0
                yield DecodeError(f"sml: {fault}", file) if fault else _checked(file)

    def _pass_over(self) -> Iterator[DecodeError]:
        """What stands before a file is an error, said when the file begins or its bound is met."""
        found = self._held.find(START)
        self._begun, self._searched = found >= 0, len(START)
        end = found if self._begun else max(0, len(self._held) - len(START) + 1)
        noise = self._noise + self._held[:end]
        del self._held[:end]
        while len(noise) >= NOISE_BYTES_MAX or (noise and self._begun):
            piece = bytes(noise[:NOISE_BYTES_MAX])
            del noise[:NOISE_BYTES_MAX]
            yield DecodeError(f"sml: {len(piece)} bytes are no whole file", piece)
        self._noise = noise

    def _cut(self) -> tuple[int, str] | None:
        """How many bytes the file that begins here has, and why it is none, if so; None while its end has not come."""
        held = self._held
        while (at := held.find(ESCAPE, self._searched, FILE_BYTES_MAX)) >= 0:
            self._searched = at
            tail = held[at + len(ESCAPE) : at + len(ESCAPE) + _TAIL_BYTES]
            if len(tail) < _TAIL_BYTES:
                return None
            if tail == ESCAPE:
                self._searched = at + len(ESCAPE) + _TAIL_BYTES
            elif tail[0] == END:
                return at + len(ESCAPE) + _TAIL_BYTES, ""
            else:
                return at, f"{at} bytes, cut short by {'the next file' if tail == VERSION_1 else tail.hex(' ').upper()}"
        if len(held) >= FILE_BYTES_MAX:
            return FILE_BYTES_MAX, f"{FILE_BYTES_MAX} bytes without an end"
        self._searched = max(self._searched, len(held) - len(ESCAPE) + 1)
        return None


def _checked(file: bytes) -> Frame | DecodeError:
    counted, sent, fill = file[:-2], file[-2:], file[-3]
    # Holley's DTZ541 counts as Kermit does, and sends the high byte first.
    if sent not in (
        (crc16(CCITT, counted, 0xFFFF) ^ 0xFFFF).to_bytes(2, "little"),
        crc16(CCITT, counted, 0).to_bytes(2, "big"),
    ):
        return DecodeError(f"sml: CRC {sent.hex().upper()} does not agree", file)
    body = file[len(START) : -len(START)]
    if fill > FILL_BYTES_MAX or body[len(body) - fill :].strip(b"\0"):
        return DecodeError(f"sml: the end announces {fill} fill bytes", file)
    return Frame(body[: len(body) - fill].replace(ESCAPE * 2, ESCAPE))
