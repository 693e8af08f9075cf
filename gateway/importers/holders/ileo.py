"""Iléo (Lille): Date;Volume;Consommation;Index, the volume in m3, the others in litres; the index is taken at its day's end."""

from drivers.model import Medium, Quantity
from gateway.importers.holders import cells
from gateway.importers.holders.found import Found, Left, RowRefusedError, What, Why
from gateway.importers.holders.kind import Kind, add_index, rows
from gateway.importers.holders.opened import Document, Table
from gateway.periods import Shape

COLUMNS = ("date", "volume", "consommation", "index")
INDEX = What("ileo_index", Quantity.VOLUME, Shape.INDEX)


def fits(document: Document) -> bool:
    header = document.find(*COLUMNS) if isinstance(document, Table) else None
    return header is not None and len(header[1]) == len(COLUMNS)


def read(document: Document, found: Found) -> None:
    assert isinstance(document, Table)
    start, columns = document.find(*COLUMNS) or (0, {})
    indexes: dict[int, tuple[int, int]] = {}
    for line, row in rows(document, found, start, 1 + max(columns.values())):
        cell = [row[columns[name]] for name in COLUMNS]
        if any(map(cells.is_no_value, cell[1:])):
            found.left[Left.VALUE] += 1
            continue
        try:
            day = cells.day(cell[0])
            volume, taken, index = map(cells.number, cell[1:])
            if volume[0] * 10 ** (6 + 3 + volume[1]) != taken[0] * 10 ** (
                6 + taken[1]
            ):  # m3 and litres, in microlitres
                raise RowRefusedError(Why.AGREE)
        except RowRefusedError as refused:
            found.refuse(line, refused.why, **refused.values)
            continue
        fine = min(taken[1], index[1])
        last = index[0] * 10 ** (index[1] - fine)
        add_index(found, INDEX, indexes, cells.start_of(day), (last - taken[0] * 10 ** (taken[1] - fine), fine), line)
        add_index(found, INDEX, indexes, cells.end_of(day), (last, fine), line)


KIND = Kind("ileo", "Iléo", "Iléo: water by day", Medium.WATER, fits, read)
