"""Over-use is looked for once a day, in the local days of what the house keeps, and no sooner than yesterday is whole."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from random import Random
from types import SimpleNamespace
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from drivers.model import Medium, Quantity
from gateway.habits import (
    LEAST_MORE,
    NEVER,
    OUTSIDE,
    PACE_S,
    WAIT_S,
    Habits,
    least_more,
    outside_thermometer,
    thermometers,
)
from gateway.model import Point, SeriesKey
from gateway.services.model import Finding
from gateway.store import Store
from gateway.views import PointState

PARIS = ZoneInfo("Europe/Paris")
HOUR, DAY = 3600, 86_400
KEY, WALL = SeriesKey("maison", "EAST"), SeriesKey("dehors", "temperature")
FIRST, TODAY = date(2026, 3, 16), date(2026, 6, 9)  # over the beginning of summer time


def midnight(day: date, hour: int = 0) -> int:
    return int(datetime(day.year, day.month, day.day, hour, tzinfo=PARIS).timestamp())


@dataclass
class Home:
    """As much of a house as is asked: one meter of electricity and a thermometer."""

    store: Store
    at: int = midnight(TODAY, 1)
    zone: ZoneInfo = PARIS
    settings: dict[str, object] = field(default_factory=dict)
    asked: list[int] = field(default_factory=list)
    medium: Medium = Medium.ELECTRICITY
    view: dict[str, object] = field(default_factory=dict)

    @property
    def catalog(self) -> Any:
        return SimpleNamespace(setting=self.settings.get)

    def points(self) -> Any:
        quantity = Quantity.ENERGY if self.medium is Medium.ELECTRICITY else Quantity.VOLUME
        known = {
            "state": PointState.SPEAKING,
            "produces": False,
            "quantity": quantity,
            "index_series": (KEY,),
            "interval_s": None,
            **self.view,
        }
        home = SimpleNamespace(point=SimpleNamespace(id="maison", name="Maison", medium=self.medium), **known)
        wall = SimpleNamespace(point=SimpleNamespace(id="dehors", name="Mur nord", medium=Medium.OTHER), **known)
        wall.quantity = None
        return (home, wall)

    def series(self, point_id: str) -> tuple[SeriesKey, ...]:
        return tuple(info.key for info in self.store.series() if info.key.point == point_id)

    def history_start(self, point_id: str) -> int | None:
        return next((info.first_at for info in self.store.series() if info.key == KEY), None)

    async def consumption(self, point_id: str, bounds: Sequence[int]) -> list[Decimal | None]:
        self.asked.append(len(bounds))
        said = await self.store.run(self.store.consumption, KEY, bounds)
        return [Decimal(each.value) if each.complete and each.value is not None else None for each in said]

    def live(self, more_since: date, *, until: int, outside_c: float = 14.0, gap: tuple[int, int] = (0, 0)) -> None:
        """An index each hour: 200 Wh at night, 500 by day, and 400 more from a day on; a thermometer each half-hour."""
        rng, index, points = Random(1), 4_000_000, []
        quantity = Quantity.ENERGY if self.medium is Medium.ELECTRICITY else Quantity.VOLUME
        for at in range(midnight(FIRST), until + 1, HOUR):
            if not gap[0] <= at < gap[1]:
                points.append(Point(KEY, quantity, at, index, 0, main=True))
            points += [
                Point(WALL, Quantity.TEMPERATURE, at + half, round(outside_c * 10) + rng.randrange(9), -1)
                for half in (0, HOUR // 2)
            ]
            by_day = datetime.fromtimestamp(at, PARIS).hour in range(6, 23)
            index += (500 if by_day else 200) + rng.randrange(40) + (400 if at >= midnight(more_since) else 0)
        self.store.add([point for point in points if point.at <= until])


@pytest.fixture
def home(tmp_path: Path) -> Iterator[Home]:
    here: list[Home] = []
    store = Store.open(
        tmp_path / "series.db", tmp_path / "tail", zone=PARIS, now=lambda: here[0].at if here else midnight(TODAY, 1)
    )
    here.append(Home(store))
    try:
        yield here[0]
    finally:
        store.close()


SINCE = TODAY - timedelta(8)


async def found(habits: Habits, home: Home, told: Finding | None = None) -> Finding | None:
    one, unknown = await habits.find({} if told is None else {"maison": told}, {}, home.at)
    assert unknown == set()
    return one[0] if one else None


async def test_more_of_each_hour_is_told_with_its_nights_and_a_new_start_finds_the_same(home: Home) -> None:
    home.live(SINCE, until=home.at)
    one = await found(Habits(home), home)
    assert one is not None
    assert (one.point, one.kind) == ("maison", "more")
    assert abs(one.since - midnight(SINCE)) <= 2 * DAY
    assert one.at == midnight(TODAY)
    grounds = one.grounds
    assert grounds["electricity_wh_per_day"] - grounds["usual_electricity_wh_per_day"] == pytest.approx(9600, rel=0.05)
    assert grounds["night_w"] - grounds["usual_night_w"] == pytest.approx(400, rel=0.05)
    assert "degrees_c" not in grounds
    assert await found(Habits(home), home) == one


async def test_it_is_looked_once_a_day_and_reads_only_what_is_new(home: Home) -> None:
    home.live(SINCE, until=home.at + DAY)
    habits = Habits(home)
    assert await found(habits, home)
    assert sum(home.asked) > 80
    home.asked.clear()
    for _ in range(3):
        home.at += PACE_S
        assert await found(habits, home)
    assert home.asked == []
    home.at = midnight(TODAY + timedelta(1), 1)
    later = await found(habits, home)
    assert later is not None
    assert later.at == midnight(TODAY + timedelta(1))
    assert max(home.asked) <= 2 * 29, "the nights of four weeks"


async def test_yesterday_is_waited_for_and_what_was_told_stays_meanwhile(home: Home) -> None:
    home.live(SINCE, until=midnight(TODAY) - 5 * HOUR)
    habits = Habits(home)
    assert await habits.find({}, {}, home.at) == ([], {"maison"})
    told = Finding(*("habit", "maison", "more", midnight(SINCE), {"electricity_wh_per_day": 1.0}))  # type: ignore[arg-type]
    home.at = midnight(TODAY) + WAIT_S + PACE_S
    assert await habits.find({"maison": told}, {}, home.at) == ([], {"maison"}), "it is not over, and not known"


async def test_what_was_erased_is_looked_at_anew(home: Home) -> None:
    home.live(SINCE, until=home.at)
    habits = Habits(home)
    assert await found(habits, home)
    home.store.wait(home.store.erase, [KEY], midnight(FIRST), midnight(TODAY) - 10 * DAY)
    habits.changed([KEY])
    assert await found(habits, home) is None


async def test_its_owner_says_from_how_much_on(home: Home) -> None:
    home.live(SINCE, until=home.at)
    habits = Habits(home)
    for least, is_told in (
        (None, True),
        (100, False),
        (15, True),
        (NEVER, False),
        ("of another version", True),
        (7, True),
    ):
        home.settings[LEAST_MORE] = least
        assert bool(await found(habits, home)) is is_told, least
    assert least_more(home.catalog) == 25


async def test_the_thermometer_that_is_chosen_is_heard(home: Home) -> None:
    home.live(SINCE, until=home.at)
    assert [(view.point.id, key) for view, key in thermometers(home)] == [("dehors", WALL)]
    home.settings[OUTSIDE] = str(WALL)
    one = await found(Habits(home), home)
    assert one is None or "degrees_c" not in one.grounds, "so mild that no heating is known"
    habits = Habits(home)
    await habits.find({}, {}, home.at)
    known = [degrees_c for day, degrees_c in sorted(habits._outside.items()) if FIRST <= day < TODAY]
    assert len(known) == (TODAY - FIRST).days
    assert all(degrees_c == pytest.approx(14.4, abs=0.3) for degrees_c in known)
    for kept in ("nowhere:temperature:0", "no series", 3):
        home.settings[OUTSIDE] = kept
        assert await found(Habits(home), home), kept
    assert outside_thermometer(home.catalog) is None


@pytest.mark.parametrize(
    "view",
    [
        {"produces": True},
        {"state": PointState.LET_GO},
        {"index_series": ()},
        {"quantity": Quantity.HEAT_COST},
        {"quantity": None},
    ],
)
async def test_what_gives_or_was_let_go_or_counts_no_energy_is_not_judged(home: Home, view: dict[str, object]) -> None:
    home.view = view
    home.live(SINCE, until=home.at)
    assert await Habits(home).find({}, {}, home.at) == ([], set())


async def test_a_meter_that_is_heard_each_month_says_nothing_of_a_day(home: Home) -> None:
    home.view = {"interval_s": 30 * DAY}
    assert await Habits(home).find({}, {}, home.at) == ([], set())


async def test_water_that_leaks_is_a_leak_and_no_over_use(home: Home) -> None:
    home.medium = Medium.WATER
    home.live(SINCE, until=home.at)
    habits = Habits(home)
    one = await found(habits, home)
    assert one is not None
    assert "water_l_per_day" in one.grounds
    assert await habits.find({}, {"maison": (home.at - DAY, None)}, home.at) == ([], set())


async def test_the_days_of_a_leak_that_is_over_are_no_over_use(home: Home) -> None:
    home.medium = Medium.WATER
    home.live(SINCE, until=home.at)
    leaked = {"maison": (midnight(SINCE, 9), home.at - 600)}
    assert await Habits(home).find({}, leaked, home.at) == ([], set())
    long_ago = {"maison": (midnight(SINCE) - 9 * DAY, midnight(SINCE) - 8 * DAY)}
    (one,), _ = await Habits(home).find({}, long_ago, home.at)
    assert one.since == midnight(SINCE + timedelta(1))


async def test_without_a_thermometer_the_first_autumn_is_not_judged_but_for_water(home: Home) -> None:
    home.at = midnight(TODAY + timedelta(150), 1)
    home.live(SINCE + timedelta(150), until=home.at)
    assert await found(Habits(home), home) is None
    home.medium, home.view = Medium.WATER, {"quantity": Quantity.ENERGY}
    assert await Habits(home).find({}, {}, home.at) == ([], set()), "kilowatt-hours are no litres"
