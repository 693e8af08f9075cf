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
NAME = re.compile(r"releve-([0-9]{8}T[0-9]{6}Z)\.backup")


class Schedule:
    """What is written, when the last one was, and why the next one could not be. No other file in the folder is touched."""

    def __init__(self, backup: Backup, backups: Backups, now: Callable[[], int]) -> None:
        self.folder = backup.folder
        self.every_s = backup.every_s
        self.trouble: str | None = None
        self.last_at: int | None = None
        self._seal = Seal(recipient=backup.recipient)
        self._keep = backup.keep
        self._backups = backups
        self._now = now
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
        """Write one, if it is due; then let go of those that are too many."""
        now = self._now()
        if self._tried_at is not None and 0 <= now - self._tried_at < RETRY_S and self.trouble is not None:
            return
        try:
            self.last_at = await asyncio.to_thread(self._newest, now)
            if self.last_at is not None and now - self.last_at < self.every_s:
                self.trouble = None
                return
            self._tried_at = now
            stamp = datetime.fromtimestamp(now, UTC).strftime("%Y%m%dT%H%M%SZ")
            await asyncio.to_thread(self._write, self.folder / f"releve-{stamp}.backup")
            self.last_at, self.trouble = now, None
        except (BackupError, OSError) as error:
            said = (
                f"{error.filename}: {error.strerror}" if isinstance(error, OSError) and error.filename else str(error)
            )
            if said != self.trouble:
                log.warning("no back-up: %s", said)
            self.trouble = said

    def _write(self, target: Path) -> None:
        self._backups.write(target, self._seal, lambda share: None)
        for old in sorted(self._made(), key=lambda path: path.name)[: -self._keep]:
            old.unlink()

    def _made(self) -> list[Path]:
        return [path for path in self.folder.iterdir() if NAME.fullmatch(path.name)]

    def _newest(self, now: int) -> int | None:
        """When the last one was made, by its name; OSError where the folder is not there."""
        stamps = [NAME.fullmatch(path.name) for path in self._made()]
        ats = [
            int(datetime.strptime(stamp[1], "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC).timestamp())
            for stamp in stamps
            if stamp
        ]
        return max((at for at in ats if at <= now + AHEAD_S_MAX), default=None)
