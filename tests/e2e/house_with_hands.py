"""The furnished house with somebody at its cables: a line on standard input is `unplug P`, `replug P` or `noise P`."""

import asyncio
import dataclasses
import os
import sys
import time
from collections.abc import Callable
from pathlib import Path

from gateway import app
from gateway.config import parse
from gateway.demo import Demo
from gateway.house import House


class Hands:
    """The demo, and what is done to its lines while it plays."""

    def __init__(self, demo: Demo) -> None:
        self.demo = demo

    def furnish(self, house: House, go_on: Callable[[], None]) -> None:
        """An empty house is enough here, and starts sooner."""

    async def play(self) -> None:
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self.demo.play())
            tasks.create_task(self.obey())

    async def obey(self) -> None:
        lines = asyncio.StreamReader()
        await asyncio.get_running_loop().connect_read_pipe(lambda: asyncio.StreamReaderProtocol(lines), sys.stdin)
        while line := await lines.readline():
            what, port = line.decode().split()
            match what:
                case "unplug":
                    self.demo.unplug(port)
                case "replug":
                    self.demo.replug(port)
                case _:
                    self.demo.wires[port].write(os.urandom(2000))


def main() -> None:
    demo = Demo(Path(sys.argv[1]), time.time)
    config = parse(demo.configuration, "demo")
    web = dataclasses.replace(config.web, host="127.0.0.1", port=0, password=False, mdns=False)

    def running(urls: tuple[str, ...], setup_code: str | None) -> None:
        sys.stdout.write(urls[0] + "\n")
        sys.stdout.flush()

    asyncio.run(app.run(dataclasses.replace(config, web=web), running, demo=Hands(demo)))
    demo.close()


main()
