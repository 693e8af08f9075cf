"""What is cold at the water meters, as the frost service asks (gateway/services/frost.py): in them, and beside them."""

import asyncio
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from functools import partial
from typing import Protocol

from drivers.model import Quantity
from gateway import thermometers
from gateway.model import SeriesKey
from gateway.services import frost
from gateway.services.model import Finding, Story
from gateway.store import Store, StoreError
from gateway.thermometers import Thermometer

DAY_S = 86_400
# What is found is told since it began; whether there is anything, what was lately says (gateway/services/frost.py).
PAST_S = 2 * DAY_S
LATELY_S = frost.LATELY_S + frost.STALE_S
# What was told goes on as long as nobody knows: over a flat battery, and into no other season.
UNKNOWN_S = 7 * DAY_S


class House(Protocol):
    """What is needed of a house."""

    @property
    def store(self) -> Store: ...
    @property
    def catalog(self) -> thermometers.Settings: ...
    def series(self, point_id: str) -> tuple[SeriesKey, ...]: ...


async def find(
    house: House,
    points: Sequence[str],
    told: Mapping[str, Story],
    now: int,
    cold_c: float | None,
    refused: dict[str, str],
) -> tuple[list[Finding], set[str]]:
    """Of each water meter the worst; below `cold_c` it is told to be cold. What the card `refused`, and why, is of one alone.

    And of which meters nobody knows now: by what was `told` it went on, and who told it has said nothing since, or nonsense.
    """
    store = house.store
    last_at = {info.key: info.last_at for info in store.series() if info.quantity is Quantity.TEMPERATURE}
    cold = {key for key, at in last_at.items() if at > now - DAY_S}
    chosen = thermometers.all_of(house.catalog)
    found: list[Finding] = []
    unknown: set[str] = set()
    for point in points if cold or told else ():
        await asyncio.sleep(0)
        some = []
        for key, beside in _sources(house, point, chosen, cold):
            latest = store.latest(key)
            if latest is None or frost.is_warm(latest.value * 10.0**latest.exponent, cold_c):
                continue
            try:
                some.append(
                    await _look(store, key, partial(frost.find, point, now=now, cold_c=cold_c, beside=beside), now)
                )
            except StoreError as error:
                refused[point] = str(error)
        known = [each for each in some if each is not None]
        story = told.get(point)
        if known:
            worst = max(known, key=lambda one: (one.rank, -one.grounds["degrees_c"]))
            found.append(frost.going_on(worst, None if story is None else story.finding))
        elif story is not None and now - story.found_at <= UNKNOWN_S and (cold_c is not None or story.finding.rank):
            of_it = bool(story.finding.grounds.get(frost.BESIDE))
            says = [
                _says(store, key, now) for key, beside in _sources(house, point, chosen, last_at) if beside == of_it
            ]
            if says and not any(says):
                unknown.add(point)
    return found, unknown | refused.keys()


def _says(store: Store, key: SeriesKey, now: int) -> bool:
    """Whether its last word says anything of now."""
    latest = store.latest(key)
    if latest is None or now - latest.at > frost.STALE_S:
        return False
    low, high = frost.PLAUSIBLE_C
    return low <= latest.value * 10.0**latest.exponent <= high


async def _look(
    store: Store, key: SeriesKey, find: Callable[[Sequence[tuple[int, float]]], Finding | None], now: int
) -> Finding | None:
    found = None
    for past_s in (LATELY_S, PAST_S):
        said = await store.run(store.points, key, now - past_s, now + 1)
        if said is None:
            return None
        found = find([(at, value * 10.0**said.exponent) for at, value in zip(said.at, said.value, strict=True)])
        if found is None:
            return None
    return found


def _sources(
    house: House, point: str, chosen: Mapping[str, Thermometer], cold: Collection[SeriesKey]
) -> Iterator[tuple[SeriesKey, bool]]:
    """Whose temperatures are those of a meter, and whether a thermometer beside it says them."""
    for key in house.series(point):
        if key in cold:
            yield key, False
    if point in chosen:
        for key in thermometers.series_of(chosen[point], house):
            if key in cold:
                yield key, True
