"""An RC1180-MBUS module's side of its talk, for the tests: telegrams it heard, and its answers to the host."""

from collections.abc import Iterator

from drivers.receivers.rc1180 import (
    AT_BAUD,
    AT_INTERFACE,
    AT_MODE,
    AT_RSSI,
    BAUD_19200,
    LIST_MEMORY,
    MEMORY_BYTES,
    PROMPT,
    START,
)

CHANNEL_T1 = 12


def heard(telegram: bytes, rssi_dbm: int | None) -> bytes:
    """What the module writes when it heard a telegram; its signal only where the module is set to add it."""
    return telegram if rssi_dbm is None else telegram + bytes((-2 * rssi_dbm,))


def answers(request: bytes, *, rssi: bool = True, interface: int = 0) -> Iterator[bytes]:
    """What the module writes back, byte by byte of the request."""
    prompt = bytes((PROMPT,))
    for byte in request:
        if byte == START[0]:
            yield prompt
        elif byte == LIST_MEMORY[0]:
            memory = bytearray((CHANNEL_T1,)) + bytearray(127) + b"\xff" * (MEMORY_BYTES - 128)
            memory[AT_MODE], memory[AT_RSSI], memory[AT_BAUD], memory[AT_INTERFACE] = 1, rssi, BAUD_19200, interface
            yield bytes(memory) + prompt
