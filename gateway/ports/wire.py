"""The bytes of a line on which we ask: a serial device or a raw socket, and a bounded buffer of what came."""

import asyncio
import os
import termios
from collections.abc import Callable

from gateway.ports.lan import AwayError, at_home
from gateway.ports.stream import SerialLine, explain

CONNECT_S_MAX = 4.0
READ_BYTES_MAX = 4096

# What is kept of bytes nobody asked for; older ones are dropped.
UNREAD_BYTES_MAX = 4096

# A line that chatters for longer than this many timeouts is opened again.
QUIET_TIMEOUTS_MAX = 10


class Wire(asyncio.Protocol):
    """Bytes both ways, from a serial device or a socket. Received bytes wait here, the last UNREAD_BYTES_MAX of them."""

    def __init__(self, name: str) -> None:
        self.name = name
        self._unread = bytearray()
        self._changed = asyncio.Event()
        self._lost: OSError | None = None

    def attach(self, write: Callable[[bytes], object], close: Callable[[], None]) -> None:
        self._write = write
        self.close = close

    def data_received(self, data: bytes) -> None:
        self._unread += data
        del self._unread[:-UNREAD_BYTES_MAX]
        self._changed.set()

    def connection_lost(self, exc: Exception | None) -> None:
        self._lost = OSError(f"{self.name}: {exc or 'closed by the other side'}")
        self._changed.set()

    def write(self, data: bytes) -> None:
        self._write(data)

    def take(self) -> bytes:
        """What came since the last call; OSError when the line is lost."""
        if self._lost is not None:
            raise self._lost
        data = bytes(self._unread)
        self._unread.clear()
        self._changed.clear()
        return data

    def wake(self) -> None:
        """End a wait, though nothing came."""
        self._changed.set()

    async def wait(self, deadline: float | None) -> bool:
        """Whether there is something to take before the deadline (of the loop's clock)."""
        try:
            async with asyncio.timeout_at(deadline):
                await self._changed.wait()
        except TimeoutError:
            return False
        return True

    async def quiet(self, timeout_s: float) -> int:
        """Wait until nothing came for so long, and drop what did; TimeoutError when it never ends."""
        loop = asyncio.get_running_loop()
        give_up = loop.time() + QUIET_TIMEOUTS_MAX * timeout_s
        late_bytes = len(self.take())
        while await self.wait(loop.time() + timeout_s):
            late_bytes += len(self.take())
            if loop.time() > give_up:
                raise TimeoutError(f"{self.name}: the line never falls silent")
        return late_bytes


def open_serial(line: SerialLine) -> Wire:
    """A serial device; OSError says in one sentence why it cannot be opened."""
    import serial  # here, not above: a house without serial meters does not load it

    try:
        device = serial.Serial(
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
    wire = Wire(line.device)
    loop = asyncio.get_running_loop()
    descriptor = device.fileno()

    def readable() -> None:
        try:
            data = os.read(descriptor, READ_BYTES_MAX)
        except BlockingIOError:
            return
        except OSError as error:
            loop.remove_reader(descriptor)
            wire.connection_lost(error)
            return
        if data:
            wire.data_received(data)
        else:
            loop.remove_reader(descriptor)
            wire.connection_lost(OSError("unplugged"))

    def write(data: bytes) -> None:
        try:
            os.write(descriptor, data)
        except OSError as error:
            raise OSError(error.errno, explain(line.device, error.errno, error.strerror or str(error))) from None

    def close() -> None:
        loop.remove_reader(descriptor)
        device.close()

    loop.add_reader(descriptor, readable)
    wire.attach(write, close)
    return wire


async def open_socket(host: str, port: int, *, home: bool = False) -> Wire:
    """A raw socket; OSError or TimeoutError says in one sentence why there is none.

    With `home` it is opened in the home's network only: AwayError.
    """
    name = f"{host}:{port}"
    loop = asyncio.get_running_loop()
    try:
        async with asyncio.timeout(CONNECT_S_MAX):
            host = await at_home(host, port) if home else host
            transport, wire = await loop.create_connection(lambda: Wire(name), host, port)
    except TimeoutError:
        raise TimeoutError(f"{name}: no connection in {CONNECT_S_MAX:g} s") from None
    except AwayError:
        raise
    except OSError as error:
        raise OSError(error.errno, f"{name}: no connection ({error.strerror or error})") from None
    wire.attach(transport.write, transport.abort)
    return wire
