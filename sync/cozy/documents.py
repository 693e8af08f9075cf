"""Documents of a Cozy's doctypes (cozy-stack, docs/data-system.md): looked up, and made to be what is wished, by as few requests as it goes."""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any
from urllib.parse import quote, urlencode

from sync.cozy.device import Device, Json, parsed, read, trouble
from sync.model import Trouble, Why

# A page of more than 1,000 documents is answered with 100 of them.
PAGE = 1000
# In the words of cozy-stack, and of CouchDB behind it.
NO_INDEX = (b"no_index", b"no_usable_index")
# So many pages of one question: a century of days, and no server can keep us turning pages.
PAGES_MAX = 40
# Ids and revisions alone, 150 bytes each.
IDS_PAGE = 5000
# Behind all that a Cozy's ids are made of, by the order of CouchDB.
LAST = "\ufff0"
# Each answer about documents must fit into ANSWER_BYTES_MAX of sync.net, whatever they hold.
TOGETHER_MAX = 500
WHOLE_MAX = 100
TOGETHER_BYTES_MAX = 1_000_000
# Somebody else who writes the same documents may come in between so often.
TRIES = 3
MANY_S = 60

Documents = dict[str, Json]


def body_of(document: object) -> bytes:
    """As it leaves: a Decimal is a JSON number."""
    return json.dumps(document, ensure_ascii=False, separators=(",", ":"), default=_number).encode()


def _number(value: object) -> float | int:
    assert isinstance(value, Decimal)
    return int(value) if value == value.to_integral_value() else float(value)


@dataclass(frozen=True, slots=True)
class Written:
    """The last answer in one line, and by id what was sent of each document."""

    line: str
    bodies: Mapping[str, bytes]


class Doctypes:
    """The documents that our scope opens, in any of its doctypes."""

    def __init__(self, device: Device) -> None:
        self._device = device

    async def read(self, doctype: str, ids: Sequence[str], *, whole: bool = True) -> Documents:
        """Those that are there, by id; not `whole`, their ids and revisions alone."""
        found: Documents = {}
        path, together = f"/data/{doctype}/_all_docs", TOGETHER_MAX
        if whole:
            path, together = f"{path}?include_docs=true", WHOLE_MAX
        for first in range(0, len(ids), together):
            answer = await self._device.ask("POST", path, doctype, body_of({"keys": ids[first : first + together]}))
            if answer.status == 404:  # no document was ever written there
                return {}
            if answer.status != 200:
                raise trouble(answer, doctype)
            for row in _rows(read(answer, doctype).get("rows"), doctype):
                value, document = row.get("value"), row.get("doc")
                if whole and isinstance(document, dict):
                    found[str(row["key"])] = document
                elif not whole and isinstance(value, dict) and not value.get("deleted"):
                    found[str(row["key"])] = {"_id": row["key"], "_rev": value.get("rev")}
        return found

    async def ids(self, doctype: str, prefix: str) -> list[str]:
        """Of the documents whose ids begin so, in order."""
        found: list[str] = []
        first, skip = prefix, 0
        for _ in range(PAGES_MAX):
            asked = {
                "startkey": json.dumps(first),
                "endkey": json.dumps(prefix + LAST),
                "limit": str(IDS_PAGE),
                "skip": str(skip),
            }
            answer = await self._device.ask("GET", f"/data/{doctype}/_all_docs?{urlencode(asked)}", doctype)
            if answer.status == 404:
                return []
            if answer.status != 200:
                raise trouble(answer, doctype)
            rows = [str(row.get("id")) for row in _rows(read(answer, doctype).get("rows"), doctype)]
            # One that heeds no limit says all at once.
            found += rows
            if len(rows) != IDS_PAGE:
                return found
            first, skip = rows[-1], 1
        raise Trouble(Why.ODD, f"{doctype}: more than {PAGES_MAX * IDS_PAGE} documents")

    async def find(self, doctype: str, fields: tuple[str, ...], selector: Mapping[str, Any]) -> list[Json]:
        """All that match; `fields` are those of the selector, of which an index is made where there is none yet."""
        found: list[Json] = []
        asked: Json = {"selector": dict(selector), "limit": PAGE}
        indexed = False
        for _ in range(PAGES_MAX):
            answer = await self._device.ask("POST", f"/data/{doctype}/_find", doctype, body_of(asked))
            if answer.status == 404:
                return []
            if answer.status == 400 and any(word in answer.body for word in NO_INDEX) and not indexed:
                made = await self._device.ask(
                    "POST", f"/data/{doctype}/_index", doctype, body_of({"index": {"fields": list(fields)}})
                )
                if made.status != 200:
                    raise trouble(made, doctype)
                indexed = True
                continue
            if answer.status != 200:
                raise trouble(answer, doctype)
            said = read(answer, doctype)
            found += _rows(said.get("docs"), doctype)
            if not said.get("next") or not said.get("docs"):
                return found
            asked["bookmark"] = said.get("bookmark")
        raise Trouble(Why.ODD, f"{doctype}: more than {PAGES_MAX * PAGE} documents of one month or year")

    async def write(
        self, doctype: str, wished: Documents, there: Mapping[str, Json], *, tries: int = TRIES
    ) -> "Written":
        """Have each of these there as it is wished, and nothing of those that are wished as `{}`.

        `there` is what was read of them before. What somebody changes meanwhile is read again and written once more, `tries` times in all.
        """
        # What is there already was sent by an earlier call whose answer was lost.
        line, bodies = "200 OK", {id_: body_of(document) for id_, document in wished.items() if document}
        left, known = dict(wished), dict(there)
        for _ in range(tries):
            changed: Documents = {id_: document for id_, document in left.items() if not _is(known.get(id_), document)}
            if not changed:
                return Written(line, bodies)
            conflicts: list[str] = []
            for some in _together(changed):
                sent = [_with_rev(id_, document, known.get(id_)) for id_, document in some.items()]
                bodies |= {document["_id"]: body_of(document) for document in sent if "_deleted" not in document}
                line, refused = await self._send(doctype, sent)
                conflicts += refused
            if not conflicts:
                return Written(line, bodies)
            known = await self.read(doctype, conflicts)
            left = {id_: changed[id_] for id_ in conflicts}
        raise Trouble(Why.BUSY, f"{doctype}: somebody else writes the same documents", MANY_S)

    async def _send(self, doctype: str, documents: Sequence[Json]) -> tuple[str, list[str]]:
        answer = await self._device.ask("POST", f"/data/{doctype}/_bulk_docs", doctype, body_of({"docs": documents}))
        if answer.status == 404:
            # An older cozy-stack makes a doctype with the first document that is put by its id only.
            await self._begin(doctype, documents[0])
            answer = await self._device.ask(
                "POST", f"/data/{doctype}/_bulk_docs", doctype, body_of({"docs": documents})
            )
        if answer.status not in (200, 201):
            raise trouble(answer, doctype)
        rows = _rows(parsed(answer, doctype), doctype)
        if len(rows) != len(documents):
            raise Trouble(Why.ODD, f"{doctype}: {len(documents)} documents were sent, and {len(rows)} are answered")
        conflicts: list[str] = []
        for document, row in zip(documents, rows, strict=True):
            if row.get("error") == "conflict":
                conflicts.append(document["_id"])
            elif "error" in row or not row.get("rev"):
                raise Trouble(Why.ODD, f"{doctype}: {str(row.get('error'))[:40]!r} of a document")
        return answer.line, conflicts

    async def _begin(self, doctype: str, document: Json) -> None:
        # This document is sent again with the others, and meets its own revision as a conflict: then it is read and found right.
        plain = {name: value for name, value in document.items() if name not in ("_id", "_rev", "_deleted")}
        answer = await self._device.ask(
            "PUT", f"/data/{doctype}/{quote(document['_id'], safe='')}", doctype, body_of(plain)
        )
        if answer.status not in (200, 201, 409):
            raise trouble(answer, doctype)


def _rows(said: object, doctype: str) -> list[Json]:
    if not isinstance(said, list) or not all(isinstance(row, dict) for row in said):
        raise Trouble(Why.ODD, f"{doctype}: an answer that is no list of documents")
    return said


def _is(there: Json | None, wished: Json) -> bool:
    """Whether nothing is to be done: times of writing and CouchDB's own fields aside, it is what is wished."""
    if there is None or not wished:
        return there is None and not wished
    return _bare(there) == _bare(wished)


def _bare(document: Json) -> object:
    return json.loads(
        body_of(
            {name: value for name, value in document.items() if not name.startswith("_") and name != "cozyMetadata"}
        )
    )


def _with_rev(id_: str, document: Json, there: Json | None) -> Json:
    rev = {} if there is None else {"_rev": there["_rev"]}
    if not document:
        return {"_id": id_, **rev, "_deleted": True}
    if there is not None and isinstance(there.get("cozyMetadata"), dict):
        made = there["cozyMetadata"].get("createdAt")
        document = {**document, "cozyMetadata": {**document["cozyMetadata"], **({"createdAt": made} if made else {})}}
    return {"_id": id_, **rev, **document}


def _together(documents: Documents) -> Iterator[Documents]:
    some: Documents = {}
    size = 0
    for id_, document in documents.items():
        more = len(body_of(document))
        if some and (len(some) >= TOGETHER_MAX or size + more > TOGETHER_BYTES_MAX):
            yield some
            some, size = {}, 0
        some[id_] = document
        size += more
    if some:
        yield some
