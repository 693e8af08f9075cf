"""`/alerts`: what services found: told on the first page while it lasts, and remembered here."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, time, timedelta
from decimal import Decimal

from aiohttp import web

from gateway import absence, habits
from gateway.alerts import Alerts
from gateway.house import House
from gateway.model import SeriesKey
from gateway.services import alarm, frost
from gateway.services.absence import USED
from gateway.services.model import Service, Story
from gateway.watch import LEAST_LEAK, NEVER, least_leak
from webui import days, spoken
from webui.api import Problem, answer, number
from webui.page import ACCESS, ALLOWED, HOUSE, read_form, render, see, words_of
from webui.price import priced
from webui.same_water import with_others
from webui.shown import HUES
from webui.stories import SAY
from webui.told import Told, for_elsewhere, when
from webui.troubles import name_of
from webui.words import Words, mark, plain

PAGE = 50
ID_DIGITS_MAX = 18  # of a row in SQLite
# "Remind me tomorrow": when somebody is up.
REMIND_AT = time(8)
# A service looks each few minutes: what it has not looked at for so long may be over.
STALE_S = 2 * 3600
# So may be what its meter has said nothing of for so long, or for so many of its intervals.
SILENT_S = {Service.LEAK: 2 * 3600, Service.FROST: frost.STALE_S, Service.HABIT: 2 * 86_400}
SILENT_INTERVALS = 2
# From so many litres an hour on a leak is told: what a person may choose, and what so much is.
LEAST = {
    2: mark("2 litres an hour: a tap that drips (what the box proposes)"),
    5: mark("5 litres an hour: a tap that runs a little"),
    10: mark("10 litres an hour: a toilet that leaks a little"),
    25: mark("25 litres an hour: a toilet that runs"),
    100: mark("100 litres an hour: a pipe"),
    NEVER: mark("never"),
}
# From so many per cent more than usual on over-use is told.
MORE = {
    15: mark("15 %% more: small changes too"),
    25: mark("a quarter more (what the box proposes)"),
    50: mark("half as much again"),
    100: mark("twice as much"),
    habits.NEVER: mark("never"),
}
# Where a service leads through a search for the cause, a page a story.
STEPS = {Service.LEAK: "/leak/{story}"}


@dataclass(frozen=True, slots=True)
class Shown:
    """A story as a page shows it."""

    story: Story
    told: Told
    name: str
    hue: str
    is_stale: bool
    steps: str | None  # the page that leads to the cause
    is_use: bool = False  # water that runs while nobody is at home: perhaps somebody is


def open_ones(request: web.Request) -> tuple[list[Shown], int]:
    """What goes on and was not put off, for the first page, and how many were; nothing while nobody knows the time."""
    house, alerts = request.app[HOUSE], request.app[ACCESS].alerts
    now = house.now()
    if not house.dating:
        return [], 0
    is_away = absence.present(house.catalog, now) is not None
    # Somebody has just said that they are back: until the next look it is still found.
    stories = [story for story in alerts.open() if is_away or not _is_use(story)]
    put_off = sum(story.is_put_off(now) for story in stories)
    return [_shown(request, story) for story in stories if not story.is_put_off(now)], put_off


def _shown(request: web.Request, story: Story) -> Shown:
    house, finding = request.app[HOUSE], story.finding
    name, told, is_stale = told_of(house, request.app[ACCESS].alerts, words_of(request), story)
    view = house.point(finding.point)
    is_use = _is_use(story)
    path = "" if is_use or finding.kind in alarm.NO_STEPS else STEPS.get(finding.service, "")
    return Shown(
        story,
        told,
        name,
        "o" if view is None else HUES[view.point.medium],
        is_stale,
        path.format(story=story.id) if path in request.app[ALLOWED] and story.is_open else None,
        story.is_open and is_use,
    )


def told_of(
    house: House, alerts: Alerts, words: Words, story: Story, *, elsewhere: bool = False
) -> tuple[str, Told, bool]:
    """What a story is about by its name, its words, and whether the box has not been able to look for a while.

    `elsewhere`: who reads it is not to learn that nobody is at home.
    """
    finding, now = story.finding, house.now()
    view = house.point(finding.point)
    name = (name_of(words, finding.point) or finding.point) if view is None else view.point.name
    looked_at = max(story.found_at, alerts.told_at(finding.service) or 0)
    silent_s = max(SILENT_S.get(finding.service, float("inf")), SILENT_INTERVALS * finding.grounds.get("interval_s", 0))
    is_stale = now - looked_at > STALE_S or now - alerts.known_to(story) > silent_s
    shown = for_elsewhere(story) if elsewhere else story
    told = SAY[finding.service](words, priced(shown, house), name, now)
    told = with_others(words, told, story, alerts.open(), lambda point: _name(house, point))
    return name, told, story.is_open and (is_stale or not house.dating)


def _name(house: House, point: str) -> str | None:
    view = house.point(point)
    return None if view is None else view.point.name


def _is_use(story: Story) -> bool:
    return story.finding.service is Service.LEAK and story.finding.kind == USED


async def page(request: web.Request) -> web.Response:
    """All stories, the newest first, a page at a time."""
    asked = request.query.get("before")
    if asked is not None and not _is_id(asked):
        raise web.HTTPNotFound
    found = await request.app[ACCESS].alerts.history(PAGE + 1, int(asked) if asked else None)
    return render(
        request,
        "alerts.html",
        stories=[_shown(request, story) for story in found[:PAGE]],
        when=when,
        least=LEAST,
        chosen=least_leak(request.app[HOUSE].catalog),
        kept=request.query.get("done") == "kept",
        kept_habit=request.query.get("done") == "habit",
        more=MORE,
        chosen_more=habits.least_more(request.app[HOUSE].catalog),
        outside=_thermometers(request),
        chosen_outside=habits.outside_thermometer(request.app[HOUSE].catalog),
        earlier=found[PAGE - 1].id if len(found) > PAGE else None,
        later=asked is not None,
    )


async def seen(request: web.Request) -> web.Response:
    house = request.app[HOUSE]
    await request.app[ACCESS].alerts.seen(_id(await read_form(request)), house.now())
    raise see("/")


async def snooze(request: web.Request) -> web.Response:
    house = request.app[HOUSE]
    await request.app[ACCESS].alerts.snooze(_id(await read_form(request)), _tomorrow(house), house.now())
    raise see("/")


async def set_least(request: web.Request) -> web.Response:
    """From how much on a leak is told."""
    typed = (await read_form(request)).get("least", "")
    least = next((each for each in LEAST if str(each) == typed), None)
    if least is None:
        raise web.HTTPBadRequest
    await asyncio.to_thread(request.app[HOUSE].catalog.set_setting, LEAST_LEAK, least)
    raise see("/alerts?done=kept#settings")


async def set_habit(request: web.Request) -> web.Response:
    """From how much on over-use is told, and which thermometer is outside."""
    fields = await read_form(request)
    more = next((each for each in MORE if str(each) == fields.get("more", "")), None)
    outside = fields.get("outside", "")
    if more is None or (outside and outside not in {str(key) for key in _thermometers(request)}):
        raise web.HTTPBadRequest
    catalog = request.app[HOUSE].catalog
    await asyncio.to_thread(catalog.set_setting, habits.LEAST_MORE, more)
    await asyncio.to_thread(catalog.set_setting, habits.OUTSIDE, outside or None)
    raise see("/alerts?done=habit#habit")


def _thermometers(request: web.Request) -> dict[SeriesKey, str]:
    """Each temperature of the house by the name of its metering point, and its own."""
    words = words_of(request)
    return {
        key: f"{view.point.name}, {spoken.register_name(words, key.register)}"
        for view, key in habits.thermometers(request.app[HOUSE])
    }


def _tomorrow(house: House) -> int:
    day = days.today(house.zone, house.now()) + timedelta(days=1)
    return int(datetime.combine(day, REMIND_AT, house.zone).timestamp())


def _id(fields: dict[str, str]) -> int:
    asked = fields.get("story", "")
    if not _is_id(asked):
        raise web.HTTPNotFound
    return int(asked)


def _is_id(text: str) -> bool:
    return text.isascii() and text.isdecimal() and len(text) <= ID_DIGITS_MAX


async def listed(request: web.Request) -> web.Response:
    """For programs: as the page."""
    asked = request.query.get("before")
    if asked is not None and not _is_id(asked):
        raise Problem(400, "before: the id of a story is needed")
    found = await request.app[ACCESS].alerts.history(PAGE, int(asked) if asked else None)
    return answer(request, {"alerts": _rows(request, found)})


def _rows(request: web.Request, stories: Sequence[Story]) -> list[dict[str, object]]:
    return [
        {
            "id": story.id,
            "service": story.finding.service,
            "point": story.finding.point,
            "kind": story.finding.kind,
            "since": story.finding.since,
            "raised_at": story.raised_at,
            "seen_at": story.seen_at,
            "snoozed_until": story.snoozed_until,
            "solved_at": story.solved_at,
            "found_at": story.found_at,
            "grounds": {name: number(Decimal(repr(value))) for name, value in story.finding.grounds.items()},
            "in_words": plain(_shown(request, story).told.sentence),
        }
        for story in stories
    ]
