"""What root's part of a box says of itself: one small JSON file a subject in /run/releve-box, replaced whole, read by the gateway.

A file is {"state": a word, "why": a sentence in English or null, "at": ISO time} and the fields that belong to the state.
A page shows `state` and, where it has one, `code` with its fields, in the reader's language; `why` is for the log.
"""

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

FOLDER = Path("/run/releve-box")
UPDATE, DATA, WIFI, FIRST = "update", "data", "wifi", "first"
FILE_BYTES_MAX = 65_536  # above it a file is damaged


@dataclass(frozen=True, slots=True)
class Said:
    """What one file says; `fields` is what it holds besides, numbers and texts and lists of them."""

    state: str
    why: str | None
    at: datetime
    fields: Mapping[str, object] = field(default_factory=dict)

    def text(self, name: str) -> str:
        """A field that is a text; else an empty one."""
        found = self.fields.get(name)
        return found if isinstance(found, str) else ""

    def number(self, name: str) -> int | None:
        """A field that is a whole number; else None."""
        found = self.fields.get(name)
        return found if type(found) is int else None


def read(subject: str, folder: Path = FOLDER) -> Said | None:
    """None: nothing was said, or the file is damaged."""
    try:
        with (folder / f"{subject}.json").open("rb") as stream:
            data = stream.read(FILE_BYTES_MAX + 1)
        if len(data) > FILE_BYTES_MAX:
            return None
        return _said(json.loads(data))
    except (OSError, ValueError, RecursionError):
        return None


def write(
    subject: str,
    state: str,
    why: str | None = None,
    *,
    folder: Path = FOLDER,
    at: datetime | None = None,
    **fields: object,
) -> None:
    """Everybody may read it. It lies in memory, so nothing is flushed: only its name changes from one whole file to the next."""
    when = (at or datetime.now(UTC)).astimezone(UTC).isoformat(timespec="seconds")
    data = json.dumps({"state": state, "why": why, "at": when, **fields}, ensure_ascii=False).encode()
    beside = folder / f"{subject}.json.new"
    beside.unlink(missing_ok=True)
    file = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o644)
    with os.fdopen(file, "wb") as stream:
        os.fchmod(file, 0o644)  # whatever the umask
        stream.write(data)
    beside.replace(folder / f"{subject}.json")


def _said(found: object) -> Said | None:
    if not isinstance(found, dict):
        return None
    state, why, at = (found.pop(name, None) for name in ("state", "why", "at"))
    if not isinstance(state, str) or not state or not (why is None or isinstance(why, str)) or not isinstance(at, str):
        return None
    when = datetime.fromisoformat(at)
    return Said(state, why, when if when.tzinfo else when.replace(tzinfo=UTC), found)
