"""A box that is handed back begins anew: nothing of who lived there is on it, and its meters are still read.

The new house is made whole in a folder of its own; then it takes the old one's place, which a power cut at any moment
only delays: what was begun is done at the next start.
"""

import asyncio
import shutil
from collections.abc import Collection
from dataclasses import dataclass, field
from pathlib import Path

from drivers.model import Medium
from gateway.catalog import FIRST_NAMES, Catalog
from gateway.config import Config
from gateway.files import flush_names
from gateway.ledger import Ledger
from gateway.people import HANDED_BACK, People
from gateway.roles import Account
from gateway.secret import BoxSecret

READY, MAKING = "anew", "anew.new"
BEGUN = "begun"  # in the folder of the one that is ready: the old one is gone
# What a store has in memory-backed files: of the house before, too.
IN_RUNTIME = ("tail", "uploads")


@dataclass(frozen=True, slots=True)
class Stays:
    """A meter of the building that is read on, by its address, and its key."""

    address: str
    medium: Medium
    key: bytes | None = field(repr=False)


def prepare(config: Config, meters: Collection[Stays], account: Account | None, now: int) -> None:
    """The new house lies ready, with this account in it, and takes the old one's place when `begin` is called.

    OSError, KeysError and LedgerError: none does.
    """
    data, making = config.data, config.data / MAKING
    shutil.rmtree(making, ignore_errors=True)
    making.mkdir(mode=0o700)
    home = config.dwelling
    catalog = Catalog.open(making, home.name, home.time_zone, BoxSecret(config.secret))
    with catalog.together():
        for meter in meters:
            catalog.adopt(meter.address, FIRST_NAMES[config.web.language][meter.medium], meter.medium, now)
    catalog.set_keys({meter.address: meter.key for meter in meters if meter.key is not None})
    ledger = Ledger.open(making / "ledger.db")
    try:
        asyncio.run(People(ledger).begin(account, now, (HANDED_BACK, {})))
    finally:
        ledger.close()
    flush_names(making)
    making.rename(data / READY)
    flush_names(data)


def begin(config: Config) -> bool:
    """Let the house that lies ready take the place of what stands, if one does. No gateway may run on the folder."""
    data, ready = config.data, config.data / READY
    shutil.rmtree(data / MAKING, ignore_errors=True)
    if not ready.is_dir():
        return False
    if not (ready / BEGUN).exists():  # else what lies beside it is the new house's already
        for path in (*data.iterdir(), *(config.runtime / name for name in IN_RUNTIME)):
            if path != ready:
                _remove(path)
        flush_names(data)
        (ready / BEGUN).touch()
        flush_names(ready)
    for path in ready.iterdir():
        if path.name != BEGUN:
            path.rename(data / path.name)
    flush_names(data)
    shutil.rmtree(ready)
    flush_names(data)
    return True


def _remove(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)
