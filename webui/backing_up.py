"""`/box/backup`: the house in one sealed file, and the house of such a file in the place of this one (docs/backup.md)."""

import asyncio
import contextlib
import logging
from datetime import UTC, datetime
from pathlib import Path

from aiohttp import web
from markupsafe import Markup

from gateway import replacing
from gateway.arriving import FILE_BYTES_MAX, Arriving, BusyError, RefusedError
from gateway.backup import PASSPHRASE_CHARACTERS_MIN, BackupError, Backups, Seal, load_age
from gateway.house import House
from gateway.replacing import Back
from gateway.restore import NewerError, WrongKeyError
from webui import days, notices
from webui.multipart import MultipartError
from webui.page import ACCESS, HOUSE, STANDING, by_of, check_token, read_form, render, see, words_of
from webui.streaming import CutShortError, FileForm, drain
from webui.update_words import REFUSALS
from webui.words import Words, mark

log = logging.getLogger(__name__)

PATIENCE_S = 1.0
PASSPHRASE_CHARACTERS_MAX = 1000
PIECE_BYTES = 1 << 18

TOO_SHORT = mark("Ten characters at least: a sentence that only you would say is best.")
NOT_THE_SAME = mark("These are two different sentences. Type the same one twice.")
NOT_MADE = mark("The back-up could not be made: the memory card is full, or refuses. Nothing was changed.")
BUSY = mark("Another back-up is being made, or a file is on its way. Try again in a moment.")
NO_CARD = mark("No house can be brought back while the card cannot be used.")
NOT_SURE = mark("Say that you are sure: tick the line above the button.")
GONE = mark("This file is not there any longer. Send it once more.")
NOT_ERASED = mark("The memory card did not erase all of it. Try again in a moment.")
# Why a file is not taken, by its code; those of any file stand in webui/update_words.py.
FAULTS = {
    "passphrase": mark("This sentence does not open this back-up. Look at how it was written: each letter and each space counts."),
    "newer": mark("This back-up was made by a newer version of Relevé: install that one first, then bring the house back."),
    "no-backup": mark("This file is no back-up of Relevé, or it is damaged. Nothing was changed: try another one."),
    "no-file": mark("Choose a file first: its name ends with .backup."),
    "too-big": mark("This file is too long: at most %(max_mb)s MB can be brought back by this page."),
}  # fmt: skip


class Desk:
    """What `/box/backup` keeps between two requests. The passphrase is nowhere but in memory, and only while a file is opened."""

    def __init__(self, house: House, backups: Backups | None) -> None:
        self.backups = backups
        self._config = house.config
        self._passphrase = ""
        self.arriving: Arriving[Back] = Arriving(house.config.data / "coming-back", self._look)

    async def receive(self, form: FileForm, passphrase: str, expected: int) -> None:
        """BusyError where another file is coming."""
        if self.arriving.is_busy:
            raise BusyError
        self._passphrase = passphrase
        await self.arriving.receive(form.file(), expected)

    async def put_away(self) -> None:
        await self.arriving.put_away()
        await asyncio.to_thread(replacing.forget, self._config)

    async def close(self) -> None:
        await self.arriving.close()

    def _look(self, path: Path) -> Back:
        passphrase, self._passphrase = self._passphrase, ""
        try:
            return replacing.prepare(path, passphrase, self._config)
        except BackupError as error:
            log.warning("a house cannot be brought back: %s", error)
            codes = {WrongKeyError: "passphrase", NewerError: "newer"}
            raise RefusedError(codes.get(type(error), "no-backup")) from None


DESK = web.AppKey("backup_desk", Desk)


async def page(request: web.Request) -> web.Response:
    return await _page(request)


async def _page(request: web.Request, *, status: int = 200, at: str = "", fault: str | None = None) -> web.Response:
    """`at`: the form that the fault is of, "make", "bring" or "erase"."""
    words, desk = words_of(request), request.app[DESK]
    arriving = desk.arriving
    await arriving.looked(PATIENCE_S)
    phase = "idle"
    if request.app[ACCESS].brought_back.is_set():
        phase = "begun"
    elif arriving.share is not None:
        phase = "comes"
    elif arriving.is_looking:
        phase = "looks"
    elif arriving.ready is not None:
        phase = "ready"
    shown = words.say(fault) if fault else None
    if shown is None and phase == "idle" and arriving.refused is not None:
        at, shown = "bring", _refusal(words, arriving.refused)
    in_memory = notices.in_memory(request.app[STANDING])
    return render(
        request,
        "backup.html",
        status=status,
        phase=phase,
        at=at,
        fault=shown,
        can_seal=_can_seal() and desk.backups is not None,
        no_card=words.say(NO_CARD) if in_memory else None,
        share=arriving.share or 0.0,
        ready=arriving.ready,
        aside=await asyncio.to_thread(_aside_bytes, request.app[HOUSE]),
        characters_min=PASSPHRASE_CHARACTERS_MIN,
        max_mb=FILE_BYTES_MAX // 1_000_000,
    )


def _can_seal() -> bool:
    try:
        load_age()
    except BackupError:
        return False
    return True


def _refusal(words: Words, refused: RefusedError) -> Markup:
    sentence = FAULTS.get(refused.code) or REFUSALS.get(refused.code) or FAULTS["no-backup"]
    return words.say(
        sentence, **{name: words.number(value) for name, value in refused.fields.items() if type(value) is int}
    )


def _aside_bytes(house: House) -> int:
    paths = (path for folder in replacing.aside(house.config) for path in folder.rglob("*"))
    return sum(path.stat().st_size for path in paths if path.is_file())


async def make(request: web.Request) -> web.StreamResponse:
    """The file, once it is whole. No copy of it stays on the card, whatever becomes of who asked."""
    fields = await read_form(request)
    backups = request.app[DESK].backups
    passphrase = fields.get("passphrase", "")[:PASSPHRASE_CHARACTERS_MAX]
    if len(passphrase) < PASSPHRASE_CHARACTERS_MIN:
        return await _page(request, status=422, at="make", fault=TOO_SHORT)
    if passphrase != fields.get("again", "")[:PASSPHRASE_CHARACTERS_MAX]:
        return await _page(request, status=422, at="make", fault=NOT_THE_SAME)
    if backups is None or backups.is_writing:
        return await _page(request, status=409, at="make", fault=BUSY)
    log.warning("a back-up is made, for %s", by_of(request).address)
    try:
        path = await asyncio.to_thread(backups.write_inside, Seal(passphrase=passphrase), lambda share: None)
    except (BackupError, OSError) as error:
        log.warning("no back-up: %s", error)
        return await _page(request, status=507, at="make", fault=NOT_MADE)
    with path.open("rb") as file:
        path.unlink()
        house = request.app[HOUSE]
        name = f"releve-{days.today(house.zone, house.now()).isoformat()}.backup"
        response = web.StreamResponse(
            headers={
                "Content-Type": "application/octet-stream",
                "Content-Disposition": f'attachment; filename="{name}"',
            }
        )
        response.content_length = path_bytes = file.seek(0, 2)
        file.seek(0)
        await response.prepare(request)
        sent = 0
        while sent < path_bytes:
            piece = await asyncio.to_thread(file.read, PIECE_BYTES)
            await response.write(piece)
            sent += len(piece)
    await response.write_eof()
    return response


async def send(request: web.Request) -> web.StreamResponse:
    """A back-up, put on the card as it comes. What becomes of it, `/box/backup` says."""
    desk = request.app[DESK]
    try:
        form = FileForm.of(request)
        fields = await form.fields()
        check_token(request, fields.get("token", "").encode())
        if notices.in_memory(request.app[STANDING]):
            await drain(request)
            return await _page(request, status=409, at="bring", fault=NO_CARD)
        if request.app[ACCESS].brought_back.is_set():  # what lies ready must not be touched any more
            raise BusyError
        passphrase = fields.get("passphrase", "")[:PASSPHRASE_CHARACTERS_MAX]
        await desk.receive(form, passphrase, request.content_length or 0)
        if desk.arriving.refused is not None:
            await drain(request)
    except BusyError:
        await drain(request)
        return await _page(request, status=409, at="bring", fault=BUSY)
    except CutShortError:
        pass  # nobody is there to be told; the page says it to who comes
    except MultipartError as error:
        raise web.HTTPBadRequest(text=f"{error}\n") from None
    raise see("/box/backup")


async def bring(request: web.Request) -> web.Response:
    """The house that lies ready takes the place of this one, which is kept beside it; the gateway opens anew."""
    fields = await read_form(request)
    access, house, arriving = request.app[ACCESS], request.app[HOUSE], request.app[DESK].arriving
    if arriving.ready is None or access.brought_back.is_set():
        return await _page(request, status=409, at="bring", fault=GONE)
    if fields.get("sure") != "yes":
        return await _page(request, status=422, at="bring", fault=NOT_SURE)
    log.warning("the house of a back-up is brought back, says %s", by_of(request).address)
    await arriving.put_away()
    await asyncio.to_thread(replacing.want, house.config, datetime.now(UTC).strftime("%Y%m%dT%H%M%SZ"))
    access.brought_back.set()
    return await _page(request)


async def drop(request: web.Request) -> web.Response:
    await read_form(request)
    with contextlib.suppress(BusyError):
        await request.app[DESK].put_away()
    raise see("/box/backup")


async def erase(request: web.Request) -> web.Response:
    """The houses that stood here before."""
    await read_form(request)
    try:
        await asyncio.to_thread(replacing.erase_aside, request.app[HOUSE].config)
    except OSError as error:
        log.warning("a house that was put aside cannot be erased: %s", error)
        return await _page(request, status=507, at="erase", fault=NOT_ERASED)
    raise see("/box/backup")
