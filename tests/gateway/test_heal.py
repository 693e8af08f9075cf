"""A damaged `series.db` at a start, and damage that shows while the box runs: it goes on, and says nothing false."""

from __future__ import annotations

import asyncio
import contextlib
import resource
import sqlite3
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from gateway import app, heal
from gateway.catalog import Catalog
from gateway.config import load
from gateway.secret import BoxSecret
from gateway.store import DamagedStoreError, Store, StoreError, salvage, schema
from tests.gateway.store.conftest import INDEX, LEVEL, NOW, PARIS, House, everything, index, level
from tests.gateway.store.test_check import damaged, furnish
from tests.gateway.test_backup import furnish as furnish_house
from tests.gateway.test_command import configured, releve

DAY = 86_400
PAGE = schema.PAGE_BYTES


@pytest.fixture
def box(tmp_path: Path) -> Iterator[House]:
    """A store with forty days, closed, and points in its tail that the card has not."""
    house = House(tmp_path)
    furnish(house)
    house.store.close()
    before = (tmp_path / "series.db").read_bytes()
    house.open().add([index(NOW + 120, 20_002), level(NOW + 120, 77)])
    tail = (tmp_path / "tail").read_bytes()
    house.store.close()
    (tmp_path / "series.db").write_bytes(before)
    (tmp_path / "tail").write_bytes(tail)
    yield house
    for store in house.stores:
        store.close()


@contextlib.contextmanager
def full_disk(size: int) -> Iterator[None]:
    """No file of this process grows beyond so many bytes."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def start(house: House) -> heal.Healed | None:
    """As the gateway starts."""
    house.store, healed = heal.opened(house.open, house.folder / "series.db", lambda: house.now)
    return healed


def points_of(store: Store) -> dict[str, dict[int, int]]:
    """Each point in tenths, by series."""
    found = {}
    for key in (INDEX, LEVEL):
        points = store.points(key, 0, NOW + DAY)
        if points is not None:
            ten = 10 ** (points.exponent + 1)
            found[str(key)] = {at: value * ten for at, value in zip(points.at, points.value, strict=True)}
    return found


@pytest.mark.parametrize("seed", range(28))
def test_a_start_with_a_damaged_file_says_nothing_false_and_keeps_the_file(
    box: House, tmp_path: Path, seed: int
) -> None:
    path, tail = tmp_path / "series.db", (tmp_path / "tail").read_bytes()
    said = points_of(box.open())
    box.store.close()
    (tmp_path / "tail").write_bytes(tail)
    before = damaged(path, seed)
    healed = start(box)
    for key, points in points_of_what_can_be_read(box).items():
        assert points.items() <= said[key].items()
    # What was acknowledged and had not reached the card is there, whatever became of the file.
    assert box.store.latest(INDEX) == index(NOW + 120, 20_002)
    last = box.store.latest(LEVEL)
    assert last is not None
    assert (last.at, str(last.decimal.normalize())) == (NOW + 120, "77")
    if healed is not None:
        assert Path(healed.path).read_bytes() == before
        assert points_of(box.store).keys() == {str(INDEX), str(LEVEL)}
        assert box.store.check().faults == []


def points_of_what_can_be_read(box: House) -> dict[str, dict[int, int]]:
    """Damage that a start does not meet shows itself here; then the next start takes out what is whole."""
    try:
        return points_of(box.store)
    except StoreError:
        assert box.store.damaged
        box.store.close()
        assert start(box) is not None
        assert not schema.suspect(box.folder / "series.db").exists()
        return points_of(box.store)


def test_of_a_file_that_is_none_nothing_is_read_and_the_readings_begin_anew(box: House, tmp_path: Path) -> None:
    path = tmp_path / "series.db"
    path.write_bytes(b"no database at all" * 300)
    healed = start(box)
    assert healed == heal.Healed(0, None, f"{path}.damaged-20231114T221320Z")
    assert Path(healed.path).read_bytes() == b"no database at all" * 300
    assert points_of(box.store)[str(INDEX)] == {NOW + 120: 200_020}
    assert start_again(box) is None


def start_again(box: House) -> heal.Healed | None:
    box.store.close()
    return start(box)


def harm(path: Path, table: str) -> bytes:
    """The first page of a table is lost: a start meets that of `log`, and not that of `hour`."""
    with contextlib.closing(sqlite3.connect(f"file:{path}?mode=ro&immutable=1", uri=True)) as db:
        (page,) = db.execute("SELECT rootpage FROM sqlite_schema WHERE name=?", (table,)).fetchone()
    with path.open("r+b") as file:
        file.seek((page - 1) * PAGE)
        file.write(bytes(PAGE))
    return path.read_bytes()


def test_without_room_for_what_is_taken_out_the_file_stays_and_the_start_is_refused(box: House, tmp_path: Path) -> None:
    path, tail = tmp_path / "series.db", (tmp_path / "tail").read_bytes()
    before = harm(path, "log")
    with full_disk(40_000), pytest.raises(StoreError, match=r"cannot be taken out: .*the disk refuses to be written"):
        start(box)
    assert path.read_bytes() == before
    assert (tmp_path / "tail").read_bytes() == tail
    assert sorted(each.name for each in tmp_path.iterdir() if each.name.startswith("series")) == ["series.db"]
    healed = start(box)
    assert healed is not None
    assert healed.points > 0


def test_a_file_that_opens_is_used_as_it_is_where_there_is_no_room(box: House, tmp_path: Path) -> None:
    schema.suspect(tmp_path / "series.db").touch()
    with full_disk(40_000):
        assert start(box) is None
        assert box.store.latest(INDEX) == index(NOW + 120, 20_002)
    assert schema.suspect(tmp_path / "series.db").exists()
    healed = start_again(box)
    assert healed is not None
    assert healed.left == 0


def test_a_file_of_a_newer_program_is_not_taken_apart(box: House, tmp_path: Path) -> None:
    with contextlib.closing(sqlite3.connect(tmp_path / "series.db")) as db:
        db.execute("PRAGMA user_version=99")
    schema.suspect(tmp_path / "series.db").touch()
    before = (tmp_path / "series.db").read_bytes()
    with pytest.raises(StoreError, match="install a newer Relev"):
        start(box)
    assert (tmp_path / "series.db").read_bytes() == before


def test_what_is_suspected_of_no_file_is_nothing(tmp_path: Path) -> None:
    schema.suspect(tmp_path / "series.db").touch()
    house = House(tmp_path)
    house.store.close()
    (tmp_path / "series.db").unlink()
    assert start(house) is None
    house.store.close()


@pytest.fixture
def cut_off(tmp_path: Path) -> tuple[Path, object]:
    """A file of which the last days are in its WAL alone, and all that it says."""
    folder = tmp_path / "running"
    folder.mkdir()
    house = House(folder)
    furnish(house)
    before = everything(house.store)
    for suffix in ("", "-wal"):
        (tmp_path / f"series.db{suffix}").write_bytes((folder / f"series.db{suffix}").read_bytes())
    house.store.close()
    return tmp_path / "series.db", before


class KilledError(BaseException):
    pass


@pytest.mark.parametrize("step", ["touch", "hardlink_to", "replace"])
def test_a_kill_in_the_last_steps_of_a_salvage_loses_nothing(
    cut_off: tuple[Path, object], monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    path, before = cut_off

    def kill(*arguments: object, **more: object) -> None:
        raise KilledError

    with monkeypatch.context() as patched:
        patched.setattr(Path, step, kill)
        with pytest.raises(KilledError):
            salvage(path, "first", NOW)
    salvaged_again(path, before)


def test_nor_does_one_after_the_wal_got_its_other_name(cut_off: tuple[Path, object]) -> None:
    path, before = cut_off
    aside = path.with_name("series.db.damaged-first")
    aside.hardlink_to(path)
    path.with_name("series.db-wal").rename(path.with_name("series.db.damaged-first-wal"))
    salvaged_again(path, before)


def salvaged_again(path: Path, before: object) -> None:
    assert salvage(path, "second", NOW).left == 0
    assert [each.name for each in path.parent.glob("series.db.*")] == ["series.db.damaged-second"]
    store = Store.open(path, path.with_name("tail"), zone=PARIS, now=lambda: NOW)
    assert everything(store) == before
    store.close()


@pytest.mark.parametrize("now", [1000, NOW, NOW + 9000 * DAY])
def test_a_clock_that_is_wrong_hides_no_day_of_what_is_taken_out(tmp_path: Path, now: int) -> None:
    house = House(tmp_path)
    furnish(house)
    before = everything(house.store)
    house.store.close()
    salvage(tmp_path / "series.db", "x", now)
    assert everything(house.open()) == before
    house.store.close()


def test_a_file_that_does_not_say_where_its_memory_begins_hides_no_day_either(tmp_path: Path) -> None:
    house = House(tmp_path)
    furnish(house)
    before = everything(house.store)
    house.store.commit()
    house.store._call(lambda: house.store._card.db.execute("UPDATE state SET folded_to=-7"))
    house.store.close()
    salvage(tmp_path / "series.db", "x", 1000)
    assert everything(house.open()) == before
    house.store.close()


def test_damage_that_shows_while_it_runs_takes_nothing_that_comes_and_the_next_start_heals(tmp_path: Path) -> None:
    house = House(tmp_path)
    furnish(house)
    house.reopen()
    path = tmp_path / "series.db"
    harm(path, "hour")
    with pytest.raises(StoreError, match="the database is damaged"):
        house.store.consumption(INDEX, [NOW - 30 * DAY, NOW - 20 * DAY])
    assert house.store.damaged
    assert schema.suspect(path).exists()
    house.now += 180
    house.store.add([index(NOW + 180, 20_003), level(NOW + 180, 78)])
    house.store.commit()
    assert house.store.latest(INDEX) == index(NOW + 180, 20_003)
    recent = house.store.points(INDEX, NOW - 3600, NOW + DAY)  # memory has it
    assert recent is not None
    assert recent.at[-1] == NOW + 180
    with pytest.raises(StoreError, match="so no copy is made"):
        house.store.backup(tmp_path / "copy.db")
    tail = (tmp_path / "tail").read_bytes()
    house.store.close()
    (tmp_path / "tail").write_bytes(tail)
    healed = start(house)
    assert healed is not None
    assert healed.left == 0  # what hours come to is made anew from the points
    assert (house.store.damaged, house.store.check().faults) == (False, [])
    assert house.store.latest(INDEX) == index(NOW + 180, 20_003)
    house.store.close()


def test_a_damaged_page_that_refuses_every_commit_leaves_what_comes_in_the_tail(tmp_path: Path) -> None:
    house = House(tmp_path)
    furnish(house)
    house.reopen()
    harm(tmp_path / "series.db", "log")
    house.store._call(lambda: house.store._card.db.execute("PRAGMA shrink_memory"))  # as if others had been read since
    for number in range(1, 4):
        house.now = NOW + 60 + 60 * number
        house.store.add([index(house.now, 20_001 + number)])
        assert not house.store.commit()
    assert house.store.damaged
    assert house.store.trouble is not None
    assert house.store.trouble.startswith("series.db: the database is damaged")
    assert house.store.latest(INDEX) == index(house.now, 20_004)
    recent = house.store.points(INDEX, NOW, house.now + 1)
    assert recent is not None
    assert recent.value[-4:].tolist() == [20_001, 20_002, 20_003, 20_004]
    house.store.close()
    healed = start(house)
    assert healed is not None
    found = points_of(house.store)[str(INDEX)]
    assert [found[NOW + 60 + 60 * number] for number in range(1, 4)] == [200_020, 200_030, 200_040]
    assert not house.store.trouble
    assert house.store.check().faults == []
    house.store.close()


def test_what_became_of_a_file_is_said_until_it_was_seen(tmp_path: Path) -> None:
    catalog = Catalog.open(tmp_path, "Maison", "Europe/Paris", BoxSecret(tmp_path / "secret"))
    for number in range(7):
        heal.keep(catalog, heal.Healed(number, number or None, "somewhere"), str(NOW))
    again = Catalog.open(tmp_path, "Maison", "Europe/Paris", BoxSecret(tmp_path / "secret"))
    assert [each.points for each in heal.said(again)] == [2, 3, 4, 5, 6]
    heal.seen(again)
    assert heal.said(again) == ()


@pytest.fixture
def config(tmp_path: Path) -> Path:
    path = configured(tmp_path)
    furnish_house(path)
    return path


async def test_a_gateway_starts_on_a_damaged_file_and_no_other_command_takes_it_apart(
    config: Path, tmp_path: Path
) -> None:
    path = tmp_path / "data" / "series.db"
    before = harm(path, "log")
    for command in (("export", "--out", tmp_path / "out"), ("erase", "eau", "--yes"), ("keys", config)):
        done = await asyncio.to_thread(releve, command[0], "--config", config, *command[1:])
        assert done.returncode == 1, command
        assert path.read_bytes() == before
    loaded, started = load(config), asyncio.Event()
    run = asyncio.create_task(
        app.run(replace(loaded, web=replace(loaded.web, port=0)), lambda urls, code: started.set())
    )
    await asyncio.wait_for(started.wait(), 20)
    run.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await run
    (aside,) = (tmp_path / "data").glob("series.db.damaged-*")
    assert aside.read_bytes() == before
    catalog = Catalog.open(tmp_path / "data", "Maison", "Europe/Paris", BoxSecret(tmp_path / "secret"))
    (healed,) = heal.said(catalog)
    assert healed.path == str(aside)
    assert healed.points > 0
    assert releve("check-store", "--config", config).returncode == 0


def test_the_refusal_of_a_damaged_file_is_told_apart(box: House, tmp_path: Path) -> None:
    harm(tmp_path / "series.db", "log")
    with pytest.raises(DamagedStoreError, match="the database is damaged"):
        Store.open(tmp_path / "series.db", tmp_path / "tail", zone=PARIS, now=lambda: NOW)
