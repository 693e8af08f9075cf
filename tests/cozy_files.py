"""The files of the Cozy double, as far as a device asks for them (cozy-stack, docs/files.md)."""

import base64
import hashlib
import secrets
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from urllib.parse import quote

from tests.cozy_documents import Json

PAGE = 30
ROOT, TRASH = "io.cozy.files.root-dir", "io.cozy.files.trash-dir"


class FileError(Exception):
    """What is refused, as JSON:API says it."""

    def __init__(self, status: int, title: str, detail: str) -> None:
        super().__init__(detail)
        self.status, self.title, self.detail = status, title, detail


@dataclass
class _Entry:
    id: str
    parent: str
    name: str
    content: bytes | None  # None: a directory
    encrypted: bool = False
    mime: str = ""
    version: int = 1
    written_at: float = 0.0

    @property
    def rev(self) -> str:
        return f"{self.version}-{hashlib.md5(self.content or b'', usedforsecurity=False).hexdigest()[:12]}"


class Files:
    """A tree of directories and files, and the trash."""

    def __init__(self, now: Callable[[], float]) -> None:
        self._now = now
        self._entries = {
            ROOT: _Entry(ROOT, "", "", None),
            TRASH: _Entry(TRASH, ROOT, ".cozy_trash", None),
        }

    def files(self) -> dict[str, bytes]:
        """All that is not in the trash, by path."""
        return {
            path: one.content
            for one in self._entries.values()
            if one.content is not None and not (path := self._path(one)).startswith("/.cozy_trash/")
        }

    def trashed(self) -> list[str]:
        """The names of what lies in the trash."""
        return [self._path(one).rpartition("/")[2] for one in self._entries.values() if self._trashed(one)]

    def encrypted(self, path: str) -> bool:
        return self._find(path).encrypted

    def get(self, id_: str, limit: str, cursor: str) -> Json:
        """A file; or a directory and a page of what is in it, as JSON:API pages: 30 where nothing else is said."""
        entry = self._entry(id_)
        said = self._said(entry)
        if entry.content is None:
            inside = sorted((one for one in self._entries.values() if one.parent == id_), key=lambda one: one.id)
            rest = [one for one in inside if one.id > cursor]
            many = int(limit) if limit.isdecimal() and int(limit) > 0 else PAGE
            said["included"] = [self._said(one)["data"] for one in rest[:many]]
            if len(rest) > many:
                last = quote(rest[many - 1].id)
                said["links"] = {"next": f"/files/{id_}?page[cursor]={last}&page[limit]={many}"}
        return said

    def at(self, path: str) -> Json:
        return self._said(self._find(path))

    def content(self, id_: str) -> bytes:
        content = self._entry(id_).content
        if content is None:
            raise FileError(404, "Not Found", "file does not exist")
        return content

    def create(self, parent: str, query: dict[str, str], body: bytes, headers: dict[str, str], *, full: bool) -> Json:
        kind, name = query.get("Type"), query.get("Name", "")
        if kind not in ("file", "directory") or not name or "/" in name or "\0" in name:
            raise FileError(422, "Unprocessable Entity", "Type or Name is missing or invalid")
        place = self._entry(parent or ROOT)
        if place.content is not None:
            raise FileError(404, "Not Found", "parent directory does not exist")
        if any(one.parent == place.id and one.name == name for one in self._entries.values()):
            raise FileError(409, "Conflict", "file already exists")
        if full:
            raise FileError(413, "Payload Too Large", "the file is too big and exceeds the disk quota")
        made = _Entry(secrets.token_hex(16), place.id, name, None, written_at=self._now())
        if kind == "file":
            size = query.get("Size", "")
            if size and size != str(len(body)):
                raise FileError(412, "Precondition Failed", "content length does not match")
            made.content, made.encrypted = _checked(body, headers), query.get("Encrypted") == "true"
            made.mime = headers.get("Content-Type", "")
        self._entries[made.id] = made
        return self._said(made)

    def overwrite(self, id_: str, body: bytes, headers: dict[str, str], *, full: bool) -> Json:
        entry = self._entry(id_)
        self._match(entry, headers.get("If-Match"))
        if full:
            raise FileError(413, "Payload Too Large", "the file is too big and exceeds the disk quota")
        entry.content = _checked(body, headers)
        entry.written_at = self._now()
        entry.version += 1
        return self._said(entry)

    def trash(self, id_: str, rev: str | None) -> Json:
        entry = self._entry(id_)
        self._match(entry, rev)
        if id_ in (ROOT, TRASH) or self._trashed(entry):
            raise FileError(400, "Bad Request", "it is in the trash already")
        taken = {one.name for one in self._entries.values() if one.parent == TRASH}
        if entry.name in taken:
            entry.name = f"{entry.name} ({secrets.token_hex(4)})"
        entry.parent = TRASH
        entry.version += 1
        return self._said(entry)

    def destroy(self, id_: str) -> None:
        """Out of the trash, for ever."""
        entry = self._entry(id_)
        if not self._trashed(entry):
            raise FileError(400, "Bad Request", "it is not in the trash")
        for one in [one for one in self._entries.values() if one.parent == id_]:
            del self._entries[one.id]
        del self._entries[id_]

    def _entry(self, id_: str) -> _Entry:
        if id_ not in self._entries:
            raise FileError(404, "Not Found", "file does not exist")
        return self._entries[id_]

    def _find(self, path: str) -> _Entry:
        for one in self._entries.values():
            if (self._path(one) or "/") == path:
                return one
        raise FileError(404, "Not Found", "file does not exist")

    def _path(self, entry: _Entry) -> str:
        return "" if entry.id == ROOT else f"{self._path(self._entries[entry.parent])}/{entry.name}"

    def _trashed(self, entry: _Entry) -> bool:
        return self._path(entry).startswith("/.cozy_trash/")

    def _match(self, entry: _Entry, rev: str | None) -> None:
        if rev and rev != entry.rev:  # cozy-client-js sends an empty one
            raise FileError(412, "Precondition Failed", "the revision does not match")

    def _said(self, entry: _Entry) -> Json:
        written = datetime.fromtimestamp(entry.written_at, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        attributes: Json = {
            "updated_at": written,
            "name": entry.name,
            "path": self._path(entry) or "/",
            "dir_id": entry.parent,
        }
        if entry.content is None:
            attributes["type"] = "directory"
        else:
            attributes |= {
                "type": "file",
                "size": str(len(entry.content)),
                "md5sum": _md5(entry.content),
                "mime": entry.mime,
                "encrypted": entry.encrypted,
                "trashed": self._trashed(entry),
            }
        said: Json = {"type": "io.cozy.files", "id": entry.id, "meta": {"rev": entry.rev}, "attributes": attributes}
        return {"data": said}


def _md5(body: bytes) -> str:
    return base64.b64encode(hashlib.md5(body, usedforsecurity=False).digest()).decode()


def _checked(body: bytes, headers: dict[str, str]) -> bytes:
    if (said := headers.get("Content-MD5")) and said != _md5(body):
        raise FileError(412, "Precondition Failed", "Content-MD5 does not match")
    return body
