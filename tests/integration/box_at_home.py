"""A gateway in a namespace of its own, whose clocks run faster."""

import contextlib
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

from gateway import control
from tests.integration import faster
from tests.integration.home import Home
from tests.integration.sniff import Kind, Packet, kind

HOUR_S = 3600
SOON_S, STOP_S_MAX = 60.0, 30.0
# What a test's own process may connect to: hosts in namespaces of the test, out of which no cable leads.
REACHED = ["127.0.0.1", *Home.BOX, *Home.ROUTER]


def until(holds: Callable[[], bool], what: str, soon_s: float = SOON_S, pause_s: float = 0.05) -> None:
    end = time.monotonic() + soon_s
    while not holds():
        assert time.monotonic() < end, f"not within {soon_s:g} s: {what}"
        time.sleep(pause_s)


class Box:
    """Life after life, in which `now` goes on where the life before ended. `config` is to name `folder`/run as runtime."""

    def __init__(self, home: Home, folder: Path, begins: float) -> None:
        self.home = home
        self.folder = folder
        self.config = folder / "releve.toml"
        self.log = folder / "gateway.log"
        self.now = begins
        self._faster = faster.build(folder)

    @contextlib.contextmanager
    def living(self, rate: int, environment: Mapping[str, str] | None = None) -> "Iterator[subprocess.Popen[bytes]]":
        """Until it is killed, or until its time is over: then it is told to stop, and must end cleanly."""
        command = (sys.executable, "-m", "gateway", "run", "--config", str(self.config))
        fast = faster.environment(self._faster, self.now, rate) | dict(environment or {})
        with self.home.box.running(self.log, *command, environment=fast) as process:
            until(lambda: process.poll() is not None or self._answers(), "the gateway runs")
            assert process.poll() is None, self.log.read_text()
            yield process
            if process.poll() is None:
                self.now = self.status()["now"]
                process.terminate()
                assert process.wait(STOP_S_MAX) == 0, self.log.read_text()

    def kill(self, process: "subprocess.Popen[bytes]") -> None:
        self.now = self.status()["now"]
        process.kill()
        process.wait()

    def status(self) -> dict[str, Any]:
        return control.ask(self.folder / "run", "GET", "/status")

    def live(self, hours: float) -> None:
        """For so long by its own clock."""
        end = self.status()["now"] + hours * HOUR_S
        while self.status()["now"] < end:
            time.sleep(0.2)

    def hears(self, *ports: str) -> None:
        """They are heard now, whatever was before."""
        since = self.status()["now"]

        def heard() -> bool:
            at = {port["name"]: port["heard_at"] or 0 for port in self.status()["ports"]}
            return all(at[port] > since for port in ports)

        until(heard, f"{', '.join(ports)} heard again")

    def releve(self, *arguments: str) -> None:
        """A command beside it, in its namespace."""
        command = (sys.executable, "-m", "gateway", *arguments, "--config", str(self.config))
        with self.home.box.running(self.log, *command) as process:
            assert process.wait(SOON_S) == 0, self.log.read_text()

    def _answers(self) -> bool:
        try:
            return bool(self.status()["now"])
        except (OSError, ValueError):
            return False


def sent(packets: Counter[Packet], since: Counter[Packet] | None = None) -> dict[Kind, Counter[tuple[str, int, str]]]:
    """What went where, by its kind: how often, to an address, port and name. `since`: what had come before."""
    found = {one: Counter[tuple[str, int, str]]() for one in Kind}
    for packet, count in (packets - (since or Counter())).items():
        found[kind(packet, *Home.LAN)][packet.destination, packet.port, packet.name] += count
    return found
