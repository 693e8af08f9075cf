"""What pages add: kept, asked at once, taken away, and never in the way of the file."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from decimal import Decimal
from pathlib import Path

import pytest

from drivers.model import Address, Medium, Quantity, Reading, State, Telegram
from gateway import installed
from gateway.config import ConfigError
from gateway.house import House
from gateway.ports import Port, Sink
from gateway.trial import Trial, tried
from tests.house import house

BUS = """
[[port]]
name = "bus"
protocol = "modbus"
tcp = "127.0.0.1:1"

[[meter]]
name = "Chaudière"
port = "bus"
unit = 1
model = "eastron_sdm120"
"""
SECOND = {"name": "Piscine", "port": "bus", "unit": 2, "model": "eastron_sdm120"}
OTHER_PORT = {"name": "garage", "protocol": "modbus", "tcp": "127.0.0.1:2"}
OTHER_METER = {"name": "Borne", "port": "garage", "unit": 5, "model": "eastron_sdm630"}


@asynccontextmanager
async def running(home: House) -> AsyncIterator[None]:
    task = asyncio.ensure_future(home.running.run(home.config))
    await asyncio.sleep(0)
    try:
        yield
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task


async def test_a_meter_added_on_a_page_is_ours_at_once_and_after_a_restart(tmp_path: Path) -> None:
    with house(tmp_path, BUS) as home:
        async with running(home):
            before = home.running.port("bus")
            await home.install(ports=[OTHER_PORT], meters=[SECOND, OTHER_METER])
            assert home.running.port("garage") is not None
            assert home.running.port("bus") is before  # it asks another meter now, on the line that is open
            assert home.meter("modbus:bus/2") is not None
            assert "garage" in home.collect.ports
    with house(tmp_path, BUS) as home:
        assert [port.name for port in home.config.ports] == ["bus", "garage"]
        assert [meter.name for meter in home.config.meters] == ["Chaudière", "Piscine", "Borne"]
        assert home.installed_faults == ()


async def test_what_does_not_fit_is_refused_by_name_and_nothing_is_kept(tmp_path: Path) -> None:
    with house(tmp_path, BUS) as home:
        with pytest.raises(ConfigError, match="'Chaudière' is already meter"):
            await home.install(ports=[OTHER_PORT], meters=[{**SECOND, "name": "Chaudière"}])
        with pytest.raises(ConfigError, match=r"meter\[1\].port: no \[\[port\]\] has the name 'nowhere'"):
            await home.install(meters=[{**SECOND, "port": "nowhere"}])
        assert installed.names(home.catalog, "port") == ()
        assert len(home.config.meters) == 1


async def test_a_file_that_took_the_name_meanwhile_wins_and_the_page_is_told(tmp_path: Path) -> None:
    with house(tmp_path, BUS) as home:
        await home.install(meters=[SECOND])
    with house(tmp_path, BUS.replace("unit = 1", "unit = 2")) as home:
        assert [meter.name for meter in home.config.meters] == ["Chaudière"]
        (fault,) = home.installed_faults
        assert fault.startswith("Piscine, added on a page, is not in use: meter[2].address: 'modbus:bus/2' is already")
    with house(tmp_path, BUS) as home:
        assert [meter.name for meter in home.config.meters] == ["Chaudière", "Piscine"]


async def test_what_a_page_added_can_be_taken_away_and_nothing_else(tmp_path: Path) -> None:
    with house(tmp_path, BUS) as home:
        await home.install(ports=[OTHER_PORT], meters=[SECOND, OTHER_METER])
        async with running(home):
            await home.uninstall(ports=["garage"], meters=["Borne"])
            assert home.running.port("garage") is None
            assert "garage" not in home.collect.ports
            with pytest.raises(LookupError, match="Chaudière: not added on a page"):
                await home.uninstall(meters=["Chaudière"])
        assert home.catalog.meter("modbus:garage/5") is not None  # with all that it said
    with house(tmp_path, BUS) as home:
        assert [meter.name for meter in home.config.meters] == ["Chaudière", "Piscine"]


class Spoken:
    """A port that does what a test says."""

    name = "spoken"

    def __init__(self, sink: Sink, run: Callable[[Sink], Awaitable[None]]) -> None:
        self._sink, self._run = sink, run

    async def run(self) -> None:
        await self._run(self._sink)


def opening(run: Callable[[Sink], Awaitable[None]]) -> Callable[[Sink], Port]:
    return lambda sink: Spoken(sink, run)


async def test_a_trial_shows_what_was_said_and_lets_go_of_the_line() -> None:
    closed = asyncio.Event()
    reading = Reading("power", Quantity.POWER, Decimal(230))

    async def speak(sink: Sink) -> None:
        sink.opened("spoken")
        sink.telegram(
            "spoken", lambda: Telegram(Address("modbus", "x/1"), State.DECODED, Medium.ELECTRICITY, (reading,))
        )
        try:
            await asyncio.sleep(60)
        finally:
            closed.set()

    trial = Trial()
    async with tried(opening(speak), trial) as port:
        await trial.heard.wait()
        assert port.name == "spoken"
    assert [telegram.readings for telegram in trial.telegrams] == [(reading,)]
    assert closed.is_set()


async def test_a_trial_of_a_line_that_cannot_be_opened_says_why() -> None:
    async def fail(sink: Sink) -> None:
        raise OSError("192.168.1.9:502: no connection")

    with pytest.raises(OSError, match=r"192.168.1.9:502: no connection"):
        async with tried(opening(fail), Trial()):
            pytest.fail("it is not open")


async def test_a_trial_does_not_wait_for_ever_and_hides_no_bug() -> None:
    async def mute(sink: Sink) -> None:
        await asyncio.sleep(60)

    async def broken(sink: Sink) -> None:
        sink.opened("spoken")
        await asyncio.sleep(0)
        raise KeyError("a bug")

    with pytest.raises(TimeoutError, match="no answer in time"):
        async with tried(opening(mute), Trial(), within_s=0.01):
            pytest.fail("it is not open")
    with pytest.raises(KeyError):
        async with tried(opening(broken), Trial()):
            await asyncio.sleep(0.01)


async def test_a_heat_meter_that_is_asked_by_modbus_is_no_electricity_meter(tmp_path: Path) -> None:
    heat = BUS + '[[meter]]\nname = "Chauffage"\nport = "bus"\nunit = 7\nmodel = "kamstrup_multical_403"\n'
    with house(tmp_path, heat) as home:
        assert [point.medium for point in home.catalog.points()] == [Medium.ELECTRICITY, Medium.HEAT]
