"""Has a store killed in the middle of its work, again and again, and looks each time at what is left."""

from __future__ import annotations

import os
import random
import signal
import sqlite3
import subprocess
import sys
import time
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import IO
from zoneinfo import ZoneInfo

from gateway.store import Store
from tests.gateway.store import ingest

ROOT = Path(__file__).parents[3]


@dataclass(slots=True)
class Survived:
    """Batches of points that were acknowledged and those of them that are gone, chunks that were folded, damages found."""

    acknowledged: int = 0
    lost: int = 0
    folded: int = 0
    damages: int = 0


def killed(folder: Path, kills: int, seed: int = 6) -> Survived:
    """`kills` times: take points, commit and fold in `folder`, kill -9 at a random moment, open and look at everything."""
    rng = random.Random(seed)
    survived = Survived()
    command = [sys.executable, ingest.__file__, str(folder)]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, env={**os.environ, "PYTHONPATH": str(ROOT)}
    ) as program:
        count = 0
        for _ in range(kills):
            survived.acknowledged = _killed(program, count, rng.uniform(0.01, 0.09))
            count = _look(folder, survived)
    return survived


def _killed(program: subprocess.Popen[bytes], start: int, after_s: float) -> int:
    """Have it take points from batch `start` on, kill it, and return how many batches it had acknowledged in all."""
    assert program.stdin is not None
    assert program.stdout is not None
    program.stdin.write(b"%d\n" % start)
    program.stdin.flush()
    process = _number(program.stdout)
    acknowledged = _number(program.stdout)
    time.sleep(after_s)
    os.kill(process, signal.SIGKILL)
    while (said := _number(program.stdout)) != ingest.ENDED:
        acknowledged = said
    return acknowledged + 1


def _number(source: IO[bytes]) -> int:
    data = source.read(4)
    assert len(data) == 4
    return int.from_bytes(data, "little")


def _look(folder: Path, survived: Survived) -> int:
    """What is left after a kill; with how many batches to go on."""
    now = ingest.START + survived.acknowledged * ingest.STEP_S
    store = Store.open(
        folder / "series.db", folder / "tail", zone=ZoneInfo("Europe/Paris"), now=partial(int, now), commit_s=3600
    )
    said = [store.points(key, 0, 1 << 40) for key in (ingest.INDEX, ingest.LEVEL, ingest.LATE)]
    store.close()
    index, level, late = (() if each is None else tuple(zip(each.at, each.value, strict=True)) for each in said)
    # The batch that was under way may be there too.
    count = max(survived.acknowledged, min(len(index), survived.acknowledged + 1))
    wanted: list[list[tuple[int, int]]] = [[], [], []]
    for i in range(count):
        for column, point in zip(wanted, ingest.points(i), strict=False):
            column.append((point.at, point.value))
    survived.lost += sum(
        len(set(there) ^ set(expected)) for there, expected in zip((index, level, late), wanted, strict=True)
    )
    database = sqlite3.connect(folder / "series.db")
    survived.damages += database.execute("PRAGMA integrity_check").fetchall() != [("ok",)]
    (strange,) = database.execute(
        "SELECT count(*) FROM chunk c WHERE n != (SELECT sum(n) FROM hour h WHERE h.series=c.series AND h.t/86400=c.day)"
    ).fetchone()
    survived.damages += strange
    (survived.folded,) = database.execute("SELECT count(*) FROM chunk").fetchone()
    database.close()
    return count
