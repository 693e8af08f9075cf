"""A P1 telegram's times: local, of Central Europe, with a letter for the season or, before version 4, without."""

import re
from datetime import UTC, datetime, timedelta

# YYMMDDhhmmssX     X: S summer, W winter. Where no summer time is kept (Sweden's meters) it is W all year.
_TIME = re.compile(r"([0-9]{12})([SW]?)")
_OFFSETS = {"S": timedelta(hours=2), "W": timedelta(hours=1)}


def moments(text: str) -> tuple[datetime, ...]:
    """The moment it names; none for what is no date, as 632525252525S of a meter that was never heard, or two.

    Without its letter a time of the doubled hour in October may be either, and one that spring leaves out none.
    """
    found = _TIME.fullmatch(text)
    if found is None:
        return ()
    try:
        local = datetime.strptime(found[1], "%y%m%d%H%M%S").replace(tzinfo=UTC)
    except ValueError:
        return ()
    if found[2]:
        return (local - _OFFSETS[found[2]],)
    either = ((local - offset, season == "S") for season, offset in _OFFSETS.items())
    return tuple(moment for moment, summer in either if is_summer(moment) is summer)


def is_summer(moment: datetime) -> bool:
    """Summer time is kept from 01:00 UTC on the last Sunday of March to that of October (directive 2000/84/EC)."""
    begin, end = (_last_sunday(moment.year, month) for month in (3, 10))
    return begin <= moment < end


def _last_sunday(year: int, month: int) -> datetime:
    last = datetime(year, month, 31, 1, tzinfo=UTC)
    return last - timedelta(days=(last.weekday() + 1) % 7)
