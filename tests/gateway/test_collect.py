from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from functools import partial

import pytest

from drivers.model import Address, DecodeError, Frame, Medium, Quantity, Reading, State, Telegram
from gateway.collect import (
    ADOPT_AFTER,
    BUG_BYTES_KEPT,
    HEARD_MAX,
    HEARD_S_MAX,
    PASSING_S_MAX,
    REGISTERS_MAX,
    Collect,
    Driver,
    MeterLog,
)
from gateway.model import Meter, Point, SeriesKey
from gateway.sealed import PER_METER_MAX, S_MAX, Sealed

KEY = bytes(16)


@dataclass(frozen=True)
class Header:
    address: Address
    medium: Medium = Medium.WATER
    encrypted: bool = False

    @property
    def sealed(self) -> bool:
        return self.encrypted


def address_of(frame: Frame) -> Address:
    return Address("test", frame.data.decode().split()[0])


def decode(frame: Frame, key: bytes | None, at: int = 0) -> Telegram:
    """A language for tests: `<id> <litres>`; an id with k is encrypted, a value of `crash` is a bug of ours."""
    identity, value = frame.data.decode().split()
    if value == "crash":
        raise ZeroDivisionError
    if value == "noise":
        raise DecodeError("test: noise", frame.data)
    if "k" in identity and key != KEY:
        state = State.KEY_MISSING if key is None else State.WRONG_KEY
        return Telegram(address_of(frame), state, Medium.WATER, encrypted=True)
    readings = (
        Reading("volume", Quantity.VOLUME, Decimal(value), main=True),
        Reading("volume", Quantity.VOLUME, Decimal(7), storage=1),
        Reading("flow", Quantity.FLOW, Decimal(12), main=True),
        Reading("tariff", Quantity.TEXT, "HP"),
    )
    return Telegram(address_of(frame), State.DECODED, Medium.WATER, readings)


class House:
    """What surrounds Collect, in lists: a clock, adopted meters, what was kept and shown."""

    def __init__(
        self, adopted: Sequence[str] = (), *, wired: bool = False, keys: dict[str, bytes] | None = None
    ) -> None:
        self.at = 1_000_000
        self.adopted = {f"test:{identity}": Meter(f"test:{identity}", identity, 0) for identity in adopted}
        self.keys = keys or {}
        self.kept: list[Point] = []
        self.keep: Callable[[Sequence[Point]], None] = self.kept.extend
        self.shown: list[Point] = []
        self.waiting: list[Sealed] = []
        self.held: list[tuple[int, Decimal]] = []

        def header(frame: Frame) -> Header:
            return Header(address_of(frame), encrypted=b"k" in frame.data.split()[0])

        self.collect = Collect(
            drivers={"line": Driver(decode, None if wired else header), "other": Driver(decode, header)},
            protocols={"line": "test", "other": "test"},
            meters=self,
            latest=lambda series: next((point for point in reversed(self.kept) if point.series == series), None),
            keep=lambda points: self.keep(points),
            live=self._live,
            adopt=self._adopt,
            wait=lambda address, telegram: self.waiting.append(telegram),
            set_aside=lambda point, believed: self.held.append((point.value, believed)),
            now=lambda: self.at,
        )

    def meter(self, address: str) -> Meter | None:
        return self.adopted.get(address)

    def key(self, address: str) -> bytes | None:
        return self.keys.get(address)

    def _live(self, point: str, log: MeterLog, points: Sequence[Point]) -> None:
        self.shown.extend(points)

    def _adopt(self, telegram: Telegram, port: str) -> bool:
        if self.adopted:
            return False
        address = str(telegram.address)
        self.adopted[address] = Meter(address, telegram.address.id, self.at)
        return True

    def hear(self, text: str, port: str = "line", after_s: int = 0) -> None:
        self.at += after_s
        self.collect.frame(port, Frame(text.encode(), -70))

    def counts(self, port: str = "line") -> dict[str, int]:
        return dict(self.collect.ports[port].counts)

    def values(self, register: str = "volume") -> list[int]:
        return [point.value for point in self.kept if point.series.register == register]


def test_a_reading_of_an_adopted_meter_becomes_a_point_with_the_meters_own_resolution() -> None:
    house = House(["7"])
    house.hear("7 612483.5")
    assert house.kept[0] == Point(SeriesKey("7", "volume"), Quantity.VOLUME, house.at, 6124835, -1, main=True)
    assert house.collect.meters["test:7"].texts == {"tariff": "HP"}
    assert house.collect.meters["test:7"].rssi_dbm == -70


def test_a_value_of_a_past_date_is_not_taken_for_a_present_one() -> None:
    house = House(["7"])
    house.hear("7 612483")
    assert house.values() == [612483]


def test_a_neighbours_meter_is_counted_and_never_decoded() -> None:
    house = House()
    house.hear("9 crash")
    house.hear("9 crash", after_s=15)
    heard = house.collect.heard["test:9"]
    assert (heard.count, heard.rssi_dbm, heard.last_at - heard.first_at) == (2, -70, 15)
    assert house.counts() == {"frames": 2, "not adopted": 2}
    assert not house.collect.strangers.count("test:9")
    assert not house.kept


def test_encrypted_telegrams_of_a_meter_nobody_adopted_wait_in_bounded_memory_the_first_among_them() -> None:
    house = House()
    first = house.at
    for n in range(20 * PER_METER_MAX):
        house.hear(f"9k {n}", after_s=30)
    waiting = house.collect.strangers.take("test:9k")
    assert PER_METER_MAX / 2 < len(waiting) <= PER_METER_MAX
    assert (waiting[0].at, waiting[-1].at) == (first + 30, house.at)
    assert [telegram.at for telegram in waiting] == sorted(telegram.at for telegram in waiting)
    assert not house.waiting, "nothing of a stranger reaches the card"


def test_a_bug_in_a_decoder_blinds_one_meter_and_not_the_house() -> None:
    house = House(["7", "8"])
    house.hear("7 crash")
    house.hear("8 100")
    house.hear("7 200", port="other")
    assert house.counts()["bugs"] == 1
    assert list(house.collect.ports["line"].bugs) == [b"7 crash"]
    assert house.values() == [100, 200]


def test_nothing_of_a_neighbours_frame_is_logged_when_our_own_code_fails_on_it(
    caplog: pytest.LogCaptureFixture,
) -> None:
    def bug(frame: Frame) -> Header:
        raise ZeroDivisionError

    house = House()
    house.collect._drivers["line"] = Driver(decode, bug)
    house.hear("9 612483")
    assert house.counts()["bugs"] == 1
    assert b"9 612483".hex() not in caplog.text
    assert list(house.collect.ports["line"].bugs) == [b""]


def test_a_level_beside_an_index_that_ran_back_is_not_the_present_one() -> None:
    house = House(["7"])
    house.hear("7 500")
    house.hear("7 100", after_s=3600)
    assert house.values("flow") == [12]
    assert not house.collect.meters["test:7"].levels


def test_a_stranger_heard_while_the_clock_was_ahead_is_forgotten_like_the_others() -> None:
    house = House()
    house.hear("8 1")
    house.hear("9 1", after_s=30 * 86400)
    house.at -= 30 * 86400
    for _ in range(9):
        house.at += 86400
        house.collect.forget_strangers()
    assert not house.collect.heard


def test_noise_is_counted_and_its_text_is_shown() -> None:
    house = House(["7"])
    house.hear("7 noise")
    house.collect.fault("line", DecodeError("cut: nothing to read"))
    assert house.counts()["faults"] == 2
    assert house.collect.ports["line"].last_fault == "cut: nothing to read"
    assert not house.kept


def test_an_index_that_runs_backwards_is_held_counted_and_neither_kept_nor_shown() -> None:
    house = House(["7"])
    house.hear("7 500")
    house.hear("7 0", after_s=30)
    house.hear("7 501", after_s=30)
    assert house.values() == [500, 501]
    assert [point.value for point in house.shown if point.series.register == "volume"] == [500, 501]
    assert house.counts()["held"] == 1
    assert house.held == [(0, Decimal(500))]


def test_the_last_index_on_the_card_judges_the_first_one_after_a_start() -> None:
    house = House(["7"])
    house.kept.append(Point(SeriesKey("7", "volume"), Quantity.VOLUME, house.at - 60, 500))
    house.hear("7 0")
    assert house.values() == [500]


def test_the_card_is_written_at_a_pace_and_the_live_view_with_every_telegram() -> None:
    house = House(["7"])
    for n in range(30):
        house.hear(f"7 {500 + n}", after_s=1)
    assert len(house.values()) == 3
    assert len(house.values("flow")) == 3
    assert len([point for point in house.shown if point.series.register == "flow"]) == 30


def test_an_index_that_stands_still_is_still_written_now_and_then() -> None:
    house = House(["7"])
    for _ in range(25):
        house.hear("7 500", after_s=60)
    assert house.values() == [500, 500, 500]


def test_an_index_that_somebody_watches_is_written_at_its_pace_though_it_stands_still() -> None:
    house = House(["7"])
    house.hear("7 500", after_s=60)
    house.collect.watch(SeriesKey("7", "volume"), house.at + 61)
    for _ in range(25):
        house.hear("7 500", after_s=10)
    assert len(house.values()) == 1 + 6
    assert len([point for point in house.shown if point.series.register == "volume"]) == 1 + 6


def test_a_level_that_never_changes_is_not_written_again_and_again_and_a_power_is() -> None:
    house = House(["7"])
    constant = Reading("PREF", Quantity.APPARENT_POWER, Decimal(9000))
    power = Reading("SINSTS", Quantity.APPARENT_POWER, Decimal(640), main=True)
    for _ in range(1200):
        house.at += 1
        house.collect.telegram(
            "line", lambda: Telegram(Address("test", "7"), State.DECODED, readings=(constant, power))
        )
    assert (len(house.values("PREF")), len(house.values("SINSTS"))) == (2, 120)


def test_a_wired_lines_first_meter_is_taken_when_frames_agree_on_its_address() -> None:
    house = House(wired=True)
    for n in range(ADOPT_AFTER):
        assert not house.adopted
        house.hear(f"7 {100 + n}", after_s=15)
    assert set(house.adopted) == {"test:7"}
    assert house.values() == [102]
    assert not house.collect.heard


def test_one_damaged_address_on_a_wire_makes_no_meter() -> None:
    house = House(wired=True)
    for identity in ("7", "q", "7", "7"):
        house.hear(f"{identity} 100")
    assert set(house.adopted) == {"test:7"}


def test_telegrams_that_wait_for_their_key_are_decoded_when_it_comes() -> None:
    house = House(["7k"])
    house.hear("7k 100")
    heard_at = house.at
    log = house.collect.meters["test:7k"]
    assert (log.state, house.values()) == (State.KEY_MISSING, [])
    house.keys["test:7k"] = KEY
    house.at += 3600
    (waiting,) = house.waiting
    assert house.collect.again("test:7k", waiting) is State.DECODED
    assert (log.state, house.values()) == (State.DECODED, [100])
    assert {point.at for point in house.kept} == {heard_at}, "at the time it was heard, not when the key came"
    assert (log.heard_at, log.telegrams) == (heard_at, 1)
    assert not log.levels, "an hour later that flow is not the present one"
    assert house.counts()["key-missing"] == 1


def test_what_a_meter_says_while_its_past_is_read_waits_behind_it() -> None:
    house = House(["7k"], keys={"test:7k": KEY})
    house.collect.pause("test:7k")
    house.hear("7k 101")
    assert (house.values(), [telegram.frame.data for telegram in house.waiting]) == ([], [b"7k 101"])
    house.collect.go_on("test:7k")
    house.hear("7k 102")
    assert house.values() == [102]


def test_what_was_heard_of_a_meter_before_its_adoption_goes_to_the_card_with_it() -> None:
    house = House()
    house.hear("9k 100")
    house.adopted["test:9k"] = Meter("test:9k", "9k", 0)
    house.collect.take_over("test:9k")
    assert [telegram.frame.data for telegram in house.waiting] == [b"9k 100"]
    assert not house.collect.heard
    assert not house.collect.strangers.count("test:9k")


def test_a_level_that_the_meter_dates_is_kept_at_its_date_and_not_shown_as_the_present() -> None:
    house = House(["7"])
    mean = Reading("mean", Quantity.POWER, Decimal(640), main=True, at=datetime.fromtimestamp(house.at - 300, UTC))
    telegram = Telegram(Address("test", "7"), State.DECODED, Medium.ELECTRICITY, (mean,))
    house.collect.telegram("line", lambda: telegram)
    assert [(point.at, point.value) for point in house.kept] == [(house.at - 300, 640)]
    assert not house.shown
    assert not house.collect.meters["test:7"].levels


def says(*readings: Reading, state: State = State.DECODED) -> Callable[[], Telegram]:
    """A meter that was asked, and its answer."""
    return lambda: Telegram(Address("test", "7"), state, Medium.WATER, readings)


def test_a_bug_in_the_map_of_a_meter_that_is_asked_blinds_that_meter_only() -> None:
    def bug() -> Telegram:
        raise ZeroDivisionError

    house = House(["7", "8"])
    house.collect.telegram("line", bug)
    house.hear("8 100")
    assert house.counts()["bugs"] == 1
    assert house.values() == [100]


def test_a_bug_met_while_a_new_key_is_tried_is_not_the_keepers() -> None:
    house = House(["7"])
    for data in (b"7 crash", b"7 100"):
        house.collect.again("test:7", Sealed(house.at, "line", Frame(data)))
    assert house.counts()["bugs"] == 1
    assert house.values() == [100]


def test_a_bug_that_each_frame_brings_again_does_not_fill_the_log(caplog: pytest.LogCaptureFixture) -> None:
    house = House(["7"])
    for _ in range(5 * BUG_BYTES_KEPT):
        house.hear("7 crash")
    assert house.counts()["bugs"] == 5 * BUG_BYTES_KEPT
    assert len(caplog.records) == BUG_BYTES_KEPT


def test_a_store_that_has_ended_ends_the_program_instead_of_counting_as_a_bad_frame() -> None:
    def ended(points: Sequence[Point]) -> None:
        raise RuntimeError("the store's thread has ended")

    house = House(["7"])
    house.keep = ended
    with pytest.raises(RuntimeError, match="store"):
        house.hear("7 100")


def test_readings_go_on_being_kept_when_the_clock_is_set_back() -> None:
    house = House(["7"])
    house.hear("7 100")
    house.hear("7 101", after_s=-86_400)
    house.hear("7 102", after_s=10)
    assert house.values() == [100, 101, 102]
    assert house.values("flow") == [12, 12, 12]


@pytest.mark.parametrize("state", [State.REPEATED, State.WAITING_FRAGMENT, State.NO_DATA])
def test_a_copy_or_an_empty_announcement_does_not_make_a_meter_unreadable(state: State) -> None:
    house = House(["7"])
    house.hear("7 100")
    house.collect.telegram("line", says(state=state))
    assert house.collect.meters["test:7"].state is State.DECODED
    house.at += PASSING_S_MAX + 1
    house.collect.telegram("line", says(state=state))
    assert house.collect.meters["test:7"].state is state


def test_the_noise_of_a_float_near_zero_does_not_set_the_resolution_of_its_series() -> None:
    house = House(["7"])
    noise, wide = Decimal("3.2e-12"), Decimal("12345678901234567890123456789012345.123456789")
    house.collect.telegram("line", says(Reading("current", Quantity.CURRENT, noise)))
    house.collect.telegram("line", says(Reading("current_2", Quantity.CURRENT, Decimal("-0.0000015"))))
    house.collect.telegram("line", says(Reading("current_3", Quantity.CURRENT, wide)))
    assert [(point.value, point.exponent) for point in house.kept] == [
        (0, 0),
        (-2, -6),
        (12345678901234567890123456789012345123457, -6),
    ]


def test_a_text_of_a_past_date_is_not_the_present_one() -> None:
    house = House(["7"])
    past = Reading("tariff", Quantity.TEXT, "HC", storage=1)
    house.collect.telegram("line", says(Reading("tariff", Quantity.TEXT, "HP"), past))
    assert house.collect.meters["test:7"].texts == {"tariff": "HP"}


def test_a_strangers_payloads_are_forgotten_after_a_day_and_the_stranger_after_a_week() -> None:
    house = House()
    house.hear("9k 1")
    house.hear("9k 2", after_s=S_MAX)
    house.collect.forget_strangers()
    assert house.collect.strangers.count("test:9k") == len(house.collect.strangers) == 1
    house.at += HEARD_S_MAX
    house.collect.forget_strangers()
    assert not house.collect.heard
    assert not len(house.collect.strangers)


def test_of_too_many_strangers_the_longest_unheard_is_forgotten() -> None:
    house = House()
    for n in range(HEARD_MAX + 5):
        house.hear(f"{n} 1")
    assert len(house.collect.heard) == HEARD_MAX
    assert "test:4" not in house.collect.heard


def test_made_up_addresses_do_not_push_the_neighbours_out_of_what_was_heard() -> None:
    house = House()
    for _ in range(2):
        house.hear("neighbour 1")
    for n in range(HEARD_MAX + 50):
        house.hear(f"{n} 1")
    assert len(house.collect.heard) == HEARD_MAX
    assert house.collect.heard["test:neighbour"].count == 2


def test_a_meter_that_makes_up_registers_is_held_to_a_bound_and_its_others_are_kept() -> None:
    house = House(["7"])
    for n in (*range(REGISTERS_MAX + 5), 0):
        reading = Reading(f"made_up_{n}", Quantity.FLOW, Decimal(n))
        house.collect.telegram("line", partial(Telegram, Address("test", "7"), State.DECODED, readings=(reading,)))
        house.at += 60
    assert len({point.series for point in house.kept}) == REGISTERS_MAX
    assert house.values("made_up_0") == [0, 0]
    assert house.counts()["registers refused"] == 5


def test_a_telegram_in_clear_from_a_meter_with_a_key_is_read_and_counted() -> None:
    house = House(["7"], keys={"test:7": KEY})
    house.hear("7 100")
    assert house.values() == [100]
    assert house.counts()["in clear"] == 1
