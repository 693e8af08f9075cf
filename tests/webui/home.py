"""A small furnished home behind a real server: a Linky, a water meter, a heat meter that fell silent."""

import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from html.parser import HTMLParser
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from aiohttp.test_utils import TestClient, TestServer

from drivers.encode import records, wmbus
from drivers.model import Address, Frame, Medium, Quantity, Reading, State, Telegram
from gateway.backup import Backups
from gateway.config import Backup
from gateway.house import House
from gateway.ledger import Ledger
from gateway.model import Point, SeriesKey
from gateway.schedule import Schedule
from gateway.standing import Standing
from tests.house import Clock, house
from webui.auth import Access
from webui.server import make_app

PARIS = ZoneInfo("Europe/Paris")
NOW = int(datetime(2026, 11, 19, 18, 42, 7, tzinfo=PARIS).timestamp())  # a Thursday
KEY = bytes(range(16))

LINKY = Address("tic", "041276123456")
WATER = Address("wmbus", "23118604", "RLV", 1, 7)
HEAT = Address("wmbus", "67204118", "RLV", 1, 4)
LOCKED = Address("wmbus", "41873260", "RLV", 1, 6)
CLEAR = Address("wmbus", "23118611", "RLV", 1, 7)

TOML = """
[[port]]
name = "linky"
protocol = "tic"
device = "/dev/ttyTEST0"

[[port]]
name = "radio"
protocol = "wmbus"
device = "/dev/ttyTEST1"
receiver = "im871a"
"""


VOID = {"meta", "link", "input", "br", "rect", "line", "path", "circle", "img"}


class Reader(HTMLParser):
    """What a page says, and what a strict content policy would refuse."""

    def __init__(self) -> None:
        super().__init__()
        self.texts: list[str] = []
        self.refused: list[str] = []
        self.open: list[str] = []
        self.ids: list[str] = []
        self.fields: dict[str, str] = {}
        self.code: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag not in VOID:
            self.open.append(tag)
        given = dict(attrs)
        if "style" in given or any(name.startswith("on") for name in given):
            self.refused.append(f"{tag} {given}")
        if tag == "script" and not (given.get("src") or "").startswith("/assets/"):
            self.refused.append("script without src")
        if tag == "style":
            self.refused.append("style")
        if "id" in given:
            self.ids.append(given["id"] or "")
        if tag == "input" and not (given.get("type") == "radio" and "checked" not in given):
            self.fields[given.get("name") or ""] = given.get("value") or ""
        for name in ("aria-label", "title", "data-ages"):
            if given.get(name) and name == "aria-label":
                self.texts.append(given[name] or "")

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.handle_starttag(tag, attrs)
        if tag not in VOID:
            self.handle_endtag(tag)

    def handle_endtag(self, tag: str) -> None:
        if tag in VOID:
            return
        assert self.open.pop() == tag, (tag, self.getpos())

    def handle_data(self, data: str) -> None:
        self.texts.append(data)
        if self.open and self.open[-1] == "code":
            self.code.append(data)

    @property
    def text(self) -> str:
        return re.sub(r"[ \n]+", " ", "".join(self.texts))


def read(page: str) -> Reader:
    reader = Reader()
    reader.feed(page)
    assert reader.open == []
    return reader


@dataclass
class Home:
    house: House
    access: Access
    client: TestClient  # type: ignore[type-arg]  # generic only for type checkers of some aiohttp versions
    clock: Clock
    schedule: Schedule | None = None

    async def text(self, path: str, status: int = 200, **kwargs: object) -> str:
        """The body of a page that answers as expected."""
        async with self.client.get(path, **kwargs) as answer:  # type: ignore[arg-type]
            assert answer.status == status, (path, answer.status)
            return await answer.text()

    async def json(self, path: str, status: int = 200) -> dict[str, Any]:
        async with self.client.get(path) as answer:
            assert answer.status == status, (path, answer.status, await answer.text())
            return dict(await answer.json(content_type=None))


def at(year: int, month: int, day: int, hour: int = 0) -> int:
    """A local moment in Paris as UTC seconds."""
    return int(datetime(year, month, day, hour, tzinfo=PARIS).timestamp())


def furnish(home: House, *, gap: tuple[int, int] | None = None) -> None:
    """Four hundred days of half-hours: 0.25 kWh each for electricity, 8 L each for water; the heat falls silent."""
    for address, name, medium in (
        (LINKY, "Maison", Medium.ELECTRICITY),
        (WATER, "Eau froide", Medium.WATER),
        (HEAT, "Chauffage", Medium.HEAT),
    ):
        home.catalog.adopt(str(address), name, medium, NOW - 400 * 86400)
    _past(home, LINKY, "EAST", Quantity.ENERGY, 250, NOW, gap)
    _past(home, WATER, "volume", Quantity.VOLUME, 8, NOW, None)
    silent_from = NOW - 3 * 3600
    _past(home, HEAT, "energy", Quantity.ENERGY, 500, silent_from, None)


def _past(
    home: House, address: Address, register: str, quantity: Quantity, step: int, end: int, gap: tuple[int, int] | None
) -> None:
    meter = home.catalog.meter(str(address))
    assert meter is not None
    key = SeriesKey(meter.point, register)
    first = (NOW - 400 * 86400) // 1800 * 1800
    points = [
        Point(key, quantity, moment, 1_000_000 + step * count, 0, main=True)
        for count, moment in enumerate(range(first, end, 1800))
        if gap is None or not gap[0] < moment < gap[1]
    ]
    home.store.add(points)


def say(home: House, port: str, telegram: Telegram) -> None:
    home.collect.telegram(port, lambda: telegram)


def speak(home: House, clock: Clock) -> None:
    """The Linky and the water meter say what they have counted; the heat meter did three hours ago."""
    now = clock.at
    for address, port, register, quantity, value, level in (
        (LINKY, "linky", "EAST", Quantity.ENERGY, 1_000_000 + 250 * (400 * 48 + 1), (Quantity.POWER, "SINSTS", 640)),
        (WATER, "radio", "volume", Quantity.VOLUME, 1_000_000 + 8 * (400 * 48 + 1), None),
    ):
        readings = [Reading(register, quantity, Decimal(value), main=True)]
        if level is not None:
            readings.append(Reading(level[1], level[0], Decimal(level[2]), main=True))
        for seconds in (20, 10, 0):
            clock.at = now - seconds
            say(home, port, Telegram(address, State.DECODED, readings=tuple(readings)))


def water_frame(address: Address, litres: int, key: bytes | None = None) -> Frame:
    """A telegram of a water meter with a 32-bit volume in litres (EN 13757-3: DIF 04, VIF 13)."""
    said = records.record(bytes((0x04,)), bytes((0x13,)), records.int_(litres, 4))
    return Frame(wmbus.telegram(address, said, 1, key=key), rssi_dbm=-74)


@asynccontextmanager
async def open_home(
    folder: Path,
    *,
    password: bool = False,
    toml: str = TOML,
    backup: Backup | None = None,
    clock: Clock | None = None,
    stands: Standing | None = None,
) -> AsyncIterator[Home]:
    """The home whose files are in `folder`, its lines open, behind a server on loopback; `backup`: made by themselves.

    `stands`: in which image; in none without it.
    """
    clock = clock or Clock(NOW)
    with house(folder, toml, clock) as home:
        for port in home.collect.ports:
            home.collect.opened(port)
        ledger = Ledger.open(folder / "ledger.db")
        access = Access(home, ledger)
        backups = Backups(home.config, home.store, home.holders, ledger, home._aside, clock)
        schedule = None if backup is None else Schedule(backup, backups, clock)
        app = make_app(
            home,
            access,
            host_names=("releve.local",),
            password=password,
            schedule=schedule,
            backups=backups,
            stands=stands,
        )
        try:
            async with TestClient(TestServer(app)) as client:
                yield Home(home, access, client, clock, schedule)
        finally:
            ledger.close()
