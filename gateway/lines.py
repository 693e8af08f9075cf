"""From the configuration's ports to running ones: which framer, which decoder, which line."""

from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import TYPE_CHECKING

from gateway.collect import Driver
from gateway.config import Meter, Mqtt
from gateway.config import Port as PortConfig
from gateway.plausible import Pace
from gateway.ports import Port, Sink
from gateway.ports.stream import SerialLine, StreamPort, TcpLine
from gateway.remembered import Remembered

if TYPE_CHECKING:
    from gateway.dial import Dials
    from gateway.ports.mqtt import Broker
    from gateway.ports.pulse import Input


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
            case "mbus":
                from drivers import mbus

                found[port.name] = Driver(lambda frame, key, at: mbus.decode(frame))
            case "wmbus":
                from drivers import wmbus

                found[port.name] = Driver(remembered.decoder(), wmbus.header)
            case "modbus" | "pulse":
                pass  # its port asks, or counts, and says in one
    return found


def open_port(port: PortConfig, meters: Sequence[Meter], sink: Sink, dials: "Dials | None" = None) -> Port:
    """The port a configuration names, not running yet; `dials` keeps what a pulse port counts."""
    if port.contact is not None:
        assert dials is not None
        return _pulse(port, meters, sink, dials)
    if port.protocol == "modbus":
        return _modbus(port, meters, sink)
    if port.protocol == "wmbus":
        return _radio(port, sink)
    if port.protocol == "tic":
        return _tic(port, sink)
    from drivers import mbus

    return StreamPort(port.name, _line(port, 2400), mbus.Framer, sink)


def _tic_driver() -> Driver:
    from drivers import tic
    from drivers.tic.limits import SLACK_H, per_hour_max_wh

    def pace(register: str, numbers: Mapping[str, Decimal]) -> Pace | None:
        limit = per_hour_max_wh(register, numbers)
        return None if limit is None else Pace(float(limit), SLACK_H)

    line = tic.Line()
    return Driver(lambda frame, key, at: line.decode(frame, at), pace=pace)


def _line(port: PortConfig, baud: int) -> SerialLine | TcpLine:
    if port.device is not None:
        return SerialLine(port.device, port.baud or baud, port.parity or "N", port.stopbits)
    assert port.tcp is not None
    return TcpLine(*port.tcp)


def _tic(port: PortConfig, sink: Sink) -> Port:
    from gateway.ports.tic import BAUDS, TicPort

    bauds = BAUDS if port.baud is None else (port.baud,)
    if port.device is not None:
        # A 7E1 line read as 8N1: neither pyserial nor the kernel would check the parity, our framer does.
        return TicPort(port.name, SerialLine(port.device, bauds[0], "N", port.stopbits), sink, bauds)
    parity = None if port.parity is None else port.parity == "N"
    return TicPort(port.name, _line(port, bauds[0]), sink, parity=parity)


def _radio(port: PortConfig, sink: Sink) -> Port:
    from drivers.receivers import RECEIVERS, text

    if port.mqtt is not None:
        from gateway.ports.mqtt import MqttPort

        assert port.receiver is not None
        framer = text.Framer if port.receiver == "auto" else RECEIVERS[port.receiver].framer
        return MqttPort(port.name, _broker(port.mqtt), framer, sink)
    if port.receiver == "auto":
        from gateway.ports.auto import AutoPort

        first = next(iter(RECEIVERS.values()))
        return AutoPort(port.name, _line(port, first.baud), RECEIVERS, sink, every_rate=port.baud is None)
    assert port.receiver is not None
    receiver = RECEIVERS[port.receiver]
    return StreamPort(port.name, _line(port, receiver.baud), receiver.framer, sink, receiver.start)


def _broker(mqtt: Mqtt) -> "Broker":
    from gateway.ports.mqtt import Broker

    return Broker(*mqtt.broker, mqtt.topics, mqtt.user, mqtt.password_file, mqtt.tls, mqtt.ca_file)


def _modbus(port: PortConfig, meters: Sequence[Meter], sink: Sink) -> Port:
    from drivers import modbus
    from gateway.ports import modbus as bus

    units = [
        bus.Unit(meter.unit, modbus.load(meter.model), float(meter.every_s))
        for meter in meters
        if meter.port == port.name and meter.unit is not None and meter.model is not None
    ]
    line: bus.SerialLine | bus.TcpLine
    if port.device is not None:
        line = bus.SerialLine(port.device, port.baud or 9600, port.parity or "N", port.stopbits)
    else:
        assert port.tcp is not None
        line = bus.TcpLine(*port.tcp)
    return bus.ModbusPort(port.name, line, units, sink)


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

            found += [f"port[{number}].{key}: {fault}" for key, fault in mqtt.faults(_broker(port.mqtt))]
    for number, meter in enumerate(meters, 1):
        if meter.model is not None and meter.model not in modbus.models():
            found.append(f"meter[{number}].model: one of {', '.join(modbus.models())} is needed, not {meter.model!r}")
    return found
