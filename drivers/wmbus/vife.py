"""What VIFEs add to a VIF (EN 13757-3, combinable VIFE tables): a factor, a word of the register's name, another quantity."""

from collections.abc import Callable
from dataclasses import replace
from decimal import Decimal

from drivers.model import Kind, Quantity
from drivers.wmbus.vif import DURATION_S, DataType, Meaning

EXTENSION = 0x7C  # the next VIFE is of the second table
MANUFACTURER = 0x7F  # the VIFEs that follow and the data are the maker's own
PROFILE_INVERSE = 0x13
PROFILES = {PROFILE_INVERSE: "inverse compact profile", 0x1E: "compact profile with registers", 0x1F: "compact profile"}

SIGNED = (DataType.SIGNED, DataType.INDEX, DataType.POSITIVE)
NUMBERS = (*SIGNED, DataType.UNSIGNED, DataType.FLAGS)
_OWN = (Quantity.COUNT, Quantity.DURATION)  # what a VIFE may say of any VIF: how often, how long, and when
_DATE = (Quantity.DATE, Decimal(1), DataType.MOMENT)

_Rule = Callable[[Meaning], Meaning]

# What a meter answers in place of a value.
ERRORS = {
    0x01: "too many DIFEs",
    0x02: "storage number not implemented",
    0x03: "subunit not implemented",
    0x04: "tariff not implemented",
    0x05: "function not implemented",
    0x06: "data class not implemented",
    0x07: "data size not implemented",
    0x0B: "too many VIFEs",
    0x0C: "illegal VIF group",
    0x0D: "illegal VIF exponent",
    0x0E: "VIF and DIF do not match",
    0x0F: "action not implemented",
    0x16: "data overflow",
    0x17: "data underflow",
    0x18: "data error",
    0x1C: "premature end of record",
}

# A quantity per unit of time that is itself a quantity: volume per hour is a flow. Seconds, minutes and hours stay exact.
_RATES = {
    Quantity.VOLUME: Quantity.FLOW,
    Quantity.MASS: Quantity.MASS_FLOW,
    Quantity.ENERGY: Quantity.POWER,
    Quantity.ENERGY_JOULE: Quantity.POWER_JOULE,
    Quantity.REACTIVE_ENERGY: Quantity.REACTIVE_POWER,
    Quantity.APPARENT_ENERGY: Quantity.APPARENT_POWER,
}


def combine(meaning: Meaning, code: int, extended: bool = False) -> Meaning | None:
    """The meaning with one VIFE more; `extended` for a code after VIFE FC. None: the standard has no such VIFE.

    A factor or a quotient of what is no number (a text, a date) has no meaning either.
    """
    rule = (_EXTENDED if extended else _RULES).get(code & 0x7F)
    if rule is None or meaning.type in NUMBERS:
        return rule(meaning) if rule else None
    result = rule(meaning)
    read = (result.quantity, result.factor, result.type)
    kept = read == (meaning.quantity, meaning.factor, meaning.type)
    return result if kept or read == _DATE or result.quantity in _OWN else None


def _named(suffix: str) -> _Rule:
    return lambda m: replace(m, register=f"{m.register}_{suffix}")


def _times(factor: Decimal) -> _Rule:
    return lambda m: replace(m, factor=m.factor * factor)


def _number(suffix: str) -> _Rule:
    """A quotient or product that no Quantity has: the register's name ends with the unit of the first part."""

    def rule(m: Meaning) -> Meaning:
        unit = m.quantity.unit.replace("/", "_per_").replace("%", "pct_").strip("_").lower()
        return replace(m, register=f"{m.register}_{suffix}{'_' if unit else ''}{unit}", quantity=Quantity.NUMBER)

    return rule


def _rate(word: str, per_hour: int) -> _Rule:
    number = _number(f"per_{word}")

    def rule(m: Meaning) -> Meaning:
        rate = _RATES.get(m.quantity)
        if rate is None:
            return number(m)
        return replace(m, register=f"{m.register}_per_{word}", quantity=rate, factor=m.factor * per_hour)

    return rule


def _period(word: str) -> _Rule:
    """An index per day is a quotient; a level per day, such as a maximum of power, is that of the day, in its own unit."""
    quotient, named = _number(f"per_{word}"), _named(f"per_{word}")
    return lambda m: named(m) if m.quantity.kind is Kind.LEVEL else quotient(m)


def _date(suffix: str) -> _Rule:
    return lambda m: Meaning(f"{m.register}_{suffix}", Quantity.DATE, type=DataType.MOMENT)


def _count(suffix: str) -> _Rule:
    return lambda m: Meaning(f"{m.register}_{suffix}", Quantity.COUNT, type=DataType.POSITIVE)


def _duration(suffix: str, unit_s: int) -> _Rule:
    return lambda m: Meaning(f"{m.register}_{suffix}", Quantity.DURATION, Decimal(unit_s), DataType.POSITIVE)


def _type(type_: DataType) -> _Rule:
    return lambda m: replace(m, type=type_)


def _profile(code: int) -> _Rule:
    return lambda m: replace(m, profile=code)


def _absent(m: Meaning) -> Meaning:
    return replace(m, absent=True)


def _error(words: str) -> _Rule:
    return lambda m: replace(m, error=m.error or words)


def _unchanged(m: Meaning) -> Meaning:
    return m


def _limits() -> dict[int, _Rule]:
    """E100 0000 .. E110 1111: limits, their exceeding, first and last."""
    rules: dict[int, _Rule] = {}
    for u, side in enumerate(("lower", "upper")):
        rules[0x40 | u << 3] = _named(f"{side}_limit")
        rules[0x41 | u << 3] = _count(f"{side}_limit_exceeded_count")
        rules[0x68 | u << 2] = _named(f"during_{side}_limit")
        for f, which in enumerate(("first", "last")):
            for b, edge in enumerate(("begin", "end")):
                rules[0x42 | u << 3 | f << 2 | b] = _date(f"{side}_limit_{which}_exceeded_{edge}")
            for nn, unit_s in enumerate(DURATION_S):
                rules[0x50 | u << 3 | f << 2 | nn] = _duration(f"{side}_limit_{which}_exceeded_duration", unit_s)
    for f, which in enumerate(("first", "last")):
        for nn, unit_s in enumerate(DURATION_S):
            rules[0x60 | f << 2 | nn] = _duration(f"{which}_duration", unit_s)
        for b, edge in enumerate(("begin", "end")):
            rules[0x6A | f << 2 | b] = _date(f"{which}_{edge}")
    return rules


# Not here, as a value off by a factor is worse than none: 14, a relative deviation, of which nothing says whether it counts
# in the VIF's unit; 78-7B, an additive constant, which may count in the VIF's unit or in its last digit; 3D, a non-metric
# unit system.
_RULES: dict[int, _Rule] = {
    0x00: _unchanged,
    **{code: _error(words) for code, words in ERRORS.items()},
    0x12: _named("average"),
    0x15: _absent,
    0x1D: _named("standard"),
    **{code: _profile(code) for code in PROFILES},
    0x20: _rate("second", 3600),
    0x21: _rate("minute", 60),
    0x22: _rate("hour", 1),
    0x23: _period("day"),
    0x24: _period("week"),
    0x25: _period("month"),
    0x26: _period("year"),
    0x27: _named("per_revolution"),
    0x28: _named("per_input_pulse_0"),
    0x29: _named("per_input_pulse_1"),
    0x2A: _named("per_output_pulse_0"),
    0x2B: _named("per_output_pulse_1"),
    0x2C: _number("per_l"),
    0x2D: _number("per_m3"),
    0x2E: _number("per_kg"),
    0x2F: _number("per_k"),
    0x30: _number("per_kwh"),
    0x31: _number("per_gj"),
    0x32: _number("per_kw"),
    0x33: _number("per_k_l"),
    0x34: _number("per_v"),
    0x35: _number("per_a"),
    0x36: _number("times_s"),
    0x37: _number("times_s_per_v"),
    0x38: _number("times_s_per_a"),
    0x39: _date("start"),
    0x3A: _named("at_metering_conditions"),
    0x3B: _named("forward"),
    0x3C: _named("backward"),
    0x3E: _named("at_base_conditions"),
    0x3F: lambda m: Meaning(f"{m.register}_obis", Quantity.TEXT, type=DataType.BYTES),
    **_limits(),
    0x69: _named("leakage"),
    0x6D: _named("overflow"),
    **{0x70 + n: _times(Decimal(1).scaleb(n - 6)) for n in range(8)},
    0x7D: _times(Decimal(1000)),
    0x7E: _named("future"),
}

_EXTENDED: dict[int, _Rule] = {
    0x01: _named("l1"),
    0x02: _named("l2"),
    0x03: _named("l3"),
    0x04: _named("neutral"),
    0x05: _named("l1_l2"),
    0x06: _named("l2_l3"),
    0x07: _named("l3_l1"),
    0x08: _named("quadrant_1"),
    0x09: _named("quadrant_2"),
    0x0A: _named("quadrant_3"),
    0x0B: _named("quadrant_4"),
    0x0C: _named("import_minus_export"),
    0x10: _named("absolute"),
    0x11: _type(DataType.UNSIGNED),
    0x12: _type(DataType.FLAGS),
    0x14: _named("to_meter"),  # a level as the meter hears it
    0x15: _named("from_meter"),
}
