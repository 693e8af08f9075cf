"""`/meters/cable`: a cable or a stick in the box's USB. It is listened to, said in plain words, and added as a line."""

import asyncio
from urllib.parse import urlencode

from aiohttp import web
from markupsafe import Markup

from gateway import plugged
from gateway.config import Port as PortConfig
from gateway.config.port import BAUD
from gateway.house import House
from gateway.ports.stream import SerialLine, probe
from gateway.recognise import Recognised, Trouble, Unknown, trouble_of
from gateway.searching import Search
from webui import line
from webui.changing import let_go, not_kept
from webui.finding import PAGES, cable, port_name
from webui.page import HOUSE, read_form, render, see, words_of
from webui.words import Words, mark

PAGE = "/meters/cable"

# What a line that is added is called, and how its choice by hand reads.
NAMES = {"tic": "linky", "p1": "p1", "sml": "sml", "wmbus": "radio", "modbus": "modbus", "mbus": "mbus"}
CHOICES = {
    "tic": mark("A Linky, or another French meter (TIC)"),
    "wmbus": mark("A radio receiver (wireless M-Bus)"),
    "p1": mark("A P1 cable (Netherlands, Belgium, Luxembourg)"),
    "sml": mark("An optical head on a German meter (SML)"),
    "modbus": mark("Modbus meters, by two wires (RS-485)"),
    "mbus": mark("Wired M-Bus, behind a level converter"),
}
# Here the meters are asked, at a speed that was set on them; the others are found out by listening.
ASKED = ("modbus", "mbus")
PARITIES = {"N": mark("no parity"), "E": mark("even parity"), "O": mark("odd parity")}

SPEAKS = {
    "tic": mark("A Linky speaks on this cable."),
    "p1": mark("An electricity meter speaks on this cable, by its P1 port."),
    "sml": mark("An electricity meter speaks on this cable, by its optical port (SML)."),
    "wmbus": mark("This is a radio receiver."),
}
LINKY_MODES = {
    "standard": mark("A Linky speaks on this cable (standard mode)."),
    "historique": mark("A Linky, or an older meter, speaks on this cable (historique mode)."),
}
RECEIVER = mark("This is a radio receiver: %(name)s.")
TROUBLES = {
    Trouble.BUSY: mark("Another program of this machine uses this line: stop it, then try again."),
    Trouble.FORBIDDEN: mark("The box may not open this line: the system forbids it to its user."),
    Trouble.GONE: mark("This is no longer plugged in, or cannot be opened. Plug it in again."),
}
SOMETHING = mark(
    "Something is said on this line that the box does not understand. Check that the cable is the right one for the meter, "
    "and that its wires are tight; or say below what it is."
)
NOTHING = mark(
    "Nothing came on this line, and no radio receiver answered. Check that the cable is plugged in at both ends. Meters "
    "that have to be asked (Modbus, M-Bus) say nothing by themselves: choose below what it is."
)
USED = mark("This line is used already: it is “%(name)s”.")
NO_CHOICE = mark("Choose what it is.")


async def page(request: web.Request) -> web.Response:
    """A line of the house with `?port=`; with `?device=` something that no line of the house uses yet."""
    house = request.app[HOUSE]
    if "port" in request.query:
        return _line(request, request.query["port"])
    device = request.query.get("device", "")
    if (used := _used(house, device)) is not None:
        raise see(_page_of(used))
    found = _found(device)
    if found is None:
        raise see("/meters/find")
    return _page(request, found)


def _line(request: web.Request, name: str) -> web.Response:
    house, words = request.app[HOUSE], words_of(request)
    port = next((view for view in house.ports() if view.name == name and PAGES.get(view.protocol) == PAGE), None)
    if port is None:
        raise web.HTTPNotFound
    return render(
        request,
        "cable-line.html",
        port=port,
        what=words.say(CHOICES[port.protocol]),
        spoken=line.spoken(words, port.listening),
        advice=line.advice(words, port.protocol, port.listening),
        heard=sum(meter.port == name for meter in house.heard()),
        ours=[view for view in house.points() if view.port == name],
        line_added=name in house.devices.added("port"),
    )


def _page(request: web.Request, one: plugged.Plugged, fault: Markup | None = None, protocol: str = "") -> web.Response:
    house, words = request.app[HOUSE], words_of(request)
    search = house.recognising.of(one.device)
    said = search.found[0] if search is not None and search.found else None
    return render(
        request,
        "cable.html",
        status=422 if fault else 200,
        cable=cable(words, one),
        search=search,
        busy=house.recognising.listens_to not in (None, one.device),
        said=_said(words, search, said),
        recognised=said if isinstance(said, Recognised) else None,
        choices=[(name, words.say(text)) for name, text in CHOICES.items()],
        chosen=protocol,
        bauds=[baud for baud in BAUD if baud <= 115_200],
        parities=[(letter, words.say(text)) for letter, text in PARITIES.items()],
        fault=fault,
    )


def _said(words: Words, search: Search | None, said: object) -> Markup | None:
    match said:
        case Recognised(mode=str(mode)):
            return words.say(LINKY_MODES[mode])
        case Recognised(receiver=str(receiver)):
            return words.say(RECEIVER, name=receiver)
        case Recognised(protocol):
            return words.say(SPEAKS[protocol])
        case Unknown(came):
            return words.say(SOMETHING if came else NOTHING)
        case Trouble():
            return words.say(TROUBLES[said])
        case _:
            return None


async def listen(request: web.Request) -> web.Response:
    """Find out what it is: about half a minute, beside all else."""
    house, words = request.app[HOUSE], words_of(request)
    device = (await read_form(request)).get("device", "")
    if (used := _used(house, device)) is not None:
        return _page(request, plugged.Plugged(device), words.say(USED, name=used.name))
    found = _found(device)
    if found is None:
        return _page(request, plugged.Plugged(device), words.say(TROUBLES[Trouble.GONE]))
    await house.recognising.start(found.device)
    raise see(_address(found.device))


async def stop(request: web.Request) -> web.Response:
    house = request.app[HOUSE]
    device = (await read_form(request)).get("device", "")
    if house.recognising.listens_to == device:
        await house.recognising.stop()
    raise see(_address(device))


async def add(request: web.Request) -> web.Response:
    """It is a line of the house from now on."""
    fields = await read_form(request)
    async with request.app[HOUSE].recognising.adding:
        return await _add(request, fields)


async def _add(request: web.Request, fields: dict[str, str]) -> web.Response:
    house, words = request.app[HOUSE], words_of(request)
    device, protocol = fields.get("device", ""), fields.get("protocol", "")
    found = _found(device)
    _see_if_done(house, device, protocol)
    if (used := _used(house, device)) is not None:
        return _page(request, found or plugged.Plugged(device), words.say(USED, name=used.name))
    if found is None:
        return _page(request, plugged.Plugged(device), words.say(TROUBLES[Trouble.GONE]))
    if protocol not in CHOICES:
        return _page(request, found, words.say(NO_CHOICE))
    if house.recognising.listens_to == found.device:
        await house.recognising.stop()
    try:
        await asyncio.to_thread(probe, SerialLine(found.device, BAUD[0]))
    except OSError as error:
        return _page(request, found, words.say(TROUBLES[trouble_of(error)]), protocol)
    name = port_name(house, NAMES[protocol], "")
    table: dict[str, object] = {"name": name, "protocol": protocol, "device": found.device}
    if protocol in ASKED:
        table |= _speed(fields)
    refused = await not_kept(words, house.devices.install(ports=[table]))
    if refused is not None:
        _see_if_done(house, device, protocol)
        return _page(request, found, refused, protocol)
    raise see(f"{PAGES[protocol]}?port={name}")


async def drop(request: web.Request) -> web.Response:
    """A line that a page added is no longer listened to."""
    raise await let_go(request, await read_form(request), PAGE)


def _see_if_done(house: House, device: str, protocol: str) -> None:
    """Who clicks twice is led to what the first click made."""
    used = _used(house, device)
    if used is not None and used.protocol == protocol:
        raise see(_page_of(used))


def _speed(fields: dict[str, str]) -> dict[str, object]:
    """What was chosen; nothing where it is to be as usual."""
    baud, parity = fields.get("baud", ""), fields.get("parity", "")
    speed: dict[str, object] = {"baud": int(baud)} if baud.isdecimal() and int(baud) in BAUD else {}
    return speed | ({"parity": parity} if parity in PARITIES else {})


def _found(device: str) -> plugged.Plugged | None:
    """What is plugged in under this path: no other one is ever opened."""
    return next((one for one in plugged.look(board=True) if one.device == device), None)


def _used(house: House, device: str) -> PortConfig | None:
    ports = {port.device: port for port in house.config.ports if port.device is not None}
    used = plugged.same_line(device, tuple(ports))
    return None if used is None else ports[used]


def _page_of(port: PortConfig) -> str:
    return f"{PAGES[port.protocol]}?port={port.name}" if port.protocol in PAGES else "/box"


def _address(device: str) -> str:
    return f"{PAGE}?" + urlencode({"device": device})
