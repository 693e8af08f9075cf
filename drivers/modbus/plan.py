"""The read planner: as few requests as the meter allows, and never half a value."""

from collections.abc import Iterable, Sequence
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


def probe(blocks: Sequence[Block]) -> Block:
    """A request as long as none of the planned ones: its reply is never taken for theirs, nor a late one for its.

    RTU names in a reply neither address nor request, but it does say the length. Where every planned request is a
    single value there is no such length, and the first one is given.
    """
    planned = {block.count for block in blocks}
    parts = (Block(block.registers[:length]) for block in blocks for length in range(1, len(block.registers)))
    return next((part for part in parts if part.count not in planned), blocks[0])


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
