"""A whole week of the home in sentences: on `/week`, and as plain text for whoever sends one (docs/week.md)."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal

from aiohttp import web
from markupsafe import Markup

from drivers.model import Medium, Quantity
from gateway.alerts import Alerts
from gateway.house import House
from gateway.messages import Text
from gateway.model import EARLIEST
from gateway.services import week
from gateway.services.model import Story
from gateway.services.week import Against, Word
from webui import days, shown
from webui.alerts import told_of
from webui.page import ACCESS, HOUSE, joined, render, words_of
from webui.told import when
from webui.week_figures import figures, notes
from webui.week_known import Looked, last_whole, look, rounded
from webui.words import Amount, Words, mark, plain

# A mail is read to its end if it is short; what is left out is counted.
STORIES_MAX = 5
# From so much on litres are said as cubic metres, and kilowatt hours without decimals.
CUBIC_METRES_FROM_L, WHOLE_KWH_FROM_WH = Decimal(10_000), Decimal(20_000)
# Where one step of the meter is more than this part of an amount, the amount is "about" so much.
ABOUT = Decimal("0.05")

COMPARED = {
    (Against.USUAL, Word.LIKE): mark("as usual"),
    (Against.USUAL, Word.LITTLE_MORE): mark("a little more than usual"),
    (Against.USUAL, Word.MORE): mark("more than usual"),
    (Against.USUAL, Word.MUCH_MORE): mark("much more than usual"),
    (Against.USUAL, Word.LITTLE_LESS): mark("a little less than usual"),
    (Against.USUAL, Word.LESS): mark("less than usual"),
    (Against.USUAL, Word.MUCH_LESS): mark("much less than usual"),
    (Against.BEFORE, Word.LIKE): mark("like the week before"),
    (Against.BEFORE, Word.LITTLE_MORE): mark("a little more than the week before"),
    (Against.BEFORE, Word.MORE): mark("more than the week before"),
    (Against.BEFORE, Word.MUCH_MORE): mark("much more than the week before"),
    (Against.BEFORE, Word.LITTLE_LESS): mark("a little less than the week before"),
    (Against.BEFORE, Word.LESS): mark("less than the week before"),
    (Against.BEFORE, Word.MUCH_LESS): mark("much less than the week before"),
}


@dataclass(frozen=True, slots=True)
class Event:
    """A story of the week: what it is about, what it was, and how it stands now."""

    story: Story
    name: str
    sentence: Markup
    standing: Markup


async def page(request: web.Request) -> web.Response:
    """The week of `?of=`, any of its days; the last whole one where none is asked for."""
    house, words = request.app[HOUSE], words_of(request)
    last = last_whole(house)
    monday = _asked(request, last)
    bounds = week.midnights(house.zone, monday)
    began = [at for view in house.points() if (at := house.history_start(view.point.id)) is not None]
    begins = min(began, default=None)
    found = await look(house, monday) if house.dating else []
    told = await events(words, house, request.app[ACCESS].alerts, monday) if house.dating else []
    return render(
        request,
        "week.html",
        span=span(words, monday, days.today(house.zone, house.now())),
        sentences=sentences(words, found) if any(one.known for one in found) else [],
        begins=begins,
        end=bounds[-1],
        events=told,
        figures=figures(words, found, monday),
        notes=notes(words, house, found, monday),
        earlier=monday - timedelta(weeks=1) if begins is not None and begins < bounds[0] else None,
        later=monday + timedelta(weeks=1) if monday < last else None,
    )


async def digest(words: Words, house: House, alerts: Alerts, monday: date) -> Text | None:
    """The week that began at `monday` as plain text; None where it is not over, or nothing is known of it."""
    assert monday.weekday() == 0
    if not house.dating or monday > last_whole(house):
        return None
    found = await look(house, monday)
    told = await events(words, house, alerts, monday, elsewhere=True)
    if not told and not any(one.known for one in found):
        return None
    lines = [*sentences(words, found), *alert_lines(words, told)]
    subject = words.say("Your week %(span)s", span=span(words, monday, days.today(house.zone, house.now())))
    return Text(plain(subject), "\n\n".join(plain(line) for line in lines))


def _asked(request: web.Request, last: date) -> date:
    try:
        monday = week.monday_of(date.fromisoformat(request.query.get("of", last.isoformat())))
    except (ValueError, OverflowError):
        raise web.HTTPNotFound from None
    if not week.monday_of(days.today(request.app[HOUSE].zone, EARLIEST)) <= monday <= last:
        raise web.HTTPNotFound
    return monday


async def events(words: Words, house: House, alerts: Alerts, monday: date, *, elsewhere: bool = False) -> list[Event]:
    """The stories that went on in this week, as they stand now; `elsewhere` as in `told_of`."""
    bounds = week.midnights(house.zone, monday)
    return [
        _event(words, house, alerts, story, elsewhere=elsewhere)
        for story in await alerts.between(bounds[0], bounds[-1])
    ]


def _event(words: Words, house: House, alerts: Alerts, story: Story, *, elsewhere: bool) -> Event:
    name, told, is_stale = told_of(house, alerts, words, story, elsewhere=elsewhere)
    now = house.now()
    if story.solved_at is not None:
        standing = words.say("It has been over since %(since)s.", since=when(words, story.solved_at, now))
    elif is_stale:
        time = when(words, story.found_at, now)
        standing = words.say("So it was %(time)s. The box has not been able to look since then.", time=time)
    else:
        standing = words.say("It still goes on.")
    return Event(story, name, told.sentence, standing)


# Sentences


def span(words: Words, monday: date, today: date) -> Markup:
    """`from 16 to 22 November`: the years where they are not this one, the first month where it is another."""
    sunday = monday + timedelta(days=week.DAYS - 1)
    if monday.month == sunday.month:
        first = words.day_of_month(monday)
    else:
        first = words.day(monday, weekday=False, year=monday.year != sunday.year)
    last = words.day(sunday, weekday=False, year=today.year != sunday.year or monday.year != sunday.year)
    return words.say("from %(first)s to %(last)s", first=first, last=last)


def sentences(words: Words, found: Sequence[Looked]) -> list[Markup]:
    """One metering point after the other."""
    return [_sentence(words, one, _named(words, one)) for one in found]


def _named(words: Words, one: Looked) -> Markup:
    """`Electricity (House)`: what it counts, and what it is called; a plug alone is not the home's electricity."""
    name, medium = one.view.point.name, one.view.point.medium
    what = words.say("Produced") if one.view.produces else words.say(shown.MEDIUM_NAMES[medium])
    if (medium is Medium.OTHER and not one.view.produces) or what.casefold() in name.casefold():
        return Markup("{}").format(name)
    return Markup("{} ({})").format(what, name)


def _sentence(words: Words, one: Looked, name: Markup) -> Markup:
    found = one.facts.week
    if found.is_whole:
        return _whole(words, one, name)
    if one.began is not None and one.since is not None:
        return words.say(
            "%(name)s: %(amount)s since %(day)s, %(time)s, when its readings begin.",
            name=name, amount=_bold(_amount(words, one, one.since)),
            day=words.weekday(words.local(one.began).date()), time=words.clock(one.began),
        )  # fmt: skip
    if one.seldom:
        return words.say("%(name)s: its readings lie too far apart to say what one week took.", name=name)
    known = found.total if found.total is not None else found.at_least
    if known is None:
        return words.say("%(name)s: nothing is known of this week.", name=name)
    amount = _bold(_amount(words, one, known))
    said = (
        words.say("%(name)s: %(amount)s in all.", name=name, amount=amount)
        if found.total is not None
        else words.say("%(name)s: at least %(amount)s.", name=name, amount=amount)
    )
    open_days = joined(words, [Markup("{}").format(_weekday(words, one, number)) for number in found.open_days])
    return said + " " + words.say("Not all of %(days)s is known, so nothing is compared.", days=open_days)


def _whole(words: Words, one: Looked, name: Markup) -> Markup:
    found = one.facts
    assert found.week.total is not None
    amount = _bold(_amount(words, one, found.week.total))
    said = words.say("%(name)s: %(amount)s", name=name, amount=amount)
    if (how := week.compared(found, one.quantity, one.step)) is not None:
        said += ", " + words.say(COMPARED[how])
    said += "."
    if found.top is not None and (most := found.week.days[found.top]) is not None:
        day = _weekday(words, one, found.top)
        said += " " + words.say("Most on %(day)s: %(amount)s.", day=day, amount=_amount(words, one, most))
    if one.given:
        said += " " + words.say("Given to the network: %(amount)s.", amount=_bold(_amount(words, one, one.given)))
    return said


def alert_lines(words: Words, told: Sequence[Event]) -> list[Markup]:
    """The first stories, a line each; that there are more, or none."""
    if not told:
        return [words.say("No alert in this week.")]
    lines = [
        words.say(
            "Alert, %(name)s: %(sentence)s %(standing)s",
            name=one.name, sentence=one.sentence, standing=one.standing,
        )
        for one in told[:STORIES_MAX]
    ]  # fmt: skip
    if (more := len(told) - STORIES_MAX) > 0:
        lines.append(
            words.say_n("One more alert is on the box’s page.", "%(n)s more alerts are on the box’s page.", more)
        )
    return lines


def _weekday(words: Words, one: Looked, number: int) -> str:
    return words.weekday(one.monday + timedelta(days=number))


def _amount(words: Words, one: Looked, value: Decimal) -> str:
    """To what the meter counts in, and "about" where that is coarse beside it."""
    medium, counted = one.view.point.medium, rounded(one, value)
    if value == 0:
        return str(words.say("nothing at all"))
    if one.quantity is Quantity.VOLUME and medium in shown.WATER_MEDIA and counted < CUBIC_METRES_FROM_L:
        said = str(words.say_n("%(n)s litre", "%(n)s litres", int(counted)))
    elif one.quantity is Quantity.ENERGY and counted >= WHOLE_KWH_FROM_WH:
        said = str(Amount(words.number(counted.scaleb(-3)), "kWh"))
    else:
        said = str(shown.amount(words, one.quantity, medium, counted))
    return str(words.say("about %(amount)s", amount=said)) if one.step > value * ABOUT else said


def _bold(amount: str) -> Markup:
    return Markup('<b class="nb">{}</b>').format(amount)
