"""The way through what is wanted of a house (`gateway/export.py`): asked for piece by piece, counted, and put into words."""

from __future__ import annotations

from array import array
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from itertools import chain
from typing import Any
from zoneinfo import ZoneInfo

from drivers.model import Quantity
from gateway.export import Pieces, unpacked
from gateway.importers.units import unit_for
from gateway.trouble import Trouble

# In one piece: at a point each ten seconds 2 MB.
SPAN_S = 14 * 86_400
SLOT_S = 900  # every zone's clock is a whole number of these from UTC, nowadays
OF_AN_HOUR = [f"{second // 60:02}:{second % 60:02}" for second in range(3600)]
ALWAYS = 1 << 40

Progress = Callable[[float], None]


@dataclass(frozen=True, slots=True)
class Wanted:
    """Of which metering point (None: all), between which local days, both included (None: from the first, to the last)."""

    point: str | None = None
    first: date | None = None
    last: date | None = None


@dataclass(slots=True)
class Done:
    """What was written. `damaged` days could not be read; `unsaid` swaps cannot be told from the rows of readings.csv.

    Of Green Button: `readings` are amounts, `unsaid` those that it has no number for, `left_out` the series that have no
    place in it; `zone_unsaid` where it has no words for the home's clock.
    """

    readings: int = 0
    series: int = 0
    swaps: int = 0
    periods: int = 0
    damaged: int = 0
    unsaid: int = 0
    left_out: int = 0
    zone_unsaid: bool = False


class Walk:
    """What is wanted of a house; `done` counts what was asked for. Trouble for a metering point that there is not."""

    def __init__(self, ask: Pieces, wanted: Wanted, progress: Progress) -> None:
        self._ask = ask
        self._progress = progress
        self.done = Done()
        self.about = about = ask("/export", {})
        zone = ZoneInfo(about["time_zone"])
        self.moments = Moments(zone)
        self.start = 0 if wanted.first is None else midnight(wanted.first, zone)
        self.end = ALWAYS if wanted.last is None else midnight(wanted.last + timedelta(days=1), zone)
        self._names = _names(about["points"])
        self._media = {point["id"]: point["medium"] for point in about["points"]}
        ids = None if wanted.point is None else {_chosen(wanted.point, about["points"])}
        self.points = [point for point in about["points"] if ids is None or point["id"] in ids]
        self.series = [series for series in about["series"] if ids is None or series["point"] in ids]
        self.files = [part for part in about["files"] if ids is None or part["point"] in ids]
        # One unit for all meters of a register, and for all time: should it become finer meanwhile, it has decimals.
        powers: dict[tuple[object, ...], int] = {}
        for series in self.series:
            quantity = Quantity[series["quantity"]]
            what = (series["point"], series["register"], series["tariff"], quantity)
            powers[what] = min(powers.get(what, series["exponent"]), series["exponent"])
            series["what"] = what
        for series in self.series:
            series["unit"], series["power"] = unit_for(series["what"][-1], powers[series["what"]])
        self._pieces = sum(len(self._bounds(series)) for series in self.series)
        self._asked = 0

    def name(self, point: str) -> str:
        """As readings.csv names a metering point; one that is no longer there by its id."""
        return self._names.get(point, point)

    def medium(self, point: str) -> str:
        return str(self._media.get(point, "other"))

    def said(self, series: dict[str, Any], value: str) -> str:
        """A value that was stated in the quantity's own unit, in the unit that the series is written in."""
        return f"{Decimal(value).scaleb(-series['power']):f}"

    def spans(self, series: dict[str, Any]) -> Iterator[tuple[array[int], list[str]]]:
        """(times, values as text) of a series, some days at a time; nothing that is empty."""
        self.done.series += 1
        for start in self._bounds(series):
            end = min(start + SPAN_S, self.end, series["last_at"] + 1)
            piece = self._ask("/export/points", {"series": series["series"], "start": start, "end": end})
            ats = unpacked(piece["at"])
            self.done.damaged += piece["damaged"]
            self.done.readings += len(ats)
            self._asked += 1
            self._progress(self._asked / self._pieces)
            if ats:
                yield ats, _decimals(unpacked(piece["value"]), series["power"] - piece["exponent"])

    def amounts(self, series: dict[str, Any], bounds: Sequence[int], gap_s: int | None) -> tuple[int, list[int | None]]:
        """(exponent, what an index grew by between each two bounds); None where it is not known to be all."""
        piece = self._ask("/export/amounts", {"series": series["series"], "bounds": bounds, "gap_s": gap_s})
        self.done.damaged += piece["damaged"]
        return piece["exponent"], piece["value"]

    def periods(self, part: dict[str, Any]) -> Iterator[tuple[int, int, int]]:
        """(start, end, value) of what a company's file says of one register."""
        after, more = -1, True
        while more:
            piece = self._ask("/export/periods", {"part": part["part"], "after": after})
            more = piece["more"]
            for start, end, value in piece["rows"]:
                after = start
                if start < self.end and max(end, start + 1) > self.start:
                    self.done.periods += 1
                    yield start, end, value

    def _bounds(self, series: dict[str, Any]) -> range:
        return range(max(self.start, series["first_at"]), min(self.end, series["last_at"] + 1), SPAN_S)


class Moments:
    """UTC seconds as (ISO 8601 in UTC, the home's own clock); what came just before makes the next one quick."""

    def __init__(self, zone: ZoneInfo) -> None:
        self._zone = zone
        self._slot = -1
        self._utc = self._local = ""
        self._utc_s = self._local_s = 0

    def __call__(self, at: int) -> tuple[str, str]:
        slot, rest = divmod(at, SLOT_S)
        if slot != self._slot:
            utc = datetime.fromtimestamp(slot * SLOT_S, UTC)
            local = utc.astimezone(self._zone)
            if (local.minute * 60 + local.second) % SLOT_S:
                utc = datetime.fromtimestamp(at, UTC)
                return f"{utc:%Y-%m-%dT%H:%M:%SZ}", f"{utc.astimezone(self._zone):%Y-%m-%d %H:%M:%S}"
            self._slot = slot
            self._utc, self._local = f"{utc:%Y-%m-%dT%H:}", f"{local:%Y-%m-%d %H:}"
            self._utc_s, self._local_s = utc.minute * 60, local.minute * 60
        return f"{self._utc}{OF_AN_HOUR[self._utc_s + rest]}Z", self._local + OF_AN_HOUR[self._local_s + rest]


def _decimals(values: array[int], decimals: int) -> list[str]:
    """Whole numbers of 10**-decimals as exact decimals."""
    if decimals <= 0:
        return [str(value * 10**-decimals) for value in values]
    one = 10**decimals
    return [f"{'-' * (value < 0)}{abs(value) // one}.{abs(value) % one:0{decimals}}" for value in values]


def _names(points: list[dict[str, Any]]) -> dict[str, str]:
    """Each metering point's own name, or its id where a name would say two of them."""
    said = Counter(chain((point["name"] for point in points), (point["id"] for point in points)))
    return {
        point["id"]: point["name"] if said[point["name"]] == 1 + (point["name"] == point["id"]) else point["id"]
        for point in points
    }


def _chosen(point: str, points: list[dict[str, Any]]) -> str:
    """The id of the metering point of this id or, where one alone has it, name."""
    called = [each["id"] for each in points if each["name"] == point]
    if point in {each["id"] for each in points}:
        return point
    if len(called) == 1:
        return str(called[0])
    if called:
        raise Trouble(f"--point: {len(called)} are called {point!r}: one of {', '.join(called)} is needed")
    known = ", ".join(each["name"] for each in points)
    raise Trouble(f"--point: a metering point of the house ({known}) is needed, not {point!r}")


def midnight(day: date, zone: ZoneInfo) -> int:
    return int(datetime(day.year, day.month, day.day, tzinfo=zone).timestamp())
