"""Builds wired M-Bus frames as a meter sends them (EN 13757-2, EN 13757-3)."""

from drivers.mbus.requests import LONG_BYTES_MAX as LONG_BYTES_MAX
from drivers.mbus.requests import SND_UD as SND_UD
from drivers.mbus.requests import long as long
from drivers.mbus.requests import maker_bytes
from drivers.mbus.requests import request as request
from drivers.mbus.requests import reset as reset
from drivers.mbus.requests import select as select

ACKNOWLEDGEMENT = b"\xe5"
RSP_UD = 0x08
CI_LONG_HEADER = 0x72


def identity(id_: str, manufacturer: str, version: int, device_type: int) -> bytes:
    """The eight bytes of a meter's secondary address."""
    return bytes.fromhex(id_)[::-1] + maker_bytes(manufacturer) + bytes((version, device_type))


def answer(identity: bytes, records: bytes, access_number: int = 0, status: int = 0, address: int = 1) -> bytes:
    """RSP_UD with the long header, not encrypted."""
    header = identity + bytes((access_number, status)) + bytes(2)
    return long(RSP_UD, address, CI_LONG_HEADER, header + records)
