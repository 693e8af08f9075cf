"""What a page says, in the reader's language: sentences, numbers, dates and ages, with that language's typography.

Sentences are written in English in the code and looked up in `locale/<language>/LC_MESSAGES/releve.po`.
"""

import html
import re
from dataclasses import dataclass
from datetime import UTC, date, datetime
from decimal import Context, Decimal, localcontext
from pathlib import Path
from zoneinfo import ZoneInfo

from babel import Locale
from babel.dates import format_date
from babel.messages.pofile import read_po
from babel.numbers import format_decimal
from markupsafe import Markup

LANGUAGES = ("fr", "en")
LOCALES = {"fr": "fr_FR", "en": "en_GB"}
CATALOGUES = Path(__file__).with_name("locale")
NO_BREAK, THIN = "\u00a0", "\u202f"
MINUS = "\u2212"
WIDE = Context(prec=100)  # a 32-bit real has 39 digits before its comma


def mark(message: str) -> str:
    """A sentence that is translated later, where it is shown; named here so that the catalogue holds it."""
    return message


def plain(text: str) -> str:
    """Markup as bare text, for labels. `Markup.striptags` would also make plain spaces of those that do not break."""
    return html.unescape(re.sub(r"<[^>]*>", "", text))


def typographic(language: str, message: str) -> str:
    """The language's spaces and apostrophes, outside tags and outside %(places)."""
    message = re.sub(r"(?<=%\(n\)s) (?=\w)", NO_BREAK, message)  # a number stays with what it counts
    parts = re.split(r"(<[^>]*>|%\(\w+\)s|%%)", message)
    return "".join(part if index % 2 else _TYPOGRAPHY[language](part) for index, part in enumerate(parts))


def _french(text: str) -> str:
    text = text.replace("'", "’").replace("...", "…")
    text = re.sub(r" ([?!;»])", THIN + r"\1", text)
    text = re.sub(r" :", NO_BREAK + ":", text)
    text = text.replace("« ", "«" + THIN)
    text = re.sub(r"(\d) (?=(h|min|s|kWh|W|L|m³|mois|jours?|heures?|caractères)\b)", r"\1" + NO_BREAK, text)
    return text.replace("n° ", "n°" + NO_BREAK).replace("il y a ", f"il{NO_BREAK}y{NO_BREAK}a{NO_BREAK}")


def _english(text: str) -> str:
    return text.replace("'", "’").replace("...", "…")


_TYPOGRAPHY = {"fr": _french, "en": _english}


def load_catalogue(language: str) -> dict[str, str | tuple[str, ...]]:
    """English sentence -> the language's own. English is the source, so it has no file; a plural is a tuple."""
    path = CATALOGUES / language / "LC_MESSAGES" / "releve.po"
    if not path.exists():
        return {}
    with path.open("rb") as file:
        catalogue = read_po(file, locale=language)
    return {
        message.id if isinstance(message.id, str) else message.id[0]: (
            message.string if isinstance(message.string, str) else tuple(message.string or ())
        )
        for message in catalogue
        if message.id and not message.fuzzy
    }


@dataclass(frozen=True, slots=True)
class Amount:
    """A number and its unit as they are read; the unit is a column of its own in a table."""

    number: str
    unit: str

    def __str__(self) -> str:
        return f"{self.number}{NO_BREAK}{self.unit}" if self.unit else self.number

    def __html__(self) -> str:
        return str(self)


SUMMER, WINTER = mark("summer time"), mark("winter time")


class Words:
    """One language, one time zone. `say` and `say_n` give safe markup: what is put into a sentence is escaped."""

    def __init__(self, language: str, zone: ZoneInfo) -> None:
        self.language = language
        self.zone = zone
        self._locale = Locale.parse(LOCALES[language])
        self._catalogue = load_catalogue(language)
        self._set: dict[str, str] = {}

    def say(self, message: str, /, **values: object) -> Markup:
        found = self._catalogue.get(message) or message
        return self._fill(found if isinstance(found, str) else found[0], values)

    def say_n(self, one: str, many: str, n: int, /, **values: object) -> Markup:
        """The singular or the plural sentence; %(n)s is the number itself.

        French counts nought with one; but where the singular says "one" as a word, nought is said as a number.
        """
        found = self._catalogue.get(one)
        forms = found if isinstance(found, tuple) else (one, many)
        singular = n == 1 or (n == 0 and self.language == "fr" and "%(n)s" in forms[0])
        return self._fill(forms[0 if singular else -1], {"n": self.number(n), **values})

    def _fill(self, message: str, values: dict[str, object]) -> Markup:
        shaped = self._set.get(message)
        if shaped is None:
            shaped = self._set[message] = typographic(self.language, message)
        return Markup(shaped) % values if values else Markup(shaped.replace("%%", "%"))  # noqa: S704 - our catalogue's own markup

    # Numbers

    def number(self, number: Decimal | int, decimals: int = 0) -> str:
        pattern = "#,##0" + ("." + "0" * decimals if decimals else "")
        with localcontext(WIDE):
            return str(format_decimal(number, format=pattern, locale=self._locale)).replace("-", MINUS)

    def percent(self, ratio: Decimal, *, signed: bool = True) -> str:
        """`+12 %`: a ratio as whole per cent; the sign is said, or left to the sentence."""
        whole = int((ratio * 100).to_integral_value())
        sign = ("+" if whole > 0 else MINUS if whole < 0 else "") if signed else ""
        space = THIN if self.language == "fr" else ""
        return f"{sign}{self.number(abs(whole))}{space}%"

    # Dates. `at` is UTC seconds; the page speaks the home's local time.

    def local(self, at: int) -> datetime:
        return datetime.fromtimestamp(at, UTC).astimezone(self.zone)

    def clock(self, at: int) -> str:
        local = self.local(at)
        return self.time(local.hour * 60 + local.minute)

    def clocks(self, start: int, end: int) -> tuple[str, str]:
        """The ends of a short span; where one of them comes twice that night, both say which time it is."""
        twice = any(
            local.replace(fold=0).utcoffset() != local.replace(fold=1).utcoffset()
            for local in (self.local(start), self.local(end))
        )
        return self._exact(start, twice=twice), self._exact(end, twice=twice)

    def _exact(self, at: int, *, twice: bool) -> str:
        if not twice:
            return self.clock(at)
        summer = bool(self.local(at).dst())
        return f"{self.clock(at)} ({self.say(SUMMER if summer else WINTER)})"

    def clock_seconds(self, at: int) -> str:
        return f"{self.local(at):%H:%M:%S}"

    def hour(self, hour: int) -> str:
        return f"{hour}{NO_BREAK}h" if self.language == "fr" else f"{hour:02}:00"

    def time(self, minute: int, *, short: bool = False) -> str:
        """A time of day in minutes from midnight; `short`: whole hours without their minutes, where French has it so."""
        hour, minute = divmod(minute, 60)
        if self.language == "fr":
            return f"{hour}{NO_BREAK}h" if short and not minute else f"{hour}{NO_BREAK}h{NO_BREAK}{minute:02}"
        return f"{hour % 24:02}:{minute:02}"

    def month(self, day: date, *, year: bool = True) -> str:
        return str(format_date(day, "MMMM y" if year else "LLLL", locale=self._locale))

    def month_letters(self, day: date) -> str:
        """`janv.`: under a bar."""
        return str(format_date(day, "LLL", locale=self._locale))

    def day(self, day: date, *, weekday: bool = True, year: bool = False) -> Markup:
        """`jeudi 19 novembre`; the first of a month has its raised letters in French."""
        text = str(format_date(day, "MMMM" + (" y" if year else ""), locale=self._locale))
        name = self.weekday(day) + " " if weekday else ""
        return Markup("{}{}{}{}").format(name, self.day_of_month(day), NO_BREAK, text)

    def day_of_month(self, day: date) -> Markup:
        return Markup("1<sup>er</sup>") if self.language == "fr" and day.day == 1 else Markup("{}").format(day.day)

    def weekday(self, day: date) -> str:
        return str(format_date(day, "EEEE", locale=self._locale))

    def moment(self, at: int, now: int) -> Markup:
        """A moment named as shortly as today allows, to stand by itself: `18 h 42`, `19 novembre à 18 h 42`."""
        if self.local(at).date() == self.local(now).date():
            return Markup(self.clock(at))  # noqa: S704 - digits only
        return self.say("%(day)s at %(time)s", day=self._past_day(at, now), time=self.clock(at))

    def since(self, at: int, now: int) -> Markup:
        """A moment to stand behind "since". Of today it is said: « depuis 3 h 10 » alone would be a duration."""
        if self.local(at).date() == self.local(now).date():
            return self.say("%(time)s today", time=self.clock(at))
        return self.say("%(day)s, %(time)s", day=self._past_day(at, now), time=self.clock(at))

    def _past_day(self, at: int, now: int) -> Markup:
        day = self.local(at).date()
        return self.day(day, weekday=False, year=day.year != self.local(now).year)

    def age(self, seconds: int) -> Markup:
        for step_s, message in AGES:
            if seconds >= step_s:
                return self.say(message, n=self.number(seconds // step_s))
        return self.say(mark("just now"))

    def duration(self, seconds: int) -> str:
        """`3 h 10`, `14 min`, `2 s`, and whole days from two days on."""
        if seconds >= 2 * 86400:
            return str(self.say_n("%(n)s day", "%(n)s days", seconds // 86400))
        if seconds >= 3600:
            return f"{seconds // 3600}{NO_BREAK}h{NO_BREAK}{seconds % 3600 // 60:02}"
        if seconds >= 60:
            return f"{seconds // 60}{NO_BREAK}min"
        return f"{seconds}{NO_BREAK}s"


# Also handed to the page, so that live.js has no words of its own.
AGES = (
    (86400, mark("%(n)s d ago")),
    (3600, mark("%(n)s h ago")),
    (60, mark("%(n)s min ago")),
    (1, mark("%(n)s s ago")),
)
