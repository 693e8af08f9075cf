"""`/now`: what the meters say at this moment, for a guest: nothing that is past, and no index, which sums it up."""

from collections.abc import Sequence
from dataclasses import dataclass

from aiohttp import web

from gateway.views import PointState, Value
from webui import shown
from webui.page import HOUSE, render, words_of
from webui.words import Amount


@dataclass(frozen=True, slots=True)
class Line:
    """A metering point, and what it says now; None where its meter says nothing of the kind, or is silent."""

    name: str
    hue: str
    level: Value | None
    amount: Amount | None


async def page(request: web.Request) -> web.Response:
    house, words = request.app[HOUSE], words_of(request)
    found: Sequence[Line] = [
        Line(
            view.point.name,
            shown.HUES[view.point.medium],
            level := view.level if view.state is PointState.SPEAKING else None,
            shown.amount(words, level.quantity, view.point.medium, level.value) if level else None,
        )
        for view in house.points()
    ]
    return render(request, "now.html", lines=found)
