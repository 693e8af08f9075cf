"""An open line with M-Bus meters behind it: one request at a time, tried again, and silence after what failed.

EN 13757-2: a meter begins to answer 11 to 330 bit times and 50 ms after the request. Nothing ties an answer to its
request but its sender's address, so after any failure the line must be silent for longer than that before the next one.
"""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from drivers.mbus import heads, more_follows
from drivers.mbus.exchange import (
    HEARD_BYTES_MAX,
    Asked,
    Exchange,
    acknowledged,
    application_error,
    refusal,
)
from drivers.mbus.requests import ADDRESS_ALL, ADDRESS_SELECTED, digits_mask, mask, open_maker, request, reset, select
from drivers.model import DecodeError, Frame
from gateway.ports import TURN_S
from gateway.ports.stream import SerialLine, TcpLine
from gateway.ports.wire import Wire, open_serial, open_socket

# Start, 8 data, parity, stop (EN 13757-2).
BITS_A_BYTE = 11
ANSWER_BITS_MAX = 330
ANSWER_S_MAX = 0.05
# Within a frame bytes follow each other; a USB adapter gathers what comes in 16 ms, a network in more.
GAP_BITS_MAX = 33
# Before the master speaks again.
REST_BITS = 33
SERIAL_SLACK_S = 0.05
TCP_SLACK_S = 0.3

# A request and two more; each waits twice as long as the one before, for meters slower than they may be.
TRIES = 3
# Telegrams of one meter, whatever it says of more to come: 16 of them are 4 kB.
PARTS_MAX = 16
Fault = Callable[[DecodeError], None]


@dataclass(frozen=True, slots=True)
class Pace:
    """How long things take at one speed. `slack_s` is what the way to the converter adds."""

    baud: int
    slack_s: float
    answer_s_base: float = ANSWER_S_MAX

    @property
    def answer_s(self) -> float:
        """Until an answer has begun, at most."""
        return ANSWER_BITS_MAX / self.baud + self.answer_s_base + self.slack_s

    @property
    def gap_s(self) -> float:
        return GAP_BITS_MAX / self.baud + self.slack_s

    @property
    def rest_s(self) -> float:
        return REST_BITS / self.baud

    def bytes_s(self, count: int) -> float:
        return count * BITS_A_BYTE / self.baud


def pace_of(line: SerialLine | TcpLine, baud: int) -> Pace:
    return Pace(baud, SERIAL_SLACK_S if isinstance(line, SerialLine) else TCP_SLACK_S)


async def open_bus(line: SerialLine | TcpLine, pace: Pace, fault: Fault) -> "Bus":
    """Open a line; OSError or TimeoutError says in one sentence why it cannot be opened."""
    match line:
        case SerialLine():
            return Bus(open_serial(line), pace, fault)
        case TcpLine():
            return Bus(await open_socket(line.host, line.port, home=line.at_home), pace, fault)


class Bus:
    """The master's side. Every call raises OSError or TimeoutError when the line itself is lost."""

    def __init__(self, wire: Wire, pace: Pace, fault: Fault) -> None:
        self._wire = wire
        self._pace = pace
        self._fault = fault
        self._loop = asyncio.get_running_loop()
        self._free_at = self._loop.time()
        self._met = False

    async def read(self, asked: Asked) -> list[Frame] | DecodeError:
        """All telegrams of one meter, or why there is none. What it still holds back after a failure is a fault."""
        if asked.primary == ADDRESS_SELECTED:
            assert asked.address is not None, "somebody is selected"
            whole = select(mask(asked.address))
            # Some have a bit more in their manufacturer's code than its letters say; the answer tells whose it is.
            any_maker = select(open_maker(mask(asked.address)))
            outcome = await self._ask([whole, whole, any_maker], acknowledged)
        else:
            outcome = await self._ask([reset(asked.primary)] * TRIES, acknowledged)
        if isinstance(outcome, DecodeError):
            return outcome
        parts = await self._parts(asked)
        if asked.primary == ADDRESS_SELECTED:
            await self._exchange(reset(ADDRESS_SELECTED), self._pace.answer_s)
        return parts

    async def heard(self, pattern: str) -> Frame | DecodeError | None:
        """What one answers who is selected by this pattern of digits; DecodeError where several do, None where nobody."""
        if await self.acknowledged(pattern) is None:
            return None
        return await self._one(Asked(), f"{pattern}: acknowledged, but no answer")

    async def acknowledged(self, pattern: str) -> Frame | DecodeError | None:
        """What comes of selecting a pattern of digits, of which nobody is asked for values; None where nobody has it."""
        await self._meet()
        return await self._settled(select(digits_mask(pattern)))

    async def at(self, primary: int) -> Frame | DecodeError | None:
        """What one answers at a primary address; DecodeError where several do, None where nobody."""
        await self._meet()
        if await self._settled(reset(primary)) is None:
            return None
        return await self._one(Asked(primary), f"primary address {primary}: acknowledged, but no answer")

    async def idle(self, until: float | None) -> None:
        """Wait for `until` (of the loop's clock) or TURN_S, for `wake`, or for the end of the line, which is an OSError."""
        turn = self._loop.time() + TURN_S
        await self._wire.wait(turn if until is None else min(until, turn))
        self._unasked()

    def wake(self) -> None:
        self._wire.wake()

    def close(self) -> None:
        self._wire.close()

    def _unasked(self) -> None:
        if unasked := self._wire.take():
            self._fault(DecodeError(f"{len(unasked)} bytes came that nobody asked for", unasked))

    async def _one(self, asked: Asked, mute: str) -> Frame | DecodeError:
        outcome = await self._settled(request(asked.primary))
        if outcome is None:
            outcome = await self._settled(request(asked.primary))
        return outcome or DecodeError(mute)

    async def _parts(self, asked: Asked) -> list[Frame] | DecodeError:
        parts: list[Frame] = []
        said: list[object] = []
        count = True

        def check(frame: Frame) -> DecodeError | None:
            if (fault := refusal(frame, asked)) is not None:
                return fault
            if parts and (frame == parts[-1] or (heads(frame) and heads(frame) in said)):
                return DecodeError("the same telegram again, in place of the rest", frame.data)
            return None

        while len(parts) < PARTS_MAX:
            outcome = await self._ask([request(asked.primary, count)] * TRIES, check)
            if isinstance(outcome, Frame):
                outcome = application_error(outcome) or outcome
            if isinstance(outcome, DecodeError):
                if not parts:
                    return outcome
                self._fault(DecodeError(f"{asked}, part {len(parts) + 1}: {outcome}", outcome.data))
                return parts
            parts.append(outcome)
            said.append(heads(outcome))
            if not more_follows(outcome):
                return parts
            count = not count
        self._fault(DecodeError(f"{asked}: more than {PARTS_MAX} telegrams, the rest is not read"))
        return parts

    async def _ask(
        self, requests: Sequence[bytes], check: Callable[[Frame], DecodeError | None]
    ) -> Frame | DecodeError:
        """The frame that passes the check. Each request waits twice as long as the one before it."""
        await self._meet()
        fault = DecodeError("nothing was asked")
        for number, data in enumerate(requests):
            wait_s = self._pace.answer_s * 2**number
            outcome = await self._exchange(data, wait_s)
            if isinstance(outcome, Frame):
                refused = check(outcome)
                if refused is None:
                    return outcome
                outcome = refused
            fault = outcome or DecodeError(f"no answer in {wait_s:.2f} s")
            late_bytes = await self._quiet()
            if late_bytes:
                fault = DecodeError(f"{fault}; {late_bytes} bytes came after that and were dropped", fault.data)
            if outcome is not None and number + 1 < len(requests):
                self._fault(fault)
        return fault

    async def _settled(self, data: bytes) -> Frame | DecodeError | None:
        """All that comes within the time that anybody may begin to answer in."""
        outcome = await self._exchange(data, self._pace.answer_s, settle=True)
        if isinstance(outcome, DecodeError):
            await self._quiet()
        return outcome

    async def _meet(self) -> None:
        """Before the first request on this line: nobody is selected, and every meter begins anew. Said twice."""
        if self._met:
            return
        self._met = True
        await self._quiet()
        for address in (ADDRESS_ALL, ADDRESS_SELECTED) * 2:
            await self._exchange(reset(address), self._pace.answer_s, settle=True)

    async def _exchange(self, data: bytes, wait_s: float, *, settle: bool = False) -> Frame | DecodeError | None:
        """What comes after one request; with `settle`, judged only when nothing more can come."""
        loop, wire, pace = self._loop, self._wire, self._pace
        await asyncio.sleep(max(0.0, self._free_at + pace.rest_s - loop.time()))
        self._unasked()
        exchange = Exchange(data)
        wire.write(data)
        window = deadline = loop.time() + pace.bytes_s(len(data)) + wait_s
        last = window + 2 * pace.bytes_s(HEARD_BYTES_MAX) + pace.slack_s
        try:
            while await wire.wait(min(deadline, last)):
                for outcome in exchange.feed(wire.take()):
                    if not settle:
                        return outcome
                if exchange.begun:
                    deadline = loop.time() + pace.gap_s
                    deadline = max(window, deadline) if settle else deadline
                if loop.time() > last:
                    break
            return exchange.end()
        finally:
            self._free_at = loop.time()

    async def _quiet(self) -> int:
        """Wait until nothing that was asked before can still come; how many bytes did."""
        late_bytes = await self._wire.quiet(self._pace.answer_s)
        self._free_at = self._loop.time()
        return late_bytes
