"""What root says of the card and the Wi-Fi: in sentences where the household looks, and gone when it was seen."""

import re
import shutil
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from gateway.box import said
from gateway.roles import Role
from tests.image_folder import ImageFolder, make_image
from tests.webui.home import PARIS, Home, open_home, read
from tests.webui.test_people import cookie, copy, peopled
from webui import notices, update_words
from webui.words import Words

MEMORY = (
    "La carte ne peut plus être écrite : les relevés de maintenant ne sont gardés que jusqu’à la prochaine coupure."
)


@pytest.fixture
def image(tmp_path: Path) -> ImageFolder:
    return make_image(tmp_path / "image")


@pytest.fixture
async def home(tmp_path: Path, image: ImageFolder) -> AsyncIterator[Home]:
    async with open_home(tmp_path / "house", stands=image.standing) as opened:
        yield opened


def spaced(text: str) -> str:
    return re.sub(r"[\u00a0\u202f\s]+", " ", text)


async def text(home: Home, path: str = "/", cookies: dict[str, str] | None = None) -> str:
    return spaced(read(await home.text(path, cookies=cookies)).text)


async def see(home: Home, subject: str) -> None:
    token = read(await home.text("/import")).fields["token"]
    async with home.client.post("/box/notice", data={"token": token, "subject": subject, "back": "/"}) as answer:
        assert answer.status == 200
        assert answer.url.path == "/"


async def test_a_house_in_memory_is_said_on_every_page_and_cannot_be_put_away(home: Home, image: ImageFolder) -> None:
    image.says("data", "memory", "The card cannot be written: is it locked, or worn?", code="not-written")
    for path in ("/", "/box", "/history", "/meters", "/data", "/settings", "/box/update"):
        assert MEMORY in await text(home, path), path
    page = await text(home)
    assert "is it locked, or worn?" in page
    assert "J’ai vu" not in page
    await see(home, "data")
    assert MEMORY in await text(home)


async def test_nothing_is_called_saved_that_lies_in_memory(home: Home, image: ImageFolder) -> None:
    assert "Tout est enregistré jusqu’à" in await text(home, "/box")
    assert (await home.json("/api/v1/health"))["status"] == "ok"
    image.says("data", "memory", code="not-written")
    for path in ("/", "/box"):
        page = await text(home, path)
        assert "est enregistré jusqu’à" not in page
        assert "Rien n’est enregistré sur la carte." in page
    assert (await home.json("/api/v1/health"))["status"] == "not-saving"


@pytest.mark.parametrize(
    ("code", "sentence"),
    [
        ("missing", "écrivez l’image sur une autre, de 8 Go ou plus"),
        ("not-erased", "Cassez-la avant de vous en séparer"),
        ("unreadable", "ne peut être ni lu ni réparé"),
        ("not-made", "Mettez ensuite une autre carte"),
        ("not-written", "Mettez ensuite une autre carte"),
    ],
)
async def test_what_to_do_depends_on_what_happened_to_the_card(
    home: Home, image: ImageFolder, code: str, sentence: str
) -> None:
    image.says("data", "memory", code=code)
    assert sentence in await text(home)


async def test_who_has_no_account_is_told_too_since_the_accounts_are_not_there(
    tmp_path: Path, image: ImageFolder
) -> None:
    image.says("data", "memory", "The card cannot be written", code="not-written")
    async with open_home(tmp_path / "house", stands=image.standing, password=True) as home:
        page = await text(home, "/setup")
        assert MEMORY in page
        assert "cannot be written" not in page


@pytest.mark.parametrize(
    ("subject", "state", "code", "sentence"),
    [
        ("data", "repaired", "repaired", "Le boîtier l’a réparé."),
        ("data", "small", "small", "La carte mémoire est trop petite"),
        ("data", "a word of tomorrow", "x", "Le boîtier dit quelque chose que cette page ne connaît pas."),
        ("wifi", "failed", "not_found", "Le réseau « Chez <b>nous » n’a pas été trouvé."),
        ("wifi", "wrong", "empty", "Le réseau « Chez <b>nous » n’a pas été trouvé."),
        ("update", "installed", "", "La version 9.0.0 est installée, et va bien."),
        ("update", "lost", "", "C’est celui d’origine qui marche : la version 9.0.0."),
        ("update", "refused", "signature", "n’est pas signé par ceux qui font Relevé"),
    ],
)
async def test_what_is_over_is_said_until_it_was_seen_and_said_anew_when_it_comes_again(
    home: Home, image: ImageFolder, subject: str, state: str, code: str, sentence: str
) -> None:
    why = "Le réseau « Chez <b>nous » n’a pas été trouvé."
    image.says(subject, state, "why, in English", code=code, why_fr=why, version="9.0.0")
    for path in ("/", "/box"):
        assert sentence in await text(home, path), path
    assert sentence not in await text(home, "/history")
    await see(home, subject)
    for path in ("/", "/box"):
        assert sentence not in await text(home, path), path
    image.says(subject, state, "why, another time", code=code, why_fr=why, version="9.0.0")
    assert sentence in await text(home)


async def test_in_english_the_wifi_is_said_in_english(home: Home, image: ImageFolder) -> None:
    image.says("wifi", "failed", "The network “Livebox” was not found.", code="not_found", why_fr="Le réseau…")
    page = await text(home, "/?lang=en")
    assert "The box did not join the Wi-Fi that was written for it. The network “Livebox” was not found." in page


async def test_a_trial_is_said_and_cannot_be_put_away_before_it_is_over(home: Home, image: ImageFolder) -> None:
    image.says("update", "trial", kind="app", version="9.0.0", before="0.1.0")
    page = await text(home)
    assert "La version 9.0.0 est à l’essai" in page
    assert "J’ai vu" not in page


async def test_a_stick_with_an_update_is_told_where_the_household_looks(home: Home, image: ImageFolder) -> None:
    image.says("update", "offered", kind="app", version="9.1.0", bytes=5_000_000)
    assert "Il y a une mise à jour sur la clé USB branchée au boîtier : la version 9.1.0." in await text(home)
    await see(home, "update")
    assert "9.1.0" not in await text(home)
    assert "9.1.0" in await text(home, "/box/update")


@pytest.mark.parametrize(("subject", "state"), [("data", "well"), ("wifi", "none"), ("wifi", "joined")])
async def test_what_is_well_is_not_said(home: Home, image: ImageFolder, subject: str, state: str) -> None:
    before = await text(home)
    image.says(subject, state)
    assert await text(home) == before


async def test_a_damaged_file_of_roots_breaks_no_page(home: Home, image: ImageFolder) -> None:
    for subject in notices.SUBJECTS:
        (image.places.said / f"{subject}.json").write_bytes(b'{"state": 7')
    assert "J’ai vu" not in await text(home)
    await see(home, "data")
    await see(home, "../house/ledger")


async def test_an_installer_is_told_of_the_card_and_the_wifi_and_of_no_update(
    tmp_path: Path, furnished: Path, image: ImageFolder
) -> None:
    copy(furnished, tmp_path / "house")
    image.says("data", "repaired", code="repaired")
    image.says("update", "installed", version="9.0.0")
    async with peopled(tmp_path / "house", stands=image.standing) as home:
        page = await text(home, "/box", cookies=await cookie(home, Role.INSTALLER))
        assert "Le boîtier l’a réparé." in page
        assert "9.0.0" not in page
        assert "J’ai vu" not in page
        page = await text(home, "/box", cookies=await cookie(home, Role.OCCUPANT))
        assert "9.0.0 est installée" in page
        state = await text(home, "/state", cookies=await cookie(home, Role.LANDLORD))
        assert "et garde ce qu’il lit" in state
        image.says("data", "memory", code="not-written")
        state = await text(home, "/state", cookies=await cookie(home, Role.LANDLORD))
        assert "et garde ce qu’il lit" not in state


async def test_outside_an_image_nothing_of_it_is_read(home: Home, tmp_path: Path, image: ImageFolder) -> None:
    shutil.rmtree(image.places.share)
    image.says("data", "memory", code="not-written")
    async with open_home(tmp_path / "another", stands=image.standing) as another:
        assert MEMORY not in await text(another)
        assert "est enregistré jusqu’à" in await text(another, "/box")


@pytest.mark.parametrize("code", list(update_words.WENT_BACK))
def test_every_reason_to_go_back_has_words_in_both_languages(code: str, image: ImageFolder) -> None:
    image.says("update", "back", code=code, version="9.0.0", before="0.1.0", house=True)
    found = said.read("update", image.places.said)
    assert found is not None
    in_both = set()
    for language in ("fr", "en"):
        words = Words(language, PARIS)
        told = update_words.outcome(words, found)
        assert told is not None
        assert words.say(update_words.WENT_BACK[code]) in told.sentence
        in_both.add(told.sentence)
    assert len(in_both) == 2
