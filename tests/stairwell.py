"""A stairwell for tests and `bench/flood.py`: one radio that hears 400 water meters, 30 of them ours, and a moved clock."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from drivers.encode import records
from drivers.encode.wmbus import telegram, telegram_ell, telegram_mode_7, telegram_mode_10
from drivers.model import Address, Frame, Telegram
from gateway import lines
from gateway.collect import Collect, MeterLog
from gateway.config import parse
from gateway.model import Meter, Point
from gateway.sealed import Sealed
from tests.house import Clock

METERS = 400
OURS = range(0, 390, 13)  # 30 of them, spread among the others
TELEGRAMS_A_SECOND = 200
FORGET_EVERY_S = 60

PORT = "radio"
CONFIG = f'[[port]]\nname = "{PORT}"\nprotocol = "wmbus"\nreceiver = "hexlines"\ntcp = "127.0.0.1:1"\n'


@dataclass(frozen=True, slots=True)
class Sent:
    """One telegram. Each of a meter says another flow, by which it is known again in the live view."""

    meter: int
    flow: int
    frame: Frame


class Stairwell:
    """Collect with the real driver, and around it what it needs. `lost` counts our telegrams that nobody was shown."""

    def __init__(self) -> None:
        self.clock = Clock()
        self.ours = {str(address(number)): Meter(str(address(number)), f"point{number}", 0) for number in OURS}
        self.keys = {str(address(number)): key(number) for number in OURS}
        self.kept = 0
        self.lost = 0
        self.waiting: list[Sealed] = []
        self.held: list[Point] = []
        self._shown: dict[str, int] = {}
        self.collect = Collect(
            drivers=lines.drivers(parse(CONFIG, "flood").ports),
            protocols={PORT: "wmbus"},
            meters=self,
            latest=lambda series: None,
            keep=self._keep,
            live=self._live,
            adopt=self._adopt,
            wait=lambda address, telegram: self.waiting.append(telegram),
            set_aside=lambda point, believed: self.held.append(point),
            now=self.clock,
        )

    def meter(self, address: str) -> Meter | None:
        return self.ours.get(address)

    def key(self, address: str) -> bytes | None:
        return self.keys.get(address)

    def hear(self, second: Sequence[Sent]) -> None:
        """One second of traffic."""
        for sent in second:
            self.collect.frame(PORT, sent.frame)
            if sent.meter in OURS and self._shown.get(f"point{sent.meter}") != sent.flow:
                self.lost += 1
        self.clock.at += 1
        if self.clock.at % FORGET_EVERY_S == 0:
            self.collect.forget_strangers()

    def _keep(self, points: Sequence[Point]) -> None:
        self.kept += len(points)

    def _live(self, point: str, log: MeterLog, points: Sequence[Point]) -> None:
        for each in points:
            if each.series.register == "flow":
                self._shown[point] = each.value

    def _adopt(self, telegram: Telegram, port: str) -> bool:
        raise AssertionError("nothing on the radio is adopted by itself")


def address(number: int) -> Address:
    return Address("wmbus", f"{10_000_000 + number * 7919:08}", "REL", 0x1B, 0x07)


def key(number: int) -> bytes:
    return (number + 1).to_bytes(16, "big")


def traffic(seconds: int) -> Iterator[list[Sent]]:
    """The meters in turn, a second at a time; a fifth of the neighbours in clear, all others encrypted."""
    for at in range(seconds):
        numbers = range(at * TELEGRAMS_A_SECOND, (at + 1) * TELEGRAMS_A_SECOND)
        yield [_sent(number % METERS, number // METERS) for number in numbers]


def _sent(meter: int, turn: int) -> Sent:
    flow = turn % 30_000 + 1
    said = records.volume(100_000 + meter * 1000 + turn) + records.flow(flow) + records.error_flags(0)
    whose, number = address(meter), turn & 0xFF
    match meter % 5:
        case 0 if meter not in OURS:
            data = telegram(whose, said, number)
        case 1:
            data = telegram_mode_7(whose, said, number, key=key(meter), counter=turn + 1)
        case 2:
            data = telegram_mode_10(whose, said, number, key=key(meter), counter=turn + 1)
        case 3:
            data = telegram_ell(whose, b"\x78" + said, number, session=turn, key=key(meter))
        case _:
            data = telegram(whose, said, number, key=key(meter))
    return Sent(meter, flow, Frame(data, -60 - meter % 40))
