"""`releve check-store`, beside a gateway that runs and without one, and what it takes out of a damaged file."""

import asyncio
import contextlib
import json
import sqlite3
from dataclasses import replace
from pathlib import Path

import pytest

from gateway import app
from gateway.config import load
from tests.gateway.test_backup import furnish
from tests.gateway.test_command import configured, releve


@pytest.fixture
def config(tmp_path: Path) -> Path:
    path = configured(tmp_path)
    furnish(path)
    return path


def harm(config: Path) -> None:
    """What one day says is lost."""
    with contextlib.closing(sqlite3.connect(config.parent / "data" / "series.db", isolation_level=None)) as db:
        db.execute("UPDATE chunk SET b=zeroblob(length(b)) WHERE day=(SELECT min(day) + 100 FROM chunk)")


def test_a_whole_store_is_said_to_be(config: Path) -> None:
    done = releve("check-store", "--config", config)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == "8761 points of 1 series looked at, in 366 days and the log\nall is whole\n"
    assert json.loads(releve("check-store", "--config", config, "--json").stdout)["faulty"] == 0


def test_a_damaged_one_is_named_salvaged_and_whole_again(config: Path) -> None:
    harm(config)
    done = releve("check-store", "--config", config)
    assert done.returncode == 1
    assert "damaged: " in done.stdout
    assert done.stdout.endswith("releve check-store --salvage takes out what can be read\n")
    assert done.stdout.count("damaged: ") == 1
    done = releve("check-store", "--config", config, "--salvage")
    assert (done.returncode, done.stderr) == (1, "")  # not all of it came
    assert "points of 1 series and 1 events were taken out" in done.stdout
    assert len(list((config.parent / "data").glob("series.db.damaged-*"))) == 1
    assert releve("check-store", "--config", config).returncode == 0


def test_without_a_file_there_is_nothing_to_look_at(tmp_path: Path) -> None:
    config = configured(tmp_path)
    for how in ((), ("--salvage",)):
        done = releve("check-store", "--config", config, *how)
        assert (done.returncode, done.stdout) == (1, "")
        assert done.stderr == f"releve: {tmp_path}/data/series.db: there is no such file\n"


async def test_a_gateway_that_runs_looks_itself_and_nothing_is_taken_out_under_it(config: Path) -> None:
    loaded = load(config)
    started = asyncio.Event()
    any_port = replace(loaded, web=replace(loaded.web, port=0))
    run = asyncio.create_task(app.run(any_port, lambda urls, code: started.set()))
    await asyncio.wait_for(started.wait(), 20)
    try:
        done = await asyncio.to_thread(releve, "check-store", "--config", config)
        assert (done.returncode, done.stdout.endswith("all is whole\n")) == (0, True)
        done = await asyncio.to_thread(releve, "check-store", "--config", config, "--salvage")
        assert (done.returncode, done.stderr) == (1, "releve: a gateway runs here: stop it first\n")
    finally:
        run.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await run
