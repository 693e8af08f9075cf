"""Wired frames of our own encoder, and frames of the fixed structure written by hand from EN 1434-3."""

from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from drivers.encode import mbus as encode
from drivers.encode import records, wmbus
from drivers.mbus import decode, more_follows
from drivers.model import Address, DecodeError, Frame, Medium, Quantity, Reading, State
from drivers.phrase import Phrase
from drivers.wmbus.answers import APPLICATION_ERRORS

IDENTITY = encode.identity("12345678", "REL", 0x1B, 0x04)
RECORDS = records.energy(12_345) + records.volume(678_901) + records.power(5400)


def test_an_answer_says_whose_it_is_and_what_was_read() -> None:
    telegram = decode(Frame(encode.answer(IDENTITY, RECORDS, access_number=42)))
    assert str(telegram.address) == "mbus:REL-12345678-1b-04"
    assert (telegram.state, telegram.medium, telegram.access_number) == (State.DECODED, Medium.HEAT, 42)
    assert telegram.status == ()
    assert telegram.readings == (
        Reading("energy", Quantity.ENERGY, Decimal(12_345_000), main=True),
        Reading("volume", Quantity.VOLUME, Decimal(678_901)),
        Reading("power", Quantity.POWER, Decimal(5400), main=True),
    )


def test_status_byte_and_error_flags_are_both_said() -> None:
    telegram = decode(Frame(encode.answer(IDENTITY, RECORDS + records.error_flags(2), status=0x04)))
    assert telegram.status == ("power low", "error flags 0x2")


def test_without_a_long_header_the_primary_address_is_all_that_is_known() -> None:
    short_header = decode(Frame(encode.long(encode.RSP_UD, 5, 0x7A, bytes((9, 0, 0, 0)) + RECORDS)))
    no_header = decode(Frame(encode.long(encode.RSP_UD, 5, 0x78, RECORDS)))
    assert str(short_header.address) == str(no_header.address) == "mbus:5"
    assert (short_header.access_number, no_header.access_number) == (9, None)
    assert len(short_header.readings) == len(no_header.readings) == 3


def test_a_bad_record_is_a_fault_and_the_others_are_kept() -> None:
    bad = records.record(records.dif(0xC), b"\x06", b"\xab\x00\x00\x00")
    telegram = decode(Frame(encode.answer(IDENTITY, bad + RECORDS)))
    assert (telegram.state, len(telegram.readings), len(telegram.faults)) == (State.DECODED, 3, 1)


@pytest.mark.parametrize("torn", ["04 13 01", "04 93", "8C", "3F", "0D 13 CA", "04 93" + "BB" * 11])
def test_records_that_cannot_be_followed_to_their_end_give_no_value_at_all(torn: str) -> None:
    telegram = decode(Frame(encode.answer(IDENTITY, RECORDS + bytes.fromhex(torn))))
    assert (telegram.state, telegram.readings) == (State.INVALID, ())
    assert telegram.error is not None
    assert telegram.error.startswith("record 4 at byte ")


@pytest.mark.parametrize("at", range(9))
def test_a_frame_that_is_not_whole_is_refused_by_name(at: int) -> None:
    frame = bytearray(encode.answer(IDENTITY, RECORDS))
    frame[at] ^= 0x40
    with pytest.raises(DecodeError):
        decode(Frame(bytes(frame)))
    with pytest.raises(DecodeError):
        decode(Frame(bytes(frame[: at + 1])))


def test_an_acknowledgement_or_a_request_carries_no_reading() -> None:
    for frame in (encode.ACKNOWLEDGEMENT, encode.reset(1), encode.request(1)):
        with pytest.raises(DecodeError, match="no reading"):
            decode(Frame(frame))


def test_a_masters_own_words_are_no_answer() -> None:
    telegram = decode(Frame(encode.select(IDENTITY)))
    assert (telegram.state, telegram.error) == (
        State.UNSUPPORTED,
        "CI 52 (a command to select a meter) is no answer with records",
    )


@pytest.mark.parametrize(("code", "words"), APPLICATION_ERRORS.items())
def test_an_application_error_is_named(code: int, words: Phrase) -> None:
    telegram = decode(Frame(encode.long(encode.RSP_UD, 5, 0x70, bytes((code,)))))
    assert (telegram.state, telegram.readings) == (State.INVALID, ())
    assert str(words) in str(telegram.error)


def test_an_empty_answer_and_one_of_the_makers_data_alone_are_told_apart() -> None:
    assert decode(Frame(encode.answer(IDENTITY, b""))).state is State.NO_DATA
    assert decode(Frame(encode.answer(IDENTITY, b"\x0f\x01\x02"))).state is State.UNSUPPORTED


def test_more_is_said_to_follow_only_by_dif_1f() -> None:
    assert more_follows(Frame(encode.answer(IDENTITY, RECORDS + b"\x1f")))
    assert not more_follows(Frame(encode.answer(IDENTITY, RECORDS + b"\x0f\x1f")))
    assert not more_follows(Frame(encode.answer(IDENTITY, RECORDS + b"\x1f")[:-1]))
    assert not more_follows(Frame(encode.ACKNOWLEDGEMENT))


def secured(word: int, content: bytes) -> Frame:
    header = IDENTITY + bytes((7, 0)) + word.to_bytes(2, "little")
    return Frame(encode.long(encode.RSP_UD, 1, 0x72, header + content))


def test_an_encrypted_answer_needs_its_key() -> None:
    telegram = decode(secured(0x0510, bytes(range(16))))
    assert (telegram.state, telegram.readings, telegram.encrypted) == (State.KEY_MISSING, (), True)


def test_an_encrypted_answer_is_read_with_its_key_and_with_no_other() -> None:
    address, key = Address("mbus", "12345678", "REL", 0x1B, 0x04), bytes(range(16))
    wireless = wmbus.telegram(address, RECORDS, 7, key=key, radio=address)
    wired = Frame(encode.long(encode.RSP_UD, 1, 0x72, wireless[11:]))  # the same from the CI field on
    telegram = decode(wired, key)
    assert (telegram.state, telegram.encrypted, len(telegram.readings)) == (State.DECODED, True, 3)
    other = decode(wired, bytes(16))
    assert (other.state, other.readings) == (State.WRONG_KEY, ())


def test_an_old_meter_that_fills_the_security_word_as_it_likes_is_still_read() -> None:
    assert decode(secured(0xFFFF, RECORDS)).state is State.DECODED
    refused = decode(secured(0xFFFF, b"\x3f\x00"))
    assert (refused.state, refused.readings) == (State.UNSUPPORTED, ())


def fixed(status: str, units: str, counters: str) -> Frame:
    # ID ID ID ID AN SS UU UU C1 C1 C1 C1 C2 C2 C2 C2
    return Frame(encode.long(encode.RSP_UD, 1, 0x73, bytes.fromhex(f"78 56 34 12 0A {status} {units} {counters}")))


def test_the_fixed_structure_of_a_water_meter_says_now_and_the_fixed_day() -> None:
    # medium 0111: 11 in the first unit byte, 01 in the second; 29: 1 L; 3E: the same, historic
    telegram = decode(fixed("00", "E9 7E", "01 00 00 00 35 01 00 00"))
    assert (str(telegram.address), telegram.medium) == ("mbus:12345678", Medium.WATER)
    assert telegram.readings == (
        Reading("volume", Quantity.VOLUME, Decimal(1), main=True),
        Reading("volume", Quantity.VOLUME, Decimal(135), storage=1),
    )


def test_the_fixed_structure_says_binary_counters_and_stored_ones_by_its_status() -> None:
    # medium 0100: heat; 05: kWh, 17: kW
    telegram = decode(fixed("07", "05 57", "00 01 00 00 02 00 00 00"))
    assert telegram.status == ("power low",)
    assert [(r.register, str(r.value), r.storage) for r in telegram.readings] == [
        ("energy", "2.56E+5", 1),
        ("power", "2E+3", 1),
    ]
    assert decode(fixed("00", "05 45", "01 00 00 00 02 00 00 00")).readings[1].register == "energy_2"


def test_a_fixed_structure_that_cannot_be_read_gives_no_value() -> None:
    telegram = decode(fixed("00", "05 41", "0A 00 00 00 02 00 00 00"))
    assert (telegram.state, len(telegram.faults)) == (State.INVALID, 2)
    assert decode(fixed("00", "05 45", "FF FF FF FF FF FF FF FF")).state is State.NO_DATA
    assert decode(fixed("00", "05 45", "00")).state is State.INVALID
    with pytest.raises(DecodeError):
        decode(Frame(encode.long(encode.RSP_UD, 1, 0x73, b"\x01")))


@given(st.sampled_from([0x70, 0x72, 0x73, 0x76, 0x78, 0x7A, 0x90]) | st.integers(0, 255), st.binary(max_size=60))
@settings(max_examples=200)
def test_any_content_gives_a_telegram_or_a_decode_error(ci: int, data: bytes) -> None:
    frame = Frame(encode.long(encode.RSP_UD, 1, ci, data))
    try:
        telegram = decode(frame)
    except DecodeError:
        return
    assert telegram.state is State.DECODED or telegram.readings == ()
    assert (telegram.error is None) == (telegram.state is State.DECODED)
    more_follows(frame)


@given(st.binary(max_size=40))
@settings(max_examples=100)
def test_any_bytes_give_a_telegram_or_a_decode_error(data: bytes) -> None:
    with pytest.raises(DecodeError):
        decode(Frame(data + b"\x00"))


def several(*parts: bytes, identity: bytes = IDENTITY) -> bytes:
    """The frames of one telegram, one behind the other, as a master hands them on."""
    told = [part + b"\x1f" for part in parts[:-1]] + [parts[-1]]
    return b"".join(encode.answer(identity, part, number) for number, part in enumerate(told, 1))


def test_what_a_meter_says_in_several_frames_is_one_telegram() -> None:
    telegram = decode(Frame(several(records.energy(12), records.energy(34, storage=1), records.energy(56))))
    assert (telegram.state, telegram.access_number) == (State.DECODED, 3)
    assert [(r.register, r.storage, r.value, r.main) for r in telegram.readings] == [
        ("energy", 0, Decimal(12_000), True),
        ("energy", 1, Decimal(34_000), False),
        ("energy_2", 0, Decimal(56_000), False),
    ]


def test_a_makers_own_bytes_end_a_part_and_not_the_telegram() -> None:
    first = encode.answer(IDENTITY, records.energy(12) + b"\x1f\x01\x02\x03")
    telegram = decode(Frame(first + encode.answer(IDENTITY, records.volume(34) + b"\x0f\x09")))
    assert [r.register for r in telegram.readings] == ["energy", "volume"]


def test_a_torn_part_gives_no_value_at_all() -> None:
    torn = encode.answer(IDENTITY, records.energy(12) + b"\x04\x13\x01")
    telegram = decode(Frame(torn + encode.answer(IDENTITY, records.volume(34))))
    assert (telegram.state, telegram.readings) == (State.INVALID, ())


def test_parts_of_two_meters_are_refused() -> None:
    other = encode.identity("12345679", "REL", 0x1B, 0x04)
    with pytest.raises(DecodeError, match="part 2 is of mbus:REL-12345679-1b-04, the first one of"):
        decode(Frame(encode.answer(IDENTITY, RECORDS) + encode.answer(other, RECORDS)))
    with pytest.raises(DecodeError, match="part 2: CI 51"):
        decode(Frame(encode.answer(IDENTITY, RECORDS) + encode.long(0x08, 1, 0x51, RECORDS)))


def test_an_encrypted_answer_does_not_say_that_more_follows() -> None:
    assert not more_follows(secured(0x0510, b"\x1f" * 16))


def test_a_display_that_shows_an_error_in_place_of_digits_gives_no_number() -> None:
    # 8 digits BCD of DIF 3C, "value during error state": D is shown as -, so this reads "----Err-" (EN 13757-3, type A)
    shown = bytes.fromhex("3C 2B BD EB DD DD")
    telegram = decode(Frame(encode.answer(IDENTITY, records.energy(12) + shown)))
    assert [r.register for r in telegram.readings] == ["energy"]
    assert "ddddebbd has a nibble that is no digit" in str(telegram.faults[0])
