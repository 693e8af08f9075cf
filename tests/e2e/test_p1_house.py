"""A Dutch meter speaks each second into a real gateway: the line, the house, and what a program reads of its API."""

import asyncio
import json
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from threading import Thread
from typing import Any

import pytest

from drivers.encode.p1 import Household, SubMeter, v5
from tests.dutch import Meter
from tests.e2e.conftest import Running, started

pytestmark = pytest.mark.timeout(120)

START_WH = 1_000_000
GAS_LITRES = 456_789


class Home:
    """A household that draws 1800 W more each second, at both tariffs in turn, with gas heard five minutes ago."""

    def __init__(self) -> None:
        self.seconds = 0

    def says(self) -> bytes:
        self.seconds += 1
        now = datetime.now(UTC).replace(microsecond=0)
        gas = SubMeter("G0099000000000042", GAS_LITRES, now.replace(minute=now.minute // 5 * 5, second=0))
        if gas.taken == now:
            gas = replace(gas, taken=now - timedelta(minutes=5))
        low, normal = (self.seconds + 1) // 2, self.seconds // 2
        return v5(
            Household(
                number="E0099000000000042",
                at=now,
                import_wh=(START_WH + low, 2 * START_WH + normal),
                import_w=1800 + 10 * self.seconds,
                tariff=1 + self.seconds % 2,
                sub_meters=(gas,),
            )
        )


@contextmanager
def playing(meter: Meter) -> Iterator[None]:
    """The meter in a thread with a loop of its own, as it stands outside of the gateway."""
    loop = asyncio.new_event_loop()
    task = loop.create_task(meter.play())

    def run() -> None:
        with pytest.raises(asyncio.CancelledError):
            loop.run_until_complete(task)
        loop.close()

    thread = Thread(target=run)
    thread.start()
    try:
        yield
    finally:
        loop.call_soon_threadsafe(task.cancel)
        thread.join()
        meter.close()


@pytest.fixture
def house(tmp_path: Path) -> Iterator[Running]:
    meter = Meter(Home().says)
    script = Path(__file__).with_name("open_house.py")
    text = f'[box]\ndata = "{tmp_path}/data"\nruntime = "{tmp_path}/run"\ncommit_s = 10\n'
    text += f'[[port]]\nname = "grid"\nprotocol = "p1"\ndevice = "{meter.path}"\n'
    config = tmp_path / "releve.toml"
    config.write_text(text)
    with playing(meter), started(str(script), str(config), lines=1) as running:
        yield running


def ask(house: Running, path: str) -> dict[str, Any]:
    with urllib.request.urlopen(f"{house.url}/api/v1/{path}", timeout=10) as answer:
        said: dict[str, Any] = json.load(answer)
        return said


def until_two(house: Running) -> list[dict[str, Any]]:
    for _ in range(60):
        points: list[dict[str, Any]] = ask(house, "points")["points"]
        if len(points) == 2 and all(point["index"] for point in points):
            return points
        time.sleep(0.5)
    raise AssertionError(ask(house, "ports"))


def test_power_moves_each_second_energy_is_both_tariffs_and_gas_is_a_meter_of_its_own(house: Running) -> None:
    electricity, gas = until_two(house)
    assert (electricity["id"], electricity["unit"], electricity["state"]) == ("electricite", "Wh", "speaking")
    assert (gas["id"], gas["unit"], gas["index"]["value"]) == ("gaz", "L", str(GAS_LITRES))
    assert gas["index"]["at"] % 300 == 0, "when the gas meter was read, not when it was repeated"
    powers = set()
    for _ in range(8):
        powers.add(ask(house, "points")["points"][0]["level"]["value"])
        time.sleep(0.5)
    assert len(powers) >= 3
    assert all(int(power) > 1800 for power in powers)
    before = Decimal(electricity["index"]["value"])
    time.sleep(11)  # an index goes to the store each ten seconds
    after = Decimal(ask(house, "points")["points"][0]["index"]["value"])
    assert 3 * START_WH < before < after < before + 60
    (port,) = ask(house, "ports")["ports"]
    assert port["listening"] == {"hears": "groups", "mode": None, "bauds": [115_200]}
    assert port["counts"].get("faults", 0) <= 1, "at most the telegram in whose middle the line was opened"
