"""A real Home Assistant on a real broker finds the house that was given to it, counts as the house does, and loses it again.

All of it has a network namespace with a loopback and no route: nothing that is tried here can reach the Internet.
"""

import contextlib
import json
import os
import signal
import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import pytest

from sync.targets.mqtt import slug
from tests.e2e import conftest
from tests.e2e.conftest import Running, started
from tests.home_assistant.conftest import BROKER, THEIRS
from tests.home_assistant.hass import Entity, HomeAssistant, until
from tests.home_assistant.meters import CONFIG, Meters, speaking
from tests.integration.home import Host
from tests.integration.mosquitto import PASSWORD, USER, Mosquitto
from tests.integration.visitor import Visitor, hidden

SOON_S = 90.0
STATISTICS_S_MAX = 400.0  # it counts each five minutes
RESTART_S_MAX = 120.0  # what sends is started again after half a minute
FULL_L = 100_000_000

# Series: device class, unit and state class, as its Energy dashboard wants them.
INDEXES = {
    "electricite:EAST:0": ("energy", "Wh", "total_increasing"),
    "eau:volume:0": ("water", "L", "total_increasing"),
    "gaz:volume:0": ("gas", "m³", "total_increasing"),
    "chaleur:energy_joule:0": ("energy", "GJ", "total_increasing"),
    "radiateur:heat_cost:0": (None, "HCA", "total_increasing"),
}
LEVELS = {
    "electricite:SINSTS:0": ("apparent_power", "VA", "measurement"),
    "electricite:URMS1:0": ("voltage", "V", "measurement"),
    "electricite:IRMS1:0": ("current", "A", "measurement"),
    "eau:flow:0": ("volume_flow_rate", "L/h", "measurement"),
    "chaleur:power:0": ("power", "W", "measurement"),
    "chaleur:flow:0": ("volume_flow_rate", "L/h", "measurement"),
    "chaleur:flow_temperature:0": ("temperature", "°C", "measurement"),
    "chaleur:return_temperature:0": ("temperature", "°C", "measurement"),
}
POINTS = ("electricite", "eau", "gaz", "chaleur", "radiateur")


@dataclass
class Tried:
    """All that was started, and the grant."""

    broker: Mosquitto
    meters: Meters
    box: Running
    visitor: Visitor
    theirs: HomeAssistant
    grant: str = ""
    token: str = ""

    def known(self) -> set[str]:
        """The series of the house."""
        points = json.loads(self.visitor.ask("/api/v1/points"))["points"]
        return {series for point in points for series in point["series"]}

    def entities(self) -> dict[str, Entity]:
        """By the series that each is."""
        begins = f"releve_{self.grant}_"
        found = {
            unique.removeprefix(begins): one
            for unique, one in self.theirs.entities().items()
            if unique.startswith(begins)
        }
        return {series: found[slug(series)] for series in (*INDEXES, *LEVELS) if slug(series) in found}

    def states(self) -> dict[str, Decimal | str]:
        """Of the indexes; a word where it is no number."""
        return {
            series: Decimal(one.state) if one.state.replace(".", "", 1).isdigit() else one.state
            for series, one in self.entities().items()
            if series in INDEXES
        }

    def expected(self) -> dict[str, Decimal | str]:
        """What the house counts, in its units."""
        dials = self.meters
        return {
            "electricite:EAST:0": Decimal(dials.energy_wh),
            "eau:volume:0": Decimal(dials.water_l),
            "gaz:volume:0": Decimal(dials.gas_l) / 1000,
            "chaleur:energy_joule:0": Decimal(dials.heat_mj) / 1000,
            "radiateur:heat_cost:0": Decimal(dials.heat_cost),
        }


@pytest.fixture
def tried(alone: Host, broker: Mosquitto, tmp_path: Path) -> Iterator[Tried]:
    config = tmp_path / "releve.toml"
    config.write_text(f'[box]\ndata = "{tmp_path}/data"\nruntime = "{tmp_path}/run"\ncommit_s = 10\n{CONFIG}')
    with contextlib.ExitStack() as opened:
        meters = opened.enter_context(speaking())
        house = Path(conftest.__file__).with_name("open_house.py")
        box = opened.enter_context(started(str(house), str(config), lines=1))
        theirs = HomeAssistant(tmp_path / "hass")
        opened.callback(theirs.end)
        theirs.start()
        yield Tried(broker, meters, box, Visitor(alone, box.url), theirs)


def give(tried: Tried) -> None:
    """All that these meters say, as they say it, on the pages."""
    confirming = tried.visitor.sends(
        "/data/send/mqtt", "/data/give", to="mqtt", target="Home Assistant", operator="me", purpose="Energy",
        resolution="raw", delay="0", lasts="31536000", more="on", address=f"mqtt://127.0.0.1:{BROKER}", user=USER,
        form="live", **{"at-home": "on"}, **{f"point-{point}": "on" for point in POINTS},
    )  # fmt: skip
    given = hidden(confirming)
    tried.grant, tried.token = given["id"], given["token"]
    tried.visitor.ask("/data/given", {**given, "password": PASSWORD})
    assert tried.visitor.status == 200


def child(of: int) -> int | None:
    """The process that sends."""
    found = Path(f"/proc/{of}/task/{of}/children").read_text().split()
    return int(found[0]) if found else None


def numbers(states: list[str]) -> list[Decimal]:
    return [Decimal(state) for state in states if state not in ("unavailable", "unknown")]


def turn(tried: Tried, times: int) -> None:
    for _ in range(times):
        meters = tried.meters
        meters.energy_wh, meters.water_l, meters.gas_l = meters.energy_wh + 3, meters.water_l + 4, meters.gas_l + 10
        meters.heat_mj, meters.heat_cost = meters.heat_mj + 1, meters.heat_cost + 1
        time.sleep(1)


def counts_as_the_house(tried: Tried, within_s: float = SOON_S, **but: Decimal | str) -> None:
    """`but`: what one stands at, by its metering point."""

    def expected() -> dict[str, Decimal | str]:
        return {series: but.get(series.partition(":")[0], value) for series, value in tried.expected().items()}

    with contextlib.suppress(AssertionError):
        until(lambda: tried.states() == expected(), "", within_s)
    assert tried.states() == expected()


@pytest.mark.timeout(1500)
def test_home_assistant_finds_the_house_counts_as_it_does_and_loses_it_again(tried: Tried) -> None:
    began = time.monotonic()
    version = tried.theirs.set_up(BROKER, THEIRS, PASSWORD)
    start = datetime.now(UTC)
    until(lambda: INDEXES.keys() | LEVELS.keys() <= tried.known(), "the house knows them all", SOON_S)
    give(tried)

    # Found: each series with the unit and the classes that are its own, below a device a metering point.
    until(lambda: tried.entities().keys() == INDEXES.keys() | LEVELS.keys(), "all are found", SOON_S)
    for series, one in tried.entities().items():
        said = tuple(one.attributes.get(name) for name in ("device_class", "unit_of_measurement", "state_class"))
        assert said == {**INDEXES, **LEVELS}[series], series
    assert len(tried.theirs.devices()) == len(POINTS)
    turn(tried, 5)  # what was said before it was given is not
    counts_as_the_house(tried)

    # The water meter goes over its last digit.
    turn(tried, 15)
    assert tried.meters.water_l > FULL_L
    counts_as_the_house(tried)

    # Its Energy dashboard takes them, once its first five minutes were counted; its own sums are the house's.
    ids = {series: one.id for series, one in tried.entities().items() if series in INDEXES}
    price = {"stat_cost": None, "entity_energy_price": None, "number_energy_price": None}
    back = {"stat_compensation": None, "entity_energy_price_export": None, "number_energy_price_export": None}
    sources = [
        {"type": "grid", "stat_energy_from": ids["electricite:EAST:0"], "stat_energy_to": None, **price, **back, "cost_adjustment_day": 0.0},
        {"type": "gas", "stat_energy_from": ids["gaz:volume:0"], **price},
        {"type": "water", "stat_energy_from": ids["eau:volume:0"], **price},
    ]  # fmt: skip
    used = [{"stat_consumption": ids["chaleur:energy_joule:0"]}]
    tried.theirs.command("energy/save_prefs", energy_sources=sources, device_consumption=used)

    def statistics() -> dict[str, list[dict[str, float]]]:
        said: dict[str, list[dict[str, float]]] = tried.theirs.command(
            "recorder/statistics_during_period", start_time=(start - timedelta(hours=1)).isoformat(), period="5minute",
            statistic_ids=list(ids.values()), types=["state", "sum"],
        )  # fmt: skip
        return said

    water = ids["eau:volume:0"]
    until(lambda: statistics().get(water, [{"state": 0}])[-1]["state"] > FULL_L, "it counted", STATISTICS_S_MAX)
    objections = tried.theirs.command("energy/validate")
    assert objections == {**objections, "energy_sources": [[], [], []], "device_consumption": [[]]}
    seen, rows = tried.theirs.history(list(ids.values()), start.isoformat()), statistics()
    for series in INDEXES:
        first, last = numbers(seen[ids[series]])[0], rows[ids[series]][-1]
        assert Decimal(str(round(last["sum"], 6))) == Decimal(str(last["state"])) - first, series

    # It starts anew, and knows all of them again.
    tried.theirs.end()
    turn(tried, 3)
    tried.theirs.start()
    tried.theirs.log_in()
    counts_as_the_house(tried)
    assert ids.items() <= {series: one.id for series, one in tried.entities().items()}.items()

    # The Linky is exchanged: the new one's index is not told as the old one's, and that stands still.
    stood = tried.expected()["electricite:EAST:0"]
    tried.meters.linky, tried.meters.energy_wh = "092261000999", 17
    turn(tried, 5)
    until(lambda: sum(one.endswith(":EAST:0") for one in tried.known()) == 2, "the house knows it", SOON_S)
    counts_as_the_house(tried, electricite=stood)

    # What sends is killed: nothing is known, and nothing is a nought; it is started again, and all is as before.
    sending = child(tried.box.process.pid)
    assert sending is not None
    os.kill(sending, signal.SIGKILL)
    until(lambda: {one.state for one in tried.entities().values()} == {"unavailable"}, "that is said", SOON_S)
    counts_as_the_house(tried, RESTART_S_MAX, electricite=stood)

    # In all that time no index fell.
    for series, entity in ids.items():
        known = numbers(tried.theirs.history([entity], start.isoformat())[entity])
        assert len(known) > 1, series
        assert known == sorted(known), series

    # Taken back and erased: neither an entity nor a device is left.
    tried.visitor.ask("/data/withdraw", {"token": tried.token, "grant": tried.grant, "what": "erase"})
    until(lambda: tried.theirs.entities() == {} and tried.theirs.devices() == [], "all of it is gone", SOON_S)
    print(f"Home Assistant {version}: {time.monotonic() - began:.0f} s, {tried.theirs.resident_mb} MB at most")
