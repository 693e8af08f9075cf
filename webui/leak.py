"""`/leak/{story}`: where a leak is, step by step: watch, close the stopcock and watch, close one valve after the other."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum

from aiohttp import web
from markupsafe import Markup

from gateway.house import House
from gateway.model import SeriesKey
from gateway.services.alarm import NO_STEPS
from gateway.services.model import Finding, Service, Story
from gateway.services.step_test import WAIT_S_MAX, Saw, Seen, Sight, look, sight
from gateway.views import PointState, PointView
from webui import shown
from webui.page import ACCESS, HOUSE, read_form, render, see, words_of
from webui.price import DEFAULT, PRICE, money, parse_price, price, priced
from webui.stories import BURST, DAYS, DRIP, SAY, TOILET
from webui.told import about
from webui.words import Amount, Words, mark

TEST = "leak test"  # the setting: which story, how far, since when
# A test that nobody went on with is over.
TEST_S_MAX = 86_400
PAST_S = 2 * 86_400
PAST_READINGS_MAX = 3000
# After the last moment at which it is known, the meter is watched so long: somebody comes back to look.
WATCH_S = 1800
# Longer than this nobody stands there: it is begun in the evening.
LONG_S = 3600
RELOAD_S_MIN, RELOAD_S_MAX = 10, 60
STORY_DIGITS_MAX = 18  # of a row in SQLite
LITRE_DECIMALS_MAX = 2
# Litres an hour, where a finding says litres a day alone.
L_PER_H_MIN = 2.0
DAY_H = 24
CENTS = Decimal("0.1")

# A kind that the law leaves to who lives there comes first: docs/leaks.md.
FITTINGS = (TOILET, DRIP)
NO_PRICE = mark("Type a price in euros, such as 4.35.")


class Phase(StrEnum):
    """What is closed: nothing, the stopcock, nothing again, or the valves of toilets one after the other."""

    OPEN = "open"
    CLOSED = "closed"
    AGAIN = "again"
    VALVE = "valve"


@dataclass(frozen=True, slots=True)
class Test:
    """A test that goes on; `at` is when its phase was begun, UTC seconds, and `valves` how many were closed."""

    phase: Phase
    at: int
    valves: int = 0


@dataclass(frozen=True, slots=True)
class Watched:
    """The one index that a test watches, and what it lets one see."""

    key: SeriesKey
    exponent: int
    readings: Sequence[tuple[int, int]]
    sight: Sight | None

    def litres(self, steps: int) -> Decimal:
        return Decimal(steps).scaleb(self.exponent)


async def page(request: web.Request) -> web.Response:
    return await _page(request, await story_of(request))


async def _page(
    request: web.Request, story: Story, *, status: int = 200, typed: str | None = None, fault: str | None = None
) -> web.Response:
    house, words = request.app[HOUSE], words_of(request)
    finding, now = story.finding, house.now()
    view, test = house.point(finding.point), going_on(house, story.id)
    watched = None if view is None or not house.dating else await watch(house, view)
    seen = _look(test, watched, finding)
    if test is not None and watched is not None and seen is not None:
        house.collect.watch(watched.key, seen.known_by + WATCH_S)
    sees = watched.sight if watched else None
    cost = price(house)
    return render(
        request,
        "leak.html",
        status=status,
        story=story,
        view=view,
        hue=shown.HUES[view.point.medium] if view else "o",
        size=SAY[Service.LEAK](words, priced(story, house), view.point.name if view else finding.point, now).sentence,
        dear=_dear(words, house, story),
        test=test,
        seen=seen,
        saw=seen.saw if seen else None,
        ran=_ran(words, watched, seen) if watched and seen else None,
        series=str(watched.key) if watched else None,
        step=_litres(words, Decimal(repr(sees.step_l)), _decimals(sees.step_l)) if sees else None,
        interval=_about(words, sees.interval_s) if sees and sees.interval_s >= 1.5 else None,
        wait=_about(words, sees.wait_s(l_per_h(finding))) if sees else None,
        can=sees.sees(l_per_h(finding)) if sees else None,
        seldom=sees is not None and 2 * sees.interval_s > WAIT_S_MAX,
        long=sees is not None and sees.wait_s(l_per_h(finding)) > LONG_S,
        late=seen is not None and now > seen.known_by,
        quiet=view is not None and view.state is not PointState.SPEAKING,
        reload_s=round(min(RELOAD_S_MAX, max(RELOAD_S_MIN, sees.interval_s))) if sees else RELOAD_S_MAX,
        typed=words.number(cost.euros, 2) if typed is None else typed,
        price_is_own=cost.is_own,
        price_default=money(words, DEFAULT),
        fault=words.say(fault) if fault else None,
    )


async def step(request: web.Request) -> web.Response:
    """A button of the test was pressed. What the readings do not carry leads nowhere: the page is shown as it is."""
    story, fields = await story_of(request), await read_form(request)
    house, finding = request.app[HOUSE], story.finding
    view, now = house.point(finding.point), house.now()
    watched = None if view is None or not house.dating else await watch(house, view)
    asked = fields.get("do", "")
    if asked == "end":
        await asyncio.to_thread(house.catalog.set_setting, TEST, None)
    elif watched is not None and watched.sight is not None and watched.sight.sees(l_per_h(finding)):
        test = going_on(house, story.id)
        found = _next(asked, test, _look(test, watched, finding), now)
        if found is not None:
            kept = {"story": story.id, "phase": found.phase, "at": found.at, "valves": found.valves}
            await asyncio.to_thread(house.catalog.set_setting, TEST, kept)
            house.collect.watch(watched.key, now + watched.sight.wait_s(l_per_h(finding)) + WATCH_S)
    raise see(f"/leak/{story.id}#test")


async def set_price(request: web.Request) -> web.Response:
    story, fields = await story_of(request), await read_form(request)
    typed = fields.get("price", "")
    found = parse_price(typed)
    if found is None:
        return await _page(request, story, status=422, typed=typed[:20], fault=NO_PRICE)
    await asyncio.to_thread(request.app[HOUSE].catalog.set_setting, PRICE, str(found))
    raise see(f"/leak/{story.id}#price")


async def story_of(request: web.Request) -> Story:
    """The leak that is asked for; 404 where there is none such."""
    asked = request.match_info["story"]
    if not (asked.isascii() and asked.isdecimal() and len(asked) <= STORY_DIGITS_MAX):
        raise web.HTTPNotFound
    story = await request.app[ACCESS].alerts.get(int(asked))
    if story is None or story.finding.service is not Service.LEAK or story.finding.kind in NO_STEPS:
        raise web.HTTPNotFound
    return story


# The test


def going_on(house: House, story: int) -> Test | None:
    """The test of this story that goes on; of a clock that was set back since, none does."""
    match house.catalog.setting(TEST):
        case {"story": int(of), "phase": str(phase), "at": int(at), "valves": int(valves)} if of == story:
            if phase in list(Phase) and 0 <= house.now() - at < TEST_S_MAX:
                return Test(Phase(phase), at, valves)
    return None


def _next(asked: str, test: Test | None, seen: Seen | None, now: int) -> Test | None:
    """Where a button leads, or None where the way there was not seen."""
    saw = seen.saw if seen else None
    match asked, test:
        case "begin", _:
            return Test(Phase.OPEN, now)
        case "closed", Test(Phase.OPEN) if saw is Saw.MOVED:
            return Test(Phase.CLOSED, now)
        case "closed", Test(Phase.CLOSED):
            return Test(Phase.CLOSED, now)
        case "again", Test(Phase.CLOSED) if saw is Saw.STILL:
            return Test(Phase.AGAIN, now)
        # Not before water ran again: with the stopcock still closed, nothing would move behind any valve.
        case "valve", Test(Phase.AGAIN | Phase.VALVE, _, valves) if saw is Saw.MOVED:
            return Test(Phase.VALVE, now, valves + 1)
    return None


def _look(test: Test | None, watched: Watched | None, finding: Finding) -> Seen | None:
    if test is None or watched is None or watched.sight is None:
        return None
    return look(watched.readings, watched.sight, test.at, l_per_h(finding))


async def watch(house: House, view: PointView) -> Watched | None:
    """What the meter of a point said these days; None where it has not one index of litres that says all."""
    if len(view.index_series) != 1 or view.quantity is None or view.quantity.unit != "L":
        return None
    (key,) = view.index_series
    now = house.now()
    points = await house.raw(key, now - PAST_S, now + 1)
    if points is None:
        return None
    # Over an exchange of the meter, or a dial that was corrected, the figures leap and no water ran.
    began = max((event.at for event in house.store.events(key)), default=-1)
    readings = [each for each in zip(points.at, points.value, strict=True) if each[0] > began][-PAST_READINGS_MAX:]
    log = house.collect.meters.get(view.address or "")
    heard_each_s = log.interval_s if log else None
    return Watched(key, points.exponent, readings, sight(readings, float(10.0**points.exponent), heard_each_s))


def l_per_h(finding: Finding) -> float:
    """The leak's size; of a meter that is heard seldom, what ran more than usual or ever, spread over the while."""
    grounds = finding.grounds
    more = (grounds.get("l_per_day", 0.0) - grounds.get("usual_l_per_day", 0.0)) / DAY_H
    if "litres" in grounds:
        more = (grounds["litres"] - grounds["most_l"]) * 3600 / grounds["interval_s"]
    return max(L_PER_H_MIN, grounds.get("l_per_h", more))


# Words


@dataclass(frozen=True, slots=True)
class Ran:
    """The figure of a test: what ran since it was begun; None before the first reading that counts."""

    amount: Amount | None
    flow: str | None
    moved_at: int | None
    since: int | None


def _ran(words: Words, watched: Watched, seen: Seen) -> Ran:
    if seen.steps is None or seen.since is None:
        return Ran(None, None, None, None)
    litres = watched.litres(seen.steps)
    gone_s = watched.readings[-1][0] - seen.since
    flow = about(float(litres) * 3600 / gone_s) if gone_s and litres else None
    return Ran(
        _litres(words, litres, _decimals(10.0**watched.exponent)),
        str(words.say_n("%(n)s litre", "%(n)s litres", flow)) if flow else None,
        seen.moved_at,
        seen.since,
    )


def _dear(words: Words, house: House, story: Story) -> Markup | None:
    """What it costs, where its sentence leaves that out: of a burst there is something else to do first."""
    if not story.is_open or story.finding.kind not in (BURST, DAYS):
        return None
    amount, cost = _a_day(words, house, story)
    if story.finding.kind == DAYS:
        return words.say("That makes %(amount)s and %(cost)s more a day.", amount=amount, cost=cost)
    return words.say("If it ran on, that would make %(amount)s and %(cost)s a day.", amount=amount, cost=cost)


def _a_day(words: Words, house: House, story: Story) -> tuple[Markup, Markup]:
    """What runs a day and what it costs, to ten cents, or to euros from ten on."""
    l_per_day = about(about(l_per_h(story.finding)) * DAY_H)
    cost = max(CENTS, l_per_day * price(house).euros / 1000)
    said = money(words, cost.quantize(CENTS)) if cost < 10 else money(words, Decimal(about(float(cost))), 0)
    amount = words.say_n("%(n)s litre", "%(n)s litres", l_per_day)
    return Markup('<b class="nb">{}</b>').format(amount), Markup('<b class="nb">{}</b>').format(said)


def _litres(words: Words, litres: Decimal, decimals: int) -> Amount:
    return Amount(words.number(litres, decimals), "L")


def _decimals(step_l: float) -> int:
    exponent = int(Decimal(repr(step_l)).normalize().as_tuple().exponent)
    return min(LITRE_DECIMALS_MAX, max(0, -exponent))


def _about(words: Words, seconds: float) -> str:
    """How long in words: whole minutes from two on, whole hours, days."""
    if seconds < 120:
        return words.duration(max(1, round(seconds)))
    if seconds < 2 * 3600:
        return words.duration(-(-round(seconds) // 60) * 60)
    if seconds < 2 * 86_400:
        return str(words.say_n("%(n)s hour", "%(n)s hours", -(-round(seconds) // 3600)))
    return str(words.say_n("%(n)s day", "%(n)s days", round(seconds / 86_400)))
