"""A meter that is about to freeze is said while there is time, and a cold day, a dead sensor and silence are not."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.services.frost import BESIDE, STALE_S, find, is_warm

NOW = 1_796_000_000
HOUR = 3600


def hourly(*degrees: float) -> list[tuple[int, float]]:
    return [(NOW - (len(degrees) - 1 - number) * HOUR, value) for number, value in enumerate(degrees)]


@pytest.mark.parametrize(
    ("degrees", "kind", "rank"),
    [
        ((6, 5.5, 5, 4.5, 4, 3.5, 3.2), "coming", 1),
        ((5, 4.5, 4, 3.5, 3, 2.6, 2.2), "near", 1),
        ((2.4, 2.4, 2.4, 2.4), "near", 1),
        ((1.5, 1, 0.7, 0.4), "freezing", 2),
        ((0.2, 0.1, 0, -0.3), "freezing", 2),
        ((2.8, 2.6, 2.9, 3.4, 3.9), "near", 1),  # still cold a moment ago
    ],
)
def test_frost_is_said_while_there_is_time(degrees: tuple[float, ...], kind: str, rank: int) -> None:
    found = find("eau", hourly(*degrees), NOW)
    assert found is not None
    assert (found.kind, found.rank, found.grounds["degrees_c"]) == (kind, rank, degrees[-1])


def test_how_long_it_may_take_is_said_where_it_grows_colder() -> None:
    found = find("eau", hourly(5, 4.5, 4, 3.5, 3, 2.5, 2), NOW)
    assert found is not None
    assert found.grounds["c_per_h"] == pytest.approx(-0.5)
    assert found.grounds["hours_to_0"] == pytest.approx(4)
    assert found.since == NOW - HOUR
    still = find("eau", hourly(2, 2, 2, 2, 2), NOW)
    assert still is not None
    assert "hours_to_0" not in still.grounds


@pytest.mark.parametrize(
    "degrees",
    [
        (),
        (12, 12, 11.8, 12.1),
        (20, 18, 16, 14, 13, 12, 11),  # warm water that stands
        (8, 7.9, 7.8, 7.8, 7.7, 7.7, 7.6),
        (5, 5.2, 5, 4.9, 5.1, 5, 5),
        (2, 2.2, 3.1, 4, 4.6),  # it is over
        (85, 85, -127, 1000),  # what sensors say that are none
        (5, 4),  # too few to say where it goes
    ],
)
def test_a_cold_day_and_a_dead_sensor_are_no_frost(degrees: tuple[float, ...]) -> None:
    assert find("eau", hourly(*degrees), NOW) is None


def test_a_sensor_that_says_nonsense_in_between_hides_no_frost() -> None:
    found = find("eau", hourly(2.5, 85, 2.2, -127, 1.9), NOW)
    assert found is not None
    assert found.grounds["lowest_c"] == 1.9


def test_a_meter_that_is_silent_freezes_on_no_page() -> None:
    cold = hourly(2, 1.5, 1)
    assert find("eau", cold, NOW + STALE_S) is not None
    assert find("eau", cold, NOW + STALE_S + 1) is None


@given(st.lists(st.tuples(st.integers(0, 20_000), st.floats(-300, 300)), max_size=50))
def test_whatever_is_said_breaks_nothing(said: list[tuple[int, float]]) -> None:
    at, degrees = NOW - 2 * 86_400, []
    for more, value in said:
        at += more
        degrees.append((at, value))
    found = find("eau", degrees, NOW)
    if found is not None:
        assert found.since <= NOW
        assert -40 <= found.grounds["degrees_c"] <= 8


def test_what_comes_now_did_not_begin_the_night_before() -> None:
    """The one before is just at the edge: what was below it is of yesterday."""
    yesterday = [(NOW - (30 - n) * 3600, 5.0) for n in range(6)]
    cooling = [(NOW - (7 - n) * 3600, 14.0 - n) for n in range(8)]  # 8.0 an hour ago, 7.0 now
    finding = find("eau", yesterday + cooling, NOW)
    assert finding is not None
    assert (finding.kind, finding.since) == ("coming", NOW)


@pytest.mark.parametrize(
    ("degrees", "kind"),
    [
        ((6, 5.6, 5.2, 4.8, 4.8, 4.8), "cold"),
        ((4.8, 4.8, 5.5, 6, 6.2), "cold"),  # still cold a moment ago
        ((4.8, 5.5, 6, 6.6), None),
        ((7.5, 7.4, 7.4, 7.5), None),  # heating that keeps frost away
        ((2.4, 2.4, 2.4, 2.4), "near"),  # what is worse is said as ever
        ((7, 6.2, 5.4, 4.6, 3.8, 3.2), "coming"),
    ],
)
def test_while_nobody_is_at_home_cold_is_told_that_is_no_frost_yet(
    degrees: tuple[float, ...], kind: str | None
) -> None:
    found = find("eau", hourly(*degrees), NOW, 5)
    assert (found and found.kind) == kind
    if found is not None:
        assert found.rank == (0 if kind == "cold" else 1)
        assert ("cold_c" in found.grounds) is (kind == "cold")
    if kind == "cold":
        assert find("eau", hourly(*degrees), NOW) is None


def test_whose_temperature_it_is_is_said() -> None:
    for beside in (False, True):
        found = find("eau", hourly(2, 2, 2, 2), NOW, beside=beside)
        assert found is not None
        assert bool(found.grounds.get(BESIDE)) is beside


@pytest.mark.parametrize("cold_c", [None, 3.0, 5.0, 8.0])
def test_what_is_warm_by_its_last_temperature_is_never_found(cold_c: float | None) -> None:
    for tenths in range(-20, 140):
        last = tenths / 10
        for before in (-5.0, 2.0, 20.0):
            found = find("eau", [(NOW - 3600 * hour, before) for hour in range(12, 0, -1)] + [(NOW, last)], NOW, cold_c)
            assert found is None or not is_warm(last, cold_c), (last, before)
    assert not is_warm(127.0, cold_c), "a loose wire: what was before it counts"
