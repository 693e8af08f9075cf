"""A Linky on a serial line that garbles and flips bits: nobody says how it speaks, it is switched, its cable comes off."""

import asyncio
import contextlib
import signal
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from random import Random
from typing import Any

import pytest

from drivers.encode.tic import Contract, Linky, historique_frame, standard_frame
from drivers.tic.labels import Mode
from gateway import control
from tests.flips import LINKY
from tests.linky import Meter

pytestmark = pytest.mark.timeout(180)

FOUND_S_MAX = 40.0
SAYS: dict[Mode, Callable[[Linky], bytes]] = {Mode.STANDARD: standard_frame, Mode.HISTORIQUE: historique_frame}


class Home:
    """The meter and what it ever said; its wire flips one bit of each frame, parity or not."""

    def __init__(self) -> None:
        self.sent: set[int] = set()
        self._wh = 8_000_000
        self._rng = Random(20_260_120)
        self.meter = Meter(self._says, Mode.HISTORIQUE)
        self.meter.damage = self._damage

    def _says(self) -> bytes:
        self._wh += 1
        self.sent.add(self._wh)
        now = datetime.fromtimestamp(int(time.time()), UTC)
        linky = replace(LINKY, contract=Contract.BASE, indexes_wh=(self._wh,), tariff=1, at=now)
        return SAYS[self.meter.mode](linky)

    def _damage(self, data: bytes) -> bytes:
        wire = bytearray(data)
        wire[self._rng.randrange(len(wire))] ^= 1 << self._rng.randrange(8)
        return bytes(wire)


@asynccontextmanager
async def running(config: Path) -> AsyncIterator[None]:
    command = [sys.executable, "-m", "gateway", "run", "--config", str(config)]
    process = await asyncio.create_subprocess_exec(*command, stdout=subprocess.DEVNULL)
    try:
        yield
        process.send_signal(signal.SIGTERM)
        assert await asyncio.wait_for(process.wait(), 10) == 0
    finally:
        with contextlib.suppress(ProcessLookupError):
            process.kill()
        await process.wait()


def test_a_linky_is_read_through_noise_a_switch_of_mode_and_a_pulled_cable_with_no_wrong_value(tmp_path: Path) -> None:
    with ThreadPoolExecutor(1) as thread:  # the browser of the other tests keeps a loop in this one
        thread.submit(asyncio.run, live_through(tmp_path)).result()


async def live_through(tmp_path: Path) -> None:
    home = Home()
    config = tmp_path / "releve.toml"
    config.write_text(
        f'[box]\ndata = "{tmp_path}/data"\nruntime = "{tmp_path}/run"\n[web]\nlisten = "127.0.0.1:0"\nmdns = false\n'
        f'[[port]]\nname = "linky"\nprotocol = "tic"\ndevice = "{home.meter.path}"\n'
    )
    config.write_text(config.read_text().replace(":0", f":{free_port()}"))
    shown: list[int] = []

    async def until(true: Callable[[dict[str, Any]], bool]) -> dict[str, Any]:
        async with asyncio.timeout(FOUND_S_MAX):
            while True:
                with contextlib.suppress(ConnectionError):
                    status = await asyncio.to_thread(control.ask, tmp_path / "run", "GET", "/status")
                    shown.extend(int(point["index"]) for point in status["points"] if point["index"])
                    if true(status):
                        return status
                await asyncio.sleep(0.2)

    def heard(hears: str, mode: str | None = None) -> Callable[[dict[str, Any]], bool]:
        return lambda status: (line(status)["hears"], line(status)["mode"]) == (hears, mode)

    def line(status: dict[str, Any]) -> dict[str, Any]:
        return status["ports"][0]["listening"] or {"hears": None, "mode": None}

    playing = asyncio.create_task(home.meter.play())
    try:
        async with running(config):
            await until(heard("groups", "historique"))
            await until(lambda status: bool(status["points"]) and status["points"][0]["state"] == "speaking")
            home.meter.mode = Mode.STANDARD
            await until(heard("noise"))
            await until(heard("groups", "standard"))
            switched = max(shown)
            await until(lambda status: int(status["points"][0]["index"]) > switched + 5)
            home.meter.plugged = False
            await until(heard("nothing"))
            assert "Rien n’arrive sur cette ligne. Vérifiez que le câble est branché" in await said(config)
            home.meter.plugged = True
            status = await until(heard("groups", "standard"))
            assert "port linky (standard, 9600 baud): open" in await said(config)
    finally:
        playing.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await playing
        home.meter.close()
    assert len(status["points"]) == 1, "the same meter in either mode"
    assert set(shown) <= home.sent, "only what was sent became a value"
    assert shown == sorted(shown)
    counts = status["ports"][0]["counts"]
    assert counts["bad parts"] > 5, "flipped bits were met"
    assert "held" not in counts
    assert "bugs" not in counts


def free_port() -> int:
    import socket

    with socket.create_server(("127.0.0.1", 0)) as free:
        return int(free.getsockname()[1])


async def said(config: Path) -> str:
    """What `releve status` prints, with the spaces that do not break as others."""
    command = [sys.executable, "-m", "gateway", "status", "--config", str(config)]
    process = await asyncio.create_subprocess_exec(*command, stdout=subprocess.PIPE)
    out, _ = await process.communicate()
    return out.decode().replace("\u00a0", " ")
