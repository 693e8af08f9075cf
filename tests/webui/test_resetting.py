"""As on the first day: root is asked for it with the password and a tick, in an image alone."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from gateway.config import Backup
from gateway.roles import Role
from gateway.standing import Wanted, asked_at
from tests.image_folder import ImageFolder, make_image
from tests.webui.home import Home, open_home, read
from tests.webui.test_notices import text
from tests.webui.test_people import WORD, cookie, peopled

LONG_AGO = 1_700_000_000


@pytest.fixture
def image(tmp_path: Path) -> ImageFolder:
    return make_image(tmp_path / "image")


@pytest.fixture
async def home(tmp_path: Path, image: ImageFolder) -> AsyncIterator[Home]:
    async with open_home(tmp_path / "house", password=True, stands=image.standing) as opened:
        opened.house.config.runtime.mkdir(exist_ok=True)
        await opened.access.set_up(Role.OCCUPANT, WORD)
        yield opened


async def reset(home: Home, status: int, **fields: str) -> str:
    cookies = await cookie(home, Role.OCCUPANT)
    given = {"token": read(await home.text("/box/reset", cookies=cookies)).fields["token"], **fields}
    async with home.client.post("/box/reset", data=given, cookies=cookies) as answer:
        assert answer.status == status
        return read(await answer.text()).text


def is_wanted(home: Home) -> bool:
    return asked_at(home.house.config.runtime, Wanted.RESET) is not None


async def test_with_the_password_and_the_tick_root_is_asked_for_it(home: Home) -> None:
    page = await text(home, "/box/reset", cookies=await cookie(home, Role.OCCUPANT))
    assert "Ce qui part : chaque relevé" in page
    assert "Seules des cellules de réserve" in page
    said = await reset(home, 200, password=WORD, sure="yes")
    assert "Le boîtier redémarre, et efface tout ce qu’il savait." in said
    assert is_wanted(home)
    assert home.access.password_set  # root does it, and nobody else


async def test_without_the_password_or_the_tick_nothing_is_asked_for(home: Home) -> None:
    assert "cochez la ligne" in await reset(home, 422, password=WORD)
    assert "Ce n’est pas le mot de passe" in await reset(home, 422, password="a guess", sure="yes")
    for _ in range(4):
        await reset_any(home)
    assert "Trop d’essais" in await reset(home, 429, password=WORD, sure="yes")
    assert not is_wanted(home)


async def reset_any(home: Home) -> None:
    cookies = await cookie(home, Role.OCCUPANT)
    given = {"token": read(await home.text("/box/reset", cookies=cookies)).fields["token"], "sure": "yes"}
    async with home.client.post("/box/reset", data={**given, "password": "a guess"}, cookies=cookies) as answer:
        assert answer.status in (422, 429)


async def test_a_runtime_folder_that_takes_nothing_is_said(home: Home) -> None:
    (home.house.config.runtime / f"{Wanted.RESET}.new").mkdir()
    assert "Il n’a pas été possible de dire au boîtier d’effacer." in await reset(home, 507, password=WORD, sure="yes")
    assert not is_wanted(home)


async def test_the_page_offers_to_take_everything_along_first(tmp_path: Path, image: ImageFolder) -> None:
    backup = Backup(tmp_path / "stick", "age1" + "q" * 58, 86_400, 7)
    async with open_home(tmp_path / "house", stands=image.standing, backup=backup) as home:
        page = await home.text("/box/reset")
        assert 'href="/data#export"' in page
        assert 'href="/data/ledger/file"' in page
        assert "Aucune sauvegarde n’a encore été faite." in page
        assert 'type="password"' not in page  # a box without one
        assert home.schedule is not None
        home.schedule.last_at = LONG_AGO
        assert "Dernière sauvegarde : le 14 novembre 2023" in await text(home, "/box/reset")


async def test_on_another_system_moving_out_is_what_erases(tmp_path: Path) -> None:
    async with peopled(tmp_path) as home:
        page = await home.text("/box/reset", cookies=await cookie(home, Role.OCCUPANT))
        assert 'href="/leave"' in page
        assert 'name="sure"' not in page
        assert "/box/reset" not in await home.text("/box", cookies=await cookie(home, Role.OCCUPANT))
