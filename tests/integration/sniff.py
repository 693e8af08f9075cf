"""Counts every packet that comes in on an interface, by what it is and where it goes to."""

import contextlib
import ipaddress
import socket
import struct
import threading
from collections import Counter
from collections.abc import Iterator
from enum import StrEnum
from typing import NamedTuple

ETH_P_ALL = 3
PACKET_OUTGOING = 4
SOL_PACKET, PACKET_STATISTICS, SO_RCVBUFFORCE = 263, 6, 33
BUFFER_BYTES = 32 * 2**20
LOOK_S = 0.2
ARP, IPV4, IPV6 = 0x0806, 0x0800, 0x86DD
NAMES = {1: "icmp", 2: "igmp", 6: "tcp", 17: "udp", 58: "icmp6", 0: "hop-by-hop"}
DNS, NTP, MDNS = 53, 123, 5353
# What no router carries any further: RFC 5771, section 4; RFC 4291, section 2.7.
LINK_MULTICAST = ipaddress.ip_network("224.0.0.0/24"), ipaddress.ip_network("ff02::/16")
LINK_LOCAL = ipaddress.ip_network("169.254.0.0/16"), ipaddress.ip_network("fe80::/10")


class Packet(NamedTuple):
    """One packet, or many that are alike: `port` is where it goes to, `name` what a DNS question asks for."""

    protocol: str
    source: str
    destination: str
    port: int = 0
    name: str = ""


class Kind(StrEnum):
    """How far a packet goes. Questions of DNS and NTP are kinds of their own, though they go to a host of the LAN."""

    LINK = "link"  # ARP, and multicast of the link: neighbour discovery, groups, mDNS
    LAN = "lan"
    DNS = "dns"
    NTP = "ntp"
    AWAY = "away"


def kind(packet: Packet, *lan: str) -> Kind:
    """`lan`: the home's networks."""
    if packet.protocol == "arp":
        return Kind.LINK
    if not packet.destination:
        return Kind.AWAY  # what is neither ARP nor IP: nobody knows how far it goes
    if packet.port == DNS:
        return Kind.DNS
    if packet.port == NTP:
        return Kind.NTP
    where = ipaddress.ip_address(packet.destination)
    if any(where in network for network in LINK_MULTICAST):
        spoken = packet.protocol in ("igmp", "icmp6", "hop-by-hop") or (packet.protocol, packet.port) == ("udp", MDNS)
        return Kind.LINK if spoken else Kind.AWAY
    networks = (*LINK_LOCAL, *(ipaddress.ip_network(text) for text in lan))
    return Kind.LAN if any(where in network for network in networks) else Kind.AWAY


def described(packet: bytes) -> Packet:
    (ethertype,) = struct.unpack_from("!H", packet, 12)
    body = packet[14:]
    if ethertype == ARP:
        return Packet("arp", "", "")
    if ethertype == IPV4:
        protocol, header = body[9], 4 * (body[0] & 15)
        source, destination = socket.inet_ntoa(body[12:16]), socket.inet_ntoa(body[16:20])
    elif ethertype == IPV6:
        protocol, header = body[6], 40
        source, destination = (socket.inet_ntop(socket.AF_INET6, body[at : at + 16]) for at in (8, 24))
    else:
        return Packet(f"ethertype-{ethertype:04x}", "", "")
    port = struct.unpack_from("!H", body, header + 2)[0] if protocol in (6, 17) else 0
    name = asked(body[header + 8 :])[0] if protocol == 17 and port == DNS else ""
    return Packet(NAMES.get(protocol, str(protocol)), source, destination, port, name)


def asked(message: bytes) -> tuple[str, int, int]:
    """The name and type that a DNS message asks for, and where its question ends (RFC 1035, section 4.1.2)."""
    at, labels = 12, []
    while length := message[at]:
        labels.append(message[at + 1 : at + 1 + length].decode("ascii", "replace").lower())
        at += 1 + length
    (type_,) = struct.unpack_from("!H", message, at + 1)
    return ".".join(labels), type_, at + 5


class Sniffer:
    """What the far end of a wire sends, from now until `close`; what this end sends is not counted."""

    def __init__(self, interface: str) -> None:
        """In the network namespace of the thread that makes it."""
        self._socket = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(ETH_P_ALL))
        self._socket.setsockopt(socket.SOL_SOCKET, SO_RCVBUFFORCE, BUFFER_BYTES)
        self._socket.bind((interface, 0))
        self._socket.settimeout(LOOK_S)
        self._lock = threading.Lock()
        self._counts: Counter[Packet] = Counter()
        self._missed = 0
        self._ended = False
        self._thread = threading.Thread(target=self._listen, name=f"sniff {interface}", daemon=True)
        self._thread.start()

    def counts(self) -> Counter[Packet]:
        """So far. AssertionError when the kernel had to drop some before they were seen."""
        statistics = self._socket.getsockopt(SOL_PACKET, PACKET_STATISTICS, 8)  # asking sets them back to 0
        self._missed += struct.unpack("=II", statistics)[1]
        assert self._missed == 0, f"{self._missed} packets were not looked at"
        with self._lock:
            return self._counts.copy()

    def close(self) -> None:
        self._ended = True
        self._thread.join()
        self._socket.close()

    def _listen(self) -> None:
        while not self._ended:
            for packet in self._come():
                with self._lock:
                    self._counts[packet] += 1

    def _come(self) -> Iterator[Packet]:
        with contextlib.suppress(OSError):  # nothing came; or the link went down, and comes up again
            data, (_, _, direction, *_) = self._socket.recvfrom(65536)
            if direction != PACKET_OUTGOING:
                yield described(data)
