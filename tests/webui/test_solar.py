"""An inverter counts what it gives: no page calls that what the home took."""

from decimal import Decimal
from pathlib import Path

from drivers.model import Address, Medium, Quantity, Reading, State, Telegram
from tests.webui.home import NOW, furnish, open_home, say, speak
from tests.webui.test_dial import text

TOML = """
[[port]]
name = "linky"
protocol = "tic"
device = "/dev/ttyTEST0"

[[port]]
name = "radio"
protocol = "wmbus"
device = "/dev/ttyTEST1"
receiver = "im871a"

[[port]]
name = "toit"
protocol = "modbus"
tcp = "127.0.0.1:1"
"""
INVERTER = Address("modbus", "toit/1")


async def test_what_panels_give_is_said_apart_and_is_not_what_the_home_took(tmp_path: Path) -> None:
    async with open_home(tmp_path, toml=TOML) as home:
        home.house.catalog.adopt(str(INVERTER), "Panneaux", Medium.ELECTRICITY, NOW - 86400)
        furnish(home.house)
        for seconds, given in ((7200, 1_000_000), (3600, 1_001_000), (0, 1_003_500)):
            home.clock.at = NOW - seconds
            reading = Reading("export_energy", Quantity.ENERGY, Decimal(given), main=True)
            say(home.house, "toit", Telegram(INVERTER, State.DECODED, Medium.ELECTRICITY, (reading,)))
        home.clock.at = NOW
        speak(home.house, home.clock)
        view = home.house.point("panneaux")
        assert view is not None
        assert view.produces
        assert view.injected is None
        page = text(await home.text("/"))
        assert "Panneaux a donné 3,5 kWh." in page
        assert "d’électricité" in page.partition("Panneaux a donné")[0]  # the sentence of the Linky, not of the roof
        assert "Donné au réseau" not in page.partition("Panneaux a donné")[2][:600]
