"""The services hear all that the house reads, once, and what they find is told while it lasts."""

import asyncio
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import contextmanager
from decimal import Decimal
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from drivers.model import Medium, Quantity
from gateway.model import Point, SeriesKey
from gateway.services.leak import Leak
from gateway.services.model import Finding, Service, Story
from gateway.store import Points, Store, StoreError
from gateway.watch import LEAST_LEAK, LOOK_S, NEVER, Watch

NOW = 1_790_000_000
DAY = 86_400
KEY, COLD = SeriesKey("eau", "volume"), SeriesKey("eau", "external_temperature")


class Told:
    """Instead of the alerts: what was told last."""

    def __init__(self) -> None:
        self.findings: list[Finding] = []
        self.cold: list[Finding] = []
        self.silent: list[Finding] = []
        self.unknown: dict[Service, set[str]] = {}
        self.count = 0

    async def tell(
        self, now: int, service: Service, findings: Sequence[Finding], unknown: Collection[str] = ()
    ) -> list[Story]:
        self.count += 1
        self.unknown[service] = set(unknown)
        match service:
            case Service.LEAK:
                self.findings = list(findings)
            case Service.FROST:
                self.cold = list(findings)
            case Service.SILENCE:
                self.silent = list(findings)
        return []

    def open(self) -> list[Story]:
        return [Story(1, finding, NOW) for finding in (*self.findings, *self.silent)]


class Home:
    """As much of a house as is looked at: one water meter."""

    def __init__(self, store: Store) -> None:
        self.store = store
        self.at = NOW
        self.dating = True
        self.zone = ZoneInfo("Europe/Paris")
        self.ids = ["eau"]
        self.register = KEY.register
        self.settings: dict[str, object] = {}
        self.catalog = SimpleNamespace(setting=self.settings.get)
        self.store_trouble: str | None = None
        self.card_full = False
        self.keys_trouble: str | None = None
        self.heard_at: int | None = None  # since the start
        self.status: tuple[str, ...] = ()

    def now(self) -> int:
        return self.at

    def points(self) -> Any:
        latest = self.store.latest(KEY)
        return tuple(
            SimpleNamespace(
                point=SimpleNamespace(id=id_, medium=Medium.WATER),
                index_series=(SeriesKey(id_, self.register),),
                address=f"wmbus:RLV:{id_}",
                state=None,
                port=None if self.heard_at is None else "radio",
                heard_at=self.heard_at or (latest.at if latest else None),
                telegrams=int(self.heard_at is not None),
                interval_s=None,
                status=self.status,
                quantity=Quantity.VOLUME,
                produces=False,
            )
            for id_ in self.ids
        )

    def ports(self) -> Any:
        return ()

    def history_start(self, point_id: str) -> int | None:
        return next((info.first_at for info in self.store.series()), None)

    def series(self, point_id: str) -> tuple[SeriesKey, ...]:
        return (SeriesKey(point_id, "volume"), SeriesKey(point_id, "external_temperature"))

    async def consumption(self, point_id: str, bounds: Sequence[int]) -> list[Decimal | None]:
        said = await self.store.run(self.store.consumption, SeriesKey(point_id, self.register), bounds)
        return [Decimal(each.value).scaleb(each.exponent) if each.complete and each.value else None for each in said]

    def read(self, *values: tuple[int, int], exponent: int = 0, key: SeriesKey = KEY) -> None:
        self.store.add([Point(key, Quantity.VOLUME, at, value, exponent, main=True) for at, value in values])
        self.at = values[-1][0]


@contextmanager
def home(path: Path) -> Iterator[Home]:
    here: list[Home] = []
    store = Store.open(
        path / "series.db", path / "tail", zone=ZoneInfo("Europe/Paris"), now=lambda: here[0].at if here else NOW
    )
    here.append(Home(store))
    try:
        yield here[0]
    finally:
        store.close()


def running(start: int, hours: float, index: int, l_per_10_min: int) -> list[tuple[int, int]]:
    return [(start + n * 600, index + n * l_per_10_min) for n in range(int(hours * 6))]


async def test_what_was_read_before_the_start_counts_and_each_reading_once(tmp_path: Path) -> None:
    with home(tmp_path) as here:
        told, other = Told(), Told()
        watch = Watch(here, told)
        here.read(*running(NOW - 2 * DAY, 40, 1000, 2))
        await watch.look()
        (one,) = told.findings
        assert (one.point, one.kind, one.since) == ("eau", "toilet", NOW - 2 * DAY)
        last = here.at
        here.read(*running(last + 600, 3, 1000 + 240 * 2, 2))
        await watch.look()
        (later,) = told.findings
        await Watch(here, other).look()
        assert other.findings == [later], "a restart finds the same"
        assert later.grounds["hours"] == one.grounds["hours"] + 3


async def test_an_exchange_of_the_meter_in_the_middle_goes_on(tmp_path: Path) -> None:
    with home(tmp_path) as here:
        told = Told()
        watch = Watch(here, told)
        here.read(*running(NOW - 2 * DAY, 20, 987_000, 2))
        await watch.look()
        swapped = here.at + 600
        here.read(*running(swapped, 20, 5, 2))
        here.store.swap(KEY, swapped, 987_240, 5, 0)
        watch.changed([KEY])
        await watch.look()
        (one,) = told.findings
        assert one.since == NOW - 2 * DAY
        assert round(one.grounds["l_per_h"]) == 12


async def test_a_meter_that_begins_to_count_finer_is_looked_at_anew(tmp_path: Path) -> None:
    with home(tmp_path) as here:
        told = Told()
        watch = Watch(here, told)
        here.read(*running(NOW - 2 * DAY, 30, 1000, 2))
        await watch.look()
        assert told.findings
        here.read(*((at, value * 1000) for at, value in running(here.at + 600, 6, 1000 + 180 * 2, 2)), exponent=-3)
        await watch.look()
        (one,) = told.findings
        assert one.since == NOW - 2 * DAY


async def test_what_was_erased_is_no_longer_a_ground(tmp_path: Path) -> None:
    with home(tmp_path) as here:
        told = Told()
        watch = Watch(here, told)
        here.read(*running(NOW - 2 * DAY, 40, 1000, 2))
        await watch.look()
        assert told.findings
        here.store.wait(here.store.erase, [KEY], NOW - 2 * DAY, here.at - 3600)
        watch.changed([KEY])
        await watch.look()
        assert told.findings == []


async def test_a_meter_that_says_that_it_is_about_to_freeze_is_heard(tmp_path: Path) -> None:
    with home(tmp_path) as here:
        told = Told()
        points = [
            Point(COLD, Quantity.TEMPERATURE, NOW - (5 - n) * 3600, tenths, -1)
            for n, tenths in enumerate((45, 40, 35, 30, 25, 21))
        ]
        here.store.add(points)
        here.at = NOW
        await Watch(here, told).look()
        (one,) = told.cold
        assert (one.point, one.kind, one.service) == ("eau", "near", Service.FROST)
        assert round(one.grounds["degrees_c"], 3) == 2.1
        here.at = NOW + 2 * DAY
        await Watch(here, told).look()
        assert told.cold == []


async def test_a_leak_is_told_from_as_much_on_as_its_owner_says(tmp_path: Path) -> None:
    with home(tmp_path) as here:
        told = Told()
        watch = Watch(here, told)
        here.read(*running(NOW - 2 * DAY, 40, 1000, 2))
        for least, is_told in ((None, True), (10, True), (25, False), (NEVER, False), ("of another version", True)):
            here.settings[LEAST_LEAK] = least
            await watch.look()
            assert bool(told.findings) is is_told, least


async def test_while_the_time_is_not_known_nothing_is_told(tmp_path: Path) -> None:
    with home(tmp_path) as here:
        told = Told()
        here.dating = False
        here.read(*running(NOW - 2 * DAY, 40, 1000, 2))
        await Watch(here, told).look()
        assert told.count == 0


# -- silence: what the house heard, as the service is asked --------------------------------------------------------------


async def listen(watch: Watch, here: Home, hours: float) -> None:
    """Time passes, and the box looks each five minutes."""
    until = here.at + int(hours * 3600)
    while here.at < until:
        here.at += int(LOOK_S)
        await watch.look(past_s=DAY)


def each_hour(days: int, skipped: Callable[[int], bool] = lambda hour: False) -> list[tuple[int, int]]:
    """An index of hours, up to NOW, but for those that are skipped."""
    return [(NOW - (days * 24 - n) * 3600, n) for n in range(days * 24 + 1) if not skipped(n)]


async def test_a_meter_that_falls_silent_is_told_and_a_restart_tells_nothing_new(tmp_path: Path) -> None:
    with home(tmp_path) as here:
        told = Told()
        here.read(*each_hour(20))
        here.heard_at = NOW
        watch = Watch(here, told)
        await listen(watch, here, 6)
        assert told.silent == []
        await listen(watch, here, 0.2)
        (one,) = told.silent
        assert (one.service, one.point, one.kind, one.since) == (Service.SILENCE, "eau", "silent", NOW)
        here.heard_at, again = None, Told()
        await listen(Watch(here, again), here, 5.9)
        assert again.silent == [], "the box itself has not listened so long"
        here.at += 3600
        await listen(Watch(here, told), here, 0.1)
        assert told.silent == [one], "it goes on"
        here.heard_at = here.at
        await listen(Watch(here, told), here, 0.1)
        assert told.silent == []


async def test_a_box_that_slept_or_whose_clock_was_set_tells_no_silence(tmp_path: Path) -> None:
    with home(tmp_path) as here:
        told = Told()
        here.read(*each_hour(20))
        here.heard_at = NOW
        watch = Watch(here, told)
        await listen(watch, here, 1)
        for leap in (9 * 3600, -1800):
            here.at += leap
            await listen(watch, here, 5)
            assert told.silent == []


async def test_a_meter_that_speaks_in_working_hours_is_not_silent_at_night(tmp_path: Path) -> None:
    with home(tmp_path) as here:
        told = Told()
        here.read(*each_hour(20, lambda hour: hour % 24 > 10))  # of each day eleven hours, the last one just begins
        here.heard_at = NOW
        watch = Watch(here, told)
        await listen(watch, here, 20.9)
        assert told.silent == []
        await listen(watch, here, 0.3)
        assert [one.grounds["patience_s"] for one in told.silent] == [1.5 * 14 * 3600]


async def test_what_a_meter_says_of_itself_is_told_as_a_story_of_its_own(tmp_path: Path) -> None:
    with home(tmp_path) as here:
        told = Told()
        here.read(*each_hour(20))
        here.heard_at, here.status = NOW, ("battery low", "leak")
        watch = Watch(here, told)
        await listen(watch, here, 0.2)
        assert [one.kind for one in told.silent] == ["battery low"]
        here.status = ()
        await listen(watch, here, 0.1)
        assert told.silent == []


async def test_a_card_that_refuses_and_late_back_ups_are_told(tmp_path: Path) -> None:
    with home(tmp_path) as here:
        told = Told()
        schedule = SimpleNamespace(every_s=DAY, last_at=NOW - 3 * DAY)
        here.store_trouble, here.card_full, here.keys_trouble = "database or disk is full", True, "keys.json: damaged"
        watch = Watch(here, told, schedule)
        await listen(watch, here, 0.1)
        assert told.silent == []
        await listen(watch, here, 0.2)
        assert {(one.point, one.kind) for one in told.silent} == {("box:card", "full"), ("box:keys", "keys")}
        here.store_trouble = here.keys_trouble = None
        await listen(watch, here, 2)
        assert [(one.point, one.kind) for one in told.silent] == [("box:backup", "late")]
        schedule.last_at = here.at
        await listen(watch, here, 0.1)
        assert told.silent == []


async def test_a_damaged_day_of_one_meter_blinds_nobody_to_the_others_and_ends_no_story(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with home(tmp_path) as here:
        here.ids = ["eau", "jardin"]
        told = Told()
        watch = Watch(here, told)
        here.read(*running(NOW - 2 * DAY, 40, 1000, 2))
        here.read(*running(NOW - 2 * DAY, 40, 1000, 2), key=SeriesKey("jardin", "volume"))
        points = Store.points

        def damaged(store: Store, key: SeriesKey, start: int, end: int) -> Points | None:
            if key.point == "eau":
                raise StoreError("series.db: damaged")
            return points(store, key, start, end)

        monkeypatch.setattr(Store, "points", damaged)
        await watch.look()
        assert [one.point for one in told.findings] == ["jardin"]
        assert told.unknown[Service.LEAK] == {"eau"}
        monkeypatch.setattr(Store, "points", points)
        await watch.look()
        assert {one.point for one in told.findings} == {"eau", "jardin"}
        assert not told.unknown[Service.LEAK]


async def test_a_change_that_comes_while_others_are_taken_in_is_not_lost(tmp_path: Path) -> None:
    with home(tmp_path) as here:
        told = Told()
        watch = Watch(here, told)
        here.read(*running(NOW - 2 * DAY, 40, 1000, 2))
        await watch.look()
        assert told.findings
        here.store.wait(here.store.erase, [KEY], NOW - 2 * DAY, here.at - 3600)

        class Noticed(dict[SeriesKey, Any]):
            """From the store's thread, just while the watch takes in another one's."""

            def pop(self, key: SeriesKey, *default: Any) -> Any:
                if key != KEY:
                    watch.changed([KEY])
                return super().pop(key, *default)

        monkey: Any = watch
        monkey._leaks = Noticed(monkey._leaks)
        watch.changed([SeriesKey("jardin", "volume")])
        await watch.look()
        await watch.look()
        assert told.findings == []


async def test_nobody_waits_long_while_two_months_are_heard_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A meter each ten seconds: half a million readings at the start, in the event loop that the ports share."""
    without_a_turn = [0, 0]  # now, at most

    class Counted(Leak):
        def hear(self, at: int, steps: int) -> None:
            without_a_turn[0] += 1
            without_a_turn[1] = max(without_a_turn)
            super().hear(at, steps)

    async def others() -> None:
        while True:
            without_a_turn[0] = 0
            await asyncio.sleep(0)

    monkeypatch.setattr("gateway.watch.Leak", Counted)
    with home(tmp_path) as here:
        ats = range(NOW - 7 * DAY, NOW, 10)
        here.store.wait(here.store.bulk, KEY, Quantity.VOLUME, 0, True, ats, [at // 20 for at in ats])
        other = asyncio.create_task(others())
        await Watch(here, Told()).look()
        other.cancel()
    assert 0 < without_a_turn[1] <= 500


async def test_a_meter_that_fell_silent_is_not_said_to_run_on(tmp_path: Path) -> None:
    with home(tmp_path) as here:
        told = Told()
        watch = Watch(here, told)
        here.read(*running(NOW - 2 * DAY, 40, 1000, 2))
        heard_to = here.at
        here.at += 5 * DAY
        await watch.look()
        (one,) = told.findings
        assert one.at == heard_to


async def test_hot_water_that_is_counted_in_kilowatt_hours_is_no_water(tmp_path: Path) -> None:
    with home(tmp_path) as here:
        told = Told()
        here.register = "energy"
        key = SeriesKey("eau", here.register)
        here.store.add(
            [Point(key, Quantity.ENERGY, NOW - 2 * DAY + n * 600, n * 200, 0, main=True) for n in range(280)]
        )
        await Watch(here, told).look()
        assert told.findings == []


async def test_a_stairwell_of_meters_is_looked_at_one_by_one(tmp_path: Path) -> None:
    """Which series a meter has takes milliseconds where there are hundreds: others have their turn in between."""
    with home(tmp_path) as here:
        here.ids = [f"eau-{n}" for n in range(50)]
        here.store.add([Point(COLD, Quantity.TEMPERATURE, NOW, 90, -1)])
        asked = at_most = 0

        class Counted(Home):
            def series(self, point_id: str) -> tuple[SeriesKey, ...]:
                nonlocal asked, at_most
                asked += 1
                at_most = max(asked, at_most)
                return super().series(point_id)

        async def others() -> None:
            nonlocal asked
            while True:
                asked = 0
                await asyncio.sleep(0)

        here.__class__ = Counted
        other = asyncio.create_task(others())
        await Watch(here, Told()).look()
        other.cancel()
        assert at_most == 1


async def test_what_is_erased_while_it_is_heard_is_told_no_more(tmp_path: Path) -> None:
    """Its stories were erased with it: one that came after would stay."""
    with home(tmp_path) as here:
        told = Told()
        here.read(*running(NOW - 2 * DAY, 40, 1000, 2))

        class Erasing(Leak):
            def hear(self, at: int, steps: int) -> None:
                super().hear(at, steps)
                watch.changed([KEY])

        watch = Watch(here, told)
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr("gateway.watch.Leak", Erasing)
            await watch.look()
        assert told.findings == []
        assert told.unknown[Service.LEAK] == {"eau"}
        await watch.look()
        assert told.findings
