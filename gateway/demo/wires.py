"""Wires that end in the gateway's ports: pseudo-terminals behind a symbolic link, and a socket as ser2net offers it.

What is written is lost when nobody reads, as on a wire: nothing here ever waits for a reader.
"""

import asyncio
import contextlib
import errno
import os
import socket
import tty
from pathlib import Path
from typing import Protocol

REQUEST_BYTES_MAX = 4096
REQUESTS_MAX = 16  # a meter that is asked faster than it answers forgets the rest
UNSENT_BYTES_MAX = 4096  # a client that reads too slowly misses what comes after


class Wire(Protocol):
    """The meter's end of a line."""

    def write(self, data: bytes) -> None:
        """Send what the line takes now; the rest is lost."""

    def unplug(self) -> None:
        """Pull the cable: whoever reads sees the line fail."""

    def replug(self) -> None:
        """Put it back: the same path or port, though the device may be another one."""


class PtyWire:
    """A pseudo-terminal. Its path stays while the device behind it changes, as under /dev/serial/by-id.

    What the gateway writes waits in `requests` once `listen` was called.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.requests: asyncio.Queue[bytes] = asyncio.Queue(REQUESTS_MAX)
        self._ends: tuple[int, int] | None = None  # the meter's, and the gateway's: held so that it never hangs up
        self._loop: asyncio.AbstractEventLoop | None = None
        self.replug()

    def listen(self) -> None:
        """Read from here on; to be called in the event loop."""
        self._loop = asyncio.get_running_loop()
        if self._ends is not None:
            self._loop.add_reader(self._ends[0], self._readable, self._ends[0])

    def replug(self) -> None:
        if self._ends is not None:
            return
        meter, gateway = self._ends = os.openpty()
        tty.setraw(gateway)
        os.set_blocking(meter, False)
        beside = self.path.with_name(f".{self.path.name}")
        beside.unlink(missing_ok=True)
        beside.symlink_to(os.ttyname(gateway))
        beside.replace(self.path)
        if self._loop is not None:
            self.listen()

    def unplug(self) -> None:
        if self._ends is None:
            return
        self.path.unlink(missing_ok=True)
        if self._loop is not None:
            self._loop.remove_reader(self._ends[0])
        for end in self._ends:
            os.close(end)
        self._ends = None

    def write(self, data: bytes) -> None:
        if self._ends is None:
            return
        with contextlib.suppress(BlockingIOError):
            os.write(self._ends[0], data)

    def _readable(self, meter: int) -> None:
        try:
            data = os.read(meter, REQUEST_BYTES_MAX)
        except OSError as error:
            if error.errno not in {errno.EAGAIN, errno.EIO}:
                raise
            return
        with contextlib.suppress(asyncio.QueueFull):
            self.requests.put_nowait(data)


class TcpWire:
    """A socket that listens on the loopback and sends the line's bytes to everybody who connects."""

    def __init__(self) -> None:
        self._socket = _listen(0)
        self.port: int = self._socket.getsockname()[1]
        self._clients: set[asyncio.StreamWriter] = set()
        self._server: asyncio.Server | None = None
        self._plugged = asyncio.Event()
        self._pulled = asyncio.Event()
        self._plugged.set()

    async def serve(self) -> None:
        """Accept until cancelled."""
        try:
            while True:
                await self._plugged.wait()
                self._server = await asyncio.start_server(self._accept, sock=self._socket)
                await self._pulled.wait()
        finally:
            self.unplug()

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._clients.add(writer)
        try:
            while await reader.read(REQUEST_BYTES_MAX):
                pass  # a customer port listens to nobody
        except ConnectionError:
            pass
        finally:
            self._clients.discard(writer)
            writer.close()

    def write(self, data: bytes) -> None:
        for writer in self._clients:
            if writer.transport.get_write_buffer_size() <= UNSENT_BYTES_MAX:
                writer.write(data)

    def unplug(self) -> None:
        self._plugged.clear()
        self._pulled.set()
        if self._server is not None:
            self._server.close()
            self._server = None
        for writer in self._clients:
            writer.transport.abort()
        self._socket.close()

    def replug(self) -> None:
        if self._plugged.is_set():
            return
        self._socket = _listen(self.port)
        self._pulled.clear()
        self._plugged.set()


def _listen(port: int) -> socket.socket:
    listening = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listening.bind(("127.0.0.1", port))
    listening.listen()
    listening.setblocking(False)
    return listening
