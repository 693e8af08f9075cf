"""Any bytes behind a maker's header give a telegram, never an exception; what a check refuses has no reading."""

import contextlib

from hypothesis import given, settings
from hypothesis import strategies as st

from drivers import meters, wmbus
from drivers.encode.wmbus import identity, telegram
from drivers.model import Address, DecodeError, Frame, State
from drivers.wmbus.makers import CONTENTS, PAYLOADS, TAILS


def with_coding() -> list[Address]:
    found = []
    for name in meters.files():
        patterns, model, _ = meters.read(name)
        if model.coding:
            maker, version, device_type = patterns[0].replace("*", "07").split("-")
            found.append(Address("wmbus", "12345678", maker, int(version, 16), int(device_type, 16)))
    return found


METERS = [
    *with_coding(),
    Address("wmbus", "12345678", "HYD", 0x85, 0x07),
    Address("wmbus", "12345678", "SAP", 0x15, 0x07),
]


def test_every_coding_named_in_the_data_exists_and_every_coding_is_named() -> None:
    named = {meters.read(name)[1].coding for name in meters.files()} - {""}
    assert named == PAYLOADS.keys() | CONTENTS.keys() | TAILS.keys()


@settings(max_examples=200)
@given(
    meter=st.sampled_from(METERS),
    ci=st.sampled_from([0x71, 0x7A, 0xA0, 0xA1, 0xA2, 0xB6]),
    payload=st.binary(max_size=90),
    key=st.sampled_from([None, bytes(8), bytes(16)]),
)
def test_any_payload_is_a_telegram(meter: Address, ci: int, payload: bytes, key: bytes | None) -> None:
    data = b"\x44" + identity(meter).link_order + bytes((ci,)) + payload
    heard = wmbus.decode(Frame(bytes((len(data),)) + data), key)
    assert heard.readings == () or heard.state is State.DECODED
    with contextlib.suppress(DecodeError):  # a header cut short
        assert wmbus.header(Frame(bytes((len(data),)) + data)).address == heard.address


@settings(max_examples=200)
@given(
    meter=st.sampled_from(METERS),
    start=st.sampled_from([b"", b"\x2f\x2f\x0f", b"\x0f", b"\x0f\x10", b"\x0f\x11", b"\x0f\x1f", b"\x0d\xff\x5f\x35"]),
    content=st.binary(max_size=90),
)
def test_any_content_and_any_tail_is_a_telegram(meter: Address, start: bytes, content: bytes) -> None:
    heard = wmbus.decode(Frame(telegram(meter, start + content, 1)))
    assert heard.readings == () or heard.state is State.DECODED
