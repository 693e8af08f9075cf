"""GRDF: the spreadsheets by day, week and month, and the JSON of its page. A gas day runs from six to six.

Where a row has the meter's index, the index is kept (whole m3); else its volume. The energy that GRDF computes with its
conversion coefficient is kept beside it, in kWh; the coefficient itself is one divided by the other.
"""

import re
from datetime import date, timedelta
from typing import Any

from drivers.model import Medium, Quantity
from gateway.importers.holders import cells
from gateway.importers.holders.found import Found, Left, RowRefusedError, What, Why
from gateway.importers.holders.kind import Kind, add_index, meter_number, rows
from gateway.importers.holders.opened import Document, Table, Tree
from gateway.periods import Shape

GAS_HOUR = 6
VOLUME, ENERGY = "volume consomme (m3)", "energie consommee (kwh)"
FIRST, LAST = "index de debut de periode (m3)", "index de fin de periode (m3)"
QUALITY = "qualification du releve"
MEASURED = frozenset({"", "mesure", "corrige"})
ENERGY_KWH = What("grdf_energy", Quantity.ENERGY, Shape.AMOUNT)
VOLUME_M3 = What("grdf_volume", Quantity.VOLUME, Shape.AMOUNT)
INDEX_M3 = What("grdf_index", Quantity.VOLUME, Shape.INDEX)
PUBLISHED_M3 = What("grdf_published", Quantity.VOLUME, Shape.INDEX)

_SPAN = re.compile(r"du (\S+) au (\S+)")
_MONTHS = (
    "janvier", "fevrier", "mars", "avril", "mai", "juin", "juillet", "aout", "septembre", "octobre", "novembre", "decembre",
)  # fmt: skip

Number = tuple[int, int]


def fits(document: Document) -> bool:
    return isinstance(document, Table) and document.find(VOLUME, ENERGY) is not None


def read(document: Document, found: Found) -> None:
    assert isinstance(document, Table)
    start, columns = document.find(VOLUME, ENERGY) or (0, {})
    meter_number(found, _meter(document))
    period = min(columns.values())
    indexes: dict[int, Number] = {}
    for line, row in rows(document, found, start, 1 + max(columns.values())):
        cell = {name: row[place] for name, place in columns.items()}
        try:
            begins, ends = _period(row[period])
            _take(
                found, line, begins, ends, INDEX_M3, indexes,
                [_number(cell.get(name, "")) for name in (FIRST, LAST, VOLUME, ENERGY)], cell.get(QUALITY, ""),
            )  # fmt: skip
        except RowRefusedError as refused:
            found.refuse(line, refused.why, **refused.values)


def _meter(document: Table) -> str:
    """The PCE that stands beside its label."""
    for _, row in document.head:
        for place, cell in enumerate(row):
            if cells.fold(cell).startswith("n° pce"):
                return next((other for other in row[place + 1 :] if other.strip()), "")
    return ""


def _take(
    found: Found,
    line: int,
    begins: int,
    ends: int,
    index: What,
    indexes: dict[int, Number],
    numbers: list[Number | None],
    quality: str,
) -> None:
    first, last, volume, energy = numbers
    if "estim" in cells.fold(quality):
        found.left[Left.ESTIMATED] += 1
        return
    if cells.fold(quality) == "absence de donnees" or (last is None and volume is None and energy is None):
        found.left[Left.VALUE] += 1
        return
    if cells.fold(quality) not in MEASURED:
        raise RowRefusedError(Why.NATURE, met=quality)
    if first is not None and last is not None:
        if volume is not None and abs(_m3(last) - _m3(first) - _m3(volume)) > 1:
            raise RowRefusedError(Why.AGREE)
        for at, number in ((begins, first), (ends, last)):
            add_index(found, index, indexes, at, cells.times(number, 3), line)
    elif volume is not None:
        found.add(VOLUME_M3, begins, ends, cells.times(volume, 3), line)
    if energy is not None:
        found.add(ENERGY_KWH, begins, ends, cells.times(energy, 3), line)


def _m3(number: Number) -> float:
    return number[0] * 10.0 ** number[1]


def _number(text: str) -> Number | None:
    return None if cells.is_no_value(text) else cells.number(text)


def _period(text: str) -> tuple[int, int]:
    """`04/01/2026`, `Du 24/11/2020 au 29/11/2020` or `Novembre 2020`, in gas days."""
    folded = cells.fold(text)
    if span := _SPAN.fullmatch(folded):
        return cells.start_of(cells.day(span[1]), GAS_HOUR), cells.end_of(cells.day(span[2]), GAS_HOUR)
    name, _, year = folded.partition(" ")
    if name in _MONTHS and re.fullmatch(r"\d{4}", year, re.ASCII):
        month = date(int(year), _MONTHS.index(name) + 1, 1)
        return cells.start_of(month, GAS_HOUR), cells.start_of((month + timedelta(days=31)).replace(day=1), GAS_HOUR)
    day = cells.day(text)
    return cells.start_of(day, GAS_HOUR), cells.end_of(day, GAS_HOUR)


def tree_fits(document: Document) -> bool:
    return isinstance(document, Tree) and bool(_meters(document.value))


def _meters(value: Any) -> list[dict[str, Any]]:
    """The objects that hold `releves`: one, or one a PCE."""
    candidates = [value, *value.values()] if isinstance(value, dict) else value if isinstance(value, list) else []
    return [each for each in candidates if isinstance(each, dict) and isinstance(each.get("releves"), list)]


def read_tree(document: Document, found: Found) -> None:
    """Rows are counted from 1, as lines are: JSON has none of its own."""
    assert isinstance(document, Tree)
    line = 0
    indexes: dict[str, dict[int, Number]] = {}
    for meter in _meters(document.value):
        meter_number(found, str(meter.get("idPce") or ""))
        for each in meter["releves"]:
            line += 1
            found.rows += 1
            try:
                if not isinstance(each, dict):
                    raise RowRefusedError(Why.TIME, needed="journeeGaziere", met=each)
                begins, ends = _gas_days(each)
                day = each.get("journeeGaziere") is not None
                _take(
                    found, line, begins, ends, INDEX_M3 if day else PUBLISHED_M3, indexes.setdefault(str(day), {}),
                    [_number(_text(each.get(name))) for name in ("indexDebut", "indexFin", "volumeBrutConsomme", "energieConsomme")],
                    _text(each.get("qualificationReleve")),
                )  # fmt: skip
            except RowRefusedError as refused:
                found.refuse(line, refused.why, **refused.values)


def _gas_days(row: dict[str, Any]) -> tuple[int, int]:
    """From six to six, French time: GRDF writes 06:00 in winter and summer alike, with an offset that is not meant."""
    if row.get("journeeGaziere") is not None:
        day = cells.day(_text(row["journeeGaziere"]))
        return cells.start_of(day, GAS_HOUR), cells.end_of(day, GAS_HOUR)
    first, last = (cells.day(_text(row.get(name))[:10]) for name in ("dateDebutReleve", "dateFinReleve"))
    return cells.start_of(first, GAS_HOUR), cells.start_of(last, GAS_HOUR)


def _text(value: Any) -> str:
    return value if isinstance(value, str) else ""


KINDS = (
    Kind("grdf_sheet", "GRDF", "GRDF: spreadsheet", Medium.GAS, fits, read),
    Kind("grdf_json", "GRDF", "GRDF: JSON", Medium.GAS, tree_fits, read_tree),
)
