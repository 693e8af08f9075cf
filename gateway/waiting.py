"""Telegrams of the house's own meters that cannot be read yet: on the card until a key, or a full frame, opens them."""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from typing import Protocol

from drivers.model import Frame, State
from gateway.aside import Aside, behind
from gateway.sealed import Sealed
from gateway.undated import Timekeeper
from gateway.views import Waits

log = logging.getLogger(__name__)

PREFIX = "waiting "
# A meter says as much in a minute when it hurries; more is somebody speaking in its name, and is sampled.
A_MINUTE_MAX = 60
# Reading one takes 0.2 ms here and a Pi is slower: so many at a time, and the event loop has its turn (bench/past.py).
READ_AT_A_TIME = 10
NO_SIGNAL = "-"
STRAY_S_MAX = 86400
# None: a decoder's bug, which the next release may not have.
STILL_WAITING = frozenset({None, State.KEY_MISSING, State.WRONG_KEY, State.WAITING_FORMAT})
# A part of a message waits with its message: once one was opened, its parts are no longer needed.
STILL_SEALED = STILL_WAITING | {State.WAITING_FRAGMENT}


class Reader(Protocol):
    """What decodes a telegram of the past, as if it were heard then."""

    def again(self, address: str, telegram: Sealed) -> State | None:
        """What became of it; None for a decoder's failure, which was counted."""

    def pause(self, address: str) -> None:
        """From now on what this meter says waits, too: its past comes first."""

    def go_on(self, address: str) -> None: ...


class Waiting:
    """Keeps telegrams in order of time, bounded, and has them read when it is asked to, and the time is known."""

    def __init__(self, aside: Aside, clock: Timekeeper) -> None:
        self._aside = aside
        self._clock = clock
        self._reading = asyncio.Lock()
        self._minutes: dict[str, tuple[int, int]] = {}
        self._appended: dict[str, int] = {}  # counted in the event loop, while the thread may still have to write
        self._read = 0
        self.sampled = 0
        self.strays = 0
        self.untimed = 0

    def addresses(self) -> tuple[str, ...]:
        return tuple(name.removeprefix(PREFIX) for name in self._aside.names() if name.startswith(PREFIX))

    @property
    def counts(self) -> dict[str, int]:
        """How many telegrams wait, and how many were given up and why."""
        found = [waits for address in self.addresses() if (waits := self.waits(address)) is not None]
        return {
            "waiting": sum(waits.telegrams for waits in found),
            "thinned": sum(waits.thinned for waits in found),
            "sampled": self.sampled,
            "strays": self.strays,
            "untimed": self.untimed,
        }

    def waits(self, address: str) -> Waits | None:
        kept = self._aside.kept(PREFIX + address)
        return None if kept is None else Waits(kept.lines, self._clock.time_of(kept.first.split()[0]), kept.thinned)

    def last(self, address: str) -> bytes | None:
        """The newest telegram of a meter that waits; None where none does."""
        kept = self._aside.kept(PREFIX + address)
        return None if kept is None else _telegram(kept.last, 0).frame.data

    def erase(self, address: str) -> int:
        """Nothing of this meter waits any longer when it returns; how much did. It waits for the card: OSError."""
        lines = self._aside.read(PREFIX + address).result()
        if lines:
            self._aside.replace(PREFIX + address, []).result()
        return len(lines)

    def keep(self, address: str, telegram: Sealed) -> None:
        minute, count = self._minutes.get(address, (0, 0))
        count = count + 1 if minute == telegram.at // 60 else 1
        self._minutes[address] = (telegram.at // 60, count)
        if count > A_MINUTE_MAX:
            self.sampled += 1
            return
        self._appended[address] = self._appended.get(address, 0) + 1
        self._aside.append(PREFIX + address, _line(self._clock.stamp(telegram.at), telegram))

    async def read(
        self,
        address: str,
        reader: Reader,
        settle: Callable[[], Awaitable[bool]],
        turn: Callable[[], Awaitable[None]],
        now: Callable[[], int],
    ) -> bool:
        """Have all that waits decoded in the order it was heard; what still cannot be read goes on waiting.

        What the meter says meanwhile waits behind it. A telegram leaves the card only after `settle` answered that the
        points it gave are there; False where they are not: all stays, to be read again. `turn` is awaited behind each:
        an index that began anew goes on before the next one is read. OSError where it cannot be read.
        What bears a time after those that were heard later was heard while the clock was ahead: its time is not known.
        """
        name = PREFIX + address
        replaced = None
        async with self._reading:
            reader.pause(address)
            try:
                left: list[str] = []
                opened = False
                last: str | None = None
                while True:
                    appended = self._appended.get(address, 0)
                    lines = behind(last, await asyncio.wrap_future(self._aside.read(name)))
                    found = self._in_time(lines, now())
                    if found is None:
                        return False
                    for telegram, line in found:
                        state = reader.again(address, telegram)
                        await turn()
                        opened = opened or state not in STILL_SEALED
                        if state in STILL_WAITING:
                            left.append(line)
                        self._read += 1
                        if self._read % READ_AT_A_TIME == 0:
                            await asyncio.sleep(0)
                    if lines:
                        last = lines[-1]
                    elif appended == self._appended.get(address, 0):
                        if not opened:
                            return True
                        if await settle() is False:
                            log.warning("%s: the card refuses its past, which is kept to be read again", address)
                            return False
                        if appended == self._appended.get(address, 0):
                            # No wait since the last look: what the meter says from here on is written behind this.
                            replaced = self._aside.replace(name, left)
                            break
            finally:
                reader.go_on(address)
        if replaced is not None:
            await asyncio.wrap_future(replaced)
        return True

    def _in_time(self, lines: list[str], now: int) -> list[tuple[Sealed, str]] | None:
        """Those whose time is known; None where the time itself was lost just now, and all stays."""
        found: list[tuple[Sealed, str]] = []
        untimed = 0
        for line in reversed(lines):
            stamp, _, _ = line.partition(" ")
            at = self._clock.time_of(stamp)
            if at is None and self._clock.is_of_this_boot(stamp):
                return None
            if at is None or at > now:
                untimed += 1
            else:
                now = at
                found.append((_telegram(line, at), line))
        self.untimed += untimed
        return found[::-1]

    def drop_strays(self, address: str, now: int) -> None:
        """A meter that is read has nothing to wait for: what did not open, and is older than a day, was somebody else's."""
        if self._reading.locked():
            return  # what waits is in use; the next round asks again
        kept = self._aside.kept(PREFIX + address)
        last = None if kept is None else self._clock.time_of(kept.last.split()[0])
        if kept is not None and last is not None and last < now - STRAY_S_MAX:
            self.strays += kept.lines
            self._aside.replace(PREFIX + address, [])


def _line(stamp: str, telegram: Sealed) -> str:
    rssi = telegram.frame.rssi_dbm
    return f"{stamp} {telegram.port} {NO_SIGNAL if rssi is None else rssi} {telegram.frame.data.hex()}"


def _telegram(line: str, at: int) -> Sealed:
    _, port, rssi, data = line.split()
    return Sealed(at, port, Frame(bytes.fromhex(data), None if rssi == NO_SIGNAL else int(rssi)))
