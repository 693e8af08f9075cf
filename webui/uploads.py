"""Files that somebody sent and has not brought in yet: in the memory-backed runtime folder, for an hour at most."""

import asyncio
import os
import secrets
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from gateway.house import House

if TYPE_CHECKING:
    from gateway.bring import Looked
    from gateway.importers.holders.table import Choice

KEEP_S_MAX = 3600
# What one form may send, and what all forms together may leave in memory.
BYTES_MAX = 8_000_000
KEPT_BYTES_MAX = 16_000_000
FILES_MAX = 50
ENDED_MAX = 20
# A usual file is read in less; a longer one shows how far it is.
PATIENCE_S = 1.0


@dataclass(slots=True, eq=False)
class Upload:
    """Files of one form; `reading` is what they hold, once they are read, and `share` how far that is."""

    id: str
    folder: Path
    files: Sequence[tuple[str, Path]]
    size: int
    choices: dict[int, "Choice"] = field(default_factory=dict)
    share: float = 0.0
    reading: "asyncio.Future[Looked] | None" = None


class TooMuchError(Exception):
    """More was sent than is kept."""


class Uploads:
    """All of them, by an id that nobody guesses. The oldest goes where there is no room for a new one."""

    def __init__(self, house: House) -> None:
        self._house = house
        self._folder = house.config.runtime / "uploads"
        self._kept: dict[str, Upload] = {}
        self._ended: dict[str, str] = {}
        shutil.rmtree(self._folder, ignore_errors=True)  # of a run before this one

    async def add(self, files: Sequence[tuple[str, bytes]]) -> Upload:
        """Keep files and begin to read them; TooMuchError when they are too long, OSError when there is no room."""
        size = sum(len(content) for _, content in files)
        if size > BYTES_MAX:
            raise TooMuchError
        while self._kept and size + sum(upload.size for upload in self._kept.values()) > KEPT_BYTES_MAX:
            await self.drop(next(iter(self._kept)))
        id_ = secrets.token_urlsafe(16)
        folder = self._folder / id_
        try:
            paths = await asyncio.to_thread(_write, folder, files)
        except OSError:
            await asyncio.to_thread(shutil.rmtree, folder, ignore_errors=True)
            raise
        upload = self._kept[id_] = Upload(id_, folder, paths, size)
        asyncio.get_running_loop().call_later(KEEP_S_MAX, self._forget, id_)
        await self.read(upload, {})
        return upload

    def get(self, id_: str) -> Upload | None:
        return self._kept.get(id_)

    async def read(self, upload: Upload, choices: Mapping[int, "Choice"]) -> None:
        """Read the files in a thread, so that all pages answer meanwhile; waits for it a moment."""
        from gateway.bring import look  # late: most days nobody brings a file

        def told(share: float) -> None:
            upload.share = share

        upload.choices, upload.share = dict(choices), 0.0
        upload.reading = asyncio.get_running_loop().run_in_executor(
            None, look, upload.files, self._house.now(), self._house.zone, upload.choices, told
        )
        await asyncio.wait({upload.reading}, timeout=PATIENCE_S)

    def ended(self, id_: str) -> str | None:
        """Where one was led whose upload was brought in: a second click on its page leads there, too."""
        return self._ended.get(id_)

    async def drop(self, id_: str, ended: str | None = None) -> None:
        """Put an upload away, whatever became of it."""
        if ended is not None:
            self._ended[id_] = ended
            while len(self._ended) > ENDED_MAX:
                del self._ended[next(iter(self._ended))]
        upload = self._kept.pop(id_, None)
        if upload is not None:
            await asyncio.to_thread(_remove, upload)

    def _forget(self, id_: str) -> None:
        upload = self._kept.pop(id_, None)
        if upload is not None:
            _remove(upload)  # in memory: there is no card to wait for

    async def close(self) -> None:
        for id_ in list(self._kept):
            await self.drop(id_)


def _remove(upload: Upload) -> None:
    """A thread that still reads has its files open, and reads them to their end; its answer is nobody's."""
    shutil.rmtree(upload.folder, ignore_errors=True)


def _write(folder: Path, files: Sequence[tuple[str, bytes]]) -> list[tuple[str, Path]]:
    folder.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    folder.mkdir(mode=0o700)
    written = []
    for number, (name, content) in enumerate(files):
        path = folder / str(number)
        with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600), "wb") as file:
            file.write(content)
        written.append((name or str(number + 1), path))
    return written
