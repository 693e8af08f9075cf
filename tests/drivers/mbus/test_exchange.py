"""One request and what comes after it. The requests are those of the M-Bus documentation, typed."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from drivers.encode import mbus as encode
from drivers.encode import records
from drivers.mbus.exchange import HEARD_BYTES_MAX, Asked, Exchange, acknowledged, application_error, asked_of, refusal
from drivers.mbus.requests import digits_mask, mask, request, reset, select
from drivers.model import Address, DecodeError, Frame

ADDRESS = Address("mbus", "12345678", "REL", 0x1B, 0x04)
IDENTITY = encode.identity("12345678", "REL", 0x1B, 0x04)
ANSWER = encode.answer(IDENTITY, records.volume(1234), address=5)
ASK = request(5)


def heard(data: bytes, piece_bytes: int = 1000) -> Frame | DecodeError | None:
    exchange = Exchange(ASK)
    for at in range(0, len(data), piece_bytes):
        for outcome in exchange.feed(data[at : at + piece_bytes]):
            return outcome
    return exchange.end()


def test_requests_are_the_bytes_of_the_standard() -> None:
    assert reset(1) == bytes.fromhex("10 40 01 41 16")
    assert request(1) == bytes.fromhex("10 7B 01 7C 16")
    assert request(1, count=False) == bytes.fromhex("10 5B 01 5C 16")
    selection = "68 0B 0B 68 53 FD 52 78 56 34 12 24 40 01 07 22 16"  # PAD, version 1, water
    assert select(mask(Address("mbus", "12345678", "PAD", 1, 7))) == bytes.fromhex(selection)


def test_wildcards_stand_where_nothing_is_known() -> None:
    assert digits_mask("FFFFFFF3") == bytes.fromhex("F3 FF FF FF FF FF FF FF")
    assert mask(Address("mbus", "12345678")) == bytes.fromhex("78 56 34 12 FF FF FF FF")
    assert mask(Address("mbus", "12345678", "8c2d", 1, 7))[4:6] == bytes.fromhex("2D 8C")


@pytest.mark.parametrize("before", [b"", b"\x00", b"\xff\x00", ASK, b"\x00" + ASK, ASK + b"\xff"])
@pytest.mark.parametrize("piece_bytes", [1, 3, 1000])
def test_an_answer_is_found_behind_echo_and_glitches_in_pieces_of_any_size(before: bytes, piece_bytes: int) -> None:
    assert heard(before + ANSWER, piece_bytes) == Frame(ANSWER)


def test_an_echo_alone_is_no_answer() -> None:
    exchange = Exchange(ASK)
    assert list(exchange.feed(ASK)) == []
    assert not exchange.begun
    assert exchange.end() is None
    assert heard(b"") is None


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (ANSWER[:20], "cut short: 20 of 27 bytes came"),
        (ANSWER[:-2] + b"\x00\x16", "checksum 00, the bytes sum up to"),
        (b"\x55" * 9, "9 bytes that begin with 55 55 55 55 are no frame"),
        (b"\x00" * 9, "5 bytes that begin with 00 00 00 00 are no frame"),
        (ANSWER + ANSWER, "27 bytes came behind the answer: more than one meter answers"),
        (encode.ACKNOWLEDGEMENT * 2, "1 bytes came behind the answer"),
    ],
)
def test_what_is_no_answer_is_named(data: bytes, said: str) -> None:
    outcome = heard(data)
    assert isinstance(outcome, DecodeError)
    assert str(outcome).startswith(said)


@settings(max_examples=300)
@given(st.binary(max_size=700), st.integers(1, 60))
def test_any_bytes_give_a_frame_or_an_error_and_nothing_is_held_without_bound(data: bytes, piece_bytes: int) -> None:
    outcome = heard(data, piece_bytes)
    assert outcome is None or isinstance(outcome, Frame | DecodeError)
    exchange = Exchange(ASK)
    list(exchange.feed(data * 3))
    assert len(exchange._heard) <= HEARD_BYTES_MAX


@given(st.integers(0, len(ANSWER) - 1), st.integers(1, 255))
def test_no_changed_byte_passes_unseen_or_for_another_value(at: int, change: int) -> None:
    data = bytearray(ANSWER)
    data[at] ^= change
    outcome = heard(bytes(data))
    if isinstance(outcome, Frame):
        assert outcome.data == encode.ACKNOWLEDGEMENT
        assert refusal(outcome, Asked(5, ADDRESS)) is not None


def test_the_answer_of_whom_was_asked_passes_and_no_other() -> None:
    frame = Frame(ANSWER)
    assert (
        refusal(frame, Asked(5)) is refusal(frame, Asked(5, ADDRESS)) is refusal(frame, Asked(address=ADDRESS)) is None
    )
    other = Address("mbus", "12345678", "REL", 0x1B, 0x06)
    assert str(refusal(frame, Asked(6))) == "an answer of primary address 5, asked was 6"
    assert str(refusal(frame, asked_of(other))) == f"an answer of {ADDRESS}, asked was {other}"


def test_a_meter_without_header_is_known_by_its_primary_address_alone() -> None:
    bare = Frame(encode.long(0x08, 5, 0x78, records.volume(1)))
    assert asked_of(Address("mbus", "5")) == Asked(5, Address("mbus", "5"))
    assert refusal(bare, asked_of(Address("mbus", "5"))) is None
    assert refusal(bare, Asked(5, ADDRESS)) is not None


def test_an_acknowledgement_is_one_byte() -> None:
    assert acknowledged(Frame(encode.ACKNOWLEDGEMENT)) is None
    assert "in place of an acknowledgement" in str(acknowledged(Frame(ANSWER)))


def test_an_application_error_is_said_in_words() -> None:
    error = Frame(encode.long(0x08, 5, 0x70, b"\x08"))
    assert refusal(error, Asked(5, ADDRESS)) is None
    assert "application busy" in str(application_error(error))
    assert application_error(Frame(ANSWER)) is None
