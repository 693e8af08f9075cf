"""A port that is tried before it is one of the house's: what it says goes to a page, and nowhere else."""

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Callable, Sequence
from functools import partial

from drivers.model import DecodeError, Frame, Telegram
from drivers.talk import Identity
from drivers.thing import Presence, Thing, Unread
from gateway.ports import Port, Sink
from gateway.views import Listening

OPEN_S_MAX = 10.0
HEARD_MAX = 50  # telegrams and faults each; a trial ends long before


class Trial:
    """The sink of one port that is tried."""

    def __init__(self) -> None:
        self.telegrams: list[Telegram] = []
        self.faults: list[DecodeError] = []
        self.identity: Identity | None = None
        self.is_open = asyncio.Event()
        self.heard = asyncio.Event()

    def opened(self, port: str) -> None:
        self.is_open.set()

    def identified(self, port: str, identity: Identity) -> None:
        self.identity = identity

    def listening(self, port: str, listening: Listening) -> None:
        pass

    def frame(self, port: str, frame: Frame) -> None:
        pass

    def telegram(self, port: str, read: Callable[[], Telegram]) -> None:
        try:
            telegram = read()
        except DecodeError as error:
            self.fault(port, error)
            return
        del self.telegrams[: -HEARD_MAX + 1]
        self.telegrams.append(telegram)
        self.heard.set()

    def things(
        self, port: str, read: Callable[[int], Sequence[Thing | Presence | Unread | DecodeError]]
    ) -> Sequence[tuple[str, str]]:
        for item in read(int(time.time())):
            if isinstance(item, Thing) and not item.radio:
                self.telegram(port, partial(_as_it_is, item.telegram))
            elif isinstance(item, DecodeError):
                self.fault(port, item)
        return ()

    def fault(self, port: str, error: DecodeError) -> None:
        del self.faults[: -HEARD_MAX + 1]
        self.faults.append(error)
        self.heard.set()


def _as_it_is(telegram: Telegram) -> Telegram:
    return telegram


@contextlib.asynccontextmanager
async def tried(open_port: Callable[[Sink], Port], trial: Trial, within_s: float = OPEN_S_MAX) -> AsyncIterator[Port]:
    """The port, open for as long as this lasts; OSError or TimeoutError when its line cannot be opened."""
    port = open_port(trial)
    run = asyncio.ensure_future(port.run())
    try:
        await _first(run, trial.is_open, within_s)
        yield port
    finally:
        run.cancel()
        await asyncio.wait([run])
        if not run.cancelled() and not isinstance(error := run.exception(), OSError | None):
            raise error


async def _first(run: "asyncio.Future[None]", event: asyncio.Event, within_s: float) -> None:
    """Until the event, or until the run ended, whose error is raised."""
    waiting = asyncio.ensure_future(event.wait())
    try:
        done, _ = await asyncio.wait((run, waiting), timeout=within_s, return_when=asyncio.FIRST_COMPLETED)
    finally:
        waiting.cancel()
    if run in done:
        run.result()
        raise OSError("the line was closed")
    if not done:
        raise TimeoutError("no answer in time")
