"""What was put right, as `/data` says it: by the box, by somebody at the dial; each with its way back, those taken back, too."""

from pathlib import Path

from drivers.model import Medium
from tests.contacts import GAS
from tests.gateway.test_turned import FULL, WATER, hear
from tests.webui.home import LINKY, Home, open_home, read
from tests.webui.test_dial import PAGE, pulse, send, text

NEW_LINKY = "tic:041875000099"


def section(page: str) -> str:
    """What the section says."""
    return page.partition('id="rectify"')[2].partition("</section>")[0]


def form(page: str) -> dict[str, str]:
    """The fields of its first form."""
    said = section(page) or page
    return read("<form" + said.partition("<form")[2].partition("</form>")[0] + "</form>").fields


async def test_where_nothing_was_put_right_it_says_so_and_where_the_rest_is_changed(home: Home) -> None:
    page = section(await home.text("/data"))
    assert "Rien n’a dû être corrigé jusqu’ici." in page
    for link in ("/meters", "/import", "#erase"):
        assert f'href="{link}"' in page
    assert "<form" not in page


async def test_an_index_that_began_anew_is_listed_taken_back_there_and_then_said_to_be(tmp_path: Path) -> None:
    async with open_home(tmp_path) as home:
        home.house.catalog.adopt(str(WATER), "Eau", Medium.WATER, home.clock.at)
        await hear(home.house, home.clock, FULL - 20, FULL - 10, FULL, FULL + 1, FULL + 2)
        page = await home.text("/data")
        assert read(page).refused == []
        assert "Son index est reparti de zéro, après 100 000,0 m³." in text(section(page))
        assert "Annulé depuis" not in page
        fields = form(page)
        async with home.client.post("/meters/uncount", data=fields) as answer:
            assert answer.url.path_qs == "/data"
            page = await answer.text()
        assert "Son index est reparti de zéro, après 100 000,0 m³. Votre" in text(section(page))
        assert "Annulé depuis" in section(page)
        assert "/meters/uncount" not in page


async def test_what_was_told_of_a_dial_is_listed_and_its_last_correction_is_taken_back_there(tmp_path: Path) -> None:
    async with open_home(tmp_path, toml=GAS) as home:
        pulse(home, 123)
        for typed in ("1234,56", "1300"):
            home.clock.at += 3600
            asked = (await send(home, "/meters/dial", await home.text(PAGE), dial=typed))[1]
            await send(home, "/meters/dial/correct", asked, weigh="no")
        page = section(await home.text("/data"))
        said = text(page)
        assert said.index("Index porté à 1 300,000 m³") < said.index("Index porté à 1 234,560 m³")
        assert page.count('action="/meters/dial/undo"') == 1
        assert 'href="/meters/dial?point=gaz"' in page
        fields = form(page)
        async with home.client.post("/meters/dial/undo", data=fields) as answer:
            assert (answer.status, answer.url.path) == (200, "/data")
        assert [int(one.dial) for one in home.house.dials.corrections("gaz")] == [1_234_560, 1_300_000, 1_234_560]


async def test_a_meter_that_was_exchanged_is_listed_and_taken_apart_there_while_it_is_fresh(home: Home) -> None:
    home.house.catalog.exchange(NEW_LINKY, home.clock.at, "maison")
    page = await home.text("/data?lang=en")
    said = text(section(page))
    assert "Maison" in said
    assert "The meter was exchanged: n° 0412 7612 3456 before, n° 0418 7500 0099 since." in said
    fields = form(page)
    async with home.client.post("/meters/apart", data=fields) as answer:
        assert answer.url.path == "/data"
    assert {view.point.name for view in home.house.points()} > {"Maison", "Maison 2"}
    home.house.catalog.exchange("tic:041875000098", home.clock.at, "maison")
    home.clock.at += 90 * 86_400
    old = section(await home.text("/data"))
    assert "The meter was exchanged" in old
    assert "/meters/apart" not in old
    assert home.house.catalog.standing("maison")[0].address == str(LINKY)


async def test_only_the_newest_corrections_are_shown_and_how_many_more_there_are(home: Home) -> None:
    key = home.house.index_series("maison")[0]
    for number in range(53):
        await home.house.store.run(
            home.house.store.swap, key, home.clock.at - 86_400 + number, 5_000_000, 1 + number, 0
        )
    page = section(await home.text("/data?lang=en"))
    assert page.count("as when a meter is exchanged") == 50
    assert "And 3 older ones" in text(page)
