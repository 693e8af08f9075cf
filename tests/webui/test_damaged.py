"""What pages say of a damaged file of readings: what became of it at a start, and damage that shows while they are read."""

import contextlib
import sqlite3
from pathlib import Path

from gateway import heal
from gateway.store import schema
from tests.contacts import GAS
from tests.webui.home import NOW, furnish, open_home, read, speak
from tests.webui.test_dial import send, text

PAGE = schema.PAGE_BYTES


async def test_what_became_of_a_damaged_file_is_said_until_somebody_has_seen_it(tmp_path: Path) -> None:
    async with open_home(tmp_path) as home:
        assert "abîmé" not in await home.text("/box")
        assert "Aucun compteur n’est encore le vôtre." in text(await home.text("/box"))
        heal.keep(home.house.catalog, heal.Healed(8_760, 3, "/var/lib/releve/series.db.damaged-1"), str(NOW - 3600))
        heal.keep(home.house.catalog, heal.Healed(0, None, "/var/lib/releve/series.db.damaged-2"), "boot/12.0")
        assert "Un fichier des relevés du boîtier était abîmé. Ce qu’il en est advenu" in text(await home.text("/"))
        page = await home.text("/box")
        assert read(page).refused == []
        for sentence in (
            "Le jeudi 19 novembre 2026 à 17 h 42, le boîtier a trouvé le fichier de ses relevés abîmé.",
            "8 760 relevés en ont été repris. 3 endroits n’ont pas pu être lus",
            "Le boîtier a trouvé le fichier de ses relevés abîmé. Il l’a mis de côté, et continue. Rien n’a pu y être lu : l’historique recommence.",
            "Le fichier abîmé est toujours là : /var/lib/releve/series.db.damaged-1",
        ):
            assert sentence in text(page), text(page)
        english = text(await home.text("/box?lang=en"))
        assert "8,760 readings were taken out of it. 3 places could not be read" in english
        status, page = await send(home, "/box/seen", await home.text("/box?lang=fr"))
        assert status == 200
        assert "abîmé" not in page
        assert heal.said(home.house.catalog) == ()
        assert "abîmé" not in await home.text("/")


async def test_a_form_that_is_not_ours_takes_nothing_off_the_page(tmp_path: Path) -> None:
    async with open_home(tmp_path) as home:
        heal.keep(home.house.catalog, heal.Healed(1, 0, "somewhere"), str(NOW))
        assert (await send(home, "/box/seen", await home.text("/box"), token="another"))[0] == 403
        assert len(heal.said(home.house.catalog)) == 1


async def test_pages_are_shown_while_what_lies_on_the_card_cannot_be_read(tmp_path: Path) -> None:
    async with open_home(tmp_path) as home:
        furnish(home.house)
        home.house.store.fold()
    with contextlib.closing(sqlite3.connect(tmp_path / "series.db")) as db:
        pages = [page for (page,) in db.execute("SELECT rootpage FROM sqlite_schema WHERE name IN ('hour','q6','day')")]
    async with open_home(tmp_path) as home:
        with (tmp_path / "series.db").open("r+b") as file:
            for page in pages:
                file.seek((page - 1) * PAGE)
                file.write(bytes(PAGE))
        speak(home.house, home.clock)
        for path in ("/", "/history", "/history?view=year", "/meters", "/box", "/data", "/api/v1/points"):
            await home.text(path)
        assert home.house.store_damaged
        page = text(await home.text("/"))
        assert "Une partie de ce que le boîtier garde sur sa carte mémoire ne se lit plus" in page
        assert "n’est pas enregistrée" not in page
        assert "Maintenant 640W" in page
        points = (await home.json("/api/v1/points"))["points"]
        assert points[0]["index"] is not None
    async with open_home(tmp_path) as home:
        assert not home.house.store_damaged


async def test_the_page_says_what_a_power_cut_takes(tmp_path: Path) -> None:
    async with open_home(tmp_path / "a") as home:
        page = text(await home.text("/box"))
        assert (
            "Au plus 1 min de courbe : l’index de chaque compteur continue, aucune consommation n’est perdue." in page
        )
        assert "impulsions" not in page
    async with open_home(tmp_path / "b", toml="[box]\ncommit_s = 300\n" + GAS) as home:
        page = text(await home.text("/box?lang=en"))
        assert "At most 5 min of the curve" in page
        assert "Of the pulses that the box counts itself, those of that time are lost, too" in page
