"""How long companies' files take: a year of Enedis half-hours, ten years of days in one go, and what pages feel meanwhile.

Each is read, compared with what is there, summed by month and brought in, as `releve import` and the page do it.

    python bench/import_holders.py
"""

from __future__ import annotations

import asyncio
import random
import resource
import sys
import tempfile
import time
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from statistics import median
from zoneinfo import ZoneInfo

from drivers.model import Medium
from gateway.bring import Target, bring, look, months
from gateway.catalog import Catalog
from gateway.holders import Holders
from gateway.secret import BoxSecret

PARIS = ZoneInfo("Europe/Paris")
NOW = int(datetime(2027, 1, 1, tzinfo=UTC).timestamp())
ROUNDS = 5


def say(text: str) -> None:
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


def midnight(year: int) -> int:
    return int(datetime(year, 1, 1, tzinfo=PARIS).timestamp())


def curve(first: int, last: int, step_s: int = 1800) -> str:
    """An Enedis load curve between two moments."""
    rng = random.Random(7)
    head = (
        "\ufeffIdentifiant PRM;Type de donnees;Date de debut;Date de fin;Grandeur physique;Grandeur metier;Etape metier;"
        "Unite;Pas en minutes\n00000000000000;Courbe de charge;;;Energie active;Consommation;Comptage Brut;W;\n"
        "Horodate;Valeur\n"
    )
    return head + "".join(
        f"{datetime.fromtimestamp(end, PARIS).isoformat()};{rng.randrange(60, 6000, 2)}\n"
        for end in range(first + step_s, last + 1, step_s)
    )


def days(year: int) -> str:
    """A year of energy by day, as Enedis exports it."""
    rng = random.Random(year)
    first = datetime(year, 1, 1)  # noqa: DTZ001 - a date
    return "Type de comptage :;Consommation Quotidienne\nDate;Valeur (en kWh)\n" + "".join(
        f"{first + timedelta(days=number):%d/%m/%Y};{rng.randrange(3000, 30000) / 1000:.3f}\n".replace(".", ",")
        for number in range(365)
    )


def brought(folder: Path, name: str, contents: Sequence[str], aim: str = "") -> None:
    """Bring files in, each time into a new house; what it takes, and how large it lies on the card."""
    files = []
    for number, content in enumerate(contents):
        path = folder / f"{name}{number}"
        path.write_text(content)
        files.append((path.name, path))
    spent, rows, size = [], 0, 0
    for number in range(ROUNDS):
        data = folder / f"{name}-house{number}"
        data.mkdir()
        catalog = Catalog.open(data, "Maison", "Europe/Paris", BoxSecret(data / "secret"))
        point = catalog.adopt("tic:041234567890", "Maison", Medium.ELECTRICITY, 0).point
        holders = Holders.open(data / "holders.db")
        start = time.perf_counter()
        looked = look(files, NOW, PARIS)
        months(looked.groups[0], PARIS)
        bring(holders, catalog, [Target(looked.groups[0], point, "Maison")], NOW)
        spent.append(time.perf_counter() - start)
        rows = holders.imports()[0].rows
        holders.close()
        size = (data / "holders.db").stat().st_size
    say(
        f"{name}: {rows} rows of {len(files)} files in {median(spent):.2f} s (median of {ROUNDS}, {min(spent):.2f} to "
        f"{max(spent):.2f}), {size / rows:.1f} B a row on the card{aim}"
    )


async def felt(folder: Path) -> None:
    """How late the event loop is, at worst, while a thread reads the largest file that the page takes."""
    path = folder / "large"
    content = curve(midnight(2022), midnight(2026), 600)
    path.write_text(content[: content.rindex("\n", 0, 8_000_000) + 1])
    late = [0.0]
    done = asyncio.get_running_loop().run_in_executor(None, look, [("large", path)], NOW, PARIS)
    start = time.perf_counter()
    while not done.done():
        before = time.perf_counter()
        await asyncio.sleep(0.005)
        late.append(time.perf_counter() - before - 0.005)
    took = time.perf_counter() - start
    say(
        f"while {path.stat().st_size / 1e6:.1f} MB are read ({took:.1f} s) the event loop is {median(late) * 1e3:.0f} ms "
        f"late, {max(late) * 1e3:.0f} at worst"
    )


def main() -> None:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        brought(folder, "a year of half-hours", [curve(midnight(2025), midnight(2026))], "; aim 2 s")
        brought(folder, "ten years of days", [days(year) for year in range(2016, 2026)])
        brought(
            folder, "ten years of half-hours", [curve(midnight(year), midnight(year + 1)) for year in range(2016, 2026)]
        )
        asyncio.run(felt(folder))
    say(f"at most {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024:.0f} MB resident")


if __name__ == "__main__":
    main()
