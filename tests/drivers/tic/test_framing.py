from collections.abc import Iterable

from hypothesis import given, settings
from hypothesis import strategies as st

from drivers.encode.tic import frame, with_parity
from drivers.model import DecodeError, Frame
from drivers.tic import Framer
from drivers.tic.framing import FRAME_BYTES_MAX
from drivers.tic.groups import read_groups
from drivers.tic.labels import Mode

SHORT = frame([("ADSC", "041875000042"), ("EAST", "000000123")], Mode.STANDARD)
OTHER = frame([("ADCO", "041875000099"), ("BASE", "000000456")], Mode.HISTORIQUE)


def cut(pieces: Iterable[bytes], parity: bool = False) -> list[Frame | DecodeError]:
    framer = Framer(parity)
    return [*(item for piece in pieces for item in framer.feed(piece)), *framer.flush()]


def values(items: Iterable[Frame | DecodeError]) -> list[list[str]]:
    """The data of each frame's good groups."""
    return [[group.data for group in read_groups(item.data)[0]] for item in items if isinstance(item, Frame)]


FIRST = ["041875000042", "000000123"]
SECOND = ["041875000099", "000000456"]


def test_a_frame_comes_out_at_its_etx_without_waiting_for_the_next() -> None:
    framer = Framer()
    assert list(framer.feed(SHORT[:-1])) == []
    assert list(framer.feed(SHORT[-1:])) == [Frame(SHORT[1:-1].strip(b"\r\n"))]


def test_an_stx_closes_the_frame_whose_etx_was_lost() -> None:
    assert values(cut([SHORT[:-1] + OTHER])) == [FIRST, SECOND]


def test_a_frame_without_its_stx_is_still_a_frame() -> None:
    assert values(cut([SHORT + OTHER[1:]])) == [FIRST, SECOND]


def test_an_eot_breaks_a_frame_off_and_keeps_its_groups() -> None:
    assert values(cut([OTHER[:-1] + b"\x04" + SHORT])) == [SECOND, FIRST]


def test_two_frames_that_lost_both_borders_do_not_become_one_meter() -> None:
    assert values(cut([SHORT[:-1] + OTHER[1:]])) == [FIRST, SECOND]


def test_a_stream_without_any_stx_or_etx_is_cut_at_each_address() -> None:
    lines = (SHORT[1:-1] + OTHER[1:-1]) * 3
    assert values(cut([lines.replace(b"\r", b"\n")])) == [FIRST, SECOND] * 3
    assert values(cut([lines.lstrip(b"\n")])) == [FIRST, SECOND] * 3


def test_any_run_of_cr_and_lf_parts_two_groups() -> None:
    for ends in (b"\r\r\n", b"\n\n", b"\r", b"\n"):
        stream = SHORT.replace(b"\r\n", b"\n").replace(b"\n", ends)
        assert values(cut([stream])) == [FIRST], ends


def test_line_ends_and_borders_alone_are_no_frame() -> None:
    assert cut([b"\r\n\x02\x03\r\n\x04\x02\r\n\n\x03" + b"\n" * (2 * FRAME_BYTES_MAX)]) == []


def test_a_line_that_is_not_tic_is_one_fault_however_long() -> None:
    items = cut([b"\xf8" * (3 * FRAME_BYTES_MAX) + SHORT])
    assert [type(item) for item in items] == [DecodeError, Frame]
    assert values(items) == [FIRST]


def test_whole_groups_survive_a_stream_without_borders_or_address() -> None:
    east = SHORT[SHORT.index(b"\nEAST") : -1]
    count = 3 * FRAME_BYTES_MAX // len(east)
    assert [value for frame in values(cut([east * count])) for value in frame] == ["000000123"] * count


def test_what_is_held_is_bounded() -> None:
    framer = Framer()
    for piece in (b"\nEAST\t1", b"\xf8" * 100) * 500:
        list(framer.feed(piece))
        assert len(framer._held) <= FRAME_BYTES_MAX


def test_an_8n1_line_is_read_as_the_7e1_it_carries() -> None:
    assert cut([with_parity(SHORT)], parity=True) == cut([SHORT])


def test_a_byte_of_wrong_parity_spoils_its_group_only() -> None:
    raw = bytearray(with_parity(SHORT + OTHER))
    raw[raw.index(0xB1)] ^= 0x02  # the first '1' of the address, with its parity bit, becomes '3'
    frames = values(cut([bytes(raw)], parity=True))
    assert frames == [FIRST[1:], SECOND]


def test_flush_leaves_a_fresh_framer() -> None:
    framer = Framer()
    assert list(framer.feed(SHORT[:20] + b"\xf8" * FRAME_BYTES_MAX)) != []
    list(framer.flush())
    assert values(framer.feed(SHORT)) == [FIRST]


BLOCKS = st.one_of(
    st.sampled_from(
        [SHORT, OTHER, SHORT[:-1], OTHER[1:], b"\x02", b"\x03", b"\x04", b"\r", b"\n", b"\nADSC\t", b"\nADC"]
    ),
    st.sampled_from([b"\xf8" * 1500, b"\nEAST\t000000001\tC\r" * 80, b"\n" * 4095]),
    st.binary(max_size=40),
)
STREAMS = st.lists(BLOCKS, max_size=8).map(b"".join)


@settings(max_examples=100, deadline=None)
@given(STREAMS, st.booleans())
def test_any_bytes_give_only_frames_and_decode_errors(stream: bytes, parity: bool) -> None:
    for item in cut([stream], parity):
        assert isinstance(item, Frame | DecodeError)
        assert len(item.data) <= FRAME_BYTES_MAX


@settings(max_examples=100, deadline=None)
@given(STREAMS, st.booleans(), st.integers(1, 700))
def test_a_stream_fed_whole_or_in_pieces_or_byte_by_byte_gives_the_same(stream: bytes, parity: bool, size: int) -> None:
    whole = cut([stream], parity)
    assert cut((stream[i : i + 1] for i in range(len(stream))), parity) == whole
    assert cut((stream[i : i + size] for i in range(0, len(stream), size)), parity) == whole
