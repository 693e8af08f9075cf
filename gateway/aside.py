"""What is set aside on the card: files of short lines, each with its checksum, that one thread appends to and reads.

A line is with the system when `append` was done: a kill loses none. It is on the card with the next `sync`: a power cut
takes what came after `saved_to`. What the card refuses waits in memory, and is tried again with each line and each sync.
"""

import errno
import os
import threading
import zlib
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import ParamSpec, TypeVar
from urllib.parse import quote, unquote

from gateway.files import flush_names, remains, replace

SUFFIX = ".lines"
UNREADABLE = ".unreadable"
CRC_DIGITS = 8
LINE_BYTES_MAX = 4096
FILE_BYTES_MAX = 4_000_000
# What may wait for the thread while a card takes its time; more is refused and counted.
QUEUED_MAX = 5000
# What a card refuses waits in memory, so many lines; later ones are given up and counted.
REFUSED_MAX = 20_000

P = ParamSpec("P")
T = TypeVar("T")


@dataclass(slots=True)
class Kept:
    """How much of one name is set aside. `first` and `last` are whole lines; `thinned` were given up for want of room."""

    lines: int = 0
    bytes: int = 0
    first: str = ""
    last: str = ""
    thinned: int = 0


class Aside:
    """The only owner of a folder. A name is any text; its file is made with its first line and goes with its last one.

    Above FILE_BYTES_MAX every other line of a file's older half is given up, so the first and the newest ones stay.
    """

    def __init__(self, folder: Path, now: Callable[[], int]) -> None:
        folder.mkdir(mode=0o700, exist_ok=True)
        self._folder = folder
        self._now = now
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="aside")
        self._lock = threading.Lock()  # around the counts, which any thread may ask for
        self._kept: dict[str, Kept] = {}
        self._unsaved: set[str] = set()
        self._oldest: int | None = None
        self._queued = 0
        self._refused: deque[tuple[str, str]] = deque()
        self._doubted = False  # a sync failed: the kernel tries none of it again, so the next one writes all anew
        self.refused = 0
        self.damaged = 0
        self.trouble: str | None = None
        self.full = False  # what the trouble is: there is no room on the card
        for path in list(folder.glob("*.new")):
            path.unlink()  # of a write that was not finished
        for path in sorted(folder.glob("*" + SUFFIX)):
            self._open(unquote(path.name.removesuffix(SUFFIX)))

    # -- in memory ----------------------------------------------------------------------------------------------------
    def names(self) -> tuple[str, ...]:
        with self._lock:
            return tuple(self._kept)

    def kept(self, name: str) -> Kept | None:
        """How much is there; None for nothing."""
        with self._lock:
            found = self._kept.get(name)
            return None if found is None else Kept(found.lines, found.bytes, found.first, found.last, found.thinned)

    @property
    def saved_to(self) -> int:
        """UTC seconds: every line that was appended before is on the card, but those that are counted as `refused`.

        It stands still while the card takes no line or no sync.
        """
        with self._lock:
            return self._now() if self._oldest is None else self._oldest

    # -- in the thread ------------------------------------------------------------------------------------------------
    def append(self, name: str, line: str) -> None:
        """Add a line; it waits for nothing. That the card refuses it is said in `trouble`; `refused` counts what was given up."""
        assert "\n" not in line, name
        assert len(line) < LINE_BYTES_MAX, name
        with self._lock:
            if self._queued >= QUEUED_MAX:
                self.refused += 1
                return
            self._queued += 1
            self._oldest = self._now() if self._oldest is None else self._oldest
        self._submit(self._append, name, line)

    def read(self, name: str) -> Future[list[str]]:
        """All lines, in the order they came; damaged ones are left out and counted."""
        return self._submit(self._read, name)

    def replace(self, name: str, lines: Sequence[str]) -> Future[None]:
        """Keep these lines instead, whole or not at all; none of them removes the file. OSError where the card refuses."""
        return self._submit(self._replace, name, lines)

    def rewrite(self, name: str, each: Callable[[str], str | None]) -> Future[int]:
        """Put what `each` makes of a line in its place, None: nothing, in one step with reading; how many went.

        OSError where the card refuses: then all is as it was.
        """
        return self._submit(self._rewrite, name, each)

    def files(self) -> dict[str, bytes]:
        """Each file as it is now, by its name."""
        paths = self._folder.glob("*" + SUFFIX)
        return self._submit(lambda: {path.name: path.read_bytes() for path in paths}).result()

    def drop(self, name: str, goes: Callable[[str], bool]) -> Future[int]:
        """Give up the lines that go, in one step with reading them; how many. OSError where the card refuses."""
        return self.rewrite(name, lambda line: None if goes(line) else line)

    def sync(self) -> Future[None]:
        """Everything appended so far is on the card when it is done."""
        return self._submit(self._sync, self._now())

    def close(self) -> None:
        self.sync().result()
        self._thread.shutdown()

    def _submit(self, function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> Future[T]:
        return self._thread.submit(function, *args, **kwargs)

    def _path(self, name: str) -> Path:
        return self._folder / (quote(name, safe="") + SUFFIX)

    def _open(self, name: str) -> None:
        """Count what a file holds, and cut off a line that a power cut tore."""
        path = self._path(name)
        data = self._bytes(path)
        whole = data[: data.rfind(b"\n") + 1]
        if len(whole) < len(data):
            self.damaged += 1
            os.truncate(path, len(whole))
        lines = self._checked(whole)
        if lines:
            self._kept[name] = Kept(len(lines), len(whole), lines[0], lines[-1])

    def _bytes(self, path: Path) -> bytes:
        """What a file holds; one that the card no longer gives back is laid beside, so that another one can be begun."""
        try:
            return path.read_bytes()
        except FileNotFoundError:
            return b""
        except OSError as error:
            if error.errno != errno.EIO:
                raise
            self.damaged += 1
            path.rename(path.with_suffix(UNREADABLE))
            return b""

    def _checked(self, data: bytes) -> list[str]:
        lines = []
        for row in data.splitlines():
            line, _, crc = row.rpartition(b" ")
            if crc == _crc(line):
                lines.append(line.decode())
            else:
                self.damaged += 1
        return lines

    def _append(self, name: str, line: str) -> None:
        with self._lock:
            self._queued -= 1
        self._refused.append((name, line))
        self._write_refused()
        if len(self._refused) > REFUSED_MAX:
            self._refused.pop()
            self.refused += 1

    def _write_refused(self) -> None:
        """In the order they came, up to the first one that the card refuses still."""
        while self._refused:
            name, line = self._refused[0]
            try:
                size = self._write(name, _row(line))
            except OSError as error:
                self._ail(error)
                return
            self._refused.popleft()
            with self._lock:
                self.trouble, self.full = None, False
                kept = self._kept.setdefault(name, Kept(first=line))
                kept.lines, kept.bytes, kept.last = kept.lines + 1, kept.bytes + size, line
                self._unsaved.add(name)
            if kept.bytes > FILE_BYTES_MAX:
                self._thin(name)

    def _write(self, name: str, row: bytes) -> int:
        file = os.open(self._path(name), os.O_CREAT | os.O_WRONLY | os.O_APPEND | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
        try:
            size = os.fstat(file).st_size
            if os.write(file, row) != len(row):
                os.ftruncate(file, size)
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        finally:
            os.close(file)
        return len(row)

    def _ail(self, error: OSError) -> None:
        self.full = error.errno in (errno.ENOSPC, errno.EDQUOT)
        self.trouble = f"{self._folder.name}: {error.strerror or error}"

    def _thin(self, name: str) -> None:
        lines = self._checked(self._bytes(self._path(name)))
        given_up = thin(lines)
        try:
            self._put(name, lines, given_up)
        except OSError as error:
            self._ail(error)

    def _read(self, name: str) -> list[str]:
        lines = self._checked(self._bytes(self._path(name)))
        return lines + [line for other, line in self._refused if other == name]

    def _rewrite(self, name: str, each: Callable[[str], str | None]) -> int:
        lines = self._read(name)
        made = [line for line in map(each, lines) if line is not None]
        if made != lines:
            self._replace(name, made)
        return len(lines) - len(made)

    def _replace(self, name: str, lines: Sequence[str]) -> None:
        self._put(name, lines, 0)
        self._refused = deque(other for other in self._refused if other[0] != name)

    def _put(self, name: str, lines: Sequence[str], given_up: int) -> None:
        path = self._path(name)
        if not lines:
            path.unlink(missing_ok=True)
            flush_names(self._folder)
            with self._lock:
                self._kept.pop(name, None)
                self._unsaved.discard(name)
            return
        data = b"".join(_row(line) for line in lines)
        try:
            replace(path, data)
        except OSError:
            remains(path).unlink(missing_ok=True)  # a full card needs the room
            raise
        with self._lock:
            thinned = given_up + (self._kept[name].thinned if name in self._kept else 0)
            self._kept[name] = Kept(len(lines), len(data), lines[0], lines[-1], thinned)
            self._unsaved.discard(name)

    def _sync(self, asked: int) -> None:
        """What was appended at `asked` or later may wait behind this."""
        self._write_refused()
        with self._lock:
            if self._oldest is None:
                return
            unsaved = tuple(self._unsaved)
        try:
            for name in unsaved:
                if self._doubted:
                    self._replace(name, self._read(name))
                else:
                    _fsync(self._path(name))
            flush_names(self._folder)
        except OSError as error:
            self._doubted = True
            self._ail(error)
            return
        with self._lock:
            self._doubted = False
            self._unsaved.clear()
            if not self._refused:
                self._oldest = asked if self._queued else None


def thin(items: list[T]) -> int:
    """Give up every other one of the older half; the first and all newer ones stay. How many went."""
    half = len(items) // 2
    given_up = len(range(1, half, 2))
    del items[1:half:2]
    return given_up


def behind(last: str | None, lines: list[str]) -> list[str]:
    """What came after a line; the file may have been thinned in between."""
    if last is None or last not in lines:
        return lines
    return lines[len(lines) - lines[::-1].index(last) :]


def _fsync(path: Path) -> None:
    file = os.open(path, os.O_WRONLY | os.O_CLOEXEC)
    try:
        os.fsync(file)
    finally:
        os.close(file)


def _row(line: str) -> bytes:
    data = line.encode()
    return data + b" " + _crc(data) + b"\n"


def _crc(line: bytes) -> bytes:
    return b"%0*x" % (CRC_DIGITS, zlib.crc32(line))
