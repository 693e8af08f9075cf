"""What a target said of itself lies there, in words."""

from markupsafe import Markup

from gateway.outbox import Lies
from webui import consent
from webui.words import Words, mark

CANNOT = mark("It cannot say what lies there.")


def sentence(words: Words, lies: Lies) -> Markup:
    """When it was asked, and what it said; as far as it can."""
    if lies.thing is None:
        return words.say(CANNOT)
    what = _counted(words, lies.thing, lies.count)
    if lies.bytes is not None:
        what = words.say("%(what)s, %(size)s", what=what, size=consent.size(words, lies.bytes))
    return words.say("On %(moment)s it said itself: %(what)s.", moment=consent.moment(words, lies.at), what=what)


def fewer(words: Words, lies: Lies) -> Markup | None:
    """That it holds less than it took, if it says so."""
    if not lies.fewer:
        return None
    return words.say(
        "It says that it holds fewer parts than were sent: %(n)s of %(of)s. Somebody may have erased some there; nothing is sent again unless you say so.",
        n=words.number(lies.periods or 0),
        of=words.number(lies.of),
    )


def _counted(words: Words, thing: str, count: int) -> Markup:
    """By the words of sync.model.Thing."""
    match thing:
        case "files":
            return words.say_n("one file", "%(n)s files", count)
        case "documents":
            return words.say_n("one document", "%(n)s documents", count)
        case "days":
            return words.say_n("one day", "%(n)s days", count)
        case "periods":
            return words.say_n("one part", "%(n)s parts", count)
        case _:
            return words.say_n("one figure", "%(n)s figures", count)
