"""How long a year of half-hours of five series takes to each local server, in batches as the gateway makes them."""

import asyncio
import itertools
import resource
import tempfile
import time
from pathlib import Path

from gateway.way import Form, Kind, Way
from sync import targets
from sync.net import Net
from tests.integration.databases import InfluxServer, PostgresServer, VictoriaServer
from tests.parcels import House, day

DAYS = 365
BATCH_PARCELS = 82  # 20,000 figures
PLACES = {Kind.INFLUX: "http://{}/?db=releve", Kind.PROMETHEUS: "http://{}", Kind.POSTGRESQL: "postgresql://{}/releve"}
USERS = {Kind.INFLUX: "box", Kind.PROMETHEUS: "box", Kind.POSTGRESQL: "box_0001"}


async def fill(way: Way, password: str) -> tuple[int, float, float]:
    """Points, seconds, and seconds of our processor."""
    parcels = [day(number) for number in range(DAYS)]
    cpu, begun = resource.getrusage(resource.RUSAGE_SELF).ru_utime, time.monotonic()
    async with Net("127.0.0.1", at_home=True) as net:
        target = targets.make(way, {"password": password}, House(), net)
        await target.open()
        for start in itertools.count(0, BATCH_PARCELS):
            if not (batch := parcels[start : start + BATCH_PARCELS]):
                break
            await target.put(batch)
        await target.close()
    used = resource.getrusage(resource.RUSAGE_SELF).ru_utime - cpu
    return sum(each.values for each in parcels), time.monotonic() - begun, used


def main() -> None:
    print("| target | points | s (60 at most) | of our processor, s |\n|---|---|---|---|")
    for kind, server_class in (
        (Kind.INFLUX, InfluxServer),
        (Kind.PROMETHEUS, VictoriaServer),
        (Kind.POSTGRESQL, PostgresServer),
    ):
        with tempfile.TemporaryDirectory() as folder:
            server = server_class(Path(folder))
            try:
                if isinstance(server, VictoriaServer):
                    server.start()
                elif isinstance(server, InfluxServer):
                    server.start()
                    server.found()
                else:
                    server.found()
                place = PLACES[kind].format(f"127.0.0.1:{server.port}")
                way = Way(kind, place, USERS[kind], Form.ROWS, at_home=True)
                points, took_s, cpu_s = asyncio.run(fill(way, server.password))
                print(f"| {kind} | {points:,} | {took_s:.1f} | {cpu_s:.1f} |", flush=True)
            finally:
                server.kill()


if __name__ == "__main__":
    main()
