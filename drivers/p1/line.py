"""Reads the telegrams of one line one after the other: an index that no CRC vouches for needs the next one to agree."""

from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal

from drivers.model import Frame, Kind, Quantity, Reading, Telegram
from drivers.p1.telegram import decode, is_checked

# Parity lets two bits of a character change together. An index that leapt would be believed, and every true one after it
# held for days as running backwards. Versions 2.2 and 3 come each 10 s, their gas each hour: this much and no more is new.
STEP_MAX = {Quantity.ENERGY: Decimal(200), Quantity.VOLUME: Decimal(20_000), Quantity.ENERGY_JOULE: Decimal(10**9)}
METERS_MAX = 16


class Line:
    """Frames in, telegrams out."""

    def __init__(self) -> None:
        self._said: dict[str, dict[str, Decimal]] = {}

    def decode(self, frame: Frame, at: int) -> Telegram:
        """As `decode` of a single frame; `at` is when it was heard, UTC seconds."""
        telegram = decode(frame, datetime.fromtimestamp(at, UTC))
        if is_checked(frame):
            return telegram
        indexes = {r.register: r.value for r in telegram.readings if isinstance(r.value, Decimal)}
        address = str(telegram.address)
        before = self._said.pop(address, {})
        if len(self._said) >= METERS_MAX:
            del self._said[next(iter(self._said))]
        self._said[address] = indexes
        return replace(telegram, readings=tuple(r for r in telegram.readings if _follows(before.get(r.register), r)))


def _follows(before: Decimal | None, reading: Reading) -> bool:
    if reading.quantity.kind is not Kind.INDEX or not isinstance(reading.value, Decimal):
        return True
    step_max = STEP_MAX.get(reading.quantity, Decimal(1))
    return before is not None and 0 <= reading.value - before <= step_max
