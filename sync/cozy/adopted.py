"""Documents of a konnector that hold a figure of ours in the place of its own, which is kept beside it and can be put back.

All of ours in one is `load`, `grant` (whose figure it is) and `releve`: `meter` (as in the ids of our own documents), `load` (what was put) and
`before` (what stood there). A konnector that writes its document again changes `load`, and then it is its own once more.
"""

from collections.abc import Mapping
from decimal import Decimal

from sync.cozy.device import Json

MARK, GRANT, LOAD = "releve", "grant", "load"


def may_be_adopted(document: Mapping[str, object]) -> bool:
    """Whether it is a konnector's, and its figure, too: no document of any of our grants, of whatever meter."""
    return GRANT not in document or (_mark(document) is not None and meter_of(document) == "")


def meter_of(document: Mapping[str, object]) -> str:
    """Of which meter the figure is that was put there and still stands; empty where none of ours does."""
    mark = _mark(document)
    return str(mark["meter"]) if mark is not None and mark[LOAD] == document.get(LOAD) else ""


def marked_for(document: Mapping[str, object]) -> str:
    """Of which meter a figure was put there, even if the konnector wrote over it since; empty where none was."""
    mark = _mark(document)
    return "" if mark is None else str(mark["meter"])


def in_place(document: Json, load: Decimal, grant: str, meter: str) -> Json:
    """As it is wished, with our figure: its own fields stay."""
    mark = _mark(document)
    before = mark["before"] if mark is not None and meter_of(document) else document[LOAD]
    return {**_fields(document), LOAD: load, GRANT: grant, MARK: {"meter": meter, LOAD: load, "before": before}}


def given_back(document: Json) -> Json:
    """As it stood before; where the konnector wrote over ours, with what it wrote."""
    mark = _mark(document)
    assert mark is not None
    kept = {name: value for name, value in _fields(document).items() if name not in (GRANT, MARK)}
    return {**kept, LOAD: mark["before"]} if meter_of(document) else kept


def _mark(document: Mapping[str, object]) -> Json | None:
    mark = document.get(MARK)
    if not isinstance(mark, dict) or not {"meter", "before", LOAD} <= mark.keys():
        return None
    return mark


def _fields(document: Json) -> Json:
    """Without CouchDB's own."""
    return {name: value for name, value in document.items() if not name.startswith("_")}
