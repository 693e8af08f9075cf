from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from drivers.encode.tic import Contract, Linky, Stamped, frame, historique_frame, standard_frame
from drivers.model import DecodeError, Frame, Function, Kind, Medium, Quantity, Reading, State, Telegram
from drivers.tic import Framer, decode
from drivers.tic.labels import Mode

ADDRESS = "041875000042"


def only(stream: bytes) -> Telegram:
    (item,) = Framer().feed(stream)
    assert isinstance(item, Frame)
    return decode(item)


def std(*groups: tuple[str, str] | tuple[str, str, str]) -> Telegram:
    return only(frame([("ADSC", ADDRESS), *groups], Mode.STANDARD))


def hist(*groups: tuple[str, str], address: str = ADDRESS) -> Telegram:
    return only(frame([("ADCO", address), *groups], Mode.HISTORIQUE))


def readings(telegram: Telegram) -> dict[str, Reading]:
    return {reading.register: reading for reading in telegram.readings}


def test_a_standard_frame_states_each_value_in_its_quantity_s_unit(standard: bytes) -> None:
    telegram = only(standard)
    assert (str(telegram.address), telegram.state, telegram.medium) == (
        f"tic:{ADDRESS}",
        State.DECODED,
        Medium.ELECTRICITY,
    )
    assert telegram.faults == telegram.status == ()
    read = readings(telegram)
    assert read["EAST"] == Reading("EAST", Quantity.ENERGY, Decimal(21_000_021), main=True)
    assert read["EASF06"] == Reading("EASF06", Quantity.ENERGY, Decimal(6_000_006), tariff=6)
    assert read["SINSTS"] == Reading("SINSTS", Quantity.APPARENT_POWER, Decimal(1234), main=True)
    assert read["URMS1"] == Reading("URMS1", Quantity.VOLTAGE, Decimal(230))
    assert read["PREF"] == Reading("PREF", Quantity.APPARENT_POWER, Decimal(6000))
    assert read["CCASN"] == Reading(
        "CCASN", Quantity.POWER, Decimal(850), main=True, at=datetime(2026, 1, 20, 17, tzinfo=UTC)
    )
    assert read["LTARF"].value == "HP BLEU"
    assert read["DATE"].value == datetime(2026, 1, 20, 17, 0, 3, tzinfo=UTC)


def test_a_standard_frame_has_one_main_index_so_that_nothing_is_counted_twice(standard: bytes) -> None:
    main = [r.register for r in only(standard).readings if r.main and r.quantity.kind is Kind.INDEX]
    assert main == ["EAST"]


def test_yesterday_and_the_period_before_are_not_now(standard: bytes) -> None:
    read = readings(only(standard))
    assert (read["SMAXSN-1"].storage, read["SMAXSN-1"].function) == (1, Function.MAXIMUM)
    assert read["CCASN-1"].storage == 1
    assert not read["CCASN-1"].main


def test_historique_indexes_are_parts_of_one_total(historique: bytes) -> None:
    main = [(r.tariff, r.value) for r in only(historique).readings if r.main and r.quantity is Quantity.ENERGY]
    assert main == [(n, Decimal(1_000_001 * n)) for n in range(1, 7)]
    assert readings(only(historique))["PAPP"] == Reading("PAPP", Quantity.APPARENT_POWER, Decimal(1230), main=True)


@pytest.mark.parametrize(
    ("contract", "parts"),
    [(Contract.BASE, [("BASE", 0)]), (Contract.HC, [("HCHC", 1), ("HCHP", 2)])],
)
def test_base_is_a_total_and_off_peak_and_peak_are_its_parts(
    linky: Linky, contract: Contract, parts: list[tuple[str, int]]
) -> None:
    meter = replace(linky, contract=contract, indexes_wh=(1000,) * len(parts), tariff=1)
    main = [(r.register, r.tariff) for r in only(historique_frame(meter)).readings if r.main and r.value == 1000]
    assert main == parts


def test_both_modes_of_a_meter_are_one_address(standard: bytes, historique: bytes) -> None:
    assert only(standard).address == only(historique).address


def test_the_delivery_point_s_number_never_becomes_a_reading() -> None:
    assert std(("PRM", "01234567890123")).readings == ()


def test_injected_and_distributor_indexes_are_no_main_index() -> None:
    telegram = std(("EAIT", "000000500"), ("EASD01", "000000400"), ("ERQ1", "000000300"))
    assert [(r.quantity.unit, r.main) for r in telegram.readings] == [("Wh", False), ("Wh", False), ("varh", False)]


def test_one_bad_group_costs_one_group(standard: bytes) -> None:
    telegram = only(standard.replace(b"SINSTS\t01234", b"SINSTS\t01235"))
    assert [str(fault) for fault in telegram.faults] == ["tic: SINSTS: checksum b'P', not b'Q'"]
    assert "SINSTS" not in readings(telegram)
    assert len(telegram.readings) == len(only(standard).readings) - 1


def test_a_frame_whose_address_is_damaged_belongs_to_nobody(standard: bytes) -> None:
    with pytest.raises(DecodeError, match="no valid ADSC or ADCO among 37 good and 1 bad groups"):
        only(standard.replace(b"ADSC\t0", b"ADSC\tp"))  # bit 6: the checksum is still right


def test_a_frame_of_two_addresses_belongs_to_nobody() -> None:
    with pytest.raises(DecodeError, match="two addresses"):
        decode(Frame(frame([("ADSC", ADDRESS), ("ADSC", "041875000099")], Mode.STANDARD)[1:-1]))


def test_what_a_frame_says_twice_it_said_last() -> None:
    telegram = std(("EAST", "000000001"), ("EAST", "000000002"))
    assert [reading.value for reading in telegram.readings] == [Decimal(2)]


def test_a_short_frame_states_its_own_values_and_no_others() -> None:
    stream = frame([("ADIR1", "034"), ("ADCO", ADDRESS), ("IINST1", "034"), ("IINST2", "002")], Mode.HISTORIQUE)
    telegram = only(stream)
    assert {r.register: r.value for r in telegram.readings} == {"ADIR1": 34, "IINST1": 34, "IINST2": 2}
    assert telegram.status == ("over subscribed power: phase 1",)


def test_a_frame_states_the_metering_point_s_number_apart_from_what_is_shown(linky: Linky) -> None:
    telegram = only(standard_frame(replace(linky, prm="12345678901234")))
    assert telegram.place == "12345678901234"
    assert "12345678901234" not in repr(telegram)


def test_a_degraded_clock_states_no_times_but_all_values(linky: Linky) -> None:
    telegram = only(standard_frame(replace(linky, clock_degraded=True)))
    assert telegram.status == ("clock degraded",)
    assert readings(telegram)["CCASN"].value == Decimal(850)
    assert {r.at for r in telegram.readings} == {None}
    assert "DATE" not in readings(telegram)


@pytest.mark.parametrize(
    ("stge", "words"),
    [
        ("003A0001", ()),
        ("003A0003", ("breaker open: overpower",)),
        ("003A0009", ("breaker open: remote order",)),
        ("003A0010", ("terminal cover open",)),
        ("003A00C0", ("overvoltage", "over subscribed power")),
        ("003B0300", ("clock degraded",)),
        ("9B3A9000", ()),
    ],
)
def test_the_status_register_says_only_what_is_not_in_order(stge: str, words: tuple[str, ...]) -> None:
    assert std(("STGE", stge)).status == words


def test_overload_and_a_missing_phase_are_said_in_historique_too(linky: Linky) -> None:
    assert only(historique_frame(replace(linky, apparent_power_va=8000))).status == ("over subscribed power",)
    assert hist(("PPOT", "0A")).status == ("phase 1 missing", "phase 3 missing")
    assert hist(("PPOT", "00")).status == ()


def test_a_colour_not_known_yet_and_a_blank_text_are_absent() -> None:
    assert hist(("DEMAIN", "----")).readings == ()
    assert hist(("DEMAIN", "ROUG")).readings == (Reading("DEMAIN", Quantity.TEXT, "ROUG"),)
    assert std(("MSG1", " " * 32)).readings == ()


def test_a_mobile_peak_is_its_local_time_not_its_empty_data() -> None:
    telegram = std(("DPM1", "00", " 260120060000"), ("FPM1", "00", " 000000000000"))
    assert telegram.readings == (Reading("DPM1", Quantity.TEXT, "2026-01-20T06:00:00"),)


def test_pmax_is_watts_on_an_old_meter_and_volt_amperes_on_a_linky() -> None:
    assert hist(("PMAX", "05000"), address="022030000042").readings[0].quantity is Quantity.POWER
    assert hist(("PMAX", "05000"), address="041876000042").readings[0].quantity is Quantity.APPARENT_POWER


def test_three_hours_around_the_change_of_october_stay_in_order(linky: Linky) -> None:
    times = [datetime(2025, 10, 26, hour, minute, tzinfo=UTC) for hour in (0, 1, 2) for minute in (0, 59)]
    read = [readings(only(standard_frame(replace(linky, at=at))))["DATE"].value for at in times]
    assert read == times


def test_an_index_wraps_after_nine_digits(linky: Linky) -> None:
    meter = replace(linky, contract=Contract.BASE, indexes_wh=(10**9 + 5,), tariff=1, max_today_va=Stamped(1, linky.at))
    assert readings(only(standard_frame(meter)))["EAST"].value == Decimal(5)


LINES = frame(
    [("ADSC", ADDRESS), ("EAST", "000000001"), ("STGE", "003A0000"), ("SMAXSN", "00001", " 000000000000")],
    Mode.STANDARD,
)[2:-1].split(b"\r\n")


@settings(max_examples=200)
@given(st.lists(st.one_of(st.sampled_from(LINES), st.binary(max_size=30)), max_size=8).map(b"\r\n".join))
def test_any_frame_gives_a_telegram_or_a_decode_error(data: bytes) -> None:
    try:
        telegram = decode(Frame(data))
    except DecodeError:
        return
    assert str(telegram.address) == f"tic:{ADDRESS}"
