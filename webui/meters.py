"""`/meters`: the home's own meters, what was heard and is not ours yet, adopting one, its key and its name."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from urllib.parse import urlencode

from aiohttp import web
from markupsafe import Markup

from drivers.model import State
from gateway.house import House
from gateway.views import HeardMeter, PointState, PointView
from webui import linky, shown, status
from webui.page import HOUSE, back, joined, occupies, read_form, render, see, words_of
from webui.shown import Drum
from webui.tries import NAME_CHARACTERS_MAX, Adopted, Fault, NotTaken, clean_name, take, try_key
from webui.words import Words, mark

FAULTS = {
    Fault.NAME_MISSING: mark("A name is needed: what you call this meter at home."),
    Fault.KEY_DIGITS: mark("A key has 32 characters: digits 0 to 9 and letters A to F. Spaces do not count."),
    Fault.NOT_HEARD: mark("This meter has not been heard for seven days."),
    Fault.NOT_KEPT: mark("The box cannot keep this key, and changed nothing. For whoever repairs: %(text)s"),
}

# Who looks for a meter finds it among those heard most; a made-up crowd of them must not weigh on the page.
HEARD_SHOWN_MAX = 100
EVENT_DIGITS_MAX = 18  # of a row in SQLite


@dataclass(frozen=True, slots=True)
class MeterRow:
    view: PointView
    hue: str
    drum: Drum | None
    level: str
    said: Sequence[Markup]
    register: Sequence[Markup]


# The protocols whose meters have keys.
KEYED = ("wmbus", "mbus")


async def page(request: web.Request) -> web.Response:
    return whole(request)


def whole(request: web.Request, *, fault: Markup | None = None, at: str | None = None) -> web.Response:
    """The page; after a form was filled in wrongly, with what is wrong at its point, its address, or the file."""
    house, words = request.app[HOUSE], words_of(request)
    views = [view if occupies(request) else present(view) for view in house.points()]
    heard = sorted(house.heard(), key=lambda meter: -meter.count)
    return render(
        request,
        "meters.html",
        status=422 if fault else 200,
        sentences=sentences(words, views, house.now()),
        rows=[_row(words, view, house.now()) for view in views],
        heard=heard[:HEARD_SHOWN_MAX],
        heard_more=max(0, len(heard) - HEARD_SHOWN_MAX),
        from_zero={view.point.id for view in views if house.dials.from_zero(view.point.id)},
        fault=fault,
        fault_at=at,
        takes_keys=any(port.protocol in KEYED for port in house.ports()),
        keys_trouble=house.keys_trouble,
    )


def present(view: PointView) -> PointView:
    """What an installer may see of a metering point: that it is read, and the index on its dial; nothing that is past."""
    return replace(view, level=None, mean=None, injected=None, texts={}, meaning=None, held=(), turned=())


def _row(words: Words, view: PointView, now: int) -> MeterRow:
    index = shown.drum(words, view.index.quantity, view.index.value) if view.index else None
    level = str(shown.amount(words, view.level.quantity, view.point.medium, view.level.value)) if view.level else ""
    said = [*linky.now_said(words, view, now), *linky.about(words, view, now)]
    register = status.register_said(words, view.meaning.register) if view.meaning else []
    return MeterRow(view, shown.HUES[view.point.medium], index, level, said, register)


def sentences(words: Words, views: Sequence[PointView], now: int) -> list[Markup]:
    """How many speak; then, by name, which do not and what they wait for."""
    if not views:
        return [words.say("No meter is yours yet.")]
    speaking = [view for view in views if view.state is PointState.SPEAKING]
    said = [
        words.say("All your meters speak.")
        if len(speaking) == sum(view.state is not PointState.LET_GO for view in views) > 1
        else words.say_n("One meter speaks.", "%(n)s meters speak.", len(speaking))
        if speaking
        else words.say("No meter speaks at the moment.")
    ]
    silent = [view for view in views if view.state is PointState.SILENT]
    if silent:
        names = [
            words.say(
                "%(name)s since %(time)s",
                name=view.point.name,
                time=Markup("<b>{}</b>").format(words.since(view.heard_at, now)),
            )
            if view.heard_at is not None
            else Markup("{}").format(view.point.name)
            for view in silent
        ]
        said.append(words.say("Silent: %(names)s.", names=joined(words, names)))
    for states, sentence in (
        ((PointState.KEY_MISSING, PointState.WRONG_KEY), mark("Waiting for the right key: %(names)s.")),
        ((PointState.NEVER_HEARD,), mark("Not heard yet: %(names)s.")),
        ((PointState.UNREADABLE,), mark("Heard and not understood: %(names)s.")),
        ((PointState.LET_GO,), mark("No longer read: %(names)s. What they said stays.")),
    ):
        found = [Markup("<b>{}</b>").format(view.point.name) for view in views if view.state in states]
        if found:
            said.append(words.say(sentence, names=joined(words, found)))
    return said


async def add_page(request: web.Request) -> web.Response:
    house = request.app[HOUSE]
    meter = _heard(house, request.query.get("address", ""))
    return _add_page(request, meter)


def _add_page(
    request: web.Request, meter: HeardMeter, *, name: str = "", fault: Fault | None = None, detail: str = ""
) -> web.Response:
    words = words_of(request)
    return render(
        request,
        "add.html",
        status=422 if fault else 200,
        meter=meter,
        hue=shown.HUES[meter.medium],
        medium=words.say(shown.MEDIUM_NAMES[meter.medium]),
        has_key=request.app[HOUSE].key(meter.address) is not None,
        typed=name or meter.name[:NAME_CHARACTERS_MAX] or words.say(shown.MEDIUM_NAMES[meter.medium]),
        previewed=shown.previewed(words, meter),
        fault=words.say(FAULTS[fault], text=detail) if fault else None,
        fault_at="name" if fault is Fault.NAME_MISSING else "key",
    )


async def add(request: web.Request) -> web.Response:
    house = request.app[HOUSE]
    fields = await read_form(request)
    meter = _heard(house, fields.get("address", ""))
    name = fields.get("name", "")
    match await take(house, meter.address, name, fields.get("key", "")):
        case Adopted(adoption):
            raise see(_added(adoption.point, adoption.state))
        case NotTaken(fault, detail):
            return _add_page(request, meter, name=name, fault=fault, detail=detail)


async def added(request: web.Request) -> web.Response:
    """What became of a meter that was just taken, or of a key that was just tried."""
    house, words = request.app[HOUSE], words_of(request)
    view = house.point(request.query.get("point", ""))
    if view is None:
        raise web.HTTPNotFound
    if not occupies(request):
        view = present(view)
    state = request.query.get("state", "")
    row = _row(words, view, house.now())
    return render(
        request,
        "added.html",
        row=row,
        view=view,
        state=state if state in {known.value for known in State} else "",
    )


async def key(request: web.Request) -> web.Response:
    fields = await read_form(request)
    address = fields.get("address", "")
    match await try_key(request.app[HOUSE], address, fields.get("key", "")):
        case Adopted(adoption):
            raise see(_added(adoption.point, adoption.state))
        case NotTaken(fault, detail):
            return whole(request, fault=words_of(request).say(FAULTS[fault], text=detail), at=address)


async def rename(request: web.Request) -> web.Response:
    house = request.app[HOUSE]
    fields = await read_form(request)
    point = fields.get("point", "")
    if house.point(point) is None:
        raise web.HTTPNotFound
    name = clean_name(fields.get("name", ""))
    if name is None:
        return whole(request, fault=words_of(request).say(FAULTS[Fault.NAME_MISSING]), at=point)
    house.rename(point, name)
    raise see(f"/meters#{point}")


async def apart(request: web.Request) -> web.Response:
    """It was no exchange: the newer meter gets a place of its own."""
    house = request.app[HOUSE]
    fields = await read_form(request)
    point = fields.get("point", "")
    if house.point(point) is None:
        raise web.HTTPNotFound
    house.take_apart(point)
    raise back(fields, f"/meters#{point}")


async def uncount(request: web.Request) -> web.Response:
    """An index did not begin anew, whatever it looked like."""
    house = request.app[HOUSE]
    fields = await read_form(request)
    point, event = fields.get("point", ""), fields.get("event", "")
    if house.point(point) is None or not event.isdecimal() or len(event) > EVENT_DIGITS_MAX:
        raise web.HTTPNotFound
    await house.uncount(point, int(event))
    raise back(fields, f"/meters#{point}")


def _heard(house: House, address: str) -> HeardMeter:
    for meter in house.heard():
        if meter.address == address:
            return meter
    raise web.HTTPNotFound


def _added(point: str, state: State | None) -> str:
    return "/meters/added?" + urlencode({"point": point, "state": state or ""})
