"""Security modes beside 5 and 7; telegrams made by drivers/encode/wmbus.py."""

import subprocess
import sys

import pytest

from drivers import wmbus
from drivers.encode.wmbus import (
    telegram,
    telegram_mode_2,
    telegram_mode_7,
    telegram_mode_7_counted,
    telegram_mode_10,
)
from drivers.model import Address, Frame, State, Telegram
from drivers.wmbus.default_keys import DEFAULT_KEYS, DefaultKey
from drivers.wmbus.security import MODE_NAMES, MODES

WATER = Address("wmbus", "12345678", "REL", 0x1B, 0x07)
KEY = bytes(range(16))
WRONG_KEY = bytes(range(1, 17))
DES_KEY = bytes.fromhex("0123456789ABCDEF")
RECORDS = bytes.fromhex("0413 83580900  4413 00470900  426C 5F3A  02FD17 0000")


def decode(data: bytes, key: bytes | None = None) -> Telegram:
    return wmbus.decode(Frame(data), key)


def changed(sent: bytes, at: int, to: int) -> bytes:
    return sent[:at] + bytes((to,)) + sent[at + 1 :]


@pytest.mark.parametrize("mode", [1, 3, 4, 8, 9, 11, 13, 15])
def test_a_mode_that_is_not_known_is_named_and_never_guessed(mode: int) -> None:
    heard = decode(changed(telegram(WATER, RECORDS, 0x2A), 14, mode), KEY)
    assert heard.state is State.UNSUPPORTED
    assert heard.readings == ()
    assert (heard.error or "").startswith(f"security mode {mode}")
    assert MODE_NAMES.get(mode, "") in (heard.error or "")
    assert mode not in MODES


def test_mode_10_is_authenticated_to_its_last_byte() -> None:
    sent = telegram_mode_10(WATER, RECORDS, 0x2A, key=KEY, counter=17)
    heard = decode(sent, KEY)
    assert (heard.state, heard.encrypted, heard.message_counter) == (State.DECODED, True, 17)
    for at in range(14, len(sent)):  # from the access number on; the mode itself may become another one
        damaged = decode(changed(sent, at, sent[at] ^ 1), KEY)
        assert damaged.state is not State.DECODED, at


@pytest.mark.parametrize(
    ("at", "to", "reason"),
    [
        (16, 0x05, "5 bytes of 21 are encrypted"),
        (17, 0x0A, "a message counter of another size"),
        (18, 0x20, "key derivation 2"),
    ],
)
def test_a_form_of_mode_10_that_is_not_known_is_named(at: int, to: int, reason: str) -> None:
    sent = telegram_mode_10(WATER, RECORDS, 0x2A, key=KEY, counter=17)
    for key in (None, KEY):
        heard = decode(changed(sent, at, to), key)
        assert (heard.state, heard.error) == (State.UNSUPPORTED, f"mode 10: {reason}")


def test_mode_10_too_short_for_its_tag_is_invalid() -> None:
    sent = telegram_mode_10(WATER, b"", 0x2A, key=KEY, counter=17)[:-1]
    assert decode(bytes((len(sent) - 1,)) + sent[1:], KEY).state is State.INVALID


def test_des_opens_what_meters_sent_before_aes() -> None:
    sent = telegram_mode_2(WATER, RECORDS, 0x2A, key=DES_KEY)
    heard = decode(sent, DES_KEY)
    assert (heard.state, heard.encrypted) == (State.DECODED, True)
    assert heard.readings == decode(telegram(WATER, RECORDS, 0x2A)).readings
    assert decode(sent).state is State.KEY_MISSING
    assert decode(sent, DES_KEY[::-1]).state is State.WRONG_KEY
    refused = decode(sent, KEY)
    assert (refused.state, refused.error) == (State.WRONG_KEY, "mode 2: a key of 8 bytes is needed, not 16")


def test_mode_2_in_clear_is_read_and_too_short_is_invalid() -> None:
    sent = telegram(WATER, b"\x2f\x2f" + RECORDS, 0x2A)
    heard = decode(changed(sent, 14, 2), DES_KEY)
    assert (heard.state, heard.encrypted) == (State.DECODED, False)
    short = changed(telegram(WATER, b"\x00" * 7, 0x2A), 13, 8)
    assert decode(changed(short, 14, 2), DES_KEY).state is State.INVALID


@pytest.mark.parametrize("default", DEFAULT_KEYS, ids=lambda default: f"{min(default.manufacturers)} {default.mode}")
def test_a_default_key_opens_its_makers_meters_and_no_other(default: DefaultKey) -> None:
    assert default.mode == 5
    assert default.source
    for maker in default.manufacturers:
        meter = Address("wmbus", "12345678", maker, 0x1B, 0x07)
        for key in (None, WRONG_KEY, default.key):
            heard = decode(telegram(meter, RECORDS, 0x2A, key=default.key), key)
            assert (heard.state, heard.encrypted) == (State.DECODED, True)
    assert decode(telegram(WATER, RECORDS, 0x2A, key=default.key)).state is State.KEY_MISSING


def test_the_households_key_comes_before_a_makers() -> None:
    meter = Address("wmbus", "12345678", "DME", 0x7B, 0x07)
    sent = telegram(meter, RECORDS, 0x2A, key=KEY)
    assert decode(sent, KEY).state is State.DECODED
    assert decode(sent).state is State.KEY_MISSING
    assert decode(sent, WRONG_KEY).state is State.WRONG_KEY


def test_mode_7_says_its_counter() -> None:
    assert decode(telegram_mode_7(WATER, RECORDS, 0x2A, key=KEY, counter=0x01020304), KEY).message_counter == 0x01020304
    assert decode(telegram(WATER, RECORDS, 0x2A, key=KEY), KEY).message_counter is None


@pytest.mark.parametrize("coded", [True, False])
def test_mode_7_is_opened_by_the_counter_in_its_header(coded: bool) -> None:
    sent = telegram_mode_7_counted(WATER, RECORDS, 0x2A, key=KEY, counter=0x01020304, key_version=3, coded=coded)
    heard = decode(sent, KEY)
    assert (heard.state, heard.message_counter, heard.encrypted) == (State.DECODED, 0x01020304, True)
    assert heard.readings == decode(telegram(WATER, RECORDS, 0x2A)).readings
    assert decode(sent, WRONG_KEY).state is State.WRONG_KEY
    if coded:
        for at in range(15, len(sent)):
            assert decode(changed(sent, at, sent[at] ^ 1), KEY).state is not State.DECODED, at


def test_a_code_that_is_not_known_is_named() -> None:
    sent = telegram_mode_7(WATER, RECORDS, 0x2A, key=KEY, counter=17)
    heard = decode(changed(sent, sent.index(0x25, 13), 0x28), KEY)
    assert (heard.state, heard.error) == (*(State.UNSUPPORTED, "mode 7: authentication 8 (AES-GMAC) with 8 bytes"),)


def test_old_ciphers_warn_nobody() -> None:
    sent = telegram_mode_2(WATER, RECORDS, 0x2A, key=DES_KEY)
    code = f"""
from drivers import wmbus
from drivers.model import Frame
assert wmbus.decode(Frame(bytes.fromhex({sent.hex()!r})), bytes.fromhex({DES_KEY.hex()!r})).readings
"""
    subprocess.run([sys.executable, "-W", "error", "-c", code], check=True)
