"""A value of the house as a person reads it: scaled unit, digits of the meter's drum, the number on its plate, signal."""

from collections.abc import Iterable
from dataclasses import dataclass
from decimal import ROUND_DOWN, Decimal

from markupsafe import Markup

from drivers.model import Medium, Quantity
from gateway.views import HeardMeter
from webui import spoken
from webui.words import NO_BREAK, WIDE, Amount, Words, mark

UNITS = {"degC": "°C", "m3degC": "m³·°C", "%RH": "%", "HCA": mark("units")}
GAS_MEDIA = frozenset({Medium.GAS})
WATER_MEDIA = frozenset({Medium.WATER, Medium.HOT_WATER})


@dataclass(frozen=True, slots=True)
class Scale:
    """A unit to read in: the quantity's own unit times ten to the `exponent`, and how many decimals are honest."""

    unit: str
    exponent: int
    decimals: int

    def of(self, value: Decimal) -> Decimal:
        return value.scaleb(-self.exponent)

    def number(self, words: Words, value: Decimal) -> str:
        return words.number(self.of(value), self.decimals)

    def amount(self, words: Words, value: Decimal) -> Amount:
        unit = str(words.say(self.unit)) if self.unit == "units" else self.unit
        return Amount(self.number(words, value), unit)


def scale_for(quantity: Quantity, medium: Medium, values: Iterable[Decimal | None]) -> Scale:
    """One scale for all these values, so that a column of them lines up."""
    largest = max((abs(value) for value in values if value is not None), default=Decimal(0))
    match quantity:
        case Quantity.ENERGY:
            return Scale("kWh", 3, 2 if largest < 1000 else 1 if largest < 100_000 else 0)
        case Quantity.ENERGY_JOULE:
            return Scale("MJ", 6, 1 if largest < 100_000_000 else 0)
        case Quantity.REACTIVE_ENERGY | Quantity.APPARENT_ENERGY:
            return Scale("k" + quantity.unit, 3, 1)
        case Quantity.VOLUME if medium not in GAS_MEDIA and largest < 1000:
            return Scale("L", 0, 0)
        case Quantity.VOLUME:
            return Scale("m³", 3, 2 if largest < 100_000 else 1)
        case Quantity.FLOW if medium in GAS_MEDIA or largest >= 10_000:
            return Scale("m³/h", 3, 2)
        case Quantity.POWER | Quantity.APPARENT_POWER | Quantity.REACTIVE_POWER:
            return Scale("k" + quantity.unit, 3, 1) if largest >= 10_000 else Scale(quantity.unit, 0, 0)
        case Quantity.TEMPERATURE | Quantity.TEMPERATURE_DIFFERENCE | Quantity.CURRENT | Quantity.FREQUENCY:
            return Scale(UNITS.get(quantity.unit, quantity.unit), 0, 1)
        case Quantity.HEAT_COST:
            return Scale("units", 0, 0)
        case Quantity.PRESSURE | Quantity.POWER_FACTOR:
            return Scale(quantity.unit, 0, 2)
        case _:
            return Scale(UNITS.get(quantity.unit, quantity.unit), 0, 0)


def amount(words: Words, quantity: Quantity, medium: Medium, value: Decimal) -> Amount:
    return scale_for(quantity, medium, [value]).amount(words, value)


@dataclass(frozen=True, slots=True)
class Drum:
    """The index as the meter's own counter shows it, so that anyone can check the box against the wall."""

    whole: str
    fraction: str
    unit: str


# Black drums, red drums, and the power of ten between the series' unit and the counter's.
# An electronic meter shows whole kWh; a water or gas meter shows m3 and its litres in red.
_DRUMS = {Quantity.ENERGY: (6, 0, 3, "kWh"), Quantity.VOLUME: (5, 3, 3, "m³"), Quantity.ENERGY_JOULE: (5, 0, 6, "MJ")}


def drum(words: Words, quantity: Quantity, value: Decimal) -> Drum:
    """Digits are cut, never rounded up: a counter shows a unit only once it is full."""
    black, red, exponent, unit = _DRUMS.get(quantity, (5, 0, 0, UNITS.get(quantity.unit, quantity.unit)))
    finest = int(value.as_tuple().exponent) - exponent  # a meter that says whole m3 shows no red digit
    red = max(0, min(red, -finest))
    cut = value.scaleb(-exponent).quantize(Decimal(1).scaleb(-red), rounding=ROUND_DOWN, context=WIDE)
    whole, _, fraction = f"{cut:f}".partition(".")
    return Drum(whole.zfill(black), fraction, str(words.say(unit)) if unit == "units" else unit)


M_BUS = ("wmbus", "mbus")
PRINTED = ("tic", "p1", "sml", *M_BUS)  # protocols whose address is the number on the plate


def engraved(address: str | None) -> str:
    """The number printed on the meter, in groups, out of its address; nothing where the address is no such number."""
    protocol, _, rest = (address or "").partition(":")
    if protocol not in PRINTED:
        return ""
    parts = rest.split("-") if protocol in M_BUS else []
    number = parts[1] if len(parts) == 4 else rest
    if protocol == "tic" and len(number) == 12:
        return NO_BREAK.join((number[:4], number[4:8], number[8:]))
    if number.isdigit() and len(number) == 8:
        return NO_BREAK.join((number[:2], number[2:5], number[5:]))
    return number


# The kinds of things on a broker, as their makers write them.
KINDS = {
    "zigbee2mqtt": "Zigbee2MQTT",
    "tasmota": "Tasmota",
    "teleinfo": "teleinfo2mqtt",
    "shelly": "Shelly",
    "homeassistant": "ESPHome · Home Assistant",
    "wmbusmeters": "wmbusmeters",
    "rtl_433": "rtl_433",
    "generic": mark("your own mapping"),
}


def called(meter: HeardMeter) -> str:
    """What a heard meter is known by: its name on the broker, or the number printed on it."""
    return meter.name or engraved(meter.address)


def previewed(words: Words, meter: HeardMeter) -> list[Markup]:
    """What a thing says before it is adopted, a line a value: `power 41 W`."""
    return [
        Markup("{} {}").format(
            spoken.register_name(words, said.register),
            said.value if isinstance(said.value, str) else amount(words, said.quantity, meter.medium, said.value),
        )
        for said in meter.preview
    ]


def maker(address: str) -> str:
    """The three letters of the manufacturer (EN 62056-21 FLAG), or nothing."""
    protocol, _, rest = address.partition(":")
    parts = rest.split("-") if protocol in M_BUS else []
    return parts[0] if len(parts) == 4 else ""


WIRES = ("tic:", "p1:", "sml:", "mbus:", "modbus:", "pulse:")
WIRED, NO_SIGNAL, BY_NETWORK = mark("by wire"), mark("not measured"), mark("by the home network")
# dBm at the receiver; a wireless M-Bus stick loses telegrams below about -100
_SIGNALS = ((-75, 4, mark("strong")), (-88, 3, mark("good")), (-98, 2, mark("fair")))


def signal(address: str | None, rssi_dbm: int | None) -> tuple[int, str]:
    """Bars of four, and their word; no bars where a strength makes no sense."""
    if rssi_dbm is None and address is not None and address.startswith("thing:"):
        return 0, BY_NETWORK
    if rssi_dbm is None:
        return 0, WIRED if address is not None and address.startswith(WIRES) else NO_SIGNAL
    for at_least_dbm, bars, word in _SIGNALS:
        if rssi_dbm >= at_least_dbm:
            return bars, word
    return 1, mark("weak")


# In this order: each browser also carries the names of those that it descends from.
_BROWSERS = (
    ("Edg", "Edge"), ("OPR/", "Opera"), ("SamsungBrowser/", "Samsung Internet"), ("Firefox/", "Firefox"),
    ("FxiOS/", "Firefox"), ("Chrome/", "Chrome"), ("CriOS/", "Chrome"), ("Safari/", "Safari"),
)  # fmt: skip
_MACHINES = (
    ("iPhone", "iPhone"), ("iPad", "iPad"), ("Android", "Android"), ("Windows", "Windows"),
    ("Macintosh", "Mac"), ("CrOS", "Chromebook"), ("Linux", "Linux"),
)  # fmt: skip


def browser(agent: str) -> str:
    """`Firefox, Android`: a browser and its machine as their owner knows them; what is unknown as it names itself."""
    found = [next((name for part, name in table if part in agent), "") for table in (_BROWSERS, _MACHINES)]
    return ", ".join(name for name in found if name) or agent


# The glyph and the hue a medium has on every page.
HUES = {
    Medium.ELECTRICITY: "e",
    Medium.GAS: "g",
    Medium.WATER: "w",
    Medium.HOT_WATER: "w",
    Medium.HEAT: "h",
    Medium.COOLING: "w",
    Medium.HEAT_COST: "h",
    Medium.OTHER: "o",
}
MEDIUM_NAMES = {
    Medium.ELECTRICITY: mark("Electricity"),
    Medium.GAS: mark("Gas"),
    Medium.WATER: mark("Cold water"),
    Medium.HOT_WATER: mark("Hot water"),
    Medium.HEAT: mark("Heating"),
    Medium.COOLING: mark("Cooling"),
    Medium.HEAT_COST: mark("Heat allocator"),
    Medium.OTHER: mark("Other meter"),
}
OF_MEDIUM = {
    Medium.ELECTRICITY: mark("of electricity"),
    Medium.GAS: mark("of gas"),
    Medium.WATER: mark("of cold water"),
    Medium.HOT_WATER: mark("of hot water"),
    Medium.HEAT: mark("of heat"),
    Medium.COOLING: mark("of cooling"),
}
