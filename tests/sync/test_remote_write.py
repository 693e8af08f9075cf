"""Remote write, read back by a reader of its own: snappy's block format and protobuf's wire types, from their specifications."""

import struct
from collections.abc import Iterator

from hypothesis import given
from hypothesis import strategies as st

from sync import remote_write
from sync.remote_write import LITERAL_BYTES_MAX


def varint(data: bytes, at: int) -> tuple[int, int]:
    number = shift = 0
    while True:
        number |= (data[at] & 127) << shift
        at, shift = at + 1, shift + 7
        if data[at - 1] < 128:
            return number, at


def unsnap(block: bytes) -> bytes:
    """google/snappy, format_description.txt: sections 1 and 2.1; copies (2.2) must not be there."""
    length, at = varint(block, 0)
    out = b""
    while at < len(block):
        tag, at = block[at], at + 1
        assert tag & 3 == 0, "no literal"
        size = tag >> 2
        if size >= 60:
            more = size - 59
            size, at = int.from_bytes(block[at : at + more], "little"), at + more
        assert at + size + 1 <= len(block)
        out, at = out + block[at : at + size + 1], at + size + 1
    assert len(out) == length
    return out


def fields(data: bytes) -> Iterator[tuple[int, bytes | int | float]]:
    at = 0
    while at < len(data):
        key, at = varint(data, at)
        value: bytes | int | float
        match key & 7:
            case 0:
                value, at = varint(data, at)
            case 1:
                (value,) = struct.unpack_from("<d", data, at)
                at += 8
            case 2:
                size, at = varint(data, at)
                value = data[at : at + size]
                assert len(value) == size
                at += size
            case wire:
                raise AssertionError(f"wire type {wire}")
        yield key >> 3, value


def messages(data: bytes, number: int) -> list[bytes]:
    return [value for which, value in fields(data) if which == number and isinstance(value, bytes)]


def read(request: bytes) -> list[tuple[list[tuple[str, str]], list[tuple[int, float]]]]:
    found = []
    for one in messages(unsnap(request), 1):
        pairs = [[bytes(value).decode() for _, value in fields(label)] for label in messages(one, 1)]  # type: ignore[arg-type] # strings
        samples = [dict(fields(sample)) for sample in messages(one, 2)]
        labels = [(name, value) for name, value in pairs]
        found.append((labels, [(int(each[2]), float(each[1])) for each in samples]))
    return found


@given(st.binary() | st.integers(LITERAL_BYTES_MAX - 2, 3 * LITERAL_BYTES_MAX + 2).map(lambda size: b"x" * size))
def test_what_was_packed_comes_out_again(data: bytes) -> None:
    assert unsnap(remote_write.snappy(data)) == data


TIMES = st.integers(0, 2**40)
SERIES = st.tuples(
    st.from_regex(r"[a-z_]{1,20}", fullmatch=True),
    st.dictionaries(st.from_regex(r"[a-z]{1,9}", fullmatch=True), st.text(min_size=1), max_size=4),
    st.lists(st.tuples(TIMES, st.floats(allow_nan=False)), max_size=5),
)


@given(st.lists(SERIES, max_size=4))
def test_each_sample_comes_out_under_its_labels_in_order(
    every: list[tuple[str, dict[str, str], list[tuple[int, float]]]],
) -> None:
    got = read(remote_write.request(remote_write.time_series(*one) for one in every))
    assert got == [
        (sorted({"__name__": name, **labels}.items()), [(at * 1000, value) for at, value in samples])
        for name, labels, samples in every
    ]


def test_an_example_by_hand() -> None:
    #         length literal   field 1: label (name 1, value 2)                sample (double 1, varint 2)
    label = b"\x0a\x0d" + b"\x0a\x08__name__" + b"\x12\x01a"
    sample = b"\x12\x0c" + b"\x09" + bytes(6) + b"\xf8\x3f" + b"\x10\xe8\x07"
    one = b"\x0a" + bytes((len(label + sample),)) + label + sample
    assert remote_write.request([remote_write.time_series("a", {}, [(1, 1.5)])]) == (
        bytes((len(one),)) + b"\xf4" + struct.pack("<H", len(one) - 1) + one
    )
