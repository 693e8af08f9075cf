"""Debian's mosquitto with a password, added on a page in a real browser: a topic is mapped, and the preview follows it."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect, sync_playwright

from tests.e2e import conftest
from tests.e2e.conftest import CHROMIUM, QUIET, Running, started
from tests.integration.mosquitto import PASSWORD, USER, Mosquitto

pytestmark = pytest.mark.timeout(120)

SOON_MS = 20_000
TOPIC = "jardin/<pompe>/état"


@pytest.fixture
def house(tmp_path: Path) -> Iterator[Running]:
    config = tmp_path / "releve.toml"
    config.write_text(f'[box]\ndata = "{tmp_path}/data"\nruntime = "{tmp_path}/run"\ncommit_s = 10\n')
    with started(str(Path(conftest.__file__).with_name("open_house.py")), str(config), lines=1) as running:
        yield running


@pytest.fixture
def browser() -> Iterator[Browser]:
    assert Path(CHROMIUM).exists(), f"{CHROMIUM} is needed: make integration installs it"
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=QUIET)
        yield browser
        browser.close()


@pytest.fixture
def phone(browser: Browser) -> Page:
    page = browser.new_context(locale="fr-FR", viewport={"width": 360, "height": 740}).new_page()
    page.on("pageerror", lambda error: pytest.fail(f"the page's script failed: {error}"))
    return page


def fits(page: Page) -> None:
    width, inner = page.evaluate("[document.documentElement.scrollWidth, innerWidth]")
    assert width <= inner, f"{page.url} is {width} wide on a screen of {inner}"


def test_a_topic_of_a_real_broker_is_mapped_and_the_preview_follows_it(
    house: Running, guarded: Mosquitto, phone: Page
) -> None:
    log_in(house, guarded, phone)
    say(guarded, 12.5, 480)
    topic = phone.get_by_role("listitem").filter(has_text=TOPIC)
    expect(topic).to_be_visible(timeout=SOON_MS)  # nobody pressed anything
    fits(phone)
    topic.get_by_role("link").click()
    phone.get_by_label("/total").select_option("energy kWh")
    phone.get_by_label("/now").select_option("power W")
    phone.get_by_label("Ce qui y passe").select_option("electricity")
    fits(phone)
    phone.get_by_role("button", name="Voir ce qui serait lu").click()
    preview = phone.get_by_role("table")
    expect(preview).to_contain_text("12,5")
    expect(preview).to_contain_text("480")
    fits(phone)
    phone.get_by_label("Comment l’appelez-vous, chez vous ?").fill("Pompe")
    say(guarded, 12.6, 510)
    expect(preview).to_contain_text("12,6", timeout=SOON_MS)
    expect(preview).to_contain_text("510")
    expect(phone.get_by_label("Comment l’appelez-vous, chez vous ?")).to_have_value("Pompe")  # what was typed stays
    phone.get_by_role("button", name="Le prendre pour mien").click()
    expect(phone.get_by_text("Ce compteur est le vôtre")).to_be_visible()
    fits(phone)
    until_heard(guarded, phone, f"{house.url}/meters")
    fits(phone)
    assert PASSWORD not in phone.content()


def log_in(house: Running, broker: Mosquitto, phone: Page) -> None:
    phone.goto(f"{house.url}/meters/broker?at=127.0.0.1:{broker.port}")
    fits(phone)
    phone.get_by_label("L’utilisateur").fill(USER)
    phone.get_by_label("Le mot de passe").fill("not this one")
    phone.get_by_role("button", name="L’écouter").click()
    expect(phone.get_by_role("alert")).to_have_text("Ce serveur n’accepte pas cet utilisateur avec ce mot de passe.")
    fits(phone)
    phone.get_by_label("Le mot de passe").fill(PASSWORD)
    phone.get_by_role("button", name="L’écouter").click()
    expect(phone.get_by_text("Le boîtier écoute.")).to_be_visible(timeout=SOON_MS)
    assert PASSWORD not in phone.content()


def say(broker: Mosquitto, total: float, now: int) -> None:
    broker.publish(TOPIC, json.dumps({"total": total, "now": now}))


def until_heard(broker: Mosquitto, phone: Page, url: str) -> None:
    """The new subscription is there at once or in a moment."""
    for _ in range(40):
        say(broker, 13.0, 500)
        phone.goto(url)
        if phone.get_by_label("13 kWh").count():
            return
        phone.wait_for_timeout(250)
    raise AssertionError(phone.content())
