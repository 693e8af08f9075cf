"""Security of wireless M-Bus: in clear, modes 5 and 7 (EN 13757-7), counter mode of the extended link layer (EN 13757-4).

`cryptography` is imported where it is used: a house without encrypted radio meters never loads it.
"""

import hmac
from dataclasses import dataclass

from drivers.model import State
from drivers.wmbus.layers import Afl, Layers, Tpl
from drivers.wmbus.link import Identity, crc

KEY_BYTES = 16
BLOCK_BYTES = 16
CHECK = b"\x2f\x2f"  # two idle fillers: the first plain bytes of modes 5 and 7
MAC_BYTES = {3: 2, 4: 4, 5: 8, 6: 12, 7: 16}  # by the message control field's low half


@dataclass(frozen=True, slots=True)
class Opened:
    """Plain content. `sure` is False where only 16 bits vouch for it: chance alone opens one telegram in 65536.

    The last `rest_bytes` came in clear behind the encrypted blocks.
    """

    content: bytes
    encrypted: bool = False
    sure: bool = True
    rest_bytes: int = 0


@dataclass(frozen=True, slots=True)
class Shut:
    state: State
    error: str


def open_link(layers: Layers, key: bytes | None) -> Opened | Shut:
    """What the extended link layer carries, from its next CI field on.

    Some meters announce encryption and send in clear; the CRC tells, and the content must then be whole.
    """
    ell = layers.ell
    assert ell is not None
    if ell.encryption == 0:
        plain = _crc_checked(layers.payload)
        return Shut(State.INVALID, "extended link layer: CRC does not agree") if plain is None else Opened(plain)
    if ell.encryption != 1:
        return Shut(State.UNSUPPORTED, f"extended link layer: encryption {ell.encryption}")
    if key is not None and len(key) == KEY_BYTES:
        # MM MM ID ID ID ID VV TT CC SN SN SN SN 00 00 00     counter block, counted up from its last byte
        cc = ell.cc & ~0x12  # repeaters change hop and relay bits on the way
        start = layers.identity.link_order + bytes((cc,)) + ell.session + bytes(3)
        plain = _crc_checked(_aes_ctr(key, start, layers.payload))
        if plain is not None:
            return Opened(plain, encrypted=True, sure=False)
    plain = _crc_checked(layers.payload)
    if plain is not None:
        return Opened(plain, sure=False)
    return _refused(key, "extended link layer")


def open_content(layers: Layers, key: bytes | None) -> Opened | Shut:
    """The records of the transport layer, in clear."""
    tpl = layers.tpl
    assert tpl is not None
    if tpl.mode == 0:
        return Opened(layers.payload)
    if tpl.mode not in (5, 7):
        return Shut(State.UNSUPPORTED, f"security mode {tpl.mode}")
    size = tpl.blocks * BLOCK_BYTES or len(layers.payload) // BLOCK_BYTES * BLOCK_BYTES
    opened: Opened | Shut | None = None
    if size > len(layers.payload):
        opened = Shut(State.INVALID, f"mode {tpl.mode}: {size} bytes are encrypted, {len(layers.payload)} came")
    elif key is not None and len(key) == KEY_BYTES and size:
        opened = _open_5(tpl, layers, key, size) if tpl.mode == 5 else _open_7(tpl, layers, key, size)
    if isinstance(opened, Opened):
        return opened
    if layers.payload.startswith(CHECK) or tpl.blocks == 0:
        return Opened(layers.payload, sure=False)  # announced as encrypted, sent in clear
    return opened or _refused(key, f"mode {tpl.mode}")


def aes_cbc_iv(identity: Identity, access_number: int) -> bytes:
    """MM MM ID ID ID ID VV TT and eight times the access number (EN 13757-7, mode 5)."""
    return identity.link_order + bytes((access_number,)) * 8


def derived_key(key: bytes, use: int, counter: bytes, identity: Identity) -> bytes:
    """Key of one message (EN 13757-7, key derivation): use 00 to encrypt, 01 to authenticate, in the meter's direction."""
    return aes_cmac(key, bytes((use,)) + counter + identity.id + b"\x07" * 7)


def mac_input(afl: Afl, signed: bytes) -> bytes:
    return afl.control + afl.counter + afl.length + signed


def aes_cmac(key: bytes, data: bytes) -> bytes:
    from cryptography.hazmat.primitives.ciphers.algorithms import AES
    from cryptography.hazmat.primitives.cmac import CMAC

    code = CMAC(AES(key))
    code.update(data)
    return code.finalize()


def _open_5(tpl: Tpl, layers: Layers, key: bytes, size: int) -> Opened | None:
    assert tpl.access_number is not None
    iv = aes_cbc_iv(layers.meter, tpl.access_number)
    plain = _aes_cbc(key, iv, layers.payload[:size])
    if not plain.startswith(CHECK):
        return None
    rest = layers.payload[size:]
    return Opened(plain + rest, encrypted=True, sure=False, rest_bytes=len(rest))


def _open_7(tpl: Tpl, layers: Layers, key: bytes, size: int) -> Opened | Shut | None:
    afl = layers.afl
    if tpl.extension >> 4 & 3 != 1:
        return Shut(State.UNSUPPORTED, f"mode 7: key derivation {tpl.extension >> 4 & 3}")
    if afl is None or not afl.counter:
        return Shut(State.UNSUPPORTED, "mode 7 without a message counter")
    if afl.mac:
        kind = afl.control[0] & 0x0F if afl.control else 0
        if MAC_BYTES.get(kind) != len(afl.mac):
            return Shut(State.UNSUPPORTED, f"mode 7: authentication {kind} with {len(afl.mac)} bytes")
        code = aes_cmac(derived_key(key, 1, afl.counter, layers.meter), mac_input(afl, layers.signed))
        if not hmac.compare_digest(code[: len(afl.mac)], afl.mac):
            return None
    plain = _aes_cbc(derived_key(key, 0, afl.counter, layers.meter), bytes(BLOCK_BYTES), layers.payload[:size])
    if not plain.startswith(CHECK):
        return None
    rest = layers.payload[size:]
    return Opened(plain + rest, encrypted=True, sure=bool(afl.mac), rest_bytes=len(rest))


def _refused(key: bytes | None, where: str) -> Shut:
    if key is None:
        return Shut(State.KEY_MISSING, f"{where}: encrypted, and no key was given")
    if len(key) != KEY_BYTES:
        return Shut(State.WRONG_KEY, f"{where}: a key of {KEY_BYTES} bytes is needed, not {len(key)}")
    return Shut(State.WRONG_KEY, f"{where}: the key does not open it")


def _crc_checked(payload: bytes) -> bytes | None:
    """The bytes after the CRC if it agrees; little-endian here, unlike the link layer's own."""
    plain = payload[2:]
    return plain if int.from_bytes(payload[:2], "little") == crc(plain) and len(payload) > 2 else None


def _aes_cbc(key: bytes, iv: bytes, data: bytes) -> bytes:
    from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

    decryptor = Cipher(algorithms.AES(key), modes.CBC(iv)).decryptor()
    return decryptor.update(data) + decryptor.finalize()


def _aes_ctr(key: bytes, start: bytes, data: bytes) -> bytes:
    from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

    decryptor = Cipher(algorithms.AES(key), modes.CTR(start)).decryptor()
    return decryptor.update(data) + decryptor.finalize()
