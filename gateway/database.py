"""A SQLite file, copied whole while its one owner goes on using it."""

import contextlib
import os
import sqlite3
from collections.abc import Callable
from pathlib import Path


def copy(
    db: sqlite3.Connection, path: Path, *, pages: int = -1, step: Callable[[int, int, int], object] | None = None
) -> None:
    """Into a new file that only its owner may read; `step` is called each `pages` and may change the source meanwhile."""
    os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_RDWR, 0o600))
    with contextlib.closing(sqlite3.connect(path)) as target:
        db.backup(target, pages=pages, progress=step)
