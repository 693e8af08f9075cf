"""`releve analyze`; telegrams made by drivers/encode."""

import io
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from drivers.encode import mbus
from drivers.encode.wmbus import format_a, format_b, telegram
from drivers.model import Address, State
from gateway import analyze
from gateway.__main__ import main
from gateway.trouble import Trouble

WATER = Address("wmbus", "12345678", "REL", 0x1B, 0x07)
KEY = bytes(range(16))
WRONG_KEY = KEY[::-1]
RECORDS = bytes.fromhex("0413 83580900  02FD17 0000")
SENT = telegram(WATER, RECORDS, 0x2A, key=KEY)


def said(data: bytes, key: bytes | None = None) -> str:
    out = io.StringIO()
    analyze.run(data.hex(" "), key.hex() if key else None, as_json=False, stdout=out)
    return out.getvalue()


def test_a_telegram_is_explained_with_its_crcs_and_without() -> None:
    plain = said(SENT, KEY)
    assert "612483 L" in plain
    assert "needed:  nothing" in plain
    for framed in (format_a(SENT), format_b(SENT)):
        told = said(framed, KEY)
        assert "bytes of CRCs agree" in told.splitlines()[0]
        assert told.splitlines()[2:] == plain.splitlines()[2:]


def test_a_crc_that_does_not_agree_is_said_and_nothing_is_read() -> None:
    framed = bytearray(format_a(SENT))
    framed[20] ^= 1
    told = said(bytes(framed), KEY)
    assert "CRC of the block at byte 12 does not agree" in told
    assert "612483" not in told


@pytest.mark.parametrize(
    ("key", "state", "needed"),
    [
        (None, "key-missing", "the meter's key"),
        (WRONG_KEY, "wrong-key", "another key"),
        (KEY[:4], "wrong-key", "another"),
    ],
)
def test_what_is_needed_is_said_and_the_key_never(key: bytes | None, state: str, needed: str) -> None:
    told = said(SENT, key)
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
        "section": "EN 13757-4, data link layer",
        "opened": False,
    }


def test_what_is_no_hex_is_refused_without_being_shown(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["analyze", SENT.hex(), "--key", "secret"]) == 1
    shown = capsys.readouterr()
    assert "hex digits" in shown.err
    assert "secret" not in shown.err + shown.out
    with pytest.raises(Trouble):
        analyze.run("", None, as_json=False, stdout=io.StringIO())


@given(st.binary(min_size=1, max_size=80), st.sampled_from([None, KEY]))
def test_any_bytes_are_explained(data: bytes, key: bytes | None) -> None:
    for sent in (data, b"\x68" + bytes((len(data),)) * 2 + b"\x68" + data + b"\x00\x16"):
        found = analyze.analyze(sent, key)
        assert sum(len(row.data) for row in found.rows) == len(sent) or "CRCs agree" in found.link
