"""Apator's payloads, made here by the layouts drawn in drivers/wmbus/makers/apator.py."""

from datetime import date, datetime, timedelta
from decimal import Decimal

import pytest
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

from drivers import wmbus
from drivers.encode.wmbus import identity, telegram
from drivers.model import Address, Frame, Medium, State, Telegram

AT_162 = Address("wmbus", "12345678", "APA", 0x05, 0x07)
NA_1 = Address("wmbus", "12345678", "APA", 0x14, 0x07)
E_ITN = Address("wmbus", "12345678", "APT", 0x04, 0x08)
OLD_08 = Address("wmbus", "00149c06", "APT", 0x0F, 0x0F)
KEY = bytes(range(16))


def frame(meter: Address, body: bytes) -> Frame:
    data = b"\x44" + identity(meter).link_order + body
    return Frame(bytes((len(data),)) + data)


def u(value: int, size: int = 4) -> bytes:
    return value.to_bytes(size, "little")


def day(at: date) -> bytes:
    return u(at.day | at.month << 5 | at.year - 2000 << 9, 2)


def values(heard: Telegram) -> dict[tuple[str, int], object]:
    assert heard.state is State.DECODED, heard.error
    return {(r.register, r.storage): r.value for r in heard.readings}


def tags(*fields: bytes) -> bytes:
    return b"\x0f" + bytes(7) + b"".join(fields) + b"\xff" * 4 + b"\x2f\xbf"


TOTAL = b"\x10" + u(3843)
HISTORY = b"\x73\x01" + u(3800) + u(3700) + u(3600) + u(0)


@pytest.mark.parametrize("key", [None, KEY])
def test_the_tag_list_says_the_volume(key: bytes | None) -> None:
    content = tags(b"\x43\x5b\x01", TOTAL, HISTORY, b"\xa0\x91\x0c\xb0\x03")
    heard = wmbus.decode(Frame(telegram(AT_162, content, 7, key=key)), key)
    assert values(heard) == {("volume", 0): Decimal(3843)}
    assert (heard.readings[0].main, heard.access_number) == (True, 7)


def test_two_check_bytes_may_follow_without_padding() -> None:
    content = b"\x0f" + bytes(7) + b"\x71\x01" + u(3800) + u(3700) + TOTAL + b"\x5e\x6d"
    assert values(wmbus.decode(Frame(telegram(AT_162, content, 7))))["volume", 0] == 3843


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (tags(TOTAL, b"\x73\x01" + u(3900) + u(3700) + u(3600) + u(0)), "do not rise"),
        (tags(b"\x77" + bytes(3), TOTAL), "cannot be followed"),
        (tags(b"\x99" + bytes(9), TOTAL), "tag 99"),
        (tags(b"\x43\x5b\x01"), "no volume"),
    ],
)
def test_a_tag_list_that_fails_its_check_is_unsupported(content: bytes, reason: str) -> None:
    heard = wmbus.decode(Frame(telegram(AT_162, content, 7)))
    assert (heard.state, heard.readings) == (State.UNSUPPORTED, ())
    assert reason in str(heard.error)


def test_an_old_module_counts_thirds_of_a_litre_and_has_letters_in_its_number() -> None:
    heard = wmbus.decode(frame(OLD_08, b"\xa0" + u(1_372_738) + bytes(8)))
    assert (heard.address.id, heard.medium) == ("00149c06", Medium.WATER)
    assert values(heard)["volume", 0] == Decimal("457579.3")


@pytest.mark.parametrize("before", [b"\xa0", b"\xb6\x05\xff\xff\xff\x01\x02\xa0"])
@pytest.mark.parametrize(("seal", "status"), [(None, ()), (date(2019, 8, 28), ("tamper",))])
def test_a_heat_cost_allocator_says_both_seasons_and_its_seal(
    before: bytes, seal: date | None, status: tuple[str, ...]
) -> None:
    block = b"\xa1\x00\x00" + u(89, 2) + (day(seal) if seal else bytes(2)) + u(1, 2) + day(date(2022, 9, 18))
    heard = wmbus.decode(frame(E_ITN, before + block + u(0x13E4, 2) + u(0x15B4, 2)))
    said = values(heard)
    assert (said["heat_cost", 0], said["heat_cost", 1], said["date", 0]) == (1, 89, date(2022, 9, 18))
    assert (said["room_temperature", 0], said["room_temperature", 1]) == (Decimal("21.703125"), Decimal("19.890625"))
    assert (heard.status, said.get(("tamper_date", 0))) == (status, seal)


NOON = datetime(2024, 3, 23, 15, 22)  # noqa: DTZ001  the meter's own clock


def na_1(
    total: int, used: int, hours: int, flags: int = 0, alarms: tuple[int, int] = (0, 0), key: bytes = bytes(16)
) -> Frame:
    seconds = int((NOON - datetime(2000, 1, 1)).total_seconds())  # noqa: DTZ001  the meter's own clock
    d = b"\x2f" + u(total // 16 << 8 | total % 16) + u(seconds)
    d += bytes((hours % 256, hours // 256 << 2 | used & 3, used >> 2 & 0xFF, used >> 10 & 0xFF, used >> 18, *alarms))
    access = 0xB0
    iv = identity(NA_1).link_order + bytes((access,)) * 8
    encryptor = Cipher(algorithms.AES(key), modes.CBC(iv)).encryptor()
    return frame(NA_1, bytes((0xA0, access, flags)) + encryptor.update(d))


def test_na_1_says_now_and_a_past_value_with_its_time() -> None:
    heard = wmbus.decode(na_1(345_312, 44_693, 545, flags=0x01, alarms=(0x08, 0x80)))
    assert values(heard) == {
        ("volume", 0): Decimal(345_312),
        ("date_time", 0): NOON,
        ("volume", 1): Decimal(300_619),
        ("target_date_time", 1): NOON - timedelta(hours=545),
        ("history_age", 1): Decimal(545 * 3600),
    }
    assert heard.status == ("leak", "under flow (earlier)")  # summer time, in the flags, is no fault


@pytest.mark.parametrize(("total", "used"), [(200_000_000, 0), (10, 11)])
def test_na_1_that_no_flat_can_have_used_is_unsupported(total: int, used: int) -> None:
    assert wmbus.decode(na_1(total, used, 5)).state is State.UNSUPPORTED


def test_na_1_with_a_key_of_its_own() -> None:
    sent = na_1(345_312, 44_693, 545, key=KEY)
    assert wmbus.decode(sent).state is State.UNSUPPORTED
    assert values(wmbus.decode(sent, KEY))["volume", 0] == 345_312
