"""A network namespace that leads nowhere, and a broker in it with a user for each side."""

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.integration.home import Host
from tests.integration.mosquitto import PASSWORD, USER, Mosquitto

BROKER = 1883
THEIRS = "maison"  # Home Assistant's own user at the broker
ACCESS = f"""
user {USER}
topic readwrite releve/#
topic readwrite homeassistant/device/+/config
topic read homeassistant/status
user {THEIRS}
topic readwrite #
"""


@pytest.fixture
def alone() -> Iterator[Host]:
    assert os.geteuid() == 0, "network namespaces need root"
    host = Host("home-assistant")
    try:
        host.ip("link", "set", "lo", "multicast", "on")
        host.ip("route", "add", "224.0.0.0/4", "dev", "lo")  # its discovery does not start without one
        with host.inside():
            yield host
    finally:
        host.remove()


@pytest.fixture
def broker(alone: Host, tmp_path: Path) -> Iterator[Mosquitto]:
    passwords, access = tmp_path / "passwords", tmp_path / "access"
    for options, user in ((("-c", "-b"), USER), (("-b",), THEIRS)):
        subprocess.run(("mosquitto_passwd", *options, str(passwords), user, PASSWORD), check=True, capture_output=True)
    access.write_text(ACCESS)
    started = Mosquitto(tmp_path, BROKER, f"allow_anonymous false\npassword_file {passwords}\nacl_file {access}")
    try:
        started.start()
        yield started
    finally:
        started.end()
