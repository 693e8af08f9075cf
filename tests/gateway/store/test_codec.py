from __future__ import annotations

import random
import zlib

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.store.codec import DamagedError, decode, encode, pack, unpack

numbers = st.integers(-(2**61), 2**61) | st.integers(-300, 300)
times = st.sets(st.integers(0, 2**40) | st.integers(1_700_000_000, 1_700_086_400), min_size=1, max_size=60).map(sorted)


@settings(max_examples=200, deadline=None)
@given(st.data(), st.integers(-18, 18), times)
def test_a_chunk_gives_back_every_point(data: st.DataObject, exponent: int, ats: list[int]) -> None:
    values = data.draw(st.lists(numbers, min_size=len(ats), max_size=len(ats)))
    assert decode(encode(exponent, ats, values)) == (exponent, ats, values)


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 2**32), st.integers(1, 900), st.integers(0, 5), st.floats(0, 0.3), st.sampled_from([1, 5, 1000]))
def test_a_meter_that_jitters_misses_and_jumps_gives_back_every_point(
    seed: int, step: int, jitter: int, lost: float, factor: int
) -> None:
    rng = random.Random(seed)
    ats = sorted({step * i + rng.randint(0, jitter) for i in range(400) if rng.random() >= lost})
    values = [rng.choice((0, 0, 1, 7, -3, 120, 40_000, -(2**40))) * factor for _ in ats]
    if ats:
        assert decode(encode(-3, ats, values)) == (-3, ats, values)


def test_a_regular_day_of_a_quiet_meter_takes_a_few_bytes() -> None:
    assert len(encode(0, range(0, 86_400, 60), [5] * 1440)) < 20


def test_jitter_and_losses_cost_less_than_a_byte_a_point() -> None:
    rng = random.Random(3)
    ats = sorted({60 * i + rng.randint(-3, 3) for i in range(1440) if rng.random() > 0.02})
    assert len(encode(0, ats, [7] * len(ats))) < 0.5 * len(ats)


def test_one_jump_does_not_widen_the_whole_day() -> None:
    rng = random.Random(4)
    values = [rng.randint(0, 20) for _ in range(1440)]
    quiet = len(encode(0, range(1440), values))
    values[700] += 2**40
    assert len(encode(0, range(1440), values)) < quiet + 40


def sealed(data: bytes) -> bytes:
    return data + zlib.crc32(data).to_bytes(4, "little")


@settings(max_examples=200, deadline=None)
@given(
    st.binary(max_size=200)
    | st.binary(max_size=200).map(sealed)
    | st.tuples(st.integers(0, 2), st.binary(max_size=60)).map(
        lambda made: sealed(bytes((1, made[0])) + b"\x00\x09\x00\x00\x3c\x01\x00" + made[1])
    )
)
def test_bytes_of_nobody_are_damaged_and_nothing_else(data: bytes) -> None:
    for read in (decode, unpack):
        try:
            read(data)
        except DamagedError:
            continue


@settings(max_examples=150, deadline=None)
@given(st.integers(0, 2**32), st.data())
def test_a_card_that_forgets_a_bit_never_changes_a_reading(seed: int, data: st.DataObject) -> None:
    rng = random.Random(seed)
    values = [rng.randint(0, 500) for _ in range(100)]
    damaged = bytearray(encode(0, range(0, 6000, 60), values))
    bit = data.draw(st.integers(0, 8 * len(damaged) - 1))
    damaged[bit // 8] ^= 1 << bit % 8
    with pytest.raises(DamagedError):
        decode(bytes(damaged))
    damaged = bytearray(pack([1] * 100, range(100), values, [0] * 100))
    bit = data.draw(st.integers(0, 8 * len(damaged) - 1))
    damaged[bit // 8] ^= 1 << bit % 8
    with pytest.raises(DamagedError):
        unpack(bytes(damaged))


@settings(max_examples=150, deadline=None)
@given(st.lists(st.tuples(st.integers(1, 3000), st.integers(0, 2**40), numbers, st.integers(-18, 18)), max_size=50))
def test_a_log_row_gives_back_every_point_in_order(points: list[tuple[int, int, int, int]]) -> None:
    columns = [[point[i] for point in points] for i in range(4)]
    assert [column.tolist() for column in unpack(pack(*columns))] == columns


def test_forty_readings_of_a_minute_take_less_than_four_hundred_bytes() -> None:
    rng = random.Random(5)
    row = pack(
        range(40), [1_700_000_000 + i for i in range(40)], [rng.randrange(20_000_000) for _ in range(40)], [0] * 40
    )
    assert len(row) < 400
