"""How far something is, for somebody who waits at a terminal: a bar after half a second, and nothing anywhere else."""

import contextlib
import threading
import time
from collections.abc import Callable, Iterator
from types import TracebackType
from typing import TextIO

from gateway.trouble import Trouble

PATIENCE_S = 0.5
EACH_S = 0.2  # between two drawings, and between two questions
WIDTH = 30


class Bar:
    """Call it with a share from 0 to 1. Its line is wiped when the work ends."""

    def __init__(self, stream: TextIO, now: Callable[[], float] = time.monotonic) -> None:
        self._stream = stream
        self._now = now
        self._shown = stream.isatty()
        self._next = now() + PATIENCE_S
        self._drawn = False

    def __enter__(self) -> "Bar":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._drawn:
            self._write("\r" + " " * (WIDTH + 8) + "\r")

    def __call__(self, share: float) -> None:
        if not self._shown or self._now() < self._next:
            return
        self._next = self._now() + EACH_S
        self._drawn = True
        share = min(max(share, 0.0), 1.0)
        full = int(share * WIDTH)
        self._write(f"\r[{'#' * full}{' ' * (WIDTH - full)}] {share:4.0%}")

    @contextlib.contextmanager
    def asking(self, ask: Callable[[], float]) -> Iterator[None]:
        """Ask somebody else how far it is, as long as this lasts."""
        done = threading.Event()

        def go() -> None:
            with contextlib.suppress(Trouble, OSError, KeyError, TypeError, ValueError):
                while not done.wait(EACH_S):
                    self(ask())

        thread = threading.Thread(target=go, name="progress", daemon=True)
        if self._shown:
            thread.start()
        try:
            yield
        finally:
            done.set()
            if self._shown:
                thread.join()

    def _write(self, text: str) -> None:
        self._stream.write(text)
        self._stream.flush()
