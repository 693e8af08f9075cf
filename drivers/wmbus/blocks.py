"""What stands before the data of a record: DIF, DIFEs, VIF, VIFEs (EN 13757-3, data and value information blocks).

A meter sends the same ones in every telegram, so what they mean is looked up once for each distinct row of bytes.
"""

from dataclasses import dataclass, replace
from functools import lru_cache

from drivers.model import DecodeError, Function, Quantity
from drivers.wmbus import vife
from drivers.wmbus.values import FIELDS, Coding
from drivers.wmbus.vif import FB, FD, FD_FD, PLAIN, PRIMARY, Meaning

BLOCKS_MAX = 2048  # rows of bytes kept with their meaning; a meter has a dozen
EXTENSIONS_MAX = 10  # DIFEs after a DIF, and VIFEs after a VIF, that the standard allows
VIF_PLAIN = 0x7C

TARGET_DATE = "target_date"
DATES = ("date", "date_time", TARGET_DATE, "target_date_time")  # what a storage was kept at; `target_` if not now

_FUNCTIONS = (Function.INSTANTANEOUS, Function.MAXIMUM, Function.MINIMUM, Function.ERROR)


class TornError(DecodeError):
    """The bytes cannot be followed any further: what comes after is not read."""


@dataclass(frozen=True, slots=True)
class Head:
    """DIF and DIFEs: what kind of data, and which of the meter's values it is."""

    field: int
    function: Function
    storage: int
    tariff: int
    subunit: int


@dataclass(frozen=True, slots=True)
class Block:
    """`size` bytes before the data, and what they mean: `meaning`, or the `fault` that keeps it from being used.

    The data have `data_bytes` in `coding`; None: their first byte, LVAR, says both.
    """

    size: int
    head: Head
    meaning: Meaning | None
    fault: str | None
    coding: Coding
    data_bytes: int | None


def block(data: bytes, at: int) -> Block:
    """The block that begins at a byte. TornError where it does not end, or is longer than the standard allows."""
    try:
        end = at
        while data[end] & 0x80:
            end += 1
        end += 1
        vif = end
        if data[vif] & 0x7F == VIF_PLAIN:
            if data[vif] & 0x80 and (row := _letters_last(data, at, vif)):
                return _known(row)
            more = data[vif]
            end = _letters_end(data, vif + 1)
            while more & 0x80:
                more = data[end]
                end += 1
        else:
            while data[end] & 0x80:
                end += 1
            end += 1
    except IndexError:
        end = len(data) + 1
    if end > len(data):
        _parse(_Cursor(data[at:]))
        raise AssertionError("a block that runs over the end is torn")
    return _known(data[at:end])


def _letters_last(data: bytes, at: int, vif: int) -> bytes | None:
    """A block with its plain-text VIF's letters behind the VIFEs, put into the common order: letters, then VIFEs.

    EN 13757-3, annex on units, reads so; what is known of meters has the letters right behind the VIF. None where letters
    stand there, or nowhere.
    """
    if _letters(data, vif + 1):
        return None
    last = vif + 1
    while last < len(data) and data[last] & 0x80:
        last += 1
    letters = _letters(data, last + 1)
    return data[at : vif + 1] + letters + data[vif + 1 : last + 1] if letters else None


def _letters(data: bytes, at: int) -> bytes:
    """The letters that are counted in a byte, that byte before them; nothing where no text stands there."""
    end = _letters_end(data, at) if at < len(data) else len(data) + 1
    return data[at:end] if end <= len(data) and data[at] and data[at + 1 : end].decode("latin-1").isprintable() else b""


def _letters_end(data: bytes, at: int) -> int:
    return at + 1 + data[at]


@lru_cache(maxsize=BLOCKS_MAX)
def _known(data: bytes) -> Block:
    return _parse(_Cursor(data))


class _Cursor:
    """Reads bytes in order."""

    def __init__(self, data: bytes) -> None:
        self.data = data
        self.at = 0

    def take(self, count: int) -> bytes:
        if self.at + count > len(self.data):
            missing = self.at + count - len(self.data)
            raise TornError(f"{missing} bytes are missing", self.data[self.at :])
        self.at += count
        return self.data[self.at - count : self.at]

    def byte(self) -> int:
        return self.take(1)[0]


def _parse(cursor: _Cursor) -> Block:
    head = _head(cursor)
    meaning, fault = _meaning(cursor, head.storage > 0)
    coding, data_bytes = FIELDS.get(head.field, (Coding.NOTHING, None))
    return Block(cursor.at, head, meaning, fault, coding, data_bytes)


def _head(cursor: _Cursor) -> Head:
    dif = cursor.byte()
    if dif & 0x0F == 0x0F:
        raise TornError(f"DIF {dif:02X} is reserved")
    storage, tariff, subunit = dif >> 6 & 1, 0, 0
    byte, count = dif, 0
    while byte & 0x80:
        if count == EXTENSIONS_MAX:
            raise TornError(f"more than {EXTENSIONS_MAX} DIFEs")
        byte = cursor.byte()
        storage |= (byte & 0x0F) << 1 + 4 * count
        tariff |= (byte >> 4 & 3) << 2 * count
        subunit |= (byte >> 6 & 1) << count
        count += 1
    return Head(dif & 0x0F, _FUNCTIONS[dif >> 4 & 3], storage, tariff, subunit)


def _meaning(cursor: _Cursor, stored: bool) -> tuple[Meaning | None, str | None]:
    """VIF and VIFEs: what they mean, or why they cannot be used. All their bytes are read in either case.

    Where nothing but an error of the standard's keeps them from being used, its words are in the meaning's name: a maker
    may mean something else by it.
    """
    meaning, fault = _value_information(cursor, stored)
    if meaning is None or not meaning.error:
        return meaning, fault
    if fault is not None:
        return replace(meaning, error=""), fault
    name = f"{meaning.register}_{meaning.error.lower().replace(' ', '_')}"
    return replace(meaning, register=name), f"{meaning.register}: the meter says {meaning.error}"


def _value_information(cursor: _Cursor, stored: bool) -> tuple[Meaning | None, str | None]:
    vif = cursor.byte()
    code, more = vif & 0x7F, bool(vif & 0x80)
    meaning: Meaning | None
    name = f"{vif:02X}"
    count = 0
    if code == 0x7F:
        return _manufacturer_meaning(cursor, Meaning("manufacturer", Quantity.NUMBER), vif), None
    if code == VIF_PLAIN:
        meaning = _plain(cursor.take(cursor.byte()))
    elif code in (0x7B, 0x7D) and more:
        table = FB if code == 0x7B else FD
        vif = cursor.byte()
        name += f" {vif:02X}"
        if table is FD and vif == 0xFD:
            table = FD_FD
            vif = cursor.byte()
            name += f" {vif:02X}"
        meaning, more = table.get(vif & 0x7F), bool(vif & 0x80)
    else:
        meaning = PRIMARY.get(code)
        if stored and meaning and meaning.register in DATES:
            meaning = replace(meaning, register=f"target_{meaning.register}")
    fault = None if meaning else f"VIF {name} is reserved"
    while more:
        if count == EXTENSIONS_MAX:
            raise TornError(f"more than {EXTENSIONS_MAX} VIFEs")
        byte = cursor.byte()
        count += 1
        code, more, extended = byte & 0x7F, bool(byte & 0x80), False
        if code == vife.MANUFACTURER:
            base = meaning or Meaning("reserved", Quantity.NUMBER)
            return _manufacturer_meaning(cursor, base, byte), fault
        if code == vife.EXTENSION and more:
            byte = cursor.byte()
            code, more, extended = byte & 0x7F, bool(byte & 0x80), True
        if meaning is None:
            continue
        combined = vife.combine(meaning, code, extended)
        if combined is None and fault is None:
            fault = f"{meaning.register}: VIFE {'FC ' if extended else ''}{code:02X} is not understood"
        meaning = combined or meaning
    return meaning, fault


def _manufacturer_meaning(cursor: _Cursor, base: Meaning, byte: int) -> Meaning:
    """After VIF or VIFE 7F the VIFEs are the maker's own: the register's name holds their bytes.

    A VIF before it still says the unit, as makers use it; but for one that stands for no physical unit.
    """
    code = ""
    count = 0
    while byte & 0x80:
        if count == EXTENSIONS_MAX:
            raise TornError(f"more than {EXTENSIONS_MAX} VIFEs")
        byte = cursor.byte()
        count += 1
        code += f"_{byte:02x}"
    if base.register == "manufacturer":
        return replace(base, register=f"manufacturer{code}")
    quantity = Quantity.NUMBER if base.quantity is Quantity.HEAT_COST else base.quantity
    return replace(base, register=f"{base.register}_manufacturer{code}", quantity=quantity)


def _plain(letters: bytes) -> Meaning:
    """Plain-text VIF: a unit in ISO 8859-1, the last character first. An unknown word names the register."""
    words = letters[::-1].decode("latin-1").strip("\0 ").lower()
    known = PLAIN.get(words.replace(" ", "").replace("³", "3"))
    if known:
        return known
    slug = "_".join("".join(c if c.isascii() and c.isalnum() else " " for c in words).split())
    return Meaning(f"plain_{slug}" if slug else "plain", Quantity.NUMBER)
