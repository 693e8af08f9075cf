"""What a message says: a story in the page's own sentences, as plain text; or, where its grant says no more, that there is one."""

from collections.abc import Mapping

from gateway.alerts import Alerts
from gateway.grants import Grant
from gateway.house import House
from gateway.messages import Due, Text, What
from gateway.services.model import Service, Story
from gateway.way import Form
from webui import week
from webui.alerts import told_of
from webui.told import when
from webui.words import Words, mark, plain

# The first thing that is read of it, on a telephone that lies on a table.
SUBJECTS: Mapping[Service, str] = {
    Service.LEAK: mark("Water is running"),
    Service.FROST: mark("A meter may freeze"),
    Service.HABIT: mark("More than usual is used"),
    Service.SILENCE: mark("Something does not work as usual"),
}


async def speak(languages: Mapping[str, Words], house: House, alerts: Alerts, grant: Grant, due: Due) -> Text | None:
    """The message in the language that was asked for; None where there is nothing to say."""
    telling, way = grant.telling, grant.way
    assert telling is not None
    assert way is not None
    words = languages[telling.language]
    where = words.say("You can read more on the page of your box, at home: %(page)s", page=telling.page)
    if due.what is What.TRIAL:
        said = words.say("This is a trial message of your meter box. If you read it, messages arrive.")
        return Text(plain(words.say("A trial of your meter box")), plain(said))
    if way.form is Form.NOTICE:
        return _notice(words, due)
    if due.what is What.ENDING:
        said = words.say(
            "After %(day)s you get no more messages here from your meter box. If you want to go on, say so once more on its page, at home: %(page)s",
            day=words.day(words.local(grant.until).date()),
            page=telling.page,
        )
        return Text(plain(words.say("Messages of your meter box end soon")), plain(said))
    found = await week.digest(words, house, alerts, due.monday) if due.monday is not None else None
    if due.story is not None:
        found = _story(words, house, alerts, due.story)
    return None if found is None else Text(found.subject, f"{found.text}\n\n{plain(where)}")


def _story(words: Words, house: House, alerts: Alerts, story: Story) -> Text:
    now = house.now()
    _, told, is_stale = told_of(house, alerts, words, story, elsewhere=True)
    subject = words.say(SUBJECTS[story.finding.service])
    parts = [told.sentence, told.what_to_do]
    if is_stale:
        since = when(words, story.found_at, now)
        parts.append(words.say("So it was %(time)s. The box has not been able to look since then.", time=since))
    if story.solved_at is not None:
        subject = words.say("It is over: %(what)s", what=subject)
        parts.append(words.say("It has been over since %(time)s.", time=when(words, story.solved_at, now)))
    return Text(plain(subject), "\n\n".join(plain(part) for part in parts if part))


def _notice(words: Words, due: Due) -> Text:
    """Nothing of what it is about: whoever carries it, or looks over a shoulder, learns that there is a box."""
    if due.what is What.OVER:
        said = words.say("What needed your attention at home is over.")
    elif due.what is What.ENDING:
        said = words.say(
            "You will soon get no more messages here. If you want to go on, say so once more on the page of your box, at home."
        )
    else:
        said = words.say(
            "Something at home needs your attention. Look at the page of your box, or ask whoever is there."
        )
    return Text(plain(words.say("Your meter box")), plain(said))
