"""Tells the LAN that the box is here: `_http._tcp` and `_releve._tcp`, and the name releve.local."""

import asyncio
import socket
from collections.abc import Awaitable, Callable, Iterable

HOST = "releve.local."
SERVICES = ("_http._tcp.local.", "_releve._tcp.local.")
SUFFIX = " (Relevé)"
LABEL_BYTES_MAX = 63  # RFC 6763, 4.1.1
MOVED_S = 60.0


async def announce(port: int, dwelling_name: str) -> None:
    """Announce until cancelled; OSError when no interface takes multicast, or when the box has another address now.

    No meter is named, nor how many there are.
    """
    import ifaddr  # both late: a box that is told to keep quiet does not load them
    from zeroconf import Error, IPVersion
    from zeroconf.asyncio import AsyncServiceInfo, AsyncZeroconf

    now = addresses(ifaddr.get_adapters())
    if not now:
        raise OSError("no LAN address to announce yet")
    mdns = AsyncZeroconf(ip_version=IPVersion.V4Only)
    try:
        for service in SERVICES:
            info = AsyncServiceInfo(
                service,
                f"{instance(dwelling_name)}.{service}",
                addresses=now,
                port=port,
                properties={"path": "/", "txtvers": "1"},
                server=HOST,
            )
            await mdns.async_register_service(info, allow_name_change=True)
        await until_moved(now, lambda: addresses(ifaddr.get_adapters()), asyncio.sleep)
    except Error as error:  # the LAN's other names, a slow start: no reason to stop reading meters
        raise OSError(f"{type(error).__name__}: {error}") from None
    finally:
        await mdns.async_close()


def instance(dwelling_name: str) -> str:
    """The service's name as browsers list it, cut to what DNS takes."""
    room = LABEL_BYTES_MAX - len(SUFFIX.encode()) - len("-99")  # which a second box of that name gets behind its own
    return dwelling_name.encode()[:room].decode(errors="ignore").strip() + SUFFIX


def addresses(adapters: Iterable[object]) -> list[bytes]:
    """The IPv4 addresses under which the LAN reaches the box."""
    return [
        socket.inet_aton(ip.ip)
        for adapter in adapters
        for ip in getattr(adapter, "ips", ())
        if isinstance(ip.ip, str) and not ip.ip.startswith(("127.", "169.254."))
    ]


async def until_moved(
    announced: list[bytes], now: Callable[[], list[bytes]], sleep: Callable[[float], Awaitable[None]]
) -> None:
    """Raise OSError once the box has other addresses than those announced: a router gave it a new one."""
    while set(now()) == set(announced):
        await sleep(MOVED_S)
    raise OSError("the box has another address now")
