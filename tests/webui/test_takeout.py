"""What was read is taken along from the page: whole, or seen to be no whole file."""

import asyncio
import csv
import io
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import TextIO

import aiohttp
import pytest
from greenbutton_objects.parse import parse_feed

from drivers.model import Quantity
from gateway.export import Export
from gateway.export_files import READINGS, TABLES, write_csv
from gateway.export_walk import Wanted
from gateway.model import Point, SeriesKey
from gateway.store import StoreError
from tests.webui.home import NOW, Home, furnish, open_home, read
from webui import takeout


@pytest.fixture
async def home(tmp_path: Path) -> AsyncIterator[Home]:
    async with open_home(tmp_path) as opened:
        furnish(opened.house)
        yield opened


def commanded(home: Home, wanted: Wanted) -> str:
    """What `releve export` writes."""
    house = home.house
    tables: dict[str, io.StringIO] = {name: io.StringIO() for name in TABLES}
    write_csv(
        Export(house.catalog, house.store, house.holders, house.now).piece, wanted, dict(tables), lambda share: None
    )
    return tables[READINGS].getvalue()


async def test_the_page_hands_over_what_the_command_writes(home: Home) -> None:
    page = await home.text("/data")
    assert read(page).refused == []
    assert 'name="format" value="csv"' in page
    async with home.client.get("/data/export?format=csv&point=maison&from=&to=") as answer:
        assert answer.headers["Content-Disposition"] == 'attachment; filename="maison-2026-11-19.csv"'
        said = await answer.text()
    assert said == await asyncio.to_thread(commanded, home, Wanted("maison"))
    assert len(list(csv.reader(io.StringIO(said)))) > 1000
    whole = json.loads(await home.text("/data/export?format=json&from=2026-11-18&to=2026-11-18"))
    assert {point["name"] for point in whole["points"]} == {"Maison", "Eau froide", "Chauffage"}
    assert {moment[:10] for series in whole["series"] for _, moment, _ in series["readings"]} == {"2026-11-18"}


async def test_the_page_hands_over_green_button_and_says_what_has_no_place_in_it(home: Home) -> None:
    page = await home.text("/data")
    assert 'name="format" value="espi"' in page
    assert "pas sa place" not in page
    home.house.store.add([Point(SeriesKey("maison", "SINSTS"), Quantity.POWER, NOW, 640, 0, main=True)])
    assert "Une sorte de chiffres n’y a pas sa place" in await home.text("/data")
    async with home.client.get("/data/export?format=espi&point=maison&from=2026-11-18&to=2026-11-18") as answer:
        assert answer.headers["Content-Type"] == "application/atom+xml; charset=utf-8"
        assert answer.headers["Content-Disposition"] == 'attachment; filename="maison-2026-11-19.xml"'
        said = await answer.text()
    ((point,),) = [parse_feed(io.StringIO(said))]
    ((reading,),) = [point.meterReadings]
    assert [each.value for each in reading.intervalReadings] == [250] * 48


async def test_a_reader_that_is_slow_fills_no_memory_and_one_that_goes_ends_the_writing() -> None:
    def write(out: TextIO) -> None:
        out.writelines("x" * takeout.PIECE_CHARACTERS for _ in range(100))

    with takeout._written(write) as (pipe, written):
        assert await takeout._next(pipe, written) == b"x" * takeout.PIECE_CHARACTERS
        while pipe.queue.qsize() < takeout.PIECES_MAX:
            await asyncio.sleep(0.01)
        await asyncio.sleep(0.05)
        assert (pipe.queue.qsize(), written.done()) == (takeout.PIECES_MAX, False)
    with pytest.raises(takeout.GoneError):
        await written


async def test_who_goes_in_the_middle_leaves_the_way_free_for_the_next(home: Home) -> None:
    async with home.client.get("/data/export") as answer:
        assert len(await answer.content.readany()) > 0
    async with home.client.get("/data/export?point=eau-froide&from=2026-11-19") as answer:
        assert (await answer.text()).startswith("time,local,point")


async def test_a_card_that_does_not_answer_is_said_or_seen(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    piece, asked = Export.piece, 0

    def refuse(self: Export, path: str, body: dict[str, object]) -> dict[str, object]:
        nonlocal asked
        asked += 1
        if asked > allowed:
            raise StoreError("series.db: the disk refuses to be written or read")
        return piece(self, path, body)

    monkeypatch.setattr(Export, "piece", refuse)
    allowed = 0
    assert "La carte ne répond pas" in await home.text("/data/export", 503)
    monkeypatch.setattr(takeout, "PIECE_CHARACTERS", 100)
    allowed, asked = 10, 0
    with pytest.raises(aiohttp.ClientPayloadError):
        await home.text("/data/export")


@pytest.mark.parametrize(
    ("query", "status"),
    [("point=keller", 404), ("format=xls", 404), ("from=hier", 400), ("to=1999-12-31", 400), ("to=9999-12-31", 400)],
)
async def test_what_cannot_be_taken_is_refused(home: Home, query: str, status: int) -> None:
    await home.text(f"/data/export?{query}", status)


async def test_whoever_asks_only_whether_it_is_there_has_nothing_written(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Export, "piece", lambda *_: pytest.fail("asked"))
    async with home.client.head("/data/export?format=json") as answer:
        assert answer.headers["Content-Type"] == "application/json; charset=utf-8"
