"""Being told elsewhere: a way given on a page in one sentence, tried, paused, taken back; and what a message says."""

import json
from html import unescape

import pytest

from gateway.messages import Due, Quiet, What
from gateway.services.model import Finding, Service
from gateway.teller import quiet_hours
from gateway.way import MESSENGERS, Form, Kind
from tests.webui.home import NOW, Home, read
from tests.webui.test_grants import DAY, post
from tests.webui.test_people import BY
from tests.webui.test_sending import send
from webui import message, reached, targets

SENT = {
    "to": "mail", "form": "words", "target": "Ada", "operator": "La Poste", "address": "smtps://smtp.example.org",
    "user": "ada@example.org", "mail-to": "ada@example.org, bob@example.org", "language": "fr", "lasts": str(365 * DAY),
    "about-leak": "on", "about-week": "on",
}  # fmt: skip


async def give(home: Home, password: str = "", **changed: str) -> str:
    """Through the pages, as a person does; the id."""
    asked = {name: value for name, value in {**SENT, **changed}.items() if value}
    confirming = await post(home, "/alerts/reach", asked)
    sent = {name: unescape(value) for name, value in read(confirming).fields.items() if name != "token"}
    await post(home, "/alerts/reach/given", {**sent, "password": password})
    return sent["id"]


async def leak(home: Home, rank: int = 1) -> None:
    grounds = {"l_per_h": 10.3, "lost_l": 403.0}
    finding = Finding(Service.LEAK, "eau-froide", ("drip", "toilet", "pipe", "burst")[rank], NOW - 7200, grounds, rank)
    await home.access.alerts.tell(home.house.now(), Service.LEAK, [finding])


def test_every_way_and_all_that_is_told_has_words() -> None:
    for words in (reached.NAMES, reached.DETAILS, reached.EXAMPLES, reached.SCHEMES):
        assert set(words) == MESSENGERS
    assert set(targets.STAYS) == set(Kind)
    assert set(targets.FORMS) == set(Form)
    assert set(reached.ABOUTS) == {*Service, "week"}
    assert set(reached.ABOUTS) < set(reached.SHORT)
    assert set(message.SUBJECTS) == set(Service)


async def test_it_is_said_in_one_sentence_before_it_is_given_and_the_page_s_promise_changes(home: Home) -> None:
    assert "personne n’est prévenu ailleurs" in read(await home.text("/alerts/reach")).text
    assert "Rien ne quitte la maison" in read(await home.text("/data")).text
    for kind in MESSENGERS:
        assert f'href="/alerts/reach/{kind}"' in await home.text("/alerts/reach")
        assert 'name="address"' in await home.text(f"/alerts/reach/{kind}")
    confirming = read(await post(home, "/alerts/reach", SENT)).text
    assert (
        "Ada (ada@example.org, bob@example.org (smtps://smtp.example.org), géré par La Poste) est prévenu" in confirming
    )
    assert "les fuites et votre semaine" in confirming
    assert "avec l’adresse de cette page chez vous (http://127.0.0.1" in confirming, "it stands in each message"
    assert "(http://127.0.0.1" not in read(await post(home, "/alerts/reach", {**SENT, "form": "notice"})).text
    assert home.access.grants.all() == []
    id_ = await give(home, "correct horse")
    (held,) = home.access.grants.all()
    grant = held.grant
    assert grant.way is not None
    assert grant.telling is not None
    assert (grant.way.kind, grant.way.to, grant.way.user) == (
        Kind.MAIL, ("ada@example.org", "bob@example.org"), "ada@example.org",
    )  # fmt: skip
    assert grant.telling.about == ("leak", "week")
    (job,) = home.access.outbox.jobs()
    assert (job["grant"], job["do"], job["secrets"]) == (id_, "tell", {"password": "correct horse"})
    text = read(await home.text("/data")).text
    assert "Des messages quittent la maison, avec les chiffres qu’ils citent" in text
    assert "Rien ne quitte la maison" not in text
    for path in ("/alerts/reach", f"/data/grant/{id_}", "/data/ledger"):
        page = await home.text(path)
        assert "Ada" in page
        assert "correct horse" not in page
    receipt = json.loads(await home.text(f"/data/grant/{id_}/receipt"))
    process = receipt["dpv:hasRecordOfActivity"]["dpv:hasProcess"]
    assert [one["dct:type"] for one in process["dpv:hasPersonalData"]] == ["alerts: leak", "alerts: week"]
    assert "releve:resolution" not in process


async def test_beside_readings_that_stay_at_home_no_page_says_that_nothing_leaves_it(home: Home) -> None:
    await send(home, **{"at-home": "on", "address": "http://192.168.1.20/dav/"})
    assert "Rien ne quitte la maison" in read(await home.text("/data")).text
    notice = await give(home, form="notice")
    text = read(await home.text("/data")).text
    assert "Rien ne quitte la maison" not in text
    assert "et des messages hors de chez vous" in text
    await home.access.grants.pause(notice, BY, paused=True)
    assert "Rien ne quitte la maison" in read(await home.text("/data")).text


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"form": "notice"}, "Aucun relevé ne quitte la maison\u202f; des messages, oui"),
        ({"address": "smtp://192.168.1.20", "at-home": "on"}, "Des messages quittent la maison"),
        ({"to": "webhook", "address": "http://192.168.1.20/", "at-home": "on", "mail-to": ""}, "n’envoie rien hors de chez"),
    ],
)  # fmt: skip
async def test_a_letter_goes_on_from_a_server_at_home_and_a_call_does_not(
    home: Home, changed: dict[str, str], said: str
) -> None:
    await give(home, **changed)
    assert said in read(await home.text("/data")).text


async def test_who_types_another_password_sees_whether_it_is_taken_though_there_is_nothing_to_tell(home: Home) -> None:
    id_ = await give(home, "an old one")
    home.access.outbox.tell(id_, "refused", "535 no", 3600)
    assert not home.access.teller.is_due(id_)
    asked = await fields(home, id_, password="another one")
    async with home.client.post("/data/now", data=asked, allow_redirects=False) as said:
        assert said.headers["Location"] == "/alerts/reach?done=asked"
    assert home.access.outbox.jobs()[0]["secrets"] == {"password": "another one"}
    assert home.access.teller.is_trial(id_), "else nobody is asked, and the page goes on to say that it is refused"
    await leak(home)
    await home.access.teller.told(id_, str((await home.access.teller.next(id_) or {})["name"]), 1, "ab" * 32, "250 OK")
    assert home.access.teller.is_due(id_)
    await post(home, "/data/now", {"grant": id_})
    assert not home.access.teller.is_trial(id_), "what is due shows it"


@pytest.mark.parametrize(
    ("why", "said"),
    [("unreachable", "quelque chose à dire"), ("refused", "une adresse ou le message"), ("full", "plus de place")],
)  # fmt: skip
async def test_why_a_way_takes_no_message_is_said_of_messages(home: Home, why: str, said: str) -> None:
    id_ = await give(home)
    home.access.outbox.tell(id_, why, "554 spam", 3600)
    for path in ("/alerts/reach", "/data"):
        text = read(await home.text(path)).text
        assert said in text
        assert "rien ne se perd" not in text


async def test_a_receipt_names_whom_a_message_reaches(home: Home) -> None:
    receipt = json.loads(await home.text(f"/data/grant/{await give(home)}/receipt"))
    process = receipt["dpv:hasRecordOfActivity"]["dpv:hasProcess"]
    assert process["dpv:hasStorageCondition"]["dpv:hasLocation"] == "smtps://smtp.example.org"
    assert process["releve:to"] == ["ada@example.org", "bob@example.org"]
    assert "what was told before stays" in process["dpv:hasConsentControl"]["dct:description"]


@pytest.mark.parametrize(
    ("changed", "fault"),
    [
        ({"mail-to": "ada"}, "Il faut une à cinq adresses"), ({"mail-to": ""}, "Il faut une à cinq adresses"),
        ({"mail-to": " ".join(["a@b.c"] * 6)}, "Il faut une à cinq adresses"),
        ({"address": "https://smtp.example.org"}, "adresse comme dans l’exemple"),
        ({"address": "smtps://ada:secret@smtp.example.org"}, "adresse comme dans l’exemple"),
        ({"about-leak": "", "about-week": ""}, "Cochez au moins"),
        ({"form": "notice", "about-leak": ""}, "Cochez au moins"), ({"target": ""}, "un nom, de 1 à 80"),
        ({"operator": ""}, "Il faut dire qui"), ({"to": "webhook", "address": "http://192.168.1.20/"}, "n’est pas chiffrée"),
    ],
)  # fmt: skip
async def test_what_is_wrong_is_said_and_nothing_is_given(home: Home, changed: dict[str, str], fault: str) -> None:
    asked = {name: value for name, value in {**SENT, **changed}.items() if value}
    assert fault in read(await post(home, "/alerts/reach", asked, status=422)).text
    assert home.access.grants.all() == []


@pytest.mark.parametrize(
    "changed", [{"to": "webdav"}, {"form": "files"}, {"lasts": "7"}, {"language": "de"}, {"to": ""}, {"form": ""}]
)
async def test_a_choice_that_the_form_does_not_offer_is_refused(home: Home, changed: dict[str, str]) -> None:
    status = 404 if "to" in changed else 400
    await post(home, "/alerts/reach", {**SENT, **changed}, status=status)
    await home.text("/alerts/reach/webdav", status=404)
    await home.text("/data/send/mail", status=404)


async def test_a_message_says_what_the_page_says_in_the_language_that_was_asked_for(home: Home) -> None:
    french, english = await give(home), await give(home, language="en", target="Bob")
    await leak(home)
    said = await home.access.teller.next(french)
    assert said is not None
    assert said["subject"] == "De l’eau coule"
    text = str(said["text"]).replace("\u00a0", " ").replace("\u202f", " ")
    assert "environ 10 litres par heure" in text
    assert "chasse d’eau" in text
    assert "http://127.0.0.1" in text
    assert "<" not in text
    said = await home.access.teller.next(english)
    assert said is not None
    assert said["subject"] == "Water is running"
    assert "about 10" in str(said["text"])


async def test_a_notice_says_only_that_there_is_something(home: Home) -> None:
    id_ = await give(home, to="ntfy", address="https://ntfy.example.org/x", form="notice", user="")
    await leak(home, rank=3)
    said = await home.access.teller.next(id_)
    assert said is not None
    for word in ("eau", "fuite", "litre", "http", "leak", "froide"):
        assert word not in f"{said['subject']} {said['text']} {said['about']}".lower()
    assert "demande votre attention" in str(said["text"])
    assert said["urgent"]


async def test_a_trial_is_asked_for_with_a_button_and_the_page_says_what_was_answered(home: Home) -> None:
    id_ = await give(home)
    before = home.access.outbox.jobs()[0]["stamp"]
    await post(home, "/alerts/trial", {"grant": id_})
    assert "Un essai attend de partir" in read(await home.text("/alerts/reach")).text
    assert home.access.outbox.jobs()[0]["stamp"] != before, "the sync process is told at once"
    said = await home.access.teller.next(id_)
    assert said is not None
    assert "message d’essai" in str(said["text"])
    await home.access.teller.told(id_, str(said["name"]), 1200, "ab" * 32, "250 2.0.0 OK <x>")
    text = read(await home.text("/alerts/reach")).text
    assert "Le dernier message (un essai) a été accepté" in text
    assert "250 2.0.0 OK <x>" in text
    assert "Un essai attend" not in text
    ledger = read(await home.text("/data/ledger")).text
    assert "Ada a été prévenu : un essai. 1,2 Ko." in ledger.replace("\u00a0", " ").replace("\u202f", " ")
    assert "Un message va partir vers Ada : un essai." in ledger.replace("\u00a0", " ").replace("\u202f", " ")


async def test_it_is_paused_and_taken_back_with_one_click_from_its_own_page(home: Home) -> None:
    id_ = await give(home)
    async with home.client.post(
        "/data/pause", data=await fields(home, id_, what="pause"), allow_redirects=False
    ) as said:
        assert said.headers["Location"] == "/alerts/reach?done=paused"
    assert "personne n’est prévenu ailleurs" in read(await home.text("/alerts/reach")).text
    assert "Quelqu’un est prévenu" not in read(await home.text("/data")).text
    await post(home, "/alerts/trial", {"grant": id_})
    assert not home.access.teller.is_trial(id_)
    async with home.client.post("/data/withdraw", data=await fields(home, id_), allow_redirects=False) as said:
        assert said.headers["Location"] == "/alerts/reach?done=ended"
    text = read(await home.text("/alerts/reach?done=ended")).text
    assert "Ada" not in text
    assert [job["do"] for job in home.access.outbox.jobs()] == ["leave"]
    assert "Rien ne quitte la maison" not in read(await home.text("/data")).text, "it is being ended"
    await home.access.outbox.left(id_)
    assert "Rien ne quitte la maison" in read(await home.text("/data")).text
    assert "Ceux qui sont partis y restent" in read(await home.text("/data/ledger")).text


async def fields(home: Home, id_: str, **more: str) -> dict[str, str]:
    token = read(await home.text("/alerts/reach")).fields["token"]
    return {"token": token, "grant": id_, "from": "reach", **more}


async def test_quiet_hours_are_typed_and_kept(home: Home) -> None:
    assert 'value="22:00"' in await home.text("/alerts/reach")
    await post(home, "/alerts/quiet", {"from": "23:15", "to": "06:05"})
    assert quiet_hours(home.house.catalog) == Quiet(23 * 60 + 15, 6 * 60 + 5)
    page = await home.text("/alerts/reach")
    assert 'value="23:15"' in page
    assert 'value="06:05"' in page
    for typed in ("24:00", "7", "", "12:60"):
        await post(home, "/alerts/quiet", {"from": typed, "to": "07:00"}, status=400)


async def test_the_end_of_a_grant_and_of_an_event_are_said(home: Home) -> None:
    id_ = await give(home)
    held = home.access.grants.get(id_)
    assert held is not None
    speak = home.access.teller.speak
    assert speak is not None
    ending = await speak(held.grant, Due("ending", What.ENDING, "ending"))
    assert ending is not None
    assert "vous ne recevrez plus ici de messages" in ending.text.replace("\u00a0", " ")
    await leak(home)
    await home.access.alerts.tell(home.house.now() + 60, Service.LEAK, [])
    (story,) = await home.access.alerts.history(1)
    over = await speak(held.grant, Due("leak-1-over", What.OVER, "leak", story=story))
    assert over is not None
    assert over.subject.replace("\u00a0", " ") == "C’est fini : De l’eau coule"
    assert "C’est fini depuis" in over.text


async def test_the_week_is_told_on_monday_morning_as_its_page_tells_it(home: Home) -> None:
    id_ = await give(home)
    home.clock.at = NOW + 4 * DAY  # Monday evening
    said = await home.access.teller.next(id_)
    assert said is not None
    assert said["about"] == "week"
    assert str(said["subject"]).startswith("Votre semaine du 16 au 22")
    assert "Électricité" in str(said["text"])
    assert "http://127.0.0.1" in str(said["text"])
