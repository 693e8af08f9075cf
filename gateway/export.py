"""What a house hands over when it is exported, in pieces: what there is, then its points and periods a span at a time.

Each piece is a short job of the store's thread, so a gateway that runs goes on meanwhile; who asks writes the files, in a
process of its own, and keeps one piece in memory.
"""

from __future__ import annotations

import base64
from array import array
from collections.abc import Callable, Sequence
from decimal import Decimal
from typing import Any

from gateway.catalog import Catalog
from gateway.holders import Holders
from gateway.model import GAP_S, MeteringPoint, SeriesKey
from gateway.store import SeriesInfo, Store, Swap

Pieces = Callable[[str, dict[str, Any]], dict[str, Any]]

ROWS_MAX = 20_000  # of a company's file in one piece


class Export:
    """The pieces of one house, as JSON. Every method waits for the card: not for the event loop.

    `gap_s` says how far apart a meter's readings may lie with the time between them known: a house that runs knows how
    often each speaks.
    """

    def __init__(
        self,
        catalog: Catalog,
        store: Store,
        holders: Holders,
        now: Callable[[], int],
        gap_s: Callable[[SeriesKey], int] = lambda key: GAP_S,
    ) -> None:
        self._catalog = catalog
        self._store = store
        self._holders = holders
        self._now = now
        self._gap_s = gap_s

    def piece(self, path: str, body: dict[str, Any]) -> dict[str, Any]:
        """What a request of the socket asks; StoreError or HoldersError where the card does not answer."""
        match path:
            case "/export":
                return self._about()
            case "/export/points":
                return self._points(SeriesKey.parse(body["series"]), body["start"], body["end"])
            case "/export/amounts":
                return self._amounts(SeriesKey.parse(body["series"]), body["bounds"], body["gap_s"])
            case "/export/periods":
                rows = self._holders.rows_of(body["part"], body["after"], ROWS_MAX)
                return {"rows": rows, "more": len(rows) == ROWS_MAX}
            case _:
                raise LookupError(path)

    def _about(self) -> dict[str, Any]:
        """The house in `points`, what is kept of each in `series`, and what files of companies said in `files`."""
        home = self._catalog.dwelling
        points = {point.id: point for point in self._catalog.points()}
        of_stand = {meter.series_point: meter.point for meter in self._catalog.meters()}
        return {
            "made_at": self._now(),
            "dwelling": home.name,
            "time_zone": home.time_zone,
            "points": [self._point(point) for point in points.values()],
            "series": [
                self._series(info, of_stand.get(info.key.point, info.key.point)) for info in self._store.series()
            ],
            "files": self._holders.parts(),
        }

    def _point(self, point: MeteringPoint) -> dict[str, Any]:
        meters = [{"address": meter.address, "since": meter.since} for meter in self._catalog.standing(point.id)]
        return {"id": point.id, "name": point.name, "medium": point.medium.value, "meters": meters}

    def _series(self, info: SeriesInfo, point: str) -> dict[str, Any]:
        """`point` is where it is shown; one of a meter that is no longer ours may be of no point that there is."""
        key = info.key
        its = [meter for meter in self._catalog.standing(point) if meter.series_point == key.point]
        return {
            "series": str(key),
            "point": point,
            "meter": its[-1].address if its else key.point,
            "register": key.register,
            "tariff": key.tariff,
            "quantity": info.quantity.name,
            "exponent": info.exponent,
            "main": info.main,
            "first_at": info.first_at,
            "last_at": info.last_at,
            "swaps": [_swap(event) for event in self._store.events(key)],
        }

    def _points(self, key: SeriesKey, start: int, end: int) -> dict[str, Any]:
        """Times and values as the bytes of 64-bit numbers; `damaged` days of the card could not be read."""

        def ask() -> tuple[int, array[int], array[int], int]:
            damaged = self._store.counts.damaged
            points = self._store.points(key, start, end)
            if points is None:  # erased meanwhile
                return 0, array("q"), array("q"), 0
            return points.exponent, points.at, points.value, self._store.counts.damaged - damaged

        exponent, ats, values, damaged = self._store.wait(ask)
        return {"exponent": exponent, "at": _packed(ats), "value": _packed(values), "damaged": damaged}

    def _amounts(self, key: SeriesKey, bounds: Sequence[int], gap_s: int | None) -> dict[str, Any]:
        """What was taken between each two bounds, None where it is not known to be all; no `gap_s` is the house's own."""

        def ask() -> tuple[int, list[int | None], int]:
            damaged = self._store.counts.damaged
            parts = self._store.consumption(key, bounds, gap_s=self._gap_s(key) if gap_s is None else gap_s)
            values = [part.value if part.complete else None for part in parts]
            return parts[0].exponent, values, self._store.counts.damaged - damaged

        exponent, values, damaged = self._store.wait(ask)
        return {"exponent": exponent, "value": values, "damaged": damaged}


def unpacked(text: str) -> array[int]:
    """The numbers that a piece holds, on the machine that packed them."""
    numbers = array("q")
    numbers.frombytes(base64.b64decode(text))
    return numbers


def _packed(numbers: array[int]) -> str:
    return base64.b64encode(numbers.tobytes()).decode()


def _swap(event: Swap) -> dict[str, Any]:
    return {
        "at": event.at,
        "old_final": f"{Decimal(event.old_final).scaleb(event.exponent):f}",
        "new_start": f"{Decimal(event.new_start).scaleb(event.exponent):f}",
        "made_at": event.made_at,
        "taken_back": event.undone_by is not None,
    }
