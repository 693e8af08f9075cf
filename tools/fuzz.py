"""What every decoder promises on any bytes, and bytes to try it on: for tools/guided.py and tests/test_fuzz.py.

The first byte of an input says how the rest of it is sent. Even: as it is. Odd: our own encoders put it behind headers,
lengths, checksums and encryption, else these would refuse all. So content is changed before it is encrypted too.
"""

import contextlib
import hashlib
import io
import json
import signal
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from random import Random
from types import FrameType
from zlib import crc32

from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

from drivers import mbus, meters, mqtt, p1, sml, tic, wmbus
from drivers.encode import amb8465, chips, cul, im871a, iu891a, rc1180, records
from drivers.encode import mbus as wired
from drivers.encode import p1 as dutch
from drivers.encode import sml as german
from drivers.encode import tic as customer
from drivers.encode import wmbus as radio
from drivers.mbus.exchange import Asked, Exchange, refusal
from drivers.mbus.framing import parts
from drivers.meters import Model
from drivers.model import Address, DecodeError, Frame, Medium, Reading, State, Telegram
from drivers.mqtt import generic
from drivers.receivers import RECEIVERS, text
from drivers.talk import Dongle, Identity, Request, Unprotected
from drivers.thing import Presence, Thing, Unread
from drivers.wmbus import chips as air
from drivers.wmbus import explain, layers, link, makers, security
from drivers.wmbus import records as reading
from drivers.wmbus.explain import Row
from drivers.wmbus.makers import diehl
from drivers.wmbus.makers.parts import Heard
from drivers.wmbus.understood import understood
from gateway import analyze
from gateway.box import update_file
from gateway.trouble import Trouble
from tools import update_file as update_maker

CONTENT_BYTES_MAX = 200  # what fits into one telegram behind its headers
HANG_CPU_S = 1.0  # the slowest input takes some milliseconds

KEY = bytes(range(16))
DES_KEY = bytes(range(8))
WRONG_KEYS = (bytes(range(1, 17)), bytes(range(2, 18)), bytes(range(8, 16)), bytes(range(16, 24)))
WATER = Address("wmbus", "12345678", "REL", 0x1B, 0x07)
MODULE = Address("wmbus", "99000001", "RAD", 0x02, 0x37)

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
AT = datetime(2026, 11, 20, 12, tzinfo=UTC)
VALUES = (
    records.volume(612_483) + records.volume(608_000, storage=1) + records.kept_on(date(2026, 10, 31)),
    records.energy(20_000, tariff=2) + records.energy_wh(4_000_000) + records.power(640) + records.heat_cost(7, 17),
    records.flow(12) + records.flow_temperature(612) + records.return_temperature(-5) + records.error_flags(0x104),
    records.date_time(datetime(2026, 11, 20, 12)) + records.fabrication_number("12345678"),  # noqa: DTZ001  a meter's clock
    records.record(records.dif(records.FIELD_LVAR), b"\xfc" + records.text("co2"), records.text("420")),
    records.record(records.dif(0x4, 3, 2, 1), b"\xfd\x3a\x82\x7f", bytes(4)) + b"\x0f" + bytes(range(24)),
    records.record(records.dif(records.FIELD_LVAR), b"\x93\x1f", b"\x06\x31\xfe\x10\x00\x20\x00"),  # a compact profile
)


@dataclass(frozen=True)
class Target:
    """`run` takes what is sent and raises when a promise is broken. `build` makes it of an odd input, `also` judges that.

    `share`: parts of all inputs it gets.
    """

    seeds: tuple[bytes, ...]
    build: Callable[[int, bytes], bytes]
    run: Callable[[bytes], None]
    also: Callable[[int, bytes], None] = lambda how, content: None
    bytes_max: int = 280  # a telegram has 256
    share: int = 3


class HangError(Exception):
    """One input took too long of the processor's time."""


# -- one input --------------------------------------------------------------------------------------------------------
def sent(target: Target, data: bytes) -> bytes:
    """What an input stands for."""
    return target.build(data[0] >> 1, data[1:]) if data[:1] and data[0] & 1 else data[1:]


def attempt(target: Target, data: bytes, hang_cpu_s: float = HANG_CPU_S) -> Exception | None:
    """Try one input; what it raised, if anything."""
    signal.setitimer(signal.ITIMER_VIRTUAL, hang_cpu_s)
    try:
        target.run(sent(target, data))
        if data[:1] and data[0] & 1 and sampled(data):
            target.also(data[0] >> 1, data[1:])
    except Exception as fault:  # noqa: BLE001  whatever it is, it is the find
        return fault
    finally:
        signal.setitimer(signal.ITIMER_VIRTUAL, 0)
    return None


def changed(random: Random, pool: Sequence[bytes], bytes_max: int) -> bytes:
    """One of `pool` with bits and bytes changed, cut short, spliced with another one; some are random bytes alone."""
    if random.random() < 0.03:
        return random.randbytes(random.randrange(1, bytes_max))
    data = bytearray(random.choice(pool))
    for _ in range(random.choice((1, 1, 2, 3, 8))):
        at = random.randrange(len(data) + 1)
        match random.randrange(7):
            case 0 if at < len(data):
                data[at] ^= 1 << random.randrange(8)
            case 1 if at < len(data):
                data[at] = random.randrange(256)
            case 2:
                del data[at:]
            case 3:
                other = random.choice(pool)
                data[at:] = other[random.randrange(len(other) + 1) :]
            case 4:
                del data[at : at + random.randrange(1, 9)]
            case 5:
                data[at:at] = random.randbytes(random.randrange(1, 9))
            case _ if data:
                data[0] ^= 1
    return bytes(data[:bytes_max])


def sampled(data: bytes) -> bool:
    """One input in eight, always the same ones: for promises that cost another decoding."""
    return crc32(data) & 7 == 0


def _hung(signal_number: int, stack: FrameType | None) -> None:
    raise HangError


signal.signal(signal.SIGVTALRM, _hung)


# -- what is sent -----------------------------------------------------------------------------------------------------
def sealed(how: int, said: bytes) -> bytes:
    """Content under every security there is, its first byte the access number."""
    number, content = said[0] if said else 0, said[1 : 1 + CONTENT_BYTES_MAX]
    match how % 8:
        case 0:
            return radio.telegram(WATER, content, number, status=number, radio=MODULE if how & 8 else None)
        case 1:
            return radio.telegram(WATER, content, number, key=KEY, radio=MODULE if how & 8 else None)
        case 2:
            return radio.telegram_mode_2(WATER, content, number, key=DES_KEY)
        case 3:
            return radio.telegram_mode_7(WATER, content, number, key=KEY, counter=number)
        case 4:
            return radio.telegram_mode_10(
                WATER, content, number, key=KEY, counter=number, radio=MODULE if how & 8 else None
            )
        case 5:
            return radio.telegram_ell(WATER, b"\x78" + content, number, session=number, key=KEY if how & 8 else None)
        case _:  # any layers behind the address of a model that we know something of
            return linked(MODELS[(number | (how & 0x38) << 5) % len(MODELS)], content)


def linked(address: Address, body: bytes) -> bytes:
    data = b"\x44" + radio.identity(address).link_order + body
    return bytes((len(data),)) + data


def each_telegram(data: bytes) -> Iterator[bytes]:
    """Telegrams one after the other, cut by their L fields."""
    at = 0
    while at < len(data):
        yield data[at : at + data[at] + 1]
        at += data[at] + 1


def in_fragments(how: int, said: bytes) -> bytes:
    """A message in fragments: one is lost, one comes twice, or all come as they should."""
    whole = list(radio.fragments(WATER, said[:CONTENT_BYTES_MAX], how, key=KEY, counter=7, size=32))
    n = how >> 2 & 7
    if how & 1:
        del whole[n : n + 1]
    if how & 2:
        whole[n:n] = whole[n : n + 1]
    return b"".join(whole)


def compact_of(records: bytes) -> bytes:
    """The compact frame of a full one's records: signature, CRC, values; nothing where they cannot be followed."""
    heads, values, at = b"", b"", 0
    spans: list[reading.Span] = []
    reading.decode(records, None, spans)
    for span in spans:
        at = span.start
        for _ in range(2):  # DIF with its DIFEs, VIF with its VIFEs
            while at < span.end and records[at] & 0x80:
                at += 1
            at += 1
        heads, values = heads + records[span.start : at], values + records[at : span.end]
    full = b"".join(records[span.start : span.end] for span in spans)
    return link.crc(heads).to_bytes(2, "little") + link.crc(full).to_bytes(2, "little") + values


def full_and_compact(how: int, said: bytes) -> bytes:
    """A full frame, and the compact one of the same values behind it."""
    content = said[:CONTENT_BYTES_MAX]
    return linked(WATER, b"\x78" + content) + linked(WATER, b"\x79" + compact_of(content))


def of_any_model(how: int, said: bytes) -> bytes:
    """Records under any manufacturer, version, type and status: those that are known, else those that the input says."""
    identity = said[:8].ljust(8, b"\0")
    if not how & 1:
        identity = radio.identity(MODELS[identity[0] % len(MODELS)]).link_order
    data = b"\x44" + identity + b"\x7a\x2a" + bytes((how,)) + b"\0\0" + said[8 : 8 + CONTENT_BYTES_MAX]
    return bytes((len(data),)) + data


def prios(how: int, said: bytes) -> bytes:
    """Diehl's own codings: bytes are plain behind the header, and are sent encrypted."""
    maker = ("HYD", "SAP", "DME", "EWT", "SPL")[how % 5]
    address = Address("wmbus", "12345678", maker, 0x15, 0x07)
    ci = b"\xa0\xa2\x71\x7a"[how >> 3 & 3 : (how >> 3 & 3) + 1]
    body = (ci + (b"\x2a\x00\x00\x10" if ci == b"\x7a" else b"") + said)[:CONTENT_BYTES_MAX]
    heard = Heard(radio.identity(address), body)
    return linked(address, body[:5] + diehl.cipher(diehl.DEFAULT_KEYS[how >> 5 & 1], heard))


def maker_payload(name: str) -> Callable[[int, bytes], bytes]:
    """In the coding that the first byte says; NA-1 is encrypted, behind its access number and flags."""
    codings = MAKERS[name]

    def build(how: int, said: bytes) -> bytes:
        if codings[how % len(codings)] == "apator_na_1":
            block, access = said[:16].ljust(16, b"\0"), bytes((how,))
            cipher = Cipher(algorithms.AES(bytes(16)), modes.CBC(radio.identity(WATER).link_order + access * 8))
            said = b"\xa0" + access + b"\0" + cipher.encryptor().update(block)
        return bytes((how,)) + said

    return build


def wired_frame(how: int, said: bytes) -> bytes:
    """A long frame's own bytes put right, behind its C and A fields the input's or an encrypted answer's."""
    if how & 1:
        said = radio.telegram(WATER, said[:CONTENT_BYTES_MAX], how, key=KEY, radio=MODULE)[link.HEADER_BYTES :]
    return wired.long(wired.RSP_UD, 1, said[0] if said else 0x72, said[1 : wired.LONG_BYTES_MAX - 2])


def customer_frame(how: int, said: bytes) -> bytes:
    """Groups with the checksum that their mode asks for."""
    groups = said.strip(b"\x02\x03").split(b"\r")
    return b"\x02" + b"\r".join(_group(group) for group in groups) + b"\x03"


def _group(group: bytes) -> bytes:
    fields = group[:-1]
    counted = fields if b"\t" in group else fields[:-1]
    return fields + bytes(((sum(counted.lstrip(b"\n")) & 0x3F) + 0x20,))


def dutch_telegram(how: int, said: bytes) -> bytes:
    """Lines with the CRC that they have then."""
    return dutch.with_crc(said.partition(b"!")[0] + b"!")


def german_file(how: int, said: bytes) -> bytes:
    """Messages with the escapes and the CRC that they have then."""
    return german.file(said, kermit=how & 1 == 1)


def captured(how: int, said: bytes) -> bytes:
    """A telegram as chips, eight in a byte."""
    send = (chips.mode_t, chips.mode_s, chips.mode_c, lambda data: chips.mode_c(data, b=True))[how % 4]
    return bytes.fromhex(chips.to_hex(send(sized(said))))


def sized(said: bytes) -> bytes:
    """A telegram with the L field it must have."""
    data = said[1 : 1 + CONTENT_BYTES_MAX].ljust(link.HEADER_BYTES, b"\0")
    return bytes((len(data),)) + data


def written(name: str) -> Callable[[int, bytes], bytes]:
    """What a receiver writes: telegrams, whatever is in them, and what else it says before them."""
    wrap, other = STICKS[name]

    def build(how: int, said: bytes) -> bytes:
        before = b"".join(other) if how & 1 else b""
        if how % 64 == 63:
            before += said * (LONGEST.get(name, 0) // (len(said) or 1) + 1)
        return before + b"".join(wrap(telegram[:250], how >> 1) for telegram in each_telegram(said))

    return build


def rtl_433_line(telegram: bytes, how: int) -> bytes:
    if how & 1:
        code = f"{{{8 * len(telegram)}}}{chips.to_hex(chips.mode_t(sized(telegram)))}"
        return json.dumps({"codes": [code]}).encode() + b"\n"
    if how & 2:
        return b"now,Wireless-MBus," + telegram.hex().encode() + b"\n"
    return json.dumps({"model": "Wireless-MBus", "data": telegram.hex(), "mic": "CRC"}).encode() + b"\n"


def hex_line(telegram: bytes, how: int) -> bytes:
    framed = (telegram, radio.format_a(telegram), radio.format_b(telegram))[how % 3]
    return (b"C1;1;1;2026-11-20 12:00:00;9;8;7;0x" if how & 4 else b"") + framed.hex().encode() + b"\n"


THING_TOPICS = (
    "zigbee2mqtt/bridge/devices",
    "zigbee2mqtt/plug",
    "zigbee2mqtt/plug/availability",
    "tele/plug/SENSOR",
    "tele/plug/LWT",
    "shellies/shellyem-1/emeter/0/total",
    "shellies/shellyht-1/info",
    "shelly-1/events/rpc",
    "shelly-1/status/switch:0",
    "homeassistant/sensor/node/power/config",
    "node/sensor/power/state",
    "wmbusmeters/1",
    "rtl_433/pi/events",
    "mapped",
    "teleinfo/012345678901",
)
INVENTORY = json.dumps(
    [
        {
            "ieee_address": "0x1",
            "friendly_name": "plug",
            "definition": {
                "model": "N1",
                "exposes": [
                    {"type": "numeric", "name": name, "property": name, "unit": unit, "access": 1}
                    for name, unit in (("power", "W"), ("energy", "kWh"), ("humidity", "%"))
                ]
                + [{"type": "binary", "name": "water_leak", "property": "water_leak", "value_on": 1, "access": 1}],
            },
        }
    ]
).encode()
CONFIG = b'{"stat_t":"node/sensor/power/state","unit_of_meas":"W","dev_cla":"power","dev":{"ids":"a1","name":"N"}}'
ROWS = (
    generic.value("/total", "volume", "m3", "10", main=True),
    generic.value("/on", "number", "", register="on"),
    generic.value("/list/1", "temperature", "°C"),
)
MAPPING = generic.Mapping("mapped", "x", Medium.WATER, ROWS)
THINGS = (
    (1, b'{"power":41.2,"energy":12.34,"humidity":48,"water_leak":true}'),
    (
        3,
        b'{"Time":"2026-01-01T00:00:00","ENERGY":{"Total":436.7,"Power":[298,7,0]},"AM2301":{"Temperature":5.1,"Humidity":61},"TempUnit":"C"}',
    ),
    (3, b'{"SML":{"Total_in":12.5,"Power_curr":-3},"TIC":{"ADCO":"061964000000","HCHC":"007970950","PTEC":"HP.."}}'),
    (5, b"123456.7"),
    (6, b'{"tmp":{"tC":21.5,"is_valid":true}}'),
    (
        7,
        b'{"src":"shelly-1","method":"NotifyStatus","params":{"ts":1,"em:0":{"total_act_power":7.5,"a_voltage":230},"emdata:0":{"total_act":9}}}',
    ),
    (8, b'{"id":0,"apower":-5,"aenergy":{"total":10.5,"minute_ts":60},"ret_aenergy":{"total":4},"errors":["x"]}'),
    (9, CONFIG),
    (10, b"812.0"),
    (11, b'{"_":"telegram","media":"water","id":"33225544","total_m3":123.5,"flow_temperature_c":12,"status":"DRY"}'),
    (12, b'{"model":"Nexus-TH","id":177,"channel":1,"temperature_C":3.4,"power":"640.0 W"}'),
    (13, b'{"total":"12.5","on":"off","list":[1,21.5]}'),
    (0, INVENTORY),
    (2, b'{"state":"offline"}'),
    (14, b'{"ADCO":{"raw":"012345678901"},"BASE":{"raw":"002809718"},"PTEC":{"raw":"TH.."}}'),
)


def thing_message(how: int, said: bytes) -> bytes:
    """A payload on the topic that the input says, and before it what announces its device."""
    return bytes((how % len(THING_TOPICS) | how & 0x40,)) + said


# -- promises ---------------------------------------------------------------------------------------------------------
def told(telegram: Telegram) -> None:
    assert isinstance(telegram, Telegram), telegram
    assert telegram.state is State.DECODED or (not telegram.readings and telegram.error), telegram
    assert str(telegram.address), telegram
    assert all(isinstance(fault, DecodeError) for fault in telegram.faults), telegram
    assert all(telegram.status), telegram
    sound(telegram.readings)


def sound(readings: tuple[Reading, ...]) -> None:
    """That each value is finite, and of the type of its quantity, Reading itself asserts."""
    for each in readings:
        assert each.register, each
        assert min(each.tariff, each.storage, each.subunit) >= 0, each


def outcome(data: bytes, key: bytes | None = None) -> Telegram | str:
    try:
        return wmbus.decode(Frame(data), key, wmbus.Formats())
    except DecodeError as fault:
        return str(fault)


def run_telegram(data: bytes) -> None:
    for key in (None, KEY, DES_KEY):
        telegram = outcome(data, key)
        if isinstance(telegram, str):
            return  # not even an address: the key plays no part
        told(telegram)
        if sampled(data):
            assert telegram == outcome(data, key), "the same bytes give the same"
        if telegram.state not in (State.KEY_MISSING, State.WRONG_KEY):
            return


def opened_by_its_key_alone(how: int, said: bytes) -> None:
    """What is sent encrypted says with its key what it says in clear, or less, and nothing with another key.

    Modes 2 and 5 and the extended link layer have a check of 16 bits: one wrong key of 65536 passes it, two do not.
    """
    kind, data, number = how % 8, sealed(how, said), said[0] if said else 0
    if kind > 5 or b"\x2f\x2f" in data[link.HEADER_BYTES :]:
        return  # not of ours, or it may look as if it came in clear
    if kind and (kind != 5 or how & 8):
        wrong = {key: outcome(data, key) for key in WRONG_KEYS}
        read = [key for key, each in wrong.items() if isinstance(each, Telegram) and each.readings]
        if kind == 1:
            at = link.HEADER_BYTES + (13 if how & 8 else 5)
            iv = security.aes_cbc_iv(radio.identity(WATER), number)
            read = [key for key in read if opened(key, iv, data[at : at + len(iv)])[:2] != security.CHECK]
        assert len(read) < (2 if kind in (2, 5) else 1), read
    right = outcome(data, DES_KEY if kind == 2 else KEY)
    assert isinstance(right, Telegram), right
    content = said[1 : 1 + CONTENT_BYTES_MAX]
    block_bytes = {1: 16, 2: 8, 3: 16}.get(kind, 1)
    content += b"\x2f" * (-(len(content) + 2) % block_bytes)  # a record cut short takes the fillers for its data
    clear = outcome(radio.telegram(WATER, content, 0))
    assert isinstance(clear, Telegram), clear
    assert right.readings in ((), clear.readings), (right, clear)


def opened(key: bytes, iv: bytes, block: bytes) -> bytes:
    return Cipher(algorithms.AES(key), modes.CBC(iv)).decryptor().update(block)


def run_messages(data: bytes) -> None:
    """Telegrams one after the other with all that is remembered from one to the next."""
    formats, fragments, replay = wmbus.Formats(), wmbus.Fragments(lambda: 0.0), wmbus.Replay(lambda: 0.0)
    for telegram in each_telegram(data):
        with contextlib.suppress(DecodeError):
            told(wmbus.decode(Frame(telegram), KEY, formats, fragments, replay))


def put_together_or_not_read(how: int, said: bytes) -> None:
    """Fragments say what the message says in one piece, or nothing."""
    fragments = wmbus.Fragments(lambda: 0.0)
    wanted = outcome(radio.telegram_mode_7(WATER, said[:CONTENT_BYTES_MAX], how, key=KEY, counter=7), KEY)
    assert isinstance(wanted, Telegram), wanted
    read = [wmbus.decode(Frame(each), KEY, None, fragments) for each in each_telegram(in_fragments(how, said))]
    assert all(each.readings in ((), wanted.readings) for each in read), read
    assert how & 1 or read[-1].readings == wanted.readings or how & 2, read


def run_things(data: bytes) -> None:
    """On any topic, whatever came before it: things, and faults that say so; twice the same, and nothing that is retained."""
    if not data:
        return
    things = mqtt.Things({MAPPING.topic: MAPPING})
    things.hear(mqtt.Message(THING_TOPICS[0], INVENTORY, retained=True), 0)
    things.hear(mqtt.Message(THING_TOPICS[9], CONFIG, retained=True), 0)
    topic = THING_TOPICS[(data[0] & 0x3F) % len(THING_TOPICS)]
    retained = bool(data[0] & 0x40)
    for _ in range(2):
        for item in things.hear(mqtt.Message(topic, data[1:], retained), 0):
            assert isinstance(item, (Thing, Presence, Unread, DecodeError)), item
            if isinstance(item, Thing):
                assert not retained, item
                told(item.telegram)
    with contextlib.suppress(DecodeError):
        assert generic.candidates(data[1:])


def run_records(data: bytes) -> None:
    """Each record has its place, in order; the reading and the fault of it are those that come out."""
    spans: list[reading.Span] = []
    model = MODEL_LIST[data[0] % len(MODEL_LIST)] if data else None
    read = reading.decode(data[1:], model, spans)
    sound(read.readings)
    ends = [0, *(span.end for span in spans)]
    starts = [*(span.start for span in spans), len(data)]
    for end, start in zip(ends, starts, strict=True):
        assert end <= start, spans
        assert not data[1 + end : 1 + start].strip(b"\x2f"), "only idle fillers between records"
    own = tuple(span.reading for span in spans if span.reading)
    assert own == read.readings[: len(own)], "behind them only what a compact profile holds"
    if sampled(data):
        assert read == reading.decode(data[1:], model)


def run_layers(data: bytes) -> None:
    with contextlib.suppress(DecodeError):
        peeled = layers.peel(link.parse(data))
        assert data.endswith(peeled.payload)
        assert data.endswith(peeled.signed)
    with contextlib.suppress(DecodeError):
        header, telegram = wmbus.header(Frame(data)), outcome(data)
        assert isinstance(telegram, Telegram), telegram
        hidden = telegram.state is State.INVALID or layers.peel(link.parse(data)).ell  # another address may be within
        assert hidden or len(data) != data[0] + 1 or telegram.address == header.address, (telegram, header)
    if link.has_crcs(data):
        with contextlib.suppress(DecodeError):
            plain = link.without_crcs(data)
            assert data in (radio.format_a(plain), radio.format_b(plain)), plain


def run_explained(data: bytes) -> None:
    """Every byte stands in one row, in order."""
    for key in (None, KEY):
        covered(data, explain.explain(data, key))
    if data and sampled(data):
        with contextlib.suppress(Trouble):  # what is no telegram
            analyze.run(data.hex(), KEY.hex(), data[-1] & 1 == 0, io.StringIO())


def covered(data: bytes, rows: tuple[Row, ...]) -> None:
    at = 0
    for row in rows:
        assert row.at == at, row
        assert row.opened or row.data == data[at : at + len(row.data)], row
        at += len(row.data)
    assert at == len(data), at


def run_compact(data: bytes) -> None:
    formats = wmbus.Formats()
    for each in each_telegram(data):
        formats.learn(each)
        with contextlib.suppress(DecodeError):
            formats.expand(each)
    run_messages(data)


def compact_as_full(how: int, said: bytes) -> None:
    """A compact frame says what the full one before it said, or waits."""
    formats = wmbus.Formats()
    full, short = (wmbus.decode(Frame(each), None, formats) for each in each_telegram(full_and_compact(how, said)))
    assert short.readings in ((), full.readings), (full, short)


def run_chips(data: bytes) -> None:
    bits = "".join(f"{byte:08b}" for byte in data)
    for decode in (air.telegram, air.three_of_six, air.manchester):
        with contextlib.suppress(DecodeError):
            decode(bits)


def heard_as_sent(how: int, said: bytes) -> None:
    digits = captured(how, said).hex()
    assert air.telegram(air.from_hex(digits, 4 * len(digits))) == sized(said), digits


def run_model(data: bytes) -> None:
    """Any model at all; each status has its words."""
    telegram = outcome(data)
    if isinstance(telegram, str):
        return
    told(telegram)
    for code in telegram.status:
        assert meters.words(code, "fr") != code, code


def run_maker(name: str) -> Callable[[bytes], None]:
    codings = MAKERS[name]

    def run(data: bytes) -> None:
        if len(data) < 2:
            return
        coding = codings[data[0] % len(codings)]
        key = KEY if data[0] & 0x80 else None
        with contextlib.suppress(DecodeError):
            if decode := makers.PAYLOADS.get(coding):
                sound(decode(Heard(radio.identity(WATER), data[1:], key)).readings)
            elif read := makers.CONTENTS.get(coding):
                said = read(data[1:])
                sound(said.readings if said else ())
            else:
                model = CODINGS[coding]
                sound(understood(reading.decode(data[1:], model), model).readings)

    return run


def run_wired(data: bytes) -> None:
    run_stream(mbus.Framer)(data)
    frame = Frame(data)
    for key in (None, KEY):
        with contextlib.suppress(DecodeError):
            told(mbus.decode(frame, key))
            if len(parts(data)) == 1:
                covered(data, analyze.analyze([data], key).rows)  # of a whole frame: mbus.decode refuses others
    mbus.more_follows(frame)
    mbus.heads(frame)
    exchange = Exchange(wired.request(1))
    for outcome in (*exchange.feed(data), exchange.end()):
        if isinstance(outcome, Frame):
            refusal(outcome, Asked(1, WATER))


def run_customer(data: bytes) -> None:
    run_stream(tic.Framer)(data)
    with contextlib.suppress(DecodeError):
        told(tic.decode(Frame(data.strip(b"\x02\x03"))))


def run_port(framer: Callable[[], Dongle], decode: Callable[[Frame], Telegram]) -> Callable[[bytes], None]:
    """The stream's promises, and what becomes of each of its frames."""
    streamed = run_stream(framer)

    def run(data: bytes) -> None:
        streamed(data)
        for frame in framer().feed(data):
            if isinstance(frame, Frame):
                with contextlib.suppress(DecodeError):
                    told(decode(frame))

    return run


def run_stream(framer: Callable[[], Dongle]) -> Callable[[bytes], None]:
    """Whole and in pieces give the same, and nothing but what a framer may say."""

    def run(data: bytes) -> None:
        whole, cut = framer(), framer()
        said = list(whole.feed(data))
        assert all(isinstance(each, Frame | DecodeError | Identity | Request) for each in said), said
        check = crc32(data)
        size = 1 if check & 15 == 0 else 2 + check % 61
        pieces = (data[at : at + size] for at in range(0, len(data), size))
        assert said == [each for piece in pieces for each in cut.feed(piece)], size
        if isinstance(whole, Unprotected):
            given_up = list(whole.pause())
            assert all(isinstance(each, DecodeError) for each in given_up), given_up
            assert not list(whole.pause()), "nothing is held after a pause"

    return run


def signed_update(how: int, said: bytes) -> bytes:
    """Content as the manifest of an update file, or as what follows a good one, signed."""
    if how & 1:
        return update_maker.signed_line(UPDATE, UPDATE_KEY) + said
    return update_maker.signed_line(said.replace(b"\n", b" "), UPDATE_KEY) + b"app"


def run_update(data: bytes) -> None:
    """It is the whole file that was signed, or refused in one sentence."""
    try:
        found = update_file.verified(io.BytesIO(data), (UPDATE_PUBLIC,))
    except update_file.Refused as refused:
        sentence = str(refused)
        assert sentence.strip(), refused.code  # noqa: PT017  it may be refused, and then has to say why
        assert "\n" not in sentence, sentence
        return
    assert found.bytes == len(data), found
    assert sum(part.bytes for part, _ in found.places()) == len(data) - len(found.head), found


def heard_again(name: str) -> Callable[[int, bytes], None]:
    """Whatever came before, the telegrams behind it are heard: a fault costs one frame, not the buffer."""
    wrap, _ = STICKS[name]
    good = wrap(TELEGRAMS[0], 0)

    def also(how: int, said: bytes) -> None:
        before = said if how & 1 else written(name)(how, said)
        *_, last = FRAMERS[name]().feed(before + 8 * good)
        assert isinstance(last, Frame), last
        assert last.data == TELEGRAMS[0], last

    return also


# -- what is tried ----------------------------------------------------------------------------------------------------
def models() -> tuple[Address, ...]:
    patterns = [pattern for name in meters.files() for pattern in meters.read(name)[0]]
    patterns += ["HYD-85-07", "SAP-15-07", "DME-7b-07", "XYZ-01-07"]
    return tuple(
        Address("wmbus", "12345678", letters, int(version, 16), int(device_type, 16))
        for letters, version, device_type in (pattern.replace("*", "07").split("-") for pattern in patterns)
    )


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


def seeds(*contents: bytes, hows: tuple[int, ...] = (0,)) -> tuple[bytes, ...]:
    """Each content under each way of sending it, and as it is."""
    return tuple(bytes((first,)) + each for each in contents for first in (0, *(how << 1 | 1 for how in hows)))


def maker_seeds(name: str) -> tuple[bytes, ...]:
    """The shapes that a maker's file knows, and others, in each of its codings: raw and built."""
    shapes = [bytes(20), bytes(60), *VALUES[:2], *(shape for coding, shape in SHAPES if coding in MAKERS[name])]
    codings = range(len(MAKERS[name]))
    raw = (b"\0" + bytes((n,)) + shape for n in codings for shape in shapes)
    return (*raw, *(bytes((n << 1 | 1,)) + shape for n in codings for shape in shapes))


def maker_codings() -> dict[str, list[str]]:
    """The codings of each maker's file, but Diehl's: its layers are its own too."""
    found: dict[str, list[str]] = {}
    for coding, decode in {**makers.PAYLOADS, **makers.CONTENTS, **makers.TAILS}.items():
        found.setdefault(decode.__module__.rpartition(".")[2], []).append(coding)
    return found


# What chance does not come by: lengths and dates that must be right, in the layouts that stand above the decoders.
CLOCK = records.volume(9_000) + records.date_time(datetime(2026, 11, 20, 12))  # noqa: DTZ001  a meter's clock
QUNDIS = "0DFF5F35 0082 00 00 00 0000 07 00 13 FFFF 91190000 DF3C 91170000 DE31 91170000" + 12 * "0200" + "2F"
SHAPES = tuple(
    (coding, bytes.fromhex(shape))
    for coding, shape in (
        ("brunata_radio_240", "2F2F" + 35 * "00" + "150626"),
        ("qundis_walk_by", QUNDIS),
        ("bmp_hydroclima", "0F10" + 23 * "01"),
        ("bmp_hydroclima", "0F11" + 46 * "01"),
        ("bmeters_hydrodigit", CLOCK.hex() + "0F97 03 20260101 260101 05000000" + 12 * "010000"),
        ("bmeters_hydrodigit_17", CLOCK.hex() + "0F9F 03 05000000 010126 010126 010126" + 12 * "010000" + "00"),
        ("apator_na_1", "2F 00340000 80A4B132 2102 0100 00 00 0880 00"),
    )
)
MODELS = models()
MODEL_LIST: tuple[Model | None, ...] = (None, *dict.fromkeys(meters.read(name)[1] for name in meters.files()))
CODINGS = {model.coding: model for model in MODEL_LIST if model and model.coding}
MAKERS = maker_codings()
TELEGRAMS = (
    radio.telegram(WATER, VALUES[0], 42, key=KEY, radio=MODULE),
    radio.telegram_mode_7(WATER, VALUES[1], 42, key=KEY, counter=17),
    radio.telegram_mode_10(WATER, VALUES[2], 42, key=KEY, counter=17, radio=MODULE),
    radio.telegram_ell(WATER, b"\x78" + VALUES[0], 42, session=4711, key=KEY),
    *radio.fragments(WATER, VALUES[0] + VALUES[1], 42, key=KEY, counter=17, size=32),
    full_and_compact(0, VALUES[0]),
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
HOUSEHOLD = dutch.Household(
    number="E0099000000000042", at=AT, import_wh=(1, 2), sub_meters=(dutch.SubMeter("G0099000000000042", 3, AT),)
)
DUTCH = tuple(says(HOUSEHOLD) for says in (dutch.v5, dutch.belgian, dutch.v2))
GERMAN_MESSAGES = german.messages(german.server("REL", 42), [german.Entry("1.8.0", german.WH, -1, 12_345).encoded()])
GERMAN = (german.household(german.server("REL", 42), 1, 2, -3), german.file(GERMAN_MESSAGES, kermit=True))
STICKS: dict[str, tuple[Callable[[bytes, int], bytes], tuple[bytes, ...]]] = {
    "im871a": (lambda data, how: im871a.heard(data, -70), tuple(im871a.answers(bytes.fromhex("A5010F00A5010500")))),
    "iu891a": (lambda data, how: iu891a.heard(data, -70), tuple(iu891a.answers(RECEIVERS["iu891a"].start))),
    "amb8465": (
        lambda data, how: amb8465.heard(data, -70 if how & 1 else None, commands=not how & 2),
        tuple(amb8465.answers(RECEIVERS["amb8465"].start)),
    ),
    "rc1180": (
        lambda data, how: rc1180.heard(data, -70 if how & 1 else None),
        tuple(rc1180.answers(RECEIVERS["rc1180"].start + b"0")),
    ),
    "cul": (lambda data, how: cul.heard(data, -70, b=how & 1 == 1), tuple(cul.answers(b"V\r\nbrc\r\nX21\r\n"))),
    "hexlines": (hex_line, (b"any text\n",)),
    "rtl_433": (rtl_433_line, (b"time,codes,model,data\n", b'{"model": "Other"}\n')),
    "text": (lambda data, how: rtl_433_line(data, how) if how & 1 else hex_line(data, how), (b"any text\n",)),
}
FRAMERS: dict[str, Callable[[], Dongle]] = {name: each.framer for name, each in RECEIVERS.items()}
FRAMERS["text"] = text.Framer
# More than is held of one line or frame.
LONGEST = {"iu891a": 600, "cul": 700, "hexlines": 2100, "rtl_433": 8200, "text": 8200}
# The others' telegrams have no checksum to be found by.
CHECKED = ("im871a", "iu891a", "cul", "hexlines", "rtl_433", "text")
CIS = tuple(bytes((ci,)) + bytes(4) for ci in (*sorted(layers.CI_HEADERS), 0x70, 0x71, 0xA0, 0xA1, 0xA2, 0xB6))
SEALED = seeds(*(b"\x2a" + each for each in (*VALUES, *HEADS, *CIS)), hows=tuple(range(14)))
UPDATE_KEY = bytes(range(32)).hex()
UPDATE_PUBLIC = update_maker.public(UPDATE_KEY)
UPDATE = (
    b'{"product":"releve","kind":"app","version":"0.2.0","made":"2026-11-27T10:00:00Z","arch":"amd64","python":"3.13",'
    b'"base":"0.1.0","schemas":{"series":1},"parts":[{"name":"app","bytes":3,"sha256":"%s"}]}'
    % hashlib.sha256(b"app").hexdigest().encode()
)
AS_SENT = tuple(b"\0" + each for each in TELEGRAMS)

TARGETS = {
    "update": Target(
        (b"\1" + UPDATE, b"\3app", b"\3", b"\0" + signed_update(1, b"app"), b"\0releve-update 1\n"),
        signed_update,
        run_update,
        bytes_max=600,
        share=1,
    ),
    "records": Target(
        seeds(*(b"\0" + each for each in VALUES)), lambda how, said: bytes((how,)) + said, run_records, share=5
    ),
    "layers": Target(SEALED + AS_SENT, sealed, run_layers, share=4),
    "telegram": Target(SEALED + AS_SENT, sealed, run_telegram, opened_by_its_key_alone, share=6),
    "explain": Target(SEALED + AS_SENT, sealed, run_explained),
    "messages": Target(
        seeds(*VALUES, VALUES[0] + VALUES[1], hows=tuple(range(8))) + AS_SENT,
        in_fragments,
        run_messages,
        put_together_or_not_read,
        bytes_max=500,
    ),
    "compact": Target(seeds(*VALUES) + AS_SENT, full_and_compact, run_compact, compact_as_full, bytes_max=500),
    "meters": Target(
        seeds(*(bytes((n,)) * 8 + VALUES[n % 5] for n in range(0, 250, 7)), hows=(0, 1)), of_any_model, run_model
    ),
    "chips": Target(seeds(*TELEGRAMS[:3], hows=(0, 1, 2, 3)), captured, run_chips, heard_as_sent, bytes_max=500),
    "diehl": Target(
        seeds(b"\x0b\xa1\x01\xf8" + bytes.fromhex("4B 10270000 E8030000 1F3A"), *VALUES, hows=tuple(range(32))),
        prios,
        run_telegram,
    ),
    **{
        name: Target(
            maker_seeds(name),
            maker_payload(name),
            run_maker(name),
            share=5,
        )
        for name in MAKERS
    },
    "mbus": Target(
        seeds(*(each[6:-2] for each in WIRED), *VALUES, *CIS, hows=(0, 1)) + tuple(b"\0" + each for each in WIRED),
        wired_frame,
        run_wired,
    ),
    "things": Target(
        tuple(bytes((how << 1 | 1,)) + said for how, said in THINGS), thing_message, run_things, bytes_max=900
    ),
    "tic": Target(seeds(*CUSTOMER), customer_frame, run_customer, bytes_max=1500),
    "p1": Target(seeds(*DUTCH), dutch_telegram, run_port(p1.Framer, p1.decode), bytes_max=1500),
    "sml": Target(
        seeds(GERMAN_MESSAGES) + tuple(b"\0" + each for each in GERMAN),
        german_file,
        run_port(sml.Framer, sml.decode),
        bytes_max=600,
    ),
    **{
        name: Target(
            seeds(*TELEGRAMS, hows=tuple(range(8))) + tuple(b"\0" + written(name)(1, each) for each in TELEGRAMS),
            written(name),
            run_stream(FRAMERS[name]),
            heard_again(name) if name in CHECKED else lambda how, said: None,
            bytes_max=400,
        )
        for name in FRAMERS
    },
}
