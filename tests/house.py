"""A real house for tests: catalogue and store in a temporary folder, a clock the test moves."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from dataclasses import replace
from pathlib import Path
from zoneinfo import ZoneInfo

from gateway.aside import Aside
from gateway.catalog import Catalog
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


class Clock:
    """UTC seconds that stand still until a test moves them."""

    def __init__(self, at: int = NOON) -> None:
        self.at = at

    def __call__(self) -> int:
        return self.at


@contextmanager
def house(folder: Path, toml: str = "", clock: Clock | None = None) -> Iterator[House]:
    """A house on `folder`; a second call on the same folder is the same house, started again."""
    now = clock or Clock()
    config = replace(parse(toml, "test.toml"), data=folder, runtime=folder / "run")
    secret = BoxSecret(folder / "elsewhere" / "box-secret")
    catalog = Catalog.open(folder, config.dwelling.name, config.dwelling.time_zone, secret)
    store = Store.open(
        folder / "series.db", folder / "tail", zone=ZoneInfo(config.dwelling.time_zone), now=now, commit_s=60
    )
    aside = Aside(folder / "aside", now)
    holders = Holders.open(folder / "holders.db")
    try:
        yield House(config, catalog, store, aside, holders, now=now)
    finally:
        holders.close()
        aside.close()
        store.close()
