"""A stairwell that speaks all at once, through Collect and the real driver; `bench/flood.py` is the long one."""

from random import Random

import pytest

from drivers.model import Frame, State
from gateway.collect import LEVEL_PACE_S
from gateway.sealed import PER_METER_MAX
from tests.stairwell import METERS, OURS, PORT, Sent, Stairwell, traffic

SECONDS = 16  # 3200 telegrams: each meter speaks eight times


@pytest.fixture(scope="module")
def flooded() -> Stairwell:
    stairwell = Stairwell()
    for second in traffic(SECONDS):
        stairwell.hear(second)
    return stairwell


def test_no_telegram_of_an_adopted_meter_is_lost_in_a_flood(flooded: Stairwell) -> None:
    said = SECONDS * 200 // METERS
    assert flooded.lost == 0
    assert {log.telegrams for log in flooded.collect.meters.values()} == {said}
    assert {log.state for log in flooded.collect.meters.values()} == {State.DECODED}
    assert set(flooded.collect.meters) == set(flooded.ours)
    counts = flooded.collect.ports[PORT].counts
    assert counts == {
        "frames": SECONDS * 200,
        "telegrams": len(OURS) * said,
        "not adopted": (METERS - len(OURS)) * said,
    }


def test_what_is_kept_of_strangers_does_not_grow_with_what_they_say(flooded: Stairwell) -> None:
    heard = flooded.collect.heard
    assert len(heard) == METERS - len(OURS)
    said = SECONDS * 200 // METERS
    held = {address: flooded.collect.strangers.count(address) for address in heard}
    assert set(held.values()) == {0, min(said, PER_METER_MAX)}
    assert all(bool(held[address]) == stranger.encrypted for address, stranger in heard.items())
    assert not flooded.waiting, "of strangers nothing goes to the card, and ours could all be read"


def test_the_store_gets_points_at_their_pace_and_not_at_the_radios(flooded: Stairwell) -> None:
    series = 3 * len(OURS)  # volume, flow, error flags
    assert 0 < flooded.kept <= series * (1 + SECONDS // LEVEL_PACE_S)


def test_noise_between_the_telegrams_costs_a_count_and_no_telegram() -> None:
    random, stairwell = Random(1), Stairwell()
    for second in traffic(4):
        noise = [Sent(-1, 0, Frame(random.randbytes(random.randrange(1, 60)))) for _ in second]
        stairwell.hear([each for pair in zip(second, noise, strict=True) for each in pair])
    state = stairwell.collect.ports[PORT]
    assert stairwell.lost == 0
    assert state.counts["faults"] > 0
    assert state.counts["bugs"] == 0
