"""The M-Bus master against meters on a pseudo-terminal: what is read, what is refused, who is found."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable, Iterator
from decimal import Decimal
from itertools import pairwise
from statistics import median

import pytest

from drivers.encode import mbus as encode
from drivers.encode.mbus_meters import Meter, together
from drivers.encode.records import energy, power, volume
from drivers.mbus import decode
from drivers.model import Address, DecodeError, Frame, State, Telegram
from drivers.talk import Identity
from gateway import lines
from gateway.config import parse
from gateway.ports.mbus import Found, Looking, MbusPort, Pace, Polled, TcpLine
from gateway.ports.stream import SerialLine
from gateway.views import Listening
from tests.wired import Answer, Said, Wires, at_once, heat_meter

pytestmark = pytest.mark.virtual

# An answer begins within 19 ms here; a USB adapter and 2400 baud make that 240.
FAST = Pace(38_400, slack_s=0.01, answer_s_base=0.0)
WAIT_S = FAST.answer_s


class Sink:
    def __init__(self) -> None:
        self.opens = 0
        self.telegrams: list[Telegram] = []
        self.at_s: list[float] = []
        self.faults: list[DecodeError] = []
        self._news = asyncio.Event()

    def opened(self, port: str) -> None:
        assert port == "bus"
        self.opens += 1
        self._news.set()

    def identified(self, port: str, identity: Identity) -> None:
        raise AssertionError(identity)

    def listening(self, port: str, listening: Listening) -> None:
        raise AssertionError(listening)

    def frame(self, port: str, frame: Frame) -> None:
        self.telegrams.append(decode(frame))
        self.at_s.append(asyncio.get_running_loop().time())
        self._news.set()

    def telegram(self, port: str, read: Callable[[], Telegram]) -> None:
        raise AssertionError("an M-Bus port hands on frames: they may be encrypted")

    def fault(self, port: str, error: DecodeError) -> None:
        self.faults.append(error)
        self._news.set()

    async def until(self, ready: Callable[[], bool]) -> None:
        async with asyncio.timeout(5):
            while not ready():
                self._news.clear()
                await self._news.wait()

    def said(self, number: int) -> list[list[Decimal]]:
        """What one meter said, each time: its values in their order."""
        told = [telegram for telegram in self.telegrams if telegram.address == address(number)]
        return [[r.value for r in telegram.readings if isinstance(r.value, Decimal)] for telegram in told]


def address(number: int) -> Address:
    return Address("mbus", f"{number:08}", "REL", 0x1B, 0x04)


def polled(number: int, every_s: float = 0.01, primary: int | None = None) -> Polled:
    return Polled(address(number), every_s, primary)


@contextlib.asynccontextmanager
async def running(line: SerialLine | TcpLine, meters: list[Polled], sink: Sink) -> AsyncIterator[MbusPort]:
    port = MbusPort("bus", line, FAST, meters, sink)
    task = asyncio.create_task(port.run())
    try:
        await sink.until(lambda: bool(sink.opens) or task.done())
        yield port
    finally:
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError, OSError):
            await task


@contextlib.contextmanager
def wires(*meters: Meter, echo: bool = False) -> Iterator[Wires]:
    made = Wires(meters, echo=echo)
    try:
        yield made
    finally:
        made.unplug()


@pytest.fixture
async def sink() -> Sink:
    return Sink()


def with_checksum(frame: bytes, off: int) -> bytes:
    return frame[:-2] + bytes((frame[-2] + off & 0xFF,)) + frame[-1:]


async def collected(found: AsyncIterator[Found | Looking | DecodeError]) -> list[Found | DecodeError]:
    return [each async for each in found if not isinstance(each, Looking)]


async def test_two_meters_on_one_bus_are_each_read_by_their_secondary_address(sink: Sink) -> None:
    with wires(heat_meter(1, 12), heat_meter(2, 34)) as bus:
        async with running(bus.line, [polled(1), polled(2)], sink):
            await sink.until(lambda: len(sink.said(1)) >= 2 and len(sink.said(2)) >= 2)
    assert sink.opens == 1
    assert sink.said(1)[:2] == [[Decimal(12_000)]] * 2
    assert sink.said(2)[:2] == [[Decimal(34_000)]] * 2
    assert sink.faults == []


async def test_every_meter_is_reset_twice_before_the_first_one_is_asked(sink: Sink) -> None:
    with wires(heat_meter(1, 12)) as bus:
        async with running(bus.line, [polled(1)], sink):
            await sink.until(lambda: len(sink.telegrams) >= 2)
    everybody, selected = encode.reset(0xFF), encode.reset(0xFD)
    assert bus.requests[:6] == [
        everybody,
        selected,
        everybody,
        selected,
        encode.select(encode.identity("00000001", "REL", 0x1B, 4)),
        encode.request(0xFD),
    ]
    assert everybody not in bus.requests[4:]


async def test_a_meter_is_read_by_its_primary_address_too(sink: Sink) -> None:
    with wires(heat_meter(1, 12, primary=5), heat_meter(2, 34, primary=6)) as bus:
        async with running(bus.line, [polled(1, primary=5)], sink):
            await sink.until(lambda: len(sink.telegrams) >= 2)
    assert sink.said(1)[0] == [Decimal(12_000)]
    assert bus.requests[4:6] == [encode.reset(5), encode.request(5)]


async def test_another_meter_at_the_primary_address_is_refused_by_name(sink: Sink) -> None:
    with wires(heat_meter(2, 34, primary=5)) as bus:
        async with running(bus.line, [polled(1, primary=5)], sink):
            await sink.until(lambda: len(sink.faults) >= 3)
    assert sink.telegrams == []
    said = "mbus:REL-00000001-1b-04: an answer of mbus:REL-00000002-1b-04, asked was mbus:REL-00000001-1b-04"
    assert said in [str(fault) for fault in sink.faults]


async def test_nothing_is_sent_on_a_bus_without_meters(sink: Sink) -> None:
    with wires(heat_meter(1, 12)) as bus:
        async with running(bus.line, [], sink) as port:
            await asyncio.sleep(0.05)
            assert bus.requests == []
            port.set_meters([polled(1)])
            await sink.until(lambda: bool(sink.telegrams))


async def test_a_meter_that_is_no_longer_ours_is_not_asked_any_more(sink: Sink) -> None:
    first, second = heat_meter(1, 12), heat_meter(2, 34)
    with wires(first, second) as bus:
        async with running(bus.line, [polled(1), polled(2)], sink) as port:
            await sink.until(lambda: len(sink.said(1)) >= 1 and len(sink.said(2)) >= 1)
            port.set_meters([polled(2)])
            await sink.until(lambda: len(sink.said(2)) >= 3)
            asked = first.asked
            await sink.until(lambda: len(sink.said(2)) >= 5)
    assert first.asked == asked


async def test_all_telegrams_of_a_meter_are_one_and_each_is_asked_for_with_the_other_count(sink: Sink) -> None:
    with wires(heat_meter(1, 12, parts=3)) as bus:
        async with running(bus.line, [polled(1)], sink):
            await sink.until(lambda: len(sink.telegrams) >= 2)
    assert sink.said(1)[:2] == [[Decimal(12_000), Decimal(12_001), Decimal(12_002)]] * 2
    assert bus.requests[5:8] == [encode.request(0xFD, count) for count in (True, False, True)]
    assert sink.faults == []


async def test_a_meter_that_ignores_the_count_is_read_once_and_not_for_ever(sink: Sink) -> None:
    class Stubborn(Meter):
        def hear(self, frame: bytes) -> bytes | None:
            self._at, self._count = -1, None  # it begins anew with each request
            return Meter.hear(self, frame)

    plain = heat_meter(1, 12, parts=2)
    with wires(Stubborn(plain.identity, plain.telegrams)) as bus:
        async with running(bus.line, [polled(1, every_s=60)], sink):
            await sink.until(lambda: len(sink.telegrams) >= 1)
    assert sink.said(1) == [[Decimal(12_000)]]
    assert "part 2: the same telegram again, in place of the rest" in str(sink.faults[-1])
    assert bus.requests.count(encode.request(0xFD, count=False)) == 3


async def test_what_never_ends_is_bounded_and_said(sink: Sink) -> None:
    endless = Meter(encode.identity("00000001", "REL", 0x1B, 4), [volume(n, storage=n) for n in range(40)])
    with wires(endless) as bus:
        async with running(bus.line, [polled(1, every_s=60)], sink):
            await sink.until(lambda: len(sink.telegrams) >= 1)
    assert len(sink.said(1)[0]) == 16
    assert "more than 16 telegrams" in str(sink.faults[-1])


@pytest.mark.parametrize("lost", [5, 6, 7], ids=["first", "second", "third"])
async def test_a_lost_answer_is_asked_for_again_with_the_same_count(sink: Sink, lost: int) -> None:
    with wires(heat_meter(1, 12, parts=3)) as bus:
        bus.behave = lambda said: [] if said.number == lost else at_once(said)
        async with running(bus.line, [polled(1, every_s=60)], sink):
            await sink.until(lambda: len(sink.telegrams) >= 1)
    assert sink.said(1) == [[Decimal(12_000), Decimal(12_001), Decimal(12_002)]]
    assert bus.requests[lost] == bus.requests[lost + 1]


async def test_what_came_before_the_line_fell_silent_is_kept_and_the_rest_is_a_fault(sink: Sink) -> None:
    with wires(heat_meter(1, 12, parts=3)) as bus:
        bus.behave = lambda said: [] if said.number >= 6 else at_once(said)
        async with running(bus.line, [polled(1, every_s=60)], sink):
            await sink.until(lambda: len(sink.telegrams) >= 1)
    assert sink.said(1) == [[Decimal(12_000)]]
    assert str(sink.faults[-1]).startswith("mbus:REL-00000001-1b-04, part 2: no answer in ")


def _wrong(reply: bytes) -> Iterator[tuple[str, bytes]]:
    yield "checksum", with_checksum(reply, 1)
    yield "cut short", reply[:9]
    yield "are no frame", b"\x55" * 40
    yield "are no frame", reply[:1] + bytes((reply[1] + 1,)) + reply[2:]  # the L field is said twice
    yield "an answer of mbus:REL-00000009-1b-04", encode.answer(encode.identity("00000009", "REL", 27, 4), energy(7))
    yield "in place of an answer", encode.long(0x53, 0xFD, 0x72, reply[7:-2])
    yield "in place of an answer", encode.ACKNOWLEDGEMENT
    yield "another master's request to 5", encode.request(5)
    yield "more than one meter answers", reply + reply
    yield "most significant byte first", encode.long(0x08, 0, 0x76, reply[7:-2])
    yield "an answer of mbus:0", encode.long(0x08, 0, 0x78, energy(7))
    yield "no answer with records", encode.long(0x08, 0, 0x51, energy(7))


@pytest.mark.parametrize("which", range(12))
async def test_a_broken_or_foreign_answer_is_a_named_fault_and_the_next_one_is_right(sink: Sink, which: int) -> None:
    wanted = ""

    def behave(said: Said) -> list[Answer]:
        nonlocal wanted
        if said.number != 5:
            return at_once(said)
        wanted, answer = list(_wrong(said.replies[0][1]))[which]
        return [(0.0, answer)]

    with wires(heat_meter(1, 12)) as bus:
        bus.behave = behave
        async with running(bus.line, [polled(1, every_s=60)], sink):
            await sink.until(lambda: len(sink.telegrams) >= 1)
    assert wanted in str(sink.faults[0])
    assert sink.said(1) == [[Decimal(12_000)]]


async def test_an_application_error_is_named_and_not_asked_again_at_once(sink: Sink) -> None:
    with wires(heat_meter(1, 12)) as bus:
        busy = encode.long(0x08, 0, 0x70, b"\x08")
        bus.behave = lambda said: [(0.0, busy)] if said.request == encode.request(0xFD) else at_once(said)
        async with running(bus.line, [polled(1, every_s=60)], sink):
            await sink.until(lambda: len(sink.faults) >= 1)
    assert "application error: application busy" in str(sink.faults[0])
    assert bus.requests.count(encode.request(0xFD)) == 1
    assert sink.telegrams == []


async def test_a_converter_that_hears_itself_changes_nothing(sink: Sink) -> None:
    with wires(heat_meter(1, 12, parts=2), heat_meter(2, 34), echo=True) as bus:
        async with running(bus.line, [polled(1), polled(2)], sink) as port:
            await sink.until(lambda: len(sink.said(1)) >= 2 and len(sink.said(2)) >= 2)
            found = await collected(port.search())
    assert sink.faults == []
    assert {each.address for each in found if isinstance(each, Found)} == {address(1), address(2)}


@pytest.mark.parametrize("late", [0.9, 1.3, 2.2, 3.1, 4.5])
async def test_a_late_answer_never_becomes_another_meters(sink: Sink, late: float) -> None:
    def behave(said: Said) -> list[Answer]:
        return [(late * WAIT_S if meter is slow else 0.0, reply) for meter, reply in said.replies]

    slow = heat_meter(1, 12, primary=1)
    with wires(slow, heat_meter(2, 34, primary=2)) as bus:
        bus.behave = behave
        async with running(bus.line, [polled(1), polled(2)], sink):
            await sink.until(lambda: len(sink.said(2)) >= 3)
    assert all(said == [Decimal(12_000)] for said in sink.said(1))
    assert all(said == [Decimal(34_000)] for said in sink.said(2))


@pytest.mark.parametrize("late", [1.3, 2.2, 3.5])
async def test_a_late_part_is_never_taken_for_the_next_one(sink: Sink, late: float) -> None:
    with wires(heat_meter(1, 12, parts=3)) as bus:
        bus.behave = lambda said: [(late * WAIT_S, reply) for _, reply in said.replies]
        async with running(bus.line, [polled(1)], sink):
            await sink.until(lambda: len(sink.faults) + len(sink.telegrams) >= 3)
    whole = [Decimal(12_000), Decimal(12_001), Decimal(12_002)]
    assert all(said == whole[: len(said)] for said in sink.said(1))


async def test_a_slow_meter_is_read_because_each_try_waits_longer(sink: Sink) -> None:
    with wires(heat_meter(1, 12)) as bus:
        bus.behave = lambda said: [(2.5 * WAIT_S, reply) for _, reply in said.replies]
        async with running(bus.line, [polled(1, every_s=60)], sink):
            await sink.until(lambda: len(sink.telegrams) >= 1)
    assert sink.said(1) == [[Decimal(12_000)]]


async def test_a_dead_meter_does_not_slow_the_living_one_and_is_asked_less_and_less(sink: Sink) -> None:
    with wires(heat_meter(1, 12)) as bus:
        async with running(bus.line, [polled(1, every_s=0.3), polled(9, every_s=0.3)], sink):
            await sink.until(lambda: len(sink.said(1)) >= 6)
    dead = [
        n for n, each in enumerate(bus.requests) if each == encode.select(encode.identity("00000009", "REL", 27, 4))
    ]
    assert len(dead) <= 2 * 3, "two tries with its whole address, three polls in the time of five"
    assert median(later - earlier for earlier, later in pairwise(sink.at_s)) < 1.3 * 0.3
    assert "mbus:REL-00000009-1b-04: no answer in" in str(sink.faults[0])


async def test_a_meter_that_comes_back_is_read_again(sink: Sink) -> None:
    meter = heat_meter(1, 12)
    meter.mute = True
    with wires(meter) as bus:
        async with running(bus.line, [polled(1)], sink):
            await sink.until(lambda: len(sink.faults) >= 2)
            meter.mute = False
            await sink.until(lambda: len(sink.telegrams) >= 2)


async def test_a_meter_whose_makers_code_has_its_high_bit_set_is_selected_by_its_number(sink: Sink) -> None:
    hard = bytearray(encode.identity("00000001", "REL", 0x1B, 4))
    hard[5] |= 0x80
    with wires(Meter(bytes(hard), [energy(12)])) as bus:
        async with running(bus.line, [polled(1, every_s=60)], sink):
            await sink.until(lambda: len(sink.telegrams) >= 1)
    assert sink.said(1) == [[Decimal(12_000)]]


async def test_a_pulled_cable_ends_the_run_even_while_nothing_is_due(sink: Sink) -> None:
    with wires(heat_meter(1, 12)) as bus:
        task = asyncio.create_task(MbusPort("bus", bus.line, FAST, [polled(1, every_s=3600)], sink).run())
        await sink.until(lambda: len(sink.telegrams) >= 1)
        bus.unplug()
        with pytest.raises(OSError, match="/dev/pts/"):
            await asyncio.wait_for(task, 2)


async def test_a_line_that_is_opened_again_does_not_ask_before_it_is_due(sink: Sink) -> None:
    meter = heat_meter(1, 12)
    with wires(meter) as bus:
        port = MbusPort("bus", bus.line, FAST, [polled(1, every_s=3600)], sink)
        for opens in (1, 2):
            task = asyncio.create_task(port.run())
            await sink.until(lambda opens=opens: sink.opens == opens and len(sink.telegrams) >= 1)  # type: ignore[misc]
            await asyncio.sleep(0.02)
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await task
    assert meter.asked == 1


async def test_bytes_that_nobody_asked_for_are_a_fault(sink: Sink) -> None:
    with wires() as bus:
        async with running(bus.line, [], sink):
            bus.say(encode.answer(encode.identity("00000001", "REL", 27, 4), energy(7)))
            await sink.until(lambda: len(sink.faults) >= 1)
    assert "bytes came that nobody asked for" in str(sink.faults[0])
    assert sink.telegrams == []


async def test_a_bus_behind_a_tcp_bridge_is_read_as_the_line_is(sink: Sink) -> None:
    with wires(heat_meter(1, 12, parts=2), heat_meter(2, 34)) as bus:
        server = await asyncio.start_server(bus.bridge, "127.0.0.1", 0)
        line = TcpLine("127.0.0.1", server.sockets[0].getsockname()[1])
        async with running(line, [polled(1), polled(2)], sink):
            await sink.until(lambda: len(sink.said(1)) >= 2 and len(sink.said(2)) >= 2)
        server.close()
        async with asyncio.timeout(2):
            await bus.left.wait()
    assert sink.said(1)[0] == [Decimal(12_000), Decimal(12_001)]
    assert sink.faults == []


# -- what a person asks for -------------------------------------------------------------------------------------------
async def test_a_person_asks_one_meter_while_the_line_is_held(sink: Sink) -> None:
    with wires(heat_meter(1, 12, primary=1), heat_meter(2, 34, primary=2)) as bus:
        async with running(bus.line, [polled(1, every_s=60)], sink) as port:
            by_address, by_primary, nobody = [await port.once(whom) for whom in (address(2), 2, 9)]
    assert isinstance(by_address, Telegram)
    assert isinstance(by_primary, Telegram)
    assert by_address.address == by_primary.address == address(2)
    assert by_address.readings[0].value == Decimal(34_000)
    assert "no answer in" in str(nobody)
    assert sink.said(2) == [], "nobody adopted it"


async def test_two_meters_at_one_primary_address_that_answer_in_turn_are_no_value(sink: Sink) -> None:
    with wires(heat_meter(1, 12, primary=5, parts=2), heat_meter(2, 34, primary=5, parts=2)) as bus:

        def in_turn(said: Said) -> list[Answer]:
            return [(0.0, said.replies[said.number % len(said.replies)][1])] if said.replies else []

        bus.behave = in_turn
        async with running(bus.line, [], sink) as port:
            assert isinstance(await port.once(5), DecodeError)


async def test_what_a_person_reads_of_a_meter_of_ours_is_kept_and_counts_as_a_poll(sink: Sink) -> None:
    meter = heat_meter(1, 12)
    with wires(meter) as bus:
        async with running(bus.line, [polled(1, every_s=60)], sink) as port:
            await sink.until(lambda: len(sink.telegrams) >= 1)
            assert isinstance(await port.once(address(1)), Telegram)
    assert len(sink.said(1)) == meter.asked == 2


async def test_what_a_person_asks_goes_before_what_is_due(sink: Sink) -> None:
    with wires(*(heat_meter(n, n) for n in range(1, 7))) as bus:
        async with running(bus.line, [], sink) as port:
            port.set_meters([polled(n, every_s=60) for n in range(1, 6)])
            await sink.until(lambda: len(sink.telegrams) >= 1)
            await port.once(address(6))
            assert len(sink.telegrams) <= 2


async def test_a_line_that_is_not_open_says_so_and_one_that_is_lost_tells_who_waits(sink: Sink) -> None:
    with wires() as bus:
        port = MbusPort("bus", bus.line, FAST, [], sink)
        assert "not open" in str(await port.once(1))
        with pytest.raises(OSError, match="bus: the line is not open"):
            await collected(port.search())
        task = asyncio.create_task(port.run())
        await sink.until(lambda: sink.opens == 1)
        asking = [asyncio.create_task(port.once(whom)) for whom in (1, 2)]
        await asyncio.sleep(0.01)
        bus.unplug()
        assert [str(await each) for each in asking] == ["bus: the line was lost before the answer"] * 2
        with pytest.raises(OSError, match="/dev/pts/"):
            await task


@pytest.mark.parametrize(
    "numbers",
    [
        [],
        [12345678],
        [40012345, 40012346, 40012347],
        [1, 10_000_001, 20_000_001],
        [11111111, 11111112, 21111111, 99999999, 0],
    ],
    ids=["nobody", "one", "of one delivery", "that end alike", "mixed"],
)
async def test_a_search_finds_everybody_once(sink: Sink, numbers: list[int]) -> None:
    with wires(*(heat_meter(number, 7) for number in numbers)) as bus:
        async with running(bus.line, [], sink) as port:
            found = await collected(port.search())
    assert all(isinstance(each, Found) for each in found), found
    assert sorted(str(each.address) for each in found if isinstance(each, Found)) == sorted(
        str(address(number)) for number in numbers
    )
    assert sink.telegrams == [], "what a search reads is nobody's yet"


async def test_what_collides_at_different_moments_is_told_apart_too(sink: Sink) -> None:
    def behave(said: Said) -> list[Answer]:
        """Each meter has a delay of its own; a short one's answer is over before the other begins."""
        return [(0.003 * n, reply) for n, (_, reply) in enumerate(said.replies)]

    with wires(heat_meter(11, 7), heat_meter(21, 7), heat_meter(12, 7)) as bus:
        bus.behave = behave
        async with running(bus.line, [], sink) as port:
            found = await collected(port.search())
    assert {each.address for each in found if isinstance(each, Found)} == {address(11), address(21), address(12)}


async def test_a_meter_missed_once_is_found_all_the_same(sink: Sink) -> None:
    missed: list[bytes] = []

    def behave(said: Said) -> list[Answer]:
        if len(said.replies) == 1 and said.request not in missed and said.request[6:7] == b"\x52":
            missed.append(said.request)
            return []
        return at_once(said)

    with wires(heat_meter(11, 7), heat_meter(12, 8)) as bus:
        bus.behave = behave
        async with running(bus.line, [], sink) as port:
            found = await collected(port.search())
    assert {each.address for each in found if isinstance(each, Found)} == {address(11), address(12)}


async def test_meters_with_one_number_are_said_to_be_so(sink: Sink) -> None:
    twin = Meter(encode.identity("00000011", "OTH", 0x1B, 0x07), [volume(55)])
    with wires(heat_meter(11, 7), twin, heat_meter(12, 8)) as bus:
        async with running(bus.line, [], sink) as port:
            found = await collected(port.search())
    assert [each.address for each in found if isinstance(each, Found)] == [address(12)]
    assert [str(each) for each in found if isinstance(each, DecodeError)] == [
        "number 00000011: several meters have it, or the one that has it does not answer"
    ]


async def test_a_number_that_is_not_decimal_is_found(sink: Sink) -> None:
    odd = [Meter(encode.identity(number, "REL", 0x1B, 4), [power(9)]) for number in ("0000000a", "000000ba")]
    with wires(*odd) as bus:
        async with running(bus.line, [], sink) as port:
            found = await collected(port.search())
    assert {each.address.id for each in found if isinstance(each, Found)} == {"0000000a", "000000ba"}


async def test_a_line_of_noise_ends_the_search_soon_and_says_why(sink: Sink) -> None:
    with wires() as bus:
        bus.behave = lambda said: [(0.0, b"\x12\x34\x56")]
        async with running(bus.line, [], sink) as port:
            found = await collected(port.search())
    assert [str(each) for each in found] == [
        "whoever is selected, something that is no answer comes back: check the wires and the speed"
    ]
    assert len(bus.requests) < 50


async def test_a_search_that_nobody_follows_any_more_asks_nothing_more(sink: Sink) -> None:
    with wires(*(heat_meter(number, 7) for number in range(100, 130))) as bus:
        async with running(bus.line, [], sink) as port:
            searching = port.search()
            async for _ in searching:
                break
            await searching.aclose()  # type: ignore[attr-defined]
            asked = len(bus.requests)
            await asyncio.sleep(0.05)
    assert len(bus.requests) == asked


async def test_a_search_goes_on_beside_polls(sink: Sink) -> None:
    with wires(heat_meter(11, 7), heat_meter(12, 8), heat_meter(13, 9)) as bus:
        async with running(bus.line, [polled(11, every_s=0.05)], sink) as port:
            found = await collected(port.search())
            await sink.until(lambda: len(sink.telegrams) >= 2)
    assert len([each for each in found if isinstance(each, Found)]) == 3
    assert all(said == [Decimal(7000)] for said in sink.said(11))


async def test_a_scan_finds_primary_addresses_and_says_where_two_answer(sink: Sink) -> None:
    meters = heat_meter(1, 1, primary=3), heat_meter(2, 2, primary=5), heat_meter(3, 3), heat_meter(4, 4)
    with wires(*meters) as bus:
        async with running(bus.line, [], sink) as port:
            looked = [each async for each in port.scan(range(7))]
    found = [each for each in looked if isinstance(each, Found)]
    assert [(each.primary, each.address) for each in found] == [(3, address(1)), (5, address(2))]
    assert found[0].telegram.readings[0].value == Decimal(1000)
    assert [str(each)[:18] for each in looked if isinstance(each, DecodeError)] == ["primary address 0:"]
    assert looked[-1] == Looking(7, 100)


async def test_an_encrypted_telegram_is_handed_on_as_it_came(sink: Sink) -> None:
    header = encode.identity("00000001", "REL", 0x1B, 4) + bytes((7, 0)) + (0x0510).to_bytes(2, "little")
    frame = encode.long(0x08, 0, 0x72, header + bytes(range(16)))
    with wires(heat_meter(1, 12)) as bus:
        bus.behave = lambda said: [(0.0, frame)] if said.request == encode.request(0xFD) else at_once(said)
        async with running(bus.line, [polled(1, every_s=60)], sink):
            await sink.until(lambda: len(sink.telegrams) >= 1)
    assert (sink.telegrams[0].state, sink.telegrams[0].encrypted) == (State.KEY_MISSING, True)


@pytest.mark.parametrize(
    ("numbers", "kwh"),
    [((1, 2), (1, 2)), ((1, 3), (1, 3)), ((1, 3), (0, 2))],
    ids=["a third", "one of them", "one that is new"],
)
async def test_two_answers_that_look_like_one_are_told_apart(
    sink: Sink, numbers: tuple[int, int], kwh: tuple[int, int]
) -> None:
    meters = [
        Meter(encode.identity(f"{n:08}", "REL", 27, 4), [energy(value)]) for n, value in zip(numbers, kwh, strict=True)
    ]
    both = together(*(encode.answer(meter.identity, meter.telegrams[0]) for meter in meters))
    assert decode(Frame(both)).state is State.DECODED, "nothing on the wire says that they are two"
    with wires(*meters) as bus:
        async with running(bus.line, [], sink) as port:
            found = await collected(port.search())
    assert [each.address for each in found if isinstance(each, Found)] == [address(number) for number in numbers]
    values = [each.telegram.readings[0].value for each in found if isinstance(each, Found)]
    assert values == [1000 * value for value in kwh]


async def test_the_configuration_says_whom_to_ask_and_whether_to_listen(sink: Sink) -> None:
    with wires(heat_meter(1, 12), heat_meter(2, 34, primary=5)) as bus:
        text = f'[[port]]\nname = "bus"\nprotocol = "mbus"\ndevice = "{bus.line.device}"\nbaud = 9600\nparity = "N"\n'
        asked = '[[meter]]\nname = "a"\naddress = "mbus:REL-00000001-1b-04"\n'
        asked += '[[meter]]\nname = "b"\naddress = "mbus:REL-00000002-1b-04"\nprimary = 5\n'
        config = parse(text + asked, "t")
        port = lines.open_port(config.ports[0], config.meters, sink)
        task = asyncio.create_task(port.run())
        await sink.until(lambda: len(sink.telegrams) >= 2)
        task.cancel()
        await asyncio.wait([task])
        assert encode.reset(5) in bus.requests
        bus.requests.clear()
        listening = lines.open_port(parse(text + "listen = true\n", "t").ports[0], (), sink)
        task = asyncio.create_task(listening.run())
        await sink.until(lambda: sink.opens == 2)
        bus.say(encode.answer(encode.identity("00000009", "REL", 27, 4), energy(7)))
        await sink.until(lambda: len(sink.telegrams) >= 3)
        task.cancel()
        await asyncio.wait([task])
    assert sink.said(9) == [[Decimal(7000)]]
    assert bus.requests == []
