"""What is not heard as usual, or is in trouble: meters, the lines that they speak on, and the box's card, keys, clock and back-ups.

A restart raises nothing and ends nothing: silence counts once the box itself has listened for so long, and what was told
before goes on until the meter or its line is heard again.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

from gateway.services.model import Finding, Service

HOUR_S, DAY_S = 3600, 86_400
# Silent is what is not heard for so many of its intervals, and never sooner than LEAST_S.
INTERVALS = 3
LEAST_S = 6 * HOUR_S
# A meter that was heard once or twice: many speak once a day.
INTERVAL_S_UNKNOWN = DAY_S
# What never pauses, and what comes only where somebody uses something.
STEADY = frozenset({"tic", "p1", "sml"})
PULSES, BROKER = "pulse", "mqtt"
# All others may: radios that speak in working hours only, inverters that sleep at night. Until the box has heard one so
# long, a weekend is no silence.
YOUNG_S = 14 * DAY_S
YOUNG_S_LEAST = 3 * DAY_S
# A pause that came twice in four weeks is usual; longer than so much, it is not taken for a habit.
HABIT_S = 28 * DAY_S
PAUSE_S_MAX = 7 * DAY_S
PAUSE_FACTOR = 1.5
# A battery's thing on a broker speaks when there is something to say; that it is away, its bridge says.
BROKER_S_LEAST = 3 * DAY_S
CLOSED_S = HOUR_S
LASTING_S = 600
# So long a box that was off needs to make up for a back-up, whatever kept the first try.
BACKUP_GRACE_S = 2 * HOUR_S
BACKUPS_MISSED = 3
# A quartz goes wrong by up to some five seconds a day: so long, and it is minutes.
CLOCK_S = 30 * DAY_S

# Kinds; that of what a meter says itself is its own code (drivers/meters/_words.toml).
SILENT, CLOSED = "silent", "closed"
FULL, REFUSING = "full", "refusing"
KEYS, LATE, UNCONFIRMED = "keys", "late", "unconfirmed"
SILENT_RANK = 4

BATTERY = frozenset({"battery low", "power low", "end of life"})
TAMPER = frozenset({"tamper", "removed", "magnetic field", "terminal cover open"})
FAULT = frozenset(
    {
        "permanent error",
        "sensor open",
        "sensor short",
        "sensor error",
        "memory error",
        "hardware error",
        "communication error",
        "configuration error",
        "clock error",
        "blocked",
        "disconnected",
        "installed backwards",
        "polarity",
    }
)
# What was so once is no news.
PAST = frozenset(
    {"earlier", "sensor, earlier", "mechanical, earlier", "this month", "last month", "within a year", "transient"}
)

# No metering point's id has a colon.
PORT = "port:"
CARD_SUBJECT, KEYS_SUBJECT, BACKUP_SUBJECT, CLOCK_SUBJECT = "box:card", "box:keys", "box:backup", "box:clock"


@dataclass(frozen=True, slots=True)
class Meter:
    """How a metering point's meter is heard. Times are UTC seconds, lengths seconds.

    `protocol` is its address's. `last_at` is when it was heard, before the start, too, as far as its history says; `heard`: since
    the start it was. `pauses_s` are the long ones of its last HABIT_S, and `past_s` how long its past is; of what is steady
    neither is needed. `codes` is what it says of itself, each with the time since when; `away`: its bridge or broker no
    longer hears it. `counts`: it has an index.
    """

    point: str
    protocol: str
    port: str | None
    last_at: int | None
    heard: bool
    interval_s: float | None = None
    pauses_s: Sequence[int] = ()
    past_s: int = 0
    codes: Mapping[str, int] | None = None
    away: bool = False
    counts: bool = True


@dataclass(frozen=True, slots=True)
class Line:
    """A port. `since` is when it was opened or lost, `heard_at` when something came on it since the start: UTC seconds."""

    name: str
    protocol: str
    is_open: bool
    since: int
    heard_at: int | None


@dataclass(frozen=True, slots=True)
class Box:
    """`listening_since` is the last time the box began to listen without a break; the others since when it is so, or None.

    `backup_every_s` None: none is made by itself. `backup_at` None: none was found where they are to be. `time_told_at` is when
    the network, a meter or a person last said what time it is; None where its clock needs nobody to.
    """

    listening_since: int
    card_full_since: int | None = None
    card_refuses_since: int | None = None
    keys_since: int | None = None
    backup_every_s: int | None = None
    backup_at: int | None = None
    time_told_at: int | None = None


def find(
    meters: Sequence[Meter], lines: Sequence[Line], box: Box, told: Mapping[str, Finding], now: int
) -> list[Finding]:
    """All that is wrong at `now`. `told` is what goes on by what was told before, by its subject."""
    found = list(_of_box(box, told, now))
    lost = {}
    for line in lines:
        own = [meter for meter in meters if meter.port == line.name]
        if (finding := _of_line(line, own, box, told.get(PORT + line.name), now)) is not None:
            lost[line.name] = finding
    silent: dict[str, Finding] = {}
    for meter in meters:
        if (finding := _of_silent(meter, box, told.get(meter.point), now)) is not None:
            silent[meter.point] = finding
    for line in lines:
        own = [meter for meter in meters if meter.port == line.name]
        new = [silent[each.point] for each in own if each.point in silent and not _is_silent(told.get(each.point))]
        if line.name not in lost and len(new) >= 2 and 2 * len(new) >= len(own):
            grounds = {"meters": float(len(new))}
            lost[line.name] = Finding(
                Service.SILENCE, PORT + line.name, SILENT, max(each.since for each in new), grounds, SILENT_RANK
            )
    for meter in meters:
        before = told.get(meter.point)
        if meter.point in silent and (meter.port not in lost or _is_silent(before)):
            found.append(silent[meter.point])
        elif meter.heard:
            found += _said(meter, before, now)
        elif before is not None:
            found.append(before)
    return found + list(lost.values())


def long_pauses(ats: Sequence[int]) -> tuple[int, ...]:
    """The pauses between times (UTC seconds, in order) that are longer than an hour."""
    return tuple(after - before for before, after in pairwise(ats) if after - before > HOUR_S)


def patience_s(meter: Meter) -> float:
    """After how long without a word this meter is silent."""
    if meter.away:
        return LEAST_S
    intervals_s = INTERVALS * (INTERVAL_S_UNKNOWN if meter.interval_s is None else meter.interval_s)
    habit_s = 0.0
    if len(longest := sorted(meter.pauses_s)[-2:]) == 2:
        habit_s = PAUSE_FACTOR * min(longest[0], PAUSE_S_MAX)
    least_s = BROKER_S_LEAST if meter.protocol == BROKER else LEAST_S
    if meter.protocol not in STEADY and meter.past_s < YOUNG_S:
        least_s = YOUNG_S_LEAST
    return max(intervals_s, habit_s, least_s)


def _of_silent(meter: Meter, box: Box, before: Finding | None, now: int) -> Finding | None:
    if meter.last_at is None or meter.protocol == PULSES:
        return None
    if meter.protocol == BROKER and not (meter.counts or meter.away):  # a door that nobody opens has nothing to say
        return None
    quiet_s, patience = now - meter.last_at, patience_s(meter)
    listened_s = now - box.listening_since
    if quiet_s <= patience or (listened_s <= patience and not _is_silent(before)):
        return None
    grounds = {"patience_s": float(patience)}
    if meter.interval_s is not None:
        grounds["interval_s"] = float(meter.interval_s)
    return Finding(Service.SILENCE, meter.point, SILENT, meter.last_at, grounds, SILENT_RANK)


def _of_line(line: Line, own: Sequence[Meter], box: Box, before: Finding | None, now: int) -> Finding | None:
    """Closed, or nothing on it for longer than the one of its meters that speaks most often ever pauses."""
    listened_s = now - box.listening_since
    alone = INTERVALS * INTERVAL_S_UNKNOWN  # neighbours' meters alone, or things that nobody adopted
    patience = min((patience_s(meter) for meter in own), default=alone)
    if not line.is_open:
        # What is asked over a network may sleep with its meter: an inverter does.
        longest = patience if line.protocol in ("modbus", "shelly") else CLOSED_S
        if now - line.since > longest and listened_s > longest:
            return Finding(Service.SILENCE, PORT + line.name, CLOSED, line.since, {}, SILENT_RANK)
        return before
    if line.heard_at is None:
        # Of many meters that fell silent, one that is heard again is enough.
        return before if _is_silent(before) and not any(meter.heard for meter in own) else None
    quiet_s = now - line.heard_at
    if line.protocol != PULSES and quiet_s > patience and listened_s > patience:
        grounds = {"patience_s": float(patience)}
        return Finding(Service.SILENCE, PORT + line.name, SILENT, line.heard_at, grounds, SILENT_RANK)
    of_meters = before is not None and "meters" in before.grounds
    return before if of_meters and not any(meter.heard for meter in own) else None


def _said(meter: Meter, before: Finding | None, now: int) -> Iterator[Finding]:
    """The worst of what a meter says of itself, in its own code; nothing that lasts no longer than a moment."""
    lasting = [
        (rank_of(code), code, since)
        for code, since in (meter.codes or {}).items()
        if now - since >= LASTING_S or (before is not None and before.kind == code)
    ]
    rank, code, since = max(lasting, default=(0, "", 0))
    if rank:
        yield Finding(Service.SILENCE, meter.point, code, since, {}, rank)


def rank_of(code: str) -> int:
    """How bad it is that a meter says this of itself: 0 where nothing is to be done."""
    meaning, _, detail = code.partition(" (")
    if detail.removesuffix(")") in PAST:
        return 0
    return 1 if meaning in BATTERY else 2 if meaning in TAMPER else 3 if meaning in FAULT else 0


def _of_box(box: Box, told: Mapping[str, Finding], now: int) -> Iterator[Finding]:
    for subject, kind, since, rank in (
        (CARD_SUBJECT, FULL, box.card_full_since, SILENT_RANK),
        (CARD_SUBJECT, REFUSING, box.card_refuses_since, SILENT_RANK),
        (KEYS_SUBJECT, KEYS, box.keys_since, 1),
    ):
        if since is not None and (now - since >= LASTING_S or subject in told):
            yield Finding(Service.SILENCE, subject, kind, since, {}, rank)
    if box.time_told_at is not None and now - box.time_told_at > CLOCK_S:
        yield Finding(Service.SILENCE, CLOCK_SUBJECT, UNCONFIRMED, box.time_told_at, {})
    if box.backup_every_s is None:
        return
    before, patience = told.get(BACKUP_SUBJECT), BACKUPS_MISSED * box.backup_every_s
    grounds = {"every_s": float(box.backup_every_s)}
    since = box.listening_since if box.backup_at is None else box.backup_at
    grace_s = now - box.listening_since
    if box.backup_at is None and before is not None:
        yield before
    elif now - since > patience and (grace_s >= BACKUP_GRACE_S or before is not None):
        known = {} if box.backup_at is None else {"last_at": float(box.backup_at)}
        yield Finding(Service.SILENCE, BACKUP_SUBJECT, LATE, since, {**grounds, **known}, 1)


def _is_silent(finding: Finding | None) -> bool:
    return finding is not None and finding.kind == SILENT
