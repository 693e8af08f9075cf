"""What the columns of an unknown table may hold: a first proposal, for somebody to look at."""

import re
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import partial
from itertools import islice, pairwise
from typing import TypeVar

from drivers.model import Medium, Quantity
from gateway.importers.holders import cells
from gateway.importers.holders.found import FileRefusedError, RowRefusedError, Why
from gateway.importers.holders.opened import Document, Table
from gateway.importers.holders.table import UNITS, Choice, Clock, Dates, Each, Stamp, epoch, wall_of
from gateway.periods import Shape

T = TypeVar("T")

SAMPLE_ROWS = 200
ENTITIES_MAX = 200
COLUMNS_MAX = 30

_UNIT = re.compile(r"(?<![a-z0-9])(mwh|kwh|wh|kw|w|m3|litres?|l)(?![a-z0-9])")
_NAMES = {
    "mwh": "MWh",
    "kwh": "kWh",
    "wh": "Wh",
    "kw": "kW",
    "w": "W",
    "m3": "m3",
    "litre": "L",
    "litres": "L",
    "l": "L",
}
_VALUE = re.compile(r"valeur|value|index|conso|energ|volume|puissance|power|state|sum|releve|compteur")
_MIDNIGHT = re.compile(r"\D00:00(:00)?$")
_TIME = re.compile(r"date|jour|day|heure|hour|time|horodat")
_HOUR = re.compile(r"heure|hour|time")
_BARE = (Dates.SHEET, Dates.EPOCH)
_INDEX = re.compile(r"index|compteur|cumul|total|releve|reading")

# Home Assistant: the columns of its tables, where the time and the value stand, and what names the counter.
# Its statistics are rows of an hour named by its start; the sum is the one at the hour's end.
_HOME_ASSISTANT = (
    ({"entity_id", "state", "last_changed"}, "last_changed", ("state",), "entity_id", 0),
    ({"statistic_id", "end", "sum"}, "end", ("sum",), "statistic_id", 0),
    ({"statistic_id", "start", "sum"}, "start", ("sum",), "statistic_id", 3600),
    ({"metadata_id", "start_ts", "sum"}, "start_ts", ("sum",), "metadata_id", 3600),
)


def guess(document: Document) -> Choice | None:
    """A proposal for a table; None for what is none, or has no column of times or none of numbers.

    FileRefusedError where the hour stands apart from its date: half-hours would be taken for days.
    """
    if not isinstance(document, Table):
        return None
    sample = [(line, row) for line, row in islice(document.rows(), SAMPLE_ROWS) if len(row) > 1]
    header = _header(sample)
    if header is None:
        return None
    line, names, body = header
    return _home_assistant(names, line, body) or _any(names, line, body)


def columns(document: Table, choice: Choice) -> list[str]:
    """What the columns are called, or what stands first in them."""
    _, row = next(((line, row) for line, row in document.rows() if line >= max(choice.header, 1)), (0, []))
    return [cell.strip()[:40] or str(place + 1) for place, cell in enumerate(row[:COLUMNS_MAX])]


def entities(document: Table, choice: Choice) -> list[str]:
    """What the rows of a table of several counters may be of."""
    if choice.only is None:
        return []
    found: dict[str, None] = {}
    for _, row in document.rows(choice.header):
        if len(row) > choice.only[0] and len(found) < ENTITIES_MAX:
            found.setdefault(row[choice.only[0]].strip()[:120])
    return list(found)


Rows = Sequence[tuple[int, list[str]]]


def _header(sample: Rows) -> tuple[int, list[str], list[list[str]]] | None:
    """The line of the header (0 if there is none), its names, and the rows below it."""
    for place, (line, row) in enumerate(sample):
        if any(_dates([cell]) for cell in row) and any(_is_number(cell) for cell in row):
            body = [cells_ for _, cells_ in sample[place:]]
            if place and len(sample[place - 1][1]) >= 2:
                return sample[place - 1][0], [cells.fold(cell) for cell in sample[place - 1][1]], body
            return line - 1, [""] * len(row), body
    return None


def _home_assistant(names: list[str], line: int, body: list[list[str]]) -> Choice | None:
    for needed, time, values, entity, after_s in _HOME_ASSISTANT:
        if not needed <= set(names):
            continue
        only = names.index(entity), body[0][names.index(entity)].strip()
        mine = [row for row in body if row[only[0] : only[0] + 1] == [only[1]]]
        dates = _dates([row[names.index(time)] for row in mine])
        if dates is None:
            return None
        value = names.index(values[0])
        unit = _unit(mine[0][names.index("unit")]) if "unit" in names else ""
        return Choice(
            line, names.index(time), value, dates, Clock.LOCAL, Shape.INDEX, Each.STEP, Stamp.END,
            _decimal(_column(mine, value)), unit, _medium(unit), only, after_s, "home_assistant",
        )  # fmt: skip
    return None


def _any(names: list[str], line: int, body: list[list[str]]) -> Choice | None:
    width = min(COLUMNS_MAX, max(map(len, body)))
    times = [(place, dates) for place in range(width) if (dates := _dates(_column(body, place)))]
    # A number may be one of days or of seconds: believed where the column says so, and after what is written as a time.
    times = [each for each in times if each[1] not in _BARE or _TIME.search(_name(names, each[0]))]
    times.sort(key=lambda each: each[1] in _BARE)
    if not times:
        return None
    time, dates = times[0]
    if _hour_apart(names, body, time, width):
        raise FileRefusedError(Why.HOUR_APART)
    numbers = [place for place in range(width) if place != time and _share(_column(body, place), _is_number) > 0.8]
    if not numbers:
        return None
    value = max(numbers, key=lambda place: (bool(_VALUE.search(_name(names, place))), place))
    unit = _unit(_name(names, value)) or next(
        (found for row in body[:1] for cell in row if (found := _exact_unit(cell))), ""
    )
    what = _what(_name(names, value), unit, _column(body, value))
    each = _each(_column(body, time), dates)
    return Choice(
        line, time, value, dates, Clock.LOCAL, what, each, Stamp.END, _decimal(_column(body, value)), unit, _medium(unit)
    )  # fmt: skip


def _hour_apart(names: Sequence[str], body: Sequence[list[str]], time: int, width: int) -> bool:
    """Whether days come more than once, and another column says which hour of them is meant."""
    said = [cell.strip() for cell in _column(body, time) if cell.strip()]
    if len(set(said)) == len(said) or any(":" in cell and not _MIDNIGHT.search(cell) for cell in said):
        return False
    others = [place for place in range(width) if place != time]
    return any(_HOUR.search(_name(names, place)) or _share(_column(body, place), _is_clock) >= 0.9 for place in others)


def _is_clock(text: str) -> bool:
    try:
        cells.clock_s(text)
    except RowRefusedError:
        return False
    return True


def _name(names: Sequence[str], place: int) -> str:
    return names[place] if place < len(names) else ""


def _column(body: Sequence[list[str]], place: int) -> list[str]:
    return [row[place] for row in body if place < len(row)]


def _share(column: Sequence[str], fits: Callable[[str], object]) -> float:
    said = [cell for cell in column if not cells.is_no_value(cell)]
    return sum(bool(fits(cell)) for cell in said) / len(said) if said else 0.0


def _dates(column: Sequence[str]) -> Dates | None:
    """The first way of writing a time that nine of ten cells are written in."""
    return next((dates for dates in Dates if _share(column, partial(_is_time, dates=dates)) >= 0.9), None)


def _is_time(text: str, dates: Dates) -> bool:
    try:
        match dates:
            case Dates.OFFSET:
                cells.moment(text)
            case Dates.EPOCH:
                epoch(text)
            case _:
                wall_of(text, dates)
    except (RowRefusedError, ValueError, OverflowError):
        return False
    return True


def _is_number(text: str) -> bool:
    try:
        cells.number(text.replace(",", ".", 1) if text.count(",") == 1 and "." not in text else text.replace(",", ""))
    except RowRefusedError:
        return False
    return True


def _decimal(column: Sequence[str]) -> str:
    """The last of the two signs that a number has; a comma alone is a decimal comma."""
    counts = Counter(sign for cell in column if (sign := max(",.", key=cell.rfind)) in cell)
    return "," if counts[","] > counts["."] else "."


def _exact_unit(cell: str) -> str:
    return _NAMES.get(cells.fold(cell), "")


def _unit(text: str) -> str:
    found = _UNIT.search(cells.fold(text))
    return _NAMES[found[1]] if found else ""


def _medium(unit: str) -> Medium:
    return Medium.WATER if unit and UNITS[unit][0] is Quantity.VOLUME else Medium.ELECTRICITY


def _what(name: str, unit: str, column: Sequence[str]) -> Shape:
    if unit in ("W", "kW"):
        return Shape.POWER
    if _INDEX.search(name):
        return Shape.INDEX
    numbers = list(_numbers(column))
    rising = all(low <= high for low, high in pairwise(numbers)) or all(low >= high for low, high in pairwise(numbers))
    return Shape.INDEX if rising and len(set(numbers)) > 5 else Shape.AMOUNT


def _numbers(column: Sequence[str]) -> Iterator[float]:
    for cell in column:
        try:
            digits, exponent = cells.number(cell)
        except RowRefusedError:
            continue
        yield digits * 10.0**exponent


def _each(column: Sequence[str], dates: Dates) -> Each:
    """A day or a month where the times say no hour; else as far apart as they are."""
    said = [cell.strip() for cell in column if cell.strip()]
    if dates is Dates.SHEET:
        return Each.STEP if any("." in cell for cell in said) else Each.DAY
    if dates in (Dates.OFFSET, Dates.EPOCH) or any(":" in cell and not _MIDNIGHT.search(cell) for cell in said):
        return Each.STEP
    return Each.MONTH if all(len(cell) <= len("12/2025") for cell in said) else Each.DAY


def chosen(choice: Choice, columns_: Sequence[str], fields: Mapping[str, str]) -> Choice:
    """The proposal with what somebody chose instead; ValueError names the field that cannot be.

    A column is chosen by its number, from 1, or by its name.
    """
    if only := fields.get("only"):
        choice = replace(choice, only=None if choice.only is None else (choice.only[0], only))
    return replace(
        choice,
        time=_place(fields, "time", choice.time, columns_),
        value=_place(fields, "value", choice.value, columns_),
        dates=_word(fields, "dates", choice.dates, {each.name.lower(): each for each in Dates}),
        clock=_word(fields, "clock", choice.clock, {each.value: each for each in Clock}),
        what=_word(fields, "what", choice.what, {each.value: each for each in Shape}),
        each=_word(fields, "each", choice.each, {each.value: each for each in Each}),
        stamp=_word(fields, "stamp", choice.stamp, {each.value: each for each in Stamp}),
        decimal=_word(fields, "decimal", choice.decimal, {each: each for each in ",."}),
        unit=_word(fields, "unit", choice.unit, {each: each for each in UNITS}),
        medium=_word(fields, "medium", choice.medium, {each.value: each for each in Medium}),
    )


def _word(fields: Mapping[str, str], name: str, usual: T, words: Mapping[str, T]) -> T:
    text = fields.get(name, "")
    if text and text not in words:
        raise ValueError(f"{name}: one of {', '.join(words)} is needed, not {text!r:.40}")
    return words.get(text, usual)


def _place(fields: Mapping[str, str], name: str, usual: int, columns_: Sequence[str]) -> int:
    text = fields.get(name, "")
    places = {str(number): number - 1 for number in range(1, len(columns_) + 1)} | {
        column: place for place, column in enumerate(columns_)
    }
    return _word({name: text}, name, usual, places)
