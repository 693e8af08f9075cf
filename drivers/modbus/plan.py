"""The read planner: as few requests as the meter allows, and never half a value."""

from collections.abc import Iterable
from dataclasses import dataclass

from drivers.modbus.maps import MeterMap, Register


@dataclass(frozen=True, slots=True)
class Block:
    """One request: `count` registers from `address` on, holding these values and the holes between them."""

    registers: tuple[Register, ...]

    @property
    def address(self) -> int:
        return self.registers[0].address

    @property
    def count(self) -> int:
        return self.registers[-1].end - self.address

    def halves(self) -> "tuple[Block, ...]":
        """What to ask instead of a block the meter refuses; nothing when it holds a single value."""
        if len(self.registers) == 1:
            return ()
        middle = len(self.registers) // 2
        return Block(self.registers[:middle]), Block(self.registers[middle:])


def plan(meter_map: MeterMap) -> tuple[Block, ...]:
    """The requests that read a whole meter, in the order of addresses."""
    return tuple(Block(tuple(group)) for group in _groups(meter_map))


def _groups(meter_map: MeterMap) -> Iterable[list[Register]]:
    group: list[Register] = []
    for register in meter_map.registers:
        if group and (
            register.barrier
            or register.address - group[-1].end > meter_map.hole_registers_max
            or register.end - group[0].address > meter_map.registers_max
        ):
            yield group
            group = []
        group.append(register)
    if group:
        yield group
