"""Tasmota: energy of one phase or three, meter scripts, Teleinfo, sensors, and its last will."""

from decimal import Decimal

import pytest

from drivers.model import Medium
from drivers.mqtt import Things
from drivers.mqtt.heard import address
from drivers.thing import Presence, Thing, Unread
from tests.drivers.mqtt.say import fault, mains, say, telegram, values

TOPIC = "tele/lave-linge/SENSOR"
ENERGY = {
    "TotalStartTime": "2023-01-03T00:00:00",
    "Total": 436.786,
    "Yesterday": 6.486,
    "Today": 2.4,
    "Period": 1,
    "Power": 298,
    "ApparentPower": 332,
    "Factor": 0.9,
    "Voltage": 234,
    "Current": 1.415,
}


def sensor(**groups: object) -> dict[str, object]:
    return {"Time": "2023-01-03T11:54:27", **groups}


def test_a_device_that_is_called_bridge_is_read_and_a_name_that_nobody_can_read_is_refused() -> None:
    assert values(telegram(Things(), "tele/bridge/SENSOR", sensor(ENERGY={"Power": 5}))) == {"power": 5}
    for name in ("\ud800", "a\nb"):
        (item,) = say(Things(), TOPIC, {name: {"Total_in": 1.5}})
        assert "no printable text" in fault(item)


@pytest.mark.parametrize("topic", [TOPIC, "lave-linge/tele/SENSOR"])
def test_a_plug_is_read_wherever_its_prefix_stands_and_its_time_without_a_zone_is_not_used(topic: str) -> None:
    read = telegram(Things(), topic, sensor(ENERGY=ENERGY))
    assert str(read.address) == "thing:tasmota/lave-linge"
    assert values(read) == {
        "import_energy": Decimal("436786.000"),
        "power": 298,
        "apparent_power": 332,
        "power_factor": Decimal("0.9"),
        "voltage": 234,
        "current": Decimal("1.415"),
    }
    assert mains(read) == {"import_energy", "power"}
    assert read.medium is Medium.ELECTRICITY
    assert all(each.at is None for each in read.readings)


def test_three_phases_are_three_registers_and_their_exact_sum() -> None:
    read = telegram(
        Things(), TOPIC, sensor(ENERGY={"Total": 436.786, "Power": [298, 7.5, 0], "Voltage": [234, 235, 235]})
    )
    assert values(read) == {
        "import_energy": Decimal("436786.000"),
        "power_l1": 298,
        "power_l2": Decimal("7.5"),
        "power_l3": 0,
        "power": Decimal("305.5"),
        "voltage_l1": 234,
        "voltage_l2": 235,
        "voltage_l3": 235,
    }


def test_a_sum_of_which_one_phase_is_not_known_is_absent() -> None:
    assert values(telegram(Things(), TOPIC, sensor(ENERGY={"Power": [298, None, 7]}))) == {
        "power_l1": 298,
        "power_l3": 7,
    }


def test_a_meter_script_is_a_meter_of_its_own_and_only_the_makers_own_names_have_units() -> None:
    says = sensor(SML={"Total_in": 1234.5678, "Total_out": 1.5, "Power_curr": -320, "Haus": 12})
    read = telegram(Things(), "tele/zaehler/SENSOR", says)
    assert str(read.address) == "thing:tasmota/zaehler/SML"
    assert values(read) == {
        "import_energy": Decimal("1234567.8000"),
        "export_energy": Decimal("1500.0"),
        "power": -320,
    }


def test_teleinfo_has_the_labels_of_the_tic_beside_what_the_energy_monitor_makes_of_it() -> None:
    tic = {
        "ADCO": "061964000000",
        "OPTARIF": "HC..",
        "ISOUSC": "30",
        "HCHC": "007970950",
        "HCHP": "000000012",
        "PTEC": "HP..",
        "IINST": "004",
        "PAPP": "00860",
        "HHPHC": "A",
    }
    items = say(Things(), "tele/linky/SENSOR", sensor(ENERGY={"Total": 7970.95, "Power": 860}, TIC=tic))
    read = {str(item.telegram.address): item.telegram for item in items if isinstance(item, Thing)}
    linky = read["thing:tasmota/linky/TIC"]
    assert values(linky) == {
        "OPTARIF": "HC..",
        "ISOUSC": 30,
        "HCHC": 7970950,
        "HCHP": 12,
        "PTEC": "HP..",
        "IINST": 4,
        "PAPP": 860,
        "HHPHC": "A",
    }
    assert mains(linky) == {"HCHC", "HCHP", "PAPP"}
    assert values(read["thing:tasmota/linky"]) == {"import_energy": Decimal("7970950.00"), "power": 860}


def test_teleinfo2mqtt_is_read_by_its_raw_texts_under_the_meters_own_number() -> None:
    says = {
        "ADCO": {"raw": "012345678901", "value": 12345678901},
        "BASE": {"raw": "002809718", "value": 2809718},
        "PAPP": {"raw": "00390", "value": 390},
        "PTEC": {"raw": "TH..", "value": "TH"},
    }
    read = telegram(Things(), "teleinfo/012345678901", says)
    assert str(read.address) == "thing:teleinfo/012345678901"
    assert values(read) == {"BASE": 2809718, "PAPP": 390, "PTEC": "TH.."}
    assert say(Things(), "teleinfo/012345678901", says, retained=True) == (Unread("retained"),)
    assert say(Things(), "teleinfo/x", {"BASE": {"raw": "1"}}) == (Unread("no number of its own"),)


def test_a_temperature_has_the_unit_that_the_message_says_or_none() -> None:
    things = Things()
    celsius = sensor(
        DS18B20={"Id": "0119", "Temperature": 19.3}, AM2301={"Temperature": 5.1, "Humidity": 61.5}, TempUnit="C"
    )
    assert values(telegram(things, TOPIC, celsius)) == {
        "DS18B20-0119_temperature": Decimal("19.3"),
        "AM2301_temperature": Decimal("5.1"),
        "AM2301_humidity": Decimal("61.5"),
    }
    two = sensor(
        **{"DS18B20-1": {"Id": "0042", "Temperature": 4.5}, "DS18B20-2": {"Id": "0119", "Temperature": 19.4}},
        TempUnit="C",
    )
    assert values(telegram(things, TOPIC, two)) == {  # one more was plugged in, and the numbers moved
        "DS18B20-0042_temperature": Decimal("4.5"),
        "DS18B20-0119_temperature": Decimal("19.4"),
    }
    assert say(things, TOPIC, sensor(DS18B20={"Temperature": 66.7}, TempUnit="F")) == ()
    assert say(things, TOPIC, sensor(DS18B20={"Temperature": 66.7})) == ()


def test_the_last_will_is_a_device_that_is_away_and_a_retained_value_is_not_read() -> None:
    things = Things()
    assert say(things, "tele/lave-linge/LWT", b"Offline", retained=True) == (
        Presence(address("tasmota", "lave-linge"), there=False),
    )
    assert say(things, "tele/lave-linge/LWT", b"Online") == (Presence(address("tasmota", "lave-linge"), there=True),)
    assert say(things, TOPIC, sensor(ENERGY=ENERGY), retained=True) == (Unread("retained"),)
    assert say(things, "tele/lave-linge/STATE", {"POWER": "ON"}) == ()
    assert say(things, "tasmota/discovery/DC4F22000000/config", {"dn": "plug"}, retained=True) == ()


def test_a_topic_with_a_slash_is_one_device() -> None:
    read = telegram(Things(), "tele/cuisine/four/SENSOR", sensor(ENERGY={"Power": 5}))
    assert str(read.address) == "thing:tasmota/cuisine/four"
