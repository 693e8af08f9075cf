"""The water that a home draws in a year, kept by the minute: rectangular pulses, added up (SIMDEUM: Blokker et al. 2010)."""

from __future__ import annotations

from array import array
from dataclasses import dataclass
from enum import StrEnum

from bench.household.year import MINUTE, Span, days


class Use(StrEnum):
    WC = "WC"
    SHOWER = "shower"
    BATH = "bath"
    BASIN = "basin"
    KITCHEN = "kitchen tap"
    DISHWASHER = "dishwasher"
    LAUNDRY = "laundry"
    CLEANING = "cleaning"
    GARDEN = "garden"
    CAR = "car"
    POOL = "pool"
    SOFTENER = "softener"
    AIR = "cooler, humidifier"
    OTHER = "other"
    WEEP = "weeping WC valve"  # closes by itself within the hour: use, not a leak
    ACCIDENT = "tap forgotten"


@dataclass(frozen=True)
class Oddity:
    """Water that is no leak and nothing usual.

    `ACCIDENT`: a tap or a hose forgotten; `POOL`: its yearly filling; `OTHER`: works in the home.
    """

    use: Use
    span: Span


class Water:
    """Litres a minute from the first local midnight of the year; within a minute the flow is taken as even."""

    def __init__(self, year: int) -> None:
        self.span = Span(days(year)[0].start, days(year)[-1].end)
        self.minutes = array("d", bytes(8 * ((self.span.end - self.span.start) // MINUTE)))
        self.litres = dict.fromkeys(Use, 0.0)
        self.flushes: list[float] = []  # when, in UTC seconds
        self.oddities: list[Oddity] = []

    def pour(self, use: Use, at: float, seconds: float, lps: float) -> None:
        """From `at` (UTC seconds) on; what falls outside of the year is left out."""
        begin = at - self.span.start
        end = begin + seconds
        minute = int(begin // MINUTE)
        if begin < 0 or end > self.span.end - self.span.start:
            return
        if end <= (minute + 1) * MINUTE:
            self.minutes[minute] += seconds * lps
        else:
            last = int(end // MINUTE)
            self.minutes[minute] += ((minute + 1) * MINUTE - begin) * lps
            for whole in range(minute + 1, last):
                self.minutes[whole] += MINUTE * lps
            if rest := end - last * MINUTE:
                self.minutes[last] += rest * lps
        self.litres[use] += seconds * lps

    def odd(self, use: Use, at: float, seconds: float, lps: float) -> None:
        """Pour what a person would tell of."""
        if at >= self.span.start and at + seconds <= self.span.end:
            self.pour(use, at, seconds, lps)
            self.oddities.append(Oddity(use, Span(int(at), int(at + seconds))))
