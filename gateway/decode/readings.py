"""A reading and a telegram as the JSON that `releve decode mbus` and `releve decode wmbus` print (docs/decode.md)."""

from datetime import date, datetime
from decimal import Decimal

from drivers.model import Reading, State, Telegram

JsonObject = dict[str, object]

UNIT_WORDS = {"degC": "°C", "m3degC": "m3·°C"}


def reading_json(reading: Reading) -> JsonObject:
    """The value is a decimal string, a text or an ISO date; nothing is rounded."""
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


def telegram_json(telegram: Telegram) -> JsonObject:
    address = telegram.address
    return {
        "state": telegram.state,
        "meter": {
            "id": address.id,
            "manufacturer": address.manufacturer,
            "version": address.version,
            "medium": telegram.medium,
        },
        "readings": [reading_json(reading) for reading in telegram.readings],
        "status": list(telegram.status),
        "error": telegram.error,
    }


def refusal_json(error: str) -> JsonObject:
    """The answer where not even an address could be read."""
    return {"state": State.INVALID, "meter": None, "readings": [], "status": [], "error": error}


def _value(value: Decimal | str | date) -> str:
    if isinstance(value, Decimal):
        return format(value, "f")
    if isinstance(value, datetime):
        return value.isoformat(timespec="seconds" if value.second else "minutes")
    return value.isoformat() if isinstance(value, date) else value
