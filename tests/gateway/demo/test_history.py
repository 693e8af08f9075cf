import gzip
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime

import pytest

from gateway.demo import Demo, meters
from gateway.demo.life import SLOT_S
from gateway.demo.meters import READ
from gateway.house import House
from gateway.model import SeriesKey
from tests.house import Clock, house

NOW = int(datetime(2026, 11, 20, 19, 37, 11, tzinfo=UTC).timestamp())
LAST = NOW // SLOT_S * SLOT_S


@dataclass
class Furnished:
    demo: Demo
    house: House
    progress: list[float]

    def grown(self, key: str, start: int, end: int) -> int | None:
        (used,) = self.house.store.consumption(SeriesKey.parse(key), [start, end], gap_s=10**9)
        return used.value


@pytest.fixture(scope="module")
def furnished(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Furnished]:
    folder = tmp_path_factory.mktemp("demo")
    progress: list[float] = []
    demo = Demo(folder, lambda: NOW, progress=lambda what, share: progress.append(share))
    with house(folder / "data", demo.configuration, Clock(NOW)) as home:
        demo.furnish(home)
        yield Furnished(demo, home, progress)
    demo.close()


def test_every_row_is_taken_and_every_series_has_its_point(furnished: Furnished) -> None:
    report = furnished.demo.report
    assert report is not None
    assert (report.refused, report.duplicates, report.created) == (0, 0, [])
    assert report.added == report.rows - 1  # the removed meter's final reading is no point
    expected = {(meter.name, register.name, register.tariff) for meter in READ for register in meter.history}
    names = {point.id: point.name for point in furnished.house.catalog.points()}
    assert {
        (names[info.key.point], info.key.register, info.key.tariff) for info in furnished.house.store.series()
    } == expected


def test_two_years_of_half_hours_are_there(furnished: Furnished) -> None:
    for info in furnished.house.store.series():
        assert (info.first_at, info.last_at) == (furnished.demo.life.start + SLOT_S, LAST)
    assert furnished.demo.report is not None
    without_box = 2 * 48 - 1
    points = (LAST - furnished.demo.life.start) // SLOT_S - without_box
    assert {tally.points for tally in furnished.demo.report.series.values()} == {points}


def test_the_totals_are_those_of_the_life(furnished: Furnished) -> None:
    life, first = furnished.demo.life, furnished.demo.life.start + SLOT_S
    indexes: dict[str, Callable[[int], int]] = {
        "maison:EAST:0": lambda at: sum(meters.home_wh(life, at)),
        "maison:EASF01:1": lambda at: meters.home_wh(life, at)[0],
        "atelier:HCHP:2": lambda at: meters.workshop_wh(life, at)[1],
        "pompe-a-chaleur:import_energy:0": lambda at: meters.heat_pump_wh(life, at),
        "radiateur-salon:heat_cost:0": lambda at: meters.radiator_units(life, at),
    }
    for key, index in indexes.items():
        assert furnished.grown(key, first, LAST) == index(LAST) - index(first), key


def test_gas_keeps_the_resolution_of_its_meter(furnished: Furnished) -> None:
    point = furnished.house.store.latest(SeriesKey("gaz", "volume"))
    assert point is not None
    assert (point.value, point.exponent) == (meters.gas_10l(furnished.demo.life, LAST), 1)


def test_water_counts_on_over_the_swap(furnished: Furnished) -> None:
    life, key = furnished.demo.life, SeriesKey("eau-froide", "volume")
    (swap,) = furnished.house.store.events(key)
    assert (swap.at, swap.new_start) == (life.events.swap_at, 0)
    assert swap.old_final == meters.old_cold_water_l(life, swap.at)
    first = life.start + SLOT_S
    expected = swap.old_final - meters.old_cold_water_l(life, first) + meters.cold_water_l(life, LAST)
    assert furnished.grown(str(key), first, LAST) == expected


def test_the_index_is_known_on_both_sides_of_the_days_without_a_box(furnished: Furnished) -> None:
    life = furnished.demo.life
    start, end = life.events.gap_from, life.events.gap_until
    points = furnished.house.store.points(SeriesKey("maison", "EAST"), start, end + 1)
    assert points is not None
    assert list(points.at) == [start, end]
    assert furnished.grown("maison:EAST:0", start, end) == sum(meters.home_wh(life, end)) - sum(
        meters.home_wh(life, start)
    )


@pytest.mark.parametrize(
    ("day", "half_hours"),
    [("2025-03-30", 46), ("2025-10-26", 50), ("2026-03-29", 46), ("2026-10-25", 50), ("2026-06-01", 48)],
)
def test_the_days_of_clock_changes_have_their_own_length(furnished: Furnished, day: str, half_hours: int) -> None:
    with gzip.open(furnished.demo.directory / "history.csv.gz", "rt", newline="") as file:
        rows = [line for line in file if line.startswith(day) and ",EAST," in line]
    assert len({row.partition(",")[0] for row in rows}) == len(rows) == half_hours


def test_a_second_start_in_the_same_folder_is_the_same_house(furnished: Furnished) -> None:
    later = Demo(furnished.demo.directory, lambda: NOW + 5 * 86_400)
    try:
        assert later.life.start == furnished.demo.life.start
        later.furnish(furnished.house)
        assert later.report is None
    finally:
        later.close()
        furnished.demo.wires["linky"].unplug()
        furnished.demo.wires["linky"].replug()


def test_the_progress_goes_from_nothing_to_all(furnished: Furnished) -> None:
    assert furnished.progress[0] == 0
    assert furnished.progress == sorted(furnished.progress)
    assert furnished.progress[-1] == pytest.approx(1)
