"""Hydroclima heat cost allocators (BMP): temperatures and past consumption behind the records."""

from collections.abc import Iterator
from decimal import Decimal

from drivers.model import DecodeError, Function, Quantity, Reading
from drivers.phrase import phrase
from drivers.wmbus.makers.parts import Layout, Part, Said, little, need, temperature
from drivers.wmbus.records import Records

NONE = -0x8000
KIND_10, KIND_11 = 0x10, 0x11
KIND_10_BYTES, KIND_11_BYTES = 24, 47

ROOM, RADIATOR = "room_temperature", "radiator_temperature"

# behind DIF 0F
_MEANINGS = {
    "K": phrase("kind of these bytes"),
    "S": phrase("status"),
    "t": phrase("time"),
    "d": phrase("date"),
    "A": phrase("average of the room, in hundredths of a degree"),
    "M": phrase("maximum of the room, in hundredths of a degree"),
    "R": phrase("average of the radiator, in hundredths of a degree"),
    "L": phrase("average of the room in the last period, in hundredths of a degree"),
    "Q": phrase("average of the radiator in the last period, in hundredths of a degree"),
    "U": phrase("units of heat cost of the last period"),
    "u": phrase("units of heat cost of the last four periods, the newest first"),
    "a": phrase("averages of the room in the last three periods, the newest first"),
    "T": phrase("all units of heat cost"),
}
HYDROCLIMA_10 = Layout("KK SS SS tt tt dd dd AA AA MM MM .. .. .. .. LL LL QQ QQ UU UU TT TT TT", _MEANINGS)
HYDROCLIMA_11 = Layout(
    "KK SS SS tt tt dd dd .. .. RR RR AA AA MM MM .. .. QQ QQ LL LL"
    + 8 * " uu" + 6 * " aa" + 9 * " .." + " TT TT TT",
    _MEANINGS,
)  # fmt: skip


def hydroclima_parts(tail: bytes) -> Iterator[Part]:
    return (HYDROCLIMA_10 if tail[:1] == bytes((KIND_10,)) else HYDROCLIMA_11)(tail)


def hydroclima(read: Records) -> Said:
    t = read.manufacturer_data
    if not t:
        return Said(())
    if t[0] == KIND_10:
        need(t, KIND_10_BYTES, "data behind DIF 0F")
        readings = [
            *_degrees(ROOM, t, 7),
            *_degrees(ROOM, t, 9, 0, Function.MAXIMUM),
            *_degrees(ROOM, t, 15, 1),
            *_degrees(RADIATOR, t, 17, 1),
            _all_units(t, 21),
        ]
    elif t[0] == KIND_11:
        need(t, KIND_11_BYTES, "data behind DIF 0F")
        readings = [
            *_degrees(RADIATOR, t, 9),
            *_degrees(ROOM, t, 11),
            *_degrees(ROOM, t, 13, 0, Function.MAXIMUM),
            *_degrees(RADIATOR, t, 17, 1),
            *_degrees(ROOM, t, 19, 1),
            *(_of_period(little(t, 19 + 2 * n, 2), n) for n in range(1, 5)),
            *(reading for n in range(1, 4) for reading in _degrees(f"{ROOM}_of_period", t, 27 + 2 * n, n)),
            _all_units(t, 44),
        ]
    else:
        raise DecodeError(f"data behind DIF 0F: kind {t[0]:02x} is not known", t)
    status = little(t, 1, 2)
    return Said(tuple(readings), (f"maker status {status:#x}",) if status else ())


def _degrees(
    register: str, t: bytes, at: int, storage: int = 0, function: Function = Function.INSTANTANEOUS
) -> tuple[Reading, ...]:
    raw = int.from_bytes(t[at : at + 2], "little", signed=True)
    return () if raw == NONE else (temperature(register, Decimal(raw).scaleb(-2), storage, function),)


def _of_period(units: int, storage: int) -> Reading:
    return Reading("heat_cost_of_period", Quantity.HEAT_COST, Decimal(units), storage=storage)


def _all_units(t: bytes, at: int) -> Reading:
    return Reading("heat_cost_total", Quantity.HEAT_COST, Decimal(little(t, at, 3)))
