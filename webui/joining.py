"""`/box/wifi`: which Wi-Fi the box joins, said on a page, and done by root (docs/first-boot.md)."""

import asyncio
import logging

from aiohttp import web

from gateway.box import said, wifi
from gateway.standing import Wanted, ask
from webui.page import HOUSE, STANDING, read_form, render, words_of
from webui.words import mark

log = logging.getLogger(__name__)

FIELD_CHARACTERS_MAX = 200
NO_NAME = mark("The network’s name is missing.")
NAME_LONG = mark("The network’s name is too long: 32 letters at most, fewer with accents.")
ODD_SIGN = mark("There is an invisible sign in the name or in the password.")
PASSWORD_LENGTH = mark("The password of a Wi-Fi has 8 to 63 characters.")
NO_COUNTRY = mark("Two letters are needed for the country: FR for France.")
NOT_ASKED = mark("The box could not be told to join it. Switch it off and on, and try again.")
FAULTS = {
    wifi.Fault.NO_NAME: NO_NAME,
    wifi.Fault.NAME_LONG: NAME_LONG,
    wifi.Fault.ODD_SIGN: ODD_SIGN,
    wifi.Fault.NO_PASSWORD: PASSWORD_LENGTH,
    wifi.Fault.PASSWORD_LENGTH: PASSWORD_LENGTH,
    wifi.Fault.COUNTRY: NO_COUNTRY,
}


async def page(request: web.Request) -> web.Response:
    return _page(request)


async def join(request: web.Request) -> web.Response:
    """What is wrong is said here; whether the network lets the box in, on every page afterwards, and on the card."""
    house, words = request.app[HOUSE], words_of(request)
    fields = await read_form(request)
    if request.app[STANDING].image is None:
        raise web.HTTPNotFound
    name, password, country = (fields.get(one, "")[:FIELD_CHARACTERS_MAX] for one in ("name", "password", "country"))
    # An open network is not offered: whoever is near reads what flows, and can call theirs the same. wifi.txt can name one.
    text = wifi.written(name, password or " ", country.strip() or wifi.COUNTRY, hidden=fields.get("hidden") == "yes")
    try:
        network = wifi.parse(text.encode(errors="replace"))
    except wifi.WifiError as error:
        return _page(
            request, status=422, fault=words.say(FAULTS.get(error.fault, ODD_SIGN)), name=name, country=country
        )
    try:
        await asyncio.to_thread(ask, house.config.runtime, Wanted.WIFI, text=text)
    except OSError as error:
        log.warning("root cannot be asked to join a Wi-Fi: %s", error)
        return _page(request, status=507, fault=words.say(NOT_ASKED), name=name, country=country)
    return _page(request, joining=network.name)


def _page(
    request: web.Request,
    *,
    status: int = 200,
    fault: str | None = None,
    joining: str | None = None,
    name: str = "",
    country: str = wifi.COUNTRY,
) -> web.Response:
    standing = request.app[STANDING]
    if standing.image is None:
        raise web.HTTPNotFound
    found = said.read(said.WIFI, standing.places.said)
    joined = found.text("ssid") if found is not None and found.state == "joined" else ""
    return render(
        request, "wifi.html", status=status, fault=fault, joining=joining, joined=joined, name=name, country=country
    )
