"""What browser scripts save of the curve on Enedis's page (`historique_conso_…csv`): debut;fin;kW, or kWh."""

from drivers.model import Medium
from gateway.importers.holders import cells
from gateway.importers.holders.found import Found, RowRefusedError, What
from gateway.importers.holders.kind import UNITS, Kind, rows, unit, value
from gateway.importers.holders.opened import Document, Table


def fits(document: Document) -> bool:
    return isinstance(document, Table) and _unit(document) is not None


def _unit(document: Table) -> tuple[int, dict[str, int], str] | None:
    header = document.find("debut", "fin")
    if header is None:
        return None
    name = next((each for each in header[1] if each in UNITS), None)
    return None if name is None or len(header[1]) != 3 else (*header, name)


def read(document: Document, found: Found) -> None:
    assert isinstance(document, Table)
    header = _unit(document)
    assert header is not None
    start, columns, name = header
    quantity, shape, exponent = unit(name)
    for line, row in rows(document, found, start, 3):
        try:
            begins, ends = cells.moment(row[columns["debut"]]), cells.moment(row[columns["fin"]])
            number = value(found, row[columns[name]])
        except RowRefusedError as refused:
            found.refuse(line, refused.why, **refused.values)
            continue
        if number is not None:
            found.add(What("enedis_curve", quantity, shape), begins, ends, cells.times(number, exponent), line)


KIND = Kind("enedis_history", "Enedis", "Enedis: curve saved from its page", Medium.ELECTRICITY, fits, read)
