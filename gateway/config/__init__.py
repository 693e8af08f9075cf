"""The configuration file: TOML in, a frozen Config out, or every fault at once, each named by its path."""

import os
import re
import tomllib
import zoneinfo
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from gateway.config.meter import meter_table
from gateway.config.port import port_table
from gateway.config.table import Table, file_path, host_and_port, line, shown
from gateway.config.words import (
    RECOVER,
    SECRET,
    TEXT_RECEIVERS,
    Backup,
    Config,
    Contact,
    Dwelling,
    Meter,
    Mqtt,
    Port,
    Protocol,
    Receiver,
    Web,
)

__all__ = [
    "TEXT_RECEIVERS",
    "Backup",
    "Config",
    "ConfigError",
    "Contact",
    "Dwelling",
    "Meter",
    "Mqtt",
    "Port",
    "Protocol",
    "Receiver",
    "Web",
    "extend",
    "load",
    "parse",
]

DATA = Path("/var/lib/releve")
FILE_BYTES_MAX = 1_000_000
COMMIT_S = (10, 60, 300)
SYNC = ("child", "service")

HOST_NAME = re.compile(r"(?!-)[a-z0-9-]{1,63}(\.(?!-)[a-z0-9-]{1,63})*")

RECIPIENT = re.compile(r"age1[02-9ac-hj-np-z]{58}")
EVERY_S = {"day": 86_400, "week": 604_800}

HOME = Dwelling()
WEB = Web()


class ConfigError(Exception):
    """What is wrong in a configuration file, one line a fault."""

    def __init__(self, faults: Sequence[str]) -> None:
        super().__init__("\n".join(faults))
        self.faults = tuple(faults)


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
    return replace(parse(text, str(path)), source=path)


def parse(text: str, where: str) -> Config:
    """The configuration that `text` says; `where` names it when it is no TOML at all."""
    try:
        document = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise ConfigError([f"{where}: {error}"]) from None
    except RecursionError:
        raise ConfigError([f"{where}: nested too deeply"]) from None
    faults: list[str] = []
    root = Table(document, "", faults)
    box = root.table("box")
    data = box.checked("data", DATA, _folder)
    runtime = box.checked("runtime", None, _folder) or _runtime()
    commit_s = box.integer("commit_s", 60, COMMIT_S)
    secret = box.checked("secret", None, _folder)
    if secret is not None and _inside(secret, data):
        box.fault("secret", "a file outside box.data is needed: who copies that folder must not have both")
    recover = box.checked("recover", RECOVER, _folder)
    sync = box.word("sync", _sync(), SYNC)
    box.end()
    home = root.table("dwelling")
    dwelling = Dwelling(home.checked("name", HOME.name, line), home.checked("time_zone", HOME.time_zone, _time_zone))
    home.end()
    web = _web(root.table("web"))
    backup = _backup(root.table("backup"), data) if "backup" in root.met else None
    ports, meters = _devices(root, (), ())
    root.end()
    if faults:
        raise ConfigError(faults)
    secret = secret or _secret(data)
    return Config(
        data, runtime, commit_s, dwelling, web, ports, meters, secret, backup=backup, sync=sync, recover=recover
    )


def extend(config: Config, document: Mapping[str, object]) -> Config:
    """`config` with more ports and meters, in the words of the file.

    ConfigError where they do not go together.
    """
    faults: list[str] = []
    root = Table(dict(document), "", faults)
    ports, meters = _devices(root, config.ports, config.meters)
    root.end()
    if faults:
        raise ConfigError(faults)
    return replace(config, ports=ports, meters=meters)


def _devices(
    root: Table, ports: tuple[Port, ...], meters: tuple[Meter, ...]
) -> tuple[tuple[Port, ...], tuple[Meter, ...]]:
    """These ports and meters, and those that `root` adds."""
    ports += tuple(port_table(table) for table in root.tables("port"))
    meters += tuple(meter_table(table, ports) for table in root.tables("meter"))
    polled = {meter.port for meter in meters}
    for index, port in enumerate(ports, 1):
        if port.protocol == "pulse" and port.name not in polled:
            root.fault(f"port[{index}]", "a pulse port needs a [[meter]] that names it and says what a pulse is worth")
    _refuse_twice(root, "port", "name", [port.name for port in ports])
    _refuse_twice(root, "port", "device", [port.device for port in ports])
    _refuse_twice(root, "port", "gpio", [_gpio_text(port) for port in ports])
    _refuse_twice(root, "meter", "name", [meter.name for meter in meters])
    _refuse_twice(root, "meter", "address", [meter.address for meter in meters])
    return ports, meters


def _runtime() -> Path:
    """Memory-backed, and the same for the service and for who asks it: systemd's word, /run/releve, or the user's own."""
    if given := os.environ.get("RUNTIME_DIRECTORY"):
        return Path(given.split(":")[0])
    box = Path("/run/releve")
    own = os.environ.get("XDG_RUNTIME_DIR")
    return box if box.is_dir() or not own else Path(own) / "releve"


def _sync() -> str:
    """Who starts the sync process by default: the unit of a service says that another one does."""
    given = os.environ.get("RELEVE_SYNC", "")
    return given if given in SYNC else SYNC[0]


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


def _web(table: Table) -> Web:
    listen = table.checked("listen", (WEB.host, WEB.port), host_and_port)
    names = tuple(name.lower() for name in table.texts("host_names", WEB.host_names))
    for index, name in enumerate(names, 1):
        if not HOST_NAME.fullmatch(name):
            table.fault(f"host_names[{index}]", f"a host name is needed, not {shown(name)}")
    language = table.word("language", WEB.language, ("fr", "en"))
    mdns = table.boolean("mdns", True)
    table.end()
    return Web(*listen, names, language, mdns=mdns)


def _backup(table: Table, data: Path) -> Backup | None:
    folder = table.checked("folder", None, file_path, needed=True)
    recipient = table.checked("recipient", "", _recipient, needed=True)
    every = table.word("every", "day", tuple(EVERY_S))
    keep = table.integer("keep", 7, range(1, 101))
    table.end()
    if folder is not None and _inside(folder, data):
        table.fault("folder", "a folder outside box.data is needed, best on another disk: a card that dies takes both")
    return None if folder is None or not recipient else Backup(folder, recipient, EVERY_S[every], keep)


def _recipient(text: str) -> str:
    if not RECIPIENT.fullmatch(text):
        raise ValueError(
            f"an age recipient (age1 and 58 more characters, from age-keygen) is needed, not {shown(text)}"
        )
    return text


def _gpio_text(port: Port) -> str | None:
    return "/".join(map(str, port.contact.gpio)) if port.contact and port.contact.gpio else None


def _refuse_twice(root: Table, table: str, key: str, values: Sequence[str | None]) -> None:
    first: dict[str, int] = {}
    for index, value in enumerate(values, 1):
        if value and first.setdefault(value, index) != index:
            root.fault(f"{table}[{index}].{key}", f"{shown(value)} is already {table}[{first[value]}]'s")


def _time_zone(text: str) -> str:
    try:
        zoneinfo.ZoneInfo(text)
    except (zoneinfo.ZoneInfoNotFoundError, ValueError, OSError):
        raise ValueError(f"a time zone such as Europe/Paris is needed, not {shown(text)}") from None
    return text


def _folder(text: str) -> Path:
    if not text or "\0" in text:
        raise ValueError(f"a path is needed, not {shown(text)}")
    return Path(text)
