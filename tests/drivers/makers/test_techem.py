"""Techem's payloads, made here by the layouts drawn in drivers/wmbus/makers/techem.py."""

from datetime import date
from decimal import Decimal

import pytest

from drivers import wmbus
from drivers.encode.wmbus import identity
from drivers.model import Address, Frame, Medium, State, Telegram

LAST_YEAR = date(2025, 12, 31)


def frame(version: int, device_type: int, payload: bytes, ci: int = 0xA0) -> Frame:
    sent = identity(Address("wmbus", "12345678", "TCH", version, device_type))
    data = b"\x44" + sent.link_order + bytes((ci,)) + payload
    return Frame(bytes((len(data),)) + data)


def day(at: date) -> bytes:
    return (at.day | at.month << 5 | at.year - 2000 << 9).to_bytes(2, "little")


def day_of_year(month: int, number: int) -> bytes:
    return (number << 4 | month << 9).to_bytes(2, "little")


def u(value: int, size: int = 2) -> bytes:
    return value.to_bytes(size, "little")


def said(heard: Telegram) -> dict[tuple[str, int], object]:
    assert heard.state is State.DECODED, heard.error
    return {(r.register, r.storage): r.value for r in heard.readings}


def main(heard: Telegram) -> list[str]:
    return [r.register for r in heard.readings if r.main]


@pytest.mark.parametrize(
    ("version", "device_type", "medium"),
    [(0x74, 0x62, Medium.HOT_WATER), (0x74, 0x72, Medium.WATER), (0x95, 0x62, Medium.HOT_WATER)],
)
def test_a_water_meter_says_its_index_the_billing_day_and_todays_date(
    version: int, device_type: int, medium: Medium
) -> None:
    payload = b"\x06" + day(LAST_YEAR) + u(1234) + day_of_year(4, 9) + u(56) + bytes(28)
    heard = wmbus.decode(frame(version, device_type, payload))
    assert heard.medium is medium
    assert main(heard) == ["volume"]
    assert said(heard) == {
        ("volume", 0): Decimal(129_000),
        ("volume", 1): Decimal(123_400),
        ("target_date", 1): LAST_YEAR,
        ("date", 0): date(2026, 4, 9),
    }


def test_a_date_not_after_the_billing_day_is_of_the_next_year() -> None:
    payload = b"\x06" + day(date(2026, 5, 31)) + u(0) + day_of_year(5, 31) + u(0)
    assert said(wmbus.decode(frame(0x74, 0x62, payload)))["date", 0] == date(2027, 5, 31)


@pytest.mark.parametrize(("now", "first_pair"), [(date(2026, 3, 20), 2), (date(2026, 3, 15), 1)])
def test_half_months_become_months_with_their_dates(now: date, first_pair: int) -> None:
    halves = list(range(1, 25))
    triples = b"".join(bytes((a, b, 0)) for a, b in zip(halves[::2], halves[1::2], strict=True))
    payload = bytes(2) + day(now) + u(5000, 3) + b"\x00" + triples
    heard = said(wmbus.decode(frame(0x50, 0x72, payload)))
    assert heard["volume", 0] == Decimal(500_000)
    assert heard["volume_of_month", 1] == Decimal((halves[first_pair] + halves[first_pair + 1]) * 100)
    assert heard["target_date", 1] == date(2026, 2, 28)
    assert ("volume_of_month", 12) not in heard


@pytest.mark.parametrize(("kind", "extra"), [(0x11, b""), (0x01, b""), (0x0F, b"\x00")])
def test_a_heat_cost_allocator_says_both_periods_and_two_temperatures(kind: int, extra: bytes) -> None:
    payload = bytes((kind,)) + day(LAST_YEAR) + u(1026) + day_of_year(2, 8) + u(131) + extra + u(2244) + u(2551)
    heard = wmbus.decode(frame(0x94, 0x80, payload + bytes(20)))
    assert (heard.medium, main(heard)) == (Medium.HEAT_COST, ["heat_cost"])
    values = said(heard)
    assert (values["heat_cost", 0], values["heat_cost", 1]) == (131, 1026)
    assert (values["room_temperature", 0], values["radiator_temperature", 0]) == (Decimal("22.44"), Decimal("25.51"))


def test_an_allocator_of_an_unknown_kind_is_unsupported() -> None:
    heard = wmbus.decode(frame(0x94, 0x80, b"\x22" + bytes(30)))
    assert (heard.state, heard.readings) == (State.UNSUPPORTED, ())
    assert "kind 22 is not known" in str(heard.error)


def test_a_heat_meter_says_the_sum_of_both_periods() -> None:
    payload = b"\x00" + day(LAST_YEAR) + u(24_966, 3) + b"\x00" + u(284, 3) + bytes(20)
    heard = wmbus.decode(frame(0x45, 0xC3, payload))
    assert (heard.medium, main(heard)) == (Medium.HEAT, ["energy"])
    values = said(heard)
    assert (values["energy", 0], values["energy", 1]) == (25_250_000, 24_966_000)
    assert values["energy_since_target", 0] == 284_000


def test_vario_counts_megajoules() -> None:
    payload = b"\x00" + day(LAST_YEAR) + u(13_112) + b"\x00\x00" + u(9_826) + bytes(20)
    values = said(wmbus.decode(frame(0x27, 0xC3, payload)))
    assert values["energy_joule", 0] == (13_112 + 9_826) * 1_000_000


@pytest.mark.parametrize(("state", "status"), [(0, ()), (1, ("smoke",)), (0x71, ("maker status 0x71",))])
def test_a_smoke_detector_says_smoke(state: int, status: tuple[str, ...]) -> None:
    heard = wmbus.decode(frame(0x76, 0xF0, bytes((state,)) + day(LAST_YEAR) + bytes(8)))
    assert (heard.status, said(heard)["target_date", 1]) == (status, LAST_YEAR)


@pytest.mark.parametrize("payload", [b"", b"\x00\x9f", b"\x00\xbf\x33" + bytes(30)], ids=["empty", "cut", "month 13"])
def test_what_is_cut_or_no_date_is_unsupported_with_the_reason(payload: bytes) -> None:
    for version, device_type in ((0x74, 0x62), (0x69, 0x80), (0x45, 0x43), (0x27, 0x04), (0x76, 0xF0)):
        heard = wmbus.decode(frame(version, device_type, payload))
        assert (heard.state, heard.readings) == (State.UNSUPPORTED, ())


def test_a_version_nobody_wrote_a_layout_for_is_named() -> None:
    heard = wmbus.decode(frame(0x01, 0x62, bytes(20)))
    assert (heard.state, heard.error) == (State.UNSUPPORTED, "CI A0 (the manufacturer's own coding)")
