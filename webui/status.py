"""What a meter says of itself, its status codes in the reader's words. The codes stay as they are in the API."""

from collections.abc import Iterable

from markupsafe import Markup

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


# The other words of the status register; those that are not in order are above.
_REGISTER = {
    "dry contact closed": mark("dry contact (water heater): closed"),
    "dry contact open": mark("dry contact (water heater): open"),
    "breaker closed": mark("breaker: closed, the home has current"),
    "terminal cover closed": mark("cover of the terminals: closed"),
    "no overvoltage": mark("voltage: not too high"),
    "within subscribed power": mark("power: within the contract"),
    "consumer": mark("set for a home that draws current"),
    "producer": mark("set for a home that also gives current"),
    "energy drawn": mark("current: drawn from the network"),
    "energy injected": mark("current: given to the network"),
    "supplier index": mark("supplier's index that counts: %(number)s"),
    "distributor index": mark("network operator's index that counts: %(number)s"),
    "clock right": mark("clock: right"),
    "historique mode": mark("customer port: historique mode"),
    "standard mode": mark("customer port: standard mode"),
    "Euridis off": mark("Euridis line: off"),
    "Euridis on": mark("Euridis line: on, not secured"),
    "Euridis on, secured": mark("Euridis line: on, secured"),
    "CPL new, unlocked": mark("link to the network operator (CPL): new, not locked"),
    "CPL new, locked": mark("link to the network operator (CPL): new, locked"),
    "CPL registered": mark("link to the network operator (CPL): registered"),
    "CPL not synchronised": mark("link to the network operator (CPL): not synchronised"),
    "CPL synchronised": mark("link to the network operator (CPL): synchronised"),
    "Tempo today blue": mark("Tempo today: blue"),
    "Tempo today white": mark("Tempo today: white"),
    "Tempo today red": mark("Tempo today: red"),
    "Tempo tomorrow blue": mark("Tempo tomorrow: blue"),
    "Tempo tomorrow white": mark("Tempo tomorrow: white"),
    "Tempo tomorrow red": mark("Tempo tomorrow: red"),
    "mobile peak announced": mark("mobile peak announced: number %(number)s"),
    "mobile peak running": mark("mobile peak running: number %(number)s"),
}


def register_said(words: Words, codes: Iterable[str]) -> list[Markup]:
    """All that a Linky's status register says, one phrase a code."""
    return [_register_phrase(words, code) for code in codes]


def _register_phrase(words: Words, code: str) -> Markup:
    name, _, number = code.rpartition(" ")
    if number.isdigit() and name in _REGISTER:
        return words.say(_REGISTER[name], number=number)
    return words.say((_TIC | _REGISTER)[code])


def said(words: Words, codes: Iterable[str]) -> str:
    """One short phrase a code, to stand after a colon; a code that nobody wrote words for stays as it is."""
    between = f"{THIN}; " if words.language == "fr" else "; "
    return between.join(_phrase(words, code) for code in codes)


def _phrase(words: Words, code: str) -> str:
    if code in _TIC:
        return str(words.say(_TIC[code]))
    text = meters.words(code, words.language)
    return text[:1].lower() + text[1:]
