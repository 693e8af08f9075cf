"""`/frost`: by which temperature cold at a water meter is told: its own, or that of a thermometer beside it."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from aiohttp import web

from drivers.model import Medium, Quantity
from gateway import thermometers
from gateway.house import House
from gateway.model import SeriesKey
from gateway.services.frost import PLAUSIBLE_C, STALE_S
from gateway.thermometers import Thermometer
from gateway.views import PointView
from webui import shown, spoken
from webui.away import water_meters
from webui.page import HOUSE, read_form, render, see, words_of
from webui.words import Words, plain

# What said no temperature for so long says none.
OFFERED_S = 30 * 86_400
# What a heat meter measures in its pipes is the temperature of no place.
IN_PIPES = ("flow_temperature", "return_temperature")
PIPES = frozenset({Medium.HEAT, Medium.COOLING})


class State(StrEnum):
    """What a temperature is good for."""

    FRESH = "fresh"
    STALE = "stale"
    ABSURD = "absurd"


@dataclass(frozen=True, slots=True)
class Said:
    """A temperature that was said last."""

    amount: str
    at: int
    state: State


@dataclass(frozen=True, slots=True)
class Offered:
    """A thermometer that may stand beside a meter; `value` is what the form sends."""

    value: str
    name: str
    said: Said | None


@dataclass(frozen=True, slots=True)
class Row:
    """A water meter: the temperatures that it says itself, and those that may be chosen."""

    id: str
    name: str
    hue: str
    own: Sequence[Said]
    offered: Sequence[Offered]
    chosen: Offered | None

    @property
    def is_known(self) -> bool:
        said = [*self.own, *([self.chosen.said] if self.chosen and self.chosen.said else [])]
        return any(each.state is State.FRESH for each in said)


async def page(request: web.Request) -> web.Response:
    house, words = request.app[HOUSE], words_of(request)
    return render(
        request,
        "frost.html",
        rows=[_row(words, house, view) for view in water_meters(house)],
        kept=request.query.get("done") == "kept",
    )


async def choose(request: web.Request) -> web.Response:
    """Which thermometer stands beside a water meter; none, with nothing in `thermometer`."""
    house, words, fields = request.app[HOUSE], words_of(request), await read_form(request)
    view = next((each for each in water_meters(house) if each.point.id == fields.get("meter")), None)
    if view is None:
        raise web.HTTPNotFound
    asked = fields.get("thermometer", "")
    if asked and asked not in {each.value for each in _row(words, house, view).offered}:
        raise web.HTTPBadRequest
    point, _, register = asked.partition(":")
    chosen = Thermometer(point, register) if asked else None
    await asyncio.to_thread(thermometers.choose, house.catalog, view.point.id, chosen)
    raise see("/frost?done=kept")


def _row(words: Words, house: House, view: PointView) -> Row:
    temperatures = {info.key: info.last_at for info in house.store.series() if info.quantity is Quantity.TEMPERATURE}
    oldest = house.now() - OFFERED_S
    own = [_said(words, house, key) for key in house.series(view.point.id) if temperatures.get(key, 0) >= oldest]
    chosen = thermometers.all_of(house.catalog).get(view.point.id)
    offered = {}
    for other in (each.point for each in house.points() if each.point.id != view.point.id):
        keys: dict[str, list[SeriesKey]] = {}
        for key in house.series(other.id):
            if key in temperatures and not (other.medium in PIPES and key.register in IN_PIPES):
                keys.setdefault(key.register, []).append(key)
        for register, of in keys.items():
            one = Thermometer(other.id, register)
            if one == chosen or max(temperatures[key] for key in of) >= oldest:
                name = f"{other.name} ({_called(words, register)})" if len(keys) > 1 else other.name
                last = max(of, key=lambda key: temperatures[key])
                offered[one] = Offered(f"{other.id}:{register}", name, _said(words, house, last))
    return Row(
        view.point.id,
        view.point.name,
        shown.HUES[view.point.medium],
        [each for each in own if each is not None],
        list(offered.values()),
        None if chosen is None else offered.get(chosen),
    )


def _said(words: Words, house: House, key: SeriesKey) -> Said | None:
    point = house.store.latest(key)
    if point is None:
        return None
    low, high = PLAUSIBLE_C
    state = State.FRESH if house.now() - point.at <= STALE_S else State.STALE
    if not low <= point.decimal <= high:
        state = State.ABSURD
    return Said(str(shown.amount(words, Quantity.TEMPERATURE, Medium.OTHER, point.decimal)), point.at, state)


def _called(words: Words, register: str) -> str:
    return plain(spoken.register_name(words, register))
