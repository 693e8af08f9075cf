"""Makers' own codings: one file each, its layout drawn above the decoder. A model's data file names its coding.

Where a check fails or a layout is not known, the telegram is UNSUPPORTED with the reason; it is never guessed.
"""

from collections.abc import Callable

from drivers.meters import Model
from drivers.model import DecodeError, State
from drivers.wmbus.layers import CI_MANUFACTURER, Layers
from drivers.wmbus.link import Identity, Link
from drivers.wmbus.makers import diehl
from drivers.wmbus.makers.parts import Heard, Said
from drivers.wmbus.records import Records
from drivers.wmbus.security import Opened, Shut

__all__ = ["Said", "content", "headed", "identity", "payload", "tail"]

MODE_OWN = 16  # security modes from here on are the maker's

# A whole payload behind a CI field of the maker's, or in a security mode of the maker's.
PAYLOADS: dict[str, Callable[[Heard], Said]] = {}

# Opened content in place of records. None: it is in records after all.
CONTENTS: dict[str, Callable[[bytes], Said | None]] = {}

# What stands behind the records (DIF 0F), or in one of them, in addition to them.
TAILS: dict[str, Callable[[Records], Said]] = {}


def headed(layers: Layers) -> Layers:
    """The layers, a transport header behind a CI field of the maker's read too."""
    return diehl.headed(layers)


def identity(layers: Layers) -> Identity:
    """Whose reading it is: some makers put the address in another order."""
    return diehl.identity(layers) or layers.meter


def payload(link: Link, layers: Layers, key: bytes | None, model: Model | None) -> Said | Opened | Shut | None:
    """What a maker's own payload says, or the records in it. None: it is none, the standard's rules hold."""
    heard = Heard(link.identity, link.body, key)
    if diehl.speaks(layers):
        return diehl.payload(heard, layers)
    if layers.foreign_ci is not None and layers.foreign_ci in CI_MANUFACTURER:
        heard = Heard(link.identity, bytes((layers.foreign_ci,)) + layers.payload, key)
    elif layers.tpl is None or layers.tpl.mode < MODE_OWN:
        return None
    if model is None:
        return None
    decode = PAYLOADS.get(model.coding)
    try:
        return decode(heard) if decode else None
    except DecodeError as fault:
        return _shut(model, fault)


def content(opened: bytes, model: Model | None) -> Said | Shut | None:
    """What opened content in a maker's own coding says. None: it is in records."""
    decode = CONTENTS.get(model.coding) if model else None
    if model is None or decode is None:
        return None
    try:
        return decode(opened)
    except DecodeError as fault:
        return _shut(model, fault)


def tail(read: Records, model: Model | None) -> Said:
    """What a maker's own bytes beside good records say; where they are not understood, the records stay."""
    decode = TAILS.get(model.coding) if model else None
    if model is None or decode is None:
        return Said(())
    try:
        return decode(read)
    except DecodeError as fault:
        return Said((), faults=(DecodeError(f"{model.name}: {fault}", fault.data),))


def _shut(model: Model, fault: DecodeError) -> Shut:
    return Shut(State.UNSUPPORTED, f"{model.name}: {fault}")
