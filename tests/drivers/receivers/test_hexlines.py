"""Lines of text, made here from a telegram of drivers/encode/wmbus.py."""

from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from drivers.encode.wmbus import format_a, format_b, telegram
from drivers.model import Address, DecodeError, Frame
from drivers.receivers.hexlines import LINE_BYTES_MAX, Framer

TELEGRAM = telegram(Address("wmbus", "12345678", "REL", 1, 7), bytes.fromhex("041383580900"), 0x2A)
HEX = TELEGRAM.hex().encode()


def feed(data: bytes) -> list[Frame | DecodeError]:
    return list(Framer().feed(data))


def fault(data: bytes) -> str:
    (got,) = feed(data)
    assert isinstance(got, DecodeError), got
    return str(got)


def rtl(hex_digits: bytes = HEX, flags: bytes = b"1;1", mode: bytes = b"T1") -> bytes:
    return mode + b";" + flags + b";2026-11-21 14:30:00.000;98;43;12345678;0x" + hex_digits + b"\n"


@pytest.mark.parametrize("line", [HEX + b"\n", HEX.upper() + b"\r\n", b"0x" + HEX + b"\n", b"  " + HEX + b" \n"])
def test_a_line_of_hex_is_a_telegram(line: bytes) -> None:
    assert feed(line) == [Frame(TELEGRAM)]


@pytest.mark.parametrize("framing", [format_a, format_b])
def test_crcs_that_are_still_there_are_checked_and_taken_out(framing: Callable[[bytes], bytes]) -> None:
    assert feed(framing(TELEGRAM).hex().encode() + b"\n") == [Frame(TELEGRAM)]


def test_a_wrong_crc_is_a_fault() -> None:
    damaged = bytearray(format_a(TELEGRAM))
    damaged[15] ^= 1
    assert "CRC" in fault(damaged.hex().encode() + b"\n")


def test_a_telegram_cut_short_is_a_fault() -> None:
    assert "cut short" in fault(HEX[:-2] + b"\n")


def test_a_line_of_rtl_wmbus_is_a_telegram_without_signal() -> None:
    assert feed(rtl()) == [Frame(TELEGRAM)]


def test_an_l_field_that_still_counts_the_crcs_is_set_right() -> None:
    assert feed(rtl(bytes((TELEGRAM[0] + 2,)).hex().encode() + HEX[2:], mode=b"C1")) == [Frame(TELEGRAM)]


def test_two_telegrams_on_one_line_are_both_heard() -> None:
    assert feed(rtl(HEX + b";0x" + HEX)) == [Frame(TELEGRAM)] * 2


@pytest.mark.parametrize("flags", [b"0;1", b"1;0", b"0;0"])
def test_what_rtl_wmbus_calls_damaged_is_not_read(flags: bytes) -> None:
    assert "wrong" in fault(rtl(flags=flags))


@pytest.mark.parametrize(
    "line", [b"rtl_wmbus: exiting\n", b"T1;1;1\n", b"X1;1;1;a;b;c;d;0x00\n", b"0x123\n", b"xyz\n", b"00\n"]
)
def test_any_other_text_is_a_fault_and_not_silence(line: bytes) -> None:
    fault(line)


def test_more_than_a_telegram_can_hold_is_a_fault() -> None:
    fault(rtl(b"44" * 257))
    fault(b"44" * 300 + b"\n")


def test_empty_lines_say_nothing() -> None:
    assert feed(b"\r\n\n  \n") == []


def test_an_endless_line_is_given_up_and_the_next_one_read() -> None:
    got = feed(b"4" * (10 * LINE_BYTES_MAX) + b"\n" + HEX + b"\n")
    assert isinstance(got[0], DecodeError)
    assert len(got[0].data) <= DecodeError.DATA_BYTES_MAX
    assert got[1:] == [Frame(TELEGRAM)]


lines = st.lists(
    st.one_of(
        st.binary(max_size=40),
        st.sampled_from([HEX, rtl(), b"\n", b"\r\n", format_a(TELEGRAM).hex().encode(), b"5" * (LINE_BYTES_MAX + 1)]),
    ),
    max_size=6,
).map(b"".join)


@given(lines)
def test_whole_equals_byte_by_byte(data: bytes) -> None:
    framer = Framer()
    single = [got for at in range(len(data)) for got in framer.feed(data[at : at + 1])]
    assert feed(data) == single
    assert all(isinstance(got, Frame | DecodeError) for got in single)
