"""What a message says: a story in the page's own sentences, as plain text; or, where its grant says no more, that there is one."""

from collections.abc import Mapping

from gateway.grants import Grant
from gateway.house import House
from gateway.messages import Due, Text, What
from gateway.services.model import Service, Story
from gateway.way import Form
from webui.price import priced
from webui.stories import SAY
from webui.told import when
from webui.troubles import name_of
from webui.words import Words, mark, plain

# The first thing that is read of it, on a telephone that lies on a table.
SUBJECTS: Mapping[Service, str] = {
    Service.LEAK: mark("Water is running"),
    Service.FROST: mark("A meter may freeze"),
    Service.SILENCE: mark("Something does not work as usual"),
}
OVER = mark("It is over: %(what)s")


async def speak(languages: Mapping[str, Words], house: House, grant: Grant, due: Due) -> Text | None:
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
    if due.story is None:
        return None
    subject, text = story(words, house, due.story)
    return Text(subject, f"{text}\n\n{plain(where)}")


def story(words: Words, house: House, told: Story) -> tuple[str, str]:
    """A subject and a text."""
    finding, now = told.finding, house.now()
    view = house.point(finding.point)
    name = (name_of(words, finding.point) or finding.point) if view is None else view.point.name
    said = SAY[finding.service](words, priced(told, house), name, now)
    subject = plain(words.say(SUBJECTS[finding.service]))
    parts = [plain(said.sentence)]
    if said.what_to_do:
        parts.append(plain(said.what_to_do))
    if told.solved_at is not None:
        subject = plain(words.say(OVER, what=subject))
        parts.append(plain(words.say("It has been over since %(time)s.", time=when(words, told.solved_at, now))))
    return subject, "\n\n".join(parts)


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
