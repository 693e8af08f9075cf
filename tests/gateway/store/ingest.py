"""A program that takes points until it is killed, and says on its standard output what was acknowledged.

It loads the store once and forks for each line of its standard input, so that twenty kills take seconds. Numbers of
four bytes come out: the process, then what it acknowledged, then ENDED.
"""

from __future__ import annotations

import os
import sys
import time
from pathlib import Path
from zoneinfo import ZoneInfo

from drivers.model import Quantity
from gateway.model import Point, SeriesKey
from gateway.store import Store

START = 1_700_000_000
STEP_S = 600
ENDED = (1 << 32) - 1
LATE_S = 5 * 86_400
INDEX, LEVEL, LATE = (SeriesKey("maison", name) for name in ("index", "level", "late"))


def points(i: int) -> list[Point]:
    at = START + i * STEP_S
    out = [Point(INDEX, Quantity.ENERGY, at, 3 * i), Point(LEVEL, Quantity.POWER, at, i * i % 997)]
    if i % 50 == 0:
        out.append(Point(LATE, Quantity.POWER, at - LATE_S, i))
    return out


def say(number: int) -> None:
    os.write(1, number.to_bytes(4, "little"))


def take(folder: Path, i: int) -> None:
    clock = [START + i * STEP_S]
    store = Store.open(
        folder / "series.db", folder / "tail", zone=ZoneInfo("Europe/Paris"), now=lambda: clock[0], commit_s=0.01
    )
    while True:
        clock[0] = START + i * STEP_S
        store.add(points(i))
        say(i)
        i += 1
        if i % 8 == 0:
            time.sleep(0.001)


def main(folder: Path) -> None:
    for line in sys.stdin:
        process = os.fork()
        if process == 0:
            say(os.getpid())
            take(folder, int(line))
        os.waitpid(process, 0)
        say(ENDED)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
