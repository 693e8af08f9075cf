"""A German meter's optical port that does not exist: SML values, messages and whole files."""

from collections.abc import Iterable
from dataclasses import dataclass

from drivers.crc import CCITT, crc16
from drivers.sml.framing import ESCAPE, START

LEFT_OUT = b"\x01"
WH, W, V, A, HZ = 30, 27, 35, 33, 44


def octets(data: bytes) -> bytes:
    return _head(0, len(data)) + data


def unsigned(value: int, size: int = 1) -> bytes:
    return _head(6, size) + value.to_bytes(size, "big")


def signed(value: int, size: int = 1) -> bytes:
    return _head(5, size) + value.to_bytes(size, "big", signed=True)


def listed(*elements: bytes) -> bytes:
    return _head(7, len(elements)) + b"".join(elements)


def _head(kind: int, size: int) -> bytes:
    """Type and length; the length counts these bytes too, but for a list, which counts its elements."""
    count = size if kind == 7 else size + 1
    if count < 16:
        return bytes((kind << 4 | count,))
    count = size if kind == 7 else size + 2
    return bytes((0x80 | kind << 4 | count >> 4, count & 0x0F))


def server(letters: str, number: int, block: int = 0) -> bytes:
    """The number of an electricity meter (DIN 43863-5)."""
    return b"\x0a\x01" + letters.encode("ascii") + bytes((block,)) + number.to_bytes(4, "big")


def seconds(count: int) -> bytes:
    """The time of a meter without a clock: how long it has run."""
    return listed(unsigned(1), unsigned(count, 4))


@dataclass(frozen=True, slots=True)
class Entry:
    """One value of a list: `code` is C.D.E, `value` counts in ten to the `scaler` of the unit; `status` a word or none."""

    code: str
    unit: int
    scaler: int
    value: int
    size: int = 8
    status: int | None = None

    def encoded(self) -> bytes:
        name = bytes((1, 0, *map(int, self.code.split(".")), 255))
        status = LEFT_OUT if self.status is None else unsigned(self.status, 4)
        return listed(
            octets(name),
            status,
            LEFT_OUT,
            unsigned(self.unit),
            signed(self.scaler),
            signed(self.value, self.size),
            LEFT_OUT,
        )


def message(tag: int, body: bytes, transaction: bytes = b"\x01\x02\x03") -> bytes:
    """One message with its CRC (SML 1.03, message)."""
    before = octets(transaction) + unsigned(0) + unsigned(0) + listed(unsigned(tag, 2), body)
    counted = b"\x76" + before
    crc = crc16(CCITT, counted, 0xFFFF) ^ 0xFFFF
    return counted + unsigned(int.from_bytes(crc.to_bytes(2, "little"), "big"), 2) + b"\x00"


def messages(number: bytes | None, entries: Iterable[bytes], sensor_time: bytes = LEFT_OUT) -> bytes:
    """What a meter sends by itself: it opens, gives its list, and closes."""
    named = LEFT_OUT if number is None else octets(number)
    opened = listed(LEFT_OUT, LEFT_OUT, octets(b"\x00\x01"), named, LEFT_OUT, LEFT_OUT)
    said = listed(
        LEFT_OUT, named, octets(b"\x01\x00\x62\x0a\xff\xff"), sensor_time, listed(*entries), LEFT_OUT, LEFT_OUT
    )
    return message(0x0101, opened) + message(0x0701, said) + message(0x0201, listed(LEFT_OUT))


def file(body: bytes, *, kermit: bool = False) -> bytes:
    """The messages in their transport; `kermit`: with the CRC that Holley's DTZ541 sends."""
    fill = -len(body) % 4
    counted = START + body.replace(ESCAPE, ESCAPE * 2) + bytes(fill) + ESCAPE + bytes((0x1A, fill))
    if kermit:
        return counted + crc16(CCITT, counted, 0).to_bytes(2, "big")
    return counted + (crc16(CCITT, counted, 0xFFFF) ^ 0xFFFF).to_bytes(2, "little")


def household(number: bytes, import_wh: int, export_wh: int, power_w: int, run_s: int = 86_400) -> bytes:
    """A three-phase meter with all values open (after its PIN): tenths of a watt-hour, watts, volts, amperes."""
    entries = [
        listed(octets(b"\x01\x00\x60\x32\x01\x01"), *(LEFT_OUT,) * 4, octets(b"REL"), LEFT_OUT),
        listed(octets(b"\x01\x00\x60\x01\x00\xff"), *(LEFT_OUT,) * 4, octets(number), LEFT_OUT),
        Entry("1.8.0", WH, -1, import_wh * 10, status=0x001C0104).encoded(),
        Entry("2.8.0", WH, -1, export_wh * 10).encoded(),
        Entry("16.7.0", W, 0, power_w, 4).encoded(),
        *(Entry(f"{code}.7.0", W, 0, power_w // 3, 4).encoded() for code in (36, 56, 76)),
        *(Entry(f"{code}.7.0", V, -1, 2304, 2).encoded() for code in (32, 52, 72)),
        *(Entry(f"{code}.7.0", A, -2, abs(power_w) * 100 // 690, 2).encoded() for code in (31, 51, 71)),
        Entry("14.7.0", HZ, -1, 500, 2).encoded(),
    ]
    return file(messages(number, entries, seconds(run_s)))
