"""What root's part of a box does to files, one call a step: a power cut may come between any two (tests/gateway/box/cut_card.py)."""

import os
import shutil
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import IO, Protocol

FILE_BYTES_MAX = 65_536  # of the small files that are read whole


class Files(Protocol):
    """The card, or what a test has in its place. OSError: the card refuses."""

    def read(self, path: Path) -> bytes | None:
        """A small file, whole; None where there is none, or a larger one."""

    def open(self, path: Path, *, afresh: bool = False) -> IO[bytes]:
        """`afresh`: what the card gives back, and not what memory remembers of it."""

    def create(self, path: Path, like: Path | None = None) -> IO[bytes]:
        """A new file to be written, in the place of one that may be there; owner, mode and time are those of `like`."""

    def flush(self, file: IO[bytes]) -> None:
        """What was written is on the card from now on."""

    def flush_names(self, folder: Path) -> None:
        """Which names `folder` has is on the card from now on."""

    def rename(self, old: Path, new: Path) -> None: ...

    def remove(self, path: Path) -> None:
        """A file, or an empty folder; none is fine too."""

    def make_folder(self, path: Path, like: Path | None = None) -> None: ...

    def names(self, folder: Path) -> list[str]:
        """Sorted; none where there is no such folder."""

    def is_folder(self, path: Path) -> bool: ...

    def is_file(self, path: Path) -> bool:
        """A link is neither."""

    def bytes_of(self, path: Path) -> int: ...

    def bytes_free(self, folder: Path) -> int: ...


class Card:
    """The real one."""

    def read(self, path: Path) -> bytes | None:
        try:
            with self.open(path) as stream:
                data = stream.read(FILE_BYTES_MAX + 1)
        except FileNotFoundError:
            return None
        return data if len(data) <= FILE_BYTES_MAX else None

    def open(self, path: Path, *, afresh: bool = False) -> IO[bytes]:
        file = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
        if afresh:
            os.posix_fadvise(file, 0, 0, os.POSIX_FADV_DONTNEED)
        return os.fdopen(file, "rb")

    def create(self, path: Path, like: Path | None = None) -> IO[bytes]:
        path.unlink(missing_ok=True)
        file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
        if like is not None:
            found = like.stat(follow_symlinks=False)
            os.fchown(file, found.st_uid, found.st_gid)
            os.fchmod(file, found.st_mode & 0o777)
        return os.fdopen(file, "wb")

    def flush(self, file: IO[bytes]) -> None:
        file.flush()
        os.fsync(file.fileno())

    def flush_names(self, folder: Path) -> None:
        file = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            os.fsync(file)
        finally:
            os.close(file)

    def rename(self, old: Path, new: Path) -> None:
        old.replace(new)

    def remove(self, path: Path) -> None:
        with suppress(FileNotFoundError):
            if self.is_folder(path):
                path.rmdir()
            else:
                path.unlink()

    def make_folder(self, path: Path, like: Path | None = None) -> None:
        with suppress(FileExistsError):
            path.mkdir(mode=0o700)
        if like is not None:
            found = like.stat(follow_symlinks=False)
            os.chown(path, found.st_uid, found.st_gid, follow_symlinks=False)
            path.chmod(found.st_mode & 0o777)

    def names(self, folder: Path) -> list[str]:
        try:
            return sorted(each.name for each in folder.iterdir())
        except (FileNotFoundError, NotADirectoryError):
            return []

    def is_folder(self, path: Path) -> bool:
        return path.is_dir() and not path.is_symlink()

    def is_file(self, path: Path) -> bool:
        return path.is_file() and not path.is_symlink()

    def bytes_of(self, path: Path) -> int:
        return path.stat(follow_symlinks=False).st_size

    def bytes_free(self, folder: Path) -> int:
        return shutil.disk_usage(folder).free


def replace(files: Files, path: Path, data: bytes) -> None:
    """Let `path` hold `data`: after a cut there is the one before or the one after."""
    beside = path.with_name(path.name + ".new")
    with files.create(beside) as stream:
        stream.write(data)
        files.flush(stream)
    files.rename(beside, path)
    files.flush_names(path.parent)


def clear(files: Files, path: Path) -> None:
    """Remove a file, or a folder with all that is in it."""
    for each in _within(files, path):
        files.remove(each)
    files.remove(path)


def _within(files: Files, path: Path) -> Iterator[Path]:
    """What is in a folder, each before what holds it."""
    if files.is_folder(path):
        for name in files.names(path):
            yield from _within(files, path / name)
            yield path / name
