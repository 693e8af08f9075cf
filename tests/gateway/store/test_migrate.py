"""A file of each older version is opened, and says what it said.

`version_N.sql` was dumped from a file that the program of that version wrote: an index each quarter of an hour for five days
beside a power, an exchange, another one that was taken back, folded but for the last two days. A new migration brings the next one.
"""

import sqlite3
from pathlib import Path

import pytest

from drivers.model import Quantity
from gateway.model import SeriesKey
from gateway.store import Store, schema
from tests.gateway.store.conftest import PARIS

FOLDER = Path(__file__).parent
VERSIONS = range(1, len(schema.MIGRATIONS) + 1)
START = 1_790_000_000
QUARTERS = 96 * 5
END = START + QUARTERS * 900
INDEX, POWER = SeriesKey("maison", "EAST"), SeriesKey("maison", "SINSTS")


def test_there_is_a_file_of_each_version() -> None:
    assert sorted(path.name for path in FOLDER.glob("version_*.sql")) == [f"version_{n}.sql" for n in VERSIONS]


@pytest.mark.parametrize("version", VERSIONS)
def test_a_file_of_this_version_is_taken_over_whole(tmp_path: Path, version: int) -> None:
    path = tmp_path / "series.db"
    db = sqlite3.connect(path)
    db.executescript((FOLDER / f"version_{version}.sql").read_text())
    assert db.execute("PRAGMA user_version").fetchone() == (version,)
    db.close()
    store = Store.open(path, tmp_path / "tail", zone=PARIS, now=lambda: END)
    try:
        assert [(info.key, info.quantity, info.main) for info in store.series()] == [
            (INDEX, Quantity.ENERGY, True),
            (POWER, Quantity.APPARENT_POWER, True),
        ]
        points, powers = store.points(INDEX, 0, 2**40), store.points(POWER, 0, 2**40)
        assert points is not None
        assert powers is not None
        said = [8_000_000 + 137 * quarter for quarter in range(QUARTERS)] + [40]
        assert list(points.at) == [START + 900 * quarter for quarter in range(QUARTERS + 1)]
        assert list(points.value) == said
        assert list(powers.value) == [300 + quarter * 7919 % 2500 for quarter in range(QUARTERS)]
        stands, undone = store.events(INDEX)
        assert (stands.old_final, stands.new_start, stands.undone_by) == (said[-2], 12, None)
        assert undone.undone_by is not None
        (day,) = store.consumption(INDEX, [START + 86_400, START + 2 * 86_400])
        assert (day.value, day.complete) == (137 * 96, True)
        (swapped,) = store.consumption(INDEX, [START, END])
        assert swapped.value == 137 * (QUARTERS - 1) + 28
        assert store.check().faults == []
    finally:
        store.close()
    assert sqlite3.connect(path).execute("PRAGMA user_version").fetchone() == (len(schema.MIGRATIONS),)
