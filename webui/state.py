"""`/state`: whether the box runs and hears the meters, for a landlord: no figure, no name that somebody gave, no moment.

Of a line of pulses not even whether something came: a pulse is what somebody used.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from aiohttp import web

from gateway.views import PointState, PointView
from webui import notices, shown
from webui.box import PROTOCOL_WORDS
from webui.page import HOUSE, STANDING, render

# A meter that was heard within this time is heard. Shorter, it might say when somebody is at home.
HEARD_S = 2 * 86_400
# Lines that meters of the building speak on. What else the household has, a plug or a panel, is its own affair.
OF_THE_BUILDING = ("tic", "p1", "sml", "wmbus", "mbus", "pulse")


@dataclass(frozen=True, slots=True)
class Meter:
    """`number` is the one printed on it, if any; `heard` None where it never was; of `pulses` that is not said; `locked`: its key is missing."""

    number: str
    medium: str
    heard: bool | None
    pulses: bool
    locked: bool


async def page(request: web.Request) -> web.Response:
    house = request.app[HOUSE]
    return render(
        request,
        "state.html",
        saves=house.store_trouble is None and not house.store_damaged and not notices.in_memory(request.app[STANDING]),
        ports=[port for port in house.ports() if port.protocol in OF_THE_BUILDING],
        protocol_words=PROTOCOL_WORDS,
        meters=meters(house.points(), house.now()),
    )


def meters(views: Sequence[PointView], now: int) -> list[Meter]:
    """Those of the building that are read now."""
    return [
        _meter(view, view.address, now)
        for view in views
        if view.address is not None
        and view.address.partition(":")[0] in OF_THE_BUILDING
        and view.state is not PointState.LET_GO
    ]


def _meter(view: PointView, address: str, now: int) -> Meter:
    pulses = address.startswith("pulse:")
    heard = None if view.heard_at is None or pulses else now - view.heard_at < HEARD_S
    return Meter(
        shown.engraved(address),
        shown.MEDIUM_NAMES[view.point.medium],
        heard,
        pulses,
        view.state in (PointState.KEY_MISSING, PointState.WRONG_KEY),
    )
