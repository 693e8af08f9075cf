"""Lines of rtl_433, made here from a telegram of drivers/encode/wmbus.py."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from drivers.encode.chips import mode_c, mode_s, mode_t, to_hex
from drivers.encode.wmbus import format_a, format_b, telegram
from drivers.model import Address, DecodeError, Frame
from drivers.receivers.rtl_433 import Framer

ADDRESS = Address("wmbus", "12345678", "REL", 1, 7)
TELEGRAM = telegram(ADDRESS, bytes.fromhex("041383580900"), 0x2A)
BLOCKS = telegram(ADDRESS, bytes.fromhex("041383580900") * 3 + bytes.fromhex("2F2F2F"), 0x2A)  # ends with a whole block
CSV_HEAD = "time,msg,codes,model,mode,id,version,type,type_string,CI,AC,M,C,data_length,data,mic"


def feed(line: str) -> list[Frame | DecodeError]:
    return list(Framer().feed(line.encode() + b"\n"))


def as_json(data: bytes) -> str:
    return json.dumps({"time": "2026-11-21 14:30:00", "model": "Wireless-MBus", "data": data.hex(), "mic": "CRC"})


def of_another_length(data: bytes, by: int) -> bytes:
    return bytes((data[0] + by,)) + data[1:]


@pytest.mark.parametrize("content", [TELEGRAM, BLOCKS])
def test_every_version_of_rtl_433_is_read(content: bytes) -> None:
    last_crc = format_a(content)[-2:]
    for data in (
        content,
        of_another_length(content, 2),  # format B, its L as it was sent
        content + bytes(2),
        of_another_length(content, -2) + last_crc,
    ):
        assert feed(as_json(data)) == [Frame(content)]


@pytest.mark.parametrize("by", [-9, -3, -1, 1, 3])
def test_a_length_that_no_version_explains_is_a_fault(by: int) -> None:
    (fault,) = feed(as_json(of_another_length(TELEGRAM, by)))
    assert "announces" in str(fault)


def test_a_last_crc_that_does_not_agree_is_a_fault() -> None:
    (fault,) = feed(as_json(of_another_length(TELEGRAM, -2) + b"\x00\x00"))
    assert isinstance(fault, DecodeError)


def test_the_csv_form_is_read_and_its_head_is_no_fault() -> None:
    row = f"2026-11-21 14:30:00,,,Wireless-MBus,T,12345678,1,0x07,Water,0x7A,0x2A,REL,0x44,21,{TELEGRAM.hex()},CRC"
    assert feed(f"{CSV_HEAD}\n{row}") == [Frame(TELEGRAM)]
    (fault,) = feed("2026-11-21 14:30:00,,,Wireless-MBus,T,,,,,,,,,,,")
    assert isinstance(fault, DecodeError)


@pytest.mark.parametrize("chips", [mode_t(TELEGRAM), mode_s(TELEGRAM), mode_c(TELEGRAM), mode_c(TELEGRAM, b=True)])
def test_a_raw_capture_of_the_flexible_decoder_is_decoded(chips: str) -> None:
    line = json.dumps({"model": "MBUS", "codes": [f"{{{len(chips)}}}{to_hex(chips)}"]})
    assert feed(line) == [Frame(TELEGRAM)]


def test_what_other_devices_say_is_no_fault() -> None:
    assert feed('{"model":"Acurite-Tower","id":1,"temperature_C":21.0}') == []
    assert feed("rtl_433 version 25.02") == []


@pytest.mark.parametrize(
    "line",
    [
        '{"model":"Wireless-MBus"}',
        '{"model":"Wireless-MBus","data":12}',
        '{"model":"Wireless-MBus","data":"44"}',
        '{"model":',
        "{" * 5000,
        '{"codes":[3]}',
        '{"codes":["{9}zz"]}',
        '{"codes":["{8}ff"]}',
    ],
)
def test_a_line_that_says_too_little_is_a_fault(line: str) -> None:
    (fault,) = feed(line)
    assert isinstance(fault, DecodeError)


@given(
    st.text(max_size=60), st.sampled_from(["", '{"model":"Wireless-MBus","data":"', '{"codes":["', "Wireless-MBus,"])
)
def test_any_line_gives_frames_or_faults(text: str, before: str) -> None:
    assert all(isinstance(got, Frame | DecodeError) for got in feed(before + text))


def test_a_long_telegram_of_format_b_keeps_its_length() -> None:
    long = telegram(ADDRESS, bytes.fromhex("041383580900") * 20, 1)
    (frame,) = feed(as_json(long))
    assert frame == Frame(long)
    assert len(format_b(long)) == len(long) + 4


@pytest.mark.parametrize(
    "line", ['{"media":"water","meter":"multical21","id":"12345678","total_m3":6.388}', '{"temperature":3.4}', "{}"]
)
def test_what_another_program_decoded_is_a_fault_that_says_so(line: str) -> None:
    assert [str(fault) for fault in feed(line)] == ["rtl_433: JSON of another program; the telegram itself is needed"]


@pytest.mark.parametrize(
    "line",
    [
        '{"time":"2026-11-21 14:30:00","model":"Acurite-Tower","temperature_C":3.4}',
        '{"time":"2026-11-21 14:30:00","src":"SDR","lvl":5,"msg":"Tuned to 868.950MHz."}',
        '{"enabled":12,"since":"2026-11-21 14:30:00","frames":{},"stats":[]}',
    ],
)
def test_other_devices_and_what_rtl_433_says_of_itself_are_no_faults(line: str) -> None:
    assert feed(line) == []
