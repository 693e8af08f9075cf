"""Enedis, energy by day: the spreadsheet of consumption (and production) and the CSV of injection."""

from drivers.model import Medium
from gateway.importers.holders import cells
from gateway.importers.holders.enedis_curve import GIVEN
from gateway.importers.holders.found import Found, RowRefusedError, What
from gateway.importers.holders.kind import UNITS, Kind, label, meter_number, rows, value
from gateway.importers.holders.opened import Document, Table
from gateway.periods import Shape

TAKEN = ("consommation", "soutirage")
PLACE = ("point reference mesure (prm)", "identifiant prm", "prm")
TYPE = ("type de comptage", "type de donnees", "grandeur metier")


def fits(document: Document) -> bool:
    return isinstance(document, Table) and _header(document) is not None and _out(document) is not None


def _header(document: Table) -> tuple[int, int, int, str] | None:
    """The header's line, where the day and the value stand, and the value's unit."""
    for unit in ("kwh", "wh"):
        name = f"valeur (en {unit})"
        if header := document.find("date", name):
            return header[0], header[1]["date"], header[1][name], unit
    return None


def _out(document: Table) -> bool | None:
    """Whether the energy was given; None where the file does not say what it is."""
    said = [cells.fold(document.name), *(cells.fold(label(document, name)) for name in TYPE)]
    given, taken = (any(word in text for text in said for word in words) for words in (GIVEN, TAKEN))
    return None if given is taken else given


def read(document: Document, found: Found) -> None:
    assert isinstance(document, Table)
    header, out = _header(document), bool(_out(document))
    assert header is not None
    start, date, number, unit = header
    meter_number(found, label(document, *PLACE))
    quantity, _, exponent = UNITS[unit]
    what = What("enedis_daily_out" if out else "enedis_daily", quantity, Shape.AMOUNT, out=out)
    for line, row in rows(document, found, start, 1 + max(date, number)):
        try:
            day = cells.day(row[date])
            amount = value(found, row[number])
        except RowRefusedError as refused:
            found.refuse(line, refused.why, **refused.values)
            continue
        if amount is not None:
            found.add(what, cells.start_of(day), cells.end_of(day), cells.times(amount, exponent), line)


KIND = Kind("enedis_daily", "Enedis", "Enedis: energy by day", Medium.ELECTRICITY, fits, read)
