"""Write SUPPORTED.md from the drivers' own data and from the vectors in the tests: `python tools/supported.py`."""

import ast
import sys
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from types import ModuleType
from typing import get_args

from drivers import mbus, meters, modbus, mqtt, p1, pulse, sml, tic, wmbus
from drivers.meters import Model
from drivers.modbus import sunspec
from drivers.model import Quantity
from drivers.mqtt import (
    generic,
    homeassistant,
    rtl_433,
    shelly1,
    shelly2,
    tasmota,
    teleinfo,
    wmbusmeters,
    zigbee2mqtt,
    zlinky,
)
from drivers.p1 import obis
from drivers.receivers import RECEIVERS
from drivers.sml import telegram as sml_telegram
from drivers.tic.labels import HISTORIQUE, STANDARD, Label, Mode
from drivers.wmbus import makers, security
from drivers.wmbus.default_keys import DEFAULT_KEYS
from drivers.wmbus.makers import diehl
from gateway.config import TEXT_RECEIVERS, Protocol

ROOT = Path(__file__).resolve().parents[1]
PAGE = ROOT / "SUPPORTED.md"
COMMAND = "python tools/supported.py"
VECTORS = ("tests/drivers/makers", "tests/drivers/meters")  # where telegrams of models are made
NOISE = "test_noise.py"  # any bytes: says nothing of what a model's bytes become

DRIVERS: dict[str, ModuleType] = {
    "tic": tic,
    "p1": p1,
    "sml": sml,
    "wmbus": wmbus,
    "mbus": mbus,
    "modbus": modbus,
    "pulse": pulse,
    "mqtt": mqtt,
    "shelly": shelly2,
}
# The kind in an address, and who reads it.
THINGS: tuple[tuple[str, ModuleType], ...] = (
    (zigbee2mqtt.KIND, zigbee2mqtt),
    (zigbee2mqtt.KIND, zlinky),
    (tasmota.KIND, tasmota),
    (teleinfo.KIND, teleinfo),
    (shelly1.KIND, shelly1),
    (shelly2.KIND, shelly2),
    (homeassistant.KIND, homeassistant),
    (wmbusmeters.KIND, wmbusmeters),
    (rtl_433.KIND, rtl_433),
    (generic.KIND, generic),
)

HEAD = f"""# What Relevé reads

*Written by `{COMMAND}` from the drivers and their tests; a test fails when it is stale.*

**Read by our own vectors** means: bytes that our encoders made, or a standard's worked example, become in a test the values
that they must become. **Tried on a real meter: none yet.** What stands here was written from standards, makers' documents and
public sources; a first meter in a first home may still show what none of them says. `releve analyze` explains a telegram
byte by byte, and is what a report needs.
"""

Meter = tuple[str, int, int]  # manufacturer, version, device type


def page() -> str:
    return "\n".join(
        (
            HEAD,
            *_protocols(),
            *_tic(),
            *_obis(),
            *_receivers(),
            *_security(),
            *_models(),
            *_makers(),
            *_modbus(),
            *_pulses(),
            *_things(),
        )
    )


# -- sections ---------------------------------------------------------------------------------------------------------
def _protocols() -> Iterator[str]:
    rows = [(f"`{name}`", _first_line(DRIVERS[name].__doc__)) for name in get_args(Protocol)]
    yield from _section(
        "Protocols", "The words are those of `protocol` in `releve.toml`.", ("protocol", "what it is"), rows
    )


def _tic() -> Iterator[str]:
    tables: dict[Mode, tuple[Label, ...]] = {Mode.HISTORIQUE: HISTORIQUE, Mode.STANDARD: STANDARD}
    rows = []
    for mode, labels in tables.items():
        names = {label.name for label in labels}
        main = [label.name for label in labels if label.main]
        rows.append((mode.value, str(len(names)), ", ".join(f"`{name}`" for name in main)))
    text = "Both modes are read by our own vectors; which one a meter speaks is found by itself."
    yield from _section("TIC", text, ("mode", "labels", "those that stand for the meter"), rows)


def _obis() -> Iterator[str]:
    found: dict[Quantity, tuple[list[str], list[str]]] = {}
    for code, row in obis.ELECTRICITY.items():
        found.setdefault(row.quantity, ([], []))[0].append(f"`{code.partition(':')[2]}`")
    for code, said in sml_telegram.ROWS.items():
        found.setdefault(said.quantity, ([], []))[1].append(f"`{code}`")
    rows = [(quantity.word, ", ".join(dutch), ", ".join(german)) for quantity, (dutch, german) in found.items()]
    subs = ", ".join(f"`{code}`" for code in obis.SUB_METER_CODES)
    text = (
        "Read by our own vectors; in the tests each generated telegram says the same to a library of somebody else's.\n"
        f"A meter on the electricity meter's M-Bus is one of its own, by {subs}. Luxembourg's and Austria's encrypted P1 ports\n"
        "are not read."
    )
    yield from _section("P1 and SML", text, ("what", "P1", "SML"), rows)


def _receivers() -> Iterator[str]:
    rows = []
    for name, receiver in RECEIVERS.items():
        said = _first_line(sys.modules[receiver.framer.__module__].__doc__)
        talks = "set and recognised by its answers" if receiver.start else "recognised by its lines"
        ways = "serial, TCP, MQTT" if name in TEXT_RECEIVERS else "serial, TCP"
        rows.append((f"`{name}`", said, ways, str(receiver.baud), talks))
    text = "Each reads what an emulator of ours, or lines of our own, say. Tried with a real stick: none yet."
    yield from _section("Radio receivers", text, ("receiver", "what it is", "over", "baud", "how it is found"), rows)


def _security() -> Iterator[str]:
    rows = [(0, "read", "none needed")]
    rows += [(number, "read", f"{mode.key_bytes} bytes") for number, mode in security.MODES.items()]
    rows += [(number, f"refused by name: {name}", "") for number, name in security.MODE_NAMES.items()]
    table = [(str(number), state, key) for number, state, key in sorted(rows)]
    table.append(("16 and above", "the maker's own: read where its coding is below", ""))
    table.append(("extended link layer", "read (AES-CTR)", f"{security.KEY_BYTES} bytes"))
    known = "; ".join(f"{', '.join(sorted(each.manufacturers))} (mode {each.mode})" for each in DEFAULT_KEYS)
    text = (
        "What each is and why the others are refused: [docs/wmbus-security.md](docs/wmbus-security.md).\n"
        f"Keys that makers set in all their meters are tried for {known}."
    )
    yield from _section("Security of wireless M-Bus", text, ("mode", "state", "key"), table)


def _models() -> Iterator[str]:
    shown = {meters.model(*meter) for meter in vectors()}
    rows = []
    for name in meters.files():
        patterns, model, formats = meters.read(name)
        own = "yes" if model in shown else ""
        rows.append((model.name, " ".join(f"`{pattern}`" for pattern in patterns), _adds(model, len(formats)), own))
    rows.sort(key=lambda row: row[0].lower())
    text = (
        "A meter that follows EN 13757-3 needs no line here: it is read by the standard, under the same names as all others.\n"
        "These add what the standard leaves open (manufacturer, version, device type). Without a vector of its own, a model is\n"
        "read by the standard's vectors, and its table was only checked to be whole."
    )
    yield from _section(
        "M-Bus models, by radio and by wire", text, ("model", "meters", "what is added", "own vector"), rows
    )


def _makers() -> Iterator[str]:
    codings: dict[str, list[str]] = {diehl.__name__: ["known by its CI fields"]}
    decoders: dict[str, Callable[..., object]] = {**makers.PAYLOADS, **makers.CONTENTS, **makers.TAILS}
    for coding, decode in decoders.items():
        codings.setdefault(decode.__module__, []).append(f"`{coding}`")
    rows = [(_first_line(sys.modules[name].__doc__), ", ".join(codings[name])) for name in sorted(codings)]
    text = "Read by our own vectors. What is not read, and why: [docs/meters.md](docs/meters.md)."
    yield from _section("Makers' own codings", text, ("what", "codings"), rows)


def _modbus() -> Iterator[str]:
    rows = []
    for name in modbus.models():
        found = modbus.load(name)
        lines = [f"{found.serial.baud} {found.serial.parity}{found.serial.stopbits}"] if found.serial else []
        lines += [f"TCP {found.tcp.port}"] if found.tcp else []
        line = ", ".join(lines) or "not known"
        about = (f"`{name}`", f"{found.vendor}: {', '.join(found.models)}", str(len(found.registers)), line)
        rows.append((*about, found.confidence, "; ".join(found.sources)))
    rows.append(_sunspec())
    text = (
        "Each is read by our own vectors, and each of its registers from libmodbus, which is not ours. Confidence is ours, in what\n"
        "the sources say together. What is left out, and why: [docs/modbus.md](docs/modbus.md)."
    )
    columns = ("model", "meters", "values", "factory's line", "confidence", "sources")
    yield from _section("Modbus models", text, columns, rows)


def _sunspec() -> tuple[str, str, str, str, str, str]:
    numbers = ", ".join(str(number) for number in sunspec.MODELS)
    about = (f"`{sunspec.MODEL}`", f"SunSpec: models {numbers}", "what the unit states", "the unit's own")
    return (*about, sunspec.UNKNOWN.confidence, "; ".join(sunspec.UNKNOWN.sources))


def _pulses() -> Iterator[str]:
    rows = [
        ("a GPIO pin (`gpio`)", "counting, with edges fed by a test; opening, only that a missing chip is named"),
        (
            "a control line (`device`, `line`)",
            "counting, in the same way; that a line without control lines is refused",
        ),
        (
            "gas, 10 L a pulse; water, 0.25 L to 10 L; S0, 100 to 2000 pulses a kWh",
            "index, power and flow, over restarts and kills",
        ),
    ]
    text = (
        "**Seen on no real hardware:** no pin, no adapter and no meter; where the tests ran there was neither GPIO nor a modem\n"
        "line. How to try one, in five minutes: [docs/pulses.md](docs/pulses.md#try-it)."
    )
    yield from _section("Pulses", text, ("what", "what tests show"), rows)


def _things() -> Iterator[str]:
    rows = [(f"`thing:{kind}/…`", _first_line(module.__doc__)) for kind, module in THINGS]
    text = (
        "**Seen on no real device.** Payloads are made in the tests in the shapes that the makers document, and pass Debian's\n"
        "mosquitto; rtl_433's are its own output. What of each is read: [docs/mqtt.md](docs/mqtt.md#what-is-read)."
    )
    yield from _section("Things on an MQTT broker", text, ("address", "what it is"), rows)


def _adds(model: Model, formats: int) -> str:
    counted = (
        (sum(1 for flags in model.flags for _, code in flags.codes if code), "status code"),
        (len(model.rules), "register"),
        (len(model.fields), "field"),
        (formats, "compact format"),
    )
    parts = [f"coding `{model.coding}`"] if model.coding else []
    parts += [f"{number} {word}{'s' if number > 1 else ''}" for number, word in counted if number]
    parts += ["which number is its status"] if model.flags and not counted[0][0] else []
    parts += ["dates of month ends"] if model.history else []
    parts += [f"it measures {model.medium.value.replace('_', ' ')}"] if model.medium else []
    return ", ".join(parts)


# -- vectors ----------------------------------------------------------------------------------------------------------
def vectors() -> set[Meter]:
    """The meters whose telegrams the tests make: `Address(...)` with its numbers there, or handed to it by a caller."""
    found: set[Meter] = set()
    for folder in VECTORS:
        for path in sorted((ROOT / folder).glob("test_*.py")):
            if path.name != NOISE:
                found |= _made(ast.parse(path.read_text("utf-8")))
    return found


def _made(module: ast.Module) -> set[Meter]:
    found: set[Meter] = set()
    for _, call in _calls(module, "Address"):
        match call.args:
            case [_, _, ast.Constant(str(maker)), ast.Constant(int(version)), ast.Constant(int(device_type))]:
                found.add((maker, version, device_type))
    for function, call in _calls(module, "Address"):
        match call.args:
            case [_, _, ast.Constant(str(maker)), ast.Name(), ast.Name()] if function is not None:
                found |= {(maker, *pair) for pair in _pairs(module, function.name)}
    return found


def _pairs(module: ast.Module, helper: str) -> Iterator[tuple[int, int]]:
    """The first two numbers that a helper was called with, as they stand in the call or in the test's parameters."""
    for function, call in _calls(module, helper):
        match call.args:
            case [ast.Constant(int(version)), ast.Constant(int(device_type)), *_]:
                yield version, device_type
            case [ast.Name("version"), ast.Name("device_type"), *_] if function is not None:
                for decorator in function.decorator_list:
                    for node in ast.walk(decorator):
                        match node:
                            case ast.Tuple([ast.Constant(int(version)), ast.Constant(int(device_type)), *_]):
                                yield version, device_type


def _calls(module: ast.Module, name: str) -> Iterator[tuple[ast.FunctionDef | None, ast.Call]]:
    """Every call of a name, and the function it stands in."""
    for statement in module.body:
        function = statement if isinstance(statement, ast.FunctionDef) else None
        for node in ast.walk(statement):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == name:
                yield function, node


# -- form -------------------------------------------------------------------------------------------------------------
def _section(title: str, text: str, columns: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> Iterator[str]:
    yield f"## {title}\n{text}\n"
    for row in (columns, ("---",) * len(columns), *rows):
        yield "| " + " | ".join(cell.replace("|", "\\|") for cell in row) + " |"
    yield ""


def _first_line(docstring: str | None) -> str:
    assert docstring is not None
    return docstring.splitlines()[0].removesuffix(".")


def main() -> int:
    PAGE.write_text(page(), "utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
