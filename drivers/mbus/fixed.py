"""The fixed data structure of old wired meters, CI 73 (EN 1434-3; EN 13757-3 before 2013): two counters."""

from decimal import Decimal

from drivers.model import Address, DecodeError, Medium, Quantity, Reading, State, Telegram
from drivers.wmbus.devices import main
from drivers.wmbus.values import Coding, Data, number

# ID ID ID ID AN SS UU UU C1 C1 C1 C1 C2 C2 C2 C2
# AN: access number   SS: status   U: in each byte 6 bits unit of one counter, 2 bits of the medium   C: counters
SIZE_BYTES = 16

_BINARY = 0x01  # status: the counters are binary, else BCD
_STORED = 0x02  # status: the counters are those of a fixed date
_STATUS_BITS = {0x04: "power low", 0x08: "permanent error", 0x10: "temporary error"}
_UNIT_HISTORIC = 0x3E  # the second counter is the first one's value of a fixed date

_MEDIA = {
    2: Medium.ELECTRICITY,
    3: Medium.GAS,
    4: Medium.HEAT,
    6: Medium.HOT_WATER,
    7: Medium.WATER,
    8: Medium.HEAT_COST,
    10: Medium.GAS,
    11: Medium.HEAT,
    12: Medium.HOT_WATER,
    13: Medium.WATER,
    14: Medium.HEAT_COST,
}

Unit = tuple[str, Quantity, Decimal]


def _units() -> dict[int, Unit]:
    units: dict[int, Unit] = {
        0x38: ("temperature", Quantity.TEMPERATURE, Decimal("0.001")),
        0x39: ("heat_cost", Quantity.HEAT_COST, Decimal(1)),
        0x3F: ("number", Quantity.NUMBER, Decimal(1)),
    }
    runs = (
        (0x02, 9, "energy", Quantity.ENERGY, Decimal(1)),
        (0x0B, 9, "energy_joule", Quantity.ENERGY_JOULE, Decimal(1000)),
        (0x14, 9, "power", Quantity.POWER, Decimal(1)),
        (0x1D, 9, "power_joule", Quantity.POWER_JOULE, Decimal(1000)),
        (0x26, 9, "volume", Quantity.VOLUME, Decimal("0.001")),
        (0x2F, 9, "flow", Quantity.FLOW, Decimal("0.001")),
    )
    for first, count, register, quantity, factor in runs:
        units |= {first + n: (register, quantity, factor.scaleb(n)) for n in range(count)}
    return units


_UNITS = _units()


def decode(body: bytes) -> Telegram:
    """The two counters. Times and dates in this structure (units 0 and 1) have no coding that meters agree on."""
    if len(body) < 4:
        raise DecodeError(f"fixed data structure: {SIZE_BYTES} bytes are needed, not {len(body)}", body)
    address = Address("mbus", body[3::-1].hex())
    if len(body) != SIZE_BYTES:
        return Telegram(address, State.INVALID, error=f"fixed data structure of {len(body)} bytes, not {SIZE_BYTES}")
    status = body[5]
    codes = [body[6] & 0x3F, body[7] & 0x3F]
    medium = _MEDIA.get(body[7] >> 6 << 2 | body[6] >> 6, Medium.OTHER)
    storages = [1 if status & _STORED else 0] * 2
    if codes[1] == _UNIT_HISTORIC:
        codes[1], storages[1] = codes[0], 1
    readings: list[Reading] = []
    faults: list[DecodeError] = []
    for n, (code, storage) in enumerate(zip(codes, storages, strict=True), start=1):
        raw = body[4 + 4 * n : 8 + 4 * n]
        try:
            if code not in _UNITS:
                raise DecodeError(f"unit {code:02X} is not supported", raw)
            value = number(Data(Coding.BINARY if status & _BINARY else Coding.BCD, raw))
        except DecodeError as fault:
            faults.append(DecodeError(f"counter {n}: {fault}", raw))
            continue
        if value is not None:
            register, quantity, factor = _UNITS[code]
            again = any((r.register, r.storage) == (register, storage) for r in readings)
            readings.append(Reading(register + "_2" * again, quantity, value * factor, storage=storage))
    words = tuple(word for bit, word in _STATUS_BITS.items() if status & bit)
    words += tuple(f"manufacturer status {bit}" for bit in (5, 6, 7) if status >> bit & 1)
    return Telegram(
        address,
        State.DECODED if readings else State.INVALID if faults else State.NO_DATA,
        medium,
        main(readings, medium),
        words,
        tuple(faults),
        None if readings else str(faults[0]) if faults else "the meter states no value",
        access_number=body[4],
    )
