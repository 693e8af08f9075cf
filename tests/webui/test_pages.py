"""The pages of a furnished home, as a browser without JavaScript gets them."""

import re
from pathlib import Path

import pytest
from yarl import URL

from drivers.model import Address, State, Telegram
from gateway.views import Hears, Listening
from tests.webui.home import CLEAR, KEY, LINKY, LOCKED, Home, at, furnish, open_home, read, say, water_frame
from webui.assets import FOLDER
from webui.meters import HEARD_SHOWN_MAX

PAGES = ("/", "/history/maison", "/history/maison?by=day", "/history/maison?by=year", "/history/chauffage?by=day",
         "/meters", "/import", "/data", "/data/give", "/data/ledger", "/box", "/settings", "/week")  # fmt: skip


async def test_today_says_the_kilowatt_hours_of_the_day(home: Home) -> None:
    text = read(await home.text("/")).text
    assert re.search(r"Aujourd’hui, la maison a pris 9,[0-9]\u00a0kWh d’électricité", text), text[:400]
    assert "comme un jeudi ordinaire" in text
    assert re.search(r"Il a coulé [23]\d\d\u00a0L d’eau froide", text)


async def test_english_is_whole_too(home: Home) -> None:
    text = read(await home.text("/?lang=en")).text
    assert re.search(r"Today the home has taken 9\.[0-9]\u00a0kWh of electricity: like an ordinary Thursday\.", text)
    assert "Aujourd" not in text


async def test_the_language_is_remembered_by_this_browser(home: Home) -> None:
    assert 'lang="en"' in (await home.text("/?lang=en"))[:60]
    assert 'lang="en"' in (await home.text("/meters"))[:60]


@pytest.mark.parametrize("language", ["fr", "en"])
@pytest.mark.parametrize("path", PAGES)
async def test_nothing_in_a_page_needs_more_than_the_policy_allows(home: Home, path: str, language: str) -> None:
    async with home.client.get(path, params={"lang": language}) as answer:
        assert answer.status == 200
        assert "'unsafe" not in answer.headers["Content-Security-Policy"]
        assert answer.headers["Cache-Control"] == "no-store"
        reader = read(await answer.text())
    assert reader.refused == []
    assert len(reader.ids) == len(set(reader.ids))


@pytest.mark.parametrize("path", PAGES)
async def test_every_page_says_up_to_when_everything_is_saved(home: Home, path: str) -> None:
    home.house.store.commit()
    assert "Tout est enregistré jusqu’à 18:42:07" in read(await home.text(path)).text


async def test_a_printed_page_says_of_which_year_it_is(home: Home) -> None:
    assert "jeudi 19\u00a0novembre 2026, 18\u00a0h\u00a042" in read(await home.text("/")).text


@pytest.mark.parametrize("path", PAGES)
async def test_french_is_set_as_french(home: Home, path: str) -> None:
    text = read(await home.text(path)).text
    assert "'" not in text
    for wrong in (" ;", " !", " ?", " %", " :", " »", "« ", "n° "):
        assert wrong not in text, (wrong, text[max(0, text.index(wrong) - 40) : text.index(wrong) + 10])
    assert not re.search(r"\d (kWh|L|m³|W|h|min|s)\b", text)


async def test_a_silent_meter_says_since_when_and_its_day_stops_there(home: Home) -> None:
    text = read(await home.text("/")).text
    assert "muet depuis aujourd’hui à 15\u00a0h\u00a030" in text
    assert "Jusqu’à 15\u00a0h\u00a030" in text
    assert "0,5 (jusqu’à 15\u00a0h\u00a030)" in text  # the table does not pass off half an hour as a whole one
    page = await home.text("/")
    card = page[page.index('data-fresh="card-chauffage"') :]
    assert 'class="gap"' in card[: card.index("</article>")]


async def test_yesterday_is_one_step_from_today(home: Home) -> None:
    page = await home.text("/")
    card = page[page.index('data-fresh="card-maison"') :]
    found = re.search(
        r'<a href="(/history/maison\?by=day&amp;at=2026-11-18)">Hier</a></th>\s*<td class="n">12,0<', card
    )
    assert found is not None, card[:1200]
    text = read(await home.text(found[1].replace("&amp;", "&"))).text
    assert "Le mercredi 18\u00a0novembre 2026\u00a0: 12,0\u00a0kWh" in text


async def test_what_a_meter_says_of_itself_is_in_the_readers_words(home: Home) -> None:
    said = Telegram(LINKY, State.DECODED, status=("over subscribed power", "clock degraded"))
    say(home.house, "linky", said)
    for path in ("/", "/meters"):
        assert "plus de puissance que le contrat n’en prévoit\u202f; son horloge" in read(await home.text(path)).text
        english = read(await home.text(f"{path}?lang=en")).text
        assert "The meter itself says: more power is drawn than the contract allows; its clock may be wrong." in english
        await home.text("/?lang=fr")


async def test_names_are_shown_as_they_were_typed_and_never_as_markup(home: Home) -> None:
    home.house.rename("maison", '<script>alert("x")</script>')
    for path in ("/", "/meters", "/history/maison", "/data"):
        page = await home.text(path)
        assert "<script>alert" not in page
        assert "&lt;script&gt;" in page


async def test_a_gap_is_a_frame_with_its_total_and_no_bar(tmp_path: Path) -> None:
    async with open_home(tmp_path) as home:
        furnish(home.house, gap=(at(2026, 10, 14, 10), at(2026, 10, 16, 15)))
        page = await home.text("/history/maison?by=month&at=2026-10-01")
        text = read(page).text
        assert page.count('class="gap"') == 2  # the drawing and its key
        assert "36,0\u00a0kWh en 3 jours" in text.replace("3\u00a0jours", "3 jours")
        assert text.count("pas de relevé") >= 3
        bars = re.search(r'class="sb" stroke-width="0.7" d="([^"]+)"', page)
        assert bars is not None
        assert bars[1].count("M") == 31 - 3


async def test_days_of_23_and_25_hours_have_23_and_25_hours(home: Home) -> None:
    for day, hours in (("2026-03-29", 23), ("2026-10-25", 25), ("2026-10-26", 24)):
        page = await home.text(f"/history/eau-froide?by=day&at={day}")
        assert page.count('<th scope="row">') == hours, day
    text = read(await home.text("/history/eau-froide?by=day&at=2026-10-25")).text
    assert "400\u00a0L d’eau froide" in text  # 50 half-hours of 8 L


async def test_the_months_before_the_first_reading_are_neither_bars_nor_gaps(home: Home) -> None:
    page = await home.text("/history/maison?by=year&at=2025-01-01")
    assert 'class="gap"' not in page
    assert "Les relevés commencent le" in read(page).text


@pytest.mark.parametrize("query", ["by=week", "at=2026-13-01", "at=1850-01-01", "at=2030-01-01", "at=x"])
async def test_a_period_that_cannot_be_is_not_found(home: Home, query: str) -> None:
    await home.text(f"/history/maison?{query}", status=404)


async def test_an_unknown_page_is_said_in_a_sentence(home: Home) -> None:
    assert "Ce boîtier n’a pas cette page." in read(await home.text("/nowhere", status=404)).text


async def test_every_class_of_a_page_has_its_place_in_the_style(home: Home) -> None:
    style = (FOLDER / "releve.css").read_text(encoding="utf-8")
    depth = 0
    for character in re.sub(r"/\*.*?\*/", "", style, flags=re.DOTALL):
        depth += (character == "{") - (character == "}")
        assert 0 <= depth <= 2  # a rule, at most inside one @media
    assert depth == 0
    home.house.collect.frame("radio", water_frame(LOCKED, 84_120, KEY))
    styled = set(re.findall(r"\.([a-z][\w-]*)", style))
    for path in (*PAGES, f"/meters/add?address={LOCKED}", "/nowhere"):
        async with home.client.get(path) as answer:
            used = {name for names in re.findall(r'class="([^"]*)"', await answer.text()) for name in names.split()}
        assert used - styled == set(), path


async def test_no_link_of_a_page_leads_out_of_the_box(home: Home) -> None:
    for path, status in (("/", 200), ("/meters", 200), ("/data", 200), ("//evil.example/x", 404)):
        url = URL(f"http://{home.client.host}:{home.client.port}{path}", encoded=True)
        async with home.client.session.get(url) as answer:
            assert answer.status == status
            page = await answer.text()
        for link in re.findall(r'(?:href|src|action)="([^"]+)"', page):
            assert re.match(r"/(?!/)|#", link), (path, link)


async def test_an_empty_box_says_what_will_come(tmp_path: Path) -> None:
    async with open_home(tmp_path) as home:
        assert "Aucun compteur n’a encore été entendu." in read(await home.text("/")).text
        for path in ("/history", "/meters", "/data", "/box", "/settings"):
            read(await home.text(path))


async def take(home: Home, address: str, **fields: str) -> tuple[int, str, str]:
    """Fill in the form of a heard meter as a person does."""
    form = read(await home.text("/meters/add", params={"address": address})).fields
    async with home.client.post("/meters/add", data={**form, **fields}) as answer:
        return answer.status, str(answer.url), read(await answer.text()).text


async def test_a_heard_meter_becomes_mine_and_shows_its_first_value(home: Home) -> None:
    home.house.collect.frame("radio", water_frame(CLEAR, 612_483))
    text = read(await home.text("/meters")).text
    assert "23\u00a0118\u00a0611" in text
    assert "612" not in text.replace("0412\u00a07612\u00a03456", "")  # its label was read, never what it measures
    status, url, text = await take(home, str(CLEAR), name="Jardin")
    assert (status, "/meters/added" in url) == (200, True)
    assert "Ce compteur est le vôtre." in text
    home.house.collect.frame("radio", water_frame(CLEAR, 612_484))
    assert "Jardin" in read(await home.text("/")).text
    assert 'aria-label="612,484 m³"' in await home.text("/meters")


async def test_a_made_up_crowd_of_meters_does_not_weigh_on_the_page(home: Home) -> None:
    home.house.collect.frame("radio", water_frame(CLEAR, 1))
    for n in range(HEARD_SHOWN_MAX + 49):
        home.house.collect.frame("radio", water_frame(Address("wmbus", f"{30_000_000 + n}", "ZZZ", 1, 7), 1))
    home.house.collect.frame("radio", water_frame(CLEAR, 1))
    page = await home.text("/meters")
    assert page.count("/meters/add?address=") == HEARD_SHOWN_MAX
    assert "23\u00a0118\u00a0611" in page
    assert re.search(r"Et 50\sautres, entendus moins souvent\.", read(page).text)


async def test_the_right_key_opens_a_locked_meter_at_once(home: Home) -> None:
    home.house.collect.frame("radio", water_frame(LOCKED, 84_120, KEY))
    _, _, text = await take(home, str(LOCKED), name="Eau chaude", key=KEY.hex(" ", 4))
    assert "il se lit" in text
    assert "84,120" in text


async def test_a_wrong_key_is_said_clearly_and_can_be_typed_again(home: Home) -> None:
    home.house.collect.frame("radio", water_frame(LOCKED, 84_120, KEY))
    _, _, text = await take(home, str(LOCKED), name="Eau chaude", key="00" * 16)
    assert "Cette clé n’ouvre pas les messages de ce compteur." in text
    page = read(await home.text("/meters"))
    assert "la clé ne convient pas" in page.text
    fields = {"token": page.fields["token"], "address": str(LOCKED), "key": KEY.hex()}
    async with home.client.post("/meters/key", data=fields) as answer:
        assert "il se lit" in read(await answer.text()).text


async def test_a_key_may_come_later(home: Home) -> None:
    home.house.collect.frame("radio", water_frame(LOCKED, 84_120, KEY))
    _, _, text = await take(home, str(LOCKED), name="Eau chaude", key="")
    assert "Ses messages attendent la clé." in text
    assert "clé manquante" in read(await home.text("/")).text


@pytest.mark.parametrize(
    ("fields", "said"),
    [({"key": "abc"}, "Une clé a 32\u00a0caractères"), ({"key": "g" * 32}, "Une clé a 32\u00a0caractères"), ({"name": " "}, "Il faut un nom")],
)  # fmt: skip
async def test_a_form_filled_in_wrongly_says_what_is_needed(home: Home, fields: dict[str, str], said: str) -> None:
    home.house.collect.frame("radio", water_frame(LOCKED, 84_120, KEY))
    status, _, text = await take(home, str(LOCKED), **{"name": "Eau", **fields})
    assert status == 422
    assert said in text
    assert home.house.catalog.meter(str(LOCKED)) is None


async def test_a_typed_key_comes_back_in_no_page(home: Home) -> None:
    home.house.collect.frame("radio", water_frame(LOCKED, 84_120, KEY))
    form = read(await home.text("/meters/add", params={"address": str(LOCKED)})).fields
    wrong = "0123456789abcdef0123456789abcde"
    async with home.client.post("/meters/add", data={**form, "key": wrong}) as answer:
        assert wrong not in await answer.text()


async def test_a_point_gets_another_name(home: Home) -> None:
    fields = read(await home.text("/meters")).fields
    async with home.client.post(
        "/meters/name", data={**fields, "point": "maison", "name": "Tout  l'appartement"}
    ) as answer:
        assert answer.status == 200
    view = home.house.point("maison")
    assert view is not None
    assert view.point.name == "Tout l'appartement"


async def test_the_box_page_shows_what_was_refused(home: Home) -> None:
    home.house.collect.lost("linky", "the cable was pulled")
    text = read(await home.text("/box")).text
    assert "fermée depuis aujourd’hui à 18\u00a0h\u00a042" in text
    assert "Vérifiez que son câble est bien branché" in text
    assert "the cable was pulled" in text
    assert "coupures de la ligne" in text


@pytest.mark.parametrize(
    ("listening", "french", "english"),
    [
        (Listening(Hears.GROUPS, (1200,), "historique"), "· mode historique, 1200 bauds", "· historique mode, 1200 baud"),
        (Listening(Hears.GROUPS, (), "standard"), "(TIC) · mode standard", "(TIC) · standard mode"),
        (Listening(Hears.NOTHING, (9600, 1200)), "Rien n’arrive sur cette ligne.", "the terminals I1 and I2"),
        (Listening(Hears.NOISE, (9600, 1200)), "il essaie tour à tour les vitesses", "it tries the speeds of the meter"),
        (Listening(Hears.NOISE, (1200,)), "à la vitesse de 1200 bauds que dit", "at the 1200 baud that its configuration"),
        (Listening(Hears.NOISE), "L’autre bout doit lire le compteur", "The other end must read the meter"),
    ],
)  # fmt: skip
async def test_a_line_says_in_which_mode_it_is_heard_or_what_to_look_at_when_it_is_not(
    home: Home, listening: Listening, french: str, english: str
) -> None:
    home.house.collect.listening("linky", listening)
    assert french in read(await home.text("/box?lang=fr")).text
    assert english in read(await home.text("/box?lang=en")).text
    (line, _) = (await home.json("/api/v1/ports"))["ports"]
    assert line["listening"] == {"hears": listening.hears, "mode": listening.mode, "bauds": list(listening.bauds)}
