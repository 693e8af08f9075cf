"""A lost password: whoever stands at the box itself sets it up again, and everybody sees that it was so."""

from pathlib import Path

import pytest

from gateway import anew, app
from gateway.ledger import look
from gateway.roles import Role
from tests.house import Clock
from tests.webui.home import NOW, open_home, read, speak
from tests.webui.test_handover import letter, set_up
from tests.webui.test_leaving import NAMES, files, live_in
from tests.webui.test_people import BY, WORD, cookie, copy


async def test_who_stands_at_the_box_chooses_a_new_password_and_keeps_what_was_read(
    tmp_path: Path, furnished: Path
) -> None:
    copy(furnished, tmp_path)
    async with open_home(tmp_path, password=True) as home:
        speak(home.house, home.clock)
        await home.access.set_up(Role.OCCUPANT, WORD)
        await home.access.let_in(Role.GUEST, "Mamie", None, BY)
        sessions = [await cookie(home, role) for role in (Role.OCCUPANT, Role.GUEST)]
        start = home.house.history_start("maison")
        code = await home.access.recover("command")
        for cookies in sessions:
            async with home.client.get("/api/v1/points", cookies=cookies) as answer:
                assert answer.status == 401
        assert await set_up(home, Role.OCCUPANT) == "/"
        assert code not in (tmp_path / "ledger.db").read_bytes().decode("latin-1")
        assert home.house.history_start("maison") == start
        first = read(await home.text("/")).text
        assert "Qui était-ce" in first
        assert "Quelqu’un qui était devant le boîtier" in read(await home.text("/data/ledger")).text
    async with open_home(tmp_path, password=True) as home:  # a restart does not hide it
        cookies = await cookie(home, Role.OCCUPANT)
        assert "Qui était-ce" in read(await home.text("/", cookies=cookies)).text
        home.clock.at += 31 * 86_400
        assert "Qui était-ce" not in read(await home.text("/", cookies=await cookie(home, Role.OCCUPANT))).text


async def test_a_tenant_takes_the_box_back_from_who_used_the_letter_first(tmp_path: Path) -> None:
    async with open_home(tmp_path, password=True) as home:
        await home.access.set_up(Role.LANDLORD, WORD)
        code = await letter(home)
        assert await home.access.handover_fits(code)
        assert await home.access.take_over("the landlord's own", BY)
        await home.access.recover("card", "12345678")
        assert home.access.people.accounts == ()
        assert home.access.setup_code == "1234-5678"
        assert await set_up(home, Role.OCCUPANT) == "/"
        assert not await home.access.password_fits("the landlord's own")
        assert not await home.access.handover_fits(code)
    assert [entry.kind for entry in look(tmp_path / "ledger.db")] == ["code_made", "taken_over", "recovered"]


async def test_a_vacant_box_stays_vacant_and_its_letter_is_worth_nothing(tmp_path: Path, furnished: Path) -> None:
    copy(furnished, tmp_path)
    async with open_home(tmp_path, password=True) as home:
        await home.access.set_up(Role.LANDLORD, WORD)
        code = await letter(home)
        await home.access.recover("command")
        assert not await home.access.handover_fits(code)
        assert home.access.people.vacant
        assert await set_up(home, Role.OCCUPANT) == "/"  # and what was kept while nobody lived there is gone
        assert all(home.house.history_start(view.point.id) is None for view in home.house.points())


@pytest.mark.parametrize(("who", "moved_in"), [(Role.LANDLORD, False), (Role.INSTALLER, False), (Role.OCCUPANT, True)])
async def test_who_comes_after_somebody_who_left_without_a_word_sees_nothing_of_theirs(
    tmp_path: Path, furnished: Path, who: Role, moved_in: bool
) -> None:
    copy(furnished, tmp_path)
    async with open_home(tmp_path, password=True) as home:
        await live_in(home)
        await home.access.recover("card", "12345678")
        form = read(await home.text("/setup")).fields
        fields = {**form, "code": "12345678", "password": WORD, "again": WORD, "who": who}
        fields.pop("moved_in")
        if moved_in:
            fields["moved_in"] = "on"
        async with home.client.post("/setup", data=fields) as answer:
            assert "repart de zéro" in await answer.text()
        assert not any(home.access.grants.is_in_force(held) for held in home.access.grants.all())
        config, secret = home.house.config, home.house.config.secret.read_bytes()
    assert anew.begin(config)
    config.secret.parent.mkdir()
    config.secret.write_bytes(secret)
    left = files(tmp_path)
    assert not any(word.encode() in data for data in left.values() for word in (*NAMES, "Mamie", "ACME"))
    assert [entry.kind for entry in look(tmp_path / "ledger.db")] == ["handed_back"]
    async with open_home(tmp_path, password=True) as home:
        assert [account.role for account in home.access.people.accounts] == [who]
        assert await home.access.password_fits(WORD, who)
        assert home.access.people.vacant == (who is not Role.OCCUPANT)
        assert home.house.store.series() == ()


async def test_a_damaged_ledger_is_no_way_for_a_landlord_to_what_was_kept(tmp_path: Path, furnished: Path) -> None:
    copy(furnished, tmp_path)
    (tmp_path / "ledger.db").write_bytes(b"x" * 4096)
    app._open_ledger(tmp_path / "ledger.db", Clock(NOW), healing=True).close()
    async with open_home(tmp_path, password=True) as home:
        assert "Je viens d’emménager" in await home.text("/setup")
        await home.access.set_up(Role.LANDLORD, WORD)
        assert home.access.handed_back.is_set()
        assert not home.access.password_set  # until it has begun anew, nobody comes in
        config = home.house.config
    assert anew.begin(config)
    assert not (tmp_path / "series.db").exists()
    assert list(tmp_path.glob("ledger.db.damaged-*")) == []


async def test_no_page_recovers_by_itself(tmp_path: Path) -> None:
    async with open_home(tmp_path, password=True) as home:
        await home.access.set_up(Role.OCCUPANT, WORD)
        page = read(await home.text("/recover"))
        assert "releve-recover" in page.text
        assert "token" not in page.fields
        async with home.client.post("/recover") as answer:
            assert answer.status == 405


@pytest.mark.parametrize(("text", "code"), [("12345678", "12345678"), ("1234-5678\r\n", "12345678"), ("123", None)])
def test_a_file_on_the_card_is_used_once(tmp_path: Path, text: str, code: str | None) -> None:
    path = tmp_path / "releve-recover"
    path.write_text(text)
    assert app._code_on_card(path) == code
    assert not path.exists()
    assert app._code_on_card(path) is None


def test_a_file_that_cannot_be_taken_away_is_of_no_use(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Else it would end every access at each start, and its code would be good for ever."""

    def refuses(_: Path) -> None:
        raise PermissionError(13, "Permission denied")

    path = tmp_path / "releve-recover"
    path.write_text("12345678")
    monkeypatch.setattr(Path, "unlink", refuses)
    assert app._code_on_card(path) is None
