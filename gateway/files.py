"""Small files that are replaced whole: after a kill or a power cut there is the one before or the one after."""

import os
from pathlib import Path


def replace(path: Path, data: bytes) -> None:
    """Let `path` hold `data` from now on; only its owner may read it."""
    beside = remains(path)
    file = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
    with os.fdopen(file, "wb") as stream:
        stream.write(data)
        stream.flush()
        os.fsync(stream.fileno())
    beside.replace(path)
    flush_names(path.parent)


def remains(path: Path) -> Path:
    """What an interrupted `replace` leaves behind: nothing of worth."""
    return path.with_name(path.name + ".new")


def flush_names(folder: Path) -> None:
    """Put the folder's names on the card: else a power cut may bring back what was acknowledged as replaced."""
    directory = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(directory)
    finally:
        os.close(directory)
