"""Who may do what: every route asked by every role, and what no page says to whom it is not for."""

import re
import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from decimal import Decimal
from pathlib import Path

import pytest

from drivers.model import Quantity, Reading, State, Telegram
from gateway.grants import By
from gateway.roles import Role
from gateway.standing import Standing
from tests.webui.home import LINKY, Home, open_home, read, say, speak
from webui import live
from webui.assets import Assets
from webui.page import SESSION_COOKIE
from webui.roles import FIRST, Gate
from webui.server import Route, routes

# The table of docs/people.md, a letter for each who may: Occupant, Guest, Installer, Landlord; Keeper: an installer or a
# landlord while nobody lives here; Public, Setup, app with a grant (T for its token).
TABLE = """
GET /assets/{name} P
GET /api/v1/health P
GET /setup S
POST /setup S
GET /login P
POST /login P
GET /welcome P
GET /recover P
POST /welcome P
POST /logout OGIL
GET / O
GET /alerts O
POST /alerts/seen O
POST /alerts/snooze O
POST /alerts/least O
GET /alerts/reach O
GET /alerts/reach/{kind} O
POST /alerts/reach O
POST /alerts/reach/given O
POST /alerts/trial O
POST /alerts/quiet O
GET /week O
GET /away O
POST /away O
POST /away/back O
POST /away/told O
GET /frost O
POST /frost O
POST /alerts/habit O
GET /leak/{story} O
POST /leak/{story} O
POST /leak/{story}/price O
GET /leak/{story}/letter O
GET /now OG
GET /state OL
GET /people O
POST /people/add O
POST /people/end O
GET /handover K
POST /handover K
GET /history O
GET /history/{point} O
GET /meters OI
GET /meters/add OI
POST /meters/add OI
GET /meters/added OI
POST /meters/key OI
POST /meters/keys OI
POST /meters/name OI
POST /meters/apart OI
POST /meters/uncount O
GET /meters/dial OI
POST /meters/dial OI
POST /meters/dial/correct OI
POST /meters/dial/undo O
GET /meters/find OI
POST /meters/find/modbus OI
GET /meters/cable OI
POST /meters/cable/listen OI
POST /meters/cable/stop OI
POST /meters/cable/add OI
POST /meters/cable/drop OI
GET /meters/device OI
POST /meters/device/add OI
POST /meters/device/drop OI
GET /meters/broker OI
POST /meters/broker/add OI
POST /meters/broker/drop OI
GET /meters/broker/map OI
POST /meters/broker/keep OI
GET /meters/bus OI
POST /meters/bus/read OI
POST /meters/bus/keep OI
POST /meters/bus/search OI
POST /meters/bus/stop OI
POST /meters/bus/drop OI
GET /meters/wire OI
POST /meters/wire/read OI
POST /meters/wire/keep OI
POST /meters/wire/search OI
POST /meters/wire/stop OI
POST /meters/wire/drop OI
GET /analyze OI
POST /analyze OI
GET /import O
POST /import O
POST /import/undo O
GET /import/{id} O
POST /import/{id} O
GET /data O
GET /data/give O
POST /data/give O
POST /data/given O
GET /data/send O
GET /data/send/{to} O
GET /data/connect/{grant} O
POST /data/connect/{grant} O
POST /data/withdraw O
POST /data/pause O
POST /data/now O
POST /data/again O
POST /data/leave O
GET /data/grant/{grant} O
GET /data/grant/{grant}/receipt O
GET /data/releve_csv.py O
GET /data/export O
POST /data/erase O
GET /data/ledger O
GET /data/ledger/file O
GET /leave O
POST /leave O
POST /leave/targets O
POST /box/time OI
GET /box/wifi OI
POST /box/wifi OI
GET /box OI
POST /box/seen O
POST /box/notice O
GET /box/update O
POST /box/update O
POST /box/update/install O
POST /box/update/drop O
GET /box/backup O
POST /box/backup O
POST /box/backup/file O
POST /box/backup/bring O
POST /box/backup/drop O
POST /box/backup/erase O
GET /box/reset O
POST /box/reset O
GET /about OI
GET /about/{name} OI
GET /settings OGIL
POST /settings/password OIL
POST /settings/sessions OGIL
GET /api/v1/points O
GET /api/v1/points/{id}/consumption O
GET /api/v1/points/{id}/files O
GET /api/v1/series/{key}/curve O
GET /api/v1/alerts O
GET /api/v1/heard OI
GET /api/v1/ports OI
POST /api/v1/adopt OI
GET /api/v1/live OGI
GET /api/v1/granted T
GET /api/v1/granted/readings T
"""
LETTERS: dict[str, Role | Gate] = {"O": Role.OCCUPANT, "G": Role.GUEST, "I": Role.INSTALLER, "L": Role.LANDLORD}
LETTERS |= {"K": Gate.KEEPER, "P": Gate.PUBLIC, "S": Gate.SETUP, "T": Gate.GRANT}
ROUTES = routes(Assets())
WORD = "correct horse"
BY = By("a browser", "192.0.2.1")


def named(route: Route) -> str:
    return f"{route.method} {route.path}"


def test_every_route_lets_in_whom_the_table_says_and_no_other() -> None:
    table = {
        f"{method} {path}": {LETTERS[letter] for letter in letters}
        for method, path, letters in (line.split() for line in TABLE.strip().splitlines())
    }
    assert {named(route): set(route.roles) for route in ROUTES} == table
    assert all(route.roles for route in ROUTES)


def copy(furnished: Path, folder: Path) -> None:
    shutil.copytree(furnished, folder, dirs_exist_ok=True)


@asynccontextmanager
async def peopled(folder: Path, *, vacant: bool = False, stands: Standing | None = None) -> AsyncIterator[Home]:
    """A furnished home with an account of each role; `vacant`: nobody lives there."""
    async with open_home(folder, password=True, stands=stands) as home:
        speak(home.house, home.clock)
        people = home.access.people
        first = Role.LANDLORD if vacant else Role.OCCUPANT
        for role in (first, *(role for role in Role if role is not first and not (vacant and role is Role.OCCUPANT))):
            await people.add(role, f"hash of {role}", home.clock.at, first=role is first)
        yield home


async def cookie(home: Home, role: Role | None) -> dict[str, str]:
    """What a browser of somebody with this role sends; None: nobody is logged in."""
    if role is None:
        return {}
    account = home.access.people.of(role)
    assert account is not None
    return {SESSION_COOKIE: await home.access.open_session("192.0.2.1", f"browser of {role}", account)}


def path_of(route: Route) -> str:
    """Its path for a thing that is there, where it is one of the home."""
    known = {"point": "maison", "id": "maison", "key": "maison:EAST", "name": "releve.css"}
    return re.sub(r"\{(\w+)\}", lambda found: known.get(found[1], "x"), route.path)


@pytest.fixture(scope="module")
def asked_alone() -> list[Route]:
    """All that a person asks for; an app's two and the stream that does not end are asked elsewhere."""
    return [route for route in ROUTES if Gate.GRANT not in route.roles and route.path != "/api/v1/live"]


@pytest.mark.parametrize("vacant", [False, True])
@pytest.mark.parametrize("role", [*Role, None])
async def test_every_route_refuses_every_role_that_it_does_not_name(
    tmp_path: Path, furnished: Path, asked_alone: list[Route], role: Role | None, vacant: bool
) -> None:
    if vacant and role is Role.OCCUPANT:
        role = None
    copy(furnished, tmp_path)
    async with peopled(tmp_path, vacant=vacant) as home:
        cookies = await cookie(home, role)
        keeper = vacant and role in (Role.INSTALLER, Role.LANDLORD)
        may_as = {role, Gate.PUBLIC} | ({Role.INSTALLER, Gate.KEEPER} if keeper else set())
        for route in asked_alone:
            async with home.client.request(
                route.method, path_of(route), cookies=cookies, allow_redirects=False
            ) as answer:
                led_to, status = answer.headers.get("Location", ""), answer.status
            if set(route.roles) & may_as:
                # Past the gate: a page, a form that lacks its token, or another page of its own.
                assert status in (200, 303, 400, 403, 404, 415), named(route)
                assert not led_to.startswith("/login"), named(route)
                if status == 403:
                    assert route.method == "POST", named(route)
            elif Gate.SETUP in route.roles:
                assert (status, led_to) == (303, "/login")
            elif role is None:
                assert status == 401 if route.path.startswith("/api/") else led_to.startswith("/login"), named(route)
            elif named(route) == "GET /":
                assert (status, led_to) == (303, FIRST[role])
            else:
                assert status == 403, named(route)
                assert "Set-Cookie" not in answer.headers or "session" not in answer.headers["Set-Cookie"]


async def test_a_form_of_somebody_else_is_refused_before_it_is_read(tmp_path: Path, furnished: Path) -> None:
    copy(furnished, tmp_path)
    async with peopled(tmp_path) as home:
        for role in (Role.GUEST, Role.INSTALLER, Role.LANDLORD):
            cookies = await cookie(home, role)
            token = read(await home.text("/settings", cookies=cookies)).fields["token"]
            fields = {"token": token, "point": "maison", "what": "all", "sure": "yes", "role": "guest", "name": "x"}
            for path in ("/data/erase", "/people/add", "/people/end", "/data/withdraw"):
                async with home.client.post(path, data=fields, cookies=cookies) as answer:
                    assert answer.status == 403
                    assert "pour qui habite ici" in await answer.text(), path
        assert home.house.store.series()


async def test_no_page_of_another_role_says_a_reading_of_the_past(tmp_path: Path, furnished: Path) -> None:
    """Nor an index to a guest; nor any value, name or moment to a landlord."""
    copy(furnished, tmp_path)
    async with peopled(tmp_path) as home:
        index, level = "5\N{NARROW NO-BREAK SPACE}800", "640"
        for role, pages in ((Role.GUEST, ["/now", "/settings"]), (Role.LANDLORD, ["/state", "/settings"])):
            cookies = await cookie(home, role)
            for path in pages:
                text = await home.text(path, cookies=cookies)
                shown = read(text).text
                assert "/history" not in text
                assert index not in shown
                assert (level in shown) == (path == "/now"), path
                assert ("Maison" in shown) == (path == "/now"), path
        cookies = await cookie(home, Role.INSTALLER)
        for path in ("/meters", "/box", "/analyze", "/meters/find", "/settings", "/meters/added?point=maison"):
            text = await home.text(path, cookies=cookies)
            assert "/history" not in text, path
            assert level not in read(text).text, path
        assert "drum" in await home.text("/meters", cookies=cookies)  # the index, to compare with the dial


async def heard_by(home: Home, role: Role) -> str:
    """What the stream of live values says to this role while the Linky says its index and its power."""
    async with home.client.get("/api/v1/live", cookies=await cookie(home, role)) as answer:
        assert answer.status == 200
        await answer.content.readuntil(b": open\n\n")
        energy = Decimal(1_000_000 + 250 * (400 * 48 + 1) + 1 + list(Role).index(role))
        readings = (
            Reading("EAST", Quantity.ENERGY, energy, main=True),
            Reading("SINSTS", Quantity.POWER, Decimal(640), main=True),
        )
        say(home.house, "linky", Telegram(LINKY, State.DECODED, readings=readings))
        return (await answer.content.readuntil(b": ping\n\n")).decode()


async def test_the_stream_of_live_values_says_to_each_what_is_theirs(
    tmp_path: Path, furnished: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(live, "PING_S", 0.05)
    copy(furnished, tmp_path)
    async with peopled(tmp_path) as home:
        heard = {role: await heard_by(home, role) for role in (Role.OCCUPANT, Role.GUEST, Role.INSTALLER)}
        said = {role: re.findall('"series": "(maison:[A-Z]+)', each) for role, each in heard.items()}
        assert said == {
            Role.OCCUPANT: ["maison:EAST", "maison:SINSTS"],
            Role.GUEST: ["maison:SINSTS"],
            Role.INSTALLER: [],
        }
        async with home.client.get("/api/v1/live", cookies=await cookie(home, Role.LANDLORD)) as answer:
            assert answer.status == 403


async def test_an_installers_time_is_over_when_it_is_said(tmp_path: Path) -> None:
    async with open_home(tmp_path, password=True) as home:
        await home.access.set_up(Role.OCCUPANT, WORD)
        page = await sent(home, Role.OCCUPANT, "/people", "/people/add", role="installer", name="Zoé", lasts="86400")
        (password,) = read(page).code
        account = await home.access.account(Role.INSTALLER, password)
        assert account is not None
        cookies = {SESSION_COOKIE: await home.access.open_session("192.0.2.1", "a phone", account)}
        await home.text("/meters", cookies=cookies)
        home.clock.at += 86_400
        assert await home.access.account(Role.INSTALLER, password) is None
        async with home.client.get("/meters", cookies=cookies, allow_redirects=False) as answer:
            assert answer.headers["Location"].startswith("/login")
        assert "Son temps est écoulé" in await home.text("/people", cookies=await cookie(home, Role.OCCUPANT))


async def sent(home: Home, who: Role, page: str, path: str, /, **fields: str) -> str:
    """A form of `page`, sent as somebody with this role: the page that comes of it."""
    cookies = await cookie(home, who)
    token = read(await home.text(page, cookies=cookies)).fields["token"]
    async with home.client.post(path, data={"token": token, **fields}, cookies=cookies) as answer:
        assert answer.status == 200, await answer.text()
        return await answer.text()


async def test_who_is_let_out_is_out_on_every_browser_and_the_ledger_says_so(tmp_path: Path) -> None:
    async with open_home(tmp_path, password=True) as home:
        await home.access.set_up(Role.OCCUPANT, WORD)
        await sent(home, Role.OCCUPANT, "/people", "/people/add", role="guest", name="Mamie")
        guest = await cookie(home, Role.GUEST)
        await home.text("/now", cookies=guest)
        again = await home.access.let_in(Role.GUEST, "another", None, BY)
        assert again is None  # one of each: no second one takes the first one's place
        await sent(home, Role.OCCUPANT, "/people", "/people/end", role="guest")
        async with home.client.get("/now", cookies=guest, allow_redirects=False) as answer:
            assert answer.status == 303
        said = read(await home.text("/data/ledger", cookies=await cookie(home, Role.OCCUPANT))).text
        assert "Mamie peut entrer (Invité" in said
        assert "L’accès de Mamie a pris fin" in said


async def test_the_household_sees_every_browser_and_others_only_their_own(tmp_path: Path) -> None:
    async with peopled(tmp_path) as home:
        for role in Role:
            await cookie(home, role)
        everything = await home.text("/settings", cookies=await cookie(home, Role.OCCUPANT))
        assert all(f"browser of {role}" in everything for role in Role)
        cookies = await cookie(home, Role.GUEST)
        page = await home.text("/settings", cookies=cookies)
        assert "browser of guest" in page
        assert not any(f"browser of {role}" in page for role in Role if role is not Role.GUEST)
        theirs = next(session for session in await home.access.sessions() if session.role is Role.OCCUPANT)
        fields = {"token": read(page).fields["token"], "session": str(theirs.id)}
        async with home.client.post("/settings/sessions", data=fields, cookies=cookies):
            pass
        assert theirs.id in [session.id for session in await home.access.sessions()]


async def test_a_login_while_its_account_ends_opens_nothing(tmp_path: Path) -> None:
    """Neither as itself nor as whoever has the role next."""
    async with open_home(tmp_path, password=True) as home:
        await home.access.set_up(Role.OCCUPANT, WORD)
        password = await home.access.let_in(Role.GUEST, "Mamie", None, BY)
        assert password is not None
        looked_at = await home.access.account(Role.GUEST, password)
        assert looked_at is not None
        await home.access.let_out(Role.GUEST, BY)
        await home.access.let_in(Role.INSTALLER, "Zoé", 86_400, BY)
        token = await home.access.open_session("192.0.2.1", "a phone", looked_at)
        assert await home.access.session(token) is None


async def test_a_guests_password_gives_no_more_tries_at_the_households(tmp_path: Path) -> None:
    async with open_home(tmp_path, password=True) as home:
        await home.access.set_up(Role.OCCUPANT, WORD)
        guests = await home.access.let_in(Role.GUEST, "Mamie", None, BY)
        assert guests is not None
        statuses = []
        for _ in range(4):
            statuses.append(await log_in(home, "occupant", "wrong wrong"))
            assert await log_in(home, "guest", guests) == 200
        assert statuses == [403, 403, 403, 429]


async def log_in(home: Home, who: str, password: str) -> int:
    home.client.session.cookie_jar.clear()
    form = read(await home.text("/login")).fields
    async with home.client.post("/login", data={**form, "who": who, "password": password}) as answer:
        return answer.status
