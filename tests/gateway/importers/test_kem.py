"""KEM files: what is read of them, and what a hostile one does not get."""

import contextlib
import io
import tracemalloc
import zipfile

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.importers.keyfile import KeyFileError, Refusal, Why, read
from gateway.keys import Plate
from tests.gateway.importers.kemfiles import archive, device, encrypted, kem, kem2, meter

A, B = bytes(range(16)), bytes(range(16, 32))
HEX, HEX_B = A.hex().upper(), B.hex().upper()
PASSWORD = "0310Öl"
PLAIN = kem(meter("12345678", HEX), meter("00345679", HEX_B, more="<GPK1>" + HEX + "</GPK1>"))
BOTH = [(1, (Plate("12345678"),), A), (2, (Plate("00345679"),), B)]


def found(data: bytes, password: str | None = PASSWORD) -> list[tuple[int, tuple[Plate, ...], bytes]]:
    file = read(data, password)
    assert (file.unit, file.refusals) == ("meter", [])
    return [(row.place, row.plates, row.key) for row in file.rows]


def refused(data: bytes, password: str | None = PASSWORD) -> Why:
    with pytest.raises(KeyFileError) as met:
        read(data, password)
    assert HEX not in repr(met.value)
    assert PASSWORD not in repr(met.value)
    return met.value.why


def test_a_kem_file_is_read_as_it_comes_unpacked_or_opened_already() -> None:
    sealed = encrypted(PLAIN, PASSWORD)
    assert found(archive(x_kem=sealed, meter_xsd=b"<schema/>")) == BOTH
    assert found(sealed) == BOTH
    assert found(b"\xef\xbb\xbf" + sealed) == BOTH
    assert found(PLAIN.encode(), None) == BOTH
    assert found(PLAIN.encode("utf-16"), None) == BOTH


def test_a_kem2_file_is_read_and_its_signature_passed_over() -> None:
    plain = kem2(
        device("12345678", f'<Key Type="DEK"><Value>{HEX}</Value></Key>'),
        device("00345679", f"<Key><Type>GPK</Type><Value>{HEX}</Value></Key>", f"<Key><Type>DEK</Type><Value>{HEX_B}</Value></Key>"),
    )  # fmt: skip
    signature = (
        '<Signature xmlns="http://www.w3.org/2000/09/xmldsig#"><SignatureValue>AAAA</SignatureValue></Signature>'
    )
    assert found(archive(x_kem2=encrypted(plain, PASSWORD, signature=signature))) == BOTH
    only = kem2(device("12345678", f"<Key><Value>{HEX}</Value></Key>"))
    assert found(only.encode(), None) == BOTH[:1]


def test_prefixes_of_names_do_not_matter() -> None:
    sealed = encrypted(PLAIN, PASSWORD).decode().replace("<Cipher", "<x:Cipher").replace("</Cipher", "</x:Cipher")
    assert found(sealed.encode()) == BOTH


def test_a_customers_number_that_may_be_on_the_air_counts_too() -> None:
    assert found(kem(meter("12345678", HEX, "00345679")).encode()) == [(1, (Plate("00345679"), Plate("12345678")), A)]
    assert found(kem(meter("12345678", HEX, "A-17")).encode()) == BOTH[:1]
    assert found(kem(meter("", HEX, "12345678")).encode()) == BOTH[:1]


def test_a_meter_that_cannot_be_used_is_named_by_its_place_and_the_others_are_taken() -> None:
    plain = kem(meter("", HEX), meter("12345678", ""), meter("12345678", HEX[:-1]), meter("12345678", HEX))
    file = read(plain.encode())
    assert [row.place for row in file.rows] == [4]
    assert file.refusals == [Refusal(1, Why.NUMBER), Refusal(2, Why.KEY), Refusal(3, Why.KEY_DIGITS, 31)]
    plain = kem2(device("12345678", *(f"<Key><Value>{key}</Value></Key>" for key in (HEX, HEX_B))))
    assert read(plain.encode()).refusals == [Refusal(1, Why.KEYS, 2)]
    assert HEX not in repr(file)


@pytest.mark.parametrize(
    ("password", "why"),
    [(None, Why.LOCKED), ("", Why.LOCKED), ("another", Why.LOCKED_WRONG), ("x" * 17, Why.LOCKED_LONG), ("é" * 9, Why.LOCKED_LONG), ("\ud800", Why.LOCKED_WRONG)],
)  # fmt: skip
def test_a_password_that_does_not_open_is_said(password: str | None, why: Why) -> None:
    assert refused(encrypted(PLAIN, PASSWORD), password) is why


def test_a_password_of_sixteen_bytes_is_one() -> None:
    assert found(encrypted(PLAIN, "0123456789abcdef"), "0123456789abcdef") == BOTH


@pytest.mark.parametrize(
    ("data", "why"),
    [
        (b"<", Why.XML),
        (b"<a>", Why.XML),
        (b"<a/>", Why.UNKNOWN),
        (b"<html><body>not here</body></html>", Why.UNKNOWN),
        (PLAIN[:-5].encode(), Why.XML),
        (encrypted(PLAIN, PASSWORD, way="http://www.w3.org/2001/04/xmlenc#aes256-cbc"), Why.CIPHER),
        (b"<E><CipherValue>AAAA</CipherValue><CipherValue>AAAA</CipherValue></E>", Why.CIPHER),
        (b"<E><CipherValue>AAAA</CipherValue></E>", Why.XML),
        (b"<E><CipherValue>!</CipherValue></E>", Why.XML),
        ("<E><CipherValue>é</CipherValue></E>".encode(), Why.XML),
        (b"<E><CipherValue/></E>", Why.XML),
        (encrypted("<Users/>", PASSWORD), Why.UNKNOWN),
        (b'<?xml version="1.0" encoding="klingon"?><a/>', Why.XML),
        (b"<a>" * 300_000, Why.UNKNOWN),
        (kem("<Meter/>" * 5001).encode(), Why.MANY),
    ],
)
def test_xml_that_is_no_key_file_is_told_in_one_sentence(data: bytes, why: Why) -> None:
    assert refused(data) is why


ENTITIES = (
    '<!DOCTYPE x [<!ENTITY a "aaaaaaaaaa">'
    + "".join(f'<!ENTITY {name} "{f"&{before};" * 10}">' for before, name in zip("abcdefgh", "bcdefghi", strict=True))
    + "]>"
)


@pytest.mark.parametrize(
    "plain",
    [
        f"{ENTITIES}<MetersInOrder><Meter>&i;</Meter></MetersInOrder>",
        '<!DOCTYPE x SYSTEM "http://192.0.2.1/x.dtd"><MetersInOrder/>',
        '<!DOCTYPE x [<!ENTITY a SYSTEM "file:///etc/passwd">]><MetersInOrder><Meter>&a;</Meter></MetersInOrder>',
    ],
)
def test_a_document_type_is_refused_outside_and_inside_what_was_encrypted(plain: str) -> None:
    assert refused(plain.encode()) is Why.DOCUMENT_TYPE
    assert refused(encrypted(plain, PASSWORD)) is Why.DOCUMENT_TYPE


def test_an_entity_that_nobody_declared_is_damage() -> None:
    assert refused(b"<MetersInOrder>&i;</MetersInOrder>") is Why.XML


# Archives


def test_an_archive_that_grows_beyond_measure_is_refused_before_it_has_grown() -> None:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as zipped, zipped.open("x.kem", "w") as file:
        for _ in range(200):
            file.write(b"<" * 1_000_000)
    bomb = packed.getvalue()
    assert len(bomb) < 1_000_000
    tracemalloc.start()
    try:
        assert refused(bomb) is Why.LONG
        assert tracemalloc.get_traced_memory()[1] < 20_000_000
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize(
    ("data", "why"),
    [
        (archive(), Why.UNKNOWN),
        (archive(readme_txt=b"x"), Why.ARCHIVE_FILES),
        (archive(a_kem=PLAIN.encode(), b_kem=PLAIN.encode()), Why.ARCHIVE_FILES),
        (archive(x_kem=PLAIN.encode(), **{f"{n}_txt": b"" for n in range(20)}), Why.ARCHIVE_FILES),
        (archive(x_kem=archive(x_kem=PLAIN.encode())), Why.UNKNOWN),
        (archive(x_kem=PLAIN.encode())[:-30], Why.ARCHIVE),
        (archive(x_kem=PLAIN.encode()).replace(b"PK\x01\x02", b"PK\x01\x03"), Why.ARCHIVE),
        (b"PK\x03\x04", Why.ARCHIVE),
    ],
)
def test_an_archive_that_is_none_or_holds_something_else_is_told(data: bytes, why: Why) -> None:
    assert refused(data) is why


def test_an_archive_packed_in_a_rare_way_is_not_unpacked() -> None:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_LZMA) as zipped:
        zipped.writestr("x.kem", PLAIN)
    assert refused(packed.getvalue()) is Why.ARCHIVE


def test_a_table_in_an_archive_is_read_too() -> None:
    file = read(archive(keys_csv=f"id;key\n12345678;{HEX}".encode()))
    assert (file.unit, [row.key for row in file.rows]) == ("line", [A])


GOOD = (archive(x_kem=encrypted(PLAIN, PASSWORD)), encrypted(PLAIN, PASSWORD), PLAIN.encode())


@given(st.sampled_from(GOOD), st.integers(0, 5000), st.binary(max_size=8), st.booleans())
def test_a_file_spoilt_anywhere_is_rows_refusals_or_one_sentence(data: bytes, at: int, other: bytes, cut: bool) -> None:
    at %= len(data)
    spoilt = data[:at] + other + (b"" if cut else data[at + len(other) :])
    try:
        file = read(spoilt, PASSWORD)
    except KeyFileError:
        return
    assert all(row.plates and len(row.key) == 16 for row in file.rows)


@given(st.binary(max_size=300))
def test_any_bytes_in_an_archive_or_in_xml_are_no_bug(data: bytes) -> None:
    for whole in (b"PK\x03\x04" + data, b"<" + data, b"<MetersInOrder><Meter>" + data):
        with contextlib.suppress(KeyFileError):
            read(whole, PASSWORD)
