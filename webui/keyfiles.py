"""`/meters/keys`: a file of keys that somebody sends, and what became of each of them."""

import asyncio

from aiohttp import web
from markupsafe import Markup

from gateway.house import House
from gateway.importers import keyfile
from gateway.importers.keeping import KeyReport
from gateway.importers.keyfile import REFUSALS_NAMED_MAX, KeyFileError, Refusal, Unit, Why
from gateway.keys import KeysError
from webui import meters
from webui.page import HOUSE, joined, read_file_form, render, words_of
from webui.tries import Fault
from webui.words import Words, mark

FAULTS = {
    Why.EMPTY: mark("No file was chosen, or it is empty."),
    Why.LONG: mark("This file is too long for a file of keys."),
    Why.MANY: mark("This file holds more keys than the box can keep: %(n)s at most."),
    Why.UNKNOWN: mark("This is no file of keys that the box knows. It reads tables (CSV) and KEM files."),
    Why.COLUMNS: mark(
        "The box does not find the meters' numbers and their keys in this table. Its first line should name the "
        "columns, for example: number;key"
    ),
    Why.ARCHIVE: mark("This archive (ZIP) is damaged, or packed in a way that the box does not open."),
    Why.ARCHIVE_FILES: mark("An archive (ZIP) should hold exactly one file of keys."),
    Why.XML: mark("This file is damaged."),
    Why.DOCUMENT_TYPE: mark("This file is built in a way that the box refuses, for its safety."),
    Why.CIPHER: mark("This file is locked in a way that the box does not know."),
    Why.LOCKED: mark("This file is locked: choose it again, and type its password too."),
    Why.LOCKED_LONG: mark("The password of such a file is shorter: %(n)s characters at most."),
    Why.LOCKED_WRONG: mark("This password does not open the file. Choose the file again, and compare each character."),
}
REFUSALS = {
    Why.ROW: mark("this line is too long, or a quotation mark in it does not end"),
    Why.NUMBER: mark("no meter's number of 8 digits"),
    Why.NUMBERS: mark("several numbers that may be the meter's"),
    Why.KEY: mark("no key"),
    Why.KEY_DIGITS: mark("the key should have 32 characters, digits 0 to 9 and letters A to F; it has %(n)s"),
    Why.KEYS: mark("several keys, and nothing says which one is meant"),
    Why.TWICE: mark("another key for the same meter stands before, at %(n)s"),
    Why.UNCLEAR: mark("another key is kept for this number, and nothing says which one is meant"),
    Why.METERS: mark("%(n)s of your meters have this number; the file should also say the maker's three letters"),
    Why.OTHER_KEY: mark("this meter has another key, which stays as long as it opens the messages"),
}
PLACES: dict[Unit, str] = {"line": mark("Line %(n)s: %(text)s"), "meter": mark("In the file, meter %(n)s: %(text)s")}


async def bring_in(request: web.Request) -> web.Response:
    """Keep the keys of the file that was sent, and say what became of it."""
    house, words = request.app[HOUSE], words_of(request)
    fields = await read_file_form(request)
    password = fields.get("password", b"").decode("utf-8", "replace").strip()
    try:
        file = await asyncio.to_thread(keyfile.read, fields.get("file", b""), password)
        report = await house.bring_keys(file)
    except KeyFileError as error:
        return meters.whole(request, fault=words.say(FAULTS[error.why], n=error.n), at="file")
    except KeysError as error:
        fault = words.say(meters.FAULTS[Fault.NOT_KEPT], text=str(error))
        return meters.whole(request, fault=fault, at="file")
    named = report.refusals[:REFUSALS_NAMED_MAX]
    return render(
        request,
        "keys.html",
        sentences=_sentences(words, house, report),
        refused=[_refused(words, report.unit, refusal) for refusal in named],
        refused_more=len(report.refusals) - len(named),
    )


def _refused(words: Words, unit: Unit, refusal: Refusal) -> Markup:
    return words.say(PLACES[unit], n=refusal.place, text=words.say(REFUSALS[refusal.why], n=refusal.n))


def _sentences(words: Words, house: House, report: KeyReport) -> list[Markup]:
    """How many are kept; which meters are read now, which wait for a message, which are not the home's own yet."""
    if not report.kept:
        return [words.say("No key of this file is kept.")]
    said = [words.say_n("One key is kept.", "%(n)s keys are kept.", report.kept)]
    points = {view.point.id: view for view in house.points()}
    waiting = [
        view.point.id for view in points.values() if view.address in report.mine and view.point.id not in report.read
    ]
    for ids, sentence in (
        (report.read, mark("Read with their key now: %(names)s.")),
        (waiting, mark("Waiting for a message that their key opens: %(names)s.")),
    ):
        names = [Markup("<b>{}</b>").format(points[id_].point.name) for id_ in ids if id_ in points]
        if names:
            said.append(words.say(sentence, names=joined(words, names)))
    if report.heard:
        said.append(
            words.say_n(
                "One is for a meter that is heard and not yours yet.",
                "%(n)s are for meters that are heard and not yours yet.",
                len(report.heard),
            )
        )
    return said
