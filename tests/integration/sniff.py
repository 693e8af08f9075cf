"""Prints each packet that passes an interface: `protocol source destination destination-port`, one a line, until ended."""

import socket
import struct
import sys

ETH_P_ALL = 3
ARP, IPV4, IPV6 = 0x0806, 0x0800, 0x86DD
NAMES = {1: "icmp", 2: "igmp", 6: "tcp", 17: "udp", 58: "icmp6", 0: "hop-by-hop"}


def described(packet: bytes) -> str:
    (kind,) = struct.unpack_from("!H", packet, 12)
    body = packet[14:]
    if kind == ARP:
        return "arp - - 0"
    if kind == IPV4:
        protocol, header = body[9], 4 * (body[0] & 15)
        source, destination = socket.inet_ntoa(body[12:16]), socket.inet_ntoa(body[16:20])
    elif kind == IPV6:
        protocol, header = body[6], 40
        source, destination = (socket.inet_ntop(socket.AF_INET6, body[at : at + 16]) for at in (8, 24))
    else:
        return f"ethertype-{kind:04x} - - 0"
    port = struct.unpack_from("!H", body, header + 2)[0] if protocol in (6, 17) else 0
    return f"{NAMES.get(protocol, protocol)} {source} {destination} {port}"


def main() -> None:
    with socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(ETH_P_ALL)) as listening:
        listening.bind((sys.argv[1], 0))
        sys.stdout.write("listening\n")
        sys.stdout.flush()
        while True:
            sys.stdout.write(described(listening.recv(65536)) + "\n")
            sys.stdout.flush()


main()
