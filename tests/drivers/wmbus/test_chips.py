"""Raw captures. One byte is worked out by hand from the code table of EN 13757-4; drivers/encode/chips.py makes the rest."""

import contextlib
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from drivers.encode.chips import mode_c, mode_s, mode_t, to_hex
from drivers.encode.wmbus import telegram
from drivers.model import Address, DecodeError
from drivers.wmbus import chips

TELEGRAM = telegram(Address("wmbus", "12345678", "REL", 1, 7), bytes.fromhex("041383580900"), 0x2A)


def mode_c_b(content: bytes) -> str:
    return mode_c(content, b=True)


modes = st.sampled_from([mode_t, mode_s, mode_c, mode_c_b])
telegrams = st.binary(min_size=9, max_size=245).map(lambda body: bytes((len(body),)) + body)


def test_the_codes_are_twenty_of_six_chips_with_three_ones_and_no_two_the_same() -> None:
    assert len(set(chips.THREE_OF_SIX)) == 16
    assert {(len(code), code.count("1")) for code in chips.THREE_OF_SIX} == {(6, 3)}


def test_the_first_byte_of_a_telegram_is_what_the_table_says() -> None:
    assert chips.three_of_six("011100011100") == b"\x44"
    assert chips.manchester("1001101010011010") == b"\x44"


@given(telegrams, modes)
def test_what_the_air_carries_comes_back(content: bytes, mode: Callable[[bytes], str]) -> None:
    assert chips.telegram(mode(content)) == content


@given(modes, st.text("01", max_size=80), st.text("01", max_size=40))
def test_noise_around_a_frame_costs_it_nothing(mode: Callable[[bytes], str], before: str, behind: str) -> None:
    assert chips.telegram(before + mode(TELEGRAM) + behind) == TELEGRAM


@pytest.mark.parametrize("mode", [mode_t, mode_c, mode_c_b])
def test_a_capture_that_begins_behind_the_sync_word_is_read(mode: Callable[[bytes], str]) -> None:
    captured = mode(TELEGRAM)
    behind = captured.index(chips.SYNC_T) + len(chips.SYNC_T)
    assert chips.telegram(captured[behind:]) == TELEGRAM


@given(modes, st.integers(0))
def test_one_wrong_chip_gives_no_other_telegram(mode: Callable[[bytes], str], place: int) -> None:
    captured = mode(TELEGRAM)
    place %= len(captured)
    wrong = captured[:place] + ("0" if captured[place] == "1" else "1") + captured[place + 1 :]
    with contextlib.suppress(DecodeError):
        assert chips.telegram(wrong) == TELEGRAM  # a damaged preamble costs nothing


@given(st.text("01", max_size=600))
def test_any_chips_give_a_telegram_or_a_decode_error(captured: str) -> None:
    with contextlib.suppress(DecodeError):
        assert isinstance(chips.telegram(captured), bytes)


@pytest.mark.parametrize(("captured", "text"), [("111111" * 2, "3 of 6"), ("", "length")])
def test_what_is_no_code_is_told(captured: str, text: str) -> None:
    with pytest.raises(DecodeError, match=text):
        chips.telegram(captured)


def test_chips_from_hex_are_as_many_as_announced() -> None:
    captured = mode_t(TELEGRAM)
    assert chips.from_hex(to_hex(captured), len(captured)) == captured
