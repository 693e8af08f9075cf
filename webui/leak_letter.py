"""`/leak/{story}/letter`: what French law says of a water bill that a leak made, what the box knows of it, and a letter."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import ROUND_DOWN, Decimal

from aiohttp import web
from markupsafe import Markup

from gateway.house import House
from gateway.services.model import Story
from gateway.views import PointView
from webui import days, shown
from webui.leak import FITTINGS, story_of
from webui.page import HOUSE, PAGES, render, words_of
from webui.taken import amounts
from webui.words import Amount, Words, mark

# Code général des collectivités territoriales, L. 2224-12-4, III bis, read at second hand: docs/leaks.md.
YEARS = 3
ABNORMAL = 2
# Where nobody says when the water service last read the meter: many do so twice a year.
DAYS_BACK = 182
DAYS_MOST = 364
NO_DAY = mark("Choose a day of the last twelve months.")
BLANK = Markup('<span class="blank"></span>')


@dataclass(frozen=True, slots=True)
class Span:
    """What ran between two local days, in litres; None where the box does not know all of it."""

    first: date
    last: date
    litres: Decimal | None


@dataclass(frozen=True, slots=True)
class Compared:
    """The time asked for, and the same days of the three years before, the latest first."""

    now: Span
    before: Sequence[Span]

    @property
    def known(self) -> int:
        """Of how many earlier years the box knows what ran."""
        return sum(span.litres is not None for span in self.before)

    @property
    def mean(self) -> Decimal | None:
        """Of three years: of fewer the law's mean is not known."""
        litres = [span.litres for span in self.before if span.litres is not None]
        return sum(litres, Decimal(0)) / YEARS if len(litres) == YEARS else None

    @property
    def factor(self) -> Decimal | None:
        return self.now.litres / self.mean if self.now.litres is not None and self.mean else None

    @property
    def is_abnormal(self) -> bool:
        return self.factor is not None and self.factor > ABNORMAL


async def page(request: web.Request) -> web.Response:
    story = await story_of(request)
    house, words = request.app[HOUSE], words_of(request)
    view, asked = house.point(story.finding.point), request.query.get("from")
    today = days.today(house.zone, house.now())
    first = _day(asked, today) if asked is not None else today - timedelta(days=DAYS_BACK)
    compared = None if view is None or first is None or not house.dating else await compare(house, view, first)
    # The letter says figures of the time that somebody typed, and of no other.
    said = compared if asked is not None and compared is not None and compared.is_abnormal else None
    french = request.app[PAGES].words["fr"]
    return render(
        request,
        "leak-letter.html",
        status=200 if first is not None else 422,
        story=story,
        fitting=story.finding.kind in FITTINGS,
        typed=asked if asked is not None else first.isoformat() if first else "",
        is_asked=asked is not None,
        first_day=(today - timedelta(days=DAYS_MOST)).isoformat(),
        last_day=(today - timedelta(days=1)).isoformat(),
        fault=words.say(NO_DAY) if first is None else None,
        rows=_rows(words, compared) if compared else (),
        mean=_cubic(words, compared.mean) if compared and compared.mean is not None else None,
        factor=_factor(words, compared.factor) if compared and compared.factor is not None else None,
        is_abnormal=compared is not None and compared.is_abnormal,
        known=compared.known if compared else 0,
        years=YEARS,
        letter=letter(french, story, view, said),
        in_english=letter(words, story, view, said) if words.language != "fr" else None,
    )


def _day(text: str, today: date) -> date | None:
    try:
        found = date.fromisoformat(text)
    except ValueError:
        return None
    return found if 0 < (today - found).days <= DAYS_MOST else None


async def compare(house: House, view: PointView, first: date) -> Compared | None:
    """From a day until the meter's last word, and the same days of the years before; None where it has said nothing."""
    if view.index is None:
        return None
    end, zone = view.index.at, house.zone
    firsts, lasts = [first], [days.today(zone, end)]
    if first >= lasts[0]:
        return None
    for _ in range(YEARS):
        firsts.append(days.year_before(firsts[-1]))
        lasts.append(days.year_before(lasts[-1]))
    spans = [(days.midnight(zone, one), days.same_time(zone, two, end)) for one, two in zip(firsts, lasts, strict=True)]
    spans[0] = spans[0][0], end
    litres = (await amounts(house, view.point.id, spans[::-1]))[::-1]
    found = [Span(*each) for each in zip(firsts, lasts, litres, strict=True)]
    return Compared(found[0], found[1:])


def _rows(words: Words, compared: Compared) -> list[tuple[Markup, str | None]]:
    return [
        (
            words.say("%(first)s to %(last)s", first=_date(words, span.first), last=_date(words, span.last)),
            None if span.litres is None else _cubic(words, span.litres),
        )
        for span in (compared.now, *compared.before)
    ]


# The letter, which is French whatever the page is: these sentences in French, and for who reads English in English.


def letter(words: Words, story: Story, view: PointView | None, said: Compared | None) -> list[Markup]:
    """Its paragraphs from the salutation to the end."""
    number = shown.engraved(view.address) if view else ""
    began = _date(words, words.local(story.began_at).date())
    return [
        words.say("Dear Sir or Madam,"),
        words.say(
            "At my water meter no. %(number)s more water ran than usual from %(day)s on: there was a leak.",
            number=number or BLANK,
            day=began,
        ),
        _figures(words, said),
        words.say(
            "The leak was repaired on %(day)s by %(who)s. The certificate of this plumbing company is enclosed: it says where the leak was, and when it was repaired.",
            day=BLANK,
            who=BLANK,
        ),
        words.say("You told me of this consumption on %(day)s: I write to you within the month.", day=BLANK),
        words.say(
            "I ask you, by article L. 2224-12-4, III bis, of the code général des collectivités territoriales, not to bill me the part of my consumption that is more than twice my mean consumption."
        ),
        words.say("Yours faithfully,"),
    ]


def _figures(words: Words, said: Compared | None) -> Markup:
    if said is None or said.mean is None or said.factor is None or said.now.litres is None:
        return words.say(
            "Please compare what has run since your last reading with the mean of the same time in the three years before."
        )
    last, second, third = (_cubic(words, span.litres) for span in said.before if span.litres is not None)
    return words.say(
        "From %(first)s to %(last)s %(volume)s ran by my own readings. On the same days of the three years before it was %(one)s, %(two)s and %(three)s, which is %(mean)s in the mean: it is %(factor)s times as much.",
        first=_date(words, said.now.first),
        last=_date(words, said.now.last),
        volume=_cubic(words, said.now.litres),
        one=last,
        two=second,
        three=third,
        mean=_cubic(words, said.mean),
        factor=_factor(words, said.factor),
    )


def _date(words: Words, day: date) -> Markup:
    return words.day(day, weekday=False, year=True)


def _cubic(words: Words, litres: Decimal) -> str:
    return str(Amount(words.number(litres / 1000, 1), "m³"))


def _factor(words: Words, factor: Decimal) -> str:
    """Cut and not rounded: 1.96 times is not twice."""
    return words.number(factor.quantize(Decimal("0.1"), rounding=ROUND_DOWN), 1)
