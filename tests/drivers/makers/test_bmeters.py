"""B Meters: telegrams made here by the layouts drawn in drivers/wmbus/makers/bmeters.py."""

from datetime import date
from decimal import Decimal

import pytest

from drivers import wmbus
from drivers.encode.wmbus import identity, telegram
from drivers.model import Address, Frame, State, Telegram
from drivers.wmbus.makers.bmeters import MASK

RFM = Address("wmbus", "12345678", "BMT", 0x05, 0x07)
HYDRODIGIT = Address("wmbus", "12345678", "BMT", 0x13, 0x07)

RECORDS = bytes.fromhex("0C13 66380000  046D 2728 7E2A")  # 3866 L, 30.10.2019 8:39
JANUARY_TO_DECEMBER = (193, 209, 230, 253, 268, 303, 321, 340, 360, 137, 160, 179)


def u24s(*values: int) -> bytes:
    return b"".join(value.to_bytes(3, "little") for value in values)


def values(heard: Telegram) -> dict[tuple[str, int], object]:
    assert heard.state is State.DECODED, heard.error
    return {(r.register, r.storage): r.value for r in heard.readings}


def rfm(volume: str, access: int, months: bytes = b"") -> Frame:
    row = MASK[access & 0x0F]
    hidden = bytes(a ^ b ^ access for a, b in zip(bytes.fromhex(volume)[::-1], row, strict=True))
    body = (
        bytes((0x7A, access, 0x00, 0x00, 0x10)) + bytes(2) + hidden + bytes(7) + bytes.fromhex("304512150619") + months
    )
    data = b"\x44" + identity(RFM).link_order + body
    return Frame(bytes((len(data),)) + data)


@pytest.mark.parametrize("access", range(16))
def test_the_old_module_hides_its_volume_under_a_table(access: int) -> None:
    heard = wmbus.decode(rfm("00012345", 0x50 | access))
    assert values(heard) == {("volume", 0): Decimal(12345), ("date", 0): date(2019, 6, 15)}


def test_digits_that_are_none_are_unsupported() -> None:
    sent = bytearray(rfm("00012345", 0x51).data)
    sent[17] ^= 0x0F
    heard = wmbus.decode(Frame(bytes(sent)))
    assert (heard.state, heard.readings) == (State.UNSUPPORTED, ())


def test_the_old_module_says_month_ends_too() -> None:
    months = u24s(1000, 1050, 1100, 1150, 1200, 0xFFFFFF, *[0xFFFFFF] * 6)
    said = values(wmbus.decode(rfm("00012345", 0x51, months)))
    assert (said["volume", 1], said["target_date", 1]) == (12000, date(2019, 5, 31))
    assert ("volume", 6) not in said


def test_hydrodigit_says_battery_backflow_and_twelve_month_ends() -> None:
    tail = b"\x0f\x15\x0e" + (7).to_bytes(4, "little") + u24s(*JANUARY_TO_DECEMBER)
    heard = wmbus.decode(Frame(telegram(HYDRODIGIT, RECORDS + tail + b"\x2f" * 5, 1)))
    said = values(heard)
    assert (said["battery_voltage", 0], said["volume_backward", 0]) == (Decimal("3.7"), 7)
    assert (said["volume", 0], said["volume", 1], said["target_date", 1]) == (3866, 3600, date(2019, 9, 30))
    assert (said["volume", 12], said["target_date", 12]) == (1370, date(2018, 10, 31))
    assert heard.status == ()


def test_hydrodigit_says_a_leak_and_a_fraud_with_their_dates() -> None:
    tail = b"\x0f\x83\x0a" + b"\x80\x19\x10\x05" + b"\x19\x04\x25"
    heard = wmbus.decode(Frame(telegram(HYDRODIGIT, RECORDS + tail, 1)))
    assert values(heard)["tamper_date", 0] == date(2019, 10, 5)
    assert values(heard)["leak_date", 0] == date(2019, 4, 25)
    assert heard.status == ("magnetic field", "leak (earlier)")


@pytest.mark.parametrize("tail", [b"\x0f\x10" + u24s(*reversed(JANUARY_TO_DECEMBER)), b"\x0f\x04\x01"])
def test_a_tail_that_makes_no_sense_leaves_the_records_alone(tail: bytes) -> None:
    heard = wmbus.decode(Frame(telegram(HYDRODIGIT, RECORDS + tail, 1)))
    assert values(heard)["volume", 0] == 3866
    assert ("volume", 1) not in values(heard)
    assert len(heard.faults) == 1
