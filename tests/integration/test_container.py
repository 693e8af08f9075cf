"""The container, run by podman as docs/container.md says: it answers, reads a line, keeps its house, and has no right.

podman's files lie in the test's own folder. Its network is a namespace of the test, out of which no cable leads.
"""

import contextlib
import json
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from images import container
from tests.integration.box_at_home import REACHED, until
from tests.integration.home import Home
from tests.integration.linky_line import DIALOUT, Meter
from tests.integration.machine import packed
from tests.integration.visitor import Visitor

pytestmark = [pytest.mark.timeout(400), pytest.mark.allow_hosts(REACHED)]

BUILD_S_MAX = 300
PASSWORD = "korrekt horse battery"
CONFIG = """
[web]
language = "en"
[[port]]
name = "linky"
protocol = "tic"
device = "/dev/ttyUSB0"
"""


class Podman:
    """Its store and the two volumes in `folder`."""

    def __init__(self, folder: Path, network: str, line: str) -> None:
        self._before = (
            *("podman", f"--root={folder}/store", f"--runroot={folder}/run", "--storage-driver=vfs", "--runtime=runc"),
            *("--cgroup-manager=cgroupfs", "--events-backend=none"),
        )
        self._folder = folder
        self._network = network
        self._line = line

    def ask(self, *command: str, check: bool = True) -> str:
        done = subprocess.run((*self._before, *command), capture_output=True, text=True, check=False, timeout=120)
        assert done.returncode == 0 or not check, f"{' '.join(command)}: {done.stderr}"
        return done.stdout

    def answers(self, name: str) -> bool:
        running = self.ask("inspect", "--format={{.State.Running}}", name).strip() == "true"
        assert running, self.ask("logs", name)
        return "setup_code" in self.ask("exec", name, "releve", "status", "--json", check=False)

    @contextlib.contextmanager
    def running(self, image: str) -> Iterator[str]:
        """The container's name, while it runs; told to stop, it must end well."""
        volumes = (f"--volume={self._folder}/house:/var/lib/releve", f"--volume={self._folder}/config:/etc/releve")
        limits = ("--ulimit=nofile=1024:1024", "--ulimit=nproc=1024:1024")  # no more than this machine has
        name = self.ask(
            *("run", "--detach", f"--network=ns:/run/netns/{self._network}", "--read-only", "--cap-drop=all"),
            *("--security-opt=no-new-privileges", "--tmpfs=/tmp", "--log-driver=k8s-file", *volumes, *limits),
            # A pseudo-terminal works where it is mounted, not as a node of its own (--device), as a real line does.
            *(f"--volume={self._line}:/dev/ttyUSB0", "--device-cgroup-rule=c 136:* rw"),
            *(f"--group-add={DIALOUT}", image),
        ).strip()
        try:
            yield name
            self.ask("stop", "--time=30", name)
            assert self.ask("inspect", "--format={{.State.ExitCode}}", name).strip() == "0", self.ask("logs", name)
        finally:
            self.ask("rm", "--force", "--volumes", name)

    def status(self, name: str) -> dict[str, Any]:
        found: dict[str, Any] = json.loads(self.ask("exec", name, "releve", "status", "--json"))
        return found


@pytest.fixture(scope="module")
def podman(home: Home, meter: Meter, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Podman]:
    """With the container loaded, and volumes that are as the container's own folders, but for a line in the configuration."""
    folder = tmp_path_factory.mktemp("container")
    archive = container.build("amd64", folder / "made", packed("trixie"))
    podman = Podman(folder, home.box.name, meter.path)
    podman.ask("load", f"--input={archive}")
    owner = podman.ask(
        "run", "--rm", "--network=none", "--entrypoint=stat", "--ulimit=nofile=1024:1024", "--ulimit=nproc=1024:1024",
        container.name(), "--format=%u:%g", "/var/lib/releve",
    ).strip()  # fmt: skip
    for each in ("house", "config"):
        (folder / each).mkdir(mode=0o700)
    (folder / "config/releve.toml").write_text(CONFIG)
    subprocess.run(("chown", "-R", owner, str(folder / "house"), str(folder / "config")), check=True)
    yield podman
    podman.ask("rmi", "--all", "--force")


def test_it_reads_a_line_keeps_its_house_and_may_nothing(home: Home, meter: Meter, podman: Podman) -> None:
    with podman.running(container.name()) as name:
        until(lambda: podman.answers(name), "it answers")
        visitor = Visitor(home.router, f"http://{Home.BOX[0]}:8080")
        visitor.set_up(podman.status(name)["setup_code"], PASSWORD)
        until(lambda: 'aria-label="12345 kWh"' in visitor.ask("/meters?lang=en"), "its index is on its page")
        said = dict(
            line.split(":\t", 1)
            for line in podman.ask("exec", name, "cat", "/proc/1/status").splitlines()
            if ":\t" in line
        )
        assert int(said["CapEff"], 16) == int(said["CapBnd"], 16) == 0
        assert "0" not in said["Uid"].split()
        assert said["NoNewPrivs"] == "1"
    meter.index_wh += 1000
    with podman.running(container.name()) as name:
        until(lambda: podman.answers(name), "it answers again")
        assert podman.status(name)["setup_code"] is None
        visitor.sends("/login?lang=en", "/login", password=PASSWORD)
        until(lambda: 'aria-label="12346 kWh"' in visitor.ask("/meters?lang=en"), "its index goes on")
