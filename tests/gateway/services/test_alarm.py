"""What a water meter says itself of a leak is told once it lasts, beside what its index shows, and with no figure of its own."""

from collections.abc import Mapping

import pytest
from hypothesis import given
from hypothesis import strategies as st

from drivers.meters import codes, details
from gateway.services import alarm
from gateway.services.alarm import BACKFLOW, BURST, HEATING, LEAK, Said, kinds, lasting, stood_still, together
from gateway.services.flow import Flow
from gateway.services.model import Finding, Service

NOW = 1_796_000_000
HOUR, DAY = 3600, 86_400
ALL = {LEAK: NOW - HOUR, BURST: NOW - HOUR, BACKFLOW: NOW - HOUR}


def said(since: Mapping[str, int] | None, interval_s: float | None = 300.0) -> Said:
    return Said(since, NOW - 60, interval_s)


def running(kind: str = "toilet", rank: int = 1) -> Finding:
    return Finding(Service.LEAK, "eau", kind, NOW - DAY, {"l_per_h": 10.0, "lost_l": 240.0}, rank, NOW - 60)


@pytest.mark.parametrize(
    ("codes", "kind"),
    [
        (("leak",), {LEAK}),
        (("leak (large flow)", "battery low"), {LEAK}),
        (("burst", "backflow"), {BURST, BACKFLOW}),
        (("leak (earlier)", "burst (this month)", "backflow (last month)", "leak (within a year)"), set()),
        (("leak (or no consumption)",), set()),
        (("over flow", "no flow", "dry", "error flags 0x104"), set()),
    ],
)
def test_what_a_meter_says_now_counts_and_what_was_so_once_does_not(codes: tuple[str, ...], kind: set[str]) -> None:
    assert kinds(codes) == kind


def test_a_heat_meter_says_a_leak_of_its_circuit_and_none_where_water_runs_backwards_in_it() -> None:
    for code in ("leak (water lost)", "burst (water coming in)", "leak (input A1)"):
        assert kinds((code, "backflow"), of_heat=True) == {HEATING}
    assert kinds(("backflow (second flow sensor)", "leak (earlier)"), of_heat=True) == set()
    one = together("chauffage", None, {HEATING: NOW - HOUR}, said({}), 0)
    assert one is not None
    assert (one.kind, one.rank, one.grounds["meter_heating_leak_at"]) == ("heating leak", 2, NOW - HOUR)


def test_each_word_is_one_of_the_drivers() -> None:
    assert {"leak", "burst", "backflow"} <= codes()
    assert "or no consumption" in details()


def test_a_bit_is_told_after_ten_minutes_and_one_that_was_told_goes_on() -> None:
    for age_s, is_told in ((0, False), (599, False), (600, True)):
        assert (LEAK in lasting(said({LEAK: NOW - age_s}), {}, NOW)) is is_told
    assert lasting(said({LEAK: NOW}), {LEAK: NOW - DAY}, NOW) == {LEAK: NOW - DAY}, "it began when it was told"
    assert lasting(said({}), {LEAK: NOW - DAY}, NOW) == {}


def test_of_a_meter_that_is_not_heard_or_not_read_what_was_told_goes_on_and_nothing_else_comes() -> None:
    assert lasting(said(None), {LEAK: NOW - DAY}, NOW) == {LEAK: NOW - DAY}
    assert lasting(said(None), {}, NOW) == {}


def test_what_the_meter_alone_says_has_no_litres() -> None:
    one = together("eau", None, {LEAK: NOW - HOUR}, said({}), 0)
    assert one == Finding(
        Service.LEAK, "eau", LEAK, NOW - HOUR, {"meter_leak_at": NOW - HOUR, "interval_s": 300.0}, 1, NOW - 60
    )
    assert together("eau", None, {}, said({}), 0) is None
    worst = together("eau", None, ALL, said({}), 0)
    assert worst is not None
    assert (worst.kind, worst.rank) == (BURST, 3)


def test_a_leak_that_the_index_shows_keeps_its_figures_and_the_meters_word_is_a_ground() -> None:
    for says, rank in (({LEAK: NOW}, 1), ({BACKFLOW: NOW}, 1), ({BURST: NOW}, 3)):
        one = together("eau", running(), says, said({}), 7200)
        assert one is not None
        assert (one.kind, one.since, one.rank) == ("toilet", NOW - DAY, rank)
        assert one.grounds == {"l_per_h": 10.0, "lost_l": 240.0} | {alarm.GROUNDS[kind]: NOW for kind in says}
    drip = together("eau", running("drip", 0), {LEAK: NOW}, said({}), 0)
    assert drip is not None
    assert drip.rank == 0, "who has seen a drip is not told again that it is a leak"


def test_less_than_the_owner_wants_to_be_told_of_is_not_told_by_the_meters_word_either() -> None:
    assert together("eau", None, {LEAK: NOW}, said({}), 0, is_small=True) is None
    one = together("eau", None, {LEAK: NOW, BURST: NOW}, said({}), 0, is_small=True)
    assert one is not None
    assert one.kind == BURST


def flow(*litres: int, step_l: float = 1, each_s: int = 600) -> Flow:
    """Readings up to NOW."""
    found = Flow(step_l)
    for number, index in enumerate(litres):
        found.hear(NOW - (len(litres) - 1 - number) * each_s, index)
    return found


def test_how_long_an_index_stood_still_is_said_where_a_leak_would_have_moved_it() -> None:
    night = flow(*(0, 3, 4), *([5] * 19), *(6, 9))
    assert stood_still(night, NOW - DAY) == 3 * HOUR
    assert stood_still(night, NOW - HOUR) == 0, "of what came before the bit nothing is said"
    assert stood_still(flow(*range(20)), NOW - DAY) == 0
    assert stood_still(flow(0, 10, *([20] * 19), 30), NOW - DAY) == 0, "ten litres a step: a drip needs five hours"
    assert stood_still(flow(0, 10, *([20] * 40), 30), NOW - DAY) == 39 * 600
    assert stood_still(Flow(1), NOW - DAY) == 0


@given(
    st.lists(st.tuples(st.integers(0, 90_000), st.integers(0, 50)), max_size=40),
    st.integers(NOW - 10**6, NOW),
)
def test_an_index_never_stood_still_for_longer_than_it_was_heard(said: list[tuple[int, int]], since: int) -> None:
    heard, at, steps = Flow(1), NOW - 10**6, 0
    for gone_s, more in said:
        at, steps = at + gone_s, steps + more
        heard.hear(at, steps)
    assert 0 <= stood_still(heard, since) <= max(0, at - since)
