"""Each line of the units that forbids something is shown to forbid it: with it a try fails, without it alone the try succeeds.

The tries are root's, whom no mode of a file keeps off. What a container cannot show is tried in tests/image.
"""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.integration.home import Home
from tests.integration.machine import PYTHON, ROOT, Machine, booted

pytestmark = pytest.mark.timeout(300)

NONE = "0000000000000000"
SCRIPT = Path(__file__).with_name("walls.py")
# What makes a unit run a program again and again, which is not tried here.
LEFT_OUT = (
    "Type",
    "NotifyAccess",
    "ExecStart",
    "ExecCondition",
    "Restart",
    "Watchdog",
    "Timeout",
    "StateDirectory",
    "RemainAfterExit",
)

# What a line begins with: the try, and how it ends with the line.
WALLS = {
    "ProtectSystem=": ("write installed", "EROFS"),
    "ProtectHome=": ("list home", "EACCES"),
    "PrivateTmp=": ("see others' tmp", "False"),
    "ReadOnlyPaths=": ("write to run", "EROFS"),
    "NoExecPaths=": ("run from tmp", "EACCES"),
    "MemoryDenyWriteExecute=": ("write what runs", "refused"),
    "SystemCallFilter=": ("trace", "EPERM"),
    "SystemCallFilter=~": ("pin", "EPERM"),
    "RestrictNamespaces=": ("user namespace", "EPERM"),
    "RestrictAddressFamilies=": ("raw packets", "EAFNOSUPPORT"),
    "CapabilityBoundingSet=": ("capabilities", NONE),
    "PrivateUsers=": ("users", "0 0 1"),
    "RestrictSUIDSGID=": ("set user id", "EPERM"),
    "LockPersonality=": ("personality", "EPERM"),
    "ProcSubset=": ("ask the kernel", "False"),
    "ProtectKernelModules=": ("kernel modules", "EACCES"),
    "ProtectControlGroups=": ("control group", "EROFS"),
    "UMask=": ("mode", "600"),
    "LimitCORE=": ("core", "(0, 0)"),
    "PrivateDevices=": ("see a line", "False"),
    "InaccessiblePaths=": ("list configuration", "EACCES"),
    "LoadCredential=": ("credential", "32 bytes"),
}

UNITS = ("releve.service", "releve-sync.service", "releve-secret.service")


def lines(unit: str) -> list[str]:
    """What it says of its service."""
    service = (ROOT / "systemd" / unit).read_text().split("[Service]")[1].split("[Install]")[0]
    return [line for line in service.splitlines() if line and not line.startswith("#")]


@pytest.fixture(scope="module")
def machine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Machine]:
    files = {
        "/opt/releve/walls.py": SCRIPT.read_text(),
        "/usr/lib/modules/one": "",
        "/home/camille/diary": "",
        "/etc/releve/releve.toml": "[web]\nmdns = false\n",
    }
    with (
        Home() as home,
        booted(tmp_path_factory.mktemp("box"), home.box, files, "--bind=/dev/null:/dev/ttyUSB0") as box,
    ):
        box.write("/tmp/releve-planted", "")
        yield box


def tried(machine: Machine, said: list[str], user: str | None = None) -> dict[str, str]:
    """How the tries end in a service of these lines, as `user` or as whom they name."""
    run(machine, said, f"{PYTHON} -I /opt/releve/walls.py", user)
    found: dict[str, str] = json.loads(machine.run("cat", "/tried.json"))
    return found


def run(machine: Machine, said: list[str], command: str, user: str | None = None) -> None:
    """A program in a service of these lines, to its end, which must be a good one."""
    kept = [line for line in said if not line.startswith(LEFT_OUT)]
    kept += ["Type=oneshot", f"ExecStart={command}", "StandardOutput=truncate:/tried.json"]
    kept += [f"User={user}", f"Group={user}"] if user else []
    machine.write("/run/systemd/system/wall.service", "[Service]\n" + "\n".join(kept) + "\n")
    machine.run("systemctl", "daemon-reload")
    machine.run("systemctl", "start", "wall.service", check=False)
    assert machine.shows("wall.service", "Result") == {"Result": "success"}, machine.log("wall.service")


@pytest.mark.parametrize("unit", UNITS)
def test_each_wall_of_a_unit_stands_by_its_own_line(machine: Machine, unit: str) -> None:
    said = lines(unit)
    walls = {begins: wall for begins, wall in WALLS.items() if any(line.startswith(begins) for line in said)}
    within = tried(machine, said, "root")
    assert {begins: within[try_] for begins, (try_, _) in walls.items()} == {
        begins: end for begins, (_, end) in walls.items()
    }
    assert within["new rights"] == "1"
    stands_without = {
        begins: try_
        for begins, (try_, end) in walls.items()
        if tried(machine, [line for line in said if not line.startswith(begins)], "root")[try_] == end
    }
    assert stands_without == {}


def test_the_gateway_reaches_what_is_its_own(machine: Machine) -> None:
    found = tried(machine, lines("releve.service"))
    assert {name: found[name] for name in ("read configuration", "read secret", "credential", "command line")} == {
        "read configuration": "19 bytes",
        "read secret": "EACCES",
        "credential": "32 bytes",
        "command line": "done",
    }
    assert (found["written"], found["run what was brought"]) == (
        "/var/lib/releve /var/tmp /tmp /run/releve /dev/shm",
        "",
    )
    assert "catalog.json" in found["list house"]
    assert found["see a line"] == "True"


def test_the_sending_process_reaches_its_socket_and_nothing_else_of_the_house(machine: Machine) -> None:
    found = tried(machine, lines("releve-sync.service"))
    assert (found["written"], found["run what was brought"]) == ("/var/tmp /tmp /dev/shm", "")
    names = (
        "sending",
        "command line",
        "list runtime",
        "list house",
        "list configuration",
        "read configuration",
        "read secret",
        "credential",
        "see a line",
    )
    assert {name: found[name] for name in names} == {
        "sending": "done",
        "command line": "EACCES",
        "list runtime": "EACCES",
        "list house": "EACCES",
        "list configuration": "EACCES",
        "read configuration": "EACCES",
        "read secret": "EACCES",
        "credential": "no CREDENTIALS_DIRECTORY",
        "see a line": "False",
    }


@pytest.mark.parametrize("unit", ["releve.service", "releve-sync.service"])
def test_neither_sees_what_else_runs_here(machine: Machine, unit: str) -> None:
    said = lines(unit)
    assert tried(machine, said)["see others"] == "False"
    assert tried(machine, [line for line in said if not line.startswith("ProtectProc=")])["see others"] == "True"


@pytest.mark.parametrize("unit", ["releve.service", "releve-sync.service"])
def test_what_is_not_written_in_python_runs_within_the_walls(machine: Machine, unit: str) -> None:
    sealed = "pyrage.passphrase.decrypt(pyrage.passphrase.encrypt(b'index', 'a'), 'a') == b'index'"
    opened = "AESGCM(bytes(32)).decrypt(bytes(12), AESGCM(bytes(32)).encrypt(bytes(12), b'key', None), None) == b'key'"
    bring = "from cryptography.hazmat.primitives.ciphers.aead import AESGCM"
    script = f"import asyncpg, gpiod, ifaddr, paho.mqtt.client, pyrage, serial, zeroconf; {bring}; assert {sealed} and {opened}"
    run(machine, lines(unit), f'{PYTHON} -I -c "{script}"')
