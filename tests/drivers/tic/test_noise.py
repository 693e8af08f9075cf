"""What a flipped bit does to a frame, measured over all of them; `bench/tic.py` prints the shares."""

import pytest

from tests.flips import KINDS, LOWER_CASE, accepted, flips, wrongs


@pytest.mark.parametrize("kind", KINDS)
def test_no_flipped_bit_of_a_usual_frame_makes_a_wrong_value_even_without_parity(kind: str) -> None:
    assert wrongs(KINDS[kind]) == []


@pytest.mark.parametrize("kind", KINDS)
def test_checked_parity_lets_no_flipped_bit_through(kind: str) -> None:
    assert wrongs(KINDS[kind], parity=True) == []


@pytest.mark.parametrize("kind", KINDS)
def test_a_flipped_bit_costs_at_most_the_groups_it_touches(kind: str) -> None:
    sent = accepted(KINDS[kind])
    for flipped in flips(KINDS[kind], 7):
        assert len(sent - accepted(flipped)) <= 2


def test_only_lower_case_free_text_can_hide_a_flipped_bit() -> None:
    # Checksum alone lets 12.4 % through, checksum with table, width and digits 0.96 %: this is below both, and only words.
    found = wrongs(LOWER_CASE)
    assert {label for label, _, _ in found} == {"NGTF", "LTARF"}
    assert 0 < len(found) / (7 * len(LOWER_CASE)) < 0.0096
    assert wrongs(LOWER_CASE, parity=True) == []
