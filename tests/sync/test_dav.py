"""A WebDAV server's answers, right, odd and hostile; no server of others is asked here (tests/integration/test_webdav.py)."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace

import pytest
from aiohttp import web

from gateway.way import Way
from sync.dav import Dav
from sync.files import Entry
from sync.model import Trouble, Why
from sync.net import Net
from sync.targets import make
from sync.targets.webdav import login
from tests.clouds import FOLDER, PASSWORD, USER, Owner, way
from tests.parcels import day

Reply = Callable[[web.Request, bytes], web.StreamResponse]
FORBIDDEN_HEADERS = ("If-Match", "If-None-Match", "If-Unmodified-Since", "If")


@dataclass
class There:
    url: str = ""
    asked: list[tuple[str, str, dict[str, str]]] = field(default_factory=list)


@asynccontextmanager
async def answering(reply: Reply) -> AsyncIterator[There]:
    there = There()

    async def handle(request: web.Request) -> web.StreamResponse:
        there.asked.append((request.method, request.raw_path, dict(request.headers)))
        return reply(request, await request.read())

    app = web.Application(client_max_size=1 << 24)
    app.router.add_route("*", "/{rest:.*}", handle)
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    there.url = f"http://127.0.0.1:{runner.addresses[0][1]}/dav/"
    try:
        yield there
    finally:
        await runner.cleanup()


@asynccontextmanager
async def dav(reply: Reply) -> AsyncIterator[Dav]:
    async with answering(reply) as there, Net("127.0.0.1", at_home=True) as net:
        yield Dav(net, there.url, login(USER, PASSWORD), FOLDER)


def listing(*entries: tuple[str, str], own: str = f"/dav/{FOLDER}/") -> web.Response:
    """A 207 with these hrefs and lengths; an empty length is a folder."""
    said = "".join(
        f"<D:response><D:href>{href}</D:href><D:propstat><D:prop>"
        + (
            f"<D:getcontentlength>{size}</D:getcontentlength>"
            if size
            else "<D:resourcetype><D:collection/></D:resourcetype>"
        )
        + "<D:getlastmodified>Thu, 01 Jan 1970 00:00:07 GMT</D:getlastmodified>"
        + "</D:prop><D:status>HTTP/1.1 200 OK</D:status></D:propstat></D:response>"
        for href, size in ((own, ""), *entries)
    )
    return multistatus(f'<?xml version="1.0"?><D:multistatus xmlns:D="DAV:">{said}</D:multistatus>')


def multistatus(text: str) -> web.Response:
    return web.Response(status=207, text=text, content_type="application/xml")


@pytest.mark.parametrize(
    "own", [f"/dav/{FOLDER}/", f"/dav/{FOLDER}", f"http://inside.example/x/{FOLDER}/", f"/behind/{FOLDER}/"]
)
async def test_names_are_read_as_they_are_and_a_server_may_know_itself_by_another_path(own: str) -> None:
    base = own.rstrip("/")
    names = {"a": "7", "100%25%20d'%C3%A9t%C3%A9": "8", "%22quoted%22 &amp; &lt;b&gt;": "9", "2025-01/": ""}
    there = listing(*((f"{base}/{name}", size) for name, size in names.items()), own=own)
    async with dav(lambda request, body: there) as place:
        assert await place.look("") == {
            "a": Entry(7, 7),
            "100% d'été": Entry(8, 7),
            '"quoted" & <b>': Entry(9, 7),
            "2025-01": Entry(None, 7, is_folder=True),
        }


async def test_a_name_with_a_slash_in_it_is_in_no_folder_of_ours() -> None:
    there = listing((f"/dav/{FOLDER}/..%2F..%2Fetc", "3"), (f"/dav/{FOLDER}/2025-01/deep", "3"))
    async with dav(lambda request, body: there) as place:
        found = await place.look("")
    assert found is not None
    assert all("/" in name for name in found)


ROWS = f'<D:multistatus xmlns:D="DAV:"><D:response><D:href>/dav/{FOLDER}/</D:href></D:response></D:multistatus>'
BOMB = f'<?xml version="1.0"?><!DOCTYPE b [<!ENTITY a "x"><!ENTITY b "&a;&a;&a;">]>{ROWS}'
OUTSIDE = f'<?xml version="1.0"?><!DOCTYPE b SYSTEM "file:///etc/passwd">{ROWS}'
ODD: dict[str, Callable[[], web.Response]] = {
    "a page": lambda: web.Response(text="<html>Log in, please</html>", content_type="text/html"),
    "a page as 207": lambda: multistatus("<html><p>Log in</html>"),
    "nothing": lambda: web.Response(status=207),
    "a list of nothing": lambda: multistatus('<D:multistatus xmlns:D="DAV:"/>'),
    "without addresses": lambda: multistatus('<D:multistatus xmlns:D="DAV:"><D:response/></D:multistatus>'),
    "of another namespace": lambda: multistatus(
        f"<multistatus><response><href>/dav/{FOLDER}/</href></response></multistatus>"
    ),
    "cut short": lambda: multistatus(f'<D:multistatus xmlns:D="DAV:"><D:response><D:href>/dav/{FOLDER}/</D:href>'),
    "entities": lambda: multistatus(BOMB),
    "a document type": lambda: multistatus(OUTSIDE),
    "another folder's": lambda: listing(own="/dav/other/"),
    "no address": lambda: listing(own="http://[x/"),
    "more than is read": lambda: web.Response(status=207, body=b" " * 4_000_001),
    "teapot": lambda: web.Response(status=418),
}


async def test_a_folder_with_more_in_it_than_can_be_ours_is_not_read_to_its_end(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("sync.dav.ENTRIES_MAX", 10)
    entries = [(f"/dav/{FOLDER}/{number}", "1") for number in range(10)]
    async with dav(lambda request, body: listing(*entries[:9])) as place:
        assert len(await place.look("") or {}) == 9
    async with dav(lambda request, body: listing(*entries)) as place:
        with pytest.raises(Trouble, match="more than 10 entries"):
            await place.look("")


@pytest.mark.parametrize("answer", ODD)
async def test_a_listing_that_is_none_is_odd_and_no_folder_that_is_empty(answer: str) -> None:
    async with dav(lambda request, body: ODD[answer]()) as place:
        with pytest.raises(Trouble) as trouble:
            await place.look("")
    assert trouble.value.why is Why.ODD
    assert PASSWORD not in str(trouble.value)


@pytest.mark.parametrize(
    ("status", "headers", "why", "wait_s"),
    [
        (401, {}, Why.REFUSED, None),
        (403, {}, Why.REFUSED, None),
        (413, {}, Why.FULL, None),
        (507, {}, Why.FULL, None),
        (423, {}, Why.BUSY, None),
        (429, {"Retry-After": "120"}, Why.BUSY, 120),
        (503, {"Retry-After": "Fri, 27 Nov 2026 12:00:00 GMT"}, Why.BUSY, None),
        (500, {}, Why.UNREACHABLE, None),
        (404, {}, Why.ODD, None),
        (302, {"Location": "http://192.168.1.1/"}, Why.MOVED, None),
        (301, {"Location": "/"}, Why.MOVED, None),
    ],
)
async def test_each_refusal_is_said_as_what_it_is(
    status: int, headers: dict[str, str], why: Why, wait_s: int | None
) -> None:
    async with dav(lambda request, body: web.Response(status=status, headers=headers, text="x")) as place:
        for call in (place.write("2025-01/a", b"x"), place.check()):
            with pytest.raises(Trouble) as trouble:
                await call
            assert (trouble.value.why, trouble.value.wait_s) == (why, wait_s)
            assert PASSWORD not in str(trouble.value)


async def test_a_server_that_drips_is_left_in_time(monkeypatch: pytest.MonkeyPatch) -> None:
    async def drip(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            writer.write(b"HTTP/1.1 207 Multi-Status\r\nContent-Length: 1000000\r\n\r\n")
            while True:
                writer.write(b"x")
                await writer.drain()
                await asyncio.sleep(0.01)
        except ConnectionError:
            pass
        finally:
            writer.close()

    monkeypatch.setattr("sync.dav.TOTAL_S_MAX", 0.1)
    async with await asyncio.start_server(drip, "127.0.0.1", 0) as server, Net("127.0.0.1", at_home=True) as net:
        place = Dav(net, f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/", login(USER, PASSWORD), FOLDER)
        with pytest.raises(Trouble) as trouble:
            await place.look("")
        assert trouble.value.why is Why.UNREACHABLE


class Small:
    """A WebDAV server that keeps what it is given, ignores preconditions, and cannot say where it is from outside."""

    def __init__(self, move: int = 502) -> None:
        self.files: dict[str, bytes] = {}
        self.folders = {"/dav"}
        self.move = move

    def reply(self, request: web.Request, body: bytes) -> web.StreamResponse:
        path = request.path.rstrip("/")
        above = path.rpartition("/")[0]
        match request.method:
            case "PROPFIND" if path in self.folders:
                inner = [
                    (each, str(len(content))) for each, content in self.files.items() if each.rpartition("/")[0] == path
                ]
                inner += [(f"{each}/", "") for each in self.folders if each.rpartition("/")[0] == path]
                return listing(*inner, own=f"{path}/")
            case "MKCOL":
                status = 405 if path in self.folders else 201 if above in self.folders else 409
                self.folders |= {path} if status == 201 else set()
                return web.Response(status=status)
            case "PUT" if above in self.folders:
                self.files[path] = body
                return web.Response(status=201)
            case "GET" if path in self.files:
                return web.Response(body=self.files[path])
            case "DELETE" if path in self.files:
                del self.files[path]
                return web.Response(status=204)
            case "MOVE":
                return web.Response(status=self.move)
        return web.Response(status=404)


@pytest.mark.parametrize("move", [400, 405, 501, 502])
async def test_a_server_that_moves_nothing_and_keeps_no_precondition_holds_the_files_all_the_same(move: int) -> None:
    server = Small(move)
    async with answering(server.reply) as there, Net("127.0.0.1", at_home=True) as net:
        target = make(way(there.url), {"password": PASSWORD}, Owner(), net)
        await target.open()
        await target.put([day(0), day(1)])
        await target.put([day(1, revision=1)])
        assert not [path for path in server.files if path.endswith(".new")]
        assert len([path for path in server.files if "/2025-01-0" in path]) == 2
        assert day(1, revision=1).document() in server.files.values()
    for method, _, headers in there.asked:
        assert not set(headers) & set(FORBIDDEN_HEADERS), method
        assert headers["Authorization"].startswith("Basic ")


@pytest.mark.parametrize(
    "address",
    [
        "https://camille:geheim@cloud.example/",
        "https://cloud.example/?token=geheim",
        "https://cloud.example/#geheim",
        "http://[geheim",
    ],
)
async def test_an_address_that_is_no_folders_is_refused_and_not_repeated(address: str) -> None:
    wrong: Way = replace(way("https://cloud.example/"), address=address)
    async with Net("cloud.example", at_home=False) as net:
        with pytest.raises(Trouble) as trouble:
            make(wrong, {"password": PASSWORD}, Owner(), net)
    assert "geheim" not in str(trouble.value)


def test_a_name_with_a_colon_cannot_be_logged_in_with() -> None:
    with pytest.raises(Trouble) as trouble:
        login("a:b", PASSWORD)
    assert trouble.value.why is Why.REFUSED


async def test_http_to_a_server_that_is_not_at_home_sends_no_password() -> None:
    async with answering(lambda request, body: web.Response()) as there, Net("127.0.0.1", at_home=False) as net:
        with pytest.raises(Trouble) as trouble:
            await make(way(there.url), {"password": PASSWORD}, Owner(), net).open()
        assert trouble.value.why is Why.FORBIDDEN
        assert there.asked == []
