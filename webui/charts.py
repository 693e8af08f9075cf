"""Drawings as SVG markup, made on the server. x in per cent and y in pixels: text and patterns never stretch.

No `style=` attribute (the content policy forbids it): colours come by class, sizes by SVG attributes.
What is not known is a dashed frame, never a bar of height 0.
"""

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from decimal import Decimal
from itertools import pairwise

from markupsafe import Markup

Values = Sequence[Decimal | None]

GLYPHS = {
    "e": "M13 3 5 14h6l-1 7 8-11h-6z",
    "g": "M12 3c1 4 6 6 6 11a6 6 0 0 1-12 0c0-2.5 1.2-4 2-5.5 1 1.5 2 2 2.5 2 .5-3 .5-5 1.5-7.5z",
    "w": "M12 3c4 5 6 8 6 11a6 6 0 0 1-12 0c0-3 2-6 6-11z",
    "h": "M4 20V6m4 14V6m4 14V6m4 14V6m4 14V6M4 9h16M4 17h16",
    "o": "M12 4a8 8 0 1 1-.01 0zM12 12l4-3",
}
# One pattern a fluid, so that hue is never alone: oblique, dots, waves, uprights.
_PATTERNS = {
    "e": '<path class="ps" d="M0 0v7"/>',
    "g": '<circle class="pd" cx="3" cy="3" r="1.6"/>',
    "w": '<path class="ps" d="M0 4q1.75-3 3.5 0t3.5 0"/>',
    "h": '<path class="ps" d="M3 0v7"/>',
    "o": '<path class="ps" d="M0 3h7"/>',
}


def glyph(hue: str) -> Markup:
    return Markup('<svg class="gl {}" viewBox="0 0 24 24" aria-hidden="true"><path d="{}"/></svg>').format(
        hue, GLYPHS[hue]
    )


def pattern(hue: str) -> Markup:
    """The definition a page holds once, before the drawings that fill with `url(#p-<hue>)`."""
    turned = Markup(' patternTransform="rotate(45)"') if hue == "e" else ""
    return Markup(
        '<svg width="0" height="0" class="vh" aria-hidden="true"><defs><pattern id="p-{0}" class="{0}" width="7"'
        ' height="7" patternUnits="userSpaceOnUse"{1}><rect class="pt" width="7" height="7"/>{2}</pattern></defs></svg>'
    ).format(hue, turned, Markup(_PATTERNS[hue]))  # noqa: S704 - a constant above


def signal_bars(bars: int) -> Markup:
    drawn = Markup("").join(
        Markup('<rect x="{}" y="{}" width="4" height="{}" class="{}"/>').format(
            n * 6, 12 - 3 * n, 4 + 3 * n, "on" if n < bars else "off"
        )
        for n in range(4)
    )
    return Markup('<svg width="22" height="16" aria-hidden="true">{}</svg>').format(drawn)


@dataclass(frozen=True, slots=True)
class Gap:
    """Slots `first` to `last` about which nothing is known one by one; `total` is what the index says of them all."""

    first: int
    last: int
    total: Decimal | None = None
    words: str = ""

    @property
    def slots(self) -> int:
        return self.last - self.first + 1


def gaps_in(values: Values, first: int, last: int) -> Iterator[Gap]:
    """Runs of unknown values between the slots `first` and `last`, both included."""
    start: int | None = None
    for slot in range(first, last + 1):
        if values[slot] is None:
            start = slot if start is None else start
        elif start is not None:
            yield Gap(start, slot - 1)
            start = None
    if start is not None:
        yield Gap(start, last)


@dataclass(frozen=True, slots=True)
class Bars:
    """One bar a slot, already in the unit shown. `running` is the slot still being filled: it is drawn in pattern.

    `usual` is a shadow behind, `before` the same slot a year earlier, as a tick. The slots of `framed` are not the meter's
    own: they are drawn as frames.
    """

    hue: str
    label: str
    values: Values
    gaps: Sequence[Gap] = ()
    usual: Values = ()
    before: Values = ()
    running: int | None = None
    framed: Collection[int] = ()
    marks: Sequence[tuple[int, str]] = ()
    edges: Sequence[tuple[int, str]] = ()


def small_bars(bars: Bars, height: int = 56) -> Markup:
    """The drawing of a card: no vertical scale, the hours written below."""
    top = _top(bars)
    return Markup(
        '<svg class="ch" height="{}" role="img" aria-label="{}">{}{}{}'
        '<line class="base" x1="0" x2="100%" y1="{}.5" y2="{}.5"/>{}</svg>'
    ).format(
        height + 20,
        bars.label,
        _solid(bars.usual, len(bars.values), height, top, "us", 1.0) if bars.usual else "",
        _bars(bars, height, top),
        _gaps(bars, height, top),
        height,
        height,
        _under(bars, height + 17),
    )


def large_bars(bars: Bars, steps: Sequence[Decimal], step_words: Sequence[str], height: int = 216) -> Markup:
    """The drawing of a history page: grid, numbers on the left, last year's ticks, totals written over gaps."""
    top = max(_top(bars), steps[-1] if steps else Decimal(0)) * Decimal("1.04")
    grid = Markup("").join(
        Markup(
            '<line class="gr" x1="0" x2="100%" y1="{0}" y2="{0}"/><text x="-8" y="{1}" text-anchor="end">{2}</text>'
        ).format(_n(height - _px(step, top, height)), _n(height - _px(step, top, height) + 5), word)
        for step, word in zip(steps, step_words, strict=True)
    )
    return Markup(
        '<svg class="ch yl {}" height="{}" role="img" aria-label="{}">{}{}{}{}'
        '<line class="base" x1="0" x2="100%" y1="{}.5" y2="{}.5"/><text x="-8" y="{}" text-anchor="end">0</text>{}</svg>'
    ).format(
        bars.hue,
        height + 26,
        bars.label,
        grid,
        _bars(bars, height, top),
        _ticks(bars.before, height, top) if bars.before else "",
        _gaps(bars, height, top, words=True),
        height,
        height,
        height + 5,
        _under(bars, height + 20),
    )


def grid_steps(values: Sequence[Decimal | None]) -> list[Decimal]:
    """Three to five round numbers up to the largest value: 1, 2 or 5 times a power of ten apart."""
    largest = max((value for value in values if value is not None), default=Decimal(0))
    if largest <= 0:
        return []
    step = Decimal(1).scaleb((largest / 5).adjusted())
    step = next(step * factor for factor in (1, 2, 5, 10) if step * factor * 5 >= largest)
    return [step * n for n in range(1, int(largest / step) + 1)]


@dataclass(frozen=True, slots=True)
class Line:
    """A level over time: the mean as a line inside a band from lowest to highest; a gap where nothing was heard."""

    hue: str
    label: str
    low: Values
    mean: Values
    high: Values
    gaps: Sequence[Gap] = ()
    marks: Sequence[tuple[int, str]] = ()
    edges: Sequence[tuple[int, str]] = ()


def line(curve: Line, steps: Sequence[Decimal], step_words: Sequence[str], height: int = 160) -> Markup:
    count = len(curve.mean)
    known = [value for value in (*curve.low, *curve.high) if value is not None]
    top = max([*known, *steps, Decimal(0)]) * Decimal("1.04") or Decimal(1)
    low = min([*known, Decimal(0)])  # a level may be below zero: a temperature, power that is sent out
    span = top - low

    def y(value: Decimal) -> str:
        return _n(height - float((value - low) / span) * height)

    band, middle = [], []
    for run in _runs(curve.mean):
        highs = [(slot, value) for slot in run if (value := curve.high[slot]) is not None]
        lows = [(slot, value) for slot in reversed(run) if (value := curve.low[slot]) is not None]
        means = [(slot, value) for slot in run if (value := curve.mean[slot]) is not None]
        band.append("M" + "L".join(f"{slot + 0.5:g} {y(value)}" for slot, value in (*highs, *lows)) + "z")
        tail = "h.5" if len(means) == 1 else ""
        middle.append("M" + "L".join(f"{slot + 0.5:g} {y(value)}" for slot, value in means) + tail)
    grid = Markup("").join(
        Markup(
            '<line class="gr" x1="0" x2="100%" y1="{0}" y2="{0}"/><text x="-8" y="{1}" text-anchor="end">{2}</text>'
        ).format(y(step), _n(float(y(step)) + 5), word)
        for step, word in zip(steps, step_words, strict=True)
    )
    frames = Markup("").join(_frame(gap, count, height, height / 2) for gap in curve.gaps)
    under = Bars(curve.hue, "", curve.mean, marks=curve.marks, edges=curve.edges)
    return Markup(
        '<svg class="ch yl {0}" height="{1}" role="img" aria-label="{2}">{3}'
        '<svg viewBox="0 0 {4} {5}" width="100%" height="{5}" preserveAspectRatio="none"><path class="bd" d="{6}"/>'
        '<path class="ln" vector-effect="non-scaling-stroke" d="{7}"/></svg>{8}'
        '<line class="base" x1="0" x2="100%" y1="{9}" y2="{9}"/><text x="-8" y="{10}" text-anchor="end">0</text>{11}</svg>'
    ).format(
        curve.hue, height + 26, curve.label, grid, count, height, "".join(band), "".join(middle), frames,
        y(Decimal(0)), _n(float(y(Decimal(0))) + 5), _under(under, height + 20),
    )  # fmt: skip


def _top(bars: Bars) -> Decimal:
    shares = [gap.total / gap.slots for gap in bars.gaps if gap.total is not None]
    known = [value for value in (*bars.values, *bars.usual, *bars.before, *shares) if value is not None]
    return max([*known, Decimal(0)]) or Decimal(1)


def _bars(bars: Bars, height: int, top: Decimal) -> Markup:
    count = len(bars.values)
    apart = {*bars.framed, bars.running}
    still = [None if slot in apart else value for slot, value in enumerate(bars.values)]
    drawn = _solid(still, count, height, top, "sb", 0.7)
    value = bars.values[bars.running] if bars.running is not None else None
    if bars.running is not None and value is not None and value > 0:
        tall = max(_px(value, top, height), 1)
        drawn += Markup('<rect class="run {}" fill="url(#p-{})" x="{}%" y="{}" width="{}%" height="{}"/>').format(
            bars.hue, bars.hue, _n((bars.running + 0.15) / count * 100), _n(height - tall), _n(70 / count), _n(tall)
        )
    for slot in bars.framed:
        value = bars.values[slot]
        if slot != bars.running and value is not None and value > 0:
            tall = max(_px(value, top, height), 1)
            drawn += Markup('<rect class="fo" x="{}%" y="{}" width="{}%" height="{}"/>').format(
                _n((slot + 0.15) / count * 100), _n(height - tall), _n(70 / count), _n(tall)
            )
    return Markup('<g class="{}">{}</g>').format(bars.hue, drawn)


def _solid(values: Values, count: int, height: int, top: Decimal, name: str, width: float) -> Markup:
    """One stroke a bar in a stretched inner drawing: eleven bytes a bar."""
    path = "".join(
        f"M{slot + 0.5:g} {height}v-{max(round(_px(value, top, height)), 1)}"
        for slot, value in enumerate(values)
        if value is not None and value > 0
    )
    if not path:
        return Markup("")
    return Markup(
        '<svg viewBox="0 0 {} {}" width="100%" height="{}" preserveAspectRatio="none">'
        '<path class="{}" stroke-width="{:g}" d="{}"/></svg>'
    ).format(count, height, height, name, width, path)


def _ticks(values: Values, height: int, top: Decimal) -> Markup:
    count = len(values)
    path = "".join(
        f"M{_n(slot + 0.08)} {round(height - _px(value, top, height))}h.84"
        for slot, value in enumerate(values)
        if value is not None
    )
    return Markup(
        '<svg viewBox="0 0 {} {}" width="100%" height="{}" preserveAspectRatio="none">'
        '<path class="ly" vector-effect="non-scaling-stroke" d="{}"/></svg>'
    ).format(count, height, height, path)


def _gaps(bars: Bars, height: int, top: Decimal, *, words: bool = False) -> Markup:
    """A dashed frame a gap. Where the index knows the total, the frame has its area and the total stands above."""
    count = len(bars.values)
    drawn = Markup("")
    for gap in bars.gaps:
        tall = height * 0.6 if gap.total is None else max(_px(gap.total / gap.slots, top, height), 4)
        drawn += _frame(gap, count, height, tall)
        if words and gap.words:
            middle = (gap.first + gap.last + 1) / 2 / count * 100
            anchor, x = ("start", gap.first / count * 100) if middle < 12 else ("middle", middle)
            anchor, x = ("end", (gap.last + 1) / count * 100) if middle > 88 else (anchor, x)
            drawn += Markup('<text class="halo t1" x="{}%" y="14" text-anchor="{}">{}</text>').format(
                _n(x), anchor, gap.words
            )
            if height - tall > 40:
                drawn += Markup('<line class="lead1" x1="{0}%" x2="{0}%" y1="20" y2="{1}"/>').format(
                    _n(middle), _n(height - tall - 4)
                )
    return drawn


def _frame(gap: Gap, count: int, height: int, tall: float) -> Markup:
    return Markup('<rect class="gap" x="{}%" y="{}" width="{}%" height="{}"/>').format(
        _n((gap.first + 0.1) / count * 100), _n(height - tall), _n((gap.slots - 0.2) / count * 100), _n(tall)
    )


def _under(bars: Bars, y: int) -> Markup:
    """Words below the base line: `marks` stand under a slot, `edges` where a slot starts."""
    count = len(bars.values)
    drawn = Markup("")
    for slot, word in bars.marks:
        drawn += Markup('<text x="{}%" y="{}" text-anchor="middle">{}</text>').format(
            _n((slot + 0.5) / count * 100), y, word
        )
    for slot, word in bars.edges:
        anchor = "start" if slot == 0 else "end" if slot == count else "middle"
        drawn += Markup('<text x="{}%" y="{}" text-anchor="{}">{}</text>').format(
            _n(slot / count * 100), y, anchor, word
        )
    return drawn


def _runs(values: Values) -> Iterator[list[int]]:
    known = [slot for slot, value in enumerate(values) if value is not None]
    if not known:
        return
    run = [known[0]]
    for left, right in pairwise(known):
        if right != left + 1:
            yield run
            run = []
        run.append(right)
    yield run


def _px(value: Decimal, top: Decimal, height: int) -> float:
    return float(value / top) * height


def _n(number: float) -> str:
    return f"{number:.2f}".rstrip("0").rstrip(".")
