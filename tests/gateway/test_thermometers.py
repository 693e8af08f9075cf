"""Which thermometer stands beside which meter is kept with the catalogue, and goes with either of the two."""

from pathlib import Path

from drivers.model import Medium
from gateway.thermometers import Thermometer, all_of, choose
from tests.house import NOON, house


def test_what_was_chosen_outlives_a_restart_and_is_taken_back(tmp_path: Path) -> None:
    with house(tmp_path) as home:
        for name, medium in (("Eau", Medium.WATER), ("Jardin", Medium.WATER), ("Cellier", Medium.OTHER)):
            home.catalog.adopt(f"thing:{name}", name, medium, NOON)
        choose(home.catalog, "eau", Thermometer("cellier", "temperature"))
        choose(home.catalog, "jardin", Thermometer("cellier", "temperature_2"))
    with house(tmp_path) as home:
        assert all_of(home.catalog) == {
            "eau": Thermometer("cellier", "temperature"),
            "jardin": Thermometer("cellier", "temperature_2"),
        }
        choose(home.catalog, "eau", None)
        assert list(all_of(home.catalog)) == ["jardin"]
        choose(home.catalog, "jardin", None)
        assert all_of(home.catalog) == {}


def test_it_goes_with_its_meter_and_with_the_thermometer(tmp_path: Path) -> None:
    with house(tmp_path) as home:
        for name in ("Eau", "Jardin", "Cellier", "Puits"):
            home.catalog.adopt(f"thing:{name}", name, Medium.WATER, NOON)
        choose(home.catalog, "eau", Thermometer("cellier", "temperature"))
        choose(home.catalog, "jardin", Thermometer("puits", "temperature"))
        choose(home.catalog, "puits", Thermometer("cellier", "temperature"))
        home.catalog.forget_point("puits")
        assert all_of(home.catalog) == {"eau": Thermometer("cellier", "temperature")}
        home.catalog.forget_point("cellier")
        home.catalog.adopt("thing:another", "Cellier", Medium.OTHER, NOON)
        assert home.catalog.points()[-1].id == "cellier"
        assert all_of(home.catalog) == {}
