"""`releve decode wmbus`: one JSON object a line in, one a line out, each line for itself (docs/decode.md)."""

import contextlib
import json
from typing import TextIO

from drivers import mbus, wmbus
from drivers.model import DecodeError, Frame, Telegram
from gateway.decode.readings import refusal_line, telegram_line


def run(stdin: TextIO, stdout: TextIO) -> None:
    """Answer every line that is not blank, in order, never fewer."""
    for line in stdin:
        if line.strip():
            stdout.write(_answer(line))
            stdout.flush()


def _answer(line: str) -> str:
    """What became of one request line: {"telegram": hex, "key": hex or null, "previous": [hex]}."""
    try:
        request = json.loads(line)
        if not isinstance(request, dict):
            raise DecodeError("a JSON object is needed")
        data = _hex(request.get("telegram"), "telegram")
        key = request.get("key")
        previous = request.get("previous") or []
        if not isinstance(previous, list):
            raise DecodeError("previous: a list is needed")
        heard = [_hex(text, "previous") for text in previous]
        return telegram_line(_decode(data, _hex(key, "key") if key else None, heard))
    except (DecodeError, ValueError, RecursionError) as fault:
        return refusal_line(str(fault))


def _decode(data: bytes, key: bytes | None, previous: list[bytes]) -> Telegram:
    if data[:1] == data[3:4] == b"\x68":
        return mbus.decode(Frame(data), key)  # old captures mix wired frames in
    if not previous:
        return wmbus.decode(Frame(data), key)
    formats, fragments = wmbus.Formats(), wmbus.Fragments(lambda: 0)
    for heard in previous:
        with contextlib.suppress(DecodeError):  # an unreadable one teaches nothing
            wmbus.decode(Frame(heard), key, formats, fragments)
    return wmbus.decode(Frame(data), key, formats, fragments)


def _hex(text: object, what: str) -> bytes:
    """The text itself is in no error: it may be a key."""
    if isinstance(text, str):
        try:
            return bytes.fromhex(text)
        except ValueError:
            pass
    raise DecodeError(f"{what}: hex digits in pairs are needed")
