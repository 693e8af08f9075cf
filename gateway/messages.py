"""What a person is to be told under a grant of messages, now: of each event once, and of a week its sentences."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from enum import StrEnum
from zoneinfo import ZoneInfo

from gateway.alerts import SAME_S
from gateway.grants import Grant
from gateway.services.model import Service, Story
from gateway.telling import WEEK
from gateway.way import Form

DAY_S = 86_400
# That it is over is said while somebody may still wonder.
OVER_S = 7 * DAY_S
# The sentences of a week: from Monday at this time on, and until Tuesday is over; later they are no news.
WEEK_AT, WEEK_DAYS = time(8), 2
# A grant that ends says so so long before; one that was given for less, never.
ENDING_S, LASTING_S = 14 * DAY_S, 60 * DAY_S
# Within 24 hours no more than so many; what is more waits for its turn, but for what is urgent: of a story that is once a rank.
MESSAGES_A_DAY = 12
# From so bad on nobody wants to sleep through it.
URGENT = {Service.LEAK: 3, Service.FROST: 1}


class What(StrEnum):
    """Why a message is sent."""

    RAISED = "raised"
    WORSE = "worse"
    AGAIN = "again"  # it was put off, and that is over
    OVER = "over"
    WEEK = "week"
    ENDING = "ending"  # of the grant itself
    TRIAL = "trial"


@dataclass(frozen=True, slots=True)
class Due:
    """One message, before it has words. `name` is never another one's of its grant, and begins with `about`: as in gateway/telling.py, or `what`."""

    name: str
    what: What
    about: str
    urgent: bool = False
    story: Story | None = None
    monday: date | None = None  # of the week that is told


@dataclass(frozen=True, slots=True)
class Text:
    """A message in a language: `subject` is one line."""

    subject: str
    text: str


@dataclass(frozen=True, slots=True)
class Quiet:
    """Between these minutes of the local day only what is urgent is told; equal ones are never."""

    start: int = 22 * 60
    end: int = 7 * 60

    def holds(self, zone: ZoneInfo, now: int) -> bool:
        at = datetime.fromtimestamp(now, UTC).astimezone(zone)
        minute = at.hour * 60 + at.minute
        if self.start <= self.end:
            return self.start <= minute < self.end
        return minute >= self.start or minute < self.end


def due(
    grant: Grant,
    stories: Iterable[Story],
    done: Mapping[str, int | None],
    tried: Mapping[str, int],
    looked: Iterable[Service],
    quiet: Quiet,
    zone: ZoneInfo,
    now: int,
) -> list[Due]:
    """What is to be told now: what was not tried yet, the urgent first; then what was tried the longest ago.

    `stories` are the last ones of each service and metering point, open or over; `done` is what was told by its name, and when
    (UTC seconds; None: handed out, and nobody knows whether it arrived); `tried` counts up with each that was handed out, so that
    one that is refused for ever keeps no other waiting; `looked` are the services that have looked since the start of the
    program: before, an open story is an old one.
    """
    assert grant.telling is not None
    about = grant.telling.about
    found = list(_of_grant(grant, now))
    stories = list(stories)
    leaking = {one.finding.point for one in stories if one.is_open and one.finding.service is Service.LEAK}
    for story in stories:
        # Water that is told as a leak is told as no over-use any more (gateway/habits.py), and runs on.
        gave_way = story.finding.service is Service.HABIT and not story.is_open and story.finding.point in leaking
        if story.finding.service in about and story.finding.service in looked and not gave_way:
            found += _of_story(story, done, now)
    if WEEK in about and grant.way is not None and grant.way.form is Form.WORDS:
        found += _of_week(grant, zone, now)
    # Ahead of now stands what was told under a clock that was ahead: it fills no other day.
    told = [at for name, at in done.items() if at is not None and about_of(name) != What.TRIAL]
    room = max(0, MESSAGES_A_DAY - sum(abs(now - at) < DAY_S for at in told))
    waits = [one for one in found if done.get(one.name) is None and (one.urgent or not quiet.holds(zone, now))]
    waits.sort(key=lambda one: (tried.get(one.name, 0), not one.urgent))
    others = {one.name for one in [one for one in waits if not one.urgent][:room]}
    return [one for one in waits if one.urgent or one.name in others]


def is_urgent(story: Story) -> bool:
    return story.finding.rank >= URGENT.get(story.finding.service, 1 << 30)


def _of_story(story: Story, done: Mapping[str, int | None], now: int) -> Iterator[Due]:
    finding = story.finding
    stem, over_at = _stem(story, done)
    told = [at for name, at in done.items() if name.startswith(stem) and at is not None]
    if not story.is_open:
        # It may begin again, and is the same then: who was told that it is over would not know.
        is_over = story.solved_at is not None and SAME_S <= now - story.solved_at < OVER_S
        if is_over and told:
            yield Due(f"{stem}{What.OVER}", What.OVER, finding.service, story=story)
        return
    # Seen before a message said that it was over, it is news again.
    is_seen = story.is_seen and (over_at is None or (story.seen_at or 0) > over_at)
    if story.is_put_off(now) or is_seen:
        return
    what = What.WORSE if told else What.RAISED
    name = f"{stem}{story.worst}"
    if story.snoozed_until is not None and told and max(told) < story.snoozed_until:
        what, name = What.AGAIN, f"{name}-{story.snoozed_until}"
    yield Due(name, what, finding.service, is_urgent(story), story)


def _stem(story: Story, done: Mapping[str, int | None]) -> tuple[str, int | None]:
    """How the names of its messages begin, and when a person was told last that it is over.

    What is slow to be found may be open again after that was told: then it begins anew for who is told.
    """
    first = stem = f"{story.finding.service}-{story.id}-"
    over_at, times = None, 0
    while (over := f"{stem}{What.OVER}") in done and (story.is_open or done[over] is not None):
        times, over_at = times + 1, done[over]
        stem = f"{first}anew{times}-"
    return stem, over_at


def _of_week(grant: Grant, zone: ZoneInfo, now: int) -> Iterator[Due]:
    today = datetime.fromtimestamp(now, UTC).astimezone(zone).date()
    monday = today - timedelta(days=today.weekday())
    begin = int(datetime.combine(monday, WEEK_AT, zone).timestamp())
    end = int(datetime.combine(monday + timedelta(days=WEEK_DAYS), time(), zone).timestamp())
    if begin <= now < end and grant.start < begin:
        last = monday - timedelta(days=7)
        yield Due(f"{WEEK}-{last}", What.WEEK, WEEK, monday=last)


def _of_grant(grant: Grant, now: int) -> Iterator[Due]:
    if grant.until - grant.start >= LASTING_S and now >= grant.until - ENDING_S:
        yield Due(What.ENDING, What.ENDING, What.ENDING)


def about_of(name: str) -> str:
    """What the message of this name is about, as in `Due`."""
    return name.partition("-")[0]


def says_over(name: str) -> bool:
    return name.endswith(f"-{What.OVER}")
