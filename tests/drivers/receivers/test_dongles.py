"""What is one dongle's own. The frames are made by drivers/encode/."""

import pytest

from drivers.encode import amb8465 as amb
from drivers.encode import cul as nano
from drivers.encode import im871a as wimod
from drivers.encode import iu891a as stick
from drivers.encode import rc1180 as module
from drivers.encode.wmbus import telegram
from drivers.model import Address, DecodeError, Frame
from drivers.receivers import amb8465, cul, im871a, iu891a, rc1180
from drivers.talk import Identity, Request

RECORDS = bytes.fromhex("041383580900")
ADDRESS = Address("wmbus", "12345678", "REL", 1, 7)
TELEGRAM = telegram(ADDRESS, RECORDS, 0x2A)
LONG = telegram(ADDRESS, RECORDS * 20, 0x2A)


def test_an_old_im871a_listens_to_t_alone() -> None:
    framer = im871a.Framer()
    (asked,) = framer.feed(b"".join(wimod.answers(im871a.START, wimod.DEVICE_868_OLD)))
    assert asked == Request(im871a.SET_T)
    (asked,) = framer.feed(b"".join(wimod.answers(im871a.SET_T)))
    (said,) = framer.feed(b"".join(wimod.answers(asked.data, wimod.DEVICE_868_OLD)))  # type: ignore[union-attr] # a Request
    assert said == Identity("iM871A", "1.3", "T1")


def test_an_im170a_keeps_the_link_mode_it_has() -> None:
    framer = im871a.Framer()
    (asked,) = framer.feed(b"".join(wimod.answers(im871a.START, wimod.DEVICE_169)))
    assert asked == Request(im871a.SET_RSSI)
    list(framer.feed(b"".join(wimod.answers(im871a.SET_RSSI))))
    (said,) = framer.feed(b"".join(wimod.answers(im871a.GET_CONFIGURATION)))
    assert str(said) == "iM170A 1.4, mode 10"


def test_bytes_that_slip_escapes_come_through() -> None:
    odd = telegram(ADDRESS, bytes.fromhex("0413C0DBC0DD0413DBDCDBDD"), 0xC0)
    assert list(iu891a.Framer().feed(stick.heard(odd, -64))) == [Frame(odd, -64)]


@pytest.mark.parametrize("wrong", [b"\xdb", b"\xdb\x00", b"\x01"])
def test_what_is_no_slip_frame_is_told(wrong: bytes) -> None:
    (fault,) = iu891a.Framer().feed(b"\xc0" + wrong + b"\xc0")
    assert str(fault) == "iu891a: not a SLIP frame"


def test_an_iu891a_that_refuses_the_link_mode_says_so_and_what_it_listens_to_instead() -> None:
    framer = iu891a.Framer()
    list(framer.feed(b"".join(stick.answers(iu891a.START))))
    fault, asked = framer.feed(iu891a.slip(iu891a.SAP_GATEWAY, 0x04, b"\x03"))
    assert "refuses" in str(fault)
    assert asked == Request(iu891a.slip(iu891a.SAP_GATEWAY, iu891a.GET_CONFIGURATION))


def test_a_telegram_whose_l_field_is_not_its_length_is_a_fault() -> None:
    (fault,) = iu891a.Framer().feed(stick.heard(TELEGRAM + b"\x00", -64))
    assert "L field" in str(fault)


@pytest.mark.parametrize("commands", [True, False])
@pytest.mark.parametrize("rssi_dbm", [-100, -64, None])
def test_an_amb8465_is_read_however_its_output_is_set(commands: bool, rssi_dbm: int | None) -> None:
    framer = amb8465.Framer()
    list(framer.feed(b"".join(amb.answers(amb8465.START, commands=commands, rssi=rssi_dbm is not None))))
    assert list(framer.feed(amb.heard(TELEGRAM, rssi_dbm, commands=commands))) == [Frame(TELEGRAM, rssi_dbm)]


def test_an_amb8465_is_not_read_before_it_said_how_it_hands_telegrams_on() -> None:
    (fault,) = amb8465.Framer().feed(amb.heard(TELEGRAM, -64))
    assert "before the stick said" in str(fault)


def test_an_amb3665_keeps_the_mode_it_has() -> None:
    framer = amb8465.Framer()
    (asked,) = framer.feed(b"".join(amb.answers(amb8465.START, is_169=True)))
    (said,) = framer.feed(b"".join(amb.answers(asked.data)))  # type: ignore[union-attr] # a Request
    assert str(said) == "AMB3665 2.0.6, T1"


def test_an_amb8465_that_refuses_the_mode_says_so() -> None:
    framer = amb8465.Framer()
    list(framer.feed(b"".join(amb.answers(amb8465.START + amb8465.checked(amb8465.GET_FIRMWARE)))))
    fault, said = framer.feed(amb8465.checked(amb8465.ANSWER | amb8465.SET_MODE, b"\x01"))
    assert "refuses" in str(fault)
    assert said == Identity("AMB8465", "2.0.6", "T1")


def test_the_check_byte_of_the_manuals_requests_agrees() -> None:
    assert amb8465.START[-1] == 0x77
    assert amb8465.checked(amb8465.GET_FIRMWARE)[-1] == 0xF3


@pytest.mark.parametrize("b", [True, False])
@pytest.mark.parametrize("content", [TELEGRAM, LONG])
def test_a_cul_hands_on_both_formats(content: bytes, b: bool) -> None:
    assert list(cul.Framer().feed(nano.heard(content, -64, b=b))) == [Frame(content, -64)]


def test_a_cul_that_adds_no_signal_is_read_without() -> None:
    line = nano.heard(TELEGRAM, -64)[: -len("2f14\r\n")] + b"\r\n"
    assert list(cul.Framer().feed(line)) == [Frame(TELEGRAM)]


@pytest.mark.parametrize("size", [100, 101, 20])
def test_a_line_that_culfw_cut_short_is_named_as_such(size: int) -> None:
    (fault,) = cul.Framer().feed(nano.heard(LONG, -64)[:size] + b"\r\n")
    assert isinstance(fault, DecodeError)
    assert "cut short" in str(fault)


@pytest.mark.parametrize("b", [True, False])
def test_a_cul_line_with_a_wrong_crc_is_a_fault(b: bool) -> None:
    line = bytearray(nano.heard(TELEGRAM, -64, b=b))
    line[20] ^= 1
    (fault,) = cul.Framer().feed(bytes(line))
    assert "CRC" in str(fault)


@pytest.mark.parametrize("line", [b"bxyz\r\n", b"b\r\n", b"b0044\r\n", b"LOVF\r\n"])
def test_any_other_line_of_a_cul_is_a_fault(line: bytes) -> None:
    (fault,) = cul.Framer().feed(line)
    assert isinstance(fault, DecodeError)


def test_an_older_culfw_listens_to_t_alone() -> None:
    framer = cul.Framer()
    (asked,) = framer.feed(b"V 1.26.01 a-culfw Build: 311 (2018-12-08) CUL868 (F-Band: 868MHz)\r\n")
    assert asked == Request(cul.LISTEN_C_AND_T)
    (asked,) = framer.feed(b"".join(nano.answers(cul.LISTEN_C_AND_T, knows_c=False)))
    assert asked == Request(cul.LISTEN_T)
    assert list(framer.feed(b"TMODE\r\n")) == [Request(cul.REPORT), Identity("CUL868", "1.26.01", "T1")]


def test_an_rc1180_that_adds_no_signal_is_read_without() -> None:
    framer = rc1180.Framer()
    list(framer.feed(b"".join(module.answers(rc1180.START))))
    list(framer.feed(b"".join(module.answers(rc1180.LIST_MEMORY, rssi=False))))
    assert list(framer.feed(module.heard(TELEGRAM, None) * 2)) == [Frame(TELEGRAM)] * 2


def test_an_rc1180_that_leaves_the_address_out_is_told() -> None:
    framer = rc1180.Framer()
    list(framer.feed(b"".join(module.answers(rc1180.START))))
    got = list(framer.feed(b"".join(module.answers(rc1180.LIST_MEMORY, interface=1))))
    assert any("address out" in str(one) for one in got)


def test_a_telegram_whose_l_field_is_the_prompt_is_a_telegram() -> None:
    prompt = telegram(ADDRESS, bytes(62 - 14), 1)
    assert prompt[0] == rc1180.PROMPT
    framer = rc1180.Framer()
    assert list(framer.feed(prompt)) == [Request(rc1180.LIST_MEMORY), Frame(prompt)]
    assert list(framer.feed(b">")) == [Request(rc1180.LIST_MEMORY)]


def test_after_a_false_prompt_no_telegram_is_lost() -> None:
    framer = rc1180.Framer()
    got = list(framer.feed(b">\x01" + TELEGRAM * 14))
    assert [one for one in got if isinstance(one, Frame)] == [Frame(TELEGRAM)] * 14


def test_no_receiver_takes_a_relayed_telegram_for_noise() -> None:
    relayed = bytes((TELEGRAM[0], TELEGRAM[1] | 0x80)) + TELEGRAM[2:]
    amber = amb8465.Framer()
    list(amber.feed(b"".join(amb.answers(amb8465.START, commands=False))))
    assert list(amber.feed(amb.heard(relayed, -64, commands=False))) == [Frame(relayed, -64)]
    assert list(rc1180.Framer().feed(relayed)) == [Frame(relayed)]
    assert list(im871a.Framer().feed(wimod.heard(relayed, -64))) == [Frame(relayed, -64)]


def test_a_telegram_cut_short_is_not_filled_up_with_the_next_one() -> None:
    amber = amb8465.Framer()
    list(amber.feed(b"".join(amb.answers(amb8465.START, commands=False, rssi=False))))
    for framer in (amber, rc1180.Framer()):
        assert list(framer.feed(TELEGRAM[:-3])) == []
        (fault,) = framer.pause()
        assert "cut short" in str(fault)
        assert list(framer.feed(TELEGRAM)) == [Frame(TELEGRAM)]


def test_an_rc1180_whose_memory_did_not_come_is_asked_again() -> None:
    framer = rc1180.Framer()
    assert list(framer.feed(b">")) == [Request(rc1180.LIST_MEMORY)]
    list(framer.pause())
    assert list(framer.feed(b">")) == [Request(rc1180.LIST_MEMORY)]
