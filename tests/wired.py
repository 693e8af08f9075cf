"""Wired M-Bus meters at the far end of a pseudo-terminal or of a TCP bridge, as fast and as well-behaved as a test wants."""

import asyncio
import contextlib
import os
import tty
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from drivers.encode.mbus import identity
from drivers.encode.mbus_meters import Bus, Meter, together
from drivers.encode.records import energy, volume
from gateway.ports.stream import SerialLine

BITS_A_BYTE = 11
# A USB adapter hands on what came within this time.
ADAPTER_S = 0.016
READ_BYTES_MAX = 4096

# After how many seconds which bytes come.
Answer = tuple[float, bytes]


def heat_meter(number: int, kwh: int, *, primary: int = 0, parts: int = 1) -> Meter:
    """A heat meter that says its energy, and in further telegrams a volume each."""
    telegrams = [energy(kwh)] + [volume(1000 * kwh + part, storage=part) for part in range(1, parts)]
    return Meter(identity(f"{number:08}", "REL", 0x1B, 0x04), telegrams, primary)


@dataclass(slots=True)
class Said:
    """What the meters would say to one request."""

    number: int
    request: bytes
    replies: list[tuple[Meter, bytes]]


def at_once(said: Said) -> list[Answer]:
    """All who answer begin at the same time."""
    replies = [reply for _, reply in said.replies]
    return [(0.0, together(*replies))] if replies else []


class Wires:
    """Meters behind a level converter. `behave` says what comes of each request; `baud` None is a line without delay."""

    def __init__(self, meters: Iterable[Meter], *, baud: int | None = None, echo: bool = False) -> None:
        self.bus = Bus(list(meters))
        self.behave: Callable[[Said], list[Answer]] = at_once
        self.echo = echo
        self._byte_s = BITS_A_BYTE / baud if baud else 0.0
        self._count = 0
        self.left = asyncio.Event()
        self.near, self._far = os.openpty()
        tty.setraw(self._far)
        self.line = SerialLine(os.ttyname(self._far), 9600)
        asyncio.get_running_loop().add_reader(self.near, self._readable)

    @property
    def requests(self) -> list[bytes]:
        return self.bus.requests

    def _readable(self) -> None:
        self._hear(os.read(self.near, READ_BYTES_MAX), lambda data: os.write(self.near, data))

    def _hear(self, data: bytes, write: Callable[[bytes], object]) -> None:
        if self.echo:
            self._send(0.0, data, write)
        for request, replies in self.bus.feed(data):
            for delay_s, answer in self.behave(Said(self._count, request, replies)):
                self._send(len(request) * self._byte_s + delay_s, answer, write)
            self._count += 1

    def _send(self, delay_s: float, data: bytes, write: Callable[[bytes], object]) -> None:
        """At the line's speed, in the pieces that an adapter makes of it."""
        size = max(1, int(ADAPTER_S / self._byte_s)) if self._byte_s else len(data)
        for at in range(0, len(data), size):
            piece = data[at : at + size]
            at_s = delay_s + (at + len(piece)) * self._byte_s
            asyncio.get_running_loop().call_later(at_s, self._write, write, piece)

    def _write(self, write: Callable[[bytes], object], data: bytes) -> None:
        with contextlib.suppress(OSError):
            write(data)

    def say(self, data: bytes) -> None:
        """Bytes that nobody asked for."""
        os.write(self.near, data)

    async def bridge(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """The same bus behind a transparent TCP bridge, for one connection; `left` is set when it is over."""
        with contextlib.suppress(OSError):
            while data := await reader.read(READ_BYTES_MAX):
                self._hear(data, writer.write)
        writer.close()
        with contextlib.suppress(OSError):
            await writer.wait_closed()
        self.left.set()

    def unplug(self) -> None:
        if self.near >= 0:
            asyncio.get_running_loop().remove_reader(self.near)
            os.close(self._far)
            os.close(self.near)
            self.near = -1
