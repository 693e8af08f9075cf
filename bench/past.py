"""A key that comes when as many telegrams wait as may: how long until all are read, and what the event loop feels of it."""

import asyncio
import itertools
import tempfile
import time
from pathlib import Path

from drivers.encode import records, wmbus
from drivers.model import Address, Frame, Medium
from gateway.aside import FILE_BYTES_MAX
from tests.house import Clock, house

METER = Address("wmbus", "10000001", "REL", 1, 7)
KEY = bytes(range(16))
TOML = '[[port]]\nname = "radio"\nprotocol = "wmbus"\nreceiver = "hexlines"\ntcp = "127.0.0.1:9"\n'
PACE_S = 16


async def longest_wait(done: asyncio.Event) -> float:
    longest_s = 0.0
    while not done.is_set():
        before = time.perf_counter()
        await asyncio.sleep(0)
        longest_s = max(longest_s, time.perf_counter() - before)
    return longest_s


async def main() -> None:
    clock = Clock()
    with tempfile.TemporaryDirectory() as folder, house(Path(folder), TOML, clock) as home:
        home.catalog.adopt(str(METER), "Eau", Medium.WATER, clock.at)
        for n in itertools.count():
            said = records.volume(100_000 + n) + records.flow(n % 900) + records.error_flags(0)
            home.collect.frame("radio", Frame(wmbus.telegram(METER, said, n % 256, key=KEY)))
            clock.at += PACE_S
            if n % 100 == 0:
                await home.save()
                kept = home.points()[0].waits
                if kept is not None and kept.telegrams * 200 > FILE_BYTES_MAX:
                    break
        done = asyncio.Event()
        watching = asyncio.create_task(longest_wait(done))
        began = time.perf_counter()
        await home.set_key(str(METER), KEY)
        took_s = time.perf_counter() - began
        done.set()
        longest_s = await watching
        left = home.points()[0].waits
        assert left is None, left
        index = home.points()[0].index
        assert index is not None
        print(
            f"{n + 1:,} telegrams read in {took_s:.2f} s, {took_s / (n + 1) * 1e6:.0f} microseconds each; "
            f"the event loop waited {longest_s * 1000:.1f} ms at most"
        )


if __name__ == "__main__":
    asyncio.run(main())
