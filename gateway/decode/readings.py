"""A telegram as the line of JSON that `releve decode mbus` and `releve decode wmbus` print (docs/decode.md).

A meter's readings differ from telegram to telegram in their values only: what stands around a value is written once for
each kind of reading, and kept.
"""

import json
from datetime import date, datetime
from decimal import Decimal
from functools import lru_cache

from drivers.model import Address, Function, Medium, Quantity, Reading, State, Telegram

READINGS_MAX = 4096  # kinds of reading whose JSON is kept
METERS_MAX = 2048

UNIT_WORDS = {"degC": "°C", "m3degC": "m3·°C"}


def telegram_line(telegram: Telegram) -> str:
    readings = ", ".join(map(_reading, telegram.readings))
    status = _json(telegram.status) if telegram.status else "[]"
    error = "null" if telegram.error is None else _json(telegram.error)
    return (
        f'{{"state": "{telegram.state}", "meter": {_meter(telegram.address, telegram.medium)}, '
        f'"readings": [{readings}], "status": {status}, "error": {error}}}\n'
    )


def refusal_line(error: str) -> str:
    """The answer where not even an address could be read."""
    return _json({"state": State.INVALID, "meter": None, "readings": [], "status": [], "error": error}) + "\n"


def value_text(value: Decimal | str | date) -> str:
    """A decimal number with nothing rounded, an ISO date, or the text itself."""
    if isinstance(value, Decimal):
        shown = str(value)
        return format(value, "f") if "E" in shown else shown
    if isinstance(value, datetime):
        return value.isoformat(timespec="seconds" if value.second else "minutes")
    return value.isoformat() if isinstance(value, date) else value


def unit_text(quantity: Quantity) -> str:
    return UNIT_WORDS.get(quantity.unit, quantity.unit)


def _reading(reading: Reading) -> str:
    before, behind = _around(
        reading.register, reading.quantity, reading.storage, reading.tariff, reading.subunit, reading.function
    )
    text = value_text(reading.value)
    if reading.quantity is Quantity.TEXT:
        return before + _json(text) + behind
    return f'{before}"{text}"{behind}'


@lru_cache(maxsize=READINGS_MAX)
def _around(
    register: str, quantity: Quantity, storage: int, tariff: int, subunit: int, function: Function
) -> tuple[str, str]:
    """What stands before a reading's value, and what behind it."""
    before = {"name": register, "quantity": quantity.word, "unit": unit_text(quantity)}
    behind = {"storage": storage, "tariff": tariff, "subunit": subunit, "function": function}
    return _json(before)[:-1] + ', "value": ', ", " + _json(behind)[1:]


@lru_cache(maxsize=METERS_MAX)
def _meter(address: Address, medium: Medium) -> str:
    row = {"id": address.id, "manufacturer": address.manufacturer, "version": address.version, "medium": medium}
    return _json(row)


def _json(value: object) -> str:
    return json.dumps(value, ensure_ascii=False)
