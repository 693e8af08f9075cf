"""The customer port of a French electricity meter: its speed and its mode are found by listening, again when they change."""

import asyncio
from collections import deque
from collections.abc import Sequence

from drivers.model import DecodeError, Frame
from drivers.tic import Framer
from drivers.tic.listening import Listener, Spoken
from gateway.ports import Sink
from gateway.ports.stream import Connection, SerialLine, TcpLine, cut, open_line, read_until
from gateway.views import Hears, Listening

# Enedis-NOI-CPT_54E: standard 9600 baud, historique 1200. Found in this order, as new meters speak standard.
BAUDS = (9600, 1200)
# Two groups take 0.5 s at most in either mode: a noisy line gets five chances before another speed is tried.
DWELL_S = 2.5
# So long without a good group, and the meter is taken to speak otherwise (Enedis-NOI-CPT_54E, annex A, waits as long).
LOST_S = 10.0
# How often a line that is read is asked whether it still speaks; each frame is decoded elsewhere, and not again here.
CHECK_S = 3.0
# What came while the mode was sought is kept for the first frame: a dwell at 9600 baud has 2.4 kB.
HELD_BYTES_MAX = 4096


class TicPort:
    """One TIC line. The speed that was found last is the first to be tried when the line is opened again.

    `bauds` are the speeds to try: one where it was stated, none on a socket, whose far end sets it.
    `parity`: whether bit 7 carries it; None where the groups shall tell.
    """

    def __init__(
        self,
        name: str,
        line: SerialLine | TcpLine,
        sink: Sink,
        bauds: Sequence[int] = BAUDS,
        *,
        parity: bool | None = None,
        dwell_s: float = DWELL_S,
        lost_s: float = LOST_S,
        check_s: float = CHECK_S,
    ) -> None:
        self.name = name
        self._line = line
        self._sink = sink
        self._bauds = deque(bauds if isinstance(line, SerialLine) else ())
        self._parity = parity
        self._dwell_s = dwell_s
        self._lost_s = lost_s
        self._check_s = check_s
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
            listener, held = Listener(self._parity), b""
            due = loop.time() + self._dwell_s
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
        framer = Framer(spoken.parity)
        self._hand_on(framer, held)
        listener = Listener(spoken.parity)
        good_at = loop.time()
        came = False
        while True:
            data = await read_until(connection, good_at + self._lost_s)
            now = loop.time()
            self._hand_on(framer, data)
            if now - good_at < self._check_s:
                continue
            came = came or bool(data)
            if (still := listener.feed(data)) is not None:
                self._tell(Hears.GROUPS, still)  # a far end may have followed its meter into another mode
                listener, good_at, came = Listener(spoken.parity), now, False
            elif now - good_at >= self._lost_s:
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
