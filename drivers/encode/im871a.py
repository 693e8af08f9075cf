"""An iM871A stick's side of WiMOD HCI, for the demo and the tests: telegrams it heard, and its answers to the host."""

from collections.abc import Iterator

from drivers.receivers.im871a import (
    ENDPOINT_DEVICE,
    ENDPOINT_RADIO,
    FLAG_CRC,
    FLAG_RSSI,
    MESSAGE_TELEGRAM,
    SOF,
    crc,
)

PING, DEVICE_INFO, SET_CONFIGURATION, GET_CONFIGURATION = 0x01, 0x0F, 0x03, 0x05

# module 33, mode 00, firmware 14, HCI 17, number 00000001: a made-up stick that knows link mode C and T
DEVICE_868 = bytes.fromhex("3300141701000000")
DEVICE_868_OLD = bytes.fromhex("3300131701000000")
DEVICE_169 = bytes.fromhex("3600141701000000")


def heard(telegram: bytes, rssi_dbm: int) -> bytes:
    """What the stick writes when it heard a telegram (without CRCs, from its L field on)."""
    raw = max(0, min(229, (rssi_dbm + 100) * 2 + 45))
    return _frame(ENDPOINT_RADIO, MESSAGE_TELEGRAM, telegram[1:], bytes((raw,)))


def answers(request: bytes, device: bytes = DEVICE_868) -> Iterator[bytes]:
    """What the stick writes back to whole requests of the host: ping, device info, set and get configuration."""
    said = {
        PING: b"",
        DEVICE_INFO: device,
        SET_CONFIGURATION: b"",
        # link mode 3 for a stick that knows no common one, else 10; RSSI, no time stamp
        GET_CONFIGURATION: b"\x02\x03\x30\x01\x00" if device == DEVICE_868_OLD else b"\x02\x0a\x30\x01\x00",
    }
    at = 0
    while at + 4 <= len(request):
        if request[at] != SOF:
            at += 1
            continue
        message = request[at + 2]
        if request[at + 1] & 0x0F == ENDPOINT_DEVICE and message in said:
            yield _frame(ENDPOINT_DEVICE, message + 1, said[message])
        at += 4 + request[at + 3]


def _frame(endpoint: int, message: int, payload: bytes, rssi: bytes = b"") -> bytes:
    flags = FLAG_CRC | (FLAG_RSSI if rssi else 0)
    body = bytes((flags << 4 | endpoint, message, len(payload))) + payload + rssi
    return bytes((SOF,)) + body + crc(body).to_bytes(2, "little")
