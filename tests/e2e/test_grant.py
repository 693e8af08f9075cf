"""An access from "give" to "401", in a browser on a phone, with a program beside it that reads."""

import json
import urllib.error
import urllib.request
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest
from playwright.sync_api import BrowserContext

from tests.e2e.conftest import Running


def ask(url: str, token: str) -> tuple[int, dict[str, object]]:
    request = urllib.request.Request(url, headers={"Authorization": f"Bearer {token}"})
    try:
        with urllib.request.urlopen(request) as answer:
            return answer.status, json.load(answer)
    except urllib.error.HTTPError as error:
        with error:
            return error.code, json.load(error)


@pytest.mark.parametrize("script", [True, False])
def test_an_access_is_given_read_said_and_taken_back(
    demo: Running, context_with: Callable[..., BrowserContext], script: bool
) -> None:
    context = context_with(viewport={"width": 360, "height": 740}, java_script_enabled=script)
    page = context.new_page()
    page.goto(f"{demo.url}/data")
    assert page.get_by_text("Rien ne quitte la maison.").is_visible()
    page.get_by_role("link", name="Donner un accès à une application").press("Enter")
    page.get_by_label("Le nom de l’application").fill("Facture claire")
    page.get_by_label("Qui la gère").fill("moi")
    page.get_by_label("À quoi elle sert").fill("voir venir ma facture")
    page.get_by_label("Maison").check()
    page.get_by_label("Aussi ce qui a été gardé avant").check()
    page.get_by_role("button", name="Relire avant de donner").press("Enter")
    assert page.get_by_text("peut lire Maison (énergie)").is_visible()
    page.get_by_role("button", name="Oui, donner cet accès").press("Enter")
    token = page.locator("#app-token").inner_text()

    status, mine = ask(f"{demo.url}/api/v1/granted", token)
    series = mine["series"]
    assert status == 200
    assert isinstance(series, list)
    first = datetime.now(UTC).date() - timedelta(200)
    status, said = ask(f"{demo.url}/api/v1/granted/readings?series={series[0]['series']}&from={first}", token)
    assert status == 200
    assert isinstance(said["at"], list)
    assert len(said["at"]) > 100

    page.goto(f"{demo.url}/data/ledger")
    assert page.get_by_text("Facture claire a commencé à lire : Maison (énergie).").first.is_visible()
    for path in ("/data", "/data/give", "/data/ledger"):
        page.goto(f"{demo.url}{path}")
        if script:
            assert page.evaluate("document.documentElement.scrollWidth") <= 360, path
    page.goto(f"{demo.url}/data")
    page.get_by_role("button", name="Retirer l’accès").press("Enter")
    assert page.get_by_text("L’accès est retiré.").is_visible()
    assert page.get_by_text("Rien ne quitte la maison.").is_visible()
    assert ask(f"{demo.url}/api/v1/granted", token)[0] == 401
    page.goto(f"{demo.url}/data/ledger")
    assert page.get_by_text("L’accès de Facture claire a été retiré").first.is_visible()


def test_long_words_do_not_widen_a_page_on_a_phone(demo: Running, context_with: Callable[..., BrowserContext]) -> None:
    page = context_with(viewport={"width": 360, "height": 740}).new_page()
    word = "https://example.org/" + "x" * 60
    page.goto(f"{demo.url}/data/give")
    for label in ("Le nom de l’application", "Qui la gère", "À quoi elle sert"):
        page.get_by_label(label).fill(word)
    page.get_by_label("Maison").check()
    page.get_by_role("button", name="Relire avant de donner").click()
    widths = [page.evaluate("document.documentElement.scrollWidth")]
    page.get_by_role("button", name="Oui, donner cet accès").click()
    receipt = page.get_by_role("link", name="Le reçu").get_attribute("href")
    for path in (receipt, "/data", "/data/ledger"):
        widths.append(page.evaluate("document.documentElement.scrollWidth"))
        page.goto(f"{demo.url}{path}")
    page.goto(f"{demo.url}/data")
    page.get_by_role("button", name="Retirer l’accès").click()
    widths.append(page.evaluate("document.documentElement.scrollWidth"))
    assert max(widths) <= 360, widths
