"""What a container cannot show of the units: addresses, ports, devices, memory. In the box, by the units as they are in it.

Each line is tried beside the unit without it, as in tests/integration/test_walls.py.
"""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.image.card import Card, Image
from tests.image.guest import PAGE_S_MAX, PLAIN, switched_on
from tests.integration.home import Host

TRIES_S_MAX = 1800.0
Ends = dict[str, dict[str, dict[str, str]]]  # of each unit, without which line, how each try ended


@pytest.fixture(scope="module")
def ends(image: Image, home: Host, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ends]:
    """How the tries ended in the box."""
    card = Card(tmp_path_factory.mktemp("walls"), image)
    found: Ends = {}
    with switched_on(card, PLAIN[image.arch], home) as guest:
        guest.comes_up(PAGE_S_MAX[image.arch])
        guest.settled()
        guest.run("systemctl", "stop", "releve.service")  # its ports are to be tried
        guest.write("/run/beyond.py", Path(__file__).with_name("beyond.py").read_text())
        for said in guest.run("python3", "-I", "/run/beyond.py", within_s=TRIES_S_MAX).splitlines():
            line = json.loads(said)
            assert "failed" not in line["ends"], line
            found.setdefault(line["unit"], {})[line["without"]] = line["ends"]
    yield found
    card.remove()


pytestmark = pytest.mark.timeout(TRIES_S_MAX + 600)


def test_the_gateway_reaches_the_home_and_nothing_beyond(ends: Ends) -> None:
    found = ends["releve.service"][""]
    beyond = ("internet", "resolver", "internet, IPv6")
    assert {name: found[name] for name in beyond} == dict.fromkeys(beyond, "EPERM")
    within = ("home, 10", "home, 172", "home, 192", "home, IPv6", "itself", "multicast")
    assert {name: found[name] for name in within} == dict.fromkeys(within, "done")


def test_it_opens_its_ports_and_lines_and_no_others(ends: Ends) -> None:
    found = ends["releve.service"][""]
    assert {name: found[name] for name in ("pages", "mdns", "line")} == dict.fromkeys(("pages", "mdns", "line"), "done")
    refused = ("another port", "another port, UDP", "disk")
    assert {name: found[name] for name in refused} == dict.fromkeys(refused, "EPERM")


@pytest.mark.parametrize(
    ("unit", "line", "try_"),
    [
        ("releve.service", "IPAddressDeny=", "internet"),
        ("releve.service", "IPAddressAllow=", "home, 192"),
        ("releve.service", "SocketBindDeny=", "another port"),
        ("releve.service", "SocketBindAllow=", "pages"),
        ("releve.service", "DevicePolicy=", "disk"),
        ("releve.service", "DeviceAllow=", "line"),
        ("releve.service", "TasksMax=", "threads"),
        ("releve.service", "MemoryMax=", "memory.max"),
        ("releve.service", "MemoryHigh=", "memory.high"),
        ("releve.service", "MemorySwapMax=", "memory.swap.max"),
        ("releve.service", "ProtectKernelTunables=", "tunable"),
        ("releve-sync.service", "TasksMax=", "threads"),
        ("releve-sync.service", "MemoryMax=", "memory.max"),
        ("releve-secret.service", "PrivateNetwork=", "interfaces"),
    ],
)
def test_each_wall_stands_by_its_own_line(ends: Ends, unit: str, line: str, try_: str) -> None:
    assert ends[unit][""][try_] != ends[unit][line][try_]


def test_the_sending_process_reaches_the_internet_and_no_device(ends: Ends) -> None:
    found = ends["releve-sync.service"][""]
    assert (found["internet"], found["line"], found["disk"]) == ("done", "ENOENT", "ENOENT")
    assert found["a port to wake itself"] == "done"  # as paho-mqtt does for an MQTT target
