"""The read planner: as few requests as the meter allows, and never half a value."""

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from itertools import chain

from drivers.modbus.maps import MeterMap, Register


@dataclass(frozen=True)
class Block:
    """One request: `count` registers from `address` on, holding these values, the holes between them and their factors."""

    registers: tuple[Register, ...]

    @property
    def function_code(self) -> int | None:
        """None: the map's own."""
        return self.registers[0].function_code

    @cached_property
    def address(self) -> int:
        return min(register.span[0] for register in self.registers)

    @cached_property
    def count(self) -> int:
        return max(register.span[1] for register in self.registers) - self.address

    @cached_property
    def wholes(self) -> tuple[int, ...]:
        """Shorter counts, from the same address on, that end where a value ends."""
        return tuple(sorted(register.end - self.address for register in self.registers[:-1]))

    def halves(self) -> "tuple[Block, ...]":
        """What to ask instead of a block the meter refuses; nothing when none of its values may be read without another."""
        parts = list(_inseparable(self.registers))
        if len(parts) == 1:
            return ()
        middle = len(parts) // 2
        return tuple(Block(tuple(chain.from_iterable(half))) for half in (parts[:middle], parts[middle:]))


def plan(meter_map: MeterMap) -> tuple[Block, ...]:
    """The requests that read a whole meter, in the order of addresses."""
    return tuple(Block(tuple(group)) for group in _groups(meter_map))


def _groups(meter_map: MeterMap) -> Iterable[list[Register]]:
    group: list[Register] = []
    for part in _inseparable(meter_map.registers):
        first, past = part[0].span[0], max(register.span[1] for register in part)
        if group and (
            part[0].barrier
            or part[0].function_code != group[0].function_code
            or first - max(register.span[1] for register in group) > meter_map.hole_registers_max
            or past - group[0].span[0] > meter_map.registers_max
        ):
            yield group
            group = []
        group += part
    if group:
        yield group


def _inseparable(registers: Iterable[Register]) -> Iterable[list[Register]]:
    """The smallest parts that one request each must read: a value, or all those that share a factor."""
    part: list[Register] = []
    for register in registers:
        if part and register.span[0] >= part[-1].span[1]:
            yield part
            part = []
        part.append(register)
    if part:
        yield part
