"""A Linky in a serial line of this machine, which a container may be given."""

import contextlib
import os
import threading
import tty
from datetime import UTC, datetime
from pathlib import Path

from drivers.encode.tic import Linky, Stamped, standard_frame, with_parity

DIALOUT = 20  # in each Debian
FRAME_S = 0.5


class Meter:
    """A Linky that says its index over and over, into a line that is `path` here."""

    def __init__(self) -> None:
        self.index_wh = 12_345_678
        self._here, self._there = os.openpty()
        tty.setraw(self._there)
        os.set_blocking(self._here, False)
        self.path = os.ttyname(self._there)
        os.chown(self.path, 0, DIALOUT)
        Path(self.path).chmod(0o660)
        self._over, self._speaks = threading.Event(), threading.Event()
        self._speaks.set()
        self._thread = threading.Thread(target=self._say, name="meter", daemon=True)
        self._thread.start()

    def close(self) -> None:
        self._over.set()
        self._thread.join()
        os.close(self._here)
        os.close(self._there)

    def mute(self) -> None:
        self._speaks.clear()

    def speak(self) -> None:
        self._speaks.set()

    def _say(self) -> None:
        while not self._over.wait(FRAME_S):
            if not self._speaks.is_set():
                continue
            now = datetime.now(UTC)
            stamped = Stamped(2300, now)
            said = Linky(
                address="041234567890",
                at=now,
                indexes_wh=(self.index_wh,),
                apparent_power_va=690,
                max_today_va=stamped,
                max_yesterday_va=stamped,
            )
            with contextlib.suppress(BlockingIOError):  # nobody reads just now
                os.write(self._here, with_parity(standard_frame(said)))
