"""What a file says about one series, put in the order of time: an index that runs backwards, meters and their swaps."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import pairwise
from operator import itemgetter, le, lt

from drivers.model import Kind, Medium, Quantity
from gateway.importers.report import Report, Swap
from gateway.importers.rise import longest_rise
from gateway.model import SeriesKey

BACKWARDS = "value: an index that does not fall is needed; if the meter was replaced, say both numbers in column meter"

Row = tuple[int, int, int]  # at, line, value


@dataclass(slots=True)
class Span:
    """The first and the last row of one meter on one series, by time."""

    first_at: int
    first: int
    last_at: int
    last: int


@dataclass(slots=True, eq=False)
class Source:
    """One meter's rows for one series: what they all say, and the rows not handed on yet."""

    series: SeriesKey
    medium: Medium
    meter: str
    quantity: Quantity
    main: bool
    unit_exponent: int
    exponent: int
    ats: list[int] = field(default_factory=list)
    values: list[int] = field(default_factory=list)
    lines: list[int] = field(default_factory=list)
    span: Span | None = None

    def lower(self, exponent: int) -> None:
        """Count in a smaller power of ten from here on: a row has more decimals than those before it."""
        factor = 10 ** (self.exponent - exponent)
        self.values = [value * factor for value in self.values]
        if self.span is not None:
            self.span.first *= factor
            self.span.last *= factor
        self.exponent = exponent


def set_in_order(source: Source, others: list[Source], report: Report) -> None:
    """Sort the rows a source holds, and refuse those that cannot be true beside the rest; its span grows by them.

    `others` are the other meters of the same series.
    """
    if not source.ats:
        return
    if not _in_order(source, others):
        rows = _one_each(sorted(zip(source.ats, source.lines, source.values, strict=True)), report)
        if source.quantity.kind is Kind.INDEX:
            rows = _forwards(
                [row for row in _alone(rows, source, others, report) if _fits(row, source, report)], report
            )
        source.ats = [at for at, _, _ in rows]
        source.lines = [line for _, line, _ in rows]
        source.values = [value for _, _, value in rows]
    if not source.ats:
        return
    first_at, first, last_at, last = source.ats[0], source.values[0], source.ats[-1], source.values[-1]
    span = source.span = source.span or Span(first_at, first, last_at, last)
    if first_at < span.first_at:
        span.first_at, span.first = first_at, first
    if last_at > span.last_at:
        span.last_at, span.last = last_at, last


def swaps(series: SeriesKey, sources: list[Source]) -> list[Swap]:
    """The meters of a series in the order they stood there.

    A final reading at the very time of the next meter's first one is taken from the rows: the index at that time is
    the new meter's.
    """
    met = [(source.span.first_at, source.span, source) for source in sources if source.span is not None]
    found = []
    for (_, before, old), (at, after, new) in pairwise(sorted(met, key=itemgetter(0))):
        if new.quantity.kind is Kind.INDEX:
            exponent = min(old.exponent, new.exponent)
            old_final = before.last * 10 ** (old.exponent - exponent)
            new_start = after.first * 10 ** (new.exponent - exponent)
            found.append(Swap(series, at, old.meter, old_final, new.meter, new_start, exponent))
        if old.ats and old.ats[-1] == at:
            del old.ats[-1], old.values[-1], old.lines[-1]
    return found


def _in_order(source: Source, others: list[Source]) -> bool:
    """The usual case, seen at the speed of C: rows later than all before, an index that does not fall, one meter."""
    ats, values, span = source.ats, source.values, source.span
    if not all(map(lt, ats, ats[1:])) or (span is not None and ats[0] < span.last_at):
        return False
    if source.quantity.kind is not Kind.INDEX:
        return True
    if not all(map(le, values, values[1:])) or (span is not None and values[0] < span.last):
        return False
    first_at = ats[0] if span is None else span.first_at
    return not any(_overlaps(first_at, ats[-1], other.span) for other in others)


def _overlaps(first_at: int, last_at: int, span: Span | None) -> bool:
    return span is not None and first_at < span.last_at and last_at > span.first_at


def _one_each(rows: list[Row], report: Report) -> list[Row]:
    """Each time once: the first line of it, and every other one is a duplicate or refused."""
    kept: list[Row] = []
    for row in rows:
        at, line, value = row
        if not kept or kept[-1][0] != at:
            kept.append(row)
        elif kept[-1][2] == value:
            report.duplicates += 1
        else:
            report.refuse(line, f"value: line {kept[-1][1]} says another value for the same time")
    return kept


def _alone(rows: list[Row], source: Source, others: list[Source], report: Report) -> Iterator[Row]:
    """The rows at which no other meter stood there."""
    first_at, last_at = (source.span.first_at, source.span.last_at) if source.span else (None, None)
    for row in rows:
        lowest = row[0] if first_at is None else min(first_at, row[0])
        highest = row[0] if last_at is None else max(last_at, row[0])
        other = next((other for other in others if _overlaps(lowest, highest, other.span)), None)
        if other is None:
            first_at, last_at = lowest, highest
            yield row
        else:
            report.refuse(row[1], f"meter: {other.meter} stood there at that time, so {source.meter} cannot")


def _fits(row: Row, source: Source, report: Report) -> bool:
    """Whether an index lies between the first and the last row known before."""
    at, line, value = row
    if (span := source.span) is None:
        return True
    low = span.last if at >= span.last_at else span.first if at >= span.first_at else value
    high = span.first if at <= span.first_at else span.last if at <= span.last_at else value
    if low <= value <= high:
        return True
    report.refuse(line, BACKWARDS)
    return False


def _forwards(rows: list[Row], report: Report) -> list[Row]:
    """The longest run of rows whose index never falls: of rows that contradict each other the fewest are refused."""
    kept = set(longest_rise([value for _, _, value in rows]))
    for number, (_, line, _) in enumerate(rows):
        if number not in kept:
            report.refuse(line, BACKWARDS)
    return [row for number, row in enumerate(rows) if number in kept]
