"""The layers' headers; bytes made here by the layouts of EN 13757-4 and EN 13757-7."""

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from drivers.model import DecodeError
from drivers.wmbus import layers, link

METER = "44 2D2C 78563412 1B16"


def peel(body: str) -> layers.Layers:
    data = bytes.fromhex("00" + METER + body)
    return layers.peel(link.parse(data))


def test_a_short_header_gives_access_number_status_and_mode() -> None:
    peeled = peel("7A 2A 04 2025 0C13")
    assert peeled.tpl is not None
    assert (peeled.access_number, peeled.tpl.status, peeled.tpl.mode, peeled.tpl.blocks) == (0x2A, 4, 5, 2)
    assert peeled.payload == bytes.fromhex("0C13")


def test_a_long_header_names_the_meter_behind_the_radio_module() -> None:
    peeled = peel("72 01000099 A511 02 07 2A 00 0000 0C13")
    assert str(peeled.identity.address) == "wmbus:KAM-12345678-1b-16"
    assert str(peeled.meter.address) == "wmbus:DME-99000001-02-07"
    assert peeled.payload == bytes.fromhex("0C13")


def test_without_a_header_the_access_number_is_the_link_layers() -> None:
    peeled = peel("8C 20 55 78 0C13")
    assert peeled.access_number == 0x55
    assert peeled.payload == bytes.fromhex("0C13")


def test_the_long_extended_link_layer_names_whom_it_speaks_to_and_not_the_meter() -> None:
    peeled = peel("8E 20 55 A511 01000099 0207 78 0C13")
    assert peeled.meter == peeled.identity
    assert peeled.payload == bytes.fromhex("0C13")


@pytest.mark.parametrize("ell", ["8D 20 55 11223320", "8F 20 55 A511 01000099 0207 11223320"])
def test_what_is_behind_a_session_number_waits_for_its_key(ell: str) -> None:
    peeled = peel(ell + "AABB CC")
    assert peeled.ell == layers.Ell(0x20, 0x55, bytes.fromhex("11223320"))
    assert peeled.tpl is None
    assert peeled.announced
    assert peeled.payload == bytes.fromhex("AABBCC")


def test_network_and_fragment_layers_are_peeled_in_their_order() -> None:
    peeled = peel("8C 20 55 81 00 90 0F 002C 25 01000000 1122334455667788 7A 55 00 2007 10 AA")
    assert peeled.afl == layers.Afl(
        0, False, b"\x25", bytes.fromhex("01000000"), bytes.fromhex("1122334455667788"), b""
    )
    assert peeled.tpl is not None
    assert (peeled.tpl.mode, peeled.tpl.extension) == (7, 0x10)
    assert peeled.payload == b"\xaa"


def test_every_optional_field_of_the_fragment_layer_is_found() -> None:
    peeled = peel("90 13 003E 25 0102 01000000 1122334455667788 0600 7A 55 00 0000 AA")
    assert peeled.afl == layers.Afl(
        0, False, b"\x25", bytes.fromhex("01000000"), bytes.fromhex("1122334455667788"), bytes.fromhex("0600")
    )
    assert peeled.payload == b"\xaa"


def test_what_stands_behind_a_message_of_stated_length_is_not_read() -> None:
    assert peel("90 04 0010 0600 7A 55 00 0000 AA 0113 05").payload == b"\xaa"
    with pytest.raises(DecodeError, match="AFL: message: 7 bytes are needed, not 6"):
        peel("90 04 0010 0700 7A 55 00 0000 AA")


@pytest.mark.parametrize("flags", ["0040", "0240", "0200"])
def test_a_message_in_fragments_is_not_taken_for_a_whole_one(flags: str) -> None:
    peeled = peel("90 02" + flags + "7A 55 00 0000 AA")
    assert peeled.afl is not None
    assert peeled.afl.fragmented
    assert peeled.tpl is None


def test_mode_10_brings_its_counter_and_perhaps_a_key_version() -> None:
    for version in ("", "99"):
        peeled = peel(f"7A 2A 00 FF2A {'50' if version else '10'}01 {version} 11223344 AABB")
        assert peeled.tpl is not None
        assert (peeled.tpl.mode, peeled.tpl.counter) == (10, bytes.fromhex("11223344"))
        assert peeled.payload == bytes.fromhex("AABB")


def test_mode_7_may_bring_a_counter_and_a_key_version_in_its_header() -> None:
    for bits, fields in (("07", ""), ("27", "11223344")):
        for extension, version in (("10", ""), ("50", "99")):
            peeled = peel(f"7A 2A 00 20{bits} {extension} {fields} {version} AABB")
            assert peeled.tpl is not None
            assert (peeled.tpl.mode, peeled.tpl.counter.hex()) == (7, fields)
            assert peeled.payload == bytes.fromhex("AABB")


def test_every_ci_field_that_has_a_header_has_a_name() -> None:
    assert set(layers.CI_NAMES) >= layers.CI_HEADERS
    assert not layers.CI_LONG & layers.CI_SHORT


def test_a_makers_own_coding_is_named_by_its_ci() -> None:
    assert peel("A2 01 02").foreign_ci == 0xA2


@pytest.mark.parametrize(
    "body",
    [
        "8C 20",
        "8D 20 55 112233",
        "81",
        "90",
        "90 05 002C",
        "90 01 3D40 13DD",  # met in fuzzing: a length that does not hold the layer's own first field
        "90 03 0020",
        "72 01000099 A511 02",
        "7A 2A",
        "7A 2A 00 0007",
        "7A 2A 00 0027 10 112233",
        "7A 2A 00 0007 50",
        "8B 01000099 A511 02",
        "7A 2A 00 FF2A 10",
        "7A 2A 00 FF2A 1001 112233",
        "7A 2A 00 FF2A 5001 11223344",
    ],
)
def test_a_header_that_is_cut_is_a_decode_error(body: str) -> None:
    with pytest.raises(DecodeError, match="needed"):
        peel(body)


@given(st.binary(max_size=60))
def test_any_body_gives_layers_or_a_decode_error(body: bytes) -> None:
    with contextlib.suppress(DecodeError):
        layers.peel(link.Link(0x44, link.Identity(b"\x2d\x2c", bytes(4), 1, 7), body))
