"""Lines of text of any kind that we know, each judged by itself: hex digits, rtl_wmbus, rtl_433."""

from collections.abc import Iterator

from drivers.model import DecodeError, Frame
from drivers.receivers import hexlines, rtl_433
from drivers.receivers.lines import Lines

LINE_BYTES_MAX = max(hexlines.LINE_BYTES_MAX, rtl_433.LINE_BYTES_MAX)


class Framer:
    """For where lines of several senders come together, as from a broker."""

    def __init__(self) -> None:
        self._lines = Lines("text", LINE_BYTES_MAX)

    def feed(self, data: bytes) -> Iterator[Frame | DecodeError]:
        for line in self._lines.feed(data):
            if isinstance(line, DecodeError):
                yield line
            elif rtl_433.is_telling(line):
                yield from rtl_433.telegrams(line)
            else:
                yield from hexlines.telegrams(line)
