"""Pulses fed to a real port, through the collector, into a real store; and what a kill takes of them."""

import asyncio
import os
import pty
import signal
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from decimal import Decimal
from pathlib import Path

import pytest

from drivers.model import Quantity
from gateway.config import parse
from gateway.house import House
from gateway.lines import contact
from gateway.model import SeriesKey
from gateway.ports.pulse import GpioPin, PulsePort, SerialControl
from gateway.supervise import keep_running
from tests.contacts import GAS, Fifo, Finger
from tests.house import Clock, house

KEY = SeriesKey("gaz", "volume")
KILLS = 3


@pytest.fixture
def finger(tmp_path: Path) -> Iterator[Finger]:
    made = Finger(tmp_path / "contact")
    yield made
    made.close()


@asynccontextmanager
async def counting(folder: Path, home: House, *, beat_s: float = 60) -> AsyncIterator[None]:
    """The port reads the FIFO, debounced in 3 ms."""
    say = home.dials.say("pulse:gaz")
    port = PulsePort("gaz", Fifo(folder / "contact"), 3, True, say, home.collect, beat_s_max=beat_s)
    running = asyncio.create_task(keep_running(port.run, lambda reason: home.collect.lost("gaz", reason)))
    try:
        async with asyncio.timeout(5):
            while not home.collect.ports["gaz"].open_:
                await asyncio.sleep(0.005)
        await asyncio.sleep(0.01)
        yield
    finally:
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)


def index(home: House) -> Decimal:
    point = home.store.latest(KEY)
    assert point is not None
    return point.decimal


async def test_each_pulse_is_worth_its_litres_and_a_bounce_is_worth_none(tmp_path: Path, finger: Finger) -> None:
    with house(tmp_path, GAS) as home:
        async with counting(tmp_path, home):
            await finger.press(12, bounces=5)
        assert index(home) == 120
        view = home.points()[0]
        assert (view.address, view.port, view.quantity) == ("pulse:gaz", "gaz", Quantity.VOLUME)


async def test_a_start_goes_on_from_the_last_index_and_shows_no_peak(tmp_path: Path, finger: Finger) -> None:
    clock = Clock()
    with house(tmp_path, GAS, clock) as home:
        async with counting(tmp_path, home):
            await finger.press(3)
        assert index(home) == 30
    clock.at += 7 * 86400
    with house(tmp_path, GAS, clock) as home:
        async with counting(tmp_path, home):
            await finger.press(1)
        assert index(home) == 40
        assert home.points()[0].level is None  # a single pulse since the start says no flow


async def test_pulses_while_the_cable_is_pulled_are_nobodys_and_those_before_are_kept(
    tmp_path: Path, finger: Finger
) -> None:
    with house(tmp_path, GAS) as home:
        async with counting(tmp_path, home):
            await finger.press(4)
            finger.pull()
            async with asyncio.timeout(5):
                while home.collect.ports["gaz"].counts["lost"] == 0:
                    await asyncio.sleep(0.005)
            assert index(home) == 40
            async with asyncio.timeout(5):
                while not home.collect.ports["gaz"].open_:
                    await asyncio.sleep(0.005)
            await asyncio.sleep(0.01)  # where it stands is known once it has held
            await finger.press(2)
        assert index(home) == 60
        assert home.collect.ports["gaz"].reason is None


async def test_a_clock_set_back_takes_nothing_from_the_count_of_the_next_start(tmp_path: Path, finger: Finger) -> None:
    clock = Clock()
    with house(tmp_path, GAS, clock) as home:
        async with counting(tmp_path, home):
            await finger.press(5)
    clock.at -= 3600
    with house(tmp_path, GAS, clock) as home:
        async with counting(tmp_path, home):
            await finger.press(2)
    with house(tmp_path, GAS, clock) as home:
        async with counting(tmp_path, home):
            await finger.press(1)
        count = home.dials.count("gaz")
        assert count is not None
        assert count.index == 80


async def test_a_meter_that_gives_no_pulse_is_no_silent_meter(tmp_path: Path, finger: Finger) -> None:
    with house(tmp_path, GAS) as home:
        async with counting(tmp_path, home, beat_s=0.02):
            await asyncio.sleep(0.1)
        assert home.collect.meters["pulse:gaz"].telegrams >= 3
        assert index(home) == 0


@pytest.mark.timeout(60)
async def test_of_pulses_that_were_shown_a_kill_takes_none(tmp_path: Path, finger: Finger) -> None:
    """A slow meter's pulses are all kept; of a fast one's, those of the last second at most, which nobody was shown."""
    shown = pressed = Decimal(0)
    for _ in range(KILLS):
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-c",
            "import asyncio, pathlib, sys; from tests.contacts import box; "
            "asyncio.run(box(*map(pathlib.Path, sys.argv[1:])))",
            tmp_path,
            tmp_path / "contact",
            stdout=asyncio.subprocess.PIPE,
        )
        try:
            assert process.stdout is not None
            async with asyncio.timeout(20):
                start = Decimal((await process.stdout.readline()).decode())
                assert shown <= start <= pressed
                await asyncio.sleep(1.1)  # told less than a second ago, it would not be told again at once
                await finger.press(1, ms=10)
                shown = Decimal((await process.stdout.readline()).decode())
                assert shown == start + 10
                await finger.press(5, ms=10)
                pressed = shown + 50
        finally:
            process.send_signal(signal.SIGKILL)
            await process.wait()
    assert shown >= 10 * KILLS


def test_a_line_without_control_lines_is_refused_in_one_sentence() -> None:
    master, slave = pty.openpty()
    try:
        name = os.ttyname(slave)
        with pytest.raises(OSError, match="has no control lines"):
            SerialControl(name, "cts", 20).probe()
    finally:
        os.close(master)
        os.close(slave)


def test_a_chip_or_a_line_that_is_not_there_is_named() -> None:
    with pytest.raises(OSError, match="/dev/gpiochip250: no such device; `ls /dev/gpiochip"):
        GpioPin("gpiochip250", 17, pull_up=True).probe()
    with pytest.raises(OSError, match="/dev/ttyNONE: no such device"):
        SerialControl("/dev/ttyNONE", "cts", 20).probe()


def test_a_contact_to_ground_is_held_high_by_the_box_and_one_to_3_3_v_low() -> None:
    assert contact(parse(GAS, "a test").ports[0]) == GpioPin("gpiochip0", 17, pull_up=True)
    rising = GAS.replace("17", "4").replace("[[meter]]", 'edge = "rising"\n[[meter]]')
    assert contact(parse(rising.replace("[[meter]]", "[[meter]]"), "a test").ports[0]) == GpioPin(
        "gpiochip0", 4, pull_up=False
    )
