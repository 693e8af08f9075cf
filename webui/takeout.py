"""`/data/export`: what was read, as a file for a spreadsheet, for a program or as Green Button, written while it is sent (docs/export.md)."""

import asyncio
import io
import logging
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date, timedelta
from functools import partial
from typing import Any, TextIO, cast

from aiohttp import web

from gateway.export import Export
from gateway.export_espi import write_espi
from gateway.export_files import READINGS, TABLES, write_csv, write_json
from gateway.export_walk import Wanted
from gateway.holders import HoldersError
from gateway.store import StoreError
from webui import days
from webui.page import HOUSE

log = logging.getLogger(__name__)

PIECE_CHARACTERS = 64 * 1024
# A reader that is slow holds no more than these in memory.
PIECES_MAX = 8
TYPES = {"csv": "text/csv", "json": "application/json", "espi": "application/atom+xml"}
ENDS = {"csv": "csv", "json": "json", "espi": "xml"}
# One at a time: two would only take each other's turn.
WRITING = web.AppKey("writing", asyncio.Lock)


class GoneError(Exception):
    """Who asked for it has gone."""


@dataclass
class Pipe:
    """Pieces on their way from the thread that writes to the event loop that sends; None is the end."""

    loop: asyncio.AbstractEventLoop
    queue: asyncio.Queue[bytes | None]
    room: threading.Semaphore
    gone: bool = False

    def put(self, piece: bytes | None) -> None:
        self.room.acquire()
        if self.gone:
            raise GoneError
        self.loop.call_soon_threadsafe(self.queue.put_nowait, piece)


class Stream(io.TextIOBase):
    """A text file that is a pipe."""

    def __init__(self, pipe: Pipe) -> None:
        self._pipe = pipe
        self._parts: list[str] = []
        self._characters = 0

    def write(self, text: str) -> int:
        self._parts.append(text)
        self._characters += len(text)
        if self._characters >= PIECE_CHARACTERS:
            self.flush()
        return len(text)

    def flush(self) -> None:
        if self._parts:
            piece, self._parts, self._characters = "".join(self._parts), [], 0
            self._pipe.put(piece.encode())


class Nowhere(io.TextIOBase):
    """For the tables that a spreadsheet of readings has no room for."""

    def write(self, text: str) -> int:
        return len(text)


async def export(request: web.Request) -> web.StreamResponse:
    """`format`: csv (the readings), json (all) or espi (Green Button), of a `point` or all, `from` a local day `to` another, both included."""
    house = request.app[HOUSE]
    form = request.query.get("format", "csv")
    point = request.query.get("point", "")
    if form not in TYPES or (point and house.point(point) is None):
        raise web.HTTPNotFound
    wanted = Wanted(point or None, _day(request, "from"), _day(request, "to"))
    asked = Export(house.catalog, house.store, house.holders, house.now, house.gap_s).piece
    write = partial({"csv": _csv, "json": _json, "espi": _espi}[form], asked, wanted)
    response = web.StreamResponse(headers={"Content-Type": f"{TYPES[form]}; charset=utf-8"})
    name = f"{point or 'maison'}-{days.today(house.zone, house.now()).isoformat()}.{ENDS[form]}"
    response.headers["Content-Disposition"] = f'attachment; filename="{name}"'
    if request.method == "HEAD":
        return web.Response(headers=response.headers)
    async with request.app[WRITING]:
        with _written(write) as (pipe, written):
            first = await _next(pipe, written)  # a card that does not answer is said on a page, before anything is sent
            await response.prepare(request)
            try:
                while first is not None:
                    await response.write(first)
                    first = await _next(pipe, written)
            except (StoreError, HoldersError) as error:
                log.warning("an export is cut short: %s", error)
                assert request.transport is not None
                request.transport.abort()  # its end is not said, so nobody takes it for whole
                return response
    await response.write_eof()
    return response


@contextmanager
def _written(write: Callable[[TextIO], object]) -> Iterator[tuple[Pipe, asyncio.Future[None]]]:
    """A thread that writes, for as long as somebody reads."""
    loop = asyncio.get_running_loop()
    pipe = Pipe(loop, asyncio.Queue(), threading.Semaphore(PIECES_MAX))

    def work() -> None:
        stream = Stream(pipe)
        write(cast("TextIO", stream))
        stream.flush()
        pipe.put(None)

    written = loop.run_in_executor(None, work)
    try:
        yield pipe, written
    finally:
        pipe.gone = True
        for _ in range(2):
            pipe.room.release()
        written.add_done_callback(lambda done: done.cancelled() or done.exception())


async def _next(pipe: Pipe, written: "asyncio.Future[None]") -> bytes | None:
    """The next piece, or what went wrong with it: then what was sent so far is seen to be no whole file."""
    piece = asyncio.ensure_future(pipe.queue.get())
    either: list[asyncio.Future[Any]] = [piece, written]
    await asyncio.wait(either, return_when=asyncio.FIRST_COMPLETED)
    if not piece.done() and written.exception() is not None:
        piece.cancel()
        written.result()
    found = await piece
    pipe.room.release()
    return found


def _csv(ask: Callable[[str, dict[str, Any]], dict[str, Any]], wanted: Wanted, out: TextIO) -> None:
    tables = {name: cast("TextIO", Nowhere()) for name in TABLES} | {READINGS: out}
    write_csv(ask, wanted, tables, lambda share: None)


def _json(ask: Callable[[str, dict[str, Any]], dict[str, Any]], wanted: Wanted, out: TextIO) -> None:
    write_json(ask, wanted, out, lambda share: None)


def _espi(ask: Callable[[str, dict[str, Any]], dict[str, Any]], wanted: Wanted, out: TextIO) -> None:
    write_espi(ask, wanted, out, lambda share: None)


def _day(request: web.Request, name: str) -> date | None:
    text = request.query.get(name, "")
    try:
        day = date.fromisoformat(text) if text else None
    except ValueError:
        raise web.HTTPBadRequest(text=f"{name}: a day such as 2026-11-30 is needed.\n") from None
    if day is not None and not date(2000, 1, 1) <= day <= date.max - timedelta(days=2):
        raise web.HTTPBadRequest(text=f"{name}: a day from 2000 on is needed.\n")
    return day
