"""Telegrams and keys as a person pastes them: hex digits however they are separated, or lines of a program's log."""

import json
import re
from collections.abc import Iterable

from drivers import mbus
from drivers.model import DecodeError, Frame
from drivers.phrase import Phrase, phrase
from drivers.receivers import cul, hexlines, rtl_433
from drivers.talk import Said
from drivers.wmbus import link

CHARACTERS_MAX = 8192
TELEGRAMS_MAX = 16
BYTES_MAX = 300  # the longest telegram has 290 with its CRCs
KEY_BYTES = (16, 8)  # 8: DES, and the makers' own ciphers

_SPACES = re.compile(r"[^\S\n]|[\u200b\ufeff]")  # of a web page, a letter, another system's line ends
_BETWEEN = re.compile(r"0x|\\x|[\s:,;._|\-]", re.IGNORECASE)
_PIPES = re.compile(r"\|([^|]*)\|")
_HEX = re.compile(r"(?:[0-9A-Fa-f]{2})+", re.ASCII)


class PastedError(DecodeError):
    """What is no telegram, or no key: one sentence, which shows nothing of what was pasted."""

    def __init__(self, said: Phrase) -> None:
        super().__init__(str(said))
        self.said = said


def telegrams(text: str) -> tuple[bytes, ...]:
    """All that are there, as they were sent: CRCs stay in. PastedError where there are none.

    Hex digits may go on over several lines. Each line is a telegram of its own where all of them are whole ones.
    """
    if len(text) > CHARACTERS_MAX:
        raise PastedError(phrase("%(n)s characters are too many: %(most)s are read.", n=len(text), most=CHARACTERS_MAX))
    found: list[bytes] = []
    plain: list[str] = []
    ascii_ = _SPACES.sub(" ", text.replace("\r", "\n")).encode("ascii", "replace").decode()
    for line in filter(None, map(str.strip, ascii_.splitlines())):
        logged = _logged(line)
        if logged:
            found += _together(plain) + logged
            plain.clear()
        else:
            plain.append(line)
    found += _together(plain)
    if not found:
        raise PastedError(_NOTHING)
    if len(found) > TELEGRAMS_MAX or any(len(each) > BYTES_MAX for each in found):
        most = {"n": TELEGRAMS_MAX, "bytes": BYTES_MAX}
        raise PastedError(phrase("That is too much: %(n)s telegrams of %(bytes)s bytes are read at most.", **most))
    return tuple(found)


def key(text: str) -> bytes | None:
    """A key; None where there is none."""
    bare = _BETWEEN.sub("", _SPACES.sub("", text))
    if not bare:
        return None
    if not _HEX.fullmatch(bare) or len(bare) // 2 not in KEY_BYTES:
        raise PastedError(
            phrase(
                "A key has 32 characters, digits 0 to 9 and letters A to F; some old meters' have 16. Spaces do not count."
            )
        )
    return bytes.fromhex(bare)


def is_whole(data: bytes) -> bool:
    """Whether a length field says that these bytes are all: a wireless telegram, its CRCs in or out, or a wired frame."""
    if data[:1] == data[3:4] == bytes((mbus.LONG,)):
        return len(data) == data[1] + mbus.OVERHEAD_BYTES
    return bool(data) and len(data) in (data[0] + 1, link.length_a(data[0]))


_NOTHING = phrase("A telegram is needed: pairs of the digits 0 to 9 and the letters A to F.")


def _logged(line: str) -> list[bytes]:
    """The telegrams in a line that is more than hex digits; nothing where it is not."""
    if line.startswith("{"):
        return _json(line)
    if line.count(";") >= hexlines.RTL_FIELDS_BEFORE:
        return _heard(hexlines.telegrams(line))
    if rtl_433.MODEL in line:
        return _heard(rtl_433.telegrams(line))
    if line.startswith("b"):
        said = tuple(cul.Framer().feed(line.encode() + b"\n"))
        cul_only = line.startswith("bY") or _HEX.fullmatch(line[1:])  # an odd number of digits, or a Y among them
        if isinstance(said[0], Frame):
            return [bytes.fromhex(line.removeprefix("b").removeprefix("Y"))]  # the CRCs, too
        return _heard(said) if cul_only else []
    if piped := _PIPES.search(line):
        return [_digits(piped[1])]
    return []


def _json(line: str) -> list[bytes]:
    """What `releve decode` reads, and what wmbusmeters and rtl_433 write."""
    try:
        telegram = json.loads(line).get("telegram")
    except (ValueError, RecursionError):
        raise PastedError(phrase("The line that begins with { is not JSON.")) from None
    return [_digits(telegram)] if isinstance(telegram, str) else _heard(rtl_433.telegrams(line))


def _heard(said: Iterable[Said]) -> list[bytes]:
    found = []
    for each in said:
        if isinstance(each, DecodeError):
            raise PastedError(phrase("This line of a receiver has no whole telegram: %(why)s.", why=str(each)))
        if isinstance(each, Frame):
            found.append(each.data)
    if not found:
        raise PastedError(_NOTHING)
    return found


def _digits(text: str) -> bytes:
    bare = _BETWEEN.sub("", text)
    if _HEX.fullmatch(bare):
        return bytes.fromhex(bare)
    if len(bare) % 2 and _HEX.fullmatch(bare + "0"):
        raise PastedError(
            phrase("%(n)s digits: a telegram has pairs of them, so one is missing or too many.", n=len(bare))
        )
    raise PastedError(_NOTHING)


def _together(lines: list[str]) -> list[bytes]:
    """One telegram over several lines, or as many as there are lines."""
    if not lines:
        return []
    try:
        each = [_digits(line) for line in lines]
    except PastedError:  # a line may end within a byte
        return [_digits("".join(lines))]
    whole = b"".join(each)
    return each if all(map(is_whole, each)) and not is_whole(whole) else [whole]
