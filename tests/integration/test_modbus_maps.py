"""Every register map against libmodbus: registers made by Python's struct, served by libmodbus, read by our port."""

import asyncio
import contextlib
import json
import struct
from collections.abc import Callable, Mapping
from decimal import Decimal
from pathlib import Path

import pytest

from drivers.modbus import MeterMap, load, models
from drivers.modbus.maps import Register, WireType, WordOrder
from drivers.model import State, Telegram
from gateway.ports.modbus import ModbusPort, SerialLine, TcpLine, Unit
from tests.buses import Sink
from tests.integration.test_modbus_peers import LIBMODBUS, is_listening, is_open

LETTERS = {
    WireType.INT16: "h",
    WireType.UINT16: "H",
    WireType.INT32: "i",
    WireType.UINT32: "I",
    WireType.INT64: "q",
    WireType.UINT64: "Q",
    WireType.FLOAT32: "f",
    WireType.FLOAT64: "d",
}
Held = dict[str, dict[str, int]]  # by function code, then by address


def put(held: Held, meter_map: MeterMap, register: Register, packed: bytes) -> None:
    words = struct.unpack(f">{len(packed) // 2}H", packed)
    if meter_map.word_order is WordOrder.LITTLE:
        words = words[::-1]
    table = held.setdefault(str(register.function_code or meter_map.function_code), {})
    table.update({str(register.address + place): word for place, word in enumerate(words)})


def unlike(meter_map: MeterMap) -> tuple[Held, dict[str, Decimal]]:
    """A value for each register that no other has, negative where the type can be: any mix-up shows."""
    held: Held = {}
    values = {}
    for number, register in enumerate(meter_map.registers, 1):
        raw = (101 * number + 0.25) if register.type.floating else 101 * number
        if not register.type.value.startswith("uint") and number % 3 == 0:
            raw = -raw
        put(held, meter_map, register, struct.pack(f">{LETTERS[register.type]}", raw))
        values[register.key] = Decimal(str(raw)) * register.scale
    return held, values


def invalid(meter_map: MeterMap) -> Held:
    """Every register holds what says "no value"; where nothing does, it is a float's NaN or an honest 0."""
    held: Held = {}
    for register in meter_map.registers:
        size = 2 * register.type.registers
        if register.invalid:
            packed = register.invalid[-1][-1].to_bytes(size, "big")
        else:
            packed = struct.pack(f">{LETTERS[register.type]}", float("nan") if register.type.floating else 0)
        put(held, meter_map, register, packed)
    return held


def sunspec() -> tuple[Held, dict[str, Decimal]]:
    """An inverter with three phases, an unknown model, and a meter."""
    inverter = [103, 50, *[0xFFFF] * 50]
    inverter[14:17] = [8765, 0xFFFF, 5001]
    inverter[17], inverter[24:27] = 0xFFFE, [*struct.unpack(">2H", struct.pack(">I", 1_234_567)), 1]
    inverter[18] = inverter[20] = inverter[31] = inverter[33] = 0x8000
    meter = [213, 124, *[0x7FC0] * 124]
    meter[28:30] = struct.unpack(">2H", struct.pack(">f", -1250.5))
    words = [0x5375, 0x6E53, 1, 65, *[0] * 65, *inverter, 64111, 4, *[0] * 4, *meter, 0xFFFF, 0]
    values = {"power": "876.5", "frequency": "50.01", "export_energy": "12345670", "power_2": "-1250.5"}
    table = {str(address): word for address, word in enumerate(words, 40000)}
    return {"3": table}, {name: Decimal(value) for name, value in values.items()}


def said(telegram: Telegram) -> dict[str, object]:
    return {f"{r.register}:{r.tariff}" if r.tariff else r.register: r.value for r in telegram.readings}


async def first(line: SerialLine | TcpLine, units: list[Unit]) -> tuple[dict[int, Telegram], Sink]:
    sink = Sink()
    port = asyncio.create_task(ModbusPort("bus", line, units, sink).run())
    try:
        await sink.until(lambda: len({t.address for t in sink.telegrams}) == len(units))
    finally:
        port.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await port
    return {int(telegram.address.id.split("/")[1]): telegram for telegram in sink.telegrams}, sink


@pytest.fixture
def serve(start: Callable[..., None], port: int, tmp_path: Path) -> Callable[[Mapping[int, Held]], TcpLine]:
    def serve(units: Mapping[int, Held]) -> TcpLine:
        (tmp_path / "held.json").write_text(json.dumps(units))
        start(*LIBMODBUS, "tcp", str(port), str(tmp_path / "held.json"), ready=lambda: is_listening(port))
        return TcpLine("127.0.0.1", port)

    return serve


async def test_every_map_reads_each_of_its_registers_exactly(serve: Callable[[Mapping[int, Held]], TcpLine]) -> None:
    made = {unit: (load(model), *unlike(load(model))) for unit, model in enumerate(models(), 1)}
    made[200] = (load("sunspec"), *sunspec())
    line = serve({unit: held for unit, (_, held, _) in made.items()})
    telegrams, sink = await first(line, [Unit(unit, model, 60) for unit, (model, _, _) in made.items()])
    assert sink.faults == []
    for unit, (model, _, values) in made.items():
        assert (model.id, said(telegrams[unit])) == (model.id, values)


async def test_no_map_reads_an_invalid_marker(serve: Callable[[Mapping[int, Held]], TcpLine]) -> None:
    made = {unit: load(model) for unit, model in enumerate(models(), 1)}
    line = serve({unit: invalid(model) for unit, model in made.items()})
    telegrams, sink = await first(line, [Unit(unit, model, 60) for unit, model in made.items()])
    assert sink.faults == []
    for unit, model in made.items():
        honest = {r.key for r in model.registers if not r.invalid and not r.type.floating}
        assert (model.id, set(said(telegrams[unit]))) == (model.id, honest)
        assert telegrams[unit].state is (State.DECODED if honest else State.NO_DATA)


@pytest.mark.parametrize("model", ["carlo_gavazzi_em24", "siemens_pac2200"])
async def test_a_map_reads_the_same_on_a_serial_line(
    start: Callable[..., None], line: tuple[Path, Path], tmp_path: Path, model: str
) -> None:
    near, far = line
    held, values = unlike(load(model))
    (tmp_path / "held.json").write_text(json.dumps({1: held}))
    start(*LIBMODBUS, "rtu", str(far.resolve()), str(tmp_path / "held.json"), ready=lambda: is_open(far))
    telegrams, sink = await first(SerialLine(str(near), 9600), [Unit(1, load(model), 60)])
    assert said(telegrams[1]) == values
    assert sink.faults == []
