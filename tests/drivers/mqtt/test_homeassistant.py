"""ESPHome and what else announces itself as Home Assistant wants it: unit and class are those of the announcement."""

from decimal import Decimal

import pytest

from drivers.model import Medium
from drivers.mqtt import Things
from drivers.mqtt.heard import address
from drivers.mqtt.things import FALLS
from drivers.thing import Presence, Thing, Unread
from tests.drivers.mqtt.say import fault, mains, say, telegram, values

MAC = "a4cf12000001"


def announced(
    things: Things, name: str, *, type_: str = "sensor", node: str = "cave", mac: str = MAC, **says: object
) -> str:
    """Announce a value as ESPHome does; its topic."""
    topic = f"{node}/{type_}/{name}/state"
    config = {
        "name": name,
        "stat_t": topic,
        "avty_t": f"{node}/status",
        "uniq_id": f"ESP{type_}{name}",
        "dev": {"ids": mac, "name": "Cave", "sw": "2026.10.0 (ESPHome)", "cns": [["mac", mac]]},
        **says,
    }
    assert say(things, f"homeassistant/{type_}/{node}/{name}/config", config, retained=True) == ()
    return topic


ENERGY = {"unit_of_meas": "kWh", "dev_cla": "energy", "stat_cla": "total_increasing"}
POWER = {"unit_of_meas": "W", "dev_cla": "power", "stat_cla": "measurement"}


def test_an_announced_energy_and_power_are_read_in_their_units() -> None:
    things = Things()
    energy, power = announced(things, "compteur", **ENERGY), announced(things, "puissance", **POWER)
    read = telegram(things, energy, b"1234.567")
    assert str(read.address) == f"thing:homeassistant/{MAC}"
    assert (values(read), mains(read), read.medium) == (
        {"compteur": Decimal("1234567.000")},
        {"compteur"},
        Medium.ELECTRICITY,
    )
    assert values(telegram(things, power, b"812.0")) == {"puissance": Decimal("812.0")}


def test_long_words_a_base_topic_and_a_water_meter_are_understood() -> None:
    things = Things()
    config = {
        "~": "esp/eau",
        "state_topic": "~/total",
        "unit_of_measurement": "m³",
        "device_class": "water",
        "state_class": "total_increasing",
        "device": {"identifiers": ["eau-1"], "name": "Eau"},
    }
    assert say(things, "homeassistant/sensor/eau_total/config", config) == ()
    read = telegram(things, "esp/eau/total", b"612.483")
    assert (values(read), read.medium) == ({"eau_total": Decimal("612483.000")}, Medium.WATER)


@pytest.mark.parametrize(
    "says",
    [
        {"dev_cla": "energy", "stat_cla": "total_increasing"},
        {"unit_of_meas": "kWh", "stat_cla": "total_increasing"},
        {"unit_of_meas": "kWh", "dev_cla": "energy", "stat_cla": "total"},
        {"unit_of_meas": "kWh", "dev_cla": "energy"},
        {"unit_of_meas": "W", "dev_cla": "energy"},
        {"unit_of_meas": "%"},
        {"unit_of_meas": "lx"},
        {**POWER, "val_tpl": "{{ value_json.power }}"},
    ],
    ids=[
        "no unit",
        "no class",
        "may run back",
        "no kind",
        "contradiction",
        "percent of what",
        "not ours",
        "a template",
    ],
)
def test_what_is_not_certain_of_an_announcement_is_not_read(says: dict[str, str]) -> None:
    things = Things()
    assert say(things, announced(things, "x", **says), b"5") == (Unread("not recognised"),)


def test_the_energy_of_a_day_is_no_index_though_it_is_announced_as_one() -> None:
    things = Things()
    assert say(things, announced(things, "total_daily_energy", **ENERGY), b"5") == (Unread("not recognised"),)


def test_a_counter_that_falls_again_and_again_is_an_index_no_longer() -> None:
    things = Things()
    topic = announced(things, "compteur", **ENERGY)
    for _ in range(FALLS):
        things.fell(f"thing:homeassistant/{MAC}", "compteur")
    read = telegram(things, topic, b"9")
    assert values(read) == {}
    assert "it begins anew" in str(read.faults[0])
    again = Things(fallen=set(things.fallen))
    announced(again, "compteur", **ENERGY)
    assert values(telegram(again, topic, b"9")) == {}


def test_of_two_counters_of_one_device_none_stands_for_it() -> None:
    things = Things()
    first, second = announced(things, "import", **ENERGY), announced(things, "export", **ENERGY)
    assert [mains(telegram(things, topic, b"5")) for topic in (first, second)] == [set(), set()]


def test_a_value_that_is_not_known_is_absent_and_noise_is_said() -> None:
    things = Things()
    topic = announced(things, "puissance", **POWER)
    assert say(things, topic, b"nan") == say(things, topic, b"None") == say(things, topic, b"") == ()
    assert "a number is needed" in fault(say(things, topic, b"12 W")[0])
    assert say(things, topic, b"5", retained=True) == (Unread("retained"),)


@pytest.mark.parametrize(
    ("class_", "register"), [("moisture", "water_leak.s"), ("door", "contact_open.s"), ("motion", "occupancy.s")]
)
def test_yes_and_no_are_one_and_zero(class_: str, register: str) -> None:
    things = Things()
    topic = announced(things, "s", type_="binary_sensor", dev_cla=class_)
    assert values(telegram(things, topic, b"ON")) == {register: 1}
    assert values(telegram(things, topic, b"OFF")) == {register: 0}


def test_an_announcement_that_is_repeated_replaces_and_one_that_is_taken_back_ends_it() -> None:
    things = Things()
    topic = announced(things, "puissance", **POWER)
    announced(things, "puissance", **POWER)
    assert mains(telegram(things, topic, b"5")) == {"puissance"}
    assert say(things, "homeassistant/sensor/cave/puissance/config", b"", retained=True) == ()
    assert say(things, topic, b"5") == (Unread("not recognised"),)


def test_two_nodes_that_say_they_are_the_same_device_are_not_mixed() -> None:
    things = Things()
    topic = announced(things, "puissance", **POWER)
    (refused,) = say(
        things,
        "homeassistant/sensor/grenier/puissance/config",
        {"stat_t": "grenier/sensor/puissance/state", "dev": {"ids": [MAC]}, **POWER},
    )
    assert "is announced on cave/sensor/puissance/state already" in fault(refused)
    (refused,) = say(things, "homeassistant/sensor/other/x/config", {"stat_t": topic, "dev": {"ids": ["b"]}, **POWER})
    assert "already" in fault(refused)
    assert values(telegram(things, topic, b"5")) == {"puissance": 5}


def test_a_node_that_is_away_is_said() -> None:
    things = Things()
    announced(things, "puissance", **POWER)
    assert say(things, "cave/status", b"offline", retained=True) == (
        Presence(address("homeassistant", MAC), there=False),
    )
    assert say(things, "other/status", b"offline") == (Unread("not recognised"),)


def test_an_announcement_that_says_two_units_is_refused() -> None:
    things = Things()
    config = {"stat_t": "x/state", "unit_of_meas": "kWh", "unit_of_measurement": "Wh", "dev": {"ids": MAC}}
    (item,) = say(things, "homeassistant/sensor/x/y/config", config, retained=True)
    assert "unit_of_measurement is said twice, and not the same" in fault(item)


@pytest.mark.parametrize("name", ["total_since_boot", "Énergie depuis démarrage", "uptime energy"])
def test_a_counter_that_begins_with_its_device_is_no_index(name: str) -> None:
    things = Things()
    topic = announced(things, name, **ENERGY)
    assert all(not isinstance(item, Thing) or not item.telegram.readings for item in say(things, topic, b"1234.567"))


def test_a_frequency_below_zero_can_not_be() -> None:
    things = Things()
    topic = announced(things, "reseau", unit_of_meas="Hz", dev_cla="frequency", stat_cla="measurement")
    read = telegram(things, topic, b"-3")
    assert values(read) == {}
    assert "can not be" in str(read.faults[0])
