"""A house that lives fast: as a program, it hears its meters from a second on until its standard input says where to end.

A Linky each ten seconds, and eight radio meters with their keys, each once a minute, go through the real collect into the
real store; its clock is theirs. What it does is said on standard output, a line each, after it was done:

    kept REGISTER TARIFF POINT AT VALUE EXPONENT
    asked POINT START END WH_OR_L       consumption, or None
    resident KB                         each hour
    at SECOND                           all that was said until then was heard
"""

import asyncio
import random
import sys
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path

from drivers.encode import records
from drivers.encode.tic import Linky, Stamped, standard_frame
from drivers.encode.wmbus import telegram
from drivers.model import Address, Frame
from drivers.tic import Framer
from gateway.house import House
from gateway.model import Point
from tests.house import Clock, house

STEP_S, MINUTE_S, HOUR_S, DAY_S = 10, 60, 3600, 86_400
METERS = [Address("wmbus", f"{30_000_000 + n}", "REL", 1, 7) for n in range(8)]
TOML = """
    [[port]]
    name = "linky"
    protocol = "tic"
    tcp = "127.0.0.1:1"
    [[port]]
    name = "radio"
    protocol = "wmbus"
    receiver = "hexlines"
    tcp = "127.0.0.1:2"
""" + "".join(
    f'[[meter]]\nname = "Eau {n}"\naddress = "{meter}"\nkey = "{bytes([n + 1] * 16).hex()}"\n'
    for n, meter in enumerate(METERS)
)
COMMIT_S = 0.02  # by the real clock, in which a day takes some seconds


def wh(at: int) -> int:
    """It only grows, never evenly."""
    return at // 7 + at // 3600 % 24 * 10 + at // DAY_S * 240


def litres(meter: int, at: int) -> int:
    return at // (90 + 40 * meter) - 1_000_000


def frames(at: int) -> Iterator[tuple[str, Frame]]:
    """What the meters say at this second, a multiple of STEP_S."""
    chance = random.Random(at)
    moment = datetime.fromtimestamp(at, UTC)
    power = Stamped(100 + chance.randrange(3000), moment)
    said = standard_frame(
        Linky(
            address="092261000420",
            at=moment,
            indexes_wh=(wh(at),),
            apparent_power_va=power.value,
            max_today_va=Stamped(8000, moment),
            max_yesterday_va=Stamped(7000, moment),
            voltage_v=228 + chance.randrange(8),
        )
    )
    for item in Framer().feed(said):
        assert isinstance(item, Frame)
        yield "linky", item
    for number, meter in enumerate(METERS):
        if (at // STEP_S + number) % (MINUTE_S // STEP_S) == 0:
            content = records.volume(litres(number, at)) + records.flow(chance.randrange(2000))
            data = telegram(meter, content, at // MINUTE_S % 256, key=bytes([number + 1] * 16))
            yield "radio", Frame(data, -60 - number)


def say(*words: object) -> None:
    sys.stdout.write(" ".join(map(str, words)) + "\n")


async def live(folder: Path, at: int, until: int) -> None:
    clock = Clock(at)
    with house(folder, TOML, clock, commit_s=COMMIT_S) as home:
        add = home.store.add

        def kept(points: Sequence[Point]) -> int:
            duplicates = add(points)
            for point in points:
                say(
                    "kept",
                    point.series.register,
                    point.series.tariff,
                    point.series.point,
                    point.at,
                    point.value,
                    point.exponent,
                )
            sys.stdout.flush()
            return duplicates

        home.store.add = kept  # type: ignore[method-assign]  # the only place that sees what was acknowledged
        home.collect.opened("linky")
        for second in range(at, until, STEP_S):
            clock.at = second
            for port, frame in frames(second):
                home.collect.frame(port, frame)
            if second % MINUTE_S == 0:
                await home.find_time()
                await home.count_on()
                home.watch_states()
                await home.read_past()
                await home.save()
            if second % HOUR_S == 0:
                await look(home, second)
            say("at", second)
            sys.stdout.flush()


async def look(home: House, now: int) -> None:
    """What pages ask: the last day by hour, and four days by a quarter and by day, which takes it out of memory to the card."""
    for view in home.points():
        for start, step in ((now - DAY_S, HOUR_S), (now - 4 * DAY_S, 6 * HOUR_S), (now - 4 * DAY_S, DAY_S)):
            bounds = range(start, now + 1, step)
            for begin, end, value in zip(
                bounds, bounds[1:], await home.consumption(view.point.id, bounds), strict=False
            ):
                say("asked", view.point.id, begin, end, value)
        for key in home.series(view.point.id):
            await home.curve(key, now - 4 * DAY_S, now, 300)
            await home.curve(key, now - DAY_S, now, 300)
    lines = Path("/proc/self/status").read_text(encoding="ascii").splitlines()
    say("resident", next(int(line.split()[1]) for line in lines if line.startswith("VmRSS")))


if __name__ == "__main__":
    asyncio.run(live(Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3])))
