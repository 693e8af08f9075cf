"""What people wait for on a line with one owner: granted by it in turn, or given up with a sentence."""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Generic, TypeVar

WAITING_MAX = 16  # above it a wish is refused at once

B = TypeVar("B")
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class _Wish(Generic[B]):
    grant: Callable[[B], Awaitable[None]]
    give_up: Callable[[str], None]


class Wishes(Generic[B]):
    """The wishes of one line, whose owner has a bus `B` while the line is open."""

    def __init__(self, port: str) -> None:
        self._port = port
        self._waiting: deque[_Wish[B]] = deque()

    def __len__(self) -> int:
        return len(self._waiting)

    async def make(self, do: Callable[[B], Awaitable[T]], wake: Callable[[], None]) -> T:
        """What `do` gives, done by the owner, who is told by `wake`; OSError says in a sentence why it is not done."""
        if len(self._waiting) >= WAITING_MAX:
            raise OSError(f"{self._port}: {WAITING_MAX} requests wait for the line already; try again in a minute")
        done: asyncio.Future[T] = asyncio.get_running_loop().create_future()

        async def grant(bus: B) -> None:
            if not done.done():  # whoever asked may have left
                answer = await do(bus)
                if not done.done():
                    done.set_result(answer)

        def give_up(why: str) -> None:
            if not done.done():
                done.set_exception(OSError(why))

        self._waiting.append(_Wish(grant, give_up))
        wake()
        return await done

    async def grant(self, bus: B, at_most: int | None = None) -> None:
        """Those that wait now, or the first of them."""
        for _ in range(len(self._waiting) if at_most is None else min(at_most, len(self._waiting))):
            await self._waiting[0].grant(bus)
            self._waiting.popleft()  # only now: what is still there is given up with the line

    def give_up(self) -> None:
        while self._waiting:
            self._waiting.popleft().give_up(f"{self._port}: the line was lost before the answer")
