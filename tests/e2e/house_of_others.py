"""A box that nobody has set up yet, with the demo's meters on its lines: in the folder of its first argument."""

import asyncio
import dataclasses
import sys
import time
from collections.abc import Callable
from pathlib import Path

from gateway import app
from gateway.config import parse
from gateway.demo import Demo
from gateway.house import House


class Meters:
    """The demo's meters speak; there is no past."""

    def __init__(self, demo: Demo) -> None:
        self.demo = demo

    def furnish(self, house: House, go_on: Callable[[], None]) -> None:
        """A new box is empty."""

    async def play(self) -> None:
        await self.demo.play()


def main() -> None:
    demo = Demo(Path(sys.argv[1]), time.time)
    config = parse(demo.configuration, "demo")
    web = dataclasses.replace(config.web, host="127.0.0.1", port=0, password=True, mdns=False)

    def running(urls: tuple[str, ...], setup_code: str | None) -> None:
        sys.stdout.write(f"{urls[0]}\n{setup_code}\n")
        sys.stdout.flush()

    asyncio.run(app.run(dataclasses.replace(config, web=web), running, demo=Meters(demo)))
    demo.close()


main()
