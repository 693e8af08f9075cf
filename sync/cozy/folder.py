"""A folder among the files of a Cozy (cozy-stack, docs/files.md), as the place where sealed files lie."""

import base64
import hashlib
from collections.abc import AsyncIterator, Sequence
from datetime import datetime
from urllib.parse import quote, urlencode

from sync.cozy.device import JSON_API, Device, Json, read, trouble
from sync.files import NAME, SEALED, Entry, Files
from sync.model import Lies, Parcel, Piece, Put, Trouble, Why
from sync.net import Answer

# No narrower right can be asked for before the folder is there: this one opens all files of the Cozy (docs/permissions.md).
SCOPE = "io.cozy.files:GET,POST,PUT,DELETE"
ROOT = "io.cozy.files.root-dir"
TRASH = "io.cozy.files.trash-dir"
# A listing comes in pages; more of them than this is no folder of ours.
PAGE, PAGES_MAX = 100, 200


class Folder:
    """The folder `name` at the root; see sync.files.Place."""

    def __init__(self, device: Device, name: str) -> None:
        self._device = device
        self._name = name
        self._ids: dict[str, str] = {}  # of folders that were met

    async def look(self, folder: str) -> dict[str, Entry] | None:
        found = await self._at(folder)
        if found is None:
            return None
        entries: dict[str, Entry] = {}
        async for one in self._inside(_id(found), f"the folder {folder}"):
            name, entry = _entry(one, folder)
            entries[name] = entry
        return entries

    async def sweep(self) -> None:
        """Destroy what a call that was cut left of ours in the trash: sealed files, by their names."""
        ours = [
            one async for one in self._inside(TRASH, "the trash") if NAME.fullmatch(str(_attributes(one).get("name")))
        ]
        for one in ours:
            await self._destroy(_id(one), "the trash")

    async def _inside(self, id_: str, what: str) -> AsyncIterator[Json]:
        path = f"/files/{id_}?{urlencode({'page[limit]': PAGE})}"
        for _ in range(PAGES_MAX):
            answer = await self._ask("GET", path, what)
            said = read(self._expect(answer, what, 200), what)
            for one in said.get("included") or []:
                yield _data({"data": one}, what)
            path = (said.get("links") or {}).get("next", "")
            if not path:
                return
            if not path.startswith("/files/"):
                raise Trouble(Why.ODD, f"{what}: its next page is elsewhere")
        raise Trouble(Why.ODD, f"{what}: more than {PAGE * PAGES_MAX} files")

    async def make(self, folder: str) -> bool:
        above, _, name = folder.rpartition("/")
        parent = ROOT if not folder else await self._folder(above)
        if parent is None:
            return False
        asked = urlencode({"Type": "directory", "Name": name or self._name}, quote_via=quote)
        answer = await self._ask("POST", f"/files/{parent}?{asked}", f"the folder {folder}")
        if answer.status == 404:
            self._ids.clear()
            return False
        self._expect(answer, f"the folder {folder}", 201, 409)  # 409: it is there
        return True

    async def read(self, path: str) -> bytes | None:
        found = await self._at(path)
        if found is None:
            return None
        answer = await self._ask("GET", f"/files/download/{_id(found)}", path)
        return None if answer.status == 404 else self._expect(answer, path, 200).body

    async def write(self, path: str, content: bytes) -> str:
        folder, _, name = path.rpartition("/")
        parent = await self._folder(folder)
        if parent is None:
            raise Trouble(Why.ODD, f"{path}: its folder is gone")
        asked = {"Type": "file", "Name": name, "Size": str(len(content))}
        if name.endswith(SEALED):
            asked["Encrypted"] = "true"
        answer = await self._send("POST", f"/files/{parent}?{urlencode(asked, quote_via=quote)}", path, content)
        if answer.status == 404:
            self._ids.clear()
        if answer.status == 409:  # it is there: the same, from a call that was cut, or an older one
            found = await self._at(path)
            if found is None:
                raise Trouble(Why.BUSY, f"{path}: somebody else writes it")
            if _attributes(found).get("md5sum") == _md5(content):
                return "200 OK"
            answer = await self._send("PUT", f"/files/{_id(found)}?Size={len(content)}", path, content)
        self._expect(answer, path, 200, 201)
        if _attributes(_data(read(answer, path), path)).get("md5sum") != _md5(content):
            raise Trouble(Why.ODD, f"{path}: the Cozy has another file than was sent")
        return answer.line

    async def replace(self, begun: str, path: str) -> bool:
        """Never: `write` changes a file at once, once all of it is there."""
        return False

    async def remove(self, path: str) -> None:
        """Out of the trash, too."""
        found = await self._at(path)
        if found is not None:
            self._expect(await self._ask("DELETE", f"/files/{_id(found)}", path), path, 200, 204, 404)
            await self._destroy(_id(found), path)
            self._ids.clear()

    async def _destroy(self, id_: str, what: str) -> None:
        self._expect(await self._ask("DELETE", f"/files/trash/{id_}", what), what, 200, 204, 404)

    async def _folder(self, folder: str) -> str | None:
        if folder not in self._ids:
            found = await self._at(folder)
            if found is None:
                return None
            self._ids[folder] = _id(found)
        return self._ids[folder]

    async def _at(self, path: str) -> Json | None:
        whole = f"/{self._name}/{path}".rstrip("/")
        answer = await self._ask("GET", f"/files/metadata?{urlencode({'Path': whole}, quote_via=quote)}", path)
        if answer.status == 404:
            return None
        return _data(read(self._expect(answer, path, 200), path), path)

    async def _send(self, method: str, path: str, what: str, content: bytes) -> Answer:
        headers = {"Content_Type": "application/octet-stream", "Content_MD5": _md5(content)}
        return await self._device.ask(method, path, what, content, Accept=JSON_API, **headers)

    async def _ask(self, method: str, path: str, what: str) -> Answer:
        return await self._device.ask(method, path, what, Accept=JSON_API)

    def _expect(self, answer: Answer, what: str, *right: int) -> Answer:
        if answer.status not in right:
            raise trouble(answer, what)
        return answer


class FolderFiles:
    """What `put` and `erase` of a target are, in this form."""

    def __init__(self, folder: Folder, sealed_for: Sequence[str]) -> None:
        self._folder = folder
        self._files = Files(folder, sealed_for)

    async def put(self, parcels: Sequence[Parcel]) -> list[Put]:
        return await self._files.put(parcels)

    async def look(self) -> Lies | None:
        return await self._files.look()

    async def erase(self, pieces: Sequence[Piece]) -> None:
        await self._files.erase(pieces)
        await self._folder.sweep()


def _md5(content: bytes) -> str:
    """What a Cozy names its files' content by; no proof of anything."""
    return base64.b64encode(hashlib.md5(content, usedforsecurity=False).digest()).decode()


def _data(said: Json, what: str) -> Json:
    data = said.get("data")
    if not isinstance(data, dict) or not isinstance(data.get("id"), str) or not _is_plain(data["id"]):
        raise Trouble(Why.ODD, f"{what}: an answer that is no file")
    return data


def _is_plain(id_: str) -> bool:
    return bool(id_) and all(letter.isalnum() or letter in "-._" for letter in id_)


def _id(data: Json) -> str:
    return str(data["id"])


def _attributes(data: Json) -> Json:
    found = data.get("attributes")
    return found if isinstance(found, dict) else {}


def _entry(one: Json, folder: str) -> tuple[str, Entry]:
    try:
        said = _attributes(one)
        is_folder = said["type"] == "directory"
        size = None if is_folder else int(said["size"])
        return str(said["name"]), Entry(size, datetime.fromisoformat(said["updated_at"]).timestamp(), is_folder)
    except (KeyError, TypeError, ValueError):
        raise Trouble(Why.ODD, f"the folder {folder}: a listing that is none") from None
