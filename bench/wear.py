"""What reaches the card: a house of about 44 readings a minute by the real clock, on cards of its own, sectors counted.

Each card is a stock ext4 on a loop device, mounted as Debian does and again with `noatime,commit=300`; a commit is each
minute, by the real clock: commits in quick succession do not touch the file's time, and miss half of the wear.
On it is the store alone, fed from here; the whole gateway (telegrams, catalogue, ledger, its log), which a Linky, six
radio meters and a Modbus meter speak to; or the same with another radio meter whose key has not come, so that each of
its telegrams is kept. What comes some times a day is made to come, and counted by itself. As root.

    python bench/wear.py [minutes]
"""

import asyncio
import contextlib
import os
import signal
import socket
import sys
import tempfile
import time
from array import array
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from pathlib import Path
from zoneinfo import ZoneInfo

from drivers import modbus
from drivers.encode import im871a, records, wmbus
from drivers.encode.modbus import Slave, encode
from drivers.encode.tic import BYTES_A_SECOND, standard_frame, with_parity
from drivers.model import Address, Quantity
from drivers.tic.labels import Mode
from gateway.catalog import Catalog
from gateway.demo.life import DAY_S, HISTORY_DAYS, Life
from gateway.demo.players import BITS_A_BYTE, HomeLinky, heat_pump_values, paced, play_linky
from gateway.demo.wires import PtyWire
from gateway.house import COUNTERS_S
from gateway.ledger import SEEN_PACE_S, Ledger
from gateway.model import Point, SeriesKey
from gateway.people import People
from gateway.roles import Role
from gateway.secret import BoxSecret
from gateway.store import Store, schema
from gateway.store.card import Card as StoreCard
from gateway.store.codec import unpack
from gateway.store.memory import Batch, SeriesRow
from tests.card import Card, Written, mounted

MINUTES = 15
WARM_S = 150  # what a start writes, and the thirty seconds until the kernel has written it
STOCK, RARE_JOURNAL = "stock ext4", "`noatime,commit=300`"
MOUNTS = {STOCK: "defaults", RARE_JOURNAL: "noatime,commit=300"}
STORE, HOUSE, WITHOUT_KEY = "the store alone", "the whole gateway", "the gateway, a key to come"
AIMS_GB = {(STORE, STOCK): 12.5, (HOUSE, STOCK): 15, (STORE, RARE_JOURNAL): 6, (HOUSE, RARE_JOURNAL): 8}
AIM_READING_BYTES = 550
PARIS = ZoneInfo("Europe/Paris")

# The store alone is fed as the prototype was: five series each ten seconds, fourteen each minute, one each quarter of an hour.
SPACING_S = (10,) * 5 + (60,) * 14 + (900,)

METERS = [Address("wmbus", f"{20_000_000 + n}", "REL", 1, 7) for n in range(7)]
TELEGRAM_S = 60  # a radio meter speaks once so often
MODEL = "eastron_sdm630"
END_S_MAX = 30.0
BROWSERS = 3  # each seen on the ledger once a day
DAYS = 3
CHECKPOINT = "PRAGMA wal_checkpoint(RESTART)"  # the WAL keeps its length


@dataclass(frozen=True, slots=True)
class Run:
    """What one card took in `seconds`, of how many readings."""

    what: str
    mount: str
    written: Written
    readings: int
    seconds: float

    def rows(self, daily: float) -> None:
        """With what is written each day besides, in bytes."""
        days = self.seconds / DAY_S
        written = self.written.bytes / days + daily
        year_gb, a_reading = written * 365 / 1e9, written / (self.readings / days)
        flushes, said = self.written.flushes / days / 1440, self.readings / days / 1440
        aim_gb = AIMS_GB.get((self.what, self.mount))
        row(
            f"{self.what}, {self.mount}: to the card in a year",
            "" if aim_gb is None else f"<= {aim_gb} GB",
            f"{year_gb:.1f} GB ({self.written.bytes / days / 1440 / 1024:.1f} KB and {flushes:.1f} flushes a minute, {daily / 1e6:.1f} MB a day besides)",
            "HA 408, rows 79, InfluxDB 84, VM 1,141" if aim_gb == 12.5 else "",
            reached=None if aim_gb is None else year_gb <= aim_gb,
        )
        row(
            f"{self.what}, {self.mount}: a reading, of {said:.0f} a minute",
            "" if aim_gb is None else f"<= {AIM_READING_BYTES} B",
            f"{a_reading:.0f} B",
            "HA 17,600, rows 3,400" if aim_gb == 12.5 else "",
            reached=None if aim_gb is None else a_reading <= AIM_READING_BYTES,
        )


def row(what: str, aim: str, measured: str, anchors: str, *, reached: bool | None) -> None:
    """One line of the table; `reached` is None for what has no aim."""
    said = "" if reached is None else "yes" if reached else "**no**"
    print(f"| {what} | {aim} | {measured} | {anchors} | {said} |")


async def count(card: Card, minutes: float) -> tuple[Written, tuple[float, float]]:
    """What reaches it in so many minutes, once what a start writes is over, and from when to when."""
    await asyncio.sleep(WARM_S)
    before, began = card.written(), time.time()
    await asyncio.sleep(minutes * 60)
    return card.written().since(before), (began, time.time())


async def store_alone(mount: str, minutes: float) -> Run:
    with folders() as (folder, runtime), mounted(folder, MOUNTS[mount]) as card:
        path = card.folder / "series.db"
        store = await asyncio.to_thread(Store.open, path, runtime / "tail", zone=PARIS, now=lambda: int(time.time()))
        try:
            counting = asyncio.create_task(count(card, minutes))
            second = int(time.time())
            while not counting.done():
                second += 1
                await asyncio.sleep(second - time.time())
                store.add(said_at(second))
        finally:
            await asyncio.to_thread(store.close)
        written, (began, ended) = await counting
        return Run(STORE, mount, written, kept(path, began, ended), ended - began)


def said_at(second: int) -> list[Point]:
    """What the store alone is fed with."""
    return [
        Point(SeriesKey("bench", str(number)), Quantity.ENERGY, second, second // 3 + number * 1_234_567, 0, True)
        for number, every_s in enumerate(SPACING_S)
        if (second + 7 * number) % every_s == 0
    ]


async def whole_house(mount: str, minutes: float, *, key_to_come: bool) -> Run:
    with folders() as (folder, runtime), mounted(folder, MOUNTS[mount]) as card:
        wires = {port: PtyWire(runtime / port) for port in ("linky", "radio", "bus")}
        config = configuration(card.folder, runtime, wires)
        async with playing(wires, METERS if key_to_come else METERS[:-1]), gateway(config, card.folder / "log"):
            written, (began, ended) = await count(card, minutes)
        readings = kept(card.folder / "data" / "series.db", began, ended)
        return Run(WITHOUT_KEY if key_to_come else HOUSE, mount, written, readings, ended - began)


def kept(path: Path, began: float, ended: float) -> int:
    """Readings of that time in a store that is closed: too young to be anywhere but in its log."""
    with contextlib.closing(schema.look(path)) as db:
        return sum(began <= at < ended for (blob,) in db.execute("SELECT b FROM log") for at in unpack(blob)[1])


@contextlib.contextmanager
def folders() -> Iterator[tuple[Path, Path]]:
    """One on a disk for a card, one in memory, as /run is."""
    with tempfile.TemporaryDirectory() as folder, tempfile.TemporaryDirectory(dir="/dev/shm") as runtime:
        yield Path(folder), Path(runtime)


def configuration(card: Path, runtime: Path, wires: dict[str, PtyWire]) -> Path:
    with socket.socket() as asked:
        asked.bind(("127.0.0.1", 0))
        number = asked.getsockname()[1]
    text = f"""
        [box]
        data = "{card}/data"
        runtime = "{runtime}/run"
        [web]
        listen = "127.0.0.1:{number}"
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
        [[port]]
        name = "bus"
        protocol = "modbus"
        device = "{wires["bus"].path}"
        [[meter]]
        name = "PAC"
        port = "bus"
        unit = 1
        model = "{MODEL}"
        every_s = 10
    """
    for number, meter in enumerate(METERS):
        text += f'[[meter]]\nname = "Eau {number}"\naddress = "{meter}"\n'
        text += f'key = "{key(number).hex()}"\n' if number < len(METERS) - 1 else ""
    path = runtime / "releve.toml"
    path.write_text(text)
    return path


def key(number: int) -> bytes:
    return bytes([number + 1] * 16)


@contextlib.asynccontextmanager
async def gateway(config: Path, log: Path) -> AsyncIterator[None]:
    """`releve run`, with what it says in a file."""
    command = (sys.executable, "-m", "gateway", "run", "--config", str(config))
    with log.open("wb") as said:
        process = await asyncio.create_subprocess_exec(*command, stdout=said, stderr=said)
    try:
        yield
        assert process.returncode is None, f"the gateway ended with {process.returncode}"
        process.send_signal(signal.SIGTERM)
        async with asyncio.timeout(END_S_MAX):
            assert await process.wait() == 0
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()


@contextlib.asynccontextmanager
async def playing(wires: dict[str, PtyWire], meters: list[Address]) -> AsyncIterator[None]:
    """The three lines speak."""
    life = Life(1, int(time.time()) // DAY_S - HISTORY_DAYS)
    await asyncio.to_thread(life.live_until, time.time())
    home = HomeLinky(life)
    baud = BYTES_A_SECOND[Mode.STANDARD] * BITS_A_BYTE
    async with asyncio.TaskGroup() as tasks:
        lines = [
            tasks.create_task(
                play_linky(wires["linky"], lambda at: with_parity(standard_frame(home(at))), time.time, baud)
            ),
            tasks.create_task(play_radio(wires["radio"], meters)),
            tasks.create_task(play_bus(wires["bus"], life)),
        ]
        yield
        for line in lines:
            line.cancel()


async def play_radio(wire: PtyWire, meters: list[Address]) -> None:
    wire.listen()
    loop = asyncio.get_running_loop()
    due, number = loop.time(), 0
    while True:
        try:
            async with asyncio.timeout_at(due):
                request = await wire.requests.get()
            for answer in im871a.answers(request):
                wire.write(answer)
        except TimeoutError:
            which, said = number % len(meters), number // len(meters)
            telegram = wmbus.telegram(
                meters[which], records.volume(1_000_000 + said) + records.flow(12), said % 256, key=key(which)
            )
            await paced(wire, im871a.heard(telegram, -70), 57_600, loop.time())
            number += 1
            due += TELEGRAM_S / len(meters)


async def play_bus(wire: PtyWire, life: Life) -> None:
    wire.listen()
    model = modbus.load(MODEL)
    slave = Slave(1, {}, model.registers_max)
    while True:
        request = await wire.requests.get()
        slave.registers = {model.function_code: encode(model, heat_pump_values(life, time.time()))}
        for reply in slave.feed(request):
            await paced(wire, reply, 9600, asyncio.get_running_loop().time())


async def rarely(mount: str, minutes: float) -> dict[str, float]:
    """Bytes of one write each: what the radio has learned into the catalogue, that a browser was seen into the ledger."""
    with folders() as (folder, _), mounted(folder, MOUNTS[mount]) as card:
        catalog = Catalog.open(card.folder, "bench", "Europe/Paris", BoxSecret(folder / "secret"))
        ledger = await asyncio.to_thread(Ledger.open, card.folder / "ledger.db")
        now = int(time.time())
        people = People(ledger)
        await people.add(Role.OCCUPANT, "bench", now, first=True)
        await ledger.open_session(b"bench", now, "127.0.0.1", "bench", people.accounts[0])

        async def learn(number: int) -> None:
            learned = {"formats": [], "counters": {str(meter): number for meter in METERS}}
            await asyncio.to_thread(catalog.set_setting, "radio", learned)

        async def see(number: int) -> None:
            assert await ledger.session(b"bench", now + number * SEEN_PACE_S) is not None

        await asyncio.sleep(WARM_S)
        found = {}
        rounds = max(1, round(minutes / 2))
        for what, write in (("catalogue", learn), ("ledger", see)):
            before = card.written()
            for number in range(1, rounds + 1):
                await write(number)
                await asyncio.sleep(60)
            found[what] = card.written().since(before).bytes / rounds
        ledger.close()
        return found


def daily(mount: str) -> tuple[float, float]:
    """Bytes a day: the log's pages on their way from the WAL into the file, and the fold of the store's day."""
    with folders() as (folder, _), mounted(folder, MOUNTS[mount]) as card:
        first = int(time.time()) // DAY_S * DAY_S
        store = StoreCard(schema.connect(card.folder / "series.db", first))
        store.db.execute("PRAGMA wal_autocheckpoint=0")
        series = tuple(
            SeriesRow(number, SeriesKey("bench", str(number)), Quantity.ENERGY, 0, True)
            for number in range(len(SPACING_S))
        )
        moved = folded = 0
        for day in range(first, first + (1 + DAYS) * DAY_S, DAY_S):
            for minute in range(day, day + DAY_S, 60):
                said = [point for second in range(minute, minute + 60) for point in said_at(second)]
                numbers = array("q", [int(point.series.register) for point in said])
                ats, values = (array("q", column) for column in zip(*((p.at, p.value) for p in said), strict=True))
                columns = (numbers, ats, values, array("q", [0] * len(said)))
                store.write(Batch(len(said), minute, series if minute == first else (), columns))
            card.settle()
            before = card.written()
            store.db.execute(CHECKPOINT)
            card.settle()
            between = card.written()
            store.fold(day + DAY_S)
            store.db.execute(CHECKPOINT)
            card.settle()
            if day != first:  # in which the WAL grew
                moved += between.since(before).bytes
                folded += card.written().since(between).bytes
        store.close()
        return moved / DAYS, folded / DAYS


async def measure(minutes: float) -> None:
    task = asyncio.current_task()
    assert task is not None
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, task.cancel)  # undo every mount
    runs: list[asyncio.Task[Run]] = []
    rare: dict[str, asyncio.Task[dict[str, float]]] = {}
    async with asyncio.TaskGroup() as tasks:
        for mount in MOUNTS:
            runs.append(tasks.create_task(store_alone(mount, minutes)))
            runs.extend(tasks.create_task(whole_house(mount, minutes, key_to_come=each)) for each in (False, True))
            rare[mount] = tasks.create_task(rarely(mount, minutes))
    print("| what | aim | measured | anchors | reached |\n|---|---|---|---|---|")
    days = {mount: daily(mount) for mount in MOUNTS}
    for task in runs:
        run = task.result()
        writes = rare[run.mount].result()
        besides = writes["catalogue"] * DAY_S / COUNTERS_S + writes["ledger"] * BROWSERS * DAY_S / SEEN_PACE_S
        run.rows(sum(days[run.mount]) + (0 if run.what == STORE else besides))
    for mount, (moved, folded) in days.items():
        writes = rare[mount].result()
        row(
            f"besides, {mount}",
            "",
            f"a day's fold {folded / 1e6:.2f} MB, its log's checkpoints {moved / 1e6:.2f} MB, the catalogue "
            f"{writes['catalogue'] / 1e3:.0f} KB each {COUNTERS_S // 3600} h, the ledger {writes['ledger'] / 1e3:.0f} KB "
            f"a day for each of {BROWSERS} browsers",
            "",
            reached=None,
        )


if __name__ == "__main__":
    if os.geteuid() != 0:
        raise SystemExit("bench/wear.py makes loop devices and mounts them: run it as root")
    asyncio.run(measure(float(sys.argv[1]) if len(sys.argv) > 1 else MINUTES))
