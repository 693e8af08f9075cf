"""A nanoCUL's side of its talk, for the tests: telegrams it heard as lines, and its answers to the host."""

from collections.abc import Iterator

from drivers.encode.wmbus import format_a, format_b

VERSION = "V 1.67 nanoCUL868"
QUALITY = "2f"


def heard(telegram: bytes, rssi_dbm: int, *, b: bool = False) -> bytes:
    """The line of a telegram in frame format A or B, its CRCs in it, quality and signal behind it."""
    framed = format_b(telegram) if b else format_a(telegram)
    signal = (rssi_dbm + 74) * 2 & 0xFF
    return f"b{'Y' if b else ''}{framed.hex()}{QUALITY}{signal:02x}\r\n".encode()


def answers(request: bytes, *, knows_c: bool = True) -> Iterator[bytes]:
    """What the stick writes back to whole lines; older firmware does not know mode C."""
    for line in request.decode("ascii", "replace").split():
        match line:
            case "V":
                yield f"{VERSION}\r\n".encode()
            case "brc" if knows_c:
                yield b"CMODE\r\n"
            case "brt":
                yield b"TMODE\r\n"
            case "X21":
                pass
            case _:
                yield f"? ({line} is unknown) Use one of V X b\r\n".encode()
