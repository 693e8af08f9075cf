"""The image to try, cards of it, and a box switched on in a home: each test has cards of its own, which are gone after it."""

import contextlib
import os
from collections.abc import Generator, Iterator
from pathlib import Path

import pytest

from tests.image import figures
from tests.image.card import Card, Image, NewCard
from tests.image.guest import PAGE_S_MAX, PLAIN, Guest, Hardware, Power, switched_on
from tests.integration.home import Host

IMAGES = Path(os.environ.get("RELEVE_IMAGE", Path(__file__).parents[2] / "build"))
TEST_S_MAX = 3600


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--arch", default="amd64", choices=("amd64", "arm64"), help="whose image is tried")


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "arches(*arch): the images that a test is for; amd64 alone without it")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    arch, others = config.getoption("--arch"), []
    for item in items:
        marker = item.get_closest_marker("arches")
        if arch not in (marker.args if marker else ("amd64",)):
            others.append(item)
        if item.get_closest_marker("timeout") is None:
            item.add_marker(pytest.mark.timeout(TEST_S_MAX))
    if others:
        config.hook.pytest_deselected(items=others)
        items[:] = [item for item in items if item not in others]


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """A row of the table for what ran, with the figures that it recorded."""
    report = yield
    image = item.config.stash.get(IMAGE, None)
    if image is not None and (report.when == "call" or report.failed):
        said = "".join(f", {name} {value}" for name, value in item.user_properties)
        ended = {"passed": "held", "failed": "**failed**"}.get(report.outcome)
        if ended is not None:
            what = item.name.removeprefix("test_").replace("_", " ")
            figures.keep(what, image.arch, ended + said, image.about["commit"][:10])
    return report


IMAGE = pytest.StashKey[Image]()


@pytest.fixture(scope="session")
def arch(pytestconfig: pytest.Config) -> str:
    chosen: str = pytestconfig.getoption("--arch")
    return chosen


@pytest.fixture(scope="session")
def image(pytestconfig: pytest.Config, arch: str) -> Image:
    found = sorted(IMAGES.glob(f"releve-*-{arch}.img"), key=lambda path: path.stat().st_mtime)
    assert found, f"no releve-*-{arch}.img in {IMAGES}; `make image ARCH={arch}` makes one"
    image = Image(found[-1], arch)
    pytestconfig.stash[IMAGE] = image
    return image


@pytest.fixture(scope="session")
def home() -> Iterator[Host]:
    """A cable that leads nowhere but to the box."""
    host = Host("image")
    yield host
    host.remove()


@pytest.fixture
def new_card(image: Image, tmp_path: Path) -> Iterator[NewCard]:
    """new_card(gib=4): another one of the image."""
    cards: list[Card] = []

    def new(gib: float = 4) -> Card:
        cards.append(Card(tmp_path / f"card{len(cards)}", image, gib))
        return cards[-1]

    yield new
    for card in cards:
        card.remove()


@pytest.fixture
def card(new_card: NewCard) -> Card:
    return new_card()


@pytest.fixture
def power(home: Host, arch: str) -> Power:
    @contextlib.contextmanager
    def on(card: Card, hardware: Hardware | None = None, **options: object) -> Iterator[Guest]:
        with switched_on(card, hardware or PLAIN[arch], home, **options) as guest:  # type: ignore[arg-type] # as Power has them
            guest.comes_up(PAGE_S_MAX[arch])
            yield guest

    return on
