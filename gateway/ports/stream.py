"""Ports that only listen: bytes from a serial line or a TCP socket go through a framer into the sink."""

import asyncio
import logging
import os
import termios
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from drivers.model import DecodeError, Frame
from drivers.talk import Dongle, Identity, Request, Said, Unprotected
from gateway.ports import TURN_S, Sink
from gateway.ports.lan import at_home

log = logging.getLogger(__name__)

READ_BYTES_MAX = 4096
# A byte takes 1.04 ms at 9600 baud: gathering what comes within this pause costs no one a second and saves wake-ups.
GATHER_S = 0.2
TCP_CONNECT_S_MAX = 5.0
# A stick that sleeps, or that starts anew when its line is opened, misses the first request or the first two.
STARTS_MAX = 4
ANSWER_S = 1.0
# The longest telegram takes 0.3 s at 9600 baud. What stopped in its middle for longer will not go on.
PAUSE_S = 1.0
# A stick that hangs, or lost its settings, is as silent as a house without meters: after this long it is asked again.
SILENCE_S = 600.0


@dataclass(frozen=True, slots=True)
class SerialLine:
    """A serial device. TIC is opened 8N1 whatever the meter sends: pyserial and the kernel do not check parity."""

    device: str
    baud: int
    parity: str = "N"
    stopbits: int = 1


@dataclass(frozen=True, slots=True)
class TcpLine:
    """A raw TCP socket, as ser2net or an ESP bridge offers it; `at_home`: it is opened in the home's network only."""

    host: str
    port: int
    at_home: bool = False


class NotRecognisedError(OSError):
    """Nothing answered that we know (gateway/ports/auto.py)."""


class Connection(Protocol):
    """An open line."""

    async def read(self) -> bytes:
        """Some bytes, at least one; OSError when the line is lost."""

    def write(self, data: bytes) -> None:
        """Write at once what the line takes."""

    def set_baud(self, baud: int) -> None:
        """Go on at another rate, where the line has one; what came at the old one and was not read is lost."""

    def close(self) -> None:
        """Give the line back."""


class StreamPort:
    """One listening line: opens it, talks with the receiver that is there, and cuts what comes into frames.

    `start` is written when the line opens, and again while no receiver said who it is; then what comes is read all
    the same, since a line may carry one direction only. One that answered once and then no longer does is a lost line.
    `known` is what is known of the receiver before it said so.
    """

    def __init__(
        self,
        name: str,
        line: SerialLine | TcpLine,
        framer: Callable[[], Dongle],
        sink: Sink,
        start: bytes = b"",
        *,
        known: Identity | None = None,
        answer_s: float = ANSWER_S,
        pause_s: float = PAUSE_S,
        silence_s: float = SILENCE_S,
    ) -> None:
        self.name = name
        self._line = line
        self._framer = framer
        self._sink = sink
        self._start = start
        self._known = known
        self._answer_s = answer_s
        self._pause_s = pause_s
        self._silence_s = silence_s

    async def run(self) -> None:
        loop = asyncio.get_running_loop()
        connection = await open_line(self._line)
        try:
            self._sink.opened(self.name)
            if self._known is not None:
                self._sink.identified(self.name, self._known)
            framer = self._framer()
            starts_left, answered = STARTS_MAX, False
            due = loop.time() if self._start else None
            heard = loop.time()
            while True:
                if due is not None and loop.time() >= due:
                    if starts_left:
                        framer = framer if starts_left < STARTS_MAX else self._framer()
                        connection.write(self._start)
                        starts_left -= 1
                        due = loop.time() + self._answer_s
                    elif answered:
                        raise OSError("the receiver no longer answers")
                    else:
                        self._sink.fault(self.name, DecodeError("the receiver did not answer; what it sends is read"))
                        due = None
                data = await read_until(connection, due)
                now = loop.time()
                if data and isinstance(framer, Unprotected) and now - heard > self._pause_s:
                    for fault in framer.pause():
                        self._sink.fault(self.name, fault)
                if data:
                    heard = now
                    if answered and starts_left == STARTS_MAX:
                        due = now + self._silence_s
                for item in cut(self.name, framer, data):
                    match item:
                        case Frame():
                            self._sink.frame(self.name, item)
                        case DecodeError():
                            self._sink.fault(self.name, item)
                        case Request():
                            connection.write(item.data)
                            if due is not None:
                                due = now + self._answer_s
                        case Identity():
                            self._sink.identified(self.name, item)
                            starts_left, answered = STARTS_MAX, True
                            due = now + self._silence_s
        finally:
            connection.close()


def cut(port: str, framer: Dongle, data: bytes) -> Iterator[Said]:
    """What the framer says. Its bugs cost this line a new start, not the house its gateway."""
    try:
        yield from framer.feed(data)
    except Exception as bug:
        log.exception("port %s: the framer failed on %s", port, data.hex())
        raise OSError("a bug in the framer: see the log") from bug


async def read_until(connection: Connection, due: float | None) -> bytes:
    """What comes next; nothing when it is `due` on the loop's clock, or after TURN_S, and nothing came."""
    turn = asyncio.get_running_loop().time() + TURN_S
    try:
        async with asyncio.timeout_at(turn if due is None else min(due, turn)):
            return await connection.read()
    except TimeoutError:
        return b""


def probe(line: SerialLine) -> None:
    """Open a serial line and give it back; OSError says in one sentence why it cannot be opened."""
    _Serial(line).close()


async def open_line(line: SerialLine | TcpLine) -> Connection:
    match line:
        case SerialLine():
            return _Serial(line)
        case TcpLine():
            async with asyncio.timeout(TCP_CONNECT_S_MAX):
                host = await at_home(line.host, line.port) if line.at_home else line.host
                reader, writer = await asyncio.open_connection(host, line.port)
            return _Tcp(line, reader, writer)


class _Serial:
    """A serial device read by the event loop: no thread, and no wake-up while nothing comes."""

    def __init__(self, line: SerialLine) -> None:
        import serial  # here, not above: a house without serial lines does not load it

        self._name = line.device
        try:
            self._serial = serial.Serial(
                line.device,
                baudrate=line.baud,
                parity=line.parity,
                stopbits=line.stopbits,
                timeout=0,
                write_timeout=0,
                exclusive=True,
            )
        except serial.SerialException as error:
            raise OSError(error.errno, explain(line.device, error.errno, str(error))) from None
        except termios.error as error:
            raise OSError(error.args[0], f"{line.device}: not a serial line ({error.args[1]})") from None

    async def read(self) -> bytes:
        loop = asyncio.get_running_loop()
        descriptor = self._serial.fileno()
        readable = loop.create_future()
        loop.add_reader(descriptor, wake, readable)
        try:
            await readable
        finally:
            loop.remove_reader(descriptor)
        await asyncio.sleep(GATHER_S)
        data = os.read(descriptor, READ_BYTES_MAX)  # EIO when a pseudo-terminal's other side is gone
        if not data:
            raise OSError(f"{self._name}: unplugged")
        return data

    def write(self, data: bytes) -> None:
        os.write(self._serial.fileno(), data)

    def set_baud(self, baud: int) -> None:
        self._serial.baudrate = baud
        self._serial.reset_input_buffer()

    def close(self) -> None:
        self._serial.close()


def wake(readable: "asyncio.Future[None]") -> None:
    """For `add_reader`, which calls again and again until it is taken away."""
    if not readable.done():
        readable.set_result(None)


class _Tcp:
    def __init__(self, line: TcpLine, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._name = f"{line.host}:{line.port}"
        self._reader = reader
        self._writer = writer

    async def read(self) -> bytes:
        data = await self._reader.read(READ_BYTES_MAX)
        if not data:
            raise OSError(f"{self._name}: closed by the other side")
        return data

    def write(self, data: bytes) -> None:
        self._writer.write(data)

    def set_baud(self, baud: int) -> None:
        pass

    def close(self) -> None:
        self._writer.close()


def explain(device: str, errno: int | None, text: str) -> str:
    """One sentence a person can act on."""
    import errno as numbers

    match errno:
        case numbers.ENOENT:
            return f"{device}: no such device; is it plugged in? Look in /dev/serial/by-id"
        case numbers.EACCES | numbers.EPERM:
            group = _group(device)
            return f"{device}: not permitted; add the user to the group {group}: sudo usermod -aG {group} $USER, then log in again"
        case numbers.EBUSY | numbers.EAGAIN:
            return f"{device}: already open in another program; stop it, or choose another device"
        case _:
            return f"{device}: {text}"


def _group(device: str) -> str:
    try:
        return Path(device).group()
    except (OSError, KeyError):
        return "dialout"
