"""What a back-up costs, and what the house feels meanwhile: twenty series of a year by the minute, sealed for a key, then restored.

Questions to the store's thread (an index at a midnight of last summer) and new points come one after the other while it is written.
"""

import asyncio
import sys
import tempfile
import threading
import time
from contextlib import ExitStack
from pathlib import Path
from statistics import median

from bench.store_data import END, MINUTE, SERIES, years
from drivers.model import Kind, Quantity
from gateway import app
from gateway.backup import Seal, load_age
from gateway.clock import Clock
from gateway.config import load
from gateway.model import Point, SeriesKey
from gateway.restore import Key, restore

DAY = 86_400


def configured(folder: Path) -> Path:
    folder.mkdir()
    path = folder / "releve.toml"
    box = f'[box]\ndata = "{folder}/data"\nruntime = "{folder}/run"\nsecret = "{folder}/secret"\n'
    path.write_text(f'{box}[web]\nlisten = "127.0.0.1:1"\nmdns = false\n')
    return path


def main() -> None:
    with tempfile.TemporaryDirectory() as name, ExitStack() as opened:
        folder = Path(name)
        config = configured(folder / "house")
        house, _, backups = app._open(load(config), Clock(), opened)
        indexes = []
        for number, made in enumerate(SERIES):
            for ats, values in years(number, 1, MINUTE):
                house.store.bulk(made.key, made.quantity, made.exponent, True, ats, values)
            indexes += [made.key] * (made.quantity.kind is Kind.INDEX)
        asyncio.run(house.save())
        identity = load_age().x25519.Identity.generate()
        waits: list[float] = []
        adds: list[float] = []
        done = threading.Event()

        def live() -> None:
            number = 0
            while not done.is_set():
                begun = time.perf_counter()
                house.store.at_bounds(indexes[:1], [END - 100 * DAY])
                asked = time.perf_counter()
                house.store.add([Point(SeriesKey("bench", "live"), Quantity.POWER, END + number, number, 0)])
                waits.append(asked - begun)
                adds.append(time.perf_counter() - asked)
                number += 1
                time.sleep(0.01)

        def timed(target: Path) -> float:
            begun = time.perf_counter()
            backups.write(target, Seal(str(identity.to_public())), lambda share: None)
            return time.perf_counter() - begun

        alone = timed(folder / "alone.backup")
        thread = threading.Thread(target=live)
        thread.start()
        beside = timed(folder / "house.backup")
        done.set()
        thread.join()
        size = (folder / "house" / "data" / "series.db").stat().st_size
        sealed = (folder / "house.backup").stat().st_size
        say(
            f"{size / 1e6:.1f} MB of series: sealed in {alone:.2f} s, {beside:.2f} s beside questions; {sealed / 1e6:.1f} MB"
        )
        worst, usual = max(waits) * 1e3, median(waits) * 1e3
        say(f"{len(waits)} questions meanwhile: {usual:.1f} ms each (median), {worst:.0f} at worst")
        say(f"a point added meanwhile: {median(adds) * 1e6:.0f} us (median), {max(adds) * 1e3:.1f} ms at worst")
        other = configured(folder / "other")
        begun = time.perf_counter()
        restore(folder / "house.backup", Key(identity=str(identity)), other, again=False, stamp="now")
        say(f"restored in {time.perf_counter() - begun:.2f} s, checks included")


def say(text: str) -> None:
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main()
