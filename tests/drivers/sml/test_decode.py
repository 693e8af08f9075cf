from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from drivers.encode import sml as encode
from drivers.encode.sml import LEFT_OUT, WH, Entry, W, listed, octets, server, signed, unsigned
from drivers.model import DecodeError, Frame, Kind, Medium, Quantity, State, Telegram
from drivers.sml import Framer, decode
from drivers.sml.values import DEPTH_MAX, read

NUMBER = server("REL", 12_345_678)


def read_file(file: bytes) -> Telegram:
    (frame,) = Framer().feed(file)
    assert isinstance(frame, Frame), frame
    return decode(frame)


def of(*entries: Entry | bytes, number: bytes | None = NUMBER) -> Telegram:
    encoded = [entry if isinstance(entry, bytes) else entry.encoded() for entry in entries]
    return decode(Frame(encode.messages(number, encoded)))


def values(said: Telegram) -> dict[str, Decimal]:
    return {r.register: r.value for r in said.readings if isinstance(r.value, Decimal)}


def test_a_household_is_read_with_its_number_as_it_stands_on_the_meter() -> None:
    said = read_file(encode.household(NUMBER, 12_345_678, 4_321, 690))
    assert (str(said.address), said.medium) == ("sml:1REL0012345678", Medium.ELECTRICITY)
    assert (said.state, said.status, said.faults) == (State.DECODED, (), ())
    assert values(said) == {
        "1.8.0": 12_345_678,
        "2.8.0": 4_321,
        "16.7.0": 690,
        **dict.fromkeys(("36.7.0", "56.7.0", "76.7.0"), 230),
        **dict.fromkeys(("32.7.0", "52.7.0", "72.7.0"), Decimal("230.4")),
        **dict.fromkeys(("31.7.0", "51.7.0", "71.7.0"), 1),
        "14.7.0": 50,
    }
    assert {r.register for r in said.readings if r.main} == {"1.8.0", "16.7.0"}


def test_what_a_house_gives_is_negative_power_and_in_no_sum() -> None:
    said = read_file(encode.household(NUMBER, 1, 2, -345))
    assert values(said)["16.7.0"] == -345
    assert not any(r.main for r in said.readings if r.register.startswith("2."))


def test_tariffs_are_parts_of_the_total() -> None:
    said = of(*(Entry(f"1.8.{tariff}", WH, 0, 100 * tariff) for tariff in (1, 2)))
    assert [(r.register, r.tariff, r.main, r.value) for r in said.readings] == [
        ("1.8.1", 1, True, Decimal(100)),
        ("1.8.2", 2, True, Decimal(200)),
    ]


def test_a_meter_before_its_pin_says_whole_kilowatt_hours_and_no_more_is_made_of_them() -> None:
    (reading,) = of(Entry("1.8.0", WH, 3, 1234, 4)).readings
    assert isinstance(reading.value, Decimal)
    assert (int(reading.value), reading.value.as_tuple().exponent) == (1_234_000, 3)


def test_a_meter_that_knows_one_direction_has_its_power_all_the_same() -> None:
    assert [(r.register, r.main) for r in of(Entry("1.7.0", W, 0, 5)).readings] == [("1.7.0", True)]
    assert {r.register for r in of(Entry("1.7.0", W, 0, 5), Entry("16.7.0", W, 0, 5)).readings if r.main} == {"16.7.0"}


def test_the_number_comes_from_the_values_where_the_list_names_no_server() -> None:
    own = listed(octets(b"\x01\x00\x60\x01\x00\xff"), *(LEFT_OUT,) * 4, octets(NUMBER), LEFT_OUT)
    assert str(of(own, Entry("1.8.0", WH, 0, 1), number=None).address) == "sml:1REL0012345678"
    with pytest.raises(DecodeError, match="one meter's number is needed, not 0"):
        of(Entry("1.8.0", WH, 0, 1), number=None)


def test_a_number_of_another_kind_is_written_as_its_bytes() -> None:
    assert str(of(Entry("1.8.0", WH, 0, 1), number=b"\x06REL\x01\x02").address) == "sml:0652454C0102"
    assert str(of(Entry("1.8.0", WH, 0, 1), number=server("REL", 123_456_789)).address) == "sml:0A0152454C00075BCD15"


def test_two_meters_in_one_file_are_not_mixed() -> None:
    both = b"".join(encode.messages(server("REL", n), [Entry("1.8.0", WH, 0, n).encoded()]) for n in (1, 2))
    with pytest.raises(DecodeError, match="one meter's number is needed, not 2"):
        decode(Frame(both))


def test_the_status_word_says_tampering_and_only_where_it_is_the_common_one() -> None:
    assert of(Entry("1.8.0", WH, 0, 1, status=0x001C0104)).status == ()
    assert of(Entry("1.8.0", WH, 0, 1, status=0x001C0704)).status == ("magnetic field", "terminal cover open")
    assert of(Entry("1.8.0", WH, 0, 1, status=0x001C0782)).status == ()


@pytest.mark.parametrize(
    ("count", "size", "meant"),
    [(42_082_910, 2, "328.05"), (58_000_000, 2, "328.05"), (60_000_000, 2, "-327.31"), (42_082_910, 4, "-327.31")],
)
def test_a_dvs74_that_forgets_the_sign_byte_is_understood_and_its_successors_are_not_bent(
    count: int, size: int, meant: str
) -> None:
    said = of(Entry("16.7.0", W, -2, -32_731, size), number=server("DZG", count))
    assert values(said) == {"16.7.0": Decimal(meant)}


@pytest.mark.parametrize(
    ("unit", "scaler", "value", "fault"),
    [
        (unsigned(W), signed(0), signed(1), "the unit of energy is needed, not 27"),
        (LEFT_OUT, signed(0), signed(1), "the unit of energy is needed, not NoneType"),
        (unsigned(WH), signed(10), signed(1), "a power of ten up to 9 is needed, not 10"),
        (unsigned(WH), octets(b"x"), signed(1), "a power of ten up to 9 is needed, not bytes"),
        (unsigned(WH), signed(0), octets(b"12"), "a number is needed, not bytes"),
        (unsigned(WH), signed(0), signed(-1), "an index is not -1"),
    ],
)
def test_a_value_that_cannot_be_meant_costs_itself_and_is_counted(
    unit: bytes, scaler: bytes, value: bytes, fault: str
) -> None:
    bad = listed(octets(b"\x01\x00\x01\x08\x00\xff"), LEFT_OUT, LEFT_OUT, unit, scaler, value, LEFT_OUT)
    said = of(bad, Entry("16.7.0", W, 0, 7))
    assert values(said) == {"16.7.0": 7}
    assert [str(each) for each in said.faults] == [f"sml 1.8.0: {fault}"]


def test_a_list_without_values_that_we_know_has_no_data_and_says_so() -> None:
    said = of(Entry("81.7.1", 8, 0, 120, 2))
    assert (said.state, said.error) == (State.NO_DATA, "the meter states no value")


def test_a_file_without_a_list_is_refused() -> None:
    with pytest.raises(DecodeError, match="no list of values among the messages"):
        decode(Frame(encode.message(0x0201, listed(LEFT_OUT))))


def test_a_time_that_is_no_list_and_zeros_between_messages_are_taken_as_some_meters_send_them() -> None:
    body = encode.messages(NUMBER, [Entry("1.8.0", WH, 0, 5).encoded()], unsigned(7, 4))
    opened = encode.message(0x0201, listed(LEFT_OUT))
    assert values(decode(Frame(opened + b"\0\0\0" + body))) == {"1.8.0": 5}


# -- any bytes --------------------------------------------------------------------------------------------------------
def test_lists_in_lists_and_lengths_without_end_are_refused() -> None:
    with pytest.raises(DecodeError, match=f"nested more than {DEPTH_MAX} deep"):
        read(b"\x71" * 5000, 0)
    with pytest.raises(DecodeError, match="elements are announced, 0 bytes are left"):
        read(b"\xff\x8f\x8f\x0f", 0)
    with pytest.raises(DecodeError, match="a length of more than 4 bytes"):
        read(b"\xff\x8f\x8f\x8f\x0f", 0)
    with pytest.raises(DecodeError, match="bytes are announced"):
        read(b"\x0f123", 0)


@given(st.binary(max_size=300))
def test_any_bytes_give_a_telegram_or_a_decode_error(data: bytes) -> None:
    told(data)


BODY = encode.messages(NUMBER, [Entry("1.8.0", WH, -1, 12_345).encoded(), Entry("16.7.0", W, 0, -690, 4).encoded()])


@given(st.lists(st.tuples(st.integers(0, 400), st.integers(0, 255)), min_size=1, max_size=4), st.integers(0, 400))
@settings(max_examples=400)
def test_a_damaged_file_gives_a_telegram_or_a_decode_error(damage: list[tuple[int, int]], end: int) -> None:
    data = bytearray(BODY)
    for at, byte in damage:
        data[at % len(data)] = byte
    told(bytes(data[: end % (len(data) + 1)]) if damage[0][0] % 3 == 0 else bytes(data))


def told(data: bytes) -> None:
    try:
        said = decode(Frame(data))
    except DecodeError:
        return
    assert said.state is (State.DECODED if said.readings else State.NO_DATA)
    assert all(r.quantity.kind is not Kind.INDEX or r.value >= 0 for r in said.readings if isinstance(r.value, Decimal))
    assert all(isinstance(r.quantity, Quantity) for r in said.readings)
