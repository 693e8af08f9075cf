"""The gateway killed while it ingests, twenty times: everything its API had shown is there afterwards."""

import asyncio
import contextlib
import random
import signal
import socket
import subprocess
import sys
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from decimal import Decimal
from pathlib import Path

import pytest

from drivers.encode.records import volume
from drivers.encode.wmbus import telegram
from drivers.model import Address
from gateway import control

KILLS = 20
METERS = [Address("wmbus", f"{10_000_000 + n}", "REL", 1, 7) for n in range(40)]
START_S_MAX = 10.0
PACE_S = 0.004


class Radio:
    """A receiver that sends telegrams as hexadecimal lines over TCP while it is on; indexes only grow."""

    def __init__(self) -> None:
        self.on = False
        self.over = False
        self._litres = 1000
        self._said = 0

    async def serve(self, _: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.closing(writer), contextlib.suppress(ConnectionError):
            while not self.over:
                if self.on:
                    meter = METERS[self._said % len(METERS)]
                    self._said += 1
                    self._litres += 1
                    writer.write(telegram(meter, volume(self._litres), self._said % 256).hex().encode() + b"\n")
                    await writer.drain()
                await asyncio.sleep(PACE_S)


def free_port() -> int:
    with socket.socket() as asked:
        asked.bind(("127.0.0.1", 0))
        return int(asked.getsockname()[1])


@asynccontextmanager
async def gateway(config: Path) -> AsyncIterator["subprocess.Popen[bytes]"]:
    process = subprocess.Popen(
        [sys.executable, "-m", "gateway", "run", "--config", str(config)],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
    )
    try:
        yield process
    finally:
        process.kill()
        process.wait()
        assert process.stderr is not None
        process.stderr.close()


async def shown(runtime: Path, process: "subprocess.Popen[bytes]") -> dict[str, Decimal]:
    """What the API answers now: index by metering point."""
    deadline = time.monotonic() + START_S_MAX
    while True:
        try:
            answer = await asyncio.to_thread(control.ask, runtime, "GET", "/status")
        except ConnectionError:
            assert process.poll() is None, process.stderr and process.stderr.read()
            assert time.monotonic() < deadline, "the gateway did not answer"
            await asyncio.sleep(0.05)
        else:
            return {point["id"]: Decimal(point["index"]) for point in answer["points"] if point["index"] is not None}


@pytest.mark.timeout(180)
async def test_what_the_api_had_shown_survives_twenty_kills_while_it_ingests(tmp_path: Path) -> None:
    random.seed(20)
    radio = Radio()
    async with await asyncio.start_server(radio.serve, "127.0.0.1", 0) as server:
        number = server.sockets[0].getsockname()[1]
        config = tmp_path / "releve.toml"
        config.write_text(
            f'[box]\ndata = "{tmp_path}/data"\nruntime = "{tmp_path}/run"\n'
            f'[web]\nlisten = "127.0.0.1:{free_port()}"\nmdns = false\n'
            f'[[port]]\nname = "radio"\nprotocol = "wmbus"\nreceiver = "hexlines"\ntcp = "127.0.0.1:{number}"\n'
            + "".join(f'[[meter]]\nname = "Eau {n}"\naddress = "{meter}"\n' for n, meter in enumerate(METERS))
        )
        before: dict[str, Decimal] = {}
        grown = 0
        for _ in range(KILLS):
            async with gateway(config) as process:
                radio.on = False
                after = await shown(tmp_path / "run", process)
                lost = {point: value for point, value in before.items() if after.get(point, Decimal(-1)) < value}
                assert lost == {}
                radio.on = True
                await asyncio.sleep(random.uniform(0.1, 0.6))
                before = await shown(tmp_path / "run", process)
                grown += sum(value > after.get(point, Decimal(0)) for point, value in before.items())
                process.send_signal(signal.SIGKILL)
        radio.over = True
        assert len(before) == len(METERS)
        assert grown > KILLS * 10, "each life must have taken in new readings"
