"""The code of the first visit stays the same over power cuts, until it was used."""

import stat
from pathlib import Path

import pytest

from tests.webui.home import open_home
from webui.setup_code import SetupCode

NAME = "setup-code"


def test_it_is_the_same_after_a_power_cut(tmp_path: Path) -> None:
    before = SetupCode(tmp_path, is_used=False).digits
    assert SetupCode(tmp_path, is_used=False).digits == before
    assert (tmp_path / NAME).read_text() == f"{before[:4]}-{before[4:]}\n"
    assert stat.S_IMODE((tmp_path / NAME).stat().st_mode) == 0o600


def test_once_it_was_used_the_file_is_there_and_empty_and_the_next_code_is_another(tmp_path: Path) -> None:
    code = SetupCode(tmp_path, is_used=False)
    before = code.digits
    code.end()
    assert (tmp_path / NAME).read_bytes() == b""
    assert SetupCode(tmp_path, is_used=False).digits != before


def test_a_box_that_is_set_up_leaves_no_code_behind(tmp_path: Path) -> None:
    SetupCode(tmp_path, is_used=False)
    SetupCode(tmp_path, is_used=True)
    assert (tmp_path / NAME).read_bytes() == b""


@pytest.mark.parametrize("damaged", [b"", b"1234", b"\xff" * 20, b"12345678" * 9, "1234-567\u0668".encode()])
def test_a_damaged_file_only_changes_the_code(tmp_path: Path, damaged: bytes) -> None:
    (tmp_path / NAME).write_bytes(damaged)
    code = SetupCode(tmp_path, is_used=False)
    assert code.digits.isascii()
    assert len(code.digits) == 8
    assert SetupCode(tmp_path, is_used=False).digits == code.digits


def test_a_card_that_takes_nothing_does_not_keep_the_box_from_starting(tmp_path: Path) -> None:
    code = SetupCode(tmp_path / "missing", is_used=False)
    assert len(code.digits) == 8
    code.end()


async def test_it_goes_when_the_household_is_set_up_and_comes_back_when_somebody_stands_at_the_box(
    tmp_path: Path,
) -> None:
    async with open_home(tmp_path, password=True) as home:
        path = home.house.config.data / NAME
        assert path.read_text().strip() == home.access.setup_code
        assert await home.access.set_password("dix-sept chats", first=True)
        assert path.read_bytes() == b""
        await home.access.recover("card", "11112222")
        assert path.read_text() == "1111-2222\n"
