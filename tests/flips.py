"""What a flipped bit does to a TIC frame: of all single flips, those after which a group is accepted that was not sent."""

from collections.abc import Iterable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import cache

from drivers.encode.tic import Contract, Injected, Linky, Stamped, group, historique_frame, standard_frame, with_parity
from drivers.model import Frame
from drivers.tic import Framer
from drivers.tic.groups import Group, read_group

AT = datetime(2026, 1, 20, 17, 0, 3, tzinfo=UTC)
HALF_HOUR = timedelta(minutes=30)
CURVE = (Stamped(850, AT.replace(second=0)), Stamped(720, AT.replace(second=0) - HALF_HOUR))
# Our own made-up meter: no real one has this address.
LINKY = Linky(
    address="041875000042",
    at=AT,
    contract=Contract.TEMPO,
    indexes_wh=(1_000_001, 2_000_002, 3_000_003, 4_000_004, 5_000_005, 6_000_006),
    tariff=2,
    apparent_power_va=1234,
    max_today_va=Stamped(4321, AT - timedelta(hours=9)),
    max_yesterday_va=Stamped(5678, AT - timedelta(days=1)),
    curve_w=CURVE,
)
THREE_PHASE = replace(LINKY, three_phase=True, subscribed_kva=12)
INJECTED = Injected(
    index_wh=7_000_007, apparent_power_va=900, max_today_va=CURVE[0], max_yesterday_va=CURVE[1], curve_w=CURVE
)
PRODUCER = replace(LINKY, injected=INJECTED)
THREE_PHASE_PRODUCER = replace(THREE_PHASE, injected=INJECTED)

KINDS = {
    "standard, one phase": standard_frame(LINKY),
    "standard, three phases, producer": standard_frame(THREE_PHASE_PRODUCER),
    "historique, one phase": historique_frame(LINKY),
    "historique, three phases": historique_frame(THREE_PHASE),
}

# A supplier may write its calendar as it likes.
LOWER_CASE = (
    KINDS["standard, one phase"][:-1]
    .replace(group("NGTF", Contract.TEMPO.calendar.center(16)), group("NGTF", " HC et Week-End "))
    .replace(group("LTARF", Contract.TEMPO.tariffs[1].center(16)), group("LTARF", "HEURE creuse  2 "))
    + b"\x03"
)

Fields = tuple[str, str, str | None]


def accepted(stream: bytes, parity: bool = False) -> set[Fields]:
    """Every group that is taken from this stream."""
    framer = Framer(parity)
    items = [*framer.feed(stream), *framer.flush()]
    groups = [_read(line) for item in items if isinstance(item, Frame) for line in item.data.splitlines() if line]
    return {read for read in groups if read is not None}


@cache  # a flip leaves all lines but one or two as they were
def _read(line: bytes) -> Fields | None:
    read = read_group(line)
    return (read.label.name, read.data, read.horodate) if isinstance(read, Group) else None


def flips(stream: bytes, bits: int) -> Iterable[bytes]:
    for at in range(len(stream)):
        for bit in range(bits):
            flipped = bytearray(stream)
            flipped[at] ^= 1 << bit
            yield bytes(flipped)


def wrongs(stream: bytes, parity: bool = False) -> list[Fields]:
    """Every group that was accepted and never sent, over all single-bit flips of what is on the wire."""
    wire = with_parity(stream) if parity else stream
    sent = accepted(wire, parity)
    return [wrong for flipped in flips(wire, 8 if parity else 7) for wrong in accepted(flipped, parity) - sent]
