"""Modbus RTU as the master sees it: one request, its one reply, and nothing else taken for it.

Modbus over Serial Line V1.02, 2.5.1 (framing, CRC) and Modbus Application Protocol V1.1b3, 6.3, 6.4 and 7.
"""

import struct
from collections.abc import Iterator
from dataclasses import dataclass

from drivers.crc import IBM, crc16
from drivers.modbus.maps import REGISTERS_MAX
from drivers.model import DecodeError

READ_HOLDING = 3
READ_INPUT = 4
EXCEPTION_FLAG = 0x80
ILLEGAL_FUNCTION, ILLEGAL_ADDRESS, ILLEGAL_VALUE = 1, 2, 3
GATEWAY_UNAVAILABLE, GATEWAY_TARGET_MUTE = 10, 11

REQUEST_BYTES = 8

# What a line that turns around may put before a reply: a break or a lost start bit reads as 00 or FF.
GLITCH_BYTES = b"\x00\xff"
GLITCH_BYTES_MAX = 4

# Unit, function code, byte count, 125 registers, CRC; before it an echo of the request and glitches.
BUFFER_BYTES_MAX = 3 + 2 * REGISTERS_MAX + 2 + REQUEST_BYTES + GLITCH_BYTES_MAX + 1

_EXCEPTIONS = {
    1: "illegal function",
    2: "illegal data address",
    3: "illegal data value",
    4: "device failure",
    5: "acknowledge",
    6: "device busy",
    8: "memory parity error",
    10: "gateway path unavailable",
    11: "gateway target did not answer",
}


@dataclass(frozen=True, slots=True)
class Refused:
    """The meter answered with an exception (V1.1b3, 7)."""

    code: int

    def __str__(self) -> str:
        return f"exception {self.code} ({_EXCEPTIONS.get(self.code, 'unknown')})"


def crc(data: bytes) -> bytes:
    """The two CRC bytes as they are sent, low byte first (Serial Line V1.02, 2.5.1.2 and 6.2.2)."""
    return crc16(IBM, data, 0xFFFF).to_bytes(2, "little")


class Transaction:
    """One request and its reply.

    UU FF AA AA NN NN KK KK     request: unit, function code, address, count, CRC
    UU FF BB DD.. KK KK         reply: B is 2 * count, nothing else is accepted
    UU FE CC KK KK              exception: E is F with bit 7 set, C the code

    RTU replies carry no number that ties them to a request: a reply that comes after its timeout looks like the next
    one's. Whoever saw a request fail must let the line fall silent before the next (gateway/ports/modbus_bus.py does).
    """

    def __init__(self, unit: int, function_code: int, address: int, count: int) -> None:
        assert 1 <= unit <= 247, unit
        assert function_code in {READ_HOLDING, READ_INPUT}, function_code
        assert 1 <= count <= REGISTERS_MAX, count
        head = bytes([unit, function_code]) + address.to_bytes(2, "big") + count.to_bytes(2, "big")
        self.request = head + crc(head)
        self._unit = unit
        self._function_code = function_code
        self._count = count
        self._buffer = b""
        self._glitches = 0
        self._echo = False
        self._done = False

    def feed(self, data: bytes) -> Iterator[tuple[int, ...] | Refused | DecodeError]:
        """Yield the outcome once it is known; what comes after it is ignored."""
        if self._done:
            return
        self._buffer += data[: BUFFER_BYTES_MAX - len(self._buffer)]
        outcome = self._outcome()
        if outcome is not None:
            self._done = True
            yield outcome

    def _outcome(self) -> tuple[int, ...] | Refused | DecodeError | None:
        if not self._trim():
            return None
        buffer = self._buffer
        if not buffer:
            return None
        if buffer[0] != self._unit:
            return DecodeError(f"a reply of unit {buffer[0]}, expected unit {self._unit}", buffer[:1])
        if len(buffer) < 2:
            return None
        if buffer[1] & ~EXCEPTION_FLAG != self._function_code:
            return DecodeError(f"a reply to function code {buffer[1]}, expected {self._function_code}", buffer[:2])
        if len(buffer) < 3:
            return None
        refused = bool(buffer[1] & EXCEPTION_FLAG)
        if not refused and buffer[2] != 2 * self._count:
            return DecodeError(f"a reply of {buffer[2]} bytes, expected {2 * self._count}", buffer[:3])
        length = 5 if refused else 5 + 2 * self._count
        if len(buffer) < length:
            return None
        if crc(buffer[: length - 2]) != buffer[length - 2 : length]:
            return DecodeError(f"CRC {buffer[length - 2 : length].hex()} does not fit the reply", buffer[:length])
        if refused:
            return Refused(buffer[2])
        return struct.unpack_from(f">{self._count}H", buffer, 3)

    def _trim(self) -> bool:
        """Drop glitches and the echo of two-wire adapters that hear themselves; False while it may yet be an echo."""
        while self._buffer:
            if self._buffer[0] in GLITCH_BYTES and self._glitches < GLITCH_BYTES_MAX:
                self._buffer = self._buffer[1:]
                self._glitches += 1
            elif not self._echo and self._buffer[:REQUEST_BYTES] == self.request[: len(self._buffer)]:
                if len(self._buffer) < REQUEST_BYTES:
                    return False
                self._buffer = self._buffer[REQUEST_BYTES:]
                self._echo = True
            else:
                break
        return True
