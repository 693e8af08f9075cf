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


def _register(stge: int) -> list[str]:
    breaker = stge >> _BREAKER_SHIFT & _BREAKER_MASK
    words = [_BREAKER[breaker]] if breaker else []
    return words + [word for bit, word in _FLAGS.items() if stge >> bit & 1]
