"""What the pages say of a box that does not know the time, and what they take for an answer."""

from pathlib import Path

import pytest

from gateway.clock import Trust
from gateway.views import Live
from tests.webui.home import NOW, Home, furnish, open_home, read
from tests.webui.test_dial import text
from webui import live
from webui.page import SESSION_COOKIE

DAY = 86_400


def forget_time(home: Home) -> None:
    """The box is switched on again, three days in the past, and nobody tells it the time."""
    system = home.clock.system
    system.shows, system.synchronised, system.from_file = NOW - 3 * DAY, False, True
    home.clock.now()
    home.clock.look(None)


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"utc": str(NOW)}, "Un compteur ou l’un de vous l’a donnée"),
        ({"utc": "", "local": "2026-11-19T18:42:07"}, "Un compteur ou l’un de vous l’a donnée"),
        ({"utc": "", "local": "hier"}, "Il faut un jour et une heure."),
        ({"utc": "9" * 30, "local": ""}, "Il faut un jour et une heure."),
        ({"utc": "", "local": "0001-01-01T00:00:00"}, "Il faut un jour et une heure."),
        ({"utc": "", "local": "9999-12-31T23:59"}, "Il faut un jour et une heure."),
        ({"utc": str(NOW - 30 * DAY)}, "Le boîtier a des relevés plus récents que cette heure."),
    ],
)
async def test_a_person_tells_the_time(tmp_path: Path, fields: dict[str, str], said: str) -> None:
    async with open_home(tmp_path) as home:
        assert "Le boîtier la règle sur l’heure du réseau." in text(await home.text("/box"))
        furnish(home.house)
        forget_time(home)
        page = await home.text("/box")
        assert "Le boîtier ne le sait pas encore." in text(page)
        assert "Il ne sait pas quand il a été démarré." not in text(page)  # that was before
        assert read(page).refused == []
        async with home.client.post("/box/time", data={"token": read(page).fields["token"], **fields}) as answer:
            assert answer.status == 200
            assert said in text(await answer.text())


async def test_where_nobody_has_said_the_time_for_a_month_the_box_asks_for_it_on_its_page(tmp_path: Path) -> None:
    async with open_home(tmp_path) as home:
        home.clock.system.synchronised = False  # the network went: what it said holds until the next start
        for days, asks in ((29, False), (2, True)):
            home.clock.system.passes(days * DAY)
            home.clock.look(None)
            assert ('name="local"' in await home.text("/box")) is asks
        page = read(await home.text("/box"))
        async with home.client.post("/box/time", data={**page.fields, "utc": str(home.clock.at)}) as answer:
            assert "Un compteur ou l’un de vous l’a donnée" in text(await answer.text())
        assert home.house.unvouched_s == 0


async def test_every_page_says_that_the_time_is_not_known(tmp_path: Path) -> None:
    async with open_home(tmp_path) as home:
        assert "Quelle heure est-il ?" not in text(await home.text("/"))
        forget_time(home)
        assert (await home.json("/api/v1/points"))["dating"] is False
        for path in ("/", "/history", "/meters", "/data"):
            assert "Quelle heure est-il ?" in text(await home.text(path))


async def test_nobody_tells_the_box_its_own_wrong_time_by_pressing_the_button(tmp_path: Path) -> None:
    async with open_home(tmp_path) as home:
        forget_time(home)
        assert read(await home.text("/box")).fields.get("local", "") == ""


async def test_a_session_does_not_live_for_years_because_a_clock_was_once_ahead(tmp_path: Path) -> None:
    async with open_home(tmp_path) as home:
        system = home.clock.system
        system.shows += 3650 * DAY
        token = await home.access.open_session("192.0.2.1", "Firefox")
        system.shows -= 3650 * DAY
        home.clock.look(None)
        system.passes(400 * DAY)
        assert await home.access.session(token) is None


async def test_who_tells_the_time_after_a_long_absence_stays_logged_in(tmp_path: Path) -> None:
    async with open_home(tmp_path, password=True) as home:
        system = home.clock.system
        system.shows, system.synchronised, system.from_file = NOW - 90 * DAY, False, True
        home.clock.now()
        home.clock.look(None)
        await home.access.set_password("a good one", first=True)
        cookie = {SESSION_COOKIE: await home.access.open_session("127.0.0.1", "Firefox")}
        page = await home.text("/box", cookies=cookie)
        data = {"token": read(page).fields["token"], "utc": str(NOW)}
        async with home.client.post("/box/time", data=data, cookies=cookie) as answer:
            assert answer.url.path == "/box"
        assert home.clock.trust is Trust.TOLD


async def test_no_day_is_called_today_while_the_time_is_not_known(tmp_path: Path) -> None:
    async with open_home(tmp_path) as home:
        furnish(home.house)
        assert "Aujourd’hui, la maison" in text(await home.text("/"))
        forget_time(home)
        said = text(await home.text("/"))
        assert "Aujourd’hui, la maison" not in said
        assert "avant de savoir quel jour on est" in said


async def test_a_time_that_was_told_wrong_can_be_told_again(tmp_path: Path) -> None:
    async with open_home(tmp_path) as home:
        forget_time(home)
        await home.house.tell_time(NOW + 900 * DAY)
        page = await home.text("/box")
        assert "Elle est fausse" in text(page)
        data = {"token": read(page).fields["token"], "utc": str(NOW)}
        async with home.client.post("/box/time", data=data) as answer:
            assert answer.status == 200
        assert home.clock.now() == NOW


async def test_a_live_event_says_that_its_time_is_not_known(tmp_path: Path) -> None:
    async with open_home(tmp_path) as home:
        forget_time(home)
        assert b'"dating": false' in live._event(1, home.house, Live(), None, {})
