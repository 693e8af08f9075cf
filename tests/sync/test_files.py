"""The order of writing: cut anywhere, repeated, and beside what is not ours, a folder holds what it should."""

import hashlib
import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from itertools import count

import pytest

from gateway.backup import load_age
from sync import files
from sync.files import MANIFEST, ONCE, Entry, Files, folder_of, manifest, period_of, read_manifest
from sync.model import Parcel, Piece, Put, Trouble, Why
from tests.parcels import day

AGE = load_age()
IDENTITY = AGE.x25519.Identity.generate()
RECIPIENT = str(IDENTITY.to_public())


class Cut(Exception):  # noqa: N818 - a kill, or a cable
    pass


@dataclass
class Disk:
    """A server's disk in memory. `left`: how many more calls it answers; what it is told then is done by half."""

    there: dict[str, bytes] = field(default_factory=dict)
    folders: dict[str, int] = field(default_factory=dict)
    left: int | None = None
    may_replace: bool = True
    calls: int = 0
    clock: Iterator[int] = field(default_factory=lambda: count(1))
    changed: dict[str, int] = field(default_factory=dict)

    def _step(self, half: Callable[[], object] = lambda: None) -> None:
        self.calls += 1
        if self.left is not None:
            if not self.left:
                half()
                raise Cut
            self.left -= 1

    def _write(self, path: str, content: bytes) -> None:
        folder = path.rpartition("/")[0]
        assert folder in self.folders
        self.there[path] = content
        self.changed[path] = next(self.clock)

    async def look(self, folder: str) -> dict[str, Entry] | None:
        self._step()
        if folder not in self.folders:
            return None
        start = f"{folder}/" if folder else ""
        found = {
            path.removeprefix(start): Entry(len(content), self.changed[path])
            for path, content in self.there.items()
            if path.rpartition("/")[0] == folder
        }
        inner = {path: Entry(None, 0, is_folder=True) for path in self.folders if path and not folder}
        return found | inner

    async def make(self, folder: str) -> bool:
        self._step()
        if folder and "" not in self.folders:
            return False
        self.folders.setdefault(folder, 0)
        return True

    async def read(self, path: str) -> bytes | None:
        self._step()
        return self.there.get(path)

    async def write(self, path: str, content: bytes) -> str:
        self._step(lambda: self._write(path, content[: len(content) // 2]))
        self._write(path, content)
        return "201 Created"

    async def replace(self, begun: str, path: str) -> bool:
        self._step()
        if self.may_replace:
            self._write(path, self.there.pop(begun))
        return self.may_replace

    async def remove(self, path: str) -> None:
        self._step()
        if path in self.folders:
            assert not [each for each in (*self.there, *self.folders) if each != path and each.startswith(path)]
            del self.folders[path]
        self.there.pop(path, None)


def valid(disk: Disk) -> dict[str, bytes]:
    """What a reader finds of each period; each file is what the manifest says."""
    found: dict[str, bytes] = {}
    for folder in disk.folders:
        said = read_manifest(disk.there.get(f"{folder}/{MANIFEST}", manifest([])))
        assert said is not None
        for file in said:
            content = disk.there[f"{folder}/{file.name}"]
            assert (len(content), hashlib.sha256(content).hexdigest()) == (file.bytes, file.sha256)
            assert folder == folder_of(file.period)
            found[file.period] = content
    return found


def ours(disk: Disk) -> list[str]:
    return [path for path in disk.there if period_of(path.rpartition("/")[2])]


def said(parcels: Sequence[Parcel]) -> dict[str, bytes]:
    return {each.period: each.document() for each in parcels if each.series}


OLD = [day(number) for number in range(29, 33)]  # over the end of a month
EMPTY = replace(day(30), revision=1, series=())
NEW = [day(29, revision=1), EMPTY, day(31, revision=1), day(33)]
AFTER = said([*OLD, *NEW]) | said(NEW)
del AFTER[EMPTY.period]


async def cut_after(calls: int, disk: Disk, parcels: Sequence[Parcel]) -> bool:
    disk.left = calls
    try:
        await Files(disk, ()).put(parcels)
    except Cut:
        return True
    finally:
        disk.left = None
    return False


async def test_cut_after_any_call_a_reader_finds_the_old_or_the_new_and_the_next_time_only_the_new() -> None:
    for calls in count():
        disk = Disk()
        await Files(disk, ()).put(OLD)
        cut = await cut_after(calls, disk, NEW)
        found = valid(disk)
        for period, content in found.items():
            assert content in (said(OLD).get(period), AFTER.get(period))
        assert set(said(OLD)) - set(found) <= {EMPTY.period}
        await Files(disk, ()).put(NEW)
        assert valid(disk) == AFTER
        assert len(ours(disk)) == len(AFTER)
        assert not [path for path in disk.there if path.endswith(".new")]
        if not cut:
            assert calls > 15
            return


async def test_cut_twice_and_followed_by_another_batch_nothing_is_doubled_or_lost() -> None:
    for calls in range(30):
        disk = Disk()
        await cut_after(calls, disk, OLD)
        await cut_after(calls // 2, disk, OLD)
        await Files(disk, ()).put([day(34)])
        await Files(disk, ()).put(OLD)
        assert valid(disk) == said([*OLD, day(34)])
        assert len(ours(disk)) == len(OLD) + 1


async def test_where_a_server_replaces_no_file_the_manifest_is_written_in_its_place() -> None:
    for calls in range(40):
        disk = Disk(may_replace=False)
        await Files(disk, ()).put(OLD)
        await cut_after(calls, disk, NEW)
        await Files(disk, ()).put(NEW)
        assert valid(disk) == AFTER
        assert len(ours(disk)) == len(AFTER)
        assert not [path for path in disk.there if path.endswith(".new")]


@pytest.mark.parametrize(
    "damage", [b"", b"{", b"[]", b'{"releve": 1}', b'{"releve": 2, "files": []}', b"[" * 50_000, b"\xff"]
)
async def test_a_manifest_that_cannot_be_read_is_made_anew_from_what_lies_there_whole(damage: bytes) -> None:
    disk = Disk()
    await Files(disk, ()).put(OLD)
    before = valid(disk)
    folder = folder_of(OLD[0].period)
    disk._write(f"{folder}/{MANIFEST}", damage)
    older = replace(OLD[0], revision=7, series=OLD[0].series[:1]).document()
    half = OLD[1].document()[:100]
    for period, content, whole in ((OLD[0].period, older, older), (OLD[1].period, half, OLD[1].document() + b" ")):
        name = f"{period}.{hashlib.sha256(whole).hexdigest()[:12]}.json"
        disk._write(f"{folder}/{name}", content)
        # The whole one was written before the one that is valid; the half one after it.
        disk.changed[f"{folder}/{name}"] = 0 if content == whole else 1_000_000
    await Files(disk, ()).put([day(28)])
    assert valid(disk) == before | said([day(28)])
    await Files(disk, ()).put([day(27)])
    assert valid(disk) == before | said([day(27), day(28)])
    assert len(ours(disk)) == len(before) + 2


async def test_a_page_in_the_place_of_a_manifest_removes_nothing() -> None:
    class Maintenance(Disk):
        async def read(self, path: str) -> bytes | None:
            return b"<html>Back soon</html>"

    disk = Maintenance()
    with pytest.raises(Trouble):
        await Files(disk, ()).put(OLD)
    lying = ours(disk)
    with pytest.raises(Trouble) as trouble:
        await Files(disk, ()).put(NEW)
    assert trouble.value.why is Why.ODD
    assert set(lying) <= set(ours(disk))


@pytest.mark.parametrize("reads", [1, 2, 3])
async def test_a_page_that_passes_costs_no_file(reads: int) -> None:
    class Maintenance(Disk):
        pages = 0

        async def read(self, path: str) -> bytes | None:
            content = await super().read(path)
            if self.pages:
                self.pages -= 1
                return b"<html>Back soon</html>"
            return content

    disk = Maintenance()
    await Files(disk, ()).put(OLD)
    before = valid(disk)
    disk.pages = reads
    with pytest.raises(Trouble) as trouble:
        await Files(disk, ()).put([day(28)])
    assert trouble.value.why is Why.ODD
    disk.pages = 0
    await Files(disk, ()).put([day(28)])
    assert valid(disk) == before | said([day(28)])


async def test_another_folders_manifest_is_not_taken_for_this_ones() -> None:
    disk = Disk()
    await Files(disk, ()).put(OLD)
    before = valid(disk)
    disk._write(f"2025-01/{MANIFEST}", disk.there[f"2025-02/{MANIFEST}"])
    await Files(disk, ()).put([day(28)])
    assert valid(disk) == before | said([day(28)])


def test_a_manifest_with_two_of_one_period_is_none() -> None:
    entries = [{"name": f"2025-11-03.{each * 12}.json", "bytes": 1, "sha256": each * 64} for each in ("a", "b")]
    assert read_manifest(json.dumps({"releve": 1, "files": entries[:1]}).encode()) is not None
    assert read_manifest(json.dumps({"releve": 1, "files": entries}).encode()) is None


@pytest.mark.parametrize("calls", range(30))
async def test_what_a_cut_call_left_is_erased(calls: int) -> None:
    disk = Disk()
    await cut_after(calls, disk, OLD)
    await Files(disk, ()).erase([Piece(each.period, each.start, each.end, "") for each in OLD])
    assert (disk.there, disk.folders) == ({}, {})


async def test_what_a_server_did_not_keep_whole_is_not_acknowledged() -> None:
    class Small(Disk):
        def _write(self, path: str, content: bytes) -> None:
            super()._write(path, content[:1000])

    disk = Small()
    with pytest.raises(Trouble) as trouble:
        await Files(disk, ()).put(OLD)
    assert trouble.value.why is Why.ODD
    assert "1000 bytes lies there" in trouble.value.detail
    assert valid(disk) == {}


async def test_a_folder_that_its_owner_removed_meanwhile_is_made_anew_with_all_that_belongs_in_it() -> None:
    disk = Disk()
    kept = Files(disk, ())
    await kept.put(OLD)
    disk.there.clear()
    disk.folders.clear()
    await kept.put([day(28)])
    assert valid(disk) == said([day(28)])
    assert set(ONCE) <= set(disk.there)


async def test_a_valid_file_is_not_written_once_more() -> None:
    disk = Disk()
    first = await Files(disk, ()).put(OLD)
    written = {path: disk.changed[path] for path in ours(disk)}
    again = await Files(disk, ()).put(OLD)
    assert {path: disk.changed[path] for path in ours(disk)} == written
    assert [replace(each, answer="") for each in again] == [replace(each, answer="") for each in first]
    assert {each.answer for each in again} == {files.THERE}
    disk._write(first[0].held, b"x" * first[0].bytes)
    await Files(disk, ()).put(OLD)
    assert valid(disk) == said(OLD)


async def test_a_sealed_folder_is_kept_by_a_box_that_cannot_read_it() -> None:
    disk = Disk()
    puts: list[Put] = []
    for _ in range(2):  # each time sealed anew, under another name
        puts = await Files(disk, (RECIPIENT,)).put(OLD)
        await Files(disk, (RECIPIENT,)).put([day(40)])
    assert set(valid(disk)) == {each.period for each in (*OLD, day(40))}
    assert len(ours(disk)) == len(OLD) + 1
    assert all(put.held in disk.there for put in puts)
    assert not [path for path, content in disk.there.items() if b"Camille" in content]


@pytest.mark.parametrize("calls", range(0, 30, 3))
async def test_erasing_cut_anywhere_and_repeated_leaves_only_what_is_not_ours(calls: int) -> None:
    disk = Disk()
    pieces = [
        Piece(each.period, each.start, each.end, put.held)
        for each, put in zip(OLD, await Files(disk, ()).put(OLD), strict=True)
    ]
    folder = folder_of(OLD[0].period)
    foreign = {f"{folder}/notes.txt": b"mine", f"{folder}/2025-01-30.json": b"mine", "index.html": b"mine"}
    for path, content in foreign.items():
        disk._write(path, content)
    disk.left = calls
    try:
        await Files(disk, ()).erase(pieces)
    except Cut:
        valid(disk)
    disk.left = None
    await Files(disk, ()).erase(pieces)
    assert disk.there == foreign
    assert set(disk.folders) == {"", folder}
    for path in foreign:
        del disk.there[path]
    await Files(disk, ()).erase(pieces)
    assert (disk.there, disk.folders) == ({}, {})
    await Files(disk, ()).erase(pieces)


@pytest.mark.parametrize("some", [1, 2, 3])
async def test_erasing_some_periods_keeps_the_others(some: int) -> None:
    disk = Disk()
    puts = await Files(disk, ()).put(OLD)
    pieces = [Piece(each.period, each.start, each.end, put.held) for each, put in zip(OLD, puts, strict=True)]
    await Files(disk, ()).erase(pieces[:some])
    assert valid(disk) == said(OLD[some:])
    assert set(ONCE) <= set(disk.there)


async def test_erased_a_piece_at_a_time_nothing_is_left_of_what_a_cut_call_began_either() -> None:
    disk = Disk()
    puts = await Files(disk, ()).put(OLD)
    await cut_after(5, disk, [day(60)])
    assert len(ours(disk)) == len(OLD) + 1
    for each, put in zip(OLD, puts, strict=True):
        await Files(disk, ()).erase([Piece(each.period, each.start, each.end, put.held)])
    assert (disk.there, disk.folders) == ({}, {})


async def test_of_two_of_one_period_in_a_batch_the_later_is_valid() -> None:
    disk = Disk()
    await Files(disk, ()).put([OLD[0], replace(OLD[0], revision=1, series=OLD[0].series[1:])])
    assert [json.loads(each)["revision"] for each in valid(disk).values()] == [1]
    assert len(ours(disk)) == 1


async def test_each_put_says_what_left() -> None:
    disk = Disk()
    put, nothing = await Files(disk, ()).put([OLD[0], EMPTY])
    content = OLD[0].document()
    assert put == Put(put.held, len(content), hashlib.sha256(content).hexdigest(), "201 Created")
    assert disk.there[put.held] == content
    assert put.held == f"2025-01/2025-01-30.{put.sha256[:12]}.json"
    assert (nothing.held, nothing.bytes, nothing.sha256) == ("", 0, hashlib.sha256(b"").hexdigest())


@pytest.mark.parametrize(
    ("period", "folder"),
    [("2025", "2025"), ("2025-11", "2025"), ("2025-11-03", "2025-11"), ("2025-11-03T14", "2025-11-03")],
)
def test_a_name_tells_only_the_period(period: str, folder: str) -> None:
    assert folder_of(period) == folder
    assert period_of(f"{period}.0123456789ab.json") == period_of(f"{period}.0123456789ab.json.gz.age") == period


@pytest.mark.parametrize(
    "name",
    [
        "2025-11-03.json",
        "2025-11-03.0123456789AB.json",
        "2025-11-03.0123456789ab.json.age",
        "2025-11-03.0123456789ab.json/..",
        "x2025-11-03.0123456789ab.json",
        "2025-11-03.0123456789ab.json\n",
        "manifest.json",
        "../2025-11-03.0123456789ab.json",
    ],
)
def test_a_name_of_somebody_else_is_not_taken_for_ours(name: str) -> None:
    assert period_of(name) is None
    entry = {"name": name, "bytes": 1, "sha256": "0123456789ab" + "0" * 52}
    assert read_manifest(json.dumps({"releve": 1, "files": [entry]}).encode()) is None


def test_every_name_fits_the_seam() -> None:
    from gateway.way import HELD_CHARACTERS_MAX

    longest = f"2025-11-03/2025-11-03T14.{'0' * 12}{files.SEALED}"
    assert len(longest) <= HELD_CHARACTERS_MAX


async def test_a_server_that_lists_half_of_a_folder_makes_nobody_delete_the_other_half(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    disk = Disk()
    await Files(disk, ()).put([day(1), day(2), day(3)])
    before, look = valid(disk), disk.look

    async def half(folder: str) -> dict[str, Entry] | None:
        found = await look(folder) or {}
        lists = [name for name in found if not name.startswith((day(1).period, day(2).period, MANIFEST))]
        return {name: found[name] for name in lists}

    with monkeypatch.context() as forgets:
        forgets.setattr(disk, "look", half)
        with pytest.raises(Trouble, match="not whole"):
            await Files(disk, ()).put([day(4)])
    done = await Files(disk, ()).put([day(5)])
    assert before.items() < valid(disk).items()
    assert valid(disk).keys() == before.keys() | {day(5).period}
    assert done[0].held in disk.there
