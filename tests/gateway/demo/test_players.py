"""The lines as the gateway meets them: real pseudo-terminals and sockets, our own framers and decoders behind them."""

import asyncio
import os
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path

import pytest

from drivers import modbus, tic, wmbus
from drivers.modbus.rtu import Transaction
from drivers.model import Address, DecodeError, Frame, Medium, State, Telegram
from drivers.receivers import im871a
from drivers.talk import Dongle
from gateway import lines
from gateway.catalog import Catalog
from gateway.config import parse
from gateway.demo import Demo, meters, players
from gateway.demo.demo import SEED
from gateway.demo.life import DAY_S, HISTORY_DAYS, Life
from gateway.demo.players import ON_THE_AIR, telegram_of
from gateway.house import House
from gateway.ports.stream import Connection, SerialLine, TcpLine, open_line
from gateway.secret import BoxSecret
from gateway.views import PointState
from tests.gateway.test_keys import forms
from tests.house import Clock, house

NOW = int(datetime(2026, 11, 20, 19, 37, 11, tzinfo=UTC).timestamp())
SPEED = 60.0
WAIT_S_MAX = 8.0


@pytest.fixture(scope="module")
def life() -> Life:
    life = Life(SEED, NOW // DAY_S - HISTORY_DAYS)
    life.live_until(NOW)
    return life


@pytest.fixture
def demo(tmp_path: Path, life: Life) -> Demo:
    demo = Demo(tmp_path, lambda: NOW, speed=SPEED)
    demo.life = life  # the same one, lived before
    return demo


@asynccontextmanager
async def playing(demo: Demo) -> AsyncIterator[None]:
    task = asyncio.create_task(demo.play())
    try:
        yield
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        demo.close()


async def heard(
    line: SerialLine | TcpLine, framer: Dongle, count: int, start: bytes = b""
) -> list[Frame | DecodeError]:
    """What comes through our own port's connection; the first item may be what was cut by opening in mid-frame."""
    connection = await open_line(line)
    items: list[Frame | DecodeError] = []
    try:
        async with asyncio.timeout(WAIT_S_MAX):
            connection.write(start)
            while len([item for item in items if isinstance(item, Frame)]) < count:
                said = framer.feed(await connection.read())
                items += [item for item in said if isinstance(item, Frame | DecodeError)]
    finally:
        connection.close()
    return items


async def lost(connection: Connection) -> bool:
    async with asyncio.timeout(WAIT_S_MAX):
        while True:
            try:
                await connection.read()
            except OSError:
                return True


async def answered(connection: Connection) -> None:
    """The stick's answer to a set configuration, between the telegrams it hands on."""
    data = b""
    async with asyncio.timeout(WAIT_S_MAX):
        while bytes.fromhex("A5810400") not in data:
            data += await connection.read()


def value(telegram: Telegram, register: str, storage: int = 0) -> Decimal:
    (found,) = [r.value for r in telegram.readings if (r.register, r.storage) == (register, storage)]
    assert isinstance(found, Decimal)
    return found


async def test_the_house_s_linky_says_the_life_s_indexes_with_parity_on_the_wire(demo: Demo) -> None:
    async with playing(demo):
        items = await heard(SerialLine(str(demo.directory / "dev/linky"), 9600), tic.Framer(parity=True), 2)
    frame = [item for item in items if isinstance(item, Frame)][-1]
    telegram = tic.decode(frame)
    cheap, dear = meters.home_wh(demo.life, NOW)
    assert (telegram.address, telegram.medium, telegram.faults) == (meters.HOME.address, Medium.ELECTRICITY, ())
    assert [value(telegram, name) for name in ("EAST", "EASF01", "EASF02")] == [cheap + dear, cheap, dear]
    assert value(telegram, "SINSTS") == meters.home_w(demo.life, NOW)
    assert value(telegram, "CCASN") == meters.home_mean_w(demo.life, NOW // 1800 * 1800)
    assert {r.register: r.tariff for r in telegram.readings if r.main and r.register == "EAST"} == {"EAST": 0}


async def test_the_workshop_s_linky_speaks_historique_through_a_socket(demo: Demo) -> None:
    port = demo.configuration.partition('tcp = "127.0.0.1:')[2].partition('"')[0]
    async with playing(demo):
        items = await heard(TcpLine("127.0.0.1", int(port)), tic.Framer(), 2)
    telegram = tic.decode([item for item in items if isinstance(item, Frame)][-1])
    assert telegram.address == meters.WORKSHOP.address
    assert (int(value(telegram, "HCHC")), int(value(telegram, "HCHP"))) == meters.workshop_wh(demo.life, NOW)


async def test_the_stick_answers_its_start_and_hands_on_every_meter_with_its_strength(demo: Demo) -> None:
    async with playing(demo):
        items = await heard(
            SerialLine(str(demo.directory / "dev/radio"), im871a.BAUD),
            im871a.Framer(),
            3 * len(ON_THE_AIR),
            im871a.START,
        )
    assert not [item for item in items if isinstance(item, DecodeError)]
    frames = [item for item in items if isinstance(item, Frame)]
    assert {wmbus.header(frame).address for frame in frames} == {radio.meter.address for radio in ON_THE_AIR}
    assert all(frame.rssi_dbm is not None and -95 <= frame.rssi_dbm <= -50 for frame in frames)


async def test_the_stick_says_that_it_took_the_configuration(demo: Demo) -> None:
    async with playing(demo):
        connection = await open_line(SerialLine(str(demo.directory / "dev/radio"), im871a.BAUD))
        connection.write(im871a.SET_C_AND_T)
        await answered(connection)
        connection.close()


async def test_the_heat_pump_s_meter_answers_every_block_of_its_map(demo: Demo) -> None:
    model = modbus.load(players.HEAT_PUMP_MODEL)
    registers: dict[int, int] = {}
    async with playing(demo):
        connection = await open_line(SerialLine(str(demo.directory / "dev/rs485"), 9600))
        for block in modbus.plan(model):
            transaction = Transaction(players.HEAT_PUMP_UNIT, model.function_code, block.address, block.count)
            connection.write(transaction.request)
            answer: list[object] = []
            async with asyncio.timeout(WAIT_S_MAX):
                while not answer:
                    answer += transaction.feed(await connection.read())
            assert isinstance(answer[0], tuple)
            registers.update(zip(range(block.address, block.address + block.count), answer[0], strict=True))
        connection.close()
    telegram = modbus.decode(model, Address("modbus", "chaufferie/1"), registers)
    assert value(telegram, "import_energy") == meters.heat_pump_wh(demo.life, NOW)
    assert 220 < value(telegram, "voltage_l2") < 245


@pytest.mark.parametrize(
    ("meter", "register", "index"),
    [
        (meters.COLD_WATER, "volume", lambda life: meters.cold_water_l(life, NOW)),
        (meters.HOT_WATER, "volume", lambda life: meters.hot_water_l(life, NOW)),
        (meters.GAS, "volume", lambda life: 10 * meters.gas_10l(life, NOW)),
        (meters.RADIATOR, "heat_cost", lambda life: meters.radiator_units(life, NOW)),
        (meters.HEAT, "energy", lambda life: meters.heat_wh(life, NOW) // 1000 * 1000),
    ],
    ids=lambda value_: getattr(value_, "name", ""),
)
def test_a_radio_meter_says_the_life_s_index(
    demo: Demo, meter: meters.HouseMeter, register: str, index: Callable[..., int]
) -> None:
    demo.close()
    (radio,) = [radio for radio in ON_THE_AIR if radio.meter is meter]
    frame = Frame(telegram_of(radio, demo.life, NOW, 7))
    telegram = wmbus.decode(frame, meter.key)
    assert (telegram.state, telegram.address, telegram.medium) == (State.DECODED, meter.address, meter.medium)
    assert (telegram.faults, telegram.access_number) == ((), 7)
    assert value(telegram, register) == index(demo.life)
    assert [r.register for r in telegram.readings if r.main and r.quantity.kind == "index"] == [register]
    if meter.key is not None:
        assert wmbus.decode(frame, None).state is State.KEY_MISSING


def test_history_and_live_are_the_same_registers_and_resolutions(demo: Demo) -> None:
    demo.close()
    for radio in ON_THE_AIR:
        telegram = wmbus.decode(Frame(telegram_of(radio, demo.life, NOW, 1)), radio.meter.key)
        live = {(r.register, r.tariff): r for r in telegram.readings if r.storage == 0}
        for register in radio.meter.history:
            reading = live[(register.name, register.tariff)]
            assert reading.main == register.main
            assert isinstance(reading.value, Decimal)
            step = {"m3": 3, "HCA": 0}[register.unit] - register.decimals
            assert reading.value.as_tuple().exponent == step
            assert reading.value == register.value(demo.life, NOW) * 10**step


async def test_the_whole_house_speaks_through_the_ports_of_the_gateway(tmp_path: Path, demo: Demo) -> None:
    config = parse(demo.configuration, "demo")
    with house(tmp_path / "data", demo.configuration, Clock(NOW)) as home:
        async with playing(demo), asyncio.TaskGroup() as tasks:
            ports = [lines.open_port(port, config.meters, home.collect) for port in config.ports]
            jobs = [tasks.create_task(port.run()) for port in ports]
            async with asyncio.timeout(WAIT_S_MAX):
                while not _all_heard(home):
                    await asyncio.sleep(0.05)
            hint = next(hint for hint in demo.hints() if str(meters.HOT_WATER.address) in hint)
            key = bytes.fromhex(hint.rpartition(" ")[2])
            adopted = await home.adopt(str(meters.HOT_WATER.address), "Eau chaude", key)
            for job in jobs:
                job.cancel()
        states = {view.point.name: view.state for view in home.points()}
        assert {name for name, state in states.items() if state is PointState.SPEAKING} == {
            "Maison",
            "Atelier",
            "Eau froide",
            "Gaz",
            "Radiateur salon",
            "Pompe à chaleur",
            "Eau chaude",
        }
        assert states["Chauffage"] is PointState.KEY_MISSING
        assert adopted.state is State.DECODED
        assert [heard_.address for heard_ in home.heard()] == [str(meters.NEIGHBOUR.address)]
        for port_view in home.ports():
            assert {"held", "bugs", "bad parts"}.isdisjoint(port_view.counts), port_view


def _all_heard(home: House) -> bool:
    adopted = all(view.telegrams >= 1 for view in home.points())
    return adopted and len(home.heard()) == 2


async def test_a_cable_is_pulled_and_put_back_behind_the_same_path(demo: Demo) -> None:
    path = demo.directory / "dev/linky"
    line = SerialLine(str(path), 9600)
    async with playing(demo):
        connection = await open_line(line)
        demo.unplug("linky")
        assert await lost(connection)
        connection.close()
        assert not path.is_symlink()
        demo.replug("linky")
        frames = [item for item in await heard(line, tic.Framer(parity=True), 1) if isinstance(item, Frame)]
    assert tic.decode(frames[0]).address == meters.HOME.address


async def test_a_stick_that_was_pulled_answers_again(demo: Demo) -> None:
    line = SerialLine(str(demo.directory / "dev/radio"), im871a.BAUD)
    async with playing(demo):
        await asyncio.sleep(0)
        demo.unplug("radio")
        demo.unplug("radio")
        demo.replug("radio")
        demo.replug("radio")
        connection = await open_line(line)
        connection.write(im871a.SET_C_AND_T)
        await answered(connection)
        connection.close()


async def test_a_socket_is_closed_and_listens_again_at_the_same_port(demo: Demo) -> None:
    port = demo.wires["atelier"].port  # type: ignore[attr-defined]  # the one wire that is a socket
    line = TcpLine("127.0.0.1", port)
    async with playing(demo):
        await heard(line, tic.Framer(), 1)
        connection = await open_line(line)
        demo.unplug("atelier")
        assert await lost(connection)
        connection.close()
        with pytest.raises(OSError):  # noqa: PT011 - refused
            await open_line(line)
        demo.replug("atelier")
        await asyncio.sleep(0.05)
        await heard(line, tic.Framer(), 1)


async def test_meters_go_on_speaking_when_nobody_reads(tmp_path: Path, life: Life) -> None:
    demo = Demo(tmp_path, lambda: NOW, speed=500.0)
    demo.life = life
    async with playing(demo):
        before = time.monotonic()
        await asyncio.sleep(0.1)
        assert time.monotonic() - before < 1.0  # a full buffer never blocks the loop
        items = await heard(SerialLine(str(tmp_path / "dev/linky"), 9600), tic.Framer(parity=True), 2)
    assert any(isinstance(item, Frame) for item in items)


async def test_a_frame_takes_as_long_as_on_its_wire(demo: Demo) -> None:
    loop = asyncio.get_running_loop()
    written: list[tuple[float, int]] = []

    class Wire:
        def write(self, data: bytes) -> None:
            written.append((loop.time(), len(data)))

        def unplug(self) -> None: ...
        def replug(self) -> None: ...

    demo.close()
    start = loop.time()
    end = await players.paced(Wire(), bytes(9600), 1_200_000, start)
    assert end - start == pytest.approx(9600 * 10 / 1_200_000)
    assert sum(size for _, size in written) == 9600
    assert written[-1][0] >= end - 0.002


def test_the_demo_seals_keys_under_a_secret_of_its_own_and_makes_none_elsewhere(demo: Demo) -> None:
    config = parse(demo.configuration, "demo")
    demo.close()
    assert config.secret == demo.directory / "box-secret"
    assert config.data == demo.directory / "data"
    catalog = Catalog.open(config.data, "Maison", "Europe/Paris", BoxSecret(config.secret))
    assert meters.HEAT.key is not None
    catalog.set_key(str(meters.HEAT.address), meters.HEAT.key)
    written = b"".join(path.read_bytes() for path in config.data.iterdir())
    assert [form for form in forms(meters.HEAT.key) if form in written] == []
    assert config.secret.exists()


def test_the_configuration_is_one_that_releve_run_would_take(demo: Demo) -> None:
    config = parse(demo.configuration, "demo")
    assert {port.name for port in config.ports} == set(demo.wires)
    assert lines.faults(config.ports, config.meters) == []
    for port in config.ports:
        if port.device is not None:
            assert os.path.exists(port.device)  # noqa: PTH110 - a string from the configuration
    demo.close()
    with_key = {meter.name for meter in config.meters if meter.key is not None}
    assert with_key == {meters.COLD_WATER.name}
