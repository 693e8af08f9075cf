"""IMST iM871A and iM170A radio sticks: WiMOD HCI frames in, wireless M-Bus telegrams out."""

from collections.abc import Iterator

from drivers.crc import CCITT, crc16
from drivers.model import DecodeError, Frame
from drivers.talk import Identity, Request, Said
from drivers.wmbus.link import C_FROM_METER, C_RELAYED, HEADER_BYTES

BAUD = 57600
START = bytes.fromhex("A5010F00")  # what are you?

# A5 01 03 06 | 00 02 0A 30 01 00     set the configuration until the next power cut:
# 02 0A: link mode C and T together   30 01 00: RSSI with each telegram, no time stamp
SET_C_AND_T = bytes.fromhex("A501030600020A300100")
SET_T = bytes.fromhex("A5010306000203300100")  # for firmware that knows no common mode
SET_RSSI = bytes.fromhex("A50103050000300100")  # the link mode stays: 169 MHz has six, and the operator chose one
GET_CONFIGURATION = bytes.fromhex("A5010500")

FIRMWARE_C_AND_T = 0x14
MODULES = {0x33: "iM871A", 0x36: "iM170A"}
MODULE_169_MHZ = 0x36
LINK_MODES = ("S1", "S1-m", "S2", "T1", "T2", "R2", "C1 A", "C1 B", "C2 A", "C2 B", "C1+T1")  # of the 868 MHz stick

FRAME_BYTES_MAX = 4 + 255 + 4 + 1 + 2
NOISE_BYTES_MAX = 64  # noise is handed on in pieces of this size
ANSWER_BYTES_MAX = 32  # a longer answer without CRC is taken for noise

SOF = 0xA5
ENDPOINT_DEVICE = 1
ENDPOINT_RADIO = 2
ENDPOINTS = range(1, 5)
MESSAGE_TELEGRAM = 3
ANSWER_DEVICE_INFO, ANSWER_SET, ANSWER_CONFIGURATION = 0x10, 0x04, 0x06
FLAG_RESERVED, FLAG_TIME, FLAG_RSSI, FLAG_CRC = 1, 2, 4, 8
_HEADER_BYTES = 4


def crc(data: bytes) -> int:
    """CRC of WiMOD HCI, over all after A5: CCITT reflected (8408), start FFFF, complemented; sent low byte first."""
    return crc16(CCITT, data, 0xFFFF) ^ 0xFFFF


class Framer:
    """Cuts the stick's frames. A wrong byte costs itself alone."""

    def __init__(self) -> None:
        self._held = bytearray()
        self._noise = bytearray()
        self._module = 0
        self._firmware = 0

    def feed(self, data: bytes) -> Iterator[Said]:
        for at in range(0, len(data), FRAME_BYTES_MAX):
            self._held += data[at : at + FRAME_BYTES_MAX]
            yield from self._cut()

    def _cut(self) -> Iterator[Said]:
        while self._held:
            size = _frame_bytes(self._held)
            if size is None or len(self._held) < size:
                return
            raw = bytes(self._held[:size])
            fault = _fault(raw) if size else None
            if size and fault is None:
                yield from self._noise_until_here()
                del self._held[:size]
                if raw[1] & 0x0F == ENDPOINT_RADIO and raw[2] == MESSAGE_TELEGRAM:
                    yield _telegram(raw)
                elif raw[1] & 0x0F == ENDPOINT_DEVICE:
                    yield from self._answered(raw[2], raw[_HEADER_BYTES : _HEADER_BYTES + raw[3]])
                continue
            if fault is not None:
                yield from self._noise_until_here()
                yield fault
            self._noise.append(self._held.pop(0))
            if len(self._noise) == NOISE_BYTES_MAX:
                yield from self._noise_until_here()

    def _answered(self, message: int, payload: bytes) -> Iterator[Said]:
        """What are you? -> set the configuration -> read it back -> Identity."""
        if message == ANSWER_DEVICE_INFO and len(payload) >= 3:
            # MM xx FF HH UU UU UU UU     M: module   F: firmware, two digits   H: version of the HCI   U: number
            self._module, self._firmware = payload[0], payload[2]
            if self._module == MODULE_169_MHZ:
                yield Request(SET_RSSI)
            else:
                yield Request(SET_C_AND_T if self._firmware >= FIRMWARE_C_AND_T else SET_T)
        elif message == ANSWER_SET:
            yield Request(GET_CONFIGURATION)
        elif message == ANSWER_CONFIGURATION and self._module:
            name = MODULES.get(self._module, f"WiMOD module {self._module:02x}")
            firmware = f"{self._firmware >> 4:x}.{self._firmware & 0x0F:x}"
            yield Identity(name, firmware, self._listens(payload))

    def _listens(self, payload: bytes) -> str:
        # II [DD] [MM] ...     I: which fields follow, from bit 0 on   D: device mode (bit 0)   M: link mode (bit 1)
        at = 1 + (payload[0] & 1) if payload else 0
        if not payload or not payload[0] & 2 or len(payload) <= at:
            return ""
        mode = payload[at]
        if self._module == MODULE_169_MHZ or mode >= len(LINK_MODES):
            return f"mode {mode}"
        return LINK_MODES[mode]

    def _noise_until_here(self) -> Iterator[DecodeError]:
        if self._noise:
            yield DecodeError(f"im871a: {len(self._noise)} bytes outside of frames", bytes(self._noise))
            self._noise.clear()


def _frame_bytes(held: bytearray) -> int | None:
    """Size of the frame that starts here; 0 where none can start, None where more bytes are needed to say."""
    # A5 FE MM LL payload [TT TT TT TT] [RR] [KK KK]
    # F: flags   E: endpoint   M: message   L: payload's length   T: time stamp   R: RSSI   K: CRC
    if held[0] != SOF:
        return 0
    if len(held) < 2:
        return None
    flags, endpoint = held[1] >> 4, held[1] & 0x0F
    if flags & FLAG_RESERVED or endpoint not in ENDPOINTS:
        return 0
    if len(held) < _HEADER_BYTES:
        return None
    tail = (4 if flags & FLAG_TIME else 0) + (1 if flags & FLAG_RSSI else 0) + (2 if flags & FLAG_CRC else 0)
    return _HEADER_BYTES + held[3] + tail


def _fault(raw: bytes) -> DecodeError | None:
    """What speaks against a frame: its CRC or, where the stick sends none, a content that cannot be."""
    flags, endpoint, message, size = raw[1] >> 4, raw[1] & 0x0F, raw[2], raw[3]
    if flags & FLAG_CRC and crc(raw[1:-2]) != int.from_bytes(raw[-2:], "little"):
        return DecodeError("im871a: CRC does not agree", raw)
    if endpoint == ENDPOINT_RADIO and message == MESSAGE_TELEGRAM:
        if size < HEADER_BYTES - 1 or raw[_HEADER_BYTES] & ~C_RELAYED not in C_FROM_METER:
            return DecodeError("im871a: what the stick hands on is no meter's telegram", raw)
    elif not flags & FLAG_CRC and size > ANSWER_BYTES_MAX:
        return DecodeError(f"im871a: an answer of {size} bytes without CRC", raw)
    return None


def _telegram(raw: bytes) -> Frame:
    """The stick hands on a telegram without its L field; the HCI length is the same number."""
    flags, size = raw[1] >> 4, raw[3]
    end = _HEADER_BYTES + size
    rssi = None
    if flags & FLAG_RSSI:
        rssi = _dbm(raw[end + (4 if flags & FLAG_TIME else 0)])
    return Frame(bytes((size,)) + raw[_HEADER_BYTES:end], rssi)


def _dbm(raw: int) -> int:
    """Half decibels above -122.5 dBm, as the stick's manual has it; above 230 it is saturated."""
    return 0 if raw >= 230 else (raw - 45) // 2 - 100
