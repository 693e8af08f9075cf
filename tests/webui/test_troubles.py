"""Silence and trouble, as a person reads them: a sentence, what to do, and pages that do well with what is no meter."""

import re
from zoneinfo import ZoneInfo

import pytest

from drivers.model import Address, State, Telegram
from gateway.hearing import Hearing
from gateway.services import silence
from gateway.services.model import Finding, Service, Story
from tests.webui.home import LINKY, NOW, WATER, Home, at, read, say
from webui.troubles import BOX_NAMES, say_silence
from webui.words import Words, plain

SILENCE = Service.SILENCE
FR, EN = (Words(language, ZoneInfo("Europe/Paris")) for language in ("fr", "en"))
MONDAY = at(2026, 11, 16, 3) + 600


def finding(subject: str, kind: str, **grounds: float) -> Finding:
    return Finding(SILENCE, subject, kind, MONDAY, grounds, 4)


def story(one: Finding, solved_at: int | None = None) -> Story:
    return Story(1, one, NOW - 3600, solved_at=solved_at, found_at=NOW - 600)


def spaced(text: str) -> str:
    return re.sub(r"[\u00a0\u202f\s]+", " ", plain(text))


@pytest.mark.parametrize(
    ("one", "goes_on", "over"),
    [
        (
            finding("eau", "silent"),
            "Le compteur « Eau froide » ne se fait plus entendre depuis lundi à 3 h 10.",
            "Le compteur « Eau froide » est resté silencieux pendant à peu près 8 heures.",
        ),
        (
            finding("eau", "battery low (end of life)"),
            "Le compteur « Eau froide » le dit lui-même : pile faible (fin de vie).",
            "Le compteur « Eau froide » disait : pile faible (fin de vie). Il ne le dit plus.",
        ),
        (
            finding("port:radio", "closed"),
            "La ligne « radio » ne répond pas depuis lundi à 3 h 10 : le boîtier n’entend pas les compteurs qui passent par elle.",
            "La ligne « radio » est restée muette pendant à peu près 8 heures.",
        ),
        (
            finding("port:radio", "silent"),
            "Plus rien de compréhensible n’arrive par la ligne « radio » depuis lundi à 3 h 10 : le boîtier n’entend pas les compteurs qui passent par elle.",
            "La ligne « radio » est restée muette pendant à peu près 8 heures.",
        ),
        (
            finding("port:radio", "silent", meters=2),
            "Sur la ligne « radio », 2 compteurs ne se font plus entendre depuis lundi à 3 h 10.",
            "La ligne « radio » est restée muette pendant à peu près 8 heures.",
        ),
        (
            finding("box:card", "full"),
            "La carte mémoire est pleine depuis lundi à 3 h 10 : ce que le boîtier relève est montré, mais pas enregistré.",
            "Pendant à peu près 8 heures, la carte mémoire n’a plus rien pris.",
        ),
        (
            finding("box:card", "refusing"),
            "La carte mémoire ne prend plus rien depuis lundi à 3 h 10 : ce que le boîtier relève est montré, mais pas enregistré.",
            "Pendant à peu près 8 heures, la carte mémoire n’a plus rien pris.",
        ),
        (
            finding("box:card", "nearly full", free_mb=153.2),
            "La carte mémoire est presque pleine : il reste environ 150 Mo.",
            "La carte mémoire était presque pleine. Elle a de nouveau de la place.",
        ),
        (
            finding("box:card", "nearly full", free_mb=6_840.0, days_left=6.8),
            "La carte mémoire se remplit : il reste environ 7 Go, et au rythme de ces jours-ci elle sera pleine dans à peu près 7 jours.",
            "La carte mémoire était presque pleine. Elle a de nouveau de la place.",
        ),
        (
            finding("box:clock", "unconfirmed"),
            "Personne n’a donné l’heure au boîtier depuis lundi à 3 h 10 : son horloge peut se tromper de quelques minutes.",
            "Personne n’avait donné l’heure au boîtier depuis des semaines. C’est fait.",
        ),
        (
            finding("box:keys", "keys"),
            "Quelque chose ne va pas avec les clés que garde ce boîtier. Les compteurs qui se lisent sans elles continuent ; une clé que vous tapez à nouveau fonctionne.",
            "Quelque chose n’allait pas avec les clés que le boîtier garde. C’est rentré dans l’ordre.",
        ),
        (
            finding("box:backup", "late", every_s=86_400, last_at=MONDAY),
            "La dernière sauvegarde a été faite lundi à 3 h 10 : c’est trop ancien.",
            "Les sauvegardes n’ont pas pu se faire pendant un temps. Elles se font de nouveau.",
        ),
        (
            finding("box:backup", "late", every_s=86_400),
            "Aucune sauvegarde n’a encore été faite, alors que le boîtier doit en faire tout seul.",
            "Les sauvegardes n’ont pas pu se faire pendant un temps. Elles se font de nouveau.",
        ),
    ],
)
def test_each_trouble_has_its_sentence_while_it_lasts_and_when_it_is_over(
    one: Finding, goes_on: str, over: str
) -> None:
    told = say_silence(FR, story(one), "Eau froide", NOW)
    assert spaced(told.sentence) == goes_on
    assert told.what_to_do
    ended = say_silence(FR, story(one, MONDAY + 8 * 3600), "Eau froide", NOW)
    assert spaced(ended.sentence) == over
    assert not ended.what_to_do
    assert say_silence(EN, story(one), "Cold water", NOW).sentence != told.sentence


def test_each_word_of_a_meter_that_is_told_has_french_and_what_to_do() -> None:
    for code in silence.BATTERY | silence.TAMPER | silence.FAULT:
        told = say_silence(FR, story(finding("eau", code)), "Eau", NOW)
        assert told.what_to_do
        assert told.sentence != say_silence(EN, story(finding("eau", code)), "Eau", NOW).sentence
        assert f" {code}." not in told.sentence


def test_a_word_of_another_version_is_said_as_it_is() -> None:
    told = say_silence(FR, story(finding("eau", "a new word")), "Eau", NOW)
    assert "a new word" in told.sentence
    assert not told.what_to_do


async def test_what_belongs_to_no_meter_stands_on_the_first_page_and_in_the_history(home: Home) -> None:
    every = [
        finding("port:radio", "closed"),
        finding("box:card", "full"),
        finding("box:keys", "keys"),
        finding("box:clock", "unconfirmed"),
        finding("box:backup", "late", every_s=86_400.0),
        finding("eau-froide", "silent", interval_s=300.0, patience_s=21_600.0),
    ]
    await home.access.alerts.tell(NOW, SILENCE, every)
    for path, heading in (("/", 'alerte" id="alert-'), ("/alerts", 'li class="sheet stack"')):
        page = await home.text(path)
        assert page.count(heading) == len(every)
        assert read(page).refused == []
        for name in ("La ligne «\u202fradio\u202f»", "La carte mémoire", "Sauvegardes", "Les clés", "Eau froide"):
            assert f"<h3>{name}</h3>" in page
    page = await home.text("/")
    assert "<td>5\u00a0min</td>" in page
    assert "<td>6\u00a0heures</td>" in page
    assert "pas à pas" not in page
    await home.access.alerts.tell(NOW + 60, SILENCE, [])
    assert "La ligne «" in await home.text("/alerts")
    rows = (await home.json("/api/v1/alerts"))["alerts"]
    assert {row["point"] for row in rows} == {one.point for one in every}


async def test_no_metering_point_takes_the_name_of_a_line_or_of_the_box(home: Home) -> None:
    for number, subject in enumerate(("port:radio", *BOX_NAMES)):
        meter = home.house.catalog.adopt(f"tic:9{number}", subject, home.house.points()[0].point.medium, NOW)
        assert ":" not in meter.point


async def test_erasing_a_meter_leaves_the_troubles_of_its_line(home: Home) -> None:
    both = [finding("eau-froide", "silent"), finding("port:radio", "closed")]
    await home.access.alerts.tell(NOW, SILENCE, both)
    assert (await home.house.erase("eau-froide", 0, 1 << 40))["stories"] == 1
    assert [one.finding.point for one in home.access.alerts.open()] == ["port:radio"]


def speaks(home: Home, address: Address, port: str, status: tuple[str, ...] = ()) -> None:
    say(home.house, port, Telegram(address, State.DECODED, status=status))


async def test_a_house_that_is_really_heard_tells_of_its_meters_lines_and_their_words(home: Home) -> None:
    """Two lines and three meters; the heating fell silent three hours before, and it is not known whose line it was on."""
    hearing = Hearing(home.house, 300)
    kinds: list[tuple[int, dict[str, str]]] = []
    for look in range(15 * 12):
        if look < 12:
            speaks(home, LINKY, "linky")
        if look == 12:
            home.house.collect.lost("linky", "the cable was pulled")
        speaks(home, WATER, "radio", ("battery low",) if look >= 24 else ())
        found = {one.point: one.kind for one in await hearing.find({}, home.house.points(), home.house.now())}
        if not kinds or kinds[-1][1] != found:
            kinds.append((look, found))
        home.clock.at += 300
    closed, low, heat = {"port:linky": "closed"}, {"eau-froide": "battery low"}, {"chauffage": "silent"}
    assert kinds == [(0, {}), (25, closed), (26, {**closed, **low}), (73, {**closed, **low, **heat})]
