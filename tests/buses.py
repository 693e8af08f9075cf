"""A Modbus line for tests: a sink, a bus with slaves that may be slow, mute or wrong, servers, and a clock that jumps."""

import asyncio
import contextlib
import os
import selectors
import tty
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Mapping
from concurrent.futures import Executor
from typing import Any, TypeVar, TypeVarTuple

from drivers.encode.modbus import Slave
from drivers.modbus import MeterMap
from drivers.modbus.maps import parse
from drivers.modbus.rtu import Transaction
from drivers.model import DecodeError, Frame, Telegram
from drivers.talk import Identity
from gateway.ports.modbus import ModbusPort, SerialLine, TcpLine, Unit
from gateway.ports.modbus_line import Outcome
from gateway.views import Listening

T = TypeVar("T")
Given = TypeVarTuple("Given")

TIMEOUT_S = 0.08
# Of real time, in which what was sent to a socket of this machine arrives.
SOCKET_S_MAX = 0.002
# Of real time, for which a thread is waited for at a time.
THREAD_S = 0.05
END_S_MAX = 5.0
# By so much a jump goes beyond what is due: a sum of floats may stay before it, and whoever waits until then for ever.
TICK_S = 1e-9


def ladder(rungs: int = 4) -> MeterMap:
    """A meter whose registers hold their own address, asked in requests of one size: any mix-up shows as a value."""
    rows = (
        f'[[register]]\nname="r{a}"\naddress={a}\ntype="uint16"\nscale="1"\nquantity="number"\n'
        for rung in range(rungs)
        for a in (100 * rung, 100 * rung + 1)
    )
    head = 'vendor="Test"\nmodels=["T"]\nsources=["this test"]\nconfidence="high"\nfunction_code=4\n'
    return parse("ladder", head + "[limits]\ngap_ms=0\n" + "".join(rows))


def rungs(count: int = 1000) -> dict[int, dict[int, int]]:
    return {4: {address: address for address in range(count)}}


class Sink:
    def __init__(self) -> None:
        self.opens = 0
        self.telegrams: list[Telegram] = []
        self.at_s: list[float] = []
        self.faults: list[DecodeError] = []
        self._news = asyncio.Event()

    def opened(self, port: str) -> None:
        assert port == "bus"
        self.opens += 1

    def identified(self, port: str, identity: Identity) -> None:
        raise AssertionError(identity)

    def listening(self, port: str, listening: Listening) -> None:
        raise AssertionError(listening)

    def frame(self, port: str, frame: Frame) -> None:
        raise AssertionError("a Modbus port tells telegrams")

    def telegram(self, port: str, read: Callable[[], Telegram]) -> None:
        self.telegrams.append(read())
        self.at_s.append(asyncio.get_running_loop().time())
        self._news.set()

    def fault(self, port: str, error: DecodeError) -> None:
        self.faults.append(error)
        self._news.set()

    async def until(self, ready: Callable[[], bool], timeout_s: float = 5) -> None:
        async with asyncio.timeout(timeout_s):
            while not ready():
                self._news.clear()
                await self._news.wait()

    def said(self, unit: int) -> list[dict[str, object]]:
        return [{r.register: r.value for r in t.readings} for t in self.telegrams if t.address.id == f"bus/{unit}"]


class Bus:
    """The far end of a pseudo-terminal, with slaves on it that may be slow, mute or answer nonsense.

    `behave(n, reply)` says for request number n (from 0) after how many seconds which bytes come; None is silence.
    """

    def __init__(self, *slaves: Slave) -> None:
        self.slaves = slaves
        self.behave: Callable[[int, bytes], tuple[float, bytes] | None] = lambda n, reply: (0.0, reply)
        self.requests: list[bytes] = []
        self.near, self._far = os.openpty()
        tty.setraw(self._far)
        self.line = SerialLine(os.ttyname(self._far), 9600)
        asyncio.get_running_loop().add_reader(self.near, self._readable)

    def _readable(self) -> None:
        self._hear(os.read(self.near, 4096), lambda data: os.write(self.near, data))

    def _hear(self, data: bytes, write: Callable[[bytes], object]) -> None:
        assert len(data) % 8 == 0, "the port sent something else than whole reads"
        self.requests += [data[i : i + 8] for i in range(0, len(data), 8)]
        for reply in (reply for slave in self.slaves for reply in slave.feed(data)):
            answer = self.behave(len(self.requests) - 1, reply)
            if answer is not None:
                asyncio.get_running_loop().call_later(answer[0], self._write, write, answer[1])

    def _write(self, write: Callable[[bytes], object], data: bytes) -> None:
        with contextlib.suppress(OSError):
            write(data)

    async def bridge(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """The same bus behind a transparent TCP bridge."""
        while data := await reader.read(4096):
            self._hear(data, writer.write)

    def unplug(self) -> None:
        if self.near >= 0:
            asyncio.get_running_loop().remove_reader(self.near)
            os.close(self._far)
            os.close(self.near)
            self.near = -1


@contextlib.asynccontextmanager
async def peer(
    talk: Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]],
) -> AsyncIterator[TcpLine]:
    """A TCP server, until its last connection is gone."""
    gone: list[asyncio.Event] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        gone.append(left := asyncio.Event())
        with contextlib.suppress(OSError, asyncio.IncompleteReadError):
            await talk(reader, writer)
        writer.close()
        with contextlib.suppress(OSError):
            await writer.wait_closed()
        left.set()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    try:
        yield TcpLine("127.0.0.1", server.sockets[0].getsockname()[1])
    finally:
        server.close()
        async with asyncio.timeout(2):
            for left in gone:
                await left.wait()


@contextlib.asynccontextmanager
async def running(line: SerialLine | TcpLine, units: list[Unit], sink: Sink) -> AsyncIterator["asyncio.Task[None]"]:
    task = asyncio.create_task(ModbusPort("bus", line, units, sink, timeout_s=TIMEOUT_S).run())
    try:
        yield task
    finally:
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError, OSError):
            await task


class VirtualLoop(asyncio.SelectorEventLoop):
    """A clock that jumps to what is due next: hours pass in a moment. Both ends of a line must be in this loop.

    A test has it that is marked `virtual`. While the loop has something done in a thread, time stands still; what other
    threads and processes do is not waited for.
    """

    def __init__(self) -> None:
        super().__init__(_Jumping(self))
        self.now = 0.0
        self.in_threads: set[asyncio.Future[Any]] = set()

    def time(self) -> float:
        return self.now

    def run_in_executor(
        self, executor: Executor | None, func: Callable[[*Given], T], *args: *Given
    ) -> "asyncio.Future[T]":
        done = super().run_in_executor(executor, func, *args)
        self.in_threads.add(done)
        done.add_done_callback(self.in_threads.discard)
        return done


class _Jumping(selectors.PollSelector):
    """Jumps once nothing is under way any more on any line.

    poll(2) has the kernel hand on what was written to the other end of a pseudo-terminal, before it says that there is
    nothing; epoll(7) does not. Between sockets of one machine bytes are there at once, but for a busy kernel.
    """

    def __init__(self, loop: VirtualLoop) -> None:
        super().__init__()
        self._loop = loop

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        events = super().select(0)
        if events or timeout == 0:
            return events
        if self._loop.in_threads:
            return super().select(THREAD_S)
        if timeout is None:  # the loop ends, once its threads have
            events = super().select(END_S_MAX)
            assert events, "nothing will ever happen"
            return events
        if self._on_a_network():
            events = super().select(SOCKET_S_MAX)
        if not events:
            self._loop.now += timeout + TICK_S
        return events

    def _on_a_network(self) -> bool:
        """Whether more is waited for than the loop's own pipe and terminals."""
        return sum(not os.isatty(key.fd) for key in self.get_map().values()) > 1


def virtually(what: Coroutine[Any, Any, None]) -> None:
    with asyncio.Runner(loop_factory=VirtualLoop) as runner:
        runner.run(what)


class PacedMaster:
    """An open line in the clock's time: each byte takes its time at a rate, each meter thinks before it answers.

    `dead` units say nothing. `asked` are the requests with the time at which each began.
    """

    def __init__(self, slaves: Mapping[int, Slave], baud: int = 9600, think_s: float = 0.03) -> None:
        self.slaves = slaves
        self.dead: set[int] = set()
        self.asked: list[tuple[float, int, int, int, int]] = []
        self.opens = 0
        self.gap_s = 3.5 * 11 / baud
        self._byte_s = 10 / baud
        self._think_s = think_s
        self._busy = False

    async def open(self, line: object, tell: object) -> "PacedMaster":
        self.opens += 1
        return self

    async def read(self, unit: int, function_code: int, address: int, count: int, timeout_s: float) -> Outcome:
        assert not self._busy, "two requests at a time"
        self._busy = True
        try:
            self.asked.append((asyncio.get_running_loop().time(), unit, function_code, address, count))
            transaction = Transaction(unit, function_code, address, count)
            replies = (
                [] if unit in self.dead or unit not in self.slaves else [*self.slaves[unit].feed(transaction.request)]
            )
            if not replies:
                await asyncio.sleep(timeout_s)
                return DecodeError(f"no answer in {timeout_s:g} s")
            await asyncio.sleep((len(transaction.request) + len(replies[0])) * self._byte_s + self._think_s)
            (outcome,) = transaction.feed(replies[0])
            return outcome
        finally:
            self._busy = False

    async def quiet(self, timeout_s: float) -> int:
        await asyncio.sleep(timeout_s)
        return 0

    def close(self) -> None:
        assert not self._busy
