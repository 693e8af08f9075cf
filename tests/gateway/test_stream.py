import asyncio
import errno
import os
import tty
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from drivers.model import DecodeError, Frame, Telegram
from drivers.talk import Identity
from gateway.ports.stream import SerialLine, StreamPort, TcpLine, explain, probe
from gateway.views import Listening

pytestmark = pytest.mark.virtual


class Lines:
    """A framer for these tests: a frame is a line, one that says `bad` is refused."""

    def __init__(self) -> None:
        self._held = b""

    def feed(self, data: bytes) -> Iterator[Frame | DecodeError]:
        *lines, self._held = (self._held + data).split(b"\n")
        for line in lines:
            if line == b"bug":
                raise ZeroDivisionError
            yield DecodeError("line: refused", line) if line == b"bad" else Frame(line)


class Sink:
    """Writes down what a port says."""

    def __init__(self) -> None:
        self.said: list[object] = []
        self.news = asyncio.Event()

    def opened(self, port: str) -> None:
        self._note(f"{port} open")

    def identified(self, port: str, identity: Identity) -> None:
        self._note(identity)

    def listening(self, port: str, listening: Listening) -> None:
        self._note(listening)

    def frame(self, port: str, frame: Frame) -> None:
        self._note(frame.data)

    def telegram(self, port: str, read: Callable[[], Telegram]) -> None:
        self._note(read())

    def fault(self, port: str, error: DecodeError) -> None:
        self._note(str(error))

    def _note(self, thing: object) -> None:
        self.said.append(thing)
        self.news.set()

    async def wait_for(self, count: int) -> None:
        async with asyncio.timeout(5):
            while len(self.said) < count:
                self.news.clear()
                await self.news.wait()


class Pty:
    """A pseudo-terminal whose other side a test holds."""

    def __init__(self) -> None:
        self.master, self._slave = os.openpty()
        tty.setraw(self._slave)
        self.path = os.ttyname(self._slave)

    def unplug(self) -> None:
        os.close(self._slave)
        os.close(self.master)


async def test_a_serial_port_says_what_it_needs_first_then_gives_frames_and_faults() -> None:
    pty, sink = Pty(), Sink()
    running = asyncio.create_task(StreamPort("linky", SerialLine(pty.path, 9600), Lines, sink, b"hello").run())
    await sink.wait_for(1)
    assert os.read(pty.master, 100) == b"hello"
    os.write(pty.master, b"one\nbad\ntwo\nthr")
    await sink.wait_for(4)
    os.write(pty.master, b"ee\n")
    await sink.wait_for(5)
    assert sink.said == ["linky open", b"one", "line: refused", b"two", b"three"]
    running.cancel()
    pty.unplug()


async def test_a_bug_in_a_framer_costs_its_line_a_new_start_and_nothing_else() -> None:
    pty, sink = Pty(), Sink()
    running = asyncio.create_task(StreamPort("linky", SerialLine(pty.path, 9600), Lines, sink).run())
    await sink.wait_for(1)
    os.write(pty.master, b"one\nbug\ntwo\n")
    async with asyncio.timeout(5):
        with pytest.raises(OSError, match="a bug in the framer"):
            await running
    assert sink.said[-1] == b"one"
    pty.unplug()


async def test_an_unplugged_serial_port_ends_with_an_os_error() -> None:
    pty, sink = Pty(), Sink()
    running = asyncio.create_task(StreamPort("linky", SerialLine(pty.path, 9600), Lines, sink).run())
    await sink.wait_for(1)
    pty.unplug()
    async with asyncio.timeout(5):
        with pytest.raises(OSError, match=r".+"):
            await running


async def test_a_tcp_port_gives_frames_and_ends_when_the_far_end_closes() -> None:
    async def serve(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"one\ntwo\n")
        await writer.drain()
        writer.close()

    sink = Sink()
    async with await asyncio.start_server(serve, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        with pytest.raises(OSError, match="closed by the other side"):
            await StreamPort("far", TcpLine("127.0.0.1", port), Lines, sink).run()
    assert sink.said == ["far open", b"one", b"two"]


def test_a_missing_device_says_where_to_look(tmp_path: Path) -> None:
    with pytest.raises(OSError, match="no such device; is it plugged in"):
        probe(SerialLine(str(tmp_path / "ttyUSB9"), 9600))


def test_a_device_that_is_open_elsewhere_says_so() -> None:
    pty = Pty()
    import serial

    with serial.Serial(pty.path, exclusive=True), pytest.raises(OSError, match="already open in another program"):
        probe(SerialLine(pty.path, 9600))
    pty.unplug()


def test_a_file_that_is_no_serial_line_says_so(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("hello")
    with pytest.raises(OSError, match=r"notes\.txt: "):
        probe(SerialLine(str(tmp_path / "notes.txt"), 9600))


def test_a_device_without_permission_says_which_group_to_join() -> None:
    said = explain("/dev/ttyNONE0", errno.EACCES, "denied")
    assert said == (
        "/dev/ttyNONE0: not permitted; add the user to the group dialout: sudo usermod -aG dialout $USER, then log in again"
    )
