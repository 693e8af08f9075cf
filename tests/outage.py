"""A house that takes readings on a card of its own until the power goes, and what must be on the card afterwards.

Run as a program it is the house: every owner of a file there works as fast as it can, by a clock of ten minutes a step,
and a line of its standard output says each time what was acknowledged as on the card: a word and a number.
"""

import asyncio
import contextlib
import random
import shutil
import subprocess
import sys
import threading
import time
from dataclasses import dataclass
from pathlib import Path
from typing import IO
from zoneinfo import ZoneInfo

from drivers.model import Quantity
from gateway.aside import Aside
from gateway.catalog import Catalog
from gateway.ledger import Ledger, LedgerError
from gateway.model import Point, SeriesKey
from gateway.people import People
from gateway.roles import Account, Role
from gateway.secret import BoxSecret
from gateway.store import Store, schema
from gateway.store.check import check
from tests.card import Card

ROOT = Path(__file__).parents[1]
PARIS = ZoneInfo("Europe/Paris")
START = 1_700_000_000
STEP_S = 600
LATE_S = 5 * 86_400
EVER = 1 << 40
INDEX, LEVEL, LATE = (SeriesKey("maison", name) for name in ("index", "level", "late"))
WORDS = frozenset({"points", "lines", "setting", "session"})
LINES, SETTING = "held", "number"
LINE_STEPS, SYNC_STEPS, LATE_STEPS, RARE_STEPS = 4, 16, 50, 64
COMMIT_S = 0.01
# From the first acknowledgement to the cut, and on to the kill: nobody is told that the power is gone.
LOAD_S, AFTER_S = (0.1, 0.8), 0.05
START_S_MAX = 20.0


@dataclass(slots=True)
class Outages:
    """What so many cuts met: steps that the points had come to, days that had been folded, and what was acknowledged."""

    cuts: int = 0
    steps: int = 0
    chunks: int = 0
    words: frozenset[str] = frozenset()


def points(i: int) -> list[Point]:
    at = START + i * STEP_S
    out = [Point(INDEX, Quantity.ENERGY, at, 3 * i), Point(LEVEL, Quantity.POWER, at, i * i % 997)]
    if i % LATE_STEPS == 0:
        out.append(Point(LATE, Quantity.POWER, at - LATE_S, i))
    return out


class House:
    """Its files, opened as at a start. Step `i` is the next one: all before it are in the store."""

    def __init__(self, card: Path, runtime: Path) -> None:
        self.i = 0
        self.store = Store.open(card / "series.db", runtime / "tail", zone=PARIS, now=self.now, commit_s=COMMIT_S)
        latest = self.store.latest(INDEX)
        self.i = 0 if latest is None else (latest.at - START) // STEP_S + 1
        self.aside = Aside(card / "aside", self.now)
        self.catalog = Catalog.open(card, "Maison", "Europe/Paris", BoxSecret(runtime / "secret"))
        self.ledger = Ledger.open(card / "ledger.db")

    def now(self) -> int:
        return START + self.i * STEP_S

    async def household(self) -> Account:
        people = People(self.ledger)
        if not people.accounts:
            await people.add(Role.OCCUPANT, "hash", self.now(), first=True)
        return people.accounts[0]

    def close(self) -> None:
        for each in (self.ledger, self.aside, self.store):
            each.close()


def token(i: int) -> bytes:
    return b"%d" % i


async def take(card: Path, runtime: Path) -> None:
    """Until killed. What the card refuses is not acknowledged."""
    house = House(card, runtime)
    said: dict[str, int] = {}

    def say(word: str, number: int) -> None:
        if number > said.get(word, 0):
            said[word] = number
            sys.stdout.write(f"{word} {number}\n")
            sys.stdout.flush()

    while True:
        i = house.i
        house.store.add(points(i))
        if i % LINE_STEPS == 0:
            house.aside.append(LINES, str(i))
        house.i += 1
        if i % SYNC_STEPS == 0:
            await asyncio.wrap_future(house.aside.sync())
        if i % RARE_STEPS == 0:
            with contextlib.suppress(OSError):
                house.catalog.set_setting(SETTING, i)
                say("setting", i)
            with contextlib.suppress(LedgerError):
                await house.ledger.open_session(token(i), house.now(), "127.0.0.1", "outage", await house.household())
                say("session", i)
        say("points", (house.store.saved_to - START) // STEP_S)
        say("lines", (house.aside.saved_to - START) // STEP_S)


def outages(card: Card, runtime: Path, count: int, seed: int) -> Outages:
    """So many cuts under load, each followed by a look at all that was acknowledged; AssertionError for what is not there."""
    rng = random.Random(seed)
    met = Outages()
    begins, kept = 0, set[str]()
    for _ in range(count):
        said = _one_life(card, runtime, rng.uniform(*LOAD_S))
        card.power()
        shutil.rmtree(runtime)  # its memory is gone, too
        runtime.mkdir()
        house = House(card.folder, runtime)
        try:
            kept |= {str(i) for i in range(begins, said["lines"]) if i % LINE_STEPS == 0}
            kept = asyncio.run(_look(house, said, kept))
            begins = house.i
            assert house.store.check().faults == []
        finally:
            house.close()
        with contextlib.closing(schema.look(card.folder / "series.db")) as db:
            found = check(db)
        assert found.faults == []
        met = Outages(met.cuts + 1, begins, found.chunks, met.words | said.keys())
    return met


def _one_life(card: Card, runtime: Path, load_s: float) -> dict[str, int]:
    """From a start to a cut; what was acknowledged before it, by its word.

    What is acknowledged from the cut on does not count: where the power is gone there is nobody to say it, and an ext4
    that is shut down lets an fsync return as done which it has just made impossible.
    """
    command = [sys.executable, "-m", "tests.outage", str(card.folder), str(runtime)]
    said: dict[str, int] = {}
    speaks = threading.Event()

    def listen(stdout: IO[str]) -> None:
        for line in stdout:
            word, number = line.split()
            said[word] = int(number)
            if word == "points":
                speaks.set()

    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        listening = threading.Thread(target=listen, args=(process.stdout,))
        listening.start()
        try:
            assert speaks.wait(START_S_MAX), "nothing was acknowledged"
            time.sleep(load_s)
            before = dict(said)
            card.cut()
            time.sleep(AFTER_S)
            assert process.poll() is None, "it ended before the kill"
        finally:
            process.kill()
            listening.join()
    return before


async def _look(house: House, said: dict[str, int], kept: set[str]) -> set[str]:
    """AssertionError for what is not there; the lines that are. `kept` are those that must be."""
    assert house.i >= said["points"], f"{said}, and the store has {house.i}"
    index, level, late = (house.store.points(key, 0, EVER) for key in (INDEX, LEVEL, LATE))
    assert index is not None
    assert level is not None
    assert late is not None
    assert index.at.tolist() == [START + i * STEP_S for i in range(house.i)]
    assert index.value.tolist() == [3 * i for i in range(house.i)]
    assert level.value.tolist() == [i * i % 997 for i in range(house.i)]
    assert late.value.tolist() == list(range(0, house.i, LATE_STEPS))
    lines = set(house.aside.read(LINES).result())
    assert lines >= kept, sorted(kept - lines)
    if "setting" in said:
        number = house.catalog.setting(SETTING)
        assert isinstance(number, int)
        assert number >= said["setting"]
    if "session" in said:
        assert await house.ledger.session(token(said["session"]), house.now()) is not None
    return lines


if __name__ == "__main__":
    asyncio.run(take(Path(sys.argv[1]), Path(sys.argv[2])))
