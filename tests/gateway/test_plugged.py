"""What is plugged in is found under a name that stays, once, and said as its adapter says it."""

import os
from pathlib import Path

import pytest

from gateway import plugged
from gateway.plugged import Plugged
from tests.plugs import Sockets


@pytest.fixture
def sockets(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Sockets:
    made = Sockets(tmp_path)
    monkeypatch.setattr(plugged, "DEV", made.dev)
    monkeypatch.setattr(plugged, "SYS", made.sys)
    return made


@pytest.fixture
def line(tmp_path: Path) -> Path:
    path = tmp_path / "line0"
    path.touch()
    return path


def test_an_adapter_is_found_once_by_the_name_that_stays(sockets: Sockets, line: Path) -> None:
    device = sockets.plug("ttyUSB0", line, by_id="usb-Maker_0001", maker="Maker", product="TIC  adapter\t")
    assert plugged.look() == (Plugged(device, "Maker", "TIC adapter", "10c4:ea60"),)
    assert device.endswith("/serial/by-id/usb-Maker_0001")


def test_one_without_such_a_name_is_found_by_its_own(sockets: Sockets, line: Path) -> None:
    device = sockets.plug("ttyACM0", line)
    assert plugged.look() == (Plugged(device, usb="10c4:ea60"),)


def test_what_was_pulled_out_is_not_shown_though_its_name_was_left_behind(sockets: Sockets, line: Path) -> None:
    sockets.plug("ttyUSB0", line, by_id="usb-Maker_0001")
    (sockets.dev / "ttyUSB0").unlink()
    assert plugged.look() == ()


def test_the_boards_own_lines_are_shown_only_if_asked_for_and_those_without_a_chip_never(sockets: Sockets) -> None:
    own = sockets.board("ttyAMA0", fitted=True)
    sockets.board("ttyS1", fitted=False)
    assert plugged.look() == ()
    assert plugged.look(board=True) == (Plugged(own),)


def test_what_an_adapter_says_of_itself_is_bounded_and_plain(sockets: Sockets, line: Path) -> None:
    sockets.plug("ttyUSB0", line, maker="a\x1b[31m\nb", product="x" * 500)
    (found,) = plugged.look()
    assert (found.maker, len(found.product)) == ("a [31m b", plugged.TEXT_CHARACTERS_MAX)


def test_a_line_is_the_same_under_each_of_its_names(sockets: Sockets, line: Path) -> None:
    device = sockets.plug("ttyUSB0", line, by_id="usb-Maker_0001")
    node = str(sockets.dev / "ttyUSB0")
    assert plugged.same_line(device, ["/dev/null", node]) == node
    assert plugged.same_line(device, ["/dev/null", os.devnull, "/nowhere"]) is None
