"""Figures as Prometheus remote write 1.0 says them: a protobuf message in a snappy block. Pure functions of values.

"Prometheus Remote-Write 1.0 specification", and the messages in prometheus/prompb/remote.proto and types.proto:

    WriteRequest { repeated TimeSeries timeseries = 1; }
    TimeSeries { repeated Label labels = 1; repeated Sample samples = 2; }
    Label { string name = 1; string value = 2; }      Sample { double value = 1; int64 timestamp = 2; }   milliseconds
"""

import struct
from collections.abc import Iterable, Iterator, Mapping

HEADERS = {
    "Content-Encoding": "snappy",
    "Content-Type": "application/x-protobuf",
    "X-Prometheus-Remote-Write-Version": "0.1.0",
}
NAME = "__name__"
LITERAL_BYTES_MAX = 65_536


def request(every: Iterable[bytes]) -> bytes:
    """A WriteRequest of what `time_series` made."""
    return snappy(b"".join(every))


def time_series(name: str, labels: Mapping[str, str], samples: Iterable[tuple[int, float]]) -> bytes:
    """A TimeSeries as a field of a WriteRequest; UTC seconds before each value. Labels are in order, as the specification wants."""
    said = b"".join(
        _bytes(1, _bytes(1, label.encode()) + _bytes(2, value.encode()))
        for label, value in sorted({NAME: name, **labels}.items())
    )
    return _bytes(1, said + b"".join(_bytes(2, _sample(at, value)) for at, value in samples))


def snappy(data: bytes) -> bytes:
    """A snappy block that is not smaller: its length, and all of it in literals (google/snappy, format_description.txt, 2.1).

    A box sends some kilobytes a day; what compresses would be one more library.
    """
    return _varint(len(data)) + b"".join(_literals(data))


def _literals(data: bytes) -> Iterator[bytes]:
    # A tag of 61 << 2: the two bytes behind it, the low one first, are the literal's length less one.
    for start in range(0, len(data), LITERAL_BYTES_MAX):
        piece = data[start : start + LITERAL_BYTES_MAX]
        yield struct.pack("<BH", 61 << 2, len(piece) - 1) + piece


def _sample(at: int, value: float) -> bytes:
    # Protocol Buffers, "Encoding": a field's number and its wire type, 1 of 64 bits and 0 of a varint.
    return b"\x09" + struct.pack("<d", value) + b"\x10" + _varint(at * 1000)


def _bytes(number: int, data: bytes) -> bytes:
    return _varint(number << 3 | 2) + _varint(len(data)) + data


def _varint(number: int) -> bytes:
    """Seven bits a byte, the low ones first; times before 1970 are none of a meter's."""
    out = bytearray()
    while number > 127:
        out.append(number & 127 | 128)
        number >>= 7
    out.append(number)
    return bytes(out)
