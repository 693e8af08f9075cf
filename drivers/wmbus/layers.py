"""The layers between link and records, told apart by their CI fields: ELL, NWL, AFL, TPL (EN 13757-4, -5, -7)."""

from dataclasses import dataclass, replace

from drivers.model import DecodeError
from drivers.wmbus.link import Identity, Link

CI_NETWORK = 0x81
CI_FRAGMENT = 0x90
CI_LONG = frozenset({0x72, 0x73})
CI_SHORT = frozenset({0x7A, 0x7B})
CI_BARE = frozenset({0x78, 0x79})
CI_COMPACT = frozenset({0x73, 0x79, 0x7B})
CI_MANUFACTURER = range(0xA0, 0xB8)

_ELL_BYTES = {0x8C: 2, 0x8D: 8, 0x8E: 10, 0x8F: 16}


@dataclass(frozen=True, slots=True)
class Ell:
    """Extended link layer (EN 13757-4). `session` is the session number as sent; without it nothing is encrypted here."""

    cc: int
    access_number: int
    session: bytes = b""

    @property
    def encryption(self) -> int:
        """The session number's three highest bits: 0 in clear, 1 AES-128 in counter mode."""
        return self.session[3] >> 5 if self.session else 0


@dataclass(frozen=True, slots=True)
class Afl:
    """Authentication and fragmentation layer (EN 13757-7). Fields that were not sent are empty."""

    fragmented: bool
    control: bytes
    counter: bytes
    mac: bytes
    length: bytes


@dataclass(frozen=True, slots=True)
class Tpl:
    """Transport layer header (EN 13757-7): none (78, 79), short (7A, 7B) or long with the meter's own address (72, 73)."""

    ci: int
    identity: Identity | None = None
    access_number: int | None = None
    status: int = 0
    configuration: int = 0
    extension: int = 0

    @property
    def mode(self) -> int:
        return self.configuration >> 8 & 0x1F

    @property
    def blocks(self) -> int:
        """Encrypted blocks of 16 bytes, in the modes that count them."""
        return self.configuration >> 4 & 0x0F


@dataclass(frozen=True, slots=True)
class Layers:
    """What was peeled off. `payload` is what the innermost layer carries, encrypted or not.

    While the extended link layer is still encrypted, `tpl` is None and `payload` starts with its encrypted CRC.
    `signed` is what an AFL code covers: from the TPL's CI field to the end.
    """

    identity: Identity
    ell: Ell | None = None
    afl: Afl | None = None
    tpl: Tpl | None = None
    foreign_ci: int | None = None
    signed: bytes = b""
    payload: bytes = b""

    @property
    def meter(self) -> Identity:
        """Whose reading it is: a long header names the meter behind a radio module."""
        return self.tpl.identity if self.tpl and self.tpl.identity else self.identity

    @property
    def announced(self) -> bool:
        """Whether a header announces encryption; the content may still come in clear."""
        return bool(self.ell and self.ell.encryption) or bool(self.tpl and self.tpl.mode)

    @property
    def access_number(self) -> int | None:
        if self.tpl and self.tpl.access_number is not None:
            return self.tpl.access_number
        return self.ell.access_number if self.ell else None


def peel(link: Link) -> Layers:
    """Peel the layers off a telegram until its records, or until bytes that need a key. DecodeError where one is cut."""
    layers = Layers(link.identity)
    body = link.body
    if body and body[0] in _ELL_BYTES:
        ell, body = _ell(body)
        layers = replace(layers, ell=ell)
        if ell.session:
            return replace(layers, payload=body)
    return peel_inner(layers, body)


def peel_inner(layers: Layers, body: bytes) -> Layers:
    """The layers above the extended link layer: NWL, AFL, TPL, in this order."""
    if body and body[0] == CI_NETWORK:
        _need(body, 2, "network layer")
        body = body[2:]
    if body and body[0] == CI_FRAGMENT:
        afl, body = _afl(body)
        layers = replace(layers, afl=afl)
        if afl.fragmented:
            return replace(layers, payload=body)
    if not body:
        return layers
    if body[0] not in CI_LONG | CI_SHORT | CI_BARE:
        return replace(layers, foreign_ci=body[0], payload=body[1:])
    tpl, payload = _tpl(body)
    return replace(layers, tpl=tpl, signed=body, payload=payload)


def _ell(body: bytes) -> tuple[Ell, bytes]:
    # 8C CC AN                                  EN 13757-4, extended link layer
    # 8D CC AN SN SN SN SN KK KK                K: CRC of the payload, encrypted with it
    # 8E CC AN MM MM AA AA AA AA AA AA          M, A: who is spoken to, not who speaks
    # 8F CC AN MM MM AA AA AA AA AA AA SN SN SN SN KK KK
    size = _ELL_BYTES[body[0]]
    _need(body, 1 + size, "extended link layer")
    if body[0] in (0x8C, 0x8E):
        return Ell(body[1], body[2]), body[1 + size :]
    at = size - 5  # the session number and the CRC come last; the CRC stays with the payload
    return Ell(body[1], body[2], body[at : at + 4]), body[at + 4 :]


def _afl(body: bytes) -> tuple[Afl, bytes]:
    # 90 LL FF FF [CC] [KK KK] [NN NN NN NN] [MAC] [SS SS]        EN 13757-7, authentication and fragmentation layer
    # L: bytes that follow it here   F: which fields are there   C: message control   N: message counter   S: length
    _need(body, 2, "AFL")
    end = 2 + body[1]
    _need(body, max(end, 4), "AFL")
    flags = int.from_bytes(body[2:4], "little")
    at = 4

    def take(present: int, size: int) -> bytes:
        nonlocal at
        if not flags & present:
            return b""
        field = body[at : min(at + size, end)]
        if len(field) != size:
            raise DecodeError(f"AFL: {size} bytes are needed at byte {at}, its length leaves {len(field)}", body)
        at += size
        return field

    control = take(0x2000, 1)
    take(0x0200, 2)  # key information: one key a meter is all we hold
    counter = take(0x0800, 4)
    mac = take(0x0400, max(0, end - at - (2 if flags & 0x1000 else 0)))
    length = take(0x1000, 2)
    fragmented = bool(flags & 0x4000) or flags & 0xFF > 1  # more to come, or not the first
    return Afl(fragmented, control, counter, mac, length), body[end:]


def _tpl(body: bytes) -> tuple[Tpl, bytes]:
    # 72 ID ID ID ID MM MM VV TT AN SS CF CF     EN 13757-7, long header
    # 7A                         AN SS CF CF     short header
    # AN: access number   SS: status   CF: configuration; mode 7 has one more byte
    ci = body[0]
    if ci in CI_BARE:
        return Tpl(ci), body[1:]
    at = 9 if ci in CI_LONG else 1
    _need(body, at + 4, "transport layer")
    identity = Identity(body[5:7], body[1:5], body[7], body[8]) if ci in CI_LONG else None
    configuration = int.from_bytes(body[at + 2 : at + 4], "little")
    tpl = Tpl(ci, identity, body[at], body[at + 1], configuration)
    at += 4
    if tpl.mode == 7:
        _need(body, at + 1, "transport layer")
        return replace(tpl, extension=body[at]), body[at + 1 :]
    return tpl, body[at:]


def _need(body: bytes, size: int, where: str) -> None:
    if len(body) < size:
        raise DecodeError(f"{where}: {size} bytes are needed, not {len(body)}", body)
