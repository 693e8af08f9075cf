"""What a model's data adds to the records of the standard. The telegrams are made here."""

from datetime import date
from decimal import Decimal

import pytest

from drivers import mbus, wmbus
from drivers.encode import mbus as encode_mbus
from drivers.encode.wmbus import identity, telegram
from drivers.model import Address, Frame, Quantity, State, Telegram
from drivers.wmbus.link import crc

HEAT = Address("wmbus", "12345678", "KAM", 0x34, 0x04)
FORMAT = bytes.fromhex("0406041404FF0704FF080259025D023B02FF22026C44064414426C")
DATA = (
    "A5000000",
    "21020000",
    "2B010000",
    "9C000000",
    "D014",
    "0009",
    "1200",
    "4000",
    "3534",
    "0A000000",
    "14000000",
    "2134",
)


def hear(meter: Address, content: str, key: bytes | None = None) -> Telegram:
    return wmbus.decode(Frame(telegram(meter, bytes.fromhex(content), 1, key=key)), key)


def values(heard: Telegram) -> dict[tuple[str, int, int], object]:
    assert heard.state is State.DECODED, heard.error
    return {(r.register, r.storage, r.tariff): r.value for r in heard.readings}


def full_frame() -> bytes:
    heads = ("0406", "0414", "04FF07", "04FF08", "0259", "025D", "023B", "02FF22", "026C", "4406", "4414", "426C")
    return b"".join(bytes.fromhex(head + data) for head, data in zip(heads, DATA, strict=True))


def test_a_compact_frame_of_a_known_format_is_read_without_waiting_for_a_full_one() -> None:
    compact = crc(FORMAT).to_bytes(2, "little") + crc(full_frame()).to_bytes(2, "little") + bytes.fromhex("".join(DATA))
    data = b"\x44" + identity(HEAT).link_order + b"\x79" + compact
    heard = wmbus.decode(Frame(bytes((len(data),)) + data))
    assert values(heard)["energy", 0, 0] == Decimal(165_000)
    assert values(heard)["volume_times_flow_temperature", 0, 0] == Decimal(299)
    assert heard.status == ("under range (return)",)


def test_a_known_format_never_reads_a_frame_whose_crc_disagrees() -> None:
    compact = crc(FORMAT).to_bytes(2, "little") + bytes(2) + bytes.fromhex("".join(DATA))
    data = b"\x44" + identity(HEAT).link_order + b"\x79" + compact
    heard = wmbus.decode(Frame(bytes((len(data),)) + data))
    assert (heard.state, heard.readings) == (State.INVALID, ())


def test_an_alarm_in_the_highest_bit_is_no_missing_value() -> None:
    assert hear(HEAT, "0406 A5000000 04FF22 00000080").status == ("leak (water coming in)",)
    assert hear(HEAT, "0406 A5000000 44FF22 01000000").status == ()  # of a past date


def test_the_same_vif_of_two_lengths_has_two_tables() -> None:
    assert hear(HEAT, "04FF22 04000000").status == ("sensor error",)
    assert hear(HEAT, "02FF22 0400").status == ()


@pytest.mark.parametrize(("level", "status"), [(0x1B, ()), (0x1C, ("dirty",)), (0x1F, ("dirty",))])
def test_a_level_of_dust_is_a_status_from_its_limit_on(level: int, status: tuple[str, ...]) -> None:
    smoke = Address("wmbus", "12345678", "EIE", 0x0C, 0x1A)
    heard = hear(smoke, f"8440FF2C {level:02x}0F1100")
    assert heard.status == status
    assert values(heard)["dust_level", 0, 0] == level
    assert values(heard)["battery_voltage", 0, 0] == Decimal("3.00")


def test_a_tariff_and_a_subunit_tell_events_apart() -> None:
    smoke = Address("wmbus", "12345678", "EIE", 0x0C, 0x1A)
    heard = hear(smoke, "8250FD61 0300  82506C D825  8260FD61 0100  82206C D025")
    said = {(r.register, r.subunit): r.value for r in heard.readings}
    assert (said["alarm_count", 1], said["removal_count", 1]) == (Decimal(3), Decimal(1))
    assert (said["alarm_date", 1], said["installation_date", 0]) == (date(2022, 5, 24), date(2022, 5, 16))


def test_bits_above_a_makers_mask_are_no_alarm() -> None:
    water = Address("wmbus", "12345678", "KAM", 0x1B, 0x16)
    assert hear(water, "02FF20 7400").status == ("leak",)
    assert hear(water, "02FF20 7000").status == ()


def test_a_makers_unit_replaces_the_standards() -> None:
    (reading,) = hear(Address("wmbus", "12345678", "AXI", 0x01, 0x07), "01FD74 5A").readings
    assert (reading.register, reading.quantity, reading.value) == ("battery_remaining", Quantity.RATIO, Decimal(90))


def test_tariffs_that_count_phases_become_names_on_a_wired_bus_too() -> None:
    sent = identity(Address("mbus", "12345678", "IME", 0x66, 0x02))
    meter = sent.id + sent.manufacturer + bytes((sent.version, sent.device_type))
    records = bytes.fromhex(
        "848020FF842B 39300000  849020FF842B 01000000  849010FF80843B 362A0C00  8410FF80843B FE180C00"
    )
    heard = mbus.decode(Frame(encode_mbus.answer(meter, records)))
    assert values(heard) == {
        ("power_l1", 0, 0): Decimal(12345),
        ("power_l2", 0, 0): Decimal(1),
        ("energy_forward", 0, 0): Decimal(7_972_380),
        ("energy_forward", 0, 1): Decimal(7_928_300),
    }
    assert [(r.register, r.tariff) for r in heard.readings if r.main] == [("energy_forward", 0)]


def test_a_rule_may_hold_for_some_storages_only() -> None:
    meter = Address("wmbus", "12345678", "EFE", 0x31, 0x08)
    said = values(hear(meter, "036E 010000  436E 020000  C2016E FDFF  82026E 0400"))
    assert said["heat_cost", 1, 0] == 2
    assert (said["heat_cost_of_half_month", 3, 0], said["heat_cost_of_half_month", 4, 0]) == (-3, 4)


def test_the_makers_letters_are_not_taken_for_the_flags_of_a_vif_of_the_same_name() -> None:
    meter = Address("wmbus", "12345678", "EFE", 0x31, 0x08)  # its flags are the maker's own VIF, 7F
    heard = hear(meter, "036E 010000  02FD0A C514  017F 02")
    assert values(heard)["manufacturer", 0, 0] == "EFE"
    assert heard.status == ("reset",)


# history: 20 L now, clock 23.9.2022; the set date's value is 10 L on 31.12.2021
CLOCK, SET_DATE = "046D 3B2ED729", "426C BF2C 4413 0A000000"


def storage(number: int, litres: int) -> str:
    return f"{0x84 | (number & 1) << 6:02x}{number >> 1:02x}13" + litres.to_bytes(4, "little").hex()


def dates(heard: Telegram) -> dict[int, object]:
    return {r.storage: r.value for r in heard.readings if r.register == "target_date"}


def test_month_ends_count_back_from_the_clock_where_the_set_date_agrees() -> None:
    meter = Address("wmbus", "12345678", "DWZ", 0x02, 0x07)
    history = "".join(storage(n, 20 - n) for n in range(2, 10)) + storage(10, 10)
    found = dates(hear(meter, CLOCK + "0413 14000000" + SET_DATE + history))
    assert (found[1], found[2], found[10]) == (date(2021, 12, 31), date(2022, 8, 31), date(2021, 12, 31))


def test_month_ends_that_contradict_the_set_date_are_not_dated() -> None:
    meter = Address("wmbus", "12345678", "DWZ", 0x02, 0x07)
    history = "".join(storage(n, 20 - n) for n in range(2, 10)) + storage(10, 9)
    assert set(dates(hear(meter, CLOCK + "0413 14000000" + SET_DATE + history))) == {1}


def test_a_month_that_was_not_kept_yet_has_neither_value_nor_date() -> None:
    meter = Address("wmbus", "12345678", "DWZ", 0x02, 0x07)
    heard = hear(meter, CLOCK + "0413 14000000" + storage(2, 18) + storage(3, 0xFFFFFFFF))
    assert {r.storage for r in heard.readings if r.register == "volume"} == {0, 2}
    assert dates(heard) == {2: date(2022, 8, 31)}


def test_months_that_rise_into_the_past_are_not_dated() -> None:
    meter = Address("wmbus", "12345678", "DWZ", 0x02, 0x07)
    assert dates(hear(meter, CLOCK + "0413 14000000" + storage(2, 5) + storage(3, 6))) == {}


def test_a_clock_that_is_marked_invalid_dates_nothing() -> None:
    meter = Address("wmbus", "12345678", "EFE", 0x70, 0x07)
    history = storage(2, 18) + storage(3, 16)
    assert dates(hear(meter, "046D BB2ED729" + "0413 14000000" + history)) == {}


def test_a_clock_before_the_set_date_dates_nothing() -> None:
    meter = Address("wmbus", "12345678", "DWZ", 0x02, 0x07)
    history = storage(2, 18) + storage(3, 16)
    assert set(dates(hear(meter, "046D 00008121" + "0413 14000000" + SET_DATE + history))) == {1}  # 1.1.2020


def test_without_a_clock_the_one_month_with_the_set_dates_value_dates_the_others() -> None:
    meter = Address("wmbus", "12345678", "EFE", 0x00, 0x07)
    months = storage(2, 14) + storage(3, 12) + storage(4, 10) + storage(5, 7)
    found = dates(hear(meter, "0413 14000000" + SET_DATE + months))
    assert (found[2], found[3]) == (date(2022, 2, 28), date(2022, 1, 31))
    assert (found[4], found[5]) == (date(2021, 12, 31), date(2021, 11, 30))
    twice = storage(2, 14) + storage(3, 10) + storage(4, 10) + storage(5, 7)
    assert set(dates(hear(meter, "0413 14000000" + SET_DATE + twice))) == {1}


def test_what_the_standard_calls_a_data_error_is_a_counter_in_a_sharky() -> None:
    content = "0B26 032100 0AA618 1200"
    sharky = hear(Address("wmbus", "12345678", "DME", 0x41, 0x04), content)
    assert values(sharky) == {("operating_time", 0, 0): 2103 * 3600, ("operating_time_in_error", 0, 0): 12 * 3600}
    other = hear(Address("wmbus", "12345678", "REL", 0x41, 0x04), content)
    assert set(values(other)) == {("operating_time", 0, 0)}
    assert "operating_time: the meter says data error" in str(other.faults[0])


def test_the_flags_of_an_itron_cyble_are_a_status_though_the_standard_calls_them_an_error() -> None:
    cyble = Address("wmbus", "12345678", "ITW", 0x33, 0x07)
    assert hear(cyble, "0C13 78563412 03FD971C 000000").status == ()
    heard = hear(cyble, "0C13 78563412 03FD971C 040000")
    assert (heard.status, heard.faults) == (("error flags 0x4",), ())


ANY = Address("wmbus", "12345678", "REL", 0x01, 0x07)
BASE = "8104FD28 01 82046C BF2C 8404 13 0A000000"  # storage 8: one month apart, 31.12.2021, 10 L


@pytest.mark.parametrize(
    ("values_l", "first"),
    [((5, 2), date(2021, 11, 30)), ((12, 15), date(2022, 1, 31)), ((10, 10), None), ((12, 5), None)],
)
def test_an_interval_dates_what_follows_the_way_an_index_can_only_go(
    values_l: tuple[int, int], first: date | None
) -> None:
    heard = hear(ANY, BASE + storage(9, values_l[0]) + storage(10, values_l[1]))
    assert dates(heard).get(9) == first
