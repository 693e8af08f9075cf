"""Back-ups by themselves: into a folder that the configuration names, the newest few of them, and how that goes."""

import asyncio
import logging
import re
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

from gateway.backup import BackupError, Backups, Seal
from gateway.config import Backup

log = logging.getLogger(__name__)

LOOK_S = 60.0
RETRY_S = 3600  # after one that failed: a stick that is not there is not asked each minute
AHEAD_S_MAX = 86_400  # one dated later than this was made under a wrong clock, and is none
STAMP = "%Y%m%dT%H%M%SZ"
NAME = re.compile(r"releve-([0-9]{8}T[0-9]{6}Z)\.backup")


class Schedule:
    """What is written, when the last one was, and why the next one could not be. No other file in the folder is touched."""

    def __init__(
        self, backup: Backup, backups: Backups, now: Callable[[], int], dating: Callable[[], bool] = lambda: True
    ) -> None:
        self.folder = backup.folder
        self.every_s = backup.every_s
        self.trouble: str | None = None
        self.last_at: int | None = None
        self._seal = Seal(recipient=backup.recipient)
        self._keep = backup.keep
        self._backups = backups
        self._now = now
        self._dating = dating
        self._tried_at: int | None = None

    @property
    def late(self) -> bool:
        """Whether the last one is older than it is ever to be."""
        return self.last_at is None or self._now() - self.last_at > 2 * self.every_s

    async def run(self) -> None:
        """Until cancelled."""
        while True:
            await self.turn()
            await asyncio.sleep(LOOK_S)

    async def turn(self) -> None:
        """Write one, if it is due and the time is known; then let go of those that are too many."""
        if not self._dating():
            return
        now = self._now()
        if self._tried_at is not None and 0 <= now - self._tried_at < RETRY_S and self.trouble is not None:
            return
        try:
            made = await asyncio.to_thread(self._made, now)
            self.last_at = made[-1][0] if made else None
            if self.last_at is not None and now - self.last_at < self.every_s:
                self.trouble = None
                return
            self._tried_at = now
            stamp = datetime.fromtimestamp(now, UTC).strftime(STAMP)
            await asyncio.to_thread(self._write, self.folder / f"releve-{stamp}.backup", now)
            self.last_at, self.trouble = now, None
        except (BackupError, OSError) as error:
            said = (
                f"{error.filename}: {error.strerror}" if isinstance(error, OSError) and error.filename else str(error)
            )
            if said != self.trouble:
                log.warning("no back-up: %s", said)
            self.trouble = said

    def _write(self, target: Path, now: int) -> None:
        self._backups.write(target, self._seal, lambda share: None)
        for _, old in self._made(now)[: -self._keep]:
            old.unlink()

    def _made(self, now: int) -> list[tuple[int, Path]]:
        """Those that were made by themselves, by time; OSError where the folder is not there."""
        found = ((_made_at(path.name), path) for path in self.folder.iterdir())
        return sorted((at, path) for at, path in found if at is not None and at <= now + AHEAD_S_MAX)


def _made_at(name: str) -> int | None:
    stamp = NAME.fullmatch(name)
    try:
        return int(datetime.strptime(stamp[1], STAMP).replace(tzinfo=UTC).timestamp()) if stamp else None
    except ValueError:  # digits that are no time
        return None
