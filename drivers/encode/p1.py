"""A P1 port that does not exist: telegrams of every version, and a whole Dutch or Belgian household's."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal

from drivers.crc import IBM, crc16
from drivers.encode.tic import with_parity
from drivers.p1.times import is_summer

DUTCH = r"ISk5\2MT382-1000"
BELGIAN = r"FLU5\253770234_A"


def telegram(identification: str, lines: Iterable[str]) -> bytes:
    """From version 4 on: with its CRC, as an 8N1 line has it."""
    return with_crc("\r\n".join((f"/{identification}", "", *lines, "!")).encode("latin-1"))


def with_crc(body: bytes) -> bytes:
    """From / to !, and the CRC behind it."""
    return body + f"{crc16(IBM, body, 0):04X}\r\n".encode()


def old_telegram(identification: str, lines: Iterable[str]) -> bytes:
    """Versions 2.2 and 3: no CRC, and with its parity in bit 7, as an 8N1 line reads a 7E1 meter."""
    return with_parity("\r\n".join((f"/{identification}", "", *lines, "!", "")).encode("ascii"))


def time(at: datetime) -> str:
    """YYMMDDhhmmssX, local time of Central Europe."""
    utc = at.astimezone(UTC)
    summer = is_summer(utc)
    return (utc + timedelta(hours=2 if summer else 1)).strftime("%y%m%d%H%M%S") + ("S" if summer else "W")


def as_hex(text: str) -> str:
    """A number or a message as P1 sends it."""
    return text.encode("latin-1").hex().upper()


def kilo(value: int, whole: int) -> str:
    """Watts or watt-hours as kW or kWh, with so many digits before the point and three behind it."""
    return f"{Decimal(value).scaleb(-3):0{whole + 4}.3f}"


@dataclass(frozen=True, slots=True)
class SubMeter:
    """A meter on the electricity meter's M-Bus: what it counted, in litres, when it was asked last."""

    number: str
    litres: int
    taken: datetime
    device_type: int = 3
    code: str = "24.2.1"


@dataclass(frozen=True, slots=True, kw_only=True)
class Household:
    """What a single-phase meter has to say at one moment."""

    number: str
    at: datetime
    import_wh: tuple[int, int]
    export_wh: tuple[int, int] = (0, 0)
    import_w: int = 0
    export_w: int = 0
    tariff: int = 1
    voltage: str = "230.0"
    sub_meters: tuple[SubMeter, ...] = ()


def v5(house: Household) -> bytes:
    """A Dutch meter's telegram of version 5, sent each second."""
    lines = [
        "1-3:0.2.8(50)",
        f"0-0:1.0.0({time(house.at)})",
        f"0-0:96.1.1({as_hex(house.number)})",
        *_energies(house, 6),
        f"0-0:96.14.0({house.tariff:04})",
        f"1-0:1.7.0({kilo(house.import_w, 2)}*kW)",
        f"1-0:2.7.0({kilo(house.export_w, 2)}*kW)",
        "0-0:96.7.21(00013)",
        "0-0:96.7.9(00002)",
        "1-0:99.97.0(0)(0-0:96.7.19)",
        "1-0:32.32.0(00001)",
        "1-0:32.36.0(00000)",
        "0-0:96.13.0()",
        f"1-0:32.7.0({house.voltage}*V)",
        f"1-0:31.7.0({house.import_w // 230:03}*A)",
        f"1-0:21.7.0({kilo(house.import_w, 2)}*kW)",
        f"1-0:22.7.0({kilo(house.export_w, 2)}*kW)",
    ]
    for channel, meter in enumerate(house.sub_meters, 1):
        lines += _sub_meter(channel, meter, "96.1.0")
    return telegram(DUTCH, lines)


def belgian(house: Household) -> bytes:
    """A Flemish meter's telegram: gas as 24.2.3, the month's peak, thirteen months' peaks, relays of its own."""
    month = time(house.at.replace(day=1, hour=12))
    lines = [
        "0-0:96.1.4(50217)",
        f"0-0:96.1.1({as_hex(house.number)})",
        f"0-0:1.0.0({time(house.at)})",
        *_energies(house, 6),
        f"0-0:96.14.0({house.tariff:04})",
        "1-0:1.4.0(02.351*kW)",
        f"1-0:1.6.0({month})(02.589*kW)",
        f"0-0:98.1.0(1)(1-0:1.6.0)(1-0:1.6.0)({month})({month})(03.695*kW)",
        f"1-0:1.7.0({kilo(house.import_w, 2)}*kW)",
        f"1-0:2.7.0({kilo(house.export_w, 2)}*kW)",
        f"1-0:32.7.0({house.voltage}*V)",
        "0-0:96.3.10(1)",
        "0-0:17.0.0(999.9*kW)",
        "1-0:31.4.0(999*A)",
        "0-0:96.13.0()",
        "0-4:96.3.10(0)",
    ]
    for channel, meter in enumerate(house.sub_meters, 1):
        lines += [*_sub_meter(channel, meter, "96.1.1"), f"0-{channel}:24.4.0(1)"]
    return telegram(BELGIAN, lines)


def v2(house: Household) -> bytes:
    """A telegram of version 2.2, sent each ten seconds: no time of its own, the gas meter's value on a second line."""
    lines = [
        f"0-0:96.1.1({as_hex(house.number)})",
        *_energies(house, 5),
        f"0-0:96.14.0({house.tariff:04})",
        f"1-0:1.7.0({Decimal(house.import_w).scaleb(-3):07.2f}*kW)",
        f"1-0:2.7.0({Decimal(house.export_w).scaleb(-3):07.2f}*kW)",
        "0-0:17.0.0(0999.00*kW)",
        "0-0:96.3.10(1)",
        "0-0:96.13.1()",
        "0-0:96.13.0()",
    ]
    for channel, meter in enumerate(house.sub_meters, 1):
        lines += [
            f"0-{channel}:24.1.0({meter.device_type})",
            f"0-{channel}:96.1.0({as_hex(meter.number)})",
            f"0-{channel}:24.3.0({time(meter.taken)[:-1]})(00)(60)(1)(0-{channel}:24.2.1)(m3)",
            f"({kilo(meter.litres, 5)})",
            f"0-{channel}:24.4.0(1)",
        ]
    return old_telegram(r"ISk5\2MT382-1004", lines)


def _energies(house: Household, whole: int) -> list[str]:
    return [
        f"1-0:{code}.8.{tariff}({kilo(wh, whole)}*kWh)"
        for code, indexes in ((1, house.import_wh), (2, house.export_wh))
        for tariff, wh in enumerate(indexes, 1)
    ]


def _sub_meter(channel: int, meter: SubMeter, number: str) -> list[str]:
    return [
        f"0-{channel}:24.1.0({meter.device_type:03})",
        f"0-{channel}:{number}({as_hex(meter.number)})",
        f"0-{channel}:{meter.code}({time(meter.taken)})({kilo(meter.litres, 5)}*m3)",
    ]
