"""Where an address lies: on this machine, in the home, or beyond it, where the box asks nobody."""

import asyncio
import ipaddress
import socket


def is_at_home(address: str) -> bool:
    """Private, link-local or loopback (RFC 1918, RFC 3927, RFC 4193)."""
    try:
        found = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return False
    return found.is_private and not found.is_unspecified and not found.is_multicast


async def at_home(host: str, port: int) -> str:
    """The numeric address behind a name; OSError when it has none, or when it lies beyond the home."""
    try:
        found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError):
        raise OSError(f"{host}: nothing of this name answers at home") from None
    addresses = [str(entry[4][0]) for entry in found]
    if away := [address for address in addresses if not is_at_home(address)]:
        raise OSError(f"{host}: {away[0]} lies beyond the home's network, and the box asks nobody there")
    return addresses[0]


def is_loopback(host: str) -> bool:
    """Whether only this machine reaches what listens there."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
