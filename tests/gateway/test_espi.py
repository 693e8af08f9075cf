"""Green Button: another project's reader finds in it what the house itself says was taken, and nothing more."""

import asyncio
import io
import json
import re
import sqlite3
import xml.etree.ElementTree as ET
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from functools import cache
from itertools import pairwise
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from greenbutton_objects.parse import parse_feed
from hypothesis import given
from hypothesis import strategies as st

from drivers.model import Medium, Quantity
from gateway import app, espi
from gateway.config import load
from gateway.espi import HALF_HOUR_S
from gateway.export import Export
from gateway.export_espi import write_espi
from gateway.export_walk import Done, Wanted
from gateway.house import House
from gateway.model import Point, SeriesKey
from tests.gateway.test_command import configured, releve
from tests.house import Clock, house

PARIS = ZoneInfo("Europe/Paris")
DAY = 86_400


def at(*local: int) -> int:
    return int(datetime(*local, tzinfo=PARIS).timestamp())  # type: ignore[arg-type, misc]  # year, month, day, hour...


NOW = at(2026, 11, 3, 18, 42)
# The clock goes back on 25 October 2026; the box was off on the 28th, and once from one day to the next.
START = at(2026, 10, 20, 9, 17)
OFF = ((at(2026, 10, 28, 2), at(2026, 10, 28, 7)), (at(2026, 10, 30, 20), at(2026, 10, 31, 5)))
STEP_S = 600


@contextmanager
def furnished_house(folder: Path) -> Iterator[House]:
    """A Linky that gives to the network too, gas, water, heat, an exchange, and what has no unit."""
    with house(folder, clock=Clock(NOW)) as furnished:
        for address, name, medium in (
            ("tic:041276123456", "Maison & atelier <2>", Medium.ELECTRICITY),
            ("wmbus:RLV-1-1-3", "Gaz", Medium.GAS),
            ("wmbus:RLV-2-1-7", "Eau froide", Medium.WATER),
            ("wmbus:RLV-3-1-4", "Chauffage", Medium.HEAT),
            ("wmbus:RLV-4-1-8", "Radiateur", Medium.HEAT_COST),
        ):
            furnished.catalog.adopt(address, name, medium, START)
        points = {point.name: point.id for point in furnished.catalog.points()}
        ticks = [t for t in range(START, NOW, STEP_S) if not any(low < t < high for low, high in OFF)]
        count = {t: (t - START) // STEP_S for t in ticks}

        def fill(name: str, register: str, quantity: Quantity, exponent: int, main: bool, step: int, each: int) -> None:
            key = SeriesKey(points[name], register)
            furnished.store.add(
                [Point(key, quantity, t, 1000 + step * count[t] + count[t] % 7, exponent, main) for t in ticks[::each]]
            )

        fill("Maison & atelier <2>", "EAST", Quantity.ENERGY, 0, True, 83, 1)
        fill("Maison & atelier <2>", "EAIT", Quantity.ENERGY, 0, False, 11, 1)
        fill("Maison & atelier <2>", "SINSTS", Quantity.POWER, 0, True, 1, 6)
        fill("Gaz", "volume", Quantity.VOLUME, 1, True, 2, 6)  # hourly, tens of litres
        fill("Eau froide", "volume", Quantity.VOLUME, -1, True, 31, 1)
        fill("Chauffage", "energy", Quantity.ENERGY_JOULE, 7, True, 3, 1)
        fill("Radiateur", "units", Quantity.HEAT_COST, 0, True, 1, 6)
        water = SeriesKey(points["Eau froide"], "volume")
        furnished.store.swap(water, at(2026, 10, 26, 12, 5), 50_000_123, 49_000_000, -3)
        yield furnished


@pytest.fixture
def home(tmp_path: Path) -> Iterator[House]:
    with furnished_house(tmp_path) as opened:
        yield opened


def written(house: House, wanted: Wanted | None = None) -> tuple[str, Done]:
    out = io.StringIO()
    export = Export(house.catalog, house.store, house.holders, house.now, house.gap_s)
    done = write_espi(export.piece, wanted or Wanted(), out, lambda share: None)
    return out.getvalue(), done


def amounts(reading: Any) -> dict[tuple[int, int], Decimal]:
    """What the other reader found, in the quantity's own unit, by begin and end."""
    power = reading.readingType.powerOfTenMultiplier
    found = {}
    for each in reading.intervalReadings:
        start = int(each.timePeriod.start.timestamp())
        period = (start, start + int(each.timePeriod.duration.total_seconds()))
        assert period not in found
        found[period] = Decimal(each._value).scaleb(power)
    return found


def read(text: str) -> dict[tuple[str, str, int], Any]:
    """By metering point, title and step, what greenbutton-objects reads."""
    return {
        (place.title, reading.title, reading.readingType.intervalLength): reading
        for place in parse_feed(io.StringIO(text))
        for reading in place.meterReadings
    }


async def test_another_reader_finds_what_the_house_says_was_taken(home: House) -> None:
    text, done = await asyncio.to_thread(written, home)
    found = read(text)
    names = {view.point.name: view.point.id for view in home.points()}
    assert {(name, title) for name, title, _ in found} == {
        ("Maison & atelier <2>", "Maison & atelier <2>: EAST"),
        ("Maison & atelier <2>", "Maison & atelier <2>: EAIT"),
        ("Gaz", "Gaz: volume"),
        ("Eau froide", "Eau froide: volume"),
        ("Chauffage", "Chauffage: energy"),
    }
    midnights = [at(2026, 10, day) for day in range(20, 32)] + [at(2026, 11, day) for day in range(1, 5)]
    halves = list(range(midnights[0], midnights[-1] + 1, HALF_HOUR_S))
    told = 0
    for (name, title, step_s), reading in found.items():
        said = home.injected if title.endswith("EAIT") else home.consumption
        bounds = midnights if step_s == DAY else halves
        ours = dict(zip(pairwise(bounds), await said(names[name], bounds), strict=True))
        theirs = amounts(reading)
        assert theirs == {period: ours[period] for period in theirs}
        told += len(theirs)
    assert (done.readings, done.series, done.left_out, done.unsaid) == (told, 5, 2, 0)
    # All half-hours are known of most days, of one only the whole, and of two those before and after a night without.
    east = {
        step_s: amounts(found["Maison & atelier <2>", "Maison & atelier <2>: EAST", step_s]) for step_s in (1800, DAY)
    }
    off = midnights[8:10]
    assert list(east[DAY]) == [(off[0], off[1])]
    per_day = [sum(low <= start < high for start, _ in east[1800]) for low, high in pairwise(midnights)]
    assert per_day == [29, 48, 48, 48, 48, 50, 48, 48, 0, 48, 39, 37, 48, 48, 37]
    # Nothing is taken twice: no half-hour lies in a day that is there as a whole.
    assert not any(off[0] <= start < off[1] for start, _ in east[1800])
    assert all(low < high and value is not None for (low, high), value in east[1800].items())


async def test_what_it_is_that_was_counted_is_said(home: House) -> None:
    text, _ = await asyncio.to_thread(written, home)
    kinds = {
        (title.split(": ")[1], name): (kind.commodity.name, kind.uom.name, kind.powerOfTenMultiplier)
        for (name, title, _), reading in read(text).items()
        for kind in [reading.readingType]
    }
    assert kinds == {
        ("EAST", "Maison & atelier <2>"): ("electricity", "wattHours", 0),
        ("EAIT", "Maison & atelier <2>"): ("electricity", "wattHours", 0),
        ("volume", "Gaz"): ("naturalGas", "liters", 1),
        ("volume", "Eau froide"): ("potableWater", "liters", -3),
        ("energy", "Chauffage"): ("heatingFluid", "joules", 6),
    }
    flows = {title: reading.readingType.flowDirection.name for (_, title, _), reading in read(text).items()}
    assert [title for title, flow in flows.items() if flow == "reverse"] == ["Maison & atelier <2>: EAIT"]
    assert {reading.readingType.accumulationBehaviour.name for reading in read(text).values()} == {"deltaData"}
    over = [
        each for each in read(text)["Eau froide", "Eau froide: volume", 1800].intervalReadings if each.readingQualities
    ]
    (derived,) = over
    assert int(derived.timePeriod.start.timestamp()) == at(2026, 10, 26, 12)
    assert [quality.quality.name for quality in derived.readingQualities] == ["derived"]


async def test_a_meter_that_speaks_each_hour_has_no_half_hours_of_nothing(home: House) -> None:
    text, _ = await asyncio.to_thread(written, home)
    found = read(text)
    # Its indexes come at 17 minutes past: no bound of a half-hour lies on one.
    assert {step_s for name, _, step_s in found if name == "Gaz"} == {DAY}
    assert min(amounts(found["Gaz", "Gaz: volume", DAY]).values()) > 0


async def test_a_span_and_a_point_are_those_that_were_asked_for(home: House) -> None:
    wanted = Wanted("Eau froide", date(2026, 10, 25), date(2026, 10, 25))
    text, done = await asyncio.to_thread(written, home, wanted)
    ((key, reading),) = read(text).items()
    assert (key, done.readings, done.left_out) == (("Eau froide", "Eau froide: volume", 1800), 50, 0)
    assert min(amounts(reading))[0] == at(2026, 10, 25)
    assert max(amounts(reading))[1] == at(2026, 10, 26)


async def test_ids_are_of_one_thing_each_and_the_same_the_next_time(home: House) -> None:
    def ids(text: str) -> list[str | None]:
        return [each.text for each in ET.fromstring(text).iter(f"{{{espi.ATOM}}}id")]

    whole, _ = await asyncio.to_thread(written, home)
    one, _ = await asyncio.to_thread(written, home, Wanted("Eau froide"))
    assert len(set(ids(whole))) == len(ids(whole)) > 60
    assert set(ids(one)) <= set(ids(whole))


async def test_links_lead_to_entries_that_are_there(home: House) -> None:
    text, _ = await asyncio.to_thread(written, home)
    links: dict[str, set[str]] = {"self": set(), "up": set(), "related": set()}
    for entry in ET.fromstring(text).iter(f"{{{espi.ATOM}}}entry"):
        for link in entry.iter(f"{{{espi.ATOM}}}link"):
            links[link.attrib["rel"]].add(link.attrib["href"])
    assert links["related"] <= links["self"] | links["up"]


def test_an_empty_house_is_a_feed_too(tmp_path: Path) -> None:
    with house(tmp_path, clock=Clock(NOW)) as empty:
        text, done = written(empty)
    assert parse_feed(io.StringIO(text)) == []
    assert (done.readings, done.zone_unsaid) == (0, False)


def test_a_feed_grows_with_the_years_and_what_is_held_does_not(tmp_path: Path) -> None:
    """What is asked for at once, and what is written at once, is a week and a day."""

    class Longest(io.StringIO):
        longest = 0

        def write(self, text: str) -> int:
            self.longest = max(self.longest, len(text))
            return len(text)

    with house(tmp_path, clock=Clock(NOW)) as old:
        old.catalog.adopt("wmbus:1", "Eau", Medium.WATER, NOW - 3650 * DAY)
        ats = range(at(2016, 11, 3), NOW, HALF_HOUR_S)
        old.store.bulk(SeriesKey("eau", "volume"), Quantity.VOLUME, 0, True, ats, range(len(ats)))
        export, out, asked = Export(old.catalog, old.store, old.holders, old.now), Longest(), 0

        def ask(path: str, body: dict[str, Any]) -> dict[str, Any]:
            nonlocal asked
            piece = export.piece(path, body)
            asked = max(asked, len(json.dumps(piece)) + len(json.dumps(body)))
            return piece

        done = write_espi(ask, Wanted(), out, lambda share: None)
    assert done.readings == len(ats) - 1
    assert out.longest < 50 * 200
    assert asked < 350 * 20


def test_an_amount_that_has_no_number_is_left_out_and_counted(tmp_path: Path) -> None:
    with house(tmp_path, clock=Clock(NOW)) as odd:
        odd.catalog.adopt("wmbus:1", "Chaleur", Medium.HEAT, NOW - DAY)
        ats = [NOW // HALF_HOUR_S * HALF_HOUR_S - HALF_HOUR_S * number for number in (3, 2, 1)]
        key = SeriesKey("chaleur", "energy")
        odd.store.add(
            [
                Point(key, Quantity.ENERGY_JOULE, t, value, 0, True)
                for t, value in zip(ats, (0, 5, 1 << 48), strict=True)
            ]
        )
        text, done = written(odd)
    ((_, reading),) = read(text).items()
    assert (list(amounts(reading).values()), done.unsaid) == ([Decimal(5)], 1)


# The clock


def moment(code: int, year: int) -> datetime:
    """The local moment that a rule of ESPI names in a year, read as the standard says it (DstRuleType)."""
    second, hour, weekday = code & 0xFFF, code >> 12 & 0x1F, code >> 17 & 7
    day, operator, month = code >> 20 & 0x1F, code >> 25 & 7, code >> 28
    days = [date(year, month, 1) + timedelta(days=number) for number in range(31)]
    days = [each for each in days if each.month == month]
    if operator == 0:
        chosen = days[day - 1]
    else:
        such = [each for each in days if each.isoweekday() == weekday]
        chosen = such[-1] if operator == 7 else such[operator - 2]
    return datetime(chosen.year, chosen.month, chosen.day, tzinfo=UTC) + timedelta(hours=hour, seconds=second)


def offset_of(rules: espi.Rules, moment_utc: datetime) -> int:
    """Seconds from UTC by the rules alone."""
    if rules.start == espi.NO_RULE:
        return rules.offset_s
    standard, summer = timedelta(seconds=rules.offset_s), timedelta(seconds=rules.offset_s + rules.summer_s)
    year = (moment_utc + standard).year
    is_summer = moment(rules.start, year) - standard <= moment_utc < moment(rules.end, year) - summer
    return rules.offset_s + rules.summer_s * is_summer


def test_paris_is_said_as_the_standard_would_have_it() -> None:
    said = espi.rules(PARIS, 2000, 2030)
    # Last Sunday of March at 2, of October at 3; written like the third Friday of March at 1:45 in the standard.
    assert said == espi.Rules(3600, 3600, 0x3E0E2000, 0xAE0E3000)


@cache  # 20 ms, and Hypothesis asks a hundred times
def rules_of(zone: str, first_year: int) -> espi.Rules | None:
    return espi.rules(ZoneInfo(zone), first_year, 2030)


@pytest.mark.parametrize(
    ("zone", "first_year"),
    [
        ("Europe/Paris", 2000),
        ("Europe/Dublin", 2000),
        ("Atlantic/Azores", 2000),
        ("America/New_York", 2007),
        ("Indian/Reunion", 2000),
        ("Asia/Kathmandu", 2000),
        ("America/Martinique", 2000),
        ("UTC", 2000),
    ],
)
@given(data=st.data())
def test_the_rules_say_what_the_zone_says(zone: str, first_year: int, data: st.DataObject) -> None:
    said = rules_of(zone, first_year)
    assert said is not None
    then = datetime(first_year, 1, 2, tzinfo=UTC) + timedelta(
        seconds=data.draw(st.integers(0, (2030 - first_year) * 365 * DAY))
    )
    assert timedelta(seconds=offset_of(said, then)) == then.astimezone(ZoneInfo(zone)).utcoffset()


@pytest.mark.parametrize("zone", ["Australia/Sydney", "Africa/Casablanca", "Europe/Istanbul", "America/New_York"])
def test_a_clock_that_the_standard_has_no_words_for_is_not_said_wrongly(zone: str, tmp_path: Path) -> None:
    assert espi.rules(ZoneInfo(zone), 2000, 2026) is None
    with house(tmp_path, f'[dwelling]\ntime_zone = "{zone}"\n', Clock(NOW)) as far:
        far.catalog.adopt("wmbus:1", "Eau", Medium.WATER, NOW - DAY)
        ats = range(int(datetime(2001, 1, 1, tzinfo=UTC).timestamp()), NOW, 90 * DAY)
        far.store.bulk(SeriesKey("eau", "volume"), Quantity.VOLUME, 0, True, ats, range(len(ats)))
        text, done = written(far)
    assert done.zone_unsaid
    assert "LocalTimeParameters" not in text


# The command


def test_the_command_writes_one_file_and_says_what_is_not_in_it(tmp_path: Path) -> None:
    config = configured(tmp_path)
    with house(tmp_path / "data", clock=Clock(NOW)) as here:
        here.catalog.adopt("wmbus:1", "Eau", Medium.WATER, NOW - 9 * DAY)
        key = SeriesKey("eau", "volume")
        ats = range(at(2025, 11, 1), at(2025, 11, 2) + 1, HALF_HOUR_S)
        here.store.bulk(key, Quantity.VOLUME, 0, True, ats, range(len(ats)))
        here.store.add([Point(SeriesKey("eau", "flow"), Quantity.FLOW, at(2025, 11, 1), 1, 0, True)])
    out = tmp_path / "house.xml"
    done = releve("export", "--config", config, "--out", out, "--format", "espi")
    assert (done.returncode, done.stderr, done.stdout) == (
        0,
        "",
        f"{out}: 48 amounts of 1 series\n"
        "1 series are left out: levels, and indexes in units that Green Button or its readers do not know\n",
    )
    ((_, reading),) = read(out.read_text(encoding="utf-8")).items()
    assert list(amounts(reading).values()) == [Decimal(1)] * 48
    assert out.stat().st_mode & 0o777 == 0o600
    done = releve("export", "--config", config, "--out", out, "--format", "espi", "--overwrite", "--json")
    assert (json.loads(done.stdout)["readings"], json.loads(done.stdout)["left_out"]) == (48, 1)


def filled(tmp_path: Path) -> Path:
    """The configuration of a house with ten days of half-hours, long past by any machine's clock."""
    config = configured(tmp_path)
    with house(tmp_path / "data", clock=Clock(NOW)) as here:
        here.catalog.adopt("wmbus:1", "Eau", Medium.WATER, NOW - 11 * DAY)
        ats = range(at(2025, 10, 20), at(2025, 10, 30), HALF_HOUR_S)
        here.store.bulk(SeriesKey("eau", "volume"), Quantity.VOLUME, 0, True, ats, [3 * n for n in range(len(ats))])
    return config


async def test_a_house_that_runs_writes_the_same(tmp_path: Path) -> None:
    config, started = filled(tmp_path), asyncio.Event()
    done = releve("export", "--config", config, "--out", tmp_path / "stopped.xml", "--format", "espi")
    assert done.returncode == 0, done.stderr
    loaded = load(config)
    run = asyncio.create_task(
        app.run(replace(loaded, web=replace(loaded.web, port=0)), lambda urls, code: started.set())
    )
    await asyncio.wait_for(started.wait(), 20)
    try:
        how = ("--out", tmp_path / "running.xml", "--format", "espi")
        done = await asyncio.to_thread(releve, "export", "--config", config, *how)
        assert (done.returncode, done.stderr) == (0, "")
    finally:
        run.cancel()
        with suppress(asyncio.CancelledError):
            await run
    stopped, running = ((tmp_path / name).read_text("utf-8") for name in ("stopped.xml", "running.xml"))
    made = re.compile(r"<(published|updated)>[^<]*<")
    assert made.sub("", stopped) == made.sub("", running)
    assert stopped.count("<IntervalReading>") == 10 * 48 + 2 - 1


def test_a_day_that_cannot_be_read_is_said_to_be_missing(tmp_path: Path) -> None:
    config, out = filled(tmp_path), tmp_path / "house.xml"
    releve("export", "--config", config, "--out", out, "--format", "espi")
    ((_, whole),) = read(out.read_text("utf-8")).items()
    with closing(sqlite3.connect(tmp_path / "data" / "series.db", isolation_level=None)) as db:
        db.execute("UPDATE chunk SET b=zeroblob(length(b)) WHERE day=(SELECT min(day) + 4 FROM chunk)")
    done = releve("export", "--config", config, "--out", out, "--format", "espi", "--overwrite")
    assert done.returncode == 1
    assert done.stdout.endswith("1 days could not be read and are missing: releve check-store names them\n")
    found = read(out.read_text("utf-8"))
    ours = {period: value for reading in found.values() for period, value in amounts(reading).items()}
    halves = {period: value for period, value in ours.items() if period[1] - period[0] == HALF_HOUR_S}
    assert halves.items() < amounts(whole).items()
    # What is left of the day are its hours: enough for the whole of it.
    for low, high in ours.keys() - halves.keys():
        assert ours[low, high] == sum(value for (start, _), value in amounts(whole).items() if low <= start < high)
