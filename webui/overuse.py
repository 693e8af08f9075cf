"""Over-use against the home's own habit, in words (gateway/services/habit.py)."""

from collections.abc import Mapping
from decimal import Decimal

from markupsafe import Markup

from gateway.services.habit import HABIT_DAYS, MUCH_MORE
from gateway.services.model import Story
from webui.told import Told, when
from webui.words import NO_BREAK, Words, mark

DAY_S, MONTH_DAYS = 86_400, 30
PER_DAY = "_per_day"
# What the grounds call a unit ends so: what is read, and how many of the one make one of the other.
READ_IN = {"wh": ("kWh", 1000), "j": ("MJ", 1_000_000), "l": ("L", 1), "gas_l": ("m³", 1000)}
WHAT_TO_DO = {
    "electricity": mark(
        "Go round at night, before you sleep: what still runs? Often it is an electric heater, a freezer with ice on its walls, a water heater that never stops, or a pump. Switch them off one after the other, and watch the power on the first page."
    ),
    "gas": mark(
        "Look at what the boiler is set to, and whether a window stays open or hot water runs. If you smell gas: open the windows, touch no switch, go out, and call the gas emergency number (in France 0 800 47 33 33)."
    ),
    "heat": mark(
        "Look for a window that stays open, a radiator that is hot though its valve is closed, and a thermostat that somebody turned up."
    ),
    "water": mark(
        "Look at the toilets (one may run on now and then), at the garden's tap, and at a water softener that rinses too often."
    ),
}


def say_habit(words: Words, story: Story, name: str, now: int) -> Told:
    """`<unit>_per_day` and `usual_<unit>_per_day` are needed; of the other grounds those that are known."""
    finding, grounds = story.finding, story.finding.grounds
    unit = next(key for key in grounds if key.endswith(PER_DAY) and f"usual_{key}" in grounds).removesuffix(PER_DAY)
    taken, usual = grounds[unit + PER_DAY], grounds[f"usual_{unit}{PER_DAY}"]
    values = {
        "days": _days(words, story),
        "name": name,
        "more": _amount(words, unit, taken),
        "usual": _amount(words, unit, usual),
    }
    rows = _rows(words, story, unit, name, now)
    if not story.is_open:
        return Told(_was(words, story, values), Markup(""), rows)
    values["more"] = Markup('<b class="nb">{}</b>').format(values["more"])
    if finding.kind == MUCH_MORE:
        sentence = words.say(
            "For %(days)s the meter “%(name)s” has counted about %(more)s a day, instead of about %(usual)s: much more than usual on such days.",
            **values,
        )
    else:
        share = words.percent(Decimal(repr(taken / usual)) - 1, signed=False)
        sentence = words.say(
            "For %(days)s the meter “%(name)s” has counted about %(more)s a day, instead of about %(usual)s: %(share)s more than usual on such days.",
            share=share, **values,
        )  # fmt: skip
    if (price := grounds.get("price_per_m3", 0)) > 0:
        euros = (taken - usual) / 1000 * price * MONTH_DAYS
        sentence += " " + words.say("That makes about %(cost)s more a month.", cost=_euros(words, euros))
    medium = next(word for word in WHAT_TO_DO if word in unit)
    return Told(sentence, words.say(WHAT_TO_DO[medium]), rows)


def _was(words: Words, story: Story, values: Mapping[str, object]) -> Markup:
    assert story.solved_at is not None
    if story.solved_at - story.finding.since >= HABIT_DAYS * DAY_S:
        return words.say(
            "For %(days)s the meter “%(name)s” counted about %(more)s a day, instead of about %(usual)s. The box now takes that for your habit.",
            **values,
        )
    return words.say(
        "For %(days)s the meter “%(name)s” counted about %(more)s a day, instead of about %(usual)s.", **values
    )


def _rows(words: Words, story: Story, unit: str, name: str, now: int) -> list[tuple[Markup, str]]:
    finding, grounds = story.finding, story.finding.grounds
    rows = [
        (words.say("The meter"), name),
        (words.say("Since"), str(words.day(words.local(finding.since).date()))),
        (words.say("These days"), _a_day(words, unit, grounds[unit + PER_DAY])),
        (words.say("Usually, on such days"), _a_day(words, unit, grounds[f"usual_{unit}{PER_DAY}"])),
    ]
    if (limit := grounds.get(f"limit_{unit}{PER_DAY}")) is not None:
        rows.append((words.say("Told from so much more on"), _a_day(words, unit, limit)))
    if (past := grounds.get("past_days")) is not None:
        rows.append((words.say("Compared with"), str(words.say_n("%(n)s day", "%(n)s days", round(past)))))
    if (degrees_c := grounds.get("degrees_c")) is not None:
        rows.append((words.say("Outside, in the mean"), f"{words.number(_rounded(degrees_c), 1)}{NO_BREAK}°C"))
    if (per_degree := grounds.get(f"{unit}_per_degree")) is not None:
        rows.append((words.say("For each degree colder, usually"), _a_day(words, unit, per_degree)))
    for ground, label in (
        ("night_w", mark("These nights, from 2 to 5 o'clock")),
        ("usual_night_w", mark("Usually, at these hours")),
    ):
        if ground in grounds:
            watts = words.number(int(Decimal(f"{grounds[ground]:.2g}")))
            rows.append((words.say(label), str(words.say("about %(amount)s", amount=f"{watts}{NO_BREAK}W"))))
    rows.append((words.say("Counted up to"), str(when(words, story.found_at, now))))
    return rows


def _days(words: Words, story: Story) -> str:
    return str(words.say_n("%(n)s day", "%(n)s days", max(1, round((story.found_at - story.finding.since) / DAY_S))))


def _a_day(words: Words, unit: str, amount: float) -> str:
    return str(words.say("about %(amount)s a day", amount=_amount(words, unit, amount)))


def _amount(words: Words, unit: str, amount: float) -> str:
    """To two digits: what "about" promises."""
    read, many = READ_IN["gas_l" if unit == "gas_l" else unit.rpartition("_")[2]]
    number = Decimal(f"{amount / many:.2g}")
    decimals = 1 if 0 < abs(number) < 10 and read != "L" else 0
    return f"{words.number(number, decimals)}{NO_BREAK}{read}"


def _euros(words: Words, euros: float) -> str:
    number = words.number(int(Decimal(f"{max(1.0, euros):.2g}")))
    return f"€{number}" if words.language == "en" else f"{number}{NO_BREAK}€"


def _rounded(degrees_c: float) -> Decimal:
    return Decimal(repr(round(degrees_c, 1)))
