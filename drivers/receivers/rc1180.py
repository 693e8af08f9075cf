"""Radiocrafts RC1180-MBUS modules: their bytes in, wireless M-Bus telegrams out."""

from collections.abc import Iterator
from enum import Enum, auto

from drivers.model import DecodeError, Frame
from drivers.talk import Identity, Request, Said
from drivers.wmbus.link import C_FROM_METER, C_RELAYED, HEADER_BYTES, is_maker

BAUD = 19200
START = b"\x00"  # into configuration mode

PROMPT = 0x3E  # ">"
LIST_MEMORY, LEAVE = b"0", b"X"
MEMORY_BYTES = 256

# Addresses in the configuration memory (RC1180-MBUS data sheet, configuration memory).
AT_MODE, AT_RSSI, AT_BAUD, AT_INTERFACE = 0x03, 0x05, 0x30, 0x36
BAUD_19200 = 5
MODES = ("S1", "T1")

FRAME_BYTES_MAX = 1 + 255 + 1
NOISE_BYTES_MAX = 64  # noise is handed on in pieces of this size


class _Step(Enum):
    ASKED = auto()  # a prompt may come
    LISTING = auto()  # the memory may come
    LISTENING = auto()


class Framer:
    """Cuts telegrams by their L field: nothing protects them on this line, so their first bytes must be a meter's.

    A wrong byte costs itself alone where it is seen. The module is asked what it is set to and changed in nothing: its
    mode and its channel belong together and stay in its memory.
    """

    def __init__(self) -> None:
        self._held = bytearray()
        self._noise = bytearray()
        self._step = _Step.ASKED
        self._rssi = False

    def feed(self, data: bytes) -> Iterator[Said]:
        for at in range(0, len(data), FRAME_BYTES_MAX):
            self._held += data[at : at + FRAME_BYTES_MAX]
            yield from self._cut()

    def pause(self) -> Iterator[DecodeError]:
        """What is held is the beginning of nothing: a telegram comes in one piece."""
        yield from self._noise_until_here()
        if self._held:
            yield DecodeError(f"rc1180: {len(self._held)} bytes of a telegram cut short", bytes(self._held))
            self._held.clear()
        if self._step is _Step.LISTING:
            self._step = _Step.ASKED

    def _cut(self) -> Iterator[Said]:
        while self._held:
            if self._step is not _Step.LISTENING and self._held[0] == PROMPT:
                if self._step is _Step.ASKED:
                    self._step = _Step.LISTING
                    yield Request(LIST_MEMORY)
                # The prompt is also an L field, of 62 bytes. The memory begins with a channel, which is no C field.
                if len(self._held) < 2:
                    return
                if self._held[1] == PROMPT:  # asked again, since an answer was lost
                    del self._held[0]
                    self._step = _Step.ASKED
                    continue
                if self._held[1] & ~C_RELAYED not in C_FROM_METER:
                    if len(self._held) < 1 + MEMORY_BYTES + 1:
                        return
                    yield from self._listed(bytes(self._held[1 : 1 + MEMORY_BYTES + 1]))
                    continue
            size = _frame_bytes(self._held, self._rssi)
            if size is None or len(self._held) < size:
                return
            if self._step is _Step.LISTING:
                self._step = _Step.ASKED
            if size:
                yield from self._noise_until_here()
                raw = bytes(self._held[:size])
                del self._held[:size]
                yield Frame(raw[: raw[0] + 1], -(raw[-1] // 2) if self._rssi else None)
            else:
                yield from self._drop_byte()

    def _listed(self, memory: bytes) -> Iterator[Said]:
        yield Request(LEAVE)
        if memory[-1] != PROMPT or memory[AT_BAUD] != BAUD_19200 or memory[AT_MODE] >= len(MODES):
            self._step = _Step.ASKED
            yield DecodeError("rc1180: what follows the prompt is no configuration memory", memory)
            yield from self._drop_byte()
            return
        yield from self._noise_until_here()
        del self._held[: 1 + len(memory)]
        self._step = _Step.LISTENING
        self._rssi = memory[AT_RSSI] != 0
        if memory[AT_INTERFACE]:
            yield DecodeError("rc1180: the module is set to leave the meter's address out (DATA_INTERFACE)", memory)
        yield Identity("RC1180-MBUS", listens=MODES[memory[AT_MODE]])

    def _drop_byte(self) -> Iterator[DecodeError]:
        self._noise.append(self._held.pop(0))
        if len(self._noise) == NOISE_BYTES_MAX:
            yield from self._noise_until_here()

    def _noise_until_here(self) -> Iterator[DecodeError]:
        if self._noise:
            yield DecodeError(f"rc1180: {len(self._noise)} bytes outside of telegrams", bytes(self._noise))
            self._noise.clear()


def _frame_bytes(held: bytearray, rssi: bool) -> int | None:
    """Size of the telegram that starts here; 0 where none can start, None where more bytes are needed to say."""
    # LL CC MM MM ... [RR]     R: RSSI, half decibels below 0 dBm; L does not count it
    if held[0] < HEADER_BYTES:
        return 0
    if len(held) > 1 and held[1] & ~C_RELAYED not in C_FROM_METER:
        return 0
    if len(held) < 4:
        return None
    return held[0] + 1 + rssi if is_maker(bytes(held[2:4])) else 0
