"""Files of our own format: one import, taken back as one, and nothing that a meter said goes with it."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from drivers.model import Medium, Quantity
from gateway import ours
from gateway.catalog import Catalog
from gateway.holders import Holders
from gateway.model import Point, SeriesKey
from gateway.secret import BoxSecret
from gateway.store import Store

ROOT = Path(__file__).parents[2]
PARIS = ZoneInfo("Europe/Paris")
HEADER = "time,point,medium,meter,register,tariff,unit,value"
NOW = int(datetime(2026, 11, 20, 12, tzinfo=UTC).timestamp())
WATER = SeriesKey("eau", "volume")


class Box:
    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.catalog = Catalog.open(folder, "Maison", "Europe/Paris", BoxSecret(folder / "secret"))
        self.store = Store.open(folder / "series.db", folder / "tail", zone=PARIS, now=lambda: NOW)
        self.holders = Holders.open(folder / "holders.db")

    def file(self, name: str, *rows: str) -> Path:
        path = self.folder / name
        path.write_text("\n".join([HEADER, *rows]) + "\n", encoding="utf-8")
        return path

    def bring(self, *paths: Path) -> tuple[int | None, int]:
        number, reports = ours.bring(paths, self.store, self.catalog, self.holders, lambda: NOW)
        return number, sum(report.added for report in reports)

    def take_back(self, number: int) -> list[str] | None:
        return ours.take_back(number, self.store, self.catalog, self.holders)

    def points(self, key: SeriesKey = WATER) -> dict[int, int]:
        found = self.store.points(key, 0, NOW + 1)
        if found is None:
            return {}
        return {at: value * 10**found.exponent for at, value in zip(found.at, found.value, strict=True)}

    def close(self) -> None:
        self.holders.close()
        self.store.close()


@pytest.fixture
def box(tmp_path: Path) -> Iterator[Box]:
    box = Box(tmp_path)
    yield box
    box.close()


def water(day: int, value: object, meter: str = "") -> str:
    return f"2026-01-{day:02d}T07:00:00Z,Eau,water,{meter},volume,0,m3,{value}"


def warm(day: int, value: object) -> str:
    return f"2026-01-{day:02d}T07:00:00Z,Eau,water,,warmth,0,degC,{value}"


def test_files_that_come_together_are_one_import_that_is_taken_back_whole(box: Box) -> None:
    number, added = box.bring(
        box.file("a.csv", water(1, 10), water(2, "11.5"), warm(1, 8)), box.file("b.csv", water(3, 12), water(4, 13))
    )
    assert (number, added, len(box.points())) == (1, 5, 4)
    (one,) = box.holders.imports()
    assert (one.kinds, one.points, one.rows) == (("ours",), ("eau",), 5)
    assert box.take_back(1) == ["Eau"]
    assert (box.store.series(), box.holders.imports(), box.catalog.points()) == ((), [], ())
    assert box.take_back(1) is None


def test_what_the_meter_said_stays_and_what_was_there_before_is_not_the_import_s(box: Box) -> None:
    box.catalog.adopt("wmbus:RLV-1-01-07", "Eau", Medium.WATER, 0)
    at = int(datetime(2026, 1, 2, 7, tzinfo=UTC).timestamp())
    box.store.add([Point(WATER, Quantity.VOLUME, at, 11_500, 0, True)])
    assert box.bring(box.file("a.csv", water(1, 10), water(2, "11.5"), water(3, 12))) == (1, 2)
    assert box.take_back(1) == []
    assert box.points() == {at: 11_500}
    assert [point.name for point in box.catalog.points()] == ["Eau"]


def test_bringing_a_file_in_twice_is_no_second_import(box: Box) -> None:
    path = box.file("a.csv", water(1, 10), water(2, 11))
    assert box.bring(path) == (1, 2)
    assert box.bring(path) == (None, 0)
    assert len(box.holders.imports()) == 1


def test_an_import_over_another_one_s_takes_only_its_own_back(box: Box) -> None:
    box.bring(box.file("a.csv", water(1, 10), water(2, 11)))
    assert box.bring(box.file("b.csv", water(1, 10), water(2, 11), water(3, 12))) == (2, 1)
    assert box.take_back(2) == []
    assert sorted(box.points().values()) == [10_000, 11_000]
    assert box.take_back(1) == ["Eau"]


def test_a_replaced_meter_goes_with_the_import_that_told_of_it(box: Box) -> None:
    box.bring(box.file("a.csv", water(1, 10, "A"), water(2, 11, "A"), water(3, 0, "B"), water(4, 1, "B")))
    assert [event.undone_by for event in box.store.events(WATER)] == [None]
    box.take_back(1)
    assert [event.undone_by is None for event in box.store.events(WATER)] == [False]


def test_a_company_s_import_and_ours_stand_in_one_list_and_each_is_taken_back_alone(box: Box) -> None:
    from tests.gateway.test_holders import parts

    box.bring(box.file("a.csv", water(1, 10)))
    number = box.holders.bring([("eau", part) for part in parts()], ["enedis_curve"], NOW)
    assert [each.id for each in box.holders.imports()] == [number, 1]
    assert box.take_back(1) == []  # the other one is of this metering point, too
    assert box.take_back(number) == ["Eau"]


KILLED = """
import os, signal, sys
from pathlib import Path
from tests.gateway.test_ours import Box, water

box = Box(Path(sys.argv[1]))
real = box.store.bulk
def kill(*given):
    if sys.argv[2] == "after":
        real(*given)
    os.kill(os.getpid(), signal.SIGKILL)
box.store.bulk = kill
box.bring(box.file("a.csv", water(1, 10), water(2, 11)))
"""


@pytest.mark.parametrize("when", ["before", "after"])
def test_an_import_that_was_killed_can_be_taken_back_or_be_done_again(tmp_path: Path, when: str) -> None:
    done = subprocess.run(
        [sys.executable, "-c", KILLED, str(tmp_path), when], env={**os.environ, "PYTHONPATH": str(ROOT)}, timeout=20, check=False
    )  # fmt: skip
    assert done.returncode == -signal.SIGKILL
    box = Box(tmp_path)
    try:
        assert len(box.holders.imports()) == 1
        number, added = box.bring(tmp_path / "a.csv")
        assert (number, added) == ((2, 2) if when == "before" else (None, 0))
        box.take_back(1)
        # What a second import says that it added is its own, whatever the first one meant to add.
        assert len(box.points()) == (2 if when == "before" else 0)
    finally:
        box.close()
