"""The fuzzer itself: a find is printed so that it can become a test."""

from random import Random

import pytest

from drivers.receivers import RECEIVERS
from tools import fuzz
from tools.fuzz import TARGETS, Target


@pytest.mark.parametrize("name", TARGETS)
def test_every_decoder_takes_the_fuzzers_inputs(name: str) -> None:
    random = Random(1)
    for _ in range(50):
        TARGETS[name].run(TARGETS[name].make(random))


def test_every_receiver_is_fuzzed() -> None:
    assert RECEIVERS.keys() <= TARGETS.keys()


def test_the_first_input_that_fails_is_printed_as_hex_and_ends_the_run(capsys: pytest.CaptureFixture[str]) -> None:
    def run(data: bytes) -> None:
        if 7 in data:
            raise IndexError

    assert fuzz.fuzz(5, 1, {"wrong": Target(lambda random: random.randbytes(4), run)}) == 1
    said = capsys.readouterr().out
    found = bytes.fromhex(said.partition("wrong: ")[2].split()[0])
    assert 7 in found
    assert "IndexError" in said


def test_an_input_that_takes_too_long_is_a_find(capsys: pytest.CaptureFixture[str]) -> None:
    def run(data: bytes) -> None:
        while True:
            pass

    assert fuzz.fuzz(5, 1, {"endless": Target(lambda random: b"\x01", run)}, hang_cpu_s=0.05) == 1
    assert "HangError" in capsys.readouterr().out


def test_wrong_use_is_told_apart_from_a_find() -> None:
    assert fuzz.main([]) == 2
    assert fuzz.main(["soon"]) == 2
