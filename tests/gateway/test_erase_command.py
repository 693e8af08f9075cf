"""`releve erase`: what is erased of a metering point is in no file of the house, and the rest is as it was."""

import asyncio
import contextlib
import json
from dataclasses import replace
from decimal import Decimal
from pathlib import Path

import pytest

from drivers.model import Medium, Quantity
from gateway import app
from gateway.alerts import Alerts
from gateway.clock import Clock
from gateway.config import load
from gateway.model import Point, SeriesKey
from gateway.services.model import Finding, Service
from tests.gateway.importers.holders.made import curve, half_hours
from tests.gateway.test_backup import AT, INDEX, furnish
from tests.gateway.test_command import Said, configured, releve

GAS = SeriesKey("gaz", "13_0")
DAY = 86_400


@pytest.fixture
def config(tmp_path: Path) -> Path:
    """The house of the back-up's tests, with a gas meter, a company's file, and two indexes that were put aside."""
    path = configured(tmp_path)
    furnish(path)
    with contextlib.ExitStack() as opened:
        house, ledger, _ = app._open(load(path), Clock(), opened)
        leaks = [Finding(Service.LEAK, point, "drip", AT, {"l_per_h": 2.0}) for point in ("eau", "gaz")]
        asyncio.run(Alerts(ledger).tell(AT, Service.LEAK, leaks))
        house.catalog.adopt("wmbus:KAM-87654321-1b-03", "Gaz", Medium.GAS, AT)
        house.catalog.adopt("tic:041234567890", "Maison", Medium.ELECTRICITY, AT)
        house.store.add([Point(GAS, Quantity.VOLUME, AT, 123_456, 0, True)])
        for key in (INDEX, GAS):
            house._held.add(Point(key, Quantity.VOLUME, AT, 7, 0, True), Decimal(9))
    (tmp_path / "curve.csv").write_text(curve((end, 1000) for end in half_hours("2025-01-01", "2025-01-03")))
    done = releve("import", "--config", path, "--point", "Maison", tmp_path / "curve.csv")
    assert done.returncode == 0, done.stderr
    return path


def erase(config: Path, *arguments: str) -> Said:
    return releve("erase", "--config", config, *arguments)


def held(config: Path) -> list[str]:
    """The points of the indexes that were put aside."""
    lines = (config.parent / "data" / "aside" / "held.lines").read_text().splitlines()
    return [line.split()[1].partition("%3A")[0] for line in lines]


def told(config: Path) -> list[str]:
    """The points of the alerts that go on."""
    with contextlib.ExitStack() as opened:
        _, ledger, _ = app._open(load(config), Clock(), opened)
        return [story.finding.point for story in Alerts(ledger).open()]


def stands(config: Path, key: SeriesKey) -> list[int]:
    with contextlib.ExitStack() as opened:
        house, _, _ = app._open(load(config), Clock(), opened)
        found = house.store.points(key, 0, 1 << 40)
        return [] if found is None else list(found.at)


def imported(config: Path) -> list[int]:
    """How many periods each import has."""
    done = releve("import", "--config", config, "--list", "--json")
    return [row["rows"] for row in json.loads(done.stdout)]


def test_all_that_was_kept_of_a_point_goes_and_the_others_stay(config: Path) -> None:
    done = erase(config, "eau", "--yes")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == (
        "eau from its first day to now: 8761 points of its series, 1 values that were put aside, 1 alerts\n"
        "back-ups that were made before still hold it: delete them yourself\n"
    )
    assert stands(config, INDEX) == []
    assert stands(config, GAS) == [AT]
    assert held(config) == ["gaz"]
    assert told(config) == ["gaz"]
    again = erase(config, "eau", "--yes")
    assert again.stdout.startswith("eau from its first day to now: nothing was kept\n")


def test_what_was_set_aside_is_named_as_it_may_hold_it_too(config: Path) -> None:
    (config.parent / "data" / "before-20260101T000000Z").mkdir()
    (config.parent / "data" / "series.db.damaged-20260101T000000Z").write_text("")
    said = erase(config, "eau", "--yes").stdout
    assert said.count("was set aside, and may hold it too") == 2


def test_a_span_goes_by_the_days_of_the_home(config: Path) -> None:
    before = stands(config, INDEX)
    done = erase(config, "eau", "--from", "2026-03-28", "--to", "2026-03-29", "--yes", "--json")
    gone = 24 + 23  # the second one of these days is an hour shorter
    assert json.loads(done.stdout) == {"points": gone, "periods": 0, "held": 0, "waiting": 0, "stories": 0}
    assert len(stands(config, INDEX)) == len(before) - gone


def test_what_a_companys_file_said_goes_with_its_mark_and_an_emptied_import(config: Path) -> None:
    assert imported(config) == [96]
    done = erase(config, "maison", "--from", "2025-01-02", "--to", "2025-01-02", "--yes", "--json")
    assert json.loads(done.stdout)["periods"] == 48
    assert imported(config) == [48]
    assert json.loads(erase(config, "maison", "--yes", "--json").stdout)["periods"] == 48
    assert imported(config) == []


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("nowhere", "--yes"), "nowhere: no such metering point"),
        (("eau",), "nothing was erased: --yes is needed where nobody can be asked"),
        (
            ("eau", "--from", "2026-03-02", "--to", "2026-03-01", "--yes"),
            "--to: a day that is not before --from is needed",
        ),
    ],
)
def test_what_cannot_be_erased_is_said_and_nothing_is(config: Path, arguments: tuple[str, ...], says: str) -> None:
    before = stands(config, INDEX)
    done = erase(config, *arguments)
    assert (done.returncode, done.stderr) == (1, f"releve: {says}\n")
    assert stands(config, INDEX) == before


async def test_a_house_that_runs_erases_itself(config: Path) -> None:
    loaded, started = load(config), asyncio.Event()
    run = asyncio.create_task(
        app.run(replace(loaded, web=replace(loaded.web, port=0)), lambda urls, code: started.set())
    )
    await asyncio.wait_for(started.wait(), 20)
    try:
        done = await asyncio.to_thread(erase, config, "eau", "--yes", "--json")
        assert (json.loads(done.stdout)["points"], done.stderr) == (8761, "")
    finally:
        run.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await run
    assert await asyncio.to_thread(stands, config, INDEX) == []
