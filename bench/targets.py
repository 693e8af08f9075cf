"""What each target costs: a year of half-hours of five series (365 parcels) put into an empty one, then one day more by a new login.

Real servers on this machine, but for the double of a Cozy; the time is this process's and the server's together, the CPU this process's alone (the double is in it). Sent: what the
parcels became; there: what the server's disk holds afterwards, one time each file's own length.
"""

import asyncio
import sys
import threading
import time
from collections.abc import Coroutine, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from gateway.backup import load_age
from gateway.way import Form, Kind, Way
from sync.net import Net
from sync.targets import make
from tests.clouds import PASSWORD, Owner, serving, way
from tests.cozy import Cozy, running
from tests.parcels import day, year
from tests.sync.owner import Owner as Friend
from tests.sync.owner import target as let

T = TypeVar("T")
BATCH = 32
YEAR_S_MAX, DAY_CPU_S_MAX, OVERHEAD_MAX = 60, 2, 0.15


@dataclass(frozen=True)
class There:
    """A target that runs and holds nothing yet. `disk`: where it keeps what it is given, if that can be counted."""

    way: Way
    secrets: Mapping[str, str]
    disk: Path | None = None


@contextmanager
def webdav(kind: str, *sealed_for: str) -> Iterator[There]:
    with serving(kind) as server:
        yield There(way(server.url, sealed_for=sealed_for), {"password": PASSWORD}, server.files)


@contextmanager
def cozy(form: Form, *sealed_for: str) -> Iterator[There]:
    """The double of tests/cozy.py, in a thread: what a Cozy itself takes for it is not measured here."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, name="cozy")
    thread.start()

    def there(what: Coroutine[Any, Any, T]) -> T:
        return asyncio.run_coroutine_threadsafe(what, loop).result()

    double = Cozy()
    server = running(double)
    address = there(server.__aenter__())
    try:
        owner = Friend(double)

        async def let_in() -> None:
            async with let(address, owner, form, *sealed_for) as target:
                await target.open()

        asyncio.run(let_in())
        yield There(Way(Kind.COZY, address, "", form, sealed_for, at_home=True), owner.kept)
    finally:
        there(server.__aexit__(None, None, None))
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()


def main() -> None:
    recipient = str(load_age().x25519.Identity.generate().to_public())
    targets = {
        "apache2 mod_dav, files": webdav("apache2"),
        "apache2 mod_dav, sealed": webdav("apache2", recipient),
        "rclone, files": webdav("rclone"),
        "rclone, sealed": webdav("rclone", recipient),
        "a Cozy's double, documents": cozy(Form.DOCUMENTS),
        "a Cozy's double, sealed": cozy(Form.SEALED, recipient),
    }
    say(f"{'':<26}{'a year s':>9}{'CPU s':>7}{'sent MB':>9}{'there MB':>9}{'a day more s':>14}{'CPU s':>7}")
    say(f"{'aim':<26}{YEAR_S_MAX:>9}{'':>25}{'':>14}{DAY_CPU_S_MAX:>7}")
    lying: dict[str, int] = {}
    for name, target in targets.items():
        with target as there:
            year_s, year_cpu_s, sent = asyncio.run(put(there, range(365)))
            there_bytes = (
                sum(path.stat().st_size for path in there.disk.rglob("*") if path.is_file()) if there.disk else 0
            )
            day_s, day_cpu_s, _ = asyncio.run(put(there, range(365, 366)))
        lying[name] = there_bytes
        held = f"{there_bytes / 1e6:.2f}" if there.disk else "-"
        say(f"{name:<26}{year_s:>9.1f}{year_cpu_s:>7.1f}{sent / 1e6:>9.2f}{held:>9}{day_s:>14.2f}{day_cpu_s:>7.2f}")
    document = sum(len(each.document()) for each in year())
    clear, sealed = lying["apache2 mod_dav, files"], lying["apache2 mod_dav, sealed"]
    say(f"sealed, all that lies there: {sealed / clear - 1:+.0%} of the same in clear; aim {OVERHEAD_MAX:+.0%} at most")
    say(f"the documents themselves: {document / 1e6:.2f} MB, {document / 365 / 240:.1f} B a value")


async def put(there: There, days: range) -> tuple[float, float, int]:
    """Log in and put these days; seconds, CPU seconds, bytes."""
    parcels = [day(number) for number in days]
    begun, cpu, sent = time.perf_counter(), time.process_time(), 0
    async with Net("127.0.0.1", at_home=True) as net:
        target = make(there.way, there.secrets, Owner(), net)
        await target.open()
        for first in range(0, len(parcels), BATCH):
            sent += sum(each.bytes for each in await target.put(parcels[first : first + BATCH]))
        await target.close()
    return time.perf_counter() - begun, time.process_time() - cpu, sent


def say(text: str) -> None:
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main()
