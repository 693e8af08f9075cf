"""What a grant says, and what the ledger's entries say, as sentences."""

from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from markupsafe import Markup

from gateway import people
from gateway.chain import Entry
from gateway.grants import Grant, GrantedSeries, Held, Resolution
from gateway.way import Form
from webui import reached, shown, spoken, targets
from webui.page import joined
from webui.people import ROLES
from webui.words import Words, mark, plain

FINE = {
    Resolution.RAW: mark("every figure, as the meter says it"),
    Resolution.TEN_MINUTES: mark("one figure each ten minutes"),
    Resolution.HALF_HOUR: mark("one figure each half-hour"),
    Resolution.DAY: mark("one figure a day"),
    Resolution.MONTH: mark("one figure a month"),
}
DELAYS = {
    0: mark("at once"),
    3600: mark("an hour later"),
    86_400: mark("a day later"),
    7 * 86_400: mark("a week later"),
}
LASTS = {
    86_400: mark("a day"),
    30 * 86_400: mark("a month (30 days)"),
    182 * 86_400: mark("six months"),
    365 * 86_400: mark("a year"),
}
ENDS = {
    "withdrawn": mark("taken back"),
    "expired": mark("at its end"),
    "restored": mark("ended when the house was put back from a back-up"),
}
PEOPLE = {
    people.LET_IN: mark("%(who)s may come in (%(role)s), let in from %(browser)s (%(address)s)."),
    people.LET_OUT: mark("The access of %(who)s was ended (%(role)s), from %(browser)s (%(address)s)."),
    people.CODE_MADE: mark("A letter was made, with a code for who will live here, from %(browser)s (%(address)s)."),
    people.TAKEN_OVER: mark(
        "Somebody took this box over with the code of the letter, from %(browser)s (%(address)s). What was kept before is erased."
    ),
    people.RECOVERED: mark("Somebody who stood at the box itself ended every access, to choose a new password."),
    people.HANDED_BACK: mark("The box began anew. All that it had kept of who lived here before is erased."),
}
OTHER_VALUES = mark("other values")
ANEW = mark("The record was damaged, and nobody could say what had been given: every access from before has ended.")


@dataclass(frozen=True, slots=True)
class Line:
    """An entry of the ledger in words; `dated` is False where the box did not know the time."""

    i: int
    at: int
    dated: bool
    sentence: Markup
    grant: str | None


def what(words: Words, series: Iterable[GrantedSeries], *, named: bool = True) -> Markup:
    """`Maison (energy, power) and Eau (volume)`; without names, the mediums."""
    found: dict[str, list[Markup]] = {}
    for one in series:
        of = one.name if named else str(words.say(shown.MEDIUM_NAMES[one.medium]))
        said = words.say(spoken.REGISTERS.get(one.quantity.word, OTHER_VALUES))
        if said not in found.setdefault(of, []):
            found[of].append(said)
    return joined(words, [Markup("{} ({})").format(of, Markup(", ").join(said)) for of, said in found.items()])


def delay(words: Words, delay_s: int) -> Markup:
    return words.say(DELAYS[delay_s]) if delay_s in DELAYS else Markup("{}").format(words.duration(delay_s))


def sentence(words: Words, grant: Grant, *, named: bool = True) -> Markup:
    """All of a grant, in one sentence and its purpose."""
    if grant.telling is not None and grant.way is not None:
        form = words.say(targets.form(grant.way))
        if grant.way.form is Form.WORDS:
            page = grant.telling.page
            form = words.say("%(form)s, with that page’s address at home (%(page)s)", form=form, page=page)
        return words.say(
            "%(target)s (%(to)s), which %(operator)s runs, is told of %(what)s until %(until)s, in %(language)s: %(form)s. What for: %(purpose)s.",
            target=grant.target,
            to=reached.to(grant.way),
            operator=grant.operator,
            what=reached.about(words, grant.telling),
            until=moment(words, grant.until),
            language=words.say(reached.LANGUAGES[grant.telling.language]),
            form=form,
            purpose=grant.purpose.rstrip("."),
        )
    day = words.day(words.local(grant.start).date(), weekday=False, year=True)
    before = (
        words.say("what was kept before is included")
        if grant.past
        else words.say("nothing from before %(day)s", day=day)
    )
    if grant.way is not None:
        return words.say(
            "%(target)s (%(address)s), which %(operator)s runs, is sent %(what)s until %(until)s: %(fine)s, %(delay)s; %(before)s; %(form)s. What for: %(purpose)s.",
            target=grant.target,
            address=grant.way.address,
            operator=grant.operator,
            what=what(words, grant.series, named=named),
            until=moment(words, grant.until),
            fine=words.say(FINE[grant.resolution]),
            delay=delay(words, grant.delay_s),
            before=before,
            form=words.say(targets.form(grant.way)),
            purpose=grant.purpose.rstrip("."),
        )
    return words.say(
        "%(target)s, which %(operator)s runs, may read %(what)s until %(until)s: %(fine)s, %(delay)s; %(before)s. What for: %(purpose)s.",
        target=grant.target,
        operator=grant.operator,
        what=what(words, grant.series, named=named),
        until=moment(words, grant.until),
        fine=words.say(FINE[grant.resolution]),
        delay=delay(words, grant.delay_s),
        before=before,
        purpose=grant.purpose.rstrip("."),
    )


def plain_sentence(words: Words, grant: Grant) -> str:
    """As `sentence`, without the household's own names, for a program."""
    return plain(sentence(words, grant, named=False))


def moment(words: Words, at: int) -> Markup:
    return words.say(
        "%(day)s at %(time)s", day=words.day(words.local(at).date(), weekday=False, year=True), time=words.clock(at)
    )


def size(words: Words, count: int) -> Markup:
    if count >= 1_000_000:
        return words.say("%(n)s MB", n=words.number(Decimal(count) / 1_000_000, 1))
    return words.say("%(n)s kB", n=words.number(Decimal(count) / 1000, 1))


def line(words: Words, entry: Entry, grants: dict[str, Held]) -> Line:
    """An entry of the ledger as a sentence; one that somebody changed on the card may have none."""
    try:
        said = entry.fields
        held = grants.get(str(said.get("grant")))
        text = _text(words, entry, held.grant) if held else _of_people(words, entry) or _of_all(words, entry.kind)
    except (ValueError, KeyError, TypeError):
        said, held, text = {}, None, None
    if text is None:
        text = words.say("This entry cannot be read (%(kind)s).", kind=entry.kind)
    return Line(entry.i, entry.at, said.get("dated", True), text, held.grant.id if held else None)


def _of_people(words: Words, entry: Entry) -> Markup | None:
    """Who came in, went out, or took the box over."""
    if entry.kind not in people.KINDS:
        return None
    said = entry.fields
    by = said.get("by", {})
    role = ROLES[said["role"]] if "role" in said else None
    given = {
        "browser": shown.browser(by.get("agent", "")) or words.say("unknown program"),
        "address": by.get("address", ""),
        "who": said.get("name") or words.say("somebody without a name"),
        "role": words.say(role) if role else "",
    }
    return words.say(PEOPLE[entry.kind], **given)


def _of_all(words: Words, kind: str) -> Markup | None:
    match kind:
        case "restored":
            return words.say(
                "The house was put back from a back-up made at this moment. Every access that was given before has ended: "
                "what was taken back since is not in a back-up."
            )
        case "anew":
            return words.say(ANEW)
    return None


def _text(words: Words, entry: Entry, grant: Grant) -> Markup | None:
    said = entry.fields
    match entry.kind:
        case "given":
            return words.say("You gave an access. %(sentence)s", sentence=sentence(words, grant))
        case "withdrawn":
            return words.say(
                "The access of %(target)s was taken back, from %(browser)s (%(address)s).",
                target=grant.target,
                browser=shown.browser(said["by"]["agent"]) or words.say("unknown program"),
                address=said["by"]["address"],
            )
        case "paused":
            return words.say("The access of %(target)s was paused.", target=grant.target)
        case "resumed":
            return words.say("The access of %(target)s goes on.", target=grant.target)
        case "telling":
            what_ = reached.of_message(words, said["message"])
            return words.say("A message is about to go to %(target)s: %(what)s.", target=grant.target, what=what_)
        case "told":
            return words.say(
                "%(target)s was told: %(what)s. %(size)s.",
                target=grant.target,
                what=reached.of_message(words, said["message"]),
                size=size(words, said["bytes"]),
            )
        case "sending":
            if not said["points"]:
                return words.say(
                    "What was erased here is about to be erased at %(target)s, too: %(what)s, between %(first)s and %(last)s.",
                    **_span(words, said, grant, grant.series),
                )
            return words.say_n(
                "One figure is about to leave for %(target)s: %(what)s, between %(first)s and %(last)s (%(fine)s).",
                "%(n)s figures are about to leave for %(target)s: %(what)s, between %(first)s and %(last)s (%(fine)s).",
                said["points"],
                **_span(words, said, grant, grant.series),
            )
        case "sent":
            if not said["points"]:
                return words.say(
                    "%(target)s has erased what was erased here: %(what)s, between %(first)s and %(last)s.",
                    **_span(words, said, grant, grant.series),
                )
            return words.say_n(
                "%(target)s has received one figure: %(what)s, between %(first)s and %(last)s (%(fine)s). %(size)s.",
                "%(target)s has received %(n)s figures: %(what)s, between %(first)s and %(last)s (%(fine)s). %(size)s.",
                said["points"],
                size=size(words, said["bytes"]),
                **_span(words, said, grant, grant.series),
            )
        case "erased":
            span = {"first": moment(words, said["from"]), "last": moment(words, said["to"])}
            if not said["points"]:
                return words.say(
                    "What may have been sent to %(target)s was erased there, between %(first)s and %(last)s.",
                    target=grant.target,
                    **span,
                )
            return words.say_n(
                "One figure was erased at %(target)s, between %(first)s and %(last)s.",
                "%(n)s figures were erased at %(target)s, between %(first)s and %(last)s.",
                said["points"],
                target=grant.target,
                **span,
            )
        case "left" if grant.telling is not None:
            return words.say(
                "The box has left %(target)s: no message goes there any longer. Those that were sent stay there.",
                target=grant.target,
            )
        case "left":
            if not said["points"]:
                return words.say(
                    "Nothing of yours that the box sent lies at %(target)s any longer, as far as it can tell.",
                    target=grant.target,
                )
            return words.say_n(
                "The box has left %(target)s, and asks it nothing any longer. One figure lies there still.",
                "The box has left %(target)s, and asks it nothing any longer. %(n)s figures lie there still.",
                said["points"],
                target=grant.target,
            )
        case "expired":
            return words.say("The access of %(target)s has ended, as was agreed.", target=grant.target)
        case "read":
            one = grant.one(said["series"])
            return words.say(
                "%(target)s began to read: %(what)s.", target=grant.target, what=what(words, [one] if one else [])
            )
        case "reads":
            given = {
                **_span(words, said, grant, (one for one in grant.series if str(one.key) in said["series"])),
                "reads": words.say_n("one request", "%(n)s requests", said["reads"]),
            }
            if not said["points"]:
                return words.say(
                    "%(target)s asked for %(what)s, between %(first)s and %(last)s (%(fine)s), in %(reads)s, and there was no figure.",
                    **given,
                )
            return words.say_n(
                "%(target)s has read one figure of %(what)s, between %(first)s and %(last)s (%(fine)s). %(size)s, in %(reads)s.",
                "%(target)s has read %(n)s figures of %(what)s, between %(first)s and %(last)s (%(fine)s). %(size)s, in %(reads)s.",
                said["points"],
                size=size(words, said["bytes"]),
                **given,
            )
        case _:
            return None


def _span(words: Words, said: dict[str, Any], grant: Grant, series: Iterable[GrantedSeries]) -> dict[str, object]:
    return {
        "target": grant.target,
        "what": what(words, series),
        "first": moment(words, said["from"]),
        "last": moment(words, said["to"]),
        "fine": words.say(FINE[grant.resolution]),
    }
