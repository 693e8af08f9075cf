"""`releve analyze`; telegrams made by drivers/encode."""

import contextlib
import io
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from drivers import mbus_explain
from drivers.encode import mbus
from drivers.encode.wmbus import format_a, format_b, fragments, telegram, telegram_mode_2
from drivers.model import Address, State
from drivers.wmbus.link import crc
from gateway import analyze
from gateway.__main__ import main
from gateway.trouble import Trouble

WATER = Address("wmbus", "12345678", "REL", 0x1B, 0x07)
KEY = bytes(range(16))
WRONG_KEY = KEY[::-1]
RECORDS = bytes.fromhex("0413 83580900  02FD17 0000")
SENT = telegram(WATER, RECORDS, 0x2A, key=KEY)


def said(*telegrams: bytes, key: bytes | None = None) -> str:
    """What is printed, also of a telegram that cannot be read."""
    out = io.StringIO()
    with contextlib.suppress(Trouble):
        text = "\n".join(each.hex(" ") for each in telegrams)
        analyze.run(text, key.hex() if key else None, as_json=False, stdout=out)
    return out.getvalue()


def end(told: str) -> str:
    """From the state on, in one line."""
    return " ".join(told[told.index("state: ") :].split())


def test_a_telegram_is_explained_with_its_crcs_and_without() -> None:
    plain = said(SENT, key=KEY)
    assert "612483 L" in plain
    assert "needed: Nothing more." in end(plain)
    for framed in (format_a(SENT), format_b(SENT)):
        told = said(framed, key=KEY)
        assert "its CRCs agree" in told.splitlines()[0]
        assert end(told) == end(plain)


def test_a_crc_that_does_not_agree_is_said_and_nothing_is_read() -> None:
    framed = bytearray(format_a(SENT))
    framed[20] ^= 1
    told = said(bytes(framed), key=KEY)
    assert "damaged: its CRC does not agree" in told
    assert "once more: it was changed on its way" in end(told)
    assert "612483" not in told


@pytest.mark.parametrize(
    ("sent", "needed"),
    [
        (SENT[:-5], "5 bytes are missing. Some receivers cut"),
        (format_a(SENT)[:-5], "5 bytes are missing. Some receivers cut"),
        (SENT[1:], f"Put {SENT[0]:02X} before it"),
        (b"\xde\xad\xbe\xef" * 5, "as it was sent, whole"),
        (mbus.answer(mbus.identity("12345678", "REL", 27, 7), RECORDS, access_number=1)[:-2], "2 bytes are missing"),
        (b"\xe5", "Ask the meter for its values"),
    ],
)
def test_what_is_no_whole_telegram_ends_with_1_and_says_what_it_lacks(
    sent: bytes, needed: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["analyze", sent.hex()]) == 1
    shown = capsys.readouterr()
    assert "state:   invalid" in shown.out
    assert needed in end(shown.out)
    assert shown.err.startswith("releve: not a telegram that can be read: ")
    assert shown.err.count("\n") == 1


def test_what_was_heard_before_teaches_how_to_read_a_telegram() -> None:
    heads, values = bytes.fromhex("0413 02FD17"), bytes.fromhex("83580900 0000")
    link = SENT[1:10] + b"\x79" + crc(heads).to_bytes(2, "little") + crc(RECORDS).to_bytes(2, "little") + values
    short = bytes((len(link),)) + link
    assert "A full message of the same meter" in end(said(short))
    told = said(telegram(WATER, RECORDS, 0x29), short)
    assert "volume, counted in 1 L: 612483 L" in told
    assert "state: decoded" in end(told)
    pieces = fragments(WATER, RECORDS, 1, key=KEY, counter=17, size=20)
    assert "The other pieces of the message" in end(said(pieces[-1], key=KEY))
    assert "reading: volume 612483 L" in end(said(*pieces, key=KEY))


def test_a_key_of_the_years_before_aes_is_asked_for_in_its_own_length() -> None:
    assert "32 characters" in end(said(SENT))
    assert "16 characters" in end(said(telegram_mode_2(WATER, RECORDS, 1, key=KEY[:8])))


def test_a_telegram_may_come_from_another_program(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    line = f"T1;1;1;2026-11-21 14:30:00.000;98;43;12345678;0x{SENT.hex()}\n"
    monkeypatch.setattr("sys.stdin", io.StringIO(line))
    assert main(["analyze", "-", "--key", KEY.hex()]) == 0
    assert "reading: volume 612483 L" in capsys.readouterr().out


def test_a_narrow_terminal_cuts_no_word_and_loses_no_section() -> None:
    wide = list(analyze._lines(analyze.analyze([SENT], KEY), analyze.COLUMNS))
    narrow = list(analyze._lines(analyze.analyze([SENT], KEY), 80))
    assert max(map(len, narrow)) <= 80
    assert max(map(len, wide)) <= analyze.COLUMNS
    words = " ".join(narrow).split()
    assert "(EN" in words
    assert {word for line in wide for word in line.split()} <= {word.strip("()") for word in words}


@pytest.mark.parametrize(
    ("key", "state", "needed"),
    [
        (None, "key-missing", "The meter's key: ask your landlord"),
        (WRONG_KEY, "wrong-key", "Another key"),
        (KEY[:8], "wrong-key", "Another key"),
    ],
)
def test_what_is_needed_is_said_and_the_key_never(key: bytes | None, state: str, needed: str) -> None:
    told = said(SENT, key=key)
    assert f"state:   {state}" in told
    assert f"needed:  {needed}" in told
    if key:
        assert key.hex() not in told.lower().replace(" ", "")


def test_every_state_says_what_is_needed() -> None:
    assert set(analyze.NEEDED) == set(State)


def test_a_wired_frame_is_explained_too() -> None:
    told = said(mbus.answer(mbus.identity("12345678", "REL", 0x1B, 0x07), RECORDS, access_number=0x2A))
    assert "wired M-Bus frame" in told
    assert "checksum; it agrees" in told
    assert "612483 L" in told


@pytest.mark.parametrize(
    ("frame", "meanings"),
    [
        (b"\xe5", ["acknowledgement"]),
        (mbus.request(1), ["start of a short frame", "C: REQ-UD2", "primary address 1", "checksum; it agrees", "stop"]),
        (mbus.long(mbus.RSP_UD, 1, 0x70, b"\x08"), ["CI 70: an application error", "application busy"]),
        (
            mbus.long(mbus.RSP_UD, 1, 0x73, bytes.fromhex("78563412 2A00 E97E 01000000 35010000")),
            ["fixed data structure", "number", "access number", "status", "unit of the first", "first counter"],
        ),
        (mbus.long(mbus.RSP_UD, 1, 0x76, bytes(20)), ["CI 76: most significant byte first", "not read"]),
        (mbus.long(mbus.RSP_UD, 1, 0x7D, bytes(2)), ["CI 7D: DLMS", "not read"]),
        (mbus.long(mbus.RSP_UD, 1, 0x72, bytes(5)), ["bytes are needed"]),
    ],
)
def test_every_frame_of_a_wired_bus_is_explained(frame: bytes, meanings: list[str]) -> None:
    rows = mbus_explain.explain(frame)
    assert b"".join(row.data for row in rows) == frame
    told = "\n".join(str(row.meaning) for row in rows)
    assert [meaning for meaning in meanings if meaning not in told] == []


def test_the_json_says_the_same(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["analyze", *SENT.hex(" ").split(), "--key", KEY.hex(), "--json"]) == 0
    answer = json.loads(capsys.readouterr().out)
    assert answer["telegram"]["state"] == "decoded"
    assert answer["telegram"]["readings"][0]["value"] == "612483"
    assert sum(len(row["bytes"]) // 2 for row in answer["rows"]) == len(SENT)
    assert answer["rows"][0] == {
        "at": 0,
        "bytes": f"{len(SENT) - 1:02x}",
        "meaning": f"L: {len(SENT)} bytes with this one",
        "section": "EN 13757-4, 12.5 link layer fields",
        "opened": False,
    }


def test_what_is_no_hex_is_refused_without_being_shown(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["analyze", SENT.hex(), "--key", "secret"]) == 1
    shown = capsys.readouterr()
    assert "A key has 32 characters" in shown.err
    assert "secret" not in shown.err + shown.out
    with pytest.raises(Trouble):
        analyze.run("", None, as_json=False, stdout=io.StringIO())


@given(st.binary(min_size=1, max_size=80), st.sampled_from([None, KEY]))
def test_any_bytes_are_explained(data: bytes, key: bytes | None) -> None:
    for sent in (data, b"\x68" + bytes((len(data),)) * 2 + b"\x68" + data + b"\x00\x16"):
        found = analyze.analyze([sent], key)
        assert sum(len(row.data) for row in found.rows) == len(sent)
        assert str(found.needed)
