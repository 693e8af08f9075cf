"""The body of a form that sends a file (RFC 7578), taken apart in memory: a key file is not to touch the card.

The framework's own way writes files into a temporary folder, and follows nested parts and codings that no browser sends.
"""

import re
from dataclasses import dataclass

PARTS_MAX = 8
HEAD_BYTES_MAX = 1000
FILENAME_CHARACTERS_MAX = 80

BOUNDARY = re.compile(
    r'multipart/form-data\s*;.*?\bboundary=(?:"([^"\r\n]{1,70})"|([^\s";,]{1,70}))', re.IGNORECASE | re.DOTALL
)
NAME = re.compile(
    rb'^content-disposition:\s*form-data\s*;(?:.*;)?\s*name="([a-z_]{1,40})"', re.IGNORECASE | re.MULTILINE
)
_FILENAME = re.compile(rb'^content-disposition:[^\r\n]*;\s*filename="([^"\r\n]*)"', re.IGNORECASE | re.MULTILINE)


class MultipartError(ValueError):
    """What was sent is no such form."""


@dataclass(frozen=True, slots=True)
class Part:
    """One field; of a file also what it is called where it came from, which is for reading only."""

    name: str
    content: bytes
    filename: str


def parse(content_type: str, body: bytes) -> dict[str, bytes]:
    """The fields by their names, files among them; MultipartError for anything that no browser sends."""
    fields: dict[str, bytes] = {}
    for part in parts(content_type, body):
        if part.name in fields:
            raise MultipartError("each part needs a name of its own")
        fields[part.name] = part.content
    return fields


def parts(content_type: str, body: bytes, parts_max: int = PARTS_MAX) -> list[Part]:
    """The fields in their order; several files may have one name."""
    found = BOUNDARY.match(content_type)
    if found is None:
        raise MultipartError("a boundary is needed")
    boundary = b"\r\n--" + (found[1] or found[2]).encode("utf-8", "surrogateescape")
    before, *pieces = (b"\r\n" + body).split(boundary, parts_max + 2)
    if before or not 1 < len(pieces) <= parts_max + 1 or not pieces.pop().startswith(b"--"):
        raise MultipartError(f"one to {parts_max} parts between boundaries, and the last one closed, are needed")
    fields = []
    for piece in pieces:
        head, blank, content = piece.partition(b"\r\n\r\n")
        name = NAME.search(head) if len(head) <= HEAD_BYTES_MAX else None
        if not blank or not head.startswith(b"\r\n") or name is None:
            raise MultipartError("each part needs a name of its own")
        filename = _FILENAME.search(head)
        fields.append(Part(name[1].decode(), content, _shown(filename[1]) if filename else ""))
    return fields


def _shown(filename: bytes) -> str:
    text = filename.decode("utf-8", "replace").replace("\\", "/").rpartition("/")[2]
    return "".join(letter for letter in text if letter.isprintable())[:FILENAME_CHARACTERS_MAX]
