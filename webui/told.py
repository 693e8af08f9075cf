"""What the words of all services are made of (webui/stories.py, webui/troubles.py)."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal

from markupsafe import Markup

from gateway.services.model import Story
from webui.words import Words

# A ground that is put to a story for who reads it elsewhere: that nobody is at home is not said there.
ELSEWHERE = "elsewhere"
# A weekday alone names a day of the last six.
WEEK_DAYS = 6


@dataclass(frozen=True, slots=True)
class Told:
    """A story as a person reads it; `what_to_do` is empty where it is over, or where there is nothing to do."""

    sentence: Markup
    what_to_do: Markup
    grounds: Sequence[tuple[Markup, str]]  # a label and a figure with its unit


# The words, the story, its metering point's name, and now (UTC seconds).
Say = Callable[[Words, Story, str, int], Told]


def for_elsewhere(story: Story) -> Story:
    """The story as a message tells it."""
    return replace(story, finding=replace(story.finding, grounds={**story.finding.grounds, ELSEWHERE: 1.0}))


def when(words: Words, at: int, now: int) -> Markup:
    """A moment to stand behind a verb or "since": `today`, a weekday of this week, else the date."""
    days = (words.local(now).date() - words.local(at).date()).days
    if 0 < days <= WEEK_DAYS:
        return words.say("%(day)s at %(time)s", day=words.weekday(words.local(at).date()), time=words.clock(at))
    return words.since(at, now)


def so_long(words: Words, hours: float) -> str:
    """`20 min`, `8 hours`, `3 days`."""
    if hours < 1:
        return words.duration(max(60, round(hours * 60) * 60))
    if hours < 48:
        return str(words.say_n("%(n)s hour", "%(n)s hours", round(hours)))
    return str(words.say_n("%(n)s day", "%(n)s days", round(hours / 24)))


def interval(words: Words, interval_s: float) -> str:
    return words.duration(round(interval_s / 60) * 60 if interval_s >= 60 else max(1, round(interval_s)))


def about(figure: float) -> int:
    """To two digits, the second of them a nought or a five from three on: what "about" promises, and no more."""
    step = Decimal(1)
    whole = Decimal(repr(figure))
    while whole / step >= 100:
        step *= 10
    if whole / step >= 30:
        step *= 5
    return int((whole / step).to_integral_value() * step)
