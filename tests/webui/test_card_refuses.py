"""A card that refuses: a sentence in the reader's language, for people and for programs, and no page that breaks."""

import errno
import sqlite3
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest

from gateway.roles import Role
from gateway.store import StoreError
from tests.webui.home import CLEAR, Home, furnish, open_home, read, water_frame
from tests.webui.test_dial import text


@pytest.fixture
async def home(tmp_path: Path) -> AsyncIterator[Home]:
    async with open_home(tmp_path) as opened:
        furnish(opened.house)
        yield opened


def refuse(error: Exception) -> Callable[..., None]:
    def refusing(*args: object, **kwargs: object) -> None:
        raise error

    return refusing


FULL = OSError(errno.ENOSPC, "No space left on device")
TORN = StoreError("series.db: the disk refuses to be written or read")


async def test_a_full_card_while_a_meter_is_added_changes_nothing_and_says_so(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    home.house.collect.frame("radio", water_frame(CLEAR, 612_000))
    token = read(await home.text("/meters")).fields["token"]
    before = home.house.points()
    monkeypatch.setattr(home.house.catalog, "adopt", refuse(FULL))
    data = {"token": token, "address": str(CLEAR), "name": "Jardin", "key": ""}
    async with home.client.post("/meters/add", data=data) as answer:
        assert answer.status == 507
        page = await answer.text()
    assert "La carte refuse l’écriture. Rien n’a été changé." in text(page)
    assert read(page).refused == []
    assert home.house.points() == before


async def test_a_card_that_cannot_be_read_leaves_the_pages_that_need_it_not(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(home.house.store, "_call", refuse(TORN))
    page = await home.text("/history/maison", 503)
    assert "Ce qui s’y trouve ne peut pas être montré maintenant." in text(page)
    assert (await home.json("/api/v1/points/maison/consumption?from=2025-11-01&to=2025-11-03&step=day", 503))[
        "detail"
    ] == "The card does not answer."
    await home.text("/meters")
    await home.text("/box")


async def test_a_refusing_ledger_is_the_cards_fault_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async with open_home(tmp_path, password=True) as home:
        await home.access.set_up(Role.OCCUPANT, "something long")
        monkeypatch.setattr("gateway.ledger._expire", refuse(sqlite3.OperationalError("disk I/O error")))
        page = await home.text("/login")
        data = {"token": read(page).fields["token"], "password": "something long"}
        async with home.client.post("/login", data=data) as answer:
            assert answer.status == 507


async def test_what_is_no_fault_of_the_card_stays_a_bug_in_the_log(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(home.house, "ports", refuse(OSError(errno.EBADF, "Bad file descriptor")))
    await home.text("/box", 500)
