"""Water that runs without a pause is found, and nothing else is: gardens, gaps, dead batteries, noise."""

from collections.abc import Callable, Iterable
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.services.leak import Leak
from gateway.services.model import Finding

HOUR, DAY = 3600, 86_400
START = 1_790_000_000 // DAY * DAY
Litres = Callable[[int], float]


def lived_in(seed: int) -> Litres:
    """Litres that people take in ten minutes from a time on: by day, in between, and once or twice a night."""
    rng = Random(seed)

    def taken(at: int) -> float:
        hour = at % DAY // HOUR
        often = 0.45 if hour in (7, 8, 12, 18, 19, 20, 21) else 0.03 if hour < 6 else 0.2
        return rng.choice([3, 6, 9, 12, 60]) if rng.random() < often else 0.0

    return taken


def readings(
    days: float, litres: Litres, *, step_l: float = 1, interval_s: int = 600, start: int = START
) -> Iterable[tuple[int, int]]:
    index = 612_483.0
    for at in range(start, start + int(days * DAY), 600):
        if (at - start) % interval_s == 0:
            yield at, int(index / step_l)
        index += litres(at)


def raised(said: Iterable[tuple[int, int]], step_l: float = 1) -> list[tuple[int, Finding]]:
    """When a finding first came, each time that there was none before."""
    leak, found, before = Leak("eau", step_l), [], None
    for at, steps in said:
        leak.hear(at, steps)
        finding = leak.find()
        if finding is not None and before is None:
            found.append((at, finding))
        before = finding
    return found


def with_leak(litres: Litres, l_per_h: float, since: int, until: int = 1 << 40) -> Litres:
    return lambda at: litres(at) + (l_per_h / 6 if since <= at < until else 0)


@pytest.mark.parametrize("interval_s", [600, HOUR])
@pytest.mark.parametrize(("step_l", "l_per_h"), [(1, 10), (0.1, 10), (1, 50), (5, 25)])
def test_what_runs_on_is_found_within_two_days_with_its_size_and_its_beginning(
    step_l: float, l_per_h: float, interval_s: int
) -> None:
    since = START + 20 * DAY + 5 * HOUR
    said = readings(24, with_leak(lived_in(1), l_per_h, since), step_l=step_l, interval_s=interval_s)
    ((at, finding),) = raised(said, step_l)
    assert since < at <= since + 2 * DAY
    assert abs(finding.since - since) <= 3 * HOUR
    assert finding.grounds["l_per_h"] == pytest.approx(l_per_h, rel=0.35)
    assert finding.kind == "toilet"


def test_it_ends_when_it_is_repaired() -> None:
    since, until = START + 10 * DAY, START + 13 * DAY
    leak, says = Leak("eau", 1), {}
    for at, steps in readings(14, with_leak(lived_in(2), 10, since, until)):
        leak.hear(at, steps)
        says[at] = leak.find()
    assert says[until - 600] is not None
    assert says[START + 14 * DAY - 600] is None


@pytest.mark.parametrize("l_per_h", [300, 600, 2000])
@pytest.mark.parametrize("hour", [3, 8, 15])
def test_a_burst_is_found_within_the_hour(l_per_h: float, hour: int) -> None:
    since = START + 30 * DAY + hour * HOUR
    ((at, finding),) = raised(readings(30.5 + hour / 24, with_leak(lived_in(3), l_per_h, since)))
    assert at - since <= HOUR
    assert finding.kind == "burst"
    assert finding.grounds["l_per_h"] == pytest.approx(l_per_h, rel=0.5)


@pytest.mark.parametrize("interval_s", [16, 60, 300, 600])
def test_a_hose_for_forty_minutes_is_said_of_no_meter_however_often_it_is_heard_and_a_burst_within_the_hour(
    interval_s: int,
) -> None:
    start = START + 6 * HOUR

    def said(minutes: int) -> Iterable[tuple[int, int]]:
        kept = 0, -1
        for at in range(START, START + DAY, interval_s):
            index = int(700 / 3600 * min(max(0, at - start), minutes * 60))
            if index != kept[1] or at - kept[0] >= 600:  # as the box keeps them
                kept = at, index
                yield kept

    assert raised(said(40)) == []
    ((at, _),) = raised(said(180))
    assert at - start <= HOUR


@pytest.mark.parametrize("step_l", [0.1, 1, 10])
@pytest.mark.parametrize("interval_s", [600, HOUR, DAY])
@pytest.mark.parametrize("seed", range(4))
def test_a_home_that_is_lived_in_raises_nothing(seed: int, interval_s: int, step_l: float) -> None:
    assert raised(readings(90, lived_in(seed), step_l=step_l, interval_s=interval_s), step_l) == []


def test_a_garden_that_is_watered_each_evening_is_said_once_at_most() -> None:
    house = lived_in(4)

    def garden(at: int) -> float:
        return house(at) + (120 if 19 * HOUR <= at % DAY < 20.5 * HOUR else 0)

    assert len(raised(readings(60, garden))) <= 1
    at, _ = raised(readings(61, with_leak(garden, 700, START + 60 * DAY + 2 * HOUR)))[-1]
    assert at - (START + 60 * DAY + 2 * HOUR) <= HOUR, "at another hour it is not what this home is used to"


def test_an_index_that_stands_still_is_no_leak_and_none_that_ends() -> None:
    said = list(readings(40, lived_in(5)))
    still = [(at, said[2000][1] if number > 2000 else steps) for number, (at, steps) in enumerate(said)]
    assert raised(still) == []


def test_what_happened_while_nobody_listened_is_not_known() -> None:
    """The sum over a gap is large; how it ran is not known, and nothing is said of it."""
    said = [one for one in readings(40, lived_in(6)) if not 10 * DAY <= one[0] - START < 31 * DAY]
    assert raised(said) == []


@pytest.mark.parametrize("gap_d", [1, 3, 10])
def test_what_began_after_days_that_nobody_heard_is_not_said_to_run_since_before_them(gap_d: int) -> None:
    """In those days the home took 400 L each, as a leak would, too: without a pause nobody can say."""
    gone, back = START + 15 * DAY + 19 * HOUR, START + (15 + gap_d) * DAY + 20 * HOUR

    def evening(at: int) -> float:
        return 10.0 if abs(at - gone) <= HOUR or abs(at - back) <= HOUR else lived_in_at(at)

    lived_in_at = lived_in(9)
    said = readings(30 + gap_d, with_leak(evening, 12, back))
    ((at, finding),) = raised(one for one in said if not gone < one[0] < back)
    assert at - back <= 2 * DAY
    assert finding.since >= back
    assert finding.grounds["lost_l"] <= 12 * (at - back + HOUR) / 3600 * 1.5


def test_a_leak_that_was_said_goes_on_over_a_weekend_that_nobody_heard() -> None:
    since, gap = START + 15 * DAY, range(START + 18 * DAY, START + 20 * DAY)
    said = readings(25, with_leak(lived_in(9), 12, since))
    ((_, finding),) = raised(one for one in said if one[0] not in gap)
    assert abs(finding.since - since) <= 3 * HOUR


def test_a_reading_a_month_says_nothing() -> None:
    assert raised(readings(3000, lived_in(7), interval_s=30 * DAY)) == []


@pytest.mark.parametrize("days", [4, 7, 30])
def test_a_summer_of_a_meter_that_is_heard_each_month_is_not_told_as_days_that_took_more(days: int) -> None:
    """A sum of thirty days is no day, and thirty months are not the four weeks before."""
    home = lived_in(7)

    def garden(at: int) -> float:
        return home(at) + (40 if (at - START) // DAY % 365 in range(150, 240) and at % DAY // HOUR == 20 else 0)

    assert raised(readings(1500, garden, interval_s=days * DAY)) == []


def test_days_that_took_more_go_on_over_a_week_that_nobody_heard_and_do_not_begin_in_it() -> None:
    since = START + 40 * DAY
    by_day = list(readings(60, with_leak(lived_in(8), 20, since), interval_s=DAY))
    leak, kinds = Leak("eau", 1), []
    for at, steps in by_day:
        if not START + 46 * DAY < at < START + 53 * DAY:
            leak.hear(at, steps)
            kinds.append(leak.find() is not None)
    assert kinds[-8:] == [True] * 8
    at, finding = raised(one for one in by_day if not START + 38 * DAY < one[0] < START + 45 * DAY)[0]
    assert finding.since >= START + 45 * DAY
    assert at - finding.since >= 3 * DAY


def test_days_that_took_more_are_said_of_a_meter_that_is_heard_once_a_day() -> None:
    since = START + 40 * DAY
    said = readings(46, with_leak(lived_in(8), 20, since), interval_s=DAY)
    ((at, finding),) = raised(said)
    assert since + 3 * DAY <= at <= since + 4 * DAY
    assert finding.kind == "days"
    assert finding.grounds["l_per_day"] - finding.grounds["usual_l_per_day"] == pytest.approx(480, rel=0.6)
    assert finding.since == since


def test_a_meter_of_a_cubic_metre_a_step_is_not_said_to_take_more_than_nothing() -> None:
    """Of 550 L a day it says 0 or 1,000: three days of 1,000 are not more than usual, whatever the middle is."""
    for seed in range(12):
        rng = Random(seed)
        leak, index = Leak("eau", 1000), rng.uniform(0, 1000)
        for day in range(365):
            leak.hear(START + day * DAY, int(index / 1000))
            assert leak.find() is None
            index += 550 * rng.lognormvariate(0, 0.35)


def test_ten_litres_an_hour_more_are_said_after_five_days_of_a_meter_that_is_heard_once_a_day() -> None:
    """Three such days are no more than a home may take; five on end are."""
    index, said = 5_000, []
    for day in range(46):
        said.append((START + day * DAY, index))
        index += (130, 280, 180, 330, 230)[day % 5] + (240 if day >= 40 else 0)
    ((at, finding),) = raised(said)
    assert at == START + 45 * DAY
    assert finding.kind == "days"
    assert finding.since == START + 40 * DAY
    assert finding.grounds["l_per_day"] - finding.grounds["usual_l_per_day"] == pytest.approx(240, abs=1)


def test_two_days_of_guests_say_nothing() -> None:
    leak = Leak("eau", 1)
    for day in range(60):
        leak.hear(START + day * DAY, 200 * day + (350 if day >= 40 else 0) + (350 if day >= 41 else 0))
        assert leak.find() is None


def test_days_that_took_more_are_past_once_the_meter_is_heard_often() -> None:
    """The antenna was moved: nothing else would ever end them."""
    leak = Leak("eau", 1)
    by_day = list(readings(46, with_leak(lived_in(8), 20, START + 40 * DAY), interval_s=DAY))
    for at, steps in by_day:
        leak.hear(at, steps)
    assert leak.find() is not None
    for at, steps in readings(1, lived_in(8), start=by_day[-1][0] + 600):
        leak.hear(at, steps - 612_483 + by_day[-1][1])
    assert leak.find() is None


def test_a_meter_of_a_day_that_says_things_twice_is_still_one_of_a_day() -> None:
    said = readings(46, with_leak(lived_in(8), 20, START + 40 * DAY), interval_s=DAY)
    assert len(raised((at + later, steps) for at, steps in said for later in (0, 300))) == 1


def test_a_drip_that_is_calm_by_the_litre_some_nights_is_one_story_and_ends_with_a_calm_night() -> None:
    house, repaired = lived_in(11), START + 30 * DAY

    def litres(at: int) -> float:
        by_day = house(at) if 7 <= at % DAY // HOUR < 23 else 0
        some_night = (at - START) // DAY in range(14, 18) and 2 * HOUR <= at % DAY < 2 * HOUR + 2400
        return by_day + (0.2 if START + 10 * DAY <= at < repaired and not some_night else 0)

    ((at, finding),) = raised(readings(35, litres))
    assert at < START + 13 * DAY
    assert finding.kind == "drip"
    leak, says = Leak("eau", 1), {}
    for at, steps in readings(35, litres):
        leak.hear(at, steps)
        says[at] = leak.find()
    assert says[repaired - 600] is not None
    assert says[repaired + DAY] is None


@given(
    st.lists(st.tuples(st.integers(-100, 90_000), st.integers(-50, 3000)), max_size=60),
    st.sampled_from([0.001, 0.1, 1, 10, 1000]),
)
def test_whatever_a_meter_says_breaks_nothing_and_a_finding_is_plausible(
    said: list[tuple[int, int]], step_l: float
) -> None:
    leak, at, steps = Leak("eau", step_l), START, 1000
    for gone_s, more in said:
        at, steps = at + gone_s, steps + more
        leak.hear(at, steps)
        finding = leak.find()
        if finding is not None:
            assert finding.since <= at
            assert all(value >= 0 for value in finding.grounds.values())
