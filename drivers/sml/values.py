"""One value of an SML message: a byte that says its type and length, then the value, or a list of them."""

from drivers.model import DecodeError

# MTTTLLLL     M: another such byte follows   T: type   L: length, four bits more with each further byte
#              length counts these bytes too; a list's counts its elements. 01: left out. 00: end of the message.
OCTETS, BOOLEAN, INTEGER, UNSIGNED, LIST = 0, 4, 5, 6, 7
LEFT_OUT, END_OF_MESSAGE = 0x01, 0x00

# A message has at most seven levels: message, body, list response, list, entry, time, local time.
DEPTH_MAX = 8
LENGTH_BYTES_MAX = 4
INTEGER_BYTES_MAX = 8


class End:
    """What ends a message."""


class Signed(int):
    """A signed number, and how many bytes it was sent in."""

    size: int


Value = None | bool | int | bytes | End | list["Value"]
END = End()


def read(data: bytes, at: int, depth: int = 0) -> tuple[Value, int]:
    """The value that begins at `at`, and where the next one does. DecodeError where the bytes do not hold it."""
    first = _byte(data, at)
    if first == LEFT_OUT:
        return None, at + 1
    if first == END_OF_MESSAGE:
        return END, at + 1
    kind, length, begin = first >> 4 & 7, first & 0x0F, at + 1
    while _byte(data, begin - 1) & 0x80:
        if begin - at >= LENGTH_BYTES_MAX:
            raise DecodeError(f"sml: byte {at}: a length of more than {LENGTH_BYTES_MAX} bytes", data)
        length = length << 4 | _byte(data, begin) & 0x0F
        begin += 1
    if kind == LIST:
        return _list(data, begin, length, depth + 1)
    end = at + length
    size = end - begin
    if size < 0 or end > len(data):
        raise DecodeError(f"sml: byte {at}: {length} bytes are announced, {len(data) - at} are left", data)
    raw = data[begin:end]
    match kind:
        case 0:
            return raw, end
        case 4 if size == 1:
            return raw != b"\0", end
        case 5 if 1 <= size <= INTEGER_BYTES_MAX:
            number = Signed.from_bytes(raw, "big", signed=True)
            number.size = size
            return number, end
        case 6 if 1 <= size <= INTEGER_BYTES_MAX:
            return int.from_bytes(raw, "big"), end
    raise DecodeError(f"sml: byte {at}: no type {kind} has {size} bytes", data)


def _list(data: bytes, at: int, length: int, depth: int) -> tuple[Value, int]:
    if depth > DEPTH_MAX:
        raise DecodeError(f"sml: byte {at}: lists nested more than {DEPTH_MAX} deep", data)
    if length > len(data) - at:
        raise DecodeError(f"sml: byte {at}: {length} elements are announced, {len(data) - at} bytes are left", data)
    elements: list[Value] = []
    for _ in range(length):
        element, at = read(data, at, depth)
        elements.append(element)
    return elements, at


def _byte(data: bytes, at: int) -> int:
    if at >= len(data):
        raise DecodeError(f"sml: {len(data)} bytes end within a value", data)
    return data[at]
