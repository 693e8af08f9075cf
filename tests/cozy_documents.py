"""What a doctype of the Cozy double holds: documents with revisions, as CouchDB 3 keeps them and cozy-stack asks for them.

Nothing here is CouchDB: conflicts have no branches, and of Mango's operators there are those that Cozy's clients use.
"""

import base64
import hashlib
import json
import operator
import secrets
from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any

LIMIT, LIMIT_MAX = 100, 1000
ORDER: dict[str, Callable[[Any, Any], bool]] = {
    "$gt": operator.gt,
    "$gte": operator.ge,
    "$lt": operator.lt,
    "$lte": operator.le,
}
Json = dict[str, Any]


class CouchError(Exception):
    """What CouchDB refuses: its status, word and reason."""

    def __init__(self, status: int, error: str, reason: str) -> None:
        super().__init__(f"{status} {error}: {reason}")
        self.status, self.error, self.reason = status, error, reason

    @property
    def body(self) -> Json:
        return {"ok": False, "status": str(self.status), "error": self.error, "reason": self.reason}


def missing(reason: str = "missing") -> CouchError:
    return CouchError(404, "not_found", reason)


def conflict() -> CouchError:
    return CouchError(409, "conflict", "Document update conflict.")


def no_index() -> CouchError:
    return CouchError(400, "no_index", "no matching index found, create an index")


@dataclass
class _Kept:
    rev: str
    body: Json | None  # None: deleted
    seq: int


@dataclass
class Doctype:
    """Documents by id, and the fields that indexes were asked for."""

    kept: dict[str, _Kept] = field(default_factory=dict)
    indexes: list[tuple[str, ...]] = field(default_factory=list)
    seq: int = 0

    def get(self, id_: str) -> Json:
        found = self.kept.get(id_)
        if found is None:
            raise missing()
        if found.body is None:
            raise missing("deleted")
        return {"_id": id_, "_rev": found.rev, **found.body}

    def documents(self) -> list[Json]:
        return [self.get(id_) for id_ in sorted(self.kept) if self.kept[id_].body is not None]

    def save(self, document: Json) -> tuple[str, str]:
        """Its id and new revision; a document with `_deleted` is deleted."""
        strange = sorted(key for key in document if key[:1] == "_" and key not in ("_id", "_rev", "_deleted"))
        if strange:
            raise CouchError(400, "doc_validation", f"Bad special document member: {strange[0]}")
        id_ = document.get("_id") or secrets.token_hex(16)
        if not isinstance(id_, str) or id_.startswith("_"):
            raise CouchError(400, "illegal_docid", "Only reserved document ids may start with underscore.")
        known, rev = self.kept.get(id_), document.get("_rev")
        alive = known is not None and known.body is not None
        if (known is not None and known.rev != rev and (alive or rev)) or (known is None and rev):
            raise conflict()
        body = {key: value for key, value in document.items() if key[:1] != "_"}
        number = int(known.rev.partition("-")[0]) + 1 if known else 1
        self.seq += 1
        digest = hashlib.md5(json.dumps([number, body], sort_keys=True).encode(), usedforsecurity=False).hexdigest()
        self.kept[id_] = _Kept(f"{number}-{digest}", None if document.get("_deleted") else body, self.seq)
        return id_, self.kept[id_].rev

    def all_docs(self, *, keys: list[str] | None, low: str | None, high: str | None, include: bool) -> Json:
        """As `_all_docs` says it: a key that is not there has a row too, where keys are asked for."""
        if keys is None:
            ids = [
                one["_id"]
                for one in self.documents()
                if (low is None or one["_id"] >= low) and (high is None or one["_id"] <= high)
            ]
            rows = [self._row(id_, include=include) for id_ in ids]
        else:
            rows = [self._row(id_, include=include) for id_ in keys]
        return {"total_rows": len(self.documents()), "offset": 0, "rows": rows}

    def _row(self, id_: str, *, include: bool) -> Json:
        found = self.kept.get(id_)
        if found is None:
            return {"key": id_, "error": "not_found"}
        if found.body is None:
            gone: Json = {"id": id_, "key": id_, "value": {"rev": found.rev, "deleted": True}}
            return {**gone, "doc": None} if include else gone
        row: Json = {"id": id_, "key": id_, "value": {"rev": found.rev}}
        return {**row, "doc": self.get(id_)} if include else row

    def changes(self, since: int, *, include: bool) -> Json:
        """As `_changes`: the sequence is text that only CouchDB reads."""
        results: list[Json] = []
        for id_, one in sorted(self.kept.items(), key=lambda item: item[1].seq):
            if one.seq > since:
                row: Json = {"id": id_, "seq": f"{one.seq}-double", "changes": [{"rev": one.rev}]}
                if one.body is None:
                    row["deleted"] = True
                if include:
                    row["doc"] = self.get(id_) if one.body is not None else {"_id": id_, "_deleted": True}
                results.append(row)
        return {"results": results, "last_seq": f"{self.seq}-double", "pending": 0}

    def index(self, fields: tuple[str, ...]) -> bool:
        """Whether it is a new one."""
        if fields in self.indexes:
            return False
        self.indexes.append(fields)
        return True

    def find(self, asked: Json) -> Json:
        """As `_find`: more than 1,000 at once gives 100, and no index gives no answer."""
        selector = asked.get("selector", {})
        order = [_field(one) for one in asked.get("sort", [])]
        if not any(_serves(index, selector, [name for name, _ in order]) for index in self.indexes):
            raise no_index()
        found = [one for one in self.documents() if _matches(one, selector)]
        for name, down in reversed(order):
            found.sort(key=lambda one, name=name: one[name], reverse=down)  # type: ignore[misc]  # mypy on a default
        docs, limit, bookmark = page(found, asked.get("limit"), asked.get("skip", 0), asked.get("bookmark", ""))
        if fields := asked.get("fields"):
            docs = [{key: one[key] for key in fields if key in one} for one in docs]
        return {"docs": docs, "limit": limit, "next": len(docs) >= limit, "bookmark": bookmark}


def page(found: list[Json], limit: object, skip: int, bookmark: str) -> tuple[list[Json], int, str]:
    """A page of documents, its limit as cozy-stack understands it, and the mark of the next page."""
    many = limit if isinstance(limit, int) and 0 <= limit <= LIMIT_MAX else LIMIT
    first = skip
    if bookmark not in ("", "nil"):
        first += int(base64.urlsafe_b64decode(bookmark.encode()).decode().removeprefix("from "))
    docs = found[first : first + many]
    mark = base64.urlsafe_b64encode(f"from {first + len(docs)}".encode()).decode() if docs else "nil"
    return docs, many, mark


def _field(said: object) -> tuple[str, bool]:
    if isinstance(said, dict):
        ((name, way),) = said.items()
        return str(name), way == "desc"
    return str(said), False


def _serves(index: tuple[str, ...], selector: Json, order: list[str]) -> bool:
    """Whether an index answers: each of its fields is asked for, and the order is its own, one after the other."""
    if any(name not in order and not _needs(selector, name) for name in index):
        return False
    if not order:
        return True
    places = [index.index(name) if name in index else -1 for name in order]
    return -1 not in places and all(b == a + 1 for a, b in pairwise(places)) and _fixed(index[: places[0]], selector)


def _fixed(names: tuple[str, ...], selector: Json) -> bool:
    return all(not isinstance(selector.get(name, {}), dict) for name in names)


def _needs(selector: Json, name: str) -> bool:
    if name in selector:
        said = selector[name]
        return not (isinstance(said, dict) and (said.get("$exists") is False or set(said) == {"$ne"}))
    return any(_needs(one, name) for one in selector.get("$and", []))


def _matches(document: Json, selector: Json) -> bool:
    for name, said in selector.items():
        if name == "$and":
            if not all(_matches(document, one) for one in said):
                return False
        elif name == "$or":
            if not any(_matches(document, one) for one in said):
                return False
        elif not _holds(document, name, said if isinstance(said, dict) else {"$eq": said}):
            return False
    return True


def _holds(document: Json, name: str, said: Json) -> bool:
    there, value = name in document, document.get(name)
    for word, other in said.items():
        match word:
            case "$exists":
                right = there is bool(other)
            case "$eq":
                right = there and value == other
            case "$ne":
                right = there and value != other
            case "$in":
                right = there and value in other
            case "$gt" | "$gte" if other is None:
                right = there
            case "$gt" | "$gte" | "$lt" | "$lte":
                right = type(value) is type(other) and ORDER[word](value, other)
            case _:
                raise CouchError(400, "invalid_operator", f"Invalid operator: {word}")
        if not right:
            return False
    return True
