"""Eau du Grand Lyon: the JSON of its page (`consommationsJournalieres`). Months count from 0; a day of 0 is not published yet.

No file that its page offers is known. The units stand in `unites`; where they do not, decimals tell m3 from litres.
"""

from datetime import date
from typing import Any

from drivers.model import Medium, Quantity
from gateway.importers.holders import cells
from gateway.importers.holders.found import FileRefusedError, Found, RowRefusedError, What, Why
from gateway.importers.holders.kind import Kind
from gateway.importers.holders.opened import Document, Tree
from gateway.importers.holders.suez import Day, add_days
from gateway.periods import Shape

INDEX = What("grandlyon_index", Quantity.VOLUME, Shape.INDEX)
AMOUNT = What("grandlyon_daily", Quantity.VOLUME, Shape.AMOUNT)
EXPONENTS = {"l": 0, "m3": 3}


def fits(document: Document) -> bool:
    return isinstance(document, Tree) and any(
        "consommation" in each and "mois" in each for each in _rows(document.value)
    )


def _rows(value: Any) -> list[dict[str, Any]]:
    posts = value.get("postes") if isinstance(value, dict) else None
    data = [post.get("data") for post in posts if isinstance(post, dict)] if isinstance(posts, list) else []
    return [each for rows in data if isinstance(rows, list) for each in rows if isinstance(each, dict)]


def read(document: Document, found: Found) -> None:
    """Rows are counted from 1, as lines are: JSON has none of its own."""
    assert isinstance(document, Tree)
    rows = _rows(document.value)
    if any(_text(each, "mois") == "12" for each in rows):
        raise FileRefusedError(Why.TIME, needed='"mois": 0…11', met="12")
    taken_exponent = _exponent(document.value, rows, "consommation")
    index_exponent = _exponent(document.value, rows, "index") if any(_text(each, "index") for each in rows) else 0
    days: list[Day] = []
    for line, each in enumerate(rows, 1):
        found.rows += 1
        try:
            day = _day(each)
            taken = cells.number(_text(each, "consommation") or "0")
            index = cells.number(_text(each, "index") or "0")
        except RowRefusedError as refused:
            found.refuse(line, refused.why, **refused.values)
            continue
        if index[0] or not taken[0]:
            days.append((day, line, cells.times(taken, taken_exponent), cells.times(index, index_exponent)))
        else:
            found.add(AMOUNT, cells.start_of(day), cells.end_of(day), cells.times(taken, taken_exponent), line)
    add_days(found, INDEX, days)


def _day(row: dict[str, Any]) -> date:
    parts = [_text(row, name) for name in ("annee", "mois", "jour")]
    try:
        year, month, day = (int(part) for part in parts if part.isdecimal() and len(part) <= 4)
        return date(year, month + 1, day)
    except ValueError:
        raise RowRefusedError(Why.TIME, needed="annee, mois, jour", met=" ".join(parts)) from None


def _exponent(value: Any, rows: list[dict[str, Any]], name: str) -> int:
    units = value.get("unites") if isinstance(value, dict) else None
    said = _text(units, name) if isinstance(units, dict) else ""
    if said:
        if cells.fold(said) not in EXPONENTS:
            raise FileRefusedError(Why.UNIT_OF_FILE, needed="L, m3", met=said)
        return EXPONENTS[cells.fold(said)]
    if any("." in _text(each, name) and not _text(each, name).endswith(".0") for each in rows):
        return EXPONENTS["m3"]
    raise FileRefusedError(Why.UNIT_MISSING)


def _text(row: dict[str, Any], name: str) -> str:
    value = row.get(name)
    return value if isinstance(value, str) else ""


KIND = Kind("grandlyon", "Eau du Grand Lyon", "Eau du Grand Lyon: water by day", Medium.WATER, fits, read)
