"""From parcels to what Ecolyo reads: a load a half-hour and a day, by the calendar of Paris.

Shapes: self-data-technical-doc of the Métropole de Lyon, docs/ecolyo/project_architecture/doctypes.md. A load is in kWh, of water in litres.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from zoneinfo import ZoneInfo

from gateway.fluids import Fluid, Said, counted, fault
from gateway.model import SeriesKey
from sync.model import Parcel, Series, Trouble, Why

PARIS = ZoneInfo("Europe/Paris")
HALF_HOUR_S = 1800
MINUTE, DAY, MONTH, YEAR = "minute", "day", "month", "year"
SHARE = {Fluid.ELECTRICITY: Decimal(1000), Fluid.GAS: Decimal(1000), Fluid.WATER: Decimal(1)}
FIELDS = ("year", "month", "day", "hour", "minute")

Key = tuple[
    int, int, int, int, int
]  # as FIELDS; what a kind has no use for is 1 of day and month, and 0 of hour and minute


@dataclass
class Loads:
    """Of one fluid, one kind of document: what is known, by its key; and all keys of the time that was looked at."""

    known: dict[Key, Decimal] = field(default_factory=dict)
    span: set[Key] = field(default_factory=set)


def check(parcel: Parcel) -> dict[Fluid, tuple[SeriesKey, ...]]:
    """What of a parcel counts what is drawn; Trouble where it is none that Ecolyo reads."""
    if not _is_midnight(parcel.start) or not _is_midnight(parcel.end):
        raise Trouble(Why.ODD, "Ecolyo reads by the days of Paris, and this home has others")
    if not parcel.series:
        return {}
    series = [Said(SeriesKey.parse(one.key), one.medium, one.unit, one.kind) for one in parcel.series]
    if wrong := fault(series, parcel.resolution):
        raise Trouble(Why.ODD, wrong)
    return counted(series)


def half_hours(parcel: Parcel, fluid: Fluid, keys: Sequence[SeriesKey]) -> Loads:
    """The two half-hours of an October night that have one name are summed; in March two names are missing."""
    loads = Loads()
    index = _index(parcel.series, keys)
    sums: dict[Key, list[Decimal | None]] = {}
    for at in range(parcel.start, parcel.end, HALF_HOUR_S):
        key = _key(at, MINUTE)
        loads.span.add(key)
        sums.setdefault(key, []).append(_drawn(index, at, at + HALF_HOUR_S))
    for key, parts in sums.items():
        whole = [part for part in parts if part is not None]
        if len(whole) == len(parts):
            loads.known[key] = sum(whole, Decimal()) / SHARE[fluid]
    return loads


def days(parcel: Parcel, fluid: Fluid, keys: Sequence[SeriesKey]) -> Loads:
    """A day is there once both of its midnights are known: what was drawn in a gap in between is in it."""
    loads = Loads()
    index = _index(parcel.series, keys)
    for start, end in midnights(parcel.start, parcel.end):
        key = _key(start, DAY)
        loads.span.add(key)
        if (drawn := _drawn(index, start, end)) is not None:
            loads.known[key] = drawn / SHARE[fluid]
    return loads


def spans(kind: str, start: int, end: int) -> set[Key]:
    """All keys of a time from midnight to midnight."""
    if kind == MINUTE:
        return {_key(at, MINUTE) for at in range(start, end, HALF_HOUR_S)}
    return {_key(day, DAY) for day, _ in midnights(start, end)}


def midnights(start: int, end: int) -> Iterable[tuple[int, int]]:
    """Each local day of the time, from its midnight to the next."""
    day = datetime.fromtimestamp(start, UTC).astimezone(PARIS).date()
    at = start
    while at < end:
        day += timedelta(days=1)
        after = int(datetime(day.year, day.month, day.day, tzinfo=PARIS).timestamp())
        yield at, after
        at = after


def key_of(document: Mapping[str, object]) -> Key | None:
    """Which slot a document fills; None for what is none of these."""
    numbers = tuple(document.get(name) for name in FIELDS)
    if not all(type(number) is int for number in numbers):
        return None
    year, month, day, hour, minute = (number for number in numbers if isinstance(number, int))
    return year, month, day, hour, minute


def _index(series: Sequence[Series], keys: Sequence[SeriesKey]) -> Mapping[int, Decimal]:
    """The sum of these indexes, at the times at which each of them is known."""
    wanted = {str(key) for key in keys}
    known = [
        {at: Decimal(value) for at, value in zip(one.at, one.value, strict=True) if value is not None}
        for one in series
        if one.key in wanted
    ]
    if not known:
        return {}
    return {at: sum((one[at] for one in known), Decimal()) for at in known[0] if all(at in one for one in known)}


def _drawn(index: Mapping[int, Decimal], start: int, end: int) -> Decimal | None:
    if start not in index or end not in index:
        return None
    drawn = index[end] - index[start]
    return drawn if drawn >= 0 else None


def _key(at: int, kind: str) -> Key:
    local = datetime.fromtimestamp(at, UTC).astimezone(PARIS)
    if kind == MINUTE:
        return local.year, local.month, local.day, local.hour, local.minute
    return local.year, local.month, local.day, 0, 0


def _is_midnight(at: int) -> bool:
    local = datetime.fromtimestamp(at, UTC).astimezone(PARIS)
    return (local.hour, local.minute, local.second) == (0, 0, 0)
