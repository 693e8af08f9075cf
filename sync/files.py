"""Readings as files: their names, and the order of writing in which a kill, a repeated call or a cut line loses and doubles nothing.

A file is never changed: a revision is another one, named by what is in it. Which one is valid of each period says the folder's
manifest, which is written last and replaced whole. Nothing here needs a precondition (If-Match) of the server.
"""

import asyncio
import hashlib
import importlib.resources
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Any, Protocol

from sync.model import Lies, Parcel, Piece, Put, Thing, Trouble, Why
from sync.seal import seal

PLAIN, SEALED = ".json", ".json.gz.age"
MANIFEST, BEGUN = "manifest.json", "manifest.new"
THERE = "it lay there already"  # a call before was cut after it was written
# What lies in each grant's folder from its first file on; as it is in sync/folder.
ONCE = ("LISEZ-MOI.html", "releve_csv.py")
FOLDER = re.compile(r"\d{4}(?:-\d\d(?:-\d\d)?)?")
NAME = re.compile(r"(?P<period>\d{4}(?:-\d\d(?:-\d\d(?:T\d\d)?)?)?)\.(?P<hash>[0-9a-f]{12})(?:\.json|\.json\.gz\.age)")
HASH = re.compile("[0-9a-f]{64}")
HASH_CHARACTERS = 12
# Looked into when it is asked what lies there, two requests each: the days of twelve years, or the hours of five months.
FOLDERS_MAX = 150


@dataclass(frozen=True, slots=True)
class Entry:
    """One thing in a folder, as the server lists it: `changed` orders the server's own changes, and is no time of ours."""

    bytes: int | None
    changed: float
    is_folder: bool = False


class Place(Protocol):
    """Where files lie. Paths are relative to the grant's own folder: `2026-11/manifest.json`, `2026-11`, and `` for itself."""

    async def look(self, folder: str) -> dict[str, Entry] | None:
        """What lies in a folder, by name; None where there is none."""

    async def make(self, folder: str) -> bool:
        """Have this folder; False where the one above is missing."""

    async def read(self, path: str) -> bytes | None: ...

    async def write(self, path: str, content: bytes) -> str:
        """The answer in one line."""

    async def replace(self, begun: str, path: str) -> bool:
        """Put one file in the place of another, so that a reader meets one of the two; False where the server does not."""

    async def remove(self, path: str) -> None:
        """A file, or a folder with all that is in it; gone already is well."""


@dataclass(frozen=True, slots=True)
class File:
    """One that is valid, as the manifest says it."""

    name: str
    bytes: int
    sha256: str

    @property
    def period(self) -> str:
        return period_of(self.name) or ""


def folder_of(period: str) -> str:
    """Hours lie in a folder a day, days in one a month, months and years in one a year: a listing stays short."""
    return period[: max(len("2026"), len(period) - len("-11"))]


def period_of(name: str) -> str | None:
    """The period that a file's name says; None where the name is none of ours."""
    found = NAME.fullmatch(name)
    return found["period"] if found else None


class Files:
    """The files of one grant, at their place: what `put` and `erase` of a target are, where it keeps files."""

    def __init__(self, place: Place, sealed_for: Sequence[str]) -> None:
        """`sealed_for`: whose files they are to open (age recipients); nobody's: they are readable."""
        self._place = place
        self._sealed_for = tuple(sealed_for)
        self._has_once = False

    async def put(self, parcels: Sequence[Parcel]) -> list[Put]:
        """As sync.model.Target."""
        done: list[Put] = []
        for folder, together in groupby(parcels, lambda parcel: folder_of(parcel.period)):
            done += await self._put(folder, list(together))
        return done

    async def look(self) -> Lies | None:
        """As sync.model.Target: what manifests name and listings show. None where that would be too many folders to look into."""
        top = await self._place.look("") or {}
        folders = [name for name, entry in top.items() if entry.is_folder and FOLDER.fullmatch(name)]
        if len(folders) > FOLDERS_MAX:
            return None
        files: list[File] = []
        for folder in folders:
            found = await self._place.look(folder) or {}
            said = read_manifest(await self._read(folder, MANIFEST, found)) if MANIFEST in found else None
            files += [file for file in said or () if file.name in found and found[file.name].bytes == file.bytes]
        return Lies(Thing.FILES, len(files), len(files), sum(file.bytes for file in files))

    async def erase(self, pieces: Sequence[Piece]) -> None:
        """As sync.model.Target. With the last of them goes what a killed call left in a folder that never got its manifest."""
        top = await self._place.look("")
        if top is None:
            return
        gone: dict[str, dict[str, None]] = {}
        for piece in pieces:
            gone.setdefault(folder_of(piece.period), {})[piece.period] = None
        folders = [name for name, entry in top.items() if entry.is_folder and FOLDER.fullmatch(name)]
        left = False
        for folder in filter(gone.__contains__, folders):
            left |= await self._change(folder, await self._place.look(folder) or {}, gone[folder])
        for folder in folders:
            if left:
                break
            if folder not in gone:
                found = await self._place.look(folder) or {}
                left = MANIFEST in found
                if not left:
                    await self._change(folder, found, dict.fromkeys(filter(None, map(period_of, found))))
        if not left:
            for name in ONCE:
                if name in top:
                    await self._place.remove(name)
            await self._remove_if_empty("")

    async def _put(self, folder: str, parcels: Sequence[Parcel]) -> list[Put]:
        before = await self._place.look(folder)
        if before is None:
            before = {}
            if not await self._place.make(folder):
                self._has_once = False
                if not (await self._place.make("") and await self._place.make(folder)):
                    raise Trouble(Why.ODD, f"{folder}: no folder can be made there")
        await self._write_once()
        done: list[Put] = []
        now: dict[str, File | None] = {}
        for parcel in parcels:
            if not parcel.series:
                now[parcel.period] = None
                done.append(Put("", 0, hashlib.sha256().hexdigest(), "-"))
                continue
            content, ending = parcel.document(), PLAIN
            if self._sealed_for:
                content, ending = await asyncio.to_thread(seal, content, self._sealed_for), SEALED
            sha256 = hashlib.sha256(content).hexdigest()
            file = File(f"{parcel.period}.{sha256[:HASH_CHARACTERS]}{ending}", len(content), sha256)
            assert period_of(file.name) == parcel.period
            path = f"{folder}/{file.name}"
            lies = before.get(file.name)
            # One that is valid must not be cut short by writing it once more.
            if lies is not None and lies.bytes == file.bytes and await self._place.read(path) == content:
                answer = THERE
            else:
                answer = await self._place.write(path, content)
            done.append(Put(path, file.bytes, sha256, answer))
            now[parcel.period] = file
        found = await self._place.look(folder) or {}
        for written in filter(None, now.values()):
            there = found.get(written.name)
            if there is None or there.bytes != written.bytes:
                size = "nothing" if there is None else f"{there.bytes} bytes"
                raise Trouble(
                    Why.ODD, f"{folder}/{written.name}: {written.bytes} bytes were sent, and {size} lies there"
                )
        await self._change(folder, found, now)
        return done

    async def _write_once(self) -> None:
        if self._has_once:
            return
        top = await self._place.look("") or {}
        for name in ONCE:
            content = (importlib.resources.files("sync") / "folder" / name).read_bytes()
            if name not in top or top[name].bytes != len(content):
                await self._place.write(name, content)
        self._has_once = True

    async def _change(self, folder: str, found: Mapping[str, Entry], now: Mapping[str, File | None]) -> bool:
        """The manifest, with these for what it said of their periods; then what is in none goes. Whether anything stays.

        `found` is the folder after the files of `now` were written.
        """
        stood = await self._stood(folder, found, now)
        stands = {
            file.period: file for file in (*stood, *filter(None, now.values())) if now.get(file.period, file) is file
        }
        if stands:
            await self._write_manifest(folder, sorted(stands.values(), key=lambda file: file.name))
        elif MANIFEST in found:
            await self._place.remove(f"{folder}/{MANIFEST}")
        valid = {file.name for file in stands.values()}
        for name in found:
            if name not in valid and (period_of(name) is not None or (name == BEGUN and not stands)):
                await self._place.remove(f"{folder}/{name}")
        if not stands:
            await self._remove_if_empty(folder)
        return bool(stands)

    async def _stood(self, folder: str, found: Mapping[str, Entry], now: Mapping[str, File | None]) -> list[File]:
        """What the folder's manifest says is valid; where there is none that can be read, what lies there whole."""
        if MANIFEST in found:
            said = read_manifest(await self._read(folder, MANIFEST, found))
            if said is not None and all(folder_of(file.period) == folder for file in said):
                return said
        elif await self._place.read(f"{folder}/{MANIFEST}") is not None:  # made anew, it would name half of the files
            raise Trouble(Why.ODD, f"{folder}: the listing is not whole: {MANIFEST} lies there, and is not in it")
        whole: dict[str, tuple[float, File]] = {}
        for name, entry in found.items():
            period = period_of(name)
            if period is None or period in now:
                continue
            content = await self._read(folder, name, found)
            file = File(name, len(content), hashlib.sha256(content).hexdigest())
            # Of two that are whole the one that was written later is the later revision, by the same server's clock.
            if f".{file.sha256[:HASH_CHARACTERS]}." in name and entry.changed >= whole.get(period, (0.0, file))[0]:
                whole[period] = entry.changed, file
        return [file for _, file in whole.values()]

    async def _read(self, folder: str, name: str, found: Mapping[str, Entry]) -> bytes:
        """A file, of the size that the server lists: a page that says "later" must not pass for a damaged file."""
        content = await self._place.read(f"{folder}/{name}")
        if content is None or len(content) != found[name].bytes:
            got = "nothing" if content is None else f"{len(content)} bytes"
            raise Trouble(Why.ODD, f"{folder}/{name}: {found[name].bytes} bytes are listed, and {got} came")
        return content

    async def _write_manifest(self, folder: str, files: Sequence[File]) -> None:
        content = manifest(files)
        begun, path = f"{folder}/{BEGUN}", f"{folder}/{MANIFEST}"
        await self._place.write(begun, content)
        if not await self._place.replace(begun, path):
            await self._place.write(path, content)
            await self._place.remove(begun)
        if await self._place.read(path) != content:
            raise Trouble(Why.ODD, f"{path}: what lies there is not what was written")

    async def _remove_if_empty(self, folder: str) -> None:
        if await self._place.look(folder) == {}:
            await self._place.remove(folder)


def manifest(files: Sequence[File]) -> bytes:
    """Which files of its folder are valid. Never sealed: it says no more than the folder's listing does."""
    said = [{"name": file.name, "bytes": file.bytes, "sha256": file.sha256} for file in files]
    return json.dumps({"releve": 1, "files": said}, indent=1).encode() + b"\n"


def read_manifest(content: bytes) -> list[File] | None:
    """None for what is no manifest of ours, or not a whole one."""
    try:
        said: Any = json.loads(content)
        files = [_file(each) for each in said["files"]]
        ours = said["releve"] == 1
    except (ValueError, KeyError, TypeError, RecursionError):
        return None
    return files if ours and len({file.period for file in files}) == len(files) else None


def _file(said: Any) -> File:
    name, size, sha256 = said["name"], said["bytes"], said["sha256"]
    found = NAME.fullmatch(name)
    if not (found and isinstance(size, int) and HASH.fullmatch(sha256) and sha256.startswith(found["hash"])):
        raise ValueError(name)
    return File(name, size, sha256)
