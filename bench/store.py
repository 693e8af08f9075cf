"""Ten years of twenty series by the minute, really built, and a year of them at their own pace: what both cost and answer.

The data is made by `bench/store_data.py`. A question's time is the median of its rounds; "rows" of today, a row a point
in SQLite on the same machine in the same minutes, says how fast the machine was beside the day of the anchors (0.96 M).

    python bench/store.py [years]
"""

from __future__ import annotations

import asyncio
import json
import os
import sqlite3
import subprocess
import sys
import tempfile
import time
from array import array
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from pathlib import Path
from statistics import median, quantiles
from zoneinfo import ZoneInfo

from bench.store_data import DAY, END, MINUTE, SERIES, years
from gateway.model import Point
from gateway.store import Store
from tests.gateway.store.kills import killed

PARIS = ZoneInfo("Europe/Paris")
ROUNDS, COLD_ROUNDS, KILLS = 31, 3, 40
# Where a system keeps /run: the tail lies in memory.
RUN = Path("/dev/shm") if Path("/dev/shm").is_dir() else Path(tempfile.gettempdir())
LEVEL, INDEX = SERIES[0].key, SERIES[1].key
OVERLAID = [SERIES[number].key for number in (0, 2, 9, 10, 12, 18)]

# A process that has the store open and asks it everything: what is resident once open, and at most.
RESIDENT = """
import sys
from pathlib import Path
from zoneinfo import ZoneInfo
from gateway.store import Store
def resident(what):
    return [line.split()[1] for line in open("/proc/self/status") if line.startswith(what)][0]
folder, run, end = Path(sys.argv[1]), Path(sys.argv[2]), int(sys.argv[3])
store = Store.open(folder / "series.db", run / "tail", zone=ZoneInfo("Europe/Paris"), now=lambda: end)
said = [resident("VmRSS")]
day = 86400
for info in store.series():
    for span, buckets in ((1, 2000), (14, 500), (90, 500), (365, 1000), (3650, 500)):
        store.curve(info.key, end - span * day, end, buckets)
    store.consumption(info.key, range(end - 365 * day, end + 1, day))
said.append(resident("VmHWM"))
import asyncio
said.append(resident("VmRSS"))
store.close()
print(*said)
"""


def row(what: str, aim: str, measured: str, anchors: str, *, reached: bool | None) -> None:
    """One line of the table; `reached` is None for what has no aim."""
    said = "" if reached is None else "yes" if reached else "**no**"
    sys.stdout.write(f"| {what} | {aim} | {measured} | {anchors} | {said} |\n")
    sys.stdout.flush()


def main(count: int) -> None:
    sys.stdout.write("| what | aim | measured | anchors | reached |\n|---|---|---|---|---|\n")
    with tempfile.TemporaryDirectory() as name, tempfile.TemporaryDirectory(dir=RUN) as run:
        grid, native = Path(name) / "grid", Path(name) / "native"
        built(grid, Path(run), count)
        built_at_their_pace(native, Path(run))
        answers(grid, Path(run), count)
        resident(native, Path(run))
        a_reading(Path(name), Path(run))
        asyncio.run(the_event_loop(grid, Path(run)))
    with tempfile.TemporaryDirectory() as name:
        survived = killed(Path(name), KILLS)
        row(
            f"kill -9 under ingest and folds, {KILLS} times: acknowledged and lost", "0",
            f"{survived.lost} of {survived.acknowledged:,} batches, {survived.folded} chunks folded, {survived.damages} damages",
            "0", reached=not (survived.lost or survived.damages),
        )  # fmt: skip


@contextmanager
def opened(folder: Path, run: Path, now: Callable[[], int] = lambda: END) -> Iterator[Store]:
    folder.mkdir(exist_ok=True)
    store = Store.open(folder / "series.db", run / "tail", zone=PARIS, now=now, commit_s=1e6)
    try:
        yield store
    finally:
        store.close()


def taken_in(store: Store, ats: array[int], values: array[int], number: int) -> tuple[int, float]:
    made = SERIES[number]
    begun = time.perf_counter()
    added = store.bulk(made.key, made.quantity, made.exponent, True, ats, values).added
    return added, time.perf_counter() - begun


def built(folder: Path, run: Path, count: int) -> None:
    """The years of the twenty, by the minute: how fast, and how large."""
    begun = time.perf_counter()
    rounds = [(0, 0.0)] * count
    busy = 0.0
    with opened(folder, run) as store:
        for number in range(len(SERIES)):
            for year, columns in enumerate(years(number, count, MINUTE)):
                idle = time.process_time()
                points, spent = taken_in(store, *columns, number)
                busy += time.process_time() - idle
                rounds[year] = (rounds[year][0] + points, rounds[year][1] + spent)
    points = sum(points for points, _ in rounds)
    paces = [points / spent for points, spent in rounds]
    whole = time.perf_counter() - begun
    rows = rows_a_second(folder.parent / "rows.db")
    size = (folder / "series.db").stat().st_size
    raw, _ = raw_bytes(folder)
    anchors = "HA 122, rows 16.2, Influx 1.10, DuckDB 1.08, VM 0.63"
    row("bytes a point, raw chunks, by the minute", "0.70", f"{raw:.2f}", anchors, reached=raw <= 0.70)
    row(
        f"{count} years of 20 series by the minute, rollups included", "150 MB",
        f"{size / 1e6:.0f} MB, {points / 1e6:.1f} M points, {size / points:.2f} B each; made and taken in within {whole:.0f} s",
        "HA 12.7 GB, rows 1.7 GB", reached=size <= 150e6,
    )  # fmt: skip
    pace = median(paces) / 1e6
    row(
        "import with rollups, points a second", "2.0 M",
        f"{pace:.2f} M (median of {count} years of all 20, {min(paces) / 1e6:.2f} to {max(paces) / 1e6:.2f}); "
        f"{points / busy / 1e6:.2f} M a CPU-second; rows today {rows / 1e6:.2f} M",
        "VM 1.26 M, rows 0.96 M", reached=pace >= 2.0,
    )  # fmt: skip


def built_at_their_pace(folder: Path, run: Path) -> None:
    with opened(folder, run) as store:
        for number in range(len(SERIES)):
            for ats, values in years(number, 1):
                taken_in(store, ats, values, number)
    raw, points = raw_bytes(folder)
    row(
        "bytes a point, raw chunks, at their own pace", "0.75",
        f"{raw:.2f}, {points / 1e6:.1f} M points a year", "as above", reached=raw <= 0.75,
    )  # fmt: skip


def raw_bytes(folder: Path) -> tuple[float, int]:
    """Bytes on the card, pages' slack and index included, that a point takes in its chunk; and how many points."""
    database = sqlite3.connect(folder / "series.db")
    (pages,) = database.execute(
        "SELECT sum(pgsize) FROM dbstat WHERE name IN ('chunk', 'sqlite_autoindex_chunk_1')"
    ).fetchone()
    (points,) = database.execute("SELECT sum(n) FROM chunk").fetchone()
    database.close()
    return pages / points, points


def rows_a_second(path: Path) -> float:
    """A row a point, as the anchor was: PRIMARY KEY (series, ts), WITHOUT ROWID, the same pragmas, no rollups."""
    database = sqlite3.connect(path, isolation_level=None)
    database.execute("PRAGMA journal_mode=WAL")
    database.execute("CREATE TABLE r (series INTEGER, ts INTEGER, v INTEGER, PRIMARY KEY (series, ts)) WITHOUT ROWID")
    points, spent = 0, 0.0
    for number in (0, 1, 4):
        ((ats, values),) = years(number, 1, MINUTE)
        begun = time.perf_counter()
        database.execute("BEGIN")
        database.executemany("INSERT INTO r VALUES (?,?,?)", zip([number] * len(ats), ats, values, strict=True))
        database.execute("COMMIT")
        points, spent = points + len(ats), spent + time.perf_counter() - begun
    database.close()
    return points / spent


def midnights(count: int, step_days: int = 1) -> list[int]:
    """Local midnights up to END: a step over a clock change is an hour shorter or longer."""
    day = datetime.fromtimestamp(END, PARIS).date()
    return [
        int(datetime.combine(day - timedelta(days=i * step_days), datetime.min.time(), PARIS).timestamp())
        for i in range(count, -1, -1)
    ]


def overlay(store: Store) -> str:
    """A year of six levels, as a page would draw them."""
    out = []
    for key in OVERLAID:
        curve = store.curve(key, END - 365 * DAY, END, 1000)
        assert curve is not None
        columns = (curve.at, curve.low, curve.mean, curve.high)
        out.append([column.tolist() for column in columns])
    return json.dumps(out)


def answers(folder: Path, run: Path, count: int) -> None:
    """Questions with all in the system's memory, then each to a file of which nothing is."""
    days, months = midnights(365), midnights(12 * count, 30)
    ms = 0.3
    questions: list[tuple[str, Callable[[Store], object], str, float | None]] = [
        ("24 h, every point", lambda store: store.curve(LEVEL, END - DAY, END, 2000), "VM 1.0, rows 0.45", ms),
        ("24 h in 288 buckets", lambda store: store.curve(LEVEL, END - DAY, END, 288), "-", ms),
        ("24 h of a year ago, every point", lambda store: store.curve(LEVEL, END - 366 * DAY, END - 365 * DAY, 2000), "-", ms),
        ("year by day, a level", lambda store: store.curve(LEVEL, END - 365 * DAY, END, 365), "VM 47, rows 0.96", ms),
        ("year by local day, consumption", lambda store: store.consumption(INDEX, days), "-", ms),
        (f"{count} years by month, consumption", lambda store: store.consumption(INDEX, months), "rows 0.31", ms),
        ("latest of one series", lambda store: store.latest(LEVEL), "VM 1.1, rows 0.05", ms),
        ("year x 6 series overlaid, with JSON", overlay, "VM 75, DuckDB 45, rows 936", 7.0),
        (f"{count} years of a level in 500 buckets", lambda store: store.curve(LEVEL, END - count * 365 * DAY, END, 500), "-", None),
        ("14 days in 500 buckets, from chunks", lambda store: store.curve(LEVEL, END - 17 * DAY, END - 3 * DAY, 500), "-", None),
    ]  # fmt: skip
    with opened(folder, run) as store:
        for what, question, anchors, aim in questions:
            spent = [timed(lambda question=question: question(store)) for _ in range(ROUNDS)]  # type: ignore[misc] # a default that binds
            low, best = median(spent), min(spent)
            row(
                f"{what}, warm", f"{aim:g} ms" if aim else "", f"{low:.2f} ms (best {best:.2f})", anchors,
                reached=None if aim is None else low <= aim,
            )  # fmt: skip
    worst, which, opening = 0.0, "", []
    for what, question, _, _ in questions:
        colds = []
        for _ in range(COLD_ROUNDS):
            forgotten(folder)
            begun = time.perf_counter()
            with opened(folder, run) as store:
                opening.append((time.perf_counter() - begun) * 1e3)
                forgotten(folder)
                colds.append(timed(lambda question=question, store=store: question(store)))  # type: ignore[misc] # as above
        if median(colds) > worst:
            worst, which = median(colds), what
    row(
        "worst question cold: opened anew, nothing of the file in memory", "50 ms",
        f"{worst:.1f} ms ({which}); opening takes {median(opening):.0f} ms", "rows 1,141", reached=worst <= 50,
    )  # fmt: skip


def timed(question: Callable[[], object]) -> float:
    """Milliseconds."""
    begun = time.perf_counter()
    question()
    return (time.perf_counter() - begun) * 1e3


def forgotten(folder: Path) -> None:
    """The system gives up what it holds of the file."""
    for path in folder.iterdir():
        file = os.open(path, os.O_RDONLY)
        os.fsync(file)
        os.posix_fadvise(file, 0, 0, os.POSIX_FADV_DONTNEED)
        os.close(file)


def resident(folder: Path, run: Path) -> None:
    """A year at the meters' own pace, the last 48 hours in memory, in a process of its own."""
    out = subprocess.run(
        [sys.executable, "-c", RESIDENT, str(folder), str(run), str(END)],
        check=True, capture_output=True, text=True, env={**os.environ, "PYTHONPATH": str(Path.cwd())},
    ).stdout.split()  # fmt: skip
    idle, peak, with_loop = (int(each) / 1024 for each in out)
    row(
        "resident, store and 48 h, Python included: once open / at most in all questions", "20 / 25 MB",
        f"{idle:.1f} / {peak:.1f} MB; {with_loop:.1f} with asyncio, which the gateway has anyway",
        "Influx 465, VM 98", reached=idle <= 20 and peak <= 25,
    )  # fmt: skip


def a_reading(folder: Path, run: Path) -> None:
    """From a point to memory and tail, a telegram of 20 each 10 s; and what the minute's commit costs."""
    clock = [END]
    adds, commits = [], []
    with opened(folder / "live", run, lambda: clock[0]) as store:
        for telegram in range(1200):
            clock[0] += 10
            points = [
                Point(made.key, made.quantity, clock[0], 7 + telegram, made.exponent, main=True) for made in SERIES
            ]
            adds.append(timed(lambda points=points: store.add(points)) / len(points) * 1e3)  # type: ignore[misc] # as above
            if telegram % 6 == 5:
                commits.append(timed(store.commit))
    row(
        "store path a reading, tail included", "0.6 us",
        f"{median(adds):.2f} us (best {min(adds):.2f}); the minute's commit on this disk {median(commits):.2f} ms",
        "rows 2.4", reached=median(adds) <= 0.6,
    )  # fmt: skip


async def the_event_loop(folder: Path, run: Path) -> None:
    """How late the event loop is at most while the store's thread answers, imports and folds."""
    late: list[float] = []
    with opened(folder, run) as store:

        async def tick() -> None:
            while True:
                due = time.perf_counter() + 0.002
                await asyncio.sleep(0.002)
                late.append((time.perf_counter() - due) * 1e3)

        said, worst = [], 0.0
        made = list(years(0, 1, MINUTE))
        for what, work in (
            ("nothing", lambda: time.sleep(1)),
            ("questions", lambda: [store.curve(LEVEL, END - 365 * DAY, END, 1000) for _ in range(300)]),
            ("an import", lambda: [taken_in(store, *each, 0) for each in made]),
        ):
            late.clear()
            async with asyncio.TaskGroup() as tasks:
                ticking = tasks.create_task(tick(), name="tick")
                await store.run(work)
                ticking.cancel()
            worst = max(worst, *late)
            most = quantiles(late, n=100)[98]
            said.append(f"beside {what}, {median(late):.1f} ms, {most:.1f} in 99 of 100, {max(late):.1f} at worst")
    row("how late the event loop is, at worst", "5 ms", "; ".join(said), "-", reached=worst <= 5)


if __name__ == "__main__":
    main(*([int(each) for each in sys.argv[1:]] or [10]))
