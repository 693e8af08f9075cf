"""Link layer. GAS is the worked example of OMS Specification Vol. 2, Annex N (wM-Bus gas meter, mode 5), with its CRCs."""

import contextlib
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from drivers import wmbus
from drivers.encode.wmbus import format_a, format_b, telegram
from drivers.model import Address, DecodeError, Frame, State
from drivers.wmbus import link

GAS_A = bytes.fromhex(
    "2E449315785634123303 3363 7A2A0020255923C95AAA26D1B2E7493B C2AD"
    "013EC4A6F6D3529B520EDFF0EA6DEFC9 55B2 9D6D69EBF3 EC8A"
)
GAS = bytes.fromhex("2E449315785634123303 7A2A0020255923C95AAA26D1B2E7493B 013EC4A6F6D3529B520EDFF0EA6DEFC9 9D6D69EBF3")

telegrams = st.binary(min_size=9, max_size=245).map(lambda body: bytes((len(body),)) + body)


def test_the_crc_has_the_check_value_of_its_polynomial() -> None:
    assert link.crc(b"123456789") == 0xC2B7


def test_the_worked_example_of_oms_loses_its_crcs_and_nothing_else() -> None:
    assert link.without_crcs(GAS_A) == GAS
    assert format_a(GAS) == GAS_A


@given(telegrams)
def test_both_formats_give_back_the_telegram_they_were_made_of(content: bytes) -> None:
    assert link.without_crcs(format_a(content)) == content
    assert link.without_crcs(format_b(content)) == content


@pytest.mark.parametrize("body", [120, 150])
def test_the_rewritten_l_field_counts_what_is_left(body: int) -> None:
    framed = format_b(bytes((body,)) + bytes(body))
    assert framed[0] == len(framed) - 1
    assert link.strip_b(framed)[0] == body


@given(telegrams, st.sampled_from([format_a, format_b]), st.integers(0), st.integers(1, 255))
def test_one_wrong_byte_never_passes_its_crc(
    content: bytes, framing: Callable[[bytes], bytes], place: int, flip: int
) -> None:
    framed = bytearray(framing(content))
    framed[place % len(framed)] ^= flip
    with pytest.raises(DecodeError):
        link.without_crcs(bytes(framed))


@given(st.binary(max_size=300))
def test_any_bytes_give_a_telegram_or_a_decode_error(data: bytes) -> None:
    for function in (link.without_crcs, link.strip_a, link.strip_b, link.parse):
        with contextlib.suppress(DecodeError):
            function(data)


def test_a_telegram_without_crcs_is_known_as_such() -> None:
    assert not link.has_crcs(GAS)
    assert link.has_crcs(GAS_A)
    assert link.has_crcs(format_b(GAS))
    assert not link.has_crcs(b"")


def test_the_address_names_maker_number_version_and_type() -> None:
    assert str(link.parse(GAS).identity.address) == "wmbus:ELS-12345678-33-03"


def test_a_number_that_is_no_bcd_stays_the_text_it_is() -> None:
    assert link.parse(bytes.fromhex("0A44 2D2C EFBEADDE 1B16 78")).identity.address.id == "deadbeef"


def test_bit_15_changes_no_letter_of_the_maker() -> None:
    assert link.letters(bytes.fromhex("2D2C")) == link.letters(bytes.fromhex("2DAC")) == "KAM"


def test_a_maker_that_is_no_three_letters_is_shown_in_hex() -> None:
    assert link.letters(bytes.fromhex("0000")) == "0000"
    assert link.letters(bytes.fromhex("FFFF")) == "ffff"


def test_a_command_to_a_meter_is_not_taken_for_what_a_meter_says() -> None:
    with pytest.raises(DecodeError, match="C 53"):
        link.parse(bytes((GAS[0], 0x53)) + GAS[2:])


@pytest.mark.parametrize(
    ("c", "words"),
    [
        (0x00, "ACK, an acknowledgement"),
        (0x01, "NACK, a refusal"),
        (0x06, "CNF-IR, an answer to a meter's installation"),
        (0x40, "SND-NKE, a reader's end of talk"),
        (0x73, "SND-UD, a reader's command"),
        (0xDB, "REQ-UD2, a reader's question"),
    ],
)
def test_what_others_than_meters_send_is_said_by_its_name(c: int, words: str) -> None:
    with pytest.raises(DecodeError, match=f"C {c:02x} is not what a meter sends: {words}"):
        link.parse(bytes((GAS[0], c)) + GAS[2:])
    with pytest.raises(DecodeError, match=r"not what a meter sends$"):
        link.parse(bytes((GAS[0], 0x4F)) + GAS[2:])


def test_a_repeater_in_between_changes_nothing() -> None:
    assert link.parse(bytes((GAS[0], 0xC4)) + GAS[2:]).c == 0x44


def test_a_telegram_shorter_than_it_says_is_told() -> None:
    assert link.length_error(GAS) is None
    assert "46 came" in str(link.length_error(GAS[:-1]))


def test_an_address_that_is_not_unique_worldwide_names_the_same_meter() -> None:
    flagged = GAS[:3] + bytes((GAS[3] | 0x80,)) + GAS[4:]
    assert str(link.parse(flagged).identity.address) == str(link.parse(GAS).identity.address)
    # The initialisation vectors want the bytes as they were sent.
    assert link.parse(flagged).identity.link_order[1] == GAS[3] | 0x80


def test_only_three_letters_are_a_maker() -> None:
    assert link.is_maker(GAS[2:4])
    assert not link.is_maker(b"\x00\x00")
    assert not link.is_maker(b"\xff\xff")


def test_a_relayed_telegram_gives_the_same_readings() -> None:
    plain = telegram(Address("wmbus", "deadbeef", "REL", 1, 7), bytes.fromhex("041383580900"), 0x2A)
    relayed = bytes((plain[0], plain[1] | link.C_RELAYED)) + plain[2:]
    assert wmbus.decode(Frame(relayed)) == wmbus.decode(Frame(plain))
    assert str(wmbus.decode(Frame(plain)).address) == "wmbus:REL-deadbeef-01-07"


def test_a_key_fits_where_the_address_is_not_unique_worldwide() -> None:
    key = bytes(range(16))
    flagged = Address("wmbus", "12345678", "rEL", 1, 7)  # r is 32 above R, which is bit 15 of the M field
    sent = telegram(flagged, bytes.fromhex("041383580900"), 0x2A, key=key)
    assert sent[3] & 0x80
    got = wmbus.decode(Frame(sent), key)
    assert (got.state, str(got.address)) == (State.DECODED, "wmbus:REL-12345678-01-07")
