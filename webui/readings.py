"""The readings of a telegram as rows of a table: what, how much, and which of the meter's values of that name."""

from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal

from markupsafe import Markup

from drivers.model import Function, Medium, Reading, Telegram
from webui import shown, spoken
from webui.words import Amount, Words, mark

FUNCTIONS = {
    Function.MAXIMUM: mark("maximum"),
    Function.MINIMUM: mark("minimum"),
    Function.ERROR: mark("value during an error"),
}


@dataclass(frozen=True, slots=True)
class Said:
    """One reading as a row: what it is, its value, and which of the meter's values of that name."""

    name: Markup
    value: Amount | Markup
    which: str
    main: bool


def rows(words: Words, telegram: Telegram) -> Iterator[Said]:
    """All that a telegram says, in the meter's order."""
    for reading in telegram.readings:
        name, which = spoken.register_name(words, reading.register), ", ".join(_which(words, reading))
        yield Said(name, _value(words, reading, telegram.medium), which, reading.main)


def _value(words: Words, reading: Reading, medium: Medium) -> Amount | Markup:
    """In the unit that people use, with every digit that the meter said."""
    if not isinstance(reading.value, Decimal):
        return spoken.value(words, reading.value)
    if reading.quantity.unit == "s":
        return Markup("{}").format(words.duration(int(reading.value)))
    scale = shown.scale_for(reading.quantity, medium, [reading.value])
    return Amount(str(spoken.value(words, scale.of(reading.value))), scale.amount(words, reading.value).unit)


def _which(words: Words, reading: Reading) -> Iterator[str]:
    if reading.function in FUNCTIONS:
        yield str(words.say(FUNCTIONS[reading.function]))
    if reading.storage:
        yield str(words.say("kept value %(n)s", n=reading.storage))
    if reading.tariff:
        yield str(words.say("tariff %(n)s", n=reading.tariff))
    if reading.subunit:
        yield str(words.say("subunit %(n)s", n=reading.subunit))
