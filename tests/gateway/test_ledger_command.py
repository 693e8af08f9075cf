"""`releve ledger`, beside a gateway that runs and without one, and of a copy without a box."""

import asyncio
import contextlib
import json
import sqlite3
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest

from gateway import app, chain
from gateway.config import load
from gateway.ledger import Ledger
from tests.gateway.test_command import configured, releve

NOW = 1_790_000_000
COUNT = 1500  # more than an answer of the gateway holds


@pytest.fixture
def config(tmp_path: Path) -> Path:
    path = configured(tmp_path)
    (tmp_path / "data").mkdir(mode=0o700)
    ledger = Ledger.open(tmp_path / "data" / "ledger.db")
    notes = [("reads", {"grant": "é", "n": n}) for n in range(COUNT)]
    asyncio.run(ledger.append(NOW, *notes))
    ledger.close()
    return path


def head(config: Path) -> str:
    return str(json.loads(releve("ledger", "verify", "--config", config, "--json").stdout)["head"])


def test_a_whole_one_is_said_to_be_and_its_last_hash_is_to_be_noted(config: Path) -> None:
    done = releve("ledger", "verify", "--config", config)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith(f"{COUNT} entries are as written; the last one's hash is {head(config)}\nnote this")


def test_a_copy_is_checked_without_the_box(config: Path, tmp_path: Path) -> None:
    copy = tmp_path / "copy.jsonl"
    done = releve("ledger", "export", "--out", copy, "--config", config)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == f"{copy}: {COUNT} entries; the last one's hash is {head(config)}\n"
    assert copy.stat().st_mode & 0o077 == 0
    again = releve("ledger", "export", "--out", copy, "--config", config)
    assert (again.returncode, again.stderr) == (1, f"releve: {copy}: is there already; choose another name\n")
    assert releve("ledger", "verify", copy, "--head", head(config)).returncode == 0
    lines = copy.read_text().splitlines(keepends=True)
    copy.write_text("".join([*lines[:700], lines[700].replace("é", "e"), *lines[701:]]))
    done = releve("ledger", "verify", copy)
    assert (done.returncode, done.stderr) == (1, "")
    assert done.stdout.endswith("broken: entry 701: its hash does not fit it and what stands before\n")
    copy.write_text("".join(lines[:-1]))
    assert releve("ledger", "verify", copy).returncode == 0
    cut = releve("ledger", "verify", copy, "--head", head(config))
    assert (cut.returncode, "what stood when it was noted is not here" in cut.stdout) == (1, True)
    copy.write_text("nonsense\n")
    done = releve("ledger", "verify", copy)
    assert (done.returncode, done.stderr) == (1, f"releve: {copy}: line 1: an entry of a ledger is needed\n")


def test_what_was_changed_on_the_card_is_named(config: Path, tmp_path: Path) -> None:
    with contextlib.closing(sqlite3.connect(tmp_path / "data" / "ledger.db", isolation_level=None)) as db:
        db.execute("DROP TRIGGER entry_changed")
        db.execute("UPDATE entry SET at = at + 1 WHERE i = 3")
    done = releve("ledger", "verify", "--config", config)
    assert (done.returncode, done.stderr) == (1, "")
    assert done.stdout.endswith("broken: entry 3: its hash does not fit it and what stands before\n")


def test_wrong_use_and_a_missing_file_are_told_apart(tmp_path: Path) -> None:
    config = configured(tmp_path)
    assert releve("ledger", "verify", "--head", "abc", "--config", config).returncode == 2
    assert releve("ledger").returncode == 2
    done = releve("ledger", "verify", "--config", config)
    assert (done.returncode, done.stderr) == (1, f"releve: {tmp_path}/data/ledger.db: there is no such file\n")
    done = releve("ledger", "verify", tmp_path / "none.jsonl")
    assert (done.returncode, done.stderr) == (
        1, f"releve: {tmp_path}/none.jsonl: cannot be read: No such file or directory\n"
    )  # fmt: skip


@contextlib.asynccontextmanager
async def running(config: Path) -> AsyncIterator[None]:
    loaded = load(config)
    started = asyncio.Event()
    any_port = replace(loaded, web=replace(loaded.web, port=0))
    run = asyncio.create_task(app.run(any_port, lambda urls, code: started.set()))
    await asyncio.wait_for(started.wait(), 20)
    try:
        yield
    finally:
        run.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await run


async def test_a_gateway_that_runs_is_asked(config: Path, tmp_path: Path) -> None:
    async with running(config):
        done = await asyncio.to_thread(releve, "ledger", "verify", "--config", config)
        assert (done.returncode, done.stdout.startswith(f"{COUNT} entries are as written")) == (0, True)
        copy = tmp_path / "copy.jsonl"
        done = await asyncio.to_thread(releve, "ledger", "export", "--out", copy, "--config", config)
        assert done.returncode == 0, done.stderr
        with copy.open("rb") as file:
            assert chain.verify(chain.read(file)).entries == COUNT


async def test_a_gateway_that_runs_says_what_was_put_before_the_first_entry(config: Path, tmp_path: Path) -> None:
    put_before_the_first(tmp_path / "data" / "ledger.db", "reads", "{}")
    async with running(config):
        done = await asyncio.to_thread(releve, "ledger", "verify", "--config", config)
    assert (done.returncode, done.stderr) == (1, "")
    assert done.stdout.endswith("broken: entry -5 stands where entry 1 belongs\n")


async def test_what_was_put_before_the_first_entry_gives_nothing(config: Path, tmp_path: Path) -> None:
    path = tmp_path / "data" / "ledger.db"
    put_before_the_first(path, "given", '{"grant":"a"}')
    ledger = Ledger.open(path)
    assert ledger.consents() == []
    ledger.close()


def put_before_the_first(path: Path, kind: str, body: str) -> None:
    with contextlib.closing(sqlite3.connect(path, isolation_level=None)) as db:
        db.execute("DROP TRIGGER entry_added")
        db.execute("INSERT INTO entry VALUES (-5, 1, ?, ?, x'00')", (kind, body))
