"""`/meters/device`: a Shelly at an address, added to the house once it answers; then each of its channels may be taken."""

from dataclasses import dataclass

from aiohttp import web
from markupsafe import Markup

from gateway import lines
from gateway.config import Port as PortConfig
from gateway.find import Thing
from gateway.keys import PASSWORD_BYTES_MAX
from gateway.trial import Trial, tried
from webui.changing import let_go, not_kept
from webui.finding import ADVICE, host_and_port, port_name, why
from webui.page import HOUSE, read_form, render, see, words_of
from webui.words import mark

PAGE = "/meters/device"
HTTP_PORT = 80

NO_ADDRESS = mark("An address such as 192.168.1.20 is needed.")
TOO_LONG = mark("A password of at most %(n)s characters is taken.")
NOT_THERE = mark("No Shelly that the box can read answers at this address. For whoever repairs: %(reason)s.")
WANTS_PASSWORD = mark("This Shelly has a password: type it below its address.")
WRONG_PASSWORD = mark("This is not the password of this Shelly.")


@dataclass(frozen=True, slots=True)
class Typed:
    """What the form says, without the password."""

    at: str = ""


async def page(request: web.Request) -> web.Response:
    house = request.app[HOUSE]
    name = request.query.get("port", "")
    port = next((view for view in house.ports() if view.name == name and view.protocol == "shelly"), None)
    if port is None:
        return _new(request, Typed(request.query.get("at", "")))
    return render(
        request,
        "device.html",
        port=port,
        heard=sorted((meter for meter in house.heard() if meter.port == name), key=lambda meter: meter.address),
        ours=[view for view in house.points() if view.port == name],
        line_added=name in house.devices.added("port"),
    )


def _new(request: web.Request, typed: Typed, fault: Markup | None = None, at: str = "at") -> web.Response:
    return render(request, "device-add.html", status=422 if fault else 200, typed=typed, fault=fault, fault_at=at)


async def add(request: web.Request) -> web.Response:
    """Ask this device from now on, if it answers."""
    from gateway.ports.shelly import FirstGenerationError  # late: a house without one does not load it

    house, words = request.app[HOUSE], words_of(request)
    fields = await read_form(request)
    typed, password = Typed(fields.get("at", "").strip()), fields.get("password", "")
    where = host_and_port(typed.at, HTTP_PORT)
    if where is None:
        return _new(request, typed, words.say(NO_ADDRESS))
    if len(password.encode()) > PASSWORD_BYTES_MAX:
        return _new(request, typed, words.say(TOO_LONG, n=PASSWORD_BYTES_MAX), "password")
    known = next((port for port in house.config.ports if port.protocol == "shelly" and port.tcp == where), None)
    if known is not None:
        raise see(f"{PAGE}?port={known.name}")
    name = port_name(house, "shelly", where[0])
    port = PortConfig(name, "shelly", tcp=where, password=password or None)
    try:
        async with tried(lambda sink: lines.open_port(port, (), sink), Trial()):
            pass
    except PermissionError:
        return _new(request, typed, words.say(WRONG_PASSWORD if password else WANTS_PASSWORD), "password")
    except FirstGenerationError:
        return _new(request, typed, words.say(ADVICE[Thing.SHELLY]))
    except OSError as error:
        return _new(request, typed, why(words, error, NOT_THERE))
    table = {"name": name, "protocol": "shelly", "tcp": f"{where[0]}:{where[1]}"}
    if (refused := await not_kept(words, house.devices.install(ports=[table], passwords={name: password}))) is not None:
        return _new(request, typed, refused)
    raise see(f"{PAGE}?port={name}")


async def drop(request: web.Request) -> web.Response:
    """A device that a page added is no longer asked."""
    raise await let_go(request, await read_form(request), PAGE)
