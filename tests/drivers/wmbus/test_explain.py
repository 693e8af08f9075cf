"""Telegrams explained byte by byte; made by drivers/encode. OMS_GAS is OMS Specification Vol. 2, Annex N."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from drivers.encode.wmbus import (
    fragments,
    telegram,
    telegram_ell,
    telegram_mode_2,
    telegram_mode_7,
    telegram_mode_7_counted,
    telegram_mode_10,
)
from drivers.model import Address
from drivers.wmbus.explain import Row, explain

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
    return [row.meaning for row in rows]


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
    assert all(row.section for row in rows)
    assert any(row.opened for row in rows) is ("clear" not in way)


@pytest.mark.parametrize("way", [way for way in SENT if "clear" not in way])
def test_without_a_key_what_is_encrypted_stays_so(way: str) -> None:
    for key in (None, bytes(8), bytes(16)):
        rows = explain(SENT[way], key)
        check_whole(rows, SENT[way])
        assert not any(row.opened for row in rows)
        assert not any("612483" in meaning for meaning in meanings(rows))
        assert "key" in rows[-1].meaning


def test_the_worked_example_of_oms_is_explained_from_its_first_byte() -> None:
    rows = explain(OMS_GAS, OMS_KEY)
    check_whole(rows, OMS_GAS)
    said = meanings(rows)
    assert said[:8] == [
        "L: 47 bytes with this one",
        "C: SND-NR, sent unasked",
        "manufacturer ELS",
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
        assert rows[-1].meaning == f"piece {number} of a message"


def test_a_cut_telegram_says_where_it_ends() -> None:
    sent = telegram(WATER, RECORDS, 0x2A)[:13]
    rows = explain(sent)
    check_whole(rows, sent)
    assert "13 are here" in rows[0].meaning
    assert "needed" in rows[-1].meaning


def test_bytes_that_no_standard_explains_are_named_as_the_makers() -> None:
    link = telegram(WATER, b"", 0)[1:10]
    for body, meaning in (
        ("A2 01 02", "the manufacturer's own coding"),
        ("7A 01 00 00 00 0F 01 02", "the manufacturer's own"),
    ):
        sent = bytes((len(link + bytes.fromhex(body)),)) + link + bytes.fromhex(body)
        rows = explain(sent)
        check_whole(rows, sent)
        assert meaning in rows[-1].meaning


@pytest.mark.parametrize(
    ("body", "meaning"),
    [
        ("70 08", "CI 70: an application error"),
        ("6E 2A 00 00 00 08", "the meter answers with an application error: application busy"),
        ("75 78 56 34 12 2D 2C 1B 07 2A 00 00 00 81", "the meter sends an alarm: 81"),
        ("6A 2A 00 00 00 04 12 34 01 13", "DIF and VIF bytes of compact frames"),
        ("7F 2A 00 00 00 01 02", "not read"),
        ("8A 2A 00 00 00", "configuration: security mode 0, in clear"),
    ],
)
def test_what_is_no_reading_is_explained_too(body: str, meaning: str) -> None:
    sent = telegram(WATER, b"", 0)[1:10] + bytes.fromhex(body)
    rows = explain(bytes((len(sent),)) + sent)
    check_whole(rows, bytes((len(sent),)) + sent)
    assert rows[-1].meaning == meaning


def test_a_counter_in_the_header_of_mode_7_is_explained() -> None:
    sent = telegram_mode_7_counted(WATER, RECORDS, 0x2A, key=KEY, counter=17, key_version=3, coded=True)
    rows = explain(sent, KEY)
    check_whole(rows, sent)
    assert {"configuration extension; key derivation 1", "message counter 17", "which version of the key"} <= {
        row.meaning for row in rows
    }
    assert any(row.opened for row in rows)


@given(st.sampled_from(list(SENT.values())), st.data())
def test_a_damaged_telegram_is_explained_to_its_last_byte(sent: bytes, data: st.DataObject) -> None:
    damaged = bytearray(sent[: data.draw(st.integers(0, len(sent)))])
    for _ in range(data.draw(st.integers(0, 3))):
        if damaged:
            damaged[data.draw(st.integers(0, len(damaged) - 1))] ^= data.draw(st.integers(1, 255))
    check_whole(explain(bytes(damaged), KEY), bytes(damaged))


@given(
    st.binary(max_size=120),
    st.sampled_from(
        ["", "7A2A000000", "7A2A00FF2A1001", "72785634122D2C1B072A000000", "78", "79", "8C2055", "8D2055", "90"]
    ),
)
def test_any_bytes_are_explained_to_the_last(content: bytes, head: str) -> None:
    body = telegram(WATER, b"", 0)[1:10] + bytes.fromhex(head) + content if head else content
    check_whole(explain(body, KEY), body)
    sent = bytes((len(body),)) + body
    check_whole(explain(sent, KEY), sent)
