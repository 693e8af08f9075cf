"""The fuzzer itself: what it tries, that a broken promise is a find, and that a find can become a test."""

from collections.abc import Iterator
from random import Random

import pytest

from drivers.model import Address, DecodeError, Frame, State, Telegram
from drivers.phrase import phrase
from drivers.receivers import RECEIVERS
from drivers.talk import Said
from drivers.wmbus import makers
from drivers.wmbus.explain import Row
from tools import fuzz, guided
from tools.fuzz import TARGETS, Target


@pytest.mark.parametrize("name", TARGETS)
def test_every_decoder_keeps_its_promises_on_the_fuzzers_inputs(name: str) -> None:
    target, random = TARGETS[name], Random(1)
    inputs = [*target.seeds[:60], *(fuzz.changed(random, target.seeds, target.bytes_max) for _ in range(500))]
    for data in inputs:
        assert fuzz.attempt(target, data) is None, data.hex()


def test_every_receiver_and_every_makers_coding_is_fuzzed() -> None:
    codings = {*makers.PAYLOADS, *makers.CONTENTS, *makers.TAILS}
    assert RECEIVERS.keys() <= TARGETS.keys()
    assert {coding for each in fuzz.MAKERS.values() for coding in each} == codings
    assert fuzz.MAKERS.keys() <= TARGETS.keys()


def test_most_seeds_of_a_telegram_are_read() -> None:
    states = [fuzz.outcome(fuzz.sent(TARGETS["telegram"], seed), fuzz.KEY) for seed in TARGETS["telegram"].seeds]
    read = sum(isinstance(each, Telegram) and each.state is State.DECODED for each in states)
    assert read > len(states) // 4


class TakesEachPieceForAFrame:
    def feed(self, data: bytes) -> Iterator[Said]:
        yield Frame(data)


def test_a_framer_that_gives_another_result_in_pieces_is_a_find() -> None:
    run = fuzz.run_stream(TakesEachPieceForAFrame)
    with pytest.raises(AssertionError):
        run(bytes(100))


def test_a_row_left_out_of_an_explanation_is_a_find() -> None:
    first, second = (Row(at, b"ab"[at : at + 1], phrase("a letter"), phrase("no standard")) for at in (0, 1))
    fuzz.covered(b"ab", (first, second))
    with pytest.raises(AssertionError):
        fuzz.covered(b"ab", (first,))


def test_a_telegram_with_readings_that_was_not_decoded_is_a_find() -> None:
    told = Telegram(Address("wmbus", "1"), State.WRONG_KEY, error="no")
    fuzz.told(told)
    clear = fuzz.outcome(fuzz.sealed(0, b"\x2a" + fuzz.VALUES[0]))
    assert isinstance(clear, Telegram)
    assert clear.readings
    with pytest.raises(AssertionError):
        fuzz.told(Telegram(told.address, State.WRONG_KEY, readings=clear.readings, error="no"))


def test_an_input_that_takes_too_long_is_a_find() -> None:
    def run(data: bytes) -> None:
        while True:
            pass

    fault = fuzz.attempt(Target((), lambda how, said: said, run), b"\0", hang_cpu_s=0.05)
    assert isinstance(fault, fuzz.HangError)


def test_a_find_is_made_as_short_as_it_still_fails() -> None:
    def attempt(data: bytes) -> Exception | None:
        try:
            if b"\x07" in data[1:]:
                raise IndexError
        except IndexError as fault:
            return fault
        return None

    assert guided.shrunk(attempt, b"\x01" + bytes(range(100))) == b"\x01\x07"


LOG = """#2 INITED cov: 93 ft: 93 corp: 1/1b
{}#64 NEW    cov: 107 ft: 120 corp: 9/99b
stat::number_of_executed_units: 64
stat::average_exec_per_sec:     32
spread 600 inputs, 99 a second
"""


def test_a_targets_row_says_what_was_tried_and_each_find_in_hex() -> None:
    tried, finds, row = guided.judged("cul", LOG.format(""), 0)
    assert (tried, finds) == (664, 0)
    assert row.split() == ["cul", "64", "32", "107", "600", "99", "0"]
    _, finds, row = guided.judged("cul", LOG.format("find IndexError at cul.py:7: no\n  input 0001\n  sent 01\n"), 0)
    assert finds == 1
    assert "IndexError at cul.py:7" in row
    assert "input 0001" in row


def test_a_target_that_ended_by_itself_is_a_find() -> None:
    _, finds, row = guided.judged("cul", "ERROR: libFuzzer: timeout after 60 seconds\n", 77)
    assert finds == 1
    assert "timeout after 60 seconds" in row


def test_a_decode_error_is_no_find() -> None:
    assert fuzz.outcome(b"") == str(DecodeError("link layer: 10 bytes are needed, not 0"))
