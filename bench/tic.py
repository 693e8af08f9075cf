"""What a Linky costs: decoding, flipped bits that pass, the processor while one speaks, and the points a day to the card.

python bench/tic.py [seconds of listening]
"""

import asyncio
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

from drivers.encode.tic import BYTES_A_SECOND, Linky, historique_frame, standard_frame, with_parity
from drivers.model import Frame
from drivers.tic import Framer, Line
from drivers.tic.labels import Mode
from gateway import control
from gateway.collect import Collect
from gateway.config import parse
from gateway.demo import meters
from gateway.demo.demo import SEED
from gateway.demo.life import DAY_S, HISTORY_DAYS, Life
from gateway.demo.players import BITS_A_BYTE, HomeLinky, play_linky
from gateway.demo.wires import PtyWire
from gateway.lines import drivers
from gateway.model import Meter, Point
from tests.flips import KINDS, LOWER_CASE, THREE_PHASE_PRODUCER, wrongs

PIECE_BYTES = 200  # what 0.2 s of a standard line bring
STREAM_BYTES = 2_000_000
RUNS = 5
DAY = int(datetime(2026, 11, 20, tzinfo=UTC).timestamp())
FRAME_EVERY_S = 5


def decoded_mb_s(stream: bytes) -> float:
    """From bytes with parity, in the pieces that a line brings, to telegrams."""
    best = 0.0
    for _ in range(RUNS):
        framer, line = Framer(parity=True), Line()
        before = time.process_time()
        for at in range(0, len(stream), PIECE_BYTES):
            for item in framer.feed(stream[at : at + PIECE_BYTES]):
                assert isinstance(item, Frame)
                line.decode(item, 0)
        best = max(best, len(stream) / (time.process_time() - before) / 1e6)
    return best


def decoding() -> None:
    for kind, frame in KINDS.items():
        stream = with_parity(frame) * (STREAM_BYTES // len(frame))
        peer = 4.1 if kind.startswith("standard") else 3.8
        print(f"decode, {kind}: {decoded_mb_s(stream):.1f} MB a CPU-second, every check on; best Python peer {peer}")


def flips() -> None:
    for kind, frame in (KINDS | {"standard, a calendar in small letters": LOWER_CASE}).items():
        without, with_ = len(wrongs(frame)), len(wrongs(frame, parity=True))
        share = without / (7 * len(frame))
        print(
            f"flips, {kind}: {share:.2%} of {7 * len(frame):,} pass without parity, {with_} of {8 * len(frame):,} with it"
        )


class Kept:
    """One meter's points of a day, counted by register."""

    def __init__(self, address: str) -> None:
        self.at = 0
        self.counts: Counter[str] = Counter()
        self._meter = Meter(address, "maison", 0)
        ports = parse('[[port]]\nname = "linky"\nprotocol = "tic"\ntcp = "127.0.0.1:9"\n', "bench").ports
        self.collect = Collect(
            drivers=drivers(ports),
            protocols={"linky": "tic"},
            meters=self,
            latest=lambda series: None,
            keep=self._keep,
            live=lambda point, log, points: None,
            adopt=lambda telegram, port: False,
            wait=lambda address, telegram: None,
            set_aside=lambda point, believed: None,
            now=lambda: self.at,
        )

    def meter(self, address: str) -> Meter | None:
        return self._meter if address == self._meter.address else None

    def key(self, address: str) -> bytes | None:
        return None

    def _keep(self, points: Sequence[Point]) -> None:
        self.counts.update(point.series.register for point in points)


def points_a_day() -> None:
    life = Life(SEED, DAY // DAY_S - HISTORY_DAYS)
    life.live_until(DAY + DAY_S)
    home = HomeLinky(life)

    def three_phases(at: float) -> Linky:
        said = home(at)
        fields = {name: getattr(said, name) for name in ("at", "indexes_wh", "apparent_power_va", "contract", "tariff")}
        curve = said.curve_w or THREE_PHASE_PRODUCER.curve_w
        return replace(THREE_PHASE_PRODUCER, address=meters.HOME.number, curve_w=curve, **fields)

    for kind, linky, says in (
        ("standard, one phase", home, standard_frame),
        ("standard, three phases, producer", three_phases, standard_frame),
        ("historique, one phase", home, historique_frame),
    ):
        print(f"points a day, {kind}: {_of_a_day(linky, says)}")


def _of_a_day(linky: Callable[[float], Linky], says: Callable[[Linky], bytes]) -> str:
    kept = Kept(str(meters.HOME.address))
    framer = Framer()
    frames = 0
    for kept.at in range(DAY, DAY + DAY_S, FRAME_EVERY_S):
        for item in framer.feed(says(linky(kept.at))):
            assert isinstance(item, Frame)
            kept.collect.frame("linky", item)
            frames += 1
    by_count: dict[int, list[str]] = {}
    for register, count in sorted(kept.counts.items()):
        by_count.setdefault(count, []).append(register)
    each = ", ".join(f"{' '.join(names)} {count}" for count, names in sorted(by_count.items(), reverse=True))
    return f"{kept.counts.total():,} of {len(kept.counts)} series, from {frames:,} frames ({each})"


async def listening(listen_s: float) -> None:
    """`releve run` with one Linky at the pace of its wire: its share of a core, and how often it woke."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        wire = PtyWire(folder / "linky")
        with socket.socket() as asked:
            asked.bind(("127.0.0.1", 0))
            port = asked.getsockname()[1]
        config = folder / "releve.toml"
        config.write_text(
            f'[box]\ndata = "{folder}/data"\nruntime = "{folder}/run"\n[web]\nlisten = "127.0.0.1:{port}"\nmdns = false\n'
            f'[[port]]\nname = "linky"\nprotocol = "tic"\ndevice = "{wire.path}"\n'
        )
        life = Life(SEED, int(time.time()) // DAY_S - HISTORY_DAYS)
        await asyncio.to_thread(life.live_until, time.time())
        for mode, says in ((Mode.STANDARD, standard_frame), (Mode.HISTORIQUE, historique_frame)):
            home = HomeLinky(life)
            baud = BYTES_A_SECOND[mode] * BITS_A_BYTE

            def said(at: float, says: Callable[[Linky], bytes] = says, home: HomeLinky = home) -> bytes:
                return with_parity(says(home(at)))

            playing = asyncio.create_task(play_linky(wire, said, time.time, baud))
            command = [sys.executable, "-m", "gateway", "run", "--config", str(config)]
            gateway = await asyncio.to_thread(subprocess.Popen, command, stdout=subprocess.DEVNULL)
            await asyncio.sleep(30)  # started, the mode found
            before, began = _spent(gateway.pid), time.monotonic()
            await asyncio.sleep(listen_s)
            cpu_s, wakeups = (after - was for after, was in zip(_spent(gateway.pid), before, strict=True))
            passed_s = time.monotonic() - began
            (line,) = (await asyncio.to_thread(control.ask, folder / "run", "GET", "/status"))["ports"]
            print(
                f"processor, one Linky live, {mode}, {listen_s:.0f} s: {cpu_s / passed_s:.2%} of a core, "
                f"{wakeups / passed_s:.0f} wake-ups a second, {line['counts']['telegrams']} telegrams; aim 0.5 %"
            )
            gateway.send_signal(signal.SIGTERM)
            assert await asyncio.to_thread(gateway.wait, 10) == 0
            playing.cancel()


def _spent(pid: int) -> tuple[float, int]:
    """CPU seconds, and voluntary context switches, of all its threads.

    Of schedstat, in ns: the ticks of `stat` are 10 ms long, and what wakes for less is counted by chance.
    """
    cpu_ns = switches = 0
    for task in Path(f"/proc/{pid}/task").iterdir():
        cpu_ns += int((task / "schedstat").read_text().split()[0])
        lines = (task / "status").read_text().splitlines()
        switches += next(int(line.split()[1]) for line in lines if line.startswith("voluntary_ctxt"))
    return cpu_ns / 1e9, switches


if __name__ == "__main__":
    decoding()
    flips()
    points_a_day()
    asyncio.run(listening(float(sys.argv[1]) if len(sys.argv) > 1 else 60.0))
