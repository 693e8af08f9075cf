"""`releve export`: what it writes is what the box has, in the home's own clock too, and our own import takes it back."""

from __future__ import annotations

import asyncio
import contextlib
import csv
import io
import json
import re
import resource
import sqlite3
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from drivers.model import Kind, Medium, Quantity
from gateway import app, control
from gateway.catalog import Catalog
from gateway.clock import Clock
from gateway.config import load
from gateway.export import Export
from gateway.export_files import READINGS, TABLES, write_csv, write_json
from gateway.export_walk import Done, Moments, Wanted
from gateway.holders import Holders
from gateway.importers.csv import import_file
from gateway.importers.units import UNITS, unit_for
from gateway.model import Point, SeriesKey
from gateway.secret import BoxSecret
from gateway.store import Store
from gateway.trouble import Trouble
from tests.gateway.importers.holders.made import curve, half_hours
from tests.gateway.test_backup import furnish
from tests.gateway.test_command import Said, configured, releve

PARIS = ZoneInfo("Europe/Paris")
DAY = 86_400
NOW = int(datetime(2026, 11, 20, 12, tzinfo=UTC).timestamp())
SCHEMA = Path(__file__).parents[2] / "docs" / "export.schema.json"


class Box:
    """The files of a house, with nothing in them."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(exist_ok=True)
        self.catalog = Catalog.open(folder, "Maison", "Europe/Paris", BoxSecret(folder / "secret"))
        self.store = Store.open(folder / "series.db", folder / "tail", zone=PARIS, now=lambda: NOW, commit_s=3600)
        self.holders = Holders.open(folder / "holders.db")

    def written(self, wanted: Wanted | None = None) -> tuple[dict[str, str], Done]:
        tables = {name: io.StringIO() for name in TABLES}
        export = Export(self.catalog, self.store, self.holders, lambda: NOW)
        done = write_csv(export.piece, wanted or Wanted(), dict(tables), lambda share: None)
        return {name: stream.getvalue() for name, stream in tables.items()}, done

    def said(self) -> dict[tuple[str, str, int, Quantity, bool], dict[int, Decimal]]:
        """All points of all meters, by the name of their metering point."""
        names = {meter.series_point: meter.point for meter in self.catalog.meters()}
        called = {point.id: point.name for point in self.catalog.points()}
        found: dict[tuple[str, str, int, Quantity, bool], dict[int, Decimal]] = {}
        for info in self.store.series():
            points = self.store.points(info.key, 0, 1 << 40)
            assert points is not None
            name = called[names[info.key.point]]
            what = (name, info.key.register, info.key.tariff, info.quantity, info.main)
            here = found.setdefault(what, {})
            here |= {at: Decimal(v).scaleb(points.exponent) for at, v in zip(points.at, points.value, strict=True)}
        return found

    def close(self) -> None:
        self.holders.close()
        self.store.close()


@contextlib.contextmanager
def boxes(folder: Path, *names: str) -> Iterator[list[Box]]:
    opened = [Box(folder / name) for name in names]
    try:
        yield opened
    finally:
        for box in opened:
            box.close()


@dataclass(frozen=True)
class Stood:
    """One meter's index or level: where its parts between swaps begin, how far it goes, in how fine steps."""

    quantity: Quantity
    exponent: int
    tariff: int
    parts: tuple[tuple[tuple[int, int], ...], ...]  # of each part between swaps (seconds later, units more)
    left: tuple[int, ...]  # how much of each part's end nobody read


QUANTITIES = sorted((each for each in Quantity if each.kind in (Kind.INDEX, Kind.LEVEL)), key=lambda each: each.name)
steps = st.lists(st.tuples(st.integers(1, 400_000), st.integers(0, 5000)), min_size=1, max_size=12).map(tuple)
stood = st.builds(
    Stood,
    st.sampled_from(QUANTITIES),
    st.integers(-6, 4),
    st.integers(0, 2),
    st.lists(steps, min_size=1, max_size=3).map(tuple),
    st.tuples(st.integers(0, 9), st.integers(0, 9), st.integers(0, 9)),
)
names = st.text(st.characters(codec="utf-8", exclude_categories=("C", "Z")), min_size=1, max_size=20)


def furnish_box(box: Box, place: str, begin: int, one: Stood) -> tuple[int, list[tuple[int, Decimal, Decimal]]]:
    """What a meter said from `begin` on; when it said it last, and its swaps as (at, old_final, new_start)."""
    key = SeriesKey(place, f"r-{one.quantity.name}", one.tariff)
    index = one.quantity.kind is Kind.INDEX
    at, last = begin, 0
    swaps: list[tuple[int, int, int]] = []
    points: list[Point] = []
    for number, part in enumerate(one.parts):
        value = 7 if index else -7
        for later, more in part:
            at += later
            value += more if index else more * (-1) ** later
            points.append(Point(key, one.quantity, at, value, one.exponent, main=index))
        if index and number:
            swaps.append((points[-len(part)].at, last + one.left[number], points[-len(part)].value))
        last = value
    box.store.add(points)
    for swap_at, old_final, new_start in swaps:
        box.store.swap(key, swap_at, old_final, new_start, one.exponent)
    return at, [(a, Decimal(o).scaleb(one.exponent), Decimal(n).scaleb(one.exponent)) for a, o, n in swaps]


homes = st.lists(
    st.tuples(names, st.sampled_from(Medium), st.lists(stood, min_size=1, max_size=3)),
    max_size=3,
    unique_by=lambda each: each[0],
)


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(homes)
def test_an_empty_house_takes_all_of_it_back(home: list[tuple[str, Medium, list[Stood]]]) -> None:
    """Every point of every meter, and each swap between them to the digit."""
    with tempfile.TemporaryDirectory() as folder, boxes(Path(folder), "a", "b") as (a, b):
        swaps: list[tuple[int, Decimal, Decimal]] = []
        for number, (name, medium, meters) in enumerate(home):
            at = NOW - 500 * 86_400
            meter = a.catalog.adopt(f"wmbus:{number}", name, medium, at)
            for count, one in enumerate(meters):
                if count:
                    meter = a.catalog.exchange(f"wmbus:{number}-{count}", at, meter.point)
                at, its = furnish_box(a, meter.series_point, at, one)
                swaps += its
        assume(not {point.id for point in a.catalog.points()} & {name for name, _, _ in home})
        a.store.fold()
        tables, done = a.written()
        assert (done.readings, done.unsaid, done.damaged) == (sum(map(len, a.said().values())), 0, 0)
        path = Path(folder) / "readings.csv"
        path.write_text(tables[READINGS], encoding="utf-8")
        assert import_file(path, b.store, b.catalog, lambda: NOW).refusals == []
        assert b.said() == a.said()
        found = [
            (event.at, Decimal(event.old_final).scaleb(event.exponent), Decimal(event.new_start).scaleb(event.exponent))
            for info in b.store.series()
            for event in b.store.events(info.key)
        ]
        assert all(found.count(swap) >= swaps.count(swap) for swap in swaps)
        # The others are where one meter took the place of another, which has series of its own in the first house.
        assert len(found) <= len(swaps) + sum(len(meters) - 1 for _, _, meters in home)


# When the swap is, and what the old one ended and the new one began with; the first reading after it is 3, on day 20.
@pytest.mark.parametrize(
    ("before_s", "swaps"),
    [
        (0, [(1195, 3)]),  # another meter, as an import or a dial says it
        (0, [(10_000, 0)]),  # it came round, and had counted on when it was heard again
        (40_000, [(1195, 1)]),  # nobody read the new one when it was put there
        (40_000, [(1195, 0), (2, 0)]),  # two, and nothing heard of the one between
    ],
)
def test_consumption_across_a_swap_is_the_same_in_the_house_that_took_it_back(
    tmp_path: Path, before_s: int, swaps: list[tuple[int, int]]
) -> None:
    with boxes(tmp_path, "a", "b") as (a, b):
        a.catalog.adopt("wmbus:1", "Eau", Medium.WATER, NOW - 40 * DAY)
        key = SeriesKey("eau", "volume")
        days = [NOW - number * DAY for number in range(30, 0, -1)]
        a.store.add([Point(key, Quantity.VOLUME, at, 1000 + 10 * n, 0, True) for n, at in enumerate(days[:20])])
        a.store.add([Point(key, Quantity.VOLUME, at, 3 + 7 * n, 0, True) for n, at in enumerate(days[20:])])
        for number, (old_final, new_start) in enumerate(swaps):
            a.store.swap(key, days[20] - before_s + number, old_final, new_start, 0)
        tables, done = a.written()
        assert (done.swaps, done.unsaid) == (len(swaps), 0)
        path = tmp_path / "readings.csv"
        path.write_text(tables[READINGS])
        assert import_file(path, b.store, b.catalog, lambda: NOW).refusals == []
        assert b.said() == a.said()
        bounds = [days[0], days[15], days[-1]]
        assert b.store.consumption(key, bounds) == a.store.consumption(key, bounds)
        over = sum(old_final - new_start for old_final, new_start in swaps)
        assert [each.value for each in a.store.consumption(key, bounds)] == [150, over + 66 - 1150]
        path.write_text(a.written(Wanted(first=datetime.fromtimestamp(days[18], PARIS).date()))[0][READINGS])
    with boxes(tmp_path, "c") as (c,):  # the same of a span that begins before it
        assert import_file(path, c.store, c.catalog, lambda: NOW).refusals == []
        (grown,) = c.store.consumption(key, [days[18], days[-1]])
        assert grown.value == over + 66 - 1180


def test_a_swap_that_no_rows_can_say_is_counted_and_stays_in_its_own_table(tmp_path: Path) -> None:
    with boxes(tmp_path, "a") as (a,):
        a.catalog.adopt("wmbus:1", "Eau", Medium.WATER, NOW - DAY)
        key = SeriesKey("eau", "volume")
        a.store.add([Point(key, Quantity.VOLUME, NOW - 60 * n, 100 - n, 0, True) for n in range(10)])
        a.store.swap(key, NOW + 1, 97, 50, 0)  # nothing was said since
        a.store.swap(key, NOW - 240, 10, 80, 0)  # the old one would have run back
        a.store.undo(a.store.swap(key, NOW - 60, 97, 50, 0).id)
        tables, done = a.written()
        assert (done.swaps, done.unsaid) == (3, 2)
        rows = list(csv.DictReader(io.StringIO(tables["swaps.csv"])))
        assert [(row["old_final"], row["new_start"], row["taken_back"]) for row in rows] == [
            ("10", "80", "no"),
            ("97", "50", "yes"),
            ("97", "50", "no"),
        ]
        assert tables[READINGS].count("\n") == 1 + 10


def test_two_of_one_name_are_told_apart_by_their_ids(tmp_path: Path) -> None:
    with boxes(tmp_path, "a") as (a,):
        for number in range(2):
            a.catalog.adopt(f"wmbus:{number}", "Eau", Medium.WATER, NOW - DAY)
        for place in ("eau", "eau-2"):
            a.store.add([Point(SeriesKey(place, "volume"), Quantity.VOLUME, NOW, 1, 0, True)])
        tables, _ = a.written()
        rows = list(csv.DictReader(io.StringIO(tables[READINGS])))
        assert [row["point"] for row in rows] == ["eau", "eau-2"]
        with pytest.raises(Trouble, match="--point: 2 are called 'Eau': one of eau, eau-2 is needed"):
            a.written(Wanted("Eau"))


def test_a_series_of_no_meter_is_not_left_out(tmp_path: Path) -> None:
    with boxes(tmp_path, "a") as (a,):
        a.store.add([Point(SeriesKey("gone", "volume"), Quantity.VOLUME, NOW, 1, 0, True)])
        tables, done = a.written()
        assert done.readings == 1
        assert tables[READINGS].splitlines()[1].endswith(",gone,other,gone,volume,0,L,1,yes")


def test_every_quantity_that_is_kept_has_a_unit_that_the_import_takes() -> None:
    for quantity in QUANTITIES:
        for exponent in range(-6, 12):
            unit, power = unit_for(quantity, exponent)
            assert UNITS[unit] == (quantity, power)
            assert power <= max(exponent, 0)


@pytest.mark.parametrize("zone", ["Europe/Paris", "Asia/Kathmandu", "Australia/Lord_Howe", "Africa/Monrovia", "UTC"])
def test_the_homes_own_clock_is_that_of_its_zone(zone: str) -> None:
    moments = Moments(ZoneInfo(zone))
    first = int(datetime(1971, 12, 31, tzinfo=UTC).timestamp())
    for at in [*range(first, first + 20 * DAY, 433), *range(NOW - 400 * DAY, NOW, 7001)]:
        moment = datetime.fromtimestamp(at, UTC)
        local = moment.astimezone(ZoneInfo(zone))
        assert moments(at) == (f"{moment:%Y-%m-%dT%H:%M:%SZ}", f"{local:%Y-%m-%d %H:%M:%S}")


# The command


@pytest.fixture
def config(tmp_path: Path) -> Path:
    """The house of the back-up's tests, with a company's file."""
    path = configured(tmp_path)
    furnish(path)
    (tmp_path / "curve.csv").write_text(curve((end, 1000) for end in half_hours("2025-01-01", "2025-01-03")))
    done = releve("import", "--config", path, "--point", "Maison", tmp_path / "curve.csv")
    assert done.returncode == 0, done.stderr
    return path


def export(config: Path, out: Path, *how: str) -> Said:
    return releve("export", "--config", config, "--out", out, *how)


def read(out: Path) -> dict[str, str]:
    return {path.name: path.read_text(encoding="utf-8") for path in sorted(out.iterdir())}


def test_it_writes_four_tables_that_only_their_owner_may_read(config: Path, tmp_path: Path) -> None:
    done = export(config, tmp_path / "out")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith(
        f"{tmp_path}/out: 8761 readings of 1 series, 1 swaps, 96 periods of companies' files\n"
    )
    assert {path.name for path in (tmp_path / "out").iterdir()} == set(TABLES)
    assert {path.stat().st_mode & 0o777 for path in (tmp_path / "out").iterdir()} == {0o600}
    tables = read(tmp_path / "out")
    assert tables["meters.csv"].splitlines()[1] == ("Eau,eau,water,wmbus:KAM-12345678-1b-16,2026-09-21T14:13:20Z")
    assert tables["files.csv"].splitlines()[1].rpartition(",")[0] == (
        "2024-12-31T23:00:00Z,2024-12-31T23:30:00Z,2025-01-01 00:00:00,2025-01-01 00:30:00,"
        "Maison,Enedis,enedis_curve,0,power,no,W,1000,1"
    )
    last = tables[READINGS].splitlines()[-1]
    assert last == ("2026-09-21T14:13:20Z,2026-09-21 16:13:20,Eau,water,wmbus:KAM-12345678-1b-16,13_0,0,L,8760,yes")


def test_a_span_goes_by_the_days_of_the_home_and_a_point_by_its_name(config: Path, tmp_path: Path) -> None:
    done = export(config, tmp_path / "out", "--point", "Eau", "--from", "2026-03-28", "--to", "2026-03-29")
    assert done.returncode == 0, done.stderr
    rows = list(csv.DictReader(io.StringIO(read(tmp_path / "out")[READINGS])))
    assert len(rows) == 24 + 23  # the second one of these days is an hour shorter
    assert (rows[0]["local"], rows[-1]["local"]) == ("2026-03-28 00:13:20", "2026-03-29 23:13:20")
    assert read(tmp_path / "out")["files.csv"].count("\n") == 1


@pytest.mark.parametrize(
    ("how", "says"),
    [
        (("--point", "Gaz"), "--point: a metering point of the house (Eau, Maison) is needed, not 'Gaz'"),
        (("--from", "2026-03-02", "--to", "2026-03-01"), "--to: a day that is not before --from is needed"),
    ],
)
def test_what_cannot_be_written_is_said_and_leaves_nothing(
    config: Path, tmp_path: Path, how: tuple[str, ...], says: str
) -> None:
    done = export(config, tmp_path / "out", *how)
    assert (done.returncode, done.stdout, done.stderr) == (1, "", f"releve: {says}\n")
    assert not (tmp_path / "out").exists()


def test_nothing_that_stands_there_is_replaced_unasked(config: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    out.mkdir()
    (out / "swaps.csv").write_text("mine")
    done = export(config, out)
    assert (done.returncode, done.stderr) == (
        1,
        f"releve: {out}/swaps.csv: is there already; --overwrite replaces it\n",
    )
    assert read(out) == {"swaps.csv": "mine"}
    assert export(config, out, "--overwrite").returncode == 0
    assert set(read(out)) == set(TABLES)
    done = export(config, out / "swaps.csv")
    assert (done.returncode, done.stderr) == (1, f"releve: {out}/swaps.csv: a folder is needed for CSV tables\n")
    done = export(config, out, "--format", "json", "--overwrite")
    assert (done.returncode, done.stderr) == (1, f"releve: {out}: is a folder; the file's own name is needed\n")


def test_a_full_disk_leaves_nothing_but_the_sentence(config: Path, tmp_path: Path) -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (300_000, hard))
    try:
        done = export(config, tmp_path / "out")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert (done.returncode, done.stderr) == (1, f"releve: {tmp_path}/out: File too large\n")
    assert not (tmp_path / "out").exists()


def test_without_a_house_there_is_nothing_to_write(tmp_path: Path) -> None:
    done = export(configured(tmp_path), tmp_path / "out")
    assert (done.returncode, done.stderr) == (1, f"releve: {tmp_path}/data: there is no house here\n")
    assert not (tmp_path / "data").exists()


def test_a_day_that_cannot_be_read_is_said_to_be_missing(config: Path, tmp_path: Path) -> None:
    with contextlib.closing(sqlite3.connect(tmp_path / "data" / "series.db", isolation_level=None)) as db:
        db.execute("UPDATE chunk SET b=zeroblob(length(b)) WHERE day=(SELECT min(day) + 100 FROM chunk)")
    done = export(config, tmp_path / "out")
    assert done.returncode == 1
    assert "8737 readings" in done.stdout
    assert done.stdout.endswith("1 days could not be read and are missing: releve check-store names them\n")
    export(config, tmp_path / "out.json", "--format", "json")
    assert json.loads((tmp_path / "out.json").read_text())["damaged_days"] == 1


def test_json_is_as_its_schema_says_and_says_what_the_tables_say(config: Path, tmp_path: Path) -> None:
    done = export(config, tmp_path / "house.json", "--format", "json", "--json")
    assert (done.returncode, json.loads(done.stdout)["readings"]) == (0, 8761)
    document = json.loads((tmp_path / "house.json").read_text(encoding="utf-8"))
    assert faults(json.loads(SCHEMA.read_text()), document) == []
    export(config, tmp_path / "out")
    tables = {name: list(csv.DictReader(io.StringIO(text))) for name, text in read(tmp_path / "out").items()}
    (series,) = document["series"]
    times = [row["time"] for row in tables[READINGS]]
    (extra,) = [number for number, time in enumerate(times) if times.count(time) == 2][:1]
    assert times[extra] == series["swaps"][0]["time"]
    rows = [row for number, row in enumerate(tables[READINGS]) if number != extra]
    assert [[row["time"], row["local"], row["value"]] for row in rows] == series["readings"]
    (part,) = document["files"]
    assert [[row["start"], row["end"], row["value"]] for row in tables["files.csv"]] == part["periods"]
    assert [point["name"] for point in document["points"]] == ["Eau", "Maison"]


def test_an_empty_house_is_json_too(tmp_path: Path) -> None:
    with boxes(tmp_path, "a") as (a,):
        out = io.StringIO()
        write_json(Export(a.catalog, a.store, a.holders, lambda: NOW).piece, Wanted(), out, lambda share: None)
    assert faults(json.loads(SCHEMA.read_text()), json.loads(out.getvalue())) == []


def faults(schema: dict[str, Any], value: Any, where: str = "") -> list[str]:
    """Where a document is not as a JSON schema says, of the words that ours uses."""
    types = {"object": dict, "array": list, "string": str, "integer": int, "boolean": bool, "null": type(None)}
    known = {"$schema", "title", "description", "type", "required", "properties", "additionalProperties", "items"}
    assert schema.keys() <= known | {"prefixItems", "minItems", "enum", "const", "pattern"}
    wanted = schema.get("type", list(types))
    found = []
    if not any(type(value) is types[each] for each in ([wanted] if isinstance(wanted, str) else wanted)):
        return [f"{where}: {wanted}"]
    if ("enum" in schema and value not in schema["enum"]) or ("const" in schema and value != schema["const"]):
        found.append(f"{where}: {value!r}")
    if "pattern" in schema and isinstance(value, str) and not re.search(schema["pattern"], value):
        found.append(f"{where}: {value!r}")
    if isinstance(value, dict):
        found += [f"{where}: {name} is missing" for name in schema.get("required", ()) if name not in value]
        for name, each in value.items():
            if name in schema["properties"]:
                found += faults(schema["properties"][name], each, f"{where}.{name}")
            elif schema.get("additionalProperties") is False:
                found.append(f"{where}: {name} is not known")
    if isinstance(value, list):
        first = schema.get("prefixItems", [])
        if len(value) < schema.get("minItems", 0) or (schema.get("items") is False and len(value) > len(first)):
            found.append(f"{where}: {len(value)} items")
        for number, each in enumerate(value):
            of = first[number] if number < len(first) else schema.get("items", {})
            if isinstance(of, dict):
                found += faults(of, each, f"{where}[{number}]")
    return found


def test_the_look_at_the_schema_finds_what_is_wrong() -> None:
    schema = json.loads(SCHEMA.read_text())
    assert faults(schema, {"format": 2})
    assert any("is missing" in fault for fault in faults(schema, {"format": 1}))


async def test_a_house_that_runs_writes_the_same_and_goes_on(config: Path, tmp_path: Path) -> None:
    assert export(config, tmp_path / "stopped").returncode == 0
    loaded, started = load(config), asyncio.Event()
    run = asyncio.create_task(
        app.run(replace(loaded, web=replace(loaded.web, port=0)), lambda urls, code: started.set())
    )
    await asyncio.wait_for(started.wait(), 20)
    try:
        done = await asyncio.to_thread(export, config, tmp_path / "running")
        assert (done.returncode, done.stderr) == (0, "")
        assert read(tmp_path / "running") == read(tmp_path / "stopped")
    finally:
        run.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await run


async def test_a_gateway_that_ends_meanwhile_leaves_no_half_of_it(config: Path, tmp_path: Path) -> None:
    """It answers the first question, and then no longer."""
    answered = 0
    with contextlib.ExitStack() as opened:
        house, _, _ = app._open(load(config), Clock(), opened)
        parts = Export(house.catalog, house.store, house.holders, lambda: NOW)

        def answer(runtime: Path, method: str, path: str, body: dict[str, Any] | None = None) -> dict[str, Any]:
            nonlocal answered
            answered += 1
            if answered > 4:
                raise ConnectionResetError("the gateway ended before it answered")
            return {"share": 0} if method == "GET" else parts.piece(path, body or {})

        with pytest.MonkeyPatch.context() as patched:
            patched.setattr(control, "ask", answer)
            done = await asyncio.to_thread(export, config, tmp_path / "out")
    assert (done.returncode, done.stderr) == (1, "releve: the gateway ended before it answered\n")
    assert not (tmp_path / "out").exists()


def test_what_is_asked_at_once_does_not_grow_with_the_years(config: Path, tmp_path: Path) -> None:
    longest = 0
    with boxes(tmp_path, "a") as (a,):
        a.catalog.adopt("wmbus:1", "Eau", Medium.WATER, NOW - 4000 * DAY)
        ats = range(NOW - 3650 * DAY, NOW, 3600)
        a.store.bulk(SeriesKey("eau", "volume"), Quantity.VOLUME, 0, True, ats, range(len(ats)))
        parts = Export(a.catalog, a.store, a.holders, lambda: NOW)

        def ask(path: str, body: dict[str, Any]) -> dict[str, Any]:
            nonlocal longest
            piece = parts.piece(path, body)
            longest = max(longest, len(json.dumps(piece)))
            return piece

        class Nowhere(io.StringIO):
            def write(self, text: str) -> int:
                return len(text)

        done = write_csv(ask, Wanted(), {name: Nowhere() for name in TABLES}, lambda share: None)
    assert done.readings == len(ats)
    assert longest < 14 * 24 * 24  # of an hour's point 22 bytes
