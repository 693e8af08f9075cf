"""What is found on the home network while somebody looks: real multicast DNS, on loopback alone.

Whatever else is announced on this machine may be heard as well: each test looks for names of its own.
"""

import asyncio
import secrets
import socket
import subprocess
import sys
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager

import pytest
from zeroconf import IPVersion, ServiceInfo
from zeroconf._dns import DNSPointer
from zeroconf._protocol.outgoing import DNSOutgoing
from zeroconf.asyncio import AsyncZeroconf
from zeroconf.const import _CLASS_IN, _FLAGS_QR_RESPONSE, _TYPE_PTR

from gateway import find
from gateway.find import TEXT_CHARACTERS_MAX, Announced, Finder, Thing

LOOPBACK = "127.0.0.1"
GROUP = ("224.0.0.251", 5353)
SHELLY, HTTP, MQTT, SECURE = "_shelly._tcp", "_http._tcp", "_mqtt._tcp", "_secure-mqtt._tcp"


@asynccontextmanager
async def announced(*services: ServiceInfo) -> AsyncIterator[AsyncZeroconf]:
    """These services, announced by somebody on loopback."""
    mdns = AsyncZeroconf(interfaces=[LOOPBACK], ip_version=IPVersion.V4Only)
    try:
        for service in services:
            await mdns.async_register_service(service, cooperating_responders=True, strict=False)
        yield mdns
    finally:
        await mdns.async_close()


def service(
    kind: str,
    name: str,
    texts: Mapping[str, str] | None = None,
    *,
    port: int = 80,
    addresses: tuple[str, ...] = (LOOPBACK,),
) -> ServiceInfo:
    return ServiceInfo(
        f"{kind}.local.",
        f"{name}.{kind}.local.",
        parsed_addresses=list(addresses),
        port=port,
        properties=dict(texts or {}),
        server=f"{secrets.token_hex(6)}.local.",
    )


@asynccontextmanager
async def looking(look_s: float = 5.0) -> AsyncIterator[Finder]:
    finder = Finder([LOOPBACK], look_s)
    task = asyncio.create_task(finder.run())
    try:
        yield finder
        assert not task.done(), "what strangers announce ended it"
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def until(holds: Callable[[], bool]) -> None:
    async with asyncio.timeout(10):
        while not holds():
            await asyncio.sleep(0.02)


def of(finder: Finder, mark: str) -> list[Announced]:
    return [one for one in finder.look() if mark in one.name]


@pytest.fixture
def mark() -> str:
    """What the names of one test have in common."""
    return secrets.token_hex(4)


async def test_a_shelly_is_found_once_with_its_generation_though_it_announces_itself_twice(mark: str) -> None:
    twice = (
        service(HTTP, f"shellyproem50-{mark}"),
        service(SHELLY, f"shellyproem50-{mark}", {"gen": "2", "app": "ProEM50"}),
    )
    async with announced(*twice), looking() as finder:
        await until(lambda: any(one.text("gen") for one in of(finder, mark)))
        (one,) = of(finder, mark)
    assert (one.thing, one.name, one.host, one.port) == (Thing.SHELLY, f"shellyproem50-{mark}", LOOPBACK, 80)
    assert (one.text("gen"), one.text("app"), one.text("nothing")) == ("2", "ProEM50", "")


async def test_brokers_esphome_victron_and_what_a_web_pages_name_tells_are_told_apart(mark: str) -> None:
    services = (
        service(MQTT, f"a-{mark}", port=1883),
        service(SECURE, f"b-{mark}", port=8883),
        service("_esphomelib._tcp", f"c-{mark}", port=6053),
        service("_victron-energy-meter._udp", f"d-{mark}", port=502),
        service("_hwenergy._tcp", f"e-{mark}", port=81),
        service(HTTP, f"tasmota-{mark}", port=82),
        service(HTTP, f"printer-{mark}", port=83),
    )
    async with announced(*services), looking() as finder:
        await until(lambda: len(of(finder, mark)) == 6)
        found = {one.name: (one.thing, one.secure) for one in of(finder, mark)}
    assert found == {
        f"a-{mark}": (Thing.BROKER, False),
        f"b-{mark}": (Thing.BROKER, True),
        f"c-{mark}": (Thing.ESPHOME, False),
        f"d-{mark}": (Thing.VICTRON, False),
        f"e-{mark}": (Thing.HOMEWIZARD, False),
        f"tasmota-{mark}": (Thing.TASMOTA, False),
    }


async def test_what_says_to_lie_beyond_the_home_is_not_shown(mark: str) -> None:
    services = (
        service(SHELLY, f"far-{mark}", addresses=("8.8.8.8",)),
        service(SHELLY, f"both-{mark}", addresses=("8.8.8.8", "192.168.1.20")),
        service(SHELLY, f"near-{mark}", addresses=("10.0.0.7",)),
    )
    async with announced(*services), looking() as finder:
        await until(lambda: len(of(finder, mark)) == 2)
        found = {one.name: one.host for one in of(finder, mark)}
    assert found == {f"both-{mark}": "192.168.1.20", f"near-{mark}": "10.0.0.7"}


async def test_what_says_goodbye_is_no_longer_shown(mark: str) -> None:
    one = service(SHELLY, f"one-{mark}", port=81)
    async with announced(one) as mdns, looking() as finder:
        await until(lambda: len(of(finder, mark)) == 1)
        await mdns.async_unregister_service(one)
        await until(lambda: of(finder, mark) == [])


async def test_names_and_texts_of_strangers_are_lines_that_a_page_may_show(mark: str) -> None:
    texts = {"app": "x" * 150, "gen": "2\n<b>", "odd": "\x00\x1b[31m"}
    async with announced(service(SHELLY, f"<b>{mark}", texts)), looking() as finder:
        await until(lambda: len(of(finder, mark)) == 1)
        (one,) = of(finder, mark)
    assert one.text("app") == "x" * TEXT_CHARACTERS_MAX
    assert (one.text("gen"), one.text("odd")) == ("2<b>", "[31m")


async def test_a_name_that_can_be_none_ends_nothing(mark: str) -> None:
    """Anybody may answer that a service of one kind is called like one of another, or is no name at all."""
    async with looking() as finder, announced(service(SHELLY, f"good-{mark}")):
        await until(lambda: len(of(finder, mark)) == 1)
        for alias in (f"x-{mark}._other._tcp.local.", f"{mark}.local.", f"\x01{mark}._shelly._tcp.local."):
            packet = DNSOutgoing(_FLAGS_QR_RESPONSE)
            packet.add_answer_at_time(DNSPointer("_shelly._tcp.local.", _TYPE_PTR, _CLASS_IN, 120, alias), 0)
            shout(packet.packets()[0])
        shout(b"\xff" * 40)
        async with announced(service(SHELLY, f"after-{mark}", port=81)):
            await until(lambda: len(of(finder, mark)) == 2)
        assert finder.since is not None


def listens(finder: Finder) -> bool:
    return finder.since is not None


def shout(data: bytes) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sending:
        sending.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_IF, socket.inet_aton(LOOPBACK))
        sending.sendto(data, GROUP)


async def test_nobody_is_asked_beyond_the_bound(mark: str, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []
    ask = Finder._ask

    async def noted(finder: Finder, mdns: AsyncZeroconf, kind: str, name: str) -> None:
        asked.append(name)
        await ask(finder, mdns, kind, name)

    monkeypatch.setattr(Finder, "_ask", noted)
    monkeypatch.setattr(find, "ASKED_MAX", 5)
    many = [service(SHELLY, f"{number}-{mark}", port=100 + number) for number in range(12)]
    async with announced(*many), looking() as finder:
        await until(lambda: finder.look() is not None and len(asked) >= 5)
        await asyncio.sleep(0.1)
        assert len(asked) == 5
        assert len(finder.look()) <= 5


async def test_the_listening_ends_when_nobody_looks_and_begins_again_when_somebody_does(mark: str) -> None:
    async with announced(service(SHELLY, f"one-{mark}")), looking(look_s=0.3) as finder:
        await asyncio.sleep(0.05)
        assert not listens(finder)  # nobody has looked yet
        await until(lambda: len(of(finder, mark)) == 1)
        assert listens(finder)
        await until(lambda: not listens(finder))
        assert finder.look() == ()  # what was found is forgotten
        await until(lambda: len(of(finder, mark)) == 1)


async def test_a_network_that_cannot_be_listened_to_is_said_and_tried_again(
    mark: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def unplugged(**options: object) -> AsyncZeroconf:
        raise OSError(19, "No such device")

    async with announced(service(SHELLY, f"one-{mark}")), looking(look_s=0.1) as finder:
        with monkeypatch.context() as without:
            without.setattr("zeroconf.asyncio.AsyncZeroconf", unplugged)
            assert finder.look() == ()
            await until(lambda: finder.trouble == "No such device")
            await until(lambda: finder.since is None)
        await until(lambda: len(of(finder, mark)) == 1)
        assert finder.trouble is None


def test_a_box_on_whose_page_nobody_looks_does_not_load_zeroconf() -> None:
    code = (
        "import asyncio, sys\n"
        "from gateway.find import Finder\n"
        "async def main():\n"
        "    task = asyncio.ensure_future(Finder().run()); await asyncio.sleep(0.01); task.cancel()\n"
        "asyncio.run(main()); sys.exit('zeroconf' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


class Slow(Finder):
    """One whose listening takes a while to end, and is counted."""

    def __init__(self) -> None:
        super().__init__([LOOPBACK], look_s=0.01)
        self.listened = 0
        self.ending, self.end = asyncio.Event(), asyncio.Event()

    async def _listen(self, loop: asyncio.AbstractEventLoop) -> None:
        self.listened += 1
        self.look()  # as an open page does again and again
        while (left := self._until - loop.time()) > 0:
            await asyncio.sleep(left)
        self.ending.set()
        await self.end.wait()


async def test_who_looks_while_the_listening_ends_is_listened_for_and_nobody_else() -> None:
    finder = Slow()
    task = asyncio.create_task(finder.run())
    async with asyncio.timeout(5):
        finder.look()
        await finder.ending.wait()
        finder.look()
        finder.end.set()
        await until(lambda: finder.listened == 2)
    await asyncio.sleep(0.1)
    assert finder.listened == 2, "nobody has looked since"
    assert finder.since is None
    task.cancel()
