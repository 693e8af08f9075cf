from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from drivers.model import Quantity
from gateway.model import Point, SeriesKey
from gateway.store import Store

NOW = 1_700_000_000
INDEX = SeriesKey("maison", "EAST")
LEVEL = SeriesKey("maison", "PAPP")
PARIS = ZoneInfo("Europe/Paris")


def index(at: int, value: int, exponent: int = 0, key: SeriesKey = INDEX) -> Point:
    return Point(key, Quantity.ENERGY, at, value, exponent, main=True)


def level(at: int, value: int, exponent: int = 0, key: SeriesKey = LEVEL) -> Point:
    return Point(key, Quantity.APPARENT_POWER, at, value, exponent)


@dataclass
class House:
    """A store, its clock, and its files."""

    folder: Path
    now: int = NOW
    stores: list[Store] = field(default_factory=list)
    store: Store = field(init=False)

    def __post_init__(self) -> None:
        self.open()

    def open(self) -> Store:
        self.store = Store.open(
            self.folder / "series.db", self.folder / "tail", zone=PARIS, now=lambda: self.now, commit_s=3600
        )
        self.stores.append(self.store)
        return self.store

    def reopen(self) -> Store:
        self.store.close()
        return self.open()


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    house = House(tmp_path)
    yield house
    for store in house.stores:
        store.close()


Everything = Callable[[Store], object]


def everything(store: Store) -> object:
    """All a store can say of its series, to compare two of them."""
    return [(info, store.points(info.key, 0, 1 << 40), store.events(info.key)) for info in store.series()]
