"""IMST iU891A-XL radio stick (and iM891A, iM881A): WiMOD HCI in SLIP frames, wireless M-Bus telegrams out."""

from collections.abc import Iterator

from drivers.model import DecodeError, Frame
from drivers.receivers.im871a import crc
from drivers.talk import Identity, Request, Said
from drivers.wmbus.link import HEADER_BYTES

BAUD = 115200

END, ESCAPE, ESCAPED_END, ESCAPED_ESCAPE = 0xC0, 0xDB, 0xDC, 0xDD  # RFC 1055
FRAME_BYTES_MAX = 2 * (2 + 8 + 256 + 2)  # every byte escaped

SAP_DEVICE, SAP_GATEWAY = 0x01, 0x09
DEVICE_INFO, FIRMWARE_INFO = 0x03, 0x05
GET_CONFIGURATION, SET_CONFIGURATION = 0x01, 0x03
TELEGRAM = 0x20
WAKE_UP_BYTES = 30  # ends of frames; the stick sleeps, and misses what comes first

# mm | 06 00 | 00 00 | 00 00 | 00 00 00 00     set the active configuration
# m: link mode   06: tell of telegrams heard and sent, pass none over   then: no pins, no LED, no calibration
CONFIGURATION = bytes.fromhex("0306000000000000000000")
LINK_MODES = {0: "off", 1: "S1", 2: "T1", 3: "C1+T1", 5: "C1", 6: "T1"}
MODULES = {0x6D: "iM891A-XL", 0x6E: "iU891A-XL", 0xA3: "iM881A-XL", 0x71: "iU893A-XL"}


def slip(endpoint: int, message: int, body: bytes = b"") -> bytes:
    """A whole frame: endpoint, message, body, CRC; escaped and between two ends."""
    plain = bytes((endpoint, message)) + body
    plain += crc(plain).to_bytes(2, "little")
    escaped = plain.replace(b"\xdb", b"\xdb\xdd").replace(b"\xc0", b"\xdb\xdc")
    return bytes((END,)) + escaped + bytes((END,))


START = bytes((END,)) * WAKE_UP_BYTES + slip(SAP_DEVICE, DEVICE_INFO)


class Framer:
    """Cuts at every end of a frame: a wrong byte costs the frame it is in."""

    def __init__(self) -> None:
        self._held = bytearray()
        self._overlong = False
        self._module = ""
        self._firmware = ""

    def feed(self, data: bytes) -> Iterator[Said]:
        *whole, rest = data.split(bytes((END,)))
        for piece in whole:
            self._keep(piece)
            held, overlong = bytes(self._held), self._overlong
            self._held.clear()
            self._overlong = False
            if overlong:
                yield DecodeError(f"iu891a: a frame longer than {FRAME_BYTES_MAX} bytes", held)
            elif held:
                yield from self._frame(held)
        self._keep(rest)

    def _keep(self, piece: bytes) -> None:
        room = FRAME_BYTES_MAX - len(self._held)
        self._overlong = self._overlong or len(piece) > room
        self._held += piece[:room]

    def _frame(self, held: bytes) -> Iterator[Said]:
        # EE MM body KK KK     E: endpoint   M: message   K: CRC over all before, low byte first
        raw = _unescaped(held)
        if raw is None or len(raw) < 4:
            yield DecodeError("iu891a: not a SLIP frame", held)
        elif crc(raw[:-2]) != int.from_bytes(raw[-2:], "little"):
            yield DecodeError("iu891a: CRC does not agree", held)
        elif raw[0] == SAP_GATEWAY and raw[1] == TELEGRAM:
            yield _telegram(raw[2:-2])
        else:
            yield from self._answered(raw[0], raw[1], raw[2:-2])

    def _answered(self, endpoint: int, message: int, body: bytes) -> Iterator[Said]:
        """What are you? -> firmware? -> set the link mode -> read it back -> Identity. An answer begins with its status."""
        match endpoint, message:
            case (0x01, 0x04) if len(body) >= 2:  # status, module, number
                self._module = MODULES.get(body[1], f"WiMOD module {body[1]:02x}")
                yield Request(slip(SAP_DEVICE, FIRMWARE_INFO))
            case (0x01, 0x06):  # status, minor, major
                self._firmware = f"{body[2]}.{body[1]}" if len(body) >= 3 and not body[0] else ""
                yield Request(slip(SAP_GATEWAY, SET_CONFIGURATION, CONFIGURATION))
            case (0x09, 0x04):
                if body[:1] != b"\x00":
                    yield DecodeError("iu891a: the stick refuses link mode C and T", body)
                yield Request(slip(SAP_GATEWAY, GET_CONFIGURATION))
            case (0x09, 0x02) if len(body) >= 2 and self._module:
                yield Identity(self._module, self._firmware, LINK_MODES.get(body[1], f"mode {body[1]}"))


def _unescaped(held: bytes) -> bytes | None:
    """None where an escape is followed by neither of its two meanings."""
    first, *rest = held.split(bytes((ESCAPE,)))
    plain = bytearray(first)
    for part in rest:
        if part[:1] == bytes((ESCAPED_END,)):
            plain.append(END)
        elif part[:1] == bytes((ESCAPED_ESCAPE,)):
            plain.append(ESCAPE)
        else:
            return None
        plain += part[1:]
    return bytes(plain)


def _telegram(body: bytes) -> Frame | DecodeError:
    # TT TT TT TT xx xx xx RR LL ...     T: time stamp   R: RSSI, signed dBm   L: the telegram from its L field on
    telegram = body[8:]
    if len(telegram) < HEADER_BYTES or len(telegram) != telegram[0] + 1:
        return DecodeError("iu891a: a telegram whose length is not its L field's", body)
    return Frame(telegram, int.from_bytes(body[7:8], signed=True))
