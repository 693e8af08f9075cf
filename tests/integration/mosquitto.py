"""Debian's mosquitto, and a gateway that listens to it: both really started."""

import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from gateway import control
from tests.loopback import answers

USER, PASSWORD = "releve", "korrekt horse battery"
SOON_S = 15.0


# -- the broker -------------------------------------------------------------------------------------------------------
@dataclass
class Mosquitto:
    """A broker of Debian's on a port of its own, which may be killed and started anew."""

    folder: Path
    port: int
    more: str = ""
    options: tuple[str, ...] = ()
    process: "subprocess.Popen[bytes] | None" = None

    def start(self) -> None:
        path = self.folder / "mosquitto.conf"
        path.write_text(f"user root\nlistener {self.port} 127.0.0.1\npersistence false\n{self.more}\n")
        with (self.folder / "mosquitto.log").open("ab") as log:
            self.process = subprocess.Popen(("mosquitto", "-c", str(path)), stdout=log, stderr=log)
        until(lambda: answers(self.port), "mosquitto listens")

    def end(self, number: int = signal.SIGKILL) -> None:
        if self.process is not None:
            self.process.send_signal(signal.SIGCONT)
            self.process.send_signal(number)
            self.process.wait(5)
            self.process = None

    def publish(self, topic: str, message: str | bytes, *options: str) -> None:
        command = ("mosquitto_pub", "-h", "127.0.0.1", "-p", str(self.port), *self.options, "-t", topic, *options)
        data = message if isinstance(message, bytes) else message.encode()
        subprocess.run((*command, "-s"), input=data, check=True, timeout=10)


def until(holds: Callable[[], bool], what: str, within_s: float = SOON_S) -> None:
    end = time.monotonic() + within_s
    while not holds():
        assert time.monotonic() < end, f"not within {within_s:g} s: {what}"
        time.sleep(0.05)


Broke = Callable[..., Mosquitto]


# -- the gateway ------------------------------------------------------------------------------------------------------
@dataclass(frozen=True)
class Gateway:
    """A running `releve run`, and how its port does."""

    config: Path

    def status(self) -> dict[str, Any]:
        return control.ask(self.config.parent / "run", "GET", "/status")

    @property
    def sky(self) -> dict[str, Any]:
        port: dict[str, Any] = self.status()["ports"][0]
        return port

    def counted(self, what: str) -> int:
        return int(self.sky["counts"].get(what, 0))

    def lost(self) -> str:
        """Why the port is not open, without where."""
        return str(self.sky["reason"]).split(": ", 1)[-1]

    def said(self) -> str:
        """The port's line of `releve status`, as a person reads it."""
        done = releve("status", "--config", str(self.config))
        return next(line for line in done.stdout.splitlines() if line.startswith("port sky"))


def releve(*arguments: str) -> "subprocess.CompletedProcess[str]":
    command = (sys.executable, "-m", "gateway", *arguments)
    return subprocess.run(command, capture_output=True, text=True, timeout=15, check=False)


@contextmanager
def running(config: Path) -> Iterator[Gateway]:
    checked = releve("check", "--config", str(config))
    assert (checked.returncode, checked.stderr) == (0, "")
    log = config.parent / "gateway.log"
    with log.open("wb") as output:
        command = (sys.executable, "-m", "gateway", "run", "--config", str(config))
        process = subprocess.Popen(command, stdout=output, stderr=output)
    try:
        until(lambda: b"Relev" in log.read_bytes(), "the gateway runs")
        yield Gateway(config)
        process.terminate()
        assert process.wait(10) == 0
    finally:
        process.kill()
        process.wait(5)
    assert PASSWORD.encode() not in log.read_bytes()
    assert b"Traceback" not in log.read_bytes()


def password_file(folder: Path, password: str = PASSWORD) -> Path:
    path = folder / "password"
    path.write_text(password + "\n")
    path.chmod(0o600)
    return path
