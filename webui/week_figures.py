"""What the sentences of a week rest on, as a table, with the rule that their words follow."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal

from markupsafe import Markup

from drivers.model import Quantity
from gateway.house import House
from gateway.services import week
from webui import shown
from webui.week_known import Looked, rounded
from webui.words import Words


@dataclass(frozen=True, slots=True)
class Figures:
    """What the sentences rest on: a column a metering point, a row a day, then the week and what it is compared with."""

    columns: Sequence[tuple[str, str]]  # a name, a unit
    rows: Sequence[tuple[Markup, Sequence[str | None]]]


def figures(words: Words, found: Sequence[Looked], monday: date) -> Figures | None:
    if not any(one.known for one in found):
        return None
    scales = [_scale(one) for one in found]
    each_day = [
        (words.day(monday + timedelta(days=number)), [one.facts.week.days[number] if one.by_day else None for one in found])
        for number in range(week.DAYS)
    ]  # fmt: skip
    rows = [
        *each_day,
        (words.say("The week"), [one.facts.week.total for one in found]),
        (words.say("The week before"), [one.facts.before for one in found]),
        (words.say("Usual"), [one.facts.usual for one in found]),
    ]
    said = [
        (
            label,
            [
                None if value is None else scale.number(words, rounded(one, value))
                for one, scale, value in zip(found, scales, values, strict=True)
            ],
        )
        for label, values in rows
    ]
    units = [str(words.say(scale.unit)) if scale.unit else "" for scale in scales]
    return Figures([(one.view.point.name, unit) for one, unit in zip(found, units, strict=True)], said)


def _scale(one: Looked) -> shown.Scale:
    """One unit for the days and the week: litres of water, as in the sentence."""
    if one.quantity is Quantity.VOLUME and one.view.point.medium in shown.WATER_MEDIA:
        return shown.Scale("L", 0, 0)
    return shown.scale_for(one.quantity, one.view.point.medium, [*one.facts.week.days, one.since])


def notes(words: Words, house: House, found: Sequence[Looked], monday: date) -> list[Markup]:
    """How the words are chosen, and what was out of the ordinary in how this week was counted."""
    bounds = week.midnights(house.zone, monday)
    hours = Decimal(bounds[-1] - bounds[0]) / 3600
    said = []
    if hours != week.DAYS * 24:
        said.append(words.say("This week had %(hours)s hours: the clocks were changed.", hours=words.number(hours)))
    for one in found:
        if one.exchanged_at is not None:
            values = {"name": one.view.point.name, "time": words.clock(one.exchanged_at)}
            day = words.weekday(words.local(one.exchanged_at).date())
            said.append(
                words.say(
                    "The meter “%(name)s” was exchanged on %(day)s at %(time)s: both are counted, and what ran between them is not.",
                    day=day,
                    **values,
                )
            )
        if not one.by_day and one.facts.week.total is not None:
            said.append(
                words.say(
                    "%(name)s is read too seldom for single days: its week runs from the last reading before Monday to the last one of Sunday.",
                    name=one.view.point.name,
                )
            )
        if 0 < one.facts.weeks < week.WEEKS_BACK and one.facts.usual is not None:
            said.append(
                words.say(
                    "%(name)s: of the four weeks before, %(n)s are known whole; usual is their mean.",
                    name=one.view.point.name,
                    n=words.number(one.facts.weeks),
                )
            )
    said.append(
        words.say(
            "As usual: within %(like)s of the mean of the four weeks before. A little: up to %(little)s more or less. Much: more than %(much)s. Where too few weeks are known whole, the week before stands in their place; a week that is not known whole is compared with nothing.",
            like=words.percent(week.LIKE, signed=False),
            little=words.percent(week.LITTLE, signed=False),
            much=words.percent(week.MUCH, signed=False),
        )
    )
    return said
