"""One leak that two meters count is told of both, and each of them says so: with what is known of it, or perhaps."""

import re
from collections.abc import Mapping
from dataclasses import replace
from zoneinfo import ZoneInfo

import pytest
from markupsafe import Markup

from drivers.model import Medium
from gateway.services.model import Finding, Service, Story
from gateway.services.same_water import APART_FROM, HOLDS, WITHIN
from tests.webui.home import NOW, Home, at, read
from webui.same_water import with_others
from webui.told import Told
from webui.words import Words, plain

TUESDAY = at(2026, 11, 17, 3) + 600
FR, EN = (Words(language, ZoneInfo("Europe/Paris")) for language in ("fr", "en"))
NAMES = {"eau": "Eau froide", "chaude": "Eau chaude", "voisin": "Voisin"}
DAYS = {"l_per_day": 700.0, "usual_l_per_day": 460.0, "days": 3.0}
ONE = "Le compteur « Eau chaude » compte aussi cette eau : c’est très probablement une seule fuite, signalée aux deux."
WHICH = " Lui dit environ 30 litres par heure : lequel des deux a raison, le boîtier ne le sait pas."


def story(point: str, grounds: Mapping[str, float], since: int = TUESDAY, kind: str = "toilet") -> Story:
    return Story(1, Finding(Service.LEAK, point, kind, since, grounds, 1), NOW, found_at=NOW)


def leak(point: str, l_per_h: float = 10.0, since: int = TUESDAY, common: tuple[str, ...] = ()) -> Story:
    return story(point, {"l_per_h": l_per_h, "lost_l": 100.0, **dict.fromkeys(common, 310.0)}, since)


def said(one: Story, *others: Story, words: Words = FR) -> str:
    told = with_others(words, Told(Markup("Fuite."), Markup(""), []), one, [one, *others], NAMES.get)
    return re.sub(r"[\u00a0\u202f]", " ", plain(told.sentence)).removeprefix("Fuite.").strip()


@pytest.mark.parametrize(
    ("mine", "l_per_h", "sentence"),
    [
        ((WITHIN + "chaude", HOLDS + "chaude"), 10.0, ONE),  # read twice
        ((WITHIN + "chaude", HOLDS + "chaude"), 30.0, ONE + WHICH),
        ((WITHIN + "chaude", APART_FROM + "chaude"), 10.0, ONE),  # behind that one
        ((WITHIN + "chaude", APART_FROM + "chaude"), 30.0, "Le compteur « Eau chaude » compte aussi cette eau, et davantage."),
        (
            (HOLDS + "chaude", APART_FROM + "chaude"),
            10.0,
            "C’est très probablement la fuite que compte aussi le compteur « Eau chaude » : cherchez d’abord après lui.",
        ),
        ((HOLDS + "chaude", APART_FROM + "chaude"), 30.0, ONE + WHICH),  # behind this one, and counts more than it
        (
            (HOLDS + "chaude", APART_FROM + "chaude"),
            3.0,
            "Le compteur « Eau chaude » en compte une partie : cherchez une fuite après lui, et une autre avant lui.",
        ),
        ((APART_FROM + "chaude",), 10.0, ""),
    ],
)  # fmt: skip
def test_what_two_meters_have_in_common_is_said_of_each(mine: tuple[str, ...], l_per_h: float, sentence: str) -> None:
    assert said(leak("eau", common=mine), leak("chaude", l_per_h)) == sentence


PERHAPS = "Le compteur « Eau chaude » dit à peu près la même chose au même moment : c’est peut-être une seule fuite, signalée aux deux."


@pytest.mark.parametrize(
    ("one", "other", "is_said"),
    [
        (leak("eau"), leak("chaude", 14.0, TUESDAY + 5 * 3600), True),
        (leak("eau"), leak("chaude", 16.0), False),
        (leak("eau"), leak("chaude", 10.0, TUESDAY + 7 * 3600), False),
        (story("eau", DAYS, kind="days"), story("chaude", DAYS, TUESDAY + 86_400, "days"), True),
        (story("eau", DAYS, kind="days"), leak("chaude", 10.0, TUESDAY + 86_400), True),
        (story("eau", DAYS, kind="days"), story("chaude", DAYS, TUESDAY + 3 * 86_400, "days"), False),
        (story("eau", {"meter_leak_at": 1.0}), story("chaude", {"meter_leak_at": 1.0}), False),
    ],
)
def test_where_nothing_is_known_of_it_leaks_of_one_size_that_began_together_are_perhaps_one(
    one: Story, other: Story, is_said: bool
) -> None:
    assert said(one, other) == (PERHAPS if is_said else "")
    assert bool(said(other, one)) is is_said
    assert said(one, replace(other, solved_at=NOW)) == ""
    assert said(replace(one, solved_at=NOW), other) == ""


def test_of_several_that_may_be_one_nothing_is_said_and_what_is_known_is_said_in_english_too() -> None:
    assert said(leak("eau"), leak("chaude"), leak("voisin")) == ""
    assert said(leak("eau"), leak("gone")) == "", "a meter that is no more has no name"
    assert "one leak, told of both" in said(leak("eau", common=(WITHIN + "chaude",)), leak("chaude"), words=EN)


async def test_both_cards_of_the_first_page_say_that_it_is_one_leak(home: Home) -> None:
    hot = home.house.catalog.adopt("wmbus:RLV:99:1:6", "Eau chaude", Medium.HOT_WATER, NOW).point
    one = leak("eau-froide", common=(HOLDS + hot, APART_FROM + hot)).finding
    other = leak(hot, common=(WITHIN + "eau-froide", APART_FROM + "eau-froide")).finding
    await home.access.alerts.tell(NOW, Service.LEAK, [one, other])
    page = read(await home.text("/"))
    text = re.sub(r"[\u00a0\u202f]", " ", page.text)
    assert "la fuite que compte aussi le compteur « Eau chaude » : cherchez d’abord après lui." in text
    assert "Le compteur « Eau froide » compte aussi cette eau" in text
    assert text.count("environ 300 litres") >= 2
    assert page.refused == []
    await home.access.alerts.tell(NOW + 60, Service.LEAK, [one])
    assert "cherchez d’abord après lui" not in await home.text("/"), "what is over is no second leak"
