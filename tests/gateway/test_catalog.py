"""The catalogue: adoption, names and settings, whole after every kill. The keys have tests of their own."""

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from drivers.model import Medium
from gateway.catalog import Catalog, CatalogError, Dwelling
from gateway.model import Meter, MeteringPoint
from gateway.secret import BoxSecret

WATER = "wmbus:KAM-12345678-1b-16"
HEAT = "wmbus:KAM-12345679-1b-04"


def opened(directory: Path, name: str = "Maison", zone: str = "Europe/Paris") -> Catalog:
    return Catalog.open(directory, name, zone, BoxSecret(directory / "elsewhere" / "box-secret"))


def test_a_new_catalogue_has_its_dwelling_and_nothing_else(tmp_path: Path) -> None:
    catalog = opened(tmp_path / "data", "Chez Zoé")
    assert catalog.dwelling == Dwelling("chez-zoe", "Chez Zoé", "Europe/Paris")
    assert (catalog.points(), catalog.meters(), catalog.setting("any")) == ((), (), None)


def test_another_name_in_the_configuration_is_the_same_dwelling(tmp_path: Path) -> None:
    opened(tmp_path).adopt(WATER, "Eau", Medium.WATER, 1)
    catalog = opened(tmp_path, "Chalet", "Indian/Reunion")
    assert catalog.dwelling == Dwelling("maison", "Chalet", "Indian/Reunion")
    assert opened(tmp_path, "Chalet").points() == catalog.points() != ()


def test_an_adopted_meter_is_there_after_a_restart(tmp_path: Path) -> None:
    meter = opened(tmp_path).adopt(WATER, "Eau du jardin", Medium.WATER, 1_700_000_000)
    assert meter == Meter(WATER, "eau-du-jardin", 1_700_000_000)
    again = opened(tmp_path)
    assert again.meter(WATER) == again.meter_of("eau-du-jardin") == meter
    assert again.points() == (MeteringPoint("eau-du-jardin", "maison", "Eau du jardin", Medium.WATER),)
    assert again.meter(HEAT) is None
    assert again.meter_of("elsewhere") is None


@pytest.mark.parametrize(
    ("name", "id_"),
    [
        ("Chauffe-eau : l'été", "chauffe-eau-l-ete"),
        ("Cœur", "coeur"),
        ("Straße", "strasse"),
        ("水", "water"),
        ("\n", "wmbus-kam-12345678-1b-16"),
        ("a" * 39 + " b", "a" * 39),
        ("x\u202ey\ud800", "xy"),
    ],
)
def test_any_name_gives_an_id_that_a_series_can_carry(tmp_path: Path, name: str, id_: str) -> None:
    assert opened(tmp_path).adopt(WATER, name, Medium.WATER, 1).point == id_


def test_two_points_of_one_name_stay_two(tmp_path: Path) -> None:
    catalog = opened(tmp_path)
    ids = [catalog.adopt(f"tic:{n:012}", "Linky", Medium.ELECTRICITY, n).point for n in range(3)]
    assert ids == ["linky", "linky-2", "linky-3"]


def test_a_meter_adopted_again_stays_where_it_is(tmp_path: Path) -> None:
    catalog = opened(tmp_path)
    meter = catalog.adopt(WATER, "Eau", Medium.WATER, 1)
    assert catalog.adopt(WATER, "Eau froide", Medium.OTHER, 99) == meter
    assert catalog.points() == (MeteringPoint("eau", "maison", "Eau froide", Medium.WATER),)
    with pytest.raises(CatalogError, match="already stands at 'eau', not at 'cave'"):
        catalog.adopt(WATER, "Eau", Medium.WATER, 2, point="cave")


def test_two_who_adopt_one_meter_at_once_give_it_one_point(tmp_path: Path) -> None:
    catalog = opened(tmp_path)
    with ThreadPoolExecutor(8) as pool:
        adopted = list(pool.map(lambda at: catalog.adopt(WATER, "Eau", Medium.WATER, at), range(40)))
    assert {meter.point for meter in adopted} == {"eau"}
    assert len(opened(tmp_path).points()) == len(opened(tmp_path).meters()) == 1


def test_a_point_outlives_its_meter(tmp_path: Path) -> None:
    catalog = opened(tmp_path)
    old = catalog.adopt(WATER, "Eau", Medium.WATER, 1)
    new = catalog.adopt(HEAT, "Eau", Medium.WATER, 2, point=old.point)
    assert catalog.meters() == (old, new)
    assert len(catalog.points()) == 1
    assert opened(tmp_path).meter_of("eau") == new
    with pytest.raises(CatalogError, match="no metering point 'cave'"):
        catalog.adopt("mbus:KAM-00000001-01-04", "Cave", Medium.HEAT, 3, point="cave")


def test_a_meter_that_takes_another_s_place_has_series_of_its_own_and_can_be_taken_apart(tmp_path: Path) -> None:
    catalog = opened(tmp_path)
    old = catalog.adopt("tic:000000000001", "Maison", Medium.ELECTRICITY, 1)
    new = catalog.exchange("tic:000000000002", 2, old.point)
    assert (new.point, new.series_point, old.series_point) == ("maison", "maison-2", "maison")
    assert catalog.adopt("tic:000000000003", "Maison", Medium.ELECTRICITY, 3).point == "maison-3"
    assert opened(tmp_path).standing("maison") == (old, new)
    apart = opened(tmp_path).take_apart(new.address, "Maison 2")
    assert (apart.point, apart.series_point) == ("maison-2", "maison-2")
    again = opened(tmp_path)
    assert (again.meter_of("maison"), again.meter_of("maison-2")) == (old, apart)
    assert [point.name for point in again.points()] == ["Maison", "Maison", "Maison 2"]
    with pytest.raises(CatalogError, match="did not take the place"):
        again.take_apart(old.address, "Maison 2")


def test_a_renamed_point_keeps_its_id(tmp_path: Path) -> None:
    catalog = opened(tmp_path)
    catalog.adopt(WATER, "Eau", Medium.WATER, 1)
    catalog.rename("eau", "Eau froide")
    assert [(point.id, point.name) for point in opened(tmp_path).points()] == [("eau", "Eau froide")]
    with pytest.raises(CatalogError, match="no metering point 'cave'"):
        catalog.rename("cave", "Cave")
    with pytest.raises(CatalogError, match="a name is needed"):
        catalog.rename("eau", " ")


def test_a_setting_is_any_json_and_can_be_forgotten(tmp_path: Path) -> None:
    catalog = opened(tmp_path)
    catalog.set_setting("alerts", {"leak": [1, None, "été"]})
    catalog.set_setting("zero", 0)
    assert opened(tmp_path).setting("alerts") == {"leak": [1, None, "été"]}
    assert opened(tmp_path).setting("zero") == 0
    catalog.set_setting("alerts", None)
    assert opened(tmp_path).setting("alerts") is None
    assert opened(tmp_path).setting("zero") == 0


def test_only_the_owner_reads_what_the_household_has_told(tmp_path: Path) -> None:
    opened(tmp_path).adopt(WATER, "Eau", Medium.WATER, 1)
    (tmp_path / "catalog.json").chmod(0o644)
    opened(tmp_path)
    assert {path.name: path.stat().st_mode & 0o777 for path in tmp_path.iterdir()} == {"catalog.json": 0o600}


def write_tables(path: Path, **tables: Mapping[str, object]) -> str:
    text = json.dumps({name: {"1": document} for name, document in tables.items()})
    path.write_text(text)
    return text


HOME: dict[str, object] = {"id": "maison", "name": "Maison", "time_zone": "Europe/Paris"}


@pytest.mark.parametrize(
    ("content", "fault"),
    [
        ("", "is no JSON from line 1 on"),
        ('{"points": {', "is no JSON from line 1 on"),
        ("{}", "something that every catalogue has is missing"),
        ("[" * 100_000, "something that every catalogue has is missing"),
        ("[]", "tables are needed"),
        ('{"points": []}', "'points' is no table of documents"),
        ('{"points": {"x": {}}}', "'points' is no table of documents"),
        ('{"catalog": {"1": {"version": 2}}}', "its version is 2, and this program knows 1"),
        ('{"catalog": {"1": {"version": "1"}}}', "document 1 has no good 'version'"),
        (b"\xff", "is no UTF-8 text"),
        (b" " * 10_000_001, "at most 10000000 bytes are read, and it is longer"),
    ],
)
def test_a_spoilt_catalogue_is_told_in_one_sentence_and_left_as_it_is(
    tmp_path: Path, content: str | bytes, fault: str
) -> None:
    path = tmp_path / "catalog.json"
    data = content if isinstance(content, bytes) else content.encode()
    path.write_bytes(data)
    with pytest.raises(CatalogError) as met:
        opened(tmp_path)
    assert str(met.value) == f"{path}: {fault}"
    assert path.read_bytes() == data


@pytest.mark.parametrize(
    "points",
    [
        {"id": "eau", "dwelling": "maison", "name": "Eau", "medium": "wine"},
        {"id": "eau", "dwelling": "maison", "name": None, "medium": "water"},
        {"id": "eau", "name": "Eau", "medium": "water"},
    ],
)
def test_a_point_that_is_none_is_not_guessed(tmp_path: Path, points: dict[str, object]) -> None:
    text = write_tables(tmp_path / "catalog.json", catalog={"version": 1}, dwellings=HOME, points=points)
    with pytest.raises(CatalogError, match=r"catalog\.json: .*(valid Medium|no good)"):
        opened(tmp_path)
    assert (tmp_path / "catalog.json").read_text() == text


def test_a_folder_that_cannot_be_read_is_told_in_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "catalog.json").mkdir()
    with pytest.raises(CatalogError, match=r"catalog\.json: cannot be read: Is a directory"):
        opened(tmp_path)


def test_the_bytes_are_on_the_card_before_the_name_and_the_name_before_the_answer(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    catalog = opened(tmp_path)
    calls: list[str] = []
    fsync, replace = os.fsync, os.replace

    def noted_fsync(file: int) -> None:
        calls.append("fsync " + Path(f"/proc/self/fd/{file}").readlink().name)
        fsync(file)

    def noted_replace(source: Path, target: Path) -> None:
        calls.append("replace " + Path(target).name)
        replace(source, target)

    monkeypatch.setattr(os, "fsync", noted_fsync)
    monkeypatch.setattr(os, "replace", noted_replace)
    catalog.adopt(WATER, "Eau", Medium.WATER, 1)
    assert calls == ["fsync catalog.json.new", "replace catalog.json", "fsync " + tmp_path.name]


def test_a_card_that_is_full_leaves_what_was_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    catalog = opened(tmp_path)
    catalog.adopt(WATER, "Eau", Medium.WATER, 1)

    def full(file: int) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", full)
        with pytest.raises(OSError, match="No space left"):
            catalog.adopt(HEAT, "Chauffage", Medium.HEAT, 2)
    assert catalog.meter(HEAT) is None
    assert opened(tmp_path).meters() == catalog.meters()
    assert catalog.adopt(HEAT, "Chauffage", Medium.HEAT, 3).since == 3
    assert len(opened(tmp_path).points()) == 2


# Each child adopts until it is killed and says through a pipe what was acknowledged; nothing acknowledged may be gone,
# no point may lack its meter, and the file must be whole.
KILLED = """
import os, random, select, signal, sys, time
from pathlib import Path
from drivers.model import Medium
from gateway.catalog import Catalog
from gateway.secret import BoxSecret

directory, rounds = Path(sys.argv[1]), int(sys.argv[2])
acknowledged = 0
for round in range(rounds):
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        catalog = Catalog.open(directory, "Maison", "Europe/Paris", BoxSecret(directory / "secret"))
        while True:
            count = len(catalog.meters()) + 1
            catalog.adopt(f"tic:{count:012}", "Linky", Medium.ELECTRICITY, count)
            os.write(writing, count.to_bytes(4, "big"))
    os.close(writing)
    select.select([reading], [], [], 5)
    time.sleep(random.random() * 0.01)
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    with os.fdopen(reading, "rb") as pipe:
        acknowledged = int.from_bytes(pipe.read()[-4:], "big")
    catalog = Catalog.open(directory, "Maison", "Europe/Paris", BoxSecret(directory / "secret"))
    found = len(catalog.meters())
    assert acknowledged <= found <= acknowledged + 1, (acknowledged, found)
    assert len(catalog.points()) == found
print(acknowledged)
"""


def test_a_kill_in_the_middle_of_a_write_leaves_a_whole_file(tmp_path: Path) -> None:
    run = [sys.executable, "-c", KILLED, str(tmp_path), "30"]
    done = subprocess.run(run, capture_output=True, text=True, check=False, cwd=Path(__file__).parents[2])
    assert done.returncode == 0, done.stderr
    assert int(done.stdout) >= 30
