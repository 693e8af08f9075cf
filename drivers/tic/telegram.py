"""What one TIC frame says: groups in, a telegram out."""

from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal

from drivers.model import Address, DecodeError, Frame, Kind, Medium, Quantity, Reading, State, Telegram
from drivers.tic.groups import Group, local_text, read_groups, utc
from drivers.tic.status import status

_ADDRESS_LABELS = ("ADSC", "ADCO")
_NOT_KNOWN_YET = "----"  # DEMAIN, until the evening

# ADS, the address: maker 2 digits, year 2, type 2, serial 6. Types 60 and up are Linky (Enedis-NOI-CPT_54E).
_TYPE = slice(4, 6)
_LINKY_TYPE_MIN = "60"


def decode(frame: Frame) -> Telegram:
    """All the good groups of a frame; bad ones are faults. DecodeError where no valid ADSC or ADCO says whose it is."""
    good, faults = read_groups(frame.data)
    address = stated_address(good)
    if address is None:
        raise nobodys(good, faults, frame)
    return telegram(good, faults, address)


def telegram(good: Sequence[Group], faults: Sequence[DecodeError], address: str) -> Telegram:
    """What these groups say of the meter of this address. What a meter says twice in a frame, it said last."""
    groups = {group.label.name: group for group in good}
    readings: list[Reading] = []
    blank: list[str] = []
    for name, group in groups.items():
        reading = _reading(group, address)
        if reading is not None:
            readings.append(reading)
        elif group.label.quantity is Quantity.TEXT:
            # It has nothing to say there now, though it did before: DEMAIN after six o'clock, a message that is over.
            blank.append(name)
    return Telegram(
        Address("tic", address),
        State.DECODED,
        Medium.ELECTRICITY,
        tuple(readings),
        status(groups),
        tuple(faults),
        blank=tuple(blank),
        place=groups["PRM"].data if "PRM" in groups else None,
    )


def stated_address(good: Sequence[Group]) -> str | None:
    """The one address that the groups state; None where they state none. DecodeError where they state two."""
    addresses = {group.data for group in good if group.label.name in _ADDRESS_LABELS}
    if len(addresses) > 1:
        raise DecodeError(f"tic frame: two addresses among {len(good)} good groups")
    return next(iter(addresses), None)


def nobodys(good: Sequence[Group], faults: Sequence[DecodeError], frame: Frame) -> DecodeError:
    text = f"tic frame: no valid ADSC or ADCO among {len(good)} good and {len(faults)} bad groups"
    return DecodeError(text, frame.data)


def _reading(group: Group, address: str) -> Reading | None:
    label = group.label
    if label.quantity is None:
        return None
    at = utc(group.horodate) if group.horodate else None
    value: Decimal | str | datetime | None
    match label.quantity.kind:
        case Kind.INDEX | Kind.LEVEL:
            value = Decimal(group.data) if label.scale == 1 else Decimal(group.data) * label.scale
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
