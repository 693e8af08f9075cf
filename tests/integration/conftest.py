"""Servers of other projects: each is started for a test in a folder of its own, proved to answer, and ended after it."""

import os
import shutil
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.loopback import answers, free_port

if TYPE_CHECKING:
    from tests.integration.home import Home
    from tests.integration.linky_line import Meter
    from tests.integration.mosquitto import Broke, Mosquitto

READY_S_MAX = 10.0
END_S_MAX = 5.0
NPM_S_MAX = 120.0
POLL_S = 0.02

Start = Callable[..., None]


@contextmanager
def running(log: Path, ready: Callable[[], bool], command: tuple[str, ...]) -> Iterator[None]:
    """The command in a process group of its own, from when it is ready until the whole group is gone."""
    assert shutil.which(command[0]), f"{command[0]} is missing; `make integration` installs it"
    with log.open("wb") as output:
        process = subprocess.Popen(command, stdout=output, stderr=output, start_new_session=True)
    try:
        until = time.monotonic() + READY_S_MAX
        while not ready():
            assert process.poll() is None, f"{command[0]} ended with {process.returncode}: {log.read_text()}"
            assert time.monotonic() < until, f"{command[0]} is not ready: {log.read_text()}"
            time.sleep(POLL_S)
        yield
    finally:
        _end(process)


def _end(process: "subprocess.Popen[bytes]") -> None:
    try:
        os.killpg(process.pid, signal.SIGTERM)
        process.wait(END_S_MAX)
        os.killpg(process.pid, signal.SIGKILL)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait(END_S_MAX)
    except ProcessLookupError:
        process.wait(END_S_MAX)


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    """start(*command, ready=...): what is started is ended with the test, the last one first."""
    import contextlib

    with contextlib.ExitStack() as stack:

        def start(*command: str, ready: Callable[[], bool]) -> None:
            log = tmp_path / f"{Path(command[0]).name}.log"
            stack.enter_context(running(log, ready, command))

        yield start


@pytest.fixture(scope="module")
def home() -> "Iterator[Home]":
    from tests.integration.home import Home

    with Home() as home:
        yield home


@pytest.fixture(scope="module")
def meter() -> "Iterator[Meter]":
    """A Linky in a line of this machine."""
    from tests.integration.linky_line import Meter

    meter = Meter()
    yield meter
    meter.close()


@pytest.fixture(scope="session")
def node_modules(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The packages of `npm/`, pinned by their hashes. No script of theirs is run.

    Cozy's clients name peers that they do not need here (React and the like), which are left out.
    """
    folder = tmp_path_factory.mktemp("npm")
    for name in ("package.json", "package-lock.json"):
        shutil.copy(Path(__file__).with_name("npm") / name, folder)
    got = ("npm", "ci", "--ignore-scripts", "--legacy-peer-deps", "--no-audit", "--no-fund")
    done = subprocess.run(got, cwd=folder, capture_output=True, text=True, check=False, timeout=NPM_S_MAX)
    assert done.returncode == 0, done.stdout + done.stderr
    return folder / "node_modules"


@pytest.fixture
def port() -> int:
    """A TCP port of 127.0.0.1 that nobody listens on."""
    return free_port()


@pytest.fixture
def listens() -> Callable[[int], bool]:
    """Whether somebody accepts connections on a TCP port of 127.0.0.1."""
    return answers


@pytest.fixture
def line(start: Start, tmp_path: Path) -> tuple[Path, Path]:
    """The two ends of a serial line: pseudo-terminals that socat joins."""
    ends = tmp_path / "near", tmp_path / "far"
    near, far = (f"pty,rawer,link={end}" for end in ends)
    start("socat", near, far, ready=lambda: all(end.exists() for end in ends))
    return ends


@pytest.fixture
def mosquitto(tmp_path: Path, port: int) -> "Iterator[Broke]":
    """mosquitto(more, options): a broker with these lines in its configuration; it is ended with the test."""
    from tests.integration.mosquitto import Mosquitto  # late: it asks whether a port answers, as is said here

    brokers: list[Mosquitto] = []

    def start(more: str = "allow_anonymous true", *options: str) -> Mosquitto:
        broker = Mosquitto(tmp_path, port, more, options)
        brokers.append(broker)
        broker.start()
        return broker

    yield start
    for broker in brokers:
        broker.end()


@pytest.fixture
def guarded(mosquitto: "Broke", tmp_path: Path) -> "Mosquitto":
    """A broker that wants a password."""
    from tests.integration.mosquitto import PASSWORD, USER

    passwords = tmp_path / "passwords"
    subprocess.run(("mosquitto_passwd", "-c", "-b", str(passwords), USER, PASSWORD), check=True, capture_output=True)
    return mosquitto(f"allow_anonymous false\npassword_file {passwords}", "-u", USER, "-P", PASSWORD)
