"""From "give" to "stop, and erase" on a phone: a gateway that runs, its own sync process, a real WebDAV server, a real browser."""

import json
import re
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from sync.targets.webdav import login
from tests.clouds import PASSWORD, USER, Server, serving, valid
from tests.e2e.conftest import Running, started
from tests.integration.phone import fits, holding
from tests.integration.phone import until_it_says as phone_says

pytestmark = pytest.mark.timeout(240)
SENT_S_MAX = 90


@pytest.fixture
def server() -> Iterator[Server]:
    with serving("rclone") as server:
        yield server


@pytest.fixture
def demo() -> Iterator[Running]:
    with started("-m", "gateway", "demo", "--port", "0", lines=3) as running:
        yield running


@pytest.fixture
def phone() -> Iterator[Page]:
    with holding() as page:
        yield page


def until_it_says(page: Page, url: str, said: str | re.Pattern[str]) -> None:
    phone_says(page, url, said, SENT_S_MAX)


def lying(folder: Path) -> int:
    """How many figures the valid files on the server's own disk hold, each once."""
    parcels = [json.loads(path.read_bytes()) for path in valid(folder).values()]
    return sum(
        value is not None and at < said["to"]
        for said in parcels
        for one in said["series"]
        for at, value in zip(one["at"], one["value"], strict=True)
    )


def by_its_owner(url: str) -> None:
    """Deleted there, through the server."""
    asked = urllib.request.Request(url, method="DELETE", headers=login(USER, PASSWORD))
    with urllib.request.urlopen(asked) as answer:
        assert answer.status == 204


def test_readings_are_given_sent_counted_and_erased_again(demo: Running, server: Server, phone: Page) -> None:
    phone.goto(f"{demo.url}/data")
    expect(phone.get_by_text("Rien ne quitte la maison.")).to_be_visible()
    phone.get_by_role("link", name="Envoyer à mon nuage").click()
    fits(phone)
    phone.get_by_role("link", name="Un dossier de fichiers (WebDAV)").click()
    fits(phone)
    phone.get_by_label("Son adresse").fill(server.url)
    phone.get_by_label("C’est une machine chez moi").check()
    phone.get_by_label("Le nom d’utilisateur là-bas").fill(USER)
    phone.get_by_label("Comment c’est rangé là-bas").select_option("files")
    phone.get_by_label("Comment vous l’appelez").fill("Mon grenier")
    phone.get_by_label("Qui la gère").fill("moi")
    phone.get_by_label("À quoi elle sert").fill("garder mes relevés")
    phone.get_by_label("Maison").check()
    phone.get_by_label("Aussi ce qui a été gardé avant").check()
    phone.get_by_role("button", name="Relire avant de donner").click()
    fits(phone)
    sentence = f"Mon grenier ({server.url}, géré par : moi) reçoit Maison (énergie)"
    expect(phone.get_by_text(sentence)).to_be_visible()
    phone.get_by_label("Le mot de passe ou la clé là-bas").fill(PASSWORD)
    phone.get_by_role("button", name="Oui, donner cet accès").click()
    expect(phone.get_by_role("status")).to_contain_text("C’est donné")
    expect(phone.get_by_text("Ce boîtier envoie des relevés à une machine chez vous")).to_be_visible()

    until_it_says(phone, f"{demo.url}/data", "a pris tout ce qui lui revenait")
    there = phone.locator("div:has(> dt:text-is('S’y trouve')) > dd").inner_text()
    (folder,) = server.files.iterdir()
    assert int("".join(re.findall(r"\d", there.partition("chiffres")[0]))) == lying(folder) > 10_000
    phone.goto(f"{demo.url}/data/ledger")
    fits(phone)
    expect(phone.get_by_text(f"Vous avez donné un accès. {sentence}")).to_be_visible()
    expect(
        phone.get_by_text(re.compile(r"Mon grenier a reçu [\d\s]+chiffres\s*: Maison \(énergie\)")).first
    ).to_be_visible()

    files = len(valid(folder))
    until_it_says(phone, f"{demo.url}/data", re.compile(rf"il a dit lui-même\s*: {files}\sfichiers"))
    by_its_owner(f"{server.url}{folder.name}/" + "/".join(next(iter(valid(folder).values())).parts[-2:]))
    phone.get_by_text("Mettre en pause, essayer, effacer").click()
    fits(phone)
    phone.get_by_role("button", name="Essayer maintenant").click()
    until_it_says(phone, f"{demo.url}/data", re.compile(rf"moins de morceaux.*{files - 1}\ssur\s{files}"))
    phone.get_by_role("button", name="Tout renvoyer").first.click()
    expect(phone.get_by_role("status")).to_contain_text("renvoyé depuis le début")
    until_it_says(phone, f"{demo.url}/data", re.compile(rf"il a dit lui-même\s*: {files}\sfichiers"))
    assert lying(folder) > 10_000

    phone.get_by_text("Mettre en pause, essayer, effacer").click()
    phone.get_by_role("button", name="Arrêter, et effacer ce qui y a été envoyé").click()
    expect(phone.get_by_role("status")).to_contain_text("en train d’y être effacé")
    fits(phone)
    until_it_says(phone, f"{demo.url}/data", "Rien ne quitte la maison.")
    expect(phone.get_by_text(re.compile(r"Mon grenier\s*: retiré"))).to_be_visible()
    assert list(server.files.iterdir()) == []
    phone.goto(f"{demo.url}/data/ledger")
    expect(phone.get_by_text("L’accès de Mon grenier a été retiré")).to_be_visible()
    expect(phone.get_by_text(re.compile(r"chiffres ont été effacés chez Mon grenier")).first).to_be_visible()
    expect(phone.get_by_text("Plus rien de ce que le boîtier a envoyé ne se trouve chez Mon grenier")).to_be_visible()
