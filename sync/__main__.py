"""The command line of the sync process: `releve-sync --socket PATH`."""

import argparse
import asyncio
import contextlib
import logging
import signal
import sys
from pathlib import Path

from sync.work import work

SOCKET = Path("/run/releve/sync.sock")


def main() -> int:
    """Work until nothing is granted any longer; 0 then, 1 where there is no gateway."""
    parser = argparse.ArgumentParser(
        prog="releve-sync", description="Sends what was granted to the target it was granted to."
    )
    parser.add_argument("--socket", type=Path, default=SOCKET, help=f"of the gateway (default: {SOCKET})")
    arguments = parser.parse_args()
    logging.basicConfig(level=logging.INFO, format="%(levelname)s %(name)s: %(message)s", stream=sys.stderr)
    if not arguments.socket.is_socket():
        print(f"releve-sync: {arguments.socket}: no gateway runs here", file=sys.stderr)  # noqa: T201 - a command line
        return 1
    with contextlib.suppress(asyncio.CancelledError):
        asyncio.run(_until_told(arguments.socket))
    return 0


async def _until_told(socket: Path) -> None:
    task = asyncio.current_task()
    assert task is not None
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, task.cancel)
    await work(socket)


if __name__ == "__main__":
    sys.exit(main())
