"""Home Assistant's statistics as JSON, laid out as the table of the same: what a counter is and what it counts is asked there.

Known are the answer of `recorder/statistics_during_period` (whole, or its `result` alone), that of the action
`recorder.get_statistics`, and what its imports take (`statistic_id` or `metadata`, with `stats`).
"""

from typing import Any

from gateway.importers.holders.found import FileRefusedError, Why
from gateway.importers.holders.opened import HEAD_ROWS, Document, Table, Tree

_ANSWERS = ("result", "statistics")


def as_table(document: Document) -> Table | None:
    """None for what is something else; FileRefusedError where the sums were not asked for."""
    if not isinstance(document, Tree):
        return None
    counters = _counters(document.value)
    rows = [(name, row, unit) for name, (rows, unit) in counters.items() for row in rows]
    if not rows:
        return None
    if not any(_text(row, "sum") for _, row, _ in rows):
        raise FileRefusedError(Why.SUM_MISSING)
    # What is imported is of hours, by its start. An answer may be of days or weeks: only their ends say so.
    time = "start" if "stats" in document.value and not any(_text(row, "end") for _, row, _ in rows) else "end"
    lines = [
        (line, [name, _text(row, time), _text(row, "sum"), unit]) for line, (name, row, unit) in enumerate(rows, 2)
    ]
    lines.insert(0, (1, ["statistic_id", time, "sum", "unit"]))
    return Table(document.name, lines[:HEAD_ROWS], _rows=lines)


def _counters(value: Any) -> dict[str, tuple[list[dict[str, Any]], str]]:
    """The rows of each counter, and its unit where that is said."""
    if not isinstance(value, dict):
        return {}
    for answer in _ANSWERS:
        if isinstance(value.get(answer), dict):
            return _counters(value[answer])
    if isinstance(value.get("stats"), list):
        about = value["metadata"] if isinstance(value.get("metadata"), dict) else value
        name = _text(about, "statistic_id")
        return {name: (value["stats"], _text(about, "unit_of_measurement"))} if _are_rows(value["stats"]) else {}
    return {name: (rows, "") for name, rows in value.items()} if value and all(map(_are_rows, value.values())) else {}


def _are_rows(value: Any) -> bool:
    return isinstance(value, list) and all(isinstance(row, dict) and "start" in row for row in value)


def _text(row: dict[str, Any], name: str) -> str:
    said = row.get(name)
    return said if isinstance(said, str) else ""
