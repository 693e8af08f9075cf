"""What a box opens and what it says to the network, with a Linky in its socket and nothing granted: minutes of it."""

import time
from collections import Counter

from tests.image.card import Card
from tests.image.guest import MAC, Guest, Power, Record, until
from tests.image.household import LINE, configure, first_visit, heard, pcap, speaking
from tests.integration.sniff import Kind, Packet, described, kind

LAN = "10.0.2.0/24", "fec0::/64"  # of qemu's router
WATCHED_S = 300
# The pages, mDNS, and who asks the router for an address.
PORTS = {("tcp", 80), ("udp", 5353), ("udp", 68), ("udp", 546)}
DHCP = {("255.255.255.255", 67), ("10.0.2.2", 67), ("ff02::1:2", 547)}
LISTENING, UNCONNECTED = "0A", "07"


def open_ports(guest: Guest) -> set[tuple[str, int]]:
    """Those that somebody in the home can reach."""
    found = set()
    for table, state in (("tcp", LISTENING), ("tcp6", LISTENING), ("udp", UNCONNECTED), ("udp6", UNCONNECTED)):
        for row in guest.read(f"/proc/net/{table}").splitlines()[1:]:
            local, is_ = row.split()[1], row.split()[3]
            address, port = local.split(":")
            itself = address in ("0100007F", "00000000000000000000000001000000")
            if is_ == state and not itself:
                found.add((table[:3], int(port, 16)))
    return found


def sent(guest: Guest) -> Counter[Packet]:
    ours = bytes.fromhex(MAC.replace(":", ""))
    return Counter(described(packet) for _, packet in pcap(guest.folder / "packets.pcap") if packet[6:12] == ours)


def test_it_opens_the_ports_of_the_list_and_says_nothing_beyond_the_home(
    card: Card, power: Power, record_property: Record
) -> None:
    with power(card) as guest, speaking(guest):
        visitor = first_visit(guest)
        configure(guest, LINE)
        until(lambda: heard(visitor), "the Linky is heard", 300)
        guest.settled()
        assert open_ports(guest) <= PORTS
        assert {("tcp", 80), ("udp", 5353)} <= open_ports(guest)
        assert guest.run("ip", "route", "show", "default") != "", "it would know the way out"
        end = time.monotonic() + WATCHED_S
        while time.monotonic() < end:
            visitor.ask("/")
            time.sleep(5)
        assert open_ports(guest) <= PORTS
        assert guest.run("systemctl", "list-units", "--failed", "--plain", "--quiet") == ""
        packets = sent(guest)
    away = {
        packet: count
        for packet, count in packets.items()
        if kind(packet, *LAN) not in (Kind.LINK, Kind.LAN) and (packet.destination, packet.port) not in DHCP
    }
    assert away == {}
    by_kind = Counter(kind(packet, *LAN) for packet in packets.elements())
    assert by_kind[Kind.LAN] > 0, "the pages were asked for"
    record_property("minutes watched", WATCHED_S // 60)
