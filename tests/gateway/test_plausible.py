import pytest

from drivers.model import Quantity
from gateway.plausible import CONFIRMATIONS, IndexWatch, Pace, Verdict

KEEP, HOLD, ROUND = Verdict.KEEP, Verdict.HOLD, Verdict.ROUND


def test_the_first_index_is_believed_and_so_are_those_that_follow() -> None:
    watch = IndexWatch(Quantity.ENERGY)
    assert [watch.judge(at, value, 0) for at, value in ((0, 8_123_456), (10, 8_123_456), (20, 8_123_470))] == [KEEP] * 3


def test_an_index_that_drops_to_zero_is_held_and_the_true_one_goes_on() -> None:
    watch = IndexWatch(Quantity.ENERGY)
    watch.judge(0, 8_123_456, 0)
    assert watch.judge(10, 0, 0) is HOLD
    assert watch.judge(20, 8_123_460, 0) is KEEP


def test_an_index_never_runs_backwards_however_often_it_insists() -> None:
    watch = IndexWatch(Quantity.VOLUME)
    watch.judge(0, 612_483, 0)
    watch.judge(10, 612_483, 0)
    assert {watch.judge(10 * n, 600_000 + n, 0) for n in range(2, 20)} == {HOLD}
    assert {IndexWatch(Quantity.VOLUME, 0, 612_483).judge(10 * n, 600_000 + n, 0) for n in range(1, 20)} == {HOLD}


def test_a_damaged_first_reading_gives_way_to_those_that_agree_instead_of_holding_them_for_ever() -> None:
    watch = IndexWatch(Quantity.ENERGY)
    assert watch.judge(0, 980_000_000, 0) is KEEP
    verdicts = [watch.judge(10 * n, 8_000_000 + n, 0) for n in range(1, CONFIRMATIONS + 3)]
    assert verdicts == [HOLD] * CONFIRMATIONS + [KEEP, KEEP]
    assert {watch.judge(100 + n, 7_000_000 + n, 0) for n in range(20)} == {HOLD}


def test_one_damaged_leap_is_held_and_does_not_poison_what_follows() -> None:
    watch = IndexWatch(Quantity.ENERGY)
    watch.judge(0, 8_000_000, 0)
    assert watch.judge(10, 88_000_000, 0) is HOLD
    assert watch.judge(20, 8_000_010, 0) is KEEP
    assert watch.judge(30, 8_000_020, 0) is KEEP


def test_a_leap_that_further_readings_confirm_is_believed() -> None:
    watch = IndexWatch(Quantity.ENERGY)
    watch.judge(0, 8_000_000, 0)
    verdicts = [watch.judge(10 * n, 88_000_000 + n, 0) for n in range(1, CONFIRMATIONS + 2)]
    assert verdicts == [HOLD] * CONFIRMATIONS + [KEEP]


def test_two_different_leaps_do_not_confirm_each_other() -> None:
    watch = IndexWatch(Quantity.ENERGY)
    watch.judge(0, 8_000_000, 0)
    values = (88_000_000, 888_000_000, 98_000_000, 9_800_000_000)
    assert {watch.judge(10 * n, value, 0) for n, value in enumerate(values, 1)} == {HOLD}


def test_a_month_away_allows_a_month_of_consumption() -> None:
    watch = IndexWatch(Quantity.VOLUME)
    watch.judge(0, 612_483, 0)
    assert watch.judge(30 * 86_400, 640_000, 0) is KEEP


def test_the_meters_resolution_may_change_between_readings() -> None:
    watch = IndexWatch(Quantity.VOLUME)
    watch.judge(0, 612, 3)
    assert watch.judge(10, 612_483, 0) is KEEP
    assert watch.judge(20, 6_124_829, -1) is HOLD
    assert watch.judge(30, 6_124_831, -1) is KEEP


def test_a_meter_that_says_how_fast_it_can_count_is_held_to_it() -> None:
    nine_kva = Pace(9000, 1 / 60)
    watch = IndexWatch(Quantity.ENERGY)
    assert watch.judge(0, 8_000_000, 0, nine_kva) is KEEP
    assert watch.judge(60, 8_000_300, 0, nine_kva) is KEEP, "a minute's worth, and a minute of grace"
    assert watch.judge(62, 8_000_656, 0, nine_kva) is HOLD
    assert watch.judge(64, 8_000_302, 0, nine_kva) is KEEP
    assert watch.judge(64 + 3600, 8_009_300, 0, nine_kva) is KEEP, "an hour unheard grants an hour"


def test_a_register_that_comes_round_is_believed_when_further_readings_follow() -> None:
    watch = IndexWatch(Quantity.VOLUME, 0, 99_999_950)
    verdicts = [watch.judge(60 * n, 3 + n, 0) for n in range(1, CONFIRMATIONS + 3)]
    assert verdicts == [HOLD] * CONFIRMATIONS + [ROUND, KEEP]


def test_a_register_of_tenths_comes_round_at_its_own_power_of_ten() -> None:
    watch = IndexWatch(Quantity.VOLUME, 0, 999_995, -1)
    assert watch.full == 1_000_000
    assert [watch.judge(60 * n, n, 0) for n in range(1, CONFIRMATIONS + 2)] == [HOLD] * CONFIRMATIONS + [ROUND]


@pytest.mark.parametrize(
    ("last", "values", "pace_s"),
    [
        (99_999_950, (4, 99_999_955, 5, 6), 60),  # damaged once: the true one goes on
        (99_899_000, (3, 4, 5, 6), 60),  # not at its last digits: an exchange
        (99_999_950, (150_000, 150_001, 150_002, 150_003), 3600),  # not at its first ones
        (9_999, (0, 0, 0, 0), 60),  # ten steps of so few digits say nothing
        (99_999_950, (60_000, 60_001, 60_002, 60_003), 60),  # more than any water meter counts in a minute
    ],
)
def test_what_only_looks_a_little_like_coming_round_does_not(last: int, values: tuple[int, ...], pace_s: int) -> None:
    watch = IndexWatch(Quantity.VOLUME, 0, last)
    assert ROUND not in [watch.judge(pace_s * n, value, 0) for n, value in enumerate(values, 1)]
