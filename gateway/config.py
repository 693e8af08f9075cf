"""The configuration file: TOML in, a frozen Config out, or every fault at once, each named by its path."""

import difflib
import os
import re
import tomllib
import zoneinfo
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal, TypeVar, get_args

from drivers.model import Medium, Quantity
from drivers.pulse import DEBOUNCE_MS, DEBOUNCE_MS_MAX, PER_KWH_MAX, Weight, parse_weight, per_kwh

Protocol = Literal["tic", "p1", "sml", "wmbus", "mbus", "modbus", "pulse"]
Receiver = Literal["auto", "im871a", "iu891a", "amb8465", "rc1180", "cul", "hexlines", "rtl_433"]
TEXT_RECEIVERS: tuple[Receiver, ...] = ("auto", "hexlines", "rtl_433")  # what MQTT can carry
Mode = Literal["standard", "historique"]
Parity = Literal["N", "E", "O"]
ControlLine = Literal["cts", "dsr", "dcd", "ri"]
Edge = Literal["falling", "rising"]
Language = Literal["fr", "en"]

DATA = Path("/var/lib/releve")
SECRET = Path("/etc/releve/box-secret")
FILE_BYTES_MAX = 1_000_000
COMMIT_S = (10, 60, 300)
BAUD = (300, 600, 1200, 2400, 4800, 9600, 19200, 38400, 57600, 115200, 230400, 460800, 921600)
EVERY_S_MAX = 86_400
KEY_DIGITS = 32
KEY_SHOWN_MAX = 7  # a longer text may be a key but for one digit, and a key is shown to nobody
NAME_CHARACTERS_MAX = 80
SHOWN_CHARACTERS_MAX = 40
TOPIC_BYTES_MAX = 65_535  # MQTT 5.0, section 1.5.4

# What a line is like when the file does not say: EN 13757-2 (2400 8E1), and what most DIN-rail meters leave the factory
# with. A dongle knows its own rate, and a customer port is listened to, so none is stated for them.
LINES: dict[Protocol, tuple[int | None, Parity | None]] = {
    "tic": (None, None),
    "p1": (None, "N"),
    "sml": (9600, "N"),
    "wmbus": (None, "N"),
    "mbus": (2400, "E"),
    "modbus": (9600, "N"),
    "pulse": (None, "N"),
}
# Enedis-NOI-CPT_54E, both 7E1.
TIC_BAUD: dict[Mode | None, int | None] = {None: None, "standard": 9600, "historique": 1200}

PORT_NAME = re.compile(r"[A-Za-z0-9_-]{1,32}")
HOST_NAME = re.compile(r"(?!-)[a-z0-9-]{1,63}(\.(?!-)[a-z0-9-]{1,63})*")
GPIO = re.compile(r"(gpiochip[0-9]{1,3})/([0-9]{1,3})")
TOPIC = re.compile(r"#|([^+#/]*|\+)(/([^+#/]*|\+))*(/#)?")
ADDRESS = re.compile(
    r"tic:[0-9A-Z]{12}|p1:[0-9A-Za-z-]{1,40}|sml:[0-9A-Z]{2,32}"
    r"|w?mbus:[@-_]{3}-[0-9A-Fa-f]{8}-[0-9a-f]{2}-[0-9a-f]{2}"
)
ADDRESS_WANTED = "an address such as wmbus:KAM-12345678-1b-16 or tic:041234567890"

# What may be measured by pulses that are worth litres, or watt-hours.
WEIGHTS = ("weight", "pulses_per_kwh")
PULSE_MEDIA = {
    Quantity.VOLUME: (Medium.GAS, Medium.WATER, Medium.HOT_WATER),
    Quantity.ENERGY: (Medium.ELECTRICITY, Medium.HEAT, Medium.COOLING, Medium.OTHER),
}

T = TypeVar("T")
W = TypeVar("W", bound=str)


class ConfigError(Exception):
    """What is wrong in a configuration file, one line a fault."""

    def __init__(self, faults: Sequence[str]) -> None:
        super().__init__("\n".join(faults))
        self.faults = tuple(faults)


@dataclass(frozen=True, slots=True)
class Dwelling:
    name: str = "Maison"
    time_zone: str = "Europe/Paris"


@dataclass(frozen=True, slots=True)
class Web:
    """`password` and `mdns` are False in the demo only; the file cannot take the password away."""

    host: str = "0.0.0.0"  # noqa: S104 - the household's tablets are the ones who read it
    port: int = 8080
    host_names: tuple[str, ...] = ("releve.local",)
    language: Language = "fr"
    password: bool = True
    mdns: bool = True


@dataclass(frozen=True, slots=True)
class Mqtt:
    """A broker, and what is heard there. The password stays in its file: no configuration that is shown holds it."""

    broker: tuple[str, int]
    topics: tuple[str, ...]
    user: str | None = None
    password_file: Path | None = None
    tls: bool = False
    ca_file: Path | None = None


@dataclass(frozen=True, slots=True)
class Contact:
    """Where pulses come in: a pin of a `gpio` chip, or a control `line` of the port's serial device."""

    gpio: tuple[str, int] | None
    line: ControlLine | None
    edge: Edge
    debounce_ms: int


@dataclass(frozen=True, slots=True)
class Port:
    """A line or radio: a serial `device`, a `tcp` (host, port) that carries the same bytes, or lines of text by `mqtt`.

    `baud` None is the receiver's own rate; on a TIC or P1 line it is found by listening, as is a TIC's mode. TIC over tcp with
    parity E: the far end reads 7E1 and has checked it; with parity N it reads 8N1, and the parity bit is still in the
    bytes; None: the bytes tell.
    """

    name: str
    protocol: Protocol
    device: str | None = None
    tcp: tuple[str, int] | None = None
    mqtt: Mqtt | None = None
    receiver: Receiver | None = None
    mode: Mode | None = None
    baud: int | None = None
    parity: Parity | None = "N"
    stopbits: Literal[1, 2] = 1
    contact: Contact | None = None


@dataclass(frozen=True, slots=True)
class Meter:
    """A meter the file adopts.

    A Modbus meter is named by `port`, `unit` and `model`, one whose pulses are counted by `port` and `weight`: its
    address follows from them.
    """

    name: str
    address: str
    key: bytes | None = field(default=None, repr=False)
    port: str | None = None
    unit: int | None = None
    model: str | None = None
    every_s: int = 10
    medium: Medium | None = None
    weight: Weight | None = None


@dataclass(frozen=True, slots=True)
class Config:
    data: Path
    runtime: Path
    commit_s: int = 60
    dwelling: Dwelling = Dwelling()
    web: Web = Web()
    ports: tuple[Port, ...] = ()
    meters: tuple[Meter, ...] = ()
    secret: Path = SECRET


HOME = Dwelling()
WEB = Web()


def load(path: Path) -> Config:
    """Read a configuration file; ConfigError says all that is wrong with it."""
    try:
        with path.open("rb") as file:
            data = file.read(FILE_BYTES_MAX + 1)
    except OSError as error:
        raise ConfigError([f"{path}: cannot be read: {error.strerror}"]) from None
    if len(data) > FILE_BYTES_MAX:
        raise ConfigError([f"{path}: at most {FILE_BYTES_MAX} bytes are read, and it is longer"])
    try:
        text = data.decode()
    except UnicodeDecodeError as error:
        raise ConfigError([f"{path}: UTF-8 text is needed, and byte {error.start + 1} is not"]) from None
    return parse(text, str(path))


def parse(text: str, where: str) -> Config:
    """The configuration that `text` says; `where` names it when it is no TOML at all."""
    try:
        document = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise ConfigError([f"{where}: {error}"]) from None
    except RecursionError:
        raise ConfigError([f"{where}: nested too deeply"]) from None
    faults: list[str] = []
    root = _Table(document, "", faults)
    box = root.table("box")
    data = box.checked("data", DATA, _path)
    runtime = box.checked("runtime", None, _path) or _runtime()
    commit_s = box.integer("commit_s", 60, COMMIT_S)
    secret = box.checked("secret", None, _path)
    if secret is not None and _inside(secret, data):
        box.fault("secret", "a file outside box.data is needed: who copies that folder must not have both")
    box.end()
    home = root.table("dwelling")
    dwelling = Dwelling(home.checked("name", HOME.name, _line), home.checked("time_zone", HOME.time_zone, _time_zone))
    home.end()
    web = _web(root.table("web"))
    ports = tuple(_port(table) for table in root.tables("port"))
    meters = tuple(_meter(table, ports) for table in root.tables("meter"))
    root.end()
    polled = {meter.port for meter in meters}
    for index, port in enumerate(ports, 1):
        if port.protocol == "modbus" and port.name not in polled:
            faults.append(f"port[{index}]: a modbus port needs a [[meter]] that names it, to have something to ask")
        if port.protocol == "pulse" and port.name not in polled:
            faults.append(f"port[{index}]: a pulse port needs a [[meter]] that names it and says what a pulse is worth")
    _refuse_twice(faults, "port", "name", [port.name for port in ports])
    _refuse_twice(faults, "port", "device", [port.device for port in ports])
    _refuse_twice(faults, "port", "gpio", [_gpio_text(port) for port in ports])
    _refuse_twice(faults, "meter", "name", [meter.name for meter in meters])
    _refuse_twice(faults, "meter", "address", [meter.address for meter in meters])
    if faults:
        raise ConfigError(faults)
    return Config(data, runtime, commit_s, dwelling, web, ports, meters, secret or _secret(data))


def _runtime() -> Path:
    """Memory-backed, and the same for the service and for who asks it: systemd's word, /run/releve, or the user's own."""
    if given := os.environ.get("RUNTIME_DIRECTORY"):
        return Path(given.split(":")[0])
    box = Path("/run/releve")
    own = os.environ.get("XDG_RUNTIME_DIR")
    return box if box.is_dir() or not own else Path(own) / "releve"


def _secret(data: Path) -> Path:
    """Where the box secret lies by default: what systemd hands over, else where the user's own settings are."""
    if given := os.environ.get("CREDENTIALS_DIRECTORY"):
        handed = Path(given) / SECRET.name
        if handed.exists():
            return handed
    own = os.environ.get("XDG_CONFIG_HOME") or os.path.expanduser("~/.config")  # noqa: PTH111 - which raises without a home
    path = Path(own) / "releve" / SECRET.name
    usable = os.geteuid() != 0 and path.is_absolute() and not _inside(path, data)
    return path if usable else SECRET


def _inside(path: Path, folder: Path) -> bool:
    return path.resolve().is_relative_to(folder.resolve())


def _web(table: "_Table") -> Web:
    listen = table.checked("listen", (WEB.host, WEB.port), _host_and_port)
    names = tuple(name.lower() for name in table.texts("host_names", WEB.host_names))
    for index, name in enumerate(names, 1):
        if not HOST_NAME.fullmatch(name):
            table.fault(f"host_names[{index}]", f"a host name is needed, not {_shown(name)}")
    language = table.word("language", WEB.language, ("fr", "en"))
    mdns = table.boolean("mdns", True)
    table.end()
    return Web(*listen, names, language, mdns=mdns)


def _port(table: "_Table") -> Port:
    name = table.checked("name", "", _port_name, needed=True)
    stated: Protocol | None = table.word("protocol", None, get_args(Protocol), needed=True)
    if stated == "pulse":
        return _pulse_port(table, name)
    protocol = stated or "tic"
    device = table.checked("device", None, _device)
    tcp = table.checked("tcp", None, _host_and_port)
    mqtt = _mqtt(table)
    ways = ("device", "tcp", "mqtt") if protocol == "wmbus" else ("device", "tcp")
    met = [way for way in ("device", "tcp", "mqtt") if way in table.met]
    if len(met) != 1:
        wanted = f"one of {_join(ways[:-1])} and {ways[-1]} is needed"
        table.fault("", wanted + (f", not {' and '.join(met)}" if met else ""))
    elif protocol != "wmbus":
        table.refuse("mqtt", "only a wmbus port listens to MQTT")
    words = TEXT_RECEIVERS if "mqtt" in table.met else get_args(Receiver)
    receiver: Receiver | None = table.word("receiver", "auto", words)
    mode: Mode | None = table.word("mode", None, ("standard", "historique"))
    if protocol != "wmbus":
        receiver = None
        if stated:
            table.refuse("receiver", "only a wmbus port has a receiver")
    if protocol != "tic":
        mode = None
        table.refuse("mode", "only a tic port has a mode")
    if protocol == "p1":
        table.refuse("parity", "a p1 line is always read as 8 bits without parity")
    baud, parity = LINES[protocol]
    if protocol == "tic":
        baud = TIC_BAUD[mode]
    baud = table.integer("baud", baud, BAUD)
    parity = table.word("parity", parity, ("N", "E", "O"))
    stopbits: Literal[1, 2] = 2 if table.integer("stopbits", 1, (1, 2)) == 2 else 1
    if device is None and tcp is not None:
        baud = None
        table.refuse("baud", "the far end of tcp sets the line")
        table.refuse("stopbits", "the far end of tcp sets the line")
    if "mqtt" in table.met:
        for other in ("baud", "parity", "stopbits"):
            table.refuse(other, "MQTT has no line to set")
    table.end()
    return Port(name, protocol, device, tcp, mqtt, receiver, mode, baud, parity, stopbits)


def _pulse_port(table: "_Table", name: str) -> Port:
    gpio = table.checked("gpio", None, _gpio)
    device = table.checked("device", None, _device)
    met = [way for way in ("gpio", "device") if way in table.met]
    if len(met) != 1:
        table.fault("", "one of gpio and device is needed" + (f", not {' and '.join(met)}" if met else ""))
    line: ControlLine | None = table.word("line", None, get_args(ControlLine), needed=met == ["device"])
    if met == ["gpio"]:
        table.refuse("line", "only a device has control lines")
    stated: Edge | None = table.word("edge", None, get_args(Edge))
    debounce_ms = table.integer("debounce_ms", DEBOUNCE_MS, range(2, DEBOUNCE_MS_MAX + 1))
    table.end()
    return Port(
        name, "pulse", device, contact=Contact(gpio, line, stated or ("rising" if device else "falling"), debounce_ms)
    )


def _gpio_text(port: Port) -> str | None:
    return "/".join(map(str, port.contact.gpio)) if port.contact and port.contact.gpio else None


def _mqtt(table: "_Table") -> Mqtt | None:
    broker = table.checked("mqtt", None, _host_and_port)
    topics = table.some("topic", _topic, needed="mqtt" in table.met)
    user = table.checked("user", None, _line)
    password_file = table.checked("password_file", None, _file)
    tls = table.boolean("tls", False)
    ca_file = table.checked("ca_file", None, _file)
    if "mqtt" not in table.met:
        for other in ("topic", "user", "password_file", "tls", "ca_file"):
            table.refuse(other, "only a port with mqtt has it")
        return None
    if "password_file" in table.met and "user" not in table.met:
        table.fault("user", "is needed beside password_file")
    if not tls:
        table.refuse("ca_file", "it is read with tls = true")
    return None if broker is None else Mqtt(broker, topics, user, password_file, tls, ca_file)


def _meter(table: "_Table", ports: Sequence[Port]) -> Meter:
    name = table.checked("name", "", _line, needed=True)
    address = table.checked("address", "", _address)
    key = table.checked("key", None, _key)
    port_name = table.checked("port", "", _port_name)
    port = next((port for port in ports if port.name == port_name), None)
    over_tcp = port is not None and port.tcp is not None
    # Modbus over serial line V1.02, section 2.2: 1 to 247; gateways on TCP also answer to 0 and 255.
    unit = table.integer("unit", None, range(256) if over_tcp else range(1, 248))
    model = table.checked("model", "", _line)
    every_s = table.integer("every_s", 10, range(1, EVERY_S_MAX + 1))
    medium = table.word("medium", None, tuple(Medium))
    weight = _weight(table)
    polled = {"port", "unit", "model"} & table.met
    if "address" in table.met:
        for other in ("port", "unit", "model", "every_s", *WEIGHTS):
            table.refuse(other, "a meter with an address speaks by itself")
        if address and not address.startswith(("wmbus:", "mbus:")):
            table.refuse("key", "only wmbus and mbus meters have a key")
        if address.startswith("p1:") and medium is None:
            table.fault("medium", "is needed: a p1 line has meters of several kinds")
    elif set(WEIGHTS) & table.met or (port is not None and port.protocol == "pulse"):
        address = f"pulse:{port_name}" if port_name else ""
        medium = _pulse_meter(table, port, port_name, weight, Medium(medium) if medium else None)
    elif not polled:
        table.fault("", "an address is needed, or port, unit and model, or port and weight")
    else:
        for needed in sorted({"port", "unit", "model"} - polled):
            table.fault(needed, "is needed beside " + " and ".join(sorted(polled)))
        table.refuse("key", "a modbus meter has no key")
        if port is None and "port" in polled:
            table.fault("port", f"no [[port]] has the name {_shown(port_name)}")
        if port is not None and port.protocol != "modbus":
            table.fault("port", f"a modbus port is needed, not {port_name!r}, which is {port.protocol}")
        if port_name and unit is not None:
            address = f"modbus:{port_name}/{unit}"
    table.end()
    return Meter(
        name, address, key, port_name or None, unit, model or None, every_s, Medium(medium) if medium else None, weight
    )


def _weight(table: "_Table") -> Weight | None:
    weight = table.checked("weight", None, parse_weight)
    pulses = table.integer("pulses_per_kwh", None, range(1, PER_KWH_MAX + 1))
    if set(WEIGHTS) <= table.met:
        table.fault("", "one of weight and pulses_per_kwh is needed, not both")
    return weight if pulses is None else per_kwh(pulses)


def _pulse_meter(
    table: "_Table", port: Port | None, port_name: str, weight: Weight | None, medium: Medium | None
) -> Medium | None:
    """What is measured; without a word, electricity where pulses are energy."""
    for other in ("unit", "model", "every_s", "key"):
        table.refuse(other, "a meter whose pulses are counted has none")
    if "port" not in table.met:
        table.fault("port", "is needed beside what a pulse is worth")
    elif port is None and port_name:
        table.fault("port", f"no [[port]] has the name {_shown(port_name)}")
    elif port is not None and port.protocol != "pulse":
        table.fault("port", f"a pulse port is needed, not {port_name!r}, which is {port.protocol}")
    if not set(WEIGHTS) & table.met:
        table.fault("weight", 'is needed, such as "10 L", or pulses_per_kwh')
    if weight is None:
        return medium
    allowed = PULSE_MEDIA[weight.quantity]
    if medium is None and "medium" not in table.met:
        if weight.quantity is Quantity.ENERGY:
            return Medium.ELECTRICITY
        table.fault("medium", f"is needed: one of {_join(allowed)}")
    elif medium is not None and medium not in allowed:
        table.fault(
            "medium", f"one of {_join(allowed)} is needed where pulses are {weight.quantity.unit}, not {medium}"
        )
    return medium


def _refuse_twice(faults: list[str], table: str, key: str, values: Sequence[str | None]) -> None:
    first: dict[str, int] = {}
    for index, value in enumerate(values, 1):
        if value and first.setdefault(value, index) != index:
            faults.append(f"{table}[{index}].{key}: {_shown(value)} is already {table}[{first[value]}]'s")


def _key(text: str) -> bytes:
    if len(text) == KEY_DIGITS and re.fullmatch(r"[0-9A-Fa-f]+", text):
        return bytes.fromhex(text)
    if len(text) <= KEY_SHOWN_MAX:
        raise ValueError(f"{KEY_DIGITS} hex digits are needed, not {text!r}")
    wrong = re.search(r"[^0-9A-Fa-f]", text)
    place = f", the first that is no hex digit at place {wrong.start() + 1}" if wrong else ""
    raise ValueError(f"{KEY_DIGITS} hex digits are needed, not {len(text)} characters{place}")


def _time_zone(text: str) -> str:
    try:
        zoneinfo.ZoneInfo(text)
    except (zoneinfo.ZoneInfoNotFoundError, ValueError, OSError):
        raise ValueError(f"a time zone such as Europe/Paris is needed, not {_shown(text)}") from None
    return text


def _host_and_port(text: str) -> tuple[str, int]:
    host, _, port = text.rpartition(":")
    if host.startswith("[") and host.endswith("]"):
        host = host[1:-1]
    elif ":" in host:
        host = ""
    if not host or not re.fullmatch(r"[0-9]{1,5}", port) or not 0 < int(port) < 65536:
        raise ValueError(f"host:port is needed, not {_shown(text)}")
    return host, int(port)


def _device(text: str) -> str:
    if not text.startswith("/") or "\0" in text:
        raise ValueError(f"a path such as /dev/ttyUSB0 is needed, not {_shown(text)}")
    return text


def _port_name(text: str) -> str:
    if not PORT_NAME.fullmatch(text):
        raise ValueError(f"1 to 32 letters, digits, - or _ are needed, not {_shown(text)}")
    return text


def _gpio(text: str) -> tuple[str, int]:
    match = GPIO.fullmatch(text)
    if match is None:
        raise ValueError(f"a chip and a pin such as gpiochip0/17 are needed, not {_shown(text)}")
    return match[1], int(match[2])


def _topic(text: str) -> str:
    """A topic filter (MQTT 5.0, section 4.7.1): + stands alone for one level, # alone for all that follow."""
    if not text or not text.isprintable() or not TOPIC.fullmatch(text) or len(text.encode()) > TOPIC_BYTES_MAX:
        raise ValueError(f"a topic such as rtl_433/+/events is needed, not {_shown(text)}")
    return text


def _file(text: str) -> Path:
    if not text or "\0" in text:
        raise ValueError(f"a file is needed, not {_shown(text)}")
    return Path(text)


def _path(text: str) -> Path:
    if not text or "\0" in text:
        raise ValueError(f"a path is needed, not {_shown(text)}")
    return Path(text)


def _line(text: str) -> str:
    if not text.strip() or not text.isprintable() or len(text) > NAME_CHARACTERS_MAX:
        raise ValueError(f"a line of 1 to {NAME_CHARACTERS_MAX} characters is needed, not {_shown(text)}")
    return text


def _address(text: str) -> str:
    if not ADDRESS.fullmatch(text):
        raise ValueError(f"{ADDRESS_WANTED} is needed, not {_shown(text)}")
    if not text.startswith(("wmbus:", "mbus:")):
        return text
    maker, dash, number = text.partition("-")
    return maker + dash + number.lower()


def _shown(value: object) -> str:
    match value:
        case bool():
            return str(value).lower()
        case dict():
            return "a table"
        case list():
            return "a list"
        case str() if len(value) > SHOWN_CHARACTERS_MAX:
            return repr(value[:SHOWN_CHARACTERS_MAX]) + "..."
        case str():
            return repr(value)
        case _:
            return str(value)


class _Table:
    """One TOML table being read: each question names a key, and `end` refuses the keys nobody asked for."""

    def __init__(self, content: dict[str, object], path: str, faults: list[str]) -> None:
        self.met = frozenset(content)
        self._content = content
        self._path = path
        self._faults = faults
        self._known: list[str] = []

    def fault(self, key: str, text: str) -> None:
        self._faults.append(".".join(part for part in (self._path, key) if part) + f": {text}")

    def refuse(self, key: str, reason: str) -> None:
        if key in self.met:
            self.fault(key, f"has no place here: {reason}")

    def _get(self, key: str) -> object | None:
        self._known.append(key)
        return self._content.get(key)

    def checked(self, key: str, default: T, check: Callable[[str], T], needed: bool = False) -> T:
        value = self._get(key)
        if value is None:
            if needed:
                self.fault(key, "is needed")
            return default
        return self._check(key, value, default, check)

    def some(self, key: str, check: Callable[[str], T], needed: bool) -> tuple[T, ...]:
        """One text, or a list of them."""
        value = self._get(key)
        if needed and value in (None, []):
            self.fault(key, "is needed")
        if value is None:
            return ()
        named = [(key, value)]
        if isinstance(value, list):
            named = [(f"{key}[{index}]", item) for index, item in enumerate(value, 1)]
        checked = [self._check(where, item, None, check) for where, item in named]
        return tuple(item for item in checked if item is not None)

    def _check(self, where: str, value: object, default: T, check: Callable[[str], T]) -> T:
        if not isinstance(value, str):
            self.fault(where, f"a text in quotes is needed, not {_shown(value)}")
            return default
        try:
            return check(value)
        except ValueError as error:
            self.fault(where, str(error))
        return default

    def word(self, key: str, default: T, words: Sequence[T], needed: bool = False) -> T:
        def check(text: str) -> T:
            for word in words:
                if word == text:
                    return word
            raise ValueError(f"one of {', '.join(map(str, words))} is needed, not {_shown(text)}")

        return self.checked(key, default, check, needed)

    def integer(self, key: str, default: T, allowed: Sequence[int]) -> int | T:
        value = self._get(key)
        if value is None:
            return default
        if type(value) is int and value in allowed:
            return value
        wanted = f"{allowed[0]} to {allowed[-1]}" if isinstance(allowed, range) else f"one of {_join(allowed)}"
        self.fault(key, f"{wanted} is needed, not {_shown(value)}")
        return default

    def boolean(self, key: str, default: bool) -> bool:
        value = self._get(key)
        if value is not None and not isinstance(value, bool):
            self.fault(key, f"true or false is needed, not {_shown(value)}")
        return value if isinstance(value, bool) else default

    def texts(self, key: str, default: tuple[str, ...]) -> tuple[str, ...]:
        value = self._get(key)
        if value is None:
            return default
        if isinstance(value, list) and all(isinstance(item, str) for item in value):
            return tuple(value)
        self.fault(key, f"a list of texts is needed, not {_shown(value)}")
        return default

    def table(self, key: str) -> "_Table":
        value = self._get(key)
        if value is not None and not isinstance(value, dict):
            self.fault(key, f"one table [{key}] is needed, not {_shown(value)}")
        return _Table(value if isinstance(value, dict) else {}, key, self._faults)

    def tables(self, key: str) -> list["_Table"]:
        value = self._get(key)
        if value is None:
            return []
        if isinstance(value, list) and all(isinstance(item, dict) for item in value):
            return [_Table(item, f"{key}[{index}]", self._faults) for index, item in enumerate(value, 1)]
        self.fault(key, f"tables [[{key}]], in two brackets, are needed, not {_shown(value)}")
        return []

    def end(self) -> None:
        for key in sorted(self.met.difference(self._known)):
            near = difflib.get_close_matches(key, self._known, 1)
            self.fault(key, "is not known" + (f"; {near[0]}?" if near else f": one of {_join(self._known)}"))


def _join(words: Sequence[object]) -> str:
    return ", ".join(map(str, words))
