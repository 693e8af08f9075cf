"""`/meters/bus`: a wired M-Bus. Its meters are searched when somebody asks for it, read, and kept.

M-Bus is imported where it is used: a house without it does not load it.
"""

import re
from collections.abc import AsyncGenerator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from aiohttp import web
from markupsafe import Markup

from drivers.model import Address, DecodeError, Medium, Telegram
from gateway.catalog import FIRST_NAMES
from gateway.house import House
from gateway.searching import Doubt, Progress, Search
from gateway.views import PortView
from webui import readings, shown
from webui.changing import SAME, added, let_go, not_kept
from webui.page import HOUSE, read_form, render, see, words_of
from webui.tries import clean_name
from webui.words import Words, mark

if TYPE_CHECKING:
    from gateway.ports.mbus import MbusPort

PAGE = "/meters/bus"
NUMBER = re.compile(r"[0-9]{8}")
PRIMARY = re.compile(r"[0-9]{1,3}")
PRIMARY_MAX = 250  # EN 13757-2, address field
FULL = re.compile(r"mbus:[@-_]{3}-[0-9A-Fa-f]{8}-[0-9a-f]{2}-[0-9a-f]{2}")

NO_ADDRESS = mark("The number printed on the meter has 8 digits; a primary address is a number from 0 to 250.")
NO_NAME = mark("A name is needed: what you call this meter at home.")
NOT_READ = mark("This meter was not read: %(reason)s.")
LOCKED = mark("It answers, and its values are locked: take it, then type its key on the page of meters.")


@dataclass(frozen=True, slots=True)
class Met:
    """A meter that answered: its address as a configuration says it, the primary one behind it, and what it said."""

    address: str
    primary: int | None
    telegram: Telegram


@dataclass(frozen=True, slots=True)
class Row:
    """One meter of a search, as a line of a list."""

    met: Met
    number: str
    about: str
    value: str
    ours: bool


async def page(request: web.Request) -> web.Response:
    """The bus, or with `?address=` one meter of its last search."""
    house = request.app[HOUSE]
    port, _ = _line(house, request.query.get("port", ""))
    search = house.searches.of(port.name)
    asked = request.query.get("address", "")
    met = next((one for one in _met(search) if one.address == asked), None)
    return _page(request, port, met=met)


def _page(
    request: web.Request,
    port: PortView,
    *,
    met: Met | None = None,
    typed: str = "",
    name: str = "",
    fault: Markup | None = None,
    at: str = "",
) -> web.Response:
    house, words = request.app[HOUSE], words_of(request)
    search = house.searches.of(port.name)
    standing = [meter for meter in house.config.meters if meter.port == port.name]
    rows = list(readings.rows(words, met.telegram)) if met else []
    return render(
        request,
        "bus.html",
        status=422 if fault else 200,
        port=port,
        standing=standing,
        abouts=[shown.engraved(meter.address) or meter.address for meter in standing],
        before=house.devices.stood_at(met.address) if met else None,
        added=house.devices.added("meter"),
        search=search,
        found=[_row(house, words, one) for one in _met(search)],
        met=met,
        readings=rows,
        locked=words.say(LOCKED) if met is not None and met.telegram.encrypted and not rows else None,
        called=name or (FIRST_NAMES[words.language][met.telegram.medium] if met else ""),
        typed=typed,
        fault=fault,
        fault_at=at,
    )


def _row(house: House, words: Words, met: Met) -> Row:
    telegram = met.telegram
    main = next((reading for reading in readings.rows(words, telegram) if reading.main), None)
    maker = shown.maker(met.address)
    medium = str(words.say(shown.MEDIUM_NAMES[telegram.medium]))
    return Row(
        met,
        shown.engraved(met.address) or telegram.address.id,
        f"{medium} · {maker}" if maker else medium,
        str(main.value) if main else "",
        any(meter.address == met.address for meter in house.config.meters),
    )


async def read(request: web.Request) -> web.Response:
    """All that a meter says now, named by its number or its primary address."""
    house, words = request.app[HOUSE], words_of(request)
    fields = await read_form(request)
    port, line = _line(house, fields.get("port", ""))
    typed = fields.get("address", "").replace(" ", "").strip()
    met = await _asked(line, typed)
    if met is None:
        return _page(request, port, typed=typed, fault=words.say(NO_ADDRESS), at="address")
    if isinstance(met, DecodeError):
        return _page(request, port, typed=typed, fault=words.say(NOT_READ, reason=str(met)), at="address")
    return _page(request, port, met=met, typed=typed)


async def keep(request: web.Request) -> web.Response:
    """The meter is ours, and asked from now on."""
    house, words = request.app[HOUSE], words_of(request)
    fields = await read_form(request)
    port, line = _line(house, fields.get("port", ""))
    address, primary, name = fields.get("address", ""), fields.get("primary", ""), clean_name(fields.get("name", ""))
    if name is None:
        met = await _asked(line, primary or address)
        known = met if isinstance(met, Met) else None
        return _page(request, port, met=known, fault=words.say(NO_NAME), at="name")
    table: dict[str, object] = {"name": name, "port": port.name, "address": address}
    if PRIMARY.fullmatch(primary):
        table["primary"] = int(primary)
    if not FULL.fullmatch(address):  # its address does not say what it measures
        table["medium"] = fields.get("medium", Medium.OTHER)
    if (why := await not_kept(words, house.devices.install(meters=[table], same=SAME in fields))) is not None:
        return _page(request, port, fault=why, at="address")
    raise added(house, address)


async def drop(request: web.Request) -> web.Response:
    """A meter that a page added is no longer asked."""
    fields = await read_form(request)
    _line(request.app[HOUSE], fields.get("port", ""))
    raise await let_go(request, fields, PAGE)


async def search(request: web.Request) -> web.Response:
    """Ask who is there: by the numbers printed on the meters, or by primary address."""
    house = request.app[HOUSE]
    fields = await read_form(request)
    port, line = _line(house, fields.get("port", ""))
    await house.searches.start(port.name, _searched(line, primary=fields.get("by") == "primary"))
    raise see(f"{PAGE}?port={port.name}#search")


async def stop(request: web.Request) -> web.Response:
    house = request.app[HOUSE]
    port, _ = _line(house, (await read_form(request)).get("port", ""))
    await house.searches.stop(port.name)
    raise see(f"{PAGE}?port={port.name}#search")


async def _searched(line: "MbusPort", *, primary: bool) -> AsyncGenerator[object, None]:
    from gateway.ports.mbus import Found, Looking

    async for one in line.scan(range(PRIMARY_MAX + 1)) if primary else line.search():
        match one:
            case Found(address, at, telegram):
                yield Met(str(address), at if primary else None, telegram)
            case Looking(_, percent):
                yield Progress(percent)
            case DecodeError():
                yield Doubt(str(one))


async def _asked(line: "MbusPort", typed: str) -> Met | DecodeError | None:
    """What the meter of this number, or at this primary address, says now; None when it is neither."""
    from gateway.ports.mbus import parse_address

    if NUMBER.fullmatch(typed):
        found = await line.numbered(typed)
        return found if isinstance(found, DecodeError) else Met(str(found.address), None, found.telegram)
    whom: Address | int
    if FULL.fullmatch(typed):
        whom = parse_address(typed)
    elif PRIMARY.fullmatch(typed) and int(typed) <= PRIMARY_MAX:
        whom = int(typed)
    else:
        return None
    said = await line.once(whom)
    if isinstance(said, DecodeError):
        return said
    return Met(str(said.address), whom if isinstance(whom, int) else None, said)


def _met(search: Search | None) -> Sequence[Met]:
    return [one for one in search.found if isinstance(one, Met)] if search is not None else ()


def _line(house: House, name: str) -> "tuple[PortView, MbusPort]":
    """The bus of this name; 404 where there is no such one, or where somebody else is its master."""
    from gateway.ports.mbus import MbusPort

    port = house.running.port(name)
    view = next((view for view in house.ports() if view.name == name), None)
    if view is None or not isinstance(port, MbusPort):
        raise web.HTTPNotFound
    return view, port
