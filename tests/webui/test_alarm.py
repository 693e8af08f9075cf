"""What a water meter says itself of a leak, as a person reads it: no litres that it did not say, and pages that do well with it."""

import re
from zoneinfo import ZoneInfo

import pytest

from drivers.model import State, Telegram
from gateway.services import alarm
from gateway.services.model import Finding, Service, Story
from gateway.watch import Watch
from tests.webui.home import NOW, WATER, Home, at, read, say
from tests.webui.test_leak import Tap, press, text
from webui.alarm import ROWS, SAID, SAYS, WHAT_TO_DO
from webui.stories import say_leak
from webui.words import Words, plain

MONDAY = at(2026, 11, 16, 3) + 600
FR, EN = (Words(language, ZoneInfo("Europe/Paris")) for language in ("fr", "en"))


def finding(kind: str, **grounds: float) -> Finding:
    ground = {} if kind not in alarm.GROUNDS else {alarm.GROUNDS[kind]: float(MONDAY)}
    return Finding(Service.LEAK, "eau-froide", kind, MONDAY, {**ground, **grounds}, alarm.RANKS.get(kind, 1), NOW - 600)


def said(words: Words, one: Finding, solved_at: int | None = None) -> str:
    story = Story(1, one, NOW - 3600, solved_at=solved_at, found_at=NOW - 600)
    return spaced(plain(say_leak(words, story, "Eau froide", NOW).sentence))


def spaced(text: str) -> str:
    return re.sub(r"[\u00a0\u202f\s]+", " ", text)


@pytest.mark.parametrize(
    ("one", "goes_on", "over"),
    [
        (
            finding(alarm.LEAK),
            "Depuis lundi à 3 h 10, le compteur dit lui-même que de l’eau fuit. Combien, il ne le dit pas.",
            "Pendant à peu près 4 jours, le compteur a dit lui-même que de l’eau fuyait. Combien, il ne l’a pas dit.",
        ),
        (
            finding(alarm.LEAK, still_s=10_800.0),
            "Depuis lundi à 3 h 10, le compteur dit lui-même que de l’eau fuit. Combien, il ne le dit pas. Mais son index est "
            "resté immobile pendant 3 heures depuis : c’est peut-être fini, ou cela ne coule que par moments.",
            "Pendant à peu près 4 jours, le compteur a dit lui-même que de l’eau fuyait. Combien, il ne l’a pas dit.",
        ),
        (
            finding(alarm.BURST),
            "Depuis lundi à 3 h 10, le compteur dit lui-même qu’un tuyau a peut-être éclaté. Si ce n’est pas vous qui prenez de "
            "l’eau, fermez le robinet d’arrêt.",
            "Pendant à peu près 4 jours, le compteur a dit lui-même qu’un tuyau avait peut-être éclaté.",
        ),
        (
            finding(alarm.HEATING),
            "Le compteur « Eau froide » dit lui-même depuis lundi à 3 h 10 que de l’eau fuit : du chauffage, ou de ce qui est "
            "relié à ce compteur.",
            "Pendant à peu près 4 jours, le compteur « Eau froide » a dit lui-même que de l’eau fuyait.",
        ),
        (
            finding(alarm.BACKFLOW),
            "Depuis lundi à 3 h 10, le compteur dit lui-même que l’eau y coule à l’envers.",
            "Pendant à peu près 4 jours, le compteur a dit lui-même que l’eau y coulait à l’envers.",
        ),
    ],
)
def test_what_the_meter_alone_says_is_said_as_its_word_and_without_litres(
    one: Finding, goes_on: str, over: str
) -> None:
    assert said(FR, one) == goes_on
    assert said(FR, one, NOW) == over
    assert "itself" in said(EN, one)
    assert "litre" not in goes_on


def test_each_kind_has_its_words() -> None:
    assert set(SAYS) == set(SAID) == set(WHAT_TO_DO) == set(ROWS) == set(alarm.RANKS) == set(alarm.GROUNDS)


def test_beside_a_leak_that_the_index_shows_the_meters_word_is_a_ground_and_news_a_sentence() -> None:
    running = finding("toilet", l_per_h=10.0, lost_l=800.0, meter_leak_at=float(MONDAY))
    alone = finding("toilet", l_per_h=10.0, lost_l=800.0)
    assert said(FR, running) == said(FR, alone)
    rows = say_leak(FR, Story(1, running, NOW, found_at=NOW), "Eau froide", NOW).grounds
    assert (spaced(plain(rows[-1][0])), spaced(rows[-1][1])) == (
        "Le compteur lui-même dit « fuite » depuis",
        "lundi à 3 h 10",
    )
    worse = finding("toilet", l_per_h=10.0, lost_l=800.0, meter_burst_at=float(MONDAY))
    assert said(FR, worse) == said(FR, alone) + " Le compteur lui-même dit qu’un tuyau a peut-être éclaté."
    assert said(FR, worse, NOW) == said(FR, alone, NOW)
    burst = finding("burst", l_per_h=900.0, lost_l=800.0, meter_burst_at=float(MONDAY))
    assert "lui-même" not in said(FR, burst)


async def test_a_house_that_really_hears_a_meter_has_its_bit_among_the_grounds_for_as_long_as_it_says_so(
    home: Home,
) -> None:
    watch = Watch(home.house, home.access.alerts)
    says = []
    for look in range(8):
        status = ("burst", "leak (earlier)") if look < 5 else ()
        say(home.house, "radio", Telegram(WATER, State.DECODED, status=status))
        await watch.look(past_s=86_400)
        says.append("tuyau a peut-être éclaté" in await home.text("/"))
        assert "sans arrêt" in await home.text("/"), "its index shows a leak, too"
        home.clock.at += 300
    assert says[:5] == [False, False, True, True, True]
    (one,) = home.access.alerts.open()
    assert (one.finding.kind, one.worst) == ("toilet", 3)


@pytest.mark.parametrize("kind", [alarm.LEAK, alarm.BURST])
async def test_the_steps_and_the_letter_do_well_with_a_leak_of_no_known_size(home: Home, kind: str) -> None:
    tap = Tap(home)
    tap.passes(600, litres_each=1)
    await home.access.alerts.tell(home.clock.at, Service.LEAK, [finding(kind)])
    assert '<a href="/leak/1">' in await home.text("/")
    for path in ("/", "/alerts", "/leak/1", "/leak/1/letter"):
        assert read(await home.text(path)).refused == []
    page = text(await home.text("/leak/1"))
    assert "le compteur dit lui-même" in page
    assert "par jour" not in page, "what it costs nobody knows"
    await press(home, "/leak/1", "begin")
    tap.passes(60, litres_each=1)
    assert "De l’eau coule, alors que personne n’en prend." in text(await home.text("/leak/1"))
    await press(home, "/leak/1", "closed")
    tap.passes(1900)
    said = text(await home.text("/leak/1"))
    assert "chez vous, après le robinet d’arrêt" not in said, "the least leak there is would hide so long"
    tap.passes(1200)
    assert "la fuite est chez vous, après le robinet d’arrêt" in text(await home.text("/leak/1"))


@pytest.mark.parametrize(
    ("kind", "words"),
    [(alarm.BACKFLOW, "l’eau y coule à l’envers"), (alarm.HEATING, "du chauffage, ou de ce qui est relié")],
)
async def test_water_that_runs_backwards_or_out_of_the_heating_is_no_leak_to_look_for(
    home: Home, kind: str, words: str
) -> None:
    await home.access.alerts.tell(NOW, Service.LEAK, [finding(kind)])
    page = await home.text("/")
    assert words in page
    assert "/leak/1" not in page
    await home.text("/leak/1", 404)
    await home.text("/leak/1/letter", 404)
    assert words in await home.text("/alerts")
