"""A cable is pulled, put back, and noise is sent: what the page says meanwhile, in a real browser."""

import re
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from tests.e2e.conftest import Running, started

pytestmark = pytest.mark.timeout(120)

RECOVERY_S_MAX = 10


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    script = Path(__file__).with_name("house_with_hands.py")
    with started(str(script), str(tmp_path_factory.mktemp("house")), lines=1) as running:
        yield running


def order(house: Running, text: str) -> None:
    assert house.process.stdin is not None
    house.process.stdin.write(text + "\n")
    house.process.stdin.flush()


def test_a_pulled_cable_is_said_with_its_time_and_comes_back_by_itself(house: Running, page: Page) -> None:
    page.goto(house.url)
    card = page.locator("article", has=page.get_by_role("heading", name="Maison"))
    expect(card.locator("[data-series]").first).to_have_text(re.compile(r"^\d"), timeout=20_000)
    order(house, "unplug linky")
    expect(card).to_contain_text(re.compile(r"muet depuis .*\d+\sh\s\d\d"), timeout=RECOVERY_S_MAX * 1000)
    expect(card).not_to_contain_text(re.compile(r"Maintenant\s*0"))
    other = page.locator("article", has=page.get_by_role("heading", name="Atelier"))
    expect(other).not_to_contain_text("muet")
    order(house, "replug linky")
    began = time.monotonic()
    expect(card).not_to_contain_text("muet", timeout=20_000)
    assert time.monotonic() - began <= RECOVERY_S_MAX


def test_noise_on_one_line_is_counted_there_and_stops_no_other(house: Running, page: Page) -> None:
    for _ in range(5):
        order(house, "noise radio")
    page.wait_for_timeout(2_000)
    page.goto(f"{house.url}/box")
    line = page.locator("li", has=page.get_by_role("heading", name="radio"))
    expect(line).to_contain_text(re.compile(r"trames refusées.*[1-9]"))
    expect(line).to_contain_text("Dernier refus : im871a: ")
    page.goto(house.url)
    card = page.locator("article", has=page.get_by_role("heading", name="Maison"))
    power = card.locator("[data-series]").first
    expect(power).to_have_text(re.compile(r"^\d"), timeout=20_000)
    before = power.inner_text()
    expect(power).not_to_have_text(before, timeout=30_000)
