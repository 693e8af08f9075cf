"""An update in words: what it is, why one is refused, and what became of it (gateway/box/update_file.py, gateway/box/said.py)."""

import re
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
OFFERED = "offered"  # from a stick
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
    "busy": mark("Another update is being installed: wait until that is done."),
    "stick": mark("The stick cannot be read: copy the file onto another one, or send it here."),
    "trial": mark("Version %(version)s is on trial: wait some minutes, until it is known whether it does well."),
    "no-root": mark("This box was not started from one of its two systems, so that none can be replaced."),
    "loader": mark("What starts this machine cannot try another system: write the image anew to have it."),
    "root-size": mark("This system is larger than the place for it on the card: write the image anew to have it."),
}
# Why a trial ended, by its code (gateway/box/updating.py).
WENT_BACK = {
    "ended": mark("It ended by itself."),
    "no-start": mark("It did not come up within twenty minutes."),
    "no-answer": mark("It ran, but its pages did not answer."),
    "power": mark("It was started more than once, and never ran for long enough."),
    "boot": mark("Its system did not come up, or never ran for long enough."),
    "damaged": mark("The card did not give back what was written to it: it may be worn."),
    "mount": mark("It could not be opened."),
}
TELL = mark("Tell who made it what stands here, and wait for a later version.")
OTHER_REFUSAL = mark("The box did not take this update. Nothing was changed.")
_NAMES = re.compile(r"%\((\w+)\)s")


@dataclass(frozen=True, slots=True)
class Told:
    """`goes_on`: the box is still at it."""

    sentence: Markup
    to_do: Markup | None = None
    goes_on: bool = False
    is_bad: bool = False


def refusal(words: Words, code: str, fields: Mapping[str, object]) -> Markup:
    """One sentence; a code that is not known here is of a part of the box that is newer than its pages."""
    sentence = REFUSALS.get(code)
    if sentence is None or not fields.keys() >= set(_NAMES.findall(sentence)):
        return words.say(OTHER_REFUSAL)
    return words.say(
        sentence, **{name: words.number(value) if type(value) is int else value for name, value in fields.items()}
    )


def outcome(words: Words, found: Said) -> Told | None:
    """What root says of the last update; None where there is nothing to say."""
    version, before = found.text("version"), found.text("before")
    match found.state:
        case "installing":
            return Told(words.say("The box installs version %(version)s.", version=version), goes_on=True)
        case "restarting":
            return Told(words.say("The box starts again, with version %(version)s.", version=version), goes_on=True)
        case "trial":
            said = words.say(
                "Version %(version)s runs on trial: if it does well for some minutes, it stays.", version=version
            )
            return Told(said, goes_on=True)
        case "installed":
            return Told(words.say("Version %(version)s is installed, and does well.", version=version))
        case "back":
            return Told(_went_back(words, found, version, before), words.say(TELL), is_bad=True)
        case "lost":
            said = words.say(
                "The card lost the program that was installed last. The one that the box came with runs: version %(version)s.",
                version=version,
            )
            return Told(
                said,
                words.say("Have a back-up, and another card at hand; then install the update once more."),
                is_bad=True,
            )
        case "refused":
            return Told(refusal(words, found.text("code"), found.fields), is_bad=True)
        case _:
            return None


def _went_back(words: Words, found: Said, version: str, before: str) -> Markup:
    said = words.say(
        "Version %(version)s did not do well, and the box went back to version %(before)s by itself.",
        version=version,
        before=before,
    )
    if (why := WENT_BACK.get(found.text("code"))) is not None:
        said += " " + words.say(why)
    if found.fields.get("house") is True:
        said += " " + words.say(
            "What it had read before is all there. What was read during the trial is kept aside, and in no chart."
        )
    return said
