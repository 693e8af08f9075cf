"""With no consent given the box sends no packet beyond the LAN in a day: proved on a wire of its own, packet by packet.

The day passes in some minutes: the gateway's clocks run faster. Nothing else's do.
"""

import contextlib
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from gateway.backup import load_age
from gateway.model import SeriesKey
from gateway.store import Store
from tests.integration.box_at_home import HOUR_S, REACHED, SOON_S, Box, sent, until
from tests.integration.home import Home
from tests.integration.sniff import MDNS, Kind, Packet
from tests.integration.things_at_home import BROKER, MODBUS, RADIO, SHELLY, WATER, speaking
from tests.integration.visitor import Visitor
from webui import live
from webui.assets import Assets
from webui.server import routes

HERE = Path(__file__).parent
PASSWORD = "korrekt horse battery"
WORLD = "9.9.9.9"  # where a lie of the resolver, or a slip of the finger, leads to: beyond the home
BEGINS = datetime(2026, 12, 5, 12, tzinfo=UTC).timestamp()
# While a person looks at pages, and while nobody does.
SLOWLY, FAST = 60, 480
DAY_S = 86_400
GAP_S_MAX = 4 * HOUR_S  # two hours without a network, and what it takes to notice that it is there again
CARD_BYTES = 64 * 2**20
CONFIG = """
[box]
data = "{folder}/card/data"
runtime = "{folder}/run"
secret = "{folder}/secret"
[web]
listen = "[::]:8080"
[backup]
folder = "{folder}/stick"
recipient = "{recipient}"
[[port]]
name = "radio"
protocol = "wmbus"
receiver = "hexlines"
tcp = "{radio}:{RADIO}"
[[port]]
name = "sky"
protocol = "wmbus"
mqtt = "{broker}:{BROKER}"
topic = "wmbus_bridge/+/telegram"
[[port]]
name = "things"
protocol = "mqtt"
mqtt = "{broker}:{BROKER}"
[[port]]
name = "bus"
protocol = "modbus"
tcp = "{bus}:{MODBUS}"
framing = "rtu"
[[port]]
name = "shelly"
protocol = "shelly"
tcp = "{shelly}:{SHELLY}"
[[meter]]
name = "Eau froide"
address = "{WATER}"
[[meter]]
name = "Pompe"
port = "bus"
unit = 1
model = "eastron_sdm630"
"""


STRAYS = "192.0.2.1", "2001:db8::1"
# A program that does all that the box must not.
STRAY = f"""
import contextlib, socket
for family, where in ((socket.AF_INET, {STRAYS[0]!r}), (socket.AF_INET6, {STRAYS[1]!r})):
    socket.socket(family, socket.SOCK_DGRAM).sendto(bytes(48), (where, 123))
with contextlib.suppress(OSError):
    socket.create_connection(("198.51.100.9", 443), 1)
with contextlib.suppress(OSError):
    socket.getaddrinfo("stray.example", 80)
"""


def configure(box: Box, recipient: object, **hosts: str) -> None:
    """`hosts`: what radio, broker, bus and shelly are called, each by its address otherwise."""
    known = dict.fromkeys(("radio", "broker", "bus", "shelly"), Home.ROUTER[0]) | hosts
    given = {"RADIO": RADIO, "BROKER": BROKER, "MODBUS": MODBUS, "SHELLY": SHELLY, "WATER": WATER}
    box.config.write_text(CONFIG.format(folder=box.folder, recipient=recipient, **given, **known))


@contextlib.contextmanager
def broker(home: Home, folder: Path) -> Iterator[None]:
    config = folder / "mosquitto.conf"
    config.write_text(f"user root\nlistener {BROKER} {Home.ROUTER[0]}\nallow_anonymous true\n")
    with home.router.running(folder / "mosquitto.log", "mosquitto", "-c", str(config)):
        yield


@contextlib.contextmanager
def card(folder: Path) -> Iterator[Path]:
    """A small one, which can be filled."""
    (folder / "card").mkdir()
    subprocess.run(("mount", "-t", "tmpfs", "-o", f"size={CARD_BYTES}", "none", folder / "card"), check=True)
    try:
        yield folder / "card"
    finally:
        subprocess.run(("umount", "--lazy", folder / "card"), check=True)


def pages() -> list[str]:
    """Every page and every question of the API, but for the stream that does not end."""
    known = {
        "point": "eau-froide",
        "id": "eau-froide",
        "key": "eau-froide:volume:0",
        "name": "releve.css",
        "to": "webdav",
        "kind": "mail",
        "grant": "0123456789abcdef",
        "story": "1",
    }
    return [
        route.path.format_map(known)
        for route in routes(Assets())
        if route.method == "GET" and route.handler is not live.live
    ]


def found_by_mdns(box: Box) -> None:
    """What another host of the LAN learns by itself: where the box is, and no meter."""
    learnt = box.folder / "learnt"
    with box.home.router.running(learnt, sys.executable, str(HERE / "find_box.py"), Home.ROUTER[0]) as finding:
        assert finding.wait(SOON_S) == 0, learnt.read_text()
    host, *services = sorted(learnt.read_text().splitlines(), key=lambda line: not line.startswith("releve.local"))
    assert host == f"releve.local {Home.BOX[0]}"
    assert sorted(line.split("._", 1)[1] for line in services) == [
        f"{service}._tcp.local. {Home.BOX[0]}:8080 {{'path': '/', 'txtvers': '1'}}" for service in ("http", "releve")
    ]
    assert WATER.id not in learnt.read_text()


def visit(box: Box, recipient: object) -> None:
    """A person opens every page, looks for devices, types addresses that lie at home and beyond, and takes all along."""
    visitor = Visitor(box.home.router, f"http://{Home.BOX[0]}:8080")
    visitor.set_up(box.status()["setup_code"], PASSWORD)
    box.hears("radio")
    seen = Counter[int]()
    for path in pages():
        visitor.ask(path)
        seen[visitor.status] += 1
        assert visitor.status < 500, path
    assert seen[200] > 30, seen
    assert "html" in Visitor(box.home.router, f"http://[{Home.BOX[1]}]:8080").ask("/login")
    assert "Shelly" in visitor.ask("/meters/find")
    visitor.sends("/meters/find", "/meters/find/modbus", at=f"{Home.ROUTER[0]}:{MODBUS}")
    for what in ("find/modbus", "broker/add", "device/add"):
        visitor.sends("/meters/find", f"/meters/{what}", at=WORLD)
        assert visitor.status == 422, what
    for path in ("csv", "json", "espi"):
        assert len(visitor.ask(f"/data/export?format={path}")) > 100
        assert visitor.status == 200
    box.releve("backup", "--recipient", str(recipient), str(box.folder / "house"))
    box.releve("export", "--out", str(box.folder / "export"))


def seen(home: Home, since: Counter[Packet]) -> set[tuple[str, str]]:
    """What has come since: of which kind, and the name that was asked for or the address that it went to."""
    found = sent(home.from_box.counts(), since)
    return {(one.value, name or where) for one, counts in found.items() for where, _, name in counts}


def read_at(box: Box) -> list[int]:
    """When the water was read, of a box that is off."""
    path, tail = box.folder / "card" / "data" / "series.db", box.folder / "run" / "tail"
    store = Store.open(path, tail, zone=ZoneInfo("Europe/Paris"), now=lambda: int(box.now))
    try:
        points = store.points(SeriesKey("eau-froide", "volume"), 0, 1 << 40)
        assert points is not None
        return [int(at) for at in points.at]
    finally:
        store.close()


def backed_up(folder: Path) -> list[datetime]:
    """When back-ups were written by themselves."""
    return sorted(
        datetime.strptime(one.name, "releve-%Y%m%dT%H%M%SZ.backup").replace(tzinfo=UTC)
        for one in folder.glob("releve-*")
    )


@pytest.mark.allow_hosts(REACHED)
@pytest.mark.timeout(400)
def test_a_box_with_no_consent_sends_no_packet_beyond_the_lan_in_a_day(tmp_path: Path) -> None:
    with contextlib.ExitStack() as opened:
        home = opened.enter_context(Home())
        disk = opened.enter_context(card(tmp_path))
        box = Box(home, tmp_path, BEGINS)
        recipient = load_age().x25519.Identity.generate().to_public()
        (tmp_path / "stick").mkdir()
        opened.enter_context(speaking(home.router, Home.ROUTER[0]))
        at_home = contextlib.ExitStack()
        opened.callback(at_home.close)
        at_home.enter_context(broker(home, tmp_path))

        # Hosts by address: no name is asked for, whatever happens.
        configure(box, recipient)
        with box.living(SLOWLY) as process:
            began = box.status()["now"]
            visit(box, recipient)
            found_by_mdns(box)
            box.hears("radio", "things", "bus", "shelly")
            box.kill(process)
        with box.living(FAST):
            box.live(2)
            at_home.close()
            box.live(1)
            at_home.enter_context(broker(home, tmp_path))
            box.live(1)
            home.router.ip("link", "set", "box", "down")
            box.live(1)
            home.router.ip("link", "set", "box", "up")
            box.live(1)
            with contextlib.suppress(OSError):
                (disk / "rest").write_bytes(bytes(CARD_BYTES))
            box.live(1)
            (disk / "rest").unlink()
            box.hears("radio", "things")
            box.live(2)
        by_address = home.from_box.counts()
        found = sent(by_address)
        assert found[Kind.AWAY] == found[Kind.NTP] == found[Kind.DNS] == Counter()

        # Hosts by name: those names are asked for, of the home's router, and what it says of them is not always true.
        names = {name: f"{name}.home.arpa" for name in ("radio", "broker", "bus", "shelly")}
        right = dict.fromkeys(names.values(), (Home.ROUTER[0],))
        home.resolver.names = dict(right)
        configure(box, recipient, **names)
        with box.living(FAST) as process:
            box.hears("radio", "things")
            for answer in ((), None, (WORLD, "2620:fe::9"), (WORLD,)):
                home.resolver.names = {} if answer is None else dict.fromkeys(right, answer)
                at_home.close()
                home.router.ip("link", "set", "box", "down")
                box.live(1)
                home.router.ip("link", "set", "box", "up")
                box.live(1)
                home.resolver.names = dict(right)
                at_home.enter_context(broker(home, tmp_path))
                box.hears("radio", "things")
            box.kill(process)
        with box.living(FAST):
            box.live((began + DAY_S + HOUR_S - box.status()["now"]) / HOUR_S)
            box.hears("radio", "things")
        by_name = sent(home.from_box.counts(), by_address)
        assert by_name[Kind.AWAY] == by_name[Kind.NTP] == Counter()
        assert {name for _, _, name in by_name[Kind.DNS]} == set(names.values())
        assert {where for where, _, _ in by_name[Kind.DNS]} <= set(Home.ROUTER)

        # A day has passed by the box's own clock: it has read all along, and done what it does each day.
        heard = read_at(box)
        assert heard[-1] - heard[0] >= DAY_S
        assert max(later - earlier for earlier, later in pairwise(heard)) < GAP_S_MAX
        times = backed_up(tmp_path / "stick")
        assert times[-1] - times[0] >= timedelta(days=1)
        assert "Traceback" not in box.log.read_text()

        # All that a home needs was on the wire, and so is all that must not be.
        assert {port for _, port, _ in found[Kind.LAN]} >= {RADIO, BROKER, MODBUS, SHELLY}
        assert any(port == MDNS for _, port, _ in found[Kind.LINK]), "mDNS was announced"
        before = home.from_box.counts()
        with home.box.running(tmp_path / "stray.log", sys.executable, "-c", STRAY) as process:
            process.wait()
        strays = {("ntp", STRAYS[0]), ("ntp", STRAYS[1]), ("away", "198.51.100.9"), ("dns", "stray.example")}
        until(lambda: strays <= seen(home, before), "strays are seen")
