"""Telegrams explained byte by byte; made by drivers/encode. OMS_GAS is OMS Specification Vol. 2, Annex N."""

from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from drivers import wmbus
from drivers.encode.wmbus import (
    format_a,
    format_b,
    fragments,
    telegram,
    telegram_ell,
    telegram_mode_2,
    telegram_mode_7,
    telegram_mode_7_counted,
    telegram_mode_10,
)
from drivers.model import Address, Frame, State
from drivers.wmbus import layers
from drivers.wmbus.compact import Formats
from drivers.wmbus.explain import Row, explain
from drivers.wmbus.link import crc

OMS_GAS = bytes.fromhex(
    "2E4493157856341233037A2A0020255923C95AAA26D1B2E7493B013EC4A6F6D3529B520EDFF0EA6DEFC99D6D69EBF3"
)
OMS_KEY = bytes.fromhex("0102030405060708090A0B0C0D0E0F11")
WATER = Address("wmbus", "12345678", "REL", 0x1B, 0x07)
MODULE = Address("wmbus", "99000001", "RAD", 0x02, 0x37)
KEY = bytes(range(16))
DES_KEY = KEY[:8]
# volume 612483 L; on 2026-10-31 608000 L; error flags none
RECORDS = bytes.fromhex("0413 83580900  4413 00470900  426C 5F3A  02FD17 0000")

SENT = {
    "in clear": telegram(WATER, RECORDS, 0x2A, status=4),
    "mode 2": telegram_mode_2(WATER, RECORDS, 0x2A, key=DES_KEY),
    "mode 5": telegram(WATER, RECORDS, 0x2A, key=KEY),
    "mode 5, long header": telegram(WATER, RECORDS, 0x2A, key=KEY, radio=MODULE),
    "mode 7": telegram_mode_7(WATER, RECORDS, 0x2A, key=KEY, counter=17),
    "mode 10": telegram_mode_10(WATER, RECORDS, 0x2A, key=KEY, counter=17),
    "ELL": telegram_ell(WATER, b"\x78" + RECORDS, 0x2A, session=4711, key=KEY),
    "ELL in clear": telegram_ell(WATER, b"\x78" + RECORDS, 0x2A, session=4711),
}


def meanings(rows: tuple[Row, ...]) -> list[str]:
    return [str(row.meaning) for row in rows]


def check_whole(rows: tuple[Row, ...], data: bytes) -> None:
    """Every byte stands in one row, in order; those that were not opened as they were sent."""
    at = 0
    for row in rows:
        assert row.at == at
        assert row.data or row is rows[-1]  # where a layer is cut at its very end
        assert row.opened or row.data == data[at : at + len(row.data)]
        at += len(row.data)
    assert at == len(data)


@pytest.mark.parametrize("way", SENT)
def test_every_value_is_explained_with_its_key(way: str) -> None:
    rows = explain(SENT[way], DES_KEY if way == "mode 2" else KEY)
    check_whole(rows, SENT[way])
    said = meanings(rows)
    assert [meaning for meaning in said if meaning in ("612483 L", "608000 L", "2026-10-31")] == [
        "612483 L",
        "608000 L",
        "2026-10-31",
    ]
    assert all(str(row.section) for row in rows)
    assert any(row.opened for row in rows) is ("clear" not in way)


@pytest.mark.parametrize("way", [way for way in SENT if "clear" not in way])
def test_without_a_key_what_is_encrypted_stays_so(way: str) -> None:
    for key in (None, bytes(8), bytes(16)):
        rows = explain(SENT[way], key)
        check_whole(rows, SENT[way])
        assert not any(row.opened for row in rows)
        assert not any("612483" in meaning for meaning in meanings(rows))
        assert "key" in str(rows[-1].meaning)


def test_the_worked_example_of_oms_is_explained_from_its_first_byte() -> None:
    rows = explain(OMS_GAS, OMS_KEY)
    check_whole(rows, OMS_GAS)
    said = meanings(rows)
    assert said[:8] == [
        "L: 47 bytes with this one",
        "C: SND-NR, sent unasked",
        "manufacturer ELS: Elster (Honeywell)",
        "number 12345678",
        "version 51",
        "device type 03: gas",
        "CI 7A: records behind a short header",
        "access number 42",
    ]
    assert "28504270 L" in said
    assert "volume, counted in 10 L" in said


def test_a_fragment_is_explained_as_a_piece() -> None:
    for number, sent in enumerate(fragments(WATER, RECORDS, 1, key=KEY, counter=17, size=14), 1):
        rows = explain(sent, KEY)
        check_whole(rows, sent)
        assert str(rows[-1].meaning) == f"piece {number} of a message"


def test_a_cut_telegram_says_where_it_ends() -> None:
    sent = telegram(WATER, RECORDS, 0x2A)[:13]
    rows = explain(sent)
    check_whole(rows, sent)
    assert "13 are here" in str(rows[0].meaning)
    assert "needed" in str(rows[-1].meaning)


def test_bytes_that_no_standard_explains_are_named_as_the_makers() -> None:
    link = telegram(WATER, b"", 0)[1:10]
    for body in ("A2 01 02", "7A 01 00 00 00 0F 01 02"):
        sent = bytes((len(link + bytes.fromhex(body)),)) + link + bytes.fromhex(body)
        rows = explain(sent)
        check_whole(rows, sent)
        assert str(rows[-1].meaning) == "its own coding: no description is known here"
        assert str(rows[-1].section) == "no standard: the manufacturer's own"


@pytest.mark.parametrize("key", [None, KEY])
@pytest.mark.parametrize("framed", [format_a, format_b])
def test_crcs_that_are_still_in_have_rows_of_their_own(framed: Callable[[bytes], bytes], key: bytes | None) -> None:
    sent = telegram(WATER, RECORDS * 5, 0x2A, key=key)
    rows = explain(framed(sent), key)
    check_whole(rows, framed(sent))
    crcs = [row for row in rows if str(row.meaning) == "CRC; it agrees"]
    assert len(crcs) * 2 == len(framed(sent)) - len(sent)
    rest = [str(row.meaning) for row in rows if row not in crcs and str(row.meaning) != "(goes on)"]
    assert rest[1:] == meanings(explain(sent, key))[1:]
    assert framed is format_b or "(goes on)" in meanings(rows)  # a field that a CRC cuts in two


def test_of_a_telegram_that_was_changed_on_its_way_only_what_a_crc_vouches_for_is_read() -> None:
    sent = bytearray(format_a(telegram(WATER, RECORDS, 0x2A)))
    sent[20] ^= 1
    rows = explain(bytes(sent))
    check_whole(rows, bytes(sent))
    assert "number 12345678" in meanings(rows)
    assert "damaged: its CRC does not agree" in meanings(rows)
    assert not any("L" in meaning for meaning in meanings(rows)[7:])
    sent[3] ^= 1
    assert "number 12345678" not in meanings(explain(bytes(sent)))


def test_a_telegram_cut_among_its_crcs_says_so() -> None:
    for framed in (format_a(telegram(WATER, RECORDS, 0x2A)), format_b(telegram(WATER, RECORDS * 6, 0x2A))):
        rows = explain(framed[:-3])
        check_whole(rows, framed[:-3])
        assert "cut off: its CRC is missing" in meanings(rows)
        assert not any("612483" in meaning for meaning in meanings(rows))


def test_what_a_receiver_adds_is_not_read_as_a_part_of_the_telegram() -> None:
    sent = telegram(WATER, RECORDS, 0x2A)
    for data in (sent, format_a(sent), format_b(sent)):
        rows = explain(data + b"\x80\x30")
        check_whole(rows, data + b"\x80\x30")
        assert rows[-1].data == b"\x80\x30"
        assert "behind the telegram" in str(rows[-1].meaning)
        assert meanings(rows[:-1]) == meanings(explain(data))


def test_a_length_field_that_counts_too_few_is_not_believed_here_either() -> None:
    sent = telegram(WATER, RECORDS, 0x2A)
    counted = bytes((sent[0] - 4,)) + sent[1:]
    assert wmbus.decode(Frame(counted)).state is State.DECODED
    assert meanings(explain(counted))[1:] == meanings(explain(sent))[1:]


def test_bytes_in_clear_of_a_meter_that_announces_encryption_are_said_to_be() -> None:
    sent = bytearray(telegram(WATER, b"\x2f\x2f" + RECORDS + b"\x2f" * 9, 0x2A))
    sent[13:15] = b"\x20\x05"
    rows = explain(bytes(sent), KEY)
    check_whole(rows, bytes(sent))
    assert any("nothing is encrypted" in meaning for meaning in meanings(rows))
    assert "612483 L" in meanings(rows)


def test_a_compact_frame_is_explained_by_the_full_one_before_it() -> None:
    heads = bytes.fromhex("0413 4413 426C 02FD17")
    values = bytes.fromhex("83580900 00470900 5F3A 0000")
    content = crc(heads).to_bytes(2, "little") + crc(RECORDS).to_bytes(2, "little") + values
    link = telegram(WATER, b"", 0)[1:10] + b"\x79" + content
    sent = bytes((len(link),)) + link
    unknown = explain(sent)
    check_whole(unknown, sent)
    assert "a full frame says what they are" in str(unknown[-1].meaning)
    formats = Formats()
    formats.learn(RECORDS)
    rows = explain(sent, None, formats)
    check_whole(rows, sent)
    assert meanings(rows)[-4:] == [
        "volume, counted in 1 L: 612483 L",
        "volume, counted in 1 L, storage 1: 608000 L",
        "target_date, storage 1: 2026-10-31",
        "error_flags: 0",
    ]


def test_a_status_byte_and_a_register_are_said_as_the_model_means_them() -> None:
    meter = Address("wmbus", "12345678", "ABB", 0x20, 0x02)
    sent = telegram(meter, bytes.fromhex("01FF9300 02"), 1, status=0x20)
    heard = wmbus.decode(Frame(sent))
    said = meanings(explain(sent))
    assert heard.readings[0].register in said
    assert f"status: {', '.join(heard.status)}" in said


@pytest.mark.parametrize(
    ("body", "meanings_at_end"),
    [
        (
            "70 08",
            ["CI 70: an application error", "the meter answers with an application error: application busy"],
        ),
        ("70 7E", ["the meter answers with an application error: 7E"]),
        ("71 01 02", ["CI 71: an alarm", "the meter sends an alarm: 01 02"]),
        ("6E 2A 00 00 00 08", ["the meter answers with an application error: application busy"]),
        (
            "6E 2A 00 00 00 2F2F 08 2F2F",
            ["idle filler", "the meter answers with an application error: application busy", "idle filler"],
        ),
        ("75 78 56 34 12 2D 2C 1B 07 2A 00 00 00 81", ["the meter sends an alarm: 81"]),
        (
            "6A 2A 00 00 00 04 77 DD 01 13",
            [
                "4 bytes of it follow",
                "which format: the CRC of its DIF and VIF bytes",
                "DIF and VIF bytes of compact frames",
            ],
        ),
        ("69 04 12 34 01 13", ["not read: format frame: its signature does not agree"]),
        ("7F 2A 00 00 00 01 02", ["security mode 0: in clear", "not read"]),
        ("66 01", ["CI 66: the selected application", "not read"]),
        ("20 01", ["CI 20: reserved", "not read"]),
        (
            "8A 2A 00 00 00",
            ["CI 8A: a header without content", "access number 42", "status: all well", "security mode 0: in clear"],
        ),
    ],
)
def test_what_is_no_reading_is_explained_too(body: str, meanings_at_end: list[str]) -> None:
    sent = telegram(WATER, b"", 0)[1:10] + bytes.fromhex(body)
    rows = explain(bytes((len(sent),)) + sent)
    check_whole(rows, bytes((len(sent),)) + sent)
    assert meanings(rows)[-len(meanings_at_end) :] == meanings_at_end


@pytest.mark.parametrize(
    "ci", sorted(layers.CI_NAMES.keys() - range(0x8C, 0x91))
)  # ELL and AFL: rows of their own, above
def test_every_ci_field_of_the_standard_is_named(ci: int) -> None:
    sent = telegram(WATER, b"", 0)[1:10] + bytes((ci,)) + bytes(15)
    rows = explain(bytes((len(sent),)) + sent)
    check_whole(rows, bytes((len(sent),)) + sent)
    named = str(layers.name(ci)).removeprefix("the ")
    assert any(named in meaning for meaning in meanings(rows))


def test_an_encrypted_alarm_is_explained_with_its_key() -> None:
    sent = bytearray(telegram(WATER, b"\x81", 0x2A, key=KEY))
    sent[10] = 0x74
    for key, last in (
        (KEY, ["the meter sends an alarm: 81", "idle filler"]),
        (None, ["encrypted, and no key was given that opens it"]),
    ):
        rows = explain(bytes(sent), key)
        check_whole(rows, bytes(sent))
        assert meanings(rows)[-len(last) :] == last


def test_what_stands_behind_a_message_of_stated_length_is_not_explained_as_a_record() -> None:
    sent = telegram(WATER, b"", 0)[1:10] + bytes.fromhex("90 04 0010 0900 7A 2A 00 0000 01 FD17 00 0113 05")
    rows = explain(bytes((len(sent),)) + sent)
    check_whole(rows, bytes((len(sent),)) + sent)
    assert meanings(rows)[-3:] == ["error_flags", "0", "behind the end that the message states: not read"]
    assert rows[-1].data == bytes.fromhex("0113 05")


@pytest.mark.parametrize("coded", [True, False])
def test_a_counter_in_the_header_of_mode_7_is_explained(coded: bool) -> None:
    sent = telegram_mode_7_counted(WATER, RECORDS, 0x2A, key=KEY, counter=17, key_version=3, coded=coded)
    rows = explain(sent, KEY)
    check_whole(rows, sent)
    said = meanings(rows)
    at = said.index("message counter 17")
    assert said[at - 1] == "configuration extension; key derivation 1"
    assert said[at + 1] == "which version of the key"
    assert rows[at + 1].data == b"\x03"
    assert "612483 L" in said
    assert any(row.opened for row in rows)


def test_the_version_of_the_key_stands_before_the_counter_of_mode_10() -> None:
    body = telegram(WATER, b"", 0)[1:10] + bytes.fromhex("7A 2A 00 FF2A 5001 99 11000000 AABBCCDD AABBCCDD 01")
    rows = explain(bytes((len(body),)) + body)
    check_whole(rows, bytes((len(body),)) + body)
    at = meanings(rows).index("which version of the key")
    assert rows[at].data == b"\x99"
    assert meanings(rows)[at + 1] == "message counter 17"


@given(st.sampled_from(list(SENT.values())), st.data())
def test_a_damaged_telegram_is_explained_to_its_last_byte(sent: bytes, data: st.DataObject) -> None:
    damaged = bytearray(sent[: data.draw(st.integers(0, len(sent)))])
    for _ in range(data.draw(st.integers(0, 3))):
        if damaged:
            damaged[data.draw(st.integers(0, len(damaged) - 1))] ^= data.draw(st.integers(1, 255))
    check_whole(explain(bytes(damaged), KEY), bytes(damaged))
    framed = bytearray(format_a(sent))
    framed[data.draw(st.integers(0, len(framed) - 1))] ^= data.draw(st.integers(1, 255))
    check_whole(explain(bytes(framed), KEY), bytes(framed))


@given(
    st.binary(max_size=120),
    st.sampled_from(
        [
            "",
            "7A2A000000",
            "6A2A000000",
            "742A000000",
            "70",
            "7A2A00202750",
            "900400100600",
            "7A2A00FF2A1001",
            "72785634122D2C1B072A000000",
            "78",
            "79",
            "8C2055",
            "8D2055",
            "90",
        ]
    ),
)
def test_any_bytes_are_explained_to_the_last(content: bytes, head: str) -> None:
    body = telegram(WATER, b"", 0)[1:10] + bytes.fromhex(head) + content if head else content
    check_whole(explain(body, KEY), body)
    sent = bytes((len(body),)) + body
    check_whole(explain(sent, KEY), sent)
