"""The card's page in a real browser, opened from the card: what its form saves is what the box reads."""

from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page

from gateway.box import wifi
from gateway.box.start_here import Stage, Standing, Trouble, page

STANDING = Standing(
    Stage.CODE,
    "1234-5678",
    ("192.168.1.23",),
    Trouble("« {name} »", "“{name}”", "<script>document.title='taken'</script>"),
)
NAME, PASSWORD = ' Café ; 😀 "chez" nous', " top;se#c\\ret é"


@pytest.fixture
def card(browser: Browser, tmp_path: Path) -> Page:
    path = tmp_path / "START-HERE.html"
    path.write_text(page(STANDING), "utf-8")
    opened = browser.new_page(viewport={"width": 360, "height": 740})
    opened.goto(path.as_uri())
    return opened


def test_what_the_form_saves_the_box_reads_letter_for_letter(card: Page, tmp_path: Path) -> None:
    card.get_by_label("Nom du réseau · Network name").fill(NAME)
    card.get_by_label("Mot de passe · Password").fill(PASSWORD)
    card.get_by_label("Pays").select_option("RE")
    card.get_by_label("ne montre pas son nom").check()
    with card.expect_download() as saved:
        card.get_by_role("button", name="Enregistrer wifi.txt").click()
    assert saved.value.suggested_filename == "wifi.txt"
    saved.value.save_as(tmp_path / "wifi.txt")
    assert wifi.parse((tmp_path / "wifi.txt").read_bytes()) == wifi.Network(NAME, PASSWORD, "RE", hidden=True)
    copied = card.locator("#lines").inner_text()  # where the browser saved nothing
    assert wifi.parse(copied.encode()) == wifi.Network(NAME, PASSWORD, "RE", hidden=True)


def test_what_the_box_would_refuse_is_said_before_it_is_saved(card: Page) -> None:
    card.get_by_label("Nom du réseau · Network name").fill("Livebox")
    card.get_by_label("Mot de passe · Password").fill("court")
    card.get_by_role("button", name="Enregistrer wifi.txt").click()
    assert "8 à 63" in card.get_by_role("alert").inner_text()
    assert not card.locator("#saved").is_visible()


def test_eight_digits_for_a_lost_password_are_shown_and_saved(card: Page, tmp_path: Path) -> None:
    with card.expect_download() as saved:
        card.get_by_role("button", name="Faire ce fichier").click()
    assert saved.value.suggested_filename == "releve-recover"
    saved.value.save_as(tmp_path / "releve-recover")
    digits = (tmp_path / "releve-recover").read_text().strip()
    assert len(digits) == 8
    assert digits.isdecimal()
    assert card.locator("#digits").inner_text().replace(" ", "") == digits


def test_a_strangers_network_runs_nothing_and_nothing_is_wider_than_a_telephone(card: Page) -> None:
    assert card.title() == "Relevé, commencez ici · start here"
    assert "<script>" in card.locator(".alert").inner_text()
    assert card.evaluate("document.documentElement.scrollWidth") <= 360
    assert card.locator("#code").inner_text() == "1234-5678"


def test_without_javascript_it_says_which_lines_to_write(browser: Browser, tmp_path: Path) -> None:
    path = tmp_path / "START-HERE.html"
    path.write_text(page(Standing()), "utf-8")
    context = browser.new_context(java_script_enabled=False)
    opened = context.new_page()
    opened.goto(path.as_uri())
    lines = opened.locator("noscript pre").inner_text()
    assert wifi.parse(lines.encode()) == wifi.Network("Livebox-1234", "votre mot de passe", "FR")
    assert not opened.locator("#wifi").is_visible()
    context.close()
