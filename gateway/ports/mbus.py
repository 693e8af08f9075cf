"""The M-Bus port: asks the meters of one bus, each at its own pace, and finds them when a person wants to know."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TypeVar

from drivers.mbus import decode, speaker
from drivers.mbus.exchange import Asked, application_error, asked_of, refusal
from drivers.mbus.requests import ID_DIGITS, PRIMARY_MAX
from drivers.mbus.search import Heard, Search, matches
from drivers.model import Address, DecodeError, Frame, Telegram
from gateway.ports import Sink
from gateway.ports.mbus_line import Bus, Pace, open_bus, pace_of
from gateway.ports.stream import SerialLine, TcpLine
from gateway.ports.wishes import Wishes

__all__ = ["Found", "Looking", "MbusPort", "Pace", "Polled", "SerialLine", "TcpLine", "pace_of", "parse_address"]

# A meter that stays mute is asked less and less often, down to this, or to its own period where that is longer.
BACKOFF_S_MAX = 6 * 3600.0

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Polled:
    """One meter on the bus and how often it is asked; selected by its secondary address where it has no `primary`."""

    address: Address
    every_s: float = 3600.0
    primary: int | None = None

    @property
    def asked(self) -> Asked:
        return asked_of(self.address) if self.primary is None else Asked(self.primary, self.address)


@dataclass(frozen=True, slots=True)
class Found:
    """A meter that a search met: who it says it is, the primary address in its answer, and what it said."""

    address: Address
    primary: int
    telegram: Telegram


@dataclass(frozen=True, slots=True)
class Looking:
    """How far a search is: requests made, and which part in a hundred of all addresses is behind it."""

    asked: int
    percent: int


class _Phantom(DecodeError):  # noqa: N818 - a value, never raised
    """A whole frame of a meter that is not there when it is asked alone."""


@dataclass(slots=True)
class _Watch:
    """Where we are with one meter. Times are of the loop's clock."""

    polled: Polled
    due: float
    misses: int = 0


class MbusPort:
    """One bus and its meters. The supervisor calls `run` again when it raised OSError or TimeoutError.

    Nothing is sent while there is no meter to ask and nobody wants to know.
    """

    def __init__(self, name: str, line: SerialLine | TcpLine, pace: Pace, meters: Iterable[Polled], sink: Sink) -> None:
        self.name = name
        self._line = line
        self._pace = pace
        self._sink = sink
        self._watches: dict[Address, _Watch] = {}
        self._wishes = Wishes[Bus](name)
        self._bus: Bus | None = None
        self.set_meters(meters)

    def set_meters(self, meters: Iterable[Polled]) -> None:
        """Whom to ask from now on. One that was asked before keeps its turn; a new one is asked at once."""
        before, self._watches = self._watches, {}
        for polled in meters:
            known = before.get(polled.address)
            same = known is not None and known.polled == polled
            self._watches[polled.address] = known if known is not None and same else _Watch(polled, due=0.0)
        self._wake()

    async def run(self) -> None:
        bus = await open_bus(self._line, self._pace, self._fault)
        self._bus = bus
        try:
            self._sink.opened(self.name)
            while True:
                if self._wishes:
                    await self._wishes.grant(bus, at_most=1)
                    await asyncio.sleep(0)  # the next step of a search is wished for, and comes before a poll
                    continue
                watch = min(self._watches.values(), key=lambda watch: watch.due, default=None)
                if watch is not None and watch.due <= asyncio.get_running_loop().time():
                    await self._poll(watch, bus)
                else:
                    await bus.idle(watch.due if watch is not None else None)
        finally:
            self._bus = None
            bus.close()
            self._wishes.give_up()

    async def _poll(self, watch: _Watch, bus: Bus) -> DecodeError | Frame:
        """Ask one meter; what it says in several telegrams goes on as one."""
        polled, now = watch.polled, asyncio.get_running_loop().time()
        outcome = await bus.read(polled.asked)
        if isinstance(outcome, DecodeError):
            watch.misses += 1
            wait_s = min(polled.every_s * 2 ** min(watch.misses - 1, 10), BACKOFF_S_MAX)
            watch.due = now + max(polled.every_s, wait_s)
            fault = DecodeError(f"{polled.address}: {outcome}", outcome.data)
            self._fault(fault)
            return fault
        watch.misses = 0
        watch.due = now + polled.every_s
        frame = _joined(outcome)
        if self._watches.get(polled.address) is watch:  # it may have been taken away meanwhile
            self._sink.frame(self.name, frame)
        return frame

    # -- what a person wants to know ----------------------------------------------------------------------------------
    async def once(self, whom: Address | int) -> Telegram | DecodeError:
        """Ask one meter now, by its address or by its primary one. Of a meter that is polled, this is a poll."""
        try:
            outcome = await self._wish(partial(self._once, whom))
            return outcome if isinstance(outcome, DecodeError) else decode(outcome)
        except OSError as error:
            return DecodeError(str(error))
        except DecodeError as error:  # two answers on top of each other
            return error

    async def numbered(self, number: str) -> Found | DecodeError:
        """The one meter of these eight digits, whoever made it; a DecodeError says why there is none, or not one."""
        try:
            outcome = await self._wish(partial(_heard, number, probe=False))
            if isinstance(outcome, Frame):
                return await self._alone(outcome, Asked())
        except OSError as error:
            return DecodeError(str(error))
        return outcome or DecodeError(f"{number}: nobody answers to this number")

    async def search(self) -> AsyncIterator[Found | Looking | DecodeError]:
        """Who is there, by secondary address. What cannot be told apart, and why it ended early, is a DecodeError.

        OSError when the line is not open, or no longer. To be ended early, `aclose()`.
        """
        search, met = Search(), set[Address]()
        pattern: str | None = search.first()
        while pattern is not None:
            outcome = await self._wish(partial(_heard, pattern, probe=search.probe))
            number = ""
            heard = Heard.NOBODY if outcome is None else Heard.SEVERAL
            if isinstance(outcome, Frame) and not search.probe:
                heard = Heard.ONE
                found = await self._alone(outcome, Asked())
                if isinstance(found, _Phantom):
                    heard = Heard.SEVERAL
                elif isinstance(found, DecodeError):
                    yield DecodeError(f"{pattern}: {found}", found.data)
                    heard = Heard.NOBODY  # there is no number to search behind
                else:
                    number = found.address.id
                    if not matches(pattern, number):
                        heard = Heard.NOBODY  # late, to another pattern: it says who is there, and nothing of this one
                    if found.address not in met:
                        met.add(found.address)
                        yield found
            pattern = search.next(heard, number)
            yield Looking(search.asked, int(100 * search.share))
        for fault in search.faults():
            yield fault

    async def scan(
        self, primaries: Sequence[int] = range(1, PRIMARY_MAX + 1)
    ) -> AsyncIterator[Found | Looking | DecodeError]:
        """Who is there, by primary address; 0 is what a meter has that nobody gave one. OSError as above."""
        assert all(0 <= primary <= PRIMARY_MAX for primary in primaries), primaries
        for asked, primary in enumerate(primaries, 1):
            outcome = await self._wish(partial(_at, primary))
            found = await self._alone(outcome, Asked(primary)) if isinstance(outcome, Frame) else outcome
            if isinstance(found, DecodeError):
                yield DecodeError(f"primary address {primary}: {found}", found.data)
            elif found is not None:
                yield found
            yield Looking(asked, 100 * asked // len(primaries))

    async def _alone(self, frame: Frame, asked: Asked) -> "Found | _Phantom | DecodeError":
        """Ask again, alone, who seems to have answered: two answers on top of each other may look like a third's."""
        fault = refusal(frame, asked) or application_error(frame)
        if fault is not None:
            return fault
        address = speaker(frame)
        assert address is not None, "a frame that is not refused is somebody's"
        if len(address.id) < ID_DIGITS:
            return DecodeError("it answers without saying who it is; name it by its primary address", frame.data)
        outcome = await self._wish(partial(_read, Asked(address=address)))
        if isinstance(outcome, DecodeError):
            return _Phantom(f"as {address} it does not answer: several meters, or one without secondary address")
        return Found(address, frame.data[5], decode(_joined(outcome)))

    async def _once(self, whom: Address | int, bus: Bus) -> DecodeError | Frame:
        if isinstance(whom, Address) and (watch := self._watches.get(whom)) is not None:
            return await self._poll(watch, bus)
        outcome = await bus.read(Asked(whom) if isinstance(whom, int) else asked_of(whom))
        return outcome if isinstance(outcome, DecodeError) else _joined(outcome)

    async def _wish(self, do: Callable[[Bus], Awaitable[T]]) -> T:
        """Have the owner of the line do something; OSError says in a sentence why it is not done."""
        if self._bus is None:
            raise OSError(f"{self.name}: the line is not open")
        return await self._wishes.make(do, self._wake)

    def _wake(self) -> None:
        if self._bus is not None:
            self._bus.wake()

    def _fault(self, fault: DecodeError) -> None:
        self._sink.fault(self.name, fault)


def parse_address(text: str) -> Address:
    """The address that `str` wrote: mbus:KAM-12345678-1b-04, or mbus: and what else a meter says of itself."""
    id_ = text.removeprefix("mbus:")
    if "-" not in id_:
        return Address("mbus", id_)
    manufacturer, number, version, device_type = id_[:3], *id_[4:].split("-")
    return Address("mbus", number, manufacturer, int(version, 16), int(device_type, 16))


async def _read(asked: Asked, bus: Bus) -> list[Frame] | DecodeError:
    return await bus.read(asked)


async def _heard(pattern: str, bus: Bus, *, probe: bool) -> Frame | DecodeError | None:
    return await bus.acknowledged(pattern) if probe else await bus.heard(pattern)


async def _at(primary: int, bus: Bus) -> Frame | DecodeError | None:
    return await bus.at(primary)


def _joined(parts: Sequence[Frame]) -> Frame:
    return Frame(b"".join(part.data for part in parts))
