"""Tells the LAN that the box is here: `_http._tcp` and `_releve._tcp`, and the name releve.local."""

import asyncio
import socket
from collections.abc import Iterable

HOST = "releve.local."
SERVICES = ("_http._tcp.local.", "_releve._tcp.local.")


async def announce(port: int, dwelling_name: str) -> None:
    """Announce until cancelled; OSError when no interface takes multicast. No meter is named, nor how many there are."""
    import ifaddr  # both late: a box that is told to keep quiet does not load them
    from zeroconf import IPVersion
    from zeroconf.asyncio import AsyncServiceInfo, AsyncZeroconf

    addresses = _addresses(ifaddr.get_adapters())
    if not addresses:
        raise OSError("no LAN address to announce yet")
    mdns = AsyncZeroconf(ip_version=IPVersion.V4Only)
    try:
        for service in SERVICES:
            info = AsyncServiceInfo(
                service,
                f"{dwelling_name} (Relevé).{service}",
                addresses=addresses,
                port=port,
                properties={"path": "/", "txtvers": "1"},
                server=HOST,
            )
            await mdns.async_register_service(info, allow_name_change=True)
        await asyncio.Event().wait()
    finally:
        await mdns.async_close()


def _addresses(adapters: Iterable[object]) -> list[bytes]:
    return [
        socket.inet_aton(ip.ip)
        for adapter in adapters
        for ip in getattr(adapter, "ips", ())
        if isinstance(ip.ip, str) and not ip.ip.startswith(("127.", "169.254."))
    ]
