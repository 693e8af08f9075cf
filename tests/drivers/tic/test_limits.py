"""What a contract says about how fast its indexes can grow."""

from decimal import Decimal

import pytest

from drivers.tic.limits import OVER_MAX, per_hour_max_wh


@pytest.mark.parametrize(
    ("register", "numbers", "va"),
    [
        ("EAST", {"PREF": 9000}, 9000),
        ("EASF03", {"PREF": 9000}, 9000),
        ("HCHP", {"ISOUSC": 30}, 6000),
        ("BBRHPJR", {"ISOUSC": 30, "IINST1": 1, "IINST2": 2, "IINST3": 3}, 18_000),
    ],
)
def test_what_is_drawn_is_bounded_by_the_subscribed_power_of_all_phases(
    register: str, numbers: dict[str, int], va: int
) -> None:
    stated = {name: Decimal(number) for name, number in numbers.items()}
    assert per_hour_max_wh(register, stated) == va * OVER_MAX


@pytest.mark.parametrize(("register", "numbers"), [("EAST", {}), ("EAIT", {"PREF": 3000}), ("ERQ1", {"PREF": 3000})])
def test_where_the_meter_says_no_limit_none_is_made_up(register: str, numbers: dict[str, int]) -> None:
    assert per_hour_max_wh(register, {name: Decimal(number) for name, number in numbers.items()}) is None
