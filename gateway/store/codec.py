"""Points as bytes: a day's chunk of one series, and a commit's points of all series.

Both are little-endian, carry their own exponents and end in a CRC-32, SQLite having none: a card that forgets a bit
must not change a reading. Decoding runs in zlib, array and itertools, not in a Python loop.
"""

from __future__ import annotations

import math
import struct
import sys
import zlib
from array import array
from collections import Counter
from collections.abc import Sequence
from itertools import accumulate
from operator import add, sub
from typing import TypeAlias

assert sys.byteorder == "little", "chunks are little-endian"

CODES = "bhiq"
CHUNK = 1
ROW = 1
CHUNK_POINTS_MAX = 200_000
ROW_POINTS_MAX = 1 << 24

# Times of a chunk: one step (REGULAR); the step and what each interval differs from it (INTERVALS); or, for a meter
# that keeps its rhythm but jitters and misses, slots of the rhythm and what each time differs from its slot (SLOTS).
REGULAR, INTERVALS, SLOTS = 0, 1, 2

# A jump that does not fit the common width is written apart, its place held by the narrow type's lowest number:
# one appliance switched on would otherwise double the width of the whole day.
JUMPS_SHARE_MAX = 8


class DamagedError(ValueError):
    """Bytes that no encoder here wrote."""


def encode(exponent: int, ats: Sequence[int], values: Sequence[int]) -> bytes:
    """One series' points in rising order of time, at least one, as a chunk."""
    n = len(ats)
    assert 0 < n == len(values) <= CHUNK_POINTS_MAX
    kind, step, times = _encode_times(ats)
    deltas = list(map(sub, values[1:], values))
    factor = math.gcd(*deltas) or 1
    if factor > 1:
        deltas = [delta // factor for delta in deltas]
    head = bytearray((CHUNK, kind))
    for number in (_zigzag(exponent), n, _zigzag(ats[0]), _zigzag(values[0]), step, factor, len(times)):
        _put(head, number)
    return _sealed(bytes(head) + times + _encode_column(deltas))


def decode(data: bytes) -> tuple[int, list[int], list[int]]:
    """Exponent, times, values of a chunk; DamagedError for any other bytes."""
    try:
        return _decode(_unsealed(data))
    except (IndexError, OverflowError, ValueError, zlib.error) as error:
        raise DamagedError(f"chunk: {error}") from None


def _decode(data: bytes) -> tuple[int, list[int], list[int]]:
    if data[0] != CHUNK or data[1] > SLOTS:
        raise DamagedError(f"format {CHUNK} is known, not {data[0]}.{data[1]}")
    numbers = []
    place = 2
    for _ in range(7):
        number, place = _get(data, place)
        numbers.append(number)
    exponent, n, first_at, first, step, factor, times_bytes = numbers
    if not 0 < n <= CHUNK_POINTS_MAX or place + times_bytes > len(data):
        raise DamagedError(f"{n} points, {times_bytes} bytes of times in {len(data)}")
    ats = _decode_times(data[1], n, _unzigzag(first_at), step, data[place : place + times_bytes])
    deltas = _decode_column(data[place + times_bytes :], n - 1)
    if factor > 1:
        deltas = [delta * factor for delta in deltas]
    return _unzigzag(exponent), ats, list(accumulate(deltas, initial=_unzigzag(first)))


def _encode_times(ats: Sequence[int]) -> tuple[int, int, bytes]:
    n = len(ats)
    if n == 1:
        return REGULAR, 0, b""
    first = ats[0]
    step = ats[1] - first
    if ats[-1] - first == step * (n - 1) and list(ats) == list(range(first, first + step * n, step)):
        return REGULAR, step, b""
    since = [at - first for at in ats]
    deltas = list(map(sub, since[1:], since))
    met = Counter(deltas)
    step = _middle(met)
    half = step // 2
    shifted = [second + half for second in since]
    rests = [second % step for second in shifted]
    # A jitter counts twice in intervals, a drift adds up in slots; the number of different values tells them apart.
    if len(set(rests)) >= len(met):
        return INTERVALS, step, _encode_column([delta - step for delta in deltas])
    slots = [second // step for second in shifted]
    skipped = _encode_column([pace - 1 for pace in map(sub, slots[1:], slots)])
    head = bytearray()
    _put(head, len(skipped))
    return SLOTS, step, bytes(head) + skipped + _encode_column([rest - half for rest in rests])


def _middle(met: Counter[int]) -> int:
    """The median of numbers that were met so many times."""
    place = met.total() // 2
    for number in sorted(met):
        place -= met[number]
        if place < 0:
            return number
    raise AssertionError("no number was met")


def _decode_times(kind: int, n: int, first: int, step: int, data: bytes) -> list[int]:
    if kind == REGULAR:
        return list(range(first, first + step * n, step)) if step else [first] * n
    if kind == INTERVALS:
        deltas = _decode_column(data, n - 1)
        return list(accumulate([delta + step for delta in deltas], initial=first))
    length, place = _get(data, 0)
    skipped = _decode_column(data[place : place + length], n - 1)
    rests = _decode_column(data[place + length :], n)
    # Most slots follow one another: only the skipped ones need a product.
    paces = [step + step * skip if skip else step for skip in skipped]
    return list(map(add, accumulate(paces, initial=first), rests))


def _encode_column(numbers: Sequence[int]) -> bytes:
    """Signed numbers: width, jumps that do not fit it, byte planes, deflated."""
    if not any(numbers):
        return b""
    try:
        # Most columns fit one byte, and packing them says so sooner than their least and greatest number do.
        return _deflated(0, 0, 0, struct.pack(f"{len(numbers)}b", *numbers))
    except struct.error:
        pass
    column, jumps = list(numbers), []
    width = 0
    full = _width(min(column), max(column))
    while width < full:
        hole = -(1 << (8 * (1 << width) - 1))
        high = ~hole
        places = [place for place, number in enumerate(column) if number > high or number <= hole]
        if len(places) * JUMPS_SHARE_MAX <= len(column):
            jumps = [column[place] for place in places]
            for place in places:
                column[place] = hole
            break
        width += 1
    jumps_width = _width(min(jumps), max(jumps)) if jumps else 0
    planes = _planes(pack_numbers(CODES[width], column)) + _planes(pack_numbers(CODES[jumps_width], jumps))
    return _deflated(width, jumps_width, len(jumps), planes)


def _deflated(width: int, jumps_width: int, jumps_count: int, planes: bytes) -> bytes:
    head = bytearray((width | jumps_width << 2,))
    _put(head, jumps_count)
    # FILTERED: the noise of deltas gains from Huffman codes, and loses by short matches (3 % smaller).
    deflate = zlib.compressobj(9, zlib.DEFLATED, -zlib.MAX_WBITS, 9, zlib.Z_FILTERED)
    return bytes(head) + deflate.compress(planes) + deflate.flush()


def _decode_column(data: bytes, n: int) -> list[int]:
    if not data:
        return [0] * n
    width, jumps_width = data[0] & 3, data[0] >> 2 & 3
    jumps_count, place = _get(data, 1)
    if jumps_count > n:
        raise DamagedError(f"{jumps_count} jumps in {n} points")
    split = n << width
    size = split + (jumps_count << jumps_width)
    inflate = zlib.decompressobj(-zlib.MAX_WBITS)
    planes = inflate.decompress(data[place:], size + 1)
    if len(planes) != size or not inflate.eof:
        raise DamagedError(f"{size} bytes are needed for {n} points, not {len(planes)}")
    column = _unplanes(CODES[width], planes[:split]).tolist()
    hole = -(1 << (8 * (1 << width) - 1))
    start = -1
    for jump in _unplanes(CODES[jumps_width], planes[split:]):
        try:
            start = column.index(hole, start + 1)
        except ValueError:
            raise DamagedError("a jump has no place") from None
        column[start] = jump
    return column


def _width(low: int, high: int) -> int:
    for width in range(4):
        bound = 1 << (8 * (1 << width) - 1)
        if -bound <= low and high < bound:
            return width
    raise OverflowError("a number above 64 bits")


def pack_numbers(code: str, numbers: Sequence[int]) -> array[int]:
    """The numbers as an array; by way of struct, which is twice as fast as the array's own constructor."""
    packed = array(code)
    packed.frombytes(struct.pack(f"{len(numbers)}{code}", *numbers))
    return packed


def _planes(numbers: array[int]) -> bytes:
    data = numbers.tobytes()
    size = numbers.itemsize
    return data if size == 1 else b"".join(data[plane::size] for plane in range(size))


def _unplanes(code: str, data: bytes) -> array[int]:
    numbers = array(code)
    size = numbers.itemsize
    if size > 1:
        count = len(data) // size
        whole = bytearray(len(data))
        for plane in range(size):
            whole[plane::size] = data[plane * count : (plane + 1) * count]
        data = bytes(whole)
    numbers.frombytes(data)
    return numbers


Row: TypeAlias = "tuple[array[int], array[int], array[int], array[int]]"


def pack(series: Sequence[int], ats: Sequence[int], values: Sequence[int], exponents: Sequence[int]) -> bytes:
    """Points of several series in order of arrival: one row of the log. About 7 B a point."""
    n = len(series)
    assert n == len(ats) == len(values) == len(exponents) <= ROW_POINTS_MAX
    out = bytearray((ROW,))
    _put(out, n)
    for column in (series, ats, values, exponents):
        base = min(column, default=0)
        span = max(column, default=0) - base
        width = 0 if span == 0 else 1 if span < 1 << 8 else 2 if span < 1 << 16 else 4 if span < 1 << 32 else 8
        _put(out, _zigzag(base))
        out.append(width)
        if width:
            out += array(" BH I   Q"[width], [number - base for number in column]).tobytes()
    return _sealed(bytes(out))


def unpack(data: bytes) -> Row:
    """Series, times, values and exponents of a log row; DamagedError for any other bytes."""
    try:
        return _unpack(_unsealed(data))
    except (IndexError, KeyError, OverflowError, ValueError) as error:
        raise DamagedError(f"log row: {error}") from None


def _unpack(data: bytes) -> Row:
    if data[0] != ROW:
        raise DamagedError(f"format {ROW} is known, not {data[0]}")
    n, place = _get(data, 1)
    if n > ROW_POINTS_MAX:
        raise DamagedError(f"{n} points")
    columns: list[array[int]] = []
    for _ in range(4):
        base, place = _get(data, place)
        base = _unzigzag(base)
        width = data[place]
        place += 1
        if width:
            column = array({1: "B", 2: "H", 4: "I", 8: "Q"}[width])
            column.frombytes(data[place : place + n * width])
            if len(column) != n:
                raise DamagedError(f"{n} points are announced, {len(column)} met")
            columns.append(array("q", map(base.__add__, column)))
            place += n * width
        else:
            columns.append(array("q", [base]) * n)
    if place != len(data):
        raise DamagedError(f"{len(data) - place} bytes too many")
    return columns[0], columns[1], columns[2], columns[3]


def _sealed(data: bytes) -> bytes:
    return data + zlib.crc32(data).to_bytes(4, "little")


def _unsealed(data: bytes) -> bytes:
    if zlib.crc32(data[:-4]).to_bytes(4, "little") != data[-4:]:
        raise DamagedError("its checksum does not fit")
    return data[:-4]


def _zigzag(number: int) -> int:
    return number << 1 if number >= 0 else (-number << 1) - 1


def _unzigzag(number: int) -> int:
    return number >> 1 if not number & 1 else -(number + 1 >> 1)


def _put(out: bytearray, number: int) -> None:
    while number > 127:
        out.append(number & 127 | 128)
        number >>= 7
    out.append(number)


def _get(data: bytes, place: int) -> tuple[int, int]:
    number = shift = 0
    while True:
        byte = data[place]
        place += 1
        number |= (byte & 127) << shift
        if byte < 128:
            return number, place
        shift += 7
        if shift > 70:
            raise DamagedError("a number above 64 bits")
