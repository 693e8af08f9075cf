"""Finds out what is at the other end of a serial line: by listening first, by asking for a radio receiver last."""

import asyncio
import errno
from collections.abc import AsyncGenerator, Sequence
from dataclasses import dataclass
from enum import StrEnum

from drivers.model import Frame, Framer
from gateway.config import Port
from gateway.lines import open_port
from gateway.ports.listening import Listener
from gateway.ports.stream import NotRecognisedError, SerialLine, open_line, read_until
from gateway.searching import Progress, Search, Searches
from gateway.trial import Trial, tried

SEARCH = "/dev"  # among the searches: no port can be called so
RADIO_S_MAX = (
    25.0  # two rounds of requests, and lines of text that are waited for: 10 s, measured on a line that is silent
)


class Trouble(StrEnum):
    """Why a line could not be listened to."""

    BUSY = "busy"
    FORBIDDEN = "forbidden"
    GONE = "gone"


@dataclass(frozen=True, slots=True)
class Recognised:
    """What speaks on the line; `mode` is a Linky's, `receiver` a radio's."""

    protocol: str
    mode: str | None = None
    receiver: str | None = None


@dataclass(frozen=True, slots=True)
class Unknown:
    """Nothing that we know; `came`: something is said there all the same, as a wrong cable or another protocol would."""

    came: bool


@dataclass(frozen=True, slots=True)
class Stage:
    """A speed that is listened to, and for how long."""

    baud: int
    listen_s: float


# TIC says a group each 0.1 s in either mode, SML a file each second to four, P1 at 115200 a telegram each second, before
# version 5 each ten.
STAGES = (Stage(9600, 5), Stage(1200, 4), Stage(115_200, 11))


class Recognising:
    """One line at a time: whoever asks for another one ends the first."""

    def __init__(self, searches: Searches) -> None:
        self._searches = searches
        self.device = ""
        self.adding = asyncio.Lock()  # a device is tried and added by one at a time

    def of(self, device: str) -> Search | None:
        """The last search, if it was on this line."""
        return self._searches.of(SEARCH) if device == self.device else None

    @property
    def listens_to(self) -> str | None:
        """The line that is listened to now."""
        search = self._searches.of(SEARCH)
        return self.device if search is not None and search.running else None

    async def start(self, device: str) -> None:
        """Begin, unless this line is listened to already; OSError where the gateway does not run."""
        if self.listens_to != device:
            self.device = device
            await self._searches.start(SEARCH, recognise(device))

    async def stop(self) -> None:
        """Give the line back."""
        await self._searches.stop(SEARCH)


async def recognise(device: str, stages: Sequence[Stage] = STAGES) -> AsyncGenerator[object, None]:
    """A Progress now and then; then one of Recognised, Unknown and Trouble."""
    try:
        connection = await open_line(SerialLine(device, stages[0].baud))
    except OSError as error:
        yield trouble_of(error)
        return
    came = False
    whole_s, before_s = sum(stage.listen_s for stage in stages) + RADIO_S_MAX / 2, 0.0
    loop = asyncio.get_running_loop()
    try:
        for stage in stages:
            connection.set_baud(stage.baud)
            ear, began = _Ear(), loop.time()
            while (passed_s := loop.time() - began) < stage.listen_s:
                yield Progress(int(100 * (before_s + passed_s) / whole_s))
                data = await read_until(connection, min(began + passed_s + 1, began + stage.listen_s))
                came = came or bool(data)
                if (heard := ear.feed(data)) is not None:
                    yield heard
                    return
            before_s += stage.listen_s
    except OSError:
        yield Trouble.GONE
        return
    finally:
        connection.close()
    yield Progress(int(100 * before_s / whole_s))
    yield await _radio(device, came)


def trouble_of(error: OSError) -> Trouble:
    """Why a line cannot be opened."""
    if error.errno in (errno.EACCES, errno.EPERM):
        return Trouble.FORBIDDEN
    return Trouble.BUSY if error.errno in (errno.EBUSY, errno.EAGAIN) else Trouble.GONE


class _Ear:
    """Hears all that speaks by itself in the same bytes: each has checksums of its own, and none is taken for another."""

    def __init__(self) -> None:
        from drivers.p1.listening import Listener as P1Listener  # late: a house without a new cable loads none of them
        from drivers.sml import Framer as SmlFramer
        from drivers.tic.listening import Listener as TicListener

        self._listeners: dict[str, Listener] = {"tic": TicListener(), "p1": P1Listener()}
        self._sml: Framer = SmlFramer()

    def feed(self, data: bytes) -> Recognised | None:
        for protocol, listener in self._listeners.items():
            if (spoken := listener.feed(data)) is not None:
                return Recognised(protocol, spoken.mode)
        if any(isinstance(item, Frame) for item in self._sml.feed(data)):
            return Recognised("sml")
        return None


async def _radio(device: str, came: bool) -> Recognised | Unknown | Trouble:
    """Only now something is written."""
    trial = Trial()
    port = Port("radio", "wmbus", device, receiver="auto")
    try:
        async with tried(lambda sink: open_port(port, (), sink), trial, RADIO_S_MAX):
            assert trial.identity is not None  # it is said with the opening
            return Recognised("wmbus", receiver=trial.identity.name)
    except (NotRecognisedError, TimeoutError):
        return Unknown(came)
    except OSError as error:
        return trouble_of(error)
