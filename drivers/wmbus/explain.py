"""A telegram byte by byte: what each one means and where the standards say so. Pure, for the command line and for pages."""

from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal

from drivers import meters
from drivers.model import DecodeError
from drivers.wmbus import answers, blocks, link, makers, records, security
from drivers.wmbus import layers as layering
from drivers.wmbus.layers import Afl, Layers, Tpl
from drivers.wmbus.link import Identity
from drivers.wmbus.security import Opened, Shut
from drivers.wmbus.vife import NUMBERS

LINK = "EN 13757-4, data link layer"
ELL = "EN 13757-4, extended link layer"
NETWORK = "EN 13757-5, network layer"
AFL = "EN 13757-7, authentication and fragmentation"
TPL = "EN 13757-7, transport layer"
SECURITY = "EN 13757-7, security modes"
PROFILE_D = "OMS vol. 2, security profile D"
DIB = "EN 13757-3, data information block"
VIB = "EN 13757-3, value information block"
DATA = "EN 13757-3, data"
COMPACT = "EN 13757-3, compact frame"
ANSWER = "EN 13757-3, application errors and alarms"
OWN = "the manufacturer's own"

MODES = {
    0: "in clear",
    2: "DES-CBC",
    5: "AES-128-CBC",
    7: "AES-128-CBC, a key for each message",
    10: "AES-128-CCM, a key for each message",
    **security.MODE_NAMES,
}
CODINGS = {
    0x0: "no data",
    0x1: "8-bit integer",
    0x2: "16-bit integer",
    0x3: "24-bit integer",
    0x4: "32-bit integer",
    0x5: "32-bit real",
    0x6: "48-bit integer",
    0x7: "64-bit integer",
    0x8: "selection for readout",
    0x9: "2 digits BCD",
    0xA: "4 digits BCD",
    0xB: "6 digits BCD",
    0xC: "8 digits BCD",
    0xD: "variable length",
    0xE: "12 digits BCD",
}


@dataclass(frozen=True, slots=True)
class Row:
    """Some bytes and what they mean. `at` counts from the L field, CRCs out. `opened`: they were encrypted as sent."""

    at: int
    data: bytes
    meaning: str
    section: str
    opened: bool = False


def explain(data: bytes, key: bytes | None = None) -> tuple[Row, ...]:
    """The rows of a telegram without CRCs, in order, every byte in one of them; the last rows say why reading ended."""
    return tuple(_whole(data, _rows(data, key)))


def message(layers: Layers, at: int, key: bytes | None = None) -> Iterator[Row]:
    """The rows of a wired frame from its transport header on.

    Its configuration field was no security word before 2005, and older meters fill it as they like.
    """
    assert layers.tpl is not None
    yield from _tpl(layers, at)
    at += len(layers.signed) - len(layers.payload)
    if layers.tpl.mode in (0, 5, 7):
        yield from _content(layers, at, key, opened=False)
    else:
        yield from _records(layers, layers.payload, at, opened=False, rest_bytes=0)


def _whole(data: bytes, rows: Iterator[Row]) -> Iterator[Row]:
    """Rows as far as they go; what is left where a layer is cut is one row more."""
    at = 0
    try:
        for row in rows:
            if row.data:
                yield row
                at = row.at + len(row.data)
    except DecodeError as fault:
        yield Row(at, data[at:], str(fault), "")
        return
    if at < len(data):
        yield Row(at, data[at:], "not read", "")


def _rows(data: bytes, key: bytes | None) -> Iterator[Row]:
    parsed = link.parse(data)
    maker = parsed.identity
    told = data[0] + 1
    fault = "" if told == len(data) else f", {len(data)} are here"
    yield Row(0, data[:1], f"L: {told} bytes with this one{fault}", LINK)
    relayed = ", through a repeater" if data[1] & link.C_RELAYED else ""
    yield Row(1, data[1:2], f"C: {link.C_FROM_METER[parsed.c]}{relayed}", LINK)
    yield from _identity(2, maker, ("manufacturer", "id", "version", "device_type"), LINK)
    yield from _layers(layering.peel(parsed), parsed.body, link.HEADER_BYTES, key)


def _layers(layers: Layers, body: bytes, at: int, key: bytes | None) -> Iterator[Row]:
    """The layers that `body` begins with, as `layers` has peeled them."""
    if layers.ell is not None:
        yield from _ell(body, at)
        if layers.ell.session:
            yield from _session(layers, at + len(body) - len(layers.payload), key)
            return
        size = 3 if body[0] == 0x8C else 11
        at, body = at + size, body[size:]
    yield from _inner(layers, body, at, key, opened=False)


def _inner(layers: Layers, body: bytes, at: int, key: bytes | None, opened: bool) -> Iterator[Row]:
    """The layers above the extended link layer."""
    if body and body[0] == layering.CI_NETWORK:
        yield Row(at, body[:2], "network layer: hops", NETWORK, opened)
        at, body = at + 2, body[2:]
    if layers.afl is not None:
        yield from _afl(layers.afl, body, at, opened)
        at, body = at + 2 + body[1], body[2 + body[1] :]
    if layers.tpl is not None:
        yield from _tpl(layers, at, opened)
        yield from _content(layers, at + len(layers.signed) - len(layers.payload), key, opened)
    elif layers.foreign_ci is not None:
        yield Row(
            at, body, f"CI {layers.foreign_ci:02X}: {layering.CI_NAMES.get(layers.foreign_ci, 'reserved')}", TPL, opened
        )
    elif body:
        assert layers.afl is not None
        yield Row(at, body, f"piece {layers.afl.fragment} of a message", AFL, opened)


def _identity(at: int, identity: Identity, order: tuple[str, ...], section: str, opened: bool = False) -> Iterator[Row]:
    shown = {
        "manufacturer": (identity.manufacturer, f"manufacturer {link.letters(identity.manufacturer)}"),
        "id": (identity.id, f"number {identity.id[::-1].hex()}"),
        "version": (bytes((identity.version,)), f"version {identity.version}"),
        "device_type": (
            bytes((identity.device_type,)),
            f"device type {identity.device_type:02X}: {records.medium(identity.device_type)}",
        ),
    }
    for name in order:
        data, meaning = shown[name]
        yield Row(at, data, meaning, section, opened)
        at += len(data)


def _ell(body: bytes, at: int) -> Iterator[Row]:
    long = body[0] in (0x8E, 0x8F)
    yield Row(at, body[:1], f"CI {body[0]:02X}: extended link layer", ELL)
    yield Row(at + 1, body[1:2], "communication control", ELL)
    yield Row(at + 2, body[2:3], f"access number {body[2]}", ELL)
    if long:
        yield Row(at + 3, body[3:11], "address of whom it speaks to", ELL)
    if body[0] in (0x8D, 0x8F):
        start = 11 if long else 3
        mode = body[start + 3] >> 5
        said = {0: "in clear", 1: "AES-128-CTR"}.get(mode, f"encryption {mode}")
        yield Row(at + start, body[start : start + 4], f"session number; {said}", ELL)


def _session(layers: Layers, at: int, key: bytes | None) -> Iterator[Row]:
    answer = security.open_link(layers, key) if layers.payload else None
    if not isinstance(answer, Opened):
        yield Row(at, layers.payload, answer.error if answer else "nothing", ELL)
        return
    yield Row(at, layers.payload[:2], "CRC of the plain bytes behind it; it agrees", ELL, answer.encrypted)
    inner = layering.peel_inner(layers, answer.content)
    yield from _inner(inner, answer.content, at + 2, key, answer.encrypted)


def _afl(afl: Afl, body: bytes, at: int, opened: bool) -> Iterator[Row]:
    yield Row(at, body[:1], "CI 90: authentication and fragmentation layer", AFL, opened)
    yield Row(at + 1, body[1:2], f"{body[1]} bytes of it follow", AFL, opened)
    piece = (
        f"fragment {afl.fragment}, {'more follow' if afl.more else 'the last'}" if afl.fragmented else "in one piece"
    )
    yield Row(at + 2, body[2:4], f"which fields follow; {piece}", AFL, opened)
    place, end = at + 4, at + 2 + body[1]
    flags = int.from_bytes(body[2:4], "little")
    fields = (
        (afl.control, "message control"),
        (b"\0\0" if flags & 0x0200 else b"", "key information"),
        (afl.counter, f"message counter {int.from_bytes(afl.counter, 'little')}"),
        (afl.mac, "authentication code"),
        (afl.length, f"length of the whole message: {int.from_bytes(afl.length, 'little')}"),
    )
    for field, meaning in fields:
        if field:
            yield Row(place, body[place - at : place - at + len(field)], meaning, AFL, opened)
            place += len(field)
    if place < end:
        yield Row(place, body[place - at : end - at], "not read", AFL, opened)


def _tpl(layers: Layers, at: int, opened: bool = False) -> Iterator[Row]:
    tpl, sent = layers.tpl, layers.signed
    assert tpl is not None
    behind = "no" if tpl.access_number is None else "a long" if tpl.identity is not None else "a short"
    kind = layering.CI_NAMES.get(tpl.ci, "reserved")
    yield Row(at, sent[:1], f"CI {tpl.ci:02X}: {kind} behind {behind} header", TPL, opened)
    place = 1
    if tpl.identity is not None:
        yield from _identity(at + 1, tpl.identity, ("id", "manufacturer", "version", "device_type"), TPL, opened)
        place = 9
    if tpl.access_number is None:
        return
    yield Row(at + place, sent[place : place + 1], f"access number {tpl.access_number}", TPL, opened)
    words = ", ".join(records.status_words(tpl.status)) or "all well"
    yield Row(at + place + 1, sent[place + 1 : place + 2], f"status: {words}", TPL, opened)
    yield Row(at + place + 2, sent[place + 2 : place + 4], _configuration(tpl), TPL, opened)
    place += 4
    end = len(sent) - len(layers.payload)
    derivation = f"configuration extension; key derivation {tpl.extension >> 4 & 3}"
    section = PROFILE_D if tpl.mode == 10 else TPL
    fields = [(2 if tpl.mode == 10 else 1, derivation)] if place < end else []
    version = [(1, "which version of the key")] if tpl.extension & layering.EXTENSION_KEY_VERSION else []
    counter = [(4, f"message counter {int.from_bytes(tpl.counter, 'little')}")] if tpl.counter else []
    for size, meaning in (*fields, *(version + counter if tpl.mode == 10 else counter + version)):
        yield Row(at + place, sent[place : place + size], meaning, section, opened)
        place += size


def _configuration(tpl: Tpl) -> str:
    name = MODES.get(tpl.mode, "the manufacturer's own" if tpl.mode >= makers.MODE_OWN else "not known")
    text = f"configuration: security mode {tpl.mode}, {name}"
    return f"{text}; {tpl.blocks} blocks of 16 bytes" if tpl.mode in (5, 7) and tpl.blocks else text


def _content(layers: Layers, at: int, key: bytes | None, opened: bool) -> Iterator[Row]:
    tpl = layers.tpl
    assert tpl is not None
    if not layers.payload:
        return
    if tpl.mode >= makers.MODE_OWN:
        yield Row(at, layers.payload, "its own coding", OWN, opened)
        return
    if tpl.ci in layering.CI_HEADERS - layering.CI_RECORDS - layering.CI_FORMAT - layering.CI_ERROR - layering.CI_ALARM:
        yield Row(at, layers.payload, "not read", TPL, opened)
        return
    answer = security.open_content(layers, key)
    if isinstance(answer, Shut):
        yield Row(at, layers.payload, answer.error, SECURITY, opened)
        return
    content = answer.content
    opened = opened or answer.encrypted
    if answer.encrypted and content.startswith(security.CHECK):
        yield Row(at, content[:2], "check bytes: the key fits", SECURITY, True)
        at, content = at + 2, content[2:]
    if tpl.ci in layering.CI_COMPACT:
        yield from _compact(content, at, opened)
    elif tpl.ci in layering.CI_FORMAT:
        yield Row(at, content[:1], "bytes that follow", COMPACT, opened)
        yield Row(at + 1, content[1:3], "signature of the format: the CRC of its DIF and VIF bytes", COMPACT, opened)
        yield Row(at + 3, content[3:], "DIF and VIF bytes of compact frames", COMPACT, opened)
    elif tpl.ci in layering.CI_HEADERS and tpl.ci not in layering.CI_RECORDS:
        yield Row(at, content, answers.said(tpl.ci, content.rstrip(b"\x2f")), ANSWER, opened)
    else:
        yield from _records(layers, content, at, opened, answer.rest_bytes)
    if tpl.mode == 10:
        tag = layers.payload[len(answer.content) :]
        yield Row(at + len(content), tag, "authentication tag; it agrees", PROFILE_D)


def _compact(content: bytes, at: int, opened: bool) -> Iterator[Row]:
    yield Row(at, content[:2], "signature of the format: the CRC of its DIF and VIF bytes", COMPACT, opened)
    yield Row(at + 2, content[2:4], "CRC of the full frame", COMPACT, opened)
    yield Row(at + 4, content[4:], "values; their DIF and VIF came in a full frame before", COMPACT, opened)


def _records(layers: Layers, content: bytes, at: int, opened: bool, rest_bytes: int) -> Iterator[Row]:
    identity = makers.identity(layers)
    model = meters.model(link.letters(identity.manufacturer), identity.version, identity.device_type)
    spans: list[records.Span] = []
    records.decode(content, model, spans)
    place, clear_at = 0, len(content) - rest_bytes
    for span in spans:
        if place < span.start:
            yield Row(at + place, content[place : span.start], "idle filler", DATA, opened and place < clear_at)
        yield from _record(content, span, at, opened and span.start < clear_at)
        place = span.end
    if place < len(content):
        yield Row(at + place, content[place:], "idle filler", DATA, opened and place < clear_at)


def _record(content: bytes, span: records.Span, at: int, opened: bool) -> Iterator[Row]:
    dif = content[span.start]
    if dif in (records.DIF_MANUFACTURER, records.DIF_MANUFACTURER_MORE):
        more = "; more follow in the next telegram" if dif == records.DIF_MANUFACTURER_MORE else ""
        yield Row(
            at + span.start, content[span.start : span.end], f"bytes of the manufacturer's own{more}", DIB, opened
        )
        return
    try:
        known = blocks.block(content, span.start)
    except DecodeError:
        yield Row(at + span.start, content[span.start : span.end], str(span.fault), DIB, opened)
        return
    vif = span.start
    while content[vif] & 0x80:
        vif += 1
    vif += 1
    data = span.start + known.size
    yield Row(at + span.start, content[span.start : vif], _head(known.head), DIB, opened)
    yield Row(at + vif, content[vif:data], _meaning(known), VIB, opened)
    if data < span.end:
        yield Row(at + data, content[data : span.end], _value(span), DATA, opened)


def _head(head: blocks.Head) -> str:
    parts = [CODINGS[head.field]]
    if head.function.value != "instantaneous":
        parts.append(head.function.value)
    parts += [f"{word} {n}" for word in ("storage", "tariff", "subunit") if (n := getattr(head, word))]
    return ", ".join(parts)


def _meaning(known: blocks.Block) -> str:
    if known.fault is not None or known.meaning is None:
        return known.fault or ""
    meaning = known.meaning
    if meaning.type not in NUMBERS or not meaning.quantity.unit:
        return meaning.register
    return f"{meaning.register}, counted in {meaning.factor:f} {meaning.quantity.unit}"


def _value(span: records.Span) -> str:
    if span.fault is not None:
        return str(span.fault)
    if span.reading is None:
        return "no value to show"
    value, unit = span.reading.value, span.reading.quantity.unit
    return f"{value:f} {unit}".rstrip() if isinstance(value, Decimal) else str(value)
