"""What the pages of who has what would say that is not so, and an app that asks too much."""

import asyncio
import re
from html import unescape

from gateway.clock import Trust
from gateway.grants import Grants, Resolution
from tests.webui.home import NOW, Home, read
from tests.webui.test_grants import ASKED, DAY, INDEX, ask, give, give_all, post


async def test_two_clicks_at_once_give_once_and_say_nothing_false(home: Home) -> None:
    confirming = await post(home, "/data/give", ASKED)
    sent = {name: unescape(value) for name, value in read(confirming).fields.items()}

    async def click() -> str:
        async with home.client.post("/data/given", data=sent) as answer:
            return await answer.text()

    pages = await asyncio.gather(click(), click())
    assert len(home.access.grants.all()) == 1
    assert sum("app-token" in page for page in pages) == 1
    assert sum("Cet accès est déjà donné" in read(page).text for page in pages) == 1


async def test_what_was_read_before_a_kill_is_not_called_nothing(home: Home) -> None:
    id_, token = await give(home)
    await ask(home, token, f"series={INDEX}&from=2026-01-01")
    grants = home.access.grants
    home.access.grants = Grants(grants._ledger, home.house.now, lambda: True)  # as after a kill
    await post(home, "/data/withdraw", {"grant": id_})
    text = read(await home.text("/data")).text
    assert "Rien n’a été lu" not in text
    assert "Elle a lu\u202f; combien, le registre ne le dit pas." in text


async def test_an_access_can_be_taken_back_while_a_clock_that_nobody_believes_is_ahead(home: Home) -> None:
    id_, token = await give(home)
    system = home.clock.system
    system.synchronised, system.from_file = False, True
    system.shows += 400 * DAY
    home.clock.now()
    assert home.clock.trust is Trust.NOBODY
    page = await home.text("/data")
    assert "vous n’avez dit oui à aucune" not in read(page).text
    assert f'value="{id_}"' in page
    await ask(home, token, status=503)
    await post(home, "/data/withdraw", {"grant": id_})
    await ask(home, token, status=401)


async def test_a_card_that_refuses_does_not_keep_an_access_open(home: Home) -> None:
    id_, token = await give(home)
    await ask(home, token, f"series={INDEX}")
    ledger = home.access.grants._ledger
    ledger._executor.submit(ledger._db.execute, "PRAGMA query_only = ON").result()
    text = read(await post(home, "/data/withdraw", {"grant": id_})).text
    assert "Plus rien n’est donné. Mais la carte refuse de le noter" in text
    await ask(home, token, f"series={INDEX}", 401)


async def test_requests_that_wait_for_their_turn_are_bounded(home: Home) -> None:
    grant, token = await give_all(home, Resolution.DAY)
    async with home.access.grants.turn(grant):
        waiting = [asyncio.ensure_future(ask(home, token, f"series={INDEX}")) for _ in range(3)]
        while home.access.grants._asking[grant.id] < 4:
            await asyncio.sleep(0)
        assert "wait already" in (await ask(home, token, f"series={INDEX}", 429))["detail"]
    assert all(said["series"] == INDEX for said in await asyncio.gather(*waiting))


async def test_an_index_in_many_pieces_is_the_index_at_once(home: Home) -> None:
    _, token = await give_all(home, Resolution.TEN_MINUTES)
    said = await ask(home, token, f"series={INDEX}&from={NOW - 20 * DAY}")
    bounds = said["at"]
    assert len(bounds) > 2000
    (series,) = [info.key for info in home.house.store.series() if str(info.key) == INDEX]
    whole = await home.house.indexes(series, bounds)
    assert said["index"] == [None if value is None else f"{value:f}" for value in whole]


async def test_who_has_said_yes_is_not_told_that_nobody_did(home: Home) -> None:
    id_, token = await give(home)
    await ask(home, token, f"series={INDEX}")
    await post(home, "/data/withdraw", {"grant": id_})
    assert "vous n’avez dit oui à aucune" not in read(await home.text("/data")).text


async def test_the_field_that_is_missing_is_the_one_that_is_marked(home: Home) -> None:
    page = await post(home, "/data/give", {name: value for name, value in ASKED.items() if name != "operator"}, 422)
    (marked,) = re.findall(r'<input id="(\w+)"[^>]*aria-invalid="true" aria-describedby="operator-help fault"', page)
    assert marked == "operator"


async def test_one_figure_a_day_is_one(home: Home) -> None:
    home.clock.at += 2 * DAY
    _, token = await give_all(home, Resolution.DAY)
    said = await ask(home, token, f"series=maison:SINSTS:0&from={NOW - 2 * DAY}")
    assert len(said["at"]) == 1
    await home.access.grants.stop()
    assert (await home.access.entries(1, None))[0].fields["points"] == 1
