"""A telegram byte by byte: what each one means and where the standards say so. Pure, for the command line and for pages."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace

from drivers import meters
from drivers.meters import Model
from drivers.model import DecodeError, Frame, State
from drivers.phrase import Code, Phrase, joined, phrase
from drivers.wmbus import answers, compact, decode, explain_records, link, makers, records, security
from drivers.wmbus import layers as layering
from drivers.wmbus.compact import Formats
from drivers.wmbus.explain_records import Row
from drivers.wmbus.explain_words import (
    AFL,
    AFL_FIELDS,
    AFL_FRAGMENTATION,
    ALARMS,
    CI,
    COMPACT,
    CONFIGURATION,
    CONTROL_BITS,
    DEVICE_TYPES,
    ELL,
    ELL_CONTROL,
    ELL_MODES,
    ELL_SESSION,
    ERRORS,
    EXTENSION,
    FORMATS,
    LINK,
    MODES,
    NETWORK,
    NOWHERE,
    OWN,
    OWN_CI,
    SECURITY,
    STATUS,
    TPL,
)
from drivers.wmbus.layers import Afl, Layers, Tpl
from drivers.wmbus.link import Identity, Link
from drivers.wmbus.makers import Part, Said
from drivers.wmbus.security import Opened, Shut

__all__ = ["Row", "explain", "message"]


@dataclass(frozen=True, slots=True)
class _Reader:
    """What explaining one telegram needs all the way down."""

    parsed: Link | None  # of a wired frame there is none
    key: bytes | None
    formats: Formats | None
    model: Model | None


def explain(data: bytes, key: bytes | None = None, formats: Formats | None = None) -> tuple[Row, ...]:
    """The rows of a telegram with its CRCs or without, in order, every byte in one of them.

    The last rows say why reading ended. Without CRCs a byte that was changed on its way cannot be known.
    """
    framing = link.framing(data)
    if framing is None:
        return tuple(_whole(data, _telegram(data, key, formats)))
    letter, blocks = framing
    if all(link.block_agrees(data, block) for block in blocks):
        plain = link.without_crcs(data[: blocks[-1].stop])
        rows = _framed(data, letter, blocks, tuple(_whole(plain, _telegram(plain, key, formats))))
    else:
        rows = _damaged(data, letter, blocks)
    return (*rows, *_behind(data, blocks[-1].stop))


def message(layers: Layers, at: int, model: Model | None, key: bytes | None = None) -> Iterator[Row]:
    """The rows of a wired frame from its transport header on.

    Its configuration field was no security word before 2005, and older meters fill it as they like.
    """
    assert layers.tpl is not None
    reader = _Reader(None, key, None, model)
    yield from _tpl(reader, layers, layers.signed, at, opened=False)
    at += len(layers.signed) - len(layers.payload)
    if layers.tpl.mode in (0, 5, 7):
        yield from _content(reader, layers, at, opened=False)
    else:
        yield from explain_records.rows(layers.payload, model, at, opened=False)


def fault(why: object) -> Phrase:
    """What no table of ours has words for: the decoder's own."""
    return phrase("not read: %(why)s", why=str(why))


# -- CRCs -------------------------------------------------------------------------------------------------------------
def _framed(data: bytes, letter: str, blocks: tuple[range, ...], rows: tuple[Row, ...]) -> Iterator[Row]:
    """Rows over a telegram without CRCs, laid over the bytes as sent: a field that goes over a CRC is cut in two."""
    places = [at for block in blocks for at in block[: -link.CRC_BYTES]]
    told = phrase("L: %(n)s bytes with this one", n=data[0] + 1)
    counted = phrase("%(told)s, the CRCs not counted", told=told)
    if letter == "B":
        counted = phrase("%(told)s, the CRCs counted", told=told)
    ends = {block.stop - link.CRC_BYTES for block in blocks}
    for n, row in enumerate(rows):
        meaning = counted if n == 0 and row.at == 0 else row.meaning
        if not row.data:  # why reading ended, behind the last byte
            yield replace(row, at=blocks[-1].stop)
        first, sent = 0, places[row.at : row.at + len(row.data)]
        for last, at in enumerate(sent, 1):
            if last < len(sent) and sent[last] == at + 1:
                continue
            start = sent[first]
            said = row.data[first:last] if row.opened else data[start : start + last - first]
            yield replace(row, at=start, data=said, meaning=meaning if first == 0 else phrase("(goes on)"))
            if at + 1 in ends:
                yield Row(at + 1, data[at + 1 : at + 1 + link.CRC_BYTES], phrase("CRC; it agrees"), FORMATS[letter])
            first = last


def _damaged(data: bytes, letter: str, blocks: tuple[range, ...]) -> Iterator[Row]:
    """A telegram that was changed on its way: nothing is read but its first fields, where their own CRC vouches for them."""
    for n, block in enumerate(blocks):
        end = block.stop - link.CRC_BYTES
        content, crc = data[block.start : end], data[end : block.stop]
        if not link.block_agrees(data, block):
            cut = block.stop > len(data)
            unread = phrase("cut off: its CRC is missing") if cut else phrase("damaged: its CRC does not agree")
            verdict = phrase("CRC, cut off") if cut else phrase("CRC; it does not agree")
        else:
            unread, verdict = phrase("not read: another block is damaged"), phrase("CRC; it agrees")
            if n == 0 and letter == "A":
                yield from _whole(content, _first_fields(content))
                content = b""
        for at, piece, meaning in ((block.start, content, unread), (end, crc, verdict)):
            if piece:
                yield Row(at, piece, meaning, FORMATS[letter])


def _behind(data: bytes, end: int) -> Iterator[Row]:
    if end < len(data):
        meaning = phrase("behind the telegram: often the signal strength that a receiver adds")
        yield Row(end, data[end:], meaning, NOWHERE)


def _first_fields(data: bytes) -> Iterator[Row]:
    parsed = link.parse(data)
    yield Row(0, data[:1], phrase("L: %(n)s bytes with this one", n=data[0] + 1), LINK)
    yield Row(1, data[1:2], _c_field(parsed, data[1]), LINK)
    yield from _identity(2, parsed.identity, ("manufacturer", "id", "version", "device_type"), LINK)


# -- link layer -------------------------------------------------------------------------------------------------------
def _whole(data: bytes, rows: Iterator[Row]) -> Iterator[Row]:
    """Rows as far as they go; what is left where a layer is cut is one row more."""
    at = 0
    try:
        for row in rows:
            if row.data:
                yield row
                at = row.at + len(row.data)
    except DecodeError as error:
        yield Row(at, data[at:], fault(error), NOWHERE)
        return
    if at < len(data):
        yield Row(at, data[at:], phrase("not read"), NOWHERE)


def _telegram(data: bytes, key: bytes | None, formats: Formats | None) -> Iterator[Row]:
    size = data[0] + 1 if data else 0
    if link.HEADER_BYTES <= size < len(data) and _ends_at(size, data, key):
        yield from _whole(data[:size], _rows(data[:size], key, formats))
        yield from _behind(data, size)
    else:
        yield from _rows(data, key, formats)


def _ends_at(size: int, data: bytes, key: bytes | None) -> bool:
    """Whether the L field is believed, as `decode` does: some meters count too few bytes."""
    return decode(Frame(data), key) == decode(Frame(data[:size]), key)


def _rows(data: bytes, key: bytes | None, formats: Formats | None) -> Iterator[Row]:
    parsed = link.parse(data)
    told = phrase("L: %(n)s bytes with this one", n=data[0] + 1)
    here = phrase("%(told)s, %(here)s are here", told=told, here=len(data))
    yield Row(0, data[:1], told if data[0] + 1 == len(data) else here, LINK)
    yield Row(1, data[1:2], _c_field(parsed, data[1]), LINK)
    sent = parsed.identity
    try:
        layers = makers.headed(layering.peel(parsed))
    except DecodeError:
        yield from _identity(2, sent, ("manufacturer", "id", "version", "device_type"), LINK)
        raise
    own = makers.identity(layers)
    model = meters.model(link.letters(own.manufacturer), own.version, own.device_type)
    if layers.meter is not sent or own == sent:
        yield from _identity(2, sent, ("manufacturer", "id", "version", "device_type"), LINK)
    elif own.id == sent.id:
        yield from _identity(2, sent, ("manufacturer", "id"), LINK)
        yield Row(8, data[8:10], phrase("letters of the number printed on the meter"), OWN)
    else:
        yield from _identity(2, own, ("manufacturer", "version", "device_type", "id"), OWN)
    yield from _layers(_Reader(parsed, key, formats, model), layers, parsed.body)


def _c_field(parsed: Link, c: int) -> Phrase:
    said = phrase("C: %(what)s", what=link.C_FROM_METER[parsed.c])
    return phrase("%(said)s, through a repeater", said=said) if c & link.C_RELAYED else said


def _identity(
    at: int, identity: Identity, order: tuple[str, ...], section: Phrase, opened: bool = False
) -> Iterator[Row]:
    letters = link.letters(identity.manufacturer)
    name = meters.maker(letters)
    maker = phrase("manufacturer %(letters)s", letters=letters)
    if name:
        maker = phrase("manufacturer %(letters)s: %(name)s", letters=letters, name=name)
    code = identity.device_type
    type_ = DEVICE_TYPES.get(code, phrase("not in the standard"))
    shown = {
        "manufacturer": (identity.manufacturer, maker),
        "id": (identity.id, phrase("number %(digits)s", digits=identity.id[::-1].hex())),
        "version": (bytes((identity.version,)), phrase("version %(n)s", n=identity.version)),
        "device_type": (bytes((code,)), phrase("device type %(hex)s: %(type)s", hex=f"{code:02X}", type=type_)),
    }
    for field in order:
        data, meaning = shown[field]
        yield Row(at, data, meaning, section, opened)
        at += len(data)


# -- the layers above -------------------------------------------------------------------------------------------------
def _layers(reader: _Reader, layers: Layers, body: bytes) -> Iterator[Row]:
    at = link.HEADER_BYTES
    if layers.ell is not None:
        yield from _ell(body, at)
        if layers.ell.session:
            yield from _session(reader, layers, at + len(body) - len(layers.payload))
            return
        size = 3 if body[0] == 0x8C else 11
        at, body = at + size, body[size:]
    yield from _inner(reader, layers, body, at, opened=False)


def _ell(body: bytes, at: int) -> Iterator[Row]:
    addressed = body[0] in (0x8E, 0x8F)
    yield Row(at, body[:1], phrase("CI %(ci)s: extended link layer", ci=f"{body[0]:02X}"), ELL)
    bits = [word for bit, word in CONTROL_BITS if body[1] & bit]
    control = phrase("communication control: %(bits)s", bits=joined(bits)) if bits else phrase("communication control")
    yield Row(at + 1, body[1:2], control, ELL_CONTROL)
    yield Row(at + 2, body[2:3], phrase("access number %(n)s", n=body[2]), ELL)
    if addressed:
        yield Row(at + 3, body[3:11], phrase("address of whom it speaks to"), ELL)
    if body[0] in (0x8D, 0x8F):
        start = 11 if addressed else 3
        mode = body[start + 3] >> 5
        how = ELL_MODES.get(mode, phrase("encryption %(n)s", n=mode))
        yield Row(at + start, body[start : start + 4], phrase("session number; %(how)s", how=how), ELL_SESSION)


def _session(reader: _Reader, layers: Layers, at: int) -> Iterator[Row]:
    answer = security.open_link(layers, reader.key) if layers.payload else None
    if not isinstance(answer, Opened):
        yield Row(at, layers.payload, _shut(answer) if answer else phrase("nothing"), ELL)
        return
    crc = phrase("CRC of the plain bytes behind it; it agrees")
    yield Row(at, layers.payload[:2], crc, ELL, answer.encrypted)
    inner = layering.peel_inner(layers, answer.content)
    yield from _inner(reader, inner, answer.content, at + 2, answer.encrypted)


def _inner(reader: _Reader, layers: Layers, body: bytes, at: int, opened: bool) -> Iterator[Row]:
    """The layers above the extended link layer."""
    if body and body[0] == layering.CI_NETWORK:
        yield Row(at, body[:2], phrase("network layer: hops"), NETWORK, opened)
        at, body = at + 2, body[2:]
    if layers.afl is not None:
        yield from _afl(layers.afl, body, at, opened)
        at, body = at + 2 + body[1], body[2 + body[1] :]
    size = len(body)
    if layers.afl is not None and layers.afl.length and not layers.afl.fragmented:
        size = int.from_bytes(layers.afl.length, "little")
    yield from _transport(reader, layers, body[:size], at, opened)
    yield Row(at + size, body[size:], phrase("behind the end that the message states: not read"), AFL, opened)


def _transport(reader: _Reader, layers: Layers, body: bytes, at: int, opened: bool) -> Iterator[Row]:
    """A message from its transport header on, or a piece of one."""
    assert reader.parsed is not None
    own = makers.payload(reader.parsed, layers, reader.key, reader.model) if makers.speaks(layers) else None
    if layers.tpl is not None and isinstance(own, Said):
        yield Row(at, body[:1], ci_field(body[0], phrase("the manufacturer's own coding")), CI, opened)
        yield from _own(reader, layers, own, at + 1, opened)
    elif layers.tpl is not None:
        yield from _tpl(reader, layers, body, at, opened)
        place = at + len(body) - len(layers.payload)
        if own is not None or layers.tpl.mode >= makers.MODE_OWN:
            yield from _own(reader, layers, own, place, opened)
        else:
            yield from _content(reader, layers, place, opened)
    elif layers.foreign_ci is not None:
        ci = layers.foreign_ci
        if ci in layering.CI_MANUFACTURER:
            yield Row(at, body[:1], ci_field(ci, layering.name(ci)), OWN_CI, opened)
            yield from _own(reader, layers, own, at + 1, opened)
        else:
            yield Row(at, body[:1], ci_field(ci, layering.name(ci)), CI, opened)
            if ci in layering.CI_READ:
                yield _answer(ci, body[1:], at + 1, opened)
            else:
                yield Row(at + 1, body[1:], phrase("not read"), NOWHERE, opened)
    elif body:
        assert layers.afl is not None
        yield Row(at, body, phrase("piece %(n)s of a message", n=layers.afl.fragment), AFL, opened)


def _afl(afl: Afl, body: bytes, at: int, opened: bool) -> Iterator[Row]:
    yield Row(at, body[:1], phrase("CI 90: authentication and fragmentation layer"), CI, opened)
    yield Row(at + 1, body[1:2], phrase("%(n)s bytes of it follow", n=body[1]), AFL, opened)
    flags = int.from_bytes(body[2:4], "little")
    piece = phrase("in one piece")
    if afl.fragmented:
        more = phrase("more follow") if afl.more else phrase("the last")
        piece = phrase("fragment %(n)s, %(more)s", n=afl.fragment, more=more)
    there = [word for bit, word in AFL_FIELDS if flags & bit]
    announced = phrase("%(piece)s; it has: %(fields)s", piece=piece, fields=joined(there)) if there else piece
    yield Row(at + 2, body[2:4], announced, AFL_FRAGMENTATION, opened)
    place, end = at + 4, at + 2 + body[1]
    fields = (
        (afl.control, phrase("message control: %(how)s", how=_authentication(afl.control))),
        (b"\0\0" if flags & 0x0200 else b"", phrase("key information")),
        (afl.counter, phrase("message counter %(n)s", n=int.from_bytes(afl.counter, "little"))),
        (afl.mac, phrase("authentication code")),
        (afl.length, phrase("length of the whole message: %(n)s bytes", n=int.from_bytes(afl.length, "little"))),
    )
    for field, meaning in fields:
        if field:
            yield Row(place, body[place - at : place - at + len(field)], meaning, AFL, opened)
            place += len(field)
    if place < end:
        yield Row(place, body[place - at : end - at], phrase("not read"), AFL, opened)


def _authentication(control: bytes) -> Phrase:
    kind = control[0] & 0x0F if control else 0
    if kind in security.MAC_BYTES:
        return phrase("a code of AES-CMAC, %(n)s bytes", n=security.MAC_BYTES[kind])
    return phrase("authentication type %(n)s", n=kind) if kind else phrase("no code")


def _tpl(reader: _Reader, layers: Layers, sent: bytes, at: int, opened: bool) -> Iterator[Row]:
    tpl = layers.tpl
    assert tpl is not None
    yield Row(at, sent[:1], ci_field(tpl.ci, _announced(tpl)), CI, opened)
    place = 1
    if tpl.identity is not None:
        yield from _identity(at + 1, tpl.identity, ("id", "manufacturer", "version", "device_type"), TPL, opened)
        place = 9
    if tpl.access_number is None:
        return
    yield Row(at + place, sent[place : place + 1], phrase("access number %(n)s", n=tpl.access_number), TPL, opened)
    words = records.status_words(tpl.status, reader.model)
    well = phrase("all well") if words or not tpl.status else phrase("nothing that is wrong")
    status = joined(map(Code, words)) if words else well
    yield Row(at + place + 1, sent[place + 1 : place + 2], phrase("status: %(words)s", words=status), STATUS, opened)
    yield Row(at + place + 2, sent[place + 2 : place + 4], _configuration(tpl), CONFIGURATION, opened)
    place += 4
    for size, meaning in _extension(tpl):
        yield Row(at + place, sent[place : place + size], meaning, EXTENSION, opened)
        place += size


def _extension(tpl: Tpl) -> Iterator[tuple[int, Phrase]]:
    """What modes 7 and 10 add to the header, each field with its bytes."""
    if tpl.mode not in (7, 10):
        return
    yield 2 if tpl.mode == 10 else 1, phrase("configuration extension; key derivation %(n)s", n=tpl.extension >> 4 & 3)
    said = phrase("message counter %(n)s", n=int.from_bytes(tpl.counter, "little"))
    counter = [(len(tpl.counter), said)] if tpl.counter else []
    version = [(1, phrase("which version of the key"))] if tpl.extension & layering.EXTENSION_KEY_VERSION else []
    yield from version + counter if tpl.mode == 10 else counter + version


def ci_field(ci: int, what: Phrase) -> Phrase:
    return phrase("CI %(ci)s: %(what)s", ci=f"{ci:02X}", what=what)


def _announced(tpl: Tpl) -> Phrase:
    name = layering.name(tpl.ci)
    if tpl.ci == makers.CI_REAL_DATA:
        return phrase("a header of its own")
    if tpl.ci in layering.CI_HEADER_ONLY:
        return name
    if tpl.access_number is None:
        return phrase("%(what)s without a header", what=name)
    if tpl.identity is None:
        return phrase("%(what)s behind a short header", what=name)
    return phrase("%(what)s behind a long header", what=name)


def _configuration(tpl: Tpl) -> Phrase:
    own = phrase("the manufacturer's own") if tpl.mode >= makers.MODE_OWN else phrase("not known")
    mode = phrase("security mode %(n)s: %(name)s", n=tpl.mode, name=MODES.get(tpl.mode, own))
    if tpl.mode in (5, 7) and tpl.blocks:
        return joined((mode, phrase("%(n)s blocks of 16 bytes", n=tpl.blocks)))
    return mode


# -- content ----------------------------------------------------------------------------------------------------------
def _own(reader: _Reader, layers: Layers, said: Said | Opened | Shut | None, at: int, opened: bool) -> Iterator[Row]:
    """A payload in its maker's own coding."""
    match said:
        case Said():
            assert reader.parsed is not None
            drawn = makers.payload_parts(reader.parsed, layers, reader.key, reader.model)
            yield from _parts(drawn, at, opened)
        case Opened():
            yield from explain_records.rows(said.content, reader.model, at, said.encrypted, said.rest_bytes)
        case Shut():
            yield Row(at, layers.payload, _shut(said), OWN, opened)
        case None:
            yield Row(at, layers.payload, phrase("its own coding: no description is known here"), OWN, opened)


def _parts(parts: Iterable[Part], at: int, opened: bool) -> Iterator[Row]:
    for part in parts:
        yield Row(at, part.data, part.meaning, OWN, opened or part.opened)
        at += len(part.data)


def _content(reader: _Reader, layers: Layers, at: int, opened: bool) -> Iterator[Row]:
    tpl = layers.tpl
    assert tpl is not None
    if not layers.payload:
        return
    if tpl.ci not in layering.CI_READ:
        yield Row(at, layers.payload, phrase("not read"), NOWHERE, opened)
        return
    answer = security.open_content(layers, reader.key)
    if isinstance(answer, Shut):
        yield Row(at, layers.payload, _shut(answer), SECURITY, opened)
        return
    content = answer.content
    opened = opened or answer.encrypted
    records_here = tpl.ci in layering.CI_RECORDS or tpl.ci == makers.CI_REAL_DATA
    full = reader.parsed is not None and records_here and tpl.ci not in layering.CI_COMPACT
    said = makers.content(content, reader.model) if full else None
    if isinstance(said, Said):
        yield from _parts(makers.content_parts(content, reader.model), at, opened)
        return
    if isinstance(said, Shut):
        yield Row(at, content, fault(said.error), OWN, opened)
        return
    if tpl.mode and content.startswith(security.CHECK):
        fits = phrase("check bytes, in clear: nothing is encrypted, whatever the header says")
        if answer.encrypted:
            known = phrase("check bytes: a key that everybody knows fits")
            fits = phrase("check bytes: the key fits") if reader.key else known
        yield Row(at, content[:2], fits, SECURITY, opened)
        at, content = at + 2, content[2:]
    if tpl.ci in layering.CI_COMPACT:
        yield from _compact(reader, layers, content, at, opened)
    elif not records_here:
        yield from _answered(tpl, content, at, opened, answer.rest_bytes)
    else:
        yield from explain_records.rows(content, reader.model, at, opened, answer.rest_bytes)
    tag = layers.payload[len(answer.content) :]  # mode 10
    yield Row(at + len(content), tag, phrase("authentication tag; it agrees"), SECURITY)


def _compact(reader: _Reader, layers: Layers, content: bytes, at: int, opened: bool) -> Iterator[Row]:
    signature = phrase("which format: the CRC of its DIF and VIF bytes")
    yield Row(at, content[:2], signature, COMPACT, opened)
    yield Row(at + 2, content[2:4], phrase("CRC of the full frame"), COMPACT, opened)
    full = compact.full_frame(content, makers.identity(layers), reader.formats)
    if full is None:
        wanting = phrase("values; a full frame says what they are")
        yield Row(at + 4, content[4:], wanting, COMPACT, opened)
    else:
        yield from explain_records.compact_rows(full, content[4:], reader.model, at + 4, opened)


def _answered(tpl: Tpl, content: bytes, at: int, opened: bool, rest_bytes: int) -> Iterator[Row]:
    """A format of compact frames, an application error or an alarm, between the fillers that `decode` passes over."""
    start = len(security.CHECK) if tpl.mode == 0 and content.startswith(security.CHECK) else 0
    body = content[start:].rstrip(bytes((compact.IDLE,)))
    yield from explain_records.filler(content, 0, start, at, opened, rest_bytes)
    if tpl.ci in layering.CI_FORMAT:
        yield from _format(body, at + start, opened)
    else:
        yield _answer(tpl.ci, body, at + start, opened)
    yield from explain_records.filler(content, start + len(body), len(content), at, opened, rest_bytes)


def _answer(ci: int, body: bytes, at: int, opened: bool) -> Row:
    return Row(at, body, answers.said(ci, body), ALARMS if ci in layering.CI_ALARM else ERRORS, opened)


def _format(body: bytes, at: int, opened: bool) -> Iterator[Row]:
    yield Row(at, body[:1], phrase("%(n)s bytes of it follow", n=body[0] if body else 0), COMPACT, opened)
    yield Row(at + 1, body[1:3], phrase("which format: the CRC of its DIF and VIF bytes"), COMPACT, opened)
    try:
        Formats().learn_format(body)
        meaning = phrase("DIF and VIF bytes of compact frames")
    except DecodeError as error:
        meaning = fault(error)
    yield Row(at + 3, body[3:], meaning, COMPACT, opened)


def _shut(shut: Shut) -> Phrase:
    match shut.state:
        case State.KEY_MISSING:
            return phrase("encrypted, and no key was given that opens it")
        case State.WRONG_KEY:
            return phrase("encrypted; the key does not open it")
        case _:
            return fault(shut.error)
