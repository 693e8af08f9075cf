"""How long wired M-Bus takes at 2400 baud: a search of so many meters, and what a poll costs. Meters of our own, paced."""

import asyncio
import random
import time

from drivers.mbus import decode
from drivers.model import Address, DecodeError, Frame, Telegram
from drivers.talk import Identity
from gateway.ports.mbus import Found, Looking, MbusPort, Polled, pace_of
from gateway.views import Listening
from tests.wired import Said, Wires, at_once, heat_meter

BAUD = 2400
COUNTS = (1, 5, 20)
TURNAROUND_S = 0.02  # of a meter, between the 11 and 330 bit times it has
FIRST = 40_012_301


class Sink:
    def __init__(self) -> None:
        self.is_open = asyncio.Event()
        self.read: asyncio.Queue[Telegram] = asyncio.Queue()

    def opened(self, port: str) -> None:
        self.is_open.set()

    def identified(self, port: str, identity: Identity) -> None: ...

    def listening(self, port: str, listening: Listening) -> None: ...

    def frame(self, port: str, frame: Frame) -> None:
        self.read.put_nowait(decode(frame))

    def telegram(self, port: str, read: object) -> None: ...

    def fault(self, port: str, error: DecodeError) -> None: ...


def late(said: Said) -> list[tuple[float, bytes]]:
    return [(TURNAROUND_S, data) for _, data in at_once(said)]


async def searched(numbers: list[int]) -> None:
    wires, sink = Wires([heat_meter(number, number % 1000) for number in numbers], baud=BAUD), Sink()
    wires.behave = late
    port = MbusPort("bus", wires.line, pace_of(wires.line, BAUD), [], sink)
    task = asyncio.create_task(port.run())
    await sink.is_open.wait()
    began, found, asked = time.monotonic(), 0, 0
    async for each in port.search():
        found += isinstance(each, Found)
        asked = each.asked if isinstance(each, Looking) else asked
    answers = sum(meter.asked for meter in wires.bus.meters) / len(numbers)
    took_s = time.monotonic() - began
    print(f"{len(numbers):6} {found:6} {asked:10} {took_s:8.1f} {answers:14.1f}", flush=True)
    task.cancel()
    await asyncio.wait([task])
    wires.unplug()


async def polled(parts: int, by_primary: bool) -> None:
    wires, sink = Wires([heat_meter(FIRST, 12, primary=1, parts=parts)], baud=BAUD), Sink()
    wires.behave = late
    polled = Polled(Address("mbus", str(FIRST), "REL", 0x1B, 0x04), 1e-3, 1 if by_primary else None)
    port = MbusPort("bus", wires.line, pace_of(wires.line, BAUD), [polled], sink)
    task = asyncio.create_task(port.run())
    await sink.read.get()
    began, cpu, count = time.monotonic(), time.process_time(), 5
    for _ in range(count):
        await sink.read.get()
    wall_s, cpu_s = time.monotonic() - began, time.process_time() - cpu
    way = "primary" if by_primary else "secondary"
    print(f"{way:10} {parts:9} {wall_s / count:8.2f} {1000 * cpu_s / count:8.1f}", flush=True)
    task.cancel()
    await asyncio.wait([task])
    wires.unplug()


async def run() -> None:
    print("meters  found selections   time s  answers each")
    for count in COUNTS:
        await searched([FIRST + n for n in range(count)])
    print("the same, with numbers at random")
    chance = random.Random(1)
    await searched([chance.randrange(10**8) for _ in range(20)])
    print("poll by    telegrams   time s   CPU ms (meters included)")
    for by_primary in (False, True):
        for parts in (1, 3):
            await polled(parts, by_primary)


if __name__ == "__main__":
    asyncio.run(run())
