"""What holders said, kept beside what the meters say: brought in once, whole or not at all, and taken back."""

import json
import os
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from decimal import Decimal
from pathlib import Path

import pytest

from drivers.model import Medium, Quantity
from gateway import bring
from gateway.bring import Group, Looked, Named, Target, look, months
from gateway.catalog import Catalog
from gateway.holders import IMPORTS_MAX, Compared, Holders, HoldersError
from gateway.importers.holders.found import Part, What
from gateway.periods import Periods, Shape, best, slots
from gateway.secret import BoxSecret
from tests.gateway.importers.holders.made import PARIS, UNTIL, archive, at, curve, half_hours

ROOT = Path(__file__).parents[2]


class Desk:
    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.catalog = Catalog.open(folder, "Maison", "Europe/Paris", BoxSecret(folder / "secret"))
        self.holders = Holders.open(folder / "holders.db")
        self.point = self.catalog.adopt("tic:041234567890", "Maison", Medium.ELECTRICITY, 0).point

    def look(self, *contents: str | bytes) -> Looked:
        files = []
        for number, content in enumerate(contents):
            path = self.folder / f"{number}.bin"
            path.write_bytes(content.encode() if isinstance(content, str) else content)
            files.append((path.name, path))
        return look(files, UNTIL, PARIS)

    def bring(self, *contents: str | bytes) -> bring.Brought:
        (group,) = self.look(*contents).groups
        return bring.bring(self.holders, self.catalog, [Target(group, self.point, "Maison")], UNTIL)

    async def said(self, first: str, last: str) -> list[Periods]:
        return [periods for _, periods in await self.holders.said(self.point, at(first), at(last))]

    async def amounts(self, *bounds: str) -> list[tuple[Decimal, bool] | None]:
        """What is said of each slot between two local moments, and whether it is complete."""
        found, _ = best(await self.said(bounds[0], bounds[-1]), [at(bound) for bound in bounds])
        return [None if slot is None else (slot.amount, slot.complete) for slot in found]

    def rows(self) -> int:
        with sqlite3.connect(self.folder / "holders.db") as db:
            (count,) = db.execute("SELECT count(*) FROM row").fetchone()
        db.close()
        return int(count)


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    desk = Desk(tmp_path)
    yield desk
    desk.holders.close()


def day(first: str, last: str, power: object = 1000) -> str:
    return curve((end, power) for end in half_hours(first, last))


async def test_a_day_of_half_hours_is_kept_and_asked_for_by_hour_and_by_day(desk: Desk) -> None:
    assert desk.bring(day("2025-01-05", "2025-01-07", 1201)).counts == [Compared(96, 0, 0)]
    assert await desk.amounts("2025-01-05", "2025-01-06", "2025-01-07") == [(Decimal(28_824), True)] * 2
    assert (
        await desk.amounts("2025-01-05 12:00", "2025-01-05 12:30", "2025-01-05 13:00") == [(Decimal("600.5"), True)] * 2
    )


async def test_the_days_of_23_and_25_hours_are_their_own(desk: Desk) -> None:
    desk.bring(day("2025-03-29", "2025-04-01"), day("2025-10-25", "2025-10-28"))
    assert [said and said[0] for said in await desk.amounts("2025-03-29", "2025-03-30", "2025-03-31", "2025-04-01")] == [
        24_000, 23_000, 24_000
    ]  # fmt: skip
    assert [said and said[0] for said in await desk.amounts("2025-10-25", "2025-10-26", "2025-10-27", "2025-10-28")] == [
        24_000, 25_000, 24_000
    ]  # fmt: skip


async def test_a_gap_is_never_a_zero(desk: Desk) -> None:
    ends = half_hours("2025-01-05", "2025-01-06")
    desk.bring(curve((end, None if number in (0, 20) else 1000) for number, end in enumerate(ends)))
    assert await desk.amounts("2025-01-05", "2025-01-06") == [(Decimal(23_000), False)]
    assert await desk.amounts("2025-01-05 10:00", "2025-01-05 10:30", "2025-01-05 11:00") == [
        None,
        (Decimal(500), True),
    ]
    assert await desk.amounts("2025-01-06", "2025-01-07") == [None]


def test_bringing_a_file_in_twice_adds_nothing(desk: Desk) -> None:
    first = desk.bring(day("2025-01-05", "2025-01-07"))
    again = desk.bring(day("2025-01-05", "2025-01-07"))
    assert (first.counts, again.number, again.counts) == ([Compared(96, 0, 0)], None, [Compared(0, 96, 0)])
    assert (desk.rows(), len(desk.holders.imports())) == (96, 1)


async def test_what_one_import_brought_is_taken_back_whole_and_another_s_stays(desk: Desk) -> None:
    first = desk.bring(day("2025-01-05", "2025-01-06"))
    second = desk.bring(day("2025-01-05", "2025-01-07"))
    assert second.counts == [Compared(48, 48, 0)]
    assert first.number is not None
    assert second.number is not None
    assert desk.holders.undo(first.number)
    assert await desk.amounts("2025-01-05", "2025-01-06", "2025-01-07") == [(Decimal(24_000), True)] * 2
    assert desk.holders.undo(second.number)
    assert not desk.holders.undo(second.number)
    assert (desk.rows(), desk.holders.imports(), await desk.said("2025-01-05", "2025-01-07")) == (0, [], [])


async def test_a_value_that_the_company_corrected_is_shown_and_the_old_one_comes_back_when_it_is_taken_back(
    desk: Desk,
) -> None:
    desk.bring(day("2025-01-05", "2025-01-06", 1000))
    corrected = desk.bring(day("2025-01-05", "2025-01-06", 2000))
    assert corrected.counts == [Compared(0, 0, 48)]
    assert await desk.amounts("2025-01-05", "2025-01-06") == [(Decimal(48_000), True)]
    assert corrected.number is not None
    desk.holders.undo(corrected.number)
    assert await desk.amounts("2025-01-05", "2025-01-06") == [(Decimal(24_000), True)]


async def test_hours_over_half_hours_are_counted_once(desk: Desk) -> None:
    desk.bring(curve((end, 1000) for end in half_hours("2025-01-05", "2025-01-06", 3600)))
    desk.bring(day("2025-01-05 06:00", "2025-01-05 12:00", 2000))
    assert await desk.amounts("2025-01-05", "2025-01-06") == [(Decimal(30_000), True)]


def index(*rows: tuple[str, int]) -> str:
    return "Date de relevé;Index relevé (litres);Consommation du jour (litres);Index Mesuré/Estimé\n" + "".join(
        f"{moment};{value};0;Mesuré\n" for moment, value in rows
    )


async def test_an_index_of_two_files_counts_on_from_one_to_the_other(desk: Desk) -> None:
    desk.point = desk.catalog.adopt("wmbus:RLV-1-01-07", "Eau", Medium.WATER, 0).point
    desk.bring(index(("2025-12-30 00:00:00", 100), ("2025-12-31 00:00:00", 150)))
    desk.bring(index(("2026-01-01 00:00:00", 210), ("2026-01-02 00:00:00", 300)))
    assert await desk.amounts("2025-12-30", "2025-12-31", "2026-01-01", "2026-01-02") == [
        (Decimal(50), True), (Decimal(60), True), (Decimal(90), True)
    ]  # fmt: skip


def test_an_index_that_leaps_from_one_file_to_the_next_is_refused_and_nothing_is_kept(desk: Desk) -> None:
    desk.point = desk.catalog.adopt("wmbus:RLV-1-01-07", "Eau", Medium.WATER, 0).point
    desk.bring(index(("2025-12-30 00:00:00", 100), ("2025-12-31 00:00:00", 150)))
    wrong = index(("2026-01-01 00:00:00", 9_000_210), ("2026-01-02 00:00:00", 9_000_300))
    with pytest.raises(bring.LeapError, match="between 2025-12-30 and 2025-12-31 the index would rise by 9000060 L"):
        desk.bring(wrong)
    between = index(("2025-12-30 12:00:00", 8_000_000))
    with pytest.raises(bring.LeapError):
        desk.bring(between)
    assert desk.rows() == 2
    # A meter that was replaced begins lower: that is no leap.
    assert desk.bring(index(("2026-01-01 00:00:00", 0), ("2026-01-02 00:00:00", 90))).new == 2


async def test_days_that_an_index_skips_are_known_together_and_not_one_by_one(desk: Desk) -> None:
    desk.point = desk.catalog.adopt("wmbus:RLV-1-01-07", "Eau", Medium.WATER, 0).point
    desk.bring(index(("2026-01-01 00:00:00", 0), ("2026-01-02 00:00:00", 30), ("2026-01-05 00:00:00", 120)))
    bounds = [at(f"2026-01-0{number}") for number in range(1, 6)]
    found, spans = best(await desk.said("2026-01-01", "2026-01-05"), bounds)
    assert [slot and slot.amount for slot in found] == [30, None, None, None]
    assert [(span.first, span.last, span.amount) for span in spans] == [(1, 3, Decimal(90))]
    assert await desk.amounts("2026-01-01", "2026-01-05") == [(Decimal(120), True)]


def test_a_gas_day_counts_for_the_day_it_begins_and_says_that_it_is_shifted() -> None:
    rows = [(at(f"2026-01-0{n} 06:00"), at(f"2026-01-0{n + 1} 06:00"), 12) for n in range(1, 5)]
    found, _ = slots(Periods("GRDF", "grdf_volume", 3, 1, rows), [at(f"2026-01-0{n}") for n in range(1, 6)])
    assert [(slot.complete, slot.shift_s) for slot in found if slot] == [(True, 6 * 3600)] * 4


def test_a_week_is_no_part_of_a_month_it_only_leans_into() -> None:
    rows = [(at("2025-12-29 06:00"), at("2026-01-05 06:00"), 70), (at("2026-01-05 06:00"), at("2026-01-12 06:00"), 70)]
    (december, january), _ = slots(
        Periods("GRDF", "grdf_volume", 3, 1, rows), [at("2025-12-01"), at("2026-01-01"), at("2026-02-01")]
    )
    assert december is None or not december.complete
    assert january is not None
    assert not january.complete


def parts(count: int = 3) -> list[Part]:
    what = What("enedis_curve", Quantity.ENERGY, Shape.POWER)
    rows = [(at("2025-01-05") + 1800 * n, at("2025-01-05") + 1800 * (n + 1), n) for n in range(count)]
    return [Part("Enedis", what, 0, rows), Part("Enedis", replace(what, tariff=1), 0, rows)]


# holders.db as version 1 made it, with one import.
VERSION_1 = """
CREATE TABLE import (
    id INTEGER PRIMARY KEY AUTOINCREMENT, made_at INTEGER NOT NULL, kinds TEXT NOT NULL, left_out INTEGER NOT NULL,
    refused INTEGER NOT NULL) STRICT;
CREATE TABLE part (
    id INTEGER PRIMARY KEY, import INTEGER NOT NULL REFERENCES import, point TEXT NOT NULL, holder TEXT NOT NULL,
    register TEXT NOT NULL, tariff INTEGER NOT NULL, given INTEGER NOT NULL, quantity TEXT NOT NULL, shape TEXT NOT NULL,
    exponent INTEGER NOT NULL, n INTEGER NOT NULL, start INTEGER NOT NULL, end INTEGER NOT NULL,
    longest INTEGER NOT NULL) STRICT;
CREATE INDEX part_point ON part (point, import);
CREATE TABLE row (
    part INTEGER NOT NULL REFERENCES part, start INTEGER NOT NULL, length INTEGER NOT NULL, value INTEGER NOT NULL,
    PRIMARY KEY (part, start)) STRICT, WITHOUT ROWID;
INSERT INTO import VALUES (1, 1700000000, '["enedis_curve"]', 0, 0);
INSERT INTO part VALUES (1, 1, 'maison', 'Enedis', 'enedis_curve', 0, 0, 'ENERGY', 'power', 0, 1, 0, 1800, 1800);
INSERT INTO row VALUES (1, 0, 1800, 500);
PRAGMA user_version = 1;
"""


def of(*given: Part) -> list[tuple[str, Part]]:
    return [("maison", part) for part in given]


def test_an_error_in_the_middle_of_an_import_leaves_nothing_of_it(desk: Desk) -> None:
    good, bad = parts()
    start, end, _ = bad.rows[-1]
    with pytest.raises(OverflowError):
        desk.holders.bring(of(good, replace(bad, rows=[*bad.rows[:-1], (start, end, 1 << 70)])), ["x"], 0)
    assert (desk.rows(), desk.holders.imports()) == (0, [])
    desk.holders.bring(of(*parts()), ["x"], 0)
    assert desk.rows() == 6


KILLED = """
import os, signal, sqlite3, sys
from pathlib import Path
from gateway import holders
from tests.gateway.test_holders import of, parts

when = int(sys.argv[2])
opened = holders.Holders.open(Path(sys.argv[1]) / "holders.db")
opened.bring(of(*parts()), ["first"], 0)
calls = 0
def kill(statement):
    global calls
    calls += 1
    if calls == when:
        os.kill(os.getpid(), signal.SIGKILL)
opened._call(lambda db: db.set_trace_callback(kill))
opened.bring(of(*parts(20_000)), ["second"], 0)
"""


@pytest.mark.parametrize("when", [1, 2, 3, 5, 20_000, 40_005])
def test_a_kill_in_the_middle_of_an_import_leaves_the_one_before_and_nothing_of_this_one(
    tmp_path: Path, when: int
) -> None:
    done = subprocess.run(
        [sys.executable, "-c", KILLED, str(tmp_path), str(when)], env={**os.environ, "PYTHONPATH": str(ROOT)}, timeout=20, check=False
    )  # fmt: skip
    assert done.returncode == -signal.SIGKILL
    opened = Holders.open(tmp_path / "holders.db")
    assert [each.kinds for each in opened.imports()] == [("first",)]
    opened.close()
    with sqlite3.connect(tmp_path / "holders.db") as db:
        assert db.execute("SELECT count(*) FROM row").fetchone() == (6,)
        assert db.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    db.close()


def test_nothing_of_what_was_taken_back_is_left_in_the_file(desk: Desk) -> None:
    number = desk.holders.bring([("the-secret-point", part) for part in parts()], ["the-secret-kind"], 0)
    assert b"the-secret-point" in (desk.folder / "holders.db").read_bytes()
    desk.holders.undo(number)
    assert b"the-secret" not in (desk.folder / "holders.db").read_bytes()


def test_the_file_is_its_owner_s_alone_and_a_newer_one_is_left_as_it_was(tmp_path: Path) -> None:
    Holders.open(tmp_path / "holders.db").close()
    assert (tmp_path / "holders.db").stat().st_mode & 0o777 == 0o600
    with sqlite3.connect(tmp_path / "holders.db") as db:
        db.execute("PRAGMA user_version = 99")
    db.close()
    before = (tmp_path / "holders.db").read_bytes()
    with pytest.raises(HoldersError, match="newer version"):
        Holders.open(tmp_path / "holders.db")
    assert (tmp_path / "holders.db").read_bytes() == before
    (tmp_path / "broken.db").write_bytes(b"no database" * 100)
    with pytest.raises(HoldersError, match=r"broken\.db"):
        Holders.open(tmp_path / "broken.db")


def test_more_imports_than_anybody_makes_are_refused_and_not_kept(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    assert IMPORTS_MAX >= 500
    monkeypatch.setattr("gateway.holders.IMPORTS_MAX", 1)
    desk.holders.bring(of(*parts()), ["x"], 0)
    with pytest.raises(HoldersError, match="take one back first"):
        desk.holders.bring(of(*parts()), ["x"], 0)
    assert desk.rows() == 6


def test_no_number_of_a_meter_is_ever_kept(desk: Desk) -> None:
    (group,) = desk.look(day("2025-01-05", "2025-01-06")).groups
    assert group.found.places == {"1234567890123"}
    bring.bring(desk.holders, desk.catalog, [Target(group, None, "Une autre maison")], UNTIL)
    for path in desk.folder.iterdir():
        if path.suffix in (".db", ".json"):
            assert b"1234567890123" not in path.read_bytes(), path


def of_another_meter(content: str) -> str:
    return content.replace("01234567890123", "99999999999999")


def test_the_file_of_another_home_is_not_brought_in_unless_somebody_says_whose_it_is(desk: Desk) -> None:
    desk.bring(day("2025-01-05", "2025-01-06"))
    (group,) = desk.look(of_another_meter(day("2025-01-05", "2025-01-06", 2000))).groups
    assert bring.named(desk.holders, group).is_other(desk.point)
    for target in (Target(group, desk.point, "Maison"), Target(group, None, "Maison")):
        with pytest.raises(bring.OtherMeterError, match="•••9999"):
            bring.bring(desk.holders, desk.catalog, [target], UNTIL)
    assert desk.rows() == 48
    assert bring.bring(desk.holders, desk.catalog, [Target(group, None, "Le voisin")], UNTIL).new == 48
    # From now on each number is known to be of its own point.
    assert bring.named(desk.holders, group) == Named(frozenset({"le-voisin"}), frozenset({desk.point}))
    (mine,) = desk.look(day("2025-01-07", "2025-01-08")).groups
    assert bring.named(desk.holders, mine).is_other("le-voisin")
    assert not bring.named(desk.holders, mine).is_other(desk.point)


def test_a_meter_that_says_its_own_number_knows_whose_a_first_file_is(desk: Desk) -> None:
    (mine,) = desk.look(day("2025-01-05", "2025-01-06")).groups
    (other,) = desk.look(of_another_meter(day("2025-01-05", "2025-01-06"))).groups
    places = {desk.point: "01234567890123"}
    assert bring.named(desk.holders, mine, places) == Named(frozenset({desk.point}), frozenset())
    assert bring.named(desk.holders, other, places).is_other(desk.point)
    assert not bring.named(desk.holders, other, {desk.point: "00000000000000"}).is_other(desk.point)
    with pytest.raises(bring.OtherMeterError):
        bring.bring(desk.holders, desk.catalog, [Target(other, desk.point, "Maison")], UNTIL, places)


def test_a_meter_with_a_new_number_is_the_same_home_s_once_somebody_said_so(desk: Desk) -> None:
    desk.bring(day("2025-01-05", "2025-01-06"))
    (group,) = desk.look(of_another_meter(day("2025-01-06", "2025-01-07"))).groups
    same = bring.bring(desk.holders, desk.catalog, [Target(group, desk.point, "Maison", same_home=True)], UNTIL)
    assert same.new == 48
    assert desk.bring(of_another_meter(day("2025-01-07", "2025-01-08"))).new == 48
    assert desk.bring(day("2025-01-08", "2025-01-09")).new == 48


def test_what_was_taken_back_no_longer_says_whose_a_metering_point_is(desk: Desk) -> None:
    number = desk.bring(day("2025-01-05", "2025-01-06")).number
    assert number is not None
    desk.holders.undo(number)
    assert desk.holders.marks() == []
    assert desk.bring(of_another_meter(day("2025-01-05", "2025-01-06"))).new == 48


def test_two_boxes_keep_the_same_number_as_two_marks(tmp_path: Path) -> None:
    marks = []
    for name in ("a.db", "b.db"):
        opened = Holders.open(tmp_path / name)
        marks += [opened.mark("1234567890123"), opened.mark("1234567890123"), opened.mark("1234567890124")]
        opened.close()
        marks.append((reopened := Holders.open(tmp_path / name)).mark("1234567890123"))
        reopened.close()
    assert [marks.index(mark) for mark in marks] == [0, 0, 2, 0, 4, 4, 6, 4]


def test_a_file_without_a_number_of_a_meter_is_nobody_else_s(desk: Desk) -> None:
    desk.bring(day("2025-01-05", "2025-01-06"))
    (group,) = desk.look("debut;fin;kW\n2025-01-06T00:00:00+01:00;2025-01-06T00:30:00+01:00;1\n").groups
    assert not bring.named(desk.holders, group).is_other(desk.point)


def test_a_file_of_version_1_keeps_its_imports_and_learns_marks(tmp_path: Path) -> None:
    with sqlite3.connect(tmp_path / "holders.db") as db:
        db.executescript(VERSION_1)
    db.close()
    opened = Holders.open(tmp_path / "holders.db")
    assert [(each.id, each.rows) for each in opened.imports()] == [(1, 1)]
    assert opened.marks() == []
    opened.bring(of(*parts()), ["x"], 0, marks=[("maison", opened.mark("1"))])
    opened.close()
    again = Holders.open(tmp_path / "holders.db")
    assert again.marks() == [("maison", again.mark("1"))]
    again.close()


def test_files_of_two_meters_are_not_joined(desk: Desk) -> None:
    looked = desk.look(
        day("2025-01-05", "2025-01-06"), day("2025-01-06", "2025-01-07").replace("01234567890123", "99999999999999")
    )
    assert looked.groups == []
    assert "of several" in str(looked.faults[0].error)


def test_a_bad_file_among_good_ones_is_named_and_the_good_ones_are_taken(desk: Desk) -> None:
    looked = desk.look(day("2025-01-05", "2025-01-06"), b"\x00\x01", day("2025-01-06", "2025-01-07"))
    assert [fault.name for fault in looked.faults] == ["1.bin"]
    assert len(looked.groups[0].parts[0].rows) == 96


def test_ten_years_of_files_by_year_are_one_import(desk: Desk) -> None:
    brought = desk.bring(*(day(f"{year}-01-01", f"{year}-01-08") for year in range(2016, 2026)))
    assert (brought.new, len(desk.holders.imports())) == (10 * 7 * 48, 1)


def test_gas_and_electricity_in_one_zip_are_two_groups(desk: Desk) -> None:
    gas = '{"1": {"idPce": "1", "releves": [{"journeeGaziere": "2026-01-04", "indexDebut": "1", "indexFin": "2"}]}}'
    looked = desk.look(archive({"a.csv": day("2025-01-05", "2025-01-06"), "b.json": gas, "read me.txt": "bonjour"}))
    assert [group.medium for group in looked.groups] == [Medium.ELECTRICITY, Medium.GAS]
    assert looked.faults == []


def test_gas_and_electricity_that_came_together_are_one_import_and_go_together(desk: Desk) -> None:
    gas = '{"1": {"idPce": "1", "releves": [{"journeeGaziere": "2026-01-04", "indexDebut": "1", "indexFin": "2"}]}}'
    groups = desk.look(day("2025-01-05", "2025-01-06"), gas).groups
    targets = [Target(group, None, name) for group, name in zip(groups, ("Maison", "Gaz"), strict=True)]
    brought = bring.bring(desk.holders, desk.catalog, targets, UNTIL)
    (one,) = desk.holders.imports()
    assert (set(one.points), one.kinds, one.rows) == ({"maison", "gaz"}, ("enedis_curve", "grdf_json"), 50)
    assert brought.number is not None
    assert desk.holders.undo(brought.number)
    assert desk.rows() == 0


def test_the_sums_of_the_months_say_where_rows_are_missing(desk: Desk) -> None:
    (group,) = desk.look(day("2025-01-01", "2025-02-01"), day("2025-02-01", "2025-02-10")).groups
    assert isinstance(group, Group)
    assert [(f"{month.first:%Y-%m}", month.amount, month.complete) for month in months(group, PARIS)] == [
        ("2025-01", Decimal(31 * 24_000), True),
        ("2025-02", Decimal(9 * 24_000), False),
    ]


def test_the_sum_of_a_month_is_that_of_its_days_where_some_are_known_by_half_hours_and_others_whole(desk: Desk) -> None:
    """Two days of half-hours and one whole day of another table: the history draws three days, the preview sums three."""
    days = "Date de consommation;Consommation (kWh);Nature de la donnée\n04/01/2025;9;Réelle\n03/01/2025;7;Réelle\n"
    half = "Date et heure de relève par le distributeur;Puissance atteinte (W);Nature de la donnée\n" + "".join(
        f"0{number}/01/2025;;\n" + "".join(f"{wall};1000;Réelle\n" for wall in walls_of_a_day()) for number in (6, 5)
    )
    (group,) = desk.look(archive({"a.csv": days, "b.csv": half})).groups
    assert [(month.amount, month.complete) for month in months(group, PARIS)] == [(Decimal(64_000), False)]


def walls_of_a_day() -> list[str]:
    """Its half-hours as EDF writes them: newest first, its end as 00:00:00."""
    return [f"{number // 2 % 24:02d}:{number % 2 * 30:02d}:00" for number in range(48, 0, -1)]


def test_a_table_whose_hour_stands_apart_is_refused_and_not_taken_for_days(desk: Desk) -> None:
    rows = "26/10/2025;02:00;1\n26/10/2025;02:30;1\n26/10/2025;03:00;1\n"
    for head in ("Date;Heure;Valeur kWh\n", "Date;Quand;Valeur kWh\n"):
        looked = desk.look(head + rows)
        assert (looked.groups, looked.asked) == ([], [])
        assert "the hour stands in one of its own" in str(looked.faults[0].error)
    looked = desk.look("Date;Heure;Valeur kWh\n26/10/2025;07:00;1\n27/10/2025;07:10;2\n28/10/2025;07:00;1\n")
    assert len(looked.groups[0].parts[0].rows) == 3


def test_an_index_on_request_that_says_its_quantity_in_each_row_is_named_and_refused(desk: Desk) -> None:
    head = "Identifiant PRM;Grandeur physique;Grandeur métier;Unité;Horodate;Type de relevé;Valeur\n"
    rows = "".join(f"0123;EA;CONS;Wh;2025-01-0{day}T00:00:00+01:00;AQ;{day}000\n" for day in range(1, 8))
    looked = desk.look(head + rows)
    assert (looked.groups, looked.asked) == ([], [])
    assert "ask Enedis for the R64 as JSON" in str(looked.faults[0].error)


def test_home_assistant_s_json_is_asked_about_as_its_tables_are(desk: Desk) -> None:
    rows = [
        {"start": at(f"2025-01-0{day}") * 1000, "end": at(f"2025-01-0{day + 1}") * 1000, "sum": day} for day in (1, 2)
    ]
    looked = desk.look(json.dumps({"sensor.linky": rows, "sensor.solar": rows}))
    (asked,) = looked.asked
    assert (asked.columns, asked.entities) == (["statistic_id", "end", "sum", "unit"], ["sensor.linky", "sensor.solar"])
    choices = {0: replace(asked.choice, unit="kWh")}
    (group,) = look([("x", desk.folder / "0.bin")], UNTIL, PARIS, choices).groups
    assert (group.kinds, len(group.parts[0].rows)) == (["home_assistant"], 2)


def test_one_reading_alone_has_no_sum(desk: Desk) -> None:
    (group,) = desk.look(index(("2026-01-01 00:00:00", 100))).groups
    assert months(group, PARIS) == []


def test_a_new_metering_point_is_made_once(desk: Desk) -> None:
    (group,) = desk.look(day("2025-01-05", "2025-01-06")).groups
    first = bring.bring(desk.holders, desk.catalog, [Target(group, None, "Chalet")], UNTIL)
    again = bring.bring(desk.holders, desk.catalog, [Target(group, None, "Chalet")], UNTIL)
    assert first.points == again.points == ["chalet"]
    assert [point.name for point in desk.catalog.points()] == ["Maison", "Chalet"]
