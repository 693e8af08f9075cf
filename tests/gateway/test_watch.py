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

from drivers.model import Medium, Quantity, State
from gateway import absence
from gateway.catalog import THERMOMETERS
from gateway.model import Point, SeriesKey
from gateway.services.leak import Leak
from gateway.services.model import Finding, Service, Story
from gateway.services.room import Space
from gateway.store import Points, Store, StoreError
from gateway.views import PointState
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
        return [
            Story(1, finding, NOW, found_at=finding.at or NOW) for finding in (*self.findings, *self.cold, *self.silent)
        ]

    def last(self) -> list[Story]:
        return self.open()


class Home:
    """As much of a house as is looked at: one water meter."""

    def __init__(self, store: Store) -> None:
        self.store = store
        self.at = NOW
        self.dating = True
        self.zone = ZoneInfo("Europe/Paris")
        self.ids = ["eau"]
        self.register = KEY.register
        self.medium = Medium.WATER
        self.settings: dict[str, object] = {}
        self.catalog = SimpleNamespace(setting=self.settings.get)
        self.store_trouble: str | None = None
        self.card_full = False
        self.keys_trouble: str | None = None
        self.unvouched_s: float | None = None
        self.free_bytes = 10**10
        self.heard_at: int | None = None  # since the start
        self.status: tuple[str, ...] = ()
        self.state: PointState | None = None
        self.reading = State.DECODED  # what became of its last message

    def now(self) -> int:
        return self.at

    def card_space(self) -> Space:
        return Space(self.free_bytes, 10**11)

    def points(self) -> Any:
        latest = self.store.latest(KEY)
        return tuple(
            SimpleNamespace(
                point=SimpleNamespace(id=id_, medium=self.medium),
                index_series=(SeriesKey(id_, self.register),),
                address=f"wmbus:RLV:{id_}",
                state=self.state,
                reading=self.reading,
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


@pytest.mark.parametrize("l_per_10_min", [2, 0])
async def test_another_meter_in_its_place_ends_no_leak_before_it_could_have_found_it(
    tmp_path: Path, l_per_10_min: int
) -> None:
    with home(tmp_path) as here:
        told = Told()
        watch = Watch(here, told)
        here.read(*running(NOW - 2 * DAY, 40, 987_000, 2))
        await watch.look()
        (before,) = told.findings
        here.register, swapped = "volume_2", here.at + 600
        for hours in (1, 23, 30):
            here.read(*running(swapped, hours, 5, l_per_10_min), key=SeriesKey("eau", here.register))
            await watch.look()
            if hours < before.grounds["limit_h"]:
                assert (told.findings, told.unknown[Service.LEAK]) == ([], {"eau"}), "nobody knows whether it goes on"
                told.findings = [before]
        assert told.unknown[Service.LEAK] == set()
        assert [one.since for one in told.findings] == ([swapped] if l_per_10_min else [])


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


async def test_a_card_that_is_nearly_full_is_told_and_gives_way_when_it_refuses(tmp_path: Path) -> None:
    with home(tmp_path) as here:
        told = Told()
        here.free_bytes = 10**8
        watch = Watch(here, told)
        await listen(watch, here, 0.5)
        assert told.silent == []
        await listen(watch, here, 2)
        assert [(one.point, one.kind, one.grounds) for one in told.silent] == [
            ("box:card", "nearly full", {"free_mb": 100.0})
        ]
        here.store_trouble, here.card_full = "database or disk is full", True
        await listen(watch, here, 0.3)
        assert [(one.point, one.kind) for one in told.silent] == [("box:card", "full")]
        here.store_trouble, here.free_bytes = None, 10**9
        await listen(watch, here, 2.1)
        assert told.silent == []


async def test_a_clock_that_nobody_has_set_right_for_a_month_is_told(tmp_path: Path) -> None:
    with home(tmp_path) as here:
        told = Told()
        here.unvouched_s = 31.0 * DAY
        await Watch(here, told).look()
        assert [(one.point, one.kind, one.since) for one in told.silent] == [
            ("box:clock", "unconfirmed", here.at - 31 * DAY)
        ]


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


async def test_a_meter_that_was_let_go_of_leaks_no_more(tmp_path: Path) -> None:
    with home(tmp_path) as here:
        told = Told()
        watch = Watch(here, told)
        here.read(*running(NOW - 2 * DAY, 3, 1000, 0), *running(NOW - 2 * DAY + 4 * 3600, 44, 1000, 4))
        await watch.look()
        assert [one.kind for one in told.findings] == ["toilet"]
        here.state = PointState.LET_GO
        await watch.look()
        assert told.findings == []


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


# -- what a water meter says itself of a leak -----------------------------------------------------------------------------


async def test_a_meters_own_bit_is_a_leak_after_ten_minutes_and_a_restart_neither_raises_nor_ends_it(
    tmp_path: Path,
) -> None:
    with home(tmp_path) as here:
        told = Told()
        here.read(*running(NOW - DAY, 24, 1000, 0))
        here.heard_at, here.status = NOW, ("leak", "burst (earlier)")
        watch = Watch(here, told)
        await watch.look()
        assert told.findings == []
        await listen(watch, here, 0.2)
        (one,) = told.findings
        assert (one.kind, one.at) == ("meter leak", NOW)
        assert "l_per_h" not in one.grounds
        anew = Watch(here, told)
        here.heard_at = None
        await anew.look()
        assert told.findings == []
        assert told.unknown[Service.LEAK] == {"eau"}, "it is not over: the meter was not heard yet"
        told.findings = [one]
        here.heard_at = here.at
        await anew.look()
        assert [(each.kind, each.since) for each in told.findings] == [("meter leak", one.since)]
        here.status = ()
        await anew.look()
        assert (told.findings, told.unknown[Service.LEAK]) == ([], set())


async def test_bits_that_cannot_be_read_end_nothing_and_begin_nothing(tmp_path: Path) -> None:
    with home(tmp_path) as here:
        told = Told()
        here.read(*running(NOW - DAY, 24, 1000, 0))
        here.heard_at, here.status, here.reading = NOW, ("leak",), State.KEY_MISSING
        watch = Watch(here, told)
        await listen(watch, here, 1)
        assert (told.findings, told.unknown[Service.LEAK]) == ([], set())
        here.reading = State.DECODED
        await listen(watch, here, 0.3)
        assert told.findings
        before = list(told.findings)
        here.reading, here.status = State.WRONG_KEY, ()
        await watch.look()
        assert (told.findings, told.unknown[Service.LEAK]) == ([], {"eau"})
        told.findings = before
        here.reading = State.DECODED
        await watch.look()
        assert (told.findings, told.unknown[Service.LEAK]) == ([], set())


async def test_a_leak_that_the_index_shows_keeps_its_figures_beside_the_meters_word(tmp_path: Path) -> None:
    with home(tmp_path) as here:
        told = Told()
        here.read(*running(NOW - 2 * DAY, 40, 1000, 2))
        here.heard_at, here.status = here.at, ("burst",)
        watch = Watch(here, told)
        await listen(watch, here, 0.3)
        (one,) = told.findings
        assert (one.kind, one.rank, round(one.grounds["l_per_h"])) == ("toilet", 3, 12)
        assert one.grounds["meter_burst_at"] <= here.at - 600
        for least, kinds in ((25, ["meter burst"]), (NEVER, [])):
            here.settings[LEAST_LEAK] = least
            await watch.look()
            assert [each.kind for each in told.findings] == kinds
        here.settings[LEAST_LEAK], here.status = 25, ("leak",)
        await listen(watch, here, 0.3)
        assert told.findings == [], "its owner wants to be told of more"


async def test_a_meter_that_is_read_twice_says_so_at_both_of_its_leaks(tmp_path: Path) -> None:
    with home(tmp_path) as here:
        here.ids = ["eau", "radio"]
        told = Told()
        start = NOW - 2 * DAY
        said = [(at, index + (at - start) // 7200 * 40) for at, index in running(start, 48, 1000, 2)]
        here.read(*said)
        here.read(*((at + 60, 10 * index + 5) for at, index in said), exponent=-1, key=SeriesKey("radio", "volume"))
        await Watch(here, told).look()
        common = {one.point: {name for name in one.grounds if ":" in name} for one in told.findings}
        assert common == {"eau": {"within_l:radio", "holds_l:radio"}, "radio": {"within_l:eau", "holds_l:eau"}}


@pytest.mark.parametrize(
    ("medium", "kinds"), [(Medium.HEAT, ["heating leak"]), (Medium.GAS, []), (Medium.HOT_WATER, ["meter leak"])]
)
async def test_a_heat_meters_bit_is_a_leak_of_the_heating_and_a_gas_meters_is_no_water(
    tmp_path: Path, medium: Medium, kinds: list[str]
) -> None:
    with home(tmp_path) as here:
        told = Told()
        here.read(*running(NOW - DAY, 24, 1000, 0))
        here.medium, here.heard_at, here.status = medium, NOW, ("leak",)
        await listen(Watch(here, told), here, 0.3)
        assert [one.kind for one in told.findings] == kinds


# -- while nobody is at home ---------------------------------------------------------------------------------------------


def leave(here: Home, since: int, until: int | None = None) -> None:
    here.settings[absence.SETTING] = dict(absence.Absence(since, until).as_setting)


async def test_while_nobody_is_at_home_a_few_litres_are_told_and_a_restart_tells_the_same(tmp_path: Path) -> None:
    with home(tmp_path) as here:
        told, again = Told(), Told()
        watch = Watch(here, told)
        here.read(*running(NOW - 2 * DAY, 24, 1000, 0))
        leave(here, here.at)
        await watch.look()
        # What runs first is the dishwasher that they started.
        here.read(*running(here.at + 600, 4, 1000, 2))
        here.read(*running(here.at + 600, 5, 1046, 0))
        await watch.look()
        assert told.findings == []
        last = here.at
        here.read((last + 600, 1049), (last + 1200, 1055))
        await watch.look()
        (one,) = told.findings
        assert (one.kind, one.since, one.grounds["used_l"]) == ("used", last, 9)
        await Watch(here, again).look()
        assert again.findings == [one]
        here.settings[absence.SETTING] = None  # somebody says that they are back
        await watch.look()
        assert told.findings == []


async def test_it_ends_by_itself_at_its_hour_and_not_while_the_time_is_not_known(tmp_path: Path) -> None:
    with home(tmp_path) as here:
        told = Told()
        watch = Watch(here, told)
        here.read(*running(NOW - 2 * DAY, 24, 1000, 0))
        leave(here, here.at, here.at + DAY)
        here.read(*running(here.at + 600, 20, 1000, 0))
        here.read((here.at + 600, 1041))
        await watch.look()
        assert [one.kind for one in told.findings] == ["used"]
        here.at += 4 * 3600
        here.dating, count = False, told.count
        await watch.look()
        assert told.count == count
        here.dating = True
        await watch.look()
        assert told.findings == []
        here.read((here.at + 600, 1200))
        await watch.look()
        assert told.findings == []


async def test_a_meter_that_is_exchanged_meanwhile_has_used_nothing(tmp_path: Path) -> None:
    with home(tmp_path) as here:
        told = Told()
        watch = Watch(here, told)
        here.read(*running(NOW - 2 * DAY, 10, 987_000, 0))
        leave(here, here.at)
        here.read(*running(here.at + 600, 10, 987_000, 0))
        await watch.look()
        swapped = here.at + 600
        here.read(*running(swapped, 10, 5, 0))
        here.store.swap(KEY, swapped, 987_000, 5, 0)
        watch.changed([KEY])
        await watch.look()
        assert told.findings == []


async def test_a_leak_that_is_found_meanwhile_is_told_as_the_leak_that_it_is(tmp_path: Path) -> None:
    with home(tmp_path) as here:
        told = Told()
        watch = Watch(here, told)
        here.read(*running(NOW - 3 * DAY, 10, 1000, 0))
        leave(here, here.at)
        here.read(*running(here.at + 600, 10, 1000, 2))
        await watch.look()
        assert [one.kind for one in told.findings] == ["used"]
        here.read(*running(here.at + 600, 20, 1120, 2))
        await watch.look()
        assert [one.kind for one in told.findings] == ["toilet"]


async def test_a_leak_that_ended_while_nobody_is_at_home_is_no_use_after_a_restart_either(tmp_path: Path) -> None:
    with home(tmp_path) as here:
        told, again = Told(), Told()
        watch = Watch(here, told)
        here.read(*running(NOW - 4 * DAY, 2, 1000, 0), *running(NOW - 4 * DAY + 3 * 3600, 45, 1000, 2))
        await watch.look()
        leave(here, here.at)
        last = here.store.latest(KEY)
        assert last is not None
        for at, index in running(here.at + 600, 24, last.value, 2):
            here.read((at, index))
            await watch.look()
        assert [one.kind for one in told.findings] == ["toilet"]
        last = here.store.latest(KEY)
        assert last is not None
        here.read(*running(here.at + 600, 4, last.value, 0))
        await watch.look()
        assert told.findings == []
        await Watch(here, again).look()
        assert again.findings == []


async def test_what_was_chosen_is_asked_for_at_each_look(tmp_path: Path) -> None:
    with home(tmp_path) as here:
        told = Told()
        watch = Watch(here, told)
        here.read(*running(NOW - 2 * DAY, 10, 1000, 0))
        leave(here, here.at)
        here.read(*running(here.at + 600, 10, 1000, 0))
        here.settings[absence.LEAST_USED] = 20
        here.read((here.at + 600, 1010))
        await watch.look()
        assert told.findings == []
        here.settings[absence.LEAST_USED] = 2
        here.read((here.at + 600, 1014))
        await watch.look()
        assert [one.grounds["used_l"] for one in told.findings] == [14]


def said_degrees(here: Home, point: str, *tenths: int, at: int = NOW) -> None:
    key = SeriesKey(point, COLD.register)
    here.store.add(
        [
            Point(key, Quantity.TEMPERATURE, at - (len(tenths) - 1 - number) * 3600, value, -1)
            for number, value in enumerate(tenths)
        ]
    )


async def test_cold_is_told_sooner_while_nobody_is_at_home(tmp_path: Path) -> None:
    with home(tmp_path) as here:
        told = Told()
        said_degrees(here, "eau", 48, 48, 48, 48)
        watch = Watch(here, told)
        await watch.look()
        assert told.cold == []
        leave(here, NOW)
        await watch.look()
        assert [(one.kind, one.rank) for one in told.cold] == [("cold", 0)]
        here.settings[absence.COLD] = 4
        await watch.look()
        assert told.cold == []


async def test_a_thermometer_beside_the_meter_is_heard_and_one_that_is_silent_or_absurd_says_nothing(
    tmp_path: Path,
) -> None:
    with home(tmp_path) as here:
        told = Told()
        watch = Watch(here, told)
        said_degrees(here, "eau", 90, 90, 90, 90)
        said_degrees(here, "cellier", 21, 21, 21, 21)
        await watch.look()
        assert told.cold == []
        here.settings[THERMOMETERS] = {"eau": ["cellier", COLD.register]}
        await watch.look()
        (one,) = told.cold
        assert (one.point, one.kind, one.grounds["beside"]) == ("eau", "near", 1)
        said_degrees(here, "cellier", -1270, at=NOW + 600)  # a loose wire
        here.at = NOW + 600
        await watch.look()
        assert [round(one.grounds["degrees_c"], 1) for one in told.cold] == [2.1]
        here.at = NOW + 6 * 3600 + 1
        await watch.look()
        assert (told.cold, told.unknown[Service.FROST]) == ([], {"eau"}), "a flat battery is no thaw"
        told.cold = [one]
        gone: object
        for gone in ({"eau": ["cellier", "temperature"]}, {"eau": "cellier"}, ["cellier"], {"eau": []}):
            here.settings[THERMOMETERS] = gone
            here.at = NOW
            await watch.look()
            assert (told.cold, told.unknown[Service.FROST]) == ([], set()), gone


async def test_frost_of_which_nobody_knows_goes_on_for_a_week_and_is_over_once_it_is_warm(tmp_path: Path) -> None:
    with home(tmp_path) as here:
        told = Told()
        watch = Watch(here, told)
        said_degrees(here, "eau", 2, 2, 2, 2)
        await watch.look()
        (one,) = told.cold
        for days, unknown in ((1, {"eau"}), (7, {"eau"}), (8, set())):
            here.at = NOW + days * DAY
            await watch.look()
            assert (told.cold, told.unknown[Service.FROST]) == ([], unknown)
            told.cold = [one]
        here.at = NOW + DAY
        said_degrees(here, "eau", 90, at=here.at)
        await watch.look()
        assert (told.cold, told.unknown[Service.FROST]) == ([], set())


async def test_cold_that_was_told_as_nobody_was_at_home_is_over_when_somebody_is_back(tmp_path: Path) -> None:
    with home(tmp_path) as here:
        told = Told()
        watch = Watch(here, told)
        said_degrees(here, "eau", 48, 48, 48, 48)
        leave(here, NOW)
        await watch.look()
        (one,) = told.cold
        for there, unknown in ((False, {"eau"}), (True, set())):
            here.at = NOW + DAY
            if there:
                here.settings[absence.SETTING] = None
            await watch.look()
            assert (told.cold, told.unknown[Service.FROST]) == ([], unknown)
            told.cold = [one]


async def test_the_lowest_that_it_was_is_known_when_it_is_long_past(tmp_path: Path) -> None:
    with home(tmp_path) as here:
        told = Told()
        watch = Watch(here, told)
        for tenths in (-30, 20, 25):
            here.at += DAY
            said_degrees(here, "eau", tenths, at=here.at)
            await watch.look()
        (one,) = told.cold
        assert (one.kind, one.grounds["lowest_c"], one.grounds["least_c"]) == ("near", 2.5, -3.0)


async def test_of_what_a_meter_and_the_thermometer_beside_it_say_the_worst_is_told(tmp_path: Path) -> None:
    with home(tmp_path) as here:
        told = Told()
        here.settings[THERMOMETERS] = {"eau": ["cellier", COLD.register]}
        said_degrees(here, "eau", 2, 2, 2, 2)
        said_degrees(here, "cellier", 25, 25, 25, 25)
        await Watch(here, told).look()
        (one,) = told.cold
        assert one.kind == "freezing"
        assert "beside" not in one.grounds
