"""How a line is heard, as a sentence a person can act on: on the page of the box, and in `releve status`."""

from collections.abc import Sequence

from markupsafe import Markup

from gateway.views import Clarity, Hears, LineQuality, Listening
from webui.words import Words, mark

# One speed is tried where the file states it, none of ours where the far end of a socket sets it.
_NOISE = {
    0: mark(
        "Signals come on this line, and the box does not understand them. The other end must read the meter at "
        "9600 baud in standard mode, at 1200 in historique mode."
    ),
    1: mark(
        "Signals come on this line, and the box does not understand them at the %(baud)s baud that its configuration "
        "states. Take `mode` and `baud` out of the file: the box then finds the speed by itself."
    ),
}
_SEARCHED = mark(
    "Signals come on this line, and the box does not understand them yet: it tries the speeds of the meter in turn. "
    "If this lasts more than a minute, check the cable and the adapter."
)
_NOTHING = mark(
    "Nothing comes on this line. Check that the cable is plugged in at both ends: at the meter, on the terminals I1 and I2."
)
_QUALITY = {
    Clarity.GOOD: mark("Quality of the line: good (%(bad)s damaged groups in the last hour)."),
    Clarity.NOISY: mark("Quality of the line: noisy (%(bad)s damaged groups in the last hour)."),
    Clarity.BAD: mark("Quality of the line: bad (%(bad)s damaged groups in the last hour)."),
}
_TO_CHECK = mark(
    "To check: the cable (two twisted wires, away from power cables, tight in their terminals), then the adapter (its "
    "resistor or its optocoupler), then the speed, if the configuration states one."
)
_MODES = {"standard": mark("standard mode"), "historique": mark("historique mode")}


def advice(words: Words, listening: Listening | None) -> Markup | None:
    """What is wrong and what to look at; None where the meter is understood, or nothing is known yet."""
    match listening:
        case Listening(Hears.NOTHING):
            return words.say(_NOTHING)
        case Listening(Hears.NOISE, bauds):
            return words.say(_NOISE.get(len(bauds), _SEARCHED), baud=_first(bauds))
        case _:
            return None


def quality(words: Words, found: LineQuality) -> list[Markup]:
    """A word with its number; what to check where it is not good."""
    said = words.say(_QUALITY[found.word], bad=words.number(found.bad_groups))
    return [said] if found.word is Clarity.GOOD else [said, words.say(_TO_CHECK)]


def spoken(words: Words, listening: Listening | None) -> str:
    """`standard mode, 9600 baud`; nothing where the meter is not understood."""
    if listening is None or listening.mode is None:
        return ""
    mode = str(words.say(_MODES[listening.mode]))
    return (
        str(words.say("%(mode)s, %(baud)s baud", mode=mode, baud=_first(listening.bauds))) if listening.bauds else mode
    )


def _first(bauds: Sequence[int]) -> int:
    return next(iter(bauds), 0)
