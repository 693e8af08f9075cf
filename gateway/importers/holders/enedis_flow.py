"""Enedis, R63 and R64 as JSON: a file of its data services, `header.codeFlux` with `mesures` of one PRM each.

    mesures[]: idPrm, periode
      R63 (curve)   etapeMetier, grandeur[]: grandeurMetier, grandeurPhysique, unite, points[]: d, v, p (step), n (nature)
      R64 (index)   contexte[]: etapeMetier, typeReleve, grandeur[]: ..., calendrier[]: idCalendrier,
                    classeTemporelle[]: valeur[]: d, v, iv; cadranTotalisateur: valeur[]: d, v, iv

Four public programs that read them agree on these names. A time without offset is a French clock's.
"""

from collections.abc import Callable, Iterator
from datetime import datetime
from itertools import count
from typing import Any, NamedTuple

from drivers.model import Medium
from gateway.importers.holders import cells
from gateway.importers.holders.enedis_curve import is_given
from gateway.importers.holders.enedis_request import ACTIVE, MADE_UP, MEASURED, step_s
from gateway.importers.holders.found import FileRefusedError, Found, Left, RowRefusedError, What, Why
from gateway.importers.holders.kind import Kind, meter_number, unit, value
from gateway.importers.holders.opened import Document, Table, Tree
from gateway.periods import Shape

CURVE_FLOWS, INDEX_FLOWS = ("r63", "r63a", "r63b"), ("r64", "r64a", "r64b")
R64_COLUMNS = ("identifiant prm", "grandeur physique", "unite", "horodate", "valeur")
# Of the stages of a measure only what the meter itself said.
RAW = frozenset({"", "brut"})
# Daily, before and after the meter's program was changed, asked for, current, monthly: all read from the meter.
READ = frozenset({"aq", "av", "ap", "as", "lc", "rm", "rc"})
# The company's doubt about an index: 0 is none.
SURE = frozenset({"", "0"})
DISTRIBUTOR = "d"


def is_table(document: Document) -> bool:
    """Whether it is an R64 as CSV: one public program alone says what its columns are."""
    header = document.find(*R64_COLUMNS) if isinstance(document, Table) else None
    return header is not None and any(name.startswith("type ") and name.endswith("releve") for name in header[1])


def refuse_table(document: Document, found: Found) -> None:
    raise FileRefusedError(Why.R64_TABLE)


def _fits(flows: tuple[str, ...]) -> Callable[[Document], bool]:
    return lambda document: isinstance(document, Tree) and _flow(document.value) in flows


def _flow(value_: Any) -> str:
    header = value_.get("header") if isinstance(value_, dict) else None
    return cells.fold(_text(header, "codeFlux")) if isinstance(header, dict) else ""


class _Point(NamedTuple):
    """One `d`, `v` object: its number among all of the file, from 1, as JSON has no lines."""

    line: int
    said: dict[str, Any]
    wall: datetime | None
    at: int | None


def _points(found: Found, values: Any, lines: Iterator[int]) -> list[_Point]:
    out = []
    for said in values if isinstance(values, list) else []:
        line = next(lines)
        found.rows += 1
        try:
            if not isinstance(said, dict):
                raise RowRefusedError(Why.TIME, needed='"d"', met=said)
            text = _text(said, "d")
            out.append(_Point(line, said, *_when(text)))
        except RowRefusedError as refused:
            found.refuse(line, refused.why, **refused.values)
    return out


def _when(text: str) -> tuple[datetime | None, int | None]:
    try:
        return None, cells.moment(text)
    except RowRefusedError:
        return cells.wall(text), None


def _placed(found: Found, points: list[_Point]) -> Iterator[tuple[_Point, int]]:
    """Each point and its moment; a clock's time that came twice is told by the order of the points, or refused."""
    clocks = [point for point in points if point.wall is not None]
    at = dict(zip((point.line for point in clocks), cells.placed([p.wall for p in clocks if p.wall]), strict=True))
    for point in points:
        moment = point.at if point.at is not None else at[point.line]
        if isinstance(moment, Why):
            found.refuse(point.line, moment, met=point.wall)
        else:
            yield point, moment


def read_curve(document: Document, found: Found) -> None:
    assert isinstance(document, Tree)
    lines = count(1)
    for measure in _objects(document.value, "mesures"):
        meter_number(found, _text(measure, "idPrm"))
        for quantity in _objects(measure, "grandeur"):
            points = _points(found, quantity.get("points"), lines)
            what_ = _what(quantity, measure, found, points)
            if what_ is None:
                continue
            of, shape, exponent, out = what_
            placed = list(_placed(found, points))
            begins = _begin(measure)
            if begins is not None and any(at == begins for _, at in placed):
                # Its own period says so: what ends as the period begins was not asked for.
                raise FileRefusedError(Why.STAMP)
            what = What("enedis_curve_out" if out else "enedis_curve", of, shape, out=out)
            for point, at in placed:
                try:
                    length = step_s(_text(point.said, "p"))
                    number = _measured(found, point.said)
                except RowRefusedError as refused:
                    found.refuse(point.line, refused.why, **refused.values)
                    continue
                if number is not None:
                    found.add(what, at - length, at, cells.times(number, exponent), point.line)


def _measured(found: Found, said: dict[str, Any]) -> tuple[int, int] | None:
    nature = cells.fold(_text(said, "n"))
    if nature in MADE_UP:
        found.left[Left.ESTIMATED] += 1
        return None
    if nature and nature not in MEASURED:
        raise RowRefusedError(Why.NATURE, met=nature)
    return value(found, _text(said, "v"))


def _begin(measure: dict[str, Any]) -> int | None:
    period = measure.get("periode")
    try:
        return cells.start_of(cells.day(_text(period, "dateDebut")[:10])) if isinstance(period, dict) else None
    except RowRefusedError:
        return None


def read_index(document: Document, found: Found) -> None:
    """The total where the meter says one; else the sum of what a calendar cuts it into, each calendar for itself."""
    assert isinstance(document, Tree)
    lines = count(1)
    for measure in _objects(document.value, "mesures"):
        meter_number(found, _text(measure, "idPrm"))
        for context in _objects(measure, "contexte"):
            read = cells.fold(_text(context, "typeReleve")) in READ
            for quantity in _objects(context, "grandeur"):
                total = quantity.get("cadranTotalisateur")
                totals = _points(found, total.get("valeur") if isinstance(total, dict) else None, lines)
                calendars = _calendars(found, quantity, lines)
                every = [*totals, *(point for classes in calendars.values() for each in classes for point in each)]
                if not read:
                    found.left[Left.OTHER] += len(every)
                    continue
                what_ = _what(quantity, context, found, every)
                if what_ is None:
                    continue
                of, shape, exponent, out = what_
                if shape is not Shape.AMOUNT:
                    raise FileRefusedError(Why.UNIT_OF_FILE, needed="Wh, kWh", met=_text(quantity, "unite"))
                register = "enedis_index_out" if out else "enedis_index"
                if totals:
                    for number, at, where in _numbers(found, totals):
                        found.add(
                            What(register, of, Shape.INDEX, out=out), at, at, cells.times(number, exponent), where
                        )
                    continue
                for name, classes in calendars.items():
                    what = What(f"{register}_{name}", of, Shape.INDEX, out=out)
                    for number, at, where in _sums(found, classes):
                        found.add(what, at, at, cells.times(number, exponent), where)


def _calendars(found: Found, quantity: dict[str, Any], lines: Iterator[int]) -> dict[str, list[list[_Point]]]:
    """The points of each class, by calendar; the distributor's where there is one, as the supplier's may change."""
    calendars: dict[str, list[list[_Point]]] = {}
    for calendar in _objects(quantity, "calendrier"):
        for class_ in _objects(calendar, "classeTemporelle"):
            points = _points(found, class_.get("valeur"), lines)
            calendars.setdefault(cells.fold(_text(calendar, "idCalendrier"))[:16], []).append(points)
    own = {name: classes for name, classes in calendars.items() if name.startswith(DISTRIBUTOR)}
    return own or calendars


Number = tuple[tuple[int, int], int, int]  # digits and power of ten, moment, line


def _numbers(found: Found, points: list[_Point]) -> Iterator[Number]:
    for point, at in _placed(found, points):
        if cells.fold(_text(point.said, "iv")) not in SURE:
            found.left[Left.DOUBTED] += 1
            continue
        try:
            number = value(found, _text(point.said, "v"))
        except RowRefusedError as refused:
            found.refuse(point.line, refused.why, **refused.values)
            continue
        if number is not None:
            yield number, at, point.line


def _sums(found: Found, classes: list[list[_Point]]) -> Iterator[Number]:
    """The sum of all classes, at the moments that all of them state."""
    said: dict[int, list[tuple[tuple[int, int], int]]] = {}
    for points in classes:
        for at, each in {at: (number, line) for number, at, line in _numbers(found, points)}.items():
            said.setdefault(at, []).append(each)
    for at, numbers in said.items():
        if len(numbers) < len(classes):
            found.left[Left.VALUE] += len(numbers)
            continue
        fine = min(exponent for (_, exponent), _ in numbers)
        yield (sum(digits * 10 ** (its - fine) for (digits, its), _ in numbers), fine), at, numbers[0][1]


def _what(
    quantity: dict[str, Any], stage: dict[str, Any], found: Found, points: list[_Point]
) -> tuple[Any, Shape, int, bool] | None:
    """The quantity, shape, power of ten and direction; None, and the points counted, where it is something else."""
    if (
        cells.fold(_text(quantity, "grandeurPhysique")) not in ACTIVE
        or cells.fold(_text(stage, "etapeMetier")) not in RAW
    ):
        found.left[Left.OTHER] += len(points)
        return None
    direction = cells.fold(_text(quantity, "grandeurMetier"))
    return *unit(_text(quantity, "unite")), direction == "prod" or is_given(direction)


def _objects(value_: Any, name: str) -> list[dict[str, Any]]:
    each = value_.get(name) if isinstance(value_, dict) else None
    return [one for one in each if isinstance(one, dict)] if isinstance(each, list) else []


def _text(value_: Any, name: str) -> str:
    said = value_.get(name) if isinstance(value_, dict) else None
    return said if isinstance(said, str) else ""


KINDS = (
    Kind("enedis_curve_json", "Enedis", "Enedis: load curve on request (R63, JSON)", Medium.ELECTRICITY, _fits(CURVE_FLOWS), read_curve),
    Kind("enedis_index_json", "Enedis", "Enedis: index on request (R64, JSON)", Medium.ELECTRICITY, _fits(INDEX_FLOWS), read_index),
    Kind("enedis_index_request", "Enedis", "Enedis: index on request (R64, table)", Medium.ELECTRICITY, is_table, refuse_table),
)  # fmt: skip
