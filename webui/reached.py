"""Ways to a person in plain words: what each is, what is told there, and what stays when it ends."""

from collections.abc import Iterable

from markupsafe import Markup

from gateway.messages import What, about_of, says_over
from gateway.services.model import Service
from gateway.telling import WEEK, Telling
from gateway.way import Form, Kind, Way
from webui.page import joined
from webui.words import Words, mark

NAMES = {
    Kind.MAIL: mark("An e-mail"),
    Kind.NTFY: mark("A telephone, with ntfy"),
    Kind.EVENT: mark("Home Assistant, over MQTT"),
    Kind.WEBHOOK: mark("A program (webhook)"),
}
DETAILS = {
    Kind.MAIL: mark(
        "Through the mail provider that you have: the box writes in your name, to you and to whom you choose."
    ),
    Kind.NTFY: mark(
        "A message on the screen of a telephone that has the app ntfy, through a server of yours or of somebody you trust."
    ),
    Kind.EVENT: mark("An event in your own Home Assistant, which then does what you told it to do."),
    Kind.WEBHOOK: mark("The box calls an address, on a machine at home or elsewhere, that a program answers."),
}
EXAMPLES = {
    Kind.MAIL: "smtps://smtp.example.org",
    Kind.NTFY: "https://ntfy.example.org/maison-k7qz2",
    Kind.EVENT: "mqtt://192.168.1.20:1883",
    Kind.WEBHOOK: "http://192.168.1.20:8000/releve",
}
SCHEMES = {
    Kind.MAIL: ("smtps", "smtp"),
    Kind.NTFY: ("https", "http"),
    Kind.EVENT: ("mqtts", "mqtt"),
    Kind.WEBHOOK: ("https", "http"),
}
# Of a mail server `smtp` begins in clear and is encrypted before anything is said (STARTTLS); docs/messages.md.
OPEN = frozenset({"http", "mqtt"})

FORMS = {
    Form.WORDS: mark("the same words as on the page of the box"),
    Form.NOTICE: mark("only that something at home needs your attention"),
}
# By the words of gateway/telling.py.
ABOUTS = {
    Service.LEAK: mark("Water that leaks"),
    Service.FROST: mark("A meter that may freeze"),
    Service.HABIT: mark("Days that take more than such days usually do"),
    Service.SILENCE: mark("What is silent or in trouble"),
    WEEK: mark("Your week in a few sentences, on Monday morning"),
}
SHORT = {
    Service.LEAK: mark("leaks"),
    Service.FROST: mark("frost"),
    Service.HABIT: mark("days that take more than usual"),
    Service.SILENCE: mark("what is silent or in trouble"),
    WEEK: mark("your week"),
    What.ENDING: mark("the end of this access"),
    What.TRIAL: mark("a trial"),
}
LANGUAGES = {"fr": mark("French"), "en": mark("English")}


def about(words: Words, telling: Telling) -> Markup:
    """`leaks, frost and your week`."""
    return joined(words, [words.say(SHORT[one]) for one in ABOUTS if one in telling.about])


def to(way: Way) -> str:
    """Whom it reaches, and through what."""
    return f"{', '.join(way.to)} ({way.address})" if way.to else way.address


def of_message(words: Words, name: str) -> Markup:
    """What the message of this name was about, as the ledger keeps it; a word of tomorrow has none of ours."""
    what = SHORT.get(about_of(name), mark("something"))
    return words.say("%(what)s (it is over)", what=words.say(what)) if says_over(name) else words.say(what)


def ordered(chosen: Iterable[str]) -> tuple[str, ...]:
    """In the order of the form."""
    some = set(chosen)
    return tuple(str(one) for one in ABOUTS if one in some)
