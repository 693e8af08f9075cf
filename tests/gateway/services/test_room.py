"""A card that fills up is told while there is time; a big file that comes and goes is not."""

from collections.abc import Callable

import pytest

from gateway.services.model import Finding
from gateway.services.room import FREE_BYTES_MIN, HOUR_S, MB, Room, Space

NOW = 1_796_000_000 // HOUR_S * HOUR_S
GB = 10**9
TOTAL = 32 * GB


def found(
    free: Callable[[int], float], hours: int, *, total: int = TOTAL, before: Finding | None = None
) -> dict[int, Finding]:
    """What goes on at each hour, of a box that begins to listen at the first; it looks each five minutes."""
    room, every, told = Room(), {}, before
    for look in range(hours * 12):
        told = room.find(Space(int(free(look // 12)), total), told, NOW + look * 300)
        if told is not None:
            every[look // 12] = told
    return every


def test_a_card_with_little_room_is_told_with_how_much_and_until_there_is_half_as_much_again() -> None:
    least = FREE_BYTES_MIN
    every = found(lambda hour: [least, least - 1, least - 1, least - 1, 1.4 * least, 1.4 * least, 2 * least][hour], 7)
    assert list(every) == [2, 3, 4, 5]
    assert (every[2].kind, every[2].point, every[2].rank) == ("nearly full", "box:card", 2)
    assert every[2].grounds == {"free_mb": pytest.approx(200)}


def test_of_a_small_card_a_tenth_is_little() -> None:
    assert found(lambda hour: 60 * MB, 4, total=512 * MB) == {}
    assert found(lambda hour: 50 * MB, 4, total=512 * MB)


def test_an_hour_in_which_a_file_came_and_went_is_no_news() -> None:
    room = Room()
    for look in range(24 * 12):
        free = 100 * MB if look % 12 < 6 else 5 * GB
        assert room.find(Space(free, TOTAL), None, NOW + look * 300) is None


def test_a_card_that_fills_up_is_told_two_weeks_ahead_once_the_pace_of_three_days_is_known() -> None:
    every = found(lambda hour: 10 * GB - hour * GB / 24, 4 * 24)
    assert min(every) == 72
    assert every[72].grounds["days_left"] == pytest.approx(7, rel=0.05)
    assert found(lambda hour: 20 * GB - hour * GB / 24, 4 * 24) == {}, "sixteen days and more"


@pytest.mark.parametrize("came", [10, 71, 80])
def test_one_big_file_is_no_pace(came: int) -> None:
    assert found(lambda hour: 8 * GB if hour < came else 6 * GB, 8 * 24) == {}


def test_a_start_raises_nothing_and_ends_nothing() -> None:
    assert found(lambda hour: 1, 1) == {}
    (told,) = found(lambda hour: 10 * GB - hour * GB / 24, 73).values()
    assert list(found(lambda hour: 7 * GB, 3, before=told)) == [0, 1, 2]
    still = found(lambda hour: 7 * GB - hour * GB / 24, 80, before=told)
    assert list(still) == list(range(80))
    assert max(found(lambda hour: 7 * GB, 80, before=told)) == 71, "it fills up no more"
    assert found(lambda hour: 20 * GB, 3, before=told) == {}, "somebody made room"
    assert found(lambda hour: MB, 2) == {}, "an hour is seen whole"
    low = found(lambda hour: MB, 3)[2]
    assert list(found(lambda hour: MB, 2, before=low)) == [0, 1]


def test_a_clock_that_is_set_back_begins_anew() -> None:
    room = Room()
    for hour in (0, 1, 2, -20, -19, -18):
        told = room.find(Space(MB, TOTAL), None, NOW + hour * HOUR_S)
        assert (told is None) is (hour not in (2, -18))
