"""`/analyze`: a message that somebody pasted, in sentences, in readings, and byte by byte.

The key is used for this one answer: it is kept nowhere, and the page never says it again.
M-Bus is imported where it is used: a house without a radio loads it only when somebody asks.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from aiohttp import web
from markupsafe import Markup

from drivers import meters
from drivers.model import Medium, State, Telegram
from drivers.phrase import Phrase
from webui import readings, shown, spoken
from webui.page import HOUSE, read_form, render, words_of
from webui.words import Words, mark

if TYPE_CHECKING:
    from gateway.analyze import Analysis

CHARACTERS_MAX = 8192  # of a form's field; drivers.pasted has the same bound

# Where a message comes from, by the type of the device and else by what flows through it.
SENDERS = {
    0x1A: mark("from a smoke detector"),
    0x1B: mark("from a room sensor"),
    0x31: mark("from a radio hub"),
    0x32: mark("from a repeater"),
    0x33: mark("from a repeater"),
    0x36: mark("from a radio module"),
    0x37: mark("from a radio module"),
}
SENDERS_OF = {
    Medium.ELECTRICITY: mark("from an electricity meter"),
    Medium.GAS: mark("from a gas meter"),
    Medium.WATER: mark("from a water meter"),
    Medium.HOT_WATER: mark("from a hot water meter"),
    Medium.HEAT: mark("from a heat meter"),
    Medium.COOLING: mark("from a cooling meter"),
    Medium.HEAT_COST: mark("from a heat cost allocator"),
    Medium.OTHER: mark("from a device of another kind"),
}
STATES = {
    State.KEY_MISSING: mark("It is <b>locked</b>: it takes its key to read it."),
    State.WRONG_KEY: mark("It is locked, and this key does <b>not</b> open it."),
    State.WAITING_FORMAT: mark("It is a short message, which says nothing without a full one."),
    State.WAITING_FRAGMENT: mark("It is a piece of a longer message."),
    State.REPEATED: mark("It was read before."),
    State.NO_DATA: mark("It says no value."),
    State.UNSUPPORTED: mark("This box does not know how its values are coded."),
    State.INVALID: mark("It cannot be read."),
}
IN_CLEAR = mark("It is in clear: whoever is near with a receiver can read it.")
OPENED = mark("It was locked, and this key opens it.")
OPENED_BY_ALL = mark("It is locked with a key that everybody knows, so anybody can read it.")
NO_MESSAGE = mark("This is not the message of a meter, or it did not come whole.")


@dataclass(frozen=True, slots=True)
class ByteRow:
    at: int
    bytes: str
    meaning: Markup
    section: Markup
    opened: bool


async def page(request: web.Request) -> web.Response:
    """An empty form, or with `?address=` the last locked message of a meter of ours that waits for its key."""
    from gateway import analyze

    house = request.app[HOUSE]
    last = house.last_waiting(request.query.get("address", ""))
    if last is None:
        return _page(request)
    return _page(request, typed=last.hex().upper(), found=analyze.analyze([last], None, house.formats))


async def look(request: web.Request) -> web.Response:
    from drivers import pasted
    from gateway import analyze

    fields = await read_form(request)
    typed = fields.get("telegram", "")
    fault_at = "telegram"
    try:
        telegrams = pasted.telegrams(typed)
        fault_at = "key"
        key = pasted.key(fields.get("key", ""))
    except pasted.PastedError as fault:
        return _page(request, typed=typed[:CHARACTERS_MAX], fault=fault.said, fault_at=fault_at)
    found = analyze.analyze(telegrams, key, request.app[HOUSE].formats)
    return _page(request, typed=typed, found=found, keyed=key is not None)


def _page(
    request: web.Request,
    *,
    typed: str = "",
    found: "Analysis | None" = None,
    keyed: bool = False,
    fault: Phrase | None = None,
    fault_at: str = "",
) -> web.Response:
    words = words_of(request)
    telegram = found.telegram if found else None
    return render(
        request,
        "analyze.html",
        status=422 if fault else 200,
        typed=typed,
        characters_max=CHARACTERS_MAX,
        found=found,
        link=spoken.phrase(words, found.link) if found else "",
        sentences=sentences(words, found, keyed=keyed) if found else (),
        readings=list(readings.rows(words, telegram)) if telegram else (),
        status_codes=telegram.status if telegram else (),
        rows=_rows(words, found) if found else (),
        fault=spoken.phrase(words, fault) if fault else None,
        fault_at=fault_at,
    )


def sentences(words: Words, found: "Analysis", *, keyed: bool) -> list[Markup]:
    """Who speaks, whether it can be read, and what that would take."""
    telegram = found.telegram
    said = [_sender(words, telegram) if telegram else words.say(NO_MESSAGE)]
    if telegram is None:
        return [*said, spoken.phrase(words, found.needed)]
    if found.state is State.DECODED:
        opened = OPENED if keyed else OPENED_BY_ALL
        return [*said, words.say(opened if telegram.encrypted else IN_CLEAR)]
    return [*said, words.say(STATES[found.state]), spoken.phrase(words, found.needed)]


def _sender(words: Words, telegram: Telegram) -> Markup:
    address = telegram.address
    sender = words.say(SENDERS.get(address.device_type or 0, SENDERS_OF[telegram.medium]))
    number = Markup('<b class="nb">{}</b>').format(shown.engraved(str(address)) or address.id)
    maker = meters.maker(address.manufacturer) or address.manufacturer
    if not maker:
        return words.say("This message comes %(sender)s, number %(number)s.", sender=sender, number=number)
    return words.say(
        "This message comes %(sender)s by %(maker)s, number %(number)s.", sender=sender, maker=maker, number=number
    )


def _rows(words: Words, found: "Analysis") -> Sequence[ByteRow]:
    return [
        ByteRow(
            row.at,
            row.data.hex(" ").upper(),
            spoken.phrase(words, row.meaning),
            spoken.phrase(words, row.section),
            row.opened,
        )
        for row in found.rows
    ]
