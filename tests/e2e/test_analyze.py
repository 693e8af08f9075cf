"""A message is pasted and looked at, in a real browser: by keyboard alone, and on a telephone."""

from collections.abc import Callable

import pytest
from playwright.sync_api import BrowserContext, Page, expect

from drivers.encode import records
from drivers.encode.wmbus import format_a, telegram, telegram_mode_7
from drivers.model import Address
from tests.e2e.conftest import Running

pytestmark = pytest.mark.timeout(120)

WATER = Address("wmbus", "12345678", "DME", 0x1B, 0x07)
KEY = bytes(range(16))
SAID = records.volume(612_483) + records.volume(608_000, storage=1)
TABS_MAX = 30


def tab_to(page: Page, selector: str) -> None:
    for _ in range(TABS_MAX):
        if page.evaluate("selector => document.activeElement.matches(selector)", selector):
            return
        page.keyboard.press("Tab")
    pytest.fail(f"{selector} is not reached by the keyboard")


def test_a_message_is_pasted_and_looked_at_by_keyboard_alone(demo: Running, page: Page) -> None:
    page.goto(f"{demo.url}/analyze?lang=fr")
    tab_to(page, "textarea")
    page.keyboard.insert_text(f"b{format_a(telegram(WATER, SAID, 1, key=KEY)).hex().upper()}8030")
    tab_to(page, "#key")
    page.keyboard.insert_text(KEY.hex(" "))
    tab_to(page, "button")
    page.keyboard.press("Enter")
    expect(page.locator(".say")).to_contain_text("d’un compteur d’eau de marque Diehl")
    expect(page.locator(".say")).to_contain_text("cette clé l’ouvre")
    expect(page.locator(".said")).to_contain_text("612,483")
    expect(page.locator("#key")).to_have_value("")
    assert KEY.hex() not in page.content().replace(" ", "")


def test_the_longest_rows_stay_within_a_telephones_window(
    demo: Running, context_with: Callable[..., BrowserContext]
) -> None:
    context = context_with(java_script_enabled=False, viewport={"width": 320, "height": 640})
    page = context.new_page()
    sent = telegram_mode_7(WATER, SAID * 6, 1, key=KEY, counter=17)
    for key in ("", KEY.hex()):
        page.goto(f"{demo.url}/analyze?lang=fr")
        page.get_by_label("Ce que le récepteur a écrit").fill(sent.hex())
        page.get_by_label("Sa clé").fill(key)
        page.get_by_role("button", name="Regarder").click()
        expect(page.get_by_role("columnheader", name="Norme")).to_be_attached()
        assert page.get_by_role("cell").count() > 50
        assert page.evaluate("document.documentElement.scrollWidth") <= 320
