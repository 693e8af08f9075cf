"""Keys on the pages: what is said when they cannot be read or kept, and a file of them."""

import contextlib
import gzip
import io
import shutil
import tempfile
from pathlib import Path

import aiohttp
import pytest
from hypothesis import given
from hypothesis import strategies as st

from drivers.model import Medium
from gateway.importers.keyfile import FILE_BYTES_MAX, Why
from gateway.keys import Plate
from gateway.views import PointState
from tests.gateway.importers.kemfiles import archive, encrypted, kem, meter
from tests.webui.home import CLEAR, HEAT, KEY, LOCKED, PARIS, Home, open_home, read, water_frame
from tests.webui.test_access import set_up
from tests.webui.test_pages import take
from webui import keyfiles, multipart, server
from webui.words import Words

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


# A file of keys


async def send(home: Home, data: bytes, password: str = "", language: str = "fr") -> tuple[int, str]:
    """What a visitor without JavaScript gets for a file: the status and the page."""
    token = read(await home.text("/meters", params={"lang": language})).fields["token"]
    form = aiohttp.FormData()
    form.add_field("token", token)
    form.add_field("file", io.BytesIO(data), filename='clés "1".csv', content_type="application/octet-stream")
    form.add_field("password", password)
    async with home.client.post("/meters/keys", data=form) as answer:
        page = await answer.text()
        assert KEY.hex() not in page.lower()
        return answer.status, read(page).text


async def test_a_file_of_keys_opens_the_meters_that_wait_and_names_what_it_did_not_take(home: Home) -> None:
    home.house.collect.frame("radio", water_frame(LOCKED, 84_120, KEY))
    home.house.collect.frame("radio", water_frame(CLEAR, 84_120, KEY))
    await take(home, str(LOCKED), name="Eau chaude", key="")
    rows = [f"{LOCKED.id};{KEY.hex()}", "x;y", f"{CLEAR.id};{KEY.hex()}", f"{HEAT.id};{KEY.hex()}", f"1;{KEY.hex()}"]
    status, text = await send(home, "\n".join(["Numéro;Clé", *rows]).encode("latin-1"))
    assert status == 200
    assert "3\u00a0clés sont gardées." in text
    assert "Maintenant lus avec leur clé\u00a0: Eau chaude." in text
    assert "En attente d’un message que leur clé ouvrira\u00a0: Chauffage." in text
    assert "Une clé est pour un compteur entendu, qui n’est pas encore le vôtre." in text
    assert "Ligne 3\u00a0: pas de numéro de compteur à 8 chiffres" in text
    assert "Ligne 6\u00a0: pas de numéro de compteur à 8 chiffres" in text
    assert "84,120" in read(await home.text("/meters")).text.replace(" ", "")


async def test_the_key_of_a_heard_meter_need_not_be_typed_when_it_came_in_a_file(home: Home) -> None:
    home.house.collect.frame("radio", water_frame(LOCKED, 84_120, KEY))
    await send(home, f"id;key\n{LOCKED.id};{KEY.hex()}".encode())
    assert "inutile de la taper" in read(await home.text("/meters/add", params={"address": str(LOCKED)})).text
    _, _, text = await take(home, str(LOCKED), name="Eau chaude", key="")
    assert "il se lit" in text


async def test_a_locked_file_asks_for_its_password_and_opens_with_it(home: Home) -> None:
    data = archive(x_kem=encrypted(kem(meter(HEAT.id, KEY.hex()), meter("", "")), "Öl 4711"))
    for password, said in (("", "Ce fichier est fermé"), ("Öl 4712", "Ce mot de passe n’ouvre pas le fichier.")):
        status, text = await send(home, data, password)
        assert (status, said in text) == (422, True)
        assert home.house.key(str(HEAT)) is None
    status, text = await send(home, data, " Öl 4711 ")
    assert (status, "Une clé est gardée." in text) == (200, True)
    assert "Dans le fichier, compteur n°\u00a02\u00a0: pas de numéro de compteur à 8 chiffres" in text
    assert home.house.key(str(HEAT)) == KEY


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (b"", "Aucun fichier n’a été choisi"),
        (b"Dear Madam", "Sa première ligne devrait nommer les colonnes, par exemple\u00a0: numéro;clé"),
        (b"<!DOCTYPE x><x/>", "que le boîtier refuse, par prudence"),
        (b"a" * (FILE_BYTES_MAX + 1), "Ce fichier est trop long"),
    ],
)
async def test_a_file_that_is_none_is_told_on_the_page_it_came_from(home: Home, data: bytes, said: str) -> None:
    status, text = await send(home, data)
    assert (status, said in text) == (422, True)


async def test_a_file_whose_keys_cannot_be_sealed_changes_nothing(shut: Home) -> None:
    status, text = await send(shut, f"id;key\n{LOCKED.id};{KEY.hex()}".encode())
    assert (status, "Le boîtier ne peut pas garder cette clé" in text) == (422, True)
    assert shut.house.key(str(LOCKED)) is None


@pytest.mark.parametrize("language", ["fr", "en"])
def test_every_reason_has_words_of_its_own_in_each_language(language: str) -> None:
    words = Words(language, PARIS)
    said = {why: str(words.say((keyfiles.FAULTS | keyfiles.REFUSALS)[why], n=3)) for why in Why}
    assert len(set(said.values())) == len(Why)
    assert [text for text in said.values() if "%" in text] == []


async def test_a_house_without_radio_is_not_asked_for_keys(home: Home) -> None:
    assert "/meters/keys" in await home.text("/meters")
    del home.house.collect.ports["radio"]
    assert "/meters/keys" not in await home.text("/meters")


# The form that sends it


def body(*parts: tuple[str, bytes]) -> bytes:
    return (
        b"".join(b"--xyz\r\n" + head.encode() + b"\r\n\r\n" + data + b"\r\n" for head, data in parts) + b"--xyz--\r\n"
    )


KIND = "multipart/form-data; boundary=xyz"
FIELD, FILE = (
    'Content-Disposition: form-data; name="token"',
    'content-disposition: form-data; name="file"; filename="a"',
)


def test_a_form_is_taken_apart_as_browsers_put_it_together() -> None:
    sent = body((FIELD, b"t"), (FILE + "\r\nContent-Type: text/csv", b"a\r\n--xy\r\n\r\n"))
    for kind in (KIND, 'multipart/form-data; charset=utf-8; Boundary="xyz"'):
        assert multipart.parse(kind, sent) == {"token": b"t", "file": b"a\r\n--xy\r\n\r\n"}
    assert multipart.parse(KIND, body((FIELD, b""))) == {"token": b""}


@pytest.mark.parametrize(
    ("kind", "sent"),
    [
        ("multipart/form-data", body((FIELD, b"t"))),
        ("multipart/form-data; boundary=" + "x" * 71, body((FIELD, b"t"))),
        ("text/plain; boundary=xyz", body((FIELD, b"t"))),
        (KIND, b""),
        (KIND, b"--xyz"),
        (KIND, b"--xyz\r\n"),
        (KIND, body((FIELD, b"t"))[:-6]),
        (KIND, b"before" + body((FIELD, b"t"))),
        (KIND, body((FIELD, b"t"), (FIELD, b"u"))),
        (KIND, body(("Content-Disposition: form-data", b"t"))),
        (KIND, body((FIELD + "\r\nX: " + "x" * 1000, b"t"))),
        (KIND, body(*((FIELD.replace("token", "t" * n), b"") for n in range(1, 10)))),
        (KIND, b"--xyz\r\n" * 100_000 + b"--xyz--"),
    ],
)
def test_what_no_browser_sends_is_no_form(kind: str, sent: bytes) -> None:
    with pytest.raises(multipart.MultipartError):
        multipart.parse(kind, sent)


@given(st.lists(st.sampled_from([b"--xyz", b"\r\n", b"--", FIELD.encode(), FILE.encode(), b"\r\n\r\n", b"\xff"])))
def test_any_pieces_are_a_form_or_none(pieces: list[bytes]) -> None:
    with contextlib.suppress(multipart.MultipartError):
        assert multipart.parse(KIND, b"".join(pieces))


async def post(home: Home, data: bytes, kind: str = KIND, path: str = "/meters/keys", **headers: str) -> int:
    async with home.client.post(
        path, data=io.BytesIO(data), headers={"Content-Type": kind, **headers}, allow_redirects=False
    ) as answer:
        return answer.status


async def test_a_file_form_is_bound_to_its_browser_and_to_our_pages(home: Home) -> None:
    token = read(await home.text("/meters")).fields["token"].encode()
    table = b"id;key\n12345678;" + KEY.hex().encode()
    good = body((FIELD, token), (FILE, table))
    assert await post(home, body((FILE, table))) == 403
    assert await post(home, body((FIELD, b"\xff"), (FILE, table))) == 403
    assert await post(home, good, **{"Sec-Fetch-Site": "cross-site"}) == 403
    assert await post(home, good[:-6]) == 400
    assert await post(home, good, "multipart/form-data; boundary=xyz; charset=utf-16") == 415
    assert await post(home, b"token=" + token, "application/x-www-form-urlencoded") == 415
    assert home.house.catalog.plates("12345678") == ()
    assert await post(home, good) == 200
    assert home.house.catalog.plates("12345678") == (Plate("12345678"),)


async def test_no_other_route_takes_a_file_and_none_takes_one_without_bound(home: Home) -> None:
    for path in ("/meters/key", "/meters/add", "/meters/name", "/api/v1/adopt", "/logout"):
        assert await post(home, body((FIELD, b"t")), path=path) == 415
    huge = body((FILE, b"a" * (FILE_BYTES_MAX + server.FORM_BYTES_MAX)))
    assert await post(home, huge) == 413
    assert await post(home, gzip.compress(b"a" * 50_000_000), **{"Content-Encoding": "gzip"}) == 413


async def test_a_stranger_sends_no_file(new_box: Home) -> None:
    await set_up(new_box)
    new_box.client.session.cookie_jar.clear()
    assert await post(new_box, body((FILE, b"a" * (FILE_BYTES_MAX + server.FORM_BYTES_MAX)))) == 303


async def test_a_file_that_is_sent_does_not_touch_the_card(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    def opened(*args: object, **kwargs: object) -> None:
        raise AssertionError("a temporary file was made")

    for name in ("TemporaryFile", "NamedTemporaryFile", "SpooledTemporaryFile", "mkstemp"):
        monkeypatch.setattr(tempfile, name, opened)
    status, _ = await send(home, f"id;key\n{HEAT.id};{KEY.hex()}\n{'x' * 500_000};\n".encode())
    assert status == 200
