"""What a meter said in an SML file: the list of its values (SML 1.03 and 1.04, GetList response)."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from decimal import Decimal

from drivers.model import Address, DecodeError, Frame, Kind, Medium, Quantity, Reading, State, Telegram
from drivers.sml.values import End, Signed, Value, read

# [transaction, group, abort, [tag, body], CRC, end]     a message; the file's own CRC vouches for it
# [client, server, name, time, [entry..], signature, time]     body of a GetList response
# [name, status, time, unit, scaler, value, signature]     entry; its time counts the seconds that the meter has run
GET_LIST_RESPONSE = 0x0701
NAME_BYTES = 6  # OBIS: A-B:C.D.E*F
SCALER_MAX = 9
ID_BYTES_MAX = 16

# DLMS units (IEC 62056-6-2), those of the table below.
UNITS = {
    27: Quantity.POWER,
    30: Quantity.ENERGY,
    32: Quantity.REACTIVE_ENERGY,
    33: Quantity.CURRENT,
    35: Quantity.VOLTAGE,
    44: Quantity.FREQUENCY,
}


@dataclass(frozen=True, slots=True)
class Row:
    quantity: Quantity
    tariff: int = 0
    main: bool = False


def _levels(quantity: Quantity, codes: str) -> dict[str, Row]:
    return {f"{code}.7.0": Row(quantity) for code in codes.split()}


# C.D.E of 1-0:C.D.E*255. Export is no main index, so that no sum of a page counts it.
ROWS: dict[str, Row] = {
    **{f"1.8.{tariff}": Row(Quantity.ENERGY, tariff, main=True) for tariff in range(5)},
    **{f"2.8.{tariff}": Row(Quantity.ENERGY, tariff) for tariff in range(5)},
    "3.8.0": Row(Quantity.REACTIVE_ENERGY),
    "4.8.0": Row(Quantity.REACTIVE_ENERGY),
    **_levels(Quantity.POWER, "16 1 2 15 36 56 76 21 41 61 22 42 62"),
    **_levels(Quantity.VOLTAGE, "32 52 72"),
    **_levels(Quantity.CURRENT, "31 51 71"),
    **_levels(Quantity.FREQUENCY, "14"),
}
# The present power, negative while the house gives; meters that know one direction only send the second.
POWERS = ("16.7.0", "1.7.0")
_NUMBERS = ("0.0.9", "96.1.0")  # the meter's own number, where no list names its server

# The status word beside an index, where its low byte is 04: FNN's, as the manuals of DZG's WS74 and Sagemcom's Smarty BZ
# print it. Other makers' words are not read.
_FNN = 0x04
_STATUS = {9: "magnetic field", 10: "terminal cover open"}

# DZG's DVS74 of these numbers send a positive power as if it were signed: 328.05 W in two bytes reads as negative. A
# negative one they send in four.
_DZG = b"\x0a\x01DZG"
_DZG_WRONG = (range(42_000_000, 49_000_000), range(55_000_000, 59_000_000))
_DZG_WRONG_BYTES_MAX = 3


def decode(frame: Frame) -> Telegram:
    """All the values of a file that are understood. DecodeError where it holds no list, or not just one meter's number."""
    faults: list[DecodeError] = []
    said: dict[str, list[Value]] = {}
    servers: set[bytes] = set()
    for server, entries in _lists(frame.data):
        servers |= {server} - {b""}
        for entry in entries:
            match entry:
                case [bytes(name), _, _, _, _, _, _] if len(name) == NAME_BYTES:
                    if (name[0], name[1], name[5]) == (1, 0, 255):
                        said[f"{name[2]}.{name[3]}.{name[4]}"] = entry
                case _:
                    faults.append(DecodeError("sml: an entry has 7 elements, the first a name of 6 bytes"))
    if not servers:
        servers = {value for code in _NUMBERS if code in said and isinstance(value := said[code][5], bytes)}
    if len(servers) != 1 or not 0 < len(min(servers)) <= ID_BYTES_MAX:
        raise DecodeError(f"sml: one meter's number is needed, not {len(servers)}", frame.data)
    (server,) = servers
    readings: dict[str, Reading] = {}
    for code, row in ROWS.items():
        if code in said:
            try:
                readings[code] = _reading(code, row, said[code], server)
            except DecodeError as fault:
                faults.append(fault)
    if power := next((code for code in POWERS if code in readings), None):
        readings[power] = replace(readings[power], main=True)
    return Telegram(
        Address("sml", number(server)),
        State.DECODED if readings else State.NO_DATA,
        Medium.ELECTRICITY,
        tuple(readings.values()),
        _status(said),
        tuple(faults),
        None if readings else "the meter states no value",
    )


def number(server: bytes) -> str:
    """As it stands on the meter, 1EMH0012345678 (DIN 43863-5), or all bytes as hexadecimal digits.

    0A SS LL LL LL BB NN NN NN NN     S: what is metered   L: the maker's letters   B: block   N: number
    """
    letters, count = server[2:5], int.from_bytes(server[6:], "big")
    if len(server) == 10 and server[0] == 0x0A and server[1] < 16 and letters.isalpha() and count < 10**8:
        return f"{server[1]:X}{letters.decode('ascii').upper()}{server[5]:02X}{count:08}"
    return server.hex().upper()


def _lists(data: bytes) -> Iterator[tuple[bytes, list[Value]]]:
    """The server and the entries of each list in the file."""
    at, found = 0, False
    while at < len(data):
        if data[at] == 0:  # some meters fill up between messages
            at += 1
            continue
        message, at = read(data, at)
        match message:
            case [_, _, _, [int(tag), body], _, End()]:
                pass
            case _:
                raise DecodeError(
                    "sml: a message has 6 elements, the fourth a tag and its body, the last its end", data
                )
        if tag != GET_LIST_RESPONSE:
            continue
        match body:
            case [_, bytes() | None as server, _, _, list(entries), _, _]:
                found = True
                yield server or b"", entries
            case _:
                raise DecodeError("sml: a list response has 7 elements, the second a number, the fifth a list", data)
    if not found:
        raise DecodeError("sml: no list of values among the messages", data)


def _reading(code: str, row: Row, entry: list[Value], server: bytes) -> Reading:
    _, _, _, unit, scaler, value, _ = entry
    if not isinstance(unit, int) or UNITS.get(unit) is not row.quantity:
        raise DecodeError(f"sml {code}: the unit of {row.quantity.word} is needed, not {_shown(unit)}")
    if scaler is None:
        scaler = 0
    if not isinstance(scaler, int) or abs(scaler) > SCALER_MAX:
        raise DecodeError(f"sml {code}: a power of ten up to {SCALER_MAX} is needed, not {_shown(scaler)}")
    if not isinstance(value, int) or isinstance(value, bool):
        raise DecodeError(f"sml {code}: a number is needed, not {_shown(value)}")
    if value < 0 and row.quantity.kind is Kind.INDEX:
        raise DecodeError(f"sml {code}: an index is not {value}")
    if value < 0 and code == POWERS[0] and isinstance(value, Signed) and _is_wrong(server, value.size):
        value += 1 << 8 * value.size
    return Reading(code, row.quantity, Decimal(value).scaleb(scaler), row.tariff, main=row.main)


def _is_wrong(server: bytes, size: int) -> bool:
    count = int.from_bytes(server[6:], "big")
    return server.startswith(_DZG) and size <= _DZG_WRONG_BYTES_MAX and any(count in wrong for wrong in _DZG_WRONG)


def _status(said: dict[str, list[Value]]) -> tuple[str, ...]:
    word = said["1.8.0"][1] if "1.8.0" in said else None
    if not isinstance(word, int) or isinstance(word, bool) or word & 0xFF != _FNN:
        return ()
    return tuple(text for bit, text in _STATUS.items() if word >> bit & 1)


def _shown(value: Value) -> str:
    return str(value) if isinstance(value, int) else type(value).__name__
