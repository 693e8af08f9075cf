"""Keys on the pages: what is said when they cannot be read or kept, and a file of them."""

import shutil
from pathlib import Path

import pytest

from drivers.model import Medium
from gateway.views import PointState
from tests.webui.home import KEY, LOCKED, Home, open_home, read, water_frame
from tests.webui.test_pages import take

WHY = "Quelque chose ne va pas avec les clés que garde ce boîtier."


async def test_a_box_that_lost_its_secret_runs_says_so_and_takes_the_key_again(tmp_path: Path, furnished: Path) -> None:
    shutil.copytree(furnished, tmp_path, dirs_exist_ok=True)
    async with open_home(tmp_path) as home:
        home.house.catalog.adopt(str(LOCKED), "Eau chaude", Medium.WATER, home.clock.at)
        home.house.catalog.set_key(str(LOCKED), KEY)
        assert WHY not in read(await home.text("/meters")).text
    (tmp_path / "elsewhere" / "box-secret").unlink()
    async with open_home(tmp_path) as home:
        home.house.collect.frame("radio", water_frame(LOCKED, 5678, KEY))
        assert home.house.points()[-1].state is PointState.KEY_MISSING
        for path in ("/meters", "/box"):
            text = read(await home.text(path)).text
            assert WHY in text
            assert "is not there; put it back, or type the keys again" in text
        token = read(await home.text("/meters")).fields["token"]
        fields = {"token": token, "address": str(LOCKED), "key": KEY.hex()}
        async with home.client.post("/meters/key", data=fields) as answer:
            assert "il se lit" in read(await answer.text()).text
        assert WHY not in read(await home.text("/meters")).text


@pytest.fixture
async def shut(home: Home, tmp_path: Path) -> Home:
    """A home whose box secret can neither be made nor read."""
    (tmp_path / "elsewhere").write_text("a file where the folder should be")
    home.house.collect.frame("radio", water_frame(LOCKED, 5678, KEY))
    return home


async def test_a_key_that_cannot_be_kept_changes_nothing_and_is_said_in_one_sentence(shut: Home) -> None:
    status, _, text = await take(shut, str(LOCKED), name="Eau chaude", key=KEY.hex())
    assert status == 422
    assert "Le boîtier ne peut pas garder cette clé, et n’a rien changé." in text
    assert shut.house.catalog.meter(str(LOCKED)) is None
    adopting = {"address": str(LOCKED), "name": "Eau chaude", "key": KEY.hex()}
    async with shut.client.post("/api/v1/adopt", json=adopting) as answer:
        assert answer.status == 503
        assert "box-secret: cannot be read: Not a directory" in (await answer.json(content_type=None))["detail"]
