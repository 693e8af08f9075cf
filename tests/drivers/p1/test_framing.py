from collections.abc import Iterable

from hypothesis import given, settings
from hypothesis import strategies as st

from drivers.encode.p1 import BELGIAN, DUTCH, Household, old_telegram, telegram, v2, v5
from drivers.encode.tic import with_parity
from drivers.model import DecodeError, Frame
from drivers.p1 import Framer
from drivers.p1.framing import NOISE_BYTES_MAX, TELEGRAM_BYTES_MAX

NUMBER = "0-0:96.1.1(4530303939)"
INDEX = "1-0:1.8.0(00001234.567*kWh)"
SMALL = telegram(DUTCH, [NUMBER, INDEX])
OLD = old_telegram(DUTCH, [NUMBER, INDEX])


def cut(pieces: Iterable[bytes]) -> list[Frame | DecodeError]:
    framer = Framer()
    return [item for piece in pieces for item in framer.feed(piece)]


def said(stream: bytes) -> list[str]:
    return [str(item) for item in cut([stream]) if isinstance(item, DecodeError)]


def frames(stream: bytes) -> list[bytes]:
    return [item.data for item in cut([stream]) if isinstance(item, Frame)]


def test_a_telegram_is_cut_from_its_first_character_to_its_crc() -> None:
    (frame,) = cut([SMALL])
    assert frame == Frame(b"/" + "\r\n".join((DUTCH, NUMBER, INDEX, "!")).encode() + SMALL[-6:-2])


def test_each_meter_on_the_m_bus_has_a_frame_of_its_own_with_the_telegrams_time(home: Household) -> None:
    electricity, gas = frames(v5(home))
    assert b"0-1:" not in electricity
    assert gas.split(b"\r\n")[1:-1] == [
        b"0-0:1.0.0(260115130003W)",
        b"0-1:24.1.0(003)",
        b"0-1:96.1.0(4730303939303030303030303030303432)",
        b"0-1:24.2.1(260115125700W)(00456.789*m3)",
    ]


def test_a_channel_that_names_no_meter_is_none() -> None:
    unpaired = ["0-1:24.1.0(003)", "0-1:96.1.0()", "0-1:24.2.1(700101010000W)(00000000)", "0-4:96.3.10(0)"]
    (frame,) = frames(telegram(BELGIAN, [NUMBER, INDEX, *unpaired]))
    assert frame.split(b"\r\n")[1:-1] == [line.encode() for line in (NUMBER, INDEX, *unpaired)]


def test_the_gas_meters_value_on_a_second_line_stays_with_its_first(home: Household) -> None:
    _, gas = frames(v2(home))
    assert b"(260115125700)(00)(60)(1)(0-1:24.2.1)(m3)(00456.789)\r\n" in gas


def test_a_wrong_crc_is_no_telegram_and_the_next_one_is_read() -> None:
    broken = SMALL.replace(b"1234", b"1235")
    assert [type(item) for item in cut([broken + SMALL])] == [DecodeError, Frame]
    assert said(broken)[0].startswith("p1 telegram: CRC ")


def test_a_telegram_whose_crc_was_lost_is_not_taken_for_one_that_never_has_one() -> None:
    with_version = telegram(DUTCH, ["1-3:0.2.8(50)", NUMBER, INDEX])
    assert said(with_parity(with_version[:-6] + b"\r\n")) == ["p1 telegram: its CRC is missing"]
    assert said(SMALL[:-4] + b"\r\n")[0].startswith("p1 telegram: 4 hexadecimal digits or a line end belong behind !")


def test_without_crc_the_parity_of_each_character_is_the_check() -> None:
    assert [frame[-3:] for frame in frames(OLD)] == [b"\r\n!"]
    assert said(
        OLD.replace(with_parity(b"1234"), with_parity(b"1234").translate(bytes(b ^ 1 for b in range(256))))
    ) == ["p1 telegram: a character of wrong parity"]


def test_what_has_neither_crc_nor_parity_is_refused_and_said_how_to_mend() -> None:
    bare = bytes(byte & 0x7F for byte in OLD)
    assert cut([bare + SMALL])[1:] == cut([SMALL])
    assert said(bare)[0].endswith("have the far end read the line as 8 bits without parity")


def test_a_telegram_cut_short_by_the_next_one_does_not_swallow_it() -> None:
    assert frames(SMALL[:40] + SMALL) == frames(SMALL)
    assert frames(OLD[:40] + OLD) == frames(OLD)
    assert said(SMALL[:40] + SMALL) == ["p1 telegram: 40 bytes without an end"]


def test_the_middle_of_a_telegram_heard_first_is_one_fault() -> None:
    middle = SMALL[20:]
    count = len(middle.translate(None, b"\r\n"))
    assert said(middle + SMALL) == [f"p1: {count} bytes are no whole telegram"]


def test_a_line_of_noise_is_said_and_not_kept() -> None:
    assert said(b"x" * 3 * NOISE_BYTES_MAX) == [f"p1: {NOISE_BYTES_MAX} bytes are no whole telegram"] * 3
    framer = Framer()
    items = [*framer.feed(b"/" + b"x" * 100_000)]
    assert str(items[0]) == f"p1 telegram: {TELEGRAM_BYTES_MAX} bytes without an end"
    assert len(framer._held) + len(framer._noise) <= TELEGRAM_BYTES_MAX


PIECES = [SMALL, OLD, OLD[:-1], SMALL[:30], SMALL[30:], b"/", b"\xaf", b"!", b"\r\n", b"!1234\r\n", b"\x00\xff"]
STREAMS = st.lists(st.sampled_from(PIECES) | st.binary(max_size=40), max_size=8).map(b"".join)


@given(STREAMS, st.integers(1, 60))
@settings(max_examples=300)
def test_any_stream_at_once_equals_byte_by_byte(stream: bytes, size: int) -> None:
    whole = cut([stream])
    assert all(isinstance(item, Frame | DecodeError) for item in whole)
    assert whole == cut(stream[at : at + 1] for at in range(len(stream)))
    assert whole == cut(stream[at : at + size] for at in range(0, len(stream), size))


def test_a_flood_at_once_equals_the_same_in_pieces() -> None:
    stream = b"/" + b"x" * (TELEGRAM_BYTES_MAX + 5) + SMALL + b"y" * 2500 + OLD + b"/" + b"z" * (TELEGRAM_BYTES_MAX - 2)
    stream += b"!" + SMALL
    assert cut([stream]) == cut(stream[at : at + 997] for at in range(0, len(stream), 997))
    assert frames(stream) == [*frames(SMALL), *frames(OLD), *frames(SMALL)]
