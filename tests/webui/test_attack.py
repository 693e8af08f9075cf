"""What somebody on the home's network may send, and what it must not do to the box."""

import asyncio
import gzip
import json
import resource
from pathlib import Path

import pytest
from aiohttp.test_utils import TestServer

from drivers.model import Quantity
from gateway.model import Point, SeriesKey
from tests.webui.home import Home, read
from tests.webui.test_access import log_out_here, set_up
from webui import server
from webui.guard import HEADERS, host_allowed


async def say(home: Home, text: bytes, end: bytes = b"") -> bytes:
    """The answer, up to `end`, to bytes that no well-behaved client would send."""
    assert isinstance(home.client.server, TestServer)
    reader, writer = await asyncio.open_connection("127.0.0.1", home.client.server.port)
    try:
        writer.write(text)
        return await asyncio.wait_for(reader.readuntil(end) if end else reader.read(), 5)
    finally:
        writer.close()


def ask(target: str, host: str, method: str = "GET", more: str = "") -> bytes:
    return f"{method} {target} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n{more}\r\n".encode()


@pytest.mark.parametrize(
    "host",
    ["127.0.0.1:abc", "127.0.0.1:99999999", "releve.local:80:90", "a@127.0.0.1", "127.0.0.1/x", "127.0.0.1#evil", "[1"],
)
async def test_a_host_that_no_browser_sends_is_refused_with_every_protection(home: Home, host: str) -> None:
    answer = await say(home, ask("/", host))
    assert answer.startswith(b"HTTP/1.1 421 ")
    for name, value in HEADERS.items():
        assert f"{name}: {value}".encode() in answer
    assert b"aiohttp" not in answer


def test_an_address_may_carry_a_port_and_a_scope_and_nothing_else() -> None:
    for host in ("192.168.1.20:", "[fe80::1%25eth0]:8080", "[::ffff:192.168.1.20]", "localhost."):
        assert host_allowed(host, frozenset()), host
    for host in ("releve.local..", "[fe80::1%25eth0]x", "[::1]:65536", "::1", "2130706433", "0x7f.1", "١٢٧.0.0.1"):
        assert not host_allowed(host, frozenset({"releve.local"})), host


async def test_a_target_that_names_another_site_is_refused_whatever_the_host_says(home: Home) -> None:
    assert (await say(home, ask("http://evil.example/", "127.0.0.1"))).startswith(b"HTTP/1.1 421 ")
    assert (await say(home, ask("http://127.0.0.1/", "127.0.0.1"))).startswith(b"HTTP/1.1 200 ")


async def test_an_origin_that_is_no_address_is_another_site(home: Home) -> None:
    async with home.client.post("/api/v1/adopt", json={}, headers={"Origin": "http://[bad"}) as answer:
        assert answer.status == 403


async def test_cookies_of_stray_bytes_are_no_session_and_no_bug(new_box: Home) -> None:
    await set_up(new_box)
    for path, status in (("/", b"303"), ("/login", b"200")):
        cookie = b"Cookie: releve_session=\xff\xfe; releve_browser=\xff\xfe\r\n"
        answer = await say(new_box, ask(path, "127.0.0.1")[:-2] + cookie + b"\r\n")
        assert answer.startswith(b"HTTP/1.1 " + status)


FORM = "application/x-www-form-urlencoded"


@pytest.mark.parametrize(
    ("kind", "body", "status"),
    [
        (FORM + "; charset=bogus", b"a=b", 415),
        (FORM + "; charset=utf-16", b"a=b", 415),
        (FORM + "; charset=UTF-8", b"a=b", 403),
        (FORM, b"a=\xff\xfe", 400),
        (FORM, b"a=%ff&token=%ed%a0%80", 403),
        ("multipart/form-data", b"a=b", 415),
        ("multipart/form-data; boundary=x", b"garbage", 415),
        ("multipart/form-data; boundary=x", b'--x\r\nContent-Disposition: form-data; name="a"\r\n\r\nzz', 415),
        ("text/plain", b"token=x", 415),
    ],
)
async def test_a_body_that_is_no_form_of_ours_is_refused_before_login_and_is_no_bug(
    new_box: Home, kind: str, body: bytes, status: int
) -> None:
    await new_box.text("/setup")
    async with new_box.client.post("/setup", data=body, headers={"Content-Type": kind}) as answer:
        assert answer.status == status


@pytest.mark.parametrize("coding", ["gzip", "deflate"])
async def test_a_body_that_cannot_be_unpacked_is_refused(new_box: Home, coding: str) -> None:
    head = f"Content-Encoding: {coding}\r\nContent-Type: {FORM}\r\nContent-Length: 4\r\n"
    answer = await say(new_box, ask("/setup", "127.0.0.1", "POST", head) + b"zzzz")
    assert answer.split(b" ", 2)[1] == b"400"


async def test_a_packed_body_is_measured_unpacked(new_box: Home) -> None:
    packed = gzip.compress(b"a" * 20_000_000)
    assert len(packed) < server.FORM_BYTES_MAX
    headers = {"Content-Encoding": "gzip", "Content-Type": FORM}
    async with new_box.client.post("/setup", data=packed, headers=headers) as answer:
        assert answer.status == 413


async def test_a_form_that_trickles_in_does_not_hold_a_connection(
    new_box: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(server, "FORM_S_MAX", 0.05)
    head = f"Content-Type: {FORM}\r\nContent-Length: 400\r\n"
    answer = await say(new_box, ask("/setup", "127.0.0.1", "POST", head) + b"a", end=b"\r\n")
    assert answer.startswith(b"HTTP/1.1 408 ")


@pytest.mark.parametrize(
    ("kind", "body"),
    [
        ("application/json", b"[" * 60_000),
        ("application/json", b'{"a":' * 10_000),
        ("application/json", b'{"name":' + b"1" * 6000 + b"}"),
        ("application/json", b"{"),
        ("application/json", b"\xff\xfe{"),
    ],
)
async def test_json_that_is_none_is_refused_in_one_sentence(home: Home, kind: str, body: bytes) -> None:
    async with home.client.post("/api/v1/adopt", data=body, headers={"Content-Type": kind}) as answer:
        assert (answer.status, answer.content_type) == (400, "application/problem+json")


@pytest.mark.parametrize("session", ["9" * 30, "9" * 5000, "-1", "١x"])
async def test_a_session_number_out_of_all_measure_is_nobodys(home: Home, session: str) -> None:
    token = read(await home.text("/meters")).fields["token"]
    async with home.client.post("/settings/sessions", data={"token": token, "session": session}) as answer:
        assert answer.status == 404


async def test_a_stranger_is_not_told_what_ails_the_box(new_box: Home, tmp_path: Path) -> None:
    await set_up(new_box)
    await new_box.text("/login")
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    log = (tmp_path / "series.db-wal").read_bytes().rstrip(b"\0")  # it has its room from the start
    resource.setrlimit(resource.RLIMIT_FSIZE, (len(log), hard))
    try:
        new_box.house.store.add([Point(SeriesKey("maison", "EAST"), Quantity.ENERGY, new_box.clock.at, 1)])
        assert not new_box.house.store.commit()
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    page = await new_box.text("/")
    assert "Le boîtier montre des relevés qu’il ne peut pas garder pour l’instant." in page
    assert "Sa carte mémoire" in page
    assert "series.db" in page  # for whoever repairs
    await log_out_here(new_box)
    assert set(json.loads(await new_box.text("/api/v1/health"))) == {"now", "dating", "saved_to", "status"}
    for path, status in (("/login", 200), ("/nowhere", 404)):
        page = await new_box.text(path, status)
        assert "series.db" not in page
        assert new_box.house.dwelling_name not in page
