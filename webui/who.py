"""`/data`: who has what. The accesses of applications: given, read, taken back; and the ledger of all that."""

import json
import logging
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import date, timedelta
from importlib.resources import files
from pathlib import Path

from aiohttp import web
from markupsafe import Markup
from yarl import URL

from gateway.export_espi import has_unit
from gateway.grants import Held
from gateway.house import House
from gateway.keys import KeysError
from gateway.ledger import LedgerError
from gateway.way import Form, Kind
from webui import consent, days, lying, reached, targets
from webui.consent import ENDS, FINE
from webui.page import ACCESS, HOUSE, by_of, read_form, render, see, words_of
from webui.receipt import receipt
from webui.rectify import rectified
from webui.shown import HUES
from webui.targets import PASSWORD_CHARACTERS_MAX, State
from webui.words import mark, plain

log = logging.getLogger(__name__)

# What was just done, by the word that the form's answer leads here with.
DONE = {
    "erased": mark("It is erased."),
    "withdrawn": mark("It is taken back. From now on it reads nothing."),
    "ended": mark("It is ended. From now on nothing is sent there; what was sent stays there."),
    "erasing": mark("It is taken back. What was sent is being erased there; this page says when it is done."),
    "sending": mark("It is given. What you gave begins to be sent in a few seconds."),
    "paused": mark("It is paused. Nothing is given until you let it go on."),
    "resumed": mark("It goes on."),
    "asked": mark("The box tries now. Open this page again in a moment."),
    "again": mark("All that was given is sent again, from the beginning; what lies there already is not doubled."),
    "connected": mark("You said yes there. What you gave begins to be sent in a few seconds."),
    "nobody": mark("Nobody here waits for that answer: it came too late, or was none. Open the address once more."),
    "unwritten": mark(
        "From now on nothing is given. But the card refuses to note it: if the box is switched off before it does, take the access back once more."
    ),
    "given": mark(
        "It was given already. Its key is shown once only: if you did not see it, take the access back and give another one."
    ),
    "unkept": mark(
        "The password was not kept: the box’s memory card refuses it. The one before stands. Try again in a moment."
    ),
    "unsealed": mark(
        "The password was not kept: something is wrong with the keys that the box keeps. The one before stands."
    ),
    "unforgotten": mark(
        "Nothing more is done there. But the card refuses to forget what opened it: the box tries again until it does."
    ),
    "long": mark("That is too long for a password. The one before stands."),
}
ENTRIES_PAGE = 50
ENDED_SHOWN_MAX = 20
ENTRY_DIGITS_MAX = 18  # of a row in SQLite
SCRIPT = Path(str(files("sync"))) / "folder" / "releve_csv.py"
# Of what a browser brings back from a target.
FIELDS_MAX = 12
FIELD_CHARACTERS_MAX = 2000


@dataclass(frozen=True, slots=True)
class Kept:
    """What the box keeps of one metering point."""

    id: str
    name: str
    hue: str
    series: int
    since: int | None


@dataclass(frozen=True, slots=True)
class Row:
    """One access that stands, as its row says it."""

    held: Held
    what: Markup
    delay: Markup
    size: Markup
    state: State | None = None  # of one that is sent
    there: int = 0
    whole_to: date | None = None  # all that is granted is there up to this day, which is included; more is on its way
    lies: Markup | None = None
    fewer: Markup | None = None

    @property
    def is_sent(self) -> bool:
        return self.held.grant.way is not None


async def page(request: web.Request) -> web.Response:
    house = request.app[HOUSE]
    kept = [
        Kept(
            view.point.id,
            view.point.name,
            HUES[view.point.medium],
            len(house.series(view.point.id)),
            house.history_start(view.point.id),
        )
        for view in house.points()
    ]
    grants = request.app[ACCESS].grants.all()
    today = days.today(house.zone, house.now())
    rows = [await row_of(request, held) for held in grants if _stands(house, held)]
    telling = [row for row in rows if row.held.grant.telling is not None]
    sent = [row for row in rows if row.is_sent and row not in telling]
    sending = [row for row in sent if not row.held.paused]
    leaving = [
        await row_of(request, held) for held in grants if held.end is not None and held.grant.way and not held.left
    ]
    ended = [held for held in grants if not _stands(house, held)]
    out = [row for row in telling if not row.held.paused and not _told_at_home(row.held)]
    return render(
        request,
        "data.html",
        sent=sent,
        sending=len(sending),
        rows=[row for row in rows if not row.is_sent],
        leaving=leaving,
        telling=telling,
        tells_out=bool(out),
        tells_words=any(row.held.grant.way.form is Form.WORDS for row in out if row.held.grant.way),
        reached=reached,
        targets=targets,
        out=any(not _at_home(row.held) for row in (*sending, *leaving)),
        ended=ended[:ENDED_SHOWN_MAX],
        consent=consent,
        fine=FINE,
        ends=ENDS,
        held=kept,
        since=min((one.since for one in kept if one.since is not None), default=None),
        kept=sum(one.series > 0 for one in kept),
        read=any(held.total.last_at is not None for held in grants),
        imports=len(await house.holders.listed()),
        done=DONE.get(request.query.get("done", ""), ""),
        rectified=rectified(words_of(request), house),
        anew_at=request.app[ACCESS].grants.anew_at,
        first_day=days.year_before(today),
        last_day=today,
        unreadable=house.store.counts.damaged,
        no_unit=sum(not has_unit(info.quantity) for info in house.store.series()),
    )


async def row_of(request: web.Request, held: Held) -> Row:
    """One access, and how its target does."""
    words, outbox, grant = words_of(request), request.app[ACCESS].outbox, held.grant
    row = Row(
        held,
        reached.about(words, grant.telling) if grant.telling else consent.what(words, grant.series),
        consent.delay(words, grant.delay_s),
        consent.size(words, held.total.bytes),
    )
    if grant.way is None:
        return row
    there, _ = await outbox.there(grant.id)
    live = outbox.live(grant.id)
    said = targets.state(words, grant.way, live, paused=held.paused and held.end is None, sent=held.total.reads > 0)
    row = replace(row, state=said, there=there)
    if (whole_to := outbox.all_there_to(grant.id)) is not None and held.total.reads > 0:
        row = replace(row, whole_to=words.local(whole_to).date() - timedelta(days=1))
    if live.lies is not None:
        row = replace(row, lies=lying.sentence(words, live.lies), fewer=lying.fewer(words, live.lies))
    elif grant.way.form is Form.LIVE:
        row = replace(row, lies=words.say(lying.CANNOT))
    return row


def _at_home(held: Held) -> bool:
    return held.grant.way is not None and held.grant.way.at_home


def _told_at_home(held: Held) -> bool:
    """Whether its messages stay at home: a letter goes on to whom it is for, though its first server stands there."""
    return _at_home(held) and held.grant.way is not None and held.grant.way.kind is not Kind.MAIL


def _stands(house: House, held: Held) -> bool:
    """Not ended yet, as far as anybody knows: a clock that may be wrong ends nothing."""
    return held.end is None and (not house.dating or house.now() < held.grant.until)


async def withdraw(request: web.Request) -> web.Response:
    fields = await read_form(request)
    erase = fields.get("what") == "erase"
    held = request.app[ACCESS].grants.get(fields.get("grant", ""))
    try:
        if not await request.app[ACCESS].grants.withdraw(fields.get("grant", ""), by_of(request), erase=erase):
            raise _back(fields)  # it has ended already, which is what was wanted
    except LedgerError as error:
        log.warning("an access was taken back, and the card does not take it: %s", error)
        raise _back(fields, "unwritten") from None
    sent = held is not None and held.grant.way is not None
    raise _back(fields, "erasing" if erase else "ended" if sent else "withdrawn")


async def pause(request: web.Request) -> web.Response:
    """Nothing is given under an access for a while, or it is again."""
    fields = await read_form(request)
    paused = fields.get("what") == "pause"
    await request.app[ACCESS].grants.pause(fields.get("grant", ""), by_of(request), paused=paused)
    raise _back(fields, "paused" if paused else "resumed")


async def now(request: web.Request) -> web.Response:
    """A person says: try now; with another password, if one is typed."""
    fields, outbox = await read_form(request), request.app[ACCESS].outbox
    held = request.app[ACCESS].grants.get(fields.get("grant", ""))
    if held is None or held.grant.way is None or held.left:
        raise _back(fields)
    password = fields.get("password", "")
    if len(password) > PASSWORD_CHARACTERS_MAX:
        raise _back(fields, "long")
    if password and held.grant.way.kind in targets.PASSWORD:
        try:
            outbox.keep(held.grant.id, targets.secrets(held.grant.way, password))
        except (KeysError, LedgerError, OSError) as error:
            log.warning("the password of a target is not kept: %s", error)
            raise _back(fields, "unsealed" if isinstance(error, KeysError) else "unkept") from None
    teller = request.app[ACCESS].teller
    if held.grant.telling is not None and not teller.is_due(held.grant.id):
        teller.try_out(held.grant.id)  # else nobody would be asked anything
    outbox.poke(held.grant.id)
    raise _back(fields, "asked")


async def again(request: web.Request) -> web.Response:
    """A person says: what lies there was lost or erased; send all of it once more."""
    access = request.app[ACCESS]
    held = access.grants.get((await read_form(request)).get("grant", ""))
    if held is None or held.end is not None or held.grant.way is None or held.grant.way.form is Form.LIVE:
        raise see("/data")
    await access.outbox.again(held.grant.id)
    raise see("/data?done=again")


async def leave(request: web.Request) -> web.Response:
    """What lies at a target that does not let itself be asked any more stays there: a person says so."""
    fields = await read_form(request)
    held = request.app[ACCESS].grants.get(fields.get("grant", ""))
    if held is not None and held.end is not None and held.grant.way is not None and not held.left:
        try:
            await request.app[ACCESS].outbox.left(held.grant.id)
        except (KeysError, OSError) as error:
            if not any(one.grant.id == held.grant.id and one.left for one in request.app[ACCESS].grants.all()):
                raise
            log.warning("what opened a target that was left is not forgotten yet: %s", error)
            raise _back(fields, "unforgotten") from None
    raise _back(fields)


def _back(fields: Mapping[str, str], done: str = "") -> web.HTTPSeeOther:
    """After a form was taken that stands on the page of moving out, too: where it was sent from."""
    path = {"leave": "/leave", "reach": "/alerts/reach"}.get(fields.get("from", ""), "/data")
    return see(f"{path}?done={done}" if done else path)


async def connect(request: web.Request) -> web.Response:
    """The owner's browser comes back from a target, where they said yes; or brings the address that it ended at."""
    id_ = request.match_info["grant"]
    if request.method == "POST":
        try:
            query = dict(URL((await read_form(request)).get("address", "")).query)
        except ValueError:
            raise see("/data?done=nobody") from None
    else:
        query = dict(request.query)
    fields = {name: query[name][:FIELD_CHARACTERS_MAX] for name in sorted(query)[:FIELDS_MAX]}
    raise see("/data?done=connected" if request.app[ACCESS].outbox.bring(id_, fields) else "/data?done=nobody")


# -- looking ----------------------------------------------------------------------------------------------------------


async def grant_page(request: web.Request) -> web.Response:
    """The receipt of one grant."""
    held, words = _held(request), words_of(request)
    return render(
        request,
        "grant.html",
        held=held,
        reached=reached,
        stands=_stands(request.app[HOUSE], held),
        sentence=consent.sentence(words, held.grant),
        what=reached.about(words, held.grant.telling) if held.grant.telling else consent.what(words, held.grant.series),
        targets=targets,
        consent=consent,
        fine=FINE,
        ends=ENDS,
    )


async def script(request: web.Request) -> web.Response:
    """What makes a table of the files in a folder: from here, as whoever runs the folder could change what lies there."""
    return web.Response(
        body=SCRIPT.read_bytes(),
        content_type="text/x-python",
        charset="utf-8",
        headers={"Content-Disposition": f'attachment; filename="{SCRIPT.name}"'},
    )


async def grant_file(request: web.Request) -> web.Response:
    """The receipt of one grant, for programs."""
    held, words, house = _held(request), words_of(request), request.app[HOUSE]
    sentence = plain(consent.sentence(words, held.grant))
    said = receipt(held, sentence=sentence, language=words.language, now=house.now(), path="/data")
    return web.Response(
        body=json.dumps(said, ensure_ascii=False, indent=1).encode(),
        content_type="application/ld+json",
        headers={"Content-Disposition": f'attachment; filename="releve-{held.grant.id}.jsonld"'},
    )


def _held(request: web.Request) -> Held:
    held = request.app[ACCESS].grants.get(request.match_info["grant"])
    if held is None:
        raise web.HTTPNotFound
    return held


async def ledger(request: web.Request) -> web.Response:
    """All entries in words, the newest first, a page at a time."""
    access, words = request.app[ACCESS], words_of(request)
    asked = request.query.get("before")
    if asked is not None and not (asked.isdecimal() and len(asked) <= ENTRY_DIGITS_MAX):
        raise web.HTTPNotFound
    entries = await access.entries(ENTRIES_PAGE + 1, int(asked) if asked else None)
    grants = {held.grant.id: held for held in access.grants.all()}
    lines = [consent.line(words, entry, grants) for entry in entries[:ENTRIES_PAGE]]
    return render(
        request,
        "ledger.html",
        lines=lines,
        consent=consent,
        earlier=lines[-1].i if len(entries) > ENTRIES_PAGE else None,
        later=asked is not None,
        head=entries[0].hash if entries and asked is None else None,
    )
