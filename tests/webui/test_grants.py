"""An application at home: given an access on a page, reads under it, and is shut out when it is taken back."""

import hashlib
import json
import re
from dataclasses import replace
from decimal import Decimal
from html import unescape
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from drivers.model import Medium, Quantity
from gateway.grants import By, Grant, GrantedSeries, Resolution, Wish, new_id
from gateway.model import Point, SeriesKey
from gateway.roles import Role
from tests.webui.home import LINKY, NOW, Home, at, open_home, read
from tests.webui.test_access import set_up
from webui.assets import Assets
from webui.server import routes

DAY = 86_400
ASKED = {
    "target": "Facture claire", "operator": "moi", "purpose": "voir venir ma facture", "point-maison": "on",
    "resolution": "day", "delay": "0", "lasts": str(30 * DAY), "past": "on",
}  # fmt: skip
INDEX = "maison:EAST:0"
BY = By("Firefox/1 Android", "192.0.2.7")


async def post(home: Home, path: str, fields: dict[str, str], status: int = 200) -> str:
    form = read(await home.text("/data/give")).fields
    async with home.client.post(path, data={"token": form["token"], **fields}) as answer:
        assert answer.status == status, await answer.text()
        return await answer.text()


async def give(home: Home, **changed: str) -> tuple[str, str]:
    """Through the pages, as a person does; the id and the token."""
    asked = {name: value for name, value in {**ASKED, **changed}.items() if value}
    confirming = await post(home, "/data/give", asked)
    sent = {name: unescape(value) for name, value in read(confirming).fields.items() if name != "token"}
    given = await post(home, "/data/given", sent)
    token = re.search(r'<code id="app-token">([\w-]{43})</code>', given)
    assert token
    return sent["id"], token[1]


async def give_all(home: Home, resolution: Resolution, delay_s: int = 0, past: bool = True) -> tuple[Grant, str]:
    """Without the pages: all series of the home."""
    series = tuple(
        GrantedSeries(info.key, "Maison", Medium.ELECTRICITY, info.quantity) for info in home.house.store.series()
    )
    wish = Wish("Facture claire", "moi", "voir", series, resolution, delay_s, 30 * DAY, past)
    return await home.access.grants.give(new_id(), wish, BY)


async def ask(home: Home, token: str, query: str = "", status: int = 200, path: str = "") -> dict[str, Any]:
    where = path or f"/api/v1/granted{'/readings?' + query if query else ''}"
    async with home.client.get(where, headers={"Authorization": f"Bearer {token}"}) as answer:
        assert answer.status == status, await answer.text()
        return dict(await answer.json(content_type=None))


async def test_what_is_given_is_said_in_one_sentence_before_one_click_gives_it(home: Home) -> None:
    confirming = await post(home, "/data/give", ASKED)
    sentence = (
        "Facture claire (géré par\u00a0: moi) peut lire Maison (énergie) jusqu’au 19\u00a0décembre 2026 à 18\u00a0h\u00a042\u00a0: "
        "un chiffre par jour, tout de suite\u202f; avec ce qui a été gardé avant. Pourquoi\u00a0: voir venir ma facture."
    )
    assert sentence in read(confirming).text
    assert home.access.grants.all() == []
    assert "Rien ne quitte la maison" in read(await home.text("/data")).text
    id_, token = await give(home)
    (held,) = home.access.grants.all()
    assert (held.grant.id, [str(one.key) for one in held.grant.series], held.grant.past) == (id_, [INDEX], True)
    page = read(await home.text("/data")).text
    assert "Une application peut lire quelque chose ici" in page
    assert sentence in read(await home.text(f"/data/grant/{id_}")).text
    for path in ("/data", f"/data/grant/{id_}", f"/data/grant/{id_}/receipt", "/data/ledger"):
        assert token not in await home.text(path)


async def test_a_form_that_is_sent_twice_gives_once_and_shows_the_key_once(home: Home) -> None:
    confirming = await post(home, "/data/give", ASKED)
    sent = {name: unescape(value) for name, value in read(confirming).fields.items() if name != "token"}
    assert "app-token" in await post(home, "/data/given", sent)
    again = await post(home, "/data/given", sent)
    assert "app-token" not in again
    assert "Sa clé n’est affichée qu’une fois" in read(again).text
    assert len(home.access.grants.all()) == 1


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"target": ""}, "Il faut un nom"),
        ({"operator": " \u00a0 "}, "Il faut dire qui la gère"),
        ({"target": "x" * 81}, "Il faut un nom"),
        ({"purpose": ""}, "Il faut dire à quoi elle sert"),
        ({"point-maison": ""}, "Cochez au moins un compteur"),
    ],
)
async def test_what_is_missing_is_said_and_what_was_typed_stays(home: Home, changed: dict[str, str], said: str) -> None:
    asked = {name: value for name, value in {**ASKED, **changed}.items() if value}
    for path in ("/data/give", "/data/given"):
        page = await post(home, path, {**asked, "id": new_id()}, 422)
        assert said in read(page).text
        assert 'value="month"' in page
        assert f'value="{asked.get("purpose", "")}"' in page
    assert home.access.grants.all() == []


@pytest.mark.parametrize(
    "changed", [{"resolution": "second"}, {"delay": "-1"}, {"delay": "1"}, {"lasts": "999999999"}, {"id": "../x"}]
)
async def test_a_choice_that_no_form_offers_is_refused(home: Home, changed: dict[str, str]) -> None:
    await post(home, "/data/given", {**ASKED, "id": new_id(), **changed}, 400)
    async with home.client.post("/data/given", data={**ASKED, "id": new_id()}) as answer:  # another site's form
        assert answer.status == 403
    assert home.access.grants.all() == []


async def test_an_app_reads_its_days_and_the_ledger_says_so_before_it_has_them(home: Home) -> None:
    id_, token = await give(home)
    mine = await ask(home, token)
    assert (mine["grant"], mine["resolution"], mine["past"], mine["readings_from"]) == (id_, "day", True, None)
    assert mine["in_words"].startswith("Facture claire (géré par\u00a0: moi) peut lire Électricité (énergie) jusqu’au")
    assert mine["series"] == [
        {"series": INDEX, "medium": "electricity", "quantity": "energy", "unit": "Wh", "kind": "index"}
    ]
    said = await ask(home, token, f"series={INDEX}&from=2026-10-20&to=2026-11-30")
    days = said["at"]
    assert days[0] == at(2026, 10, 20)
    assert days[-1] == at(2026, 11, 19)  # this day's beginning, and nothing of what is to come
    assert {b - a for a, b in pairwise(days)} == {DAY, DAY + 3600}
    amounts = [Decimal(b) - Decimal(a) for a, b in pairwise(said["index"])]
    assert set(amounts) == {Decimal(48 * 250), Decimal(50 * 250)}  # a day of 25 hours took more
    (read_, given) = await home.access.entries(9, None)
    assert (given.kind, read_.kind, read_.fields["grant"]) == ("given", "read", id_)
    async with home.client.get(
        f"/api/v1/granted/readings?series={INDEX}", headers={"Authorization": f"bearer {token}"}
    ) as answer:
        second = await answer.read()
    await home.access.grants.stop()
    (summed, *_) = await home.access.entries(1, None)
    assert summed.fields["reads"] == 2
    assert summed.fields["points"] == len(days) + 1
    first = summed.fields["bytes"] - len(second)
    assert first > 0
    page = read(await home.text("/data/ledger")).text
    assert (
        f"Facture claire a lu {len(days) + 1}\u00a0chiffres de Maison (énergie), entre le 20\u00a0octobre 2026" in page
    )
    assert "en 2\u00a0demandes" in page
    text = read(await home.text("/data")).text
    assert f"{len(days) + 1}\u00a0chiffres" in text
    assert "nulle part ailleurs" not in text  # the app has some of them now
    assert "chez ceux à qui vous les avez donnés" in text


async def test_the_hash_in_the_ledger_is_of_the_bytes_that_the_app_has(home: Home) -> None:
    _, token = await give_all(home, Resolution.DAY)
    bodies = b""
    for query in (f"series={INDEX}", f"series={INDEX}&from=2026-01-01", "series=maison:SINSTS:0&from=2026-11-01"):
        async with home.client.get(
            f"/api/v1/granted/readings?{query}", headers={"Authorization": f"Bearer {token}"}
        ) as answer:
            bodies += await answer.read()
    await home.access.grants.stop()
    (summed,) = await home.access.entries(1, None)
    assert (summed.fields["sha256"], summed.fields["bytes"]) == (hashlib.sha256(bodies).hexdigest(), len(bodies))


async def test_not_granted_and_not_there_are_one_answer_and_neither_is_a_read(home: Home) -> None:
    _, token = await give(home)
    said = []
    for series in ("eau-froide:volume:0", "maison:SINSTS:0", "maison:NOTHING:0", "", "%00", "x" * 500):
        found = await ask(home, token, f"series={series}", 404)
        said.append(found["detail"].replace(repr(series[:80]), "?").replace("'\\x00'", "?"))
    assert len(set(said)) == 1
    assert home.access.grants.all()[0].total.reads == 0


async def test_nothing_newer_than_its_delay_and_nothing_from_before_where_that_is_not_given(home: Home) -> None:
    _, late = await give_all(home, Resolution.HALF_HOUR, delay_s=DAY)
    said = await ask(home, late, f"series={INDEX}&from=2026-11-17&to=2026-11-30")
    assert said["at"][-1] == (NOW - DAY) // 1800 * 1800
    assert said["to"] == NOW - DAY
    _, new = await give_all(home, Resolution.TEN_MINUTES, past=False)
    said = await ask(home, new, f"series={INDEX}&from=2026-01-01&to=2026-11-30")
    assert (said["at"], said["index"], said["from"]) == ([], [], NOW)
    home.clock.at += 1500
    said = await ask(home, new, f"series={INDEX}&from=2026-01-01&to=2026-11-30")
    assert said["at"] == [NOW // 600 * 600 + 600, NOW // 600 * 600 + 1200]


async def test_a_level_comes_as_low_mean_and_high_and_raw_only_where_raw_is_granted(home: Home) -> None:
    series = "maison:SINSTS:0"
    home.clock.at += 1200
    _, fine = await give_all(home, Resolution.TEN_MINUTES)
    said = await ask(home, fine, f"series={series}")
    start = NOW // 600 * 600
    assert (said["at"], said["until"], said["to"]) == ([start], [start + 600], NOW + 1200)
    assert (said["mean"], set(said) & {"low", "high"}) == (["640"], set())
    _, raw = await give_all(home, Resolution.RAW)
    said = await ask(home, raw, f"series={series}")
    assert said["at"][-1] == NOW
    assert said["value"][-1] == "640"
    _, month = await give_all(home, Resolution.MONTH)
    said = await ask(home, month, f"series={INDEX}&from=2026-01-01")
    assert said["at"] == [at(2026, month, 1) for month in range(1, 12)]


@pytest.mark.parametrize(
    ("query", "said"),
    [
        ("from=yesterday", "from: UTC seconds or a date"),
        ("from=2026-11-19&to=2026-11-01", "to: a moment after from"),
        ("from=2026-01-01", "17600 values are possible in one answer"),
    ],
)
async def test_a_question_that_cannot_be_answered_is_told_why(home: Home, query: str, said: str) -> None:
    _, token = await give_all(home, Resolution.TEN_MINUTES)
    assert said in (await ask(home, token, f"series={INDEX}&{query}", 400))["detail"]


async def test_once_taken_back_it_reads_nothing(home: Home) -> None:
    id_, token = await give(home)
    await ask(home, token, f"series={INDEX}")
    page = await post(home, "/data/withdraw", {"grant": id_})
    assert "L’accès est retiré" in read(page).text
    assert "Rien ne quitte la maison" in read(page).text
    for query in ("", f"series={INDEX}"):
        detail = (await ask(home, token, query, 401))["detail"]
        assert detail.endswith("this one is none, or its access has ended")
    await post(home, "/data/withdraw", {"grant": id_})
    await post(home, "/data/withdraw", {"grant": "nonsense"})
    assert [entry.kind for entry in await home.access.entries(9, None)] == ["withdrawn", "reads", "read", "given"]
    text = read(await home.text("/data/ledger")).text
    assert "L’accès de Facture claire a été retiré, depuis" in text
    assert (
        "Cet accès est terminé\u00a0: retiré, le 19\u00a0novembre" in read(await home.text(f"/data/grant/{id_}")).text
    )


async def test_an_end_is_an_end_at_its_second(home: Home) -> None:
    _, token = await give(home, lasts=str(DAY))
    home.clock.at += DAY - 1
    await ask(home, token)
    home.clock.at += 1
    await ask(home, token, status=401)
    await home.access.grants.look()
    assert "est arrivé à son terme" in read(await home.text("/data/ledger")).text
    home.clock.system.shows -= 2  # set back a little
    await ask(home, token, status=401)


async def test_a_box_that_does_not_know_the_time_gives_nothing_and_takes_back_all_the_same(home: Home) -> None:
    id_, token = await give(home)
    home.clock.system.synchronised = False
    home.clock.system.from_file = True
    home.clock.system.shows -= 40 * DAY
    await home.house.find_time()
    assert not home.house.dating
    found = await ask(home, token, f"series={INDEX}", 503)
    assert found["detail"] == "the box does not know the time yet: nothing is given until it does"
    page = await post(home, "/data/give", ASKED, 422)
    assert "Le boîtier ne connaît pas l’heure" in read(page).text
    await post(home, "/data/withdraw", {"grant": id_})
    await ask(home, token, status=401)
    assert "à un moment où le boîtier ne connaissait pas l’heure" in read(await home.text("/data/ledger")).text


async def test_a_card_that_refuses_the_ledger_has_nothing_sent(home: Home) -> None:
    _, token = await give(home)
    ledger = home.access.grants._ledger
    ledger._executor.submit(ledger._db.execute, "PRAGMA query_only = ON").result()
    found = await ask(home, token, f"series={INDEX}", 503)
    assert "index" not in found
    assert home.access.grants.all()[0].total.reads == 0


async def test_a_token_opens_two_routes_and_a_session_opens_them_not(tmp_path: Path, new_box: Home) -> None:
    await set_up(new_box)
    series = (GrantedSeries(SeriesKey("m", "EAST"), "M", Medium.ELECTRICITY, Quantity.ENERGY),)
    wish = Wish("App", "moi", "voir", series, Resolution.DAY, 0, DAY, False)
    _, token = await new_box.access.grants.give(new_id(), wish, BY)
    for path in ("/api/v1/granted", "/api/v1/granted/readings?series=m:EAST:0"):
        async with new_box.client.get(path) as answer:  # logged in
            assert (answer.status, answer.headers["WWW-Authenticate"]) == (401, "Bearer")
    new_box.client.session.cookie_jar.clear()
    await ask(new_box, token)
    await ask(new_box, token, "series=m:EAST:0")
    headers = {"Authorization": f"Bearer {token}"}
    for route in routes(Assets()):
        if Role.OCCUPANT in route.roles:
            path = re.sub(r"\{\w+\}", "x", route.path)
            async with new_box.client.request(route.method, path, headers=headers, allow_redirects=False) as answer:
                assert answer.status in (401, 303), path
    for wrong in (f"Basic {token}", token, "Bearer", "Bearer ", f"Bearer {token}x", f"Bearer {token} {token}"):
        async with new_box.client.get("/api/v1/granted", headers={"Authorization": wrong}) as answer:
            assert answer.status == 401, wrong


async def test_who_gave_it_is_the_browser_that_was_logged_in(new_box: Home) -> None:
    await set_up(new_box)
    home = new_box.house
    home.catalog.adopt(str(LINKY), "Maison", Medium.ELECTRICITY, NOW)
    home.store.add([Point(SeriesKey("maison", "EAST"), Quantity.ENERGY, NOW, 5, 0, True)])
    await give(new_box)
    (held,) = new_box.access.grants.all()
    (session,) = await new_box.access.sessions()
    assert held.grant.by == By(session.agent, session.address)


async def test_a_receipt_says_in_the_words_of_dpv_what_was_agreed(home: Home) -> None:
    id_, token = await give(home, target="«App» <b>", purpose='a "quoted" purpose')
    async with home.client.get(f"/data/grant/{id_}/receipt") as answer:
        assert answer.content_type == "application/ld+json"
        assert answer.headers["Content-Disposition"] == f'attachment; filename="releve-{id_}.jsonld"'
        said = json.loads(await answer.text())
    assert token not in json.dumps(said)
    assert said["dct:conformsTo"] == {"@id": "https://w3id.org/dpv/schema/dpv-27560#receipt"}
    record = said["dpv:hasRecordOfActivity"]
    assert record["dct:identifier"] == id_
    assert record["dpv:hasConsentStatus"] == {"@id": "dpv:ConsentGiven"}
    assert record["dpv:hasDataController"]["dpv:hasName"] == "moi"
    assert record["dpv:hasProcess"]["dpv:hasPurpose"]["dct:description"] == 'a "quoted" purpose'
    assert [one["dct:identifier"] for one in record["dpv:hasProcess"]["dpv:hasPersonalData"]] == [INDEX]
    assert record["dct:hasPart"][0]["dct:valid"] == {"@type": "xsd:duration", "@value": "PT2592000S"}
    terms = set(re.findall(r'"([\w@]+:)', json.dumps(said)))
    assert terms <= {f"{name}:" for name in (*said["@context"], "https", "http", "urn", "maison")}
    await post(home, "/data/withdraw", {"grant": id_})
    record = (await home.json(f"/data/grant/{id_}/receipt"))["dpv:hasRecordOfActivity"]
    assert record["dpv:hasConsentStatus"] == {"@id": "dpv:ConsentWithdrawn"}
    assert [event["@type"] for event in record["dct:hasPart"]] == ["dpv:ConsentGiven", "dpv:ConsentWithdrawn"]
    for path in (f"/data/grant/{id_}", "/data", "/data/ledger"):
        page = await home.text(path)
        assert "<b>&" not in page
        assert "«App» <b>" not in page
        assert read(page).refused == []
    await home.text("/data/grant/nothing", 404)


async def test_the_ledger_is_read_a_page_at_a_time(home: Home) -> None:
    for _ in range(60):
        await home.access.grants.give(new_id(), (await _wish(home)), BY)
    page = await home.text("/data/ledger")
    assert page.count("Vous avez donné un accès") == 50
    assert (await home.access.entries(1, None))[0].hash in page
    earlier = re.search(r"/data/ledger\?before=\d+", page)
    assert earlier
    assert (await home.text(earlier[0])).count("Vous avez donné un accès") == 10
    for wrong in ("x", "-1", "9" * 30):
        await home.text(f"/data/ledger?before={wrong}", 404)


async def _wish(home: Home) -> Wish:
    series = (GrantedSeries(SeriesKey("maison", "EAST"), "Maison", Medium.ELECTRICITY, Quantity.ENERGY),)
    return Wish("App", "moi", "voir", series, Resolution.DAY, 0, DAY, False)


async def test_what_somebody_changed_on_the_card_is_still_a_page(home: Home) -> None:
    _, token = await give(home)
    await ask(home, token, f"series={INDEX}")
    ledger = home.access.grants._ledger
    for statement in ("DROP TRIGGER entry_changed", "UPDATE entry SET body = '{}' WHERE i = 2"):
        ledger._executor.submit(ledger._db.execute, statement).result()
    assert "Cette ligne ne peut pas être lue (read)" in read(await home.text("/data/ledger")).text


async def test_a_house_that_was_put_back_says_why_nothing_stands(tmp_path: Path) -> None:
    async with open_home(tmp_path) as home:
        await home.access.grants.give(new_id(), replace(await _wish(home), target="Avant"), BY)
        home.access.grants._ledger.backup(tmp_path / "copy.db", NOW)
    (tmp_path / "copy.db").replace(tmp_path / "ledger.db")
    async with open_home(tmp_path) as home:
        text = read(await home.text("/data")).text
        assert "Rien ne quitte la maison" in text
        assert "Avant" in text
        assert "La maison a été remise en place depuis une sauvegarde" in read(await home.text("/data/ledger")).text
