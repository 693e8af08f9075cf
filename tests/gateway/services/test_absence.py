"""Water that runs while nobody is at home is told, and the last dishwasher, a drip, a gap and a swap are not."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.services.absence import RANK, Used
from gateway.services.model import Finding, Service

SINCE = 1_796_000_000
MINUTE, HOUR, DAY = 60, 3600, 86_400


def lived_in(step_l: float = 1.0, quantum: int = 1, each_s: int = 600, days: int = 4) -> Used:
    """A meter whose home took water until `SINCE`, from which on nobody is there: its index ends at 10,000 steps."""
    used = Used("eau", step_l)
    used.watch(SINCE, 5)
    count = days * DAY // each_s
    for number in range(count + 1):
        used.hear(SINCE - (count - number) * each_s, 10_000 - (count - number) * quantum)
    return used


def quiet(used: Used, start: int, end: int, steps: int, each_s: int = 600) -> None:
    for at in range(start, end, each_s):
        used.hear(at, steps)


def test_a_few_litres_are_told_with_when_and_how_much() -> None:
    used = lived_in()
    quiet(used, SINCE + 600, SINCE + 2 * DAY, 10_000)
    assert used.find() is None
    begins = SINCE + 2 * DAY
    used.hear(begins, 10_004)
    assert used.find() is None
    used.hear(begins + 600, 10_009)
    found = used.find()
    assert found is not None
    assert (found.service, found.point, found.kind, found.rank) == (Service.LEAK, "eau", "used", RANK)
    assert found.since == begins - 600
    assert (found.grounds["used_l"], found.grounds["runs"], found.grounds["interval_s"]) == (9, 1, 600)
    assert (found.grounds["began_at"], found.grounds["last_at"]) == (begins - 600, begins + 600)


def test_what_stopped_is_told_for_six_hours_and_then_it_is_over() -> None:
    used = lived_in()
    used.hear(SINCE + 600, 10_020)
    quiet(used, SINCE + 1200, SINCE + 3 * HOUR, 10_020)
    found = used.find()
    assert found is not None
    assert not found.grounds["runs"]
    quiet(used, SINCE + 3 * HOUR, SINCE + 601 + 6 * HOUR, 10_020)
    assert used.find() is not None
    used.hear(SINCE + 1200 + 6 * HOUR, 10_020)
    assert used.find() is None


def test_what_runs_again_within_six_hours_is_the_same_event_and_later_another_one() -> None:
    used = lived_in()
    used.hear(SINCE + 600, 10_020)
    quiet(used, SINCE + 1200, SINCE + 5 * HOUR, 10_020)
    used.hear(SINCE + 5 * HOUR, 10_028)
    found = used.find()
    assert found is not None
    assert (found.since, found.grounds["used_l"]) == (SINCE, 28)
    quiet(used, SINCE + 5 * HOUR + 600, SINCE + 60 * HOUR, 10_028)
    used.hear(SINCE + 60 * HOUR, 10_036)
    later = used.find()
    assert later is not None
    assert (later.since, later.grounds["used_l"]) == (SINCE + 60 * HOUR - 600, 8)


def test_what_ran_before_or_while_they_left_is_none_of_it() -> None:
    """Of what lies between two readings nobody knows when it ran."""
    used = Used("eau", 1.0)
    used.watch(SINCE, 5)
    used.hear(SINCE - 2 * DAY, 9000)
    used.hear(SINCE - DAY, 9300)
    used.hear(SINCE + 60, 9600)
    quiet(used, SINCE + 600, SINCE + DAY, 9600)
    assert used.find() is None


@pytest.mark.parametrize(
    ("name", "l_per_h", "is_told"), [("a drip", 1.0, False), ("noise", 0.2, False), ("a toilet", 4.0, True)]
)
def test_what_drips_more_slowly_than_the_few_litres_in_three_hours_is_no_use(
    name: str, l_per_h: float, is_told: bool
) -> None:
    used = lived_in(step_l=0.1)
    for at in range(SINCE, SINCE + 5 * DAY, 600):
        used.hear(at, 10_000 + int((at - SINCE) / HOUR * l_per_h * 10))
    assert (used.find() is not None) is is_told, name


def test_an_index_that_goes_to_and_fro_is_counted_once() -> None:
    used = lived_in()
    for number in range(200):
        used.hear(SINCE + number * 600, 10_000 + number % 2)
    assert used.find() is None


def test_a_meter_that_counts_in_tens_needs_two_of_them() -> None:
    """One may be what was left over from before they went."""
    used = lived_in(quantum=10)
    used.hear(SINCE + 600, 10_010)
    quiet(used, SINCE + 1200, SINCE + 5 * HOUR, 10_010)
    assert used.find() is None
    used.hear(SINCE + 5 * HOUR, 10_020)
    found = used.find()
    assert found is not None, "as slowly as five litres in three hours, its two steps take twelve hours"
    assert (found.since, found.grounds["used_l"]) == (SINCE, 20)


def test_two_coarse_steps_days_apart_are_a_drip() -> None:
    used = lived_in(quantum=100)
    used.hear(SINCE + 600, 10_100)
    quiet(used, SINCE + 1200, SINCE + 3 * DAY, 10_100)
    used.hear(SINCE + 3 * DAY, 10_200)
    assert used.find() is None


def test_a_meter_that_is_heard_by_the_hour_or_once_a_day_says_which_it_had() -> None:
    for each_s in (HOUR, DAY):
        used = lived_in(each_s=each_s, days=20)
        used.hear(SINCE + each_s, 10_000)
        used.hear(SINCE + 2 * each_s, 10_012)
        found = used.find()
        assert found is not None
        assert (found.since, found.grounds["interval_s"]) == (SINCE + each_s, each_s)


def test_a_silence_in_which_nothing_ran_is_none_and_one_in_which_a_drip_ran_neither() -> None:
    used = lived_in()
    used.hear(SINCE + 5 * DAY, 10_000)
    assert used.find() is None
    used.hear(SINCE + 9 * DAY, 10_019)  # less than five litres a day
    assert used.find() is None
    used.hear(SINCE + 12 * DAY, 10_219)
    found = used.find()
    assert found is not None
    assert (found.since, found.grounds["used_l"]) == (SINCE + 9 * DAY, 200)


def test_a_meter_that_fell_silent_is_not_said_to_have_stopped() -> None:
    used = lived_in()
    used.hear(SINCE + 600, 10_020)
    found = used.find()
    assert found is not None
    assert found.at == SINCE + 600


def test_a_leak_that_is_known_is_no_use_and_what_runs_beside_it_is() -> None:
    leak = Finding(Service.LEAK, "eau", "toilet", SINCE - DAY, {"l_per_h": 12.0})
    used = lived_in()
    steps = 10_000
    for at in range(SINCE + 600, SINCE + 10 * HOUR, 600):
        steps += 2
        used.hear(at, steps)
    assert used.find(leak) is None
    assert used.find(None) is None, "where it is over it was still no use"
    used.hear(SINCE + 10 * HOUR, steps + 150)
    assert used.find(leak) is not None


def test_what_a_person_chooses_counts() -> None:
    used = lived_in()
    used.watch(SINCE, 20)
    used.hear(SINCE + 600, 10_012)
    assert used.find() is None
    used.watch(SINCE, 0)
    used.hear(SINCE + 1200, 10_500)
    assert used.find() is None
    used.watch(SINCE, 20)
    used.hear(SINCE + 1800, 10_521)
    assert used.find() is not None


def test_when_somebody_is_back_nothing_is_told_and_a_new_absence_begins_anew() -> None:
    used = lived_in()
    used.hear(SINCE + 600, 10_020)
    used.watch(None, 5)
    assert used.find() is None
    used.hear(SINCE + DAY, 10_500)
    assert used.find() is None
    used.watch(SINCE + 2 * DAY, 5)
    used.hear(SINCE + 2 * DAY, 10_900)
    used.hear(SINCE + 3 * DAY, 10_900)
    assert used.find() is None


def test_of_a_home_that_was_empty_for_months_the_first_water_is_told() -> None:
    """No change was heard that would say how coarsely its meter counts: its index does."""
    for index, more, is_told in ((10_003, 40, True), (10_000, 10, False), (10_000, 130, True)):
        used = Used("eau", 1.0)
        used.watch(SINCE, 5)
        quiet(used, SINCE, SINCE + 5 * DAY, index, DAY)
        used.hear(SINCE + 5 * DAY, index + more)
        assert (used.find() is not None) is is_told, (index, more)


@given(st.lists(st.tuples(st.integers(-100, 100_000), st.integers(-5, 400)), max_size=60))
def test_whatever_is_said_breaks_nothing(said: list[tuple[int, int]]) -> None:
    used = Used("eau", 1.0)
    used.watch(SINCE, 5)
    at, steps = SINCE - 1000, 0
    for later, more in said:
        at, steps = at + later, steps + more
        used.hear(at, steps)
    found = used.find()
    if found is not None:
        assert found.since >= SINCE
        assert 5 <= found.grounds["used_l"] <= sum(max(0, more) for _, more in said)
        assert found.since < found.grounds["last_at"]
