"""What a house took, as Green Button: each local day of each index, asked for a week at a time (docs/export.md)."""

from collections.abc import Iterator, Sequence
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from itertools import pairwise
from typing import Any, NamedTuple, TextIO
from zoneinfo import ZoneInfo

from drivers.model import Kind, Medium, Quantity
from gateway import espi
from gateway.export import Pieces
from gateway.export_walk import Done, Progress, Walk, Wanted, midnight
from gateway.model import EXPORTS

# The store answers nobody else meanwhile: 336 half-hours.
WEEK = 7
# A half-hour is known where readings lie no further apart, or show the same: else one without any would be called 0.
HALF_HOUR_GAP_S = espi.HALF_HOUR_S
GIVEN = {each for registers in EXPORTS for each in registers}


class Day(NamedTuple):
    """What is known of one local day: each of its half-hours (`step_s`), or all of it; or the half-hours that are."""

    day: date
    start: int
    end: int
    step_s: int
    amounts: list[espi.Amount]


def has_unit(quantity: Quantity) -> bool:
    """Whether a series of it has a place in Green Button: an index, in a unit that ESPI and its readers know."""
    return quantity.kind is Kind.INDEX and quantity in espi.UNITS


def write_espi(ask: Pieces, wanted: Wanted, out: TextIO, progress: Progress) -> Done:
    """One feed; `done.left_out` counts the series that have no place in it. Trouble for a point that there is not."""
    walk = Walk(ask, wanted, progress)
    done, zone = walk.done, ZoneInfo(walk.about["time_zone"])
    fitting = [series for series in walk.series if has_unit(Quantity[series["quantity"]])]
    done.left_out = len(walk.series) - len(fitting)
    feed = espi.Feed(walk.about["dwelling"], walk.about["dwelling"], walk.about["made_at"])
    out.write(feed.begin())
    first_at = min((max(walk.start, each["first_at"]) for each in fitting), default=feed.made_at)
    clock = espi.rules(
        zone, *(datetime.fromtimestamp(at, UTC).year for at in (min(first_at, feed.made_at), feed.made_at))
    )
    if clock is not None:
        out.write(feed.local_time(zone.key, clock))
    done.zone_unsaid = clock is None
    meters = {point["id"]: [meter["address"] for meter in point["meters"]] for point in walk.points}
    points = dict.fromkeys([*meters, *(series["point"] for series in fitting)])
    types = past = 0
    for number, point in enumerate(points, 1):
        its = sorted((each for each in fitting if each["point"] == point), key=lambda each: not each["main"])
        if not its:
            continue
        key = " ".join((point, *meters.get(point, [])[:1]))
        out.write(
            feed.usage_point(number, key, walk.name(point), Medium(walk.medium(point)), local_time=clock is not None)
        )
        for series in its:
            done.series += 1
            places: dict[int, tuple[str, espi.Register]] = {}
            low, high = _span(walk, series)
            for day in _days(walk, series, zone):
                if day.step_s not in places:
                    types += 1
                    place, register = f"UsagePoint/{number}/MeterReading/{types}", _register(walk, series, day.step_s)
                    places[day.step_s] = place, register
                    out.write(feed.meter_reading(place, types, register))
                done.readings += len(day.amounts)
                out.write(feed.block(*places[day.step_s], day.day.isoformat(), day.start, day.end, day.amounts))
                progress((past + min(1.0, (day.end - low) / max(1, high - low))) / len(fitting))
            past += 1
    out.write(feed.end())
    return done


def _register(walk: Walk, series: dict[str, Any], step_s: int) -> espi.Register:
    tariff = f" {series['tariff']}" if series["tariff"] else ""
    flow = espi.FORWARD if series["main"] else None
    if (series["register"], series["tariff"]) in GIVEN:
        flow = espi.REVERSE
    return espi.Register(
        f"{series['meter']} {series['series']} {step_s}",
        f"{walk.name(series['point'])}: {series['register']}{tariff}",
        Medium(walk.medium(series["point"])),
        Quantity[series["quantity"]],
        _power(series),
        step_s,
        flow,
    )


def _span(walk: Walk, series: dict[str, Any]) -> tuple[int, int]:
    """The first and the last moment of a series, of those that are wanted; the second is before the first where none is."""
    return max(walk.start, series["first_at"]), min(walk.end - 1, series["last_at"], walk.about["made_at"])


def _days(walk: Walk, series: dict[str, Any], zone: ZoneInfo) -> Iterator[Day]:
    """The days of a series of which anything is known."""
    low, high = _span(walk, series)
    if low > high:
        return
    first, last = (datetime.fromtimestamp(at, UTC).astimezone(zone).date() for at in (low, high))
    swaps = [swap["at"] for swap in series["swaps"] if not swap["taken_back"]]
    power = _power(series)
    for week in range(first.toordinal(), last.toordinal() + 1, WEEK):
        days = [date.fromordinal(number) for number in range(week, min(week + WEEK, last.toordinal() + 1))]
        midnights = [midnight(day, zone) for day in (*days, days[-1] + timedelta(days=1))]
        bounds = [at for start, end in pairwise(midnights) for at in range(start, end, espi.HALF_HOUR_S)]
        known = _amounts(walk, series, [*bounds, midnights[-1]], HALF_HOUR_GAP_S, power, swaps)
        wholes: list[espi.Amount | None] | None = None
        for number, (start, end) in enumerate(pairwise(midnights)):
            halves = [each for at, each in zip(bounds, known, strict=True) if start <= at < end]
            step_s = espi.HALF_HOUR_S
            found = [each for each in halves if each is not None]
            if len(found) < len(halves):
                if wholes is None:
                    wholes = _amounts(walk, series, midnights, None, power, swaps)
                if (whole := wholes[number]) is not None:
                    step_s, found = espi.DAY_S, [whole]
            if found:
                yield Day(days[number], start, end, step_s, found)


def _amounts(
    walk: Walk, series: dict[str, Any], bounds: Sequence[int], gap_s: int | None, power: int, swaps: Sequence[int]
) -> list[espi.Amount | None]:
    """What was taken between each two bounds, as far as all of it is known: not after the last reading, which would be 0."""
    exponent, values = walk.amounts(series, bounds, gap_s)
    found: list[espi.Amount | None] = []
    for (start, end), value in zip(pairwise(bounds), values, strict=True):
        whole = None
        if value is not None and end <= series["last_at"]:
            whole, rest = divmod(value * 10 ** max(0, exponent - power), 10 ** max(0, power - exponent))
            if rest or whole > espi.VALUE_MAX:  # a meter that became finer meanwhile, or counts beyond all measure
                walk.done.unsaid += 1
                whole = None
        over = any(start < at <= end for at in swaps)
        found.append(None if whole is None else espi.Amount(start, end, whole, over))
    return found


def _power(series: dict[str, Any]) -> int:
    """The power of ten of the series' unit in which each of its differences is a whole number."""
    said = [swap[name] for swap in series["swaps"] for name in ("old_final", "new_start")]
    exponents = [exponent for text in said if isinstance(exponent := Decimal(text).as_tuple().exponent, int)]
    return espi.power_for(min([series["exponent"], *exponents]))
