from collections.abc import Iterable

from hypothesis import given, settings
from hypothesis import strategies as st

from drivers.crc import CCITT, crc16
from drivers.encode import sml as encode
from drivers.model import DecodeError, Frame
from drivers.sml import Framer
from drivers.sml.framing import ESCAPE, FILE_BYTES_MAX, NOISE_BYTES_MAX, START

BODY = encode.messages(encode.server("REL", 42), [encode.Entry("1.8.0", encode.WH, -1, 12_345).encoded()])
FILE = encode.file(BODY)
ESCAPED = encode.file(ESCAPE + b"\x1b" + BODY + ESCAPE * 2)


def cut(pieces: Iterable[bytes]) -> list[Frame | DecodeError]:
    framer = Framer()
    return [item for piece in pieces for item in framer.feed(piece)]


def said(stream: bytes) -> list[str]:
    return [str(item) for item in cut([stream]) if isinstance(item, DecodeError)]


def frames(stream: bytes) -> list[bytes]:
    return [item.data for item in cut([stream]) if isinstance(item, Frame)]


def test_a_file_is_cut_and_its_transport_taken_away() -> None:
    assert cut([FILE]) == [Frame(BODY)]


def test_fill_bytes_of_every_count_are_taken_away() -> None:
    assert [frames(encode.file(BODY + b"\x05" * more)) for more in range(4)] == [[BODY + b"\x05" * n] for n in range(4)]


def test_an_escape_sequence_among_the_values_is_no_end() -> None:
    assert frames(ESCAPED) == [ESCAPE + b"\x1b" + BODY + ESCAPE * 2]


def test_a_flipped_bit_is_no_file_and_the_next_one_is_read() -> None:
    broken = bytearray(FILE)
    broken[40] ^= 4
    assert [type(item) for item in cut([bytes(broken) + FILE])] == [DecodeError, Frame]
    assert said(bytes(broken))[0].startswith("sml: CRC ")


def test_a_meter_that_counts_its_crc_as_kermit_does_is_read() -> None:
    assert frames(encode.file(BODY, kermit=True)) == [BODY]


def test_a_file_cut_short_by_the_next_one_does_not_swallow_it() -> None:
    assert frames(FILE[:50] + FILE) == [BODY]
    assert said(FILE[:50] + FILE) == ["sml: 50 bytes, cut short by the next file"]


def test_an_unknown_escape_sequence_ends_the_file() -> None:
    assert said(START + b"1234" + ESCAPE + b"\x02\0\0\0" + FILE)[0] == "sml: 12 bytes, cut short by 02 00 00 00"
    assert frames(START + b"1234" + ESCAPE + b"\x02\0\0\0" + FILE) == [BODY]


def test_an_end_that_announces_more_fill_than_there_is_is_refused() -> None:
    for fill in (1, 9):
        broken = encode.file(BODY + b"\x05" * (4 - len(BODY) % 4))[:-3] + bytes((fill,))
        crc = crc16(CCITT, broken, 0xFFFF) ^ 0xFFFF
        assert said(broken + crc.to_bytes(2, "little")) == [f"sml: the end announces {fill} fill bytes"]


def test_a_line_of_noise_is_said_and_not_kept() -> None:
    assert said(b"x" * (3 * NOISE_BYTES_MAX + 7)) == [f"sml: {NOISE_BYTES_MAX} bytes are no whole file"] * 3
    framer = Framer()
    items = [*framer.feed(START + b"x" * 100_000)]
    assert str(items[0]) == f"sml: {FILE_BYTES_MAX} bytes without an end"
    assert len(framer._held) + len(framer._noise) <= FILE_BYTES_MAX


PIECES = [FILE, ESCAPED, FILE[:60], FILE[60:], ESCAPE, START, START[:5], b"\x1b", b"\x1a\x00\x00\x00", b"\x00" * 9]
STREAMS = st.lists(st.sampled_from(PIECES) | st.binary(max_size=40), max_size=8).map(b"".join)


@given(STREAMS, st.integers(1, 60))
@settings(max_examples=300)
def test_any_stream_at_once_equals_byte_by_byte(stream: bytes, size: int) -> None:
    whole = cut([stream])
    assert all(isinstance(item, Frame | DecodeError) for item in whole)
    assert whole == cut(stream[at : at + 1] for at in range(len(stream)))
    assert whole == cut(stream[at : at + size] for at in range(0, len(stream), size))


def test_a_flood_at_once_equals_the_same_in_pieces() -> None:
    stream = START + b"x" * (FILE_BYTES_MAX + 5) + FILE + b"y" * 2500 + FILE + START + b"z" * (FILE_BYTES_MAX - 10)
    stream += ESCAPE + b"\x1a\0\0\0" + FILE
    assert cut([stream]) == cut(stream[at : at + 997] for at in range(0, len(stream), 997))
    assert frames(stream)[-1] == BODY
