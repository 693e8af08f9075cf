"""The meters of the furnished house: their numbers, keys and registers, and what each one's index is at any time.

All of them are made up. The registers are those that our decoders give for what the players send, so that the two
years of history and what is read live are one series.
"""

from collections.abc import Callable
from dataclasses import dataclass

from drivers.model import Address, Medium
from gateway.demo.life import Life, Stream, off_peak

MANUFACTURER = "RLV"  # given to nobody: every telegram is decoded by the standard alone


@dataclass(frozen=True, slots=True)
class Register:
    """One register in the history: `value` counts in `unit` shifted by `decimals`."""

    name: str
    tariff: int
    unit: str
    decimals: int
    main: bool
    value: Callable[[Life, float], int]


@dataclass(frozen=True, slots=True)
class HouseMeter:
    """An instrument of the house. `name` is its metering point's; `history` is empty where nobody could read it yet."""

    name: str
    medium: Medium
    address: Address
    key: bytes | None = None
    history: tuple[Register, ...] = ()

    @property
    def number(self) -> str:
        return self.address.id


def home_wh(life: Life, at: float) -> tuple[int, int]:
    """Indexes of the house's Linky: off-peak, peak."""
    cheap = life.total_off_peak(Stream.HOUSEHOLD, at) + life.total_off_peak(Stream.HEAT_PUMP, at)
    total = life.total(Stream.HOUSEHOLD, at) + life.total(Stream.HEAT_PUMP, at)
    return 5_108_226 + cheap, 9_420_417 + total - cheap


def home_w(life: Life, at: float) -> int:
    return life.per_hour(Stream.HOUSEHOLD, at) + life.per_hour(Stream.HEAT_PUMP, at)


def home_mean_w(life: Life, at: float) -> int:
    """Mean power of the half-hour that ends at `at`, as the load curve has it."""
    return 2 * (life.amount(Stream.HOUSEHOLD, at - 1) + life.amount(Stream.HEAT_PUMP, at - 1))


def workshop_wh(life: Life, at: float) -> tuple[int, int]:
    """Indexes of the workshop's Linky: off-peak, peak."""
    cheap = life.total_off_peak(Stream.WORKSHOP, at)
    return 611_930 + cheap, 1_874_055 + life.total(Stream.WORKSHOP, at) - cheap


def heat_pump_wh(life: Life, at: float) -> int:
    return 1_204_318 + life.total(Stream.HEAT_PUMP, at)


def cold_water_l(life: Life, at: float) -> int:
    """The meter that stands there now began at 0 when it was put in."""
    if at < life.events.swap_at:
        return old_cold_water_l(life, at)
    return (life.total(Stream.COLD_WATER, at) - life.total(Stream.COLD_WATER, life.events.swap_at)) // 1000


def old_cold_water_l(life: Life, at: float) -> int:
    return 742_106 + life.total(Stream.COLD_WATER, at) // 1000


def hot_water_l(life: Life, at: float) -> int:
    return 81_377 + life.total(Stream.HOT_WATER, at) // 1000


def gas_10l(life: Life, at: float) -> int:
    return 294_518 + life.total(Stream.GAS, at) // 10_000


def radiator_units(life: Life, at: float) -> int:
    return 388 + life.total(Stream.RADIATOR, at) // 1000


def heat_wh(life: Life, at: float) -> int:
    return 12_046_000 + life.total(Stream.HEAT, at)


def neighbour_l(life: Life, at: float) -> int:
    return 1_530_992 + life.total(Stream.NEIGHBOUR, at) // 1000


def _radio(number: str, device_type: int) -> Address:
    return Address("wmbus", number, MANUFACTURER, 0x01, device_type)


HOME = HouseMeter(
    "Maison",
    Medium.ELECTRICITY,
    Address("tic", "092261000420"),
    history=(
        Register("EAST", 0, "Wh", 0, True, lambda life, at: sum(home_wh(life, at))),
        Register("EASF01", 1, "Wh", 0, False, lambda life, at: home_wh(life, at)[0]),
        Register("EASF02", 2, "Wh", 0, False, lambda life, at: home_wh(life, at)[1]),
        Register("CCASN", 0, "W", 0, True, home_mean_w),
    ),
)
WORKSHOP = HouseMeter(
    "Atelier",
    Medium.ELECTRICITY,
    Address("tic", "091961000137"),
    history=(
        Register("HCHC", 1, "Wh", 0, True, lambda life, at: workshop_wh(life, at)[0]),
        Register("HCHP", 2, "Wh", 0, True, lambda life, at: workshop_wh(life, at)[1]),
    ),
)
HEAT_PUMP = HouseMeter(
    "Pompe à chaleur",
    Medium.ELECTRICITY,
    Address("modbus", "chaufferie/1"),
    history=(Register("import_energy", 0, "kWh", 3, True, heat_pump_wh),),
)
OLD_COLD_WATER_NUMBER = "08172635"
COLD_WATER = HouseMeter(
    "Eau froide",
    Medium.WATER,
    _radio("23051980", 0x07),
    bytes.fromhex("5265766520646527656175206672616D"),
    (Register("volume", 0, "m3", 3, True, cold_water_l),),
)
GAS = HouseMeter("Gaz", Medium.GAS, _radio("31415920", 0x03), history=(Register("volume", 0, "m3", 2, True, gas_10l),))
RADIATOR = HouseMeter(
    "Radiateur salon",
    Medium.HEAT_COST,
    _radio("16180339", 0x08),
    history=(Register("heat_cost", 0, "HCA", 0, True, radiator_units),),
)
HEAT = HouseMeter("Chauffage", Medium.HEAT, _radio("27182818", 0x04), bytes.fromhex("436861756666616765206465206C6127"))
HOT_WATER = HouseMeter(
    "Eau chaude", Medium.HOT_WATER, _radio("23051981", 0x06), bytes.fromhex("4D657474657A2D6D6F6920656E636F72")
)
NEIGHBOUR = HouseMeter("", Medium.WATER, _radio("57721566", 0x07), bytes.fromhex("00112233445566778899AABBCCDDEEFF"))

READ = (HOME, WORKSHOP, HEAT_PUMP, COLD_WATER, GAS, RADIATOR)


def tariff(at: float) -> int:
    """The index that counts now, as NTARF has it: 1 off-peak, 2 peak."""
    return 1 if off_peak(at) else 2
