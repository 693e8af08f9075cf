"""An iU891A-XL stick's side of its talk, for the tests: telegrams it heard, and its answers to the host."""

from collections.abc import Iterator

from drivers.receivers.iu891a import (
    CONFIGURATION,
    DEVICE_INFO,
    END,
    FIRMWARE_INFO,
    GET_CONFIGURATION,
    SAP_DEVICE,
    SAP_GATEWAY,
    SET_CONFIGURATION,
    TELEGRAM,
    slip,
)

OK = b"\x00"

# module 6E, number 00000001; firmware 1.2, build 7: a made-up stick
_ANSWERS = {
    (SAP_DEVICE, DEVICE_INFO): OK + bytes.fromhex("6E01000000000000"),
    (SAP_DEVICE, FIRMWARE_INFO): OK + bytes.fromhex("02010700"),
    (SAP_GATEWAY, SET_CONFIGURATION): OK,
    (SAP_GATEWAY, GET_CONFIGURATION): OK + CONFIGURATION,
}


def heard(telegram: bytes, rssi_dbm: int) -> bytes:
    """What the stick writes when it heard a telegram (without CRCs, from its L field on)."""
    return slip(SAP_GATEWAY, TELEGRAM, bytes(7) + rssi_dbm.to_bytes(1, signed=True) + telegram)


def answers(request: bytes) -> Iterator[bytes]:
    """What the stick writes back to whole requests."""
    for frame in request.split(bytes((END,))):
        if frame and (answer := _ANSWERS.get((frame[0], frame[1]))) is not None:
            yield slip(frame[0], frame[1] + 1, answer)
