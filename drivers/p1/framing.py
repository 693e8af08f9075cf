"""Cuts the byte stream of a P1 port into telegrams, and a telegram into what each of its meters said."""

import re
from collections.abc import Iterator

from drivers.crc import IBM, crc16
from drivers.model import DecodeError, Frame

# /XXX5 identification CR LF CR LF line CR LF ... ! KKKK CR LF     P1 companion standard v4.0, 5.2, 5.3 and 5.12
# K: CRC-16/ARC from / to !, both in, four hexadecimal digits, the high byte first; none in versions 2.2 and 3.
# Neither / nor ! stands anywhere else (IEC 62056-21, data block).
BEGIN, END = 0x2F, 0x21
# Versions 2.2 and 3 are 7E1, read as 8N1: bit 7 makes the number of ones even. / has five, so it comes as AF.
BEGIN_WITH_PARITY = 0xAF

# A three-phase telegram has 1.1 kB, one with the operator's longest message 2 kB more.
TELEGRAM_BYTES_MAX = 8192
NOISE_BYTES_MAX = 1024  # said as one error, and not kept
_CRC_DIGITS = 4
_TAIL_BYTES_MAX = 8  # from ! to the line's end

_BEGINS = re.compile(rb"[/\xAF]")
_BORDERS = {BEGIN: re.compile(rb"[/!]"), BEGIN_WITH_PARITY: re.compile(rb"[\xAF!]")}
_LINE_END = re.compile(rb"[\r\n/\x8D\xAF]")
_LINE_ENDS = b"\r\n\x8d"  # CR has three ones, LF two
_EVEN_PARITY = bytes(byte & 0x7F if byte.bit_count() % 2 == 0 else 0 for byte in range(256))

# What only telegrams with a CRC hold: the version, the Belgian version, the telegram's own time.
_HAS_CRC = re.compile(rb"\n(?:1-3:0\.2\.8|0-0:96\.1\.4|0-0:1\.0\.0)\(")
_CHANNEL = re.compile(rb"0-([1-9]):")
_NAMES_METER = re.compile(rb"0-[1-9]:96\.1\.[01]\([^)]")
_TIME = b"0-0:1.0.0("
_CRC = re.compile(rb"[0-9A-Fa-f]{4}")
_LINES = re.compile(rb"[\r\n]+")


class Framer:
    """What each meter behind a P1 port said, a frame each. Holds little more than TELEGRAM_BYTES_MAX between two calls.

    A telegram is checked as a whole, by its CRC or else by the parity of every character: in one that has neither,
    damage could not be told from a value, and it is refused. Each of its frames has a telegram's form again: the
    identification, the lines of one meter, and `!` with the CRC that was right, or `!` alone where parity was the check.
    """

    def __init__(self) -> None:
        self._held = bytearray()
        self._begun = False  # a telegram's first byte is the first that is held
        self._searched = 1  # and no border lies between it and here
        self._noise = bytearray()

    def feed(self, data: bytes) -> Iterator[Frame | DecodeError]:
        """Take bytes, give what became whole."""
        for at in range(0, len(data), TELEGRAM_BYTES_MAX):
            self._held += data[at : at + TELEGRAM_BYTES_MAX]
            while self._held:
                if not self._begun:
                    yield from self._pass_over()
                elif (cut := self._cut()) is None:
                    break
                else:
                    end, go_on = cut
                    telegram, tail = bytes(self._held[:end]), bytes(self._held[end:go_on])
                    del self._held[:go_on]
                    self._begun = False
                    yield from _checked(telegram, tail)

    def _pass_over(self) -> Iterator[DecodeError]:
        """Whatever stands before a telegram and is no line end is an error, said when that begins or a bound is met."""
        found = _BEGINS.search(self._held)
        end = found.start() if found else len(self._held)
        noise = self._noise + self._held[:end].translate(None, _LINE_ENDS)
        del self._held[:end]
        self._begun, self._searched = found is not None, 1
        while len(noise) >= NOISE_BYTES_MAX or (noise and self._begun):
            piece = bytes(noise[:NOISE_BYTES_MAX])
            del noise[:NOISE_BYTES_MAX]
            yield DecodeError(f"p1: {len(piece)} bytes are no whole telegram", piece)
        self._noise = noise

    def _cut(self) -> tuple[int, int] | None:
        """Where the telegram ends, and where the stream goes on behind its CRC; None while that has not come."""
        held = self._held
        found = _BORDERS[held[0]].search(held, self._searched, TELEGRAM_BYTES_MAX)
        if found is None:
            self._searched = len(held)
            return (TELEGRAM_BYTES_MAX, TELEGRAM_BYTES_MAX) if len(held) >= TELEGRAM_BYTES_MAX else None
        if held[found.start()] != END:
            return found.start(), found.start()
        self._searched, end = found.start(), found.end()
        line_end = _LINE_END.search(held, end, end + _TAIL_BYTES_MAX)
        if line_end is not None:
            return end, line_end.start()
        return (end, end + _TAIL_BYTES_MAX) if len(held) >= end + _TAIL_BYTES_MAX else None


def _checked(telegram: bytes, tail: bytes) -> Iterator[Frame | DecodeError]:
    fault = None
    if telegram[-1] != END:
        fault = f"{len(telegram)} bytes without an end"
    parity = telegram[0] == BEGIN_WITH_PARITY
    if parity:
        telegram, tail = telegram.translate(_EVEN_PARITY), tail.translate(_EVEN_PARITY)
        if fault is None and 0 in telegram + tail:
            fault = "a character of wrong parity"
    if fault is None:
        fault = _fault(telegram, tail, parity)
    if fault is not None:
        yield DecodeError(f"p1 telegram: {fault}", telegram)
    else:
        yield from _meters(telegram, tail)


def _fault(telegram: bytes, tail: bytes, parity: bool) -> str | None:
    """What speaks against a whole telegram, parity apart."""
    if _CRC.fullmatch(tail):
        counted = crc16(IBM, telegram, 0)
        return None if int(tail, 16) == counted else f"CRC {tail.decode()}, the characters give {counted:04X}"
    if tail:
        return f"{_CRC_DIGITS} hexadecimal digits or a line end belong behind !, not {tail!r}"
    if _HAS_CRC.search(telegram):
        return "its CRC is missing"
    if not parity:
        return "it has no CRC, and its characters no parity: have the far end read the line as 8 bits without parity"
    return None


def _meters(telegram: bytes, tail: bytes) -> Iterator[Frame]:
    """The electricity meter's lines, then those of each channel of its M-Bus whose meter is named."""
    identification, *lines = _LINES.split(telegram[:-1].strip(b"\r\n"))
    channels: dict[bytes, list[bytes]] = {}
    mine = channels[b""] = []
    for line in lines:
        if line.startswith(b"("):  # versions 2.2 and 3 break the gas meter's line before its value
            mine[-1:] = [b"".join((*mine[-1:], line))]
            continue
        found = _CHANNEL.match(line)
        mine = channels.setdefault(found[1] if found else b"", [])
        mine.append(line)
    for channel in [
        channel for channel, said in channels.items() if channel and not any(map(_NAMES_METER.match, said))
    ]:
        channels[b""] += channels.pop(channel)  # relays of the electricity meter, and channels without a meter
    times = [line for line in channels[b""] if line.startswith(_TIME)]
    for channel, said in channels.items():
        yield Frame(b"\r\n".join((identification, *(times if channel else ()), *said, b"!" + tail)))
