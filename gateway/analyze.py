"""`releve analyze`: a wireless telegram or a wired M-Bus frame explained byte by byte, and what is needed to read it."""

import contextlib
import json
import os
import textwrap
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import TextIO

from drivers import mbus, mbus_explain, meters, pasted, wmbus
from drivers.model import DecodeError, Frame, State, Telegram
from drivers.pasted import PastedError
from drivers.phrase import Phrase, phrase
from drivers.wmbus import Formats, Fragments, explain, link
from drivers.wmbus.explain import Row
from gateway.decode.readings import refusal_line, telegram_line, unit_text, value_text
from gateway.trouble import Trouble

ROW_BYTES = 8
BYTES_COLUMNS = 3 * ROW_BYTES
BEFORE_MEANING = 5 + 2 + BYTES_COLUMNS + 1
MEANING_COLUMNS, SECTION_COLUMNS = 56, 52
COLUMNS = BEFORE_MEANING + MEANING_COLUMNS + 2 + SECTION_COLUMNS
MEANING_COLUMNS_MIN = 24

LINK_WIRED = phrase("wired M-Bus frame")
LINK_PLAIN = phrase("wireless telegram, without CRCs")
LINK_FRAMED = phrase("wireless telegram, format %(letter)s; its CRCs agree")
LINK_DAMAGED = phrase("wireless telegram, format %(letter)s, damaged")

NEEDED = {
    State.DECODED: phrase("Nothing more."),
    State.KEY_MISSING: phrase(
        "The meter's key: ask your landlord, your manager or the company that reads the meter for “the AES key (OMS) of "
        "meter %(number)s”, 32 characters."
    ),
    State.WRONG_KEY: phrase(
        "Another key: this one is not the meter's. Compare it character by character, and check that it was given for "
        "meter %(number)s."
    ),
    State.WAITING_FORMAT: phrase(
        "A full message of the same meter: it sends one among the short ones from time to time. Put it before this one, on "
        "a line of its own."
    ),
    State.WAITING_FRAGMENT: phrase(
        "The other pieces of the message. Put those before this one, each on a line of its own, in their order."
    ),
    State.REPEATED: phrase("Nothing: it was read before."),
    State.NO_DATA: phrase(
        "Nothing: this message carries no values. They come in others, or only when the meter's reader asks for them by radio."
    ),
    State.UNSUPPORTED: phrase(
        "A description of how this meter codes its values. None is public that we know of, and a key does not help."
    ),
    State.INVALID: phrase("The telegram as it was sent, whole and from its first byte on."),
}
CUT = phrase(
    "The whole telegram: %(n)s bytes are missing. Some receivers cut long ones off; another receiver, or another mode of "
    "this one, may hear it whole."
)
CUT_FRAME = phrase("The whole frame: %(n)s bytes are missing.")
DAMAGED = phrase("The telegram once more: it was changed on its way, and a receiver should have dropped it.")
NO_LENGTH = phrase("Its first byte: this begins with the second one. Put %(hex)s before it.")
OTHER_KEY = phrase(
    "The meter's key: ask your landlord, your manager or the company that reads the meter for “the key of meter %(number)s”, "
    "%(digits)s characters."
)
ASK_AGAIN = phrase("Nothing: this frame carries no values. Ask the meter for its values (REQ-UD2) and take its answer.")


@dataclass(frozen=True, slots=True)
class Analysis:
    """`telegram` is None where not even an address can be read. `needed` is said to a person."""

    link: Phrase
    rows: tuple[Row, ...]
    telegram: Telegram | None
    state: State
    error: str | None
    needed: Phrase


def run(text: str, key: str | None, as_json: bool, stdout: TextIO) -> None:
    """Print what hex digits say. The key is tried and never shown. Trouble where they are no telegram, or not a whole one."""
    try:
        telegrams, opener = pasted.telegrams(text), pasted.key(key or "")
    except PastedError as fault:
        raise Trouble(str(fault)) from None
    found = analyze(telegrams, opener)
    stdout.write(_json(found) if as_json else "".join(f"{line}\n" for line in _lines(found, _columns(stdout))))
    stdout.flush()
    if found.state is State.INVALID:
        raise Trouble(f"not a telegram that can be read: {found.error}")


def analyze(telegrams: Sequence[bytes], key: bytes | None = None, known: Iterable[bytes] = ()) -> Analysis:
    """The last of these, with its CRCs or without, or a wired frame; what was heard before teaches how to read it.

    `known` are formats of compact frames, as `Formats` gives them.
    """
    *before, data = telegrams
    formats, fragments = Formats(known), Fragments(lambda: 0.0)
    for heard in before:
        with contextlib.suppress(DecodeError):  # an unreadable one teaches nothing
            wmbus.decode(Frame(_plain(heard)), key, formats, fragments)
    if mbus_explain.is_wired(data):
        return _wired(data, key)
    rows = explain.explain(data, key, formats)
    framing = link.framing(data)
    how = LINK_FRAMED.of(letter=framing[0]) if framing else LINK_PLAIN
    try:
        telegram = wmbus.decode(Frame(_plain(data)), key, formats, fragments)
    except _DamagedError as fault:
        damaged = LINK_DAMAGED.of(letter=fault.letter)
        needed = CUT.of(n=fault.missing) if fault.missing else DAMAGED
        return Analysis(damaged, rows, None, State.INVALID, str(fault), needed)
    except DecodeError as fault:
        return Analysis(how, rows, None, State.INVALID, str(fault), _whole_needed(data))
    return Analysis(how, rows, telegram, telegram.state, telegram.error, _needed(telegram, data))


class _DamagedError(DecodeError):
    """A CRC does not agree, or bytes are missing at the end."""

    def __init__(self, letter: str, missing: int) -> None:
        super().__init__(f"{missing} bytes are missing" if missing else "a CRC does not agree")
        self.letter = letter
        self.missing = missing


def _plain(data: bytes) -> bytes:
    framing = link.framing(data)
    if framing is None:
        return data
    letter, blocks = framing
    if not all(link.block_agrees(data, block) for block in blocks):
        raise _DamagedError(letter, max(0, blocks[-1].stop - len(data)))
    return link.without_crcs(data[: blocks[-1].stop])


def _wired(data: bytes, key: bytes | None) -> Analysis:
    rows = mbus_explain.explain(data, key)
    try:
        telegram = mbus.decode(Frame(data), key)
    except DecodeError as fault:
        needed = ASK_AGAIN if data[0] != mbus.LONG else NEEDED[State.INVALID]
        if data[0] == mbus.LONG and (missing := data[1] + mbus.OVERHEAD_BYTES - len(data)) > 0:
            needed = CUT_FRAME.of(n=missing)
        return Analysis(LINK_WIRED, rows, None, State.INVALID, str(fault), needed)
    needed = ASK_AGAIN if telegram.state is State.INVALID else _needed(telegram, data)
    return Analysis(LINK_WIRED, rows, telegram, telegram.state, telegram.error, needed)


def _needed(telegram: Telegram, data: bytes) -> Phrase:
    needed = NEEDED[telegram.state]
    if telegram.state in (State.KEY_MISSING, State.WRONG_KEY):
        old = "mode 2" in (telegram.error or "") or "known keys" in (telegram.error or "")
        if telegram.state is State.KEY_MISSING and old:
            return OTHER_KEY.of(number=telegram.address.id, digits=16)
        return needed.of(number=telegram.address.id)
    return _whole_needed(data) if telegram.state is State.INVALID else needed


def _whole_needed(data: bytes) -> Phrase:
    """What a telegram lacks that is not whole."""
    missing = data[0] + 1 - len(data)
    if missing > 0 and len(data) > 1 and data[1] & ~link.C_RELAYED in link.C_FROM_METER:
        return CUT.of(n=missing)
    if data[0] & ~link.C_RELAYED in link.C_FROM_METER and len(data) >= link.HEADER_BYTES and link.is_maker(data[1:3]):
        return Phrase(NO_LENGTH.text, {"hex": f"{len(data):02X}"})
    return NEEDED[State.INVALID]


# -- as text ----------------------------------------------------------------------------------------------------------
def _columns(stdout: TextIO) -> int:
    try:
        return os.get_terminal_size(stdout.fileno()).columns
    except OSError:
        return COLUMNS


def _lines(found: Analysis, columns: int) -> Iterator[str]:
    yield str(found.link)
    yield ""
    for row in found.rows:
        yield from _row_lines(row, columns)
    if any(row.opened for row in found.rows):
        yield ""
        yield "*  sent encrypted; these are the plain bytes"
    yield ""
    if found.telegram is not None:
        address = found.telegram.address
        model = meters.model(address.manufacturer, address.version or 0, address.device_type or 0)
        name = model.name if model else meters.maker(address.manufacturer)
        yield f"meter:   {address}, {found.telegram.medium}" + (f", {name}" if name else "")
    yield f"state:   {found.state}" + (f": {found.error}" if found.error else "")
    yield from textwrap.wrap(f"needed:  {found.needed}", columns, subsequent_indent=9 * " ")
    if found.telegram is None:
        return
    if found.telegram.status:
        yield f"status:  {', '.join(found.telegram.status)}"
    for reading in found.telegram.readings:
        places = "".join(f", {name} {n}" for name in ("tariff", "storage", "subunit") if (n := getattr(reading, name)))
        of = "" if reading.function.value == "instantaneous" else f", {reading.function}"
        yield (
            f"reading: {reading.register} {value_text(reading.value)} {unit_text(reading.quantity)}".rstrip()
            + places
            + of
        )


def _row_lines(row: Row, columns: int) -> Iterator[str]:
    """The first line says all but bytes and words that do not fit; the lines after it continue both.

    Where the terminal is narrow, the section stands below the meaning.
    """
    bytes_ = [row.data[at : at + ROW_BYTES].hex(" ").upper() for at in range(0, len(row.data), ROW_BYTES)]
    beside = columns >= COLUMNS
    width = MEANING_COLUMNS if beside else max(MEANING_COLUMNS_MIN, columns - BEFORE_MEANING)
    words = textwrap.wrap(str(row.meaning), width) or [""]
    section = str(row.section)
    if section and not beside:
        words += textwrap.wrap(f"({section})", width)
    for n in range(max(len(bytes_), len(words))):
        shown = bytes_[n] if n < len(bytes_) else ""
        at = f"{row.at + n * ROW_BYTES:4}" if shown else "    "
        meaning = words[n] if n < len(words) else ""
        mark = "*" if row.opened and shown else " "
        end = f"  {section}" if beside and n == 0 else ""
        yield f"{at} {mark} {shown:{BYTES_COLUMNS}} {meaning:{width}}{end}".rstrip()


def _json(found: Analysis) -> str:
    rows = [
        {
            "at": row.at,
            "bytes": row.data.hex(),
            "meaning": str(row.meaning),
            "section": str(row.section),
            "opened": row.opened,
        }
        for row in found.rows
    ]
    line = telegram_line(found.telegram) if found.telegram else refusal_line(found.error or "")
    answer = {"link": str(found.link), "rows": rows, "needed": str(found.needed), "telegram": json.loads(line)}
    return json.dumps(answer, ensure_ascii=False) + "\n"
