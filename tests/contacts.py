"""A contact for tests, its edges fed through a FIFO: the place of a GPIO pin, which this machine need not have."""

import asyncio
import contextlib
import os
import struct
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from drivers.pulse import Edge
from gateway.ports.pulse import Contact, PulsePort
from gateway.supervise import keep_running
from tests.house import Clock, house

GAS = """
[[port]]
name = "gaz"
protocol = "pulse"
gpio = "gpiochip0/17"
[[meter]]
name = "Gaz"
port = "gaz"
medium = "gas"
weight = "10 L"
"""
SAID = struct.Struct("<q?")  # when, on the monotonic clock, and the level from then on
PULLED = -1


@dataclass(frozen=True)
class Fifo:
    """Opens as a contact; the other end writes each change with its time, as the kernel stamps them."""

    path: Path

    def open(self) -> Contact:
        try:
            return _Fifo(os.open(self.path, os.O_RDONLY | os.O_NONBLOCK))
        except OSError as error:
            raise OSError(error.errno, f"{self.path.name}: {error.strerror}") from None

    def probe(self) -> None:
        self.open().close()


class _Fifo:
    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor
        self._level = False

    def level(self) -> bool:
        return self._level

    async def edges(self, due: float) -> Sequence[Edge]:
        loop = asyncio.get_running_loop()
        while loop.time() < due:
            with contextlib.suppress(BlockingIOError):
                return [
                    self._edge(*said)
                    for said in SAID.iter_unpack(os.read(self._descriptor, 4096 // SAID.size * SAID.size))
                ]
            await asyncio.sleep(0.001)
        return []

    def _edge(self, at_ns: int, level: bool) -> Edge:
        if at_ns == PULLED:
            raise OSError("contact: unplugged")
        self._level = level
        return Edge(at_ns, level)

    def close(self) -> None:
        os.close(self._descriptor)


class Finger:
    """Closes and opens the contact at the FIFO's other end."""

    def __init__(self, path: Path) -> None:
        os.mkfifo(path)
        self._descriptor = os.open(path, os.O_RDWR | os.O_NONBLOCK)

    async def press(self, times: int, *, ms: int = 6, bounces: int = 0) -> None:
        """Closed for so long and open for so long, with so many bounces of 0.1 ms at each change."""
        for _ in range(times):
            at_ns = time.monotonic_ns()
            said = b""
            for level in (True, False):
                for bounce in range(2 * bounces + 1):
                    said += SAID.pack(at_ns + bounce * 100_000, level ^ bool(bounce % 2))
                at_ns += ms * 1_000_000
            os.write(self._descriptor, said)
            await asyncio.sleep(2 * ms / 1000)

    def pull(self) -> None:
        os.write(self._descriptor, SAID.pack(PULLED, False))

    def close(self) -> None:
        os.close(self._descriptor)


async def box(folder: Path, fifo: Path) -> None:
    """A box that counts what the FIFO says, for ever, and prints its index each time that the store has it."""
    with house(folder, GAS, Clock(int(time.time()))) as home:
        port = PulsePort("gaz", Fifo(fifo), 3, True, home.dials.say("pulse:gaz"), home.collect)
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(keep_running(port.run, lambda reason: home.collect.lost("gaz", reason)))
            last = None
            while True:
                await asyncio.sleep(0.005)
                index = home.points()[0].index
                if index is not None and index.value != last:
                    last = index.value
                    print(last, flush=True)  # noqa: T201 - read by the test that kills it
