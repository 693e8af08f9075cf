"""Moving out: nothing of who lived there is left, on any page or in any file, and the box is handed back."""

from dataclasses import replace
from pathlib import Path

import pytest

from drivers.model import Medium
from gateway import anew, chain
from gateway.grants import GrantedSeries, Resolution, Wish, new_id
from gateway.ledger import look
from gateway.roles import Role
from gateway.services.model import Finding, Service
from tests.webui.home import KEY, LOCKED, Home, open_home, read, speak
from tests.webui.test_handover import letter, take_over
from tests.webui.test_people import BY, WORD, cookie, copy

NAMES = ("Chambre de Zoé", "Facture claire", "voir venir ma facture", "Téléphone de Zoé", "192.0.2.77")


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


async def test_nothing_of_who_moved_out_is_left_on_any_page_or_in_any_file(tmp_path: Path, furnished: Path) -> None:
    copy(furnished, tmp_path)
    (tmp_path / "series.db.damaged-1790000000").write_bytes(b"an older part of it")
    (tmp_path / "before-1790000000").mkdir()
    (tmp_path / "before-1790000000" / "series.db").write_bytes(b"an older house")
    async with open_home(tmp_path, password=True) as home:
        await live_in(home)
        series = {str(info.key) for info in home.house.store.series()}
        assert len(series) >= 4
        landlords = home.access.people.of(Role.LANDLORD)
        assert "Rendu" in await leave(home)
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
    for word in (*NAMES, *series, "Mamie", "of their own", "a kind of their own", "Zoé"):
        assert not any(word.encode() in data for data in left.values()), word
    assert [entry.kind for entry in look(tmp_path / "ledger.db")] == ["handed_back"]
    async with open_home(tmp_path, password=True) as home:
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
            assert not any(word in page for word in (*NAMES, *series, "Mamie")), path


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
