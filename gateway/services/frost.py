"""Frost at a water meter, from temperatures of its water and of its place: warned of while there is still time."""

from collections.abc import Sequence
from dataclasses import replace

from gateway.services.model import Finding, Service

HOUR_S = 3600
# Older than this a temperature says nothing of now.
STALE_S = 6 * HOUR_S
# What a meter in a home or its pit cannot have is a broken sensor's.
PLAUSIBLE_C = (-40.0, 60.0)
FREEZING_C = 0.5
NEAR_C = 3.0
# Said until it is so much warmer than that: at the edge it would come and go.
OVER_C = 1.5
LATELY_S = 12 * HOUR_S
# Where it goes is judged by so long, of at least half of it, and so far ahead: enough to do something about it.
SLOPE_S = 6 * HOUR_S
AHEAD_S = 12 * HOUR_S
# From so much on it is water that was drawn and cools to the temperature of its place.
COOLING_C_MAX = 8.0


# The ground of a finding whose temperatures are those of a thermometer beside the meter.
BESIDE = "beside"
# And the lowest since it was told first.
LEAST_C = "least_c"


def find(
    point: str, degrees: Sequence[tuple[int, float]], now: int, cold_c: float | None = None, *, beside: bool = False
) -> Finding | None:
    """What is wrong by the temperatures of the last two days: (UTC seconds, degrees Celsius), in order of time.

    Below `cold_c` it is told though it need not freeze: nobody is at home who would feel it. `beside`: a thermometer of its
    own says them. None where the last one is older than STALE_S: a meter that is silent does not freeze on this page.
    """
    low, high = PLAUSIBLE_C
    known = [(at, value) for at, value in degrees if low <= value <= high and at <= now]
    if not known or now - known[-1][0] > STALE_S:
        return None
    at, last = known[-1]
    lately = min(value for when, value in known if when > at - LATELY_S)
    c_per_h = _slope(known)
    ahead = last + min(c_per_h, 0) * AHEAD_S / HOUR_S
    if last <= FREEZING_C:
        kind, rank = "freezing", 2
    elif _is_below(NEAR_C, last, lately):
        kind, rank = "near", 1
    elif last < COOLING_C_MAX and ahead <= FREEZING_C:
        kind, rank = "coming", 1
    elif cold_c is not None and _is_below(cold_c, last, lately):
        kind, rank = "cold", 0
    else:
        return None
    grounds = {"degrees_c": last, "lowest_c": lately, "c_per_h": c_per_h}
    if c_per_h < 0 and last > 0:
        grounds["hours_to_0"] = last / -c_per_h
    if beside:
        grounds[BESIDE] = 1.0
    if kind == "cold" and cold_c is not None:
        grounds["cold_c"] = cold_c
        below = cold_c
    else:
        below = COOLING_C_MAX if kind == "coming" else NEAR_C
    since = _since(known, below)
    return Finding(Service.FROST, point, kind, since, grounds, rank, at)


def going_on(finding: Finding, told: Finding | None) -> Finding:
    """With the lowest since it was told first, by what goes on by what was told before."""
    lowest = [each.grounds.get(LEAST_C, each.grounds["lowest_c"]) for each in (finding, told) if each is not None]
    return replace(finding, grounds={**finding.grounds, LEAST_C: min(lowest)})


def is_warm(last_c: float, cold_c: float | None = None) -> bool:
    """Whether the last temperature alone says that there is nothing to find, whatever was before."""
    return max(COOLING_C_MAX, NEAR_C + OVER_C, (cold_c or 0.0) + OVER_C) <= last_c <= PLAUSIBLE_C[1]


def _is_below(limit_c: float, last: float, lately: float) -> bool:
    return last < limit_c or (lately < limit_c and last < limit_c + OVER_C)


def _slope(known: Sequence[tuple[int, float]]) -> float:
    """Degrees an hour, by the least squares of the last hours; 0 where there are too few."""
    last_at = known[-1][0]
    some = [(at, value) for at, value in known if at >= last_at - SLOPE_S]
    if last_at - some[0][0] < SLOPE_S / 2:
        return 0.0
    middle_at = sum(at for at, _ in some) / len(some)
    middle = sum(value for _, value in some) / len(some)
    spread = sum((at - middle_at) ** 2 for at, _ in some)
    return sum((at - middle_at) * (value - middle) for at, value in some) / spread * HOUR_S


def _since(known: Sequence[tuple[int, float]], below: float) -> int:
    """When the last readings that lie below began."""
    since = None
    for at, value in reversed(known):
        if value < below:
            since = at
        elif since is not None:
            break
    return known[-1][0] if since is None else since
