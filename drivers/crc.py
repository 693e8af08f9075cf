"""CRCs of 16 bits whose least significant bit goes first: one loop, a table for each polynomial."""


def table(polynomial: int) -> tuple[int, ...]:
    """What each byte does; the polynomial with its bits turned round, as A001 for 8005."""
    found = []
    for value in range(256):
        for _ in range(8):
            value = value >> 1 ^ polynomial if value & 1 else value >> 1
        found.append(value)
    return tuple(found)


IBM = table(0xA001)  # CRC-16/ARC starts at 0, Modbus at FFFF
CCITT = table(0x8408)  # X.25 starts at FFFF and is complemented, Kermit starts at 0


def crc16(steps: tuple[int, ...], data: bytes, value: int) -> int:
    """The CRC of these bytes, `value` being what it starts at."""
    for byte in data:
        value = value >> 8 ^ steps[value & 0xFF ^ byte]
    return value
