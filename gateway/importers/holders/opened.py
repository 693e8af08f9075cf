"""A file as what it is, by its content and never by its name: a table (text or spreadsheet) or JSON, or several in a zip."""

import codecs
import csv
import json
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from io import BytesIO
from itertools import islice
from pathlib import Path
from typing import Any

from gateway.importers.holders import sheet
from gateway.importers.holders.archive import Archive
from gateway.importers.holders.cells import fold
from gateway.importers.holders.found import ROWS_MAX, FileRefusedError, Why

FILE_BYTES_MAX = 16_000_000
JSON_BYTES_MAX = 8_000_000
LINE_CHARACTERS_MAX = 4096
MEMBERS_MAX = 20
HEAD_ROWS = 40
TOLD_ROWS = 2048
DELIMITERS = (";", "\t", "|", ",")

ZIP = b"PK\x03\x04"
_BOMS = (
    (codecs.BOM_UTF8, "utf-8", "UTF-8"),
    (codecs.BOM_UTF16_LE, "utf-16-le", "UTF-16"),
    (codecs.BOM_UTF16_BE, "utf-16-be", "UTF-16"),
)
# In no text.
_CONTROL = frozenset(range(32)) - frozenset(b"\t\n\r\f")


Tell = Callable[[float], None]


def _nobody(share: float) -> None:
    """Nobody asked how far the reading is."""


@dataclass(frozen=True, slots=True)
class Table:
    """Rows of cells. `name` is the sheet's, or that of the file in a zip."""

    name: str
    head: Sequence[tuple[int, list[str]]]
    _lines: Sequence[str] = ()
    _delimiter: str = ""
    _rows: sheet.Rows | None = None
    _tell: Tell = _nobody

    def rows(self, after: int = 0) -> Iterator[tuple[int, list[str]]]:
        """(line, cells) of every row that is not empty, from the one after line `after` on.

        A line that is no row of a table has no cells.
        """
        if self._rows is not None:
            yield from ((number, cells) for number, cells in self._rows if number > after)
            return
        delimiter = self._delimiter
        for number, line in enumerate(islice(self._lines, after, None), after + 1):
            if not number % TOLD_ROWS:
                self._tell(number / len(self._lines))
            if line and not line.isspace():
                yield number, _cells(line, delimiter)

    def find(self, *names: str) -> tuple[int, dict[str, int]] | None:
        """The first row of the head that has all these columns: its line, and where each of its columns stands."""
        for number, cells in self.head:
            columns = {fold(cell): place for place, cell in reversed(list(enumerate(cells))) if cell.strip()}
            if all(name in columns for name in names):
                return number, columns
        return None


@dataclass(frozen=True, slots=True)
class Tree:
    """What JSON holds."""

    name: str
    value: Any


Document = Table | Tree


def documents(path: Path, tell: Tell = _nobody) -> list[Document]:
    """What is in a file; FileRefusedError if that is nothing of ours. `tell` hears how far its rows are read, 0 to 1."""
    with path.open("rb") as file:
        size = file.seek(0, 2)
        if size > FILE_BYTES_MAX:
            raise FileRefusedError(Why.LARGE, mb=FILE_BYTES_MAX // 1_000_000)
        if not size:
            raise FileRefusedError(Why.EMPTY)
        file.seek(0)
        if file.read(4) != ZIP:
            file.seek(0)
            return [_document("", file.read(FILE_BYTES_MAX + 1), tell)]
        archive = Archive(file)
        if _is_book(archive):
            return _tables(archive)
        return list(_members(archive, tell))


def _members(archive: Archive, tell: Tell) -> Iterator[Document]:
    names = [name for name in archive.names() if not name.startswith("__MACOSX/")]
    if not 0 < len(names) <= MEMBERS_MAX:
        raise FileRefusedError(Why.ARCHIVE_FILES, n=MEMBERS_MAX)
    for name in names:
        content = archive.content(name)
        if not content:
            continue
        if content[:4] == ZIP:
            inner = Archive(BytesIO(content))
            if not _is_book(inner):  # a zip in a zip is nobody's
                raise FileRefusedError(Why.BINARY)
            yield from _tables(inner)
        else:
            yield _document(name.rpartition("/")[2], content, tell)


def _is_book(archive: Archive) -> bool:
    return any(name.startswith("xl/worksheets/") for name in archive.names())


def _tables(archive: Archive) -> list[Document]:
    return [Table(name, rows[:HEAD_ROWS], _rows=rows) for name, rows in sheet.sheets(archive)]


def _document(name: str, content: bytes, tell: Tell) -> Document:
    text = decoded(content)
    if text.lstrip()[:1] in ("{", "["):
        return Tree(name, _json(text))
    lines = text.split("\n")
    if len(lines) > ROWS_MAX:
        raise FileRefusedError(Why.MANY, n=ROWS_MAX)
    head = [line.rstrip("\r") for line in lines[:HEAD_ROWS]]
    delimiter = _delimiter(head)
    lines = [line.rstrip("\r") for line in lines]
    shown = [(number, _cells(line, delimiter)) for number, line in enumerate(head, 1) if line.strip()]
    return Table(name, shown, lines, delimiter, _tell=tell)


def decoded(content: bytes) -> str:
    """The text of a file: what its byte order mark says, else UTF-8, else as Windows writes French."""
    for mark, codec, name in _BOMS:
        if content.startswith(mark):
            try:
                text = content[len(mark) :].decode(codec)
            except UnicodeDecodeError as error:
                line = content[: error.start + len(mark)].count(b"\n") + 1
                raise FileRefusedError(Why.ENCODING, line, needed=name) from None
            return _no_control(text)
    try:
        return _no_control(content.decode())
    except UnicodeDecodeError:
        pass
    try:
        return _no_control(content.decode("cp1252"))
    except UnicodeDecodeError as error:
        raise FileRefusedError(Why.LETTERS, content[: error.start].count(b"\n") + 1) from None


def _no_control(text: str) -> str:
    if any(chr(code) in text for code in _CONTROL):
        raise FileRefusedError(Why.BINARY)
    return text


def _json(text: str) -> Any:
    if len(text) > JSON_BYTES_MAX:
        raise FileRefusedError(Why.LARGE, mb=JSON_BYTES_MAX // 1_000_000)
    try:
        return json.loads(text, parse_float=str, parse_int=str, parse_constant=str)
    except json.JSONDecodeError as error:
        raise FileRefusedError(Why.JSON, error.lineno) from None
    except (RecursionError, ValueError):
        raise FileRefusedError(Why.JSON) from None


def _delimiter(head: Sequence[str]) -> str:
    """What stands in most lines of the head; a comma may be a decimal one, so it comes last."""
    counts = Counter({each: sum(each in line for line in head) for each in DELIMITERS})
    most = max(counts.values())
    return next(each for each in DELIMITERS if counts[each] == most)


def _cells(line: str, delimiter: str) -> list[str]:
    """The cells of one line; a field does not run over lines, so that one quote left open costs one row."""
    if len(line) > LINE_CHARACTERS_MAX:
        return []
    if '"' not in line:
        return line.split(delimiter)
    try:
        return next(csv.reader([line], delimiter=delimiter, strict=True))
    except (csv.Error, StopIteration):
        return []
