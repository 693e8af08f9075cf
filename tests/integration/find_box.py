"""Prints what a host of the LAN learns by multicast DNS: the box's address, then each service and what it says of itself."""

import asyncio
import sys

import zeroconf
from zeroconf import IPVersion, ServiceStateChange, Zeroconf
from zeroconf.asyncio import AsyncServiceBrowser, AsyncServiceInfo, AsyncZeroconf

SERVICES = ["_http._tcp.local.", "_releve._tcp.local."]
WAIT_MS = 10_000


async def main() -> None:
    mdns = AsyncZeroconf(interfaces=[sys.argv[1]], ip_version=IPVersion.V4Only)
    host = zeroconf.AddressResolver(  # type: ignore[attr-defined] # exported, yet not in __all__
        "releve.local."
    )
    assert await host.async_request(mdns.zeroconf, WAIT_MS)
    sys.stdout.write(f"releve.local {host.parsed_addresses()[0]}\n")
    found: asyncio.Queue[tuple[str, str]] = asyncio.Queue()

    def heard(zeroconf: Zeroconf, service_type: str, name: str, state_change: ServiceStateChange) -> None:
        if state_change is ServiceStateChange.Added:
            found.put_nowait((service_type, name))

    browser = AsyncServiceBrowser(mdns.zeroconf, SERVICES, handlers=[heard])
    for _ in SERVICES:
        service, name = await asyncio.wait_for(found.get(), WAIT_MS / 1000)
        info = AsyncServiceInfo(service, name)
        assert await info.async_request(mdns.zeroconf, WAIT_MS)
        sys.stdout.write(f"{name} {info.parsed_addresses()[0]}:{info.port} {info.decoded_properties}\n")
    await browser.async_cancel()
    await mdns.async_close()


asyncio.run(main())
