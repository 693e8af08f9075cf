"""Zenner's radio module 0B: three numbers in place of records."""

from decimal import Decimal

from drivers.model import DecodeError
from drivers.phrase import phrase
from drivers.wmbus.makers.parts import Layout, Said, little, volume

BYTES = 13
PARTS_OF_A_LITRE = 256

MODULE_0B = Layout(
    "2F 2F 0F SS SS SS SS MM MM MM MM VV VV VV VV",
    {
        "2F": phrase("two fillers"),
        "0F": phrase("what follows is the maker's own"),
        "S": phrase("status, 0 is in order"),
        "M": phrase("volume at the month's start, in 256ths of a litre"),
        "V": phrase("volume now, in 256ths of a litre"),
    },
)


# then padding
def module_0b(content: bytes) -> Said | None:
    body = content.removeprefix(b"\x2f\x2f")
    if body[:1] != b"\x0f":
        return None
    if len(body) < BYTES or body[BYTES:].strip(b"\x00\x2f"):
        raise DecodeError(f"{BYTES} bytes and padding are needed, not {len(body)}", content)
    status, start, total = (little(body, at, 4) for at in (1, 5, 9))
    if start > total:
        raise DecodeError("more at the month's start than now", content)
    words = (f"maker status {status:#x}",) if status else ()
    return Said((volume(_litres(total), main=True), volume(_litres(start), 1)), words)


def _litres(raw: int) -> Decimal:
    return Decimal(raw) / PARTS_OF_A_LITRE
