"""A line is recognised by what it says; only what says nothing is asked whether it is a radio receiver."""

import asyncio
import os
import tty
from collections.abc import Callable, Iterator
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path

import pytest

from drivers.encode import im871a, p1, sml
from drivers.encode.tic import historique_frame, standard_frame
from drivers.tic.labels import Mode
from gateway.ports import auto
from gateway.ports import stream as stream_port
from gateway.recognise import Recognised, Recognising, Stage, Trouble, Unknown, recognise
from gateway.searching import Progress, Searches
from tests.linky import Meter, household

pytestmark = pytest.mark.virtual

AT = datetime(2026, 1, 15, 12, tzinfo=UTC)
LINKY = household(AT, 1000, 2000)
TELEGRAM = p1.telegram("REL5\\2M", ["1-3:0.2.8(50)", "0-0:96.1.1(4530303334)", "1-0:1.8.1(001234.567*kWh)"])
FILE = sml.file(sml.household(sml.server("REL", 12_345_678), 1_234_567, 0, 480))


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stream_port, "GATHER_S", 0.01)
    defaults = auto.AutoPort.__init__.__kwdefaults__ or {}
    monkeypatch.setitem(defaults, "probe_s", 0.05)
    monkeypatch.setitem(defaults, "text_s", 0.05)


class Line:
    """The far end of a line: says the same again and again, and answers what is written; keeps all that was."""

    def __init__(self, says: bytes = b"", answers: Callable[[bytes], Iterator[bytes]] | None = None) -> None:
        self._end, self._line = os.openpty()
        tty.setraw(self._line)
        os.set_blocking(self._end, False)
        self.path = os.ttyname(self._line)
        self.written = b""
        self._answers = answers
        asyncio.get_running_loop().add_reader(self._end, self._hear)
        self._speaking = asyncio.ensure_future(self._speak(says))

    async def _speak(self, says: bytes) -> None:
        while says:
            await asyncio.sleep(0.03)
            with suppress(BlockingIOError):
                os.write(self._end, says)

    def _hear(self) -> None:
        asked = os.read(self._end, 4096)
        self.written += asked
        for said in self._answers(asked) if self._answers else ():
            os.write(self._end, said)

    def close(self) -> None:
        self._speaking.cancel()
        asyncio.get_running_loop().remove_reader(self._end)
        os.close(self._line)
        os.close(self._end)


async def found(device: str, listen_s: float = 0.4) -> object:
    """What is said at the end, and that progress never runs back."""
    percents, last = [0], object()
    async for one in recognise(device, [Stage(9600, listen_s), Stage(1200, listen_s), Stage(115_200, listen_s)]):
        last = one
        if isinstance(one, Progress):
            percents.append(one.percent)
    assert percents == sorted(percents)
    assert percents[-1] <= 100
    return last


@pytest.mark.parametrize(
    ("mode", "frame"), [(Mode.STANDARD, standard_frame(LINKY)), (Mode.HISTORIQUE, historique_frame(LINKY))]
)
async def test_a_linky_is_recognised_in_whichever_mode_it_speaks(mode: Mode, frame: bytes) -> None:
    meter = Meter(lambda: frame, mode, speed=6)
    playing = asyncio.ensure_future(meter.play())
    try:
        assert await found(str(meter.path), 1.5) == Recognised("tic", str(mode))
    finally:
        playing.cancel()
        await asyncio.wait([playing])
        meter.close()


@pytest.mark.parametrize(("protocol", "says"), [("p1", TELEGRAM), ("sml", FILE)])
async def test_what_speaks_by_itself_is_recognised_and_nothing_is_written_to_it(protocol: str, says: bytes) -> None:
    line = Line(says)
    try:
        assert await found(line.path) == Recognised(protocol)
        assert line.written == b""
    finally:
        line.close()


async def test_a_radio_receiver_is_asked_only_when_all_speeds_were_listened_to() -> None:
    line = Line(answers=im871a.answers)
    try:
        answers = recognise(line.path, [Stage(9600, 0.1), Stage(1200, 0.1), Stage(115_200, 0.1)])
        said: list[object] = []
        async for one in answers:
            if len(said) < 3:
                assert line.written == b""
            said.append(one)
        assert said[-1] == Recognised("wmbus", receiver="im871a")
    finally:
        line.close()


@pytest.mark.parametrize("says", [b"", b"U\x00U\xff" * 20])
async def test_what_is_not_known_is_said_so_and_whether_anything_came(says: bytes) -> None:
    line = Line(says)
    try:
        assert await found(line.path, 0.1) == Unknown(came=bool(says))
    finally:
        line.close()


async def test_a_line_that_another_program_holds_is_busy_and_one_that_is_not_there_gone(tmp_path: Path) -> None:
    line = Line()
    holder = stream_port.SerialLine(line.path, 9600)
    held = await stream_port.open_line(holder)
    try:
        assert await found(line.path) is Trouble.BUSY
    finally:
        held.close()
        line.close()
    assert await found(str(tmp_path / "nothing")) is Trouble.GONE


async def test_one_line_is_listened_to_at_a_time_and_given_back_when_stopped() -> None:
    async with asyncio.TaskGroup() as tasks:
        recognising = Recognising(Searches(lambda job, name: tasks.create_task(job, name=name), lambda: 0))
        first, second = Line(), Line()
        await recognising.start(first.path)
        search = recognising.of(first.path)
        await recognising.start(first.path)  # a double click
        assert recognising.of(first.path) is search
        await asyncio.sleep(0.05)
        await recognising.start(second.path)
        assert recognising.device == second.path
        assert recognising.of(second.path) is not None
        assert recognising.of(first.path) is None
        stream_port.probe(stream_port.SerialLine(first.path, 9600))  # nobody holds it
        await asyncio.sleep(0.05)
        await recognising.stop()
        assert recognising.listens_to is None
        stream_port.probe(stream_port.SerialLine(second.path, 9600))
        first.close()
        second.close()
