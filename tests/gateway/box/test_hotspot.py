"""The box's own Wi-Fi: opened where there is no other, for a while, and shut as soon as there is one."""

import re
import stat
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from gateway.box import hotspot, wifi
from gateway.box.handed import Places

NONE = "ethernet:unavailable:\nwifi:disconnected:\n"
OPEN = "ethernet:unavailable:\nwifi:connected:releve-hotspot\n"
CABLE = "ethernet:connected:wired\nwifi:disconnected:\n"
JOINING = "wifi:connecting (configuring):releve-wifi\n"
JOINED = "wifi:connected:releve-wifi\n"


class Radio:
    """Stands for NetworkManager over time: `state` says what it answers at a second, unless our own network is open."""

    def __init__(self, state: Callable[[float], str]) -> None:
        self.at = 0.0
        self._state = state
        self._open = False
        self.told: list[tuple[float, str]] = []

    def __call__(self, command: Sequence[str]) -> str | None:
        line = " ".join(command)
        state = self._state(self.at)
        if command == hotspot.DEVICES:
            self._open = self._open and state == NONE
            return OPEN if self._open else state
        self.told.append((self.at, line.removeprefix("nmcli connection ")))
        self._open = line.endswith("up releve-hotspot")
        return ""

    def sleep(self, seconds: float) -> None:
        self.at += seconds

    def run(self) -> list[tuple[float, str]]:
        hotspot.run(self, self.sleep, lambda: self.at)
        return self.told


UP, DOWN = "up releve-hotspot", "down releve-hotspot"


@pytest.mark.parametrize("state", [CABLE, JOINED])
def test_a_box_that_has_a_network_opens_none(state: str) -> None:
    assert Radio(lambda at: NONE if at < 90 else state).run() == []


def test_a_box_without_a_radio_opens_none() -> None:
    assert Radio(lambda _: "ethernet:unavailable:\n").run() == []


def test_it_opens_after_two_minutes_and_shuts_after_a_quarter_of_an_hour() -> None:
    assert Radio(lambda _: NONE).run() == [(120, UP), (1020, DOWN)]


def test_a_cable_shuts_it() -> None:
    assert Radio(lambda at: NONE if at < 300 else CABLE).run() == [(120, UP), (300, DOWN)]


def test_a_network_that_was_named_is_given_the_radio() -> None:
    assert Radio(lambda at: NONE if at < 300 else JOINING if at < 330 else JOINED).run() == [(120, UP), (335, DOWN)]


def test_it_opens_again_where_the_network_that_was_named_lets_nobody_in() -> None:
    told = Radio(lambda at: JOINING if 300 <= at < 330 else NONE).run()
    assert told == [(120, UP), (330, UP), (1020, DOWN)]


def test_what_is_open_is_shut_when_systemd_stops_us() -> None:
    radio = Radio(lambda _: NONE)

    def stopped(seconds: float) -> None:
        radio.sleep(seconds)
        if radio.at > 200:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        hotspot.run(radio, stopped, lambda: radio.at)
    assert [told for _, told in radio.told] == [UP, DOWN]


def test_each_box_has_a_name_and_a_password_of_its_own_and_keeps_them(tmp_path: Path) -> None:
    passwords = set()
    for number in range(20):
        folder = tmp_path / str(number)
        folder.mkdir()
        places = Places(connections=folder)
        hotspot.make(places)
        own = hotspot.own(places)
        assert own is not None
        hotspot.make(places)
        assert hotspot.own(places) == own
        assert re.fullmatch("Releve-[a-z0-9]{4}", own.name)
        assert re.fullmatch("[a-z0-9]{4}(-[a-z0-9]{4}){2}", own.password)
        assert own.password not in repr(own)
        assert stat.S_IMODE((folder / "releve-hotspot.nmconnection").stat().st_mode) == 0o600
        passwords.add(own.password)
    assert len(passwords) == 20


def test_its_connection_and_the_homes_are_two() -> None:
    assert hotspot.UUID != wifi.UUID
    assert b"autoconnect=false" in hotspot.keyfile("Releve-1", "abcd-efgh-jkmn")
