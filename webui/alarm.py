"""What a meter says itself of a leak, in words (gateway/services/alarm.py): without litres, which it does not say."""

from markupsafe import Markup

from gateway.services import alarm
from gateway.services.model import Story
from webui.told import Told, interval, so_long, when
from webui.words import Words, mark

SAYS = {
    alarm.LEAK: mark("The meter itself has said since %(since)s that water leaks. How much, it does not say."),
    alarm.BURST: mark(
        "The meter itself has said since %(since)s that a pipe may have burst. If it is not you who takes water, close the stopcock."
    ),
    alarm.HEATING: mark(
        "The meter “%(name)s” itself has said since %(since)s that water leaks: from the heating, or at what is wired to this meter."
    ),
    alarm.BACKFLOW: mark("The meter itself has said since %(since)s that water runs backwards through it."),
}
SAID = {
    alarm.LEAK: mark("For about %(time)s the meter itself said that water leaks. How much, it did not say."),
    alarm.BURST: mark("For about %(time)s the meter itself said that a pipe may have burst."),
    alarm.HEATING: mark("For about %(time)s the meter “%(name)s” itself said that water leaks."),
    alarm.BACKFLOW: mark("For about %(time)s the meter itself said that water runs backwards through it."),
}
WHAT_TO_DO = {
    alarm.LEAK: mark(
        "Close every tap, and look at the meter. If it still turns, close the stopcock when you do not need water, and look for where it runs: a toilet most often. If you find nothing, call a plumber."
    ),
    alarm.BURST: mark(
        "The stopcock is most often beside the meter, or where the water comes into your home. Once it is closed, look for where it runs, and call a plumber."
    ),
    alarm.HEATING: mark(
        "Look below the radiators, at the pipes and at the boiler, and at the heating’s pressure gauge. If it falls, or if anything is wet, call whoever looks after the heating, or your landlord."
    ),
    alarm.BACKFLOW: mark(
        "Take hoses out of a pool, a pond, a basin: water could be drawn back from them into the water that you drink. Else the valve that lets water pass one way only may be worn, or the meter be fitted the wrong way round: tell your water service, or a plumber."
    ),
}
# Beside a leak that the box found itself: that it is one, the meter's word says no better.
TOO = {
    alarm.BURST: mark("The meter itself says that a pipe may have burst."),
    alarm.BACKFLOW: mark("The meter itself says that water also runs backwards through it."),
}
ROWS = {
    alarm.LEAK: mark("The meter itself says “leak” since"),
    alarm.BURST: mark("The meter itself says “burst” since"),
    alarm.BACKFLOW: mark("The meter itself says “backwards” since"),
    alarm.HEATING: mark("The meter itself says “leak” since"),
}


def say_alarm(words: Words, story: Story, name: str, now: int) -> Told:
    """A leak that the meter alone says."""
    finding = story.finding
    kind, grounds = finding.kind, finding.grounds
    still = so_long(words, grounds["still_s"] / 3600) if "still_s" in grounds else None
    rows = [(words.say("The meter"), name), *own_words(words, story, now)]
    if still is not None:
        rows.append((words.say("Since then its index stood still for as long as"), still))
    if "interval_s" in grounds:
        rows.append((words.say("Between two messages of the meter"), interval(words, grounds["interval_s"])))
    rows.append((words.say("Its last message"), str(when(words, story.found_at, now))))
    if not story.is_open:
        time = so_long(words, (story.found_at - finding.since) / 3600)
        return Told(words.say(SAID[kind], time=time, name=name), Markup(""), rows)
    said = [words.say(SAYS[kind], since=when(words, finding.since, now), name=name)]
    if still is not None:
        said.append(
            words.say(
                "But its index has stood still for %(time)s since then: perhaps it is over, or runs only now and then.",
                time=still,
            )
        )
    return Told(Markup(" ").join(said), words.say(WHAT_TO_DO[kind]), rows)


def too(words: Words, story: Story) -> Markup:
    """What the meter says itself, to stand behind a leak that the box found; empty where that is no news."""
    grounds = story.finding.grounds
    said = [words.say(text) for kind, text in TOO.items() if alarm.GROUNDS[kind] in grounds and _is_news(story, kind)]
    return Markup(" ").join(said)


def own_words(words: Words, story: Story, now: int) -> list[tuple[Markup, str]]:
    """A row for each thing that the meter says itself."""
    grounds = story.finding.grounds
    return [
        (words.say(label), str(when(words, int(grounds[alarm.GROUNDS[kind]]), now)))
        for kind, label in ROWS.items()
        if alarm.GROUNDS[kind] in grounds
    ]


def _is_news(story: Story, kind: str) -> bool:
    return story.is_open and (kind, story.finding.kind) != (alarm.BURST, "burst")
