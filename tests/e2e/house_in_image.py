"""A gateway on loopback with the configuration of its first argument, without a password, in the image of its second; its port may follow."""

import asyncio
import dataclasses
import sys
from pathlib import Path

from gateway import app
from gateway.config import load
from gateway.standing import Places

image = Path(sys.argv[2])
config = load(Path(sys.argv[1]))
port = int(sys.argv[3]) if len(sys.argv) > 3 else 0
web = dataclasses.replace(config.web, host="127.0.0.1", port=port, password=False, mdns=False)


def running(urls: tuple[str, ...], setup_code: str | None) -> None:
    sys.stdout.write(urls[0] + "\n")
    sys.stdout.flush()


places = Places(image / "share", image / "said", image / "cmdline")
asyncio.run(app.run(dataclasses.replace(config, web=web), running, places=places))
