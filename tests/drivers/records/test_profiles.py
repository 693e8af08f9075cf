"""Compact profiles: the standard's worked examples (EN 13757-3:2018, annex F), and others written by hand from it.

Those by hand have their base value and date in storage 8, then the elements.
"""

from datetime import date, datetime
from decimal import Decimal

import pytest

from drivers.model import Quantity, Reading
from drivers.wmbus.records import decode

BASE = "82 04 6C 81 31 8B 04 13 00 01 00"  # storage 8: 1 January 2028, 100 L


def history(profile: str) -> list[tuple[int, object]]:
    result = decode(bytes.fromhex(BASE + profile))
    assert result.faults == ()
    return [(r.storage, r.value) for r in result.readings if r.storage > 8]


def hourly(records: str) -> list[object]:
    """The litres of storages 9, 10 and 11, each with its date before it."""
    result = decode(bytes.fromhex(records))
    assert result.faults == ()
    return [r.value for r in result.readings if r.storage > 8]


def test_the_standards_example_of_a_profile_counts_up_hour_by_hour() -> None:
    local = datetime.fromisoformat
    assert hourly("84 04 6D 00 20 41 11  8B 04 15 00 30 12  8D 04 95 1F 05 69 01 03 02 11") == [
        *(local("2010-01-01T01:00"), Decimal(12_300_300)),
        *(local("2010-01-01T02:00"), Decimal(12_300_500)),
        *(local("2010-01-01T03:00"), Decimal(12_301_600)),
    ]


def test_the_standards_example_of_an_inverse_profile_counts_the_same_hours_back() -> None:
    local = datetime.fromisoformat
    assert hourly("84 04 6D 00 23 41 11  8B 04 15 16 30 12  8D 04 95 13 05 69 01 11 02 03") == [
        *(local("2010-01-01T02:00"), Decimal(12_300_500)),
        *(local("2010-01-01T01:00"), Decimal(12_300_300)),
        *(local("2010-01-01T00:00"), Decimal(12_300_000)),
    ]


def test_the_standards_example_with_register_numbers_keeps_its_two_profiles_apart() -> None:
    result = decode(
        bytes.fromhex(
            "86 80 81 00 6D 00 00 A0 41 11 35  84 90 81 00 03 F0 49 02 00"
            "8D 90 81 00 83 1E 0A 34 FE A0 86 01 00 D0 FB 01 00"
            "C6 81 81 00 6D 0B 0C 8D 59 13 0C  C4 91 81 00 03 90 5F 01 00"
            "86 82 81 00 6D 00 00 80 41 14 0D  84 92 81 00 03 50 C3 00 00"
            "8D 92 81 00 83 1E 06 34 FE 00 71 02 00"
        )
    )
    kept = {r.storage: r.value for r in result.readings if r.quantity is Quantity.ENERGY and r.tariff == 1}
    dated = {r.storage: r.value for r in result.readings if isinstance(r.value, date)}
    assert result.faults == ()
    assert kept == {32: 150_000, 33: 100_000, 34: 130_000, 35: 90_000, 36: 50_000, 37: 160_000}
    assert [dated[storage].isoformat()[:10] for storage in (32, 33, 34, 36, 37)] == [
        *("2010-01-01", "2010-02-01", "2010-03-01", "2010-04-01", "2010-05-01")
    ]


def test_an_inverse_profile_goes_back_month_by_month() -> None:
    # VIFE 13; E6: 6 bytes; 32: absolute, months, 2 bytes; FE: one month
    assert history("8D 04 93 13 E6 32 FE 50 00 28 00") == [
        (9, date(2027, 12, 1)),
        (9, Decimal(80)),
        (10, date(2027, 11, 1)),
        (10, Decimal(40)),
    ]


def test_increments_are_added_to_the_base_value() -> None:
    # VIFE 1F; 71: increments, days, 1 byte; 01: one day
    assert history("8D 04 93 1F E4 71 01 05 07") == [
        (9, date(2028, 1, 2)),
        (9, Decimal(105)),
        (10, date(2028, 1, 3)),
        (10, Decimal(112)),
    ]


def test_decrements_and_signed_differences_keep_their_sign() -> None:
    assert [v for _, v in history("8D 04 93 1F E4 B1 00 05 07")] == [95, 88]
    assert [v for _, v in history("8D 04 93 1F E4 F1 00 FB 07")] == [95, 102]


def test_an_inverse_profile_takes_off_what_was_used_since() -> None:
    # VIFE 13; 5 L and then 7 L used in the months before: going back they come off
    assert [v for _, v in history("8D 04 93 13 E4 71 00 05 07")] == [95, 88]
    assert [v for _, v in history("8D 04 93 13 E4 B1 00 05 07")] == [105, 112]
    assert [v for _, v in history("8D 04 93 13 E4 F1 00 FB 07")] == [105, 98]


def test_the_example_of_oms_of_an_inverse_profile_gives_its_values() -> None:
    # OMS specification, volume 2, annex G, tables G.6 and G.7: 1013 L on 31 May 2008, four months' increments
    read = decode(bytes.fromhex("0C 13 13 10 00 00  02 6C 1F 15  0D 93 13 0A 7A FE 58 02 32 03 14 02 44 01")).readings
    assert [(r.storage, r.value) for r in read if r.storage] == [
        (1, date(2008, 4, 30)),
        (1, Decimal(755)),
        (2, date(2008, 3, 31)),
        (2, Decimal(423)),
        (3, date(2008, 2, 29)),
        (3, Decimal(209)),
        (4, date(2008, 1, 31)),
        (4, Decimal(65)),
    ]


# storage 8: 30 November 2027, 3 units; then monthly increments of 4, 5 and 6
ALLOCATOR = "82 04 6C 7E 3B 82 04 6E 03 00 8D 04 EE 1F E5 71 FE 04 05 06"


def test_an_allocators_sums_hold_up_to_the_set_date_that_confirms_them() -> None:
    # storage 1: 7 units on 31 December 2027, after which it counts from zero again
    result = decode(bytes.fromhex("42 6C 7F 3C 42 6E 07 00" + ALLOCATOR))
    assert [(r.storage, r.value) for r in result.readings if r.storage > 8] == [
        (9, date(2027, 12, 31)),
        (9, Decimal(7)),
    ]
    assert "2 sums of its profile that no value" in str(result.faults[0])
    assert all(r.storage <= 8 for r in decode(bytes.fromhex(ALLOCATOR)).readings)


def test_sums_that_contradict_a_value_kept_for_the_same_date_are_not_shown() -> None:
    result = decode(bytes.fromhex("42 6C 7F 3C 42 6E 04 00" + ALLOCATOR))
    assert all(r.storage <= 8 for r in result.readings)
    assert "the profile's sum for 2027-12-31 is 7, the value kept for that date 4" in str(result.faults[0])
    volume = "42 6C 81 32 42 13 6B 00" + BASE + "8D 04 93 1F E4 71 FE 05 07"  # 1 February 2028: 107 L, not 105 L
    assert all(r.storage <= 8 for r in decode(bytes.fromhex(volume)).readings)


def test_an_index_filled_with_ones_is_absent_and_a_difference_of_minus_one_is_not() -> None:
    assert [s for s, v in history("8D 04 93 13 E8 32 00 50 00 FF FF 28 00")] == [9, 11]
    assert [v for _, v in history("8D 04 93 1F E4 F1 00 FF 02")] == [99, 101]


@pytest.mark.parametrize(
    ("spacing", "later"),
    [
        ("71 07", ["2028-01-08", "2028-01-15"]),
        ("71 FD", ["2028-01-16", "2028-02-01"]),
        ("51 FE", ["2028-07-01", "2029-01-01"]),
        ("61 FE", ["2028-04-01", "2028-07-01"]),
        ("71 FE", ["2028-02-01", "2028-03-01"]),
        ("41 FE", []),
        ("71 FB", []),
        ("71 00", []),  # an array, not one of times
    ],
)
def test_the_spacing_says_when_each_element_was_kept(spacing: str, later: list[str]) -> None:
    dated = [v.isoformat() for _, v in history(f"8D 04 93 1F E4 {spacing} 05 07") if isinstance(v, date)]
    assert dated == later


def test_halves_of_a_month_go_back_over_the_year_too() -> None:
    dated = [v.isoformat() for _, v in history("8D 04 93 13 E5 71 FD 05 07 09") if isinstance(v, date)]
    assert dated == ["2027-12-16", "2027-12-01", "2027-11-16"]


def test_an_invalid_element_is_absent_and_ends_a_row_of_differences() -> None:
    assert [s for s, v in history("8D 04 93 13 E8 32 00 50 00 00 80 28 00")] == [9, 11]
    assert [s for s, v in history("8D 04 93 1F E5 F1 00 01 80 01")] == [9]


def test_differences_without_a_base_value_are_a_fault() -> None:
    result = decode(bytes.fromhex("8D 04 93 1F E4 71 01 05 07"))
    assert result.readings == ()
    assert "have no base value" in str(result.faults[0])


def test_a_row_of_nothing_is_no_fault() -> None:
    result = decode(bytes.fromhex("8D 04 93 1F E4 F1 01 80 80"))
    assert (result.readings, result.faults) == ((), ())


@pytest.mark.parametrize("profile", ["8D 04 93 1F E1 71", "8D 04 93 1F E5 72 01 05 07 01", "8D 04 93 1F E3 7D 01 05"])
def test_a_profile_that_cannot_be_cut_is_a_fault(profile: str) -> None:
    result = decode(bytes.fromhex(BASE + profile))
    assert len(result.readings) == 2
    assert len(result.faults) == 1


def test_the_last_day_of_a_month_stays_the_last_day() -> None:
    # 31 January 2028, then 29 February and 31 March
    result = decode(bytes.fromhex("82 04 6C 9F 31 8D 04 93 1E E6 32 FE 01 00 02 00"))
    dates = [r.value for r in result.readings if r.quantity is Quantity.DATE]
    assert dates == [date(2028, 1, 31), date(2028, 2, 29), date(2028, 3, 31)]


def test_hours_count_from_a_date_with_its_time_only() -> None:
    profile = "8D 04 93 1F E4 21 06 05 07"
    stamped = decode(bytes.fromhex("84 04 6D 00 16 81 31" + profile)).readings
    assert Reading("target_date", Quantity.DATE, datetime.fromisoformat("2028-01-02T04:00"), storage=9) in stamped
    assert all(r.storage == 8 for r in decode(bytes.fromhex(BASE + profile)).readings if r.quantity is Quantity.DATE)
