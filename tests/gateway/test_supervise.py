import asyncio

import pytest

from gateway.supervise import RETRY_S_MAX, keep_running


async def _run_with(failures: list[Exception | None]) -> tuple[list[str], list[float]]:
    """Run through the failures, then stop; what was said, and the pauses taken."""
    said: list[str] = []
    pauses: list[float] = []
    left = list(failures)

    async def run() -> None:
        if not left:
            raise asyncio.CancelledError
        failure = left.pop(0)
        if failure is not None:
            raise failure

    async def sleep(pause_s: float) -> None:
        pauses.append(pause_s)

    with pytest.raises(asyncio.CancelledError):
        await keep_running(run, said.append, sleep=sleep)
    return said, pauses


async def test_what_the_world_breaks_is_said_and_started_again() -> None:
    said, pauses = await _run_with([OSError(5, "/dev/ttyUSB0: unplugged"), TimeoutError(), None])
    assert said == ["/dev/ttyUSB0: unplugged", "no answer in time", "ended"]
    assert len(pauses) == 3


async def test_a_dead_line_is_tried_at_least_every_five_seconds() -> None:
    _, pauses = await _run_with([OSError("gone")] * 20)
    assert max(pauses) <= RETRY_S_MAX
    assert pauses[0] < pauses[3] < pauses[10]


async def test_a_bug_is_not_swallowed() -> None:
    async def run() -> None:
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await keep_running(run, lambda _: None)


async def test_a_stop_that_comes_with_an_error_at_the_same_moment_is_not_lost_in_it() -> None:
    asked = asyncio.Event()

    async def run() -> None:
        asked.set()
        try:
            await asyncio.sleep(60)
        except asyncio.CancelledError:
            raise OSError("no connection") from None

    task = asyncio.ensure_future(keep_running(run, lambda reason: None))
    await asked.wait()
    task.cancel()
    async with asyncio.timeout(5):
        await asyncio.wait([task])
    assert task.cancelled()
