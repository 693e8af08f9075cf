"""Files of our own format, which go into the meters' own series: brought in as one import; and any import taken back."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from gateway.catalog import Catalog
from gateway.holders import Added, Holders
from gateway.importers.csv import Report, import_file
from gateway.importers.rows import Progress
from gateway.model import SeriesKey
from gateway.store import Store

OURS = "ours"
# A point that only files made has a meter of this name, and of no other.
FILE = "file:"


class Ours:
    """What one import adds. It is kept before it is added: a kill between the two leaves an import that can be taken back."""

    def __init__(self, holders: Holders, now: int) -> None:
        self.number: int | None = None
        self._holders = holders
        self._now = now

    def adding(self, key: SeriesKey, exponent: int, ats: Sequence[int], values: Sequence[int]) -> None:
        self.number = self._holders.add_own(self.number, OURS, Added(key, exponent, ats, values), self._now)

    def swapped(self, event: int) -> None:
        if self.number is not None:
            self._holders.add_own_swap(self.number, event)


def bring(
    paths: Sequence[Path],
    store: Store,
    catalog: Catalog,
    holders: Holders,
    now: Callable[[], int],
    progress: Progress | None = None,
) -> tuple[int | None, list[Report]]:
    """Bring files in as one import: its number (None where all was there already), and what became of each file."""
    record = Ours(holders, now())
    reports = []
    for place, path in enumerate(paths):

        def told(share: float, place: int = place) -> None:
            if progress is not None:
                progress((place + share) / len(paths))

        reports.append(import_file(path, store, catalog, now, told, record))
    return record.number, reports


def said(path: Path, number: int | None, report: Report) -> dict[str, Any]:
    """For the command line and the socket."""
    return {**report.as_dict(), "import": number, "file": path.name}


def take_back(number: int, store: Store, catalog: Catalog, holders: Holders) -> list[str] | None:
    """Take an import back whole; the names of metering points that went with it. None if there is no such import.

    The series first: a kill in the middle leaves an import that is taken back again. A metering point goes when files
    alone made it, and none of them is left.
    """
    one = next((each for each in holders.imports() if each.id == number), None)
    if one is None:
        return None
    added, swaps = holders.own(number)
    for event in swaps:
        store.undo(event)
    for each in added:
        store.take_out(each.key, each.exponent, each.ats, each.values)
    holders.undo(number)
    used = {info.key.point for info in store.series()}
    gone = []
    for point in catalog.points():
        made_by_files = all(meter.address.startswith(FILE) for meter in catalog.standing(point.id))
        if point.id in one.points and made_by_files and point.id not in used and not holders.holds(point.id):
            catalog.forget_point(point.id)
            gone.append(point.name)
    return gone
