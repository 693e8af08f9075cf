"""What a household with a P1 port or an optical port finds in its house: which meters, what they took, what they gave."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path

import pytest

from drivers import p1, sml
from drivers.encode import sml as encode_sml
from drivers.encode.p1 import Household, SubMeter, belgian, v2, v5
from drivers.model import Frame, Medium
from gateway.house import House
from gateway.views import PointState, PointView
from gateway.wires import EXCHANGE_S_MIN
from tests.house import Clock, house

WIRES = """
[[port]]
name = "grid"
protocol = "p1"
tcp = "127.0.0.1:9"

[[port]]
name = "eye"
protocol = "sml"
tcp = "127.0.0.1:9"
"""
HOUSEHOLD = Household(
    number="E0099000000000042", at=datetime.fromtimestamp(0, UTC), import_wh=(1_000_000, 2_000_000), import_w=460
)
GAS = "G0099000000000042"
HOUR = 3600


@pytest.fixture
def clock() -> Clock:
    return Clock(1_790_000_000 // HOUR * HOUR)


@pytest.fixture
def home(tmp_path: Path, clock: Clock) -> Iterator[House]:
    with house(tmp_path, WIRES, clock) as opened:
        for port in opened.collect.ports:
            opened.collect.opened(port)
        yield opened


def gas(clock: Clock, litres: int, age_s: int = 60) -> SubMeter:
    return SubMeter(GAS, litres, datetime.fromtimestamp(clock.at - age_s, UTC))


def hear(
    home: House,
    clock: Clock,
    meter: Household,
    says: Callable[[Household], bytes] = v5,
    times: int = 3,
    every_s: int = 1,
) -> None:
    for _ in range(times):
        clock.at += every_s
        for item in p1.Framer().feed(says(replace(meter, at=datetime.fromtimestamp(clock.at, UTC)))):
            assert isinstance(item, Frame)
            home.collect.frame("grid", item)


def points(home: House) -> dict[str, PointView]:
    return {view.point.id: view for view in home.points()}


def test_the_electricity_and_the_gas_meter_of_a_wire_are_there_by_themselves_and_each_for_itself(
    home: House, clock: Clock
) -> None:
    hear(home, clock, replace(HOUSEHOLD, sub_meters=(gas(clock, 456_789),)))
    found = points(home)
    assert [(name, view.address, view.point.medium) for name, view in found.items()] == [
        ("electricite", "p1:E0099000000000042", Medium.ELECTRICITY),
        ("gaz", "p1:G0099000000000042", Medium.GAS),
    ]
    assert {view.state for view in found.values()} == {PointState.SPEAKING}
    electricity, burnt = found["electricite"], found["gaz"]
    assert electricity.level is not None
    assert electricity.level.value == 460
    assert electricity.index is not None
    assert electricity.index.value == 3_000_000, "the sum of both tariffs"
    assert burnt.index is not None
    assert burnt.index.value == 456_789
    assert burnt.index.at == clock.at - 63


def test_the_water_meter_of_a_flemish_home_comes_with_them(home: House, clock: Clock) -> None:
    water = SubMeter("8SAG0000000042", 872_234, datetime.fromtimestamp(clock.at, UTC), device_type=7)
    hear(home, clock, replace(HOUSEHOLD, sub_meters=(replace(gas(clock, 1), code="24.2.3"), water)), belgian)
    assert [(name, str(view.point.medium)) for name, view in points(home).items()] == [
        ("electricite", "electricity"),
        ("gaz", "gas"),
        ("eau-froide", "water"),
    ]


def test_a_second_meter_of_a_kind_on_the_wire_is_offered_and_not_taken_unasked(home: House, clock: Clock) -> None:
    taken = datetime.fromtimestamp(clock.at, UTC)
    slave = SubMeter("S0099000000000042", 5, taken, device_type=3)
    hear(home, clock, replace(HOUSEHOLD, sub_meters=(gas(clock, 1), slave)), times=6)
    assert set(points(home)) == {"electricite", "gaz"}
    assert [meter.address for meter in home.heard()] == ["p1:S0099000000000042"]


async def test_what_was_taken_is_both_tariffs_and_what_was_given_is_in_no_sum(home: House, clock: Clock) -> None:
    start = clock.at
    hear(home, clock, replace(HOUSEHOLD, export_wh=(10, 20)), times=15)
    hear(home, clock, replace(HOUSEHOLD, import_wh=(1_000_300, 2_000_700), export_wh=(5_010, 20)), every_s=600)
    bounds = [start, start + HOUR]
    assert await home.consumption("electricite", bounds) == [Decimal(1000)]
    assert await home.injected("electricite", bounds) == [Decimal(5000)]
    injected = points(home)["electricite"].injected
    assert injected is not None
    assert injected.value == 5_030


def test_who_gives_nothing_is_not_told_a_nought(home: House, clock: Clock) -> None:
    hear(home, clock, HOUSEHOLD)
    assert points(home)["electricite"].injected is None


async def test_a_gas_meter_that_fell_silent_leaves_a_gap_and_no_hours_without_gas(home: House, clock: Clock) -> None:
    hear(home, clock, replace(HOUSEHOLD, sub_meters=(gas(clock, 456_789),)), times=4)
    start, lost = clock.at, gas(clock, 456_789)
    while clock.at < start + 60 * HOUR:
        hear(home, clock, replace(HOUSEHOLD, sub_meters=(lost,)), times=1, every_s=600)
    view = points(home)["gaz"]
    assert (view.state, view.error) == (
        PointState.UNREADABLE,
        f"the electricity meter has not heard it since {said(lost)}",
    )
    bounds = [start + n * HOUR for n in range(4, 60)]
    assert set(await home.consumption("gaz", bounds)) == {None}
    assert None not in await home.consumption("electricite", bounds)
    hear(home, clock, replace(HOUSEHOLD, sub_meters=(gas(clock, 470_000),)))
    assert points(home)["gaz"].state is PointState.SPEAKING


def said(meter: SubMeter) -> str:
    return f"{meter.taken:%Y-%m-%d %H:%M} UTC"


def test_an_exchanged_meter_goes_on_at_its_place_though_the_gas_meter_speaks_between(home: House, clock: Clock) -> None:
    hear(home, clock, replace(HOUSEHOLD, sub_meters=(gas(clock, 1),)))
    home.watch_states()
    clock.at += EXCHANGE_S_MIN
    new = replace(HOUSEHOLD, number="E0099000000000099", import_wh=(1, 2))
    hear(home, clock, replace(new, sub_meters=(gas(clock, 1),)), times=6)
    assert {name: view.address for name, view in points(home).items()} == {
        "electricite": "p1:E0099000000000099",
        "gaz": "p1:G0099000000000042",
    }


def test_a_meter_of_version_2_is_taken_once_two_telegrams_agree_on_its_indexes(home: House, clock: Clock) -> None:
    hear(home, clock, replace(HOUSEHOLD, sub_meters=(gas(clock, 456_789, HOUR),)), v2, times=5, every_s=10)
    found = points(home)
    assert [view.address for view in found.values()] == ["p1:E0099000000000042", "p1:G0099000000000042"]
    index = found["electricite"].index
    assert index is not None
    assert index.value == 3_000_000


def look(home: House, clock: Clock, import_wh: int, power_w: int, times: int = 3) -> None:
    for _ in range(times):
        clock.at += 2
        said = encode_sml.household(encode_sml.server("REL", 12_345_678), import_wh, 77, power_w)
        for item in sml.Framer().feed(said):
            assert isinstance(item, Frame)
            home.collect.frame("eye", item)


def test_a_german_meter_shows_what_the_roof_gives_as_negative_power(home: House, clock: Clock) -> None:
    look(home, clock, 12_345_678, 690)
    look(home, clock, 12_345_678, -1_250)
    (view,) = home.points()
    assert (view.address, view.point.name) == ("sml:1REL0012345678", "Électricité")
    assert view.level is not None
    assert view.level.value == -1_250
    assert view.index is not None
    assert view.index.value == 12_345_678


async def test_a_curve_goes_below_nought(home: House, clock: Clock) -> None:
    start = clock.at
    for power_w in (690, 300, -400, -1_250):
        look(home, clock, 12_345_678, power_w, times=6)
    level = home.points()[0].level
    assert level is not None
    curve = await home.curve(level.series, start, clock.at + 1, 1)
    assert [min(curve.low), max(curve.high)] == [Decimal(-1_250), Decimal(690)]
