"""What a person wishes, what the card loses, and kills, in any order: each part that is granted is at the target as it should be."""

import tempfile
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway import granted
from gateway.grants import Grant, Resolution
from gateway.parcels import periods
from tests.house import NOON
from tests.sync.box import DAY, INDEX, Box, box

GAP_S = 4 * 3600  # as far as a reading speaks for the time behind it, and an hour
STEPS = ("say", "pass", "send", "cut", "restart", "again", "emptied", "suspected", "poke", "lose", "erase")


def touched(home: Box, grant: Grant, start: int, end: int) -> set[str]:
    return {one.name for one in periods(grant.resolution, home.home.zone, start, end)}


def lying(home: Box, names: set[str]) -> dict[int, str]:
    return {
        at: value
        for name in names & home.shelf.parcels.keys()
        for one in home.shelf.parcels[name].series
        for at, value in zip(one.at, one.value, strict=True)
        if value is not None and at < home.shelf.parcels[name].end
    }


async def said(home: Box, grant: Grant, start: int, end: int) -> dict[int, str]:
    """What the house says of a period by now."""
    bounds = granted.bounds(grant.resolution, home.home.zone, start, min(end, home.clock.at))
    found = await home.home.indexes(INDEX.key, bounds)
    return {at: format(value, "f") for at, value in zip(bounds, found, strict=True) if value is not None and at < end}


async def send(home: Box, grant: Grant, lossy: set[str]) -> None:
    """Of what the card lost nothing goes there."""
    before = lying(home, lossy)
    await home.send(grant)
    assert before.items() <= lying(home, lossy).items()


@pytest.mark.timeout(120)
@settings(max_examples=20, deadline=None)
@given(
    steps=st.lists(st.tuples(st.sampled_from(STEPS), st.integers(0, 12), st.integers(1, 60)), min_size=2, max_size=12),
    resolution=st.sampled_from([Resolution.HALF_HOUR, Resolution.DAY]),
)
async def test_whatever_is_wished_and_lost_each_part_lies_there_as_it_should(
    steps: list[tuple[str, int, int]], resolution: Resolution
) -> None:
    with tempfile.TemporaryDirectory() as folder, box(Path(folder)) as home:
        home.say(NOON - 12 * DAY, NOON - 2 * DAY)
        grant = await home.give(resolution, lasts_s=300 * DAY)
        await home.send(grant)
        lossy: set[str] = set()
        for what, first, hours in steps:
            start = NOON - 12 * DAY + first * DAY
            end = start + hours * 3600
            match what:
                case "say":
                    home.say(start, min(end, home.clock.at))
                case "pass":
                    home.clock.at += hours * 1800
                case "send":
                    await send(home, grant, lossy)
                case "cut":
                    await home.send(grant, acknowledged=False)
                case "restart":
                    home.restart()
                case "again":
                    await home.outbox.again(grant.id)
                case "emptied":  # there, by somebody, who then wants it back
                    home.shelf.parcels.clear()
                    await home.outbox.again(grant.id)
                case "suspected":  # a loss of the card that turns out to be of something else
                    home.outbox.poke(grant.id)
                    await send(home, grant, lossy)
                    if hours % 2:
                        home.shelf.parcels.clear()
                        await home.outbox.again(grant.id)
                    home.ledger.lost()
                    home.restart()
                    await send(home, grant, lossy)  # what changes before it is compared stays suspected
                case "poke":
                    home.outbox.poke(grant.id)
                case "lose":
                    home.outbox.poke(grant.id)
                    await send(home, grant, lossy)
                    home.home.store.on_removal = lambda keys, start, end: None
                    await home.home.store.run(home.home.store.erase, (INDEX.key,), start, end)
                    home.ledger.lost()
                    home.restart()
                    lossy |= touched(home, grant, start - GAP_S, end + GAP_S)
                    await send(home, grant, lossy)
                case _:
                    await home.home.store.run(home.home.store.erase, (INDEX.key,), start, end)
                    await home.send(grant)
                    lossy -= touched(home, grant, start, end)
        for _ in range(2):
            home.outbox.poke(grant.id)
            await send(home, grant, lossy)
            for one in periods(resolution, home.home.zone, NOON - 20 * DAY, home.clock.at):
                if one.name not in lossy:
                    assert lying(home, {one.name}) == await said(home, grant, one.start, one.end)
            home.restart()
