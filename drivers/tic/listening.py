"""Whether TIC is spoken on a line: two good groups decide, and say the mode and where the parity is."""

import re
from collections import Counter
from dataclasses import dataclass

from drivers.tic.framing import Framer, without_parity
from drivers.tic.groups import Group, read_group
from drivers.tic.labels import Mode

# One group may be a wonder among noise; that a second one passes checksum, label, width and characters is none.
GROUPS_NEEDED = 2
# The longest group, PPOINTE, has 111 bytes: what is longer without an end is no group.
GROUP_BYTES_MAX = 160

_ENDS = re.compile(rb"[\r\n\x02\x03\x04]")


@dataclass(frozen=True, slots=True)
class Spoken:
    """What two good groups said. `parity`: bit 7 still carries it, as on a 7E1 line that is read as 8N1."""

    mode: Mode
    parity: bool

    def framer(self) -> Framer:
        return Framer(self.parity)

    def listener(self) -> "Listener":
        """One that hears whether this is still spoken, in whichever mode."""
        return Listener(self.parity)


class Listener:
    """Hears whether a line speaks TIC. Holds at most GROUP_BYTES_MAX bytes a way of reading.

    `parity` None reads both ways: an adapter or a far end may have checked the parity and taken it away. A line that
    has it is never taken for one that has not: half of all characters, each CR among them, then carry bit 7.
    """

    def __init__(self, parity: bool | None = None) -> None:
        self._ears = [_Ear(way) for way in ((True, False) if parity is None else (parity,))]

    def feed(self, data: bytes) -> Spoken | None:
        """Take bytes; what is spoken, once it is known."""
        return next((spoken for ear in self._ears if (spoken := ear.feed(data)) is not None), None)


class _Ear:
    def __init__(self, parity: bool) -> None:
        self._parity = parity
        self._held = b""
        self._good: Counter[Mode] = Counter()

    def feed(self, data: bytes) -> Spoken | None:
        *lines, rest = _ENDS.split(self._held + (without_parity(data) if self._parity else data))
        self._held = rest[-GROUP_BYTES_MAX:]
        for line in lines:
            group = read_group(line)
            if isinstance(group, Group):
                self._good[group.mode] += 1
                if self._good[group.mode] >= GROUPS_NEEDED:
                    return Spoken(group.mode, self._parity)
        return None
