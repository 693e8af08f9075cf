"""Modbus meters the other way round, for the demo and the tests: values to registers, and an RTU slave without a line.

Modbus Application Protocol V1.1b3, 6.3, 6.4 and 7; Modbus over Serial Line V1.02, 2.5.1.
"""

import struct
from collections.abc import Iterator, Mapping
from decimal import Decimal

from drivers.modbus.maps import REGISTERS_MAX, MeterMap, Register, WordOrder
from drivers.modbus.plan import plan
from drivers.modbus.rtu import (
    EXCEPTION_FLAG,
    ILLEGAL_ADDRESS,
    ILLEGAL_FUNCTION,
    ILLEGAL_VALUE,
    READ_HOLDING,
    READ_INPUT,
    REQUEST_BYTES,
    crc,
)

_QUIET_NAN = {4: 0x7FC00000, 8: 0x7FF8000000000000}


def encode(meter_map: MeterMap, values: Mapping[str, Decimal]) -> dict[int, int]:
    """The registers of a meter that holds these values, each in its quantity's unit, by register key.

    Holes inside a block read as 0, as meters do. A register that is not named holds its invalid marker or NaN; where
    the meter has no way to say "no value" it is absent, and a slave refuses it.
    """
    if unknown := values.keys() - {register.key for register in meter_map.registers}:
        raise ValueError(f"{meter_map.id}: no register {', '.join(sorted(unknown))}")
    registers = dict.fromkeys((a for b in plan(meter_map) for a in range(b.address, b.address + b.count)), 0)
    for register in meter_map.registers:
        octets = _octets(register, values.get(register.key))
        for offset in range(register.type.registers):
            place = offset if meter_map.word_order is WordOrder.BIG else register.type.registers - 1 - offset
            if octets is None:
                del registers[register.address + place]
            else:
                registers[register.address + place] = int.from_bytes(octets[2 * offset : 2 * offset + 2], "big")
    return registers


class Slave:
    """One meter on an RTU line: `registers` are by function code (3, 4), then by address, and may change at any time.

    `registers_max` is what one read may ask; above it the answer is exception 3.
    """

    def __init__(
        self, unit: int, registers: Mapping[int, Mapping[int, int]], registers_max: int = REGISTERS_MAX
    ) -> None:
        assert 1 <= unit <= 247, unit
        self.unit = unit
        self.registers = registers
        self.registers_max = registers_max
        self._buffer = b""

    def feed(self, data: bytes) -> Iterator[bytes]:
        """Yield one reply a request; other units' requests and noise are passed over in silence."""
        self._buffer += data
        while len(self._buffer) >= REQUEST_BYTES:
            request = self._buffer[:REQUEST_BYTES]
            if crc(request[:-2]) != request[-2:]:
                self._buffer = self._buffer[1:]
                continue
            self._buffer = self._buffer[REQUEST_BYTES:]
            if request[0] == self.unit:
                pdu = self._answer(*struct.unpack(">xBHHxx", request))
                reply = bytes([self.unit]) + pdu
                yield reply + crc(reply)

    def _answer(self, function_code: int, address: int, count: int) -> bytes:
        if function_code not in {READ_HOLDING, READ_INPUT} or function_code not in self.registers:
            return bytes([function_code | EXCEPTION_FLAG, ILLEGAL_FUNCTION])
        if not 1 <= count <= self.registers_max:
            return bytes([function_code | EXCEPTION_FLAG, ILLEGAL_VALUE])
        held = self.registers[function_code]
        if any(a not in held for a in range(address, address + count)):
            return bytes([function_code | EXCEPTION_FLAG, ILLEGAL_ADDRESS])
        words = b"".join(held[a].to_bytes(2, "big") for a in range(address, address + count))
        return bytes([function_code, len(words)]) + words


def _octets(register: Register, value: Decimal | None) -> bytes | None:
    """The value as the wire holds it, high word first; None where the meter cannot say that it has none."""
    size = 2 * register.type.registers
    if value is None:
        if register.invalid:
            return register.invalid[0].start.to_bytes(size, "big")
        return _QUIET_NAN[size].to_bytes(size, "big") if register.type.floating else None
    raw = value / register.scale
    if register.type.floating:
        return struct.pack(">f" if size == 4 else ">d", float(raw))
    return int(raw.to_integral_value()).to_bytes(size, "big", signed=register.type.value.startswith("int"))
