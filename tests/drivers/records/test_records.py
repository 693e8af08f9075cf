"""Records written by hand from the tables of EN 13757-3, and what they mean."""

from datetime import date, datetime
from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from drivers.model import Function, Quantity, Reading
from drivers.wmbus.records import decode
from drivers.wmbus.vif import FB, FD, FD_FD, PRIMARY
from drivers.wmbus.vife import ERRORS

Q = Quantity
local = datetime.fromisoformat


def said(records: str) -> list[Reading]:
    """The readings of records that are all good."""
    result = decode(bytes.fromhex(records))
    assert result.faults == ()
    return list(result.readings)


def one(records: str) -> tuple[str, Quantity, object]:
    (reading,) = said(records)
    return reading.register, reading.quantity, reading.value


VALUES: list[tuple[str, str, Quantity, int | str | date | Decimal]] = [
    # data fields
    ("01 13 7B", "volume", Q.VOLUME, 123),
    ("02 13 7B 00", "volume", Q.VOLUME, 123),
    ("03 13 7B 00 00", "volume", Q.VOLUME, 123),
    ("04 13 FE FF FF FF", "volume", Q.VOLUME, -2),
    ("06 13 7B 00 00 00 00 00", "volume", Q.VOLUME, 123),
    ("07 03 FF FF FF FF FF FF FF 7F", "energy", Q.ENERGY, 2**63 - 1),
    ("09 13 42", "volume", Q.VOLUME, 42),
    ("0A 13 42 01", "volume", Q.VOLUME, 142),
    ("0B 13 56 34 12", "volume", Q.VOLUME, 123456),
    ("0C 13 78 56 34 12", "volume", Q.VOLUME, 12345678),
    ("0E 13 12 90 78 56 34 12", "volume", Q.VOLUME, 123456789012),
    ("0B 5A 50 01 F0", "flow_temperature", Q.TEMPERATURE, -15),
    ("0B 5A 00 00 F0", "flow_temperature", Q.TEMPERATURE, 0),
    ("05 5B 00 00 AC 41", "flow_temperature", Q.TEMPERATURE, "21.5"),
    ("05 2B CD CC CC 3D", "power", Q.POWER, "0.1"),
    ("0D 13 C2 34 12", "volume", Q.VOLUME, 1234),
    ("0D 13 D2 34 12", "volume", Q.VOLUME, -1234),
    ("0D 13 E5 00 00 00 00 01", "volume", Q.VOLUME, 2**32),
    # primary table
    ("01 00 05", "energy", Q.ENERGY, "0.005"),
    ("01 07 05", "energy", Q.ENERGY, 50000),
    ("01 08 05", "energy_joule", Q.ENERGY_JOULE, 5),
    ("01 0E 05", "energy_joule", Q.ENERGY_JOULE, 5_000_000),
    ("01 10 05", "volume", Q.VOLUME, "0.005"),
    ("01 16 05", "volume", Q.VOLUME, 5000),
    ("01 1B 05", "mass", Q.MASS, 5),
    ("01 22 05", "on_time", Q.OPERATING_TIME, 18000),
    ("01 27 05", "operating_time", Q.OPERATING_TIME, 432000),
    ("01 2E 05", "power", Q.POWER, 5000),
    ("01 30 05", "power_joule", Q.POWER_JOULE, 5),
    ("01 3B 05", "flow", Q.FLOW, 5),
    ("01 40 05", "flow", Q.FLOW, "0.03"),
    ("01 48 05", "flow", Q.FLOW, "0.018"),
    ("01 53 05", "mass_flow", Q.MASS_FLOW, 5),
    ("02 59 34 08", "flow_temperature", Q.TEMPERATURE, 21),
    ("02 5D 34 08", "return_temperature", Q.TEMPERATURE, 21),
    ("02 61 34 08", "temperature_difference", Q.TEMPERATURE_DIFFERENCE, 21),
    ("02 65 9C FF", "external_temperature", Q.TEMPERATURE, -1),
    ("02 69 34 08", "pressure", Q.PRESSURE, 21),
    ("02 6C 6B 2B", "date", Q.DATE, date(2019, 11, 11)),
    ("04 6D 1E 0E 6B 2B", "date_time", Q.DATE, local("2019-11-11T14:30")),
    ("04 6D 1E AE 6B 2B", "date_time", Q.DATE, local("2019-11-11T14:30")),
    ("03 FD 65 05 1E 0E", "day_change", Q.TEXT, "14:30:05"),
    ("06 6D 05 1E 6E 6B 2B 2E", "date_time", Q.DATE, local("2019-11-11T14:30:05")),
    ("03 6D 05 1E 0E", "date_time", Q.TEXT, "14:30:05"),
    ("02 6C 41 CC", "date", Q.DATE, date(1998, 12, 1)),
    ("02 6E E8 03", "heat_cost", Q.HEAT_COST, 1000),
    ("02 6E FE FF", "heat_cost", Q.HEAT_COST, -2),
    ("02 5A FF FF", "flow_temperature", Q.TEMPERATURE, "-0.1"),
    ("01 71 02", "averaging_duration", Q.DURATION, 120),
    ("01 76 02", "actuality_duration", Q.DURATION, 7200),
    ("0C 78 34 12 00 00", "fabrication_number", Q.TEXT, "00001234"),
    ("0C 78 34 12 AB 00", "fabrication_number", Q.TEXT, "00AB1234"),
    ("04 79 39 30 00 00", "identification", Q.TEXT, "12345"),
    ("07 79 78 56 34 12 24 40 01 07", "identification", Q.TEXT, "0701402412345678"),
    ("01 7A FA", "bus_address", Q.NUMBER, 250),
    # plain text: "%RH", and a word that is no unit we know
    ("02 FC 03 48 52 25 74 44 0D", "humidity", Q.HUMIDITY, "33.96"),
    ("01 7C 04 74 73 75 44 07", "plain_dust", Q.NUMBER, 7),
    ("0D 7C 02 64 69 03 43 42 41", "plain_id", Q.TEXT, "ABC"),
    # VIFEs behind its letters, as meters send them, and before them, as the standard has it
    ("01 FC 03 68 57 6B 3B 05", "energy_forward", Q.ENERGY, 5000),
    ("01 FC F4 3B 03 68 57 6B 05", "energy_forward", Q.ENERGY, 50),
    # FB, FD
    ("01 FB 00 05", "energy", Q.ENERGY, 500_000),
    ("01 FB 09 05", "energy_joule", Q.ENERGY_JOULE, 5_000_000_000),
    ("01 FB 0D 05", "energy_mcal", Q.NUMBER, 5),
    ("01 FB 11 05", "volume", Q.VOLUME, 5_000_000),
    ("01 FB 1A C8", "humidity", Q.HUMIDITY, 20),
    ("02 FB 68 00 18", "rating_factor", Q.NUMBER, Decimal("1.5")),
    ("02 FB 6E 01 00", "rating_factor_display", Q.NUMBER, Decimal(1) / 4096),
    ("01 FB 20 02", "volume", Q.VOLUME, "56.633693184"),
    ("01 FB 23 02", "volume", Q.VOLUME, "7.570823568"),
    ("02 FB 2D 88 13", "frequency", Q.FREQUENCY, 50),
    ("01 FB 37 05", "apparent_power", Q.APPARENT_POWER, 5000),
    ("01 FB 02 05", "reactive_energy", Q.REACTIVE_ENERGY, 5000),
    ("01 FD 08 FE", "message_number", Q.NUMBER, 254),
    ("02 FD 0A 2D 2C", "manufacturer", Q.TEXT, "KAM"),
    ("0D FD 0E 05 32 2E 31 2E 30", "firmware_version", Q.TEXT, "0.1.2"),
    ("02 FD 17 00 80", "error_flags", Q.NUMBER, 32768),
    ("02 FD 48 FC 08", "voltage", Q.VOLTAGE, 230),
    ("02 FD 59 DC 05", "current", Q.CURRENT, "1.5"),
    ("01 FD 28 01", "storage_interval_months", Q.NUMBER, 1),
    ("01 FD 31 0F", "tariff_duration", Q.DURATION, 900),
    ("02 FD 30 6B 2B", "tariff_start", Q.DATE, date(2019, 11, 11)),
    ("01 FD 2D C8", "duration_since_readout", Q.DURATION, 12000),
    ("01 FD 3D F0", "transmission_period", Q.DURATION, 14400),
    ("01 FD 61 05", "cumulation_count", Q.COUNT, 5),
    ("02 FD 69 00 90", "duration_since_cumulation", Q.DURATION, 36864 * 86400),
    ("01 FD 71 B0", "rf_level_dbm", Q.NUMBER, -80),
    ("02 FD 74 6D 01", "battery_life_remaining", Q.DURATION, 365 * 86400),
    ("0D FD 3B E3 01 02 03", "wireless_container", Q.TEXT, "010203"),
    ("01 FD FD 02 C8", "battery_life_remaining_months", Q.NUMBER, 200),
    # VIFEs
    ("01 93 3B 05", "volume_forward", Q.VOLUME, 5),
    ("01 93 3C 05", "volume_backward", Q.VOLUME, 5),
    ("01 93 3A 05", "volume_at_metering_conditions", Q.VOLUME, 5),
    ("01 93 74 05", "volume", Q.VOLUME, "0.05"),
    ("01 93 7D 05", "volume", Q.VOLUME, 5000),
    ("01 93 F4 3C 05", "volume_backward", Q.VOLUME, "0.05"),
    ("01 93 22 05", "volume_per_hour", Q.FLOW, 5),
    ("01 93 23 05", "volume_per_day_l", Q.NUMBER, 5),
    ("01 AE 25 05", "power_per_month", Q.POWER, 5000),
    ("01 86 20 05", "energy_per_second", Q.POWER, 18_000_000),
    ("01 93 28 0A", "volume_per_input_pulse_0", Q.VOLUME, 10),
    ("02 93 39 6B 2B", "volume_start", Q.DATE, date(2019, 11, 11)),
    ("01 BB 48 05", "flow_upper_limit", Q.FLOW, 5),
    ("01 BB 49 05", "flow_upper_limit_exceeded_count", Q.COUNT, 5),
    ("02 BB 42 6B 2B", "flow_lower_limit_first_exceeded_begin", Q.DATE, date(2019, 11, 11)),
    ("02 BB 4F 6B 2B", "flow_upper_limit_last_exceeded_end", Q.DATE, date(2019, 11, 11)),
    ("01 BB 5E 02", "flow_upper_limit_last_exceeded_duration", Q.DURATION, 7200),
    ("01 BB 66 02", "flow_last_duration", Q.DURATION, 7200),
    ("02 BB 6F 6B 2B", "flow_last_end", Q.DATE, date(2019, 11, 11)),
    ("02 EC 7E 6B 2B", "date_future", Q.DATE, date(2019, 11, 11)),
    ("02 FD C8 FC 01 FC 08", "voltage_l1", Q.VOLTAGE, 230),
    ("02 FD C8 FC 05 A0 0F", "voltage_l1_l2", Q.VOLTAGE, 400),
    ("02 93 FC 11 00 80", "volume", Q.VOLUME, 32768),
    ("01 FD F1 FC 14 B0", "rf_level_dbm_to_meter", Q.NUMBER, -80),
    # the maker's own
    ("02 FF 21 05 00", "manufacturer_21", Q.NUMBER, 5),
    ("02 FF A6 00 05 00", "manufacturer_a6_00", Q.NUMBER, 5),
    ("02 AB FF 01 05 00", "power_manufacturer_01", Q.POWER, 5),
    ("02 EE FF 07 05 00", "heat_cost_manufacturer_07", Q.NUMBER, 5),
    ("0D FF 5F 02 FF 01", "manufacturer_5f", Q.TEXT, "ff01"),
]


@pytest.mark.parametrize(("records", "register", "quantity", "value"), VALUES, ids=[v[0] for v in VALUES])
def test_a_record_means_what_the_standard_says(
    records: str, register: str, quantity: Quantity, value: int | str | date | Decimal
) -> None:
    number = isinstance(value, int | Decimal) or quantity.unit
    expected = Decimal(str(value)) if number else value
    assert one(records) == (register, quantity, expected)


ABSENT = [
    "00 13",  # no data
    "08 13",  # selection for readout
    "0C 13 FF FF FF FF",  # BCD all F
    "01 13 80",  # type B invalid
    "04 13 00 00 00 80",
    "04 13 FF FF FF FF",  # no index: it stands still at -1 in meters that have none
    "02 6E FF FF",
    "01 FD 60 80",
    "01 FD 08 FF",  # type C invalid
    "05 2B 00 00 C0 7F",  # not a number
    "05 2B 00 00 80 7F",  # infinity
    "02 6C FF FF",
    "02 6C 00 00",
    "02 6C 6B 2F",  # month 15
    "02 6C 7E 22",  # the 30th of February
    "04 6D 9E 0E 6B 2B",  # marked invalid
    "04 6D 3F 1F 6B 2B",  # every minute, every hour
    "06 6D 05 9E 6E 6B 2B 2E",
    "03 6D FF FF FF",
    "03 6D 05 1E 6E",  # a day of the week that type J does not have
    "0C 78 FF FF FF FF",
    "0D 7C 02 64 69 00",  # empty text
    "0D 13 E0",
    "04 93 15 05 00 00 00",  # VIFE: no data available
]


@pytest.mark.parametrize("records", ABSENT)
def test_a_value_the_meter_does_not_have_is_absent_and_not_zero(records: str) -> None:
    assert said(records) == []


FAULTS = [
    ("0C 13 78 A6 34 12", "nibble"),
    ("0C 13 78 56 34 A2", "nibble"),
    ("04 7E 01 00 00 00", "VIF 7E is reserved"),
    ("04 FD 7F 01 00 00 00", "VIF FD 7F is reserved"),
    ("04 93 10 01 00 00 00", "VIFE 10 is not understood"),
    ("04 93 78 01 00 00 00", "VIFE 78 is not understood"),
    ("04 93 FC 7F 01 00 00 00", "VIFE FC 7F is not understood"),
    ("04 93 18 01 00 00 00", "the meter says data error"),
    ("0C 6C 01 01 20 12", "a date in coding BCD"),
    ("01 6C 01", "a date of 1 bytes"),
    ("04 6C 1E 0E 6B 2B", "a date of 4 bytes; with this VIF it has 2"),
    ("02 6D 6B 2B", "a date of 2 bytes; with this VIF it has 3, 4, 6"),
    ("0D 6D E4 1E 0E 6B 2B", "of variable length (type M)"),
    ("01 22 FE", "on_time: -2, and it is never below zero"),
    ("02 BB 5E FE FF", "exceeded_duration: -2, and it is never below zero"),
    ("05 24 00 00 80 BF", "operating_time: -1"),
    ("0A FD 74 05 F0", "battery_life_remaining: -5"),
    ("01 93 14 05", "VIFE 14 is not understood"),
    ("04 FB 69 01 00 00 00", "VIF FB 69 is reserved"),
    ("0D 13 D2 34 F2", "nibble"),
    ("0D 13 02 31 32", "text where a number was expected"),
    ("0D 13 F2" + "00" * 24, "a number has 16 at most"),
    ("02 FD 16 01 02", "an access code is not kept"),
    ("02 FD 0A 00 00", "manufacturer: three letters"),
    ("0C F9 34 78 56 34 12", "identification: VIFE 34 is not understood"),
    ("02 EC 74 6B 2B", "date: VIFE 74 is not understood"),
]


@pytest.mark.parametrize(("records", "word"), FAULTS)
def test_a_record_that_cannot_be_used_is_a_named_fault_and_the_next_one_is_read(records: str, word: str) -> None:
    result = decode(bytes.fromhex(records + "01 13 05"))
    assert result.readings[-1] == Reading("volume", Q.VOLUME, Decimal(5))
    assert result.torn is None
    (fault,) = result.faults
    assert word in str(fault)
    assert str(fault).startswith("record 1 at byte 0: ")


TORN = ["3F", "7F", "04 13 01 00 00", "04", "84", "04 93", "0D 13 CA", "0D 13 05 41", "02 7C 09 41"]
TORN += ["84" + "80" * 10 + "00 13", "04 93" + "BB" * 10 + "3B", "04 FF" + "81" * 10 + "01"]


@pytest.mark.parametrize("records", TORN)
def test_where_the_bytes_cannot_be_followed_nothing_more_is_read(records: str) -> None:
    result = decode(bytes.fromhex("01 13 05" + records))
    assert [reading.value for reading in result.readings] == [5]
    assert result.torn is not None
    assert result.faults == (result.torn,)


def test_storage_tariff_subunit_and_function_come_from_dif_and_difes() -> None:
    # DIF: maximum, storage bit 1; DIFE 1: storage 0101, tariff 10, subunit 1; DIFE 2: storage 0011, tariff 01, subunit 1
    (reading,) = said("D4 E5 53 13 01 00 00 00")
    assert reading.function is Function.MAXIMUM
    assert (reading.storage, reading.tariff, reading.subunit) == (1 | 0b0101 << 1 | 0b0011 << 5, 0b0110, 0b11)
    assert [r.function for r in said("01 13 01 11 13 01 21 13 01 31 13 01")] == list(Function)


def test_ten_difes_give_the_largest_storage_number() -> None:
    (reading,) = said("C1" + "8F" * 9 + "0F 13 05")
    assert reading.storage == 2**41 - 1


def test_records_alike_are_numbered_so_that_none_hides_another() -> None:
    assert [r.register for r in said("01 13 01 01 13 02 41 13 03 01 13 04")] == [
        "volume",
        "volume_2",
        "volume",
        "volume_3",
    ]


def test_the_date_of_a_storage_is_a_target_date() -> None:
    assert [r.register for r in said("02 6C 6B 2B 42 6C 6B 2B 44 6D 1E 0E 6B 2B")] == [
        "date",
        "target_date",
        "target_date_time",
    ]


def test_fillers_are_passed_over() -> None:
    assert [r.value for r in said("2F 2F 01 13 05 2F 01 5B 15 2F")] == [5, 21]


@pytest.mark.parametrize(("dif", "more"), [("0F", False), ("1F", True)])
def test_the_makers_own_data_is_handed_over_unread(dif: str, more: bool) -> None:
    result = decode(bytes.fromhex("01 13 05" + dif + "13 01 2F"))
    assert (result.more, result.manufacturer_data.hex()) == (more, "13012f")
    assert len(result.readings) == 1


def test_error_flags_that_are_set_are_a_status() -> None:
    assert decode(bytes.fromhex("02 FD 17 04 01")).status == ("error flags 0x104",)
    assert decode(bytes.fromhex("02 FD 17 00 00")).status == ()
    assert decode(bytes.fromhex("42 FD 17 04 00")).status == ()  # of a past date


def test_every_error_a_meter_can_answer_is_named() -> None:
    for code, words in ERRORS.items():
        (fault,) = decode(bytes((0x01, 0x93, code, 0x05))).faults
        assert words in str(fault)


def test_an_error_beside_another_fault_keeps_the_other_fault() -> None:
    (fault,) = decode(bytes.fromhex("01 93 BD 18 05")).faults
    assert "VIFE 3D is not understood" in str(fault)


def test_names_of_registers_are_words_that_files_may_hold() -> None:
    for table in (PRIMARY, FB, FD, FD_FD):
        for meaning in table.values():
            assert meaning.register.replace("_", "").isalnum()
            assert meaning.register == meaning.register.lower()


@given(st.binary(max_size=80))
@settings(max_examples=300)
def test_any_bytes_give_records_and_never_an_exception(data: bytes) -> None:
    result = decode(data)
    assert all(isinstance(reading, Reading) for reading in result.readings)
    assert len(str(result)) > 0


VIFS = st.sampled_from([bytes((code | 0x80,)) for code in PRIMARY]) | st.builds(
    lambda table, code: bytes((table, code | 0x80)), st.sampled_from([0xFB, 0xFD]), st.integers(0, 0x7F)
)
VIFES = st.lists(st.integers(0x80, 0xFF), max_size=3).map(bytes)


@given(st.integers(0, 0x0E), VIFS, VIFES, st.integers(0, 0x7F), st.binary(max_size=10))
@settings(max_examples=800)
def test_any_vif_with_any_vifes_is_a_reading_or_a_fault(
    dif: int, vif: bytes, vifes: bytes, last: int, data: bytes
) -> None:
    decode(bytes((dif,)) + vif + vifes + bytes((last,)) + data)


@given(st.lists(st.sampled_from([bytes.fromhex(records) for records, *_ in VALUES]), max_size=6), st.data())
@settings(max_examples=150)
def test_one_changed_byte_in_good_records_never_raises(records: list[bytes], data: st.DataObject) -> None:
    whole = bytearray(b"".join(records))
    if whole:
        whole[data.draw(st.integers(0, len(whole) - 1))] = data.draw(st.integers(0, 255))
    decode(bytes(whole))
