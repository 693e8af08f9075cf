"""Amber AMB8465 (868 MHz) and AMB3665 (169 MHz) radio sticks: their bytes in, wireless M-Bus telegrams out."""

from collections.abc import Iterator

from drivers.model import DecodeError, Frame
from drivers.talk import Identity, Request, Said
from drivers.wmbus.link import C_FROM_METER, C_RELAYED, HEADER_BYTES, is_maker

BAUD = 9600

SOF = 0xFF
DATA, SET_MODE, GET_PARAMETERS, GET_FIRMWARE = 0x03, 0x04, 0x0A, 0x0C
ANSWER = 0x80
MODE_C_AND_T = 0x09
PARAMETER_COMMANDS, PARAMETER_RSSI, PARAMETER_MODE = 2 + 5, 2 + 69, 2 + 70  # behind the first address and the count
PARAMETERS_868, PARAMETERS_169 = 0x7A, 0x82  # the answer's length is what tells the two sticks apart
MODES = {0x03: "S1", 0x08: "T1", 0x09: "C1+T1", 0x0E: "C1"}

FRAME_BYTES_MAX = 4 + 255
NOISE_BYTES_MAX = 64  # noise is handed on in pieces of this size
_COMMANDS = {DATA, ANSWER | SET_MODE, ANSWER | GET_PARAMETERS, ANSWER | GET_FIRMWARE}


def checked(command: int, payload: bytes = b"") -> bytes:
    """A command or an answer: FF, command, length, payload, exclusive or of all of them."""
    data = bytes((SOF, command, len(payload))) + payload
    return data + bytes((exclusive_or(data),))


def exclusive_or(data: bytes) -> int:
    value = 0
    for byte in data:
        value ^= byte
    return value


START = checked(GET_PARAMETERS, b"\x00\x80")


class Framer:
    """Cuts telegrams in both forms the stick can be set to. A wrong byte costs itself alone.

    Which form, and whether a byte of signal follows each telegram, are parameters of the stick. Until it said them no
    telegram is read: one cut in the wrong place could still look like one.
    """

    def __init__(self) -> None:
        self._held = bytearray()
        self._noise = bytearray()
        self._commands: bool | None = None
        self._rssi = False
        self._name = ""
        self._firmware = ""
        self._listens = ""

    def feed(self, data: bytes) -> Iterator[Said]:
        for at in range(0, len(data), FRAME_BYTES_MAX):
            self._held += data[at : at + FRAME_BYTES_MAX]
            yield from self._cut()

    def pause(self) -> Iterator[DecodeError]:
        """What is held is the beginning of nothing: a telegram comes in one piece."""
        yield from self._noise_until_here()
        if self._held:
            yield DecodeError(f"amb8465: {len(self._held)} bytes of a frame cut short", bytes(self._held))
            self._held.clear()

    def _cut(self) -> Iterator[Said]:
        while self._held:
            size = self._frame_bytes()
            if size is None or len(self._held) < size:
                return
            raw = bytes(self._held[:size])
            wrong = size and raw[0] == SOF and exclusive_or(raw)
            if size and not wrong:
                yield from self._noise_until_here()
                del self._held[:size]
                if raw[0] != SOF:
                    yield self._telegram(raw)
                elif raw[1] == DATA:
                    yield self._telegram(raw[2:-1])
                else:
                    yield from self._answered(raw[1], raw[3:-1])
                continue
            if wrong:
                yield from self._noise_until_here()
                yield DecodeError("amb8465: the check byte does not agree", raw)
            self._noise.append(self._held.pop(0))
            if len(self._noise) == NOISE_BYTES_MAX:
                yield from self._noise_until_here()

    def _frame_bytes(self) -> int | None:
        """Size of the frame that starts here; 0 where none can start, None where more bytes are needed to say."""
        # FF CC NN payload XX     C: command   N: payload's length   X: exclusive or of all before
        # LL CC MM MM ...         the form without command frames: a telegram as it is, which nothing protects
        held = self._held
        if held[0] == SOF:
            if len(held) > 1 and held[1] not in _COMMANDS:
                return 0
            return held[2] + 4 if len(held) > 2 else None
        if self._commands or held[0] < HEADER_BYTES:
            return 0
        if len(held) > 1 and held[1] & ~C_RELAYED not in C_FROM_METER:
            return 0
        if len(held) < 4:
            return None
        return held[0] + 1 if is_maker(bytes(held[2:4])) else 0

    def _noise_until_here(self) -> Iterator[DecodeError]:
        if self._noise:
            yield DecodeError(f"amb8465: {len(self._noise)} bytes outside of frames", bytes(self._noise))
            self._noise.clear()

    def _telegram(self, raw: bytes) -> Frame | DecodeError:
        # LL ... [RR]     L: counts the signal's byte too, where there is one
        if self._commands is None:
            return DecodeError("amb8465: a telegram before the stick said how it hands them on", raw)
        data = raw[:-1] if self._rssi else raw
        if len(data) < HEADER_BYTES or data[1] & ~C_RELAYED not in C_FROM_METER:
            return DecodeError("amb8465: what the stick hands on is no meter's telegram", raw)
        return Frame(bytes((len(data) - 1,)) + data[1:], _dbm(raw[-1]) if self._rssi else None)

    def _answered(self, command: int, payload: bytes) -> Iterator[Said]:
        """Your parameters? -> firmware? -> set the link mode until the next power cut -> Identity."""
        if command == ANSWER | GET_PARAMETERS and len(payload) > PARAMETER_MODE:
            self._commands = payload[PARAMETER_COMMANDS] != 0
            self._rssi = payload[PARAMETER_RSSI] != 0
            self._name = {PARAMETERS_868: "AMB8465", PARAMETERS_169: "AMB3665"}.get(len(payload), "Amber stick")
            self._listens = MODES.get(payload[PARAMETER_MODE], f"mode {payload[PARAMETER_MODE]:02x}")
            yield Request(checked(GET_FIRMWARE))
        elif command == ANSWER | GET_FIRMWARE and len(payload) == 3 and self._name:
            self._firmware = ".".join(str(part) for part in payload)
            if self._name == "AMB3665":  # it stays in the mode its operator chose: 169 MHz has six
                yield Identity(self._name, self._firmware, self._listens)
            else:
                yield Request(checked(SET_MODE, bytes((MODE_C_AND_T,))))
        elif command == ANSWER | SET_MODE and self._name:
            if payload == b"\x00":
                self._listens = MODES[MODE_C_AND_T]
            else:
                yield DecodeError("amb8465: the stick refuses link mode C and T", payload)
            yield Identity(self._name, self._firmware, self._listens)


def _dbm(raw: int) -> int:
    """Half decibels, signed, above -74 dBm (Amber's manual, CMD_RSSI_REQ)."""
    return (raw - 256 if raw >= 128 else raw) // 2 - 74
