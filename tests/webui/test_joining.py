"""`/box/wifi`: a network named on a page goes to root as it was typed, and a wrong one is refused in one sentence."""

import json
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from gateway.box import wifi
from gateway.standing import Wanted, standing
from tests.image_folder import ImageFolder, make_image
from tests.webui.home import Home, open_home, read

PASSWORD = ' top;se#c\\ret "é" '


@pytest.fixture
def image(tmp_path: Path) -> ImageFolder:
    return make_image(tmp_path / "image")


@pytest.fixture
async def home(tmp_path: Path, image: ImageFolder) -> AsyncIterator[Home]:
    async with open_home(tmp_path / "house", stands=image.standing) as opened:
        opened.house.config.runtime.mkdir(exist_ok=True)
        yield opened


async def named(home: Home, **fields: str) -> tuple[int, str]:
    token = read(await home.text("/box/wifi")).fields["token"]
    given = {"token": token, "name": "Café", "password": PASSWORD, "country": "FR", **fields}
    async with home.client.post("/box/wifi", data=given) as answer:
        return answer.status, await answer.text()


def wanted(home: Home) -> Path:
    return home.house.config.runtime / Wanted.WIFI


async def test_what_is_typed_reaches_root_letter_for_letter(home: Home) -> None:
    status, text = await named(home, name=' l’été "2" = ;', hidden="yes", country="be")
    assert status == 200
    assert "essaie de rejoindre" in text
    assert PASSWORD not in text
    asked = json.loads(wanted(home).read_bytes())["text"]
    assert wifi.parse(asked.encode()) == wifi.Network(' l’été "2" = ;', PASSWORD, "BE", hidden=True)
    assert wanted(home).stat().st_mode & 0o077 == 0


@pytest.mark.parametrize(
    ("fields", "sentence"),
    [
        ({"name": ""}, "Il manque le nom du réseau"),
        ({"name": "é" * 17}, "trop long"),
        ({"password": ""}, "8 à 63"),
        ({"password": "court"}, "8 à 63"),
        ({"password": "12345678\npays = BE"}, "signe invisible"),
        ({"name": 'x"\r\nouvert = oui\r\n#'}, "signe invisible"),
        ({"country": "Frankreich"}, "deux lettres"),
    ],
)
async def test_a_wrong_one_is_refused_in_a_sentence_and_asks_nothing(
    home: Home, fields: dict[str, str], sentence: str
) -> None:
    status, text = await named(home, **fields)
    assert status == 422
    assert sentence in text.replace("\u202f", " ").replace("\u00a0", " ")
    assert not wanted(home).exists()


async def test_the_network_it_is_in_is_named_and_not_believed(home: Home, image: ImageFolder) -> None:
    image.says("wifi", "joined", ssid="<b>Nous</b>")
    text = await home.text("/box/wifi")
    assert "&lt;b&gt;Nous&lt;/b&gt;" in text
    assert "<b>Nous</b>" not in text


async def test_on_a_system_of_its_owner_there_is_no_such_page(tmp_path: Path, image: ImageFolder) -> None:
    (image.places.share / "image.json").unlink()
    async with (
        open_home(tmp_path / "house", stands=standing(image.places)) as home,
        home.client.get("/box/wifi") as answer,
    ):
        assert answer.status == 404
