"""What a meter says of itself, its status codes in the reader's words. The codes stay as they are in the API."""

from collections.abc import Iterable

from drivers import meters
from webui.words import THIN, Words, mark

# The codes of `drivers.tic.status`. Those of M-Bus meters have their words beside them, in `drivers/meters`.
_TIC = {
    "breaker open": mark("the meter's breaker is open"),
    "breaker open: overpower": mark("the meter has cut the current: too much power was drawn at once"),
    "breaker open: overvoltage": mark("the meter has cut the current: the network's voltage is too high"),
    "breaker open: load shedding": mark("the meter has cut the current: the network asked homes to take less"),
    "breaker open: remote order": mark("the meter has cut the current: on the network operator's order"),
    "breaker open: overheat": mark("the meter has cut the current: it is too hot"),
    "terminal cover open": mark("the cover of its terminals is open"),
    "overvoltage": mark("the network's voltage is too high"),
    "over subscribed power": mark("more power is drawn than the contract allows"),
    "over subscribed power: phase 1": mark("more power is drawn than the contract allows, on phase 1"),
    "over subscribed power: phase 2": mark("more power is drawn than the contract allows, on phase 2"),
    "over subscribed power: phase 3": mark("more power is drawn than the contract allows, on phase 3"),
    "phase 1 missing": mark("phase 1 is missing"),
    "phase 2 missing": mark("phase 2 is missing"),
    "phase 3 missing": mark("phase 3 is missing"),
    "clock degraded": mark("its clock may be wrong"),
}


def said(words: Words, codes: Iterable[str]) -> str:
    """One short phrase a code, to stand after a colon; a code that nobody wrote words for stays as it is."""
    between = f"{THIN}; " if words.language == "fr" else "; "
    return between.join(_phrase(words, code) for code in codes)


def _phrase(words: Words, code: str) -> str:
    if code in _TIC:
        return str(words.say(_TIC[code]))
    text = meters.words(code, words.language)
    return text[:1].lower() + text[1:]
