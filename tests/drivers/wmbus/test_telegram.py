"""Whole telegrams. Most are made by drivers/encode/wmbus.py.

OMS_GAS, OMS_HEAT_COST and OMS_NO_VALUE are OMS Specification Vol. 2, Annex N (N.2.1, N.5.3, N.5.2); TR_GAS is
CEN/TR 17167:2018, F.3.
"""

import contextlib
import subprocess
import sys
from dataclasses import replace
from datetime import date
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from drivers import wmbus
from drivers.encode.wmbus import telegram, telegram_ell, telegram_mode_7, telegram_mode_10
from drivers.model import Address, DecodeError, Frame, Medium, State, Telegram

OMS_GAS = bytes.fromhex(
    "2E4493157856341233037A2A0020255923C95AAA26D1B2E7493B013EC4A6F6D3529B520EDFF0EA6DEFC99D6D69EBF3"
)
OMS_KEY = bytes.fromhex("0102030405060708090A0B0C0D0E0F11")
OMS_HEAT_COST = bytes.fromhex(
    "304493444433221155378C00757288776655934455080004100500DFE2A782146D1513581CD2F83F39040CFD1078563412"
)
OMS_NO_VALUE = bytes.fromhex("194793444433221155378C20758B8877665593445508FF040000")
TR_GAS = bytes.fromhex(
    "53082448443322110337 8E80753A63665544330A31 900F002C25B30A0000AF5D74DF73A600D9 7278563412931533037500200710"
    "9058475F4BC91DF878B80A1B0F98B629024AAC727942BFC549233C0140829B93"
)

WATER = Address("wmbus", "12345678", "REL", 0x1B, 0x07)
MODULE = Address("wmbus", "99000001", "RAD", 0x02, 0x37)
KEY = bytes(range(16))
WRONG_KEY = bytes(range(1, 17))

# volume 612483 L; on 2026-10-31 608000 L; error flags none
RECORDS = bytes.fromhex("0413 83580900  4413 00470900  426C 5F3A  02FD17 0000")
VOLUME = Decimal(612483)


def decode(data: bytes, key: bytes | None = None, formats: wmbus.Formats | None = None) -> Telegram:
    return wmbus.decode(Frame(data), key, formats)


def volume(heard: Telegram) -> Decimal:
    (main,) = [reading for reading in heard.readings if reading.main]
    assert isinstance(main.value, Decimal)
    return main.value


def ways(key: bytes) -> dict[str, bytes]:
    """The same records under every security we know."""
    return {
        "mode 5": telegram(WATER, RECORDS, 0x2A, key=key),
        "mode 5, long header": telegram(WATER, RECORDS, 0x2A, key=key, radio=MODULE),
        "mode 7": telegram_mode_7(WATER, RECORDS, 0x2A, key=key, counter=17),
        "mode 10": telegram_mode_10(WATER, RECORDS, 0x2A, key=key, counter=17),
        "mode 10, long header": telegram_mode_10(WATER, RECORDS, 0x2A, key=key, counter=17, radio=MODULE),
        "ELL": telegram_ell(WATER, b"\x78" + RECORDS, 0x2A, session=4711, key=key),
    }


def test_the_worked_example_of_oms_reads_as_the_document_says() -> None:
    heard = decode(OMS_GAS, OMS_KEY)
    assert (heard.state, heard.medium, heard.encrypted) == (State.DECODED, Medium.GAS, True)
    assert volume(heard) == Decimal("28504.27") * 1000


def test_the_worked_example_with_half_its_records_in_clear_reads_as_the_document_says() -> None:
    heard = decode(OMS_HEAT_COST, KEY)
    assert (str(heard.address), heard.medium, heard.status) == (
        *("wmbus:QDS-55667788-55-08", Medium.HEAT_COST, ("power low",)),
    )
    assert [(r.register, r.storage, r.value) for r in heard.readings] == [
        ("heat_cost", 0, 1234),
        ("target_date", 1, date(2007, 4, 30)),
        ("heat_cost", 1, 23456),
        ("customer_location", 0, "12345678"),
    ]


def test_the_worked_example_of_mode_7_reads_as_the_document_says() -> None:
    heard = decode(TR_GAS, KEY)
    assert (str(heard.address), heard.state, heard.message_counter) == (
        *("wmbus:ELS-12345678-33-03", State.DECODED, 0x0AB3),
    )
    assert volume(heard) == Decimal("28504.27") * 1000
    for at in range(25, len(TR_GAS)):  # the code covers the message control, and everything behind it
        assert decode(changed(TR_GAS, at), KEY).state is not State.DECODED, at


def changed(sent: bytes, at: int) -> bytes:
    return sent[:at] + bytes((sent[at] ^ 1,)) + sent[at + 1 :]


def test_a_header_without_content_names_the_meter_and_what_ails_it() -> None:
    heard = decode(OMS_NO_VALUE)
    assert (str(heard.address), heard.state, heard.status) == (
        *("wmbus:QDS-55667788-55-08", State.NO_DATA, ("power low",)),
    )
    assert "announces itself" in (heard.error or "")


LONG = "78563412 2D2C 1B07 2A 00 0000"  # of another meter than the radio module's
ANSWERS = [
    ("70 08", State.NO_DATA, "application error: application busy"),
    ("6E 2A 00 0000 05", State.NO_DATA, "application error: too many DIFEs"),
    (f"6F {LONG} 55", State.NO_DATA, "application error: 55"),
    (f"6F {LONG}", State.NO_DATA, "application error: unspecified error"),
    ("71 81", State.NO_DATA, "alarm: 81"),
    ("74 2A 00 0000 04 2F 2F", State.NO_DATA, "alarm: 04"),
    (f"75 {LONG}", State.NO_DATA, "alarm: nothing more"),
    ("8A 2A 00 0000", State.NO_DATA, "announces itself"),
    (f"8B {LONG} 01 02", State.NO_DATA, "announces itself"),
    ("66 01", State.UNSUPPORTED, "CI 66 (the selected application)"),
    ("67 2A 00 0000 01", State.UNSUPPORTED, "CI 67 (the selected application)"),
    ("7C " + LONG, State.UNSUPPORTED, "CI 7C (DLMS)"),
    ("7F 2A 00 0000 01", State.UNSUPPORTED, "CI 7F (SML)"),
    ("86 00", State.UNSUPPORTED, "CI 86 (an extended link layer of variable fields)"),
    ("89 00", State.UNSUPPORTED, "CI 89 (network management)"),
    (f"9F {LONG}", State.UNSUPPORTED, "CI 9F (security management (TLS))"),
    ("C1 2A 00 0000", State.UNSUPPORTED, "CI C1 (image transfer (new software))"),
    ("C4 2A 00 0000 01", State.UNSUPPORTED, "CI C4 (security information transfer (keys))"),
    ("5A 2A 00 0000 01", State.UNSUPPORTED, "CI 5A (a command in records)"),
    ("D0 01", State.UNSUPPORTED, "CI D0 (reserved)"),
]


def framed(body: str) -> bytes:
    sent = telegram(MODULE, b"", 0)[1:10] + bytes.fromhex(body)
    return bytes((len(sent),)) + sent


@pytest.mark.parametrize(("body", "state", "words"), ANSWERS, ids=[body[:2] for body, _, _ in ANSWERS])
def test_what_is_no_reading_is_said_by_its_name(body: str, state: State, words: str) -> None:
    heard = decode(framed(body))
    assert (heard.state, heard.readings) == (state, ())
    assert words in (heard.error or "")
    assert heard.address.id == ("12345678" if LONG in body else MODULE.id)
    assert ("alarm" in heard.status) is (words.startswith("alarm"))


def test_an_application_error_comes_under_encryption_too() -> None:
    sent = telegram(WATER, bytes.fromhex("08"), 0x2A, key=KEY)
    sent = sent[:10] + b"\x6e" + sent[11:]
    assert decode(sent, KEY).error == "the meter answers with an application error: application busy"
    assert decode(sent).state is State.KEY_MISSING


def test_a_telegram_in_clear_needs_no_key() -> None:
    heard = decode(telegram(WATER, RECORDS, 0x2A))
    assert (heard.address, heard.state, heard.medium) == (WATER, State.DECODED, Medium.WATER)
    assert (volume(heard), heard.access_number, heard.encrypted, heard.status) == (VOLUME, 0x2A, False, ())


def test_a_telegram_in_clear_from_a_meter_with_a_key_is_read_too() -> None:
    heard = decode(telegram(WATER, RECORDS, 0x2A), KEY)
    assert (heard.state, heard.encrypted) == (State.DECODED, False)


@pytest.mark.parametrize("way", ways(KEY))
def test_the_key_opens_it(way: str) -> None:
    heard = decode(ways(KEY)[way], KEY)
    assert (heard.address, heard.state, heard.encrypted) == (WATER, State.DECODED, True)
    assert volume(heard) == VOLUME


@pytest.mark.parametrize("way", ways(KEY))
@pytest.mark.parametrize("key", [None, WRONG_KEY, KEY[:8], b""])
def test_without_its_key_no_value_is_ever_shown(way: str, key: bytes | None) -> None:
    heard = decode(ways(KEY)[way], key)
    assert heard.state is (State.KEY_MISSING if key is None else State.WRONG_KEY)
    assert heard.readings == ()
    assert heard.encrypted


def test_two_check_bytes_that_fit_by_chance_are_no_reading() -> None:
    """A wrong key gives 2F2F once in 65536 telegrams; what follows is then no record."""
    heard = decode(telegram(WATER, bytes.fromhex("8D8ECA3A5177AA0913F1E0"), 0x2A, key=KEY), KEY)
    assert (heard.state, heard.readings) == (State.WRONG_KEY, ())


def test_content_in_clear_behind_a_header_that_announces_encryption_is_read() -> None:
    sent = bytearray(telegram(WATER, b"\x2f\x2f" + RECORDS + b"\x2f" * 5, 0x2A))
    sent[13:15] = bytes.fromhex("2005")
    for key in (None, KEY):
        heard = decode(bytes(sent), key)
        assert (heard.state, heard.encrypted, volume(heard)) == (State.DECODED, False, VOLUME)


def test_a_mode_7_telegram_with_a_changed_byte_is_refused() -> None:
    sent = bytearray(telegram_mode_7(WATER, RECORDS, 0x2A, key=KEY, counter=17))
    sent[-1] ^= 1  # in the padding, where nobody would see it
    assert decode(bytes(sent), KEY).state is State.WRONG_KEY


def test_a_makers_own_coding_is_unsupported_and_not_guessed() -> None:
    heard = decode(b"\x0d" + telegram(WATER, b"", 0)[1:10] + bytes.fromhex("A2010203"))
    assert (heard.state, heard.error) == (State.UNSUPPORTED, "CI A2 (the manufacturer's own coding)")


def test_a_wake_up_is_heard_and_has_no_data() -> None:
    heard = decode(bytes((0x0C,)) + telegram(WATER, b"", 0)[1:10] + bytes.fromhex("8CC000"))
    assert (heard.state, heard.address, heard.error) == (
        State.NO_DATA,
        WATER,
        "the meter announces itself and sends no value",
    )


def test_the_status_byte_and_the_error_flags_are_told_once_each() -> None:
    heard = decode(telegram(WATER, RECORDS[:-2] + b"\x01\x00", 0x2A, status=0x04))
    assert len(heard.status) == 2
    assert heard.state is State.DECODED


def test_an_l_field_too_short_does_not_cut_a_record() -> None:
    sent = bytearray(telegram(WATER, RECORDS, 0x2A))
    sent[0] -= 4
    heard = decode(bytes(sent))
    assert (volume(heard), heard.faults) == (VOLUME, ())


def test_what_comes_behind_a_whole_telegram_is_no_record() -> None:
    heard = decode(telegram(WATER, RECORDS, 0x2A) + bytes.fromhex("0113FF"))
    assert heard == decode(telegram(WATER, RECORDS, 0x2A))


def test_a_telegram_cut_short_is_invalid_and_still_names_its_meter() -> None:
    heard = decode(telegram(WATER, RECORDS, 0x2A)[:-1])
    assert (heard.address, heard.state, heard.readings) == (WATER, State.INVALID, ())


def test_a_compact_frame_waits_for_its_format_and_then_reads() -> None:
    full = telegram_ell(WATER, b"\x78" + RECORDS, 1, session=1, key=KEY)
    compact = telegram_ell(WATER, compact_frame(RECORDS), 2, session=2, key=KEY)
    formats = wmbus.Formats()
    assert decode(compact, KEY, formats).state is State.WAITING_FORMAT
    heard = decode(full, KEY, formats)
    assert decode(compact, KEY, formats) == replace(heard, access_number=2)
    assert decode(compact, KEY, wmbus.Formats(formats.known)) == replace(heard, access_number=2)
    assert decode(compact, KEY).state is State.WAITING_FORMAT


def compact_frame(records: bytes) -> bytes:
    """A compact frame of RECORDS' layout: signature, CRC of the full frame, values (EN 13757-3, compact M-Bus frame)."""
    from drivers.wmbus.link import crc

    heads = bytes.fromhex("0413 4413 426C 02FD17")
    values = records[2:6] + records[8:12] + records[14:16] + records[19:21]
    return b"\x79" + crc(heads).to_bytes(2, "little") + crc(records).to_bytes(2, "little") + values


def test_the_header_is_read_without_its_content() -> None:
    heard = wmbus.header(Frame(telegram(WATER, RECORDS, 0x2A, key=KEY, radio=MODULE)))
    assert heard == wmbus.Header(WATER, Medium.WATER, True, 0x2A, sealed=True)
    assert not wmbus.header(Frame(telegram(WATER, RECORDS, 0x2A))).encrypted
    assert wmbus.header(Frame(ways(KEY)["ELL"])).encrypted


def test_a_neighbours_content_in_clear_does_not_pass_for_sealed_because_its_header_announces_a_key() -> None:
    sent = bytearray(telegram(WATER, b"\x2f\x2f" + RECORDS + b"\x2f" * 5, 0x2A))
    sent[13:15] = bytes.fromhex("2005")
    assert not wmbus.header(Frame(bytes(sent))).encrypted
    assert not wmbus.header(Frame(telegram_ell(WATER, b"\x78" + RECORDS, 0x2A, session=1))).encrypted


def test_a_neighbours_telegram_that_is_locked_in_part_only_is_not_sealed() -> None:
    sent = bytearray(telegram(WATER, RECORDS * 2, 0x2A, key=KEY))
    assert wmbus.header(Frame(bytes(sent))).sealed
    whole = len(sent)
    sent += RECORDS
    sent[0] += len(RECORDS)
    assert len(sent) == whole + len(RECORDS)
    heard = wmbus.header(Frame(bytes(sent)))
    assert (heard.encrypted, heard.sealed) == (True, False)


@given(st.binary(max_size=100), st.booleans())
def test_the_header_never_looks_beyond_itself(content: bytes, long: bool) -> None:
    head = telegram(WATER, RECORDS, 0x2A, radio=MODULE if long else None)[: -len(RECORDS)]
    assert wmbus.header(Frame(head + content)) == wmbus.header(Frame(head))


@given(st.sampled_from(list(ways(KEY).values())), st.data())
def test_a_damaged_telegram_gives_a_telegram_or_a_decode_error(sent: bytes, data: st.DataObject) -> None:
    damaged = bytearray(sent[: data.draw(st.integers(0, len(sent)))])
    for _ in range(data.draw(st.integers(0, 3))):
        if damaged:
            damaged[data.draw(st.integers(0, len(damaged) - 1))] ^= data.draw(st.integers(1, 255))
    check(bytes(damaged))


@given(
    st.binary(max_size=260),
    st.sampled_from(
        ["", "7A2A000000", "7A2A000005", "7A2A00000710", "7A2A000002", "7A2A00FF2A1001", "78", "79", "8C2055", "90"]
    ),
)
def test_any_bytes_give_a_telegram_or_a_decode_error(content: bytes, head: str) -> None:
    body = telegram(WATER, b"", 0)[1:10] + bytes.fromhex(head) + content if head else content
    check(bytes((min(len(body), 255),)) + body)
    check(body)


def check(data: bytes) -> None:
    for key in (None, KEY):
        try:
            heard = decode(data, key, wmbus.Formats())
        except DecodeError:
            continue
        assert heard.state is State.DECODED or not heard.readings
    with contextlib.suppress(DecodeError):
        wmbus.header(Frame(data))


def test_a_house_without_encrypted_meters_never_loads_the_ciphers() -> None:
    code = f"""
import sys
from drivers import wmbus
from drivers.model import Frame
assert wmbus.decode(Frame(bytes.fromhex({telegram(WATER, RECORDS, 0x2A).hex()!r}))).readings
assert not any(name.startswith("cryptography") for name in sys.modules)
"""
    subprocess.run([sys.executable, "-c", code], check=True)
