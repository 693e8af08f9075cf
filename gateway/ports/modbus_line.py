"""Lines with Modbus meters behind them: one request at a time, and never a reply that belongs to another one.

RTU has no number that ties a reply to its request, Modbus TCP has one; what follows from it is in
docs/decisions/0002-modbus-rtu.md. When to ask, and how long to be silent, is for `modbus_bus.py` to say.
"""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from drivers.modbus import rtu, tcp
from drivers.modbus.rtu import GLITCH_BYTES_MAX, Refused
from drivers.model import DecodeError
from gateway.ports.stream import SerialLine
from gateway.ports.wire import Wire, open_serial, open_socket

# Start, 8 data, parity or a second stop, stop (Serial Line V1.02, 2.5.1).
BITS_A_BYTE = 11

Outcome = tuple[int, ...] | Refused | DecodeError
Tell = Callable[[DecodeError], None]


@dataclass(frozen=True, slots=True)
class TcpLine:
    """Modbus TCP, or with `rtu` a raw socket to a serial line (ser2net, an RS485 bridge in transparent mode).

    `at_home`: it is opened in the home's network only.
    """

    host: str
    port: int = 502
    rtu: bool = False
    at_home: bool = False

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
        return _RtuMaster(open_serial(line), tell, line.baud)
    wire = await open_socket(line.host, line.port, home=line.at_home)
    return _RtuMaster(wire, tell) if line.rtu else _TcpMaster(wire, tell)


class _RtuMaster:
    def __init__(self, wire: Wire, tell: Tell, baud: int | None = None) -> None:
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

    def __init__(self, wire: Wire, tell: Tell) -> None:
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
                told = 'a bridge that passes a serial line on as it is needs framing = "rtu"'
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
