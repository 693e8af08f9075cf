"""Rows of a spreadsheet (xlsx: Office Open XML, ECMA-376 part 1, 18.3 and 18.4): the few elements that hold cells.

A spreadsheet is a zip of XML. What it unpacks to is bounded (archive.py), and XML with a document type, the way to every
entity bomb, is refused where it begins; so is a token that does not end, which some versions of expat read again and again.
"""

import re
from collections.abc import Iterable
from xml.parsers import expat

from gateway.importers.holders.archive import Archive
from gateway.importers.holders.found import FileRefusedError, Why

SHEETS_MAX = 20
ROWS_MAX = 100_000
COLUMNS_MAX = 100
CELL_CHARACTERS_MAX = 1_000
STRINGS_MAX = 100_000
TOKEN_BYTES_MAX = 1_000_000

FORMULA = "\x00formula"  # how a cell with a formula reads: its value may be anything, and no holder writes one

Rows = list[tuple[int, list[str]]]

_STRINGS, _BOOK, _LINKS = "xl/sharedStrings.xml", "xl/workbook.xml", "xl/_rels/workbook.xml.rels"
_SHEET = re.compile(r"xl/worksheets/[^/]+\.xml")
_CELL = re.compile(r"([A-Z]{1,3})\d{0,7}", re.ASCII)
_PLAIN = re.compile(r"-?\d{1,15}(\.\d{1,9})?", re.ASCII)


def sheets(archive: Archive) -> list[tuple[str, Rows]]:
    """Every sheet's name and its rows, as (number, cells)."""
    names = archive.names()
    strings = _strings(archive) if _STRINGS in names else []
    titles = _titles(archive) if {_BOOK, _LINKS} <= set(names) else {}
    found = []
    for name in sorted(filter(_SHEET.fullmatch, names))[:SHEETS_MAX]:
        reader = _Reader(strings)
        _parse(archive.pieces(name), reader)
        found.append((titles.get(name.rpartition("/")[2], ""), reader.rows))
    if not found:
        raise FileRefusedError(Why.XML)
    return found


class _Reader:
    """Takes the elements of one sheet."""

    def __init__(self, strings: list[str]) -> None:
        self.rows: Rows = []
        self._strings = strings
        self._number = 0
        self._cells: list[str] = []
        self._column = 0
        self._kind = ""
        self._text: str | None = None
        self._formula = False

    def start(self, name: str, attributes: dict[str, str]) -> None:
        match name:
            case "row":
                given = attributes.get("r", "")
                self._number = int(given) if given.isdecimal() and len(given) < 9 else self._number + 1
                self._cells, self._column = [], 0
            case "c":
                found = _CELL.fullmatch(attributes.get("r", ""))
                self._column = _column(found[1]) if found else self._column + 1
                self._kind, self._text, self._formula = attributes.get("t", "n"), None, False
            case "v" | "t":
                self._text = self._text or ""
            case "f":
                self._formula = True

    def end(self, name: str, text: str) -> None:
        match name:
            case "v" | "t":
                self._text = (self._text or "") + text
            case "c" if self._formula or self._text is not None:
                if self._column <= COLUMNS_MAX:
                    self._cells += [""] * (self._column - len(self._cells))
                    self._cells[self._column - 1] = self._value()
            case "row" if any(self._cells):
                if len(self.rows) >= ROWS_MAX:
                    raise FileRefusedError(Why.MANY, self._number, n=ROWS_MAX)
                self.rows.append((self._number, self._cells))

    def _value(self) -> str:
        if self._formula:
            return FORMULA
        text = (self._text or "")[:CELL_CHARACTERS_MAX]
        match self._kind:
            case "s":
                place = int(text) if text.isdecimal() and len(text) < 9 else -1
                if not 0 <= place < len(self._strings):
                    raise FileRefusedError(Why.XML, self._number)
                return self._strings[place]
            case "n" if text and not _PLAIN.fullmatch(text):
                return _shortest(text)
            case _:
                return text


def _shortest(text: str) -> str:
    """6.3289999999999997 is how a spreadsheet writes the 6.329 it holds as a binary fraction."""
    try:
        return f"{float(text):.12g}" if len(text) <= 40 else text
    except ValueError:
        return text


def _column(letters: str) -> int:
    number = 0
    for letter in letters:
        number = number * 26 + ord(letter) - 64
    return number


class _Strings:
    """The shared strings; readings aids (`rPh`) are no part of them."""

    def __init__(self) -> None:
        self.found: list[str] = []
        self._parts: list[str] = []
        self._aid = False

    def start(self, name: str, _: dict[str, str]) -> None:
        if name == "si":
            self._parts = []
        elif name == "rPh":
            self._aid = True

    def end(self, name: str, text: str) -> None:
        if name == "t" and not self._aid:
            self._parts.append(text)
        elif name == "rPh":
            self._aid = False
        elif name == "si":
            if len(self.found) >= STRINGS_MAX:
                raise FileRefusedError(Why.MANY, n=STRINGS_MAX)
            self.found.append("".join(self._parts)[:CELL_CHARACTERS_MAX])


def _strings(archive: Archive) -> list[str]:
    reader = _Strings()
    _parse(archive.pieces(_STRINGS), reader)
    return reader.found


class _Attributes:
    """Two attributes of one kind of element."""

    def __init__(self, element: str, key: str, value: str) -> None:
        self.found: dict[str, str] = {}
        self._element, self._key, self._value = element, key, value

    def start(self, name: str, attributes: dict[str, str]) -> None:
        if name == self._element and len(self.found) < SHEETS_MAX:
            self.found[attributes.get(self._key, "")] = attributes.get(self._value, "")

    def end(self, name: str, text: str) -> None: ...


def _titles(archive: Archive) -> dict[str, str]:
    """File name of each sheet -> its name in the book."""
    books, links = _Attributes("sheet", "id", "name"), _Attributes("Relationship", "Target", "Id")
    _parse(archive.pieces(_BOOK), books)
    _parse(archive.pieces(_LINKS), links)
    return {target.rpartition("/")[2]: books.found.get(id_, "") for target, id_ in links.found.items()}


def _parse(pieces: Iterable[bytes], reader: "_Reader | _Strings | _Attributes") -> None:
    parser = expat.ParserCreate(namespace_separator=" ")
    parser.buffer_text = True
    text: list[str] = []
    heard = 0

    def start(name: str, attributes: dict[str, str]) -> None:
        nonlocal heard
        heard = 0
        text.clear()
        reader.start(name.rpartition(" ")[2], {key.rpartition(" ")[2]: value for key, value in attributes.items()})

    def end(name: str) -> None:
        nonlocal heard
        heard = 0
        reader.end(name.rpartition(" ")[2], "".join(text))
        text.clear()

    def more(data: str) -> None:
        if len(text) < CELL_CHARACTERS_MAX:
            text.append(data[:CELL_CHARACTERS_MAX])

    def document_type(*_: object) -> None:
        raise FileRefusedError(Why.DOCUMENT_TYPE)

    parser.StartElementHandler = start
    parser.EndElementHandler = end
    parser.CharacterDataHandler = more
    parser.StartDoctypeDeclHandler = document_type
    try:
        for piece in pieces:
            heard += len(piece)
            parser.Parse(piece, False)
            if heard > TOKEN_BYTES_MAX:
                raise FileRefusedError(Why.XML)
        parser.Parse(b"", True)
    except expat.ExpatError as error:
        raise FileRefusedError(Why.XML) from error
