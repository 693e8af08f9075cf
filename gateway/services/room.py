"""How much room the memory card has left, and for how long at the pace of these days: told before nothing can be saved."""

from collections import deque
from dataclasses import dataclass
from itertools import pairwise
from statistics import median

from gateway.services.model import Finding, Service
from gateway.services.silence import CARD_SUBJECT

HOUR_S, DAY_S = 3600, 86_400
NEARLY_FULL = "nearly full"
RANK = 2  # below what the card refuses
# The box itself fills some tens of megabytes a year. What else is on the card may need the rest at once (an update, its
# logs), and so does a damaged file that is written anew. Of a small card a tenth.
FREE_BYTES_MIN, FREE_SHARE_MIN = 200_000_000, 0.1
# It is over once there is half as much again: at the edge it would come and go.
OVER = 1.5
# Or at the pace of the last days: long enough that somebody comes by.
DAYS_LEFT_MIN = 14
# The pace is the middle one of the last days, three at least: one big file is none.
PACE_DAYS, PACE_DAYS_MIN = 7, 3
MB = 1_000_000


@dataclass(frozen=True, slots=True)
class Space:
    """The file system that the readings are on: what a program may still fill of it."""

    free_bytes: int
    total_bytes: int


class Room:
    """The free room of the last week, as long as the box listens: the most of each hour, as files come and go."""

    def __init__(self) -> None:
        self._hours: deque[tuple[int, int]] = deque(maxlen=24 * PACE_DAYS + 1)

    def find(self, space: Space, before: Finding | None, now: int) -> Finding | None:
        """Whether it is nearly full; `before` is what goes on of the card by what was told before."""
        self._count(space.free_bytes, now)
        was_told = before is not None and before.kind == NEARLY_FULL
        more = OVER if was_told else 1.0
        free_bytes, days_left = max(free for _, free in list(self._hours)[-2:]), self._days_left()
        least_bytes = min(FREE_BYTES_MIN, FREE_SHARE_MIN * space.total_bytes)
        # A start raises nothing: an hour is seen whole. Nor does it end what was told by a pace that is not known anew.
        is_low = free_bytes < more * least_bytes and (was_told or len(self._hours) > 2)
        is_soon = days_left is not None and days_left < more * DAYS_LEFT_MIN
        known_mb = before.grounds.get("free_mb", 0.0) if before is not None and "days_left" in before.grounds else 0.0
        goes_on = was_told and len(self._hours) <= 24 * PACE_DAYS_MIN and free_bytes < OVER * known_mb * MB
        if not (is_low or is_soon or goes_on):
            return None
        grounds = {"free_mb": free_bytes / MB}
        if is_soon and days_left is not None:
            grounds["days_left"] = days_left
        elif goes_on and before is not None:
            grounds["days_left"] = before.grounds["days_left"]
        return Finding(Service.SILENCE, CARD_SUBJECT, NEARLY_FULL, now, grounds, RANK)

    def _count(self, free_bytes: int, now: int) -> None:
        hour = now // HOUR_S
        if self._hours and self._hours[-1][0] > hour:
            self._hours.clear()  # the clock was set back
        if self._hours and self._hours[-1][0] == hour:
            free_bytes = max(free_bytes, self._hours.pop()[1])
        self._hours.append((hour, free_bytes))

    def _days_left(self) -> float | None:
        """By the middle one of what each of the last days took; None where that is not known, or it is nothing."""
        last_hour, last = self._hours[-1]
        free = dict(self._hours)
        each_day = [free.get(last_hour - 24 * day) for day in range(PACE_DAYS + 1)]
        took = [before - after for after, before in pairwise(each_day) if before is not None and after is not None]
        if len(took) < PACE_DAYS_MIN:
            return None
        a_day = median(took)
        return last / a_day if a_day > 0 else None
