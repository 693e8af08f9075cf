"""`/history/<point>`: one day, month or year of a metering point, drawn, told and tabled."""

from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta
from decimal import Decimal
from enum import StrEnum
from typing import assert_never
from urllib.parse import urlencode

from aiohttp import web
from markupsafe import Markup

from drivers.model import Medium, Quantity
from gateway.house import House
from gateway.views import PointView
from webui import charts, days, shown
from webui.also import Also, also
from webui.beside import Both, amount, beside, both, with_quantity
from webui.page import HOUSE, joined, render, see, words_of
from webui.shown import Scale
from webui.taken import Taken, taken
from webui.today import cell, hour_edges
from webui.words import Words, plain

HALF_HOUR_S = 1800
CURVE_STEP_S = 600
EARLIEST = date(2000, 1, 1)
LIKE_BEFORE = Decimal("0.01")


class By(StrEnum):
    """How long the period is, and so what one bar is: an hour, a day, a month."""

    DAY = "day"
    MONTH = "month"
    YEAR = "year"


@dataclass(frozen=True, slots=True)
class Period:
    """One local day, month or year, and the one it is compared with: last year, or for a day the week before."""

    by: By
    start: date

    @classmethod
    def of(cls, by: By, day: date) -> "Period":
        match by:
            case By.DAY:
                return cls(by, day)
            case By.MONTH:
                return cls(by, day.replace(day=1))
            case By.YEAR:
                return cls(by, day.replace(month=1, day=1))
        assert_never(by)

    def moved(self, periods: int) -> "Period":
        match self.by:
            case By.DAY:
                return replace(self, start=self.start + timedelta(days=periods))
            case By.MONTH:
                return replace(self, start=days.add_months(self.start, periods))
            case By.YEAR:
                return replace(self, start=days.add_months(self.start, 12 * periods))
        assert_never(self.by)

    def before(self) -> "Period":
        match self.by:
            case By.DAY:
                return self.moved(-7)
            case By.MONTH:
                return self.moved(-12)
            case By.YEAR:
                return self.moved(-1)
        assert_never(self.by)

    def bounds(self, house: House, step_s: int = 3600) -> list[int]:
        match self.by:
            case By.DAY:
                return days.day_bounds(house.zone, self.start, step_s)
            case By.MONTH:
                return days.month_bounds(house.zone, self.start)
            case By.YEAR:
                return days.year_bounds(house.zone, self.start.year)
        assert_never(self.by)

    def name(self, words: Words) -> Markup:
        match self.by:
            case By.DAY:
                return words.day(self.start, year=True)
            case By.MONTH:
                return Markup("{}").format(words.month(self.start))
            case By.YEAR:
                return Markup("{}").format(self.start.year)
        assert_never(self.by)

    def short(self, words: Words) -> Markup:
        match self.by:
            case By.DAY:
                return words.day(self.start, weekday=False)
            case By.MONTH:
                return Markup("{}").format(words.month(self.start, year=False))
            case By.YEAR:
                return Markup("{}").format(self.start.year)
        assert_never(self.by)

    def link(self, point: str) -> str:
        return f"/history/{point}?{urlencode({'by': self.by, 'at': self.start.isoformat()})}"


@dataclass(frozen=True, slots=True)
class TableRow:
    label: Markup
    value: str | None
    before: str | None
    theirs: str | None
    link: str | None
    also: Sequence[str | None] = ()


async def first(request: web.Request) -> web.Response:
    """The history of the first metering point that has one."""
    house = request.app[HOUSE]
    views = sorted(house.points(), key=lambda view: view.index is None)
    if not views:
        return render(request, "history-none.html")
    raise see(f"/history/{views[0].point.id}")


async def page(request: web.Request) -> web.Response:
    house, words = request.app[HOUSE], words_of(request)
    view = house.point(request.match_info["point"])
    if view is None:
        raise web.HTTPNotFound
    now = house.now()
    today = days.today(house.zone, now)
    period = _asked(request, today)
    view = await with_quantity(house, view)
    found, before = await _taken(house, view, period, now)
    said = await both(house, view, found) if period.by is By.MONTH else []
    beside_it = await also(house, words, view, found.bounds)
    scale = shown.scale_for(view.quantity or Quantity.NUMBER, view.point.medium, [*found.values, *before.values])
    curve = await _power(house, words, view, period, now) if period.by is By.DAY else None
    return render(
        request,
        "history.html",
        view=view,
        views=house.points(),
        hue=shown.HUES[view.point.medium],
        period=period,
        bys=[(by, Period.of(by, min(period.start, today))) for by in By],
        earlier=period.moved(-1),
        later=period.moved(1) if period.moved(1).start <= today else None,
        sentence=await sentence(house, words, view, period, found, now),
        files=file_sentences(words, view, found) + await _both_sentences(house, words, view, period, said),
        also=beside_it,
        unit=words.say(scale.unit),
        slot=_slot_word(words, period, found),
        drawing=drawing(words, view, period, found, before, scale),
        gaps=found.gaps,
        filled=any(holder is not None for holder in found.holders),
        own=not found.holders or None in found.holders,
        rows=table(words, view, period, found, before, scale, said, beside_it),
        holder=holder_name(words, said[0].holder) if said else None,
        before=any(value is not None for value in before.values) and period.before().name(words),
        running=found.running is not None,
        curve=curve,
        began=house.history_start(view.point.id),
        filed=await house.holders.since(view.point.id),
    )


def _asked(request: web.Request, today: date) -> Period:
    try:
        by = By(request.query.get("by", By.MONTH))
        day = date.fromisoformat(request.query.get("at", today.isoformat()))
    except ValueError:
        raise web.HTTPNotFound from None
    if not EARLIEST <= day <= today:
        raise web.HTTPNotFound
    return Period.of(by, day)


async def _taken(house: House, view: PointView, period: Period, now: int) -> tuple[Taken, Taken]:
    """The period and the one it is compared with; half-hours where they are known."""
    step_s = 3600
    if period.by is By.DAY and view.point.medium is Medium.ELECTRICITY:
        halves = await beside(house, view, period.bounds(house, HALF_HOUR_S), now)
        if any(value is not None for value in halves.values) and not any(gap.slots for gap in halves.gaps):
            step_s = HALF_HOUR_S
    found = await beside(house, view, period.bounds(house, step_s), now)
    before = await beside(house, view, period.before().bounds(house, step_s), now)
    slots = len(found.values)
    values = [*before.values, *[None] * slots][:slots]  # 29 February has no day to stand beside
    return found, replace(before, values=values, bounds=[*before.bounds, *[before.bounds[-1]] * slots][: slots + 1])


# Words


async def sentence(house: House, words: Words, view: PointView, period: Period, found: Taken, now: int) -> Markup:
    """How much in the period, and how that compares with the one before up to the same moment."""
    if found.total is None or view.quantity is None:
        if found.bounds[0] >= now:
            return words.say("This has yet to come.")
        return words.say("We have no reading of %(name)s for this time.", name=view.point.name)
    values = {
        "amount": _at_least(
            words,
            found.at_least,
            Markup('<b class="nb">{}</b>').format(
                str(shown.amount(words, view.quantity, view.point.medium, found.total))
            ),
        ),
        "what": words.say(shown.OF_MEDIUM[view.point.medium])
        if view.point.medium in shown.OF_MEDIUM
        else Markup("({})").format(view.point.name),
        "period": period.name(words),
    }
    match period.by:
        case By.DAY:
            said = words.say("On %(period)s: %(amount)s %(what)s.", **values)
        case By.MONTH:
            said = words.say("In %(period)s: %(amount)s %(what)s.", **values)
        case By.YEAR:
            said = words.say("In the year %(period)s: %(amount)s %(what)s.", **values)
        case _:
            assert_never(period.by)
    if not found.from_the_start:
        start = words.local(found.start)
        day = words.day(start.date(), weekday=False, year=period.by is By.YEAR)
        said += " " + words.say("Readings begin on %(day)s at %(time)s.", day=day, time=words.clock(found.start))
        return said
    if found.end < found.bounds[-1] and now < found.bounds[-1]:
        said += " " + words.say("It is not over. Last reading: %(time)s.", time=words.moment(found.end, now))
    elif found.end < found.bounds[-1]:
        said += " " + words.say("Last reading: %(time)s.", time=words.moment(found.end, now))
    if found.at_least:
        return said
    earlier, holder = await _amount_before(house, view, period, found)
    if earlier is not None:
        said += " " + _compared(words, view, period, found, earlier, holder)
    return said


def _at_least(words: Words, at_least: bool, said: Markup) -> Markup:
    return words.say("at least %(amount)s", amount=said) if at_least else said


def holder_name(words: Words, holder: str) -> Markup:
    """`Enedis`; of a table of somebody's own it is said that it is one."""
    return Markup("{}").format(holder) if holder else words.say("a file of yours")


def file_sentences(words: Words, view: PointView, found: Taken) -> list[Markup]:
    """Whose files fill what the meter did not say, and how their days lie."""
    holders = list(
        dict.fromkeys([*(each for each in found.holders if each is not None), *(s.holder for s in found.spans)])
    )
    if not holders:
        return []
    names = joined(words, [holder_name(words, holder) for holder in holders])
    own = view.index is not None and any(
        value is not None and holder is None for value, holder in zip(found.values, found.holders, strict=True)
    )
    said = [
        words.say("Source: %(names)s, for what the meter did not say itself.", names=names)
        if own
        else words.say("Source: %(names)s. Your meter had not spoken yet.", names=names)
    ]
    if found.shifted_at is not None:
        clock = words.clock(found.shifted_at)
        said.append(words.say("There a day runs from %(time)s to %(time)s.", time=clock))
    return said


async def _both_sentences(
    house: House, words: Words, view: PointView, period: Period, said: Sequence[Both]
) -> list[Markup]:
    """What a file and the meter both counted: of a day in full, of a month where they differ most."""
    if period.by is By.DAY:
        whole = await taken(house, view, (period.bounds(house)[0], period.bounds(house)[-1]), house.now())
        said = await both(house, view, whole)
    if not said or view.quantity is None or period.by is By.YEAR:
        return []
    most = max(said, key=lambda each: abs(each.theirs - each.ours))
    scale = shown.scale_for(view.quantity, view.point.medium, [most.theirs, most.ours])
    values = {
        "holder": holder_name(words, most.holder),
        "theirs": str(scale.amount(words, most.theirs)),
        "ours": str(scale.amount(words, most.ours)),
    }
    if period.by is By.DAY:
        return [words.say("%(holder)s says %(theirs)s for this day, your meter %(ours)s.", **values)]
    days_ = words.say_n("On one day", "On %(n)s days", len(said))
    if values["theirs"] == values["ours"]:
        return [
            words.say("%(days)s both %(holder)s and your meter have counted, and they agree.", days=days_, **values)
        ]
    day = words.day(words.local(most.start).date(), weekday=False)
    return [
        words.say("%(days)s both %(holder)s and your meter have counted.", days=days_, **values)
        + " "
        + words.say("They differ most on %(day)s: %(holder)s says %(theirs)s, your meter %(ours)s.", day=day, **values)
    ]


async def _amount_before(
    house: House, view: PointView, period: Period, found: Taken
) -> tuple[Decimal | None, str | None]:
    """What the compared period took up to the same moment: the whole of it, or to the same day and time; and whose it is."""
    bounds = period.before().bounds(house)
    if found.end == found.bounds[-1]:
        end = bounds[-1]
    else:
        day = days.today(house.zone, found.end)
        end = days.same_time(
            house.zone, day - timedelta(days=7) if period.by is By.DAY else days.year_before(day), found.end
        )
    return await amount(house, view, bounds[0], end) if end > bounds[0] else (None, None)


def _compared(
    words: Words, view: PointView, period: Period, found: Taken, earlier: Decimal, holder: str | None
) -> Markup:
    assert view.quantity is not None
    assert found.total is not None
    name = period.before().name(words)
    whole = found.end == found.bounds[-1]
    values = {
        "period": name if whole else words.say("%(period)s up to the same moment", period=name),
        "amount": str(shown.amount(words, view.quantity, view.point.medium, earlier)),
    }
    if holder is not None:
        values["amount"] = Markup("{}, {}").format(values["amount"], holder_name(words, holder))
    if earlier == 0:
        return words.say("%(period)s: %(amount)s.", **values)
    ratio = found.total / earlier - 1
    percent = words.percent(abs(ratio), signed=False)
    if abs(ratio) < LIKE_BEFORE:
        return words.say("That is as much (%(period)s: %(amount)s).", **values)
    if ratio > 0:
        return words.say("That is %(percent)s more (%(period)s: %(amount)s).", percent=percent, **values)
    return words.say("That is %(percent)s less (%(period)s: %(amount)s).", percent=percent, **values)


def _slot_word(words: Words, period: Period, found: Taken) -> Markup:
    match period.by:
        case By.DAY if len(found.values) > 25:
            return words.say("half-hour")
        case By.DAY:
            return words.say("hour")
        case By.MONTH:
            return words.say("day")
        case By.YEAR:
            return words.say("month")
    assert_never(period.by)


# Drawing and table


def drawing(words: Words, view: PointView, period: Period, found: Taken, before: Taken, scale: Scale) -> Markup:
    values = [None if value is None else scale.of(value) for value in found.values]
    earlier = [None if value is None else scale.of(value) for value in before.values]
    shares = [scale.of(gap.total) / gap.slots for gap in found.gaps if gap.total is not None]
    steps = charts.grid_steps([*values, *earlier, *shares])
    marks, edges = _labels(words, period, found.bounds)
    label = words.say("%(name)s, %(period)s", name=view.point.name, period=plain(period.name(words)))
    if found.total is not None and view.quantity is not None:
        total = shown.amount(words, view.quantity, view.point.medium, found.total)
        label = words.say("%(what)s: %(amount)s in all.", what=label, amount=total)
    bars = charts.Bars(
        hue=shown.HUES[view.point.medium],
        label=plain(label),
        values=values,
        gaps=[_gap(words, scale, period, gap) for gap in found.gaps],
        before=earlier,
        running=found.running,
        framed=[number for number, holder in enumerate(found.holders) if holder is not None],
        marks=marks,
        edges=edges,
    )
    return charts.large_bars(bars, steps, step_words(words, steps))


def step_words(words: Words, steps: Sequence[Decimal]) -> list[str]:
    """The grid's numbers, all with the decimals of their step."""
    decimals = max(0, -int(steps[0].normalize().as_tuple().exponent)) if steps else 0
    return [words.number(step, decimals) for step in steps]


def _gap(words: Words, scale: Scale, period: Period, gap: charts.Gap) -> charts.Gap:
    if gap.total is None:
        return gap
    amount = scale.amount(words, gap.total)
    said = {
        By.DAY: words.say("%(amount)s in all", amount=amount),
        By.MONTH: words.say_n("%(amount)s in a day", "%(amount)s in %(n)s days", gap.slots, amount=amount),
        By.YEAR: words.say_n("%(amount)s in a month", "%(amount)s in %(n)s months", gap.slots, amount=amount),
    }[period.by]
    return replace(gap, total=scale.of(gap.total), words=str(said))


def _labels(words: Words, period: Period, bounds: Sequence[int]) -> tuple[list[tuple[int, str]], list[tuple[int, str]]]:
    match period.by:
        case By.DAY:
            return [], hour_edges(words, bounds)
        case By.MONTH:
            return [(slot, str(slot + 1)) for slot in range(0, len(bounds) - 1, 5)], []
        case By.YEAR:
            return [
                (slot, words.month_letters(date(period.start.year, slot + 1, 1))[:1].upper()) for slot in range(12)
            ], []
    assert_never(period.by)


def table(
    words: Words,
    view: PointView,
    period: Period,
    found: Taken,
    before: Taken,
    scale: Scale,
    said: Sequence[Both] = (),
    beside_it: Sequence[Also] = (),
) -> list[TableRow]:
    rows = []
    theirs = {each.number: scale.number(words, each.theirs) for each in said}
    for slot, (value, earlier) in enumerate(zip(found.values, before.values, strict=True)):
        holder = found.holders[slot] if found.holders else None
        part = found.partly[slot] if found.partly else None
        more = [column.values[slot] for column in beside_it]
        if (
            value is None
            and earlier is None
            and not any(more)
            and not any(gap.first <= slot <= gap.last for gap in found.gaps)
        ):
            continue
        label, link = _row_label(words, view, period, found.bounds, slot)
        text = None
        if value is not None:
            text = cell(words, found, slot, scale.number(words, value))
        elif part is not None:
            text = str(words.say("at least %(amount)s", amount=scale.number(words, part)))
        if text is not None and holder is not None:
            text = f"{text} ({plain(holder_name(words, holder))})"
        rows.append(
            TableRow(
                label,
                text,
                None if earlier is None else scale.number(words, earlier),
                theirs.get(slot),
                link if text is not None else None,
                more,
            )
        )
    return rows


def _row_label(
    words: Words, view: PointView, period: Period, bounds: Sequence[int], slot: int
) -> tuple[Markup, str | None]:
    start = words.local(bounds[slot]).date()
    match period.by:
        case By.DAY:
            return Markup("{} – {}").format(*words.clocks(bounds[slot], bounds[slot + 1])), None
        case By.MONTH:
            return words.day(start), Period.of(By.DAY, start).link(view.point.id)
        case By.YEAR:
            return Markup("{}").format(words.month(start)), Period.of(By.MONTH, start).link(view.point.id)
    assert_never(period.by)


@dataclass(frozen=True, slots=True)
class PowerDrawing:
    drawing: Markup
    unit: str
    sentence: Markup


async def _power(house: House, words: Words, view: PointView, period: Period, now: int) -> PowerDrawing | None:
    """The present power or flow over the day, where the meter says one."""
    if view.level is None:
        return None
    bounds = period.bounds(house, CURVE_STEP_S)
    slots = len(bounds) - 1
    found = await house.curve(view.level.series, bounds[0], bounds[-1], slots)
    if not found.at:
        return None
    quantity, medium = view.level.quantity, view.point.medium
    scale = shown.scale_for(quantity, medium, found.high)
    places = [bisect_right(bounds, at) - 1 for at in found.at]
    low, mean, high = (
        _spread(slots, places, [scale.of(value) for value in values]) for values in (found.low, found.mean, found.high)
    )
    steps = charts.grid_steps(high)
    slots_an_hour = 3600 // CURVE_STEP_S
    top = max(range(len(found.high)), key=lambda entry: found.high[entry])
    said = words.say(
        "The most was %(amount)s, around %(time)s.",
        amount=shown.amount(words, quantity, medium, found.high[top]),
        time=words.clock(found.at[top]),
    )
    curve = charts.Line(
        hue=shown.HUES[medium],
        label=plain(words.say("%(name)s through the day", name=view.point.name) + ". " + said),
        low=low,
        mean=mean,
        high=high,
        gaps=[gap for gap in charts.gaps_in(mean, places[0], places[-1]) if gap.slots >= slots_an_hour // 2],
        edges=hour_edges(words, bounds),
    )
    return PowerDrawing(charts.line(curve, steps, step_words(words, steps)), scale.unit, said)


def _spread(slots: int, places: Sequence[int], values: Sequence[Decimal]) -> list[Decimal | None]:
    """Entries at their slots; the rest was not heard."""
    spread: list[Decimal | None] = [None] * slots
    for place, value in zip(places, values, strict=True):
        spread[place] = value
    return spread
