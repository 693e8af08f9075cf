"""`releve decode mbus`: one JSON object a line in, one a line out, each line for itself (docs/decode.md)."""

import json
from typing import TextIO

from drivers import mbus
from drivers.model import DecodeError, Frame
from gateway.decode.readings import refusal_line, telegram_line


def run(stdin: TextIO, stdout: TextIO) -> None:
    """Answer every line that is not blank, in order, never fewer."""
    for line in stdin:
        if line.strip():
            stdout.write(_answer(line))
            stdout.flush()


def _answer(line: str) -> str:
    """What became of one request line: {"frame": hex, "key": hex or null, may be left out}."""
    try:
        request = json.loads(line)
        if not isinstance(request, dict):
            raise DecodeError("a JSON object is needed")
        key = request.get("key")
        frame = Frame(_hex(request.get("frame"), "frame"))
        return telegram_line(mbus.decode(frame, _hex(key, "key") if key else None))
    except (DecodeError, ValueError) as fault:
        return refusal_line(str(fault))


def _hex(text: object, what: str) -> bytes:
    """The text itself is in no error: it may be a key."""
    if isinstance(text, str):
        try:
            return bytes.fromhex(text)
        except ValueError:
            pass
    raise DecodeError(f"{what}: hex digits in pairs are needed")
