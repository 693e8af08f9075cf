"""What every receiver promises, on bytes of our own emulators and on any others."""

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import pytest
from hypothesis import given
from hypothesis import strategies as st

from drivers.encode import amb8465, cul, im871a, iu891a, rc1180
from drivers.encode.wmbus import telegram
from drivers.model import Address, DecodeError, Frame
from drivers.receivers import RECEIVERS
from drivers.talk import Identity, Request, Said

TELEGRAM = telegram(Address("wmbus", "12345678", "REL", 1, 7), bytes.fromhex("041383580900"), 0x2A)
RSSI_DBM = -87
HELD_BYTES_MAX = 16_384  # what a framer may keep of a stream without sense; the longest line allowed is 8 KiB


@dataclass(frozen=True)
class Emulated:
    """What one receiver writes when it heard TELEGRAM, its answers, and the identity that ends its talk."""

    heard: bytes
    answers: Callable[[bytes], Iterator[bytes]] | None = None
    identity: Identity | None = None
    rssi_dbm: int | None = RSSI_DBM


HEX = TELEGRAM.hex()
EMULATED = {
    "im871a": Emulated(im871a.heard(TELEGRAM, RSSI_DBM), im871a.answers, Identity("iM871A", "1.4", "C1+T1")),
    "iu891a": Emulated(iu891a.heard(TELEGRAM, RSSI_DBM), iu891a.answers, Identity("iU891A-XL", "1.2", "C1+T1")),
    "amb8465": Emulated(amb8465.heard(TELEGRAM, RSSI_DBM), amb8465.answers, Identity("AMB8465", "2.0.6", "C1+T1")),
    "rc1180": Emulated(rc1180.heard(TELEGRAM, RSSI_DBM), rc1180.answers, Identity("RC1180-MBUS", listens="T1")),
    "cul": Emulated(cul.heard(TELEGRAM, RSSI_DBM), cul.answers, Identity("nanoCUL868", "1.67", "C1+T1")),
    "hexlines": Emulated(f"{HEX}\r\n".encode(), rssi_dbm=None),
    "rtl_433": Emulated(
        json.dumps({"model": "Wireless-MBus", "data": HEX, "mic": "CRC"}).encode() + b"\n", rssi_dbm=None
    ),
}
TALKING = [name for name, emulated in EMULATED.items() if emulated.answers]
every_receiver = pytest.mark.parametrize("name", RECEIVERS)
every_dongle = pytest.mark.parametrize("name", TALKING)


def talk(name: str, framer_feed: Callable[[bytes], Iterator[Said]]) -> list[Said]:
    """Let a framer and its emulator talk until both are silent; what else the framer said."""
    said: list[Said] = []
    answers = EMULATED[name].answers
    requests = [RECEIVERS[name].start]
    while requests and answers:
        for got in list(framer_feed(b"".join(answers(requests.pop(0))))):
            if isinstance(got, Request):
                requests.append(got.data)
            else:
                said.append(got)
    return said


def test_every_receiver_has_an_emulator() -> None:
    assert list(EMULATED) == list(RECEIVERS)


@every_receiver
def test_every_receiver_makes_a_framer_of_its_own(name: str) -> None:
    receiver = RECEIVERS[name]
    assert receiver.framer() is not receiver.framer()
    assert receiver.baud > 0
    assert bool(receiver.start) == (name in TALKING)


@every_dongle
def test_the_talk_ends_with_who_the_dongle_is_and_what_it_listens_to(name: str) -> None:
    assert talk(name, RECEIVERS[name].framer().feed) == [EMULATED[name].identity]


@every_receiver
def test_a_telegram_after_the_talk_is_heard_with_its_signal(name: str) -> None:
    framer = RECEIVERS[name].framer()
    talk(name, framer.feed)
    emulated = EMULATED[name]
    assert list(framer.feed(emulated.heard)) == [Frame(TELEGRAM, emulated.rssi_dbm)]


@every_dongle
def test_telegrams_that_come_between_the_answers_disturb_no_talk(name: str) -> None:
    framer = RECEIVERS[name].framer()
    heard = EMULATED[name].heard

    def feed(data: bytes) -> Iterator[Said]:
        yield from framer.feed(data)
        if name != "rc1180":  # in its configuration mode this one hears nothing
            list(framer.feed(heard))

    assert talk(name, feed) == [EMULATED[name].identity]


@every_dongle
def test_the_talk_may_begin_again_when_an_answer_was_lost(name: str) -> None:
    framer = RECEIVERS[name].framer()
    answers = EMULATED[name].answers
    assert answers
    list(framer.feed(b"".join(answers(RECEIVERS[name].start))))
    assert EMULATED[name].identity in talk(name, framer.feed)


@pytest.mark.parametrize("name", [name for name in RECEIVERS if name not in ("rc1180", "hexlines", "rtl_433")])
@given(place=st.integers(0), flip=st.integers(1, 255))
def test_one_wrong_byte_costs_its_own_telegram_and_no_other(name: str, place: int, flip: int) -> None:
    framer = RECEIVERS[name].framer()
    talk(name, framer.feed)
    heard = EMULATED[name].heard
    wrong = bytearray(heard)
    wrong[place % len(wrong)] ^= flip
    # A wrong length holds back what follows for as long as the longest frame, and then it is cut all the same.
    got = list(framer.feed(bytes(wrong) + heard * 12))
    good = [one for one in got if isinstance(one, Frame) and one.data == TELEGRAM]
    assert len(good) >= (11 if name in ("cul", "iu891a") else 12 - 600 // len(heard))
    assert all(one.data == TELEGRAM for one in got if isinstance(one, Frame))


def pieces(name: str) -> st.SearchStrategy[bytes]:
    """Telegrams, answers and halves of them between noise."""
    emulated, receiver = EMULATED[name], RECEIVERS[name]
    whole = [emulated.heard, emulated.heard[:-3], emulated.heard[5:], b"\n", b">", b"\xc0", b"\xff\x03"]
    if emulated.answers:
        whole += list(emulated.answers(receiver.start))
        framer = receiver.framer()
        seen = list(framer.feed(whole[-1]))
        whole += [answer for got in seen if isinstance(got, Request) for answer in emulated.answers(got.data)]
    return st.lists(st.one_of(st.binary(max_size=30), st.sampled_from(whole)), max_size=10).map(b"".join)


@every_receiver
@given(st.data())
def test_whole_equals_byte_by_byte(name: str, data: st.DataObject) -> None:
    stream = data.draw(pieces(name))
    framer = RECEIVERS[name].framer()
    single = [got for at in range(len(stream)) for got in framer.feed(stream[at : at + 1])]
    assert list(RECEIVERS[name].framer().feed(stream)) == single
    assert all(isinstance(got, Frame | DecodeError | Identity | Request) for got in single)


@every_receiver
@pytest.mark.parametrize("byte", [0x00, 0x44, 0x55, 0xA5, 0xC0, 0xFF, 0x3E, ord("b"), ord("{")])
def test_an_endless_stream_without_sense_is_not_kept(name: str, byte: int) -> None:
    framer = RECEIVERS[name].framer()
    for _ in range(64):
        list(framer.feed(bytes((byte,)) * 1024))
    assert held_bytes(framer) <= HELD_BYTES_MAX


def held_bytes(thing: object) -> int:
    """Bytes in the buffers of a framer, and of what it cuts lines with."""
    inner = vars(thing).values()
    return sum(
        len(value) if isinstance(value, bytearray) else held_bytes(value) if hasattr(value, "feed") else 0
        for value in inner
    )
