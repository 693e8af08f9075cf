"""`/meters/find`: what is plugged in, what announces itself at home while this page is open, our lines, and a typed address."""

import re
from dataclasses import dataclass

from aiohttp import web
from markupsafe import Markup, escape

from gateway import lines, plugged
from gateway.config import Port as PortConfig
from gateway.find import Announced, Thing
from gateway.house import House
from gateway.ports.lan import AwayError
from gateway.trial import Trial, tried
from webui.box import PROTOCOL_WORDS
from webui.changing import not_kept
from webui.page import HOUSE, read_form, render, see, words_of
from webui.words import Words, mark

# Pages with which a line is set up, by its protocol.
PAGES = {
    "modbus": "/meters/wire",
    "mbus": "/meters/bus",
    "mqtt": "/meters/broker",
    "shelly": "/meters/device",
    "tic": "/meters/cable",
    "p1": "/meters/cable",
    "sml": "/meters/cable",
    "wmbus": "/meters/cable",
}
MODBUS_TCP_PORT = 502  # Modbus Messaging on TCP/IP Implementation Guide V1.0b, 2.1
PORT_NAME_CHARACTERS_MAX = 32
HOST = re.compile(r"(?P<host>[0-9A-Za-z._-]{1,253})(:(?P<port>[0-9]{1,5}))?")

NO_ADDRESS = mark("An address such as 192.168.1.20 is needed; behind a colon, the port, if it is not 502.")
NOT_THERE = mark("No Modbus device answers at this address. For whoever repairs: %(reason)s.")
RADIO = mark("%(name)s, a radio receiver")
USB_LINE = mark("A USB adapter that does not say its name")
LINE = mark("A serial line of the box itself")
AWAY = mark("This address is not in your home, and the box asks nobody elsewhere.")

WHATS = {
    Thing.SHELLY: "Shelly",
    Thing.ESPHOME: "ESPHome",
    Thing.TASMOTA: "Tasmota",
    Thing.BROKER: mark("MQTT broker"),
    Thing.VICTRON: "Victron",
    Thing.HOMEWIZARD: "HomeWizard",
}
# What to do where this page cannot do it.
ADVICE = {
    Thing.SHELLY: mark("A Shelly of the first generation is heard through a broker: turn MQTT on in its own page."),
    Thing.ESPHOME: mark("It is heard through a broker: give it an `mqtt:` section in its configuration."),
    Thing.TASMOTA: mark("It is heard through a broker: turn MQTT on in its own page."),
    Thing.VICTRON: mark("If it speaks Modbus TCP, type its address below."),
    Thing.HOMEWIZARD: mark("The box does not read this one yet."),
}


@dataclass(frozen=True, slots=True)
class Row:
    """One thing that was found: what it is, where, and where this page leads from it."""

    what: str
    name: str
    host: str
    link: str
    advice: Markup | None
    ours: bool


async def page(request: web.Request) -> web.Response:
    return _page(request)


# What says itself who it is, by words of its maker and its product: systemd/udev has the same.
DONGLES = {
    ("imst", "iu891a"): "IMST iU891A-XL",
    ("", "im871a"): "IMST iM871A",
    ("", "amb8465"): "AMB8465",
    ("busware", "cul868"): "busware CUL 868",
}


@dataclass(frozen=True, slots=True)
class Cable:
    """A serial line that no port uses, in words: what it is or says that it is, and where it is."""

    device: str
    title: Markup
    about: str


def cables(house: House, words: Words, *, board: bool) -> list[Cable]:
    """What is plugged in and not used. Reads sysfs, which waits for no device."""
    used = [port.device for port in house.config.ports if port.device is not None]
    return [cable(words, one) for one in plugged.look(board=board) if plugged.same_line(one.device, used) is None]


def cable(words: Words, one: plugged.Plugged) -> Cable:
    """One line in words."""
    said = (one.maker.casefold(), one.product.casefold())
    name = next((name for (maker, product), name in DONGLES.items() if maker in said[0] and product in said[1]), None)
    if name is not None:
        title = words.say(RADIO, name=name)
    elif one.product:
        title = escape(one.product)
    else:
        title = words.say(USB_LINE if one.usb else LINE)
    place = one.device.rpartition("/")[2]
    return Cable(one.device, title, " · ".join(part for part in (one.maker, place) if part))


def _page(request: web.Request, *, typed: str = "", fault: Markup | None = None, at: str = "") -> web.Response:
    house, board = request.app[HOUSE], "board" in request.query
    asking = {port.name for port in house.config.ports if not port.listen}
    return render(
        request,
        "find.html",
        status=422 if fault else 200,
        found=[_row(request, house, one) for one in house.finder.look()],
        cables=cables(house, words_of(request), board=board),
        listens_to=house.recognising.listens_to,
        board=board,
        looking=house.finder.since is not None,
        protocol_words=PROTOCOL_WORDS,
        find_trouble=house.finder.trouble,
        lines=[
            (port, PAGES[port.protocol]) for port in house.ports() if port.protocol in PAGES and port.name in asking
        ],
        typed=typed,
        fault=fault,
        fault_at=at,
    )


def _row(request: web.Request, house: House, one: Announced) -> Row:
    words = words_of(request)
    link = ""
    if one.thing is Thing.BROKER:
        link = f"/meters/broker?at={one.host}:{one.port}" + ("&tls=1" if one.secure else "")
    elif one.thing is Thing.SHELLY and one.text("gen").isdecimal() and int(one.text("gen")) >= 2:
        link = f"/meters/device?at={one.host}:{one.port}"
    advice = None if link else words.say(ADVICE[one.thing])
    return Row(str(words.say(WHATS[one.thing])), one.name, one.host, link, advice, _is_ours(house, one))


def _is_ours(house: House, one: Announced) -> bool:
    ways = [port.mqtt.broker if port.mqtt else port.tcp for port in house.config.ports]
    return (one.host, one.port) in ways


async def modbus(request: web.Request) -> web.Response:
    """A Modbus TCP device at an address that was typed: once it answers, a line of the house."""
    house, words = request.app[HOUSE], words_of(request)
    typed = (await read_form(request)).get("at", "").strip()
    where = host_and_port(typed, MODBUS_TCP_PORT)
    if where is None:
        return _page(request, typed=typed, fault=words.say(NO_ADDRESS), at="modbus")
    known = next((port for port in house.config.ports if port.protocol == "modbus" and port.tcp == where), None)
    if known is not None:
        raise see(f"/meters/wire?port={known.name}")
    name = port_name(house, "modbus", where[0])
    try:
        port = PortConfig(name, "modbus", tcp=where, at_home=True)
        async with tried(lambda sink: lines.open_port(port, (), sink), Trial()):
            pass
    except OSError as error:
        return _page(request, typed=typed, fault=why(words, error, NOT_THERE), at="modbus")
    table = {"name": name, "protocol": "modbus", "tcp": f"{where[0]}:{where[1]}"}
    if (refused := await not_kept(words, house.devices.install(ports=[table]))) is not None:
        return _page(request, typed=typed, fault=refused, at="modbus")
    raise see(f"/meters/wire?port={name}")


def why(words: Words, error: OSError, otherwise: str) -> Markup:
    """Why an address cannot be used; `otherwise` has a place for the reason."""
    if isinstance(error, AwayError):
        return words.say(AWAY)
    return words.say(otherwise, reason=error.strerror or str(error))


def host_and_port(text: str, port: int) -> tuple[str, int] | None:
    """`192.168.1.20` or `192.168.1.20:1502`; None for anything else."""
    found = HOST.fullmatch(text)
    if found is None:
        return None
    number = int(found["port"] or port)
    return (found["host"], number) if 0 < number < 65536 else None


def port_name(house: House, kind: str, host: str) -> str:
    """A name that no port of the house has: `modbus-192-168-1-20`."""
    plain = re.sub(r"[^0-9A-Za-z]+", "-", f"{kind}-{host}").strip("-")
    taken = {port.name for port in house.config.ports}
    for number in range(1, len(taken) + 2):
        end = "" if number == 1 else f"-{number}"
        name = plain[: PORT_NAME_CHARACTERS_MAX - len(end)] + end
        if name not in taken:
            return name
    raise AssertionError(taken)
