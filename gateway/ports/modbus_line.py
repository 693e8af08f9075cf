"""Lines with Modbus meters behind them: one request at a time, and never a reply that belongs to another one.

RTU has no number that ties a reply to its request, Modbus TCP has one; what follows from it is in
docs/decisions/0002-modbus-rtu.md. When to ask, and how long to be silent, is for `modbus_bus.py` to say.
"""

import asyncio
import os
import termios
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from drivers.modbus import rtu, tcp
from drivers.modbus.rtu import GLITCH_BYTES_MAX, Refused
from drivers.model import DecodeError
from gateway.ports.stream import SerialLine, explain

CONNECT_S_MAX = 4.0
READ_BYTES_MAX = 4096

# What is kept of bytes nobody asked for; older ones are dropped.
UNREAD_BYTES_MAX = 4096

# A line that chatters for longer than this many timeouts is opened again.
QUIET_TIMEOUTS_MAX = 10

# Start, 8 data, parity or a second stop, stop (Serial Line V1.02, 2.5.1).
BITS_A_BYTE = 11

Outcome = tuple[int, ...] | Refused | DecodeError
Tell = Callable[[DecodeError], None]


@dataclass(frozen=True, slots=True)
class TcpLine:
    """Modbus TCP, or with `rtu` a raw socket to a serial line (ser2net, an RS485 bridge in transparent mode)."""

    host: str
    port: int = 502
    rtu: bool = False

    def __str__(self) -> str:
        return f"{self.host}:{self.port}"


class Master(Protocol):
    """An open line. Every call raises OSError or TimeoutError when the line itself is lost."""

    gap_s: float

    async def read(self, unit: int, function_code: int, address: int, count: int, timeout_s: float) -> Outcome:
        """Exactly `count` registers, the meter's refusal, or why there is no usable answer."""

    async def quiet(self, timeout_s: float) -> int:
        """Wait until nothing came for so long; how many bytes did before. They are dropped."""

    def close(self) -> None:
        """Give the line back."""


async def open_line(line: SerialLine | TcpLine, tell: Tell) -> Master:
    """Open a line; OSError or TimeoutError says in one sentence why it cannot be opened.

    `tell` hears of what came unasked and was dropped.
    """
    if isinstance(line, SerialLine):
        return _RtuMaster(_open_serial(line), tell, line.baud)
    wire = await _open_tcp(line)
    return _RtuMaster(wire, tell) if line.rtu else _TcpMaster(wire, tell)


class _RtuMaster:
    def __init__(self, wire: "_Wire", tell: Tell, baud: int | None = None) -> None:
        self._wire = wire
        self._tell = tell
        self._byte_s = BITS_A_BYTE / baud if baud else 0.0
        # Serial Line V1.02, 2.5.1.1: 3.5 characters between frames, 1.75 ms above 19200 baud.
        self.gap_s = max(3.5 * self._byte_s, 0.00175)

    async def read(self, unit: int, function_code: int, address: int, count: int, timeout_s: float) -> Outcome:
        transaction = rtu.Transaction(unit, function_code, address, count)
        early = self._wire.take()  # what came before the request is not its reply
        if len(early) > GLITCH_BYTES_MAX:
            self._tell(DecodeError(f"{len(early)} bytes that nobody asked for; is another master on the line?", early))
        self._wire.write(transaction.request)
        deadline = asyncio.get_running_loop().time() + timeout_s + self._byte_s * (13 + 2 * count)
        while await self._wire.wait(deadline):
            for outcome in transaction.feed(self._wire.take()):
                return outcome
        return _mute(timeout_s)

    async def quiet(self, timeout_s: float) -> int:
        return await self._wire.quiet(timeout_s)

    def close(self) -> None:
        self._wire.close()


class _TcpMaster:
    """A reply is known by its number: one that comes late is dropped, whatever it says."""

    gap_s = 0.0

    def __init__(self, wire: "_Wire", tell: Tell) -> None:
        self._wire = wire
        self._tell = tell
        self._replies = tcp.Replies()
        self._number = 0

    async def read(self, unit: int, function_code: int, address: int, count: int, timeout_s: float) -> Outcome:
        self._number = (self._number + 1) % tcp.NUMBERS
        transaction = tcp.Transaction(self._number, unit, function_code, address, count)
        self._taken(None)
        self._wire.write(transaction.request)
        deadline = asyncio.get_running_loop().time() + timeout_s
        while await self._wire.wait(deadline):
            outcome = self._taken(transaction)
            if outcome is not None:
                return outcome
        return _mute(timeout_s)

    def _taken(self, asked: tcp.Transaction | None) -> Outcome | None:
        """What is there of the reply that is waited for; all others are dropped."""
        outcome: Outcome | None = None
        for reply in self._replies.feed(self._wire.take()):
            if isinstance(reply, DecodeError):
                told = 'Modbus TCP is expected; a bridge that passes a serial line on needs framing = "rtu"'
                raise OSError(f"{self._wire.name}: {reply}; {told}")
            if asked is not None and outcome is None and reply.number == asked.number:
                outcome = asked.outcome(reply)
            else:
                self._tell(DecodeError(f"a late reply of unit {reply.unit} was dropped", reply.pdu))
        return outcome

    async def quiet(self, timeout_s: float) -> int:
        self._replies = tcp.Replies()
        return await self._wire.quiet(timeout_s)

    def close(self) -> None:
        self._wire.close()


def _mute(timeout_s: float) -> DecodeError:
    return DecodeError(f"no answer in {timeout_s:g} s")


class _Wire(asyncio.Protocol):
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

    async def wait(self, deadline: float) -> bool:
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


def _open_serial(line: SerialLine) -> _Wire:
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
    wire = _Wire(line.device)
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

    def close() -> None:
        loop.remove_reader(descriptor)
        device.close()

    loop.add_reader(descriptor, readable)
    wire.attach(lambda data: os.write(descriptor, data), close)
    return wire


async def _open_tcp(line: TcpLine) -> _Wire:
    loop = asyncio.get_running_loop()
    try:
        async with asyncio.timeout(CONNECT_S_MAX):
            transport, wire = await loop.create_connection(lambda: _Wire(str(line)), line.host, line.port)
    except TimeoutError:
        raise TimeoutError(f"{line}: no connection in {CONNECT_S_MAX:g} s") from None
    except OSError as error:
        raise OSError(error.errno, f"{line}: no connection ({error.strerror or error})") from None
    wire.attach(transport.write, transport.abort)
    return wire
