"""Enedis, the load curve on request (R63): one header, mean watts at the end of each period, French clocks without offset."""

import re
from datetime import datetime
from typing import NamedTuple

from drivers.model import Medium
from gateway.importers.holders import cells
from gateway.importers.holders.enedis_curve import is_given
from gateway.importers.holders.found import FileRefusedError, Found, Left, RowRefusedError, What, Why
from gateway.importers.holders.kind import Kind, meter_number, rows, unit, value
from gateway.importers.holders.opened import Document, Table
from gateway.importers.holders.steps import STEPS_S

COLUMNS = ("identifiant prm", "grandeur physique", "grandeur metier", "unite", "horodate", "valeur", "nature", "pas")
ACTIVE = frozenset({"pa", "ea"})
# How a value came about: measured or corrected; else it was made up for a cut or a silence.
MEASURED, MADE_UP = frozenset("brc"), frozenset("ehpstfgk")
_STEP = re.compile(r"pt(\d{1,3})([mh])")


def fits(document: Document) -> bool:
    return isinstance(document, Table) and document.find(*COLUMNS) is not None


def read(document: Document, found: Found) -> None:
    assert isinstance(document, Table)
    start, columns = document.find(*COLUMNS) or (0, {})
    curves: dict[What, list[_Row]] = {}
    units: dict[bool, str] = {}
    stages: dict[bool, str] = {}
    for line, row in rows(document, found, start, 1 + max(columns.values())):
        cell = {name: row[place] for name, place in columns.items()}
        meter_number(found, cell["identifiant prm"])
        out = is_given(cell["grandeur metier"]) or cells.fold(cell["grandeur metier"]) == "prod"
        stage = cells.fold(cell.get("etape metier", ""))
        if cells.fold(cell["grandeur physique"]) not in ACTIVE or stages.setdefault(out, stage) != stage:
            found.left[Left.OTHER] += 1
            continue
        if units.setdefault(out, cell["unite"]) != cell["unite"]:
            raise FileRefusedError(Why.UNITS, line, needed=units[out], met=cell["unite"])
        quantity, shape, exponent = unit(cell["unite"], line)
        try:
            each = _Row(line, cells.wall(cell["horodate"]), step_s(cell["pas"]), _number(found, cell, exponent))
        except RowRefusedError as refused:
            found.refuse(line, refused.why, **refused.values)
            continue
        what = What("enedis_curve_out" if out else "enedis_curve", quantity, shape, out=out)
        curves.setdefault(what, []).append(each)
    for what, curve in curves.items():
        for each, at in zip(curve, cells.placed([each.wall for each in curve]), strict=True):
            if each.number is None:
                continue
            if isinstance(at, Why):
                found.refuse(each.line, at, met=each.wall)
            else:
                found.add(what, at - each.step_s, at, each.number, each.line)


class _Row(NamedTuple):
    line: int
    wall: datetime
    step_s: int
    number: tuple[int, int] | None


def _number(found: Found, cell: dict[str, str], exponent: int) -> tuple[int, int] | None:
    nature = cells.fold(cell["nature"])
    if nature in MADE_UP:
        found.left[Left.ESTIMATED] += 1
        return None
    if nature and nature not in MEASURED:
        raise RowRefusedError(Why.NATURE, met=cell["nature"])
    number = value(found, cell["valeur"])
    return None if number is None else cells.times(number, exponent)


def step_s(text: str) -> int:
    """`PT30M` in seconds."""
    step = _STEP.fullmatch(cells.fold(text))
    seconds = int(step[1]) * (60 if step[2] == "m" else 3600) if step else 0
    if seconds not in STEPS_S:
        raise RowRefusedError(Why.STEP, needed="5, 10, 15, 30, 60")
    return seconds


KIND = Kind("enedis_request", "Enedis", "Enedis: load curve on request (R63)", Medium.ELECTRICITY, fits, read)
