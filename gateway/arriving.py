"""A long file that somebody sends, an update or a back-up: put on the card piece by piece, looked at, and kept until it is used or put away.

There is one at a time, and one copy of it: root reads the same file. Whatever is not whole is taken away.
"""

import asyncio
import contextlib
import logging
import os
import shutil
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Generic, TypeVar

log = logging.getLogger(__name__)

FILE_BYTES_MAX = 600_000_000
# What the house goes on needing of the card meanwhile.
SPARED_BYTES = 64_000_000
# A telephone far from its access point sends a megabyte in two seconds.
SENDING_S_MAX = 1800.0
# One that has gone away without a word holds nobody else up for longer.
PAUSE_S_MAX = 60.0
WRITE_BYTES = 1 << 20
# What waits in memory for the card counts against the gateway's own memory (releve.service).
FLUSH_BYTES = 16 << 20
ARRIVED, COMING = "arrived", "arriving"

T = TypeVar("T")


class BusyError(Exception):
    """Another file is coming, or is being looked at."""


class RefusedError(Exception):
    """Why it is not taken; `code` is a word of webui/update_words.py, `fields` its figures."""

    def __init__(self, code: str, **fields: int | str) -> None:
        super().__init__(code)
        self.code = code
        self.fields = fields


@dataclass(frozen=True, slots=True)
class Ready(Generic[T]):
    """What the file that lies there is, and its bytes."""

    what: T
    size: int


class Arriving(Generic[T]):
    """`look` says what a file is, in a thread, or raises RefusedError. All else is called in the event loop."""

    def __init__(self, folder: Path, look: Callable[[Path], T], *, pause_s_max: float = PAUSE_S_MAX) -> None:
        self._folder = folder
        self._look = look
        self._pause_s_max = pause_s_max
        self._expected = 0
        self._came: int | None = None
        self._looking: asyncio.Task[None] | None = None
        self.ready: Ready[T] | None = None
        self.refused: RefusedError | None = None
        # Of a run before this one. Root, where it is at work on it, has it open.
        shutil.rmtree(folder, ignore_errors=True)

    @property
    def is_busy(self) -> bool:
        return self._came is not None or self.is_looking

    @property
    def is_looking(self) -> bool:
        return self._looking is not None and not self._looking.done()

    @property
    def share(self) -> float | None:
        """How much of the file that is coming has come; None when none is."""
        return None if self._came is None else min(1.0, self._came / max(1, self._expected))

    @property
    def path(self) -> Path:
        return self._folder / ARRIVED

    async def receive(self, pieces: AsyncIterator[bytes], expected: int) -> None:
        """Put `pieces`, of about `expected` bytes, on the card and begin to look at them; `refused` says why they were not taken.

        BusyError before anything is done. What `pieces` raises passes through, and nothing is left behind.
        """
        if self.is_busy:
            raise BusyError
        self._came, self._expected, self.ready, self.refused = 0, expected, None, None
        whole = False
        try:
            await asyncio.to_thread(self._clear)
            async with asyncio.timeout(SENDING_S_MAX):
                await self._write(pieces, await asyncio.to_thread(self._room))
            whole = True
        except RefusedError as error:
            self.refused = error
        except TimeoutError:
            self.refused = RefusedError("cut-short")
        except OSError as error:
            log.warning("a file could not be put on the card: %s", error)
            self.refused = RefusedError("card")
        except BaseException:
            self.refused = RefusedError("cut-short")
            raise
        finally:
            self._came = None
            if not whole:
                self._clear()  # also when the gateway stops: no await
        if whole:
            self._looking = asyncio.create_task(self._look_at(), name="file looked at")

    async def looked(self, patience_s: float) -> None:
        """Wait for what is being looked at, but not for long."""
        if self._looking is not None:
            await asyncio.wait({self._looking}, timeout=patience_s)

    async def put_away(self) -> None:
        """BusyError while one is coming."""
        if self.is_busy:
            raise BusyError
        self.ready = self.refused = None
        await asyncio.to_thread(self._clear)

    async def close(self) -> None:
        """A file that nobody has asked to install is not kept."""
        if self._looking is not None:
            self._looking.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._looking

    async def _write(self, pieces: AsyncIterator[bytes], room: int) -> None:
        bytes_max = min(FILE_BYTES_MAX, room)
        if self._expected > FILE_BYTES_MAX:
            raise RefusedError("too-big", max_mb=FILE_BYTES_MAX // 1_000_000)
        if self._expected > room:
            raise RefusedError("no-room", mb=self._expected // 1_000_000, free_mb=max(0, room) // 1_000_000)
        assert self._came is not None
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
        with os.fdopen(os.open(self._folder / COMING, flags, 0o600), "wb", buffering=0) as file:
            held, flushed = bytearray(), 0
            async for piece in _unhurried(pieces, self._pause_s_max):
                self._came += len(piece)
                if self._came > bytes_max:
                    raise RefusedError("no-room", mb=self._came // 1_000_000, free_mb=max(0, room) // 1_000_000)
                held += piece
                if len(held) >= WRITE_BYTES:
                    await _whole(_write_all, file.fileno(), bytes(held))
                    held.clear()
                if self._came - flushed >= FLUSH_BYTES:
                    await _whole(_flush, file.fileno())
                    flushed = self._came
            if self._came == 0:
                raise RefusedError("no-file")
            await _whole(_write_all, file.fileno(), bytes(held))
            await _whole(_flush, file.fileno())
        (self._folder / COMING).rename(self.path)

    async def _look_at(self) -> None:
        try:
            what = await asyncio.to_thread(self._look, self.path)
            self.ready = Ready(what, self.path.stat().st_size)
        except RefusedError as error:
            self.refused = error
            await asyncio.to_thread(self._clear)
        except OSError as error:
            log.warning("a file cannot be read from the card: %s", error)
            self.refused = RefusedError("card")
            await asyncio.to_thread(self._clear)

    def _room(self) -> int:
        """Bytes that may be written to the card."""
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        found = os.statvfs(self._folder)
        return found.f_bavail * found.f_frsize - SPARED_BYTES

    def _clear(self) -> None:
        shutil.rmtree(self._folder, ignore_errors=True)


async def _unhurried(pieces: AsyncIterator[bytes], pause_s_max: float) -> AsyncIterator[bytes]:
    """Each of them; TimeoutError where the next one does not come."""
    while True:
        try:
            async with asyncio.timeout(pause_s_max):
                piece = await anext(pieces)
        except StopAsyncIteration:
            return
        yield piece


async def _whole(work: Callable[..., None], *args: object) -> None:
    """In a thread, and to its end though who waits is told to stop: it works on a file that is then closed."""
    working = asyncio.ensure_future(asyncio.to_thread(work, *args))
    try:
        await asyncio.shield(working)
    except asyncio.CancelledError:
        await asyncio.wait({working})
        raise


def _write_all(file: int, data: bytes) -> None:
    left = memoryview(data)
    while left:
        left = left[os.write(file, left) :]


def _flush(file: int) -> None:
    """To the card, and out of memory: nobody needs it there."""
    os.fdatasync(file)
    os.posix_fadvise(file, 0, 0, os.POSIX_FADV_DONTNEED)
