"""The body of a form that sends one long file (RFC 7578), taken apart as it comes: it is never whole in memory.

Shorter ones are read whole and taken apart by webui/multipart.py.
"""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable

from aiohttp import ClientError, web

from webui.multipart import BOUNDARY, HEAD_BYTES_MAX, NAME, PARTS_MAX, MultipartError

# What may come before the file: the fields of a form of ours.
BEFORE_BYTES_MAX = 16 * 1024
FILE = "file"
# What is not taken in the end is read all the same, for so long: else a browser says that the line was cut, and not why.
DRAIN_S_MAX = 120.0


class CutShortError(MultipartError):
    """The body ended in the middle."""


class FileForm:
    """`fields` first, which stand before the file in a form of ours, then `file`, which is its last part.

    `read` gives more of the body, and nothing at its end. MultipartError for what no browser sends.
    """

    def __init__(self, content_type: str, read: Callable[[], Awaitable[bytes]]) -> None:
        found = BOUNDARY.match(content_type)
        if found is None:
            raise MultipartError("a boundary is needed")
        self._read = read
        self._boundary = b"\r\n--" + (found[1] or found[2]).encode("utf-8", "surrogateescape")
        self._held = b"\r\n"

    @classmethod
    def of(cls, request: web.Request) -> "FileForm":
        async def read() -> bytes:
            try:
                return await request.content.readany()
            except (ConnectionError, ClientError, web.RequestPayloadError):
                return b""  # who sent it has gone

        return cls(request.headers.get("Content-Type", ""), read)

    async def fields(self) -> dict[str, str]:
        """The fields before the file."""
        fields: dict[str, str] = {}
        await self._until(self._boundary)
        for _ in range(PARTS_MAX):
            if (await self._more(2)).startswith(b"--"):
                break
            head = await self._until(b"\r\n\r\n")
            name = NAME.search(head) if len(head) <= HEAD_BYTES_MAX else None
            if not head.startswith(b"\r\n") or name is None or name[1].decode() in fields:
                raise MultipartError("each part needs a name of its own")
            if name[1].decode() == FILE:
                return fields
            fields[name[1].decode()] = (await self._until(self._boundary)).decode("utf-8", "replace")
        raise MultipartError("a file is needed, behind at most some fields")

    async def file(self) -> AsyncIterator[bytes]:
        """The file's bytes, in pieces."""
        keep = len(self._boundary) - 1
        while (at := self._held.find(self._boundary)) < 0:
            if len(self._held) > keep:
                yield self._held[:-keep]
                self._held = self._held[-keep:]
            await self._fill()
        yield self._held[:at]
        self._held = self._held[at + len(self._boundary) :]
        if not (await self._more(2)).startswith(b"--"):
            raise MultipartError("the file is the last part of its form")

    async def _until(self, mark: bytes) -> bytes:
        """What stands before `mark`; both are taken."""
        while (at := self._held.find(mark)) < 0:
            if len(self._held) > BEFORE_BYTES_MAX:
                raise MultipartError("the fields before the file are too long")
            await self._fill()
        before, self._held = self._held[:at], self._held[at + len(mark) :]
        return before

    async def _more(self, count: int) -> bytes:
        while len(self._held) < count:
            await self._fill()
        return self._held

    async def _fill(self) -> None:
        more = await self._read()
        if not more:
            raise CutShortError("the form ends in the middle")
        self._held += more


async def drain(request: web.Request) -> None:
    """Read what is left of it, and drop it."""
    with contextlib.suppress(TimeoutError, ConnectionError, ClientError, web.RequestPayloadError):
        async with asyncio.timeout(DRAIN_S_MAX):
            async for _ in request.content.iter_any():
                pass
