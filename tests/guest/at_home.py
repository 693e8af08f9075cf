"""In the virtual machine: a home with a router and a telephone, radios of the kernel's own simulator, and the box between them.

`home` makes it before the box's NetworkManager starts; `told` then goes through a first boot, and says on a serial line of its own,
one JSON object a line, what was met. The router and the telephone stand in network namespaces of their own.
"""

import http.client
import json
import os
import re
import signal
import subprocess
import sys
import time
import urllib.parse
from collections.abc import Callable
from pathlib import Path

CARD, SAID = Path("/boot/firmware"), Path("/run/releve-box")
PAGE = CARD / "START-HERE.html"
ROUTER = Path("/run/router-radio.pid")
NETWORK = (
    'Café ; 😀 "chez" nous',
    " top;se#c\\ret é",
    "WPA-PSK SAE",
)  # the first one, which wifi.txt on the card names
OTHERS = (
    ("=[deux: 'points']", "12345678", "SAE"),  # WPA3 alone
    (" caché ", "mot de passe = ;", "WPA-PSK"),
)
STEP_S_MAX = 600.0
TRIES = 3
LEASE = """#!/bin/sh
[ "$1" = bound ] && ip addr add "$ip/24" dev "$interface"
exit 0
"""


def run(*command: str, check: bool = True) -> str:
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0 or not check, f"{command}: {done.stdout}{done.stderr}"
    return done.stdout


def until(is_so: Callable[[], object]) -> bool:
    end = time.monotonic() + STEP_S_MAX
    while not is_so():
        if time.monotonic() > end:
            return False
        time.sleep(1)
    return True


def said(subject: str) -> dict[str, object]:
    try:
        found: dict[str, object] = json.loads((SAID / f"{subject}.json").read_text())
    except (OSError, ValueError):
        return {}
    return found


def router(name: str, password: str, ways: str, *, hidden: bool = False) -> None:
    """The router's radio, in the namespace `home`."""
    if ROUTER.exists():
        os.kill(int(ROUTER.read_text()), signal.SIGTERM)
        until(lambda: not ROUTER.exists())
    lines = (
        *("interface=wlan1", f"ssid2={name.encode().hex()}", "hw_mode=g", "channel=6", "wpa=2", f"wpa_key_mgmt={ways}"),
        *("ieee80211w=1", "rsn_pairwise=CCMP", f"wpa_passphrase={password}", f"ignore_broadcast_ssid={int(hidden)}"),
    )
    Path("/root/router.conf").write_text("\n".join(lines) + "\n")
    run("ip", "netns", "exec", "home", "hostapd", "-B", "-P", str(ROUTER), "/root/router.conf")


def home() -> None:
    run("modprobe", "mac80211_hwsim", "radios=3")
    until(lambda: "phy2" in run("iw", "phy"))
    for name, phy in (("home", "phy1"), ("phone", "phy2")):
        run("ip", "netns", "add", name)
        run("ip", "-n", name, "link", "set", "lo", "up")
        run("iw", "phy", phy, "set", "netns", "name", name)
    run("ip", "-n", "home", "addr", "add", "192.168.9.1/24", "dev", "wlan1")
    router(*NETWORK)
    dhcp = ("--interface=wlan1", "--bind-interfaces", "--dhcp-range=192.168.9.50,192.168.9.90", "--port=0")
    run("ip", "netns", "exec", "home", "dnsmasq", *dhcp, "--pid-file=/run/router.pid")


def handed_in(name: str, password: str, *more: str) -> None:
    """As if the card had come back with another wifi.txt."""
    (CARD / "wifi.txt").write_text("\r\n".join((f'Nom : "{name}"', f'Mot de passe : "{password}"', *more)))
    run("systemctl", "restart", "releve-wifi.service")
    run("nmcli", "connection", "reload")
    # A machine this slow is late for an answer now and then, and a router waits for none.
    for _ in range(TRIES):
        run("nmcli", "--wait", "90", "connection", "up", "releve-wifi", check=False)
        if "connected:releve-wifi" in run("nmcli", "-t", "-f", "STATE,CONNECTION", "device"):
            return


def first() -> None:
    run("systemctl", "start", "releve-first.service")
    until(lambda: run("systemctl", "is-active", "releve-first.service", check=False).strip() == "inactive")


def linked() -> dict[str, object]:
    """Whether the box is in a Wi-Fi, and in which, as NetworkManager and the kernel say."""
    return {
        "devices": run("nmcli", "-t", "-f", "TYPE,STATE,CONNECTION", "device").splitlines(),
        "heard": run("iw", "dev", "wlan0", "link").encode().decode("unicode_escape").encode("latin-1").decode(),
        "address": run("ip", "-4", "-o", "address", "show", "wlan0"),
    }


class Browser:
    """The telephone's, in its namespace; it keeps the cookie."""

    def __init__(self, host: str) -> None:
        self._host = host
        self._cookie = ""

    def ask(self, path: str, **fields: str) -> tuple[int, str]:
        """With fields: the form on that page, as it is filled in."""
        if fields:
            token = re.search(r'name="token" value="([^"]*)"', self.ask(path)[1])
            fields["token"] = token[1] if token else ""
        body = urllib.parse.urlencode(fields) if fields else None
        line = http.client.HTTPConnection(self._host, 8080, timeout=120)
        headers = {"Origin": f"http://{self._host}:8080"} | ({"Cookie": self._cookie} if self._cookie else {})
        if body:
            headers["Content-Type"] = "application/x-www-form-urlencoded"
        line.request("POST" if body else "GET", path, body, headers)
        answer = line.getresponse()
        if given := answer.getheader("Set-Cookie"):
            self._cookie = given.partition(";")[0]
        return answer.status, answer.read().decode()


def phone(host: str, code: str, name: str, password: str) -> None:
    """What a person does on the telephone; prints what was answered."""
    browser = Browser(host)
    statuses = {
        "setup": browser.ask("/setup", code=code, password="dix-sept chats", again="dix-sept chats", who="occupant")[0]
    }
    statuses["page"] = browser.ask("/box/wifi")[0]
    status, text = browser.ask("/box/wifi", name=name, password=password, country="FR")
    sys.stdout.write(json.dumps({**statuses, "join": status, "text": text}))


def told(say: Callable[..., None]) -> None:
    until(lambda: "connected:releve-wifi" in run("nmcli", "-t", "-f", "STATE,CONNECTION", "device"))
    until(lambda: said("first"))
    until(lambda: run("systemctl", "is-active", "releve-first.service", check=False).strip() == "inactive")
    first()
    say(
        step="from the card",
        wifi=said("wifi"),
        first=said("first"),
        page=PAGE.read_text(),
        card=sorted(p.name for p in CARD.iterdir()),
        **linked(),
    )
    for number, other in enumerate(OTHERS):
        hidden = other[0] == " caché "
        router(*other, hidden=hidden)
        handed_in(other[0], other[1], *(("caché : oui",) if hidden else ()))
        say(
            step=f"another {number}",
            shown=run("nmcli", "-t", "-f", "802-11-wireless", "connection", "show", "releve-wifi"),
            **linked(),
        )
    router(*NETWORK)
    handed_in(NETWORK[0], "un autre mot")
    first()
    say(step="wrong password", wifi=said("wifi"), page=PAGE.read_text())
    handed_in("Ailleurs", NETWORK[1])
    first()
    say(step="no such network", wifi=said("wifi"), page=PAGE.read_text())

    # The box's own network: nothing is known, and no cable is there.
    Path("/etc/NetworkManager/system-connections/releve-wifi.nmconnection").unlink()
    Path("/data/box/wifi.json").unlink()
    run("nmcli", "connection", "reload")
    began = time.monotonic()
    run("systemctl", "restart", "releve-hotspot.service")
    until(lambda: "releve-hotspot" in run("nmcli", "-t", "-f", "CONNECTION", "device"))
    opened_s = time.monotonic() - began
    found = re.search(r'code own">([^<]*)<br>([^<]*)<', PAGE.read_text())
    code = re.search(r'id="code">([^<]*)<', PAGE.read_text())
    assert found, "START-HERE.html does not name the box's own network"
    assert code, "START-HERE.html has no code"
    Path("/root/phone.conf").write_text(f'network={{\nssid="{found[1]}"\npsk="{found[2]}"\n}}\n')
    Path("/root/lease").write_text(LEASE)
    Path("/root/lease").chmod(0o755)
    within = ("ip", "netns", "exec", "phone")
    run(*within, "wpa_supplicant", "-B", "-i", "wlan2", "-c", "/root/phone.conf")
    until(lambda: "Connected" in run(*within, "iw", "dev", "wlan2", "link"))
    run(*within, "busybox", "udhcpc", "-i", "wlan2", "-q", "-n", "-t", "20", "-s", "/root/lease")
    listening = run("ss", "-Hlntu")
    answered = run(*within, sys.executable, "-I", __file__, "phone", "10.42.0.1", code[1], NETWORK[0], NETWORK[1])
    until(lambda: said("wifi").get("state") == "joined")
    until(lambda: run("systemctl", "is-active", "releve-hotspot.service", check=False).strip() == "inactive")
    until(lambda: run("systemctl", "is-active", "releve-first.service", check=False).strip() == "inactive")
    say(
        step="its own network", opened_s=opened_s, answered=json.loads(answered), listening=listening, wifi=said("wifi"),
        page=PAGE.read_text(), wanted=Path("/run/releve/wifi.wanted").exists(), **linked(),
    )  # fmt: skip
    run("systemctl", "start", "releve-clock.service")
    say(step="clock", kept=Path("/var/lib/systemd/timesync/clock").stat().st_mtime, now=time.time())


def main() -> None:
    with open("/dev/ttyS1", "w", buffering=1) as out:  # noqa: PTH123 - a device

        def say(**what: object) -> None:
            out.write(json.dumps(what) + "\n")

        try:
            told(say)
        except Exception as error:  # noqa: BLE001 - it is said outside, with what systemd has to say
            say(step="failed", why=repr(error), log=run("journalctl", "-b", "-n", "60", "--no-pager", check=False))
        time.sleep(1)
    run("umount", str(CARD), check=False)
    subprocess.run(("systemctl", "poweroff", "--force", "--force"), check=False)


if __name__ == "__main__":
    match sys.argv[1:]:
        case ["home"]:
            home()
        case ["phone", host, code, name, password]:
            phone(host, code, name, password)
        case _:
            main()
