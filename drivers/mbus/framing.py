"""Wired M-Bus frames: what they are made of, and a stream of bytes cut into them (EN 13757-2)."""

from collections.abc import Iterator

from drivers.model import DecodeError, Frame

# E5                              acknowledgement
# 10 CC AA KK 16                  short frame
# 68 LL LL 68 CC AA CI ... KK 16  long frame; without data it is a control frame, L = 3
# L: bytes from C up to the checksum   A: primary address   K: sum of these bytes
ACKNOWLEDGEMENT = 0xE5
SHORT = 0x10
LONG = 0x68
STOP = 0x16

SHORT_BYTES = 5
OVERHEAD_BYTES = 6  # of a long frame, beside the L bytes
FRAME_BYTES_MAX = 255 + OVERHEAD_BYTES
NOISE_BYTES_MAX = 256  # said at last as one error; it is counted, not kept for ever


class Framer:
    """Frames of a wired bus. Holds at most FRAME_BYTES_MAX bytes; after a broken frame it looks on one byte later."""

    def __init__(self) -> None:
        self._held = bytearray()
        self._noise = bytearray()

    def feed(self, data: bytes) -> Iterator[Frame | DecodeError]:
        """Take bytes, give what became whole. Noise is one error, said when the next frame begins or its bound is met."""
        for at in range(0, len(data), FRAME_BYTES_MAX):
            self._held += data[at : at + FRAME_BYTES_MAX]
            yield from self._cut()

    def _cut(self) -> Iterator[Frame | DecodeError]:
        while self._held:
            size = expected_bytes(self._held)
            if size > len(self._held):
                return
            frame = bytes(self._held[:size])
            if size and broken(frame) is None:
                del self._held[:size]
                yield from self._said_noise()
                yield Frame(frame)
                continue
            self._noise.append(self._held.pop(0))
            if len(self._noise) == NOISE_BYTES_MAX:
                yield from self._said_noise()

    def _said_noise(self) -> Iterator[DecodeError]:
        if self._noise:
            yield DecodeError(f"{len(self._noise)} bytes are no whole frame", bytes(self._noise))
            self._noise.clear()


def parts(data: bytes) -> tuple[bytes, ...]:
    """The frames that stand behind each other in `data`: one, or all that a meter said in several telegrams.

    DecodeError says what is wrong with the first that is not whole.
    """
    found: list[bytes] = []
    rest = data
    while True:
        size = expected_bytes(rest) if rest else 0
        part = rest[:size] if 0 < size < len(rest) else rest
        if (fault := broken(part)) is not None:
            raise DecodeError(fault, data)
        found.append(part)
        rest = rest[len(part) :]
        if not rest:
            return tuple(found)


def expected_bytes(held: bytes | bytearray) -> int:
    """Length of the frame that begins here, more than is held while it cannot be told, 0 where none begins."""
    match held[0]:
        case 0xE5:
            return 1
        case 0x10:
            return SHORT_BYTES
        case 0x68 if len(held) < 4:
            return 4 if len(held) < 3 or held[1] == held[2] else 0
        case 0x68:
            return held[1] + OVERHEAD_BYTES if held[1] == held[2] and held[3] == LONG and held[1] >= 3 else 0
        case _:
            return 0


def broken(data: bytes) -> str | None:
    """What is wrong with a frame's own bytes, or None."""
    if data == bytes((ACKNOWLEDGEMENT,)):
        return None
    if len(data) == SHORT_BYTES and data[0] == SHORT:
        counted = data[1:3]
    else:
        if len(data) < OVERHEAD_BYTES + 3 or data[0] != LONG or data[3] != LONG:
            return f"a frame begins with 68 LL LL 68, not {data[:4].hex(' ').upper()}"
        if data[1] != data[2] or data[1] + OVERHEAD_BYTES != len(data):
            return f"L fields {data[1]} and {data[2]} do not agree with {len(data)} bytes"
        counted = data[4:-2]
    if data[-1] != STOP:
        return f"a frame ends with 16, not {data[-1]:02X}"
    if sum(counted) & 0xFF != data[-2]:
        return f"checksum {data[-2]:02X}, the bytes sum up to {sum(counted) & 0xFF:02X}"
    return None
