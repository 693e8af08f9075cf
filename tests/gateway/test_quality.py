"""The word for a line: of the last hour, and only when enough went wrong."""

import pytest

from gateway.quality import BAD_MIN, SLOT_S, SLOTS, Quality
from gateway.views import Clarity, LineQuality

HOUR_S = SLOT_S * SLOTS


def heard(good: int, bad: int, *, seconds: int = HOUR_S) -> LineQuality | None:
    quality = Quality()
    for second in range(0, seconds, 60):
        quality.count(second, good, bad)
    return quality.of_the_last_hour(seconds - 1)


@pytest.mark.parametrize(
    ("good", "bad", "word"),
    [(2500, 0, Clarity.GOOD), (2500, 1, Clarity.GOOD), (2500, 5, Clarity.NOISY), (2500, 500, Clarity.BAD), (0, 9, Clarity.BAD)],
)  # fmt: skip
def test_a_line_is_called_by_the_share_of_its_groups_that_were_refused(good: int, bad: int, word: Clarity) -> None:
    found = heard(good, bad)
    assert found is not None
    assert (found.word, found.bad_groups) == (word, 60 * bad)


def test_a_line_that_begins_in_the_middle_of_a_frame_is_not_called_bad() -> None:
    found = heard(0, BAD_MIN - 1, seconds=60)
    assert found == LineQuality(BAD_MIN - 1, 1.0, Clarity.GOOD)


def test_what_went_wrong_more_than_an_hour_ago_is_over_and_silence_has_no_quality() -> None:
    quality = Quality()
    quality.count(0, 0, 1000)
    quality.count(HOUR_S, 10, 0)
    assert quality.of_the_last_hour(HOUR_S) == LineQuality(0, 0.0, Clarity.GOOD)
    assert quality.of_the_last_hour(3 * HOUR_S) is None
    assert Quality().of_the_last_hour(0) is None


def test_a_year_of_noise_takes_no_more_room_than_an_hour() -> None:
    quality = Quality()
    for slot in range(10 * SLOTS):
        quality.count(slot * SLOT_S, 1, 1)
    assert len(quality._slots) == SLOTS
