"""A port that is tried before it is one of the house's."""

import asyncio
from collections.abc import Awaitable, Callable
from decimal import Decimal

import pytest

from drivers.model import Address, Medium, Quantity, Reading, State, Telegram
from gateway.ports import Port, Sink
from gateway.trial import Trial, tried


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
