"""Reads the frames of one line one after the other: what one of them lost, or leaves out, those before it said."""

from dataclasses import replace

from drivers.model import Frame, Telegram
from drivers.tic.groups import read_groups
from drivers.tic.telegram import nobodys, stated_address, telegram

# A frame takes 3 s at most. Within so many more no meter is unscrewed and another put in its place.
ADDRESS_S_MAX = 10
# ERDF-NOI-CPT_02E: while a phase is over, twenty short frames stand between two whole ones, about 13 s of wire.
WARNING_S_MAX = 20

_SHORT = "ADIR"  # only short frames have these labels


class Line:
    """Frames in, telegrams out.

    - A damaged address costs its group, not its frame. It is then the meter's that was named by the last two frames that
      named one, the later of them less than ADDRESS_S_MAX ago.
    - A short frame (historique, three phases, one of them over) says nothing of the rest: what the whole frame before it
      said is not in order still is, and its own warning holds until a whole cycle went by without one.
    """

    def __init__(self) -> None:
        self._named: tuple[str | None, str | None] = (None, None)
        self._named_at = 0
        self._whole: tuple[str, ...] = ()
        self._warning: tuple[str, ...] = ()
        self._warned_at = 0

    def decode(self, frame: Frame, at: int) -> Telegram:
        """As `decode` of a single frame; `at` is when it was heard, UTC seconds."""
        good, faults = read_groups(frame.data)
        address = stated_address(good)
        if address is not None:
            self._named, self._named_at = (self._named[1], address), at
        elif good and self._named[0] == self._named[1] and 0 <= at - self._named_at < ADDRESS_S_MAX:
            address = self._named[1]
        if address is None:
            raise nobodys(good, faults, frame)
        return self._with_warning(telegram(good, faults, address), at)

    def _with_warning(self, said: Telegram, at: int) -> Telegram:
        if any(reading.register.startswith(_SHORT) for reading in said.readings):
            self._warning, self._warned_at = said.status, at
            return replace(said, status=tuple(dict.fromkeys((*self._whole, *said.status))))
        self._whole = said.status
        if not self._warning or not 0 <= at - self._warned_at < WARNING_S_MAX:
            self._warning = ()
            return said
        return replace(said, status=tuple(dict.fromkeys((*said.status, *self._warning))))
