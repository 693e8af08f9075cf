"""What a service found, as a person reads it: one sentence on the first page, what to do, why, and what there was."""

import re
from dataclasses import replace
from html import unescape
from zoneinfo import ZoneInfo

import pytest

from gateway.services.model import Finding, Service, Story
from gateway.watch import least_leak
from tests.webui.home import NOW, Home, at, read
from webui.alerts import PAGE, STALE_S
from webui.stories import OFTEN, SAY, WHAT_TO_DO, say_frost, say_leak
from webui.told import about, when
from webui.words import Words, plain

LEAK = Service.LEAK
GROUNDS = {
    "l_per_h": 10.3,
    "lost_l": 403.0,
    "hours": 39.5,
    "limit_h": 24.0,
    "usual_h": 2.2,
    "interval_s": 300.0,
    "price_per_m3": 4.3,
}
TUESDAY = at(2026, 11, 17, 3) + 600
FR, EN = (Words(language, ZoneInfo("Europe/Paris")) for language in ("fr", "en"))


def leak(kind: str = "toilet", since: int = TUESDAY, rank: int = 1, **grounds: float) -> Finding:
    return Finding(LEAK, "eau-froide", kind, since, {**GROUNDS, **grounds}, rank)


def story(finding: Finding, solved_at: int | None = None) -> Story:
    return Story(1, finding, NOW - 3600, solved_at=solved_at, found_at=NOW - 600)


def said(words: Words, finding: Finding, solved_at: int | None = None) -> str:
    return re.sub(r"[\u00a0\u202f]", " ", plain(say_leak(words, story(finding, solved_at), "Eau froide", NOW).sentence))


async def answered(home: Home, act: str, id_: int, status: int = 303) -> None:
    fields = {"token": read(await home.text("/")).fields["token"], "story": str(id_)}
    async with home.client.post(f"/alerts/{act}", data=fields, allow_redirects=False) as answer:
        assert answer.status == status
        assert status != 303 or answer.headers["Location"] == "/"


def spaced(page: str) -> str:
    """Its words, with one plain space between two."""
    return " ".join(unescape(re.sub(r"</?(p|th|td|tr|dt|dd|h\d|summary|caption|a|button)\b[^>]*>", " ", page)).split())


# -- the sentence -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("finding", "sentence"),
    [
        (
            leak(),
            "De l’eau coule sans arrêt depuis mardi à 3 h 10 : environ 10 litres par heure, soit 240 litres et 1 € par "
            "jour. Le plus souvent, c’est une chasse d’eau qui fuit.",
        ),
        (
            leak("drip", at(2026, 11, 1), l_per_h=2.8),
            "De l’eau coule sans arrêt depuis le 1er novembre à 0 h 00 : environ 3 litres par heure, soit 2 200 litres et "
            "9,50 € par mois. Le plus souvent, c’est un robinet qui goutte, ou un joint usé.",
        ),
        (
            leak("pipe", l_per_h=123.0, price_per_m3=0),
            "De l’eau coule sans arrêt depuis mardi à 3 h 10 : environ 120 litres par heure, soit 2 900 litres par jour. "
            "C’est peut-être un robinet resté ouvert, un chauffage qui se remplit sans cesse, ou un tuyau.",
        ),
        (
            leak("burst", at(2026, 11, 19, 14) + 1200, l_per_h=912.0),
            "Beaucoup d’eau coule sans arrêt depuis aujourd’hui à 14 h 20 : environ 900 litres par heure. Si ce n’est pas "
            "vous, fermez le robinet d’arrêt.",
        ),
        (
            leak("of a newer version", l_per_h=50.0),
            "De l’eau coule sans arrêt depuis mardi à 3 h 10 : environ 50 litres par heure, soit 1 200 litres et 5 € par "
            "jour.",
        ),
    ],
)
def test_a_leak_is_said_in_one_sentence_with_round_figures(finding: Finding, sentence: str) -> None:
    assert said(FR, finding) == sentence


def test_it_is_said_in_english_too() -> None:
    assert said(EN, leak()) == (
        "Water has been running without a pause since Tuesday at 03:10: about 10 litres an hour, which makes 240 litres "
        "and €1 a day. Most often it is a toilet that leaks."
    )


def test_what_is_over_is_said_as_past_and_asks_for_nothing() -> None:
    over = story(leak(since=NOW - 8 * 3600), NOW)
    assert said(FR, over.finding, NOW) == (
        "De l’eau a coulé sans arrêt pendant à peu près 8 heures : environ 400 litres en tout."
    )
    assert not say_leak(FR, over, "Eau froide", NOW).what_to_do


def test_days_that_took_more_are_said_without_a_flow_that_nobody_knows() -> None:
    grounds = {"l_per_day": 604.0, "usual_l_per_day": 322.0, "days": 3.0}
    finding = Finding(Service.LEAK, "eau", "days", TUESDAY, grounds)
    assert said(FR, finding) == (
        "Depuis 3 jours, la maison prend environ 600 litres d’eau par jour, au lieu d’environ 300 litres. C’est peut-être une fuite, ou plus de monde "
        "que d’habitude : le compteur n’est entendu qu’une fois par jour à peu près, le boîtier ne peut donc pas en dire plus."
    )
    assert said(FR, finding, TUESDAY + 9 * 86_400) == (
        "Pendant 3 jours, la maison a pris environ 600 litres par jour, au lieu d’environ 300 litres."
    )


@pytest.mark.parametrize(
    ("kind", "sentence", "asks"),
    [
        (
            "hour",
            "En une heure, la maison a pris environ 600 litres d’eau. Les semaines d’avant, elle n’en a jamais pris plus d’environ "
            "200 litres en une heure.",
            " Si ce n’est pas vous, fermez le robinet d’arrêt.",
        ),
        (
            "day",
            "En un jour, la maison a pris environ 600 litres d’eau. Les semaines d’avant, elle n’en a jamais pris plus d’environ "
            "200 litres en un jour.",
            " Si vous ne savez pas pourquoi, c’est peut-être une fuite.",
        ),
    ],
)
def test_what_was_far_more_than_ever_is_said_without_that_it_still_runs(kind: str, sentence: str, asks: str) -> None:
    finding = Finding(Service.LEAK, "eau", kind, TUESDAY, {"litres": 612.0, "most_l": 200.0, "interval_s": 3600.0})
    assert said(FR, finding) == sentence + asks
    assert said(FR, finding, TUESDAY + 9 * 3600) == sentence
    assert say_leak(FR, story(finding), "Eau froide", NOW).what_to_do
    assert not say_leak(FR, story(finding, NOW), "Eau froide", NOW).what_to_do


@pytest.mark.parametrize(
    ("kind", "grounds", "sentence"),
    [
        (
            "coming",
            {"degrees_c": 4.2, "c_per_h": -0.5, "hours_to_0": 8.4},
            "est à 4,2 °C et se refroidit : il peut geler dans 8 heures environ.",
        ),
        ("near", {"degrees_c": 2.1, "c_per_h": 0.0}, "est à 2,1 °C : il peut geler."),
        ("near", {"degrees_c": 2.9, "c_per_h": -0.01, "hours_to_0": 290.0}, "est à 2,9 °C : il peut geler."),
        ("freezing", {"degrees_c": -0.4}, "est à −0,4 °C : l’eau y gèle peut-être."),
    ],
)
def test_frost_is_said_with_how_long_there_is(kind: str, grounds: dict[str, float], sentence: str) -> None:
    finding = Finding(Service.FROST, "eau", kind, TUESDAY, {"lowest_c": 1.9, **grounds})
    told = say_frost(FR, story(finding), "Eau froide", NOW)
    assert re.sub(r"[\u00a0\u202f]", " ", plain(told.sentence)) == f"Le compteur « Eau froide » {sentence}"
    assert "Couvrez le compteur" in told.what_to_do
    over = say_frost(FR, story(finding, NOW), "Eau froide", NOW)
    assert re.sub(r"[\u00a0\u202f]", " ", plain(over.sentence)) == "Le compteur a failli geler : 1,9 °C au plus bas."
    assert over.what_to_do == ""


def test_frost_that_is_over_is_said_with_the_lowest_of_all_of_it() -> None:
    grounds = {"degrees_c": 2.0, "lowest_c": 1.9, "least_c": -3.0}
    finding = Finding(Service.FROST, "eau", "near", TUESDAY, grounds)
    sentence = plain(say_frost(FR, story(finding, NOW), "Eau froide", NOW).sentence)
    assert sentence == "Le compteur a failli geler\u00a0: \u22123,0\u00a0°C au plus bas."


def test_each_ground_that_is_known_is_a_row_and_none_is_made_up() -> None:
    rows = say_leak(FR, story(leak()), "Eau froide", NOW).grounds
    assert [(plain(label), re.sub(r"[\u00a0\u202f]", " ", value)) for label, value in rows] == [
        ("Le compteur", "Eau froide"),
        ("Sans arrêt depuis", "mardi à 3 h 10"),
        ("Durée sans arrêt", "40 heures"),
        ("Inhabituel chez vous au bout de", "24 heures"),
        ("Durée la plus longue d’habitude, à cette heure du jour", "2 heures"),
        ("Débit", "environ 10 litres par heure"),
        ("Écoulé depuis", "environ 400 litres"),
        ("Prix de l’eau", "4,30 € le m³"),
        ("Entre deux messages du compteur", "5 min"),
        ("Compté jusqu’à", "aujourd’hui à 18 h 32"),
    ]
    bare = replace(leak(), grounds={"l_per_h": 10.0, "lost_l": 20.0})
    assert len(say_leak(FR, story(bare), "Eau froide", NOW).grounds) == 5


def test_every_service_and_every_kind_of_leak_has_its_words() -> None:
    assert set(SAY) == set(Service)
    assert set(OFTEN) == set(WHAT_TO_DO) == {"drip", "toilet", "pipe", "burst"}


@pytest.mark.parametrize(
    ("figure", "rounded"),
    [(2.4, 2), (9.6, 10), (14.4, 14), (29.6, 30), (33.0, 35), (99.0, 100), (247.0, 250), (403.0, 400), (912.0, 900)],
)
def test_about_promises_two_digits_and_no_more(figure: float, rounded: int) -> None:
    assert about(figure) == rounded


def test_a_weekday_alone_names_none_of_last_week() -> None:
    assert plain(when(FR, at(2026, 11, 13, 12), NOW)).startswith("vendredi")
    assert plain(when(FR, at(2026, 11, 12, 12), NOW)).startswith("le 12")


# -- the pages --------------------------------------------------------------------------------------------------------


async def test_what_goes_on_stands_above_all_else_with_its_ground_and_no_script(home: Home) -> None:
    assert "/alerts" not in await home.text("/")
    await home.access.alerts.tell(NOW, LEAK, [leak()])
    page = await home.text("/")
    text = spaced(page)
    assert text.index("De l’eau coule sans arrêt depuis mardi à 3 h 10") < text.index("Aujourd’hui, la maison a pris")
    assert re.search(r"cela \?.* Le compteur Eau froide Sans arrêt depuis mardi à 3 h 10 ", text)
    assert read(page).refused == []
    assert "sheet stack alerte" in page
    assert '<a href="/leak/1">' in page
    assert "Why do you say that?" in await home.text("/?lang=en")


async def test_what_was_seen_stays_and_is_quiet(home: Home) -> None:
    await home.access.alerts.tell(NOW, LEAK, [leak()])
    await answered(home, "seen", 1)
    page = await home.text("/")
    assert "Vous l’avez vu aujourd’hui à 18 h 42." in spaced(page)
    assert "sheet stack alerte" not in page
    assert "J’ai vu" not in page


async def test_what_was_put_off_comes_back_on_the_morrow(home: Home) -> None:
    await home.access.alerts.tell(NOW, LEAK, [leak()])
    await answered(home, "snooze", 1)
    (put_off,) = home.access.alerts.open()
    assert put_off.snoozed_until == at(2026, 11, 20, 8)
    page = spaced(await home.text("/"))
    assert "De l’eau coule" not in page
    assert "1 alerte remise à plus tard" in page
    assert "Remis au 20 novembre 2026, 8 h 00" in spaced(await home.text("/alerts"))
    home.clock.at = at(2026, 11, 20, 8)
    page = await home.text("/")
    assert "De l’eau coule" in page
    assert "sheet stack alerte" in page
    assert "remise à plus tard" not in page


async def test_a_story_that_is_none_or_a_form_of_another_changes_nothing(home: Home) -> None:
    await home.access.alerts.tell(NOW, LEAK, [leak()])
    before = home.access.alerts.open()
    await answered(home, "seen", 2)
    for wrong in ("", "x", "1" * 19, "-1"):
        token = read(await home.text("/")).fields["token"]
        async with home.client.post("/alerts/seen", data={"token": token, "story": wrong}) as answer:
            assert answer.status == 404
    async with home.client.post("/alerts/seen", data={"token": "x", "story": "1"}) as answer:
        assert answer.status == 403
    assert home.access.alerts.open() == before


async def test_what_the_box_could_not_look_at_since_is_not_said_to_go_on(home: Home) -> None:
    await home.access.alerts.tell(NOW, LEAK, [leak()])
    assert "C’était ainsi" not in await home.text("/")
    home.clock.at = NOW + STALE_S + 1
    assert "C’était ainsi aujourd’hui à 18 h 42. Depuis, le boîtier n’a pas pu regarder." in spaced(
        await home.text("/")
    )
    await home.access.alerts.tell(home.clock.at, LEAK, [leak()])
    assert "C’était ainsi" not in await home.text("/")


async def test_what_a_meter_said_last_is_not_said_to_go_on_when_it_fell_silent(home: Home) -> None:
    """A battery that died: the service looks, and hears nothing."""
    for service, finding, silent_s in (
        (LEAK, leak(), 2 * 3600),
        (LEAK, leak(interval_s=86_400.0), 2 * 86_400),
        (Service.FROST, Finding(Service.FROST, "jardin", "near", NOW, {"degrees_c": 2.0, "lowest_c": 2.0}), 6 * 3600),
    ):
        last = home.clock.at
        for gone_s, is_stale in ((silent_s, False), (silent_s + 1, True)):
            home.clock.at = last + gone_s
            await home.access.alerts.tell(home.clock.at, service, [replace(finding, at=last)])
            assert ("C’était ainsi" in await home.text("/")) is is_stale
        await home.access.alerts.tell(home.clock.at, service, [])
        home.clock.at += 2 * 86_400


async def test_the_history_says_what_there_was_the_newest_first_page_by_page(home: Home) -> None:
    assert "Rien d’inhabituel n’a été trouvé jusqu’ici." in spaced(await home.text("/alerts"))
    alerts = home.access.alerts
    for days in range(2 * (PAGE + 1), 0, -2):
        moment = NOW - days * 86_400
        (one,) = await alerts.tell(moment, LEAK, [leak(since=moment - 3600, lost_l=float(days))])
        await alerts.seen(one.id, moment + 60)
        await alerts.tell(moment + 7200, LEAK, [])
    page = await home.text("/alerts")
    ids = [int(found) for found in re.findall(r'id="alert-(\d+)"', page)]
    assert ids == list(range(PAGE + 1, 1, -1))
    assert read(page).refused == []
    first = spaced(page).partition("Pourquoi dites-vous cela ?")[0]
    for words in (
        "De l’eau a coulé sans arrêt pendant à peu près 1 heure : environ 2 litres en tout.",
        "Début 17 novembre 2026, 17 h 42",
        "Signalé 17 novembre 2026, 18 h 42",
        "Vu par vous 17 novembre 2026, 18 h 43",
        "Fin 17 novembre 2026, 20 h 42",
    ):
        assert words in first
    assert '<a class="btn" href="/alerts?before=2">' in page
    page = await home.text("/alerts?before=2")
    assert re.findall(r'id="alert-(\d+)"', page) == ["1"]
    await home.text("/alerts?before=x", 404)


async def test_a_step_page_is_named_where_there_is_one(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    await home.access.alerts.tell(NOW, LEAK, [leak()])
    monkeypatch.setattr("webui.alerts.STEPS", {LEAK: "/nowhere/{story}"})
    assert "pas à pas" not in await home.text("/")
    monkeypatch.setattr("webui.alerts.STEPS", {LEAK: "/history"})
    assert '<a href="/history">Trouver d’où cela vient, pas à pas</a>' in await home.text("/")


async def test_a_program_is_told_the_same(home: Home) -> None:
    await home.access.alerts.tell(NOW, LEAK, [leak()])
    await home.access.alerts.tell(NOW + 60, LEAK, [])
    await home.access.alerts.tell(NOW + 120, LEAK, [replace(leak(), point="jardin")])
    one, other = (await home.json("/api/v1/alerts"))["alerts"]
    assert (one["id"], one["point"], one["solved_at"]) == (2, "jardin", None)
    assert other == {
        "id": 1,
        "service": "leak",
        "point": "eau-froide",
        "kind": "toilet",
        "since": TUESDAY,
        "raised_at": NOW,
        "seen_at": None,
        "snoozed_until": None,
        "solved_at": NOW + 60,
        "found_at": NOW,
        "grounds": {
            "hours": "39.5",
            "interval_s": "300.0",
            "l_per_h": "10.3",
            "limit_h": "24.0",
            "lost_l": "403.0",
            "price_per_m3": "4.3",
            "usual_h": "2.2",
        },
        "in_words": other["in_words"],
    }
    assert other["in_words"].startswith("De l’eau a coulé sans arrêt pendant")
    assert [each["id"] for each in (await home.json("/api/v1/alerts?before=2"))["alerts"]] == [1]
    assert "before" in (await home.json("/api/v1/alerts?before=x", 400))["detail"]


async def test_erasing_all_of_a_meter_takes_its_stories(home: Home) -> None:
    await home.access.alerts.tell(NOW, LEAK, [leak(), replace(leak(), point="maison")])
    gone = await home.house.erase("eau-froide", 0, 1 << 40)
    assert gone["stories"] == 1
    assert [each.finding.point for each in await home.access.alerts.history(10)] == ["maison"]


async def test_from_how_much_on_a_leak_is_told_is_chosen_here(home: Home) -> None:
    page = await home.text("/alerts")
    assert '<option value="2" selected>' in page
    token = read(page).fields["token"]
    async with home.client.post("/alerts/least", data={"token": token, "least": "25"}) as answer:
        text = await answer.text()
    assert "C’est gardé." in text
    assert '<option value="25" selected>' in text
    assert least_leak(home.house.catalog) == 25
    for wrong in ("", "3", "-1", "25 "):
        async with home.client.post("/alerts/least", data={"token": token, "least": wrong}) as answer:
            assert answer.status == 400
    assert least_leak(home.house.catalog) == 25
