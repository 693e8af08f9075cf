"""Telegrams heard twice; made by drivers/encode/wmbus.py."""

from drivers import wmbus
from drivers.encode.records import volume
from drivers.encode.wmbus import telegram, telegram_mode_7, telegram_mode_10
from drivers.model import Address, Frame, State, Telegram
from drivers.wmbus.replay import COPY_S_MAX, METERS_MAX, Replay

WATER = Address("wmbus", "12345678", "REL", 0x1B, 0x07)
KEY = bytes(range(16))


class Clock:
    def __init__(self) -> None:
        self.now_s = 1000.0

    def __call__(self) -> float:
        return self.now_s


def heard(sent: bytes, replay: Replay) -> Telegram:
    return wmbus.decode(Frame(sent), KEY, replay=replay)


def counted(counter: int, litres: int = 1000) -> bytes:
    return telegram_mode_7(WATER, volume(litres), counter & 0xFF, key=KEY, counter=counter)


def test_a_counter_that_does_not_grow_gives_no_reading_twice() -> None:
    replay = Replay(Clock())
    assert heard(counted(20), replay).state is State.DECODED
    again = heard(counted(20), replay)
    assert (again.state, again.readings, again.error) == (State.REPEATED, (), "the same telegram again")
    old = heard(counted(19), replay)
    assert (old.state, old.readings) == (State.REPEATED, ())
    assert old.error == "message counter 19 after 20: an old telegram played again"
    assert heard(counted(21), replay).state is State.DECODED
    assert (replay.copies, replay.refused) == (1, 1)


def test_mode_10_counts_too() -> None:
    replay = Replay(Clock())
    sent = [telegram_mode_10(WATER, volume(1), 1, key=KEY, counter=counter) for counter in (5, 4)]
    assert [heard(each, replay).state for each in sent] == [State.DECODED, State.REPEATED]


def test_a_stranger_cannot_push_a_meters_counter_forward() -> None:
    replay = Replay(Clock())
    stranger = telegram_mode_7(WATER, volume(1), 1, key=KEY[::-1], counter=0xFFFFFFFF)
    assert heard(stranger, replay).state is State.WRONG_KEY
    assert heard(counted(20), replay).state is State.DECODED


def test_counters_are_kept_over_a_restart_until_the_meter_is_set_up_anew() -> None:
    replay = Replay(Clock())
    heard(counted(20), replay)
    later = Replay(Clock(), replay.counters)
    assert heard(counted(20), later).state is State.REPEATED
    later.forget(str(WATER))
    assert heard(counted(1), later).state is State.DECODED


def test_a_repeaters_copy_is_counted_and_not_read() -> None:
    clock = Clock()
    replay = Replay(clock)
    sent = telegram(WATER, volume(1000), 0x2A, key=KEY)
    assert heard(sent, replay).state is State.DECODED
    clock.now_s += COPY_S_MAX
    assert heard(sent, replay).state is State.REPEATED
    assert replay.copies == 1


def test_a_meter_whose_access_number_never_changes_is_still_heard() -> None:
    clock = Clock()
    replay = Replay(clock)
    for _ in range(3):
        assert heard(telegram(WATER, volume(1000), 0), replay).state is State.DECODED
        clock.now_s += COPY_S_MAX + 1
    assert heard(telegram(WATER, volume(1000), 0), replay).state is State.DECODED
    assert heard(telegram(WATER, volume(1001), 0), replay).state is State.DECODED


def test_what_is_kept_is_bounded() -> None:
    replay = Replay(Clock())
    for number in range(METERS_MAX + 1):
        meter = Address("wmbus", f"{number:08}", "REL", 0x1B, 0x07)
        wmbus.decode(Frame(telegram(meter, volume(1), 1)), replay=replay)
    first = Address("wmbus", "00000000", "REL", 0x1B, 0x07)
    assert wmbus.decode(Frame(telegram(first, volume(1), 1)), replay=replay).state is State.DECODED
