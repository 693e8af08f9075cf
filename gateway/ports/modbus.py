"""The Modbus port: asks the meters of one line in turn, for ever. Read-only: function codes 3 and 4."""

import asyncio
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial

from drivers.modbus import Block, MeterMap, decode, plan
from drivers.modbus.plan import probe
from drivers.modbus.rtu import ILLEGAL_ADDRESS, ILLEGAL_VALUE, Refused
from drivers.model import Address, DecodeError
from gateway.ports import Sink
from gateway.ports.modbus_line import Master, Outcome, TcpLine, open_line
from gateway.ports.stream import SerialLine

__all__ = ["ModbusPort", "SerialLine", "TcpLine", "Unit"]

# A unit that stays mute is asked less and less often, down to this.
BACKOFF_S_MAX = 300.0

# What a meter refused is asked once more after this: some refuse everything while they start.
REFUSED_S = 3600.0


@dataclass(frozen=True, slots=True)
class Unit:
    """One meter on the line: its unit number (1 to 247), its map, and how often it is asked."""

    unit: int
    model: MeterMap
    every_s: float


@dataclass(slots=True)
class _Watch:
    """Where we are with one unit. Times are of the loop's clock.

    `in_doubt`: something it was asked went without a usable answer, which may yet come.
    """

    unit: Unit
    blocks: tuple[Block, ...]
    due: float = 0.0
    refused_at: float | None = None
    misses: int = 0
    in_doubt: bool = False


class ModbusPort:
    """One line and its meters. The supervisor calls `run` again when it raised OSError or TimeoutError."""

    def __init__(
        self,
        name: str,
        line: SerialLine | TcpLine,
        units: Sequence[Unit],
        sink: Sink,
        timeout_s: float = 1.0,
    ) -> None:
        assert units
        self.name = name
        self._line = line
        self._sink = sink
        self._timeout_s = timeout_s
        self._watches = [_Watch(unit, plan(unit.model)) for unit in units]

    async def run(self) -> None:
        master = await open_line(self._line, self._timeout_s)
        try:
            self._sink.opened(self.name)
            await _Round(self.name, master, self._watches, self._sink, self._timeout_s).run()
        finally:
            master.close()


class _Round:
    """What lasts as long as the line is open: whose turn it is, and when the line is free."""

    def __init__(self, name: str, master: Master, watches: list[_Watch], sink: Sink, timeout_s: float) -> None:
        self._name = name
        self._master = master
        self._watches = watches
        self._sink = sink
        self._timeout_s = timeout_s
        self._loop = asyncio.get_running_loop()
        self._free_at = self._loop.time()
        self._asked: int | None = None

    async def run(self) -> None:
        await self._master.quiet()  # a reply to the run before this one may still be on its way
        for watch in self._watches:
            watch.due = max(watch.due, self._loop.time())
        while True:
            watch = min(self._watches, key=lambda watch: watch.due)
            await asyncio.sleep(max(0.0, watch.due - self._loop.time()))
            await self._poll(watch)

    async def _poll(self, watch: _Watch) -> None:
        """Ask one unit for all it has. It is told whole or not at all."""
        unit = watch.unit
        registers = await self._registers(watch)
        now = self._loop.time()
        if isinstance(registers, DecodeError):
            watch.misses += 1
            wait = max(unit.every_s, 2 * self._timeout_s)
            watch.due = now + max(wait, min(wait * 2 ** min(watch.misses - 1, 10), BACKOFF_S_MAX))
            self._sink.fault(self._name, registers)
            return
        watch.misses = 0
        watch.due = max(watch.due + unit.every_s, now)
        address = Address("modbus", f"{self._name}/{unit.unit}")
        self._sink.telegram(self._name, partial(decode, unit.model, address, registers))

    async def _registers(self, watch: _Watch) -> dict[int, int] | DecodeError:
        if watch.in_doubt:
            # Replies come in the order of the requests, and this one's length is its own: once it is here, nothing
            # asked before it can still pass for an answer. What it says is thrown away.
            known = probe(watch.blocks)
            outcome = await self._ask(watch, known)
            if isinstance(outcome, DecodeError):
                return await self._missed(watch.unit, known, outcome)
            await self._master.quiet()
            watch.in_doubt = False
        if watch.refused_at is not None and self._loop.time() - watch.refused_at > REFUSED_S:
            watch.blocks, watch.refused_at = plan(watch.unit.model), None
        registers: dict[int, int] = {}
        answered: list[Block] = []
        asked = deque(watch.blocks)
        while asked:
            block = asked.popleft()
            match await self._ask(watch, block):
                case Refused(code=code) as refused if code in {ILLEGAL_ADDRESS, ILLEGAL_VALUE}:
                    self._sink.fault(self._name, _fault(watch.unit, block, str(refused)))
                    asked.extendleft(reversed(block.halves()))
                    watch.refused_at = self._loop.time()
                case Refused() as refused:
                    watch.blocks = (*answered, block, *asked)
                    return _fault(watch.unit, block, str(refused))
                case DecodeError() as error:
                    watch.blocks = (*answered, block, *asked)
                    return await self._missed(watch.unit, block, error)
                case values:
                    registers.update(zip(range(block.address, block.address + block.count), values, strict=True))
                    answered.append(block)
        watch.blocks = tuple(answered)
        return registers

    async def _ask(self, watch: _Watch, block: Block) -> Outcome:
        """One request, once the line has been silent long enough for this meter."""
        model, unit = watch.unit.model, watch.unit.unit
        pause_s = model.gap_ms / 1000
        if self._asked not in {None, unit}:
            pause_s = max(pause_s, model.unit_switch_ms / 1000)
        await asyncio.sleep(max(0.0, self._free_at + max(pause_s, self._master.gap_s) - self._loop.time()))
        self._asked = unit
        in_doubt, watch.in_doubt = watch.in_doubt, True  # stays so when the line is lost before the answer
        outcome = await self._master.read(unit, model.function_code, block.address, block.count)
        watch.in_doubt = in_doubt or isinstance(outcome, DecodeError)
        self._free_at = self._loop.time()
        return outcome

    async def _missed(self, unit: Unit, block: Block, error: DecodeError) -> DecodeError:
        late_bytes = await self._master.quiet()
        text = str(error)
        if late_bytes:
            text += f"; {late_bytes} bytes came after that and were dropped"
        return _fault(unit, block, text, error.data)


def _fault(unit: Unit, block: Block, text: str, data: bytes = b"") -> DecodeError:
    return DecodeError(
        f"unit {unit.unit}, registers {block.address} to {block.address + block.count - 1}: {text}", data
    )
