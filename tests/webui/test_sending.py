"""Readings that are sent: given on a page in one sentence, kept sealed, paused, taken back; and what the page says of the target."""

import asyncio
import errno
import json
import re
from collections.abc import Callable
from datetime import date
from html import unescape
from pathlib import Path

import pytest
from markupsafe import escape

from drivers.model import Medium, Quantity
from gateway import ledger
from gateway.backup import load_age
from gateway.keys import KeysError
from gateway.model import Point, SeriesKey
from gateway.outbox import Lies, Live, Trouble
from gateway.way import MESSENGERS, Form, Kind, Way
from tests.webui.home import PARIS, Home, read
from tests.webui.test_grants import DAY, post
from webui import targets
from webui.words import Words

SENT = {
    "to": "webdav", "target": "Mon nuage", "operator": "mon hébergeur", "purpose": "garder mes relevés", "point-maison": "on",
    "resolution": "30min", "delay": "0", "lasts": str(365 * DAY), "past": "on", "address": "https://dav.example.org/releve/",
    "user": "ada", "form": "files",
}  # fmt: skip


async def send(home: Home, password: str = "", **changed: str) -> tuple[str, str]:
    """Through the pages, as a person does; the id and the page that answers."""
    asked = {name: value for name, value in {**SENT, **changed}.items() if value}
    confirming = await post(home, "/data/give", asked)
    sent = {name: unescape(value) for name, value in read(confirming).fields.items() if name != "token"}
    return sent["id"], await post(home, "/data/given", {**sent, "password": password})


async def test_it_is_said_in_one_sentence_and_the_first_page_s_promise_changes(home: Home) -> None:
    assert "Rien ne quitte la maison" in read(await home.text("/data")).text
    for kind in set(Kind) - MESSENGERS:
        assert f'href="/data/send/{kind}"' in await home.text("/data/send")
        assert 'name="address"' in await home.text(f"/data/send/{kind}")
    confirming = read(await post(home, "/data/give", SENT)).text
    assert "Mon nuage (https://dav.example.org/releve/, géré par" in confirming
    assert "reçoit Maison (énergie) jusqu’au" in confirming
    assert "ouvert" in confirming
    assert home.access.grants.all() == []
    id_, page = await send(home, "correct horse")
    assert "L’envoi commence" in read(page).text
    (held,) = home.access.grants.all()
    way = held.grant.way
    assert way is not None
    assert (held.grant.id, way.kind, way.form, way.user) == (id_, Kind.WEBDAV, Form.FILES, "ada")
    text = read(await home.text("/data")).text
    assert "Ce boîtier envoie des relevés à un endroit" in text
    assert "Rien ne quitte la maison" not in text
    assert "https://dav.example.org/releve/" in text
    assert home.access.outbox.jobs()[0]["secrets"] == {"password": "correct horse"}


async def test_what_opens_the_target_lies_nowhere_in_clear_and_is_on_no_page(home: Home, tmp_path: Path) -> None:
    id_, page = await send(home, "correct horse")
    files = [path for path in home.house.config.data.rglob("*") if path.is_file()]
    assert any(path.name == "keys.json" for path in files)
    assert all(b"correct horse" not in path.read_bytes() for path in files)
    for path in ("/data", f"/data/grant/{id_}", "/data/ledger", f"/data/grant/{id_}/receipt"):
        assert "correct horse" not in await home.text(path)
    assert "correct horse" not in page


async def test_without_a_key_the_box_makes_a_pair_shows_one_half_once_and_keeps_the_other(home: Home) -> None:
    id_, page = await send(home, form="sealed", user="")
    found = re.search(r'<code id="key">(AGE-SECRET-KEY-1[A-Z0-9]+)</code>', page)
    assert found
    held = home.access.grants.get(id_)
    assert held is not None
    assert held.grant.way is not None
    (recipient,) = held.grant.way.sealed_for
    assert str(load_age().x25519.Identity.from_str(found[1]).to_public()) == recipient
    assert all(
        found[1].encode() not in path.read_bytes() for path in home.house.config.data.rglob("*") if path.is_file()
    )
    assert found[1] not in await home.text(f"/data/grant/{id_}")
    own = str(load_age().x25519.Identity.generate().to_public())
    other, page = await send(home, form="sealed", user="", recipient=own)
    assert "AGE-SECRET-KEY" not in page
    held = home.access.grants.get(other)
    assert held is not None
    assert held.grant.way is not None
    assert held.grant.way.sealed_for == (own,)


async def test_what_is_no_address_or_no_key_is_said_beside_its_field(home: Home) -> None:
    for wrong, said in (
        ({"address": "dav.example.org"}, "Il faut une adresse comme dans l’exemple"),
        ({"address": "https://ada:secret@dav.example.org/"}, "sans mot de passe dedans"),
        ({"address": "ftp://dav.example.org/"}, "Il faut une adresse"),
        ({"address": "https://[::1"}, "Il faut une adresse"),
        ({"address": "https://dav.example.org:99999/"}, "Il faut une adresse"),
        ({"address": "http://dav.example.org/"}, "Cette liaison n’est pas chiffrée"),
        ({"form": "sealed", "recipient": "age1nonsense"}, "Une clé publique commence par age1"),
    ):
        page = await post(home, "/data/give", {**SENT, **wrong}, status=422)
        assert said in read(page).text
    await post(home, "/data/give", {**SENT, "to": "ftp"}, status=400)
    await post(home, "/data/give", {**SENT, "form": "rows"}, status=400)
    await post(home, "/data/give", {**SENT, "address": "http://192.168.1.20/dav/", "at-home": "on"})
    assert home.access.grants.all() == []


async def test_the_page_says_how_the_target_does_and_offers_what_helps(home: Home) -> None:
    id_, _ = await send(home, "wrong horse")
    outbox = home.access.outbox
    outbox.tell(id_, "refused", "PROPFIND: 401 Unauthorized", 21_600)
    page = await home.text("/data")
    assert "Il refuse le mot de passe" in read(page).text
    assert 'type="password"' in page
    before = outbox.jobs()[0]["stamp"]
    await post(home, "/data/now", {"grant": id_, "password": "correct horse"})
    (job,) = outbox.jobs()
    assert job["secrets"] == {"password": "correct horse"}
    assert job["stamp"] != before
    outbox.tell(id_, "full", "PUT: 507", None)
    assert "Il n’y a plus de place" in read(await home.text("/data")).text
    outbox.live(id_).trouble = Trouble("a word of tomorrow", "x", 0, None)
    assert "l’adresse est-elle juste" in read(await home.text("/data")).text
    outbox.well(id_)
    assert "est en train de partir" in read(await home.text("/data")).text
    outbox.live(id_).well_at = home.clock.at
    assert "a pris tout ce qui lui revenait" in read(await home.text("/data")).text


async def test_it_is_paused_goes_on_and_is_taken_back_and_the_ledger_says_each(home: Home) -> None:
    id_, _ = await send(home)
    await post(home, "/data/pause", {"grant": id_, "what": "pause"})
    assert home.access.outbox.jobs() == []
    assert "En pause" in read(await home.text("/data")).text
    await post(home, "/data/pause", {"grant": id_, "what": "resume"})
    assert len(home.access.outbox.jobs()) == 1
    page = await post(home, "/data/withdraw", {"grant": id_, "what": "erase"})
    assert "en train d’y être effacé" in read(page).text
    (job,) = home.access.outbox.jobs()
    assert job["do"] == "erase"
    assert "Ce qui prend fin" in read(await home.text("/data")).text
    await post(home, "/data/leave", {"grant": id_})
    assert home.access.outbox.jobs() == []
    assert home.house.catalog.secrets(id_) == {}
    assert "Rien ne quitte la maison" in read(await home.text("/data")).text
    assert "Aucun chiffre n’y est arrivé" in read(await home.text("/data")).text
    assert "aucun chiffre" in read(await home.text(f"/data/grant/{id_}")).text
    said_there = read(await home.text("/data/ledger")).text
    for said in ("Vous avez donné", "mis en pause", "reprend", "retiré", "Plus rien de ce que le boîtier a envoyé"):
        assert said in said_there


async def test_an_owner_comes_back_from_the_target_or_pastes_the_address(home: Home) -> None:
    id_, _ = await send(home, to="cozy", form="documents", address="https://ada.mycozy.cloud", user="")
    outbox = home.access.outbox
    outbox.live(id_).link = "https://ada.mycozy.cloud/auth/authorize?x=1"
    page = await home.text("/data")
    assert 'href="https://ada.mycozy.cloud/auth/authorize?x=1"' in page
    assert "Je n’ai pas été ramené ici" in read(page).text
    assert "Personne ici n’attend" in read(await home.text(f"/data/connect/{id_}?code=early&state=s")).text
    waiting = asyncio.ensure_future(outbox.brought(id_))
    await asyncio.sleep(0)
    assert "Vous y avez dit oui" in read(await home.text(f"/data/connect/{id_}?code=one&state=s")).text
    assert await waiting == {"code": "one", "state": "s"}
    waiting = asyncio.ensure_future(outbox.brought(id_))
    await asyncio.sleep(0)
    await post(home, f"/data/connect/{id_}", {"address": f"http://releve.local/data/connect/{id_}?code=two&state=t#"})
    assert await waiting == {"code": "two", "state": "t"}


async def test_the_receipt_says_where_to_and_how(home: Home) -> None:
    id_, _ = await send(home)
    said = json.loads(await home.text(f"/data/grant/{id_}/receipt"))
    process = said["dpv:hasRecordOfActivity"]["dpv:hasProcess"]
    assert process["dpv:hasStorageCondition"]["dpv:hasLocation"] == "https://dav.example.org/releve/"
    assert {"@id": "dpv:Transfer"} in process["dpv:hasProcessing"]
    assert "https://dav.example.org/releve/" in read(await home.text(f"/data/grant/{id_}")).text


@pytest.mark.parametrize("at_home", ["", "on"])
async def test_while_it_is_being_erased_no_page_says_that_nothing_leaves(home: Home, at_home: str) -> None:
    id_, _ = await send(home, **{"at-home": at_home})
    other, _ = await send(home, **{"at-home": "on", "target": "Mon grenier", "address": "http://192.168.1.20/dav/"})
    assert "Ce boîtier envoie des relevés à" in read(await home.text("/data")).text
    await post(home, "/data/withdraw", {"grant": id_, "what": "erase"})
    text = read(await home.text("/data")).text
    assert ("Rien ne quitte la maison" in text) == bool(at_home)  # what is erased at home is asked at home
    assert (
        "Ce qui a été envoyé à Mon nuage est en train d’y être effacé : tant que ce n’est pas fini, le boîtier"
        in text.replace("\xa0", " ")
    )
    await post(home, "/data/withdraw", {"grant": other})
    text = read(await home.text("/data")).text
    assert "Rien ne quitte la maison" not in text
    assert "n’envoie vos relevés à personne" not in text
    assert "nulle part ailleurs" not in text
    assert "Plus rien n’est envoyé." in text
    assert "Le boîtier ferme son accès à Mon grenier" in text
    assert re.search(r"[Uu]n chiffre (lui|s’y|a )", text) is None
    await post(home, "/data/leave", {"grant": id_})
    await post(home, "/data/leave", {"grant": other})
    assert "Rien ne quitte la maison" in read(await home.text("/data")).text


@pytest.mark.parametrize(
    ("kind", "said"),
    [
        (ledger.SENDING, "Ce qui a été effacé ici va l’être aussi chez Mon nuage : Maison (énergie), entre le"),
        (ledger.SENT, "Mon nuage a effacé ce qui avait été effacé ici : Maison (énergie), entre le"),
        (ledger.ERASED, "Ce qui a pu être envoyé à Mon nuage y a été effacé, entre le"),
        ("reads", "Mon nuage a demandé Maison (énergie), entre le"),
    ],
)
async def test_an_entry_of_no_figure_says_of_none_that_it_went(home: Home, kind: str, said: str) -> None:
    id_, _ = await send(home)
    body = {
        "grant": id_, "from": home.clock.at - DAY, "to": home.clock.at, "points": 0, "bytes": 90, "reads": 1,
        "series": ["maison:EAST:0"],
    }  # fmt: skip
    await home.access.grants._ledger.append(home.clock.at, (kind, body))
    text = read(await home.text("/data/ledger")).text.replace("\xa0", " ")
    assert said in text
    assert "Un chiffre" not in text


def refuse(error: Exception) -> Callable[..., None]:
    def refusing(*_: object) -> None:
        raise error

    return refusing


REFUSALS = [
    (OSError(errno.ENOSPC, "No space left on device"), "la carte mémoire du boîtier"),
    (PermissionError(errno.EACCES, "Permission denied"), "la carte mémoire du boîtier"),
    (KeysError("keys.json: was written by a newer program"), "les clés"),
]


@pytest.mark.parametrize(("error", "said"), REFUSALS)
async def test_a_password_that_cannot_be_kept_gives_nothing_and_keeps_what_was_typed(
    home: Home, monkeypatch: pytest.MonkeyPatch, error: Exception, said: str
) -> None:
    confirming = read(await post(home, "/data/give", SENT))
    fields = {name: unescape(value) for name, value in confirming.fields.items() if name != "token"}
    with monkeypatch.context() as refusing:
        refusing.setattr(home.house.catalog, "set_secrets", refuse(error))
        page = await post(home, "/data/given", {**fields, "password": "correct horse"}, status=507)
    assert "Rien n’a été donné" in read(page).text
    assert said in read(page).text
    assert "Tapez encore le mot de passe" in read(page).text
    assert "correct horse" not in page
    assert home.access.grants.all() == []
    again = read(page).fields
    assert {name: again[name] for name in fields if name != "id"} == {n: v for n, v in fields.items() if n != "id"}
    await post(home, "/data/given", {**again, "password": "correct horse"})
    (held,) = home.access.grants.all()
    assert home.house.catalog.secrets(held.grant.id) == {"password": "correct horse"}


async def test_a_card_that_takes_no_entry_gives_nothing_and_keeps_no_password(home: Home) -> None:
    confirming = read(await post(home, "/data/give", SENT))
    fields = {name: unescape(value) for name, value in confirming.fields.items() if name != "token"}
    kept = home.access.grants._ledger
    kept._executor.submit(kept._db.execute, "PRAGMA query_only = ON").result()
    page = await post(home, "/data/given", {**fields, "password": "correct horse"}, status=507)
    assert "Rien n’a été donné" in read(page).text
    assert home.access.grants.all() == []
    assert home.house.catalog.secrets(fields["id"]) == {}


@pytest.mark.parametrize(("error", "said"), REFUSALS)
async def test_another_password_that_cannot_be_kept_leaves_the_one_before(
    home: Home, monkeypatch: pytest.MonkeyPatch, error: Exception, said: str
) -> None:
    id_, _ = await send(home, "correct horse")
    before = home.access.outbox.jobs()
    monkeypatch.setattr(home.house.catalog, "set_secrets", refuse(error))
    page = await post(home, "/data/now", {"grant": id_, "password": "wrong horse"})
    assert "Le mot de passe n’a pas été gardé" in read(page).text
    assert said in read(page).text
    assert home.access.outbox.jobs() == before


async def test_what_cannot_be_forgotten_now_is_said_and_nothing_more_is_done_there(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    id_, _ = await send(home, "correct horse")
    await post(home, "/data/withdraw", {"grant": id_})
    monkeypatch.setattr(home.house.catalog, "set_secrets", refuse(REFUSALS[0][0]))
    page = read(await post(home, "/data/leave", {"grant": id_})).text
    assert "la carte refuse d’oublier ce qui l’ouvrait" in page
    assert home.access.outbox.jobs() == []


async def test_a_form_that_is_shown_again_holds_what_was_typed_but_for_the_password(home: Home) -> None:
    typed = {
        **SENT,
        "target": "x" * 81,
        "more": "on",
        "at-home": "on",
        "user": "ada & <co>",
        "form": "sealed",
        "delay": "3600",
    }
    page = await post(home, "/data/give", typed, status=422)
    fields = read(page).fields
    for name in ("target", "operator", "purpose", "address", "user"):
        assert unescape(fields[name]) == typed[name]
    for name in ("more", "at-home", "past", "point-maison"):
        assert f'name="{name}" checked' in page
    for name in ("point-eau-froide", "point-chauffage"):
        assert f'name="{name}" checked' not in page
    for value in ("sealed", "30min", "3600", str(365 * DAY)):
        assert f'<option value="{value}" selected>' in page
    assert "mot de passe" not in read(page).text.split("Son adresse")[0]
    confirming = read(await post(home, "/data/give", SENT)).fields
    long = {name: unescape(value) for name, value in confirming.items() if name != "token"}
    page = await post(home, "/data/given", {**long, "target": "", "password": "correct horse"}, status=422)
    assert "Le mot de passe n’a pas été gardé : vous le taperez encore" in read(page).text.replace("\xa0", " ")
    assert read(page).fields["address"] == SENT["address"]
    assert "correct horse" not in page
    page = await post(home, "/data/given", {**long, "password": "x" * 1001}, status=422)
    assert "trop long pour un mot de passe" in read(page).text
    assert home.access.grants.all() == []


async def test_ecolyo_is_given_what_it_can_show_and_the_rest_is_said_with_why(home: Home) -> None:
    wish = {
        **SENT, "to": "cozy", "form": "ecolyo", "address": "https://ada.mycozy.cloud", "user": "", "point-eau-froide": "on",
        "point-chauffage": "on", "more": "on",
    }  # fmt: skip
    page = await post(home, "/data/give", wish)
    text = read(page).text.replace("\xa0", " ")
    assert "reçoit Maison (énergie) et Eau froide (volume) jusqu’au" in text
    assert "Ecolyo ne peut pas montrer ces compteurs : ils ne sont donc pas donnés." in text
    assert "Chauffage : Ecolyo ne montre que l’électricité, le gaz et l’eau froide." in text
    english = read(await post(home, "/data/give?lang=en", wish)).text
    assert "Chauffage: Ecolyo shows electricity, gas and cold water alone." in english
    await post(home, "/data/given?lang=fr", {n: unescape(v) for n, v in read(page).fields.items() if n != "token"})
    (held,) = home.access.grants.all()
    assert [str(one.key) for one in held.grant.series] == ["maison:EAST:0", "eau-froide:volume:0"]


async def test_ecolyo_is_refused_what_it_cannot_show(home: Home) -> None:
    wish = {**SENT, "to": "cozy", "form": "ecolyo", "address": "https://ada.mycozy.cloud", "user": ""}
    heat = {**{name: value for name, value in wish.items() if name != "point-maison"}, "point-chauffage": "on"}
    text = read(await post(home, "/data/give", heat, status=422)).text.replace("\xa0", " ")
    assert "Ecolyo ne peut montrer aucun de ces compteurs. Chauffage : Ecolyo ne montre que" in text
    for resolution in ("raw", "month"):
        page = await post(home, "/data/give", {**wish, "resolution": resolution}, status=422)
        assert "Ecolyo lit des demi-heures ou des jours" in read(page).text
        assert '<select id="resolution" name="resolution" aria-invalid="true"' in page
    home.house.catalog.adopt("tic:041276123499", "Garage", Medium.ELECTRICITY, home.clock.at)
    home.house.store.add([Point(SeriesKey("garage", "EAST"), Quantity.ENERGY, home.clock.at, 5, 0, main=True)])
    page = await post(home, "/data/give", {**wish, "point-garage": "on"}, status=422)
    assert "Ne cochez qu’un seul de ceux-ci : Maison et Garage." in read(page).text.replace("\xa0", " ")
    assert home.access.grants.all() == []


@pytest.mark.parametrize(
    ("link", "at_home", "shown"),
    [
        ("https://cloud.example.org/login?a=1&b=%22", "", True),
        ("http://cloud.example.org/login", "", False),
        ("http://cloud.example.org/login", "on", True),
        ("javascript:alert(1)", "on", False),
        ("//cloud.example.org/", "on", False),
        ("data:text/html,x", "", False),
    ],
)
async def test_a_page_leads_only_where_a_yes_is_safe_to_say(home: Home, link: str, at_home: str, shown: bool) -> None:
    id_, _ = await send(
        home, **{"to": "nextcloud", "address": "https://cloud.example.org", "user": "", "at-home": at_home}
    )
    home.access.outbox.live(id_).link = link
    page = await home.text("/data")
    assert (f'href="{escape(link)}" rel="noreferrer"' in page) == shown
    assert ("Dites-y oui" in read(page).text) == shown
    assert "javascript:" not in page


async def test_the_script_that_opens_the_files_comes_from_the_box_byte_by_byte(home: Home) -> None:
    async with home.client.get("/data/releve_csv.py") as answer:
        assert (answer.status, answer.content_type) == (200, "text/x-python")
        assert answer.headers["Content-Disposition"] == 'attachment; filename="releve_csv.py"'
        assert await answer.read() == (Path(__file__).parents[2] / "sync" / "folder" / "releve_csv.py").read_bytes()
    id_, given = await send(home, form="sealed", user="")
    open_, _ = await send(home, target="Ouvert")
    line = f"python3 releve_csv.py releve-{id_[:8]} --key key.txt --out releves.csv"
    for page in (given, await home.text(f"/data/grant/{id_}"), await home.text("/data")):
        assert 'href="/data/releve_csv.py"' in page
        assert line in read(page).text
        assert "Prenez-le ici" in read(page).text
    page = await home.text(f"/data/grant/{open_}")
    assert f"python3 releve_csv.py releve-{open_[:8]} --out releves.csv" in read(page).text
    assert "key.txt" not in page
    rows, _ = await send(home, to="influx", form="rows", address="https://influx.example.org/api/v2/write", user="")
    assert "releve_csv" not in await home.text(f"/data/grant/{rows}")


def spaced(page: str) -> str:
    """Its text, with spaces that break."""
    return re.sub(r"[\u00a0\u202f]", " ", read(page).text)


async def test_what_the_target_says_of_itself_stands_beside_what_was_sent(home: Home) -> None:
    id_, _ = await send(home)
    outbox = home.access.outbox
    assert "a dit lui-même" not in await home.text("/data")
    outbox.live(id_).lies = Lies(home.clock.at, 365, "files", 365, 365, 1_234_567)
    text = spaced(await home.text("/data"))
    assert re.search(r"Le .{10,30} à .{4,8}, il a dit lui-même : 365 fichiers, 1,2 Mo\.", text)
    assert "moins de morceaux" not in text
    outbox.live(id_).lies = Lies(home.clock.at, 365, "files", 1, 1, 1000)
    page = await home.text("/data?lang=en")
    assert "it said itself: one file, 1.0 kB." in spaced(page)
    assert "fewer parts than were sent: 1 of 365" in spaced(page)
    assert page.count('action="/data/again"') == 1
    for thing, said in (
        ("documents", "3 documents"),
        ("days", "3 jours"),
        ("figures", "3 chiffres"),
        ("periods", "3 morceaux"),
    ):
        outbox.live(id_).lies = Lies(home.clock.at, 365, thing, 3)
        assert f"il a dit lui-même : {said}." in spaced(await home.text("/data?lang=fr"))
    outbox.live(id_).lies = Lies(home.clock.at, 365)
    assert "Il ne sait pas dire ce qui s’y trouve" in spaced(await home.text("/data"))


async def test_a_person_has_all_of_it_sent_again_and_nobody_else_does(home: Home) -> None:
    id_, _ = await send(home)
    outbox = home.access.outbox
    before = outbox.jobs()[0]["stamp"]
    assert "renvoyé depuis le début" in read(await post(home, "/data/again", {"grant": id_})).text
    assert outbox.jobs()[0]["stamp"] != before
    broker, _ = await send(home, to="mqtt", form="live", address="mqtt://192.0.2.9", **{"at-home": "on"})
    stamps = {job["grant"]: job["stamp"] for job in outbox.jobs()}
    page = await home.text("/data")
    assert page.count('action="/data/again"') == 1  # a broker keeps no history
    assert "Il ne sait pas dire ce qui s’y trouve" in spaced(page)
    for other in (broker, "0" * 16):
        await post(home, "/data/again", {"grant": other})
    assert {job["grant"]: job["stamp"] for job in outbox.jobs()} == stamps


async def test_a_suppliers_figures_are_replaced_where_a_person_ticks_it_and_each_page_says_so(home: Home) -> None:
    assert 'name="adopt"' in await home.text("/data/send/cozy?lang=fr")
    assert 'name="adopt"' not in await home.text("/data/send/webdav")
    cozy = {"to": "cozy", "form": "ecolyo", "address": "https://ada.mycozy.cloud", "user": ""}
    place = "y compris à la place des anciens chiffres de votre fournisseur"
    plainly = spaced(await post(home, "/data/give", {**SENT, **cozy}))
    assert place not in plainly
    assert "mis de côté" not in plainly
    confirming = spaced(await post(home, "/data/give", {**SENT, **cozy, "adopt": "on"}))
    assert place in confirming
    assert "ils reviennent quand vous faites effacer" in confirming
    id_, _ = await send(home, **cozy, adopt="on")
    held = home.access.grants.get(id_)
    assert held is not None
    assert held.grant.way == Way(Kind.COZY, "https://ada.mycozy.cloud", "", Form.ECOLYO, adopt=True)
    for path in ("/data", f"/data/grant/{id_}", "/data/ledger"):
        assert place in spaced(await home.text(path))
    receipt = json.loads(await home.text(f"/data/grant/{id_}/receipt"))
    assert receipt["dpv:hasRecordOfActivity"]["dpv:hasProcess"]["releve:replaces"] is True
    id_, _ = await send(home, **{**cozy, "form": "documents"}, adopt="on")
    held = home.access.grants.get(id_)
    assert held is not None
    assert held.grant.way is not None
    assert not held.grant.way.adopt


async def test_a_place_that_is_paused_is_none_that_readings_are_sent_to(home: Home) -> None:
    id_, _ = await send(home)
    await send(home, target="Mon grenier")
    assert "Ce boîtier envoie des relevés à 2 endroits" in spaced(await home.text("/data"))
    await post(home, "/data/pause", {"grant": id_, "what": "pause"})
    text = spaced(await home.text("/data"))
    assert "Ce boîtier envoie des relevés à un endroit" in text
    assert "Un autre est en pause" in text
    for held in home.access.grants.all():
        await post(home, "/data/pause", {"grant": held.grant.id, "what": "pause"})
    text = spaced(await home.text("/data"))
    assert "envoie des relevés" not in text
    assert "Rien n’est envoyé pour le moment. 2 endroits sont en pause" in text


async def test_a_password_that_is_too_long_is_answered_by_a_sentence(home: Home) -> None:
    id_, _ = await send(home, "correct horse")
    before = home.access.outbox.jobs()
    page = await post(home, "/data/now", {"grant": id_, "password": "x" * 1001})
    assert "trop long pour un mot de passe" in read(page).text
    assert home.access.outbox.jobs() == before


async def test_while_the_past_is_sent_the_page_says_up_to_which_day_all_of_it_is_there(home: Home) -> None:
    id_, _ = await send(home)
    assert home.house.store.commit()
    outbox = home.access.outbox
    found = await outbox.batch(id_)
    assert found is not None
    assert "la suite est en route" not in await home.text("/data")  # nothing is there yet
    number, parcels = found
    puts = [
        {"period": one["period"], "held": "x", "bytes": 9, "sha256": "ab" * 32, "answer": "201"} for one in parcels[:5]
    ]
    assert await outbox.acknowledge(id_, number, puts)
    assert await outbox.due(id_)
    last = words_of_day(str(parcels[4]["period"]))
    assert f"tout y est jusqu’au {last} compris, et la suite est en route" in spaced(await home.text("/data"))
    assert "included; the rest is on its way" in spaced(await home.text("/data?lang=en"))


def words_of_day(period: str) -> str:
    return str(spaced(Words("fr", PARIS).day(date.fromisoformat(period), weekday=False, year=True)))


async def test_the_ledger_says_nothing_of_what_the_card_refused_to_forget(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    id_, _ = await send(home, "correct horse")
    assert home.house.store.commit()
    assert await home.access.outbox.batch(id_)
    await post(home, "/data/withdraw", {"grant": id_})
    with monkeypatch.context() as refusing:
        refusing.setattr("gateway.keys.replace", refuse(REFUSALS[0][0]))
        page = read(await post(home, "/data/leave", {"grant": id_})).text
        assert "le boîtier réessaie jusqu’à ce qu’elle le fasse" in page
        said = spaced(await home.text("/data/ledger"))
        assert "Le boîtier a quitté Mon nuage et ne lui demande plus rien" in said
        assert "ne garde rien" not in said
        assert home.house.catalog.secrets(id_) == {"password": "correct horse"}
    await home.access.outbox.look()
    assert home.house.catalog.secrets(id_) == {}


@pytest.mark.parametrize("sent", [False, True])
def test_after_a_start_the_page_says_nothing_of_what_a_target_took_before_it_was_asked(*, sent: bool) -> None:
    """What was still due when the box was switched off may be due yet."""
    way = Way(Kind.WEBDAV, "https://cloud.example/dav/", "ada", Form.FILES)
    said = targets.state(Words("fr", PARIS), way, Live(), paused=False, sent=sent)
    assert said.sentence.startswith("Il n’a pas encore été interrogé")
