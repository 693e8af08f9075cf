"""What people paste; telegrams made by drivers/encode."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from drivers import pasted
from drivers.encode import mbus
from drivers.encode.wmbus import format_a, format_b, telegram
from drivers.model import Address
from drivers.pasted import BYTES_MAX, CHARACTERS_MAX, TELEGRAMS_MAX, PastedError

WATER = Address("wmbus", "12345678", "REL", 0x1B, 0x07)
SENT = telegram(WATER, bytes.fromhex("0413 83580900  02FD17 0000"), 0x2A)
OTHER = telegram(WATER, bytes.fromhex("0413 84580900"), 0x2B)
WIRED = mbus.answer(mbus.identity("12345678", "REL", 0x1B, 0x07), bytes.fromhex("0413 83580900"), access_number=1)
DIGITS = SENT.hex().upper()
SECRET = "00112233445566778899AABBCCDDEEFF"


@pytest.mark.parametrize(
    "text",
    [
        DIGITS,
        DIGITS.lower(),
        SENT.hex(" "),
        SENT.hex(":"),
        SENT.hex("-"),
        f"  0x{DIGITS}\r\n",
        SENT.hex(" ").replace(" ", "\u00a0") + "\ufeff",
        SENT.hex(" ").replace(" ", "\r"),
        ", ".join(f"0x{byte:02X}" for byte in SENT),
        "".join(f"\\x{byte:02x}" for byte in SENT),
        SENT.hex(" ")[:40] + "\n" + SENT.hex(" ")[40:],
        f"T1;1;1;2026-11-21 14:30:00.000;98;43;12345678;0x{DIGITS}",
        f"(wmbus) telegram=|{DIGITS[:20]}_{DIGITS[20:]}|+12",
        f'{{"telegram": "{DIGITS}", "key": null}}',
        f'{{"model": "Wireless-MBus", "data": "{DIGITS}", "mic": "CRC"}}',
        f"2026-11-21 14:30:00,,Wireless-MBus,1,{DIGITS}",
    ],
)
def test_a_telegram_is_found_however_it_is_written(text: str) -> None:
    assert pasted.telegrams(text) == (SENT,)


def test_crcs_and_the_signal_that_a_receiver_adds_are_left_for_the_reader_to_see() -> None:
    for line, framed in (("b", format_a(SENT)), ("bY", format_b(SENT))):
        assert pasted.telegrams(f"{line}{framed.hex().upper()}8030") == (framed + b"\x80\x30",)
    assert pasted.telegrams(format_a(SENT).hex()) == (format_a(SENT),)


def test_hex_digits_that_begin_with_b_are_no_line_of_a_cul() -> None:
    text = "b0" + SENT.hex()[2:]
    assert pasted.telegrams(text) == (bytes.fromhex(text),)


@pytest.mark.parametrize("data", [SENT, format_a(SENT), WIRED])
def test_several_whole_ones_on_lines_of_their_own_stay_apart(data: bytes) -> None:
    assert pasted.telegrams(f"{OTHER.hex()}\n\n{data.hex(' ')}\n") == (OTHER, data)
    assert pasted.telegrams(f"{OTHER.hex()}\nT1;1;1;t;98;43;1;0x{DIGITS}") == (OTHER, SENT)


def test_one_telegram_over_several_lines_is_one() -> None:
    lines = [SENT[at : at + 8].hex(" ") for at in range(0, len(SENT), 8)]
    assert pasted.telegrams("\n".join(lines)) == (SENT,)


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("", "is needed"),
        (" \n ", "is needed"),
        ("bonjour", "is needed"),
        (";;;;;;;\udcff", "rtl_wmbus"),
        (DIGITS[:-1], f"{len(DIGITS) - 1} digits"),
        ("{", "not JSON"),
        ('{"model": "Acurite"}', "is needed"),
        (f"T1;0;1;2026-11-21 14:30:00.000;98;43;12345678;0x{DIGITS}", "CRC"),
        ("bY" + format_b(SENT).hex()[:-4], "cut short"),
        ("b" + format_a(SENT).hex()[:-2], "cut short"),
        ("AA " * (CHARACTERS_MAX // 3 + 1), "too many"),
        ("00" * (BYTES_MAX + 1), "too much"),
        (f"{DIGITS}\n" * (TELEGRAMS_MAX + 1), "too much"),
    ],
)
def test_what_is_no_telegram_is_refused_in_one_sentence_that_shows_none_of_it(text: str, why: str) -> None:
    with pytest.raises(PastedError) as refused:
        pasted.telegrams(text)
    assert why in str(refused.value)
    assert "\n" not in str(refused.value)
    assert DIGITS[4:20] not in str(refused.value)


def test_a_key_is_taken_in_groups_and_nothing_is_no_key() -> None:
    assert pasted.key(SECRET) == pasted.key(" 0011-2233 4455:6677 8899AABBCCDDEEFF ") == bytes.fromhex(SECRET)
    assert pasted.key(SECRET[:16]) == bytes.fromhex(SECRET[:16])
    assert pasted.key("  ") is None


@pytest.mark.parametrize("text", [SECRET[:-1], SECRET + "00", SECRET[:-2] + "XY", "secret"])
def test_what_is_no_key_is_refused_and_shown_nowhere(text: str) -> None:
    with pytest.raises(PastedError, match="32 characters") as refused:
        pasted.key(text)
    assert text[:6] not in str(refused.value)
    assert text[:6] not in repr(refused.value)


def found_or_said(text: str) -> tuple[bytes, ...] | str:
    try:
        return pasted.telegrams(text)
    except PastedError as refused:
        return str(refused)


@given(st.text(max_size=200))
def test_any_text_gives_telegrams_or_one_sentence(text: str) -> None:
    found = found_or_said(text)
    assert found
    assert all(found)


@given(
    st.lists(st.sampled_from(["b", "bY", "0x", "{", '"', ";", "|", "\n", "T1;1;1;", "44", "Wireless-MBus", "}", ","]))
)
def test_any_pieces_of_log_lines_give_telegrams_or_one_sentence(pieces: list[str]) -> None:
    found = found_or_said("".join(pieces))
    assert found
    assert all(found)
