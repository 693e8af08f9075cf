"""Qundis' walk-by block, made here by the layout drawn in drivers/wmbus/makers/qundis.py."""

from datetime import date
from decimal import Decimal

import pytest

from drivers import wmbus
from drivers.encode.wmbus import identity
from drivers.model import Address, Frame, Medium, State, Telegram

NONE = -0x8000
CLOCK = bytes.fromhex("046D 220F A227")  # 2.7.2021 15:34


def type_g(at: date) -> bytes:
    year = at.year - 2000
    return bytes((at.day | (year & 7) << 5, at.month | year >> 3 << 4))


def bcd(value: int) -> bytes:
    return bytes.fromhex(f"{value:08d}")[::-1]


def block(vif: int, now: int, year: int, month: int, history: list[int], at: date = date(2021, 6, 30)) -> bytes:
    sent = b"\x00\x82\x18\x00\x00\x80\x00\x07\xb0" + bytes((vif,)) + b"\xff\xff"
    sent += bcd(now) + type_g(date(2020, 12, 31)) + bcd(year) + type_g(at) + bcd(month)
    return sent + b"".join(value.to_bytes(2, "little", signed=True) for value in history) + b"\x2f"


def hear(version: int, device_type: int, sent: bytes) -> Telegram:
    meter = identity(Address("wmbus", "90919293", "QDS", version, device_type))
    data = b"\x44" + meter.link_order + b"\x78\x0d\xff\x5f" + bytes((len(sent),)) + sent + CLOCK
    return wmbus.decode(Frame(bytes((len(data),)) + data))


def values(heard: Telegram) -> dict[tuple[str, int], object]:
    assert heard.state is State.DECODED, heard.error
    return {(r.register, r.storage): r.value for r in heard.readings}


def test_an_allocator_says_now_both_past_dates_and_months_from_zero_on_each_year() -> None:
    # December ended at 270; January stands at 24, so its difference to December is negative
    heard = hear(0x34, 0x08, block(0x6E, 97, 270, 97, [NONE] * 4 + [1, 24, 24 - 270, 46, 20, 5, 2, 0]))
    said = values(heard)
    assert (heard.medium, [r.register for r in heard.readings if r.main]) == (Medium.HEAT_COST, ["heat_cost"])
    assert (said["heat_cost", 0], said["heat_cost", 1], said["heat_cost", 17]) == (97, 270, 97)
    assert (said["target_date", 1], said["target_date", 17]) == (date(2020, 12, 31), date(2021, 6, 30))
    assert (said["heat_cost_of_month", 22], said["target_date", 22]) == (24, date(2021, 1, 31))
    assert (said["heat_cost_of_month", 23], said["target_date", 23]) == (24, date(2020, 12, 31))
    assert ("heat_cost_of_month", 25) not in said
    assert "manufacturer_5f" not in {register for register, _ in said}


def test_a_water_meters_months_count_ten_litres() -> None:
    said = values(hear(0x18, 0x07, block(0x13, 1991, 1791, 1791, [NONE] * 11 + [20])))
    assert (said["volume", 0], said["volume_of_month", 17]) == (1991, 200)


@pytest.mark.parametrize(
    ("vif", "register", "value"),
    [(0x05, "energy", 100), (0x06, "energy", 1000), (0x0D, "energy_joule", 100_000), (0x0E, "energy_joule", 1_000_000)],
)
def test_a_heat_meter_says_its_unit(vif: int, register: str, value: int) -> None:
    said = values(hear(0x46, 0x37, block(vif, 3, 2, 1, [NONE] * 12)))
    assert said[register, 0] == Decimal(3 * value)


def test_a_version_nobody_has_met_is_read_too() -> None:
    assert values(hear(0x77, 0x07, block(0x13, 1991, 1791, 1791, [NONE] * 12)))["volume", 0] == 1991


def test_an_encrypted_block_is_said_and_the_clock_is_still_read() -> None:
    sent = bytearray(block(0x6E, 97, 270, 97, [0] * 12))
    sent[4], sent[9] = 0x35, 0x99
    heard = hear(0x34, 0x08, bytes(sent))
    assert "date_time" in {r.register for r in heard.readings}
    assert "heat_cost" not in {r.register for r in heard.readings}
    assert "encrypted" in str(heard.faults[0])


def test_digits_that_are_none_give_no_value() -> None:
    sent = bytearray(block(0x6E, 97, 270, 97, [0] * 12))
    sent[12] = 0xAB
    assert "heat_cost" not in {r.register for r in hear(0x34, 0x08, bytes(sent)).readings}


def test_another_block_stays_what_it_is() -> None:
    heard = hear(0x34, 0x08, bytes(12))
    assert ("manufacturer_5f", bytes(12).hex()) in {(r.register, r.value) for r in heard.readings}
