"""Formats of compact frames; records made here by EN 13757-3."""

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from drivers import wmbus
from drivers.encode.wmbus import telegram
from drivers.model import Address, DecodeError, Frame, State
from drivers.wmbus.compact import FORMATS_MAX, Formats
from drivers.wmbus.link import crc

FULL = bytes.fromhex("0413 01000000 0D78 03 434241 02FD17 0000")
VALUES = bytes.fromhex("01000000 03434241 0000")
HEADS = bytes.fromhex("0413 0D78 02FD17")


def compact(full: bytes = FULL, values: bytes = VALUES) -> bytes:
    return crc(HEADS).to_bytes(2, "little") + crc(full).to_bytes(2, "little") + values


def test_a_compact_frame_becomes_the_full_one_it_stands_for() -> None:
    formats = Formats()
    assert formats.expand(compact()) is None
    formats.learn(FULL)
    assert formats.expand(compact()) == FULL
    assert formats.known == (HEADS,)


def test_a_format_that_a_meter_sends_by_itself_is_learned() -> None:
    formats = Formats()
    sent = bytes((2 + len(HEADS),)) + crc(HEADS).to_bytes(2, "little") + HEADS
    formats.learn_format(sent)
    assert formats.expand(compact()) == FULL
    for damaged in (b"", sent[:2], sent[:-1], sent[:1] + b"\0\0" + sent[3:]):
        with pytest.raises(DecodeError, match="signature"):
            Formats().learn_format(damaged)


def test_a_compact_frame_is_read_after_its_format_frame() -> None:
    formats = wmbus.Formats()
    link = telegram(Address("wmbus", "12345678", "REL", 0x1B, 0x07), b"", 0)[1:10]
    bodies = (
        b"\x79" + compact(),
        b"\x6a\x2a\0\0\0" + bytes((2 + len(HEADS),)) + crc(HEADS).to_bytes(2, "little") + HEADS,
        b"\x79" + compact(),
    )
    heard = [wmbus.decode(Frame(bytes((len(link + body),)) + link + body), None, formats) for body in bodies]
    assert [each.state for each in heard] == [State.WAITING_FORMAT, State.NO_DATA, State.DECODED]
    assert heard[1].error == "CI 6A (a format for compact frames)"
    assert [r.register for r in heard[2].readings if r.main] == ["volume"]


def test_idle_fillers_are_no_part_of_a_format() -> None:
    formats = Formats()
    formats.learn(b"\x2f\x2f" + FULL + b"\x2f\x2f\x2f")
    assert formats.expand(compact()) == FULL


def test_another_format_with_the_same_signature_gives_no_value() -> None:
    formats = Formats([HEADS])
    with pytest.raises(DecodeError, match="CRC"):
        formats.expand(compact(full=FULL[:-1] + b"\x01"))


@pytest.mark.parametrize("values", [VALUES[:-1], VALUES[:4], b"", bytes.fromhex("01000000 F3434241 0000")])
def test_values_that_do_not_fill_the_format_are_a_decode_error(values: bytes) -> None:
    with pytest.raises(DecodeError, match="shorter"):
        Formats([HEADS]).expand(compact(values=values))
    with pytest.raises(DecodeError, match="4 bytes"):
        Formats([HEADS]).expand(b"\x01\x02\x03")


@pytest.mark.parametrize("records", ["0413 0100", "04", "0F 0102", "0DFD", "84"])
def test_records_that_are_not_whole_teach_nothing(records: str) -> None:
    formats = Formats()
    formats.learn(bytes.fromhex(records))
    assert formats.known == ()


def test_the_oldest_format_goes_when_there_are_too_many() -> None:
    formats = Formats([HEADS])
    for n in range(FORMATS_MAX):
        formats.learn(bytes((0x81, n >> 4, 0x90 | n & 0x0F, 0x00, 0x00)))  # storage numbers and VIFs, all different
    assert len(formats.known) == FORMATS_MAX
    assert HEADS not in formats.known


@given(st.binary(max_size=80), st.binary(max_size=40))
def test_any_bytes_give_records_or_a_decode_error(records: bytes, content: bytes) -> None:
    formats = Formats([HEADS])
    formats.learn(records)
    for data in (content, compact()[:2] + content):
        with contextlib.suppress(DecodeError):
            formats.expand(data)


def test_a_number_of_variable_length_keeps_its_length_in_a_compact_frame() -> None:
    full = bytes.fromhex("0D13 E5 0100000001 0113 05")
    heads = bytes.fromhex("0D13 0113")
    formats = Formats()
    formats.learn(full)
    sent = crc(heads).to_bytes(2, "little") + crc(full).to_bytes(2, "little") + bytes.fromhex("E5 0100000001 05")
    assert formats.expand(sent) == full
    formats = Formats()
    formats.learn(bytes.fromhex("0D13 FA 01 0113 05"))  # a length that is reserved
    assert formats.known == ()
