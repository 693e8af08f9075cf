"""The made-up homes beside what is published of real ones."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from itertools import groupby
from typing import TYPE_CHECKING

from bench.household.leaks import Kind, Leak
from bench.household.water import Use
from bench.household.year import HOUR, MINUTE

if TYPE_CHECKING:
    from bench.homes import Home

SLOT_MINUTES = 10
# What uses the shares of the Centre d'information sur l'eau speak of, in percent of 148 L a person a day.
SHARES = (
    ("bath, shower, basin", 39, (Use.SHOWER, Use.BATH, Use.BASIN)),
    ("WC", 20, (Use.WC, Use.WEEP)),
    ("laundry", 12, (Use.LAUNDRY,)),
    ("dishes, cooking, drink, cleaning", 23, (Use.KITCHEN, Use.DISHWASHER, Use.CLEANING)),
    ("car, garden", 6, (Use.CAR, Use.GARDEN)),
    ("pool, softener and others", None, (Use.POOL, Use.SOFTENER, Use.AIR, Use.OTHER, Use.ACCIDENT)),
)


@dataclass
class Seen:
    """What is gathered of the homes, one after the other."""

    people: list[int] = field(default_factory=list)
    litres: list[float] = field(default_factory=list)  # a person a day, of each home
    by_use: Counter[Use] = field(default_factory=Counter)
    by_hour: list[float] = field(default_factory=lambda: [0.0] * 24)
    quiet_nights: list[float] = field(default_factory=list)  # share, of each home
    longest_h: list[float] = field(default_factory=list)
    away_days: list[float] = field(default_factory=list)
    leaks: list[tuple[Home, Leak]] = field(default_factory=list)
    heard: list[float] = field(default_factory=list)  # share of the readings that were due
    intervals: Counter[int] = field(default_factory=Counter)
    troubles: Counter[str] = field(default_factory=Counter)


def table(homes: Iterable[Home]) -> str:
    seen = Seen()
    for home in homes:
        _look(seen, home)
    rows = [("what", "here", "published"), ("---", "---", "---"), *_use(seen), *_flow(seen), *_labels(seen)]
    return "".join(f"| {' | '.join(row)} |\n" for row in rows)


def _look(seen: Seen, home: Home) -> None:
    """Of its use without the leaks."""
    days, use, begin = home.days, home.use, home.year.start
    people = len(home.household.people)
    seen.people.append(people)
    seen.litres.append(sum(home.litres_by_use.values()) / people / len(days))
    seen.by_use.update(home.litres_by_use)
    quiet = 0
    for day in days:
        for hour in range(24):
            first = int(day.at(hour * HOUR) - begin) // MINUTE
            seen.by_hour[hour] += sum(use[first : first + 60])
        first, last = (int(day.at(hour * HOUR) - begin) // MINUTE for hour in (2, 5))
        quiet += not any(use[first:last])
    seen.quiet_nights.append(quiet / len(days))
    slots = (any(use[first : first + SLOT_MINUTES]) for first in range(0, len(use), SLOT_MINUTES))
    longest = max((sum(1 for _ in run) for flowing, run in groupby(slots) if flowing), default=0)
    seen.longest_h.append(longest * SLOT_MINUTES / 60)
    seen.away_days.append(sum(span.end - span.start for span in home.away) / (24 * HOUR))
    seen.leaks.extend((home, leak) for leak in home.leaks)
    ats, _ = home.readings()
    seen.heard.append(len(ats) * home.meter.interval_s / (home.year.end - begin))
    seen.intervals[home.meter.interval_s] += 1
    troubles = home.troubles
    for word, there in (
        ("gap", troubles.gaps),
        ("exchanged meter", troubles.swaps),
        ("index that stands still", troubles.stuck),
        ("backflow", home.meter.backward),
        ("forgotten tap", any(each.use is Use.ACCIDENT for each in home.oddities)),
    ):
        seen.troubles[word] += bool(there)


def _use(seen: Seen) -> list[tuple[str, str, str]]:
    people, litres = sum(seen.people), sum(seen.by_use.values())
    mean = sum(each * count for each, count in zip(seen.litres, seen.people, strict=True)) / people
    low, middle, high = (_at(seen.litres, share) for share in (0.1, 0.5, 0.9))
    rows = [
        ("homes; people in each", f"{len(seen.people)}; {people / len(seen.people):.2f}", "2.2 (INSEE 2020)"),
        ("litres a person a day", f"{mean:.0f}", "148 (CIEau, SISPEA)"),
        ("of homes: p10, median, p90", f"{low:.0f}, {middle:.0f}, {high:.0f}", "-"),
    ]
    for name, published, uses in SHARES:
        share = 100 * sum(seen.by_use[use] for use in uses) / litres
        rows.append((name, f"{share:.1f} %", "-" if published is None else f"{published} % (CIEau)"))
    return rows


def _flow(seen: Seen) -> list[tuple[str, str, str]]:
    whole = sum(seen.by_hour)
    morning, evening = (max(hours, key=seen.by_hour.__getitem__) for hours in (range(4, 12), range(15, 24)))
    shares = [100 * litres / whole for litres in seen.by_hour]
    night = seen.by_hour[3] / len(seen.people) / 365
    long = [f"{_at(seen.longest_h, share):.1f}" for share in (0.5, 0.9, 0.99)]
    quiet = [f"{100 * _at(seen.quiet_nights, share):.0f}" for share in (0.1, 0.5, 0.9)]
    return [
        (
            "busiest hours",
            f"{morning} h ({shares[morning]:.1f} % of the day), {evening} h ({shares[evening]:.1f} %)",
            "two peaks, 7 to 9 h and 18 to 21 h (Blokker 2010)",
        ),
        ("3 to 4 h: litres a home", f"{night:.2f}", "1.7 (UK, Managing Leakage 1994: no cheap hours for machines)"),
        ("nights, 2 to 5 h, with no use: p10, median, p90 of homes", f"{', '.join(quiet)} %", "-"),
        ("longest time with use in each ten minutes: median, p90, p99 of homes", f"{', '.join(long)} h", "-"),
        ("days with nobody there: median, p90", f"{_at(seen.away_days, 0.5):.0f}, {_at(seen.away_days, 0.9):.0f}", "-"),
    ]


def _labels(seen: Seen) -> list[tuple[str, str, str]]:
    homes = len(seen.people)
    leaky = len({home.number for home, _ in seen.leaks})
    rows = [("homes with no leak in the year", f"{homes - leaky}", "-")]
    kinds = Counter(_named(leak) for _, leak in seen.leaks)
    unseen = Counter(_named(leak) for home, leak in seen.leaks if leak.litres_per_hour < home.meter.start_lph)
    for name in sorted(kinds):
        few = f", {unseen[name]} where the meter does not start" if unseen[name] else ""
        rows.append((name, f"{kinds[name]}{few}", "-"))
    for seconds, word in ((600, "ten minutes"), (3600, "hour"), (86_400, "day")):
        rows.append((f"meters heard each {word}", f"{seen.intervals[seconds]}", "-"))
    low, middle = (100 * _at(seen.heard, share) for share in (0.1, 0.5))
    rows.append(("heard of what was due: p10, median", f"{low:.0f}, {middle:.0f} %", "-"))
    rows.extend((f"homes with: {word}", f"{count}", "-") for word, count in seen.troubles.items())
    return rows


def _named(leak: Leak) -> str:
    if leak.kind is Kind.BURST:
        return "leaks: burst, 250 to 3,000 L/h"
    return f"leaks: {leak.kind}, {leak.litres_per_hour:.0f} L/h"


def _at(values: Sequence[float], share: float) -> float:
    return sorted(values)[min(int(share * len(values)), len(values) - 1)]
