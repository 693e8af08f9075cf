"""When each part of the gateway was last seen to move, for whoever watches over it (docs/decisions/0020-systemd.md)."""

import asyncio
from collections.abc import Callable, Coroutine
from types import TracebackType
from typing import Any

# A port turns at least once in ports.TURN_S, even on a silent line; twice as long is a port that hangs.
PORT_S_MAX = 120.0
# An erasure writes all that is on the card anew, and the store's thread answers nobody meanwhile.
STORE_S_MAX = 300.0


class Beats:
    """Parts by their names, on the clock of the event loop, in whose thread all this is."""

    def __init__(self) -> None:
        self._parts: dict[str, tuple[float, float]] = {}

    def moved(self, part: str, s_max: float) -> None:
        """It moved now, and is to move again within so many seconds."""
        self._parts[part] = asyncio.get_running_loop().time(), s_max

    def forget(self, part: str) -> None:
        """It ended, as was meant."""
        self._parts.pop(part, None)

    def still(self) -> str | None:
        """What stands still, in one sentence; None when all moves."""
        now = asyncio.get_running_loop().time()
        for part, (at, s_max) in self._parts.items():
            if now - at > s_max:
                return f"{part} has not moved for {now - at:.0f} s"
        return None


class Stepped(Coroutine[Any, Any, None]):
    """A coroutine that calls `step` whenever the event loop goes on with it, and when it begins.

    What waits in a thread, or for something that never comes, is not gone on with: nothing that beats beside it would tell.
    """

    def __init__(self, inner: Coroutine[Any, Any, None], step: Callable[[], None]) -> None:
        self._inner = inner
        self._step = step
        step()

    def send(self, value: Any, /) -> Any:
        self._step()
        return self._inner.send(value)

    def throw(
        self,
        kind: type[BaseException] | BaseException,
        value: BaseException | object = None,
        traceback: TracebackType | None = None,
        /,
    ) -> Any:
        self._step()
        if isinstance(kind, BaseException):
            return self._inner.throw(kind)
        return self._inner.throw(kind, value, traceback)

    def close(self) -> None:
        self._inner.close()

    def __await__(self) -> Any:
        return self
