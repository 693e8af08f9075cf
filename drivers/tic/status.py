"""What a TIC frame says is not in order, as short words."""

from collections.abc import Mapping

from drivers.tic.groups import Group

# STGE, 8 hexadecimal digits, bit 0 the lowest     Enedis-NOI-CPT_54E, status register
_BREAKER_SHIFT = 1
_BREAKER_MASK = 0b111
_BREAKER = {
    1: "breaker open: overpower",
    2: "breaker open: overvoltage",
    3: "breaker open: load shedding",
    4: "breaker open: remote order",
    5: "breaker open: overheat",
    6: "breaker open: overheat",
    7: "breaker open",
}
BREAKER_CLOSED = "breaker closed"
OVER_POWER = "over subscribed power"
CLOCK_DEGRADED = "clock degraded"
_FLAGS = {
    4: "terminal cover open",
    6: "overvoltage",
    7: OVER_POWER,
    16: CLOCK_DEGRADED,
}

_ADIR = {f"ADIR{phase}": f"{OVER_POWER}: phase {phase}" for phase in (1, 2, 3)}


def status(groups: Mapping[str, Group]) -> tuple[str, ...]:
    """The faults a frame states, each once."""
    words: list[str] = []
    if "STGE" in groups:
        words += _register(int(groups["STGE"].data, 16))
    if "ADPS" in groups:
        words.append(OVER_POWER)
    words += [word for label, word in _ADIR.items() if label in groups]
    if "PPOT" in groups:
        bits = int(groups["PPOT"].data, 16)
        words += [f"phase {phase} missing" for phase in (1, 2, 3) if bits >> phase & 1]
    date = groups.get("DATE")
    if date and date.horodate and date.horodate[0] in "he":
        words.append(CLOCK_DEGRADED)
    return tuple(dict.fromkeys(words))


_BITS = {
    0: ("dry contact closed", "dry contact open"),
    4: ("terminal cover closed", "terminal cover open"),
    6: ("no overvoltage", "overvoltage"),
    7: ("within subscribed power", OVER_POWER),
    8: ("consumer", "producer"),
    9: ("energy drawn", "energy injected"),
    16: ("clock right", CLOCK_DEGRADED),
    17: ("historique mode", "standard mode"),
    23: ("CPL not synchronised", "CPL synchronised"),
}
_PAIRS = {
    19: ("Euridis off", "Euridis on", "", "Euridis on, secured"),
    21: ("CPL new, unlocked", "CPL new, locked", "CPL registered", ""),
    24: ("", "Tempo today blue", "Tempo today white", "Tempo today red"),
    26: ("", "Tempo tomorrow blue", "Tempo tomorrow white", "Tempo tomorrow red"),
    28: ("", "mobile peak announced 1", "mobile peak announced 2", "mobile peak announced 3"),
    30: ("", "mobile peak running 1", "mobile peak running 2", "mobile peak running 3"),
}


def register_words(stge: int) -> tuple[str, ...]:
    """All that the status register says, in the order of its bits; what no edition defines is left out."""
    words = {
        0: _BITS[0][stge & 1],
        _BREAKER_SHIFT: _BREAKER.get(stge >> _BREAKER_SHIFT & _BREAKER_MASK, BREAKER_CLOSED),
    }
    words |= {bit: pair[stge >> bit & 1] for bit, pair in _BITS.items()}
    words[10] = f"supplier index {(stge >> 10 & 0xF) + 1}"
    words[14] = f"distributor index {(stge >> 14 & 0b11) + 1}"
    words |= {bit: four[stge >> bit & 0b11] for bit, four in _PAIRS.items()}
    return tuple(words[bit] for bit in sorted(words) if words[bit])


def _register(stge: int) -> list[str]:
    breaker = stge >> _BREAKER_SHIFT & _BREAKER_MASK
    words = [_BREAKER[breaker]] if breaker else []
    return words + [word for bit, word in _FLAGS.items() if stge >> bit & 1]
