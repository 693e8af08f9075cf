"""The customer port of a Linky that does not exist: groups, frames and a whole consumer's meter in both modes."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import Enum

from drivers.tic.labels import Mode

BYTES_A_SECOND = {Mode.HISTORIQUE: 120, Mode.STANDARD: 960}  # 1200 and 9600 baud, 10 bits a character

_INDEX_MODULUS = 10**9  # nine digits, and on from zero
_PROFILE_BLOCKS = 11
_VOLTS_A_SUBSCRIPTION = 200  # Enedis-NOI-CPT_54E: historique states the subscribed power as a current at 200 V


def group(label: str, data: str, horodate: str | None = None, mode: Mode = Mode.STANDARD) -> bytes:
    """One group from its LF to its CR, with a right checksum whatever the fields hold."""
    separator = "\t" if mode is Mode.STANDARD else " "
    fields = separator.join((label, data) if horodate is None else (label, horodate, data)).encode("latin-1")
    summed = fields + b"\t" if mode is Mode.STANDARD else fields
    return b"\n" + fields + separator.encode() + bytes([(sum(summed) & 0x3F) + 0x20]) + b"\r"


def frame(groups: Iterable[tuple[str, str] | tuple[str, str, str]], mode: Mode) -> bytes:
    """STX, the groups as (label, data) or (label, data, horodate), ETX."""
    cut = [group(fields[0], fields[1], fields[2] if len(fields) == 3 else None, mode) for fields in groups]
    return b"\x02" + b"".join(cut) + b"\x03"


def with_parity(data: bytes) -> bytes:
    """The bytes an 8N1 line reads of a 7E1 meter: bit 7 makes the number of ones even."""
    return bytes(byte | 0x80 if byte.bit_count() % 2 else byte for byte in data)


def horodate(at: datetime, degraded: bool = False) -> str:
    """An aware time as SYYMMDDhhmmss, local legal time of mainland France (Enedis-NOI-CPT_54E, horodate)."""
    utc = at.astimezone(UTC)
    summer = _last_sunday(utc.year, 3) <= utc < _last_sunday(utc.year, 10)
    letter = "E" if summer else "H"
    local = utc + timedelta(hours=2 if summer else 1)
    return (letter.lower() if degraded else letter) + local.strftime("%y%m%d%H%M%S")


def _last_sunday(year: int, month: int) -> datetime:
    """When summer time begins or ends: 01:00 UTC on the last Sunday (directive 2000/84/EC, articles 2 and 3)."""
    last = datetime(year, month, 31, 1, tzinfo=UTC)
    return last - timedelta(days=(last.weekday() + 1) % 7)


class Contract(Enum):
    """What the supplier sold, in both modes' words; the tariffs in the order of the supplier's indexes."""

    BASE = ("BASE", ("BASE",), "BASE", ("BASE",), ("TH..",), "00008001")
    HC = (
        "H PLEINE/CREUSE",
        ("HEURE  CREUSE", "HEURE  PLEINE"),
        "HC..",
        ("HCHC", "HCHP"),
        ("HC..", "HP.."),
        "0000C001 06008002 2200C001",
    )
    EJP = ("EJP", ("HEURES NORMALES", "POINTE MOBILE"), "EJP.", ("EJPHN", "EJPHPM"), ("HN..", "PM.."), "00008001")
    TEMPO = (
        "TEMPO",
        ("HC  BLEU", "HP  BLEU", "HC  BLANC", "HP  BLANC", "HC  ROUGE", "HP  ROUGE"),
        "BBR(",
        ("BBRHCJB", "BBRHPJB", "BBRHCJW", "BBRHPJW", "BBRHCJR", "BBRHPJR"),
        ("HCJB", "HPJB", "HCJW", "HPJW", "HCJR", "HPJR"),
        "00004001 06004002 22004001",
    )

    def __init__(
        self,
        calendar: str,
        tariffs: tuple[str, ...],
        option: str,
        labels: tuple[str, ...],
        periods: tuple[str, ...],
        profile: str,
    ) -> None:
        self.calendar = calendar
        self.tariffs = tariffs
        self.option = option
        self.labels = labels
        self.periods = periods
        self.profile = profile


class Colour(Enum):
    """A Tempo day as STGE and DEMAIN write it."""

    NOT_SAID = (0, "----")
    BLUE = (1, "BLEU")
    WHITE = (2, "BLAN")
    RED = (3, "ROUG")


@dataclass(frozen=True, slots=True)
class Stamped:
    """A value and when the meter took it."""

    value: int
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Injected:
    """What a producer's meter has to say beside what was drawn."""

    index_wh: int
    apparent_power_va: int
    max_today_va: Stamped
    max_yesterday_va: Stamped
    curve_w: tuple[Stamped, Stamped]


@dataclass(frozen=True, slots=True, kw_only=True)
class Linky:
    """What a meter has to say at one moment. `tariff` counts from 1, as NTARF does.

    Three phases share evenly, and say the same voltage. `breaking_kva` None: the meter cuts at the subscribed power.
    """

    address: str
    at: datetime
    indexes_wh: tuple[int, ...]
    apparent_power_va: int
    max_today_va: Stamped
    max_yesterday_va: Stamped
    contract: Contract = Contract.BASE
    tariff: int = 1
    tomorrow: Colour = Colour.NOT_SAID
    voltage_v: int = 230
    voltage_mean_v: Stamped | None = None
    subscribed_kva: int = 6
    curve_w: tuple[Stamped, Stamped] | None = None
    prm: str = "00000000000000"
    clock_degraded: bool = False
    three_phase: bool = False
    injected: Injected | None = None
    breaking_kva: int | None = None
    peak_notice: bool = False

    def __post_init__(self) -> None:
        assert len(self.indexes_wh) == len(self.contract.tariffs), self.contract
        assert 1 <= self.tariff <= len(self.indexes_wh), self.tariff

    @property
    def off_peak(self) -> bool:
        return self.contract in (Contract.HC, Contract.TEMPO) and self.tariff % 2 == 1

    @property
    def phases(self) -> tuple[str, ...]:
        return ("1", "2", "3") if self.three_phase else ("1",)

    @property
    def current_a(self) -> int:
        """Of each phase."""
        return round(self.apparent_power_va / len(self.phases) / self.voltage_v)

    @property
    def over_subscribed(self) -> bool:
        return self.apparent_power_va > self.subscribed_kva * 1000


def standard_frame(meter: Linky) -> bytes:
    """All that a Linky sends in standard mode, in the order of Enedis-NOI-CPT_54E; 0.9 to 1.5 s of wire."""

    def stamp(at: datetime) -> str:
        return horodate(at, meter.clock_degraded)

    def stamped(label: str, point: Stamped, share: int = 1) -> tuple[str, str, str]:
        return label, f"{point.value // share:05}", stamp(point.at)

    supplier = (*meter.indexes_wh, *([0] * (10 - len(meter.indexes_wh))))
    total = sum(meter.indexes_wh)
    distributor = (total, 0, 0, 0)
    ten_minutes = meter.at.replace(minute=meter.at.minute // 10 * 10, second=0)
    mean = meter.voltage_mean_v or Stamped(meter.voltage_v, ten_minutes)
    profile = meter.contract.profile.split()
    three = meter.phases if meter.three_phase else ()
    injected = meter.injected
    breaking_kva = meter.subscribed_kva if meter.breaking_kva is None else meter.breaking_kva
    groups: list[tuple[str, str] | tuple[str, str, str]] = [
        ("ADSC", meter.address),
        ("VTIC", "02"),
        ("DATE", "", stamp(meter.at)),
        ("NGTF", meter.contract.calendar.center(16)),
        ("LTARF", meter.contract.tariffs[meter.tariff - 1].center(16)),
        ("EAST", _index(total)),
        *((f"EASF{n:02}", _index(wh)) for n, wh in enumerate(supplier, 1)),
        *((f"EASD{n:02}", _index(wh)) for n, wh in enumerate(distributor, 1)),
    ]
    if injected is not None:
        groups += [("EAIT", _index(injected.index_wh)), *((f"ERQ{n}", _index(0)) for n in range(1, 5))]
    groups += [
        *((f"IRMS{phase}", f"{meter.current_a:03}") for phase in meter.phases),
        *((f"URMS{phase}", f"{meter.voltage_v:03}") for phase in meter.phases),
        ("PREF", f"{meter.subscribed_kva:02}"),
        ("PCOUP", f"{breaking_kva:02}"),
        ("SINSTS", f"{meter.apparent_power_va:05}"),
        *((f"SINSTS{phase}", f"{meter.apparent_power_va // 3:05}") for phase in three),
        stamped("SMAXSN", meter.max_today_va),
        *(stamped(f"SMAXSN{phase}", meter.max_today_va, 3) for phase in three),
        stamped("SMAXSN-1", meter.max_yesterday_va),
        *(stamped(f"SMAXSN{phase}-1", meter.max_yesterday_va, 3) for phase in three),
    ]
    if injected is not None:
        groups += [
            ("SINSTI", f"{injected.apparent_power_va:05}"),
            stamped("SMAXIN", injected.max_today_va),
            stamped("SMAXIN-1", injected.max_yesterday_va),
        ]
    groups += [stamped(label, point) for label, point in zip(("CCASN", "CCASN-1"), meter.curve_w or (), strict=False)]
    if injected is not None:
        groups += [stamped("CCAIN", injected.curve_w[0]), stamped("CCAIN-1", injected.curve_w[1])]
    groups += [
        *((f"UMOY{phase}", f"{mean.value:03}", stamp(mean.at)) for phase in meter.phases),
        ("STGE", f"{_stge(meter):08X}"),
        ("MSG1", f"{'PAS DE':16}{'MESSAGE':16}"),
        ("PRM", meter.prm),
        ("RELAIS", f"{meter.off_peak:03}"),
        ("NTARF", f"{meter.tariff:02}"),
        ("NJOURF", "00"),
        ("NJOURF+1", "00"),
        ("PJOURF+1", " ".join(profile + ["NONUTILE"] * (_PROFILE_BLOCKS - len(profile)))),
    ]
    return frame(groups, Mode.STANDARD)


def historique_frame(meter: Linky) -> bytes:
    """The same meter in historique mode, as Enedis-NOI-CPT_54E says a Linky emulates it; 1.2 to 3.0 s of wire."""
    subscribed_a = _subscribed_a(meter)
    phases = meter.phases if meter.three_phase else ("",)
    groups: list[tuple[str, str]] = [
        ("ADCO", meter.address),
        ("OPTARIF", meter.contract.option),
        ("ISOUSC", f"{subscribed_a:02}"),
        *((label, _index(wh)) for label, wh in zip(meter.contract.labels, meter.indexes_wh, strict=True)),
    ]
    if meter.peak_notice:
        groups.append(("PEJP", "30"))
    groups.append(("PTEC", meter.contract.periods[meter.tariff - 1]))
    if meter.contract is Contract.TEMPO:
        groups.append(("DEMAIN", meter.tomorrow.value[1]))
    groups += [(f"IINST{phase}", f"{meter.current_a:03}") for phase in phases]
    if meter.current_a > subscribed_a and not meter.three_phase:
        groups.append(("ADPS", f"{meter.current_a:03}"))
    groups += [(f"IMAX{phase}", "060" if phase else "090") for phase in phases]
    if meter.three_phase:
        groups.append(("PMAX", f"{meter.max_yesterday_va.value:05}"))
    groups += [
        ("PAPP", f"{(meter.apparent_power_va + 5) // 10 * 10:05}"),
        ("HHPHC", "A"),
        ("MOTDETAT", "000000"),
    ]
    if meter.three_phase:
        groups.append(("PPOT", "00"))
    return frame(groups, Mode.HISTORIQUE)


def short_frame(meter: Linky) -> bytes:
    """What a three-phase meter in historique mode sends twenty times between two whole frames while a phase is over."""
    current = f"{meter.current_a:03}"
    over = [(f"ADIR{phase}", current) for phase in meter.phases if meter.current_a > _subscribed_a(meter)]
    currents = [(f"IINST{phase}", current) for phase in meter.phases]
    return frame([*over, ("ADCO", meter.address), *currents], Mode.HISTORIQUE)


def _subscribed_a(meter: Linky) -> int:
    return meter.subscribed_kva * 1000 // _VOLTS_A_SUBSCRIPTION // len(meter.phases)


def _index(wh: int) -> str:
    return f"{wh % _INDEX_MODULUS:09}"


def _stge(meter: Linky) -> int:
    """The status register (Enedis-NOI-CPT_54E): standard mode, Euridis on and secured, then what this moment adds."""
    stge = 1 << 17 | 0b11 << 19 | 0b01 << 21 | (meter.injected is not None) << 8 | meter.peak_notice << 28
    stge |= (not meter.off_peak) | meter.over_subscribed << 7 | (meter.tariff - 1) << 10 | meter.clock_degraded << 16
    if meter.contract is Contract.TEMPO:
        stge |= ((meter.tariff + 1) // 2) << 24 | meter.tomorrow.value[0] << 26
    return stge
