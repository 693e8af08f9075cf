"""iM871A frames, made by drivers/encode/im871a.py; the CRC's check value is that of CRC-16/X-25."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from drivers.encode.im871a import answers, heard
from drivers.encode.wmbus import telegram
from drivers.model import Address, DecodeError, Frame
from drivers.receivers.im871a import (
    FRAME_BYTES_MAX,
    GET_CONFIGURATION,
    NOISE_BYTES_MAX,
    SET_C_AND_T,
    SET_RSSI,
    SET_T,
    START,
    Framer,
    crc,
)
from drivers.talk import Said

TELEGRAM = telegram(Address("wmbus", "12345678", "REL", 1, 7), bytes.fromhex("0413A5A50900"), 0x2A)
PING = bytes.fromhex("A5010100")


def feed(data: bytes) -> list[Said]:
    return list(Framer().feed(data))


def frames(data: bytes) -> list[Frame]:
    return [got for got in feed(data) if isinstance(got, Frame)]


def test_the_crc_has_its_check_value() -> None:
    assert crc(b"123456789") == 0x906E


@pytest.mark.parametrize("rssi_dbm", [-110, -87, -9])
def test_a_telegram_comes_with_its_l_field_and_its_signal(rssi_dbm: int) -> None:
    assert feed(heard(TELEGRAM, rssi_dbm)) == [Frame(TELEGRAM, rssi_dbm)]


def test_a_saturated_receiver_says_0_dbm() -> None:
    sent = bytearray(heard(TELEGRAM, -50)[:-2])
    sent[-1] = 230
    assert feed(bytes(sent) + crc(bytes(sent[1:])).to_bytes(2, "little")) == [Frame(TELEGRAM, 0)]


def test_a_time_stamp_before_the_signal_is_passed_over() -> None:
    plain = heard(TELEGRAM, -60)
    body = bytes((plain[1] | 0x20,)) + plain[2:-3] + bytes(4) + plain[-3:-2]
    assert feed(b"\xa5" + body + crc(body).to_bytes(2, "little")) == [Frame(TELEGRAM, -60)]


def test_without_rssi_and_crc_the_telegram_comes_all_the_same() -> None:
    assert feed(bytes((0xA5, 0x02, 0x03, TELEGRAM[0])) + TELEGRAM[1:]) == [Frame(TELEGRAM)]


def test_a_wrong_crc_drops_the_telegram_and_keeps_the_next() -> None:
    good = heard(TELEGRAM, -60)
    bad = bytearray(good)
    bad[20] ^= 1
    got = feed(bytes(bad) + good)
    assert isinstance(got[0], DecodeError)
    assert "CRC" in str(got[0])
    assert [one for one in got if isinstance(one, Frame)] == [Frame(TELEGRAM, -60)]


@given(st.binary(max_size=40).filter(lambda noise: 0xA5 not in noise))
def test_noise_before_a_telegram_costs_it_nothing(noise: bytes) -> None:
    assert frames(noise + heard(TELEGRAM, -60)) == [Frame(TELEGRAM, -60)]


@given(st.binary(max_size=40))
def test_noise_that_looks_like_a_long_frame_holds_telegrams_back_for_its_length_at_most(noise: bytes) -> None:
    enough = -(-(FRAME_BYTES_MAX + len(noise)) // len(heard(TELEGRAM, -60)))
    assert Frame(TELEGRAM, -60) in frames(noise + heard(TELEGRAM, -60) * (enough + 1))


def test_noise_is_told_and_never_kept_for_long() -> None:
    got = feed(b"\x00" * 1000)
    assert len(got) == 1000 // NOISE_BYTES_MAX
    assert all(isinstance(one, DecodeError) for one in got)


def test_what_the_stick_answers_is_no_telegram_and_no_fault() -> None:
    said = b"".join(answers(PING + START + SET_C_AND_T + GET_CONFIGURATION))
    assert [one for one in feed(said + heard(TELEGRAM, -60)) if isinstance(one, Frame | DecodeError)] == [
        Frame(TELEGRAM, -60)
    ]


def test_the_stick_answers_each_request_with_the_next_message_number() -> None:
    (said,) = answers(PING)
    assert said[:4] == bytes.fromhex("A5810200")
    (said,) = answers(b"\x00" + START)
    assert said[2] == 0x10
    assert list(answers(bytes.fromhex("A5017700"))) == []


@pytest.mark.parametrize("request_", [START, SET_C_AND_T, SET_T, SET_RSSI, GET_CONFIGURATION])
def test_every_request_is_whole(request_: bytes) -> None:
    assert request_[:2] == bytes.fromhex("A501")
    assert len(request_) == 4 + request_[3]
