"""A fortnight of a house in some minutes: flat memory, and after stops and kills the sums of a naive list."""

import random
import signal
import subprocess
import sys
import threading
import time
from bisect import bisect_right
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from gateway.model import SeriesKey
from gateway.store import Store
from tests.house import Clock
from tests.soak.furnished import DAY_S, HOUR_S, STEP_S

ROOT = Path(__file__).parents[2]
# Midnight of 20 October 2026 in Paris: the fifth day that is measured has 25 hours.
START = 1_792_447_200
# Memory holds 48 to 72 hours of points, a page asks for four days, and SQLite keeps the file's pages that it met, up to
# 4 MB: a week and some days until each day is as the one before.
WARM_DAYS, MEASURED_DAYS = 8, 6
# What a day needs most varies by one or two MB, as the allocator has it. An object a reading that is not given back, the
# smallest Python has, would be 6 MB in the days that are measured.
GROWTH_KB_MAX = 4096
KILLS = 24
PARIS = ZoneInfo("Europe/Paris")
MAINS = {"electricite": "EAST"}  # the others are water meters: their volume


@dataclass
class Naive:
    """All that the house was heard to acknowledge, in lists, and what it answered meanwhile, looked at."""

    heard_to: int = START - STEP_S
    points: dict[SeriesKey, dict[int, Decimal]] = field(default_factory=dict)
    order: dict[SeriesKey, list[int]] = field(default_factory=dict)
    resident_kb: list[int] = field(default_factory=list)
    answers: int = 0

    def take(self, line: str) -> None:
        match line.split():
            case ["kept", register, tariff, point, at, value, exponent]:
                key = SeriesKey(point, register, int(tariff))
                known = self.points.setdefault(key, {})
                if int(at) not in known:
                    order = self.order.setdefault(key, [])
                    order.insert(bisect_right(order, int(at)), int(at))
                known[int(at)] = Decimal(value).scaleb(int(exponent))
            case ["asked", point, start, end, value]:
                expected = self.consumption(point, int(start), int(end))
                if expected is not None:
                    assert value == str(expected), line
                    self.answers += 1
            case ["resident", kb]:
                self.resident_kb.append(int(kb))
            case ["at", second]:
                self.heard_to = int(second)
            case _:
                raise AssertionError(line)

    def consumption(self, point: str, start: int, end: int) -> Decimal | None:
        """Of its main index; None where it had not yet begun."""
        key = SeriesKey(point, MAINS.get(point, "volume"))
        low, high = (self._index_at(key, bound) for bound in (start, end))
        return None if low is None or high is None else high - low

    def _index_at(self, key: SeriesKey, bound: int) -> Decimal | None:
        place = bisect_right(self.order.get(key, []), bound)
        return self.points[key][self.order[key][place - 1]] if place else None


def life(folder: Path, naive: Naive, until: int, kill_after_s: float | None = None) -> None:
    """From where the last one ended; `naive` takes all it says, but for a line that a kill cut off."""
    command = [sys.executable, "-m", "tests.soak.furnished", str(folder), str(naive.heard_to + STEP_S), str(until)]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        kill = None
        try:
            for line in process.stdout:
                if kill is None and kill_after_s is not None:
                    kill = threading.Timer(kill_after_s, process.send_signal, (signal.SIGKILL,))
                    kill.start()
                if line.endswith("\n"):
                    naive.take(line)
        finally:
            if kill is not None:
                kill.join()
            process.kill()
    assert process.returncode == (0 if kill_after_s is None else -signal.SIGKILL)


def compare(folder: Path, naive: Naive) -> int:
    """Every point of every series, the days' sums, and the file against itself; how many points."""
    clock = Clock(naive.heard_to)
    store = Store.open(folder / "series.db", folder / "tail", zone=PARIS, now=clock)
    try:
        assert {info.key for info in store.series()} == naive.points.keys()
        for key, known in naive.points.items():
            points = store.points(key, 0, 1 << 40)
            assert points is not None
            assert (
                dict(zip(points.at, (Decimal(v).scaleb(points.exponent) for v in points.value), strict=True)) == known
            )
        assert store.check().faults == []
    finally:
        store.close()
    return sum(map(len, naive.points.values()))


@pytest.mark.timeout(1800)
def test_days_of_a_house_keep_its_memory_flat_and_its_sums_right_through_kills(tmp_path: Path) -> None:
    (tmp_path / "run").mkdir()
    naive, began = Naive(), time.monotonic()
    life(tmp_path, naive, START + (WARM_DAYS + MEASURED_DAYS) * DAY_S)
    compare(tmp_path, naive)
    by_day = [max(naive.resident_kb[hour : hour + 24]) for hour in range(0, len(naive.resident_kb), 24)]
    assert len(by_day) == WARM_DAYS + MEASURED_DAYS
    growth_kb = by_day[-1] - by_day[WARM_DAYS]
    lived, rng = naive.heard_to, random.Random(24)
    for _ in range(KILLS):
        before = naive.heard_to
        life(tmp_path, naive, before + 30 * DAY_S, kill_after_s=rng.uniform(0.2, 1.2))
        assert naive.heard_to > before, "a life must have heard something"
        life(tmp_path, naive, naive.heard_to + HOUR_S // 2)
    points = compare(tmp_path, naive)
    print(
        f"{points:,} points of {(naive.heard_to - START) / DAY_S:.1f} days in {time.monotonic() - began:.0f} s, "
        f"{naive.answers:,} sums as in the list; resident at most each day, MB: "
        + ", ".join(f"{kb / 1024:.1f}" for kb in by_day)
        + f"; then {KILLS} kills and as many stops in {(naive.heard_to - lived) / HOUR_S:.0f} hours"
    )
    assert growth_kb <= GROWTH_KB_MAX
