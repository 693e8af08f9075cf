"""The layers between link and records, told apart by their CI fields: ELL, NWL, AFL, TPL (EN 13757-4, -5, -7)."""

from dataclasses import dataclass

from drivers.model import DecodeError, frozen
from drivers.phrase import Phrase, phrase
from drivers.wmbus.link import Identity, Link

CI_NETWORK = 0x81
CI_FRAGMENT = 0x90
CI_COMPACT = frozenset({0x73, 0x79, 0x7B})
CI_RECORDS = frozenset({0x72, 0x78, 0x7A}) | CI_COMPACT
CI_FORMAT = frozenset({0x69, 0x6A, 0x6B})  # the DIFs and VIFs of compact frames
CI_ERROR = frozenset({0x6E, 0x6F, 0x70})
CI_ALARM = frozenset({0x71, 0x74, 0x75})
CI_READ = CI_RECORDS | CI_FORMAT | CI_ERROR | CI_ALARM
CI_HEADER_ONLY = frozenset({0x8A, 0x8B})
# By what stands behind it; the others have no header, or one that nobody here knows.
CI_LONG = frozenset({0x68, 0x6B, 0x6F, 0x72, 0x73, 0x75, 0x7C, 0x7E, 0x87, 0x8B, 0x9F, 0xC2, 0xC5})
CI_SHORT = frozenset({0x67, 0x6A, 0x6E, 0x74, 0x7A, 0x7B, 0x7D, 0x7F, 0x88, 0x8A, 0x9E, 0xC1, 0xC4})
CI_BARE = frozenset({0x69, 0x78, 0x79})
CI_HEADERS = CI_LONG | CI_SHORT | CI_BARE
CI_MANUFACTURER = range(0xA0, 0xB8)

# What each CI field announces (EN 13757-7:2018, CI field codes).
CI_NAMES = {
    **dict.fromkeys(range(0x20), phrase("DLMS")),
    **dict.fromkeys((0x50, 0x53), phrase("a command to reset or to select an application")),
    **dict.fromkeys((0x51, 0x5A, 0x5B), phrase("a command in records")),
    0x52: phrase("a command to select a meter"),
    **dict.fromkeys((0x54, 0x55), phrase("a question for the selected application")),
    0x5C: phrase("a command to act at the same moment"),
    **dict.fromkeys((0x5F, 0x9E, 0x9F), phrase("security management (TLS)")),
    **dict.fromkeys((0x60, 0x61), phrase("a command in DLMS")),
    **dict.fromkeys((0x64, 0x65), phrase("a command in SML")),
    **dict.fromkeys((0x66, 0x67, 0x68), phrase("the selected application")),
    **dict.fromkeys(CI_FORMAT, phrase("a format for compact frames")),
    **dict.fromkeys((0x6C, 0x6D), phrase("a command to set the clock")),
    **dict.fromkeys(CI_ERROR, phrase("an application error")),
    **dict.fromkeys(CI_ALARM, phrase("an alarm")),
    **dict.fromkeys((0x72, 0x78, 0x7A), phrase("records")),
    **dict.fromkeys(CI_COMPACT, phrase("a compact frame")),
    **dict.fromkeys((0x7C, 0x7D), phrase("DLMS")),
    **dict.fromkeys((0x7E, 0x7F), phrase("SML")),
    **dict.fromkeys((0x80, 0x84, 0x85), phrase("a header without content, to a meter")),
    CI_NETWORK: phrase("the network layer"),
    **dict.fromkeys((0x82, 0x83, 0x87, 0x88, 0x89), phrase("network management")),
    0x86: phrase("an extended link layer of variable fields"),
    **dict.fromkeys(CI_HEADER_ONLY, phrase("a header without content")),
    **dict.fromkeys(range(0x8C, 0x90), phrase("an extended link layer")),
    CI_FRAGMENT: phrase("the authentication and fragmentation layer"),
    **dict.fromkeys(CI_MANUFACTURER, phrase("the manufacturer's own coding")),
    **dict.fromkeys(range(0xB8, 0xC0), phrase("a command to change the speed")),
    **dict.fromkeys((0xC0, 0xC1, 0xC2), phrase("image transfer (new software)")),
    **dict.fromkeys((0xC3, 0xC4, 0xC5), phrase("security information transfer (keys)")),
}
RESERVED = phrase("reserved")

EXTENSION_KEY_VERSION = 0x40  # of modes 7 and 10: one more byte says which of the meter's keys
COUNTER_IN_HEADER = 0x2000  # configuration of modes 7 and 10: the message counter stands here, 4 bytes of it

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
    """Authentication and fragmentation layer (EN 13757-7). Fields that were not sent are empty.

    `fragment` counts from 1; 0 is a message in one piece. `more` says that the next one follows.
    """

    fragment: int
    more: bool
    control: bytes
    counter: bytes
    mac: bytes
    length: bytes

    @property
    def fragmented(self) -> bool:
        return self.more or self.fragment > 1


@frozen
class Tpl:
    """Transport layer header (EN 13757-7): none (78), short (7A) or long with the meter's own address (72).

    `extension` and `counter` are what modes 7 and 10 add to the configuration field.
    """

    ci: int
    identity: Identity | None = None
    access_number: int | None = None
    status: int = 0
    configuration: int = 0
    extension: int = 0
    counter: bytes = b""

    @property
    def mode(self) -> int:
        return self.configuration >> 8 & 0x1F

    @property
    def blocks(self) -> int:
        """Encrypted blocks of 16 bytes, in modes 5 and 7."""
        return self.configuration >> 4 & 0x0F

    @property
    def encrypted_bytes(self) -> int:
        """Encrypted bytes, in the modes that count them one by one."""
        return self.configuration & 0xFF


def name(ci: int) -> Phrase:
    """What a CI field announces."""
    return CI_NAMES.get(ci, RESERVED)


def named(ci: int) -> str:
    """A CI field and what it announces."""
    return f"CI {ci:02X} ({name(ci)})"


@frozen
class Layers:
    """What was peeled off. `payload` is what the innermost layer carries, encrypted or not.

    While the extended link layer is still encrypted, `tpl` is None and `payload` starts with its encrypted CRC.
    Of a message in fragments, `payload` is this fragment's piece. `signed` is what an AFL code covers: from the TPL's
    CI field to the end.
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
        """Whether a header announces encryption; the content may still come in clear.

        A fragment cannot say it, but only authenticated messages are sent in fragments.
        """
        if self.tpl is not None and self.tpl.mode:
            return True
        return bool(self.ell and self.ell.encryption) or bool(self.afl and self.afl.fragmented)

    @property
    def access_number(self) -> int | None:
        if self.tpl and self.tpl.access_number is not None:
            return self.tpl.access_number
        return self.ell.access_number if self.ell else None


def peel(link: Link) -> Layers:
    """Peel the layers off a telegram until its records, or until bytes that need a key. DecodeError where one is cut."""
    body = link.body
    if not body or body[0] not in _ELL_BYTES:
        return _peel(link.identity, None, body)
    ell, body = _ell(body)
    if ell.session:
        return Layers(link.identity, ell, payload=body)
    return _peel(link.identity, ell, body)


def peel_inner(layers: Layers, body: bytes) -> Layers:
    """The layers above the extended link layer: NWL, AFL, TPL, in this order."""
    return _peel(layers.identity, layers.ell, body)


def peel_message(layers: Layers, afl: Afl, message: bytes) -> Layers:
    """The transport layer of a message that came in fragments."""
    return _message(layers.identity, layers.ell, afl, message)


def _peel(identity: Identity, ell: Ell | None, body: bytes) -> Layers:
    if body and body[0] == CI_NETWORK:
        _need(body, 2, "network layer")
        body = body[2:]
    afl = None
    if body and body[0] == CI_FRAGMENT:
        afl, body = _afl(body)
        if afl.fragmented:
            return Layers(identity, ell, afl, payload=body)
        if afl.length:
            length = int.from_bytes(afl.length, "little")
            _need(body, length, "AFL: message")
            body = body[:length]  # what stands behind the message is not of it, and its code does not cover it
    return _message(identity, ell, afl, body)


def _message(identity: Identity, ell: Ell | None, afl: Afl | None, body: bytes) -> Layers:
    if not body:
        return Layers(identity, ell, afl)
    if body[0] not in CI_HEADERS:
        return Layers(identity, ell, afl, foreign_ci=body[0], payload=body[1:])
    tpl, payload = _tpl(body)
    return Layers(identity, ell, afl, tpl, None, body, payload)


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
    if end < 4:
        raise DecodeError(f"AFL: 2 bytes are needed, its length says {body[1]}", body)
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
    return Afl(flags & 0xFF, bool(flags & 0x4000), control, counter, mac, length), body[end:]


def _tpl(body: bytes) -> tuple[Tpl, bytes]:
    # 72 ID ID ID ID MM MM VV TT AN SS CF CF     EN 13757-7, long header
    # 7A                         AN SS CF CF     short header
    # AN: access number   SS: status   CF: configuration
    # mode 7:  ... XX [NN NN NN NN] [KV]         X: extension   N: message counter, where the configuration says so
    # mode 10: ... XX XX [KV] NN NN NN NN        KV: key version, where the extension says so
    ci = body[0]
    if ci in CI_BARE:
        return Tpl(ci), body[1:]
    at = 9 if ci in CI_LONG else 1
    _need(body, at + 4, "transport layer")
    identity = Identity(body[5:7], body[1:5], body[7], body[8]) if at == 9 else None
    access_number, status, configuration = body[at], body[at + 1], body[at + 2] | body[at + 3] << 8
    extension, counter = 0, b""
    mode = configuration >> 8 & 0x1F
    at += 4
    if mode == 7:
        _need(body, at + 1, "transport layer")
        extension = body[at]
        at += 1
        if configuration & COUNTER_IN_HEADER:
            _need(body, at + 4, "transport layer")
            counter = body[at : at + 4]
            at += 4
        if extension & EXTENSION_KEY_VERSION:
            at += 1
            _need(body, at, "transport layer")
    elif mode == 10:
        _need(body, at + 2, "transport layer")
        extension = int.from_bytes(body[at : at + 2], "little")
        at += 3 if extension & EXTENSION_KEY_VERSION else 2
        _need(body, at + 4, "transport layer")
        counter = body[at : at + 4]
        at += 4
    return Tpl(ci, identity, access_number, status, configuration, extension, counter), body[at:]


def _need(body: bytes, size: int, where: str) -> None:
    if len(body) < size:
        raise DecodeError(f"{where}: {size} bytes are needed, not {len(body)}", body)
