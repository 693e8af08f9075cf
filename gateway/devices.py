"""The ports and meters of the house: those of its file and those that pages add, changed as they run."""

import asyncio
import logging
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import replace
from types import MappingProxyType

from gateway import installed, lines
from gateway.catalog import Catalog
from gateway.collect import Collect, Driver
from gateway.config import Config, Meter, Port
from gateway.keys import KeysError
from gateway.model import MeteringPoint
from gateway.running import Running

log = logging.getLogger(__name__)


class Devices:
    """What the house asks and hears. One change at a time; each is on the card before it is in force.

    `config` is the file's with all that pages added, `faults` says what of it is not in use, a sentence each, `keys` are
    those of the file, by address.
    """

    def __init__(
        self,
        config: Config,
        faults: Sequence[str],
        catalog: Catalog,
        collect: Collect,
        running: Running,
        drivers: Callable[[Sequence[Port]], Mapping[str, Driver]],
        now: Callable[[], int],
    ) -> None:
        self.config = config
        self.faults = faults
        self.keys = {meter.address: meter.key for meter in config.meters if meter.key is not None}
        self._catalog = catalog
        self._collect = collect
        self._running = running
        self._drivers = drivers
        self._now = now
        self._changing = asyncio.Lock()
        for meter in config.meters:
            if catalog.meter(meter.address) is None:  # later the page may have renamed it
                self._adopt(meter)

    def added(self, kind: str) -> tuple[str, ...]:
        """The names of the ports, or the meters, that pages added."""
        return installed.names(self._catalog, kind)

    def stood_at(self, address: str) -> MeteringPoint | None:
        """Whose place this is or was, where the address does not say which meter it is: it may be the same one again."""
        return self._catalog.point_before(address) if installed.PLACE.fullmatch(address) else None

    async def install(
        self,
        *,
        ports: Sequence[installed.Table] = (),
        meters: Sequence[installed.Table] = (),
        passwords: Mapping[str, str] = MappingProxyType({}),
        same: bool = False,
    ) -> None:
        """Ports and meters in the words of the configuration file: kept, adopted and asked from now on.

        `passwords` are those of the ports, by name. With `same`, a meter is the one that stood at its place before, and
        goes on at its metering point; without, it begins one of its own. ConfigError where they do not go with what is
        there, KeysError where a password cannot be sealed, and OSError from the card: then nothing has changed.
        """
        async with self._changing:
            before = self.config
            config = installed.check(before, lines.faults, ports=ports, meters=meters)
            new = config.meters[len(before.meters) :]
            instead = self._not_in_use({meter.address for meter in new}, {port.name for port in config.ports})
            let_go = [
                meter.address
                for meter in new
                if not same and installed.PLACE.fullmatch(meter.address) and self._catalog.meter(meter.address)
            ]
            try:
                for port, password in passwords.items():
                    self._catalog.set_password(port, password or None)
                with self._catalog.together():
                    installed.remove(self._catalog, **instead)
                    installed.add(self._catalog, ports=ports, meters=meters)
                    for address in let_go:
                        self._catalog.let_go(address)
                    for meter in new:
                        self._adopt(meter, self.stood_at(meter.address) if same else None)
            except BaseException:
                for port in passwords:
                    self._forget_password(port)
                raise
            self.config = config
            for address in let_go:
                self._collect.let_go(address)
            names = {port.name for port in config.ports[len(before.ports) :]}
            await self._restart(names | {meter.port for meter in new if meter.port})

    async def uninstall(self, *, ports: Sequence[str] = (), meters: Sequence[str] = ()) -> None:
        """No longer ask these, which pages added; what they said stays.

        LookupError when no page added them; OSError from the card: then nothing has changed.
        """
        async with self._changing:
            for kind, asked in (("port", ports), ("meter", meters)):
                if unknown := set(asked).difference(self.added(kind)):
                    raise LookupError(f"{kind} {min(unknown)}: not added on a page")
            kept = [
                table
                for table in installed.meters(self._catalog)
                if table["name"] in meters or table.get("port") in ports
            ]
            meters = [str(table["name"]) for table in kept]  # those that are not in use, too
            gone = [meter for meter in self.config.meters if meter.name in meters]
            places = [place for table in kept if self._is_kept_place(place := installed.place(table))]
            with self._catalog.together():
                installed.remove(self._catalog, ports=ports, meters=meters)
                for address in places:
                    self._catalog.let_go(address)
            self.config = replace(
                self.config,
                ports=tuple(port for port in self.config.ports if port.name not in ports),
                meters=tuple(meter for meter in self.config.meters if meter.name not in meters),
            )
            for name in ports:
                await self._running.stop(name)
                self._collect.drop_port(name)
                self._forget_password(name)
            await self._restart({meter.port for meter in gone if meter.port and meter.port not in ports})
            for address in places:
                self._collect.let_go(address)

    def _is_kept_place(self, address: str) -> bool:
        return installed.PLACE.fullmatch(address) is not None and self._catalog.meter(address) is not None

    def _not_in_use(self, addresses: Collection[str], ports: Collection[str]) -> "dict[str, Sequence[str]]":
        """What pages added, is not in use, and must not come back: it is at these places, or has the name of a port."""
        in_use = {meter.name for meter in self.config.meters}
        used_ports = {port.name for port in self.config.ports}
        tables = [table for table in installed.meters(self._catalog) if table["name"] not in in_use]
        gone = [name for name in self.added("port") if name in ports and name not in used_ports]
        meters = [
            str(table["name"]) for table in tables if installed.place(table) in addresses or table.get("port") in gone
        ]
        return {"meters": meters, "ports": gone}

    def _adopt(self, meter: Meter, point: MeteringPoint | None = None) -> None:
        if point is not None or self._catalog.meter(meter.address) is None:
            there = None if point is None else point.id
            self._catalog.adopt(meter.address, meter.name, lines.medium_of(meter), self._now(), there)

    def _forget_password(self, port: str) -> None:
        if self._catalog.password(port) is not None:
            try:
                self._catalog.set_password(port, None)
            except (OSError, KeysError) as error:
                log.warning("port %s: its password stays on the card, sealed: %s", port, error)

    async def _restart(self, names: Collection[str]) -> None:
        drivers = self._drivers(self.config.ports)
        for port in self.config.ports:
            if port.name in names:
                self._collect.add_port(port.name, port.protocol, drivers.get(port.name))
                opened = self._running.port(port.name)
                if opened is None or not lines.asks_now(opened, port, self.config.meters):
                    await self._running.restart(port)
