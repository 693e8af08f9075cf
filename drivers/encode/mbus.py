"""Builds wired M-Bus frames: a master's requests and a meter's answers (EN 13757-2, EN 13757-3)."""

ACKNOWLEDGEMENT = b"\xe5"

SND_NKE = 0x40
SND_UD = 0x53
REQ_UD2 = 0x5B
FRAME_COUNT_BIT = 0x20
RSP_UD = 0x08

ADDRESS_SELECTED = 0xFD  # whoever was selected by its secondary address
CI_SELECT = 0x52
CI_LONG_HEADER = 0x72

LONG_BYTES_MAX = 255  # from C up to the checksum


def short(c: int, address: int) -> bytes:
    return bytes((0x10, c, address, c + address & 0xFF, 0x16))


def long(c: int, address: int, ci: int, data: bytes = b"") -> bytes:
    """A long frame; without data it is a control frame."""
    counted = bytes((c, address, ci)) + data
    assert len(counted) <= LONG_BYTES_MAX, len(counted)
    return bytes((0x68, len(counted), len(counted), 0x68)) + counted + bytes((sum(counted) & 0xFF, 0x16))


def reset(address: int) -> bytes:
    """SND_NKE: the meter acknowledges and expects the frame count bit set next."""
    return short(SND_NKE, address)


def request(address: int, count: bool = True) -> bytes:
    """REQ_UD2: the meter's data. `count` toggles for the next telegram; the same again repeats the last one."""
    return short(REQ_UD2 | (FRAME_COUNT_BIT if count else 0), address)


def select(identity: bytes) -> bytes:
    """Select by secondary address: identification, manufacturer, version, medium; F nibbles and FF bytes are wildcards."""
    assert len(identity) == 8, identity
    return long(SND_UD, ADDRESS_SELECTED, CI_SELECT, identity)


def identity(id_: str, manufacturer: str, version: int, device_type: int) -> bytes:
    """The eight bytes of a meter's secondary address."""
    code = 0
    for letter in manufacturer:
        code = code << 5 | ord(letter) - 64
    return bytes.fromhex(id_)[::-1] + code.to_bytes(2, "little") + bytes((version, device_type))


def answer(identity: bytes, records: bytes, access_number: int = 0, status: int = 0, address: int = 1) -> bytes:
    """RSP_UD with the long header, not encrypted."""
    header = identity + bytes((access_number, status)) + bytes(2)
    return long(RSP_UD, address, CI_LONG_HEADER, header + records)
