"""Files at other projects' WebDAV servers, looked at on these servers' own disks: Debian's apache2 with mod_dav, and rclone."""

import asyncio
import contextlib
import csv
import io
import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Sequence
from datetime import datetime
from pathlib import Path
from urllib.parse import quote

import pytest

from sync.files import ONCE
from sync.model import Lies, Parcel, Piece, Put, Thing, Trouble, Why
from sync.net import Net
from sync.targets import make
from sync.targets.webdav import login
from tests.clouds import FOLDER, KINDS, PASSWORD, USER, Owner, Server, objects, read, serving, valid, way
from tests.parcels import GRANT, day, year

SCRIPT = Path(__file__).parents[2] / "sync" / "folder" / "releve_csv.py"
COMMAND_S_MAX = 120
pytestmark = pytest.mark.timeout(180)


@pytest.fixture(params=KINDS)
def server(request: pytest.FixtureRequest) -> Iterator[Server]:
    with serving(request.param) as server:
        yield server


@pytest.fixture
def key(tmp_path: Path) -> Path:
    path = tmp_path / "key.txt"
    subprocess.run(("age-keygen", "-o", str(path)), check=True, capture_output=True, timeout=COMMAND_S_MAX)
    return path


def recipient(key: Path) -> str:
    done = subprocess.run(("age-keygen", "-y", str(key)), check=True, capture_output=True, timeout=COMMAND_S_MAX)
    return done.stdout.decode().strip()


async def put(server: Server, parcels: Sequence[Parcel], *sealed_for: str, password: str = PASSWORD) -> list[Put]:
    there = way(server.url, sealed_for=sealed_for)
    async with Net("127.0.0.1", at_home=True) as net:
        target = make(there, {"password": password}, Owner(), net)
        await target.open()
        return await target.put(parcels)


async def look(server: Server) -> Lies | None:
    async with Net("127.0.0.1", at_home=True) as net:
        target = make(way(server.url), {"password": PASSWORD}, Owner(), net)
        await target.open()
        return await target.look()


async def erase(server: Server, parcels: Sequence[Parcel], puts: Sequence[Put]) -> None:
    pieces = [Piece(each.period, each.start, each.end, put.held) for each, put in zip(parcels, puts, strict=True)]
    async with Net("127.0.0.1", at_home=True) as net:
        target = make(way(server.url), {"password": PASSWORD}, Owner(), net)
        await target.open()
        await target.erase(pieces)
        await target.leave()


async def by_its_owner(server: Server, method: str, path: str, content: bytes = b"") -> None:
    """Through the server: rclone does not look at its disk for five minutes."""
    async with Net("127.0.0.1", at_home=True) as net:
        answer = await net.ask(method, server.url + quote(path), headers=login(USER, PASSWORD), data=content)
        assert answer.status in (201, 204)


def held(server: Server) -> list[Parcel]:
    return [read(path) for _, path in sorted(valid(server.files / FOLDER).items())]


def rows(*arguments: str | Path) -> tuple[int, list[dict[str, str]], str]:
    """What the script makes, run as its reader runs it: from the folder, without anything of ours to import."""
    done = subprocess.run(
        [sys.executable, "-I", "-S", *map(str, arguments)], capture_output=True, timeout=COMMAND_S_MAX, check=False
    )
    return done.returncode, list(csv.DictReader(io.StringIO(done.stdout.decode()))), done.stderr.decode()


def figures(parcels: Sequence[Parcel]) -> dict[tuple[str, int], str]:
    """What a table of these days must hold: each value once, and the indexes at the end of the last one."""
    every = {
        (one.key, at): value
        for parcel in parcels
        for one in parcel.series
        for at, value in zip(one.at, one.value, strict=True)
        if value is not None and (at < parcel.end or parcel is parcels[-1])
    }
    assert len(every) == sum(parcel.values for parcel in parcels) + 4
    return every


def told(table: Sequence[dict[str, str]]) -> dict[tuple[str, int], str]:
    made = {(row["series"], int(datetime.fromisoformat(row["at"]).timestamp())): row["value"] for row in table}
    assert len(made) == len(table)
    return made


async def test_a_year_lies_there_value_by_value_and_the_script_makes_one_table_of_it(server: Server) -> None:
    parcels = year()
    puts = await put(server, parcels)
    assert held(server) == parcels
    assert sum(each.values for each in held(server)) == sum(each.values for each in parcels) == 365 * 240
    assert [each.bytes for each in puts] == [len(each.document()) for each in parcels]
    assert len(objects(server.files / FOLDER)) == 365
    status, table, said = rows(server.files / FOLDER / "releve_csv.py", server.files / FOLDER)
    assert (status, said) == (0, f"{365 * 240 + 4} values of 365 files\n")
    assert told(table) == figures(parcels)


async def test_a_sealed_year_is_opened_by_debians_age_and_by_nobody_without_the_key(server: Server, key: Path) -> None:
    parcels = year()
    await put(server, parcels, recipient(key))
    lying = valid(server.files / FOLDER)
    assert sorted(lying) == [each.period for each in parcels]
    for path in (server.files / FOLDER).rglob("*"):
        assert not path.is_file() or b"Camille" not in path.read_bytes()
    opened = subprocess.run(
        ["sh", "-c", 'age -d -i "$1" "$2" | gunzip', "sh", str(key), str(lying[parcels[7].period])],
        capture_output=True, timeout=COMMAND_S_MAX, check=True,
    )  # fmt: skip
    assert (opened.stderr, Parcel.read(json.loads(opened.stdout))) == (b"", parcels[7])
    status, table, said = rows(SCRIPT, server.files / FOLDER, "--key", key)
    assert (status, said) == (0, f"{365 * 240 + 4} values of 365 files\n")
    assert told(table) == figures(parcels)
    status, table, said = rows(SCRIPT, server.files / FOLDER)
    assert (status, table, said.count("it is sealed")) == (1, [], 365)


async def test_a_revision_takes_the_place_of_what_lay_there_and_an_empty_one_takes_it_away(server: Server) -> None:
    first = await put(server, [day(0), day(1)])
    again = await put(server, [day(1, revision=1)])
    assert held(server) == [day(0), day(1, revision=1)]
    assert len(objects(server.files / FOLDER)) == 2
    assert again[0].held != first[1].held
    nothing = Parcel("2025-01-01", day(0).start, day(0).end, "30min", 1, ())
    assert (await put(server, [nothing]))[0].held == ""
    assert held(server) == [day(1, revision=1)]
    assert len(objects(server.files / FOLDER)) == 1


async def test_what_was_put_is_put_again_and_is_there_once(server: Server, key: Path) -> None:
    for sealed_for in ((), (recipient(key),)):
        for _ in range(3):
            await put(server, [day(0), day(1), day(40)], *sealed_for)
            assert len(objects(server.files / FOLDER)) == len(valid(server.files / FOLDER)) == 3


@pytest.mark.parametrize("is_sealed", [False, True], ids=["files", "sealed"])
async def test_a_server_that_is_killed_in_the_middle_holds_the_same_in_the_end(
    server: Server, key: Path, is_sealed: bool
) -> None:
    parcels = year()[:90]
    sealed_for = (recipient(key),) if is_sealed else ()
    await put(server, parcels[:10], *sealed_for)
    for written in (15, 40, 70):
        putting = asyncio.create_task(put(server, parcels, *sealed_for))
        while len(objects(server.files / FOLDER)) < written and not putting.done():
            await asyncio.sleep(0.001)
        server.kill()
        with pytest.raises(Trouble) as trouble:
            await putting
        assert trouble.value.why is Why.UNREACHABLE
        assert len(valid(server.files / FOLDER)) >= 10  # whatever a manifest names is whole, and what stood stands
        server.start()
    await put(server, parcels, *sealed_for)
    assert sorted(valid(server.files / FOLDER)) == [each.period for each in parcels]
    assert len(objects(server.files / FOLDER)) == len(parcels)
    _, table, _ = rows(SCRIPT, server.files / FOLDER, *(("--key", key) if is_sealed else ()))
    assert told(table) == figures(parcels)


PUTTING = """
import asyncio, sys
from sync.net import Net
from sync.targets import make
from tests.clouds import Owner, PASSWORD, way
from tests.parcels import day

async def main():
    async with Net("127.0.0.1", at_home=True) as net:
        target = make(way(sys.argv[1]), {"password": PASSWORD}, Owner(), net)
        await target.open()
        await target.put([day(number, revision=1) for number in range(90)])

asyncio.run(main())
"""


async def test_a_process_that_is_killed_anywhere_leaves_the_old_or_the_new_and_the_next_one_clears_up(
    server: Server,
) -> None:
    old, new = [day(number) for number in range(90)], [day(number, revision=1) for number in range(90)]
    await put(server, old)
    folder = server.files / FOLDER

    def fresh() -> int:
        count = 0
        for path in objects(folder):
            with contextlib.suppress(FileNotFoundError):  # it is just being cleared away
                count += b'"revision":1' in path.read_bytes()
        return count

    for written in (1, 20, 31, 33, 60, 75):
        process = subprocess.Popen([sys.executable, "-c", PUTTING, server.url], env={**os.environ, "PYTHONPATH": "."})
        while fresh() < written and process.poll() is None:
            await asyncio.sleep(0.001)
        process.send_signal(signal.SIGKILL)
        assert process.wait(10) == -signal.SIGKILL
        lying = held(server)
        assert [each.period for each in lying] == [each.period for each in old]
        assert all(each in (before, after) for each, before, after in zip(lying, old, new, strict=True))
    await put(server, new)
    assert held(server) == new
    assert len(objects(folder)) == len(new)


async def test_erasing_leaves_nothing_of_ours_and_all_that_is_not(server: Server) -> None:
    parcels = [day(number) for number in range(28, 35)]
    puts = await put(server, parcels)
    own = [f"{FOLDER}/2025-01/2025-01-29.json", f"{FOLDER}/2025-01/note 'a' 100%25.txt", "photo 100% d'été.jpg"]
    for path in own:
        await by_its_owner(server, "PUT", path, b"mine")
    await erase(server, parcels, puts)
    left = sorted(str(path.relative_to(server.files)) for path in server.files.rglob("*") if path.is_file())
    assert left == sorted(own)
    await erase(server, parcels, puts)
    for path in own:
        await by_its_owner(server, "DELETE", path)
    await put(server, parcels)
    await erase(server, parcels, puts)
    assert list(server.files.iterdir()) == []


async def test_what_a_killed_first_call_left_is_erased_too(server: Server) -> None:
    puts = await put(server, [day(0), day(40)])
    await by_its_owner(server, "DELETE", f"{FOLDER}/2025-02/manifest.json")
    await erase(server, [day(0)], puts[:1])
    assert list(server.files.iterdir()) == []


async def test_a_wrong_password_is_a_refused_login_and_nothing_is_written(server: Server) -> None:
    with pytest.raises(Trouble) as trouble:
        await put(server, [day(0)], password="wrong")
    assert trouble.value.why is Why.REFUSED
    assert "wrong" not in str(trouble.value)
    assert list(server.files.iterdir()) == []


async def test_a_folder_that_its_owner_removed_is_made_anew(server: Server) -> None:
    await put(server, [day(0)])
    await by_its_owner(server, "DELETE", FOLDER)
    await put(server, [day(1)])
    assert held(server) == [day(1)]
    assert {path.name for path in (server.files / FOLDER).iterdir()} == {*ONCE, "2025-01"}
    assert GRANT.startswith(FOLDER.removeprefix("releve-"))


async def test_it_says_itself_what_lies_there_and_a_file_that_somebody_deleted_is_missed_and_put_again(
    server: Server,
) -> None:
    days = [day(number) for number in range(3)]
    await put(server, days)
    whole = await look(server)
    sizes = sum(path.stat().st_size for path in valid(server.files / FOLDER).values())
    assert whole == Lies(Thing.FILES, 3, 3, sizes)
    gone = valid(server.files / FOLDER)["2025-01-02"]
    await by_its_owner(server, "DELETE", f"{FOLDER}/2025-01/{gone.name}")
    found = await look(server)
    assert found is not None
    assert found.periods == 2
    await put(server, days)
    assert await look(server) == whole
