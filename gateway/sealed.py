"""Encrypted telegrams that nobody can read yet: of meters nobody adopted, in memory only and for a day at most."""

from bisect import bisect_right
from dataclasses import dataclass, replace

from drivers.model import Frame
from gateway.aside import thin

# A day of a meter that speaks each half hour; of one that speaks more often every other one of the older half goes.
PER_METER_MAX = 48
# About 6 MB. A stairwell of 400 meters fits whole; a crowd of made-up ones thins them all.
TELEGRAMS_MAX = 20_000
PER_METER_MIN = 4
S_MAX = 86400


@dataclass(frozen=True, slots=True)
class Sealed:
    """A telegram as it was heard, when (UTC seconds) and on which port."""

    at: int
    port: str
    frame: Frame


class Strangers:
    """The telegrams of each meter, oldest first, so that a key can be tried and the day before an adoption be read."""

    def __init__(self) -> None:
        self._kept: dict[str, list[Sealed]] = {}
        self._total = 0
        self.thinned = 0

    def __len__(self) -> int:
        return self._total

    def keep(self, address: str, telegram: Sealed) -> None:
        kept = self._kept.setdefault(address, [])
        kept.append(telegram)
        self._total += 1
        if len(kept) > PER_METER_MAX:
            self._thin(kept)
        if self._total > TELEGRAMS_MAX:
            for each in self._kept.values():
                if len(each) > PER_METER_MIN:
                    self._thin(each)

    def count(self, address: str) -> int:
        return len(self._kept.get(address, ()))

    def take(self, address: str) -> list[Sealed]:
        """What is there, which is forgotten here."""
        taken = self._kept.pop(address, [])
        self._total -= len(taken)
        return taken

    def forget(self, now: int) -> None:
        """Nothing stays longer than it may; called now and then."""
        for address, kept in list(self._kept.items()):
            old = bisect_right(kept, now - S_MAX, key=lambda telegram: telegram.at)
            del kept[:old]
            self._total -= old
            if not kept:
                del self._kept[address]

    def shift(self, by: int) -> None:
        """The clock was set: all was heard so many seconds later than it said."""
        for kept in self._kept.values():
            kept[:] = [replace(telegram, at=telegram.at + by) for telegram in kept]

    def _thin(self, kept: list[Sealed]) -> None:
        gone = thin(kept)
        self._total -= gone
        self.thinned += gone
