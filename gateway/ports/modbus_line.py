"""Lines with Modbus meters behind them: one request at a time, and never a reply that belongs to another one.

RTU has no number that ties a reply to its request, so after any failure the line must fall silent (`quiet`) before
the next request: docs/decisions/0002-modbus-rtu.md. Modbus TCP has such a number and needs no silence.
"""

import asyncio
import logging
import os
import termios
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from drivers.modbus.rtu import READ_HOLDING, Refused, Transaction
from drivers.model import DecodeError
from gateway.ports.stream import SerialLine, explain

if TYPE_CHECKING:
    from pymodbus.client import AsyncModbusTcpClient

CONNECT_S_MAX = 5.0
READ_BYTES_MAX = 4096

# What is kept of bytes nobody asked for; older ones are dropped.
UNREAD_BYTES_MAX = 4096

# A line that chatters for longer than this many timeouts is opened again.
QUIET_TIMEOUTS_MAX = 10

# Start, 8 data, parity or a second stop, stop (Serial Line V1.02, 2.5.1).
BITS_A_BYTE = 11

Outcome = tuple[int, ...] | Refused | DecodeError


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

    async def read(self, unit: int, function_code: int, address: int, count: int) -> Outcome:
        """Exactly `count` registers, the meter's refusal, or why there is no usable answer."""

    async def quiet(self) -> int:
        """Wait until nothing that was asked before can still come; how many bytes did."""

    def close(self) -> None:
        """Give the line back."""


async def open_line(line: SerialLine | TcpLine, timeout_s: float) -> Master:
    """Open a line; OSError or TimeoutError says in one sentence why it cannot be opened."""
    match line:
        case SerialLine():
            return _RtuMaster(_open_serial(line), line.baud, timeout_s)
        case TcpLine(rtu=True):
            loop = asyncio.get_running_loop()
            async with asyncio.timeout(CONNECT_S_MAX):
                transport, wire = await loop.create_connection(lambda: _Wire(str(line)), line.host, line.port)
            wire.attach(transport.write, transport.close)
            return _RtuMaster(wire, None, timeout_s)
        case TcpLine():
            return await _open_tcp(line, timeout_s)


class _RtuMaster:
    def __init__(self, wire: "_Wire", baud: int | None, timeout_s: float) -> None:
        self._wire = wire
        self._timeout_s = timeout_s
        self._byte_s = BITS_A_BYTE / baud if baud else 0.0
        # Serial Line V1.02, 2.5.1.1: 3.5 characters between frames, 1.75 ms above 19200 baud.
        self.gap_s = max(3.5 * self._byte_s, 0.00175)

    async def read(self, unit: int, function_code: int, address: int, count: int) -> Outcome:
        transaction = Transaction(unit, function_code, address, count)
        self._wire.take()  # what came before the request is not its reply
        self._wire.write(transaction.request)
        deadline = asyncio.get_running_loop().time() + self._timeout_s + self._byte_s * (13 + 2 * count)
        while await self._wire.wait(deadline):
            for outcome in transaction.feed(self._wire.take()):
                return outcome
        return DecodeError(f"no answer in {self._timeout_s:g} s")

    async def quiet(self) -> int:
        loop = asyncio.get_running_loop()
        give_up = loop.time() + QUIET_TIMEOUTS_MAX * self._timeout_s
        late_bytes = len(self._wire.take())
        while await self._wire.wait(loop.time() + self._timeout_s):
            late_bytes += len(self._wire.take())
            if loop.time() > give_up:
                raise TimeoutError(f"{self._wire.name}: the line never falls silent")
        return late_bytes

    def close(self) -> None:
        self._wire.close()


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


class _TcpMaster:
    """Modbus TCP through pymodbus, which checks the transaction number and the unit of each reply, not its length."""

    gap_s = 0.0

    def __init__(self, line: TcpLine, client: "AsyncModbusTcpClient", timeout_s: float) -> None:
        self._line = line
        self._client = client
        self._timeout_s = timeout_s

    async def read(self, unit: int, function_code: int, address: int, count: int) -> Outcome:
        from pymodbus.exceptions import ModbusException

        client = self._client
        if not client.connected:  # pymodbus closes a line that left several requests unanswered
            raise OSError(f"{self._line}: the connection is lost")
        ask = client.read_holding_registers if function_code == READ_HOLDING else client.read_input_registers
        try:
            reply = await ask(address, count=count, device_id=unit)
        except ModbusException:
            if not client.connected:
                raise OSError(f"{self._line}: the connection is lost") from None
            return DecodeError(f"no answer in {self._timeout_s:g} s")
        if reply.isError():
            return Refused(reply.exception_code)
        if len(reply.registers) != count:
            return DecodeError(f"a reply of {len(reply.registers)} registers, expected {count}")
        return tuple(reply.registers)

    async def quiet(self) -> int:
        return 0

    def close(self) -> None:
        self._client.close()


async def _open_tcp(line: TcpLine, timeout_s: float) -> _TcpMaster:
    from pymodbus import FramerType  # 14 MB: only a house with Modbus TCP loads it
    from pymodbus.client import AsyncModbusTcpClient

    # It logs each timeout as an error, with bytes; the port tells its sink instead.
    logging.getLogger("pymodbus.logging").setLevel(logging.CRITICAL)
    # The supervisor opens a lost line again, and the port decides what is asked twice.
    client = AsyncModbusTcpClient(
        line.host, port=line.port, framer=FramerType.SOCKET, timeout=timeout_s, retries=0, reconnect_delay=0
    )
    if not await client.connect():
        raise OSError(f"{line}: no connection")
    return _TcpMaster(line, client, timeout_s)
