"""Where an address lies: on this machine, in the home, or beyond it, where the box asks nobody."""

import asyncio
import ipaddress
import socket

# RFC 1918, RFC 3927 and RFC 1122; RFC 4193 and RFC 4291. `is_private` of Python takes more, such as 240.0.0.0/4 and Teredo.
HOME = tuple(
    ipaddress.ip_network(text)
    for text in (
        *("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "169.254.0.0/16", "127.0.0.0/8"),
        *("fc00::/7", "fe80::/10", "::1/128"),
    )
)


def is_at_home(address: str) -> bool:
    """Private, link-local or loopback."""
    try:
        found = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return False
    return any(found in network for network in HOME)


class AwayError(OSError):
    """An address beyond the home's network."""


async def at_home(host: str, port: int) -> str:
    """The numeric address behind a name; OSError when it has none, AwayError when it lies beyond the home."""
    try:
        found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError):
        raise OSError(f"{host}: nothing of this name answers at home") from None
    addresses = [str(entry[4][0]) for entry in found]
    if away := [address for address in addresses if not is_at_home(address)]:
        raise AwayError(f"{host}: {away[0]} lies beyond the home's network, and the box asks nobody there")
    return addresses[0]


def is_loopback(host: str) -> bool:
    """Whether only this machine reaches what listens there."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
