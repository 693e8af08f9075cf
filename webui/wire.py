"""`/meters/wire`: a Modbus line of the house. A meter on it is read first, and kept when its values are the meter's own.

Modbus is imported where it is used: a house without it does not load it.
"""

import asyncio
import functools
from collections.abc import AsyncGenerator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from aiohttp import web
from markupsafe import Markup

from drivers.model import DecodeError, Medium, Telegram
from gateway.catalog import FIRST_NAMES
from gateway.house import House
from gateway.searching import Progress
from gateway.views import PortView
from webui import readings
from webui.changing import SAME, added, let_go, not_kept
from webui.page import HOUSE, read_form, render, see, words_of
from webui.tries import clean_name
from webui.words import Words, mark

if TYPE_CHECKING:
    from gateway.ports.modbus import ModbusPort

PAGE = "/meters/wire"
UNITS = range(1, 248)  # Modbus over Serial Line V1.02, 2.2
TCP_UNITS = range(256)
NO_UNIT = mark(
    "The unit is a number from %(first)s to %(last)s. It is set on the meter itself, and stands in its manual."
)
NO_MODEL = mark("Choose which meter it is.")
NO_NAME = mark("A name is needed: what you call this meter at home.")
MUTE = mark(
    "Nothing answers under unit %(unit)s. Check that the meter has current, that A and B are not crossed, and that its "
    "speed, parity and unit are those of this line."
)
UNREAD = mark("Something answers under unit %(unit)s, and it cannot be read as this meter: %(reason)s.")
UNKNOWN = mark("Something answers under unit %(unit)s, and it does not say which meter it is. Choose it in the list.")
FROM_FACTORY = mark("This one leaves the factory with %(baud)s baud, parity %(parity)s, unit %(unit)s.")


@dataclass(frozen=True, slots=True)
class Maker:
    """One maker in the list of meters, and its meters: what a configuration calls each, and what stands on it."""

    name: str
    models: Sequence[tuple[str, str]]


@dataclass(frozen=True, slots=True)
class Typed:
    """What the form says."""

    unit: str = "1"
    model: str = ""
    name: str = ""


@dataclass(frozen=True, slots=True)
class FoundUnit:
    """A unit that answered a search, and which meters it may be."""

    unit: int
    models: tuple[str, ...]


async def page(request: web.Request) -> web.Response:
    port, _ = _line(request.app[HOUSE], request.query.get("port", ""))
    await asyncio.to_thread(makers)  # the first time it reads all maps, 60 ms
    return _page(request, port)


def _page(
    request: web.Request,
    port: PortView,
    *,
    typed: Typed | None = None,
    fault: Markup | None = None,
    at: str = "",
    telegram: Telegram | None = None,
    proposed: Sequence[str] = (),
) -> web.Response:
    house, words = request.app[HOUSE], words_of(request)
    typed = typed or Typed()
    search = house.searches.of(port.name)
    standing = [meter for meter in house.config.meters if meter.port == port.name]
    return render(
        request,
        "wire.html",
        status=422 if fault else 200,
        port=port,
        standing=standing,
        abouts=[f"{titles().get(m.model or '', m.model)}, {words.say('unit %(n)s', n=m.unit)}" for m in standing],
        before=house.devices.stood_at(_address(port, int(typed.unit))) if telegram else None,
        added=house.devices.added("meter"),
        line_added=port.name in house.devices.added("port"),
        makers=makers(),
        titles=titles(),
        typed=typed,
        called=typed.name or FIRST_NAMES[words.language][telegram.medium if telegram else Medium.ELECTRICITY],
        fault=fault,
        fault_at=at,
        telegram=telegram,
        readings=list(readings.rows(words, telegram)) if telegram else (),
        proposed=proposed,
        search=search,
        units_total=len(UNITS),
    )


async def read(request: web.Request) -> web.Response:
    """All that a meter says now, before it is kept; without a model, which one it may be."""
    house, words = request.app[HOUSE], words_of(request)
    fields = await read_form(request)
    port, line = _line(house, fields.get("port", ""))
    typed = Typed(fields.get("unit", "").strip(), fields.get("model", ""), fields.get("name", ""))
    unit = _unit(port, house, typed.unit)
    if unit is None:
        units = _units(port, house)
        return _page(request, port, typed=typed, fault=words.say(NO_UNIT, first=units[0], last=units[-1]), at="unit")
    if not typed.model:
        return await _ask_which(request, port, line, typed, unit)
    if typed.model not in titles():
        return _page(request, port, typed=typed, fault=words.say(NO_MODEL), at="model")
    said = await _once(line, unit, typed.model)
    if isinstance(said, DecodeError):
        return _page(request, port, typed=typed, fault=_why(words, unit, said, typed.model), at="unit")
    return _page(request, port, typed=typed, telegram=said)


async def _ask_which(request: web.Request, port: PortView, line: "ModbusPort", typed: Typed, unit: int) -> web.Response:
    """Read it as the one meter that it says to be, or offer those that it may be."""
    words = words_of(request)
    models = await proposed(line, unit)
    if models is None:
        return _page(request, port, typed=typed, fault=words.say(MUTE, unit=unit), at="unit")
    if not models:
        return _page(request, port, typed=typed, fault=words.say(UNKNOWN, unit=unit), at="model")
    if len(models) > 1:
        return _page(request, port, typed=typed, proposed=models)
    said = await _once(line, unit, models[0])
    typed = replace(typed, model=models[0])
    if isinstance(said, DecodeError):
        return _page(request, port, typed=typed, fault=_why(words, unit, said, models[0]), at="unit")
    return _page(request, port, typed=typed, telegram=said)


async def proposed(line: "ModbusPort", unit: int) -> tuple[str, ...] | None:
    """Which meters this unit may be, by what its registers say; None when nobody answers."""
    from drivers.modbus import identify
    from drivers.modbus.sunspec import Ask

    answers: dict[Ask, tuple[int, ...]] = {}
    anybody = False
    for question in identify.questions():
        match await line.ask(unit, question.function_code, question.address, question.count):
            case DecodeError(data=b"") if not anybody:
                return None
            case tuple() as registers:
                answers[question] = registers
        anybody = True
    return identify.propose(answers)


async def keep(request: web.Request) -> web.Response:
    """The meter is ours, and asked from now on."""
    house, words = request.app[HOUSE], words_of(request)
    fields = await read_form(request)
    port, line = _line(house, fields.get("port", ""))
    typed = Typed(fields.get("unit", "").strip(), fields.get("model", ""), fields.get("name", ""))
    unit, name = _unit(port, house, typed.unit), clean_name(typed.name)
    if unit is None or typed.model not in titles():
        return _page(request, port, typed=typed, fault=words.say(NO_MODEL), at="model")
    if name is None:
        said = await _once(line, unit, typed.model)
        telegram = None if isinstance(said, DecodeError) else said
        return _page(request, port, typed=typed, telegram=telegram, fault=words.say(NO_NAME), at="name")
    table = {"name": name, "port": port.name, "unit": unit, "model": typed.model}
    if (why := await not_kept(words, house.devices.install(meters=[table], same=SAME in fields))) is not None:
        return _page(request, port, typed=typed, fault=why, at="unit")
    raise added(house, _address(port, unit))


async def drop(request: web.Request) -> web.Response:
    """A meter, or the line itself, that a page added is no longer asked."""
    fields = await read_form(request)
    _line(request.app[HOUSE], fields.get("port", ""))
    raise await let_go(request, fields, PAGE)


async def search(request: web.Request) -> web.Response:
    """Ask every unit of the line once, beside what is asked already."""
    house = request.app[HOUSE]
    port, line = _line(house, (await read_form(request)).get("port", ""))
    await house.searches.start(port.name, _searched(line))
    raise see(f"{PAGE}?port={port.name}#search")


async def _searched(line: "ModbusPort") -> AsyncGenerator[object, None]:
    async for found in line.scan(UNITS):
        yield FoundUnit(found.unit, await proposed(line, found.unit) or ())
        yield Progress(100 * found.unit // UNITS[-1])


async def stop(request: web.Request) -> web.Response:
    house = request.app[HOUSE]
    port, _ = _line(house, (await read_form(request)).get("port", ""))
    await house.searches.stop(port.name)
    raise see(f"{PAGE}?port={port.name}#search")


@functools.cache
def makers() -> Sequence[Maker]:
    """The list of meters, by maker."""
    from drivers import modbus

    found: dict[str, list[tuple[str, str]]] = {}
    for id_ in modbus.models():
        found.setdefault(modbus.load(id_).vendor, []).append((id_, titles()[id_]))
    listed = [Maker(vendor, sorted(models, key=lambda model: model[1])) for vendor, models in sorted(found.items())]
    others = [(id_, titles()[id_]) for id_ in modbus.known() if id_ not in modbus.models()]
    return [*listed, *(Maker(title, [(id_, title)]) for id_, title in others)]


@functools.cache
def titles() -> Mapping[str, str]:
    """What a configuration calls a meter, and what stands on it."""
    from drivers import modbus

    return {
        id_: f"{(known := modbus.load(id_)).vendor} {', '.join(known.models)}"
        if id_ in modbus.models()
        else modbus.load(id_).vendor
        for id_ in modbus.known()
    }


def _line(house: House, name: str) -> "tuple[PortView, ModbusPort]":
    """The line of this name; 404 where there is no such Modbus line."""
    from gateway.ports.modbus import ModbusPort

    port = house.running.port(name)
    view = next((view for view in house.ports() if view.name == name), None)
    if view is None or not isinstance(port, ModbusPort):
        raise web.HTTPNotFound
    return view, port


def _address(port: PortView, unit: int) -> str:
    return f"modbus:{port.name}/{unit}"


def _units(port: PortView, house: House) -> range:
    config = next(config for config in house.config.ports if config.name == port.name)
    return TCP_UNITS if config.framing == "tcp" else UNITS


def _unit(port: PortView, house: House, typed: str) -> int | None:
    return int(typed) if typed.isdecimal() and len(typed) <= 3 and int(typed) in _units(port, house) else None


async def _once(line: "ModbusPort", unit: int, model: str) -> Telegram | DecodeError:
    from drivers import modbus

    return await line.once(unit, modbus.load(model))


def _why(words: Words, unit: int, error: DecodeError, model: str) -> Markup:
    from drivers import modbus

    if error.data:  # something came
        return words.say(UNREAD, unit=unit, reason=str(error))
    mute, factory = words.say(MUTE, unit=unit), modbus.load(model).serial
    if factory is None:
        return mute
    settings = words.say(FROM_FACTORY, baud=factory.baud, parity=factory.parity, unit=factory.unit)
    return Markup("{} {}").format(mute, settings)
