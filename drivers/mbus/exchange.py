"""One question on a wired bus and its one answer: the echo dropped, the frame checked, and whose answer it is."""

from collections.abc import Iterator

from drivers.mbus.decode import CI_APPLICATION_ERROR, CI_FIXED, CI_MSB_FIRST, CI_RECORDS, speaker
from drivers.mbus.framing import ACKNOWLEDGEMENT, FRAME_BYTES_MAX, LONG, SHORT, broken, expected_bytes
from drivers.mbus.requests import ADDRESS_SELECTED, ID_DIGITS
from drivers.model import Address, DecodeError, Frame, frozen
from drivers.wmbus import answers
from drivers.wmbus import layers as layering

# What a line that turns around may put before or behind an answer: a break or a lost start bit reads as 00 or FF.
GLITCH_BYTES = b"\x00\xff"
GLITCH_BYTES_MAX = 4

# The longest frame and the longest request's echo; noise is cut off there.
HEARD_BYTES_MAX = 2 * FRAME_BYTES_MAX

RSP_UD = 0x08
ACCESS_AND_FLOW = 0x30  # of the C field: the meter wants to be asked for alarms, or takes no orders now


class Exchange:
    """What comes after one request.

    Nothing ties an answer to its request but its sender's address: `refusal` compares it, and who saw a request
    fail lets the line fall silent before the next one (gateway/ports/mbus_line.py).
    """

    def __init__(self, request: bytes) -> None:
        self.request = request
        self._heard = b""
        self._done = False

    @property
    def begun(self) -> bool:
        """Whether more came than the echo of the request."""
        return bool(_behind_echo(self.request, self._heard))

    def feed(self, data: bytes) -> Iterator[Frame | DecodeError]:
        """Yield the answer once it is whole, or what it is instead; what comes after it is ignored."""
        self._heard += data[: HEARD_BYTES_MAX - len(self._heard)]
        outcome = None if self._done else _judged(self.request, self._heard, ended=False)
        if outcome is not None:
            self._done = True
            yield outcome

    def end(self) -> Frame | DecodeError | None:
        """All that came, when nothing more comes; None where nothing came. Two answers one after the other are none."""
        return _judged(self.request, self._heard, ended=True)


@frozen
class Asked:
    """Whom a request is for: a primary address, or whoever is selected. `address` None: whoever answers there."""

    primary: int = ADDRESS_SELECTED
    address: Address | None = None

    def __str__(self) -> str:
        if self.address is not None:
            return str(self.address)
        return "the selected meter" if self.primary == ADDRESS_SELECTED else f"primary address {self.primary}"


def asked_of(address: Address) -> Asked:
    """How one meter is asked of which only its address is known; one without a number has its primary one there."""
    if address.version is None and len(address.id) < ID_DIGITS:
        return Asked(int(address.id), address)
    return Asked(address=address)


def acknowledged(frame: Frame) -> DecodeError | None:
    """None for the one byte that a meter acknowledges with."""
    if frame.data[0] == ACKNOWLEDGEMENT:
        return None
    return DecodeError(f"{_what(frame.data)} in place of an acknowledgement", frame.data)


def refusal(frame: Frame, asked: Asked) -> DecodeError | None:
    """Why a whole frame is not the answer of whom was asked; None where it is."""
    data = frame.data
    if data[0] != LONG or data[4] & ~ACCESS_AND_FLOW != RSP_UD:
        return DecodeError(f"{_what(data)} in place of an answer", data)
    if asked.primary != ADDRESS_SELECTED and data[5] != asked.primary:
        return DecodeError(f"an answer of primary address {data[5]}, asked was {asked.primary}", data)
    ci = data[6]
    if ci == CI_APPLICATION_ERROR:
        return None
    if ci in CI_MSB_FIRST:
        return DecodeError(f"CI {ci:02X}: most significant byte first is not supported", data)
    if ci != CI_FIXED and ci not in CI_RECORDS:
        return DecodeError(f"{layering.named(ci)} is no answer with records", data)
    if (whose := speaker(frame)) is None:
        return DecodeError(f"{layering.named(ci)} whose header is cut short", data)
    if asked.address is not None and whose != asked.address:
        return DecodeError(f"an answer of {whose}, asked was {asked.address}", data)
    return None


def application_error(frame: Frame) -> DecodeError | None:
    """What a meter answers in place of values, in words."""
    data = frame.data
    if data[0] != LONG or data[6] != CI_APPLICATION_ERROR:
        return None
    return DecodeError(str(answers.said(CI_APPLICATION_ERROR, data[7:-2])), data)


def _what(data: bytes) -> str:
    if data[0] == ACKNOWLEDGEMENT:
        return "an acknowledgement"
    if data[0] == SHORT:
        return f"another master's request to {data[2]}"
    return f"a frame with C {data[4]:02X}"


def _behind_echo(request: bytes, heard: bytes) -> bytes:
    """What came behind the converter's echo of our own bytes; nothing while it may yet be one."""
    rest = _behind_glitch(heard)
    if rest.startswith(request):
        return _behind_glitch(rest[len(request) :])
    return b"" if request.startswith(rest) else rest


def _behind_glitch(heard: bytes) -> bytes:
    head, rest = heard[:GLITCH_BYTES_MAX], heard[GLITCH_BYTES_MAX:]
    head = head.lstrip(GLITCH_BYTES)
    return head + rest


def _judged(request: bytes, heard: bytes, *, ended: bool) -> Frame | DecodeError | None:
    data = _behind_echo(request, heard)
    if not data:
        return None
    size = expected_bytes(data)
    if size == 0:
        return DecodeError(f"{len(data)} bytes that begin with {data[:4].hex(' ').upper()} are no frame", data)
    if size > len(data):
        return DecodeError(f"cut short: {len(data)} of {size} bytes came", data) if ended else None
    frame, rest = data[:size], data[size:]
    if (fault := broken(frame)) is not None:
        return DecodeError(fault, data)
    if len(rest) > GLITCH_BYTES_MAX or rest.strip(GLITCH_BYTES):
        return DecodeError(f"{len(rest)} bytes came behind the answer: more than one meter answers", data)
    return Frame(frame)
