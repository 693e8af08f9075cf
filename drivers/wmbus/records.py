"""Records of an M-Bus telegram, wired or wireless: DIF, VIF and data become readings (EN 13757-3, variable data)."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import date
from decimal import Context, Decimal, Inexact

from drivers.meters import Flags, Model
from drivers.model import DecodeError, Function, Quantity, Reading
from drivers.wmbus import profile, vife
from drivers.wmbus.devices import main as main
from drivers.wmbus.devices import medium as medium
from drivers.wmbus.devices import status_words as status_words
from drivers.wmbus.values import FIELD_LVAR, FIELDS, Coding, Data, lvar, manufacturer, moment, number, text
from drivers.wmbus.vif import FB, FD, FD_FD, PLAIN, PRIMARY, DataType, Meaning

DIF_IDLE = 0x2F
DIF_MANUFACTURER = 0x0F
DIF_MANUFACTURER_MORE = 0x1F
EXTENSIONS_MAX = 10  # DIFEs after a DIF, and VIFEs after a VIF, that the standard allows

TARGET_DATE = "target_date"
DATES = ("date", "date_time", TARGET_DATE, "target_date_time")  # what a storage was kept at; `target_` if not now

_EXACT = Context(prec=100, traps=[Inexact])
_NOW = (Function.INSTANTANEOUS, Function.ERROR)
_FUNCTIONS = (Function.INSTANTANEOUS, Function.MAXIMUM, Function.MINIMUM, Function.ERROR)


@dataclass(frozen=True, slots=True)
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


def decode(data: bytes, model: Model | None = None) -> Records:
    """The records of a full telegram, from the first DIF to the end of the user data.

    `model` says what the standard leaves open: the maker's own VIFs and the bits of error flags.
    """
    return _Decoder(_Cursor(data), model).run()


class _TornError(DecodeError):
    """The bytes cannot be followed any further: what comes after is not read."""


class _Cursor:
    """Reads bytes in order."""

    def __init__(self, data: bytes) -> None:
        self.data = data
        self.at = 0

    def take(self, count: int) -> bytes:
        if self.at + count > len(self.data):
            missing = self.at + count - len(self.data)
            raise _TornError(f"byte {self.at}: {missing} bytes are missing", self.data[self.at :])
        self.at += count
        return self.data[self.at - count : self.at]

    def byte(self) -> int:
        return self.take(1)[0]

    def rest(self) -> bytes:
        return self.take(len(self.data) - self.at)


@dataclass(frozen=True, slots=True)
class _Head:
    """DIF and DIFEs: what kind of data, and which of the meter's values it is."""

    field: int
    function: Function
    storage: int
    tariff: int
    subunit: int


class _Decoder:
    """One pass over the records."""

    def __init__(self, cursor: _Cursor, model: Model | None) -> None:
        self._cursor = cursor
        self._model = model
        self._status: list[str] = []
        self._seen: Counter[tuple[str, int, int, int, Function]] = Counter()
        self._profiles: list[tuple[Meaning, _Head, bytes]] = []

    def run(self) -> Records:
        readings: list[Reading] = []
        faults: list[DecodeError] = []
        more = False
        torn: DecodeError | None = None
        manufacturer_data = b""
        count = 0
        while self._cursor.at < len(self._cursor.data):
            dif = self._cursor.byte()
            if dif == DIF_IDLE:
                continue
            count += 1
            at = self._cursor.at - 1
            if dif in (DIF_MANUFACTURER, DIF_MANUFACTURER_MORE):
                more = dif == DIF_MANUFACTURER_MORE
                manufacturer_data = self._cursor.rest()
                break
            try:
                readings += self._record(dif)
            except _TornError as error:
                torn = DecodeError(f"record {count} at byte {at}: {error}", error.data)
                faults.append(torn)
                break
            except DecodeError as error:
                faults.append(DecodeError(f"record {count} at byte {at}: {error}", error.data))
        for meaning, head, raw in self._profiles:
            try:
                readings += list(self._profile(meaning, head, raw, readings))
            except DecodeError as error:
                faults.append(error)
        return Records(tuple(readings), tuple(faults), tuple(self._status), more, manufacturer_data, torn)

    def _record(self, dif: int) -> Iterator[Reading]:
        head = self._head(dif)
        meaning, fault = self._meaning(head.storage > 0)
        data = self._data(head.field)
        if fault is not None:
            raise DecodeError(fault, data.raw)
        assert meaning is not None, "a VIF has a meaning or a fault"
        if meaning.absent or data.coding is Coding.NOTHING:
            return
        if meaning.profile:
            self._profiles.append((meaning, head, data.raw))
            return
        flags: tuple[Flags, ...] = ()
        if self._model is not None:
            flags = self._model.status(meaning.register, len(data.raw))
            meaning, head = _own(self._model, meaning, head, bool(flags))
        value, quantity = _value(meaning, data)
        if value is None:
            return
        self._flagged(meaning.register, value, head, flags)
        yield self._reading(meaning.register, quantity, value, head)

    def _flagged(self, register: str, value: Decimal | str | date, head: _Head, flags: tuple[Flags, ...]) -> None:
        """What error flags say is wrong now; a bit in a table of the maker's may also be marked as "while in error"."""
        if not isinstance(value, Decimal) or head.storage or head.function not in _NOW:
            return
        for table in flags:
            self._status += table.words(int(value))
        if not flags and register == "error_flags" and value and head.function is Function.INSTANTANEOUS:
            self._status.append(f"error flags {int(value):#x}")

    def _head(self, dif: int) -> _Head:
        if dif & 0x0F == 0x0F:
            raise _TornError(f"DIF {dif:02X} is reserved")
        storage, tariff, subunit = dif >> 6 & 1, 0, 0
        byte, count = dif, 0
        while byte & 0x80:
            if count == EXTENSIONS_MAX:
                raise _TornError(f"more than {EXTENSIONS_MAX} DIFEs")
            byte = self._cursor.byte()
            storage |= (byte & 0x0F) << 1 + 4 * count
            tariff |= (byte >> 4 & 3) << 2 * count
            subunit |= (byte >> 6 & 1) << count
            count += 1
        return _Head(dif & 0x0F, _FUNCTIONS[dif >> 4 & 3], storage, tariff, subunit)

    def _meaning(self, stored: bool) -> tuple[Meaning | None, str | None]:
        """VIF and VIFEs: what they mean, or why they cannot be used. All their bytes are read in either case."""
        vif = self._cursor.byte()
        code, more = vif & 0x7F, bool(vif & 0x80)
        meaning: Meaning | None
        name = f"{vif:02X}"
        count = 0
        if code == 0x7F:
            return self._manufacturer_meaning(Meaning("manufacturer", Quantity.NUMBER), vif), None
        if code == 0x7C:
            meaning = _plain(self._cursor.take(self._cursor.byte()))
        elif code in (0x7B, 0x7D) and more:
            table = FB if code == 0x7B else FD
            vif = self._cursor.byte()
            name += f" {vif:02X}"
            if table is FD and vif == 0xFD:
                table = FD_FD
                vif = self._cursor.byte()
                name += f" {vif:02X}"
            meaning, more = table.get(vif & 0x7F), bool(vif & 0x80)
        else:
            meaning = PRIMARY.get(code)
            if stored and meaning and meaning.register in DATES:
                meaning = replace(meaning, register=f"target_{meaning.register}")
        fault = None if meaning else f"VIF {name} is reserved"
        while more:
            if count == EXTENSIONS_MAX:
                raise _TornError(f"more than {EXTENSIONS_MAX} VIFEs")
            byte = self._cursor.byte()
            count += 1
            code, more, extended = byte & 0x7F, bool(byte & 0x80), False
            if code == vife.MANUFACTURER:
                base = meaning or Meaning("reserved", Quantity.NUMBER)
                return self._manufacturer_meaning(base, byte), fault
            if code == vife.EXTENSION and more:
                byte = self._cursor.byte()
                code, more, extended = byte & 0x7F, bool(byte & 0x80), True
            if meaning is None:
                continue
            combined = vife.combine(meaning, code, extended)
            if combined is None and fault is None:
                fault = _vife_fault(meaning, code, extended)
            meaning = combined or meaning
        return meaning, fault

    def _manufacturer_meaning(self, base: Meaning, byte: int) -> Meaning:
        """After VIF or VIFE 7F the VIFEs are the maker's own: the register's name holds their bytes.

        A VIF before it still says the unit, as makers use it; but for one that stands for no physical unit.
        """
        code = ""
        count = 0
        while byte & 0x80:
            if count == EXTENSIONS_MAX:
                raise _TornError(f"more than {EXTENSIONS_MAX} VIFEs")
            byte = self._cursor.byte()
            count += 1
            code += f"_{byte:02x}"
        if base.register == "manufacturer":
            return replace(base, register=f"manufacturer{code}")
        quantity = Quantity.NUMBER if base.quantity is Quantity.HEAT_COST else base.quantity
        return replace(base, register=f"{base.register}_manufacturer{code}", quantity=quantity)

    def _data(self, field: int) -> Data:
        if field != FIELD_LVAR:
            coding, size = FIELDS[field]
            return Data(coding, self._cursor.take(size))
        length = self._cursor.byte()
        known = lvar(length)
        if known is None:
            raise _TornError(f"LVAR {length:02X} is reserved")
        coding, size = known
        return Data(coding, self._cursor.take(size))

    def _reading(self, register: str, quantity: Quantity, value: Decimal | str | date, head: _Head) -> Reading:
        alike = (register, head.storage, head.tariff, head.subunit, head.function)
        self._seen[alike] += 1
        if self._seen[alike] > 1:
            register = f"{register}_{self._seen[alike]}"
        return Reading(register, quantity, value, head.tariff, head.storage, head.subunit, head.function)

    def _profile(self, meaning: Meaning, head: _Head, raw: bytes, readings: list[Reading]) -> Iterator[Reading]:
        """The elements as values of the storages that follow the base value's, each with its date where it is known."""
        base: Decimal | None = None
        base_moment: date | None = None
        dated = set()
        for r in readings:
            single = (r.register, r.storage, r.tariff, r.subunit, r.function)
            if single == (meaning.register, head.storage, head.tariff, head.subunit, head.function):
                base = r.value if isinstance(r.value, Decimal) else None
            if r.register in DATES and isinstance(r.value, date):
                dated.add(r.storage)
                base_moment = r.value if r.storage == head.storage else base_moment
        for n, value in profile.decode(meaning, raw, base):
            storage = head.storage + n
            kept = profile.moment(meaning, raw, base_moment, n) if base_moment else None
            if kept is not None and storage not in dated:
                yield Reading(TARGET_DATE, Quantity.DATE, kept, storage=storage)
            yield self._reading(meaning.register, meaning.quantity, value, replace(head, storage=storage))


def _own(model: Model, meaning: Meaning, head: _Head, flags: bool) -> tuple[Meaning, _Head]:
    """A maker's own VIF as this model means it; a number that is flags has no pattern that means "invalid"."""
    rule = model.rule(meaning.register, head.tariff)
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


def _value(meaning: Meaning, data: Data) -> tuple[Decimal | str | date | None, Quantity]:
    quantity = meaning.quantity
    match meaning.type:
        case DataType.MOMENT:
            value = moment(data)
            return value, Quantity.TEXT if isinstance(value, str) else Quantity.DATE
        case DataType.TEXT:
            return text(data), quantity
        case DataType.MANUFACTURER:
            return manufacturer(data), quantity
        case DataType.BYTES:
            return data.raw.hex() or None, quantity
        case DataType.SECRET:
            raise DecodeError("an access code is not kept")
        case DataType.SIGNED | DataType.UNSIGNED | DataType.FLAGS:
            unitless = quantity is Quantity.NUMBER
            if unitless and (data.coding is Coding.TEXT or data.coding is Coding.WIDE):
                return text(data), Quantity.TEXT
            exact = number(data, meaning.type is DataType.SIGNED, meaning.type is DataType.FLAGS)
            return None if exact is None else _EXACT.multiply(exact, meaning.factor), quantity


def _plain(letters: bytes) -> Meaning:
    """Plain-text VIF: a unit in ISO 8859-1, the last character first. An unknown word names the register."""
    words = letters[::-1].decode("latin-1").strip("\0 ").lower()
    known = PLAIN.get(words.replace(" ", "").replace("³", "3"))
    if known:
        return known
    slug = "_".join("".join(c if c.isascii() and c.isalnum() else " " for c in words).split())
    return Meaning(f"plain_{slug}" if slug else "plain", Quantity.NUMBER)


def _vife_fault(meaning: Meaning, code: int, extended: bool) -> str:
    if not extended and code in vife.ERRORS:
        return f"{meaning.register}: the meter says {vife.ERRORS[code]}"
    return f"{meaning.register}: VIFE {'FC ' if extended else ''}{code:02X} is not understood"
