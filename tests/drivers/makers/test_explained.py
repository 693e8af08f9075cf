"""What the bytes of the makers' own codings are said to be, against what the decoders make of them."""

import re

import pytest

from drivers import meters, wmbus
from drivers.encode.wmbus import telegram
from drivers.model import Address, DecodeError, Frame, State, Telegram
from drivers.wmbus.explain import Row, explain
from drivers.wmbus.explain_words import OWN
from drivers.wmbus.makers import CONTENT_PARTS, CONTENTS, PAYLOAD_PARTS, PAYLOADS, TAILS
from tests.drivers.makers import test_apator as apator
from tests.drivers.makers import test_bmeters as bmeters
from tests.drivers.makers import test_diehl as diehl
from tests.drivers.makers import test_qundis as qundis
from tests.drivers.makers import test_small as small
from tests.drivers.makers import test_techem as techem
from tests.drivers.wmbus.test_explain import check_whole, meanings

u = techem.u
LAST_YEAR = techem.day(techem.LAST_YEAR)
APRIL_9 = techem.day_of_year(4, 9)
HALVES = b"".join(bytes((a, b, 0)) for a, b in zip(range(1, 25, 2), range(2, 26, 2), strict=True))


def small_frame(meter: Address, content: bytes) -> bytes:
    return telegram(meter, content, 1)


def walk_by() -> bytes:
    block = qundis.block(0x13, 1991, 1791, 1791, [qundis.NONE] * 11 + [20])
    return small_frame(Address("wmbus", "90919293", "QDS", 0x18, 0x07), b"\x0d\xff\x5f\x35" + block + qundis.CLOCK)


SENT = {
    "prios": diehl.prios("011D0013", diehl.plain(3488, 3486)).data,
    "prios, short": diehl.prios("81C00013", diehl.plain(3488)).data,
    "techem_mk_radio_3": techem.frame(0x74, 0x62, b"\x06" + LAST_YEAR + u(1234) + APRIL_9 + u(56) + bytes(28)).data,
    "techem_mk_radio_4": techem.frame(0x70, 0x62, b"\x06" + LAST_YEAR + u(1234) + APRIL_9 + u(56) + bytes(9)).data,
    "techem_mk_radio_3a": techem.frame(0x50, 0x72, bytes(2) + LAST_YEAR + u(5000, 3) + b"\x00" + HALVES).data,
    "techem_fhkv_3": techem.frame(
        0x94, 0x80, b"\x0f" + LAST_YEAR + u(1026) + APRIL_9 + u(131) + b"\x00" + u(2244) + u(2551) + bytes(20)
    ).data,
    "techem_compact_5": techem.frame(0x45, 0xC3, b"\x00" + LAST_YEAR + u(24_966, 3) + b"\x00" + u(284, 3) + bytes(20)).data,
    "techem_vario_451": techem.frame(0x27, 0xC3, b"\x00" + LAST_YEAR + u(13_112) + bytes(2) + u(9_826) + bytes(9)).data,
    "techem_smoke": techem.frame(0x76, 0xF0, b"\x01" + LAST_YEAR + bytes(8)).data,
    "apator_08": apator.frame(apator.OLD_08, b"\xa0" + u(1_372_738, 4) + bytes(8)).data,
    "apator_e_itn": apator.frame(
        apator.E_ITN, b"\xb6\x02\xff\xff\xa0\xa1\x00\x00" + u(89) + bytes(2) + u(1) + LAST_YEAR + u(0x13E4) + u(0x15B4)
    ).data,
    "apator_na_1": apator.na_1(345_312, 44_693, 545, flags=0x01, alarms=(0x08, 0x80)).data,
    "apator_162": small_frame(apator.AT_162, apator.tags(apator.TOTAL, b"\x43\x5b\x01", apator.HISTORY)),
    "bmeters_rfm_tx1": bmeters.rfm("00012345", 0x51, bmeters.u24s(1000, 1050, 1100, 1150, 1200, *[0xFFFFFF] * 7)).data,
    "bmeters_hydrodigit": small_frame(
        bmeters.HYDRODIGIT,
        bmeters.RECORDS + b"\x0f\x97\x0a\x80\x19\x10\x05\x19\x04\x25" + u(7, 4) + bmeters.u24s(*bmeters.JANUARY_TO_DECEMBER),
    ),
    "bmeters_hydrodigit_17": small_frame(
        bmeters.GENERATION_17,
        bmeters.RECORDS
        + b"\x0f\x8e" + u(7, 4) + b"\x05\x50\x19" + b"\x25\x04\x19" + bmeters.u24s(*bmeters.JANUARY_TO_DECEMBER) + b"\x00",
    ),
    "bmp_hydroclima": small_frame(
        small.HYDROCLIMA,
        small.HEAT_COST + b"\x0f\x10" + bytes(6) + u(1866) + u(4751) + bytes(4) + u(1578) + u(900) + u(5) + u(33, 3),
    ),
    "bmp_hydroclima, 11": small_frame(
        small.HYDROCLIMA,
        small.HEAT_COST + b"\x0f\x11" + bytes(8) + u(2087) + u(2045) + u(2075) + bytes(2) + u(1940) + u(1894)
        + u(4) + u(3) + u(2) + u(1) + u(1988) + u(2086) + u(2100) + bytes(9) + u(34, 3),
    ),
    "brunata_radio_240": small_frame(small.BRUNATA, small.brunata([541, 961, 522, 226, 14, 4, 4, 4, 2, *[0] * 9])),
    "gwf_rcm": small_frame(small.GWF, bytes.fromhex("0413 3E000000  0F 01 28 E0")),
    "qundis_walk_by": walk_by(),
    "zenner_0b": small_frame(small.ZENNER, b"\x0f" + u(0, 4) + u(7103 * 256, 4) + u(17062 * 256, 4) + b"\x00"),
}  # fmt: skip
# What a reading or a status is made of; a date may be one that nobody needs.
MATTERS = re.compile(
    r"volume|units(?! of heat cost of the last period)|energy|temperature|average|maximum|consumption|alarms|battery|voltage|value (now|at)|state:"
)


def heard(sent: bytes) -> Telegram | None:
    try:
        return wmbus.decode(Frame(sent))
    except DecodeError:
        return None


def test_every_coding_is_drawn_and_has_a_sample_here() -> None:
    assert PAYLOAD_PARTS.keys() == PAYLOADS.keys()
    assert CONTENT_PARTS.keys() == CONTENTS.keys() | TAILS.keys()
    assert {name.partition(",")[0] for name in SENT} == PAYLOADS.keys() | CONTENTS.keys() | TAILS.keys() | {"prios"}


@pytest.mark.parametrize("name", SENT)
def test_each_byte_of_a_makers_own_coding_is_explained(name: str) -> None:
    sent = SENT[name]
    rows = explain(sent)
    check_whole(rows, sent)
    assert heard(sent) is not None
    assert wmbus.decode(Frame(sent)).state is State.DECODED
    own = [row for row in rows if row.section == OWN]
    assert any(MATTERS.search(str(row.meaning)) for row in own)
    assert not any("no description" in meaning for meaning in meanings(rows))


def flipped(sent: bytes, row: Row) -> list[Telegram | None]:
    """What is heard when one bit of a row is another, for each of its bits."""
    found = []
    for at in range(row.at, row.at + len(row.data)):
        for bit in range(8):
            changed = bytearray(sent)
            changed[at] ^= 1 << bit
            found.append(heard(bytes(changed)))
    return found


# But NA-1: there each bit changes a whole block.
@pytest.mark.parametrize("name", sorted(SENT.keys() - {"apator_na_1"}))
def test_what_a_byte_is_said_to_be_is_what_the_decoder_takes_it_for(name: str) -> None:
    sent = SENT[name]
    as_sent = heard(sent)
    for row in explain(sent):
        meaning = str(row.meaning)
        if row.section != OWN:
            continue
        if MATTERS.search(meaning):
            assert any(other != as_sent for other in flipped(sent, row)), meaning
        elif meaning == "not established":
            assert all(other == as_sent for other in flipped(sent, row)), row


def test_what_is_opened_by_keys_that_everybody_knows_is_marked_as_such() -> None:
    rows = explain(SENT["prios"])
    assert [row.at for row in rows if row.opened] == [15, 16, 20, 24]
    assert rows[-3].data == (3488).to_bytes(4, "little")


def test_an_address_in_a_makers_own_order_is_explained_in_that_order() -> None:
    said = meanings(explain(SENT["prios"]))
    assert said[2:6] == [
        "manufacturer HYD: Diehl (Hydrometer)",
        "version 133",
        "device type 07: water",
        "number 12345678",
    ]
    sappel = diehl.prios("011D0013", diehl.plain(7), meter=bytes.fromhex("304C 72242421 D401")).data
    assert meanings(explain(sappel))[3:5] == ["number 21242472", "letters of the number printed on the meter"]


def test_real_data_are_explained_as_the_records_they_are() -> None:
    for key in (None, diehl.KEYS[0]):
        sent = diehl.real_data(diehl.RECORDS, key).data
        rows = explain(sent)
        check_whole(rows, sent)
        assert "123456789 L" in meanings(rows)
        assert any(row.opened for row in rows) is (key is not None)


def test_what_a_layout_refuses_is_explained_as_not_read() -> None:
    sent = techem.frame(0x94, 0x80, b"\x22" + bytes(30)).data
    rows = explain(sent)
    check_whole(rows, sent)
    assert "kind 22 is not known" in str(rows[-1].meaning)
    other = qundis.block(0x13, 1, 1, 1, [0] * 12)
    encrypted = other[:4] + b"\x35" + other[5:9] + b"\x77" + other[10:]
    record = b"\x0d\xff\x5f\x35" + encrypted
    walk = small_frame(Address("wmbus", "90919293", "QDS", 0x18, 0x07), record)
    check_whole(explain(walk), walk)
    assert not any("value now" in meaning for meaning in meanings(explain(walk)))


def test_every_name_of_a_maker_belongs_to_three_letters() -> None:
    makers = {name.partition("_")[0] for name in meters.files()}
    letters = {each.upper() for joined in makers for each in joined.split("-")}
    assert {each for each in letters if meters.maker(each) is None} == set()
    assert meters.maker("ZZZ") is None
