"""A box that somebody sets up for others, and who lives there takes over with the code of a letter."""

from pathlib import Path

import pytest

from gateway.ledger import look
from gateway.roles import Role
from tests.webui.home import Home, open_home, read, speak
from tests.webui.test_people import BY, WORD, cookie, copy, sent
from webui.auth import HANDOVER_S_MAX

TENANTS = "battery staple"


async def set_up(home: Home, who: str) -> str:
    """The first page, filled in by who sets the box up; where it led."""
    form = read(await home.text("/setup")).fields
    fields = {**form, "code": home.access.setup_code or "", "password": WORD, "again": WORD, "who": who, "name": "ACME"}
    fields.pop("moved_in", None)  # not ticked
    async with home.client.post("/setup", data=fields) as answer:
        assert answer.status == 200
        return answer.url.path


async def letter(home: Home, role: Role = Role.LANDLORD) -> str:
    (code,) = read(await sent(home, role, "/handover", "/handover")).code
    return code


async def take_over(home: Home, code: str, password: str = TENANTS) -> tuple[int, str]:
    """Somebody without an account types the code: the status, and the page or where it led."""
    home.client.session.cookie_jar.clear()
    form = read(await home.text("/welcome")).fields
    fields = {**form, "code": code, "password": password, "again": password}
    async with home.client.post("/welcome", data=fields, allow_redirects=False) as answer:
        return answer.status, answer.headers.get("Location") or await answer.text()


@pytest.mark.parametrize("who", [Role.LANDLORD, Role.INSTALLER])
async def test_who_lives_there_takes_the_box_over_and_nobody_else_sees_it_any_longer(
    tmp_path: Path, furnished: Path, who: Role
) -> None:
    copy(furnished, tmp_path)
    async with open_home(tmp_path, password=True) as home:
        speak(home.house, home.clock)
        assert await set_up(home, who) == "/meters"
        for path in ("/", "/history/maison", "/data", "/data/export", "/people", "/import"):
            async with home.client.get(path, allow_redirects=False) as answer:
                assert (answer.status, answer.headers.get("Location")) in (
                    (403, None),
                    (303, f"/{'state' if who is Role.LANDLORD else 'meters'}"),
                )
        setter = await cookie(home, who)
        code = await letter(home, who)
        assert await take_over(home, code.lower().replace("-", " ")) == (303, "/")
        assert "Historique" in await home.text("/")
        assert all(home.house.history_start(view.point.id) is None for view in home.house.points())  # begins with them
        async with home.client.get("/meters", cookies=setter, allow_redirects=False) as answer:
            assert answer.headers["Location"].startswith("/login")
        assert home.access.people.of(Role.INSTALLER) is None
        if who is Role.LANDLORD:
            setter = await cookie(home, who)
            for path in ("/meters", "/handover", "/box", "/", "/data/ledger"):
                async with home.client.get(path, cookies=setter, allow_redirects=False) as answer:
                    assert answer.status == (303 if path == "/" else 403), path
            await home.text("/state", cookies=setter)
        said = read(await home.text("/data/ledger", cookies=await cookie(home, Role.OCCUPANT))).text
        assert "ACME peut entrer" in said
        assert "Quelqu’un a pris ce boîtier avec le code de la lettre" in said


async def test_a_code_that_was_used_says_so_and_opens_nothing(tmp_path: Path) -> None:
    async with open_home(tmp_path, password=True) as home:
        await home.access.set_up(Role.LANDLORD, WORD)
        code = await letter(home)
        assert (await take_over(home, code, "the landlord's own"))[0] == 303
        status, page = await take_over(home, code)
        assert status == 409
        assert "Ce code a déjà servi" in page
        assert await home.access.password_fits("the landlord's own")


async def test_a_code_is_good_for_fourteen_days_and_only_the_last_one_is(tmp_path: Path) -> None:
    async with open_home(tmp_path, password=True) as home:
        await home.access.set_up(Role.LANDLORD, WORD)
        first = await letter(home)
        second = await letter(home)
        assert (await take_over(home, first))[0] == 422
        home.clock.at += HANDOVER_S_MAX
        status, page = await take_over(home, second)
        assert status == 422
        assert "quatorze jours" in page
        assert home.access.people.vacant
        assert (await take_over(home, await letter(home)))[0] == 303


async def test_a_code_lies_on_the_card_as_a_hash_and_in_no_entry(tmp_path: Path) -> None:
    async with open_home(tmp_path, password=True) as home:
        await home.access.set_up(Role.LANDLORD, WORD)
        code = await letter(home)
        assert code not in repr(home.access.people.handover)
    data = (tmp_path / "ledger.db").read_bytes()
    for form in (code, code.replace("-", ""), code.lower()):
        assert form.encode() not in data
    assert [entry.kind for entry in look(tmp_path / "ledger.db")] == ["code_made"]


async def test_no_code_is_made_where_somebody_lives(tmp_path: Path) -> None:
    async with open_home(tmp_path, password=True) as home:
        await home.access.set_up(Role.OCCUPANT, WORD)
        assert await home.access.hand_over(BY) is None
        await home.access.let_in(Role.LANDLORD, "ACME", None, BY)
        async with home.client.get("/handover", cookies=await cookie(home, Role.LANDLORD)) as answer:
            assert answer.status == 403
        assert (await take_over(home, "AAAA-AAAA-AAAA"))[0] == 422


async def test_guessing_the_code_of_a_letter_is_held_up(tmp_path: Path) -> None:
    async with open_home(tmp_path, password=True) as home:
        await home.access.set_up(Role.LANDLORD, WORD)
        code = await letter(home)
        assert [(await take_over(home, "AAAA-AAAA-AAAA"))[0] for _ in range(4)] == [422, 422, 422, 429]
        assert (await take_over(home, code))[0] == 429  # not even the right one is looked at


async def test_who_sets_the_box_up_for_others_has_its_work_and_no_letter_before_it_knows_the_time(
    tmp_path: Path,
) -> None:
    async with open_home(tmp_path, password=True) as home:
        await home.access.set_up(Role.INSTALLER, WORD)
        system = home.clock.system
        system.shows, system.synchronised, system.from_file = home.clock.at - 86_400 * 90, False, True
        home.clock.now()
        home.clock.look(None)
        assert not home.house.dating
        cookies = await cookie(home, Role.INSTALLER)
        token = read(await home.text("/box", cookies=cookies)).fields["token"]
        async with home.client.post("/handover", data={"token": token}, cookies=cookies) as answer:
            assert answer.status == 503
            assert "ne sait pas encore l’heure" in await answer.text()


async def test_a_box_that_is_vacant_is_so_after_a_restart_and_its_letter_is_good(tmp_path: Path) -> None:
    async with open_home(tmp_path, password=True) as home:
        await home.access.set_up(Role.LANDLORD, WORD)
        code = await letter(home)
    async with open_home(tmp_path, password=True) as home:
        assert home.access.people.vacant
        assert (await take_over(home, code))[0] == 303
    async with open_home(tmp_path, password=True) as home:
        assert not home.access.people.vacant
        assert {account.role for account in home.access.people.accounts} == {Role.OCCUPANT, Role.LANDLORD}
