"""An AMB8465 or AMB3665 stick's side of its talk, for the tests: telegrams it heard, and its answers to the host."""

from collections.abc import Iterator

from drivers.receivers.amb8465 import (
    ANSWER,
    DATA,
    GET_FIRMWARE,
    GET_PARAMETERS,
    PARAMETER_COMMANDS,
    PARAMETER_MODE,
    PARAMETER_RSSI,
    PARAMETERS_169,
    PARAMETERS_868,
    SET_MODE,
    SOF,
    checked,
)

FIRMWARE = bytes((2, 0, 6))
MODE_T = 0x08


def heard(telegram: bytes, rssi_dbm: int | None, *, commands: bool = True) -> bytes:
    """What the stick writes when it heard a telegram; with or without command frames, with or without its signal."""
    signal = b"" if rssi_dbm is None else ((rssi_dbm + 74) * 2 & 0xFF).to_bytes(1)
    content = telegram[1:] + signal
    return checked(DATA, content) if commands else bytes((len(content),)) + content


def answers(request: bytes, *, commands: bool = True, rssi: bool = True, is_169: bool = False) -> Iterator[bytes]:
    """What the stick writes back to whole requests."""
    parameters = bytearray(PARAMETERS_169 if is_169 else PARAMETERS_868)
    parameters[1] = len(parameters) - 2
    parameters[PARAMETER_COMMANDS] = commands
    parameters[PARAMETER_RSSI] = rssi
    parameters[PARAMETER_MODE] = MODE_T
    said = {GET_PARAMETERS: bytes(parameters), GET_FIRMWARE: FIRMWARE, SET_MODE: b"\x00"}
    at = 0
    while at + 4 <= len(request):
        if request[at] == SOF and (answer := said.get(request[at + 1])) is not None:
            yield checked(ANSWER | request[at + 1], answer)
        at += 4 + request[at + 2]
