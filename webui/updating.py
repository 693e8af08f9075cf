"""`/box/update`: a file of a new version is sent, checked, and installed by root when its owner says so (docs/updates.md)."""

import asyncio
import contextlib
import logging
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from aiohttp import web
from markupsafe import Markup

from gateway import schemas
from gateway.arriving import FILE_BYTES_MAX, Arriving, BusyError, RefusedError
from gateway.box import fitting, said, update_file
from gateway.box.fitting import Running
from gateway.box.said import Said
from gateway.box.update_file import Kind, Refused
from gateway.house import House
from gateway.standing import KEYS, Standing, Wanted, ask, asked_at
from webui import notices, update_words
from webui.about import version
from webui.multipart import MultipartError
from webui.page import STANDING, by_of, check_token, read_form, render, see, words_of
from webui.streaming import CutShortError, FileForm, drain
from webui.update_words import Told
from webui.words import Words, mark

log = logging.getLogger(__name__)

PATIENCE_S = 1.0
# Root takes it up at once. If nothing came of it, it will not come.
UNANSWERED_S = 120.0

BUSY = mark("Another file is on its way to the box, or is being checked. Wait until that is done.")
NO_CARD = mark("Nothing can be installed while the card cannot be used.")
GONE = mark("This file is not there any longer, or is another one. Look at it once more.")
NOT_ASKED = mark("The box could not be told to install it: its memory is full. Switch it off and on, and try again.")
UNANSWERED = mark("The box does not begin to install it. Switch it off and on, and send the file once more.")
ASKED = mark("The box is about to install the update.")


@dataclass(frozen=True, slots=True)
class What:
    """An update as it is shown. `made_at` is UTC seconds; `size` 0 where it is not known."""

    kind: Kind
    version: str
    made_at: int | None
    size: int = 0


class Desk:
    """What `/box/update` keeps between two requests."""

    def __init__(self, house: House, standing: Standing) -> None:
        self._house = house
        self._standing = standing
        self._answered: Said | None = None  # what root had said when it was asked last
        self.is_asked = False
        self.arriving: Arriving[What] = Arriving(house.config.data / "update", self._look)

    def said(self) -> Said | None:
        return said.read(said.UPDATE, self._standing.places.said)

    async def ask(self, source: str, what: What) -> None:
        """Ask root to install it. OSError where that cannot be left for it."""
        answered = self.said()
        await asyncio.to_thread(ask, self._house.config.runtime, Wanted.INSTALL, source=source, version=what.version)
        self._answered, self.is_asked = answered, True

    def waits(self, words: Words) -> Told | None:
        """What is going on, as long as something is; what root was asked and is done with is put away."""
        found = self.said()
        told = None if found is None else update_words.outcome(words, found)
        if told is not None and told.goes_on:
            return told
        at = asked_at(self._house.config.runtime, Wanted.INSTALL)
        if at is not None:
            return Told(words.say(ASKED), goes_on=True) if time.time() - at < UNANSWERED_S else None
        if self.is_asked and found == self._answered:
            return Told(words.say(ASKED), goes_on=True)
        return None

    def unanswered(self) -> bool:
        return asked_at(self._house.config.runtime, Wanted.INSTALL) is not None

    async def tidy(self) -> None:
        """Of what root has answered, no second copy stays on the card."""
        if self.is_asked and self.said() != self._answered:
            self.is_asked = False
            with contextlib.suppress(BusyError):
                await self.arriving.put_away()

    def _look(self, path: Path) -> What:
        image = self._standing.image
        assert image is not None
        try:
            with path.open("rb") as file:
                found = update_file.verified(file, update_file.keys(self._standing.places.share / KEYS)).manifest
            fitting.check(
                found,
                Running(version() or image.version, image.version, image.arch, fitting.python(), schemas.numbers()),
            )
        except Refused as error:
            log.warning("an update was sent that is not taken: %s", error)
            raise RefusedError(error.code, **error.fields) from None
        return What(found.kind, found.version, int(found.made.timestamp()))


def sticks(found: Said | None) -> Sequence[What]:
    """What root offers from a stick."""
    if found is None or found.state != update_words.OFFERED or found.text("kind") not in list(Kind):
        return ()
    return (What(Kind(found.text("kind")), found.text("version"), None, found.number("bytes") or 0),)


DESK = web.AppKey("desk", Desk)


async def page(request: web.Request) -> web.Response:
    return await _page(request)


async def _page(request: web.Request, *, status: int = 200, fault: str | None = None) -> web.Response:
    words, image = words_of(request), request.app[STANDING].image
    if image is None:
        return render(request, "update.html", status=status, phase="elsewhere", fault=None)
    desk = request.app[DESK]
    arriving = desk.arriving
    await desk.tidy()
    await arriving.looked(PATIENCE_S)
    waits = desk.waits(words)
    phase = "idle"
    if waits is not None:
        phase = "waits"
    elif arriving.share is not None:
        phase = "comes"
    elif arriving.is_looking:
        phase = "looks"
    elif arriving.ready is not None:
        phase = "ready"
    shown = words.say(fault) if fault else None
    if phase == "idle" and notices.in_memory(request.app[STANDING]):
        shown = words.say(NO_CARD)
    if shown is None and phase in ("idle", "ready"):
        shown = _fault(words, desk)
    return render(
        request,
        "update.html",
        status=status,
        phase=phase,
        fault=shown,
        waits=waits,
        share=arriving.share or 0.0,
        ready=arriving.ready,
        sticks=sticks(desk.said()) if phase == "idle" else (),
        kinds=update_words.KINDS,
        version=version(),
        from_version=lambda kind: version() if kind == Kind.APP else image.version,
        max_mb=FILE_BYTES_MAX // 1_000_000,
    )


def _fault(words: Words, desk: Desk) -> Markup | None:
    refused = desk.arriving.refused
    if refused is not None:
        return update_words.refusal(words, refused.code, refused.fields)
    return words.say(UNANSWERED) if desk.unanswered() else None


async def send(request: web.Request) -> web.StreamResponse:
    """The file, put on the card as it comes. What becomes of it, `/box/update` says."""
    if request.app[STANDING].image is None:
        raise web.HTTPNotFound
    desk = request.app[DESK]

    try:
        form = FileForm.of(request)
        fields = await form.fields()
        check_token(request, fields.get("token", "").encode())
        if notices.in_memory(request.app[STANDING]):
            await drain(request)
            return await _page(request, status=409, fault=NO_CARD)
        if desk.waits(words_of(request)) is not None:
            raise BusyError
        await desk.arriving.receive(form.file(), request.content_length or 0)
        if desk.arriving.refused is not None:
            await drain(request)
    except BusyError:
        await drain(request)
        return await _page(request, status=409, fault=BUSY)
    except CutShortError:
        pass  # nobody is there to be told; the page says it to who comes
    except MultipartError as error:
        raise web.HTTPBadRequest(text=f"{error}\n") from None
    raise see("/box/update")


async def install(request: web.Request) -> web.Response:
    """Ask root for it: the file that was sent, or the one on the stick, if it is still the one that was shown."""
    fields = await read_form(request)
    if request.app[STANDING].image is None:
        raise web.HTTPNotFound
    desk, source = request.app[DESK], fields.get("from", "")
    if desk.waits(words_of(request)) is not None:
        raise see("/box/update")
    ready = desk.arriving.ready
    offered: Sequence[What] = [] if ready is None else [ready.what]
    if source == "stick":
        offered = sticks(desk.said())
    what = next((one for one in offered if one.version == fields.get("version")), None)
    if what is None:
        return await _page(request, status=409, fault=GONE)
    by = by_of(request)
    log.warning("an update to %s (%s) is asked for, from %s", what.version, what.kind, by.address)
    try:
        await desk.ask("stick" if source == "stick" else "arrived", what)
    except OSError as error:
        log.warning("root cannot be asked for it: %s", error)
        return await _page(request, status=507, fault=NOT_ASKED)
    raise see("/box/update")


async def drop(request: web.Request) -> web.Response:
    await read_form(request)
    if request.app[STANDING].image is None:
        raise web.HTTPNotFound
    try:
        await request.app[DESK].arriving.put_away()
    except BusyError:
        return await _page(request, status=409, fault=BUSY)
    raise see("/box/update")
