"""Taking a meter as the home's own, or trying a key on it: what the page and the API have in common."""

from dataclasses import dataclass
from enum import StrEnum

from gateway.house import House
from gateway.keys import KeysError
from gateway.views import Adoption

KEY_DIGITS = 32
NAME_CHARACTERS_MAX = 80


class Fault(StrEnum):
    """Why nothing was done."""

    NAME_MISSING = "name: one to 80 characters are needed"
    KEY_DIGITS = "key: 32 digits 0 to 9 and letters A to F are needed"
    NOT_HEARD = "address: no such meter has been heard these seven days"
    NOT_KEPT = "key: the box cannot keep it"


@dataclass(frozen=True, slots=True)
class Adopted:
    adoption: Adoption


@dataclass(frozen=True, slots=True)
class NotTaken:
    fault: Fault
    detail: str = ""  # for whoever repairs the box


def parse_key(text: str) -> bytes | None:
    """32 hex digits, in groups as people copy them from a letter; None for anything else."""
    digits = "".join(text.replace("-", " ").replace(":", " ").split())
    if len(digits) != KEY_DIGITS:
        return None
    try:
        return bytes.fromhex(digits)
    except ValueError:
        return None


def clean_name(text: str) -> str | None:
    name = " ".join("".join(character if character.isprintable() else " " for character in text).split())
    return name if 0 < len(name) <= NAME_CHARACTERS_MAX else None


async def take(house: House, address: str, name: str, key: str) -> Adopted | NotTaken:
    """Adopt a heard meter; an empty key is a key to come."""
    named = clean_name(name)
    if named is None:
        return NotTaken(Fault.NAME_MISSING)
    opened = parse_key(key)
    if key.strip() and opened is None:
        return NotTaken(Fault.KEY_DIGITS)
    try:
        return Adopted(await house.adopt(address, named, opened))
    except LookupError:
        return NotTaken(Fault.NOT_HEARD)
    except KeysError as error:
        return NotTaken(Fault.NOT_KEPT, str(error))


async def try_key(house: House, address: str, key: str) -> Adopted | NotTaken:
    opened = parse_key(key)
    if opened is None:
        return NotTaken(Fault.KEY_DIGITS)
    try:
        return Adopted(await house.set_key(address, opened))
    except LookupError:
        return NotTaken(Fault.NOT_HEARD)
    except KeysError as error:
        return NotTaken(Fault.NOT_KEPT, str(error))
