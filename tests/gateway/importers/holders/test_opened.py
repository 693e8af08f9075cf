"""What a file may be, and what it must not do to the box: letters, numbers, archives, bombs."""

import contextlib
import io
import json
import resource
import struct
import time
import zipfile
from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.importers.holders import archive as archives
from gateway.importers.holders import opened
from gateway.importers.holders.cells import number
from gateway.importers.holders.found import FileRefusedError, Found, RowRefusedError, Why
from gateway.importers.holders.kinds import KINDS, recognise
from gateway.importers.holders.opened import documents
from tests.gateway.importers.holders.made import UNTIL, Cell, archive, curve, half_hours, take, xlsx

CURVE = curve((end, 1000) for end in half_hours("2025-01-05", "2025-01-06"))
DAILY = "Type de comptage :;Consommation Quotidienne\nDate;Valeur (en kWh)\n01/01/2026;6,3\n02/01/2026;1 234,5\n"


def refused(path: Path, content: bytes) -> Why:
    path.write_bytes(content)
    with pytest.raises(FileRefusedError) as error:
        documents(path)
    return error.value.why


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "cp1252", "latin-1"])
@pytest.mark.parametrize("line_end", ["\n", "\r\n"])
def test_letters_of_every_program_are_read(tmp_path: Path, encoding: str, line_end: str) -> None:
    text = DAILY.replace("Type de comptage", "Grandeur métier").replace("1 234", "1\u00a0234").replace("\n", line_end)
    taken = take(tmp_path, text.encode(encoding))
    assert taken.total("enedis_daily") == Decimal(1240800)


@pytest.mark.parametrize(
    ("content", "line"),
    [
        (b"\xef\xbb\xbfDate;Valeur\n01/01/2026;1\n02/01/2026;\xe9\n", 3),
        (b"\xff\xfe" + "Date;Valeur\n".encode("utf-16-le") + b"\x00", 2),
    ],
)
def test_a_file_whose_letters_are_not_what_it_says_is_refused_by_line(
    tmp_path: Path, content: bytes, line: int
) -> None:
    (tmp_path / "x").write_bytes(content)
    with pytest.raises(FileRefusedError, match="the file says that it is") as error:
        documents(tmp_path / "x")
    assert (error.value.why, error.value.line) == (Why.ENCODING, line)


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (b"", Why.EMPTY),
        (b"\x7fELF\x02\x01\x01" + bytes(50), Why.BINARY),
        (b"PDF-1.4\n\x00\x01", Why.BINARY),
        (b"%\x81\x8d", Why.LETTERS),
        (b"PK\x03\x04 no archive at all", Why.ARCHIVE),
        (b'{"a": [1, 2', Why.JSON),
        (b"[" * 100_000, Why.JSON),
    ],
)  # fmt: skip
def test_what_is_no_file_of_anybody_is_refused_in_one_sentence(tmp_path: Path, content: bytes, why: Why) -> None:
    assert refused(tmp_path / "x", content) is why


def test_a_file_of_two_gigabytes_is_refused_without_being_read(tmp_path: Path) -> None:
    with (tmp_path / "x").open("wb") as file:
        file.truncate(2 << 30)
    start = time.perf_counter()
    with pytest.raises(FileRefusedError, match="at most 16 MB"):
        documents(tmp_path / "x")
    assert time.perf_counter() - start < 0.5


def test_more_rows_than_any_meter_has_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(opened, "ROWS_MAX", 40)
    (tmp_path / "x").write_text(CURVE)
    with pytest.raises(FileRefusedError, match="at most 40 rows"):
        documents(tmp_path / "x")


def test_a_zip_bomb_is_refused_at_its_bound_and_costs_no_memory(tmp_path: Path) -> None:
    packed = archive({"curve.csv": b"0" * 400_000_000})
    assert len(packed) < opened.FILE_BYTES_MAX
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    assert refused(tmp_path / "x", packed) is Why.ARCHIVE_LARGE
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 200_000


def test_a_spreadsheet_that_unpacks_without_end_is_refused(tmp_path: Path) -> None:
    cell = '<row r="9"><c r="A9" t="inlineStr"><is><t>' + "A" * 60_000_000 + "</t></is></c></row>"
    assert refused(tmp_path / "x", xlsx({"x": [["Date", "Valeur (en kWh)"]]}, cell=cell)) in (
        Why.ARCHIVE_LARGE,
        Why.XML,
    )


@pytest.mark.parametrize(
    "document_type",
    [
        "<!DOCTYPE x [<!ENTITY a 'ha'><!ENTITY b '" + "&a;" * 1000 + "'><!ENTITY c '" + "&b;" * 1000 + "'>]>",
        "<!DOCTYPE x [<!ENTITY a SYSTEM 'file:///etc/passwd'>]>",
        "<!DOCTYPE x SYSTEM 'http://127.0.0.1:1/x.dtd'>",
    ],
)
@pytest.mark.parametrize("name", ["xl/worksheets/sheet1.xml", "xl/sharedStrings.xml", "xl/workbook.xml"])
def test_no_entity_is_ever_expanded_and_none_is_fetched(tmp_path: Path, document_type: str, name: str) -> None:
    good = xlsx({"x": [["Date", "Valeur (en kWh)"]]}, shared=True)
    with zipfile.ZipFile(io.BytesIO(good)) as packed:
        files: dict[str, str | bytes] = {each: packed.read(each) for each in packed.namelist()}
    files[name] = f"<?xml version='1.0'?>{document_type}<x>&c;</x>"
    start = time.perf_counter()
    assert refused(tmp_path / "x", archive(files)) is Why.DOCUMENT_TYPE
    assert time.perf_counter() - start < 0.5


def test_a_token_without_end_is_not_read_again_and_again(tmp_path: Path) -> None:
    good = xlsx({"x": [["Date"]]})
    with zipfile.ZipFile(io.BytesIO(good)) as packed:
        files: dict[str, str | bytes] = {each: packed.read(each) for each in packed.namelist()}
    files["xl/worksheets/sheet1.xml"] = b"<worksheet a='" + b"A" * 31_000_000
    start = time.perf_counter()
    assert refused(tmp_path / "x", archive(files)) is Why.XML
    assert time.perf_counter() - start < 2


def test_an_archive_of_many_files_is_refused_before_its_directory_is_read(tmp_path: Path) -> None:
    assert (
        refused(tmp_path / "x", archive({f"{n}.csv": "a" for n in range(archives.FILES_MAX + 1)})) is Why.ARCHIVE_FILES
    )
    assert (
        refused(tmp_path / "x", archive({f"{n}.csv": "a" for n in range(opened.MEMBERS_MAX + 1)})) is Why.ARCHIVE_FILES
    )
    lying = bytearray(archive({"a.csv": "a"}))
    end = lying.rfind(b"PK\x05\x06")
    struct.pack_into("<L", lying, end + 12, 4_000_000_000)
    assert refused(tmp_path / "x", bytes(lying)) is Why.ARCHIVE_FILES


def test_a_zip_in_a_zip_and_a_locked_one_are_refused(tmp_path: Path) -> None:
    assert refused(tmp_path / "x", archive({"in.zip": archive({"a.csv": CURVE})})) is Why.BINARY
    locked = bytearray(archive({"a.csv": CURVE}))
    for mark, flags in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        locked[locked.find(mark) + flags] |= 1
    assert refused(tmp_path / "x", bytes(locked)) is Why.ARCHIVE


def test_a_spreadsheet_in_a_zip_is_read(tmp_path: Path) -> None:
    rows: list[list[Cell]] = [
        ["Type de comptage :", "Consommation Quotidienne"],
        ["Date", "Valeur (en kWh)"],
        ["01/01/2026", 2],
    ]
    assert take(tmp_path, archive({"a.xlsx": xlsx({"x": rows})})).total("enedis_daily") == 2000


def test_a_formula_is_refused_by_its_row_whatever_value_stands_beside_it(tmp_path: Path) -> None:
    rows: list[list[Cell]] = [
        ["Type de comptage :", "Consommation Quotidienne"],
        ["Date", "Valeur (en kWh)"],
        ["01/01/2026", 2],
    ]
    cell = '<row r="9"><c r="A9" t="inlineStr"><is><t>02/01/2026</t></is></c><c r="B9"><f>2*21</f><v>42</v></c></row>'
    taken = take(tmp_path, xlsx({"x": rows}, cell=cell))
    assert (taken.refused, taken.total("enedis_daily")) == (["line 9: a value is needed, not a formula"], 2000)


def test_a_quote_left_open_costs_its_row_only(tmp_path: Path) -> None:
    taken = take(tmp_path, DAILY + '03/01/2026;"4\n04/01/2026;5\n' + "05/01/2026;" + "9" * 5000 + "\n")
    assert [line.partition(":")[0] for line in taken.refused] == ["line 5", "line 7"]
    assert taken.total("enedis_daily") == Decimal(1245800)


@pytest.mark.parametrize(
    ("text", "exact"),
    [
        ("692", "692"), ("1,2", "1.2"), ("0.071", "0.071"), ("2 043 608", "2043608"), ("2\u00a0345", "2345"),
        ("1\u202f234,50", "1234.50"), (" 12 ", "12"), ("-3,5", "-3.5"), ("1'234.5", "1234.5"), ("7,", "7"),
    ],
)  # fmt: skip
def test_numbers_are_read_as_french_programs_write_them(text: str, exact: str) -> None:
    digits, exponent = number(text)
    assert Decimal(digits).scaleb(exponent) == Decimal(exact)


@pytest.mark.parametrize(
    "text", ["", "abc", "1.234,5", "1,234.5", "12 34", "1e3", "٣", "0x1", "--1", "1234567890123456789", "inf"]
)
def test_what_is_no_number_for_sure_is_none(text: str) -> None:
    with pytest.raises(RowRefusedError):
        number(text)


@settings(max_examples=150, deadline=None)
@given(
    content=st.one_of(st.binary(max_size=400), st.text(max_size=400).map(lambda text: text.encode("utf-8", "ignore")))
)
def test_any_bytes_are_a_document_or_refused(tmp_path_factory: pytest.TempPathFactory, content: bytes) -> None:
    path = tmp_path_factory.getbasetemp() / "any"
    path.write_bytes(content)
    with contextlib.suppress(FileRefusedError):
        read_all(path)


def read_all(path: Path) -> None:
    """Every document of a file through its kind; what that kind refuses is refused in its own words."""
    for document in documents(path):
        kind = recognise(document)
        if kind is not None:
            found = Found(kind.holder, kind.medium, UNTIL)
            kind.read(document, found)
            found.parts()


@settings(max_examples=200, deadline=None)
@given(data=st.data())
def test_any_json_is_recognised_or_not_and_breaks_nothing(
    tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    """Any tree around the words that our kinds look for: rows come out, or refusals, and nothing else."""
    words = st.sampled_from(
        ["releves", "postes", "data", "mois", "consommation", "index", "annee", "jour", "journeeGaziere", "idPce"]
    )
    leaf = st.one_of(
        st.none(), st.booleans(), st.integers(-5, 10**18), st.floats(), st.text(max_size=12), st.just("01/05/2026")
    )
    tree = st.recursive(
        leaf,
        lambda inner: st.one_of(st.lists(inner, max_size=4), st.dictionaries(words, inner, max_size=5)),
        max_leaves=20,
    )
    value = data.draw(st.one_of(st.lists(tree, max_size=3), st.dictionaries(words, tree, max_size=5)))
    path = tmp_path_factory.getbasetemp() / "tree"
    path.write_text(json.dumps(value))
    with contextlib.suppress(FileRefusedError):
        read_all(path)


def test_every_kind_has_its_own_name() -> None:
    assert len({kind.id for kind in KINDS}) == len({kind.title for kind in KINDS}) == len(KINDS)
