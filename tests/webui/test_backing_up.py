"""Back-up and restore on a page: the file that one box makes brings its house back on another one."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import aiohttp
import pytest

from gateway import replacing
from gateway.roles import Role
from tests.image_folder import make_image
from tests.webui.home import Home, furnish, open_home, read
from tests.webui.test_notices import text
from tests.webui.test_people import WORD, cookie

SENTENCE = "cheval correct pile agrafe"
LOOKED_S_MAX = 30.0

pytestmark = pytest.mark.timeout(120)  # a sentence is stretched for a second or two, twice


@pytest.fixture
async def home(tmp_path: Path) -> AsyncIterator[Home]:
    async with open_home(tmp_path / "house", password=True) as opened:
        furnish(opened.house)
        await opened.access.set_up(Role.OCCUPANT, WORD)
        yield opened


async def made(home: Home, passphrase: str = SENTENCE, again: str = SENTENCE, *, status: int = 200) -> bytes:
    cookies = await cookie(home, Role.OCCUPANT)
    token = read(await home.text("/box/backup", cookies=cookies)).fields["token"]
    given = {"token": token, "passphrase": passphrase, "again": again}
    async with home.client.post("/box/backup", data=given, cookies=cookies) as answer:
        assert answer.status == status
        return await answer.read()


async def sent(home: Home, content: bytes, passphrase: str = SENTENCE) -> str:
    """What the page says of a file once it was looked at."""
    cookies = await cookie(home, Role.OCCUPANT)
    form = aiohttp.FormData(default_to_multipart=True)
    form.add_field("token", read(await home.text("/box/backup", cookies=cookies)).fields["token"])
    form.add_field("passphrase", passphrase)
    form.add_field("file", content, filename="releve-2026-11-27.backup")
    async with home.client.post("/box/backup/file", data=form, cookies=cookies, allow_redirects=False) as answer:
        assert answer.status == 303
    async with asyncio.timeout(LOOKED_S_MAX):
        while "Le fichier est arrivé" in (said := await text(home, "/box/backup", cookies=cookies)):
            pass
    return said


async def pressed(home: Home, path: str, *, status: int = 200, **fields: str) -> str:
    cookies = await cookie(home, Role.OCCUPANT)
    token = read(await home.text("/box/backup", cookies=cookies)).fields["token"]
    async with home.client.post(path, data={"token": token, **fields}, cookies=cookies) as answer:
        assert answer.status == status
        return read(await answer.text()).text


async def test_what_one_box_saved_another_one_has(home: Home, tmp_path: Path) -> None:
    file = await made(home)
    points = {point.id for point in home.house.catalog.points()}
    assert not list(home.house.config.data.glob("backup-*")), "no copy stays on the card"
    async with open_home(tmp_path / "other", password=True) as other:
        await other.access.set_up(Role.OCCUPANT, "another long password")
        said = await sent(other, file)
        assert "La sauvegarde est entière." in said
        assert "novembre" in said
        assert "cochez la ligne" in await pressed(other, "/box/backup/bring", status=422)
        assert not other.access.brought_back.is_set()
        said = await pressed(other, "/box/backup/bring", sure="yes")
        assert "La sauvegarde prend sa place." in said
        assert other.access.brought_back.is_set(), "the gateway opens anew"
        config = other.house.config
    assert replacing.finish(config)
    async with open_home(tmp_path / "other", password=True) as other:
        assert {point.id for point in other.house.catalog.points()} == points
        assert await other.access.password_fits(WORD)
        assert "Mis de côté" in await text(other, "/box/backup", cookies=await cookie(other, Role.OCCUPANT))
        assert "Mis de côté" not in await pressed(other, "/box/backup/erase")
        assert not replacing.aside(config)


@pytest.mark.parametrize(
    ("passphrase", "again", "says"),
    [("court", "court", "Dix caractères au moins"), (SENTENCE, SENTENCE + " non", "deux phrases différentes")],
)
async def test_a_sentence_that_is_none_is_said(home: Home, passphrase: str, again: str, says: str) -> None:
    assert says in read((await made(home, passphrase, again, status=422)).decode()).text


async def test_why_a_file_is_not_taken_is_said_and_nothing_is_kept_of_it(home: Home) -> None:
    file = await made(home)
    assert "Cette phrase n’ouvre pas cette sauvegarde." in await sent(home, file, "another sentence")
    assert "n’est pas une sauvegarde de Relevé, ou il est abîmé" in await sent(home, file[:-2000])
    assert "n’est pas une sauvegarde de Relevé, ou il est abîmé" in await sent(home, b"%PDF-1.4")
    assert "Choisissez d’abord un fichier" in await sent(home, b"")
    assert "Ce fichier n’est plus là." in await pressed(home, "/box/backup/bring", status=409, sure="yes")
    data = home.house.config.data
    assert not [path for path in data.iterdir() if path.name in ("coming-back", "restored.new", replacing.WANTED)]


async def test_a_file_that_is_put_away_leaves_nothing(home: Home) -> None:
    assert "La sauvegarde est entière." in await sent(home, await made(home))
    assert "En remettre une" in await pressed(home, "/box/backup/drop")
    assert not (home.house.config.data / "restored.new").exists()


async def test_a_box_that_lives_in_memory_brings_nothing_back(tmp_path: Path) -> None:
    image = make_image(tmp_path / "image")
    image.says("data", "memory", "x", code="unreadable")
    async with open_home(tmp_path / "house", password=True, stands=image.standing) as home:
        await home.access.set_up(Role.OCCUPANT, WORD)
        cookies = await cookie(home, Role.OCCUPANT)
        page = await text(home, "/box/backup", cookies=cookies)
        assert "Rien ne peut être remis tant que la carte n’est pas utilisable." in page
