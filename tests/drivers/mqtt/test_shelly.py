"""Shelly, both generations: units of the maker's documentation, parts laid over parts, channels as meters of their own."""

from decimal import Decimal

import pytest

from drivers.model import Medium
from drivers.mqtt import Things
from drivers.mqtt.heard import address
from drivers.thing import Presence, Thing, Unread
from tests.drivers.mqtt.say import fault, mains, say, telegram, values

EM = "shellies/shellyem-B9E3F1/emeter/0/"


# -- first generation -------------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("topic", "payload", "register", "value"),
    [
        ("power", b"651.32", "power", "651.32"),
        ("total", b"123456.7", "import_energy", "123456.7"),
        ("total_returned", b"45.6", "export_energy", "45.6"),
        ("voltage", b"235.10", "voltage", "235.10"),
        ("pf", b"-0.87", "power_factor", "-0.87"),
    ],
)
def test_a_channel_of_a_first_generation_em_is_a_meter_of_its_own(
    topic: str, payload: bytes, register: str, value: str
) -> None:
    read = telegram(Things(), EM + topic, payload)
    assert str(read.address) == "thing:shelly/shellyem-B9E3F1/emeter/0"
    assert (values(read), read.medium) == ({register: Decimal(value)}, Medium.ELECTRICITY)


def test_counters_that_a_power_cut_sets_to_zero_are_no_index() -> None:
    things = Things()
    assert say(things, EM + "energy", b"1234") == ()
    assert say(things, "shellies/shellyplug-s-1/relay/0/energy", b"1234") == ()
    assert values(telegram(things, "shellies/shellyplug-s-1/relay/0/power", b"12.3")) == {"power": Decimal("12.3")}


def test_a_flood_is_read_and_a_temperature_only_where_its_unit_is_said() -> None:
    things = Things()
    flood = telegram(things, "shellies/shellyflood-1/sensor/flood", b"true")
    assert values(flood) == {"water_leak": 1}
    assert str(flood.address) == "thing:shelly/shellyflood-1"
    assert say(things, "shellies/shellyht-1/sensor/temperature", b"70.7") == ()
    assert values(telegram(things, "shellies/shellyht-1/sensor/humidity", b"48")) == {"humidity": 48}
    info = {"tmp": {"value": 70.7, "units": "F", "tC": 21.5, "tF": 70.7, "is_valid": True}}
    assert values(telegram(things, "shellies/shellyht-1/info", info)) == {"temperature": Decimal("21.5")}
    assert say(things, "shellies/shellyht-1/info", {"tmp": {**info["tmp"], "is_valid": False}}) == ()


@pytest.mark.parametrize("topic", [EM + "total", "shellies/shellyflood-1/sensor/flood", "shellies/shellyht-1/info"])
def test_what_the_broker_retained_of_a_first_generation_is_not_read(topic: str) -> None:
    payload = b"true" if topic.endswith("flood") else b"1" if topic.endswith("total") else b'{"tmp":{"tC":20.0}}'
    assert say(Things(), topic, payload, retained=True) == (Unread("retained"),)


def test_a_shelly_that_is_away_is_said() -> None:
    things = Things()
    assert say(things, "shellies/shellyem-1/online", b"false", retained=True) == (
        Presence(address("shelly", "shellyem-1"), there=False),
    )
    assert say(things, "shellyplus1pm-a1/online", b"true") == (
        Presence(address("shelly", "shellyplus1pm-a1"), there=True),
    )


# -- later generations ------------------------------------------------------------------------------------------------
def notify(params: dict[str, object], method: str = "NotifyStatus", src: str = "shellypro3em-a1") -> dict[str, object]:
    return {"src": src, "dst": f"{src}/events", "method": method, "params": {"ts": 1757059829.08, **params}}


EVENTS = "shellypro3em-a1/events/rpc"
EM_0 = {
    "id": 0,
    "a_current": 1.2,
    "a_voltage": 231.0,
    "a_act_power": 240.1,
    "a_aprt_power": 277.2,
    "a_pf": 0.87,
    "a_freq": 50,
    "b_act_power": -12,
    "c_act_power": 462.1,
    "n_current": None,
    "total_current": 3.1,
    "total_act_power": 702.2,
}
EMDATA_0 = {
    "id": 0,
    "a_total_act_energy": 100.25,
    "a_total_act_ret_energy": 0,
    "total_act": 123456.78,
    "total_act_ret": 45.6,
}


def test_a_three_phase_em_is_one_meter_with_its_phases_as_registers() -> None:
    read = telegram(Things(), EVENTS, notify({"em:0": EM_0, "emdata:0": EMDATA_0}))
    assert str(read.address) == "thing:shelly/shellypro3em-a1/em:0"
    assert values(read) == {
        "power": Decimal("702.2"),
        "current": Decimal("3.1"),
        "frequency": 50,
        "power_l1": Decimal("240.1"),
        "apparent_power_l1": Decimal("277.2"),
        "voltage_l1": 231,
        "current_l1": Decimal("1.2"),
        "power_factor_l1": Decimal("0.87"),
        "power_l2": -12,
        "power_l3": Decimal("462.1"),
        "import_energy": Decimal("123456.78"),
        "export_energy": Decimal("45.6"),
        "import_energy_l1": Decimal("100.25"),
        "export_energy_l1": 0,
    }
    assert mains(read) == {"power", "import_energy"}


def test_a_partial_status_leaves_what_it_does_not_say_absent() -> None:
    things = Things()
    telegram(things, EVENTS, notify({"em:0": EM_0}))
    assert values(telegram(things, EVENTS, notify({"em:0": {"id": 0, "a_act_power": 5}}))) == {"power_l1": 5}


def test_two_circuits_are_two_meters() -> None:
    items = say(
        Things(),
        EVENTS,
        notify(
            {
                "em1:0": {"id": 0, "act_power": 10},
                "em1:1": {"id": 1, "act_power": -300},
                "em1data:1": {"id": 1, "total_act_energy": 7},
            }
        ),
    )
    read = [item.telegram for item in items if isinstance(item, Thing)]
    assert {str(each.address): values(each) for each in read} == {
        "thing:shelly/shellypro3em-a1/em1:0": {"power": 10},
        "thing:shelly/shellypro3em-a1/em1:1": {"power": -300, "import_energy": 7},
    }


def test_what_was_given_back_is_taken_out_of_what_was_counted_even_where_a_part_leaves_it_out() -> None:
    things, topic = Things(), "shellyplus1pm-a1/status/switch:0"
    full = {
        "id": 0,
        "output": True,
        "apower": -250,
        "aenergy": {"total": 1000.5, "minute_ts": 60},
        "ret_aenergy": {"total": 400.25},
    }
    assert values(telegram(things, topic, full)) == {
        "power": -250,
        "import_energy": Decimal("600.25"),
        "export_energy": Decimal("400.25"),
    }
    part = notify({"switch:0": {"id": 0, "aenergy": {"total": 1001.5, "minute_ts": 120}}}, src="shellyplus1pm-a1")
    assert values(telegram(things, "shellyplus1pm-a1/events/rpc", part)) == {"import_energy": Decimal("601.25")}


def test_whether_anything_was_given_back_is_not_guessed_from_a_part() -> None:
    things = Things()
    part = notify({"switch:0": {"id": 0, "apower": 3, "aenergy": {"total": 1001.5}}})
    assert values(telegram(things, EVENTS, part)) == {"power": 3}
    minute = notify({"switch:0": {"id": 0, "aenergy": {"total": 1001.5, "minute_ts": 120}}})
    assert values(telegram(things, EVENTS, minute)) == {"import_energy": Decimal("1001.5")}
    whole = {"id": 0, "aenergy": {"total": 1002}}
    assert values(telegram(Things(), "p/status/switch:0", whole)) == {"import_energy": 1002}


def test_a_channel_that_says_it_is_broken_says_no_values() -> None:
    read = telegram(Things(), "p/status/em1:0", {"id": 0, "act_power": 77, "errors": ["power_meter_failure"]})
    assert (values(read), read.status) == ({}, ("power_meter_failure",))


def test_a_sleeping_sensor_says_all_at_once() -> None:
    full = notify(
        {
            "temperature:0": {"id": 0, "tC": 19.4, "tF": 66.9},
            "humidity:0": {"id": 0, "rh": 51.2},
            "flood:0": {"id": 0, "alarm": False, "mute": False},
            "devicepower:0": {"id": 0, "battery": {"V": 5.9, "percent": 93}, "external": {"present": False}},
            "sys": {"mac": "A1"},
        },
        "NotifyFullStatus",
    )
    read = telegram(Things(), EVENTS, full)
    assert values(read) == {"temperature": Decimal("19.4"), "humidity": Decimal("51.2"), "water_leak": 0, "battery": 93}
    assert str(read.address) == "thing:shelly/shellypro3em-a1"


def test_a_temperature_that_was_not_measured_is_absent() -> None:
    assert say(Things(), "p/status/temperature:100", {"id": 100, "tC": None, "tF": None, "errors": ["read"]}) == ()


def test_one_device_under_two_prefixes_and_two_under_one_are_not_mixed() -> None:
    things = Things()
    telegram(things, EVENTS, notify({"em:0": EM_0}))
    (second,) = say(things, "cellar/events/rpc", notify({"em:0": EM_0}))
    assert "shellypro3em-a1 speaks under the prefix shellypro3em-a1 already: not mixed" in fault(second)
    (second,) = say(things, EVENTS, notify({"em:0": EM_0}, src="shellypro3em-b2"))
    assert "shellypro3em-b2 speaks under the prefix of shellypro3em-a1: not mixed" in fault(second)
    (nameless,) = say(things, EVENTS, {"method": "NotifyStatus", "params": {"em:0": EM_0}})
    assert "does not say its name" in fault(nameless)


def test_a_topic_of_somebody_else_that_looks_like_a_shellys_is_no_fault() -> None:
    assert say(Things(), "boiler/status/pump", b"on") == (Unread("not recognised"),)
    assert say(Things(), "boiler/online", b"maybe") == (Unread("not recognised"),)


def test_answers_to_somebody_elses_questions_are_no_status() -> None:
    assert say(Things(), EVENTS, {"src": "x", "method": "NotifyEvent", "params": {"events": []}}) == ()
    assert say(Things(), "p/status/em:0", {"id": 0, "total_act_power": 1}, retained=True) == (Unread("retained"),)
