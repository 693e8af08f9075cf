"""wmbusmeters and rtl_433: what is on the air, as they write it; a stranger's may be among it."""

import json
from decimal import Decimal

import pytest

from drivers.encode import records, wmbus
from drivers.model import Address, Medium, State
from drivers.mqtt import Things
from drivers.thing import Thing, Unread
from tests.drivers.mqtt.say import fault, mains, say, telegram, values

WATER = {
    "_": "telegram",
    "media": "cold water",
    "meter": "multical21",
    "name": "Eau",
    "id": "33225544",
    "status": "DRY",
    "total_m3": 123.529,
    "target_m3": 120.1,
    "max_flow_m3h": 0.3,
    "flow_temperature_c": 12,
    "external_temperature_c": 17.5,
    "current_date": "2024-03-03",
    "timestamp": "2024-03-03T18:37:00Z",
}


# -- wmbusmeters ------------------------------------------------------------------------------------------------------
def test_the_unit_is_the_end_of_the_key_and_a_value_of_the_past_is_not_the_present() -> None:
    read = telegram(Things(), "wmbusmeters/33225544", WATER)
    assert str(read.address) == "thing:wmbusmeters/multical21/33225544"
    assert values(read) == {
        "total_m3": Decimal("123529.000"),
        "flow_temperature_c": 12,
        "external_temperature_c": Decimal("17.5"),
    }
    assert (mains(read), read.medium, read.status) == ({"total_m3"}, Medium.WATER, ("DRY",))


def test_two_makers_that_gave_one_number_are_two_meters_whoever_speaks_first() -> None:
    theirs = {**WATER, "meter": "izar", "media": "warm water", "total_m3": 20}
    things = Things()
    assert [str(telegram(things, "wmbusmeters/33225544", said).address) for said in (theirs, WATER)] == [
        "thing:wmbusmeters/izar/33225544",
        "thing:wmbusmeters/multical21/33225544",
    ]


def test_a_heat_meter_stands_for_its_energy_and_an_allocator_for_its_units() -> None:
    heat = {
        "_": "telegram",
        "media": "heat",
        "id": "11223344",
        "total_energy_consumption_kwh": 20000,
        "total_volume_m3": 612.5,
        "power_kw": 0.64,
        "volume_flow_m3h": 0.012,
        "energy_at_set_date_kwh": 7,
    }
    read = telegram(Things(), "any/topic", heat)
    assert values(read) == {
        "total_energy_consumption_kwh": 20_000_000,
        "total_volume_m3": Decimal("612500.0"),
        "power_kw": 640,
        "volume_flow_m3h": 12,
    }
    assert mains(read) == {"total_energy_consumption_kwh", "power_kw", "volume_flow_m3h"}
    units = {
        "_": "telegram",
        "media": "heat cost allocation",
        "id": "0a0b0c0d",
        "current_consumption_hca": 7,
        "previous_consumption_hca": 90,
    }
    assert values(telegram(Things(), "any/topic", units)) == {"current_consumption_hca": 7}


def test_what_wmbusmeters_retained_is_not_read_and_one_meter_on_two_topics_is_not_mixed() -> None:
    things = Things()
    assert say(things, "w/1", WATER, retained=True) == (Unread("retained"),)
    telegram(things, "w/1", WATER)
    assert "speaks on w/1" in fault(say(things, "w/2", WATER)[0])


# -- rtl_433 ----------------------------------------------------------------------------------------------------------
def rtl_433(**says: object) -> dict[str, object]:
    return {"time": "2026-11-21 14:30:00", "model": "Nexus-TH", "id": 177, "channel": 1, **says}


def test_a_thermometer_on_the_air_is_read_by_the_units_of_its_keys() -> None:
    (item,) = say(
        Things(),
        "rtl_433/pi/events",
        rtl_433(battery_ok=1, temperature_C=3.4, humidity=81, wind_avg_km_h=3, setpoint_C=20, pressure_hPa=1013.2),
    )
    assert isinstance(item, Thing)
    assert str(item.telegram.address) == "thing:rtl_433/Nexus-TH/177/c1"
    assert item.radio
    assert values(item.telegram) == {
        "temperature_C": Decimal("3.4"),
        "humidity": 81,
        "pressure_hPa": Decimal("1.0132"),
    }


def test_a_number_that_is_a_text_has_the_unit_of_its_text() -> None:
    read = telegram(Things(), "rtl_433/pi/events", rtl_433(power="640.000 W", flow="1.5 gal", note="12 W or so"))
    assert values(read) == {"power": 640}


def test_fahrenheit_pulses_and_things_without_a_number_are_not_read() -> None:
    things = Things()
    assert values(telegram(things, "rtl_433/pi/events", rtl_433(temperature_F=70.1, consumption_data=12345))) == {}
    assert say(things, "rtl_433/pi/events", {"model": "Nexus-TH", "temperature_C": 3}) == (
        Unread("no number of its own"),
    )
    assert say(things, "rtl_433/pi/devices/Nexus-TH/177/temperature_C", b"3.4") == ()


METER = Address("wmbus", "12345678", "KAM", 0x1B, 0x16)


def wireless_mbus(telegram: bytes) -> dict[str, object]:
    """As rtl_433 22.11 writes one; its own reading of the records stands beside, without their tariffs."""
    return {
        "model": "Wireless-MBus",
        "mode": "C",
        "M": "KAM",
        "id": 12345678,
        "version": 27,
        "type": 22,
        "data": telegram.hex(),
        "mic": "CRC",
        "inst_energy_wh_0": "20000.000 kWh",
    }


def test_a_radio_meters_telegram_is_decoded_here_with_its_tariffs() -> None:
    data = wmbus.telegram(METER, records.volume(612_483) + records.energy(20_000, tariff=2), 0x2A)
    (item,) = say(Things(), "rtl_433/pi/events", wireless_mbus(data))
    assert isinstance(item, Thing)
    assert item.radio
    assert str(item.telegram.address) == "thing:rtl_433/Wireless-MBus/KAM-12345678-1b-16"
    assert {(each.register, each.tariff): each.value for each in item.telegram.readings} == {
        ("volume", 0): 612_483,
        ("energy", 2): 20_000_000,
    }


def test_a_locked_telegram_says_which_port_takes_its_key() -> None:
    data = wmbus.telegram(METER, records.volume(612_483), 0x2A, key=bytes(range(16)))
    (item,) = say(Things(), "rtl_433/pi/events", wireless_mbus(data))
    assert isinstance(item, Thing)
    assert (item.telegram.state, item.telegram.readings) == (State.UNSUPPORTED, ())
    assert "protocol wmbus" in str(item.telegram.error)


@pytest.mark.parametrize("data", ["", "zz", "18442d2c", 7])
def test_a_damaged_telegram_is_said(data: object) -> None:
    content = json.dumps({"model": "Wireless-MBus", "id": 1, "data": data})
    items = say(Things(), "rtl_433/pi/events", content.encode())
    assert not any(isinstance(item, Thing) for item in items)
