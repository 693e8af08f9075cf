"""A Green Button file is what green_button.rng says, as libxml2's own `xmllint` sees it; and that schema refuses others."""

import subprocess
from pathlib import Path

import pytest

from tests.gateway.test_espi import furnished_house, written

SCHEMA = Path(__file__).parent / "green_button.rng"
COMMAND_S_MAX = 60


def is_valid(text: str, folder: Path) -> bool:
    path = folder / "house.xml"
    path.write_text(text, encoding="utf-8")
    done = subprocess.run(
        ["xmllint", "--noout", "--nonet", "--relaxng", SCHEMA, path],
        capture_output=True, text=True, timeout=COMMAND_S_MAX, check=False,
    )  # fmt: skip
    assert done.returncode in (0, 3, 4), done.stderr  # valid; not valid
    return done.returncode == 0


@pytest.fixture(scope="module")
def text(tmp_path_factory: pytest.TempPathFactory) -> str:
    with furnished_house(tmp_path_factory.mktemp("house")) as house:
        return written(house)[0]


def test_a_furnished_house_is_valid(text: str, tmp_path: Path) -> None:
    assert is_valid(text, tmp_path)


@pytest.mark.parametrize(
    ("ours", "other"),
    [
        ("<uom>72</uom>", "<uom>42</uom>"),
        ("<value>", "<value>0."),
        ("<commodity>1</commodity><dataQualifier>12</dataQualifier>", "<dataQualifier>12</dataQualifier><commodity>1</commodity>"),
        ('rel="up"', 'rel="down"'),
        ("<duration>1800</duration>", ""),
        ("<tzOffset>3600</tzOffset>", "<tzOffset>+01:00</tzOffset>"),
        ("<dstStartRule>3E0E2000", "<dstStartRule>3E0E20"),
        ("<kind>0</kind>", "<kind>electricity</kind>"),
        ("<id>urn:uuid:", "<id>"),
    ],
)  # fmt: skip
def test_what_is_not_of_the_standard_is_refused(text: str, tmp_path: Path, ours: str, other: str) -> None:
    assert ours in text
    assert not is_valid(text.replace(ours, other, 1), tmp_path)
