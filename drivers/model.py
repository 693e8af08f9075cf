"""The words every driver speaks: Frame, Telegram, Reading, Quantity, DecodeError."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Decimal
from enum import Enum, StrEnum
from typing import Protocol, TypeVar, dataclass_transform

_Class = TypeVar("_Class")


@dataclass_transform(frozen_default=True)
def frozen(cls: type[_Class]) -> type[_Class]:
    """A frozen dataclass to mypy, not to Python: for what every telegram makes by the dozen.

    Python's own way of freezing takes thrice the time to make one: a quarter of all decoding (`make bench`).
    """
    return dataclass(slots=True, unsafe_hash=True)(cls)


class Kind(StrEnum):
    """What can be done with a value: subtract an index, average a level, only show the others."""

    INDEX = "index"
    LEVEL = "level"
    DATE = "date"
    TEXT = "text"


# What a value of each kind is.
_HELD: dict[Kind, type] = {Kind.INDEX: Decimal, Kind.LEVEL: Decimal, Kind.DATE: date, Kind.TEXT: str}


class Quantity(Enum):
    """What is measured. Each member fixes its word, its unit and its kind, so a reading cannot carry another unit.

    Numbers are stated in the unit given here, as exact decimals: a driver that reads 612.483 m3 says 612483 L.
    Joules stay joules: a heat meter that counts GJ would no longer agree with its own display as watt-hours.
    """

    ENERGY = ("energy", "Wh", Kind.INDEX)
    ENERGY_JOULE = ("energy", "J", Kind.INDEX)
    REACTIVE_ENERGY = ("reactive_energy", "varh", Kind.INDEX)
    APPARENT_ENERGY = ("apparent_energy", "VAh", Kind.INDEX)
    VOLUME = ("volume", "L", Kind.INDEX)
    VOLUME_TEMPERATURE = ("volume_temperature", "m3degC", Kind.INDEX)
    MASS = ("mass", "kg", Kind.INDEX)
    HEAT_COST = ("heat_cost", "HCA", Kind.INDEX)
    COUNT = ("count", "", Kind.INDEX)
    OPERATING_TIME = ("operating_time", "s", Kind.INDEX)
    POWER = ("power", "W", Kind.LEVEL)
    POWER_JOULE = ("power", "J/h", Kind.LEVEL)
    REACTIVE_POWER = ("reactive_power", "var", Kind.LEVEL)
    APPARENT_POWER = ("apparent_power", "VA", Kind.LEVEL)
    POWER_FACTOR = ("power_factor", "", Kind.LEVEL)
    FLOW = ("flow", "L/h", Kind.LEVEL)
    MASS_FLOW = ("mass_flow", "kg/h", Kind.LEVEL)
    TEMPERATURE = ("temperature", "degC", Kind.LEVEL)
    TEMPERATURE_DIFFERENCE = ("temperature_difference", "K", Kind.LEVEL)
    HUMIDITY = ("humidity", "%RH", Kind.LEVEL)
    PRESSURE = ("pressure", "bar", Kind.LEVEL)
    VOLTAGE = ("voltage", "V", Kind.LEVEL)
    CURRENT = ("current", "A", Kind.LEVEL)
    FREQUENCY = ("frequency", "Hz", Kind.LEVEL)
    DURATION = ("duration", "s", Kind.LEVEL)
    RATIO = ("ratio", "%", Kind.LEVEL)
    CONCENTRATION = ("concentration", "ppm", Kind.LEVEL)
    NUMBER = ("number", "", Kind.LEVEL)
    DATE = ("date", "", Kind.DATE)
    TEXT = ("text", "", Kind.TEXT)

    def __init__(self, word: str, unit: str, kind: Kind) -> None:
        self.word = word
        self.unit = unit
        self.kind = kind


class Function(StrEnum):
    """The DIF's function field (EN 13757-3, data information field); other protocols use INSTANTANEOUS."""

    INSTANTANEOUS = "instantaneous"
    MAXIMUM = "maximum"
    MINIMUM = "minimum"
    ERROR = "error"


class State(StrEnum):
    """What became of a telegram; `releve decode` and the pages use these words."""

    DECODED = "decoded"
    KEY_MISSING = "key-missing"
    WRONG_KEY = "wrong-key"
    WAITING_FORMAT = "waiting-format"
    WAITING_FRAGMENT = "waiting-fragment"
    REPEATED = "repeated"
    NO_DATA = "no-data"
    UNSUPPORTED = "unsupported"
    INVALID = "invalid"


class Medium(StrEnum):
    """What flows through the meter."""

    ELECTRICITY = "electricity"
    GAS = "gas"
    WATER = "water"
    HOT_WATER = "hot_water"
    HEAT = "heat"
    COOLING = "cooling"
    HEAT_COST = "heat_cost"
    OTHER = "other"


class DecodeError(Exception):
    """The world's noise, said in one line: where, what was met, what was expected. Never a bug of ours.

    Parsers yield it as a value in the stream. `data` keeps the refused bytes, at most DATA_BYTES_MAX of them.
    """

    DATA_BYTES_MAX = 512

    def __init__(self, text: str, data: bytes = b"") -> None:
        super().__init__(text)
        self.data = bytes(data[: self.DATA_BYTES_MAX])

    def __eq__(self, other: object) -> bool:
        return isinstance(other, DecodeError) and (self.args, self.data) == (other.args, other.data)

    def __hash__(self) -> int:
        return hash((self.args, self.data))


@frozen
class Frame:
    """Bytes cut and checked by a framer; what they mean is not yet known.

    `data` is one frame without line framing: a TIC frame between STX and ETX; a wireless M-Bus telegram from its
    L field on, CRCs removed; a wired M-Bus frame from its first 68h on.
    """

    data: bytes
    rssi_dbm: int | None = None


@dataclass(frozen=True, slots=True)
class Address:
    """What identifies a meter. `str()` of it is a promise: users' files and series hold it.

    tic:041234567890        wmbus:KAM-12345678-1b-16        mbus:KAM-12345678-1b-04        modbus:bus/1
    pulse:gas (the port)
    """

    protocol: str
    id: str
    manufacturer: str = ""
    version: int | None = None
    device_type: int | None = None

    def __str__(self) -> str:
        if self.version is None or self.device_type is None:
            return f"{self.protocol}:{self.id}"
        return f"{self.protocol}:{self.manufacturer}-{self.id}-{self.version:02x}-{self.device_type:02x}"


@frozen
class Reading:
    """One stated value. A register the meter did not fill, or filled with its invalid marker, gives no Reading at all.

    `register` is the meter's name for the value: a TIC label, a canonical M-Bus name, a register map's name.
    `main` marks what a page may show as "the" index or "the" present level of this meter. Several main indexes of one
    quantity with tariffs 1..n are parts of one total (historique HCHC, HCHP); a main index of tariff 0 is the total.
    `at` is the meter's own time for this value where it says one, timezone-aware UTC.
    """

    register: str
    quantity: Quantity
    value: Decimal | str | date
    tariff: int = 0
    storage: int = 0
    subunit: int = 0
    function: Function = Function.INSTANTANEOUS
    main: bool = False
    at: datetime | None = None

    def __post_init__(self) -> None:
        assert isinstance(self.value, _HELD[self.quantity.kind]), self
        assert not isinstance(self.value, Decimal) or self.value.is_finite(), self


@frozen
class Telegram:
    """All a meter said at once, and how well it was understood.

    `state` DECODED is the only one that carries readings. `faults` are the parts that were refused (one TIC group,
    one record) while the rest was good. `status` holds only what is not in order, in the meter's words.
    `blank` names texts that the meter now leaves blank: what they said before is over.
    `encrypted` says that the content is encrypted, whether or not a key opened it. `message_counter` is the one that its
    key was derived from, which a meter never uses twice.
    `place` is the metering point's own number (a Linky's PRM): personal, for comparing alone, and in no repr.
    """

    address: Address
    state: State
    medium: Medium = Medium.OTHER
    readings: tuple[Reading, ...] = ()
    status: tuple[str, ...] = ()
    faults: tuple[DecodeError, ...] = field(default=())
    error: str | None = None
    access_number: int | None = None
    encrypted: bool = False
    message_counter: int | None = None
    blank: tuple[str, ...] = ()
    place: str | None = field(default=None, repr=False)


class Framer(Protocol):
    """Cuts a byte stream into frames. Pieces of any size give the same result; what it holds is bounded."""

    def feed(self, data: bytes) -> Iterator[Frame | DecodeError]: ...
