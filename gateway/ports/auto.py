"""Finds out which radio receiver is on a line: tries rates and first requests in turn, and takes the one that answers."""

import asyncio
from collections.abc import Mapping
from dataclasses import replace

from drivers.model import Frame
from drivers.receivers import Receiver
from drivers.talk import Dongle, Identity, Request
from gateway.ports import Sink
from gateway.ports.stream import Connection, NotRecognisedError, SerialLine, StreamPort, TcpLine, open_line, read_until

ROUNDS = 2  # what misses the first request, since it starts anew when its line is opened, hears the second
PROBE_S = 0.6  # a stick answers within 0.1 s, and what comes is gathered for 0.2 s
TALK_STEPS_MAX = 5
TEXT_S = 2.0  # lines of text answer nothing: they are waited for


class AutoPort:
    """A radio line of which nobody said what is on it.

    Once found, the receiver is read until the line is lost; from then on it is the first that is looked for.
    `every_rate` False: the line's own rate was stated, or is not ours to set.
    """

    def __init__(
        self,
        name: str,
        line: SerialLine | TcpLine,
        receivers: Mapping[str, Receiver],
        sink: Sink,
        *,
        every_rate: bool = True,
        probe_s: float = PROBE_S,
        text_s: float = TEXT_S,
    ) -> None:
        self.name = name
        self._line = line
        self._receivers = dict(receivers)
        self._sink = sink
        self._every_rate = every_rate and isinstance(line, SerialLine)
        self._probe_s = probe_s
        self._text_s = text_s

    async def run(self) -> None:
        """As StreamPort's; NotRecognisedError when nothing answers that we know."""
        found = await self._find()
        receiver = self._receivers.pop(found)
        self._receivers = {found: receiver, **self._receivers}
        line = self._line
        if isinstance(line, SerialLine) and self._every_rate:
            line = replace(line, baud=receiver.baud)
        await StreamPort(self.name, line, receiver.framer, self._sink, receiver.start, known=Identity(found)).run()

    async def _find(self) -> str:
        connection = await open_line(self._line)
        try:
            for _ in range(ROUNDS):
                for baud, names in self._rates().items():
                    if baud is not None:
                        connection.set_baud(baud)
                    if found := await self._listen(connection, names):
                        return found
        finally:
            connection.close()
        raise NotRecognisedError(f"no radio receiver was recognised, of {', '.join(self._receivers)}")

    def _rates(self) -> dict[int | None, list[str]]:
        """Receivers by rate; all in one where there is but one."""
        rates: dict[int | None, list[str]] = {}
        for name, receiver in self._receivers.items():
            rates.setdefault(receiver.baud if self._every_rate else None, []).append(name)
        return rates

    async def _listen(self, connection: Connection, names: list[str]) -> str | None:
        """Ask each that answers, then wait for those that only speak."""
        framers = {name: self._receivers[name].framer() for name in names}
        for name in names:
            if self._receivers[name].start:
                connection.write(self._receivers[name].start)
                if found := await self._wait(connection, framers, name, self._probe_s):
                    return found
        if all(self._receivers[name].start for name in names):
            return None
        return await self._wait(connection, framers, None, self._text_s)

    async def _wait(
        self, connection: Connection, framers: Mapping[str, Dongle], asked: str | None, wait_s: float
    ) -> str | None:
        """Who says an Identity, or hands on a telegram where nobody is asked. An answer prolongs the wait."""
        loop = asyncio.get_running_loop()
        due = loop.time() + wait_s
        due_max = loop.time() + TALK_STEPS_MAX * wait_s
        while loop.time() < due:
            data = await read_until(connection, due)
            for name, framer in framers.items():
                for item in framer.feed(data):
                    match item:
                        case Identity():
                            return name
                        case Frame() if not self._receivers[name].start:
                            return name
                        case Request() if name == asked:
                            connection.write(item.data)
                            due = min(loop.time() + wait_s, due_max)
        return None
