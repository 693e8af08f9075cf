"""Radio receivers through their ports: an emulator of ours at the other end of a pseudo-terminal or a socket."""

import asyncio
import os
import termios
import tty
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import get_args

import pytest

from drivers.encode import amb8465, cul, im871a, iu891a, rc1180
from drivers.encode.wmbus import telegram
from drivers.model import Address, DecodeError, Frame, Telegram
from drivers.receivers import RECEIVERS
from drivers.talk import Identity
from gateway import config, lines
from gateway.ports import stream as stream_port
from gateway.ports.auto import AutoPort
from gateway.ports.stream import SerialLine, StreamPort, TcpLine
from gateway.views import Listening
from tests.house import house

pytestmark = pytest.mark.virtual

TELEGRAM = telegram(Address("wmbus", "12345678", "REL", 1, 7), bytes.fromhex("041383580900"), 0x2A)
RSSI_DBM = -87
HEXLINE = TELEGRAM.hex().encode() + b"\n"

Answers = Callable[[bytes], Iterator[bytes]]
DONGLES: dict[str, tuple[Answers, bytes, str]] = {
    "im871a": (im871a.answers, im871a.heard(TELEGRAM, RSSI_DBM), "iM871A 1.4, C1+T1"),
    "iu891a": (iu891a.answers, iu891a.heard(TELEGRAM, RSSI_DBM), "iU891A-XL 1.2, C1+T1"),
    "amb8465": (amb8465.answers, amb8465.heard(TELEGRAM, RSSI_DBM), "AMB8465 2.0.6, C1+T1"),
    "rc1180": (rc1180.answers, rc1180.heard(TELEGRAM, RSSI_DBM), "RC1180-MBUS, T1"),
    "cul": (cul.answers, cul.heard(TELEGRAM, RSSI_DBM), "nanoCUL868 1.67, C1+T1"),
}
every_dongle = pytest.mark.parametrize("name", DONGLES)


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """What comes within 0.2 s is gathered to save wake-ups; here nobody saves."""
    monkeypatch.setattr(stream_port, "GATHER_S", 0.01)


class Sink:
    """Writes down what a port says."""

    def __init__(self) -> None:
        self.said: list[object] = []
        self.news = asyncio.Event()

    def opened(self, port: str) -> None:
        self._note("open")

    def identified(self, port: str, identity: Identity) -> None:
        self._note(str(identity))

    def listening(self, port: str, listening: Listening) -> None:
        self._note(listening)

    def frame(self, port: str, frame: Frame) -> None:
        self._note(frame)

    def telegram(self, port: str, read: Callable[[], Telegram]) -> None:
        raise AssertionError(read)

    def fault(self, port: str, error: DecodeError) -> None:
        self._note(error)

    def _note(self, thing: object) -> None:
        self.said.append(thing)
        self.news.set()

    async def wait_for(self, thing: object) -> None:
        async with asyncio.timeout(10):
            while thing not in self.said:
                self.news.clear()
                await self.news.wait()


class Stick:
    """A dongle on a pseudo-terminal. It hears the host only at its own rate, and not at all at first if it is `deaf`."""

    def __init__(self, answers: Answers, baud: int, deaf: int = 0) -> None:
        self._master, self._slave = os.openpty()
        tty.setraw(self._slave)
        os.set_blocking(self._master, False)
        self.path = os.ttyname(self._slave)
        self._answers = answers
        self._speed = getattr(termios, f"B{baud}")
        self.deaf = deaf
        asyncio.get_running_loop().add_reader(self._master, self._asked)

    def _asked(self) -> None:
        request = os.read(self._master, 4096)
        if termios.tcgetattr(self._slave)[4] != self._speed:
            return
        if self.deaf:
            self.deaf -= 1
            return
        for answer in self._answers(request):
            self.write(answer)

    def write(self, data: bytes) -> None:
        os.write(self._master, data)

    def unplug(self) -> None:
        asyncio.get_running_loop().remove_reader(self._master)
        os.close(self._slave)
        os.close(self._master)


def silent(request: bytes) -> Iterator[bytes]:
    yield from ()


@asynccontextmanager
async def running(port: StreamPort | AutoPort) -> AsyncIterator[None]:
    task = asyncio.create_task(port.run())
    try:
        yield
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


@asynccontextmanager
async def socket(
    write: Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]],
) -> AsyncIterator[TcpLine]:
    """A socket whose clients `write` talks with, until the block ends."""
    writers: list[asyncio.StreamWriter] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writers.append(writer)
        with suppress(ConnectionError):
            await write(reader, writer)
        writer.close()

    async with await asyncio.start_server(serve, "127.0.0.1", 0) as server:
        yield TcpLine("127.0.0.1", server.sockets[0].getsockname()[1])
        for writer in writers:
            writer.transport.abort()
        await asyncio.sleep(0.02)


def repeating(data: bytes) -> Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]:
    async def write(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while not writer.is_closing():
            writer.write(data)
            await asyncio.sleep(0.01)

    return write


def stream(stick: Stick, name: str, sink: Sink) -> StreamPort:
    receiver = RECEIVERS[name]
    line = SerialLine(stick.path, receiver.baud)
    return StreamPort("radio", line, receiver.framer, sink, receiver.start, answer_s=0.1)


@every_dongle
async def test_a_port_talks_with_its_dongle_says_who_it_is_and_hears_telegrams(name: str) -> None:
    answers, heard, identity = DONGLES[name]
    stick, sink = Stick(answers, RECEIVERS[name].baud), Sink()
    async with running(stream(stick, name, sink)):
        await sink.wait_for(identity)
        stick.write(heard)
        await sink.wait_for(Frame(TELEGRAM, RSSI_DBM))
    assert sink.said == ["open", identity, Frame(TELEGRAM, RSSI_DBM)]
    stick.unplug()


async def test_a_dongle_that_misses_the_first_request_is_asked_again() -> None:
    answers, _, identity = DONGLES["im871a"]
    stick, sink = Stick(answers, RECEIVERS["im871a"].baud, deaf=2), Sink()
    async with running(stream(stick, "im871a", sink)):
        await sink.wait_for(identity)
    assert sink.said == ["open", identity]
    stick.unplug()


async def test_a_dongle_that_never_answers_is_told_once_and_read_all_the_same() -> None:
    stick, sink = Stick(silent, RECEIVERS["im871a"].baud), Sink()
    receiver = RECEIVERS["im871a"]
    port = StreamPort(
        "radio", SerialLine(stick.path, receiver.baud), receiver.framer, sink, receiver.start, answer_s=0.01
    )
    fault = DecodeError("the receiver did not answer; what it sends is read")
    async with running(port):
        await sink.wait_for(fault)
        stick.write(im871a.heard(TELEGRAM, RSSI_DBM))
        await sink.wait_for(Frame(TELEGRAM, RSSI_DBM))
    assert sink.said == ["open", fault, Frame(TELEGRAM, RSSI_DBM)]
    stick.unplug()


@every_dongle
async def test_a_dongle_that_was_silent_for_long_is_asked_again_and_goes_on(name: str) -> None:
    answers, heard, identity = DONGLES[name]
    stick, sink, receiver = Stick(answers, RECEIVERS[name].baud), Sink(), RECEIVERS[name]
    line = SerialLine(stick.path, receiver.baud)
    port = StreamPort("radio", line, receiver.framer, sink, receiver.start, answer_s=0.2, silence_s=0.1)
    async with running(port):
        await sink.wait_for(identity)
        sink.said.clear()
        await sink.wait_for(identity)
        stick.write(heard)
        await sink.wait_for(Frame(TELEGRAM, RSSI_DBM))
    assert not [fault for fault in sink.said if isinstance(fault, DecodeError)]
    stick.unplug()


async def test_a_dongle_that_hangs_is_a_lost_line() -> None:
    answers, _, identity = DONGLES["im871a"]
    stick, sink, receiver = Stick(answers, RECEIVERS["im871a"].baud), Sink(), RECEIVERS["im871a"]
    line = SerialLine(stick.path, receiver.baud)
    port = StreamPort("radio", line, receiver.framer, sink, receiver.start, answer_s=0.1, silence_s=0.05)
    task = asyncio.create_task(port.run())
    await sink.wait_for(identity)
    stick.deaf = 100
    with pytest.raises(OSError, match="no longer answers"):
        await task
    stick.unplug()


async def test_a_telegram_that_stops_in_its_middle_does_not_swallow_the_next_one() -> None:
    stick, sink = Stick(silent, RECEIVERS["rc1180"].baud), Sink()
    line = SerialLine(stick.path, RECEIVERS["rc1180"].baud)
    async with running(StreamPort("radio", line, RECEIVERS["rc1180"].framer, sink, pause_s=0.05)):
        await sink.wait_for("open")
        stick.write(TELEGRAM[:-3])
        await asyncio.sleep(0.1)
        stick.write(TELEGRAM)
        await sink.wait_for(Frame(TELEGRAM))
    assert sink.said == [
        "open",
        DecodeError("rc1180: 18 bytes of a telegram cut short", TELEGRAM[:-3]),
        Frame(TELEGRAM),
    ]
    stick.unplug()


def auto(stick: Stick, sink: Sink) -> AutoPort:
    return on(SerialLine(stick.path, 9600), sink)


def on(line: SerialLine | TcpLine, sink: Sink) -> AutoPort:
    return AutoPort("radio", line, RECEIVERS, sink, probe_s=0.1, text_s=0.1)


@every_dongle
async def test_auto_finds_which_dongle_sits_on_a_line_and_says_which(name: str) -> None:
    answers, heard, identity = DONGLES[name]
    stick, sink = Stick(answers, RECEIVERS[name].baud), Sink()
    began = asyncio.get_running_loop().time()
    async with running(auto(stick, sink)):
        await sink.wait_for(identity)
        assert asyncio.get_running_loop().time() - began < 8
        stick.write(heard)
        await sink.wait_for(Frame(TELEGRAM, RSSI_DBM))
    assert sink.said == ["open", name, identity, Frame(TELEGRAM, RSSI_DBM)]
    stick.unplug()


async def test_auto_finds_a_dongle_that_misses_the_first_request() -> None:
    answers, _, identity = DONGLES["cul"]
    stick, sink = Stick(answers, RECEIVERS["cul"].baud, deaf=1), Sink()
    async with running(auto(stick, sink)):
        await sink.wait_for(identity)
    stick.unplug()


@pytest.mark.parametrize(
    ("name", "line"),
    [
        ("hexlines", HEXLINE),
        ("hexlines", b"T1;1;1;2026-11-21 14:30:00.000;98;43;12345678;0x" + HEXLINE),
        ("rtl_433", b'{"model":"Wireless-MBus","data":"' + HEXLINE.strip() + b'"}\n'),
    ],
)
async def test_auto_finds_lines_of_text_on_a_socket(name: str, line: bytes) -> None:
    sink = Sink()
    async with socket(repeating(line)) as there, running(on(there, sink)):
        await sink.wait_for(Frame(TELEGRAM))
    assert sink.said[:2] == ["open", name]


async def test_auto_finds_a_dongle_behind_a_socket() -> None:
    async def write(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while request := await reader.read(100):
            for answer in amb8465.answers(request):
                writer.write(answer)

    sink = Sink()
    async with socket(write) as there, running(on(there, sink)):
        await sink.wait_for("AMB8465 2.0.6, C1+T1")
    assert sink.said[:2] == ["open", "amb8465"]


async def test_auto_that_finds_nothing_fails_and_says_what_it_looked_for() -> None:
    stick, sink = Stick(silent, 9600), Sink()
    with pytest.raises(OSError, match=r"no radio receiver was recognised, of im871a, .* rtl_433"):
        await auto(stick, sink).run()
    assert sink.said == []
    stick.unplug()


async def test_a_babbling_line_does_not_hold_auto_for_ever() -> None:
    sink = Sink()
    async with socket(repeating(b">")) as there:
        with pytest.raises(OSError, match="no radio receiver"):
            await on(there, sink).run()


async def test_auto_looks_first_for_what_it_found_before() -> None:
    answers, _, identity = DONGLES["cul"]
    sink = Sink()
    stick = Stick(answers, RECEIVERS["cul"].baud)
    port = auto(stick, sink)
    async with running(port):
        await sink.wait_for(identity)
    sink.said.clear()
    began = asyncio.get_running_loop().time()
    async with running(port):
        await sink.wait_for("cul")
    assert asyncio.get_running_loop().time() - began < 2
    stick.unplug()


def test_the_configuration_knows_every_receiver() -> None:
    assert set(get_args(config.Receiver)) == {"auto", *RECEIVERS}


@pytest.mark.parametrize("name", get_args(config.Receiver))
def test_every_receiver_of_the_configuration_has_a_port(name: str) -> None:
    text = f'[[port]]\nname = "radio"\nprotocol = "wmbus"\ndevice = "/dev/ttyUSB0"\nreceiver = "{name}"'
    port = lines.open_port(config.parse(text, "a test").ports[0], (), Sink())
    assert isinstance(port, AutoPort if name == "auto" else StreamPort)


def test_what_a_dongle_answered_is_in_the_view_of_its_port(tmp_path: Path) -> None:
    toml = '[[port]]\nname = "radio"\nprotocol = "wmbus"\ndevice = "/dev/ttyUSB0"'
    with house(tmp_path, toml) as home:
        home.collect.opened("radio")
        assert home.ports()[0].receiver is None
        home.collect.identified("radio", Identity("iM871A", "1.4", "C1+T1"))
        assert home.ports()[0].receiver == "iM871A 1.4, C1+T1"
        home.collect.opened("radio")
        assert home.ports()[0].receiver is None
