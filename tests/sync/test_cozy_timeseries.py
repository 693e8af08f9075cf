"""Documents of our own in a Cozy, against the double: after each put it holds just the parcel, whatever happened on the way."""

import hashlib
import json
from collections.abc import Sequence
from dataclasses import replace

import pytest

from gateway.way import HELD_CHARACTERS_MAX, Form
from sync.cozy import documents
from sync.model import Parcel, Piece, Put, Trouble, Why
from tests.cozy import Cozy
from tests.cozy_documents import Doctype, Json
from tests.sync.owner import GRANT, Owner, day, day_after, midnight, target

DOCTYPE = "github.releve.timeseries"
SERIES = [("maison:EAST:0", "electricity", "Wh"), ("eau:volume:0", "water", "L")]


def index(at: int) -> str:
    return f"{at // 60}.5"


def days(number: int) -> list[Parcel]:
    """From 20 October 2025 on: the day of 25 hours is among them."""
    at, found = midnight(2025, 10, 20), list[Parcel]()
    while len(found) < number:
        found.append(day(at, index, *SERIES))
        at = day_after(at)
    return found


async def put(address: str, owner: Owner, parcels: Sequence[Parcel]) -> list[Put]:
    async with target(address, owner, Form.DOCUMENTS) as there:
        await there.open()
        return await there.put(parcels)


def lies_there(cozy: Cozy) -> dict[str, list[Json]]:
    return {document["period"]: document["series"] for document in cozy.documents(DOCTYPE)}


def said(parcels: Sequence[Parcel]) -> dict[str, list[Json]]:
    return {parcel.period: json.loads(json.dumps([one.body() for one in parcel.series])) for parcel in parcels}


async def test_a_parcel_is_one_document_with_all_that_was_granted(cozy: Cozy, address: str, owner: Owner) -> None:
    parcels = days(7)
    done = await put(address, owner, parcels)
    assert lies_there(cozy) == said(parcels)
    document = cozy.documents(DOCTYPE)[6]
    assert document["_id"] == f"{GRANT}-2025-10-26"
    assert (document["startDate"], document["endDate"]) == ("2025-10-25T22:00:00Z", "2025-10-26T23:00:00Z")
    assert len(document["series"][0]["at"]) == 51
    assert document["cozyMetadata"]["createdByApp"] == "releve"
    assert all(one.bytes > 1000 and len(one.sha256) == 64 and len(one.held) <= HELD_CHARACTERS_MAX for one in done)
    sent = {name: value for name, value in document.items() if name != "_rev"}
    assert done[6].sha256 == hashlib.sha256(documents.body_of(sent)).hexdigest()
    assert done[6].answer == "201 Created"


async def test_what_is_put_twice_lies_there_once_and_is_not_written_again(
    cozy: Cozy, address: str, owner: Owner
) -> None:
    first = await put(address, owner, days(3))
    revisions = [document["_rev"] for document in cozy.documents(DOCTYPE)]
    again = await put(address, owner, days(3))
    assert [document["_rev"] for document in cozy.documents(DOCTYPE)] == revisions
    assert [one.held for one in again] == [one.held for one in first]
    assert [one.bytes for one in again] != [0, 0, 0]


async def test_a_revision_takes_the_place_of_what_was_and_keeps_when_it_was_made(
    cozy: Cozy, address: str, owner: Owner
) -> None:
    (first,) = await put(address, owner, days(1))
    cozy.now += 3600
    (parcel,) = days(1)
    row = parcel.series[0]
    better = replace(parcel, revision=1, held=first.held, series=(replace(row, value=("7", *row.value[1:])),))
    await put(address, owner, [better])
    (document,) = cozy.documents(DOCTYPE)
    assert lies_there(cozy) == said([better])
    assert document["revision"] == 1
    assert document["cozyMetadata"]["createdAt"] < document["cozyMetadata"]["updatedAt"]


async def test_a_parcel_without_values_takes_away_what_lies_there(cozy: Cozy, address: str, owner: Owner) -> None:
    await put(address, owner, days(2))
    (one,) = await put(address, owner, [replace(days(1)[0], series=(), revision=1, held=DOCTYPE)])
    assert (one.held, one.bytes) == ("", 0)
    assert list(lies_there(cozy)) == ["2025-10-21"]
    await put(address, owner, days(1))
    assert lies_there(cozy) == said(days(2))


@pytest.mark.parametrize("documents_left", [0, 1, 4])
async def test_a_cozy_that_dies_in_a_batch_gets_the_rest_of_it(
    cozy: Cozy, address: str, owner: Owner, documents_left: int
) -> None:
    cozy.documents_left = documents_left
    with pytest.raises(Trouble) as caught:
        await put(address, owner, days(6))
    assert caught.value.why is Why.UNREACHABLE
    assert len(cozy.documents(DOCTYPE)) == documents_left
    cozy.documents_left = None
    await put(address, owner, days(6))
    assert lies_there(cozy) == said(days(6))


async def test_wherever_the_line_is_cut_the_second_try_ends_with_the_same_documents(
    cozy: Cozy, address: str, owner: Owner
) -> None:
    await put(address, owner, days(2))
    cut = 0
    while True:
        cozy.answers_left = cut
        try:
            await put(address, owner, days(5))
        except Trouble as error:
            assert error.why is Why.UNREACHABLE  # noqa: PT017 - the loop ends without one
        else:
            break
        cozy.answers_left = None
        await put(address, owner, days(5))
        assert lies_there(cozy) == said(days(5))
        for document in cozy.documents(DOCTYPE)[2:]:
            cozy.doctypes[DOCTYPE].save({**document, "_deleted": True})
        cut += 1
    assert cut == 2  # what is there, and the writing; after that it is there


async def test_somebody_else_in_between_is_read_and_written_over(
    cozy: Cozy, address: str, owner: Owner, monkeypatch: pytest.MonkeyPatch
) -> None:
    await put(address, owner, days(1))
    save, times = Doctype.save, iter(range(2))

    def meddled(self: Doctype, document: Json) -> tuple[str, str]:
        if next(times, None) is not None:
            save(self, {**self.get(document["_id"]), "series": []})
        return save(self, document)

    cozy.put(DOCTYPE, {**cozy.documents(DOCTYPE)[0], "series": []})
    monkeypatch.setattr(Doctype, "save", meddled)
    await put(address, owner, days(1))
    assert lies_there(cozy) == said(days(1))


async def test_somebody_who_never_stops_writing_is_waited_for(
    cozy: Cozy, address: str, owner: Owner, monkeypatch: pytest.MonkeyPatch
) -> None:
    await put(address, owner, days(1))
    save = Doctype.save

    def meddled(self: Doctype, document: Json) -> tuple[str, str]:
        save(self, {**self.get(document["_id"]), "series": []})
        return save(self, document)

    cozy.put(DOCTYPE, {**cozy.documents(DOCTYPE)[0], "series": []})
    monkeypatch.setattr(Doctype, "save", meddled)
    with pytest.raises(Trouble) as caught:
        await put(address, owner, days(1))
    assert caught.value.why is Why.BUSY
    assert caught.value.wait_s == documents.MANY_S


async def test_an_older_cozy_stack_that_makes_no_doctype_for_a_batch_gets_it_all_the_same(
    cozy: Cozy, address: str, owner: Owner
) -> None:
    cozy.bulk_makes = False
    await put(address, owner, days(3))
    assert lies_there(cozy) == said(days(3))


async def test_what_is_erased_is_gone_and_what_is_another_grants_stays(cozy: Cozy, address: str, owner: Owner) -> None:
    other = Owner(cozy, "f" * 16)
    await put(address, other, days(2))
    await put(address, owner, days(4))
    pieces = [
        Piece(one.period, one.start, one.end, held) for one, held in zip(days(4), ("", *[DOCTYPE] * 3), strict=True)
    ]
    async with target(address, owner, Form.DOCUMENTS) as there:
        await there.open()
        await there.erase(pieces)
        await there.erase(pieces)
    assert [document["grant"] for document in cozy.documents(DOCTYPE)] == [other.grant] * 2


async def test_erasing_where_nothing_was_ever_written_is_well(cozy: Cozy, address: str, owner: Owner) -> None:
    async with target(address, owner, Form.DOCUMENTS) as there:
        await there.open()
        await there.erase([Piece("2025-10-20", midnight(2025, 10, 20), midnight(2025, 10, 21), "")])
    assert cozy.doctypes.get(DOCTYPE, Doctype()).documents() == []
