"""kill -9 while points come in, commits run and days are folded."""

from __future__ import annotations

import os
import random
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import IO

import pytest

from gateway.store import Store

from . import ingest
from .conftest import PARIS

KILLS = 20
ROOT = Path(__file__).parents[3]


def number(source: IO[bytes]) -> int:
    data = source.read(4)
    assert len(data) == 4
    return int.from_bytes(data, "little")


def killed(program: subprocess.Popen[bytes], start: int, after_s: float) -> int:
    """Have it take points, kill it in the middle, and return how many batches it had acknowledged."""
    assert program.stdin is not None
    assert program.stdout is not None
    program.stdin.write(b"%d\n" % start)
    program.stdin.flush()
    process = number(program.stdout)
    acknowledged = number(program.stdout)
    time.sleep(after_s)
    os.kill(process, signal.SIGKILL)
    while (said := number(program.stdout)) != ingest.ENDED:
        acknowledged = said
    return acknowledged + 1


@pytest.fixture
def program(tmp_path: Path) -> Iterator[subprocess.Popen[bytes]]:
    command = [sys.executable, ingest.__file__, str(tmp_path)]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, env={**os.environ, "PYTHONPATH": str(ROOT)}
    ) as program:
        yield program


@pytest.mark.timeout(90)
def test_twenty_kills_lose_nothing_that_was_acknowledged(program: subprocess.Popen[bytes], tmp_path: Path) -> None:
    rng = random.Random(6)
    count = folds = 0
    for _ in range(KILLS):
        acknowledged = killed(program, count, rng.uniform(0.01, 0.09))
        now = ingest.START + acknowledged * ingest.STEP_S
        store = Store.open(tmp_path / "series.db", tmp_path / "tail", zone=PARIS, now=partial(int, now))
        index, level, late = (store.points(key, 0, 1 << 40) for key in (ingest.INDEX, ingest.LEVEL, ingest.LATE))
        store.close()
        assert index is not None
        assert level is not None
        assert late is not None
        # The batch that was under way may be there too.
        count = len(index.at)
        assert count in (acknowledged, acknowledged + 1)
        expected = range(count)
        assert index.at.tolist() == [ingest.START + i * ingest.STEP_S for i in expected]
        assert index.value.tolist() == [3 * i for i in expected]
        assert level.value.tolist() == [i * i % 997 for i in range(len(level.at))]
        assert late.value.tolist() == list(range(0, count, 50))
        database = sqlite3.connect(tmp_path / "series.db")
        assert database.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        assert database.execute("SELECT count(*) FROM chunk c WHERE n != (SELECT sum(n) FROM hour h WHERE "
                                "h.series=c.series AND h.t/86400=c.day)").fetchone() == (0,)  # fmt: skip
        (folds,) = database.execute("SELECT count(*) FROM chunk").fetchone()
        database.close()
    assert folds > 10
