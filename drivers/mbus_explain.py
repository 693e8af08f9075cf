"""A frame of wired M-Bus byte by byte: what each one means and where the standards say so."""

from collections.abc import Iterator

from drivers import mbus, meters
from drivers.model import DecodeError
from drivers.phrase import Phrase, phrase
from drivers.wmbus import answers, link
from drivers.wmbus import explain as wireless
from drivers.wmbus import layers as layering
from drivers.wmbus.explain import Row
from drivers.wmbus.explain_words import CI, ERRORS, NOWHERE, TPL
from drivers.wmbus.layers import Layers
from drivers.wmbus.makers.parts import Layout

FRAME = phrase("EN 13757-2, link layer")
FIXED = phrase("EN 13757-3 before 2013, fixed data structure")

C_FIELDS = {
    0x40: phrase("SND-NKE, starts anew"),
    0x53: phrase("SND-UD, an order"),
    0x73: phrase("SND-UD, an order"),
    0x5A: phrase("REQ-UD1, asks for alarms"),
    0x7A: phrase("REQ-UD1, asks for alarms"),
    0x5B: phrase("REQ-UD2, asks for values"),
    0x7B: phrase("REQ-UD2, asks for values"),
    **dict.fromkeys((0x08, 0x18, 0x28, 0x38), phrase("RSP-UD, an answer")),
}
FIXED_STRUCTURE = Layout(
    "ID ID ID ID AN SS UU uu CC CC CC CC cc cc cc cc",
    {
        "ID": phrase("number"),
        "AN": phrase("access number"),
        "S": phrase("status"),
        "U": phrase("unit of the first counter, and half of the medium"),
        "u": phrase("unit of the second counter, and half of the medium"),
        "C": phrase("first counter"),
        "c": phrase("second counter"),
    },
)


def is_wired(data: bytes) -> bool:
    """Whether bytes begin as a frame of the bus does, and as no telegram."""
    if data[:1] == data[3:4] == bytes((mbus.LONG,)):
        return True
    return data == bytes((mbus.ACKNOWLEDGEMENT,)) or (len(data) == mbus.SHORT_BYTES and data[0] == mbus.SHORT)


def explain(data: bytes, key: bytes | None = None) -> tuple[Row, ...]:
    """The rows of a frame, in order, every byte in one of them."""
    if data[0] == mbus.ACKNOWLEDGEMENT:
        return (Row(0, data, phrase("acknowledgement: the meter has understood and says nothing more"), FRAME),)
    rows = _short(data) if data[0] == mbus.SHORT else _long(data, key)
    return tuple(row for row in rows if row.data)


def _short(data: bytes) -> Iterator[Row]:
    # 10 CC AA KK 16
    yield Row(0, data[:1], phrase("start of a short frame"), FRAME)
    yield Row(1, data[1:2], _c_field(data[1]), FRAME)
    yield Row(2, data[2:3], phrase("A: primary address %(n)s", n=data[2]), FRAME)
    yield from _end(data, data[1:3])


def _long(data: bytes, key: bytes | None) -> Iterator[Row]:
    # 68 LL LL 68 CC AA CI ... KK 16
    yield Row(0, data[:1], phrase("start of a long frame"), FRAME)
    yield Row(1, data[1:3], phrase("L, twice: %(n)s bytes from C to before the checksum", n=data[1]), FRAME)
    yield Row(3, data[3:4], phrase("start again"), FRAME)
    needed = data[1] + mbus.OVERHEAD_BYTES
    if len(data) < mbus.OVERHEAD_BYTES + 3 or needed != len(data):
        yield Row(4, data[4:], phrase("%(n)s bytes are needed, %(here)s are here", n=needed, here=len(data)), FRAME)
        return
    yield Row(4, data[4:5], _c_field(data[4]), FRAME)
    yield Row(5, data[5:6], phrase("A: primary address %(n)s", n=data[5]), FRAME)
    yield from _body(data[6:-2], key)
    yield from _end(data, data[4:-2])


def _c_field(c: int) -> Phrase:
    what = C_FIELDS.get(c, phrase("not an answer"))
    return phrase("C: %(what)s", what=what)


def _end(data: bytes, counted: bytes) -> Iterator[Row]:
    total = sum(counted) & 0xFF
    agrees = phrase("checksum; it agrees")
    if total != data[-2]:
        agrees = phrase("checksum; it does not agree: the bytes from C on sum up to %(hex)s", hex=f"{total:02X}")
    yield Row(len(data) - 2, data[-2:-1], agrees, FRAME)
    yield Row(len(data) - 1, data[-1:], phrase("stop") if data[-1] == mbus.STOP else phrase("not a stop: 16"), FRAME)


def _body(body: bytes, key: bytes | None) -> Iterator[Row]:
    """What stands between the addresses and the checksum, from the CI field on."""
    ci, at = body[0], 6
    if ci in mbus.CI_RECORDS:
        try:
            layers = layering.peel_inner(Layers(mbus.UNKNOWN), body)
            for row in wireless.message(layers, at, _model(layers), key):
                yield row
                at = row.at + len(row.data)
        except DecodeError as error:
            yield Row(at, body[at - 6 :], wireless.fault(error), TPL)
        return
    if ci == mbus.CI_FIXED:
        yield Row(at, body[:1], wireless.ci_field(ci, phrase("the fixed data structure of old meters")), FIXED)
        at += 1
        for part in FIXED_STRUCTURE(body[1:]):
            yield Row(at, part.data, part.meaning, FIXED)
            at += len(part.data)
        return
    if ci == mbus.CI_APPLICATION_ERROR:
        yield Row(at, body[:1], wireless.ci_field(ci, layering.name(ci)), CI)
        yield Row(at + 1, body[1:], answers.said(ci, body[1:]), ERRORS)
        return
    name = phrase("most significant byte first") if ci in mbus.CI_MSB_FIRST else layering.name(ci)
    yield Row(at, body[:1], wireless.ci_field(ci, name), CI)
    yield Row(at + 1, body[1:], phrase("not read"), NOWHERE)


def _model(layers: Layers) -> meters.Model | None:
    meter = layers.tpl.identity if layers.tpl else None
    return meters.model(link.letters(meter.manufacturer), meter.version, meter.device_type) if meter else None
