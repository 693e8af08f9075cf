"""A file of an update, as a browser sends it: taken whole or not at all, shown before it is installed, refused in one sentence."""

import asyncio
import contextlib
import io
import json
import os
import re
from collections.abc import AsyncIterator
from pathlib import Path
from zoneinfo import ZoneInfo

import aiohttp
import pytest

from gateway import arriving, box
from gateway.box import updating as updating_by_root
from gateway.box.update_file import Kind
from gateway.roles import Role
from gateway.standing import Wanted, standing
from tests.image_folder import ImageFolder, make_image
from tests.webui.home import Home, open_home, read
from tests.webui.test_people import cookie, copy, peopled
from tools.update_file import new_key
from webui import update_words, updating
from webui.words import Words, plain

FR, EN = (Words(language, ZoneInfo("Europe/Paris")) for language in ("fr", "en"))


@pytest.fixture
def image(tmp_path: Path) -> ImageFolder:
    return make_image(tmp_path / "image")


@pytest.fixture
async def home(tmp_path: Path, image: ImageFolder) -> AsyncIterator[Home]:
    async with open_home(tmp_path / "house", stands=image.standing) as opened:
        opened.house.config.runtime.mkdir(exist_ok=True)
        yield opened


def spaced(text: str) -> str:
    return re.sub(r"[\u00a0\u202f\s]+", " ", text)


async def said(home: Home) -> str:
    return spaced(read(await home.text("/box/update")).text)


async def token(home: Home) -> str:
    return read(await home.text("/box/update")).fields["token"]


async def send(home: Home, content: bytes, *, status: int = 303, given: str | None = None) -> str:
    """As a browser without JavaScript; the page that is shown then."""
    form = aiohttp.FormData(default_to_multipart=True)
    form.add_field("token", given or await token(home))
    form.add_field("file", io.BytesIO(content), filename="releve.update")
    async with home.client.post("/box/update", data=form, allow_redirects=False) as answer:
        assert answer.status == status, await answer.text()
        if status == 303:
            assert answer.headers["Location"] == "/box/update"
            return await looked(home)
        return spaced(read(await answer.text()).text)


async def looked(home: Home) -> str:
    await home.client.app[updating.DESK].arriving.looked(10)
    return await said(home)


async def act(home: Home, what: str, fields: dict[str, str] | None = None, status: int = 303) -> str:
    data = {"token": await token(home), **(fields or {})}
    async with home.client.post(f"/box/update/{what}", data=data, allow_redirects=False) as answer:
        assert answer.status == status, await answer.text()
        return spaced(read(await answer.text()).text) if status != 303 else answer.headers["Location"]


def kept(home: Home) -> list[str]:
    return sorted(path.name for path in (home.house.config.data / "update").glob("*"))


async def test_an_update_is_shown_before_it_is_installed_and_root_is_asked_once_it_is_wanted(
    home: Home, image: ImageFolder
) -> None:
    content = image.update("9.0.0", size=3_000_000)
    text = await send(home, content)
    assert "signé par ceux qui font Relevé. L’installer" in text
    assert "le programme" in text
    assert "9.0.0, après 0.1.0" in text
    assert "27 novembre 2026" in text
    assert "4 Mo" in text
    assert (home.house.config.data / "update" / "arrived").read_bytes() == content
    assert kept(home) == ["arrived"]
    assert await act(home, "install", {"from": "file", "version": "9.0.0"}) == "/box/update"
    wanted = json.loads((home.house.config.runtime / Wanted.INSTALL).read_text())
    assert wanted == {"source": "arrived", "version": "9.0.0"}
    assert "Le boîtier va installer la mise à jour." in await said(home)


async def test_a_system_is_told_apart_from_a_program(home: Home, image: ImageFolder) -> None:
    text = await send(home, image.update("9.0.0", kind=Kind.SYSTEM))
    assert "tout le système, et le programme avec" in text
    assert "les pages manquent quelques minutes" in text


async def test_what_root_says_is_on_the_page_and_no_second_copy_stays(home: Home, image: ImageFolder) -> None:
    await send(home, image.update("9.0.0"))
    await act(home, "install", {"from": "file", "version": "9.0.0"})
    image.says("update", "installing", version="9.0.0")
    (home.house.config.runtime / Wanted.INSTALL).unlink()
    assert "Le boîtier installe la version 9.0.0." in await said(home)
    image.says("update", "back", "its page did not answer", code="no-answer", version="9.0.0", before="0.1.0")
    text = await said(home)
    assert (
        "La version 9.0.0 n’allait pas bien, et le boîtier est revenu de lui-même à la version 0.1.0. Elle marchait, mais"
        in text
    )
    assert "its page did not answer" in text
    assert kept(home) == []
    assert "Le fichier de la mise à jour" in text


async def test_what_was_asked_for_stays_until_root_has_answered(home: Home, image: ImageFolder) -> None:
    image.says("update", "installed", version="0.1.0")
    await send(home, image.update("9.0.0"))
    await act(home, "install", {"from": "file", "version": "9.0.0"})
    (home.house.config.runtime / Wanted.INSTALL).unlink()  # taken up, and nothing said yet
    assert "Le boîtier va installer la mise à jour." in await said(home)
    assert kept(home) == ["arrived"]
    image.says("update", "refused", code="signature")
    text = await said(home)
    assert "n’est pas signé" in text
    assert kept(home) == []


async def test_root_that_does_not_answer_is_said(home: Home, image: ImageFolder) -> None:
    await send(home, image.update("9.0.0"))
    await act(home, "install", {"from": "file", "version": "9.0.0"})
    path = home.house.config.runtime / Wanted.INSTALL
    os.utime(path, (path.stat().st_mtime - updating.UNANSWERED_S - 1,) * 2)
    assert "Le boîtier ne commence pas à l’installer." in await said(home)


async def test_the_file_that_was_shown_is_the_one_that_is_installed(home: Home, image: ImageFolder) -> None:
    await send(home, image.update("9.0.0"))
    assert "Ce fichier n’est plus là" in await act(home, "install", {"from": "file", "version": "9.0.1"}, 409)
    assert await act(home, "drop") == "/box/update"
    assert "Ce fichier n’est plus là" in await act(home, "install", {"from": "file", "version": "9.0.0"}, 409)
    assert kept(home) == []
    assert not (home.house.config.runtime / Wanted.INSTALL).exists()


async def test_a_stick_is_offered_the_same_way(home: Home, image: ImageFolder) -> None:
    image.says("update", "offered", kind="app", version="9.1.0", bytes=5_000_000)
    text = await said(home)
    assert "Il y a une mise à jour sur une clé USB" in text
    assert "9.1.0, après 0.1.0" in text
    await act(home, "install", {"from": "stick", "version": "9.1.0"})
    wanted = json.loads((home.house.config.runtime / Wanted.INSTALL).read_text())
    assert wanted == {"source": "stick", "version": "9.1.0"}


@pytest.mark.parametrize(
    ("made", "sentence"),
    [
        ({"version": "0.1.0"}, "Cette version, 0.1.0, marche déjà ici."),
        ({"version": "0.0.9"}, "elle apporte 0.0.9, et ici c’est 0.1.0"),
        ({"arch": "mips"}, "pour une autre sorte de boîtier : pour mips"),
        ({"python": "3.99"}, "Ce programme a besoin d’un autre système"),
        ({"base": "7.0.0"}, "Ce programme a besoin du système 7.0.0, et ici c’est 0.1.0"),
        ({"key": new_key()[0]}, "Ce fichier n’est pas signé par ceux qui font Relevé"),
    ],
)
async def test_what_is_not_for_this_box_is_refused_in_one_sentence_and_not_kept(
    home: Home, image: ImageFolder, made: dict[str, str], sentence: str
) -> None:
    assert sentence in await send(home, _made(image, **made))
    assert kept(home) == []


def _made(image: ImageFolder, **made: str) -> bytes:
    return image.update(**made)  # type: ignore[arg-type]  # texts alone


async def test_bytes_that_are_no_update_are_refused_in_one_sentence_and_not_kept(
    home: Home, image: ImageFolder
) -> None:
    whole = image.update()
    for content, sentence in (
        (b"PK\x03\x04 a holiday", "Ce fichier n’est pas une mise à jour de Relevé."),
        (whole[:-1], "Ce fichier n’est pas entier"),
        (whole + b"x", "quelque chose vient après sa fin"),
        (whole[:-1] + b"x", "ce qu’il contient n’est pas ce qui a été signé"),
        (b"", "Choisissez d’abord un fichier"),
    ):
        assert sentence in await send(home, content), sentence
        assert kept(home) == []


async def test_a_file_that_is_too_long_or_finds_no_room_says_so(
    home: Home, image: ImageFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    content = image.update(size=3_000_000)
    monkeypatch.setattr(arriving, "FILE_BYTES_MAX", 2_000_000)
    assert "une mise à jour a au plus 2 Mo" in await send(home, content)
    monkeypatch.setattr(arriving, "FILE_BYTES_MAX", 600_000_000)
    monkeypatch.setattr(arriving, "SPARED_BYTES", 1 << 60)
    assert "il a 3 Mo, et seulement 0 Mo sont libres" in await send(home, content)
    assert kept(home) == []


async def half(home: Home, content: bytes) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    """A browser that has sent half of its form."""
    page = await home.client.get("/box/update")
    cookies = "; ".join(f"{one.key}={one.value}" for one in home.client.session.cookie_jar)
    head = (
        f'--x\r\nContent-Disposition: form-data; name="token"\r\n\r\n{read(await page.text()).fields["token"]}\r\n'
        '--x\r\nContent-Disposition: form-data; name="file"; filename="a.update"\r\n\r\n'
    ).encode()
    reader, writer = await asyncio.open_connection(home.client.host, home.client.port)
    writer.write(
        f"POST /box/update HTTP/1.1\r\nHost: {home.client.host}\r\nCookie: {cookies}\r\n"
        f"Content-Type: multipart/form-data; boundary=x\r\nContent-Length: {len(head) + len(content) + 7}\r\n\r\n".encode()
        + head
        + content[: len(content) // 2]
    )
    await writer.drain()
    for _ in range(100):
        if home.client.app[updating.DESK].arriving.share:
            return reader, writer
        await asyncio.sleep(0.01)
    raise AssertionError("nothing came")


async def test_one_file_at_a_time_and_half_of_one_leaves_nothing_behind(home: Home, image: ImageFolder) -> None:
    content = image.update(size=6_000_000)
    given = await token(home)
    _, writer = await half(home, content)
    assert "Un fichier est en route vers le boîtier." in await said(home)
    assert "Un autre fichier est en route" in await send(home, content, status=409, given=given)
    assert kept(home) == ["arriving"]
    writer.transport.abort()
    with contextlib.suppress(ConnectionError):
        await writer.wait_closed()
    for _ in range(200):
        if not kept(home):
            break
        await asyncio.sleep(0.01)
    assert kept(home) == []
    assert "Le fichier n’est pas arrivé entier" in await said(home)
    assert "L’installer" in await send(home, content)  # the next one is taken


async def test_who_sends_nothing_more_holds_nobody_up(home: Home, image: ImageFolder) -> None:
    home.client.app[updating.DESK].arriving._pause_s_max = 0.05
    _, writer = await half(home, image.update(size=6_000_000))
    for _ in range(200):
        if not kept(home):
            break
        await asyncio.sleep(0.01)
    assert kept(home) == []
    assert "Le fichier n’est pas arrivé entier" in await said(home)
    writer.transport.abort()
    await writer.wait_closed()


async def test_what_is_no_form_of_ours_puts_nothing_on_the_card(home: Home, image: ImageFolder) -> None:
    content = image.update()
    await send(home, content, status=403, given="another page's")
    for kind, body in (
        ("multipart/form-data", content),
        ("multipart/form-data; boundary=x", content),
        ("multipart/form-data; boundary=x", b'--x\r\nContent-Disposition: form-data; name="a"\r\n\r\n' + b"a" * 99_999),
        ("multipart/form-data; boundary=x", b'--x\r\nContent-Disposition: form-data; name="a"\r\n\r\na\r\n--x--'),
    ):
        async with home.client.post("/box/update", data=body, headers={"Content-Type": kind}) as answer:
            assert answer.status == 400, kind
    async with home.client.post("/box/update", data=b"a=b") as answer:
        assert answer.status == 415
    assert kept(home) == []


async def test_a_house_in_memory_takes_no_update(home: Home, image: ImageFolder) -> None:
    content, given = image.update(), await token(home)
    image.says("data", "memory", code="not-written")
    text = await send(home, content, status=409, given=given)
    assert "Rien ne peut être installé tant que la carte ne peut pas servir." in text
    assert "Le fichier de la mise à jour" not in text
    assert kept(home) == []


async def test_what_an_earlier_run_left_is_taken_away_at_the_start(tmp_path: Path, image: ImageFolder) -> None:
    left = tmp_path / "house" / "data" / "update"
    async with open_home(tmp_path / "house", stands=image.standing) as home:
        left = home.house.config.data / "update"
        left.mkdir(parents=True)
        (left / "arriving").write_bytes(b"half")
    async with open_home(tmp_path / "house", stands=image.standing):
        assert not left.exists()


async def test_on_another_system_the_page_says_how_it_is_updated_and_takes_nothing(tmp_path: Path) -> None:
    image = make_image(tmp_path / "image")
    content = image.update()
    (image.places.share / "image.json").unlink()
    async with open_home(tmp_path / "house", stands=standing(image.places)) as home:
        text = await said(home)
        assert "se met à jour par les paquets de son système" in text
        assert "Le fichier de la mise à jour" not in text
        given = (
            read(await home.text("/settings")).fields.get("token") or read(await home.text("/import")).fields["token"]
        )
        form = aiohttp.FormData(default_to_multipart=True)
        form.add_field("token", given)
        form.add_field("file", io.BytesIO(content), filename="releve.update")
        async with home.client.post("/box/update", data=form) as answer:
            assert answer.status == 404


async def test_an_installer_may_not_update_though_they_see_what_runs(furnished: Path, tmp_path: Path) -> None:
    copy(furnished, tmp_path)
    async with peopled(tmp_path) as home:
        async with home.client.get("/about", cookies=await cookie(home, Role.INSTALLER)) as answer:
            assert answer.status == 200
        async with home.client.get("/box/update", cookies=await cookie(home, Role.INSTALLER)) as answer:
            assert answer.status == 403
        async with home.client.get("/box", cookies=await cookie(home, Role.INSTALLER)) as answer:
            links = re.findall(r'href="([^"]+)"', await answer.text())
        assert "/about" in links
        assert not [link for link in links if link.startswith("/box/update") or link == "/box/reset"]


@pytest.mark.parametrize("code", list(update_words.REFUSALS))
def test_every_refusal_has_a_sentence_of_its_own_in_both_languages(code: str) -> None:
    names = re.findall(r"%\((\w+)\)s", update_words.REFUSALS[code])
    fields = dict.fromkeys(names, 7)
    other = {plain(words.say(update_words.OTHER_REFUSAL)) for words in (FR, EN)}
    in_both = [plain(update_words.refusal(words, code, fields)) for words in (FR, EN)]
    assert in_both[0] != in_both[1]
    assert not other & set(in_both)


def test_whatever_root_can_say_has_words() -> None:
    source = "".join(path.read_text() for path in Path(box.__path__[0]).glob("*.py"))
    codes = set(re.findall(r'Refused\(\s*"([a-z-]+)"', source)) | set(re.findall(r'code="([a-z-]+)"', source))
    assert {"signature", "busy", "stick", "no-room"} <= codes
    assert codes <= update_words.REFUSALS.keys()
    assert updating_by_root.TROUBLES.keys() == update_words.WENT_BACK.keys()


def test_a_refusal_that_these_pages_do_not_know_is_said_too() -> None:
    assert "n’a pas pris" in update_words.refusal(FR, "a code of tomorrow", {})
    assert "n’a pas pris" in update_words.refusal(FR, "downgrade", {})
