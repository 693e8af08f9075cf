"""Wired M-Bus: cuts the byte stream of a level converter into frames (EN 13757-2) and reads what a meter answered."""

from collections.abc import Iterator
from dataclasses import replace

from drivers import mbus_fixed, meters
from drivers.model import Address, DecodeError, Frame, Medium, State, Telegram
from drivers.wmbus import answers, records, security
from drivers.wmbus import layers as layering
from drivers.wmbus.layers import Layers
from drivers.wmbus.link import Identity
from drivers.wmbus.security import Shut
from drivers.wmbus.understood import understood

# E5                              acknowledgement
# 10 CC AA KK 16                  short frame
# 68 LL LL 68 CC AA CI ... KK 16  long frame; without data it is a control frame, L = 3
# L: bytes from C up to the checksum   A: primary address   K: sum of these bytes
ACKNOWLEDGEMENT = 0xE5
SHORT = 0x10
LONG = 0x68
STOP = 0x16

SHORT_BYTES = 5
OVERHEAD_BYTES = 6  # of a long frame, beside the L bytes
FRAME_BYTES_MAX = 255 + OVERHEAD_BYTES
NOISE_BYTES_MAX = 256  # said at last as one error; it is counted, not kept for ever

CI_APPLICATION_ERROR = 0x70
CI_RECORDS = (0x72, 0x78, 0x7A)  # long, no and short header, least significant byte first
CI_FIXED = 0x73
CI_MSB_FIRST = (0x74, 0x76, 0x77)

UNKNOWN = Identity(bytes(2), bytes(4), 0, 0)


class Framer:
    """Frames of a wired bus. Holds at most FRAME_BYTES_MAX bytes; after a broken frame it looks on one byte later."""

    def __init__(self) -> None:
        self._held = bytearray()
        self._noise = bytearray()

    def feed(self, data: bytes) -> Iterator[Frame | DecodeError]:
        """Take bytes, give what became whole. Noise is one error, said when the next frame begins or its bound is met."""
        for at in range(0, len(data), FRAME_BYTES_MAX):
            self._held += data[at : at + FRAME_BYTES_MAX]
            yield from self._cut()

    def _cut(self) -> Iterator[Frame | DecodeError]:
        while self._held:
            size = _expected_bytes(self._held)
            if size > len(self._held):
                return
            frame = bytes(self._held[:size])
            if size and _broken(frame) is None:
                del self._held[:size]
                yield from self._said_noise()
                yield Frame(frame)
                continue
            self._noise.append(self._held.pop(0))
            if len(self._noise) == NOISE_BYTES_MAX:
                yield from self._said_noise()

    def _said_noise(self) -> Iterator[DecodeError]:
        if self._noise:
            yield DecodeError(f"{len(self._noise)} bytes are no whole frame", bytes(self._noise))
            self._noise.clear()


def decode(frame: Frame, key: bytes | None = None) -> Telegram:
    """What a meter answered. DecodeError where the frame itself is broken or carries nothing, as an acknowledgement.

    A frame whose records cannot be followed to their end is INVALID and gives no reading at all.
    """
    data = frame.data
    if (fault := _broken(data)) is not None:
        raise DecodeError(fault, data)
    if data[0] != LONG:
        raise DecodeError("an acknowledgement or a short frame carries no reading", data)
    primary = Address("mbus", str(data[5]))
    ci, body = data[6], data[6:-2]
    if ci == CI_APPLICATION_ERROR:
        return Telegram(primary, State.INVALID, error=str(answers.said(ci, body[1:])))
    if ci == CI_FIXED:
        return mbus_fixed.decode(body[1:])
    if ci in CI_MSB_FIRST:
        return Telegram(primary, State.UNSUPPORTED, error=f"CI {ci:02X}: most significant byte first")
    if ci not in CI_RECORDS:
        return Telegram(primary, State.UNSUPPORTED, error=f"{layering.named(ci)} is no answer with records")
    return _records(layering.peel_inner(Layers(UNKNOWN), body), primary, key)


def more_follows(frame: Frame) -> bool:
    """Whether the meter has more to say: ask again with the frame count bit toggled (EN 13757-3, DIF 1F)."""
    data = frame.data
    if _broken(data) is not None or data[0] != LONG or data[6] not in CI_RECORDS:
        return False
    try:
        return records.decode(layering.peel_inner(Layers(UNKNOWN), data[6:-2]).payload).more
    except DecodeError:
        return False


def _expected_bytes(held: bytearray) -> int:
    """Length of the frame that begins here, more than is held while it cannot be told, 0 where none begins."""
    match held[0]:
        case 0xE5:
            return 1
        case 0x10:
            return SHORT_BYTES
        case 0x68 if len(held) < 4:
            return 4 if len(held) < 3 or held[1] == held[2] else 0
        case 0x68:
            return held[1] + OVERHEAD_BYTES if held[1] == held[2] and held[3] == LONG and held[1] >= 3 else 0
        case _:
            return 0


def _broken(data: bytes) -> str | None:
    """What is wrong with a frame's own bytes, or None."""
    if data == bytes((ACKNOWLEDGEMENT,)):
        return None
    if len(data) == SHORT_BYTES and data[0] == SHORT:
        counted = data[1:3]
    else:
        if len(data) < OVERHEAD_BYTES + 3 or data[0] != LONG or data[3] != LONG:
            return f"a frame begins with 68 LL LL 68, not {data[:4].hex(' ').upper()}"
        if data[1] != data[2] or data[1] + OVERHEAD_BYTES != len(data):
            return f"L fields {data[1]} and {data[2]} do not agree with {len(data)} bytes"
        counted = data[4:-2]
    if data[-1] != STOP:
        return f"a frame ends with 16, not {data[-1]:02X}"
    if sum(counted) & 0xFF != data[-2]:
        return f"checksum {data[-2]:02X}, the bytes sum up to {sum(counted) & 0xFF:02X}"
    return None


def _records(layers: Layers, primary: Address, key: bytes | None) -> Telegram:
    tpl = layers.tpl
    assert tpl is not None, "the CI field is one of the transport layer"
    address, medium, model = primary, Medium.OTHER, None
    if tpl.identity:
        address = replace(tpl.identity.address, protocol="mbus")
        model = meters.model(address.manufacturer, tpl.identity.version, tpl.identity.device_type)
        medium = (model and model.medium) or records.medium(tpl.identity.device_type)
    telegram = Telegram(
        address, State.DECODED, medium, status=records.status_words(tpl.status, model), access_number=tpl.access_number
    )
    content, sure = layers.payload, True
    if tpl.mode in (5, 7):
        opened = security.open_content(layers, key)
        if isinstance(opened, Shut):
            return replace(telegram, state=opened.state, error=opened.error, encrypted=True)
        content, sure = opened.content, opened.sure
        telegram = replace(telegram, encrypted=opened.encrypted)
    elif tpl.mode:
        sure = False  # this field was no security word before 2005, and older meters fill it as they like
    read = records.decode(content, model)
    if not sure and read.faults:
        return replace(telegram, state=State.UNSUPPORTED, error=f"security mode {tpl.mode}: {read.faults[0]}")
    if read.torn is not None:
        return replace(telegram, state=State.INVALID, faults=read.faults, error=str(read.torn))
    read = understood(read, model)
    telegram = replace(
        telegram,
        readings=records.main(read.readings, medium),
        status=tuple(dict.fromkeys(telegram.status + read.status)),
        faults=read.faults,
    )
    if read.readings:
        return telegram
    if read.faults:
        return replace(telegram, state=State.INVALID, error=str(read.faults[0]))
    if read.manufacturer_data:
        return replace(telegram, state=State.UNSUPPORTED, error="only the manufacturer's own data")
    return replace(telegram, state=State.NO_DATA, error="the meter states no value")
