"""What of a grant counts as the consumption of a fluid."""

import pytest

from gateway.fluids import Fluid, Said, counted, fault
from gateway.model import SeriesKey


def energy(*names: str) -> list[Said]:
    return [Said(SeriesKey.parse(name), "electricity", "Wh", "index") for name in names]


@pytest.mark.parametrize(
    ("granted", "found"),
    [
        (["maison:EAST:0"], ["maison:EAST:0"]),
        (["maison:EAST:0", "maison:EASF01:1", "maison:EASF02:2", "maison:EAIT:0"], ["maison:EAST:0"]),
        (["maison:HCHP:2", "maison:HCHC:1"], ["maison:HCHC:1", "maison:HCHP:2"]),
        (["pac:import_energy:0", "pac:import_energy_l1:0", "pac:export_energy:0"], ["pac:import_energy:0"]),
        (["p1:1.8.1:1", "p1:1.8.2:2", "p1:2.8.1:1", "p1:2.8.2:2"], ["p1:1.8.1:1", "p1:1.8.2:2"]),
        (["prise:energy:0"], ["prise:energy:0"]),
    ],
)
def test_the_total_is_the_consumption_or_else_the_sum_of_all_tariffs(granted: list[str], found: list[str]) -> None:
    assert counted(energy(*granted)) == {Fluid.ELECTRICITY: tuple(map(SeriesKey.parse, found))}
    assert fault(energy(*granted), "30min") is None


def test_what_is_given_to_the_network_and_levels_and_volumes_of_gas_count_nothing() -> None:
    series = [
        *energy("toit:export_energy:0"),
        Said(SeriesKey("maison", "SINSTS"), "electricity", "VA", "level"),
        Said(SeriesKey("gaz", "volume"), "gas", "L", "index"),
        Said(SeriesKey("chaude", "volume"), "hot_water", "L", "index"),
    ]
    assert counted(series) == {}
    assert fault(series, "30min") == (
        "Ecolyo reads the index of electricity or gas in watt-hours, or of water, and none is granted"
    )


def test_gas_in_watt_hours_and_water_in_litres_count() -> None:
    series = [
        Said(SeriesKey("gaz", "energy"), "gas", "Wh", "index"),
        Said(SeriesKey("eau", "volume"), "water", "L", "index"),
    ]
    assert counted(series) == {Fluid.GAS: (SeriesKey("gaz", "energy"),), Fluid.WATER: (SeriesKey("eau", "volume"),)}


@pytest.mark.parametrize(
    ("granted", "sentence"),
    [
        (
            ["maison:EAST:0", "garage:EAST:0"],
            "Ecolyo knows one meter of electricity, and 2 are granted: garage, maison",
        ),
        (["maison:a:0", "maison:b:0"], "nobody can tell which index of maison is its total: a, b"),
        (["maison:EASF01:1", "maison:EASD01:1"], "nobody can tell which index of maison is its total: EASD01, EASF01"),
    ],
)
def test_two_meters_or_two_totals_are_refused_in_a_sentence(granted: list[str], sentence: str) -> None:
    assert fault(energy(*granted), "30min") == sentence


@pytest.mark.parametrize("resolution", ["raw", "month"])
def test_what_is_neither_half_hours_nor_days_is_refused(resolution: str) -> None:
    assert fault(energy("maison:EAST:0"), resolution) == f"Ecolyo reads half-hours or days, and {resolution} is granted"
