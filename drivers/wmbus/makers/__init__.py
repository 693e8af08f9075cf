"""Makers' own codings: one file each, its layout drawn above the decoder. A model's data file names its coding.

Where a check fails or a layout is not known, the telegram is UNSUPPORTED with the reason; it is never guessed.
"""

from collections.abc import Callable, Iterator
from dataclasses import replace

from drivers.meters import Model
from drivers.model import DecodeError, State
from drivers.wmbus.layers import CI_MANUFACTURER, Layers
from drivers.wmbus.link import Identity, Link
from drivers.wmbus.makers import apator, bmeters, bmp, brunata, diehl, gwf, qundis, techem, zenner
from drivers.wmbus.makers.parts import Heard, Part, Said
from drivers.wmbus.records import Records
from drivers.wmbus.security import Opened, Shut

__all__ = [
    "Part",
    "Said",
    "block_parts",
    "content",
    "content_parts",
    "headed",
    "identity",
    "payload",
    "payload_parts",
    "speaks",
    "tail",
    "tail_parts",
]

CI_REAL_DATA = diehl.CI_REAL_DATA  # an alarm elsewhere
MODE_OWN = 16  # security modes from here on are the maker's
BLOCK_REGISTER = qundis.REGISTER

# A whole payload behind a CI field of the maker's, or in a security mode of the maker's.
PAYLOADS: dict[str, Callable[[Heard], Said]] = {
    "apator_08": apator.at_08,
    "apator_e_itn": apator.e_itn,
    "apator_na_1": apator.na_1,
    "bmeters_rfm_tx1": bmeters.rfm_tx1,
    "techem_compact_5": techem.compact_5,
    "techem_fhkv_3": techem.fhkv_3,
    "techem_mk_radio_3": techem.mk_radio_3,
    "techem_mk_radio_3a": techem.mk_radio_3a,
    "techem_mk_radio_4": techem.mk_radio_4,
    "techem_smoke": techem.smoke,
    "techem_vario_451": techem.vario_451,
}

# Opened content in place of records. None: it is in records after all.
CONTENTS: dict[str, Callable[[bytes], Said | None]] = {
    "apator_162": apator.at_162,
    "brunata_radio_240": brunata.radio_240,
    "zenner_0b": zenner.module_0b,
}

# What stands behind the records (DIF 0F), or in one of them, in addition to them.
TAILS: dict[str, Callable[[Records], Said]] = {
    "bmeters_hydrodigit": bmeters.hydrodigit,
    "bmeters_hydrodigit_17": bmeters.hydrodigit_17,
    "bmp_hydroclima": bmp.hydroclima,
    "gwf_rcm": gwf.rcm,
    "qundis_walk_by": qundis.walk_by,
}


# What the bytes of each coding are, for `explain`: all that stands behind the headers, behind DIF 0F, or in the block.
PAYLOAD_PARTS: dict[str, Callable[[Heard], Iterator[Part]]] = {
    "apator_08": lambda heard: apator.AT_08(heard.payload),
    "apator_e_itn": apator.e_itn_parts,
    "apator_na_1": apator.na_1_parts,
    "bmeters_rfm_tx1": lambda heard: bmeters.RFM_TX1(heard.payload),
    "techem_compact_5": lambda heard: techem.COMPACT_5(heard.payload),
    "techem_fhkv_3": lambda heard: techem.fhkv_3_parts(heard.payload),
    "techem_mk_radio_3": lambda heard: techem.MK_RADIO_3_AND_4(heard.payload),
    "techem_mk_radio_3a": lambda heard: techem.MK_RADIO_3A(heard.payload),
    "techem_mk_radio_4": lambda heard: techem.MK_RADIO_3_AND_4(heard.payload),
    "techem_smoke": lambda heard: techem.SMOKE(heard.payload),
    "techem_vario_451": lambda heard: techem.VARIO_451(heard.payload),
}
CONTENT_PARTS: dict[str, Callable[[bytes], Iterator[Part]]] = {
    "apator_162": apator.at_162_parts,
    "brunata_radio_240": brunata.RADIO_240,
    "zenner_0b": zenner.MODULE_0B,
    "bmeters_hydrodigit": bmeters.hydrodigit_parts,
    "bmeters_hydrodigit_17": bmeters.hydrodigit_17_parts,
    "bmp_hydroclima": bmp.hydroclima_parts,
    "gwf_rcm": gwf.RCM,
    "qundis_walk_by": qundis.WALK_BY,
}


def headed(layers: Layers) -> Layers:
    """The layers, a transport header behind a CI field of the maker's read too."""
    return diehl.headed(layers)


def identity(layers: Layers) -> Identity:
    """Whose reading it is: some makers put the address in another order."""
    return diehl.identity(layers) or layers.meter


def speaks(layers: Layers) -> bool:
    """Whether a CI field or a security mode is the maker's own."""
    if layers.tpl is not None:
        return layers.tpl.mode >= MODE_OWN or layers.tpl.ci == diehl.CI_REAL_DATA
    return layers.foreign_ci is not None and layers.foreign_ci in CI_MANUFACTURER


def payload(link: Link, layers: Layers, key: bytes | None, model: Model | None) -> Said | Opened | Shut | None:
    """What a maker's own payload says, or the records in it. None: nothing here knows it."""
    heard = Heard(link.identity, link.body, key)
    if diehl.speaks(layers):
        return diehl.payload(heard, layers)
    decode = PAYLOADS.get(model.coding) if model else None
    if model is None or decode is None:
        return None
    heard = _without_layers(heard, layers)
    try:
        return decode(heard)
    except DecodeError as fault:
        return _shut(model, fault)


def payload_parts(link: Link, layers: Layers, key: bytes | None, model: Model | None) -> Iterator[Part]:
    """What the bytes of a payload are, of which `payload` said something: all behind the CI field and its header."""
    heard = Heard(link.identity, link.body, key)
    if diehl.speaks(layers):
        return diehl.prios_parts(heard)
    assert model is not None
    return PAYLOAD_PARTS[model.coding](_without_layers(heard, layers))


def _without_layers(heard: Heard, layers: Layers) -> Heard:
    """What the maker wrote, from its CI field on."""
    if layers.foreign_ci is None:
        return replace(heard, body=layers.signed)
    return replace(heard, body=bytes((layers.foreign_ci,)) + layers.payload)


def content(opened: bytes, model: Model | None) -> Said | Shut | None:
    """What opened content in a maker's own coding says. None: it is in records."""
    decode = CONTENTS.get(model.coding) if model else None
    if model is None or decode is None:
        return None
    try:
        return decode(opened)
    except DecodeError as fault:
        return _shut(model, fault)


def tail(read: Records, model: Model | None) -> Records:
    """The records with what a maker's own bytes beside them say; where they are not understood, the records stay."""
    decode = TAILS.get(model.coding) if model else None
    if model is None or decode is None:
        return read
    try:
        said = decode(read)
    except DecodeError as fault:
        return replace(read, faults=(*read.faults, DecodeError(f"{model.name}: {fault}", fault.data)))
    kept = tuple(r for r in read.readings if not said.readings or r.register != qundis.REGISTER)
    faults = tuple(DecodeError(f"{model.name}: {fault}", fault.data) for fault in said.faults)
    return replace(read, readings=said.readings + kept, status=read.status + said.status, faults=read.faults + faults)


def content_parts(data: bytes, model: Model | None) -> Iterator[Part]:
    """What the bytes are that `content` read."""
    assert model is not None
    return CONTENT_PARTS[model.coding](data)


def tail_parts(data: bytes, model: Model | None, read: Records) -> Iterator[Part] | None:
    """What the bytes behind DIF 0F are; None where nothing here reads them."""
    return None if not data or _is_block(model) else _read_parts(data, model, read)


def block_parts(data: bytes, model: Model | None, read: Records) -> Iterator[Part] | None:
    """What the bytes of a record are that holds a block (BLOCK_REGISTER); None where nothing here reads them."""
    return _read_parts(data, model, read) if _is_block(model) else None


def _is_block(model: Model | None) -> bool:
    return model is not None and model.coding == "qundis_walk_by"


def _read_parts(data: bytes, model: Model | None, read: Records) -> Iterator[Part] | None:
    decode = TAILS.get(model.coding) if model else None
    if model is None or decode is None:
        return None
    try:
        said = decode(read)
    except DecodeError:
        return None
    another_block = _is_block(model) and not said.readings
    return None if another_block else CONTENT_PARTS[model.coding](data)


def _shut(model: Model, fault: DecodeError) -> Shut:
    return Shut(State.UNSUPPORTED, f"{model.name}: {fault}")
