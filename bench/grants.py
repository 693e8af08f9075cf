"""An app that reads under a grant each ten seconds: what that costs the card and the ledger, and how long a check of it takes.

The clock runs as fast as reads are noted; the store is not asked. A process of its own writes, on the disk of the checkout.
"""

import asyncio
import sys
import tempfile
import time
from pathlib import Path

from drivers.model import Medium, Quantity
from gateway import chain
from gateway.grants import Answer, By, GrantedSeries, Grants, Resolution, Wish, new_id
from gateway.ledger import Ledger, look
from gateway.model import SeriesKey

DAYS = 30
DAY_S = 86_400
PACE_S = 10
START = 1_790_000_000
ANSWER_BYTES = 1500
SERIES = GrantedSeries(SeriesKey("maison", "EAST"), "Maison", Medium.ELECTRICITY, Quantity.ENERGY)
WISH = Wish("Facture claire", "moi", "voir ma facture", (SERIES,), Resolution.TEN_MINUTES, 0, 366 * DAY_S, past=False)


async def main() -> None:
    with tempfile.TemporaryDirectory(dir=Path.cwd()) as folder:  # /tmp may be in memory
        path = Path(folder) / "ledger.db"
        now = START
        ledger = Ledger.open(path)
        grants = Grants(ledger, lambda: now, lambda: True)
        grant, _ = await grants.give(new_id(), WISH, By("bench", "127.0.0.1"))
        answer = Answer(SERIES.key, START - 600, START, 60, b"x" * ANSWER_BYTES)
        await grants.note(grant, answer)
        before, size, began = written_bytes(), path.stat().st_size, time.perf_counter()
        reads = DAYS * DAY_S // PACE_S
        for _ in range(reads):
            now += PACE_S
            await grants.note(grant, answer)
        took_s = time.perf_counter() - began
        written, grown = written_bytes() - before, path.stat().st_size - size
        await grants.stop()
        ledger.close()
        say(f"{reads:,} reads in {DAYS} days: {took_s / reads * 1e6:.0f} us each, the card's part included")
        say(f"{written / DAYS / 1e6:.1f} MB a day handed to the disk, its own journal not counted")
        say(f"{grown / DAYS / 1e3:.0f} kB a day more of ledger.db: {grown / DAYS * 365 / 1e6:.0f} MB a year")
        began = time.perf_counter()
        checked = chain.verify(look(path))
        assert checked.fault is None
        say(f"{checked.entries:,} entries verified in {time.perf_counter() - began:.2f} s")
        began = time.perf_counter()
        ledger = Ledger.open(path)
        Grants(ledger, lambda: now, lambda: True)
        say(f"opened at a start in {(time.perf_counter() - began) * 1e3:.0f} ms")
        ledger.close()


def written_bytes() -> int:
    """What this process had written to disks so far."""
    lines = Path("/proc/self/io").read_text(encoding="ascii").splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("write_bytes"))


def say(text: str) -> None:
    sys.stdout.write(text + "\n")


if __name__ == "__main__":
    asyncio.run(main())
