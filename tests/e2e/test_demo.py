"""What a visitor of the furnished house does, in a real browser."""

import json
import os
import re
import urllib.request
from collections.abc import Callable
from pathlib import Path

import pytest
from playwright.sync_api import BrowserContext, Page, expect

from gateway.demo import meters
from tests.e2e.conftest import Running
from tests.gateway.importers.holders.made import curve, half_hours

pytestmark = pytest.mark.timeout(120)

POWER = '[data-series="maison:SINSTS:0"]'
PICTURES = Path(__file__).parents[2] / "docs" / "images"


def engraved(address: object) -> str:
    """The number as the page spells it: 23 051 981, with spaces that do not break."""
    digits = re.search(r"\d{8}", str(address))
    assert digits is not None
    return f"{digits[0][:2]}\u00a0{digits[0][2:5]}\u00a0{digits[0][5:]}"


def of(page: Page, url: str) -> Page:
    answer = page.goto(url)
    assert answer is not None
    assert answer.ok
    return page


def api(demo: Running, path: str) -> object:
    with urllib.request.urlopen(f"{demo.url}/api/v1/{path}", timeout=10) as answer:
        return json.load(answer)


def test_the_first_page_says_the_days_kwh_in_a_sentence_and_the_linkys_power_moves(demo: Running, page: Page) -> None:
    of(page, demo.url)
    expect(page.locator(".say").first).to_contain_text(re.compile(r"Aujourd’hui.*\d.*kWh"))
    power = page.locator(POWER).first
    expect(power).to_have_text(re.compile(r"^\d"), timeout=10_000)
    before = power.inner_text()
    expect(power).not_to_have_text(before, timeout=30_000)


def test_the_keyed_meter_is_added_and_its_first_value_is_seen(demo: Running, page: Page) -> None:
    key = next(line for line in demo.said if str(meters.HOT_WATER.address) in line).split()[-1]
    page.goto(f"{demo.url}/meters")
    row = page.locator("tr", has_text=engraved(meters.HOT_WATER.address))
    expect(row).to_be_visible(timeout=60_000)
    row.get_by_role("link").click()
    page.get_by_label("Comment l’appelez-vous").fill("Eau chaude du haut")
    page.get_by_label("Sa clé").fill("00" * 16)
    page.get_by_role("button", name="mien").click()
    expect(page.locator("main")).to_contain_text("n’ouvre", timeout=30_000)
    of(page, f"{demo.url}/meters")
    mine = page.locator("li.meter", has_text="Eau chaude du haut")
    mine.get_by_label("La clé").fill(key)
    mine.get_by_role("button", name="Essayer").click()
    expect(page.locator(".drum").first).to_be_visible(timeout=60_000)
    points = api(demo, "points")
    assert isinstance(points, dict)
    (point,) = [point for point in points["points"] if point["name"] == "Eau chaude du haut"]
    assert point["state"] == "speaking"
    assert float(point["index"]["value"]) > 1000


def test_the_neighbours_meter_is_listed_without_any_value_of_it(demo: Running, page: Page) -> None:
    address = str(meters.NEIGHBOUR.address)
    page.goto(f"{demo.url}/meters")
    row = page.locator("tr", has_text=engraved(address))
    expect(row).to_be_visible(timeout=60_000)
    assert re.search(r"m³|kWh|unités", row.inner_text()) is None
    heard = api(demo, "heard")
    assert isinstance(heard, dict)
    (meter,) = [meter for meter in heard["heard"] if meter["address"] == address]
    assert not {"value", "values", "index", "level", "readings"} & set(meter)
    assert address not in json.dumps(api(demo, "points"))


def test_two_years_of_history_stand_by_day_month_and_year(demo: Running, page: Page) -> None:
    for by in ("day", "month", "year"):
        of(page, f"{demo.url}/history/maison?by={by}")
        expect(page.locator("svg.ch").first).to_be_visible()
        expect(page.locator("main")).to_contain_text("kWh")
    points = api(demo, "points")
    assert isinstance(points, dict)
    home = next(point for point in points["points"] if point["id"] == "maison")
    assert home["history_start"] < points["now"] - 700 * 86_400


@pytest.mark.parametrize(
    "path", ["/", "/meters", "/history/maison", "/import", "/data", "/box", "/settings", "/analyze"]
)
def test_every_page_reads_without_javascript_on_a_phone_in_both_languages(
    demo: Running, context_with: Callable[..., BrowserContext], path: str
) -> None:
    for language, word in (("fr", "Tout est enregistré"), ("en", "is saved")):
        context = context_with(java_script_enabled=False, viewport={"width": 320, "height": 640})
        page = of(context.new_page(), f"{demo.url}{path}?lang={language}")
        assert page.locator("html").get_attribute("lang") == language
        expect(page.locator("footer")).to_contain_text(word)
        assert page.locator("h1").count() == 1
        assert page.evaluate("document.documentElement.scrollWidth") <= 320, f"{path} runs out of the window"


def test_the_pages_ask_nothing_of_anybody_else(demo: Running, page: Page) -> None:
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    messages: list[str] = []
    page.on("console", lambda message: messages.append(message.text) if message.type == "error" else None)
    for path in ("/", "/meters", "/history/maison", "/import", "/data", "/box", "/settings", "/analyze"):
        page.goto(f"{demo.url}{path}")
    assert asked
    assert [url for url in asked if not url.startswith((demo.url, "data:"))] == []
    assert messages == []


def test_a_company_s_file_is_dropped_on_the_page_looked_at_brought_in_and_taken_back(demo: Running, page: Page) -> None:
    of(page, f"{demo.url}/import?lang=fr")
    file = curve((end, 400) for end in half_hours("2019-02-01", "2019-03-01"))
    dropped = page.evaluate_handle(
        "text => { const all = new DataTransfer(); all.items.add(new File([text], 'anything.txt')); return all; }", file
    )
    expect(page.get_by_text("Ou déposez-les ici.")).to_be_visible()
    page.dispatch_event("form[data-drop]", "drop", {"dataTransfer": dropped})
    expect(page.locator("main")).to_contain_text(re.compile(r"1\s344\svaleurs"), timeout=30_000)
    page.get_by_role("button", name="Ajouter à l’historique").click()
    expect(page.locator("main")).to_contain_text("entrées dans l’historique")
    of(page, f"{demo.url}/history/maison?by=month&at=2019-02-01")
    expect(page.locator("main")).to_contain_text("269")
    expect(page.locator("rect.fo").first).to_be_visible()
    of(page, f"{demo.url}/import")
    page.get_by_role("button", name="Retirer").click()
    expect(page.locator("main")).to_contain_text("Aucune de ses valeurs ne reste dans le boîtier.")


def test_the_picture_of_the_readme(demo: Running, context_with: Callable[..., BrowserContext]) -> None:
    page = context_with(viewport={"width": 1100, "height": 900}).new_page()
    of(page, f"{demo.url}/?lang=fr")
    expect(page.locator(POWER).first).to_have_text(re.compile(r"^\d"), timeout=10_000)
    picture = page.screenshot(full_page=False)
    assert len(picture) > 20_000
    if os.environ.get("PICTURES"):
        (PICTURES / "today-fr.png").write_bytes(picture)
