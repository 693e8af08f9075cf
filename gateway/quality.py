"""How well a TIC line is read: the groups that were refused in the last hour, and a word for it."""

from collections import deque
from dataclasses import dataclass, field

from gateway.views import Clarity, LineQuality

SLOT_S = 300
SLOTS = 12
# A sound line has none for days; a line begun in mid-frame has one or two.
BAD_MIN = 5
# A reading each second survives much: below a thousandth nobody misses one; a twentieth takes whole minutes away.
NOISY_SHARE = 1 / 1000
BAD_SHARE = 1 / 20


@dataclass(slots=True)
class Quality:
    """Good and bad groups, counted in slots of five minutes; what is older than an hour is forgotten."""

    _slots: deque[tuple[int, int, int]] = field(default_factory=lambda: deque(maxlen=SLOTS))

    def count(self, now: int, good: int, bad: int) -> None:
        slot = now // SLOT_S
        if self._slots and self._slots[-1][0] == slot:
            _, good_before, bad_before = self._slots.pop()
            good, bad = good + good_before, bad + bad_before
        self._slots.append((slot, good, bad))

    def of_the_last_hour(self, now: int) -> LineQuality | None:
        """None where nothing came."""
        recent = [(good, bad) for slot, good, bad in self._slots if now // SLOT_S - SLOTS < slot]
        good, bad = sum(good for good, _ in recent), sum(bad for _, bad in recent)
        if not good + bad:
            return None
        share = bad / (good + bad)
        if bad < BAD_MIN or share < NOISY_SHARE:
            return LineQuality(bad, share, Clarity.GOOD)
        return LineQuality(bad, share, Clarity.NOISY if share < BAD_SHARE else Clarity.BAD)
