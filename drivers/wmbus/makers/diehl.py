"""Diehl, Sappel and Hydrometer: PRIOS (IZAR) and "real data", both under a shift-register cipher with known keys."""

from collections.abc import Iterable, Iterator
from dataclasses import replace
from decimal import Decimal

from drivers.model import DecodeError, Quantity, Reading, State
from drivers.phrase import phrase
from drivers.wmbus import records
from drivers.wmbus.layers import CI_SHORT, Layers, Tpl
from drivers.wmbus.link import Identity, letters
from drivers.wmbus.makers.parts import Heard, Layout, Part, Said, day, little, volume
from drivers.wmbus.security import Opened, Shut
from drivers.wmbus.values import date_g

MAKERS = frozenset({"DME", "EWT", "HYD", "SAP", "SPL"})
CI_PRIOS = range(0xA0, 0xA8)
CI_PRIOS_ADDRESS = (*CI_PRIOS, 0xB1, 0xB2, 0xB3)
CI_REAL_DATA = 0x71
MODE_REAL_DATA = 16  # bit 12 of the configuration field: real data in a short header
KEY_BYTES = 8
DEFAULT_KEYS = (bytes.fromhex("39BC8A10E66D83F8"), bytes.fromhex("51728910E66D83F8"))  # public, of every such meter

HALF_YEAR_S = 15_778_800
PRIOS_CHECK = 0x4B
LITRES_MAX = 10**9  # more is a wrong key: the check byte alone lets one of 256 pass
LITRES_A_MONTH_MAX = 10**8
NO_DATE = (b"\x00\x00", b"\xff\xff")
HEADER_BYTES = 5  # CI and four bytes in clear, before what is encrypted
GENERAL_ALARM = 0x80

# The three clear bytes of PRIOS behind the CI field, as one number, least significant byte first.
ALARMS = {
    0x008000: "leak",
    0x004000: "leak (earlier)",
    0x002000: "blocked",
    0x800000: "backflow",
    0x400000: "under flow",
    0x200000: "over flow",
    0x100000: "submerged",
    0x080000: "tamper (sensor)",
    0x040000: "tamper (sensor, earlier)",
    0x020000: "tamper (mechanical)",
    0x010000: "tamper (mechanical, earlier)",
}


def headed(layers: Layers) -> Layers:
    """The layers; real data behind CI 71 has the fields of a short header."""
    sent = layers.payload
    if layers.foreign_ci != CI_REAL_DATA or letters(layers.identity.manufacturer) not in MAKERS or len(sent) < 4:
        return layers
    tpl = Tpl(CI_REAL_DATA, None, sent[0], sent[1], int.from_bytes(sent[2:4], "little"))
    return replace(layers, tpl=tpl, foreign_ci=None, payload=sent[4:])


def speaks(layers: Layers) -> bool:
    """Whether the payload is in one of the two codings here."""
    if not (layers.foreign_ci in CI_PRIOS or _real_data(layers)) or layers.ell or layers.afl:
        return False
    return letters(layers.identity.manufacturer) in MAKERS


def identity(layers: Layers) -> Identity | None:
    """Whose reading it is where the address stands in the order of these codings; None elsewhere."""
    # MM MM VV TT ID ID ID ID     in place of M M ID ID ID ID V T
    # MM MM ID ID ID ID .. ..     Sappel's PRIOS: no version and no type, the last bytes are letters of the serial number
    if not (layers.foreign_ci in CI_PRIOS_ADDRESS or _real_data(layers)):
        return None
    sent = layers.identity
    maker = letters(sent.manufacturer)
    if maker not in MAKERS:
        return None
    if maker == "SAP" and layers.foreign_ci in CI_PRIOS:
        return replace(sent, version=0x00, device_type=0x07)
    order = sent.link_order
    return Identity(sent.manufacturer, order[4:8], order[2], order[3])


def payload(heard: Heard, layers: Layers) -> Said | Opened | Shut:
    """PRIOS as readings, real data as the records in it."""
    name = "PRIOS" if layers.foreign_ci in CI_PRIOS else "real data"
    if len(heard.body) <= HEADER_BYTES:
        return Shut(State.INVALID, f"{name}: more than {HEADER_BYTES} bytes are needed, not {len(heard.body)}")
    found = _prios(heard) if name == "PRIOS" else _open_real_data(heard, _keys(heard))
    if found is not None:
        return found
    if heard.key is not None:
        return Shut(State.WRONG_KEY, f"{name}: the key does not open it")
    return Shut(State.KEY_MISSING, f"{name}: the maker's known keys do not open it")


def keystream(key: bytes, heard: Heard, size: int) -> bytes:
    """Low bytes of a register of 32 bits, seeded with the key and the first 12 bytes behind C, shifted 8 times a byte."""
    start = heard.identity.link_order + heard.body[:4]
    register = int.from_bytes(key[:4], "big") ^ int.from_bytes(key[4:], "big")
    for at in (0, 4, 8):
        register ^= int.from_bytes(start[at : at + 4], "big")
    stream = bytearray()
    for _ in range(size):
        for _ in range(8):
            bit = (register >> 1 ^ register >> 2 ^ register >> 11 ^ register >> 31) & 1
            register = (register << 1 | bit) & 0xFFFFFFFF
        stream.append(register & 0xFF)
    return bytes(stream)


def cipher(key: bytes, heard: Heard) -> bytes:
    """What lies behind the four clear bytes, turned from cipher to plain or back."""
    data = heard.body[HEADER_BYTES:]
    return bytes(a ^ b for a, b in zip(data, keystream(key, heard, len(data)), strict=True))


def _real_data(layers: Layers) -> bool:
    tpl = layers.tpl
    return tpl is not None and (tpl.ci == CI_REAL_DATA or (tpl.ci in CI_SHORT and tpl.mode >= MODE_REAL_DATA))


# behind the CI field
PRIOS_CLEAR = Layout(
    "PP BB FF ..",
    {
        "P": phrase("sending period 2^(n+2) s in its low half; general alarm in its highest bit"),
        "B": phrase("battery left, in half years, in its low 5 bits; alarms in the others"),
        "F": phrase("alarms"),
    },
)
# the short form ends with V
PRIOS_PLAIN = Layout(
    "4B VV VV VV VV MM MM MM MM DD DD",
    {
        "4B": phrase("check byte: the key fits"),
        "V": phrase("volume in litres"),
        "M": phrase("volume at the month's end, in litres"),
        "D": phrase("date of the month's end"),
    },
)


def prios_parts(heard: Heard) -> Iterator[Part]:
    yield from PRIOS_CLEAR(heard.body[1:HEADER_BYTES])
    yield from PRIOS_PLAIN(_prios_plain(heard) or b"", opened=True)


def _keys(heard: Heard) -> tuple[bytes, ...]:
    if heard.key is None:
        return DEFAULT_KEYS
    return (heard.key,) if len(heard.key) == KEY_BYTES else ()


def _prios(heard: Heard) -> Said | None:
    plain = _prios_plain(heard)
    return None if plain is None else _prios_said(heard, plain)


def _prios_plain(heard: Heard) -> bytes | None:
    for key in _keys(heard):
        plain = cipher(key, heard)
        if plain[0] == PRIOS_CHECK and len(plain) >= 5 and _plausible(plain):
            return plain
    return None


def _plausible(plain: bytes) -> bool:
    total = little(plain, 1, 4)
    if len(plain) < 11:
        return total <= LITRES_MAX
    dated = plain[9:11] in NO_DATE or date_g(plain[9:11]) is not None
    return dated and total <= LITRES_MAX and abs(total - little(plain, 5, 4)) <= LITRES_A_MONTH_MAX


def _prios_said(heard: Heard, plain: bytes) -> Said:
    clear = heard.body
    readings = [volume(little(plain, 1, 4), main=True)]
    if len(plain) >= 11:
        readings += [volume(little(plain, 5, 4), 1), *day(date_g(plain[9:11]), 1)]
    period = Decimal(1 << (clear[1] & 0x0F) + 2)
    battery = Decimal((clear[2] & 0x1F) * HALF_YEAR_S)
    readings += [
        Reading("battery_life_remaining", Quantity.DURATION, battery),
        Reading("transmission_period", Quantity.DURATION, period),
    ]
    if letters(heard.identity.manufacturer) == "SAP":
        readings.append(Reading("fabrication_number", Quantity.TEXT, _serial(heard.identity)))
    flags = little(clear, 1, 3)
    status = [code for mask, code in ALARMS.items() if flags & mask]
    if flags & GENERAL_ALARM and not status:
        status.append("alarm")
    return Said(tuple(readings), tuple(status), encrypted=True)


def _serial(sent: Identity) -> str:
    """What is printed on a Sappel meter: supplier, year, type and diameter as letters and digits, then the number."""
    # ID as u32: ......YY YYYYYYSS SSSS... is decimal, yyssssss in its low 26 bits
    word = little(sent.id, 0, 4)
    digits = f"{word & 0x03FFFFFF:08d}"
    supplier = (sent.device_type & 0x0F) << 1 | sent.version >> 7
    kind = sent.version >> 2 & 0x1F
    diameter = (sent.version & 3) << 3 | sent.id[3] >> 5
    a, b, c = (chr(64 + code) if 1 <= code <= 26 else "?" for code in (supplier, kind, diameter))
    return f"{a}{digits[:2]}{b}{c}{digits[2:]}"


def _open_real_data(heard: Heard, keys: Iterable[bytes]) -> Opened | None:
    """The records. Seven bits of a sum are the only check, so what they vouch for must also be whole records."""
    # CI AN SS CF KK | records     K: sum of all plain bytes, its bit 4 is the mark of this coding
    sent = heard.body[HEADER_BYTES:]
    for encrypted, plain in [(False, sent), *((True, cipher(key, heard)) for key in keys)]:
        if (sum(plain) ^ heard.body[HEADER_BYTES - 1]) & 0xEF == 0 and _whole(plain):
            return Opened(plain, encrypted, sure=False)
    return None


def _whole(plain: bytes) -> bool:
    try:
        read = records.decode(plain)
    except DecodeError:
        return False
    return bool(read.readings) and not read.faults
