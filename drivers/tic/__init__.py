"""Linky and older French electricity meters, by their customer port (télé-information client), both modes.

Enedis-NOI-CPT_54E v3 (Linky), ERDF-NOI-CPT_02E v4 (older meters).
"""

from datetime import datetime
from decimal import Decimal

from drivers.model import Address, DecodeError, Frame, Kind, Medium, Quantity, Reading, State, Telegram
from drivers.tic.framing import Framer
from drivers.tic.groups import Group, local_text, read_groups, utc
from drivers.tic.status import status

__all__ = ["Framer", "decode"]

_ADDRESS_LABELS = ("ADSC", "ADCO")
_NOT_KNOWN_YET = "----"  # DEMAIN, until the evening

# ADS, the address: maker 2 digits, year 2, type 2, serial 6. Types 60 and up are Linky (Enedis-NOI-CPT_54E).
_TYPE = slice(4, 6)
_LINKY_TYPE_MIN = "60"


def decode(frame: Frame) -> Telegram:
    """All the good groups of a frame; bad ones are faults. DecodeError where no valid ADSC or ADCO says whose it is."""
    good, faults = read_groups(frame.data)
    groups = {group.label.name: group for group in good}  # what a meter says twice in a frame, it said last
    address = _address(good, faults, frame)
    readings = [reading for group in groups.values() if (reading := _reading(group, address)) is not None]
    return Telegram(
        Address("tic", address), State.DECODED, Medium.ELECTRICITY, tuple(readings), status(groups), tuple(faults)
    )


def _address(good: list[Group], faults: list[DecodeError], frame: Frame) -> str:
    addresses = {group.data for group in good if group.label.name in _ADDRESS_LABELS}
    if len(addresses) == 1:
        return addresses.pop()
    met = "two addresses" if addresses else "no valid ADSC or ADCO"
    raise DecodeError(f"tic frame: {met} among {len(good)} good and {len(faults)} bad groups", frame.data)


def _reading(group: Group, address: str) -> Reading | None:
    label = group.label
    if label.quantity is None:
        return None
    at = utc(group.horodate) if group.horodate else None
    value: Decimal | str | datetime | None
    match label.quantity.kind:
        case Kind.INDEX | Kind.LEVEL:
            value = Decimal(group.data) * label.scale
        case Kind.DATE:
            value = at
        case Kind.TEXT:
            value = local_text(group.horodate) if group.horodate else _text(group.data)
    if value is None:
        return None
    quantity = label.quantity
    if label.name == "PMAX" and address[_TYPE] < _LINKY_TYPE_MIN:
        quantity = Quantity.POWER  # active on the meters before Linky (ERDF-NOI-CPT_02E), apparent on a Linky
    return Reading(label.name, quantity, value, label.tariff, label.storage, 0, label.function, label.main, at)


def _text(data: str) -> str | None:
    words = " ".join(data.split())
    return None if words in ("", _NOT_KNOWN_YET) else words
