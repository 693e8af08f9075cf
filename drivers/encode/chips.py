"""Telegrams as the air carries them, for the tests: modes T, S and C as chips."""

from drivers.encode.wmbus import format_a, format_b
from drivers.wmbus.chips import C_FORMAT_A, C_FORMAT_B, MANCHESTER, SYNC_S, SYNC_T, THREE_OF_SIX

PREAMBLE = "01" * 19


def mode_t(telegram: bytes) -> str:
    return PREAMBLE + SYNC_T + "".join(THREE_OF_SIX[int(digit, 16)] for digit in format_a(telegram).hex())


def mode_s(telegram: bytes) -> str:
    return PREAMBLE + SYNC_S + "".join(MANCHESTER[int(bit)] for bit in _bits(format_a(telegram)))


def mode_c(telegram: bytes, *, b: bool = False) -> str:
    framed = C_FORMAT_B + _bits(format_b(telegram)) if b else C_FORMAT_A + _bits(format_a(telegram))
    return PREAMBLE + SYNC_T + framed


def to_hex(chips: str) -> str:
    """Hex digits, the first chip in the highest bit, filled up with 0."""
    filled = chips + "0" * (-len(chips) % 8)
    return int(filled, 2).to_bytes(len(filled) // 8, "big").hex()


def _bits(data: bytes) -> str:
    return "".join(f"{byte:08b}" for byte in data)
