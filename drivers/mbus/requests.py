"""What a master says on a wired bus (EN 13757-2, EN 13757-3)."""

from drivers.mbus.framing import LONG, SHORT, STOP
from drivers.model import Address

SND_NKE = 0x40
SND_UD = 0x53
REQ_UD2 = 0x5B
FRAME_COUNT_BIT = 0x20

PRIMARY_MAX = 250
ADDRESS_SELECTED = 0xFD  # whoever was selected by its secondary address
ADDRESS_ALL = 0xFF  # everybody, and nobody answers

CI_SELECT = 0x52
LONG_BYTES_MAX = 255  # from C up to the checksum
ID_DIGITS = 8
ANY_BYTES = b"\xff\xff\xff\xff"  # manufacturer, version and device type of a selection that leaves them open


def short(c: int, address: int) -> bytes:
    return bytes((SHORT, c, address, c + address & 0xFF, STOP))


def long(c: int, address: int, ci: int, data: bytes = b"") -> bytes:
    """A long frame; without data it is a control frame."""
    counted = bytes((c, address, ci)) + data
    assert len(counted) <= LONG_BYTES_MAX, len(counted)
    return bytes((LONG, len(counted), len(counted), LONG)) + counted + bytes((sum(counted) & 0xFF, STOP))


def reset(address: int) -> bytes:
    """SND_NKE: the meter acknowledges and expects the frame count bit set next; at FD, nobody is selected any more."""
    return short(SND_NKE, address)


def request(address: int, count: bool = True) -> bytes:
    """REQ_UD2: the meter's data. `count` toggles for the next telegram; the same again repeats the last one."""
    return short(REQ_UD2 | (FRAME_COUNT_BIT if count else 0), address)


def select(mask: bytes) -> bytes:
    """Select by secondary address: identification, manufacturer, version, device type; F nibbles and FF bytes stand for any."""
    assert len(mask) == 8, mask
    return long(SND_UD, ADDRESS_SELECTED, CI_SELECT, mask)


def mask(address: Address) -> bytes:
    """The eight bytes that select one meter. The fixed data structure (CI 73) tells no more than the digits."""
    digits = digits_mask(address.id)
    if address.version is None or address.device_type is None:
        return digits
    return digits[:4] + maker_bytes(address.manufacturer) + bytes((address.version, address.device_type))


def digits_mask(digits: str) -> bytes:
    """Select by the eight digits alone; F stands for any."""
    assert len(digits) == ID_DIGITS, digits
    return bytes.fromhex(digits)[::-1] + ANY_BYTES


def open_maker(mask: bytes) -> bytes:
    """The same selection for any manufacturer."""
    return mask[:4] + b"\xff\xff" + mask[6:]


def maker_bytes(manufacturer: str) -> bytes:
    """Three letters of five bits, or the four hex digits that stand where they are no letters."""
    if len(manufacturer) == 4:
        return bytes.fromhex(manufacturer)[::-1]
    code = 0
    for letter in manufacturer:
        code = code << 5 | ord(letter) - 64
    return code.to_bytes(2, "little")
