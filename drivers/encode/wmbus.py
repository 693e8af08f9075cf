"""Wireless M-Bus telegrams, for the demo and the tests: headers, security, fragments, formats A and B."""

from collections.abc import Sequence

from drivers.model import Address
from drivers.wmbus.layers import COUNTER_IN_HEADER, EXTENSION_KEY_VERSION, Afl
from drivers.wmbus.link import BLOCK_BYTES as LINK_BLOCK_BYTES
from drivers.wmbus.link import HEADER_BYTES, PART_BYTES_MAX, Identity, crc, crc_bytes
from drivers.wmbus.security import (
    ALL_BYTES,
    BLOCK_BYTES,
    CHECK,
    DES_BYTES,
    KDF_A,
    aes_cbc_iv,
    aes_cmac,
    aes_ctr,
    ccm_nonce,
    derived_key,
    mac_input,
    tag_bytes,
)

C_SEND = 0x44
MODE_2, MODE_5, MODE_7, MODE_10 = 2, 5, 7, 10
MAC_BYTES = 8
MAC_ONLY = b"\x05"  # a code of type 5 is in the message
MAC_CONTROL = b"\x25"  # counter and code are in the message; code of type 5: 8 bytes of AES-CMAC
TAG_8_KDF_A = 0x0110  # extension of mode 10: a tag of 8 bytes, key derivation A
AFL_MORE, AFL_CONTROL, AFL_LENGTH, AFL_COUNTER, AFL_MAC = 0x4000, 0x2000, 0x1000, 0x0800, 0x0400


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


def telegram_mode_2(address: Address, records: bytes, access_number: int, *, key: bytes) -> bytes:
    """A telegram of the years before AES: DES-CBC from a zero vector, the encrypted bytes counted one by one."""
    from cryptography.hazmat.decrepit.ciphers.algorithms import TripleDES
    from cryptography.hazmat.primitives.ciphers import Cipher, modes

    plain = _padded(records, DES_BYTES)
    encryptor = Cipher(TripleDES(key * 3), modes.CBC(bytes(DES_BYTES))).encryptor()
    header = _header(identity(address), access_number, 0, MODE_2 << 8 | len(plain), long=False)
    return _linked(address, header + encryptor.update(plain))


def telegram_mode_7(
    address: Address, records: bytes, access_number: int, *, key: bytes, counter: int, status: int = 0
) -> bytes:
    """A telegram with AFL, message counter and an 8-byte code (OMS security profile B)."""
    message, mac, sent_counter = _mode_7(address, records, access_number, key, counter, status, b"")
    fields = _afl(AFL_CONTROL | AFL_COUNTER | AFL_MAC, MAC_CONTROL + sent_counter + mac)
    return _linked(address, b"\x8c\x20" + bytes((access_number,)) + fields + message)


def telegram_mode_7_counted(
    address: Address, records: bytes, access_number: int, *, key: bytes, counter: int, key_version: int, coded: bool
) -> bytes:
    """A telegram with the message counter and the key's version in its transport header; `coded`: with an AFL and code."""
    meter, plain = identity(address), _padded(records)
    sent_counter = counter.to_bytes(4, "little")
    configuration = COUNTER_IN_HEADER | MODE_7 << 8 | len(plain) // BLOCK_BYTES << 4
    content = _aes_cbc(derived_key(key, 0, sent_counter, meter), bytes(BLOCK_BYTES), plain)
    header = _header(meter, access_number, 0, configuration, long=False)
    extension = bytes((EXTENSION_KEY_VERSION | KDF_A << 4,))
    message = header + extension + sent_counter + bytes((key_version,)) + content
    if not coded:
        return _linked(address, message)
    afl = Afl(fragment=0, more=False, control=MAC_ONLY, counter=b"", mac=b"", length=b"")
    mac = aes_cmac(derived_key(key, 1, sent_counter, meter), mac_input(afl, message))[:MAC_BYTES]
    return _linked(address, _afl(AFL_CONTROL | AFL_MAC, MAC_ONLY + mac) + message)


def fragments(
    address: Address, records: bytes, access_number: int, *, key: bytes, counter: int, size: int
) -> tuple[bytes, ...]:
    """A mode 7 message in pieces of `size` bytes, one telegram each: its length and counter first, its code last."""
    length = _mode_7_bytes(records).to_bytes(2, "little")
    message, mac, sent_counter = _mode_7(address, records, access_number, key, counter, 0, length)
    pieces = [message[at : at + size] for at in range(0, len(message), size)]
    sent = []
    for number, piece in enumerate(pieces, 1):
        flags, fields = number, b""
        if number == 1:
            flags, fields = flags | AFL_CONTROL | AFL_COUNTER | AFL_LENGTH, MAC_CONTROL + sent_counter + length
        if number == len(pieces):
            # the fields' order is the standard's: control, counter, code, length
            flags, fields = flags | AFL_MAC, fields[:5] + mac + fields[5:]
        else:
            flags |= AFL_MORE
        ell = b"\x8c\x20" + bytes((access_number + number - 1 & 0xFF,))
        sent.append(_linked(address, ell + _afl(flags, fields) + piece))
    return tuple(sent)


def telegram_mode_10(
    address: Address, records: bytes, access_number: int, *, key: bytes, counter: int, radio: Address | None = None
) -> bytes:
    """A telegram of OMS security profile D: AES-CCM, the message counter in the header, the tag behind the records."""
    from cryptography.hazmat.primitives.ciphers.aead import AESCCM

    meter = identity(address)
    sent_counter = counter.to_bytes(4, "little")
    configuration = COUNTER_IN_HEADER | MODE_10 << 8 | ALL_BYTES
    header = _header(meter, access_number, 0, configuration, radio is not None) + TAG_8_KDF_A.to_bytes(2, "little")
    cipher = AESCCM(derived_key(key, 0, sent_counter, meter), tag_length=tag_bytes(TAG_8_KDF_A))
    content = cipher.encrypt(ccm_nonce(meter, sent_counter), records, header)
    return _linked(radio or address, b"\x8c\x20" + bytes((access_number,)) + header + sent_counter + content)


def telegram_ell(
    address: Address, inner: bytes, access_number: int, *, session: int, key: bytes | None = None
) -> bytes:
    """A telegram with a session number in its extended link layer; `inner` starts with a CI field (78, 79)."""
    mode = 1 if key is not None else 0
    sent_session = (session & 0x1FFFFFFF | mode << 29).to_bytes(4, "little")
    payload = crc(inner).to_bytes(2, "little") + inner
    if key is not None:
        start = identity(address).link_order + b"\x20" + sent_session + bytes(3)
        payload = aes_ctr(key, start, payload)
    return _linked(address, b"\x8d\x20" + bytes((access_number,)) + sent_session + payload)


def compact(address: Address, records: Sequence[tuple[bytes, bytes]]) -> bytes:
    """A compact frame (EN 13757-3): of each record, given as its DIF and VIF and its data, only the data is sent."""
    signature = crc(b"".join(head for head, _ in records)).to_bytes(2, "little")
    check = crc(b"".join(head + data for head, data in records)).to_bytes(2, "little")
    return _linked(address, b"\x79" + signature + check + b"".join(data for _, data in records))


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


def _mode_7(
    address: Address, records: bytes, access_number: int, key: bytes, counter: int, status: int, length: bytes
) -> tuple[bytes, bytes, bytes]:
    """The message from its TPL on, its code, and the counter as sent."""
    meter = identity(address)
    sent_counter = counter.to_bytes(4, "little")
    plain = _padded(records)
    configuration = MODE_7 << 8 | len(plain) // BLOCK_BYTES << 4
    content = _aes_cbc(derived_key(key, 0, sent_counter, meter), bytes(BLOCK_BYTES), plain)
    message = _header(meter, access_number, status, configuration, long=False) + b"\x10" + content
    afl = Afl(fragment=0, more=False, control=MAC_CONTROL, counter=sent_counter, mac=b"", length=length)
    mac = aes_cmac(derived_key(key, 1, sent_counter, meter), mac_input(afl, message))[:MAC_BYTES]
    return message, mac, sent_counter


def _mode_7_bytes(records: bytes) -> int:
    return 6 + len(_padded(records))  # CI, access number, status, configuration and its extension before the content


def _afl(flags: int, fields: bytes) -> bytes:
    return bytes((0x90, 2 + len(fields))) + flags.to_bytes(2, "little") + fields


def _padded(records: bytes, block_bytes: int = BLOCK_BYTES) -> bytes:
    """Two check bytes before, idle fillers behind, to whole blocks."""
    plain = CHECK + records
    plain += b"\x2f" * (-len(plain) % block_bytes)
    assert len(plain) <= 15 * BLOCK_BYTES, len(plain)
    return plain


def _aes_cbc(key: bytes, iv: bytes, data: bytes) -> bytes:
    from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

    encryptor = Cipher(algorithms.AES(key), modes.CBC(iv)).encryptor()
    return encryptor.update(data) + encryptor.finalize()
