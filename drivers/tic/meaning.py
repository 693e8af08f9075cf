"""What a Linky's words mean: which contract, which tariff now and until when, which colour tomorrow, what it warns of.

Enedis-NOI-CPT_54E v3 (standard), ERDF-NOI-CPT_02E v4 (historique). What the meter does not say, or says in two ways that do
not agree, is absent.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from enum import StrEnum
from typing import TypeVar

from drivers.tic.status import register_words

T = TypeVar("T")


class Contract(StrEnum):
    """What was bought. `OWN` is a calendar of the supplier's own making: `calendar` holds its name."""

    BASE = "base"
    OFF_PEAK = "off-peak"
    EJP = "ejp"
    TEMPO = "tempo"
    OWN = "own"


class Period(StrEnum):
    """What kind of hour it is."""

    ALL = "all"
    OFF_PEAK = "off-peak"
    PEAK = "peak"
    NORMAL = "normal"
    MOBILE_PEAK = "mobile-peak"


class Colour(StrEnum):
    """Of a Tempo day, which runs from six to six."""

    BLUE = "blue"
    WHITE = "white"
    RED = "red"


DAY_MINUTES = 24 * 60
TEMPO_DAY_MINUTE = 6 * 60  # a Tempo day begins, and its peak hours
TEMPO_NIGHT_MINUTE = 22 * 60  # and its off-peak hours
# EN 50160, supply voltage variations: 230 V +-10 %.
VOLTAGE_V_MIN, VOLTAGE_V_MAX = 207, 253
_SUBSCRIBED_V = 200


@dataclass(frozen=True, slots=True)
class Span:
    """A part of each day in minutes from local midnight; one that ends before it begins runs over midnight."""

    begin: int
    end: int


@dataclass(frozen=True, slots=True)
class Peak:
    """A mobile peak that was announced: `begin` and `end` are local times as the meter writes them."""

    number: int
    begin: str
    end: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Meaning:
    """What is known, each for itself; None and empty are "not said".

    `index` is the supplier's index that counts now, and `tariff` his name for it; `today` the colour in force and
    `tomorrow` that of the Tempo day after it. In `historique` mode a Linky says BASE for all that this mode has no word for. `off_peak` are the cheap hours of each day, or of tomorrow's kind of day
    only (`tomorrow_only`). `notice` and `peak` number the mobile peak that is announced and that runs; 0 where there is
    but one. Powers are in VA.
    """

    historique: bool = False
    phases: int = 1
    contract: Contract | None = None
    calendar: str | None = None
    index: int | None = None
    tariff: str | None = None
    period: Period | None = None
    today: Colour | None = None
    tomorrow: Colour | None = None
    off_peak: tuple[Span, ...] = ()
    tomorrow_only: bool = False
    notice: int | None = None
    peak: int | None = None
    peaks: tuple[Peak, ...] = ()
    contact_closed: bool | None = None
    subscribed_va: Decimal | None = None
    breaking_va: Decimal | None = None
    producer: bool = False
    injecting: bool | None = None
    injected_va: Decimal | None = None
    voltages_out: tuple[tuple[str, Decimal], ...] = ()
    register: tuple[str, ...] = ()
    _changes: tuple[tuple[int, int], ...] = field(default=(), repr=False)  # minute -> index, of any day like today

    def until(self, minute: int) -> int | None:
        """When the tariff in force ends, in minutes from local midnight, if it is `minute` now; None if nobody can say."""
        running = [index for at, index in self._changes if at <= minute]
        if not running or running[-1] != self.index:
            return None  # not known, or the meter's clock or the day's kind is another than thought
        others = [at for at, index in self._changes if index != self.index]
        return next((at for at in others if at > minute), next(iter(others), None))

    def words(self) -> dict[str, str]:
        """What is known, for a program: name -> word."""
        said: dict[str, str | None] = {
            "contract": self.contract,
            "tariff_period": self.period,
            "colour_today": self.today,
            "colour_tomorrow": self.tomorrow,
            "off_peak_hours": ", ".join(f"{_clock(span.begin)}-{_clock(span.end)}" for span in self.off_peak),
            "peak_notice": None if self.notice is None else str(self.notice),
            "peak_running": None if self.peak is None else str(self.peak),
            "dry_contact": _word(self.contact_closed, "closed", "open"),
            "injecting": _word(self.injecting, "yes", "no"),
            "voltage_out_of_bounds": ", ".join(f"{phase}: {volts} V" for phase, volts in self.voltages_out),
            "status_register": "; ".join(self.register),
        }
        return {name: word for name, word in said.items() if word}


def meaning(texts: Mapping[str, str], numbers: Mapping[str, Decimal]) -> Meaning:
    """`texts` and `numbers` are what the meter says now, by label; texts with their spaces collapsed."""
    return _historique(texts, numbers) if "PTEC" in texts or "OPTARIF" in texts else _standard(texts, numbers)


def subscribed_va(numbers: Mapping[str, Decimal]) -> Decimal | None:
    """The power that was bought: PREF, or in historique ISOUSC, a current a phase at 200 V."""
    if "PREF" in numbers:
        return numbers["PREF"]
    current_a = numbers.get("ISOUSC")
    return None if current_a is None else current_a * _SUBSCRIBED_V * _phases(numbers)


def _phases(numbers: Mapping[str, Decimal]) -> int:
    return 3 if {"IINST2", "IINST3", "URMS2", "URMS3"} & numbers.keys() else 1


# Historique

_OPTIONS = {"BASE": Contract.BASE, "HC..": Contract.OFF_PEAK, "EJP.": Contract.EJP, "BBR": Contract.TEMPO}
_COLOURS = {"BLEU": Colour.BLUE, "BLAN": Colour.WHITE, "ROUG": Colour.RED}
# PTEC -> the index that counts, the kind of hour, the colour
_PERIODS: dict[str, tuple[int, Period, Colour | None]] = {
    "TH..": (1, Period.ALL, None),
    "HC..": (1, Period.OFF_PEAK, None),
    "HP..": (2, Period.PEAK, None),
    "HN..": (1, Period.NORMAL, None),
    "PM..": (2, Period.MOBILE_PEAK, None),
    "HCJB": (1, Period.OFF_PEAK, Colour.BLUE),
    "HPJB": (2, Period.PEAK, Colour.BLUE),
    "HCJW": (3, Period.OFF_PEAK, Colour.WHITE),
    "HPJW": (4, Period.PEAK, Colour.WHITE),
    "HCJR": (5, Period.OFF_PEAK, Colour.RED),
    "HPJR": (6, Period.PEAK, Colour.RED),
}


def _historique(texts: Mapping[str, str], numbers: Mapping[str, Decimal]) -> Meaning:
    # The last character of a Tempo option codes the dry contact's programs.
    option = texts.get("OPTARIF", "")
    contract = _OPTIONS.get(option[:3] if option.startswith("BBR") else option)
    index, period, colour = _PERIODS.get(texts.get("PTEC", ""), (None, None, None))
    tempo = contract is Contract.TEMPO and colour is not None
    changes = _tempo_changes(index) if tempo and index is not None else ()
    return Meaning(
        historique=True,
        phases=_phases(numbers),
        contract=contract,
        index=index,
        period=period,
        today=colour,
        tomorrow=_COLOURS.get(texts.get("DEMAIN", "")),
        off_peak=(Span(TEMPO_NIGHT_MINUTE, TEMPO_DAY_MINUTE),) if tempo else (),
        notice=0 if "PEJP" in numbers and period is not Period.MOBILE_PEAK else None,
        peak=0 if period is Period.MOBILE_PEAK else None,
        subscribed_va=subscribed_va(numbers),
        _changes=changes,
    )


def _tempo_changes(index: int) -> tuple[tuple[int, int], ...]:
    night = index - 1 if index % 2 == 0 else index
    return ((0, night), (TEMPO_DAY_MINUTE, night + 1), (TEMPO_NIGHT_MINUTE, night))


# Standard

_TEMPO_OFF_PEAK = (1, 3, 5)  # Enedis-NOI-CPT_54E: EASF01 off-peak blue, 02 peak blue, 03 off-peak white...
_TEMPO_COLOURS = (Colour.BLUE, Colour.WHITE, Colour.RED)
_INDEXES = range(1, 11)
# Words of LTARF, which is free text: HEURE CREUSE, HP BLEU, POINTE MOBILE...
_TARIFF_WORDS = (
    (re.compile(r"\b(CREUSES?|HC)\b"), Period.OFF_PEAK),
    (re.compile(r"\b(PLEINES?|HP)\b"), Period.PEAK),
    (re.compile(r"\b(POINTE|PM)\b"), Period.MOBILE_PEAK),
    (re.compile(r"\b(NORMALES?|HN)\b"), Period.NORMAL),
    (re.compile(r"\b(BASE|TH)\b"), Period.ALL),
)


def _standard(texts: Mapping[str, str], numbers: Mapping[str, Decimal]) -> Meaning:
    stge = int(texts["STGE"], 16) if "STGE" in texts else None
    calendar, tariff = texts.get("NGTF"), texts.get("LTARF")
    contract = _contract(calendar, stge)
    index = _agreed(_number(texts.get("NTARF")), None if stge is None else (stge >> 10 & 0xF) + 1)
    today, tomorrow = _colours(contract, index, stge)
    blocks = profile(texts.get("PJOURF+1", ""))
    same_day = "NJOURF" in texts and texts["NJOURF"] == texts.get("NJOURF+1")
    period = _period(tariff)
    if contract is Contract.TEMPO and index is not None and index <= 6:
        period = Period.OFF_PEAK if index in _TEMPO_OFF_PEAK else Period.PEAK
    cheap = _cheap(contract, blocks, index, period)
    if period is None and index is not None and index in cheap:
        period = Period.OFF_PEAK
    off_peak = tuple(_spans(blocks, cheap))
    return Meaning(
        phases=_phases(numbers),
        contract=contract,
        calendar=calendar,
        index=index,
        tariff=tariff if index is not None else None,
        period=period if index is not None else None,
        today=today,
        tomorrow=tomorrow,
        off_peak=off_peak,
        tomorrow_only=bool(off_peak) and not same_day,
        notice=_bits(stge, 28),
        peak=_bits(stge, 30),
        peaks=tuple(_peaks(texts)),
        contact_closed=_contact(texts.get("RELAIS"), stge),
        subscribed_va=subscribed_va(numbers),
        breaking_va=numbers.get("PCOUP"),
        producer="SINSTI" in numbers or (stge is not None and bool(stge >> 8 & 1)),
        injecting=None if stge is None else bool(stge >> 9 & 1),
        injected_va=numbers.get("SINSTI"),
        voltages_out=tuple(_voltages_out(numbers)),
        register=() if stge is None else register_words(stge),
        _changes=_changes(blocks, contract, index) if same_day else (),
    )


def _contract(calendar: str | None, stge: int | None) -> Contract | None:
    name = (calendar or "").upper()
    if "TEMPO" in name or (stge is not None and stge >> 24 & 0b11):
        return Contract.TEMPO
    if not name:
        return None
    if re.search(r"\bEJP\b", name):
        return Contract.EJP
    if name == "BASE":
        return Contract.BASE
    if re.fullmatch(r"H(EURES?)? ?PLEINES?\W+(H(EURES?)? ?)?CREUSES?|HP\W*HC|HC\W*HP|H(EURES?)? ?CREUSES?", name):
        return Contract.OFF_PEAK
    return Contract.OWN


def _colours(contract: Contract | None, index: int | None, stge: int | None) -> tuple[Colour | None, Colour | None]:
    """The colour in force by the index that counts; the register's, and its tomorrow, only where the two agree."""
    if contract is not Contract.TEMPO or stge is None:
        return None, None
    stated, next_ = _colour(stge >> 24 & 0b11), _colour(stge >> 26 & 0b11)
    counted = _TEMPO_COLOURS[(index - 1) // 2] if index is not None and index <= 6 else None
    if counted is not None and stated is not None and counted is not stated:
        return counted, None
    return counted or stated, next_


def _colour(bits: int) -> Colour | None:
    return None if bits == 0 else _TEMPO_COLOURS[bits - 1]


def _period(tariff: str | None) -> Period | None:
    return next((period for words, period in _TARIFF_WORDS if words.search((tariff or "").upper())), None)


@dataclass(frozen=True, slots=True)
class Block:
    """From `minute` on `index` counts (None: as before); `contact` is what the dry contact does: 2 opens, 3 closes."""

    minute: int
    index: int | None
    contact: int


_BLOCK = re.compile(r"([01][0-9]|2[0-3])([0-5][0-9])([0-9A-F]{4})")
_UNUSED = "NONUTILE"


def profile(text: str) -> tuple[Block, ...]:
    """The blocks HHMMSSSS of PJOURF+1 or PPOINTE; none where one of them is no such block, or they are in no order."""
    blocks = []
    for word in text.split():
        if word == _UNUSED:
            continue
        found = _BLOCK.fullmatch(word)
        if found is None:
            return ()
        action = int(found[3], 16)
        index = action & 0xF
        blocks.append(Block(int(found[1]) * 60 + int(found[2]), index if index in _INDEXES else None, action >> 14))
    minutes = [block.minute for block in blocks]
    return tuple(blocks) if minutes == sorted(set(minutes)) and minutes[:1] == [0] and blocks[0].index else ()


def _cheap(
    contract: Contract | None, blocks: Sequence[Block], index: int | None, period: Period | None
) -> frozenset[int]:
    """The indexes of the cheap hours: by Tempo's table; else those that close the water heater's contact.

    What the supplier's name says of the index that counts now must agree, or makes up for a contact that nobody uses.
    """
    if contract is Contract.TEMPO:
        return frozenset(_TEMPO_OFF_PEAK)
    known = {block.index for block in blocks if block.index is not None}
    if len(known) < 2 or contract in (None, Contract.BASE, Contract.EJP):
        return frozenset()
    closing = {block.index for block in blocks if block.contact == 3 and block.index is not None}
    opening = {block.index for block in blocks if block.contact == 2 and block.index is not None}
    cheap = closing if closing and opening and not closing & opening else set[int]()
    if index in known and period in (Period.OFF_PEAK, Period.PEAK):
        if not cheap and len(known) == 2:
            cheap = {one for one in known if (one == index) is (period is Period.OFF_PEAK)}
        elif (index in cheap) is not (period is Period.OFF_PEAK):
            return frozenset()
    return frozenset(cheap)


def _spans(blocks: Sequence[Block], cheap: frozenset[int]) -> Iterator[Span]:
    """The cheap hours of a day that follows itself; none where the whole day is cheap, or none of it."""
    runs: list[tuple[int, bool]] = []
    for minute, index in _filled(blocks):
        if not runs or runs[-1][1] is not (index in cheap):
            runs.append((minute, index in cheap))
    if len(runs) < 2:
        return
    over_midnight = runs[0][1] and runs[-1][1]
    for number, (begin, is_cheap) in enumerate(runs):
        if is_cheap and not (number == 0 and over_midnight):
            ends = [*(minute for minute, _ in runs[number + 1 :]), runs[1][0] if over_midnight else 0]
            yield Span(begin, ends[0])


def _filled(blocks: Sequence[Block]) -> list[tuple[int, int]]:
    """(minute, index), where a block that leaves the index as it was has that of the one before."""
    filled: list[tuple[int, int]] = []
    for block in blocks:
        filled.append((block.minute, block.index if block.index is not None else filled[-1][1]))
    return filled


def _changes(blocks: Sequence[Block], contract: Contract | None, index: int | None) -> tuple[tuple[int, int], ...]:
    filled = _filled(blocks)
    if contract is not Contract.TEMPO or index is None:
        return tuple(filled)
    # Tomorrow's colour may be another, and what the profile calls 1 and 2 are then 3 and 4: its hours are the same.
    night = index - 1 if index % 2 == 0 else index
    return tuple((at, night if one in _TEMPO_OFF_PEAK else night + 1) for at, one in filled)


def _peaks(texts: Mapping[str, str]) -> Iterator[Peak]:
    for number in (1, 2, 3):
        if begin := texts.get(f"DPM{number}"):
            yield Peak(number, begin, texts.get(f"FPM{number}"))


def _contact(relays: str | None, stge: int | None) -> bool | None:
    """RELAIS bit 0 set is closed, the register's bit 0 set is open."""
    by_relays = None if relays is None else bool(int(relays) & 1)
    by_register = None if stge is None else not stge & 1
    return _agreed(by_relays, by_register)


def _voltages_out(numbers: Mapping[str, Decimal]) -> Iterator[tuple[str, Decimal]]:
    for phase in ("1", "2", "3"):
        volts = numbers.get(f"URMS{phase}")
        # A phase that is missing says so elsewhere.
        if volts and not VOLTAGE_V_MIN <= volts <= VOLTAGE_V_MAX:
            yield phase, volts


def _agreed(one: T | None, other: T | None) -> T | None:
    """What is said twice, if it is the same; what is said once."""
    return other if one is None else one if other is None or one == other else None


def _bits(stge: int | None, shift: int) -> int | None:
    """Two bits that number a peak; None where it is none."""
    return None if stge is None else stge >> shift & 0b11 or None


def _number(text: str | None) -> int | None:
    return None if text is None else int(text)


def _word(known: bool | None, yes: str, no: str) -> str | None:
    return None if known is None else yes if known else no


def _clock(minute: int) -> str:
    return f"{minute // 60:02}:{minute % 60:02}"
