"""The units of a first boot, in images/: read without a word of complaint, and with little of root's left to them."""

import sys
from pathlib import Path

import pytest

from tests.test_units import analyze, left_open

UNITS = Path(__file__).parents[1] / "images/files/usr/lib/systemd/system"
OURS = [UNITS / f"releve-{name}" for name in (
    *("wifi.service", "wifi-wanted.service", "first.service", "hotspot.service", "clock.service"),
    *("wifi-wanted.path", "first.path", "clock.timer"),
)]  # fmt: skip
SERVICES = [path for path in OURS if path.suffix == ".service"]
# What stays open, as systemd-analyze counts: each is root's, for it reads, writes or asks what only root may.
ROOTS = {
    "RootDirectory=/RootImage=": "0.1",
    "User=/DynamicUser=": "0.4",
    "PrivateUsers=": "0.2",
    "DeviceAllow=": "0.1",  # of PrivateDevices= or ProtectClock=
}
CALLS = {"PrivateNetwork=": "0.5", "RestrictAddressFamilies=~AF_UNIX": "0.1"}  # NetworkManager, by D-Bus
OTHERS = {"CapabilityBoundingSet=~CAP_(DAC_*|FOWNER|IPC_OWNER)": "0.2"}  # the gateway's files are another user's
OPEN = {
    "releve-wifi.service": ROOTS,
    "releve-wifi-wanted.service": ROOTS | CALLS | OTHERS,
    "releve-hotspot.service": ROOTS | CALLS,
    "releve-clock.service": ROOTS | {"UMask=": "0.1"},
    "releve-first.service": ROOTS
    | CALLS
    | OTHERS
    | {
        "RestrictAddressFamilies=~AF_NETLINK": "0.1",  # the addresses, and the radio's country
        "CapabilityBoundingSet=~CAP_NET_ADMIN": "0.2",  # the country
        "PrivateDevices=": "0.2",  # consoles
        "ProtectClock=": "0.2",  # it would open /dev/rtc to be read; no capability and no call sets the clock
        "ProcSubset=": "0.1",  # of the kernel's consoles
    },
}
PYTHON = "/opt/releve/base/bin/python"


def test_systemd_reads_each_of_them_without_a_complaint(tmp_path: Path) -> None:
    for path in OURS:
        (tmp_path / path.name).write_text(path.read_text().replace(PYTHON, sys.executable))
    done = analyze("verify", "--man=no", "--recursive-errors=no", *(str(tmp_path / path.name) for path in OURS))
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


@pytest.mark.parametrize("path", SERVICES, ids=lambda path: path.name)
def test_each_leaves_open_what_it_needs_and_nothing_else(path: Path, tmp_path: Path) -> None:
    assert left_open(path.read_text(), tmp_path) == OPEN[path.name]


def test_what_reads_a_persons_file_has_no_capability_and_no_network() -> None:
    lines = (UNITS / "releve-wifi.service").read_text().splitlines()
    assert {"CapabilityBoundingSet=", "PrivateNetwork=yes", "RestrictAddressFamilies=none"} <= set(lines)


@pytest.mark.parametrize("path", OURS, ids=lambda path: path.name)
def test_each_is_started_by_something(path: Path) -> None:
    """By a target, a path or a timer, or when another has ended."""
    wanted = [link.name for link in UNITS.glob("*.wants/*")]
    starts = {"releve-wifi-wanted.service": "releve-wifi-wanted.path", "releve-clock.service": "releve-clock.timer"}
    assert starts.get(path.name, path.name) in wanted


def test_a_rename_on_the_partition_that_starts_the_box_is_whole_when_it_is_done() -> None:
    """tests/gateway/box/cut_card.py takes it for granted; FAT does so with this option alone."""
    fstab = (UNITS.parents[3] / "etc/fstab").read_text()
    (options,) = (line.split()[3] for line in fstab.splitlines() if " /boot/firmware " in line)
    assert "dirsync" in options.split(",")
