"""`releve analyze`: a wireless telegram or a wired M-Bus frame explained byte by byte, and what is needed to read it."""

import json
import textwrap
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TextIO

from drivers import mbus, wmbus
from drivers.model import DecodeError, Frame, State, Telegram
from drivers.wmbus import explain, link
from drivers.wmbus import layers as layering
from drivers.wmbus.explain import Row
from drivers.wmbus.layers import Layers
from gateway.decode.readings import refusal_line, telegram_line, unit_text, value_text
from gateway.trouble import Trouble

FRAME = "EN 13757-2, link layer"

ROW_BYTES = 8
MEANING_COLUMNS = 60

NEEDED = {
    State.DECODED: "nothing",
    State.KEY_MISSING: "the meter's key, from who installed the meter or reads it: --key",
    State.WRONG_KEY: "another key: this one is not the meter's",
    State.WAITING_FORMAT: "a full frame of the same meter, which it sends from time to time",
    State.WAITING_FRAGMENT: "the other fragments of the message",
    State.REPEATED: "nothing: it was read before",
    State.NO_DATA: "nothing: the meter only says that it is there",
    State.UNSUPPORTED: "a description of this coding; a key does not help",
    State.INVALID: "the telegram as it was sent, whole",
}


@dataclass(frozen=True, slots=True)
class Analysis:
    """`telegram` is None where not even an address can be read."""

    link: str
    rows: tuple[Row, ...]
    telegram: Telegram | None
    state: State
    error: str | None


def run(text: str, key: str | None, as_json: bool, stdout: TextIO) -> None:
    """Print what hex digits say. The key is tried and never shown."""
    found = analyze(_hex(text, "the telegram"), _hex(key, "--key") if key else None)
    stdout.write(_json(found) if as_json else "".join(f"{line}\n" for line in _lines(found)))


def analyze(data: bytes, key: bytes | None = None) -> Analysis:
    """A telegram with its CRCs or without, or a wired frame."""
    if data[:1] == data[3:4] == b"\x68":
        return _read("wired M-Bus frame", tuple(_wired(data, key)), data, key, wired=True)
    try:
        plain, link_text = _without_crcs(data)
    except DecodeError as fault:
        return Analysis("wireless telegram", (Row(0, data, str(fault), explain.LINK),), None, State.INVALID, str(fault))
    return _read(link_text, explain.explain(plain, key), plain, key, wired=False)


def _read(link_text: str, rows: tuple[Row, ...], data: bytes, key: bytes | None, *, wired: bool) -> Analysis:
    try:
        telegram = mbus.decode(Frame(data), key) if wired else wmbus.decode(Frame(data), key)
    except DecodeError as fault:
        return Analysis(link_text, rows, None, State.INVALID, str(fault))
    return Analysis(link_text, rows, telegram, telegram.state, telegram.error)


def _without_crcs(data: bytes) -> tuple[bytes, str]:
    if not link.has_crcs(data):
        return data, "wireless telegram, without CRCs"
    plain = link.without_crcs(data)
    form = "B" if len(data) == data[0] + 1 else "A"
    return plain, f"wireless telegram, format {form}; its {len(data) - len(plain)} bytes of CRCs agree and are left out"


def _wired(data: bytes, key: bytes | None) -> Iterator[Row]:
    # 68 LL LL 68 CC AA CI ... KK 16
    counted = data[1] + mbus.OVERHEAD_BYTES == len(data)
    yield Row(0, data[:1], "start", FRAME)
    yield Row(1, data[1:3], f"L, twice: {data[1]} bytes from C to before the checksum", FRAME)
    yield Row(3, data[3:4], "start again", FRAME)
    if len(data) < mbus.OVERHEAD_BYTES + 3 or not counted:
        yield Row(4, data[4:], f"{data[1] + mbus.OVERHEAD_BYTES} bytes are needed, {len(data)} came", FRAME)
        return
    yield Row(4, data[4:5], "C: " + ("RSP-UD, an answer" if data[4] & 0x0F == 0x08 else "not an answer"), FRAME)
    yield Row(5, data[5:6], f"A: primary address {data[5]}", FRAME)
    body = data[6:-2]
    at = 6
    if data[6] in mbus.CI_RECORDS:
        try:
            for row in explain.message(layering.peel_inner(Layers(mbus.UNKNOWN), body), 6, key):
                yield row
                at = row.at + len(row.data)
        except DecodeError as fault:
            yield Row(at, data[at:-2], str(fault), explain.TPL)
    else:
        yield Row(6, body, f"CI {data[6]:02X} and what belongs to it", explain.TPL)
    total = sum(data[4:-2]) & 0xFF
    agrees = "it agrees" if total == data[-2] else f"the bytes from C on sum up to {total:02X}"
    yield Row(len(data) - 2, data[-2:-1], f"checksum; {agrees}", FRAME)
    yield Row(len(data) - 1, data[-1:], "stop", FRAME)


def _lines(found: Analysis) -> Iterator[str]:
    yield found.link
    yield ""
    for row in found.rows:
        yield from _row_lines(row)
    if any(row.opened for row in found.rows):
        yield ""
        yield "*  sent encrypted; these are the plain bytes"
    yield ""
    if found.telegram is not None:
        yield f"meter:   {found.telegram.address}, {found.telegram.medium}"
    yield f"state:   {found.state}" + (f": {found.error}" if found.error else "")
    yield f"needed:  {NEEDED[found.state]}"
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


def _row_lines(row: Row) -> Iterator[str]:
    """The first line says all but bytes and words that do not fit; the lines after it continue both."""
    bytes_ = [row.data[at : at + ROW_BYTES].hex(" ").upper() for at in range(0, len(row.data), ROW_BYTES)]
    words = textwrap.wrap(row.meaning, MEANING_COLUMNS) or [""]
    for n in range(max(len(bytes_), len(words))):
        shown = bytes_[n] if n < len(bytes_) else ""
        at = f"{row.at + n * ROW_BYTES:4}" if shown else "    "
        meaning = words[n] if n < len(words) else ""
        mark = "*" if row.opened and shown else " "
        section = row.section if n == 0 else ""
        yield f"{at} {mark} {shown:{3 * ROW_BYTES}} {meaning:{MEANING_COLUMNS}}  {section}".rstrip()


def _json(found: Analysis) -> str:
    rows = [
        {"at": row.at, "bytes": row.data.hex(), "meaning": row.meaning, "section": row.section, "opened": row.opened}
        for row in found.rows
    ]
    line = telegram_line(found.telegram) if found.telegram else refusal_line(found.error or "")
    answer = {"link": found.link, "rows": rows, "needed": NEEDED[found.state], "telegram": json.loads(line)}
    return json.dumps(answer, ensure_ascii=False) + "\n"


def _hex(text: str, what: str) -> bytes:
    """The text itself is in no error: it may be a key."""
    try:
        data = bytes.fromhex(text)
    except ValueError:
        raise Trouble(f"{what}: hex digits in pairs are needed") from None
    if not data:
        raise Trouble(f"{what}: hex digits are needed")
    return data
