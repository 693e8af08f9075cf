"""Mutated inputs against every decoder: what may come out is named, comes in any cut the same, and soon.

`python tools/fuzz.py SECONDS [SEED]` prints how many inputs were tried; the first one that fails is printed as hex with
its decoder (exit 1), and wants to become a test. What is mutated was made by our own encoders. Lengths and checksums are
put right in half of the inputs, and content is mutated before it is encrypted too: a checksum would else refuse all.
"""

import contextlib
import json
import signal
import sys
import time
import traceback
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime
from random import Random
from types import FrameType

from drivers import mbus, meters, tic, wmbus
from drivers.encode import amb8465, chips, cul, im871a, iu891a, rc1180, records
from drivers.encode import mbus as wired
from drivers.encode import tic as customer
from drivers.encode import wmbus as radio
from drivers.model import Address, DecodeError, Frame, State, Telegram
from drivers.receivers import RECEIVERS, text
from drivers.talk import Dongle, Identity, Request
from drivers.wmbus.explain import explain
from drivers.wmbus.layers import CI_HEADERS
from drivers.wmbus.link import crc

INPUT_BYTES_MAX = 1024
CONTENT_BYTES_MAX = 200  # what fits into one telegram behind its headers
HANG_CPU_S = 2.0  # the slowest input takes some milliseconds

KEY = bytes(range(16))
DES_KEY = bytes(range(8))
WATER = Address("wmbus", "12345678", "REL", 0x1B, 0x07)
MODULE = Address("wmbus", "99000001", "RAD", 0x02, 0x37)
CIS = (*CI_HEADERS, 0x70, 0x71, 0x8C, 0x8D, 0xA0, 0xA1, 0xA2, 0xB6)
# Of the extended link layer, the AFL and the transport layer, each with the fields that its flags announce.
HEADS = tuple(
    bytes.fromhex(head)
    for head in (
        "8C202A",
        "8D202A 01000020 D31A",
        "8E202A A5115634120007 1B07",
        "8F202A A5115634120007 1B07 01000020 D31A",
        "81 0102",
        "90 0F 002C 25 11000000 0102030405060708",
        "90 0A 027C 25 11000000 0102 4000",
        "7A 2A 00 2025",
        "7A 2A 00 2007 10",
        "7A 2A 00 2027 50 11000000 03",
        "6A 2A 00 0000 04 1FB3",
        "7A 2A 00 FF2A 1001 11000000",
        "72 78563412 932C 1B07 2A 00 0000",
        "78",
        "79 D31A 0102",
    )
)
EDGES = (0x00, 0x01, 0x0D, 0x0F, 0x1F, 0x2F, 0x68, 0x72, 0x7A, 0x7C, 0x7F, 0x80, 0x90, 0xFB, 0xFD, 0xFF)

AT = datetime(2026, 11, 20, 12, tzinfo=UTC)
VALUES = (
    records.volume(612_483) + records.volume(608_000, storage=1) + records.kept_on(date(2026, 10, 31)),
    records.energy(20_000, tariff=2) + records.energy_wh(4_000_000) + records.power(640) + records.heat_cost(7, 17),
    records.flow(12) + records.flow_temperature(612) + records.return_temperature(-5) + records.error_flags(0x104),
    records.date_time(datetime(2026, 11, 20, 12)) + records.fabrication_number("12345678"),  # noqa: DTZ001  a meter's clock
    records.record(records.dif(records.FIELD_LVAR), b"\xfc" + records.text("co2"), records.text("420")),
    records.record(records.dif(0x4, 3, 2, 1), b"\xfd\x3a\x82\x7f", bytes(4)) + b"\x0f" + bytes(range(24)),
)

Make = Callable[[Random], bytes]


@dataclass(frozen=True)
class Target:
    """`make` gives one input, `run` takes it: it raises when a promise is broken. `weight`: how often it has its turn."""

    make: Make
    run: Callable[[bytes], None]
    weight: int = 1


class HangError(Exception):
    """One input took too long of the processor's time."""


# -- inputs -----------------------------------------------------------------------------------------------------------
def mutated(random: Random, seeds: tuple[bytes, ...], bytes_max: int = INPUT_BYTES_MAX) -> bytes:
    """A seed with some changes, one in twenty of random bytes alone."""
    if random.random() < 0.05:
        return random.randbytes(random.randrange(min(bytes_max, 300)))
    data = bytearray(random.choice(seeds))
    for _ in range(random.choice((0, 1, 1, 2, 3, 8))):
        at = random.randrange(len(data) + 1)
        match random.randrange(7):
            case 0 if at < len(data):
                data[at] ^= 1 << random.randrange(8)
            case 1 if at < len(data):
                data[at] = random.choice(EDGES)
            case 2 if at < len(data):
                data[at] = random.randrange(256)
            case 3:
                del data[at:]
            case 4:
                other = random.choice(seeds)
                data[at:] = other[random.randrange(len(other) + 1) :]
            case 5:
                del data[at : at + random.randrange(1, 9)]
            case _:
                data[at:at] = random.randbytes(random.randrange(1, 9))
    return bytes(data[:bytes_max])


def content(random: Random) -> bytes:
    """Records of several meters, some of them broken."""
    pieces = [mutated(random, VALUES) for _ in range(random.choice((1, 1, 2, 4)))]
    return b"".join(pieces)[:CONTENT_BYTES_MAX]


def sealed(random: Random) -> bytes:
    """Any content under every security there is."""
    said, number = content(random), random.randrange(256)
    match random.randrange(7):
        case 0:
            return radio.telegram(WATER, said, number, status=random.randrange(256))
        case 1:
            return radio.telegram(WATER, said, number, key=KEY, radio=random.choice((None, MODULE)))
        case 2:
            return radio.telegram_mode_2(WATER, said, number, key=DES_KEY)
        case 3:
            return radio.telegram_mode_7(WATER, said, number, key=KEY, counter=number)
        case 4:
            return radio.telegram_mode_10(WATER, said, number, key=KEY, counter=number)
        case _:
            inner = random.choice((b"\x78", b"\x79", b"\x7a" + bytes(4))) + said
            return radio.telegram_ell(WATER, inner, number, session=number, key=random.choice((None, KEY)))


def maker(random: Random) -> bytes:
    """Any content behind the address of a model that we know something of, and behind the CI fields of its maker."""
    return linked(random.choice(MODELS), bytes((random.choice(CIS),)) + content(random))


def layered(random: Random) -> bytes:
    """Headers in any order, some of them broken, and any content behind them."""
    heads = [mutated(random, (random.choice(HEADS),)) for _ in range(random.choice((1, 1, 2, 3)))]
    return linked(random.choice((WATER, *MODELS)), (b"".join(heads) + content(random))[:CONTENT_BYTES_MAX])


def linked(address: Address, body: bytes) -> bytes:
    data = b"\x44" + radio.identity(address).link_order + body
    return bytes((len(data),)) + data


def models() -> tuple[Address, ...]:
    patterns = [pattern for name in meters.files() for pattern in meters.read(name)[0]]
    patterns += ["HYD-85-07", "SAP-15-07", "DME-7b-07", "XYZ-01-07"]
    return tuple(
        Address("wmbus", "12345678", letters, int(version, 16), int(device_type, 16))
        for letters, version, device_type in (pattern.replace("*", "07").split("-") for pattern in patterns)
    )


def messages(random: Random) -> bytes:
    """A message in fragments, one telegram after the other, some changed, some lost."""
    sent = radio.fragments(WATER, content(random), random.randrange(256), key=KEY, counter=7, size=48)
    return b"".join(mutated(random, sent) if random.random() < 0.2 else each for each in sent)


def telegrams(random: Random) -> bytes:
    made = random.choice((sealed, maker, layered))(random)
    return mutated(random, (made, *TELEGRAMS)) if random.random() < 0.4 else made


def wired_frames(random: Random) -> bytes:
    data = bytearray(mutated(random, WIRED))
    if random.random() < 0.5 and len(data) > 8:
        counted = data[4:-2][: wired.LONG_BYTES_MAX]
        data[:] = bytes((0x68, len(counted), len(counted), 0x68)) + counted + bytes((sum(counted) & 0xFF, 0x16))
    return bytes(data)


def customer_frames(random: Random) -> bytes:
    data = mutated(random, CUSTOMER, 4 * INPUT_BYTES_MAX)
    if random.random() < 0.5:
        data = b"\x02" + b"\r".join(checked(group) for group in data.strip(b"\x02\x03").split(b"\r")) + b"\x03"
    return data


def checked(group: bytes) -> bytes:
    """A TIC group with the checksum its mode asks for."""
    fields = group[:-1]
    summed = fields if b"\t" in group else fields[:-1]
    return fields + bytes(((sum(summed.lstrip(b"\n")) & 0x3F) + 0x20,))


def stream(wrap: Callable[[bytes], bytes], other: tuple[bytes, ...]) -> Make:
    """What a receiver writes: telegrams, whatever is in them, what else it says, and damage on its line."""

    def make(random: Random) -> bytes:
        pieces = [wrap(telegrams(random)[:250] or b"\x00") for _ in range(random.choice((1, 2)))]
        pieces.insert(random.randrange(len(pieces) + 1), random.choice((b"", *other)))
        whole = b"".join(pieces)
        return mutated(random, (whole,)) if random.random() < 0.7 else whole

    return make


def rtl_433_line(telegram: bytes) -> bytes:
    if len(telegram) % 2:
        return (
            json.dumps({"codes": [f"{{{8 * len(telegram)}}}{chips.to_hex(chips.mode_t(telegram))}"]}).encode() + b"\n"
        )
    return json.dumps({"model": "Wireless-MBus", "data": telegram.hex(), "mic": "CRC"}).encode() + b"\n"


# -- promises ---------------------------------------------------------------------------------------------------------
def told(telegram: Telegram) -> None:
    assert isinstance(telegram, Telegram), telegram
    assert telegram.state is State.DECODED or not telegram.readings, telegram
    str(telegram.address)


def run_telegram(data: bytes) -> None:
    frame = Frame(data)
    with contextlib.suppress(DecodeError):
        wmbus.header(frame)
    for key in (None, KEY, DES_KEY):
        try:
            telegram = wmbus.decode(frame, key, wmbus.Formats())
        except DecodeError:
            return  # not even an address: the key plays no part
        told(telegram)
        if telegram.state not in (State.KEY_MISSING, State.WRONG_KEY):
            return


def run_explained(data: bytes) -> None:
    """Every byte stands in one row, in order."""
    for key in (None, KEY):
        at = 0
        for row in explain(data, key):
            assert row.at == at, row
            assert row.opened or row.data == data[at : at + len(row.data)], row
            at += len(row.data)
        assert at == len(data), at


def run_messages(data: bytes) -> None:
    """Telegrams one after the other, cut by their L fields, with all that is remembered from one to the next."""
    formats, fragments, replay = wmbus.Formats(), wmbus.Fragments(lambda: 0.0), wmbus.Replay(lambda: 0.0)
    at = 0
    while at < len(data):
        frame = Frame(data[at : at + data[at] + 1])
        with contextlib.suppress(DecodeError):
            told(wmbus.decode(frame, KEY, formats, fragments, replay))
        at += data[at] + 1


def run_wired(data: bytes) -> None:
    run_stream(mbus.Framer)(data)
    for key in (None, KEY):
        with contextlib.suppress(DecodeError):
            told(mbus.decode(Frame(data), key))


def run_customer(data: bytes) -> None:
    run_stream(tic.Framer)(data)
    with contextlib.suppress(DecodeError):
        told(tic.decode(Frame(data.strip(b"\x02\x03"))))


def run_stream(framer: Callable[[], Dongle]) -> Callable[[bytes], None]:
    """Whole and byte by byte give the same, and nothing but what a framer may say."""

    def run(data: bytes) -> None:
        whole, cut = framer(), framer()
        said = list(whole.feed(data))
        assert all(isinstance(each, Frame | DecodeError | Identity | Request) for each in said), said
        assert said == [each for byte in data for each in cut.feed(bytes((byte,)))]

    return run


# -- what is tried ----------------------------------------------------------------------------------------------------
def compact() -> bytes:
    """A full frame, and the compact one of the same values behind it."""
    full = VALUES[0]
    heads, values = full[:2] + full[6:8] + full[12:14], full[2:6] + full[8:12] + full[14:]
    check = crc(heads).to_bytes(2, "little") + crc(full).to_bytes(2, "little")
    return linked(WATER, b"\x78" + full) + linked(WATER, b"\x79" + check + values)


def linky(contract: customer.Contract) -> customer.Linky:
    stamped = customer.Stamped(640, AT)
    return customer.Linky(
        address="041234567890",
        at=AT,
        indexes_wh=tuple(range(1000, 1000 + len(contract.tariffs))),
        apparent_power_va=640,
        max_today_va=stamped,
        max_yesterday_va=stamped,
        contract=contract,
        curve_w=(stamped, stamped),
    )


MODELS = models()
TELEGRAMS = (
    radio.telegram(WATER, VALUES[0], 42, key=KEY, radio=MODULE),
    radio.telegram_mode_7(WATER, VALUES[1], 42, key=KEY, counter=17),
    radio.telegram_mode_10(WATER, VALUES[2], 42, key=KEY, counter=17, radio=MODULE),
    radio.telegram_ell(WATER, b"\x78" + VALUES[0], 42, session=4711, key=KEY),
    *radio.fragments(WATER, VALUES[0] + VALUES[1], 42, key=KEY, counter=17, size=32),
    compact(),
)
METER = wired.identity("12345678", "REL", 0x1B, 0x07)
WIRED = (
    *(wired.answer(METER, each) for each in VALUES),
    wired.long(wired.RSP_UD, 1, 0x73, bytes.fromhex("78563412 2A00 E97E 01000000 35010000")),
    wired.long(wired.RSP_UD, 1, 0x70, b"\x08"),
    wired.ACKNOWLEDGEMENT + wired.select(METER) + wired.request(1),
)
CUSTOMER = tuple(
    frame(linky(contract))
    for contract in customer.Contract
    for frame in (customer.standard_frame, customer.historique_frame)
)
STICKS: dict[str, tuple[Callable[[bytes], bytes], tuple[bytes, ...]]] = {
    "im871a": (lambda sent: im871a.heard(sent, -70), tuple(im871a.answers(bytes.fromhex("A5010F00A5010500")))),
    "iu891a": (lambda sent: iu891a.heard(sent, -70), tuple(iu891a.answers(RECEIVERS["iu891a"].start))),
    "amb8465": (lambda sent: amb8465.heard(sent, -70), tuple(amb8465.answers(RECEIVERS["amb8465"].start))),
    "rc1180": (lambda sent: rc1180.heard(sent, -70), tuple(rc1180.answers(RECEIVERS["rc1180"].start + b"0"))),
    "cul": (lambda sent: cul.heard(sent, -70, b=len(sent) % 2 == 0), tuple(cul.answers(b"V\r\nbrc\r\nX21\r\n"))),
    "hexlines": (lambda sent: sent.hex().encode() + b"\n", (b"C1;1;1;2026-11-20 12:00:00;9;8;7;0x",)),
    "rtl_433": (rtl_433_line, (b"time,codes,model,data\n", b'{"model": "Other"}\n')),
}
# Most of the code is behind a telegram's header; a receiver's own part is small and its inputs are slow.
TARGETS = {
    "telegram": Target(telegrams, run_telegram, 16),
    "explain": Target(telegrams, run_explained, 4),
    "messages": Target(lambda random: random.choice((messages(random), mutated(random, TELEGRAMS))), run_messages, 4),
    "mbus": Target(wired_frames, run_wired, 4),
    "tic": Target(customer_frames, run_customer),
    **{name: Target(stream(*STICKS[name]), run_stream(RECEIVERS[name].framer)) for name in RECEIVERS},
    "text": Target(
        stream(rtl_433_line, (*STICKS["hexlines"][1], TELEGRAMS[0].hex().encode())), run_stream(text.Framer)
    ),
}


def hung(signal_number: int, stack: FrameType | None) -> None:
    raise HangError


def fuzz(seconds: float, seed: int, targets: Mapping[str, Target] = TARGETS, hang_cpu_s: float = HANG_CPU_S) -> int:
    """Try inputs for so long; 1 when one failed."""
    random, tried = Random(seed), Counter[str]()  # noqa: S311  inputs of a test, no secret
    signal.signal(signal.SIGVTALRM, hung)
    names, weights = list(targets), [target.weight for target in targets.values()]
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        for name in random.choices(names, weights, k=100):
            data = targets[name].make(random)
            signal.setitimer(signal.ITIMER_VIRTUAL, hang_cpu_s)
            try:
                targets[name].run(data)
            except Exception:  # noqa: BLE001  whatever it is, it is the find
                signal.setitimer(signal.ITIMER_VIRTUAL, 0)
                sys.stdout.write(f"{traceback.format_exc()}\n{name}: {data.hex()}\n")
                sys.stdout.write(f"the input {tried.total() + 1:,} of seed {seed} failed\n")
                return 1
            tried[name] += 1
    signal.setitimer(signal.ITIMER_VIRTUAL, 0)
    each = ", ".join(f"{name} {count:,}" for name, count in tried.items())
    sys.stdout.write(f"{tried.total():,} inputs, seed {seed}, no failure ({each})\n")
    return 0


def main(arguments: list[str]) -> int:
    if not arguments or not all(argument.isdigit() for argument in arguments[:2]):
        sys.stderr.write("python tools/fuzz.py SECONDS [SEED]\n")
        return 2
    return fuzz(float(arguments[0]), int(arguments[1]) if len(arguments) > 1 else 1)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
