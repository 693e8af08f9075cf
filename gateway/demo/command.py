"""`releve demo`: the whole gateway on the loopback, with the furnished house on its lines."""

import asyncio
import contextlib
import dataclasses
import sys
import tempfile
import time
from pathlib import Path

from gateway import app
from gateway.config import parse
from gateway.demo.demo import Demo


def demo(port: int, data: Path | None) -> None:
    """Run until told to stop. Without `data` nothing is left behind."""
    with contextlib.ExitStack() as opened:
        folder = data or Path(opened.enter_context(tempfile.TemporaryDirectory(prefix="releve-demo-")))
        house = Demo(folder, time.time, progress=_Progress())
        opened.callback(house.close)
        config = parse(house.configuration, "demo")
        web = dataclasses.replace(config.web, host="127.0.0.1", port=port, password=False, mdns=False)

        def running(urls: tuple[str, ...], setup_code: str | None) -> None:
            _say(f"Relevé: {urls[0]}")
            for hint in house.hints():
                _say(hint)

        asyncio.run(app.run(dataclasses.replace(config, web=web), running, demo=house))


class _Progress:
    """How far the furnishing is: one line that is written over on a terminal, a line a quarter elsewhere."""

    def __init__(self) -> None:
        self._quarter = -1

    def __call__(self, what: str, share: float) -> None:
        if sys.stderr.isatty():
            sys.stderr.write(f"\r{what} : {share:4.0%}" + ("\n" if share >= 1 else ""))
        elif int(4 * share) > self._quarter:
            self._quarter = int(4 * share)
            sys.stderr.write(f"{what} : {share:.0%}\n")
        sys.stderr.flush()


def _say(text: str) -> None:
    sys.stdout.write(text + "\n")
    sys.stdout.flush()
