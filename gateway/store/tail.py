"""The tail: what was acknowledged in memory and is not yet on the card, in a file of memory-backed /run.

A record is a frame around series definitions and points; the file is read once, at start. Every series is defined
again after each cut, so a tail can be replayed into any store.
"""

import json
import os
import struct
import zlib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from drivers.model import Quantity
from gateway.model import Point, SeriesKey
from gateway.store.memory import Series

# LL LL LL LL CC CC CC CC K ...     L: length of K and what follows   C: CRC-32 of them   K: kind
HEAD = struct.Struct("<II")
DEFINITION, POINTS = b"S", b"P"
POINT = struct.Struct("<Iqqb")

# At 63 k points a day this is a month of a card that refuses every commit.
TAIL_BYTES_MAX = 48 << 20


@dataclass(frozen=True, slots=True)
class Definition:
    """What the tail says of a series."""

    key: SeriesKey
    quantity: Quantity
    main: bool


class Tail:
    """Appends records; one owner, under the store's lock."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._file = os.open(path, os.O_CREAT | os.O_RDWR | os.O_APPEND | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
        self._size = os.fstat(self._file).st_size
        self._defined: set[int] = set()

    def append(self, series: Iterable[Series], points: Sequence[tuple[int, int, int, int]]) -> bool:
        """Hand points (series, at, value, exponent) to the system; False when it did not take them."""
        record = self._record(series, points)
        if self._size + len(record) <= TAIL_BYTES_MAX:
            try:
                if os.write(self._file, record) == len(record):
                    self._size += len(record)
                    return True
                os.ftruncate(self._file, self._size)
            except OSError:
                pass
        self._defined.clear()
        return False

    def cut(self, series: Iterable[Series], points: Sequence[tuple[int, int, int, int]]) -> None:
        """Forget everything but these points: the rest is on the card."""
        self._defined.clear()
        if not points:
            os.ftruncate(self._file, 0)
            self._size = 0
            return
        # A kill between the two leaves the old file: replaying what the card has changes nothing.
        record = self._record(series, points)
        beside = self._path.with_name(self._path.name + ".new")
        file = os.open(beside, os.O_CREAT | os.O_TRUNC | os.O_RDWR | os.O_APPEND | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
        try:
            if os.write(file, record) != len(record):
                raise OSError("tail: no room for a cut")
            beside.rename(self._path)
        except OSError:
            os.close(file)
            beside.unlink(missing_ok=True)
            raise
        os.close(self._file)
        self._file, self._size = file, len(record)

    def close(self) -> None:
        os.close(self._file)

    def _record(self, series: Iterable[Series], points: Sequence[tuple[int, int, int, int]]) -> bytes:
        parts = []
        for each in series:
            if each.id not in self._defined:
                self._defined.add(each.id)
                parts.append(_defined(each.id, each.key, each.quantity.name, each.main))
        parts.append(_framed(POINTS + b"".join([POINT.pack(*point) for point in points])))
        return b"".join(parts)


# Said again after each cut, once a minute; more series than that are few houses'.
@lru_cache(1024)
def _defined(number: int, key: SeriesKey, quantity: str, main: bool) -> bytes:
    fields = [number, key.point, key.register, key.tariff, quantity, main]
    return _framed(DEFINITION + json.dumps(fields).encode())


def _framed(payload: bytes) -> bytes:
    return HEAD.pack(len(payload), zlib.crc32(payload)) + payload


def read(path: Path) -> tuple[list[list[Point]], int]:
    """The points of each whole record, in order, and how many bytes of a torn end were left out."""
    try:
        data = path.read_bytes()
    except FileNotFoundError:
        return [], 0
    batches: list[list[Point]] = []
    known: dict[int, Definition] = {}
    place = 0
    for payload, end in _frames(data):
        try:
            if payload[:1] == DEFINITION:
                number, point, register, tariff, quantity, main = json.loads(payload[1:])
                known[number] = Definition(SeriesKey(point, register, tariff), Quantity[quantity], main)
            elif payload[:1] == POINTS:
                batches.append(list(_points(payload, known)))
            else:
                break
        except (ValueError, KeyError, TypeError, struct.error):
            break
        place = end
    return batches, len(data) - place


def _frames(data: bytes) -> Iterator[tuple[bytes, int]]:
    place = 0
    while place + HEAD.size <= len(data):
        length, crc = HEAD.unpack_from(data, place)
        end = place + HEAD.size + length
        payload = data[place + HEAD.size : end]
        if end > len(data) or zlib.crc32(payload) != crc:
            return
        yield payload, end
        place = end


def _points(payload: bytes, known: dict[int, Definition]) -> Iterator[Point]:
    for series, at, value, exponent in POINT.iter_unpack(payload[1:]):
        definition = known[series]
        yield Point(definition.key, definition.quantity, at, value, exponent, definition.main)
