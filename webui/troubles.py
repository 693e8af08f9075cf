"""What is silent or in trouble, in words: meters, lines, the card, the keys, the clock, the back-ups (gateway/services/silence.py)."""

from markupsafe import Markup

from gateway.services import room, silence
from gateway.services.model import Story
from webui import status
from webui.told import Told, about, interval, so_long, when
from webui.words import Words, mark

BOX_NAMES = {
    silence.CARD_SUBJECT: mark("The memory card"),
    silence.KEYS_SUBJECT: mark("The keys"),
    silence.BACKUP_SUBJECT: mark("Back-ups"),
    silence.CLOCK_SUBJECT: mark("The box’s clock"),
}
LOOK_FOR_METER = mark(
    "As long as it works it counts on, and nothing is lost. Look whether it is still in its place, plugged in if it has a plug, and whether nothing hides it (a cupboard, a sheet of metal). If it was exchanged, add the new one on the page of the meters. Else its battery may be empty: tell the company that fitted it."
)
LOOK_FOR_LINE = mark(
    "Look whether its stick, cable or aerial sits firmly, at both ends. Pull it out, count to ten, and plug it in again. If it goes over the home network, look whether the device at the other end is switched on. The box tries again by itself."
)
# What a meter says itself, by its rank.
OF_METER = {
    1: mark(
        "Nothing is urgent: it still counts. Tell the company that fitted it, or your landlord, before it falls silent. If it is yours, change its battery, or the device."
    ),
    2: mark(
        "Often it is only a knock, a magnet, or work that was done there. Look at it without opening it, and take away what is magnetic. If it was not you, tell the company that fitted it."
    ),
    3: mark(
        "Until somebody has looked at it, its figures may be wrong. Write down what it shows, and tell the company that fitted it."
    ),
}
DO_NOT_UNPLUG = mark("Do not unplug the box: what is not saved would be lost.")


def name_of(words: Words, subject: str) -> str | None:
    """What a story is about that belongs to no metering point; None where it is one's id."""
    if subject.startswith(silence.PORT):
        return words.say("The line “%(name)s”", name=_line(subject))
    return words.say(BOX_NAMES[subject]) if subject in BOX_NAMES else None


def say_silence(words: Words, story: Story, name: str, now: int) -> Told:
    """No ground is needed."""
    subject = story.finding.point
    if subject.startswith(silence.PORT):
        return _of_line(words, story, now)
    if subject == silence.BACKUP_SUBJECT:
        return _of_backups(words, story, now)
    if subject == silence.CLOCK_SUBJECT:
        return _of_clock(words, story, now)
    if story.finding.kind == room.NEARLY_FULL:
        return _of_room(words, story, now)
    if subject in BOX_NAMES:
        return _of_box(words, story, now)
    return _of_silence(words, story, name, now) if story.finding.kind == silence.SILENT else _said(words, story, name)


def _of_silence(words: Words, story: Story, name: str, now: int) -> Told:
    finding = story.finding
    rows = [
        (words.say("The meter"), name),
        (words.say("Heard for the last time"), str(when(words, finding.since, now))),
        *_figures(words, story),
    ]
    if not story.is_open:
        sentence = words.say(
            "The meter “%(name)s” was not heard for about %(time)s.", name=name, time=_lasted(words, story)
        )
        return Told(sentence, Markup(""), rows)
    sentence = words.say(
        "The meter “%(name)s” has not been heard since %(since)s.", name=name, since=when(words, finding.since, now)
    )
    return Told(sentence, words.say(LOOK_FOR_METER), rows)


def _said(words: Words, story: Story, name: str) -> Told:
    code = story.finding.kind
    said = status.said(words, (code,))
    rows = [(words.say("The meter"), name), (words.say("Its own word"), code)]
    if not story.is_open:
        sentence = words.say("The meter “%(name)s” said: %(said)s. It says so no longer.", name=name, said=said)
        return Told(sentence, Markup(""), rows)
    sentence = words.say("The meter “%(name)s” says it itself: %(said)s.", name=name, said=said)
    to_do = OF_METER.get(silence.rank_of(code))
    return Told(sentence, words.say(to_do) if to_do else Markup(""), rows)


def _of_line(words: Words, story: Story, now: int) -> Told:
    finding = story.finding
    name, since = _line(finding.point), when(words, finding.since, now)
    rows = [(words.say("The line"), name), (words.say("Since"), str(since)), *_figures(words, story)]
    if not story.is_open:
        sentence = words.say(
            "The line “%(name)s” was silent for about %(time)s.", name=name, time=_lasted(words, story)
        )
        return Told(sentence, Markup(""), rows)
    if finding.kind == silence.CLOSED:
        sentence = words.say(
            "The line “%(name)s” has not answered since %(since)s: the box does not hear the meters that speak on it.",
            name=name, since=since,
        )  # fmt: skip
    elif "meters" in finding.grounds:
        sentence = words.say(
            "On the line “%(name)s” %(count)s meters have not been heard since %(since)s.",
            name=name, count=words.number(round(finding.grounds["meters"])), since=since,
        )  # fmt: skip
    else:
        sentence = words.say(
            "Nothing that the box understands has come on the line “%(name)s” since %(since)s: it does not hear the meters that speak on it.",
            name=name, since=since,
        )  # fmt: skip
    return Told(sentence, words.say(LOOK_FOR_LINE), rows)


def _of_box(words: Words, story: Story, now: int) -> Told:
    finding = story.finding
    since = when(words, finding.since, now)
    rows = [(words.say("Since"), str(since))]
    if finding.kind == silence.KEYS:
        if not story.is_open:
            was = words.say("Something was wrong with the keys that this box keeps. It is in order again.")
            return Told(was, Markup(""), rows)
        sentence = words.say(
            "Something is wrong with the keys that this box keeps. The meters that it can read without them go on; a key that you type again works."
        )
        return Told(sentence, words.say("On the page of the meters, type the key of each one that asks for it."), rows)
    if not story.is_open:
        sentence = words.say("For about %(time)s the memory card took nothing.", time=_lasted(words, story))
        return Told(sentence, Markup(""), rows)
    if finding.kind == silence.FULL:
        sentence = words.say(
            "The memory card has been full since %(since)s: what the box reads is shown, and not saved.", since=since
        )
        to_do = words.say("Something has to be removed from it: ask whoever installed the box.")
    else:
        sentence = words.say(
            "The memory card has taken nothing since %(since)s: what the box reads is shown, and not saved.",
            since=since,
        )
        to_do = words.say("The card may be worn out: have a new one at hand, and ask whoever installed the box.")
    return Told(sentence, words.say(DO_NOT_UNPLUG) + " " + to_do, rows)


def _of_room(words: Words, story: Story, now: int) -> Told:
    """`free_mb` is needed, `days_left` where it is known."""
    grounds = story.finding.grounds
    left = _room_left(words, grounds["free_mb"])
    rows = [(words.say("Since"), str(when(words, story.finding.since, now))), (words.say("Room left"), str(left))]
    if not story.is_open:
        return Told(words.say("The memory card was nearly full. It has room again."), Markup(""), rows)
    if "days_left" in grounds:
        soon = so_long(words, 24 * grounds["days_left"])
        rows.append((words.say("Full, at the pace of these days, in about"), soon))
        sentence = words.say(
            "The memory card fills up: %(left)s are left, and at the pace of these days it is full in about %(time)s.",
            left=left, time=soon,
        )  # fmt: skip
    else:
        sentence = words.say("The memory card is nearly full: %(left)s are left.", left=left)
    to_do = words.say(
        "All is still saved. Before the card is full, something has to be removed from it: ask whoever installed the box."
    )
    return Told(sentence, to_do, rows)


def _room_left(words: Words, free_mb: float) -> Markup:
    if free_mb < 1000:
        return words.say("about %(amount)s MB", amount=words.number(max(1, about(free_mb))))
    return words.say("about %(amount)s GB", amount=words.number(about(free_mb / 1000)))


def _of_clock(words: Words, story: Story, now: int) -> Told:
    since = when(words, story.finding.since, now)
    rows = [(words.say("The time was told for the last time"), str(since))]
    if not story.is_open:
        return Told(words.say("Nobody had told the box the time for weeks. Somebody has, since."), Markup(""), rows)
    sentence = words.say(
        "Nobody has told the box what time it is since %(since)s: its clock may be some minutes wrong by now.",
        since=since,
    )
    to_do = words.say(
        "On the page of the box, under “Its clock”, tell it the time, even if the one that it shows looks right: it is one button."
    )
    return Told(sentence, to_do, rows)


def _of_backups(words: Words, story: Story, now: int) -> Told:
    grounds = story.finding.grounds
    rows = []
    if "every_s" in grounds:
        rows.append((words.say("Between two back-ups"), so_long(words, grounds["every_s"] / 3600)))
    if not story.is_open:
        return Told(words.say("No back-up could be made for a while. They are made again."), Markup(""), rows)
    if "last_at" in grounds:
        last = when(words, int(grounds["last_at"]), now)
        sentence = words.say("The last back-up was made %(time)s: that is too long ago.", time=last)
    else:
        sentence = words.say("No back-up has been made yet, and the box is to make some by itself.")
    to_do = words.say(
        "Look whether the stick or disk for them is plugged in, and has room left. The box tries again each hour."
    )
    return Told(sentence, to_do, rows)


def _figures(words: Words, story: Story) -> list[tuple[Markup, str]]:
    grounds = story.finding.grounds
    rows = []
    if "interval_s" in grounds:
        rows.append((words.say("Between two messages of the meter"), interval(words, grounds["interval_s"])))
    if "patience_s" in grounds:
        rows.append((words.say("Odd in this home after"), so_long(words, grounds["patience_s"] / 3600)))
    return rows


def _lasted(words: Words, story: Story) -> str:
    return so_long(words, ((story.solved_at or story.found_at) - story.finding.since) / 3600)


def _line(subject: str) -> str:
    return subject.removeprefix(silence.PORT)
