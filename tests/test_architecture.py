"""What holds over the whole repository."""

import re
import tomllib
from pathlib import Path

import pytest

from drivers.modbus.maps import parse as parse_map
from drivers.model import Medium
from gateway.config import parse

ROOT = Path(__file__).parents[1]
REQUIREMENTS = sorted(ROOT.glob("requirements*.txt"))
PAGES = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md")])
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]

# One pinned requirement, or one of its hashes; an index, a link or a host has no place.
PINNED = re.compile(
    r"[a-z0-9-]+==[0-9][a-z0-9.]*( ; [A-Za-z0-9_ <>!='.()-]+)? \\|    --hash=sha256:[0-9a-f]{64}( \\)?", re.ASCII
)
LINK = re.compile(r"\]\((?!https?://|mailto:|#)([^)#\s]+)")


def indented(page: str, after: str) -> str:
    """The first indented block that follows a text, without its indentation."""
    text = (ROOT / page).read_text().split(after, 1)[1]
    block = re.search(r"(?:^    .*\n|^\n)+", text[text.index("\n    ") + 1 :], re.MULTILINE)
    assert block
    return "\n".join(line.removeprefix("    ") for line in block[0].splitlines())


@pytest.mark.parametrize("path", REQUIREMENTS, ids=lambda path: path.name)
def test_requirements_are_pinned_with_hashes_and_name_no_host(path: Path) -> None:
    assert [line for line in path.read_text().splitlines() if not PINNED.fullmatch(line)] == []


def test_requirements_pin_all_that_the_project_asks_for() -> None:
    asked = {re.split(r"[<>=]", line)[0] for line in PROJECT["dependencies"]}
    for path in REQUIREMENTS:
        if path.name == "requirements-fuzz.txt":
            continue  # what is installed beside the others
        assert asked <= set(re.findall(r"^([a-z0-9-]+)==", path.read_text(), re.MULTILINE))


@pytest.mark.parametrize("page", PAGES, ids=lambda path: str(path.relative_to(ROOT)))
def test_what_a_page_links_to_is_there(page: Path) -> None:
    assert [link for link in LINK.findall(page.read_text()) if not (page.parent / link).exists()] == []


def test_every_dependency_has_its_line_in_the_decision() -> None:
    decision = (ROOT / "docs/decisions/0000-dependencies.md").read_text()
    asked = {re.split(r"[<>=]", line)[0] for line in PROJECT["dependencies"]}
    assert {name for name in asked if f"| {name} |" not in decision} == set()


def test_the_changelog_begins_with_the_current_version() -> None:
    first = re.search(r"^## (\S+)", (ROOT / "CHANGELOG.md").read_text(), re.MULTILINE)
    assert first
    assert first[1] == PROJECT["version"]


def test_the_configuration_that_the_page_shows_is_one() -> None:
    config = parse(indented("docs/configuration.md", "where it goes wrong."), "docs/configuration.md")
    assert (config.ports[0].name, config.meters[0].name) == ("linky", "Eau froide")


@pytest.mark.parametrize("page", ["README.md", "docs/configuration.md"])
def test_the_broker_that_the_pages_show_is_one(page: str) -> None:
    (port,) = parse(indented(page, "ESPHome"), page).ports
    assert port.mqtt is not None
    assert port.mqtt.topics == ("wmbus_bridge/+/telegram", "rtl_433/+/events")


def test_the_configuration_page_names_every_medium() -> None:
    page = (ROOT / "docs/configuration.md").read_text()
    assert [medium for medium in Medium if f"`{medium}`" not in page] == []


def test_the_meter_in_ten_lines_that_the_page_shows_is_one() -> None:
    block = indented("CONTRIBUTING.md", "## Add a meter in ten lines")
    assert len(block.strip().splitlines()) <= 10
    assert [register.name for register in parse_map("nobody_n1", block).registers] == ["power", "import_energy"]
