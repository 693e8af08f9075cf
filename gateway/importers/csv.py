"""Our own CSV (docs/import.md) into the store: `releve import`, and the past of the furnished house."""

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Protocol

from gateway.catalog import Catalog
from gateway.importers.report import RefusedError, Report
from gateway.importers.rows import Batch, Progress, read
from gateway.model import SeriesKey
from gateway.store import Store, StoreError

__all__ = ["Record", "RefusedError", "Report", "import_file", "preview"]


class Record(Protocol):
    """Keeps what an import adds, so that it can be taken back."""

    def adding(self, key: SeriesKey, exponent: int, ats: Sequence[int], values: Sequence[int]) -> None:
        """These points are about to be added; they are not there yet."""

    def swapped(self, event: int) -> None:
        """Of another meter on a series."""


def preview(path: Path, now: Callable[[], int], progress: Progress | None = None) -> Report:
    """What an import of this file would take; nothing is written."""
    report = Report()
    for _ in _readable(path, now, report, progress):
        pass
    return report


def import_file(
    path: Path,
    store: Store,
    catalog: Catalog,
    now: Callable[[], int],
    progress: Progress | None = None,
    record: Record | None = None,
) -> Report:
    """Bring a file in, the good rows of it; RefusedError if it is no such file or the store takes no more.

    Doing it again is harmless. What was handed to the store before an error stays there, and in the record.
    """
    report = Report()
    points: dict[str, str] = {}
    measured = {info.key: info.quantity for info in store.series()}
    taken: set[SeriesKey] = set()
    try:
        for batch in _readable(path, now, report, progress):
            key = _key(batch, catalog, points, report)
            quantity = batch.source.quantity
            if measured.setdefault(key, quantity) is not quantity:
                report.refuse(batch.line, f"unit: the box has {key} in {measured[key].unit}", rows=len(batch.ats))
                continue
            taken.add(key)
            if record is not None:
                absent = set(store.absent(key, batch.ats))
                new = [(at, value) for at, value in zip(batch.ats, batch.values, strict=True) if at in absent]
                if new:
                    record.adding(key, batch.exponent, [at for at, _ in new], [value for _, value in new])
            result = store.bulk(key, quantity, batch.exponent, batch.source.main, batch.ats, batch.values)
            report.added += result.added
            report.duplicates += result.duplicates
            report.kept += result.kept
        for swap in report.swaps:
            key = _in_box(swap.series, points)
            standing = {event.at for event in store.events(key) if event.undone_by is None}
            if key in taken and swap.at not in standing:
                event = store.swap(key, swap.at, swap.old_final, swap.new_start, swap.exponent)
                if record is not None:
                    record.swapped(event.id)
    except StoreError as error:
        raise RefusedError(str(error)) from error
    return report


def _readable(path: Path, now: Callable[[], int], report: Report, progress: Progress | None) -> Iterator[Batch]:
    try:
        yield from read(path, now(), report, progress)
    except OSError as error:
        raise RefusedError(f"cannot be read: {error.strerror}") from error


def _key(batch: Batch, catalog: Catalog, points: dict[str, str], report: Report) -> SeriesKey:
    """The series in the box; a metering point nobody has yet is made."""
    name = batch.source.series.point
    if name not in points:
        known = {point.name: point.id for point in catalog.points()} | {p.id: p.id for p in catalog.points()}
        address = f"file:{name}"
        meter = catalog.meter(address)
        if name in known:
            points[name] = known[name]
        elif meter is not None:  # made by an earlier import, and renamed since
            points[name] = meter.point
        else:
            points[name] = catalog.adopt(address, name, batch.source.medium, batch.ats[0]).point
            report.created.append(name)
    return _in_box(batch.source.series, points)


def _in_box(series: SeriesKey, points: dict[str, str]) -> SeriesKey:
    return SeriesKey(points[series.point], series.register, series.tariff)
