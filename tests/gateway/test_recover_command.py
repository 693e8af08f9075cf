"""`releve recover` and the file on the card, on a gateway that runs: every access ends, and a code opens the first page."""

import contextlib
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from gateway.ledger import Ledger, look
from gateway.people import People
from gateway.roles import Role
from tests.gateway.test_command import releve

STOP_S_MAX = 10
NOW = 1_790_000_000

pytestmark = pytest.mark.timeout(60)


@pytest.fixture
async def config(tmp_path: Path) -> Path:
    """A house with somebody in it, in `data`; the card's file would be `releve-recover`."""
    path = tmp_path / "releve.toml"
    with socket.socket() as asked:
        asked.bind(("127.0.0.1", 0))
        port = asked.getsockname()[1]
    path.write_text(
        f'[box]\ndata = "{tmp_path}/data"\nruntime = "{tmp_path}/run"\nsecret = "{tmp_path}/secret"\n'
        f'recover = "{tmp_path}/releve-recover"\n[web]\nlisten = "127.0.0.1:{port}"\nmdns = false\n'
    )
    (tmp_path / "data").mkdir(mode=0o700)
    ledger = Ledger.open(tmp_path / "data" / "ledger.db")
    await People(ledger).add(Role.OCCUPANT, "hash", NOW, first=True)
    ledger.close()
    return path


@contextmanager
def running(config: Path) -> Iterator[None]:
    command = [sys.executable, "-m", "gateway", "run", "--config", str(config)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    assert process.stdout is not None
    try:
        assert process.stdout.readline().startswith("Relevé: http")
        yield
        process.send_signal(signal.SIGTERM)
        assert process.wait(STOP_S_MAX) == 0
    finally:
        with contextlib.suppress(ProcessLookupError):
            process.kill()
        process.wait()
        process.stdout.close()


def entries(config: Path) -> list[tuple[str, object]]:
    return [(one.kind, one.fields.get("how")) for one in look(config.parent / "data" / "ledger.db")]


def test_the_command_ends_every_access_and_says_the_code(config: Path) -> None:
    with running(config):
        assert "the code is" not in releve("status", "--config", config).stdout
        refused = releve("recover", "--config", config)
        assert (refused.returncode, "--yes is needed" in refused.stderr) == (1, True)
        done = releve("recover", "--yes", "--config", config)
        assert (done.returncode, done.stderr) == (0, "")
        code = done.stdout.strip().rpartition(" ")[2]
        assert f"the code is {code}" in releve("status", "--config", config).stdout
    assert entries(config) == [("recovered", "command")]


def test_a_gateway_that_does_not_run_is_asked_in_vain(config: Path) -> None:
    done = releve("recover", "--yes", "--config", config)
    assert (done.returncode, "no gateway runs here" in done.stderr) == (1, True)
    assert entries(config) == []


@pytest.mark.parametrize("file", ["releve-recover", "run/recover"])  # the second: as root handed it to a service
def test_a_file_on_the_card_does_so_at_the_next_start_and_once(config: Path, file: str) -> None:
    path = config.parent / file
    path.parent.mkdir(mode=0o700, exist_ok=True)
    path.write_text("8642 9753\n")
    with running(config):
        assert "the code is 8642-9753" in releve("status", "--config", config).stdout
        assert not path.exists()
    assert entries(config) == [("recovered", "card")]
    with running(config):
        said = releve("status", "--config", config).stdout
        assert "the code is 8642-9753" in said  # nobody has used it yet
    assert entries(config) == [("recovered", "card")]
