"""What Modbus costs: processor a read beside pymodbus, a round of ten meters on one slow bus, forty meters over TCP, a dead one.

python bench/modbus.py [requests a run]
"""

import asyncio
import contextlib
import os
import statistics
import struct
import sys
import time
import tty
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import replace
from decimal import Decimal
from itertools import pairwise

from pymodbus.client import AsyncModbusSerialClient, AsyncModbusTcpClient

from drivers.encode.modbus import Slave, encode
from drivers.modbus import MeterMap, load, plan
from drivers.modbus.rtu import crc
from gateway.ports.modbus import ModbusPort, SerialLine, TcpLine, Unit
from gateway.ports.modbus_bus import Bus, Doubts, plain
from gateway.ports.modbus_line import open_line
from tests import buses

REGISTERS = 80
RUNS = 5
BAUD = 9600
BITS_A_BYTE = 10  # 8N1
THINK_S = 0.03  # of a meter before it answers; 5 to 60 ms were seen
ROUNDS = 6
TCP_METERS = 40
TCP_S = 20
DEAD_S = 3600

SDM120 = load("eastron_sdm120")
SDM630 = load("eastron_sdm630")

Read = Callable[[int], Awaitable[tuple[int, ...]]]
Client = Callable[[TcpLine | SerialLine], Awaitable[tuple[Read, Callable[[], object]]]]


# The server of both clients, in a process of its own: each register of unit 1 holds its address, unit 2 is an SDM630.

SAYS = {each.key: Decimal(2301 + 7 * place) / 10 * each.scale for place, each in enumerate(SDM630.registers)}
HELD = {2: encode(SDM630, SAYS)}


def body(unit: int, function_code: int, address: int, count: int) -> bytes:
    held = HELD.get(unit, {})
    return struct.pack(
        f">BB{count}H", function_code, 2 * count, *(held.get(n, n) for n in range(address, address + count))
    )


async def talk_tcp(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with contextlib.suppress(asyncio.IncompleteReadError, ConnectionError):
        while True:
            number, _, _, unit, *asked = struct.unpack(">HHHBBHH", await reader.readexactly(12))
            pdu = body(unit, *asked)
            writer.write(struct.pack(">HHHB", number, 0, len(pdu) + 1, unit) + pdu)


async def serve() -> None:
    near, far = os.openpty()
    tty.setraw(far)

    def answer() -> None:
        unit, *asked = struct.unpack(">BBHH", os.read(near, 8)[:6])
        reply = bytes([unit]) + body(unit, *asked)
        os.write(near, reply + crc(reply))

    asyncio.get_running_loop().add_reader(near, answer)
    server = await asyncio.start_server(talk_tcp, "127.0.0.1", 0)
    print(server.sockets[0].getsockname()[1], os.ttyname(far), flush=True)
    await server.serve_forever()


@contextlib.asynccontextmanager
async def server() -> AsyncIterator[tuple[TcpLine, SerialLine]]:
    child = await asyncio.create_subprocess_exec(sys.executable, __file__, "serve", stdout=asyncio.subprocess.PIPE)
    assert child.stdout is not None
    try:
        port, device = (await child.stdout.readline()).decode().split()
        yield TcpLine("127.0.0.1", int(port)), SerialLine(device, 115200)
    finally:
        child.terminate()
        await child.wait()


# One read after the other, by each client.


async def reads(line: TcpLine | SerialLine) -> tuple[Read, Callable[[], object]]:
    master = await open_line(line, print)
    bus = Bus(master, Doubts(), timeout_s=1.0)
    asked = replace(plain(1, 4, 0, REGISTERS), gap_ms=0)

    async def read(address: int) -> tuple[int, ...]:
        said = await bus.ask(replace(asked, address=address))
        assert isinstance(said, tuple)
        return said

    return read, master.close


async def pymodbus_reads(line: TcpLine | SerialLine) -> tuple[Read, Callable[[], object]]:
    client: AsyncModbusTcpClient | AsyncModbusSerialClient
    if isinstance(line, TcpLine):
        client = AsyncModbusTcpClient(line.host, port=line.port, retries=0)
    else:
        client = AsyncModbusSerialClient(line.device, baudrate=line.baud, retries=0)
    assert await client.connect()

    async def read(address: int) -> tuple[int, ...]:
        return tuple((await client.read_input_registers(address, count=REGISTERS, device_id=1)).registers)

    return read, client.close


async def cpu_us(client: Client, line: TcpLine | SerialLine, requests: int) -> float:
    read, close = await client(line)
    for address in range(50):
        await read(address)
    began = time.process_time()
    for address in range(requests):
        assert (await read(address))[-1] == address + REGISTERS - 1
    spent_s = time.process_time() - began
    close()
    await asyncio.sleep(0.1)
    return 1e6 * spent_s / requests


async def beside_pymodbus(requests: int) -> None:
    async with server() as (tcp, rtu):
        lines: tuple[tuple[str, TcpLine | SerialLine], ...] = (("TCP", tcp), ("RTU on a pseudo-terminal", rtu))
        for name, line in lines:
            ours, theirs = [], []
            for _ in range(RUNS):
                ours.append(await cpu_us(reads, line, requests))
                theirs.append(await cpu_us(pymodbus_reads, line, requests))
            our_us, their_us = statistics.median(ours), statistics.median(theirs)
            print(
                f"{name}, {REGISTERS} registers a read: {our_us:.0f} us of CPU ({min(ours):.0f} to {max(ours):.0f}), pymodbus' "
                f"async client {their_us:.0f} ({min(theirs):.0f} to {max(theirs):.0f}): {our_us / their_us:.2f} times; aim 1.2",
                flush=True,
            )


# Ten meters on one bus, in real time.


async def round_of_ten(what: str, model: MeterMap) -> None:
    registers = encode(SDM120, {"power": Decimal(5), "import_energy": Decimal(1000)})
    bus = buses.Bus(*(Slave(unit, {4: registers}) for unit in range(1, 11)))
    bus.behave = lambda n, reply: ((8 + len(reply)) * BITS_A_BYTE / BAUD + THINK_S, reply)
    sink = buses.Sink()
    port = ModbusPort("bus", bus.line, [Unit(unit, model, 0.1) for unit in range(1, 11)], sink)
    task = asyncio.create_task(port.run())
    await sink.until(lambda: len(sink.said(10)) > ROUNDS, 60)
    task.cancel()
    await asyncio.wait([task])
    bus.unplug()
    assert sink.faults == []
    ends = [at for told, at in zip(sink.telegrams, sink.at_s, strict=True) if told.address.id == "bus/10"]
    took = [later - earlier for earlier, later in pairwise(ends)]
    print(
        f"ten SDM120, {BAUD} baud, {what}: a round in {statistics.mean(took):.2f} s "
        f"({min(took):.2f} to {max(took):.2f}, {len(took)} rounds)",
        flush=True,
    )


async def rounds() -> None:
    power = replace(SDM120, registers=tuple(each for each in SDM120.registers if each.name == "power"))
    await round_of_ten(f"all values, {len(plan(SDM120))} reads each", SDM120)
    await round_of_ten("power alone", power)
    await round_of_ten("all values, were 20 ms of silence enough", replace(SDM120, gap_ms=20, unit_switch_ms=0))
    await round_of_ten("power alone, were 20 ms of silence enough", replace(power, gap_ms=20, unit_switch_ms=0))


# Forty meters, each with a connection of its own.


async def forty_over_tcp() -> None:
    async with server() as (line, _):
        sinks = [buses.Sink() for _ in range(TCP_METERS)]
        ports = [ModbusPort("bus", line, [Unit(2, SDM630, 1.0)], sink) for sink in sinks]
        tasks = [asyncio.create_task(port.run()) for port in ports]
        await asyncio.sleep(3)
        told = sum(len(sink.telegrams) for sink in sinks)
        began, spent_s = time.monotonic(), time.process_time()
        await asyncio.sleep(TCP_S)
        wall_s, cpu_s = time.monotonic() - began, time.process_time() - spent_s
        told = sum(len(sink.telegrams) for sink in sinks) - told
        for task in tasks:
            task.cancel()
        await asyncio.wait(tasks)
        assert not any(sink.faults for sink in sinks)
        assert all(sink.said(2)[-1] == SAYS for sink in sinks)
    print(
        f"{TCP_METERS} SDM630 over TCP at 1 Hz, {len(plan(SDM630))} reads and {len(SDM630.registers)} values each: "
        f"{cpu_s / wall_s:.1%} of a core, {told / wall_s:.1f} telegrams a second for {wall_s:.0f} s; aim 5 %; decoded, not stored",
        flush=True,
    )


# Beside a dead meter, an hour in the clock's own time.


def beside_the_dead(meters: int, dead: int, every_s: float) -> None:
    registers = {4: encode(SDM120, {"power": Decimal(5)})}
    master = buses.PacedMaster({unit: Slave(unit, registers) for unit in range(1, meters + 1)}, BAUD, THINK_S)
    master.dead = set(range(meters - dead + 1, meters + 1))
    sink = buses.Sink()

    async def hour() -> None:
        units = [Unit(unit, SDM120, every_s) for unit in range(1, meters + 1)]
        task = asyncio.create_task(ModbusPort("bus", SerialLine("", BAUD), units, sink, opening=master.open).run())
        await asyncio.sleep(DEAD_S)
        task.cancel()
        await asyncio.wait([task])

    buses.virtually(hour())
    times = [at for told, at in zip(sink.telegrams, sink.at_s, strict=True) if told.address.id == "bus/1"]
    waits = [later - earlier for earlier, later in pairwise(times)]
    late = sum(wait > 1.1 * every_s for wait in waits)
    print(
        f"{meters - dead} alive and {dead} dead, asked each {every_s:g} s for an hour (a clock that jumps): "
        f"period {statistics.mean(waits):.3f} s, {late} of {len(waits)} longer than by a tenth, {max(waits):.1f} s at most; "
        f"aim {1.1 * every_s:g} s",
        flush=True,
    )


async def live(requests: int) -> None:
    await beside_pymodbus(requests)
    await rounds()
    await forty_over_tcp()


if __name__ == "__main__":
    if sys.argv[1:] == ["serve"]:
        asyncio.run(serve())
    else:
        asyncio.run(live(int(sys.argv[1]) if len(sys.argv) > 1 else 2000))
        beside_the_dead(2, 1, 1.0)
        beside_the_dead(10, 1, 4.0)
        beside_the_dead(10, 2, 4.0)
