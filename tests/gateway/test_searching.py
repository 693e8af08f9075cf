"""A search on a line: one at a time, and each can be ended."""

import asyncio
from collections.abc import AsyncGenerator

from gateway.searching import Searches


async def test_a_second_click_ends_the_first_search_and_both_can_be_ended() -> None:
    under_way: set[int] = set()

    async def finding(number: int) -> AsyncGenerator[object, None]:
        under_way.add(number)
        try:
            yield number
            await asyncio.sleep(60)
        finally:
            under_way.discard(number)

    tasks: set[asyncio.Task[None]] = set()

    def spawn(job: object, name: str) -> "asyncio.Task[None]":
        task: asyncio.Task[None] = asyncio.create_task(job)  # type: ignore[arg-type]
        tasks.add(task)
        return task

    searches = Searches(spawn, lambda: 0)
    await searches.start("bus", finding(0))
    await asyncio.sleep(0)
    await asyncio.gather(searches.start("bus", finding(1)), searches.start("bus", finding(2)))
    await asyncio.sleep(0.01)
    assert under_way == {2}
    await searches.stop("bus")
    assert under_way == set()
    assert all(task.done() for task in tasks)
