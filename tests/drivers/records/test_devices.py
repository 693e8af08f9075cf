from decimal import Decimal

import pytest

from drivers.model import Function, Medium, Quantity, Reading
from drivers.wmbus.records import main, medium, status_words

KWH = Decimal(1000)


def mains(readings: list[Reading], of: Medium) -> list[tuple[str, int]]:
    return [(r.register, r.tariff) for r in main(readings, of) if r.main]


def energy(tariff: int = 0, storage: int = 0, subunit: int = 0, function: Function = Function.INSTANTANEOUS) -> Reading:
    return Reading("energy", Quantity.ENERGY, KWH, tariff, storage, subunit, function)


VOLUME = Reading("volume", Quantity.VOLUME, Decimal(5))
FLOW = Reading("flow", Quantity.FLOW, Decimal(5))
POWER = Reading("power", Quantity.POWER, Decimal(5))


def test_a_heat_meter_shows_its_energy_and_power_and_not_the_water_it_used() -> None:
    assert mains([VOLUME, energy(), FLOW, POWER], Medium.HEAT) == [("energy", 0), ("power", 0)]
    assert mains([VOLUME, energy(), FLOW, POWER], Medium.WATER) == [("volume", 0), ("flow", 0)]


def test_a_heat_meter_that_counts_both_ways_in_joules_shows_what_it_took() -> None:
    both = [Reading(f"energy_joule_{way}", Quantity.ENERGY_JOULE, KWH) for way in ("forward", "backward")]
    assert mains([VOLUME, *both], Medium.HEAT) == [("energy_joule_forward", 0)]


def test_the_total_stands_for_the_meter_and_else_all_its_tariffs() -> None:
    assert mains([energy(1), energy(2)], Medium.ELECTRICITY) == [("energy", 1), ("energy", 2)]
    assert mains([energy(1), energy(0), energy(2)], Medium.ELECTRICITY) == [("energy", 0)]


@pytest.mark.parametrize("other", [energy(storage=1), energy(subunit=1), energy(function=Function.MAXIMUM)])
def test_a_past_value_a_subunit_or_a_maximum_never_stands_for_the_meter(other: Reading) -> None:
    assert mains([other], Medium.ELECTRICITY) == []


def test_a_meter_of_no_stated_medium_is_shown_by_the_one_thing_it_counts() -> None:
    assert mains([VOLUME], Medium.OTHER) == [("volume", 0)]
    assert mains([VOLUME, energy()], Medium.OTHER) == []


def test_the_status_byte_says_what_is_not_in_order() -> None:
    assert status_words(0x00) == ()
    assert status_words(0x04) == ("power low",)
    assert status_words(0x1B) == ("alarm", "permanent error", "temporary error")
    assert status_words(0xA1) == ("application busy", "manufacturer status 5", "manufacturer status 7")


TYPES = [
    (0x02, Medium.ELECTRICITY),
    (0x03, Medium.GAS),
    (0x04, Medium.HEAT),
    (0x06, Medium.HOT_WATER),
    (0x07, Medium.WATER),
    (0x08, Medium.HEAT_COST),
    (0x0A, Medium.COOLING),
    (0x16, Medium.WATER),
    (0x1B, Medium.OTHER),
    (0xFF, Medium.OTHER),
]


@pytest.mark.parametrize(("device_type", "expected"), TYPES)
def test_a_device_type_says_what_flows(device_type: int, expected: Medium) -> None:
    assert medium(device_type) is expected
