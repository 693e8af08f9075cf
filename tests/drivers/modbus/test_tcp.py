import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from drivers.modbus.rtu import Refused
from drivers.modbus.tcp import Replies, Reply, Transaction
from drivers.model import DecodeError


def adu(number: int, unit: int, pdu: bytes) -> bytes:
    return struct.pack(">HHHB", number, 0, len(pdu) + 1, unit) + pdu


def registers(*words: int) -> bytes:
    return bytes([4, 2 * len(words)]) + struct.pack(f">{len(words)}H", *words)


def test_a_request_is_the_header_and_the_function_codes_own_bytes() -> None:
    # V1.1b3, 6.3 (the request's own bytes); Messaging Guide V1.0b, 3.1.3 (what is before them)
    assert Transaction(0x1501, 0xFF, 3, 0x6B, 3).request == bytes.fromhex("1501 0000 0006 FF 03 006B 0003")


@pytest.mark.parametrize("function_code", [1, 2, 5, 6, 15, 16, 22, 23])
def test_nothing_but_reading_registers_can_be_asked(function_code: int) -> None:
    with pytest.raises(AssertionError):
        Transaction(1, 1, function_code, 0, 1)


@pytest.mark.parametrize(
    ("unit", "pdu", "outcome"),
    [
        (1, registers(0x4366, 0x199A), (0x4366, 0x199A)),
        (1, bytes([0x84, 2]), Refused(2)),
        (2, registers(1, 2), "a reply of unit 2, expected unit 1"),
        (1, b"\x03" + registers(1, 2)[1:], "a reply to function code 3, expected 4"),
        (1, bytes([0x83, 2]), "a reply to function code 131, expected 4"),
        (1, registers(1), "a reply of 2 bytes that says 2, expected 4"),
        (1, registers(1, 2, 3), "a reply of 6 bytes that says 6, expected 4"),
        (1, registers(1, 2)[:-1], "a reply of 3 bytes that says 4, expected 4"),
        (1, b"\x04\x02" + registers(1, 2)[2:], "a reply of 4 bytes that says 2, expected 4"),
    ],
)
def test_a_reply_is_taken_when_it_is_of_this_unit_function_and_length(
    unit: int, pdu: bytes, outcome: tuple[int, ...] | Refused | str
) -> None:
    (reply,) = Replies().feed(adu(7, unit, pdu))
    assert isinstance(reply, Reply)
    said = Transaction(7, 1, 4, 72, 2).outcome(reply)
    assert (str(said) if isinstance(said, DecodeError) else said) == outcome


@pytest.mark.parametrize(
    "data",
    [
        bytes([1, 4, 4, 0x43, 0x66, 0x19, 0x9A, 0xCD, 0xEA]),  # RTU
        struct.pack(">HHHB", 1, 0, 2, 1) + b"\x04",
        struct.pack(">HHHB", 1, 0, 255, 1) + bytes(254),
    ],
)
def test_what_is_no_modbus_tcp_is_said_once_and_nothing_after_it_is_believed(data: bytes) -> None:
    replies = Replies()
    (said,) = replies.feed(data)
    assert str(said) == "bytes that are not Modbus TCP"
    assert list(replies.feed(adu(1, 1, registers(1)))) == []


parts = st.lists(
    st.one_of(
        st.binary(max_size=12),
        st.builds(adu, st.integers(0, 3), st.integers(0, 255), st.binary(min_size=2, max_size=253)),
    ),
    max_size=6,
).map(b"".join)


@given(parts)
def test_any_bytes_are_cut_the_same_at_once_and_byte_by_byte(data: bytes) -> None:
    one = Replies()
    pieces = [reply for i in range(len(data)) for reply in one.feed(data[i : i + 1])]
    whole = list(Replies().feed(data))
    # A fault keeps the bytes that were there when it was seen, and more are there at once.
    assert [str(r) for r in pieces] == [str(r) for r in whole]
    for reply in whole:
        if isinstance(reply, Reply):
            outcome = Transaction(reply.number, 1, 4, 0, 2).outcome(reply)
            assert isinstance(outcome, Refused | DecodeError) or len(outcome) == 2
