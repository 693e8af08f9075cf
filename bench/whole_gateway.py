"""What the whole gateway costs: start-up, memory, and the processor while a house speaks to it.

The house is played from here, through pseudo-terminals at the pace of their wires: a Linky in standard mode, a stick
that hears five encrypted telegrams a second from ten meters, all ours and each with its key, a Modbus meter asked each second.

    python bench/whole_gateway.py [seconds of listening]
"""

import asyncio
import http.client
import os
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from drivers import modbus
from drivers.encode import im871a, wmbus
from drivers.encode.modbus import Slave, encode
from drivers.encode.records import flow, volume
from drivers.encode.tic import BYTES_A_SECOND, standard_frame, with_parity
from drivers.model import Address
from drivers.tic.labels import Mode
from gateway import control
from gateway.demo.life import DAY_S, HISTORY_DAYS, Life
from gateway.demo.players import BITS_A_BYTE, HomeLinky, heat_pump_values, paced, play_linky
from gateway.demo.wires import PtyWire

STARTS = 5
TELEGRAMS_A_SECOND = 5
METERS = [Address("wmbus", f"{20_000_000 + n}", "REL", 1, 7) for n in range(10)]
MODEL = "eastron_sdm630"
TICKS = os.sysconf("SC_CLK_TCK")


def configuration(folder: Path, wires: dict[str, PtyWire], *, bus: bool) -> Path:
    with socket.socket() as asked:
        asked.bind(("127.0.0.1", 0))
        port = asked.getsockname()[1]
    text = f"""
        [box]
        data = "{folder}/data"
        runtime = "{folder}/run"
        [web]
        listen = "127.0.0.1:{port}"
        mdns = false
        [[port]]
        name = "linky"
        protocol = "tic"
        device = "{wires["linky"].path}"
        [[port]]
        name = "radio"
        protocol = "wmbus"
        receiver = "im871a"
        device = "{wires["radio"].path}"
    """
    for number, meter in enumerate(METERS):
        text += f'[[meter]]\nname = "Eau {number}"\naddress = "{meter}"\nkey = "{key(number).hex()}"\n'
    if bus:
        text += f'[[port]]\nname = "bus"\nprotocol = "modbus"\ndevice = "{wires["bus"].path}"\n'
        text += f'[[meter]]\nname = "PAC"\nport = "bus"\nunit = 1\nmodel = "{MODEL}"\nevery_s = 1\n'
    path = folder / "releve.toml"
    path.write_text(text)
    return path


def key(number: int) -> bytes:
    return bytes([number] * 16)


class Gateway:
    """`releve run` in a process of its own, timed until its first answer."""

    def __init__(self, config: Path) -> None:
        began = time.perf_counter()
        self.process = subprocess.Popen(
            [sys.executable, "-m", "gateway", "run", "--config", str(config)],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        port = int(config.read_text().split("127.0.0.1:")[1].split('"')[0])
        while not answers(port):
            assert self.process.poll() is None, "the gateway ended"
            time.sleep(0.01)
        self.start_s = time.perf_counter() - began

    def memory_mb(self, what: str) -> float:
        lines = Path(f"/proc/{self.process.pid}/status").read_text().splitlines()
        return next(int(line.split()[1]) for line in lines if line.startswith(what)) / 1024

    def cpu_s(self) -> float:
        fields = Path(f"/proc/{self.process.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / TICKS

    def stop(self) -> None:
        self.process.send_signal(signal.SIGTERM)
        assert self.process.wait(10) == 0


def answers(port: int) -> bool:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
    try:
        connection.request("GET", "/api/v1/health")
        return connection.getresponse().status == http.HTTPStatus.OK
    except OSError:
        return False
    finally:
        connection.close()


async def play(wires: dict[str, PtyWire]) -> None:
    """The three lines, until cancelled."""
    life = Life(1, int(time.time()) // DAY_S - HISTORY_DAYS)
    await asyncio.to_thread(life.live_until, time.time())
    home = HomeLinky(life)
    baud = BYTES_A_SECOND[Mode.STANDARD] * BITS_A_BYTE
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(play_linky(wires["linky"], lambda at: with_parity(standard_frame(home(at))), time.time, baud))
        tasks.create_task(play_radio(wires["radio"]))
        tasks.create_task(play_bus(wires["bus"], life))


async def play_radio(wire: PtyWire) -> None:
    wire.listen()
    loop = asyncio.get_running_loop()
    for number in range(1, 10**9):
        while not wire.requests.empty():
            for answer in im871a.answers(wire.requests.get_nowait()):
                wire.write(answer)
        which = number % len(METERS)
        records = volume(1_000_000 + number) + flow(12)
        telegram = wmbus.telegram(METERS[which], records, number // len(METERS) % 256, key=key(which))
        await paced(wire, im871a.heard(telegram, -70), 57_600, loop.time())
        await asyncio.sleep(1 / TELEGRAMS_A_SECOND)


async def play_bus(wire: PtyWire, life: Life) -> None:
    wire.listen()
    model = modbus.load(MODEL)
    slave = Slave(1, {model.function_code: encode(model, heat_pump_values(life, time.time()))}, model.registers_max)
    while True:
        for reply in slave.feed(await wire.requests.get()):
            await paced(wire, reply, 9600, asyncio.get_running_loop().time())


async def measure(listen_s: float) -> None:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        wires = {port: PtyWire(folder / port) for port in ("linky", "radio", "bus")}
        playing = asyncio.create_task(play(wires))
        starts = []
        rss = peak = 0.0
        for _ in range(STARTS):
            gateway = await asyncio.to_thread(Gateway, configuration(folder, wires, bus=False))
            starts.append(gateway.start_s)
            await asyncio.sleep(10)
            rss, peak = gateway.memory_mb("VmRSS"), gateway.memory_mb("VmHWM")
            await asyncio.to_thread(gateway.stop)
        print(
            f"start-up, TIC and wM-Bus: median {statistics.median(starts):.2f} s of {STARTS} ({min(starts):.2f} to {max(starts):.2f}); aim 1.5"
        )
        print(f"resident after 10 s, TIC and wM-Bus: {rss:.1f} MB, peak {peak:.1f}; aim 60")
        gateway = await asyncio.to_thread(Gateway, configuration(folder, wires, bus=True))
        await asyncio.sleep(15)
        cpu_s, began = gateway.cpu_s(), time.monotonic()
        await asyncio.sleep(listen_s)
        share = (gateway.cpu_s() - cpu_s) / (time.monotonic() - began)
        print(
            f"processor, Linky + {TELEGRAMS_A_SECOND} telegrams/s + Modbus each second, {listen_s:.0f} s: {share:.2%} of a core; aim 2 %"
        )
        heard = control.ask(folder / "run", "GET", "/status")
        print(
            "heard meanwhile: " + ", ".join(f"{port['name']} {port['counts']['telegrams']}" for port in heard["ports"])
        )
        print(f"resident then, with Modbus: {gateway.memory_mb('VmRSS'):.1f} MB, peak {gateway.memory_mb('VmHWM'):.1f}")
        await asyncio.to_thread(gateway.stop)
        playing.cancel()


if __name__ == "__main__":
    asyncio.run(measure(float(sys.argv[1]) if len(sys.argv) > 1 else 60.0))
