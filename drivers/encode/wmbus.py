"""Wireless M-Bus telegrams, for the demo and the tests: headers, modes 5 and 7, ELL counter mode, formats A and B."""

from drivers.model import Address
from drivers.wmbus.layers import Afl
from drivers.wmbus.link import BLOCK_BYTES as LINK_BLOCK_BYTES
from drivers.wmbus.link import HEADER_BYTES, PART_BYTES_MAX, Identity, crc, crc_bytes
from drivers.wmbus.security import BLOCK_BYTES, CHECK, aes_cbc_iv, aes_cmac, derived_key, mac_input

C_SEND = 0x44
MODE_5, MODE_7 = 5, 7
MAC_BYTES = 8


def identity(address: Address) -> Identity:
    """The wire's form of a meter's address."""
    assert address.version is not None, address
    assert address.device_type is not None, address
    code = 0
    for letter in address.manufacturer:
        code = code << 5 | ord(letter) - 64
    return Identity(code.to_bytes(2, "little"), bytes.fromhex(address.id)[::-1], address.version, address.device_type)


def telegram(
    address: Address,
    records: bytes,
    access_number: int,
    *,
    status: int = 0,
    key: bytes | None = None,
    radio: Address | None = None,
) -> bytes:
    """A telegram without CRCs: short header, or long header behind the address of a `radio` module; mode 5 with a key."""
    meter = identity(address)
    content, configuration = records, 0
    if key is not None:
        plain = _padded(records)
        content = _aes_cbc(key, aes_cbc_iv(meter, access_number), plain)
        configuration = MODE_5 << 8 | len(plain) // BLOCK_BYTES << 4
    return _linked(radio or address, _header(meter, access_number, status, configuration, radio is not None) + content)


def telegram_mode_7(
    address: Address, records: bytes, access_number: int, *, key: bytes, counter: int, status: int = 0
) -> bytes:
    """A telegram with AFL, message counter and an 8-byte code (OMS security profile B)."""
    meter = identity(address)
    sent_counter = counter.to_bytes(4, "little")
    plain = _padded(records)
    configuration = MODE_7 << 8 | len(plain) // BLOCK_BYTES << 4
    content = _aes_cbc(derived_key(key, 0, sent_counter, meter), bytes(BLOCK_BYTES), plain)
    signed = _header(meter, access_number, status, configuration, long=False) + b"\x10" + content
    control = b"\x25"  # counter and code are in the message; code of type 5: 8 bytes of AES-CMAC
    afl = Afl(fragmented=False, control=control, counter=sent_counter, mac=b"", length=b"")
    mac = aes_cmac(derived_key(key, 1, sent_counter, meter), mac_input(afl, signed))[:MAC_BYTES]
    fields = b"\x00\x2c" + control + sent_counter + mac
    return _linked(address, b"\x8c\x20" + bytes((access_number, 0x90, len(fields))) + fields + signed)


def telegram_ell(
    address: Address, inner: bytes, access_number: int, *, session: int, key: bytes | None = None
) -> bytes:
    """A telegram with a session number in its extended link layer; `inner` starts with a CI field (78, 79)."""
    mode = 1 if key is not None else 0
    sent_session = (session & 0x1FFFFFFF | mode << 29).to_bytes(4, "little")
    payload = crc(inner).to_bytes(2, "little") + inner
    if key is not None:
        start = identity(address).link_order + b"\x20" + sent_session + bytes(3)
        payload = _aes_ctr(key, start, payload)
    return _linked(address, b"\x8d\x20" + bytes((access_number,)) + sent_session + payload)


def format_a(telegram: bytes) -> bytes:
    """With the CRCs of frame format A (modes S and T)."""
    framed = telegram[:HEADER_BYTES] + crc_bytes(telegram[:HEADER_BYTES])
    for at in range(HEADER_BYTES, len(telegram), LINK_BLOCK_BYTES):
        block = telegram[at : at + LINK_BLOCK_BYTES]
        framed += block + crc_bytes(block)
    return framed


def format_b(telegram: bytes) -> bytes:
    """With the CRCs of frame format B (mode C); L counts them."""
    crcs = 4 if len(telegram) > PART_BYTES_MAX else 2
    counted = bytes((len(telegram) - 1 + crcs,)) + telegram[1:]
    parts = [counted[:PART_BYTES_MAX], counted[PART_BYTES_MAX:]]
    return b"".join(part + crc_bytes(part) for part in parts if part)


def _linked(address: Address, body: bytes) -> bytes:
    data = bytes((C_SEND,)) + identity(address).link_order + body
    assert len(data) <= 255, len(data)
    return bytes((len(data),)) + data


def _header(meter: Identity, access_number: int, status: int, configuration: int, long: bool) -> bytes:
    tail = bytes((access_number, status)) + configuration.to_bytes(2, "little")
    if not long:
        return b"\x7a" + tail
    return b"\x72" + meter.id + meter.manufacturer + bytes((meter.version, meter.device_type)) + tail


def _padded(records: bytes) -> bytes:
    """Two check bytes before, idle fillers behind, to whole blocks."""
    plain = CHECK + records
    plain += b"\x2f" * (-len(plain) % BLOCK_BYTES)
    assert len(plain) <= 15 * BLOCK_BYTES, len(plain)
    return plain


def _aes_cbc(key: bytes, iv: bytes, data: bytes) -> bytes:
    from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

    encryptor = Cipher(algorithms.AES(key), modes.CBC(iv)).encryptor()
    return encryptor.update(data) + encryptor.finalize()


def _aes_ctr(key: bytes, start: bytes, data: bytes) -> bytes:
    from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

    encryptor = Cipher(algorithms.AES(key), modes.CTR(start)).encryptor()
    return encryptor.update(data) + encryptor.finalize()
