"""The Modbus port: asks the meters of one line in turn, for ever. Read-only: function codes 3 and 4.

One task owns the line. What a person waits for goes first, then meters by the time they are due; a search for meters
takes turns with them.
"""

import asyncio
from collections import deque
from collections.abc import AsyncGenerator, Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from typing import TypeVar

from drivers.modbus import Block, MeterMap, decode, plan, sunspec
from drivers.modbus.maps import REGISTERS_MAX
from drivers.modbus.rtu import (
    GATEWAY_TARGET_MUTE,
    GATEWAY_UNAVAILABLE,
    ILLEGAL_ADDRESS,
    ILLEGAL_VALUE,
    READ_HOLDING,
    READ_INPUT,
    Refused,
)
from drivers.model import Address, DecodeError, Telegram
from gateway.ports import TURN_S, Sink
from gateway.ports.modbus_bus import ADDRESSES, Bus, Doubts, Request, plain, request
from gateway.ports.modbus_line import Master, Outcome, Tell, open_line
from gateway.ports.modbus_line import TcpLine as TcpLine
from gateway.ports.stream import SerialLine as SerialLine
from gateway.ports.wishes import Wishes

__all__ = ["Found", "ModbusPort", "SerialLine", "TcpLine", "Unit"]

# A unit without an answer costs the line two timeouts: its own and the silence after it. The second time it is left
# alone for ten times as long, so that a dead meter takes at most a tenth of the others' line; then less and less often.
RETRY_TIMEOUTS = 4
BACKOFF_TIMEOUTS_MIN = 20
BACKOFF_S_MAX = 300.0

# What a meter refused is asked once more after this: some refuse everything while they start.
REFUSED_S = 3600.0

# A connection on which nobody answers so many times may be one that the other side has forgotten: it is opened anew.
MUTE_MAX = 2

# A meter on a wire answers within 60 ms as a rule, slow ones within 300. A search of 247 units takes 200 s of the line.
SCAN_S = 0.4

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Unit:
    """One meter on the line: its unit number (1 to 247), its map, and how often it is asked.

    Of a SunSpec unit (`sunspec.UNKNOWN`) the map is found before the first reading, and anew after one that failed.
    """

    unit: int
    model: MeterMap
    every_s: float


@dataclass(frozen=True, slots=True)
class Found:
    """A unit that answered a search, and what it said: registers, an exception, or a damaged reply."""

    unit: int
    said: Outcome


@dataclass(slots=True)
class _Watch:
    """Where we are with one unit. Times are of the loop's clock. `told`: refused blocks that were shown."""

    unit: Unit
    blocks: tuple[Block, ...]
    due: float = float("-inf")
    refused_at: float | None = None
    misses: int = 0
    told: set[Block] = field(default_factory=set)
    found: sunspec.Found | None = None

    @property
    def model(self) -> MeterMap:
        return self.unit.model if self.found is None else self.found.map


@dataclass(frozen=True, slots=True)
class _Whole:
    """A meter read whole or not at all, by which blocks to ask it the next time, and what it refused."""

    registers: dict[int, int] | DecodeError
    blocks: tuple[Block, ...]
    refused: tuple[tuple[Block, Refused], ...]


class ModbusPort:
    """One line and its meters. The supervisor calls `run` again when it raised OSError or TimeoutError."""

    def __init__(
        self,
        name: str,
        line: SerialLine | TcpLine,
        units: Sequence[Unit],
        sink: Sink,
        timeout_s: float = 1.0,
        *,
        opening: Callable[[SerialLine | TcpLine, Tell], Awaitable[Master]] = open_line,
    ) -> None:
        self.name = name
        self._line = line
        self._sink = sink
        self._timeout_s = timeout_s
        self._opening = opening
        self._watches: dict[int, _Watch] = {}
        self._doubts = Doubts()
        self._bus: Bus | None = None
        self._wishes = Wishes[Bus](name)
        self._steps = Wishes[Bus](name)
        self._scanning = False
        self._mute = 0
        self._news = asyncio.Event()
        self.set_units(units)

    def set_units(self, units: Sequence[Unit]) -> None:
        """From now on these are asked, and no others. What is known of those that stay is kept."""
        before, self._watches = self._watches, {}
        for unit in units:
            watch = before.get(unit.unit)
            if watch is None or watch.unit.model != unit.model:
                watch = _Watch(unit, plan(unit.model))
            elif watch.unit != unit:
                watch.unit, watch.due = unit, float("-inf")
            self._watches[unit.unit] = watch
        self._news.set()

    async def once(self, unit: int, model: MeterMap) -> Telegram | DecodeError:
        """All that a meter says now, whether or not it is one of the units; a DecodeError says why it is nothing."""
        if fault := self._unit_fault(unit):
            return fault
        watch = self._watches.get(unit)
        if watch is None or watch.unit.model != model:
            watch = _Watch(Unit(unit, model, 0), plan(model))
        watch = replace(watch)
        try:
            whole = await self._wish(self._wishes, lambda bus: _whole(bus, watch))
        except OSError as error:
            return DecodeError(str(error))
        if isinstance(whole.registers, DecodeError):
            return whole.registers
        return decode(watch.model, self._address(unit), whole.registers)

    async def ask(self, unit: int, function_code: int, address: int, count: int) -> Outcome:
        """Registers as they are, the meter's refusal, or why there is no answer."""
        if fault := self._unit_fault(unit):
            return fault
        if function_code not in {READ_HOLDING, READ_INPUT}:
            return DecodeError(f"function code 3 or 4 is needed (we only read), not {function_code}")
        if not (address >= 0 and 1 <= count <= REGISTERS_MAX and address + count <= ADDRESSES):
            return DecodeError(f"1 to 125 registers from 0 to 65535 are needed, not {count} from {address} on")
        asked = plain(unit, function_code, address, count)
        try:
            return await self._wish(self._wishes, lambda bus: bus.ask(asked))
        except OSError as error:
            return DecodeError(str(error))

    async def scan(self, units: Iterable[int], model: MeterMap | None = None) -> AsyncGenerator[Found, None]:
        """Ask each unit once for a register (of `model`, if it is known), and yield those that answer anything.

        OSError when the line is not open, or no longer. To be ended early, `aclose()`.
        """
        if self._scanning:
            raise OSError(f"{self.name}: a search is already under way")
        self._scanning = True
        timeout_s = min(self._timeout_s, SCAN_S) if isinstance(self._line, SerialLine) else self._timeout_s
        try:
            for unit in sorted(set(units)):
                if self._unit_fault(unit):
                    continue
                asked = (
                    plain(unit)
                    if model is None or not model.registers
                    else request(unit, model, Block(model.registers[:1]))
                )
                step = partial(_step, asked=asked, timeout_s=timeout_s)
                said = await self._wish(self._steps, step)
                if _is_of(unit, said):
                    yield Found(unit, said)
        finally:
            self._scanning = False

    async def run(self) -> None:
        try:
            master = await self._opening(self._line, self._tell)
            self._sink.opened(self.name)
            while True:
                try:
                    self._bus = Bus(master, self._doubts, self._timeout_s)
                    self._mute = 0
                    await self._bus.quiet()
                    await self._serve(self._bus)
                finally:
                    self._bus = None
                    master.close()
                master = await self._opening(self._line, self._tell)
        finally:
            self._wishes.give_up()
            self._steps.give_up()

    async def _serve(self, bus: Bus) -> None:
        """Until a connection seems to be forgotten by its other side."""
        loop = asyncio.get_running_loop()
        stepped = False
        while self._mute < MUTE_MAX or isinstance(self._line, SerialLine):
            self._news.clear()
            await self._wishes.grant(bus)
            watch = min(self._watches.values(), key=lambda watch: watch.due, default=None)
            due = watch is not None and watch.due <= loop.time()
            if self._steps and not (due and stepped):
                await self._steps.grant(bus)
                stepped = True
            elif watch is not None and due:
                await self._poll(watch, bus)
                stepped = False
            else:
                await self._wait(watch.due if watch is not None else None)

    async def _wait(self, until: float | None) -> None:
        turn = asyncio.get_running_loop().time() + TURN_S
        try:
            async with asyncio.timeout_at(turn if until is None else min(until, turn)):
                await self._news.wait()
        except TimeoutError:
            pass

    async def _poll(self, watch: _Watch, bus: Bus) -> None:
        """Ask one unit for all it has. It is told whole or not at all."""
        loop = asyncio.get_running_loop()
        unit = watch.unit
        began = loop.time()
        if watch.refused_at is not None and began - watch.refused_at > REFUSED_S:
            watch.blocks, watch.refused_at, watch.found = plan(unit.model), None, None
        whole = await _whole(bus, watch, lambda: self._wishes.grant(bus))
        now = loop.time()
        watch.blocks = whole.blocks
        for block, refused in whole.refused:
            watch.refused_at = now
            if block not in watch.told:
                watch.told.add(block)
                self._tell(DecodeError(f"{request(unit.unit, watch.model, block)}: {refused}"))
        if isinstance(whole.registers, DecodeError):
            watch.misses += 1
            watch.found = None
            self._mute += not whole.registers.data
            watch.due = now + self._pause_s(watch)
            self._tell(whole.registers)
            return
        if all(other.misses for other in self._watches.values()):
            for other in self._watches.values():  # the line is back: so may be the others
                other.due = min(other.due, now)
        self._mute = watch.misses = 0
        watch.due = max(watch.due + unit.every_s, now) if began - watch.due < unit.every_s else began + unit.every_s
        if self._watches.get(unit.unit) is watch:  # it may have been taken away meanwhile
            self._sink.telegram(self.name, partial(decode, watch.model, self._address(unit.unit), whole.registers))

    def _pause_s(self, watch: _Watch) -> float:
        """How long a unit that did not answer is left alone. Where nobody answers, nobody is kept waiting by it."""
        pause_s = RETRY_TIMEOUTS * self._timeout_s
        if watch.misses > 1 and not all(other.misses for other in self._watches.values()):
            pause_s = min(BACKOFF_TIMEOUTS_MIN * self._timeout_s * 2 ** min(watch.misses - 2, 10), BACKOFF_S_MAX)
        return max(watch.unit.every_s, pause_s)

    async def _wish(self, waiting: Wishes[Bus], do: Callable[[Bus], Awaitable[T]]) -> T:
        """Have the owner of the line do something; OSError says in a sentence why it is not done."""
        if self._bus is None:
            raise OSError(f"{self.name}: the line is not open")
        return await waiting.make(do, self._news.set)

    def _unit_fault(self, unit: int) -> DecodeError | None:
        first, last = (0, 255) if isinstance(self._line, TcpLine) and not self._line.rtu else (1, 247)
        return None if first <= unit <= last else DecodeError(f"a unit from {first} to {last} is needed, not {unit}")

    def _address(self, unit: int) -> Address:
        return Address("modbus", f"{self.name}/{unit}")

    def _tell(self, error: DecodeError) -> None:
        self._sink.fault(self.name, error)


async def _whole(bus: Bus, watch: _Watch, between: Callable[[], Awaitable[None]] | None = None) -> _Whole:
    """All of a unit, whose map is found first where only the unit knows it."""
    unit = watch.unit.unit
    if watch.unit.model.id == sunspec.MODEL and watch.found is None:
        found = await _walk(bus, unit, watch.unit.model, between)
        if isinstance(found, DecodeError):
            return _Whole(found, watch.blocks, ())
        watch.found, watch.blocks = found, plan(found.map)
    whole = await _read(bus, unit, watch.model, watch.blocks, between)
    if watch.found is None or isinstance(whole.registers, DecodeError):
        return whole
    if not sunspec.unchanged(watch.found, whole.registers):
        moved = DecodeError(f"unit {unit}: its SunSpec models are not where they were found", bytes([unit]))
        return replace(whole, registers=moved)
    return whole


async def _walk(
    bus: Bus, unit: int, model: MeterMap, between: Callable[[], Awaitable[None]] | None
) -> sunspec.Found | DecodeError:
    walk = sunspec.walk()
    words: tuple[int, ...] | None = None
    try:
        while True:
            ask = next(walk) if words is None else walk.send(words)
            if between is not None:
                await between()
            asked = Request(unit, ask.function_code, ask.address, ask.count, model.gap_ms, model.unit_switch_ms)
            match await bus.ask(asked):
                case Refused():
                    words = ()
                case DecodeError() as error:
                    return error
                case values:
                    words = values
    except StopIteration as end:
        found: sunspec.Found = end.value
        return found
    except DecodeError as error:
        return DecodeError(f"unit {unit}: {error}", bytes([unit]))


async def _read(
    bus: Bus,
    unit: int,
    model: MeterMap,
    blocks: tuple[Block, ...],
    between: Callable[[], Awaitable[None]] | None = None,
) -> _Whole:
    """Ask for each block; one that the meter does not have is halved, down to single values."""
    registers: dict[int, int] = {}
    answered: list[Block] = []
    refused: list[tuple[Block, Refused]] = []
    asked = deque(blocks)
    while asked:
        if between is not None:
            await between()
        block = asked.popleft()
        outcome = await bus.ask(request(unit, model, block))
        match outcome:
            case Refused(code=code) if code in {ILLEGAL_ADDRESS, ILLEGAL_VALUE}:
                refused.append((block, outcome))
                asked.extendleft(reversed(block.halves()))
            case Refused() | DecodeError():
                error = outcome
                if isinstance(error, Refused):
                    error = DecodeError(f"{request(unit, model, block)}: {error}", bytes([unit]))
                return _Whole(error, (*answered, block, *asked), tuple(refused))
            case values:
                registers.update(zip(range(block.address, block.address + block.count), values, strict=True))
                answered.append(block)
    return _Whole(registers, tuple(answered), tuple(refused))


async def _step(bus: Bus, asked: Request, timeout_s: float) -> Outcome:
    return await bus.ask(asked, timeout_s)


def _is_of(unit: int, said: Outcome) -> bool:
    """Whether the unit itself answered: not a gateway in its place, nor another unit."""
    if isinstance(said, DecodeError):
        return said.data[:1] == bytes([unit])
    return not (isinstance(said, Refused) and said.code in {GATEWAY_UNAVAILABLE, GATEWAY_TARGET_MUTE})
