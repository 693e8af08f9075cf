"""What a [[port]] of the configuration says: a line, a radio, a broker or a contact."""

import re
from typing import Literal, get_args

from drivers.pulse import DEBOUNCE_MS, DEBOUNCE_MS_MAX
from gateway.config.table import Table, device_path, file_path, host_and_port, join, line, port_name, shown
from gateway.config.words import (
    TEXT_RECEIVERS,
    Contact,
    ControlLine,
    Edge,
    Framing,
    Mode,
    Mqtt,
    Parity,
    Port,
    Protocol,
    Receiver,
)

BAUD = (300, 600, 1200, 2400, 4800, 9600, 19200, 38400, 57600, 115200, 230400, 460800, 921600)
TOPIC_BYTES_MAX = 65_535  # MQTT 5.0, section 1.5.4

# What a line is like when the file does not say: EN 13757-2 (2400 8E1), and what most DIN-rail meters leave the factory
# with. A dongle knows its own rate, and a customer port is listened to, so none is stated for them.
LINES: dict[Protocol, tuple[int | None, Parity | None]] = {
    "tic": (None, None),
    "p1": (None, "N"),
    "sml": (9600, "N"),
    "wmbus": (None, "N"),
    "mbus": (2400, "E"),
    "modbus": (9600, "N"),
    "pulse": (None, "N"),
    "mqtt": (None, "N"),
    "shelly": (None, "N"),
}
# What the bytes of a line may come by.
WAYS: dict[Protocol, tuple[str, ...]] = {"wmbus": ("device", "tcp", "mqtt"), "mqtt": ("mqtt",)}
# Enedis-NOI-CPT_54E, both 7E1.
TIC_BAUD: dict[Mode | None, int | None] = {None: None, "standard": 9600, "historique": 1200}

GPIO = re.compile(r"(gpiochip[0-9]{1,3})/([0-9]{1,3})")
TOPIC = re.compile(r"#|([^+#/]*|\+)(/([^+#/]*|\+))*(/#)?")


def port_table(table: Table) -> Port:
    """Read one [[port]]."""
    name = table.checked("name", "", port_name, needed=True)
    stated: Protocol | None = table.word("protocol", None, get_args(Protocol), needed=True)
    if stated == "pulse":
        return _pulse_port(table, name)
    if stated == "shelly":
        return _shelly_port(table, name)
    protocol = stated or "tic"
    device = table.checked("device", None, device_path)
    tcp = table.checked("tcp", None, host_and_port)
    mqtt = _mqtt(table, topic_needed=protocol == "wmbus")
    ways = WAYS.get(protocol, ("device", "tcp"))
    met = [way for way in ("device", "tcp", "mqtt") if way in table.met]
    if len(met) != 1:
        wanted = f"one of {join(ways[:-1])} and {ways[-1]} is needed" if len(ways) > 1 else f"{ways[0]} is needed"
        table.fault("", wanted + (f", not {' and '.join(met)}" if met else ""))
    elif met[0] not in ways:
        table.refuse("mqtt", "only a wmbus and an mqtt port listen to MQTT")
        for other in ("device", "tcp"):
            table.refuse(other, "an mqtt port listens to a broker")
    words = TEXT_RECEIVERS if "mqtt" in table.met else get_args(Receiver)
    receiver: Receiver | None = table.word("receiver", "auto", words)
    mode: Mode | None = table.word("mode", None, ("standard", "historique"))
    if protocol != "wmbus":
        receiver = None
        if stated:
            table.refuse("receiver", "only a wmbus port has a receiver")
    if protocol != "tic":
        mode = None
        table.refuse("mode", "only a tic port has a mode")
    if protocol == "p1":
        table.refuse("parity", "a p1 line is always read as 8 bits without parity")
    baud, parity = LINES[protocol]
    if protocol == "tic":
        baud = TIC_BAUD[mode]
    baud = table.integer("baud", baud, BAUD)
    parity = table.word("parity", parity, ("N", "E", "O"))
    stopbits: Literal[1, 2] = 2 if table.integer("stopbits", 1, (1, 2)) == 2 else 1
    if device is None and tcp is not None:
        if protocol != "mbus":  # there it says how long to wait
            baud = None
            table.refuse("baud", "the far end of tcp sets the line")
        table.refuse("stopbits", "the far end of tcp sets the line")
    framing: Framing | None = table.word("framing", "tcp", get_args(Framing))
    if protocol != "modbus" or tcp is None:
        framing = None
        table.refuse("framing", "only a modbus port with tcp has one")
    if "mqtt" in table.met:
        for other in ("baud", "parity", "stopbits"):
            table.refuse(other, "MQTT has no line to set")
    listen = table.boolean("listen", False)
    if protocol != "mbus":
        table.refuse("listen", "only an mbus port asks its meters unless it is told to listen")
    table.end()
    return Port(
        name, protocol, device, tcp, mqtt, receiver, mode, baud, parity, stopbits, framing=framing, listen=listen
    )


def _pulse_port(table: Table, name: str) -> Port:
    gpio = table.checked("gpio", None, _gpio)
    device = table.checked("device", None, device_path)
    met = [way for way in ("gpio", "device") if way in table.met]
    if len(met) != 1:
        table.fault("", "one of gpio and device is needed" + (f", not {' and '.join(met)}" if met else ""))
    line: ControlLine | None = table.word("line", None, get_args(ControlLine), needed=met == ["device"])
    if met == ["gpio"]:
        table.refuse("line", "only a device has control lines")
    stated: Edge | None = table.word("edge", None, get_args(Edge))
    debounce_ms = table.integer("debounce_ms", DEBOUNCE_MS, range(2, DEBOUNCE_MS_MAX + 1))
    table.end()
    return Port(
        name, "pulse", device, contact=Contact(gpio, line, stated or ("rising" if device else "falling"), debounce_ms)
    )


def _shelly_port(table: Table, name: str) -> Port:
    tcp = table.checked("tcp", None, host_and_port, needed=True)
    password_file = table.checked("password_file", None, file_path)
    table.end()
    return Port(name, "shelly", tcp=tcp, password_file=password_file)


def _mqtt(table: Table, *, topic_needed: bool) -> Mqtt | None:
    broker = table.checked("mqtt", None, host_and_port)
    topics = table.some("topic", topic_filter, needed=topic_needed and "mqtt" in table.met)
    user = table.checked("user", None, line)
    password_file = table.checked("password_file", None, file_path)
    tls = table.boolean("tls", False)
    ca_file = table.checked("ca_file", None, file_path)
    if "mqtt" not in table.met:
        for other in ("topic", "user", "password_file", "tls", "ca_file"):
            table.refuse(other, "only a port with mqtt has it")
        return None
    if "password_file" in table.met and "user" not in table.met:
        table.fault("user", "is needed beside password_file")
    if not tls:
        table.refuse("ca_file", "it is read with tls = true")
    return None if broker is None else Mqtt(broker, topics, user, password_file, tls, ca_file)


def _gpio(text: str) -> tuple[str, int]:
    match = GPIO.fullmatch(text)
    if match is None:
        raise ValueError(f"a chip and a pin such as gpiochip0/17 are needed, not {shown(text)}")
    return match[1], int(match[2])


def topic_filter(text: str) -> str:
    """A topic filter (MQTT 5.0, section 4.7.1): + stands alone for one level, # alone for all that follow."""
    if not text or not text.isprintable() or not TOPIC.fullmatch(text) or len(text.encode()) > TOPIC_BYTES_MAX:
        raise ValueError(f"a topic such as rtl_433/+/events is needed, not {shown(text)}")
    return text
