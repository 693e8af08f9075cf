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


def test_months_count_ten_of_the_volumes_last_digit() -> None:
    tens_of_litres = bytes.fromhex("0C14 66380000  046D 2728 7E2A")  # 38660 L
    said = values(
        wmbus.decode(Frame(telegram(HYDRODIGIT, tens_of_litres + b"\x0f\x10" + u24s(*JANUARY_TO_DECEMBER), 1)))
    )
    assert (said["volume", 0], said["volume", 1]) == (38660, 36000)


GENERATION_17 = Address("wmbus", "12345678", "BMT", 0x17, 0x07)


def test_from_generation_17_on_the_parts_are_others() -> None:
    # battery not filled, 128 L backwards (in the old layout the kind of a fraud), fraud 5.10.2019, leak 25.4.2019, no burst
    parts = b"\x00" + (128).to_bytes(4, "little") + bytes.fromhex("055019 250419 000000")
    heard = wmbus.decode(Frame(telegram(GENERATION_17, RECORDS + b"\x0f\x1f" + parts + b"\x2f" * 3, 1)))
    said = values(heard)
    assert (said["volume_backward", 0], said["volume", 0]) == (128, 3866)
    assert (said["tamper_date", 0], said["leak_date", 0]) == (date(2019, 10, 5), date(2019, 4, 25))
    assert not {("burst_date", 0), ("battery_voltage", 0)} & set(said)
    assert (heard.status, heard.faults) == (("backflow (earlier)", "leak (earlier)"), ())


def test_from_generation_17_on_the_months_say_their_day() -> None:
    months = u24s(*JANUARY_TO_DECEMBER[:9], 0, 0, 0)
    heard = wmbus.decode(Frame(telegram(GENERATION_17, RECORDS + b"\x0f\x80" + months + b"\x00", 1)))
    assert (values(heard)["volume", 1], values(heard)["target_date", 1]) == (3600, date(2019, 9, 30))
    assert ("volume", 10) not in values(heard)  # a month that was not kept is 0
    heard = wmbus.decode(Frame(telegram(GENERATION_17, RECORDS + b"\x0f\x82" + bytes(4) + months + b"\x15", 1)))
    assert values(heard)["volume_backward", 0] == 0
    assert ("volume", 1) not in values(heard)
    assert "month values kept on day 15 cannot be dated" in str(heard.faults[0])


@pytest.mark.parametrize("tail", [b"\x0f\x02\x01", b"\x0f\x02" + bytes(5), b"\x0f\x40" + bytes(3)])
def test_parts_of_generation_17_that_do_not_fit_leave_the_records_alone(tail: bytes) -> None:
    heard = wmbus.decode(Frame(telegram(GENERATION_17, RECORDS + tail, 1)))
    assert set(values(heard)) == {("volume", 0), ("date_time", 0)}
    assert len(heard.faults) == 1


@pytest.mark.parametrize("tail", [b"\x0f\x10" + u24s(*reversed(JANUARY_TO_DECEMBER)), b"\x0f\x04\x01"])
def test_a_tail_that_makes_no_sense_leaves_the_records_alone(tail: bytes) -> None:
    heard = wmbus.decode(Frame(telegram(HYDRODIGIT, RECORDS + tail, 1)))
    assert values(heard)["volume", 0] == 3866
    assert ("volume", 1) not in values(heard)
    assert len(heard.faults) == 1
