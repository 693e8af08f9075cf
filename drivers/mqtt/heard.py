"""What a driver of a kind hands to `Things`: a thing, on which topic it speaks, and the units it stated."""

from collections.abc import Mapping

from drivers.model import Address, Medium, Quantity, State, Telegram, frozen
from drivers.mqtt.units import Said
from drivers.thing import Presence, Thing, Unread

PROTOCOL = "thing"
STATUS_MAX = 8


@frozen
class Heard:
    """`source` is the place on the broker that this device speaks from: another one with its name is not it."""

    thing: Thing
    source: str
    units: Mapping[str, str]


Item = Heard | Presence | Unread


def address(kind: str, id_: str) -> Address:
    """`thing:zigbee2mqtt/0x00158d00018255df`: a promise, as users' files hold it."""
    return Address(PROTOCOL, f"{kind}/{id_}")


def heard(
    kind: str,
    id_: str,
    name: str,
    medium: Medium,
    said: Said,
    source: str,
    *,
    status: tuple[str, ...] = (),
    radio: bool = False,
) -> Heard:
    telegram = Telegram(
        address(kind, id_), State.DECODED, medium, tuple(said.readings), status[:STATUS_MAX], tuple(said.faults)
    )
    return Heard(Thing(telegram, name, kind, radio), source, said.units)


def medium_of(quantities: set[Quantity]) -> Medium:
    """Who counts or measures electricity is an electricity meter; what a volume is of, only its maker can say."""
    electric = {Quantity.ENERGY, Quantity.POWER, Quantity.APPARENT_POWER, Quantity.APPARENT_ENERGY}
    return Medium.ELECTRICITY if quantities & electric else Medium.OTHER
