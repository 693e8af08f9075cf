"""What a whole week is compared with, and what is said of no week."""

from collections.abc import Sequence
from datetime import date
from decimal import Decimal
from zoneinfo import ZoneInfo

import pytest

from drivers.model import Quantity
from gateway.services.week import Against, Facts, Week, Word, compared, facts, midnights, monday_of

PARIS = ZoneInfo("Europe/Paris")
LITRE = Decimal(1)


def whole(*days: int) -> Week:
    """A week of these days; of one figure, seven such days."""
    each = [Decimal(day) for day in (days if len(days) == 7 else days * 7)]
    return Week(sum(each, Decimal(0)), each)


def torn(total: int | None = None) -> Week:
    """A week of which Wednesday is not known."""
    return Week(None if total is None else Decimal(total), [Decimal(100)] * 2 + [None] + [Decimal(100)] * 4)


def of(*weeks: Week, step: Decimal = LITRE, quantity: Quantity = Quantity.VOLUME) -> tuple[Against, Word] | None:
    return compared(facts(weeks, by_day=True), quantity, step)


@pytest.mark.parametrize(
    ("day", "monday"),
    [
        (date(2026, 11, 16), date(2026, 11, 16)),
        (date(2026, 11, 22), date(2026, 11, 16)),
        (date(2027, 1, 1), date(2026, 12, 28)),
    ],
)
def test_a_week_begins_on_monday(day: date, monday: date) -> None:
    assert monday_of(day) == monday


@pytest.mark.parametrize(
    ("monday", "hours", "sunday"),
    [(date(2026, 11, 16), 168, 24), (date(2026, 3, 23), 167, 23), (date(2026, 10, 19), 169, 25)],
)
def test_a_week_of_a_clock_change_has_an_hour_less_or_more(monday: date, hours: int, sunday: int) -> None:
    bounds = midnights(PARIS, monday)
    assert len(bounds) == 8
    assert (bounds[-1] - bounds[0]) / 3600 == hours
    assert (bounds[-1] - bounds[-2]) / 3600 == sunday
    assert midnights(PARIS, monday, 5)[-8:] == bounds


@pytest.mark.parametrize(
    ("day", "word"),
    [
        (100, Word.LIKE),
        (110, Word.LIKE),
        (90, Word.LIKE),
        (111, Word.LITTLE_MORE),
        (125, Word.LITTLE_MORE),
        (126, Word.MORE),
        (150, Word.MORE),
        (151, Word.MUCH_MORE),
        (89, Word.LITTLE_LESS),
        (75, Word.LITTLE_LESS),
        (74, Word.LESS),
        (50, Word.LESS),
        (49, Word.MUCH_LESS),
        (0, Word.MUCH_LESS),
    ],
)
def test_a_week_is_compared_by_the_rule_that_is_written(day: int, word: Word) -> None:
    assert of(*[whole(100)] * 4, whole(day)) == (Against.USUAL, word)
    assert of(whole(100), whole(day)) == (Against.BEFORE, word)


def test_what_is_usual_is_the_mean_of_the_last_four_weeks_and_of_no_other() -> None:
    found = facts([whole(900), whole(80), whole(100), whole(120), whole(140), whole(100)], by_day=True)
    assert (found.usual, found.weeks, found.before) == (Decimal(110 * 7), 4, Decimal(140 * 7))


def test_a_week_with_a_gap_is_compared_with_nothing_and_nothing_with_it() -> None:
    assert of(*[whole(100)] * 4, torn(700)) is None
    assert of(*[whole(100)] * 4, torn()) is None
    found = facts([whole(100), torn(9000), whole(100), whole(130), whole(110)], by_day=True)
    assert (found.usual, found.weeks) == (Decimal(110 * 7), 3)
    assert facts([whole(100), torn(9000), torn(), whole(130), whole(110)], by_day=True).usual is None
    assert facts([*[whole(100)] * 4, torn(9000), whole(110)], by_day=True).before is None


def test_of_fewer_than_three_weeks_nothing_is_usual() -> None:
    assert of(torn(), torn(), whole(50), whole(100), whole(100)) == (Against.BEFORE, Word.LIKE)
    assert of(torn(), whole(50), whole(50), torn(), whole(100)) is None
    assert of(whole(100)) is None


def test_next_to_nothing_is_not_compared_with_next_to_nothing() -> None:
    assert of(*[whole(2)] * 4, whole(4)) == (Against.USUAL, Word.LIKE)
    assert of(*[whole(2)] * 4, whole(5)) == (Against.USUAL, Word.MUCH_MORE)
    assert of(*[whole(0)] * 4, whole(3)) is None


def test_a_meter_that_counts_too_coarsely_is_not_compared() -> None:
    weeks = [*[whole(1000)] * 4, whole(2000)]
    assert of(*weeks, step=Decimal(1000)) is None
    assert of(*weeks, step=Decimal(700)) == (Against.USUAL, Word.MUCH_MORE)


def top(days: Sequence[int], *, by_day: bool = True) -> int | None:
    return facts([whole(*days)], by_day=by_day).top


def test_the_day_that_took_most_is_told_where_it_stands_out() -> None:
    assert top([100, 100, 250, 100, 100, 100, 100]) == 2
    assert top([100, 100, 105, 100, 100, 100, 100]) is None
    assert top([100, 250, 250, 100, 100, 100, 100]) is None
    assert top([0] * 7) is None
    assert top([100, 100, 250, 100, 100, 100, 100], by_day=False) is None
    assert facts([Week(Decimal(800), [Decimal(400), None, *[Decimal(1)] * 5])], by_day=True).top is None


def test_what_days_took_that_are_known_is_the_least_that_the_week_took() -> None:
    assert torn().at_least == 600
    assert torn().open_days == (2,)
    assert Week(None, [None] * 7).at_least is None
    assert Facts(torn(), None, None, 0, None).week.is_whole is False
