"""A table of keys: CSV by the names of its columns, or without a header where each row can mean one thing only."""

import csv
import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass, replace

from gateway.importers import keycells
from gateway.importers.keyfile import KeyFile, KeyFileError, Refusal, Why
from gateway.keys import Plate

SEPARATORS = (";", "\t", ",")
LINE_CHARACTERS_MAX = 4096
# Before the header or the first row there may be a few lines of something else.
PREAMBLE_LINES_MAX = 20
# So long and of such digits, a cell was meant as a key.
KEY_LIKE_CHARACTERS_MIN = 20


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


# What a column may be called, without accents, signs and what stands in brackets.
NUMBER = _words("""
    id ident identno identnumber identification identificationnumber mbusid wmbusid radioid address
    meter meterid meterno meternr meternumber metersn meteraddress
    serial serialid serialno serialnr serialnumber sn number
    device deviceid deviceno devicenumber deviceserial deviceserialnumber
    compteur numero numerocompteur numeroducompteur numerodecompteur nocompteur noducompteur ncompteur nducompteur
    numerodeserie numeroserie numerodeserieducompteur noserie nodeserie nserie ndeserie serie matricule
    identifiant identifiantcompteur identifiantducompteur identifiantradio idcompteur numeroradio
    zahler zahlerid zahlernummer zahlernr zaehler zaehlerid zaehlernummer zaehlernr seriennummer seriennr
    gerat geratenummer geratenr geraet geraetenummer geraetenr
    nummer nr fabriknummer fabriknr identnummer identnr kennung funknummer
""")
KEY = _words("""
    key keyaes keyhex hexkey aes aeskey aes128 aes128key dek encryptionkey dataencryptionkey aesencryptionkey
    decryptionkey meterkey devicekey omskey wmbuskey mbuskey radiokey secretkey
    cle cleaes cleaes128 cleoms clecompteur cledecompteur cleducompteur cleradio cledechiffrement cledecryptage
    clededechiffrement clef clefaes clefaes128 clefoms clefdechiffrement
    schlussel schlusselaes aesschlussel aes128schlussel omsschlussel zahlerschlussel gerateschlussel funkschlussel
    verschlusselungsschlussel entschlusselungsschlussel
    schluessel schluesselaes aesschluessel aes128schluessel omsschluessel zaehlerschluessel geraeteschluessel
    funkschluessel verschluesselungsschluessel entschluesselungsschluessel
""")
MAKER = _words("""
    manufacturer manufacturerid manufacturercode maker make vendor vendorid mfct man brand flag
    fabricant codefabricant constructeur marque
    hersteller herstellerid herstellercode herstellerkennung herstellerkurzel herstellerkuerzel
""")
VERSION = _words("version versionnumber meterversion generation ver versionsnummer")
TYPE = _words("type devicetype metertype typedecompteur typecompteur typ geratetyp geraetetyp zahlertyp zaehlertyp")


@dataclass(frozen=True, slots=True)
class _Columns:
    number: Sequence[int]
    key: Sequence[int]
    maker: Sequence[int]
    version: Sequence[int]
    type: Sequence[int]


def read(data: bytes) -> KeyFile:
    """The rows of a table; KeyFileError when it is none, or its columns cannot be told apart."""
    lines = _lines(data)
    separator, header, columns = _layout(lines)
    file = KeyFile("line")
    for place, line in enumerate(lines, 1):
        if place <= header or not line.strip() or line.startswith("#") or _separator_line(line):
            continue
        cells = _cells(line, separator)
        if cells is None:
            file.take(place, Refusal(place, Why.ROW, LINE_CHARACTERS_MAX))
        elif any(cell.strip() for cell in cells):
            file.take(place, _row(place, cells, columns) if columns else _row_without_names(place, cells))
    return file


def _lines(data: bytes) -> list[str]:
    """Text in UTF-8, else in Latin-1; what a spreadsheet calls Unicode begins with the mark of UTF-16."""
    try:
        text = data.decode("utf-16" if data[:2] in (b"\xff\xfe", b"\xfe\xff") else "utf-8-sig")
    except UnicodeDecodeError:
        text = data.decode("latin-1")
    if "\0" in text:
        raise KeyFileError(Why.UNKNOWN)
    return re.split(r"\r\n|\r|\n", text)


def _layout(lines: Sequence[str]) -> tuple[str, int, _Columns | None]:
    """The separator, the header's line and its columns; no line and no columns where rows speak for themselves."""
    first = [(place, line) for place, line in enumerate(lines, 1) if line.strip()][:PREAMBLE_LINES_MAX]
    for place, line in first:
        for separator in SEPARATORS:
            columns = _columns(_cells(line, separator) or ())
            if columns is not None:
                return separator, place, columns
    for place, line in first:
        for separator in SEPARATORS:
            if not isinstance(_row_without_names(place, _cells(line, separator) or ()), Refusal):
                return separator, 0, None
    raise KeyFileError(Why.COLUMNS)


def _columns(cells: Sequence[str]) -> _Columns | None:
    names = [_name(cell) for cell in cells]
    found = _Columns(
        *([at for at, name in enumerate(names) if name in known] for known in (NUMBER, KEY, MAKER, VERSION, TYPE))
    )
    return found if found.number and found.key else None


def _name(cell: str) -> str:
    text = unicodedata.normalize("NFKD", re.sub(r"\(.*?\)|\[.*?\]", "", cell).casefold())
    return re.sub(r"[^a-z0-9]", "", text)


def _separator_line(line: str) -> bool:
    return re.fullmatch(r"\ufeff?sep=.", line.strip(), re.IGNORECASE) is not None


def _cells(line: str, separator: str) -> list[str] | None:
    """One line by RFC 4180. A field does not run over several lines, so that one quote left open costs one row."""
    if len(line) > LINE_CHARACTERS_MAX:
        return None
    try:
        return next(csv.reader([line], delimiter=separator, strict=True), [])
    except csv.Error:
        return None


Row = tuple[tuple[Plate, ...], bytes] | Refusal


def _row(place: int, cells: Sequence[str], columns: _Columns) -> Row:
    def told(at: Sequence[int]) -> list[str]:
        return [cells[n] for n in at if n < len(cells) and cells[n].strip()]

    plates = {plate for cell in told(columns.number) if (plate := keycells.plate(cell)) is not None}
    if not plates:
        return Refusal(place, Why.NUMBER)
    makers, versions, types = (
        {part(cell) for cell in told(at)} - {""}
        for part, at in (
            (keycells.maker, columns.maker),
            (keycells.byte, columns.version),
            (keycells.byte, columns.type),
        )
    )
    named = {
        replace(
            plate,
            maker=plate.maker or _only(makers),
            version=plate.version or _only(versions),
            type=plate.type or _only(types),
        )
        for plate in plates
    }
    found = _key(place, told(columns.key))
    return found if isinstance(found, Refusal) else (tuple(sorted(named, key=str)), found)


def _only(said: set[str]) -> str:
    return next(iter(said)) if len(said) == 1 else ""


def _key(place: int, cells: Sequence[str]) -> bytes | Refusal:
    keys = {keycells.key(cell) for cell in cells} - {None}
    if len(keys) > 1:
        return Refusal(place, Why.KEYS, len(keys))
    for key in keys:
        assert key is not None
        return key
    if not cells:
        return Refusal(place, Why.KEY)
    return Refusal(place, Why.KEY_DIGITS, len(keycells.key_digits(cells[0])))


def _row_without_names(place: int, cells: Sequence[str]) -> Row:
    told = [cell for cell in cells if cell.strip()]
    keys = [cell for cell in told if keycells.key(cell) is not None]
    if not keys:
        keys = [cell for cell in told if len(keycells.key_digits(cell)) >= KEY_LIKE_CHARACTERS_MIN]
    key = _key(place, keys)
    if isinstance(key, Refusal):
        return key
    rest = [cell for cell in told if keycells.key(cell) is None]
    plates = {plate for cell in rest if (plate := keycells.plate(cell, exact=True)) is not None}
    if len(plates) != 1:
        return Refusal(place, Why.NUMBERS if plates else Why.NUMBER, len(plates))
    plate = plates.pop()
    makers = {cell.strip() for cell in rest if keycells.maker(cell) == cell.strip()}
    return (replace(plate, maker=plate.maker or _only(makers)),), key
