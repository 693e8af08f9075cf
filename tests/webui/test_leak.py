"""The way to a leak as somebody walks it on a telephone, the rule of French law, the letter, and the price of water."""

import re
from datetime import timedelta
from decimal import Decimal
from pathlib import Path

import pytest

from drivers.model import Medium, Quantity, Reading, State, Telegram
from gateway.model import Point, SeriesKey
from gateway.services.model import Finding, Service
from tests.house import Clock
from tests.house import house as house_of
from tests.webui.home import NOW, TOML, WATER, Home, at, open_home, read, say
from webui import days
from webui.leak import Phase, going_on
from webui.price import DEFAULT, parse_price, price

L_PER_H = 360.0


class Tap:
    """The water meter, heard each ten seconds while time passes."""

    def __init__(self, home: Home) -> None:
        self.home = home
        view = home.house.point("eau-froide")
        assert view is not None
        assert view.index is not None
        self.litres = int(view.index.value)

    def passes(self, seconds: int, *, litres_each: int = 0) -> None:
        for _ in range(seconds // 10):
            self.home.clock.at += 10
            self.litres += litres_each
            reading = Reading("volume", Quantity.VOLUME, Decimal(self.litres), main=True)
            say(self.home.house, "radio", Telegram(WATER, State.DECODED, readings=(reading,)))


async def leak(home: Home, kind: str = "burst", **grounds: float) -> int:
    """A story of a leak that began two hours ago; its id."""
    now = home.clock.at
    found = grounds or {"l_per_h": L_PER_H, "lost_l": 2 * L_PER_H, "hours": 2.0}
    finding = Finding(Service.LEAK, "eau-froide", kind, now - 7200, found, 3)
    (story,) = await home.access.alerts.tell(now, Service.LEAK, [finding])
    return story.id


async def press(home: Home, path: str, do: str) -> str:
    fields = {**read(await home.text(path)).fields, "do": do}
    async with home.client.post(path, data=fields) as answer:
        assert answer.status == 200
        return text(await answer.text())


def text(page: str) -> str:
    return read(page).text.replace("\u202f", " ").replace("\xa0", " ")


async def test_the_way_to_a_toilet_is_walked_and_each_step_says_what_was_seen(home: Home) -> None:
    tap = Tap(home)
    tap.passes(600, litres_each=1)
    path = f"/leak/{await leak(home)}"
    assert "Fermez tous les robinets." in text(await home.text(path))
    said = await press(home, path, "begin")
    assert "1. Est-ce que de l’eau coule ? Ce que dit le compteur Coulé depuis que vous avez appuyé pas encore" in said
    tap.passes(20, litres_each=1)
    assert "De l’eau coule" not in text(await home.text(path)), "one reading says nothing yet"
    tap.passes(60, litres_each=1)
    said = text(await home.text(path))
    assert "De l’eau coule, alors que personne n’en prend." in said
    assert re.search("Débit *environ 350 litres par heure", said)
    assert "Si cela continuait, cela ferait 8 500 litres et 40 € par jour." in said
    assert "Coulé depuis que vous avez appuyé 6L" in said

    said = await press(home, path, "closed")
    assert "2. Et robinet d’arrêt fermé ?" in said
    tap.passes(100)
    assert "Laissez le robinet d’arrêt fermé, et attendez." in text(await home.text(path))
    tap.passes(60)
    assert "la fuite est chez vous, après le robinet d’arrêt" in text(await home.text(path))
    tap.passes(60, litres_each=5)
    assert "la fuite est chez vous" in text(await home.text(path)), "that it was opened takes nothing from it"

    await press(home, path, "again")
    tap.passes(60, litres_each=5)
    assert "L’eau coule de nouveau." in text(await home.text(path))
    await press(home, path, "valve")
    tap.passes(60, litres_each=1)
    assert "ce n’est pas celui-ci, ou pas lui seul" in text(await home.text(path))
    assert "2 W.-C. sont fermés." in await press(home, path, "valve")
    tap.passes(200)
    assert "la fuite est au dernier W.-C. que vous avez fermé" in text(await home.text(path))
    assert "Fermez tous les robinets." in await press(home, path, "end")


async def test_what_moves_with_the_stopcock_closed_is_before_it(home: Home) -> None:
    tap = Tap(home)
    tap.passes(600, litres_each=1)
    path = f"/leak/{await leak(home)}"
    for do in ("begin", "closed"):
        await press(home, path, do)
        tap.passes(60, litres_each=1)
    assert "l’eau se perd entre le compteur et le robinet d’arrêt" in text(await home.text(path))


async def test_no_button_leads_where_the_readings_do_not(home: Home) -> None:
    tap = Tap(home)
    tap.passes(600, litres_each=1)
    story = await leak(home)
    path = f"/leak/{story}"
    for do in ("closed", "again", "valve", "nonsense"):
        await press(home, path, do)
        assert going_on(home.house, story) is None
    await press(home, path, "begin")
    for do in ("closed", "again", "valve", ""):
        await press(home, path, do)
        begun = going_on(home.house, story)
        assert begun is not None
        assert begun.phase is Phase.OPEN
    tap.passes(200)
    assert "Rien n’a coulé depuis" in text(await home.text(path))
    await press(home, path, "closed")
    begun = going_on(home.house, story)
    assert begun is not None
    assert begun.phase is Phase.OPEN


async def test_with_the_stopcock_still_closed_no_valve_is_blamed(home: Home) -> None:
    tap = Tap(home)
    tap.passes(600, litres_each=1)
    story = await leak(home)
    path = f"/leak/{story}"
    await press(home, path, "begin")
    tap.passes(60, litres_each=1)
    await press(home, path, "closed")
    tap.passes(200)
    await press(home, path, "again")
    tap.passes(200)
    assert "le robinet d’arrêt est resté fermé" in text(await home.text(path))
    await press(home, path, "valve")
    test = going_on(home.house, story)
    assert test is not None
    assert test.phase is Phase.AGAIN


async def test_a_corrected_dial_is_no_water_that_runs(home: Home) -> None:
    tap = Tap(home)
    tap.passes(600, litres_each=1)
    path = f"/leak/{await leak(home)}"
    await press(home, path, "begin")
    tap.passes(60)
    key = SeriesKey("eau-froide", "volume")
    home.clock.at += 10
    await home.house.store.run(home.house.store.swap, key, home.clock.at, tap.litres, tap.litres + 500, 0)
    home.house.collect.counted_on(key)
    tap.litres += 500
    tap.passes(60)
    said = text(await home.text(path))
    assert "De l’eau coule" not in said
    assert "Rien n’a coulé" not in said


async def test_a_test_is_over_after_a_day_and_belongs_to_its_story(home: Home) -> None:
    tap = Tap(home)
    tap.passes(600, litres_each=1)
    story = await leak(home)
    await press(home, f"/leak/{story}", "begin")
    assert going_on(home.house, story) is not None
    assert going_on(home.house, story + 1) is None
    home.clock.at += 86_400
    assert going_on(home.house, story) is None


async def test_a_meter_heard_once_a_day_is_read_by_hand(tmp_path: Path) -> None:
    with house_of(tmp_path, TOML, Clock(NOW)) as built:
        built.catalog.adopt(str(WATER), "Eau froide", Medium.WATER, NOW - 40 * 86_400)
        key = SeriesKey("eau-froide", "volume")
        built.store.add(
            [
                Point(key, Quantity.VOLUME, NOW - day * 86_400, 90_000 - 200 * day, 0, main=True)
                for day in range(40, 0, -1)
            ]
        )
    async with open_home(tmp_path) as home:
        story = await leak(home, "days", l_per_day=700.0, usual_l_per_day=200.0, days=4.0)
        page = await home.text(f"/leak/{story}")
        said = text(page)
        assert "Cela fait 500 litres et 2,20 € de plus par jour." in said
        assert "votre compteur parle trop rarement (24 heures entre deux messages). Lisez son cadran vous-même" in said
        assert "Notez tous les chiffres du compteur" in said
        assert "commencer" not in said
        await press(home, f"/leak/{story}", "begin")
        assert going_on(home.house, story) is None


async def test_a_day_that_took_far_more_has_its_page_without_a_flow_that_nobody_knows(home: Home) -> None:
    story = await leak(home, "day", litres=2400.0, most_l=400.0, interval_s=86_400.0)
    said = text(await home.text(f"/leak/{story}"))
    assert "En un jour, la maison a pris environ 2 400 litres d’eau." in said
    assert "de plus par jour" not in said


async def test_the_page_holds_to_the_content_policy_has_no_id_twice_and_comes_again_without_a_script(
    home: Home,
) -> None:
    tap = Tap(home)
    tap.passes(600, litres_each=1)
    path = f"/leak/{await leak(home)}"
    before = await home.text(path)
    assert 'http-equiv="refresh"' not in before
    await press(home, path, "begin")
    during = await home.text(path)
    # With its address: where that ends in `#test`, a page is not loaded again by the seconds alone.
    assert f'<noscript><meta http-equiv="refresh" content="10;url={path}"></noscript>' in during
    assert 'data-watch="eau-froide:volume:0"' in during
    for page in (before, during, await home.text(f"{path}/letter")):
        reader = read(page)
        assert reader.refused == []
        assert len(reader.ids) == len(set(reader.ids))


@pytest.mark.parametrize("asked", ["0", "7", "x", "1" * 30, "-1", "²"])
async def test_what_is_no_leak_has_no_page(home: Home, asked: str) -> None:
    await home.text(f"/leak/{asked}", 404)
    await home.text(f"/leak/{asked}/letter", 404)


# Price


async def test_a_price_is_the_mean_until_somebody_types_another_and_is_in_the_sentence(home: Home) -> None:
    path = f"/leak/{await leak(home, 'toilet', l_per_h=10.0, lost_l=20.0)}"
    assert price(home.house).euros == DEFAULT
    said = text(await home.text(path))
    assert "240 litres et 1 € par jour" in said
    assert "Moyenne en France, à remplacer par celui de votre facture" in said
    fields = {**read(await home.text(path)).fields, "price": "9,00 €"}
    async with home.client.post(f"{path}/price", data=fields) as answer:
        said = text(await answer.text())
    assert "240 litres et 2 € par jour" in said
    assert price(home.house).euros == 9
    async with home.client.post(f"{path}/price", data={**fields, "price": "beaucoup"}) as answer:
        assert answer.status == 422
        page = await answer.text()
    assert "par exemple 4,35" in text(page)
    assert read(page).fields["price"] == "beaucoup"
    assert price(home.house).euros == 9


def test_prices_as_they_are_typed() -> None:
    assert parse_price("4,35 €") == parse_price(" 4.35") == Decimal("4.35")
    for wrong in ("", "0", "0,05", "51", "-4", "1e1", "4,3,5", "4 .", "nan"):
        assert parse_price(wrong) is None


# The rule


async def letter(home: Home, story: int, query: str = "") -> str:
    return text(await home.text(f"/leak/{story}/letter{query}"))


async def test_of_a_toilet_it_is_said_first_that_the_rule_is_not_for_it(home: Home) -> None:
    toilet = await letter(home, await leak(home, "toilet", l_per_h=10.0, lost_l=20.0))
    assert toilet.index("n’est pas couvert par cette règle") < toilet.index("à vérifier auprès de votre service d’eau")


async def test_with_fewer_than_three_years_each_figure_is_said_and_no_mean(home: Home) -> None:
    story = await leak(home, "pipe", l_per_h=80.0, lost_l=200.0)
    day = days.today(home.house.zone, NOW) - timedelta(days=20)
    said = await letter(home, story, f"?from={day.isoformat()}")
    assert "le boîtier n’en connaît qu’une" in said
    assert said.count("8,0 m³") == 2
    assert said.count("inconnu") == 2
    assert "fois la moyenne" not in said
    assert "Je vous prie de comparer ce qui a coulé depuis votre dernier relevé" in said
    assert "n° 23 118 604" in said


async def three_years(folder: Path, litres_a_day: tuple[int, ...]) -> None:
    """A water meter of four years, said each day; so much a day in each, the newest first."""
    with house_of(folder, TOML, Clock(NOW)) as built:
        built.catalog.adopt(str(WATER), "Eau froide", Medium.WATER, at(2022, 1, 1))
        key, value, points = SeriesKey("eau-froide", "volume"), 0, []
        moment = at(2022, 11, 1)
        while moment <= NOW:
            points.append(Point(key, Quantity.VOLUME, moment, value, 0, main=True))
            years_ago = (NOW - moment) // (365 * 86_400)
            value += litres_a_day[min(years_ago, len(litres_a_day) - 1)] // 24
            moment += 3600
        built.store.add(points)
        built.store.fold()


@pytest.mark.parametrize(("now_l", "abnormal"), [(960, True), (480, False), (456, False)])
async def test_with_three_years_the_factor_is_said_and_the_letter_says_it_where_it_is_abnormal(
    tmp_path: Path, now_l: int, abnormal: bool
) -> None:
    await three_years(tmp_path, (now_l, 240, 240, 240))
    async with open_home(tmp_path) as home:
        story = await leak(home, "pipe", l_per_h=80.0, lost_l=200.0)
        day = days.today(home.house.zone, NOW) - timedelta(days=100)
        said = await letter(home, story, f"?from={day.isoformat()}")
        assert ("selon cette règle, c’est anormal" in said) is abnormal
        assert ("n’est pas anormal pour l’instant" in said) is not abnormal
        assert ("c’est 4,0 fois plus" in said) is abnormal
        assert ("Je vous prie de comparer" in said) is not abnormal
        unasked = await letter(home, story)
        assert "Ce sont les six derniers mois" in unasked
        assert "Je vous prie de comparer" in unasked, "a figure of a time that nobody chose is in no letter"
        english = text(await home.text(f"/leak/{story}/letter?lang=en&from={day.isoformat()}"))
        assert "Madame, Monsieur," in english
        assert "Dear Sir or Madam," in english
        for wrong in ("2019-01-01", "x", "2030-01-01", ""):
            await home.text(f"/leak/{story}/letter?from={wrong}", 422)
