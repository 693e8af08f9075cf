"""PRIOS and real data. The telegrams are made here, by the layout drawn in drivers/wmbus/makers/diehl.py."""

from datetime import date
from decimal import Decimal

import pytest

from drivers import wmbus
from drivers.encode.wmbus import identity
from drivers.model import Address, Frame, Medium, State, Telegram

KEYS = [bytes.fromhex("39BC8A10E66D83F8"), bytes.fromhex("51728910E66D83F8")]
OWN_KEY = bytes.fromhex("0102030405060708")
SEPTEMBER_30 = bytes.fromhex("7E29")  # type G: 30.9.2019

# The wire's order: version and type before the id, so these eight bytes read as id and version in the standard's order.
METER = Address("wmbus", "12345678", "HYD", 0x85, 0x07)
RECORDS = bytes.fromhex("0413 15CD5B07  426C 7E29  4413 00CA9A3B")


def link_order(meter: Address) -> bytes:
    sent = identity(meter)
    return sent.manufacturer + bytes((sent.version, sent.device_type)) + sent.id


def masked(head: bytes, plain: bytes, key: bytes) -> bytes:
    """A register of 32 bits, whose bits 1, 2, 11 and 31 make the next one; its low byte masks a byte every 8 steps."""
    register = 0
    for word in (key[:4], key[4:], head[:4], head[4:8], head[8:12]):
        register ^= int.from_bytes(word, "big")
    sent = bytearray()
    for byte in plain:
        for _ in range(8):
            new = sum(register >> bit & 1 for bit in (1, 2, 11, 31)) & 1
            register = (register << 1) % (1 << 32) | new
        sent.append(byte ^ register & 0xFF)
    return bytes(sent)


def frame(head: bytes, rest: bytes) -> Frame:
    data = b"\x44" + head + rest
    return Frame(bytes((len(data),)) + data)


def prios(clear: str, plain: bytes, key: bytes = KEYS[0], meter: bytes | None = None, ci: int = 0xA2) -> Frame:
    head = (link_order(METER) if meter is None else meter) + bytes((ci,)) + bytes.fromhex(clear)
    return frame(head, masked(head, plain, key))


def plain(total: int, month: int | None = None) -> bytes:
    start = b"\x4b" + total.to_bytes(4, "little")
    return start if month is None else start + month.to_bytes(4, "little") + SEPTEMBER_30


def real_data(records: bytes, key: bytes | None, configuration: int = 0x15) -> Frame:
    """The sum of all plain bytes stands in the last header byte; its bit 4 marks the coding."""
    check = sum(records) & 0xEF | 0x10
    head = link_order(METER) + bytes((0x7A, 0x11, 0x00, configuration, check))
    return frame(head, records if key is None else masked(head, records, key))


def values(heard: Telegram) -> dict[tuple[str, int], object]:
    return {(r.register, r.storage): r.value for r in heard.readings}


@pytest.mark.parametrize("key", KEYS)
def test_prios_says_volume_now_and_at_the_months_end_without_any_key(key: bytes) -> None:
    heard = wmbus.decode(prios("011D0013", plain(3488, 3486), key))
    assert (heard.address, heard.state, heard.medium, heard.encrypted) == (METER, State.DECODED, Medium.WATER, True)
    assert values(heard) == {
        ("volume", 0): Decimal(3488),
        ("volume", 1): Decimal(3486),
        ("target_date", 1): date(2019, 9, 30),
        ("battery_life_remaining", 0): Decimal(29 * 15_778_800),
        ("transmission_period", 0): Decimal(8),
    }
    assert [r.register for r in heard.readings if r.main] == ["volume"]
    assert heard.status == ()


@pytest.mark.parametrize(
    "content", [plain(2_000_000_000), plain(900_000_000, 7), plain(7, 900_000_000), plain(7, 7)[:9] + b"\x00\x2f"]
)
def test_what_no_meter_can_have_counted_is_a_wrong_key_that_met_the_check_byte(content: bytes) -> None:
    heard = wmbus.decode(prios("011D0013", content))
    assert (heard.state, heard.readings) == (State.KEY_MISSING, ())


def test_a_meter_that_saw_no_month_end_yet_is_read() -> None:
    assert values(wmbus.decode(prios("011D0013", plain(7, 0)[:9] + bytes(2))))["volume", 0] == 7


def test_the_short_form_says_the_volume_only() -> None:
    heard = wmbus.decode(prios("011D0013", plain(3488)))
    assert set(values(heard)) == {("volume", 0), ("battery_life_remaining", 0), ("transmission_period", 0)}


@pytest.mark.parametrize(
    ("clear", "status"),
    [
        ("01800013", ("leak",)),
        ("81C00013", ("leak", "leak (earlier)")),
        ("01208013", ("blocked", "backflow")),
        ("01000A13", ("tamper (sensor)", "tamper (mechanical)")),
        ("81000013", ("alarm",)),
    ],
)
def test_alarms_are_said_one_by_one(clear: str, status: tuple[str, ...]) -> None:
    assert set(wmbus.decode(prios(clear, plain(1))).status) == set(status)


def test_sappel_has_no_version_and_prints_letters_before_its_serial_number() -> None:
    number = 19145842 | 1 << 29  # the year and six digits; above them the diameter's low bits
    meter = identity(Address("wmbus", "00000000", "SAP", 0, 0)).manufacturer + number.to_bytes(4, "little")
    heard = wmbus.decode(prios("011D0013", plain(7), meter=meter + bytes.fromhex("D401")))
    assert str(heard.address) == f"wmbus:SAP-{number:08x}-00-07"
    assert values(heard)["fabrication_number", 0] == "C19UA145842"


def test_the_header_names_the_same_meter_as_the_telegram() -> None:
    for sent in (prios("011D0013", plain(1)), real_data(RECORDS, None)):
        assert wmbus.header(sent).address == wmbus.decode(sent).address == METER


def test_a_key_of_the_owner_opens_what_the_known_ones_do_not() -> None:
    sent = prios("011D0013", plain(3488), OWN_KEY)
    assert wmbus.decode(sent).state is State.KEY_MISSING
    assert wmbus.decode(sent, bytes(8)).state is State.WRONG_KEY
    assert wmbus.decode(sent, bytes(16)).state is State.WRONG_KEY
    assert values(wmbus.decode(sent, OWN_KEY))["volume", 0] == Decimal(3488)


@pytest.mark.parametrize("key", [None, *KEYS])
def test_real_data_are_records_in_clear_or_under_the_known_keys(key: bytes | None) -> None:
    heard = wmbus.decode(real_data(RECORDS, key))
    assert (heard.address, heard.state, heard.encrypted) == (METER, State.DECODED, key is not None)
    assert values(heard)["volume", 0] == Decimal(123456789)


def test_real_data_behind_its_own_ci_field_are_read_too() -> None:
    check = sum(RECORDS) & 0xEF | 0x10
    head = link_order(METER) + bytes((0x71, 0x11, 0x00, 0x15, check))
    assert values(wmbus.decode(frame(head, masked(head, RECORDS, KEYS[1]))))["volume", 0] == Decimal(123456789)


def test_a_changed_byte_of_real_data_is_no_reading() -> None:
    sent = bytearray(real_data(RECORDS, KEYS[0]).data)
    sent[-1] ^= 1
    assert wmbus.decode(Frame(bytes(sent))).state is State.KEY_MISSING


def test_the_other_codings_of_the_maker_are_named_and_not_guessed() -> None:
    heard = wmbus.decode(prios("011D0013", plain(1), ci=0xB1))
    assert (heard.state, heard.address) == (State.UNSUPPORTED, METER)
