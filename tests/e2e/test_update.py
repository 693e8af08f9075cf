"""An owner brings an update to the box with a browser: dropped, checked, wanted; what root says of it comes to the page by itself."""

import json
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import BrowserContext, Page, expect

from tests.e2e.conftest import Running, started
from tests.image_folder import ImageFolder, make_image

pytestmark = pytest.mark.timeout(120)

PHONE = {"width": 360, "height": 740}
SOON_MS = 20_000
# Who leaves may say so, or not: then a minute without a byte is waited for (gateway/arriving.py).
GIVEN_UP_S_MAX = 80.0
DROP = """async ([form, name, bytes]) => {
  const data = new DataTransfer();
  data.items.add(new File([Uint8Array.from(bytes)], name));
  form.dispatchEvent(new DragEvent("drop", { dataTransfer: data, bubbles: true, cancelable: true }));
}"""


@pytest.fixture
def image(tmp_path: Path) -> ImageFolder:
    return make_image(tmp_path / "image")


@pytest.fixture
def command(tmp_path: Path, image: ImageFolder) -> tuple[str, ...]:
    config = tmp_path / "releve.toml"
    config.write_text(f'[box]\ndata = "{tmp_path}/data"\nruntime = "{tmp_path}/run"\nsecret = "{tmp_path}/secret"\n')
    return str(Path(__file__).with_name("house_in_image.py")), str(config), str(image.folder)


@pytest.fixture
def house(command: tuple[str, ...]) -> Iterator[Running]:
    with started(*command, lines=1) as running:
        yield running


def fits(page: Page) -> None:
    assert page.evaluate("document.documentElement.scrollWidth") <= PHONE["width"], page.url


def wanted(tmp_path: Path) -> dict[str, str] | None:
    path = tmp_path / "run" / "update.wanted"
    return dict(json.loads(path.read_text())) if path.exists() else None


def test_a_dropped_update_is_installed_by_root_and_the_page_says_what_became_of_it(
    house: Running, image: ImageFolder, tmp_path: Path, context_with: Callable[..., BrowserContext]
) -> None:
    page = context_with(viewport=PHONE).new_page()
    page.on("pageerror", lambda error: pytest.fail(f"the page's script failed: {error}"))
    page.goto(f"{house.url}/box")
    page.get_by_role("link", name="Mises à jour").click()
    page.wait_for_load_state("networkidle")
    fits(page)
    form = page.locator("form.drop").element_handle()
    page.evaluate(DROP, [form, "releve-9.0.0-app-arm64.update", list(image.update("9.0.0", size=200_000))])
    page.get_by_text("9.0.0, après 0.1.0").wait_for()
    fits(page)
    assert wanted(tmp_path) is None
    page.get_by_role("button", name="L’installer").click()
    page.get_by_text("Le boîtier va installer la mise à jour.").wait_for()
    fits(page)
    assert wanted(tmp_path) == {"source": "arrived", "version": "9.0.0"}

    image.says("update", "installing", kind="app", version="9.0.0", before="0.1.0")
    (tmp_path / "run" / "update.wanted").unlink()
    page.get_by_text("Le boîtier installe la version 9.0.0.").wait_for(timeout=SOON_MS)
    image.says("update", "trial", kind="app", version="9.0.0", before="0.1.0")
    expect(page.get_by_text("est à l’essai").first).to_be_visible(timeout=SOON_MS)
    image.says("update", "installed", kind="app", version="9.0.0", before="0.1.0")
    page.get_by_text("La version 9.0.0 est installée, et va bien.").wait_for(timeout=SOON_MS)
    fits(page)
    assert not (tmp_path / "data" / "update").exists()
    page.get_by_role("button", name="J’ai vu").click()
    page.wait_for_url(f"{house.url}/box")
    assert page.get_by_text("La version 9.0.0 est installée").count() == 0


@pytest.mark.parametrize("javascript", [True, False])
def test_a_chosen_file_is_refused_or_shown_with_scripts_and_without(
    house: Running,
    image: ImageFolder,
    tmp_path: Path,
    context_with: Callable[..., BrowserContext],
    *,
    javascript: bool,
) -> None:
    whole = image.update("9.0.0", size=3_000_000)
    page = context_with(viewport=PHONE, java_script_enabled=javascript).new_page()

    def send(content: bytes) -> None:
        (tmp_path / "sent.update").write_bytes(content)
        page.goto(f"{house.url}/box/update")
        page.get_by_label("Le fichier de la mise à jour").set_input_files(tmp_path / "sent.update")
        page.get_by_role("button", name="L’envoyer au boîtier").click()

    send(whole[:-1000])
    page.get_by_text("Ce fichier n’est pas entier").wait_for()
    send(whole)
    page.get_by_role("button", name="L’installer").wait_for()
    page.get_by_role("button", name="Laisser ce fichier").click()
    page.get_by_label("Le fichier de la mise à jour").wait_for()
    assert not (tmp_path / "data" / "update").exists()


def test_a_page_that_is_left_in_the_middle_leaves_nothing_behind(
    house: Running, image: ImageFolder, tmp_path: Path, context_with: Callable[..., BrowserContext]
) -> None:
    context = context_with(viewport=PHONE)
    page, other = context.new_page(), context.new_page()
    session = context.new_cdp_session(page)
    page.goto(f"{house.url}/box/update")
    page.wait_for_load_state("networkidle")
    session.send("Network.enable")
    slow = {"offline": False, "latency": 0, "downloadThroughput": -1, "uploadThroughput": 300_000}
    session.send("Network.emulateNetworkConditions", slow)
    (tmp_path / "long.update").write_bytes(image.update("9.0.0", size=6_000_000))
    page.get_by_label("Le fichier de la mise à jour").set_input_files(tmp_path / "long.update")
    page.get_by_role("button", name="L’envoyer au boîtier").click()
    page.get_by_text("Le fichier est en route").wait_for()
    end = time.monotonic() + SOON_MS / 1000
    while page.locator("form.drop progress").evaluate("bar => bar.value") < 5:
        assert time.monotonic() < end
        page.wait_for_timeout(50)
    other.goto(f"{house.url}/box/update")
    other.get_by_text("Un fichier est en route vers le boîtier.").wait_for()
    fits(other)
    page.goto("about:blank")
    end = time.monotonic() + GIVEN_UP_S_MAX
    while (tmp_path / "data" / "update").exists():
        assert time.monotonic() < end
        time.sleep(0.05)
    other.goto(f"{house.url}/box/update")
    other.get_by_text("Le fichier n’est pas arrivé entier").wait_for()


def test_a_page_that_waits_comes_back_by_itself_when_the_box_has_started_again(
    command: tuple[str, ...], image: ImageFolder, tmp_path: Path, context_with: Callable[..., BrowserContext]
) -> None:
    page = context_with(viewport=PHONE).new_page()
    (tmp_path / "sent.update").write_bytes(image.update("9.0.0"))
    with started(*command, lines=1) as house:
        page.goto(f"{house.url}/box/update")
        page.get_by_label("Le fichier de la mise à jour").set_input_files(tmp_path / "sent.update")
        page.get_by_role("button", name="L’envoyer au boîtier").click()
        page.get_by_role("button", name="L’installer").click()
        page.get_by_text("Le boîtier va installer la mise à jour.").wait_for()
        image.says("update", "restarting", kind="app", version="9.0.0", before="0.1.0")
        page.get_by_text("Le boîtier redémarre, avec la version 9.0.0.").wait_for(timeout=SOON_MS)
    (tmp_path / "run" / "update.wanted").unlink()
    page.wait_for_timeout(4000)  # it asks meanwhile, and nobody answers
    assert page.get_by_text("Le boîtier redémarre, avec la version 9.0.0.").is_visible()
    image.says("update", "back", "why", code="no-answer", kind="app", version="9.0.0", before="0.1.0")
    with started(*command, house.url.rpartition(":")[2], lines=1):
        page.get_by_text("le boîtier est revenu de lui-même à la version 0.1.0").wait_for(timeout=SOON_MS)
        assert page.get_by_text("La version en service est").is_visible()
        page.get_by_role("button", name="J’ai vu").click()
        page.wait_for_url(f"{house.url}/box")
