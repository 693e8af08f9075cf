"""What dsmr-parser reads of a telegram, we read too, number by number: another reading of the same standard."""

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal
from functools import cache
from typing import Any

import pytest
from dsmr_parser import telegram_specifications
from dsmr_parser.parsers import TelegramParser
from hypothesis import given
from hypothesis import strategies as st

from drivers.encode.p1 import Household, SubMeter, belgian, v2, v5
from drivers.model import Frame, Kind, Telegram
from drivers.p1 import Framer, decode

# Its names; what it calls a reading, we call by the register that the meter's display shows.
ELECTRICITY = {
    "ELECTRICITY_USED_TARIFF_1": "1.8.1",
    "ELECTRICITY_USED_TARIFF_2": "1.8.2",
    "ELECTRICITY_DELIVERED_TARIFF_1": "2.8.1",
    "ELECTRICITY_DELIVERED_TARIFF_2": "2.8.2",
    "CURRENT_ELECTRICITY_USAGE": "1.7.0",
    "CURRENT_ELECTRICITY_DELIVERY": "2.7.0",
    "INSTANTANEOUS_VOLTAGE_L1": "32.7.0",
    "INSTANTANEOUS_CURRENT_L1": "31.7.0",
    "INSTANTANEOUS_ACTIVE_POWER_L1_POSITIVE": "21.7.0",
    "INSTANTANEOUS_ACTIVE_POWER_L1_NEGATIVE": "22.7.0",
    "SHORT_POWER_FAILURE_COUNT": "96.7.21",
    "LONG_POWER_FAILURE_COUNT": "96.7.9",
    "VOLTAGE_SAG_L1_COUNT": "32.32.0",
    "VOLTAGE_SWELL_L1_COUNT": "32.36.0",
    "BELGIUM_CURRENT_AVERAGE_DEMAND": "1.4.0",
    "BELGIUM_MAXIMUM_DEMAND_MONTH": "1.6.0",
}
KILO = {"kWh": 3, "kW": 3, "m3": 3}

MOMENTS = st.datetimes(datetime(2021, 1, 1), datetime(2035, 1, 1)).map(  # noqa: DTZ001 - UTC follows
    lambda at: at.replace(microsecond=0, tzinfo=UTC)
)
WH = st.integers(0, 99_999_999)
WATTS = st.integers(0, 9_999).map(lambda tens: tens * 10)
GAS = st.builds(SubMeter, st.just("G0099000000000042"), WH, MOMENTS)
HOUSEHOLDS = st.builds(
    Household,
    number=st.from_regex(r"E[0-9]{16}", fullmatch=True),
    at=MOMENTS,
    import_wh=st.tuples(WH, WH),
    export_wh=st.tuples(WH, WH),
    import_w=WATTS,
    export_w=WATTS,
    tariff=st.sampled_from((1, 2)),
    voltage=st.decimals(200, 260, places=1).map(str),
    sub_meters=st.lists(GAS, max_size=1).map(tuple),
)
VERSIONS = [(v5, "V5"), (belgian, "BELGIUM_FLUVIUS"), (v2, "V2_2")]


@cache
def parser(version: str) -> TelegramParser:
    return TelegramParser(getattr(telegram_specifications, version))


def theirs(says: Callable[[Household], bytes], version: str, home: Household) -> Any:
    plain = bytes(byte & 0x7F for byte in says(home)) if says is v2 else says(home)
    return parser(version).parse(plain.decode("ascii"), throw_ex=True)


def ours(says: Callable[[Household], bytes], home: Household) -> list[Telegram]:
    return [decode(item) for item in Framer().feed(says(home)) if isinstance(item, Frame)]


@pytest.mark.parametrize(("says", "version"), VERSIONS, ids=[version for _, version in VERSIONS])
@given(home=HOUSEHOLDS)
def test_every_number_is_the_same(says: Callable[[Household], bytes], version: str, home: Household) -> None:
    read = theirs(says, version, home)
    electricity = {r.register: r.value for r in ours(says, home)[0].readings}
    compared = 0
    for name, register in ELECTRICITY.items():
        if hasattr(read, name) and getattr(read, name).value is not None:
            said = getattr(read, name)
            assert electricity[register] == Decimal(said.value).scaleb(KILO.get(said.unit, 0)), name
            compared += 1
    numbers = [r for r in ours(says, home)[0].readings if r.quantity.kind is not Kind.TEXT]
    assert compared == len(numbers)


@pytest.mark.parametrize(("says", "name"), [(v5, "V5"), (v2, "V2_2")], ids=["V5", "V2_2"])
@given(home=HOUSEHOLDS.filter(lambda home: bool(home.sub_meters)))
def test_gas_and_when_it_was_read_are_the_same(says: Callable[[Household], bytes], name: str, home: Household) -> None:
    home = replace(home, at=home.sub_meters[0].taken)  # neither silent nor ahead
    read = theirs(says, name, home)
    said = read.MBUS_DEVICES[0].MBUS_METER_READING if says is v5 else read.GAS_METER_READING
    (gas,) = ours(says, home)[1].readings
    assert gas.value == Decimal(said.value).scaleb(3)
    if gas.at is not None:  # an hour in October may be either of two without its season: it says one, we none
        assert gas.at == said.datetime
