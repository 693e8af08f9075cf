"""What the store costs: bytes a point, import, a minute's commit, a day's fold, queries, memory.

Twenty series at one point a minute: 120 days of them, and two of those for ten years. Made here: noisy powers, indexes
that follow them, radio meters that jitter and miss; a real home differs by some 40 % in bytes a point.

    python bench/store.py [days of the twenty] [years of the two]
"""

from __future__ import annotations

import os
import random
import sqlite3
import subprocess
import sys
import tempfile
import time
from array import array
from collections.abc import Callable
from pathlib import Path
from statistics import median
from zoneinfo import ZoneInfo

from drivers.model import Kind, Quantity
from gateway.model import Point, SeriesKey
from gateway.store import Store

DAY = 86_400
END = 1_767_222_000  # midnight in Paris, 1 January 2026
PARIS = ZoneInfo("Europe/Paris")
RSS_CHILD = """
import asyncio, sqlite3, sys, zoneinfo
base = [line.split()[1] for line in open("/proc/self/status") if line.startswith("VmRSS")]
from pathlib import Path
from zoneinfo import ZoneInfo
from gateway.store import Store
folder = Path(sys.argv[1])
store = Store.open(folder / "series.db", folder / "tail", zone=ZoneInfo("Europe/Paris"), now=lambda: int(sys.argv[2]))
rss = [line.split()[1] for line in open("/proc/self/status") if line.startswith(("VmRSS", "VmHWM"))]
for info in store.series():
    store.curve(info.key, info.first_at, info.last_at)
rss += [line.split()[1] for line in open("/proc/self/status") if line.startswith(("VmRSS", "VmHWM"))]
store.close()
print(*base, *rss)
"""


def say(text: str) -> None:
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


def columns(number: int, days: int) -> tuple[Quantity, array[int], array[int]]:
    """One series of the furnished house, ending at END."""
    rng = random.Random(number)
    ats = range(END - days * DAY, END, 60)
    power = [0] * len(ats)
    base, noise = 40 + 30 * (number % 4), 2 + number % 5
    run = load = 0
    for i in range(len(ats)):
        if run == 0 and rng.random() < 0.004:
            run, load = rng.randint(5, 90), rng.randint(200, 2400)
        run = max(0, run - 1)
        power[i] = base + rng.randint(-noise, noise) + (110 if i // 15 % 3 == 0 else 0) + (load if run else 0)
    match number % 4:
        case 0:
            return Quantity.POWER, array("q", ats), array("q", power)
        case 1:
            total = 12_345_678 * 60
            values = array("q")
            for value in power:
                total += value
                values.append(total // 60)
            return Quantity.ENERGY, array("q", ats), values
        case 2:
            level = 2050.0
            values = array("q")
            for _ in ats:
                level += rng.gauss(0, 1.5) - (level - 2050) / 500
                values.append(round(level / 10))
            return Quantity.TEMPERATURE, array("q", ats), values
        case _:
            volume = 612_000
            jittered, values = array("q"), array("q")
            for at in ats:
                volume += rng.randint(1, 15) if rng.random() < 0.03 else 0
                if rng.random() > 0.02:
                    jittered.append(at + rng.randint(-3, 3))
                    values.append(volume)
            return Quantity.VOLUME, jittered, values


def timed(name: str, question: Callable[[], object]) -> None:
    times = []
    for _ in range(9):
        start = time.perf_counter()
        question()
        times.append(time.perf_counter() - start)
    say(f"  {name:44} {median(times) * 1e3:8.2f} ms")


def main(days: int, years: int) -> None:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        clock = [END]
        store = Store.open(folder / "series.db", folder / "tail", zone=PARIS, now=lambda: clock[0], commit_s=1e6)
        keys: dict[int, SeriesKey] = {}
        points, spent = 0, 0.0
        for number in range(20):
            span = years * 365 if number < 2 else days
            quantity, ats, values = columns(number, min(span, 365))
            step = values[-1] - values[0] if quantity.kind is Kind.INDEX else 0
            keys[number] = SeriesKey("bench", f"{quantity.word}-{number}")
            for year in range(max(1, span // 365)):
                ats_then = array("q", [at - year * 365 * DAY for at in ats]) if year else ats
                values_then = array("q", [value - year * step for value in values]) if year else values
                start = time.perf_counter()
                points += store.bulk(keys[number], quantity, -1, True, ats_then, values_then).added
                spent += time.perf_counter() - start
        say(f"{points / 1e6:.1f} M points imported, {points / spent / 1e6:.2f} M a second with rollups")
        store.close()

        size = (folder / "series.db").stat().st_size
        database = sqlite3.connect(folder / "series.db")
        (chunk_bytes,) = database.execute("SELECT sum(length(b)) FROM chunk").fetchone()
        (folded,) = database.execute("SELECT sum(n) FROM chunk").fetchone()
        database.close()
        say(f"{chunk_bytes / folded:.3f} B a point in chunks, {size / points:.3f} with rollups and the whole file")

        start = time.perf_counter()
        store = Store.open(folder / "series.db", folder / "tail", zone=PARIS, now=lambda: clock[0], commit_s=1e6)
        say(f"opened in {(time.perf_counter() - start) * 1e3:.0f} ms")
        level, index = keys[0], keys[1]
        timed("latest of 20", lambda: [store.latest(key) for key in keys.values()])
        timed("24 h, every point, from memory", lambda: store.curve(level, END - DAY, END, 2000))
        timed("24 h in 500 buckets, from memory", lambda: store.curve(level, END - DAY, END, 500))
        timed(
            "24 h a month ago, every point, from chunks",
            lambda: store.curve(level, END - 31 * DAY, END - 30 * DAY, 2000),
        )
        timed("a year of a level, 365 buckets", lambda: store.curve(level, END - 365 * DAY, END, 365))
        timed("a year of a level, 1000 buckets", lambda: store.curve(level, END - 365 * DAY, END, 1000))
        timed("ten years of a level, 500 buckets", lambda: store.curve(level, END - years * 365 * DAY, END, 500))
        midnights = [END - i * DAY for i in range(365, -1, -1)]
        timed("consumption of a year by day", lambda: store.consumption(index, midnights))
        months = [END - i * 30 * DAY for i in range(years * 12, -1, -1)]
        timed("consumption of ten years by month", lambda: store.consumption(index, months))

        batch = [
            Point(key, columns_quantity, 0, 7, -1, True)
            for key, columns_quantity in ((info.key, info.quantity) for info in store.series())
        ]
        adds, commits = [], []
        for minute in range(200):
            clock[0] += 60
            now = [Point(p.series, p.quantity, clock[0], 7 + minute, -1, True) for p in batch]
            start = time.perf_counter()
            store.add(now)
            adds.append(time.perf_counter() - start)
            start = time.perf_counter()
            store.commit()
            commits.append(time.perf_counter() - start)
        say(f"  add, a point, with the tail {median(adds) / len(batch) * 1e6:25.2f} us")
        say(f"  commit of a minute, on this disk {median(commits) * 1e3:20.2f} ms")
        clock[0] += DAY
        start = time.perf_counter()
        store.fold()
        say(f"  fold of a day of 20 series {(time.perf_counter() - start) * 1e3:26.2f} ms")
        store.close()
        out = subprocess.run(
            [sys.executable, "-c", RSS_CHILD, str(folder), str(clock[0])],
            check=True, capture_output=True, text=True, env={**os.environ, "PYTHONPATH": str(Path.cwd())},
        ).stdout.split()  # fmt: skip
        base, _, idle, peak, _ = (int(each) / 1024 for each in out)
        say(f"resident: {idle:.1f} MB once open, {peak:.1f} at most in drawing all; {base:.1f} are Python and asyncio")


if __name__ == "__main__":
    arguments = [int(each) for each in sys.argv[1:]]
    main(*arguments, *(120, 10)[len(arguments) :])
