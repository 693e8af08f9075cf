"""The rows of a file (docs/import.md): lines in, batches of one series out; what cannot be taken is counted and named."""

import csv
import gzip
import re
import zlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from operator import itemgetter
from pathlib import Path
from typing import IO, cast

from drivers.model import Kind, Medium
from gateway.importers.order import Source, set_in_order, swaps
from gateway.importers.report import RefusedError, Report
from gateway.importers.units import UNITS
from gateway.model import EARLIEST, SeriesKey

HEAD = ("point", "medium", "meter", "register", "tariff", "unit")
NEEDED = ("time", *HEAD, "value")
OPTIONAL = ("main",)
IGNORED = ("local",)  # the time again, for people: `releve export` writes it

BLOCK_BYTES = 1 << 18
LINE_BYTES_MAX = 4096
ROWS_HELD_MAX = 50_000  # about 0.1 kB each; above it every source hands its rows on
SERIES_MAX = 500
TEXT_CHARACTERS_MAX = 80
DIGITS_MAX = 15  # with the largest unit, and decimals of other rows, still below 63 bits
DECIMALS_MAX = 6
TARIFF_MAX = 99
CACHE_MAX = 50_000
# What bytes become that are no UTF-8.
FOREIGN = ("\udc80", "\udcff")

_DATE = re.compile(r"\d{4}-\d\d-\d\d", re.ASCII)
_CLOCK = re.compile(r"[T ]\d\d:\d\d(:\d\d(\.\d+)?)?(Z|[+-]\d\d:\d\d)", re.ASCII)
_VALUE = re.compile(r"-?\d+(\.\d+)?", re.ASCII)
_GZIP = b"\x1f\x8b"

Progress = Callable[[float], None]


@dataclass(frozen=True, slots=True)
class Batch:
    """Rows of one source in the order of time, each time once; values count in 10**exponent. `line` is the first's."""

    source: Source
    exponent: int
    line: int
    ats: Sequence[int]
    values: Sequence[int]


def is_ours(path: Path) -> bool:
    """Whether a file means to be this CSV: most of its columns stand in its first line."""
    with path.open("rb") as raw:
        packed = raw.peek(2)[:2] == _GZIP
        file = cast(IO[bytes], gzip.open(raw) if packed else raw)  # noqa: SIM115 - `raw` is what is to be closed
        try:
            head = file.read(LINE_BYTES_MAX).split(b"\n", 1)[0]
        except (EOFError, OSError, zlib.error):
            return packed  # compressed, and damaged: of all that are taken only this one is compressed so
    names = {name.strip(' "').lower() for name in head.decode("utf-8-sig", "replace").rstrip("\r").split(",")}
    return len(names & set(NEEDED)) > len(NEEDED) // 2


def read(path: Path, until: int, report: Report, progress: Progress | None = None) -> Iterator[Batch]:
    """The file as batches of one series each; refused rows are counted in `report`, which has the swaps at the end.

    Rows later than `until` are refused: no meter was read tomorrow. OSError if the file cannot be read; RefusedError
    if it is no such CSV at all.
    """
    with path.open("rb") as raw:
        size = max(1, path.stat().st_size)
        packed = raw.peek(2)[:2] == _GZIP
        file = cast(IO[bytes], gzip.open(raw) if packed else raw)  # noqa: SIM115 - `raw` is what is to be closed
        reader = _Reader(report, until)
        try:
            for first, lines in _blocks(file, report):
                reader.take(first, lines)
                if progress is not None:
                    progress(min(1.0, raw.tell() / size))
                if reader.held > ROWS_HELD_MAX:
                    yield from reader.hand_on(last=False)
        except (EOFError, gzip.BadGzipFile) as error:
            report.refuse(report.rows + 2, f"the compressed file breaks off: {error}")
        yield from reader.hand_on(last=True)


def _blocks(file: IO[bytes], report: Report) -> Iterator[tuple[int, list[str]]]:
    """(number of the first line, lines) of each block read; bounded whatever the file is."""
    number = 1
    rest = b""
    skipping = False
    while block := file.read(BLOCK_BYTES):
        whole, newline, rest = (rest + block).rpartition(b"\n")
        if newline:
            lines = whole.decode("utf-8", "surrogateescape").split("\n")
            if skipping:
                lines[0] = ""
                skipping = False
            yield number, lines
            number += len(lines)
        if len(rest) > LINE_BYTES_MAX:
            if not skipping:
                report.refuse(number, f"a line of at most {LINE_BYTES_MAX} bytes is needed")
            rest, skipping = b"", True
    if rest and not skipping:
        yield number, [rest.decode("utf-8", "surrogateescape")]


class _Reader:
    """Takes lines, and keeps what each source has gathered."""

    def __init__(self, report: Report, until: int) -> None:
        self.report = report
        self.until = until
        self.held = 0
        self._columns: list[str] = []
        self._sources: dict[tuple[str, ...], Source] = {}
        self._days: dict[str, int] = {}
        self._clocks: dict[str, int] = {}

    def take(self, first: int, lines: list[str]) -> None:
        if not self._columns:
            self._columns = _header(lines[0])
            first, lines = first + 1, lines[1:]
        columns = self._columns
        width = len(columns)
        pick = itemgetter(*(columns.index(name) for name in (*HEAD, *OPTIONAL) if name in columns))
        time_at, value_at = columns.index("time"), columns.index("value")
        sources, days, clocks, until = self._sources, self._days, self._clocks, self.until
        rows = self.report.rows
        for number, line in enumerate(lines, first):
            text = line.rstrip("\r")
            if not text:
                continue
            rows += 1
            try:
                fields = text.split(",") if '"' not in text else _quoted(text)
                if len(fields) != width:
                    raise RefusedError(f"{width} fields are needed, not {len(fields)}")
                head = pick(fields)
                source = sources.get(head) or self._source(head)
                time = fields[time_at]
                try:
                    at = days[time[:10]] + clocks[time[10:]]
                except KeyError:
                    at = self._time(time)
                if at > until:
                    raise RefusedError(f"time: a time that has passed is needed, not {time}")
                whole, _, decimals = fields[value_at].partition(".")
                digits = whole + decimals
                if source.unit_exponent - len(decimals) == source.exponent and digits.isdecimal() and digits.isascii():
                    if len(digits) > DIGITS_MAX:
                        raise RefusedError(f"value: at most {DIGITS_MAX} digits are taken, not {len(digits)}")
                    value = int(digits)
                else:
                    value = _value(fields[value_at], source)
            except RefusedError as refused:
                self.report.refuse(number, str(refused))
                continue
            source.ats.append(at)
            source.values.append(value)
            source.lines.append(number)
            self.held += 1
        self.report.rows = rows

    def hand_on(self, last: bool) -> Iterator[Batch]:
        """All that is held, series by series; each source keeps its latest row until the last time.

        That row may be the final reading of a meter that was replaced: then it is no point of its own.
        """
        if last and not self._columns:
            raise RefusedError("the file is empty: a header line is needed")
        by_series: dict[SeriesKey, list[Source]] = {}
        for source in self._sources.values():
            by_series.setdefault(source.series, []).append(source)
        self.held = 0
        for series, sources in by_series.items():
            for source in sources:
                set_in_order(source, [other for other in sources if other is not source], self.report)
            if last:
                self.report.swaps += swaps(series, sources)
            for source in sources:
                end = len(source.ats) if last else len(source.ats) - 1
                if end > 0:
                    self.report.count(series, source.ats[0], source.ats[end - 1], end)
                    yield Batch(source, source.exponent, source.lines[0], source.ats[:end], source.values[:end])
                    del source.ats[:end], source.values[:end], source.lines[:end]
                self.held += len(source.ats)

    def _source(self, head: tuple[str, ...]) -> Source:
        point, medium, meter, register, tariff, unit = head[: len(HEAD)]
        main = head[len(HEAD)] if len(head) > len(HEAD) else ""
        for name, text in (("point", point), ("register", register)):
            if any(FOREIGN[0] <= letter <= FOREIGN[1] for letter in text):
                raise RefusedError(f"{name}: letters in UTF-8 are needed: save the file as UTF-8")
            if not text.strip() or not text.isprintable() or len(text) > TEXT_CHARACTERS_MAX:
                raise RefusedError(
                    f"{name}: a name of 1 to {TEXT_CHARACTERS_MAX} characters is needed, not {text!r:.40}"
                )
        if len(meter) > TEXT_CHARACTERS_MAX or not (meter.isprintable() or not meter):
            raise RefusedError(f"meter: the number engraved on it, or nothing, is needed, not {meter!r:.40}")
        if medium not in tuple(Medium):
            raise RefusedError(f"medium: one of {', '.join(Medium)} is needed, not {medium!r:.40}")
        if not (tariff.isdecimal() and tariff.isascii() and int(tariff[:9]) <= TARIFF_MAX):
            raise RefusedError(f"tariff: a number from 0 (all) to {TARIFF_MAX} is needed, not {tariff!r:.40}")
        if unit not in UNITS:
            raise RefusedError(f"unit: one of {', '.join(UNITS)} is needed, not {unit!r:.40}")
        if main not in ("", "yes", "no"):
            raise RefusedError(f"main: yes, no or nothing is needed, not {main!r:.40}")
        if len(self._sources) >= SERIES_MAX:
            raise RefusedError(f"at most {SERIES_MAX} series are taken from one file")
        quantity, exponent = UNITS[unit]
        series = SeriesKey(point, register, int(tariff))
        for other, known in self._sources.items():
            if known.series == series:
                self._must_agree(head, other)
        source = Source(
            series=series,
            medium=Medium(medium),
            meter=meter,
            quantity=quantity,
            main=main == "yes" or (not main and quantity.kind is Kind.INDEX),
            unit_exponent=exponent,
            exponent=exponent,
        )
        self._sources[head] = source
        return source

    def _must_agree(self, head: tuple[str, ...], other: tuple[str, ...]) -> None:
        """All rows of a series say the same of it, but for the meter, which may be replaced."""
        for name, here, there in zip((*HEAD, *OPTIONAL), head, other, strict=False):
            if name == "meter":
                if bool(here) != bool(there):
                    raise RefusedError("meter: in all rows of a series or in none of them a number is needed")
            elif here != there:
                raise RefusedError(f"{name}: {there!r} is needed, as in the rows before, not {here!r}")

    def _time(self, text: str) -> int:
        """UTC seconds of a time not met yet; its date and its time of day are remembered apart."""
        day, clock = text[:10], text[10:]
        if not (_DATE.fullmatch(day) and _CLOCK.fullmatch(clock)):
            raise RefusedError(
                f"time: such as 2025-03-30T01:30:00Z or 2025-03-30T03:30:00+02:00 is needed, not {text!r:.40}"
            )
        try:
            day_s = int(datetime.fromisoformat(f"{day}T00:00:00+00:00").timestamp())
            clock_s = int(datetime.fromisoformat(f"2000-01-01{clock}").timestamp()) - 946_684_800
        except ValueError as error:
            raise RefusedError(f"time: {error}, in {text!r:.40}") from None
        if day_s + clock_s < EARLIEST:
            raise RefusedError(f"time: 2000 or later is needed, not {text!r:.40}")
        for cache, key, value in ((self._days, day, day_s), (self._clocks, clock, clock_s)):
            if len(cache) >= CACHE_MAX:
                cache.clear()
            cache[key] = value
        return day_s + clock_s


def _header(line: str) -> list[str]:
    columns = [name.strip().lower() for name in _quoted(line.rstrip("\r").removeprefix("\ufeff"))]
    missing = [name for name in NEEDED if name not in columns]
    unknown = [name for name in columns if name not in NEEDED + OPTIONAL + IGNORED]
    if missing or unknown or len(set(columns)) != len(columns):
        wrong = f"{', '.join(missing)} missing" if missing else f"{', '.join(unknown) or 'a column twice'!r:.40} is not"
        raise RefusedError(f"line 1: the columns {','.join(NEEDED)} are needed: {wrong}")
    return columns


def _quoted(line: str) -> list[str]:
    """One line by RFC 4180; a field may not run over several lines, so that one quote left open costs one row."""
    try:
        return next(csv.reader([line], strict=True), [])
    except csv.Error as error:
        raise RefusedError(f"a CSV line is needed: {error}") from None


def _value(text: str, source: Source) -> int:
    """The number in 10**source.exponent; the source counts finer from here on if the number is finer."""
    if not _VALUE.fullmatch(text):
        raise RefusedError(f"value: a number such as 1234 or 12.345 is needed, not {text!r:.40}")
    whole, _, decimals = text.partition(".")
    digits = len((whole + decimals).lstrip("-"))
    if digits > DIGITS_MAX or len(decimals) > DECIMALS_MAX:
        raise RefusedError(
            f"value: at most {DIGITS_MAX} digits, {DECIMALS_MAX} of them decimals, are taken, not {text!r:.40}"
        )
    exponent = source.unit_exponent - len(decimals)
    if exponent < source.exponent:
        source.lower(exponent)
    return int(whole + decimals) * int(10 ** (exponent - source.exponent))
