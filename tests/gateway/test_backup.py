"""A house in one sealed file, written while it runs or not, and put in place on a box that has none."""

import asyncio
import io
import shutil
import tarfile
from contextlib import ExitStack, suppress
from dataclasses import replace
from pathlib import Path

import pytest

from drivers.model import Medium, Quantity
from gateway import app, chain
from gateway.backup import HOUSE, KEY, README, BackupError, Seal, load_age
from gateway.clock import Clock
from gateway.config import load
from gateway.grants import By, GrantedSeries, Grants, Resolution, Wish, new_id
from gateway.ledger import look
from gateway.model import Point, SeriesKey
from gateway.people import People
from gateway.roles import Role
from gateway.trouble import Trouble
from tests.gateway.test_command import Said, configured, releve

AGE = load_age()
PASSPHRASE = "korrekt horse battery"
WATER = "wmbus:KAM-12345678-1b-16"
METER_KEY = bytes(range(16))
INDEX = SeriesKey("eau", "13_0")
AT = 1_790_000_000
# Of the accounts, a back-up has this one.
HOUSEHOLD = [(Role.OCCUPANT, "hashed")]


def furnish(config: Path) -> None:
    """A house with a meter, its key, a year of points, an account of each role, and a telegram that waits."""
    with ExitStack() as opened:
        house, ledger, _ = app._open(load(config), Clock(), opened)
        house.catalog.adopt(WATER, "Eau", Medium.WATER, AT)
        house.catalog.set_key(WATER, METER_KEY)
        ats = list(range(AT - 365 * 86_400, AT, 3600))
        house.store.bulk(INDEX, Quantity.VOLUME, 0, True, ats, list(range(len(ats))))
        house.store.add([Point(INDEX, Quantity.VOLUME, AT, len(ats), 0, True)])
        house.store.swap(INDEX, AT - 86_400, 5, 5, 0)
        people = People(ledger)
        for role in Role:
            asyncio.run(people.add(role, "hashed", AT))
            asyncio.run(ledger.open_session(role.encode(), AT, "192.0.2.1", "a browser", people.accounts[-1]))
        house._aside.append("sealed " + WATER, "one telegram")


def standing(config: Path) -> dict[str, object]:
    """What stands in a house."""
    with ExitStack() as opened:
        house, ledger, _ = app._open(load(config), Clock(), opened)
        points = house.store.points(INDEX, 0, AT + 1)
        assert points is not None
        return {
            "points": (points.exponent, list(points.at), list(points.value)),
            "events": house.store.events(INDEX),
            "meters": house.catalog.meters(),
            "key": house.catalog.key(WATER),
            "password": [(account.role, account.hash) for account in People(ledger).accounts],
            "sessions": len(asyncio.run(ledger.sessions(AT))),
            "aside": house._aside.read("sealed " + WATER).result(),
        }


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a house, its back-up under a passphrase, and one for an age key."""
    folder = tmp_path_factory.mktemp("house")
    config = configured(folder, '[dwelling]\nname = "Chez Zoé"\n')
    furnish(config)
    (folder / "passphrase").write_text(PASSPHRASE + "\n")
    identity = AGE.x25519.Identity.generate()
    (folder / "identity").write_text(f"# made by age-keygen\n{identity}\n")
    by_passphrase = backup(config, folder / "a.backup", "--passphrase-file", folder / "passphrase")
    assert by_passphrase.returncode == 0, by_passphrase.stderr
    by_key = backup(config, folder / "b.backup", "--recipient", str(identity.to_public()))
    assert by_key.returncode == 0, by_key.stderr
    return folder


def backup(config: Path, file: Path, *how: str | Path) -> Said:
    return releve("backup", "--config", config, file, *how)


def restore(config: Path, file: Path, *how: str | Path) -> Said:
    return releve("restore", "--config", config, file, *how)


@pytest.fixture
def fresh(tmp_path: Path) -> Path:
    """The configuration of a box without a house."""
    return configured(tmp_path)


@pytest.mark.parametrize(
    ("file", "how"), [("a", ("--passphrase-file", "passphrase")), ("b", ("--identity-file", "identity"))]
)
def test_a_fresh_box_has_the_whole_house_and_nobody_is_logged_in(
    made: Path, fresh: Path, file: str, how: tuple[str, str]
) -> None:
    done = restore(fresh, made / f"{file}.backup", how[0], made / how[1])
    assert (done.returncode, done.stderr) == (0, "")
    assert "Chez Zoé as it was on" in done.stdout
    before, now = standing(made / "releve.toml"), standing(fresh)
    assert now == {**before, "password": HOUSEHOLD, "sessions": 0}
    assert (now["key"], now["password"], now["aside"]) == (METER_KEY, HOUSEHOLD, ["one telegram"])
    assert sorted(path.name for path in fresh.parent.glob("data/*") if path.is_dir()) == ["aside"]


def test_a_box_without_a_configuration_gets_the_houses_own(made: Path, tmp_path: Path) -> None:
    text = (made / "releve.toml").read_text()
    elsewhere = tmp_path / "moved.toml"
    identity = made / "identity"
    done = restore(elsewhere, made / "b.backup", "--identity-file", identity)
    assert done.returncode == 1  # it names the folder where the house itself still stands
    assert "a house is there already" in done.stderr
    assert elsewhere.read_text() == text


@pytest.mark.parametrize(
    ("harm", "says"),
    [
        (lambda data: data[:-2000], "no back-up of Relevé, or not whole"),
        (lambda data: b"not at all", "no back-up of Relevé, or not whole"),
        (
            lambda data: data[: len(data) // 2] + bytes([data[len(data) // 2] ^ 1]) + data[len(data) // 2 + 1 :],
            "damaged",
        ),
    ],
)
def test_a_damaged_back_up_changes_nothing(made: Path, fresh: Path, harm: object, says: str) -> None:
    assert callable(harm)
    (fresh.parent / "bad").write_bytes(harm((made / "b.backup").read_bytes()))
    done = restore(fresh, fresh.parent / "bad", "--identity-file", made / "identity")
    assert done.returncode == 1
    assert says in done.stderr
    assert "Traceback" not in done.stderr
    assert list((fresh.parent / "data").glob("*")) == []


def test_what_is_sealed_is_not_whole_when_a_piece_of_it_is_missing(made: Path, fresh: Path) -> None:
    """The outer archive is good; of the sealed house the end is cut off."""
    with tarfile.open(made / "b.backup") as outer:
        sealed = outer.extractfile(HOUSE)
        assert sealed is not None
        half = sealed.read()[:-70_000]
    about = tarfile.TarInfo(HOUSE)
    about.size = len(half)
    with tarfile.open(fresh.parent / "half", "w") as outer:
        outer.addfile(about, io.BytesIO(half))
    done = restore(fresh, fresh.parent / "half", "--identity-file", made / "identity")
    assert done.returncode == 1
    assert "damaged, or not whole" in done.stderr or "is not whole" in done.stderr
    assert not (fresh.parent / "data" / "series.db").exists()


def test_the_wrong_key_and_the_wrong_passphrase_are_said(made: Path, fresh: Path) -> None:
    (fresh.parent / "other").write_text("wrong horse battery")
    done = restore(fresh, made / "a.backup", "--passphrase-file", fresh.parent / "other")
    assert (done.returncode, done.stderr) == (1, "releve: this is not the passphrase of this back-up\n")
    (fresh.parent / "stranger").write_text(str(AGE.x25519.Identity.generate()))
    done = restore(fresh, made / "b.backup", "--identity-file", fresh.parent / "stranger")
    assert (done.returncode, "another key's" in done.stderr) == (1, True)
    done = restore(fresh, made / "b.backup", "--passphrase-file", fresh.parent / "other")
    assert "sealed for an age key" in done.stderr


def test_a_house_that_stands_there_is_set_aside_and_nothing_of_it_is_deleted(made: Path, fresh: Path) -> None:
    furnish(fresh)
    before = (fresh.parent / "secret").read_bytes()
    how = ("--identity-file", made / "identity")
    assert "a house is there already" in restore(fresh, made / "b.backup", *how).stderr
    done = restore(fresh, made / "b.backup", *how, "--again")
    assert done.returncode == 0, done.stderr
    (aside,) = (fresh.parent / "data").glob("before-*")
    assert {"series.db", "catalog.json", "keys.json", "holders.db", "ledger.db"} <= {
        path.name for path in aside.iterdir()
    }
    assert [path.read_bytes() for path in fresh.parent.glob("secret.before-*")] == [before]
    assert standing(fresh)["key"] == METER_KEY


def test_a_back_up_that_cannot_be_put_in_place_leaves_what_stood_there(
    made: Path, fresh: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    furnish(fresh)
    before = standing(fresh)

    rename = Path.rename

    def refuse(path: Path, target: Path) -> Path:
        if target.name == "keys.json":
            raise OSError(28, "No space left on device")
        return rename(path, target)

    monkeypatch.setattr(Path, "rename", refuse)
    done = restore(fresh, made / "b.backup", "--identity-file", made / "identity", "--again")
    monkeypatch.undo()
    assert (done.returncode, "No space left" in done.stderr) == (1, True)
    assert standing(fresh) == before


def test_what_is_written_says_how_it_opens_without_us_and_shows_nothing(made: Path) -> None:
    with tarfile.open(made / "a.backup") as outer:
        assert outer.getnames() == [README, KEY, HOUSE]
    data = (made / "a.backup").read_bytes()
    assert WATER.encode() not in data
    assert (made / "a.backup").stat().st_mode & 0o077 == 0
    assert "Zoé".encode() not in data
    again = backup(made / "releve.toml", made / "a.backup", "--passphrase-file", made / "passphrase")
    assert (again.returncode, "is there already" in again.stderr) == (1, True)


@pytest.mark.parametrize(
    ("how", "says"),
    [
        (("--recipient", "age1nobody"), "an age recipient begins with age1"),
        (("--passphrase-file", "short"), "a passphrase of at least 10 characters is needed"),
        ((), "a key is needed"),
    ],
)
def test_a_back_up_that_nobody_could_open_or_anybody_could_is_not_written(
    fresh: Path, how: tuple[str, ...], says: str
) -> None:
    (fresh.parent / "short").write_text("123456789")
    arguments = [fresh.parent / each if each == "short" else each for each in how]
    done = backup(fresh, fresh.parent / "x.backup", *arguments)
    assert (done.returncode, says in done.stderr) == (1, True), done.stderr
    assert not (fresh.parent / "x.backup").exists()


async def test_a_house_that_runs_is_backed_up_whole_and_goes_on(fresh: Path) -> None:
    """What is acknowledged before is in it, what comes meanwhile is not lost, and its restore refuses a house that runs."""
    await asyncio.to_thread(furnish, fresh)
    started = asyncio.Event()
    config = load(fresh)
    any_port = replace(config, web=replace(config.web, port=0))
    run = asyncio.create_task(app.run(any_port, lambda urls, code: started.set()))
    await asyncio.wait_for(started.wait(), 20)
    (fresh.parent / "identity").write_text(str(identity := AGE.x25519.Identity.generate()))
    try:
        file = fresh.parent / "live.backup"
        done = await asyncio.to_thread(backup, fresh, file, "--recipient", str(identity.to_public()))
        assert (done.returncode, done.stderr) == (0, "")
        refused = await asyncio.to_thread(restore, fresh, file, "--identity-file", fresh.parent / "identity", "--again")
        assert (refused.returncode, refused.stderr) == (1, "releve: a gateway runs here: stop it first\n")
        assert list((fresh.parent / "data").glob("backup*")) == []
    finally:
        run.cancel()
        with suppress(asyncio.CancelledError):
            await run
    (fresh.parent / "other-box").mkdir()
    other = configured(fresh.parent / "other-box")
    done = await asyncio.to_thread(restore, other, file, "--identity-file", fresh.parent / "identity")
    assert (done.returncode, done.stderr) == (0, "")
    assert await asyncio.to_thread(standing, other) == {
        **await asyncio.to_thread(standing, fresh),
        "password": HOUSEHOLD,
        "sessions": 0,
    }


def test_the_box_secret_lies_beside_the_data_at_no_moment(
    fresh: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Who copies the folder just then, or after a kill, has no key."""
    furnish(fresh)
    secret = (tmp_path / "secret").read_bytes()
    seen: list[bytes] = []

    def look(folder: Path, *_: object) -> int:
        seen.extend(path.read_bytes() for path in folder.rglob("*") if path.is_file())
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("gateway.backup._write", look)
    done = backup(fresh, tmp_path / "x.backup", "--recipient", str(AGE.x25519.Identity.generate().to_public()))
    assert (done.returncode, "No space left" in done.stderr) == (1, True)
    assert len(seen) >= 5
    assert not any(secret in content for content in seen)
    assert not (tmp_path / "data" / "backup.new").exists()


def test_what_a_kill_left_is_gone_at_the_next_start(fresh: Path) -> None:
    furnish(fresh)
    data = fresh.parent / "data"
    for name in ("backup.new", "restored.new"):
        (data / name).mkdir()
        (data / name / "series.db").write_text("a copy")
    (data / "backup-0123.out").write_text("sealed")
    standing(fresh)
    assert {path.name for path in data.iterdir()}.isdisjoint({"backup.new", "restored.new", "backup-0123.out"})


def test_a_house_that_another_program_has_open_is_not_replaced(made: Path, fresh: Path) -> None:
    furnish(fresh)
    with ExitStack() as opened:
        app._open(load(fresh), Clock(), opened)  # under another configuration, so its socket is not asked
        done = restore(fresh, made / "b.backup", "--identity-file", made / "identity", "--again")
    assert (done.returncode, "a gateway runs on it: stop it first" in done.stderr) == (1, True)
    assert standing(fresh)["password"] == [(role, "hashed") for role in Role]


@pytest.mark.parametrize("which", ["secret", "tail", "holders.db"])
def test_a_house_that_cannot_be_set_aside_stands_as_it_stood(
    made: Path, fresh: Path, which: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    furnish(fresh)
    before = standing(fresh)
    (fresh.parent / "run" / "tail").write_bytes(b"")
    move = shutil.move

    def refuse(path: Path, aside: Path) -> object:
        if path.name == which:
            raise PermissionError(13, "Permission denied", str(path))
        return move(path, aside)

    monkeypatch.setattr("gateway.restore.shutil.move", refuse)
    done = restore(fresh, made / "b.backup", "--identity-file", made / "identity", "--again")
    monkeypatch.undo()
    assert (done.returncode, "Permission denied" in done.stderr) == (1, True)
    assert standing(fresh) == before


def test_a_restore_that_a_kill_cut_short_starts_no_empty_house(made: Path, fresh: Path) -> None:
    data = fresh.parent / "data"
    (data / "restored.new").mkdir(parents=True)
    data.chmod(0o700)
    with pytest.raises(Trouble, match="a restore was cut short: ask for it once more"):
        standing(fresh)
    done = restore(fresh, made / "b.backup", "--identity-file", made / "identity")
    assert (done.returncode, done.stderr) == (0, "")
    assert standing(fresh)["password"] == HOUSEHOLD


def test_a_stop_ends_a_back_up_that_is_being_sealed(fresh: Path, tmp_path: Path) -> None:
    furnish(fresh)
    recipient = str(AGE.x25519.Identity.generate().to_public())
    with ExitStack() as opened:
        backups = app._open(load(fresh), Clock(), opened)[2]

        def told(share: float) -> None:
            if share > 0.4:
                backups.stop()

        with pytest.raises(BackupError, match="the gateway ends, and the back-up is not whole"):
            backups.write(tmp_path / "x.backup", Seal(recipient), told)
    assert not list(tmp_path.glob("x.backup*"))


def test_a_configuration_comes_from_a_whole_back_up_alone_and_lies_nowhere_else(made: Path, tmp_path: Path) -> None:
    (tmp_path / "stick").mkdir()
    bad = tmp_path / "stick" / "bad"
    data = bytearray((made / "b.backup").read_bytes())
    data[-5000] ^= 1
    bad.write_bytes(data)
    done = restore(tmp_path / "etc" / "releve.toml", bad, "--identity-file", made / "identity")
    assert done.returncode == 1
    assert list((tmp_path / "etc").iterdir()) == []
    assert list((tmp_path / "stick").iterdir()) == [bad]


def test_the_ledger_comes_along_and_no_access_stands_where_it_is_put_back(tmp_path: Path) -> None:
    for name in ("here", "there"):
        (tmp_path / name).mkdir()
    here, there = configured(tmp_path / "here"), configured(tmp_path / "there")
    series = (GrantedSeries(INDEX, "Eau", Medium.WATER, Quantity.VOLUME),)
    wish = Wish("Appli", "moi", "voir", series, Resolution.DAY, 0, 86_400, past=False)
    with ExitStack() as opened:
        _, ledger, _ = app._open(load(here), Clock(), opened)
        grants = Grants(ledger, lambda: AT, lambda: True)
        _, token = asyncio.run(grants.give(new_id(), wish, By("a browser", "192.0.2.1")))
        assert grants.opened_by(token)
    written = list(look(tmp_path / "here" / "data" / "ledger.db"))
    (tmp_path / "passphrase").write_text(PASSPHRASE)
    how = ("--passphrase-file", tmp_path / "passphrase")
    assert backup(here, tmp_path / "a.backup", *how).returncode == 0
    assert restore(there, tmp_path / "a.backup", *how).returncode == 0
    entries = list(look(tmp_path / "there" / "data" / "ledger.db"))
    assert entries[:1] == written
    assert [entry.kind for entry in entries] == ["given", "restored"]
    assert chain.verify(entries, written[0].hash).fault is None
    with ExitStack() as opened:
        _, ledger, _ = app._open(load(there), Clock(), opened)
        assert Grants(ledger, lambda: AT, lambda: True).opened_by(token) is None
