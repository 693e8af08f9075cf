"""Enedis, the load curve of one's own account (`Enedis_Conso_Heure_…csv`): mean watts, stamped at the end of each period."""

from drivers.model import Medium
from gateway.importers.holders import cells
from gateway.importers.holders.found import FileRefusedError, Found, RowRefusedError, What, Why
from gateway.importers.holders.kind import CurveRow, Kind, add_curve, label, meter_number, rows, unit, value
from gateway.importers.holders.opened import Document, Table
from gateway.importers.holders.steps import STEPS_S

GIVEN = ("injection", "production")


def fits(document: Document) -> bool:
    return (
        isinstance(document, Table)
        and document.find("horodate", "valeur") is not None
        and document.find("type de donnees") is not None
    )


def read(document: Document, found: Found) -> None:
    assert isinstance(document, Table)
    meter_number(found, label(document, "identifiant prm"))
    active(label(document, "grandeur physique"))
    quantity, shape, exponent = unit(label(document, "unite"))
    out = is_given(label(document, "grandeur metier"), label(document, "type de donnees"))
    what = What("enedis_curve_out" if out else "enedis_curve", quantity, shape, out=out)
    start, columns = document.find("horodate", "valeur") or (0, {})
    at, number = columns["horodate"], columns["valeur"]
    curve: list[CurveRow] = []
    for line, row in rows(document, found, start, 1 + max(at, number)):
        try:
            moment = cells.moment(row[at])
            curve.append((moment, line, value(found, row[number])))
        except RowRefusedError as refused:
            found.refuse(line, refused.why, **refused.values)
    add_curve(found, what, exponent, curve, _step_s(label(document, "pas en minutes")))


def active(quantity: str) -> None:
    """Refuse reactive energy: it is no consumption."""
    if quantity and "active" not in cells.fold(quantity).split():
        raise FileRefusedError(Why.QUANTITY, met=quantity)


def is_given(*texts: str) -> bool:
    """Whether the energy went out of the home."""
    return any(word in cells.fold(text) for text in texts for word in GIVEN)


def _step_s(minutes: str) -> int | None:
    step_s = int(minutes) * 60 if minutes.isdecimal() and len(minutes) < 4 else None
    return step_s if step_s in STEPS_S else None


KIND = Kind("enedis_curve", "Enedis", "Enedis: load curve", Medium.ELECTRICITY, fits, read)
