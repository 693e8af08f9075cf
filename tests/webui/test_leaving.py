"""Moving out: nothing of who lived there is left, on any page or in any file, and the box is handed back."""

import asyncio
import sqlite3
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager, closing
from dataclasses import replace
from pathlib import Path

import pytest
from aiohttp import web

from drivers.model import Medium
from gateway import anew, chain, hatch
from gateway.grants import GrantedSeries, Resolution, ShutError, Wish, new_id
from gateway.ledger import LedgerError, look
from gateway.roles import Role
from gateway.services.model import Finding, Service
from gateway.telling import Telling
from gateway.way import Form, Kind, Way
from sync.model import Piece
from sync.work import work
from tests.sync.box import Shelf
from tests.webui.home import KEY, LOCKED, Home, open_home, read, speak
from tests.webui.test_handover import letter, take_over
from tests.webui.test_people import BY, WORD, cookie, copy

NAMES = ("Chambre de Zoé", "Facture claire", "voir venir ma facture", "Téléphone de Zoé", "192.0.2.77")
CLOUD = Way(Kind.WEBDAV, "https://dav.example.org/zoe/", "ada-zoe", Form.FILES)
SENT = ("Nuage de Zoé", CLOUD.address, CLOUD.user, "correct horse", "http://zoe.local", "at 2026-11")


async def live_in(home: Home) -> None:
    """A household that has named, given, and let in."""
    speak(home.house, home.clock)
    await home.access.set_up(Role.OCCUPANT, WORD)
    await home.access.let_in(Role.LANDLORD, "ACME", None, BY)
    await home.access.let_in(Role.GUEST, "Mamie", None, BY)
    home.house.rename("maison", NAMES[0])
    home.house.catalog.adopt(str(LOCKED), "Chambre de Zoé, eau", Medium.WATER, home.clock.at)
    home.house.catalog.set_key(str(LOCKED), KEY)
    home.house.catalog.set_password("broker", "of their own")
    wish = Wish(NAMES[1], "moi", NAMES[2], series_of(home), Resolution.DAY, 0, 86_400, False)
    await home.access.grants.give(new_id(), wish, BY)
    await home.access.open_session(NAMES[4], NAMES[3])
    since = home.clock.at - 3600
    leak = Finding(Service.LEAK, "maison", "a kind of their own", since, {"l_per_h": 10.0, "lost_l": 10.0})
    assert await home.access.alerts.tell(home.clock.at, Service.LEAK, [leak])


def series_of(home: Home) -> tuple[GrantedSeries, ...]:
    return tuple(GrantedSeries(info.key, NAMES[0], Medium.WATER, info.quantity) for info in home.house.store.series())


class Cloud(Shelf):
    """A shelf that takes nothing away before it may."""

    def __init__(self) -> None:
        super().__init__()
        self.may_erase = asyncio.Event()
        self.asked = asyncio.Event()

    async def erase(self, pieces: Sequence[Piece]) -> None:
        self.asked.set()
        await self.may_erase.wait()
        await super().erase(pieces)


@pytest.fixture
def cloud(monkeypatch: pytest.MonkeyPatch) -> Cloud:
    made = Cloud()
    monkeypatch.setattr("sync.targets.make", lambda way, secrets, at_home, net: made)
    return made


async def send(home: Home) -> str:
    """An access whose readings are sent; its id."""
    id_ = new_id()
    home.access.outbox.page = SENT[4]
    home.access.outbox.keep(id_, {"password": SENT[3]})
    wish = Wish(SENT[0], "hébergeur", "garder", series_of(home)[:1], Resolution.DAY, 0, 86_400, True, CLOUD)
    await home.access.grants.give(id_, wish, BY)
    return id_


@asynccontextmanager
async def syncing(home: Home, folder: Path) -> AsyncIterator[None]:
    """The sync process at work, through the gateway's own socket; its time flies."""
    runner = web.AppRunner(hatch.make_app(home.access.outbox, home.access.teller, home.house.now), access_log=None)
    await runner.setup()
    await web.UnixSite(runner, str(folder / hatch.SOCKET)).start()
    working = asyncio.ensure_future(work(folder / hatch.SOCKET, lambda _: asyncio.sleep(0.005)))
    try:
        yield
    finally:
        working.cancel()
        await asyncio.gather(working, return_exceptions=True)
        await runner.cleanup()


async def wait_for(true: Callable[[], bool]) -> None:
    async with asyncio.timeout(20):
        while not true():
            await asyncio.sleep(0.01)


async def all_sent(home: Home, id_: str) -> None:
    await wait_for(lambda: home.access.outbox.live(id_).well_at is not None)


async def post(
    home: Home, path: str, fields: dict[str, str], cookies: dict[str, str], status: int = 200
) -> tuple[str, str]:
    """As a form of `/leave` does; where it ends at, and that page."""
    token = read(await home.text("/leave", cookies=cookies)).fields["token"]
    async with home.client.post(path, data={"token": token, **fields}, cookies=cookies) as answer:
        assert answer.status == status, await answer.text()
        return answer.url.path_qs, await answer.text()


async def leave(home: Home) -> str:
    """The password, then one more click; the last page."""
    cookies = await cookie(home, Role.OCCUPANT)
    page = await home.text("/leave", cookies=cookies)
    for typed in ({"password": WORD}, {}):
        async with home.client.post("/leave", data={**read(page).fields, **typed}, cookies=cookies) as answer:
            assert answer.status == 200
            page = await answer.text()
    return page


def files(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


async def test_of_messages_nobody_is_promised_that_they_are_erased(tmp_path: Path, furnished: Path) -> None:
    copy(furnished, tmp_path)
    async with open_home(tmp_path, password=True) as home:
        await live_in(home)
        cookies, id_ = await cookie(home, Role.OCCUPANT), new_id()
        way = Way(Kind.MAIL, "smtps://mail.example.org", "", Form.WORDS, to=("zoe@example.org",))
        wish = Wish("Zoé", "moi", "savoir", (), Resolution.RAW, 0, 86_400, False, way, Telling(("leak",), "fr", ""))
        await home.access.grants.give(id_, wish, BY)
        assert home.access.teller.try_out(id_)
        said = await home.access.teller.next(id_)
        assert said is not None
        assert await home.access.teller.told(id_, str(said["name"]), 100, "ab" * 32, "250 OK")
        text = read(page := await home.text("/leave", cookies=cookies)).text
        assert "Le boîtier envoie des messages ici" in text
        assert "zoe@example.org" in text
        assert "Certains de vos relevés" not in text
        assert read(page).fields["what"] == "stay"
        assert 'value="erase"' not in page
        await post(home, "/leave/targets", {"what": "stay", f"grant-{id_}": "on"}, cookies)
        await home.access.outbox.left(id_)
        text = read(await home.text("/leave", cookies=cookies)).text
        assert "Les messages envoyés restent chez ceux qui les ont reçus" in text
        assert "Rien de ce qu’il a envoyé" not in text


@pytest.mark.parametrize("what", ["erase", "stay", "give up"])
async def test_nothing_of_who_moved_out_is_left_on_any_page_or_in_any_file(
    tmp_path: Path, furnished: Path, cloud: Cloud, what: str
) -> None:
    copy(furnished, tmp_path)
    (tmp_path / "series.db.damaged-1790000000").write_bytes(b"an older part of it")
    (tmp_path / "before-1790000000").mkdir()
    (tmp_path / "before-1790000000" / "series.db").write_bytes(b"an older house")
    async with open_home(tmp_path, password=True) as home:
        await live_in(home)
        series = {str(info.key) for info in home.house.store.series()}
        assert len(series) >= 4
        landlords = home.access.people.of(Role.LANDLORD)
        cookies, id_ = await cookie(home, Role.OCCUPANT), await send(home)
        assert home.house.store.commit()
        async with syncing(home, tmp_path):
            await all_sent(home, id_)
            before = files(tmp_path)
            for word in (*SENT[:3], *SENT[4:], id_):  # the password lies sealed
                assert any(word.encode() in data for data in before.values()), word
            chosen = "stay" if what == "stay" else "erase"
            await post(home, "/leave/targets", {"what": chosen, f"grant-{id_}": "on"}, cookies)
            if what == "give up":
                await cloud.asked.wait()
                where, _ = await post(home, "/data/leave", {"grant": id_, "from": "leave"}, cookies)
                assert where == "/leave"
            else:
                cloud.may_erase.set()
            await wait_for(lambda: home.access.outbox.sent() == [])
        assert bool(cloud.parcels) == (what != "erase")
        page = await leave(home)
        assert "Rendu" in page
        assert (SENT[0] in page) == (what != "erase")  # who has something still, nobody but that page says any longer
        assert home.access.handed_back.is_set()
        config = home.house.config
    assert any(NAMES[0].encode() in data for data in files(tmp_path).values())  # it could be found
    secret = config.secret.read_bytes()  # a test has it in the house's folder; a box may not
    assert anew.begin(config)
    assert not anew.begin(config)
    config.secret.parent.mkdir()
    config.secret.write_bytes(secret)
    left = files(tmp_path)
    assert {name for name in left if not name.startswith("run/")} == {
        "catalog.json", "keys.json", "ledger.db", "elsewhere/box-secret"
    }  # fmt: skip
    for word in (*NAMES, *SENT, id_, *series, "Mamie", "of their own", "a kind of their own", "Zoé"):
        assert not any(word.encode() in data for data in left.values()), word
    assert [entry.kind for entry in look(tmp_path / "ledger.db")] == ["handed_back"]
    with closing(sqlite3.connect(tmp_path / "ledger.db")) as db:
        assert [db.execute(f"SELECT count(*) FROM {table}").fetchone() for table in ("parcel", "page")] == [(0,), (0,)]
    async with open_home(tmp_path, password=True) as home:
        assert home.house.catalog.secrets(id_) == {}
        assert home.house.store.series() == ()
        assert {view.address for view in home.house.points()} >= {str(LOCKED), "tic:041276123456"}
        assert home.house.key(str(LOCKED)) == KEY
        assert [replace(account, id=0) for account in home.access.people.accounts] == [
            replace(landlords, id=0) if landlords else None
        ]
        assert await home.access.sessions() == []
        assert await home.access.alerts.history(1) == []
        assert (await take_over(home, await letter(home)))[0] == 303
        cookies = await cookie(home, Role.OCCUPANT)
        for path in ("/", "/data", "/data/ledger", "/meters", "/people", "/settings", "/import", "/api/v1/points"):
            page = await home.text(path, cookies=cookies)
            assert not any(word in page for word in (*NAMES, *SENT, id_, *series, "Mamie")), path


async def test_nothing_is_handed_back_before_what_was_sent_is_erased_or_said_to_stay(
    tmp_path: Path, furnished: Path, cloud: Cloud
) -> None:
    copy(furnished, tmp_path)
    async with open_home(tmp_path, password=True) as home:
        await live_in(home)
        cookies, id_ = await cookie(home, Role.OCCUPANT), await send(home)
        assert home.house.store.commit()
        async with syncing(home, tmp_path):
            await all_sent(home, id_)
            page = await home.text("/leave", cookies=cookies)
            assert SENT[0] in page
            assert CLOUD.address in page
            assert 'value="erase" checked' in page
            assert 'name="password"' not in page
            _, page = await post(home, "/leave", {"password": WORD}, cookies, 409)
            assert 'name="ticket"' not in page
            await post(home, "/leave/targets", {f"grant-{id_}": "on"}, cookies, 400)
            _, page = await post(home, "/leave/targets", {"what": "erase", f"grant-{id_}": "on"}, cookies)
            await cloud.asked.wait()
            assert "en train d’y être effacé" in read(page).text
            assert '<noscript><meta http-equiv="refresh"' in page
            assert 'name="password"' not in page
            await post(home, "/leave", {"password": WORD}, cookies, 409)
            assert cloud.parcels
            cloud.may_erase.set()
            await wait_for(lambda: home.access.outbox.sent() == [])
        assert not cloud.parcels
        page = await home.text("/leave", cookies=cookies)
        assert "Rien de ce qu’il a envoyé ne se trouve plus nulle part" in read(page).text
        assert "refresh" not in page
        taken = list(
            chain.read(line.encode() for line in (await home.text("/data/ledger/file", cookies=cookies)).splitlines())
        )
        last = [one for one in taken if one.fields.get("grant") == id_][-3:]
        assert [one.kind for one in last] == ["withdrawn", "erased", "left"]
        assert (last[0].fields["erase"], last[2].fields["points"]) == (True, 0)
        assert "Rendu" in await leave(home)
        assert home.access.handed_back.is_set()


async def test_a_place_that_never_answers_holds_nobody_up_for_ever(
    tmp_path: Path, furnished: Path, cloud: Cloud
) -> None:
    copy(furnished, tmp_path)
    async with open_home(tmp_path, password=True) as home:
        await live_in(home)
        cookies, id_ = await cookie(home, Role.OCCUPANT), await send(home)
        assert home.house.store.commit()
        async with syncing(home, tmp_path):
            await all_sent(home, id_)
            cloud.fails_after = 0
            await post(home, "/leave/targets", {"what": "erase", f"grant-{id_}": "on"}, cookies)
            await wait_for(lambda: home.access.outbox.live(id_).trouble is not None)
            page = read(await home.text("/leave", cookies=cookies)).text
            assert "Il ne répond pas" in page
            assert "Y renoncer : ce qui s’y trouve y reste" in page.replace("\xa0", " ")
            await post(home, "/leave", {"password": WORD}, cookies, 409)
            where, _ = await post(home, "/data/now", {"grant": id_, "from": "leave"}, cookies)
            assert where == "/leave?done=asked"
            where, page = await post(home, "/data/leave", {"grant": id_, "from": "leave"}, cookies)
            assert where == "/leave"
        assert "Des relevés restent ici" in read(page).text
        assert cloud.parcels
        assert home.house.catalog.secrets(id_) == {}
        page = read(await leave(home)).text
        assert "À noter ou à imprimer" in page
        assert "400 chiffres" in page.replace("\xa0", " ")
        assert home.access.handed_back.is_set()


async def test_a_place_that_refuses_the_password_is_given_another_one_there(tmp_path: Path, furnished: Path) -> None:
    copy(furnished, tmp_path)
    async with open_home(tmp_path, password=True) as home:
        await live_in(home)
        cookies, id_ = await cookie(home, Role.OCCUPANT), await send(home)
        await home.access.grants.pause(id_, BY, paused=True)  # that it was paused hides nothing of how it ends
        await post(home, "/leave/targets", {"what": "erase", f"grant-{id_}": "on"}, cookies)
        home.access.outbox.tell(id_, "refused", "401", 21_600)
        page = await home.text("/leave", cookies=cookies)
        assert "Il refuse le mot de passe" in read(page).text
        assert 'name="password"' in page
        assert "http-equiv" not in page  # it would take away what is being typed
        await post(home, "/data/now", {"grant": id_, "from": "leave", "password": "another"}, cookies)
        (job,) = home.access.outbox.jobs()
        assert (job["do"], job["secrets"]) == ("erase", {"password": "another"})


async def test_what_the_card_does_not_note_is_said_and_holds_it_up(
    tmp_path: Path, furnished: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    copy(furnished, tmp_path)
    async with open_home(tmp_path, password=True) as home:
        await live_in(home)
        cookies, id_ = await cookie(home, Role.OCCUPANT), await send(home)

        async def refuses(*_: object) -> None:
            raise LedgerError("ledger.db: database or disk is full")

        with monkeypatch.context() as refusing:
            refusing.setattr(home.access.grants._ledger, "append", refuses)
            where, page = await post(home, "/leave/targets", {"what": "erase", f"grant-{id_}": "on"}, cookies)
            assert where == "/leave?done=unwritten"
            assert "la carte refuse de le noter" in read(page).text
        await post(home, "/leave", {"password": WORD}, cookies, 409)
        assert home.access.outbox.jobs() == []
        await home.access.grants.look()
        (job,) = home.access.outbox.jobs()
        assert job["do"] == "erase"


async def test_what_is_given_after_the_password_was_typed_holds_it_up(tmp_path: Path, furnished: Path) -> None:
    copy(furnished, tmp_path)
    async with open_home(tmp_path, password=True) as home:
        await live_in(home)
        cookies = await cookie(home, Role.OCCUPANT)
        _, page = await post(home, "/leave", {"password": WORD}, cookies)
        ticket = read(page).fields["ticket"]
        id_ = await send(home)
        await post(home, "/leave", {"ticket": ticket}, cookies, 409)
        assert not home.access.handed_back.is_set()
        await post(home, "/leave/targets", {"what": "erase"}, cookies)  # a form that did not name it
        held = home.access.grants.get(id_)
        assert held is not None
        assert held.end is None
    assert not (tmp_path / anew.READY).exists()


async def test_nothing_is_given_while_the_house_is_handed_back_and_it_is_again_where_that_fails(
    tmp_path: Path, furnished: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    copy(furnished, tmp_path)
    async with open_home(tmp_path, password=True) as home:
        await live_in(home)
        loop, tried = asyncio.get_running_loop(), []

        def refuses(*_: object) -> None:
            giving = asyncio.run_coroutine_threadsafe(send(home), loop)
            tried.append(giving.exception(timeout=5))
            raise OSError(28, "No space left on device")

        monkeypatch.setattr(anew, "prepare", refuses)
        with pytest.raises(OSError, match="No space"):
            await home.access.hand_back(BY)
        assert [type(error) for error in tried] == [ShutError]
        assert home.access.grants.get(await send(home)) is not None


async def test_it_takes_the_password_and_one_more_click_from_the_same_browser(tmp_path: Path) -> None:
    async with open_home(tmp_path, password=True) as home:
        await home.access.set_up(Role.OCCUPANT, WORD)
        cookies, others = await cookie(home, Role.OCCUPANT), await cookie(home, Role.OCCUPANT)
        token = read(await home.text("/leave", cookies=cookies)).fields["token"]
        for fields, status in (({}, 422), ({"password": "wrong wrong"}, 422), ({"ticket": "x"}, 422)):
            async with home.client.post("/leave", data={"token": token, **fields}, cookies=cookies) as answer:
                assert answer.status == status
        home.clock.at += 3600
        async with home.client.post("/leave", data={"token": token, "password": WORD}, cookies=cookies) as answer:
            ticket = read(await answer.text()).fields["ticket"]
        token = read(await home.text("/leave", cookies=others)).fields["token"]
        async with home.client.post("/leave", data={"token": token, "ticket": ticket}, cookies=others) as answer:
            assert answer.status == 422
        assert not home.access.handed_back.is_set()
    assert not (tmp_path / anew.READY).exists()


async def test_a_power_cut_only_delays_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever call of it is the last one before the cut, what was begun is done at the next start."""
    for cut in range(40):
        folder = tmp_path / str(cut)
        folder.mkdir()
        async with open_home(folder, password=True) as home:
            await home.access.set_up(Role.OCCUPANT, WORD)
            await home.access.hand_back(BY)
            config = home.house.config
        calls = 0

        def counted(folder_: Path, cut: int = cut) -> None:
            nonlocal calls
            calls += 1
            if calls > cut:
                raise KeyboardInterrupt

        with monkeypatch.context() as patch:
            patch.setattr(anew, "flush_names", counted)
            try:
                anew.begin(config)
                break
            except KeyboardInterrupt:
                pass
        anew.begin(config)
        assert [entry.kind for entry in look(folder / "ledger.db")] == ["handed_back"]
        assert not (folder / anew.READY).exists()
        assert not (folder / "series.db").exists()
    assert 3 < cut < 39


async def test_where_the_card_refuses_the_house_stands(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async with open_home(tmp_path, password=True) as home:
        await home.access.set_up(Role.OCCUPANT, WORD)

        def refuses(*_: object) -> None:
            raise OSError(28, "No space left on device")

        monkeypatch.setattr(anew, "prepare", refuses)
        cookies = await cookie(home, Role.OCCUPANT)
        token = read(await home.text("/leave", cookies=cookies)).fields["token"]
        async with home.client.post("/leave", data={"token": token, "password": WORD}, cookies=cookies) as answer:
            fields = read(await answer.text()).fields
        async with home.client.post("/leave", data=fields, cookies=cookies) as answer:
            assert answer.status == 507
        assert not home.access.handed_back.is_set()
        assert home.access.password_set


async def test_the_ledger_is_taken_along_as_the_command_writes_it(tmp_path: Path) -> None:
    async with open_home(tmp_path, password=True) as home:
        await home.access.set_up(Role.OCCUPANT, WORD)
        for _ in range(3):
            await home.access.let_in(Role.GUEST, "Mamie", None, BY)
            await home.access.let_out(Role.GUEST, BY)
        text = await home.text("/data/ledger/file", cookies=await cookie(home, Role.OCCUPANT))
        taken = list(chain.read(line.encode() for line in text.splitlines()))
        assert [one.kind for one in taken] == ["let_in", "let_out"] * 3
        assert chain.verify(taken).fault is None
