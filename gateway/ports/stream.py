"""Ports that only listen: bytes from a serial line or a TCP socket go through a framer into the sink."""

import asyncio
import os
import termios
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from drivers.model import DecodeError, Frame, Framer
from gateway.ports import Sink

READ_BYTES_MAX = 4096
# A byte takes 1.04 ms at 9600 baud: gathering what comes within this pause costs no one a second and saves wake-ups.
GATHER_S = 0.2
TCP_CONNECT_S_MAX = 5.0


@dataclass(frozen=True, slots=True)
class SerialLine:
    """A serial device. TIC is opened 8N1 whatever the meter sends: pyserial and the kernel do not check parity."""

    device: str
    baud: int
    parity: str = "N"
    stopbits: int = 1


@dataclass(frozen=True, slots=True)
class TcpLine:
    """A raw TCP socket, as ser2net or an ESP bridge offers it."""

    host: str
    port: int


class Connection(Protocol):
    """An open line."""

    async def read(self) -> bytes:
        """Some bytes, at least one; OSError when the line is lost."""

    def write(self, data: bytes) -> None:
        """Write at once what the line takes."""

    def close(self) -> None:
        """Give the line back."""


class StreamPort:
    """One listening line: opens it, writes what the receiver needs first, and cuts what comes into frames."""

    def __init__(
        self, name: str, line: SerialLine | TcpLine, framer: Callable[[], Framer], sink: Sink, start: bytes = b""
    ) -> None:
        self.name = name
        self._line = line
        self._framer = framer
        self._sink = sink
        self._start = start

    async def run(self) -> None:
        connection = await _open(self._line)
        try:
            if self._start:
                connection.write(self._start)
            self._sink.opened(self.name)
            framer = self._framer()
            while True:
                for item in framer.feed(await connection.read()):
                    match item:
                        case Frame():
                            self._sink.frame(self.name, item)
                        case DecodeError():
                            self._sink.fault(self.name, item)
        finally:
            connection.close()


def probe(line: SerialLine) -> None:
    """Open a serial line and give it back; OSError says in one sentence why it cannot be opened."""
    _Serial(line).close()


async def _open(line: SerialLine | TcpLine) -> Connection:
    match line:
        case SerialLine():
            return _Serial(line)
        case TcpLine():
            async with asyncio.timeout(TCP_CONNECT_S_MAX):
                reader, writer = await asyncio.open_connection(line.host, line.port)
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
        loop.add_reader(descriptor, _wake, readable)
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

    def close(self) -> None:
        self._serial.close()


def _wake(readable: "asyncio.Future[None]") -> None:
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
