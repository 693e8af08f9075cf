"""Local days, months and years as UTC bounds. A local day has 23, 24 or 25 hours; nothing here assumes 24."""

import calendar
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo


def midnight(zone: ZoneInfo, day: date) -> int:
    """The UTC second at which this local day starts, also where midnight does not exist (clocks moved at 0 h)."""
    return int(datetime.combine(day, time(), zone).timestamp())


def today(zone: ZoneInfo, now: int) -> date:
    return datetime.fromtimestamp(now, UTC).astimezone(zone).date()


def same_time(zone: ZoneInfo, day: date, now: int) -> int:
    """The moment of `day` at which the kitchen clock shows what it shows now."""
    local = datetime.fromtimestamp(now, UTC).astimezone(zone)
    return int(datetime.combine(day, local.time(), zone).replace(fold=0).timestamp())


def day_bounds(zone: ZoneInfo, day: date, step_s: int = 3600) -> list[int]:
    """Bounds of the hours (or half-hours) of one local day: 24, 25 or 26 of them for hours."""
    start, end = midnight(zone, day), midnight(zone, day + timedelta(days=1))
    return [*range(start, end, step_s), end]


def month_bounds(zone: ZoneInfo, first: date) -> list[int]:
    """Bounds of the days of the month that starts at `first`."""
    return [midnight(zone, first + timedelta(days=n)) for n in range(month_days(first) + 1)]


def year_bounds(zone: ZoneInfo, year: int) -> list[int]:
    return [midnight(zone, date(year + month // 12, month % 12 + 1, 1)) for month in range(13)]


def month_days(day: date) -> int:
    return calendar.monthrange(day.year, day.month)[1]


def add_months(first: date, months: int) -> date:
    whole = first.year * 12 + first.month - 1 + months
    return date(whole // 12, whole % 12 + 1, 1)


def year_before(day: date) -> date:
    """The same day a year earlier; 29 February falls back on the 28th."""
    return day.replace(year=day.year - 1, day=min(day.day, month_days(date(day.year - 1, day.month, 1))))
