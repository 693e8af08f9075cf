"""Records of an M-Bus telegram, wired or wireless: DIF, VIF and data become readings (EN 13757-3, variable data)."""

from dataclasses import dataclass, replace
from datetime import date
from decimal import Context, Decimal, Inexact

from drivers.meters import Flags, Model
from drivers.model import DecodeError, Function, Quantity, Reading, frozen
from drivers.wmbus import profile
from drivers.wmbus.blocks import DATES, TARGET_DATE, Block, Head, TornError, block
from drivers.wmbus.devices import main as main
from drivers.wmbus.devices import medium as medium
from drivers.wmbus.devices import status_words as status_words
from drivers.wmbus.values import Coding, Data, lvar, manufacturer, moment, number_of, text
from drivers.wmbus.vif import DataType, Meaning
from drivers.wmbus.vife import NUMBERS

DIF_IDLE = 0x2F
DIF_MANUFACTURER = 0x0F
DIF_MANUFACTURER_MORE = 0x1F

_EXACT = Context(prec=100, traps=[Inexact])
_NOTHING, _NUMBER = Coding.NOTHING, Quantity.NUMBER
_SIGNED, _INDEX, _POSITIVE, _FLAGS = DataType.SIGNED, DataType.INDEX, DataType.POSITIVE, DataType.FLAGS
_SIZES = {DataType.DATE: (2,), DataType.CLOCK: (3, 4, 6), DataType.MOMENT: (2, 3, 4, 6)}
_NOW = (Function.INSTANTANEOUS, Function.ERROR)


@frozen
class Records:
    """What the records of one telegram say. `faults` are records that were refused while the others were good.

    `torn` is the one of them behind which nothing could be read any more. `status` names what the error flags say is
    wrong. `more` says that the rest follows in the next telegram.
    """

    readings: tuple[Reading, ...]
    faults: tuple[DecodeError, ...] = ()
    status: tuple[str, ...] = ()
    more: bool = False
    manufacturer_data: bytes = b""
    torn: DecodeError | None = None


@dataclass(frozen=True, slots=True)
class Span:
    """One record's place in the bytes and what came of it; neither reading nor fault where it has no value to show."""

    start: int
    end: int
    reading: Reading | None
    fault: DecodeError | None


def decode(data: bytes, model: Model | None = None, spans: list[Span] | None = None) -> Records:
    """The records of a full telegram, from the first DIF to the end of the user data.

    `model` says what the standard leaves open: the maker's own VIFs and the bits of error flags. Each record's place is
    added to `spans`.
    """
    return _Decoder(data, model, spans).run()


class _Decoder:
    """One pass over the records."""

    def __init__(self, data: bytes, model: Model | None, spans: list[Span] | None) -> None:
        self._bytes = data
        self._at = 0
        self._model = model
        self._spans = spans
        self._status: list[str] = []
        self._seen: dict[tuple[str, int, int, int, Function], int] = {}
        self._profiles: list[tuple[Meaning, Head, bytes]] = []

    def run(self) -> Records:
        readings: list[Reading] = []
        faults: list[DecodeError] = []
        more = False
        torn: DecodeError | None = None
        manufacturer_data = b""
        count = 0
        data, end = self._bytes, len(self._bytes)
        while self._at < end:
            start = self._at
            dif = data[start]
            if dif == DIF_IDLE:
                self._at += 1
                continue
            count += 1
            reading: Reading | None = None
            fault: DecodeError | None = None
            if dif in (DIF_MANUFACTURER, DIF_MANUFACTURER_MORE):
                more = dif == DIF_MANUFACTURER_MORE
                manufacturer_data = data[start + 1 :]
                self._at = end
            else:
                try:
                    reading = self._record()
                    if reading is not None:
                        readings.append(reading)
                except DecodeError as error:
                    fault = DecodeError(f"record {count} at byte {start}: {error}", error.data)
                    faults.append(fault)
                    if isinstance(error, TornError):
                        torn = fault
                        self._at = end
            if self._spans is not None:
                self._spans.append(Span(start, self._at, reading, fault))
        for meaning, head, raw in self._profiles:
            try:
                self._profile(meaning, head, raw, readings)
            except DecodeError as error:
                faults.append(error)
        return Records(tuple(readings), tuple(faults), tuple(self._status), more, manufacturer_data, torn)

    def _record(self) -> Reading | None:
        data = self._bytes
        known = block(data, self._at)
        self._at += known.size
        coding, size = known.coding, known.data_bytes
        if size is None:
            coding, size = self._lvar()
        start = self._at
        end = start + size
        if end > len(data):
            raise TornError(f"{end - len(data)} bytes are missing", data[start:])
        self._at = end
        raw = data[start:end]
        if known.fault is not None and not self._meant(known):
            raise DecodeError(known.fault, raw)
        head, meaning = known.head, known.meaning
        assert meaning is not None, "a VIF has a meaning or a fault"
        if meaning.absent or coding is _NOTHING:
            return None
        if meaning.profile:
            self._profiles.append((meaning, head, raw))
            return None
        flags: tuple[Flags, ...] = ()
        if self._model is not None:
            if meaning.type in NUMBERS:  # the maker's letters (FD 0A) have the name of the maker's own VIF (7F)
                flags = self._model.status(meaning.register, size)
            meaning, head = own(self._model, meaning, head, bool(flags))
        value, quantity = _value(meaning, coding, raw)
        if value is None:
            return None
        if flags or meaning.register == "error_flags":
            self._flagged(value, head, flags)
        return self._reading(meaning.register, quantity, value, head)

    def _meant(self, known: Block) -> bool:
        """Whether this model means something of its own by a VIFE that stands for an error in the standard."""
        meaning, head = known.meaning, known.head
        if self._model is None or meaning is None or not meaning.error:
            return False
        return self._model.rule(meaning.register, head.tariff, head.storage, head.subunit) is not None

    def _flagged(self, value: Decimal | str | date, head: Head, flags: tuple[Flags, ...]) -> None:
        """What error flags say is wrong now; a bit in a table of the maker's may also be marked as "while in error"."""
        if not isinstance(value, Decimal) or head.storage or head.function not in _NOW:
            return
        for each in flags:
            self._status += each.words(int(value))
        if not flags and value and head.function is Function.INSTANTANEOUS:
            self._status.append(f"error flags {int(value):#x}")

    def _lvar(self) -> tuple[Coding, int]:
        if self._at == len(self._bytes):
            raise TornError("1 bytes are missing")
        length = self._bytes[self._at]
        self._at += 1
        known = lvar(length)
        if known is None:
            raise TornError(f"LVAR {length:02X} is reserved")
        return known

    def _reading(self, register: str, quantity: Quantity, value: Decimal | str | date, head: Head) -> Reading:
        alike = (register, head.storage, head.tariff, head.subunit, head.function)
        count = self._seen[alike] = self._seen.get(alike, 0) + 1
        if count > 1:
            register = f"{register}_{count}"
        return Reading(register, quantity, value, head.tariff, head.storage, head.subunit, head.function)

    def _profile(self, meaning: Meaning, head: Head, raw: bytes, readings: list[Reading]) -> None:
        """The elements as values of the storages that follow the base value's, each with its date where it is known."""
        kind = (meaning.register, head.tariff, head.subunit, head.function)
        single: dict[int, Decimal] = {}
        dates: dict[int, date] = {}
        for r in readings:
            if (r.register, r.tariff, r.subunit, r.function) == kind and isinstance(r.value, Decimal):
                single[r.storage] = r.value
            if r.register in DATES and isinstance(r.value, date):
                dates[r.storage] = r.value
        base = dates.get(head.storage)
        numbered = list(profile.decode(meaning, raw, single.get(head.storage)))
        elements = [(profile.moment(meaning, raw, base, n) if base else None, value) for n, value in numbered]
        stated = {at: single[s] for s, at in dates.items() if s and s != head.storage and s in single}
        sure = profile.sure(meaning, raw, elements, stated)
        for (n, value), (at, _) in zip(numbered[:sure], elements, strict=False):
            storage = head.storage + n
            if at is not None and storage not in dates:
                readings.append(Reading(TARGET_DATE, Quantity.DATE, at, storage=storage))
            readings.append(self._reading(meaning.register, meaning.quantity, value, replace(head, storage=storage)))
        if sure < len(elements):
            unsure = f"{len(elements) - sure} sums of its profile that no value kept at a set date confirms"
            raise DecodeError(f"{meaning.register}: {unsure}", raw)


def own(model: Model, meaning: Meaning, head: Head, flags: bool) -> tuple[Meaning, Head]:
    """A maker's own VIF as this model means it; a number that is flags has no pattern that means "invalid"."""
    rule = model.rule(meaning.register, head.tariff, head.storage, head.subunit)
    if rule is not None:
        meaning = replace(
            meaning,
            register=rule.name,
            quantity=rule.quantity or meaning.quantity,
            factor=meaning.factor if rule.factor is None else rule.factor,
            type=meaning.type if rule.data_type is None else DataType[rule.data_type.upper()],
        )
        head = head if rule.as_tariff is None else replace(head, tariff=rule.as_tariff)
    return replace(meaning, type=DataType.FLAGS) if flags else meaning, head


def _value(meaning: Meaning, coding: Coding, raw: bytes) -> tuple[Decimal | str | date | None, Quantity]:
    quantity, type_ = meaning.quantity, meaning.type
    if type_ in NUMBERS:
        if quantity is _NUMBER and (coding is Coding.TEXT or coding is Coding.WIDE):
            return text(Data(coding, raw)), Quantity.TEXT
        exact = number_of(coding, raw, type_ is _INDEX or type_ is _SIGNED or type_ is _POSITIVE, type_ is _FLAGS)
        if exact is None:
            return None, quantity
        if type_ is _INDEX:
            if raw[-1] == 0xFF and not raw.strip(b"\xff"):
                return None, quantity
        elif type_ is not _SIGNED and exact < 0:
            raise DecodeError(f"{meaning.register}: {exact}, and it is never below zero", raw)
        return _EXACT.multiply(exact, meaning.factor), quantity
    data = Data(coding, raw)
    match type_:
        case DataType.MOMENT | DataType.CLOCK | DataType.DATE:
            value = moment(data, _SIZES[type_])
            return value, Quantity.TEXT if isinstance(value, str) else Quantity.DATE
        case DataType.TEXT:
            return text(data), quantity
        case DataType.MANUFACTURER:
            return manufacturer(data), quantity
        case DataType.BYTES:
            return raw.hex() or None, quantity
        case _:
            raise DecodeError("an access code is not kept")
