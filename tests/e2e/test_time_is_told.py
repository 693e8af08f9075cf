"""A box that does not know the time is told it by whoever opens its page: one button, and nothing to type."""

from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from playwright.sync_api import BrowserContext

from tests.e2e.conftest import started

PARIS = ZoneInfo("Europe/Paris")
TOML = """
[dwelling]
name = "Chez nous"
[box]
data = "{folder}/data"
runtime = "{folder}/run"
"""


@pytest.mark.parametrize("script", [True, False])
def test_one_button_tells_the_box_the_time(
    tmp_path: Path, context_with: Callable[..., BrowserContext], script: bool
) -> None:
    config = tmp_path / "releve.toml"
    config.write_text(TOML.format(folder=tmp_path))
    with started("tests/e2e/house_that_slept.py", str(config), lines=1) as running:
        page = context_with(
            viewport={"width": 360, "height": 740}, timezone_id="Europe/Paris", java_script_enabled=script
        ).new_page()
        page.goto(running.url)
        assert page.get_by_role("heading", name="Quelle heure est-il ?").is_visible()
        page.get_by_role("link", name="Lui dire l’heure").click()
        if script:
            page.get_by_text("Votre téléphone ou ordinateur indique :").wait_for()
            assert not page.get_by_label("Quelle heure est-il ?").is_visible()
        else:
            page.get_by_label("Quelle heure est-il ?").fill(f"{datetime.now(PARIS):%Y-%m-%dT%H:%M:%S}")
        assert page.evaluate("document.documentElement.scrollWidth") <= 360 if script else True
        page.get_by_role("button", name="C’est juste, le dire au boîtier").click()
        page.get_by_text("Un compteur ou l’un de vous l’a donnée").wait_for()
        assert page.get_by_role("heading", name="Quelle heure est-il ?").count() == 0
