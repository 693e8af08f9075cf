"""An index that falls: which of its rows are wrong, so that the fewest are."""

from bisect import bisect_right
from collections.abc import Sequence


def longest_rise(values: Sequence[int]) -> list[int]:
    """The numbers of the rows of the longest run that never falls."""
    ends: list[int] = []  # the smallest last value of a run of length n + 1, and which row it is
    end_rows: list[int] = []
    before: list[int] = []
    for number, value in enumerate(values):
        length = bisect_right(ends, value)
        before.append(end_rows[length - 1] if length else -1)
        ends[length : length + 1] = [value]
        end_rows[length : length + 1] = [number]
    kept = []
    number = end_rows[-1] if end_rows else -1
    while number >= 0:
        kept.append(number)
        number = before[number]
    return kept[::-1]
