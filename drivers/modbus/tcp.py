"""Modbus TCP as the master sees it: one request, its one reply, and nothing else taken for it.

Modbus Messaging on TCP/IP Implementation Guide V1.0b, 3.1.3 (header); Modbus Application Protocol V1.1b3, 6.3, 6.4, 7.
"""

import struct
from collections.abc import Iterator
from dataclasses import dataclass

from drivers.modbus.maps import REGISTERS_MAX
from drivers.modbus.rtu import EXCEPTION_FLAG, READ_HOLDING, READ_INPUT, Refused
from drivers.model import DecodeError

# NN NN PP PP LL LL UU     number (the standard's transaction identifier), protocol (0), length from UU on, unit
HEADER_BYTES = 7
NUMBERS = 0x10000

# Unit, function code and one byte at least; V1.1b3, 4.1: a PDU has 253 bytes at most.
LENGTH_MIN, LENGTH_MAX = 3, 254


@dataclass(frozen=True, slots=True)
class Reply:
    """What came on a connection, not yet compared with what was asked."""

    number: int
    unit: int
    pdu: bytes


class Replies:
    """Cuts a connection's bytes into replies. Once they are no Modbus TCP it says so, and nothing more."""

    def __init__(self) -> None:
        self._buffer = b""
        self._lost = False

    def feed(self, data: bytes) -> Iterator[Reply | DecodeError]:
        buffer = self._buffer + data
        while not self._lost and len(buffer) >= HEADER_BYTES:
            number, protocol, length, unit = struct.unpack_from(">HHHB", buffer)
            if protocol != 0 or not LENGTH_MIN <= length <= LENGTH_MAX:
                self._lost = True
                yield DecodeError("bytes that are not Modbus TCP", buffer)
                break
            end = HEADER_BYTES - 1 + length
            if len(buffer) < end:
                break
            reply = Reply(number, unit, buffer[HEADER_BYTES:end])
            buffer = buffer[end:]
            yield reply
        self._buffer = b"" if self._lost else buffer  # at most one reply, not whole


class Transaction:
    """One request and its reply; `number` is one that no other recent request of the connection had."""

    def __init__(self, number: int, unit: int, function_code: int, address: int, count: int) -> None:
        assert 0 <= number < NUMBERS, number
        assert 0 <= unit <= 255, unit
        assert function_code in {READ_HOLDING, READ_INPUT}, function_code
        assert 1 <= count <= REGISTERS_MAX, count
        self.request = struct.pack(">HHHBBHH", number, 0, 6, unit, function_code, address, count)
        self.number = number
        self._unit = unit
        self._function_code = function_code
        self._count = count

    def outcome(self, reply: Reply) -> tuple[int, ...] | Refused | DecodeError:
        """What a reply of this number says."""
        assert reply.number == self.number
        pdu, length = reply.pdu, 2 * self._count
        said = bytes([reply.unit]) + pdu
        if reply.unit != self._unit:
            return DecodeError(f"a reply of unit {reply.unit}, expected unit {self._unit}", said)
        if pdu[0] & ~EXCEPTION_FLAG != self._function_code:
            return DecodeError(f"a reply to function code {pdu[0]}, expected {self._function_code}", said)
        if pdu[0] & EXCEPTION_FLAG:
            return Refused(pdu[1])
        if pdu[1] != length or len(pdu) != 2 + length:
            return DecodeError(f"a reply of {len(pdu) - 2} bytes that says {pdu[1]}, expected {length}", said)
        return struct.unpack_from(f">{self._count}H", pdu, 2)
