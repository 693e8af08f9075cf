"""A card in memory whose power can be cut before any step, as unkindly as a real one's.

What was not flushed may be there, in part, as zeros, or not. /data has a journal: of the names that changed since, the first
so many are there. p1 is FAT: each of its folders has kept the first so many of its own.
"""

import errno
import io
from collections.abc import Callable, Iterator
from pathlib import Path
from random import Random
from typing import IO, Any, cast

P1, DATA = Path("/boot/firmware"), Path("/data")


class Cut(BaseException):
    """The power is gone."""


def _is_fat(path: Path) -> bool:
    return path.parts[1] == "boot"


def below(path: Path, folder: Path) -> bool:
    return str(path).startswith(f"{folder}/")


class Inode:
    def __init__(self, data: bytes = b"") -> None:
        self.data = bytearray(data)
        self.durable = bytes(data)


Names = dict[Path, Inode | None]  # None is a folder
Change = Callable[[Names], object]


class Written(io.RawIOBase):
    def __init__(self, card: "CutCard", inode: Inode) -> None:
        super().__init__()
        self._card = card
        self.inode = inode

    def writable(self) -> bool:
        return True

    def write(self, data: Any) -> int:
        self._card.step()
        self._card.take(len(data))
        self.inode.data += data
        return len(data)


class CutCard:
    """`cut_in`: steps until the power goes, None: never. `broken`: every write is refused."""

    def __init__(self, seed: int = 0, room: int = 10_000_000_000) -> None:
        self.random = Random(seed)
        self.room = room
        self.steps = 0
        self.cut_in: int | None = None
        self.broken = False
        self.names_now: Names = {
            DATA: None,
            P1: None,
            P1 / "loader": None,
            P1 / "loader/entries": None,
            DATA / "house": None,
        }
        self._names: Names = dict(self.names_now)
        self._pending: list[tuple[Path, Change]] = []  # of /data
        self._fat: list[tuple[Path, Change]] = []  # of p1

    # -- power
    def step(self) -> None:
        """Before each step."""
        if self.cut_in is not None:
            if self.cut_in <= 0:
                raise Cut
            self.cut_in -= 1
        self.steps += 1
        if self.broken:
            raise OSError(errno.EROFS, "Read-only file system")

    def take(self, size: int) -> None:
        self.room -= size
        if self.room < 0:
            raise OSError(errno.ENOSPC, "No space left on device")

    def cut(self) -> None:
        """What is there when the power is back."""
        for _, change in self._pending[: self.random.randint(0, len(self._pending))]:
            change(self._names)
        for folder in sorted({folder for folder, _ in self._fat}):
            mine = [change for each, change in self._fat if each == folder]
            for change in mine[: self.random.randint(0, len(mine))]:
                change(self._names)
        self._names = {path: inode for path, inode in self._names.items() if self._is_reached(path)}
        for inode in self._names.values():
            if inode is not None and bytes(inode.data) != inode.durable:
                written = bytes(inode.data)
                some = written[: self.random.randint(0, len(written))]
                inode.durable = self.random.choice((inode.durable, written, some, bytes(len(written))))
            if inode is not None:
                inode.data = bytearray(inode.durable)
        self.names_now = dict(self._names)
        self._pending, self._fat = [], []
        self.cut_in = None

    def settled(self) -> None:
        """Switched off in good order."""
        for _, change in self._pending + self._fat:
            change(self._names)
        self._pending, self._fat = [], []
        for inode in self._names.values():
            if inode is not None:
                inode.durable = bytes(inode.data)

    def _is_reached(self, path: Path) -> bool:
        return path in (DATA, P1) or (path.parent in self._names and self._is_reached(path.parent))

    def _change(self, folder: Path, change: Change) -> None:
        assert folder in self.names_now, f"{folder} is not there"
        self.step()
        change(self.names_now)
        (self._fat if _is_fat(folder) else self._pending).append((folder, change))

    # -- Files
    def read(self, path: Path) -> bytes | None:
        inode = self.names_now.get(path)
        return bytes(inode.data) if inode is not None else None

    def open(self, path: Path, *, afresh: bool = False) -> IO[bytes]:
        inode = self.names_now.get(path)
        if inode is None:
            raise FileNotFoundError(errno.ENOENT, "No such file or directory")
        return io.BytesIO(bytes(inode.data))

    def create(self, path: Path, like: Path | None = None) -> IO[bytes]:
        inode = Inode()

        def change(names: Names) -> None:
            names[path] = inode

        self._change(path.parent, change)
        return cast(IO[bytes], Written(self, inode))

    def flush(self, file: IO[bytes]) -> None:
        self.step()
        assert isinstance(file, Written)
        file.inode.durable = bytes(file.inode.data)

    def flush_names(self, folder: Path) -> None:
        self.step()
        if _is_fat(folder):
            done = [each for each in self._fat if each[0] == folder]
            self._fat = [each for each in self._fat if each[0] != folder]
        else:
            last = max((at for at, (each, _) in enumerate(self._pending) if each == folder), default=-1) + 1
            done, self._pending = self._pending[:last], self._pending[last:]
        for _, change in done:
            change(self._names)

    def rename(self, old: Path, new: Path) -> None:
        assert old in self.names_now

        def change(names: Names) -> None:
            for path in [each for each in names if each == old or below(each, old)]:
                names[new / path.relative_to(old)] = names.pop(path)

        assert not _is_fat(new) or old.parent == new.parent, "FAT: within one folder"
        self._change(new.parent, change)

    def remove(self, path: Path) -> None:
        if path not in self.names_now:
            return
        if self.names_now[path] is None and self.names(path):
            raise OSError(errno.ENOTEMPTY, "Directory not empty")
        self._change(path.parent, lambda names: names.pop(path, None))

    def make_folder(self, path: Path, like: Path | None = None) -> None:
        if path not in self.names_now:
            self._change(path.parent, lambda names: names.update({path: None}))

    def names(self, folder: Path) -> list[str]:
        return sorted(path.name for path in self.names_now if path.parent == folder)

    def is_folder(self, path: Path) -> bool:
        return path in self.names_now and self.names_now[path] is None

    def is_file(self, path: Path) -> bool:
        return self.names_now.get(path) is not None

    def bytes_of(self, path: Path) -> int:
        inode = self.names_now[path]
        assert inode is not None
        return len(inode.data)

    def bytes_free(self, folder: Path) -> int:
        return self.room

    # -- tests
    def put(self, path: Path, data: bytes) -> None:
        """There since long."""
        inode = Inode(data)
        for names in (self.names_now, self._names):
            for parent in reversed(path.parents):
                if parent not in (Path("/"), P1.parent):
                    names.setdefault(parent, None)
            names[path] = inode

    def files(self, folder: Path) -> Iterator[tuple[Path, bytes]]:
        for path, inode in self.names_now.items():
            if inode is not None and below(path, folder):
                yield path, bytes(inode.data)


class CutPart:
    """The partition of a root."""

    def __init__(self, card: CutCard, data: bytes, size: int = 1_000_000) -> None:
        self._card = card
        self.size_bytes = size
        self.inode = Inode(data)

    def open(self) -> IO[bytes]:
        self._card.step()
        self.inode.data = bytearray()
        return cast(IO[bytes], Written(self._card, self.inode))

    def flush(self, stream: IO[bytes]) -> None:
        self._card.flush(stream)

    def read_back(self) -> IO[bytes]:
        return io.BytesIO(bytes(self.inode.data))

    def cut(self) -> None:
        if bytes(self.inode.data) != self.inode.durable:
            some = bytes(self.inode.data)
            at = self._card.random.randint(0, len(some))
            self.inode.durable = some[:at] + self.inode.durable[at:]
        self.inode.data = bytearray(self.inode.durable)
