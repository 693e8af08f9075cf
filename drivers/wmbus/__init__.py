"""Wireless M-Bus: one telegram in, what the meter said out (EN 13757-3, -4, -7; OMS).

link (CRCs, C, M, A) -> layers (ELL, AFL, TPL) -> security -> compact -> records
makers: their own codings in place of security and records; drivers.meters: what the standard leaves open, as data
"""

from dataclasses import dataclass, replace
from functools import lru_cache

from drivers import meters
from drivers.meters import Model
from drivers.model import Address, DecodeError, Frame, Medium, State, Telegram
from drivers.wmbus import answers, link, makers, records, security
from drivers.wmbus import layers as layering
from drivers.wmbus.compact import Formats, full_frame
from drivers.wmbus.fragments import Fragments
from drivers.wmbus.layers import Layers
from drivers.wmbus.link import Identity
from drivers.wmbus.makers import Said
from drivers.wmbus.replay import Replay
from drivers.wmbus.security import Opened, Shut
from drivers.wmbus.understood import understood

__all__ = ["Formats", "Fragments", "Header", "Replay", "decode", "header"]

_ANSWERS = layering.CI_ERROR | layering.CI_ALARM
_CONTENT = layering.CI_RECORDS | layering.CI_FORMAT

METERS_MAX = 2048  # kept with what is known of their models; a tower block has fewer
READINGS_PER_FAULT_MIN = 4  # measured: random bytes of 2 to 5 blocks have more faults, real telegrams fewer


@dataclass(frozen=True, slots=True)
class Header:
    """All that is looked at for a meter nobody adopted.

    `encrypted` is what the header announces, unless the content shows that it came in clear all the same; `sealed`
    that nothing behind the header is in clear.
    """

    address: Address
    medium: Medium
    encrypted: bool
    access_number: int | None
    sealed: bool = False


def header(frame: Frame) -> Header:
    """Whose telegram it is; the content stays unread. DecodeError where the headers themselves are cut."""
    layers = makers.headed(layering.peel(link.parse(frame.data)))
    address, _, medium = _meter(layers)
    encrypted = layers.announced and not security.in_clear(layers)
    sealed = encrypted and not security.rest_in_clear(layers)
    return Header(address, medium, encrypted, layers.access_number, sealed)


def decode(
    frame: Frame,
    key: bytes | None = None,
    formats: Formats | None = None,
    fragments: Fragments | None = None,
    replay: Replay | None = None,
) -> Telegram:
    """What a meter said. DecodeError when not even an address can be read; everything else is a state of the telegram.

    `formats` learns from full frames and reads compact ones; without it a compact frame is waiting for its format.
    `fragments` puts messages together that come in several telegrams. With `replay` no telegram is read twice.
    A telegram that comes in clear from a meter with a key is read: `encrypted` is then False.
    """
    data = frame.data
    parsed = link.parse(data)
    if cut := link.length_error(data):
        return _refused(Layers(parsed.identity), Shut(State.INVALID, str(cut)))
    whole, size = parsed, data[0] + 1
    if link.HEADER_BYTES <= size < len(data):
        parsed = link.parse(data[:size])
    telegram = _decode(parsed, key, formats, fragments)
    if parsed is not whole and (telegram.state is State.INVALID or telegram.faults):
        again = _decode(whole, key, formats, None)  # some meters count L too short: then a record is cut in its middle
        telegram = again if again.state is State.DECODED else telegram
    if replay is not None and telegram.state is State.DECODED and (reason := replay.judge(telegram)):
        return replace(telegram, state=State.REPEATED, readings=(), status=(), error=reason)
    return telegram


def _decode(parsed: link.Link, key: bytes | None, formats: Formats | None, fragments: Fragments | None) -> Telegram:
    layers = Layers(parsed.identity)
    sure, encrypted = True, False
    try:
        layers = layering.peel(parsed)
        if layers.ell and layers.ell.session and layers.payload:
            opened = security.open_link(layers, key)
            if isinstance(opened, Shut):
                return _refused(layers, opened)
            sure, encrypted = opened.sure, opened.encrypted
            layers = layering.peel_inner(layers, opened.content)
        if layers.afl and layers.afl.fragmented:
            joined = fragments.join(layers) if fragments else f"fragment {layers.afl.fragment} of a message"
            if isinstance(joined, str):
                return _refused(layers, Shut(State.WAITING_FRAGMENT, joined), encrypted)
            layers = joined
        layers = makers.headed(layers)
        content = makers.payload(parsed, layers, key, _meter(layers)[1]) if makers.speaks(layers) else None
        if isinstance(content, Said):
            return _said(layers, content, encrypted)
        if content is None and (unread := _unread(layers)) is not None:
            return _refused(layers, unread, encrypted)
        if content is None:
            content = security.open_content(layers, key)
        if isinstance(content, Shut):
            return _refused(layers, content)
        if encrypted or not sure:
            content = replace(content, encrypted=encrypted or content.encrypted, sure=sure and content.sure)
        return _read(layers, content, key, formats)
    except DecodeError as fault:
        return _refused(layers, Shut(State.INVALID, str(fault)), encrypted)


def _unread(layers: Layers) -> Shut | None:
    """Telegrams whose content nobody can read, whatever the key."""
    if layers.foreign_ci is not None:
        if layers.foreign_ci in _ANSWERS:
            return Shut(State.NO_DATA, str(answers.said(layers.foreign_ci, layers.payload)))
        return Shut(State.UNSUPPORTED, layering.named(layers.foreign_ci))
    ci = layers.tpl.ci if layers.tpl is not None else None
    if ci in _CONTENT and layers.payload:
        return None
    if ci is None or ci in _CONTENT or ci in layering.CI_HEADER_ONLY:
        return Shut(State.NO_DATA, "the meter announces itself and sends no value")
    return None if ci in _ANSWERS else Shut(State.UNSUPPORTED, layering.named(ci))


def _read(layers: Layers, opened: Opened, key: bytes | None, formats: Formats | None) -> Telegram:
    assert layers.tpl is not None
    address, model, medium = _meter(layers)
    content, ci = opened.content, layers.tpl.ci
    if ci not in layering.CI_RECORDS and ci != makers.CI_REAL_DATA:
        return _answered(layers, opened, formats)
    if ci in layering.CI_COMPACT:
        body = content.removeprefix(security.CHECK) if layers.tpl.mode else content
        full = full_frame(body, makers.identity(layers), formats)
        if full is None:
            return _refused(
                layers, Shut(State.WAITING_FORMAT, "compact frame: waiting for a full one"), opened.encrypted
            )
        content = full
    said = makers.content(content, model)
    if isinstance(said, Said):
        return _said(layers, said, opened.encrypted)
    if isinstance(said, Shut):
        return _refused(layers, said, opened.encrypted)
    read = records.decode(content, model)
    if read.torn and opened.rest_bytes:
        read = records.decode(content[: -opened.rest_bytes], model)  # behind the encrypted blocks, and no records
    if not opened.sure and not _is_plain(read):
        return _refused(layers, Shut(State.WRONG_KEY if key else State.KEY_MISSING, "what opens holds no records"))
    if read.torn and len(read.faults) > 1:
        # A telegram cut short ends in one torn record. More faults: the maker's own coding behind a standard header.
        return _refused(layers, Shut(State.INVALID, str(read.faults[0])), opened.encrypted)
    if formats is not None and ci not in layering.CI_COMPACT:
        formats.learn(content)
    read = understood(read, model)
    readings = records.main(read.readings, medium)
    telegram = Telegram(
        address,
        State.DECODED,
        medium,
        readings,
        tuple(dict.fromkeys(records.status_words(layers.tpl.status, model) + read.status)),
        read.faults,
        access_number=layers.access_number,
        encrypted=opened.encrypted,
        message_counter=opened.counter,
    )
    if readings or read.status:
        return telegram
    if read.faults:
        return replace(telegram, state=State.INVALID, error=str(read.faults[0]))
    if not content.strip(b"\x2f"):
        return replace(telegram, state=State.NO_DATA, error="only idle fillers")
    return replace(telegram, state=State.UNSUPPORTED, error="only the manufacturer's own records")


def _answered(layers: Layers, opened: Opened, formats: Formats | None) -> Telegram:
    """An application error, an alarm, or a format for the compact frames to come."""
    assert layers.tpl is not None
    body = opened.content.removeprefix(security.CHECK).rstrip(b"\x2f")
    ci = layers.tpl.ci
    if ci in _ANSWERS:
        return _refused(layers, Shut(State.NO_DATA, str(answers.said(ci, body))), opened.encrypted)
    if formats is not None:
        formats.learn_format(body)
    return _refused(layers, Shut(State.NO_DATA, layering.named(ci)), opened.encrypted)


def _meter(layers: Layers) -> tuple[Address, Model | None, Medium]:
    """Whose reading it is, what is known of the model beside the standard, and what flows through it."""
    return _known(makers.identity(layers))


@lru_cache(maxsize=METERS_MAX)
def _known(identity: Identity) -> tuple[Address, Model | None, Medium]:
    address = identity.address
    model = meters.model(address.manufacturer, identity.version, identity.device_type)
    return address, model, (model and model.medium) or records.medium(identity.device_type)


def _said(layers: Layers, said: Said, encrypted: bool) -> Telegram:
    """A telegram in its maker's own coding."""
    address, model, medium = _meter(layers)
    status = records.status_words(layers.tpl.status, model) if layers.tpl else ()
    return Telegram(
        address,
        State.DECODED,
        said.medium or medium,
        said.readings,
        tuple(dict.fromkeys(status + said.status)),
        said.faults,
        access_number=layers.access_number,
        encrypted=encrypted or said.encrypted,
    )


def _is_plain(read: records.Records) -> bool:
    """Whether bytes that only a check of 16 bits calls plain are records: one in a hundred random ones passes as such."""
    return not read.torn and len(read.readings) >= READINGS_PER_FAULT_MIN * len(read.faults)


def _refused(layers: Layers, shut: Shut, encrypted: bool = False) -> Telegram:
    address, model, medium = _meter(layers)
    status = records.status_words(layers.tpl.status, model) if layers.tpl else ()
    if shut.state is State.NO_DATA and (layers.tpl.ci if layers.tpl else layers.foreign_ci) in layering.CI_ALARM:
        status = tuple(dict.fromkeys((*status, answers.ALARM)))
    return Telegram(
        address,
        shut.state,
        medium,
        status=status,
        error=shut.error,
        access_number=layers.access_number,
        encrypted=encrypted or layers.announced,
    )
