"""A P1 meter's end of a serial line: a telegram each second at its own speed, and what another speed makes of it."""

import asyncio
import contextlib
import os
import termios
import tty
from collections.abc import Callable
from functools import cache
from pathlib import Path

from tests.linky import misheard

SPEEDS = {termios.B9600: 9600, termios.B115200: 115_200}

misheard_once = cache(misheard)  # the same telegram again and again: what it becomes takes long to work out


class Meter:
    """Plays telegrams into a pseudo-terminal, whose other end is `path`."""

    def __init__(self, says: Callable[[], bytes], baud: int = 115_200, pace_s: float = 1.0) -> None:
        self.says = says
        self.baud = baud
        self.damage: Callable[[bytes], bytes] = bytes
        self._pace_s = pace_s
        self._meter, self._gateway = os.openpty()
        tty.setraw(self._gateway)
        os.set_blocking(self._meter, False)
        self.path = Path(os.ttyname(self._gateway))

    async def play(self) -> None:
        """Speak until cancelled; what nobody reads is lost."""
        while True:
            said = self.damage(self.says())
            line_baud = SPEEDS.get(termios.tcgetattr(self._gateway)[4], self.baud)  # the first until the line is opened
            if line_baud != self.baud:
                said = misheard_once(said, self.baud, line_baud)
            with contextlib.suppress(BlockingIOError):
                os.write(self._meter, said)
            await asyncio.sleep(self._pace_s)

    def close(self) -> None:
        os.close(self._gateway)
        os.close(self._meter)
