"""What the sync process costs: `python -m sync`, begun for one day of half-hours of five series, or a hundred of them, at each kind of target.

Its socket is a double of the gateway's, its target a real server on this machine, but for the double of a Cozy. Memory: the most that was
resident (VmHWM) by the time all was put. CPU: of the whole process, from its start to its end, user's and system's. As root, with the
servers that `make integration` installs.
"""

import asyncio
import json
import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from aiohttp import web

from bench.targets import There, cozy, say, webdav
from gateway.backup import load_age
from gateway.way import Form, Kind, Way
from sync.model import Parcel
from tests.integration.databases import InfluxServer, PostgresServer, VictoriaServer
from tests.integration.mosquitto import Mosquitto
from tests.loopback import free_port
from tests.parcels import GRANT, day

RSS_MB_MAX, CPU_S_MAX = 60, 2
DAYS = 100


@contextmanager
def mqtt() -> Iterator[There]:
    with _folder() as folder:
        broker = Mosquitto(folder, free_port(), "allow_anonymous true")
        broker.start()
        try:
            yield There(Way(Kind.MQTT, f"mqtt://127.0.0.1:{broker.port}", "", Form.LIVE, at_home=True), {})
        finally:
            broker.end()


@contextmanager
def postgresql() -> Iterator[There]:
    with _folder() as folder:
        server = PostgresServer(folder)
        try:
            server.found()
            address = f"postgresql://127.0.0.1:{server.port}/releve"
            way = Way(Kind.POSTGRESQL, address, "box_0001", Form.ROWS, at_home=True)
            yield There(way, {"password": server.password})
        finally:
            server.kill()


@contextmanager
def influx() -> Iterator[There]:
    with _folder() as folder:
        server = InfluxServer(folder)
        try:
            server.start()
            server.found()
            way = Way(Kind.INFLUX, f"{server.url}/?db=releve", server.user, Form.ROWS, at_home=True)
            yield There(way, {"password": server.password})
        finally:
            server.kill()


@contextmanager
def prometheus() -> Iterator[There]:
    with _folder() as folder:
        server = VictoriaServer(folder)
        try:
            server.start()
            way = Way(Kind.PROMETHEUS, f"{server.url}/api/v1/write", server.user, Form.ROWS, at_home=True)
            yield There(way, {"password": server.password})
        finally:
            server.kill()


@contextmanager
def _folder() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="releve-bench-", ignore_cleanup_errors=True) as folder:
        yield Path(folder)


class Gateway:
    """What the hatch says to a process that is to put these parcels, once, and is then no longer wanted."""

    def __init__(self, there: There, parcels: Sequence[Parcel]) -> None:
        self.pid = 0
        self.rss_kb = 0
        self._left = [json.loads(one.document()) for one in parcels]
        self._job = {
            "grant": GRANT, "do": "send", "way": there.way.body(), "secrets": dict(there.secrets), "stamp": "0"
        }  # fmt: skip
        self._put = False

    def app(self) -> web.Application:
        app = web.Application(client_max_size=2**24)
        app.router.add_get("/jobs", self._jobs)
        app.router.add_route("*", "/grants/{grant}/{what}", self._asked)
        return app

    async def _jobs(self, _: web.Request) -> web.Response:
        if self._put:
            self.rss_kb = _resident_kb(self.pid)
        said = {"wanted": not self._put, "jobs": [self._job], "page": "http://box", "now": 1_800_000_000, "run": "one"}
        return web.json_response(said)

    async def _asked(self, request: web.Request) -> web.Response:
        match request.match_info["what"]:
            case "due":
                return web.json_response({"due": True})
            case "batch":
                left, self._left = self._left, []
                return web.json_response({"batch": 1, "parcels": left})
            case "put":
                self._put = True
            case "look":
                return web.json_response({"look": False})
            case "trouble":
                raise SystemExit(f"{self._job['way']}: {await request.text()}")
        return web.json_response({})


async def cost(there: There, parcels: Sequence[Parcel]) -> tuple[float, float]:
    """MB and CPU seconds of a process that puts them."""
    gateway = Gateway(there, parcels)
    runner = web.AppRunner(gateway.app(), access_log=None)
    await runner.setup()
    with _folder() as folder:
        socket = str(folder / "sync.sock")
        await web.UnixSite(runner, socket).start()
        process = subprocess.Popen([sys.executable, "-m", "sync", "--socket", socket])  # noqa: ASYNC220 - for os.wait4
        gateway.pid = process.pid
        try:
            _, status, used = await asyncio.to_thread(os.wait4, process.pid, 0)
        finally:
            await runner.cleanup()
    process.returncode = os.waitstatus_to_exitcode(status)
    assert process.returncode == 0
    assert gateway.rss_kb
    return gateway.rss_kb / 1000, used.ru_utime + used.ru_stime


def _resident_kb(pid: int) -> int:
    found = re.search(r"VmHWM:\s+(\d+) kB", Path(f"/proc/{pid}/status").read_text())
    assert found is not None
    return int(found[1])


def main() -> None:
    recipient = str(load_age().x25519.Identity.generate().to_public())
    targets: dict[str, Any] = {
        "WebDAV, files": webdav("apache2"),
        "WebDAV, sealed": webdav("apache2", recipient),
        "a Cozy's double, documents": cozy(Form.DOCUMENTS),
        "a Cozy's double, sealed": cozy(Form.SEALED, recipient),
        "MQTT": mqtt(),
        "PostgreSQL": postgresql(),
        "InfluxDB": influx(),
        "VictoriaMetrics": prometheus(),
    }
    say(f"{'':<28}{'a day MB':>9}{'CPU s':>7}{f'{DAYS} days MB':>14}{'CPU s':>7}")
    say(f"{'aim':<28}{RSS_MB_MAX:>9}{CPU_S_MAX:>7}{RSS_MB_MAX:>14}")
    for name, target in targets.items():
        with target as there:
            day_mb, day_s = asyncio.run(cost(there, [day(DAYS)]))
            many = f"{'-':>14}{'-':>7}"  # the last figures alone, never a past
            if there.way.form is not Form.LIVE:
                many_mb, many_s = asyncio.run(cost(there, [day(number) for number in range(DAYS)]))
                many = f"{many_mb:>14.0f}{many_s:>7.2f}"
        say(f"{name:<28}{day_mb:>9.0f}{day_s:>7.2f}{many}")


if __name__ == "__main__":
    main()
