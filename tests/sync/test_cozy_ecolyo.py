"""Documents as Ecolyo reads them, against the double: what is known and no more, sums that fit, and no slot twice."""

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import replace
from decimal import Decimal

import pytest

from gateway.way import HELD_CHARACTERS_MAX, Form
from sync.cozy import ecolyo
from sync.model import Parcel, Piece, Put, Series, Trouble, Why
from tests.cozy import Cozy
from tests.cozy_documents import Json
from tests.sync.owner import Owner, Step, cut_everywhere, day, day_after, midnight, target

ENERGY = ("maison:EAST:0", "electricity", "Wh")
WATER = ("eau:volume:0", "water", "L")
GAS = ("gaz:volume:0", "gas", "L")
POWER = Series("maison:SINSTS:0", "maison", "electricity", "power", "VA", "level", (), (), ())
MINUTES = "com.grandlyon.enedis.minute"
ALL = [
    f"com.grandlyon.{fluid}.{kind}"
    for fluid, kinds in (("enedis", ("minute", "day", "month", "year")), ("egl", ("day", "month", "year")))
    for kind in kinds
]


def index(at: int) -> str:
    """10 Wh in each half-hour, and some more later in the day so that days differ."""
    return str(at // 180 + at // 86_400 * 7)


def days(first: int, number: int, said: Callable[[int], str | None] = index, held: str | None = None) -> list[Parcel]:
    at, found = first, list[Parcel]()
    while len(found) < number:
        found.append(day(at, said, ENERGY, WATER, held=held))
        at = day_after(at)
    return found


async def put(address: str, owner: Owner, parcels: Sequence[Parcel]) -> list[Put]:
    async with target(address, owner, Form.ECOLYO) as there:
        await there.open()
        return await there.put(parcels)


async def erase(address: str, owner: Owner, pieces: Sequence[Piece]) -> None:
    async with target(address, owner, Form.ECOLYO) as there:
        await there.open()
        await there.erase(pieces)


def pieces(parcels: Sequence[Parcel], held: str = "enedis egl") -> list[Piece]:
    return [Piece(one.period, one.start, one.end, held) for one in parcels]


def loads(cozy: Cozy, doctype: str) -> dict[str, float]:
    """By the calendar fields; a slot that is there twice fails."""
    names = Counter(slot(document) for document in cozy.documents(doctype))
    assert not names or max(names.values()) == 1, names.most_common(3)
    return {slot(document): document["load"] for document in cozy.documents(doctype)}


def slot(document: Json) -> str:
    date = f"{document['year']}-{document['month']:02}-{document['day']:02}"
    return f"{date} {document['hour']:02}:{document['minute']:02}"


def everything(cozy: Cozy) -> dict[str, dict[str, float]]:
    return {doctype: loads(cozy, doctype) for doctype in ALL}


def add_up(cozy: Cozy, fluid: str, months: int) -> None:
    """Months are the sum of their days, and years of their months, as Ecolyo takes them to be."""
    by_month: dict[str, Decimal] = {}
    by_year: dict[str, Decimal] = {}
    for name, load in loads(cozy, f"com.grandlyon.{fluid}.day").items():
        by_month[name[:7]] = by_month.get(name[:7], Decimal()) + Decimal(str(load))
        by_year[name[:4]] = by_year.get(name[:4], Decimal()) + Decimal(str(load))
    assert len(by_month) == months
    assert {name: Decimal(str(load)) for name, load in loads(cozy, f"com.grandlyon.{fluid}.month").items()} == {
        f"{month}-01 00:00": load for month, load in by_month.items()
    }
    assert {name: Decimal(str(load)) for name, load in loads(cozy, f"com.grandlyon.{fluid}.year").items()} == {
        f"{year}-01-01 00:00": load for year, load in by_year.items()
    }


async def test_a_day_of_half_hours_becomes_48_loads_in_kwh_a_day_a_month_and_a_year(
    cozy: Cozy, address: str, owner: Owner
) -> None:
    first = midnight(2026, 9, 3)
    (done,) = await put(address, owner, days(first, 1))
    half_hours = loads(cozy, MINUTES)
    assert len(half_hours) == 48
    assert half_hours["2026-09-03 00:00"] == 0.01
    assert half_hours["2026-09-03 01:30"] == 0.017  # midnight of UTC is 02:00 in Paris
    assert loads(cozy, "com.grandlyon.enedis.day") == {"2026-09-03 00:00": 0.487}
    assert loads(cozy, "com.grandlyon.enedis.month") == {"2026-09-01 00:00": 0.487}
    assert loads(cozy, "com.grandlyon.enedis.year") == {"2026-01-01 00:00": 0.487}
    assert loads(cozy, "com.grandlyon.egl.day") == {"2026-09-03 00:00": 487}
    assert "com.grandlyon.egl.minute" not in cozy.doctypes
    assert set(done.held.split()) == {"enedis", "egl"}
    assert len(done.held) <= HELD_CHARACTERS_MAX
    assert done.bytes > 48 * 100
    assert done.answer == "201 Created"


async def test_the_rights_asked_for_are_those_of_the_doctypes_it_writes(cozy: Cozy, address: str, owner: Owner) -> None:
    await put(address, owner, days(midnight(2026, 9, 3), 1))
    assert set(ecolyo.SCOPE.split()) == {
        f"com.grandlyon.{fluid}.{kind}:GET,POST"
        for fluid, kinds in (
            ("enedis", ("minute", "day", "month", "year")),
            ("grdf", ("day", "month", "year")),
            ("egl", ("day", "month", "year")),
        )
        for kind in kinds
    }


async def test_months_and_years_are_the_sums_of_their_days_over_a_new_year(
    cozy: Cozy, address: str, owner: Owner
) -> None:
    parcels = days(midnight(2025, 12, 20), 20)
    await put(address, owner, parcels[:7])
    await put(address, owner, parcels[7:])
    add_up(cozy, "enedis", 2)
    add_up(cozy, "egl", 2)
    assert len(loads(cozy, MINUTES)) == 20 * 48
    (year,) = [one for one in cozy.documents("com.grandlyon.enedis.year") if one["year"] == 2025]
    (month,) = [one for one in cozy.documents("com.grandlyon.enedis.month") if one["year"] == 2025]
    assert (month["days"], year["months"]) == (12, 1)


async def test_the_day_of_25_hours_has_48_names_and_the_one_of_23_has_46(
    cozy: Cozy, address: str, owner: Owner
) -> None:
    await put(address, owner, [*days(midnight(2025, 10, 26), 1), *days(midnight(2026, 3, 29), 1)])
    half_hours = loads(cozy, MINUTES)
    october = {name: load for name, load in half_hours.items() if name.startswith("2025-10-26")}
    march = {name for name in half_hours if name.startswith("2026-03-29")}
    assert (len(october), len(march)) == (48, 46)
    assert "2026-03-29 02:00" not in march
    assert october["2025-10-26 02:00"] == october["2025-10-26 02:30"] == 0.02
    by_day = loads(cozy, "com.grandlyon.enedis.day")
    for name in ("2025-10-26", "2026-03-29"):
        whole = sum(Decimal(str(load)) for slot, load in half_hours.items() if slot.startswith(name))
        assert whole == Decimal(str(by_day[f"{name} 00:00"]))


async def test_half_of_an_hour_that_is_there_twice_is_not_said_for_the_whole(
    cozy: Cozy, address: str, owner: Owner
) -> None:
    first = midnight(2025, 10, 26)
    hidden = first + 3 * 3600  # the second 02:00
    await put(address, owner, days(first, 1, lambda at: None if at == hidden else index(at)))
    half_hours = loads(cozy, MINUTES)
    assert "2025-10-26 02:30" not in half_hours
    assert "2025-10-26 02:00" not in half_hours
    assert len(half_hours) == 46


async def test_what_is_not_known_is_absent_and_no_nought(cozy: Cozy, address: str, owner: Owner) -> None:
    first = midnight(2026, 9, 3)
    hidden = {first + 10 * 1800, first + 86_400}  # an hour in the night, and the end of the day
    await put(address, owner, days(first, 2, lambda at: None if at in hidden else index(at)))
    half_hours = loads(cozy, MINUTES)
    assert len(half_hours) == 96 - 4
    assert "2026-09-03 04:30" not in half_hours
    assert loads(cozy, "com.grandlyon.enedis.day") == {}
    assert loads(cozy, "com.grandlyon.enedis.month") == {}


async def test_an_index_that_runs_backwards_counts_nothing(cozy: Cozy, address: str, owner: Owner) -> None:
    first = midnight(2026, 9, 3)
    await put(address, owner, days(first, 1, lambda at: str(5 if at == first + 1800 else 1000)))
    half_hours = loads(cozy, MINUTES)
    assert len(half_hours) == 47
    assert half_hours["2026-09-03 00:30"] == 0.995
    assert "2026-09-03 00:00" not in half_hours


async def test_the_running_day_is_there_once_it_is_over_and_its_month_with_it(
    cozy: Cozy, address: str, owner: Owner
) -> None:
    first = midnight(2026, 9, 3)
    noon = first + 86_400 + 43_200
    (_, done) = await put(address, owner, days(first, 2, lambda at: index(at) if at <= noon else None))
    assert len(loads(cozy, MINUTES)) == 48 + 24
    assert list(loads(cozy, "com.grandlyon.enedis.day")) == ["2026-09-03 00:00"]
    assert done.held == "enedis"
    await put(address, owner, days(day_after(first), 1, held=done.held))
    assert len(loads(cozy, MINUTES)) == 96
    add_up(cozy, "enedis", 1)


async def test_a_second_put_changes_nothing(cozy: Cozy, address: str, owner: Owner) -> None:
    parcels = days(midnight(2026, 8, 28), 6)
    await put(address, owner, parcels)
    before = {doctype: cozy.documents(doctype) for doctype in ALL}
    cozy.now += 60
    await put(address, owner, parcels)
    assert {doctype: cozy.documents(doctype) for doctype in ALL} == before


async def test_a_revised_day_is_right_in_its_month_and_year_too(cozy: Cozy, address: str, owner: Owner) -> None:
    first = midnight(2026, 9, 3)
    await put(address, owner, days(first, 3))
    changed = days(day_after(first), 1, lambda at: str(at // 90), held="enedis egl")
    hidden = first + 86_400 + 1800
    gap = days(day_after(first), 1, lambda at: None if at == hidden else str(at // 90), held="enedis egl")
    await put(address, owner, [replace(changed[0], revision=1)])
    assert loads(cozy, "com.grandlyon.enedis.day")["2026-09-04 00:00"] == 0.96
    add_up(cozy, "enedis", 1)
    await put(address, owner, [replace(gap[0], revision=2)])
    assert len(loads(cozy, MINUTES)) == 3 * 48 - 2
    add_up(cozy, "enedis", 1)


async def test_a_parcel_without_values_takes_its_day_out_of_everything(cozy: Cozy, address: str, owner: Owner) -> None:
    parcels = days(midnight(2026, 9, 3), 2)
    await put(address, owner, parcels)
    (done,) = await put(address, owner, [replace(parcels[0], series=(), revision=1, held="enedis egl")])
    assert done.held == ""
    assert len(loads(cozy, MINUTES)) == 48
    add_up(cozy, "enedis", 1)
    add_up(cozy, "egl", 1)
    await put(address, owner, [replace(parcels[1], series=(), revision=1, held=None)])
    assert everything(cozy) == {doctype: {} for doctype in ALL}


async def test_days_alone_are_written_where_days_are_granted(cozy: Cozy, address: str, owner: Owner) -> None:
    start, end = midnight(2026, 10, 1), midnight(2026, 11, 1)
    at, bounds = start, list[int]()
    while at <= end:
        bounds.append(at)
        at = day_after(at)
    row = Series(
        "maison:EAST:0", "maison", "electricity", "energy", "Wh", "index", tuple(bounds), (), tuple(map(index, bounds))
    )
    await put(address, owner, [Parcel("2026-10", start, end, "day", 0, (row, POWER))])
    assert MINUTES not in cozy.doctypes
    assert len(loads(cozy, "com.grandlyon.enedis.day")) == 31
    add_up(cozy, "enedis", 1)


@pytest.mark.parametrize("series", [(GAS,), (ENERGY, ("garage:EAST:0", "electricity", "Wh"))])
async def test_what_ecolyo_cannot_read_is_refused_in_a_sentence_and_nothing_is_written(
    cozy: Cozy, address: str, owner: Owner, series: tuple[tuple[str, str, str], ...]
) -> None:
    with pytest.raises(Trouble, match="Ecolyo") as caught:
        await put(address, owner, [day(midnight(2026, 9, 3), index, *series)])
    assert caught.value.why is Why.ODD
    assert everything(cozy) == {doctype: {} for doctype in ALL}


async def test_a_home_with_other_days_than_paris_is_refused(cozy: Cozy, address: str, owner: Owner) -> None:
    (parcel,) = days(midnight(2026, 9, 3), 1)
    with pytest.raises(Trouble, match="Paris"):
        await put(address, owner, [replace(parcel, start=parcel.start - 3600, end=parcel.end - 3600)])


async def test_gas_in_cubic_metres_is_left_out_beside_what_can_be_read(cozy: Cozy, address: str, owner: Owner) -> None:
    (done,) = await put(address, owner, [day(midnight(2026, 9, 3), index, ENERGY, GAS)])
    assert done.held == "enedis"
    assert not any(doctype.startswith("com.grandlyon.grdf") and cozy.documents(doctype) for doctype in cozy.doctypes)


def konnector(*days_of_september: int, load: float = 9.5) -> list[Json]:
    """Days as a konnector writes them, with ids of chance."""
    return [
        {"load": load, "year": 2026, "month": 9, "day": number, "hour": 0, "minute": 0} for number in days_of_september
    ]


async def test_what_a_konnector_wrote_long_ago_is_left_alone_and_counted_in_the_month(
    cozy: Cozy, address: str, owner: Owner
) -> None:
    cozy.now = midnight(2026, 11, 20)
    cozy.put("com.grandlyon.enedis.day", *konnector(1, 2, 3))
    cozy.put(MINUTES, {"load": 1.5, "year": 2026, "month": 9, "day": 3, "hour": 12, "minute": 30})
    done = await put(address, owner, days(midnight(2026, 9, 3), 3))
    by_day = loads(cozy, "com.grandlyon.enedis.day")
    assert [by_day[f"2026-09-0{number} 00:00"] for number in (1, 2, 3)] == [9.5] * 3
    assert loads(cozy, MINUTES)["2026-09-03 12:30"] == 1.5
    assert len(loads(cozy, MINUTES)) == 3 * 48
    add_up(cozy, "enedis", 1)
    assert [one.answer for one in done] == ["201 Created; 2 left as another wrote them", "201 Created", "201 Created"]
    await erase(address, owner, pieces(days(midnight(2026, 9, 3), 3)))
    assert [document["load"] for document in cozy.documents("com.grandlyon.enedis.day")] == [9.5] * 3
    assert len(loads(cozy, MINUTES)) == 1
    assert cozy.documents("com.grandlyon.enedis.month") == []


async def test_a_month_that_a_konnector_wrote_is_left_alone(cozy: Cozy, address: str, owner: Owner) -> None:
    month = {"load": 99, "year": 2026, "month": 9, "day": 0, "hour": 0, "minute": 0}
    cozy.put("com.grandlyon.enedis.month", month)
    await put(address, owner, days(midnight(2026, 9, 3), 1))
    (left,) = cozy.documents("com.grandlyon.enedis.month")
    assert left["load"] == 99
    assert len(loads(cozy, "com.grandlyon.enedis.day")) == 1


async def test_where_a_konnector_lives_its_fluid_is_left_to_it(cozy: Cozy, address: str, owner: Owner) -> None:
    cozy.now = midnight(2026, 9, 20)
    cozy.put("com.grandlyon.enedis.day", *konnector(18))
    before = cozy.documents("com.grandlyon.enedis.day")
    (done,) = await put(address, owner, days(midnight(2026, 9, 3), 1))
    assert cozy.documents("com.grandlyon.enedis.day") == before
    assert MINUTES not in cozy.doctypes
    assert done.held == "egl"
    assert done.answer == "201 Created; another writes electricity"
    assert loads(cozy, "com.grandlyon.egl.day") == {"2026-09-03 00:00": 487}


async def test_what_was_written_before_a_konnector_came_is_erased_all_the_same(
    cozy: Cozy, address: str, owner: Owner
) -> None:
    cozy.now = midnight(2026, 9, 20)
    parcels = days(midnight(2026, 9, 3), 1)
    await put(address, owner, parcels)
    cozy.put("com.grandlyon.enedis.day", *konnector(18))
    (done,) = await put(address, owner, days(midnight(2026, 9, 3), 1, lambda at: str(at // 90), held="enedis egl"))
    await erase(address, owner, pieces(parcels, held=done.held))
    assert [document["day"] for document in cozy.documents("com.grandlyon.enedis.day")] == [18]
    assert cozy.documents(MINUTES) == cozy.documents("com.grandlyon.enedis.month") == []


async def test_where_konnectors_write_all_that_is_granted_it_is_said(cozy: Cozy, address: str, owner: Owner) -> None:
    cozy.now = midnight(2026, 9, 20)
    for fluid in ("enedis", "egl"):
        cozy.put(f"com.grandlyon.{fluid}.day", *konnector(18))
    with pytest.raises(Trouble, match="writes electricity and water there already") as caught:
        await put(address, owner, days(midnight(2026, 9, 3), 1))
    assert caught.value.why is Why.REFUSED


async def test_a_konnector_that_came_later_never_stands_beside_us_for_a_day_that_is_revised(
    cozy: Cozy, address: str, owner: Owner
) -> None:
    cozy.now = midnight(2026, 11, 20)
    await put(address, owner, days(midnight(2026, 9, 3), 2))
    cozy.put("com.grandlyon.enedis.day", *konnector(3))
    await put(address, owner, days(midnight(2026, 9, 3), 1, lambda at: str(at // 90)))
    assert loads(cozy, "com.grandlyon.enedis.day") == {"2026-09-03 00:00": 9.5, "2026-09-04 00:00": 0.487}
    add_up(cozy, "enedis", 1)


async def test_a_grant_that_follows_another_goes_on_and_the_first_ones_erasing_leaves_it_its_days(
    cozy: Cozy, address: str, owner: Owner
) -> None:
    parcels = days(midnight(2026, 9, 3), 4)
    await put(address, owner, parcels[:3])
    later = Owner(cozy, "f" * 16)
    await put(address, later, parcels[2:])
    add_up(cozy, "enedis", 1)
    await erase(address, owner, pieces(parcels[:3]))
    assert list(loads(cozy, "com.grandlyon.enedis.day")) == ["2026-09-05 00:00", "2026-09-06 00:00"]
    add_up(cozy, "enedis", 1)
    add_up(cozy, "egl", 1)
    await erase(address, later, pieces(parcels[2:]))
    assert everything(cozy) == {doctype: {} for doctype in ALL}


async def test_another_meter_that_is_written_by_a_grant_today_is_not_mixed_with_ours(
    cozy: Cozy, address: str, owner: Owner
) -> None:
    cozy.now = midnight(2026, 9, 6)
    parcels = days(midnight(2026, 9, 3), 2)
    await put(address, owner, parcels)
    before = everything(cozy)
    with pytest.raises(Trouble, match="there already"):
        await put(
            address, Owner(cozy, "f" * 16), [day(midnight(2026, 9, 5), index, ("garage:EAST:0", "electricity", "Wh"))]
        )
    assert everything(cozy) == before


async def test_erasing_leaves_nothing_of_ours_in_any_doctype(cozy: Cozy, address: str, owner: Owner) -> None:
    parcels = days(midnight(2025, 12, 20), 20)
    await put(address, owner, parcels)
    await erase(address, owner, pieces(parcels[:10]))
    add_up(cozy, "enedis", 2)
    await erase(address, owner, pieces(parcels[10:], held=""))
    assert everything(cozy) == {doctype: {} for doctype in ALL}


@pytest.mark.parametrize("documents_left", [0, 1, 47, 60, 99, 101, 102])
async def test_a_cozy_that_dies_in_a_batch_has_each_slot_once_after_the_next_try(
    cozy: Cozy, address: str, owner: Owner, documents_left: int
) -> None:
    parcels = days(midnight(2026, 8, 31), 2)
    cozy.documents_left = documents_left
    with pytest.raises(Trouble) as caught:
        await put(address, owner, parcels)
    assert caught.value.why is Why.UNREACHABLE
    cozy.documents_left = None
    await put(address, owner, parcels)
    assert len(loads(cozy, MINUTES)) == 96
    add_up(cozy, "enedis", 2)
    add_up(cozy, "egl", 2)


async def test_wherever_the_line_is_cut_putting_and_erasing_end_alike(cozy: Cozy, address: str, owner: Owner) -> None:
    parcels = days(midnight(2026, 8, 31), 2)
    await put(address, owner, parcels)
    whole, nothing = everything(cozy), {doctype: dict[str, float]() for doctype in ALL}
    await cut_everywhere(
        cozy,
        Step(lambda: erase(address, owner, pieces(parcels)), lambda: everything(cozy), nothing),
        Step(lambda: put(address, owner, parcels), lambda: everything(cozy), whole),
    )


async def test_ten_minutes_make_the_same_half_hours(cozy: Cozy, address: str, owner: Owner) -> None:
    (parcel,) = days(midnight(2026, 9, 3), 1)
    at = tuple(range(parcel.start, parcel.end + 1, 600))
    rows = tuple(replace(one, at=at, value=tuple(map(index, at))) for one in parcel.series)
    await put(address, owner, [parcel])
    before = everything(cozy)
    await put(address, owner, [replace(parcel, resolution="10min", series=rows, revision=1)])
    assert everything(cozy) == before
