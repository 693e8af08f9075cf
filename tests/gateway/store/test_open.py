"""What is refused, and what is taken back."""

from __future__ import annotations

import contextlib
import os
import shutil
import sqlite3
import subprocess
import sys
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from gateway.store import Store, StoreError, schema

from .conftest import INDEX, LEVEL, NOW, PARIS, House, everything, index, level


def refusal(folder: Path) -> str:
    before = {path.name: path.read_bytes() for path in folder.iterdir() if path.is_file()}
    with pytest.raises(StoreError) as refused:
        Store.open(folder / "series.db", folder / "tail", zone=PARIS, now=lambda: NOW)
    assert {path.name: path.read_bytes() for path in folder.iterdir() if path.is_file()} == before
    return str(refused.value)


def test_a_newer_schema_is_refused_and_not_a_byte_is_written(house: House, tmp_path: Path) -> None:
    house.store.add([index(NOW, 1)])
    house.store.close()
    database = sqlite3.connect(tmp_path / "series.db")
    database.execute("PRAGMA user_version=7")
    database.close()
    assert refusal(tmp_path) == "series.db: schema 7 is newer than this program's 1: install a newer Relevé"


def test_a_second_opener_is_refused(house: House, tmp_path: Path) -> None:
    house.store.add([index(NOW, 1)])
    with pytest.raises(StoreError, match=r"^series.db: already open by another process; stop the other gateway first$"):
        Store.open(tmp_path / "series.db", tmp_path / "tail", zone=PARIS, now=lambda: NOW)
    other = "import sqlite3, sys; sqlite3.connect(sys.argv[1], timeout=0).execute('SELECT * FROM series')"
    process = subprocess.run(
        [sys.executable, "-c", other, str(tmp_path / "series.db")], capture_output=True, check=False
    )
    assert b"database is locked" in process.stderr
    assert house.store.commit()


def test_other_files_are_refused_and_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "series.db"
    path.write_bytes(b"no database at all" * 300)
    assert refusal(tmp_path) == "series.db: not a database; move it away, or bring a back-up with releve restore"
    path.unlink()
    database = sqlite3.connect(path)
    database.execute("CREATE TABLE photos (a)")
    database.close()
    assert refusal(tmp_path) == "series.db: a database of another program; give Relevé a file of its own"


def test_files_of_another_user_are_refused(house: House, tmp_path: Path) -> None:
    house.store.add([index(NOW, 1)])
    house.store.close()
    (tmp_path / "series.db").chmod(0o444)
    tmp_path.chmod(0o555)
    root = os.geteuid() == 0
    if root:
        for folder in (tmp_path.parent, *tmp_path.parent.parents):
            if folder.stat().st_mode & 0o005 != 0o005 and folder.name.startswith(("pytest", "popen")):
                folder.chmod(0o755)
        os.seteuid(65_534)
    try:
        with pytest.raises(StoreError, match=r"^series.db: no permission to read and write it in "):
            Store.open(tmp_path / "series.db", tmp_path / "tail", zone=PARIS, now=lambda: NOW)
        with pytest.raises(StoreError, match="Permission denied"):
            Store.open(tmp_path / "new.db", tmp_path / "tail", zone=PARIS, now=lambda: NOW)
    finally:
        if root:
            os.seteuid(0)
        tmp_path.chmod(0o755)


def test_a_missing_folder_is_named(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match=r"No such file or directory: .*nowhere"):
        Store.open(tmp_path / "nowhere" / "series.db", tmp_path / "tail", zone=PARIS, now=lambda: NOW)
    with pytest.raises(StoreError, match=r"No such file or directory: .*gone"):
        Store.open(tmp_path / "series.db", tmp_path / "gone" / "tail", zone=PARIS, now=lambda: NOW)


def test_a_new_file_is_private(house: House, tmp_path: Path) -> None:
    house.store.add([index(NOW, 1)])
    assert {path.stat().st_mode & 0o777 for path in tmp_path.iterdir()} == {0o600}


def test_a_torn_tail_gives_its_whole_records_and_counts_the_rest(house: House, tmp_path: Path) -> None:
    house.store.add([index(NOW, 1), level(NOW, 5)])
    house.store.add([index(NOW + 60, 2)])
    tail = (tmp_path / "tail").read_bytes()
    house.store.close()
    (tmp_path / "series.db").unlink()
    (tmp_path / "tail").write_bytes(tail[:-3])
    store = house.open()
    assert store.latest(INDEX) == index(NOW, 1)
    assert store.latest(LEVEL) == level(NOW, 5)
    assert store.counts.tail_torn > 0
    assert (tmp_path / "tail").stat().st_size == 0


def test_a_tail_that_the_card_already_has_changes_nothing(house: House, tmp_path: Path) -> None:
    house.store.add([index(NOW, 1)])
    house.store.add([index(NOW, 2)])
    house.store.add([index(NOW + 60, 25, -1)])
    tail = (tmp_path / "tail").read_bytes()
    house.store.commit()
    before = everything(house.store)
    house.store.close()
    (tmp_path / "tail").write_bytes(tail)
    assert everything(house.open()) == before
    assert everything(house.reopen()) == before


def test_the_zone_only_says_when_a_day_ends(tmp_path: Path) -> None:
    for zone in ("Europe/Paris", "Indian/Reunion", "America/Cayenne"):
        store = Store.open(tmp_path / "series.db", tmp_path / "tail", zone=ZoneInfo(zone), now=lambda: NOW)
        store.add([index(NOW - 5 * 86_400, 1)])
        store.close()
        assert store.latest(INDEX) == index(NOW - 5 * 86_400, 1)


def test_a_chunk_that_lost_a_bit_is_a_gap_and_is_counted(house: House, tmp_path: Path) -> None:
    start = NOW - 30 * 86_400
    house.store.add([level(start, 5), level(start + 86_400, 6), level(NOW, 7)])
    house.store.fold()
    house.store.close()
    database = sqlite3.connect(tmp_path / "series.db")
    database.execute("UPDATE chunk SET b=CAST(b || x'00' AS BLOB) WHERE day=?", (start // 86_400,))
    database.commit()
    database.close()
    points = house.open().points(LEVEL, 0, NOW + 1)
    assert points is not None
    assert points.value.tolist() == [6, 7]
    assert house.store.counts.damaged > 0


def test_a_backup_opens_and_says_the_same(house: House, tmp_path: Path) -> None:
    house.store.add([index(NOW - 9 * 86_400, 1), index(NOW, 2), level(NOW, 3)])
    house.store.swap(INDEX, NOW, 2, 0, 0)
    house.store.backup(tmp_path / "copy.db")
    copy = Store.open(tmp_path / "copy.db", tmp_path / "copy.tail", zone=PARIS, now=lambda: NOW)
    assert everything(copy) == everything(house.store)
    copy.close()
    with pytest.raises(FileExistsError):
        house.store.backup(tmp_path / "copy.db")


def test_a_closed_store_says_so_instead_of_taking_points(house: House) -> None:
    house.store.close()
    house.store.close()
    with pytest.raises(RuntimeError, match="the store's thread has ended"):
        house.store.add([index(NOW, 1)])
    with pytest.raises(RuntimeError, match="the store's thread has ended"):
        house.store.commit()


def test_a_power_cut_in_the_middle_of_a_checkpoint_leaves_a_store_that_opens(house: House, tmp_path: Path) -> None:
    for day in range(20):
        house.now += 86_400
        house.store.add([index(house.now - 60 * minute, 20_000 * day - minute) for minute in range(300)])
        assert house.store.fold()
    before = everything(house.store)
    cut, done = tmp_path / "cut", tmp_path / "done"
    for folder in (cut, done):
        folder.mkdir()
        for name in ("series.db", "series.db-wal"):
            shutil.copy(tmp_path / name, folder / name)
    with contextlib.closing(sqlite3.connect(done / "series.db")) as db:
        db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    with (done / "series.db").open("rb") as whole, (cut / "series.db").open("r+b") as file:
        file.write(whole.read(schema.PAGE_BYTES))  # its head only: it counts pages that the file has not
    assert (cut / "series.db").stat().st_size < (done / "series.db").stat().st_size
    house.folder = cut
    assert everything(house.open()) == before
    assert house.store.check().faults == []
