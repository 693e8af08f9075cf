"""What a telegram's header says of the meter: its medium and its status, and which reading stands for it."""

from collections.abc import Iterable
from decimal import Decimal

from drivers.meters import HEADER, Model
from drivers.model import Function, Medium, Reading

# Device type -> medium (EN 13757-7, device types); the others are OTHER.
_MEDIA = {
    0x02: Medium.ELECTRICITY,
    0x03: Medium.GAS,
    0x04: Medium.HEAT,
    0x06: Medium.HOT_WATER,
    0x07: Medium.WATER,
    0x08: Medium.HEAT_COST,
    0x0A: Medium.COOLING,
    0x0B: Medium.COOLING,
    0x0C: Medium.HEAT,
    0x0D: Medium.HEAT,  # heat and cooling: tariff 1 is the cooling
    0x10: Medium.WATER,
    0x11: Medium.WATER,
    0x12: Medium.GAS,
    0x13: Medium.GAS,
    0x15: Medium.HOT_WATER,
    0x16: Medium.WATER,
    0x17: Medium.WATER,
    0x20: Medium.ELECTRICITY,
}

_APPLICATION = {1: "application busy", 2: "application error", 3: "alarm"}
_STATUS_BITS = {0x04: "power low", 0x08: "permanent error", 0x10: "temporary error"}

_ENERGIES = ("energy", "energy_joule", "energy_forward", "energy_joule_forward")
_VOLUMES = ("volume", "volume_forward")
_GAS_VOLUMES = ("volume", "volume_at_base_conditions", "volume_at_metering_conditions")

# The registers that may stand for a meter, the best first: its index, its present level.
_INDEXES = {
    Medium.ELECTRICITY: _ENERGIES,
    Medium.GAS: _GAS_VOLUMES,
    Medium.WATER: _VOLUMES,
    Medium.HOT_WATER: _VOLUMES,
    Medium.HEAT: _ENERGIES,
    Medium.COOLING: _ENERGIES,
    Medium.HEAT_COST: ("heat_cost",),
}
_LEVELS = {
    Medium.ELECTRICITY: ("power",),
    Medium.GAS: ("flow",),
    Medium.WATER: ("flow",),
    Medium.HOT_WATER: ("flow",),
    Medium.HEAT: ("power", "power_joule"),
    Medium.COOLING: ("power", "power_joule"),
    Medium.HEAT_COST: (),
}
_INSTANTANEOUS = Function.INSTANTANEOUS
_OTHER_INDEXES = {"energy", "energy_joule", "volume", "heat_cost"}


def medium(device_type: int) -> Medium:
    """What flows through a meter of this device type."""
    return _MEDIA.get(device_type, Medium.OTHER)


def status_words(status: int, model: Model | None = None) -> tuple[str, ...]:
    """What is not in order by the status byte of the transport layer's header (EN 13757-7, status field).

    Bits that the model gives a sense of its own have that one only.
    """
    if not status:
        return ()
    words: list[str] = []
    for flags in model.status(HEADER, 1) if status and model is not None else ():
        words += flags.words(status)
        for bit, _ in flags.codes:
            status &= ~bit
    words += [_APPLICATION[status & 3]] if status & 3 else []
    words += [word for bit, word in _STATUS_BITS.items() if status & bit]
    words += [f"manufacturer status {bit}" for bit in (5, 6, 7) if status >> bit & 1]
    return tuple(words)


def main(readings: Iterable[Reading], medium: Medium) -> tuple[Reading, ...]:
    """The readings, those marked `main` that stand for a meter of this medium.

    The index is the register of tariff 0 where the meter says it, else all its tariffs.
    """
    readings = tuple(readings)
    present: dict[str, list[int]] = {}  # where each register stands
    for at, r in enumerate(readings):
        if not (r.storage or r.subunit) and r.function is _INSTANTANEOUS:
            present.setdefault(r.register, []).append(at)
    marked = list(readings)
    for words in (_INDEXES.get(medium) or _index_registers(set(present)), _LEVELS.get(medium, ())):
        register = next((word for word in words if word in present), None)
        if register is not None:
            places = present[register]
            for at in [at for at in places if readings[at].tariff == 0] or places:
                r = readings[at]
                if isinstance(r.value, Decimal):
                    # each field by name: `replace` takes thrice the time, and each telegram has two of them
                    marked[at] = Reading(
                        r.register, r.quantity, r.value, r.tariff, r.storage, r.subunit, r.function, True, r.at
                    )
    return tuple(marked)


def _index_registers(registers: set[str]) -> tuple[str, ...]:
    alone = registers & _OTHER_INDEXES  # a pulse adapter of no stated medium that counts one thing
    return tuple(alone) if len(alone) == 1 else ()
