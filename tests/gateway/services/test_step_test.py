"""A verdict is what the readings carry: never "still" while the leak runs, never "moved" while nothing does."""

from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.services.step_test import WAIT_S_MAX, Saw, Seen, Sight, look, sight

BEGUN = 1_790_000_000
DAY = 86_400
Flow = Callable[[int], float]  # litres an hour at a time


def said(
    flow: Flow, *, step_l: float, interval_s: int, until: int, since: int = BEGUN - 4 * 3600, anew_s: int = 1
) -> list[tuple[int, int]]:
    """What a meter says each `interval_s` whose counter is brought up to date each `anew_s`."""
    litres, known, found = 612_483.3, 0, []
    for at in range(since, until + 1):
        litres += flow(at) / 3600
        if at % anew_s == 0 or not known:
            known = int(litres / step_l)
        if (at - since) % interval_s == interval_s // 2:
            found.append((at, known))
    return found


def seen(flow: Flow, l_per_h: float, after_s: int, **meter: float) -> Seen:
    readings = said(flow, until=BEGUN + after_s, **meter)  # type: ignore[arg-type]
    past = [reading for reading in readings if reading[0] < BEGUN]
    found = sight(past, meter["step_l"], meter["interval_s"])
    assert found is not None
    return look(readings, found, BEGUN, l_per_h)


def shower_then(l_per_h: float) -> Flow:
    """Somebody takes water until an hour before; then only the leak runs."""
    return lambda at: l_per_h + (600 if BEGUN - 7200 < at < BEGUN - 3600 else 0)


def closed_at_begin(l_per_h: float) -> Flow:
    runs = shower_then(l_per_h)
    return lambda at: runs(at) if at < BEGUN else 0


METERS = [
    pytest.param(1, 600, 20, 20 * 60 + 20, id="1 L, heard each 10 minutes: 20 minutes"),
    pytest.param(10, 16, 20, 46 * 60, id="10 L, heard each 16 seconds: what half as much again as a step takes"),
    pytest.param(0.1, 16, 20, 180, id="0.1 L, heard each 16 seconds: three minutes"),
]


@pytest.mark.parametrize(("step_l", "interval_s", "l_per_h", "wait_s_max"), METERS)
def test_a_leak_is_seen_and_a_closed_tap_too_within_what_was_said(
    step_l: float, interval_s: int, l_per_h: float, wait_s_max: int
) -> None:
    wait_s = Sight(step_l, interval_s).wait_s(l_per_h)
    assert wait_s <= wait_s_max
    meter = {"step_l": step_l, "interval_s": interval_s}
    assert seen(shower_then(l_per_h), l_per_h, wait_s + 180, **meter).saw is Saw.MOVED
    assert seen(closed_at_begin(l_per_h), l_per_h, wait_s + 180, **meter).saw is Saw.STILL


@pytest.mark.parametrize(("step_l", "interval_s", "l_per_h", "wait_s_max"), METERS)
def test_nothing_is_said_before_the_readings_carry_it(
    step_l: float, interval_s: int, l_per_h: float, wait_s_max: int
) -> None:
    meter = {"step_l": step_l, "interval_s": interval_s}
    nothing = seen(closed_at_begin(l_per_h), l_per_h, 0, **meter)
    assert (nothing.saw, nothing.since, nothing.steps, nothing.moved_at) == (Saw.NOT_YET, None, None, None)
    assert nothing.known_by - BEGUN <= wait_s_max + 180
    assert seen(closed_at_begin(l_per_h), l_per_h, interval_s + 20, **meter).saw is Saw.NOT_YET


@pytest.mark.parametrize("step_l", [0.001, 1, 10])
def test_what_is_heard_once_a_day_cannot_be_watched(step_l: float) -> None:
    daily = sight([(BEGUN - 9 * DAY + day * DAY, 612_483 + 100 * day) for day in range(9)], step_l)
    assert daily is not None
    assert daily.interval_s == DAY
    assert not daily.sees(20)
    assert Sight(100, 16).wait_s(2) > WAIT_S_MAX
    assert not Sight(100, 16).sees(2)


def test_a_meter_that_says_litres_and_counts_tens_is_known_by_what_it_said() -> None:
    readings = [(at, steps // 10 * 10) for at, steps in said(shower_then(20), step_l=1, interval_s=16, until=BEGUN)]
    found = sight(readings, 1, 16)
    assert found is not None
    assert found.step_l == 10


@pytest.mark.parametrize("anew_s", [60, 600])
def test_what_is_said_again_and_again_and_counted_seldom_is_no_word_on_what_runs_now(anew_s: int) -> None:
    """A meter heard each 16 s that counts anew each ten minutes: it says more just after the stopcock was closed, and
    the same for long while it runs.
    """
    meter = {"step_l": 1, "interval_s": 16, "anew_s": anew_s}
    for after_s in range(0, 4000, 50):
        assert seen(closed_at_begin(60), 60, after_s, **meter).saw is not Saw.MOVED, after_s
        assert seen(shower_then(60), 60, after_s, **meter).saw is not Saw.STILL, after_s
    assert seen(closed_at_begin(60), 60, 4000, **meter).saw is Saw.STILL
    assert seen(shower_then(60), 60, 4000, **meter).saw is Saw.MOVED


def test_another_meter_begins_the_watch_anew() -> None:
    sees = Sight(1, 60)
    before = [(BEGUN + at, 500 + at // 60) for at in range(0, 300, 60)]
    assert look(before, sees, BEGUN, 60).saw is Saw.MOVED
    changed = [*before, (BEGUN + 300, 0), (BEGUN + 360, 0)]
    assert look(changed, sees, BEGUN, 60) == Seen(Saw.NOT_YET, BEGUN + 420, BEGUN + 300, 0)
    assert look([*changed, (BEGUN + 480, 0)], sees, BEGUN, 60).saw is Saw.STILL


def test_what_stood_still_did_so_though_the_stopcock_was_opened_since() -> None:
    opened = [(BEGUN + at, 7 + max(0, at - 600) // 10) for at in range(0, 1200, 10)]
    assert look(opened, Sight(1, 16), BEGUN, 60).saw is Saw.STILL
    assert look(opened, Sight(1, 16), BEGUN, 2).saw is Saw.MOVED, "not long enough for a leak so small"


def test_readings_that_are_missing_take_nothing_from_an_index_that_stands() -> None:
    assert look([(BEGUN + 30, 7), (BEGUN + 3630, 7)], Sight(1, 16), BEGUN, 20).saw is Saw.STILL


def test_of_a_meter_that_has_said_nothing_nothing_is_known() -> None:
    assert sight([], 1) is None
    assert sight([(BEGUN, 5)], 1) is None
    assert sight([(BEGUN, 5)], 1, 16) == Sight(1, 16)


@given(
    step_l=st.sampled_from([0.1, 1, 10]),
    interval_s=st.integers(1, 900),
    l_per_h=st.floats(2, 400),
    more=st.floats(1, 3),
    after_s=st.integers(0, 7200),
    phase=st.integers(0, 899),
    fraction=st.floats(0, 0.999),
)
def test_whatever_the_meter_a_running_leak_never_stands_still_and_a_closed_one_never_moves(
    step_l: float, interval_s: int, l_per_h: float, more: float, after_s: int, phase: int, fraction: float
) -> None:
    sees = Sight(step_l, interval_s)
    times = range(BEGUN - 3 * interval_s + phase % interval_s, BEGUN + after_s, interval_s)
    runs = [(at, int(fraction + (at - BEGUN + 4 * DAY) * l_per_h * more / 3600 / step_l)) for at in times]
    assert look(runs, sees, BEGUN, l_per_h).saw is not Saw.STILL
    stands = [(at, int(fraction + (min(at, BEGUN) - BEGUN + 4 * DAY) * l_per_h / 3600 / step_l)) for at in times]
    found = look(stands, sees, BEGUN, l_per_h)
    assert found.saw is not Saw.MOVED
    if after_s > sees.wait_s(l_per_h):
        assert found.saw is Saw.STILL
