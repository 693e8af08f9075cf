"""A real house for tests: catalogue and store in a temporary folder, a clock the test moves."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from dataclasses import replace
from pathlib import Path
from zoneinfo import ZoneInfo

from gateway.aside import Aside
from gateway.catalog import Catalog
from gateway.clock import Clock as TrueClock
from gateway.clock import System
from gateway.config import parse
from gateway.holders import Holders
from gateway.house import House
from gateway.secret import BoxSecret
from gateway.store import Store


@asynccontextmanager
async def lines_of(home: House) -> AsyncIterator[None]:
    """The lines of this house, running."""
    task = asyncio.ensure_future(home.running.run(home.config))
    await asyncio.sleep(0)
    try:
        yield
        assert not task.done(), "a line ended the house"
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task


NOON = 1_790_000_000


class FakeSystem(System):
    """A machine of a test: its clock stands still until it is moved, and is kept by the network's time unless told."""

    def __init__(self, at: float, boot: str = "first") -> None:
        self.boot = boot
        self.shows = at
        self.up = 100.0
        self.synchronised = True
        self.battery: float | None = None
        self.from_file = False

    def time(self) -> float:
        return self.shows

    def uptime(self) -> float:
        return self.up

    def is_synchronised(self) -> bool:
        return self.synchronised

    def battery_time(self) -> float | None:
        return self.battery

    def goes_on_from_a_file(self) -> bool:
        return self.from_file

    def passes(self, seconds: float) -> None:
        """Time passes."""
        self.up += seconds
        self.shows += seconds


class Clock(TrueClock):
    """A box's clock that stands still until a test moves it: `at`, UTC seconds, is time that passed."""

    def __init__(self, at: int = NOON, system: FakeSystem | None = None, kept: Path | None = None) -> None:
        self.system = system or FakeSystem(at)
        super().__init__(kept, self.system)

    def __call__(self) -> int:
        return self.now()

    @property
    def at(self) -> int:
        return self.now()

    @at.setter
    def at(self, at: int) -> None:
        self.system.passes(at - self.system.shows)


@contextmanager
def house(folder: Path, toml: str = "", clock: Clock | None = None, *, commit_s: float = 60) -> Iterator[House]:
    """A house on `folder`; a second call on the same folder is the same house, started again."""
    now = clock or Clock()
    secret = BoxSecret(folder / "elsewhere" / "box-secret")
    config = replace(parse(toml, "test.toml"), data=folder, runtime=folder / "run", secret=secret.path)
    catalog = Catalog.open(folder, config.dwelling.name, config.dwelling.time_zone, secret)
    store = Store.open(
        folder / "series.db", folder / "tail", zone=ZoneInfo(config.dwelling.time_zone), now=now, commit_s=commit_s
    )
    aside = Aside(folder / "aside", now)
    holders = Holders.open(folder / "holders.db")
    try:
        yield House(config, catalog, store, aside, holders, clock=now)
    finally:
        holders.close()
        aside.close()
        store.close()
