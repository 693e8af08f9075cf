"""A landlord sets a box up and hands it over with a letter; the tenant takes it, and later moves out: on a phone, in French."""

import re
from collections.abc import Callable
from pathlib import Path

import pytest
from playwright.sync_api import BrowserContext, Page

from tests.e2e.conftest import started

LANDLORDS, TENANTS = "le mot du bailleur", "le mot de la locataire"
pytestmark = pytest.mark.timeout(120)
PHONE = {"width": 360, "height": 740}


def fits(page: Page) -> None:
    assert page.evaluate("document.documentElement.scrollWidth") <= PHONE["width"], page.url


def log_in(page: Page, url: str, who: str, password: str) -> None:
    page.goto(f"{url}/login")
    fits(page)
    if page.get_by_label(who).count():
        page.get_by_label(who).check()
    page.get_by_label("Mot de passe").fill(password)
    page.get_by_role("button", name="Entrer").click()


def test_a_box_goes_from_the_landlord_to_the_tenant_and_back(
    tmp_path: Path, context_with: Callable[..., BrowserContext]
) -> None:
    script = str(Path(__file__).with_name("house_of_others.py"))
    with started(script, str(tmp_path), lines=2) as running:
        url, setup_code = running.url, running.said[1]
        landlord = context_with(viewport=PHONE).new_page()
        landlord.goto(url)
        landlord.get_by_label("Le code que le boîtier a écrit").fill(setup_code)
        landlord.get_by_label("Je loue ce logement à quelqu’un d’autre").check()
        landlord.get_by_text("Si c’est pour quelqu’un d’autre").click()
        landlord.get_by_label("Votre nom ou celui de votre entreprise").fill("Régie du Rhône")
        fits(landlord)
        landlord.get_by_label("Un mot de passe").fill(LANDLORDS)
        landlord.get_by_label("Le même mot de passe").fill(LANDLORDS)
        landlord.get_by_role("button", name="Commencer").click()

        landlord.locator(".drum").first.wait_for()  # the index, to compare with the dial
        fits(landlord)
        links = landlord.eval_on_selector_all("a", "all => all.map(one => one.getAttribute('href'))")
        assert not [link for link in links if re.match("/(history|data|import|people|leave)", link)]
        landlord.get_by_role("link", name="Remettre").click()
        fits(landlord)
        landlord.get_by_role("button", name="Faire la lettre").click()
        code = landlord.locator(".code code").inner_text()
        fits(landlord)

        tenant = context_with(viewport=PHONE).new_page()
        tenant.goto(f"{url}/welcome")
        fits(tenant)
        tenant.get_by_label("Le code de la lettre").fill(code.lower().replace("-", " "))
        tenant.get_by_label("Un mot de passe").fill(TENANTS)
        tenant.get_by_label("Le même mot de passe").fill(TENANTS)
        tenant.get_by_role("button", name="Ce boîtier est à moi").click()
        tenant.get_by_role("link", name="Historique").wait_for()
        tenant.goto(f"{url}/settings")
        tenant.get_by_role("link", name="Des invités").click()
        tenant.get_by_label("Qui est-ce").fill("Mamie")
        fits(tenant)
        tenant.get_by_role("button", name="Faire un mot de passe").click()
        guests = tenant.locator(".code code").inner_text()
        fits(tenant)

        landlord.goto(f"{url}/meters")
        assert "/login" in landlord.url  # every browser was logged out
        log_in(landlord, url, "Je suis propriétaire", LANDLORDS)
        landlord.get_by_text("Le boîtier marche").wait_for()
        fits(landlord)
        assert landlord.locator(".drum, [data-series], svg rect").count() == 0
        for path in ("/history", "/data", "/meters", "/box", "/now", "/people"):
            landlord.goto(f"{url}{path}")
            assert landlord.get_by_text("Cette page est pour qui habite ici").is_visible(), path

        guest = context_with(viewport=PHONE).new_page()
        log_in(guest, url, "Je suis de passage", guests)
        guest.locator("[data-series]").first.wait_for()
        fits(guest)

        second = context_with(viewport=PHONE).new_page()
        second.goto(f"{url}/welcome")
        second.get_by_label("Le code de la lettre").fill(code)
        second.get_by_label("Un mot de passe").fill("une autre fois")
        second.get_by_label("Le même mot de passe").fill("une autre fois")
        second.get_by_role("button", name="Ce boîtier est à moi").click()
        assert second.get_by_text("Ce code a déjà servi").is_visible()
        fits(second)
        second.get_by_role("link", name="Comment le reprendre").click()
        fits(second)

        tenant.goto(f"{url}/data/ledger")
        assert tenant.get_by_text("Mamie peut entrer (Invité").is_visible()
        fits(tenant)
        tenant.goto(f"{url}/leave")
        fits(tenant)
        tenant.get_by_label("Votre mot de passe").fill(TENANTS)
        tenant.get_by_role("button", name="Continuer").click()
        fits(tenant)
        tenant.get_by_role("button", name="Tout effacer, et le rendre").click()
        assert tenant.get_by_role("heading", name="Rendu").is_visible()
        fits(tenant)

        assert running.process.stdout is not None
        again, printed = (running.process.stdout.readline().strip() for _ in range(2))
        assert printed == "None"  # the landlord has an account: no code is needed
        log_in(landlord, again.rstrip("/"), "Je suis propriétaire", LANDLORDS)
        landlord.goto(f"{again}handover")
        assert landlord.get_by_role("button", name="Faire la lettre").is_visible()
        assert b"Mamie" not in b"".join(path.read_bytes() for path in tmp_path.rglob("*") if path.is_file())
