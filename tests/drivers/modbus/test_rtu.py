import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from drivers.modbus.rtu import Refused, Transaction, crc
from drivers.model import DecodeError

Outcome = tuple[int, ...] | Refused | DecodeError


def framed(body: bytes) -> bytes:
    return body + crc(body)


def reply(unit: int, function_code: int, words: list[int]) -> bytes:
    return framed(bytes([unit, function_code, 2 * len(words)]) + struct.pack(f">{len(words)}H", *words))


def outcome(data: bytes) -> list[Outcome]:
    """What two input registers of unit 1, at 72, become."""
    return list(Transaction(1, 4, 72, 2).feed(data))


def test_the_crc_is_that_of_the_standards_example() -> None:
    assert crc(bytes([0x02, 0x07])) == bytes([0x41, 0x12])  # Serial Line V1.02, 6.2.2


def test_a_request_is_eight_bytes_with_the_address_as_on_the_wire() -> None:
    assert Transaction(17, 3, 0x6B, 3).request == framed(bytes.fromhex("11 03 006B 0003"))  # V1.1b3, 6.3


def test_a_whole_reply_gives_its_registers() -> None:
    assert outcome(reply(1, 4, [0x4366, 0x199A])) == [(0x4366, 0x199A)]


def test_an_exception_is_a_refusal_with_its_words() -> None:
    assert outcome(framed(bytes([1, 0x84, 2]))) == [Refused(2)]
    assert str(Refused(2)) == "exception 2 (illegal data address)"


@pytest.mark.parametrize(
    ("data", "complaint"),
    [
        (reply(2, 4, [1, 2]), "a reply of unit 2, expected unit 1"),
        (reply(1, 3, [1, 2]), "a reply to function code 3, expected 4"),
        (framed(bytes([1, 0x83, 2])), "a reply to function code 131, expected 4"),
        (reply(1, 4, [1]), "a reply of 2 bytes, expected 4"),
        (reply(1, 4, [1, 2, 3]), "a reply of 6 bytes, expected 4"),
        (reply(1, 4, [1, 2])[:-1] + b"\x55", "does not fit the reply"),
    ],
)
def test_a_reply_to_something_else_is_refused_by_name(data: bytes, complaint: str) -> None:
    (error,) = outcome(data)
    assert isinstance(error, DecodeError)
    assert complaint in str(error)


def test_an_adapter_that_hears_itself_and_a_glitch_do_not_hide_the_reply() -> None:
    request = Transaction(1, 4, 72, 2).request
    assert outcome(request + reply(1, 4, [1, 2])) == [(1, 2)]
    assert outcome(b"\x00\xff" + reply(1, 4, [1, 2])) == [(1, 2)]
    assert outcome(request + b"\xff" + reply(1, 4, [1, 2]) + b"\x00") == [(1, 2)]


def test_half_a_reply_is_no_outcome_yet() -> None:
    transaction = Transaction(1, 4, 72, 2)
    assert list(transaction.feed(reply(1, 4, [1, 2])[:6])) == []
    assert list(transaction.feed(reply(1, 4, [1, 2])[6:])) == [(1, 2)]
    assert list(transaction.feed(reply(1, 4, [3, 4]))) == []


near_misses = st.lists(
    st.sampled_from(
        [
            Transaction(1, 4, 72, 2).request,
            reply(1, 4, [1, 2]),
            reply(1, 4, [1, 2])[:-1],
            reply(2, 4, [1, 2]),
            reply(1, 4, [7]),
            framed(bytes([1, 0x84, 6])),
            b"\x00",
            b"\xff",
            b"\x01\x04",
        ]
    )
    | st.binary(max_size=12),
    max_size=6,
).map(b"".join)


@given(st.binary(max_size=400) | near_misses)
def test_any_bytes_give_at_most_one_outcome_and_at_once_equals_byte_by_byte(data: bytes) -> None:
    whole = outcome(data)
    assert len(whole) <= 1
    transaction = Transaction(1, 4, 72, 2)
    assert [item for i in range(len(data)) for item in transaction.feed(data[i : i + 1])] == whole
