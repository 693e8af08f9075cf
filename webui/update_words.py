"""An update in words: what it is, why one is refused, and what became of it (gateway/box/update_file.py, gateway/box/said.py)."""

from collections.abc import Mapping
from dataclasses import dataclass

from markupsafe import Markup

from gateway.box.said import Said
from gateway.box.update_file import Kind
from webui.words import Words, mark

KINDS = {
    Kind.APP: mark("the program"),
    Kind.SYSTEM: mark("the whole system, and the program with it"),
}
# Why a file is not taken, by its code. What the fields hold stands in %(name)s.
REFUSALS = {
    "not-update": mark("This file is no update of Relevé."),
    "format": mark("This file is of a kind that only a later version reads: install one in between first."),
    "signature": mark(
        "This file is not signed by who makes Relevé, or was changed since. Nothing was installed: fetch it once more, from where the others came from."
    ),
    "no-keys": mark("This box has no key to know a good update by: write the image anew."),
    "product": mark("This update is for something else, not for Relevé."),
    "manifest": mark("This update is signed, but this box does not understand it: tell who made it."),
    "truncated": mark("This file is not whole: it was cut off when it was copied. Fetch it once more."),
    "changed": mark("This file is damaged: what is in it is not what was signed. Fetch it once more."),
    "too-long": mark("This file is damaged: something follows after its end. Fetch it once more."),
    "too-big": mark("This file is too long: an update has at most %(max_mb)s MB."),
    "no-room": mark(
        "The card has no room for this file: it has %(mb)s MB, and only %(free_mb)s MB are free. Remove something first."
    ),
    "cut-short": mark("The file did not arrive whole, and nothing of it was kept. Send it once more."),
    "card": mark("The memory card did not take the file, and nothing was changed. Try again in a moment."),
    "no-file": mark("Choose a file first: its name ends with .update."),
    "not-a-form": mark("What was sent is no file of a form. Open the page again and send it once more."),
    "downgrade": mark(
        "This update is older than what runs here: it brings %(theirs)s, and %(ours)s runs. A box never goes back to an older one."
    ),
    "same": mark("This version, %(version)s, runs here already."),
    "arch": mark(
        "This update is for another kind of box: for %(theirs)s, and this one is %(ours)s. Fetch the file for this one."
    ),
    "python": mark("This program needs another system: install the update of the whole system first."),
    "base": mark("This program needs the system %(theirs)s, and here is %(ours)s: install that update first."),
    "schemas": mark("This update does not know all that the box keeps: it is older than what ran here once."),
    "missing": mark("The file was no longer there when it was to be installed. Send it once more."),
}
OTHER_REFUSAL = mark("The box did not take this update. Nothing was changed.")


@dataclass(frozen=True, slots=True)
class Told:
    """`goes_on`: the box is still at it."""

    sentence: Markup
    to_do: Markup = Markup("")
    goes_on: bool = False
    is_bad: bool = False


def refusal(words: Words, code: str, fields: Mapping[str, object]) -> Markup:
    """One sentence; a code that is not known here is of a part of the box that is newer than its pages."""
    sentence = REFUSALS.get(code)
    if sentence is None:
        return words.say(OTHER_REFUSAL)
    said = {name: words.number(value) if type(value) is int else value for name, value in fields.items()}
    try:
        return words.say(sentence, **said)
    except KeyError:  # a figure is missing
        return words.say(OTHER_REFUSAL)
