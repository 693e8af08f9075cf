"""Radio receivers: what comes out of a stick or a program, cut into wireless M-Bus telegrams."""

from collections.abc import Callable
from dataclasses import dataclass

from drivers.receivers import amb8465, cul, hexlines, im871a, iu891a, rc1180, rtl_433
from drivers.talk import Dongle


@dataclass(frozen=True, slots=True)
class Receiver:
    """How to open one. `start` begins the talk: written when the line opens, and again while nobody answered.

    A receiver without `start` only speaks; it is recognised by the telegrams it brings.
    """

    framer: Callable[[], Dongle]
    baud: int
    start: bytes


RECEIVERS = {
    "im871a": Receiver(im871a.Framer, im871a.BAUD, im871a.START),
    "iu891a": Receiver(iu891a.Framer, iu891a.BAUD, iu891a.START),
    "amb8465": Receiver(amb8465.Framer, amb8465.BAUD, amb8465.START),
    "rc1180": Receiver(rc1180.Framer, rc1180.BAUD, rc1180.START),
    # Last of those that answer: many a nanoCUL starts anew when its line is opened, and is deaf for two seconds.
    "cul": Receiver(cul.Framer, cul.BAUD, cul.START),
    "hexlines": Receiver(hexlines.Framer, hexlines.BAUD, hexlines.START),
    "rtl_433": Receiver(rtl_433.Framer, rtl_433.BAUD, rtl_433.START),
}
