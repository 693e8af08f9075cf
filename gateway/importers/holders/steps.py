"""How far apart the rows of a load curve are: mean watts are worth nothing without it."""

from collections import Counter
from collections.abc import Sequence
from itertools import pairwise

STEPS_S = (300, 600, 900, 1800, 3600)
# Another step than the file's usual one is believed from so many rows in a row on: a day of hours.
RUN_MIN = 24


def steps(ats: Sequence[int]) -> list[int | None]:
    """The length of the period that each of these times (rising) belongs to; None where it cannot be told.

    A row after a gap has the step of the file. A file that changes its step for good has two.
    """
    if len(ats) < 2:
        return [None] * len(ats)
    apart = [high - low for low, high in pairwise(ats)]
    known = Counter(step for step in apart if step in STEPS_S)
    if not known:
        return [None] * len(ats)
    usual = known.most_common(1)[0][0]
    out: list[int | None] = [None] * len(ats)
    start = 0
    while start < len(apart):
        end = start
        while end < len(apart) and apart[end] == apart[start]:
            end += 1
        step = apart[start]
        if step == usual or (step in STEPS_S and end - start >= RUN_MIN):
            own: int | None = step
        else:
            own = usual if step > usual and step % usual == 0 else None
        for number in range(start, end):
            out[number + 1] = own
        start = end
    out[0] = out[1] if apart[0] == out[1] else usual
    return out
