"""A WebDAV server (RFC 4918) as a place for files, with nothing asked of it that the small ones do not keep."""

import math
from collections.abc import Mapping
from datetime import UTC
from email.utils import parsedate_to_datetime
from urllib.parse import quote, unquote, urlsplit
from xml.parsers import expat

from sync.files import Entry
from sync.model import Trouble, Why
from sync.net import TOTAL_S_MAX, Answer, Net, of_status

ENTRIES_MAX = 20_000
WANTED = (
    b'<?xml version="1.0" encoding="utf-8"?><propfind xmlns="DAV:"><prop>'
    b"<resourcetype/><getcontentlength/><getlastmodified/></prop></propfind>"
)
RESPONSE, HREF, SIZE, CHANGED, COLLECTION = (
    f"DAV: {name}" for name in ("response", "href", "getcontentlength", "getlastmodified", "collection")
)


class Dav:
    """The folder `name` in the folder at `base`, an https address; see sync.files.Place."""

    def __init__(self, net: Net, base: str, login: Mapping[str, str], name: str, refused: Why = Why.REFUSED) -> None:
        """`login`: the headers that log in; `refused`: what a refused login means, once it was good."""
        self._net = net
        self._base = base.rstrip("/") + "/"
        self._login = login
        self._name = name
        self._refused = refused

    async def check(self) -> None:
        """Trouble where there is no WebDAV folder at `base` that this login opens."""
        answer = await self._ask("PROPFIND", self._base, {"Depth": "0"}, WANTED)
        if answer.status in (404, 405, 501):
            raise Trouble(Why.ODD, f"no WebDAV folder is at this address: {answer.line}")
        _listing(self._expect(answer, "PROPFIND", 207))

    async def look(self, folder: str) -> dict[str, Entry] | None:
        answer = await self._ask("PROPFIND", self._url(folder) + "/", {"Depth": "1"}, WANTED)
        if answer.status == 404:
            return None
        name = folder.rpartition("/")[2] or self._name
        return _children(_listing(self._expect(answer, f"PROPFIND {folder}", 207)), name)

    async def make(self, folder: str) -> bool:
        answer = await self._ask("MKCOL", self._url(folder) + "/")
        if answer.status in (404, 409):
            return False
        self._expect(answer, f"MKCOL {folder}", 201, 405)  # 405: it is there
        return True

    async def read(self, path: str) -> bytes | None:
        answer = await self._ask("GET", self._url(path))
        return None if answer.status == 404 else self._expect(answer, f"GET {path}", 200).body

    async def write(self, path: str, content: bytes) -> str:
        headers = {"Content-Type": "application/octet-stream"}
        return self._expect(
            await self._ask("PUT", self._url(path), headers, content), f"PUT {path}", 200, 201, 204
        ).line

    async def replace(self, begun: str, path: str) -> bool:
        # A server behind another that speaks TLS for it takes the address for one elsewhere: 502 (RFC 4918, 9.9.4).
        headers = {"Destination": self._url(path), "Overwrite": "T"}
        answer = await self._ask("MOVE", self._url(begun), headers)
        if answer.status in (400, 405, 409, 412, 501, 502):
            return False
        self._expect(answer, f"MOVE {begun}", 201, 204)
        return True

    async def remove(self, path: str) -> None:
        self._expect(await self._ask("DELETE", self._url(path)), f"DELETE {path}", 200, 204, 404)

    def _url(self, path: str) -> str:
        return self._base + quote(f"{self._name}/{path}".rstrip("/"))

    async def _ask(
        self, method: str, url: str, headers: dict[str, str] | None = None, data: bytes | None = None
    ) -> Answer:
        return await self._net.ask(
            method, url, headers={**self._login, **(headers or {})}, data=data, total_s=TOTAL_S_MAX
        )

    def _expect(self, answer: Answer, what: str, *right: int) -> Answer:
        if answer.status in right:
            return answer
        if answer.status == 401:
            raise Trouble(self._refused, f"{what}: {answer.line}")
        if answer.status == 423:
            raise Trouble(Why.BUSY, f"{what}: {answer.line}")
        raise of_status(answer, what)


class _Found:
    """One `response` of a listing, as it is read."""

    def __init__(self) -> None:
        self.href, self.size, self.changed, self.is_folder = "", "", "", False


def _listing(answer: Answer) -> list[_Found]:
    """What a 207 lists. Trouble for what is none; no entity or document type is read, so that none can grow."""
    found: list[_Found] = []
    path: list[str] = []
    text: list[str] = []

    def begin(name: str, _: dict[str, str]) -> None:
        if name == RESPONSE:
            if len(found) >= ENTRIES_MAX:
                raise Trouble(Why.ODD, f"more than {ENTRIES_MAX} entries in one folder")
            found.append(_Found())
        elif name == COLLECTION and found:
            found[-1].is_folder = True
        path.append(name)
        text.clear()

    def end(name: str) -> None:
        path.pop()
        said = "".join(text).strip()
        text.clear()
        if not said or not found:
            return
        if name == HREF and path[-1] == RESPONSE:
            found[-1].href = said
        elif name == SIZE:
            found[-1].size = said
        elif name == CHANGED:
            found[-1].changed = said

    def refuse(*_: object) -> None:
        raise Trouble(Why.ODD, "a document type in an answer, where WebDAV has none")

    parser = expat.ParserCreate(namespace_separator=" ")
    parser.StartElementHandler, parser.EndElementHandler = begin, end
    parser.CharacterDataHandler = text.append
    parser.StartDoctypeDeclHandler = refuse
    try:
        parser.Parse(answer.body, True)
    except expat.ExpatError as error:
        raise Trouble(Why.ODD, f"an answer that is no WebDAV: {expat.ErrorString(error.code)}") from None
    if not found:
        raise Trouble(Why.ODD, "an answer that is no WebDAV: nothing is listed")
    return found


def _children(listing: list[_Found], own: str) -> dict[str, Entry]:
    """What lies in a folder, by name; the folder itself, which is listed with it, is not."""
    # By the shortest path, not by the one that was asked for: a server behind another may know itself by another one.
    paths = {_path(each.href): each for each in listing}
    top = min(paths, key=len)
    if top.rpartition("/")[2] != own:
        raise Trouble(Why.ODD, "a listing of another folder than the one that was asked for")
    del paths[top]
    return {
        path.removeprefix(f"{top}/"): Entry(
            int(each.size) if each.size.isascii() and each.size.isdecimal() else None,
            _changed(each.changed),
            each.is_folder,
        )
        for path, each in paths.items()
    }


def _path(href: str) -> str:
    try:
        return unquote(urlsplit(href).path, errors="surrogateescape").rstrip("/")
    except ValueError:
        raise Trouble(Why.ODD, "a listing with an address that is none") from None


def _changed(said: str) -> float:
    try:
        at = parsedate_to_datetime(said)
    except ValueError:
        return -math.inf
    return (at if at.tzinfo else at.replace(tzinfo=UTC)).timestamp()
