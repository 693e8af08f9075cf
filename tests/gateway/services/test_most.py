"""An hour or a day that took far more than any before is said at its reading; what a home is known to take is not."""

from collections.abc import Iterable
from random import Random

import pytest

from gateway.services.leak import Leak
from gateway.services.model import Finding
from gateway.services.most import DAY, HOUR, Most, While

HOUR_S, DAY_S = 3600, 86_400
START = 1_790_000_000 // DAY_S * DAY_S


def raised(said: Iterable[tuple[int, int]], step_l: float = 1) -> list[tuple[int, Finding]]:
    leak, found, before = Leak("eau", step_l), [], None
    for at, steps in said:
        leak.hear(at, steps)
        finding = leak.find()
        if finding is not None and before is None:
            found.append((at, finding))
        before = finding
    return found


def took(interval_s: int, litres: Iterable[float]) -> list[tuple[int, int]]:
    """Readings `interval_s` apart, between which so many litres ran."""
    index, said = 5_000.0, [(START, 5_000)]
    for number, each in enumerate(litres, 1):
        index += each
        said.append((START + number * interval_s, int(index)))
    return said


def hours(days: int, seed: int = 1) -> list[float]:
    """A home that takes up to 120 L in an hour by day, and nothing at night."""
    rng = Random(seed)
    return [rng.choice((0, 10, 40, 120)) if 7 <= hour % 24 < 23 else 0 for hour in range(days * 24)]


@pytest.mark.parametrize("l_per_h", [400, 900, 2500])
def test_a_burst_is_said_at_the_first_hour_that_it_ran_in(l_per_h: float) -> None:
    ((at, finding),) = raised(took(HOUR_S, [*hours(20), *[0] * 3, l_per_h]))
    assert finding.kind == "hour"
    assert at == finding.at
    assert at - finding.since == HOUR_S
    assert finding.grounds["litres"] == pytest.approx(l_per_h, abs=1)
    assert finding.grounds["most_l"] == 120


def test_where_it_runs_on_it_is_said_as_a_burst_in_the_same_story() -> None:
    said = took(HOUR_S, [*hours(20), *[0] * 3, 700, 900, 900])
    leak, kinds = Leak("eau", 1), []
    for at, steps in said:
        leak.hear(at, steps)
        kinds.append(finding.kind if (finding := leak.find()) is not None else None)
    assert kinds[-4:] == [None, "hour", "burst", "burst"]


def test_a_drip_that_was_said_keeps_no_burst_from_being_said() -> None:
    said = took(HOUR_S, [each + 4 for each in [*hours(20), 700, 0]])
    leak, kinds = Leak("eau", 1), []
    for at, steps in said:
        leak.hear(at, steps)
        kinds.append(finding.kind if (finding := leak.find()) is not None else None)
    assert kinds[-3:] == ["drip", "hour", "drip"]


def test_it_is_over_with_the_next_usual_hour() -> None:
    leak = Leak("eau", 1)
    for at, steps in took(HOUR_S, [*hours(20), 700, 20]):
        leak.hear(at, steps)
    assert leak.find() is None


@pytest.mark.parametrize(("interval_s", "usual", "much"), [(HOUR_S, 100, 700), (DAY_S, 400, 1500)])
def test_what_a_home_took_once_is_not_far_more_the_next_time(interval_s: int, usual: float, much: float) -> None:
    days = [usual, 0.0] * 200
    assert len(raised(took(interval_s, [*days, much, *days[:20], much * 1.05, 0]))) == 1


def test_a_burst_is_said_the_day_it_comes_of_a_meter_that_is_heard_once_a_day() -> None:
    rng = Random(3)
    ((at, finding),) = raised(took(DAY_S, [*(rng.uniform(100, 500) for _ in range(40)), 2300]))
    assert finding.kind == "day"
    assert at - finding.since == DAY_S
    assert finding.grounds["litres"] == pytest.approx(2300, abs=1)


@pytest.mark.parametrize(("while_", "days"), [(HOUR, 9), (DAY, 9)])
def test_before_ten_days_are_known_nothing_is_far_more(while_: While, days: int) -> None:
    most = Most(1, while_)
    for at, steps in took(while_.unit_s, [10.0] * (days * DAY_S // while_.unit_s) + [5000.0]):
        most.hear(at, steps)
    assert most.find("eau", 0) is None


def test_of_an_hour_that_was_not_heard_no_more_is_said_than_its_mean() -> None:
    """500 L in two hours are at least 250 in one of them, and a home may take so much."""
    said = took(HOUR_S, [*hours(20), 0, 250, 250])
    assert raised([*said[:-2], said[-1]]) == []


def test_after_hours_that_nobody_heard_nothing_is_said_of_their_sum() -> None:
    said = took(HOUR_S, [*hours(20), *[200] * 6])
    assert raised([*said[:-6], said[-1]]) == []


def test_a_meter_of_a_cubic_metre_a_step_says_nothing_by_its_steps() -> None:
    """Of 700 L a day it says 0, 1,000, or now and then 2,000."""
    for seed in range(12):
        rng, most, index = Random(seed), Most(1000, DAY), 0.0
        for day in range(365):
            most.hear(START + day * DAY_S, int(index / 1000))
            assert most.find("eau", 0) is None
            index += rng.uniform(400, 1100)


def test_water_that_flows_back_is_no_most_below_nothing() -> None:
    most = Most(1, DAY)
    for at, steps in [*took(DAY_S, [1.0] + [-1.0] * 62), (START + 64 * DAY_S, 5_600)]:
        most.hear(at, steps)
    finding = most.find("eau", 0)
    assert finding is not None
    assert finding.grounds["most_l"] == 0


def test_a_meter_that_is_heard_each_ten_minutes_is_not_judged_by_the_hour() -> None:
    most = Most(1, HOUR)
    for number in range(40 * 144):
        most.hear(START + 600 * number, 10 * number)
    most.hear(START + 600 * 40 * 144 + HOUR_S, 10 * 40 * 144 + 900)
    assert most.find("eau", 0) is None


def test_less_than_is_to_be_told_is_not_told() -> None:
    most = Most(1, DAY)
    for at, steps in took(DAY_S, [300.0] * 20 + [1500.0]):
        most.hear(at, steps)
    assert most.find("eau", 40) is not None
    assert most.find("eau", 60) is None
