"""A web server of a test's own: keeps what it was asked, and answers what the test says."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from aiohttp import web
from multidict import CIMultiDict


@dataclass(frozen=True)
class Asked:
    method: str
    path: str
    query: dict[str, str]
    headers: CIMultiDict[str]
    body: bytes


@dataclass
class There:
    """`url` is where it listens; `asked` what came."""

    url: str = ""
    asked: list[Asked] = field(default_factory=list)


Reply = Callable[[Asked], web.StreamResponse]


@asynccontextmanager
async def answering(reply: Reply) -> AsyncIterator[There]:
    there = There()

    async def handle(request: web.Request) -> web.StreamResponse:
        asked = Asked(
            request.method, request.path, dict(request.query), CIMultiDict(request.headers), await request.read()
        )
        there.asked.append(asked)
        return reply(asked)

    app = web.Application(client_max_size=16 * 2**20)
    app.router.add_route("*", "/{rest:.*}", handle)
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    assert site._server is not None
    port = site._server.sockets[0].getsockname()[1]  # type: ignore[attr-defined] # asyncio's own
    there.url = f"http://127.0.0.1:{port}"
    try:
        yield there
    finally:
        await runner.cleanup()


@asynccontextmanager
async def saying(*answers: bytes, ends: bool = True) -> AsyncIterator[str]:
    """Says each of these once it heard something more, and then ends the connection, or leaves it open."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            for answer in answers:
                await reader.read(65_536)
                writer.write(answer)
                await writer.drain()
            if not ends:
                await reader.read()
        except ConnectionError:
            pass
        finally:
            writer.close()

    async with await asyncio.start_server(serve, "127.0.0.1", 0) as server:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"


# What may stand where a cloud is expected; each with the status that a friendly one of a test answers beside it.
HOSTILE = {
    "a page": web.Response(text="<html>Log in, please</html>", content_type="text/html"),
    "an empty 200": web.Response(),
    "json of another kind": web.json_response([1, 2]),
    "json in depth": web.Response(text="[" * 100_000, content_type="application/json"),
    "a fault of its own": web.Response(status=500, text="oops"),
    "no such page": web.Response(status=404),
    "not allowed": web.Response(status=403),
    "not logged in": web.Response(status=401),
    "too much": web.Response(status=429, headers={"Retry-After": "120"}),
    "full": web.Response(status=507),
    "elsewhere": web.Response(status=302, headers={"Location": "http://192.168.1.1/"}),
    "to itself": web.Response(status=307, headers={"Location": "/"}),
}


def hostile(name: str) -> web.Response:
    """A response anew: aiohttp sends each once."""
    like = HOSTILE[name]
    return web.Response(status=like.status, body=like.body, headers=like.headers)
