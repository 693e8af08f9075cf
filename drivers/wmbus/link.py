"""Wireless M-Bus link layer (EN 13757-4): CRCs, frame formats A and B, the C, M and A fields."""

from drivers.model import Address, DecodeError, frozen
from drivers.phrase import phrase

POLYNOMIAL = 0x3D65
HEADER_BYTES = 10  # L C M M ID ID ID ID V T
BLOCK_BYTES = 16  # format A, each block after the first
PART_BYTES_MAX = 126  # format B, first part without its CRC
CRC_BYTES = 2

C_RELAYED = 0x80
C_FROM_METER = {
    0x44: phrase("SND-NR, sent unasked"),
    0x46: phrase("SND-IR, asks to be installed"),
    0x47: phrase("ACC-NR, nothing new to say"),
    0x48: phrase("ACC-DMD, wants to be asked"),
    **dict.fromkeys((0x08, 0x18, 0x28, 0x38), phrase("RSP-UD, an answer")),
}
C_OTHERS = {
    **dict.fromkeys((0x00, 0x10, 0x20, 0x30), "ACK, an acknowledgement"),
    **dict.fromkeys((0x01, 0x11, 0x21, 0x31), "NACK, a refusal"),
    0x06: "CNF-IR, an answer to a meter's installation",
    0x40: "SND-NKE, a reader's end of talk",
    **dict.fromkeys((0x43, 0x63), "SND-UD2, a reader's command"),
    **dict.fromkeys((0x53, 0x73), "SND-UD, a reader's command"),
    **dict.fromkeys((0x5A, 0x7A), "REQ-UD1, a reader's question"),
    **dict.fromkeys((0x5B, 0x7B), "REQ-UD2, a reader's question"),
}


def _crc_table() -> tuple[int, ...]:
    table = []
    for byte in range(256):
        crc = byte << 8
        for _ in range(8):
            crc = (crc << 1 ^ POLYNOMIAL if crc & 0x8000 else crc << 1) & 0xFFFF
        table.append(crc)
    return tuple(table)


_TABLE = _crc_table()


def crc(data: bytes) -> int:
    """CRC of EN 13757-4: polynomial 3D65, start 0, most significant bit first, complemented at the end."""
    value = 0
    for byte in data:
        value = (value << 8 & 0xFFFF) ^ _TABLE[value >> 8 ^ byte]
    return value ^ 0xFFFF


def crc_bytes(data: bytes) -> bytes:
    return crc(data).to_bytes(2, "big")


@frozen
class Identity:
    """A meter's eight bytes as the wire has them; the link layer and the long header only differ in their order."""

    manufacturer: bytes
    id: bytes
    version: int
    device_type: int

    @property
    def link_order(self) -> bytes:
        """M M ID ID ID ID V T: as in the link layer, and as the initialisation vectors want it."""
        return self.manufacturer + self.id + bytes((self.version, self.device_type))

    @property
    def address(self) -> Address:
        """The id stays text: it is BCD in the standard, and hexadecimal in some meters."""
        return Address("wmbus", self.id[::-1].hex(), letters(self.manufacturer), self.version, self.device_type)


@frozen
class Link:
    c: int
    identity: Identity
    body: bytes


def letters(manufacturer: bytes) -> str:
    """Three letters of five bits (EN 13757-7, manufacturer identification); four hex digits where they are no letters.

    Bit 15 only says that the address is not unique worldwide.
    """
    code = int.from_bytes(manufacturer, "little")
    values = (code >> 10 & 0x1F, code >> 5 & 0x1F, code & 0x1F)
    if all(1 <= value <= 26 for value in values):
        return "".join(chr(64 + value) for value in values)
    return f"{code:04x}"


def is_maker(manufacturer: bytes) -> bool:
    """Whether two bytes are three letters: what a receiver without checksum has to recognise a telegram by."""
    return letters(manufacturer).isalpha() and letters(manufacturer).isupper()


def parse(data: bytes) -> Link:
    """Link layer of a telegram without CRCs: C field, whose it is, and what follows from the CI field on."""
    # LL CC MM MM ID ID ID ID VV TT ...     EN 13757-4, first block
    if len(data) < HEADER_BYTES:
        raise DecodeError(f"link layer: {HEADER_BYTES} bytes are needed, not {len(data)}", data)
    c = data[1] & ~C_RELAYED
    if c not in C_FROM_METER:
        other = f": {C_OTHERS[c]}" if c in C_OTHERS else ""
        raise DecodeError(f"link layer: C {data[1]:02x} is not what a meter sends{other}", data)
    return Link(c, Identity(data[2:4], data[4:8], data[8], data[9]), data[HEADER_BYTES:])


def length_error(data: bytes) -> DecodeError | None:
    """A telegram that is shorter than its L field says was cut on its way."""
    if data and len(data) <= data[0]:
        return DecodeError(
            f"link layer: cut short, L {data[0]:02x} announces {data[0] + 1} bytes, {len(data)} came", data
        )
    return None


def without_crcs(data: bytes) -> bytes:
    """Find the frame format by its CRCs, check every one and take them out; L is rewritten to count what is left.

    DecodeError where neither format fits, or where one CRC does not agree.
    """
    if not data:
        raise DecodeError("link layer: no bytes")
    if len(data) == length_a(data[0]):
        return strip_a(data)
    return strip_b(data)


def has_crcs(data: bytes) -> bool:
    """Whether the length or the last CRC says that the CRCs are still in; a telegram without them is L + 1 long."""
    if not data:
        return False
    if len(data) == data[0] + 1:
        return _part_b(data) is not None
    return len(data) == length_a(data[0])


def strip_a(data: bytes) -> bytes:
    """Format A: 10 bytes and a CRC, then blocks of 16 bytes and a CRC, the last one shorter. L counts no CRC."""
    if not data or data[0] < HEADER_BYTES - 1 or len(data) != length_a(data[0]):
        raise DecodeError("format A: the length does not agree with the L field", data)
    plain = b""
    at, size = 0, HEADER_BYTES
    while at < len(data):
        end = min(at + size, len(data) - 2)
        if crc_bytes(data[at:end]) != data[end : end + 2]:
            raise DecodeError(f"format A: CRC of the block at byte {at} does not agree", data)
        plain += data[at:end]
        at, size = end + 2, BLOCK_BYTES
    return plain


def strip_b(data: bytes) -> bytes:
    """Format B: up to 126 bytes and a CRC, then the rest and a CRC. L counts the CRCs too."""
    plain = _part_b(data)
    if plain is None:
        raise DecodeError("format B: length or CRC does not agree", data)
    return bytes((len(plain) - 1,)) + plain[1:]


def _part_b(data: bytes) -> bytes | None:
    if len(data) < HEADER_BYTES + 2 or len(data) != data[0] + 1:
        return None
    first = data[: PART_BYTES_MAX + 2] if len(data) > PART_BYTES_MAX + 2 else data
    rest = data[len(first) :]
    parts = [first, rest] if rest else [first]
    if any(len(part) < 3 or crc_bytes(part[:-2]) != part[-2:] for part in parts):
        return None
    return b"".join(part[:-2] for part in parts)


def framing(data: bytes) -> tuple[str, tuple[range, ...]] | None:
    """The frame format, A or B, that a telegram with its CRCs was sent in, and the places of its blocks, CRCs counted.

    None where no CRC agrees: they were taken out before, or all is lost. A telegram that was cut ends before its last
    block does; what a receiver adds stands behind it.
    """
    for letter, blocks in (("A", _blocks_a(data)), ("B", _blocks_b(data))):
        whole = blocks and blocks[-1].stop == len(data)
        if any(block_agrees(data, block) for block in (blocks if whole else blocks[:1])):
            return letter, blocks
    return None


def block_agrees(data: bytes, block: range) -> bool:
    end = block.stop - CRC_BYTES
    return block.stop <= len(data) and crc_bytes(data[block.start : end]) == data[end : block.stop]


def _blocks_a(data: bytes) -> tuple[range, ...]:
    if not data or data[0] < HEADER_BYTES - 1:
        return ()
    first, size = HEADER_BYTES + CRC_BYTES, length_a(data[0])
    starts = [0, *range(first, size, BLOCK_BYTES + CRC_BYTES)]
    return tuple(map(range, starts, (*starts[1:], size)))


def _blocks_b(data: bytes) -> tuple[range, ...]:
    if not data or data[0] < HEADER_BYTES + CRC_BYTES - 1:
        return ()
    first, size = PART_BYTES_MAX + CRC_BYTES, data[0] + 1
    return (range(first), range(first, size)) if size > first + CRC_BYTES else (range(size),)


def length_a(length_field: int) -> int:
    """Bytes of a format A frame on the air, L itself and all CRCs counted."""
    rest = max(0, length_field + 1 - HEADER_BYTES)
    return length_field + 1 + 2 * (1 + -(-rest // BLOCK_BYTES))
