"""`/`: what the home took today, in sentences first, then a card a metering point."""

from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta
from decimal import Decimal

from aiohttp import web
from markupsafe import Markup

from drivers.model import Medium, Quantity
from gateway.house import House
from gateway.views import PointState, PointView
from gateway.wires import CUSTOMER_PORTS
from webui import alerts, away, charts, days, linky, shown, week_known
from webui.page import ACCESS, HOUSE, joined, render, words_of
from webui.taken import Taken, amounts, taken
from webui.told import when
from webui.words import Amount, Words, plain

# An ordinary Thursday is the mean of the last four, in the sentence as in the drawing's shadow: further back is another
# season. With fewer than three nothing is called ordinary.
WEEKS_BACK = 4
WEEKS_MIN = 3
LIKE_USUAL = Decimal("0.10")
# Before three in the morning a percentage compares next to nothing with next to nothing.
COMPARED_AFTER_S = 3 * 3600
# Older than this, a sentence says until when it counts.
STALE_S = 3600

# So long the first page says that somebody at the box ended every access: who lives here may not have been told.
RECOVERED_S = 30 * 86_400

SENTENCE_MEDIA = (Medium.GAS, Medium.HEAT, Medium.COOLING)


@dataclass(frozen=True, slots=True)
class Today:
    """One metering point's day so far; `usual` and `yesterday` are counted to the same hour, `day_before` is whole."""

    view: PointView
    quantity: Quantity
    day: Taken
    usual: Decimal | None
    usual_hours: Sequence[Decimal | None]
    yesterday: Decimal | None
    day_before: Decimal | None
    month: Taken
    month_before: Decimal | None
    injected: Decimal | None

    @property
    def medium(self) -> Medium:
        return self.view.point.medium


@dataclass(frozen=True, slots=True)
class Row:
    """One line of a card: a label, a number with its unit, and a percentage with its base."""

    label: Markup
    amount: Amount | None
    extra: str = ""
    extra_words: str = ""
    series: str = ""


@dataclass(frozen=True, slots=True)
class Card:
    view: PointView
    hue: str
    rows: Sequence[tuple[str, Row]]
    drawing: Markup
    caption: Sequence[Markup]
    said: Sequence[Markup]


async def page(request: web.Request) -> web.Response:
    house, words = request.app[HOUSE], words_of(request)
    now = house.now()
    recovered_at = request.app[ACCESS].people.recovered_at
    views = house.points()
    # A box that does not know the time does not know which day it is.
    known = {view.point.id: await look(house, view, now) if house.dating else None for view in views}
    found = [today for today in known.values() if today is not None]
    told, put_off = alerts.open_ones(request)
    return render(
        request,
        "today.html",
        day=days.today(house.zone, now),
        sentences=sentences(words, found, now),
        grounds=grounds(words, found, now),
        cards=[card(words, view, known[view.point.id], now) for view in views],
        hours=hours_table(words, found),
        heard=len(house.heard()),
        alerts=told,
        when=when,
        put_off=put_off,
        week_ended=week_known.just_ended(house),
        alerts_before=request.app[ACCESS].alerts.any,
        away=away.line(request),
        waters=any(view.point.medium in shown.WATER_MEDIA for view in views),
        recovered_at=recovered_at if recovered_at and now - recovered_at < RECOVERED_S else None,
        shadow=any(today.usual_hours for today in found),
    )


async def look(house: House, view: PointView, now: int) -> Today | None:
    """Today of one metering point; None when it has no index yet."""
    if view.index is None or view.quantity is None:
        return None
    zone, today = house.zone, days.today(house.zone, now)
    day = await taken(house, view, days.day_bounds(zone, today), now)
    first = today.replace(day=1)
    month_end = days.midnight(zone, days.add_months(first, 1))
    month = await taken(house, view, (days.midnight(zone, first), month_end), now)
    before = today - timedelta(days=1)
    day_before = (await amounts(house, view.point.id, [(days.midnight(zone, before), days.midnight(zone, today))]))[0]
    usual, yesterday = None, None
    shadow: tuple[Decimal | None, ...] = ()
    if day.total is not None and day.from_the_start:
        past = [today - timedelta(weeks=n) for n in range(WEEKS_BACK, 0, -1)]
        spans = [(days.midnight(zone, one), days.same_time(zone, one, day.end)) for one in past]
        parts = [part for part in await amounts(house, view.point.id, spans) if part is not None]
        usual = sum(parts, Decimal(0)) / len(parts) if len(parts) >= WEEKS_MIN else None
        span = (days.midnight(zone, before), days.same_time(zone, before, day.end))
        yesterday = (await amounts(house, view.point.id, [span]))[0]
        shadow = await usual_hours(house, view.point.id, past, len(day.values))
    month_before = None
    if month.total is not None and month.from_the_start:
        last_year = days.year_before(today)
        span = (days.midnight(zone, last_year.replace(day=1)), days.same_time(zone, last_year, month.end))
        month_before = (await amounts(house, view.point.id, [span]))[0]
    midnights = (days.midnight(zone, today), days.midnight(zone, today + timedelta(days=1)))
    injected = (await house.injected(view.point.id, midnights))[0] if view.injected else None
    return Today(view, view.quantity, day, usual, shadow, yesterday, day_before, month, month_before, injected)


async def usual_hours(house: House, point: str, past: Sequence[date], slots: int) -> tuple[Decimal | None, ...]:
    """The mean of each hour over these days; days of another length (clock changes) do not count."""
    rows = [
        await house.consumption(point, bounds)
        for one in past
        if len(bounds := days.day_bounds(house.zone, one)) == slots + 1
    ]
    usual = []
    for hour in zip(*rows, strict=True):
        parts = [part for part in hour if part is not None]
        usual.append(sum(parts, Decimal(0)) / len(parts) if len(parts) * 2 > len(past) else None)
    return tuple(usual) if any(part is not None for part in usual) else ()


# Sentences


def sentences(words: Words, found: Sequence[Today], now: int) -> list[Markup]:
    """Electricity, what is produced, water, then what is left. What is not known is not said here."""
    said = []
    if (power := house_electricity(found)) is not None and power.day.total is not None:
        amount = _bold(_amount(words, power, power.day.total))
        compared = comparison(words, power)
        if now - power.day.end > STALE_S:
            time = words.clock(power.day.end)
            said.append(words.say("Up to %(time)s, the home took %(amount)s of electricity.", time=time, amount=amount))
        elif not power.day.from_the_start:
            time = words.clock(power.day.start)
            said.append(
                words.say("Since %(time)s, the home has taken %(amount)s of electricity.", time=time, amount=amount)
            )
        elif compared:
            said.append(
                words.say(
                    "Today the home has taken %(amount)s of electricity: %(compared)s.",
                    amount=amount,
                    compared=compared,
                )
            )
        else:
            said.append(words.say("Today the home has taken %(amount)s of electricity.", amount=amount))
    for today in found:
        if today.view.produces and today.day.total is not None:
            given = _bold(_amount(words, today, today.day.total))
            said.append(words.say("%(name)s has given %(amount)s.", name=today.view.point.name, amount=given))
    water = [today for today in found if today.medium in shown.WATER_MEDIA and today.day.total is not None]
    if water and all(today.day.total == 0 for today in water):
        said.append(words.say("Not a drop of water has run today."))
    elif water:
        said.append(words.say("%(amounts)s have run.", amounts=_list(words, water, now)))
    other = [
        today
        for today in found
        if today.medium in SENTENCE_MEDIA and today.day.total is not None and today.day.total > 0
    ]
    if other:
        said.append(words.say("The home has also taken %(amounts)s.", amounts=_list(words, other, now)))
    return said


def house_electricity(found: Sequence[Today]) -> Today | None:
    """The meter that counts the whole home: the network's own, on a customer port, else the first. Others may stand behind."""
    electricity = [today for today in found if today.medium is Medium.ELECTRICITY and not today.view.produces]
    network = [today for today in electricity if (today.view.address or "").startswith(CUSTOMER_PORTS)]
    return next(iter([*network, *electricity]), None)


def comparison(words: Words, today: Today) -> Markup | None:
    """How this day compares at the same hour: with an ordinary such weekday, else with yesterday."""
    total = today.day.total
    against = today.usual if today.usual is not None else today.yesterday
    if total is None or not against or today.day.end - today.day.start < COMPARED_AFTER_S:
        return None
    weekday = words.weekday(words.local(today.day.end).date())
    ratio = total / against - 1
    percent = words.percent(abs(ratio), signed=False)
    if today.usual is not None:
        if abs(ratio) <= LIKE_USUAL:
            return words.say("like an ordinary %(weekday)s", weekday=weekday)
        if ratio > 0:
            return words.say(
                "%(percent)s more than an ordinary %(weekday)s at this hour", percent=percent, weekday=weekday
            )
        return words.say("%(percent)s less than an ordinary %(weekday)s at this hour", percent=percent, weekday=weekday)
    if abs(ratio) <= LIKE_USUAL:
        return words.say("like yesterday at this hour")
    if ratio > 0:
        return words.say("%(percent)s more than yesterday at this hour", percent=percent)
    return words.say("%(percent)s less than yesterday at this hour", percent=percent)


def grounds(words: Words, found: Sequence[Today], now: int) -> list[Markup]:
    """Where each sentence comes from, so that it can be checked."""
    said = []
    for today in found:
        if today.day.total is None:
            continue
        values = {
            "name": today.view.point.name,
            "start": words.clock(today.day.start),
            "end": words.clock(today.day.end),
            "amount": _amount(words, today, today.day.total),
        }
        said.append(words.say("%(name)s: index at %(start)s and at %(end)s, %(amount)s between them.", **values))
        if today.usual is not None:
            said.append(
                words.say(
                    "“Ordinary”: %(amount)s, the mean of the last four %(weekday)ss up to %(end)s.",
                    amount=_amount(words, today, today.usual),
                    weekday=words.weekday(words.local(now).date()),
                    end=values["end"],
                )
            )
    return said


def _list(words: Words, found: Sequence[Today], now: int) -> Markup:
    parts = []
    for today in found:
        alone = sum(one.medium is today.medium for one in found) == 1
        what = words.say(shown.OF_MEDIUM[today.medium]) if alone else Markup("({})").format(today.view.point.name)
        assert today.day.total is not None
        part = Markup("{} {}").format(_bold(_amount(words, today, today.day.total)), what)
        if now - today.day.end > STALE_S:
            part = words.say("%(what)s (up to %(time)s)", what=part, time=words.clock(today.day.end))
        parts.append(part)
    return joined(words, parts)


def _bold(amount: Amount) -> Markup:
    return Markup('<b class="nb">{}</b>').format(str(amount))


def _amount(words: Words, today: Today, value: Decimal) -> Amount:
    return shown.amount(words, today.quantity, today.medium, value)


# Cards


def card(words: Words, view: PointView, today: Today | None, now: int) -> Card:
    hue, medium = shown.HUES[view.point.medium], view.point.medium
    rows: list[tuple[str, Row]] = []
    if view.level is not None:
        amount = shown.amount(words, view.level.quantity, medium, view.level.value)
        rows.append(("", Row(words.say("Now"), amount, series=str(view.level.series))))
    elif view.state is not PointState.SPEAKING:
        rows.append(("", Row(words.say("Now"), None)))
    said = linky.now_said(words, view, now)
    if today is None:
        return Card(view, hue, rows, Markup(""), [], said)
    day, month = today.day, today.month
    rows.append(
        ("big", Row(_day_label(words, today, now), _amount(words, today, day.total) if day.total is not None else None))
    )
    if today.injected is not None:
        rows.append(("", Row(words.say("Given to the network today"), _amount(words, today, today.injected))))
    if today.day_before is not None:
        rows.append(("", Row(_yesterday(words, view, now), _amount(words, today, today.day_before))))
    extra, extra_words = "", ""
    if month.total is not None and today.month_before:
        extra = words.percent(month.total / today.month_before - 1)
        last_year = words.month(days.year_before(words.local(now).date()))
        extra_words = words.say("compared with %(month)s up to the same hour", month=last_year)
    label = words.say("This month")
    if month.total is not None and not month.from_the_start:
        label = words.say("Since %(day)s", day=words.day(words.local(month.start).date(), weekday=False))
    amount_month = _amount(words, today, month.total) if month.total is not None else None
    rows.append(("", Row(label, amount_month, extra, extra_words)))
    return Card(view, hue, rows, drawing(words, today), captions(words, today), said)


def _yesterday(words: Words, view: PointView, now: int) -> Markup:
    """The way to the day that is asked for most."""
    day = days.today(words.zone, now) - timedelta(days=1)
    link = f"/history/{view.point.id}?by=day&at={day.isoformat()}"
    return Markup('<a href="{}">{}</a>').format(link, words.say("Yesterday"))


def _day_label(words: Words, today: Today, now: int) -> Markup:
    if today.day.total is not None and now - today.day.end > STALE_S:
        return words.say("Up to %(time)s", time=words.clock(today.day.end))
    if today.day.total is not None and not today.day.from_the_start:
        return words.say("Since %(time)s", time=words.clock(today.day.start))
    return words.say("Today")


def drawing(words: Words, today: Today) -> Markup:
    day = today.day
    scale = shown.scale_for(today.quantity, today.medium, [*day.values, *today.usual_hours])
    said = words.say("%(name)s hour by hour today", name=today.view.point.name)
    if day.total is not None:
        said = words.say("%(what)s: %(amount)s in all.", what=said, amount=_amount(words, today, day.total))
    bars = charts.Bars(
        hue=shown.HUES[today.medium],
        label=plain(said),
        values=[None if value is None else scale.of(value) for value in day.values],
        gaps=[replace(gap, total=scale.of(gap.total) if gap.total is not None else None) for gap in day.gaps],
        usual=[None if value is None else scale.of(value) for value in today.usual_hours],
        running=day.running,
        edges=hour_edges(words, day.bounds),
    )
    return charts.small_bars(bars)


def hour_edges(words: Words, bounds: Sequence[int]) -> list[tuple[int, str]]:
    """0 h, 6 h, 12 h, 18 h, 24 h where they fall: on a day of 23 or 25 hours not at equal distances."""
    edges = [
        (slot, words.hour(local.hour))
        for slot, bound in enumerate(bounds[:-1])
        if (local := words.local(bound)).hour % 6 == 0 and local.minute == 0
    ]
    return [*edges, (len(bounds) - 1, words.hour(24))]


def captions(words: Words, today: Today) -> list[Markup]:
    said = []
    if today.day.gaps:
        said.append(words.say("Dashed frame: no reading. The total is not lost: the meter goes on counting."))
    return said


def cell(words: Words, found: Taken, slot: int, number: str) -> str:
    """A number of a table; of a slot that is not over, up to when it counts."""
    if slot != found.running:
        return number
    return str(words.say("%(what)s (up to %(time)s)", what=number, time=words.clock(found.end)))


@dataclass(frozen=True, slots=True)
class HoursTable:
    """The drawings as figures: a column a metering point, a row an hour."""

    columns: Sequence[tuple[str, str]]
    rows: Sequence[tuple[str, Sequence[str | None]]]


def hours_table(words: Words, found: Sequence[Today]) -> HoursTable | None:
    with_hours = [today for today in found if any(value is not None for value in today.day.values)]
    if not with_hours:
        return None
    bounds = with_hours[0].day.bounds
    last = bisect_right(bounds, max(today.day.end for today in with_hours) - 1)
    scales = [shown.scale_for(today.quantity, today.medium, today.day.values) for today in with_hours]
    rows = []
    for slot in range(last):
        cells = []
        for today, scale in zip(with_hours, scales, strict=True):
            value = today.day.values[slot]
            cells.append(None if value is None else cell(words, today.day, slot, scale.number(words, value)))
        span = " – ".join(words.clocks(bounds[slot], bounds[slot + 1]))
        rows.append((span, cells))
    names = [
        (today.view.point.name, str(words.say(scale.unit)) if scale.unit else "")
        for today, scale in zip(with_hours, scales, strict=True)
    ]
    return HoursTable(names, rows)
