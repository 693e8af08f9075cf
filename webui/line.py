"""How a line is heard, as a sentence a person can act on: on the page of the box, and in `releve status`."""

from markupsafe import Markup

from gateway.views import Clarity, Hears, LineQuality, Listening
from webui.words import Words, mark

# One speed is tried where the file states it, none of ours where the far end of a socket sets it.
_NOISE_OVER_TCP = {
    "tic": mark(
        "Signals come on this line, and the box does not understand them. The other end must read the meter at "
        "9600 baud in standard mode, at 1200 in historique mode."
    ),
    "p1": mark(
        "Signals come on this line, and the box does not understand them. The other end must read the meter at "
        "115200 baud, an old one at 9600, both with 8 bits and no parity."
    ),
}
_NOISE = {
    "tic": mark(
        "Signals come on this line, and the box does not understand them at the %(baud)s baud that its configuration "
        "states. Take `mode` and `baud` out of the file: the box then finds the speed by itself."
    ),
    "p1": mark(
        "Signals come on this line, and the box does not understand them at the %(baud)s baud that its configuration "
        "states. Take `baud` out of the file: the box then finds the speed by itself."
    ),
}
_SEARCHED = mark(
    "Signals come on this line, and the box does not understand them yet: it tries the speeds of the meter in turn. "
    "If this lasts more than a minute, check the cable and the adapter."
)
_NOTHING = {
    "tic": mark(
        "Nothing comes on this line. Check that the cable is plugged in at both ends: at the meter, on the terminals I1 "
        "and I2."
    ),
    "p1": mark(
        "Nothing comes on this line. Check that the cable is plugged in at both ends: at the meter, in the port marked P1. "
        "In some countries the network operator must open that port first."
    ),
}
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


def advice(words: Words, protocol: str, listening: Listening | None) -> Markup | None:
    """What is wrong and what to look at; None where the meter is understood, or nothing is known yet."""
    match listening:
        case Listening(Hears.NOTHING):
            return words.say(_NOTHING[protocol])
        case Listening(Hears.NOISE, ()):
            return words.say(_NOISE_OVER_TCP[protocol])
        case Listening(Hears.NOISE, (baud,)):
            return words.say(_NOISE[protocol], baud=baud)
        case Listening(Hears.NOISE):
            return words.say(_SEARCHED)
        case _:
            return None


def quality(words: Words, found: LineQuality) -> list[Markup]:
    """A word with its number; what to check where it is not good."""
    said = words.say(_QUALITY[found.word], bad=words.number(found.bad_groups))
    return [said] if found.word is Clarity.GOOD else [said, words.say(_TO_CHECK)]


def spoken(words: Words, listening: Listening | None) -> str:
    """`standard mode, 9600 baud`, as far as it is found out; nothing where the meter is not understood."""
    if listening is None or listening.hears is not Hears.GROUPS:
        return ""
    mode = str(words.say(_MODES[listening.mode])) if listening.mode else ""
    baud = str(words.say("%(baud)s baud", baud=listening.bauds[0])) if listening.bauds else ""
    return ", ".join(part for part in (mode, baud) if part)
