"""Messages in several telegrams; made by drivers/encode/wmbus.py."""

from itertools import permutations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from drivers import wmbus
from drivers.encode.wmbus import fragments, telegram_mode_7
from drivers.model import Address, Frame, State, Telegram
from drivers.wmbus.fragments import MESSAGE_BYTES_MAX, METERS_MAX, WAIT_S_MAX, Fragments

WATER = Address("wmbus", "12345678", "REL", 0x1B, 0x07)
KEY = bytes(range(16))
RECORDS = bytes.fromhex("0413 83580900  4413 00470900  426C 5F3A  02FD17 0000")


class Clock:
    def __init__(self) -> None:
        self.now_s = 1000.0

    def __call__(self) -> float:
        return self.now_s


def parts(counter: int = 17, access_number: int = 0x2A, records: bytes = RECORDS) -> tuple[bytes, ...]:
    return fragments(WATER, records, access_number, key=KEY, counter=counter, size=14)


def heard(sent: bytes, memory: Fragments | None, key: bytes | None = KEY) -> Telegram:
    return wmbus.decode(Frame(sent), key, fragments=memory)


def test_a_message_is_read_when_its_last_fragment_comes() -> None:
    *first, last = parts()
    assert len(first) == 2
    memory = Fragments(Clock())
    for sent in first:
        waiting = heard(sent, memory)
        assert (waiting.state, waiting.readings, waiting.encrypted) == (State.WAITING_FRAGMENT, (), True)
    whole = heard(last, memory)
    assert whole.readings == heard(telegram_mode_7(WATER, RECORDS, 1, key=KEY, counter=17), None).readings
    assert (whole.state, whole.message_counter) == (State.DECODED, 17)


def test_without_a_memory_each_fragment_says_that_it_is_one() -> None:
    for number, sent in enumerate(parts(), 1):
        alone = heard(sent, None)
        assert (alone.state, alone.error) == (State.WAITING_FRAGMENT, f"fragment {number} of a message")
        assert wmbus.header(Frame(sent)).encrypted


def test_only_the_order_of_the_message_gives_a_reading() -> None:
    pieces = parts()
    for order in permutations(range(3)):
        memory = Fragments(Clock())
        states = [heard(pieces[number], memory).state for number in order]
        assert (State.DECODED in states) is (order == (0, 1, 2))


def test_a_repeaters_copies_in_between_change_nothing() -> None:
    a, b, c = parts()
    memory = Fragments(Clock())
    assert [heard(sent, memory).state for sent in (a, a, b, a, b, c)][-1] is State.DECODED


def test_a_lost_fragment_is_named_and_the_next_message_is_read() -> None:
    a, _, c = parts()
    memory = Fragments(Clock())
    heard(a, memory)
    lost = heard(c, memory)
    assert (lost.state, lost.error) == (State.WAITING_FRAGMENT, "fragment 3 where 2 was awaited: one was lost")
    assert [heard(sent, memory).state for sent in parts(18, 0x30)][-1] is State.DECODED


def test_a_late_fragment_is_named() -> None:
    a, b, _ = parts()
    clock = Clock()
    memory = Fragments(clock)
    heard(a, memory)
    clock.now_s += WAIT_S_MAX + 1
    late = heard(b, memory)
    assert late.state is State.WAITING_FRAGMENT
    assert "too late" in (late.error or "")


@pytest.mark.parametrize("access_number", [0x2A, 0x2D, 0x60])
def test_two_messages_are_never_mixed(access_number: int) -> None:
    """Whatever pieces of two messages alike are lost, what is read is one of them."""
    other = RECORDS.replace(bytes.fromhex("83580900"), bytes.fromhex("00580900"))
    first, second = parts(), parts(18, access_number, other)
    whole = [heard(telegram_mode_7(WATER, said, 1, key=KEY, counter=17), None).readings for said in (RECORDS, other)]
    for lost in range(64):
        memory = Fragments(Clock())
        for number, sent in enumerate((*first, *second)):
            if not lost >> number & 1:
                telegram = heard(sent, memory)
                assert telegram.state in (State.DECODED, State.WAITING_FRAGMENT, State.WRONG_KEY)
                assert telegram.readings in ((), *whole)


def test_fragments_that_nothing_holds_together_give_no_message() -> None:
    """Without an access number and without a code the pieces of two messages could not be told apart."""
    link = parts()[0][1:10]
    memory = Fragments(Clock())
    bodies = [link + bytes.fromhex(each) for each in ("9002 0140 7A2A00", "9002 0200 0000 0113 01")]
    first, last = (heard(bytes((len(body),)) + body, memory) for body in bodies)
    assert (first.state, last.state) == (State.WAITING_FRAGMENT, State.WAITING_FRAGMENT)
    assert "nothing says" in (last.error or "")


def test_what_is_kept_is_bounded() -> None:
    memory = Fragments(Clock())
    for number in range(METERS_MAX + 1):
        meter = Address("wmbus", f"{number:08}", "REL", 0x1B, 0x07)
        heard(fragments(meter, RECORDS, 0x2A, key=KEY, counter=17, size=14)[0], memory)
    first = Address("wmbus", "00000000", "REL", 0x1B, 0x07)
    gone = heard(fragments(first, RECORDS, 0x2A, key=KEY, counter=17, size=14)[1], memory)
    assert "first one was not heard" in (gone.error or "")

    link, number = parts()[0][1:10], 1
    error = ""
    while "more than" not in error and number < 255:
        piece = bytes((0x8C, 0x20, number, 0x90, 2, number, 0x40)) + bytes(230)
        error = heard(bytes((len(link + piece),)) + link + piece, memory).error or ""
        number += 1
    assert number * 230 <= MESSAGE_BYTES_MAX + 2 * 230


@given(st.lists(st.tuples(st.integers(0, 5), st.booleans(), st.integers(0, 255), st.binary(max_size=20)), max_size=8))
def test_any_fragments_give_readings_only_when_decoded(sent: list[tuple[int, bool, int, bytes]]) -> None:
    link = parts()[0][1:10]
    memory = Fragments(Clock())
    for number, more, access_number, piece in sent:
        body = link + bytes((0x8C, 0x20, access_number, 0x90, 2, number, 0x40 * more)) + piece
        telegram = heard(bytes((len(body),)) + body, memory)
        assert telegram.state is State.DECODED or not telegram.readings
