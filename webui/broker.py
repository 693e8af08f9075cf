"""`/meters/broker`: the owner's own MQTT broker, added to the house, and a topic on it whose numbers somebody names.

MQTT is imported where it is used: a house without a broker does not load it.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import TYPE_CHECKING

from aiohttp import web
from markupsafe import Markup

from drivers.model import DecodeError, Kind, Medium, Quantity, State, Telegram
from gateway import lines
from gateway.config import Mqtt
from gateway.config import Port as PortConfig
from gateway.house import House
from gateway.keys import PASSWORD_BYTES_MAX
from gateway.trial import Trial, tried
from gateway.views import PortView
from webui import readings, shown
from webui.changing import SAME, added, let_go, not_kept
from webui.finding import host_and_port, port_name, why
from webui.page import HOUSE, read_form, render, see, words_of
from webui.tries import clean_name
from webui.words import Words, mark

if TYPE_CHECKING:
    from drivers.mqtt.generic import Candidate, Value
    from gateway.ports.things import Recent, ThingsPort

PAGE = "/meters/broker"
MQTT_PORT, MQTTS_PORT = 1883, 8883  # IANA
PAYLOAD_CHARACTERS_SHOWN_MAX = 120
RECENT_SHOWN_MAX = 100
USER_CHARACTERS_MAX = 80

NO_ADDRESS = mark("An address such as 192.168.1.20 is needed; behind a colon, the port, if it is not 1883.")
NO_USER = mark("A password needs a user beside it.")
TOO_LONG = mark("A user of at most %(user)s characters and a password of at most %(password)s are taken.")
NOT_THERE = mark("No MQTT broker that the box can hear answers at this address. For whoever repairs: %(reason)s.")
WANTS_LOGIN = mark("This broker asks for a user and a password: type them below its address.")
WRONG_LOGIN = mark("This broker does not take this user with this password.")
NOTHING_CHOSEN = mark("Say of one number at least what it is.")
NAME_MISSING = mark("A name is needed: what you call this meter at home.")
QUANTITY_NAMES = {
    "energy": mark("energy"),
    "power": mark("power"),
    "apparent_power": mark("apparent power"),
    "reactive_power": mark("reactive power"),
    "voltage": mark("voltage"),
    "current": mark("current"),
    "frequency": mark("frequency"),
    "volume": mark("volume"),
    "flow": mark("flow"),
    "temperature": mark("temperature"),
    "humidity": mark("humidity"),
    "pressure": mark("pressure"),
    "ratio": mark("share"),
    "number": mark("yes or no (1 or 0)"),
}
NOW = (Quantity.POWER, Quantity.FLOW, Quantity.TEMPERATURE)  # the first of these stands for what the meter does now
PATH, WHAT = "path:", "what:"  # what the names of a mapping's fields begin with


@dataclass(frozen=True, slots=True)
class Typed:
    """What the form of a broker says."""

    at: str = ""
    user: str = ""
    tls: bool = False


@dataclass(frozen=True, slots=True)
class Number:
    """A number in a payload, and what somebody said it is: a quantity and a unit, `energy kWh`."""

    path: str
    number: str
    chosen: str


async def page(request: web.Request) -> web.Response:
    name = request.query.get("port", "")
    if not name:
        return _new(request, Typed(request.query.get("at", ""), tls="tls" in request.query))
    port, things = _broker(request.app[HOUSE], name)
    house = request.app[HOUSE]
    recent = sorted(things.recent, key=lambda one: one.topic)
    standing = [meter for meter in house.config.meters if meter.port == port.name]
    return render(
        request,
        "broker.html",
        port=port,
        heard=sum(meter.port == port.name for meter in house.heard()),
        standing=standing,
        abouts=[meter.topic for meter in standing],
        line_added=port.name in house.devices.added("port"),
        added=house.devices.added("meter"),
        recent=[(one, _excerpt(one.payload)) for one in recent[:RECENT_SHOWN_MAX]],
        more=max(0, len(recent) - RECENT_SHOWN_MAX),
    )


def _new(request: web.Request, typed: Typed, fault: Markup | None = None, at: str = "") -> web.Response:
    return render(request, "broker-add.html", status=422 if fault else 200, typed=typed, fault=fault, fault_at=at)


async def add(request: web.Request) -> web.Response:
    """Listen to a broker from now on, if it lets us."""
    house, words = request.app[HOUSE], words_of(request)
    fields = await read_form(request)
    typed = Typed(fields.get("at", "").strip(), fields.get("user", "").strip(), "tls" in fields)
    password = fields.get("password", "")
    where = host_and_port(typed.at, MQTTS_PORT if typed.tls else MQTT_PORT)
    if where is None:
        return _new(request, typed, words.say(NO_ADDRESS), "at")
    if password and not typed.user:
        return _new(request, typed, words.say(NO_USER), "user")
    if len(typed.user) > USER_CHARACTERS_MAX or len(password.encode()) > PASSWORD_BYTES_MAX:
        return _new(request, typed, words.say(TOO_LONG, user=USER_CHARACTERS_MAX, password=PASSWORD_BYTES_MAX), "user")
    for known in house.config.ports:
        if known.protocol == "mqtt" and known.mqtt is not None and known.mqtt.broker == where:
            raise see(f"{PAGE}?port={known.name}")
    name = port_name(house, "mqtt", where[0])
    # All of it: a topic that nobody knows can be named only once it was heard.
    mqtt = Mqtt(where, (lines.ALL_TOPICS,), typed.user or None, tls=typed.tls)
    try:
        port = PortConfig(name, "mqtt", mqtt=mqtt, password=password or None, at_home=True)
        async with tried(lambda sink: lines.open_port(port, (), sink), Trial()):
            pass
    except PermissionError:
        return _new(request, typed, words.say(WRONG_LOGIN if typed.user else WANTS_LOGIN), "user")
    except OSError as error:
        return _new(request, typed, why(words, error, NOT_THERE), "at")
    table = {
        "name": name,
        "protocol": "mqtt",
        "mqtt": f"{where[0]}:{where[1]}",
        "topic": lines.ALL_TOPICS,
        "tls": typed.tls,
    }
    tables = [table | ({"user": typed.user} if typed.user else {})]
    if (refused := await not_kept(words, house.devices.install(ports=tables, passwords={name: password}))) is not None:
        return _new(request, typed, refused, "at")
    raise see(f"{PAGE}?port={name}")


async def drop(request: web.Request) -> web.Response:
    """A mapped meter, or the whole broker, that a page added is no longer listened to."""
    fields = await read_form(request)
    _broker(request.app[HOUSE], fields.get("port", ""))
    raise await let_go(request, fields, PAGE)


# -- a topic whose numbers somebody names ---------------------------------------------------------------------------------
async def mapping(request: web.Request) -> web.Response:
    """The numbers of the last message on a topic, and what would be read of it as it is named so far."""
    return _mapping(request, dict(request.query))


def _mapping(request: web.Request, fields: Mapping[str, str], fault: Markup | None = None) -> web.Response:
    house, words = request.app[HOUSE], words_of(request)
    port, things = _broker(house, fields.get("port", ""))
    recent = next((one for one in things.recent if one.topic == fields.get("topic")), None)
    if recent is None:
        raise see(f"{PAGE}?port={port.name}")
    values, wrong = _values(fields)
    said = _preview(recent, values) if values and wrong is None else None
    medium = Medium(fields["medium"]) if fields.get("medium") in set(Medium) else Medium.OTHER
    return render(
        request,
        "map.html",
        status=422 if fault else 200,
        port=port,
        recent=recent,
        excerpt=_excerpt(recent.payload),
        numbers=list(_numbers(recent, fields)),
        choices=list(_choices(words)),
        media=[(each.value, words.say(shown.MEDIUM_NAMES[each])) for each in Medium],
        medium=medium.value,
        called=fields.get("name", ""),
        before=house.devices.stood_at(_address(recent.topic)),
        chosen=[(name, text) for name, text in fields.items() if name.startswith((PATH, WHAT))],
        telegram=said,
        readings=list(readings.rows(words, said)) if said else (),
        wrong=wrong,
        fault=fault,
    )


async def keep(request: web.Request) -> web.Response:
    """The topic is a meter of ours, read as it was named."""
    house, words = request.app[HOUSE], words_of(request)
    fields = await read_form(request)
    port, _ = _broker(house, fields.get("port", ""))
    values, _ = _values(fields)
    name = clean_name(fields.get("name", ""))
    if not values:
        return _mapping(request, fields, words.say(NOTHING_CHOSEN))
    if name is None:
        return _mapping(request, fields, words.say(NAME_MISSING))
    rows = [
        {
            "path": each.path,
            "quantity": each.what.quantity.word,
            "unit": each.what.unit,
            "register": each.register,
            "main": each.main,
        }
        for each in values
    ]
    table = {
        "name": name,
        "port": port.name,
        "topic": fields.get("topic", ""),
        "medium": fields.get("medium", ""),
        "values": rows,
    }
    if (refused := await not_kept(words, house.devices.install(meters=[table], same=SAME in fields))) is not None:
        return _mapping(request, fields, refused)
    raise added(house, _address(fields.get("topic", "")))


def _values(fields: Mapping[str, str]) -> "tuple[tuple[Value, ...], str | None]":
    """The rows that somebody filled in, and what is wrong with them in a sentence."""
    from drivers.mqtt import generic

    found: list[Value] = []
    names: set[str] = set()
    index = now = False
    for place in sorted(name.removeprefix(PATH) for name in fields if name.startswith(PATH)):
        path, chosen = fields[PATH + place], fields.get(WHAT + place, "")
        quantity, _, unit = chosen.partition(" ")
        if not quantity:
            continue
        register = quantity
        while register in names:
            register = f"{quantity}_{len(names) + 1}"
        names.add(register)
        try:
            row = generic.value(path, quantity, unit, register=register)
        except ValueError as error:
            return (), str(error)
        kind = row.what.quantity.kind
        main = (kind is Kind.INDEX and not index) or (row.what.quantity in NOW and not now)
        index, now = index or kind is Kind.INDEX, now or row.what.quantity in NOW
        found.append(generic.value(path, quantity, unit, register=register, main=main))
    return tuple(found), None


def _preview(recent: "Recent", values: "tuple[Value, ...]") -> Telegram | None:
    from drivers.mqtt import generic
    from drivers.mqtt.heard import address

    try:
        said = generic.preview(recent.payload, values)
    except DecodeError:
        return None
    # In kWh as the thing wrote it: a factor of 1000 adds no digits that it did not say.
    rows = tuple(
        replace(each, value=each.value.normalize()) if isinstance(each.value, Decimal) else each
        for each in said.readings
    )
    return Telegram(address(generic.KIND, recent.topic), State.DECODED, readings=rows, faults=tuple(said.faults))


def _numbers(recent: "Recent", fields: Mapping[str, str]) -> Iterator[Number]:
    from drivers.mqtt import generic

    chosen = {fields[name]: fields.get(WHAT + name.removeprefix(PATH), "") for name in fields if name.startswith(PATH)}
    candidates: Sequence[Candidate] = ()
    try:
        candidates = generic.candidates(recent.payload)
    except DecodeError:
        return
    for each in candidates:
        yield Number(each.path, f"{each.number:f}", chosen.get(each.path, ""))


def _choices(words: Words) -> Iterator[tuple[str, str]]:
    """What a number may be: `energy kWh`, and how it is said. Of the spellings of one unit (m³, m3) the first."""
    from drivers.mqtt import generic

    for quantity, name in QUANTITY_NAMES.items():
        said = str(words.say(name))
        spelt: set[str] = set()
        for unit in generic.units(quantity) or ("",):
            letters = unit.casefold().replace("³", "3").removeprefix("°")
            if letters not in spelt:
                spelt.add(letters)
                yield f"{quantity} {unit}".strip(), f"{said}, {unit}" if unit else said


def _broker(house: House, name: str) -> "tuple[PortView, ThingsPort]":
    """The broker of this name; 404 where there is none."""
    from gateway.ports.things import ThingsPort

    port = house.running.port(name)
    view = next((view for view in house.ports() if view.name == name), None)
    if view is None or not isinstance(port, ThingsPort):
        raise web.HTTPNotFound
    return view, port


def _address(topic: str) -> str:
    return f"thing:generic/{topic}"


def _excerpt(payload: bytes) -> str:
    text = payload.decode("utf-8", "replace")
    plain = "".join(letter if letter.isprintable() else " " for letter in text)
    return plain[:PAYLOAD_CHARACTERS_SHOWN_MAX] + ("…" if len(plain) > PAYLOAD_CHARACTERS_SHOWN_MAX else "")
