"""From a meter's words to what they mean; what it does not say, or says in two ways, is not known."""

from collections.abc import Mapping
from dataclasses import replace
from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from drivers.encode.tic import Colour as Sent
from drivers.encode.tic import Contract as Sold
from drivers.encode.tic import Linky, historique_frame, standard_frame
from drivers.model import Frame, Kind
from drivers.tic import Framer, decode
from drivers.tic.labels import HISTORIQUE, STANDARD
from drivers.tic.meaning import Block, Colour, Contract, Meaning, Peak, Period, Span, meaning, profile
from tests.flips import INJECTED, LINKY, PRODUCER, THREE_PHASE


def of(stream: bytes) -> Meaning:
    """As the gateway asks it: the texts and levels of a frame, by label."""
    (item,) = Framer().feed(stream)
    assert isinstance(item, Frame)
    said = [reading for reading in decode(item).readings if not reading.storage]
    texts = {reading.register: str(reading.value) for reading in said if reading.quantity.kind is Kind.TEXT}
    return meaning(
        texts, {r.register: r.value for r in said if r.quantity.kind is Kind.LEVEL and isinstance(r.value, Decimal)}
    )


def std(texts: Mapping[str, str], **numbers: int) -> Meaning:
    return meaning(texts, {name: Decimal(number) for name, number in numbers.items()})


def meter(contract: Sold, tariff: int = 1, **fields: object) -> Linky:
    return replace(LINKY, contract=contract, indexes_wh=(1,) * len(contract.tariffs), tariff=tariff, **fields)  # type: ignore[arg-type]


NIGHT = (Span(22 * 60, 6 * 60),)


@pytest.mark.parametrize("frame", [standard_frame, historique_frame])
@pytest.mark.parametrize(
    ("contract", "tariff", "found", "period"),
    [
        (Sold.BASE, 1, Contract.BASE, Period.ALL),
        (Sold.HC, 1, Contract.OFF_PEAK, Period.OFF_PEAK),
        (Sold.HC, 2, Contract.OFF_PEAK, Period.PEAK),
        (Sold.EJP, 1, Contract.EJP, Period.NORMAL),
        (Sold.EJP, 2, Contract.EJP, Period.MOBILE_PEAK),
        (Sold.TEMPO, 1, Contract.TEMPO, Period.OFF_PEAK),
        (Sold.TEMPO, 6, Contract.TEMPO, Period.PEAK),
    ],
)
def test_the_contract_and_the_tariff_in_force_are_found_in_both_modes(
    frame: object, contract: Sold, tariff: int, found: Contract, period: Period
) -> None:
    said = of(frame(meter(contract, tariff)))  # type: ignore[operator]
    assert (said.contract, said.index, said.period, said.subscribed_va) == (found, tariff, period, Decimal(6000))


@pytest.mark.parametrize("frame", [standard_frame, historique_frame])
@pytest.mark.parametrize("tomorrow", list(Sent))
def test_both_modes_say_the_colour_in_force_and_tomorrow_s_once_it_is_known(frame: object, tomorrow: Sent) -> None:
    expected = {Sent.NOT_SAID: None, Sent.BLUE: Colour.BLUE, Sent.WHITE: Colour.WHITE, Sent.RED: Colour.RED}
    for tariff, today in zip(range(1, 7), [c for c in Colour for _ in (1, 2)], strict=True):
        said = of(frame(meter(Sold.TEMPO, tariff, tomorrow=tomorrow)))  # type: ignore[operator]
        assert (said.today, said.tomorrow) == (today, expected[tomorrow])
        assert said.off_peak == NIGHT
        assert said.until(12 * 60) == (22 * 60 if tariff % 2 == 0 else None)
        assert said.until(23 * 60) == said.until(3 * 60) == (6 * 60 if tariff % 2 else None)


def test_a_register_and_an_index_that_do_not_agree_on_the_day_say_no_colour_of_tomorrow() -> None:
    # 54E: bits 24-25 today, 26-27 tomorrow; 10-13 the index that counts less one.
    said = std({"STGE": f"{3 << 24 | 2 << 26 | 0 << 10:08X}", "NTARF": "01", "NGTF": "TEMPO"})
    assert (said.today, said.tomorrow) == (Colour.BLUE, None)


def test_two_ways_of_saying_the_index_that_do_not_agree_leave_the_tariff_unsaid() -> None:
    said = std({"STGE": "003A0400", "NTARF": "01", "NGTF": "H PLEINE/CREUSE", "LTARF": "HEURE CREUSE"})
    assert (said.index, said.period, said.tariff) == (None, None, None)


def test_off_peak_hours_nobody_had_to_type_come_from_the_day_s_profile() -> None:
    said = of(standard_frame(meter(Sold.HC)))
    assert (said.off_peak, said.tomorrow_only) == (NIGHT, False)
    assert said.words()["off_peak_hours"] == "22:00-06:00"
    assert said.until(3 * 60) == 6 * 60
    assert said.until(12 * 60) is None, "the meter says off-peak: its day is another than its profile"


OWN = {
    "NGTF": "HC et Week-End",
    "LTARF": "HEURE CREUSE",
    "NTARF": "01",
    "STGE": "003A8000",
    "NJOURF": "00",
    "NJOURF+1": "00",
    "PJOURF+1": "00008002 0256C001 07568002 1156C001 14568002" + " NONUTILE" * 6,
}


def test_a_calendar_of_the_supplier_s_own_keeps_its_name_its_tariff_s_name_and_its_hours() -> None:
    said = std(OWN)
    assert (said.contract, said.calendar, said.tariff) == (Contract.OWN, "HC et Week-End", "HEURE CREUSE")
    assert said.off_peak == (Span(176, 476), Span(716, 896))
    assert said.until(200) == 476
    assert said.until(1000) is None


def test_tomorrow_s_hours_are_not_today_s_where_the_day_is_of_another_kind() -> None:
    said = std(OWN | {"NJOURF": "01"})
    assert said.tomorrow_only
    assert said.until(200) is None


def test_without_a_water_heater_s_contact_the_supplier_s_word_tells_which_hours_are_cheap() -> None:
    bare = OWN | {"NGTF": "H PLEINE/CREUSE", "PJOURF+1": "00000002 23000001" + " NONUTILE" * 9}
    assert std(bare).off_peak == (Span(23 * 60, 0),)
    assert std(bare | {"LTARF": "INDEX ACTIF"}).off_peak == ()
    contrary = OWN | {"LTARF": "HEURE PLEINE"}
    assert std(contrary).off_peak == (), "the contact says cheap and the supplier says dear: not known"


@pytest.mark.parametrize(
    ("text", "blocks"),
    [
        ("00004001 06004002", (Block(0, 1, 1), Block(360, 2, 1))),
        ("0000C001 0600800F", (Block(0, 1, 3), Block(360, None, 2))),
        ("00004001 06004002 05004001", ()),  # back in time
        ("06004002 22004001", ()),  # from midnight to six nobody says
        ("00004000", ()),
        ("00004001 25004002", ()),
        ("00004001 06604002", ()),
        ("00004001 X", ()),
        ("", ()),
    ],
)
def test_a_profile_is_read_whole_or_not_at_all(text: str, blocks: tuple[Block, ...]) -> None:
    assert profile(text + " NONUTILE" * 3) == blocks


def test_notice_of_a_peak_is_said_in_both_modes() -> None:
    assert of(historique_frame(meter(Sold.EJP, peak_notice=True))).notice == 0
    running = of(historique_frame(meter(Sold.EJP, 2, peak_notice=True)))
    assert (running.notice, running.peak) == (None, 0)
    said = std({"STGE": "903A0000", "DPM1": "2026-01-20T06:00:00", "FPM1": "2026-01-21T06:00:00"})
    assert (said.notice, said.peak) == (1, 2)
    assert said.peaks == (Peak(1, "2026-01-20T06:00:00", "2026-01-21T06:00:00"),)


def test_the_dry_contact_is_known_where_its_two_witnesses_agree() -> None:
    assert of(standard_frame(meter(Sold.HC, 1))).contact_closed is True
    assert of(standard_frame(meter(Sold.HC, 2))).contact_closed is False
    assert std({"STGE": "003A0001", "RELAIS": "001"}).contact_closed is None


def test_the_power_at_which_the_meter_cuts_stands_beside_the_subscribed_one() -> None:
    said = of(standard_frame(replace(LINKY, subscribed_kva=9, breaking_kva=3)))
    assert (said.subscribed_va, said.breaking_va) == (Decimal(9000), Decimal(3000))
    assert of(historique_frame(replace(THREE_PHASE, subscribed_kva=36))).subscribed_va == 36_000


def test_a_producer_s_meter_says_what_it_gives() -> None:
    said = of(standard_frame(PRODUCER))
    assert (said.producer, said.injected_va) == (True, Decimal(INJECTED.apparent_power_va))
    assert not of(standard_frame(LINKY)).producer


@pytest.mark.parametrize(("volts", "out"), [(207, False), (253, False), (206, True), (254, True), (0, False)])
def test_a_voltage_outside_ten_per_cent_is_said(volts: int, out: bool) -> None:
    assert bool(of(standard_frame(replace(LINKY, voltage_v=volts or 230))).voltages_out) is (out and volts > 0)
    assert bool(std({}, URMS1=230, URMS2=volts, URMS3=230).voltages_out) is out


def test_every_bit_of_the_register_has_its_word() -> None:
    # Taken apart by hand: red today, white tomorrow, peak 1 announced, peak 2 running.
    assert std({"STGE": "9B3A9000"}).register == (
        "dry contact closed", "breaker closed", "terminal cover closed", "no overvoltage", "within subscribed power",
        "consumer", "energy drawn", "supplier index 5", "distributor index 3", "clock right", "standard mode",
        "Euridis on, secured", "CPL new, locked", "CPL not synchronised", "Tempo today red", "Tempo tomorrow white",
        "mobile peak announced 1", "mobile peak running 2",
    )  # fmt: skip


def test_a_meter_that_says_nothing_means_nothing() -> None:
    assert std({}) == Meaning()
    assert std({}).words() == {}


TEXTS = {label.name: label for label in (*HISTORIQUE, *STANDARD) if label.quantity and label.quantity.kind is Kind.TEXT}


@settings(max_examples=300)
@given(st.data(), st.sets(st.sampled_from(sorted(TEXTS))), st.integers(0, 1439))
def test_no_words_a_meter_may_send_are_too_strange(data: st.DataObject, names: set[str], minute: int) -> None:
    said = {}
    for name in names:
        label = TEXTS[name]
        letters = st.lists(st.sampled_from(label.chars), min_size=label.width, max_size=label.width)
        words = " ".join(bytes(data.draw(letters)).decode().split())
        if words and not label.horodate:
            said[name] = words
    found = std(said, PREF=6000, URMS1=230)
    assert found.until(minute) is None or 0 <= (found.until(minute) or 0) < 1440
    assert all(found.words().values())
