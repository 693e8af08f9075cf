"""With no consent given the box sends no packet beyond the LAN: proved on a wire of its own, packet by packet."""

import ipaddress
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from drivers.encode import records, wmbus
from drivers.model import Address

HERE = Path(__file__).parent
BOX, LAN = "releve-test-box", "releve-test-lan"
BOX_IP, LAN_IP = "10.77.0.2", "10.77.0.1"
WATCH_S = 20


def ip(*arguments: str) -> None:
    subprocess.run(["ip", *arguments], check=True, capture_output=True)


@contextmanager
def two_hosts() -> Iterator[None]:
    """A box and a router on one wire; the router is the box's default route, so what would leave passes it."""
    for name in (BOX, LAN):
        subprocess.run(["ip", "netns", "del", name], check=False, capture_output=True)
        ip("netns", "add", name)
    try:
        ip("link", "add", "v-box", "netns", BOX, "type", "veth", "peer", "name", "v-lan", "netns", LAN)
        for name, link, address in ((BOX, "v-box", BOX_IP), (LAN, "v-lan", LAN_IP)):
            ip("-n", name, "addr", "add", f"{address}/24", "dev", link)
            ip("-n", name, "link", "set", "lo", "up")
            ip("-n", name, "link", "set", link, "up")
        ip("-n", BOX, "route", "add", "default", "via", LAN_IP)
        yield
    finally:
        for name in (BOX, LAN):
            ip("netns", "del", name)


def within(namespace: str, *command: str, **options: object) -> "subprocess.Popen[str]":
    return subprocess.Popen(  # type: ignore[call-overload,no-any-return]
        ["ip", "netns", "exec", namespace, *command], stdout=subprocess.PIPE, text=True, **options
    )


def stays_home(line: str) -> bool:
    """ARP, neighbour discovery, multicast of the link, and talk with a host of the LAN stay; all else leaves."""
    protocol, _, destination, port = line.split()
    if protocol == "arp":
        return True
    if port in ("53", "123"):
        return False  # a router would carry these further
    where = ipaddress.ip_address(destination)
    if where.is_multicast:
        return protocol in ("igmp", "icmp6", "hop-by-hop") or (protocol, port) == ("udp", "5353")
    return where in ipaddress.ip_network("10.77.0.0/24") or where.is_link_local


@pytest.mark.timeout(120)
def test_a_box_with_no_consent_sends_no_packet_beyond_the_lan(tmp_path: Path) -> None:
    assert os.geteuid() == 0, "network namespaces need root"
    config = tmp_path / "releve.toml"
    config.write_text(f"""
        [box]
        data = "{tmp_path}/data"
        runtime = "{tmp_path}/run"
        [web]
        listen = "0.0.0.0:8080"
        [[port]]
        name = "radio"
        protocol = "wmbus"
        receiver = "hexlines"
        tcp = "{LAN_IP}:9000"
        [[port]]
        name = "sky"
        protocol = "wmbus"
        mqtt = "{LAN_IP}:1883"
        topic = "wmbus_bridge/+/telegram"
    """)
    broker = tmp_path / "mosquitto.conf"
    broker.write_text(f"user root\nlistener 1883 {LAN_IP}\nallow_anonymous true\n")
    telegram = wmbus.telegram(Address("wmbus", "12345678", "REL", 1, 7), records.volume(612_373), 1).hex()
    feed = f"import time\nwhile True: print('{telegram}', flush=True); time.sleep(1)"
    with two_hosts():
        processes = [
            within(LAN, sys.executable, str(HERE / "sniff.py"), "v-lan"),
            within(LAN, "socat", "TCP-LISTEN:9000,reuseaddr,fork", f'SYSTEM:{sys.executable} -c "{feed}"'),
            within(BOX, sys.executable, "-m", "gateway", "run", "--config", str(config)),
            within(LAN, "mosquitto", "-c", str(broker)),
        ]
        try:
            sniffer, _, gateway, _ = processes
            assert sniffer.stdout is not None
            assert gateway.stdout is not None
            assert sniffer.stdout.readline() == "listening\n"
            assert gateway.stdout.readline() == "Relevé: http://releve.local:8080/\n"
            assert gateway.stdout.readline() == f"Relevé: http://{BOX_IP}:8080/\n"
            fetch = f"import urllib.request as r; print(r.urlopen('http://{BOX_IP}:8080/', timeout=10).status)"
            page, _ = within(LAN, sys.executable, "-c", fetch).communicate(timeout=30)
            assert page.strip() == "200"
            learnt, _ = within(LAN, sys.executable, str(HERE / "find_box.py"), LAN_IP).communicate(timeout=60)
            time.sleep(WATCH_S)
            assert gateway.poll() is None
            sniffer.terminate()
            packets = sniffer.stdout.read().splitlines()
        finally:
            for process in processes:
                process.terminate()
                process.communicate(timeout=10)
    host, *services = sorted(learnt.splitlines(), key=lambda line: not line.startswith("releve.local"))
    assert host == f"releve.local {BOX_IP}"
    assert sorted(line.split("._", 1)[1] for line in services) == [
        f"{service}._tcp.local. {BOX_IP}:8080 {{'path': '/', 'txtvers': '1'}}" for service in ("http", "releve")
    ]
    assert "12345678" not in learnt, "no meter is named to the whole LAN"
    assert any(line.startswith("udp") and line.endswith(" 5353") for line in packets), "mDNS was announced"
    assert any(line.startswith("tcp") and line.endswith(" 9000") for line in packets), "the radio was listened to"
    assert any(line.startswith("tcp") and line.endswith(" 1883") for line in packets), "the broker was asked"
    assert [line for line in packets if line.split()[1] != LAN_IP and not stays_home(line)] == []
