"""What may be taken for a meter that speaks: two good groups, and nothing less."""

from random import Random

from hypothesis import given, settings
from hypothesis import strategies as st

from drivers.encode.tic import frame, group, with_parity
from drivers.tic.labels import Mode
from drivers.tic.listening import GROUP_BYTES_MAX, Listener, Spoken
from tests.linky import misheard

EAST, NTARF = group("EAST", "000000123"), group("NTARF", "01")


def test_one_good_group_among_noise_does_not_decide_and_a_second_one_does() -> None:
    listener = Listener()
    assert listener.feed(b"\x00\xf8" * 500 + EAST) is None
    assert listener.feed(b"\x00\xf8" * 500) is None
    assert listener.feed(NTARF) == Spoken(Mode.STANDARD, parity=False)


def test_one_group_of_each_mode_decides_nothing() -> None:
    assert Listener().feed(EAST + group("BASE", "000000123", mode=Mode.HISTORIQUE)) is None


def test_the_groups_tell_their_mode_and_whether_bit_7_is_the_parity(standard: bytes, historique: bytes) -> None:
    for stream, mode in ((standard, Mode.STANDARD), (historique, Mode.HISTORIQUE)):
        assert Listener().feed(stream) == Spoken(mode, parity=False)
        assert Listener().feed(with_parity(stream)) == Spoken(mode, parity=True)


def test_a_line_that_is_said_to_have_its_parity_checked_is_not_read_otherwise(standard: bytes) -> None:
    assert Listener(parity=False).feed(with_parity(standard)) is None
    assert Listener(parity=True).feed(standard) is None


def test_a_line_with_parity_is_never_read_as_one_without_however_much_is_damaged(historique: bytes) -> None:
    rng = Random(1)
    for _ in range(100):
        stream = bytearray(with_parity(historique * 3))
        for _ in range(60):
            stream[rng.randrange(len(stream))] ^= 1 << rng.randrange(8)
        assert Listener().feed(bytes(stream)) in (None, Spoken(Mode.HISTORIQUE, parity=True))


def test_at_the_other_mode_s_speed_no_meter_is_heard(standard: bytes, historique: bytes) -> None:
    assert Listener().feed(misheard(with_parity(historique * 20), 1200, 9600)) is None
    assert Listener().feed(misheard(with_parity(standard * 20), 9600, 1200)) is None
    assert misheard(with_parity(standard), 9600, 9600) == with_parity(standard), "the emulated line itself is sound"


@settings(max_examples=100)
@given(st.integers(1, 40), st.booleans())
def test_pieces_of_any_size_decide_the_same(size: int, parity: bool) -> None:
    stream = frame([("ADSC", "041875000042"), ("EAST", "000000123")], Mode.STANDARD)
    stream = with_parity(stream) if parity else stream
    listener = Listener()
    said = [listener.feed(stream[at : at + size]) for at in range(0, len(stream), size)]
    assert [spoken for spoken in said if spoken] == [Spoken(Mode.STANDARD, parity)] * len([s for s in said if s])
    assert any(said)


@given(st.binary(max_size=2000))
def test_no_bytes_are_a_meter_unless_they_hold_two_groups(data: bytes) -> None:
    assert Listener().feed(data) is None


def test_a_line_that_never_ends_is_not_kept() -> None:
    listener = Listener()
    listener.feed(b"x" * 10_000)
    assert all(len(ear._held) <= GROUP_BYTES_MAX for ear in listener._ears)
