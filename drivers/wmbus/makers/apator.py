"""Apator's own payloads: the tag list of AT-WMBUS-16-2, E-ITN heat cost allocators, NA-1 and the old 08 water modules."""

from collections.abc import Iterator
from datetime import datetime, timedelta
from decimal import Decimal

from drivers.model import DecodeError, Quantity, Reading
from drivers.phrase import phrase
from drivers.wmbus.layers import CI_MANUFACTURER
from drivers.wmbus.makers.parts import (
    NOT_ESTABLISHED,
    Heard,
    Layout,
    Part,
    Said,
    date_t,
    day,
    heat_cost,
    little,
    need,
    temperature,
    volume,
)

EPOCH = datetime(2000, 1, 1)  # noqa: DTZ001  the meter's own clock, zone not said
CLOCK_YEARS = range(2015, 2050)
LITRES_MAX = 10**8  # of a flat; the check byte of NA-1 alone lets one wrong key of 256 pass

ITN_BYTES = 15
CI_ITN, CI_ITN_MORE = 0xA0, 0xB6

NA_1_BYTES = 18
NA_1_KEY = bytes(16)  # what these modules have until an operator sets another
NA_1_CHECK = 0x2F
NA_1_FLAGS = {0x04: "over flow", 0x08: "comm error", 0x40: "sensor error"}  # the other bits are no faults
NA_1_ALARMS = {
    0x80: "under flow",
    0x40: "over flow",
    0x20: "backflow",
    0x10: "no flow",
    0x08: "leak",
    0x04: "disconnected",
    0x02: "magnetic field",
    0x01: "battery low",
}

_TAG_TOTAL = 0x10
_TAG_PADDING = 0xFF
_TAGS_HISTORY = range(0x71, 0x7D)
_CHECK_BYTES_MAX = 4
_CLOCK_BYTES = 7
_TAG_BYTES = {
    0x00: 4,
    0x01: 3,
    0x10: 4,
    0x11: 2,
    0x40: 6,
    0x41: 2,
    0x42: 4,
    0x43: 2,
    0x44: 3,
    **{tag: 1 + 4 * ((tag & 0x0F) + 1) for tag in _TAGS_HISTORY},
    **dict.fromkeys((0x80, 0x81, 0x82, 0x83, 0x84, 0x86, 0x87), 10),
    0x85: 11,
    0x88: 11,
    0x8A: 9,
    0x8B: 6,
    0x8C: 6,
    0x8E: 7,
    0x8F: 11,
    0xA0: 4,
    0xA1: 4,
    0xA2: 1,
    0xA3: 7,
    0xA4: 4,
    0xA5: 1,
    0xA6: 3,
    0xA7: 2,
    0xA8: 2,
    0xA9: 1,
    0xAA: 2,
    0xAB: 2,
    0xAC: 2,
    0xAD: 2,
    0xAF: 1,
    0xB0: 5,
    0xB1: 8,
    0xB2: 16,
    0xB3: 8,
    0xB4: 2,
    0xB5: 16,
    0xD0: 3,
    0xD3: 3,
    0xF0: 4,
    **dict.fromkeys((*range(0xB6, 0xC0), *range(0xC0, 0xC8)), 3),
}


# 2F 2F 0F QQ QQ QQ QQ QQ QQ QQ | TT data | TT data | ... | FF FF .. | check     at_162; old ones have 80 in place of 0F
# Q: status and clock, not established   T: tag, its length is known   tag 10: volume, litres
# tags 71..7C: one byte, then volumes at the ends of months, the newest first
def at_162(content: bytes) -> Said | None:
    """The volume. The month ends, that only rise and stay below it, are the check."""
    body = content.removeprefix(b"\x2f\x2f")
    if body[:1] not in (b"\x0f", b"\x80"):
        return None
    at, total = 1 + _CLOCK_BYTES, None
    history: list[int] = []
    while at < len(body) and body[at] != _TAG_PADDING:
        size = _TAG_BYTES.get(body[at])
        if size is None or at + 1 + size > len(body):
            if len(body) - at <= _CHECK_BYTES_MAX:
                break  # no padding: what is left is the check
            raise DecodeError(f"tag {body[at]:02x} at byte {at} cannot be followed", body)
        data = body[at + 1 : at + 1 + size]
        if body[at] == _TAG_TOTAL:
            total = little(data, 0, 4)
        elif body[at] in _TAGS_HISTORY:
            history = [little(data, n, 4) for n in range(1, size, 4)]
        at += 1 + size
    if total is None:
        raise DecodeError("no volume among its tags", body)
    if any(newer < older for newer, older in zip([total, *history], history, strict=False)):
        raise DecodeError("the volumes at month ends do not rise to the present one", body)
    return Said((volume(total, main=True),))


def at_162_parts(content: bytes) -> Iterator[Part]:
    body = content.removeprefix(b"\x2f\x2f")
    yield Part(content[: len(content) - len(body)], phrase("two fillers"))
    yield Part(body[:1], phrase("what follows is the maker's own"))
    at = 1 + _CLOCK_BYTES
    yield Part(body[1:at], phrase("status and clock, not established"))
    while at < len(body) and body[at] != _TAG_PADDING:
        size = _TAG_BYTES.get(body[at])
        if size is None or at + 1 + size > len(body):
            break
        tag = body[at]
        name = {
            _TAG_TOTAL: phrase("tag 10: volume in litres"),
            **dict.fromkeys(
                _TAGS_HISTORY, phrase("a byte, then volumes at the ends of months in litres, the newest first")
            ),
        }.get(tag, phrase("tag %(tag)s, not established", tag=f"{tag:02X}"))
        yield Part(body[at : at + 1 + size], name)
        at += 1 + size
    padding = len(body[at:]) - len(body[at:].lstrip(bytes((_TAG_PADDING,))))
    yield Part(body[at : at + padding], phrase("padding"))
    yield Part(body[at + padding :], phrase("check bytes"))


AT_08 = Layout("VV VV VV VV", {"V": phrase("volume, in thirds of a litre")})


def at_08(heard: Heard) -> Said:
    if heard.body[0] != CI_ITN:
        raise DecodeError(f"CI {heard.body[0]:02x} is not known", heard.body)
    need(heard.payload, 4, "volume")
    return Said((volume((Decimal(little(heard.payload, 0, 4)) / 3).quantize(Decimal("0.1")), main=True),))


# behind A0; behind CI B6 there are LL, L bytes, A0, and then the same
E_ITN = Layout(
    "SS SS .. PP PP EE EE NN NN DD DD RR RR QQ QQ",
    {
        "S": phrase("day and month the season begins"),
        "P": phrase("units of heat cost of the last season"),
        "E": phrase("date its seal was broken, 0 if intact"),
        "N": phrase("units of heat cost now"),
        "D": phrase("date now"),
        "R": phrase("average of the room in the last season, in 256ths of a degree"),
        "Q": phrase("average of the room in this season, in 256ths of a degree"),
    },
)


def e_itn_parts(heard: Heard) -> Iterator[Part]:
    payload = heard.payload
    if heard.body[0] == CI_ITN_MORE and payload:
        more = 1 + payload[0]
        yield Part(payload[:1], phrase("%(n)s bytes of it follow", n=payload[0]))
        yield Part(payload[1:more], NOT_ESTABLISHED)
        yield Part(payload[more : more + 1], phrase("the block that is read"))
        payload = payload[more + 1 :]
    yield from E_ITN(payload)


def e_itn(heard: Heard) -> Said:
    body = heard.body
    if body[0] == CI_ITN_MORE and len(body) > 1:
        body = body[2 + body[1] :]
    if body[:1] != bytes((CI_ITN,)):
        raise DecodeError("no block A0", heard.body)
    p = body[1:]
    need(p, ITN_BYTES, "block A0")
    now = date_t(little(p, 9, 2))
    if now is None:
        raise DecodeError("no date", p)
    broken = date_t(little(p, 5, 2))
    readings = [
        heat_cost(little(p, 7, 2), main=True),
        *day(now),
        heat_cost(little(p, 3, 2), 1),
        temperature("room_temperature", Decimal(little(p, 13, 2)) / 256),
        temperature("room_temperature", Decimal(little(p, 11, 2)) / 256, 1),
    ]
    if broken is not None:
        readings.append(Reading("tamper_date", Quantity.DATE, broken))
    return Said(tuple(readings), ("tamper",) if broken else ())


NA_1_CLEAR = Layout("NN FF", {"N": phrase("access number"), "F": phrase("flags")})
# AES-128 in CBC mode
NA_1_PLAIN = Layout(
    "2F VV VV VV VV SS SS SS SS HH HH HH HH HH AA BB",
    {
        "2F": phrase("check byte: the key fits"),
        "V": phrase("volume"),
        "S": phrase("seconds since 2000"),
        "H": phrase("age of the last kept value, and what was used since"),
        "A": phrase("alarms now"),
        "B": phrase("alarms earlier"),
    },
)


def na_1_parts(heard: Heard) -> Iterator[Part]:
    yield from NA_1_CLEAR(heard.payload[:2])
    yield from NA_1_PLAIN(_na_1_plain(heard), opened=True)
    yield Part(heard.payload[NA_1_BYTES:], NOT_ESTABLISHED)


def na_1(heard: Heard) -> Said:
    if heard.body[0] not in CI_MANUFACTURER:
        raise DecodeError(f"CI {heard.body[0]:02x} is not known", heard.body)
    p = heard.payload
    need(p, NA_1_BYTES, "NA-1")
    d = _na_1_plain(heard)
    raw = little(d, 1, 4)
    scale = 10 ** (raw >> 4 & 3)
    total = ((raw >> 8) * 16 + (raw & 0x0F)) * scale
    clock = EPOCH + timedelta(seconds=little(d, 5, 4))
    age = timedelta(hours=d[9] + (d[10] >> 2) * 256)
    used = (d[13] << 18 | d[12] << 10 | d[11] << 2 | d[10] & 3) * scale
    if d[0] != NA_1_CHECK or clock.year not in CLOCK_YEARS or not used <= total <= LITRES_MAX:
        raise DecodeError("neither the known key nor the one given opens it", p)
    status = [code for bit, code in NA_1_FLAGS.items() if p[1] & bit]
    status += [code for bit, code in NA_1_ALARMS.items() if d[14] & bit]
    status += [f"{code} (earlier)" for bit, code in NA_1_ALARMS.items() if d[15] & bit]
    readings = (
        volume(total, main=True),
        Reading("date_time", Quantity.DATE, clock),
        volume(total - used, 1),
        Reading("target_date_time", Quantity.DATE, clock - age, storage=1),
        Reading("history_age", Quantity.DURATION, Decimal(int(age.total_seconds())), storage=1),
    )
    return Said(readings, tuple(dict.fromkeys(status)), encrypted=True)


def _na_1_plain(heard: Heard) -> bytes:
    from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

    p = heard.payload
    key = heard.key if heard.key is not None and len(heard.key) == len(NA_1_KEY) else NA_1_KEY
    iv = heard.identity.link_order + p[:1] * 8
    decryptor = Cipher(algorithms.AES(key), modes.CBC(iv)).decryptor()
    return decryptor.update(p[2:NA_1_BYTES]) + decryptor.finalize()
