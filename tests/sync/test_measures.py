"""Figures in base units, under names that no two quantities share."""

import pytest

from drivers.model import Kind, Quantity
from sync import measures
from sync.model import Parcel, Series


def series(quantity: Quantity, value: str = "1") -> Series:
    return Series("a:b:0", "A", "other", quantity.word, quantity.unit, quantity.kind.value, (60,), (), (value,))


def parcel(one: Series, start: int = 0, end: int = 3600) -> Parcel:
    return Parcel("1970-01-01T00", start, end, "raw", 0, (one,))


NUMBERS = [each for each in Quantity if each.kind in (Kind.INDEX, Kind.LEVEL)]


@pytest.mark.parametrize("quantity", NUMBERS)
def test_each_quantity_has_a_name_that_prometheus_takes(quantity: Quantity) -> None:
    one = series(quantity)
    name = f"{measures.measurement(one)}_{measures.field(one)}"
    assert name.isascii()
    assert name.replace("_", "a").isidentifier()
    assert name.endswith("_total") is (quantity.kind is Kind.INDEX)


def test_two_quantities_of_one_name_have_one_unit() -> None:
    names: dict[str, set[str]] = {}
    for quantity in NUMBERS:
        one = series(quantity)
        names.setdefault(f"{measures.measurement(one)}_{measures.field(one)}", set()).add(quantity.name)
    # Joules and watt-hours are both energy, both powers are both watts: that is what a base unit is for.
    assert {frozenset(each) for each in names.values() if len(each) > 1} == {
        frozenset({"ENERGY", "ENERGY_JOULE"}),
        frozenset({"POWER", "POWER_JOULE"}),
    }


@pytest.mark.parametrize(
    ("quantity", "said", "kept"),
    [
        (Quantity.ENERGY, "12345678901", 44_444_444_043_600.0),
        (Quantity.VOLUME, "612483", 612.483),
        (Quantity.FLOW, "3600000", 1.0),
        (Quantity.POWER_JOULE, "3600", 1.0),
        (Quantity.TEMPERATURE, "-0.50", -0.5),
        (Quantity.PRESSURE, "1.013", 101_300.0),
        (Quantity.HUMIDITY, "45", 0.45),
        (Quantity.CONCENTRATION, "420", 0.00042),
        (Quantity.REACTIVE_ENERGY, "17", 17.0),
        (Quantity.NUMBER, "-3", -3.0),
    ],
)
def test_a_figure_is_counted_in_the_base_unit(quantity: Quantity, said: str, kept: float) -> None:
    one = series(quantity, said)
    assert list(measures.figures(one, parcel(one))) == [(60, kept)]


def test_an_unknown_figure_is_absent_and_one_outside_the_period_too() -> None:
    one = Series("a:b:0", "A", "water", "volume", "L", "index", (0, 10, 20, 30, 40), (), ("1", None, "3", "4", "5"))
    assert [at for at, _ in measures.figures(one, parcel(one, 10, 30))] == [20, 30]


def test_the_name_a_household_gave_is_no_label() -> None:
    one = Series("a:b:0", "Chambre de Camille", "water", "volume", "L", "index", (), (), ())
    assert measures.labels(one, "12ab") == {"grant": "12ab", "medium": "water", "series": "a:b:0"}
