"""A damaged `series.db` at a start: set aside, what can be read taken out, and said until its owner has seen it."""

import contextlib
import dataclasses
import logging
import sqlite3
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

from gateway.catalog import Catalog
from gateway.files import flush_names
from gateway.store import DamagedStoreError, InUseError, Store, StoreError, UnreadableError, begin_anew, salvage, schema

log = logging.getLogger(__name__)

SETTING = "damaged series"
SHOWN_MAX = 5  # of a card that dies, the last ones


@dataclass(frozen=True, slots=True)
class Healed:
    """What became of a damaged file, where it lies, and when that was, as `Clock.stamp` writes it.

    `points` were taken out of it; `left` places could not be read, days of a series as a rule; None: nothing could be.
    """

    points: int
    left: int | None
    path: str
    at: str = ""


def opened(open_: Callable[[], Store], path: Path, now: Callable[[], int]) -> tuple[Store, Healed | None]:
    """The store, of what can be read of a file that is damaged, and what became of that; StoreError when there is none.

    A card without room for what is taken out leaves the file as it is.
    """
    try:
        if not (path.exists() and schema.suspect(path).exists()):
            return open_(), None
        log.warning("%s: damage was met in it while it was in use", path.name)
    except DamagedStoreError as error:
        log.warning("%s", error)
    try:
        with _to_be_told(path):
            healed = _take_out(path, now())
    except InUseError:
        raise
    except (OSError, sqlite3.Error, StoreError) as error:
        why = str(error) if isinstance(error, StoreError) else schema.why(error, path)
        log.warning("%s: what can be read of it cannot be taken out: %s", path.name, why)
        try:
            return open_(), None
        except DamagedStoreError:
            raise StoreError(f"{path.name}: damaged, and what can be read of it cannot be taken out: {why}") from None
    return open_(), healed


def tell(path: Path, lost: Callable[[], None]) -> None:
    """`lost` hears of readings that were lost with a damaged file, at this start or one that a kill ended; again, where that refuses."""
    if _untold(path).exists():
        lost()
        _untold(path).unlink()


@contextlib.contextmanager
def _to_be_told(path: Path) -> Iterator[None]:
    """First: whoever was sent what is lost must not lose it, too, though a kill comes before they are told."""
    untold, before, file = _untold(path), _untold(path).exists(), path.stat().st_ino
    untold.touch(0o600)
    flush_names(path.parent)
    try:
        yield
    except BaseException:
        if not before and path.exists() and path.stat().st_ino == file:  # nothing was taken out
            untold.unlink()
        raise


def _untold(path: Path) -> Path:
    return path.with_name(f"{path.name}.untold")


def keep(catalog: Catalog, healed: Healed, at: str) -> None:
    """Say it on the page from now on. What the card refuses to keep is in the log all the same."""
    kept = [dataclasses.asdict(each) for each in (*said(catalog), replace(healed, at=at))][-SHOWN_MAX:]
    try:
        catalog.set_setting(SETTING, kept)
    except OSError as error:
        log.warning("what became of the damaged file: the card refuses to keep it: %s", error)


def said(catalog: Catalog) -> tuple[Healed, ...]:
    """What was not seen yet, the oldest first."""
    kept = catalog.setting(SETTING)
    return tuple(Healed(**each) for each in kept) if isinstance(kept, list) else ()


def seen(catalog: Catalog) -> None:
    """Its owner has seen it."""
    catalog.set_setting(SETTING, None)


def _take_out(path: Path, now: int) -> Healed:
    stamp = datetime.fromtimestamp(now, UTC).strftime("%Y%m%dT%H%M%SZ")
    tenths = 0

    def told(share: float) -> None:
        nonlocal tenths
        if int(share * 10) > tenths:
            tenths = int(share * 10)
            log.info("%s: %d %% is looked through", path.name, 10 * tenths)

    try:
        done = salvage(path, stamp, now, told)
    except UnreadableError as error:
        log.warning("%s", error)
        aside = begin_anew(path, stamp)
        log.warning("%s: the damaged file; the readings begin anew", aside)
        return Healed(0, None, str(aside))
    log.warning(
        "%s: the damaged file; %d points were taken out, %d places could not be read",
        done.aside,
        done.points,
        done.left,
    )
    return Healed(done.points, done.left, str(done.aside))
