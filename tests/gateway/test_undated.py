"""A box that wakes in the past dates nothing, and gives all it heard its place once it knows the time."""

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from drivers.encode import records, tic, wmbus
from drivers.encode.tic import horodate
from drivers.model import Address, Frame, Medium, State
from drivers.pulse import Counted
from drivers.tic import Framer
from drivers.tic.labels import Mode
from gateway.dating import AHEAD_S
from gateway.house import House
from gateway.model import SeriesKey
from tests.contacts import GAS
from tests.house import NOON, Clock, FakeSystem, house

AWAY_S = 3 * 86_400
KEY = bytes(range(16))
WATER = Address("wmbus", "10000001", "REL", 1, 7)
RADIO = '[[port]]\nname = "radio"\nprotocol = "wmbus"\nreceiver = "hexlines"\ntcp = "127.0.0.1:9"\n'
LINKY = '[[port]]\nname = "linky"\nprotocol = "tic"\ndevice = "/dev/ttyTEST0"\n'
VOLUME = SeriesKey("eau", "volume")
FLOW = SeriesKey("eau", "flow")


@pytest.fixture
def system() -> FakeSystem:
    """A box without a battery: it was off for three days, and does not know."""
    machine = FakeSystem(NOON)
    machine.synchronised, machine.from_file = False, True
    return machine


@pytest.fixture
def clock(system: FakeSystem) -> Clock:
    return Clock(system=system)


@pytest.fixture
def home(tmp_path: Path, clock: Clock) -> Iterator[House]:
    with house(tmp_path, RADIO, clock) as opened:
        opened.collect.opened("radio")
        yield opened


def synchronise(system: FakeSystem, by: float = AWAY_S) -> None:
    system.shows += by
    system.synchronised = True


def hear(home: House, litres: int, flow: int = 7, key: bytes | None = None) -> None:
    said = records.volume(litres) + records.flow(flow)
    home.collect.frame("radio", Frame(wmbus.telegram(WATER, said, litres % 256, key=key), -61))


def stored(home: House, key: SeriesKey = VOLUME) -> list[tuple[int, int]]:
    points = home.store.points(key, 0, 2**40)
    return [] if points is None else list(zip(points.at, points.value, strict=True))


def undated(home: House) -> int:
    return home.set_aside().get("undated", 0)


async def test_what_was_heard_before_the_time_was_known_takes_its_place_to_the_second(
    home: House, system: FakeSystem, clock: Clock
) -> None:
    home.catalog.adopt(str(WATER), "Eau", Medium.WATER, clock.now())
    first = NOON + AWAY_S
    for minute in range(5):
        hear(home, 1000 + minute, flow=minute)
        system.passes(60)
    await home.save()
    (view,) = home.points()
    assert (stored(home), view.index, home.dating) == ([], None, False)
    assert view.level is not None  # the present is shown all the same
    assert (undated(home), home.started_at) == (10, None)
    await home.find_time()
    assert stored(home) == []
    synchronise(system)
    hear(home, 1005, flow=5)
    await home.find_time()
    assert stored(home) == [(first + 60 * minute, 1000 + minute) for minute in range(6)]
    assert stored(home, FLOW) == [(first + 60 * minute, minute) for minute in range(6)]
    assert (home.dating, undated(home), home.started_at) == (True, 0, first)
    system.passes(60)
    hear(home, 1006)
    assert stored(home)[-1] == (first + 360, 1006)


async def test_three_days_of_water_are_no_leap_though_the_clock_stood_still_meanwhile(
    tmp_path: Path, system: FakeSystem
) -> None:
    system.synchronised = True
    with house(tmp_path, RADIO, Clock(system=system)) as home:
        home.catalog.adopt(str(WATER), "Eau", Medium.WATER, NOON)
        hear(home, 1000)
    system.boot, system.synchronised = "second", False
    with house(tmp_path, RADIO, Clock(system=system)) as home:
        hear(home, 1000 + 100_000)
        synchronise(system)
        await home.find_time()
        assert stored(home) == [(NOON, 1000), (NOON + AWAY_S, 101_000)]
        assert home.collect.ports["radio"].counts["held"] == 0


async def test_a_kill_and_a_restart_in_the_same_boot_lose_and_double_nothing(
    tmp_path: Path, system: FakeSystem, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = NOON + AWAY_S
    with house(tmp_path, RADIO, Clock(system=system)) as home:
        home.catalog.adopt(str(WATER), "Eau", Medium.WATER, NOON)
        hear(home, 1000)
        system.passes(60)
    with house(tmp_path, RADIO, Clock(system=system)) as home:
        hear(home, 1001)
        system.passes(60)
        synchronise(system)
        monkeypatch.setattr(home._undated, "_let_go", lambda: pytest.fail("killed"))
        with pytest.raises(pytest.fail.Exception):
            await home.find_time()
        assert len(stored(home)) == 2
        monkeypatch.undo()
    with house(tmp_path, RADIO, Clock(system=system)) as home:
        await home.find_time()
        hear(home, 1002)
        assert stored(home) == [(first, 1000), (first + 60, 1001), (first + 120, 1002)]
        assert undated(home) == 0


async def test_what_an_earlier_boot_heard_has_no_time_and_is_counted(tmp_path: Path, system: FakeSystem) -> None:
    with house(tmp_path, RADIO, Clock(system=system)) as home:
        home.catalog.adopt(str(WATER), "Eau", Medium.WATER, NOON)
        hear(home, 1000)
    system.boot = "second"
    with house(tmp_path, RADIO, Clock(system=system)) as home:
        assert undated(home) == 2
        synchronise(system)
        await home.find_time()
        assert (stored(home), home.set_aside()) == ([], {"undated lost": 2})
        hear(home, 1001)
        assert stored(home) == [(NOON + AWAY_S, 1001)]


async def test_pulses_counted_before_the_time_was_known_stay_counted_over_any_restart(
    tmp_path: Path, system: FakeSystem
) -> None:
    gas = SeriesKey("gaz", "volume")

    def pulses(home: House, number: int) -> None:
        say = home.dials.say("pulse:gaz")
        home.collect.telegram("gaz", lambda: say(Counted(number, None)))

    with house(tmp_path, GAS, Clock(system=system)) as home:
        pulses(home, 3)
    system.boot = "second"
    with house(tmp_path, GAS, Clock(system=system)) as home:
        pulses(home, 0)
    system.boot = "third"
    with house(tmp_path, GAS, Clock(system=system)) as home:
        synchronise(system)
        await home.find_time()
        assert undated(home) == 0
        system.passes(60)
    with house(tmp_path, GAS, Clock(system=system)) as home:  # killed before another pulse was told
        await home.find_time()
        latest = home.store.latest(gas)
        assert latest is not None
        assert latest.decimal == 30
        pulses(home, 2)
        assert home.store.latest(gas).decimal == 50  # type: ignore[union-attr]


async def test_a_key_typed_before_the_time_is_known_opens_the_past_at_its_own_times(
    home: House, system: FakeSystem, clock: Clock
) -> None:
    for minute in range(3):
        hear(home, 1000 + minute, key=KEY)
        system.passes(60)
    assert (await home.adopt(str(WATER), "Eau", None)).state is None
    hear(home, 1003, key=KEY)
    await home.save()
    (view,) = home.points()
    assert view.waits is not None
    assert (view.waits.telegrams, view.waits.since) == (4, None)
    await home.set_key(str(WATER), KEY)
    assert stored(home) == []
    system.passes(60)
    synchronise(system)
    await home.find_time()
    await home.read_past()
    first = NOON + AWAY_S
    assert stored(home) == [(first + 60 * minute, 1000 + minute) for minute in range(4)]
    assert home.collect.meters[str(WATER)].state is State.DECODED


async def test_a_meter_is_not_silent_and_its_pace_not_slow_because_the_clock_was_set(
    home: House, system: FakeSystem, clock: Clock
) -> None:
    home.catalog.adopt(str(WATER), "Eau", Medium.WATER, clock.now())
    for minute in range(5):
        hear(home, 1000 + minute)
        system.passes(60)
    synchronise(system)
    await home.find_time()
    (view,) = home.points()
    assert (view.state, view.heard_at) == ("speaking", clock.now() - 60)
    hear(home, 1005)
    assert home.collect.meters[str(WATER)].interval_s == pytest.approx(60, abs=1)


async def test_a_small_step_back_lets_no_point_take_another_ones_place(
    home: House, system: FakeSystem, clock: Clock
) -> None:
    synchronise(system)
    home.catalog.adopt(str(WATER), "Eau", Medium.WATER, clock.now())
    await home.find_time()
    for number in range(60):
        if number == 20:
            system.shows -= 120
        hear(home, 1000 + number, flow=number)
        system.passes(30)
    said = stored(home)
    assert [value for _, value in said] == list(range(1000, 1060))
    assert [at for at, _ in said] == sorted({at for at, _ in said})
    assert [value for _, value in stored(home, FLOW)] == list(range(60))
    assert home.store.counts.replaced == 0


async def test_points_dated_later_than_a_time_that_is_vouched_for_are_put_aside_and_none_is_lost(
    home: House, system: FakeSystem, clock: Clock
) -> None:
    system.from_file = False  # nothing speaks against it: the clock was set a day ahead by hand
    home.catalog.adopt(str(WATER), "Eau", Medium.WATER, clock.now())
    await home.find_time()
    hear(home, 1000)
    system.passes(60)
    system.shows += 86_400
    await home.find_time()
    for number in range(3):
        hear(home, 1001 + number)
        system.passes(60)
    synchronise(system, -86_400)
    right = clock.now()
    await home.find_time()
    hear(home, 1004)
    await home.save()
    assert (home.dating, undated(home) > 0) == (False, True)
    assert len(stored(home)) == 4  # it may have been set by mistake
    system.passes(AHEAD_S + 1)
    hear(home, 1005)
    await home.find_time()
    await home.find_time()
    assert stored(home) == [(NOON, 1000), (right, 1004), (right + AHEAD_S + 1, 1005)]
    assert home.set_aside()["ahead"] == 2  # series: of the volume and of the flow
    beside = stored(home, SeriesKey("eau~ahead", "volume"))
    assert [value for _, value in beside] == [1001, 1002, 1003]
    assert (await home.erase("eau", 0, 1 << 40))["points"] == 12
    assert home.set_aside() == {}


async def test_a_clock_set_back_by_mistake_and_right_again_costs_nothing(
    home: House, system: FakeSystem, clock: Clock
) -> None:
    synchronise(system)
    home.catalog.adopt(str(WATER), "Eau", Medium.WATER, clock.now())
    await home.find_time()
    expected = []
    for number in range(9):
        if number == 3:
            system.shows -= 7200
        if number == 6:
            system.shows += 7200
        hear(home, 1000 + number)
        expected.append((NOON + AWAY_S + 60 * number, 1000 + number))
        await home.find_time()
        system.passes(60)
    assert stored(home) == expected


async def test_a_linky_tells_a_box_the_time_that_has_no_network(tmp_path: Path, system: FakeSystem) -> None:
    with house(tmp_path, LINKY, Clock(system=system)) as home:
        home.collect.opened("linky")
        for second in range(0, 10, 2):
            now = datetime.fromtimestamp(system.time() + AWAY_S, UTC)
            said = tic.frame(
                [("ADSC", "041276123456"), ("DATE", "", horodate(now)), ("EAST", f"{1000 + second:09}")], Mode.STANDARD
            )
            (frame,) = (each for each in Framer().feed(said) if isinstance(each, Frame))
            home.collect.frame("linky", frame)
            await home.find_time()
            system.passes(2)
        (point,) = home.catalog.points()
        (at, value), *_ = stored(home, SeriesKey(point.id, "EAST"))
        assert home.clock.trust == "told"
        assert (value, at - NOON - AWAY_S) in {(1000, 0), (1002, 2), (1004, 4)}


async def test_a_person_tells_the_time(home: House, system: FakeSystem) -> None:
    assert await home.tell_time(NOON + AWAY_S)
    assert (home.clock.trust, home.dating, home.now()) == ("told", True, NOON + AWAY_S)
