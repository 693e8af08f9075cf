"""What a configuration can say, as types: the box, the dwelling, its ports and the meters it adopts."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from drivers.model import Medium
from drivers.pulse import Weight

if TYPE_CHECKING:
    from drivers.mqtt.generic import Value

Protocol = Literal["tic", "p1", "sml", "wmbus", "mbus", "modbus", "pulse", "mqtt", "shelly"]
Receiver = Literal["auto", "im871a", "iu891a", "amb8465", "rc1180", "cul", "hexlines", "rtl_433"]
TEXT_RECEIVERS: tuple[Receiver, ...] = ("auto", "hexlines", "rtl_433")  # what MQTT can carry
Mode = Literal["standard", "historique"]
Parity = Literal["N", "E", "O"]
Framing = Literal["tcp", "rtu"]
ControlLine = Literal["cts", "dsr", "dcd", "ri"]
Edge = Literal["falling", "rising"]
Language = Literal["fr", "en"]

SECRET = Path("/etc/releve/box-secret")
# On the part of a Raspberry Pi's card that any computer can write on.
RECOVER = Path("/boot/firmware/releve-recover")


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
    """A broker, and what is heard there; of things, without topics, all that are known. The password is never shown."""

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
    bytes; None: the bytes tell. `framing` is that of Modbus over tcp: Modbus TCP, or RTU as on the serial line behind it.
    An M-Bus port that is to `listen` asks nobody: somebody else is the master. All are `at_home`: a name may come to lie
    elsewhere, or a resolver say so, and is then not asked.
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
    password_file: Path | None = None
    password: str | None = field(default=None, repr=False)  # one that a page took
    framing: Framing | None = None
    listen: bool = False
    at_home: bool = True


@dataclass(frozen=True, slots=True)
class Meter:
    """A meter the file adopts.

    A Modbus meter is named by `port`, `unit` and `model`, one whose pulses are counted by `port` and `weight`, a mapped one
    by `port` and `topic`: its address follows from them. An M-Bus meter is asked on `port`, by its `primary` address where
    it has one here.
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
    topic: str | None = None
    values: "tuple[Value, ...]" = ()
    primary: int | None = None


@dataclass(frozen=True, slots=True)
class Backup:
    """Back-ups by themselves: into which folder, for whose age key, how often, and how many are kept there."""

    folder: Path
    recipient: str
    every_s: int
    keep: int


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
    source: Path | None = field(default=None, compare=False)  # the file itself
    backup: Backup | None = None
    sync: str = "child"  # or "service": who starts the sync process
    recover: Path = RECOVER  # a file that somebody who lost the password puts there
