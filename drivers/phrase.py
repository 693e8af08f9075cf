"""What is said to a person about bytes: a sentence with places, in English, that a page can say in another language."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Decimal


@dataclass(frozen=True, slots=True)
class Code:
    """A status code (`leak (earlier)`); drivers.meters has its plain words."""

    code: str


@dataclass(frozen=True, slots=True)
class Register:
    """A register's name as series and files hold it (`flow_temperature`)."""

    name: str


@dataclass(frozen=True, slots=True)
class Phrase:
    """`text` has places as in "%(n)s bytes"; `str()` of it is the English sentence."""

    text: str
    values: "Mapping[str, Value]" = field(default_factory=dict)

    def of(self, **values: "Value") -> "Phrase":
        """The sentence with its places filled."""
        return Phrase(self.text, values)

    def __str__(self) -> str:
        return self.text % {name: _english(value) for name, value in self.values.items()}


Value = Phrase | Code | Register | Decimal | date | int | str


def phrase(text: str, /, **values: Value) -> Phrase:
    """A sentence that the catalogues of `webui/locale` hold: `tools/messages.py` finds it by this name."""
    return Phrase(text, values)


def joined(parts: Iterable[Value], between: str = ", ") -> Phrase:
    """Several in a row; nothing of its own to translate."""
    values = {f"p{n}": part for n, part in enumerate(parts)}
    return Phrase(between.join(f"%({name})s" for name in values), values)


def _english(value: Value) -> str:
    match value:
        case Code(code):
            return code
        case Register(name):
            return name
        case Decimal():
            return f"{value:f}"
        case datetime():
            return value.isoformat(" ", "seconds" if value.second else "minutes")
        case _:
            return str(value)
