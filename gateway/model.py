"""What the gateway keeps: series, their points, and where a meter stands."""

from dataclasses import dataclass
from decimal import Decimal
from typing import NamedTuple

from drivers.model import Medium, Quantity

# 1 January 2000: a clock that says less was never set, and no meter that is read here is older.
EARLIEST = 946_684_800
# Two index points further apart than this, and than three intervals of their meter, leave the time between unknown (an
# unchanged index is kept each 600 s).
GAP_S = 3 * 3600
# Register and tariff of what a meter gave to the network, the first that is found: a Linky's, by OBIS, and as register
# maps and things call it; one index, or one a tariff.
EXPORTS = (
    (("EAIT", 0),),
    (("2.8.0", 0),),
    (("export_energy", 0),),
    tuple((f"2.8.{tariff}", tariff) for tariff in range(1, 5)),
)


class SeriesKey(NamedTuple):
    """Metering point + register + tariff. `str()` of it is a promise: `maison:EAST:0`."""

    point: str
    register: str
    tariff: int = 0

    def __str__(self) -> str:
        return f"{self.point}:{self.register}:{self.tariff}"

    @classmethod
    def parse(cls, text: str) -> "SeriesKey":
        """Read back what `str()` wrote; ValueError names what was expected."""
        point, separator, rest = text.partition(":")
        register, separator2, tariff = rest.rpartition(":")
        if not (point and register and separator and separator2 and tariff.isdecimal() and len(tariff) < 10):
            raise ValueError(f"series: point:register:tariff is needed, not {text!r}")
        return cls(point, register, int(tariff))


@dataclass(frozen=True, slots=True)
class Point:
    """(time, value) of a series. `at` is whole UTC seconds; the value is `value * 10**exponent` in the quantity's unit.

    The exponent is the meter's own resolution, so nothing is rounded on the way in: 612.483 m3 is (612483, 0) L.
    """

    series: SeriesKey
    quantity: Quantity
    at: int
    value: int
    exponent: int = 0
    main: bool = False

    @property
    def decimal(self) -> Decimal:
        return Decimal(self.value).scaleb(self.exponent)


@dataclass(frozen=True, slots=True)
class Meter:
    """An adopted instrument: its address, and the metering point it stands at. Its key is kept elsewhere.

    `stand`: what its series are called where it took the place of another meter at the point, whose series have the
    point's own id; so that two instruments never share a series, and an exchange can be taken back.
    """

    address: str
    point: str
    since: int
    stand: str | None = None

    @property
    def series_point(self) -> str:
        """The first part of its series' keys."""
        return self.stand or self.point


@dataclass(frozen=True, slots=True)
class MeteringPoint:
    """The place a meter measures; it outlives the meter. `name` is the household's own word for it."""

    id: str
    dwelling: str
    name: str
    medium: Medium
