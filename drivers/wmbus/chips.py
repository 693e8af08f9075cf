"""What the air carries, for raw captures: sync words, 3-of-6 and Manchester coding, down to the frame (EN 13757-4).

Chips are a text of 0 and 1, in the order of time.
"""

from collections.abc import Iterator

from drivers.model import DecodeError
from drivers.wmbus import link

CHIPS_MAX = 64 + 24 * (256 + 2 * 17)  # a long preamble, and the longest frame in Manchester code

# Six chips for four bits, three of them 1 (EN 13757-4, mode T, meter to other).
THREE_OF_SIX = tuple(f"{code:06b}" for code in bytes.fromhex("160D0E0B1C191A132C25262334313229"))
MANCHESTER = ("10", "01")  # of a bit 0, of a bit 1

SYNC_T = "0000111101"  # behind the preamble's 01 01 01; mode C begins with it too
SYNC_S = "000111011010010110"
C_FORMAT_A = f"{0x54CD:016b}"
C_FORMAT_B = f"{0x543D:016b}"

_NIBBLES = {code: number for number, code in enumerate(THREE_OF_SIX)}
_BITS = {code: str(number) for number, code in enumerate(MANCHESTER)}


def telegram(chips: str) -> bytes:
    """The telegram, without CRCs, of the first frame whose CRCs agree.

    A capture may begin with its preamble, or right behind the sync word, where many programs cut it.
    DecodeError says what became of the last place where a frame might have begun.
    """
    chips = chips[:CHIPS_MAX]
    faults = []
    for start, is_s in sorted([(0, False), *_behind(chips, SYNC_T, False), *_behind(chips, SYNC_S, True)]):
        try:
            return _s(chips[start:]) if is_s else _c_or_t(chips[start:])
        except DecodeError as fault:
            faults.append(fault)
    raise faults[-1]


def from_hex(digits: str, count: int) -> str:
    """`count` chips of hex digits, the first chip in the highest bit."""
    return "".join(f"{int(digit, 16):04b}" for digit in digits)[:count]


def three_of_six(chips: str) -> bytes:
    """Bytes of 12 chips each; DecodeError where six chips are none of the code."""
    nibbles = []
    for at in range(0, len(chips) // 12 * 12, 6):
        number = _NIBBLES.get(chips[at : at + 6])
        if number is None:
            raise DecodeError(f"3 of 6: chips {chips[at : at + 6]} at {at} are none of the code")
        nibbles.append(number)
    return bytes(high << 4 | low for high, low in zip(nibbles[::2], nibbles[1::2], strict=True))


def manchester(chips: str) -> bytes:
    """Bytes of 16 chips each; DecodeError where two chips are the same."""
    bits = []
    for at in range(0, len(chips) // 16 * 16, 2):
        bit = _BITS.get(chips[at : at + 2])
        if bit is None:
            raise DecodeError(f"Manchester: chips {chips[at : at + 2]} at {at} are none of the code")
        bits.append(bit)
    return _bytes("".join(bits))


def _behind(chips: str, sync: str, is_s: bool) -> Iterator[tuple[int, bool]]:
    at = chips.find(sync)
    while at >= 0:
        yield at + len(sync), is_s
        at = chips.find(sync, at + 1)


def _c_or_t(chips: str) -> bytes:
    if chips.startswith((C_FORMAT_A, C_FORMAT_B)):
        data = _bytes(chips[16:])
        if chips.startswith(C_FORMAT_B):
            return link.strip_b(data[: data[0] + 1] if data else data)
        return link.strip_a(data[: link.length_a(data[0])] if data else data)
    size = link.length_a(three_of_six(chips[:12])[0]) if len(chips) >= 12 else 0
    return link.strip_a(three_of_six(chips[: 12 * size]))


def _s(chips: str) -> bytes:
    size = link.length_a(manchester(chips[:16])[0]) if len(chips) >= 16 else 0
    return link.strip_a(manchester(chips[: 16 * size]))


def _bytes(bits: str) -> bytes:
    count = len(bits) // 8
    return int(bits[: 8 * count], 2).to_bytes(count, "big") if count else b""
