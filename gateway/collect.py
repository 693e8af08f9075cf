"""From what ports hear to points: whose meter, is it plausible, which series. Counts all it refuses."""

import logging
from collections import Counter, OrderedDict, deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from decimal import Context, Decimal
from functools import partial
from typing import Protocol, TypeVar

from drivers.model import Address, DecodeError, Frame, Function, Kind, Medium, Quantity, Reading, State, Telegram
from drivers.talk import Identity
from drivers.thing import Presence, Thing, Unread
from gateway.model import Meter, Point, SeriesKey
from gateway.plausible import IndexWatch, Pace, Verdict
from gateway.quality import Quality
from gateway.sealed import Sealed, Strangers
from gateway.undated import UndatedPoint
from gateway.views import Hears, Listening

log = logging.getLogger(__name__)

# Addresses nobody adopted: enough for a tower block, forgotten after a week unheard.
HEARD_MAX = 2000
HEARD_S_MAX = 7 * 86400
# Telegrams of our own meters that something still to come may open: a key, a full frame.
SEALED = frozenset({State.KEY_MISSING, State.WRONG_KEY, State.WAITING_FORMAT})
# A wired line belongs to the house: its first meter is taken as ours once so many frames agree on its address.
ADOPT_AFTER = 3
# What reaches the store. Every frame reaches the live view.
INDEX_PACE_S = 10
LEVEL_PACE_S = 10
OTHER_PACE_S = 60
# What does not move is written this often all the same: it says that the meter was heard.
UNCHANGED_PACE_S = 600
# Meters that never say again what was missed: the box counts for them, and each change is kept at once.
COUNTED_HERE = "pulse"
# A meter may date a value itself; a date outside this window is a wrong clock, and reception time is used.
AGE_S_MAX = 2 * 86400
# Finer than any meter states: the noise of a float near zero must not set the resolution of its whole series.
EXPONENT_MIN = -6
FINEST = Decimal(1).scaleb(EXPONENT_MIN)
WIDE = Context(prec=100)
BUG_BYTES_KEPT = 8
# What a meter that the network keeps right says of the time: Linkys (Enedis-NOI-CPT_54E, DATE).
CLOCKS = frozenset({("tic", "DATE")})
# A Linky has 105 labels, the richest heat meter about as many registers: more is somebody making them up on the air.
REGISTERS_MAX = 200

# What a thing on the owner's broker says before it is adopted, in memory only: enough to know it by.
PREVIEW_MAX = 40
# Yes and no: a leak, a door. What changes is kept at once, as it may have changed back before a curve's pace is over.
YES_OR_NO_PACE_S = 1
# One thing speaks on one broker: another of its name, on a second one, waits until the first was silent for so long.
ELSEWHERE_S = 3600
AWAY_MAX = 1000
AWAY = "away"  # the status of a thing whose broker says that it is not there

# A copy, a part of a message, an empty announcement: they say nothing against the telegram read before, for so long.
PASSING = frozenset({State.REPEATED, State.WAITING_FRAGMENT, State.NO_DATA})
PASSING_S_MAX = 3600

T = TypeVar("T")


class Header(Protocol):
    """What is looked at of a telegram nobody adopted."""

    @property
    def address(self) -> Address: ...
    @property
    def medium(self) -> Medium: ...
    @property
    def encrypted(self) -> bool: ...


class RadioHeader(Header, Protocol):
    """The same of a telegram that may be a neighbour's."""

    @property
    def sealed(self) -> bool:
        """Encrypted, and nothing of its content is in clear."""


@dataclass(frozen=True, slots=True)
class Driver:
    """How one port's frames are understood.

    `header` is all that is looked at of a radio telegram that nobody adopted. A wired line has none: what speaks
    there is the house's own, it is decoded at once and its first meter is taken by itself. `decode` takes a frame, its
    meter's key and when it was heard, UTC seconds. `pace` says how fast an index of this meter can grow, by its register
    and by the levels the meter stated.
    """

    decode: Callable[[Frame, bytes | None, int], Telegram]
    header: Callable[[Frame], RadioHeader] | None = None
    pace: Callable[[str, Mapping[str, Decimal]], Pace | None] = lambda register, numbers: None


@dataclass(slots=True)
class Heard:
    """An address nobody adopted: header, counts and signal only.

    A thing on the owner's broker has a `name` and a `kind`, too, `registers` that it said, and a `preview` of their last
    values, unless it is on the air and may be a neighbour's.
    """

    address: str
    medium: Medium
    encrypted: bool
    port: str
    first_at: int
    last_at: int
    count: int = 0
    rssi_dbm: int | None = None
    name: str = ""
    kind: str = ""
    registers: set[str] = field(default_factory=set)
    preview: dict[str, Reading] = field(default_factory=dict)


@dataclass(slots=True)
class MeterLog:
    """What an adopted meter last said, in memory only. `levels` are its main ones: what may be shown as "now".

    `texts` and `numbers` are all its present words and levels by register, `said_at` when each was said.
    """

    port: str
    state: State
    heard_at: int
    read_at: int | None = None
    telegrams: int = 0
    interval_s: float | None = None
    rssi_dbm: int | None = None
    medium: Medium = Medium.OTHER
    error: str | None = None
    status: tuple[str, ...] = ()
    texts: dict[str, str] = field(default_factory=dict)
    numbers: dict[str, Decimal] = field(default_factory=dict)
    said_at: dict[str, int] = field(default_factory=dict)
    registers: set[str] = field(default_factory=set)
    levels: dict[SeriesKey, Point] = field(default_factory=dict)
    # The number of its metering point, once it was said twice in a row: a damaged digit may pass every check.
    place: str | None = field(default=None, repr=False)
    place_said: str | None = field(default=None, repr=False)
    in_clear: bool = False  # what it said last came in clear, though there is a key


@dataclass(slots=True)
class PortLog:
    """How a line is doing. `open_` false: lost since `since`, for `reason`."""

    protocol: str
    since: int
    open_: bool = False
    reason: str | None = None
    receiver: str | None = None  # what the dongle there answered
    listening: Listening | None = None  # of a line whose speed is found
    quality: Quality = field(default_factory=Quality)
    heard_at: int | None = None
    counts: Counter[str] = field(default_factory=Counter)
    last_fault: str | None = None
    in_a_row: dict[Medium, tuple[str, int]] = field(
        default_factory=dict
    )  # whose frame was the last, of how many in a row
    bugs: deque[bytes] = field(default_factory=lambda: deque(maxlen=BUG_BYTES_KEPT))


@dataclass(frozen=True, slots=True)
class _News:
    """What one telegram gave: for the store, and for the live view."""

    point: str
    log: MeterLog
    kept: Sequence[Point]
    shown: Sequence[Point]
    fallen: Sequence[str] = ()
    undated: Sequence[UndatedPoint] = ()


@dataclass(frozen=True, slots=True)
class Turn:
    """An index that began anew at zero after `last`; `point` is the first one since then, and in no series yet."""

    point: Point
    last: Decimal


class Meters(Protocol):
    """The part of the catalogue that is asked for each telegram."""

    def meter(self, address: str) -> Meter | None: ...
    def key(self, address: str) -> bytes | None: ...


class Collect:
    """The sink of all ports. Runs in the event loop's thread; nothing here waits.

    `keep` takes points for the store; `live` is told of every main level and of every telegram; `adopt` is asked to
    take a wired line's first meter; `wait` keeps a telegram that cannot be read yet, `set_aside` an index that is held.
    As long as `dating` says that the time is not known, points go to `keep_undated`, and come back through `place`;
    `stepped` says by how many seconds `now` has leapt since it was last asked, `clock_said` is told what time a meter
    on a port says it is. `turned` are the indexes that began anew: until `counted_on` nothing of them is
    kept. `readable` names the meters whose waiting telegrams a newer one may have opened.
    """

    def __init__(
        self,
        *,
        drivers: dict[str, Driver],
        protocols: dict[str, str],
        meters: Meters,
        latest: Callable[[SeriesKey], Point | None],
        keep: Callable[[Sequence[Point]], None],
        live: Callable[[str, MeterLog, Sequence[Point]], None],
        adopt: Callable[[Telegram, str], bool],
        wait: Callable[[str, Sealed], None],
        forget_counter: Callable[[str], int | None] = lambda address: None,
        counter_at_least: Callable[[str, int], None] = lambda address, counter: None,
        set_aside: Callable[[Point, Decimal], None],
        now: Callable[[], int],
        dating: Callable[[], bool] = lambda: True,
        stepped: Callable[[], int] = lambda: 0,
        keep_undated: Callable[[UndatedPoint], None] = lambda heard: None,
        clock_said: Callable[[str, str, float], None] = lambda port, meter, utc: None,
    ) -> None:
        self._drivers = dict(drivers)
        self._meters = meters
        self._latest = latest
        self._keep = keep
        self._live = live
        self._adopt = adopt
        self._wait = wait
        self._forget_counter = forget_counter
        self._counter_at_least = counter_at_least
        self._set_aside = set_aside
        self._clock = now
        self._dating = dating
        self._stepped = stepped
        self._keep_undated = keep_undated
        self._clock_said = clock_said
        self.ports = {name: PortLog(protocol, now()) for name, protocol in protocols.items()}
        self.meters: dict[str, MeterLog] = {}
        self.heard: OrderedDict[str, Heard] = OrderedDict()
        self.strangers = Strangers()
        self.turned: dict[SeriesKey, Turn] = {}
        self._away: set[str] = set()
        self.readable: set[str] = set()
        self._paused: dict[str, int | None] = {}  # and the message counter it had until then
        self._blamed = b""
        self._formats_awaited: set[str] = set()
        self._watches: dict[SeriesKey, IndexWatch] = {}
        self._kept: dict[SeriesKey, tuple[int, int, int]] = {}
        self._watched: dict[SeriesKey, int] = {}

    def _now(self) -> int:
        self.follow_clock()
        return self._clock()

    def follow_clock(self) -> None:
        """If the clock was set: what is remembered by its time was heard so many seconds later than it said."""
        by = self._stepped()
        if not by:
            return
        for port in self.ports.values():
            port.since += by
            port.heard_at = None if port.heard_at is None else port.heard_at + by
        for heard in self.heard.values():
            heard.first_at, heard.last_at = heard.first_at + by, heard.last_at + by
        for entry in self.meters.values():
            entry.heard_at += by
            entry.read_at = None if entry.read_at is None else entry.read_at + by
            entry.said_at = {register: at + by for register, at in entry.said_at.items()}
            entry.levels = {series: replace(point, at=point.at + by) for series, point in entry.levels.items()}
        self._kept = {series: (at + by, value, exponent) for series, (at, value, exponent) in self._kept.items()}
        self.strangers.shift(by)

    def add_port(self, port: str, protocol: str, driver: Driver | None) -> None:
        """Another line, or one whose meters are understood by another `driver` from now on."""
        if driver is not None:
            self._drivers[port] = driver
        if port not in self.ports:
            self.ports[port] = PortLog(protocol, self._now())

    def drop_port(self, port: str) -> None:
        """The line is no longer the house's; its meters stay, and fall silent. What nobody adopted is forgotten."""
        self._drivers.pop(port, None)
        self.ports.pop(port, None)
        for address in [heard.address for heard in self.heard.values() if heard.port == port]:
            self._forget(address)

    def let_go(self, address: str) -> None:
        """The meter is no longer the house's: what it last said is not said of the next one at its address."""
        self.meters.pop(address, None)

    # -- Sink ---------------------------------------------------------------------------------------------------------
    def opened(self, port: str) -> None:
        state = self.ports[port]
        state.open_, state.since, state.reason = True, self._now(), None
        state.receiver = state.listening = None

    def identified(self, port: str, identity: Identity) -> None:
        self.ports[port].receiver = str(identity)

    def listening(self, port: str, listening: Listening) -> None:
        state = self.ports[port]
        if listening.hears is Hears.GROUPS:
            state.quality = Quality()  # what was misheard at another speed says nothing of the cable
        state.listening = listening

    def lost(self, port: str, reason: str) -> None:
        state = self.ports[port]
        if state.open_ or state.reason is None:
            state.since = self._now()
            log.warning("port %s: %s", port, reason)
        state.open_, state.reason, state.listening = False, reason, None
        state.counts["lost"] += 1

    def fault(self, port: str, error: DecodeError) -> None:
        state = self.ports[port]
        state.counts["faults"] += 1
        state.last_fault = str(error)
        state.quality.count(self._now(), 0, 1)

    def frame(self, port: str, frame: Frame) -> None:
        self.ports[port].counts["frames"] += 1
        # Of a neighbour nothing goes into a log, not even when our own code fails on it.
        self._blamed = frame.data if self._drivers[port].header is None else b""
        self._hand_on(self._walled(port, partial(self._frame, port, frame)))

    def telegram(self, port: str, read: Callable[[], Telegram]) -> None:
        self.ports[port].counts["telegrams"] += 1
        self._blamed = b""
        self._hand_on(self._walled(port, partial(self._telegram, port, read)))

    def things(
        self, port: str, read: Callable[[int], Sequence[Thing | Presence | Unread | DecodeError]]
    ) -> Sequence[tuple[str, str]]:
        self.ports[port].counts["messages"] += 1
        self._blamed = b""
        fallen: list[tuple[str, str]] = []
        for item in self._walled(port, partial(read, self._now())) or ():
            match item:
                case Thing():
                    news = self._walled(port, partial(self._thing, port, item))
                    self._hand_on(news)
                    if news is not None:
                        fallen += [(str(item.telegram.address), register) for register in news.fallen]
                case Presence():
                    self._note_presence(str(item.address), there=item.there)
                case Unread():
                    self.ports[port].counts[item.why] += 1
                case DecodeError():
                    self.fault(port, item)
        return fallen

    def _walled(self, port: str, understand: Callable[[], T]) -> T | None:
        """What `understand` gives. The one wall: a bug in one decoder blinds one meter, not the house."""
        try:
            return understand()
        except DecodeError as error:
            self.fault(port, error)
        except Exception:
            state = self.ports[port]
            state.counts["bugs"] += 1
            state.bugs.append(self._blamed)
            state.last_fault = "a bug in the decoder: see the log"
            if state.counts["bugs"] <= BUG_BYTES_KEPT:  # each frame may bring it again
                log.exception("port %s: the decoder failed on %s", port, self._blamed.hex() or "a frame")
        return None

    def _hand_on(self, news: _News | None) -> None:
        """Outside the wall: a store that has ended must end the program, which is then started again."""
        if news is None:
            return
        if news.kept:
            self._keep(news.kept)
        for heard in news.undated:
            self._keep_undated(heard)
        self._live(news.point, news.log, news.shown)

    # -- whose meter --------------------------------------------------------------------------------------------------
    def _telegram(self, port: str, read: Callable[[], Telegram]) -> _News | None:
        telegram = read()
        state = self.ports[port]
        state.heard_at = self._now()
        meter = self._meters.meter(str(telegram.address))
        if meter is None:
            state.counts["not adopted"] += 1
            return None
        return self._accept(port, meter, telegram, None, state.heard_at)

    def _thing(self, port: str, thing: Thing) -> _News | None:
        telegram, state = thing.telegram, self.ports[port]
        address, now = str(telegram.address), self._now()
        state.heard_at = now
        meter = self._meters.meter(address)
        if meter is None:
            heard = self._note_address(port, telegram, now)
            heard.name, heard.kind = thing.name, thing.kind
            if heard.medium is Medium.OTHER:
                heard.medium = telegram.medium
            for reading in telegram.readings:
                if reading.register in heard.registers or len(heard.registers) < PREVIEW_MAX:
                    heard.registers.add(reading.register)
                    if not thing.radio:
                        heard.preview[reading.register] = reading
            return None
        known = self.meters.get(address)
        if known is not None and known.port != port and now - known.heard_at < ELSEWHERE_S:
            raise DecodeError(f"{address} speaks on port {known.port}, and is not read from port {port}")
        self._forget(address)
        state.counts["telegrams"] += 1
        for fault in telegram.faults:
            state.counts["bad parts"] += 1
            state.last_fault = str(fault)
        return self._accept(port, meter, telegram, None, now)

    def _note_presence(self, address: str, *, there: bool) -> None:
        """A device that went away, or is back, with all that it measures. It says nothing of a value."""
        if there:
            self._away.discard(address)
        elif len(self._away) < AWAY_MAX:
            self._away.add(address)
        for other, entry in self.meters.items():
            if other == address or other.startswith(address + "/"):
                entry.status = tuple(word for word in entry.status if word != AWAY) + (() if there else (AWAY,))
                meter = self._meters.meter(other)
                if meter is not None:
                    self._live(meter.point, entry, [])

    def is_away(self, address: str) -> bool:
        """Whether the broker said so of this thing, or of the device that it is a channel of."""
        return address in self._away or any(address.startswith(other + "/") for other in self._away)

    def _frame(self, port: str, frame: Frame) -> _News | None:
        driver = self._drivers[port]
        state = self.ports[port]
        telegram = None
        header: Header
        if driver.header is None:
            header = telegram = driver.decode(frame, None, self._now())
            sealed = telegram.encrypted
        else:
            header = heading = driver.header(frame)
            sealed = heading.sealed
        state.heard_at = self._now()
        address = str(header.address)
        before, count = state.in_a_row.get(header.medium, ("", 0))
        state.in_a_row[header.medium] = address, count + 1 if before == address else 1
        meter = self._meters.meter(address)
        if meter is None:
            heard = self._note_heard(port, frame, header, sealed)
            if telegram is None or heard.count < ADOPT_AFTER or not self._adopt(telegram, port):
                return None
            meter = self._meters.meter(address)
            assert meter is not None
        self._blamed = frame.data
        self._forget(address)
        state.counts["telegrams"] += 1
        if address in self._paused or (address in self.readable and not self._dating()):
            # Its past comes first, and has its times once the time is known.
            self._wait(address, Sealed(state.heard_at, port, frame))
            return None
        if telegram is None or (telegram.encrypted and telegram.state in SEALED):
            telegram = driver.decode(frame, self._meters.key(address), state.heard_at)
        for fault in telegram.faults:
            state.counts["bad parts"] += 1
            state.last_fault = str(fault)
        state.quality.count(state.heard_at, len(telegram.readings), len(telegram.faults))
        if telegram.state in SEALED or (telegram.state is State.WAITING_FRAGMENT and self._is_shut(address)):
            self._wait(address, Sealed(state.heard_at, port, frame))
        if telegram.state is State.DECODED and address in self._formats_awaited:
            # It may be the full frame that the ones before wait for: it is read behind them, in a moment.
            self._wait(address, Sealed(state.heard_at, port, frame))
            self._formats_awaited.discard(address)
            self.pause(address)
            self.readable.add(address)
            return None
        return self._accept(port, meter, telegram, frame, state.heard_at)

    def _is_shut(self, address: str) -> bool:
        """Whether a part of this meter's message may have to wait with the rest of it."""
        known = self.meters.get(address)
        return self._meters.key(address) is None or (known is not None and known.state in SEALED)

    def _note_heard(self, port: str, frame: Frame, header: Header, sealed: bool) -> Heard:
        now = self._now()
        heard = self._note_address(port, header, now)
        heard.rssi_dbm = frame.rssi_dbm
        if sealed and heard.address in self.heard:
            self.strangers.keep(heard.address, Sealed(now, port, frame))
        return heard

    def _note_address(self, port: str, header: Header, now: int) -> Heard:
        address = str(header.address)
        self.ports[port].counts["not adopted"] += 1
        heard = self.heard.get(address)
        if heard is None:
            heard = Heard(address, header.medium, header.encrypted, port, now, now)
            self.heard[address] = heard
        self.heard.move_to_end(address)
        heard.port, heard.last_at = port, now
        heard.count += 1
        heard.encrypted = header.encrypted
        if len(self.heard) > HEARD_MAX:
            # Made-up addresses come once each: they are not to push the neighbours out, who come again and again.
            once = next((other for other in self.heard.values() if other.count == 1), None)
            self._forget(once.address if once else next(iter(self.heard)))
        return heard

    def _forget(self, address: str) -> None:
        if self.heard.pop(address, None) is not None:
            self.strangers.take(address)

    def forget_strangers(self) -> None:
        """Nothing of a meter that nobody adopted is kept longer than it may be; called now and then."""
        now = self._now()
        for heard in list(self.heard.values()):
            heard.last_at = min(heard.last_at, now)  # the clock was ahead
            if heard.last_at <= now - HEARD_S_MAX:
                self._forget(heard.address)
        self.strangers.forget(now)

    def take_over(self, address: str) -> None:
        """What was heard of this meter before its adoption is ours now, and waits to be read with the rest."""
        for telegram in self.strangers.take(address):
            self._wait(address, telegram)
        self.heard.pop(address, None)

    # -- the past, read when a key comes ------------------------------------------------------------------------------
    def pause(self, address: str) -> None:
        """What this meter says from now on waits, too. Its past counts its messages from its own beginning."""
        if address not in self._paused:
            self._paused[address] = self._forget_counter(address)

    def go_on(self, address: str) -> None:
        counter = self._paused.pop(address, None)
        if counter is not None:
            self._counter_at_least(address, counter)
        entry = self.meters.get(address)
        meter = self._meters.meter(address)
        if entry is not None and meter is not None:
            self._live(meter.point, entry, [])

    def awaits_format(self, address: str) -> None:
        """What waits of this meter may wait for a full frame: the next one that is read will tell."""
        self._formats_awaited.add(address)

    def again(self, address: str, telegram: Sealed) -> State | None:
        """Decode a telegram that waited, as if it were heard now at its own time; what became of it."""
        meter = self._meters.meter(address)
        port = telegram.port if telegram.port in self._drivers else self._radio()
        if meter is None or port is None:
            return State.KEY_MISSING  # given back, or without a radio: it goes on waiting
        self._blamed = telegram.frame.data
        read = self._walled(port, partial(self._again, port, meter, telegram))
        if read is None:
            return None
        state, news = read
        if news.kept:
            self._keep(news.kept)
        return state

    def _radio(self) -> str | None:
        return next((name for name, driver in self._drivers.items() if driver.header is not None), None)

    def _again(self, port: str, meter: Meter, telegram: Sealed) -> tuple[State, _News]:
        read = self._drivers[port].decode(telegram.frame, self._meters.key(meter.address), telegram.at)
        return read.state, self._accept(port, meter, read, telegram.frame, telegram.at, past=True)

    # -- is it plausible, which series --------------------------------------------------------------------------------
    def _accept(
        self, port: str, meter: Meter, telegram: Telegram, frame: Frame | None, now: int, *, past: bool = False
    ) -> _News:
        """What the house makes of a telegram heard at `now`; `past`: it waited, and others were heard since."""
        entry = self.meters.get(meter.address)
        if entry is None:
            entry = self.meters[meter.address] = MeterLog(port, telegram.state, now)
        elif now > entry.heard_at:
            gap_s = now - entry.heard_at
            entry.interval_s = gap_s if entry.interval_s is None else 0.8 * entry.interval_s + 0.2 * gap_s
        entry.port, entry.heard_at = port, max(now, entry.heard_at) if past else now
        entry.telegrams += 0 if past else 1
        if telegram.state is State.DECODED:
            entry.read_at = max(now, entry.read_at or 0)
            entry.in_clear = not telegram.encrypted and self._meters.key(meter.address) is not None
        if telegram.state not in PASSING or entry.read_at is None or now - entry.read_at > PASSING_S_MAX:
            entry.state, entry.error, entry.status = telegram.state, telegram.error, telegram.status
            entry.medium = telegram.medium
        if frame is not None:
            entry.rssi_dbm = frame.rssi_dbm
        if telegram.state is not State.DECODED:
            self.ports[port].counts[telegram.state.value] += 0 if past else 1
            if telegram.state is State.WAITING_FORMAT and not past:
                self._formats_awaited.add(meter.address)
        if telegram.readings and entry.in_clear:
            self.ports[port].counts["in clear"] += 1  # some meters send both; somebody else could, too
        if telegram.place is not None:
            if telegram.place == entry.place_said:
                entry.place = telegram.place
            entry.place_said = telegram.place
        for register in telegram.blank:
            entry.texts.pop(register, None)
        shown: list[Point] = []
        kept: list[Point] = []
        undated: list[UndatedPoint] = []
        fallen: list[str] = []
        backwards = False
        dating = past or self._dating()
        for reading in telegram.readings:
            if reading.quantity.kind is Kind.TEXT and reading.storage:
                continue
            if not past and reading.at is not None and (meter.address.partition(":")[0], reading.register) in CLOCKS:
                self._clock_said(port, meter.address, reading.at.timestamp())
            if reading.register not in entry.registers:
                if len(entry.registers) >= REGISTERS_MAX:
                    self.ports[port].counts["registers refused"] += 1
                    continue
                entry.registers.add(reading.register)
            if reading.quantity.kind is Kind.TEXT:
                entry.texts[reading.register] = str(reading.value)
                entry.said_at[reading.register] = now
                continue
            point = to_point(meter.series_point, reading, now)
            if point is None:
                continue
            if not past:
                entry.said_at[reading.register] = now
                if reading.quantity.kind is Kind.LEVEL:
                    entry.numbers[reading.register] = point.decimal
            if reading.quantity.kind is Kind.INDEX and dating:
                if past and self._is_behind(point):
                    self.ports[port].counts["behind"] += 1  # a later index is known: nothing is lost with this one
                    continue
                if point.series in self.turned:
                    continue  # until the card knows where it goes on; an index says again what was missed
                pace = self._pace(port, reading.register, entry)
                verdict, believed, full = self._judge(point, pace)
                if verdict is Verdict.HOLD and (last := _finished(telegram, reading, believed)) is not None:
                    verdict, full = Verdict.ROUND, last
                if verdict is Verdict.ROUND:
                    self.turned[point.series] = Turn(point, full)
                    continue
                if verdict is Verdict.HOLD:
                    self.ports[port].counts["held"] += 1
                    self.ports[port].last_fault = f"{point.series}: {point.decimal} held, it does not follow the last"
                    self._set_aside(point, believed)
                    if point.decimal < believed:
                        backwards = True
                        fallen.append(reading.register)
                    continue
            elif point.quantity.kind is Kind.LEVEL and point.main and reading.at is None:
                # A level the meter dates is the past: a mean, a maximum.
                if not past:
                    entry.levels[point.series] = point
                shown.append(point)
            if self._due(point, 0 if telegram.address.protocol == COUNTED_HERE else INDEX_PACE_S):
                if dating:
                    kept.append(point)
                else:
                    undated.append(UndatedPoint(port, point, reading.at))
                if point.quantity.kind is Kind.INDEX and point.main and dating:
                    shown.append(point)  # one that nobody has judged yet may have run back
        if backwards and frame is not None and telegram.message_counter is None and self._is_radio(port):
            # An old telegram played again has an old power, too; nothing tells it from the present one.
            for point in shown:
                entry.levels.pop(point.series, None)
            kept = [point for point in kept if point.quantity.kind is Kind.INDEX]
            shown = [point for point in shown if point.quantity.kind is Kind.INDEX]
        return _News(meter.point, entry, kept, shown, fallen, undated)

    def place(self, heard: UndatedPoint, at: int) -> None:
        """A point that was heard at `at`, before the time was known: judged and kept as if it were heard now.

        One that is there already is left as it is; one behind another that is there is counted.
        """
        point = replace(heard.point, at=_said(heard.said, at))
        last = self._latest(point.series)
        if last is not None and point.at <= last.at:
            if heard.port in self.ports and point.at < last.at:
                self.ports[heard.port].counts["behind"] += 1
            return
        if point.series in self.turned:
            return  # until the card knows where it goes on; an index says again what was missed
        if point.quantity.kind is Kind.INDEX:
            verdict, believed, full = self._judge(point, None)
            if verdict is Verdict.ROUND:
                self.turned[point.series] = Turn(point, full)
                return
            if verdict is Verdict.HOLD:
                if heard.port in self.ports:
                    self.ports[heard.port].counts["held"] += 1
                self._set_aside(point, believed)
                return
        self._keep([point])

    def _is_radio(self, port: str) -> bool:
        driver = self._drivers.get(port)
        return driver is not None and driver.header is not None

    def _is_behind(self, point: Point) -> bool:
        watch = self._watch(point)
        return watch.at is not None and point.at <= watch.at

    def _pace(self, port: str, register: str, entry: MeterLog) -> Pace | None:
        driver = self._drivers.get(port)  # a port that asks its meters has none
        return None if driver is None else driver.pace(register, entry.numbers)

    def _judge(self, point: Point, pace: Pace | None) -> tuple[Verdict, Decimal, Decimal]:
        """What becomes of an index; the last one that was believed, and where its register comes round."""
        watch = self._watch(point)
        believed, full = Decimal(watch.value).scaleb(watch.exponent), Decimal(watch.full).scaleb(watch.exponent)
        return watch.judge(point.at, point.value, point.exponent, pace), believed, full

    def _watch(self, point: Point) -> IndexWatch:
        watch = self._watches.get(point.series)
        if watch is None:
            last = self._latest(point.series)
            known = (last.at, last.value, last.exponent) if last is not None else ()
            watch = self._watches[point.series] = IndexWatch(point.quantity, *known)
        return watch

    def counted_on(self, series: SeriesKey) -> None:
        """An index goes on from elsewhere, and the store knows where: what was believed before is no measure of it."""
        self._watches.pop(series, None)
        self._kept.pop(series, None)
        self.turned.pop(series, None)

    def watch(self, series: SeriesKey, until: int) -> None:
        """Until then (UTC seconds) what this index says is kept and told at its pace, also while it stands still."""
        self._watched[series] = until

    def _due(self, point: Point, index_pace_s: int) -> bool:
        """Whether this point goes to the store now: at a pace, sooner when it changed."""
        last = self._kept.get(point.series)
        if last is not None:
            at, value, exponent = last
            changed = (value, exponent) != (point.value, point.exponent)
            if point.main and point.quantity.kind is not Kind.INDEX:
                pace_s = LEVEL_PACE_S  # a curve of power has a gap only where nothing was heard
            elif not changed and point.at >= self._watched.get(point.series, 0):
                pace_s = UNCHANGED_PACE_S
            elif point.quantity is Quantity.NUMBER:
                pace_s = YES_OR_NO_PACE_S
            else:
                pace_s = index_pace_s if point.main else OTHER_PACE_S
            if 0 <= point.at - at < pace_s:  # a clock that was set back must not stop the pen
                return False
        self._kept[point.series] = (point.at, point.value, point.exponent)
        return True


def _finished(telegram: Telegram, reading: Reading, believed: Decimal) -> Decimal | None:
    """The last index of a heat cost allocator's period that is over: it begins anew each year (EN 834, set date).

    It says that index as storage 1, which cannot be less than what was believed; None where it says none.
    """
    if reading.quantity is not Quantity.HEAT_COST:
        return None
    for other in telegram.readings:
        same = (other.register, other.tariff, other.subunit) == (reading.register, reading.tariff, reading.subunit)
        if (
            same
            and other.storage == 1
            and other.function is Function.INSTANTANEOUS
            and isinstance(other.value, Decimal)
        ):
            return other.value if other.value >= believed else None
    return None


def to_point(point: str, reading: Reading, now: int) -> Point | None:
    """The point a reading becomes, or None: only present, instantaneous numbers are kept as series."""
    if reading.storage or reading.function is not Function.INSTANTANEOUS or not isinstance(reading.value, Decimal):
        return None
    sign, digits, exponent = reading.value.as_tuple()
    assert isinstance(exponent, int)
    if exponent < EXPONENT_MIN:
        sign, digits, exponent = reading.value.quantize(FINEST, context=WIDE).normalize(WIDE).as_tuple()
        assert isinstance(exponent, int)
    value = int("".join(map(str, digits)))
    register = f"{reading.register}.{reading.subunit}" if reading.subunit else reading.register
    return Point(
        SeriesKey(point, register, reading.tariff),
        reading.quantity,
        _said(reading.at, now),
        -value if sign else value,
        exponent,
        reading.main,
    )


def _said(at: datetime | None, now: int) -> int:
    """When a value was true: the meter's own date where it can be believed, else when it was heard."""
    if at is not None and now - AGE_S_MAX < at.timestamp() <= now:
        return int(at.timestamp())
    return now
