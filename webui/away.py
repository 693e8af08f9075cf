"""`/away`: who lives here says that nobody is at home, until when, and what is told meanwhile; nobody else sees it."""

import asyncio
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from aiohttp import web
from markupsafe import Markup

from drivers.model import Quantity
from gateway import absence
from gateway.absence import COLD_C, COLD_C_DEFAULT, DAYS_MAX, LEAST_USED_L, LEAST_USED_L_DEFAULT, Absence
from gateway.house import House
from gateway.views import PointState, PointView
from webui import days, shown
from webui.page import HOUSE, read_form, render, see, words_of
from webui.told import so_long
from webui.words import Words, mark

# So long after its day the first page says that it has ended.
ENDED_S = 7 * 86_400
# What a meter is heard more often than this is told while it may still run.
OFTEN_S = 3 * 3600
LEAST_USED_WORDS = {
    2: mark("2 litres: hands that are washed"),
    5: mark("5 litres: a toilet that is flushed (what the box proposes)"),
    10: mark("10 litres: a toilet that is flushed twice"),
    20: mark("20 litres: a short shower"),
    50: mark("50 litres: a machine, a long shower"),
    0: mark("nothing"),
}
COLD_WORDS = {
    3: mark("3 °C, as when somebody is at home"),
    4: mark("4 °C"),
    5: mark("5 °C (what the box proposes)"),
    6: mark("6 °C"),
}

NO_DAY = mark("Choose the day on which somebody comes back: tomorrow at the soonest, within a year.")
NO_TIME = mark("The box does not know the time now, so it cannot say when this ends. Tell it the time first.")


@dataclass(frozen=True, slots=True)
class Line:
    """What the first page says of it; `lasts`: nobody is at home, else it has ended by itself."""

    sentence: Markup
    lasts: bool


@dataclass(frozen=True, slots=True)
class Row:
    """A water meter, and how its water is watched."""

    name: str
    hue: str
    sentence: Markup


def line(request: web.Request) -> Line | None:
    """For the first page, which none but who lives here sees."""
    house, words = request.app[HOUSE], words_of(request)
    found = absence.said(house.catalog)
    if found is None:
        return None
    if not house.dating or found.lasts(house.now()):
        return Line(_lasting(words, found), True)
    if found.until is None or house.now() - found.until > ENDED_S:
        return None
    return Line(_ended(words, found.until), False)


async def page(request: web.Request) -> web.Response:
    return _page(request)


def _page(
    request: web.Request, *, status: int = 200, typed: str | None = None, fault: str | None = None
) -> web.Response:
    house, words = request.app[HOUSE], words_of(request)
    found = line(request)
    today = days.today(house.zone, house.now())
    said = absence.said(house.catalog) if found is not None and found.lasts else None
    if typed is None:
        typed = "" if said is None or said.until is None else words.local(said.until).date().isoformat()
    return render(
        request,
        "away.html",
        status=status,
        line=found,
        typed=typed,
        first_day=today + timedelta(days=1),
        last_day=today + timedelta(days=DAYS_MAX),
        leaving=so_long(words, absence.LEAVING_S / 3600),
        watched=[_watched(words, house, view) for view in water_meters(house)],
        least_used=LEAST_USED_WORDS,
        chosen_used=absence.least_used_l(house.catalog),
        cold=COLD_WORDS,
        chosen_cold=absence.cold_c(house.catalog),
        kept=request.query.get("done") == "kept",
        fault=words.say(fault) if fault else None,
    )


async def say(request: web.Request) -> web.Response:
    """Nobody is at home from now on: until the day that was typed, or until somebody says otherwise."""
    house, fields = request.app[HOUSE], await read_form(request)
    typed = fields.get("until", "")
    if not house.dating:
        return _page(request, status=409, typed=typed, fault=NO_TIME)
    until = None
    if fields.get("how") != "open":
        until = _until(house, typed)
        if until is None:
            return _page(request, status=422, typed=typed, fault=NO_DAY)
    before = absence.present(house.catalog, house.now())
    since = house.now() if before is None else before.since  # another day, and nobody has come meanwhile
    await _keep(house, Absence(since, until))
    raise see("/away")


async def back(request: web.Request) -> web.Response:
    """Somebody is at home; what has ended by itself is said no more."""
    await read_form(request)
    await _keep(request.app[HOUSE], None)
    raise see("/")


async def set_told(request: web.Request) -> web.Response:
    """What is told while nobody is at home."""
    fields, catalog = await read_form(request), request.app[HOUSE].catalog
    used = next((each for each in LEAST_USED_L if str(each) == fields.get("used")), None)
    cold = next((each for each in COLD_C if str(each) == fields.get("cold")), None)
    if used is None or cold is None:
        raise web.HTTPBadRequest

    def keep() -> None:
        with catalog.together():
            catalog.set_setting(absence.LEAST_USED, None if used == LEAST_USED_L_DEFAULT else used)
            catalog.set_setting(absence.COLD, None if cold == COLD_C_DEFAULT else cold)

    await asyncio.to_thread(keep)
    raise see("/away?done=kept#settings")


async def _keep(house: House, kept: Absence | None) -> None:
    value = None if kept is None else dict(kept.as_setting)
    await asyncio.to_thread(house.catalog.set_setting, absence.SETTING, value)


def _until(house: House, typed: str) -> int | None:
    """The midnight at which the day of return begins; None for a day that is none, or lies too near or too far."""
    try:
        day = date.fromisoformat(typed)
    except ValueError:
        return None
    ahead = (day - days.today(house.zone, house.now())).days
    return days.midnight(house.zone, day) if 1 <= ahead <= DAYS_MAX else None


def water_meters(house: House) -> list[PointView]:
    return [view for view in house.points() if view.point.medium in shown.WATER_MEDIA]


def _lasting(words: Words, found: Absence) -> Markup:
    if found.until is None:
        return words.say("Nobody is at home until you say otherwise.")
    return words.say("Nobody is at home until %(day)s.", day=_bold_day(words, found.until))


def _ended(words: Words, until: int) -> Markup:
    return words.say(
        "You had said that nobody would be at home until %(day)s. That day has come, and the box watches as usual again.",
        day=_bold_day(words, until),
    )


def _bold_day(words: Words, at: int) -> Markup:
    local: datetime = words.local(at)
    return Markup("<b>{}</b>").format(words.day(local.date(), year=True))


def _watched(words: Words, house: House, view: PointView) -> Row:
    hue = shown.HUES[view.point.medium]
    key = next(iter(view.index_series[-1:]), None)
    pace_s = None if key is None else house.store.pace_s(key) or view.interval_s
    if view.quantity is not None and view.quantity is not Quantity.VOLUME:
        sentence = words.say("It does not count in litres: its water is not watched.")
    elif view.state is not PointState.SPEAKING or key is None:
        sentence = words.say("It is not heard now: its water is watched once it is.")
    elif pace_s is None:
        sentence = words.say("It has just been heard for the first time: its water is watched from now on.")
    elif pace_s <= OFTEN_S:
        sentence = words.say(
            "Its water is watched: it says something each %(interval)s.", interval=_each(words, pace_s)
        )
    else:
        sentence = words.say(
            "Its water is watched, but it says something only each %(interval)s or so: you are told as late.",
            interval=_each(words, pace_s),
        )
    return Row(view.point.name, hue, sentence)


def _each(words: Words, interval_s: float) -> str:
    return so_long(words, interval_s / 3600) if interval_s >= 60 else words.duration(max(1, round(interval_s)))
