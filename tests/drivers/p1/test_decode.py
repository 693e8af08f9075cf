from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from drivers.encode.p1 import DUTCH, Household, SubMeter, as_hex, belgian, kilo, telegram, time, v2, v5
from drivers.model import Address, DecodeError, Frame, Function, Kind, Medium, Quantity, Reading, State, Telegram
from drivers.p1 import Framer, Line, decode
from drivers.p1.obis import ELECTRICITY
from drivers.p1.times import moments

NUMBER = "0-0:96.1.1(4530303939)"


def read(stream: bytes, at: datetime | None = None) -> list[Telegram]:
    items = list(Framer().feed(stream))
    assert all(isinstance(item, Frame) for item in items), items
    return [decode(item, at) for item in items if isinstance(item, Frame)]


def one(*lines: str) -> Telegram:
    (said,) = read(telegram(DUTCH, [NUMBER, *lines]))
    return said


def values(said: Telegram) -> dict[str, Decimal | str]:
    return {r.register: r.value for r in said.readings if isinstance(r.value, Decimal | str)}


def test_a_dutch_household_of_version_5_is_two_meters_with_their_values(home: Household) -> None:
    electricity, gas = read(v5(home))
    assert (str(electricity.address), electricity.medium) == ("p1:E0099000000000042", Medium.ELECTRICITY)
    assert (electricity.state, electricity.status, electricity.faults) == (State.DECODED, (), ())
    assert values(electricity) == {
        "1.8.1": 1_234_567,
        "1.8.2": 7_654_321,
        "2.8.1": 1_000,
        "2.8.2": 2_000,
        "96.14.0": "2",
        "1.7.0": 460,
        "2.7.0": 0,
        "96.7.21": 13,
        "96.7.9": 2,
        "32.32.0": 1,
        "32.36.0": 0,
        "32.7.0": Decimal("230.0"),
        "31.7.0": 2,
        "21.7.0": 460,
        "22.7.0": 0,
    }
    taken = home.sub_meters[0].taken
    assert gas == Telegram(
        Address("p1", "G0099000000000042"),
        State.DECODED,
        Medium.GAS,
        (Reading("24.2.1", Quantity.VOLUME, Decimal(456_789), main=True, at=taken),),
    )


def test_what_the_house_took_is_the_sum_of_its_tariffs_and_what_it_gave_is_in_no_sum(home: Household) -> None:
    electricity, _ = read(v5(home))
    main = {(r.register, r.tariff) for r in electricity.readings if r.main and r.quantity is Quantity.ENERGY}
    assert main == {("1.8.1", 1), ("1.8.2", 2)}
    assert not any(row.main for code, row in ELECTRICITY.items() if code.startswith(("1-0:2.", "1-0:4.")))


def test_a_flemish_household_has_its_gas_and_its_water_and_the_months_peak(home: Household) -> None:
    taken = home.sub_meters[0].taken
    gas = SubMeter("7FLO0000000042", 112_384, taken, code="24.2.3")
    water = SubMeter("8SAG0000000042", 872_234, taken, device_type=7)
    said = read(belgian(replace(home, number="1SAG0000000042", sub_meters=(gas, water))))
    assert [(str(each.address), each.medium) for each in said] == [
        ("p1:1SAG0000000042", Medium.ELECTRICITY),
        ("p1:7FLO0000000042", Medium.GAS),
        ("p1:8SAG0000000042", Medium.WATER),
    ]
    assert [values(each) for each in said[1:]] == [{"24.2.3": 112_384}, {"24.2.1": 872_234}]
    (peak,) = (reading for reading in said[0].readings if reading.function is Function.MAXIMUM)
    assert (peak.register, peak.value, peak.at) == ("1.6.0", Decimal(2589), home.at.replace(day=1))
    assert said[0].status == ()


def test_version_2_has_its_power_in_tens_of_watts_and_its_gas_on_two_lines(home: Household) -> None:
    electricity, gas = read(v2(home))
    power = values(electricity)["1.7.0"]
    assert isinstance(power, Decimal)
    assert (int(power), power.as_tuple().exponent) == (460, 1)
    assert gas.readings == (
        Reading("24.2.1", Quantity.VOLUME, Decimal(456_789), main=True, at=home.sub_meters[0].taken),
    )


def test_a_swedish_or_hungarian_port_has_totals_reactive_energy_and_names_itself_in_its_first_line() -> None:
    lines = [
        "0-0:1.0.0(260715120000W)",
        "1-0:1.8.0(00006678.394*kWh)",
        "1-0:3.8.0(00000021.988*kvarh)",
        "1-0:2.7.0(0000.700*kW)",
        "1-0:3.7.0(0000.010*kvar)",
        "1-0:13.7.0(0.998)",
        "1-0:14.7.0(50.02*Hz)",
    ]
    (said,) = read(telegram(r"ELL5\253000042_A", lines))
    assert str(said.address) == "p1:ELL5-253000042-A"
    assert {(r.register, r.quantity, r.value) for r in said.readings} == {
        ("1.8.0", Quantity.ENERGY, 6_678_394),
        ("3.8.0", Quantity.REACTIVE_ENERGY, 21_988),
        ("2.7.0", Quantity.POWER, 700),
        ("3.7.0", Quantity.REACTIVE_POWER, 10),
        ("13.7.0", Quantity.POWER_FACTOR, Decimal("0.998")),
        ("14.7.0", Quantity.FREQUENCY, Decimal("50.02")),
    }


def test_an_austrian_port_counts_in_watt_hours() -> None:
    assert values(one("1-0:1.8.0(006545766*Wh)", "1-0:1.7.0(000000286*W)")) == {"1.8.0": 6_545_766, "1.7.0": 286}


@pytest.mark.parametrize(
    ("device_type", "text", "medium", "quantity", "value"),
    [
        ("004", "00012.345*GJ", Medium.HEAT, Quantity.ENERGY_JOULE, 12_345_000_000),
        ("012", "00012.345*GJ", Medium.HEAT, Quantity.ENERGY_JOULE, 12_345_000_000),
        ("010", "00012.345*GJ", Medium.COOLING, Quantity.ENERGY_JOULE, 12_345_000_000),
        ("006", "00012.345*m3", Medium.HOT_WATER, Quantity.VOLUME, 12_345),
        ("002", "00012.345*kWh", Medium.ELECTRICITY, Quantity.ENERGY, 12_345),
        ("099", "00012.345*m3", Medium.OTHER, Quantity.VOLUME, 12_345),
    ],
)
def test_the_device_type_says_what_a_meter_on_the_m_bus_measures_and_the_unit_what_it_counts(
    device_type: str, text: str, medium: Medium, quantity: Quantity, value: int
) -> None:
    lines = [NUMBER, f"0-2:24.1.0({device_type})", "0-2:96.1.0(30303432)", f"0-2:24.2.1(260115120000W)({text})"]
    said = read(telegram(DUTCH, lines))[1]
    assert (str(said.address), said.medium) == ("p1:0042", medium)
    assert [(r.quantity, r.value, r.main) for r in said.readings] == [(quantity, Decimal(value), True)]


def gas_of(home: Household, taken: datetime) -> Telegram:
    return read(v5(replace(home, sub_meters=(replace(home.sub_meters[0], taken=taken),))))[1]


def test_a_gas_meter_that_fell_silent_is_not_repeated_for_ever_as_if_nothing_flowed(home: Household) -> None:
    assert gas_of(home, home.at - timedelta(hours=47)).state is State.DECODED
    silent = gas_of(home, home.at - timedelta(hours=49))
    assert (silent.state, silent.readings) == (State.NO_DATA, ())
    assert silent.error == "the electricity meter has not heard it since 2026-01-13 11:00 UTC"


def test_a_gas_meter_that_was_never_heard_or_is_dated_ahead_has_no_value(home: Household) -> None:
    channel = ["0-1:24.1.0(003)", "0-1:96.1.0(30303432)"]
    for date in ("632525252525S", "000000000000W", "", "700101010000W"):
        gas = read(
            telegram(DUTCH, [f"0-0:1.0.0({time(home.at)})", NUMBER, *channel, f"0-1:24.2.1({date})(00000.000*m3)"])
        )
        assert (gas[1].state, gas[1].readings) == (State.NO_DATA, ()), date


def test_the_season_letter_decides_the_hour_and_summer_is_an_hour_earlier() -> None:
    assert moments("260115130000W") == (datetime(2026, 1, 15, 12, tzinfo=UTC),)
    assert moments("260715140000S") == (datetime(2026, 7, 15, 12, tzinfo=UTC),)
    assert moments("261025023000S") == (datetime(2026, 10, 25, 0, 30, tzinfo=UTC),)
    assert moments("261025023000W") == (datetime(2026, 10, 25, 1, 30, tzinfo=UTC),)


def test_without_its_letter_a_time_is_the_countrys_and_the_doubled_hour_is_left_open() -> None:
    assert moments("260115130000") == (datetime(2026, 1, 15, 12, tzinfo=UTC),)
    assert moments("260715140000") == (datetime(2026, 7, 15, 12, tzinfo=UTC),)
    assert len(moments("261025023000")) == 2
    assert moments("260329023000") == (), "the hour that spring leaves out"


def test_a_value_of_the_doubled_hour_is_kept_without_a_time(home: Household) -> None:
    doubled = datetime(2026, 10, 25, 0, 0, tzinfo=UTC)
    gas = replace(home.sub_meters[0], taken=doubled)
    said = read(v2(replace(home, at=doubled, sub_meters=(gas,))), doubled)[1]
    assert [(r.value, r.at) for r in said.readings] == [(Decimal(456_789), None)]


def test_an_old_gas_value_whose_meter_says_that_it_is_invalid_is_left_out() -> None:
    def of(status: str) -> Telegram:
        channel = ["0-1:24.1.0(3)", "0-1:96.1.0(30303432)"]
        lines = [NUMBER, *channel, f"0-1:24.3.0(120517020000)({status})(60)(1)(0-1:24.2.1)(m3)", "(00124.477)"]
        return read(telegram(DUTCH, lines))[1]

    assert values(of("00")) == values(of("08")) == {"24.2.1": 124_477}
    assert of("04").readings == of("02").readings == ()


@pytest.mark.parametrize(
    "line",
    [
        "1-0:1.8.1(001234.567*kW)",
        "1-0:1.8.1(001234,567*kWh)",
        "1-0:1.8.1(001234.567)",
        "1-0:1.8.1(*kWh)",
        "1-0:1.8.1(-01234.567*kWh)",
        "1-0:1.8.1(1)(001234.567*kWh)",
        "1-0:1.8.1(12345678901*kWh)",
        "0-0:96.7.21(one)",
        "1-0:1.8.1 001234.567*kWh",
        "words",
    ],
)
def test_a_line_that_is_not_as_the_table_says_costs_itself_and_is_counted(line: str) -> None:
    said = one(line, "1-0:1.7.0(00.460*kW)")
    assert values(said) == {"1.7.0": 460}
    assert len(said.faults) == 1


def test_a_fault_names_the_code_what_was_met_and_what_was_expected() -> None:
    (fault,) = one("1-0:1.8.1(001234.567*kW)").faults
    assert str(fault) == "p1 1-0:1.8.1: a number in Wh or kWh or MWh is needed, not '(001234.567*kW)'"


def test_what_is_empty_is_absent_and_no_fault() -> None:
    said = one("1-0:1.8.1()", "0-0:96.13.0()", "1-0:1.7.0(00.460*kW)")
    assert values(said) == {"1.7.0": 460}
    assert said.faults == ()


def test_an_open_breaker_is_said_and_a_closed_one_is_not() -> None:
    assert one("0-0:96.3.10(0)").status == one("0-0:96.3.10(2)").status == ("breaker open",)
    assert one("0-0:96.3.10(1)").status == ()


def test_the_operators_message_is_read_as_text() -> None:
    assert values(one(f"0-0:96.13.0({as_hex('Onderhoud op 3 maart')})")) == {"96.13.0": "Onderhoud op 3 maart"}


def test_a_telegram_that_names_nobody_is_refused() -> None:
    (frame,) = Framer().feed(telegram("", ["1-0:1.8.0(00001234.567*kWh)"]))
    assert isinstance(frame, Frame)
    with pytest.raises(DecodeError, match=r"neither 0-0:96\.1\.1 nor its first line names a meter"):
        decode(frame)


# -- telegrams without CRC --------------------------------------------------------------------------------------------
def heard(line: Line, home: Household, wh: int) -> Telegram:
    frame = next(iter(Framer().feed(v2(replace(home, import_wh=(wh, 7_654_321))))))
    assert isinstance(frame, Frame)
    return line.decode(frame, int(home.at.timestamp()))


def test_without_crc_an_index_is_given_once_the_next_telegram_agrees(home: Household) -> None:
    line = Line()
    assert "1.8.1" not in values(heard(line, home, 1_000_000))
    assert values(heard(line, home, 1_000_003))["1.8.1"] == 1_000_003
    assert "1.8.1" not in values(heard(line, home, 1_020_006)), "a digit that became another"
    assert "1.8.1" not in values(heard(line, home, 1_000_009)), "what it is measured against was wrong"
    assert values(heard(line, home, 1_000_012))["1.8.1"] == 1_000_012


def test_with_a_crc_an_index_needs_no_second_telegram(home: Household) -> None:
    (electricity, _) = (item for item in Framer().feed(v5(home)) if isinstance(item, Frame))
    assert Line().decode(electricity, 0) == decode(electricity)


def test_what_a_line_remembers_is_bounded(home: Household) -> None:
    line = Line()
    for number in range(40):
        heard(line, replace(home, number=f"E{number:016}"), 1_000_000)
    assert len(line._said) == 16


# -- any bytes --------------------------------------------------------------------------------------------------------
BRACKETS = st.lists(st.text("0123456789.*kWhm3SW-:()", max_size=12), max_size=4).map(
    lambda parts: "".join(f"({part})" for part in parts)
)
CODES = st.sampled_from(
    [*ELECTRICITY, "0-1:24.1.0", "0-1:96.1.0", "0-1:24.2.1", "0-1:24.3.0", "0-0:1.0.0", "7-7:7.7.7"]
)


@given(st.lists(st.builds("{}{}".format, CODES, BRACKETS) | st.text(max_size=20), max_size=8))
def test_any_lines_give_a_telegram_or_a_decode_error(lines: list[str]) -> None:
    data = "\r\n".join((f"/{DUTCH}", *lines, "!0000")).encode("utf-8")
    told(Frame(data))


@given(st.binary(max_size=200))
def test_any_bytes_give_a_telegram_or_a_decode_error(data: bytes) -> None:
    told(Frame(data))


def told(frame: Frame) -> None:
    try:
        said = decode(frame)
    except DecodeError:
        return
    assert said.state is (State.DECODED if said.readings else State.NO_DATA)
    assert all(r.quantity.kind is not Kind.INDEX or r.value >= 0 for r in said.readings if isinstance(r.value, Decimal))


def test_numbers_are_written_as_finely_as_the_meter_wrote_them() -> None:
    assert kilo(1_234_567, 6) == "001234.567"
    value = values(one("1-0:1.8.1(001234.5*kWh)"))["1.8.1"]
    assert isinstance(value, Decimal)
    assert value.as_tuple().exponent == 2
