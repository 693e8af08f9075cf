"""The command line of the sync process: `releve-sync --socket PATH`."""

import argparse
import asyncio
import contextlib
import faulthandler
import fcntl
import logging
import signal
import sys
import time
from pathlib import Path
from typing import TextIO

from sync.work import work

SOCKET = Path("/run/releve/sync.sock")
# One whose gateway was killed and started again sees that after some seconds, and ends.
LOCK_S_MAX = 30.0
# A library that does not come back, whatever a server made it do, ends the process: the gateway has all that it knows.
STUCK_S_MAX = 60.0


def main() -> int:
    """Work until nothing is granted any longer; 0 then, 1 where there is no gateway, or another one works for it."""
    parser = argparse.ArgumentParser(
        prog="releve-sync", description="Sends what was granted to the target it was granted to."
    )
    parser.add_argument("--socket", type=Path, default=SOCKET, help=f"of the gateway (default: {SOCKET})")
    arguments = parser.parse_args()
    logging.basicConfig(level=logging.INFO, format="%(levelname)s %(name)s: %(message)s", stream=sys.stderr)
    if not arguments.socket.is_socket():
        return _refused(f"{arguments.socket}: no gateway runs here")
    path = arguments.socket.with_name(arguments.socket.name + ".lock")
    try:
        lock = _locked(path)
    except OSError as error:
        return _refused(f"{path}: {error.strerror}")
    if lock is None:
        return _refused(f"{path}: another releve-sync is at work here")
    with lock, contextlib.suppress(asyncio.CancelledError):
        asyncio.run(_until_told(arguments.socket))
    return 0


def _refused(why: str) -> int:
    print(f"releve-sync: {why}", file=sys.stderr)  # noqa: T201 - a command line
    return 1


def _locked(path: Path) -> TextIO | None:
    """The file, ours alone while it is open; None where another process does not let go of it in time. OSError."""
    file = path.open("w")
    end = time.monotonic() + LOCK_S_MAX
    while True:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() > end:
                file.close()
                return None
            time.sleep(0.2)
        else:
            return file


async def _until_told(socket: Path) -> None:
    task = asyncio.current_task()
    assert task is not None
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, task.cancel)
    beat = asyncio.create_task(_beat(), name="beat")
    try:
        await work(socket)
    finally:
        beat.cancel()


async def _beat() -> None:
    """End the process with 1, and say where, should the event loop stand still: a thread of Python's would wait as well."""
    try:
        while True:
            faulthandler.dump_traceback_later(STUCK_S_MAX, exit=True)
            await asyncio.sleep(STUCK_S_MAX / 6)
    finally:
        faulthandler.cancel_dump_traceback_later()


if __name__ == "__main__":
    sys.exit(main())
