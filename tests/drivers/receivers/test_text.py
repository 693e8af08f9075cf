"""Lines of every kind of text in one stream, made here from a telegram of drivers/encode/wmbus.py."""

import json

from hypothesis import given
from hypothesis import strategies as st

from drivers.encode.wmbus import telegram
from drivers.model import Address, DecodeError, Frame
from drivers.receivers.text import LINE_BYTES_MAX, Framer

TELEGRAM = telegram(Address("wmbus", "12345678", "REL", 1, 7), bytes.fromhex("041383580900"), 0x2A)
HEX = TELEGRAM.hex()
LINES = (
    HEX,
    f"T1;1;1;2026-11-21 14:30:00.000;98;43;12345678;0x{HEX}",
    json.dumps({"model": "Wireless-MBus", "data": HEX}),
    f"2026-11-21 14:30:00,,,Wireless-MBus,T,12345678,1,0x07,Water,0x7A,0x2A,REL,0x44,21,{HEX},CRC",
)


def feed(data: bytes) -> list[Frame | DecodeError]:
    return list(Framer().feed(data))


def test_each_line_is_read_as_what_it_is() -> None:
    assert feed("\n".join((*LINES, *reversed(LINES), "")).encode()) == [Frame(TELEGRAM)] * 8


def test_what_is_none_of_them_is_a_fault_and_the_next_line_is_read() -> None:
    got = feed(f"hello\n{{\n{'5' * (LINE_BYTES_MAX + 1)}\n{HEX}\n".encode())
    assert [type(one) for one in got] == [DecodeError] * 3 + [Frame]


pieces = st.lists(
    st.one_of(st.binary(max_size=40), st.sampled_from([*(f"{line}\n".encode() for line in LINES), b"{", b"\r\n"])),
    max_size=6,
).map(b"".join)


@given(pieces)
def test_whole_equals_byte_by_byte(data: bytes) -> None:
    framer = Framer()
    single = [got for at in range(len(data)) for got in framer.feed(data[at : at + 1])]
    assert feed(data) == single
    assert all(isinstance(got, Frame | DecodeError) for got in single)
