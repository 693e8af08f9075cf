"""A message of a broker, and its payload as exact numbers within bounds: whatever else it holds is a DecodeError."""

import json
import re
from collections.abc import Iterator
from decimal import Decimal, InvalidOperation
from typing import NoReturn

from drivers.model import DecodeError, frozen

PAYLOAD_BYTES_MAX = 16_384
KEYS_MAX = 1_000
DEPTH_MAX = 10
# What Zigbee2MQTT says of all its devices at once: 3 to 10 kB a device.
INVENTORY_BYTES_MAX = 4_194_304
INVENTORY_KEYS_MAX = 400_000
INVENTORY_DEPTH_MAX = 24
TEXT_CHARACTERS_MAX = 80
NUMBER_DIGITS_MAX = 20  # doubles have 17; more would be rounded when a unit is applied
# The largest that a home can count, in the smallest unit: a hundred years of a stairwell's mWh have 13 digits.
NUMBER_MAGNITUDE_MAX = 15

_NUMBER = re.compile(r"-?[0-9]{1,20}(\.[0-9]{1,20})?([eE][-+]?[0-9]{1,2})?")


@frozen
class Message:
    """One message. `retained`: the broker kept it for us, and nobody knows how old it is."""

    topic: str
    payload: bytes
    retained: bool = False


def parse(payload: bytes, *, inventory: bool = False) -> object:
    """The JSON value of a payload, its numbers `int` or `Decimal`; DecodeError says in one sentence why it has none."""
    bytes_max = INVENTORY_BYTES_MAX if inventory else PAYLOAD_BYTES_MAX
    if len(payload) > bytes_max:
        raise DecodeError(f"{len(payload)} bytes in a message, at most {bytes_max} are read", payload)
    counter = _Counter(INVENTORY_KEYS_MAX if inventory else KEYS_MAX)
    try:
        value = json.loads(
            payload.decode(),
            parse_float=Decimal,
            parse_constant=_no_number,
            object_pairs_hook=counter.table,
        )
    except UnicodeDecodeError:
        raise DecodeError("text in UTF-8 is needed", payload) from None
    except RecursionError:
        raise DecodeError("nested too deeply", payload) from None
    except DecodeError as error:
        raise DecodeError(str(error), payload) from None
    except (ValueError, InvalidOperation):  # json's own, and an integer of more digits than Python takes
        raise DecodeError("not JSON", payload) from None
    _check_depth(value, INVENTORY_DEPTH_MAX if inventory else DEPTH_MAX, payload)
    return value


def table(payload: bytes, *, inventory: bool = False) -> dict[str, object]:
    """The JSON object of a payload."""
    value = parse(payload, inventory=inventory)
    if not isinstance(value, dict):
        raise DecodeError("a JSON object is needed", payload)
    return value


def plain_number(payload: bytes) -> Decimal | None:
    """The number that is the whole payload; None for "nan", "None" or nothing, which say that there is no value."""
    if len(payload) > TEXT_CHARACTERS_MAX:
        raise DecodeError("a number is needed", payload)
    text = payload.decode("ascii", "replace").strip()
    if text.lower() in {"", "nan", "none", "null", "unknown", "unavailable"}:
        return None
    found = number_of(text)
    if found is None:
        raise DecodeError(f"a number is needed, not {text!r}", payload)
    return found


def number_of(text: str) -> Decimal | None:
    """The decimal number that a text writes, or None."""
    return Decimal(text) if _NUMBER.fullmatch(text) else None


def plain_word(payload: bytes) -> str:
    """The word that is the whole payload, or ""."""
    return payload.decode("utf-8", "replace").strip() if len(payload) <= TEXT_CHARACTERS_MAX else ""


def words(value: object) -> str:
    """A printable text of some characters, or ""."""
    return value.strip() if isinstance(value, str) and value.isprintable() and len(value) <= TEXT_CHARACTERS_MAX else ""


def sensible(value: Decimal) -> bool:
    """Whether a number is of a size that a home can have."""
    return (
        value.is_finite()
        and len(value.as_tuple().digits) <= NUMBER_DIGITS_MAX
        and (not value or -NUMBER_DIGITS_MAX < value.adjusted() < NUMBER_MAGNITUDE_MAX)
    )


def small(value: int | Decimal) -> bool:
    """The same of a number as JSON has them."""
    return value.bit_length() < 60 if isinstance(value, int) else sensible(value)


def at(value: object, pointer: str) -> object | None:
    """What stands at a JSON pointer (RFC 6901): `/ENERGY/Power/0`; "" is the whole. None where nothing does."""
    for part in pointer.split("/")[1:]:
        key = part.replace("~1", "/").replace("~0", "~")
        if isinstance(value, dict):
            value = value.get(key)
        elif isinstance(value, list) and key.isdecimal() and len(key) < 4 and int(key) < len(value):
            value = value[int(key)]
        else:
            return None
    return value


def leaves(value: object, pointer: str = "") -> Iterator[tuple[str, object]]:
    """Each value that is neither table nor list, with its JSON pointer, in the order they were written."""
    if isinstance(value, dict):
        for key, inner in value.items():
            yield from leaves(inner, f"{pointer}/{key.replace('~', '~0').replace('/', '~1')}")
    elif isinstance(value, list):
        for index, inner in enumerate(value):
            yield from leaves(inner, f"{pointer}/{index}")
    else:
        yield pointer, value


class _Counter:
    """Refuses more keys than anything says, one that nobody can read, and one twice: which is meant nobody knows."""

    def __init__(self, keys_max: int) -> None:
        self._left = keys_max

    def table(self, pairs: list[tuple[str, object]]) -> dict[str, object]:
        self._left -= len(pairs)
        if self._left < 0:
            raise DecodeError("more keys than any device says")
        if not all(key.isprintable() for key, _ in pairs):
            raise DecodeError("a key that is no printable text")
        found = dict(pairs)
        if len(found) != len(pairs):
            raise DecodeError("a key stands twice in one JSON object")
        return found


def _no_number(word: str) -> NoReturn:
    raise DecodeError(f"{word} is no number")


def _check_depth(value: object, depth_max: int, payload: bytes) -> None:
    level: list[object] = [value]
    for _ in range(depth_max + 1):
        level = [
            inner
            for outer in level
            for inner in (outer.values() if isinstance(outer, dict) else outer if isinstance(outer, list) else ())
            if isinstance(inner, (dict, list))
        ]
        if not level:
            return
    raise DecodeError("nested too deeply", payload)
