"""The index of a pulse meter brought to its dial: events that can be taken back, and no consumption out of nothing."""

import tempfile
from collections.abc import Sequence
from decimal import Decimal
from fractions import Fraction
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from drivers.pulse import Counted
from gateway.dial import Count, DialError
from gateway.house import House
from gateway.model import SeriesKey
from tests.contacts import GAS
from tests.house import NOON, Clock, house

KEY = SeriesKey("gaz", "volume")
S0 = """
[[port]]
name = "s0"
protocol = "pulse"
device = "/dev/ttyUSB0"
line = "cts"
[[meter]]
name = "Ballon"
port = "s0"
pulses_per_kwh = 480
"""


def pulses(home: House, clock: Clock, number: int, port: str = "gaz") -> None:
    """So many pulses, told at once, ten minutes on."""
    clock.at += 600
    say = home.dials.say(f"pulse:{port}")
    home.collect.telegram(port, lambda: say(Counted(number, None)))


def count_of(home: House, point: str = "gaz") -> Count:
    count = home.dials.count(point)
    assert count is not None
    return count


def latest(home: House) -> Decimal:
    point = home.store.latest(KEY)
    assert point is not None
    return point.decimal


def taken(home: House, clock: Clock) -> Decimal:
    """What the house believes was taken since NOON, up to the last thing heard."""
    (part,) = home.store.consumption(KEY, [NOON + 600, clock.at + 1], gap_s=7200)
    assert part.value is not None
    return Decimal(part.value).scaleb(part.exponent)


async def correct(home: House, dial: int | str, *, weigh: bool = False) -> None:
    count = count_of(home)
    compared = home.dials.compare(count, Decimal(dial), count.index)
    await home.dials.correct(count, compared, weigh=weigh, seen=len(home.dials.corrections("gaz")))


async def test_the_index_goes_on_from_the_dial_and_nothing_was_consumed_by_saying_so(tmp_path: Path) -> None:
    clock = Clock()
    with house(tmp_path, GAS, clock) as home:
        pulses(home, clock, 0)
        pulses(home, clock, 3)
        await correct(home, 1_234_560)
        assert latest(home) == 1_234_560
        pulses(home, clock, 2)
        assert latest(home) == 1_234_580
        assert taken(home, clock) == 50
        assert home.collect.ports["gaz"].counts["held"] == 0


async def test_a_correction_downwards_is_no_index_that_runs_back(tmp_path: Path) -> None:
    clock = Clock()
    with house(tmp_path, GAS, clock) as home:
        pulses(home, clock, 0)
        pulses(home, clock, 500)
        await correct(home, 4_000)
        pulses(home, clock, 1)
        assert latest(home) == 4_010
        assert taken(home, clock) == 5_010


async def test_a_correction_taken_back_leaves_the_pulses_that_came_since(tmp_path: Path) -> None:
    clock = Clock()
    with house(tmp_path, GAS, clock) as home:
        pulses(home, clock, 0)
        pulses(home, clock, 10)
        await correct(home, 900)
        pulses(home, clock, 5)
        await home.dials.undo(count_of(home), seen=1)
        assert latest(home) == 150
        assert taken(home, clock) == 150
        assert [(int(each.box), int(each.dial)) for each in home.dials.corrections("gaz")] == [(100, 900), (950, 150)]


async def test_a_weight_that_is_wrong_by_ten_is_found_after_a_week_and_kept_over_a_start(tmp_path: Path) -> None:
    clock = Clock()
    with house(tmp_path, GAS, clock) as home:
        pulses(home, clock, 0)
        await correct(home, 1_000_000)
        pulses(home, clock, 200)  # 2 m3 as the box counts, 20 m3 on the dial
        count = count_of(home)
        compared = home.dials.compare(count, Decimal(1_020_060), count.index)
        assert compared.factor == 10
        assert not compared.agrees
        await correct(home, 1_020_060, weigh=True)
        pulses(home, clock, 1)
        assert latest(home) == 1_020_160
    with house(tmp_path, GAS, clock) as home:
        pulses(home, clock, 1)
        assert latest(home) == 1_020_260
        await home.dials.undo(count_of(home), seen=2)
        assert latest(home) == 1_002_020  # two pulses of 10 L after 1 002 000
        pulses(home, clock, 1)
        assert latest(home) == 1_002_030
    with house(tmp_path, GAS, clock) as home:
        assert count_of(home).weight == count_of(home).configured


async def test_a_weight_that_the_file_corrects_itself_is_the_files(tmp_path: Path) -> None:
    clock = Clock()
    with house(tmp_path, GAS, clock) as home:
        pulses(home, clock, 0)
        await correct(home, 1_000_000)
        pulses(home, clock, 200)
        await correct(home, 1_020_000, weigh=True)
    with house(tmp_path, GAS.replace("10 L", "100 L"), clock) as home:
        pulses(home, clock, 1)
        assert latest(home) == 1_020_100


@pytest.mark.parametrize(
    ("counted", "dial_grown", "factor"),
    [
        (200, 2_000, None),  # as it should be
        (200, 2_100, None),  # five in a hundred more: missed pulses, no factor
        (200, 4_010, Fraction(2)),
        (200, 203, Fraction(1, 10)),
        (200, 1_000, Fraction(1, 2)),
        (10, 1_000, None),  # too early to tell
        (200, 0, None),
        (200, -50, None),
    ],
)
async def test_only_a_clean_factor_over_enough_pulses_is_proposed(
    tmp_path: Path, counted: int, dial_grown: int, factor: Fraction | None
) -> None:
    clock = Clock()
    with house(tmp_path, GAS, clock) as home:
        pulses(home, clock, 0)
        await correct(home, 500_000)
        pulses(home, clock, counted)
        count = count_of(home)
        assert home.dials.compare(count, Decimal(500_000 + dial_grown), count.index).factor == factor


async def test_pulses_between_reading_the_dial_and_pressing_the_button_are_added_to_it(tmp_path: Path) -> None:
    clock = Clock()
    with house(tmp_path, GAS, clock) as home:
        pulses(home, clock, 4)
        compared = home.dials.compare(count_of(home), Decimal(7_000), Decimal(40))
        pulses(home, clock, 3)
        await home.dials.correct(count_of(home), compared, weigh=False, seen=0)
        assert latest(home) == 7_030


async def test_a_form_sent_twice_corrects_once(tmp_path: Path) -> None:
    clock = Clock()
    with house(tmp_path, GAS, clock) as home:
        pulses(home, clock, 4)
        compared = home.dials.compare(count_of(home), Decimal(7_000), Decimal(40))
        await home.dials.correct(count_of(home), compared, weigh=False, seen=0)
        with pytest.raises(DialError, match="meanwhile"):
            await home.dials.correct(count_of(home), compared, weigh=False, seen=0)
        assert count_of(home).index == 7_000


async def test_a_clock_that_was_set_back_corrects_nothing_until_it_has_caught_up(tmp_path: Path) -> None:
    clock = Clock()
    with house(tmp_path, GAS, clock) as home:
        pulses(home, clock, 4)
        clock.at -= 86400
        with pytest.raises(DialError, match="time"):
            await correct(home, 7_000)
        assert count_of(home).index == 40


async def test_a_kill_right_after_the_card_knows_of_a_correction_goes_on_from_the_dial(tmp_path: Path) -> None:
    clock = Clock()
    with house(tmp_path, GAS, clock) as home:
        pulses(home, clock, 4)
        home.store.swap(KEY, clock.at + 1, 40, 7_000, 0)  # all that `correct` has done when it is killed there
    clock.at += 5
    with house(tmp_path, GAS, clock) as home:
        pulses(home, clock, 1)
        assert latest(home) == 7_010


def test_a_meter_of_480_pulses_a_kwh_loses_nothing_to_rounding_over_many_starts(tmp_path: Path) -> None:
    clock = Clock()
    said = []
    for _ in range(3):
        with house(tmp_path, S0, clock) as home:
            pulses(home, clock, 160, "s0")
            point = home.store.latest(SeriesKey("ballon", "energy"))
            assert point is not None
            said.append(point.decimal)
    assert 0 <= 1000 - said[-1] < Decimal("0.01")


@settings(max_examples=30, deadline=None)
@given(st.lists(st.one_of(st.integers(0, 50), st.sampled_from(["restart", "back"])), max_size=12))
def test_whatever_comes_the_index_never_falls_and_is_what_was_counted(steps: Sequence[int | str]) -> None:
    clock, total, seen = Clock(), 0, Decimal(0)
    lives: list[list[int | str]] = [[]]
    for step in steps:
        if step == "restart":
            lives.append([])
        else:
            lives[-1].append(step)
    with tempfile.TemporaryDirectory() as folder:
        for life in lives:
            with house(Path(folder), GAS, clock) as home:
                for step in life:
                    if isinstance(step, int):
                        pulses(home, clock, step)
                        total += step
                    else:
                        clock.at -= 2000
                assert count_of(home).index == 10 * total >= seen
                seen = count_of(home).index
