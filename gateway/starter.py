"""Starts the sync process while there is something for it to do, where nobody else does."""

import asyncio
import contextlib
import logging
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path

LOOK_S = 2.0
# One that ends though it is wanted is not started again at once: another one may still be at work, or it has a fault.
PAUSE_S = 30.0
STOP_S_MAX = 10.0
WANTED = "sync.wanted"

log = logging.getLogger(__name__)


async def mark(wanted: Callable[[], bool], path: Path) -> None:
    """Keep a file there while the sync process is wanted, for systemd to start it by; until cancelled."""
    try:
        while True:
            try:
                if wanted():
                    await asyncio.to_thread(path.touch)
                else:
                    await asyncio.to_thread(path.unlink, missing_ok=True)
            except OSError as error:
                log.warning("%s: %s", path, error.strerror)
            await asyncio.sleep(LOOK_S)
    finally:
        path.unlink(missing_ok=True)  # noqa: ASYNC240 - in memory-backed /run


async def start(
    wanted: Callable[[], bool], socket: Path, sleep: Callable[[float], Awaitable[None]] = asyncio.sleep
) -> None:
    """Start it as a child whenever it is wanted and does not run; it ends by itself. Until cancelled, and then it ends too."""
    while True:
        if not wanted():
            await sleep(LOOK_S)
            continue
        try:
            child = await asyncio.create_subprocess_exec(sys.executable, "-m", "sync", "--socket", str(socket))
        except OSError as error:
            log.warning("the sync process cannot be started: %s", error.strerror)
            await sleep(PAUSE_S)
            continue
        try:
            code = await child.wait()
        finally:
            if child.returncode is None:
                child.terminate()
                try:
                    async with asyncio.timeout(STOP_S_MAX):
                        await child.wait()
                except TimeoutError:
                    with contextlib.suppress(ProcessLookupError):
                        child.kill()
        if code or wanted():
            log.warning("the sync process ended with %d, and is started again in %d s", code, PAUSE_S)
            await sleep(PAUSE_S)
