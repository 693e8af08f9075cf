"""What a series is called where figures are rows of a database, in base units: `releve_energy`, `joules_total`.

Prometheus, "Metric and label naming": one unit a name, a base unit, the unit in plural at its end, `_total` behind what only grows.
A series is identified by the grant it was sent under and its key, and nothing else: a name that its owner changes would begin it
a second time, and is nothing that a landlord needs.
"""

from collections.abc import Iterator, Mapping
from decimal import Decimal

from sync.model import Parcel, Series

PREFIX = "releve_"
HOUR_S = 3600

# unit: its base unit, and how many of these it is; as a numerator and a denominator, since 1/3600 is no decimal number.
_BASE = {
    "Wh": ("joules", HOUR_S, 1),
    "J": ("joules", 1, 1),
    "varh": ("var_hours", 1, 1),
    "VAh": ("volt_ampere_hours", 1, 1),
    "L": ("cubic_meters", 1, 1000),
    "m3degC": ("cubic_meter_celsius", 1, 1),
    "kg": ("kilograms", 1, 1),
    "HCA": ("units", 1, 1),
    "s": ("seconds", 1, 1),
    "W": ("watts", 1, 1),
    "J/h": ("watts", 1, HOUR_S),
    "var": ("vars", 1, 1),
    "VA": ("volt_amperes", 1, 1),
    "L/h": ("cubic_meters_per_second", 1, 1000 * HOUR_S),
    "kg/h": ("kilograms_per_second", 1, HOUR_S),
    "degC": ("celsius", 1, 1),
    "K": ("kelvins", 1, 1),
    "%RH": ("ratio", 1, 100),
    "bar": ("pascals", 100_000, 1),
    "V": ("volts", 1, 1),
    "A": ("amperes", 1, 1),
    "Hz": ("hertz", 1, 1),
    "%": ("ratio", 1, 100),
    "ppm": ("ratio", 1, 1_000_000),
    "": ("", 1, 1),
}


def measurement(series: Series) -> str:
    return PREFIX + series.quantity


def field(series: Series) -> str:
    """The unit, and `total` of an index; `value` of a number that has none of both."""
    unit, _, _ = _BASE[series.unit]
    return "_".join(filter(None, (unit, "total" if series.kind == "index" else ""))) or "value"


def labels(series: Series, grant: str) -> Mapping[str, str]:
    return {"grant": grant, "medium": series.medium, "series": series.key}


def figures(series: Series, parcel: Parcel) -> Iterator[tuple[int, float]]:
    """Its known figures in the base unit, UTC seconds before each; that of an index at the period's end included.

    As binary numbers of 64 bits, which is all that such a database keeps.
    """
    _, times, parts = _BASE[series.unit]
    for at, value in zip(series.at, series.value, strict=True):
        if value is not None and parcel.start <= at <= parcel.end:
            yield at, float(Decimal(value) * times / parts)
