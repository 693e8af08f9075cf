"""Parcels as the gateway makes them, of a house that is made up; and a home for a target to ask."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime

from sync.model import Parcel, Put, Series

GRANT, OTHER_GRANT = "0123456789abcdef", "fedcba9876543210"
DAY_S, HALF_HOUR_S = 86_400, 1800
FIRST = 1_735_689_600  # 1 January 2025, 00:00 UTC; a database may refuse the future

INDEXES = (
    ("maison:EAST:0", "Compteur de Camille", "electricity", "energy", "Wh"),
    ("eau:volume:0", "Eau froide", "water", "volume", "L"),
    ("gaz:volume:0", "Gaz", "gas", "volume", "L"),
    ("chaleur:energy:0", "Chauffage", "heat", "energy", "Wh"),
)
LEVEL = ("maison:SINSTS:0", "Compteur de Camille", "electricity", "apparent_power", "VA")


def index(number: int, start: int, *, step_s: int = HALF_HOUR_S, end: int | None = None) -> Series:
    """What an index was at each bound of a day, that at its end included."""
    key, name, medium, quantity, unit = INDEXES[number]
    at = tuple(range(start, (end or start + DAY_S) + 1, step_s))
    value = tuple(str(1_000_000 * (number + 1) + (when - FIRST) // 180) for when in at)
    return Series(key, name, medium, quantity, unit, "index", at, (), value)


def level(start: int, *, step_s: int = HALF_HOUR_S, end: int | None = None) -> Series:
    key, name, medium, quantity, unit = LEVEL
    at = tuple(range(start, end or start + DAY_S, step_s))
    value = tuple(f"{200 + when // step_s % 97}.5" for when in at)
    return Series(key, name, medium, quantity, unit, "level", at, tuple(when + step_s for when in at), value)


def day(number: int = 0, *, revision: int = 0, held: str | None = None) -> Parcel:
    """A day of half-hours of five series: 240 figures, and four that the next day begins with."""
    start = FIRST + number * DAY_S
    every = (*(index(each, start) for each in range(len(INDEXES))), level(start))
    name = datetime.fromtimestamp(start, UTC).strftime("%Y-%m-%d")
    return Parcel(name, start, start + DAY_S, "30min", revision, every, held)


def revised(parcel: Parcel, put: Put, *, without: int | None = None, **values: str | None) -> Parcel:
    """The same period, said anew: `s1_at3="7"` for the second series' fourth figure, None for one that went away.

    `without`: the number of a series that went away whole.
    """
    every = list(parcel.series)
    for where, value in values.items():
        number, _, at = where.removeprefix("s").partition("_at")
        one = every[int(number)]
        said = list(one.value)
        said[int(at)] = value
        every[int(number)] = replace(one, value=tuple(said))
    if without is not None:
        del every[without]
    return replace(parcel, revision=parcel.revision + 1, series=tuple(every), held=put.held)


@dataclass
class House:
    """What a target may ask of the gateway."""

    grant: str = GRANT
    redirect: str = "http://releve.local:8080/cloud"
    now: int = FIRST + 40 * DAY_S
    kept: dict[str, str] = field(default_factory=dict)

    async def keep(self, secrets: Mapping[str, str]) -> None:
        self.kept = dict(secrets)

    async def show(self, link: str) -> None:
        raise AssertionError("no row of a database needs its owner before a page")

    async def brought(self) -> Mapping[str, str]:
        raise AssertionError("no row of a database needs its owner before a page")
