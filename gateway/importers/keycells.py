"""A meter's number and a key as people and programs write them into tables and files."""

import re

from gateway.keys import Plate

KEY_DIGITS = 32
ID_DIGITS = 8
# A spreadsheet drops zeros at the front of a number; shorter than this it is no meter's number any more.
ID_DIGITS_MIN = 6

_EXCEL_TEXT = re.compile(r'="(.*)"', re.DOTALL)  # how some programs keep a spreadsheet from counting
_ADDRESS = re.compile(r"(?:w?mbus:)?([A-Z]{3})-([0-9A-Fa-f]{8})-([0-9A-Fa-f]{2})-([0-9A-Fa-f]{2})", re.ASCII)
# DIN 43863-5, as OMS vol. 2 uses it: medium, maker, two characters, the number.
_DIN = re.compile(r"[0-9A-Za-z]?([A-Z]{3})[0-9A-Z]{2}(\d{8})", re.ASCII)
# Kamstrup 5512-2029, 3.4: number, device code, year.
_KAMSTRUP = re.compile(r"(\d{6,8})/\w{1,2}(?:/\d{2})?", re.ASCII)
_GROUPED = re.compile(r"\d{1,3}(\.\d{3})+", re.ASCII)
_MAKER = re.compile(r"[A-Z]{3}", re.ASCII)
_BYTE = re.compile(r"(?:0[xX])?([0-9A-Fa-f]{1,2})", re.ASCII)


def plate(cell: str, *, exact: bool = False) -> Plate | None:
    """The meter that a cell names, or None. `exact`: eight digits, spaces at most between them."""
    text = _bare(cell)
    if found := _ADDRESS.fullmatch(text):
        return Plate(found[2].lower(), found[1], found[3].lower(), found[4].lower())
    if found := _KAMSTRUP.fullmatch(text):
        return Plate(found[1].zfill(ID_DIGITS))
    if _GROUPED.fullmatch(text):
        text = text.replace(".", "")
    joined = re.sub(r"\s" if exact else r"[\s'’_-]", "", text)
    if found := _DIN.fullmatch(joined):
        return Plate(found[2], found[1])
    if not joined.isascii():
        return None
    if joined.isdigit() and (ID_DIGITS if exact else ID_DIGITS_MIN) <= len(joined) <= ID_DIGITS:
        return Plate(joined.zfill(ID_DIGITS))
    if not exact and re.fullmatch(r"[0-9A-Fa-f]{8}", joined):
        return Plate(joined.lower())
    return None


def key(cell: str) -> bytes | None:
    """The key in a cell, or None."""
    digits = key_digits(cell)
    return bytes.fromhex(digits) if re.fullmatch(r"[0-9A-Fa-f]{32}", digits) else None


def key_digits(cell: str) -> str:
    """What would have to be 32 hexadecimal digits: without the signs that only set them apart."""
    return re.sub(r"0[xX]|[\s:,-]", "", _bare(cell))


def maker(cell: str) -> str:
    """Three letters; nothing where the maker is written out, which is no part of an address."""
    text = _bare(cell).upper()
    return text if _MAKER.fullmatch(text) else ""


def byte(cell: str) -> str:
    """A version or a type of two digits at most; nothing where it is written out."""
    found = _BYTE.fullmatch(_bare(cell))
    return found[1].lower() if found else ""


def _bare(cell: str) -> str:
    text = cell.strip().strip("\ufeff\u200b")
    found = _EXCEL_TEXT.fullmatch(text)
    return found[1].strip() if found else text
