"""What a container cannot show of the units: addresses, ports, devices, memory. In a virtual machine with a kernel of its own, without a network.

Each line is tried beside the unit without it, as in tests/integration/test_walls.py. No hardware help is asked for: five minutes.
"""

import json
import os
import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
TREE = Path(os.environ.get("RELEVE_GUEST", "/var/tmp/releve-guest")) / "root"
GUEST_S_MAX = 1500
DISK_BYTES = 2 << 30
SERVICE = """
[Unit]
After=multi-user.target
[Service]
ExecStart=/usr/bin/python3 -I /opt/releve/beyond.py
"""
Ends = dict[str, dict[str, dict[str, str]]]  # of each unit, without which line, how each try ended


@pytest.fixture(scope="module")
def ends(tmp_path_factory: pytest.TempPathFactory) -> Ends:
    """How the tries ended in the guest."""
    assert (TREE.parent / "made").exists(), f"{TREE} is missing; `make test-guest` makes it"
    folder = tmp_path_factory.mktemp("guest")
    root = folder / "root"
    subprocess.run(("cp", "-a", "--reflink=auto", str(TREE), str(root)), check=True)
    units = root / "opt/releve/units"
    units.mkdir(parents=True)
    for path in (ROOT / "systemd").glob("*.service"):
        shutil.copy(path, units)
    shutil.copy(Path(__file__).with_name("beyond.py"), root / "opt/releve")
    for made in ("etc/releve", "var/lib/releve"):
        (root / made).mkdir(parents=True)
    (root / "etc/machine-id").write_text("")
    (root / "etc/systemd/system/beyond.service").write_text(SERVICE)
    wants = root / "etc/systemd/system/multi-user.target.wants"
    wants.mkdir(parents=True, exist_ok=True)
    (wants / "beyond.service").symlink_to("../beyond.service")
    disk, said, console = folder / "disk", folder / "said", folder / "console"
    with disk.open("wb") as file:
        file.truncate(DISK_BYTES)
    subprocess.run(("mke2fs", "-q", "-t", "ext4", "-d", str(root), str(disk)), check=True)
    shutil.rmtree(root)
    (kernel,) = (TREE / "boot").glob("vmlinuz-*")
    start = str(kernel).replace("vmlinuz", "initrd.img")
    command = (
        *("qemu-system-x86_64", "-accel", "tcg,thread=multi", "-machine", "q35", "-cpu", "Nehalem", "-smp", "2"),
        *("-m", "1024", "-nic", "none", "-display", "none", "-monitor", "none", "-no-reboot"),
        *("-kernel", str(kernel), "-initrd", start, "-append", "root=/dev/vda rw console=ttyS0 panic=-1"),
        *("-drive", f"if=none,id=disk,format=raw,file={disk}", "-device", "virtio-blk-pci,drive=disk"),
        *("-device", "virtio-rng-pci", "-serial", f"file:{console}", "-serial", f"file:{said}"),
    )
    subprocess.run(command, check=True, timeout=GUEST_S_MAX, stdin=subprocess.DEVNULL)
    found: Ends = {}
    lines = [json.loads(line) for line in said.read_text().splitlines() if line]
    assert lines, console.read_text(errors="replace")[-5000:]
    assert "over" in lines.pop()
    for line in lines:
        assert "failed" not in line["ends"], line
        found.setdefault(line["unit"], {})[line["without"]] = line["ends"]
    return found


pytestmark = pytest.mark.timeout(GUEST_S_MAX + 100)


def test_the_gateway_reaches_the_home_and_nothing_beyond(ends: Ends) -> None:
    found = ends["releve.service"][""]
    beyond = ("internet", "resolver", "internet, IPv6")
    assert {name: found[name] for name in beyond} == dict.fromkeys(beyond, "EPERM")
    within = ("home, 10", "home, 172", "home, 192", "home, IPv6", "itself", "multicast")
    assert {name: found[name] for name in within} == dict.fromkeys(within, "done")


def test_it_opens_its_ports_and_lines_and_no_others(ends: Ends) -> None:
    found = ends["releve.service"][""]
    assert {name: found[name] for name in ("pages", "mdns", "line")} == dict.fromkeys(("pages", "mdns", "line"), "done")
    refused = ("another port", "another port, UDP", "disk")
    assert {name: found[name] for name in refused} == dict.fromkeys(refused, "EPERM")


@pytest.mark.parametrize(
    ("unit", "line", "try_"),
    [
        ("releve.service", "IPAddressDeny=", "internet"),
        ("releve.service", "IPAddressAllow=", "home, 192"),
        ("releve.service", "SocketBindDeny=", "another port"),
        ("releve.service", "SocketBindAllow=", "pages"),
        ("releve.service", "DevicePolicy=", "disk"),
        ("releve.service", "DeviceAllow=", "line"),
        ("releve.service", "TasksMax=", "threads"),
        ("releve.service", "MemoryMax=", "memory.max"),
        ("releve.service", "MemoryHigh=", "memory.high"),
        ("releve.service", "MemorySwapMax=", "memory.swap.max"),
        ("releve.service", "ProtectKernelTunables=", "tunable"),
        ("releve-sync.service", "TasksMax=", "threads"),
        ("releve-sync.service", "MemoryMax=", "memory.max"),
        ("releve-secret.service", "PrivateNetwork=", "interfaces"),
    ],
)
def test_each_wall_stands_by_its_own_line(ends: Ends, unit: str, line: str, try_: str) -> None:
    assert ends[unit][""][try_] != ends[unit][line][try_]


def test_the_sending_process_reaches_the_internet_and_no_device(ends: Ends) -> None:
    found = ends["releve-sync.service"][""]
    assert (found["internet"], found["line"], found["disk"]) == ("done", "ENOENT", "ENOENT")
    assert found["a port to wake itself"] == "done"  # as paho-mqtt does for an MQTT target
