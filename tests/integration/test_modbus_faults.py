"""What goes wrong on lines and servers of others: libmodbus' own fault server, and a cable that is pulled."""

import asyncio
import contextlib
import json
import re
import subprocess
import termios
from collections.abc import AsyncIterator, Callable
from decimal import Decimal
from functools import partial
from pathlib import Path

import pytest

from drivers.modbus.maps import MeterMap, parse
from drivers.modbus.rtu import Refused
from drivers.model import DecodeError
from gateway.ports.modbus import ModbusPort, SerialLine, TcpLine, Unit
from gateway.ports.modbus_line import Outcome
from gateway.supervise import keep_running
from tests.buses import Sink
from tests.integration.conftest import running
from tests.integration.test_modbus_peers import LIBMODBUS, is_listening, is_open

FAULT_SERVER = Path("/usr/share/doc/libmodbus-dev/examples/unit-test-server.c")
UNIT = 17
ANY_UNIT = 255

# What it does when these of its registers are asked, or so many at once; the others hold their address.
BUSY, WRONG_UNIT, LATE, TRICKLE, SHORT = (0x170, 1), (0x171, 1), (0x172, 1), (0x173, 1), (0x160, 2)
LATE_S = 0.5
HOLDS = range(0x160, 0x170)

BACK_S_MAX = 10.0


@pytest.fixture(scope="module")
def fault_server(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """libmodbus' program as it is, but for where it listens, and that its registers hold their address."""
    folder = tmp_path_factory.mktemp("libmodbus")
    code = FAULT_SERVER.read_text(encoding="utf-8")
    for theirs, ours in (
        ('("127.0.0.1", 1502)', '("127.0.0.1", atoi(argv[2]))'),
        ('"/dev/ttyUSB0"', "argv[2]"),
        (
            "/* Initialize values of INPUT REGISTERS */",
            "for (i = 0; i < UT_REGISTERS_NB_MAX; i++) mb_mapping->tab_registers[i] = UT_REGISTERS_ADDRESS + i;",
        ),
    ):
        assert theirs in code
        code = code.replace(theirs, ours)
    (folder / "server.c").write_text(re.sub("#include <config.h>", "", code), encoding="utf-8")
    built = ("gcc", "-w", "-D_GNU_SOURCE", "-I/usr/include/modbus", f"-I{FAULT_SERVER.parent}")
    subprocess.run((*built, "-o", folder / "server", folder / "server.c", "-lmodbus"), check=True)
    return folder / "server"


@pytest.fixture(params=["tcp", "rtu"])
def faulty(request: pytest.FixtureRequest, fault_server: Path, start: Callable[..., None]) -> SerialLine | TcpLine:
    if request.param == "tcp":
        port: int = request.getfixturevalue("port")
        start(str(fault_server), "tcp", str(port), ready=lambda: is_listening(port))
        return TcpLine("127.0.0.1", port)
    near, far = request.getfixturevalue("line")
    start(str(fault_server), "rtu", str(far.resolve()), ready=lambda: is_open(far, termios.B115200))
    return SerialLine(str(near), 115200)


@contextlib.asynccontextmanager
async def open_port(line: SerialLine | TcpLine, timeout_s: float) -> AsyncIterator[ModbusPort]:
    """A port without meters of its own: the fault server ends with its first connection, and meters may cost that."""
    port = ModbusPort("bus", line, [], Sink(), timeout_s)
    task = asyncio.create_task(port.run())
    try:
        while "not open" in str(await port.ask(UNIT, 3, HOLDS[0], 1)):
            await asyncio.sleep(0.01)
        yield port
    finally:
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task


def is_right(said: Outcome, address: int, count: int) -> bool:
    """Whether it is these registers; what is neither that nor an error is a wrong value."""
    assert isinstance(said, DecodeError) or said == tuple(range(address, address + count)), said
    return not isinstance(said, DecodeError)


@pytest.mark.parametrize(
    ("fault", "timeout_s"),
    [*((LATE, LATE_S * share) for share in (0.3, 0.45, 0.6, 0.9)), (WRONG_UNIT, 0.15), (TRICKLE, 0.15), (SHORT, 0.15)],
    ids=[*("late by much", "late", "late in the silence", "just late"), "wrong unit", "trickle", "short"],
)
async def test_no_fault_of_a_libmodbus_server_becomes_a_value(
    faulty: SerialLine | TcpLine, fault: tuple[int, int], timeout_s: float
) -> None:
    async with open_port(faulty, timeout_s) as port:
        for first in (0, 5):
            said = await port.ask(UNIT, 3, *fault)
            assert isinstance(said, DecodeError), said
            right = [is_right(await port.ask(UNIT, 3, address, 1), address, 1) for address in HOLDS[first : first + 5]]
            assert right[-1], "what is asked after a fault is answered again"


async def test_a_backlog_of_late_replies_is_no_other_registers_value(faulty: SerialLine | TcpLine) -> None:
    async with open_port(faulty, LATE_S / 4.5) as port:
        for n in range(8):
            assert isinstance(await port.ask(UNIT, 3, *LATE), DecodeError)
            is_right(await port.ask(UNIT, 3, HOLDS[n], 1), HOLDS[n], 1)
            is_right(await port.ask(UNIT, 3, HOLDS[n], 3), HOLDS[n], 3)
        async with asyncio.timeout(10):
            while not is_right(await port.ask(UNIT, 3, HOLDS[9], 1), HOLDS[9], 1):
                pass


def meter(*types: str) -> MeterMap:
    """Values in a row from the first register on, each asked by itself."""
    rows, address = "", HOLDS[0]
    for place, (type_, at) in enumerate(each.split("@") if "@" in each else (each, "") for each in types):
        address = int(at, 0) if at else address
        rows += f'[[register]]\nname="r{place}"\naddress={address}\ntype="{type_}"\nscale="1"\nquantity="number"\n'
        rows += "barrier=true\n"
        address += int(type_[-2:]) // 16
    head = 'vendor="libmodbus"\nmodels=["T"]\nsources=["unit-test-server.c"]\nconfidence="high"\nfunction_code=3\n'
    return parse("faulty", head + rows)


@pytest.mark.parametrize("fault", ["uint16@0x170", "uint16@0x171", "uint16@0x172", "uint32@0x161"])
async def test_a_meter_with_one_such_fault_is_not_told_in_part(faulty: SerialLine | TcpLine, fault: str) -> None:
    async with open_port(faulty, 0.2) as port:
        for _ in range(3):
            said = await port.once(UNIT, meter("uint16", fault, "uint16@0x175"))
            assert isinstance(said, DecodeError)


async def test_a_busy_libmodbus_refuses(faulty: SerialLine | TcpLine) -> None:
    async with open_port(faulty, 0.2) as port:
        assert await port.ask(UNIT, 3, *BUSY) == Refused(6)


@pytest.mark.parametrize("faulty", ["tcp"], indirect=True)
async def test_a_reply_that_trickles_in_a_byte_at_a_time_is_read_whole(faulty: SerialLine | TcpLine) -> None:
    async with open_port(faulty, 0.2) as port:  # it says that it is unit 255, whom one asks, and that the register is 0
        assert await port.ask(ANY_UNIT, 3, *TRICKLE) == (0,)


@contextlib.asynccontextmanager
async def plugged(folder: Path, power: int) -> AsyncIterator[Path]:
    """A serial line with libmodbus at its other end, until it is pulled."""
    near, far, held = folder / "near", folder / "far", folder / "held.json"
    held.write_text(json.dumps({"1": {"3": {str(HOLDS[0]): power}}}))
    socat = "socat", f"pty,rawer,link={near}", f"pty,rawer,link={far}"
    with contextlib.ExitStack() as stack:
        line = running(folder / "socat.log", lambda: near.exists() and far.exists(), socat)
        await asyncio.to_thread(stack.enter_context, line)
        slave = (*LIBMODBUS, "rtu", str(far.resolve()), str(held))
        meets = running(folder / "slave.log", lambda: is_open(far, termios.B9600), slave)
        await asyncio.to_thread(stack.enter_context, meets)
        yield near
        await asyncio.to_thread(stack.close)


def has_told(sink: Sink, telegrams: int) -> bool:
    return len(sink.telegrams) >= telegrams


@pytest.mark.timeout(90)
async def test_a_pulled_cable_is_a_gap_and_the_meter_is_back_within_ten_seconds(tmp_path: Path) -> None:
    sink = Sink()
    lost: list[str] = []
    port = ModbusPort("bus", SerialLine(str(tmp_path / "near"), 9600), [Unit(1, meter("uint16"), 0.2)], sink)
    async with plugged(tmp_path, 1000):
        supervised = asyncio.create_task(keep_running(port.run, lost.append))
        await sink.until(partial(has_told, sink, 3))
    for power in (2000, 3000, 4000):
        told = len(sink.telegrams)
        await asyncio.sleep(1.0)
        assert len(sink.telegrams) == told, "told while the cable was out"
        async with plugged(tmp_path, power):
            await sink.until(partial(has_told, sink, told + 1), BACK_S_MAX)
            await sink.until(partial(has_told, sink, told + 4))
        assert [len(t.readings) for t in sink.telegrams[told:]] == [1] * (len(sink.telegrams) - told)
        assert {r.value for t in sink.telegrams[told:] for r in t.readings} == {Decimal(power)}
    supervised.cancel()
    await asyncio.wait([supervised])
    assert len(lost) >= 3
