"""A box as a whole: the units and the product in a Debian of their own, booted by systemd-nspawn in the network of a home.

Its files are an overlay in memory on the tree that `tools/box` makes, in a mount namespace that ends with it.
"""

import contextlib
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from tests.integration.box_at_home import until
from tests.integration.home import Host

ROOT = Path(__file__).parents[2]
TREE = Path(os.environ.get("RELEVE_BOX", "/var/tmp/releve-box")) / "root"
PYTHON = "/opt/releve/venv/bin/python"
END_S_MAX = 20.0
COMMAND_S_MAX = 60.0

# systemd wants the control groups of its own kind, whatever this machine has; a group for it keeps it off all others.
BOOT = """
set -e
name=$1 tree=$2 folder=$3 namespace=$4
shift 4
umount --recursive /sys/fs/cgroup
mount -t cgroup2 none /sys/fs/cgroup
mount -t tmpfs none "$folder"
mkdir "$folder/upper" "$folder/work" "$folder/root"
mount -t overlay overlay -o "lowerdir=$tree,upperdir=$folder/upper,workdir=$folder/work" "$folder/root"
cp -R "$folder.files/." "$folder/root"
chroot "$folder/root" sh -c "/opt/releve/venv/bin/pip install --quiet --disable-pip-version-check --no-deps --no-index /wheel/*.whl"
chroot "$folder/root" systemctl --quiet enable releve.service
if [ -e "$folder/root/prepare" ]; then chroot "$folder/root" sh -e /prepare; fi
mkdir "/sys/fs/cgroup/$name"
machine='echo $$ >"/sys/fs/cgroup/$1/cgroup.procs"; shift; exec systemd-nspawn --quiet --register=no --keep-unit --boot "$@" systemd.mask=systemd-networkd.service'
sh -c "$machine" sh "$name" --machine="$name" --directory="$folder/root" --network-namespace-path="/run/netns/$namespace" "$@" || true
find "/sys/fs/cgroup/$name" -depth -type d -exec rmdir {} +
rmdir "/run/systemd/nspawn/propagate/$name" 2>/dev/null || true
"""


class Machine:
    """Running from `booted` on. `run` is a command in it, as root."""

    def __init__(self, leader: int, boot_s: float) -> None:
        self._leader = leader
        self.boot_s = boot_s

    def run(self, *command: str, check: bool = True) -> str:
        """What it prints."""
        within = ("nsenter", "--target", str(self._leader), "--all", "env", "-i", "PATH=/usr/bin:/usr/sbin", *command)
        done = subprocess.run(within, capture_output=True, text=True, check=False, timeout=COMMAND_S_MAX)
        assert done.returncode == 0 or not check, f"{' '.join(command)}: {done.stdout}{done.stderr}"
        return done.stdout

    def shows(self, unit: str, *properties: str) -> dict[str, str]:
        """What systemd says of a unit."""
        lines = self.run("systemctl", "show", unit, f"--property={','.join(properties)}").splitlines()
        return dict(line.split("=", 1) for line in lines)

    def write(self, path: str, text: str) -> None:
        """A file in it; the folder too."""
        self.write_bytes(path, text.encode())

    def write_bytes(self, path: str, data: bytes) -> None:
        there = Path(f"/proc/{self._leader}/root", path.lstrip("/"))
        there.parent.mkdir(parents=True, exist_ok=True)
        there.write_bytes(data)

    def status(self) -> dict[str, Any]:
        found: dict[str, Any] = json.loads(self.run("/opt/releve/venv/bin/releve", "status", "--json"))
        return found

    def log(self, unit: str) -> str:
        return self.run("journalctl", "--no-pager", "--unit", unit)


@contextlib.contextmanager
def booted(folder: Path, host: Host, files: Mapping[str, str], *options: str) -> Iterator[Machine]:
    """A box with the units of this repository, what `files` says beside them by its path, and options of systemd-nspawn.

    A file `/prepare` is run in it, by sh, before it is started.
    """
    assert TREE.is_dir(), f"{TREE} is missing; `make integration` makes it"
    name = f"releve-{os.getpid()}"
    lower, mounted = folder / "machine.files", folder / "machine"
    mounted.mkdir()
    _install(lower)
    for path, text in files.items():
        _write(lower / path.lstrip("/"), text)
    log = folder / "machine.log"
    began = time.monotonic()
    command = ("unshare", "--mount", "--propagation", "private", "sh", "-c", BOOT, "sh", name, str(TREE), str(mounted))
    with log.open("wb") as output:
        process = subprocess.Popen(
            (*command, host.name, *options), stdin=subprocess.DEVNULL, stdout=output, stderr=output
        )
    try:
        leader: list[int] = []

        def started() -> bool:
            assert process.poll() is None, log.read_text(errors="replace")
            leader[:] = _leaders(process.pid)
            return bool(leader)

        until(started, "the machine begins to boot")
        machine = Machine(leader[0], 0.0)
        until(lambda: "running" in machine.run("systemctl", "is-system-running", check=False), "the machine is up")
        machine.boot_s = time.monotonic() - began
        yield machine
    finally:
        for init in _leaders(process.pid):
            with contextlib.suppress(ProcessLookupError):
                os.kill(init, signal.SIGRTMIN + 4)  # systemd: power off
        try:
            process.wait(END_S_MAX)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _install(root: Path) -> None:
    """The product as a wheel, and its units where a package would put them."""
    wheel = (sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--no-build-isolation", "--no-index")
    subprocess.run((*wheel, "--wheel-dir", str(root / "wheel"), str(ROOT)), check=True, timeout=COMMAND_S_MAX)
    for pattern, to in (
        ("*.service", "systemd/system"),
        ("*.path", "systemd/system"),
        ("sysusers.d/*", "sysusers.d"),
        ("tmpfiles.d/*", "tmpfiles.d"),
        ("udev/*", "udev/rules.d"),
    ):
        folder = root / "usr/lib" / to
        folder.mkdir(parents=True, exist_ok=True)
        for path in (ROOT / "systemd").glob(pattern):
            shutil.copy(path, folder)
    _write(root / "etc/machine-id", "")  # made at the first boot


def _write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)


def _leaders(process: int) -> list[int]:
    """The first process of the machine, as it is called here: below the shell and systemd-nspawn."""
    return [init for container in _children(process) for init in _children(container) if _is_init(init)]


def _children(process: int) -> list[int]:
    try:
        return [int(child) for child in Path(f"/proc/{process}/task/{process}/children").read_text().split()]
    except FileNotFoundError:
        return []


def _is_init(process: int) -> bool:
    with contextlib.suppress(FileNotFoundError, ProcessLookupError):
        return Path(f"/proc/{process}/comm").read_text().strip() == "systemd"
    return False
