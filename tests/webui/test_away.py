"""Who lives here says that nobody is at home; the first page says so while it lasts, and nobody else ever sees it."""

import re
import shutil
from datetime import date
from html import unescape
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from drivers.model import Medium, Quantity
from gateway import absence
from gateway.absence import Absence
from gateway.model import Point, SeriesKey
from gateway.roles import Role
from gateway.services.model import Finding, Service, Story
from gateway.thermometers import Thermometer, all_of
from gateway.watch import Watch
from tests.webui.home import NOW, Home, at, open_home, read
from tests.webui.test_clock import forget_time
from tests.webui.test_people import cookie, peopled
from webui import away
from webui.stories import say_frost, say_leak
from webui.words import Words, plain

FR, EN = (Words(language, ZoneInfo("Europe/Paris")) for language in ("fr", "en"))
TUESDAY = at(2026, 11, 17, 3) + 600
USED = {"used_l": 41.0, "began_at": float(TUESDAY), "last_at": TUESDAY + 1800.0, "runs": 1.0, "least_l": 5.0}
DAY = 86_400


def use(**grounds: float) -> Finding:
    return Finding(Service.LEAK, "eau-froide", "used", TUESDAY, {**USED, "interval_s": 600.0, **grounds}, 2)


def spaced(text: str) -> str:
    return re.sub(r"[\u00a0\u202f]", " ", text)


def shown(page: str) -> str:
    """Its words, with one plain space between two."""
    return " ".join(unescape(re.sub(r"<[^>]*>", " ", re.sub(r"</?b\b[^>]*>", "", page))).split())


async def sent(home: Home, path: str, /, page: str = "/away", status: int = 200, **fields: str) -> str:
    token = read(await home.text(page)).fields["token"]
    async with home.client.post(path, data={"token": token, **fields}) as answer:
        assert answer.status == status, await answer.text()
        return spaced(shown(await answer.text()))


# -- the sentence -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("grounds", "solved_at", "sentence"),
    [
        ({}, None, "Depuis mardi à 3 h 10, environ 40 litres d’eau ont coulé, alors que la maison est vide."),
        (
            {"runs": 0.0},
            None,
            "Entre mardi à 3 h 10 et mardi à 3 h 40, environ 40 litres d’eau ont coulé, alors que la maison est vide.",
        ),
        (
            {"interval_s": 86_400.0, "last_at": TUESDAY + 86_400.0},
            None,
            "Entre mardi à 3 h 10 et mercredi à 3 h 10, environ 40 litres d’eau ont coulé, alors que la maison est vide. "
            "Il se passe environ 24 heures entre deux messages du compteur : le boîtier ne peut pas dire quand exactement.",
        ),
        (
            {},
            NOW,
            "Entre mardi à 3 h 10 et mardi à 3 h 40, environ 40 litres d’eau ont coulé, et la maison était vide.",
        ),
    ],
)
def test_water_that_ran_is_said_with_when_and_how_much(
    grounds: dict[str, float], solved_at: int | None, sentence: str
) -> None:
    story = Story(1, use(**grounds), NOW - 3600, solved_at=solved_at, found_at=NOW - 600)
    told = say_leak(FR, story, "Eau froide", NOW)
    assert spaced(plain(told.sentence)) == sentence
    assert ("Si c’est vous, dites que vous êtes de retour." in told.what_to_do) is (solved_at is None)
    assert len(told.grounds) == 7


def test_when_it_began_is_the_uses_own_and_not_that_of_a_drip_before_it() -> None:
    story = Story(1, Finding(Service.LEAK, "eau", "used", TUESDAY - 9 * DAY, {**USED, "interval_s": 60.0}), NOW)
    assert spaced(plain(say_leak(EN, story, "Water", NOW).sentence)) == (
        "Since Tuesday at 03:10 about 40 litres of water have run, though nobody is at home."
    )


@pytest.mark.parametrize(
    ("kind", "grounds", "sentence"),
    [
        ("near", {"beside": 1.0}, "À côté du compteur « Eau froide », il fait 2,1 °C : il peut geler."),
        ("freezing", {"beside": 1.0}, "À côté du compteur « Eau froide », il fait 2,1 °C : l’eau y gèle peut-être."),
        (
            "coming",
            {"beside": 1.0, "hours_to_0": 4.2},
            "À côté du compteur « Eau froide », il fait 2,1 °C, de plus en plus froid : il peut geler dans 4 heures environ.",
        ),
        ("cold", {}, "Le compteur « Eau froide » est à 2,1 °C, et la maison est vide."),
        ("cold", {"beside": 1.0}, "À côté du compteur « Eau froide », il fait 2,1 °C, et la maison est vide."),
    ],
)
def test_cold_is_said_with_whose_temperature_it_is(kind: str, grounds: dict[str, float], sentence: str) -> None:
    finding = Finding(Service.FROST, "eau", kind, TUESDAY, {"degrees_c": 2.1, "lowest_c": 1.9, **grounds})
    assert spaced(plain(say_frost(FR, Story(1, finding, NOW), "Eau froide", NOW).sentence)) == sentence
    over = spaced(plain(say_frost(FR, Story(1, finding, NOW, solved_at=NOW), "Eau froide", NOW).sentence))
    assert over == {
        "cold": "Il a fait froid au compteur pendant que la maison était vide : 1,9 °C au plus bas.",
        "near": "Le compteur a failli geler : 1,9 °C à côté de lui au plus bas.",
    }.get(kind, "Le compteur a failli geler : 1,9 °C à côté de lui au plus bas.")


def test_every_figure_that_may_be_chosen_has_its_words() -> None:
    assert set(away.LEAST_USED_WORDS) == set(absence.LEAST_USED_L)
    assert set(away.COLD_WORDS) == set(absence.COLD_C)


# -- the pages --------------------------------------------------------------------------------------------------------


async def test_it_is_said_on_a_page_and_ended_with_one_click(home: Home) -> None:
    assert '<a class="btn quiet" href="/away">Vous partez' in spaced(await home.text("/"))
    assert "La maison est vide jusqu’au vendredi 4 décembre 2026." in await sent(home, "/away", until="2026-12-04")
    assert absence.said(home.house.catalog) == Absence(NOW, at(2026, 12, 4))
    first = await home.text("/")
    assert "La maison est vide jusqu’au vendredi 4 décembre 2026." in spaced(shown(first))
    assert "Vous partez" not in first
    assert read(first).refused == []
    assert "La maison est vide" not in await sent(home, "/away/back", "/")
    assert absence.said(home.house.catalog) is None


async def test_without_a_day_it_lasts_until_somebody_says_otherwise(home: Home) -> None:
    await sent(home, "/away", how="open")
    home.clock.at += 300 * DAY
    assert "La maison est vide jusqu’à ce que vous disiez le contraire." in shown(await home.text("/"))


async def test_another_day_is_typed_and_who_left_is_not_taken_to_leave_again(home: Home) -> None:
    await sent(home, "/away", until="2026-12-04")
    home.clock.at += DAY
    assert 'value="2026-12-04"' in await home.text("/away")
    await sent(home, "/away", until="2026-12-08")
    assert absence.said(home.house.catalog) == Absence(NOW, at(2026, 12, 8))


@pytest.mark.parametrize("day", [date(2026, 11, 19), date(2026, 11, 18), date(2027, 11, 21), date.max, None])
async def test_a_day_that_cannot_be_is_said_and_nothing_changes(home: Home, day: date | None) -> None:
    text = await sent(home, "/away", status=422, until="soon" if day is None else day.isoformat())
    assert "Choisissez le jour du retour : demain au plus tôt, dans un an au plus tard." in text
    assert absence.said(home.house.catalog) is None


async def test_it_ends_by_itself_when_its_day_begins_and_the_first_page_says_so_for_a_week(home: Home) -> None:
    """The clocks go forward that night."""
    home.clock.at = at(2027, 3, 20, 12)
    await sent(home, "/away", until="2027-03-28")
    home.clock.at = at(2027, 3, 28) - 1
    assert "La maison est vide jusqu’au dimanche 28 mars" in spaced(shown(await home.text("/")))
    home.clock.at += 1
    ended = spaced(shown(await home.text("/")))
    assert "Vous aviez dit que la maison serait vide jusqu’au dimanche 28 mars 2027. Ce jour est venu" in ended
    assert "La maison est encore vide ?" in ended
    home.clock.at += 7 * DAY + 1
    assert "Vous aviez dit" not in await home.text("/")
    home.clock.at -= DAY
    assert "Vous aviez dit" not in await sent(home, "/away/back", "/")


async def test_it_outlives_a_restart_and_while_the_time_is_not_known_nothing_begins_or_ends(tmp_path: Path) -> None:
    async with open_home(tmp_path) as home:
        await sent(home, "/away", until="2026-11-20")
    async with open_home(tmp_path) as home:
        home.clock.at += 2 * DAY
        forget_time(home)
        assert "La maison est vide jusqu’au vendredi 20 novembre 2026." in spaced(shown(await home.text("/")))
        refused = await sent(home, "/away", status=409, until="2026-12-04")
        assert "Le boîtier ne sait pas l’heure en ce moment" in refused
        assert absence.said(home.house.catalog) == Absence(NOW, at(2026, 11, 20))


async def test_a_card_of_a_use_asks_whether_it_is_you(home: Home) -> None:
    alerts = home.access.alerts
    await sent(home, "/away", until="2026-12-04")
    (story,) = await alerts.tell(home.clock.at, Service.LEAK, [use()])
    page = await home.text("/")
    card = page.partition('class="sheet stack alerte"')[2].partition("</article>")[0]
    assert '<form method="post" action="/away/back">' in card
    assert "pas à pas" not in card
    for path in (f"/leak/{story.id}", f"/leak/{story.id}/letter"):
        assert "alors que la maison est vide" in shown(await home.text(path)) or path.endswith("letter")
    after = await sent(home, "/away/back", "/")
    assert "ont coulé" not in after, "until the next look it is still found, and somebody is back"
    await alerts.tell(home.clock.at, Service.LEAK, [])
    assert "la maison était vide" in shown(await home.text("/alerts"))


async def test_from_the_meter_to_the_page_and_back(home: Home) -> None:
    """In a home whose toilet runs, as the services know."""
    services = Watch(home.house, home.access.alerts)
    key = home.house.index_series("eau-froide")[0]
    latest = home.house.store.latest(key)
    assert latest is not None
    litres = latest.value

    async def lives(hours: float, l_per_h: int) -> str:
        nonlocal litres
        for _ in range(int(hours * 2)):
            home.clock.at += 1800
            litres += l_per_h // 2
            home.house.store.add([Point(key, Quantity.VOLUME, home.clock.at, litres, 0, main=True)])
        await services.look()
        return spaced(shown(await home.text("/")))

    assert "Le plus souvent, c’est une chasse d’eau qui fuit." in await lives(2, 16)
    await sent(home, "/away", until="2026-12-04")
    assert "Le plus souvent, c’est une chasse d’eau qui fuit." in await lives(12, 16)
    told = await lives(0.5, 300)
    assert "environ 280 litres d’eau ont coulé, alors que la maison est vide." in told
    assert "Le plus souvent, c’est une chasse d’eau qui fuit." not in told
    assert "ont coulé" not in await sent(home, "/away/back", "/")
    assert "Le plus souvent, c’est une chasse d’eau qui fuit." in await lives(1, 16)
    assert len(await home.access.alerts.history(9)) == 1, "one story: it is the same water"


async def test_what_is_told_meanwhile_is_chosen_here(home: Home) -> None:
    text = await sent(home, "/away/told", used="20", cold="6")
    assert "C’est gardé." in text
    assert (absence.least_used_l(home.house.catalog), absence.cold_c(home.house.catalog)) == (20, 6)
    for wrong in ({"used": "3", "cold": "5"}, {"used": "5"}, {"used": "5", "cold": "30"}):
        await sent(home, "/away/told", status=400, **wrong)
    assert (absence.least_used_l(home.house.catalog), absence.cold_c(home.house.catalog)) == (20, 6)


async def test_each_water_meter_says_how_it_is_watched(home: Home) -> None:
    assert "Son eau est surveillée : 30 min entre deux messages." in spaced(shown(await home.text("/away")))
    home.clock.at += 2 * DAY
    assert "On ne l’entend pas en ce moment" in shown(await home.text("/away"))


async def test_nobody_else_sees_that_a_house_is_empty(tmp_path: Path, furnished: Path) -> None:
    """A page of another role is the same, letter by letter, whether somebody is at home or not."""
    shutil.copytree(furnished, tmp_path, dirs_exist_ok=True)
    async with peopled(tmp_path) as home:
        pages = {
            Role.GUEST: ["/now", "/settings"],
            Role.INSTALLER: ["/meters", "/box", "/analyze", "/settings", "/api/v1/heard", "/api/v1/ports"],
            Role.LANDLORD: ["/state", "/settings"],
            None: ["/login", "/recover", "/welcome", "/api/v1/health"],
        }
        cookies = {role: await cookie(home, role) for role in pages}
        before: dict[tuple[Role | None, str], str] = {}
        after: dict[tuple[Role | None, str], str] = {}
        for found in (before, after):
            for role, paths in pages.items():
                for path in paths:
                    text = await home.text(path, cookies=cookies[role])
                    found[role, path] = re.sub(r'name="token" value="[^"]*"', "", text)
            home.house.catalog.set_setting(absence.SETTING, dict(Absence(NOW, None).as_setting))
            await home.access.alerts.tell(home.clock.at, Service.LEAK, [use()])
        assert before == after
        for role in (Role.GUEST, Role.INSTALLER, Role.LANDLORD):
            for path in ("/away", "/frost", "/alerts", "/api/v1/alerts"):
                await home.text(path, 403, cookies=cookies[role])


# -- the thermometer beside a meter -----------------------------------------------------------------------------------


def say_degrees(home: Home, point: str, register: str, tenths: int, moment: int) -> None:
    home.house.store.add([Point(SeriesKey(point, register), Quantity.TEMPERATURE, moment, tenths, -1)])


async def test_a_meter_without_a_temperature_is_said_to_have_none(home: Home) -> None:
    text = spaced(shown(await home.text("/frost")))
    assert "Ce compteur ne dit pas de température." in text
    assert "On ne sait rien du froid à ce compteur : aucun gel ne sera signalé." in text
    assert "Rien d’autre, chez vous, ne dit une température." in text


async def test_a_thermometer_is_chosen_beside_a_water_meter_and_taken_back(home: Home) -> None:
    home.house.catalog.adopt("thing:zigbee2mqtt-0x1", "Cellier", Medium.OTHER, NOW)
    say_degrees(home, "cellier", "temperature", 42, NOW - 120)
    say_degrees(home, "chauffage", "flow_temperature", 452, NOW - 120)
    page = await home.text("/frost")
    assert re.findall(r'<option value="([^"]*)"', page) == ["", "cellier:temperature"]
    assert "Cellier, 4,2 °C" in spaced(unescape(page))
    chosen = await sent(home, "/frost", "/frost", meter="eau-froide", thermometer="cellier:temperature")
    assert "À côté : Cellier 4,2 °C, il y a 2 min" in chosen
    assert "On ne sait rien du froid" not in chosen
    assert all_of(home.house.catalog) == {"eau-froide": Thermometer("cellier", "temperature")}
    home.clock.at += 7 * 3600
    stale = spaced(shown(await home.text("/frost")))
    assert "mais c’était il y a 7 h : cela ne dit rien de maintenant." in stale
    assert "On ne sait rien du froid" in stale
    say_degrees(home, "cellier", "temperature", -1270, home.clock.at)
    assert "−127,0 °C : c’est impossible" in spaced(shown(await home.text("/frost")))
    await sent(home, "/frost", "/frost", meter="eau-froide", thermometer="")
    assert all_of(home.house.catalog) == {}


async def test_of_a_thing_with_two_thermometers_each_has_its_name(home: Home) -> None:
    home.house.catalog.adopt("thing:tasmota-1", "Sonde", Medium.OTHER, NOW)
    for register in ("temperature", "external_temperature"):
        say_degrees(home, "sonde", register, 42, NOW)
    names = re.findall(r"<option[^>]*>(Sonde[^<]*)<", await home.text("/frost"))
    assert len(set(names)) == 2
    assert all("(" in name for name in names)


@pytest.mark.parametrize(
    ("meter", "thermometer", "status"),
    [("chauffage", "", 404), ("", "", 404), ("eau-froide", "maison:EAST", 400), ("eau-froide", "x", 400)],
)
async def test_what_is_no_water_meter_and_no_thermometer_is_refused(
    home: Home, meter: str, thermometer: str, status: int
) -> None:
    await sent(home, "/frost", "/frost", status, meter=meter, thermometer=thermometer)
    assert all_of(home.house.catalog) == {}
