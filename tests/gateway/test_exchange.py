"""A meter that is exchanged, or switched to its other mode: the metering point's history goes on, and can be taken apart."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path

import pytest

from drivers.encode.tic import Contract, Linky, historique_frame, standard_frame
from drivers.model import Frame
from drivers.tic import Framer
from gateway.collect import INDEX_PACE_S
from gateway.house import House
from gateway.model import SeriesKey
from gateway.wires import EXCHANGE_S_MIN
from tests.flips import LINKY
from tests.house import Clock, house

WIRE = '[[port]]\nname = "linky"\nprotocol = "tic"\ntcp = "127.0.0.1:9"\n'
OLD = replace(LINKY, contract=Contract.BASE, indexes_wh=(8_000_000,), tariff=1)
NEW = replace(OLD, address="041875000099", indexes_wh=(12,))
POINT = "electricite"


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def home(tmp_path: Path, clock: Clock) -> Iterator[House]:
    with house(tmp_path, WIRE, clock) as opened:
        opened.collect.opened("linky")
        yield opened


def hear(
    home: House,
    clock: Clock,
    meter: Linky,
    wh: int = 0,
    frames: int = 1,
    says: Callable[[Linky], bytes] = standard_frame,
    every_s: int = 2,
) -> None:
    """So many frames, some seconds apart; `wh` is what was used meanwhile, said once more when it is due on the card."""
    first, *others = meter.indexes_wh
    for n in [*range(frames), *([frames - 1] if wh else [])]:
        clock.at += every_s if n < frames - 1 or not wh else INDEX_PACE_S
        at = datetime.fromtimestamp(clock.at, UTC)
        used = replace(meter, at=at, indexes_wh=(first + wh * (n + 1) // frames, *others))
        for item in Framer().feed(says(used)):
            assert isinstance(item, Frame)
            home.collect.frame("linky", item)


def points(home: House) -> dict[str, str | None]:
    return {view.point.id: view.address for view in home.points()}


def index(home: House, point: str = POINT) -> Decimal | None:
    view = home.point(point)
    return view.index.value if view and view.index else None


OLD_ONLY = {POINT: f"tic:{OLD.address}"}
NEW_ONLY = {POINT: f"tic:{NEW.address}"}


async def test_a_new_meter_on_the_wire_of_one_that_fell_silent_takes_its_place_and_nothing_is_lost(
    home: House, clock: Clock
) -> None:
    start = clock.at
    hear(home, clock, OLD, wh=500, frames=300)
    clock.at += EXCHANGE_S_MIN
    hear(home, clock, NEW, frames=2)
    assert points(home) == OLD_ONLY, "two frames say nothing yet"
    hear(home, clock, NEW)
    exchanged_at = clock.at
    assert points(home) == NEW_ONLY
    hear(home, clock, NEW, wh=700, frames=300)
    assert index(home) == Decimal(712), "the index is the one to be read on the meter"
    bounds = (start, exchanged_at, clock.at + 1)
    before, after = await home.consumption(POINT, bounds)
    assert (before, after) == (None, Decimal(700)), "the bucket that began before the first reading is not known"
    inside = start + 60
    (whole,) = await home.consumption(POINT, (inside, clock.at))
    (old,) = await home.consumption(POINT, (inside, exchanged_at))
    assert whole is not None
    assert old is not None
    assert (whole, 400 <= old <= 500) == (old + 700, True)
    assert home.history_start(POINT) == start + 6


async def test_two_meters_that_both_speak_on_one_wire_are_two_meters(home: House, clock: Clock) -> None:
    for _ in range(100):
        hear(home, clock, OLD)
        hear(home, clock, NEW)
    assert points(home) == OLD_ONLY
    assert [heard.address for heard in home.heard()] == [f"tic:{NEW.address}"]


async def test_one_damaged_address_makes_no_meter_and_is_not_offered_as_one(home: House, clock: Clock) -> None:
    hear(home, clock, OLD, frames=5)
    clock.at += EXCHANGE_S_MIN
    hear(home, clock, replace(OLD, address="141875000042"), frames=2)
    hear(home, clock, OLD)
    hear(home, clock, replace(OLD, address="241875000042"))
    assert points(home) == OLD_ONLY
    assert home.heard() == ()
    assert home.ports()[0].counts["not adopted"] == 6, "three until the first meter was taken, three damaged"


async def test_an_exchange_while_the_box_had_no_current_is_found_after_its_start(tmp_path: Path, clock: Clock) -> None:
    configured = WIRE + f'[[meter]]\nname = "Maison"\naddress = "tic:{OLD.address}"\n'
    with house(tmp_path, configured, clock) as home:
        hear(home, clock, OLD, frames=5)
        home.watch_states()
    clock.at += 3600
    with house(tmp_path, configured, clock) as home:
        hear(home, clock, NEW, frames=5)
        assert points(home) == {"maison": f"tic:{OLD.address}"}
        hear(home, clock, NEW, frames=30)
        assert points(home) == {"maison": f"tic:{NEW.address}"}
    with house(tmp_path, configured, clock) as home:
        assert points(home) == {"maison": f"tic:{NEW.address}"}


async def test_an_exchange_that_was_none_is_taken_back_with_all_that_either_meter_said(
    home: House, clock: Clock
) -> None:
    hear(home, clock, OLD, wh=500, frames=100)
    clock.at += EXCHANGE_S_MIN
    hear(home, clock, NEW, wh=700, frames=100)
    view = home.point(POINT)
    assert view is not None
    assert view.exchange is not None
    assert (view.exchange.before, view.exchange.after) == (f"tic:{OLD.address}", f"tic:{NEW.address}")
    home.take_apart(POINT)
    assert points(home) == OLD_ONLY | {"electricite-2": f"tic:{NEW.address}"}
    assert (index(home), index(home, "electricite-2")) == (Decimal(8_000_500), Decimal(712))
    hear(home, clock, NEW, wh=1000, frames=300)
    assert (index(home), index(home, "electricite-2")) == (Decimal(8_000_500), Decimal(1012))
    assert {series.point for series in home.series(POINT)} == {POINT}


async def test_a_meter_that_speaks_again_after_it_was_exchanged_was_not_exchanged(home: House, clock: Clock) -> None:
    hear(home, clock, OLD, frames=5)
    clock.at += EXCHANGE_S_MIN
    hear(home, clock, NEW, frames=20)
    assert points(home) == NEW_ONLY
    hear(home, clock, OLD, wh=10, frames=20)
    assert points(home) == OLD_ONLY | {"electricite-2": f"tic:{NEW.address}"}
    assert index(home) == Decimal(8_000_010)
    assert SeriesKey(POINT, "EAST") in home.series(POINT)


async def test_a_meter_that_speaks_among_the_frames_of_the_one_thought_to_replace_it_was_not_exchanged(
    home: House, clock: Clock
) -> None:
    hear(home, clock, OLD, frames=5)
    clock.at += EXCHANGE_S_MIN
    hear(home, clock, NEW, frames=20)
    for _ in range(3):
        hear(home, clock, OLD)
        hear(home, clock, NEW)
    assert points(home) == OLD_ONLY | {"electricite-2": f"tic:{NEW.address}"}


@pytest.mark.parametrize("contract", [Contract.BASE, Contract.HC])
async def test_a_meter_that_is_switched_to_its_other_mode_keeps_its_history_and_back_again(
    home: House, clock: Clock, contract: Contract
) -> None:
    meter = replace(OLD, contract=contract, indexes_wh=(8_000_000,) * len(contract.tariffs))
    total = 8_000_000 * len(contract.tariffs)
    hear(home, clock, meter, wh=500, frames=100, says=historique_frame)
    inside, mode = clock.at - 100, clock.at
    switched = replace(meter, indexes_wh=(8_000_500, *meter.indexes_wh[1:]))
    hear(home, clock, switched, wh=700, frames=100)
    assert index(home) == total + 1200, "the index is at once that of the new mode, not the one that stands still"
    earlier, later = await home.consumption(POINT, (inside, mode + 2, clock.at))
    assert earlier is not None
    assert later is not None
    assert (200 <= earlier <= 300, 650 <= later <= 700) == (True, True)
    assert await home.consumption(POINT, (inside, clock.at)) == [earlier + later]
    back = replace(meter, indexes_wh=(8_001_200, *meter.indexes_wh[1:]))
    hear(home, clock, back, wh=300, frames=100, says=historique_frame)
    assert index(home) == total + 1500
    (whole,) = await home.consumption(POINT, (inside, clock.at))
    assert whole is not None
    assert earlier + later <= whole <= earlier + later + 310


async def test_a_leap_beyond_what_the_contract_can_draw_is_held_until_two_more_frames_agree(
    home: House, clock: Clock
) -> None:
    hear(home, clock, OLD, frames=5)
    hear(home, clock, OLD, wh=4096)
    hear(home, clock, OLD)
    assert index(home) == Decimal(8_000_000)
    assert home.ports()[0].counts["held"] >= 1
    hear(home, clock, replace(OLD, indexes_wh=(8_004_096,)), frames=2)
    assert index(home) == Decimal(8_000_000)
    hear(home, clock, replace(OLD, indexes_wh=(8_004_096,)))
    assert index(home) == Decimal(8_004_096)


async def test_an_index_that_drops_to_zero_is_put_aside_however_often_it_comes(home: House, clock: Clock) -> None:
    hear(home, clock, OLD, frames=5)
    hear(home, clock, replace(OLD, indexes_wh=(0,)), frames=10)
    hear(home, clock, OLD, wh=5, frames=10)
    assert index(home) == Decimal(8_000_005)
    view = home.point(POINT)
    assert view is not None
    assert {held.value for held in view.held} == {Decimal(0)}
