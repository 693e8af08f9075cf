"""Key files of operators (docs/keys.md): bytes in; meters' numbers and keys out, and what cannot be used, by its place.

No sentence of this module holds a key, or anything that may be most of one.
"""

from dataclasses import dataclass, field
from enum import StrEnum
from typing import Literal

from gateway.keys import KEYS_MAX, Plate

FILE_BYTES_MAX = 2_000_000  # 5000 meters in the most talkative of the formats
UNPACKED_BYTES_MAX = 4_000_000
ROWS_MAX = KEYS_MAX
REFUSALS_NAMED_MAX = 100


class Why(StrEnum):
    """Why a file or a row of it cannot be used; `%(n)s` is a number. The pages say each in the reader's language."""

    # the whole file
    EMPTY = "the file is empty"
    LONG = "at most %(n)s bytes are taken, and the file is longer"
    MANY = "at most %(n)s keys are taken from one file"
    UNKNOWN = "this is no key file that is known: a CSV table or a KEM file is needed"
    COLUMNS = "the first line must name one column for the meter's number and one for its key, such as: number;key"
    ARCHIVE = "the archive is damaged, or packed in a way that is not taken"
    ARCHIVE_FILES = "an archive with exactly one .kem, .kem2, .xml or .csv file is needed, and this has %(n)s"
    XML = "the XML is damaged"
    DOCUMENT_TYPE = "XML with a document type is not taken"
    CIPHER = "it is encrypted in a way that is not known"
    LOCKED = "the file is encrypted, and its password is needed"
    LOCKED_LONG = "the password of such a file has at most %(n)s bytes"
    LOCKED_WRONG = "the password does not open the file"
    # one row
    ROW = "a line of at most %(n)s characters, with its quotes closed, is needed"
    NUMBER = "a meter's number of 8 digits is needed"
    NUMBERS = "one meter's number is needed, and there are %(n)s"
    KEY = "a key is needed"
    KEY_DIGITS = "a key of 32 digits 0 to 9 and A to F is needed, and this has %(n)s characters"
    KEYS = "one key is needed, and there are %(n)s, none of them marked DEK"
    # one row, in this house
    TWICE = "another key for the same meter stands before, at %(n)s"
    UNCLEAR = "another key is kept for this number, and nothing says which is meant: the maker's letters would"
    METERS = "%(n)s meters of yours have this number: the maker's letters are needed too"
    OTHER_KEY = "this meter has another key, which is kept: ask again once that one no longer opens its messages"


def sentence(why: Why, n: int) -> str:
    """For the command line; the pages have theirs."""
    return why % {"n": n}


class KeyFileError(Exception):
    """Why nothing can be taken from a file."""

    def __init__(self, why: Why, n: int = 0) -> None:
        super().__init__(sentence(why, n))
        self.why = why
        self.n = n


@dataclass(frozen=True, slots=True)
class Refusal:
    """One row that is not used: its line, or which of the file's meters it is, and why."""

    place: int
    why: Why
    n: int = 0


@dataclass(frozen=True, slots=True)
class KeyRow:
    """A meter's key; a file that knows the meter by two numbers gives two plates."""

    place: int
    plates: tuple[Plate, ...]
    key: bytes = field(repr=False)


Unit = Literal["line", "meter"]


@dataclass(slots=True)
class KeyFile:
    """What a file holds; `unit` says what its rows are counted in."""

    unit: Unit
    rows: list[KeyRow] = field(default_factory=list)
    refusals: list[Refusal] = field(default_factory=list)

    def take(self, place: int, found: "tuple[tuple[Plate, ...], bytes] | Refusal") -> None:
        """Add a row, good or not; KeyFileError when there are too many."""
        if len(self.rows) + len(self.refusals) >= ROWS_MAX:
            raise KeyFileError(Why.MANY, ROWS_MAX)
        if isinstance(found, Refusal):
            self.refusals.append(found)
        else:
            self.rows.append(KeyRow(place, *found))


def read(data: bytes, password: str | None = None) -> KeyFile:
    """A file of any kind that is known; KeyFileError when nothing of it can be used."""
    from gateway.importers import kem, keytable

    if len(data) > FILE_BYTES_MAX:
        raise KeyFileError(Why.LONG, FILE_BYTES_MAX)
    if kem.is_archive(data):
        data = kem.unpacked(data)
    if not data.strip():
        raise KeyFileError(Why.EMPTY)
    return kem.read(data, password) if kem.is_xml(data) else keytable.read(data)
