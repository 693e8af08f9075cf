"""What a meter says itself of its water, by its own bits: a leak, a burst, water that runs backwards.

It is told beside what its index shows, as one finding: a leak that the index shows keeps its figures, and one that the meter
alone says has none.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from itertools import pairwise

from gateway.services.flow import Flow
from gateway.services.model import Finding, Service
from gateway.services.silence import LASTING_S, PAST

# Kinds, the least bad first.
BACKFLOW, LEAK, HEATING, BURST = "backflow", "meter leak", "heating leak", "meter burst"
RANKS = {BACKFLOW: 1, LEAK: 1, HEATING: 2, BURST: 3}
# What no tap and no stopcock ends: there is nothing to look for step by step.
NO_STEPS = frozenset({BACKFLOW, HEATING})
# Since when the meter says so, as a ground (UTC seconds), whoever else finds a leak.
GROUNDS = {
    BACKFLOW: "meter_backflow_at",
    LEAK: "meter_leak_at",
    HEATING: "meter_heating_leak_at",
    BURST: "meter_burst_at",
}
_MEANINGS = {"backflow": BACKFLOW, "leak": LEAK, "burst": BURST}
# What was so once is no news; and a bit that may as well mean that nobody is at home means nothing.
_NOT_NOW = PAST | {"or no consumption"}
# A leak moves the index within this; of a meter that counts coarsely within as long as a step takes at the least flow.
STILL_S = 3600
FLOW_L_PER_H_MIN = 2.0


@dataclass(frozen=True, slots=True)
class Said:
    """Since when a meter says each kind, UTC seconds; `since` None: not known now. `at` is its last message."""

    since: Mapping[str, int] | None
    at: int
    interval_s: float | None = None


def kinds(codes: Collection[str], *, of_heat: bool = False) -> frozenset[str]:
    """What a meter's status codes (drivers/meters/_words.toml) say of its water now; a heat meter's (`of_heat`) of its circuit.

    In a circuit water runs backwards by itself, when its pump stands still.
    """
    parts = (code.partition(" (") for code in codes)
    said = {meaning for meaning, _, detail in parts if detail.removesuffix(")") not in _NOT_NOW}
    found = frozenset(_MEANINGS[meaning] for meaning in said & _MEANINGS.keys())
    return found if not of_heat else frozenset({HEATING}) if found & {LEAK, BURST} else frozenset()


def told_before(story: Finding | None) -> dict[str, int]:
    """Since when the meter has been said to say each kind, by the finding that goes on."""
    grounds = {} if story is None else story.grounds
    return {kind: int(grounds[ground]) for kind, ground in GROUNDS.items() if ground in grounds}


def lasting(said: Said, before: Mapping[str, int], now: int) -> dict[str, int]:
    """What the meter says for ten minutes or has been told of, each with its beginning.

    What it says now is not known after a start, nor of a message that cannot be read: what was told goes on.
    """
    if said.since is None:
        return dict(before)
    return {
        kind: min(since, before.get(kind, since))
        for kind, since in said.since.items()
        if kind in before or now - since >= LASTING_S
    }


def together(
    point: str, found: Finding | None, says: Mapping[str, int], said: Said, still_s: int, is_small: bool = False
) -> Finding | None:
    """One finding of what the index shows (`found`) and of what the meter `says`, or neither.

    `still_s`: for so long the index stood still since the meter says so, if that is longer than a leak allows. `is_small`:
    something runs, and less than this home's owner wants to be told of: then the meter's word for the same is not told either.
    """
    if not says or (found is None and is_small and says.keys() == {LEAK}):
        return found
    grounds = {GROUNDS[kind]: float(since) for kind, since in says.items()}
    if found is not None:
        rank = max([found.rank, *(RANKS[kind] for kind in says if kind != LEAK)])
        return replace(found, grounds={**found.grounds, **grounds}, rank=rank)
    kind = max(says, key=lambda each: (RANKS[each], each))
    if still_s and kind != BACKFLOW:
        grounds["still_s"] = float(still_s)
    if said.interval_s is not None:
        grounds["interval_s"] = said.interval_s
    return Finding(Service.LEAK, point, kind, says[kind], grounds, RANKS[kind], said.at)


def stood_still(flow: Flow, since: int) -> int:
    """For how many seconds at most the index stood still since then, if that is longer than any leak allows; else 0."""
    longest, began = 0, None
    for (before_at, before), (after_at, after) in pairwise(zip(flow.at, flow.steps, strict=True)):
        if after_at <= since:
            continue
        began = (max(since, before_at) if began is None else began) if after == before else None
        if began is not None:
            longest = max(longest, after_at - began)
    return longest if longest > max(STILL_S, flow.quantum * flow.step_l / FLOW_L_PER_H_MIN * 3600) else 0
