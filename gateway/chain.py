"""Entries chained by their hashes: who changes, removes, swaps or adds one breaks the chain from there on.

An entry's hash is the SHA-256 of four lines: the hash before in hexadecimal, `at`, `kind` and the body as canonical
JSON, in UTF-8, with a line feed between them and none at the end. Before the first one stand 64 noughts.
"""

import hashlib
import json
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

START = "0" * 64
HASH = re.compile(r"[0-9a-f]{64}")
# An entry of ours is a few hundred bytes; a line that never ends is no ledger.
LINE_BYTES_MAX = 1 << 20


@dataclass(frozen=True, slots=True)
class Entry:
    """The `i`-th entry, counted from 1; `at` in UTC seconds, `body` as canonical JSON, `hash` in hexadecimal."""

    i: int
    at: int
    kind: str
    body: str
    hash: str

    @property
    def fields(self) -> dict[str, Any]:
        """What its body says; ValueError where it is no JSON object."""
        said = json.loads(self.body)
        if not isinstance(said, dict):
            raise ValueError("an object is needed")
        return said


@dataclass(frozen=True, slots=True)
class Checked:
    """How many entries hold, and the hash of the last of them; `fault` names the first that does not, in a sentence."""

    entries: int
    head: str
    fault: str | None


class ChainError(Exception):
    """A line that no export wrote, in one sentence."""


def canonical(value: object) -> str:
    """The one JSON text of a value: keys in order, no spaces, no escapes that are not needed. No floats: they differ."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)


def entry(before: Entry | None, at: int, kind: str, body: Mapping[str, object]) -> Entry:
    """The entry that follows `before`; the first one follows None."""
    assert "\n" not in kind
    text = canonical(body)
    return Entry(before.i + 1 if before else 1, at, kind, text, _hash(before.hash if before else START, at, kind, text))


def follows(before: Entry | None, after: Entry) -> bool:
    """Whether an entry is what its hash says, behind the one before."""
    try:
        return entry(before, after.at, after.kind, after.fields) == after
    except (ValueError, TypeError):
        return False


def verify(entries: Iterable[Entry], head: str | None = None) -> Checked:
    """Whether each entry follows the one before. With `head`, a hash noted earlier: whether it is among them.

    Without one, entries missing at the end cannot be seen: nothing says that they were there.
    """
    last, count, met = START, 0, head in (None, START)
    for one in entries:
        if fault := _fault(one, count + 1, last):
            return Checked(count, last, fault)
        count, last = count + 1, one.hash
        met = met or last == head
    if not met:
        return Checked(count, last, f"no entry has the hash {head}: what stood when it was noted is not here")
    return Checked(count, last, None)


def line(one: Entry) -> str:
    """An entry as a line of an export: a JSON object, canonical if its body is."""
    ends = canonical({"hash": one.hash, "i": one.i, "kind": one.kind})
    return f'{{"at":{one.at},"body":{one.body},{ends[1:]}'


def read(lines: Iterable[bytes]) -> Iterator[Entry]:
    """The entries of an export; ChainError names the line that is none."""
    for number, data in enumerate(lines, 1):
        try:
            text = data.decode().removesuffix("\n")
            said = json.loads(text)
            one = Entry(said["i"], said["at"], said["kind"], canonical(said["body"]), said["hash"])
            if [type(said[name]) for name in ("i", "at", "kind", "hash")] != [int, int, str, str]:  # True is 1, too
                raise TypeError
        except (ValueError, TypeError, KeyError, RecursionError):
            raise ChainError(f"line {number}: an entry of a ledger is needed") from None
        if line(one) != text:  # a key that stands twice may be read in two ways
            raise ChainError(f"line {number}: not written as an export writes it")
        yield one


def _hash(before: str, at: int, kind: str, body: str) -> str:
    return hashlib.sha256("\n".join((before, str(at), kind, body)).encode()).hexdigest()


def _fault(one: Entry, i: int, before: str) -> str | None:
    if one.i != i:
        return f"entry {one.i} stands where entry {i} belongs"
    try:
        as_written = canonical(one.fields) == one.body
    except (ValueError, RecursionError):
        as_written = False
    if not as_written:
        return f"entry {i}: its body is not as it was written"
    if one.hash != _hash(before, one.at, one.kind, one.body):
        return f"entry {i}: its hash does not fit it and what stands before"
    return None
