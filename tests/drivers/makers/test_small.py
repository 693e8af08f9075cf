"""Brunata, Zenner, Hydroclima and GWF: telegrams made here by the layouts drawn in their files."""

from datetime import date
from decimal import Decimal

import pytest

from drivers import wmbus
from drivers.encode.wmbus import telegram
from drivers.model import Address, Frame, Function, State, Telegram

BRUNATA = Address("wmbus", "12345678", "BFW", 0x02, 0x08)
ZENNER = Address("wmbus", "12345678", "ZRI", 0x0B, 0x16)
HYDROCLIMA = Address("wmbus", "12345678", "BMP", 0x85, 0x08)
GWF = Address("wmbus", "12345678", "GWF", 0x3C, 0x07)


def hear(meter: Address, content: bytes) -> Telegram:
    return wmbus.decode(Frame(telegram(meter, content, 1)))


def values(heard: Telegram) -> dict[tuple[str, int], object]:
    assert heard.state is State.DECODED, heard.error
    return {(r.register, r.storage): r.value for r in heard.readings if r.function is Function.INSTANTANEOUS}


def u(value: int, size: int = 2) -> bytes:
    return value.to_bytes(size, "little", signed=value < 0)


def brunata(months: list[int], at: str = "280221") -> bytes:
    """`months[0]` ended last. Two share three bytes, the older one first, the oldest two at the start."""
    sent = b"\x2f\x2f\x9e\x1f" + (961).to_bytes(2, "big") + (904).to_bytes(2, "big") + bytes(2)
    for older, newer in zip(months[::-2], months[-2::-2], strict=True):
        sent += bytes((older & 0xFF, older >> 8 << 4 | newer >> 8, newer & 0xFF))
    return sent + bytes.fromhex(at)


def test_brunata_says_two_years_and_eighteen_months_with_their_dates() -> None:
    months = [541, 961, 522, 226, 14, 4, 4, 4, 2, *[0] * 9]
    said = values(hear(BRUNATA, brunata(months)))
    assert (said["heat_cost", 0], said["heat_cost", 1], said["date", 0]) == (904, 961, date(2021, 2, 28))
    assert [said["heat_cost", 1 + n] for n in range(1, 19)] == months
    assert (said["target_date", 2], said["target_date", 3]) == (date(2021, 1, 31), date(2020, 12, 31))


@pytest.mark.parametrize(
    "content", [brunata([0] * 18, at="320221"), brunata([0] * 18)[:-1], brunata([0] * 18, "2A0221")]
)
def test_brunata_with_no_date_or_another_length_is_unsupported(content: bytes) -> None:
    assert hear(BRUNATA, content).state is State.UNSUPPORTED


def test_zenner_counts_256ths_of_a_litre() -> None:
    content = b"\x0f" + u(0, 4) + u(7103 * 256 + 128, 4) + u(17062 * 256, 4) + b"\x00"
    heard = hear(ZENNER, content)
    assert values(heard) == {("volume", 0): Decimal(17062), ("volume", 1): Decimal("7103.5")}
    assert heard.status == ()


def test_zenner_says_its_status_as_a_number_since_nobody_published_its_bits() -> None:
    assert hear(ZENNER, b"\x0f" + u(0x20, 4) + u(1, 4) + u(2, 4)).status == ("maker status 0x20",)


def test_zenner_with_more_at_the_months_start_than_now_is_unsupported() -> None:
    assert hear(ZENNER, b"\x0f" + u(0, 4) + u(2, 4) + u(1, 4)).state is State.UNSUPPORTED


NO_TEMPERATURE = -0x8000
HEAT_COST = bytes.fromhex("036E 070000")


def test_hydroclima_10_says_temperatures_and_all_units() -> None:
    tail = b"\x10" + u(0) + bytes(4) + u(1866) + u(4751) + bytes(4) + u(1578) + u(NO_TEMPERATURE) + bytes(2) + u(33, 3)
    heard = hear(HYDROCLIMA, HEAT_COST + b"\x0f" + tail)
    assert values(heard) == {
        ("heat_cost", 0): 7,
        ("heat_cost_total", 0): 33,
        ("room_temperature", 0): Decimal("18.66"),
        ("room_temperature", 1): Decimal("15.78"),
    }
    assert [r.value for r in heard.readings if r.function is Function.MAXIMUM] == [Decimal("47.51")]


def test_hydroclima_11_says_past_periods() -> None:
    tail = b"\x11" + u(0x100) + bytes(6) + u(2087) + u(2045) + u(2075) + bytes(2) + u(1940) + u(1894)
    tail += u(4) + u(3) + u(2) + u(1) + u(1988) + u(2086) + u(NO_TEMPERATURE) + bytes(9) + u(34, 3)
    heard = hear(HYDROCLIMA, HEAT_COST + b"\x0f" + tail)
    said = values(heard)
    assert [said["heat_cost_of_period", n] for n in range(1, 5)] == [4, 3, 2, 1]
    assert (said["radiator_temperature", 0], said["radiator_temperature", 1]) == (Decimal("20.87"), Decimal("19.40"))
    assert ("room_temperature_of_period", 3) not in said
    assert heard.status == ("maker status 0x100",)


def test_gwf_says_alarms_and_battery_behind_its_records() -> None:
    heard = hear(GWF, bytes.fromhex("0413 3E000000  0F 01 28 E0"))
    assert heard.status == ("burst", "battery low")
    assert values(heard)["battery_life_remaining_estimate", 0] == 28 * 15_778_800


@pytest.mark.parametrize(
    ("meter", "tail"), [(GWF, "0F 02 28 E0"), (HYDROCLIMA, "0F 12 00 00"), (HYDROCLIMA, "0F 10 00")]
)
def test_a_tail_of_another_kind_is_a_fault_and_the_records_stay(meter: Address, tail: str) -> None:
    heard = hear(meter, HEAT_COST + bytes.fromhex(tail))
    assert values(heard) == {("heat_cost", 0): 7}
    assert len(heard.faults) == 1
