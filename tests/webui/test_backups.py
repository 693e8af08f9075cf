"""What the page of the box says of back-ups that are made by themselves."""

from pathlib import Path

from gateway.backup import load_age
from gateway.config import Backup
from tests.webui.home import open_home, read
from tests.webui.test_dial import text

DAY = 86_400


async def test_the_page_says_when_the_last_one_was_made_and_why_there_is_no_next(tmp_path: Path) -> None:
    stick = tmp_path / "stick"
    recipient = str(load_age().x25519.Identity.generate().to_public())
    async with open_home(tmp_path, backup=Backup(stick, recipient, DAY, 7)) as home:
        assert home.schedule is not None
        assert "Aucune n’est encore faite." in text(await home.text("/box"))
        await home.schedule.turn()
        page = text(await home.text("/box"))
        assert "La suivante ne peut pas se faire. La clé USB est-elle branchée" in page
        assert f"{stick}: No such file or directory" in page
        stick.mkdir()
        home.clock.at += 3600
        await home.schedule.turn()
        page = text(await home.text("/box"))
        assert "Dernière sauvegarde : aujourd’hui à 19 h 42." in page
        assert "La suivante ne peut pas" not in page
        home.clock.at += 3 * DAY
        page = await home.text("/box")
        assert "C’est trop ancien." in text(page)
        assert read(page).refused == []


async def test_the_page_says_that_none_is_made_by_itself(tmp_path: Path) -> None:
    async with open_home(tmp_path) as home:
        assert "Aucune ne se fait d’elle-même." in text(await home.text("/box"))
