"""The box's own Wi-Fi, for whoever has neither a cable nor a computer: open for a while where the box finds no network at a start.

Its name and password are made once, for this box alone. NetworkManager opens it and gives a telephone its address; the page on
which a network is named is the gateway's (`/box/wifi`), for who may see the box's pages.
"""

import secrets
import subprocess
import time
from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

from gateway.box import wifi
from gateway.box.handed import Places
from gateway.box.start_here import Hotspot
from gateway.files import replace

CONNECTION = "releve-hotspot"
UUID = "52656c76-0000-4000-8000-77692d666901"
ADDRESS = "10.42.0.1"
ALPHABET = "abcdefghjkmnpqrstuvwxyz23456789"  # no two that look alike
GROUPS, GROUP = 3, 4  # of the password: 59 random bits
# A cable's router may be switched on together with the box.
BEFORE_S = 120.0
OPEN_S_MAX = 900.0
JOIN_S_MAX = 60.0
LOOK_S = 5.0
COMMAND_S_MAX = 60.0
DEVICES = ("nmcli", "-t", "-f", "TYPE,STATE,CONNECTION", "device")

Run = Callable[[Sequence[str]], str | None]


class Device(NamedTuple):
    kind: str
    state: str
    connection: str


def make(places: Places) -> None:
    """A name and a password, unless this box has them already."""
    if own(places) is None:
        password = "-".join(_drawn(GROUP) for _ in range(GROUPS))
        replace(places.connections / f"{CONNECTION}.nmconnection", keyfile(f"Releve-{_drawn(4)}", password))


def keyfile(name: str, password: str) -> bytes:
    """The connection as NetworkManager reads it; WPA2, which every telephone knows. Nobody opens it unasked."""
    lines = (
        *("[connection]", f"id={CONNECTION}", f"uuid={UUID}", "type=wifi", "autoconnect=false"),
        *("", "[wifi]", "mode=ap", "band=bg", f"ssid={name}"),
        *("", "[wifi-security]", "key-mgmt=wpa-psk", "proto=rsn;", "pairwise=ccmp;", "group=ccmp;", f"psk={password}"),
        *("", "[ipv4]", "method=shared", f"address1={ADDRESS}/24", "", "[ipv6]", "method=disabled", ""),
    )
    return "\n".join(lines).encode()


def own(places: Places) -> Hotspot | None:
    """What the box's own network is called; None before the first start."""
    try:
        text = (places.connections / f"{CONNECTION}.nmconnection").read_text("ascii")
    except (OSError, UnicodeDecodeError):
        return None
    found = dict(line.split("=", 1) for line in text.splitlines() if "=" in line)
    return Hotspot(found["ssid"], found["psk"]) if found.get("ssid") and found.get("psk") else None


def run(ask: Run, sleep: Callable[[float], None] = time.sleep, now: Callable[[], float] = time.monotonic) -> None:
    """At a start: wait for a network, and open our own for a while if none comes. Returns when it is no longer needed."""
    start = now()
    while now() - start < BEFORE_S:
        if _is_joined(_devices(ask)):
            return
        sleep(LOOK_S)
    if not any(device.kind == "wifi" for device in _devices(ask)):
        return
    begun = now()
    try:
        while now() - begun < OPEN_S_MAX:
            devices = _devices(ask)
            if _is_joined(devices):
                return
            if not _is_open(devices) and not _is_joining(ask, sleep, now):
                ask(("nmcli", "connection", "up", CONNECTION))
            sleep(LOOK_S)
    finally:
        # Also where systemd ends us: what is open is shut. Then NetworkManager looks for the networks that it knows.
        ask(("nmcli", "connection", "down", CONNECTION))


def join(ask: Run) -> None:
    """Join the network that was named, now; our own one gives way, as there is one radio."""
    ask(("nmcli", "connection", "reload"))
    ask(("nmcli", "--wait", "0", "connection", "up", wifi.CONNECTION))


def devices(answer: str | None) -> Iterator[Device]:
    """What NetworkManager says to DEVICES."""
    for line in (answer or "").splitlines():
        parts = line.split(":", 2)
        if len(parts) == len(Device._fields):
            yield Device(*parts)


def ask(command: Sequence[str]) -> str | None:
    """What a program says; None where it is missing or fails."""
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=COMMAND_S_MAX, check=True)  # noqa: S603 - ours
    except (OSError, subprocess.SubprocessError, UnicodeDecodeError):
        return None
    return done.stdout


def _devices(ask: Run) -> list[Device]:
    return list(devices(ask(DEVICES)))


def _is_joined(found: list[Device]) -> bool:
    return any(
        one.kind in ("wifi", "ethernet") and one.state == "connected" and one.connection != CONNECTION for one in found
    )


def _is_open(found: list[Device]) -> bool:
    return any(one.connection == CONNECTION for one in found)


def _is_joining(ask: Run, sleep: Callable[[float], None], now: Callable[[], float]) -> bool:
    """Whether a network that was named is joined within a minute; while it is tried, ours must not take the radio from it."""
    begun = now()
    while any(one.connection == wifi.CONNECTION and one.state.startswith("connecting") for one in _devices(ask)):
        if now() - begun >= JOIN_S_MAX:
            return False
        sleep(LOOK_S)
    return _is_joined(_devices(ask))


def _drawn(length: int) -> str:
    return "".join(secrets.choice(ALPHABET) for _ in range(length))
