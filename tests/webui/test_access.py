"""Who may read a box: names, other sites, forms, password, sessions."""

import asyncio
import re
from pathlib import Path

import pytest

from gateway.roles import Role
from tests.webui.home import Home, open_home, read
from webui import live
from webui.assets import Assets
from webui.auth import ADDRESSES_MAX, TRIES_FREE, WAIT_S_MAX, Patience
from webui.guard import host_allowed
from webui.roles import Gate
from webui.server import ROUTES, routes

PASSWORD = "correct horse"


async def set_up(home: Home, code: str | None = None, password: str = PASSWORD) -> int:
    form = read(await home.text("/setup")).fields
    fields = {**form, "code": code or home.access.setup_code or "", "password": password, "again": password}
    async with home.client.post("/setup", data=fields) as answer:
        return answer.status


async def log_in(home: Home, password: str) -> int:
    form = read(await home.text("/login")).fields
    async with home.client.post("/login", data={**form, "password": password}) as answer:
        return answer.status


async def log_out_here(home: Home) -> None:
    home.client.session.cookie_jar.clear()


async def test_every_route_has_a_role_and_only_the_table_gives_routes(home: Home) -> None:
    app = home.client.app
    assert app is not None
    listed = {(route.method, route.resource.canonical) for route in app.router.routes() if route.resource}
    assert listed == set(app[ROUTES])


def test_what_anybody_may_read_is_this_and_no_more() -> None:
    public = {(route.method, route.path) for route in routes(Assets()) if not route.roles & {*Role, Gate.KEEPER}}
    assert public == {
        ("GET", "/assets/{name}"), ("GET", "/api/v1/health"), ("GET", "/login"), ("POST", "/login"),
        ("GET", "/setup"), ("POST", "/setup"), ("GET", "/welcome"), ("GET", "/recover"), ("POST", "/welcome"),
        ("GET", "/api/v1/granted"), ("GET", "/api/v1/granted/readings"),  # with an app's token
    }  # fmt: skip


async def test_without_a_password_set_every_page_leads_to_the_setup(new_box: Home) -> None:
    for path in ("/", "/meters", "/history/x", "/data", "/settings", "/login"):
        async with new_box.client.get(path) as answer:
            assert answer.url.path == "/setup", path


async def test_no_page_and_no_answer_is_given_without_login(new_box: Home) -> None:
    assert await set_up(new_box) == 200
    await log_out_here(new_box)
    for route in routes(Assets()):
        path = re.sub(r"\{\w+\}", "x", route.path)
        if not route.roles & {*Role, Gate.KEEPER}:
            continue
        async with new_box.client.request(route.method, path, allow_redirects=False) as answer:
            if path.startswith("/api/"):
                assert answer.status == 401, path
            else:
                assert (answer.status, answer.headers["Location"].startswith("/login")) == (303, True), path


async def test_the_printed_code_and_a_password_open_the_box(new_box: Home) -> None:
    assert await set_up(new_box) == 200
    assert new_box.access.setup_code is None
    assert "Aucun compteur" in await new_box.text("/")


async def test_a_wrong_code_opens_nothing(new_box: Home) -> None:
    assert await set_up(new_box, code="0000-000x") == 422
    assert not new_box.access.password_set


async def test_the_code_is_used_once(new_box: Home) -> None:
    code = new_box.access.setup_code
    await set_up(new_box)
    await log_out_here(new_box)
    async with new_box.client.get("/setup") as answer:
        assert answer.url.path == "/login"
    assert not new_box.access.code_fits(code or "")


@pytest.mark.parametrize(("first", "second"), [("short", "short"), ("long enough", "long enougj")])
async def test_a_weak_or_mistyped_password_is_not_taken(new_box: Home, first: str, second: str) -> None:
    form = read(await new_box.text("/setup")).fields
    fields = {**form, "code": new_box.access.setup_code or "", "password": first, "again": second}
    async with new_box.client.post("/setup", data=fields) as answer:
        assert answer.status == 422
    assert not new_box.access.password_set


@pytest.mark.parametrize(
    ("code", "first", "second", "field"),
    [("1234", "long enough", "long enough", "code"), (None, "short", "short", "password"), (None, "long enough", "long enougj", "again")],
)  # fmt: skip
async def test_a_setup_form_comes_back_with_the_code_and_the_field_to_type_again(
    new_box: Home, code: str | None, first: str, second: str, field: str
) -> None:
    typed = code or new_box.access.setup_code or ""
    form = read(await new_box.text("/setup")).fields
    async with new_box.client.post(
        "/setup", data={**form, "code": typed, "password": first, "again": second}
    ) as answer:
        page = await answer.text()
    assert read(page).fields["code"] == typed
    assert first not in page
    (wrong,) = re.findall(
        r'<input id="(\w+)"[^>]* aria-invalid="true" aria-describedby="[^"]*\bfault" autofocus>', page
    )
    assert wrong == field


async def test_wrong_passwords_have_to_wait_longer_and_longer(new_box: Home) -> None:
    await set_up(new_box)
    await log_out_here(new_box)
    for _ in range(TRIES_FREE):
        assert await log_in(new_box, "wrong wrong") == 403
    assert await log_in(new_box, PASSWORD) == 429  # not even the right one is looked at
    new_box.clock.at += 3
    assert await log_in(new_box, "wrong wrong") == 403
    new_box.clock.at += 3
    assert await log_in(new_box, PASSWORD) == 429
    new_box.clock.at += 3
    assert await log_in(new_box, PASSWORD) == 200


def test_patience_is_bounded_in_time_and_in_memory() -> None:
    patience = Patience()
    for _ in range(40):
        patience.failed("2001:db8::1", 0.0)
    assert patience.wait_s("2001:db8::2", 0.0) == WAIT_S_MAX  # one IPv6 network, one patience
    assert patience.wait_s("192.0.2.1", 0.0, known=True) == 0
    for host in range(ADDRESSES_MAX + 10):
        patience.failed(f"10.0.{host // 256}.{host % 256}", 1.0)
    assert len(patience._of[Role.OCCUPANT]._failures) == ADDRESSES_MAX


async def test_the_password_stays_after_a_restart_and_is_not_in_the_file(tmp_path: Path) -> None:
    async with open_home(tmp_path, password=True) as home:
        await set_up(home)
    assert PASSWORD.encode() not in (tmp_path / "ledger.db").read_bytes()
    async with open_home(tmp_path, password=True) as home:
        assert home.access.setup_code is None
        assert await log_in(home, PASSWORD) == 200


async def test_a_session_ends_when_idle_and_when_old(new_box: Home) -> None:
    await set_up(new_box)
    known = []
    for _ in range(8):
        new_box.clock.at += 25 * 86400
        async with new_box.client.get("/", allow_redirects=False) as answer:
            known.append(answer.status == 200)
    assert known == [True] * 7 + [False]  # 200 days are more than 180, however often it was used
    assert await log_in(new_box, PASSWORD) == 200
    new_box.clock.at += 31 * 86400
    async with new_box.client.get("/", allow_redirects=False) as answer:
        assert answer.status == 303


async def test_the_cookie_is_out_of_reach_of_scripts_and_other_sites(new_box: Home) -> None:
    form = read(await new_box.text("/setup")).fields
    fields = {**form, "code": new_box.access.setup_code or "", "password": PASSWORD, "again": PASSWORD}
    async with new_box.client.post("/setup", data=fields, allow_redirects=False) as answer:
        cookie = next(value for value in answer.headers.getall("Set-Cookie") if value.startswith("releve_session="))
    assert "HttpOnly" in cookie
    assert "SameSite=Lax" in cookie
    token = cookie.partition("=")[2].partition(";")[0]
    sessions = await new_box.access.sessions()
    assert len(sessions) == 1
    assert token not in repr(sessions)


async def test_a_lost_phone_is_logged_out_from_another_browser(new_box: Home) -> None:
    await set_up(new_box)
    await new_box.access.open_session("192.0.2.7", "the lost phone")
    page = read(await new_box.text("/settings"))
    assert "the lost phone" in page.text
    lost = next(session for session in await new_box.access.sessions() if session.agent == "the lost phone")
    async with new_box.client.post(
        "/settings/sessions", data={"token": page.fields["token"], "session": str(lost.id)}
    ) as answer:
        assert answer.status == 200
    assert [session.agent for session in await new_box.access.sessions()] != ["the lost phone"]
    assert len(await new_box.access.sessions()) == 1


async def test_a_logged_out_listener_hears_no_more(new_box: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(live, "PING_S", 0.02)
    await set_up(new_box)
    async with new_box.client.get("/api/v1/live") as answer:
        await answer.content.readuntil(b"\n\n")
        for session in await new_box.access.sessions():
            await new_box.access.end_session(session.id)
        new_box.clock.at += 1
        assert await asyncio.wait_for(answer.content.read(), 5) is not None  # the stream has an end


async def test_a_new_password_logs_everybody_else_out(new_box: Home) -> None:
    await set_up(new_box)
    await new_box.access.open_session("192.0.2.7", "another browser")
    form = read(await new_box.text("/settings")).fields
    fields = {"token": form["token"], "current": PASSWORD, "password": "battery staple", "again": "battery staple"}
    async with new_box.client.post("/settings/password", data=fields) as answer:
        assert (answer.status, answer.url.path) == (200, "/settings")
    assert len(await new_box.access.sessions()) == 1
    await log_out_here(new_box)
    assert await log_in(new_box, PASSWORD) == 403
    assert await log_in(new_box, "battery staple") == 200


async def test_logging_out_ends_the_session_on_the_box_too(new_box: Home) -> None:
    await set_up(new_box)
    form = read(await new_box.text("/settings")).fields
    async with new_box.client.post("/logout", data={"token": form["token"]}) as answer:
        assert answer.url.path == "/login"
    assert await new_box.access.sessions() == []


@pytest.mark.parametrize("follow", ["//evil.example", "https://evil.example", "/\\evil.example", "\\\\evil", "/a\nb"])
async def test_a_login_never_leads_to_another_site(new_box: Home, follow: str) -> None:
    await set_up(new_box)
    await log_out_here(new_box)
    form = read(await new_box.text("/login")).fields
    async with new_box.client.post(
        "/login", data={**form, "next": follow, "password": PASSWORD}, allow_redirects=False
    ) as answer:
        assert answer.headers["Location"] == "/"


@pytest.mark.parametrize(
    ("host", "ours"),
    [
        ("127.0.0.1:8080", True), ("192.168.1.20", True), ("[fe80::1]:8080", True), ("localhost:1", True),
        ("releve.local", True), ("RELEVE.local.:8080", True), ("evil.example", False), ("127.0.0.1.evil.example", False),
        ("releve.local.evil.example", False), ("", False), ("[::1", False), ("127.1", False),
    ],
)  # fmt: skip
def test_only_an_address_or_a_name_of_ours_is_answered(host: str, ours: bool) -> None:
    assert host_allowed(host, frozenset({"releve.local"})) is ours


@pytest.mark.parametrize("path", ["/", "/assets/x", "/api/v1/points", "/api/v1/health", "/nowhere"])
async def test_a_foreign_name_that_points_here_gets_nothing(home: Home, path: str) -> None:
    async with home.client.get(path, headers={"Host": "evil.example"}) as answer:
        assert answer.status == 421
        assert "Maison" not in await answer.text()
        assert answer.headers["X-Content-Type-Options"] == "nosniff"


@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": "http://evil.example"},
        {"Origin": "null"},
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
    ],
)
async def test_another_sites_form_changes_nothing(home: Home, headers: dict[str, str]) -> None:
    fields = read(await home.text("/meters")).fields
    async with home.client.post(
        "/meters/name", data={**fields, "point": "maison", "name": "x"}, headers=headers
    ) as answer:
        assert answer.status == 403
    async with home.client.post("/api/v1/adopt", json={"address": "a", "name": "b"}, headers=headers) as answer:
        assert answer.status == 403
    async with home.client.get("/api/v1/live", headers=headers) as answer:
        assert answer.status == 403


async def test_a_form_without_its_token_changes_nothing(home: Home) -> None:
    await home.text("/meters")
    for token in ("", "0" * 64):
        async with home.client.post("/meters/name", data={"token": token, "point": "maison", "name": "x"}) as answer:
            assert answer.status == 403
    view = home.house.point("maison")
    assert view is not None
    assert view.point.name == "Maison"


async def test_the_form_of_one_browser_is_of_no_use_to_another(home: Home) -> None:
    token = read(await home.text("/meters")).fields["token"]
    home.client.session.cookie_jar.clear()
    await home.text("/meters")
    async with home.client.post("/meters/name", data={"token": token, "point": "maison", "name": "x"}) as answer:
        assert answer.status == 403


async def test_a_form_that_is_too_long_is_refused(home: Home) -> None:
    async with home.client.post("/meters/name", data={"name": "x" * 100_000}) as answer:
        assert answer.status == 413


async def test_assets_last_and_pages_do_not(home: Home) -> None:
    page = await home.text("/")
    for path in re.findall(r'"(/assets/[^"]+)"', page):
        async with home.client.get(path) as answer:
            assert answer.status == 200
            assert "immutable" in answer.headers["Cache-Control"]
            assert "text/plain" not in answer.headers["Content-Type"]
