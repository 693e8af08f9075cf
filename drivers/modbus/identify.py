"""What an unknown unit is: which registers to ask it, and which models its answers propose.

Many meters have no such registers, and several may share one: no proposal means nothing, and a person has the last word.
"""

from collections.abc import Mapping
from functools import cache

from drivers.modbus import maps, sunspec
from drivers.modbus.maps import Mark
from drivers.modbus.rtu import READ_HOLDING
from drivers.modbus.sunspec import Ask


def questions() -> tuple[Ask, ...]:
    """What to ask of a unit, each once, in any order; one that is refused says nothing."""
    asks = {_ask(mark) for marks in _marks().values() for mark in marks} | set(_MAGIC)
    return tuple(sorted(asks, key=lambda ask: (ask.function_code, ask.address, ask.count)))


def propose(answers: Mapping[Ask, tuple[int, ...]]) -> tuple[str, ...]:
    """The models that fit, the surest first: all that one mark speaks for and none against.

    Surer is of which fewer marks are still unanswered, then the one that more marks speak for.
    """
    found: list[tuple[int, int, str]] = []
    for model, marks in _marks().items():
        said = [holds(mark, answers[_ask(mark)]) for mark in marks if _ask(mark) in answers]
        if said and all(said):
            found.append((len(marks) - len(said), -len(said), model))
    proposed = [model for _, _, model in sorted(found)]
    if any(answers.get(ask) == sunspec.MAGIC for ask in _MAGIC):
        proposed.append(sunspec.MODEL)
    return tuple(proposed)


def holds(mark: Mark, registers: tuple[int, ...]) -> bool:
    """Whether these registers are the mark's."""
    high_first = b"".join(register.to_bytes(2, "big") for register in registers)
    if mark.values:
        return int.from_bytes(high_first, "big") in mark.values
    # Two letters a register; some makers put the first one into the low byte.
    low_first = b"".join(register.to_bytes(2, "little") for register in registers)
    said = [text.partition(b"\0")[0].decode("ascii", "replace").strip().lower() for text in (high_first, low_first)]
    return any(text.startswith(known.lower()) for text in said for known in mark.texts)


_MAGIC = tuple(Ask(READ_HOLDING, base, len(sunspec.MAGIC)) for base in sunspec.BASES)


@cache
def _marks() -> dict[str, tuple[Mark, ...]]:
    """Of all models that have some; the 30 files are read once, when somebody looks for meters."""
    marks = {model: maps.load(model).marks for model in maps.models()}
    return {model: found for model, found in marks.items() if found}


def _ask(mark: Mark) -> Ask:
    return Ask(mark.function_code, mark.address, mark.count)
