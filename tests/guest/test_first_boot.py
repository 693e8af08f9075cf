"""A first boot by Wi-Fi, with the real NetworkManager, wpa_supplicant and gateway, and radios of the kernel's simulator (mac80211_hwsim).

In a virtual machine without hardware help: some ten minutes. What no simulator shows: a Raspberry Pi's own radio and its firmware.
"""

import json
import os
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

from tests.guest import at_home
from tools import deb_package

ROOT = Path(__file__).parents[2]
TREE = Path(os.environ.get("RELEVE_GUEST_WIFI", "/var/tmp/releve-guest-wifi")) / "root"
GUEST_S_MAX = 3000
DISK_BYTES, CARD_BYTES = 3 << 30, 64 << 20
SECRET = at_home.NETWORK[1].strip()
FSTAB = "/dev/vdb /boot/firmware vfat nosuid,nodev,noexec,noatime,umask=0077,nofail,x-systemd.automount,x-systemd.idle-timeout=30s 0 0\n"
HOME = """
[Unit]
Before=NetworkManager.service releve-wifi.service
[Service]
Type=oneshot
TimeoutStartSec=infinity
ExecStart=/usr/bin/python3 -I /opt/releve/at_home.py home
[Install]
WantedBy=multi-user.target
"""
TOLD = """
[Unit]
After=multi-user.target
[Service]
ExecStart=/usr/bin/python3 -I /opt/releve/at_home.py
[Install]
WantedBy=graphical.target
"""
# Slow as it is, nothing in it hangs.
PATIENCE = "[Service]\nTimeoutStartSec=infinity\nWatchdogSec=0\n"
Steps = dict[str, dict[str, Any]]

pytestmark = pytest.mark.timeout(GUEST_S_MAX + 300)


def furnished(root: Path, work: Path) -> None:
    """The package unpacked, and the units of the image's root, in the tree of a guest."""
    package = deb_package.build("amd64", "trixie", work, quick=True)
    subprocess.run(("dpkg-deb", "--extract", str(package), str(root)), check=True)
    (root / "opt/releve/venv").rename(root / "opt/releve/base")
    (root / "opt/releve/venv").symlink_to("base")
    lib = root / "usr/lib"
    for name in ("wifi", "wifi-wanted", "first", "hotspot", "clock"):
        for path in (ROOT / "images/files/usr/lib").rglob(f"releve-{name}.*"):
            if path.parent.suffix == ".wants" and name == "hotspot":
                continue  # two minutes are not enough for a machine this slow: it is started when it is its turn
            there = lib / path.relative_to(ROOT / "images/files/usr/lib")
            there.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(path, there, follow_symlinks=False)
    files = {
        "etc/fstab": FSTAB,
        "etc/machine-id": "",
        "etc/systemd/system/home.service": HOME,
        "etc/systemd/system/told.service": TOLD,
        "etc/releve/releve.toml": "[web]\nmdns = false\n",
        "usr/lib/tmpfiles.d/releve-box.conf": "d /run/releve-box 0755 root root -\n",
        "usr/share/releve/image.json": json.dumps({"version": "0.1.0", "arch": "amd64", "commit": "0", "made": "now"}),
        **{
            f"etc/systemd/system/{unit}.service.d/patience.conf": PATIENCE
            for unit in ("releve", "releve-secret", "releve-wifi", "releve-wifi-wanted", "NetworkManager")
        },
    }
    for name, text in files.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text)
    for name in ("boot/firmware", "data/box", "var/lib/releve"):
        (root / name).mkdir(parents=True, exist_ok=True)
    shutil.copy(at_home.__file__, root / "opt/releve")
    for unit in ("home", "told", "releve"):
        subprocess.run(("systemctl", "--quiet", f"--root={root}", "enable", f"{unit}.service"), check=True)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the guest has run: `said`, `console` and `card` lie in it."""
    assert (TREE.parent / "made").exists(), f"{TREE} is missing; `make test-guest` makes it"
    folder = tmp_path_factory.mktemp("first-boot")
    root, disk, card = folder / "root", folder / "disk", folder / "card"
    subprocess.run(("cp", "-a", "--reflink=auto", str(TREE), str(root)), check=True)
    furnished(root, folder / "package")
    with disk.open("wb") as file:
        file.truncate(DISK_BYTES)
    subprocess.run(("mke2fs", "-q", "-t", "ext4", "-d", str(root), str(disk)), check=True)
    (kernel,) = (TREE / "boot").glob("vmlinuz-*")
    shutil.rmtree(root)
    with card.open("wb") as file:
        file.truncate(CARD_BYTES)
    subprocess.run(("mkfs.vfat", "-F", "32", "-n", "RELEVE", str(card)), check=True, stdout=subprocess.DEVNULL)
    name, password, _ = at_home.NETWORK
    (folder / "wifi.txt").write_text(f'\ufeffNom du réseau = "{name}"\r\nMot de passe = "{password}"\r\nPays : FR\r\n')
    subprocess.run(("mcopy", "-i", str(card), str(folder / "wifi.txt"), "::/"), check=True)
    assert SECRET.encode() in card.read_bytes()
    drives = [
        ("-drive", f"if=none,id={n},format=raw,file={p}", "-device", f"virtio-blk-pci,drive={n}")
        for n, p in (("disk", disk), ("card", card))
    ]
    command = (
        *("qemu-system-x86_64", "-accel", "tcg,thread=multi", "-machine", "q35", "-cpu", "Nehalem", "-smp", "2"),
        *("-m", "1024", "-nic", "none", "-display", "none", "-monitor", "none", "-no-reboot"),
        *("-kernel", str(kernel), "-initrd", str(kernel).replace("vmlinuz", "initrd.img")),
        *("-append", "root=/dev/vda rw console=ttyS0 panic=-1 net.ifnames=0"),
        *(word for drive in drives for word in drive),
        *("-device", "virtio-rng-pci", "-serial", f"file:{folder / 'console'}", "-serial", f"file:{folder / 'said'}"),
    )
    subprocess.run(command, check=True, timeout=GUEST_S_MAX, stdin=subprocess.DEVNULL)
    return folder


@pytest.fixture(scope="module")
def steps(folder: Path) -> Steps:
    lines = [json.loads(line) for line in (folder / "said").read_text().splitlines() if line]
    found = {line.pop("step"): line for line in lines}
    if "failed" in found:
        pytest.fail(f"{found['failed']['why']}\n{found['failed']['log']}")
    assert found, (folder / "console").read_text(errors="replace")[-5000:]
    return found


def joined(step: dict[str, Any], name: str) -> None:
    assert "wifi:connected:releve-wifi" in step["devices"]
    assert f"SSID: {name}" in step["heard"]
    assert "192.168.9." in step["address"]


def test_wifi_txt_on_the_card_is_joined_and_gone(folder: Path, steps: Steps) -> None:
    step = steps["from the card"]
    joined(step, at_home.NETWORK[0])
    assert step["wifi"]["state"] == "joined"
    assert step["card"] == ["START-HERE.html"]
    card = (folder / "card").read_bytes()
    assert SECRET.encode() not in card
    assert SECRET.encode("utf-16-le") not in card


def test_the_card_and_the_console_say_where_the_pages_are_and_the_code(folder: Path, steps: Steps) -> None:
    step = steps["from the card"]
    code = step["page"].split('id="code">')[1].split("<")[0]
    (address,) = step["first"]["addresses"]
    assert f"http://{address}" in step["page"]
    console = (folder / "console").read_text(errors="replace")
    assert f"code of the first visit: {code}" in console
    assert f"http://{address}" in console


@pytest.mark.parametrize("number", range(len(at_home.OTHERS)))
def test_networks_of_odd_names_of_wpa3_alone_and_hidden_ones_are_joined(steps: Steps, number: int) -> None:
    joined(steps[f"another {number}"], at_home.OTHERS[number][0].strip())


def test_a_refused_password_and_a_network_that_is_not_there_are_told_apart(steps: Steps) -> None:
    refused, missing = steps["wrong password"], steps["no such network"]
    assert (refused["wifi"]["state"], refused["wifi"]["code"]) == ("failed", "refused")
    assert "n’a pas laissé entrer le boîtier" in refused["page"]
    assert (missing["wifi"]["state"], missing["wifi"]["code"]) == ("failed", "not_found")
    assert "Ailleurs" in missing["page"]


def test_a_telephone_joins_the_boxs_own_network_sets_it_up_and_names_the_homes(steps: Steps) -> None:
    step = steps["its own network"]
    assert step["opened_s"] >= 100
    assert (step["answered"]["setup"], step["answered"]["page"], step["answered"]["join"]) == (303, 200, 200)
    assert step["wifi"]["state"] == "joined"
    joined(step, at_home.NETWORK[0])
    assert not step["wanted"]


def test_only_names_and_addresses_are_served_on_the_boxs_own_network(steps: Steps) -> None:
    ports = {line.split()[4].rsplit(":", 1)[1] for line in steps["its own network"]["listening"].splitlines()}
    assert ports == {"8080", "53", "67"}


def test_the_code_is_off_the_card_once_the_box_is_set_up(steps: Steps) -> None:
    assert 'id="code"' in steps["no such network"]["page"]
    assert 'id="code"' not in steps["its own network"]["page"]


def test_the_time_is_kept_for_the_next_start(steps: Steps) -> None:
    assert abs(steps["clock"]["kept"] - steps["clock"]["now"]) < 60
