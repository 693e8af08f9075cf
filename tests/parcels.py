"""Parcels as the gateway makes them, of a house that is made up; and a home for a target to ask."""

import random
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime

from sync.model import Parcel, Put, Series

GRANT, OTHER_GRANT = "0123456789abcdef", "fedcba9876543210"
DAY_S, HALF_HOUR_S = 86_400, 1800
FIRST = 1_735_689_600  # 1 January 2025, 00:00 UTC; a database may refuse the future

# With the most that each counts in a half-hour.
INDEXES = (
    ("maison:EAST:0", "Compteur de Camille", "electricity", "energy", "Wh", 400),
    ("eau:volume:0", "Eau froide", "water", "volume", "L", 12),
    ("gaz:volume:0", "Gaz", "gas", "volume", "L", 90),
    ("chaleur:energy:0", "Chauffage", "heat", "energy", "Wh", 300),
)
LEVEL = ("maison:SINSTS:0", "Compteur de Camille", "electricity", "apparent_power", "VA")


def day(number: int = 0, *, revision: int = 0, held: str | None = None, quiet: bool = False) -> Parcel:
    """A day of half-hours of four indexes and a power: 240 figures, and four that the next day begins with. Made up, by chance.

    `quiet`: nobody is there, and what the meters say barely moves.
    """
    start = FIRST + number * DAY_S
    at = tuple(range(start, start + DAY_S + 1, HALF_HOUR_S))
    chance = random.Random(number * 1000 + revision)
    every: list[Series] = []
    for place, (key, name, medium, quantity, unit, most) in enumerate(INDEXES):
        first, half_hours = 10_000_000 * (place + 1) + number * most * 48, len(at) - 1
        said = [first]
        for _ in at[1:-1]:
            said.append(said[-1] + (0 if quiet else chance.randrange(most)))
        said.append(first + (0 if quiet else most * half_hours))
        every.append(Series(key, name, medium, quantity, unit, "index", at, (), tuple(map(str, said))))
    power = tuple("0" if quiet else f"{chance.randrange(80, 9000)}.{chance.randrange(10)}" for _ in at[1:])
    every.append(Series(*LEVEL, "level", at[:-1], at[1:], power))
    name = datetime.fromtimestamp(start, UTC).strftime("%Y-%m-%d")
    return Parcel(name, start, start + DAY_S, "30min", revision, tuple(every), held)


def year() -> list[Parcel]:
    return [day(number) for number in range(365)]


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
    now: int = FIRST + 400 * DAY_S
    kept: list[dict[str, str]] = field(default_factory=list)

    async def keep(self, secrets: Mapping[str, str]) -> None:
        self.kept.append(dict(secrets))

    async def show(self, link: str) -> None:
        raise AssertionError("its owner needs no page here")

    async def brought(self) -> Mapping[str, str]:
        raise AssertionError("nobody is sent back with a browser")
