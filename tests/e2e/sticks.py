"""An emulated IM871A stick at the end of a serial line."""

import os
import threading
import tty
from pathlib import Path

from drivers.encode import im871a


class Stick:
    """Answers the box's questions, and hands on what it is told it heard."""

    def __init__(self, path: Path) -> None:
        self._end, self._line = os.openpty()
        tty.setraw(self._line)
        path.symlink_to(os.ttyname(self._line))
        threading.Thread(target=self._answer, daemon=True).start()

    def _answer(self) -> None:
        while asked := os.read(self._end, 4096):
            for said in im871a.answers(asked):
                os.write(self._end, said)

    def hands_on(self, telegram: bytes) -> None:
        os.write(self._end, im871a.heard(telegram, -64))
