"""What announces itself on the LAN by mDNS, while somebody looks for it and at no other time."""

import asyncio
import importlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

from gateway.ports.lan import is_at_home

if TYPE_CHECKING:
    from zeroconf import ServiceStateChange, Zeroconf
    from zeroconf.asyncio import AsyncZeroconf

# A page that is open asks each few seconds; once nobody does, the listening ends.
LOOK_S = 30.0
ANSWER_MS_MAX = 3000
ASKED_MAX = 200  # while one looks: more is somebody making them up
TEXT_CHARACTERS_MAX = 80


class Thing(StrEnum):
    """What may be found."""

    SHELLY = "shelly"
    ESPHOME = "esphome"
    TASMOTA = "tasmota"
    BROKER = "mqtt"
    VICTRON = "victron"
    HOMEWIZARD = "homewizard"


# The service types are those that the makers state, docs/find.md. `_http._tcp` is everybody's: there the name tells.
SERVICES: Mapping[str, Thing] = {
    "_shelly._tcp.local.": Thing.SHELLY,
    "_esphomelib._tcp.local.": Thing.ESPHOME,
    "_mqtt._tcp.local.": Thing.BROKER,
    "_secure-mqtt._tcp.local.": Thing.BROKER,
    "_victron-energy-meter._udp.local.": Thing.VICTRON,
    "_victron-car-charger._tcp.local.": Thing.VICTRON,
    "_hwenergy._tcp.local.": Thing.HOMEWIZARD,
}
HTTP = "_http._tcp.local."
NAMED: Mapping[str, Thing] = {"shelly": Thing.SHELLY, "tasmota": Thing.TASMOTA}
SECURE = "_secure-mqtt._tcp.local."


@dataclass(frozen=True, slots=True)
class Announced:
    """One thing that says it is there: by its own name, at a numeric address; `texts` are its properties."""

    thing: Thing
    name: str
    host: str
    port: int
    texts: tuple[tuple[str, str], ...] = ()
    secure: bool = False

    def text(self, name: str) -> str:
        return dict(self.texts).get(name, "")


class Finder:
    """Listens while it is looked at. `run` belongs to the gateway's tasks; without it nothing is ever found."""

    def __init__(self, interfaces: Sequence[str] | None = None, look_s: float = LOOK_S) -> None:
        self._interfaces = interfaces
        self._look_s = look_s
        self._wanted = asyncio.Event()
        self._until = 0.0
        self._found: dict[tuple[str, str], Announced] = {}
        self.trouble: str | None = None
        self.since: float | None = None  # loop's clock; None while nobody looks

    def look(self) -> tuple[Announced, ...]:
        """What is found so far; the listening goes on for a while."""
        self._until = asyncio.get_running_loop().time() + self._look_s
        self._wanted.set()
        once: dict[tuple[Thing, str, int], Announced] = {}
        for _, found in sorted(self._found.items(), key=lambda each: each[0][0] == HTTP):
            once.setdefault((found.thing, found.host, found.port), found)  # a Shelly also announces its web page
        return tuple(sorted(once.values(), key=lambda found: (found.thing, found.name)))

    async def run(self) -> None:
        """Listen whenever somebody looks, until cancelled."""
        loop = asyncio.get_running_loop()
        while True:
            while self._until <= loop.time():  # else somebody looked while mDNS closed
                self._wanted.clear()
                await self._wanted.wait()
            self.since, self.trouble = loop.time(), None
            try:
                await self._listen(loop)
            except OSError as error:
                self.trouble = error.strerror or str(error)
                await asyncio.sleep(max(0.0, self._until - loop.time()))
            finally:
                self.since = None
                self._found.clear()

    async def _listen(self, loop: asyncio.AbstractEventLoop) -> None:
        await asyncio.to_thread(importlib.import_module, "zeroconf.asyncio")  # 0.14 s
        from zeroconf import Error, InterfaceChoice, IPVersion  # late: 16 MB, for a page that is seldom open
        from zeroconf.asyncio import AsyncZeroconf

        try:
            mdns = AsyncZeroconf(
                interfaces=list(self._interfaces) if self._interfaces else InterfaceChoice.All,
                ip_version=IPVersion.V4Only,
            )
        except Error as error:
            raise OSError(f"{type(error).__name__}: {error}") from None
        try:
            async with asyncio.TaskGroup() as asking:
                await self._browse(mdns, asking, loop)
        finally:
            await mdns.async_close()

    async def _browse(self, mdns: "AsyncZeroconf", asking: asyncio.TaskGroup, loop: asyncio.AbstractEventLoop) -> None:
        from zeroconf.asyncio import AsyncServiceBrowser

        asked = 0

        def changed(zeroconf: "Zeroconf", service_type: str, name: str, state_change: "ServiceStateChange") -> None:
            nonlocal asked
            if state_change.name == "Removed":
                self._found.pop((service_type, name), None)
            elif asked < ASKED_MAX:
                asked += 1
                asking.create_task(self._ask(mdns, service_type, name), name="mdns: who is it")

        browser = AsyncServiceBrowser(mdns.zeroconf, [*SERVICES, HTTP], handlers=[changed])
        try:
            while (left := self._until - loop.time()) > 0:  # noqa: ASYNC110 - each look moves the end
                await asyncio.sleep(left)
        finally:
            await browser.async_cancel()

    async def _ask(self, mdns: "AsyncZeroconf", service_type: str, name: str) -> None:
        """Where the service is; what is no thing of ours, or does not answer, is left out."""
        from zeroconf import Error
        from zeroconf.asyncio import AsyncServiceInfo

        try:
            info = AsyncServiceInfo(service_type, name)
            answered = await info.async_request(mdns.zeroconf, ANSWER_MS_MAX)
        except Error:  # a name that is none: anybody on the LAN may announce it
            return
        if not answered:
            return
        addresses = [address for address in info.parsed_addresses() if is_at_home(address)]
        label = name.removesuffix("." + service_type)
        thing = SERVICES.get(service_type) or _named(label)
        if thing is None or not addresses or not info.port:
            return
        texts = tuple(
            (_plain(key), _plain(text)) for key, text in sorted(info.decoded_properties.items()) if text is not None
        )
        self._found[service_type, name] = Announced(
            thing, _plain(label), addresses[0], info.port, texts, service_type == SECURE
        )


def _named(label: str) -> Thing | None:
    word = label.lower()
    return next((thing for start, thing in NAMED.items() if word.startswith(start)), None)


def _plain(text: str) -> str:
    """What a stranger on the LAN wrote, as a line that a page may show."""
    return "".join(letter for letter in text if letter.isprintable())[:TEXT_CHARACTERS_MAX]
