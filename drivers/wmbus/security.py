"""Security of wireless M-Bus: in clear, modes 2, 5, 7 and 10 (EN 13757-7), counter mode of the extended link layer.

What is known of each mode, and why the others are only named: docs/wmbus-security.md.
`cryptography` is imported where it is used: a house without encrypted radio meters never loads it.
"""

import hmac
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING

from drivers.model import State, frozen
from drivers.wmbus.default_keys import default_keys
from drivers.wmbus.layers import COUNTER_IN_HEADER, Afl, Layers
from drivers.wmbus.link import Identity, crc

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.ciphers import CipherContext

KEYS_MAX = 64  # ciphers kept ready; a home has a dozen encrypted meters
KEY_BYTES = 16
BLOCK_BYTES = 16
DES_BYTES = 8  # key and block of mode 2
CHECK = b"\x2f\x2f"  # two idle fillers: the first plain bytes of modes 2, 5 and 7
MAC_BYTES = {3: 2, 4: 4, 5: 8, 6: 12, 7: 16}  # AES-CMAC, by the message control field's low half
GMAC = (8, 9)  # AES-GMAC; what its vector is made of is not public

KDF_A = 1  # key derivation A, the one that OMS uses
ALL_BYTES = 0xFF  # configuration of mode 10: nothing is left in clear

MODE_NAMES = {
    3: "DES from an initial vector of the day",
    8: "AES-CTR with AES-CMAC",
    9: "AES-GCM",
    13: "TLS",
}


@frozen
class Opened:
    """Plain content. `sure` is False where only 16 bits vouch for it: chance alone opens one telegram in 65536.

    The last `rest_bytes` came in clear behind the encrypted blocks. `counter` is the message counter that the key
    was derived from, which no two messages share.
    """

    content: bytes
    encrypted: bool = False
    sure: bool = True
    rest_bytes: int = 0
    counter: int | None = None


@dataclass(frozen=True, slots=True)
class Shut:
    state: State
    error: str


@dataclass(frozen=True, slots=True)
class Mode:
    """A security mode: what keeps a telegram from being read with whatever key, and how a key of its size opens it.

    `open` gives None where the key does not fit. `clear` says that the content may have come in clear all the same.
    """

    key_bytes: int
    fault: Callable[[Layers], Shut | None]
    open: Callable[[Layers, bytes], Opened | None]
    clear: Callable[[Layers], bool]


def open_link(layers: Layers, key: bytes | None) -> Opened | Shut:
    """What the extended link layer carries, from its next CI field on (EN 13757-4).

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
        plain = _crc_checked(aes_ctr(key, ell_counter_block(layers), layers.payload))
        if plain is not None:
            return Opened(plain, encrypted=True, sure=False)
    plain = _crc_checked(layers.payload)
    if plain is not None:
        return Opened(plain, sure=False)
    return _refused(key, KEY_BYTES, "extended link layer")


def open_content(layers: Layers, key: bytes | None) -> Opened | Shut:
    """The records of the transport layer, in clear: by the household's key, by a maker's default key, or as sent."""
    tpl = layers.tpl
    assert tpl is not None
    if tpl.mode == 0:
        return Opened(layers.payload)
    mode = MODES.get(tpl.mode)
    if mode is None:
        name = MODE_NAMES.get(tpl.mode)
        return Shut(State.UNSUPPORTED, f"security mode {tpl.mode}" + (f" ({name})" if name else ""))
    fault = mode.fault(layers)
    if fault is None:
        if key is not None and len(key) == mode.key_bytes and (opened := mode.open(layers, key)):
            return opened
        for default in default_keys(layers.meter, tpl.mode):
            if opened := mode.open(layers, default):
                return opened
    if mode.clear(layers):
        return Opened(layers.payload, sure=False)  # announced as encrypted, sent in clear
    return fault or _refused(key, mode.key_bytes, f"mode {tpl.mode}")


def in_clear(layers: Layers) -> bool:
    """Whether what a header announces as encrypted came in clear, as far as that can be seen without a key."""
    if layers.tpl is None:
        return bool(layers.ell and layers.ell.session) and _crc_checked(layers.payload) is not None
    mode = MODES.get(layers.tpl.mode)
    return mode is not None and mode.clear(layers)


def rest_in_clear(layers: Layers) -> bool:
    """Whether bytes in clear follow the encrypted blocks of modes 5 and 7, other than idle filler."""
    if layers.tpl is None or layers.tpl.mode not in (5, 7):
        return False
    return bool(layers.payload[_blocks_bytes(layers) :].strip(b"\x2f"))


def ell_counter_block(layers: Layers) -> bytes:
    # MM MM ID ID ID ID VV TT CC SN SN SN SN 00 00 00     counted up from its last byte
    assert layers.ell is not None
    cc = layers.ell.cc & ~0x12  # repeaters change hop and relay bits on the way
    return layers.identity.link_order + bytes((cc,)) + layers.ell.session + bytes(3)


def aes_cbc_iv(identity: Identity, access_number: int) -> bytes:
    """MM MM ID ID ID ID VV TT and eight times the access number (EN 13757-7, mode 5)."""
    return identity.link_order + bytes((access_number,)) * 8


def derived_key(key: bytes, use: int, counter: bytes, identity: Identity) -> bytes:
    """Key of one message (EN 13757-7, key derivation): use 00 to encrypt, 01 to authenticate, in the meter's direction."""
    return aes_cmac(key, bytes((use,)) + counter + identity.id + b"\x07" * 7)


def mac_input(afl: Afl, signed: bytes) -> bytes:
    return afl.control + afl.counter + afl.length + signed


def ccm_nonce(identity: Identity, counter: bytes) -> bytes:
    """MM MM ID ID ID ID VV TT 00 and the message counter, its highest byte first (OMS, security profile D)."""
    return identity.link_order + b"\x00" + counter[::-1]


def tag_bytes(extension: int) -> int:
    """Bytes of mode 10's authentication tag, which is the message's end."""
    return 4 + 4 * (extension >> 8 & 3)


def aes_cmac(key: bytes, data: bytes) -> bytes:
    from cryptography.hazmat.primitives.ciphers.algorithms import AES
    from cryptography.hazmat.primitives.cmac import CMAC

    code = CMAC(AES(key))
    code.update(data)
    return code.finalize()


def aes_ctr(key: bytes, start: bytes, data: bytes) -> bytes:
    from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

    decryptor = Cipher(algorithms.AES(key), modes.CTR(start)).decryptor()
    return decryptor.update(data) + decryptor.finalize()


def _fault_2(layers: Layers) -> Shut | None:
    if len(layers.payload) < DES_BYTES:
        return Shut(State.INVALID, f"mode 2: {DES_BYTES} bytes are needed, not {len(layers.payload)}")
    return None


def _open_2(layers: Layers, key: bytes) -> Opened | None:
    """DES-CBC from a zero vector: what came before AES, and no secret today (EN 13757-3:2013, encryption mode 2)."""
    from cryptography.hazmat.decrepit.ciphers.algorithms import TripleDES
    from cryptography.hazmat.primitives.ciphers import Cipher, modes

    assert layers.tpl is not None
    size = min(layers.tpl.encrypted_bytes or ALL_BYTES, len(layers.payload)) // DES_BYTES * DES_BYTES
    decryptor = Cipher(TripleDES(key * 3), modes.CBC(bytes(DES_BYTES))).decryptor()  # thrice one key: DES itself
    return _checked(decryptor.update(layers.payload[:size]), layers.payload[size:])


def _clear_2(layers: Layers) -> bool:
    assert layers.tpl is not None
    return layers.payload.startswith(CHECK) or layers.tpl.encrypted_bytes == 0


def _fault_5(layers: Layers) -> Shut | None:
    size = _blocks_bytes(layers)
    if size <= len(layers.payload):
        return None
    assert layers.tpl is not None
    return Shut(State.INVALID, f"mode {layers.tpl.mode}: {size} bytes are encrypted, {len(layers.payload)} came")


def _open_5(layers: Layers, key: bytes) -> Opened | None:
    assert layers.tpl is not None
    assert layers.tpl.access_number is not None
    size = _blocks_bytes(layers)
    iv = aes_cbc_iv(layers.meter, layers.tpl.access_number)
    return _checked(_aes_cbc_lasting(key, iv, layers.payload[:size]), layers.payload[size:])


def _clear_5(layers: Layers) -> bool:
    assert layers.tpl is not None
    return layers.payload.startswith(CHECK) or layers.tpl.blocks == 0


def _fault_7(layers: Layers) -> Shut | None:
    tpl, afl = layers.tpl, layers.afl
    assert tpl is not None
    if (derivation := tpl.extension >> 4 & 3) != KDF_A:
        return Shut(State.UNSUPPORTED, f"mode 7: key derivation {derivation}")
    if not _counter_7(layers):
        return Shut(State.UNSUPPORTED, "mode 7 without a message counter")
    if afl is not None and afl.mac:
        kind = afl.control[0] & 0x0F if afl.control else 0
        if MAC_BYTES.get(kind) != len(afl.mac):
            name = " (AES-GMAC)" if kind in GMAC else ""
            return Shut(State.UNSUPPORTED, f"mode 7: authentication {kind}{name} with {len(afl.mac)} bytes")
    return _fault_5(layers)


def _open_7(layers: Layers, key: bytes) -> Opened | None:
    counter, afl = _counter_7(layers), layers.afl
    if afl is not None and afl.mac:
        code = aes_cmac(derived_key(key, 1, counter, layers.meter), mac_input(afl, layers.signed))
        if not hmac.compare_digest(code[: len(afl.mac)], afl.mac):
            return None
    size = _blocks_bytes(layers)
    plain = _aes_cbc(derived_key(key, 0, counter, layers.meter), bytes(BLOCK_BYTES), layers.payload[:size])
    return _checked(plain, layers.payload[size:], afl is not None and bool(afl.mac), int.from_bytes(counter, "little"))


def _counter_7(layers: Layers) -> bytes:
    """The transport layer's message counter, else that of the AFL (EN 13757-7, key derivation)."""
    assert layers.tpl is not None
    return layers.tpl.counter or (layers.afl.counter if layers.afl else b"")


def _fault_10(layers: Layers) -> Shut | None:
    tpl = layers.tpl
    assert tpl is not None
    tag = tag_bytes(tpl.extension)
    size = len(layers.payload) - tag
    if (derivation := tpl.extension >> 4 & 3) != KDF_A:
        return Shut(State.UNSUPPORTED, f"mode 10: key derivation {derivation}")
    if not tpl.configuration & COUNTER_IN_HEADER:
        return Shut(State.UNSUPPORTED, "mode 10: a message counter of another size")
    if size < 0:
        return Shut(State.INVALID, f"mode 10: a tag of {tag} bytes is announced, {len(layers.payload)} bytes came")
    if tpl.encrypted_bytes not in (ALL_BYTES, size):
        return Shut(State.UNSUPPORTED, f"mode 10: {tpl.encrypted_bytes} bytes of {size} are encrypted")
    return None


def _open_10(layers: Layers, key: bytes) -> Opened | None:
    """AES-CCM: the tag covers the content and the header from its CI field up to the message counter."""
    from cryptography.exceptions import InvalidTag
    from cryptography.hazmat.primitives.ciphers.aead import AESCCM

    tpl = layers.tpl
    assert tpl is not None
    header = layers.signed[: len(layers.signed) - len(layers.payload) - len(tpl.counter)]
    cipher = AESCCM(derived_key(key, 0, tpl.counter, layers.meter), tag_length=tag_bytes(tpl.extension))
    try:
        plain = cipher.decrypt(ccm_nonce(layers.meter, tpl.counter), layers.payload, header)
    except InvalidTag:
        return None
    return Opened(plain, encrypted=True, counter=int.from_bytes(tpl.counter, "little"))


def _checked(plain: bytes, rest: bytes, sure: bool = False, counter: int | None = None) -> Opened | None:
    if not plain.startswith(CHECK):
        return None
    return Opened(plain + rest, True, sure, len(rest), counter)


def _blocks_bytes(layers: Layers) -> int:
    """Encrypted bytes of modes 5 and 7; a count of 0 means all whole blocks."""
    assert layers.tpl is not None
    return layers.tpl.blocks * BLOCK_BYTES or len(layers.payload) // BLOCK_BYTES * BLOCK_BYTES


def _refused(key: bytes | None, key_bytes: int, where: str) -> Shut:
    if key is None:
        return Shut(State.KEY_MISSING, f"{where}: encrypted, and no key was given")
    if len(key) != key_bytes:
        return Shut(State.WRONG_KEY, f"{where}: a key of {key_bytes} bytes is needed, not {len(key)}")
    return Shut(State.WRONG_KEY, f"{where}: the key does not open it")


def _crc_checked(payload: bytes) -> bytes | None:
    """The bytes after the CRC if it agrees; little-endian here, unlike the link layer's own."""
    plain = payload[2:]
    return plain if int.from_bytes(payload[:2], "little") == crc(plain) and len(payload) > 2 else None


def _aes_cbc_lasting(key: bytes, iv: bytes, data: bytes) -> bytes:
    """CBC under a key that lasts: AES opens each block, and what was sent before the block is taken off.

    Setting up a cipher takes longer than a telegram's blocks: a fifth of all decoding (`make bench`).
    """
    assert len(data) % BLOCK_BYTES == 0, len(data)
    opened = int.from_bytes(_aes(key).update(data), "big")
    return (opened ^ int.from_bytes((iv + data)[: len(data)], "big")).to_bytes(len(data), "big")


@lru_cache(maxsize=KEYS_MAX)
def _aes(key: bytes) -> "CipherContext":
    """AES block by block, ready for use. It holds nothing between two telegrams, as they are whole blocks."""
    from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

    return Cipher(algorithms.AES(key), modes.ECB()).decryptor()  # noqa: S305  CBC is made of it, one line above


def _aes_cbc(key: bytes, iv: bytes, data: bytes) -> bytes:
    """CBC under a key of this one message."""
    from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

    return Cipher(algorithms.AES(key), modes.CBC(iv)).decryptor().update(data)


MODES = {
    2: Mode(DES_BYTES, _fault_2, _open_2, _clear_2),
    5: Mode(KEY_BYTES, _fault_5, _open_5, _clear_5),
    7: Mode(KEY_BYTES, _fault_7, _open_7, _clear_5),
    10: Mode(KEY_BYTES, _fault_10, _open_10, lambda layers: False),
}
