"""`/box`: what the box itself does."""

import asyncio

from aiohttp import web

from gateway import heal
from gateway.services.silence import CLOCK_S
from webui import clock, line, notices
from webui.about import version
from webui.page import HOUSE, SCHEDULE, STANDING, read_form, render, see
from webui.words import mark

PROTOCOL_WORDS = {
    "tic": mark("electricity meter, by wire (TIC)"),
    "p1": mark("electricity meter and those beside it, by wire (P1)"),
    "sml": mark("electricity meter, by its optical port (SML)"),
    "wmbus": mark("by radio (wireless M-Bus)"),
    "mbus": mark("by wire (M-Bus)"),
    "modbus": mark("by wire (Modbus)"),
    "shelly": mark("Shelly, by the home network"),
    "pulse": mark("pulses, counted by the box"),
    "mqtt": mark("things on your own MQTT broker"),
}
# The gateway's own names for what it counts on a line; one that is not here is shown as it is.
COUNT_WORDS = {
    "frames": mark("frames received"),
    "faults": mark("frames refused: noise, wrong checksum"),
    "lost": mark("times the line was lost"),
    "messages": mark("messages of the broker"),
    "retained": mark("messages not read: the broker kept them, and their time is not known"),
    "not recognised": mark("messages of no known kind"),
    "not in the inventory": mark("messages of things that their bridge has not announced"),
    "no number of its own": mark("messages of things without a number of their own"),
    "telegrams": mark("telegrams of your meters"),
    "not adopted": mark("telegrams of meters that are not yours"),
    "bad parts": mark("parts of a telegram refused"),
    "in clear": mark("telegrams in clear of a meter that has a key"),
    "registers refused": mark("values refused: more than any meter has"),
    "held": mark("readings put aside because an index ran backwards or leapt"),
    "behind": mark("readings that came after later ones"),
    "repeated": mark("telegrams heard twice"),
    "waiting-fragment": mark("parts of telegrams that wait for the others"),
    "bugs": mark("frames that this program failed on"),
    "key-missing": mark("telegrams that wait for a key"),
    "wrong-key": mark("telegrams that the key did not open"),
    "waiting-format": mark("short telegrams that wait for a long one"),
    "no-data": mark("telegrams without data"),
    "unsupported": mark("telegrams of an unknown kind"),
    "invalid": mark("telegrams that contradict themselves"),
}
# What `House.set_aside` counts.
ASIDE_WORDS = {
    "waiting": mark("of your meters, until their key comes"),
    "thinned": mark("of your meters, given up: too many waited"),
    "sampled": mark("of your meters, given up: too many came at once"),
    "strays": mark("in a meter’s name, given up: its own messages are read, these were never"),
    "untimed": mark("of your meters, given up: heard while the clock was wrong"),
    "undated": mark("values that wait until the box knows the time"),
    "undated thinned": mark("values given up: too many waited for the time"),
    "undated lost": mark("values of no known time: the box was switched off before it knew"),
    "ahead": mark("series of values dated later than they can have been, taken out of the history"),
    "strangers": mark("of other meters, locked, in memory only, for a day"),
    "strangers thinned": mark("of other meters, forgotten sooner: too many came"),
    "refused": mark("refused by the memory card"),
    "damaged": mark("damaged on the memory card"),
}
TIME_FAULTS = {
    "unread": mark("A day and a time are needed."),
    "refused": mark(
        "The box holds readings of a later time. In ten minutes it takes those out of the history and keeps them aside; if the time was wrong, tell it once more before that."
    ),
}
# What `House.not_in_series` counts.
SERIES_WORDS = {
    "refused": mark("not kept: a number out of all measure, or a wrong date"),
    "lost": mark("lost: the memory card took none for too long"),
    "damaged": mark("days and minutes damaged on the memory card: a gap is shown"),
}


async def page(request: web.Request) -> web.Response:
    house = request.app[HOUSE]
    return render(
        request,
        "box.html",
        ports=house.ports(),
        line=line,
        count_words=COUNT_WORDS,
        set_aside=house.set_aside(),
        aside_words=ASIDE_WORDS,
        not_in_series=house.not_in_series(),
        series_words=SERIES_WORDS,
        protocol_words=PROTOCOL_WORDS,
        trust=house.clock.trust,
        trust_words=clock.TRUST_WORDS,
        unconfirmed=(house.unvouched_s or 0) > CLOCK_S,
        time_fault=TIME_FAULTS.get(request.query.get("time", "")),
        started_at=house.started_at,
        heard=len(house.heard()),
        points=len(house.points()),
        keys_trouble=house.keys_trouble,
        unused=house.devices.faults,
        schedule=request.app.get(SCHEDULE),
        time_of=house.clock.time_of,
        commit_s=house.config.commit_s,
        version=version(),
        in_image=request.app[STANDING].image is not None,
        counts_pulses=any(port.protocol == "pulse" for port in house.config.ports),
    )


async def seen(request: web.Request) -> web.Response:
    """What became of a damaged file was read."""
    await read_form(request)
    await asyncio.to_thread(heal.seen, request.app[HOUSE].catalog)
    raise see("/box")


async def notice(request: web.Request) -> web.Response:
    """Its owner has seen what root's part of the box said."""
    fields = await read_form(request)
    standing, catalog = request.app[STANDING], request.app[HOUSE].catalog
    await asyncio.to_thread(notices.see, standing, catalog, fields.get("subject", ""))
    raise see("/" if fields.get("back") == "/" else "/box")
