"""What a P1 telegram and an SML file cost: from the bytes of a line to readings.

In the pieces that a line brings; beside ours, the library that tests compare ours with.
"""

import sys
import time
from collections.abc import Callable
from datetime import UTC, datetime

from dsmr_parser import telegram_specifications
from dsmr_parser.parsers import TelegramParser

from drivers import p1, sml
from drivers.encode import sml as encode_sml
from drivers.encode.p1 import DUTCH, Household, SubMeter, telegram, v5
from drivers.model import Frame

RUNS = 5
TIMES = 500
PIECE_BYTES = 400

AT = datetime(2026, 11, 20, 12, 0, 3, tzinfo=UTC)
GAS = SubMeter("G0099000000000042", 456_789, AT.replace(second=0))
HOME = Household(number="E0099000000000042", at=AT, import_wh=(1_234_567, 7_654_321), import_w=460, sub_meters=(GAS,))


def three_phases() -> bytes:
    """The same on three phases: 25 lines more."""
    lines = v5(HOME).decode().split("\r\n")[2:-2]
    for phase in (5, 7):
        lines += [line.replace(":3", f":{phase}", 1) for line in lines if line.startswith("1-0:3")]
        lines += [line.replace(":2", f":{phase - 1}", 1) for line in lines if line.startswith(("1-0:21", "1-0:22"))]
    return telegram(DUTCH, lines)


def p1_of(stream: bytes) -> None:
    framer = p1.Framer()
    for at in range(0, len(stream), PIECE_BYTES):
        for item in framer.feed(stream[at : at + PIECE_BYTES]):
            assert isinstance(item, Frame)
            assert p1.decode(item).readings


def sml_of(stream: bytes) -> None:
    framer = sml.Framer()
    for at in range(0, len(stream), PIECE_BYTES):
        for item in framer.feed(stream[at : at + PIECE_BYTES]):
            assert isinstance(item, Frame)
            assert sml.decode(item).readings


PARSER = TelegramParser(telegram_specifications.V5)


def dsmr_parser_of(stream: bytes) -> None:
    assert PARSER.parse(stream.decode()).ELECTRICITY_USED_TARIFF_1


def cpu_us(run: Callable[[bytes], None], stream: bytes) -> float:
    best = float("inf")
    for _ in range(RUNS):
        before = time.process_time()
        for _ in range(TIMES):
            run(stream)
        best = min(best, (time.process_time() - before) / TIMES)
    return best * 1e6


def main() -> None:
    one, three = v5(HOME), three_phases()
    file = encode_sml.household(encode_sml.server("REL", 12_345_678), 12_345_678, 4_321, -690)
    for what, ours, theirs, stream in (
        ("P1, one phase and gas", p1_of, dsmr_parser_of, one),
        ("P1, three phases and gas", p1_of, dsmr_parser_of, three),
        ("SML, three phases", sml_of, None, file),
    ):
        us = cpu_us(ours, stream)
        beside = f"; dsmr-parser {cpu_us(theirs, stream):.0f} us" if theirs else ""
        sys.stdout.write(
            f"{what}, {len(stream)} bytes: {us:.0f} us a telegram, {us / 1e4:.2f} % of a core at one a second{beside}\n"
        )


if __name__ == "__main__":
    main()
