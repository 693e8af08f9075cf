"""What a house answers: its total, its day so far, how a meter is doing, whose key is tried."""

from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path

import pytest

from drivers.encode import mbus, records, wmbus
from drivers.model import Address, Frame, Medium, Quantity, Reading, State, Telegram
from gateway.collect import ADOPT_AFTER
from gateway.house import LEVEL_S_MAX, House
from gateway.importers.keyfile import KeyFile, Why, read
from gateway.model import Point, SeriesKey
from gateway.views import PointState
from tests.house import Clock, house

HOUR_S, DAY_S = 3600, 86_400
KEY, OTHER_KEY = bytes(range(16)), bytes(16)
WATER = Address("wmbus", "10000001", "REL", 1, 7)
TOML = '[[port]]\nname = "radio"\nprotocol = "wmbus"\nreceiver = "hexlines"\ntcp = "127.0.0.1:9"\n'
METER = f'[[meter]]\nname = "Eau"\naddress = "{WATER}"\n'


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def home(tmp_path: Path, clock: Clock) -> Iterator[House]:
    with house(tmp_path, TOML, clock) as opened:
        opened.collect.opened("radio")
        yield opened


def hear(home: House, litres: int, key: bytes | None = None, number: int = 1) -> None:
    home.collect.frame("radio", Frame(wmbus.telegram(WATER, records.volume(litres), number, key=key)))


def say(home: House, *readings: Reading) -> None:
    home.collect.telegram("radio", lambda: Telegram(WATER, State.DECODED, readings=readings))


def index(point: str, register: str, tariff: int, at: int, value: int) -> Point:
    return Point(SeriesKey(point, register, tariff), Quantity.ENERGY, at, value, main=True)


def electricity(home: House) -> str:
    return home.catalog.adopt("tic:041234567890", "Courant", Medium.ELECTRICITY, home.now()).point


# The total


def test_the_tariffs_of_a_meter_without_a_total_are_added_up(home: House) -> None:
    point = electricity(home)
    home.store.add([index(point, "HCHC", 1, home.now(), 1000), index(point, "HCHP", 2, home.now(), 2000)])
    view = home.point(point)
    assert view is not None
    assert view.index is not None
    assert (view.index.series, view.index.value) == (SeriesKey(point, "total"), Decimal(3000))


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ([("BASE", 0)], [("EAST", 0)]),  # the customer port was switched from historique to standard
        ([("BASE", 0)], [("HCHC", 1), ("HCHP", 2)]),  # another contract
        ([("EJPHN", 1), ("EJPHPM", 2)], [("HCHC", 1), ("HCHP", 2)]),
        ([("HCHC", 1), ("HCHP", 2)], [("EAST", 0)]),
    ],
)
def test_the_index_of_a_contract_that_ended_does_not_stand_for_the_one_that_runs(
    home: House, clock: Clock, before: list[tuple[str, int]], after: list[tuple[str, int]]
) -> None:
    point = electricity(home)
    home.store.add([index(point, register, tariff, home.now(), 8_000_000) for register, tariff in before])
    clock.at += 2 * DAY_S
    home.store.add([index(point, register, tariff, home.now(), 100) for register, tariff in after])
    assert home.index_series(point) == tuple(SeriesKey(point, register, tariff) for register, tariff in after)


def test_a_total_stays_the_total_when_the_tariffs_beside_it_are_said_later(home: House, clock: Clock) -> None:
    point = electricity(home)
    home.store.add([index(point, "EAST", 0, home.now(), 3000)])
    clock.at += 60
    home.store.add([index(point, "HCHC", 1, home.now(), 1000), index(point, "HCHP", 2, home.now(), 2000)])
    assert home.index_series(point) == (SeriesKey(point, "EAST", 0),)


# The day so far


async def test_a_day_that_began_in_a_gap_has_no_total_rather_than_one_that_is_too_small(
    home: House, clock: Clock
) -> None:
    point = electricity(home)
    midnight = clock.at
    home.store.add([index(point, "EAST", 0, midnight - 6 * HOUR_S, 1000)])
    home.store.add([index(point, "EAST", 0, midnight + hour * HOUR_S, 9000 + 10 * hour) for hour in range(6, 9)])
    clock.at = midnight + 8 * HOUR_S
    assert await home.consumption(point, [midnight, midnight + DAY_S]) == [None]
    assert await home.consumption(point, [midnight, clock.at]) == [None]
    bounds = [midnight + hour * HOUR_S for hour in (6, 7, 8)]
    assert await home.consumption(point, bounds) == [10, 10]


async def test_the_day_a_meter_came_holds_what_is_known_of_it_so_far(home: House, clock: Clock) -> None:
    point = electricity(home)
    midnight = clock.at
    home.store.add([index(point, "EAST", 0, midnight + hour * HOUR_S, 9000 + 10 * hour) for hour in range(6, 9)])
    clock.at = midnight + 8 * HOUR_S + 60
    assert await home.consumption(point, [midnight, midnight + DAY_S]) == [20]


async def test_an_hour_known_in_part_is_not_shown_as_whole_once_it_is_over(home: House, clock: Clock) -> None:
    point = electricity(home)
    start = clock.at
    home.store.add([index(point, "EAST", 0, start + minute * 60, 9000 + minute) for minute in range(40, 70, 5)])
    clock.at = start + HOUR_S + 600
    assert (await home.consumption(point, [start, start + HOUR_S])) == [None]


# How a meter is doing


def test_a_meter_heard_once_is_not_silent_a_minute_later(home: House, clock: Clock) -> None:
    """Water meters speak each quarter of an hour, some each four hours: nobody knows yet what is usual here."""
    point = home.catalog.adopt(str(WATER), "Eau", Medium.WATER, home.now()).point
    hear(home, 1000)
    clock.at += 2 * HOUR_S
    assert state(home, point) is PointState.SPEAKING
    clock.at += DAY_S
    assert state(home, point) is PointState.SILENT


def test_a_meter_that_misses_three_of_its_usual_moments_is_silent(home: House, clock: Clock) -> None:
    point = home.catalog.adopt(str(WATER), "Eau", Medium.WATER, home.now()).point
    for litre in range(10):
        hear(home, 1000 + litre, number=litre)
        clock.at += 60
    assert state(home, point) is PointState.SPEAKING
    clock.at += 240
    assert state(home, point) is PointState.SILENT


def test_a_power_the_meter_no_longer_says_does_not_stay_the_present_one(home: House, clock: Clock) -> None:
    point = home.catalog.adopt(str(WATER), "Eau", Medium.WATER, home.now()).point
    flow = Reading("flow", Quantity.FLOW, Decimal(12), main=True)
    say(home, flow)
    clock.at += 10
    say(home)
    view = home.point(point)
    assert view is not None
    assert view.level is not None
    clock.at += LEVEL_S_MAX
    say(home)
    view = home.point(point)
    assert view is not None
    assert (view.state, view.level) == (PointState.SPEAKING, None)


def state(home: House, point: str) -> PointState:
    view = home.point(point)
    assert view is not None
    return view.state


# Whose key


async def test_a_key_typed_at_a_second_attempt_is_tried_on_what_waits(home: House) -> None:
    hear(home, 1000, KEY)
    wrong = await home.adopt(str(WATER), "Eau", OTHER_KEY)
    assert wrong.state is State.WRONG_KEY
    right = await home.adopt(str(WATER), "Eau", KEY)  # the same page, sent again with another key
    assert (right.state, [value.value for value in right.values]) == (State.DECODED, [Decimal(1000)])


async def test_a_key_typed_on_the_page_outlives_a_wrong_one_in_the_file(tmp_path: Path) -> None:
    configured = TOML + METER + f'key = "{OTHER_KEY.hex()}"\n'
    with house(tmp_path, configured) as home:
        hear(home, 1000, KEY)
        assert (await home.set_key(str(WATER), KEY)).state is State.DECODED
    with house(tmp_path, configured) as home:
        home.collect.opened("radio")
        hear(home, 1001, KEY, number=2)
        assert state(home, "eau") is PointState.SPEAKING


async def test_a_key_the_card_did_not_take_leaves_the_meter_as_it_was(home: House, tmp_path: Path) -> None:
    hear(home, 1000, KEY)
    (tmp_path / "keys.json.new").mkdir()  # nothing can be written beside it
    with pytest.raises(IsADirectoryError):
        await home.adopt(str(WATER), "Eau", KEY)
    assert home.catalog.meter(str(WATER)) is None
    assert [heard.address for heard in home.heard()] == [str(WATER)]


# Whose meter


WIRED = '[[port]]\nname = "bus"\nprotocol = "mbus"\ntcp = "127.0.0.1:9"\n'


def answer(identity: str, number: int) -> Frame:
    """What a wired meter says when it was asked."""
    return Frame(mbus.answer(mbus.identity(identity, "REL", 1, 7), records.volume(1000), number))


def test_a_second_meter_on_a_wire_is_not_taken_unasked_when_the_first_was_configured(tmp_path: Path) -> None:
    mine = "mbus:REL-10000001-01-07"
    with house(tmp_path, WIRED + f'[[meter]]\nname = "Eau"\naddress = "{mine}"\n') as home:
        for number in range(ADOPT_AFTER + 2):
            for identity in ("10000001", "10000002"):
                home.collect.frame("bus", answer(identity, number))
        assert [meter.address for meter in home.catalog.meters()] == [mine]
        assert [heard.address for heard in home.heard()] == ["mbus:REL-10000002-01-07"]


def test_an_encrypted_wired_meter_is_read_with_its_key(tmp_path: Path) -> None:
    meter = Address("mbus", "10000001", "REL", 1, 7)
    toml = WIRED + f'[[meter]]\nname = "Eau"\naddress = "{meter}"\nport = "bus"\nkey = "{KEY.hex()}"\n'
    with house(tmp_path, toml) as home:
        radio = wmbus.telegram(meter, records.volume(1234), 7, key=KEY, radio=meter)
        home.collect.frame("bus", Frame(mbus.long(mbus.RSP_UD, 1, 0x72, radio[11:])))
        entry = home.collect.meters[str(meter)]
        assert (entry.state, entry.in_clear) == (State.DECODED, False)


def test_a_full_card_does_not_turn_the_first_meter_of_a_wire_into_a_bug(tmp_path: Path) -> None:
    with house(tmp_path, WIRED) as home:
        (tmp_path / "catalog.json.new").mkdir()
        for number in range(ADOPT_AFTER):
            home.collect.frame("bus", answer("10000001", number))
        assert home.ports()[0].counts == {"frames": 3, "not adopted": 3}
        (tmp_path / "catalog.json.new").rmdir()
        home.collect.frame("bus", answer("10000001", 9))
        assert [meter.address for meter in home.catalog.meters()] == ["mbus:REL-10000001-01-07"]


# Listeners


async def test_a_browser_that_does_not_read_loses_the_oldest_and_holds_up_nobody(home: House) -> None:
    home.catalog.adopt(str(WATER), "Eau", Medium.WATER, home.now())
    async with home.subscribe() as queue:
        for number in range(600):
            say(home, Reading("flow", Quantity.FLOW, Decimal(number), main=True))
        assert home.live_dropped == 101  # 600 values and a state
        last = [queue.get_nowait() for _ in range(queue.qsize())][-1]
        assert last.value is not None
        assert last.value.value == 599


async def test_a_key_is_also_tried_on_a_message_that_came_in_pieces(home: House) -> None:
    home.catalog.adopt(str(WATER), "Eau", Medium.WATER, home.now())
    for piece in wmbus.fragments(WATER, records.volume(1000), 1, key=KEY, counter=1, size=20):
        home.collect.frame("radio", Frame(piece))
    assert (await home.set_key(str(WATER), KEY)).state is State.DECODED


async def test_a_meter_that_speaks_every_four_hours_has_no_gaps_between_its_words(home: House, clock: Clock) -> None:
    home.catalog.adopt(str(WATER), "Eau", Medium.WATER, home.now())
    start = home.now()
    for n in range(13):
        hear(home, 1000 + 10 * n, number=n)
        clock.at += 4 * HOUR_S
    bounds = [start + 4 * HOUR_S * n + 600 for n in range(12)]
    assert None not in await home.consumption("eau", bounds)


# Key files


def table(*rows: str) -> KeyFile:
    return read("\n".join(("id;key", *rows)).encode())


async def test_a_file_opens_the_meter_that_waited_for_its_key_at_once(home: House) -> None:
    point = home.catalog.adopt(str(WATER), "Eau", Medium.WATER, home.now()).point
    hear(home, 1000, key=KEY)
    report = await home.bring_keys(table(f"{WATER.id};{KEY.hex()}"))
    assert (report.mine, report.read, report.refusals) == ([str(WATER)], [point], [])
    view = home.point(point)
    assert view is not None
    assert view.index is not None
    assert view.index.value == 1000


async def test_a_files_key_waits_for_the_meter_that_is_adopted_later(home: House) -> None:
    hear(home, 1000, key=KEY)
    report = await home.bring_keys(table(f"{WATER.id};{KEY.hex()}"))
    assert (report.mine, report.heard, report.read) == ([], [str(WATER)], [])
    assert home.points() == ()  # a neighbour's meter is not opened because a file has its key
    assert (await home.adopt(str(WATER), "Eau", None)).state is State.DECODED


async def test_a_wrong_key_gives_way_to_a_files_key_and_one_that_opens_does_not(home: House) -> None:
    hear(home, 1000, key=KEY)
    await home.adopt(str(WATER), "Eau", OTHER_KEY)
    assert (await home.bring_keys(table(f"{WATER.id};{KEY.hex()}"))).read != []
    report = await home.bring_keys(table(f"{WATER.id};{OTHER_KEY.hex()}"))
    assert [refusal.why for refusal in report.refusals] == [Why.OTHER_KEY]
    hear(home, 1010, key=KEY, number=2)
    assert home.points()[0].state is PointState.SPEAKING


def test_the_number_of_a_metering_point_is_believed_when_it_is_said_twice_in_a_row(home: House) -> None:
    point = electricity(home)
    address = home.catalog.meters()[-1].address
    meter = home.catalog.meter(address)
    assert meter is not None
    for number, known in (("1", {}), ("2", {}), ("2", {point: "2"}), ("3", {point: "2"}), ("3", {point: "3"})):
        telegram = Telegram(Address("tic", "x"), State.DECODED, Medium.ELECTRICITY, place=number)
        home.collect._accept("x", meter, telegram, None, home.now())
        assert home.places() == known
    assert "'3'" not in repr(home.collect.meters[address])
