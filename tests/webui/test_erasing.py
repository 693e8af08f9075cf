"""What the box keeps is erased from the page: asked once more, then gone, and nothing else with it."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from gateway.model import SeriesKey
from gateway.store import StoreError
from tests.webui.home import Home, at, furnish, open_home, read
from tests.webui.test_dial import text

HOUSE, WATER = SeriesKey("maison", "EAST"), SeriesKey("eau-froide", "volume")


@pytest.fixture
async def home(tmp_path: Path) -> AsyncIterator[Home]:
    async with open_home(tmp_path) as opened:
        furnish(opened.house)
        yield opened


async def ask(home: Home, status: int = 200, /, **fields: str) -> str:
    """The page that comes of the form; `last` and `first` stand for `to` and `from`."""
    token = read(await home.text("/data")).fields["token"]
    named = {{"first": "from", "last": "to"}.get(name, name): value for name, value in fields.items()}
    async with home.client.post("/data/erase", data={"token": token, **named}) as answer:
        assert answer.status == status
        return await answer.text()


def count(home: Home, key: SeriesKey, start: int = 0, end: int = 1 << 40) -> int:
    points = home.house.store.points(key, start, end)
    return 0 if points is None else len(points.at)


async def test_all_of_a_meter_goes_once_it_was_asked_twice(home: Home) -> None:
    water, house = count(home, WATER), count(home, HOUSE)
    page = await ask(home, point="eau-froide", what="all")
    assert "Effacer tout ce que le boîtier a gardé de Eau froide ?" in text(page)
    assert read(page).refused == []
    assert count(home, WATER) == water > 0
    page = await ask(home, point="eau-froide", what="all", sure="yes")
    assert "C’est effacé." in text(page)
    assert (count(home, WATER), count(home, HOUSE)) == (0, house)
    assert home.house.point("eau-froide") is not None


async def test_a_span_of_local_days_goes_and_the_days_beside_it_stay(home: Home) -> None:
    start, end = at(2026, 11, 10), at(2026, 11, 13)
    inside, before = count(home, HOUSE, start, end), count(home, HOUSE)
    fields = {"point": "maison", "what": "span", "first": "2026-11-10", "last": "2026-11-12"}
    page = await ask(home, **fields)
    assert "du 10 novembre 2026 au 12 novembre 2026, ce jour compris" in text(page)
    await ask(home, sure="yes", **fields)
    assert 0 < inside == before - count(home, HOUSE)
    assert count(home, HOUSE, start, end) == 0


@pytest.mark.parametrize(("first", "last"), [("", ""), ("2026-11-12", "2026-11-10"), ("hier", "2026-11-10")])
async def test_a_span_that_is_none_erases_nothing(home: Home, first: str, last: str) -> None:
    before = count(home, HOUSE)
    page = await ask(home, 422, point="maison", what="span", first=first, last=last, sure="yes")
    assert "Il faut un premier et un dernier jour" in page
    assert count(home, HOUSE) == before
    await ask(home, 404, point="keller", what="all", sure="yes")


async def test_a_card_that_refuses_is_said_and_it_may_be_asked_again(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> None:
        raise StoreError("series.db: erased, but its free pages still hold it: the disk is full")

    with monkeypatch.context() as patched:
        patched.setattr(home.house.store, "erase", refuse)
        page = await ask(home, 507, point="maison", what="all", sure="yes")
    assert "Tout n’a pas pu être effacé. Redemandez-le." in page
    await ask(home, point="maison", what="all", sure="yes")
    assert count(home, HOUSE) == 0
