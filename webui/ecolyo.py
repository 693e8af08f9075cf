"""Which meters the app Ecolyo can show, and why not the others: it counts electricity, gas and water, one meter of each."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from drivers.model import Kind, Medium
from gateway import fluids
from gateway.fluids import Fluid, Said
from gateway.grants import GrantedSeries
from webui.words import mark

Series = tuple[GrantedSeries, ...]

OTHER_MEDIUM = mark("Ecolyo shows electricity, gas and cold water alone.")
GAS_VOLUME = mark("it counts cubic metres, and Ecolyo shows gas in kilowatt-hours alone.")
GIVES = mark("it counts what your home gives to the network, and Ecolyo shows what it uses.")
UNCLEAR = mark("it says several indexes, and nobody can tell which of them is its total.")
NO_INDEX = mark("it says no index that Ecolyo reads.")

MEDIUMS = {medium for medium, _ in fluids.COUNTS}


@dataclass(frozen=True, slots=True)
class Look:
    """Of some meters: the series that Ecolyo counts, the others by name with why, and the names of those of one kind."""

    series: Series
    others: tuple[tuple[str, str], ...]
    alike: tuple[str, ...]


def look(meters: Iterable[tuple[str, Sequence[Series]]]) -> Look:
    """Of each meter its name, and its series as they may be given: the first that Ecolyo counts is taken."""
    found: dict[Fluid, list[tuple[str, Series]]] = {}
    others = []
    for name, choices in meters:
        counted = _counted(choices)
        if isinstance(counted, str):
            others.append((name, counted))
        else:
            fluid, series = counted
            found.setdefault(fluid, []).append((name, series))
    return Look(
        tuple(one for some in found.values() for _, series in some for one in series),
        tuple(others),
        tuple(name for some in found.values() if len(some) > 1 for name, _ in some),
    )


def _counted(choices: Sequence[Series]) -> tuple[Fluid, Series] | str:
    """What of a meter counts as which fluid; or why nothing does."""
    for series in choices:
        try:
            counted = fluids.counted([_said(one) for one in series])
        except ValueError:
            continue
        for fluid, keys in counted.items():
            return fluid, tuple(one for one in series if one.key in keys)
    return _why([one for series in choices for one in series])


def _why(series: Sequence[GrantedSeries]) -> str:
    indexes = [one for one in series if one.quantity.kind is Kind.INDEX]
    counts = [one for one in indexes if (one.medium, one.quantity.unit) in fluids.COUNTS]
    if any(one.medium not in MEDIUMS for one in series):
        return OTHER_MEDIUM
    if counts:
        return GIVES if all(fluids.GIVEN.fullmatch(one.key.register) for one in counts) else UNCLEAR
    return GAS_VOLUME if any(one.medium is Medium.GAS for one in indexes) else NO_INDEX


def _said(one: GrantedSeries) -> Said:
    return Said(one.key, one.medium, one.quantity.unit, one.quantity.kind)
