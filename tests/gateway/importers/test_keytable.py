"""Key tables as operators send them: what is read, and what is named instead of guessed."""

import base64

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.importers import keyfile, keytable
from gateway.importers.keyfile import KeyFileError, Refusal, Why, read
from gateway.keys import Plate

A, B = bytes(range(16)), bytes(range(16, 32))
HEX, HEX_B = A.hex(), B.hex().upper()


def rows(text: str | bytes) -> list[tuple[int, tuple[Plate, ...], bytes]]:
    """The rows of a table of which every row is good."""
    file = read(text.encode() if isinstance(text, str) else text)
    assert (file.unit, file.refusals) == ("line", [])
    return [(row.place, row.plates, row.key) for row in file.rows]


def refusals(text: str) -> list[Refusal]:
    return read(text.encode()).refusals


TWO = [(2, (Plate("12345678"),), A), (3, (Plate("00345679"),), B)]


@pytest.mark.parametrize(
    "header",
    [
        "id;key", "Serial No.;AES-Key", "Meter ID;Encryption key (hex)", "Serial number;DEK",
        "Numéro de compteur;Clé AES", "N° de série;Clef de chiffrement", "Matricule;Clé", "Compteur;clé AES-128",
        "Zählernummer;Schlüssel", "Seriennummer;AES-Schlüssel", "Geräte-Nr.;Schluessel [hex]", "ZAEHLERNR;KEY",
        "Identifiant radio;Clé OMS", "Funknummer;Verschlüsselungsschlüssel",
    ],
)  # fmt: skip
@pytest.mark.parametrize("separator", [";", ",", "\t"])
@pytest.mark.parametrize("coding", ["utf-8", "utf-8-sig", "latin-1", "utf-16"])
def test_columns_are_found_by_their_names_in_three_languages(header: str, separator: str, coding: str) -> None:
    text = f"{header}\n12345678;{HEX}\n00345679;{HEX_B}\n".replace(";", separator)
    assert rows(text.encode(coding)) == TWO


@pytest.mark.parametrize("end", ["\r\n", "\r", "\n", "\n\n"])
def test_a_line_may_end_in_any_way(end: str) -> None:
    text = end.join(["number;key", f"12345678;{HEX}"])
    assert [row[1:] for row in rows(text)] == [TWO[0][1:]]


def test_lines_before_the_header_comments_and_empty_ones_are_passed_over() -> None:
    text = f"sep=;\nKeys of the house at 3, rue Haute\n\nid;key\n# the cellar\n12345678;{HEX}\n;;\n00345679;{HEX_B}\n"
    assert rows(text) == [(6, *TWO[0][1:]), (8, *TWO[1][1:])]


def test_columns_may_stand_in_any_order_among_others_and_be_quoted() -> None:
    text = f'"Lieu","Clé","Posé le","Compteur"\n"Cave, nord","{HEX}","2024-05-01","12345678"\n'
    assert rows(text) == [(2, (Plate("12345678"),), A)]


def test_maker_version_and_type_are_taken_where_they_are_codes() -> None:
    text = (
        f"Hersteller;Nummer;Version;Typ;Schlüssel\nKAM;12345678;0x1B;16;{HEX}\nKamstrup;00345679;2.1;Wasser;{HEX_B}\n"
    )
    assert rows(text) == [
        (2, (Plate("12345678", "KAM", "1b", "16"),), A),
        (3, (Plate("00345679"),), B),
    ]


@pytest.mark.parametrize(
    ("cell", "plate"),
    [
        ("12345678", Plate("12345678")),
        (" 12 345 678 ", Plate("12345678")),
        ("12\u00a0345\u202f678", Plate("12345678")),
        ("12.345.678", Plate("12345678")),
        ("345679", Plate("00345679")),  # a spreadsheet took its zeros
        ('"=""00345679"""', Plate("00345679")),
        ("12345678/WW/21", Plate("12345678")),
        ("12345678/WW", Plate("12345678")),
        ("1KAM0012345678", Plate("12345678", "KAM")),
        ("1 KAM 00 12345678", Plate("12345678", "KAM")),
        ("wmbus:KAM-12345678-1b-16", Plate("12345678", "KAM", "1b", "16")),
        ("KAM-1234567A-1B-16", Plate("1234567a", "KAM", "1b", "16")),
        ("1234567A", Plate("1234567a")),
    ],
)
def test_a_meters_number_may_be_written_in_the_ways_that_plates_and_programs_do(cell: str, plate: Plate) -> None:
    assert rows(f"id;key\n{cell};{HEX}") == [(2, (plate,), A)]


@pytest.mark.parametrize(
    "cell",
    ["", "12345", "123456789", "1.23E+07", "12345678.0", "1234567.8", "1234567G", "१२३४५६७८", "Cave", "²2345678"],
)
def test_what_may_be_no_meters_number_is_none(cell: str) -> None:
    assert refusals(f"id;key\n{cell};{HEX}\n12345678;{HEX}") == [Refusal(2, Why.NUMBER)]


@pytest.mark.parametrize(
    "cell",
    [HEX, HEX.upper(), A.hex(" "), A.hex("-"), A.hex(":"), f" {HEX[:8]} {HEX[8:]} ", f"0x{HEX}", f'"=""{HEX}"""',
     " ".join(f"0x{byte:02x}" for byte in A)],
)  # fmt: skip
def test_a_key_may_be_written_in_groups(cell: str) -> None:
    assert rows(f"id;key\n12345678;{cell}") == [(2, (Plate("12345678"),), A)]


@pytest.mark.parametrize(
    ("cell", "refusal"),
    [
        ("", Refusal(2, Why.KEY)),
        (" ", Refusal(2, Why.KEY)),
        (HEX[:-1], Refusal(2, Why.KEY_DIGITS, 31)),
        (HEX + "0", Refusal(2, Why.KEY_DIGITS, 33)),
        (HEX[:-1] + "g", Refusal(2, Why.KEY_DIGITS, 32)),
        ("1.02E+30", Refusal(2, Why.KEY_DIGITS, 8)),
        ("１" * 32, Refusal(2, Why.KEY_DIGITS, 32)),
    ],
)
def test_what_is_no_key_is_named_by_its_line_and_never_shown(cell: str, refusal: Refusal) -> None:
    file = read(f"id;key\n12345678;{cell}\n00345679;{HEX_B}".encode())
    assert file.refusals == [refusal]
    assert [row.key for row in file.rows] == [B]
    shown = repr(file) + keyfile.sentence(refusal.why, refusal.n)
    assert [form for form in (HEX[:12], HEX_B, repr(B), base64.b64encode(B).decode()) if form in shown] == []


def test_one_fault_in_the_middle_costs_one_row() -> None:
    text = f'id;key\n12345678;{HEX}\n"12345678;{HEX}\n{"9" * 5000};{HEX}\n12345678\n00345679;{HEX_B}\n'
    file = read(text.encode())
    assert [(row.place, row.key) for row in file.rows] == [(2, A), (6, B)]
    assert file.refusals == [
        Refusal(3, Why.ROW, keytable.LINE_CHARACTERS_MAX),
        Refusal(4, Why.ROW, keytable.LINE_CHARACTERS_MAX),
        Refusal(5, Why.KEY),
    ]


def test_a_meter_with_two_numbers_has_a_plate_for_each() -> None:
    assert rows(f"Meter No;Serial No;Key\n12345678;00345679;{HEX}") == [(2, (Plate("00345679"), Plate("12345678")), A)]
    assert rows(f"Meter No;Serial No;Key\nKeller 3;00345679;{HEX}") == [(2, (Plate("00345679"),), A)]


def test_two_key_columns_that_disagree_are_not_chosen_from() -> None:
    text = f"id;key;DEK\n12345678;{HEX};{HEX_B}\n12345678;{HEX};{HEX.upper()}\n12345678;;{HEX_B}\n"
    file = read(text.encode())
    assert file.refusals == [Refusal(2, Why.KEYS, 2)]
    assert [(row.place, row.key) for row in file.rows] == [(3, A), (4, B)]


# Without a header


@pytest.mark.parametrize("separator", [";", ",", "\t"])
def test_without_a_header_rows_that_can_mean_one_thing_only_are_taken(separator: str) -> None:
    text = f"AAA;12345678;{HEX};cellar\n{HEX_B};00345679\n".replace(";", separator)
    assert rows(text) == [(1, (Plate("12345678", "AAA"),), A), (2, (Plate("00345679"),), B)]


@pytest.mark.parametrize(
    ("line", "refusal"),
    [
        (f"12345678;87654321;{HEX}", Refusal(2, Why.NUMBERS, 2)),
        (f"345679;{HEX}", Refusal(2, Why.NUMBER)),  # without a header, six digits may be anything
        (HEX, Refusal(2, Why.NUMBER)),
        (f"12345678;{HEX};{HEX_B}", Refusal(2, Why.KEYS, 2)),
        ("12345678;cellar", Refusal(2, Why.KEY)),
        (f"12345678;{HEX[:-1]}", Refusal(2, Why.KEY_DIGITS, 31)),
        (f"2024-05-01;{HEX}", Refusal(2, Why.NUMBER)),
    ],
)
def test_without_a_header_a_row_that_may_mean_two_things_is_named(line: str, refusal: Refusal) -> None:
    assert refusals(f"12345678;{HEX}\n{line}\n") == [refusal]


def test_a_header_that_is_not_understood_is_named_and_the_rows_that_are_clear_are_taken() -> None:
    file = read(f"Wo;Was\n12345678;{HEX}".encode())
    assert file.refusals == [Refusal(1, Why.KEY)]
    assert [row.place for row in file.rows] == [2]


# No table at all


@pytest.mark.parametrize(
    ("data", "why"),
    [
        (b"", Why.EMPTY),
        (b" \r\n\t", Why.EMPTY),
        (b"hello", Why.COLUMNS),
        (b"id;name\n12345678;Cave", Why.COLUMNS),
        (b"%PDF-1.7\n\0\0", Why.UNKNOWN),
        (b"\xff\xfe\x00", Why.UNKNOWN),
        (b"a" * 2_000_001, Why.LONG),
        (b"id;key\n" + b"\n".join(b"%08d;%s" % (n, HEX.encode()) for n in range(5001)), Why.MANY),
    ],
)
def test_a_file_that_is_no_table_of_keys_is_told_in_one_sentence(data: bytes, why: Why) -> None:
    with pytest.raises(KeyFileError) as met:
        read(data)
    assert met.value.why is why
    assert str(met.value) == keyfile.sentence(why, met.value.n)


def test_every_reason_can_be_said() -> None:
    for why in Why:
        assert "%" not in keyfile.sentence(why, 3)


CELLS = st.sampled_from(["id", "key", "12345678", HEX, HEX[:-1], "KAM", '"', "=", "0x", ";", ",", "\t", "\n", "\ufeff"])


@given(st.one_of(st.binary(max_size=400), st.lists(CELLS, max_size=30).map(lambda cells: "".join(cells).encode())))
def test_any_bytes_are_rows_refusals_or_one_sentence(data: bytes) -> None:
    try:
        file = read(data)
    except KeyFileError:
        return
    assert all(row.plates and len(row.key) == 16 for row in file.rows)
