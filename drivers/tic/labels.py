"""The label tables of both TIC modes: width, characters and meaning of every group a meter may send.

Enedis-NOI-CPT_54E v3 (standard, and historique as a Linky emulates it), ERDF-NOI-CPT_02E v4 (historique).
The names are promises: readings carry them as registers.
"""

from dataclasses import dataclass
from enum import StrEnum

from drivers.model import Function, Quantity


class Mode(StrEnum):
    """What the meter is programmed to speak. Nobody tells us: the separator inside a group does."""

    HISTORIQUE = "historique"
    STANDARD = "standard"


# The checksum keeps 6 bits and is blind to bit 6 ('0' becomes 'p', a space becomes '`'). Character sets that such
# a flip leaves are what finds it: CODE leaves out all of 0x60..0x7F, TEXT what no supplier writes of it.
DIGITS = b"0123456789"
HEX = b"0123456789ABCDEF"
CODE = bytes(range(0x20, 0x60))
TEXT = CODE + b"abcdefghijklmnopqrstuvwxyz"
PROFILE = HEX + b"NOUTIL "

PROFILE_WIDTH = 98  # 11 blocks of 8 characters, a space between


@dataclass(frozen=True, slots=True)
class Label:
    """One row: how the group must look, and what its value is. `quantity` None: never a reading (address, PRM)."""

    name: str
    width: int
    quantity: Quantity | None
    meaning: str
    chars: bytes = DIGITS
    horodate: bool = False
    scale: int = 1
    tariff: int = 0
    storage: int = 0
    main: bool = False
    function: Function = Function.INSTANTANEOUS


def _index(name: str, meaning: str, tariff: int = 0, main: bool = False) -> Label:
    return Label(name, 9, Quantity.ENERGY, meaning, tariff=tariff, main=main)


def _current(name: str, meaning: str, function: Function = Function.INSTANTANEOUS) -> Label:
    return Label(name, 3, Quantity.CURRENT, meaning, function=function)


def _voltage(name: str, meaning: str, horodate: bool = False) -> Label:
    return Label(name, 3, Quantity.VOLTAGE, meaning, horodate=horodate)


def _apparent(name: str, meaning: str, main: bool = False) -> Label:
    return Label(name, 5, Quantity.APPARENT_POWER, meaning, main=main)


def _apparent_kilo(name: str, meaning: str) -> Label:
    return Label(name, 2, Quantity.APPARENT_POWER, meaning, scale=1000)


def _apparent_max(name: str, meaning: str, storage: int = 0) -> Label:
    return Label(name, 5, Quantity.APPARENT_POWER, meaning, horodate=True, storage=storage, function=Function.MAXIMUM)


def _mean_power(name: str, meaning: str, storage: int = 0, main: bool = False) -> Label:
    return Label(name, 5, Quantity.POWER, meaning, horodate=True, storage=storage, main=main)


def _text(name: str, width: int, meaning: str, chars: bytes = DIGITS, horodate: bool = False) -> Label:
    return Label(name, width, Quantity.TEXT, meaning, chars=chars, horodate=horodate)


HISTORIQUE = (
    Label("ADCO", 12, None, "address of the meter"),
    _text("OPTARIF", 4, "tariff option of the contract", CODE),
    Label("ISOUSC", 2, Quantity.CURRENT, "current subscribed"),
    _index("BASE", "energy drawn, single tariff", main=True),
    _index("HCHC", "energy drawn, off-peak hours", 1, main=True),
    _index("HCHP", "energy drawn, peak hours", 2, main=True),
    _index("EJPHN", "energy drawn, EJP normal hours", 1, main=True),
    _index("EJPHPM", "energy drawn, EJP mobile-peak hours", 2, main=True),
    _index("BBRHCJB", "energy drawn, Tempo blue off-peak", 1, main=True),
    _index("BBRHPJB", "energy drawn, Tempo blue peak", 2, main=True),
    _index("BBRHCJW", "energy drawn, Tempo white off-peak", 3, main=True),
    _index("BBRHPJW", "energy drawn, Tempo white peak", 4, main=True),
    _index("BBRHCJR", "energy drawn, Tempo red off-peak", 5, main=True),
    _index("BBRHPJR", "energy drawn, Tempo red peak", 6, main=True),
    Label("PEJP", 2, Quantity.DURATION, "notice before EJP mobile-peak hours", scale=60),
    _text("PTEC", 4, "tariff period running", CODE),
    _text("DEMAIN", 4, "Tempo colour of tomorrow", CODE),
    _current("IINST", "current"),
    _current("IINST1", "current, phase 1"),
    _current("IINST2", "current, phase 2"),
    _current("IINST3", "current, phase 3"),
    _current("ADPS", "current above the subscription"),
    _current("ADIR1", "current above the setting, phase 1"),
    _current("ADIR2", "current above the setting, phase 2"),
    _current("ADIR3", "current above the setting, phase 3"),
    _current("IMAX", "highest current", Function.MAXIMUM),
    _current("IMAX1", "highest current, phase 1", Function.MAXIMUM),
    _current("IMAX2", "highest current, phase 2", Function.MAXIMUM),
    _current("IMAX3", "highest current, phase 3", Function.MAXIMUM),
    Label("PMAX", 5, Quantity.APPARENT_POWER, "highest three-phase power", function=Function.MAXIMUM),
    _apparent("PAPP", "apparent power drawn", main=True),
    _text("HHPHC", 1, "group of off-peak hours", CODE),
    _text("MOTDETAT", 6, "status word of the meter", HEX),
    _text("PPOT", 2, "phases without voltage, hexadecimal bits 1 to 3", HEX),
)

STANDARD = (
    Label("ADSC", 12, None, "address of the meter"),
    _text("VTIC", 2, "version of the TIC"),
    Label("DATE", 0, Quantity.DATE, "clock of the meter", horodate=True),
    _text("NGTF", 16, "supplier's calendar", TEXT),
    _text("LTARF", 16, "supplier's tariff running", TEXT),
    _index("EAST", "energy drawn, total", main=True),
    *(_index(f"EASF{n:02}", f"energy drawn, supplier's index {n}", n) for n in range(1, 11)),
    *(_index(f"EASD{n:02}", f"energy drawn, distributor's index {n}", n) for n in range(1, 5)),
    _index("EAIT", "energy injected, total"),
    *(Label(f"ERQ{n}", 9, Quantity.REACTIVE_ENERGY, f"reactive energy, quadrant {n}") for n in range(1, 5)),
    *(_current(f"IRMS{n}", f"current, phase {n}") for n in range(1, 4)),
    *(_voltage(f"URMS{n}", f"voltage, phase {n}") for n in range(1, 4)),
    _apparent_kilo("PREF", "power subscribed"),
    _apparent_kilo("PCOUP", "power above which the meter cuts"),
    _apparent("SINSTS", "apparent power drawn", main=True),
    *(_apparent(f"SINSTS{n}", f"apparent power drawn, phase {n}") for n in range(1, 4)),
    _apparent_max("SMAXSN", "highest apparent power drawn today"),
    *(_apparent_max(f"SMAXSN{n}", f"highest apparent power drawn today, phase {n}") for n in range(1, 4)),
    _apparent_max("SMAXSN-1", "highest apparent power drawn yesterday", storage=1),
    # Nine characters, though CPT_54E promises labels of eight at most.
    *(_apparent_max(f"SMAXSN{n}-1", f"highest apparent power drawn yesterday, phase {n}", 1) for n in range(1, 4)),
    _apparent("SINSTI", "apparent power injected"),
    _apparent_max("SMAXIN", "highest apparent power injected today"),
    _apparent_max("SMAXIN-1", "highest apparent power injected yesterday", storage=1),
    _mean_power("CCASN", "mean power drawn, last period of the load curve", main=True),
    _mean_power("CCASN-1", "mean power drawn, period before the last", storage=1),
    _mean_power("CCAIN", "mean power injected, last period of the load curve"),
    _mean_power("CCAIN-1", "mean power injected, period before the last", storage=1),
    *(_voltage(f"UMOY{n}", f"mean voltage, phase {n}", horodate=True) for n in range(1, 4)),
    _text("STGE", 8, "status register", HEX),
    *(_text(f"DPM{n}", 2, f"mobile peak {n}: begin", horodate=True) for n in range(1, 4)),
    *(_text(f"FPM{n}", 2, f"mobile peak {n}: end", horodate=True) for n in range(1, 4)),
    _text("MSG1", 32, "message", TEXT),
    _text("MSG2", 16, "very short message", TEXT),
    Label("PRM", 14, None, "delivery point, personal"),
    _text("RELAIS", 3, "relays, decimal of 8 bits"),
    _text("NTARF", 2, "supplier's index running"),
    _text("NJOURF", 2, "day profile of today"),
    _text("NJOURF+1", 2, "day profile of tomorrow"),
    _text("PJOURF+1", PROFILE_WIDTH, "hours of tomorrow", PROFILE),
    _text("PPOINTE", PROFILE_WIDTH, "hours of the next peak day", PROFILE),
)
