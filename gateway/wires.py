"""Whose meter speaks on a wire of the house: the first one is ours, and on a customer port a later one may take its place."""

import logging
from collections.abc import Callable, Mapping
from contextlib import suppress

from drivers.model import Medium, State, Telegram
from gateway.catalog import Catalog
from gateway.collect import ADOPT_AFTER, Collect, MeterLog
from gateway.model import Meter

log = logging.getLogger(__name__)

# What speaks by itself every few seconds, on a plug of the network's own meter.
CUSTOMER_PORTS = ("tic:", "p1:", "sml:")

# On a customer port an address nobody knows is a meter that took the place of the one before, once that one has not been
# heard for so long and three frames in a row agree: an electrician takes longer. Both heard are two meters.
EXCHANGE_S_MIN = 60


class Wires:
    """The wired meters that nobody had to adopt. `meter` gives a meter of ours that no other one has replaced."""

    def __init__(
        self,
        catalog: Catalog,
        collect: Collect,
        meter: Callable[[str], Meter | None],
        names: Mapping[Medium, str],
        now: Callable[[], int],
        started_at: Callable[[], int | None],
    ) -> None:
        self._catalog = catalog
        self._collect = collect
        self._meter = meter
        self._names = names
        self._now = now
        self._started_at = started_at  # None: the time is not known, and so not for how long a meter was silent

    def adopt(self, telegram: Telegram, port: str) -> bool:
        """The first meter on a wire of ours is ours; on a P1 wire the first of each medium, as a gas meter beside it.

        On a customer port a later one may have taken its place. A second one beside the first is not taken unasked.
        """
        if telegram.state is not State.DECODED:
            return False
        address, medium = str(telegram.address), telegram.medium
        wire = _wire(port, telegram.address.protocol, medium)
        try:
            if (exchanged := self._catalog.meter(address)) is not None:
                self.take_apart(exchanged.point)  # it speaks again: they are two
                return True
            ours = self._ours(wire)
            if ours and ours != [address]:
                return len(ours) == 1 and self._exchange(address, ours[0], port, medium, wire)
            self._catalog.set_setting(wire, address)
            self._catalog.adopt(address, self._names[medium], medium, self._now())
        except OSError as error:  # the next frame asks again
            log.warning("%s: not taken, the card refuses it: %s", address, error)
            return False
        return True

    def _ours(self, wire: str) -> list[str]:
        """The addresses of our meters on this wire: those heard since the start, else the one before it."""
        heard = [address for address, log in self._heard_ours() if _wire_of(address, log) == wire]
        kept = self._catalog.setting(wire)
        return heard or ([kept] if isinstance(kept, str) else [])

    def _heard_ours(self) -> list[tuple[str, MeterLog]]:
        return [(address, log) for address, log in self._collect.meters.items() if self._meter(address)]

    def _exchange(self, address: str, before: str, port: str, medium: Medium, wire: str) -> bool:
        """A new meter at the same metering point, if the one before is no longer heard and this one is steady."""
        old = self._meter(before)
        heard = self._collect.meters.get(before)
        started_at = self._started_at()
        if started_at is None:
            return False
        quiet_s = self._now() - (heard.heard_at if heard else started_at)
        steady = self._collect.ports[port].in_a_row[medium][1] >= ADOPT_AFTER
        if not address.startswith(CUSTOMER_PORTS) or old is None or quiet_s < EXCHANGE_S_MIN or not steady:
            return False
        self._catalog.exchange(address, self._now(), old.point)
        self._catalog.set_setting(wire, address)
        log.info("port %s: %s has taken the place of %s", port, address, before)
        return True

    def take_apart(self, point_id: str) -> None:
        """It was no exchange: the newest meter of the point stands at a point of its own, with all it has said."""
        point = next((point for point in self._catalog.points() if point.id == point_id), None)
        meter = self._catalog.meter_of(point_id)
        if point is not None and meter is not None and meter.stand is not None:
            self._catalog.take_apart(meter.address, f"{point.name} 2")

    def note(self) -> None:
        """Which meter is on which customer port is known after a restart, too, whoever adopted it."""
        for address, heard in self._heard_ours():
            wire = _wire_of(address, heard)
            if address.startswith(CUSTOMER_PORTS) and self._catalog.setting(wire) is None:
                with suppress(OSError):  # a card that refuses: asked again in a moment
                    self._catalog.set_setting(wire, address)


def _wire(port: str, protocol: str, medium: Medium) -> str:
    """The setting that names the meter of a wire; a P1 wire has one of each medium."""
    return f"port {port} {medium}" if protocol == "p1" else f"port {port}"


def _wire_of(address: str, heard: MeterLog) -> str:
    return _wire(heard.port, address.partition(":")[0], heard.medium)
