"""What a flipped bit does to a telegram, or to a file of an optical port, over all of them."""

from collections.abc import Callable, Iterable

import pytest

from drivers import p1, sml
from drivers.encode import sml as encode_sml
from drivers.encode.p1 import Household, belgian, v2, v5
from drivers.model import DecodeError, Frame, Telegram
from drivers.talk import Dongle

Values = set[tuple[str, str, str]]


def read(stream: bytes, framer: Dongle, decode: Callable[[Frame], Telegram]) -> Values:
    found: Values = set()
    for item in framer.feed(stream):
        if isinstance(item, Frame):
            said = decode(item)
            found |= {(str(said.address), r.register, str(r.value)) for r in said.readings}
    return found


def wrongs(stream: bytes, framer: Callable[[], Dongle], decode: Callable[[Frame], Telegram]) -> Values:
    """Every value that was read and never sent, over all single-bit flips."""
    sent = read(stream, framer(), decode)
    assert sent
    found: Values = set()
    for flipped in flips(stream):
        try:
            found |= read(flipped, framer(), decode) - sent
        except DecodeError:
            continue
    return found


def flips(stream: bytes) -> Iterable[bytes]:
    for at in range(len(stream)):
        for bit in range(8):
            flipped = bytearray(stream)
            flipped[at] ^= 1 << bit
            yield bytes(flipped)


@pytest.mark.parametrize("says", [v5, belgian, v2])
def test_no_flipped_bit_of_a_telegram_makes_a_wrong_value(says: Callable[[Household], bytes], home: Household) -> None:
    assert wrongs(says(home), p1.Framer, p1.decode) == set()


def test_no_flipped_bit_of_a_file_makes_a_wrong_value() -> None:
    file = encode_sml.household(encode_sml.server("REL", 12_345_678), 12_345_678, 4_321, -690)
    assert wrongs(file, sml.Framer, sml.decode) == set()
