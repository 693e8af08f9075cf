"""Edges of a contact: what is a pulse, what is a bounce, and what the spacing says."""

from decimal import Decimal
from fractions import Fraction
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from drivers.model import Address, Medium, Quantity
from drivers.pulse import MS_NS, Counter, Edge, Weight, level, parse_weight, per_kwh, telegram

GAS = parse_weight("10 L")
S = 1000  # ms


def counter(debounce_ms: int = 20) -> Counter:
    """One whose contact is open, and known to be."""
    made = Counter(debounce_ms, active=True)
    made.edge(Edge(-S * MS_NS, False))
    made.settle(0)
    return made


def feed(target: Counter, *edges: tuple[float, int]) -> None:
    for at_ms, state in edges:
        target.edge(Edge(int(at_ms * MS_NS), bool(state)))


def counted(target: Counter, now_ms: float) -> int:
    target.settle(int(now_ms * MS_NS))
    return target.new


def test_a_contact_that_bounces_on_closing_and_on_opening_is_one_pulse() -> None:
    gas = counter()
    feed(gas, (0, 1), (1, 0), (2, 1), (3.5, 0), (4, 1))
    feed(gas, (500, 0), (500.5, 1), (501, 0), (504, 1), (504.2, 0))
    assert counted(gas, 600) == 1


def test_a_spark_shorter_than_the_debounce_time_is_no_pulse() -> None:
    gas = counter()
    feed(gas, (0, 1), (19, 0), (1000, 1), (1019.9, 0))
    assert counted(gas, 2000) == 0


def test_a_level_counts_as_soon_as_it_has_held_and_not_before() -> None:
    gas = counter()
    feed(gas, (0, 1))
    assert counted(gas, 19.9) == 0
    assert counted(gas, 20) == 1
    assert counted(gas, 5000) == 1


def test_the_level_a_box_finds_when_it_starts_is_no_pulse() -> None:
    gas = Counter(20, active=True)
    feed(gas, (0, 1))
    assert counted(gas, 100) == 0
    feed(gas, (1000, 0), (2000, 1))
    assert counted(gas, 3000) == 1


def test_a_meter_that_is_active_when_open_counts_openings() -> None:
    gas = Counter(20, active=False)
    feed(gas, (0, 1), (1000, 0), (2000, 1), (3000, 0))
    assert counted(gas, 4000) == 2


def test_an_opening_that_nobody_saw_gives_no_pulse_too_many() -> None:
    gas = counter()
    feed(gas, (0, 1), (1000, 1), (2000, 0), (3000, 1))
    assert counted(gas, 4000) == 2  # of three at most; the one at 0 may have been a spark


def test_a_clock_that_runs_back_makes_no_pulse_out_of_a_bounce() -> None:
    gas = counter()
    feed(gas, (1000, 1), (500, 0), (501, 1), (502, 0))
    assert counted(gas, 503) == 0
    assert counted(gas, 5000) == 0


def test_power_follows_the_spacing_and_falls_towards_zero_while_nothing_comes() -> None:
    meter, weight = counter(), per_kwh(1000)
    feed(meter, (0, 1), (50, 0))
    meter.settle(S * MS_NS)
    assert level(weight, meter.take(S * MS_NS).spacing_ns) is None  # one pulse says nothing
    feed(meter, (3600, 1), (3650, 0))
    meter.settle(3700 * MS_NS)
    assert level(weight, meter.take(3700 * MS_NS).spacing_ns) == 1000  # 1 Wh in 3.6 s
    said = [level(weight, meter.take(int((3.6 + after_s) * S) * MS_NS).spacing_ns) for after_s in (3, 3.6, 36, 3600)]
    assert said == [1000, 1000, 100, 1]
    assert level(weight, meter.take((4 + 7200) * S * MS_NS).spacing_ns) == 0


def test_several_pulses_between_two_looks_are_averaged() -> None:
    meter = counter()
    feed(meter, (0, 1), (50, 0))
    meter.settle(90 * MS_NS)
    meter.take(90 * MS_NS)
    feed(meter, (400, 1), (450, 0), (500, 1), (550, 0), (1200, 1), (1250, 0))
    meter.settle(1300 * MS_NS)
    assert meter.take(1300 * MS_NS).spacing_ns == 400 * MS_NS


def test_after_lost_edges_no_power_is_said_until_two_pulses_were_seen() -> None:
    meter = counter()
    feed(meter, (0, 1), (50, 0), (1000, 1), (1050, 0))
    meter.settle(1100 * MS_NS)
    assert meter.take(1100 * MS_NS).pulses == 2
    meter.edge(Edge(9000 * MS_NS, True, lost=7))
    meter.settle(9100 * MS_NS)
    assert meter.take(9100 * MS_NS).spacing_ns is None
    feed(meter, (9500, 0), (10_000, 1))
    meter.settle(10_100 * MS_NS)
    assert meter.take(10_100 * MS_NS).spacing_ns == 1000 * MS_NS


def test_pulses_faster_than_any_meter_give_no_power_at_all() -> None:
    assert level(GAS, 500 * MS_NS) is None  # 10 L in half a second: 72 m3/h
    assert level(GAS, 600 * MS_NS) == 60_000
    assert level(GAS, 0) is None


@pytest.mark.parametrize(
    ("text", "quantity", "amount"),
    [
        ("10 L", Quantity.VOLUME, "10"),
        ("0.25 L", Quantity.VOLUME, "0.25"),
        ("0,01 m3", Quantity.VOLUME, "10"),
        ("1L", Quantity.VOLUME, "1"),
        ("1 Wh", Quantity.ENERGY, "1"),
        ("0.1 kWh", Quantity.ENERGY, "100"),
    ],
)
def test_a_weight_is_exact_in_the_unit_of_its_quantity(text: str, quantity: Quantity, amount: str) -> None:
    assert parse_weight(text) == Weight(quantity, Decimal(amount))


@pytest.mark.parametrize("text", ["", "10", "L", "-1 L", "0 L", "10 gallons", "1e3 L", "999 m3", "0.00001 L"])
def test_a_weight_that_says_nothing_is_refused_with_what_is_needed(text: str) -> None:
    with pytest.raises(ValueError, match=r"such as 10 L, 0\.25 L or 1 Wh"):
        parse_weight(text)


def test_a_count_that_does_not_end_is_cut_and_never_drifts() -> None:
    disc = per_kwh(480)
    assert disc.of(1) == Decimal("2.083")
    assert disc.of(480) == 1000
    assert disc.of(480 * 12_345) == 12_345_000
    assert per_kwh(800).of(1) == Decimal("1.25")


@pytest.mark.parametrize(
    ("pulses", "each"), [(100, "10"), (500, "2"), (800, "1.25"), (1000, "1"), (2000, "0.5"), (10_000, "0.1")]
)
def test_the_numbers_printed_on_s0_meters_are_exact(pulses: int, each: str) -> None:
    assert per_kwh(pulses).each == Decimal(each)
    assert per_kwh(pulses).of(pulses * 1234) == 1_234_000


def test_a_weight_times_a_factor_is_exact() -> None:
    assert GAS.times(Fraction(1, 10)).of(7) == 7
    assert GAS.times(Fraction(10)).of(7) == 700
    assert per_kwh(1000).times(Fraction(1, 2)).of(3) == Decimal("1.5")


def test_a_pulse_meter_says_its_index_and_its_flow() -> None:
    said = telegram(Address("pulse", "gas"), Medium.GAS, GAS, Decimal(1230), 36_000 * MS_NS)
    assert [(reading.register, reading.value, reading.main) for reading in said.readings] == [
        ("volume", Decimal(1230), True),
        ("flow", Decimal(1000), True),
    ]
    assert str(said.address) == "pulse:gas"


TIMES = st.lists(st.tuples(st.integers(-5 * S, 200), st.booleans(), st.integers(0, 3)), max_size=200)


@given(TIMES)
def test_whatever_the_edges_no_pulse_is_counted_twice_and_none_comes_from_a_bounce(
    steps: list[tuple[int, bool, int]],
) -> None:
    """Against the definition: a pulse is a level that held at least the debounce time until the next edge."""
    meter = counter()
    now, total = 0, 0
    edges: list[tuple[int, bool]] = []
    for step_ms, state, lost in steps:
        now = now + step_ms
        meter.edge(Edge(now * MS_NS, state, lost))
        edges.append((now, state))
        told = meter.take(now * MS_NS)
        assert told.pulses >= 0
        assert told.spacing_ns is None or told.spacing_ns >= 0
        total += told.pulses
    held = 0
    last = -S
    for (at, state), (following, _) in pairwise(edges):
        last = max(last, at)
        held += state and following - last >= 20
    assert total <= held
