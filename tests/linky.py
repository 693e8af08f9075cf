"""A Linky's end of a serial line: 7E1 at its own speed, and what a line that listens at another one makes of it."""

import asyncio
import contextlib
import os
import termios
import tty
from collections.abc import Callable
from datetime import datetime
from pathlib import Path

from drivers.encode.tic import Contract, Linky, Stamped, with_parity
from drivers.tic.labels import Mode

BAUD = {Mode.STANDARD: 9600, Mode.HISTORIQUE: 1200}
SPEEDS = {getattr(termios, f"B{baud}"): baud for baud in (300, 600, 1200, 2400, 4800, 9600, 19200, 38400)}

_BITS = 10  # a start bit, eight, a stop bit


def household(at: datetime, *indexes_wh: int) -> Linky:
    """One with peak and off-peak hours, as it says itself at a moment."""
    return Linky(
        address="041875000042",
        at=at,
        contract=Contract.HC,
        indexes_wh=indexes_wh,
        apparent_power_va=690,
        max_today_va=Stamped(2300, at),
        max_yesterday_va=Stamped(4500, at),
    )


def misheard(data: bytes, sent_baud: int, read_baud: int) -> bytes:
    """What a UART reads that samples at another speed; a byte without its stop bit is NUL, as Linux hands it on."""
    line = [1] * _BITS
    for byte in data:
        line += [0, *(byte >> bit & 1 for bit in range(8)), 1]
    line += [1] * _BITS * max(1, sent_baud // read_baud)
    step = sent_baud / read_baud
    read = bytearray()
    at = 0.0
    while int(at + 9.5 * step) < len(line):
        if line[int(at)]:
            at += 0.25
            continue
        bits = [line[int(at + (n + 0.5) * step)] for n in range(_BITS)]
        read.append(sum(bit << n for n, bit in enumerate(bits[1:9])) if bits[9] else 0)
        at += 9.5 * step
    return bytes(read)


class Meter:
    """Plays frames into a pseudo-terminal, whose other end is `path`. `says` and `mode` may change while it runs.

    `damage` is done to the bytes on the wire, parity included.
    """

    def __init__(self, says: Callable[[], bytes], mode: Mode, *, speed: float = 1.0) -> None:
        self.says = says
        self.mode = mode
        self.damage: Callable[[bytes], bytes] = bytes
        self.plugged = True
        self._speed = speed
        self._meter, self._gateway = os.openpty()
        tty.setraw(self._gateway)
        os.set_blocking(self._meter, False)
        self.path = Path(os.ttyname(self._gateway))

    @property
    def line_baud(self) -> int:
        """The speed at which the other end listens now."""
        return SPEEDS[termios.tcgetattr(self._gateway)[4]]

    async def play(self) -> None:
        """Speak until cancelled, a piece each 0.05 s; what nobody reads is lost."""
        while True:
            said, mode = self.damage(with_parity(self.says())), self.mode
            size = max(1, int(BAUD[mode] / _BITS * 0.05 * self._speed))
            for at in range(0, len(said), size):
                await asyncio.sleep(0.05)
                self.write(said[at : at + size], mode)
                if mode is not self.mode:
                    break

    def write(self, data: bytes, mode: Mode) -> None:
        if not self.plugged:
            return
        if self.line_baud != BAUD[mode]:
            data = misheard(data, BAUD[mode], self.line_baud)
        with contextlib.suppress(BlockingIOError):
            os.write(self._meter, data)

    def close(self) -> None:
        os.close(self._gateway)
        os.close(self._meter)
