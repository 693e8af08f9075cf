"""The units, in a box booted by systemd-nspawn: it answers, reads, comes back, sends only what was granted, and may do little.

What a container cannot show (addresses, ports, devices, memory) is in tests/image.
"""

import shutil
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from tests.integration.box_at_home import REACHED, until
from tests.integration.home import Home
from tests.integration.linky_line import Meter
from tests.integration.machine import Machine, booted
from tests.integration.visitor import Visitor, hidden

pytestmark = [pytest.mark.timeout(300), pytest.mark.allow_hosts(REACHED)]

PASSWORD = "korrekt horse battery"
USER, CLOUD_PASSWORD = "camille", "cheval correct pile agrafe"
WEBDAV = 8081
BOOT_S_MAX = 60.0

CONFIG = """
[web]
language = "en"
[[port]]
name = "linky"
protocol = "tic"
device = "/dev/ttyUSB0"
"""

# Each half hour of three days, until now.
PAST = "time,point,medium,meter,register,tariff,unit,value\n" + "".join(
    f"{datetime.now(UTC) - timedelta(minutes=30 * n):%Y-%m-%dT%H:%M:00Z},Eau froide,water,08172635,volume,0,m3,{612 - n}\n"
    for n in range(144, 0, -1)
)

# A test waits for seconds where a box waits for a minute, and its line is no line of a kind that there is in a box.
SOONER = """
[Service]
WatchdogSec=4
RestartSec=1
DeviceAllow=char-pts rw
"""


@pytest.fixture(scope="module")
def machine(home: Home, meter: Meter, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Machine]:
    files = {
        "/etc/releve/releve.toml": CONFIG,
        "/etc/systemd/system/releve.service.d/sooner.conf": SOONER,
        "/etc/systemd/system/releve-sync.service.d/sooner.conf": "[Service]\nRestartSec=2\n",
    }
    bind = f"--bind={meter.path}:/dev/ttyUSB0"
    with booted(tmp_path_factory.mktemp("box"), home.box, files, bind) as machine:
        yield machine


@pytest.fixture(scope="module")
def visitor(home: Home, machine: Machine) -> Visitor:
    """Who set the box up, from another machine of the home."""
    visitor = Visitor(home.router, f"http://{Home.BOX[0]}:8080")
    visitor.set_up(machine.status()["setup_code"], PASSWORD)
    return visitor


def running(machine: Machine, unit: str = "releve.service") -> bool:
    return machine.shows(unit, "SubState")["SubState"] == "running"


def index(machine: Machine) -> str:
    """What the meter is known to have said last."""
    return " ".join(str(point["index"]) for point in machine.status()["points"])


def restarted(machine: Machine, before: dict[str, str]) -> bool:
    """Whether another process is ready since."""
    now = machine.shows("releve.service", "MainPID", "SubState")
    return now["SubState"] == "running" and now["MainPID"] not in ("0", before["MainPID"])


def test_a_box_answers_seconds_after_its_boot_and_every_unit_is_well(machine: Machine, visitor: Visitor) -> None:
    assert machine.boot_s < BOOT_S_MAX
    said = machine.shows("releve.service", "Type", "SubState", "StatusText", "NRestarts")
    assert said == {
        "Type": "notify",
        "SubState": "running",
        "StatusText": "the pages are at http://releve.local:8080/",
        "NRestarts": "0",
    }
    assert machine.run("systemctl", "list-units", "--failed", "--quiet") == ""
    assert visitor.status == 200


def test_a_meter_played_into_a_line_is_on_its_page(machine: Machine, visitor: Visitor) -> None:
    until(lambda: 'aria-label="12345 kWh"' in visitor.ask("/meters?lang=en"), "its index is on its page")


def test_who_owns_what_in_a_box(machine: Machine) -> None:
    paths = (
        "/etc/releve",
        "/etc/releve/releve.toml",
        "/etc/releve/box-secret",
        "/run/releve",
        "/run/releve/releve.sock",
        "/run/releve/sync.sock",
        "/var/lib/releve",
    )
    assert machine.run("stat", "--format=%a %U %G", *paths).splitlines() == [
        "750 root releve",
        "640 root releve",
        "600 root root",
        "2710 releve releve-sync",
        "600 releve releve-sync",
        "660 releve releve-sync",
        "700 releve releve",
    ]
    assert machine.run("stat", "--format=%s", "/etc/releve/box-secret").strip() == "32"


def test_the_udev_rules_are_rules(machine: Machine) -> None:
    assert "Fail:    0" in machine.run("udevadm", "verify", "/usr/lib/udev/rules.d/60-releve.rules")


def test_a_gateway_that_is_killed_is_back_with_all_that_it_had_shown(machine: Machine, meter: Meter) -> None:
    before = machine.shows("releve.service", "MainPID")
    meter.index_wh += 1
    until(lambda: "12345679" in index(machine), "the new index is shown")
    meter.mute()
    machine.run("systemctl", "kill", "--kill-whom=main", "--signal=KILL", "releve.service")
    until(lambda: restarted(machine, before), "the gateway is back")
    assert "12345679" in index(machine)
    meter.speak()


def test_a_gateway_that_stands_still_is_ended_by_the_watchdog_and_started_again(machine: Machine) -> None:
    before = machine.shows("releve.service", "MainPID")
    machine.run("systemctl", "kill", "--kill-whom=main", "--signal=STOP", "releve.service")
    until(lambda: restarted(machine, before), "the gateway is back")
    log = machine.log("releve.service")
    assert "Watchdog timeout" in log
    assert "Current thread" in log or "most recent call first" in log  # where it stood


def test_a_box_that_is_left_alone_is_not_restarted(machine: Machine) -> None:
    before = machine.shows("releve.service", "MainPID", "NRestarts")
    time.sleep(6)  # more than WatchdogSec
    assert machine.shows("releve.service", "MainPID", "NRestarts") == before


@pytest.fixture
def cloud(home: Home, tmp_path: Path) -> Iterator[Path]:
    """Debian's rclone on another machine of the home; where its files lie."""
    assert shutil.which("rclone"), "rclone is missing; `make integration` installs it"
    files = tmp_path / "cloud"
    files.mkdir()
    at = f"{Home.ROUTER[0]}:{WEBDAV}"
    command = ("rclone", "serve", "webdav", str(files), "--addr", at, "--config", "")
    with home.router.running(tmp_path / "rclone.log", *command, "--user", USER, "--pass", CLOUD_PASSWORD):
        yield files


def test_the_sending_process_runs_only_from_the_yes_to_its_withdrawal(
    machine: Machine, visitor: Visitor, cloud: Path
) -> None:
    def ran() -> str:
        return machine.shows("releve-sync.service", "ExecMainStartTimestampMonotonic")[
            "ExecMainStartTimestampMonotonic"
        ]

    # A box of some minutes has nothing whose period is over: a past is brought in.
    machine.write("/var/lib/releve/past.csv", PAST)
    machine.run("/opt/releve/venv/bin/releve", "import", "/var/lib/releve/past.csv")
    (point,) = (point for point in machine.status()["points"] if point["name"] == "Eau froide")
    assert ran() == "0"
    confirming = visitor.sends(
        "/data/send/webdav", "/data/give", to="webdav", target="Cloud", operator="me", purpose="keep",
        resolution="day", delay="0", lasts="31536000", past="on", address=f"http://{Home.ROUTER[0]}:{WEBDAV}/", user=USER,
        form="files", **{"at-home": "on", f"point-{point['id']}": "on"},
    )  # fmt: skip
    given = hidden(confirming)
    visitor.ask("/data/given", {**given, "password": CLOUD_PASSWORD})
    assert visitor.status == 200
    until(lambda: running(machine, "releve-sync.service"), "the sending process runs")
    process = machine.shows("releve-sync.service", "MainPID")["MainPID"]
    assert machine.run("stat", "--format=%U", f"/proc/{process}").strip() == "releve-sync"
    until(lambda: any(cloud.rglob("manifest.json")), "what was granted is there")
    visitor.ask("/data/withdraw", {"token": given["token"], "grant": given["id"], "what": "erase"})
    until(lambda: not any(cloud.iterdir()), "it is erased there")
    until(
        lambda: machine.shows("releve-sync.service", "ActiveState")["ActiveState"] == "inactive",
        "the sending process has ended and is not started again",
    )
    last = ran()
    time.sleep(3)  # more than RestartSec
    assert ran() == last
    assert machine.shows("releve-sync.path", "ActiveState")["ActiveState"] == "active"
    assert machine.run("systemctl", "list-units", "--failed", "--quiet") == ""


def test_eight_digits_on_the_card_set_the_box_up_anew_once(machine: Machine) -> None:
    assert machine.status()["setup_code"] is None
    before = machine.shows("releve.service", "MainPID")
    machine.write("/boot/firmware/releve-recover", "2749 1836\r\n")
    machine.run("systemctl", "restart", "releve.service")
    assert restarted(machine, before)
    assert machine.status()["setup_code"] == "2749-1836"
    assert machine.run("ls", "/boot/firmware") == ""
    assert "recover" not in machine.run("ls", "/run/releve").split()
