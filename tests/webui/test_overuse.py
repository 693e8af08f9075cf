"""Over-use as a person reads it, and the page on which its owner says from how much on, and which thermometer is outside."""

import re
from html import unescape
from zoneinfo import ZoneInfo

import pytest

from drivers.model import Quantity
from gateway.habits import LEAST_MORE, NEVER, OUTSIDE, least_more, outside_thermometer
from gateway.model import Point, SeriesKey
from gateway.services import habit
from gateway.services.model import Finding, Service, Story
from tests.webui.home import NOW, Home, at, read
from webui.overuse import say_habit
from webui.words import Words, plain

FR, EN = (Words(language, ZoneInfo("Europe/Paris")) for language in ("fr", "en"))
SINCE, UNTIL = at(2026, 11, 11), at(2026, 11, 19)
GROUNDS = {
    "electricity_wh_per_day": 23_210.0,
    "usual_electricity_wh_per_day": 15_060.0,
    "limit_electricity_wh_per_day": 3_765.0,
    "days": 8.0,
    "past_days": 393.0,
    "degrees_c": 4.27,
    "electricity_wh_per_degree": 1_040.0,
    "night_w": 1_204.0,
    "usual_night_w": 872.0,
}


def more(kind: str = "more", grounds: dict[str, float] = GROUNDS, point: str = "maison") -> Finding:
    return Finding(Service.HABIT, point, kind, SINCE, grounds, habit.RANKS[kind])


def story(finding: Finding, solved_at: int | None = None, found_at: int = UNTIL) -> Story:
    return Story(1, finding, NOW - 3600, solved_at=solved_at, found_at=found_at)


def spaced(text: str) -> str:
    return re.sub(r"[\u00a0\u202f]", " ", plain(text))


def said(words: Words, finding: Finding, solved_at: int | None = None) -> str:
    return spaced(say_habit(words, story(finding, solved_at), "Maison", NOW).sentence)


def test_more_is_said_with_both_figures_and_what_it_is_compared_with() -> None:
    assert said(FR, more()) == (
        "Depuis 8 jours, le compteur « Maison » compte environ 23 kWh par jour, au lieu d’environ 15 kWh : 54 % de plus que "
        "d’habitude pour de tels jours."
    )
    assert said(EN, more()) == (
        "For 8 days the meter “Maison” has counted about 23 kWh a day, instead of about 15 kWh: 54% more than usual on such days."
    )
    assert "chauffe-eau" in say_habit(FR, story(more()), "Maison", NOW).what_to_do


@pytest.mark.parametrize(
    ("unit", "taken", "usual", "figures", "to_do"),
    [
        ("gas_l", 4_420.0, 3_350.0, "environ 4,4 m³ par jour, au lieu d’environ 3,4 m³", "0 800 47 33 33"),
        ("gas_wh", 44_200.0, 33_500.0, "environ 44 kWh par jour, au lieu d’environ 34 kWh", "0 800 47 33 33"),
        ("heat_wh", 61_000.0, 44_000.0, "environ 61 kWh par jour, au lieu d’environ 44 kWh", "thermostat"),
        ("heat_j", 219.6e6, 158.4e6, "environ 220 MJ par jour, au lieu d’environ 160 MJ", "thermostat"),
        ("hot_water_l", 204.0, 118.0, "environ 200 L par jour, au lieu d’environ 120 L", "chasse d’eau"),
    ],
)
def test_each_medium_has_its_unit_and_what_to_do(
    unit: str, taken: float, usual: float, figures: str, to_do: str
) -> None:
    finding = more(grounds={f"{unit}_per_day": taken, f"usual_{unit}_per_day": usual})
    assert figures in said(FR, finding)
    assert to_do in say_habit(FR, story(finding), "Maison", NOW).what_to_do
    assert len(say_habit(FR, story(finding), "Maison", NOW).grounds) == 5, "none is made up"


def test_every_unit_of_the_service_has_its_words() -> None:
    for unit, floor in habit.UNITS.values():
        grounds = {f"{unit}_per_day": 3 * floor, f"usual_{unit}_per_day": 2 * floor}
        assert "50 %" in said(FR, more(grounds=grounds))


def test_much_more_needs_no_share_and_none_where_nothing_is_usual() -> None:
    grounds = {"heat_wh_per_day": 40_000.0, "usual_heat_wh_per_day": 0.0}
    assert said(FR, more("much more", grounds)) == (
        "Depuis 8 jours, le compteur « Maison » compte environ 40 kWh par jour, au lieu d’environ 0 kWh : c’est beaucoup plus "
        "que d’habitude pour de tels jours."
    )


def test_what_is_over_is_past_and_what_became_a_habit_says_so() -> None:
    assert said(FR, more(), UNTIL + 86_400) == (
        "Pendant 8 jours, le compteur « Maison » a compté environ 23 kWh par jour, au lieu d’environ 15 kWh."
    )
    assert said(FR, more(), SINCE + 29 * 86_400).endswith("Le boîtier considère maintenant que c’est votre habitude.")
    assert not say_habit(FR, story(more(), UNTIL), "Maison", NOW).what_to_do


def test_each_ground_that_is_known_is_a_row() -> None:
    rows = [(spaced(label), spaced(figure)) for label, figure in say_habit(FR, story(more()), "Maison", NOW).grounds]
    assert rows == [
        ("Le compteur", "Maison"),
        ("Depuis", "mercredi 11 novembre"),
        ("Ces jours-ci", "environ 23 kWh par jour"),
        ("D’habitude, pour de tels jours", "environ 15 kWh par jour"),
        ("Signalé à partir de tant de plus", "environ 3,8 kWh par jour"),
        ("Comparé avec", "393 jours"),
        ("Dehors, en moyenne", "4,3 °C"),
        ("Par degré de froid en plus, d’habitude", "environ 1,0 kWh par jour"),
        ("Ces nuits, de 2 à 5 heures", "environ 1 200 W"),
        ("D’habitude, à ces heures", "environ 870 W"),
        ("Compté jusqu’à", "aujourd’hui à 0 h 00"),
    ]


# -- the pages --------------------------------------------------------------------------------------------------------


async def test_cold_water_is_told_with_its_price_and_without_a_script(home: Home) -> None:
    grounds = {"water_l_per_day": 620.0, "usual_water_l_per_day": 320.0}
    await home.access.alerts.tell(NOW, Service.HABIT, [more(grounds=grounds, point="eau-froide")])
    page = await home.text("/")
    assert read(page).refused == []
    text = spaced(" ".join(unescape(page).split()))
    assert "au lieu d’environ 320 L" in text
    assert "Cela fait environ 40 € de plus par mois." in text
    assert spaced(await home.text("/alerts")).count("au lieu d’environ") >= 1
    (row,) = (await home.json("/api/v1/alerts"))["alerts"]
    assert (row["service"], set(row["grounds"])) == ("habit", set(grounds))


async def test_its_owner_says_from_how_much_on_and_which_thermometer_is_outside(home: Home) -> None:
    wall = SeriesKey("chauffage", "external_temperature")
    home.house.store.add([Point(wall, Quantity.TEMPERATURE, NOW - 60, 83, -1)])
    page = await home.text("/alerts")
    assert "Chauffage, température extérieure" in spaced(page)
    token = read(page).fields["token"]

    async def keep(more: str, outside: str, status: int = 303) -> None:
        fields = {"token": token, "more": more, "outside": outside}
        async with home.client.post("/alerts/habit", data=fields, allow_redirects=False) as answer:
            assert answer.status == status

    await keep("50", str(wall))
    catalog = home.house.catalog
    assert (least_more(catalog), outside_thermometer(catalog)) == (50, wall)
    page = await home.text("/alerts?done=habit")
    assert re.search(r'<option value="50" selected>', page)
    assert f'<option value="{wall}" selected>' in page
    for more, outside in (("7", ""), ("50", "maison:EAST:0"), ("", "")):
        await keep(more, outside, 400)
    assert (catalog.setting(LEAST_MORE), catalog.setting(OUTSIDE)) == (50, str(wall))
    await keep("0", "")
    assert (least_more(catalog), outside_thermometer(catalog)) == (NEVER, None)
