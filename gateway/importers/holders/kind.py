"""A kind of file, and what several kinds share in reading their rows."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from drivers.model import Medium, Quantity
from gateway.importers.holders import cells, sheet
from gateway.importers.holders.found import FileRefusedError, Found, Left, What, Why
from gateway.importers.holders.opened import LINE_CHARACTERS_MAX, Document, Table
from gateway.importers.holders.steps import steps
from gateway.periods import Shape


@dataclass(frozen=True, slots=True)
class Kind:
    """`title` says what it is in English; the pages translate it. `read` gathers rows, and refuses the file or rows."""

    id: str
    holder: str
    title: str
    medium: Medium
    fits: Callable[[Document], bool]
    read: Callable[[Document, Found], None]


# A unit of a holder's file: what it makes of a row, and its power of ten.
UNITS: dict[str, tuple[Quantity, Shape, int]] = {
    "w": (Quantity.ENERGY, Shape.POWER, 0),
    "kw": (Quantity.ENERGY, Shape.POWER, 3),
    "wh": (Quantity.ENERGY, Shape.AMOUNT, 0),
    "kwh": (Quantity.ENERGY, Shape.AMOUNT, 3),
    "l": (Quantity.VOLUME, Shape.AMOUNT, 0),
    "litres": (Quantity.VOLUME, Shape.AMOUNT, 0),
    "m3": (Quantity.VOLUME, Shape.AMOUNT, 3),
}


def unit(text: str, line: int = 0) -> tuple[Quantity, Shape, int]:
    found = UNITS.get(cells.fold(text))
    if found is None:
        raise FileRefusedError(Why.UNIT_OF_FILE, line, needed="W, kW, Wh, kWh, L, m3", met=text)
    return found


def rows(document: Table, found: Found, after: int, width: int) -> Iterator[tuple[int, list[str]]]:
    """(line, at least `width` cells) of every row after a line, counted; a row with a formula is refused."""
    for line, row in document.rows(after):
        found.rows += 1
        if not row:
            found.refuse(line, Why.LINE, n=LINE_CHARACTERS_MAX)
        elif sheet.FORMULA in row:
            found.refuse(line, Why.FORMULA)
        else:
            yield line, row + [""] * (width - len(row))


def label(document: Table, *names: str) -> str:
    """What stands beside a label of the head that ends in a colon, or below one that does not; "" if there is none."""
    for (_, row), (_, below) in zip(document.head, [*document.head[1:], (0, [])], strict=True):
        for place, cell in enumerate(row):
            name = cells.fold(cell)
            if name.removesuffix(":").rstrip() in names:
                beside = row[place + 1 :] if name.endswith(":") else below[place:]
                return beside[0].strip() if beside else ""
    return ""


def meter_number(found: Found, text: str) -> None:
    """Remember whose file this is, so that two meters' files are not joined. It is shown in part, and kept as a mark.

    A spreadsheet that takes it for a number loses its leading zeros: they say nothing here.
    """
    if digits := plain_number(text):
        found.places.add(digits[:40])


def plain_number(text: str) -> str:
    return "".join(text.split()).strip("'").upper().lstrip("0")


CurveRow = tuple[int, int, tuple[int, int] | None]  # end of the period, line, number


def add_curve(
    found: Found,
    what: What,
    exponent: int,
    curve: Sequence[CurveRow],
    step_s: int | None = None,
    *,
    starts: bool = False,
) -> None:
    """Mean powers or amounts whose stamps are the ends of their periods, or their starts; the step is found if not said.

    Rows without a value tell the step, too. Seen backwards in time, a start is an end.
    """
    sign = -1 if starts else 1
    ats = sorted({sign * at for at, _, _ in curve})
    if step_s is None and len(ats) < 2:
        raise FileRefusedError(Why.STEP_MISSING)
    of = dict(zip(ats, [step_s] * len(ats) if step_s else steps(ats), strict=True))
    usual = next((step for step in of.values() if step), 0)
    for at, line, number in curve:
        step = of[sign * at]
        if number is None:
            continue
        if step is None:
            found.refuse(line, Why.STEP, needed=usual // 60)
        else:
            start = at if starts else at - step
            found.add(what, start, start + step, cells.times(number, exponent), line)


def value(found: Found, text: str) -> tuple[int, int] | None:
    """The number in a cell; None, counted, where it has none."""
    if cells.is_no_value(text):
        found.left[Left.VALUE] += 1
        return None
    return cells.number(text)


def add_index(
    found: Found, what: What, indexes: dict[int, tuple[int, int]], at: int, number: tuple[int, int], line: int
) -> None:
    """A reading that may be stated twice, as the end of one row and the start of the next."""
    if indexes.get(at) != number:
        indexes.setdefault(at, number)
        found.add(what, at, at, number, line)
