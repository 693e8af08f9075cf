"""A customer port that speaks by itself: its speed is found by listening, and found again when the meter changes it."""

import asyncio
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

from drivers.model import DecodeError, Frame, Framer
from gateway.ports import Sink
from gateway.ports.stream import Connection, SerialLine, TcpLine, cut, open_line, read_until
from gateway.views import Hears, Listening

# What came while the speed was sought is kept for the first frame: the longest P1 telegram has 8 kB.
HELD_BYTES_MAX = 10_240


class Spoken(Protocol):
    """What a listener found out: the mode, if the protocol has several, and how to go on from there."""

    @property
    def mode(self) -> str | None: ...
    def framer(self) -> Framer: ...
    def listener(self) -> "Listener": ...


class Listener(Protocol):
    """Hears whether a line speaks a protocol; what it finds out, once it knows."""

    def feed(self, data: bytes) -> Spoken | None: ...


@dataclass(frozen=True, slots=True)
class Patience:
    """How long a speed is listened to, and how long nothing good may come before the meter is taken to speak otherwise.

    Each `check_s` a line that is read is asked whether it still speaks: a frame is decoded elsewhere, and not again here.
    """

    dwell_s: float
    lost_s: float
    check_s: float


class ListeningPort:
    """One line. The speed that was found last is the first to be tried when the line is opened again.

    `bauds` are the speeds to try: one where it was stated, none on a socket, whose far end sets it.
    """

    def __init__(
        self,
        name: str,
        line: SerialLine | TcpLine,
        sink: Sink,
        bauds: Sequence[int],
        listener: Callable[[], Listener],
        patience: Patience,
    ) -> None:
        self.name = name
        self._line = line
        self._sink = sink
        self._bauds = deque(bauds if isinstance(line, SerialLine) else ())
        self._listener = listener
        self._patience = patience
        self._said: Listening | None = None

    async def run(self) -> None:
        """As StreamPort's: reads until the line is lost."""
        connection = await open_line(self._line)
        self._said = None
        try:
            self._sink.opened(self.name)
            while True:
                spoken, held = await self._search(connection)
                await self._read(connection, spoken, held)
                self._bauds.rotate(-1)
        finally:
            connection.close()

    async def _search(self, connection: Connection) -> tuple[Spoken, bytes]:
        """Listen at each speed in turn until one is understood; what is spoken, and the bytes that said so."""
        loop = asyncio.get_running_loop()
        came_before: bool | None = None
        while True:
            if self._bauds:
                connection.set_baud(self._bauds[0])
            listener, held = self._listener(), b""
            due = loop.time() + self._patience.dwell_s
            while loop.time() < due:
                data = await read_until(connection, due)
                held = (held + data)[-HELD_BYTES_MAX:]
                if (spoken := listener.feed(data)) is not None:
                    self._tell(Hears.GROUPS, spoken)
                    return spoken, held
            came = bool(held)
            # At a wrong speed some adapters hand on nothing at all: only when no speed brings a byte is it the cable.
            if came or came_before:
                self._tell(Hears.NOISE)
            elif came_before is False or len(self._bauds) < 2:
                self._tell(Hears.NOTHING)
            came_before = came
            self._bauds.rotate(-1)

    async def _read(self, connection: Connection, spoken: Spoken, held: bytes) -> None:
        """Hand on frames until no good group came for so long that another mode must be sought."""
        loop = asyncio.get_running_loop()
        framer = spoken.framer()
        self._hand_on(framer, held)
        listener = spoken.listener()
        good_at = loop.time()
        came = False
        while True:
            data = await read_until(connection, good_at + self._patience.lost_s)
            now = loop.time()
            self._hand_on(framer, data)
            if now - good_at < self._patience.check_s:
                continue
            came = came or bool(data)
            if (still := listener.feed(data)) is not None:
                self._tell(Hears.GROUPS, still)  # a far end may have followed its meter into another mode
                listener, good_at, came = spoken.listener(), now, False
            elif now - good_at >= self._patience.lost_s:
                self._tell(Hears.NOISE if came else Hears.NOTHING)
                return

    def _hand_on(self, framer: Framer, data: bytes) -> None:
        for item in cut(self.name, framer, data):
            match item:
                case Frame():
                    self._sink.frame(self.name, item)
                case DecodeError():
                    self._sink.fault(self.name, item)

    def _tell(self, hears: Hears, spoken: Spoken | None = None) -> None:
        bauds = tuple(self._bauds)[:1] if spoken else tuple(sorted(self._bauds, reverse=True))
        said = Listening(hears, bauds, spoken.mode if spoken else None)
        if said != self._said:
            self._said = said
            self._sink.listening(self.name, said)
