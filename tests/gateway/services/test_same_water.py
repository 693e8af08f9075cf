"""Two meters of the same water are known by what they count at the same time; two homes, or two leaks of one size, are not one."""

from random import Random

import pytest

from gateway.services.flow import Flow
from gateway.services.model import Finding, Service
from gateway.services.same_water import APART_FROM, HOLDS, WITHIN, beside, within

START = 1_790_000_000
MINUTE, HOUR, DAY = 60, 3600, 86_400
DAYS = 3

Used = list[float]  # litres until each minute from START on


def lived(seed: int, leak_l_per_h: float = 0.0, draws_a_day: int = 30) -> Used:
    """People who take water some thirty times a day, and what leaks."""
    rng = Random(seed)
    taken = [leak_l_per_h / 60] * (DAYS * 24 * 60)
    for _ in range(DAYS * draws_a_day):
        minute = rng.randrange(len(taken))
        taken[minute] += rng.choice([3, 6, 9, 12, 40, 60])
    until, every = 0.0, []
    for each in taken:
        every.append(until)
        until += each
    return every


def read(*used: Used, step_l: float = 1, each_s: int = 600, phase_s: int = 0, share: float = 1.0) -> Flow:
    """A meter that counts all of it."""
    flow = Flow(step_l)
    for at in range(phase_s, DAYS * DAY, each_s):
        litres = 612_000.4 + share * sum(each[at // MINUTE] for each in used)
        flow.hear(START + at, int(litres / step_l))
    return flow


@pytest.mark.parametrize(("step_l", "each_s"), [(1, 600), (0.1, 300), (10, 600), (1, HOUR)])
@pytest.mark.parametrize("leak_l_per_h", [0, 10, 100])
def test_a_meter_that_is_read_twice_counts_the_same_water_both_ways(
    step_l: float, each_s: int, leak_l_per_h: float
) -> None:
    home = lived(1, leak_l_per_h)
    radio, wire = read(home, phase_s=13), read(home, step_l=step_l, each_s=each_s, phase_s=400, share=0.97)
    for one, other in ((radio, wire), (wire, radio)):
        whole, litres = within(one, other)
        assert whole
        assert 100 < litres < 10_000


def test_a_meter_behind_another_one_is_known_which_way_round() -> None:
    hot, cold = lived(1, 10), lived(2)
    main, behind = read(hot, cold), read(hot, phase_s=120)
    assert within(behind, main)[0] is True
    assert within(main, behind)[0] is False


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize("leak_l_per_h", [0, 10, 100])
def test_two_homes_are_not_one_whatever_leaks_in_both(seed: int, leak_l_per_h: float) -> None:
    one, other = read(lived(2 * seed, leak_l_per_h)), read(lived(2 * seed + 1, leak_l_per_h), phase_s=120)
    assert within(one, other)[0] is False
    assert within(other, one)[0] is False


def test_two_leaks_of_one_size_where_nobody_takes_water_say_nothing() -> None:
    one, other = read(lived(1, 50, draws_a_day=0)), read(lived(2, 50, draws_a_day=0))
    assert within(one, other)[0] is None
    assert within(one, read(lived(3, 60)))[0] is None, "an empty home is not behind the one beside it"


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (read(lived(1)), Flow(1)),
        (Flow(1), Flow(1)),
        (read(lived(1)), read(lived(1), each_s=DAY)),
        (read(lived(1), each_s=4 * HOUR), read(lived(1))),
        (read(lived(1), step_l=1000), read(lived(1))),
    ],
)
def test_of_meters_that_say_too_little_nothing_is_known(one: Flow, other: Flow) -> None:
    assert within(one, other)[0] is None


def test_one_odd_while_is_nothing_against_it_nor_for_it() -> None:
    """A radio that was not heard, and said later what it had counted."""
    home = lived(1)
    late = Flow(1)
    odd = read(home)
    for number, (at, steps) in enumerate(zip(odd.at, odd.steps, strict=True)):
        late.hear(at, odd.steps[number - 1] if number and 200 <= number < 204 else steps)
    assert within(odd, late)[0] in (None, True)


def finding(point: str) -> Finding:
    return Finding(Service.LEAK, point, "toilet", START, {"l_per_h": 10.0})


def test_what_each_two_have_in_common_is_a_ground_of_both() -> None:
    hot, cold = lived(1, 10), lived(2)
    flows = {"froide": read(hot, cold), "chaude": read(hot, phase_s=120), "voisin": read(lived(5, 10))}
    every = beside({point: finding(point) for point in flows}, flows)
    common = {point: {name for name in one.grounds if ":" in name} for point, one in every.items()}
    assert {WITHIN + "froide", APART_FROM + "froide", APART_FROM + "voisin"} == common["chaude"]
    assert {HOLDS + "chaude", APART_FROM + "chaude", APART_FROM + "voisin"} == common["froide"]
    many = {f"etage-{number}": finding(f"etage-{number}") for number in range(13)}
    assert beside(many, dict.fromkeys(many, flows["froide"])) == many, "nobody waits for a stairwell"
    alone = {"froide": finding("froide")}
    assert beside(alone, flows) == alone
    assert beside({"seul": finding("seul")}, {}) == {"seul": finding("seul")}, "what a meter says itself has no index"
