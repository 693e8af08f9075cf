"""Searches for meters on the lines where we ask: begun by a person, one a line, as long as they last."""

import asyncio
import contextlib
from collections.abc import AsyncGenerator, Callable, Coroutine
from dataclasses import dataclass, field

FOUND_MAX = 300  # a bus has 250 primary addresses
DOUBTS_MAX = 20


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a search is, of a hundred."""

    percent: int


@dataclass(frozen=True, slots=True)
class Doubt:
    """Somebody is there who is not found, and why, in one sentence."""

    text: str


@dataclass(slots=True)
class Search:
    """One search: what was found so far, and whether it goes on. `fault` says why it ended early."""

    began_at: int
    found: list[object] = field(default_factory=list)
    doubts: list[str] = field(default_factory=list)
    percent: int = 0
    running: bool = True
    fault: str | None = None


class Searches:
    """The last search of each line, in memory only. `spawn` starts a task among the gateway's own."""

    def __init__(
        self, spawn: Callable[[Coroutine[object, object, None], str], asyncio.Task[None]], now: Callable[[], int]
    ) -> None:
        self._spawn = spawn
        self._now = now
        self._changing = asyncio.Lock()  # a second click waits for the first
        self._of: dict[str, tuple[Search, asyncio.Task[None]]] = {}

    def of(self, port: str) -> Search | None:
        found = self._of.get(port)
        return None if found is None else found[0]

    async def start(self, port: str, finding: AsyncGenerator[object, None]) -> Search:
        """Begin, in the place of the search before; OSError where the gateway does not run.

        `finding` gives what is found, and between a Progress or a Doubt.
        """
        async with self._changing:
            await self._stop(port)
            search = Search(self._now())
            self._of[port] = search, self._spawn(_run(search, finding), f"search on {port}")
            return search

    async def stop(self, port: str) -> None:
        """End the search of this line; what it found stays."""
        async with self._changing:
            await self._stop(port)

    async def _stop(self, port: str) -> None:
        if port in self._of:
            search, task = self._of[port]
            task.cancel()
            await asyncio.wait([task])
            search.running = False


async def _run(search: Search, finding: AsyncGenerator[object, None]) -> None:
    try:
        async with contextlib.aclosing(finding):
            async for one in finding:
                match one:
                    case Progress(percent):
                        search.percent = percent
                    case Doubt(text):
                        search.doubts = [*search.doubts, text][-DOUBTS_MAX:]
                    case _:
                        search.found.append(one)
                if len(search.found) >= FOUND_MAX:
                    search.fault = f"ended after {FOUND_MAX} were found"
                    break
    except OSError as error:
        search.fault = error.strerror or str(error)
    finally:
        search.running = False
