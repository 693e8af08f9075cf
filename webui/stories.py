"""What a service found, in words: one sentence, what to do, and the figures that it rests on. A function a service."""

from collections.abc import Mapping
from dataclasses import replace
from decimal import Decimal

from markupsafe import Markup

from gateway.services import alarm
from gateway.services.absence import USED
from gateway.services.frost import BESIDE, LEAST_C
from gateway.services.model import Service, Story
from webui.alarm import own_words, say_alarm, too
from webui.overuse import say_habit
from webui.told import ELSEWHERE, Say, Told, about, interval, so_long, when
from webui.troubles import say_silence
from webui.words import NO_BREAK, THIN, Words, mark

DAY_H, MONTH_H = 24, 24 * 30


# Water that runs without a pause. By the word of its kind: what it often is, and what to do.
DRIP, TOILET, PIPE, BURST = "drip", "toilet", "pipe", "burst"
# Of a meter that is heard about once a day: days that took more than usual.
DAYS = "days"
# Of one that is heard seldom: an hour or a day that took far more than any of the weeks before.
HOUR, DAY = "hour", "day"
OFTEN = {
    DRIP: mark("Most often it is a tap that drips, or a worn seal."),
    TOILET: mark("Most often it is a toilet that leaks."),
    PIPE: mark(
        "Perhaps it is a tap that was left open, a heating system that is filled up again and again, or a pipe."
    ),
    BURST: mark("If it is not you, close the stopcock."),
}
WHAT_TO_DO = {
    DRIP: mark(
        "Nothing is urgent. Look at the taps, and at the small pipe below the water heater: a new seal is often enough."
    ),
    TOILET: mark(
        "Nothing is urgent to the minute. Put a little syrup or food colouring into the cistern and do not flush: if the water in the bowl takes the colour, that is it."
    ),
    PIPE: mark(
        "Close every tap, and look at the meter. If it still turns, close the stopcock when you do not need water, and call a plumber."
    ),
    BURST: mark(
        "The stopcock is most often beside the meter, or where the water comes into your home. Once it is closed, look for where it runs, and call a plumber."
    ),
}


def say_leak(words: Words, story: Story, name: str, now: int) -> Told:
    """`l_per_h` and `lost_l` are needed; of the other grounds those that are known."""
    finding = story.finding
    if finding.kind in alarm.RANKS:
        return say_alarm(words, story, name, now)
    told = _of_index(words, story, name, now)
    sentence = Markup(" ").join(each for each in (told.sentence, too(words, story)) if each)
    return replace(told, sentence=sentence, grounds=[*told.grounds, *own_words(words, story, now)])


def _of_index(words: Words, story: Story, name: str, now: int) -> Told:
    if story.finding.kind == DAYS:
        return _days_that_took_more(words, story, name, now)
    if story.finding.kind == USED:
        return _used(words, story, name, now)
    if story.finding.kind in (HOUR, DAY):
        return _far_more(words, story, name, now)
    return _running(words, story, name, now)


def _running(words: Words, story: Story, name: str, now: int) -> Told:
    finding = story.finding
    often = words.say(OFTEN[finding.kind]) if finding.kind in OFTEN else Markup("")
    if not story.is_open:
        sentence, often = _leak_was(words, story), Markup("")
    elif finding.kind == BURST:
        sentence = words.say(
            "A lot of water has been running without a pause since %(since)s: about %(flow)s an hour.",
            since=when(words, finding.since, now),
            flow=_bold(_litres(words, finding.grounds["l_per_h"])),
        )
    else:
        sentence = _leak_runs(words, story, now)
    to_do = WHAT_TO_DO.get(finding.kind) if story.is_open else None
    return Told(
        sentence + " " + often if often else sentence,
        words.say(to_do) if to_do else Markup(""),
        _leak_grounds(words, story, name, now),
    )


def _days_that_took_more(words: Words, story: Story, name: str, now: int) -> Told:
    """`days`, `l_per_day` and `usual_l_per_day` are needed."""
    grounds = story.finding.grounds
    more, usual = _litres(words, grounds["l_per_day"]), _litres(words, grounds["usual_l_per_day"])
    days = words.number(round(grounds["days"]))  # three at least
    rows = [
        (words.say("The meter"), name),
        (words.say("Since"), str(when(words, story.finding.since, now))),
        (words.say("These days"), str(words.say("about %(amount)s a day", amount=more))),
        (words.say("Usually, in the four weeks before"), str(words.say("about %(amount)s a day", amount=usual))),
    ]
    if not story.is_open:
        sentence = words.say(
            "For %(days)s days the home took about %(more)s a day, instead of about %(usual)s.",
            days=days, more=more, usual=usual,
        )  # fmt: skip
        return Told(sentence, Markup(""), rows)
    sentence = words.say(
        "For %(days)s days the home has taken about %(more)s of water a day, instead of about %(usual)s. It may be a leak, or more people than usual: the meter is heard about once a day, so the box cannot tell.",
        days=days, more=_bold(more), usual=usual,
    )  # fmt: skip
    to_do = words.say(
        "Write down what the meter shows when nobody takes water, and look again an hour later: if it has moved, water is leaking."
    )
    return Told(sentence, to_do, rows)


def _far_more(words: Words, story: Story, name: str, now: int) -> Told:
    """`litres`, `most_l` and `interval_s` are needed. Whether it still runs nobody knows before the next reading."""
    grounds = story.finding.grounds
    litres, most = _litres(words, grounds["litres"]), _litres(words, grounds["most_l"])
    if story.finding.kind == HOUR:
        sentence = words.say(
            "In one hour the home took about %(litres)s of water. In the weeks before, it never took more than about %(most)s in an hour.",
            litres=_bold(litres), most=most,
        )  # fmt: skip
        often, to_do = OFTEN[BURST], WHAT_TO_DO[BURST]
    else:
        sentence = words.say(
            "In one day the home took about %(litres)s of water. In the weeks before, it never took more than about %(most)s in a day.",
            litres=_bold(litres), most=most,
        )  # fmt: skip
        often, to_do = mark("If you do not know what for, it may be a leak."), WHAT_TO_DO[PIPE]
    rows = [
        (words.say("The meter"), name),
        (words.say("Counted up to"), str(when(words, story.found_at, now))),
        (words.say("Between two messages of the meter"), interval(words, grounds["interval_s"])),
        (words.say("The most in the weeks before"), str(words.say("about %(amount)s", amount=most))),
    ]
    if not story.is_open:
        return Told(sentence, Markup(""), rows)
    return Told(sentence + " " + words.say(often), words.say(to_do), rows)


def _leak_runs(words: Words, story: Story, now: int) -> Markup:
    finding = story.finding
    l_per_h, price = finding.grounds["l_per_h"], finding.grounds.get("price_per_m3", 0)
    flow = about(l_per_h)  # what a person reads is what they would multiply
    hours = MONTH_H if finding.kind == DRIP else DAY_H  # a day of so little costs a few cents
    values = {
        "since": when(words, finding.since, now),
        "flow": _bold(_litres(words, l_per_h)),
        "volume": _litres(words, flow * hours),
        "cost": _bold(_euros(words, flow * hours * price / 1000)),
    }
    if price > 0 and finding.kind == DRIP:
        return words.say(
            "Water has been running without a pause since %(since)s: about %(flow)s an hour, which makes %(volume)s and %(cost)s a month.",
            **values,
        )
    if price > 0:
        return words.say(
            "Water has been running without a pause since %(since)s: about %(flow)s an hour, which makes %(volume)s and %(cost)s a day.",
            **values,
        )
    values["volume"] = _litres(words, flow * DAY_H)
    return words.say(
        "Water has been running without a pause since %(since)s: about %(flow)s an hour, which makes %(volume)s a day.",
        **values,
    )


def _leak_was(words: Words, story: Story) -> Markup:
    return words.say(
        "Water ran without a pause for about %(time)s: about %(volume)s in all.",
        time=so_long(words, (story.found_at - story.finding.since) / 3600),
        volume=_litres(words, story.finding.grounds["lost_l"]),
    )


def _leak_grounds(words: Words, story: Story, name: str, now: int) -> list[tuple[Markup, str]]:
    grounds: Mapping[str, float] = story.finding.grounds
    rows = [
        (words.say("The meter"), name),
        (words.say("Without a pause since"), str(when(words, story.finding.since, now))),
    ]
    for ground, label, figure in (
        ("hours", mark("So long without a pause"), so_long),
        ("limit_h", mark("Odd in this home after"), so_long),
        ("usual_h", mark("The longest that it usually runs at this time of day"), so_long),
        ("l_per_h", mark("Flow"), _flow),
        ("lost_l", mark("Run off since then"), _about_litres),
        ("price_per_m3", mark("Price of water"), _price),
        ("interval_s", mark("Between two messages of the meter"), interval),
    ):
        if ground in grounds:
            rows.append((words.say(label), figure(words, grounds[ground])))
    rows.append((words.say("Counted up to"), str(when(words, story.found_at, now))))
    return rows


# Nobody is at home, and water runs all the same.
# Of a meter that is heard less often, nobody can tell when it was.
EXACT_S_MAX = 2 * 3600


def _used(words: Words, story: Story, name: str, now: int) -> Told:
    """All grounds of gateway/services/absence.py are needed."""
    grounds = story.finding.grounds
    since, until = (when(words, int(grounds[each]), now) for each in ("began_at", "last_at"))
    amount, interval_s = _litres(words, grounds["used_l"]), grounds["interval_s"]
    rows = [
        (words.say("The meter"), name),
        (words.say("Ran in that time"), _about_litres(words, grounds["used_l"])),
        (words.say("It began after"), str(since)),
        (words.say("It last ran"), str(until)),
        (words.say("Told from so much on"), _litres(words, grounds["least_l"])),
        (words.say("Between two messages of the meter"), interval(words, interval_s)),
        (words.say("Counted up to"), str(when(words, story.found_at, now))),
    ]
    if ELSEWHERE in grounds:
        sentence = words.say(
            "Between %(since)s and %(until)s about %(amount)s of water ran.", since=since, until=until, amount=amount
        )
        to_do = words.say("If it is not you, look for where it runs, or close the stopcock.")
        return Told(sentence, to_do if story.is_open else Markup(""), rows)
    if not story.is_open:
        sentence = words.say(
            "Between %(since)s and %(until)s about %(amount)s of water ran, and nobody was at home.",
            since=since, until=until, amount=amount,
        )  # fmt: skip
        return Told(sentence, Markup(""), rows)
    if grounds["runs"] and interval_s <= EXACT_S_MAX:
        sentence = words.say(
            "Since %(since)s about %(amount)s of water have run, though nobody is at home.",
            since=since, amount=_bold(amount),
        )  # fmt: skip
    else:
        sentence = words.say(
            "Between %(since)s and %(until)s about %(amount)s of water ran, though nobody is at home.",
            since=since, until=until, amount=_bold(amount),
        )  # fmt: skip
    if interval_s > EXACT_S_MAX:
        seldom = so_long(words, interval_s / 3600)
        sentence += " " + words.say(
            "The meter says something only each %(interval)s or so: the box cannot tell when exactly.", interval=seldom
        )
    to_do = words.say(
        "If it is you, say that you are back. If not, ask somebody who has a key to look, and to close the stopcock."
    )
    return Told(sentence, to_do, rows)


# Frost at a water meter.
FREEZING, NEAR, COMING, COLD = "freezing", "near", "coming", "cold"
# Longer ahead nobody knows.
HOURS_TO_0_MAX = 24
# By the word of its kind: where the meter's own telegrams say it, and where a thermometer beside it does.
FROST_IS = {
    FREEZING: (
        mark("The meter “%(name)s” is at %(degrees)s: the water in it may be freezing."),
        mark("Beside the meter “%(name)s” it is %(degrees)s: the water in it may be freezing."),
    ),
    NEAR: (
        mark("The meter “%(name)s” is at %(degrees)s: it may freeze."),
        mark("Beside the meter “%(name)s” it is %(degrees)s: it may freeze."),
    ),
    COLD: (
        mark("The meter “%(name)s” is at %(degrees)s, and nobody is at home."),
        mark("Beside the meter “%(name)s” it is %(degrees)s, and nobody is at home."),
    ),
}
FROST_SOON = (
    mark("The meter “%(name)s” is at %(degrees)s and grows colder: it may freeze in about %(time)s."),
    mark("Beside the meter “%(name)s” it is %(degrees)s and grows colder: it may freeze in about %(time)s."),
)
FROST_WAS = (
    mark("The meter was in danger of freezing: %(degrees)s at the lowest."),
    mark("The meter was in danger of freezing: %(degrees)s beside it at the lowest."),
)
FROST_COLD = (
    mark("The meter “%(name)s” is at %(degrees)s."),
    mark("Beside the meter “%(name)s” it is %(degrees)s."),
)
COLD_WAS_AT = mark("It was cold at the meter: %(degrees)s at the lowest.")
COLD_WAS = mark("It was cold at the meter while nobody was at home: %(degrees)s at the lowest.")


def say_frost(words: Words, story: Story, name: str, now: int) -> Told:
    """`degrees_c` and `lowest_c` are needed; of the other grounds those that are known."""
    finding = story.finding
    grounds = finding.grounds
    beside = bool(grounds.get(BESIDE))
    rows = [
        (words.say("The meter"), name),
        (
            words.say("The temperature beside it") if beside else words.say("Its temperature"),
            _degrees(words, grounds["degrees_c"]),
        ),
        (words.say("The lowest of the last twelve hours"), _degrees(words, grounds["lowest_c"])),
    ]
    if "c_per_h" in grounds:
        rows.append((words.say("In an hour"), _degrees(words, grounds["c_per_h"], signed=True)))
    if "cold_c" in grounds:
        rows.append((words.say("Told below, as nobody is at home"), _degrees(words, grounds["cold_c"])))
    rows.append((words.say("Measured"), str(when(words, story.found_at, now))))
    if not story.is_open:
        cold_was = COLD_WAS_AT if ELSEWHERE in grounds else COLD_WAS
        was = cold_was if finding.kind == COLD and not story.worst else FROST_WAS[beside]
        least_c = grounds.get(LEAST_C, grounds["lowest_c"])
        return Told(words.say(was, degrees=_degrees(words, least_c)), Markup(""), rows)
    hours = grounds.get("hours_to_0", HOURS_TO_0_MAX)
    kind = NEAR if finding.kind == COMING else finding.kind
    said = FROST_COLD if kind == COLD and ELSEWHERE in grounds else FROST_IS[kind]
    sentence = words.say(
        FROST_SOON[beside] if kind == NEAR and hours < HOURS_TO_0_MAX else said[beside],
        name=name,
        degrees=_bold(_degrees(words, grounds["degrees_c"])),
        time=so_long(words, max(1, hours)),
    )
    if finding.kind == COLD:
        to_do = words.say(
            "If nobody comes by, it is safest to close the stopcock, and to open the taps so that the pipes run empty. Leave the heating on its lowest step, and ask somebody to look whether it runs."
        )
    else:
        to_do = words.say(
            "Cover the meter and its pipes with something dry (polystyrene, bubble wrap; no straw or rag that gets wet), and close the door of its place. If nobody is at home for days, close the stopcock, and open the taps so that the pipes run empty."
        )
    return Told(sentence, to_do, rows)


SAY: Mapping[Service, Say] = {
    Service.LEAK: say_leak,
    Service.FROST: say_frost,
    Service.SILENCE: say_silence,
    Service.HABIT: say_habit,
}


# Figures, rounded to what they are worth


def _litres(words: Words, litres: float) -> str:
    return str(words.say_n("%(n)s litre", "%(n)s litres", about(litres)))


def _about_litres(words: Words, litres: float) -> str:
    return str(words.say("about %(amount)s", amount=_litres(words, litres)))


def _flow(words: Words, l_per_h: float) -> str:
    return str(words.say("about %(flow)s an hour", flow=_litres(words, l_per_h)))


def _degrees(words: Words, degrees: float, *, signed: bool = False) -> str:
    number = words.number(Decimal(repr(round(degrees, 1))), 1)
    return f"{'+' if signed and degrees > 0 else ''}{number}{NO_BREAK}°C"


def _euros(words: Words, euros: float) -> str:
    """To ten cents below a euro, to half euros below ten."""
    amount = Decimal(repr(euros))
    step = Decimal("0.1") if amount < 1 else Decimal("0.5") if amount < 10 else Decimal(1)
    rounded = max(step, (amount / step).to_integral_value() * step) if amount < 10 else Decimal(about(euros))
    return _money(words, rounded, 0 if rounded == int(rounded) else 2)


def _price(words: Words, price: float) -> str:
    return str(words.say("%(price)s a m³", price=_money(words, Decimal(repr(price)), 2)))


def _money(words: Words, amount: Decimal, decimals: int) -> str:
    number = words.number(amount, decimals)
    return f"€{number}" if words.language == "en" else f"{number}{THIN}€"


def _bold(text: str) -> Markup:
    return Markup('<b class="nb">{}</b>').format(text)
