"""Sealed files in a Cozy, against the double: only the owner's key opens them, and after each put the right ones lie there."""

import gzip
import json
from collections.abc import Sequence
from dataclasses import replace

import pytest

from gateway.backup import load_age
from gateway.way import HELD_CHARACTERS_MAX, Form
from sync.files import MANIFEST, ONCE, period_of, read_manifest
from sync.model import Parcel, Piece, Put, Trouble, Why
from tests.cozy import Cozy
from tests.sync.owner import Owner, Step, cut_everywhere, day, day_after, midnight, target

AGE = load_age()
KEY = AGE.x25519.Identity.generate()
FOLDER = "/releve-01234567"
ENERGY = ("maison:EAST:0", "electricity", "Wh")


def days(number: int) -> list[Parcel]:
    at, found = midnight(2026, 9, 28), list[Parcel]()
    while len(found) < number:
        found.append(day(at, lambda at: str(at // 60), ENERGY))
        at = day_after(at)
    return found


async def put(address: str, owner: Owner, parcels: Sequence[Parcel]) -> list[Put]:
    async with target(address, owner, Form.SEALED, str(KEY.to_public())) as there:
        await there.open()
        return await there.put(parcels)


async def erase(address: str, owner: Owner, parcels: Sequence[Parcel]) -> None:
    async with target(address, owner, Form.SEALED, str(KEY.to_public())) as there:
        await there.open()
        await there.erase([Piece(one.period, one.start, one.end, "") for one in parcels])


def opened(cozy: Cozy) -> dict[str, object]:
    """What the manifests say is valid, opened; fails where anything else lies there that is a period's."""
    found, periods = dict[str, object](), set[str]()
    there = cozy.files.files()
    for path, content in there.items():
        folder, _, name = path.rpartition("/")
        if period_of(name):
            periods.add(path)
        if name == MANIFEST:
            valid = read_manifest(content)
            assert valid is not None
            for file in valid:
                sealed = there[f"{folder}/{file.name}"]
                packed = AGE.decrypt(sealed, [KEY])
                found[f"{folder}/{file.name}"] = json.loads(gzip.decompress(packed))
    assert periods == set(found)
    return {path.rpartition("/")[2].partition(".")[0]: document for path, document in found.items()}


def said(parcels: Sequence[Parcel]) -> dict[str, object]:
    return {parcel.period: json.loads(parcel.document()) for parcel in parcels}


async def test_only_the_owners_key_opens_what_lies_there(cozy: Cozy, address: str, owner: Owner) -> None:
    done = await put(address, owner, days(4))
    assert opened(cozy) == said(days(4))
    sealed = [path for path in cozy.files.files() if path.endswith(".age")]
    assert len(sealed) == 4
    assert all(cozy.files.encrypted(path) and b"EAST" not in cozy.files.files()[path] for path in sealed)
    assert {path.rpartition("/")[0] for path in sealed} == {f"{FOLDER}/2026-09", f"{FOLDER}/2026-10"}
    assert {f"{FOLDER}/{name}" for name in ONCE} < set(cozy.files.files())
    assert all(f"{FOLDER}/{one.held}" in sealed and len(one.held) <= HELD_CHARACTERS_MAX for one in done)


async def test_a_second_put_and_a_revision_leave_one_file_a_period_and_nothing_in_the_trash(
    cozy: Cozy, address: str, owner: Owner
) -> None:
    await put(address, owner, days(3))
    await put(address, owner, days(3))
    assert opened(cozy) == said(days(3))
    row = days(1)[0].series[0]
    better = replace(days(1)[0], revision=1, series=(replace(row, value=("7", *row.value[1:])),))
    await put(address, owner, [better])
    assert opened(cozy) == said([better, *days(3)[1:]])
    assert cozy.files.trashed() == []


async def test_a_month_with_more_files_than_a_page_of_a_listing_is_read_whole(
    cozy: Cozy, address: str, owner: Owner, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sync.cozy.folder.PAGE", 7)
    await put(address, owner, days(20))
    await put(address, owner, days(20)[5:])
    assert opened(cozy) == said(days(20))


async def test_erasing_leaves_nothing_not_even_in_the_trash(cozy: Cozy, address: str, owner: Owner) -> None:
    await put(address, owner, days(4))
    await erase(address, owner, days(4)[:2])
    assert opened(cozy) == said(days(4)[2:])
    await erase(address, owner, days(4)[2:])
    assert cozy.files.files() == {}
    assert cozy.files.trashed() == []


async def test_other_files_of_the_owner_are_left_alone(cozy: Cozy, address: str, owner: Owner) -> None:
    cozy.files.create("", {"Type": "file", "Name": "photo.jpg"}, b"cat", {}, full=False)
    await put(address, owner, days(1))
    await erase(address, owner, days(1))
    assert cozy.files.files() == {"/photo.jpg": b"cat"}


async def test_a_full_cozy_is_full_and_takes_the_rest_later(cozy: Cozy, address: str, owner: Owner) -> None:
    await put(address, owner, days(1))
    cozy.full = True
    with pytest.raises(Trouble) as caught:
        await put(address, owner, days(2))
    assert caught.value.why is Why.FULL
    assert opened(cozy) == said(days(1))
    cozy.full = False
    await put(address, owner, days(2))
    assert opened(cozy) == said(days(2))


async def test_wherever_the_line_is_cut_putting_and_erasing_end_alike(cozy: Cozy, address: str, owner: Owner) -> None:
    await put(address, owner, days(2))
    await cut_everywhere(
        cozy,
        Step(lambda: put(address, owner, days(3)), lambda: opened(cozy), said(days(3))),
        Step(lambda: erase(address, owner, days(3)), cozy.files.files, {}),
    )
    await erase(address, owner, days(3))
    assert not any(name.endswith(".age") for name in cozy.files.trashed())


async def test_its_own_revocation_ends_it(cozy: Cozy, address: str, owner: Owner) -> None:
    await put(address, owner, days(1))
    cozy.revoke()
    with pytest.raises(Trouble) as caught:
        await put(address, owner, days(1))
    assert caught.value.why is Why.ENDED
