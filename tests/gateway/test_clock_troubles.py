"""A clock that lies, a card that refuses and a kill, at the worst moments of each other."""

import os
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path

import pytest

from drivers.encode import tic
from drivers.encode.tic import horodate
from drivers.model import Frame, Medium, Quantity
from drivers.pulse import Counted
from drivers.tic import Framer
from drivers.tic.labels import Mode
from gateway.dating import AHEAD_S
from gateway.house import House
from gateway.model import Point, SeriesKey
from gateway.store import StoreError
from tests.contacts import GAS
from tests.gateway.test_undated import (
    AWAY_S,
    FLOW,
    KEY,
    LINKY,
    RADIO,
    VOLUME,
    WATER,
    clock,
    hear,
    home,
    stored,
    synchronise,
    system,
    undated,
)
from tests.house import NOON, Clock, FakeSystem, house

DAY = 86_400


__all__ = ["clock", "home", "system"]


def full_card(monkeypatch: pytest.MonkeyPatch) -> None:
    """The folder of what is set aside takes nothing; all other files do."""
    opened = os.open

    def refuse(path: str, flags: int, *rest: int) -> int:
        if "/aside/" in str(path) and flags & os.O_WRONLY:
            raise OSError(28, "No space left on device")
        return opened(path, flags, *rest)

    monkeypatch.setattr(os, "open", refuse)


def pulses(home: House, number: int) -> None:
    say = home.dials.say("pulse:gaz")
    home.collect.telegram("gaz", lambda: say(Counted(number, None)))


GAZ = SeriesKey("gaz", "volume")


# -- erase
async def test_what_is_erased_does_not_come_back_from_the_undated(
    home: House, system: FakeSystem, clock: Clock
) -> None:
    home.catalog.adopt(str(WATER), "Eau", Medium.WATER, clock.now())
    hear(home, 1000)
    await home.save()
    await home.erase("eau", 0, 1 << 40)
    assert undated(home) == 0
    synchronise(system)
    await home.find_time()
    assert stored(home) == []


async def test_what_is_erased_is_not_left_in_dated_ahead(
    home: House, system: FakeSystem, clock: Clock, tmp_path: Path
) -> None:
    await ahead_by_a_day(home, system, clock)
    system.passes(AHEAD_S + 1)
    await home.find_time()
    await home.erase("eau", 0, 1 << 40)
    files = (tmp_path / "aside").iterdir()
    assert not [file.name for file in files if b"eau%3A" in file.read_bytes()]


async def ahead_by_a_day(home: House, system: FakeSystem, clock: Clock, points: int = 3) -> None:
    system.synchronised = True
    home.catalog.adopt(str(WATER), "Eau", Medium.WATER, clock.now())
    await home.find_time()
    hear(home, 1000)
    system.passes(60)
    system.shows += DAY
    await home.find_time()
    for number in range(points):
        hear(home, 1001 + number)
        system.passes(60)
    system.shows -= DAY
    await home.find_time()


async def test_none_is_lost_of_many_points_ahead(home: House, system: FakeSystem, clock: Clock) -> None:
    await ahead_by_a_day(home, system, clock)
    many = range(NOON + DAY + 1000, NOON + DAY + 1000 + 10 * 80_000, 10)  # nine days of a power
    home.store.bulk(FLOW, Quantity.FLOW, 0, True, list(many), [n % 7 for n in many], ahead=True)
    before = len(stored(home)) + len(stored(home, FLOW))
    system.passes(AHEAD_S + 1)
    await home.find_time()
    beside = [stored(home, SeriesKey("eau~ahead", key.register)) for key in (VOLUME, FLOW)]
    assert len(stored(home)) + len(stored(home, FLOW)) + sum(map(len, beside)) == before


async def test_ten_minutes_are_ten_minutes_whatever_the_clock_does(
    home: House, system: FakeSystem, clock: Clock
) -> None:
    synchronise(system)
    home.catalog.adopt(str(WATER), "Eau", Medium.WATER, clock.now())
    await home.find_time()
    for number in range(5):
        hear(home, 1000 + number)
        system.passes(60)
    right = list(stored(home))
    # Switched on again without a network; a tablet of a wrong day tells it the time, and then an hour too little.
    system.synchronised = False
    system.shows -= 5 * DAY
    await home.find_time()
    assert not await home.tell_time(right[0][0] - 3 * DAY)
    system.passes(5)
    await home.tell_time(right[0][0] - 3600)
    assert stored(home) == right


async def test_no_pulse_is_lost_with_the_points_ahead(tmp_path: Path, system: FakeSystem) -> None:
    system.synchronised = True
    with house(tmp_path, GAS, Clock(system=system)) as home:
        await home.find_time()
        pulses(home, 3)
        system.passes(60)
        system.shows += DAY
        await home.find_time()
        pulses(home, 5)
        system.passes(60)
        system.shows -= DAY
        await home.find_time()
        system.passes(AHEAD_S + 1)
        await home.find_time()
        await home.find_time()
    with house(tmp_path, GAS, Clock(system=system)) as home:  # restarted before another pulse
        await home.find_time()
        pulses(home, 1)
        assert home.store.latest(GAZ).decimal == 90  # type: ignore[union-attr]


async def test_one_point_of_the_future_does_not_take_the_time_from_a_box_that_the_network_tells(
    home: House, system: FakeSystem, clock: Clock
) -> None:
    system.synchronised = True
    await home.find_time()
    at = clock.now() + 3600
    home.store.bulk(SeriesKey("autre", "volume"), Quantity.VOLUME, 0, True, [at], [1])
    await home.find_time()
    assert home.dating


# -- the card refuses, kills
async def test_a_card_that_refuses_for_a_while_loses_no_undated_point_while_the_program_runs(
    home: House, system: FakeSystem, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    home.catalog.adopt(str(WATER), "Eau", Medium.WATER, clock.now())
    full_card(monkeypatch)
    hear(home, 1000)
    await home.save()
    monkeypatch.undo()
    system.passes(60)
    hear(home, 1001)
    synchronise(system)
    await home.find_time()
    assert [value for _, value in stored(home)] == [1000, 1001]


async def test_placing_cut_short_and_a_time_set_right_double_nothing(
    tmp_path: Path, system: FakeSystem, monkeypatch: pytest.MonkeyPatch
) -> None:
    with house(tmp_path, RADIO, Clock(system=system)) as home:
        home.catalog.adopt(str(WATER), "Eau", Medium.WATER, NOON)
        for number in range(10):
            hear(home, 1000 + number, flow=number)
            system.passes(30)
        monkeypatch.setattr(home._undated, "_let_go", lambda: pytest.fail("killed"))
        with pytest.raises(pytest.fail.Exception):
            await home.tell_time(system.time() + AWAY_S)  # a phone that is two minutes late
        monkeypatch.undo()
        assert len(stored(home, FLOW)) == 10
    with house(tmp_path, RADIO, Clock(system=system)) as home:
        synchronise(system, AWAY_S + 120)
        await home.find_time()
        assert [value for _, value in stored(home, FLOW)] == list(range(10))
        assert home.collect.ports["radio"].counts["held"] == 0


async def test_handing_on_again_believes_no_reading_that_leapt(
    home: House, system: FakeSystem, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    home.catalog.adopt(str(WATER), "Eau", Medium.WATER, clock.now())
    for number in range(3):
        hear(home, 1000 + number)
        system.passes(60)
    hear(home, 9_000_000)  # damaged
    synchronise(system)
    read, calls = home._aside.read, [0]

    def refuse_each_second(name: str) -> object:
        calls[0] += 1
        if calls[0] % 2 == 0:
            raise OSError(5, "Input/output error")
        return read(name)

    monkeypatch.setattr(home._aside, "read", refuse_each_second)
    for _ in range(4):
        await home.find_time()
    assert [value for _, value in stored(home)] == [1000, 1001, 1002]


async def test_what_an_earlier_boot_heard_is_counted_though_the_card_refused_first(
    tmp_path: Path, system: FakeSystem, monkeypatch: pytest.MonkeyPatch
) -> None:
    with house(tmp_path, RADIO, Clock(system=system)) as home:
        home.catalog.adopt(str(WATER), "Eau", Medium.WATER, NOON)
        hear(home, 1000)
    system.boot = "second"
    with house(tmp_path, RADIO, Clock(system=system)) as home:
        synchronise(system)
        monkeypatch.setattr(home.store, "commit", lambda: False)
        await home.find_time()
        monkeypatch.undo()
        await home.find_time()
        assert home.set_aside() == {"undated lost": 2}


async def test_placed_points_that_another_boot_finds_again_are_not_called_lost(
    tmp_path: Path, system: FakeSystem, monkeypatch: pytest.MonkeyPatch
) -> None:
    with house(tmp_path, RADIO, Clock(system=system)) as home:
        home.catalog.adopt(str(WATER), "Eau", Medium.WATER, NOON)
        hear(home, 1000)
        synchronise(system)
        monkeypatch.setattr(home._undated, "_let_go", lambda: pytest.fail("killed"))
        with pytest.raises(pytest.fail.Exception):
            await home.find_time()
        monkeypatch.undo()
    system.boot = "second"
    with house(tmp_path, RADIO, Clock(system=system)) as home:
        await home.find_time()
        assert home.set_aside() == {}


async def test_lines_that_the_card_would_not_let_go_bring_no_pulse_back(
    tmp_path: Path, system: FakeSystem, monkeypatch: pytest.MonkeyPatch
) -> None:
    with house(tmp_path, GAS, Clock(system=system)) as home:
        pulses(home, 5)
        synchronise(system)

        def refuse(*_: object) -> None:
            raise OSError(30, "Read-only file system")

        monkeypatch.setattr(home._aside, "_replace", refuse)
        await home.find_time()
        monkeypatch.undo()
        system.passes(60)
        for _ in range(3):
            await home.find_time()
        count = home.dials.count("gaz")
        assert count is not None
        compared = home.dials.compare(count, Decimal(30), count.index)  # the dial shows less
        await home.dials.correct(count, compared, weigh=False, seen=0)
        system.passes(60)
        assert count.index == 30
    with house(tmp_path, GAS, Clock(system=system)) as home:
        assert home.dials.count("gaz").index == 30  # type: ignore[union-attr]


async def test_an_unreadable_file_of_undated_points_does_not_stop_dating_for_ever(
    home: House, system: FakeSystem, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    home.catalog.adopt(str(WATER), "Eau", Medium.WATER, clock.now())
    hear(home, 1000)
    await home.save()

    read_bytes = Path.read_bytes

    def bad_sector(path: Path) -> bytes:
        if path.name == "undated.lines" and path.exists():
            raise OSError(5, "Input/output error")
        return read_bytes(path)

    monkeypatch.setattr(Path, "read_bytes", bad_sector)
    synchronise(system)
    for _ in range(5):
        await home.find_time()
        system.passes(5)
    assert home.dating


# -- waiting telegrams
async def test_a_key_typed_before_the_time_is_known_keeps_the_course_of_the_past(
    home: House, system: FakeSystem, clock: Clock
) -> None:
    for minute in range(3):
        hear(home, 1000 + minute, key=KEY)
        system.passes(60)
    await home.adopt(str(WATER), "Eau", None)
    await home.set_key(str(WATER), KEY)
    system.passes(60)
    hear(home, 1004, key=KEY)  # one more telegram, which the key opens at once
    system.passes(60)
    synchronise(system)
    await home.find_time()
    await home.read_past()
    assert [value for _, value in stored(home)] == [1000, 1001, 1002, 1004]


async def test_telegrams_of_an_earlier_boot_do_not_wait_for_ever(tmp_path: Path, system: FakeSystem) -> None:
    with house(tmp_path, RADIO, Clock(system=system)) as home:
        home.collect.opened("radio")
        hear(home, 1000, key=KEY)
        await home.adopt(str(WATER), "Eau", None)
        hear(home, 1001, key=KEY)
    system.boot = "second"
    synchronise(system)
    with house(tmp_path, RADIO, Clock(system=system)) as home:
        home.collect.opened("radio")
        await home.find_time()
        await home.set_key(str(WATER), KEY)
        for minute in range(3 * 1440):
            if minute % 60 == 0:
                hear(home, 1002 + minute, key=KEY)
                await home.find_time()
                await home.read_past()
                await home.save()
            system.passes(60)
        assert home.set_aside().get("waiting", 0) == 0


# -- shown while the time is not known
async def test_an_index_that_ran_back_is_not_shown_live_before_the_time_is_known(
    home: House, system: FakeSystem, clock: Clock
) -> None:
    system.synchronised = True
    home.catalog.adopt(str(WATER), "Eau", Medium.WATER, clock.now())
    await home.find_time()
    hear(home, 1000)
    system.passes(60)
    system.synchronised = False
    system.shows -= 3 * DAY
    await home.find_time()
    async with home.subscribe() as said:
        hear(home, 500)  # an old telegram, played again
        values = []
        while not said.empty():
            event = said.get_nowait()
            if event.value is not None and event.value.series == VOLUME:
                values.append(event.value.value)
    assert values == []


async def test_everything_up_to_a_time_to_come_is_not_said_to_be_saved(
    home: House, system: FakeSystem, clock: Clock
) -> None:
    system.synchronised = True
    home.catalog.adopt(str(WATER), "Eau", Medium.WATER, clock.now())
    await home.find_time()
    hear(home, 1000)
    await home.store.run(home.store.commit)
    await home.save()
    system.passes(60)
    system.shows -= 3 * DAY
    await home.find_time()
    assert home.saved_to <= clock.now()


async def test_a_person_can_take_back_a_time_that_was_wrong(home: House) -> None:
    await home.tell_time(NOON + 3650 * DAY)
    await home.tell_time(NOON)
    assert home.now() == NOON


async def test_a_linky_keeps_a_box_right_for_a_year(tmp_path: Path, system: FakeSystem) -> None:
    with house(tmp_path, LINKY, Clock(system=system)) as home:
        home.collect.opened("linky")
        right = float(NOON + AWAY_S)
        for _ in range(365 * 2):
            for _ in range(4):
                said = tic.frame(
                    [("ADSC", "041276123456"), ("DATE", "", horodate(datetime.fromtimestamp(right, UTC)))],
                    Mode.STANDARD,
                )
                (frame,) = (each for each in Framer().feed(said) if isinstance(each, Frame))
                home.collect.frame("linky", frame)
                await home.find_time()
                right += 2
                system.passes(2)
            right += DAY / 2
            system.passes(DAY / 2 * (1 - 30e-6))  # 30 ppm, a usual crystal
        assert abs(home.now() - right) < 60


async def test_a_linky_does_not_overrule_the_person_who_was_asked(tmp_path: Path, system: FakeSystem) -> None:
    """The person is right; the card holds points of a clock that was ahead, and for ten minutes the Linky is heard."""
    system.from_file = False
    with house(tmp_path, LINKY, Clock(system=system)) as home:
        home.store.add([Point(SeriesKey("x", "volume"), Quantity.VOLUME, NOON + 30 * DAY, 1, 0, main=True)])
        await home.find_time()
        home.collect.opened("linky")
        await home.tell_time(NOON + AWAY_S)
        wrong = NOON + AWAY_S + 7200.0
        for _ in range(8):
            said = tic.frame(
                [("ADSC", "041276123456"), ("DATE", "", horodate(datetime.fromtimestamp(wrong, UTC)))], Mode.STANDARD
            )
            (frame,) = (each for each in Framer().feed(said) if isinstance(each, Frame))
            home.collect.frame("linky", frame)
            wrong += 2
            system.passes(2)
        assert abs(home.now() - (NOON + AWAY_S + 16)) <= 2


async def test_a_year_that_was_mistyped_does_not_fold_the_store_for_ever(
    home: House, system: FakeSystem, clock: Clock
) -> None:
    await home.tell_time(datetime(2062, 1, 1, tzinfo=UTC).timestamp())
    await home.store.run(home.store._round)
    synchronise(system)
    system.passes(AHEAD_S + 10)
    await home.find_time()
    assert home.dating
    await home.store.run(home.store._round)
    assert home.store._memory.window <= clock.now()


async def test_a_disk_that_is_full_is_not_said_to_have_saved(
    home: House, system: FakeSystem, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    home.catalog.adopt(str(WATER), "Eau", Medium.WATER, clock.now())
    full_card(monkeypatch)
    hear(home, 1000)
    heard_at = clock.now()
    system.passes(120)
    await home.store.run(home.store.commit)
    await home.save()
    said = home.saved_to
    monkeypatch.undo()
    assert said <= heard_at


async def test_points_within_ten_minutes_of_a_clock_that_ran_fast_are_not_dropped_in_silence(
    tmp_path: Path, system: FakeSystem
) -> None:
    system.synchronised = True
    with house(tmp_path, RADIO, Clock(system=system)) as home:
        home.catalog.adopt(str(WATER), "Eau", Medium.WATER, NOON)
        hear(home, 1000)  # its clock was five minutes fast
    system.boot, system.synchronised, system.shows = "second", False, NOON - 3600
    with house(tmp_path, RADIO, Clock(system=system)) as home:
        for number in range(3):
            hear(home, 1001 + number, flow=number)
            system.passes(20)
        system.synchronised, system.shows = True, NOON - 180
        await home.find_time()
        system.passes(200)
        await home.find_time()
        assert (home.dating, len(stored(home, FLOW))) == (True, 1)
        assert home.collect.ports["radio"].counts["behind"] == 6


async def test_a_step_of_two_seconds_by_the_network_costs_no_shown_point(tmp_path: Path, system: FakeSystem) -> None:
    """Steps at any moment: a box that was told, then set right by the network while a card refuses the commit."""
    with house(tmp_path, RADIO, Clock(system=system)) as home:
        home.catalog.adopt(str(WATER), "Eau", Medium.WATER, NOON)
        for number in range(6):
            hear(home, 1000 + number, flow=number)
            system.passes(10)
        commit = home.store.commit
        home.store.commit = lambda: False  # type: ignore[method-assign]
        await home.tell_time(system.time() + AWAY_S - 30)
        synchronise(system)
        await home.find_time()
        hear(home, 1006, flow=6)
        home.store.commit = commit  # type: ignore[method-assign]
        await home.find_time()
        assert [value for _, value in stored(home, FLOW)] == list(range(7))


async def test_an_index_that_came_round_is_not_placed_before_the_card_knows_of_it(
    home: House, system: FakeSystem, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    system.synchronised = True
    home.catalog.adopt(str(WATER), "Eau", Medium.WATER, clock.now())
    await home.find_time()
    hear(home, 99_990)
    system.passes(60)
    hear(home, 99_995)
    system.passes(60)
    system.synchronised = False
    system.shows -= 3 * DAY
    await home.find_time()
    for number in range(8):
        hear(home, 1 + number)
        system.passes(60)

    def refuse(*_: object) -> None:
        raise StoreError("the card refuses")

    monkeypatch.setattr(home.store, "swap", refuse)
    synchronise(system, 3 * DAY)
    await home.find_time()
    assert [value for _, value in stored(home)] == [99_990, 99_995]


async def test_a_dial_corrected_under_a_clock_that_was_ahead_consumes_nothing(
    tmp_path: Path, system: FakeSystem
) -> None:
    system.synchronised = True
    with house(tmp_path, GAS, Clock(system=system)) as home:
        await home.find_time()
        pulses(home, 3)
        system.passes(60)
        pulses(home, 0)
        system.shows += DAY
        await home.find_time()
        count = home.dials.count("gaz")
        assert count is not None
        await home.dials.correct(count, home.dials.compare(count, Decimal(500), count.index), weigh=False, seen=0)
        system.passes(60)
        system.shows -= DAY
        await home.find_time()
        system.passes(AHEAD_S + 1)
        await home.find_time()
        pulses(home, 1)
        await home.find_time()
        system.passes(60)
        pulses(home, 1)
        system.passes(60)
        start = NOON - 3600
        taken = await home.consumption("gaz", [start, system_now(system) + 1])
        assert taken[0] in (None, Decimal(20))


def system_now(system: FakeSystem) -> int:
    return int(system.shows)


async def test_a_meter_adopted_before_the_time_is_known_has_no_false_date(
    home: House, system: FakeSystem, clock: Clock
) -> None:
    hear(home, 1000)
    await home.adopt(str(WATER), "Eau", None)
    synchronise(system)
    await home.find_time()
    (meter,) = home.catalog.meters()
    assert meter.since in (0, NOON + AWAY_S)


async def test_a_time_that_is_lost_while_what_waits_is_fetched_costs_none_of_it(
    home: House, system: FakeSystem, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    for minute in range(3):
        hear(home, 1000 + minute, key=KEY)
        system.passes(60)
    await home.adopt(str(WATER), "Eau", None)
    synchronise(system)
    await home.find_time()
    read = home._aside.read

    def lose_time(name: str) -> object:
        system.shows -= 7200
        clock.now()
        return read(name)

    with monkeypatch.context() as patched:
        patched.setattr(home._aside, "read", lose_time)
        await home.set_key(str(WATER), KEY)
    assert (stored(home), home.set_aside().get("untimed")) == ([], None)
    system.shows += 7200
    await home.find_time()
    await home.read_past()
    assert [value for _, value in stored(home)] == [1000, 1001, 1002]
