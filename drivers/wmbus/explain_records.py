"""Records byte by byte: of each one its DIF and DIFEs, its VIF and VIFEs, and its data (EN 13757-3)."""

from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal

from drivers.meters import Model
from drivers.model import DecodeError, Quantity
from drivers.phrase import Phrase, Register, Value, joined, phrase
from drivers.wmbus import blocks, makers, records
from drivers.wmbus.blocks import Block
from drivers.wmbus.explain_words import (
    CODINGS,
    COMPACT,
    DATA,
    DIB,
    FUNCTIONS,
    LVAR,
    MANUFACTURER_DATA,
    OWN,
    PROFILE,
    VIB,
)
from drivers.wmbus.records import Span
from drivers.wmbus.vif import Meaning
from drivers.wmbus.vife import NUMBERS


@dataclass(frozen=True, slots=True)
class Row:
    """Some bytes and what they mean. `at` counts from the first byte as sent. `opened`: they were encrypted as sent."""

    at: int
    data: bytes
    meaning: Phrase
    section: Phrase
    opened: bool = False


def rows(content: bytes, model: Model | None, at: int, opened: bool, rest_bytes: int = 0) -> Iterator[Row]:
    """The rows of a full frame's records; its last `rest_bytes` were not encrypted."""
    spans: list[Span] = []
    read = records.decode(content, model, spans)
    place, clear_at = 0, len(content) - rest_bytes
    for span in spans:
        yield from filler(content, place, span.start, at, opened, rest_bytes)
        yield from _record(content, span, model, at, opened and span.start < clear_at, read)
        place = span.end
    yield from filler(content, place, len(content), at, opened, rest_bytes)


def compact_rows(full: bytes, values: bytes, model: Model | None, at: int, opened: bool) -> Iterator[Row]:
    """The rows of a compact frame's values; `full` is the full frame that they make with the DIF and VIF bytes of before."""
    spans: list[Span] = []
    records.decode(full, model, spans)
    place = 0
    for span in spans:
        known = blocks.block(full, span.start)
        size = span.end - span.start - known.size
        meaning = phrase(
            "%(what)s: %(value)s", what=joined((_what(known, model, size), *_which(known))), value=_value(span)
        )
        yield Row(at + place, values[place : place + size], meaning, COMPACT, opened)
        place += size
    yield Row(at + place, values[place:], phrase("behind the last value"), COMPACT, opened)


def filler(content: bytes, start: int, end: int, at: int, opened: bool, rest_bytes: int) -> Iterator[Row]:
    """The fillers from `start` to `end`; the content's last `rest_bytes` were not encrypted."""
    clear_at = len(content) - rest_bytes if opened else 0
    for first, last, was_opened in ((start, min(end, clear_at), True), (max(start, clear_at), end, False)):
        if first < last:
            yield Row(at + first, content[first:last], phrase("idle filler"), DIB, was_opened)


def _record(
    content: bytes, span: Span, model: Model | None, at: int, opened: bool, read: records.Records
) -> Iterator[Row]:
    dif = content[span.start]
    if dif in (records.DIF_MANUFACTURER, records.DIF_MANUFACTURER_MORE):
        yield from _manufacturer(content, span, model, at, opened, read)
        return
    try:
        known = blocks.block(content, span.start)
    except DecodeError:
        yield Row(at + span.start, content[span.start : span.end], _fault(span.fault), DIB, opened)
        return
    vif = span.start
    while content[vif] & 0x80:
        vif += 1
    vif += 1
    data = span.start + known.size
    length = 1 if known.data_bytes is None and data < span.end else 0
    size = span.end - data - length
    yield Row(
        at + span.start, content[span.start : vif], joined((CODINGS[known.head.field], *_which(known))), DIB, opened
    )
    yield Row(at + vif, content[vif:data], _what(known, model, size), VIB, opened)
    yield Row(at + data, content[data : data + length], phrase("%(n)s bytes of data follow", n=size), LVAR, opened)
    data += length
    profile = known.meaning is not None and known.meaning.profile and span.fault is None
    if profile and size >= 2:
        yield Row(
            at + data,
            content[data : data + 1],
            phrase("how the values of the past follow one another"),
            PROFILE,
            opened,
        )
        yield Row(
            at + data + 1, content[data + 1 : data + 2], phrase("how far apart they are in time"), PROFILE, opened
        )
        yield Row(
            at + data + 2, content[data + 2 : span.end], phrase("values of the past: see the readings"), PROFILE, opened
        )
        return
    raw = content[data : span.end]
    block = known.meaning is not None and known.meaning.register == makers.BLOCK_REGISTER
    drawn = makers.block_parts(raw, model, read) if block else None
    if drawn is None:
        yield Row(at + data, raw, phrase("not read") if known.fault else _value(span), DATA, opened)
        return
    for part in drawn:
        yield Row(at + data, part.data, part.meaning, OWN, opened)
        data += len(part.data)


def _manufacturer(
    content: bytes, span: Span, model: Model | None, at: int, opened: bool, read: records.Records
) -> Iterator[Row]:
    more = content[span.start] == records.DIF_MANUFACTURER_MORE
    said = phrase("the rest is the manufacturer's own; more follows in the next telegram")
    own = said if more else phrase("the rest is the manufacturer's own")
    yield Row(at + span.start, content[span.start : span.start + 1], own, MANUFACTURER_DATA, opened)
    place, data = at + span.start + 1, content[span.start + 1 : span.end]
    drawn = makers.tail_parts(data, model, read)
    if drawn is None:
        yield Row(place, data, phrase("its own coding: no description is known here"), OWN, opened)
        return
    for part in drawn:
        yield Row(place, part.data, part.meaning, OWN, opened)
        place += len(part.data)


def _which(known: Block) -> Iterator[Phrase]:
    """Which of the meter's values it is."""
    head = known.head
    if head.function in FUNCTIONS:
        yield FUNCTIONS[head.function]
    if head.storage:
        yield phrase("storage %(n)s", n=head.storage)
    if head.tariff:
        yield phrase("tariff %(n)s", n=head.tariff)
    if head.subunit:
        yield phrase("subunit %(n)s", n=head.subunit)


def _what(known: Block, model: Model | None, size: int) -> Phrase:
    if known.fault is not None or known.meaning is None:
        return _fault(known.fault)
    meaning: Meaning = known.meaning
    if model is not None and not meaning.absent and not meaning.profile:
        meaning, _ = records.own(model, meaning, known.head, bool(model.status(meaning.register, size)))
    register = Register(meaning.register)
    if meaning.type not in NUMBERS or not meaning.quantity.unit:
        return joined((register,))
    return phrase(
        "%(register)s, counted in %(factor)s %(unit)s",
        register=register,
        factor=meaning.factor,
        unit=_unit(meaning.quantity),
    )


def _value(span: Span) -> Phrase:
    if span.fault is not None:
        return _fault(span.fault)
    if span.reading is None:
        return phrase("the meter has no value here")
    value: Value = span.reading.value
    unit = _unit(span.reading.quantity)
    if isinstance(value, Decimal) and unit:
        return phrase("%(value)s %(unit)s", value=value, unit=unit)
    return joined((value,))


def _unit(quantity: Quantity) -> str:
    return quantity.unit.replace("degC", "°C")


def _fault(why: object) -> Phrase:
    """In the decoder's own words, without the place, which the row has."""
    return phrase("not read: %(why)s", why=str(why).split(": ", 1)[-1])
