"""Which thermometer stands beside which water meter: any series of temperatures of another metering point, as somebody chose."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from gateway.catalog import THERMOMETERS, Catalog
from gateway.model import SeriesKey


class Settings(Protocol):
    """Where settings are kept."""

    def setting(self, name: str) -> object | None: ...


class Series(Protocol):
    """Which series a metering point has."""

    def series(self, point_id: str) -> Sequence[SeriesKey]: ...


@dataclass(frozen=True, slots=True)
class Thermometer:
    """A register of a metering point, over all instruments that stood there."""

    point: str
    register: str


def all_of(settings: Settings) -> dict[str, Thermometer]:
    """The thermometer of each water meter that has one, by the ids of their metering points."""
    kept = settings.setting(THERMOMETERS)
    found = {}
    for meter, of in kept.items() if isinstance(kept, Mapping) else ():
        match of:
            case [str(point), str(register)]:
                found[str(meter)] = Thermometer(point, register)
    return found


def series_of(thermometer: Thermometer, house: Series) -> tuple[SeriesKey, ...]:
    return tuple(key for key in house.series(thermometer.point) if key.register == thermometer.register)


def choose(catalog: Catalog, meter: str, thermometer: Thermometer | None) -> None:
    """From now on this one stands beside the meter of this metering point; None: none does. OSError from the card."""
    with catalog.together():
        chosen = {each: of for each, of in all_of(catalog).items() if each != meter}
        if thermometer is not None:
            chosen[meter] = thermometer
        kept = {each: [of.point, of.register] for each, of in chosen.items()}
        catalog.set_setting(THERMOMETERS, kept or None)
