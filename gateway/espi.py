"""Green Button: what was taken, as an Atom feed of ESPI resources, text piece by piece.

NAESB REQ.21 ESPI, schema 3.3.20200320 (elements, their order, code lists); the feed is of RFC 4287. Everything here is a
function of what it is given. Times are UTC seconds, as ESPI's own are.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid5
from xml.sax.saxutils import escape, quoteattr
from zoneinfo import ZoneInfo

from drivers.model import Medium, Quantity

ATOM, ESPI = "http://www.w3.org/2005/Atom", "http://naesb.org/espi"
NAMES = UUID("6f0c6a7e-2a3b-5c53-9d3f-52656c6576e9")
HALF_HOUR_S, DAY_S = 1800, 86_400

# UnitSymbolKind and MeasurementKind. greenbutton-objects 2024.7.11 stops at a code that it does not know, so that nothing
# of a feed is read: a volume's kind (58), which says no more than the unit, is left out, and so are grams and counts.
UNITS: dict[Quantity, tuple[int, int | None]] = {
    Quantity.ENERGY: (72, 12),
    Quantity.ENERGY_JOULE: (31, 12),
    Quantity.REACTIVE_ENERGY: (73, 12),
    Quantity.APPARENT_ENERGY: (71, 12),
    Quantity.VOLUME: (134, None),
}
# ServiceKind and CommodityKind; ESPI knows no service of cooling.
SERVICES: dict[Medium, tuple[int | None, int]] = {
    Medium.ELECTRICITY: (0, 1),
    Medium.GAS: (1, 7),
    Medium.WATER: (2, 9),
    Medium.HOT_WATER: (2, 9),
    Medium.HEAT: (4, 12),
    Medium.COOLING: (None, 13),
}
NO_SERVICE = (None, 0)
DELTA_DATA = 4  # AccumulationKind
FORWARD, REVERSE = 1, 19  # FlowDirectionKind
NORMAL = 12  # DataQualifierKind
RAW, DERIVED = 14, 11  # QualityOfReading: as the meter said it; counted on over an exchange or a roll-over
POWERS = (-12, -9, -6, -3, -2, -1, 0, 1, 2, 3, 6, 9, 12)  # UnitMultiplierKind
VALUE_MAX = (1 << 47) - 1  # Int48
NO_RULE = 0xFFFF_FFFF  # DstRuleType
# What XML 1.0 has no place for, section 2.2.
UNSAYABLE = dict.fromkeys((*range(9), 11, 12, *range(14, 32), *range(55296, 57344), 65534, 65535), "�")


@dataclass(frozen=True, slots=True)
class Rules:
    """A zone's clock: seconds from UTC, seconds more in summer, and when that begins and ends, as DstRuleType."""

    offset_s: int
    summer_s: int
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class Register:
    """What one series counts; its values are whole numbers of 10**power of the quantity's unit, each of `step_s` seconds.

    `key` names it among all series of the home, in each of its feeds.
    """

    key: str
    title: str
    medium: Medium
    quantity: Quantity
    power: int
    step_s: int
    flow: int | None = None


@dataclass(frozen=True, slots=True)
class Amount:
    """What was taken from `start` to `end`; `over_swap` where it was counted on from one meter to another."""

    start: int
    end: int
    value: int
    over_swap: bool = False


def power_for(exponent: int) -> int:
    """The coarsest power of ten with a name in ESPI in which a whole number of 10**exponent is a whole number."""
    return max(power for power in POWERS if power <= exponent)


@dataclass(frozen=True, slots=True)
class Feed:
    """One feed, made at a time. The ids in it follow from `seed` and the keys: the same in each feed of the home."""

    seed: str
    title: str
    made_at: int

    def begin(self) -> str:
        return (
            f'<?xml version="1.0" encoding="utf-8"?>\n<feed xmlns="{ATOM}">\n<id>{self._id("feed", "")}</id>\n'
            f"<title>{_text(self.title)}</title>\n<updated>{self._at}</updated>\n<author><name>Relevé</name></author>\n"
            f'<link rel="self" href="." type="espi-feed/Batch"/>\n'
        )

    def end(self) -> str:
        return "</feed>\n"

    def local_time(self, zone: str, rules: Rules) -> str:
        return self._entry(
            "LocalTimeParameters/1",
            zone,
            [],
            zone,
            f'<LocalTimeParameters xmlns="{ESPI}"><dstEndRule>{rules.end:08X}</dstEndRule>'
            f"<dstOffset>{rules.summer_s}</dstOffset><dstStartRule>{rules.start:08X}</dstStartRule>"
            f"<tzOffset>{rules.offset_s}</tzOffset></LocalTimeParameters>",
        )

    def usage_point(self, number: int, key: str, name: str, medium: Medium, *, local_time: bool) -> str:
        kind, _ = SERVICES.get(medium, NO_SERVICE)
        service = "" if kind is None else f"<ServiceCategory><kind>{kind}</kind></ServiceCategory>"
        related = [(f"UsagePoint/{number}/MeterReading", "feed/MeterReading")]
        if local_time:
            related.append(("LocalTimeParameters/1", "entry/LocalTimeParameters"))
        return self._entry(
            f"UsagePoint/{number}", key, related, name, f'<UsagePoint xmlns="{ESPI}">{service}</UsagePoint>'
        )

    def meter_reading(self, place: str, number: int, of: Register) -> str:
        """The readings `place` (UsagePoint/n/MeterReading/m), and what they are: the type of this number."""
        _, commodity = SERVICES.get(of.medium, NO_SERVICE)
        uom, kind = UNITS[of.quantity]
        said = {
            "accumulationBehaviour": DELTA_DATA,
            "commodity": commodity,
            "dataQualifier": NORMAL,
            "defaultQuality": RAW,
            "flowDirection": of.flow,
            "intervalLength": of.step_s,
            "kind": kind,
            "powerOfTenMultiplier": of.power,
            "uom": uom,
        }
        lines = "".join(f"<{name}>{value}</{name}>" for name, value in said.items() if value is not None)
        kinds = [(f"{place}/IntervalBlock", "feed/IntervalBlock"), (f"ReadingType/{number}", "entry/ReadingType")]
        return self._entry(place, of.key, kinds, of.title, f'<MeterReading xmlns="{ESPI}"/>') + self._entry(
            f"ReadingType/{number}", of.key, [], of.title, f'<ReadingType xmlns="{ESPI}">{lines}</ReadingType>'
        )

    def block(self, place: str, of: Register, day: str, start: int, end: int, amounts: Iterable[Amount]) -> str:
        """What was taken on one local day (YYYY-MM-DD), under the readings `place`."""
        derived = f"<ReadingQuality><quality>{DERIVED}</quality></ReadingQuality>"
        lines = "".join(
            f"<IntervalReading>{derived if each.over_swap else ''}{_period('timePeriod', each.start, each.end)}"
            f"<value>{each.value}</value></IntervalReading>\n"
            for each in amounts
        )
        return self._entry(
            f"{place}/IntervalBlock/{day.replace('-', '')}",
            f"{of.key} {day}",
            [],
            day,
            f'<IntervalBlock xmlns="{ESPI}">{_period("interval", start, end)}\n{lines}</IntervalBlock>',
        )

    def _entry(self, place: str, key: str, related: list[tuple[str, str]], title: str, content: str) -> str:
        up, kind = place.rpartition("/")[0], place.split("/")[-2]
        links = [("self", place, f"entry/{kind}"), ("up", up, f"feed/{kind}")]
        links += [("related", href, what) for href, what in related]
        said = "".join(f'<link rel="{rel}" href={quoteattr(href)} type="espi-{what}"/>\n' for rel, href, what in links)
        return (
            f"<entry>\n<id>{self._id(kind, key)}</id>\n{said}<title>{_text(title)}</title>\n"
            f'<content type="application/xml">{content}</content>\n'
            f"<published>{self._at}</published>\n<updated>{self._at}</updated>\n</entry>\n"
        )

    def _id(self, kind: str, key: str) -> str:
        return f"urn:uuid:{uuid5(NAMES, ' '.join((self.seed, kind, key)))}"

    @property
    def _at(self) -> str:
        return f"{datetime.fromtimestamp(self.made_at, UTC):%Y-%m-%dT%H:%M:%SZ}"


def rules(zone: ZoneInfo, first_year: int, last_year: int) -> Rules | None:
    """The zone's clock in these years, both included; None where ESPI has no words for it.

    It has one pair of rules, and summer that begins and ends within a year: not the southern half of the world, no
    Ramadan, no year in which a country changed its mind.
    """
    starts: set[int] = set()
    ends: set[int] = set()
    offsets: set[tuple[int, int]] = set()
    for number, year in enumerate(range(first_year, last_year + 1)):
        changes = _changes(zone, year)
        if not changes:
            offset_s = _offset_s(zone, datetime(year, 1, 1, tzinfo=UTC))
            offsets.add((offset_s, 0))
            continue
        if len(changes) != 2:
            return None
        (begin, standard_s, summer_s), (finish, before_s, after_s) = changes
        if (before_s, after_s) != (summer_s, standard_s) or summer_s < standard_s:
            return None
        offsets.add((standard_s, summer_s - standard_s))
        first, last = _codes(begin + timedelta(seconds=standard_s)), _codes(finish + timedelta(seconds=summer_s))
        starts, ends = (starts & first, ends & last) if number else (first, last)
    if len(offsets) != 1:
        return None
    ((offset_s, more_s),) = offsets
    if not more_s:
        return Rules(offset_s, 0, NO_RULE, NO_RULE)
    return Rules(offset_s, more_s, max(starts), max(ends)) if starts and ends else None


def _changes(zone: ZoneInfo, year: int) -> list[tuple[datetime, int, int]]:
    """When the clock of a zone is set in a year (UTC), and its offset before and after."""
    found = []
    at, end = datetime(year, 1, 1, tzinfo=UTC), datetime(year + 1, 1, 1, tzinfo=UTC)
    while at < end:
        then = at + timedelta(days=1)
        before, after = _offset_s(zone, at), _offset_s(zone, then)
        if before != after:
            low, high = 0, DAY_S
            while high - low > 1:
                middle = (low + high) // 2
                same = _offset_s(zone, at + timedelta(seconds=middle)) == before
                low, high = (middle, high) if same else (low, middle)
            found.append((at + timedelta(seconds=high), before, after))
        at = then
    return found


def _codes(wall: datetime) -> set[int]:
    """Every rule (DstRuleType) that names this moment of the local clock.

    # mmmm ooo ddddd www hhhhh ssssssssssss     bit 31 first
    # m: month   o: operator   d: day of the month   w: day of the week, Monday = 1   h: hour   s: seconds in the hour
    # o: 0 this day of the month; 2 to 6 the first to fifth such weekday of the month; 7 the last one
    """
    time = wall.month << 28 | wall.hour << 12 | wall.minute * 60 + wall.second
    weekday = time | wall.isoweekday() << 17
    codes = {time | wall.day << 20, weekday | (wall.day - 1) // 7 + 2 << 25}
    if (wall + timedelta(days=7)).month != wall.month:
        codes.add(weekday | 7 << 25)
    return codes


def _offset_s(zone: ZoneInfo, at: datetime) -> int:
    offset = at.astimezone(zone).utcoffset()
    assert offset is not None
    return int(offset.total_seconds())


def _period(name: str, start: int, end: int) -> str:
    return f"<{name}><duration>{end - start}</duration><start>{start}</start></{name}>"


def _text(text: str) -> str:
    return escape(text.translate(UNSAYABLE))
