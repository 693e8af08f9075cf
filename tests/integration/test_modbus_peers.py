"""Modbus against programs of others: mbpoll reads our slave, our port reads libmodbus, modbus-serial and what ser2net brings."""

import asyncio
import contextlib
import json
import os
import re
import subprocess
import sys
import termios
import threading
import tty
from collections.abc import Callable, Iterator
from decimal import Decimal
from pathlib import Path

import pytest

from drivers.encode.modbus import Slave, encode
from drivers.modbus import load
from drivers.model import DecodeError, Frame, State, Telegram
from drivers.talk import Identity
from gateway import lines
from gateway.config import parse
from gateway.views import Listening

MODEL = "eastron_sdm630"
REGISTERS = encode(load(MODEL), {"power": Decimal("-1250.5"), "import_energy": Decimal(12_345_670)})
MODBUS_SERIAL = Path(__file__).with_name("modbus_server.js")
SER2NET = """
connection: &bus
  accepter: tcp,127.0.0.1,{port}
  connector: serialdev,{device},9600n81,local
  options:
    kickolduser: true
"""
LIBMODBUS = (sys.executable, str(Path(__file__).with_name("libmodbus_slave.py")))


@pytest.fixture
def our_slave() -> Iterator[str]:
    """The name of a pseudo-terminal at whose other end our slave answers, until the test is done."""
    master, slave = os.openpty()
    tty.setraw(slave, termios.TCSANOW)
    meter = Slave(1, {4: REGISTERS})

    def answer() -> None:
        with contextlib.suppress(OSError):  # EIO: the last one who had the line open has left
            while data := os.read(master, 256):
                for reply in meter.feed(data):
                    os.write(master, reply)

    answering = threading.Thread(target=answer)
    answering.start()
    try:
        yield os.ttyname(slave)
    finally:
        os.close(slave)
        answering.join(5)
        os.close(master)


@pytest.mark.parametrize(("register", "value"), [(52, "-1250.5"), (72, "12345.7")])
def test_mbpoll_reads_our_slave(our_slave: str, register: int, value: str) -> None:
    line = ("-m", "rtu", "-a", "1", "-b", "9600", "-P", "none")
    what = ("-t", "3:float", "-B", "-0", "-r", str(register), "-c", "1", "-1")
    done = subprocess.run(["mbpoll", *line, *what, our_slave], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert re.search(rf"^\[{register}\]:\s+{re.escape(value)}$", done.stdout, re.MULTILINE), done.stdout


class Heard:
    """The first telegram and all faults that a port gives; a sink as `collect` is one."""

    def __init__(self) -> None:
        self.first: asyncio.Future[Telegram] = asyncio.get_running_loop().create_future()
        self.faults: list[DecodeError] = []

    def opened(self, port: str) -> None: ...

    def identified(self, port: str, identity: Identity) -> None:
        raise AssertionError(identity)

    def listening(self, port: str, listening: Listening) -> None:
        raise AssertionError(listening)

    def frame(self, port: str, frame: Frame) -> None:
        raise AssertionError(frame)

    def telegram(self, port: str, read: Callable[[], Telegram]) -> None:
        if not self.first.done():
            self.first.set_result(read())

    def fault(self, port: str, error: DecodeError) -> None:
        self.faults.append(error)


async def read_first(where: str) -> tuple[Telegram, list[DecodeError]]:
    config = parse(
        f"""
        [[port]]
        name = "bus"
        protocol = "modbus"
        {where}
        [[meter]]
        name = "House"
        port = "bus"
        unit = 1
        model = "{MODEL}"
        """,
        "test.toml",
    )
    heard = Heard()
    reading = asyncio.create_task(lines.open_port(config.ports[0], config.meters, heard).run())
    try:
        async with asyncio.timeout(10):
            await asyncio.wait((reading, heard.first), return_when=asyncio.FIRST_COMPLETED)
            return await heard.first, heard.faults
    finally:
        reading.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await reading


def assert_read(telegram: Telegram) -> None:
    assert (telegram.state, str(telegram.address)) == (State.DECODED, "modbus:bus/1")
    values = {reading.register: reading.value for reading in telegram.readings}
    assert (values["power"], values["import_energy"]) == (Decimal("-1250.5"), Decimal(12_345_670))


@pytest.fixture
def held(tmp_path: Path) -> str:
    """A file for the slave: unit 1 with our meter's input registers."""
    path = tmp_path / "held.json"
    path.write_text(json.dumps({"1": {"4": REGISTERS}}))
    return str(path)


async def test_our_port_reads_libmodbus_on_a_serial_line(
    start: Callable[..., None], line: tuple[Path, Path], held: str
) -> None:
    near, far = line
    start(*LIBMODBUS, "rtu", str(far.resolve()), held, ready=lambda: is_open(far))
    telegram, faults = await read_first(f'device = "{near}"')
    assert_read(telegram)
    assert faults == []


async def test_our_port_reads_libmodbus_over_tcp(start: Callable[..., None], port: int, held: str) -> None:
    start(*LIBMODBUS, "tcp", str(port), held, ready=lambda: is_listening(port))
    telegram, faults = await read_first(f'tcp = "127.0.0.1:{port}"')
    assert_read(telegram)
    assert faults == []


async def test_our_port_reads_libmodbus_behind_ser2net(
    start: Callable[..., None],
    listens: Callable[[int], bool],
    line: tuple[Path, Path],
    port: int,
    held: str,
    tmp_path: Path,
) -> None:
    near, far = line
    start(*LIBMODBUS, "rtu", str(far.resolve()), held, ready=lambda: is_open(far))
    config = tmp_path / "ser2net.yaml"
    config.write_text(SER2NET.format(port=port, device=near.resolve()))
    start("ser2net", "-n", "-c", str(config), ready=lambda: listens(port))
    telegram, faults = await read_first(f'tcp = "127.0.0.1:{port}"\nframing = "rtu"')
    assert_read(telegram)
    assert faults == []


@pytest.mark.timeout(150)  # it may have to be fetched
async def test_our_port_and_mbpoll_read_the_same_of_a_modbus_serial_server(
    start: Callable[..., None], listens: Callable[[int], bool], port: int, held: str, node_modules: Path
) -> None:
    start("node", str(MODBUS_SERIAL), str(node_modules), str(port), held, ready=lambda: listens(port))
    telegram, faults = await read_first(f'tcp = "127.0.0.1:{port}"')
    assert_read(telegram)
    assert faults == []
    for address, value in ((52, "-1250.5"), (72, "12345.7")):
        line = ("-m", "tcp", "-p", str(port), "-a", "1", "127.0.0.1")
        what = ("-t", "3:float", "-B", "-0", "-r", str(address), "-c", "1", "-1")
        polled = await asyncio.to_thread(
            subprocess.run, ["mbpoll", *what, *line], capture_output=True, text=True, check=False
        )
        assert re.search(rf"^\[{address}\]:\s+{re.escape(value)}$", polled.stdout, re.MULTILINE), polled.stdout


def is_open(device: Path, rate: int = termios.B9600) -> bool:
    """Whether a process other than socat has the line open: it set the rate, which socat leaves at 38400."""
    descriptor = os.open(device, os.O_RDONLY | os.O_NOCTTY | os.O_NONBLOCK)
    try:
        return bool(termios.tcgetattr(descriptor)[4] == rate)
    finally:
        os.close(descriptor)


def is_listening(port: int) -> bool:
    """Without a connection, which would be the only one that this slave accepts."""
    return any(f":{port:04X} 00000000:0000 0A" in row for row in Path("/proc/net/tcp").read_text().splitlines())
