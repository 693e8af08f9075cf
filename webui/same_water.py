"""That two leaks told of two meters are one, in words: with what is known of it (gateway/services/same_water.py), or perhaps."""

from collections.abc import Callable, Sequence
from dataclasses import replace

from markupsafe import Markup

from gateway.services import alarm, same_water
from gateway.services.model import Finding, Service, Story
from webui.told import Told, about
from webui.words import Words

# A leak's size and beginning are known to about so much; of a meter heard once a day to a day and what lies beside it.
SIZE_FACTOR = 1.5
APART_S, APART_S_DAYS = 6 * 3600, 2 * 86_400
DAY_H = 24

# A metering point's name; None where there is none such any more.
NameOf = Callable[[str], str | None]


def with_others(words: Words, told: Told, story: Story, stories: Sequence[Story], name_of: NameOf) -> Told:
    """`told` of a leak that goes on, with what the other leaks among the open `stories` have in common with it."""
    if not _is_leak(story):
        return told
    said, rows, alike = [told.sentence], list(told.grounds), []
    for other in stories:
        name = name_of(other.finding.point)
        if other.finding.point == story.finding.point or not _is_leak(other) or name is None:
            continue
        if (sentence := _known(words, story.finding, other.finding, name)) is not None:
            said.append(sentence)
            rows.append(_row(words, story.finding, other.finding.point, name))
        elif same_water.APART_FROM + other.finding.point not in story.finding.grounds and _alike(story, other):
            alike.append(name)
    if len(alike) == 1:  # of several, in a stairwell, nobody knows which
        said.append(
            words.say(
                "The meter “%(name)s” says much the same at the same time: perhaps it is one leak, told of both.",
                name=alike[0],
            )
        )
    return replace(told, sentence=Markup(" ").join(said), grounds=rows)


def _known(words: Words, finding: Finding, other: Finding, name: str) -> Markup | None:
    """None where it is not known that both count the same water."""
    is_within, holds = (ground + other.point in finding.grounds for ground in (same_water.WITHIN, same_water.HOLDS))
    if not (is_within or holds):
        return None
    size, others = _l_per_h(finding), _l_per_h(other)
    both = size is not None and others is not None
    is_less = both and SIZE_FACTOR * (size or 0) < (others or 0)
    is_more = both and SIZE_FACTOR * (others or 0) < (size or 0)
    if holds and not is_within and is_more:
        return words.say(
            "Part of it the meter “%(name)s” counts, too: look for a leak behind that one, and for another one before it.",
            name=name,
        )
    if holds and not is_within and not is_less:
        return words.say(
            "It is most likely the leak that the meter “%(name)s” counts, too: look behind that one first.", name=name
        )
    if is_within and not holds and is_less:
        return words.say("The meter “%(name)s” counts this water, too, and more.", name=name)
    said = words.say(
        "The meter “%(name)s” counts this water, too: it is most likely one leak, told of both.", name=name
    )
    if not (is_less or is_more):
        return said
    # One meter counts no other water than itself, and what stands behind another one no more than that.
    flow = words.say_n("%(n)s litre", "%(n)s litres", about(others or 0))
    return (
        said
        + " "
        + words.say(
            "That one says about %(flow)s an hour: which of the two is right, the box does not know.", flow=flow
        )
    )


def _row(words: Words, finding: Finding, point: str, name: str) -> tuple[Markup, str]:
    grounds = finding.grounds
    litres = max(grounds.get(ground + point, 0.0) for ground in (same_water.WITHIN, same_water.HOLDS))
    amount = words.say_n("%(n)s litre", "%(n)s litres", about(litres))
    label = words.say("Counted by “%(name)s” at the same time, these two days", name=name)
    return label, str(words.say("about %(amount)s", amount=amount))


def _alike(story: Story, other: Story) -> bool:
    """Whether they began together, and are of one size."""
    one, two = _l_per_h(story.finding), _l_per_h(other.finding)
    if one is None or two is None or max(one, two) > SIZE_FACTOR * min(one, two):
        return False
    by_day = any("l_per_day" in each.finding.grounds for each in (story, other))
    return abs(story.finding.since - other.finding.since) <= (APART_S_DAYS if by_day else APART_S)


def _l_per_h(finding: Finding) -> float | None:
    """How much runs; of days that took more than usual, how much more. None where nobody knows."""
    grounds = finding.grounds
    if "l_per_day" in grounds:
        return (grounds["l_per_day"] - grounds.get("usual_l_per_day", 0.0)) / DAY_H
    return grounds.get("l_per_h")


def _is_leak(story: Story) -> bool:
    finding = story.finding
    return story.is_open and finding.service is Service.LEAK and finding.kind not in alarm.NO_STEPS
