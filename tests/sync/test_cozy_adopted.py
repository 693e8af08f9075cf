"""The box's figure in the place of a konnector's, where the grant says so: once, in place, and given back when it is erased."""

import random
from collections.abc import Sequence
from dataclasses import replace

import pytest

from gateway.way import Form, Kind, Way
from sync.cozy.documents import Doctypes
from sync.model import Lies, Parcel, Put, Thing, Trouble, Why
from tests.cozy import Cozy
from tests.cozy_documents import Json
from tests.sync.owner import Owner, Step, cut_everywhere, day, midnight, target
from tests.sync.test_cozy_ecolyo import ALL, MINUTES, add_up, days, index, konnector, loads, pieces

DAYS, MONTHS, YEARS = (f"com.grandlyon.enedis.{kind}" for kind in ("day", "month", "year"))
LATER = midnight(2026, 11, 20)
OURS = 0.487  # of a day of September 2026, by `index`


@pytest.fixture(autouse=True)
def later(cozy: Cozy) -> None:
    """What lies there is older than what a konnector that lives would leave."""
    cozy.now = LATER


async def put(address: str, owner: Owner, parcels: Sequence[Parcel], *, adopt: bool = True) -> list[Put]:
    async with target(address, owner, Form.ECOLYO, adopt=adopt) as there:
        await there.open()
        return await there.put(parcels)


async def erase(address: str, owner: Owner, parcels: Sequence[Parcel], *, adopt: bool = True) -> None:
    async with target(address, owner, Form.ECOLYO, adopt=adopt) as there:
        await there.open()
        await there.erase(pieces(parcels))


def bare(cozy: Cozy) -> dict[str, list[Json]]:
    """All documents, without their revisions."""
    return {
        doctype: [{name: value for name, value in one.items() if name != "_rev"} for one in cozy.documents(doctype)]
        for doctype in ALL
    }


def written(day: int, **more: object) -> Json:
    (document,) = konnector(day)
    return {**document, **more}


def month(load: float, number: int = 9, year: int = 2026) -> Json:
    return {"load": load, "year": year, "month": number, "day": 0, "hour": 0, "minute": 0}


async def test_ours_takes_the_place_in_the_konnectors_own_document_which_keeps_all_else(
    cozy: Cozy, address: str, owner: Owner
) -> None:
    cozy.put(DAYS, written(3, price=1.75, cozyMetadata={"createdByApp": "enedis"}), written(9))
    cozy.put(MINUTES, {"load": 1.5, "year": 2026, "month": 9, "day": 3, "hour": 12, "minute": 30})
    third, ninth = cozy.documents(DAYS) if cozy.documents(DAYS)[0]["day"] == 3 else cozy.documents(DAYS)[::-1]
    done = await put(address, owner, days(midnight(2026, 9, 3), 2))
    there = {one["day"]: one for one in cozy.documents(DAYS)}
    assert loads(cozy, DAYS) == {"2026-09-03 00:00": OURS, "2026-09-04 00:00": OURS, "2026-09-09 00:00": 9.5}
    assert there[3]["_id"] == third["_id"]
    assert there[3]["_rev"].startswith("2-")
    assert (there[3]["price"], there[3]["cozyMetadata"]) == (1.75, {"createdByApp": "enedis"})
    assert there[3]["releve"]["before"] == 9.5
    assert there[9] == ninth
    assert len(loads(cozy, MINUTES)) == 96
    assert loads(cozy, MINUTES)["2026-09-03 12:30"] == 0.01
    add_up(cozy, "enedis", 1)
    assert [one.answer.partition("; ")[2] for one in done] == ["2 in the place of what another wrote", ""]
    async with target(address, owner, Form.ECOLYO, adopt=True) as again:
        assert await again.look() == Lies(Thing.DAYS, 2)


async def test_where_the_grant_does_not_say_so_a_konnectors_document_is_left(
    cozy: Cozy, address: str, owner: Owner
) -> None:
    cozy.put(DAYS, written(3))
    before = cozy.documents(DAYS)
    await put(address, owner, days(midnight(2026, 9, 3), 1), adopt=False)
    assert cozy.documents(DAYS) == before


@pytest.mark.parametrize("seed", range(8))
async def test_what_was_put_in_place_is_given_back_to_the_letter(
    cozy: Cozy, address: str, owner: Owner, seed: int
) -> None:
    chance = random.Random(seed)
    cozy.put(DAYS, *(written(one, price=chance.random()) for one in chance.sample(range(1, 31), seed * 4)))
    if seed % 2:
        cozy.put(MONTHS, month(99), month(5.5, 8))
        cozy.put(YEARS, {**month(1234), "month": 0})
    slots = [
        {
            "load": chance.randrange(9),
            "year": 2026,
            "month": 9,
            "day": chance.randrange(1, 15),
            "hour": hour,
            "minute": 30,
        }
        for hour in range(seed)
    ]
    cozy.put(MINUTES, *slots)
    before = bare(cozy)
    parcels = days(midnight(2026, 9, 1), 30)
    some = chance.sample(parcels, 15)
    await put(address, owner, parcels)
    assert set(loads(cozy, DAYS).values()) == {OURS}
    (september,) = [one["load"] for one in cozy.documents(MONTHS) if one["month"] == 9]
    assert september == pytest.approx(30 * OURS)
    assert len(cozy.documents(MONTHS)) == 1 + seed % 2
    await erase(address, owner, some)
    await erase(address, owner, parcels)
    assert bare(cozy) == before


async def test_a_konnectors_month_is_replaced_once_all_its_days_lie_there_and_a_year_with_all_its_months(
    cozy: Cozy, address: str, owner: Owner
) -> None:
    cozy.put(MONTHS, *(month(30.0, number, 2025) for number in range(1, 13)))
    cozy.put(YEARS, {**month(360.0, 0, 2025), "day": 0})
    parcels = days(midnight(2025, 9, 1), 30)
    await put(address, owner, parcels[:29])
    assert loads(cozy, MONTHS)["2025-09-00 00:00"] == 30  # a sum of 29 days would say less than it does
    assert list(loads(cozy, YEARS).values()) == [360]
    await put(address, owner, parcels[29:])
    whole = loads(cozy, MONTHS)["2025-09-00 00:00"]
    assert whole == pytest.approx(sum(loads(cozy, DAYS).values()))
    assert list(loads(cozy, YEARS).values()) == [pytest.approx(11 * 30 + whole)]
    hidden = replace(parcels[4], series=(), revision=1)
    await put(address, owner, [hidden])
    assert loads(cozy, MONTHS)["2025-09-00 00:00"] == 30
    assert list(loads(cozy, YEARS).values()) == [360]


async def test_where_a_konnector_lives_nothing_is_put_in_its_place(cozy: Cozy, address: str, owner: Owner) -> None:
    cozy.now = midnight(2026, 9, 20)
    cozy.put(DAYS, *konnector(3, 18))
    before = cozy.documents(DAYS)
    (done,) = await put(address, owner, days(midnight(2026, 9, 3), 1))
    assert cozy.documents(DAYS) == before
    assert done.answer.endswith("another writes electricity")


async def test_a_day_that_is_no_longer_known_is_the_konnectors_again(cozy: Cozy, address: str, owner: Owner) -> None:
    cozy.put(DAYS, *konnector(3, 4))
    before = bare(cozy)[DAYS]
    parcels = days(midnight(2026, 9, 3), 2)
    await put(address, owner, parcels)
    end = parcels[0].end
    gap = days(midnight(2026, 9, 3), 2, lambda at: None if at == end else index(at))
    await put(address, owner, [replace(one, revision=1) for one in gap])
    assert bare(cozy)[DAYS] == before
    assert cozy.documents(MONTHS) == []


async def test_what_a_konnector_wrote_over_ours_is_its_own_and_stays_when_ours_is_erased(
    cozy: Cozy, address: str, owner: Owner
) -> None:
    cozy.put(DAYS, *konnector(3))
    parcels = days(midnight(2026, 9, 3), 1)
    await put(address, owner, parcels)
    (held,) = cozy.documents(DAYS)
    cozy.put(DAYS, {**held, "load": 7.25})
    await erase(address, owner, parcels)
    (held,) = cozy.documents(DAYS)
    assert (held["load"], "releve" in held, "grant" in held) == (7.25, False, False)
    await put(address, owner, parcels)
    await erase(address, owner, parcels)
    assert [one["load"] for one in cozy.documents(DAYS)] == [7.25]


async def test_who_changes_a_document_meanwhile_is_right_and_it_is_looked_at_anew(
    cozy: Cozy, address: str, owner: Owner, monkeypatch: pytest.MonkeyPatch
) -> None:
    cozy.put(DAYS, *konnector(3))
    write = Doctypes.write
    came: list[Json] = []

    async def meanwhile(self: Doctypes, doctype: str, *rest: object, **more: object) -> object:
        if doctype == DAYS and "tries" in more and not came:
            (held,) = cozy.documents(DAYS)
            cozy.put(DAYS, {**held, "load": 8.0, "new": True})
            came.append(held)
        return await write(self, doctype, *rest, **more)  # type: ignore[arg-type]  # handed on as it came

    monkeypatch.setattr(Doctypes, "write", meanwhile)
    parcels = days(midnight(2026, 9, 3), 1)
    with pytest.raises(Trouble) as caught:
        await put(address, owner, parcels)
    assert caught.value.why is Why.BUSY
    assert [(one["load"], one["new"]) for one in cozy.documents(DAYS)] == [(8.0, True)]
    await put(address, owner, parcels)
    (held,) = cozy.documents(DAYS)
    assert (held["load"], held["new"], held["releve"]["before"]) == (OURS, True, 8.0)


async def test_a_grant_that_follows_takes_over_and_what_stood_first_comes_back_at_last(
    cozy: Cozy, address: str, owner: Owner
) -> None:
    cozy.put(DAYS, *konnector(3))
    before = bare(cozy)
    parcels = days(midnight(2026, 9, 3), 1)
    await put(address, owner, parcels)
    lying = cozy.documents(DAYS)
    beside = Owner(cozy, "e" * 16)
    await put(address, beside, parcels, adopt=False)
    assert cozy.documents(DAYS) == lying
    later = Owner(cozy, "f" * 16)
    await put(address, later, parcels)
    await erase(address, owner, parcels)
    await erase(address, beside, parcels, adopt=False)
    assert loads(cozy, DAYS) == {"2026-09-03 00:00": OURS}
    await erase(address, later, parcels)
    assert bare(cozy) == before


async def test_of_two_documents_of_one_time_none_is_replaced_and_a_second_one_gives_the_first_back(
    cozy: Cozy, address: str, owner: Owner
) -> None:
    slot = {"year": 2025, "month": 10, "day": 26, "hour": 2, "minute": 0}
    cozy.put(MINUTES, {"load": 0.3, **slot}, {"load": 0.4, **slot})
    before = bare(cozy)[MINUTES]
    (done,) = await put(address, owner, days(midnight(2025, 10, 26), 1))
    assert [one for one in bare(cozy)[MINUTES] if "releve" not in one and "grant" not in one] == before
    assert len(cozy.documents(MINUTES)) == 47 + 2
    assert done.answer.endswith("1 left as another wrote them")
    cozy.put(DAYS, *konnector(3))
    parcels = days(midnight(2026, 9, 3), 1)
    await put(address, owner, parcels)
    cozy.put(DAYS, *konnector(3, load=8.0))
    await put(address, owner, parcels)
    assert sorted(one["load"] for one in cozy.documents(DAYS) if one["year"] == 2026) == [8.0, 9.5]


async def test_another_meter_that_the_box_sent_before_is_no_konnector(cozy: Cozy, address: str, owner: Owner) -> None:
    garage = [day(midnight(2026, 9, 3), index, ("garage:EAST:0", "electricity", "Wh"))]
    await put(address, Owner(cozy, "f" * 16), garage)
    before = cozy.documents(DAYS)
    await put(address, owner, days(midnight(2026, 9, 3), 1, lambda at: str(at // 90)))
    assert cozy.documents(DAYS) == before


async def test_wherever_the_line_is_cut_putting_in_place_and_giving_back_end_alike(
    cozy: Cozy, address: str, owner: Owner
) -> None:
    cozy.put(DAYS, *konnector(*range(1, 31)))
    cozy.put(MINUTES, {"load": 1.5, "year": 2026, "month": 9, "day": 3, "hour": 12, "minute": 30})
    cozy.put(MONTHS, month(285.0))
    nothing = bare(cozy)
    parcels = days(midnight(2026, 9, 3), 2)
    await put(address, owner, parcels)
    whole = bare(cozy)
    assert loads(cozy, MONTHS)["2026-09-00 00:00"] == pytest.approx(28 * 9.5 + 2 * OURS)
    await cut_everywhere(
        cozy,
        Step(lambda: erase(address, owner, parcels), lambda: bare(cozy), nothing),
        Step(lambda: put(address, owner, parcels), lambda: bare(cozy), whole),
    )


def test_a_way_of_before_is_as_it_was_and_no_other_form_puts_anything_in_place() -> None:
    way = Way(Kind.COZY, "https://ada.mycozy.cloud", "", Form.ECOLYO)
    assert "adopt" not in way.body()
    assert Way.read(way.body()) == way
    adopting = replace(way, adopt=True)
    assert Way.read(adopting.body()) == adopting
    adopting.check()
    with pytest.raises(ValueError, match="adopt"):
        replace(adopting, form=Form.DOCUMENTS).check()
