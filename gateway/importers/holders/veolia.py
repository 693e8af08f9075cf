"""Veolia Île-de-France (`historique_jours_litres.csv`): the index in litres; estimated ones, which may fall, are left out."""

from drivers.model import Medium, Quantity
from gateway.importers.holders import cells
from gateway.importers.holders.found import Found, Left, RowRefusedError, What, Why
from gateway.importers.holders.kind import Kind, rows, value
from gateway.importers.holders.opened import Document, Table
from gateway.periods import Shape

COLUMNS = ("date de releve", "index releve (litres)", "index mesure/estime")
INDEX = What("veolia_index", Quantity.VOLUME, Shape.INDEX)


def fits(document: Document) -> bool:
    return isinstance(document, Table) and document.find(*COLUMNS) is not None


def read(document: Document, found: Found) -> None:
    assert isinstance(document, Table)
    start, columns = document.find(*COLUMNS) or (0, {})
    date, index, nature = (columns[name] for name in COLUMNS)
    for line, row in rows(document, found, start, 1 + max(columns.values())):
        folded = cells.fold(row[nature])
        if folded.startswith("estim"):
            found.left[Left.ESTIMATED] += 1
            continue
        try:
            if not folded.startswith("mesur"):
                raise RowRefusedError(Why.NATURE, met=row[nature] or "–")
            wall = cells.wall(row[date])
            number = value(found, row[index])
        except RowRefusedError as refused:
            found.refuse(line, refused.why, **refused.values)
            continue
        if number is not None:
            (at,) = cells.placed([wall])
            if isinstance(at, Why):
                found.refuse(line, at, met=wall)
            else:
                found.add(INDEX, at, at, number, line)


KIND = Kind("veolia", "Veolia", "Veolia: index by day", Medium.WATER, fits, read)
