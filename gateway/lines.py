"""From the configuration's ports to running ones: which framer, which decoder, which line."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from decimal import Decimal
from functools import partial
from typing import TYPE_CHECKING

from drivers.model import Medium
from gateway.collect import Driver
from gateway.config import Meter
from gateway.config import Port as PortConfig
from gateway.plausible import Pace
from gateway.ports import Port, Sink, ThingSink
from gateway.ports.listening import Listener, ListeningPort, Patience
from gateway.ports.stream import SerialLine, StreamPort, TcpLine
from gateway.remembered import Remembered

if TYPE_CHECKING:
    from gateway.dial import Dials
    from gateway.ports.mbus import Polled
    from gateway.ports.modbus import Unit
    from gateway.ports.mqtt import Broker
    from gateway.ports.pulse import Input

# Enedis-NOI-CPT_54E: standard 9600 baud, historique 1200. Found in this order, as new meters speak standard. Two groups
# take 0.5 s at most in either mode: a noisy line gets five chances before another speed is tried. So long without a good
# group as annex A waits, and the meter is taken to speak otherwise.
TIC_BAUDS = (9600, 1200)
TIC_PATIENCE = Patience(dwell_s=2.5, lost_s=10, check_s=3)
# P1 companion standard: 115200 baud from version 4 on, 9600 before, a telegram each second or each ten.
P1_BAUDS = (115_200, 9600)
P1_PATIENCE = Patience(dwell_s=12, lost_s=30, check_s=12)
SML_BAUD = 9600
MBUS_BAUD = 2400  # EN 13757-2
ALL_TOPICS = "#"  # MQTT 5.0, section 4.7.1.2


def drivers(ports: Sequence[PortConfig], remembered: Remembered | None = None) -> dict[str, Driver]:
    """The driver of each port whose meters speak in frames. Imports only the protocols that the house uses.

    All radios share what is remembered of the meters they hear: formats of compact frames, and message counters.
    """
    found: dict[str, Driver] = {}
    remembered = remembered or Remembered()
    for port in ports:
        match port.protocol:
            case "tic":
                found[port.name] = _tic_driver()
            case "p1":
                found[port.name] = _p1_driver()
            case "sml":
                from drivers import sml

                found[port.name] = Driver(lambda frame, key, at: sml.decode(frame))
            case "mbus":
                from drivers import mbus

                found[port.name] = Driver(lambda frame, key, at: mbus.decode(frame, key))
            case "wmbus":
                from drivers import wmbus

                found[port.name] = Driver(remembered.decoder(), wmbus.header)
            case "modbus" | "pulse" | "mqtt" | "shelly":
                pass  # its port asks, or counts, or knows the kinds of things, and says in one
    return found


def open_port(
    port: PortConfig,
    meters: Sequence[Meter],
    sink: Sink,
    dials: "Dials | None" = None,
    fallen: set[tuple[str, str]] | None = None,
) -> Port:
    """The port a configuration names, not running yet; `dials` keeps what a pulse port counts.

    `fallen` are the counters of things that are known to begin anew now and then; a port of a broker adds to them.
    """
    if port.contact is not None:
        assert dials is not None
        return _pulse(port, meters, sink, dials)
    if port.protocol == "mqtt":
        return _things(port, meters, sink, set() if fallen is None else fallen)
    if port.protocol == "shelly":
        return _shelly(port, sink)
    if port.protocol == "modbus":
        return _modbus(port, meters, sink)
    if port.protocol == "wmbus":
        return _radio(port, sink)
    if port.protocol == "tic":
        return _tic(port, sink)
    if port.protocol == "p1":
        return _p1(port, sink)
    if port.protocol == "sml":
        from drivers import sml

        return StreamPort(port.name, _line(port, SML_BAUD), sml.Framer, sink)
    return _mbus(port, meters, sink)


def asks_now(opened: Port, port: PortConfig, meters: Sequence[Meter]) -> bool:
    """Have an open port ask these meters from now on; False where it must be opened anew for it."""
    if port.protocol == "modbus":
        from gateway.ports.modbus import ModbusPort

        if isinstance(opened, ModbusPort):
            opened.set_units(_units(port, meters))
            return True
    if port.protocol == "mbus":
        from gateway.ports.mbus import MbusPort

        if isinstance(opened, MbusPort):
            opened.set_meters(wired(port.name, meters))
            return True
    return False


def _tic_driver() -> Driver:
    from drivers import tic
    from drivers.tic.limits import SLACK_H, per_hour_max_wh

    def pace(register: str, numbers: Mapping[str, Decimal]) -> Pace | None:
        limit = per_hour_max_wh(register, numbers)
        return None if limit is None else Pace(float(limit), SLACK_H)

    line = tic.Line()
    return Driver(lambda frame, key, at: line.decode(frame, at), pace=pace)


def _p1_driver() -> Driver:
    from drivers import p1

    line = p1.Line()
    return Driver(lambda frame, key, at: line.decode(frame, at))


def _line(port: PortConfig, baud: int) -> SerialLine | TcpLine:
    if port.device is not None:
        return SerialLine(port.device, port.baud or baud, port.parity or "N", port.stopbits)
    assert port.tcp is not None
    return TcpLine(*port.tcp, at_home=port.at_home)


def _tic(port: PortConfig, sink: Sink) -> Port:
    from drivers.tic.listening import Listener

    over_tcp = port.device is None
    parity = port.parity == "N" if over_tcp and port.parity is not None else None
    return _listening(port, sink, TIC_BAUDS, partial(Listener, parity), TIC_PATIENCE)


def _p1(port: PortConfig, sink: Sink) -> Port:
    from drivers.p1.listening import Listener

    return _listening(port, sink, P1_BAUDS, Listener, P1_PATIENCE)


def _listening(
    port: PortConfig, sink: Sink, bauds: Sequence[int], listener: Callable[[], Listener], patience: Patience
) -> Port:
    bauds = bauds if port.baud is None else (port.baud,)
    # A 7E1 line is read as 8N1: neither pyserial nor the kernel would check the parity, our framers do.
    line = _line(replace(port, parity="N"), bauds[0])
    return ListeningPort(port.name, line, sink, bauds, listener, patience)


def _radio(port: PortConfig, sink: Sink) -> Port:
    from drivers.receivers import RECEIVERS, text

    if port.mqtt is not None:
        from gateway.ports.mqtt import MqttPort

        assert port.receiver is not None
        framer = text.Framer if port.receiver == "auto" else RECEIVERS[port.receiver].framer
        return MqttPort(port.name, _broker(port), framer, sink)
    if port.receiver == "auto":
        from gateway.ports.auto import AutoPort

        first = next(iter(RECEIVERS.values()))
        return AutoPort(port.name, _line(port, first.baud), RECEIVERS, sink, every_rate=port.baud is None)
    assert port.receiver is not None
    receiver = RECEIVERS[port.receiver]
    return StreamPort(port.name, _line(port, receiver.baud), receiver.framer, sink, receiver.start)


def _things(port: PortConfig, meters: Sequence[Meter], sink: Sink, fallen: set[tuple[str, str]]) -> Port:
    from drivers.mqtt import TOPICS, Things
    from drivers.mqtt.generic import Mapping as Mapped
    from gateway.ports.things import ThingsPort

    assert port.mqtt is not None
    assert isinstance(sink, ThingSink)
    mapped = {
        meter.topic: Mapped(meter.topic, meter.name, meter.medium or Medium.OTHER, meter.values)
        for meter in meters
        if meter.port == port.name and meter.topic is not None
    }
    topics = port.mqtt.topics or TOPICS
    if ALL_TOPICS not in topics:  # else a broker may send a mapped one twice
        topics = (*topics, *mapped)
    broker = replace(_broker(port), topics=tuple(dict.fromkeys(topics)))
    return ThingsPort(port.name, broker, Things(mapped, fallen), sink)


def _broker(port: PortConfig) -> "Broker":
    from gateway.ports.mqtt import Broker

    mqtt = port.mqtt
    assert mqtt is not None
    return Broker(
        *mqtt.broker,
        mqtt.topics,
        mqtt.user,
        mqtt.password_file,
        mqtt.tls,
        mqtt.ca_file,
        password=port.password,
        at_home=port.at_home,
    )


def _shelly(port: PortConfig, sink: Sink) -> Port:
    from gateway.ports.shelly import ShellyPort

    assert port.tcp is not None
    assert isinstance(sink, ThingSink)
    return ShellyPort(port.name, port.tcp, sink, password=port.password, password_file=port.password_file)


def _modbus(port: PortConfig, meters: Sequence[Meter], sink: Sink) -> Port:
    from gateway.ports import modbus as bus

    line: bus.SerialLine | bus.TcpLine
    if port.device is not None:
        line = bus.SerialLine(port.device, port.baud or 9600, port.parity or "N", port.stopbits)
    else:
        assert port.tcp is not None
        line = bus.TcpLine(*port.tcp, rtu=port.framing == "rtu", at_home=port.at_home)
    return bus.ModbusPort(port.name, line, _units(port, meters), sink)


def _units(port: PortConfig, meters: Sequence[Meter]) -> "list[Unit]":
    """Whom a Modbus port asks."""
    from drivers import modbus
    from gateway.ports.modbus import Unit

    return [
        Unit(meter.unit, modbus.load(meter.model), float(meter.every_s))
        for meter in meters
        if meter.port == port.name and meter.unit is not None and meter.model is not None
    ]


def _mbus(port: PortConfig, meters: Sequence[Meter], sink: Sink) -> Port:
    from drivers import mbus
    from gateway.ports import mbus as bus

    line = _line(port, MBUS_BAUD)
    if port.listen:
        return StreamPort(port.name, line, mbus.Framer, sink)
    pace = bus.pace_of(line, port.baud or MBUS_BAUD)
    return bus.MbusPort(port.name, line, pace, wired(port.name, meters), sink)


def wired(port: str, meters: Sequence[Meter]) -> "list[Polled]":
    """Whom an M-Bus port asks."""
    from gateway.ports.mbus import Polled, parse_address

    return [
        Polled(parse_address(meter.address), float(meter.every_s), meter.primary)
        for meter in meters
        if meter.port == port and meter.address.startswith("mbus:")
    ]


def _pulse(port: PortConfig, meters: Sequence[Meter], sink: Sink, dials: "Dials") -> Port:
    from gateway.ports.pulse import PulsePort

    assert port.contact is not None
    address = next(meter.address for meter in meters if meter.port == port.name)
    active = port.contact.edge == "rising"
    return PulsePort(port.name, contact(port), port.contact.debounce_ms, active, dials.say(address), sink)


def contact(port: PortConfig) -> "Input":
    """Where a pulse port listens."""
    from gateway.ports.pulse import GpioPin, SerialControl

    assert port.contact is not None
    if port.contact.gpio is not None:
        return GpioPin(*port.contact.gpio, pull_up=port.contact.edge == "falling")
    assert port.device is not None
    assert port.contact.line is not None
    return SerialControl(port.device, port.contact.line, port.contact.debounce_ms)


def faults(ports: Sequence[PortConfig], meters: Sequence[Meter]) -> list[str]:
    """What only drivers and ports can say of a configuration: no map of a model, a broker's file that is no good."""
    from drivers import modbus

    found = []
    for number, port in enumerate(ports, 1):
        if port.mqtt is not None:
            from gateway.ports import mqtt

            found += [f"port[{number}].{key}: {fault}" for key, fault in mqtt.faults(_broker(port))]
    for number, meter in enumerate(meters, 1):
        if meter.model is not None and meter.model not in modbus.known():
            found.append(f"meter[{number}].model: one of {', '.join(modbus.known())} is needed, not {meter.model!r}")
    return found


def medium_of(meter: Meter) -> Medium:
    """What a configured meter measures: as it is told, else by its model or its address; or it is an electricity meter."""
    if meter.medium is not None:
        return meter.medium
    if meter.model is not None:
        from drivers import modbus

        return modbus.load(meter.model).medium if meter.model in modbus.known() else Medium.ELECTRICITY
    protocol, _, rest = meter.address.partition(":")
    if protocol == "thing":
        return Medium.OTHER
    if protocol not in ("wmbus", "mbus"):
        return Medium.ELECTRICITY
    from drivers.wmbus.records import medium  # late: a house without M-Bus does not load it

    return medium(int(rest.rpartition("-")[2], 16)) if "-" in rest else Medium.OTHER
