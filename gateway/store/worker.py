"""One thread that does one thing at a time: jobs as they come, and a round at each interval."""

from __future__ import annotations

import contextlib
import queue
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future
from typing import ParamSpec, TypeVar

P = ParamSpec("P")
T = TypeVar("T")


class StoppingError(Exception):
    """A long job is to end, because all is."""


class Worker:
    """Made in the thread that will `serve`; asked from any other."""

    def __init__(self) -> None:
        self._thread = threading.current_thread()
        self._jobs: queue.SimpleQueue[Callable[[], None] | None] = queue.SimpleQueue()
        self._ended: BaseException | None = None
        self._stopping = False
        self._interval_s = self._due = 0.0
        self._round: Callable[[], object] = bool

    def serve(self, interval_s: float, each_round: Callable[[], object]) -> None:
        """Until `stop`. What a job raises goes to who asked for it; what a round raises is a bug and ends the thread."""
        self._interval_s, self._round, self._due = interval_s, each_round, time.monotonic() + interval_s
        try:
            while self._turn(wait=True):
                pass
        except BaseException as error:
            self._ended = error
            raise
        finally:
            self._ended = self._ended or RuntimeError("closed")
            self._refuse()

    def between(self) -> None:
        """From within a long job: what waits is done now, and the round if it is due. StoppingError when all is to end."""
        while not self._stopping and not self._jobs.empty():
            self._turn(wait=False)
        if self._stopping:
            raise StoppingError
        self._turn(wait=False)

    def _turn(self, *, wait: bool) -> bool:
        """One job, if one comes in time, and the round if it is due; False when it was the last."""
        with contextlib.suppress(queue.Empty):
            job = self._jobs.get(timeout=max(0.0, self._due - time.monotonic())) if wait else self._jobs.get_nowait()
            if job is None:
                return False
            job()
        if time.monotonic() >= self._due:
            self._due = time.monotonic() + self._interval_s
            self._round()
        return True

    @property
    def alive(self) -> bool:
        return self._ended is None

    def check(self) -> None:
        """A bug that ended the thread ends who asks it next, so that the program is started again."""
        if self._ended is not None:
            raise RuntimeError("the store's thread has ended") from self._ended

    def submit(self, function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> Future[T]:
        """Queue a call."""
        self.check()
        future: Future[T] = Future()

        def job() -> None:
            if future.set_running_or_notify_cancel():
                try:
                    self.check()
                    future.set_result(function(*args, **kwargs))
                except BaseException as error:  # noqa: BLE001 - raised again where the result is awaited
                    future.set_exception(error)

        self._jobs.put(job)
        if not self.alive:
            self._refuse()
        return future

    def call(self, function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Call and wait; at once when already there."""
        if threading.current_thread() is self._thread:
            return function(*args, **kwargs)
        return self.submit(function, *args, **kwargs).result()

    async def run(self, function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Call and await."""
        import asyncio  # what only reads the file, as a check of it, spares 7 MB

        return await asyncio.wrap_future(self.submit(function, *args, **kwargs))

    def stopping(self) -> None:
        """Long jobs end at their next step."""
        self._stopping = True

    def stop(self) -> None:
        """End the thread after the jobs queued before."""
        self._jobs.put(None)
        self._thread.join()

    def _refuse(self) -> None:
        with contextlib.suppress(queue.Empty):
            while True:
                if job := self._jobs.get_nowait():
                    job()
