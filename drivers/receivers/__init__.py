"""Radio receivers: what comes out of a stick or a program, cut into wireless M-Bus telegrams."""

from collections.abc import Callable
from dataclasses import dataclass

from drivers.model import Framer
from drivers.receivers import hexlines, im871a


@dataclass(frozen=True, slots=True)
class Receiver:
    """How to open one: `start` is written when the line opens, and again after it was lost."""

    framer: Callable[[], Framer]
    baud: int
    start: bytes


RECEIVERS = {
    "hexlines": Receiver(hexlines.Framer, hexlines.BAUD, hexlines.START),
    "im871a": Receiver(im871a.Framer, im871a.BAUD, im871a.START),
}
