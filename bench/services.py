"""What the services cost: one more day of a house of twenty series, two of them water meters that say a temperature, one a thermometer outside, and a year replayed.

The gateway's own way: a real store, a look each five minutes, stories in a real ledger. Aims: a day under 200 ms of processor and 20 MB; a year under 10 s.
"""

import asyncio
import math
import sys
import tempfile
import time
import tracemalloc
from collections.abc import Sequence
from decimal import Decimal
from pathlib import Path
from random import Random
from types import SimpleNamespace
from typing import Any
from zoneinfo import ZoneInfo

from drivers.model import Medium, Quantity, State
from gateway import habits
from gateway.alerts import Alerts
from gateway.ledger import Ledger
from gateway.model import Point, SeriesKey
from gateway.services.room import Space
from gateway.store import Store
from gateway.views import PointState, PortView
from gateway.watch import LOOK_S, Watch
from tests.house import Clock, house

DAY_S, MINUTE_S = 86_400, 60
START = 1_790_000_000 // DAY_S * DAY_S
WATER = ("eau-froide", "eau-chaude")
DRY = tuple(f"compteur-{number}" for number in range(15))
OUTSIDE = SeriesKey("dehors", "temperature")
SETTINGS = {habits.OUTSIDE: str(OUTSIDE)}
DAYS = 365
COMMIT_DAYS = 30


class Home:
    """As much of a house as the services ask."""

    def __init__(self, folder: Path) -> None:
        self.at = START
        self.dating = True
        self.catalog = SimpleNamespace(setting=SETTINGS.get)
        self.store_trouble = self.keys_trouble = None
        self.card_full = False
        self.unvouched_s = None
        self.store = Store.open(
            folder / "series.db", folder / "tail", zone=ZoneInfo("Europe/Paris"), now=lambda: self.at
        )
        self._rng = Random(1)
        self._litres = dict.fromkeys(WATER, 612_000)
        self._wh = dict.fromkeys(DRY, 4_000_000.0)
        self.zone = ZoneInfo("Europe/Paris")

    def card_space(self) -> Space:
        return Space(10**10, 10**11)

    def now(self) -> int:
        return self.at

    def points(self) -> Any:
        media = {**dict.fromkeys(WATER, Medium.WATER), **dict.fromkeys(DRY, Medium.ELECTRICITY)}
        return tuple(self._view(id_, medium) for id_, medium in media.items())

    def _view(self, id_: str, medium: Medium) -> Any:
        point = SimpleNamespace(id=id_, medium=medium)
        heard = {
            "address": f"wmbus:RLV:{id_}",
            "port": "radio",
            "heard_at": self.at,
            "telegrams": 1,
            "interval_s": 60.0,
            "reading": State.DECODED,
        }
        series = (SeriesKey(id_, "volume" if id_ in WATER else "energy"),)
        quantity = Quantity.VOLUME if id_ in WATER else Quantity.ENERGY
        kept = {"quantity": quantity, "produces": False, "index_series": series}
        return SimpleNamespace(point=point, state=PointState.SPEAKING, status=(), **kept, **heard)

    def ports(self) -> tuple[PortView, ...]:
        return (PortView("radio", "wmbus", True, START, None, self.at, {}, None),)

    def history_start(self, point_id: str) -> int:
        return START

    def series(self, point_id: str) -> tuple[SeriesKey, ...]:
        if point_id in DRY:
            return (SeriesKey(point_id, "energy"),)
        return (SeriesKey(point_id, "volume"), SeriesKey(point_id, "flow_temperature"))

    async def consumption(self, point_id: str, bounds: Sequence[int]) -> list[Decimal | None]:
        found = await self.store.run(self.store.consumption, self.series(point_id)[0], bounds)
        return [Decimal(each.value or 0) if each.complete else None for each in found]

    def live(self, until: int, step_s: int) -> None:
        """Readings each `step_s`, up to a time."""
        points = []
        while self.at < until:
            self.at += step_s
            for id_ in WATER:
                if 6 <= self.at % DAY_S // 3600 < 23 and self._rng.random() < step_s / 1800:
                    self._litres[id_] += self._rng.randrange(60)
                points.append(
                    Point(SeriesKey(id_, "volume"), Quantity.VOLUME, self.at, self._litres[id_], 0, main=True)
                )
                points.append(Point(SeriesKey(id_, "flow_temperature"), Quantity.TEMPERATURE, self.at, 121, -1))
            outside_c = 12 - 8 * math.cos(2 * math.pi * (self.at - START) / (365 * DAY_S)) + self._rng.gauss(0, 1)
            for id_ in DRY:
                self._wh[id_] += step_s / 3600 * (400 + 80 * max(0.0, 16 - outside_c)) * self._rng.random()
                points.append(
                    Point(SeriesKey(id_, "energy"), Quantity.ENERGY, self.at, int(self._wh[id_]), 0, main=True)
                )
            points.append(Point(OUTSIDE, Quantity.TEMPERATURE, self.at, round(outside_c * 10), -1))
        self.store.add(points)


async def main() -> None:
    with tempfile.TemporaryDirectory(dir=Path.cwd()) as folder:
        home = Home(Path(folder))
        ledger = Ledger.open(Path(folder) / "ledger.db")
        for day in range(1, DAYS):
            home.live(START + day * DAY_S, 600)
            if day % COMMIT_DAYS == 0:  # it is due each minute of a clock that is not moved
                await home.store.run(home.store.commit)
        await home.store.run(home.store.commit)
        watch = Watch(home, Alerts(ledger))
        before, began = time.process_time(), time.perf_counter()
        await watch.look()
        say(
            f"a start, 62 days heard again: {time.process_time() - before:.2f} s of processor, {time.perf_counter() - began:.2f} s"
        )
        tracemalloc.start()
        watch = Watch(home, Alerts(ledger))
        await watch.look()
        say(
            f"held by the services: {tracemalloc.get_traced_memory()[0] / 1e6:.1f} MB, {tracemalloc.get_traced_memory()[1] / 1e6:.1f} MB at most"
        )
        tracemalloc.stop()
        over_use = habits.Habits(home)
        await over_use.find({}, {}, home.at)
        spent_s = 0.0
        while home.at < START + DAYS * DAY_S:
            home.live(home.at + int(LOOK_S), MINUTE_S)
            before = time.process_time()
            await watch.look()
            spent_s += time.process_time() - before
        say(f"one more day, by the minute: {spent_s * 1e3:.0f} ms of processor in {DAY_S // int(LOOK_S)} looks")
        before = time.process_time()
        await over_use.find({}, {}, home.at)
        say(f"of it, the look at over-use of {len(WATER + DRY)} meters: {(time.process_time() - before) * 1e3:.0f} ms")
        watch = Watch(home, Alerts(ledger))
        before = time.process_time()
        await watch.look(past_s=DAYS * DAY_S)
        say(f"a year of readings each ten minutes replayed: {time.process_time() - before:.1f} s of processor")
        home.store.close()
        ledger.close()


def ask_a_house() -> None:
    """What a look asks of a real house, once: all its metering points, as the pages show them."""
    clock = Clock(START)
    with tempfile.TemporaryDirectory(dir=Path.cwd()) as folder, house(Path(folder), clock=clock) as home:
        for number in range(len(WATER + DRY)):
            address = f"wmbus:RLV:{10_000_000 + number}:1:7"
            home.catalog.adopt(address, f"Eau {number}", Medium.WATER, START)
            meter = home.catalog.meter(address)
            assert meter is not None
            home.store.add([Point(SeriesKey(meter.point, "volume"), Quantity.VOLUME, START, 1000, 0, main=True)])
        before = time.process_time()
        for _ in range(DAY_S // int(LOOK_S)):
            home.points()
        spent_ms = (time.process_time() - before) * 1e3
        say(f"a real house is asked for {len(WATER + DRY)} metering points at each: {spent_ms:.0f} ms more")


def say(line: str) -> None:
    sys.stdout.write(line + "\n")


if __name__ == "__main__":
    asyncio.run(main())
    ask_a_house()
