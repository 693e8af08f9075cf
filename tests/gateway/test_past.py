"""A meter is ours and its key comes later: its history begins when it was first heard, over restarts and in any order."""

from collections.abc import Iterator
from concurrent.futures import Future
from decimal import Decimal
from pathlib import Path

import pytest

from drivers.encode import records, wmbus
from drivers.model import Address, Frame, State
from gateway import waiting
from gateway.house import House
from gateway.model import SeriesKey
from gateway.sealed import Sealed
from gateway.views import PointState, PointView
from tests.house import Clock, house

KEY, OTHER_KEY = bytes(range(16)), bytes(16)
WATER = Address("wmbus", "10000001", "REL", 1, 7)
HEAT = Address("wmbus", "10000002", "KAM", 1, 4)
RADIO = '[[port]]\nname = "radio"\nprotocol = "wmbus"\nreceiver = "hexlines"\ntcp = "127.0.0.1:9"\n'
MINE = RADIO + f'[[meter]]\nname = "Eau"\naddress = "{WATER}"\n'
VOLUME = SeriesKey("eau", "volume")


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def home(tmp_path: Path, clock: Clock) -> Iterator[House]:
    with house(tmp_path, RADIO, clock) as opened:
        opened.collect.opened("radio")
        yield opened


def hear(home: House, litres: int, number: int = 1, key: bytes | None = KEY) -> None:
    home.collect.frame("radio", Frame(wmbus.telegram(WATER, records.volume(litres), number, key=key), -61))


def hear_often(home: House, clock: Clock, n: int, pace_s: int = 60, first: int = 1000) -> list[tuple[int, int]]:
    """When each was heard, and what it said."""
    said = []
    for litres in range(first, first + n):
        hear(home, litres, litres % 256)
        said.append((clock.at, litres))
        clock.at += pace_s
    return said


def compact(litres: int) -> Frame:
    said = (records.volume(litres), records.flow(7))
    return Frame(wmbus.compact(HEAT, [(each[:2], each[2:]) for each in said]))


def view(home: House) -> PointView:
    (found,) = home.points()
    return found


def stored(home: House) -> list[tuple[int, int]]:
    points = home.store.points(VOLUME, 0, 2**40)
    return [] if points is None else list(zip(points.at, points.value, strict=True))


async def test_history_begins_with_the_first_telegram_heard_before_the_meter_was_even_ours(
    home: House, clock: Clock
) -> None:
    said = hear_often(home, clock, 5, 3600)
    await home.adopt(str(WATER), "Eau", None)
    assert (view(home).state, view(home).index) == (PointState.KEY_MISSING, None)
    said += hear_often(home, clock, 5, first=1005)
    await home.save()
    waits = view(home).waits
    assert waits is not None
    assert (waits.telegrams, waits.since) == (10, said[0][0])
    answer = await home.set_key(str(WATER), KEY)
    assert (answer.state, [value.value for value in answer.values]) == (State.DECODED, [Decimal(1009)])
    assert stored(home) == said
    assert view(home).waits is None


async def test_what_waits_outlives_a_restart_and_a_key_in_the_file_reads_it_before_any_port_is_open(
    tmp_path: Path, clock: Clock
) -> None:
    with house(tmp_path, MINE, clock) as home:
        said = hear_often(home, clock, 7)
    with house(tmp_path, MINE + f'key = "{KEY.hex()}"\n', clock) as home:
        await home.read_past()
        assert stored(home) == said
        assert view(home).waits is None


async def test_a_wrong_key_costs_nothing_of_what_waits(home: House, clock: Clock) -> None:
    said = hear_often(home, clock, 3)
    assert (await home.adopt(str(WATER), "Eau", OTHER_KEY)).state is State.WRONG_KEY
    said += hear_often(home, clock, 2, first=1003)
    assert stored(home) == []
    assert (await home.set_key(str(WATER), KEY)).state is State.DECODED
    assert stored(home) == said


async def test_telegrams_heard_while_the_past_is_read_come_behind_it_and_none_is_lost(
    home: House, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(waiting, "READ_AT_A_TIME", 1)
    said = hear_often(home, clock, 6)
    again = home.collect.again

    def heard_in_between(address: str, telegram: Sealed) -> State | None:
        if len(said) < 12:
            said.extend(hear_often(home, clock, 1, first=1000 + len(said)))
        return again(address, telegram)

    monkeypatch.setattr(home.collect, "again", heard_in_between)
    await home.adopt(str(WATER), "Eau", KEY)
    assert len(said) == 12
    assert stored(home) == said
    said += hear_often(home, clock, 1, first=1012)
    assert stored(home) == said
    assert "held" not in home.ports()[0].counts


async def test_telegrams_stay_on_the_card_until_what_they_said_is_there(
    home: House, clock: Clock, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    said = hear_often(home, clock, 4)
    await home.adopt(str(WATER), "Eau", None)
    monkeypatch.setattr(home.store, "commit", lambda: False)
    await home.set_key(str(WATER), KEY)
    waits = view(home).waits
    assert waits is not None
    assert waits.telegrams == 4
    monkeypatch.undo()
    await home.set_key(str(WATER), KEY)
    assert view(home).waits is None
    assert stored(home) == said


async def test_compact_frames_are_read_when_the_full_one_was_heard_and_never_wait_for_it_again(
    tmp_path: Path, clock: Clock
) -> None:
    configured = RADIO + f'[[meter]]\nname = "Eau"\naddress = "{HEAT}"\n'
    said = []
    with house(tmp_path, configured, clock) as home:
        home.collect.opened("radio")
        for litres in (500, 510):
            home.collect.frame("radio", compact(litres))
            said.append((clock.at, litres))
            clock.at += 60
        assert (view(home).state, view(home).reading) == (PointState.UNREADABLE, State.WAITING_FORMAT)
        home.collect.frame("radio", Frame(wmbus.telegram(HEAT, records.volume(520) + records.flow(7), 3)))
        said.append((clock.at, 520))
        await home.read_past()
        assert stored(home) == said
        assert view(home).reading is State.DECODED
        assert view(home).waits is None
        await home.save()
    with house(tmp_path, configured, clock) as home:
        home.collect.opened("radio")
        clock.at += 60
        home.collect.frame("radio", compact(530))
        assert view(home).reading is State.DECODED
        assert stored(home) == [*said, (clock.at, 530)]


def test_somebody_who_speaks_in_a_meters_name_is_sampled_and_the_meter_goes_on_being_kept(
    tmp_path: Path, clock: Clock
) -> None:
    with house(tmp_path, MINE, clock) as home:
        for n in range(1000):
            hear(home, n, n % 256)
        clock.at += 60
        hear(home, 5000, 1)
    with house(tmp_path, MINE, clock) as home:
        waits = view(home).waits
        assert waits is not None
        assert waits.telegrams == waiting.A_MINUTE_MAX + 1


async def test_an_old_message_played_again_after_a_restart_is_noticed(tmp_path: Path, clock: Clock) -> None:
    keyed = MINE + f'key = "{KEY.hex()}"\n'

    def says(home: House, litres: int, counter: int) -> None:
        data = wmbus.telegram_mode_7(WATER, records.volume(litres), counter % 256, key=KEY, counter=counter)
        home.collect.frame("radio", Frame(data))
        clock.at += 60

    with house(tmp_path, keyed, clock) as home:
        says(home, 100, 41)
        says(home, 200, 42)
        await home.save(stopping=True)
    with house(tmp_path, keyed, clock) as home:
        says(home, 200, 42)
        says(home, 100, 41)
        assert home.ports()[0].counts["repeated"] == 2
        says(home, 300, 43)
        assert [litres for _, litres in stored(home)] == [100, 200, 300]


async def test_a_held_index_is_kept_as_it_was_said_marked_and_in_no_sum(tmp_path: Path, clock: Clock) -> None:
    keyed = MINE + f'key = "{KEY.hex()}"\n'
    with house(tmp_path, keyed, clock) as home:
        hear_often(home, clock, 3)
        hear(home, 5, 99)
        clock.at += 60
        hear_often(home, clock, 1, first=1003)
        (held,) = view(home).held
        assert (held.value, held.believed, held.backwards) == (Decimal(5), Decimal(1002), True)
        assert [value for _, value in stored(home)] == [1000, 1001, 1002, 1003]
    with house(tmp_path, keyed, clock) as home:
        assert view(home).held == (held,), "over a restart, too"


async def test_a_telegram_heard_in_the_last_moment_of_the_reading_is_neither_lost_nor_stuck(
    home: House, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The thread has read the file and the loop has not been told yet: what is heard then is in neither's hands."""
    said = hear_often(home, clock, 2)
    await home.adopt(str(WATER), "Eau", None)
    home._aside.sync().result()
    read = home._aside.read

    def read_and_hear(name: str) -> Future[list[str]]:
        found = read(name)
        found.result()
        if len(said) < 6:
            said.extend(hear_often(home, clock, 1, first=1000 + len(said)))
        return found

    monkeypatch.setattr(home._aside, "read", read_and_hear)
    await home.set_key(str(WATER), KEY)
    monkeypatch.undo()
    await home.save()
    assert len(said) == 6
    assert stored(home) == said
    assert view(home).waits is None


async def test_numbered_compact_frames_are_read_in_their_order_when_the_full_one_comes(
    tmp_path: Path, clock: Clock
) -> None:
    configured = RADIO + f'[[meter]]\nname = "Eau"\naddress = "{HEAT}"\nkey = "{KEY.hex()}"\n'
    said = []
    with house(tmp_path, configured, clock) as home:
        home.collect.opened("radio")
        for counter, litres in ((1, 500), (2, 510)):
            parts = records.volume(litres), records.flow(7)
            short = wmbus.compact(HEAT, [(each[:2], each[2:]) for each in parts])[11:]
            data = bytearray(wmbus.telegram_mode_7(HEAT, short, counter, key=KEY, counter=counter))
            home.collect.frame("radio", Frame(as_compact(bytes(data), short, counter)))
            said.append((clock.at, litres))
            clock.at += 60
        assert view(home).reading is State.WAITING_FORMAT
    with house(tmp_path, configured, clock) as home:  # they wait over a restart, too
        await home.read_past()
        home.collect.opened("radio")
        full = wmbus.telegram_mode_7(HEAT, records.volume(520) + records.flow(7), 3, key=KEY, counter=3)
        home.collect.frame("radio", Frame(full))
        said.append((clock.at, 520))
        await home.read_past()
        assert stored(home) == said
        assert view(home).waits is None
        clock.at += 60
        home.collect.frame("radio", Frame(full))
        assert home.ports()[0].counts["repeated"] == 1, "the counter is known again"


def as_compact(sent: bytes, short: bytes, counter: int) -> bytes:
    """The same message with the CI field of a compact frame, its code made anew."""
    at = sent.index(b"\x7a")
    changed = sent[:at] + b"\x7b" + sent[at + 1 :]
    from drivers.wmbus import layers, link, security

    peeled = layers.peel(link.parse(changed))
    assert peeled.afl is not None
    mac_key = security.derived_key(KEY, 1, peeled.afl.counter, peeled.meter)
    code = security.aes_cmac(mac_key, security.mac_input(peeled.afl, peeled.signed))[: len(peeled.afl.mac)]
    return changed.replace(peeled.afl.mac, code)


async def test_what_the_card_refused_is_tried_again_by_itself_and_loses_nothing(
    home: House, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    said = hear_often(home, clock, 3)
    await home.adopt(str(WATER), "Eau", None)
    monkeypatch.setattr(home.store, "commit", lambda: False)
    await home.set_key(str(WATER), KEY)
    said += hear_often(home, clock, 1, first=1003)
    monkeypatch.undo()
    await home.read_past()
    assert view(home).waits is None
    assert stored(home) == said


async def test_one_telegram_heard_while_the_clock_was_ahead_costs_itself_and_not_the_ones_behind_it(
    home: House, clock: Clock
) -> None:
    await_adoption = hear_often(home, clock, 1)
    await home.adopt(str(WATER), "Eau", None)
    clock.at += 30 * 86400
    hear(home, 1001, 1)
    clock.at -= 30 * 86400
    said = await_adoption + hear_often(home, clock, 5, first=1002)
    await home.set_key(str(WATER), KEY)
    assert stored(home) == said
    assert home.set_aside()["untimed"] == 1


async def test_a_meter_that_counts_its_messages_from_the_start_is_read_once_its_key_is_typed_again(
    tmp_path: Path, clock: Clock
) -> None:
    with house(tmp_path, MINE + f'key = "{KEY.hex()}"\n', clock) as home:
        home.collect.opened("radio")
        for counter, litres in ((5000, 100), (1, 101), (2, 102)):
            data = wmbus.telegram_mode_7(WATER, records.volume(litres), counter % 256, key=KEY, counter=counter)
            home.collect.frame("radio", Frame(data))
            clock.at += 3600
        assert (view(home).reading, len(stored(home))) == (State.REPEATED, 1)
        await home.set_key(str(WATER), KEY)
        data = wmbus.telegram_mode_7(WATER, records.volume(103), 3, key=KEY, counter=3)
        home.collect.frame("radio", Frame(data))
        assert [litres for _, litres in stored(home)] == [100, 103]


async def test_a_decoders_bug_keeps_what_it_met_for_the_next_release(
    home: House, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    said = hear_often(home, clock, 3)
    await home.adopt(str(WATER), "Eau", None)
    with monkeypatch.context() as broken:
        broken.setattr(home.collect, "again", lambda address, telegram: None)
        await home.set_key(str(WATER), KEY)
    await home.set_key(str(WATER), KEY)
    assert stored(home) == said


async def test_what_never_opens_in_a_read_meters_name_is_given_up_after_a_day(home: House, clock: Clock) -> None:
    hear_often(home, clock, 2)
    await home.adopt(str(WATER), "Eau", KEY)
    hear(home, 1, 1, key=OTHER_KEY)
    hear_often(home, clock, 1, first=1002)
    await home.save()
    assert view(home).waits is not None
    clock.at += 2 * 86400
    hear_often(home, clock, 1, first=1003)
    await home.save()
    await home.save()
    assert view(home).waits is None
    assert home.set_aside()["strays"] == 1


async def test_a_card_that_cannot_be_read_is_said_and_tried_again(home: House, clock: Clock, tmp_path: Path) -> None:
    said = hear_often(home, clock, 2)
    await home.adopt(str(WATER), "Eau", None)
    await home.save()
    (file,) = (tmp_path / "aside").iterdir()
    moved = file.rename(tmp_path / "moved")
    file.mkdir()
    await home.set_key(str(WATER), KEY)
    assert stored(home) == []
    file.rmdir()
    moved.rename(file)
    await home.read_past()
    assert stored(home) == said
