"""`releve keys`, and what a running house writes: nowhere a key."""

import asyncio
import os
import signal
import socket
import subprocess
import sys
import termios
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import aiohttp
import pytest

from drivers.encode.records import volume
from drivers.encode.wmbus import telegram
from drivers.model import Address, Medium
from gateway import control
from gateway.catalog import Catalog
from gateway.keys import Plate
from gateway.secret import BoxSecret
from tests.gateway.importers.kemfiles import archive, encrypted, kem, meter
from tests.gateway.test_command import configured, process, releve
from tests.gateway.test_keys import forms
from tests.webui.home import read

START_S_MAX = 15.0
MINE = Address("wmbus", "10000001", "REL", 1, 7)
HEARD = Address("wmbus", "10000002", "REL", 1, 7)
TYPED = Address("wmbus", "10000003", "REL", 1, 7)
KEYS = {name: os.urandom(16) for name in ("mine", "heard", "typed", "later", "cut", "wrong", "configured")}


def meters(folder: Path, *addresses: Address) -> Path:
    return configured(folder, "".join(f'[[meter]]\nname = "Eau {a.id}"\naddress = "{a}"\n' for a in addresses))


def kept(folder: Path) -> Catalog:
    return Catalog.open(folder / "data", "Maison", "Europe/Paris", BoxSecret(folder / "secret"))


# A gateway that does not run


def test_keys_are_kept_for_a_gateway_that_does_not_run_and_each_row_refused_is_named(tmp_path: Path) -> None:
    config, file = meters(tmp_path), tmp_path / "keys.csv"
    file.write_text(f"id;key\n10000001;{KEYS['mine'].hex()}\n10000002;{KEYS['cut'].hex()[:-1]}\n")
    for new in (1, 0):
        done = releve("keys", "--config", config, file)
        assert (done.returncode, done.stderr) == (1, "")
        assert done.stdout.splitlines() == [
            f"{file}: 1 key kept, {new} of them new; 0 for meters of yours, 0 for meters heard; 1 row refused",
            f"{file}: line 3: a key of 32 digits 0 to 9 and A to F is needed, and this has 31 characters",
        ]
    assert kept(tmp_path).key(str(MINE)) == KEYS["mine"]
    assert (tmp_path / "secret").stat().st_mode & 0o777 == 0o600


def test_the_key_of_the_configuration_is_not_replaced_by_a_files(tmp_path: Path) -> None:
    config, file = meters(tmp_path, MINE), tmp_path / "keys.csv"
    kept(tmp_path).adopt(str(MINE), "Eau", Medium.WATER, 1)  # as releve run has done
    config.write_text(config.read_text() + f'key = "{KEYS["configured"].hex()}"\n')
    file.write_text(f"id;key\n10000001;{KEYS['mine'].hex()}\n")
    done = releve("keys", "--config", config, file)
    assert done.returncode == 1
    assert "line 2: this meter has another key, which is kept" in done.stdout


def test_a_stopped_box_whose_keys_cannot_be_read_is_left_as_it_is(tmp_path: Path) -> None:
    config, file = meters(tmp_path), tmp_path / "keys.csv"
    file.write_text(f"id;key\n10000001;{KEYS['mine'].hex()}\n")
    assert releve("keys", "--config", config, file).returncode == 0
    (tmp_path / "secret").unlink()
    before = (tmp_path / "data" / "keys.json").read_bytes()
    done = releve("keys", "--config", config, file)
    assert done.returncode == 1
    assert "is not there; put it back" in done.stderr
    assert "nothing was changed: ask again while the gateway runs" in done.stderr
    assert (tmp_path / "data" / "keys.json").read_bytes() == before
    assert not (tmp_path / "secret").exists()


def kem_file(folder: Path) -> Path:
    path = folder / "order.zip.kem"
    path.write_bytes(archive(x_kem=encrypted(kem(meter("10000001", KEYS["mine"].hex())), "Öl-4711")))
    return path


def test_the_password_of_a_kem_file_is_taken_from_a_file(tmp_path: Path) -> None:
    config, file, word = meters(tmp_path), kem_file(tmp_path), tmp_path / "word"
    done = releve("keys", "--config", config, file)
    assert done.returncode == 1
    assert done.stderr == (
        f"releve: {file}: the file is encrypted, and its password is needed; name a file that holds it with "
        "--password-file\n"
    )
    for content, said in (
        (b"wrong\n", "the password does not open the file"),
        (b"", "one line in UTF-8, the password, is needed"),
        (b"\xd6l-4711", "one line in UTF-8, the password, is needed"),
        (b"one\ntwo", "one line in UTF-8, the password, is needed"),
    ):
        word.write_bytes(content)
        done = releve("keys", "--config", config, "--password-file", word, file)
        assert (done.returncode, said in done.stderr) == (1, True)
    assert not (tmp_path / "data").exists()
    word.write_text("Öl-4711\n")
    assert releve("keys", "--config", config, "--password-file", word, file).returncode == 0
    assert kept(tmp_path).key_of(Plate("10000001")) == KEYS["mine"]


def test_the_password_of_a_kem_file_is_asked_of_whoever_sits_there(tmp_path: Path) -> None:
    config, file = meters(tmp_path), kem_file(tmp_path)
    ours, theirs = os.openpty()
    run = [sys.executable, "-c", ON_A_TERMINAL, "keys", "--config", str(config), str(file)]
    process = subprocess.Popen(run, stdin=theirs, stdout=theirs, stderr=theirs, start_new_session=True)
    os.close(theirs)
    said = b""
    try:
        while b"password: " not in said:
            said += os.read(ours, 1000)
        assert not termios.tcgetattr(ours)[3] & termios.ECHO
        os.write(ours, "Öl-4711\n".encode())
        assert process.wait(START_S_MAX) == 0
        said += os.read(ours, 10_000)
    finally:
        process.kill()
        process.wait()
        os.close(ours)
    assert b"1 key kept" in said
    assert b"4711" not in said


ON_A_TERMINAL = """
import fcntl, sys, termios
from gateway.__main__ import main
fcntl.ioctl(0, termios.TIOCSCTTY, 0)
sys.exit(main(sys.argv[1:]))
"""


def test_a_key_file_that_is_none_is_told_in_one_sentence(tmp_path: Path) -> None:
    config = meters(tmp_path)
    (tmp_path / "letter.txt").write_text("Dear Madam")
    for name, said in (("nowhere.csv", "cannot be read: No such file"), ("letter.txt", "the first line must name")):
        done = releve("keys", "--config", config, tmp_path / name)
        assert (done.returncode, done.stdout) == (1, "")
        assert done.stderr.startswith(f"releve: {tmp_path / name}: {said}")
        assert "Traceback" not in done.stderr


# A gateway that runs


async def hears(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """A receiver that hears three meters, each under a key of its own, as fast as they never are."""
    try:
        for number in range(10_000):
            for address, key in ((MINE, "mine"), (HEARD, "heard"), (TYPED, "typed")):
                sent = telegram(address, volume(1000 + number), number % 256, key=KEYS[key])
                writer.write(sent.hex().encode() + b"\n")
            await writer.drain()
            await asyncio.sleep(0.1)
    except ConnectionError:
        pass
    finally:
        writer.close()


@asynccontextmanager
async def running(folder: Path) -> AsyncIterator[tuple[Path, str]]:
    """A house whose three meters speak; what it says goes into `log`. Its configuration, and where its pages are."""
    async with await asyncio.start_server(hears, "127.0.0.1", 0) as radio:
        with socket.socket() as asked:
            asked.bind(("127.0.0.1", 0))
            port = asked.getsockname()[1]
        config = meters(folder, MINE)
        receiver = f'tcp = "127.0.0.1:{radio.sockets[0].getsockname()[1]}"\nreceiver = "hexlines"\n'
        text = config.read_text().replace("127.0.0.1:1", f"127.0.0.1:{port}")
        config.write_text(f'{text}[[port]]\nname = "radio"\nprotocol = "wmbus"\n{receiver}')
        with (folder / "log").open("wb") as log:
            run = [sys.executable, "-m", "gateway", "run", "--config", str(config)]
            process = subprocess.Popen(run, stdout=log, stderr=log)
        try:
            yield config, f"http://127.0.0.1:{port}"
            process.send_signal(signal.SIGTERM)
            assert await asyncio.to_thread(process.wait, START_S_MAX) == 0
        finally:
            process.kill()
            process.wait()


async def state(folder: Path, wanted: str) -> str:
    """The setup code, once the house's first meter is in the wanted state."""
    async with asyncio.timeout(START_S_MAX):
        while True:
            try:
                answer = await asyncio.to_thread(control.ask, folder / "run", "GET", "/status")
            except ConnectionError:
                answer = {"points": []}
            if [point["state"] for point in answer["points"][:1]] == [wanted] and answer["heard"] == 2:
                return str(answer["setup_code"])
            await asyncio.sleep(0.1)


PAGES = ("/", "/meters", "/box", "/data", "/settings", "/api/v1/points", "/api/v1/heard", "/api/v1/ports", "/login",
         "/api/v1/health", "/history", f"/meters/add?address={HEARD}", "/api/v1/series/none/curve")  # fmt: skip


@pytest.mark.timeout(90)
async def test_a_key_is_in_nothing_that_a_running_house_writes_or_answers(tmp_path: Path) -> None:
    file = tmp_path / "keys.csv"
    file.write_text(
        f"id;key\n{MINE.id};{KEYS['mine'].hex()}\n{HEARD.id};{KEYS['heard'].hex()}\n00000009;{KEYS['later'].hex()}\n"
        f"{TYPED.id};{KEYS['cut'].hex()[:-1]}\n{MINE.id};{KEYS['wrong'].hex()}\n"
    )
    said: list[str] = []
    async with (
        running(tmp_path) as (config, url),
        aiohttp.ClientSession(cookie_jar=aiohttp.CookieJar(unsafe=True)) as browser,
    ):

        async def get(path: str) -> str:
            async with browser.get(url + path) as answer:
                said.append(f"{answer.url} {answer.headers} {await answer.text()}")
                return await answer.text()

        async def send(path: str, page: str, **fields: str) -> None:
            token = read(await get(page)).fields["token"]
            async with browser.post(url + path, data={"token": token, **fields}) as answer:
                said.append(f"{answer.url} {answer.headers} {await answer.text()}")

        code = await state(tmp_path, "key-missing")
        done = await asyncio.to_thread(process, "keys", "--config", config, "--json", file)
        assert '"kept": 3' in done.stdout
        assert '"rows_refused": 2' in done.stdout
        assert f'"heard": ["{HEARD}"]' in done.stdout
        await state(tmp_path, "speaking")
        said += [done.stdout, done.stderr, (await asyncio.to_thread(process, "status", "--config", config)).stdout]
        await send("/setup", "/setup", code=code, password="correct horse", again="correct horse")
        await send("/meters/add", f"/meters/add?address={TYPED}", address=str(TYPED), name="Bain", key="00" * 16)
        await send("/meters/key", "/meters", address=str(TYPED), key=KEYS["cut"].hex()[:-1])
        await send("/meters/key", "/meters", address=str(TYPED), key=KEYS["wrong"].hex())
        await send("/meters/key", "/meters", address=str(TYPED), key=KEYS["typed"].hex())
        async with browser.post(
            url + "/api/v1/adopt", json={"address": str(HEARD), "name": "Haut", "key": ""}
        ) as answer:
            said.append(await answer.text())
            assert (await answer.json())["state"] == "decoded"
        for path in PAGES:
            await get(path)
        assert "Bain" in said[-len(PAGES) + 1]
        written = {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}
    written |= {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}
    written = {path: data for path, data in written.items() if path.name not in ("keys.csv", "releve.toml")}
    names = {path.name for path in written}
    assert {"keys.json", "catalog.json", "series.db", "ledger.db", "tail", "log", "secret"} <= names
    written[Path("answers")] = "\n".join(said).encode()
    secret = written.pop(tmp_path / "secret")
    everything = KEYS | {"secret": secret, "cut": KEYS["cut"][:-1]}
    found = [
        (name, path.name)
        for name, key in everything.items()
        for form in forms(key)
        for path, data in written.items()
        if form.rstrip(b"=") in data
    ]
    assert found == []
    assert kept(tmp_path).key(str(TYPED)) == KEYS["typed"]


@pytest.mark.timeout(60)
async def test_a_house_that_lost_its_secret_starts_all_the_same_and_says_so(tmp_path: Path) -> None:
    kept(tmp_path).set_key(str(MINE), KEYS["mine"])
    (tmp_path / "secret").unlink()
    said = f"{tmp_path}/secret, is not there; put it back, or type the keys again"
    async with running(tmp_path) as (config, _):
        await state(tmp_path, "key-missing")
        assert said in (tmp_path / "log").read_text()
        status = (await asyncio.to_thread(process, "status", "--config", config)).stdout
        assert f"trouble: {tmp_path}/data/keys.json: the keys in it cannot be read: " in status
        assert said in status
    assert not (tmp_path / "secret").exists()
