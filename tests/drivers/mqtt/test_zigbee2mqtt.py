"""Zigbee2MQTT: what its inventory states is read, and nothing else; and LiXee's ZLinky through it."""

from decimal import Decimal

import pytest

from drivers.model import Medium, Quantity
from drivers.mqtt import Things, generic
from drivers.mqtt.heard import address
from drivers.mqtt.zigbee2mqtt import BASES_MAX, DEVICES_MAX
from drivers.thing import Presence, Thing, Unread
from tests.drivers.mqtt.say import AT, binary, bridge, device, fault, mains, numeric, say, telegram, values

PLUG = device(
    "0x00158d00018255df",
    "cuisine/lave-linge",
    numeric("power", "W"),
    numeric("energy", "kWh"),
    numeric("voltage", "V"),
    numeric("current", "A"),
    numeric("energy_today", "kWh"),
    numeric("power_outage_count", ""),
    {"type": "switch", "features": [{"type": "binary", "name": "state", "property": "state", "access": 7}]},
)


def power_of(topic: str) -> generic.Mapping:
    value = generic.value("", "power", "W", main=True)
    return generic.Mapping(topic, "Prise", Medium.ELECTRICITY, (value,))


PLUG_SAYS = {"state": "ON", "power": 41.2, "voltage": 232, "current": 0.2, "energy": 12.34, "energy_today": 1.5}


def test_a_plug_whose_name_has_a_slash_is_read_in_the_units_of_the_inventory() -> None:
    read = telegram(bridge(PLUG), "zigbee2mqtt/cuisine/lave-linge", PLUG_SAYS)
    assert str(read.address) == "thing:zigbee2mqtt/0x00158d00018255df"
    assert read.medium is Medium.ELECTRICITY
    assert values(read) == {
        "power": Decimal("41.2"),
        "energy": Decimal("12340.00"),
        "voltage": Decimal(232),
        "current": Decimal("0.2"),
    }
    assert mains(read) == {"power", "energy"}


def test_a_value_of_the_inventory_in_wh_is_not_taken_for_kwh() -> None:
    things = bridge(device("0x1", "plug", numeric("energy", "Wh")))
    assert values(telegram(things, "zigbee2mqtt/plug", {"energy": 12.5})) == {"energy": Decimal("12.5")}


def test_a_counter_of_a_day_and_a_value_without_a_unit_are_not_read() -> None:
    things = bridge(
        device("0x1", "plug", numeric("energy_today", "kWh"), numeric("energy", ""), numeric("power", "hp"))
    )
    assert values(telegram(things, "zigbee2mqtt/plug", {"energy_today": 1, "energy": 2, "power": 3})) == {}


def test_what_somebody_sets_is_no_measurement() -> None:
    things = bridge(device("0x1", "trv", numeric("temperature", "°C", access=5), numeric("heating", "°C", access=7)))
    assert values(telegram(things, "zigbee2mqtt/trv", {"temperature": 20.5, "heating": 19})) == {
        "temperature": Decimal("20.5")
    }


def test_leak_temperature_humidity_and_contact_come_as_their_quantities() -> None:
    things = bridge(
        device("0x1", "leak", binary("water_leak"), numeric("battery", "%"), binary("battery_low"), binary("tamper")),
        device("0x2", "air", numeric("temperature", "°C"), numeric("humidity", "%"), numeric("pressure", "hPa")),
        device("0x3", "door", binary("contact", False, True)),
        device("0x4", "odd", binary("water_leak", "WET", "DRY")),
    )
    leak = telegram(
        things, "zigbee2mqtt/leak", {"water_leak": True, "battery": 91, "battery_low": False, "tamper": False}
    )
    assert values(leak) == {"water_leak": 1, "battery": 91, "battery_low": 0, "tamper": 0}
    assert {each.quantity for each in leak.readings} == {Quantity.NUMBER, Quantity.RATIO}
    air = telegram(things, "zigbee2mqtt/air", {"temperature": -3.5, "humidity": 47.1, "pressure": 1013})
    assert values(air) == {"temperature": Decimal("-3.5"), "humidity": Decimal("47.1"), "pressure": Decimal("1.013")}
    assert values(telegram(things, "zigbee2mqtt/door", {"contact": True})) == {"contact": 1}
    assert values(telegram(things, "zigbee2mqtt/odd", {"water_leak": "WET"})) == {"water_leak": 1}
    odd = telegram(things, "zigbee2mqtt/odd", {"water_leak": "MOIST"})
    assert (values(odd), len(odd.faults)) == ({}, 1)


def test_a_part_of_the_values_leaves_the_others_absent() -> None:
    read = telegram(bridge(PLUG), "zigbee2mqtt/cuisine/lave-linge", {"power": 0, "energy": None})
    assert values(read) == {"power": 0}


def test_a_retained_inventory_is_read_and_a_retained_value_never() -> None:
    assert say(bridge(PLUG), "zigbee2mqtt/cuisine/lave-linge", PLUG_SAYS, retained=True) == (Unread("retained"),)


def test_a_value_before_its_inventory_is_not_guessed() -> None:
    assert say(Things(), "zigbee2mqtt/cuisine/lave-linge", PLUG_SAYS) == (Unread("not in the inventory"),)


@pytest.mark.parametrize("word", [b"offline", {"state": "offline"}])
def test_a_device_that_is_away_is_said_even_by_a_retained_message(word: object) -> None:
    there = Presence(address("zigbee2mqtt", "0x00158d00018255df"), there=False)
    assert say(bridge(PLUG), "zigbee2mqtt/cuisine/lave-linge/availability", word, retained=True) == (there,)


def test_a_bridges_log_and_settings_are_no_fault_however_long_they_are() -> None:
    assert say(bridge(PLUG), "zigbee2mqtt/bridge/info", b"x" * 100_000, retained=True) == ()


def test_two_devices_with_one_name_are_not_mixed() -> None:
    things = bridge(PLUG, {**PLUG, "ieee_address": "0x2"})
    assert say(things, "zigbee2mqtt/cuisine/lave-linge", PLUG_SAYS) == (Unread("not in the inventory"),)


def test_a_device_of_the_same_number_on_a_second_bridge_is_refused_and_said_until_the_first_is_silent_for_an_hour() -> (
    None
):
    things = bridge(PLUG)
    telegram(things, "zigbee2mqtt/cuisine/lave-linge", PLUG_SAYS)
    assert say(things, "upstairs/bridge/devices", [PLUG]) == ()
    (refused,) = say(things, "upstairs/cuisine/lave-linge", PLUG_SAYS)
    assert "speaks on zigbee2mqtt, and is not read from upstairs" in fault(refused)
    (item,) = say(things, "upstairs/cuisine/lave-linge", PLUG_SAYS, at=1_790_003_601)
    assert isinstance(item, Thing)


def test_a_unit_that_changes_under_way_is_not_mixed() -> None:
    things = bridge(device("0x1", "plug", numeric("energy", "kWh"), numeric("power", "W")))
    telegram(things, "zigbee2mqtt/plug", {"energy": 12, "power": 1})
    say(things, "zigbee2mqtt/bridge/devices", [device("0x1", "plug", numeric("energy", "Wh"), numeric("power", "W"))])
    read = telegram(things, "zigbee2mqtt/plug", {"energy": 12100, "power": 1})
    assert values(read) == {"power": 1}
    assert "its unit was 'kWh' and is 'Wh' now" in str(read.faults[0])


def test_more_devices_and_more_bridges_than_a_home_has_are_refused() -> None:
    things = Things()
    rows = [device(f"{n:#x}", f"d{n}", numeric("power", "W")) for n in range(DEVICES_MAX + 1)]
    assert f"the first {DEVICES_MAX}" in fault(say(things, "zigbee2mqtt/bridge/devices", rows)[0])
    assert values(telegram(things, "zigbee2mqtt/d7", {"power": 3})) == {"power": 3}
    for n in range(BASES_MAX - 1):
        assert say(things, f"b{n}/bridge/devices", rows[:1]) == ()
    assert "more than 8 bridges" in fault(say(things, "b99/bridge/devices", rows[:1])[0])


def test_somebody_elses_bridge_is_none_of_zigbees() -> None:
    things = Things({"home/bridge/power": power_of("home/bridge/power")})
    for nothing in ([], [{"name": "x"}]):
        assert say(things, "home/bridge/devices", nothing) == ()
    assert say(things, "home/a/power", b"12") == (Unread("not recognised"),)
    assert values(telegram(things, "home/bridge/power", b"12")) == {"power": 12}


@pytest.mark.parametrize(
    ("last_seen", "read"),
    [
        ("2026-09-21T14:10:00Z", True),
        ("2026-09-21T16:10:00+02:00", True),
        (AT * 1000, True),
        ("2020-01-01T00:00:00Z", False),
        (1_577_836_800_000, False),
        ("2020-01-01T00:00:00", True),  # of which place, it does not say
        ("yesterday", True),
        (None, True),
        (10**40, True),
    ],
)
def test_what_a_bridge_remembers_when_it_starts_is_not_of_now(last_seen: object, *, read: bool) -> None:
    (item,) = say(bridge(PLUG), "zigbee2mqtt/cuisine/lave-linge", {**PLUG_SAYS, "last_seen": last_seen})
    assert isinstance(item, Thing) if read else item == Unread("old")


def test_pulses_whose_worth_only_their_owner_knows_are_not_read() -> None:
    things = bridge(device("0x1", "gas", numeric("energy", "kWh"), model="ZiPulses"))
    assert values(telegram(things, "zigbee2mqtt/gas", {"energy": 1234})) == {}


# -- ZLinky -----------------------------------------------------------------------------------------------------------
STANDARD = device(
    "0xabc",
    "linky",
    numeric("EAST", "kWh", "current_summ_delivered"),
    numeric("EASF01", "kWh", "current_tier1_summ_delivered"),
    numeric("EASF02", "kWh", "current_tier2_summ_delivered"),
    numeric("EAIT", "kWh", "current_summ_received"),
    numeric("SINSTS", "VA", "apparent_power"),
    numeric("CCASN", "W", "active_power"),
    numeric("URMS1", "V", "rms_voltage"),
    {"type": "text", "name": "LTARF", "property": "current_price", "access": 1},
    model="ZLinky_TIC",
)
HISTORIQUE = device(
    "0xabc",
    "linky",
    *(
        numeric(name, "kWh", f"current_{tier}summ_delivered")
        for name, tier in (
            ("BASE", ""),
            ("HCHC", "tier1_"),
            ("HCHP", "tier2_"),
            ("BBRHCJB", "tier1_"),
            ("BBRHPJB", "tier2_"),
            ("BBRHCJW", "tier3_"),
        )
    ),
    numeric("PAPP", "VA", "apparent_power"),
    numeric("IINST", "A", "rms_current"),
    model="ZLinky_TIC",
)


def test_a_zlinky_in_standard_mode_has_the_registers_of_the_tic() -> None:
    says = {
        "current_summ_delivered": 16494.5,
        "current_tier1_summ_delivered": 9340.7,
        "current_tier2_summ_delivered": 5508.8,
        "current_summ_received": 0,
        "apparent_power": 783,
        "active_power": 650,
        "rms_voltage": 235,
        "current_price": "HP BLEU",
        "current_tarif": "TEMPO",
    }
    read = telegram(bridge(STANDARD), "zigbee2mqtt/linky", says)
    assert values(read) == {
        "EAST": Decimal("16494500.0"),
        "EASF01": Decimal("9340700.0"),
        "EASF02": Decimal("5508800.0"),
        "SINSTS": 783,
        "CCASN": 650,
        "URMS1": 235,
        "LTARF": "HP BLEU",
    }
    assert mains(read) == {"EAST", "SINSTS", "CCASN"}
    assert {each.tariff for each in read.readings if each.register == "EASF02"} == {2}


def test_a_zlinky_that_has_not_read_its_meter_yet_says_nothing_false() -> None:
    says = {"current_summ_delivered": 0, "current_tier1_summ_delivered": 0, "apparent_power": 65535, "rms_voltage": 235}
    assert values(telegram(bridge(STANDARD), "zigbee2mqtt/linky", says)) == {"URMS1": 235}


@pytest.mark.parametrize(
    ("contract", "wanted"),
    [
        ("BBR(", {"BBRHCJB": Decimal("12175800.0"), "BBRHPJB": Decimal("492100.0"), "BBRHCJW": Decimal(7000)}),
        ("HC..", {"HCHC": Decimal("12175800.0"), "HCHP": Decimal("492100.0")}),
        (None, {}),
    ],
)
def test_an_index_that_several_labels_share_is_that_of_the_contract_or_none(
    contract: str | None, wanted: dict[str, Decimal]
) -> None:
    says = {
        "current_summ_delivered": 12667.9,  # the bridge's own sum of two tariffs, of whatever there is
        "current_tier1_summ_delivered": 12175.8,
        "current_tier2_summ_delivered": 492.1,
        "current_tier3_summ_delivered": 7,
        "current_tarif": contract,
        "apparent_power": 400,
        "rms_current": 2,
    }
    read = telegram(bridge(HISTORIQUE), "zigbee2mqtt/linky", says)
    assert values(read) == {**wanted, "PAPP": 400, "IINST": 2}
