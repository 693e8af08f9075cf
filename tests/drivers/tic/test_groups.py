from datetime import UTC, datetime

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from drivers.encode.tic import group
from drivers.model import DecodeError
from drivers.tic.groups import Group, read_group, utc
from drivers.tic.labels import HISTORIQUE, STANDARD, Mode


def line(label: str, data: str, horodate: str | None = None, mode: Mode = Mode.STANDARD) -> bytes:
    return group(label, data, horodate, mode).strip(b"\r\n")


# Checksums added up by hand from the rule in Enedis-NOI-CPT_54E and ERDF-NOI-CPT_02E, not by our encoder.
BY_HAND = [
    (b"VTIC\t02\tJ", Mode.STANDARD, "VTIC", "02"),  # 310 + 9 + 98 + 9 = 426, & 63 = 42, + 32 = J
    (b"OPTARIF BASE 0", Mode.HISTORIQUE, "OPTARIF", "BASE"),  # 533 + 32 + 283 = 848, & 63 = 16, + 32 = 0
    (b"PTEC HP..  ", Mode.HISTORIQUE, "PTEC", "HP.."),  # 300 + 32 + 244 = 576, & 63 = 0, + 32 = space
    (b"EASD01\t000000000\t ", Mode.STANDARD, "EASD01", "000000000"),  # 382 + 9 + 432 + 9 = 832, & 63 = 0: space
]


@pytest.mark.parametrize(("data", "mode", "label", "value"), BY_HAND)
def test_the_separator_tells_the_mode_and_a_space_may_be_the_checksum(
    data: bytes, mode: Mode, label: str, value: str
) -> None:
    read = read_group(data)
    assert isinstance(read, Group)
    assert (read.mode, read.label.name, read.data) == (mode, label, value)


def test_our_encoder_adds_up_as_by_hand() -> None:
    for data, mode, label, value in BY_HAND:
        assert line(label, value, mode=mode) == data


def test_date_has_empty_data_between_two_tabs() -> None:
    data = line("DATE", "", "H260120180003")
    assert data.startswith(b"DATE\tH260120180003\t\t")
    read = read_group(data)
    assert isinstance(read, Group)
    assert (read.data, read.horodate) == ("", "H260120180003")


def test_a_label_of_nine_characters_is_known() -> None:
    assert isinstance(read_group(line("SMAXSN1-1", "01234", "E260620040000")), Group)


def test_historique_data_may_end_with_a_space() -> None:
    read = read_group(line("OPTARIF", "EJP ", mode=Mode.HISTORIQUE))
    assert isinstance(read, Group)
    assert read.data == "EJP "


REFUSED = {
    "checksum of another value": b"VTIC\t02\tK",
    "label nobody knows": line("EASTX", "000000001"),
    "label of the other mode": line("BASE", "000000001"),
    "label of the other mode, with spaces": line("EAST", "000000001", mode=Mode.HISTORIQUE),
    "one digit short": line("ADSC", "04187500004"),
    "one digit more": line("EAST", "0000000001"),
    "a space among digits": line("EASD01", "06476 712"),
    "bit 6 flipped in a digit, checksum right": line("ADSC", "0q1875000042"),
    "bit 6 flipped in a space, checksum right": line("NGTF", "`     TEMPO     "),
    "lower-case hexadecimal": line("STGE", "003a0000"),
    "horodate missing": line("SMAXSN", "01234"),
    "horodate where none belongs": line("EAST", "000000001", "H260120180003"),
    "31st of February": line("SMAXSN", "01234", "H260231180003"),
    "season nobody knows": line("SMAXSN", "01234", "X260120180003"),
    "horodate one digit short": line("SMAXSN", "01234", "H26012018000"),
    "no checksum": b"EAST\t000000001\t",
    "label alone": b"EAST",
    "label and tab": b"EAST\t",
    "historique cut before its checksum": b"IINST3 033",
    "character beyond ASCII": line("NGTF", "HEURE PLEINE \xe9  "),
    "empty": b"",
}


@pytest.mark.parametrize("data", REFUSED.values(), ids=REFUSED.keys())
def test_a_group_that_is_not_good_in_every_way_is_refused(data: bytes) -> None:
    read = read_group(data)
    assert isinstance(read, DecodeError)
    assert read.data == data


def test_a_fault_names_the_label_what_was_met_and_what_was_expected() -> None:
    assert str(read_group(b"VTIC\t02\tK")) == "tic: VTIC: checksum b'K', not b'J'"
    assert str(read_group(line("EAST", "1"))) == "tic: EAST: 1 characters, not 9"


def test_the_personal_number_of_the_delivery_point_is_in_no_fault() -> None:
    for data in ("0123456789012", "0123456789012X"):
        fault = read_group(line("PRM", data))
        assert isinstance(fault, DecodeError)
        assert "0123456" not in str(fault)
        assert fault.data == b""


def test_labels_are_said_once_and_belong_to_one_mode() -> None:
    names = [label.name for label in (*HISTORIQUE, *STANDARD)]
    assert len(names) == len(set(names)) == 34 + 71


def test_the_repeated_hour_of_october_is_two_different_hours() -> None:
    assert utc("E251026025959") == datetime(2025, 10, 26, 0, 59, 59, tzinfo=UTC)
    assert utc("H251026020000") == datetime(2025, 10, 26, 1, 0, 0, tzinfo=UTC)
    assert utc("H251026025959") == datetime(2025, 10, 26, 1, 59, 59, tzinfo=UTC)


@pytest.mark.parametrize("horodate", ["h260120180003", "e260720180003", " 260120060000"])
def test_a_degraded_clock_or_no_season_states_no_time(horodate: str) -> None:
    assert utc(horodate) is None


FIELDS = st.sampled_from([b"\t", b" ", *(label.name.encode() for label in (*HISTORIQUE, *STANDARD)), b"H260120180003"])
LINES = st.lists(st.one_of(FIELDS, st.binary(max_size=12), st.from_regex(rb"[0-9]{2,9}", fullmatch=True)), max_size=7)


@settings(max_examples=200)
@given(LINES.map(b"".join))
def test_any_bytes_are_a_group_or_a_decode_error(data: bytes) -> None:
    read = read_group(data)
    assert isinstance(read, Group | DecodeError)


@settings(max_examples=200)
@given(st.sampled_from([*HISTORIQUE, *STANDARD]), st.data())
def test_every_label_of_both_tables_reads_back_what_was_sent(label: object, data: st.DataObject) -> None:
    row = next(row for row in (*HISTORIQUE, *STANDARD) if row is label)
    mode = Mode.HISTORIQUE if row in HISTORIQUE else Mode.STANDARD
    value = data.draw(st.lists(st.sampled_from(row.chars), min_size=row.width, max_size=row.width).map(bytes)).decode()
    horodate = "E260620040000" if row.horodate else None
    assert read_group(line(row.name, value, horodate, mode)) == Group(mode, row, value, horodate)
