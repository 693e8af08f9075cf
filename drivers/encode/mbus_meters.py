"""Meters on a wired bus as they behave towards a master: selection, acknowledgement, repeated and further telegrams."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from drivers.encode.mbus import ACKNOWLEDGEMENT, answer
from drivers.mbus.framing import LONG, Framer
from drivers.mbus.requests import ADDRESS_ALL, ADDRESS_SELECTED, CI_SELECT, FRAME_COUNT_BIT, REQ_UD2, SND_NKE, SND_UD
from drivers.model import Frame

ADDRESS_EVERYBODY = 0xFE  # everybody, and everybody answers
MORE_FOLLOWS = b"\x1f"


@dataclass(slots=True)
class Meter:
    """One meter: its secondary address, its primary one, and its records, a telegram each."""

    identity: bytes
    telegrams: Sequence[bytes]
    primary: int = 0
    access_number: int = 0
    mute: bool = False
    asked: int = 0  # REQ_UD2 that reached it: what a battery pays for
    selected: bool = False
    _at: int = -1
    _count: int | None = None

    def hear(self, frame: bytes) -> bytes | None:
        """What it says to one frame of the master; None where it keeps silent."""
        if self.mute:
            return None
        if frame[0] == LONG:
            return self._told(frame[4], frame[5], frame[6], frame[7:-2])
        if len(frame) != 5:
            return None
        c, address = frame[1], frame[2]
        spoken_to = address in (self.primary, ADDRESS_EVERYBODY) or (address == ADDRESS_SELECTED and self.selected)
        if c == SND_NKE:
            if spoken_to or address == ADDRESS_ALL:
                self._begin()
            if address == ADDRESS_SELECTED:
                self.selected = False
            return ACKNOWLEDGEMENT if spoken_to else None
        if c & ~FRAME_COUNT_BIT == REQ_UD2 and spoken_to:
            return self._said(c & FRAME_COUNT_BIT)
        return None

    def _told(self, c: int, address: int, ci: int, data: bytes) -> bytes | None:
        if c & ~FRAME_COUNT_BIT != SND_UD or ci != CI_SELECT or address != ADDRESS_SELECTED or len(data) != 8:
            return None
        self.selected = _selects(data, self.identity)
        if not self.selected:
            return None
        self._begin()
        return ACKNOWLEDGEMENT

    def _begin(self) -> None:
        self._at, self._count = -1, None

    def _said(self, count: int) -> bytes:
        self.asked += 1
        if count != self._count:
            self._count = count
            self._at = (self._at + 1) % len(self.telegrams)
            self.access_number = (self.access_number + 1) % 256
        last = self._at == len(self.telegrams) - 1
        records = self.telegrams[self._at] + (b"" if last else MORE_FOLLOWS)
        return answer(self.identity, records, self.access_number, address=self.primary)


@dataclass(slots=True)
class Bus:
    """Meters on one pair of wires. `feed` takes what the master sends and gives what each of them says to it."""

    meters: list[Meter]
    requests: list[bytes] = field(default_factory=list)
    _framer: Framer = field(default_factory=Framer)

    def feed(self, data: bytes) -> list[tuple[bytes, list[tuple[Meter, bytes]]]]:
        said = []
        for frame in self._framer.feed(data):
            if isinstance(frame, Frame):
                self.requests.append(frame.data)
                heard = [(meter, meter.hear(frame.data)) for meter in self.meters]
                said.append((frame.data, [(meter, reply) for meter, reply in heard if reply is not None]))
        return said


def together(*replies: bytes) -> bytes:
    """What a master hears of replies that begin at the same time: a 0 of anybody is a 0 on the wire."""
    whole = bytearray(max(replies, key=len, default=b""))
    for reply in replies:
        for at, byte in enumerate(reply):
            whole[at] &= byte
    return bytes(whole)


def _selects(mask: bytes, identity: bytes) -> bool:
    for at, (wanted, own) in enumerate(zip(mask, identity, strict=True)):
        if at < 4:
            if any(wanted >> shift & 15 not in (15, own >> shift & 15) for shift in (0, 4)):
                return False
        elif wanted not in (0xFF, own):
            return False
    return True
