"""The made-up homes of over-use and their judge: the same by number, labels that are taken, and stories credited to their own alone."""

import pytest

from bench.energy import Carrier, Home, Kind, Label, home
from bench.habit import Raised, is_of, is_of_change

HEATER = Label(Carrier.ELECTRICITY, Kind.HEATER, 100, 120)


def test_the_same_number_is_the_same_home() -> None:
    assert home(7) == home(7)
    assert home(7).taken != home(8).taken


@pytest.fixture(scope="module")
def some() -> list[Home]:
    return [home(number) for number in range(40)]


def test_each_home_has_all_its_days_and_a_thermometer(some: list[Home]) -> None:
    for each in some:
        assert len(each.days) == len(each.outside_c) == 731
        assert {(day.end - day.start) // 3600 for day in each.days} == {23, 24, 25}
        for taken in each.taken.values():
            assert len(taken) == 731
            assert all(amount is None or amount >= 0 for amount in taken)
            assert sum(amount is not None for amount in taken) > 600


def test_labels_are_of_a_meter_of_the_home_and_apart(some: list[Home]) -> None:
    labels = [(each, label) for each in some for label in each.over]
    assert {label.kind for _, label in labels} >= {Kind.HEATER, Kind.FREEZER, Kind.TANK, Kind.WINDOW}
    for each, label in labels:
        assert label.carrier in each.taken
        assert 50 <= label.first < label.last <= 731
        assert all(
            label is other or label.last + 40 <= other.first or other.last + 40 <= label.first for other in each.over
        )


def test_a_forgotten_heater_is_in_what_its_meter_counts(some: list[Home]) -> None:
    for each in some:
        for label in each.over:
            if label.kind is Kind.HEATER and each.heated_by is not Carrier.ELECTRICITY:
                taken = each.taken[label.carrier]
                during = [amount for amount in taken[label.first : label.last] if amount is not None]
                assert min(during) > 7000 * 0.85


@pytest.mark.parametrize(
    ("raised", "is_its"),
    [
        (Raised(Carrier.ELECTRICITY, 105, 99), True),
        (Raised(Carrier.ELECTRICITY, 122, 110), True),
        (Raised(Carrier.ELECTRICITY, 100, 95), False),  # said before it began
        (Raised(Carrier.ELECTRICITY, 123, 110), False),  # over for days
        (Raised(Carrier.ELECTRICITY, 105, 80), False),  # begun long before
        (Raised(Carrier.GAS, 105, 100), False),
    ],
)
def test_a_story_is_of_an_over_use_only_where_it_speaks_of_it(raised: Raised, is_its: bool) -> None:
    assert is_of(raised, HEATER) is is_its


def test_a_story_soon_after_a_change_for_ever_is_of_that() -> None:
    changes = ((Carrier.ELECTRICITY, 200),)
    assert is_of_change(Raised(Carrier.ELECTRICITY, 210, 203), changes)
    assert not is_of_change(Raised(Carrier.ELECTRICITY, 240, 230), changes)
    assert not is_of_change(Raised(Carrier.HEAT, 210, 203), changes)
