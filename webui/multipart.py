"""The body of a form that sends a file (RFC 7578), taken apart in memory: a key file is not to touch the card.

The framework's own way writes files into a temporary folder, and follows nested parts and codings that no browser sends.
"""

import re

PARTS_MAX = 8
HEAD_BYTES_MAX = 1000

_BOUNDARY = re.compile(
    r'multipart/form-data\s*;.*?\bboundary=(?:"([^"\r\n]{1,70})"|([^\s";,]{1,70}))', re.IGNORECASE | re.DOTALL
)
_NAME = re.compile(
    rb'^content-disposition:\s*form-data\s*;(?:.*;)?\s*name="([a-z_]{1,40})"', re.IGNORECASE | re.MULTILINE
)


class MultipartError(ValueError):
    """What was sent is no such form."""


def parse(content_type: str, body: bytes) -> dict[str, bytes]:
    """The fields by their names, files among them; MultipartError for anything that no browser sends."""
    found = _BOUNDARY.match(content_type)
    if found is None:
        raise MultipartError("a boundary is needed")
    boundary = b"\r\n--" + (found[1] or found[2]).encode("utf-8", "surrogateescape")
    before, *parts = (b"\r\n" + body).split(boundary, PARTS_MAX + 2)
    if before or not 1 < len(parts) <= PARTS_MAX + 1 or not parts.pop().startswith(b"--"):
        raise MultipartError(f"one to {PARTS_MAX} parts between boundaries, and the last one closed, are needed")
    fields: dict[str, bytes] = {}
    for part in parts:
        head, blank, content = part.partition(b"\r\n\r\n")
        name = _NAME.search(head) if len(head) <= HEAD_BYTES_MAX else None
        if not blank or not head.startswith(b"\r\n") or name is None or name[1].decode() in fields:
            raise MultipartError("each part needs a name of its own")
        fields[name[1].decode()] = content
    return fields
