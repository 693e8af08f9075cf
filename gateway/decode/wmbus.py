"""`releve decode wmbus`: one JSON object a line in, one a line out, each line for itself (docs/decode.md)."""

import contextlib
import json
from datetime import date, datetime
from decimal import Decimal
from typing import TextIO

from drivers import mbus, wmbus
from drivers.model import DecodeError, Frame, Reading, State, Telegram

UNIT_WORDS = {"degC": "°C", "m3degC": "m3·°C"}
WIRED_START = 0x68

JsonObject = dict[str, object]


def run(stdin: TextIO, stdout: TextIO) -> None:
    """Answer every line that is not blank, in order, never fewer."""
    for line in stdin:
        if line.strip():
            stdout.write(json.dumps(answer(line), ensure_ascii=False) + "\n")
            stdout.flush()


def answer(line: str) -> JsonObject:
    """What became of one request line: {"telegram", "key", "previous"}."""
    try:
        request = json.loads(line)
        if not isinstance(request, dict):
            raise DecodeError("a JSON object is needed")
        data = _hex(request.get("telegram"), "telegram")
        previous = request.get("previous") or []
        if not isinstance(previous, list):
            raise DecodeError("previous: a list is needed")
        key = None if request.get("key") in (None, "") else _hex(request["key"], "key")
        return as_json(_decode(data, key, [_hex(text, "previous") for text in previous]))
    except (DecodeError, ValueError) as fault:
        return refusal(str(fault))


def refusal(error: str) -> JsonObject:
    """The answer where not even an address could be read."""
    return {"state": State.INVALID, "meter": None, "readings": [], "status": [], "error": error}


def as_json(telegram: Telegram) -> JsonObject:
    """A telegram in the shape of docs/decode.md."""
    address = telegram.address
    return {
        "state": telegram.state,
        "meter": {
            "id": address.id,
            "manufacturer": address.manufacturer,
            "version": address.version,
            "medium": telegram.medium,
        },
        "readings": [_reading(reading) for reading in telegram.readings],
        "status": list(telegram.status),
        "error": telegram.error,
    }


def _decode(data: bytes, key: bytes | None, previous: list[bytes]) -> Telegram:
    if data[:1] == bytes((WIRED_START,)) and data[3:4] == bytes((WIRED_START,)):
        return mbus.decode(Frame(data))
    formats = wmbus.Formats()
    for heard in previous:
        with contextlib.suppress(DecodeError):  # an unreadable one teaches nothing
            wmbus.decode(Frame(heard), key, formats)
    return wmbus.decode(Frame(data), key, formats)


def _reading(reading: Reading) -> JsonObject:
    return {
        "name": reading.register,
        "quantity": reading.quantity.word,
        "unit": UNIT_WORDS.get(reading.quantity.unit, reading.quantity.unit),
        "value": _value(reading.value),
        "storage": reading.storage,
        "tariff": reading.tariff,
        "subunit": reading.subunit,
        "function": reading.function,
    }


def _value(value: Decimal | str | date) -> str:
    if isinstance(value, Decimal):
        return format(value, "f")
    if isinstance(value, datetime):
        return value.isoformat(timespec="minutes" if not value.second else "seconds")
    return value.isoformat() if isinstance(value, date) else value


def _hex(text: object, what: str) -> bytes:
    """The text itself is in no error: it may be a key."""
    try:
        if isinstance(text, str):
            return bytes.fromhex(text)
    except ValueError:
        pass
    raise DecodeError(f"{what}: hex digits in pairs are needed")
