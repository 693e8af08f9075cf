"""Whether two water meters count the same water: one meter read twice, or one that stands behind the other.

A leak behind both is found at both. What a meter counts in half an hour, one before it counts, too, at the same time; what another
home takes, it does not.
"""

from bisect import bisect_left, bisect_right
from collections.abc import Mapping, Sequence
from dataclasses import replace
from itertools import combinations

from gateway.services.flow import Flow
from gateway.services.model import Finding

WINDOW_S = 1800
# So old what a meter says may be: its radio says again what it last counted.
LAG_S = 900
# Two meters of the same water agree to so much, and to some steps of each: small flows are counted too little.
APART, STEPS = 0.2, 4
# What runs in each while of so long on either side is a leak.
AROUND_S = 3 * 3600
# A while tells something if so much more ran in it than they may differ by.
LITRES_MIN = 5.0
# So many of them, and not one against it; or so many against it.
WHILES_MIN, AGAINST_MIN = 5, 2
# Meters that are heard more seldom cannot be laid beside each other.
INTERVAL_S_MAX = 2 * 3600

# Half an hour, or as long as between two readings: from, to (UTC seconds), litres.
While = tuple[int, int, float]

# Of more leaks at once, as in a stairwell, none is laid beside another: each two cost 2 ms, on a Pi ten.
POINTS_MAX = 12

# Grounds, each with the other one's metering point behind it: litres of the last two days that the other counted, too; that this
# one counted of the other's; that one of them counted and the other did not.
WITHIN, HOLDS, APART_FROM = "within_l:", "holds_l:", "apart_l:"


def beside(found: Mapping[str, Finding], flows: Mapping[str, Flow]) -> dict[str, Finding]:
    """What was `found` of metering points, with what each two of them have in common among their grounds."""
    grounds: dict[str, dict[str, float]] = {point: {} for point in found}
    some = [point for point in found if point in flows]
    for one, other in combinations(some if len(some) <= POINTS_MAX else (), 2):
        for inner, outer in ((one, other), (other, one)):
            whole, litres = within(flows[inner], flows[outer])
            if whole:
                grounds[inner][WITHIN + outer] = litres
                grounds[outer][HOLDS + inner] = litres
            elif whole is False:
                for each, its in ((inner, outer), (outer, inner)):
                    grounds[each][APART_FROM + its] = litres + grounds[each].get(APART_FROM + its, 0.0)
    return {
        point: replace(finding, grounds={**finding.grounds, **grounds[point]}) if grounds[point] else finding
        for point, finding in found.items()
    }


def within(inner: Flow, outer: Flow) -> tuple[bool | None, float]:
    """Whether all that `inner` counted these days `outer` counted, too, and how many litres say so, or against it.

    None where too little ran, or they are heard too seldom, to tell.
    """
    if max(inner.interval_s, outer.interval_s) > INTERVAL_S_MAX:
        return None, 0.0
    slack_l = STEPS * (inner.quantum * inner.step_l + outer.quantum * outer.step_l)
    while_s = max(WINDOW_S, inner.interval_s, outer.interval_s)
    inner_whiles, outer_whiles = _whiles(inner, while_s), _whiles(outer, while_s)
    told, litres, against, missing_l = 0, 0.0, 0, 0.0
    for begin, end, counted_l in inner_whiles:
        first, last = bisect_right(outer.at, begin - LAG_S) - 1, bisect_left(outer.at, end + LAG_S)
        if first < 0 or last == len(outer.at):
            continue
        drawn_l = counted_l - _running(inner_whiles, begin, AROUND_S) * (end - begin)
        if drawn_l < slack_l + LITRES_MIN:
            continue
        others_l = (outer.steps[last] - outer.steps[first]) * outer.step_l
        others_l -= _running(outer_whiles, begin, AROUND_S + 2 * while_s) * (outer.at[last] - outer.at[first])
        most_l = others_l * (1 + APART) + slack_l
        told, litres = told + 1, litres + counted_l
        if drawn_l > most_l:
            against, missing_l = against + 1, missing_l + drawn_l - most_l
    if against >= AGAINST_MIN:
        return False, missing_l
    return (True, litres) if told >= WHILES_MIN and not against else (None, 0.0)


def _running(whiles: Sequence[While], at: int, around_s: int) -> float:
    """Litres a second that ran in each while around this time: a leak, which says nothing of whose water it is."""
    first, last = (bisect_left(whiles, (at + side,)) for side in (-around_s, around_s))
    return min((counted_l / (end - begin) for begin, end, counted_l in whiles[first : last + 1]), default=0.0)


def _whiles(flow: Flow, while_s: int) -> list[While]:
    """What it heard these days, in order."""
    found: list[While] = []
    first = 0
    for last in range(1, len(flow.at)):
        begin, end = flow.at[first], flow.at[last]
        if end - begin < while_s:
            continue
        if end - begin <= INTERVAL_S_MAX:
            found.append((begin, end, (flow.steps[last] - flow.steps[first]) * flow.step_l))
        first = last
    return found
