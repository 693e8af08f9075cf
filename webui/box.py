"""`/box`: what the box itself does. `/data`: who has what."""

from dataclasses import dataclass

from aiohttp import web

from webui.page import HOUSE, render
from webui.shown import HUES
from webui.words import mark

PROTOCOL_WORDS = {
    "tic": mark("electricity meter, by wire (TIC)"),
    "wmbus": mark("by radio (wireless M-Bus)"),
    "mbus": mark("by wire (M-Bus)"),
    "modbus": mark("by wire (Modbus)"),
}
# The gateway's own names for what it counts on a line; one that is not here is shown as it is.
COUNT_WORDS = {
    "frames": mark("frames received"),
    "faults": mark("frames refused: noise, wrong checksum"),
    "lost": mark("times the line was lost"),
    "telegrams": mark("telegrams of your meters"),
    "not adopted": mark("telegrams of meters that are not yours"),
    "bad parts": mark("parts of a telegram refused"),
    "in clear": mark("telegrams in clear of a meter that has a key"),
    "registers refused": mark("values refused: more than any meter has"),
    "held": mark("readings held because an index ran backwards"),
    "bugs": mark("frames that this program failed on"),
    "key-missing": mark("telegrams that wait for a key"),
    "wrong-key": mark("telegrams that the key did not open"),
    "waiting-format": mark("short telegrams that wait for a long one"),
    "no-data": mark("telegrams without data"),
    "unsupported": mark("telegrams of an unknown kind"),
    "invalid": mark("telegrams that contradict themselves"),
}


@dataclass(frozen=True, slots=True)
class Held:
    """What the box keeps of one metering point."""

    name: str
    hue: str
    series: int
    since: int | None


async def page(request: web.Request) -> web.Response:
    house = request.app[HOUSE]
    return render(
        request,
        "box.html",
        ports=house.ports(),
        count_words=COUNT_WORDS,
        protocol_words=PROTOCOL_WORDS,
        started_at=house.started_at,
        heard=len(house.heard()),
        points=len(house.points()),
    )


async def data(request: web.Request) -> web.Response:
    house = request.app[HOUSE]
    held = [
        Held(
            view.point.name,
            HUES[view.point.medium],
            len(house.series(view.point.id)),
            house.history_start(view.point.id),
        )
        for view in house.points()
    ]
    since = min((one.since for one in held if one.since is not None), default=None)
    return render(
        request,
        "data.html",
        held=held,
        since=since,
        kept=sum(one.series > 0 for one in held),
        started_at=house.started_at,
    )
