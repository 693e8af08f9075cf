"""What it costs to find out what is due: ten years of half-hours of two series, sent once, compared again, and a day more.

What is sent is taken at once; the clock stands still. A process of its own writes, on the disk of the checkout.
"""

import asyncio
import resource
import sys
import tempfile
import time
from pathlib import Path

from drivers.model import Medium, Quantity
from gateway.grants import Grant, GrantedSeries, Resolution
from gateway.model import SeriesKey
from sync.model import Parcel
from tests.house import NOON
from tests.sync.box import DAY, INDEX, Box, box

YEARS = 10
GIVEN = GrantedSeries(SeriesKey("maison", "EAIT"), "Maison", Medium.ELECTRICITY, Quantity.ENERGY)
SERIES = (INDEX, GIVEN)


async def main(resolution: Resolution, years: int) -> None:
    with tempfile.TemporaryDirectory(dir=Path.cwd()) as folder, box(Path(folder)) as home:  # /tmp may be in memory
        ats = list(range(NOON // 1800 * 1800 - 365 * years * DAY, NOON - 3 * DAY, 1800))
        for one in SERIES:
            home.home.store.bulk(one.key, one.quantity, 0, True, ats, range(0, 37 * len(ats), 37))
        _say(home, NOON - 4 * DAY)
        grant = await home.give(resolution, series=SERIES)
        base = _memory()
        await _drain(home, grant, "the first time")
        home.outbox.poke(grant.id)
        await _drain(home, grant, "all compared again")
        for _ in range(8):
            home.clock.at += 3 * 3600
            _say(home, home.clock.at - 3 * 3600)
        await _drain(home, grant, "a day more")
        print(f"memory: {base} MB before, {_memory()} MB at most")


def _say(home: Box, start: int) -> None:
    for one in SERIES:
        home.say(start, home.clock.at + 1, series=one)


async def _drain(home: Box, grant: Grant, label: str) -> None:
    """As the sync process asks, and the gateway goes on by itself."""
    began, parcels, asks, longest_s = time.perf_counter(), 0, 0, 0.0
    while True:
        asks, asked = asks + 1, time.perf_counter()
        found = await home.outbox.batch(grant.id)
        longest_s = max(longest_s, time.perf_counter() - asked)
        if found is not None:
            parcels += len(found[1])
            said = [Parcel.read(one) for one in found[1]]
            puts = await home.shelf.put(said)
            home.shelf.parcels.clear()
            await home.acknowledge(grant, found[0], said, puts)
        elif not home.outbox.live(grant.id).walk.is_under_way:
            break
    print(
        f"{label}: {time.perf_counter() - began:.2f} s, {parcels} parcels; {asks} asks, {longest_s:.2f} s at most",
        flush=True,
    )


def _memory() -> int:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024


if __name__ == "__main__":
    asyncio.run(
        main(
            Resolution(sys.argv[1]) if len(sys.argv) > 1 else Resolution.HALF_HOUR,
            int(sys.argv[2]) if len(sys.argv) > 2 else YEARS,
        )
    )
