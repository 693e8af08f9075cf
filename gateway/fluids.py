"""What a household draws of electricity, gas and water, as the app Ecolyo counts it: one meter a fluid, its total, no levels."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from drivers.model import Kind, Medium, Quantity
from gateway.model import SeriesKey

# What a house gives to the network is no consumption: a Linky's label, by OBIS, and as register maps and things call it.
GIVEN = re.compile(r"EAIT|2\.8\.\d+|export_energy.*")
# Of several registers that count all tariffs the one that counts all phases, too.
TOTALS = ("EAST", "BASE", "1.8.0", "import_energy")
RESOLUTIONS = ("10min", "30min", "day")


class Fluid(StrEnum):
    """As the doctypes of Ecolyo name them, after who distributes it in Lyon."""

    ELECTRICITY = "enedis"
    GAS = "grdf"
    WATER = "egl"


# What its index counts. A gas meter's volume is no energy, and what it is worth stands on the bill alone.
COUNTS = {
    (Medium.ELECTRICITY, Quantity.ENERGY.unit): Fluid.ELECTRICITY,
    (Medium.GAS, Quantity.ENERGY.unit): Fluid.GAS,
    (Medium.WATER, Quantity.VOLUME.unit): Fluid.WATER,
}


@dataclass(frozen=True, slots=True)
class Said:
    """A series, as far as it matters here."""

    key: SeriesKey
    medium: str
    unit: str
    kind: str


def counted(series: Sequence[Said]) -> dict[Fluid, tuple[SeriesKey, ...]]:
    """Of each fluid the indexes whose sum is its consumption: the total, or else all tariffs. What counts nothing is in none.

    ValueError, in one sentence, where a fluid has several meters, or a meter several totals.
    """
    by_fluid: dict[Fluid, list[SeriesKey]] = {}
    for one in series:
        fluid = COUNTS.get((Medium(one.medium), one.unit))
        if fluid is not None and one.kind == Kind.INDEX and not GIVEN.fullmatch(one.key.register):
            by_fluid.setdefault(fluid, []).append(one.key)
    return {fluid: _total(fluid, keys) for fluid, keys in by_fluid.items()}


def fault(series: Sequence[Said], resolution: str) -> str | None:
    """Why Ecolyo could not read what is granted, in one sentence; None where it can."""
    if resolution not in RESOLUTIONS:
        return f"Ecolyo reads half-hours or days, and {resolution} is granted"
    try:
        found = counted(series)
    except ValueError as error:
        return str(error)
    return (
        None
        if found
        else "Ecolyo reads the index of electricity or gas in watt-hours, or of water, and none is granted"
    )


def _total(fluid: Fluid, keys: list[SeriesKey]) -> tuple[SeriesKey, ...]:
    points = sorted({key.point for key in keys})
    if len(points) > 1:
        raise ValueError(
            f"Ecolyo knows one meter of {fluid.name.lower()}, and {len(points)} are granted: {', '.join(points)}"
        )
    whole = [key for key in keys if key.tariff == 0]
    for register in TOTALS:
        if named := [key for key in whole if key.register == register]:
            return tuple(named)
    if len(whole) == 1:
        return tuple(whole)
    if not whole and len({key.tariff for key in keys}) == len(keys):
        return tuple(sorted(keys))
    names = ", ".join(sorted(key.register for key in whole or keys))
    raise ValueError(f"nobody can tell which index of {points[0]} is its total: {names}")
