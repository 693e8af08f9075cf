"""The configuration: what a file may say, and how a wrong one is told so."""

import contextlib
import os
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from drivers.model import Medium
from drivers.pulse import Weight, parse_weight, per_kwh
from gateway.config import Config, ConfigError, Contact, Dwelling, Meter, Mqtt, Port, Web, load, parse

FULL = """
[box]
data = "data"
runtime = "run"
commit_s = 300
secret = "secret/box"

[dwelling]
name = "Chez nous"
time_zone = "Indian/Reunion"

[web]
listen = "[::]:80"
host_names = ["Meters.lan", "releve.local"]
language = "en"
mdns = false

[[port]]
name = "linky"
protocol = "tic"
device = "/dev/ttyUSB0"
mode = "historique"

[[port]]
name = "radio"
protocol = "wmbus"
device = "/dev/ttyUSB1"

[[port]]
name = "sky"
protocol = "wmbus"
mqtt = "broker.lan:8883"
topic = ["wmbus_bridge/+/telegram", "rtl_433/+/events"]
user = "releve"
password_file = "/etc/releve/mqtt"
tls = true
ca_file = "/etc/releve/ca.pem"

[[port]]
name = "bus"
protocol = "modbus"
tcp = "192.0.2.7:502"

[[meter]]
name = "Eau froide"
address = "wmbus:KAM-12345678-1b-16"
key = "000102030405060708090A0B0C0D0E0F"
medium = "water"

[[meter]]
name = "Borne"
port = "bus"
unit = 255
model = "some-model"
every_s = 5
"""


def faults(text: str) -> list[str]:
    with pytest.raises(ConfigError) as met:
        parse(text, "a test")
    assert str(met.value) == "\n".join(met.value.faults)
    return list(met.value.faults)


def test_an_empty_file_is_a_whole_configuration(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RUNTIME_DIRECTORY", "/run/one:/run/two")
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    assert parse("", "a test") == Config(
        Path("/var/lib/releve"), Path("/run/one"), 60, Dwelling(), Web(), (), (), Path("/etc/releve/box-secret")
    )


def test_every_word_of_a_full_file_is_heard() -> None:
    assert parse(FULL, "a test") == Config(
        Path("data"),
        Path("run"),
        300,
        Dwelling("Chez nous", "Indian/Reunion"),
        Web("::", 80, ("meters.lan", "releve.local"), "en", mdns=False),
        (
            Port("linky", "tic", device="/dev/ttyUSB0", mode="historique", baud=1200, parity=None),
            Port("radio", "wmbus", device="/dev/ttyUSB1", receiver="auto"),
            Port(
                "sky",
                "wmbus",
                mqtt=Mqtt(
                    ("broker.lan", 8883),
                    ("wmbus_bridge/+/telegram", "rtl_433/+/events"),
                    "releve",
                    Path("/etc/releve/mqtt"),
                    tls=True,
                    ca_file=Path("/etc/releve/ca.pem"),
                ),
                receiver="auto",
            ),
            Port("bus", "modbus", tcp=("192.0.2.7", 502), framing="tcp"),
        ),
        (
            Meter("Eau froide", "wmbus:KAM-12345678-1b-16", bytes(range(16)), medium=Medium.WATER),
            Meter("Borne", "modbus:bus/255", port="bus", unit=255, model="some-model", every_s=5),
        ),
        Path("secret/box"),
    )


def test_the_runtime_folder_is_found_by_the_service_and_by_its_command_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("RUNTIME_DIRECTORY", raising=False)
    monkeypatch.setenv("XDG_RUNTIME_DIR", "/run/user/1000")
    expected = "/run/releve" if Path("/run/releve").is_dir() else "/run/user/1000/releve"
    assert parse("", "a test").runtime == Path(expected)
    monkeypatch.delenv("XDG_RUNTIME_DIR")
    assert parse("", "a test").runtime == Path("/run/releve")


def test_the_box_secret_lies_where_the_data_is_not(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    monkeypatch.delenv("CREDENTIALS_DIRECTORY", raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "settings"))
    assert parse("", "a test").secret == tmp_path / "settings" / "releve" / "box-secret"
    monkeypatch.delenv("XDG_CONFIG_HOME")
    assert parse("", "a test").secret == tmp_path / ".config" / "releve" / "box-secret"
    # a user of a service, whose home is the data
    assert parse(f'[box]\ndata = "{tmp_path}"', "a test").secret == Path("/etc/releve/box-secret")
    monkeypatch.setenv("CREDENTIALS_DIRECTORY", str(tmp_path / "handed"))
    assert parse("", "a test").secret == tmp_path / ".config" / "releve" / "box-secret"
    (tmp_path / "handed").mkdir()
    (tmp_path / "handed" / "box-secret").write_bytes(bytes(32))
    assert parse("", "a test").secret == tmp_path / "handed" / "box-secret"


@pytest.mark.parametrize("secret", ["data/box-secret", "data/../data/deep/er", "data"])
def test_a_box_secret_beside_the_data_is_refused(secret: str) -> None:
    text = f'[box]\ndata = "data"\nsecret = "{secret}"'
    assert faults(text) == ["box.secret: a file outside box.data is needed: who copies that folder must not have both"]


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ('protocol = "tic"\ndevice = "/dev/x"', (None, None, 1)),
        ('protocol = "tic"\ndevice = "/dev/x"\nmode = "standard"', (9600, None, 1)),
        ('protocol = "tic"\ndevice = "/dev/x"\nbaud = 1200', (1200, None, 1)),
        ('protocol = "mbus"\ndevice = "/dev/x"', (2400, "E", 1)),
        ('protocol = "mbus"\ndevice = "/dev/x"\nbaud = 300\nstopbits = 2\nparity = "O"', (300, "O", 2)),
        ('protocol = "wmbus"\nreceiver = "hexlines"\ndevice = "/dev/x"', (None, "N", 1)),
        ('protocol = "tic"\ntcp = "ser2net.lan:2000"', (None, None, 1)),
        ('protocol = "tic"\ntcp = "ser2net.lan:2000"\nparity = "E"', (None, "E", 1)),
    ],
)
def test_a_line_is_what_its_protocol_usually_is_unless_the_file_says(text: str, line: tuple[object, ...]) -> None:
    port = parse(f'[[port]]\nname = "a"\n{text}', "a test").ports[0]
    assert (port.baud, port.parity, port.stopbits) == line


WATER = '[[meter]]\nname = "a"\naddress = "wmbus:KAM-12345678-1b-16"\n'
LINE = '[[port]]\nname = "line"\nprotocol = "tic"\ndevice = "/dev/x"\n'
MQTT = '[[port]]\nname = "sky"\nprotocol = "wmbus"\nmqtt = "broker.lan:1883"\ntopic = "w/+"\n'
BUS = '[[port]]\nname = "bus"\nprotocol = "modbus"\ndevice = "/dev/x"\n'
BRIDGE = '[[port]]\nname = "bus"\nprotocol = "modbus"\ntcp = "192.0.2.7:4001"\n'
ASKED = '[[meter]]\nname = "a"\nport = "bus"\nunit = {}\nmodel = "m"\n'
ADDRESS = "an address such as wmbus:KAM-12345678-1b-16 or tic:041234567890"


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("[box", "a test: Expected ']' at the end of a table declaration (at end of document)"),
        ("[box]\ncommit_s = 1", "box.commit_s: one of 10, 60, 300 is needed, not 1"),
        ("[box]\ncommit_s = true", "box.commit_s: one of 10, 60, 300 is needed, not true"),
        ('[box]\ndata = ""', "box.data: a path is needed, not ''"),
        ("[box]\ncommits = 60", "box.commits: is not known; commit_s?"),
        ("[box]\nzzz = 60", "box.zzz: is not known: one of data, runtime, commit_s, secret, recover, sync"),
        ("[wob]\n", "wob: is not known; web?"),
        ("box = 3", "box: one table [box] is needed, not 3"),
        ('[port]\nname = "a"', "port: tables [[port]], in two brackets, are needed, not a table"),
        (
            '[dwelling]\ntime_zone = "Europe/Pariss"',
            "dwelling.time_zone: a time zone such as Europe/Paris is needed, not 'Europe/Pariss'",
        ),
        (
            '[dwelling]\ntime_zone = "../etc"',
            "dwelling.time_zone: a time zone such as Europe/Paris is needed, not '../etc'",
        ),
        (
            '[dwelling]\ntime_zone = "Europe"',
            "dwelling.time_zone: a time zone such as Europe/Paris is needed, not 'Europe'",
        ),
        (
            '[dwelling]\nname = "a\\nb"',
            "dwelling.name: a line of 1 to 80 characters is needed, not 'a\\nb'",
        ),
        ('[web]\nlisten = "8080"', "web.listen: host:port is needed, not '8080'"),
        ('[web]\nlisten = "::1:8080"', "web.listen: host:port is needed, not '::1:8080'"),
        ('[web]\nlisten = "localhost:65536"', "web.listen: host:port is needed, not 'localhost:65536'"),
        ('[web]\nhost_names = ["ok", "not ok"]', "web.host_names[2]: a host name is needed, not 'not ok'"),
        ('[web]\nhost_names = "ok"', "web.host_names: a list of texts is needed, not 'ok'"),
        ('[web]\nlanguage = "de"', "web.language: one of fr, en is needed, not 'de'"),
        ('[web]\nmdns = "no"', "web.mdns: true or false is needed, not 'no'"),
        ("[web]\npassword = false", "web.password: is not known: one of listen, host_names, language, mdns"),
        ('[[port]]\nprotocol = "tic"\ndevice = "/dev/x"', "port[1].name: is needed"),
        ('[[port]]\nname = "a"\ndevice = "/dev/x"\nmode = "standard"', "port[1].protocol: is needed"),
        (
            '[[port]]\nname = "a"\nprotocol = "zigbee"\ndevice = "/dev/x"\nreceiver = "im871a"',
            "port[1].protocol: one of tic, p1, sml, wmbus, mbus, modbus, pulse, mqtt, shelly is needed, not 'zigbee'",
        ),
        (
            '[[port]]\nname = "a"\nprotocol = "p1"\ndevice = "/dev/x"\nparity = "E"',
            "port[1].parity: has no place here: a p1 line is always read as 8 bits without parity",
        ),
        (
            '[[meter]]\nname = "a"\naddress = "p1:G0099-X"',
            "meter[1].medium: is needed: a p1 line has meters of several kinds",
        ),
        (
            '[[port]]\nname = "a b"\nprotocol = "tic"\ndevice = "/dev/x"',
            "port[1].name: 1 to 32 letters, digits, - or _ are needed, not 'a b'",
        ),
        ('[[port]]\nname = "a"\nprotocol = "tic"', "port[1]: one of device and tcp is needed"),
        (
            '[[port]]\nname = "a"\nprotocol = "tic"\ndevice = "/dev/x"\ntcp = "h:1"',
            "port[1]: one of device and tcp is needed, not device and tcp",
        ),
        ('[[port]]\nname = "a"\nprotocol = "wmbus"', "port[1]: one of device, tcp and mqtt is needed"),
        (MQTT + 'tcp = "h:1"', "port[1]: one of device, tcp and mqtt is needed, not tcp and mqtt"),
        (MQTT.replace("wmbus", "tic"), "port[1].mqtt: has no place here: only a wmbus and an mqtt port listen to MQTT"),
        (MQTT.replace(":1883", ""), "port[1].mqtt: host:port is needed, not 'broker.lan'"),
        (MQTT.replace('topic = "w/+"', ""), "port[1].topic: is needed"),
        (MQTT.replace('"w/+"', "[]"), "port[1].topic: is needed"),
        (MQTT.replace('"w/+"', "3"), "port[1].topic: a text in quotes is needed, not 3"),
        (MQTT.replace('"w/+"', '["w", 3]'), "port[1].topic[2]: a text in quotes is needed, not 3"),
        (MQTT.replace("w/+", "w/+x"), "port[1].topic: a topic such as rtl_433/+/events is needed, not 'w/+x'"),
        (
            MQTT.replace('"w/+"', '["w", "w/#/x"]'),
            "port[1].topic[2]: a topic such as rtl_433/+/events is needed, not 'w/#/x'",
        ),
        (MQTT + 'receiver = "cul"', "port[1].receiver: one of auto, hexlines, rtl_433 is needed, not 'cul'"),
        (MQTT + "baud = 9600", "port[1].baud: has no place here: MQTT has no line to set"),
        (MQTT + 'password_file = "/p"', "port[1].user: is needed beside password_file"),
        (MQTT + 'user = "box"\npassword = "secret"', "port[1].password: is not known; password_file?"),
        (MQTT + 'tls = "yes"', "port[1].tls: true or false is needed, not 'yes'"),
        (MQTT + 'ca_file = "/ca"', "port[1].ca_file: has no place here: it is read with tls = true"),
        (MQTT + 'tls = true\nca_file = ""', "port[1].ca_file: a file is needed, not ''"),
        (LINE + 'topic = "w"', "port[1].topic: has no place here: only a port with mqtt has it"),
        (
            '[[port]]\nname = "a"\nprotocol = "tic"\ndevice = "ttyUSB0"',
            "port[1].device: a path such as /dev/ttyUSB0 is needed, not 'ttyUSB0'",
        ),
        (
            '[[port]]\nname = "a"\nprotocol = "tic"\ntcp = "h:1"\nbaud = 9600',
            "port[1].baud: has no place here: the far end of tcp sets the line",
        ),
        (
            '[[port]]\nname = "a"\nprotocol = "mbus"\ndevice = "/dev/x"\nmode = "standard"',
            "port[1].mode: has no place here: only a tic port has a mode",
        ),
        (
            '[[port]]\nname = "a"\nprotocol = "tic"\ndevice = "/dev/x"\nreceiver = "im871a"',
            "port[1].receiver: has no place here: only a wmbus port has a receiver",
        ),
        (LINE + LINE.replace("/x", "/y"), "port[2].name: 'line' is already port[1]'s"),
        (LINE + LINE.replace('"line"', '"tub"'), "port[2].device: '/dev/x' is already port[1]'s"),
        (BUS + 'framing = "rtu"', "port[1].framing: has no place here: only a modbus port with tcp has one"),
        (LINE + 'framing = "rtu"', "port[1].framing: has no place here: only a modbus port with tcp has one"),
        (BRIDGE + 'framing = "rtu"\n' + ASKED.format(255), "meter[1].unit: 1 to 247 is needed, not 255"),
        (BRIDGE + 'framing = "ascii"', "port[1].framing: one of tcp, rtu is needed, not 'ascii'"),
        (WATER + WATER.replace("5678", "5679"), "meter[2].name: 'a' is already meter[1]'s"),
        (
            WATER + WATER.replace('"a"', '"b"'),
            "meter[2].address: 'wmbus:KAM-12345678-1b-16' is already meter[1]'s",
        ),
        (WATER + 'medium = "wine"', "meter[1].medium: one of " + ", ".join(Medium) + " is needed, not 'wine'"),
        (WATER + "unit = 1", "meter[1].unit: has no place here: a meter with an address speaks by itself"),
        ('[[meter]]\nname = "a"', "meter[1]: an address is needed, or port, unit and model, or port and weight"),
        ('[[meter]]\nname = "a"\naddress = "12345678"', f"meter[1].address: {ADDRESS} is needed, not '12345678'"),
        (
            '[[meter]]\nname = "a"\naddress = "tic:041234567890"\nkey = "' + "00" * 16 + '"',
            "meter[1].key: has no place here: only wmbus and mbus meters have a key",
        ),
        (
            LINE + '[[meter]]\nname = "a"\nport = "tub"\nunit = 1\nmodel = "m"',
            "meter[1].port: no [[port]] has the name 'tub'",
        ),
        (
            BUS + '[[meter]]\nname = "a"\nport = "bus"\nunit = 0\nmodel = "m"',
            "meter[1].unit: 1 to 247 is needed, not 0",
        ),
        (BUS + '[[meter]]\nname = "a"\nport = "bus"\nunit = 3', "meter[1].model: is needed beside port and unit"),
        (
            BUS.replace("modbus", "mbus") + '[[meter]]\nname = "a"\nport = "bus"\nunit = 3\nmodel = "m"',
            "meter[1].port: a modbus port is needed, not 'bus', which is mbus",
        ),
    ],
)
def test_a_fault_is_named_by_its_path_with_what_was_met_and_what_was_expected(text: str, fault: str) -> None:
    assert faults(text) == [fault]


@pytest.mark.parametrize("topic", ["#", "+", "+/+", "a", "/", "a/#", "/#", "+/b/#", "$share/box/w/+", "maison/eau"])
def test_every_form_of_a_topic_is_taken(topic: str) -> None:
    (port,) = parse(MQTT.replace("w/+", topic), "a test").ports
    assert port.mqtt == Mqtt(("broker.lan", 1883), (topic,))


@pytest.mark.parametrize("topic", ["", "#/", "a#", "a/#b", "++", "a+/b", "a/+b", "##", "a\\u0000b", "é" * 40_000])
def test_what_no_broker_takes_as_a_topic_is_refused(topic: str) -> None:
    (fault,) = faults(MQTT.replace("w/+", topic))
    assert fault.startswith("port[1].topic: a topic such as rtl_433/+/events is needed, not ")


def test_all_faults_are_told_at_once() -> None:
    assert faults('[box]\ncommit_s = 1\n[web]\nlanguage = "de"\n[[meter]]\nname = ""\n') == [
        "box.commit_s: one of 10, 60, 300 is needed, not 1",
        "web.language: one of fr, en is needed, not 'de'",
        "meter[1].name: a line of 1 to 80 characters is needed, not ''",
        "meter[1]: an address is needed, or port, unit and model, or port and weight",
    ]


@pytest.mark.parametrize(
    ("key", "met"),
    [
        ("abc", "'abc'"),
        ("", "''"),
        ("00112233445566778899aabbccddee", "30 characters"),
        ("00112233445566778899aabbccddeefO", "32 characters, the first that is no hex digit at place 32"),
        ("0x00112233445566778899aabbccddeeff", "34 characters, the first that is no hex digit at place 2"),
    ],
)
def test_a_key_that_is_nearly_right_is_not_shown(key: str, met: str) -> None:
    second = WATER.replace('"a"', '"b"').replace("5678", "5679")
    assert faults(f'{WATER}{second}key = "{key}"') == [f"meter[2].key: 32 hex digits are needed, not {met}"]


def test_no_repr_shows_a_key() -> None:
    config = parse(FULL, "a test")
    key = config.meters[0].key
    assert key == bytes(range(16))
    assert key.hex() not in repr(config)
    assert repr(key) not in repr(config)


def test_a_file_that_cannot_be_read_is_told_in_one_line(tmp_path: Path) -> None:
    path = tmp_path / "releve.toml"
    with pytest.raises(ConfigError, match="cannot be read: No such file or directory"):
        load(path)
    path.write_bytes(b"[box]\n# caf\xe9\n")
    with pytest.raises(ConfigError, match="UTF-8 text is needed, and byte 12 is not"):
        load(path)
    path.write_bytes(b"#" * 1_000_001)
    with pytest.raises(ConfigError, match="at most 1000000 bytes"):
        load(path)
    path.write_text(FULL)
    assert load(path) == parse(FULL, "a test")


SOME = st.recursive(st.none() | st.booleans() | st.integers() | st.text(max_size=5), st.lists, max_leaves=3)
KEYS = st.sampled_from(
    ["name", "protocol", "device", "tcp", "mqtt", "topic", "baud", "address", "key", "port", "unit", "listen", "zz"]
)


@settings(max_examples=40)
@given(st.dictionaries(st.sampled_from(["box", "dwelling", "web", "port", "meter"]), st.dictionaries(KEYS, SOME)))
def test_a_file_of_wrong_types_gives_only_faults(document: dict[str, dict[str, object]]) -> None:
    lines = []
    for name, table in document.items():
        lines.append(f"[[{name}]]" if name in {"port", "meter"} else f"[{name}]")
        lines.extend(f"{key} = {_toml(value)}" for key, value in table.items() if value is not None)
    with contextlib.suppress(ConfigError):
        parse("\n".join(lines), "a test")


def _toml(value: object) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, list):
        return "[" + ", ".join(_toml(item) for item in value if item is not None) + "]"
    return str(value) if isinstance(value, int) else "'" + str(value).replace("'", "") + "'"


def test_an_address_copied_in_capitals_is_the_meter_that_is_heard() -> None:
    """Identification numbers of some makers have the digits A to F; what is heard is written with a to f."""
    config = parse('[[meter]]\nname = "Eau"\naddress = "wmbus:KAM-1234567A-1b-16"\n', "test.toml")
    assert config.meters[0].address == "wmbus:KAM-1234567a-1b-16"


PIN = '[[port]]\nname = "gas"\nprotocol = "pulse"\ngpio = "gpiochip0/17"\n'
CTS = '[[port]]\nname = "s0"\nprotocol = "pulse"\ndevice = "/dev/ttyUSB0"\nline = "cts"\n'
GAS = '[[meter]]\nname = "Gaz"\nport = "gas"\nmedium = "gas"\nweight = "10 L"\n'
S0 = '[[meter]]\nname = "Ballon"\nport = "s0"\npulses_per_kwh = 1000\n'


def test_a_pulse_port_is_a_pin_or_a_control_line_and_its_meter_is_named_after_it() -> None:
    config = parse(PIN + CTS + GAS + S0, "a test")
    assert [port.contact for port in config.ports] == [
        Contact(("gpiochip0", 17), None, "falling", 20),
        Contact(None, "cts", "rising", 20),
    ]
    assert [(meter.address, meter.medium, meter.weight) for meter in config.meters] == [
        ("pulse:gas", Medium.GAS, parse_weight("10 L")),
        ("pulse:s0", Medium.ELECTRICITY, per_kwh(1000)),
    ]
    assert isinstance(config.meters[0].weight, Weight)


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        (PIN, "port[1]: a pulse port needs a [[meter]] that names it and says what a pulse is worth"),
        (
            PIN.replace("gpiochip0/17", "17") + GAS,
            "port[1].gpio: a chip and a pin such as gpiochip0/17 are needed, not '17'",
        ),
        (
            PIN + 'device = "/dev/ttyUSB0"\nline = "cts"\n' + GAS,
            "port[1]: one of gpio and device is needed, not gpio and device",
        ),
        (PIN.replace("gpio =", "#") + GAS, "port[1]: one of gpio and device is needed"),
        (PIN + 'line = "cts"\n' + GAS, "port[1].line: has no place here: only a device has control lines"),
        (CTS.replace("line =", "#") + S0, "port[1].line: is needed"),
        (CTS.replace("cts", "rts") + S0, "port[1].line: one of cts, dsr, dcd, ri is needed, not 'rts'"),
        (PIN + 'edge = "both"\n' + GAS, "port[1].edge: one of falling, rising is needed, not 'both'"),
        (PIN + "debounce_ms = 0\n" + GAS, "port[1].debounce_ms: 2 to 1000 is needed, not 0"),
        (
            PIN + "bauds = 9600\n" + GAS,
            "port[1].bauds: is not known: one of name, protocol, gpio, device, line, edge, debounce_ms",
        ),
        (
            PIN + GAS.replace("10 L", "10"),
            "meter[1].weight: what one pulse is worth is needed, such as 10 L, 0.25 L or 1 Wh, not '10'",
        ),
        (PIN + GAS + "pulses_per_kwh = 1000\n", "meter[1]: one of weight and pulses_per_kwh is needed, not both"),
        (PIN + GAS.replace("weight =", "#"), 'meter[1].weight: is needed, such as "10 L", or pulses_per_kwh'),
        (PIN + GAS.replace("medium =", "#"), "meter[1].medium: is needed: one of gas, water, hot_water"),
        (
            PIN + GAS.replace('"gas"\nweight', '"heat"\nweight'),
            "meter[1].medium: one of gas, water, hot_water is needed where pulses are L, not heat",
        ),
        (CTS + S0.replace("1000", "0"), "meter[1].pulses_per_kwh: 1 to 100000 is needed, not 0"),
        (PIN + GAS + "unit = 1\n", "meter[1].unit: has no place here: a meter whose pulses are counted has none"),
        (
            BUS + '[[meter]]\nname = "a"\nport = "bus"\nweight = "1 Wh"\n',
            "meter[1].port: a pulse port is needed, not 'bus', which is modbus",
        ),
        (PIN + GAS + GAS.replace("Gaz", "Autre"), "meter[2].address: 'pulse:gas' is already meter[1]'s"),
        (
            PIN
            + PIN.replace('"gas"', '"two"')
            + GAS
            + GAS.replace("Gaz", "Autre").replace('port = "gas"', 'port = "two"'),
            "port[2].gpio: 'gpiochip0/17' is already port[1]'s",
        ),
    ],
)
def test_a_fault_of_a_pulse_meter_is_named_by_its_path(text: str, fault: str) -> None:
    assert fault in faults(text)


def test_a_meter_that_names_no_port_is_told_so() -> None:
    assert faults('[[meter]]\nname = "Gaz"\nmedium = "gas"\nweight = "10 L"\n') == [
        "meter[1].port: is needed beside what a pulse is worth"
    ]
    assert faults('[[meter]]\nname = "Gaz"\nport = "x"\nmedium = "gas"\nweight = "10 L"\n') == [
        "meter[1].port: no [[port]] has the name 'x'"
    ]


def test_a_customer_port_needs_no_more_than_its_device_and_addresses_keep_their_letters() -> None:
    text = '[[port]]\nname = "{0}"\nprotocol = "{0}"\ndevice = "/dev/{0}"\n'
    text = text.format("p1") + text.format("sml")
    text += '[[meter]]\nname = "Gas"\naddress = "p1:ELL5-253-A"\nmedium = "gas"\n'
    text += '[[meter]]\nname = "Strom"\naddress = "sml:1EMH0012345678"\n'
    config = parse(text, "a test")
    assert [(port.protocol, port.baud, port.parity) for port in config.ports] == [("p1", None, "N"), ("sml", 9600, "N")]
    assert [meter.address for meter in config.meters] == ["p1:ELL5-253-A", "sml:1EMH0012345678"]


def test_a_bridge_may_pass_a_serial_line_on_and_a_line_may_wait_for_its_meters() -> None:
    port = parse(BRIDGE + 'framing = "rtu"\n', "a test").ports[0]
    assert (port.tcp, port.framing) == (("192.0.2.7", 4001), "rtu")
    assert parse(BRIDGE, "a test").ports[0].framing == "tcp"
    assert parse(BUS, "a test").ports[0].framing is None


MBUS = '[[port]]\nname = "bus"\nprotocol = "mbus"\ndevice = "/dev/x"\n'
HEAT = '[[meter]]\nname = "Heat"\naddress = "mbus:KAM-12345678-1b-04"\n'


def test_a_wired_meter_is_asked_on_the_only_bus_once_an_hour_by_its_secondary_address() -> None:
    (meter,) = parse(MBUS + HEAT, "t").meters
    assert (meter.port, meter.every_s, meter.primary) == ("bus", 3600, None)


def test_a_wired_meter_may_have_its_own_pace_a_primary_address_and_a_key() -> None:
    more = f'port = "bus"\nevery_s = 60\nprimary = 0\nkey = "{"0" * 32}"\n'
    (meter,) = parse(MBUS + HEAT + more, "t").meters
    assert (meter.port, meter.every_s, meter.primary, meter.key) == ("bus", 60, 0, bytes(16))


@pytest.mark.parametrize("address", ["mbus:12345678", "mbus:0", "mbus:250"])
def test_a_wired_meter_that_says_less_of_itself_has_an_address_all_the_same(address: str) -> None:
    assert parse(MBUS + HEAT.replace("mbus:KAM-12345678-1b-04", address), "t").meters[0].address == address


def test_an_mbus_port_needs_no_meter_and_over_tcp_may_say_its_speed() -> None:
    (port,) = parse(MBUS.replace('device = "/dev/x"', 'tcp = "box:10001"\nbaud = 300'), "t").ports
    assert (port.baud, port.listen) == (300, False)


def test_where_somebody_else_is_the_master_a_wired_meter_speaks_by_itself() -> None:
    config = parse(MBUS + "listen = true\n" + HEAT, "t")
    assert config.ports[0].listen
    assert config.meters[0].port is None


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        (MBUS + HEAT + "every_s = 10\n", "meter[1].every_s: 60 to 86400 is needed, not 10"),
        (MBUS + HEAT + "primary = 251\n", "meter[1].primary: 0 to 250 is needed, not 251"),
        (MBUS + HEAT + "unit = 1\n", "meter[1].unit: has no place here: an mbus meter has none"),
        (MBUS + HEAT + 'port = "other"\n', "meter[1].port: one of bus is needed, not 'other'"),
        (HEAT + 'port = "bus"\n', "meter[1].port: an mbus port that does not listen is needed, not 'bus'"),
        (HEAT + "primary = 1\n", "meter[1].primary: has no place here: a meter with an address speaks by itself"),
        (
            MBUS + MBUS.replace('"bus"', '"two"').replace("/dev/x", "/dev/y") + HEAT,
            "meter[1].port: is needed: on which bus is it, bus, two?",
        ),
        (BUS + "listen = true\n", "port[1].listen: has no place here: only an mbus port asks its meters unless"),
    ],
)
def test_a_fault_of_a_wired_meter_is_named_by_its_path(text: str, fault: str) -> None:
    with pytest.raises(ConfigError) as raised:
        parse(text, "t")
    assert any(each.startswith(fault) for each in raised.value.faults), raised.value.faults


def test_the_unit_of_a_service_says_that_another_one_sends_and_a_file_may_say_otherwise(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delenv("RELEVE_SYNC", raising=False)
    assert parse("", "test.toml").sync == "child"
    monkeypatch.setenv("RELEVE_SYNC", "service")
    assert parse("", "test.toml").sync == "service"
    assert parse('[box]\nsync = "child"', "test.toml").sync == "child"
    monkeypatch.setenv("RELEVE_SYNC", "nonsense")
    assert parse("", "test.toml").sync == "child"
