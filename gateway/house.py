"""What the pages, the API and the command line may ask of a running gateway, or have it do."""

from __future__ import annotations

import asyncio
import logging
import shutil
from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from decimal import Decimal
from functools import partial
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

from drivers.model import Kind, Medium, Quantity, State
from gateway import eras, installed, lines
from gateway.aside import Aside
from gateway.catalog import FIRST_NAMES, Catalog
from gateway.clock import Clock
from gateway.collect import ADOPT_AFTER, AWAY, Collect, Heard, MeterLog
from gateway.config import Config
from gateway.config import Port as PortConfig
from gateway.dating import PUT_AHEAD, Dating, newest
from gateway.devices import Devices
from gateway.dial import Dials
from gateway.eras import Era
from gateway.find import Finder
from gateway.held import HeldValues
from gateway.holders import Holders
from gateway.importers.keeping import KeyReport, keep
from gateway.importers.keyfile import KeyFile
from gateway.model import EXPORTS, GAP_S, Meter, MeteringPoint, Point, SeriesKey
from gateway.periods import Periods
from gateway.ports import Port
from gateway.ports.lan import is_loopback
from gateway.recognise import Recognising
from gateway.remembered import Remembered
from gateway.running import Running
from gateway.searching import Searches
from gateway.services.room import Space
from gateway.store import Points, SeriesInfo, Store, StoreError
from gateway.turned import Turns
from gateway.undated import Undated
from gateway.views import (
    Adoption,
    Curve,
    Exchange,
    HeardMeter,
    Live,
    PointState,
    PointView,
    PortView,
    Preview,
    Turned,
    Value,
)
from gateway.waiting import Waiting
from gateway.wires import CUSTOMER_PORTS, Wires

if TYPE_CHECKING:
    from drivers.tic.meaning import Meaning

log = logging.getLogger(__name__)

# Live events a slow browser may fall behind by; beyond it the oldest are dropped and counted, the next ones suffice.
LIVE_QUEUE_MAX = 500
# A meter is silent after three of its usual intervals, and never sooner than this.
SILENT_S_MIN = 60
SILENT_INTERVALS = 3
# Heard only once, its interval is not known yet: some water meters and heat cost allocators speak each four hours.
SILENT_S_FIRST = 12 * 3600
# A power or flow older than this, and older than three intervals, is not the present one.
LEVEL_S_MAX = 900
# Formats of compact frames go to the card at once, the message counters this often and at a stop: 90 KB each time.
COUNTERS_S = 6 * 3600
# Held indexes are shown for a week.
HELD_S_MAX = 7 * 86400
RADIO = "radio"  # the setting
FALLEN = "counters that begin anew"  # another: of things, by address and register

# A customer port says all it has to say every few seconds: a word that it said no longer is over.
TIC = "tic:"
TIC_SAID_S_MAX = 30
TIC_MEAN, TIC_INJECTED = "CCASN", "EAIT"
PRODUCED = "export_energy"  # the main index of an inverter, which takes nothing
# The load curve's periods take an hour at most: a mean older than two is not the last one.
MEAN_S_MAX = 7200

# So long the page shows it, with the way to take it back.
EXCHANGE_SHOWN_S = 60 * 86_400

LEVEL_QUANTITIES = (
    Quantity.POWER,
    Quantity.APPARENT_POWER,
    Quantity.POWER_JOULE,
    Quantity.FLOW,
    Quantity.TEMPERATURE,  # of a thing that measures nothing else
)


class House:
    """The running gateway, as one object. Methods are called in the event loop; those that need the card are async."""

    def __init__(
        self,
        config: Config,
        catalog: Catalog,
        store: Store,
        aside: Aside,
        holders: Holders,
        *,
        clock: Clock,
    ) -> None:
        yielded = installed.yield_to_file(config, catalog)
        config, faults = installed.with_added(config, catalog, lines.faults)
        self.catalog = catalog
        self.store = store
        self.holders = holders
        self.clock = clock
        self.now = now = clock.now
        self._undated = Undated(aside, clock)
        clock.look(newest(store))
        self._started_at = clock.stamp(now())
        self.zone = ZoneInfo(config.dwelling.time_zone)
        self.live_dropped = 0
        # What else is to be erased of a metering point between two times: how much of it went.
        self.on_erase: Callable[[str, int, int], Awaitable[int]] | None = None
        self._queues: set[asyncio.Queue[Live]] = set()
        self._states: dict[str, PointState] = {}
        self._aside = aside
        self._waiting = Waiting(aside, clock)
        self._held = HeldValues(aside)
        self._remembered = Remembered(catalog.setting(RADIO))
        self._remembered_at = now()
        self.collect = Collect(
            drivers=lines.drivers(config.ports, self._remembered),
            protocols={port.name: port.protocol for port in config.ports},
            meters=self,
            latest=store.latest,
            keep=self._keep,
            live=self._tell,
            adopt=lambda telegram, port: self._wires.adopt(telegram, port),
            wait=self._waiting.keep,
            forget_counter=self._remembered.forget,
            counter_at_least=self._remembered.at_least,
            set_aside=self._held.add,
            now=now,
            dating=lambda: self._undated.dating,
            stepped=clock.stepped,
            keep_undated=self._undated.keep,
            clock_said=self._hear_time,
        )
        self._wires = Wires(
            catalog, self.collect, self.meter, FIRST_NAMES[config.web.language], now, lambda: self.started_at
        )
        self._fallen = _pairs(catalog.setting(FALLEN))
        self.running = Running(self._open_port, self.collect, self.watch_states)
        drivers = partial(lines.drivers, remembered=self._remembered)
        self.devices = Devices(config, yielded + faults, catalog, self.collect, self.running, drivers, now)
        self.dials = Dials(config.meters, catalog, store, self.collect.counted_on, self._undated, now)
        self._turns = Turns(store, self.collect, now)
        self._dating = Dating(clock, self._undated, store, self.collect, self.dials, self._turns)
        self.searches = Searches(self.running.spawn, now)
        self.recognising = Recognising(self.searches)
        self.finder = Finder(["127.0.0.1"] if is_loopback(config.web.host) else None)
        # What waited while the program did not run, for a key that came with the configuration, or behind a kill.
        for address in self._waiting.addresses():
            self.collect.awaits_format(address)
            if self.key(address):
                self.collect.readable.add(address)

    # -- what stands here ---------------------------------------------------------------------------------------------
    @property
    def saved_to(self) -> int:
        """Everything shown up to this time (UTC seconds) is on the card."""
        return min(self.store.saved_to, self._aside.saved_to, self.now())

    @property
    def store_trouble(self) -> str | None:
        """Why the last commit failed, in one sentence, or None."""
        return self.store.trouble or self._aside.trouble

    @property
    def store_damaged(self) -> bool:
        """Whether damage was met in the series since the start: what lies there is shown as not known."""
        return self.store.damaged

    @property
    def card_full(self) -> bool:
        """Whether that was for want of room."""
        return self.store.full or self._aside.full

    def card_space(self) -> Space | None:
        """What is left of the card; None where it does not say. A card that hangs keeps it waiting: in a thread of its own."""
        try:
            usage = shutil.disk_usage(self.config.data)
        except OSError:
            return None
        return Space(usage.free, usage.total)

    @property
    def unvouched_s(self) -> float | None:
        """For how long nobody has said what time it is; None where its clock needs nobody to."""
        return self.clock.unvouched_s

    @property
    def keys_trouble(self) -> str | None:
        """Why keys that are kept cannot be read, or lie open, in one sentence, or None."""
        return self.catalog.keys_trouble

    @property
    def started_at(self) -> int | None:
        """When the program was started, UTC seconds; None as long as nobody knows the time."""
        return self.clock.time_of(self._started_at)

    def since(self) -> int:
        """When a meter that is adopted now came: now, or 0 as long as nobody knows the time."""
        return self.now() if self.dating else 0

    @property
    def dating(self) -> bool:
        """Whether the box knows the time, and gives it to what it hears."""
        return self._undated.dating

    @property
    def config(self) -> Config:
        """The file's, with what pages added."""
        return self.devices.config

    @property
    def language(self) -> str:
        return self.config.web.language

    @property
    def dwelling_name(self) -> str:
        return self.config.dwelling.name

    def points(self) -> tuple[PointView, ...]:
        """Every metering point of the dwelling, in the order of adoption."""
        mains = self._mains()
        return tuple(self._view(point, mains) for point in self.catalog.points())

    def point(self, point_id: str) -> PointView | None:
        point = self._metering_point(point_id)
        return None if point is None else self._view(point, self._mains())

    def heard(self) -> tuple[HeardMeter, ...]:
        """Meters nobody adopted, the latest heard first. An address of a customer port that came once was damaged."""
        return tuple(
            _heard_view(heard)
            for heard in reversed(self.collect.heard.values())
            if heard.count >= ADOPT_AFTER or not heard.address.startswith(CUSTOMER_PORTS)
        )

    def ports(self) -> tuple[PortView, ...]:
        return tuple(
            PortView(
                name,
                log.protocol,
                log.open_,
                log.since,
                log.reason,
                log.heard_at,
                dict(log.counts),
                log.last_fault,
                log.receiver,
                log.listening,
                log.quality.of_the_last_hour(self.now()) if log.listening and log.protocol == "tic" else None,
            )
            for name, log in self.collect.ports.items()
        )

    def set_aside(self) -> dict[str, int]:
        """What is kept beside the series and what of it was given up, counted by name; nothing that is zero."""
        counts = {
            **self._waiting.counts,
            "undated": self._undated.waiting,
            "undated thinned": self._undated.thinned,
            "undated lost": self._undated.untimed,
            "ahead": sum(info.key.point.endswith(PUT_AHEAD) for info in self.store.series()),
            "strangers": len(self.collect.strangers),
            "strangers thinned": self.collect.strangers.thinned,
            "refused": self._aside.refused,
            "damaged": self._aside.damaged,
        }
        return {name: count for name, count in counts.items() if count}

    def not_in_series(self) -> dict[str, int]:
        """What is missing in the series since the start, counted by name; nothing that is zero."""
        counts = self.store.counts
        found = {"refused": counts.refused, "lost": counts.lost, "damaged": counts.damaged}
        return {name: count for name, count in found.items() if count}

    def series(self, point_id: str) -> tuple[SeriesKey, ...]:
        """All series of a point, whatever they measure; those of meters that stood there before, too."""
        stands = self._stands(point_id)
        return tuple(info.key for info in self.store.series() if info.key.point in stands)

    def knows(self, key: SeriesKey) -> bool:
        return any(info.key == key for info in self.store.series())

    def index_series(self, point_id: str) -> tuple[SeriesKey, ...]:
        """The series whose sum is the point's total now: the one of tariff 0, else all tariffs."""
        found = self._eras(point_id, self._mains())
        return found[-1].keys if found else ()

    def history_start(self, point_id: str) -> int | None:
        """When the point's history begins, UTC seconds."""
        return next((era.start for era in self._eras(point_id, self._mains())), None)

    def first_at(self, keys: Collection[SeriesKey]) -> int | None:
        """When the first of these series begins, UTC seconds; None where none is kept."""
        return min((info.first_at for info in self.store.series() if info.key in keys), default=None)

    def unsaved_from(self, keys: Collection[SeriesKey]) -> int | None:
        """From when on (UTC seconds) what these series say rests on points that a power cut would take; None where nothing does."""
        found = []
        for key in keys:
            if (unsaved := self.store.unsaved(key)) is not None:
                at, before = unsaved  # across a gap both say whether anything is known in it
                found.append(at if at - before <= self.gap_s(key) else before + 1)
        return min(found, default=None)

    def is_damaged(self, keys: Collection[SeriesKey], start: int, end: int) -> bool:
        """Whether something of these series between two times (UTC seconds) was found damaged on the card."""
        return any(self.store.is_damaged(key, start, end) for key in keys)

    # -- how much -----------------------------------------------------------------------------------------------------
    async def consumption(
        self, point_id: str, bounds: Sequence[int], *, gap_s_max: int | None = None
    ) -> list[Decimal | None]:
        """What was taken between each two bounds (UTC seconds), in the point's unit; None where it is not known.

        With `gap_s_max` nothing is known at a bound between two readings further apart, however seldom the meter speaks.
        """
        found = self._eras(point_id, self._mains())
        of = partial(self._consumption, gap_s_max=gap_s_max)
        return await self.store.run(eras.amounts, found, tuple(bounds), of)

    def step_of(self, point_id: str) -> Decimal:
        """What the index counts in, as it is said now, in the point's unit: a meter that says whole m³ counts in 1000 L."""
        keys = self.index_series(point_id)
        exponents = [info.exponent for info in self.store.series() if info.key in keys]
        return Decimal(1).scaleb(max(exponents, default=0))

    async def injected(self, point_id: str, bounds: Sequence[int]) -> list[Decimal | None]:
        """As `consumption`, of what a producer gave to the network, in Wh."""
        first_at = {info.key: info.first_at for info in self.store.series()}
        exports = (self._export_keys(stand) for stand in self._stands(point_id))
        found = [Era(keys, max(first_at[key] for key in keys)) for keys in exports if keys]
        return await self.store.run(eras.amounts, found, tuple(bounds), self._consumption)

    def _export_keys(self, stand: str) -> tuple[SeriesKey, ...]:
        """What a meter counts as given to the network: one index, or one a tariff."""
        for registers in EXPORTS:
            keys = (SeriesKey(stand, register, tariff) for register, tariff in registers)
            if known := tuple(key for key in keys if self.store.latest(key) is not None):
                return known
        return ()

    def _consumption(
        self, keys: Sequence[SeriesKey], bounds: Sequence[int], *, gap_s_max: int | None = None
    ) -> list[Decimal | None]:
        totals: list[Decimal | None] = [Decimal(0)] * (len(bounds) - 1)
        for key in keys:
            gap_s = self.gap_s(key)
            try:
                parts = self.store.consumption(key, bounds, gap_s=gap_s if gap_s_max is None else min(gap_s, gap_s_max))
            except StoreError as error:
                if not self.store.damaged:
                    raise
                log.warning("%s", error)  # not known, and each page says why
                return [None] * (len(bounds) - 1)
            for index, part in enumerate(parts):
                total = totals[index]
                if part.value is None or total is None:
                    totals[index] = None
                elif part.complete or self._runs(key, bounds[index], bounds[index + 1]):
                    totals[index] = total + Decimal(part.value).scaleb(part.exponent)
                else:
                    totals[index] = None
        return totals

    def _runs(self, key: SeriesKey, start: int, end: int) -> bool:
        """Whether a bucket has no index at its end only because the end is to come: a page calls that "today".

        Its beginning must be known, or the series began in it: what a gap took away is not to be shown as nothing.
        """
        if end <= self.now():
            return False
        (indexes,) = self.store.at_bounds([key], [start], gap_s=self.gap_s(key))
        return indexes.values[0] is not None or any(
            info.key == key and info.first_at >= start for info in self.store.series()
        )

    def gap_s(self, key: SeriesKey) -> int:
        """How far apart points of an index may lie with the time between them known: further for a meter that speaks seldom.

        By its points, as far as it has some: what was heard begins anew with each start, and what lies at targets would go with it.
        """
        pace_s: float | None = self.store.pace_s(key)
        if pace_s is None:
            meter = self.catalog.meter_of(key.point)
            log = self.collect.meters.get(meter.address) if meter else None
            pace_s = log.interval_s if log is not None else None
        return max(GAP_S, int(SILENT_INTERVALS * (pace_s or 0)))

    async def said(self, point_id: str, start: int, end: int, *, given: bool = False) -> dict[Quantity, list[Periods]]:
        """What files of holders say was taken between two times, a register each. It is beside what the meter said.

        With `given`, what was given to the network.
        """
        found: dict[Quantity, list[Periods]] = {}
        for quantity, periods in await self.holders.said(point_id, start, end, given=given):
            found.setdefault(quantity, []).append(periods)
        return found

    def places(self) -> dict[str, str]:
        """The number of each metering point (PRM) whose meter says it: to know whose a company's file is, and kept nowhere."""
        found: dict[str, str] = {}
        for point in self.catalog.points():
            meter = self.catalog.meter_of(point.id)
            log = self.collect.meters.get(meter.address) if meter else None
            if log is not None and log.place:
                found[point.id] = log.place
        return found

    async def erase(self, point_id: str, start: int, end: int) -> dict[str, int]:
        """All that was kept of a metering point between two times (UTC seconds), of whatever meter stood there.

        How much of each went. The point and its meter stay, and what it says from now on is kept. LookupError for an
        unknown point; StoreError, HoldersError, LedgerError and OSError from the card, and it may be asked again.
        """
        if self._metering_point(point_id) is None:
            raise LookupError(f"{point_id}: no such metering point")
        stands = self._stands(point_id)
        keys = tuple(info.key for info in self.store.series() if info.key.point.removesuffix(PUT_AHEAD) in stands)
        gone = {"points": await self.store.run(self.store.erase, keys, start, end)}
        gone["periods"] = await asyncio.to_thread(self.holders.erase, point_id, start, end)
        gone["held"] = await self._held.erase(stands, start, end)
        gone["waiting"] = await self._undated.erase(stands) if end > self.now() else 0
        for meter in self.catalog.standing(point_id) if start <= 0 and end > self.now() else ():
            gone["waiting"] += await asyncio.to_thread(self._waiting.erase, meter.address)
            self.collect.let_go(meter.address)
        for key in keys:
            self.collect.counted_on(key)
        if self.on_erase is not None:
            gone["stories"] = await self.on_erase(point_id, start, end)
        return gone

    async def curve(self, series: SeriesKey, start: int, end: int, buckets: int) -> Curve:
        """A level over time in at most `buckets` steps."""
        return await self.store.run(self._curve, series, start, end, buckets)

    def _curve(self, series: SeriesKey, start: int, end: int, buckets: int) -> Curve:
        try:
            columns = self.store.curve(series, start, end, buckets)
        except StoreError as error:
            if not self.store.damaged:
                raise
            log.warning("%s", error)
            columns = None
        if columns is None:
            return Curve(0, (), (), (), ())

        def decimals(values: Sequence[int]) -> list[Decimal]:
            return [Decimal(value).scaleb(columns.exponent) for value in values]

        return Curve(columns.step_s, columns.at, decimals(columns.low), decimals(columns.mean), decimals(columns.high))

    async def indexes(self, series: SeriesKey, bounds: Sequence[int]) -> list[Decimal | None]:
        """The virtual index at each bound (UTC seconds), counted on over swaps; None where it is not known."""
        gap_s = self.gap_s(series)
        (found,) = await self.store.run(self.store.at_bounds, [series], bounds, gap_s=gap_s)
        return [None if value is None else Decimal(value).scaleb(found.exponent) for value in found.values]

    async def raw(self, series: SeriesKey, start: int, end: int) -> Points | None:
        """Points as the meter said them, start <= at < end; None for an unknown series."""
        return await self.store.run(self.store.points, series, start, end)

    # -- what may be done ---------------------------------------------------------------------------------------------
    async def adopt(self, address: str, name: str, key: bytes | None) -> Adoption:
        """Take a heard meter as the house's own; LookupError when no such meter was heard.

        The encrypted telegrams still in memory are decoded at once, so the answer says whether the key fits.
        """
        heard = self.collect.heard.get(address)
        if heard is None and self.catalog.meter(address) is None:
            raise LookupError(f"{address}: not heard these seven days")
        if (exchanged := self.catalog.meter(address)) is not None and self.meter(address) is None:
            self.take_apart(exchanged.point)
        if key is not None:
            self.catalog.set_key(address, key)  # first: a card that refuses it leaves the meter as it was
            self._remembered.forget(address)
        meter = self.catalog.adopt(address, name, heard.medium if heard else Medium.OTHER, self.since())
        self.collect.take_over(address)
        await self._read_past(address)  # without a key of ours too: makers' own keys open some
        return self._adoption(meter)

    async def set_key(self, address: str, key: bytes) -> Adoption:
        """Try another key on the telegrams that wait for one; LookupError when the meter is not ours."""
        meter = self.catalog.meter(address)
        if meter is None:
            raise LookupError(f"{address}: not adopted")
        self._remembered.forget(address)  # who types a key again may have had the meter repaired
        self.catalog.set_key(address, key)
        await self._read_past(address)
        return self._adoption(meter)

    async def read_past(self) -> None:
        """Read what waits and may be read now: at start, before any port is open, and when a full frame was heard.

        Not while the card refuses points: all would be decoded again at each try, and stay.
        """
        for address in tuple(self.collect.readable) if self.store.trouble is None and self.dating else ():
            await self._read_past(address)

    async def tell_time(self, utc: float) -> bool:
        """A person says what time it is; False where the card holds later points: those are put aside in a while."""
        return await self._dating.tell(utc)

    async def find_time(self) -> None:
        """Find out whether the time is known, and give what was heard before its place; called now and then."""
        await self._dating.find()

    def _hear_time(self, port: str, meter: str, utc: float) -> None:
        """Only from a line that lies in the home: over a network somebody else may speak."""
        line = next((each for each in self.config.ports if each.name == port), None)
        if line is not None and line.device is not None:
            self._dating.hear(self.zone, meter, utc)

    async def _read_past(self, address: str) -> None:
        self.collect.readable.discard(address)
        if not self.dating:  # what is read would not be given its time
            self.collect.readable.add(address)
            return
        try:
            done = await self._waiting.read(address, self.collect, self._settle, self.count_on, self.now)
        except OSError as error:
            log.warning("%s: what waits cannot be read now: %s", address, error.strerror or error)
            done = False
        if not done:
            self.collect.readable.add(address)

    async def _settle(self) -> bool:
        return await self._turns.count_on() and await self.commit()

    async def commit(self) -> bool:
        """Bring the points that wait to the card now; False where it refuses."""
        return await self.store.run(self.store.commit)

    async def count_on(self) -> None:
        """Tell the card of indexes that began anew; called now and then."""
        await self._turns.count_on()

    async def uncount(self, point_id: str, event: int) -> bool:
        """An index of this point did not begin anew: what lies between is not known. False if there is none such."""
        if event not in {turned.event for turned in self._turned(point_id)}:
            return False
        return await self.store.run(self.store.undo, event)

    def _turned(self, point_id: str) -> tuple[Turned, ...]:
        """What a dial corrected is said where the dial is."""
        return () if self.dials.count(point_id) is not None else self._turns.of(self._stands(point_id))

    async def save(self, *, stopping: bool = False) -> None:
        """Bring to the card what is set aside and what the radio's decoder has learned; called each minute."""
        for address in self._waiting.addresses():
            heard = self.collect.meters.get(address)
            if heard is not None and heard.state is State.DECODED:
                self._waiting.drop_strays(address, self.now())
        await asyncio.wrap_future(self._aside.sync())
        if self._fallen != _pairs(self.catalog.setting(FALLEN)):
            try:
                await asyncio.to_thread(self.catalog.set_setting, FALLEN, sorted(self._fallen))
            except OSError as error:  # found again after a restart
                log.warning("which counters begin anew: the card refuses it: %s", error)
        learned = self._remembered.state()
        kept = self.catalog.setting(RADIO)
        formats = kept.get("formats") if isinstance(kept, dict) else None
        due = stopping or learned.get("formats") != formats or self.now() - self._remembered_at >= COUNTERS_S
        if learned and learned != kept and due:
            self._remembered_at = self.now()
            try:
                await asyncio.to_thread(self.catalog.set_setting, RADIO, learned)
            except OSError as error:  # learned again after a restart
                log.warning("what the radio's decoder has learned: the card refuses it: %s", error)

    async def bring_keys(self, file: KeyFile) -> KeyReport:
        """Keep the keys of a file, and try those of the house's own meters; KeysError when none can be kept."""
        logs = self.collect.meters
        before = {meter.address: self.key(meter.address) for meter in self.catalog.meters()}
        report = keep(
            file,
            self.catalog,
            heard=tuple(self.collect.heard),
            present=self.key,
            doubted=lambda address: address in logs and logs[address].state is State.WRONG_KEY,
        )
        for address in report.mine:
            key = self.key(address)
            assert key is not None
            if key != before[address]:
                self._remembered.forget(address)
            adoption = await self.set_key(address, key)
            if adoption.state is State.DECODED:
                report.read.append(adoption.point)
        return report

    def last_waiting(self, address: str) -> bytes | None:
        """The newest telegram of a meter of ours that waits to be read; None where none does."""
        return self._waiting.last(address)

    @property
    def formats(self) -> tuple[bytes, ...]:
        """What is known of the compact frames that the radios hear."""
        return self._remembered.formats

    def rename(self, point_id: str, name: str) -> None:
        self.catalog.rename(point_id, name)

    def _open_port(self, port: PortConfig) -> Port:
        port = replace(port, password=self.catalog.password(port.name))
        return lines.open_port(port, self.config.meters, self.collect, self.dials, self._fallen)

    @asynccontextmanager
    async def subscribe(self) -> AsyncIterator[asyncio.Queue[Live]]:
        """What happens from now on, for one listener."""
        queue: asyncio.Queue[Live] = asyncio.Queue(LIVE_QUEUE_MAX)
        self._queues.add(queue)
        try:
            yield queue
        finally:
            self._queues.discard(queue)

    # -- the catalogue as `collect` asks it ---------------------------------------------------------------------------
    def meter(self, address: str) -> Meter | None:
        """The meter of this address, if it is ours and no other one has taken its place."""
        meter = self.catalog.meter(address)
        if meter is None:
            return None
        present = self.catalog.meter_of(meter.point)
        return None if present is not None and present.stand is not None and present != meter else meter

    def key(self, address: str) -> bytes | None:
        """The one that was typed on a page, else the file's: who types one has seen that the file's does not fit."""
        return self.catalog.key(address) or self.devices.keys.get(address)

    # -- inside -------------------------------------------------------------------------------------------------------
    def take_apart(self, point_id: str) -> None:
        """It was no exchange: the newest meter of the point stands at a point of its own, with all it has said."""
        self._wires.take_apart(point_id)

    def _keep(self, points: Sequence[Point]) -> None:
        self.store.add(points)

    def _tell(self, point_id: str, log: MeterLog, points: Sequence[Point]) -> None:
        state = self._state(log)
        if self._states.get(point_id) is not state:
            self._states[point_id] = state
            self._publish(Live(point=point_id, state=state))
        for point in points:
            self._publish(Live(_value(point), point_id, state))

    def watch_states(self) -> None:
        """Say which points fell silent; called now and then, since silence sends no telegram."""
        self.collect.forget_strangers()
        self._wires.note()
        for address, log in self.collect.meters.items():
            if (meter := self.meter(address)) is not None:
                self._tell(meter.point, log, ())

    def _publish(self, event: Live) -> None:
        for queue in self._queues:
            if queue.full():
                queue.get_nowait()
                self.live_dropped += 1
            queue.put_nowait(event)

    def _metering_point(self, point_id: str) -> MeteringPoint | None:
        return next((point for point in self.catalog.points() if point.id == point_id), None)

    def _mains(self) -> dict[str, list[SeriesInfo]]:
        """The main index series of every point, in order of key: asked once for a page with many points."""
        mains: dict[str, list[SeriesInfo]] = {}
        for info in self.store.series():
            if info.main and info.quantity.kind is Kind.INDEX:
                mains.setdefault(info.key.point, []).append(info)
        return mains

    def _texts(self, address: str, log: MeterLog) -> dict[str, str]:
        if not address.startswith(TIC):
            return dict(log.texts)
        return {name: text for name, text in log.texts.items() if log.said_at[name] >= log.heard_at - TIC_SAID_S_MAX}

    def _meaning(self, address: str, log: MeterLog) -> Meaning | None:
        if not address.startswith(TIC):
            return None
        from drivers.tic.meaning import meaning  # late: a house without a Linky does not load it

        oldest = log.heard_at - TIC_SAID_S_MAX
        numbers = {name: number for name, number in log.numbers.items() if log.said_at[name] >= oldest}
        return meaning(self._texts(address, log), numbers)

    def _mean(self, stand: str) -> Value | None:
        """The mean power of the last period of a Linky's load curve."""
        mean = _value_or_none(self.store.latest(SeriesKey(stand, TIC_MEAN)))
        return mean if mean is not None and mean.at > self.now() - MEAN_S_MAX else None

    def _stands(self, point_id: str) -> tuple[str, ...]:
        """The first parts of the keys of a point's series, in the order of the meters that stood there."""
        stands = (meter.stand for meter in self.catalog.standing(point_id))
        return (point_id, *(stand for stand in stands if stand is not None))

    def _eras(self, point_id: str, mains: Mapping[str, Sequence[SeriesInfo]]) -> list[Era]:
        point = self._metering_point(point_id)
        if point is None:
            return []
        return eras.eras(point.medium, self._stands(point_id), mains, self._said_now(self.catalog.meter_of(point_id)))

    def _said_now(self, meter: Meter | None) -> set[str]:
        """The registers that a Linky says these seconds: just after it was switched, those of both modes are fresh."""
        log = self.collect.meters.get(meter.address) if meter and meter.address.startswith(TIC) else None
        if log is None:
            return set()
        return {register for register, at in log.said_at.items() if at >= log.heard_at - TIC_SAID_S_MAX}

    def _last_exchange(self, point_id: str) -> Exchange | None:
        before, after = ([None, None, *self.catalog.standing(point_id)])[-2:]
        if before is None or after is None or after.stand is None or after.since < self.now() - EXCHANGE_SHOWN_S:
            return None
        return Exchange(after.since, before.address, after.address)

    def _view(self, point: MeteringPoint, mains: Mapping[str, Sequence[SeriesInfo]]) -> PointView:
        meter = self.catalog.meter_of(point.id)
        log = self.collect.meters.get(meter.address) if meter else None
        found = self._eras(point.id, mains)
        keys = found[-1].keys if found else ()
        index = self._index(keys)
        produces = any(key.register == PRODUCED for key in keys)
        present = meter.series_point if meter else point.id
        heard_at = log.heard_at if log else (index.at if index else None)
        mute = PointState.NEVER_HEARD if heard_at is None else PointState.SILENT
        state = self._state(log) if log else mute if meter else PointState.LET_GO
        return PointView(
            point=point,
            address=meter.address if meter else None,
            state=state,
            port=log.port if log else None,
            rssi_dbm=log.rssi_dbm if log else None,
            heard_at=heard_at,
            telegrams=log.telegrams if log else 0,
            index_series=keys,
            quantity=index.quantity if index else None,
            index=index,
            level=self._level(log) if log and state is PointState.SPEAKING else None,
            texts=self._texts(meter.address, log) if log and meter else {},
            meaning=self._meaning(meter.address, log) if log and meter else None,
            mean=self._mean(present),
            injected=self._injected(present) if point.medium is Medium.ELECTRICITY and not produces else None,
            exchange=self._last_exchange(point.id),
            status=log.status if log else (AWAY,) if meter and self.collect.is_away(meter.address) else (),
            reading=log.state if log else None,
            error=log.error if log else None,
            in_clear=log.in_clear if log else False,
            waits=self._waiting.waits(meter.address) if meter else None,
            held=self._held.of(present, self.now() - HELD_S_MAX),
            turned=self._turned(point.id),
            produces=produces,
            interval_s=log.interval_s if log else None,
        )

    def _injected(self, stand: str) -> Value | None:
        """Many meters count what is given where nobody gives: a nought is said of a producer's meter alone."""
        index = self._index(self._export_keys(stand))
        return index if index is not None and (index.value or index.series.register == TIC_INJECTED) else None

    def _state(self, log: MeterLog) -> PointState:
        quiet_s = SILENT_S_FIRST if log.interval_s is None else max(SILENT_S_MIN, SILENT_INTERVALS * log.interval_s)
        port = self.collect.ports.get(log.port)
        if self.now() - log.heard_at > quiet_s or (port is not None and not port.open_):
            return PointState.SILENT
        match log.state:
            case State.DECODED:
                return PointState.SPEAKING
            case State.KEY_MISSING:
                return PointState.KEY_MISSING
            case State.WRONG_KEY:
                return PointState.WRONG_KEY
            case _:
                return PointState.UNREADABLE

    def _index(self, keys: Sequence[SeriesKey]) -> Value | None:
        parts = [self.store.latest(key) for key in keys]
        known = [part for part in parts if part is not None]
        if not known or len(known) < len(parts):
            return None
        key = keys[0] if len(keys) == 1 else SeriesKey(keys[0].point, "total")
        total = sum((part.decimal for part in known), Decimal(0))
        return Value(key, known[0].quantity, max(part.at for part in known), total)

    def _level(self, log: MeterLog) -> Value | None:
        """The present power or flow; None when the meter has not said it for a while."""
        oldest = self.now() - max(LEVEL_S_MAX, SILENT_INTERVALS * (log.interval_s or 0))
        for quantity in LEVEL_QUANTITIES:
            for point in log.levels.values():
                if point.quantity is quantity and point.at > oldest:
                    return _value(point)
        return None

    def _adoption(self, meter: Meter) -> Adoption:
        log = self.collect.meters.get(meter.address)
        view = self.point(meter.point)
        values = tuple(value for value in (view.index, view.level) if value is not None) if view else ()
        return Adoption(meter.point, log.state if log else None, values)


def _pairs(kept: object) -> set[tuple[str, str]]:
    """Pairs of texts out of JSON."""
    rows = kept if isinstance(kept, list) else []
    return {(str(row[0]), str(row[1])) for row in rows if isinstance(row, (list, tuple)) and len(row) == 2}


def _value_or_none(point: Point | None) -> Value | None:
    return None if point is None else _value(point)


def _value(point: Point) -> Value:
    return Value(point.series, point.quantity, point.at, point.decimal)


def _heard_view(heard: Heard) -> HeardMeter:
    return HeardMeter(
        heard.address,
        heard.medium,
        heard.encrypted,
        heard.port,
        heard.count,
        heard.rssi_dbm,
        heard.first_at,
        heard.last_at,
        heard.name,
        heard.kind,
        len(heard.registers),
        tuple(
            Preview(reading.register, reading.quantity, reading.value)
            for reading in heard.preview.values()
            if isinstance(reading.value, (Decimal, str))
        ),
    )
