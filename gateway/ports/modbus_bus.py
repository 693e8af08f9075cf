"""An open Modbus line and its manners: gaps, silence after a failure, and no answer while it is unclear to what.

Each rule is argued in docs/decisions/0002-modbus-rtu.md.
"""

import asyncio
from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass, replace

from drivers.modbus.maps import GAP_MS, REGISTERS_MAX, MeterMap
from drivers.modbus.plan import Block
from drivers.modbus.rtu import READ_HOLDING, Refused
from drivers.model import DecodeError
from gateway.ports.modbus_line import Master, Outcome

# An answer that is later than this many timeouts does not come any more, and silence came between.
LATE_TIMEOUTS_MAX = 60

# Requests without an answer that are remembered of one unit; older ones than these are later than late.
OPEN_MAX = 32

ADDRESSES = 0x10000


@dataclass(frozen=True, slots=True)
class Request:
    """One read. `wholes` are shorter counts, at the same address, that end where a value ends."""

    unit: int
    function_code: int
    address: int
    count: int
    gap_ms: int = GAP_MS
    unit_switch_ms: int = 0
    wholes: tuple[int, ...] = ()

    @property
    def shape(self) -> tuple[int, int]:
        """What an RTU reply says of its request, besides the unit."""
        return self.function_code, self.count

    def __str__(self) -> str:
        return f"unit {self.unit}, registers {self.address} to {self.address + self.count - 1}"


def request(unit: int, model: MeterMap, block: Block) -> Request:
    """The read of a planned block."""
    return Request(
        unit,
        block.function_code or model.function_code,
        block.address,
        block.count,
        model.gap_ms,
        model.unit_switch_ms,
        block.wholes,
    )


def plain(unit: int, function_code: int = READ_HOLDING, address: int = 0, count: int = 1) -> Request:
    """A read of a meter that is not known."""
    return Request(unit, function_code, address, count, unit_switch_ms=GAP_MS)


class Doubts:
    """Which requests went without a usable answer that may yet come, by unit. It outlives the line."""

    def __init__(self) -> None:
        self._open: dict[int, deque[tuple[float, tuple[int, int]]]] = {}

    def asked(self, asked: Request, now: float) -> None:
        self._open.setdefault(asked.unit, deque(maxlen=OPEN_MAX)).append((now, asked.shape))

    def answered(self, asked: Request) -> None:
        """Replies come in the order of the requests: with this one, none of before is still to come."""
        self._open.pop(asked.unit, None)

    def refused(self, asked: Request) -> None:
        """An exception does not say the length: it answers the oldest open request of its function code at least."""
        waiting = self._open[asked.unit]
        oldest = next(entry for entry in waiting if entry[1][0] == asked.function_code)
        waiting.remove(oldest)

    def shapes(self, unit: int, since: float) -> set[tuple[int, int]]:
        """What may still come of a unit; what was asked before `since` does not."""
        waiting = self._open.get(unit, deque())
        while waiting and waiting[0][0] < since:
            waiting.popleft()
        return {shape for _, shape in waiting}


class Bus:
    """One request at a time on an open line, each once the line has been silent long enough."""

    def __init__(self, master: Master, doubts: Doubts, timeout_s: float) -> None:
        self._master = master
        self._doubts = doubts
        self._timeout_s = timeout_s
        self._loop = asyncio.get_running_loop()
        self._free_at = self._loop.time()
        self._asked: int | None = None

    async def quiet(self) -> None:
        """A reply to who had the line before may still be on its way."""
        await self._master.quiet(self._timeout_s)

    async def ask(self, asked: Request, timeout_s: float | None = None) -> Outcome:
        """Exactly the registers asked for, or the meter's refusal; a DecodeError says whose and which registers."""
        timeout_s = timeout_s or self._timeout_s
        if asked.shape in self._shapes(asked.unit):
            # A late reply would look like the answer. A request of another length is asked first: once its own
            # reply is here, whatever came before has come, and what it says is thrown away.
            probe = probe_of(asked, self._shapes(asked.unit))
            outcome = await self._exchange(probe, timeout_s)
            if isinstance(outcome, DecodeError):
                return outcome
            if asked.shape in self._shapes(asked.unit):
                return DecodeError(f"{asked}: {outcome} to {probe}; it is not yet clear which reply is whose")
        outcome = await self._exchange(asked, timeout_s)
        if isinstance(outcome, Refused) and asked.shape in self._shapes(asked.unit):
            return DecodeError(f"{asked}: {outcome}, perhaps to an earlier request")
        return outcome

    def _shapes(self, unit: int) -> set[tuple[int, int]]:
        return self._doubts.shapes(unit, self._loop.time() - LATE_TIMEOUTS_MAX * self._timeout_s)

    async def _exchange(self, asked: Request, timeout_s: float) -> Outcome:
        pause_s = asked.gap_ms / 1000
        if self._asked not in {None, asked.unit}:
            pause_s = max(pause_s, asked.unit_switch_ms / 1000)
        await asyncio.sleep(max(0.0, self._free_at + max(pause_s, self._master.gap_s) - self._loop.time()))
        self._asked = asked.unit
        doubtful = bool(self._shapes(asked.unit))
        self._doubts.asked(asked, self._loop.time())  # stays so when the line is lost before the answer
        outcome = await self._master.read(asked.unit, asked.function_code, asked.address, asked.count, timeout_s)
        match outcome:
            case DecodeError() as error:
                late_bytes = await self._master.quiet(timeout_s)
                late = f"; {late_bytes} bytes came after that and were dropped" if late_bytes else ""
                outcome = DecodeError(f"{asked}: {error}{late}", error.data)
            case Refused():
                self._doubts.refused(asked)
            case _:
                self._doubts.answered(asked)
        if doubtful and not isinstance(outcome, DecodeError):
            await self._master.quiet(timeout_s)
        self._free_at = self._loop.time()
        return outcome


def probe_of(asked: Request, shapes: Iterable[tuple[int, int]]) -> Request:
    """The same read with a length that no open request has: whole values if there are some, else as it comes."""
    longest = min(REGISTERS_MAX, ADDRESSES - asked.address)
    counts = (*asked.wholes, *range(1, longest + 1))
    free = (count for count in counts if (asked.function_code, count) not in shapes)
    return replace(asked, count=next(free, asked.count))
