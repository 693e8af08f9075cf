"""The meters whose pulses the box counts: their index, and how it is brought to what their dial shows."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction

from drivers import pulse
from drivers.model import Address, Medium, Quantity, Telegram
from drivers.pulse import Counted, Weight
from gateway.catalog import Catalog
from gateway.config import Meter as ConfigMeter
from gateway.model import Point, SeriesKey
from gateway.store import Store, Swap
from gateway.undated import Undated

# The clock may have been set back before a stop; the count then goes on from the highest index of so long before.
BACK_S = 2 * 86400
# What a wrong weight is wrong by: a comma, a pulse for each half turn, a neighbour in the maker's table.
FACTORS = tuple(
    factor
    for clean in (2, 4, 5, 8, 10, 20, 25, 40, 50, 100, 200, 400, 1000)
    for factor in (Fraction(clean), Fraction(1, clean))
)
# A factor is believed after so many pulses of the dial and of the box, and within so much of it.
FACTOR_PULSES_MIN = 20
FACTOR_TOLERANCE = Fraction(2, 100)
# One digit more than any dial has.
DIAL_MAX = Decimal(10**12)


@dataclass(frozen=True, slots=True)
class Correction:
    """From `at` (UTC seconds) on the index goes on from `dial` where the box had counted up to `box`."""

    at: int
    box: Decimal
    dial: Decimal

    @property
    def shift(self) -> Decimal:
        return self.dial - self.box


@dataclass(frozen=True, slots=True)
class Compared:
    """What the dial shows against what the box had counted when that was typed.

    `factor` is the one by which the weight seems wrong; None when it does not, or nobody can tell yet.
    """

    box: Decimal
    dial: Decimal
    weight: Weight
    agrees: bool
    factor: Fraction | None

    @property
    def shift(self) -> Decimal:
        return self.dial - self.box


# Why a dial's reading is not taken.
STALE = "corrected meanwhile"
NEGATIVE = "below zero, or more than a dial shows"
CLOCK = "the box does not know the time"


class DialError(Exception):
    """Why a dial's reading is not taken: one of the words above."""


@dataclass(slots=True)
class Count:
    """One meter's count: `pulses` since the index was `start`."""

    address: Address
    medium: Medium
    key: SeriesKey
    weight: Weight
    configured: Weight
    start: Decimal
    pulses: int = 0
    paused: bool = False  # the card is being told of a correction: pulses are counted, no index is said

    @property
    def index(self) -> Decimal:
        return self.start + self.weight.of(self.pulses)

    def go_on(self, index: Decimal, weight: Weight, pulses: int) -> None:
        self.start, self.weight, self.pulses = index, weight, pulses

    def say(self, counted: Counted) -> Telegram:
        self.pulses += counted.pulses
        index = None if self.paused else self.index
        return pulse.telegram(self.address, self.medium, self.weight, index, counted.spacing_ns)


class Dials:
    """The house's counts. The index is in the store, or waits for its date: a start goes on from its latest point."""

    def __init__(
        self,
        meters: Sequence[ConfigMeter],
        catalog: Catalog,
        store: Store,
        corrected: Callable[[SeriesKey], None],
        undated: Undated,
        now: Callable[[], int],
    ) -> None:
        self._catalog = catalog
        self._store = store
        self._corrected = corrected
        self._undated = undated
        self._now = now
        self._counts: dict[str, Count] = {}
        for meter in meters:
            known = catalog.meter(meter.address)
            if meter.weight is None or meter.port is None or known is None:
                continue
            key = SeriesKey(known.series_point, pulse.REGISTERS[meter.weight.quantity])
            self._counts[meter.address] = Count(
                Address("pulse", meter.port),
                meter.medium or Medium.OTHER,
                key,
                self._weight(known.point, meter.weight),
                meter.weight,
                self._last_index(key),
            )

    def say(self, address: str) -> Callable[[Counted], Telegram]:
        """What its port tells of each pulse, and what the meter would say of it."""
        return self._counts[address].say

    def now(self) -> list[Point]:
        """The index of each count as it is now."""
        now = self._now()
        return [_point(count.key, count.weight.quantity, now, count.index) for count in self._counts.values()]

    def count(self, point: str) -> Count | None:
        return next((count for count in self._counts.values() if count.key.point == point), None)

    def corrections(self, point: str) -> tuple[Correction, ...]:
        """Those of a point in order of time."""
        count = self.count(point)
        return tuple(map(_correction, self._swaps(count.key))) if count else ()

    def from_zero(self, point: str) -> bool:
        """Whether a point's index counts pulses and nobody has said yet what its dial shows."""
        return self.count(point) is not None and not self.corrections(point)

    def compare(self, count: Count, dial: Decimal, box: Decimal) -> Compared:
        """What `dial`, read when the box had `box`, says of the count and of what a pulse is worth."""
        each = count.weight.each
        corrections = self.corrections(count.key.point)
        factor = _factor(dial - corrections[-1].dial, box - corrections[-1].dial, each) if corrections else None
        return Compared(box, dial, count.weight, abs(dial - box) <= each, factor)

    async def correct(self, count: Count, compared: Compared, *, weigh: bool, seen: int) -> None:
        """Go on from the dial; with `weigh` the pulses since then and from now on are worth `factor` times as much.

        The card knows of it when this returns. A kill before that leaves all as it was, or all as it is to be.
        `seen` is how many corrections there were when the dial was compared: the same form sent twice corrects once.
        """
        if seen != len(self._swaps(count.key)) or count.paused or not 0 <= compared.box <= count.index:
            raise DialError(STALE)
        factor = compared.factor if weigh and compared.factor is not None else Fraction(1)
        weight = count.weight.times(factor) if factor != 1 else count.weight
        since = count.index - compared.box
        dial = compared.dial + _scaled(since, factor)
        if not 0 <= dial < DIAL_MAX:
            raise DialError(NEGATIVE)
        await self._go_on(count, dial, weight)

    async def undo(self, count: Count, *, seen: int) -> None:
        """Take the last correction back by one that goes the other way; pulses since then stay counted."""
        swaps = self._swaps(count.key)
        if not swaps or seen != len(swaps) or count.paused:
            raise DialError(STALE)
        last = _correction(swaps[-1])
        kept = self._kept(count.key.point)
        weight = count.weight
        dial = count.index - last.shift
        if kept is not None and kept["at"] == last.at:
            weight = _weight_of(count.configured, kept["before"])
            grown = count.index - last.dial
            dial = last.box + _scaled(grown, weight.exact / count.weight.exact)
        if dial < 0:
            raise DialError(NEGATIVE)
        await self._go_on(count, dial, weight)

    async def _go_on(self, count: Count, dial: Decimal, weight: Weight) -> None:
        latest = self._store.latest(count.key)
        now = self._now()
        if not self._undated.dating or (latest is not None and latest.at > now + 1):
            raise DialError(CLOCK)
        at = now if latest is None else max(now, latest.at + 1)
        box = count.index
        exponent = min(_exponent(box), _exponent(dial))
        count.paused, before, weight_before = True, count.pulses, count.weight
        try:
            if latest is not None:
                await self._store.run(
                    self._store.swap, count.key, at, _whole(box, exponent), _whole(dial, exponent), exponent
                )
        finally:
            count.paused = False
        count.go_on(dial, weight, count.pulses - before)
        self._store.add([_point(count.key, weight.quantity, at, dial, exponent)])
        self._corrected(count.key)
        if weight != weight_before:
            self._keep(count, at, weight_before)

    # -- what the card knows ------------------------------------------------------------------------------------------
    def _swaps(self, key: SeriesKey) -> list[Swap]:
        return [swap for swap in self._store.events(key) if swap.undone_by is None]

    def _last_index(self, key: SeriesKey) -> Decimal:
        """Where the count goes on: the highest index since the last correction; 0 where there is none.

        While the time was not known nothing could be corrected, so what waits for its date came after that.
        """
        undated = self._undated.last.get(key)
        return max(self._last_dated(key), Decimal(0) if undated is None else undated.decimal)

    def _last_dated(self, key: SeriesKey) -> Decimal:
        latest = self._store.latest(key)
        swaps = self._swaps(key)
        since = swaps[-1].at if swaps else 0
        if latest is None or (swaps and latest.at < since):  # killed right after the card was told of it
            return _correction(swaps[-1]).dial if swaps else Decimal(0)
        points = self._store.points(key, max(since, latest.at - BACK_S), latest.at + 1)
        assert points is not None
        return max(latest.decimal, Decimal(max(points.value, default=0)).scaleb(points.exponent))

    def _kept(self, point: str) -> dict[str, object] | None:
        """The weight that was found on the page, the one before it, and the correction it came with."""
        kept = self._catalog.setting(f"weight {point}")
        return kept if isinstance(kept, dict) else None

    def _weight(self, point: str, configured: Weight) -> Weight:
        """The one found on the page, as long as the file still says what it was found wrong against."""
        kept = self._kept(point)
        if kept is None or kept["file"] != _plain(configured):
            return configured
        return _weight_of(configured, kept["weight"])

    def _keep(self, count: Count, at: int, before: Weight) -> None:
        if count.weight == count.configured:
            self._catalog.set_setting(f"weight {count.key.point}", None)
            return
        self._catalog.set_setting(
            f"weight {count.key.point}",
            {"file": _plain(count.configured), "weight": _plain(count.weight), "before": _plain(before), "at": at},
        )


def _point(key: SeriesKey, quantity: Quantity, at: int, index: Decimal, finest: int = 0) -> Point:
    exponent = min(_exponent(index), finest)
    return Point(key, quantity, at, _whole(index, exponent), exponent, main=True)


def _factor(dial_grown: Decimal, box_grown: Decimal, each: Decimal) -> Fraction | None:
    """The clean factor between what the dial and the box counted of the same time; None if they agree, or too early."""
    if min(dial_grown, box_grown) <= 0 or box_grown < FACTOR_PULSES_MIN * each:
        return None
    ratio = Fraction(dial_grown) / Fraction(box_grown)
    return next((factor for factor in FACTORS if abs(ratio / factor - 1) <= FACTOR_TOLERANCE), None)


def _correction(swap: Swap) -> Correction:
    return Correction(
        swap.at, Decimal(swap.old_final).scaleb(swap.exponent), Decimal(swap.new_start).scaleb(swap.exponent)
    )


def _scaled(value: Decimal, factor: Fraction) -> Decimal:
    """`value` times `factor`, cut at what an index is told to."""
    exact = value * factor.numerator
    return exact if factor.denominator == 1 else (exact / factor.denominator).quantize(pulse.FINEST)


def _plain(weight: Weight) -> list[str | int]:
    return [str(weight.amount), weight.pulses]


def _weight_of(configured: Weight, plain: object) -> Weight:
    assert isinstance(plain, list)
    amount, pulses = plain
    return Weight(configured.quantity, Decimal(amount), int(pulses))


def _exponent(value: Decimal) -> int:
    exponent = value.as_tuple().exponent
    assert isinstance(exponent, int)
    return min(exponent, 0)


def _whole(value: Decimal, exponent: int) -> int:
    return int(value.scaleb(-exponent))
