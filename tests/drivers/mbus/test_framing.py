from collections.abc import Iterable

from hypothesis import given, settings
from hypothesis import strategies as st

from drivers.encode import mbus as encode
from drivers.encode import records
from drivers.mbus import FRAME_BYTES_MAX, NOISE_BYTES_MAX, Framer
from drivers.model import DecodeError, Frame

IDENTITY = encode.identity("12345678", "REL", 1, 7)
ANSWER = encode.answer(IDENTITY, records.volume(612_483))
LONGEST = encode.answer(IDENTITY, records.volume(1) * 34 + b"\x2f" * 2)
SHORT = encode.request(5)


def cut(pieces: Iterable[bytes]) -> list[Frame | DecodeError]:
    framer = Framer()
    return [item for piece in pieces for item in framer.feed(piece)]


def frames(pieces: Iterable[bytes]) -> list[bytes]:
    return [item.data for item in cut(pieces) if isinstance(item, Frame)]


def test_every_kind_of_frame_is_cut() -> None:
    control = encode.long(0x53, 1, 0x50)
    kinds = [encode.ACKNOWLEDGEMENT, SHORT, control, ANSWER, LONGEST]
    assert cut([b"".join(kinds)]) == [Frame(kind) for kind in kinds]


def test_noise_is_one_error_and_hides_no_frame_behind_it() -> None:
    noise = b"\x00\x68\x05\x68\x10\x00"
    error, frame = cut([noise + ANSWER])
    assert error == DecodeError("6 bytes are no whole frame", noise)
    assert frame == Frame(ANSWER)


def test_a_frame_cut_off_by_the_next_one_does_not_swallow_it() -> None:
    assert frames([ANSWER[:10] + ANSWER + LONGEST]) == [ANSWER, LONGEST]


def test_a_wrong_checksum_is_no_frame() -> None:
    broken = bytearray(ANSWER)
    broken[-2] ^= 1
    assert ANSWER not in frames([bytes(broken)])
    assert frames([bytes(broken) + SHORT])[-1] == SHORT


def test_a_line_of_noise_is_said_and_not_kept() -> None:
    items = cut([b"\x00" * (3 * NOISE_BYTES_MAX)])
    assert [str(item) for item in items] == ["256 bytes are no whole frame"] * 3
    framer = Framer()
    list(framer.feed(b"\x00" * 100_000))
    assert len(framer._held) <= FRAME_BYTES_MAX


STREAMS = st.lists(
    st.sampled_from([ANSWER, SHORT, LONGEST, encode.ACKNOWLEDGEMENT, ANSWER[:20], b"\x68\x03"])
    | st.binary(max_size=30),
    max_size=6,
).map(b"".join)


@given(STREAMS)
@settings(max_examples=150)
def test_any_stream_at_once_equals_byte_by_byte(stream: bytes) -> None:
    whole = cut([stream])
    assert all(isinstance(item, Frame | DecodeError) for item in whole)
    assert whole == cut(stream[at : at + 1] for at in range(len(stream)))
    assert whole == cut([stream[:7], stream[7:]])
