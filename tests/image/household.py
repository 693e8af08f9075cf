"""What a household does with its box: its first visit, a Linky on its USB socket, a look at what is kept."""

import contextlib
import csv
import json
import re
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from io import StringIO
from pathlib import Path
from typing import Any

from drivers.encode.tic import Linky, Stamped, standard_frame, with_parity
from tests.image.card import Card
from tests.image.guest import MAC, METER, Guest, until
from tests.integration.sniff import MDNS, described
from tests.integration.visitor import Visitor

START = "START-HERE.html"
CODE = re.compile(r"\b(\d{4})[-\s\u2011]?(\d{4})\b")
PASSWORD = "korrekt horse battery"
FRAME_S = 1.0
LISTENS_S_MAX = 600.0
CONFIG = "/etc/releve/releve.toml"
LINE = """
[[port]]
name = "linky"
protocol = "tic"
device = "/dev/ttyUSB0"
"""


def first_visit(guest: Guest, password: str = PASSWORD) -> Visitor:
    """With the code that the box says; who is logged in since."""
    visitor = guest.visitor()
    visitor.set_up(guest.status()["setup_code"], password)
    return visitor


def codes(card: Card) -> set[str]:
    """On the page that a person opens on the card."""
    return {"-".join(found) for found in CODE.findall(card.from_boot(START) or "")}


def configure(guest: Guest, lines: str) -> None:
    """The box goes on with these lines below those of its configuration."""
    guest.write(CONFIG, guest.read(CONFIG) + lines)
    guest.run("systemctl", "restart", "releve.service")
    until(guest.answers, "the page after a restart", LISTENS_S_MAX)


def asked(visitor: Visitor, path: str) -> dict[str, Any]:
    """What the API answers."""
    said = visitor.ask(path)
    assert visitor.status == 200, f"{path}: {visitor.status} {said[:300]}"
    found: dict[str, Any] = json.loads(said)
    return found


def line(visitor: Visitor) -> dict[str, Any]:
    found: list[dict[str, Any]] = asked(visitor, "/api/v1/ports")["ports"]
    return next(port for port in found if port["name"] == "linky")


def heard(visitor: Visitor) -> bool:
    """Whether the Linky has an index."""
    points = asked(visitor, "/api/v1/points")["points"]
    return any(point["index"] for point in points)


@dataclass
class Shown:
    """The indexes that pages showed, by series, time and value, and up to when all was said to be on the card."""

    saved_to: int = 0
    points: set[tuple[str, int, str]] = field(default_factory=set)

    def look(self, visitor: Visitor) -> None:
        answer = asked(visitor, "/api/v1/points")
        self.saved_to = max(self.saved_to, answer["saved_to"])
        for index in (point["index"] for point in answer["points"] if point["index"]):
            self.points.add((index["series"].split(":")[1], index["at"], index["value"]))

    def acknowledged(self) -> set[tuple[str, int, str]]:
        return {point for point in self.points if point[1] < self.saved_to}


def kept(visitor: Visitor) -> set[tuple[str, int, str]]:
    """All that is kept, as the page hands it over: register, time, value."""
    said = visitor.ask("/data/export?format=csv")
    assert visitor.status == 200, said[:300]
    rows = csv.DictReader(StringIO(said))
    return {(row["register"], int(datetime.fromisoformat(row["time"]).timestamp()), row["value"]) for row in rows}


class Meter:
    """A Linky that says an index over and over, one watt-hour more each time, into the adapter in the box's socket."""

    def __init__(self, guest: Guest) -> None:
        self.index_wh = 12_345_678
        self.plugged = True
        self._socket = socket.socket(socket.AF_UNIX)
        self._socket.connect(str(guest.folder / METER))
        self._socket.setblocking(False)
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._say, name="meter", daemon=True)
        self._thread.start()

    def close(self) -> None:
        self._over.set()
        self._thread.join()
        self._socket.close()

    def _say(self) -> None:
        left = b""
        while not self._over.wait(FRAME_S):
            self._hear()
            if not self.plugged:
                left = b""
                continue
            if not left:
                self.index_wh += 1
                left = with_parity(standard_frame(self._frame()))
            try:
                left = left[self._socket.send(left) :]
            except BlockingIOError:
                pass  # the box is slow, or not up yet: the rest of the frame goes on then
            except OSError:
                return  # the power is gone

    def _hear(self) -> None:
        """What the box says back, as a line does that is not raw yet: qemu stands still while nobody takes it."""
        with contextlib.suppress(OSError):
            while self._socket.recv(65536):
                pass

    def _frame(self) -> Linky:
        now = datetime.now(UTC)
        stamped = Stamped(2300, now)
        return Linky(
            address="041234567890", at=now, indexes_wh=(self.index_wh,), apparent_power_va=690,
            max_today_va=stamped, max_yesterday_va=stamped,
        )  # fmt: skip


@contextmanager
def speaking(guest: Guest, index_wh: int | None = None) -> Iterator[Meter]:
    meter = Meter(guest)
    meter.index_wh = index_wh or meter.index_wh
    try:
        yield meter
    finally:
        meter.close()


def pcap(path: Path) -> Iterator[tuple[float, bytes]]:
    """Each packet on the box's cable, and its time."""
    data = path.read_bytes()
    at = 24
    while at + 16 <= len(data):
        seconds, micros, length = (int.from_bytes(data[at + 4 * n : at + 4 * n + 4], "little") for n in range(3))
        yield seconds + micros / 1e6, data[at + 16 : at + 16 + length]
        at += 16 + length


def announced(guest: Guest) -> bool:
    """Whether the box told the home by multicast DNS that `releve` is here."""
    ours = bytes.fromhex(MAC.replace(":", ""))
    said = (packet for _, packet in pcap(guest.folder / "packets.pcap") if packet[6:12] == ours)
    return any(described(packet).port == MDNS and b"\x06releve" in packet for packet in said)
