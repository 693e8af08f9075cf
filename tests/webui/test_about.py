"""What is inside, said on a page and handed over as it came."""

import json
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from gateway import inside
from gateway.standing import IMAGE_SBOM, PACKAGE_SBOM
from tests.image_folder import ImageFolder, make_image
from tests.webui.home import Home, open_home, read
from tests.webui.test_notices import spaced, text
from webui import about

COMPONENTS = [
    {"name": "zeta", "version": "2.0", "licenses": [{"expression": "MIT OR Apache-2.0"}]},
    {"name": "alpha", "version": "1.0", "licenses": [{"license": {"id": "MIT"}}, {"license": {"name": "PSF"}}]},
    {"name": "silent"},
]


def document(version: str, components: object = COMPONENTS) -> bytes:
    about_it = {"component": {"name": "releve", "version": version}}
    said = {"bomFormat": "CycloneDX", "specVersion": "1.6", "metadata": about_it, "components": components}
    return json.dumps(said).encode()


@pytest.fixture
def image(tmp_path: Path) -> ImageFolder:
    return make_image(tmp_path / "image")


@pytest.fixture
async def home(tmp_path: Path, image: ImageFolder) -> AsyncIterator[Home]:
    (image.places.share / PACKAGE_SBOM).write_bytes(document(about.version()))
    (image.places.share / IMAGE_SBOM).write_bytes(document("0.1.0", [{"name": "linux-image", "version": "6.12"}]))
    async with open_home(tmp_path / "house", stands=image.standing) as opened:
        yield opened


async def test_version_commit_root_licence_and_parts_are_said(home: Home) -> None:
    page = await text(home, "/about")
    for said in (
        f"Ceci est Relevé {about.version()}.",
        "licence Apache 2.0",
        "0.1.0, copie A des deux",
        "0123abc",
        "20 novembre 2026",
        "alpha 1.0MIT, PSF silent non dite zeta 2.0MIT OR Apache-2.0",
        "linux-image 6.12",
        "SECURITY.md",
    ):
        assert said in page.replace("\n", ""), said


async def test_the_lists_are_handed_over_as_they_came(home: Home, image: ImageFolder) -> None:
    for name, path in ((about.APP_FILE, PACKAGE_SBOM), (about.SYSTEM_FILE, IMAGE_SBOM)):
        async with home.client.get(f"/about/{name}") as answer:
            assert await answer.read() == (image.places.share / path).read_bytes()
            assert answer.headers["Content-Type"] == "application/vnd.cyclonedx+json"
            assert answer.headers["Content-Disposition"] == f'attachment; filename="{name}"'
    await home.text("/about/passwd", 404)


@pytest.mark.parametrize(
    "content", [None, document("0.0.1"), b"no JSON", b"[]", document("1", [{"version": "1"}]), b"{"]
)
async def test_where_no_list_is_that_of_what_runs_python_says_what_is_installed(
    tmp_path: Path, image: ImageFolder, content: bytes | None
) -> None:
    if content is not None:
        (image.places.share / PACKAGE_SBOM).write_bytes(content)
    async with open_home(tmp_path / "house", stands=image.standing) as home:
        page = spaced(read(await home.text("/about")).text)
        assert "aiohttp" in page
        assert "Dans le système" not in page
        async with home.client.get(f"/about/{about.APP_FILE}") as answer:
            found = json.loads(await answer.read())
        await home.text(f"/about/{about.SYSTEM_FILE}", 404)
    assert (found["bomFormat"], found["specVersion"]) == ("CycloneDX", "1.6")
    named = {one["name"]: one for one in found["components"]}
    assert named["aiohttp"]["purl"].startswith("pkg:pypi/aiohttp@")
    assert named["aiohttp"]["licenses"]


def test_a_list_that_was_made_here_is_read_back_as_it_was(tmp_path: Path) -> None:
    made = inside.installed("1.2.3")
    (tmp_path / "list").write_bytes(made.file)
    found = inside.listed(tmp_path / "list")
    assert found is not None
    assert found.of == "1.2.3"
    assert set(found.parts) == set(made.parts)
    assert [part.name.lower() for part in made.parts] == sorted(part.name.lower() for part in made.parts)


def test_a_licence_that_is_a_whole_text_is_cut() -> None:
    part = inside._part({"name": "long", "version": "1", "licenses": [{"license": {"name": "x" * 10_000}}]})
    assert len(part.licence) == inside.LICENCE_CHARACTERS_MAX
