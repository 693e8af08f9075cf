"""`releve decode wmbus`, as docs/decode.md describes it; telegrams made by drivers/encode/wmbus.py."""

import io
import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from drivers.encode.wmbus import telegram, telegram_ell
from drivers.model import Address
from gateway.decode import wmbus

DOCUMENT = Path(__file__).parents[3] / "docs" / "decode.md"
WATER = Address("wmbus", "12345678", "REL", 0x1B, 0x07)
RECORDS = bytes.fromhex("0413 83580900")
KEY = bytes(range(16))


def answers(*lines: str) -> list[dict[str, Any]]:
    out = io.StringIO()
    wmbus.run(io.StringIO("".join(line + "\n" for line in lines)), out)
    return [json.loads(line) for line in out.getvalue().splitlines()]


def request(data: bytes, key: str | None = None, previous: list[bytes] | None = None) -> str:
    return json.dumps({"telegram": data.hex(), "key": key, "previous": [heard.hex() for heard in previous or []]})


def documented(start: str) -> list[str]:
    return [line.strip() for line in DOCUMENT.read_text().splitlines() if line.strip().startswith(start)]


def test_the_documents_example_answers_as_the_document_says() -> None:
    (line,) = documented('{"telegram"')
    (heard,) = answers(line)
    assert heard["state"] == "decoded"
    assert heard["meter"] == {"id": "12345678", "manufacturer": "REL", "version": 27, "medium": "water"}
    assert heard["readings"][0] == {
        "name": "volume",
        "quantity": "volume",
        "unit": "L",
        "value": "612483",
        "storage": 0,
        "tariff": 0,
        "subunit": 0,
        "function": "instantaneous",
    }
    assert (heard["status"], heard["error"]) == ([], None)


def test_a_wired_frame_among_them_is_read_too() -> None:
    (line,) = documented('{"frame"')
    (heard,) = answers(line.replace("frame", "telegram"))
    assert (heard["state"], heard["readings"][0]["value"]) == ("decoded", "612483")


def test_every_line_is_answered_for_itself_and_in_order() -> None:
    encrypted = telegram(WATER, RECORDS, 1, key=KEY)
    states = [
        heard["state"]
        for heard in answers(
            request(encrypted), request(encrypted, KEY.hex()), "", request(encrypted, KEY[::-1].hex()), "nonsense"
        )
    ]
    assert states == ["key-missing", "decoded", "wrong-key", "invalid"]


def test_a_compact_frame_is_read_after_the_full_one_it_refers_to() -> None:
    from drivers.wmbus.link import crc

    full = telegram_ell(WATER, b"\x78" + RECORDS, 1, session=1)
    check = crc(RECORDS[:2]).to_bytes(2, "little") + crc(RECORDS).to_bytes(2, "little")
    compact = telegram_ell(WATER, b"\x79" + check + RECORDS[2:], 2, session=2)
    alone, after = answers(request(compact), request(compact, previous=[b"\x00", full]))
    assert (alone["state"], alone["readings"]) == ("waiting-format", [])
    assert (after["state"], after["readings"][0]["value"]) == ("decoded", "612483")


@pytest.mark.parametrize(
    "line",
    [
        "[]",
        "{}",
        '{"telegram": 1}',
        '{"telegram": "0"}',
        '{"telegram": "44", "previous": 1}',
        '{"telegram": "44", "previous": [1]}',
        '{"telegram": "44", "key": "secret"}',
        "[" * 100_000,
    ],
)
def test_a_line_that_is_no_request_is_invalid_and_shows_no_key(line: str) -> None:
    (heard,) = answers(line)
    assert (heard["state"], heard["meter"], heard["readings"]) == ("invalid", None, [])
    assert heard["error"]
    assert "secret" not in heard["error"]


@given(st.binary(max_size=120), st.sampled_from([None, KEY.hex()]))
def test_any_bytes_give_one_answer(data: bytes, key: str | None) -> None:
    (heard,) = answers(request(data, key))
    assert heard["state"] == "decoded" or heard["readings"] == []
