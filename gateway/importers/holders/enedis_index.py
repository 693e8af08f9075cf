"""Enedis, the daily index of one's own account (`Enedis_Conso_Jour_…csv`): Wh at the moment of each stamp.

EAS F1 to F10 are the supplier's registers, EAS T is the total. D1 to D4 cut the same energy by the grid's own calendar, and
are not kept. In summer Enedis stamps 01:00+02:00: it is taken at its word.
"""

import re
from decimal import Decimal

from drivers.model import Medium
from gateway.importers.holders import cells
from gateway.importers.holders.enedis_curve import active, is_given
from gateway.importers.holders.found import FileRefusedError, Found, Left, RowRefusedError, What, Why
from gateway.importers.holders.kind import Kind, label, meter_number, rows, unit
from gateway.importers.holders.opened import Document, Table
from gateway.periods import Shape

# The meter may cut each register to whole kWh: the total is that much off the sum at most, for each register.
CUT_WH = 1000
_REGISTER = re.compile(r"ea[si] (?:f(\d{1,2})|(t))")


def fits(document: Document) -> bool:
    if not isinstance(document, Table):
        return False
    header = document.find("horodate", "type de releve")
    # On request (R64) each row says its quantity, and has another shape.
    return header is not None and "grandeur physique" not in header[1]


def read(document: Document, found: Found) -> None:
    assert isinstance(document, Table)
    meter_number(found, label(document, "identifiant prm"))
    active(label(document, "grandeur physique"))
    given = label(document, "unite")
    quantity, shape, exponent = unit(given)
    if shape is not Shape.AMOUNT:
        raise FileRefusedError(Why.UNIT_OF_FILE, needed="Wh", met=given)
    out = is_given(label(document, "grandeur metier"))
    start, columns = document.find("horodate", "type de releve") or (0, {})
    registers = [
        (place, What("enedis_index_out" if out else "enedis_index", quantity, Shape.INDEX, int(name[1] or 0), out))
        for column, place in columns.items()
        if (name := _REGISTER.fullmatch(column))
    ]
    at, kind = columns["horodate"], columns["type de releve"]
    for line, row in rows(document, found, start, 1 + max(columns.values())):
        if cells.fold(row[0]).startswith(("periode", "du ")):  # from here on it is the supplier's calendar
            found.rows -= 1
            break
        if "estim" in cells.fold(row[kind]):
            found.left[Left.ESTIMATED] += 1
            continue
        try:
            moment = cells.moment(row[at])
            numbers = [
                (what, cells.number(row[place])) for place, what in registers if not cells.is_no_value(row[place])
            ]
        except RowRefusedError as refused:
            found.refuse(line, refused.why, **refused.values)
            continue
        if not _agree(numbers, exponent):
            found.refuse(line, Why.AGREE)
            continue
        if not numbers:
            found.left[Left.VALUE] += 1
        for what, number in numbers:
            found.add(what, moment, moment, cells.times(number, exponent), line)


def _agree(numbers: list[tuple[What, tuple[int, int]]], exponent: int) -> bool:
    """Whether the total is the sum of the registers, where both are given."""
    amounts = [(what.tariff, Decimal(digits).scaleb(its + exponent)) for what, (digits, its) in numbers]
    totals = [amount for tariff, amount in amounts if tariff == 0]
    registers = [amount for tariff, amount in amounts if tariff]
    return not registers or all(abs(total - sum(registers)) < CUT_WH * len(registers) for total in totals)


KIND = Kind("enedis_index", "Enedis", "Enedis: daily index", Medium.ELECTRICITY, fits, read)
