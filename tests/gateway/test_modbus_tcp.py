"""Modbus TCP with servers that are late, wrong, or only silent: our own bytes on the other side, so that each is told."""

import asyncio
import struct
from collections.abc import Callable
from decimal import Decimal

import pytest

from drivers.modbus.rtu import crc
from gateway.ports.modbus import ModbusPort, TcpLine, Unit
from tests.buses import TIMEOUT_S, Sink, ladder, peer, running

pytestmark = pytest.mark.virtual

RIGHT = {f"r{address}": Decimal(address) for address in (0, 1, 100, 101)}

# (request number from 0, header, its own PDU) -> (after how many seconds, which bytes), each; a header is number, unit
Behaviour = Callable[[int, int, int, bytes], list[tuple[float, bytes]]]


def adu(number: int, unit: int, pdu: bytes) -> bytes:
    return struct.pack(">HHHB", number, 0, len(pdu) + 1, unit) + pdu


@pytest.fixture
async def sink() -> Sink:
    return Sink()


class Server:
    """Registers that hold their own address; `requests` are what came, header and all."""

    def __init__(self, behave: Behaviour) -> None:
        self.behave = behave
        self.requests: list[bytes] = []

    async def talk(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while True:
            asked = await reader.readexactly(12)
            self.requests.append(asked)
            number, _, _, unit, function_code, address, count = struct.unpack(">HHHBBHH", asked)
            words = struct.pack(f">{count}H", *range(address, address + count))
            pdu = bytes([function_code, len(words)]) + words
            for late_s, reply in self.behave(len(self.requests) - 1, number, unit, pdu):
                asyncio.get_running_loop().call_later(late_s, writer.write, reply)


async def read(behave: Behaviour, sink: Sink, telegrams: int = 3) -> Server:
    server = Server(behave)
    async with peer(server.talk) as line, running(line, [Unit(1, ladder(2), 0.01)], sink):
        await sink.until(lambda: len(sink.telegrams) >= telegrams)
    return server


@pytest.mark.parametrize("late", [1.2, 1.9, 2.6, 3.4])
async def test_a_late_reply_with_its_old_number_never_becomes_a_value(sink: Sink, late: float) -> None:
    await read(lambda n, number, unit, pdu: [(late * TIMEOUT_S if n == 1 else 0, adu(number, unit, pdu))], sink)
    assert str(sink.faults[0]).startswith("unit 1, registers 100 to 101: no answer in 0.08 s")
    assert all(said == RIGHT for said in sink.said(1))


async def test_a_reply_to_another_request_before_the_right_one_is_dropped_and_told(sink: Sink) -> None:
    def behave(n: int, number: int, unit: int, pdu: bytes) -> list[tuple[float, bytes]]:
        stray = adu(number - 1, unit, pdu[:2] + b"\xba\xad\xba\xad")
        return [(0, stray + adu(number, unit, pdu))]

    await read(behave, sink)
    assert all(said == RIGHT for said in sink.said(1))
    assert {str(fault) for fault in sink.faults} == {"a late reply of unit 1 was dropped"}


@pytest.mark.parametrize(
    ("number_off", "unit", "shorter", "fault"),
    [
        (0, 2, 0, "a reply of unit 2, expected unit 1"),
        (7, 1, 0, "no answer in 0.08 s"),
        (7, 2, 0, "no answer in 0.08 s"),
        (0, 1, 2, "a reply of 2 bytes that says 2, expected 4"),
    ],
    ids=["unit", "number", "both", "short"],
)
async def test_a_reply_with_a_wrong_number_unit_or_length_is_no_value(
    sink: Sink, number_off: int, unit: int, shorter: int, fault: str
) -> None:
    def behave(n: int, number: int, asked: int, pdu: bytes) -> list[tuple[float, bytes]]:
        if n != 1:
            return [(0, adu(number, asked, pdu))]
        wrong = bytes([pdu[0], pdu[1] - shorter]) + pdu[2 : len(pdu) - shorter]
        return [(0, adu(number + number_off, unit, wrong))]

    await read(behave, sink)
    assert any(fault in str(told) for told in sink.faults)
    assert all(said == RIGHT for said in sink.said(1))


async def test_a_gateway_that_gives_a_late_serial_reply_the_next_number_is_not_believed(sink: Sink) -> None:
    kept: list[bytes] = []

    def behave(n: int, number: int, unit: int, pdu: bytes) -> list[tuple[float, bytes]]:
        kept.append(pdu)
        if n == 1:
            return []  # its serial side is late; from now on each reply is the one before it
        said = kept[n - 1] if 1 < n < 5 else pdu
        return [(0, adu(number, unit, said))]

    await read(behave, sink)
    assert all(said == RIGHT for said in sink.said(1))


async def test_no_request_is_sent_twice_and_every_one_only_reads(sink: Sink) -> None:
    server = await read(lambda n, number, unit, pdu: [] if n == 2 else [(0, adu(number, unit, pdu))], sink)
    numbers = [request[:2] for request in server.requests]
    assert len(set(numbers)) == len(numbers)
    assert {request[7] for request in server.requests} == {4}


async def test_a_reply_in_pieces_is_one_reply(sink: Sink) -> None:
    def behave(n: int, number: int, unit: int, pdu: bytes) -> list[tuple[float, bytes]]:
        reply = adu(number, unit, pdu)
        return [(i * TIMEOUT_S / 20, reply[i : i + 1]) for i in range(len(reply))]

    await read(behave, sink, telegrams=1)
    assert sink.said(1)[0] == RIGHT
    assert sink.faults == []


async def test_a_serial_bridge_that_is_asked_as_modbus_tcp_says_which_word_is_missing(sink: Sink) -> None:
    reply = bytes([1, 4, 4, 0, 0, 0, 1])
    server = Server(lambda n, number, unit, pdu: [(0, reply + crc(reply))])
    async with peer(server.talk) as line:
        with pytest.raises(OSError, match=r'not Modbus TCP; .* needs framing = "rtu"'):
            await ModbusPort("bus", line, [Unit(1, ladder(1), 1)], sink, timeout_s=TIMEOUT_S).run()


async def test_a_connection_that_the_other_side_forgot_is_opened_anew(sink: Sink) -> None:
    connections = 0

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal connections
        connections += 1
        mute = connections == 1
        await Server(lambda n, number, unit, pdu: [] if mute else [(0, adu(number, unit, pdu))]).talk(reader, writer)

    async with peer(talk) as line, running(line, [Unit(1, ladder(2), 0.01)], sink):
        await sink.until(lambda: len(sink.telegrams) >= 1)
    assert connections == 2
    assert sink.opens == 1, "a line that could be opened again at once was not lost"


async def test_a_host_that_is_not_there_is_one_sentence(sink: Sink) -> None:
    with pytest.raises(OSError, match=r"127\.0\.0\.1:9: no connection"):
        await ModbusPort("bus", TcpLine("127.0.0.1", 9), [], sink).run()
