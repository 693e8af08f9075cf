"""Things of each kind publish through Debian's mosquitto to a running gateway; rtl_433 decodes a telegram that we encoded."""

import json
import subprocess
import time
from decimal import Decimal
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from drivers.encode import chips, records, wmbus
from drivers.model import Address
from gateway.store import Store
from tests.authority import authority
from tests.drivers.mqtt.say import binary, device, numeric
from tests.integration.mosquitto import PASSWORD, USER, Broke, Mosquitto, password_file, running, until
from tests.loopback import free_port

METER = Address("wmbus", "12345678", "KAM", 0x1B, 0x16)
# What each kind publishes: topic, payload, whether it is retained.
SAID: tuple[tuple[str, object, bool], ...] = (
    (
        "zigbee2mqtt/bridge/devices",
        [
            device("0x1", "cuisine/plug", numeric("energy", "kWh"), numeric("power", "W")),
            device("0x2", "cave", binary("water_leak")),
        ],
        True,
    ),
    ("zigbee2mqtt/cuisine/plug", {"energy": 12.34, "power": 41.2}, False),
    ("zigbee2mqtt/cave", {"water_leak": True}, False),
    ("tele/four/SENSOR", {"Time": "2026-11-26T07:00:00", "ENERGY": {"Total": 436.786, "Power": 298}}, False),
    ("shellies/shellyem-B9/emeter/0/total", 123456.7, False),
    (
        "shellypro3em-a1/events/rpc",
        {
            "src": "shellypro3em-a1",
            "method": "NotifyStatus",
            "params": {"ts": 1, "em:0": {"id": 0, "total_act_power": 702.2}},
        },
        False,
    ),
    (
        "homeassistant/sensor/cave/power/config",
        {
            "stat_t": "esp/sensor/power/state",
            "unit_of_meas": "W",
            "dev_cla": "power",
            "dev": {"ids": "a4cf12000001", "name": "Esp"},
        },
        True,
    ),
    ("esp/sensor/power/state", 812.5, False),
    (
        "wmbusmeters/33225544",
        {"_": "telegram", "media": "water", "id": "33225544", "name": "Eau", "total_m3": 123.529},
        False,
    ),
    ("garden/pump", {"total": "12.5"}, False),
)
ADDRESSES = {
    "thing:zigbee2mqtt/0x1": ("cuisine/plug", 2),
    "thing:zigbee2mqtt/0x2": ("cave", 1),
    "thing:tasmota/four": ("four", 2),
    "thing:shelly/shellyem-B9/emeter/0": ("shellyem-B9", 1),
    "thing:shelly/shellypro3em-a1/em:0": ("shellypro3em-a1 em:0", 1),
    "thing:homeassistant/a4cf12000001": ("Esp", 1),
    "thing:wmbusmeters/multical21/33225544": ("Eau", 1),
}


def configured(folder: Path, broker: Mosquitto, more: str = "", meters: str = "") -> Path:
    path = folder / "releve.toml"
    path.write_text(f"""
        [box]
        data = "{folder}/data"
        runtime = "{folder}/run"
        [web]
        listen = "127.0.0.1:{free_port()}"
        mdns = false
        [[port]]
        name = "sky"
        protocol = "mqtt"
        mqtt = "127.0.0.1:{broker.port}"
        {more}
        {meters}
    """)
    return path


PUMP = """
        [[meter]]
        name = "Puits"
        port = "sky"
        topic = "garden/pump"
        medium = "water"
        values = [{ path = "/total", quantity = "volume", unit = "m3", main = true }]
"""


def said(broker: Mosquitto) -> None:
    for topic, content, retained in SAID:
        broker.publish(topic, json.dumps(content), *(("-r",) if retained else ()))


def rtl_433(telegram: bytes) -> str:
    """What Debian's rtl_433 writes of a telegram, as the air carries it."""
    code = chips.to_hex(chips.mode_c(telegram))
    command = ("rtl_433", "-R", "104", "-F", "json", "-y", f"{{{4 * len(code)}}}{code}")
    return subprocess.run(command, capture_output=True, text=True, check=True, timeout=15).stdout.strip()


@pytest.mark.timeout(60)
def test_things_of_each_kind_are_heard_with_their_names(mosquitto: Broke, tmp_path: Path) -> None:
    broker = mosquitto()
    with running(configured(tmp_path, broker, meters=PUMP)) as gateway:
        until(lambda: bool(gateway.sky["open"]), "it is open")
        said(broker)
        until(lambda: gateway.status()["heard"] == len(ADDRESSES), "all are heard")
        assert gateway.counted("faults") == 0
        assert gateway.counted("telegrams") == 1  # the mapped one, which is ours
        assert gateway.counted("not recognised") == 0
    assert kept(tmp_path) == {"puits:volume:0": 12_500}


@pytest.mark.timeout(60)
def test_what_the_broker_kept_is_no_value_after_a_restart_and_the_inventory_it_kept_is(
    mosquitto: Broke, tmp_path: Path
) -> None:
    broker = mosquitto()
    said(broker)
    broker.publish("zigbee2mqtt/cuisine/plug", json.dumps({"energy": 999, "power": 1}), "-r")
    with running(configured(tmp_path, broker)) as gateway:
        until(lambda: gateway.counted("retained") == 1, "the retained value is counted")
        assert gateway.status()["heard"] == 0
        broker.publish("zigbee2mqtt/cuisine/plug", json.dumps({"energy": 12.35, "power": 40}))
        until(lambda: gateway.status()["heard"] == 1, "the plug is heard by its retained inventory")


@pytest.mark.timeout(60)
def test_things_come_over_tls_with_a_password(mosquitto: Broke, tmp_path: Path) -> None:
    home = authority(tmp_path, "home")
    passwords = tmp_path / "passwords"
    subprocess.run(("mosquitto_passwd", "-c", "-b", str(passwords), USER, PASSWORD), check=True, capture_output=True)
    login = ("-u", USER, "-P", PASSWORD, "--cafile", str(home.ca))
    lines = f"allow_anonymous false\npassword_file {passwords}\ncertfile {home.certificate}\nkeyfile {home.key}"
    broker = mosquitto(lines, *login)
    secret = f'user = "{USER}"\npassword_file = "{password_file(tmp_path)}"\ntls = true\nca_file = "{home.ca}"'
    with running(configured(tmp_path, broker, secret)) as gateway:
        until(lambda: bool(gateway.sky["open"]), "it is open")
        said(broker)
        until(lambda: gateway.status()["heard"] == len(ADDRESSES), "all are heard")


@pytest.mark.timeout(60)
def test_an_inventory_of_a_house_full_of_things_passes_the_broker(mosquitto: Broke, tmp_path: Path) -> None:
    broker = mosquitto()
    exposes = [numeric(f"value_{n}", "W") for n in range(60)]
    rows = [device(f"{n:#x}", f"d{n}", *exposes, numeric("power", "W")) for n in range(200)]
    inventory = json.dumps(rows)
    assert len(inventory) > 1_000_000
    broker.publish("zigbee2mqtt/bridge/devices", inventory, "-r")
    with running(configured(tmp_path, broker)) as gateway:
        until(lambda: bool(gateway.sky["open"]), "it is open")
        started = time.monotonic()
        broker.publish("zigbee2mqtt/d199", json.dumps({"power": 7}))
        until(lambda: gateway.status()["heard"] == 1, "the last of them is heard")
        assert time.monotonic() - started < 10


@pytest.mark.timeout(60)
def test_what_rtl_433_itself_makes_of_a_telegram_is_heard_as_its_meter(mosquitto: Broke, tmp_path: Path) -> None:
    broker = mosquitto()
    out = rtl_433(wmbus.telegram(METER, records.volume(612_483) + records.energy(20_000, tariff=2), 1))
    assert json.loads(out)["inst_volume_0"] == "612.483 m3"
    meter = '[[meter]]\nname = "Eau"\naddress = "thing:rtl_433/Wireless-MBus/KAM-12345678-1b-16"\nmedium = "water"\n'
    with running(configured(tmp_path, broker, meters=meter)) as gateway:
        until(lambda: bool(gateway.sky["open"]), "it is open")
        broker.publish("rtl_433/pi/events", out)
        until(lambda: gateway.counted("telegrams") == 1, "the telegram of our meter")
        assert (gateway.counted("faults"), gateway.counted("bad parts")) == (0, 0)
    assert kept(tmp_path) == {"eau:volume:0": 612_483, "eau:energy:2": 20_000_000}


def kept(folder: Path) -> dict[str, Decimal]:
    """What a gateway that has ended left on the card: the last value of each series."""
    zone = ZoneInfo("Europe/Paris")
    store = Store.open(folder / "data" / "series.db", folder / "run" / "tail", zone=zone, now=lambda: int(time.time()))
    try:
        return {str(info.key): last.decimal for info in store.series() if (last := store.latest(info.key)) is not None}
    finally:
        store.close()
