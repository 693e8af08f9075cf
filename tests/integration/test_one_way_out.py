"""With one consent, packets leave for that one host, and questions for its name: from the sync process, and while it stands."""

import contextlib
import http.server
import ssl
import sys
import threading
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.authority import Authority, authority
from tests.integration.box_at_home import REACHED, Box, sent, until
from tests.integration.home import Home, Host
from tests.integration.sniff import Kind, Packet, Sniffer
from tests.integration.things_at_home import RADIO, WATER, speaking
from tests.integration.visitor import Visitor, hidden

PASSWORD = "korrekt horse battery"
USER, CLOUD_PASSWORD = "camille", "cheval correct pile agrafe"
# Names and addresses that could be anybody's: nothing leaves the namespaces.
CLOUD, MOVED, ELSEWHERE = "cloud.example.net", "moved.example.net", "elsewhere.example.net"
ADDRESSES = {CLOUD: ("9.9.9.9", "2620:fe::9"), MOVED: ("9.9.9.10",), ELSEWHERE: ("9.9.9.11",)}
HTTPS = 443
FAST = 60
QUIET_S = 2.0
A_WHILE = 0.1  # hours of the box: six seconds
CONFIG = """
[box]
data = "{folder}/data"
runtime = "{folder}/run"
secret = "{folder}/secret"
commit_s = 10
sync = "{sync}"
[web]
listen = "0.0.0.0:8080"
language = "en"
[[port]]
name = "radio"
protocol = "wmbus"
receiver = "hexlines"
tcp = "{at}:{RADIO}"
[[meter]]
name = "Eau froide"
address = "{WATER}"
"""


class Elsewhere(http.server.BaseHTTPRequestHandler):
    """Sends everybody to another host."""

    def __getattr__(self, name: str) -> object:
        if name.startswith("do_"):
            return self._redirect
        raise AttributeError(name)

    def _redirect(self) -> None:
        self.send_response(302)
        self.send_header("Location", f"https://{ELSEWHERE}/")
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_: object) -> None:
        pass


@contextlib.contextmanager
def redirecting(host: Host, made: Authority) -> Iterator[None]:
    with host.inside():
        server = http.server.ThreadingHTTPServer((ADDRESSES[MOVED][0], HTTPS), Elsewhere)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(made.certificate, made.key)
    server.socket = context.wrap_socket(server.socket, server_side=True)
    thread = threading.Thread(target=server.serve_forever, name="elsewhere", daemon=True)
    thread.start()
    try:
        yield
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


@contextlib.contextmanager
def cloud(host: Host, made: Authority, folder: Path) -> Iterator[Path]:
    """Debian's rclone, under its own name and addresses; where its files lie."""
    files = folder / "cloud"
    files.mkdir()
    command = ("rclone", "serve", "webdav", str(files), "--addr", f"{ADDRESSES[CLOUD][0]}:{HTTPS}", "--config", "")
    opens = ("--cert", str(made.certificate), "--key", str(made.key), "--user", USER, "--pass", CLOUD_PASSWORD)
    with host.running(folder / "rclone.log", *command, *opens):
        yield files


class System:
    """What starts the sync process where the box does not: systemd's place, as its path unit does it."""

    def __init__(self, box: Box, environment: dict[str, str], *, starts: bool) -> None:
        self._box = box
        self._starts = starts
        self._environment = environment
        self.started = 0
        self.ended: list[int] = []
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._watch, name="system", daemon=True)
        self._thread.start()

    def close(self) -> None:
        self._over.set()
        self._thread.join()

    def _watch(self) -> None:
        run = self._box.folder / "run"
        command = (sys.executable, "-m", "sync", "--socket", str(run / "sync.sock"))
        while not self._over.wait(0.1):
            if self._starts and (run / "sync.wanted").exists():
                self.started += 1
                log = self._box.folder / "sync.log"
                with self._box.home.out.running(log, *command, environment=self._environment) as process:
                    while process.poll() is None and not self._over.wait(0.1):
                        pass
                    if process.returncode is not None:
                        self.ended.append(process.returncode)


def give(visitor: Visitor, name: str) -> dict[str, str]:
    """A grant of the water, each ten minutes, to a WebDAV server of this name; the fields of what is asked of it later."""
    confirming = visitor.sends(
        "/data/send/webdav", "/data/give", to="webdav", target="Cloud", operator="me", purpose="keep",
        resolution="10min", delay="0", lasts="31536000", past="on", address=f"https://{name}/", user=USER, form="files",
        **{"point-eau-froide": "on"},
    )  # fmt: skip
    given = hidden(confirming)
    visitor.ask("/data/given", {**given, "password": CLOUD_PASSWORD})
    assert visitor.status == 200
    return {"token": given["token"], "grant": given["id"]}


def away(sniffer: Sniffer, since: Counter[Packet] | None = None) -> Counter[tuple[str, int, str]]:
    """All that was sent beyond the LAN, and all names that were asked for, whoever was asked."""
    every = sent(sniffer.counts(), since)
    return every[Kind.AWAY] + every[Kind.DNS] + every[Kind.NTP]


def stands_still(sniffer: Sniffer) -> bool:
    """Nothing went beyond the LAN for a while: where a connection was closed, its last packets are through."""
    before = sniffer.counts()
    time.sleep(QUIET_S)
    return away(sniffer, before) == Counter()


def names(packets: Counter[tuple[str, int, str]]) -> set[str]:
    return {name for _, _, name in packets if name}


def hosts(packets: Counter[tuple[str, int, str]]) -> set[tuple[str, int]]:
    return {(where, port) for where, port, name in packets if not name}


@pytest.mark.timeout(300)
@pytest.mark.allow_hosts(REACHED)
@pytest.mark.parametrize("sync", ["service", "child"])
def test_one_consent_lets_packets_out_to_its_one_host_and_to_no_other(tmp_path: Path, sync: str) -> None:
    with contextlib.ExitStack() as opened:
        home = opened.enter_context(Home())
        for address in (address for every in ADDRESSES.values() for address in every):
            home.far.ip("addr", "add", address, "dev", "lo")
        made, moved = (authority(tmp_path, name, name) for name in (CLOUD, MOVED))
        trusted = tmp_path / "trusted.pem"
        trusted.write_bytes(made.ca.read_bytes() + moved.ca.read_bytes())
        environment = {"SSL_CERT_FILE": str(trusted)}
        files = opened.enter_context(cloud(home.far, made, tmp_path))
        opened.enter_context(redirecting(home.far, moved))
        opened.enter_context(speaking(home.router, Home.ROUTER[0]))
        box = Box(home, tmp_path, time.time())
        box.config.write_text(CONFIG.format(folder=tmp_path, sync=sync, at=Home.ROUTER[0], RADIO=RADIO, WATER=WATER))
        wanted = tmp_path / "run" / "sync.wanted"
        home.resolver.names = dict(ADDRESSES)
        opened.enter_context(box.living(FAST, environment))
        system = System(box, environment, starts=sync == "service")
        opened.callback(system.close)
        visitor = Visitor(home.router, f"http://{Home.BOX[0]}:8080")
        visitor.set_up(box.status()["setup_code"], PASSWORD)
        out, none = (home.from_out, home.from_box) if sync == "service" else (home.from_box, home.from_out)

        def says(text: str, page: str = "/data") -> bool:
            return text in visitor.ask(f"{page}?lang=en")

        def alone() -> bool:
            """The box wants nothing that sends, and there is none."""
            return (wanted.exists(), home.box.processes(), home.out.processes()) == (False, 1, 0)

        # Nothing is given yet: nothing asks for a name, and nothing that sends is started.
        box.hears("radio")
        box.live(A_WHILE)
        assert alone()
        assert (away(out), system.started) == (Counter(), 0)

        # Given: readings go there, and there alone.
        fields = give(visitor, CLOUD)
        until(wanted.exists, "what sends is wanted")
        until(lambda: says("has taken all that was due"), "all that was due lies there")
        assert list(files.glob("*/*/*.json"))
        found = away(out)
        assert names(found) == {CLOUD}
        assert (ADDRESSES[CLOUD][0], HTTPS) in hosts(found)
        assert hosts(found) <= {(address, HTTPS) for address in ADDRESSES[CLOUD]}

        # The name leads home: nothing goes there. What was sent before has first been answered to its end.
        until(lambda: stands_still(out), "the connection there is closed")
        home.resolver.names[CLOUD] = Home.ROUTER
        asked, before = home.resolver.asked[CLOUD], out.counts()
        visitor.ask("/data/now", fields)
        until(lambda: home.resolver.asked[CLOUD] > asked, "it is asked for again")
        box.live(A_WHILE)
        found = away(out, before)
        assert (names(found), hosts(found)) == ({CLOUD}, set())
        assert not any(port == HTTPS for _, port, _ in sent(out.counts())[Kind.LAN])
        until(lambda: says("Its address lies within your home"), "why nothing is sent is said")

        # Taken back: what lies there is erased, and what sends ends.
        home.resolver.names[CLOUD] = ADDRESSES[CLOUD]
        visitor.ask("/data/withdraw", {**fields, "what": "erase"})
        until(lambda: says("Nothing of yours that the box sent lies at", "/data/ledger"), "it is erased there")
        assert list(files.iterdir()) == []
        until(alone, "what sends has ended")
        assert names(away(out)) == {CLOUD}
        assert hosts(away(out)) <= {(address, HTTPS) for address in ADDRESSES[CLOUD]}
        until(lambda: stands_still(out), "the connection there is closed")
        before = out.counts()
        box.live(A_WHILE)
        assert away(out, before) == Counter()

        # Given to one who sends everybody elsewhere: that is not followed.
        fields = give(visitor, MOVED)
        until(lambda: names(away(out, before)) != set(), "its name is asked for")
        box.live(A_WHILE)
        found = away(out, before)
        assert (names(found), hosts(found)) == ({MOVED}, {(ADDRESSES[MOVED][0], HTTPS)})
        until(lambda: says("lives at another address"), "where it would lead is said")
        visitor.ask("/data/withdraw", {**fields, "what": "stop"})
        visitor.ask("/data/leave", fields)
        until(alone, "what sends has ended")
        assert away(none) == Counter()
        until(lambda: len(system.ended) == system.started, "how it ended is known")
        assert system.ended == ([0, 0] if sync == "service" else [])
